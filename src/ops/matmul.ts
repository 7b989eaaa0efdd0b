// Matrix products: matmul, addmm and what reduces to them.
import type { DType } from "../base/dtype.ts";
import { isInexact, promote } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { cpu, recording } from "../core/device.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import type { NDArray } from "../core/ndarray.ts";
import type { Aval, Call, Node, OpDef, Planned } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { axisOf, broadcast, counting, same, size, sizeTimes, text } from "../core/shape.ts";
import type { PlanView } from "../core/view.ts";
import type { Expr } from "../kernel/expr.ts";
import { equal, type Size, times as timesSize } from "../kernel/sizes.ts";
import { trailing } from "./args.ts";
import {
  add,
  batchRank,
  broadcastTo,
  cast,
  define,
  full,
  mul,
  permute,
  reduce,
  reshape,
  unbroadcast,
} from "./basis.ts";
import { nodeOf, pair, wrap } from "./lift.ts";
import { diagonalNode, move, swap } from "./movement.ts";
import { matmulPrecision } from "./precision.ts";
import { conjugateNode } from "./unary.ts";

const ROUTINE: { readonly [D in DType]?: string } = {
  float32: "f32",
  float64: "f64",
  float16: "f16",
  bfloat16: "bf16",
  complex64: "c64",
  int8: "i8",
  uint8: "u8",
  int16: "i16",
  uint16: "u16",
  int32: "i32",
  uint32: "u32",
  int64: "i64",
  uint64: "u64",
};

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
        routine: `gemm.${ROUTINE[out.dtype] as string}`,
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
  const dtype = promote(x.dtype, y.dtype);
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
export function matmulNode(x: Node, y: Node): Node {
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
  const o = trailing<AddmmOptions>("addmm", "alpha", undefined, options, ["alpha", "beta"]),
    z = nodeOf("addmm", c),
    x = nodeOf("addmm", a),
    y = nodeOf("addmm", b);
  const dtype = [z, x, y].map((n) => n.dtype).reduce(promote), m = matrices("addmm", cast(x, dtype), cast(y, dtype));
  if (z.shape.length > m.shape.length || !same(broadcast("addmm", z.shape, m.shape), m.shape)) {
    throw typeError(
      `Cannot addmm: c of shape ${text(z.shape)} does not broadcast to the product's shape ${text(m.shape)}`,
    );
  }
  const alpha = o.alpha ?? 1, beta = o.beta ?? 1;
  if (!isInexact(dtype) || typeof alpha !== "number" || typeof beta !== "number") {
    const p = reshape(product(m.a, m.b), m.shape), wide = dtype === "bool" ? "int32" : dtype;
    const z2 = broadcastTo(cast(z, dtype), m.shape);
    return wrap(cast(add(scale(cast(p, wide), alpha), scale(cast(z2, wide), beta)), dtype));
  }
  if (beta === 0) return wrap(reshape(apply(matmulOp, [m.a, m.b], scaled(alpha, beta)), m.shape));
  // Axes that 1-d operands lack have length 1 in c.
  let cs = broadcastTo(cast(z, dtype), m.shape);
  cs = reshape(cs, [
    ...m.shape.slice(0, broadcast("addmm", m.a.shape.slice(0, -2), m.b.shape.slice(0, -2)).length),
    m.a.shape[m.a.shape.length - 2] as number,
    m.b.shape[m.b.shape.length - 1] as number,
  ]);
  return wrap(reshape(apply(matmulOp, [m.a, m.b, cs], scaled(alpha, beta)), m.shape));
}

/**
 * Every element of the first (flattened) times every element of the second.
 *
 * @example
 * ```ts
 * mx.outer(mx.array([1, 2]), mx.array([3, 4])); // array([[3, 4], [6, 8]], dtype=float32)
 * ```
 */
