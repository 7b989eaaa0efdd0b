// The native library's float32 functions over random bit patterns of the whole range: distance in ulp from float64 values.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { Random } from "../support/random_graph.ts";

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
  const near = Math.fround(exact);
  if (Object.is(got, near) || got === near && Math.abs(exact) === 0) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(near)) return Math.abs(order(got) - order(near));
  const spacing = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(exact))), -126) - 23);
  return Math.abs(got - exact) / spacing;
}
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
];
/** Random bit patterns, numbers of ordinary size, and special values. */
function samples(r: Random): Float32Array {
  const x = new Float32Array(COUNT), u = new Uint32Array(x.buffer);
  for (let i = 0; i < COUNT; i++) {
    if (i < SPECIAL.length) x[i] = SPECIAL[i] as number;
    else if (i % 3 === 0) u[i] = r.bits();
    else if (i % 3 === 1) x[i] = (r.next() * 2 - 1) * 10;
    else x[i] = (r.next() * 2 - 1) * 2 ** r.int(-20, 7);
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
  ["expm1", mx.expm1, each(Math.expm1), 4],
  ["log1p", mx.log1p, each(Math.log1p), 4],
  ["sigmoid", mx.sigmoid, each((x) => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))), 4],
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
for (const [name, f, exact, bound] of FUNCTIONS) {
  test(`${name} of float32 is within ${bound} ulp`, { timeout: 180000 }, () => {
    const x = samples(new Random(name.length * 77 + name.charCodeAt(0)));
    report(name, bound, f(mx.array(x)).data() as Float32Array, exact(x), (i) => String(x[i]));
  });
}
test("pow of float32 is within 2 ulp", { timeout: 180000 }, () => {
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
test("the sign of zero comes through", () => {
  for (
    const [name, f] of [["sin", mx.sin], ["tanh", mx.tanh], ["erf", mx.erf], ["expm1", mx.expm1], [
      "log1p",
      mx.log1p,
    ]] as const
  ) {
    assert.ok(Object.is((f(mx.array([-0])).data() as Float32Array)[0], -0), name);
  }
});
