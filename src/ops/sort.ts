// Sorting: sort and argsort as calls of the native library, and what follows from them.
import { atLeastFloat, atLeastFloat32, isInexact, routineDType } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { flag, type Given, integer, shown, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike, AxisLike, NDArray, ReduceOptions } from "../core/ndarray.ts";
import type { Call, Node, OpDef, Planned } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { axesOf, ofSize, same, size, sizeMinus, sizeSteps, sizeTimes } from "../core/shape.ts";
import { below, productOf, type Size } from "../kernel/sizes.ts";
import { type AxisArg, onAxis } from "./args.ts";
import {
  add,
  assemble,
  broadcastTo,
  cast,
  compare,
  define,
  full,
  iota,
  like,
  mul,
  permute,
  reshape,
  select,
  slice,
  sub,
} from "./basis.ts";
import { type Gather, gather, scatter } from "./gather.ts";
import { alike, nodeOf, wrap } from "./lift.ts";
import { scanNode } from "./scan.ts";
import { isnan } from "./unary.ts";

/** The call of a sorting routine over the rows of a contiguous array. */
function rowsOf(routine: string, x: Planned): readonly Call[] {
  const n = x.shape[x.shape.length - 1] as Size;
  return [{
    routine: `${routine}.${routineDType(x.dtype)}`,
    pointers: [{ which: "in", index: 0, offset: 0 }, { which: "out", index: 0, offset: 0 }],
    ints: [productOf(x.shape.slice(0, -1)), n, n, 1],
    nums: [],
  }];
}
const argsortOp: OpDef<null> = define<null>({
  name: "argsort",
  type: ([x]) => ({ shape: (x as Node).shape, dtype: "uint32" }),
  lower: {
    kind: "call",
    family: "sort",
    strided: false,
    calls: (_arg, _views, _outs, avals) => rowsOf("argsort", avals[0] as Planned),
  },
  vjp: () => [null],
});
const sortOp: OpDef<null> = define<null>({
  name: "sort",
  type: ([x]) => ({ shape: (x as Node).shape, dtype: (x as Node).dtype }),
  lower: {
    kind: "call",
    family: "sort",
    strided: false,
    calls: (_arg, _views, _outs, avals) => rowsOf("sort", avals[0] as Planned),
  },
  vjp: (ct, _out, [x]) => {
    const n = x as Node, last = n.shape.length - 1;
    return [scatter("add", like(0, n), [apply(argsortOp, [n], null)], ct, alongAxis(n, last))];
  },
  jvp: ([t], out, [x]) =>
    gather(t as Node, [apply(argsortOp, [x as Node], null)], alongAxis(out, out.shape.length - 1)),
});
/** The gather that reads `x` along an axis at positions of x's own shape. */
const alongAxis = (x: Node, axis: number): Gather => ({
  shape: x.shape,
  source: x.shape.map((_, d) => d === axis ? { from: "index", which: 0 } : { from: "out", axis: d }),
  indexAxes: x.shape.map((_, d) => d),
});
/** An op over the last axis, along any. */
function onLast(op: OpDef<null>, x: Node, axis: number): Node {
  const axes = x.shape.map((_, d) => d).filter((d) => d !== axis);
  axes.push(axis);
  const back = axes.map((_, d) => axes.indexOf(d));
  return permute(apply(op, [permute(x, axes)], null), back);
}
/** The elements in order along an axis, NaN last. */
const sortNode = (x: Node, axis: number): Node => onLast(sortOp, x, axis);
/** The order that sorts a node along an axis, equal elements as they come, NaN last: uint32. */
export const argsortNode = (x: Node, axis: number): Node => onLast(argsortOp, x, axis);

