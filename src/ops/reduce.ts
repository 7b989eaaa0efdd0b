// Reductions along axes: sums, products, extremes, moments, tests and softmax.
import type { DType } from "../base/dtype.ts";
import { atLeastFloat, atLeastFloat32, isComplex, isInexact } from "../base/dtype.ts";
import { rangeError } from "../base/error.ts";
import { flag, numberOf, splitArgs, type Tail } from "../base/options.ts";
import type { ArgOptions, ArrayLike, AxisLike, NDArray, ReduceOptions, SpreadOptions } from "../core/ndarray.ts";
import { apply, type Node, type OpDef } from "../core/node.ts";
import { axesOf, axisOf, ofSize, size } from "../core/shape.ts";
import type { AxisArg } from "./args.ts";
import {
  add,
  batchAll,
  broadcastTo,
  cast,
  compare,
  define,
  div,
  full,
  like,
  mul,
  reduce,
  reshape,
  select,
  sub,
} from "./basis.ts";
import { nodeOf, wrap } from "./lift.ts";
import { dtypeOf } from "./cast.ts";
import { diagonal } from "./movement.ts";
import {
  complexNode,
  conjugateNode,
  exp,
  imagNode,
  isfinite,
  isnan,
  log,
  realNode,
  sqrt,
  square,
  stopNode,
} from "./unary.ts";

interface Parsed {
  readonly x: Node;
  readonly axes: readonly number[];
  readonly keepdims: boolean;
  readonly ddof: number;
}
function parse(name: string, a: ArrayLike, args: readonly unknown[], extra: readonly string[] = []): Parsed {
  const o = splitArgs(name, [a, ...args], 1, ["axis", "keepdims", ...extra], ["axis"]), x = nodeOf(name, a);
  const keepdims = flag(name, o, "keepdims"), ddof = numberOf(name, "ddof", o["ddof"] ?? 0);
  return { x, axes: axesOf(name, o["axis"] as AxisArg | undefined, x.shape.length), keepdims, ddof };
}
/** The result of a fold with its axes back as length 1. */
function kept(n: Node, x: Node, axes: readonly number[]): Node {
  return reshape(n, x.shape.map((d, k) => axes.includes(k) ? 1 : d));
}
const finish = (n: Node, p: Parsed): NDArray => wrap(p.keepdims ? kept(n, p.x, p.axes) : n);
const count = (x: Node, axes: readonly number[]): number => size(axes.map((d) => x.shape[d] as number));

/** The dtype that sums and products of small integers have. */
function accumulated(d: DType): DType {
  if (d === "bool" || d === "int8" || d === "int16") return "int32";
  return d === "uint8" || d === "uint16" ? "uint32" : d;
}

/** Sum over sorted axes, in the accumulation dtype. */
export const sumNode = (x: Node, axes: readonly number[]): Node => accumulate("sum", x, axes);
/** A sum or product; over no axes the array itself. */
const accumulate = (fold: "sum" | "prod", x: Node, axes: readonly number[]): Node =>
  axes.length === 0 ? x : reduce(fold, cast(x, accumulated(x.dtype)), axes);
/** Mean over sorted axes: floating. */
function meanNode(x: Node, axes: readonly number[]): Node {
  const t = atLeastFloat(x.dtype),
    s = cast(sumNode(cast(x, t === x.dtype ? atLeastFloat32(t) : x.dtype), axes), atLeastFloat32(t));
  return cast(mul(s, like(ofSize(count(x, axes), (n) => 1 / n), s)), t);
}
/** Variance over sorted axes: floating; float32 of complex. */
function varianceNode(x: Node, axes: readonly number[], ddof: number): Node {
  const t = atLeastFloat(x.dtype), y = cast(x, atLeastFloat32(t));
  const d = sub(y, broadcastTo(kept(cast(meanNode(y, axes), y.dtype), x, axes), x.shape));
  const sq = isComplex(t) ? add(square.node(realNode(d)), square.node(imagNode(d))) : square.node(d);
  const v = reduce("sum", sq, axes), n = count(x, axes);
  const out = ddof === 0
    ? mul(v, like(ofSize(n, (k) => 1 / k), v))
    : div(v, like(ofSize(n, (k) => Math.max(k - ddof, 0)), v));
  return isComplex(t) ? out : cast(out, t);
}
/** The extreme over sorted axes; complex numbers order by real, then imaginary part. */
export function extremeNode(fold: "min" | "max", x: Node, axes: readonly number[]): Node {
  if (!isComplex(x.dtype) || axes.length === 0) return reduce(fold, x, axes);
  const im = imagNode(x), re = select(isnan.node(x), like(NaN, im), realNode(x)), best = reduce(fold, re, axes);
  const spread = broadcastTo(kept(best, x, axes), x.shape),
    hit = select(isnan.node(spread), isnan.node(re), compare("eq", re, spread));
  return complexNode(
    best,
    reduce(
      fold,
      select(hit, select(isnan.node(im), like(0, im), im), like(fold === "max" ? -Infinity : Infinity, im)),
      axes,
    ),
  );
}
/** Whether all elements along sorted axes are not zero: bool. */
export function allNode(x: Node, axes: readonly number[] = x.shape.map((_, d) => d)): Node {
  const b = cast(x, "bool");
  return axes.some((d) => x.shape[d] === 0)
    ? full(true, x.shape.filter((_, d) => !axes.includes(d)), "bool")
    : reduce("min", b, axes);
}

