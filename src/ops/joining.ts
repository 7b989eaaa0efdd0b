// Joining: arrays end to end or stacked, split, repeated and padded.
import { rangeError, typeError } from "../base/error.ts";
import { integer, integers, shown } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import type { NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import {
  axisOf,
  broadcast,
  counting,
  dims,
  same,
  size,
  sizeMin,
  sizeMinus,
  sizeOver,
  sizePlus,
  sizeTimes,
  text,
} from "../core/shape.ts";
import { below, equal } from "../kernel/sizes.ts";
import { trailing } from "./args.ts";
import { assemble, broadcastTo as broadcastNode, cast, full, reshape as reshapeNode } from "./basis.ts";
import { alike, isScalar, nodeOf, wrap } from "./lift.ts";
import { concatNodes, expand, flat, type OneAxisOptions, sliceAxis } from "./movement.ts";

// ---- joining and splitting ----------------------------------------------------------------------------------------------
function joined(op: string, arrays: readonly ArrayLike[]): Node[] {
  if (!Array.isArray(arrays)) throw typeError(`Cannot ${op} what is not a list of arrays`);
  if (arrays.length === 0) throw typeError(`Cannot ${op} an empty list of arrays`);
  return alike(op, arrays);
}

/**
 * Arrays end to end along an axis (0; null: flattened first); a TypeError if the other axes differ.
 *
 * @example
 * ```ts
 * mx.concatenate([mx.array([[1], [2]]), mx.array([[3], [4]])], 1); // array([[1, 3], [2, 4]], dtype=float32)
 * ```
 */
export function concatenate(
  arrays: readonly ArrayLike[],
  axis?: number | null | { readonly axis?: number | null },
): NDArray {
  const nodes = joined("concatenate", arrays),
    given = trailing<{ readonly axis?: number | null }>("concatenate", "axis", axis, undefined, ["axis"]).axis;
  if (given === null) return wrap(concatNodes(nodes.map(flat), 0));
  const first = nodes[0] as Node;
  // As in MLX, one array is given back whatever the axis.
  if (nodes.length === 1) return wrap(first);
  const d = axisOf("concatenate", given ?? 0, first.shape.length);
  for (const n of nodes) {
    if (
      n.shape.length !== first.shape.length || n.shape.some((k, i) => i !== d && !equal(k, first.shape[i] as number))
    ) {
      throw typeError(
        `Cannot concatenate along axis ${d}, as the other axes must match: shapes are ${
          nodes.map((k) => text(k.shape)).join(" and ")
        }`,
      );
    }
  }
  return wrap(concatNodes(nodes, d));
}
/** Arrays end to end; the array API's name of `concatenate`. */
export function concat(
  arrays: readonly ArrayLike[],
  axis?: number | null | { readonly axis?: number | null },
): NDArray {
  return concatenate(arrays, axis);
}
/**
 * Arrays of one shape along a new axis (0); a TypeError if the shapes differ.
 *
 * @example
 * ```ts
 * mx.stack([mx.array([1, 2]), mx.array([3, 4])]); // array([[1, 2], [3, 4]], dtype=float32)
 * ```
 */
export function stack(arrays: readonly ArrayLike[], axis?: number | OneAxisOptions): NDArray {
  const nodes = joined("stack", arrays), first = nodes[0] as Node;
  const d = axisOf(
    "stack",
    trailing<OneAxisOptions>("stack", "axis", axis, undefined, ["axis"]).axis ?? 0,
    first.shape.length + 1,
  );
  for (const n of nodes) {
    if (!same(n.shape, first.shape)) {
      throw typeError(`Cannot stack arrays whose shapes differ: ${nodes.map((k) => text(k.shape)).join(" and ")}`);
    }
  }
  return wrap(concatNodes(nodes.map((n) => expand(n, d)), d));
}
/** The entries along an axis (0), each without it. */
export function unstack(x: ArrayLike, axis?: number | OneAxisOptions): NDArray[] {
  const n = nodeOf("unstack", x),
    d = axisOf(
      "unstack",
      trailing<OneAxisOptions>("unstack", "axis", axis, undefined, ["axis"]).axis ?? 0,
      n.shape.length,
    );
  const shape = n.shape.filter((_, k) => k !== d);
  return counting(n.shape[d] as number).map((i) => wrap(reshapeNode(sliceAxis(n, d, i, 1), shape)));
}
/**
 * Parts along an axis (0): a number of equal ones, or the places to cut at; a TypeError if they would not be equal.
 *
 * @example
 * ```ts
 * mx.split(mx.arange(5), [2]).map((a) => a.tolist()); // [[0, 1], [2, 3, 4]]
 * ```
 */
export function split(
  a: ArrayLike,
  indicesOrSections: number | readonly number[],
  axis?: number | OneAxisOptions,
): NDArray[] {
  const x = nodeOf("split", a),
    d = axisOf("split", trailing<OneAxisOptions>("split", "axis", axis, undefined, ["axis"]).axis ?? 0, x.shape.length);
  const n = x.shape[d] as number;
  let cuts: number[];
  if (typeof indicesOrSections === "number") {
    const k = integer("split", "the number of parts", indicesOrSections);
    if (k <= 0) throw rangeError(`Cannot split into ${k} parts`);
    const part = sizeOver(n, k);
    if (part === null) {
      throw typeError(`Cannot split axis ${d} of an array of shape ${text(x.shape)} into ${k} equal parts`);
    }
    cuts = counting(k - 1).map((i) => sizeTimes(i + 1, part));
  } else {
    if (!Array.isArray(indicesOrSections)) {
      throw typeError(`Cannot split at ${shown(indicesOrSections)}: give a number of parts or a list of places`);
    }
    cuts = (indicesOrSections as readonly number[]).map((i) => {
      const k = integer("split", "a place", i);
      const at = k < 0 ? sizePlus(k, n) : k;
      return below(at, 0) ? 0 : below(n, at) ? n : at;
    });
  }
  const ends = [...cuts, n];
  return ends.map((end, i) => {
    const start = i === 0 ? 0 : ends[i - 1] as number;
    return wrap(sliceAxis(x, d, start, below(start, end) ? sizeMinus(end, start) : 0));
  });
}

// ---- repeating ----------------------------------------------------------------------------------------------------------
/**
 * Each element `repeats` times along an axis (null, the default: of the flattened array).
 *
 * @example
 * ```ts
 * mx.repeat(mx.array([1, 2]), 2); // array([1, 1, 2, 2], dtype=float32)
 * ```
 */
export function repeat(
  array: ArrayLike,
  repeats: number,
  axis?: number | null | { readonly axis?: number | null },
): NDArray {
  let x = nodeOf("repeat", array);
  const n = integer("repeat", "the number of repeats", repeats),
    given = trailing<{ readonly axis?: number | null }>("repeat", "axis", axis, undefined, ["axis"]).axis;
  if (n < 0) throw rangeError(`Cannot repeat ${n} times`);
  if (given === undefined || given === null) x = flat(x);
  const d = axisOf("repeat", given ?? 0, x.shape.length),
    shape = [...x.shape.slice(0, d + 1), n, ...x.shape.slice(d + 1)];
  return wrap(
    reshapeNode(broadcastNode(expand(x, d + 1), shape), x.shape.map((k, i) => i === d ? sizeTimes(k, n) : k)),
  );
}
/**
 * The whole array repeated along each axis; `reps` counts from the last axis, missing ones are 1.
 *
 * @example
 * ```ts
 * mx.tile(mx.array([1, 2]), 2); // array([1, 2, 1, 2], dtype=float32)
 * ```
 */
export function tile(a: ArrayLike, reps: number | readonly number[]): NDArray {
  const x = nodeOf("tile", a), list = integers("tile", "a number of repeats", reps);
  for (const r of list) if (r < 0) throw rangeError(`Cannot tile ${r} times`);
  const n = Math.max(list.length, x.shape.length),
    shape = [...new Array<number>(n - x.shape.length).fill(1), ...x.shape];
  const times = [...new Array<number>(n - list.length).fill(1), ...list];
  const wide = broadcastNode(
    reshapeNode(x, shape.flatMap((k) => [1, k])),
    shape.flatMap((k, i) => [times[i] as number, k]),
  );
  return wrap(reshapeNode(wide, shape.map((k, i) => sizeTimes(k, times[i] as number))));
}

// ---- padding ------------------------------------------------------------------------------------------------------------
/** How `pad` fills. */
export type PadMode = "constant" | "edge" | "reflect" | "symmetric";
/** Options of `pad`. */
export interface PadOptions {
  readonly mode?: PadMode;
  readonly constantValues?: ArrayLike;
}
/** Widths to add: one number, [before, after] for all axes, or one pair per axis. */
export type PadWidth = number | readonly number[] | readonly (readonly number[])[];

function widthsOf(given: PadWidth, ndim: number): readonly (readonly [number, number])[] {
  const pairOf = (p: unknown): readonly [number, number] => {
    const list: readonly unknown[] = Array.isArray(p) ? p : [p];
    if (list.length !== 1 && list.length !== 2) {
      throw typeError(`Cannot pad: a width must be a number or a pair, not ${text(list as number[])}`);
    }
    const lo = integer("pad", "a width", list[0]), hi = integer("pad", "a width", list.length === 2 ? list[1] : lo);
    if (lo < 0 || hi < 0) throw rangeError(`Cannot pad by a negative width: [${lo},${hi}]`);
    return [lo, hi];
  };
  const all = (p: unknown): readonly (readonly [number, number])[] => {
    const w = pairOf(p);
    return counting(ndim).map(() => w);
  };
  if (typeof given === "number") return all(given);
  if (!Array.isArray(given)) {
    throw typeError(`Cannot pad by ${shown(given)}: give a number, a pair, or a list of pairs`);
  }
  if (given.length === 0 && ndim === 0) return [];
  if ((given as readonly unknown[]).every((w) => typeof w === "number")) return all(given);
  if (given.length === 1) return all(given[0]);
  if (given.length !== ndim) {
    throw typeError(`Cannot pad an array with ${dims(ndim)} by ${given.length} pairs of widths`);
  }
  return (given as readonly unknown[]).map(pairOf);
}
/** Pads one axis by its ends, or by what mirrors there show: all of it, or all but the end itself. */
function padBy(x: Node, axis: number, lo: number, hi: number, mode: "edge" | "reflect" | "symmetric"): Node {
  const n = x.shape[axis] as number;
  if (mode === "edge" || n === 1) {
    const end = (start: number, count: number): Node =>
      broadcastNode(sliceAxis(x, axis, start, 1), x.shape.map((k, d) => d === axis ? count : k));
    return concatNodes([end(0, lo), x, end(sizeMinus(n, 1), hi)], axis);
  }
  const skip = mode === "reflect" ? 1 : 0, span = sizeMinus(n, skip);
  /** Outwards: from one end to the other, and back. */
  const shown = (width: number, before: boolean): Node[] => {
    const runs: Node[] = [];
    for (let left = width, up = before; below(0, left); up = !up) {
      const count = sizeMin(left, span), last = sizeMinus(count, 1), near = up ? skip : sizeMinus(span, 1);
      const far = up ? sizePlus(near, last) : sizeMinus(near, last);
      runs.push(sliceAxis(x, axis, before ? far : near, count, up === before ? -1 : 1));
      left = sizeMinus(left, count);
    }
    return before ? runs.reverse() : runs;
  };
  return concatNodes([...shown(lo, true), x, ...shown(hi, false)], axis);
}
/**
 * An array with `padWidth` more elements before and after each axis: a constant (0), the edge, or the array reflected
 * (without its edge) or symmetric (with it). A TypeError if the widths do not fit the axes.
 *
 * @example
 * ```ts
 * mx.pad(mx.array([1, 2]), 1); // array([0, 1, 2, 0], dtype=float32)
 * mx.pad(mx.array([1, 2]), [[0, 2]], "edge"); // array([1, 2, 2, 2], dtype=float32)
 * ```
 */
export function pad(a: ArrayLike, padWidth: PadWidth, mode?: PadMode | PadOptions, options?: PadOptions): NDArray {
  let x = nodeOf("pad", a);
  const o = trailing<PadOptions>("pad", "mode", mode, options, ["mode", "constantValues"]),
    widths = widthsOf(padWidth, x.shape.length);
  const how = o.mode ?? "constant";
  if (how === "constant") {
    const fill = o.constantValues ?? 0,
      shape = x.shape.map((n, d) => sizePlus(n, (widths[d] as readonly number[]).reduce((a, b) => a + b)));
    const given = isScalar(fill) ? full(fill, [], x.dtype) : cast(nodeOf("pad", fill), x.dtype),
      base = broadcastNode(given, broadcast("pad", given.shape, shape));
    if (!same(base.shape, shape)) {
      throw typeError(`Cannot pad to ${text(shape)} with values of shape ${text(base.shape)}`);
    }
    if (same(shape, x.shape)) return wrap(x);
    if (size(x.shape) === 0) return wrap(base);
    return wrap(
      assemble(
        [base, x],
        [null, { starts: widths.map((w) => w[0]), steps: widths.map(() => 1), shape: x.shape }],
        shape,
      ),
    );
  }
  if (how !== "edge" && how !== "reflect" && how !== "symmetric") {
    throw rangeError(`Cannot pad with mode ${shown(how)}; the modes are constant, edge, reflect, symmetric`);
  }
  widths.forEach(([lo, hi], d) => {
    if (lo === 0 && hi === 0) return;
    const n = x.shape[d] as number;
    if (n === 0) throw typeError(`Cannot pad an empty axis with mode ${how}: axis ${d} of shape ${text(x.shape)}`);
    x = padBy(x, d, lo, hi, how);
  });
  return wrap(x);
}
