// Evals on the GPU through the whole library: results are the CPU's, plans are patched, and what the GPU has not runs on the CPU over the same memory.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import * as mx from "../../mod.ts";
import { native } from "../../src/runtime/memory.ts";
import { CPU_WAITS, DEVICE_WAITS, rounds } from "../support/back_and_forth.ts";
import { METAL_ENV, violations } from "../support/metal.ts";

const usual = mx.defaultDevice();
before(() => mx.setDefaultDevice(mx.gpu));
after(() => {
  mx.setDefaultDevice(usual);
  assert.deepEqual(violations(), []);
});
const on = <T>(device: typeof mx.cpu, f: () => T): T => {
  const was = mx.defaultDevice();
  mx.setDefaultDevice(device);
  try {
    return f();
  } finally {
    mx.setDefaultDevice(was);
  }
};
/** Computes on the GPU and on the CPU, which agree to a few units of float32. */
function agree(make: () => mx.NDArray): void {
  const got = make(),
    want = on(mx.cpu, make),
    a = [...got.data() as Float32Array],
    b = [...want.data() as Float32Array];
  assert.deepEqual([got.shape, got.dtype], [want.shape, want.dtype]);
  b.forEach((w, i) =>
    assert.ok(Math.abs((a[i] as number) - w) <= 3e-6 * Math.max(1, Math.abs(w)), `${i}: ${a[i]}, not ${w}`)
  );
}

