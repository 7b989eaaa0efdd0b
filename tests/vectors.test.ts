// Tests the runner of recorded cases (vectors/) on a toy library: right results pass, wrong ones are named.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DType, TypedArray } from "../src/base/dtype.ts";
import { formatArray } from "../src/base/format.ts";
import { decodeNpy } from "../src/io/npy.ts";
import { readFileSync } from "node:fs";
import { decodeValue, type Neutral, readCases, type VectorCase } from "./vectors/cases.ts";
import { compareTo } from "./vectors/compare.ts";
import { runCase, runFile } from "./vectors/run.ts";

// One-dimensional float32 arrays with a few operations, enough for every kind of case.
class Toy {
  values: Float32Array;
  readonly dtype: DType = "float32";
  constructor(values: Iterable<number>) {
    this.values = Float32Array.from(values);
  }
  get shape(): number[] {
    return [this.values.length];
  }
  get T(): Toy {
    return new Toy(this.values);
  }
  data(): TypedArray {
    return this.values;
  }
  get(...index: unknown[]): Toy {
    if (index[0] === "...") return new Toy(this.values);
    if (index[0] === "1:") return new Toy(this.values.slice(1));
    throw new RangeError("unknown index");
  }
  set(index: unknown[], value: number): void {
    this.values = this.values.with(index[0] as number, value);
  }
  at(index: number): { add(value: number): Toy } {
    return { add: (value) => new Toy(this.values.map((x, i) => (i === index ? x + value : x))) };
  }
  tolist(): number[] {
    return [...this.values];
  }
  square(): Toy {
    return new Toy(this.values.map((x) => x * x));
  }
  toString(): string {
    return formatArray(this.dtype, this.shape, (i) => this.values[i] as number);
  }
}
const square = (x: Toy): Toy => x.square();
const toy = {
  array: (values: Iterable<number>) => new Toy(values),
  square,
  cube: (x: Toy) => new Toy(x.values.map((v) => v * v * v * (1 + 1e-6))),
  fails: () => {
    throw new RangeError("as it should");
  },
  broken: (x: { nothing(): void }) => x.nothing(),
  stack: { pair: (x: Toy) => [x, square(x)] },
  load: () => new Toy([]),
  vjp: (f: (...x: Toy[]) => Toy, primals: Toy[], cotangents: Toy[]) => [[f(...primals)], cotangents],
  vmap: (f: (x: Toy) => Toy, options: { inAxes: number }) => (x: Toy) => options.inAxes === 0 ? f(x) : x,
  grad: (f: (x: Toy) => Toy) => (x: Toy) => f(x),
};

const f32 = (...values: number[]) => ({
  dtype: "float32",
  shape: [values.length],
  data: btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(values).buffer))),
});
const mat = (rows: number, cols: number, values: number[]) => ({ ...f32(...values), shape: [rows, cols] });
const c = (rest: Partial<VectorCase>): VectorCase => ({ id: "x", ...rest });
const tol = { rtol: 1e-5, atol: 1e-6 };
const neutral = (value: unknown) => decodeValue(value) as Neutral;

test("right results pass, wrong ones say what differs", () => {
  const good = c({ op: "square", args: [f32(2, 3)], out: f32(4, 9), exact: true });
  assert.equal(runCase(toy, good), null);
  assert.equal(runCase(toy, good, { via: "method" }), null);
  assert.match(
    runCase(toy, { ...good, out: f32(4, 8) }) ?? "",
    /1 of 2 values differ \(exactly\); at 1: got 9, expected 8/,
  );
  assert.match(runCase(toy, { ...good, out: f32(4) }) ?? "", /shape \[2\], expected \[1\]/);
  assert.match(runCase(toy, { ...good, out: { ...f32(4, 9), dtype: "int32" } }) ?? "", /dtype float32, expected int32/);
  assert.equal(runCase(toy, { ...good, out: f32(4, 8), unspecified: [1] }), null);
  assert.match(runCase(toy, c({ op: "linalg.norm", args: [] })) ?? "", /mx\.linalg\.norm is missing/);
  assert.equal(runCase(toy, c({ op: "cube", args: [f32(2)], out: f32(8), tol })), null);
  assert.match(runCase(toy, c({ op: "cube", args: [f32(2)], out: f32(8), exact: true })) ?? "", /values differ/);
  assert.equal(
    runCase(
      toy,
      c({ op: "stack.pair", args: [f32(2)], out: [f32(2), f32(4.00001)], tol: [null, tol] } as Partial<VectorCase>),
    ),
    null,
  );
});

test("NaN, zeros and infinities compare by the rules", () => {
  const run = (got: number[], want: number[], t?: typeof tol) =>
    compareTo(c({ out: f32(...want), ...(t ? { tol: t } : {}) }), neutral(f32(...got)));
  assert.equal(run([NaN, -0, Infinity], [NaN, 0, Infinity]), null);
  assert.equal(run([NaN, -0, Infinity], [NaN, 0, Infinity], tol), null);
  assert.notEqual(run([Infinity], [-Infinity], tol), null);
  assert.notEqual(run([NaN], [1], tol), null);
  assert.notEqual(run([1], [NaN], tol), null);
  assert.notEqual(run([Infinity], [1e30], tol), null);
});

