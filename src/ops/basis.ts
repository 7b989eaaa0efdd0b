// The ops whose rules need one another (constants, movement, sums, arithmetic) and the builder that derives rules for the rest.
import type { DType } from "../base/dtype.ts";
import { computeOf, isBigInteger, isComplex, plainNaN, roundTo } from "../base/dtype.ts";
import { rangeError } from "../base/error.ts";
import type { Aval, Index, Node, OpDef, Part, Planned, Typed } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { type OfSize, same, size } from "../core/shape.ts";
import { below, equal, plus, type Size, times } from "../kernel/sizes.ts";
import { type PlanView, tryReshape } from "../core/view.ts";
import type { Expr, Literal, Scalars } from "../kernel/expr.ts";
import { type Fold, isArg } from "../kernel/fold.ts";
import { compareParts, join, parts } from "./complex.ts";

/** All ops that have been defined, for the generated tests. */
export const registry: OpDef<never>[] = [];
/** Adds an op to the registry. */
export function define<A>(op: OpDef<A>): OpDef<A> {
  registry.push(op as unknown as OpDef<never>);
  return op;
}

// ---- constants --------------------------------------------------------------------------------------------------------
interface Full {
  readonly value: Literal | OfSize;
  readonly shape: readonly number[];
  readonly dtype: DType;
}
const fullOp = define<Full>({
  name: "full",
  type: (_, a) => ({ shape: a.shape, dtype: a.dtype }),
  lower: { kind: "iota", scalar: (_s, _at, _a, out, values) => values(0, computeOf(out.dtype)), cost: 0 },
  values: ({ value, dtype }) => [
    typeof value === "object" && "of" in value ? literalOf(dtype, value.compute(value.of)) : value,
  ],
  vjp: () => [],
});

/** The host value of a scalar in a dtype: rounded, and a bigint for 64-bit integers. */
export function literalOf(
  dtype: DType,
  value: number | boolean | bigint | { readonly re: number; readonly im: number },
): Literal {
  if (typeof value === "object") {
    return isComplex(dtype) ? { re: plainNaN(value.re), im: plainNaN(value.im) } : literalOf(dtype, value.re);
  }
  if (isComplex(dtype)) return { re: plainNaN(Number(value)), im: 0 };
  if (isBigInteger(dtype)) return typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)));
  if (dtype === "bool") return Number(value) !== 0 || Number.isNaN(Number(value)) ? 1 : 0;
  return roundTo(dtype, plainNaN(Number(value)));
}

/** An array of one value: no memory, a kernel argument. */
export function full(
  value: number | boolean | bigint | { readonly re: number; readonly im: number } | OfSize,
  shape: readonly number[],
  dtype: DType,
): Node {
  const counted = typeof value === "object" && "of" in value;
  return apply(fullOp, [], { value: counted ? value : literalOf(dtype, value), shape, dtype });
}

/** True for an array of the number 0 (not -0). */
export function isZero(n: Node): boolean {
  if (n.op !== fullOp as OpDef) return false;
  const v = (n.arg as Full).value;
  return typeof v === "object" ? "re" in v && Object.is(v.re, 0) && Object.is(v.im, 0) : v === 0n || Object.is(v, 0);
}

/** Zeros or any number in the shape and dtype of another node. */
export function like(value: number | OfSize, n: Aval): Node {
  return full(value, n.shape, n.dtype);
}

interface Iota {
  readonly shape: readonly number[];
  readonly axis: number;
  /** Start and step. */
  readonly values: readonly [Literal, Literal];
  readonly dtype: DType;
}
/** 0, 1, 2, ... */
const counts = ({ values: [start, step] }: Iota): boolean => Number(start) === 0 && Number(step) === 1;
const iotaOp = define<Iota>({
  name: "iota",
  type: (_, a) => ({ shape: a.shape, dtype: a.dtype }),
  lower: {
    kind: "iota",
    scalar: (s, at, a, out, values) => {
      const t = computeOf(out.dtype), wide = t === "f32" && out.dtype === "float32" ? "f64" : t;
      const x = s.cast(at(a.axis), wide);
      return s.cast(counts(a) ? x : s.bin("add", values(0, wide), s.bin("mul", x, values(1, wide))), t);
    },
  },
  values: (a) => a.values,
  structure: (a) => `${a.axis},${counts(a)}`,
  vjp: () => [],
});

