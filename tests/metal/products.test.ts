// Matrix products by their templates on Metal, beside the exact interpreter: generated shapes, dtypes, strides, batches and what is fused behind them.
import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import { CHECKED, SEED, simulator, violations } from "../support/metal.ts";
import * as mx from "../../mod.ts";
import { shapeOf } from "../../src/backends/gpu/kernel.ts";
import type { ProductShape } from "../../src/backends/gpu/product.ts";
import { interpreted, type Runner } from "../support/interpreted.ts";
import { MetalRunner } from "../support/on_metal.ts";
import { Random } from "../support/random_graph.ts";

const usual = mx.defaultDevice();
mx.setDefaultDevice(mx.gpu);
after(() => mx.setDefaultDevice(usual));

const runner = new MetalRunner(), r = new Random(11);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => 2 * r.next() - 1);
const array = (shape: readonly number[], dtype: mx.DType): mx.NDArray =>
  mx.astype(mx.array(numbers(shape.reduce((a, b) => a * b, 1))).reshape(shape), dtype);

/** How a matrix lies in memory: as it is, transposed, every second column, rows from the last to the first, or from an odd place on. */
const LIES = ["rows", "columns", "apart", "reversed", "odd"] as const;
function matrix(
  batch: readonly number[],
  rows: number,
  columns: number,
  dtype: mx.DType,
  lie: (typeof LIES)[number],
): mx.NDArray {
  const of = (...shape: number[]): mx.NDArray => {
    const x = array([...batch, ...shape], dtype);
    mx.eval(x);
    return x;
  };
  switch (lie) {
    case "rows":
      return of(rows, columns);
    case "columns":
      return of(columns, rows).swapaxes(-1, -2);
    case "apart":
      return of(rows, 2 * columns).get("...", "::2");
    case "reversed":
      return of(rows, columns).get("...", "::-1", ":");
    case "odd":
      return of(rows, columns + 1).get("...", "1:");
  }
}
/** What follows a product in one kernel. */
const EPILOGUES: Readonly<Record<string, (p: mx.NDArray) => mx.NDArray>> = {
  none: (p) => p,
  "bias, relu": (p) => mx.maximum(p.add(array([p.shape.at(-1) as number], p.dtype)), 0),
  gelu: (p) => p.mul(0.5).mul(mx.add(1, mx.erf(p.div(Math.SQRT2)))),
  residual: (p) => p.add(array(p.shape, p.dtype)),
  "scale of rows, cast": (p) => mx.astype(p.mul(array([p.shape.at(-2) as number, 1], p.dtype)), "bfloat16"),
  "of its own place": (p) => mx.where(mx.tri(p.shape.at(-2) as number, p.shape.at(-1) as number).astype("bool"), p, 0),
};
type Form = ProductShape["form"] | "nest";
/** Runs what is not evaluated on Metal and on the interpreter; gives the forms of its products. */
function agree(x: mx.NDArray, run: MetalRunner = runner): Form[] {
  const forms: Form[] = [],
    noting: Runner = (k, at) => {
      if (k.product !== undefined) {
        forms.push(shapeOf(k, at, true).product?.form ?? "nest");
      }
      run.run(k, at);
    };
  interpreted([x.node], noting);
  return forms;
}
const FLOATS = ["float32", "float16", "bfloat16"] as const, CASES = Number(process.env["PRODUCTS"] ?? 10);
const below = (n: number): number => Math.floor(r.next() * n),
  pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
/** Sizes of a product for a template: tiles with ragged ends and depths, and few rows or columns. */
function sizes(form: Form): readonly [number, number, number] {
  const few = 1 + below(8), many = 9 + below(70), depth = 1 + below(form === "tiles" ? 90 : 400);
  const [m, n] = form === "tiles" ? [9 + below(50), many] : pick([[few, many], [many, few]]) as [number, number];
  return m * n * depth > 4096 ? [m, depth, n] : sizes(form);
}

for (const dtype of FLOATS) {
  for (const form of ["tiles", "vectors"] as const) {
    test(`products on Metal: ${dtype}, ${form}`, () => {
      for (let i = 0; i < CASES; i++) {
        simulator?.metalsim_set(SEED, i % 4);
        const [m, k, n] = sizes(form), batch = i % 3 === 2 ? pick([[2], [2, 2], [2, 1]]) : [];
        const other = i % 2 === 0 ? batch : batch.slice(1).map(() => 2), lies = [pick(LIES), pick(LIES)] as const;
        const a = matrix(batch, m, k, dtype, lies[0]), b = matrix(other, k, n, dtype, lies[1]);
        const name = pick(Object.keys(EPILOGUES)), p = mx.matmul(a, b);
        assert.deepEqual(
          agree((EPILOGUES[name] as (p: mx.NDArray) => mx.NDArray)(p)),
          [form],
          `[${batch}] ${m} x ${k} (${lies[0]}), [${other}] ${k} x ${n} (${lies[1]}), then ${name}`,
        );
      }
      simulator?.metalsim_set(SEED, 0);
    });
  }
}

