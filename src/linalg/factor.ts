// Factorisations: Cholesky, QR and LU, and determinants.
import { atLeastFloat, type DType } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { apply, type Aval, type Node, type Planned } from "../core/node.ts";
import { size, sizeMin, text } from "../core/shape.ts";
import { below } from "../kernel/sizes.ts";
import {
  add,
  broadcastTo,
  cast,
  compare,
  full,
  iota,
  like,
  mul,
  neg,
  reduce,
  reshape,
  select,
  sub,
} from "../ops/basis.ts";
import { scatter } from "../ops/gather.ts";
import { nodeOf, wrap } from "../ops/lift.ts";
import { product } from "../ops/matmul.ts";
import { diagonalNode, sliceAxis } from "../ops/movement.ts";
import { pick } from "../ops/pick.ts";
import { abs, log, sign } from "../ops/unary.ts";
import { colsOf, column, eyeLike, half, lead, matrix, routine, rowsOf, transposed, triangle } from "./matrix.ts";
import { triInvNode, trisolveNode, upperOf, type UpperOptions } from "./solve.ts";

const choleskyOp = routine<{ readonly upper: boolean }>({
  name: "cholesky",
  outs: ([a]) => [a as Aval],
  ints: (_, arg) => [arg.upper ? 1 : 0],
  vjp: (ct, out, _ins, arg) => {
    // L^-T phi(L^T dL) L^-1, symmetric; phi: the lower triangle with half the diagonal
    const l = arg.upper ? transposed(out) : out,
      g = triangle(arg.upper ? transposed(ct) : ct, true, 0),
      p = triangle(product(transposed(l), g), true, 0);
    const phi = sub(p, half(sub(p, triangle(p, true, -1))));
    const left = trisolveNode(transposed(l), phi, true),
      s = transposed(trisolveNode(transposed(l), transposed(left), true));
    return [half(add(s, transposed(s)))];
  },
});
/**
 * L (or with `upper` its transpose) with A = L L^T, for symmetric positive definite matrices, of which one triangle is read.
 *
 * @example
 * ```ts
 * mx.linalg.cholesky(mx.array([[4, 2], [2, 5]])); // array([[2, 0], [1, 2]], dtype=float32)
 * ```
 */
export function cholesky(a: ArrayLike, options?: UpperOptions | boolean): NDArray {
  return wrap(apply(choleskyOp, [matrix("cholesky", a, { square: true })], { upper: upperOf("cholesky", options) }));
}
/** The inverse of A from its Cholesky factor. */
export function choleskyInv(a: ArrayLike, options?: UpperOptions | boolean): NDArray {
  const upper = upperOf("choleskyInv", options),
    x = triInvNode(matrix("choleskyInv", a, { square: true }), upper),
    t = transposed(x);
  return wrap(upper ? product(x, t) : product(t, x));
}

const qrOp = routine<null>({
  name: "qr",
  outs: ([a]) => {
    const x = a as Aval, m = rowsOf(x), n = colsOf(x), k = sizeMin(m, n), b = lead(x);
    return [{ shape: [...b, m, k], dtype: x.dtype }, { shape: [...b, k, n], dtype: x.dtype }];
  },
  ints: ([a]) => [colsOf(a as Planned)],
  vjps: ([dq, dr], node, [a]) => {
    const x = a as Node, q = pick(node, 0), r = pick(node, 1);
    if (below(rowsOf(x), colsOf(x))) {
      throw typeError(`Cannot differentiate qr of wide matrices: shape is ${text(x.shape)}`);
    }
    // (dQ + Q copyltu(M)) R^-T, M = R dR^T - dQ^T Q
    const m = [...(dr ? [product(r, transposed(dr))] : []), ...(dq ? [neg(product(transposed(dq), q))] : [])].reduce(
      add,
    );
    const low = triangle(m, true, 0), sym = add(low, transposed(triangle(m, true, -1))), rest = product(q, sym);
    return [transposed(trisolveNode(r, transposed(dq ? add(dq, rest) : rest), true))];
  },
});
/** Q with orthonormal columns and upper triangular R with A = Q R. */
export function qr(a: ArrayLike): [NDArray, NDArray] {
  const n = apply(qrOp, [matrix("qr", a, {})], null);
  return [wrap(pick(n, 0)), wrap(pick(n, 1))];
}