/** start + step * (index along the axis). */
export function iota(
  shape: readonly number[],
  axis: number,
  dtype: DType,
  start: Literal = 0,
  step: Literal = 1,
): Node {
  const literal = (v: Literal): Literal => isBigInteger(dtype) ? BigInt(v as number) : v;
  return apply(iotaOp, [], { shape, axis, values: [literal(start), literal(step)], dtype });
}

const placeholderOp = define<{ readonly shape: readonly number[]; readonly dtype: DType; readonly what: string }>({
  name: "placeholder",
  type: (_, a) => ({ shape: a.shape, dtype: a.dtype }),
  lower: { kind: "source" },
});
/** A traced value, which cannot be read; `what` says in errors whose it is. */
export function placeholder(shape: readonly number[], dtype: DType, what: string): Node {
  const n = apply(placeholderOp, [], { shape, dtype, what });
  n.placeholder = true;
  return n;
}

// ---- batches ----------------------------------------------------------------------------------------------------------
/** All inputs of an op with `n` examples along axis 0: those that have no such axis are repeated. */
export function batchAll(ins: readonly Node[], batched: readonly boolean[], n: number): readonly Node[] {
  return ins.map((x, i) => batched[i] ? x : broadcastTo(x, [n, ...x.shape]));
}
/** A batched input with axes of length 1 after the first, so that the rest of its axes has `rank`. */
export function batchRank(x: Node, rank: number): Node {
  const [n, ...rest] = x.shape as [number, ...number[]];
  return reshape(x, [n, ...new Array<number>(Math.max(0, rank - rest.length)).fill(1), ...rest]);
}

// ---- movement ---------------------------------------------------------------------------------------------------------
const NONE: ReadonlyMap<number, number> = new Map();
const nowhere: Index = { offset: 0, terms: NONE, computed: [] };
/** a + stride * b, for indices. */
function combine(parts: readonly { readonly index: Index; readonly stride: Size }[]): Index {
  let offset: Size = 0;
  const terms = new Map<number, Size>(), computed: { expr: Expr; stride: Size; size: Size }[] = [];
  for (const { index, stride } of parts) {
    offset = plus(offset, times(index.offset, stride));
    for (const [axis, c] of index.terms) terms.set(axis, plus(terms.get(axis) ?? 0, times(c, stride)));
    for (const c of index.computed) computed.push({ ...c, stride: times(c.stride, stride) });
  }
  return { offset, terms, computed };
}

const reshapeOp = define<{ readonly shape: readonly number[] }>({
  name: "reshape",
  type: ([x], a) => ({ shape: a.shape, dtype: (x as Aval).dtype }),
  lower: {
    kind: "view",
    view: (v, _, out) => tryReshape(v, out.shape),
    pull: (index, _, input, out) => pullReshape(index, out.shape, input.shape),
  },
  structure: () => "",
  vjp: (ct, _out, [x]) => [reshape(ct, (x as Node).shape)],
  vmap: ([x], _, a, n) => reshape(x as Node, [n, ...a.shape]),
});
/** Input index of a reshape: each input axis must be a whole run of output axes (affine), or both sides one axis. */
function pullReshape(
  index: readonly Index[],
  out: readonly Size[],
  input: readonly Size[],
): readonly Index[] | null {
  const result: Index[] = new Array<Index>(input.length).fill(nowhere);
  let o = 0;
  for (let d = 0; d < input.length; d++) {
    const n = input[d] as Size;
    if (n === 1) continue;
    const parts: { index: Index; length: Size }[] = [];
    let have: Size = 1;
    while (!equal(have, n)) {
      if (o === out.length || !below(have, n)) return null;
      const length = out[o] as Size;
      if (length !== 1) parts.push({ index: index[o] as Index, length });
      have = times(have, length);
      o++;
    }
    let stride: Size = 1;
    const scaled = parts.reverse().map((p) => {
      const r = { index: p.index, stride };
      stride = times(stride, p.length);
      return r;
    });
    result[d] = combine(scaled);
  }
  return result;
}
/** The same elements in another shape. */
export function reshape(x: Node, shape: readonly number[]): Node {
  return same(x.shape, shape) ? x : apply(reshapeOp, [x], { shape });
}