/**
 * The sum over `axis` (a number, a list or all); bool and small integers become int32 or uint32. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * const x = mx.array([[1, 2], [3, 4]]);
 * mx.sum(x).item(); // 10
 * mx.sum(x, 0); // array([4, 6], dtype=float32)
 * mx.sum(x, { axis: 1, keepdims: true }); // array([[3], [7]], dtype=float32)
 * mx.sum(mx.array([200, 100], "uint8")); // array(300, dtype=uint32)
 * ```
 */
export function sum(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("sum", a, args);
  return finish(sumNode(p.x, p.axes), p);
}
/**
 * The product over `axis`; bool and small integers become int32 or uint32. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.prod(mx.array([2, 3, 4])).item(); // 24
 * ```
 */
export function prod(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("prod", a, args);
  return finish(accumulate("prod", p.x, p.axes), p);
}
/**
 * The smallest element over `axis` (NaN if there is one), in the array's dtype; a RangeError over no elements. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.min(mx.array([3, NaN, 1])).item(); // NaN
 * mx.min(mx.zeros([0])); // RangeError: Cannot take the min over no elements (dtype is float32)
 * ```
 */
export function min(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("min", a, args);
  return finish(extremeNode("min", p.x, p.axes), p);
}
/**
 * The largest element over `axis` (NaN if there is one), in the array's dtype; a RangeError over no elements. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.max(mx.array([[1, 5], [3, 2]]), 1); // array([5, 3], dtype=float32)
 * ```
 */
export function max(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("max", a, args);
  return finish(extremeNode("max", p.x, p.axes), p);
}
/**
 * The smallest and the largest element over `axis`: [min, max]. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.minmax(mx.array([3, 1, 2])).map((a) => a.item()); // [1, 3]
 * ```
 */
export function minmax(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): [NDArray, NDArray] {
  const p = parse("minmax", a, args);
  return [finish(extremeNode("min", p.x, p.axes), p), finish(extremeNode("max", p.x, p.axes), p)];
}
/**
 * The mean over `axis`; floating or complex, other dtypes become float32. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.mean(mx.array([1, 2], "int32")); // array(1.5, dtype=float32)
 * ```
 */
export function mean(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("mean", a, args);
  return finish(meanNode(p.x, p.axes), p);
}
/**
 * The variance over `axis`, divided by n - ddof (ddof 0); floating, of complex64 float32. Options: axis, keepdims, ddof.
 *
 * @example
 * ```ts
 * mx.var(mx.array([1, 2, 3, 4])).item(); // 1.25
 * mx.var(mx.array([1, 3]), { ddof: 2 }).item(); // Infinity
 * ```
 */
export function variance(a: ArrayLike, ...args: Tail<[axis: AxisLike], SpreadOptions>): NDArray {
  const p = parse("var", a, args, ["ddof"]);
  return finish(varianceNode(p.x, p.axes, p.ddof), p);
}
export { variance as var };
/** The standard deviation over `axis`: the root of the variance. Options: axis, keepdims, ddof. */
export function std(a: ArrayLike, ...args: Tail<[axis: AxisLike], SpreadOptions>): NDArray {
  const p = parse("std", a, args, ["ddof"]);
  return finish(sqrt.node(varianceNode(p.x, p.axes, p.ddof)), p);
}
/**
 * Whether all elements over `axis` are not zero: bool, true over none. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.all(mx.array([1, 0])).item(); // false
 * mx.all(mx.zeros([0])).item(); // true
 * ```
 */
