// Linear algebra: factorisations, systems, norms, with gradients. The routines are the native library's (shim/blas).
import type { DType } from "../base/dtype.ts";
import { atLeastFloat, finfo, isComplex } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import type { CallFamily } from "../core/device.ts";
import type { ArrayLike, AxisLike } from "../core/ndarray.ts";
import type { NDArray } from "../core/ndarray.ts";
import type { Aval, Call, Node, OpDef, Planned } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { axesOf, axisOf, broadcast, dims, size, sizeMin, text } from "../core/shape.ts";
import { below, equal, productOf, type Size } from "../kernel/sizes.ts";
import { trailing } from "../ops/args.ts";
import {
  add,
  broadcastTo,
  cast,
  compare,
  conj,
  define,
  div,
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
import { alike, nodeOf, sharedDtype, wrap } from "../ops/lift.ts";
import { powerNode } from "../ops/binary.ts";
import { product } from "../ops/matmul.ts";
import { concatNodes, diagonalNode, expand, move, sliceAxis, swap } from "../ops/movement.ts";
import { pick } from "../ops/pick.ts";
import { extremeNode } from "../ops/reduce.ts";
import { abs, log, sign, sqrt } from "../ops/unary.ts";

const transposed = (x: Node): Node => swap(x, x.shape.length - 2, x.shape.length - 1);
/** Conjugate transpose. */
const adjoint = (x: Node): Node => conj(transposed(x));
const lead = <S>(x: { readonly shape: readonly S[] }): readonly S[] => x.shape.slice(0, -2);
const rowsOf = <S>(x: { readonly shape: readonly S[] }): S => x.shape[x.shape.length - 2] as S;
const colsOf = <S>(x: { readonly shape: readonly S[] }): S => x.shape[x.shape.length - 1] as S;
const half = (x: Node): Node => mul(like(0.5, x), x);

/** Entries on and below diagonal `k` (or on and above it); the others are 0. */
function triangle(x: Node, lower: boolean, k: number): Node {
  const n = x.shape.length,
    row = add(iota(x.shape, n - 2, "int32"), full(k, x.shape, "int32")),
    col = iota(x.shape, n - 1, "int32");
  return select(lower ? compare("ge", row, col) : compare("le", row, col), x, like(0, x));
}
function eyeNode(n: number, batch: readonly number[], dtype: DType): Node {
  const shape = [...batch, n, n];
  return cast(compare("eq", iota(shape, batch.length, "int32"), iota(shape, batch.length + 1, "int32")), dtype);
}
/** A vector as columns: x[..., :, None]. */
const column = (x: Node): Node => expand(x, x.shape.length);
/** A vector as a row: x[..., None, :]. */
const row = (x: Node): Node => expand(x, x.shape.length - 1);
/** Columns of x times the entries of a vector. */
const scaleColumns = (x: Node, v: Node): Node => mul(x, broadcastTo(row(cast(v, x.dtype)), x.shape));

// ---- inputs and calls -----------------------------------------------------------------------------------------------------
/** A batch of matrices of a dtype that the routines take: 16-bit floats are computed in float32, integers too. */
function matrix(op: string, a: ArrayLike, allow: { readonly complex?: boolean; readonly square?: boolean }): Node {
  const x = nodeOf(op, a);
  if (x.shape.length < 2) {
    throw typeError(
      `Cannot ${op} an array with ${dims(x.shape.length)}: it needs at least 2`,
    );
  }
  if (allow.square === true && !equal(rowsOf(x), colsOf(x))) {
    throw typeError(`Cannot ${op} matrices that are not square: shape is ${text(x.shape)}`);
  }
  if (isComplex(x.dtype) && allow.complex !== true) throw typeError(`Cannot ${op} an array of dtype ${x.dtype}`);
  const d = atLeastFloat(x.dtype);
  return cast(x, d === "float16" || d === "bfloat16" ? "float32" : d);
}
const kindOf = (d: DType): string => d === "float64" ? "f64" : isComplex(d) ? "c64" : "f32";
const realOf = (d: DType): DType => isComplex(d) ? "float32" : d;

interface Routine<A> {
  readonly name: string;
  /** The library's name, where it is another. */
  readonly calls?: string;
  readonly family?: CallFamily;
  outs(ins: readonly Aval[], arg: A): readonly Aval[];
  ints(ins: readonly Planned[], arg: A): readonly Size[];
  readonly vjp?: NonNullable<OpDef<A>["vjp"]>;
  readonly vjps?: NonNullable<OpDef<A>["vjps"]>;
}
/** An op that calls `name.f32` and so on: pointers are the inputs, then the outputs. */
function routine<A>(r: Routine<A>): OpDef<A> {
  return define<A>({
    name: `linalg.${r.name}`,
    type: (ins, arg) => {
      const outs = r.outs(ins, arg);
      return outs.length === 1 ? outs[0] as Aval : outs;
    },
    lower: {
      kind: "call",
      family: r.family ?? "factorisation",
      strided: false,
      calls: (arg, ins, outs, avals): readonly Call[] => {
        if (outs.every((o) => o.shape.includes(0))) return [];
        return [{
          routine: `${r.calls ?? r.name}.${kindOf((avals[0] as Planned).dtype)}`,
          pointers: [
            ...ins.map((_, index) => ({ which: "in" as const, index, offset: 0 })),
            ...outs.map((_, index) => ({ which: "out" as const, index, offset: 0 })),
          ],
          ints: r.ints(avals, arg),
          nums: [],
        }];
      },
    },
    ...(r.vjp ? { vjp: r.vjp } : {}),
    ...(r.vjps ? { vjps: r.vjps } : {}),
  });
}
const batchOf = (x: Planned): Size => productOf(lead(x));

// ---- symmetric eigenvalues ------------------------------------------------------------------------------------------------
interface Triangle {
  readonly lower: boolean;
}
const eighOp = routine<Triangle>({
  name: "eigh",
  outs: ([a]) => {
    const x = a as Aval;
    return [{ shape: x.shape.slice(0, -1), dtype: realOf(x.dtype) }, x];
  },
  ints: ([a], arg) => [batchOf(a as Planned), rowsOf(a as Planned), arg.lower ? 1 : 0],
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
function inverseGaps(w: Node): Node {
  const shape = [...w.shape, w.shape[w.shape.length - 1] as number],
    gap = sub(broadcastTo(row(w), shape), broadcastTo(column(w), shape)),
    zero = compare("eq", gap, like(0, gap));
  return select(zero, like(0, gap), div(like(1, gap), select(zero, like(1, gap), gap)));
}
const eigvalshOp = routine<Triangle>({
  name: "eigvalsh",
  calls: "eigh",
  outs: ([a]) => [{ shape: (a as Aval).shape.slice(0, -1), dtype: realOf((a as Aval).dtype) }],
  ints: ([a], arg) => [batchOf(a as Planned), rowsOf(a as Planned), arg.lower ? 1 : 0],
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
  if (typeof uplo !== "string") throw typeError(`Cannot ${op} with UPLO ${String(uplo)}: it is "L" or "U"`);
  // As in MLX, any other text is the upper triangle.
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

// ---- eigenvalues ----------------------------------------------------------------------------------------------------------
const eigOp = routine<null>({
  name: "eig",
  family: "eig",
  outs: ([a]) => {
    const x = a as Aval;
    return [{ shape: x.shape.slice(0, -1), dtype: "complex64" }, { shape: x.shape, dtype: "complex64" }];
  },
  ints: ([a]) => [batchOf(a as Planned), rowsOf(a as Planned)],
});
const eigvalsOp = routine<null>({
  name: "eigvals",
  calls: "eig",
  family: "eig",
  outs: ([a]) => [{ shape: (a as Aval).shape.slice(0, -1), dtype: "complex64" }],
  ints: ([a]) => [batchOf(a as Planned), rowsOf(a as Planned)],
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

// ---- singular values ------------------------------------------------------------------------------------------------------
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
  ints: ([a], arg) => [batchOf(a as Planned), rowsOf(a as Planned), colsOf(a as Planned), arg.full ? 1 : 0],
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
  ints: ([a]) => [batchOf(a as Planned), rowsOf(a as Planned), colsOf(a as Planned), 0],
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
  const o = trailing<SvdOptions>("svd", "computeUv", undefined, options, ["computeUv"]),
    x = matrix("svd", a, { complex: true });
  if (o.computeUv === false) return wrap(singular(x));
  const n = apply(svdOp, [x], { full: true });
  return [wrap(pick(n, 1)), wrap(pick(n, 0)), wrap(pick(n, 2))];
}
const singular = (x: Node): Node => apply(svdvalsOp, [x], null);

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

// ---- systems --------------------------------------------------------------------------------------------------------------
const solveOp: OpDef<null> = routine<null>({
  name: "solve",
  outs: ([, b]) => [b as Aval],
  ints: ([a, b]) => [batchOf(a as Planned), rowsOf(a as Planned), colsOf(b as Planned)],
  vjp: (ct, out, [a], _, need) => {
    const g = solveNode(transposed(a as Node), ct);
    return [need[0] ? neg(product(g, transposed(out))) : null, g];
  },
});
const solveNode = (a: Node, b: Node): Node => apply(solveOp, [a, b], null);
const trisolveOp: OpDef<{ readonly upper: boolean }> = routine<{ readonly upper: boolean }>({
  name: "trisolve",
  outs: ([, b]) => [b as Aval],
  ints: ([a, b], arg) => [batchOf(a as Planned), rowsOf(a as Planned), colsOf(b as Planned), arg.upper ? 1 : 0],
  vjp: (ct, out, [a], arg, need) => {
    const g = trisolveNode(transposed(a as Node), ct, !arg.upper);
    return [need[0] ? triangle(neg(product(g, transposed(out))), !arg.upper, 0) : null, g];
  },
});
const trisolveNode = (a: Node, b: Node, upper: boolean): Node => apply(trisolveOp, [a, b], { upper });

function system(op: string, a: ArrayLike, b: ArrayLike, run: (a: Node, b: Node) => Node): NDArray {
  let x = matrix(op, a, { square: true }), y = nodeOf(op, b);
  if (isComplex(y.dtype)) throw typeError(`Cannot ${op} with a right side of dtype ${y.dtype}`);
  const dtype = sharedDtype(op, [x, y]), vector = y.shape.length === x.shape.length - 1;
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
const upperOf = (op: string, options: UpperOptions | boolean | undefined): boolean =>
  trailing<UpperOptions>(op, "upper", options, undefined, ["upper"]).upper === true;
/** x with a x = b, of which the lower (or upper) triangle is read. */
export function solveTriangular(a: ArrayLike, b: ArrayLike, options?: UpperOptions): NDArray {
  const upper = upperOf("solveTriangular", options);
  return system("solveTriangular", a, b, (x, y) => trisolveNode(x, y, upper));
}

const invOp: OpDef<null> = routine<null>({
  name: "inv",
  outs: ([a]) => [a as Aval],
  ints: ([a]) => [batchOf(a as Planned), rowsOf(a as Planned)],
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
function triInvNode(x: Node, upper: boolean): Node {
  return trisolveNode(x, eyeNode(rowsOf(x), lead(x), x.dtype), upper);
}
/** The inverse of triangular matrices, of which the lower (or upper) triangle is read. */
export function triInv(a: ArrayLike, options?: UpperOptions | boolean): NDArray {
  return wrap(triInvNode(matrix("triInv", a, { square: true }), upperOf("triInv", options)));
}

// ---- factorisations -------------------------------------------------------------------------------------------------------
const choleskyOp = routine<{ readonly upper: boolean }>({
  name: "cholesky",
  outs: ([a]) => [a as Aval],
  ints: ([a], arg) => [batchOf(a as Planned), rowsOf(a as Planned), arg.upper ? 1 : 0],
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
  ints: ([a]) => [batchOf(a as Planned), rowsOf(a as Planned), colsOf(a as Planned)],
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
  ints: ([a]) => [batchOf(a as Planned), rowsOf(a as Planned), colsOf(a as Planned)],
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
function eyeLike(x: Node): Node {
  const n = x.shape.length;
  return cast(compare("eq", iota(x.shape, n - 2, "int32"), iota(x.shape, n - 1, "int32")), x.dtype);
}
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

// ---- norms and products of vectors ----------------------------------------------------------------------------------------
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
export function norm(a: ArrayLike, ord?: Ord | NormOptions, options?: NormOptions): NDArray {
  const o = trailing<NormOptions>("norm", "ord", ord, options, ["ord", "axis", "keepdims"]),
    x = nodeOf("norm", a),
    n = x.shape.length;
  const z = cast(x, atLeastFloat(x.dtype)), size1 = abs.node(z), how = o.ord ?? null;
  const axes = o.axis === undefined || o.axis === null
    ? x.shape.map((_, d) => d)
    : (typeof o.axis === "number" ? [o.axis] : o.axis).map((d) => axisOf("norm", d, n));
  axesOf("norm", axes, n);
  if (axes.length > 2 && o.axis !== undefined && o.axis !== null) {
    throw typeError(`Cannot norm over ${axes.length} axes: a norm is of vectors (one axis) or matrices (two)`);
  }
  const sorted = [...axes].sort((p, q) => p - q);
  const done = (y: Node): NDArray =>
    wrap(o.keepdims === true ? reshape(y, x.shape.map((k, d) => axes.includes(d) ? 1 : k)) : y);
  const two = (): Node => sqrt.node(reduce("sum", mul(size1, size1), sorted));
  if (how === null) return done(two());
  if (axes.length === 1) {
    if (typeof how === "string") {
      throw typeError(`Cannot take the norm ${JSON.stringify(how)} of vectors: it needs two axes`);
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
    throw typeError(`Cannot take the norm ${JSON.stringify(how)} over ${axes.length} axes: it needs one or two`);
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
      wide: DType = z.dtype === "float16" || z.dtype === "bfloat16" ? "float32" : z.dtype,
      s = singular(cast(moved, wide)),
      d = s.shape.length - 1;
    return done(
      cast(how === "nuc" ? reduce("sum", s, [d]) : extremeNode(how === 2 ? "max" : "min", s, [d]), realOf(z.dtype)),
    );
  }
  throw rangeError(
    `Cannot take the norm ${
      String(how)
    } of matrices; the orders are 1, -1, 2, -2, Infinity, -Infinity, "fro" and "nuc"`,
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