const permuteOp = define<{ readonly axes: readonly number[] }>({
  name: "transpose",
  type: ([x], a) => ({ shape: a.axes.map((k) => (x as Aval).shape[k] as number), dtype: (x as Aval).dtype }),
  lower: {
    kind: "view",
    view: (v, a) => ({
      shape: a.axes.map((k) => v.shape[k] as Size),
      strides: a.axes.map((k) => v.strides[k] as Size),
      offset: v.offset,
    }),
    pull: (index, a) => {
      const r = new Array<Index>(index.length);
      a.axes.forEach((k, i) => r[k] = index[i] as Index);
      return r;
    },
  },
  structure: (a) => a.axes.join(),
  vjp: (ct, _out, _ins, a) => [permute(ct, inverse(a.axes))],
  vmap: ([x], _, a) => permute(x as Node, [0, ...a.axes.map((d) => d + 1)]),
});
function inverse(axes: readonly number[]): number[] {
  const r = new Array<number>(axes.length);
  axes.forEach((k, i) => r[k] = i);
  return r;
}
/** Axes in another order. */
export function permute(x: Node, axes: readonly number[]): Node {
  return axes.every((a, i) => a === i) ? x : apply(permuteOp, [x], { axes });
}

/** Start, step (not 0) and length along each axis. */
export interface Slice {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly shape: readonly number[];
}
/** A slice of `shape`: where it lies in a view. */
function sliceView(v: PlanView, steps: readonly number[], starts: readonly Size[], shape: readonly Size[]): PlanView {
  let offset = v.offset;
  if (!shape.includes(0)) starts.forEach((s, d) => offset = plus(offset, times(s, v.strides[d] as Size)));
  return { shape, strides: v.strides.map((s, d) => times(s, steps[d] as number)), offset };
}
const sliceOp = define<Slice>({
  name: "slice",
  type: ([x], a) => ({ shape: a.shape, dtype: (x as Aval).dtype }),
  lower: {
    kind: "view",
    view: (v, a, out) => sliceView(v, a.steps, out.starts, out.shape),
    pull: (index, a, _, out) =>
      index.map((x, d) =>
        combine([{ index: { offset: out.starts[d] as Size, terms: NONE, computed: [] }, stride: 1 }, {
          index: x,
          stride: a.steps[d] as number,
        }])
      ),
  },
  starts: (a) => a.starts,
  structure: (a) => a.steps.join(),
  vjp: (ct, _out, [x], a) => [assemble([like(0, x as Node), ct], [null, a], (x as Node).shape)],
  vmap: ([x], _, a, n) => slice(x as Node, batchSlice(a, n)),
});
/** The same slice of each of `n` examples. */
const batchSlice = (a: Slice, n: number): Slice => ({
  starts: [0, ...a.starts],
  steps: [1, ...a.steps],
  shape: [n, ...a.shape],
});
/** Every step-th element from start, along each axis. */
export function slice(x: Node, a: Slice): Node {
  return same(a.shape, x.shape) && a.steps.every((s) => s === 1) ? x : apply(sliceOp, [x], a);
}