export function outer(a: ArrayLike, b: ArrayLike): NDArray {
  const x = nodeOf("outer", a),
    y = nodeOf("outer", b),
    dtype = promote(x.dtype, y.dtype),
    m = size(x.shape),
    n = size(y.shape);
  return wrap(
    times(broadcastTo(reshape(cast(x, dtype), [m, 1]), [m, n]), broadcastTo(reshape(cast(y, dtype), [1, n]), [m, n])),
  );
}
/** x * y; of bools "and". */
function times(x: Node, y: Node): Node {
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
  const x = nodeOf("inner", a), y = nodeOf("inner", b);
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
  const dtype = promote(x.dtype, y.dtype),
    xf = counting(x.shape.length).filter((d) => !xs.includes(d)),
    yf = counting(y.shape.length).filter((d) => !ys.includes(d));
  const k = size(xs.map((d) => x.shape[d] as number)),
    xn = xf.map((d) => x.shape[d] as number),
    yn = yf.map((d) => y.shape[d] as number);
  const left = reshape(permute(cast(x, dtype), [...xf, ...xs]), [size(xn), k]),
    right = reshape(permute(cast(y, dtype), [...ys, ...yf]), [k, size(yn)]);
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
  const x = nodeOf("tensordot", a),
    y = nodeOf("tensordot", b),
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
    (typeof l === "number" ? [l] : l).map((d) => axisOf("tensordot", d, n.shape.length));
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
  return wrap(reduce("sum", cast(mul(conjugateNode(p), q), sumDtype(p.dtype)), [p.shape.length - 1]));
}
function sumDtype(d: DType): DType {
  return d === "bool" || d === "int8" || d === "int16" ? "int32" : d === "uint8" || d === "uint16" ? "uint32" : d;
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
  const x = nodeOf("kron", a),
    y = nodeOf("kron", b),
    n = Math.max(x.shape.length, y.shape.length),
    dtype = promote(x.dtype, y.dtype);
  if (size(x.shape) === 0 || size(y.shape) === 0) {
    throw typeError(`Cannot kron arrays without elements: shapes are ${text(x.shape)} and ${text(y.shape)}`);
  }
  const grow = (s: readonly number[]): number[] => [...new Array<number>(n - s.length).fill(1), ...s],
    xs = grow(x.shape),
    ys = grow(y.shape);
  const wide = xs.flatMap((k, i) => [k, ys[i] as number]);
  const p = times(
    broadcastTo(reshape(cast(x, dtype), xs.flatMap((k) => [k, 1])), wide),
    broadcastTo(reshape(cast(y, dtype), ys.flatMap((k) => [1, k])), wide),
  );
  return wrap(reshape(p, xs.map((k, i) => sizeTimes(k, ys[i] as number))));
}

// ---- einsum ---------------------------------------------------------------------------------------------------------------
interface Term {
  readonly labels: readonly string[];
  readonly node: Node;
}
interface Subscripts {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
}
/** Labels of each operand; the axes of "..." are named "0", "1", ... from the last. */
function parseSubscripts(op: string, subscripts: string, shapes: readonly (readonly number[])[]): Subscripts {
  if (typeof subscripts !== "string") throw typeError(`Cannot ${op}: the subscripts must be text`);
  const [left = "", right, more] = subscripts.replaceAll(" ", "").split("->"), parts = left.split(",");
  if (more !== undefined) throw typeError(`Cannot ${op} "${subscripts}": more than one arrow`);
  if (parts.length !== shapes.length) {
    throw typeError(`Cannot ${op} "${subscripts}" of ${shapes.length} arrays: it names ${parts.length}`);
  }
  let most = 0;
  const letters = (part: string, hidden: number): string[] => {
    const out: string[] = [];
    for (let i = 0; i < part.length; i++) {
      if (part.startsWith("...", i)) {
        for (let k = hidden - 1; k >= 0; k--) out.push(String(k));
        i += 2;
      } else {
        if (!/[A-Za-z]/.test(part[i] as string)) {
          throw typeError(`Cannot ${op} "${subscripts}": ${JSON.stringify(part[i])} is no label`);
        }
        out.push(part[i] as string);
      }
    }
    return out;
  };
  const sizes = new Map<string, number>();
  const inputs = parts.map((part, i) => {
    const shape = shapes[i] as readonly number[],
      dotted = part.includes("..."),
      named = part.replace("...", "").length,
      hidden = dotted ? shape.length - named : 0;
    if (hidden < 0 || named + hidden !== shape.length) {
      throw typeError(`Cannot ${op} "${subscripts}": "${part}" does not fit an array of shape ${text(shape)}`);
    }
    most = Math.max(most, hidden);
    const labels = letters(part, hidden);
    labels.forEach((l, d) => {
      const n = shape[d] as number, before = sizes.get(l);
      if (before === undefined || before === 1) sizes.set(l, n);
      else if (n !== before && n !== 1) {
        throw typeError(`Cannot ${op} "${subscripts}": the axes ${l} have lengths ${before} and ${n}`);
      }
    });
    return labels;
  });
  let output: string[];
  if (right !== undefined) output = letters(right, most);
  else {
    const count = new Map<string, number>();
    for (const l of inputs.flat()) count.set(l, (count.get(l) ?? 0) + 1);
    const dots = counting(most).map((i) => String(most - 1 - i));
    output = [...dots, ...[...count.keys()].filter((l) => /[A-Za-z]/.test(l) && count.get(l) === 1).sort()];
  }
  for (const l of output) {
    if (!sizes.has(l)) throw typeError(`Cannot ${op} "${subscripts}": the result's axis ${l} is in no input`);
  }
  if (new Set(output).size !== output.length) {
    throw typeError(`Cannot ${op} "${subscripts}": the result repeats an axis`);
  }
  return { inputs, output, sizes };
}

