// The CUDA device: its facts, copies in pieces, running out of memory and other failures, and the cache of compiled kernels. Where there is no NVIDIA GPU,
// that it is absent.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { root } from "../../scripts/tools.ts";
import { sourceWords } from "../../src/runtime/launch.ts";
import { native } from "../../src/runtime/memory.ts";
import { printed } from "../support/process.ts";

const lib = native(), CUDA = lib.devices.get("cuda"), there = CUDA !== undefined && "capability" in lib.info(CUDA);
const COMPILED = 0, UP = 2, DOWN = 3, REPLAYED = 4, FLAGS = 5;
const count = (which: number): number => lib.stat((CUDA ?? 0) << 8 | which);
const onGpu = <T>(f: () => T): T => mx.stream(mx.gpu, f) as T;
const onCpu = <T>(f: () => T): T => mx.stream(mx.cpu, f) as T;

/** The words of a program of one kernel `k` of one buffer. */
const kernel = (body: string): Uint32Array =>
  sourceWords({
    name: "k",
    text: `extern "C" __global__ void k(float *p) { ${body} }`,
    buffers: 1,
    constants: 0,
    threads: 256,
  });

/** A matrix of small whole numbers, whose products are exact. */
const whole = (n: number): mx.NDArray => mx.array(Float32Array.from({ length: n * n }, (_, i) => i % 5)).reshape(n, n);

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
    }, /Cannot allocate/);
    mx.clearCache();
    assert.equal(mx.ones([1000]).sum().item(), 1000);
  });
});

