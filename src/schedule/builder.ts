// Builds one kernel over the loops of a group: pulls values down to loads, scalars and indices, and chooses row and inner axes.
import { computeOf, itemsize } from "../base/dtype.ts";
import type { Index, Node, Planned, Typed } from "../core/node.ts";
import { contiguousStrides, contiguousView, isContiguous, type PlanView } from "../core/view.ts";
import { below, equal, minus, plus, productOf, type Size, sizeText, times } from "../kernel/sizes.ts";
import { type Expr, type Literal, Scalars } from "../kernel/expr.ts";
import { type Fold, isArg } from "../kernel/fold.ts";
import {
  type Combine,
  expressions,
  type FoldStep,
  type Kernel,
  type Mem,
  type Pass,
  type ScanStep,
  type StoreStep,
} from "../kernel/kernel.ts";
import { type Group, type Nodes, resolve, rowDims } from "./group.ts";
import { type Operand, type Place, placeOf, type Step } from "./step.ts";

interface MemUse {
  readonly place: Place;
  readonly dtype: Node["dtype"];
  readonly offset: Size;
  /** Elements per step of each domain axis. */
  readonly strides: readonly Size[];
  readonly written: boolean;
  readonly bound: Size;
  /** A value of the row: its strides along inner axes do not count. */
  readonly row: boolean;
}

const noTerms: ReadonlyMap<number, Size> = new Map();

/** Builds one kernel over a domain of loops. */
export class Builder {
  readonly #nodes: Nodes;
  readonly #group: Group;
  readonly #shape: readonly Size[];
  readonly #kind: Kernel["kind"];
  /** The rows are sums of products: the axes before the last are those of a matrix. */
  readonly #isProduct: boolean;
  readonly #axes: readonly [number, number] | null;
  readonly #s = new Scalars();
  readonly #mems: MemUse[] = [];
  readonly #memKeys = new Map<string, number>();
  readonly #memo = new Map<string, Expr>();
  readonly #members = new Map<Node, Expr>();
  readonly #substitutes = new Map<Node, Place>();
  readonly #folds: FoldStep[] = [];
  readonly #scans: ScanStep[] = [];
  readonly #stores: (StoreStep & { readonly row: boolean })[] = [];
  #indexed = false;