test("evals on the GPU give what the CPU gives", () => {
  const x = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i * i)),
    array = (): mx.NDArray => mx.array(x).reshape(10, 30);
  agree(() => mx.softmax(array(), -1));
  agree(() => mx.grad((w: mx.NDArray) => mx.mean(mx.square(array().matmul(w))))(mx.ones([30, 4])));
  agree(() => mx.cumsum(array(), 0).add(mx.max(array(), { axis: 1, keepdims: true })));
  agree(() => mx.random.normal([7, 9], { key: mx.random.key(5) }));
});
test("a plan is patched: scalars of every kind, starts, and other sizes", () => {
  for (const step of [0.25, 0.1, 0.5]) agree(() => mx.arange(0.5, 3, step));
  for (const k of [2, 3.5, -1]) agree(() => mx.ones([5]).mul(k));
  for (const n of [3, 40, 700, 2000]) agree(() => mx.sum(mx.ones([3, n]).mul(2), 1));
  for (const at of [0, 1, 5]) {
    agree(() => {
      const x = mx.arange(0, 40, 1, "float32").reshape(8, 5);
      x.set([at], mx.ones([5]).mul(at));
      return x.add(x.get(`${at}:${at + 3}`).sum());
    });
  }
});
test("arrays go between the CPU and the GPU without a copy, and each waits for the other", () => {
  let x = mx.ones([64]);
  for (let i = 0; i < 10; i++) x = on(i % 2 === 0 ? mx.gpu : mx.cpu, () => x.add(1));
  assert.ok([...x.data() as Float32Array].every((v) => v === 11));
});
test("what the GPU has not runs on the CPU, and explain says so", () => {
  const wide = mx.array(new Float64Array([1, 2, 3]), "float64").mul(2);
  assert.deepEqual(mx.explain(wide).kernels.map((k) => k.device), ["cpu"]);
  assert.deepEqual([...wide.data() as Float64Array], [2, 4, 6]);
  const sorted = mx.sort(mx.arange(8, 0, -1, "float32").mul(2)).add(1), told = mx.explain(sorted);
  assert.deepEqual(new Set(told.kernels.map((k) => k.device)), new Set(["gpu", "cpu"]));
  assert.match(told.copies.map((c) => c.reason).join("\n"), /sort runs on cpu, as gpu has no such routine/);
  assert.ok(told.copies.every((c) => c.bytes === 0));
  assert.deepEqual(sorted.tolist(), [3, 5, 7, 9, 11, 13, 15, 17]);
});
test("float64 beside arrays of the GPU is refused, with what to do; converted, or alone, it is computed", () => {
  const wide = mx.array([1, 2, 3], "float64"), x = mx.array([1, 1, 1]);
  const mixed: readonly (() => unknown)[] = [
    () => wide.add(x),
    () => mx.where(mx.array([true, false, true]), x, wide),
    () => mx.concatenate([x, wide]),
    () => mx.matmul(x, wide),
    () => mx.einsum("i,i", wide, x),
    () => mx.linalg.solve(mx.eye(3), wide),
    () => mx.array([x, wide]),
  ];
  for (const f of mixed) {
    assert.throws(f, (e) =>
      e instanceof TypeError &&
      /^Cannot \w+ float64 \[3\] and float32 \[3(, ?3)?\], as the gpu has no float64: convert with astype\("float64"\) to compute on the CPU or astype\("float32"\) to stay on the gpu, or record it under stream\(cpu\)\n {4}at .*runtime\.test\.ts:\d+$/
        .test(e.message));
  }
  const compute = (f: () => mx.NDArray, dtype: mx.DType, values: readonly number[]): void => {
    const y = f();
    assert.deepEqual([y.dtype, y.tolist()], [dtype, values]);
  };
  compute(() => wide.add(x.astype("float64")), "float64", [2, 3, 4]);
  compute(() => wide.astype("float32").add(x), "float32", [2, 3, 4]);
  compute(() => on(mx.cpu, () => wide.add(x)), "float64", [2, 3, 4]);
  compute(() => wide.add(0.5).mul(wide), "float64", [1.5, 5, 10.5]);
  compute(() => mx.take(wide, mx.array([2, 0], "int32")), "float64", [3, 1]);
  compute(() => wide.add(on(mx.cpu, () => mx.ones([3]).mul(2))), "float64", [3, 4, 5]);
});
test("a block of the CPU inside a graph of the GPU: no copy, and explain names who waits for whom", () => {
  const x = mx.arange(0, 64, 1, "float32").mul(0.5);
  let y: mx.NDArray;
  {
    using _ = mx.stream(mx.cpu);
    y = mx.cumsum(x.add(1));
  }
  const z = y.mul(2), told = mx.explain(z);
  assert.deepEqual(told.kernels.map((k) => k.device), ["gpu", "cpu", "gpu"]);
  assert.deepEqual(told.copies.map((c) => c.bytes), [0, 0]);
  assert.deepEqual(told.syncs.filter((s) => s.waits !== "host").map((s) => [s.waits, s.for]), [["cpu", "gpu"], [
    "gpu",
    "cpu",
  ]]);
  assert.equal((z.data() as Float32Array)[63], 2 * (0.5 * 2016 + 64));
});
test("a loop that goes back and forth is told", () => {
  const syncs = mx.explain(rounds(mx.gpu, 4, false)).syncs.filter((s) => s.waits !== "host");
  assert.deepEqual(syncs.map((s) => [s.waits, s.for, s.times, s.backAndForth]), [["cpu", "gpu", 4, true], [
    "gpu",
    "cpu",
    4,
    true,
  ]]);
  assert.ok(syncs[0]?.lines[0]?.endsWith(CPU_WAITS) && syncs[1]?.lines[0]?.endsWith(DEVICE_WAITS));
});
test("a read by the CPU waits for just the work that it needs", () => {
  const x = mx.ones([1000]), own = on(mx.cpu, () => mx.arange(0, 1000, 1, "float32"));
  mx.eval(x, own);
  let long = mx.random.normal([400, 1000]);
  for (let i = 0; i < 6; i++) long = mx.softmax(long.add(x), -1);
  mx.asyncEval(long);
  assert.equal(on(mx.cpu, () => own.add(1)).get(5).item(), 6);
  assert.equal(on(mx.cpu, () => x.add(1)).get(5).item(), 2, "what the GPU only reads can be read at the same time");
  assert.ok(native().poll(long.node.buf?.ticket ?? 0), "the read waited for what it does not need");
  assert.ok(Math.abs(on(mx.cpu, () => mx.sum(long)).item() as number - 400) < 0.01);
});
test("loops and branches that data steer run on the GPU, and the host reads only their flags", () => {
  const lib = native(), FLAGS = 4, flags = (): number => lib.stat((lib.devices.get("metal") as number) << 8 | FLAGS);
  const loop = (passes: number, inner: (x: mx.NDArray) => mx.NDArray) => (): mx.NDArray =>
    mx.whileLoop(
      ([, n]) => n.lt(passes),
      ([x, n]) => [inner(x.mul(0.5).add(1)), n.add(1)] as [mx.NDArray, mx.NDArray],
      [mx.arange(40).astype("float32"), mx.array(0, "int32")] as [mx.NDArray, mx.NDArray],
    )[0];
  const reads = (f: () => mx.NDArray): number => {
    const before = flags(), shown = mx.explain(f());
    assert.deepEqual([shown.copies, shown.kernels.some((k) => k.device !== "gpu")], [[], false]);
    agree(f);
    return flags() - before;
  };
  // Kernels run ahead, of one pass, then two, four, ... 32; what runs a branch cannot.
  const sum = (x: mx.NDArray): mx.NDArray =>
    mx.scan((c: mx.NDArray, y: mx.NDArray) => [c.add(y), c], mx.array(0), x)[1];
  for (const [passes, want] of [[0, 1], [1, 2], [2, 3], [3, 3], [100, 9]] as const) {
    assert.equal(reads(loop(passes, (x) => x)), want);
    if (passes < 9) assert.equal(reads(loop(passes, (x) => sum(x).add(x))), want);
  }
  // As much memory as a kernel binds, and the word that it looks at.
  const many = Array.from({ length: 27 }, (_, k) => mx.arange(k, k + 40).astype("float32"));
  mx.eval(...many);
  assert.equal(reads(loop(3, (x) => many.reduce((s, a) => s.add(a.mul(0.01)), x))), 3);
  const heavy = (x: mx.NDArray): mx.NDArray =>
    mx.cond(x.sum().gt(0), (x: mx.NDArray) => sum(x), (x: mx.NDArray) => sum(x).neg(), x);
  assert.equal(reads(loop(3, heavy)), 4 + 3);
  assert.equal(reads(() => heavy(mx.arange(-9, 3).astype("float32"))), 1);
});
test("a mapped file is memory of the GPU without a copy, through a buffer over its pages", () => {
  const folder = mkdtempSync(join(tmpdir(), "sinter-")), path = join(folder, "x.npy"), n = 300_000;
  mx.save(path, on(mx.cpu, () => mx.arange(0, n, 1, "float32")));
  const before = mx.getActiveMemory(), x = mx.load(path) as mx.NDArray;
  assert.ok(mx.getActiveMemory() <= before, "no memory of its own");
  assert.equal(x.node.device, mx.gpu);
  assert.equal(x.add(1).get(n - 1).item(), n);
  // The pages of one that the CPU loaded are bound by a window.
  const y = on(mx.cpu, () => mx.load(path) as mx.NDArray);
  assert.equal(y.add(x).get(n - 1).item(), 2 * (n - 1));
  rmSync(folder, { recursive: true });
});
test("the default device is the GPU, if there is one and no other is named", () => {
  const code = `import * as mx from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    mx.ones([2]);
    console.log(mx.defaultDevice().type);`;
  const chosen = (env: Readonly<Record<string, string>>): string => {
    const args = "Deno" in globalThis ? ["eval", code] : ["-e", code];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { ...process.env, ...METAL_ENV, SINTER_DEVICE: "", ...env },
    });
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };
  assert.equal(chosen({}), "gpu");
  assert.equal(chosen({ SINTER_DEVICE: "cpu" }), "cpu");
  if (process.platform === "darwin") return;
  // The device of a virtual machine, one that is none of Apple's, and later ones.
  for (const [family, device] of [["5", "cpu"], ["0", "cpu"], ["9", "gpu"]] as const) {
    assert.equal(chosen({ METALSIM_FAMILY: family }), device);
  }
});