const broadcastOp = define<{ readonly shape: readonly number[] }>({
  name: "broadcastTo",
  type: ([x], a) => ({ shape: a.shape, dtype: (x as Aval).dtype }),
  lower: {
    kind: "view",
    view: (v, _, { shape }) => {
      const lead = shape.length - v.shape.length;
      return {
        shape,
        strides: shape.map((n, d) =>
          d < lead || (v.shape[d - lead] === 1 && n !== 1) ? 0 : v.strides[d - lead] as Size
        ),
        offset: v.offset,
      };
    },
    pull: (index, _, input, out) => {
      const lead = out.shape.length - input.shape.length;
      return input.shape.map((n, d) => n === 1 ? nowhere : index[d + lead] as Index);
    },
  },
  structure: () => "",
  vjp: (ct, _out, [x]) => [unbroadcast(ct, (x as Node).shape)],
  vmap: ([x], _, a, n) => broadcastTo(batchRank(x as Node, a.shape.length), [n, ...a.shape]),
});
/** Repeats axes of length 1 (and missing leading ones); the shapes are known to fit. */
export function broadcastTo(x: Node, shape: readonly number[]): Node {
  return same(x.shape, shape) ? x : apply(broadcastOp, [x], { shape });
}
/** What a node holds at every place of its first axis, if broadcasting repeats it along that; else null. */
export function repeatedSlice(x: Node): Node | null {
  const of = x.op === broadcastOp as OpDef ? x.inputs[0] : undefined;
  if (of === undefined) return null;
  const lead = x.shape.length - of.shape.length;
  if (lead === 0 && of.shape[0] !== 1) return null;
  return broadcastTo(lead > 0 ? of : reshape(of, of.shape.slice(1)), x.shape.slice(1));
}
/** Sums over what broadcasting repeated: the transpose of `broadcastTo`. */
export function unbroadcast(ct: Node, shape: readonly number[]): Node {
  if (same(ct.shape, shape)) return ct;
  const lead = ct.shape.length - shape.length, axes: number[] = [];
  ct.shape.forEach((n, d) => {
    if (d < lead || (shape[d - lead] === 1 && n !== 1)) axes.push(d);
  });
  return reshape(reduce("sum", ct, axes), shape);
}

/** Views over an output that inputs fill one after the other: concatenate, pad, stack and `set` of slices. A null slice is all of it. */
export interface Assemble {
  readonly shape: readonly number[];
  readonly slices: readonly (Slice | null)[];
  /** Starts of all slices, one after the other. */
  readonly starts: readonly number[];
}
export const assembleOp: OpDef<Assemble> = define<Assemble>({
  name: "assemble",
  type: ([x], a) => ({ shape: a.shape, dtype: (x as Aval).dtype }),
  lower: {
    kind: "parts",
    overwrites: (a) => a.slices[0] === null,
    parts: (a, ins, out): readonly Part[] => {
      let next = 0;
      return a.slices.map((s, input) => {
        if (s === null) return { input, view: (v) => v };
        const starts = out.starts.slice(next, next += s.starts.length);
        return { input, view: (v) => sliceView(v, s.steps, starts, (ins[input] as Planned).shape) };
      });
    },
  },
  starts: (a) => a.starts,
  structure: (a) => a.slices.map((s) => s === null ? "*" : s.steps.join()).join("/"),
  vjp: (ct, _out, ins, a, need) =>
    ins.map((x, i) => {
      if (!need[i]) return null;
      // What a later part covers does not come from an earlier one.
      const mine = a.slices[i] as Slice | null;
      if (mine !== null) return slice(ct, mine);
      const later = a.slices.slice(i + 1);
      if (later.length === 0) return ct;
      return assemble([ct, ...later.map((s) => full(0, (s as Slice).shape, x.dtype))], [null, ...later], a.shape);
    }),
  vmap: (ins, batched, a, n) =>
    assemble(batchAll(ins, batched, n), a.slices.map((s) => s === null ? null : batchSlice(s, n)), [n, ...a.shape]),
});
/** Fills an array of `shape` from inputs, each into its slice (null: everywhere); the slices cover it. Disjoint but for a first null. */
export function assemble(inputs: readonly Node[], slices: readonly (Slice | null)[], shape: readonly number[]): Node {
  return apply(assembleOp, inputs, { shape, slices, starts: slices.flatMap((s) => s === null ? [] : s.starts) });
}

