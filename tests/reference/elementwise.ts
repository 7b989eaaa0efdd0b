// Independent definitions of the elementwise ops in float64 and bigint, against which the generated tests compare. Shares nothing with src/ops.
import type { DType } from "../../src/base/dtype.ts";

/** An element: a number of floats (and bools: 0 or 1), a bigint of integers. */
export type Element = number | bigint;
const BITS: Readonly<Record<string, number>> = {
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
};
/** True for integer dtypes. */
export const isWhole = (d: DType): boolean => d in BITS;
/** Wraps an integer to a dtype. */
export function wrap(d: DType, v: bigint): bigint {
  if (d === "bool") return v === 0n ? 0n : 1n;
  const bits = BITS[d] as number;
  return d.startsWith("u") ? BigInt.asUintN(bits, v) : BigInt.asIntN(bits, v);
}
/** Rounds a float64 to a floating dtype, half to even. */
export function round(d: DType, x: number): number {
  if (d === "float64" || !Number.isFinite(x) || x === 0) return x;
  if (d === "float32") return Math.fround(x);
  // p bits of significand, least exponent of normal numbers, largest number.
  const [p, low, most] = d === "float16" ? [11, -14, 65504] : [8, -126, 3.3895313892515355e38];
  let e = Math.floor(Math.log2(Math.abs(x)));
  if (2 ** e > Math.abs(x)) e--;
  else if (2 ** (e + 1) <= Math.abs(x)) e++;
  const unit = 2 ** (Math.max(e, low) - p + 1), q = x / unit, f = Math.floor(q), r = q - f;
  const n = r < 0.5 || r === 0.5 && f % 2 === 0 ? f : f + 1, y = n * unit;
  return Math.abs(y) > most ? Math.sign(x) * Infinity : y === 0 ? x * 0 : y;
}
/** Distance between neighbours of a floating dtype at x. */
export function spacing(d: DType, x: number): number {
  const [p, low] = d === "float16"
    ? [11, -14]
    : d === "bfloat16"
    ? [8, -126]
    : d === "float64"
    ? [53, -1022]
    : [24, -126];
  const a = Math.abs(x);
  if (!Number.isFinite(a) || a === 0) return 2 ** (low - p + 1);
  return 2 ** (Math.max(Math.floor(Math.log2(a)), low) - p + 1);
}

