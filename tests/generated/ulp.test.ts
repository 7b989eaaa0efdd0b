// The native library's functions over random bit patterns of the whole range: distance in ulp, of float64 from values of some 190 bits, of float32
// from float64 values.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { recording } from "../../src/core/device.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import * as exact from "../support/exact.ts";
import { type Big, big, number } from "../support/exact.ts";
import { Random } from "../support/random_graph.ts";
import { TINY } from "../support/subnormals.ts";

const COUNT = 200000;
const word = new Uint32Array(1), single = new Float32Array(word.buffer);
/** Position of a float32 among all floats in order. */
function order(x: number): number {
  single[0] = x;
  const u = word[0] as number;
  return u >>> 31 === 0 ? u : 0x80000000 - u;
}
/** Distance of a float32 from an exact value, in units of the float32 spacing there. */
function ulps(got: number, exact: number): number {
  if (Number.isNaN(got) || Number.isNaN(exact)) return Number.isNaN(got) && Number.isNaN(exact) ? 0 : Infinity;
  if (Math.abs(exact) < TINY && Math.abs(got) < TINY) return 0;
  const near = Math.fround(exact);
  if (Object.is(got, near) || got === near && Math.abs(exact) === 0) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(near)) return Math.abs(order(got) - order(near));
  const spacing = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(exact))), -126) - 23);
  return Math.abs(got - exact) / spacing;
}
/** A number that is not closer to 0 than TINY, but for zeros. */
const clear = (x: number): number => Math.abs(x) < TINY ? Math.sign(x) * TINY : x;
const SPECIAL = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  1.17549435e-38,
  -1.17549435e-38,
  1e-45,
  -1e-45,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  88.72283,
  88.73,
  -87.33,
  -103.9,
  -104,
  Math.PI,
  -Math.PI / 2,
  1e5,
  99999.99,
  16777216,
  0.5,
  2,
  3,
  -2,
  0.625,
  9.02,
].map(clear);
/** Random bit patterns, numbers of ordinary size, and special values. */
function samples(r: Random): Float32Array {
  const x = new Float32Array(COUNT), u = new Uint32Array(x.buffer);
  for (let i = 0; i < COUNT; i++) {
    if (i < SPECIAL.length) x[i] = SPECIAL[i] as number;
    else if (i % 3 === 0) u[i] = r.bits();
    else if (i % 3 === 1) x[i] = (r.next() * 2 - 1) * 10;
    else x[i] = (r.next() * 2 - 1) * 2 ** r.int(-20, 7);
    x[i] = clear(x[i] as number);
  }
  return x;
}
const wide = (f: (x: NDArray) => NDArray) => (x: Float32Array): Float64Array =>
  f(mx.array(Float64Array.from(x), "float64")).data() as Float64Array;
const each = (f: (x: number) => number) => (x: Float32Array): Float64Array => Float64Array.from(x, f);