/** The first kernel of a product of these arrays, run by `run`. */
function alone(a: mx.NDArray, b: mx.NDArray, run: Runner): void {
  interpreted([mx.matmul(a, b).node], run);
}
test("the plain loop nest of each template's product, on Metal", () => {
  for (const dtype of FLOATS) {
    for (const [m, k, n] of [[33, 40, 70], [3, 129, 70]] as const) {
      const a = matrix([], m, k, dtype, "rows"), b = matrix([], k, n, dtype, "columns");
      alone(a, b, (kernel, at) => runner.run(kernel, at, { ...shapeOf(kernel, at, false), product: null, lanes: 32 }));
    }
  }
});
test("products with 64-bit indices, where a run needs them, give the same", () => {
  for (const [m, k, n] of [[33, 40, 70], [3, 129, 70]] as const) {
    for (const lie of ["rows", "columns"] as const) {
      const a = matrix([2], m, k, "float32", "rows"), b = matrix([], k, n, "float32", lie);
      alone(a, b, (kernel, at) => runner.run(kernel, at, { ...shapeOf(kernel, at, true), wide: true }));
    }
  }
});
test("integers, complex numbers and small products go by the plain loop nest", () => {
  for (const dtype of ["int8", "uint32", "int64", "complex64"] as const) {
    const a = mx.astype(mx.array(numbers(20 * 30)).reshape(20, 30).mul(9), dtype),
      b = mx.astype(array([30, 12], "float32").mul(9), dtype);
    mx.eval(a, b);
    assert.deepEqual(agree(mx.matmul(a, b)), ["nest"]);
  }
  assert.deepEqual(agree(mx.matmul(matrix([5], 4, 4, "float32", "rows"), matrix([], 4, 4, "float32", "rows"))), [
    "nest",
  ]);
});
test("addmm, long sums and sums of nothing on Metal", () => {
  const a = matrix([], 20, 64, "float32", "rows"),
    b = matrix([], 64, 40, "float32", "columns"),
    c = matrix([], 1, 40, "float32", "rows");
  assert.deepEqual(agree(mx.addmm(c, a, b, { alpha: 0.5, beta: 2 })), ["tiles"]);
  // Cut into blocks, of which the last is shorter; what follows runs where they are joined.
  const long = matrix([], 12, 2500, "float32", "rows"),
    tall = matrix([], 2500, 10, "float32", "rows"),
    plan = mx.maximum(mx.matmul(long, tall), 0);
  assert.deepEqual(agree(plan), ["tiles"]);
  assert.equal(mx.explain(plan).kernels.length, 2);
  const row = matrix([], 1, 10, "float32", "rows"), column = matrix([], 12, 1, "float32", "rows");
  assert.deepEqual(agree(mx.tanh(mx.addmm(row, long, tall, { alpha: 0.5, beta: 2 })).mul(column)), ["tiles"]);
  assert.deepEqual(agree(mx.matmul(long.get("3:5"), tall).add(row)), ["vectors"]);
  const nothing = mx.matmul(mx.zeros([20, 0]), mx.zeros([0, 30])).add(1);
  assert.ok((nothing.flatten().tolist() as number[]).every((x) => x === 1));
});
test("fused equals unfused, and strides change no bit", () => {
  const bytes = (x: mx.NDArray): Uint8Array => {
    const d = x.data() as Float32Array;
    return new Uint8Array(d.buffer, d.byteOffset, d.byteLength).slice();
  };
  for (const dtype of FLOATS) {
    const shapes = [[40, 96, 36], [2, 300, 70], [12, 2100, 10]] as const;
    for (const [m, k, n] of dtype === "float32" ? shapes : shapes.slice(0, 2)) {
      const a = matrix([], m, k, dtype, "rows"), b = matrix([], k, n, dtype, "rows"), want = mx.matmul(a, b);
      mx.eval(want);
      const ways = [["columns", "columns"], ["columns", "rows"], ["rows", "columns"]].slice(
        0,
        dtype === "float32" ? 3 : 1,
      );
      for (const [left, right] of ways) {
        const turn = (x: mx.NDArray, lie: string | undefined): mx.NDArray => lie === "rows" ? x : mx.contiguous(x.T).T;
        const x = turn(a, left), y = turn(b, right);
        mx.eval(x, y);
        assert.deepEqual(bytes(mx.matmul(x, y)), bytes(want), `${dtype}: ${left}, ${right}`);
      }
      const bias = array([n], dtype), follow = (p: mx.NDArray): mx.NDArray => mx.sigmoid(p.add(bias)).mul(p);
      mx.eval(bias);
      const apart = mx.matmul(a, b);
      mx.eval(apart);
      assert.equal(mx.explain(follow(mx.matmul(a, b))).kernels.length, k > 2000 ? 2 : 1);
      assert.deepEqual(bytes(follow(mx.matmul(a, b))), bytes(follow(apart)), dtype);
    }
  }
});
test("gradients of products on Metal are those of the CPU", () => {
  const gradient = (): mx.NDArray[] => {
    const of = (...shape: number[]): mx.NDArray => mx.sin(mx.arange(shape.reduce((a, b) => a * b, 1)).reshape(shape));
    const loss = (w: mx.NDArray, x: mx.NDArray): mx.NDArray => mx.mean(mx.square(mx.tanh(x.matmul(w))));
    return mx.grad(loss, { argnums: [0, 1] })(of(40, 30), of(2, 24, 40)) as mx.NDArray[];
  };
  const got = gradient();
  mx.setDefaultDevice(mx.cpu);
  const want = gradient().map((x) => x.data() as Float32Array);
  mx.setDefaultDevice(mx.gpu);
  got.forEach((g, i) =>
    (g.data() as Float32Array).forEach((x, k) => assert.ok(Math.abs(x - (want[i]?.[k] as number)) < 1e-6))
  );
});
test("explain names the template and why", () => {
  const reason = (m: number, k: number, n: number, batch: readonly number[] = []): string =>
    mx.explain(mx.matmul(mx.zeros([...batch, m, k]), mx.zeros([...batch, k, n]))).kernels
      .find((x) => x.name.startsWith("product"))?.reason ?? "";
  assert.match(reason(512, 64, 512), /in tiles of 64 x 64$/);
  assert.match(reason(100, 64, 100), /in tiles of 32 x 32, as there are but 4 of 64 x 64$/);
  assert.match(reason(100, 64, 100, [16]), /in tiles of 64 x 64$/);
  assert.match(reason(1, 64, 100), /with threads across the second factor, as the other is at most 1 wide$/);
  assert.match(reason(4, 4, 4), /by the plain loop nest, as it has at most 4096 multiplications$/);
});
test("checked: templates neither race nor leave their memory, and each of their barriers is missed", () => {
  if (simulator === null) return;
  simulator.metalsim_set(CHECKED, 1);
  simulator.metalsim_set(SEED, 5);
  const barrier = /\w+_barrier\(mem_flags::mem_threadgroup\);/g;
  for (const [m, k, n, barriers] of [[33, 40, 70, 4], [3, 200, 40, 3]] as const) {
    const a = matrix([], m, k, "float32", "odd"), b = matrix([], k, n, "float32", "rows");
    alone(a, b, new MetalRunner().run);
    for (let which = 0; which < barriers; which++) {
      let at = 0;
      const without = new MetalRunner(null, (text) => text.replace(barrier, (call) => at++ === which ? "" : call));
      assert.throws(
        () => alone(a, b, without.run),
        /touched by another thread/,
        `barrier ${which} of ${m} x ${k} x ${n}`,
      );
      assert.equal(at, barriers);
      assert.match(violations().join("\n"), /touched by another thread/);
    }
  }
  simulator.metalsim_set(CHECKED, 0);
  simulator.metalsim_set(SEED, 0);
});
test("tiles of every size on Metal, with ragged ends", () => {
  const sizes = [[64, 64], [64, 16], [16, 64], [32, 16], [16, 32], [16, 16], [32, 32]] as const;
  for (const [i, [rows, columns]] of sizes.entries()) {
    for (const dtype of i === 0 ? FLOATS : [FLOATS[i % 3] as mx.DType]) {
      const lie = i % 2 === 0 ? "columns" : "rows",
        a = matrix([], 70, 36, dtype, lie),
        b = matrix([], 36, 90, dtype, "rows");
      alone(a, b, (kernel, at) => {
        const shape = shapeOf(kernel, at, true), product = shape.product as Extract<ProductShape, { form: "tiles" }>;
        runner.run(kernel, at, { ...shape, product: { ...product, rows, columns } });
      });
    }
  }
});
