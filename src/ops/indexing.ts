// Reading and writing by index: get, set and at; NumPy's rules for mixed indices.
import { type DType, isInteger, promoteScalar } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { type IndexEntry, IndexList, parseIndex, Span, span } from "../core/index_spec.ts";
import { type ArrayLike, type IndexItem, type IndexNested, late, NDArray, type Updates } from "../core/ndarray.ts";
import { type Node, tracedBelow } from "../core/node.ts";
import { broadcast, counting, same, size, text } from "../core/shape.ts";
import { equal } from "../kernel/sizes.ts";
import {
  add,
  assemble,
  broadcastTo,
  cast,
  compare,
  div,
  full,
  like,
  mul,
  neg,
  reshape,
  select,
  type Slice,
  slice as sliceNode,
} from "./basis.ts";
import { type Axis, type Gather, gather, scatter, type ScatterMode } from "./gather.ts";
import { isScalar, noArray, nodeOf, wrap } from "./lift.ts";

export { Span, span };
export type { IndexItem, IndexNested };

export const infoOf = (v: object): { dtype: DType; shape: readonly number[] } | undefined =>
  v instanceof NDArray ? { dtype: v.node.dtype, shape: v.node.shape } : undefined;
type Entry = IndexEntry<NDArray>;

// ---- from an index to a slice and a gather --------------------------------------------------------------------------------
interface Plan {
  /** Constant part: what slices and integers leave, integers as length 1. */
  readonly slice: Slice;
  readonly whole: boolean;
  /** The sliced shape without the integers' axes. */
  readonly kept: readonly number[];
  readonly indices: readonly Node[];
  /** Present if index arrays take part. */
  readonly gather: Gather | null;
  /** Length of a 0-d mask's axis where no index array takes an axis. */
  readonly lone: { readonly at: number; readonly length: number } | null;
  /** The shape of the result, new axes included. */
  readonly shape: readonly number[];
}

function maskData(value: NDArray | IndexList): Uint8Array {
  if (value instanceof IndexList) return value.data as Uint8Array;
  const found = tracedBelow([value.node]);
  if (found !== null) {
    throw typeError(
      `Cannot index by a mask of shape ${text(value.shape)} inside a transform: it depends on ${found.what} (shape ${
        text(found.shape)
      }), which is traced, so that how many elements it takes is not known; use where()`,
    );
  }
  late.evaluate([value.node]);
  return late.read(value.node) as Uint8Array;
}
/** Index arrays of a mask's true elements, one for each of its axes. */
function nonzero(value: NDArray | IndexList): { readonly arrays: readonly Node[]; readonly count: number } {
  const data = maskData(value), { shape } = value, n = size(shape);
  let count = 0;
  for (let i = 0; i < n; i++) if (data[i] !== 0) count++;
  const columns = shape.map(() => new Int32Array(count));
  for (let i = 0, k = 0; i < n; i++) {
    if (data[i] === 0) continue;
    for (let d = shape.length - 1, rest = i; d >= 0; d--) {
      const s = shape[d] as number;
      (columns[d] as Int32Array)[k] = rest % s;
      rest = Math.floor(rest / s);
    }
    k++;
  }
  return { arrays: columns.map((c) => late.store(c, [count], "int32")), count };
}
export const arrayNode = (v: NDArray | IndexList): Node =>
  v instanceof IndexList ? late.store(v.data, v.shape, "int32") : v.node;

/** What integers and slices leave: the slice, and the axes that integers drop. */
function constantPart(x: Node, entries: readonly Entry[]): { readonly slice: Slice; readonly dropped: Set<number> } {
  const starts = x.shape.map(() => 0), steps = x.shape.map(() => 1), shape = [...x.shape], dropped = new Set<number>();
  for (const e of entries) {
    if (e.kind === "int") {
      starts[e.axis] = e.index;
      shape[e.axis] = 1;
      dropped.add(e.axis);
    } else if (e.kind === "slice") {
      starts[e.axis] = e.start;
      steps[e.axis] = e.step;
      shape[e.axis] = e.length;
    }
  }
  return { slice: { starts, steps, shape }, dropped };
}
/** Index arrays by axis, those of masks too, and the block: the shape to which they broadcast; null if there are none. */
function arraysOf(
  op: string,
  entries: readonly Entry[],
): {
  readonly arrays: readonly { readonly axis: number; readonly node: Node }[];
  readonly block: readonly number[] | null;
} {
  const arrays: { axis: number; node: Node }[] = [];
  let block: readonly number[] | null = null;
  const join = (s: readonly number[]): void => {
    block = block === null ? s : broadcast(`${op} by index`, block, s);
  };
  for (const e of entries) {
    if (e.kind === "array") {
      const node = arrayNode(e.value);
      arrays.push({ axis: e.axis, node });
      join(node.shape);
    } else if (e.kind === "mask") {
      const found = nonzero(e.value);
      found.arrays.forEach((node, i) => arrays.push({ axis: e.axis + i, node }));
      join([found.count]);
    }
  }
  return { arrays, block };
}
/**
 * The axes of the result: its shape, which of its axes (new ones not counted) each slice is, how many these are, and where the block of
 * the index arrays stands: in their place if they stand together (integers beside arrays count), else first.
 */