function erf(x: number): number {
  // Abramowitz and Stegun 7.1.5 near 0, 7.1.14 beyond.
  const a = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let sum = 0, term = x;
    for (let n = 0; n < 80; n++) {
      sum += term / (2 * n + 1);
      term *= -x * x / (n + 1);
    }
    return x === 0 ? x : sum * 2 / Math.sqrt(Math.PI);
  }
  let c = 0;
  for (let k = 80; k >= 1; k--) c = k / 2 / (a + c);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + c) * Math.sqrt(Math.PI)));
}
function erfinv(y: number): number {
  if (Math.abs(y) === 1) return y * Infinity;
  if (!(Math.abs(y) < 1)) return NaN;
  if (Math.abs(y) < 1e-8) return y * Math.sqrt(Math.PI) / 2;
  let lo = -6, hi = 6;
  for (let i = 0; i < 100; i++) {
    const m = (lo + hi) / 2;
    if (erf(m) < y) lo = m;
    else hi = m;
  }
  return (lo + hi) / 2;
}
const even = (x: number): number => {
  const r = Math.round(x);
  return !Number.isFinite(x) ? x : Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

/** One op of floats: its value, and what it does to integers (`float`: they become float32 first). */
export interface Unary {
  readonly real: (x: number) => number;
  readonly whole: "float" | "same" | ((x: bigint) => bigint);
  /** Result: the input's dtype, or bool. */
  readonly test?: boolean;
  /** What it does to bools, where that is not the wrapped integer. */
  readonly onBool?: (x: number) => number;
  /** Whether it takes bool, floats. */
  readonly bool?: boolean;
  readonly floats?: boolean;
  /** Correctly rounded: no tolerance. */
  readonly exact?: boolean;
}
const f = (real: (x: number) => number): Unary => ({ real, whole: "float", bool: true });
const same = (real: (x: number) => number): Unary => ({ real, whole: "same", bool: true, exact: true });
/** The unary ops. */
export const UNARY: Readonly<Record<string, Unary>> = {
  abs: { real: Math.abs, whole: (x) => x < 0n ? -x : x, bool: true, exact: true },
  negative: { real: (x) => -x, whole: (x) => -x, exact: true },
  sign: {
    real: (x) => x > 0 ? 1 : x < 0 ? -1 : 0,
    whole: (x) => x > 0n ? 1n : x < 0n ? -1n : 0n,
    bool: true,
    exact: true,
  },
  square: { real: (x) => x * x, whole: (x) => x * x, bool: true, exact: true },
  floor: same(Math.floor),
  ceil: same(Math.ceil),
  trunc: same(Math.trunc),
  round: same(even),
  sqrt: { ...f(Math.sqrt), exact: true },
  rsqrt: f((x) => 1 / Math.sqrt(x)),
  reciprocal: { ...f((x) => 1 / x), exact: true },
  exp: f(Math.exp),
  expm1: f(Math.expm1),
  log: f(Math.log),
  log2: f(Math.log2),
  log10: f(Math.log10),
  log1p: f(Math.log1p),
  sin: f(Math.sin),
  cos: f(Math.cos),
  tan: f(Math.tan),
  arcsin: f(Math.asin),
  arccos: f(Math.acos),
  arctan: f(Math.atan),
  sinh: f(Math.sinh),
  cosh: f(Math.cosh),
  tanh: f(Math.tanh),
  arcsinh: f(Math.asinh),
  arccosh: f(Math.acosh),
  arctanh: f(Math.atanh),
  erf: f(erf),
  erfinv: f(erfinv),
  sigmoid: f((x) => 1 / (1 + Math.exp(-x))),
  isnan: { real: (x) => Number(x !== x), whole: () => 0n, test: true, bool: true },
  isinf: { real: (x) => Number(x === Infinity || x === -Infinity), whole: () => 0n, test: true, bool: true },
  isfinite: { real: (x) => Number(x - x === 0), whole: () => 1n, test: true, bool: true },
  isposinf: { real: (x) => Number(x === Infinity), whole: () => 0n, test: true, bool: true },
  isneginf: { real: (x) => Number(x === -Infinity), whole: () => 0n, test: true, bool: true },
  logicalNot: { real: (x) => Number(x === 0), whole: (x) => x === 0n ? 1n : 0n, test: true, bool: true },
  bitwiseInvert: { real: (x) => x, whole: (x) => -x - 1n, floats: false, bool: true, onBool: (x) => 1 - x },
};

/** One op of two operands of one dtype. */
export interface Binary {
  /** `half` rounds to the dtype, where an op is made of several. */
  readonly real: ((x: number, y: number, half: (v: number) => number) => number) | null;
  readonly whole: ((x: bigint, y: bigint, bits: number) => bigint) | "float";
  readonly test?: boolean;
  readonly bool?: boolean;
  readonly exact?: boolean;
}
const floorDiv = (x: bigint, y: bigint): bigint => {
  if (y === 0n) return 0n;
  const m = ((x % y) + y) % y;
  return (x - m) / y;
};
const modulo = (x: bigint, y: bigint): bigint => y === 0n ? x : x - floorDiv(x, y) * y;
const cmp = (k: (c: number) => boolean): Binary => ({
  real: (x, y) => Number(x === x && y === y && k(x - y === 0 || x === y ? 0 : x < y ? -1 : 1)),
  whole: (x, y) => k(x < y ? -1 : x > y ? 1 : 0) ? 1n : 0n,
  test: true,
  bool: true,
  exact: true,
});
const both = (k: (x: boolean, y: boolean) => boolean): Binary => ({
  real: (x, y) => Number(k(x !== 0, y !== 0)),
  whole: (x, y) => k(x !== 0n, y !== 0n) ? 1n : 0n,
  test: true,
  bool: true,
  exact: true,
});
const bits = (k: (x: bigint, y: bigint) => bigint): Binary => ({ real: null, whole: k, bool: true, exact: true });
/** The binary ops. */
export const BINARY: Readonly<Record<string, Binary>> = {
  add: { real: (x, y) => x + y, whole: (x, y) => x + y, exact: true },
  subtract: { real: (x, y) => x - y, whole: (x, y) => x - y, exact: true },
  multiply: { real: (x, y) => x * y, whole: (x, y) => x * y, exact: true, bool: true },
  divide: { real: (x, y) => x / y, whole: "float", exact: true },
  floorDivide: { real: (x, y, half) => Math.floor(half(x / y)), whole: floorDiv, exact: true },
  remainder: {
    real: (x, y) => {
      const r = x % y;
      return r === 0 || (r < 0) === (y < 0) || r !== r ? r : r + y;
    },
    whole: modulo,
  },
  power: {
    real: (x, y) => x === 1 || x === -1 && Math.abs(y) === Infinity ? 1 : x ** y,
    whole: (x, y) => y < 0n ? 0n : x ** (y < 200n ? y : 200n),
  },
  maximum: {
    real: (x, y) => x !== x || y !== y ? NaN : x > y ? x : y,
    whole: (x, y) => x > y ? x : y,
    bool: true,
    exact: true,
  },
  minimum: {
    real: (x, y) => x !== x || y !== y ? NaN : x < y ? x : y,
    whole: (x, y) => x < y ? x : y,
    bool: true,
    exact: true,
  },
  arctan2: { real: Math.atan2, whole: "float", bool: true },
  logaddexp: {
    real: (x, y) => {
      const m = x > y ? x : y, d = Math.abs(x - y);
      return x === y && Math.abs(x) === Infinity ? x : x !== x || y !== y ? NaN : m + Math.log1p(Math.exp(-d));
    },
    whole: "float",
    bool: true,
  },
  equal: cmp((c) => c === 0),
  notEqual: { ...cmp((c) => c !== 0), real: (x, y) => Number(!(x === y)) },
  less: cmp((c) => c < 0),
  lessEqual: cmp((c) => c <= 0),
  greater: cmp((c) => c > 0),
  greaterEqual: cmp((c) => c >= 0),
  logicalAnd: both((x, y) => x && y),
  logicalOr: both((x, y) => x || y),
  logicalXor: both((x, y) => x !== y),
  bitwiseAnd: bits((x, y) => x & y),
  bitwiseOr: bits((x, y) => x | y),
  bitwiseXor: bits((x, y) => x ^ y),
  leftShift: { real: null, whole: (x, y, n) => x << (y & BigInt(Math.max(n, 32) - 1)), exact: true },
  rightShift: { real: null, whole: (x, y, n) => x >> (y & BigInt(Math.max(n, 32) - 1)), exact: true },
};
/** Bits of an integer dtype. */
export const bitsOf = (d: DType): number => BITS[d] ?? 8;
/** A value in another dtype, as `astype` has it; NaN and numbers out of an integer's range have no reference. */
export function convert(x: Element, to: DType): Element | null {
  if (to === "bool") return typeof x === "bigint" ? x === 0n ? 0 : 1 : x === 0 ? 0 : 1;
  if (!isWhole(to)) {
    return round(to, typeof x === "bigint" && to !== "float64" ? round("float32", Number(x)) : Number(x));
  }
  if (typeof x === "bigint") return wrap(to, x);
  const t = Math.trunc(x), w = Number.isFinite(t) ? BigInt(t) : null;
  return w === null || wrap(to, w) !== w ? null : w;
}
