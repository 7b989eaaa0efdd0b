// Elementwise functions of one array, each with its gradient.
import type { DType } from "../base/dtype.ts";
import { atLeastFloat, computeOf, finfo, isComplex, isFloating, isInexact, isUnsigned } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { integer, numberOf, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import type { NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { apply } from "../core/node.ts";
import type { Expr, Literal, Scalars } from "../kernel/expr.ts";
import type { Elementwise } from "./basis.ts";
import type { Unary } from "./lift.ts";
import { add, cast, conj, define, div, elementwise, full, like, literalOf, mul, neg, select, sub } from "./basis.ts";
import { nodeOf, unary, wrap } from "./lift.ts";
import type { Parts } from "./complex.ts";
import * as complex from "./complex.ts";

/** Accepts every dtype but complex. */
const realOnly = (name: string, then: (d: DType) => DType = (d) => d) => (d: DType): DType => {
  if (isComplex(d)) throw typeError(`Cannot take the ${name} of an array of dtype ${d}`);
  return then(d);
};
const one = (x: Node): Node => like(1, x);
const times = (k: number, x: Node): Node => mul(like(k, x), x);

/** A function that the native library computes for real numbers, with its complex form if it has one. */
function math(
  name: string,
  stage: string,
  cost: number,
  rule: Pick<Elementwise, "partials" | "vjp" | "domain">,
  onComplex?: (s: Scalars, z: Parts) => Parts,
): Unary {
  return unary(
    {
      name,
      cost,
      scalar: (s, [x]) =>
        (x as Expr).t === "c64" && onComplex ? complex.onParts(onComplex)(s, x as Expr) : s.un(stage, x as Expr),
      ...rule,
    },
    onComplex ? atLeastFloat : realOnly(name, atLeastFloat),
  );
}

// ---- signs and rounding -----------------------------------------------------------------------------------------------
/** The absolute value; of complex64 a float32. Any dtype. */
export const abs: Unary = unary({
  name: "abs",
  dtype: ([d]) => isComplex(d as DType) ? "float32" : d as DType,
  scalar: (s, [x], [a]) => {
    const e = x as Expr, d = (a as Node).dtype;
    if (isComplex(d)) return complex.magnitude(s, complex.parts(s, e));
    if (isFloating(d)) return s.un("abs", e);
    return d === "bool" || isUnsigned(d)
      ? e
      : s.select(s.cmp("lt", e, s.literal(literalOf(d, 0), e.t)), s.un("neg", e), e);
  },
  vjp: (ct, _out, [x]) => [mul(cast(ct, (x as Node).dtype), sign.node(x as Node))],
  jvp: ([t], _out, [x]) => realNode(mul(t as Node, conj(sign.node(x as Node)))),
});
/**
 * -1, 0 or 1 (0 for NaN); of complex64 x / |x|. Any dtype.
 *
 * @example
 * ```ts
 * mx.sign(mx.array([-2, 0, NaN])); // array([-1, 0, 0], dtype=float32)
 * ```
 */
export const sign: Unary = unary({
  name: "sign",
  scalar: (s, [x], [a]) => {
    const e = x as Expr, d = (a as Node).dtype;
    if (isComplex(d)) {
      const [re, im] = complex.parts(s, e),
        m = complex.magnitude(s, [re, im]),
        none = s.cmp("eq", m, s.literal(0, "f32"));
      return complex.join(s, [s.select(none, re, s.bin("div", re, m)), s.select(none, im, s.bin("div", im, m))]);
    }
    const zero = s.literal(literalOf(d, 0), e.t),
      up = s.select(s.cmp("gt", e, zero), s.literal(literalOf(d, 1), e.t), zero);
    return d === "bool" || isUnsigned(d) ? up : s.select(s.cmp("lt", e, zero), s.literal(literalOf(d, -1), e.t), up);
  },
});
/** -x; any dtype but bool. */
export function negative(a: ArrayLike): NDArray {
  const x = nodeOf("negative", a);
  if (x.dtype === "bool") throw typeError("Cannot take the negative of an array of dtype bool; use logicalNot");
  return wrap(neg(x));
}
/** x itself, as a new handle. */
export function positive(a: ArrayLike): NDArray {
  return wrap(nodeOf("positive", a));
}

function rounding(name: string, stage: string): Unary {
  const f = unary({ name, scalar: (s, [x]) => s.un(stage, x as Expr) }, realOnly(name, atLeastFloat));
  const node = (x: Node): Node => isInexact(x.dtype) ? f.node(x) : x;
  return Object.assign((a: ArrayLike): NDArray => wrap(node(nodeOf(name, a))), { node });
}
/** The largest integer not above x; integers stay as they are, complex throws a TypeError. */
export const floor: Unary = rounding("floor", "floor");
/** The smallest integer not below x; integers stay as they are, complex throws a TypeError. */
export const ceil: Unary = rounding("ceil", "ceil");
/** x without its fraction; integers stay as they are, complex throws a TypeError. */
export const trunc: Unary = rounding("trunc", "trunc");
const rint = unary({
  name: "round",
  scalar: (s, [x]) =>
    (x as Expr).t === "c64"
      ? complex.onParts((t, [a, b]) => [t.un("round", a), t.un("round", b)])(s, x as Expr)
      : s.un("round", x as Expr),
}, atLeastFloat);
/** Rounds a node to integers, half to even. */
const roundNode = (x: Node): Node => isInexact(x.dtype) ? rint.node(x) : x;
/**
 * Rounds to `decimals` places (0), half to even; keeps shape and dtype.
 *
 * @example
 * ```ts
 * mx.round(mx.array([0.5, 1.5, 2.5])); // array([0, 2, 2], dtype=float32)
 * mx.round(mx.array([1.234]), 1); // array([1.2], dtype=float32)
 * ```
 */
export function round(a: ArrayLike, ...args: Tail<[decimals: number], { decimals: number }>): NDArray {
  const decimals = integer("round", "decimals", splitArgs("round", [a, ...args], 1, [], ["decimals"])["decimals"] ?? 0);
  const x = nodeOf("round", a);
  if (decimals === 0) return wrap(roundNode(x));
  const k = Math.fround(10 ** decimals), y = cast(x, atLeastFloat(x.dtype));
  return wrap(cast(mul(roundNode(mul(y, like(k, y))), like(Math.fround(1 / k), y)), x.dtype));
}

// ---- powers and logarithms --------------------------------------------------------------------------------------------
/** x * x; keeps the dtype. */
export const square: Unary = unary({
  name: "square",
  scalar: (s, [x]) => s.bin("mul", x as Expr, x as Expr),
  partials: (_o, [x]) => [times(2, x as Node)],
});
/**
 * The square root, NaN below 0; floating or complex, other dtypes become float32.
 *
 * @example
 * ```ts
 * mx.sqrt(mx.array([4, 2])); // array([2, 1.41421], dtype=float32)
 * mx.isnan(mx.sqrt(mx.array([-1]))); // array([True], dtype=bool)
 * ```
 */
export const sqrt: Unary = math(
  "sqrt",
  "sqrt",
  3,
  { vjp: (ct, out) => [div(times(0.5, ct), out)], domain: [0.1, 4] },
  complex.sqrt,
);
/** 1 / sqrt(x); floating or complex, other dtypes become float32. */
export const rsqrt: Unary = unary(
  {
    name: "rsqrt",
    cost: 4,
    scalar: (s, [x]) => {
      const e = x as Expr, root = e.t === "c64" ? complex.onParts(complex.sqrt)(s, e) : s.un("sqrt", e);
      return s.bin("div", s.literal(unit(e.t), e.t), root);
    },
    vjp: (ct, out, [x]) => [mul(times(-0.5, ct), div(out, x as Node))],
    domain: [0.1, 4],
  },
  atLeastFloat,
);
const unit = (t: string): Literal => t === "c64" ? { re: 1, im: 0 } : 1;
/** 1 / x; floating or complex, other dtypes become float32. */
export const reciprocal: Unary = unary(
  {
    name: "reciprocal",
    cost: 3,
    scalar: (s, [x]) => s.bin("div", s.literal(unit((x as Expr).t), (x as Expr).t), x as Expr),
    partials: (out) => [neg(square.node(out))],
    domain: [0.5, 2],
  },
  atLeastFloat,
);
/**
 * e ** x; floating or complex, other dtypes become float32.
 *
 * @example
 * ```ts
 * mx.exp(mx.array([0, 1])); // array([1, 2.71828], dtype=float32)
 * mx.exp(mx.array([1], "int32")).dtype; // "float32"
 * ```
 */
export const exp: Unary = math("exp", "exp", 4, { partials: (out) => [out] }, complex.exp);
/** e ** x - 1, exact near 0; floating, other real dtypes become float32, complex throws a TypeError. */
export const expm1: Unary = math("expm1", "expm1", 5, { partials: (out) => [add(out, one(out))] });
/** The natural logarithm; floating or complex, other dtypes become float32. */
export const log: Unary = math(
  "log",
  "log",
  4,
  { vjp: (ct, _out, [x]) => [div(ct, x as Node)], domain: [0.1, 4] },
  complex.log,
);
/** The logarithm to base 2; floating or complex, other dtypes become float32. */
export const log2: Unary = math("log2", "log2", 4, {
  vjp: (ct, _out, [x]) => [times(1 / Math.LN2, div(ct, x as Node))],
  domain: [0.1, 4],
}, (s, z) => complex.scale(s, complex.log(s, z), 1 / Math.LN2));
/** The logarithm to base 10; floating or complex, other dtypes become float32. */
export const log10: Unary = math("log10", "log10", 4, {
  vjp: (ct, _out, [x]) => [times(1 / Math.LN10, div(ct, x as Node))],
  domain: [0.1, 4],
}, (s, z) => complex.scale(s, complex.log(s, z), 1 / Math.LN10));
/** log(1 + x), exact near 0; floating or complex, other dtypes become float32. */
export const log1p: Unary = math("log1p", "log1p", 5, {
  vjp: (ct, _out, [x]) => [div(ct, add(one(x as Node), x as Node))],
  domain: [-0.5, 4],
}, complex.log1p);

// ---- circular and hyperbolic functions --------------------------------------------------------------------------------
/** The sine; floating or complex, other dtypes become float32. */
export const sin: Unary = math("sin", "sin", 4, { partials: (_o, [x]) => [cos.node(x as Node)] }, complex.sin);
/** The cosine; floating or complex, other dtypes become float32. */
export const cos: Unary = math("cos", "cos", 4, { partials: (_o, [x]) => [neg(sin.node(x as Node))] }, complex.cos);
/** The tangent; floating or complex, other dtypes become float32. */
export const tan: Unary = math("tan", "tan", 6, {
  partials: (out) => [add(one(out), square.node(out))],
  domain: [-1, 1],
}, complex.tan);
/** The arc sine; floating or complex, other dtypes become float32. */
export const arcsin: Unary = math("arcsin", "asin", 6, {
  partials: (_o, [x]) => [rsqrt.node(sub(one(x as Node), square.node(x as Node)))],
  domain: [-0.9, 0.9],
}, complex.asin);
/** The arc cosine; floating or complex, other dtypes become float32. */
export const arccos: Unary = math("arccos", "acos", 6, {
  partials: (_o, [x]) => [neg(rsqrt.node(sub(one(x as Node), square.node(x as Node))))],
  domain: [-0.9, 0.9],
}, complex.acos);
/** The arc tangent; floating or complex, other dtypes become float32. */
export const arctan: Unary = math("arctan", "atan", 6, {
  vjp: (ct, _out, [x]) => [div(ct, add(one(x as Node), square.node(x as Node)))],
}, complex.atan);
/** The hyperbolic sine; floating or complex, other dtypes become float32. */
export const sinh: Unary = math("sinh", "sinh", 6, { partials: (_o, [x]) => [cosh.node(x as Node)] }, complex.sinh);
/** The hyperbolic cosine; floating or complex, other dtypes become float32. */
export const cosh: Unary = math("cosh", "cosh", 6, { partials: (_o, [x]) => [sinh.node(x as Node)] }, complex.cosh);
/** The hyperbolic tangent; floating or complex, other dtypes become float32. */
export const tanh: Unary = math(
  "tanh",
  "tanh",
  5,
  { partials: (out) => [sub(one(out), square.node(out))] },
  complex.tanh,
);
/** The inverse hyperbolic sine; floating or complex, other dtypes become float32. */
export const arcsinh: Unary = math("arcsinh", "asinh", 6, {
  partials: (_o, [x]) => [rsqrt.node(add(square.node(x as Node), one(x as Node)))],
}, complex.asinh);
/** The inverse hyperbolic cosine; floating or complex, other dtypes become float32. */
export const arccosh: Unary = math("arccosh", "acosh", 6, {
  // Of complex numbers the root of the product has another branch.
  partials: (_o, [x]) => {
    const z = x as Node, low = sub(z, one(z)), high = add(z, one(z));
    return [isComplex(z.dtype) ? mul(rsqrt.node(low), rsqrt.node(high)) : rsqrt.node(sub(square.node(z), one(z)))];
  },
  domain: [1.1, 4],
}, complex.acosh);
/** The inverse hyperbolic tangent; floating or complex, other dtypes become float32. */
export const arctanh: Unary = math("arctanh", "atanh", 6, {
  vjp: (ct, _out, [x]) => [div(ct, sub(one(x as Node), square.node(x as Node)))],
  domain: [-0.9, 0.9],
}, complex.atanh);
export { arccos as acos, arccosh as acosh, arcsin as asin, arcsinh as asinh, arctan as atan, arctanh as atanh };

// ---- special functions ------------------------------------------------------------------------------------------------
/** The error function; floating, other real dtypes become float32, complex throws a TypeError. */
export const erf: Unary = math("erf", "erf", 6, {
  partials: (_o, [x]) => [times(2 / Math.sqrt(Math.PI), exp.node(neg(square.node(x as Node))))],
});
/** The inverse of the error function, NaN outside [-1, 1]; floating, other real dtypes become float32, complex throws a TypeError. */
export const erfinv: Unary = math("erfinv", "erfinv", 8, {
  partials: (out) => [times(Math.sqrt(Math.PI) / 2, exp.node(square.node(out)))],
  domain: [-0.9, 0.9],
});
/** 1 / (1 + exp(-x)); floating, other real dtypes become float32, complex throws a TypeError. */
export const sigmoid: Unary = unary(
  {
    name: "sigmoid",
    cost: 6,
    scalar: (s, [x]) => s.un("sigmoid", x as Expr),
    partials: (out) => [mul(out, sub(one(out), out))],
  },
  realOnly("sigmoid", atLeastFloat),
);
/** Radians to degrees; floating or complex, other dtypes become float32. */
export function degrees(a: ArrayLike): NDArray {
  const n = nodeOf("degrees", a), x = cast(n, atLeastFloat(n.dtype));
  return wrap(times(180 / Math.PI, x));
}
/** Degrees to radians; floating or complex, other dtypes become float32. */
export function radians(a: ArrayLike): NDArray {
  const n = nodeOf("radians", a), x = cast(n, atLeastFloat(n.dtype));
  return wrap(times(Math.PI / 180, x));
}

// ---- tests ------------------------------------------------------------------------------------------------------------
/** A test of floats; of integers and bools it is the constant `otherwise`. */
function test(
  name: string,
  otherwise: boolean,
  real: (s: Scalars, x: Expr) => Expr,
  both: (s: Scalars, z: Parts) => Expr,
): Unary {
  const f = unary({
    name,
    dtype: () => "bool",
    scalar: (s, [x]) => (x as Expr).t === "c64" ? both(s, complex.parts(s, x as Expr)) : real(s, x as Expr),
  });
  const node = (x: Node): Node => isInexact(x.dtype) ? f.node(x) : full(otherwise, x.shape, "bool");
  return Object.assign((a: ArrayLike): NDArray => wrap(node(nodeOf(name, a))), { node });
}
const nanExpr = (s: Scalars, x: Expr): Expr => s.cmp("ne", x, x);
const infExpr = (s: Scalars, x: Expr): Expr => s.cmp("eq", s.un("abs", x), s.literal(Infinity, x.t));
const finiteExpr = (s: Scalars, x: Expr): Expr => s.cmp("lt", s.un("abs", x), s.literal(Infinity, x.t));
const signedInf = (k: number) => (s: Scalars, x: Expr): Expr => s.cmp("eq", x, s.literal(k, x.t));
const signedInfOf = (k: number) => (s: Scalars, [a, b]: Parts): Expr =>
  s.bin("and", signedInf(k)(s, a), s.cmp("eq", b, s.literal(0, "f32")));
/**
 * Whether each element is NaN: bool.
 *
 * @example
 * ```ts
 * mx.isnan(mx.array([1, NaN])); // array([False, True], dtype=bool)
 * ```
 */
export const isnan: Unary = test("isnan", false, nanExpr, (s, [a, b]) => s.bin("or", nanExpr(s, a), nanExpr(s, b)));
/** Whether each element is infinite: bool. */
export const isinf: Unary = test("isinf", false, infExpr, (s, [a, b]) => s.bin("or", infExpr(s, a), infExpr(s, b)));
/** Whether each element is neither infinite nor NaN: bool. */
export const isfinite: Unary = test(
  "isfinite",
  true,
  finiteExpr,
  (s, [a, b]) => s.bin("and", finiteExpr(s, a), finiteExpr(s, b)),
);
/** Whether each element is positive infinity: bool. */
export const isposinf: Unary = test("isposinf", false, signedInf(Infinity), signedInfOf(Infinity));
/** Whether each element is negative infinity: bool. */
export const isneginf: Unary = test("isneginf", false, signedInf(-Infinity), signedInfOf(-Infinity));
/**
 * Replaces NaN by `nan` (0) and the infinities by `posinf` and `neginf` (the dtype's largest numbers); integers stay, complex throws a TypeError.
 *
 * @example
 * ```ts
 * mx.nanToNum(mx.array([NaN, Infinity, 1]), { posinf: 9 }); // array([0, 9, 1], dtype=float32)
 * ```
 */
export function nanToNum(a: ArrayLike, ...args: Tail<[], { nan: number; posinf: number; neginf: number }>): NDArray {
  const o = splitArgs("nanToNum", [a, ...args], 1, ["nan", "posinf", "neginf"]), x = nodeOf("nanToNum", a);
  if (isComplex(x.dtype)) throw typeError(`Cannot nanToNum an array of dtype ${x.dtype}`);
  if (!isFloating(x.dtype)) return wrap(x);
  const most = finfo(x.dtype).max,
    put = (test: Node, key: string, otherwise: number, y: Node): Node =>
      select(test, like(numberOf("nanToNum", key, o[key] ?? otherwise), x), y);
  let y = put(isnan.node(x), "nan", 0, x);
  y = put(isposinf.node(x), "posinf", most, y);
  return wrap(put(isneginf.node(x), "neginf", -most, y));
}

// ---- complex parts ----------------------------------------------------------------------------------------------------
const realOp = elementwise({
  name: "real",
  dtype: () => "float32",
  scalar: (s, [x]) => complex.parts(s, x as Expr)[0],
  vjp: (ct) => [cast(ct, "complex64")],
  jvp: ([t]) => realNode(t as Node),
});
const imagOp = elementwise({
  name: "imag",
  dtype: () => "float32",
  scalar: (s, [x]) => complex.parts(s, x as Expr)[1],
  vjp: (ct) => [mul(cast(ct, "complex64"), full({ re: 0, im: 1 }, ct.shape, "complex64"))],
  jvp: ([t]) => imagNode(t as Node),
});
const complexOp = elementwise({
  name: "complex",
  dtype: () => "complex64",
  scalar: (s, [a, b]) => complex.join(s, [a as Expr, b as Expr]),
  vjp: (ct) => [realNode(ct), imagNode(ct)],
  jvp: ([re, im], out) => {
    const zero = (): Node => full(0, out.shape, "float32");
    return complexNode(re ?? zero(), im ?? zero());
  },
});
/** The complex numbers with these float32 parts. */
export const complexNode = (re: Node, im: Node): Node => apply(complexOp, [re, im], null);
/** The real part of a node. */
export const realNode = (x: Node): Node => isComplex(x.dtype) ? apply(realOp, [x], null) : x;
/** The imaginary part of a node. */
export const imagNode = (x: Node): Node => isComplex(x.dtype) ? apply(imagOp, [x], null) : like(0, x);
/** The complex conjugate of a node. */
export const conjugateNode: (x: Node) => Node = conj;
/**
 * The real part: float32 of complex64, else x itself.
 *
 * @example
 * ```ts
 * mx.real(mx.array([{ re: 1, im: 2 }])); // array([1], dtype=float32)
 * ```
 */
export function real(a: ArrayLike): NDArray {
  return wrap(realNode(nodeOf("real", a)));
}
/** The imaginary part: float32 of complex64, else zeros of x's dtype. */
export function imag(a: ArrayLike): NDArray {
  return wrap(imagNode(nodeOf("imag", a)));
}
/** The complex conjugate; real dtypes stay as they are. */
export function conjugate(a: ArrayLike): NDArray {
  return wrap(conjugateNode(nodeOf("conjugate", a)));
}
export { conjugate as conj };

// ---- logic and gradients ----------------------------------------------------------------------------------------------
/**
 * Whether each element is zero: bool.
 *
 * @example
 * ```ts
 * mx.logicalNot(mx.array([0, 2])); // array([True, False], dtype=bool)
 * ```
 */
export const logicalNot: Unary = unary({
  name: "logicalNot",
  scalar: (s, [x]) => s.bin("xor", x as Expr, s.literal(1, "i32")),
}, () => "bool");
/**
 * Every bit inverted; integers and bool, else a TypeError.
 *
 * @example
 * ```ts
 * mx.bitwiseInvert(mx.array([0, 5], "int32")); // array([-1, -6], dtype=int32)
 * mx.bitwiseInvert(mx.array([0.5])); // TypeError: Cannot bitwiseInvert an array of dtype float32: it takes...
 * ```
 */
export const bitwiseInvert: Unary = unary(
  {
    name: "bitwiseInvert",
    scalar: (s, [x], [a]) => {
      const d = (a as Node).dtype, t = computeOf(d);
      const ones: Literal = d === "bool"
        ? 1
        : t === "u64"
        ? 2n ** 64n - 1n
        : t === "i64"
        ? -1n
        : t === "u32"
        ? 4294967295
        : -1;
      return s.bin("xor", x as Expr, s.literal(ones, t));
    },
  },
  (d) => {
    if (isInexact(d)) throw typeError(`Cannot bitwiseInvert an array of dtype ${d}: it takes integers and bool`);
    return d;
  },
);
const stopOp = define<null>({
  name: "stopGradient",
  type: ([x]) => x as Node,
  lower: { kind: "view", view: (v) => v, pull: (index) => index },
  vjp: () => [null],
  jvp: () => null,
});
/** The same values; gradients do not flow through. */
export const stopNode = (x: Node): Node => apply(stopOp, [x], null);
/**
 * The same array, through which no gradient flows; a new handle over the same memory.
 *
 * @example
 * ```ts
 * mx.grad((x: mx.NDArray) => x.mul(mx.stopGradient(x)))(mx.array(3)).item(); // 3
 * ```
 */
export function stopGradient(a: ArrayLike): NDArray {
  return wrap(stopNode(nodeOf("stopGradient", a)));
}
