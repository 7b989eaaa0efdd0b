// Singular values and vectors, and the pseudo-inverse.
import { finfo, isComplex } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { checkOptions, flag } from "../base/options.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { apply, type Aval, type Node, type Planned } from "../core/node.ts";
import { size, sizeMin, text } from "../core/shape.ts";
import { equal } from "../kernel/sizes.ts";
import { add, broadcastTo, compare, div, full, like, mul, select, sub } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { product } from "../ops/matmul.ts";
import { sliceAxis } from "../ops/movement.ts";
import { pick } from "../ops/pick.ts";
import { extremeNode } from "../ops/reduce.ts";
import { inverseGaps } from "./eigen.ts";
import { colsOf, column, lead, matrix, realOf, routine, rowsOf, scaleColumns, transposed } from "./matrix.ts";

const svdOp = routine<{ readonly full: boolean }>({
  name: "svd",
  outs: ([a], arg) => {
    const x = a as Aval, m = rowsOf(x), n = colsOf(x), k = sizeMin(m, n), b = lead(x);
    return [
      { shape: [...b, k], dtype: realOf(x.dtype) },
      { shape: [...b, m, arg.full ? m : k], dtype: x.dtype },
      { shape: [...b, arg.full ? n : k, n], dtype: x.dtype },
    ];
  },
  ints: ([a], arg) => [colsOf(a as Planned), arg.full ? 1 : 0],
  vjps: ([ds, du, dv], node, [a], arg) => {
    const x = a as Node, s = pick(node, 0), k = s.shape[s.shape.length - 1] as number;
    const whole = [pick(node, 1), pick(node, 2)] as const;
    const u = sliceAxis(whole[0], whole[0].shape.length - 1, 0, k),
      vt = sliceAxis(whole[1], whole[1].shape.length - 2, 0, k);
    if ((du || dv) && ((arg.full && !equal(rowsOf(x), colsOf(x))) || isComplex(x.dtype))) {
      throw typeError(
        `Cannot differentiate the singular vectors of ${x.dtype} matrices of shape ${
          text(x.shape)
        }: only those of real square ones`,
      );
    }
    // dA = U (dS + skew(U^T dU) / E S + S skew(V^T dV) / E) V^T, E_ij = s_j^2 - s_i^2, and what lies outside of U's or V's columns over S
    const left: Node[] = [], rest: Node[] = [];
    if (ds) left.push(scaleColumns(u, ds));
    if (du || dv) {
      const f = inverseGaps(mul(s, s)), inverse = div(like(1, s), s), middle: Node[] = [];
      const skew = (y: Node): Node => mul(sub(y, transposed(y)), f);
      if (du) {
        const inside = product(transposed(u), du);
        middle.push(scaleColumns(skew(inside), s));
        if (!equal(rowsOf(x), k)) left.push(scaleColumns(sub(du, product(u, inside)), inverse));
      }
      if (dv) {
        const inside = product(vt, transposed(dv));
        middle.push(mul(broadcastTo(column(s), f.shape), skew(inside)));
        if (!equal(colsOf(x), k)) {
          rest.push(product(scaleColumns(u, inverse), sub(dv, product(transposed(inside), vt))));
        }
      }
      left.push(product(u, middle.reduce(add)));
    }
    return [[product(left.reduce(add), vt), ...rest].reduce(add)];
  },
});
const svdvalsOp = routine<null>({
  name: "svdvals",
  calls: "svd",
  outs: ([a]) => {
    const x = a as Aval;
    return [{ shape: [...lead(x), sizeMin(rowsOf(x), colsOf(x))], dtype: realOf(x.dtype) }];
  },
  ints: ([a]) => [colsOf(a as Planned), 0],
  // The gradient needs the vectors.
  vjp: (ct, _out, [a]) => {
    const p = apply(svdOp, [a as Node], { full: false });
    return [product(scaleColumns(pick(p, 1), ct), pick(p, 2))];
  },
});
/** Options of `svd`. */
export interface SvdOptions {
  readonly computeUv?: boolean;
}
/**
 * U, S and Vt with A = U S Vt (U and Vt square); with `computeUv: false` S alone, descending.
 *
 * @example
 * ```ts
 * mx.linalg.svd(mx.array([[3, 0], [0, 4]]), { computeUv: false }); // array([4, 3], dtype=float32)
 * ```
 */
export function svd(a: ArrayLike, options: SvdOptions & { readonly computeUv: false }): NDArray;
export function svd(a: ArrayLike, options?: SvdOptions): [NDArray, NDArray, NDArray];
export function svd(a: ArrayLike, options: SvdOptions = {}): NDArray | [NDArray, NDArray, NDArray] {
  checkOptions("svd", options, ["computeUv"]);
  const x = matrix("svd", a, { complex: true });
  if (!flag("svd", options, "computeUv", true)) return wrap(singular(x));
  const n = apply(svdOp, [x], { full: true });
  return [wrap(pick(n, 1)), wrap(pick(n, 0)), wrap(pick(n, 2))];
}
export const singular = (x: Node): Node => apply(svdvalsOp, [x], null);

/** The Moore-Penrose inverse, from the singular values above 10 max(m, n) eps times the largest. */
export function pinv(a: ArrayLike): NDArray {
  const x = matrix("pinv", a, {}), m = rowsOf(x), n = colsOf(x);
  if (size(x.shape) === 0) return wrap(full(0, [...lead(x), n, m], x.dtype));
  const p = apply(svdOp, [x], { full: false }), s = pick(p, 0), u = pick(p, 1), vt = pick(p, 2), d = s.shape.length - 1;
  const most = broadcastTo(column(extremeNode("max", s, [d])), s.shape),
    small = compare("le", s, mul(like(10 * Math.max(m, n) * finfo(x.dtype).eps, s), most));
  const inverse = select(small, like(0, s), div(like(1, s), select(small, like(1, s), s)));
  return wrap(product(scaleColumns(transposed(vt), inverse), transposed(u)));
}