/** Diagonals of repeated labels, then sums over labels that `keep` does not hold. */
function simplify(t: Term, keep: ReadonlySet<string>): Term {
  let labels = [...t.labels], node = t.node;
  for (let i = 0; i < labels.length; i++) {
    const j = labels.indexOf(labels[i] as string, i + 1);
    if (j < 0) continue;
    const n = labels.length, rest = counting(n).filter((d) => d !== i && d !== j), l = labels[i] as string;
    node = diagonalNode(permute(node, [...rest, i, j]), 0);
    labels = [...rest.map((d) => labels[d] as string), l];
    i = -1;
  }
  const gone = counting(labels.length).filter((d) => !keep.has(labels[d] as string));
  if (gone.length === 0) return { labels, node };
  return { labels: labels.filter((_, d) => !gone.includes(d)), node: sumNode(node, gone) };
}
function sumNode(n: Node, axes: readonly number[]): Node {
  return n.dtype === "bool" ? cast(reduce("sum", cast(n, "int32"), axes), "bool") : reduce("sum", n, axes);
}

/** The product of two terms, summed over the labels that `keep` does not hold: one batched matrix product. */
function contract(x: Term, y: Term, keep: ReadonlySet<string>): Term {
  const a = simplify(x, new Set([...keep, ...y.labels])), b = simplify(y, new Set([...keep, ...x.labels]));
  const long = (t: Term, l: string): number => t.node.shape[t.labels.indexOf(l)] as number;
  const shared = a.labels.filter((l) => b.labels.includes(l)),
    summed = shared.filter((l) => !keep.has(l)),
    batch = shared.filter((l) => keep.has(l));
  const mine = a.labels.filter((l) => !shared.includes(l)), other = b.labels.filter((l) => !shared.includes(l));
  const lay = (t: Term, order: readonly string[]): Node => permute(t.node, order.map((l) => t.labels.indexOf(l)));
  // Axes of length 1 beside longer ones broadcast.
  const wide = (n: Node, order: readonly string[]): Node =>
    broadcastTo(n, order.map((l, d) => shared.includes(l) ? Math.max(long(a, l), long(b, l)) : n.shape[d] as number));
  const sizes = (ls: readonly string[]): number[] =>
    ls.map((l) => Math.max(a.labels.includes(l) ? long(a, l) : 1, b.labels.includes(l) ? long(b, l) : 1));
  const labels = [...batch, ...mine, ...other];
  if (summed.length === 0 && (mine.length === 0 || other.length === 0 || batch.length > 0)) {
    const shape = sizes(labels),
      p = reshape(wide(lay(a, [...batch, ...mine]), [...batch, ...mine]), [
        ...sizes(batch),
        ...sizes(mine),
        ...other.map(() => 1),
      ]);
    const q = reshape(wide(lay(b, [...batch, ...other]), [...batch, ...other]), [
      ...sizes(batch),
      ...mine.map(() => 1),
      ...sizes(other),
    ]);
    return { labels, node: times(broadcastTo(p, shape), broadcastTo(q, shape)) };
  }
  const lead = sizes(batch), m = size(sizes(mine)), n = size(sizes(other)), k = size(sizes(summed));
  const p = reshape(wide(lay(a, [...batch, ...mine, ...summed]), [...batch, ...mine, ...summed]), [...lead, m, k]);
  const q = reshape(wide(lay(b, [...batch, ...summed, ...other]), [...batch, ...summed, ...other]), [...lead, k, n]);
  return { labels, node: reshape(product(p, q), sizes(labels)) };
}

