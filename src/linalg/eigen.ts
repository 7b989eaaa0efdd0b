// Eigenvalues and eigenvectors: of symmetric and Hermitian matrices, with gradients, and of any square ones.
import { typeError } from "../base/error.ts";
import { shown } from "../base/options.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { apply, type Aval, type Node, type OpDef } from "../core/node.ts";
import { trailing } from "../ops/args.ts";
import { add, broadcastTo, cast, compare, div, like, mul, select, sub } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { product } from "../ops/matmul.ts";
import { pick } from "../ops/pick.ts";
import { adjoint, column, matrix, realOf, routine, row, scaleColumns } from "./matrix.ts";

interface Triangle {
  readonly lower: boolean;
}
const eighOp = routine<Triangle>({
  name: "eigh",
  outs: ([a]) => {
    const x = a as Aval;
    return [{ shape: x.shape.slice(0, -1), dtype: realOf(x.dtype) }, x];
  },
  ints: (_, arg) => [arg.lower ? 1 : 0],
  vjps: ([dw, dv], node) => {
    const w = pick(node, 0), v = pick(node, 1), left: Node[] = [];
    if (dw) left.push(scaleColumns(v, dw));
    if (dv) {
      // dA = V (F * V^H dV) V^H
      const f = cast(inverseGaps(w), v.dtype);
      left.push(product(v, mul(f, product(adjoint(v), dv))));
    }
    return [product(left.reduce(add), adjoint(v))];
  },
});
/** F_ij = 1 / (w_j - w_i), 0 where they are equal. */
export function inverseGaps(w: Node): Node {
  const shape = [...w.shape, w.shape[w.shape.length - 1] as number],
    gap = sub(broadcastTo(row(w), shape), broadcastTo(column(w), shape)),
    zero = compare("eq", gap, like(0, gap));
  return select(zero, like(0, gap), div(like(1, gap), select(zero, like(1, gap), gap)));
}
const eigvalshOp = routine<Triangle>({
  name: "eigvalsh",
  calls: "eigh",
  outs: ([a]) => [{ shape: (a as Aval).shape.slice(0, -1), dtype: realOf((a as Aval).dtype) }],
  ints: (_, arg) => [arg.lower ? 1 : 0],
  // The gradient needs the vectors.
  vjp: (ct, _out, [a], arg) => {
    const v = pick(apply(eighOp, [a as Node], arg), 1);
    return [product(scaleColumns(v, ct), adjoint(v))];
  },
});
/** Options of `eigh` and `eigvalsh`: which triangle is read. */
export interface EighOptions {
  readonly UPLO?: "L" | "U";
}
function eighNode(
  of: OpDef<Triangle>,
  op: string,
  a: ArrayLike,
  options: EighOptions | "L" | "U" | undefined,
): Node {
  const uplo = trailing<EighOptions>(op, "UPLO", options, undefined, ["UPLO"]).UPLO ?? "L";
  if (typeof uplo !== "string") throw typeError(`Cannot ${op} with UPLO ${shown(uplo)}: it is "L" or "U"`);
  // Every text but "L" is the upper triangle, as in MLX.
  return apply(of, [matrix(op, a, { complex: true, square: true })], { lower: uplo === "L" });
}
/**
 * Eigenvalues in ascending order and eigenvectors (columns) of symmetric or Hermitian matrices, of which one triangle is read.
 *
 * @example
 * ```ts
 * const [values, vectors] = mx.linalg.eigh(mx.array([[2, 0], [0, 1]]));
 * values; // array([1, 2], dtype=float32)
 * ```
 */
export function eigh(a: ArrayLike, options?: EighOptions | "L" | "U"): [NDArray, NDArray] {
  const n = eighNode(eighOp, "eigh", a, options);
  return [wrap(pick(n, 0)), wrap(pick(n, 1))];
}
/** Eigenvalues in ascending order of symmetric or Hermitian matrices. */
export function eigvalsh(a: ArrayLike, options?: EighOptions | "L" | "U"): NDArray {
  return wrap(eighNode(eigvalshOp, "eigvalsh", a, options));
}

const eigOp = routine<null>({
  name: "eig",
  family: "eig",
  outs: ([a]) => {
    const x = a as Aval;
    return [{ shape: x.shape.slice(0, -1), dtype: "complex64" }, { shape: x.shape, dtype: "complex64" }];
  },
});
const eigvalsOp = routine<null>({
  name: "eigvals",
  calls: "eig",
  family: "eig",
  outs: ([a]) => [{ shape: (a as Aval).shape.slice(0, -1), dtype: "complex64" }],
});
/** Eigenvalues and eigenvectors (columns, of length 1) of square matrices, complex64. */
export function eig(a: ArrayLike): [NDArray, NDArray] {
  const n = apply(eigOp, [matrix("eig", a, { complex: true, square: true })], null);
  return [wrap(pick(n, 0)), wrap(pick(n, 1))];
}
/** Eigenvalues of square matrices, complex64. */
export function eigvals(a: ArrayLike): NDArray {
  return wrap(apply(eigvalsOp, [matrix("eigvals", a, { complex: true, square: true })], null));
}
