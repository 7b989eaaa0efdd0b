// Reading and writing by arrays of positions: take and put along an axis, dynamic slices.
import { isInteger } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { integers } from "../base/options.ts";
import { parseIndex } from "../core/index_spec.ts";
import { type ArrayLike, type IndexNested, late, NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { axisOf, broadcast, counting, ofSize, same, size, sizeMinus, text } from "../core/shape.ts";
import { below } from "../kernel/sizes.ts";
import { onAxis, trailing } from "./args.ts";
import {
  add,
  assemble,
  broadcastTo,
  cast,
  compare,
  full,
  iota,
  reshape,
  select,
  type Slice,
  slice as sliceNode,
} from "./basis.ts";
import { type Axis, type Gather, gather, scatter } from "./gather.ts";
import { arrayNode, fit, infoOf, valueNode } from "./indexing.ts";
import { nodeOf, wrap } from "./lift.ts";
import { flat } from "./movement.ts";

function indexNode(op: string, indices: NDArray | number | readonly IndexNested[], n: number): Node {
  if (typeof indices === "number" || Array.isArray(indices)) {
    const entry = parseIndex<NDArray>(
      [n],
      [typeof indices === "number" ? [indices] : indices as readonly IndexNested[]],
      infoOf,
    )[0];
    if (entry === undefined || entry.kind !== "array") throw typeError(`Cannot ${op} by a mask`);
    const node = arrayNode(entry.value);
    return typeof indices === "number" ? reshape(node, []) : node;
  }
  const node = nodeOf(op, indices as NDArray);
  if (!isInteger(node.dtype) && size(node.shape) > 0) {
    throw typeError(`Cannot ${op} by indices of dtype ${node.dtype}: they must be integers`);
  }
  return isInteger(node.dtype) ? node : cast(node, "int32");
}
/** Options with one axis, or null for the flattened array. */
export interface TakeOptions {
  readonly axis?: number | null;
}
/**
 * The elements (without axis: of the flattened array) or slices along an axis at integer indices, whose shape replaces the axis.
 *
 * @example
 * ```ts
 * mx.take(mx.array([[1, 2], [3, 4]]), mx.array([1, 1], "int32"), 0); // array([[3, 4], [3, 4]], dtype=float32)
 * mx.take(mx.array([[1, 2], [3, 4]]), 3).item(); // 4
 * ```
 */
export function take(
  a: ArrayLike,
  indices: NDArray | number | readonly IndexNested[],
  axis?: number | null | TakeOptions,
): NDArray {
  const given = trailing<TakeOptions>("take", "axis", axis, undefined, ["axis"]).axis;
  const { x, axis: d } = onAxis("take", a, given, null),
    index = indexNode("take", indices, x.shape[d] as number),
    k = index.shape.length;
  const shape = [...x.shape.slice(0, d), ...index.shape, ...x.shape.slice(d + 1)];
  if (size(shape) === 0) return wrap(full(0, shape, x.dtype));
  if (size(x.shape) === 0) throw rangeError(`Cannot take from an array without elements: shape is ${text(x.shape)}`);
  const source: Axis[] = x.shape.map((_, i) =>
    i === d ? { from: "index", which: 0 } : { from: "out", axis: i < d ? i : i + k - 1 }
  );
  return wrap(gather(x, [index], { shape, source, indexAxes: counting(k).map((i) => d + i) }));
}

/** Index and shapes of takeAlongAxis and putAlongAxis: other axes broadcast. */
function along(
  op: string,
  x: Node,
  index: Node,
  d: number,
): { readonly x: Node; readonly index: Node; readonly gather: Gather } {
  if (index.shape.length !== x.shape.length) {
    throw typeError(
      `Cannot ${op} an array of shape ${text(x.shape)} by indices of shape ${
        text(index.shape)
      }: both need the same number of axes`,
    );
  }
  const one = (s: readonly number[]): readonly number[] => s.map((k, i) => i === d ? 1 : k),
    shape = broadcast(op, one(x.shape), one(index.shape));
  const at = (s: readonly number[]): number[] => shape.map((k, i) => i === d ? s[d] as number : k);
  const out = at(index.shape),
    source: Axis[] = out.map((_, i) => i === d ? { from: "index", which: 0 } : { from: "out", axis: i });
  return {
    x: broadcastTo(x, at(x.shape)),
    index: broadcastTo(index, out),
    gather: { shape: out, source, indexAxes: counting(out.length) },
  };
}
/**
 * The elements that integer indices name along an axis (the last; null: of the flattened array), the other axes broadcast.
 *
 * @example
 * ```ts
 * mx.takeAlongAxis(mx.array([[1, 2], [3, 4]]), mx.array([[1], [0]], "int32"), 1); // array([[2], [3]], dtype=float32)
 * ```
 */
export function takeAlongAxis(
  a: ArrayLike,
  indices: NDArray | number | readonly IndexNested[],
  axis?: number | null | TakeOptions,
): NDArray {
  const given = trailing<TakeOptions>("takeAlongAxis", "axis", axis, undefined, ["axis"]).axis;
  const { x, axis: d, flattened } = onAxis("takeAlongAxis", a, given, -1),
    raw = indexNode("takeAlongAxis", indices, x.shape[d] as number);
  const l = along("takeAlongAxis", x, flattened ? flat(raw) : raw, d);
  return wrap(size(l.gather.shape) === 0 ? full(0, l.gather.shape, x.dtype) : gather(l.x, [l.index], l.gather));
}
/**
 * A copy with values written where integer indices point along an axis (null, the default: of the flattened array).
 *
 * @example
 * ```ts
 * mx.putAlongAxis(mx.zeros([2, 2]), mx.array([[1], [0]], "int32"), 5, 1); // array([[0, 5], [5, 0]], dtype=float32)
 * ```
 */
export function putAlongAxis(
  a: ArrayLike,
  indices: NDArray | number | readonly IndexNested[],
  values: ArrayLike,
  axis?: number | null | TakeOptions,
): NDArray {
  const given = trailing<TakeOptions>("putAlongAxis", "axis", axis, undefined, ["axis"]).axis,
    whole = nodeOf("putAlongAxis", a),
    { x, axis: d, flattened } = onAxis("putAlongAxis", a, given, null);
  const raw = indexNode("putAlongAxis", indices, x.shape[d] as number),
    l = along("putAlongAxis", x, flattened ? flat(raw) : raw, d);
  if (!same(l.x.shape, x.shape)) {
    throw typeError(`Cannot putAlongAxis into shape ${text(x.shape)} by indices of shape ${text(raw.shape)}`);
  }
  const v = valueNode("putAlongAxis", values, x.dtype),
    placed = flattened ? flat(v.shape.length === 0 ? broadcastTo(v, l.gather.shape) : v) : v;
  const update = fit("putAlongAxis", placed, l.gather.shape, true);
  return wrap(
    size(l.gather.shape) === 0 ? whole : reshape(scatter("set", x, [l.index], update, l.gather), whole.shape),
  );
}

// ---- dynamic slices -------------------------------------------------------------------------------------------------------
/** Indices start + 0..n-1 of each axis in `axes`, over all of these axes; starts are moved so that the slice lies inside. */
function windows(
  op: string,
  x: Node,
  start: NDArray | number | readonly number[],
  axes: readonly number[],
  sizes: readonly number[],
): { readonly indices: readonly Node[]; readonly gather: Gather } {
  const ds = integers(op, "axes", axes).map((a) => axisOf(op, a, x.shape.length));
  if (new Set(ds).size !== ds.length) throw rangeError(`Cannot ${op}: an axis is repeated in ${text(axes)}`);
  if (sizes.length !== x.shape.length) {
    throw typeError(`Cannot ${op} an array of shape ${text(x.shape)} with sizes ${text(sizes)}`);
  }
  sizes.forEach((k, d) => {
    if ((typeof k === "number" && !Number.isInteger(k)) || below(k, 0) || below(x.shape[d] as number, k)) {
      throw typeError(`Cannot ${op} an array of shape ${text(x.shape)} with sizes ${text(sizes)}`);
    }
  });
  let s: Node;
  if (start instanceof NDArray) {
    s = start.node;
    if (!isInteger(s.dtype)) throw typeError(`Cannot ${op}: start indices must be integers, not ${s.dtype}`);
    s = cast(s, s.dtype === "int64" || s.dtype === "uint64" || s.dtype === "uint32" ? "int64" : "int32");
  } else {
    const list = integers(op, "start indices", start);
    s = late.store(Int32Array.from(list), [list.length], "int32");
  }
  if (size(s.shape) !== ds.length || s.shape.length > 1) {
    throw typeError(`Cannot ${op}: start indices of shape ${text(s.shape)} for ${ds.length} axes`);
  }
  const flatStart = flat(s), block = ds.map((d) => sizes[d] as number);
  const indices = ds.map((d, i) => {
    const one = reshape(sliceNode(flatStart, { starts: [i], steps: [1], shape: [1] }), []),
      most = full(ofSize(sizeMinus(x.shape[d] as number, sizes[d] as number), (n) => n), [], s.dtype),
      zero = full(0, [], s.dtype);
    const low = select(compare("lt", one, zero), zero, one), held = select(compare("gt", low, most), most, low);
    return add(broadcastTo(held, block), iota(block, i, s.dtype));
  });
  const source: Axis[] = x.shape.map((_, d) =>
    ds.includes(d) ? { from: "index", which: ds.indexOf(d) } : { from: "out", axis: d }
  );
  return { indices, gather: { shape: [...sizes], source, indexAxes: ds } };
}
/**
 * The part of an array of `sliceSize` (one length per axis) that begins at `startIndices` (an integer array) along `axes`.
 *
 * @example
 * ```ts
 * mx.slice(mx.arange(6), mx.array([2], "int32"), [0], [3]); // array([2, 3, 4], dtype=int32)
 * ```
 */
export function slice(
  a: ArrayLike,
  startIndices: NDArray | number | readonly number[],
  axes: readonly number[],
  sliceSize: readonly number[],
): NDArray {
  const x = nodeOf("slice", a),
    sizes = integers("slice", "sliceSize", sliceSize),
    held = x.shape.map((k, d) => sizes[d] ?? k),
    w = windows("slice", x, startIndices, axes, sizes);
  const free = x.shape.map((_, d) => w.gather.source[d]?.from === "out" ? held[d] as number : x.shape[d] as number);
  if (size(held) === 0) return wrap(full(0, held, x.dtype));
  return wrap(
    gather(
      sliceNode(x, { starts: x.shape.map(() => 0), steps: x.shape.map(() => 1), shape: free }),
      w.indices,
      w.gather,
    ),
  );
}
/**
 * A copy with `update` written where `startIndices` (an integer array) begin along `axes`.
 *
 * @example
 * ```ts
 * mx.sliceUpdate(mx.zeros([4]), mx.ones([2]), mx.array([1], "int32"), [0]); // array([0, 1, 1, 0], dtype=float32)
 * ```
 */
export function sliceUpdate(
  a: ArrayLike,
  update: ArrayLike,
  startIndices: NDArray | number | readonly number[],
  axes: readonly number[],
): NDArray {
  const x = nodeOf("sliceUpdate", a), u = valueNode("sliceUpdate", update, x.dtype);
  const lead = [...new Array<number>(Math.max(0, x.shape.length - u.shape.length)).fill(1), ...u.shape],
    w = windows("sliceUpdate", x, startIndices, axes, lead);
  if (size(lead) === 0) return wrap(x);
  const free: Slice = {
    starts: x.shape.map(() => 0),
    steps: x.shape.map(() => 1),
    shape: x.shape.map((k, d) => w.gather.source[d]?.from === "out" ? lead[d] as number : k),
  };
  const part = scatter("set", sliceNode(x, free), w.indices, reshape(u, lead), w.gather);
  return wrap(same(free.shape, x.shape) ? part : assemble([x, part], [null, free], x.shape));
}