function resultAxes(entries: readonly Entry[], block: readonly number[] | null): {
  readonly shape: readonly number[];
  readonly axes: ReadonlyMap<number, number>;
  readonly count: number;
  readonly at: number;
} {
  const places = entries.flatMap((e, i) =>
    e.kind === "array" || e.kind === "mask" || (e.kind === "int" && block !== null) ? [i] : []
  );
  const first = places[0] ?? 0, together = places.every((p, i) => p === first + i);
  const shape: number[] = [], axes = new Map<number, number>();
  let count = 0, at = 0;
  const put = (): void => {
    if (block === null) return;
    at = count;
    count += block.length;
    shape.push(...block);
  };
  if (!together) put();
  entries.forEach((e, i) => {
    if (together && i === first) put();
    if (e.kind === "slice") {
      axes.set(e.axis, count++);
      shape.push(e.length);
    } else if (e.kind === "newaxis") shape.push(1);
  });
  return { shape, axes, count, at };
}

function plan(op: string, x: Node, entries: readonly Entry[]): Plan {
  const { slice, dropped } = constantPart(x, entries), { arrays, block } = arraysOf(op, entries);
  const { shape, axes, count, at } = resultAxes(entries, block);
  const whole = slice.starts.every((s) => s === 0) && slice.steps.every((s) => s === 1) && same(slice.shape, x.shape);
  const kept = slice.shape.filter((_, d) => !dropped.has(d));
  const plain = { slice, whole, kept, indices: [], gather: null, lone: null, shape };
  if (block === null) return plain;
  if (arrays.length === 0) return { ...plain, lone: { at, length: block[0] as number } };
  const bare = new Array<number>(count).fill(0);
  block.forEach((k, i) => bare[at + i] = k);
  for (const [axis, o] of axes) bare[o] = slice.shape[axis] as number;
  const source = counting(x.shape.length).filter((d) => !dropped.has(d)).map((d): Axis => {
    const which = arrays.findIndex((a) => a.axis === d);
    return which >= 0 ? { from: "index", which } : { from: "out", axis: axes.get(d) as number };
  });
  return {
    ...plain,
    indices: arrays.map((a) => broadcastTo(a.node, block)),
    gather: { shape: bare, source, indexAxes: block.map((_, i) => at + i) },
  };
}

/** The elements that entries name. */
function read(x: Node, p: Plan): Node {
  let y = reshape(p.whole ? x : sliceNode(x, p.slice), p.kept);
  if (p.gather !== null) {
    y = size(p.gather.shape) === 0 ? full(0, p.gather.shape, x.dtype) : gather(y, p.indices, p.gather);
  } else if (p.lone !== null) {
    const lead = [...y.shape.slice(0, p.lone.at), 1, ...y.shape.slice(p.lone.at)];
    y = broadcastTo(reshape(y, lead), lead.map((k, d) => d === p.lone?.at ? p.lone.length : k));
  }
  return reshape(y, p.shape);
}

/**
 * The elements at an index: numbers, slices ("1:-1:2" or `span`), "...", null (new axis), integer and boolean arrays. A RangeError for constants out of range.
 *
 * @example
 * ```ts
 * const x = mx.array([[1, 2, 3], [4, 5, 6]]);
 * mx.get(x, -1); // array([4, 5, 6], dtype=float32)
 * mx.get(x, ":", "::-1"); // array([[3, 2, 1], [6, 5, 4]], dtype=float32)
 * mx.get(x, "...", mx.array([0, 2], "int32")); // array([[1, 3], [4, 6]], dtype=float32)
 * mx.get(x, x.gt(3)); // array([4, 5, 6], dtype=float32)
 * mx.get(x, 2); // RangeError: Index 2 is out of range for axis 0 of an array of shape [2,3]
 * ```
 */