/** Rows put where a permutation points: out[p[i]] = x[i]. */
function scatterRows(x: Node, p: Node): Node {
  const n = x.shape.length, index = broadcastTo(column(p), x.shape);
  return scatter("set", like(0, x), [index], x, {
    shape: x.shape,
    source: x.shape.map((_, d) => d === n - 2 ? { from: "index", which: 0 } : { from: "out", axis: d }),
    indexAxes: x.shape.map((_, d) => d),
  });
}
const luOp = routine<null>({
  name: "lu",
  outs: ([a]) => {
    const x = a as Aval, m = rowsOf(x), k = sizeMin(m, colsOf(x)), b = lead(x);
    return [x, { shape: [...b, k], dtype: "uint32" }, { shape: [...b, m], dtype: "uint32" }];
  },
  ints: ([a]) => [colsOf(a as Planned)],
  vjps: ([ct], node, [a]) => {
    if (!ct) return [null];
    const x = a as Node, packed = pick(node, 0);
    if (rowsOf(x) !== colsOf(x)) {
      throw typeError(`Cannot differentiate lu of matrices that are not square: shape is ${text(x.shape)}`);
    }
    // P^T L^-T (strict lower of L^T dL + upper of dU U^T) U^-T
    const u = triangle(packed, false, 0),
      l = unitLower(packed),
      dl = triangle(ct, true, -1),
      du = triangle(ct, false, 0);
    const middle = add(triangle(product(transposed(l), dl), true, -1), triangle(product(du, transposed(u)), false, 0));
    const left = trisolveNode(transposed(l), middle, true), g = transposed(trisolveNode(u, transposed(left), true));
    return [scatterRows(g, pick(node, 2))];
  },
});
const unitLower = (packed: Node): Node => add(triangle(packed, true, -1), eyeLike(packed));
/** LU in one matrix (L's diagonal of ones left out) and the pivots (uint32): row i was exchanged with row pivots[i]. */
export function luFactor(a: ArrayLike): [NDArray, NDArray] {
  const n = apply(luOp, [matrix("luFactor", a, {})], null);
  return [wrap(pick(n, 0)), wrap(pick(n, 1))];
}
/**
 * Row indices P (uint32), L and U with A = L[P] U.
 *
 * @example
 * ```ts
 * const [rows, l, u] = mx.linalg.lu(mx.array([[0, 1], [2, 3]]));
 * rows; // array([1, 0], dtype=uint32)
 * l.get(rows).matmul(u); // array([[0, 1], [2, 3]], dtype=float32)
 * ```
 */
export function lu(a: ArrayLike): [NDArray, NDArray, NDArray] {
  const x = matrix("lu", a, {}),
    n = apply(luOp, [x], null),
    packed = pick(n, 0),
    perm = pick(n, 2),
    m = rowsOf(x),
    k = sizeMin(m, colsOf(x)),
    d = x.shape.length;
  const l = unitLower(sliceAxis(packed, d - 1, 0, k)), u = triangle(sliceAxis(packed, d - 2, 0, k), false, 0);
  // The inverse permutation.
  const p = size(perm.shape) === 0
    ? perm
    : reshape(scatterRows(column(iota(perm.shape, d - 2, "uint32")), perm), perm.shape);
  return [wrap(p), wrap(l), wrap(u)];
}

function luParts(op: string, a: ArrayLike): { readonly diagonal: Node; readonly parity: Node; readonly dtype: DType } {
  const dtype = atLeastFloat(nodeOf(op, a).dtype),
    x = matrix(op, a, { square: true }),
    n = apply(luOp, [x], null),
    pivots = pick(n, 1),
    d = pivots.shape.length - 1,
    one = full(1, pivots.shape, x.dtype);
  const moved = compare("ne", pivots, iota(pivots.shape, d, "uint32"));
  return { dtype, diagonal: diagonalNode(pick(n, 0), 0), parity: reduce("prod", select(moved, neg(one), one), [d]) };
}
/**
 * The determinant of square real matrices.
 *
 * @example
 * ```ts
 * mx.linalg.det(mx.array([[1, 2], [3, 4]])); // array(-2, dtype=float32)
 * ```
 */
export function det(a: ArrayLike): NDArray {
  const { diagonal, parity, dtype } = luParts("det", a);
  return wrap(cast(mul(parity, reduce("prod", diagonal, [diagonal.shape.length - 1])), dtype));
}
/** The sign of the determinant and the logarithm of its absolute value. */
export function slogdet(a: ArrayLike): [NDArray, NDArray] {
  const { diagonal, parity, dtype } = luParts("slogdet", a), d = diagonal.shape.length - 1;
  const logs = reduce("sum", log.node(abs.node(diagonal)), [d]);
  return [wrap(cast(mul(parity, reduce("prod", sign.node(diagonal), [d])), dtype)), wrap(cast(logs, dtype))];
}
