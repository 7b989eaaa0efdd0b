// Complex functions in float64, for the reference interpreter.

/** A complex number. */
export interface Complex {
  readonly re: number;
  readonly im: number;
}
const of = (re: number, im: number): Complex => ({ re, im });
const ONE = of(1, 0);
const add = (a: Complex, b: Complex): Complex => of(a.re + b.re, a.im + b.im);
const sub = (a: Complex, b: Complex): Complex => of(a.re - b.re, a.im - b.im);
const mul = (a: Complex, b: Complex): Complex => of(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
function div(a: Complex, b: Complex): Complex {
  if (b.re === 0 && b.im === 0) return of(a.re / Math.abs(b.re), a.im / Math.abs(b.re));
  const d = b.re * b.re + b.im * b.im;
  return of((a.re * b.re + a.im * b.im) / d, (a.im * b.re - a.re * b.im) / d);
}
const scale = (a: Complex, k: number): Complex => of(a.re * k, a.im * k);
const turn = (a: Complex): Complex => of(-a.im, a.re);
const unturn = (a: Complex): Complex => of(a.im, -a.re);
const isNaNc = (a: Complex): boolean => Number.isNaN(a.re) || Number.isNaN(a.im);
/** Order by the real part, then by the imaginary one. */
const less = (a: Complex, b: Complex): boolean => a.re < b.re || (a.re === b.re && a.im < b.im);
const exp = (a: Complex): Complex =>
  of(Math.exp(a.re) * Math.cos(a.im), a.im === 0 ? a.im : Math.exp(a.re) * Math.sin(a.im));
/** log |z| without cancellation near |z| = 1. */
function logAbs(a: Complex): number {
  const hi = Math.max(Math.abs(a.re), Math.abs(a.im)), lo = Math.min(Math.abs(a.re), Math.abs(a.im));
  return hi > 0.5 && hi < 2 ? 0.5 * Math.log1p((hi - 1) * (hi + 1) + lo * lo) : Math.log(Math.hypot(a.re, a.im));
}
const log = (a: Complex): Complex => of(logAbs(a), Math.atan2(a.im, a.re));
const log1p = (a: Complex): Complex =>
  of(
    Math.hypot(a.re, a.im) < 0.5 ? 0.5 * Math.log1p(a.re * (2 + a.re) + a.im * a.im) : logAbs(add(ONE, a)),
    Math.atan2(a.im, 1 + a.re),
  );
function sqrt(a: Complex): Complex {
  const m = Math.hypot(a.re, a.im);
  if (m === 0) return of(0, a.im);
  const t = Math.sqrt((m + Math.abs(a.re)) / 2), down = a.im < 0 || Object.is(a.im, -0);
  return a.re >= 0 ? of(t, a.im / (2 * t)) : of(Math.abs(a.im) / (2 * t), down ? -t : t);
}
const sinh = (a: Complex): Complex => of(Math.sinh(a.re) * Math.cos(a.im), Math.cosh(a.re) * Math.sin(a.im));
const cosh = (a: Complex): Complex => of(Math.cosh(a.re) * Math.cos(a.im), Math.sinh(a.re) * Math.sin(a.im));
const tanh = (a: Complex): Complex => Math.abs(a.re) > 22 ? of(Math.sign(a.re), 0) : div(sinh(a), cosh(a));
/** Kahan's formulas: sqrt(1 - z) and sqrt(1 + z) keep every branch cut. */
function asin(z: Complex): Complex {
  const u = sqrt(sub(ONE, z)), v = sqrt(add(ONE, z));
  return of(Math.atan2(z.re, u.re * v.re - u.im * v.im), Math.asinh(u.re * v.im - u.im * v.re));
}
function acos(z: Complex): Complex {
  const u = sqrt(sub(ONE, z)), v = sqrt(add(ONE, z));
  return of(2 * Math.atan2(u.re, v.re), Math.asinh(v.re * u.im - v.im * u.re));
}
function acosh(z: Complex): Complex {
  const u = sqrt(sub(z, ONE)), v = sqrt(add(z, ONE));
  return of(Math.asinh(u.re * v.re + u.im * v.im), 2 * Math.atan2(u.im, v.re));
}
function atanh(z: Complex): Complex {
  const c = 1 - z.re, bb = z.im * z.im;
  return of(0.25 * Math.log1p(4 * z.re / (c * c + bb)), 0.5 * Math.atan2(2 * z.im, c * (1 + z.re) - bb));
}
const both = (f: (x: number) => number) => (a: Complex): Complex => of(f(a.re), f(a.im));
const even = (x: number): number => {
  const f = Math.floor(x), d = x - f;
  return d < 0.5 ? f : d > 0.5 ? f + 1 : f % 2 === 0 ? f : f + 1;
};

/** Complex functions of one number, by stage name. */
export const COMPLEX: Readonly<Record<string, (a: Complex) => Complex>> = {
  neg: (a) => of(-a.re, -a.im),
  conj: (a) => of(a.re, -a.im),
  square: (a) => mul(a, a),
  recip: (a) => div(ONE, a),
  sqrt,
  rsqrt: (a) => div(ONE, sqrt(a)),
  sign: (a) => a.re === 0 && a.im === 0 ? of(0, 0) : scale(a, 1 / Math.hypot(a.re, a.im)),
  exp,
  expm1: (a) => of(Math.expm1(a.re) * Math.cos(a.im) - 2 * Math.sin(a.im / 2) ** 2, Math.exp(a.re) * Math.sin(a.im)),
  log,
  log2: (a) => scale(log(a), Math.LOG2E),
  log10: (a) => scale(log(a), Math.LOG10E),
  log1p,
  sin: (a) => unturn(sinh(turn(a))),
  cos: (a) => cosh(turn(a)),
  tan: (a) => unturn(tanh(turn(a))),
  sinh,
  cosh,
  tanh,
  asin,
  acos,
  atan: (a) => unturn(atanh(turn(a))),
  asinh: (a) => unturn(asin(turn(a))),
  acosh,
  atanh,
  sigmoid: (a) => div(ONE, add(ONE, exp(scale(a, -1)))),
  round: both(even),
  floor: both(Math.floor),
  ceil: both(Math.ceil),
};
/** Complex tests: real number or 0 and 1, by stage name. */
export const COMPLEX_TEST: Readonly<Record<string, (a: Complex) => number>> = {
  real: (a) => a.re,
  imag: (a) => a.im,
  abs: (a) => Math.hypot(a.re, a.im),
  isnan: (a) => isNaNc(a) ? 1 : 0,
  isinf: (a) => Math.abs(a.re) === Infinity || Math.abs(a.im) === Infinity ? 1 : 0,
  isfinite: (a) => Number.isFinite(a.re) && Number.isFinite(a.im) ? 1 : 0,
  lnot: (a) => a.re === 0 && a.im === 0 ? 1 : 0,
};
/** Complex functions of two numbers, by stage name. */
export const COMPLEX2: Readonly<Record<string, (a: Complex, b: Complex) => Complex>> = {
  add,
  sub,
  mul,
  div,
  pow: (a, b) => b.re === 0 && b.im === 0 ? ONE : a.re === 0 && a.im === 0 ? of(0, 0) : exp(mul(b, log(a))),
  max: (a, b) => isNaNc(a) ? a : isNaNc(b) ? b : less(a, b) ? b : a,
  min: (a, b) => isNaNc(a) ? a : isNaNc(b) ? b : less(b, a) ? b : a,
  logaddexp: (a, b) => {
    const [m, n] = less(a, b) ? [b, a] : [a, b];
    return Math.abs(m.re) === Infinity ? m : add(m, log1p(exp(sub(n, m))));
  },
};
/** A comparison by the real part, then by the imaginary one. */
export function compareComplex(op: string, a: Complex, b: Complex): boolean {
  if (op === "eq" || op === "ne") return (a.re === b.re && a.im === b.im) === (op === "eq");
  if (isNaNc(a) || isNaNc(b)) return false;
  return op === "lt" ? less(a, b) : op === "gt" ? less(b, a) : op === "le" ? !less(b, a) : !less(a, b);
}