  constructor(
    nodes: Nodes,
    g: Group,
    shape: readonly Size[],
    kind: Kernel["kind"] | Group["kind"],
    axes: readonly [number, number] | null,
  ) {
    this.#nodes = nodes;
    this.#group = g;
    this.#shape = shape;
    this.#isProduct = kind === "product";
    this.#kind = (this.#isProduct ? "row" : kind) as Kernel["kind"];
    this.#axes = axes;
  }
  #of(n: Node): Planned {
    return this.#nodes.symbols.of(n);
  }
  /** The type of indices. */
  get #index(): "i32" | "i64" {
    return below(productOf(this.#shape), 2 ** 31) ? "i32" : "i64";
  }

  /** Domain axes of each role. */
  #rowDims(): number[] {
    const all = this.#shape.map((_, d) => d), a = this.#axes;
    if (this.#kind === "row") return all.filter((d) => d < a![0] || d >= a![1]);
    if (this.#kind === "column") return all.filter((d) => d < a![0]);
    return all.filter((d) => d !== this.#along());
  }
  #innerDims(): number[] {
    const all = this.#shape.map((_, d) => d), a = this.#axes;
    if (this.#kind === "row") return all.filter((d) => d >= a![0] && d < a![1]);
    if (this.#kind === "column") return all.filter((d) => d >= a![1]);
    return all.filter((d) => d === this.#along());
  }
  /** The axis of the elements of a row: the last one, or the last one that is longer than 1. */
  #along(): number {
    const last = this.#shape.findLastIndex((n) => n !== 1);
    return last < 0 ? this.#shape.length - 1 : last;
  }
  #foldDims(): number[] {
    const a = this.#axes;
    return this.#kind === "column" ? this.#shape.map((_, d) => d).filter((d) => d >= a![0] && d < a![1]) : [];
  }

  /** The loops' own position. */
  identity(): Index[] {
    return this.#at(this.#shape.map((_, d) => d));
  }
  #at(dims: readonly number[]): Index[] {
    return dims.map((d) => ({
      offset: 0,
      terms: this.#shape[d] === 1 ? noTerms : new Map<number, Size>([[d, 1]]),
      computed: [],
    }));
  }
  /** The row's own position in a value of one element a row. */
  #rowAt(shape: readonly Size[]): Index[] {
    const dims = rowDims({ shape: this.#shape, axes: this.#axes }, shape);
    if (dims === null) throw new Error("internal: not a value of the row");
    return dims.map((d) => ({ offset: 0, terms: d < 0 ? noTerms : new Map<number, Size>([[d, 1]]), computed: [] }));
  }

  /** From now on `n`'s value is read from a row-major workspace. */
  substitute(n: Node, place: Place): void {
    this.#substitutes.set(n, place);
  }

  /** A fold member: its value is known after its pass. */
  fold(n: Node): void {
    const l = n.op.lower;
    if (l.kind !== "fold") return this.#addFold(n, this.#factors(n), "sum");
    this.#addFold(n, this.value(n.inputs[0] as Node, this.identity()), l.op(n.arg));
  }
  /** The product of an element of each of two matrices, over the loops [..., rows, columns, depth]. */
  #factors(n: Node): Expr {
    const at = this.identity(), depth = at.length - 1;
    const [a, b] = [[depth - 2, depth], [depth, depth - 1]].map((axes, k) => {
      const x = n.inputs[k] as Node, batch = x.shape.length - 2;
      return this.value(x, [...this.#broadcast(at.slice(0, depth - 2), x, batch), ...axes.map((d) => at[d] as Index)]);
    }) as [Expr, Expr];
    return this.#s.bin("mul", a, b);
  }
  /** The last places of an index for the first `axes` axes of a value that is broadcast. */
  #broadcast(at: readonly Index[], x: Node, axes: number): Index[] {
    const { shape } = this.#of(x);
    return at.slice(at.length - axes).map((i, d) => shape[d] === 1 ? { offset: 0, terms: noTerms, computed: [] } : i);
  }
  /** A fold's result as the value of its node. */
  #folded(n: Node, raw: Expr): Expr {
    const l = n.op.lower;
    if (l.kind !== "call" || l.product === undefined) return raw;
    const c = n.inputs[2], at = this.#rowAt(this.#of(n).shape);
    return l.product(
      this.#s,
      raw,
      c === undefined ? null : this.value(c, this.#broadcast(at, c, c.shape.length)),
      n.arg,
    );
  }
  #addFold(n: Node, value: Expr, fold: Fold): void {
    const arg = isArg(fold), t = arg ? "i32" : value.t;
    // The same fold of the same value (a mean that was recorded twice) is taken once.
    const known = this.#folds.findIndex((f) => f.fold === fold && f.value === value);
    const id = known >= 0 ? known : this.#folds.push({ id: this.#folds.length, fold, value, t: value.t }) - 1;
    const raw = this.#s.make("fold", t, [], id);
    this.#members.set(n, arg ? this.#s.cast(raw, computeOf(n.dtype)) : this.#normalise(this.#folded(n, raw), n));
  }
  /** The second kernel of a cut fold: the same fold over the partial results. */
  foldMemory(n: Node, place: Place, t: { readonly dtype: Node["dtype"] }): void {
    const l = n.op.lower;
    this.#addFold(
      n,
      this.#load(place, t.dtype, contiguousView(this.#shape), this.identity()),
      l.kind === "fold" ? l.op(n.arg) : "sum",
    );
  }
  /** A scan: its running value is stored as it goes. */
  scan(n: Node): void {
    const l = n.op.lower;
    if (l.kind !== "scan") throw new Error("internal: scan");
    const value = this.value(n.inputs[0] as Node, this.identity()),
      a = this.#address(contiguousView(this.#of(n).shape), this.identity());
    const start = this.#s.literal(l.start(n.arg, n), value.t),
      mem = this.#mem(placeOf(n), n.dtype, a.offset, a.strides, true, 0, false);
    this.#scans.push({ scan: l.op(n.arg), exclusive: l.exclusive(n.arg), start, value, mem, t: value.t });
  }
  /** An element or row member. */
  member(n: Node, row: boolean): void {
    this.#members.set(n, this.#compute(n, row ? this.#rowAt(this.#of(n).shape) : this.identity()));
  }
  /** The expression of a member. */
  memberValue(n: Node): Expr {
    return this.#members.get(n) as Expr;
  }

  #normalise(e: Expr, n: Typed): Expr {
    switch (n.dtype) {
      case "float16":
        return this.#s.norm(e, "f16");
      case "bfloat16":
        return this.#s.norm(e, "bf16");
      case "int8":
        return this.#s.norm(e, "i8");
      case "uint8":
        return this.#s.norm(e, "u8");
      case "int16":
        return this.#s.norm(e, "i16");
      case "uint16":
        return this.#s.norm(e, "u16");
      default:
        return e;
    }
  }

  /** The value of a node at an index, from memory or computed in place. */
  value(n: Node, at: readonly Index[]): Expr {
    const key = `${n.buf !== null ? `b${n.serial}` : n.slot}@${indexKey(at)}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const e = this.#value(n, at);
    this.#memo.set(key, e);
    return e;
  }
  #value(n: Node, at: readonly Index[]): Expr {
    const substitute = this.#substitutes.get(n);
    if (substitute !== undefined) return this.#load(substitute, n.dtype, contiguousView(this.#of(n).shape), at);
    const member = this.#members.get(n);
    if (member !== undefined) return member;
    const r = resolve(this.#nodes, n);
    if (r !== null && !(r.node.buf === null && this.#members.has(r.node))) {
      return this.#load(placeOf(r.node, r.out), n.dtype, r.view, at);
    }
    return this.#compute(n, at);
  }
  #compute(n: Node, at: readonly Index[]): Expr {
    const l = n.op.lower;
    switch (l.kind) {
      case "view": {
        const input = n.inputs[0] as Node, next = l.pull(at, n.arg, this.#of(input), this.#of(n));
        if (next === null) {
          throw new Error(`internal: ${n.op.name} [${input.shape}] -> [${n.shape}] has no affine index`);
        }
        return this.value(input, next);
      }
      case "map": {
        return this.#normalise(l.scalar(this.#s, n.inputs.map((x) => this.value(x, at)), n.arg, n, n.inputs), n);
      }
      case "iota":
        return this.#normalise(
          l.scalar(
            this.#s,
            (axis) => this.#indexExpr(at[axis] as Index),
            n.arg,
            n,
            (k, t) => this.#s.argument(n.slot, k, n.op.values?.(n.arg)[k] as Literal, t),
          ),
          n,
        );
      case "gather": {
        const a = n.arg as {
          source: readonly ({ from: "out"; axis: number } | { from: "index"; which: number })[];
          indexAxes: readonly number[];
        };
        const source = n.inputs[0] as Node;
        return this.value(source, this.sourceIndex(this.#of(source).shape, a, n.inputs.slice(1), at));
      }
      default:
        throw new Error(`internal: ${n.op.name} is not in memory`);
    }
  }

  /** Index of a gather's source (or a scatter's target). */
  sourceIndex(
    shape: readonly Size[],
    a: {
      readonly source: readonly ({ readonly from: "out"; readonly axis: number } | {
        readonly from: "index";
        readonly which: number;
      })[];
      readonly indexAxes: readonly number[];
    },
    indices: readonly Node[],
    at: readonly Index[],
  ): Index[] {
    const where = a.indexAxes.map((k) => at[k] as Index);
    return a.source.map((s, d) => {
      if (s.from === "out") return at[s.axis] as Index;
      const n = indices[s.which] as Node, t = this.#index;
      let v = this.value(n, where);
      const signed = v.t === "i32" || v.t === "i64";
      v = this.#s.cast(v, t);
      if (signed) {
        v = this.#s.select(
          this.#s.cmp("lt", v, this.#s.literal(t === "i64" ? 0n : 0, t)),
          this.#s.bin("add", v, this.#s.size(shape[d] as Size, t)),
          v,
        );
      }
      return { offset: 0, terms: noTerms, computed: [{ expr: v, stride: 1, size: shape[d] as Size }] };
    });
  }

  /** An index as a value. */
  #indexExpr(x: Index): Expr {
    this.#indexed = true;
    const t = this.#index;
    let sum: Expr | null = null;
    const term = (e: Expr, c: Size): void => {
      const scaled = c === 1 ? e : this.#s.bin("mul", e, this.#s.size(c, t));
      sum = sum === null ? scaled : this.#s.bin("add", sum, scaled);
    };
    for (const [d, c] of x.terms) term(this.#axisExpr(d), c);
    for (const c of x.computed) term(c.expr, c.stride);
    if (x.offset !== 0 || sum === null) {
      const o = this.#s.size(x.offset, t);
      sum = sum === null ? o : this.#s.bin("add", sum, o);
    }
    return sum;
  }
  #axisExpr(d: number): Expr {
    const rows = this.#rowDims(), r = rows.indexOf(d);
    if (r >= 0) return this.#s.make("axis", this.#index, [], r);
    const folded = this.#foldDims().includes(d);
    const inner = (folded ? this.#foldDims() : this.#innerDims()).filter((k) => this.#shape[k] !== 1);
    const i = folded ? this.#s.make("axis", this.#index, [], rows.length) : this.#s.make("iota", this.#index, []);
    if (inner.length === 1) return i;
    const after = productOf(inner.slice(inner.indexOf(d) + 1).map((k) => this.#shape[k] as Size));
    const q = after === 1 ? i : this.#s.bin("floordiv", i, this.#s.size(after, this.#index));
    return inner[0] === d ? q : this.#s.bin("rem", q, this.#s.size(this.#shape[d] as Size, this.#index));
  }

  #load(place: Place, dtype: Node["dtype"], view: PlanView, at: readonly Index[]): Expr {
    const a = this.#address(view, at), t = computeOf(dtype);
    if (a.index === null) {
      return this.#s.make("load", t, [], this.#mem(place, dtype, a.offset, a.strides, false, 0, false));
    }
    return this.#s.make("loadx", t, [a.index], this.#mem(place, dtype, a.offset, a.strides, false, a.bound, false));
  }
  /** Where an index leads in a view: affine strides, and what has to be computed. */
  #address(
    view: PlanView,
    at: readonly Index[],
  ): { offset: Size; strides: Size[]; index: Expr | null; bound: Size } {
    let offset: Size = view.offset;
    const strides = new Array<Size>(this.#shape.length).fill(0),
      computed: { expr: Expr; stride: Size; size: Size }[] = [];
    at.forEach((x, k) => {
      const s = view.strides[k] as Size;
      offset = plus(offset, times(x.offset, s));
      for (const [d, c] of x.terms) strides[d] = plus(strides[d] as Size, times(c, s));
      for (const c of x.computed) computed.push({ expr: c.expr, stride: times(c.stride, s), size: c.size });
    });
    if (computed.length === 0) return { offset, strides, index: null, bound: 0 };
    // Computed positions count from the lowest address, so that they are never negative.
    this.#indexed = true;
    const inner = this.#innerDims();
    let low: Size = 0, high: Size = 0;
    const terms = new Map<number, Size>();
    const reach = (stride: Size, length: Size): void => {
      const far = times(stride, minus(length, 1));
      if (below(stride, 0)) low = plus(low, far);
      else high = plus(high, far);
    };
    for (const d of inner) {
      const c = strides[d] as Size;
      strides[d] = 0;
      if (c === 0 || this.#shape[d] === 1) continue;
      terms.set(d, c);
      reach(c, this.#shape[d] as Size);
    }
    for (const c of computed) reach(c.stride, c.size);
    return {
      offset: plus(offset, low),
      strides,
      index: this.#indexExpr({ offset: times(low, -1), terms, computed }),
      bound: plus(minus(high, low), 1),
    };
  }
  #mem(
    place: Place,
    dtype: Node["dtype"],
    offset: Size,
    strides: readonly Size[],
    written: boolean,
    bound: Size,
    row: boolean,
  ): number {
    const key = `${
      place.node === null
        ? `w${place.workspace}`
        : place.node.buf !== null
        ? `b${place.node.serial}`
        : place.node.results !== null
        ? `r${place.node.serial}.${place.out}`
        : `n${place.node.slot}.${place.out}`
    }:${dtype}:${sizeText(offset)}:${strides.map(sizeText).join()}:${written}:${sizeText(bound)}:${row}`;
    let i = this.#memKeys.get(key);
    if (i === undefined) {
      i = this.#mems.push({ place, dtype, offset, strides, written, bound, row }) - 1;
      this.#memKeys.set(key, i);
    }
    return i;
  }

  /** Stores an element (or, `row`, one value of the row) at the loops' position in a view. */
  store(
    view: PlanView,
    place: Place,
    n: Typed,
    value: Expr,
    combine: Combine,
    index: Expr | null,
    row = false,
  ): void {
    const a = this.#address(view, row ? this.#rowAt(view.shape) : this.identity());
    this.#stores.push({
      mem: this.#mem(place, n.dtype, a.offset, a.strides, true, 0, row && this.#kind === "row"),
      value,
      combine,
      index,
      row,
    });
  }
  /** Stores at a computed position. */
  storeAt(view: PlanView, place: Place, n: Node, at: readonly Index[], value: Expr, combine: Combine): void {
    const a = this.#address(view, at);
    this.#stores.push({
      mem: this.#mem(place, n.dtype, a.offset, a.strides, true, a.bound, false),
      value,
      combine,
      index: a.index,
      row: false,
    });
  }

  /** The first kernel of a cut fold, or null if its loads do not run along one axis. */
  partial(
    blocks: Size,
    block: number,
    count: Size,
    t: Typed,
    workspace: (bytes: Size) => Place,
  ): { step: Step; place: Place } | null {
    const a = this.#axes as readonly [number, number],
      dims = this.#shape.map((_, d) => d).filter((d) => d >= a[0] && d < a[1] && this.#shape[d] !== 1);
    if (dims.length > 1 && this.#indexed) return null;
    const along = this.#mems.map((m) => collapse(m.strides, this.#shape, dims));
    if (along.some((s) => s === null)) return null;
    const lead = this.#shape.slice(0, a[0]), tail = this.#shape.slice(a[1]), first = this.#isProduct ? 0 : a[0];
    const kept = [...lead, ...tail];
    kept.splice(first, 0, blocks);
    const place = workspace(times(productOf(kept), itemsize(t.dtype)));
    // Index expressions count within the row: a block starts at block * its number.
    if (this.#indexed) return null;
    const others = contiguousStrides(kept),
      [apart] = others.splice(first, 1),
      foldRaw = this.#s.make("fold", (this.#folds[0] as FoldStep).t, [], 0);
    const mems: Mem[] = [], operands: Operand[] = [];
    const rows = this.#kind === "row" ? [...lead, ...tail, blocks] : [...lead, blocks];
    const tailDims = this.#shape.map((_, d) => d).filter((d) => d >= a[1]),
      leadDims = this.#shape.map((_, d) => d).filter((d) => d < a[0]);
    const innerSizes = this.#kind === "row" ? [block] : tail;
    const strideRows = (s: readonly Size[], step: Size, item: number): Size[] =>
      (this.#kind === "row" ? [...leadDims, ...tailDims] : leadDims).map((d) => times(s[d] as Size, item))
        .concat(times(step, block * item));
    this.#mems.forEach((m, i) => {
      const item = itemsize(m.dtype), step = along[i] as Size;
      const inner = this.#kind === "row" ? [step] : tailDims.map((d) => m.strides[d] as Size);
      mems.push({ dtype: m.dtype, along: alongOf(inner, innerSizes), written: false });
      operands.push({
        place: m.place,
        offset: times(m.offset, item),
        bound: 0,
        rows: strideRows(m.strides, step, item),
        fold: this.#kind === "row" ? 0 : times(step, item),
        inner,
      });
    });
    const item = itemsize(t.dtype);
    const outRows = (this.#kind === "row" ? others : leadDims.map((d) => others[d] as Size)).concat(apart as Size).map((
      s,
    ) => times(s, item));
    const outInner = this.#kind === "row" ? [0] : tailDims.map((d) => others[d - a[1] + a[0]] as Size);
    mems.push({ dtype: t.dtype, along: this.#kind === "row" ? "zero" : alongOf(outInner, innerSizes), written: true });
    operands.push({ place, offset: 0, bound: 0, rows: outRows, fold: 0, inner: outInner });
    const kernel: Kernel = {
      kind: this.#kind,
      mems,
      scalars: this.#s,
      passes: [{ folds: this.#folds, scans: [], stores: [] }],
      rowStores: [{ mem: mems.length - 1, value: foldRaw, combine: "set", index: null }],
      rowAxes: rows.length,
      product: this.#isProduct ? { rows: lead.length - 2, columns: lead.length - 1 } : undefined,
    };
    return {
      place,
      step: {
        kind: "kernel",
        kernel,
        operands,
        rows,
        inner: innerSizes,
        foldSize: this.#kind === "column" ? block : 1,
        rag: count,
        group: this.#group,
        elements: productOf(this.#shape),
      },
    };
  }

  /** True if every operand walks the folded axes of a column kernel as one. */
  foldsAlong(): boolean {
    const fold = this.#foldDims();
    return this.#mems.every((m) => collapse(m.strides, this.#shape, fold) !== null);
  }

  /** Chooses row and inner axes, and closes the kernel. */
  finish(): Step {
    let rows = this.#rowDims(), inner = this.#innerDims();
    const fold = this.#foldDims().filter((d) => this.#shape[d] !== 1);
    if (!this.#indexed) {
      rows = rows.filter((d) => this.#shape[d] !== 1);
      inner = inner.filter((d) => this.#shape[d] !== 1);
    }
    // Neighbouring axes that every operand walks as one become one.
    const merge = (list: readonly number[]): number[][] => {
      const out: number[][] = [];
      for (const d of list) {
        const last = out[out.length - 1];
        if (
          last !== undefined && !this.#indexed &&
          this.#mems.every((m) => collapse(m.strides, this.#shape, [...last, d]) !== null)
        ) last.push(d);
        else out.push([d]);
      }
      return out;
    };
    let rowGroups: number[][], innerGroups: number[][];
    if (this.#kind === "map" && !this.#indexed) {
      const all = merge([...rows, ...inner]);
      const last = all[all.length - 1];
      if (all.length > 1 && last !== undefined && !below(productOf(last.map((d) => this.#shape[d] as Size)), 32)) {
        rowGroups = all.slice(0, -1);
        innerGroups = [last];
      } else {
        rowGroups = [];
        innerGroups = all;
      }
    } else {
      // What a matrix product is cut into follows from its axes: they stay as they are.
      rowGroups = this.#isProduct ? rows.map((d) => [d]) : merge(rows);
      innerGroups = merge(inner);
    }
    const axis = (d: number): number => rowGroups.findIndex((g) => g[0] === this.#shape.length + d);
    const length = (g: readonly number[]): Size => productOf(g.map((d) => this.#shape[d] as Size));
    const stride = (m: MemUse, g: readonly number[]): Size => collapse(m.strides, this.#shape, g) ?? 0;
    const innerSizes = innerGroups.length === 0 ? [1] : innerGroups.map(length);
    const foldStride = (m: MemUse): Size => {
      const s = collapse(m.strides, this.#shape, fold);
      if (s === null) throw new Error("internal: fold axes do not run along one axis");
      return s;
    };
    const operands = this.#mems.map((m): Operand => {
      const item = itemsize(m.dtype);
      return {
        place: m.place,
        offset: times(m.offset, item),
        bound: m.bound,
        rows: rowGroups.map((g) => times(stride(m, g), item)),
        fold: fold.length === 0 ? 0 : times(foldStride(m), item),
        inner: m.row || innerGroups.length === 0 ? innerSizes.map(() => 0) : innerGroups.map((g) => stride(m, g)),
      };
    });
    const mems = this.#mems.map((m, i): Mem => ({
      dtype: m.dtype,
      along: innerGroups.length === 0 ? (m.row ? "zero" : "unit") : alongOf((operands[i] as Operand).inner, innerSizes),
      written: m.written,
    }));
    return {
      kind: "kernel",
      kernel: {
        kind: this.#kind,
        mems,
        scalars: this.#s,
        passes: this.#passes(),
        rowStores: this.#stores.filter((s) => s.row),
        rowAxes: rowGroups.length,
        product: this.#isProduct ? { rows: axis(-3), columns: axis(-2) } : undefined,
      },
      operands,
      rows: rowGroups.map(length),
      inner: innerSizes,
      foldSize: fold.length === 0 ? 1 : length(fold),
      rag: -1,
      group: this.#group,
      elements: productOf(this.#shape),
    };
  }

  /** Folds and stores by the pass in which their values are known. */
  #passes(): Pass[] {
    if (this.#kind === "column") return [{ folds: this.#folds, scans: this.#scans, stores: [] }];
    const foldLevel: number[] = [];
    const level = (e: Expr): number => {
      let l = 0;
      for (const x of expressions([e])) if (x.op === "fold") l = Math.max(l, (foldLevel[x.imm] as number) + 1);
      return l;
    };
    const passes: { folds: FoldStep[]; scans: ScanStep[]; stores: StoreStep[] }[] = [];
    const pass = (l: number): (typeof passes)[number] => {
      while (passes.length <= l) passes.push({ folds: [], scans: [], stores: [] });
      return passes[l] as (typeof passes)[number];
    };
    for (const f of this.#folds) {
      foldLevel[f.id] = level(f.value);
      pass(foldLevel[f.id] as number).folds.push(f);
    }
    for (const s of this.#scans) pass(level(s.value)).scans.push(s);
    for (const s of this.#stores) {
      if (!s.row) pass(Math.max(level(s.value), s.index === null ? 0 : level(s.index))).stores.push(s);
    }
    return passes.filter((p) => p.folds.length + p.scans.length + p.stores.length > 0);
  }
}

function alongOf(strides: readonly Size[], sizes: readonly Size[]): Mem["along"] {
  if (strides.every((s, k) => sizes[k] === 1 || equal(s, 0))) return sizes.every((n) => n === 1) ? "unit" : "zero";
  return isContiguous({ shape: sizes, strides, offset: 0 }) ? "unit" : "any";
}

/** The stride of axes (outermost first) walked as one, or null. */
function collapse(strides: readonly Size[], shape: readonly Size[], dims: readonly number[]): Size | null {
  let step: Size = 0, length: Size = 1, have = false;
  for (let k = dims.length - 1; k >= 0; k--) {
    const d = dims[k] as number, n = shape[d] as Size, s = strides[d] as Size;
    if (n === 1) continue;
    if (!have) {
      step = s;
      have = true;
    } else if (!equal(s, times(step, length))) return null;
    length = times(length, n);
  }
  return step;
}

function indexKey(at: readonly Index[]): string {
  let key = "";
  for (const x of at) {
    key += sizeText(x.offset);
    for (const [d, c] of x.terms) key += `+${sizeText(c)}a${d}`;
    for (const c of x.computed) key += `+${sizeText(c.stride)}e${c.expr.id}`;
    key += ";";
  }
  return key;
}
