// Matrix products: matmul and addmm.
import { isInexact, routineDType } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { checkOptions, numberOf } from "../base/options.ts";
import { cpu, recording } from "../core/device.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { apply, type Aval, type Call, type Node, type OpDef, type Planned } from "../core/node.ts";
import { broadcast, same, size, text } from "../core/shape.ts";
import type { PlanView } from "../core/view.ts";
import type { Expr } from "../kernel/expr.ts";
import { equal, type Size, times as timesSize } from "../kernel/sizes.ts";
import { add, batchRank, broadcastTo, cast, define, full, mul, reshape, unbroadcast } from "./basis.ts";
import { alike, nodeOf, sharedDtype, wrap } from "./lift.ts";
import { swap } from "./movement.ts";
import { matmulPrecision } from "./precision.ts";
import { conjugateNode } from "./unary.ts";

interface Scale {
  readonly alpha: number;
  readonly beta: number;
  /** Factors of float32 may be rounded to TF32. */
  readonly fast: boolean;
}
/** A scale at the precision in force, which is that of GPUs alone. */
const scaled = (alpha: number, beta: number): Scale => ({
  alpha,
  beta,
  fast: matmulPrecision() === "high" && recording.device.type === "gpu",
});
/** A, B of rank 2 and more and of one dtype, and perhaps C, which is broadcast to the result. */
const matmulOp: OpDef<Scale> = define<Scale>({
  name: "matmul",
  type: ([a, b]) => {
    const x = a as Aval, y = b as Aval;
    const batch = broadcast("matmul", x.shape.slice(0, -2), y.shape.slice(0, -2));
    return {
      shape: [...batch, x.shape[x.shape.length - 2] as number, y.shape[y.shape.length - 1] as number],
      dtype: x.dtype,
    };
  },
  lower: {
    kind: "call",
    family: "matmul",
    strided: true,
    // A GPU's library takes one axis of batches, and copies cost it little.
    placed: (device, { shape, strides }) =>
      device === cpu && [1, 2].some((k) => shape[shape.length - k] === 1 || strides[shape.length - k] === 1),
    calls: (arg, ins, outs, _avals, to) => {
      const out = outs[0] as Planned, n = out.shape.length;
      if (out.shape.includes(0)) return [];
      const a = ins[0] as PlanView,
        b = ins[1] as PlanView,
        c = ins[2],
        own = to.strides,
        lead = n - 2;
      // Strides along the axes of the result; 0 where an operand is broadcast.
      const along = (v: PlanView | undefined, d: number): Size => {
        if (v === undefined) return 0;
        const k = d - (n - v.shape.length);
        return k < 0 || v.shape[k] === 1 ? 0 : v.strides[k] as Size;
      };
      const inner = (v: PlanView | undefined, d: number): Size =>
        v === undefined ? 0 : v.shape[v.shape.length - 2 + d] === 1 ? 0 : v.strides[v.strides.length - 2 + d] as Size;
      // Batch axes that step alike in every operand become one.
      const axes: Size[][] = [];
      for (let d = 0; d < lead; d++) {
        const k = out.shape[d] as Size;
        if (k === 1) continue;
        const next = [k, along(a, d), along(b, d), own[d] as Size, along(c, d)], last = axes[axes.length - 1];
        if (last !== undefined && [1, 2, 3, 4].every((i) => equal(last[i] as Size, timesSize(k, next[i] as Size)))) {
          axes[axes.length - 1] = [timesSize(last[0] as Size, k), ...next.slice(1)];
        } else axes.push(next);
      }
      const rows = out.shape[n - 2] as Size,
        cols = out.shape[n - 1] as Size,
        depth = a.shape[a.shape.length - 1] as Size;
      const ints = [
        rows,
        cols,
        depth,
        inner(a, 0),
        inner(a, 1),
        inner(b, 0),
        inner(b, 1),
        own[n - 2] as Size,
        own[n - 1] as Size,
        along(c, n - 2),
        along(c, n - 1),
        axes.length,
        ...axes.flat(),
      ];
      const pointers: Call["pointers"] = [
        { which: "in", index: 0, offset: 0 },
        { which: "in", index: 1, offset: 0 },
        { which: "out", index: 0, offset: 0 },
        ...(c === undefined ? [] : [{ which: "in" as const, index: 2, offset: 0 }]),
      ];
      return [{
        routine: `gemm.${routineDType(out.dtype)}`,
        pointers,
        ints,
        nums: [arg.alpha, c === undefined ? 0 : arg.beta, arg.fast ? 1 : 0],
      }];
    },
    product: (s, sum, added, arg) => {
      const times = (x: Expr, k: number): Expr => k === 1 ? x : s.bin("mul", s.literal(k, x.t), x),
        scaled = times(sum, arg.alpha);
      return added === null ? scaled : s.bin("add", scaled, times(added, arg.beta));
    },
  },
  structure: (a) => `${a.alpha},${a.beta},${a.fast}`,
  vjp: (ct, _out, ins, arg, need) => {
    const a = ins[0] as Node, b = ins[1] as Node, c = ins[2];
    const t = (x: Node): Node => conjugateNode(swap(x, x.shape.length - 2, x.shape.length - 1));
    const g = scale(ct, arg.alpha);
    return [
      need[0] ? unbroadcast(product(g, t(b)), a.shape) : null,
      need[1] ? unbroadcast(product(t(a), g), b.shape) : null,
      ...(c === undefined ? [] : [need[2] ? unbroadcast(scale(ct, arg.beta), c.shape) : null]),
    ];
  },
  jvp: ([ta, tb, tc], out, ins, arg) => {
    const [a, b] = ins as readonly [Node, Node];
    const parts = [
      ...(ta ? [scale(product(ta, b), arg.alpha)] : []),
      ...(tb ? [scale(product(a, tb), arg.alpha)] : []),
      ...(tc ? [broadcastTo(scale(tc, arg.beta), out.shape)] : []),
    ];
    return parts.reduce(add);
  },
  vmap: (ins, batched, arg, n) => {
    const [a, b, c] = ins as readonly [Node, Node, Node | undefined];
    const rank = (x: Node, i: number): number => x.shape.length - (batched[i] ? 1 : 0);
    if (!batched[0] && !batched[1]) {
      const p = apply(matmulOp, [a, b], { ...arg, beta: 0 }), shape = [n, ...p.shape];
      return add(broadcastTo(p, shape), broadcastTo(batchRank(scale(c as Node, arg.beta), p.shape.length), shape));
    }
    if (!batched[1] && rank(b, 1) === 2 && c === undefined) {
      // The rows of all examples in one product.
      const rows = a.shape.slice(0, -1), flat = reshape(a, [size(rows), a.shape[a.shape.length - 1] as number]);
      return reshape(apply(matmulOp, [flat, b], arg), [...rows, b.shape[1] as number]);
    }
    const most = Math.max(...ins.map(rank));
    return apply(matmulOp, ins.map((x, i) => batched[i] ? batchRank(x, most) : x), arg);
  },
});
/** A node times a number. */
const scale = (x: Node, k: number): Node => k === 1 ? x : mul(x, full(k, x.shape, x.dtype));