export function all(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("all", a, args);
  return finish(allNode(p.x, p.axes), p);
}
/** Whether any element over `axis` is not zero: bool, false over none. Options: axis, keepdims. */
export function any(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("any", a, args), b = cast(p.x, "bool");
  const none = p.axes.some((d) => p.x.shape[d] === 0);
  return finish(
    none ? full(false, p.x.shape.filter((_, d) => !p.axes.includes(d)), "bool") : reduce("max", b, p.axes),
    p,
  );
}
/**
 * The number of elements over `axis` that are not zero: int32. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.countNonzero(mx.array([0, 2, 3])); // array(2, dtype=int32)
 * ```
 */
export function countNonzero(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("countNonzero", a, args);
  return finish(reduce("sum", cast(cast(p.x, "bool"), "int32"), p.axes), p);
}

function position(fold: "argmin" | "argmax", x: Node, axis: number): Node {
  if (!isComplex(x.dtype)) return reduce(fold, x, [axis]);
  const best = extremeNode(fold === "argmax" ? "max" : "min", x, [axis]);
  return reduce("argmax", cast(compare("eq", x, broadcastTo(kept(best, x, [axis]), x.shape)), "int32"), [axis]);
}
function argument(fold: "argmin" | "argmax", a: ArrayLike, args: readonly unknown[]): NDArray {
  const o = splitArgs(fold, [a, ...args], 1, ["axis", "keepdims"], ["axis"]),
    x = nodeOf(fold, a),
    axis = o["axis"] as number | null | undefined;
  const keepdims = flag(fold, o, "keepdims"),
    d = axis === undefined || axis === null ? null : axisOf(fold, axis, x.shape.length);
  if (size(x.shape) === 0) throw rangeError(`Cannot take the ${fold} of no elements: shape is [${x.shape.join(",")}]`);
  const n = d === null ? position(fold, reshape(x, [size(x.shape)]), 0) : position(fold, x, d);
  return wrap(keepdims ? kept(n, x, d === null ? x.shape.map((_, k) => k) : [d]) : n);
}
/** The index of the first smallest element along `axis` (of the flattened array by default), NaN counting as smallest: uint32. Options: axis, keepdims. */
export function argmin(a: ArrayLike, ...args: Tail<[axis: number], ArgOptions>): NDArray {
  return argument("argmin", a, args);
}
/**
 * The index of the first largest element along `axis` (of the flattened array by default), NaN counting as largest: uint32. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.argmax(mx.array([1, 3, 3])); // array(1, dtype=uint32)
 * mx.argmax(mx.array([[1, 2], [4, 3]]), 1); // array([1, 0], dtype=uint32)
 * ```
 */
export function argmax(a: ArrayLike, ...args: Tail<[axis: number], ArgOptions>): NDArray {
  return argument("argmax", a, args);
}

/** The largest (real part) along axes, spread over x's shape, with no gradient. */
function shift(x: Node, axes: readonly number[]): Node {
  return stopNode(kept(cast(reduce("max", realNode(x), axes), x.dtype), x, axes));
}
/** True if the axes are the last one, after leading ones of length 1. */
function alongRows(shape: readonly number[], axes: readonly number[]): boolean {
  const last = axes.length - 1;
  if (last < 0 || axes[last] !== shape.length - 1) return false;
  for (let i = last - 1; i >= 0; i--) {
    if ((axes[i] as number) + 1 !== axes[i + 1] || shape[axes[i] as number] !== 1) return false;
  }
  return true;
}
/** log(sum(exp(x))) over sorted axes, without overflow. */
function logsumexpNode(x: Node, axes: readonly number[]): Node {
  if (!isInexact(x.dtype) && !alongRows(x.shape, axes)) {
    // MLX shifts by the maximum in the input's own dtype, where the difference may wrap.
    const top = shift(x, axes), s = reduce("sum", exp.node(cast(sub(x, broadcastTo(top, x.shape)), "float32")), axes);
    return add(log.node(s), cast(reshape(top, s.shape), "float32"));
  }
  const t = atLeastFloat(x.dtype), y = cast(x, atLeastFloat32(t)), top = shift(y, axes);
  // An infinite maximum would make NaN of its own difference.
  const m = select(isfinite.node(top), top, like(0, top)),
    s = reduce("sum", exp.node(sub(y, broadcastTo(m, x.shape))), axes);
  return cast(add(log.node(s), reshape(m, s.shape)), t);
}
/**
 * log(sum(exp(a))) over `axis`; floating or complex, other dtypes become float32; a RangeError over no elements. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.logsumexp(mx.array([1000, 1000])); // array(1000.69, dtype=float32)
 * ```
 */
