// Kernels as MSL, on Metal, beside the exact interpreter: scalar operations of every dtype, rows and columns of many lengths, and random graphs.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { DTYPES, isComplex, itemsize } from "../../src/base/dtype.ts";
import { makeProgram, shapeOf } from "../../src/backends/gpu/kernel.ts";
import { checkKernel } from "../../src/kernel/check.ts";
import { type CType, Scalars } from "../../src/kernel/expr.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { interpreted } from "../support/interpreted.ts";
import { CHECKED, SEED, simulator } from "../support/metal.ts";
import { MetalRunner } from "../support/on_metal.ts";
import { arrayOf, attempt, call, sample } from "../support/op_checks.ts";
import { Random, randomRecipe } from "../support/random_graph.ts";
import { BINARY, UNARY } from "../reference/elementwise.ts";

const GPU = DTYPES.filter((d) => d !== "float64"), GRAPHS = Number(process.env["GRAPHS"] ?? 24);
const runner = new MetalRunner(), r = new Random(5);
/** Runs what is not evaluated yet on Metal and on the interpreter. */
const agree = (...arrays: mx.NDArray[]): void => {
  const open = arrays.filter((a) => a.node.buf === null).map((a) => a.node);
  if (open.length > 0) interpreted(open, runner.run);
};
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => 4 * r.next() - 2);
const matrix = (...shape: number[]): mx.NDArray => mx.array(numbers(shape.reduce((a, b) => a * b, 1))).reshape(shape);
/** Several arrays at once, as they share a kernel. */
const inGroups = (arrays: readonly mx.NDArray[]): void => {
  for (let i = 0; i < arrays.length; i += 10) agree(...arrays.slice(i, i + 10));
};

for (const d of GPU) {
  test(`scalar operations on Metal: ${d}`, () => {
    const values = (): mx.NDArray =>
      isComplex(d)
        ? mx.array(Array.from({ length: 60 }, () => ({ re: 2 * r.next() - 1, im: 2 * r.next() - 1 })), d)
        : d.includes("float")
        ? mx.astype(mx.array(numbers(60)), d)
        : arrayOf(sample(r, d, 60), d, [60]);
    const x = values(), y = values();
    mx.eval(x, y);
    const made: mx.NDArray[] = [];
    const tryTo = (make: () => mx.NDArray): void => void attempt(() => (made.push(make()), null));
    for (const name of Object.keys(UNARY)) tryTo(() => call(name)(x));
    for (const name of Object.keys(BINARY)) {
      if (!(name.endsWith("Shift") && d === "bool")) tryTo(() => call(name)(x, y));
    }
    for (const to of GPU) tryTo(() => mx.astype(x, to));
    made.push(mx.arange(0.1, 5, 0.1, d.includes("float") ? d : "float32"));
    const usual = made.filter((a) => a.dtype !== "float64");
    assert.ok(usual.length > 20);
    inGroups(usual);
  });
}

/** Every scalar operation of the kernel IR, whether or not an op makes it. */
const FLOATS =
  "floor ceil round sqrt rsqrt recip exp expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid";