export function get(x: ArrayLike, ...index: readonly IndexItem[]): NDArray {
  const n = nodeOf("get", x);
  return wrap(read(n, plan("get", n, parseIndex<NDArray>(n.shape, index, infoOf))));
}

// ---- writing --------------------------------------------------------------------------------------------------------------
/** A value as an array of a dtype: a number that does not fit an integer dtype throws, fractions are cut off. */
export function valueNode(op: string, value: ArrayLike | readonly unknown[], dtype: DType): Node {
  if (value instanceof NDArray) return cast(value.node, dtype);
  if (!isScalar(value)) throw noArray(op, value);
  promoteScalar(dtype, value);
  // What the conversion of NaN and infinities gives on x86.
  if (typeof value === "number" && !Number.isFinite(value) && isInteger(dtype)) {
    return full(dtype === "int32" ? -(2 ** 31) : dtype === "int64" ? -(2n ** 63n) : 0, [], dtype);
  }
  return full(value, [], dtype);
}
/** A value in the shape of what it is written to; leading axes of length 1 fall away. */
export function fit(op: string, v: Node, shape: readonly number[], strip: boolean): Node {
  let s = v.shape;
  while (strip && s.length > shape.length && s[0] === 1) s = s.slice(1);
  const ahead = shape.length - s.length;
  if (ahead < 0 || !s.every((k, d) => k === 1 || equal(k, shape[ahead + d] as number))) {
    throw typeError(`Cannot ${op} a value of shape ${text(v.shape)} where the index selects shape ${text(shape)}`);
  }
  return broadcastTo(reshape(v, s), shape);
}

/** How a value joins what is there. */
type Join = "set" | "add" | "mul" | "max" | "min";
const joinNodes: { readonly [J in Exclude<Join, "set">]: (x: Node, v: Node) => Node } = {
  add,
  mul,
  // NaN wins, and at ties the second operand.
  max: (x, v) => select(compare("ne", x, x), x, select(compare("gt", x, v), x, v)),
  min: (x, v) => select(compare("ne", x, x), x, select(compare("lt", x, v), x, v)),
};

function write(
  op: string,
  join: Join,
  x: Node,
  entries: readonly Entry[],
  value: Node,
): Node {
  const p = plan(op, x, entries);
  const v = fit(op, value, p.shape, true);
  if (size(p.shape) === 0 || size(x.shape) === 0) return x;
  // Not recorded where it is only overwritten: a reader more would keep `set` from working in place.
  const sub = (): Node => reshape(p.whole ? x : sliceNode(x, p.slice), p.kept);
  // For bools adding is "or", multiplying "and".
  const mode: Join = x.dtype !== "bool" ? join : join === "add" ? "max" : join === "mul" ? "min" : join;
  let next: Node;
  if (p.gather !== null) next = scatter(mode as ScatterMode, sub(), p.indices, reshape(v, p.gather.shape), p.gather);
  else next = mode === "set" ? reshape(v, p.kept) : joinNodes[mode](sub(), reshape(v, p.kept));
  next = reshape(next, p.slice.shape);
  return p.whole ? next : assemble([x, next], [null, p.slice], x.shape);
}

/** MLX's masked write: a value without the mask's axes goes to every true element, one with a leading axis is taken in order. */
function writeMask(op: string, x: Node, mask: NDArray | IndexList, ndim: number, value: Node): Node {
  const rest = x.shape.slice(ndim),
    node = mask instanceof IndexList ? late.store(mask.data, mask.shape, "bool") : mask.node;
  if (value.shape.length <= rest.length) {
    const v = broadcastTo(fit(op, value, rest, true), x.shape);
    return select(broadcastTo(reshape(node, [...node.shape, ...rest.map(() => 1)]), x.shape), v, x);
  }
  if (ndim === 0) return fit(op, value, x.shape, true);
  if (value.shape.length !== rest.length + 1) {
    throw typeError(
      `Cannot ${op} a value of shape ${text(value.shape)} by a mask of shape ${text(node.shape)}: it needs at most ${
        rest.length + 1
      } axes`,
    );
  }
  const found = nonzero(mask), given = value.shape[0] as number;
  if (given < found.count) throw typeError(`Cannot ${op} ${given} values by a mask with ${found.count} true elements`);
  if (found.count === 0) return x;
  const rows = fit(
    op,
    sliceNode(value, {
      starts: value.shape.map(() => 0),
      steps: value.shape.map(() => 1),
      shape: [found.count, ...value.shape.slice(1)],
    }),
    [found.count, ...rest],
    false,
  );
  const source: Axis[] = x.shape.map((_, d) =>
    d < ndim ? { from: "index", which: d } : { from: "out", axis: d - ndim + 1 }
  );
  return scatter("set", x, found.arrays, rows, { shape: rows.shape, source, indexAxes: [0] });
}

