// The CUDA device: its facts, copies in pieces, running out of memory, matrix products of every dtype by cuBLASLt and by our own kernel, and the cache of
// compiled kernels. Where there is no NVIDIA GPU, that it is absent.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { root } from "../../scripts/tools.ts";
import { native } from "../../src/runtime/memory.ts";

const lib = native(), CUDA = lib.devices.get("cuda"), there = CUDA !== undefined && "capability" in lib.info(CUDA);
const COMPILED = 0, UP = 2, DOWN = 3;
const count = (which: number): number => lib.stat((CUDA ?? 0) << 8 | which);
const onGpu = <T>(f: () => T): T => mx.stream(mx.gpu, f) as T;
const onCpu = <T>(f: () => T): T => mx.stream(mx.cpu, f) as T;
/** What a program prints in a process of its own. */
function printed(program: string, env: Record<string, string>): string {
  const text = `import * as mx from "${join(root, "mod.ts")}";\n${program}`;
  const args = "Deno" in globalThis ? ["eval", "--no-check", text] : ["-e", text];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test("without NVRTC there is no such device", { skip: process.platform !== "linux" }, () => {
  const none = { SINTER_CUDA_PATH: tmpdir(), SINTER_DEVICE: "cpu", SINTER_METAL_LIBRARY: "" };
  assert.equal(printed("console.log(mx.isAvailable(mx.gpu), mx.ones([3]).sum().item());", none), "false 3");
});

test("facts", { skip: !there }, () => {
  const info = mx.deviceInfo(mx.gpu);
  assert.match(info["capability"] ?? "", /^\d+\.\d$/);
  assert.match(info["nvrtc"] ?? "", /^\d+\.\d+$/);
  assert.equal(info["unified"], "0");
  assert.ok(Number(info["memory"]) > 1e9);
});

test("copies longer than a piece arrive whole, and are counted", { skip: !there }, () => {
  const n = 5_000_003, x = Float32Array.from({ length: n }, (_, i) => i % 1009), up = count(UP), down = count(DOWN);
  const y = onGpu(() => mx.array(x).add(1)).data() as Float32Array;
  assert.ok(y.every((v, i) => v === i % 1009 + 1));
  assert.equal(count(UP) - up, 4 * n);
  assert.equal(count(DOWN) - down, 4 * n);
});

test("when memory runs out that is an error, and all goes on", { skip: !there }, () => {
  const n = Math.floor(Number(mx.deviceInfo(mx.gpu)["memory"]) / 512);
  onGpu(() => {
    assert.throws(() => {
      const held = [];
      for (let i = 0; i < 4; i++) {
        const x = mx.ones([64, n]).add(i);
        mx.eval(x);
        held.push(x);
      }
    }, /memory/);
    mx.clearCache();
    assert.equal(mx.ones([1000]).sum().item(), 1000);
  });
});

/** Products of a dtype in all ways that operands lie, on the device that is set. */
function products(dtype: mx.DType): mx.NDArray[] {
  const whole = (k: number, ...shape: number[]): mx.NDArray => {
    const n = shape.reduce((a, b) => a * b, 1);
    return mx.array(Float32Array.from({ length: n }, (_, i) => (i * k) % 7 - 3)).reshape(shape).astype(dtype);
  };
  const a = whole(3, 65, 33), b = whole(5, 33, 70), c = whole(2, 65, 70), bias = whole(4, 70);
  const batch = whole(3, 2, 3, 20, 10), other = whole(5, 3, 10, 17);
  return [
    a.matmul(b),
    b.T.matmul(a.T),
    a.get(":", "::2").matmul(b.get("::2")),
    mx.addmm(c, a, b),
    mx.addmm(bias, a, b),
    mx.addmm(bias, a, b, { alpha: 2, beta: 3 }),
    mx.addmm(c.T, b.T, a.T, { beta: 2 }),
    batch.matmul(other),
    batch.matmul(other.get(0)),
    batch.transpose(1, 0, 3, 2).matmul(batch.transpose(1, 0, 2, 3)),
    a.get(0).matmul(b),
    a.matmul(b.get(":", 0)),
  ];
}
const DTYPES = ["float32", "float16", "bfloat16", "complex64", "int8", "uint16", "int32", "int64"] as const;
for (const dtype of DTYPES) {
  test(`matrix products of ${dtype} are those of the CPU`, { skip: !there }, () => {
    const got = onGpu(() => products(dtype).map((x) => x.tolist()));
    // Whole numbers that every dtype holds: the same whatever the order.
    assert.deepEqual(got, onCpu(() => products(dtype).map((x) => x.tolist())));
  });
}

test("compiled kernels are found again on disk", { skip: !there }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sinter-cuda-"));
  const program = `mx.setDefaultDevice(mx.gpu);
    const y = mx.exp(mx.arange(100).astype("float32")).mul(3).sum().item();
    const lib = (await import("${join(root, "src/runtime/memory.ts")}")).native();
    console.log(y, lib.stat(${(CUDA ?? 0) << 8 | COMPILED}));`;
  try {
    const first = printed(program, { SINTER_CUDA_CACHE: folder }).split(" "), files = readdirSync(folder).length;
    const second = printed(program, { SINTER_CUDA_CACHE: folder }).split(" ");
    assert.ok(Number(first[1]) > 0);
    assert.equal(files, Number(first[1]));
    assert.deepEqual(second, [first[0], "0"]);
    assert.ok(Number(printed(program, { SINTER_CUDA_CACHE: "" }).split(" ")[1]) > 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