const FUNCTIONS: readonly (readonly [string, (x: NDArray) => NDArray, (x: Float32Array) => Float64Array, number])[] = [
  ["exp", mx.exp, each(Math.exp), 2],
  ["log", mx.log, each(Math.log), 2],
  ["tanh", mx.tanh, each(Math.tanh), 2],
  ["sin", mx.sin, each(Math.sin), 2],
  ["cos", mx.cos, each(Math.cos), 2],
  ["erf", mx.erf, wide(mx.erf), 2],
  ["expm1", mx.expm1, each(Math.expm1), 2],
  ["log1p", mx.log1p, each(Math.log1p), 2],
  ["sigmoid", mx.sigmoid, wide(mx.sigmoid), 2],
  ["erfinv", mx.erfinv, wide(mx.erfinv), 2],
  ["log2", mx.log2, wide(mx.log2), 2],
  ["log10", mx.log10, wide(mx.log10), 2],
  ["tan", mx.tan, wide(mx.tan), 2],
  ["arcsin", mx.arcsin, wide(mx.arcsin), 2],
  ["arccos", mx.arccos, wide(mx.arccos), 2],
  ["arctan", mx.arctan, wide(mx.arctan), 2],
  ["sinh", mx.sinh, wide(mx.sinh), 2],
  ["cosh", mx.cosh, wide(mx.cosh), 2],
  ["arcsinh", mx.arcsinh, wide(mx.arcsinh), 2],
  ["arccosh", mx.arccosh, wide(mx.arccosh), 2],
  ["arctanh", mx.arctanh, wide(mx.arctanh), 2],
];
function report(
  name: string,
  bound: number,
  got: Float32Array,
  exact: Float64Array,
  show: (i: number) => string,
): void {
  let most = 0, at = 0;
  for (let i = 0; i < got.length; i++) {
    const d = ulps(got[i] as number, exact[i] as number);
    if (d > most) {
      most = d;
      at = i;
    }
  }
  console.log(`${name}: at most ${most.toFixed(3)} ulp over ${got.length} arguments (at ${show(at)})`);
  assert.ok(most <= bound, `${name}(${show(at)}) is ${got[at]}, exactly ${exact[at]}: ${most} ulp`);
}
const GPU = recording.device.type === "gpu";
for (const [name, f, exact, near] of FUNCTIONS) {
  // On a GPU some are its language's own.
  const bound = GPU ? 2 * near : near;
  test(`${name} of float32 is within ${bound} ulp`, { timeout: 7200000 }, () => {
    const x = samples(new Random(name.length * 77 + name.charCodeAt(0)));
    report(name, bound, f(mx.array(x)).data() as Float32Array, exact(x), (i) => String(x[i]));
  });
}
test("pow of float32 is within 2 ulp", { timeout: 7200000 }, () => {
  const r = new Random(5), x = samples(r), y = samples(r);
  for (let i = 0; i < COUNT; i++) {
    if (i < SPECIAL.length ** 2) {
      x[i] = SPECIAL[i % SPECIAL.length] as number;
      y[i] = SPECIAL[Math.floor(i / SPECIAL.length)] as number;
    } else if (i % 4 === 0) {
      // Results over the whole range: y = log2(result) / log2(x).
      x[i] = Math.abs(x[i] as number);
      y[i] = (r.next() * 300 - 150) / Math.log2(x[i] as number);
    } else if (i % 4 === 1) y[i] = r.int(-20, 20);
  }
  // C's rules where JavaScript has its own: 1 to any power and (-1) to an infinite one are 1.
  const exact = Float64Array.from(
    x,
    (a, i) => a === 1 || a === -1 && Math.abs(y[i] as number) === Infinity ? 1 : a ** (y[i] as number),
  );
  report("pow", 2, mx.power(mx.array(x), mx.array(y)).data() as Float32Array, exact, (i) => `${x[i]}, ${y[i]}`);
});
for (const [name, f] of [["arctan2", mx.arctan2], ["logaddexp", mx.logaddexp]] as const) {
  // What is left of the sum where it cancels has on a GPU no more digits than float32.
  test(`${name} of float32 is within 2 ulp`, { skip: GPU && name === "logaddexp" }, () => {
    const r = new Random(9), x = samples(r), y = samples(r);
    for (let i = 0; i < SPECIAL.length ** 2; i++) {
      x[i] = SPECIAL[i % SPECIAL.length] as number;
      y[i] = SPECIAL[Math.floor(i / SPECIAL.length)] as number;
    }
    const double = (v: Float32Array): NDArray => mx.array(Float64Array.from(v), "float64");
    const want = f(double(x), double(y)).data() as Float64Array;
    report(name, 2, f(mx.array(x), mx.array(y)).data() as Float32Array, want, (i) => `${x[i]}, ${y[i]}`);
  });
}

