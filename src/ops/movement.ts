// Movement: the same elements in another shape or order.
import type { DType } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { checkOptions, flag, integer, integers, shown, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import {
  axesOf,
  axisOf,
  broadcast,
  counting,
  dims,
  same,
  shapeOf,
  size,
  sizeMin,
  sizeMinus,
  sizeOver,
  sizePlus,
  sizeTimes,
  text,
} from "../core/shape.ts";
import { below, equal } from "../kernel/sizes.ts";
import { contiguousStrides, isContiguous } from "../core/view.ts";
import { type AxisArg, trailing } from "./args.ts";
import {
  add,
  after,
  assemble,
  broadcastTo as broadcastNode,
  compare,
  full,
  iota,
  permute,
  reshape as reshapeNode,
  slice as sliceNode,
  sub,
} from "./basis.ts";
import { gather } from "./gather.ts";
import { isScalar, noArray, nodeOf, wrap } from "./lift.ts";
import type { Slice } from "./basis.ts";

// ---- helpers on nodes, for other families -------------------------------------------------------------------------------
/** A slice of one axis: `count` elements from `start`, `step` apart. */
export function sliceAxis(x: Node, axis: number, start: number, count: number, step = 1): Node {
  return sliceNode(x, {
    starts: x.shape.map((_, d) => d === axis ? start : 0),
    steps: x.shape.map((_, d) => d === axis ? step : 1),
    shape: x.shape.map((n, d) => d === axis ? count : n),
  });
}
/** Nodes of one dtype and of shapes that differ in `axis` only, end to end. */
export function concatNodes(nodes: readonly Node[], axis: number): Node {
  const parts = nodes.filter((n) => n.shape[axis] !== 0);
  const first = nodes[0] as Node;
  if (parts.length === 0) return first;
  if (parts.length === 1) return parts[0] as Node;
  let total = 0;
  const slices = parts.map((n): Slice => {
    const s = { starts: n.shape.map((_, d) => d === axis ? total : 0), steps: n.shape.map(() => 1), shape: n.shape };
    total = sizePlus(total, n.shape[axis] as number);
    return s;
  });
  return assemble(parts, slices, first.shape.map((n, d) => d === axis ? total : n));
}
/** An axis of length 1 at `axis` of the result. */
export function expand(x: Node, axis: number): Node {
  return reshapeNode(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
}
/** Two axes exchanged. */
export function swap(x: Node, a: number, b: number): Node {
  const axes = counting(x.shape.length);
  axes[a] = b;
  axes[b] = a;
  return permute(x, axes);
}
/** One axis moved to another place. */
export function move(x: Node, from: number, to: number): Node {
  const axes = counting(x.shape.length);
  axes.splice(from, 1);
  axes.splice(to, 0, from);
  return permute(x, axes);
}
/** All elements along one axis. */
export function flat(x: Node): Node {
  return reshapeNode(x, [size(x.shape)]);
}
/** Elements in reverse along axes. */
export function reverse(x: Node, axes: readonly number[]): Node {
  if (axes.length === 0 || size(x.shape) === 0) return x;
  return sliceNode(x, {
    starts: x.shape.map((n, d) => axes.includes(d) ? sizeMinus(n, 1) : 0),
    steps: x.shape.map((_, d) => axes.includes(d) ? -1 : 1),
    shape: x.shape,
  });
}

// ---- shape --------------------------------------------------------------------------------------------------------------
/** A shape with at most one -1 in full, for `count` elements. */
function resolveShape(
  op: string,
  from: readonly number[],
  shape: number | readonly number[],
): readonly number[] {
  const list = typeof shape === "number" ? [shape] : shape, count = size(from);
  if (!Array.isArray(list)) {
    throw typeError(`Cannot ${op} to a shape that is neither a number nor a list of numbers: ${shown(shape)}`);
  }
  const at = (list as readonly number[]).indexOf(-1);
  if (at < 0) {
    shapeOf(op, list as readonly number[]);
    if (!equal(size(list as readonly number[]), count)) {
      throw typeError(
        `Cannot ${op} an array of shape ${text(from)} (${count} elements) to ${text(list as readonly number[])}`,
      );
    }
    return [...list as readonly number[]];
  }
  const rest = (list as readonly number[]).filter((_, i) => i !== at);
  if (rest.includes(-1)) {
    throw rangeError(`Cannot ${op} to a shape with more than one -1: ${text(list as readonly number[])}`);
  }
  shapeOf(op, rest);
  const known = size(rest), left = known === 0 ? null : sizeOver(count, known);
  if (left === null) {
    throw typeError(
      `Cannot ${op} an array of shape ${text(from)} (${count} elements) to ${text(list as readonly number[])}`,
    );
  }
  return (list as readonly number[]).map((n, i) => i === at ? left : n);
}

/**
 * The same elements, row-major, in another shape, of which one length may be -1; a TypeError if the number of elements differs.
 *
 * @example
 * ```ts
 * mx.reshape(mx.arange(6), [2, -1]); // array([[0, 1, 2], [3, 4, 5]], dtype=int32)
 * mx.reshape(mx.arange(6), [4, 2]); // TypeError: Cannot reshape an array of shape [6] (6 elements) to [4,2]
 * ```
 */
export function reshape(a: ArrayLike, ...shape: readonly number[] | readonly [readonly number[]]): NDArray {
  const x = nodeOf("reshape", a),
    given = shape.length === 1 && Array.isArray(shape[0]) ? shape[0] as readonly number[] : shape as readonly number[];
  return wrap(reshapeNode(x, resolveShape("reshape", x.shape, given)));
}

/** Options of `flatten`. */
export interface FlattenOptions {
  readonly startAxis?: number;
  readonly endAxis?: number;
}
/**
 * Axes `startAxis` to `endAxis` (inclusive; all by default) as one; a 0-d array becomes 1-d.
 *
 * @example
 * ```ts
 * mx.flatten(mx.zeros([2, 3, 4]), 1).shape; // [2, 12]
 * ```
 */
export function flatten(a: ArrayLike, ...args: Tail<[startAxis: number, endAxis: number], FlattenOptions>): NDArray {
  const x = nodeOf("flatten", a),
    n = x.shape.length,
    o: FlattenOptions = splitArgs("flatten", [a, ...args], 1, [], ["startAxis", "endAxis"]);
  const end = integer("flatten", "endAxis", o.endAxis ?? -1), start = integer("flatten", "startAxis", o.startAxis ?? 0);
  if (n === 0) return wrap(reshapeNode(x, [1]));
  const lo = axisOf("flatten", start < 0 ? Math.max(start, -n) : start, n),
    hi = axisOf("flatten", end >= n ? n - 1 : end, n);
  if (lo > hi) throw rangeError(`Cannot flatten from axis ${start} to axis ${end}: the first lies behind the last`);
  return wrap(reshapeNode(x, [...x.shape.slice(0, lo), size(x.shape.slice(lo, hi + 1)), ...x.shape.slice(hi + 1)]));
}

/**
 * One axis as several, of which one length may be -1; a TypeError if they do not multiply to the axis's length.
 *
 * @example
 * ```ts
 * mx.unflatten(mx.zeros([6, 2]), 0, [3, -1]).shape; // [3, 2, 2]
 * ```
 */
export function unflatten(a: ArrayLike, axis: number, shape: number | readonly number[]): NDArray {
  const x = nodeOf("unflatten", a), d = axisOf("unflatten", axis, x.shape.length);
  return wrap(
    reshapeNode(x, [
      ...x.shape.slice(0, d),
      ...resolveShape("unflatten", [x.shape[d] as number], shape),
      ...x.shape.slice(d + 1),
    ]),
  );
}

/** Options with an axis. */
export interface AxisOptions {
  readonly axis?: AxisArg | undefined;
}
/** Options with one axis. */
export interface OneAxisOptions {
  readonly axis?: number;
}
/**
 * Without the axes of length 1, or without those given; a TypeError if one of them is longer.
 *
 * @example
 * ```ts
 * mx.squeeze(mx.zeros([1, 3, 1]), 0).shape; // [3, 1]
 * ```
 */
export function squeeze(a: ArrayLike, axis?: AxisArg | AxisOptions): NDArray {
  const x = nodeOf("squeeze", a), given = trailing<AxisOptions>("squeeze", "axis", axis, undefined, ["axis"]).axis;
  if (given === undefined || given === null) return wrap(reshapeNode(x, x.shape.filter((n) => n !== 1)));
  const axes = axesOf("squeeze", given, x.shape.length);
  for (const d of axes) {
    if (x.shape[d] !== 1) {
      throw typeError(`Cannot squeeze axis ${d} of an array of shape ${text(x.shape)}: its length is not 1`);
    }
  }
  return wrap(reshapeNode(x, x.shape.filter((_, d) => !axes.includes(d))));
}

/**
 * With axes of length 1 at these places of the result.
 *
 * @example
 * ```ts
 * mx.expandDims(mx.zeros([3]), 0).shape; // [1, 3]
 * ```
 */
export function expandDims(a: ArrayLike, axis: number | readonly number[]): NDArray {
  const x = nodeOf("expandDims", a), list = integers("expandDims", "an axis", axis);
  const axes = axesOf("expandDims", list, x.shape.length + list.length);
  const shape = [...x.shape];
  for (const d of axes) shape.splice(d, 0, 1);
  return wrap(reshapeNode(x, shape));
}

/** Options of `transpose`. */
export interface TransposeOptions {
  readonly axes?: readonly number[] | null;
}
/**
 * Axes in another order: `axes` (a list, or spread), reversed by default.
 *
 * @example
 * ```ts
 * mx.transpose(mx.array([[1, 2], [3, 4]])); // array([[1, 3], [2, 4]], dtype=float32)
 * mx.transpose(mx.zeros([2, 3, 4]), [2, 0, 1]).shape; // [4, 2, 3]
 * ```
 */
export function transpose(
  a: ArrayLike,
  ...axes: readonly number[] | readonly [(readonly number[] | TransposeOptions | null)?]
): NDArray {
  const x = nodeOf("transpose", a), n = x.shape.length, one = axes[0];
  const given = axes.length === 0
    ? undefined
    : typeof one === "number"
    ? axes as readonly number[]
    : trailing<TransposeOptions>("transpose", "axes", one, undefined, ["axes"]).axes;
  if (given === undefined || given === null) return wrap(permute(x, counting(n).reverse()));
  if (!Array.isArray(given)) throw typeError(`Cannot transpose: axes must be a list of integers, not ${shown(given)}`);
  const list = (given as readonly number[]).map((d) => axisOf("transpose", d, n));
  if (list.length !== n || new Set(list).size !== n) {
    throw rangeError(`Cannot transpose an array with ${dims(n)} by the axes ${text(given as readonly number[])}`);
  }
  return wrap(permute(x, list));
}
/** Axes in another order; the array API's name of `transpose`. */
export function permuteDims(
  a: ArrayLike,
  ...axes: readonly number[] | readonly [(readonly number[] | TransposeOptions | null)?]
): NDArray {
  return transpose(a, ...axes as readonly number[]);
}
/**
 * Two axes exchanged.
 *
 * @example
 * ```ts
 * mx.swapaxes(mx.zeros([2, 3, 4]), 0, 2).shape; // [4, 3, 2]
 * ```
 */
export function swapaxes(a: ArrayLike, axis1: number, axis2: number): NDArray {
  const x = nodeOf("swapaxes", a), n = x.shape.length;
  return wrap(swap(x, axisOf("swapaxes", axis1, n), axisOf("swapaxes", axis2, n)));
}
/** One axis moved to another place, the others in order. */
export function moveaxis(a: ArrayLike, source: number, destination: number): NDArray {
  const x = nodeOf("moveaxis", a), n = x.shape.length;
  return wrap(move(x, axisOf("moveaxis", source, n), axisOf("moveaxis", destination, n)));
}
/** The last two axes exchanged; a TypeError for less than two. */
export function matrixTranspose(a: ArrayLike): NDArray {
  const x = nodeOf("matrixTranspose", a), n = x.shape.length;
  if (n < 2) throw typeError(`Cannot matrixTranspose an array with ${dims(n)}: it needs at least 2`);
  return wrap(swap(x, n - 2, n - 1));
}

// ---- broadcasting -------------------------------------------------------------------------------------------------------
/**
 * An array repeated along new leading axes and axes of length 1 to a shape; a TypeError if it does not fit.
 *
 * @example
 * ```ts
 * mx.broadcastTo(mx.array([1, 2]), [2, 2]); // array([[1, 2], [1, 2]], dtype=float32)
 * ```
 */
export function broadcastTo(a: ArrayLike, shape: number | readonly number[]): NDArray {
  const x = nodeOf("broadcastTo", a), to = shapeOf("broadcastTo", shape);
  if (to.length < x.shape.length || !same(broadcast("broadcastTo", x.shape, to), to)) {
    throw typeError(`Cannot broadcastTo ${text(to)} an array of shape ${text(x.shape)}`);
  }
  return wrap(broadcastNode(x, [...to]));
}
/**
 * The shape that all broadcast to, by NumPy's rule; a TypeError if there is none.
 *
 * @example
 * ```ts
 * mx.broadcastShapes([3, 1], [4]); // [3, 4]
 * mx.broadcastShapes([3], [4]); // TypeError: Cannot broadcastShapes arrays whose shapes do not broadcast: [3]...
 * ```
 */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  if (shapes.length === 0) throw typeError("Cannot broadcastShapes of no shapes");
  return [...shapes.map((s) => shapeOf("broadcastShapes", s)).reduce((a, b) => broadcast("broadcastShapes", a, b))];
}
/** All arrays broadcast to one shape, with their own dtypes. */
export function broadcastArrays(...arrays: readonly ArrayLike[] | readonly [readonly ArrayLike[]]): NDArray[] {
  const nodes = listOf("broadcastArrays", arrays).map((a) => nodeOf("broadcastArrays", a));
  if (nodes.length === 0) return [];
  const to = nodes.map((n) => n.shape).reduce((a, b) => broadcast("broadcastArrays", a, b));
  return nodes.map((n) => wrap(broadcastNode(n, to)));
}
/** Arguments that were spread, or given as one list. */
function listOf(op: string, args: readonly unknown[]): readonly ArrayLike[] {
  const list = args.length === 1 && Array.isArray(args[0]) ? args[0] as readonly unknown[] : args;
  for (const a of list) {
    if (!(a instanceof NDArray) && !isScalar(a)) {
      throw noArray(op, a);
    }
  }
  return list as readonly ArrayLike[];
}

// ---- order --------------------------------------------------------------------------------------------------------------
/**
 * Elements in reverse along axes (all by default).
 *
 * @example
 * ```ts
 * mx.flip(mx.array([1, 2, 3])); // array([3, 2, 1], dtype=float32)
 * ```
 */
export function flip(a: ArrayLike, axis?: AxisArg | AxisOptions): NDArray {
  const x = nodeOf("flip", a);
  return wrap(
    reverse(x, axesOf("flip", trailing<AxisOptions>("flip", "axis", axis, undefined, ["axis"]).axis, x.shape.length)),
  );
}
/** How far elements of an axis of length k move when they are shifted around by any number. */
function rotation(by: number, k: number): number {
  if (k === 0 || by === 0) return 0;
  if (below(Math.abs(by), k)) return by < 0 ? sizePlus(by, k) : by;
  return ((by % k) + k) % k;
}
/**
 * Elements shifted around along axes (without axes: of the flattened array), those past the end at the front.
 *
 * @example
 * ```ts
 * mx.roll(mx.array([1, 2, 3]), 1); // array([3, 1, 2], dtype=float32)
 * ```
 */
export function roll(a: ArrayLike, shift: number | readonly number[], axis?: AxisArg | AxisOptions): NDArray {
  const x = nodeOf("roll", a), given = trailing<AxisOptions>("roll", "axis", axis, undefined, ["axis"]).axis;
  const shifts = integers("roll", "a shift", shift);
  const rollBy = (n: Node, d: number, by: number): Node => {
    const k = n.shape[d] as number, s = rotation(by, k);
    return s === 0 ? n : concatNodes([sliceAxis(n, d, sizeMinus(k, s), s), sliceAxis(n, d, 0, sizeMinus(k, s))], d);
  };
  if (given === undefined || given === null) {
    return wrap(reshapeNode(rollBy(flat(x), 0, shifts.reduce((s, k) => s + k, 0)), x.shape));
  }
  const axes = integers("roll", "an axis", given);
  if (shifts.length < axes.length && shifts.length !== 1) {
    throw typeError(`Cannot roll ${axes.length} axes by ${shifts.length} shifts`);
  }
  // Several shifts of one axis add up.
  return wrap(
    axes.reduce((n, d, i) =>
      rollBy(
        n,
        axisOf("roll", d, x.shape.length),
        (typeof given === "number"
          ? shifts.reduce((s, k) => s + k, 0)
          : shifts.length === 1
          ? shifts[0]
          : shifts[i]) as number,
      ), x),
  );
}

function atleast(op: string, args: readonly unknown[], grow: (x: Node) => Node): NDArray | NDArray[] {
  const out = listOf(op, args).map((a) => wrap(grow(nodeOf(op, a))));
  return args.length === 1 && !Array.isArray(args[0]) ? out[0] as NDArray : out;
}
/** With at least one axis; several arrays give a list. */
export function atleast1d(a: ArrayLike): NDArray;
export function atleast1d(...arys: readonly ArrayLike[] | readonly [readonly ArrayLike[]]): NDArray[];
export function atleast1d(...arys: readonly unknown[]): NDArray | NDArray[] {
  return atleast("atleast1d", arys, (x) => x.shape.length === 0 ? reshapeNode(x, [1]) : x);
}
/** With at least two axes, new ones in front; several arrays give a list. */
export function atleast2d(a: ArrayLike): NDArray;
export function atleast2d(...arys: readonly ArrayLike[] | readonly [readonly ArrayLike[]]): NDArray[];
export function atleast2d(...arys: readonly unknown[]): NDArray | NDArray[] {
  return atleast("atleast2d", arys, (x) => x.shape.length < 2 ? reshapeNode(x, [1, size(x.shape)]) : x);
}
/** With at least three axes, new ones on both sides; several arrays give a list. */
export function atleast3d(a: ArrayLike): NDArray;
export function atleast3d(...arys: readonly ArrayLike[] | readonly [readonly ArrayLike[]]): NDArray[];
export function atleast3d(...arys: readonly unknown[]): NDArray | NDArray[] {
  return atleast(
    "atleast3d",
    arys,
    (x) =>
      x.shape.length < 2
        ? reshapeNode(x, [1, size(x.shape), 1])
        : x.shape.length === 2
        ? reshapeNode(x, [...x.shape, 1])
        : x,
  );
}

/** Options of `asStrided`. */
export interface StridedOptions {
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
}
/**
 * The row-major elements read through any shape, strides (in elements) and offset; a RangeError where they leave the array.
 *
 * @example
 * ```ts
 * mx.asStrided(mx.arange(4), [3, 2], { strides: [1, 1] }); // array([[0, 1], [1, 2], [2, 3]], dtype=int32)
 * ```
 */
export function asStrided(a: ArrayLike, shape?: readonly number[] | StridedOptions, options?: StridedOptions): NDArray {
  const x = nodeOf("asStrided", a),
    o = trailing<StridedOptions>("asStrided", "shape", shape, options, ["shape", "strides", "offset"]);
  const to = shapeOf("asStrided", o.shape ?? x.shape),
    strides = integers("asStrided", "a stride", o.strides ?? contiguousStrides(to)),
    offset = integer("asStrided", "the offset", o.offset ?? 0);
  if (strides.length !== to.length) {
    throw typeError(`Cannot asStrided: the shape ${text(to)} and the strides ${text(strides)} must have one length`);
  }
  const count = size(x.shape);
  let lo = offset, hi = offset;
  to.forEach((n, d) => {
    const far = (n - 1) * (strides[d] as number);
    if (far < 0) lo += far;
    else hi += far;
  });
  if (size(to) === 0) return wrap(full(0, [...to], x.dtype));
  if (lo < 0 || hi >= count) {
    throw rangeError(`Cannot asStrided: elements ${lo} to ${hi} of an array with ${count} elements`);
  }
  const type: DType = count > 0x7fffffff ? "int64" : "int32";
  let index = full(offset, to, type);
  to.forEach((n, d) => {
    if (n > 1 && strides[d] !== 0) index = add(index, iota(to, d, type, 0, strides[d] as number));
  });
  return wrap(
    gather(flat(x), [index], { shape: [...to], source: [{ from: "index", which: 0 }], indexAxes: counting(to.length) }),
  );
}

/** The same values, row-major in memory once evaluated. */
export function contiguous(a: ArrayLike, options: { readonly allowColMajor?: boolean } = {}): NDArray {
  checkOptions("contiguous", options, ["allowColMajor"]);
  flag("contiguous", options, "allowColMajor");
  const x = nodeOf("contiguous", a);
  if (x.view !== null && isContiguous(x.view)) return wrap(x);
  return wrap(assemble([x], [null], x.shape));
}
/** The same arrays, which an eval makes present after `dependencies`; gradients flow to the inputs only. */
export function depends<T extends NDArray | readonly NDArray[]>(
  inputs: T,
  dependencies: NDArray | readonly NDArray[],
): T {
  const earlier = listOf("depends", [dependencies]).map((d) => nodeOf("depends", d));
  return (inputs instanceof NDArray
    ? wrap(after(inputs.node, earlier))
    : listOf("depends", [inputs]).map((x) => wrap(after(nodeOf("depends", x), earlier)))) as unknown as T;
}

// ---- diagonals ----------------------------------------------------------------------------------------------------------
/** The diagonal `offset` of the last two axes, as the last axis. */
export function diagonalNode(x: Node, offset: number): Node {
  const n = x.shape.length,
    rows = x.shape[n - 2] as number,
    cols = x.shape[n - 1] as number,
    lead = x.shape.slice(0, -2);
  const high = sizeMinus(rows, Math.max(-offset, 0)), wide = sizeMinus(cols, Math.max(offset, 0));
  const count = sizeMin(below(high, 0) ? 0 : high, below(wide, 0) ? 0 : wide);
  if (count === 0 || size(lead) === 0) return full(0, [...lead, count], x.dtype);
  const start = offset >= 0 ? offset : sizeTimes(-offset, cols);
  return sliceAxis(reshapeNode(x, [...lead, sizeTimes(rows, cols)]), n - 2, start, count, sizePlus(cols, 1));
}
/** Options of `diagonal`. */
export interface DiagonalOptions {
  readonly offset?: number;
  readonly axis1?: number;
  readonly axis2?: number;
}
/**
 * The elements whose indices along two axes differ by `offset`, as the last axis; a TypeError for less than two axes.
 *
 * @example
 * ```ts
 * mx.diagonal(mx.array([[1, 2], [3, 4]])); // array([1, 4], dtype=float32)
 * ```
 */
export function diagonal(a: ArrayLike, offset?: number | DiagonalOptions, options?: DiagonalOptions): NDArray {
  const x = nodeOf("diagonal", a),
    o = trailing<DiagonalOptions>("diagonal", "offset", offset, options, ["offset", "axis1", "axis2"]),
    n = x.shape.length;
  if (n < 2) throw typeError(`Cannot take the diagonal of an array with ${dims(n)}: it needs at least 2`);
  const r = axisOf("diagonal", o.axis1 ?? 0, n), c = axisOf("diagonal", o.axis2 ?? 1, n);
  if (r === c) throw rangeError(`Cannot take the diagonal: axis1 and axis2 are both ${r}`);
  return wrap(
    diagonalNode(
      permute(x, [...counting(n).filter((d) => d !== r && d !== c), r, c]),
      integer("diagonal", "the offset", o.offset ?? 0),
    ),
  );
}
/**
 * A vector on diagonal `k` of a square matrix of zeros, or diagonal `k` of a matrix; a TypeError for other arrays.
 *
 * @example
 * ```ts
 * mx.diag(mx.array([1, 2])); // array([[1, 0], [0, 2]], dtype=float32)
 * ```
 */
export function diag(a: ArrayLike, k?: number | { readonly k?: number }): NDArray {
  const x = nodeOf("diag", a),
    off = integer("diag", "k", trailing<{ readonly k?: number }>("diag", "k", k, undefined, ["k"]).k ?? 0);
  if (x.shape.length === 2) return wrap(diagonalNode(x, off));
  if (x.shape.length !== 1) throw typeError(`Cannot diag an array with ${dims(x.shape.length)}: it takes 1 or 2`);
  const n = x.shape[0] as number,
    m = sizePlus(n, Math.abs(off)),
    all = sizeTimes(m, m),
    zeros = full(0, [all], x.dtype);
  if (n === 0) return wrap(reshapeNode(zeros, [m, m]));
  const start = off >= 0 ? off : sizeTimes(-off, m);
  return wrap(
    reshapeNode(assemble([zeros, x], [null, { starts: [start], steps: [sizePlus(m, 1)], shape: [n] }], [all]), [m, m]),
  );
}

/** Options of `diff`. */
export interface DiffOptions {
  readonly n?: number;
  readonly axis?: number;
}
/**
 * Differences of neighbours along an axis (the last), `n` times; of bools whether they differ.
 *
 * @example
 * ```ts
 * mx.diff(mx.array([1, 4, 9])); // array([3, 5], dtype=float32)
 * ```
 */
export function diff(a: ArrayLike, axis?: number | DiffOptions, options?: DiffOptions): NDArray {
  let x = nodeOf("diff", a);
  const o = trailing<DiffOptions>("diff", "axis", axis, options, ["n", "axis"]), times = integer("diff", "n", o.n ?? 1);
  if (times < 0) throw rangeError(`Cannot diff ${times} times`);
  const d = axisOf("diff", o.axis ?? -1, x.shape.length);
  for (let i = 0; i < times; i++) {
    const n = x.shape[d] as number;
    if (below(n, 2)) return wrap(sliceAxis(x, d, 0, 0));
    const next = sliceAxis(x, d, 1, sizeMinus(n, 1)), here = sliceAxis(x, d, 0, sizeMinus(n, 1));
    x = x.dtype === "bool" ? compare("ne", next, here) : sub(next, here);
  }
  return wrap(x);
}
