// Complex functions as scalar expressions over their real and imaginary parts, so that backends need only real functions.
import type { Expr, Literal, Scalars } from "../kernel/expr.ts";

/** Real and imaginary part while they are computed. */
export type Parts = readonly [Expr, Expr];

const lit = (s: Scalars, v: Literal): Expr => s.literal(v, "f32");
/** Parts of a complex expression. */
export const parts = (s: Scalars, z: Expr): Parts => [s.make("real", "f32", [z]), s.make("imag", "f32", [z])];
/** The complex expression with these parts. */
export const join = (s: Scalars, [re, im]: Parts): Expr => s.make("complex", "c64", [re, im]);
/** A function of parts as a function of a complex expression. */
export const onParts = (f: (s: Scalars, z: Parts) => Parts) => (s: Scalars, z: Expr): Expr =>
  join(s, f(s, parts(s, z)));

const big = (s: Scalars, [a, b]: Parts): Parts => {
  const x = s.un("abs", a), y = s.un("abs", b);
  return [s.bin("max", x, y), s.bin("min", x, y)];
};
/** Smaller over larger part, 0 where that is not a number. */
const ratio = (s: Scalars, [hi, lo]: Parts): Expr => {
  const q = s.bin("div", lo, hi), usual = s.bin("and", s.cmp("gt", hi, lit(s, 0)), s.cmp("lt", hi, lit(s, Infinity)));
  return s.select(usual, q, lit(s, 0));
};
/** |z|, in float64 so that it is rounded once and does not overflow. */
export function magnitude(s: Scalars, [a, b]: Parts): Expr {
  const x = s.cast(a, "f64"), y = s.cast(b, "f64");
  return s.cast(s.un("sqrt", s.bin("add", s.bin("mul", x, x), s.bin("mul", y, y))), "f32");
}
/** exp */
export function exp(s: Scalars, [a, b]: Parts): Parts {
  const e = s.un("exp", a), im = s.bin("mul", e, s.un("sin", b));
  // A zero imaginary part stays zero beside an infinite real part.
  return [s.bin("mul", e, s.un("cos", b)), s.select(s.cmp("eq", b, lit(s, 0)), b, im)];
}
/** log |z|, exact near |z| = 1. */
function logMagnitude(s: Scalars, z: Parts): Expr {
  const b = big(s, z), [hi, lo] = b, r = ratio(s, b), one = lit(s, 1), half = lit(s, 0.5);
  const far = s.bin("add", s.un("log", hi), s.bin("mul", half, s.un("log1p", s.bin("mul", r, r))));
  const h = s.bin("add", s.bin("mul", s.bin("sub", hi, one), s.bin("add", hi, one)), s.bin("mul", lo, lo));
  const near = s.bin("mul", half, s.un("log1p", h));
  return s.select(s.bin("and", s.cmp("gt", hi, lit(s, 0.7)), s.cmp("lt", hi, lit(s, 1.5))), near, far);
}
/** log */
export function log(s: Scalars, z: Parts): Parts {
  return [logMagnitude(s, z), s.bin("atan2", z[1], z[0])];
}
/** log(1 + z) */
export function log1p(s: Scalars, [a, b]: Parts): Parts {
  const one = lit(s, 1), half = lit(s, 0.5), moved: Parts = [s.bin("add", a, one), b];
  const r = s.bin("add", s.bin("mul", a, s.bin("add", lit(s, 2), a)), s.bin("mul", b, b));
  const small = s.cmp("lt", magnitude(s, [a, b]), half);
  const near = s.select(s.cmp("eq", r, lit(s, 0)), a, s.bin("mul", half, s.un("log1p", r)));
  return [s.select(small, near, logMagnitude(s, moved)), s.bin("atan2", b, moved[0])];
}
/** sqrt, the branch with a non-negative real part */
export function sqrt(s: Scalars, z: Parts): Parts {
  const [a, b] = z, half = lit(s, 0.5), zero = lit(s, 0);
  const m = s.bin("add", s.bin("mul", s.un("abs", a), half), s.bin("mul", magnitude(s, z), half)), t = s.un("sqrt", m);
  const u = s.select(s.cmp("gt", t, zero), s.bin("div", s.bin("mul", b, half), t), b);
  const right = s.cmp("ge", a, zero), down = negativeSign(s, b);
  return [s.select(right, t, s.un("abs", u)), s.select(right, u, s.select(down, s.un("neg", t), t))];
}
/** Whether the sign bit is set, also that of -0. */
function negativeSign(s: Scalars, x: Expr): Expr {
  return s.cmp("lt", s.bin("atan2", x, lit(s, -1)), lit(s, 0));
}
/** sin */
export function sin(s: Scalars, [a, b]: Parts): Parts {
  return [s.bin("mul", s.un("sin", a), s.un("cosh", b)), s.bin("mul", s.un("cos", a), s.un("sinh", b))];
}
/** cos */
export function cos(s: Scalars, [a, b]: Parts): Parts {
  return [s.bin("mul", s.un("cos", a), s.un("cosh", b)), s.un("neg", s.bin("mul", s.un("sin", a), s.un("sinh", b)))];
}
/** sinh */
export function sinh(s: Scalars, [a, b]: Parts): Parts {
  return [s.bin("mul", s.un("sinh", a), s.un("cos", b)), s.bin("mul", s.un("cosh", a), s.un("sin", b))];
}
/** cosh */
export function cosh(s: Scalars, [a, b]: Parts): Parts {
  return [s.bin("mul", s.un("cosh", a), s.un("cos", b)), s.bin("mul", s.un("sinh", a), s.un("sin", b))];
}
/** tanh */
export function tanh(s: Scalars, [a, b]: Parts): Parts {
  const t = s.un("tan", b), h = s.un("tanh", a), c = s.un("cosh", a), one = lit(s, 1);
  const tt = s.bin("mul", t, t), d = s.bin("add", one, s.bin("mul", tt, s.bin("mul", h, h)));
  return [
    s.bin("div", s.bin("mul", h, s.bin("add", one, tt)), d),
    s.bin("div", s.bin("div", s.bin("div", t, c), c), d),
  ];
}
/** f(i z) / i: makes sine-like functions of their hyperbolic ones. */
const turned = (f: (s: Scalars, z: Parts) => Parts) => (s: Scalars, [a, b]: Parts): Parts => {
  const [p, q] = f(s, [s.un("neg", b), a]);
  return [q, s.un("neg", p)];
};
/** tan */
export const tan: (s: Scalars, z: Parts) => Parts = turned(tanh);