const OPERATIONS: Readonly<Record<string, { readonly dtype: mx.DType; readonly un: string; readonly bin: string }>> = {
  f32: {
    dtype: "float32",
    un: `neg abs sign square ${FLOATS} trunc erf erfinv isnan isinf isfinite isposinf isneginf lnot norm.f16 norm.bf16`,
    bin: "add sub mul div pow max min floordiv rem atan2 logaddexp eq ne lt le gt ge",
  },
  c64: {
    dtype: "complex64",
    un: `neg abs sign square ${FLOATS} conj real imag isnan isinf isfinite lnot`,
    bin: "add sub mul div pow max min logaddexp eq ne lt le gt ge",
  },
  i32: {
    dtype: "int32",
    un: "neg abs sign square not lnot norm.bool norm.i8 norm.u8 norm.i16 norm.u16",
    bin: "add sub mul div pow max min floordiv rem and or xor shl shr eq ne lt le gt ge",
  },
  u32: {
    dtype: "uint32",
    un: "neg abs sign square not lnot",
    bin: "add sub mul div pow max min floordiv rem and or xor shl shr mulhi eq ne lt le gt ge",
  },
  i64: {
    dtype: "int64",
    un: "neg abs sign square not lnot",
    bin: "add sub mul div pow max min floordiv rem and or xor shl shr eq ne lt le gt ge",
  },
  u64: {
    dtype: "uint64",
    un: "neg abs sign square not lnot",
    bin: "add sub mul div pow max min floordiv rem and or xor shl shr eq ne lt le gt ge",
  },
};
const RESULT: Readonly<Record<string, mx.DType>> = {
  f32: "float32",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  c64: "complex64",
};
for (const [t, { dtype, un, bin }] of Object.entries(OPERATIONS)) {
  test(`every operation of the kernel IR on Metal: ${t}`, () => {
    const n = 40, item = itemsize(dtype), data = new DataView(new ArrayBuffer(2 * n * item));
    for (let at = 0; at < data.byteLength; at += 4) {
      if (t === "f32" || t === "c64") data.setFloat32(at, 3 * r.next() - 1.5, true);
      // High words of 64-bit integers are signs, so that small numbers meet small ones.
      else if (item === 8 && at % 8 === 4) {
        data.setInt32(at, t === "i64" && data.getInt32(at - 4, true) < 0 ? -1 : 0, true);
      } else data.setInt32(at, Math.floor(20 * r.next()) - (t.startsWith("u") ? 0 : 10), true);
    }
    const names = [...un.split(" ").map((op) => [op, 1] as const), ...bin.split(" ").map((op) => [op, 2] as const)];
    for (let first = 0; first < names.length; first += 12) {
      const s = new Scalars(), x = s.make("load", t as CType, [], 0), y = s.make("load", t as CType, [], 1);
      const tests = new Set([
        "isnan",
        "isinf",
        "isfinite",
        "isposinf",
        "isneginf",
        "lnot",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
      ]);
      const values = names.slice(first, first + 12).map(([op, arity]) => {
        const result = tests.has(op)
          ? "i32"
          : op === "real" || op === "imag" || (op === "abs" && t === "c64")
          ? "f32"
          : t;
        return s.make(op, result as CType, arity === 1 ? [x] : [x, y]);
      });
      const mems = [x, y, ...values].map((e, i) => ({
        dtype: RESULT[e.t] as mx.DType,
        along: "unit" as const,
        written: i >= 2,
      }));
      const stores = values.map((value, i) => ({ mem: i + 2, value, combine: "set" as const, index: null }));
      const kernel: Kernel = {
        kind: "map",
        mems,
        scalars: s,
        passes: [{ folds: [], scans: [], stores }],
        rowStores: [],
        rowAxes: 0,
      };
      checkKernel(kernel);
      const operands = mems.map((m, i) => ({
        memory: i < 2 ? data : new DataView(new ArrayBuffer(n * itemsize(m.dtype))),
        offset: i === 1 ? n * item : 0,
        bound: 0,
        rows: [],
        fold: 0,
        inner: [1],
      }));
      runner.run(kernel, { rows: [], inner: [n], foldSize: 1, rag: -1, operands, scalars: [] });
    }
  });
}