const afterOp = define<null>({
  name: "depends",
  type: ([x]) => ({ shape: (x as Aval).shape, dtype: (x as Aval).dtype }),
  lower: { kind: "view", view: (v) => v, pull: (index) => index },
  vjp: (ct, _out, ins) => ins.map((_, i) => i === 0 ? ct : null),
  jvp: ([t], _out, ins) => t ? after(t, ins.slice(1)) : null,
  vmap: ([x, ...earlier], [own], _, n) => {
    const y = x as Node;
    return after(own ? y : broadcastTo(y, [n, ...y.shape]), earlier);
  },
});
/** The same value, which an eval computes only after other nodes. */
export function after(x: Node, earlier: readonly Node[]): Node {
  return earlier.length === 0 ? x : apply(afterOp, [x, ...earlier], null);
}

// ---- folds ------------------------------------------------------------------------------------------------------------
interface Reduce {
  readonly fold: Fold;
  readonly axes: readonly [number, number];
}
const reduceOps = new Map<Fold, OpDef<Reduce>>();
for (const fold of ["sum", "prod", "min", "max", "argmin", "argmax"] as const) {
  reduceOps.set(
    fold,
    define<Reduce>({
      name: fold,
      type: ([x], a) => ({
        shape: (x as Aval).shape.filter((_, d) => d < a.axes[0] || d >= a.axes[1]),
        dtype: isArg(fold) ? "uint32" : (x as Aval).dtype,
      }),
      lower: { kind: "fold", op: () => fold, axes: (a) => a.axes },
      structure: (a) => a.axes.join(),
      vjp: (ct, out, ins, a) => [reduceVjp(fold, ct, out, ins[0] as Node, a)],
      jvp: ([t], out, [x], a) => reduceJvp(fold, t as Node, out, x as Node, a),
      vmap: ([x], _, a) => foldRange(fold, x as Node, [a.axes[0] + 1, a.axes[1] + 1]),
    }),
  );
}
function spread(n: Node, like: Node, a: Reduce): Node {
  return broadcastTo(reshape(n, like.shape.map((d, k) => k >= a.axes[0] && k < a.axes[1] ? 1 : d)), like.shape);
}
function reduceVjp(fold: Fold, ct: Node, out: Node, x: Node, a: Reduce): Node | null {
  if (isArg(fold)) return null;
  if (fold === "sum") return spread(ct, x, a);
  return mul(conj(reducePartials(fold, out, x, a)), spread(ct, x, a));
}
function reduceJvp(fold: Fold, t: Node, out: Node, x: Node, a: Reduce): Node | null {
  if (isArg(fold)) return null;
  return foldRange("sum", fold === "sum" ? t : mul(reducePartials(fold, out, x, a), t), a.axes);
}
/** Derivatives of a product or an extreme by each element; ties share evenly. */
function reducePartials(fold: "prod" | "min" | "max", out: Node, x: Node, a: Reduce): Node {
  if (fold === "prod") {
    const lead = size(x.shape.slice(0, a.axes[0])), n = size(x.shape.slice(a.axes[0], a.axes[1]));
    return reshape(productOfOthers(reshape(x, [lead, n, size(x.shape.slice(a.axes[1]))])), x.shape);
  }
  const hit = cast(compare("eq", x, spread(out, x, a)), x.dtype);
  return div(hit, spread(foldRange("sum", hit, a.axes), x, a));
}
/** The product of all other elements along axis 1 of three, as a tree of pairs: right with zeros, to every order of differentiation. */
function productOfOthers(x: Node): Node {
  const [lead, n, tail] = x.shape as readonly [number, number, number];
  if (n < 2) return like(1, x);
  const every = (start: number, count: number, step: number): Slice => ({
    starts: [0, start, 0],
    steps: [1, step, 1],
    shape: [lead, count, tail],
  });
  if (n % 2 === 1) {
    const even = assemble([x, full(1, [lead, 1, tail], x.dtype)], [every(0, n, 1), every(n, 1, 1)], [
      lead,
      n + 1,
      tail,
    ]);
    return slice(productOfOthers(even), every(0, n, 1));
  }
  const first = every(0, n / 2, 2),
    second = every(1, n / 2, 2),
    p = slice(x, first),
    q = slice(x, second),
    rest = productOfOthers(mul(p, q));
  return assemble([mul(rest, q), mul(rest, p)], [first, second], x.shape);
}
function foldRange(fold: Fold, x: Node, axes: readonly [number, number]): Node {
  return apply(reduceOps.get(fold) as OpDef<Reduce>, [x], { fold, axes });
}
/** Identity of a fold. */
function identityOf(fold: Fold, dtype: DType): number | bigint {
  if (fold === "sum") return 0;
  if (fold === "prod") return 1;
  throw rangeError(`Cannot take the ${fold} over no elements (dtype is ${dtype})`);
}
/** Folds over axes (sorted); one group of neighbouring axes after the other, the last first. Keeps the dtype (argmin and argmax: uint32). */
export function reduce(fold: Fold, x: Node, axes: readonly number[]): Node {
  if (axes.length === 0 && !isArg(fold)) return x;
  const shape = x.shape.filter((_, d) => !axes.includes(d));
  if (axes.some((d) => x.shape[d] === 0)) return full(identityOf(fold, x.dtype), shape, x.dtype);
  if (x.dtype === "float16" || x.dtype === "bfloat16") {
    // Several groups round once, at the end.
    const groups = axes.filter((d, i) => i === 0 || axes[i - 1] !== d - 1).length;
    if (groups > 1) return cast(reduce(fold, cast(x, "float32"), axes), x.dtype);
  }
  let out = x, hi = axes.length;
  while (hi > 0) {
    let lo = hi - 1;
    while (lo > 0 && axes[lo - 1] === (axes[lo] as number) - 1) lo--;
    out = foldRange(fold, out, [axes[lo] as number, (axes[hi - 1] as number) + 1]);
    hi = lo;
  }
  return out;
}