/** sqrt(1 - z) and sqrt(1 + z) */
function roots(s: Scalars, [a, b]: Parts): readonly [Parts, Parts] {
  const one = lit(s, 1);
  return [sqrt(s, [s.bin("sub", one, a), s.un("neg", b)]), sqrt(s, [s.bin("add", one, a), b])];
}
/** Im(conj(u) v) */
const cross = (s: Scalars, u: Parts, v: Parts): Expr =>
  s.bin("sub", s.bin("mul", u[0], v[1]), s.bin("mul", u[1], v[0]));
/** Re(u v) */
const dot = (s: Scalars, u: Parts, v: Parts): Expr => s.bin("sub", s.bin("mul", u[0], v[0]), s.bin("mul", u[1], v[1]));
/** arcsin, by Kahan's formula */
export function asin(s: Scalars, z: Parts): Parts {
  const [u, v] = roots(s, z);
  return [s.bin("atan2", z[0], dot(s, u, v)), s.un("asinh", cross(s, u, v))];
}
/** arccos, by Kahan's formula */
export function acos(s: Scalars, z: Parts): Parts {
  const [u, v] = roots(s, z);
  return [s.bin("mul", lit(s, 2), s.bin("atan2", u[0], v[0])), s.un("asinh", cross(s, v, u))];
}
/** arcsinh */
export const asinh: (s: Scalars, z: Parts) => Parts = turned(asin);
/** arccosh, by Kahan's formula */
export function acosh(s: Scalars, [a, b]: Parts): Parts {
  const one = lit(s, 1), u = sqrt(s, [s.bin("sub", a, one), b]), v = sqrt(s, [s.bin("add", a, one), b]);
  const re = s.bin("add", s.bin("mul", u[0], v[0]), s.bin("mul", u[1], v[1]));
  return [s.un("asinh", re), s.bin("mul", lit(s, 2), s.bin("atan2", u[1], v[0]))];
}
/** arctanh */
export function atanh(s: Scalars, [a, b]: Parts): Parts {
  const one = lit(s, 1), c = s.bin("sub", one, a), bb = s.bin("mul", b, b);
  const q = s.bin("div", s.bin("mul", lit(s, 4), a), s.bin("add", s.bin("mul", c, c), bb));
  const angle = s.bin("atan2", s.bin("mul", lit(s, 2), b), s.bin("sub", s.bin("mul", c, s.bin("add", one, a)), bb));
  return [s.bin("mul", lit(s, 0.25), s.un("log1p", q)), s.bin("mul", lit(s, 0.5), angle)];
}
/** arctan */
export const atan: (s: Scalars, z: Parts) => Parts = turned(atanh);
/** Both parts times a real number. */
export function scale(s: Scalars, [a, b]: Parts, k: number): Parts {
  return [s.bin("mul", a, lit(s, k)), s.bin("mul", b, lit(s, k))];
}
/** z ** w; NaN where z is 0, as in MLX. */
export function pow(s: Scalars, z: Parts, w: Parts): Parts {
  const [a, b] = log(s, z);
  return exp(s, [
    s.bin("sub", s.bin("mul", a, w[0]), s.bin("mul", b, w[1])),
    s.bin("add", s.bin("mul", a, w[1]), s.bin("mul", b, w[0])),
  ]);
}
/** Comparison of the real parts, then of the imaginary ones (i32 0 or 1), as MLX orders complex numbers. */
export function compareParts(s: Scalars, op: "eq" | "ne" | "lt" | "le" | "gt" | "ge", x: Parts, y: Parts): Expr {
  if (op === "eq") return s.bin("and", s.cmp("eq", x[0], y[0]), s.cmp("eq", x[1], y[1]));
  if (op === "ne") return s.bin("or", s.cmp("ne", x[0], y[0]), s.cmp("ne", x[1], y[1]));
  const strict = op === "lt" || op === "le" ? "lt" : "gt";
  return s.bin("or", s.cmp(strict, x[0], y[0]), s.bin("and", s.cmp("eq", x[0], y[0]), s.cmp(op, x[1], y[1])));
}