for (const n of [1, 5, 16, 17, 32, 100, 128, 200, 1000, 1024, 1025, 3000]) {
  test(`rows of ${n} on Metal`, () => {
    const x = matrix(3, n),
      w = matrix(3, n),
      i = mx.astype(mx.multiply(x, 100), "int32"),
      b = mx.astype(x, "bfloat16"),
      h = mx.astype(x, "float16");
    mx.eval(x, w, i, b, h);
    agree(mx.softmax(x, -1), mx.logsumexp(x, -1));
    agree(mx.grad((x: mx.NDArray) => mx.softmax(x, -1).mul(w).sum())(x));
    agree(
      mx.sum(x, -1),
      mx.max(x, -1),
      mx.argmin(x, -1),
      mx.prod(i, -1),
      mx.argmax(i, -1),
      mx.min(mx.astype(i, "int64"), -1),
    );
    agree(mx.sum(b, -1), mx.sum(h, -1), mx.var(h, { axis: -1 }), mx.sum(mx.astype(x, "complex64"), -1));
    agree(mx.cumsum(x, -1), mx.cumprod(i, -1), mx.cummax(x, { axis: -1, inclusive: false }), mx.logcumsumexp(x, -1));
    agree(
      mx.cumsum(mx.astype(i, "int64"), { axis: -1, inclusive: false }),
      mx.cummin(h, -1),
      mx.cumsum(x.transpose(), { axis: 0, reverse: true }),
    );
    // Rows that lie on no 16 bytes, and folds beside scans.
    const u = matrix(3, n + 1).get(":", "1:");
    agree(mx.softmax(u, -1), mx.sum(u, -1), u.sub(mx.sum(x, -1, { keepdims: true })));
    agree(mx.cumsum(x, -1), mx.sum(x, -1), mx.argmax(x, -1), x.sub(mx.max(x, -1, { keepdims: true })));
  });
}
for (const [rows, n] of [[2, 3], [31, 40], [32, 40], [100, 1], [300, 7], [64, 33], [50, 300]] as const) {
  test(`columns of ${rows}, ${n} of them, on Metal`, () => {
    const x = matrix(2, rows, n), i = mx.astype(mx.multiply(x, 100), "int32");
    mx.eval(x, i);
    agree(
      mx.sum(x, 1),
      mx.max(x, 1),
      mx.argmax(x, 1),
      mx.prod(i, 1),
      mx.argmin(i, 1),
      mx.sum(mx.astype(i, "int64"), 1),
    );
    agree(mx.softmax(x, 1));
    agree(mx.cumsum(x, 1), mx.cummax(x, { axis: 1, inclusive: false }));
  });
}
test("folds that are cut into blocks, on Metal", () => {
  const long = matrix(70001), wide = matrix(20003, 3);
  mx.eval(long, wide);
  agree(mx.sum(long), mx.max(long), mx.argmax(long));
  agree(mx.sum(wide, 0), mx.mean(wide, 0));
});
test("gathers and scatters on Metal", () => {
  const x = matrix(9, 70), i = mx.array(Int32Array.from([0, -1, 3, 3, 8, 3])), u = matrix(6, 70), t = matrix(9, 6);
  mx.eval(x, i, u, t);
  agree(mx.take(x, i, 0), mx.take(x, i, 1));
  for (const mode of ["add", "multiply", "maximum"] as const) agree(x.at(i)[mode](u));
  agree(x.at(":", i).add(t));
  agree(mx.grad((x: mx.NDArray) => mx.take(x, i, 1).square().sum())(x));
});
test("random bits on Metal", () => {
  agree(
    mx.random.uniform({ shape: [3, 77], key: mx.random.key(3) }),
    mx.random.normal([50], { key: mx.random.key(4) }),
  );
  // Both words of a hash, in fours, in pairs and alone; with a key in memory; beside arrays.
  const x = matrix(4096), k = mx.random.split(mx.random.key(5)).get(1);
  mx.eval(x, k);
  for (const n of [4096, 100, 50, 33, 2]) agree(mx.random.normal([n], { key: k }));
  agree(mx.where(mx.less(mx.random.uniform([4096], { key: k }), 0.5), x.mul(2), 0));
});
test("tiles on Metal", () => {
  const x = matrix(3, 132, 68), small = mx.astype(x, "bfloat16"), line = matrix(132);
  mx.eval(x, small, line);
  agree(mx.contiguous(x.transpose(0, 2, 1)), mx.contiguous(x.get(0).T), mx.contiguous(small.get(1).T));
  agree(x.get(1).T.mul(line).add(mx.contiguous(x.get(2).T)), mx.contiguous(x.get(0, ":", "1:").T));
  agree(mx.contiguous(x.get(0, ":66", ":66").T), mx.contiguous(x.transpose(2, 1, 0)));
});
test("strides, reversals, broadcasts and vectors on Metal", () => {
  const x = matrix(4, 6, 8), flat = matrix(4096);
  mx.eval(x, flat);
  agree(mx.contiguous(x.transpose(2, 0, 1)), mx.contiguous(x.get("::-1", "1::2", "::-3")), x.add(x.get(0)));
  agree(
    flat.mul(2).add(1),
    flat.get("1:").mul(2),
    flat.get("2:-2").exp(),
    mx.astype(flat, "float16").neg(),
    mx.astype(flat, "int8"),
  );
});