// ---- elementwise ------------------------------------------------------------------------------------------------------
/** What an elementwise op states; the rest is derived. */
export interface Elementwise {
  readonly name: string;
  /** Result dtype; inputs already have one dtype (but for `select`'s condition). Default: the last input's. */
  dtype?(ins: readonly DType[]): DType;
  scalar(s: Scalars, x: readonly Expr[], ins: readonly Typed[], out: Typed): Expr;
  /** Derivative of the result by each input, times which the cotangent flows; null: none. */
  partials?(out: Node, ins: readonly Node[]): readonly (Node | null)[];
  /** Or the cotangents themselves, of those that are needed: what is recorded for nothing keeps its inputs in memory. */
  vjp?(ct: Node, out: Node, ins: readonly Node[], need: readonly boolean[]): readonly (Node | null)[];
  /** The tangent of the result, where it is not the sum of the rules above taken at the inputs' tangents (as it is for holomorphic functions). */
  jvp?(ts: readonly (Node | null)[], out: Node, ins: readonly Node[]): Node | null;
  /** Price in cheap operations: what decides between computing twice and storing. */
  readonly cost?: number;
  readonly domain?: readonly [number, number];
}
/** Defines an elementwise op over inputs of one shape. */
export function elementwise(e: Elementwise): OpDef<null> {
  // For cotangents or tangents of holomorphic functions alike: both are products with the derivatives.
  const flow = (
    g: Node,
    out: Node,
    ins: readonly Node[],
    need: readonly boolean[],
  ): readonly (Node | null)[] =>
    e.vjp
      ? e.vjp(g, out, ins, need)
      : e.partials
      ? e.partials(out, ins).map((p, i) => p === null || !need[i] ? null : mul(g, p))
      : ins.map(() => null);
  return define<null>({
    name: e.name,
    type: (ins) => ({
      shape: (ins[ins.length - 1] as Aval).shape,
      dtype: e.dtype ? e.dtype(ins.map((x) => x.dtype)) : (ins[ins.length - 1] as Aval).dtype,
    }),
    lower: { kind: "map", scalar: (s, x, _, out, ins) => e.scalar(s, x, ins, out), cost: e.cost ?? 1 },
    vjp: (ct, out, ins, _, need) => {
      // Of complex numbers z = x + iy the gradient is dL/dx + i dL/dy: rules are written for holomorphic functions, between conjugates.
      const z = isComplex(out.dtype) && ins.every((x) => isComplex(x.dtype) || x.dtype === "bool"),
        back = flow(z ? conj(ct) : ct, out, ins, need);
      return z ? back.map((b) => b === null ? null : conj(b)) : back;
    },
    jvp: (ts, out, ins) => {
      if (e.jvp) return e.jvp(ts, out, ins);
      let sum: Node | null = null;
      ts.forEach((t, i) => {
        const part = t === null ? null : flow(t, out, ins, ins.map((_, k) => k === i))[i] ?? null;
        if (part !== null) sum = sum === null ? part : add(sum, part);
      });
      return sum;
    },
    ...(e.domain ? { domain: e.domain } : {}),
  });
}

