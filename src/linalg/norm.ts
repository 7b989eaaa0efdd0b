// Norms, and the cross product.
import { atLeastFloat, atLeastFloat32 } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { flag, integers, shown, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike, AxisLike, NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { axesOf, axisOf, broadcast } from "../core/shape.ts";
import { trailing } from "../ops/args.ts";
import { broadcastTo, cast, compare, full, like, mul, reduce, reshape, sub } from "../ops/basis.ts";
import { powerNode } from "../ops/binary.ts";
import { alike, nodeOf, wrap } from "../ops/lift.ts";
import { concatNodes, move, sliceAxis } from "../ops/movement.ts";
import { extremeNode } from "../ops/reduce.ts";
import { abs, sqrt } from "../ops/unary.ts";
import { realOf } from "./matrix.ts";
import { singular } from "./svd.ts";

/** Orders of `norm`. */
export type Ord = number | "fro" | "f" | "nuc" | null;
/** Options of `norm`. */
export interface NormOptions {
  readonly ord?: Ord;
  readonly axis?: AxisLike;
  readonly keepdims?: boolean;
}
/**
 * A norm of vectors (over one axis) or matrices (over two): `ord` is a number, Infinity, -Infinity, "fro" or "nuc"; without it
 * the root of the sum of squares over the axes (all by default). TypeError for orders that do not fit the number of axes.
 *
 * @example
 * ```ts
 * mx.linalg.norm(mx.array([3, 4])).item(); // 5
 * mx.linalg.norm(mx.array([3, -4]), 1).item(); // 7
 * ```
 */
export function norm(a: ArrayLike, ...args: Tail<[ord: Ord, axis: AxisLike], NormOptions>): NDArray {
  const o: NormOptions = splitArgs("norm", [a, ...args], 1, ["ord", "axis", "keepdims"], ["ord", "axis"]),
    keepdims = flag("norm", o, "keepdims"),
    x = nodeOf("norm", a),
    n = x.shape.length;
  const z = cast(x, atLeastFloat(x.dtype)), size1 = abs.node(z), how = o.ord ?? null;
  if (how !== null && typeof how !== "number" && typeof how !== "string") {
    throw typeError(`Cannot norm: ord must be a number or a text, not ${shown(how)}`);
  }
  const axes = o.axis === undefined || o.axis === null
    ? x.shape.map((_, d) => d)
    : integers("norm", "an axis", o.axis).map((d) => axisOf("norm", d, n));
  axesOf("norm", axes, n);
  if (axes.length > 2 && o.axis !== undefined && o.axis !== null) {
    throw typeError(`Cannot norm over ${axes.length} axes: a norm is of vectors (one axis) or matrices (two)`);
  }
  const sorted = [...axes].sort((p, q) => p - q);
  const done = (y: Node): NDArray => wrap(keepdims ? reshape(y, x.shape.map((k, d) => axes.includes(d) ? 1 : k)) : y);
  const two = (): Node => sqrt.node(reduce("sum", mul(size1, size1), sorted));
  if (how === null) return done(two());
  if (axes.length === 1) {
    if (typeof how === "string") {
      throw typeError(`Cannot take the norm ${shown(how)} of vectors: it needs two axes`);
    }
    if (how === 2) return done(two());
    if (how === 1) return done(reduce("sum", size1, axes));
    if (how === Infinity) return done(extremeNode("max", size1, axes));
    if (how === -Infinity) return done(extremeNode("min", size1, axes));
    if (how === 0) return done(reduce("sum", cast(compare("ne", size1, like(0, size1)), size1.dtype), axes));
    const s = reduce("sum", powerNode(size1, like(how, size1)), axes);
    return done(powerNode(s, like(1 / how, s)));
  }
  if (axes.length !== 2) {
    throw typeError(`Cannot take the norm ${shown(how)} over ${axes.length} axes: it needs one or two`);
  }
  const [r, c] = axes as [number, number], after = (d: number, gone: number): number => d > gone ? d - 1 : d;
  if (how === "fro" || how === "f") return done(two());
  if (how === 1 || how === -1) {
    return done(extremeNode(how === 1 ? "max" : "min", reduce("sum", size1, [r]), [after(c, r)]));
  }
  if (how === Infinity || how === -Infinity) {
    return done(extremeNode(how > 0 ? "max" : "min", reduce("sum", size1, [c]), [after(r, c)]));
  }
  if (how === "nuc" || how === 2 || how === -2) {
    const moved = move(move(z, r, n - 1), after(c, r), n - 1),
      s = singular(cast(moved, atLeastFloat32(z.dtype))),
      d = s.shape.length - 1;
    return done(
      cast(how === "nuc" ? reduce("sum", s, [d]) : extremeNode(how === 2 ? "max" : "min", s, [d]), realOf(z.dtype)),
    );
  }
  throw rangeError(
    `Cannot take the norm ${shown(how)} of matrices; the orders are 1, -1, 2, -2, Infinity, -Infinity, "fro" and "nuc"`,
  );
}

/**
 * The cross product of vectors of length 3 (or 2, with a third entry of 0) along an axis (the last); the other axes broadcast.
 *
 * @example
 * ```ts
 * mx.linalg.cross(mx.array([1, 0, 0]), mx.array([0, 1, 0])); // array([0, 0, 1], dtype=float32)
 * ```
 */
export function cross(a: ArrayLike, b: ArrayLike, axis?: number | { readonly axis?: number }): NDArray {
  const given = trailing<{ readonly axis?: number }>("cross", "axis", axis, undefined, ["axis"]).axis ?? -1,
    [x, y] = alike("cross", [a, b]) as [Node, Node];
  const dx = axisOf("cross", given, x.shape.length),
    dy = axisOf("cross", given, y.shape.length),
    nx = x.shape[dx] as number,
    ny = y.shape[dy] as number;
  if ((nx !== 2 && nx !== 3) || (ny !== 2 && ny !== 3)) {
    throw typeError(`Cannot take the cross product along axes of lengths ${nx} and ${ny}: they must be 2 or 3`);
  }
  const p = move(x, dx, x.shape.length - 1), q = move(y, dy, y.shape.length - 1);
  const batch = broadcast("cross", p.shape.slice(0, -1), q.shape.slice(0, -1));
  const part = (n: Node, i: number): Node => {
    const d = n.shape.length - 1;
    return broadcastTo(
      i < (n.shape[d] as number) ? sliceAxis(n, d, i, 1) : full(0, [...n.shape.slice(0, -1), 1], n.dtype),
      [...batch, 1],
    );
  };
  const [x0, x1, x2] = [0, 1, 2].map((i) => part(p, i)) as [Node, Node, Node],
    [y0, y1, y2] = [0, 1, 2].map((i) => part(q, i)) as [Node, Node, Node];
  const minus = (s: Node, t: Node, u: Node, v: Node): Node => sub(mul(s, t), mul(u, v));
  const out = concatNodes([minus(x1, y2, x2, y1), minus(x2, y0, x0, y2), minus(x0, y1, x1, y0)], batch.length);
  return wrap(move(out, batch.length, Math.min(dx, batch.length)));
}