export function logsumexp(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const p = parse("logsumexp", a, args);
  if (size(p.x.shape) === 0) {
    throw rangeError(`Cannot take the logsumexp of no elements: shape is [${p.x.shape.join(",")}]`);
  }
  return finish(logsumexpNode(p.x, p.axes), p);
}
/** q (t - sum(q t)) over axes counted from the last one: a softmax's derivative, which is its own transpose. */
function softmaxAlong(t: Node, q: Node, fromLast: readonly number[]): Node {
  const axes = fromLast.map((d) => d + q.shape.length), both = mul(q, t);
  return sub(both, mul(q, broadcastTo(kept(reduce("sum", both, axes), q, axes), q.shape)));
}
/** Probabilities, with what they are the softmax of: gradients take no more than them. The argument is the axes, counted from the last one. */
const softmaxOp: OpDef<readonly number[]> = define<readonly number[]>({
  name: "softmax",
  type: ([p]) => ({ shape: (p as Node).shape, dtype: (p as Node).dtype }),
  lower: { kind: "view", view: (v) => v, pull: (index) => index },
  structure: () => "",
  vjp: (ct, out, _ins, axes) => [null, softmaxAlong(ct, conjugateNode(out), axes)],
  jvp: ([, t], out, _ins, axes) => t ? softmaxAlong(t, out, axes) : null,
  vmap: (ins, batched, axes, n) => apply(softmaxOp, batchAll(ins, batched, n), axes),
});
/** exp(x) over its sum along sorted axes. */
function softmaxNode(x: Node, axes: readonly number[]): Node {
  const t = atLeastFloat(x.dtype);
  if (size(x.shape) === 0) return cast(x, t);
  const given = cast(x, atLeastFloat32(t)),
    y = stopNode(given),
    e = exp.node(sub(y, broadcastTo(shift(y, axes), x.shape)));
  const p = div(e, broadcastTo(kept(reduce("sum", e, axes), x, axes), x.shape));
  return cast(apply(softmaxOp, [p, given], axes.map((d) => d - x.shape.length)), t);
}
/**
 * exp(a) over its sum along `axis` (all axes by default); floating or complex, other dtypes become float32. Options: axis, precise (16-bit floats are always summed in float32).
 *
 * @example
 * ```ts
 * mx.softmax(mx.array([[0, 0], [0, 1000]]), -1); // array([[0.5, 0.5], [0, 1]], dtype=float32)
 * ```
 */
export function softmax(a: ArrayLike, ...args: Tail<[axis: AxisLike], { axis: AxisLike; precise: boolean }>): NDArray {
  const o = splitArgs("softmax", [a, ...args], 1, ["axis", "precise"], ["axis"]), x = nodeOf("softmax", a);
  flag("softmax", o, "precise");
  return wrap(softmaxNode(x, axesOf("softmax", o["axis"] as AxisArg | undefined, x.shape.length)));
}

/** Options of `trace`. */
export interface TraceOptions {
  readonly offset?: number;
  readonly axis1?: number;
  readonly axis2?: number;
  readonly dtype?: DType | null;
}
/**
 * The sum along a diagonal of two axes (0 and 1 by default); bool and small integers become int32 or uint32. Options: offset, axis1, axis2, dtype.
 *
 * @example
 * ```ts
 * mx.trace(mx.array([[1, 2], [3, 4]])).item(); // 5
 * ```
 */
export function trace(
  a: ArrayLike,
  ...args:
    | Tail<[offset: number, axis1: number, axis2: number, dtype: DType], TraceOptions>
    | Tail<[dtype: DType], TraceOptions>
): NDArray {
  const where = ["offset", "axis1", "axis2"];
  const { dtype = null, ...at }: TraceOptions = splitArgs("trace", [a, ...args], 1, [], [...where, "dtype"]),
    d = diagonal(a, at).node;
  return wrap(sumNode(dtype === null ? d : cast(d, dtypeOf("trace", dtype)), [d.shape.length - 1]));
}
