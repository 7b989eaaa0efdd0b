// What the functions of linear algebra share: their inputs, the ops that call the native library (shim/blas), and pieces of rules.
import { atLeastFloat32, type DType, isComplex, routineDType } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import type { CallFamily } from "../core/device.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import type { Aval, Call, Node, OpDef, Planned } from "../core/node.ts";
import { dims, text } from "../core/shape.ts";
import { equal, productOf, type Size } from "../kernel/sizes.ts";
import { add, broadcastTo, cast, compare, conj, define, full, iota, like, mul, select } from "../ops/basis.ts";
import { nodeOf } from "../ops/lift.ts";
import { expand, swap } from "../ops/movement.ts";

/** Matrices with rows for columns. */
export const transposed = (x: Node): Node => swap(x, x.shape.length - 2, x.shape.length - 1);
/** Conjugate transpose. */
export const adjoint = (x: Node): Node => conj(transposed(x));
/** The axes before those of the matrix. */
export const lead = <S>(x: { readonly shape: readonly S[] }): readonly S[] => x.shape.slice(0, -2);
export const rowsOf = <S>(x: { readonly shape: readonly S[] }): S => x.shape[x.shape.length - 2] as S;
export const colsOf = <S>(x: { readonly shape: readonly S[] }): S => x.shape[x.shape.length - 1] as S;
/** x / 2 */
export const half = (x: Node): Node => mul(like(0.5, x), x);

/** Entries on and below diagonal `k` (or on and above it); the others are 0. */
export function triangle(x: Node, lower: boolean, k: number): Node {
  const n = x.shape.length,
    row = add(iota(x.shape, n - 2, "int32"), full(k, x.shape, "int32")),
    col = iota(x.shape, n - 1, "int32");
  return select(lower ? compare("ge", row, col) : compare("le", row, col), x, like(0, x));
}
/** Ones on the diagonal, in the shape and dtype of x. */
export function eyeLike(x: Node): Node {
  const n = x.shape.length;
  return cast(compare("eq", iota(x.shape, n - 2, "int32"), iota(x.shape, n - 1, "int32")), x.dtype);
}
/** A vector as columns: x[..., :, None]. */
export const column = (x: Node): Node => expand(x, x.shape.length);
/** A vector as a row: x[..., None, :]. */
export const row = (x: Node): Node => expand(x, x.shape.length - 1);
/** Columns of x times the entries of a vector. */
export const scaleColumns = (x: Node, v: Node): Node => mul(x, broadcastTo(row(cast(v, x.dtype)), x.shape));

/** A batch of matrices of a dtype that the routines take: integers and 16-bit floats are float32. */
export function matrix(
  op: string,
  a: ArrayLike,
  allow: { readonly complex?: boolean; readonly square?: boolean },
): Node {
  const x = nodeOf(op, a);
  if (x.shape.length < 2) {
    throw typeError(`Cannot ${op} an array with ${dims(x.shape.length)}: it needs at least 2`);
  }
  if (allow.square === true && !equal(rowsOf(x), colsOf(x))) {
    throw typeError(`Cannot ${op} matrices that are not square: shape is ${text(x.shape)}`);
  }
  if (isComplex(x.dtype) && allow.complex !== true) throw typeError(`Cannot ${op} an array of dtype ${x.dtype}`);
  return cast(x, atLeastFloat32(x.dtype));
}
/** The dtype of absolute values. */
export const realOf = (d: DType): DType => isComplex(d) ? "float32" : d;

interface Routine<A> {
  readonly name: string;
  /** The library's name, where it is another. */
  readonly calls?: string;
  readonly family?: CallFamily;
  outs(ins: readonly Aval[], arg: A): readonly Aval[];
  /** Its integers after the number of matrices and their rows. */
  ints?(ins: readonly Planned[], arg: A): readonly Size[];
  readonly vjp?: NonNullable<OpDef<A>["vjp"]>;
  readonly vjps?: NonNullable<OpDef<A>["vjps"]>;
}
/** An op that calls `name.f32` and so on: pointers are the inputs, then the outputs. */
export function routine<A>(r: Routine<A>): OpDef<A> {
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
        const a = avals[0] as Planned;
        return [{
          routine: `${r.calls ?? r.name}.${routineDType(a.dtype)}`,
          pointers: [
            ...ins.map((_, index) => ({ which: "in" as const, index, offset: 0 })),
            ...outs.map((_, index) => ({ which: "out" as const, index, offset: 0 })),
          ],
          ints: [productOf(lead(a)), rowsOf(a), ...(r.ints?.(avals, arg) ?? [])],
          nums: [],
        }];
      },
    },
    ...(r.vjp ? { vjp: r.vjp } : {}),
    ...(r.vjps ? { vjps: r.vjps } : {}),
  });
}
