// Every op of the registry at every dtype that it accepts: type rule, values against the interpreter and against an independent reference.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { DTYPES, isComplex } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { registry } from "../../src/ops/basis.ts";
import { shareOf, whole } from "../support/share.ts";
import { BINARY, convert, type Element, UNARY } from "../reference/elementwise.ts";
import { REDUCE } from "../reference/reduce.ts";
import { Random } from "../support/random_graph.ts";
import {
  arrayOf,
  attempt,
  call,
  check,
  checkBinary,
  checkLarge,
  checkReduce,
  checkSoftmax,
  checkUnary,
  close,
  covered,
  elementsOf,
  finish,
  inputs,
  REAL,
} from "../support/op_checks.ts";
import {
  checkBits,
  checkKeys,
  checkMovement,
  checkProduct,
  checkPromotion,
  checkScan,
  checkScatter,
  checkSort,
  checkView,
  checkWeak,
  scanNames,
} from "../support/structure_checks.ts";
import { checkLinalg } from "../support/linalg_checks.ts";
import { MOVEMENT } from "../reference/grid.ts";

const pairs = <A, B>(a: readonly A[], b: readonly B[]): (readonly [A, B])[] =>
  a.flatMap((x) => b.map((y) => [x, y] as const));
test("unary ops agree with their references and the interpreter", { timeout: 7200000 }, () => {
  const failures: string[] = [];
  for (const [name, d] of shareOf(pairs(Object.keys(UNARY), REAL))) failures.push(...checkUnary(name, d));
  finish(failures, Object.keys(UNARY).length * REAL.length);
});
test("binary ops agree with their references and the interpreter", { timeout: 7200000 }, () => {
  const failures: string[] = [];
  for (const [name, d] of shareOf(pairs(Object.keys(BINARY), REAL))) {
    if (!(name.endsWith("Shift") && d === "bool")) failures.push(...checkBinary(name, d));
  }
  finish(failures, Object.keys(BINARY).length * REAL.length);
});
test("reductions agree with their references and the interpreter", { timeout: 7200000 }, () => {
  const failures: string[] = [];
  for (const [name, d] of shareOf(pairs(Object.keys(REDUCE), REAL))) {
    // MLX shifts by the maximum in the input's own dtype, where differences of bools and unsigned integers wrap; recorded vectors hold that.
    if (name !== "logsumexp" || d !== "bool" && !d.startsWith("u")) failures.push(...checkReduce(name, d));
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
test("astype between all dtypes agrees with its reference and the interpreter", { timeout: 7200000 }, () => {
  const failures: string[] = [];
  let ran = 0;
  for (const from of REAL) {
    for (const input of inputs(new Random(from.length), from)) {
      for (const to of shareOf(REAL)) {
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
test("complex ops and creation agree with the interpreter", { timeout: 7200000 }, () => {
  const runs: (readonly [string, () => NDArray])[] = [], r = new Random(9);
  const z = (shape: readonly number[]): NDArray => {
    const n = shape.reduce((a, b) => a * b, 1),
      a = mx.array(Array.from({ length: n }, () => ({ re: r.next() * 2 - 1, im: r.next() * 2 - 1 })), "complex64")
        .reshape([...shape]);
    mx.eval(a);
    return a;
  };
  const run = (name: string, make: () => NDArray): void => void runs.push([name, make]);
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
  run("max of complex64", () => mx.max(base, 0));
  for (const d of DTYPES) {
    run(`arange of ${d}`, () => isComplex(d) || d === "bool" ? mx.full([3], 2, d) : mx.arange(2, 40, 3, d));
    run(`eye of ${d}`, () => mx.eye(4, { dtype: d }));
    run(`stopGradient of ${d}`, () => mx.add(mx.stopGradient(mx.eye(4, { dtype: d })), mx.eye(4, { dtype: d })));
  }
  const failures = shareOf(runs).flatMap(([name, make]) => {
    const bad = attempt(() => check(make, null, null, false));
    return bad === null ? [] : [`${name}: ${bad}`];
  });
  finish(failures, runs.length);
});
/** A test of a check at each of a list of arguments. */
function each<A>(name: string, list: readonly A[], check: (a: A) => readonly string[] | string | null): void {
  test(name, { timeout: 7200000 }, () => finish(shareOf(list).flatMap((a) => check(a) ?? []), list.length));
}
each(
  "elementwise ops of many elements have the bits of a few",
  pairs([...Object.keys(UNARY), ...Object.keys(BINARY)], REAL),
  ([n, d]) => checkLarge(n, d),
);
each(
  "movement and indexing agree with their references",
  pairs(Object.keys(MOVEMENT), DTYPES),
  ([n, d]) => checkMovement(n, d),
);
each(
  "scatters agree with their references",
  pairs(["set", "add", "subtract", "multiply", "maximum", "minimum"], REAL),
  ([n, d]) => n !== "set" && d === "bool" ? null : checkScatter(n, d),
);
each("scans agree with their references", pairs(scanNames, REAL), ([n, d]) => checkScan(n, d));
each("softmax agrees with its reference", REAL, checkSoftmax);
each("sorts agree with their references", REAL, checkSort);
each("matrix products agree with their references", DTYPES, checkProduct);
each(
  "mixed dtypes promote by MLX's table, and values with them",
  pairs(["add", "multiply", "maximum", "less", "divide"], pairs(DTYPES, DTYPES)),
  ([n, [a, b]]) => checkPromotion(n, a, b),
);
each("scalars are weak", DTYPES, checkWeak);
each("random words are Threefry's", [0, 1, 2, 3, 7, 8, 100, 1001], checkBits);
each("the bytes of an array seen as another dtype", pairs(DTYPES, DTYPES), ([a, b]) => checkView(a, b));
each("factorisations give their input back", ["float32", "float64"] as const, checkLinalg);
each("graphs that differ in arguments only have plans of their own", [1, 2, 3], checkKeys);
test("every op of the registry was tested", { skip: !whole }, () => {
  // Leaves are no computation; the others belong to transforms.
  const others = new Set(["alias", "array", "placeholder", "family", "result", "depends"]);
  assert.deepEqual(registry.map((o) => o.name).filter((n) => !covered.has(n) && !others.has(n)), []);
});