/** The node of `x` with `value` (cast to its dtype, broadcast) written at an index; the method `set` moves the handle to it. */
export function set(x: NDArray, index: readonly IndexItem[], value: ArrayLike): Node {
  const n = nodeOf("set", x);
  if (!Array.isArray(index)) throw typeError('set takes a list of indices and a value: x.set([0, ":"], 1)');
  const entries = parseIndex<NDArray>(n.shape, index, infoOf), v = valueNode("set", value, n.dtype), first = entries[0];
  if (
    first !== undefined && first.kind === "mask" &&
    entries.slice(1).every((e) => e.kind === "slice" && e.step === 1 && e.length === n.shape[e.axis])
  ) {
    return writeMask("set", n, first.value, first.ndim, v);
  }
  if (entries.some((e, i) => e.kind === "mask" && i > 0)) {
    throw typeError("Cannot set by a mask that is not the first index: transpose, or index by the positions");
  }
  // As in MLX, a lone null takes values of the array's own shape only.
  const lone = index.length === 1 && index[0] === null;
  return write("set", "set", n, entries, lone ? fit("set", v, n.shape, false) : v);
}

/** What `x.at(...)` gives: updates at an index, each of which returns a new array; repeated indices all count. */
export class ArrayAt implements Updates {
  readonly #x: NDArray;
  readonly #index: readonly IndexItem[];

  /** Internal: made by `at`. */
  constructor(x: NDArray, index: readonly IndexItem[]) {
    this.#x = x;
    this.#index = index;
  }

  #update(op: string, join: Join, value: (dtype: DType) => Node): NDArray {
    const n = this.#x.node;
    return wrap(write(op, join, n, parseIndex<NDArray>(n.shape, this.#index, infoOf), value(n.dtype)));
  }

  /** With a value (cast to the array's dtype) added. */
  add(value: ArrayLike): NDArray {
    return this.#update("at.add", "add", (d) => valueNode("at.add", value, d));
  }

  /** With a value subtracted. */
  subtract(value: ArrayLike): NDArray {
    return this.#update("at.subtract", "add", (d) => {
      const v = valueNode("at.subtract", value, d);
      return d === "bool" ? v : neg(v);
    });
  }

  /** With a value multiplied in. */
  multiply(value: ArrayLike): NDArray {
    return this.#update("at.multiply", "mul", (d) => valueNode("at.multiply", value, d));
  }

  /** With a value divided by, as MLX does: multiplied by its reciprocal, which is cast to the array's dtype. */
  divide(value: ArrayLike): NDArray {
    return this.#update("at.divide", "mul", (d) => {
      const wide = (t: DType): DType => t === "bool" || isInteger(t) ? "float32" : t;
      if (!(value instanceof NDArray)) {
        if (!isScalar(value)) return valueNode("at.divide", value, d);
        const v = full(value, [], typeof value === "object" ? "complex64" : wide(d));
        return cast(div(like(1, v), v), d);
      }
      const v = cast(value.node, wide(value.node.dtype));
      return cast(div(like(1, v), v), d);
    });
  }

  /** With the larger of both. */
  maximum(value: ArrayLike): NDArray {
    return this.#update("at.maximum", "max", (d) => valueNode("at.maximum", value, d));
  }

  /** With the smaller of both. */
  minimum(value: ArrayLike): NDArray {
    return this.#update("at.minimum", "min", (d) => valueNode("at.minimum", value, d));
  }
}
/**
 * Updates of `x` at an index that return new arrays: `at(x, 0, ":").add(1)`.
 *
 * @example
 * ```ts
 * mx.at(mx.zeros([3]), mx.array([0, 2, 2], "int32")).add(1); // array([1, 0, 2], dtype=float32)
 * ```
 */
export function at(x: NDArray, ...index: readonly IndexItem[]): ArrayAt {
  nodeOf("at", x);
  return new ArrayAt(x, index);
}