test("past a memory limit the error names live arrays and their lines", { skip: !there }, async () => {
  // What earlier tests left is not to make room.
  for (let i = 0; i < 4; i++) {
    lib.yieldToCollector();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const old = mx.setMemoryLimit(mx.getMemoryLimit());
  onGpu(() => {
    const big = mx.ones([4 << 20]).add(1);
    mx.eval(big);
    mx.setMemoryLimit(mx.getActiveMemory() + (8 << 20));
    try {
      const y = big.mul(3);
      assert.throws(
        () => mx.eval(y),
        /Cannot allocate 16\.0 MB[^]*Largest live arrays:[^]*16\.0 MB made at .*device\.test\.ts:\d+/,
      );
      assert.equal(mx.ones([1000]).sum().item(), 1000);
    } finally {
      mx.setMemoryLimit(old);
    }
    assert.equal(big.mul(3).get(0).item(), 6);
  });
});

test("a text that does not compile is an error with the compiler's words, and all goes on", { skip: !there }, () => {
  assert.equal(lib.program(kernel("p[0] = nowhere;"), CUDA), 0);
  assert.match(lib.error(), /does not compile[^]*nowhere/);
  assert.equal(onGpu(() => mx.ones([1000]).sum().item()), 1000);
});

test("after an illegal address the context is lost, and the CPU goes on", { skip: !there }, () => {
  const words = kernel("p[1ll << 44] = 1;");
  const said = printed(
    `const { native } = await import("${join(root, "src/runtime/memory.ts")}"), lib = native(), cuda = ${CUDA};
    const on = (d, f) => mx.stream(d, f), told = (f) => { try { return String(f()); } catch (e) { return e.message.split('\\n')[0]; } };
    const program = lib.program(Uint32Array.from([${words.join()}]), cuda), id = lib.alloc(64, cuda);
    const launch = [4, 15, program, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0], bind = [3, id, 0, 0, 0, 0];
    const words = Uint32Array.from([25, 1, cuda << 8, 0, ...bind, ...launch]);
    console.log(lib.submit(words, words.length) < 0, lib.error());
    console.log(told(() => on(mx.gpu, () => mx.ones([3]).sum().item())));
    console.log(on(mx.cpu, () => mx.ones([3]).sum().item()));`,
    {},
  ).split("\n");
  assert.match(said[0] ?? "", /^true .*CUDA_ERROR_ILLEGAL_ADDRESS.*context is lost/);
  assert.match(said[1] ?? "", /context is lost|CUDA_ERROR_ILLEGAL_ADDRESS/);
  assert.equal(said.at(-1), "3");
});

test("tasks that come again run as graphs, with other constants and addresses", { skip: !there }, () => {
  const last = (k: number): mx.NDArray => {
    const w = whole(24);
    let y = w;
    for (let i = 0; i < 4; i++) y = mx.remainder(y.matmul(w).add(k), 7);
    return y;
  };
  const before = count(REPLAYED), kept: mx.NDArray[] = [];
  for (let k = 0; k < 12; k++) {
    const y = onGpu(() => last(k));
    assert.deepEqual(y.tolist(), onCpu(() => last(k).tolist()), `${k}`);
    // Some results stay, so that the next lie elsewhere.
    if (k % 3 === 0) kept.push(y);
    else y.dispose();
  }
  assert.ok(count(REPLAYED) > before);
});

test("scans that come again run as graphs, loops and branches by a byte that is read", { skip: !there }, () => {
  const step = (w: mx.NDArray) => (c: mx.NDArray, x: mx.NDArray): [mx.NDArray, mx.NDArray] => {
    const n = mx.remainder(c.matmul(w).add(x), 7);
    return [n, n.sum()];
  };
  const make = () => {
    const w = whole(24), xs = mx.arange(40).astype("float32"), long = whole(1024);
    mx.eval(w, xs, long);
    const run = mx.compile((w: mx.NDArray) => mx.scan(step(w), w, xs));
    const loop = mx.compile((w: mx.NDArray) =>
      mx.whileLoop(
        ([, n]) => n.lt(21),
        ([c, n]) => [step(w)(c, n)[0], n.add(1)] as [mx.NDArray, mx.NDArray],
        [w, mx.array(0)] as [mx.NDArray, mx.NDArray],
      )[0]
    );
    const branch = mx.compile((x: mx.NDArray) =>
      mx.cond(x.get(0, 0).lt(0), (x: mx.NDArray) => x.matmul(x).max(0), (x: mx.NDArray) => x.sum(0), x)
    );
    return { w, long, run, loop, branch };
  };
  const g = onGpu(make), c = onCpu(make), want = onCpu(() => c.run(c.w).map((x) => x.tolist()));
  const before = count(REPLAYED), kept: mx.NDArray[] = [];
  for (let k = 0; k < 12; k++) {
    const got = onGpu(() => g.run(g.w));
    assert.deepEqual(got.map((x) => x.tolist()), want, `${k}`);
    if (k % 5 === 0) kept.push(...got);
    else for (const x of got) x.dispose();
  }
  assert.ok(count(REPLAYED) > before);
  const flags = count(FLAGS), down = count(DOWN);
  for (const name of ["loop", "branch"] as const) {
    const x = name === "loop" ? "w" : "long", got = onGpu(() => g[name](g[x]));
    assert.deepEqual(got.tolist(), onCpu(() => c[name](c[x])).tolist(), name);
  }
  assert.equal(count(FLAGS) - flags, 22 + 1);
  assert.equal(count(DOWN) - down, 4 * (24 * 24 + 1024));
});

test("a loop that runs ahead of its test replays its passes as a graph", { skip: !there }, () => {
  const make = (): (last: mx.NDArray) => mx.NDArray => {
    const x = mx.arange(64).astype("float32");
    return mx.compile((last: mx.NDArray) =>
      mx.whileLoop(
        ([, n]) => n.lt(last),
        ([c, n]) => [mx.remainder(c.mul(5).add(n), 97), n.add(1)] as [mx.NDArray, mx.NDArray],
        [x, mx.array(0)] as [mx.NDArray, mx.NDArray],
      )[0]
    );
  };
  const g = onGpu(make), c = onCpu(make), before = count(REPLAYED);
  for (const n of [0, 1, 31, 63, 64, 127, 128, 200, 1000, 1001]) {
    const last = mx.array(n), got = onGpu(() => g(last)).tolist();
    assert.deepEqual(got, onCpu(() => c(last).tolist()), `${n} passes`);
  }
  assert.ok(count(REPLAYED) - before > 2 * 1000 / 32 / 2);
});

test("a long product has the same bits while algorithms are tried, and is a graph thereafter", { skip: !there }, () => {
  onGpu(() => {
    const x = mx.random.normal([2048, 2048], { key: mx.random.key(3) }).astype("bfloat16"), first = x.matmul(x);
    const differs: mx.NDArray[] = [];
    mx.eval(x, first);
    const before = count(REPLAYED);
    for (let k = 0; k < 150; k++) {
      const y = x.matmul(x);
      mx.eval(y);
      differs.push(y.view("uint16").ne(first.view("uint16")).sum());
      mx.eval(differs[k] as mx.NDArray);
    }
    assert.deepEqual(mx.stack(differs).tolist(), Array(150).fill(0));
    assert.ok(count(REPLAYED) > before);
  });
});

test("factorisations among products, many of them in flight", { skip: !there }, () => {
  const n = 32, made: (readonly [mx.NDArray, mx.NDArray])[] = [];
  const w = onGpu(() => mx.remainder(mx.arange(n * n).astype("float32"), 5).reshape(n, n)),
    eye = onGpu(() => mx.eye(n));
  for (let k = 1; k <= 24; k++) {
    onGpu(() => {
      let y = w;
      for (let i = 0; i < 4; i++) y = mx.remainder(y.matmul(w).add(k), 7);
      // Each waits for the other's last result.
      const x = mx.linalg.solve(eye.mul(k).add(y.sum().mul(0)), w);
      mx.asyncEval(x, y);
      made.push([x, y]);
    });
  }
  const values = w.tolist() as number[][];
  made.forEach(([x, y], i) => {
    const k = i + 1, u = onCpu(() => mx.array(values)), solved = x.data() as Float32Array;
    let want = u;
    for (let i = 0; i < 4; i++) want = onCpu(() => mx.remainder(want.matmul(u).add(k), 7));
    assert.deepEqual(y.tolist(), want.tolist(), `products ${k}`);
    values.flat().forEach((v, i) => assert.ok(Math.abs((solved[i] as number) - v / k) < 1e-5, `system ${k}`));
  });
});

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