// ---- float64 ----------------------------------------------------------------------------------------------------------
const COUNT64 = 1500, MOST = Number.MAX_VALUE, LEAST = 2 ** -1022, EPS = 2 ** -53;
const SPECIAL64 = [
  ...[
    0,
    1,
    Infinity,
    NaN,
    LEAST,
    2 ** -1074,
    MOST,
    1 - EPS,
    1 + 2 * EPS,
    0.5,
    2,
    3,
    Math.PI,
    Math.PI / 2,
    2 ** -28,
    2 ** -54,
  ],
  ...[709.78, 709.79, 708.4, 745.1, 745.2, 710.47, 710.48, 1e22, 1.6e6, 1599999.5, 2 ** 60, 1e300, 20, 6],
  // the float64 that is nearest to a multiple of pi / 2
  6381956970095103 * 2 ** 797,
].flatMap((x) => [x, -x]);
const long = new BigUint64Array(1), double = new Float64Array(long.buffer);
function anyDouble(r: Random): number {
  long[0] = BigInt(r.bits() >>> 0) << 32n | BigInt(r.bits() >>> 0);
  return double[0] as number;
}
function samples64(r: Random): Float64Array {
  return Float64Array.from({ length: COUNT64 }, (_, i) => {
    if (i < SPECIAL64.length) return SPECIAL64[i] as number;
    if (i % 4 === 0) return anyDouble(r);
    if (i % 4 === 1) return (r.next() * 2 - 1) * 20;
    if (i % 4 === 2) return (r.next() * 2 - 1) * 2 ** r.int(-40, 10);
    return (i % 8 < 4 ? 1 : -1) * (1 + (r.next() * 2 - 1) * 2 ** -r.int(0, 50));
  });
}
/** The distance between neighbours of a float64. */
function spacing64(x: number): number {
  double[0] = x;
  return 2 ** (Math.max(Number((long[0] as bigint) >> 52n & 2047n), 1) - 1075);
}
/** Distance from an exact value; `usual` is the value to double precision, and decides where it is 0, infinite or NaN. */
function ulps64(got: number, usual: number, value: () => Big, atLeast = 0): number {
  if (!Number.isFinite(usual) || !Number.isFinite(got)) return Object.is(got, usual) ? 0 : Infinity;
  if (usual === 0 || got === 0) return Object.is(got, usual) ? 0 : Math.abs(got - usual) / 2 ** -1074 || Infinity;
  const want = value();
  return Math.abs(number(exact.sub(big(got), want))) / spacing64(Math.max(Math.abs(number(want)), atLeast));
}
function report64(name: string, got: Float64Array, error: (i: number) => number, show: (i: number) => string): void {
  let most = 0, at = 0;
  for (let i = 0; i < got.length; i++) {
    const d = error(i);
    if (!(d <= most)) {
      most = d;
      at = i;
    }
  }
  console.log(`${name} (float64): at most ${most.toFixed(3)} ulp over ${got.length} arguments (at ${show(at)})`);
  assert.ok(most <= 2, `${name}(${show(at)}) of float64 is ${got[at]}: ${most} ulp`);
}
const logistic = (x: number): number => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
// Where only 0, infinity and NaN matter: any value does for others.
const clamped = (f: (x: number) => number) => (x: number): number => x !== 0 && Math.abs(x) < 1 ? 0.5 : f(x);
const FUNCTIONS64: readonly (readonly [
  string,
  (x: NDArray) => NDArray,
  (x: Big, got: number) => Big,
  (x: number) => number,
])[] = [
  ["exp", mx.exp, exact.exp, Math.exp],
  ["expm1", mx.expm1, exact.expm1, Math.expm1],
  ["log", mx.log, exact.log, Math.log],
  ["log2", mx.log2, exact.log2, Math.log2],
  ["log10", mx.log10, exact.log10, Math.log10],
  ["log1p", mx.log1p, exact.log1p, Math.log1p],
  ["sin", mx.sin, (x) => exact.circle(x)[0], Math.sin],
  ["cos", mx.cos, (x) => exact.circle(x)[1], Math.cos],
  ["tan", mx.tan, (x) => {
    const [s, c] = exact.circle(x);
    return exact.div(s, c);
  }, Math.tan],
  ["arcsin", mx.arcsin, exact.asin, Math.asin],
  ["arccos", mx.arccos, exact.acos, Math.acos],
  ["arctan", mx.arctan, exact.atan, Math.atan],
  ["sinh", mx.sinh, exact.sinh, Math.sinh],
  ["cosh", mx.cosh, exact.cosh, Math.cosh],
  ["tanh", mx.tanh, exact.tanh, Math.tanh],
  ["arcsinh", mx.arcsinh, exact.asinh, Math.asinh],
  ["arccosh", mx.arccosh, exact.acosh, Math.acosh],
  ["arctanh", mx.arctanh, exact.atanh, Math.atanh],
  ["sigmoid", mx.sigmoid, exact.sigmoid, logistic],
  ["erf", mx.erf, exact.erf, (x) => Math.abs(x) === Infinity ? Math.sign(x) : x * 1],
  ["erfinv", mx.erfinv, exact.erfinv, clamped((x) => x === 0 ? x : Math.abs(x) === 1 ? x * Infinity : NaN)],
];
for (const [name, f, value, usual] of FUNCTIONS64) {
  test(`${name} of float64 is within 2 ulp`, () => {
    const x = samples64(new Random(name.length * 77 + name.charCodeAt(0))),
      got = f(mx.array(x, "float64")).data() as Float64Array;
    const error = (i: number): number => {
      const a = x[i] as number, y = got[i] as number;
      return ulps64(y, usual(a), () => value(big(a), y));
    };
    report64(name, got, error, (i) => String(x[i]));
  });
}
const FUNCTIONS264: readonly (readonly [
  string,
  (x: NDArray, y: NDArray) => NDArray,
  (x: Big, y: Big) => Big,
  (x: number, y: number) => number,
])[] = [
  // Some engines lose the sign where the quotient underflows.
  ["arctan2", mx.arctan2, exact.atan2, (y, x) => Math.atan2(y, x) === 0 ? y * 0 : Math.atan2(y, x)],
  ["power", mx.power, (x, y) => {
    // The sign of an odd power; what is below every float64 needs no exact value.
    const p = exact.pow(x.m < 0n ? exact.neg(x) : x, y);
    return x.m < 0n && Math.abs(number(y)) % 2 === 1 ? exact.neg(p) : p;
  }, (x, y) => x === 1 || x === -1 && Math.abs(y) === Infinity ? 1 : x ** y],
  ["logaddexp", mx.logaddexp, exact.logaddexp, (x, y) => {
    const m = Math.max(x, y), d = Math.min(x, y) - m;
    return Math.abs(m) === Infinity || d === -Infinity ? m : m + Math.log1p(Math.exp(d));
  }],
];
for (const [name, f, value, usual] of FUNCTIONS264) {
  test(`${name} of float64 is within 2 ulp`, () => {
    const r = new Random(name.length), x = samples64(r), y = samples64(r);
    // Every special argument beside every fourth one, then powers of all sizes and sums of near terms.
    for (let i = 0; i < COUNT64; i++) {
      if (i < SPECIAL64.length * 8) {
        x[i] = SPECIAL64[i % SPECIAL64.length] as number;
        y[i] = SPECIAL64[(i * 7 + Math.floor(i / SPECIAL64.length)) % SPECIAL64.length] as number;
      } else if (name === "power" && i % 2 === 0) {
        x[i] = Math.abs(x[i] as number);
        y[i] = (r.next() * 2200 - 1100) / Math.log2(x[i] as number);
      } else if (name === "power" && i % 4 === 1) y[i] = r.int(-20, 20);
      else if (name === "logaddexp" && i % 2 === 0) y[i] = (x[i] as number) + (r.next() * 2 - 1) * 5;
    }
    const got = f(mx.array(x, "float64"), mx.array(y, "float64")).data() as Float64Array;
    const error = (i: number): number => {
      const a = x[i] as number, b = y[i] as number, y0 = got[i] as number;
      // The larger operand and the other term's part of it may cancel.
      const atLeast = name === "logaddexp" ? Math.abs(Math.max(a, b)) : 0;
      // What no finite exact number says: infinite arguments, and the sign of zero.
      const special = !Number.isFinite(a) || !Number.isFinite(b) || name !== "logaddexp" && (a === 0 || b === 0);
      if (special) return Object.is(y0, usual(a, b)) ? 0 : Infinity;
      return ulps64(y0, usual(a, b), () => value(big(a), big(b)), atLeast);
    };
    report64(name, got, error, (i) => `${x[i]}, ${y[i]}`);
  });
}
test("a value does not depend on its place", () => {
  const r = new Random(3), single = samples(r).subarray(0, 700), wideOnes = samples64(r).subarray(0, 700);
  const bytes = (a: NDArray): Uint8Array => {
    const d = a.data() as Float32Array;
    return new Uint8Array(d.buffer, d.byteOffset, d.byteLength).slice();
  };
  for (const values of [single, wideOnes]) {
    const of = (from: number, to: number): NDArray =>
      mx.array(values.slice(from, to), values === single ? "float32" : "float64");
    for (const [name, f] of FUNCTIONS64) {
      const all = bytes(f(of(0, 700))), one = values.BYTES_PER_ELEMENT;
      for (const [from, to] of [[0, 1], [1, 40], [3, 300], [699, 700]] as const) {
        assert.deepEqual(bytes(f(of(from, to))), all.slice(from * one, to * one), `${name} from ${from} to ${to}`);
      }
    }
  }
});
test("the sign of zero comes through", () => {
  for (
    const f of [
      ...[mx.sin, mx.tan, mx.tanh, mx.erf, mx.erfinv, mx.expm1, mx.log1p, mx.sinh],
      ...[mx.arcsin, mx.arctan, mx.arcsinh, mx.arctanh],
    ]
  ) {
    for (const d of ["float32", "float64"] as const) {
      assert.ok(Object.is((f(mx.array([-0], d)).data() as Float32Array)[0], -0), `${f} ${d}`);
    }
  }
});