/** Pairs to contract, by MLX's greedy rule: the smallest result, less what it replaces; each pair's result goes last. */
function greedy(s: Subscripts): number[][] {
  const terms = s.inputs.map((l) => new Set(l)), path: number[][] = [], out = new Set(s.output);
  const count = (ls: Iterable<string>): number => [...ls].reduce((n, l) => n * (s.sizes.get(l) as number), 1);
  if (terms.length === 1) return [[0]];
  while (terms.length > 1) {
    let best: readonly [number, number] = [0, 1], least: readonly [number, number] = [Infinity, Infinity];
    let shared = false;
    for (let i = 0; i < terms.length; i++) {
      for (let j = i + 1; j < terms.length; j++) {
        const p = terms[i] as Set<string>, q = terms[j] as Set<string>, common = [...p].some((l) => q.has(l));
        if (shared && !common) continue;
        const rest = new Set([...out, ...terms.flatMap((t, k) => k === i || k === j ? [] : [...t])]);
        const all = new Set([...p, ...q]), result = [...all].filter((l) => rest.has(l));
        const price = [count(result) - count(p) - count(q), count(all)] as const;
        if ((common && !shared) || price[0] < least[0] || (price[0] === least[0] && price[1] < least[1])) {
          shared = common;
          least = price;
          best = [i, j];
        }
      }
    }
    const [i, j] = best, rest = new Set([...out, ...terms.flatMap((t, k) => k === i || k === j ? [] : [...t])]);
    const joined = new Set([...terms[i] as Set<string>, ...terms[j] as Set<string>].filter((l) => rest.has(l)));
    terms.splice(j, 1);
    terms.splice(i, 1);
    terms.push(joined);
    path.push([i, j]);
  }
  return path;
}

/**
 * Einstein's sum: products of the operands summed over the labels that the result lacks; "..." stands for broadcast axes.
 *
 * @example
 * ```ts
 * mx.einsum("ij,j->i", mx.array([[1, 2], [3, 4]]), mx.array([1, 10])); // array([21, 43], dtype=float32)
 * ```
 */
export function einsum(subscripts: string, ...operands: readonly ArrayLike[]): NDArray {
  const nodes = operands.map((a) => nodeOf("einsum", a));
  if (nodes.length === 0) throw typeError("Cannot einsum no arrays");
  const s = parseSubscripts("einsum", subscripts, nodes.map((n) => n.shape)),
    dtype = nodes.map((n) => n.dtype).reduce(promote);
  const terms: Term[] = nodes.map((n, i) => ({ labels: s.inputs[i] as readonly string[], node: cast(n, dtype) })),
    out = new Set(s.output);
  if (terms.length > 1) {
    for (const [i, j] of greedy(s) as [number, number][]) {
      const keep = new Set([...out, ...terms.flatMap((t, k) => k === i || k === j ? [] : t.labels)]);
      const joined = contract(terms[i] as Term, terms[j] as Term, keep);
      terms.splice(j, 1);
      terms.splice(i, 1);
      terms.push(joined);
    }
  }
  const last = simplify(terms[0] as Term, out);
  return wrap(
    broadcastTo(
      permute(
        last.node,
        s.output.map((l) => last.labels.indexOf(l)),
      ),
      s.output.map((l) => s.sizes.get(l) as number),
    ),
  );
}

/** The order in which `einsum` multiplies its operands (pairs of positions; results go last), and a text about its cost. */
export function einsumPath(subscripts: string, ...operands: readonly ArrayLike[]): [number[][], string] {
  const shapes = operands.map((a) => nodeOf("einsumPath", a).shape),
    s = parseSubscripts("einsumPath", subscripts, shapes),
    path = greedy(s);
  const count = (ls: Iterable<string>): number => [...ls].reduce((n, l) => n * (s.sizes.get(l) as number), 1);
  const everything = new Set(s.inputs.flat()), inner = [...everything].some((l) => !s.output.includes(l));
  const naive = count(everything) * (Math.max(1, shapes.length - 1) + (inner ? 1 : 0));
  const terms = s.inputs.map((l) => new Set(l));
  let scaling = 0, flops = 0;
  for (const step of path) {
    const taken = step.map((i) => terms[i] as Set<string>),
      rest = new Set([...s.output, ...terms.flatMap((t, k) => step.includes(k) ? [] : [...t])]);
    const all = new Set(taken.flatMap((t) => [...t])), result = new Set([...all].filter((l) => rest.has(l)));
    scaling = Math.max(scaling, all.size);
    flops += count(all) * (Math.max(1, taken.length - 1) + (result.size < all.size ? 1 : 0));
    for (const i of [...step].sort((a, b) => b - a)) terms.splice(i, 1);
    terms.push(result);
  }
  return [
    path,
    `  Complete contraction:  ${subscripts}\n         Naive scaling:  ${everything.size}\n     Optimized scaling:  ${scaling}\n      Naive FLOP count:  ${naive}\n  Optimized FLOP count:  ${flops}\n`,
  ];
}