/** The matrix product of nodes of rank 2 and more and of one dtype; batch axes broadcast. */
export function product(a: Node, b: Node): Node {
  if (a.dtype === "bool") return cast(product(cast(a, "int32"), cast(b, "int32")), "bool");
  return apply(matmulOp, [a, b], scaled(1, 1));
}

/** Both as matrices of one dtype, with the result's final shape. */
function matrices(
  op: string,
  x: Node,
  y: Node,
): { readonly a: Node; readonly b: Node; readonly shape: readonly number[] } {
  if (x.shape.length === 0 || y.shape.length === 0) {
    throw typeError(`Cannot ${op} arrays without axes: shapes are ${text(x.shape)} and ${text(y.shape)}`);
  }
  const dtype = sharedDtype(op, [x, y]);
  let a = cast(x, dtype), b = cast(y, dtype);
  const row = a.shape.length === 1, column = b.shape.length === 1;
  if (row) a = reshape(a, [1, ...a.shape]);
  if (column) b = reshape(b, [...b.shape, 1]);
  if (!equal(a.shape[a.shape.length - 1] as number, b.shape[b.shape.length - 2] as number)) {
    throw typeError(
      `Cannot ${op} arrays of shapes ${text(x.shape)} and ${text(y.shape)}: the last axis of the first must match the ${
        column ? "axis" : "last but one"
      } of the second`,
    );
  }
  const batch = broadcast(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  return {
    a,
    b,
    shape: [
      ...batch,
      ...(row ? [] : [a.shape[a.shape.length - 2] as number]),
      ...(column ? [] : [b.shape[b.shape.length - 1] as number]),
    ],
  };
}

/** The matrix product of nodes of any rank but 0, by NumPy's rules. */
function matmulNode(x: Node, y: Node): Node {
  const { a, b, shape } = matrices("matmul", x, y);
  // One large product instead of a batch of products with the same right matrix.
  if (b.shape.length === 2 && a.shape.length > 2) {
    return reshape(product(reshape(a, [size(a.shape.slice(0, -1)), a.shape[a.shape.length - 1] as number]), b), shape);
  }
  return reshape(product(a, b), shape);
}
/**
 * The matrix product: 1-d arrays are a row on the left and a column on the right, leading axes broadcast. All dtypes; a TypeError if shapes do not fit.
 *
 * @example
 * ```ts
 * mx.matmul(mx.array([[1, 2], [3, 4]]), mx.array([1, 1])); // array([3, 7], dtype=float32)
 * mx.matmul(mx.zeros([2, 3]), mx.zeros([2, 3])); // TypeError: Cannot matmul arrays of shapes [2,3] and [2,3]...
 * ```
 */
export function matmul(a: ArrayLike, b: ArrayLike): NDArray {
  return wrap(matmulNode(nodeOf("matmul", a), nodeOf("matmul", b)));
}

/** Options of `addmm`. */
export interface AddmmOptions {
  readonly alpha?: number;
  readonly beta?: number;
}
/**
 * beta * c + alpha * (a @ b), in one kernel; c broadcasts to the product.
 *
 * @example
 * ```ts
 * mx.addmm(mx.array([1]), mx.array([[1, 2]]), mx.array([[3], [4]]), { beta: 10 }); // array([[21]], dtype=float32)
 * ```
 */
export function addmm(c: ArrayLike, a: ArrayLike, b: ArrayLike, options: AddmmOptions = {}): NDArray {
  checkOptions("addmm", options, ["alpha", "beta"]);
  const [z, x, y] = alike("addmm", [c, a, b]) as [Node, Node, Node],
    m = matrices("addmm", x, y),
    dtype = z.dtype;
  if (z.shape.length > m.shape.length || !same(broadcast("addmm", z.shape, m.shape), m.shape)) {
    throw typeError(
      `Cannot addmm: c of shape ${text(z.shape)} does not broadcast to the product's shape ${text(m.shape)}`,
    );
  }
  const alpha = numberOf("addmm", "alpha", options.alpha ?? 1), beta = numberOf("addmm", "beta", options.beta ?? 1);
  if (!isInexact(dtype)) {
    const p = reshape(product(m.a, m.b), m.shape), wide = dtype === "bool" ? "int32" : dtype;
    const z2 = broadcastTo(z, m.shape);
    return wrap(cast(add(scale(cast(p, wide), alpha), scale(cast(z2, wide), beta)), dtype));
  }
  if (beta === 0) return wrap(reshape(apply(matmulOp, [m.a, m.b], scaled(alpha, beta)), m.shape));
  // Axes that 1-d operands lack have length 1 in c.
  let cs = broadcastTo(z, m.shape);
  cs = reshape(cs, [
    ...m.shape.slice(0, broadcast("addmm", m.a.shape.slice(0, -2), m.b.shape.slice(0, -2)).length),
    m.a.shape[m.a.shape.length - 2] as number,
    m.b.shape[m.b.shape.length - 1] as number,
  ]);
  return wrap(reshape(apply(matmulOp, [m.a, m.b, cs], scaled(alpha, beta)), m.shape));
}
