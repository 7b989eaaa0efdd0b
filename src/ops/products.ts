// Products of arrays that reduce to matrix products or elementwise ones: outer, inner, tensordot, vecdot, kron.
import { rangeError, typeError } from "../base/error.ts";
import { integers } from "../base/options.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { axisOf, counting, size, sizeTimes, text } from "../core/shape.ts";
import { equal } from "../kernel/sizes.ts";
import { trailing } from "./args.ts";
import { broadcastTo, cast, mul, permute, reshape } from "./basis.ts";
import { alike, nodeOf, pair, wrap } from "./lift.ts";
import { product } from "./matmul.ts";
import { move } from "./movement.ts";
import { sumNode } from "./reduce.ts";
import { conjugateNode } from "./unary.ts";

/**
 * Every element of the first (flattened) times every element of the second.
 *
 * @example
 * ```ts
 * mx.outer(mx.array([1, 2]), mx.array([3, 4])); // array([[3, 4], [6, 8]], dtype=float32)
 * ```
 */
export function outer(a: ArrayLike, b: ArrayLike): NDArray {
  const [x, y] = alike("outer", [a, b]) as [Node, Node], m = size(x.shape), n = size(y.shape);
  return wrap(
    times(broadcastTo(reshape(x, [m, 1]), [m, n]), broadcastTo(reshape(y, [1, n]), [m, n])),
  );
}
/** x * y; of bools "and". */
export function times(x: Node, y: Node): Node {
  return x.dtype === "bool" ? cast(mul(cast(x, "int32"), cast(y, "int32")), "bool") : mul(x, y);
}

/**
 * Products summed over the last axes; with a 0-d array the plain product.
 *
 * @example
 * ```ts
 * mx.inner(mx.array([1, 2]), mx.array([3, 4])).item(); // 11
 * ```
 */
export function inner(a: ArrayLike, b: ArrayLike): NDArray {
  const [x, y] = alike("inner", [a, b]) as [Node, Node];
  if (x.shape.length === 0 || y.shape.length === 0) return wrap(times(...pair("inner", a, b)));
  return wrap(tensordotNode("inner", x, y, [x.shape.length - 1], [y.shape.length - 1]));
}

function tensordotNode(op: string, x: Node, y: Node, xs: readonly number[], ys: readonly number[]): Node {
  xs.forEach((d, i) => {
    if (!equal(x.shape[d] as number, y.shape[ys[i] as number] as number)) {
      throw typeError(
        `Cannot ${op} arrays of shapes ${text(x.shape)} and ${text(y.shape)} over axes ${text(xs)} and ${
          text(ys)
        }: their lengths differ`,
      );
    }
  });
  const xf = counting(x.shape.length).filter((d) => !xs.includes(d)),
    yf = counting(y.shape.length).filter((d) => !ys.includes(d));
  const k = size(xs.map((d) => x.shape[d] as number)),
    xn = xf.map((d) => x.shape[d] as number),
    yn = yf.map((d) => y.shape[d] as number);
  const left = reshape(permute(x, [...xf, ...xs]), [size(xn), k]),
    right = reshape(permute(y, [...ys, ...yf]), [k, size(yn)]);
  return reshape(product(left, right), [...xn, ...yn]);
}
/** Options of `tensordot`: how many last and first axes to sum over, or a list of axes for each array. */
export interface TensordotOptions {
  readonly axes?: number | readonly [readonly number[] | number, readonly number[] | number];
}
/**
 * Products summed over axes of both arrays (2: the last two of the first, the first two of the second).
 *
 * @example
 * ```ts
 * mx.tensordot(mx.ones([2, 3]), mx.ones([3, 4]), 1).shape; // [2, 4]
 * ```
 */
export function tensordot(a: ArrayLike, b: ArrayLike, axes?: TensordotOptions["axes"] | TensordotOptions): NDArray {
  const [x, y] = alike("tensordot", [a, b]) as [Node, Node],
    given = trailing<TensordotOptions>("tensordot", "axes", axes, undefined, ["axes"]).axes ?? 2;
  if (typeof given === "number") {
    if (!Number.isInteger(given) || given < 0 || given > x.shape.length || given > y.shape.length) {
      throw rangeError(`Cannot tensordot arrays of shapes ${text(x.shape)} and ${text(y.shape)} over ${given} axes`);
    }
    return wrap(
      tensordotNode("tensordot", x, y, counting(given).map((i) => x.shape.length - given + i), counting(given)),
    );
  }
  if (!Array.isArray(given) || given.length !== 2) {
    throw typeError("Cannot tensordot: axes must be a number or two lists");
  }
  const list = (l: number | readonly number[], n: Node): number[] =>
    integers("tensordot", "an axis", l).map((d) => axisOf("tensordot", d, n.shape.length));
  const xs = list(given[0] as number | readonly number[], x), ys = list(given[1] as number | readonly number[], y);
  if (xs.length !== ys.length) {
    throw typeError(`Cannot tensordot over axes ${text(xs)} and ${text(ys)}: they must be as many`);
  }
  return wrap(tensordotNode("tensordot", x, y, xs, ys));
}

/**
 * Products (of complex numbers with the first conjugated) summed along an axis (the last), the others broadcast.
 *
 * @example
 * ```ts
 * mx.vecdot(mx.array([[1, 2], [3, 4]]), mx.array([1, 1])); // array([3, 7], dtype=float32)
 * ```
 */
export function vecdot(a: ArrayLike, b: ArrayLike, axis?: number | { readonly axis?: number }): NDArray {
  const given = trailing<{ readonly axis?: number }>("vecdot", "axis", axis, undefined, ["axis"]).axis ?? -1,
    x = nodeOf("vecdot", a),
    y = nodeOf("vecdot", b);
  if (x.shape.length === 0 || y.shape.length === 0) {
    throw typeError(`Cannot vecdot arrays without axes: shapes are ${text(x.shape)} and ${text(y.shape)}`);
  }
  const [p, q] = pair(
    "vecdot",
    wrap(move(x, axisOf("vecdot", given, x.shape.length), x.shape.length - 1)),
    wrap(move(y, axisOf("vecdot", given, y.shape.length), y.shape.length - 1)),
  );
  // Sums of small integers are wide, as in `sum`; products are not.
  return wrap(sumNode(mul(conjugateNode(p), q), [p.shape.length - 1]));
}
/**
 * Every element of the first times the whole second: the Kronecker product; missing axes are 1.
 *
 * @example
 * ```ts
 * mx.kron(mx.array([1, 2]), mx.array([1, 1])); // array([1, 1, 2, 2], dtype=float32)
 * ```
 */
export function kron(a: ArrayLike, b: ArrayLike): NDArray {
  const [x, y] = alike("kron", [a, b]) as [Node, Node], n = Math.max(x.shape.length, y.shape.length);
  if (size(x.shape) === 0 || size(y.shape) === 0) {
    throw typeError(`Cannot kron arrays without elements: shapes are ${text(x.shape)} and ${text(y.shape)}`);
  }
  const grow = (s: readonly number[]): number[] => [...new Array<number>(n - s.length).fill(1), ...s],
    xs = grow(x.shape),
    ys = grow(y.shape);
  const wide = xs.flatMap((k, i) => [k, ys[i] as number]);
  const p = times(
    broadcastTo(reshape(x, xs.flatMap((k) => [k, 1])), wide),
    broadcastTo(reshape(y, ys.flatMap((k) => [1, k])), wide),
  );
  return wrap(reshape(p, xs.map((k, i) => sizeTimes(k, ys[i] as number))));
}