/** The array (flattened for a null axis) and the axis of a call whose only option is the axis. */
function target(name: string, required: readonly unknown[], args: readonly unknown[]): ReturnType<typeof onAxis> {
  const o = splitArgs(name, [...required, ...args], required.length, ["axis"], ["axis"]);
  return onAxis(name, required[0] as ArrayLike, o["axis"], -1);
}
/**
 * The elements sorted along `axis` (-1; null flattens), NaN last. Options: axis.
 *
 * @example
 * ```ts
 * mx.sort(mx.array([3, NaN, 1])); // array([1, 3, nan], dtype=float32)
 * mx.sort(mx.array([[2, 1], [0, 3]]), { axis: null }); // array([0, 1, 2, 3], dtype=float32)
 * ```
 */
export function sort(a: ArrayLike, ...args: Tail<[axis: number], { axis: number }>): NDArray {
  const t = target("sort", [a], args);
  return wrap(sortNode(t.x, t.axis));
}
/**
 * The order that sorts along `axis` (-1; null flattens), equal elements as they come, NaN last: uint32. Options: axis.
 *
 * @example
 * ```ts
 * mx.argsort(mx.array([3, 1, 2])); // array([1, 2, 0], dtype=uint32)
 * ```
 */
export function argsort(a: ArrayLike, ...args: Tail<[axis: number], { axis: number }>): NDArray {
  const t = target("argsort", [a], args);
  return wrap(argsortNode(t.x, t.axis));
}
function partitioned(
  name: string,
  node: (x: Node, axis: number) => Node,
  a: ArrayLike,
  kth: number,
  args: readonly unknown[],
): NDArray {
  const t = target(name, [a, kth], args),
    n = t.x.shape[t.axis] as number;
  integer(name, "kth", kth);
  if (kth < 0 ? below(n, -kth) : !below(kth, n)) {
    throw rangeError(`Cannot ${name} at element ${kth} of an axis of length ${n}`);
  }
  return wrap(node(t.x, t.axis));
}
/**
 * The elements along `axis` (-1; null flattens) with none after the `kth` smaller and none before it larger. Options: axis.
 *
 * @example
 * ```ts
 * mx.partition(mx.array([3, 1, 2]), 1).get(1).item(); // 2
 * ```
 */
export function partition(a: ArrayLike, kth: number, ...args: Tail<[axis: number], { axis: number }>): NDArray {
  return partitioned("partition", sortNode, a, kth, args);
}
/** The order in which none after the `kth` element along `axis` (-1; null flattens) is smaller and none before it larger: uint32. Options: axis. */
export function argpartition(a: ArrayLike, kth: number, ...args: Tail<[axis: number], { axis: number }>): NDArray {
  return partitioned("argpartition", argsortNode, a, kth, args);
}
/** `count` elements along an axis from `start`. */
function range(x: Node, axis: number, start: number, count: number): Node {
  return slice(x, {
    starts: x.shape.map((_, d) => d === axis ? start : 0),
    steps: x.shape.map(() => 1),
    shape: x.shape.map((n, d) => d === axis ? count : n),
  });
}
/**
 * The k largest elements along `axis` (-1; null flattens), in rising order; NaN counts as largest. Options: axis.
 *
 * @example
 * ```ts
 * mx.topk(mx.array([5, 1, 4]), 2); // array([4, 5], dtype=float32)
 * ```
 */
export function topk(a: ArrayLike, k: number, ...args: Tail<[axis: number], { axis: number }>): NDArray {
  const t = target("topk", [a, k], args),
    n = t.x.shape[t.axis] as number;
  integer("topk", "k", k);
  if (k < 0 || below(n, k)) throw rangeError(`Cannot take the top ${k} of an axis of length ${n}`);
  return wrap(range(sortNode(t.x, t.axis), t.axis, sizeMinus(n, k), k));
}
/**
 * The median over `axis` (a number, a list or all), NaN if there is one; floating or complex, other dtypes become float32. Options: axis, keepdims.
 *
 * @example
 * ```ts
 * mx.median(mx.array([4, 1, 3, 2])).item(); // 2.5
 * ```
 */
