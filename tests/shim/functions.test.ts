// Tests shim/cpu: every float32 function of one number against the exact value.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory, pass, program, run } from "../support/shim.ts";
import { MAP, MEM } from "../support/words.ts";

/** Distance of a float32 from an exact value, in units of the float32 spacing there. */
function ulps(got: number, exact: number): number {
  if (Number.isNaN(got) || Number.isNaN(exact)) return Number.isNaN(got) && Number.isNaN(exact) ? 0 : Infinity;
  if (got === Math.fround(exact)) return 0;
  if (!Number.isFinite(got)) return Infinity;
  return Math.abs(got - exact) / 2 ** (Math.max(Math.floor(Math.log2(Math.abs(exact))), -126) - 23);
}
function evenly(from: number, to: number): (i: number, n: number) => number {
  return (i, n) => from + (to - from) * i / (n - 1);
}
const special = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  1e-45,
  -1e-45,
  1.1754944e-38,
  3.4028235e38,
  -3.4028235e38,
  0.5,
  1.5,
  2.5,
  -0.5,
  -2.5,
  88.7,
  -103.9,
  1e5,
  1e9,
  4,
];
const sign = (x: number): number => x > 0 ? 1 : x < 0 ? -1 : 0;
const even = (x: number): number =>
  Math.abs(x) < 2 ** 23 ? (Math.abs(x) + 2 ** 52 - 2 ** 52) * (x < 0 || Object.is(x, -0) ? -1 : 1) : x;
type Reference = readonly [name: string, exact: (x: number) => number, bound: number];
const floats: readonly Reference[] = [
  ["neg", (x) => -x, 0],
  ["abs", Math.abs, 0],
  ["sign", sign, 0],
  ["floor", Math.floor, 0],
  ["ceil", Math.ceil, 0],
  ["trunc", Math.trunc, 0],
  ["round", even, 0],
  ["sqrt", Math.sqrt, 0.5],
  ["rsqrt", (x) => 1 / Math.sqrt(x), 1.5],
  ["recip", (x) => 1 / x, 0.5],
  ["square", (x) => x * x, 0.5],
  ["exp", Math.exp, 2],
  ["expm1", Math.expm1, 2],
  ["log", Math.log, 2],
  ["log1p", Math.log1p, 2],
  ["tanh", Math.tanh, 2],
  ["sin", Math.sin, 2],
  ["cos", Math.cos, 2],
  ["sigmoid", (x) => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)), 2],
  ["log2", Math.log2, 2],
  ["log10", Math.log10, 2],
  ["tan", Math.tan, 2],
  ["asin", Math.asin, 2],
  ["acos", Math.acos, 2],
  ["atan", Math.atan, 2],
  ["sinh", Math.sinh, 2],
  ["cosh", Math.cosh, 2],
  ["asinh", Math.asinh, 2],
  ["acosh", Math.acosh, 2],
  ["atanh", Math.atanh, 2],
];
const tests: readonly Reference[] = [
  ["isnan", (x) => Number(Number.isNaN(x)), 0],
  ["isinf", (x) => Number(Math.abs(x) === Infinity), 0],
  ["isfinite", (x) => Number(Number.isFinite(x)), 0],
  ["isposinf", (x) => Number(x === Infinity), 0],
  ["isneginf", (x) => Number(x === -Infinity), 0],
  ["lnot", (x) => Number(x === 0), 0],
];
const ranges = [
  evenly(-4, 4),
  evenly(-100, 100),
  evenly(-1, 1),
  (i: number) => (i % 2 === 0 ? 1 : -1) * 2 ** (i % 250 - 125) * (1 + i * 0.618 % 1),
];
test("every float32 function of one number is near the exact value", () => {
  const n = 12000, x = memory(Float32Array, 4 * n), y = memory(Float32Array, 4 * n), z = new Int32Array(y.at.buffer);
  for (let i = 0; i < n; i++) x.at[i] = i < special.length ? special[i]! : ranges[i % ranges.length]!(i, n);
  const apply = (name: string): void =>
    run([x.id, y.id], {
      program: program(MAP, pass(["ld.w32", MEM], [name, 0], ["st.w32", MEM | 1])),
      inner: [n],
      mems: [{ binding: 0, inner: [1] }, { binding: 1, inner: [1] }],
    });
  const near = (name: string, exact: (i: number) => number, bound: number): void => {
    apply(`${name}.f32`);
    let most = 0, at = 0;
    for (let i = 0; i < n; i++) {
      const d = ulps(y.at[i]!, exact(i));
      if (d > most) [most, at] = [d, i];
    }
    assert.ok(most <= bound + 1e-6, `${name}(${x.at[at]}) is ${y.at[at]}, exactly ${exact(at)}: ${most} ulp`);
  };
  for (const [name, exact, bound] of floats) near(name, (i) => exact(x.at[i]!), bound);
  for (const [name, exact] of tests) {
    apply(`${name}.f32`);
    for (let i = 0; i < n; i++) assert.equal(z[i], exact(x.at[i]!), `${name}(${x.at[i]})`);
  }
  // erf and erfinv against the library's own float64 stages, which are the C library's.
  const wide = memory(Float64Array, 8 * n);
  for (const [name, bound] of [["erf", 2], ["erfinv", 6]] as const) {
    run([x.id, wide.id], {
      program: program(MAP, pass(["ld.w32", MEM], ["cast.f32.f64"], [`${name}.f64`], ["st.w64", MEM | 1]), { wide: 1 }),
      inner: [n],
      mems: [{ binding: 0, inner: [1] }, { binding: 1, inner: [1] }],
    });
    near(name, (i) => wide.at[i]!, bound);
  }
});
