// Systems of equations and inverses.
import { isComplex } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { flag } from "../base/options.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { apply, type Aval, type Node, type OpDef, type Planned } from "../core/node.ts";
import { broadcast, text } from "../core/shape.ts";
import { equal } from "../kernel/sizes.ts";
import { trailing } from "../ops/args.ts";
import { broadcastTo, cast, neg, reshape } from "../ops/basis.ts";
import { nodeOf, sharedDtype, wrap } from "../ops/lift.ts";
import { product } from "../ops/matmul.ts";
import { colsOf, column, eyeLike, lead, matrix, routine, rowsOf, transposed, triangle } from "./matrix.ts";

const solveOp: OpDef<null> = routine<null>({
  name: "solve",
  outs: ([, b]) => [b as Aval],
  ints: ([, b]) => [colsOf(b as Planned)],
  vjp: (ct, out, [a], _, need) => {
    const g = solveNode(transposed(a as Node), ct);
    return [need[0] ? neg(product(g, transposed(out))) : null, g];
  },
});
const solveNode = (a: Node, b: Node): Node => apply(solveOp, [a, b], null);
const trisolveOp: OpDef<{ readonly upper: boolean }> = routine<{ readonly upper: boolean }>({
  name: "trisolve",
  outs: ([, b]) => [b as Aval],
  ints: ([, b], arg) => [colsOf(b as Planned), arg.upper ? 1 : 0],
  vjp: (ct, out, [a], arg, need) => {
    const g = trisolveNode(transposed(a as Node), ct, !arg.upper);
    return [need[0] ? triangle(neg(product(g, transposed(out))), !arg.upper, 0) : null, g];
  },
});
export const trisolveNode = (a: Node, b: Node, upper: boolean): Node => apply(trisolveOp, [a, b], { upper });

function system(op: string, a: ArrayLike, b: ArrayLike, run: (a: Node, b: Node) => Node): NDArray {
  let x = matrix(op, a, { square: true }), y = nodeOf(op, b);
  if (isComplex(y.dtype)) throw typeError(`Cannot ${op} with a right side of dtype ${y.dtype}`);
  const dtype = sharedDtype(op, [x, y]),
    vector = y.shape.length === x.shape.length - 1;
  if (vector) y = column(y);
  if (y.shape.length < 2 || !equal(rowsOf(y), rowsOf(x))) {
    throw typeError(
      `Cannot ${op} ${text(x.shape)} with a right side of shape ${text(nodeOf(op, b).shape)}: the rows must match`,
    );
  }
  const batch = broadcast(op, lead(x), lead(y));
  x = broadcastTo(cast(x, dtype), [...batch, rowsOf(x), colsOf(x)]);
  y = broadcastTo(cast(y, dtype), [...batch, rowsOf(y), colsOf(y)]);
  const out = run(x, y);
  return wrap(vector ? reshape(out, out.shape.slice(0, -1)) : out);
}
/**
 * x with a x = b, for square matrices; b is a vector or holds columns, leading axes broadcast. An Error when read if a is singular.
 *
 * @example
 * ```ts
 * mx.linalg.solve(mx.array([[2, 0], [0, 4]]), mx.array([2, 2])); // array([1, 0.5], dtype=float32)
 * mx.linalg.solve(mx.zeros([2, 2]), mx.ones([2])).tolist(); // Error: Cannot solve: the matrix is singular
 * ```
 */
export function solve(a: ArrayLike, b: ArrayLike): NDArray {
  return system("solve", a, b, solveNode);
}
/** Options of triangular matrices. */
export interface UpperOptions {
  readonly upper?: boolean;
}
export const upperOf = (op: string, options: UpperOptions | boolean | undefined): boolean =>
  flag(op, trailing<UpperOptions>(op, "upper", options, undefined, ["upper"]), "upper");
/** x with a x = b, of which the lower (or upper) triangle is read. */
export function solveTriangular(a: ArrayLike, b: ArrayLike, options?: UpperOptions): NDArray {
  const upper = upperOf("solveTriangular", options);
  return system("solveTriangular", a, b, (x, y) => trisolveNode(x, y, upper));
}

const invOp: OpDef<null> = routine<null>({
  name: "inv",
  outs: ([a]) => [a as Aval],
  vjp: (ct, out) => {
    const t = transposed(out);
    return [neg(product(product(t, ct), t))];
  },
});
/**
 * The inverse of square matrices; an Error when read if one is singular.
 *
 * @example
 * ```ts
 * mx.linalg.inv(mx.array([[2, 0], [0, 4]])); // array([[0.5, 0], [0, 0.25]], dtype=float32)
 * ```
 */
export function inv(a: ArrayLike): NDArray {
  return wrap(apply(invOp, [matrix("inv", a, { square: true })], null));
}
export function triInvNode(x: Node, upper: boolean): Node {
  return trisolveNode(x, eyeLike(x), upper);
}
/** The inverse of triangular matrices, of which the lower (or upper) triangle is read. */
export function triInv(a: ArrayLike, options?: UpperOptions | boolean): NDArray {
  return wrap(triInvNode(matrix("triInv", a, { square: true }), upperOf("triInv", options)));
}