/** One scalar function of the native library. */
const same1 = (name: string) => (s: Scalars, x: readonly Expr[]): Expr => s.un(name, x[0] as Expr);
const same2 = (name: string) => (s: Scalars, x: readonly Expr[]): Expr => s.bin(name, x[0] as Expr, x[1] as Expr);

/** Conversion between dtypes as a scalar expression. */
function castExpr(s: Scalars, x: Expr, from: DType, to: DType): Expr {
  if (from === to) return x;
  if (to === "bool") {
    return x.t === "c64"
      ? compareParts(s, "ne", parts(s, x), [s.literal(0, "f32"), s.literal(0, "f32")])
      : s.cmp("ne", x, s.literal(literalOf(from, 0), x.t));
  }
  const t = computeOf(to);
  if (x.t === "c64" && t !== "c64") return s.cast(s.make("real", "f32", [x]), t);
  return t === "c64" && x.t !== "c64" ? join(s, [s.cast(x, "f32"), s.literal(0, "f32")]) : s.cast(x, t);
}
const castOp = define<{ readonly dtype: DType }>({
  name: "astype",
  type: ([x], a) => ({ shape: (x as Aval).shape, dtype: a.dtype }),
  lower: { kind: "map", scalar: (s, [x], a, _, ins) => castExpr(s, x as Expr, (ins[0] as Typed).dtype, a.dtype) },
  structure: (a) => a.dtype,
  vjp: (ct, _out, [x]) => [cast(ct, (x as Node).dtype)],
  jvp: ([t], _out, _ins, a) => a.dtype === "bool" ? null : cast(t as Node, a.dtype),
});
/** The values in another dtype; the same node if it has it. */
export function cast(x: Node, dtype: DType): Node {
  return x.dtype === dtype ? x : apply(castOp, [x], { dtype });
}

