// Every op of the registry at every dtype that it accepts: type rule, values against the interpreter and against an independent reference.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { DTYPES, isComplex } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { registry } from "../../src/ops/basis.ts";
import { BINARY, convert, type Element, UNARY } from "../reference/elementwise.ts";
import { REDUCE } from "../reference/reduce.ts";
import { Random } from "../support/random_graph.ts";
import {
  arrayOf,
  attempt,
  call,
  check,
  checkBinary,
  checkReduce,
  checkUnary,
  close,
  covered,
  elementsOf,
  finish,
  inputs,
  REAL,
  sample,
} from "../support/op_checks.ts";

test("unary ops agree with their references and the interpreter", { timeout: 180000 }, () => {
  const failures: string[] = [];
  for (const name of Object.keys(UNARY)) for (const d of REAL) failures.push(...checkUnary(name, d));
  finish(failures, Object.keys(UNARY).length * REAL.length);
});
test("binary ops agree with their references and the interpreter", { timeout: 180000 }, () => {
  const failures: string[] = [];
  for (const name of Object.keys(BINARY)) {
    for (const d of REAL) if (!(name.endsWith("Shift") && d === "bool")) failures.push(...checkBinary(name, d));
  }
  finish(failures, Object.keys(BINARY).length * REAL.length);
});
test("reductions agree with their references and the interpreter", { timeout: 180000 }, () => {
  const failures: string[] = [];
  for (const name of Object.keys(REDUCE)) {
    for (const d of REAL) {
      // MLX shifts by the maximum in the input's own dtype, where differences of bools and unsigned integers wrap; recorded vectors hold that.
      if (name !== "logsumexp" || d !== "bool" && !d.startsWith("u")) failures.push(...checkReduce(name, d));
    }
  }
  finish(failures, Object.keys(REDUCE).length * REAL.length);
});
test("reductions over no elements give the identity or a RangeError", () => {
  for (const d of REAL) {
    const x = arrayOf([], d, [3, 0]);
    assert.deepEqual(elementsOf(mx.sum(x, 1)).map(Number), [0, 0, 0]);
    assert.deepEqual(elementsOf(mx.prod(x, 1)).map(Number), [1, 1, 1]);
    assert.equal(mx.sum(x, 0).size, 0);
    assert.throws(() => mx.max(x), RangeError);
    assert.throws(() => mx.argmin(x, 1), RangeError);
    assert.deepEqual(mx.all(x).item(), true);
  }
});
test("astype between all dtypes agrees with its reference and the interpreter", { timeout: 180000 }, () => {
  const failures: string[] = [];
  let ran = 0;
  for (const from of REAL) {
    for (const input of inputs(new Random(from.length), from)) {
      for (const to of REAL) {
        if (from === to) continue;
        ran++;
        const want = input.values.map((x) => convert(x, to)), known = input.values.map((_, i) => want[i] !== null);
        const bad = attempt(() => {
          const a = mx.astype(input.array, to);
          if (a.dtype !== to) return `dtype is ${a.dtype}`;
          const got = elementsOf(a);
          for (let i = 0; i < got.length; i++) {
            if (known[i] && !close(to, got[i] as Element, want[i] as Element, 0)) {
              return `element ${i}, ${input.values[i]}, becomes ${got[i]}, the reference has ${want[i]}`;
            }
          }
          return known.includes(false) ? null : check(() => mx.astype(input.array, to), null, to, true);
        });
        if (bad !== null) failures.push(`${from} ${input.name} to ${to}: ${bad}`);
      }
    }
  }
  finish(failures, ran);
});
test("complex ops and those of movement agree with the interpreter", { timeout: 180000 }, () => {
  const failures: string[] = [], r = new Random(9);
  const z = (shape: readonly number[]): NDArray => {
    const n = shape.reduce((a, b) => a * b, 1),
      a = mx.array(Array.from({ length: n }, () => ({ re: r.next() * 2 - 1, im: r.next() * 2 - 1 })), "complex64")
        .reshape([...shape]);
    mx.eval(a);
    return a;
  };
  const run = (name: string, make: () => NDArray): void => {
    const bad = attempt(() => check(make, null, null, false));
    if (bad !== null) failures.push(`${name}: ${bad}`);
  };
  const base = z([5, 7]), other = z([5, 7]), long = z([1000]), empty = z([0, 3]), scalar = z([]);
  const forms: [string, NDArray][] = [
    ["contiguous", base],
    ["transposed", base.transpose()],
    ["reversed", base.get("::-1", "::-2")],
    ["1000", long],
    ["no elements", empty],
    ["0-d", scalar],
  ];
  for (const [what, x] of forms) {
    for (
      const name of [
        "abs",
        "negative",
        "sign",
        "square",
        "round",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "exp",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "arcsinh",
        "arccosh",
        "arctanh",
        "isnan",
        "isinf",
        "isfinite",
        "real",
        "imag",
        "conjugate",
        "sum",
      ]
    ) run(`${name} of ${what} complex64`, () => call(name)(x));
  }
  for (
    const name of [
      "add",
      "subtract",
      "multiply",
      "divide",
      "power",
      "maximum",
      "minimum",
      "logaddexp",
      "equal",
      "notEqual",
      "less",
      "greaterEqual",
      "lessEqual",
      "greater",
      "logicalAnd",
    ]
  ) {
    run(`${name} of complex64`, () => call(name)(base, other));
    run(`${name} of transposed complex64`, () => call(name)(base.transpose(), other.transpose()));
  }
  for (const d of DTYPES) {
    const x = isComplex(d) ? z([4, 6]) : arrayOf(sample(r, d, 24), d, [4, 6]),
      i = mx.array(Int32Array.from([0, -1, 2, 2, 1])),
      u = isComplex(d) ? z([5, 6]) : arrayOf(sample(r, d, 30), d, [5, 6]);
    mx.eval(x, i, u);
    const t = x.transpose();
    for (const [form, y] of [["", x], [" transposed", t]] as const) {
      run(`take of${form} ${d}`, () => mx.take(y, i, 0));
      run(`get of${form} ${d}`, () => mx.get(y, "::-1", "1:4"));
      run(`concatenate of${form} ${d}`, () => mx.concatenate([y, y], 1));
      run(`pad of${form} ${d}`, () => mx.pad(y, 2));
      run(`flip of${form} ${d}`, () => mx.flip(y, 0));
      run(`roll of${form} ${d}`, () => mx.roll(y, 2, 1));
      run(`tile of${form} ${d}`, () => mx.tile(y, [2, 3]));
      run(`repeat of${form} ${d}`, () => mx.repeat(y, 3, 1));
      run(`reshape of${form} ${d}`, () => mx.reshape(y, 3, 8));
      run(`broadcastTo of${form} ${d}`, () => mx.contiguous(mx.broadcastTo(y, [2, ...y.shape])));
      run(`diagonal of${form} ${d}`, () => mx.diagonal(y, 1));
      run(`where of${form} ${d}`, () => mx.where(mx.array([true]), y, 0));
      run(`stopGradient of${form} ${d}`, () => mx.add(mx.stopGradient(y), y));
      run(`tril of${form} ${d}`, () => mx.tril(y, -1));
    }
    if (!isComplex(d)) {
      for (const mode of ["add", "multiply", "maximum", "minimum"] as const) {
        if (d !== "bool") run(`at.${mode} of ${d}`, () => x.at(i)[mode](u));
      }
    }
    run(`takeAlongAxis of ${d}`, () => mx.takeAlongAxis(x, mx.array([[0, 1, -1, 2, 3, 0]], "int32"), 0));
    run(`arange of ${d}`, () => isComplex(d) || d === "bool" ? mx.full([3], 2, d) : mx.arange(2, 40, 3, d));
    run(`eye of ${d}`, () => mx.eye(4, { dtype: d }));
  }
  finish(failures, 0);
});
test("every op of the registry was tested", () => {
  // Library calls, scans and random bits have tests of their own; leaves are no computation; alias, family, result, placeholder and depends belong to transforms, complex and pick to extremes and to calls.
  const others = new Set(["pick", "alias", "array", "complex", "placeholder", "family", "result", "depends"]);
  const missed = registry.filter((o) =>
    o.lower.kind !== "call" && o.lower.kind !== "scan" && !o.name.startsWith("random") && !others.has(o.name) &&
    !covered.has(o.name)
  ).map((o) => o.name);
  assert.deepEqual(missed, []);
});