test("reads across any axis go by tiles, whatever else the kernel reads", () => {
  const orders = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const;
  const across = (x: mx.NDArray, order: readonly number[]): void => {
    const y = mx.transpose(x, [...order]),
      a = order[0] === 2 ? y.add(mx.ones(y.shape, x.dtype)) : y.get("1:", ":", "::-1");
    interpreted([mx.contiguous(a).node], (k, run) => {
      assert.equal(shapeOf(k, run, true).crossed.length > 0, order[2] !== 2, `${x.dtype}, ${order}`);
      runner.run(k, run);
    });
  };
  const x = matrix(33, 35, 34), small = matrix(3, 34, 5);
  mx.eval(x, small);
  for (const order of orders) across(x, order);
  for (const dtype of ["float16", "int64"] as const) {
    const narrow = mx.astype(x, dtype);
    mx.eval(narrow);
    across(narrow, [2, 1, 0]);
  }
  agree(mx.contiguous(mx.transpose(small, [2, 1, 0])));
});

test(`${GRAPHS} random graphs on Metal`, () => {
  for (let seed = 1; seed <= GRAPHS; seed++) {
    simulator?.metalsim_set(SEED, seed % 3);
    const recipe = randomRecipe(seed, 4 + seed % 18, false);
    const own = recipe.roots.filter((i) => !recipe.values[i]!.call && recipe.values[i]!.dtype !== "float64"),
      all = recipe.build();
    try {
      agree(...own.map((i) => all[i] as mx.NDArray));
    } catch (e) {
      if (e instanceof TypeError && /float64 on the GPU/.test(e.message)) continue;
      throw e;
    }
  }
  simulator?.metalsim_set(SEED, 0);
});

test("checked: no kernel races or leaves its memory", () => {
  if (simulator === null) return;
  simulator.metalsim_set(CHECKED, 1);
  simulator.metalsim_set(SEED, 11);
  const checked = new MetalRunner(), x = matrix(3, 1100), y = matrix(40, 33), i = mx.array(Int32Array.from([2, 0, 2]));
  mx.eval(x, y, i);
  const run = (a: mx.NDArray): unknown => interpreted([a.node], checked.run);
  [
    mx.softmax(x, -1),
    mx.cumsum(x, -1),
    mx.argmax(x, -1),
    mx.sum(y, 0),
    mx.argmin(y, 0),
    y.add(1),
    mx.contiguous(y.T),
    y.at(i).add(y.get("3:6")),
  ].forEach(run);
  simulator.metalsim_set(CHECKED, 0);
  simulator.metalsim_set(SEED, 0);
});

test("functions of float32 are within 3 ulp", () => {
  const ulp = (want: number): number => 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(want)))) - 23);
  const x = Float32Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? 1 : -1) * 2 ** (-20 + 27 * r.next()));
  const cases: readonly (readonly [string, (x: number) => number, (x: number) => boolean])[] = [
    ["exp", Math.exp, (x) => Math.abs(x) < 87],
    ["expm1", Math.expm1, (x) => x < 88],
    ["log", Math.log, (x) => x > 0],
    ["log1p", Math.log1p, (x) => x > -1],
    ["tanh", Math.tanh, () => true],
    ["sigmoid", (x) => 1 / (1 + Math.exp(-x)), (x) => x > -80],
  ];
  for (const [name, f, defined] of cases) {
    const input = x.filter(defined), a = mx.array(input);
    mx.eval(a);
    let worst = 0;
    interpreted([call(name)(a).node], (k, run) => {
      runner.run(k, run);
      const out = runner.last;
      input.forEach((v, i) => worst = Math.max(worst, Math.abs((out[i] as number) - f(v)) / ulp(f(v))));
    });
    assert.ok(worst <= 3, `${name}: ${worst} ulp`);
  }
});

test("64-bit indices, where a run needs them, give the same", () => {
  const x = matrix(6, 50);
  mx.eval(x);
  interpreted([mx.softmax(x, -1).node], (k, run) => {
    const wide = { ...shapeOf(k, run, true), wide: true };
    assert.match(makeProgram(k, wide, runner.language).text, /const long row/);
    runner.run(k, run, wide);
  });
});

test("float64 is refused with what to do", () => {
  assert.throws(() => agree(mx.array(new Float64Array([1, 2]), "float64").mul(2)), /Cannot compute float64 on the GPU/);
});