const conjOp = elementwise({
  name: "conjugate",
  scalar: (s, [x]) => {
    const [re, im] = parts(s, x as Expr);
    return s.make("complex", "c64", [re, s.un("neg", im)]);
  },
  vjp: (ct) => [conj(ct)],
  jvp: ([t]) => conj(t as Node),
});
/** The complex conjugate; real nodes stay as they are. */
export const conj = (x: Node): Node => isComplex(x.dtype) ? apply(conjOp, [x], null) : x;

// Of bools, + is or and - is exclusive or.
const orBool =
  (stage: string, logic: string) => (s: Scalars, x: readonly Expr[], _: readonly Typed[], out: Typed): Expr =>
    same2(out.dtype === "bool" ? logic : stage)(s, x);
const addOp = elementwise({ name: "add", scalar: orBool("add", "or"), vjp: (ct) => [ct, ct] });
const subOp = elementwise({
  name: "subtract",
  scalar: orBool("sub", "xor"),
  vjp: (ct, _o, _ins, need) => [ct, need[1] ? neg(ct) : null],
});
const mulOp = elementwise({
  name: "multiply",
  scalar: same2("mul"),
  vjp: (ct, _o, [x, y], need) => [need[0] ? mul(ct, y as Node) : null, need[1] ? mul(ct, x as Node) : null],
});
const divOp = elementwise({
  name: "divide",
  scalar: same2("div"),
  cost: 3,
  vjp: (ct, out, [_x, y], need) => [
    need[0] ? div(ct, y as Node) : null,
    need[1] ? neg(div(mul(ct, out), y as Node)) : null,
  ],
});
const negOp = elementwise({ name: "negative", scalar: same1("neg"), vjp: (ct) => [neg(ct)] });
/** The op of `select`. */
export const selectOp: OpDef<null> = elementwise({
  name: "select",
  scalar: (s, [c, x, y]) => {
    if ((x as Expr).t !== "c64") return s.select(c as Expr, x as Expr, y as Expr);
    const p = parts(s, x as Expr), q = parts(s, y as Expr);
    return join(s, [s.select(c as Expr, p[0], q[0]), s.select(c as Expr, p[1], q[1])]);
  },
  vjp: (ct, _o, [c], need) => [
    null,
    need[1] ? select(c as Node, ct, like(0, ct)) : null,
    need[2] ? select(c as Node, like(0, ct), ct) : null,
  ],
});
/** x + y; here and below operands have one shape and dtype. */
export const add = (x: Node, y: Node): Node => apply(addOp, [x, y], null);
/** x - y */
export const sub = (x: Node, y: Node): Node => apply(subOp, [x, y], null);
/** x * y */
export const mul = (x: Node, y: Node): Node => apply(mulOp, [x, y], null);
/** x / y (of floats) */
export const div = (x: Node, y: Node): Node => apply(divOp, [x, y], null);
/** -x */
export const neg = (x: Node): Node => apply(negOp, [x], null);
/** c (bool) ? x : y */
export const select = (c: Node, x: Node, y: Node): Node => apply(selectOp, [c, x, y], null);

/** The comparisons. */
export type Compare = "eq" | "ne" | "lt" | "le" | "gt" | "ge";
const compareOps = new Map<Compare, OpDef<null>>();
for (
  const [op, name] of [["eq", "equal"], ["ne", "notEqual"], ["lt", "less"], ["le", "lessEqual"], ["gt", "greater"], [
    "ge",
    "greaterEqual",
  ]] as const
) {
  compareOps.set(
    op,
    elementwise({
      name,
      dtype: () => "bool",
      scalar: (s, [x, y]) =>
        (x as Expr).t === "c64"
          ? compareParts(s, op, parts(s, x as Expr), parts(s, y as Expr))
          : s.cmp(op, x as Expr, y as Expr),
    }),
  );
}
/** A comparison: bool. */
export const compare = (op: Compare, x: Node, y: Node): Node => apply(compareOps.get(op) as OpDef<null>, [x, y], null);
