// Matrix products by their templates on Metal, beside the exact interpreter: generated shapes, dtypes, strides, batches and what is fused behind them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CHECKED, SEED, simulator, violations } from "../support/metal.ts";
import * as mx from "../../mod.ts";
import { makeProgram, shapeOf } from "../../src/backends/gpu/kernel.ts";
import type { ProductShape } from "../../src/backends/gpu/product.ts";
import { MSL } from "../../src/backends/metal/msl.ts";
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
const seen = new Map<Form, number>();
/** Runs what is not evaluated on Metal and on the interpreter; gives the forms of its products. */
function agree(x: mx.NDArray, run: MetalRunner = runner): Form[] {
  const forms: Form[] = [],
    noting: Runner = (k, at) => {
      if (k.product !== undefined) {
        const form = shapeOf(k, at, true).product?.form ?? "nest";
        forms.push(form);
        seen.set(form, (seen.get(form) ?? 0) + 1);
      }
      run.run(k, at);
    };
  interpreted([x.node], noting);
  return forms;
}
const leaf = <T extends mx.NDArray>(x: T): T => (mx.eval(x), x);

const FLOATS = ["float32", "float16", "bfloat16"] as const, CASES = 12;
const SIZES = [[33, 40, 70], [17, 16, 100], [100, 33, 20], [64, 130, 65], [9, 300, 12]] as const;
const FEW = [[1, 300, 50], [50, 300, 1], [3, 129, 70], [8, 64, 33], [40, 77, 5], [4, 3000, 40]] as const;

for (const dtype of FLOATS) {
  for (const [form, sizes] of [["tiles", SIZES], ["vectors", FEW]] as const) {
    test(`products on Metal: ${dtype}, ${form}`, () => {
      for (let i = 0; i < CASES; i++) {
        simulator?.metalsim_set(SEED, i % 4);
        const [m, k, n] = sizes[i % sizes.length] as readonly [number, number, number];
        const pick = <T>(from: readonly T[]): T => from[Math.floor(r.next() * from.length)] as T;
        const batch = i % 3 === 2 ? [[2], [3, 2], [2, 1]][Math.floor(i / 3) % 3] as number[] : [];
        const other = i % 2 === 0 ? batch : batch.slice(1).map(() => 2);
        const a = matrix(batch, m, k, dtype, pick(LIES)), b = matrix(other, k, n, dtype, pick(LIES));
        const name = pick(Object.keys(EPILOGUES)),
          y = (EPILOGUES[name] as (p: mx.NDArray) => mx.NDArray)(mx.matmul(a, b));
        const kernels = mx.explain(y).kernels.filter((x) => x.ops.includes("matmul"));
        assert.ok(agree(y).includes(form), `${m} x ${k} x ${n}: ${kernels.map((x) => x.name)}`);
      }
      simulator?.metalsim_set(SEED, 0);
    });
  }
}
