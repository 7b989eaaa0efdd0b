// Elementwise functions of two arrays (and `where`, `clip`), each with its gradient.
import type { DType } from "../base/dtype.ts";
import { atLeastFloat, bitsOf, computeOf, isComplex, isInexact } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { flag, numberOf, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { NDArray as Handle } from "../core/ndarray.ts";
import { apply, type Node } from "../core/node.ts";
import { broadcast, same } from "../core/shape.ts";
import type { Expr, Scalars } from "../kernel/expr.ts";
import type { Compare } from "./basis.ts";
import type { Binary } from "./lift.ts";
import {
  add as addNode,
  broadcastTo,
  cast,
  compare,
  div,
  elementwise,
  full,
  like,
  mul,
  neg,
  select,
  sub,
} from "./basis.ts";
import { binary, isScalar, nodeOf, pair, wrap } from "./lift.ts";
import * as complex from "./complex.ts";
import { allNode } from "./reduce.ts";
import { abs, exp, floor, isnan, isneginf, isposinf, log, reciprocal, sigmoid, square } from "./unary.ts";

type Two = (a: ArrayLike, b: ArrayLike) => NDArray;
const zero = (x: Node): Node => like(0, x);
const noComplex = (name: string, then: (d: DType) => DType = (d) => d) => (d: DType): DType => {
  if (isComplex(d)) throw typeError(`Cannot ${name} arrays of dtype ${d}`);
  return then(d);
};

// ---- arithmetic -------------------------------------------------------------------------------------------------------
/**
 * a + b, broadcast, in the promoted dtype (of bools: or).
 *
 * @example
 * ```ts
 * mx.add(mx.array([[1], [2]]), mx.array([10, 20])); // array([[11, 21], [12, 22]], dtype=float32)
 * mx.add(mx.array([1, 2], "int32"), 1.5); // array([2.5, 3.5], dtype=float32)
 * mx.add(mx.array([true]), 2); // array([3], dtype=int32)
 * ```
 */
export const add: Two = (a, b) => wrap(addNode(...pair("add", a, b)));
/** a - b, broadcast, in the promoted dtype (of bools: exclusive or). */
export const subtract: Two = (a, b) => wrap(sub(...pair("subtract", a, b)));
/** a * b, broadcast, in the promoted dtype (of bools: and). */
export const multiply: Two = (a, b) => wrap(mul(...pair("multiply", a, b)));
/**
 * True division, broadcast; floating or complex, other dtypes become float32.
 *
 * @example
 * ```ts
 * mx.divide(mx.array([1, 2], "int32"), 2); // array([0.5, 1], dtype=float32)
 * ```
 */
export const divide: Two = (a, b) => wrap(div(...pair("divide", a, b, atLeastFloat)));

const integerDivide = elementwise({
  name: "floorDivide",
  cost: 8,
  scalar: (s, [x, y]) => s.bin("floordiv", x as Expr, y as Expr),
});
/** floor(x / y) of nodes with one shape and dtype. */
function floorDivideNode(x: Node, y: Node): Node {
  if (!isInexact(x.dtype)) return apply(integerDivide, [x, y], null);
  return isComplex(x.dtype) ? div(x, y) : floor.node(div(x, y));
}
/**
 * The quotient rounded down, broadcast, in the promoted dtype; of integers x // 0 is 0. Complex numbers are divided as they are.
 *
 * @example
 * ```ts
 * mx.floorDivide(mx.array([7, -7], "int32"), 2); // array([3, -4], dtype=int32)
 * mx.floorDivide(mx.array([7], "int32"), 0); // array([0], dtype=int32)
 * ```
 */
export const floorDivide: Two = (a, b) => wrap(floorDivideNode(...pair("floorDivide", a, b)));
/**
 * What floorDivide leaves, with the divisor's sign, broadcast, in the promoted dtype; of integers x % 0 is x. Complex throws a TypeError.
 *
 * @example
 * ```ts
 * mx.remainder(mx.array([7, -7], "int32"), 2); // array([1, 1], dtype=int32)
 * mx.remainder(mx.array([7], "int32"), 0); // array([7], dtype=int32)
 * ```
 */
export const remainder: Binary = binary(
  {
    name: "remainder",
    cost: 8,
    scalar: (s, [x, y]) => s.bin("rem", x as Expr, y as Expr),
    vjp: (ct, _out, [x, y], need) => [ct, need[1] ? neg(mul(ct, floorDivideNode(x as Node, y as Node))) : null],
  },
  noComplex("take the remainder of"),
);
/**
 * [floorDivide(a, b), remainder(a, b)]; complex throws a TypeError.
 *
 * @example
 * ```ts
 * const [q, r] = mx.divmod(mx.array([-7], "int32"), 2);
 * [q.item(), r.item()]; // [-4, 1]
 * ```
 */
export function divmod(a: ArrayLike, b: ArrayLike): [NDArray, NDArray] {
  const [x, y] = pair("divmod", a, b, noComplex("divmod"));
  return [wrap(floorDivideNode(x, y)), wrap(remainder.node(x, y))];
}

const powerOp = binary({
  name: "power",
  cost: 10,
  scalar: (s, [x, y]) => {
    const a = x as Expr, b = y as Expr;
    return a.t === "c64"
      ? complex.join(s, complex.pow(s, complex.parts(s, a), complex.parts(s, b)))
      : s.bin("pow", a, b);
  },
  vjp: (ct, out, [x, y], need) => {
    const a = x as Node, b = y as Node;
    return [
      need[0] ? mul(ct, mul(powerOp.node(a, sub(b, like(1, b))), b)) : null,
      // 0 * log 0 counts as 0
      need[1] && isInexact(a.dtype) ? mul(ct, select(cast(out, "bool"), mul(log.node(a), out), zero(out))) : null,
    ];
  },
  domain: [0.5, 2],
});
/** x to a small integral exponent as products; null if the exponent is another. */
function smallPower(x: Node, k: number): Node | null {
  if (k === 0) return like(1, x);
  if (k === 1) return x;
  if (k === 2) return square.node(x);
  if (k === 3) return mul(square.node(x), x);
  if (k === 4) return square.node(square.node(x));
  return isInexact(x.dtype) && (k === -1 || k === -2) ? reciprocal.node(k === -1 ? x : square.node(x)) : null;
}
/** x ** y of nodes with one shape and dtype. */
export const powerNode = (x: Node, y: Node): Node => powerOp.node(x, y);
/**
 * a ** b, broadcast, in the promoted dtype; integers to a negative exponent give 0.
 *
 * @example
 * ```ts
 * mx.power(mx.array([2, 3]), 2); // array([4, 9], dtype=float32)
 * mx.power(mx.array([2], "int32"), -1); // array([0], dtype=int32)
 * ```
 */
export const power: Two = (a, b) => {
  const [x, y] = pair("power", a, b);
  const small = a instanceof Handle && (typeof b === "number" || typeof b === "bigint")
    ? smallPower(x, Number(b))
    : null;
  return wrap(small ?? powerOp.node(x, y));
};
export { power as pow };

// ---- extremes ---------------------------------------------------------------------------------------------------------
function extreme(name: "maximum" | "minimum", stage: "max" | "min", wins: Compare): Binary {
  return binary({
    name,
    scalar: (s, [x, y]) => {
      const a = x as Expr, b = y as Expr;
      return a.t === "c64" ? complexExtreme(s, a, b, wins === "gt" ? "gt" : "lt") : s.bin(stage, a, b);
    },
    // At ties the second operand gets the whole gradient.
    vjp: (ct, _out, [x, y], need) => {
      const first = compare(wins, x as Node, y as Node);
      return [need[0] ? select(first, ct, zero(ct)) : null, need[1] ? select(first, zero(ct), ct) : null];
    },
  });
}
function complexExtreme(s: Scalars, a: Expr, b: Expr, wins: "gt" | "lt"): Expr {
  const x = complex.parts(s, a), y = complex.parts(s, b);
  const nan = s.bin("or", s.cmp("ne", x[0], x[0]), s.cmp("ne", x[1], x[1])),
    c = s.bin("or", nan, complex.compareParts(s, wins, x, y));
  return complex.join(s, [s.select(c, x[0], y[0]), s.select(c, x[1], y[1])]);
}
/**
 * The larger element, NaN if either is; broadcast, in the promoted dtype.
 *
 * @example
 * ```ts
 * mx.maximum(mx.array([1, NaN]), 2); // array([2, nan], dtype=float32)
 * ```
 */
export const maximum: Binary = extreme("maximum", "max", "gt");
/** The smaller element, NaN if either is; broadcast, in the promoted dtype. */
export const minimum: Binary = extreme("minimum", "min", "lt");
/**
 * Limits a to [aMin, aMax] (either may be null), broadcast, in the promoted dtype; aMax wins where it is below aMin. A TypeError if both are null.
 *
 * @example
 * ```ts
 * mx.clip(mx.array([-2, 0.5, 2]), -1, 1); // array([-1, 0.5, 1], dtype=float32)
 * mx.clip(mx.array([5]), 3, 1); // array([1], dtype=float32)
 * ```
 */
export function clip(a: ArrayLike, aMin: ArrayLike | null | undefined, aMax: ArrayLike | null | undefined): NDArray {
  const low = aMin ?? null, high = aMax ?? null;
  if (low === null && high === null) throw typeError("Cannot clip an array without a minimum and a maximum");
  const x = low === null ? a : maximum(a, low);
  return high === null ? x as NDArray : minimum(x, high);
}

/**
 * log(exp(a) + exp(b)) without overflow, broadcast; floating or complex, other dtypes become float32.
 *
 * @example
 * ```ts
 * mx.logaddexp(mx.array([0]), 0); // array([0.693147], dtype=float32)
 * ```
 */
export const logaddexp: Binary = binary(
  {
    name: "logaddexp",
    cost: 10,
    scalar: (s, [x, y]) => {
      const a = x as Expr, b = y as Expr;
      if (a.t === "c64") {
        const m = complex.parts(s, complexExtreme(s, a, b, "gt")), n = complex.parts(s, complexExtreme(s, a, b, "lt"));
        const l = complex.log1p(s, complex.exp(s, [s.bin("sub", n[0], m[0]), s.bin("sub", n[1], m[1])]));
        return complex.join(s, [s.bin("add", m[0], l[0]), s.bin("add", m[1], l[1])]);
      }
      return s.bin("logaddexp", a, b);
    },
    partials: (_o, [x, y]) => {
      const d = sub(x as Node, y as Node),
        part = isComplex(d.dtype) ? reciprocal.node(addNode(like(1, d), exp.node(neg(d)))) : sigmoid.node(d);
      return [part, sub(like(1, part), part)];
    },
  },
  atLeastFloat,
);
/** The angle of the point (b, a), broadcast; floating, other dtypes become float32, complex throws a TypeError. */
export const arctan2: Binary = binary(
  {
    name: "arctan2",
    cost: 10,
    scalar: (s, [x, y]) => s.bin("atan2", x as Expr, y as Expr),
    partials: (_o, [x, y]) => {
      const a = x as Node, b = y as Node, r = addNode(square.node(a), square.node(b));
      return [div(b, r), neg(div(a, r))];
    },
    domain: [0.5, 2],
  },
  noComplex("take the arctan2 of", atLeastFloat),
);
export { arctan2 as atan2 };

// ---- comparisons ------------------------------------------------------------------------------------------------------
const comparison = (op: Compare, name: string): Two => (a, b) => wrap(compare(op, ...pair(name, a, b)));
/**
 * a == b, broadcast: bool.
 *
 * @example
 * ```ts
 * mx.equal(mx.array([1, NaN]), mx.array([1, NaN])); // array([True, False], dtype=bool)
 * ```
 */
export const equal: Two = comparison("eq", "equal");
/** a != b, broadcast: bool. */
export const notEqual: Two = comparison("ne", "notEqual");
/** a < b, broadcast: bool; complex numbers order by real, then imaginary part. */
export const less: Two = comparison("lt", "less");
/** a <= b, broadcast: bool; complex numbers order by real, then imaginary part. */
export const lessEqual: Two = comparison("le", "lessEqual");
/** a > b, broadcast: bool; complex numbers order by real, then imaginary part. */
export const greater: Two = comparison("gt", "greater");
/** a >= b, broadcast: bool; complex numbers order by real, then imaginary part. */
export const greaterEqual: Two = comparison("ge", "greaterEqual");

/** Options of `isclose` and `allclose`. */
export interface CloseOptions {
  readonly rtol?: number;
  readonly atol?: number;
  readonly equalNan?: boolean;
}
/**
 * Whether |a - b| <= atol + rtol * |b|, broadcast: bool; equal infinities are close, NaNs if equalNan. Options: rtol (1e-5), atol (1e-8), equalNan.
 *
 * @example
 * ```ts
 * mx.isclose(mx.array([1, 2]), mx.array([1, 2.1])); // array([True, False], dtype=bool)
 * ```
 */
export function isclose(a: ArrayLike, b: ArrayLike, ...args: Tail<[], CloseOptions>): NDArray {
  return wrap(closeNode("isclose", a, b, args));
}
function closeNode(name: string, a: ArrayLike, b: ArrayLike, args: readonly unknown[]): Node {
  const o = splitArgs(name, [a, b, ...args], 2, ["rtol", "atol", "equalNan"]), [x, y] = pair(name, a, b);
  const rtol = numberOf(name, "rtol", o["rtol"] ?? 1e-5),
    atol = numberOf(name, "atol", o["atol"] ?? 1e-8),
    equalNan = flag(name, o, "equalNan");
  const t: DType = x.dtype === "float64" ? "float64" : "float32",
    far = cast(abs.node(sub(x, y)), t),
    size = cast(abs.node(y), t);
  let out = compare("le", far, addNode(like(Math.fround(atol), size), mul(like(Math.fround(rtol), size), size)));
  if (!isInexact(x.dtype)) return out;
  const infinite = (n: Node): Node => logicalOr.node(isposinf.node(n), isneginf.node(n)),
    ix = infinite(x),
    iy = infinite(y);
  out = select(logicalOr.node(ix, iy), logicalAnd.node(ix, compare("eq", x, y)), out);
  return equalNan ? logicalOr.node(out, logicalAnd.node(isnan.node(x), isnan.node(y))) : out;
}
/**
 * Whether all elements are close, as `isclose` has it: a 0-d bool array. Options: rtol (1e-5), atol (1e-8), equalNan.
 *
 * @example
 * ```ts
 * mx.allclose(mx.array([1]), mx.array([1 + 1e-7])).item(); // true
 * ```
 */
export function allclose(a: ArrayLike, b: ArrayLike, ...args: Tail<[], CloseOptions>): NDArray {
  return wrap(allNode(closeNode("allclose", a, b, args)));
}
/**
 * Whether shapes and all elements are equal (NaNs too if equalNan): a 0-d bool array. Options: equalNan.
 *
 * @example
 * ```ts
 * mx.arrayEqual(mx.array([1, 2]), mx.array([1, 2])).item(); // true
 * ```
 */
export function arrayEqual(a: ArrayLike, b: ArrayLike, ...args: Tail<[], { equalNan: boolean }>): NDArray {
  const equalNan = flag("arrayEqual", splitArgs("arrayEqual", [a, b, ...args], 2, ["equalNan"]), "equalNan");
  const shapeOf = (v: ArrayLike): readonly number[] => nodeOf("arrayEqual", v).shape;
  if (!same(shapeOf(a), shapeOf(b))) return wrap(full(false, [], "bool"));
  const [x, y] = pair("arrayEqual", a, b), eq = compare("eq", x, y);
  return wrap(
    allNode(
      equalNan && isInexact(x.dtype) ? logicalOr.node(eq, logicalAnd.node(isnan.node(x), isnan.node(y))) : eq,
    ),
  );
}

// ---- logic and bits ---------------------------------------------------------------------------------------------------
const logic = (name: string, stage: string): Binary =>
  binary({ name, scalar: (s, [x, y]) => s.bin(stage, x as Expr, y as Expr) }, () => "bool");
/** Whether both are not zero, broadcast: bool. */
export const logicalAnd: Binary = logic("logicalAnd", "and");
/** Whether either is not zero, broadcast: bool. */
export const logicalOr: Binary = logic("logicalOr", "or");
/** Whether exactly one is not zero, broadcast: bool. */
export const logicalXor: Binary = logic("logicalXor", "xor");

const whole = (name: string, then: (d: DType) => DType = (d) => d) => (d: DType): DType => {
  if (isInexact(d)) throw typeError(`Cannot ${name} arrays of dtype ${d}: it takes integers and bool`);
  return then(d);
};
const bitwise = (name: string, stage: string): Binary =>
  binary({ name, scalar: (s, [x, y]) => s.bin(stage, x as Expr, y as Expr) }, whole(name));
/** a & b, broadcast, of integers and bool in the promoted dtype; floats throw a TypeError. */
export const bitwiseAnd: Binary = bitwise("bitwiseAnd", "and");
/** a | b, broadcast, of integers and bool in the promoted dtype; floats throw a TypeError. */
export const bitwiseOr: Binary = bitwise("bitwiseOr", "or");
/** a ^ b, broadcast, of integers and bool in the promoted dtype; floats throw a TypeError. */
export const bitwiseXor: Binary = bitwise("bitwiseXor", "xor");
const shift = (name: string, stage: string): Binary =>
  binary(
    {
      name,
      // The count is taken modulo the register's width.
      scalar: (s, [x, y], [a]) => {
        const t = computeOf((a as Node).dtype), mask = Math.max(bitsOf((a as Node).dtype), 32) - 1;
        return s.bin(
          stage,
          x as Expr,
          s.bin("and", y as Expr, s.literal(t === "i64" || t === "u64" ? BigInt(mask) : mask, t)),
        );
      },
    },
    whole(name, (d) => d === "bool" ? "uint8" : d),
  );
/**
 * a << b, broadcast, of integers in the promoted dtype (bools become uint8); floats throw a TypeError.
 *
 * @example
 * ```ts
 * mx.leftShift(mx.array([1, 3], "int32"), 2); // array([4, 12], dtype=int32)
 * ```
 */
export const leftShift: Binary = shift("leftShift", "shl");
/** a >> b (with the sign of signed integers), broadcast, in the promoted dtype (bools become uint8); floats throw a TypeError. */
export const rightShift: Binary = shift("rightShift", "shr");
export { leftShift as bitwiseLeftShift, rightShift as bitwiseRightShift };

// ---- where ------------------------------------------------------------------------------------------------------------
/**
 * x where the condition is not zero, else y; all three broadcast, in the promoted dtype of x and y.
 *
 * @example
 * ```ts
 * mx.where(mx.array([true, false]), mx.array([1, 2]), 0); // array([1, 0], dtype=float32)
 * ```
 */
export function where(condition: ArrayLike, x: ArrayLike, y: ArrayLike): NDArray {
  const c = cast(nodeOf("where", condition), "bool"),
    [a, b] = pair("where", x, y),
    shape = broadcast("where", c.shape, a.shape);
  const spread = (n: Node, from: ArrayLike): Node =>
    isScalar(from) ? full(from, shape, n.dtype) : broadcastTo(n, shape);
  return wrap(select(broadcastTo(c, shape), spread(a, x), spread(b, y)));
}