export function median(a: ArrayLike, ...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray {
  const o = splitArgs("median", [a, ...args], 1, ["axis", "keepdims"], ["axis"]),
    x = nodeOf("median", a),
    axes = axesOf("median", o["axis"] as AxisArg | undefined, x.shape.length);
  if (axes.length === 0 && x.shape.length > 0) throw rangeError("Cannot take the median over no axes");
  const n = size(axes.map((d) => x.shape[d] as number)),
    rest = x.shape.map((_, d) => d).filter((d) => !axes.includes(d)),
    shape = rest.map((d) => x.shape[d] as number);
  if (n === 0) throw rangeError(`Cannot take the median of no elements: shape is [${x.shape.join(",")}]`);
  const s = sortNode(reshape(permute(x, [...rest, ...axes]), [...shape, n]), shape.length),
    wide = atLeastFloat32(x.dtype);
  const at = (i: number): Node => cast(reshape(range(s, shape.length, i, 1), shape), wide), half = sizeSteps(n, 2);
  // The mean of the middle two; NaN is last, so that the last element tells.
  let m = at(sizeMinus(half, 1));
  if (same([sizeTimes(half, 2)], [n])) m = mul(add(m, at(half)), like(0.5, m));
  const last = at(sizeMinus(n, 1)),
    out = cast(isInexact(x.dtype) ? select(isnan.node(last), last, m) : m, atLeastFloat(x.dtype));
  return wrap(flag("median", o, "keepdims") ? reshape(out, x.shape.map((d, k) => axes.includes(k) ? 1 : d)) : out);
}
/**
 * Where `values` would go in a sorted sequence (1-d) to keep it sorted, before ("left") or after ("right") equal elements; NaN is last: uint32. Options: side.
 *
 * @example
 * ```ts
 * mx.searchsorted(mx.array([1, 2, 2, 3]), mx.array([2])); // array([1], dtype=uint32)
 * mx.searchsorted(mx.array([1, 2, 2, 3]), mx.array([2]), { side: "right" }); // array([3], dtype=uint32)
 * ```
 */
export function searchsorted(
  sortedSequence: ArrayLike,
  values: ArrayLike,
  ...args: Tail<[], { side: "left" | "right" }>
): NDArray {
  const side = splitArgs("searchsorted", [sortedSequence, values, ...args], 2, ["side"], [])["side"] ?? "left";
  if (side !== "left" && side !== "right") {
    throw rangeError(`Cannot searchsorted: side must be "left" or "right", not ${shown(side)}`);
  }
  const [s, v] = alike("searchsorted", [sortedSequence, values]) as [Node, Node], t = s.dtype;
  if (s.shape.length !== 1) {
    throw rangeError(
      `Cannot searchsorted in an array with ${s.shape.length} dimensions: the sorted sequence must have one`,
    );
  }
  const n = s.shape[0] as number, number = (x: number): Node => full(ofSize(x, (k) => k), v.shape, "int32");
  const less = (x: Node, y: Node): Node =>
    isInexact(t) ? select(isnan.node(y), not(isnan.node(x)), compare("lt", x, y)) : compare("lt", x, y);
  // `at` elements are known to stand before the value; each step asks about twice fewer.
  let at = number(0), most = n === 0 ? 0 : 1;
  while (most > 0 && !below(n, 2 * most)) most *= 2;
  for (let step = most; step >= 1; step /= 2) {
    const next = add(at, number(step)),
      inside = compare("le", next, number(n)),
      place = select(inside, sub(next, number(1)), number(0));
    const x = gather(s, [place], {
      shape: v.shape,
      source: [{ from: "index", which: 0 }],
      indexAxes: v.shape.map((_, d) => d),
    });
    const before = side === "left" ? less(x, v) : not(less(v, x));
    at = select(select(inside, before, inside), next, at);
  }
  return wrap(cast(at, "uint32"));
}
const not = (c: Node): Node => compare("eq", c, like(0, c));
/** Options of `unique`: what it gives besides the elements. */
export interface UniqueOptions {
  readonly returnIndex?: boolean;
  readonly returnInverse?: boolean;
  readonly returnCounts?: boolean;
  readonly fillValue?: ArrayLike;
}
/**
 * The different elements of the flattened array in order, `length` of them: surplus ones are left out, missing ones are `fillValue` (the smallest
 * element by default). NaNs all differ. With returnIndex, returnInverse or returnCounts a list: then come where each stands first (uint32), which of
 * them each element is (uint32), how often each occurs (int32).
 *
 * @example
 * ```ts
 * mx.unique(mx.array([3, 1, 3]), 2); // array([1, 3], dtype=float32)
 * mx.unique(mx.array([3, 1, 3]), 4, { fillValue: -1 }); // array([1, 3, -1, -1], dtype=float32)
 * ```
 */
export function unique(a: ArrayLike, length: number, options?: Given<{ fillValue: ArrayLike }>): NDArray;
export function unique(a: ArrayLike, length: number, options: Given<UniqueOptions>): NDArray[];
export function unique(a: ArrayLike, length: number, ...args: readonly unknown[]): NDArray | NDArray[] {
  const o = splitArgs(
      "unique",
      [a, length, ...args],
      2,
      ["returnIndex", "returnInverse", "returnCounts", "fillValue"],
      [],
    ),
    input = nodeOf("unique", a);
  integer("unique", "length", length);
  if (length < 0) throw rangeError(`Cannot unique: length must not be negative: ${length}`);
  const n = size(input.shape),
    x = reshape(input, [n]),
    m = Math.max(n, length),
    flags = ["returnIndex", "returnInverse", "returnCounts"].map((key) => flag("unique", o, key)),
    given = o["fillValue"];
  const scalar = given !== undefined && given !== null ? cast(nodeOf("unique", given as ArrayLike), x.dtype) : null;
  if (scalar !== null && scalar.shape.length > 0) {
    throw typeError(`Cannot unique: fillValue must be a number, not an array of shape [${scalar.shape.join(",")}]`);
  }
  if (n === 0) {
    const empty = [
      broadcastTo(scalar ?? full(0, [], x.dtype), [length]),
      full(0, [length], "uint32"),
      full(0, [0], "uint32"),
      full(0, [length], "int32"),
    ];
    return results(empty, flags);
  }
  const order = argsortNode(x, 0),
    sorted = gather(x, [order], alongAxis(x, 0)),
    one = { starts: [1], steps: [1], shape: [n - 1] };
  const differs = compare("ne", slice(sorted, one), slice(sorted, { ...one, starts: [0] }));
  const fresh = assemble([full(true, [n], "bool"), differs], [null, one], [n]);
  // The number of each sorted element among the different ones.
  const count = scanNode("sum", cast(fresh, "int32"), 0),
    rank = sub(count, like(1, count)),
    missing = compare("ge", iota([m], 0, "int32"), broadcastTo(range(count, 0, n - 1, 1), [m]));
  const place: Gather = { shape: [n], source: [{ from: "index", which: 0 }], indexAxes: [0] },
    cut = (v: Node): Node => range(v, 0, 0, length);
  const fill = broadcastTo(scalar ?? range(sorted, 0, 0, 1), [m]),
    values = cut(scatter("set", fill, [rank], sorted, place));
  const firsts = scatter("min", full(4294967295, [m], "uint32"), [rank], order, place);
  const index = cut(select(missing, broadcastTo(range(order, 0, 0, 1), [m]), firsts));
  const inverse = scatter("set", full(0, [n], "uint32"), [order], cast(rank, "uint32"), place);
  const counts = cut(scatter("add", full(0, [m], "int32"), [rank], full(1, [n], "int32"), place));
  return results([values, index, inverse, counts], flags);
}
function results([values, ...more]: readonly Node[], flags: readonly boolean[]): NDArray | NDArray[] {
  const chosen = more.filter((_, i) => flags[i]).map(wrap), first = wrap(values as Node);
  return chosen.length === 0 ? first : [first, ...chosen];
}