test("a case that raises must throw an error of the library's own", () => {
  assert.equal(runCase(toy, c({ op: "fails", args: [], raises: "ValueError" })), null);
  assert.match(runCase(toy, c({ op: "square", args: [f32(1)], raises: "ValueError" })) ?? "", /did not throw/);
  assert.equal(runCase(toy, c({ op: "square", args: [f32(1)], raises: "ValueError", limit: true })), null);
  assert.match(runCase(toy, c({ op: "broken", args: [f32(1)], raises: "ValueError" })) ?? "", /engine's own error/);
  assert.match(runCase(toy, c({ op: "fails", args: [], out: 1 })) ?? "", /threw RangeError: as it should/);
});

test("indexing, properties, printing and the transforms run", () => {
  const slice = [{ slice: [1, null, null] }];
  assert.equal(runCase(toy, c({ op: "get", args: [f32(1, 2), slice], out: f32(2) })), null);
  assert.equal(runCase(toy, c({ op: "set", args: [f32(1, 2), [0], 5], out: f32(5, 2) })), null);
  assert.equal(runCase(toy, c({ op: "at.add", args: [f32(1, 2), [0], 5], out: f32(6, 2) })), null);
  assert.equal(runCase(toy, c({ op: "T", args: [f32(1, 2)], out: f32(1, 2) })), null);
  assert.equal(runCase(toy, c({ op: "tolist", args: [f32(1, 2)], out: [1, 2] })), null);
  assert.equal(runCase(toy, c({ kind: "print", args: [f32(1, 2.5)], out: "array([1, 2.5], dtype=float32)" })), null);
  const fun = { op: "square", args: [{ op: "get", args: [{ var: 0 }, slice] }] };
  assert.equal(
    runCase(
      toy,
      c({ kind: "vjp", fun, primals: [f32(1, 2)], cotangents: [f32(7)], out: { outputs: [f32(4)], grads: [f32(7)] } }),
    ),
    null,
  );
  assert.equal(runCase(toy, c({ kind: "vmap", fun, inputs: [f32(1, 2)], inAxes: 0, outAxes: 0, out: f32(4) })), null);
  assert.equal(runCase(toy, c({ kind: "grad", fun, inputs: [f32(1, 3)], out: f32(9) })), null);
  assert.equal(runCase(toy, c({ kind: "sequence", steps: [{ op: "square", args: [f32(3)] }], out: [f32(9)] })), null);
  assert.match(
    runCase(toy, c({ kind: "dtypes1", op: "square", with: ["float32", "int8"], out: ["float32", "int8"] })) ?? "",
    /expected "int8"/,
  );
  assert.match(runCase(toy, c({ kind: "module" })) ?? "", /kind module/);
});

test("a set that changes another handle is found", () => {
  class Shared extends Toy {
    override get(): Shared {
      return this;
    }
  }
  const library = { array: (values: Iterable<number>) => new Shared(values) };
  assert.match(runCase(library, c({ op: "set", args: [f32(1, 2), [0], 5], out: f32(5, 2) })) ?? "", /another handle/);
});

test("orders, partitions and factors compare as sets, halves and products", () => {
  const any = c({ op: "topk", compare: "anyOrder", args: [f32(1, 2, 3), 2], out: f32(2, 3) });
  assert.equal(compareTo(any, neutral(f32(3, 2))), null);
  assert.notEqual(compareTo(any, neutral(f32(3, 3))), null);
  const part = c({ op: "partition", compare: "partition", args: [f32(4, 1, 3, 2), 1], out: f32(1, 2, 3, 4) });
  assert.equal(compareTo(part, neutral(f32(1, 2, 4, 3))), null);
  assert.notEqual(compareTo(part, neutral(f32(2, 1, 4, 3))), null);
  const r = Math.SQRT1_2;
  const eigh = c({
    op: "linalg.eigh",
    compare: "upToSign",
    tol: [tol, tol],
    out: [f32(1, 3), mat(2, 2, [r, r, -r, r])],
  });
  assert.equal(compareTo(eigh, [neutral(f32(1, 3)), neutral(mat(2, 2, [-r, r, r, r]))]), null);
  assert.notEqual(compareTo(eigh, [neutral(f32(1, 3)), neutral(mat(2, 2, [r, r, r, r]))]), null);
  assert.notEqual(compareTo(eigh, [neutral(f32(3, 1)), neutral(mat(2, 2, [r, r, r, -r]))]), null);
  const qr = c({
    op: "linalg.qr",
    compare: "upToSign",
    tol: [tol, tol],
    out: [mat(2, 2, [1, 0, 0, 1]), mat(2, 2, [1, 2, 0, 3])],
  });
  assert.equal(compareTo(qr, [neutral(mat(2, 2, [-1, 0, 0, 1])), neutral(mat(2, 2, [-1, -2, 0, 3]))]), null);
  assert.notEqual(compareTo(qr, [neutral(mat(2, 2, [-1, 0, 0, 1])), neutral(mat(2, 2, [-1, 2, 0, 3]))]), null);
});

test("files are read, and a recorded result agrees with itself", () => {
  const path = new URL("./vectors/print.jsonl.gz", import.meta.url);
  for (const one of readCases(path)) assert.equal(compareTo(one, decodeValue(one.out)), null);
  const npy = {
    ...toy,
    load: (file: string) => {
      const { dtype, shape, data } = decodeNpy(new Uint8Array(readFileSync(file)));
      return { dtype, shape, data: () => data };
    },
  };
  const io = new URL("./vectors/io.jsonl.gz", import.meta.url);
  const result = runFile(io, npy, (one) => one["format"] === "npy");
  assert.deepEqual(result.failures, []);
  assert.ok(result.passed >= 15);
  assert.ok(runFile(io, npy).failures.length > 0);
});
