// The graph of one eval: its structure as a key, the numbers that vary under one key, and both as symbols for planning.
import { type DType, DTYPES, itemsize } from "../base/dtype.ts";
import type { Device } from "../core/device.ts";
import type { Node, OpDef, Planned } from "../core/node.ts";
import { contiguousView, type PlanView, type View } from "../core/view.ts";
import { type Size, Sizes, times } from "../kernel/sizes.ts";

/** The nodes of an eval: what has to be computed, inputs first, and the memory it starts from. */
export interface Graph {
  readonly device: Device;
  readonly order: readonly Node[];
  readonly leaves: readonly Node[];
  readonly keep: ReadonlySet<Node>;
  /** Nodes that may be written over the memory of their first input, a leaf that nobody else will read. */
  readonly inPlace: ReadonlySet<Node>;
  /** The graphs that control nodes run. */
  readonly loops: ReadonlyMap<Node, Inner>;
}
/** The bodies of a control node as graphs, and which of its results they give. */
export interface Inner {
  readonly graphs: readonly Graph[];
  readonly wanted: readonly number[];
  /** Those that others may ask for after this eval. */
  readonly kept: ReadonlySet<number>;
}
/** A graph and all inside, always in the same order. */
export function everyGraph(g: Graph): readonly Graph[] {
  return g.loops.size === 0 ? [g] : [g, ...[...g.loops.values()].flatMap(({ graphs }) => graphs.flatMap(everyGraph))];
}
/** The nodes of a graph, and of all graphs inside. */
export function everyNode(g: Graph): readonly Node[] {
  return g.loops.size === 0 ? g.order : everyGraph(g).flatMap((x) => x.order);
}

/** True if a node has memory. */
export function present(n: Node): boolean {
  return n.buf !== null || n.results !== null;
}

const opIds = new Map<OpDef, number>(), deviceIds = new Map<Device, number>(), texts = new Map<string, number>();
const dtypeIds = new Map<DType, number>(DTYPES.map((d, i) => [d, i]));
function idOf<K>(ids: Map<K, number>, k: K): number {
  let id = ids.get(k);
  if (id === undefined) ids.set(k, id = ids.size);
  return id;
}
function argId(n: Node): number {
  if (n.arg === null || n.arg === undefined) return 0;
  if (n.op.structure !== undefined) return 1 + idOf(texts, n.op.structure(n.arg));
  if (n.op.values !== undefined) return 0;
  return 1 + idOf(texts, JSON.stringify(n.arg, (_, v: unknown) => typeof v === "bigint" ? `${v}n` : v));
}
function rowMajor(v: View): boolean {
  let n = 1;
  for (let i = v.shape.length - 1; i >= 0; i--) {
    const d = v.shape[i] as number;
    if (d === 0) return true;
    if (d !== 1 && v.strides[i] !== n) return false;
    n *= d;
  }
  return true;
}

/** Elements of 16 bytes where a leaf begins at a multiple of them, else 1: offsets count in these units, so that plans know the alignment. */
export function alignment(n: Node): number {
  const unit = 16 / itemsize(n.dtype);
  return n.view === null || n.view.offset % unit === 0 ? unit : 1;
}

/**
 * The key of a graph: ops, dtypes, structure and flags, with each size from 2 up replaced by the position of its first appearance.
 * `sizes` are the different sizes in that order; `moving` the offsets of leaves and the starts that ops recorded.
 */
export class Key {
  structure: Int32Array = new Int32Array(4096);
  length = 0;
  hash = 0;
  sizes: Float64Array = new Float64Array(256);
  sizeCount = 0;
  moving: Float64Array = new Float64Array(256);
  movingCount = 0;
  /** Open addressing: positions of sizes, valid where `#stamps` has this key's number. */
  #places = new Int32Array(1024);
  #stamps = new Int32Array(1024);
  #stamp = 0;

  #put(x: number): void {
    if (this.length === this.structure.length) {
      const more = new Int32Array(this.length * 2);
      more.set(this.structure);
      this.structure = more;
    }
    this.structure[this.length++] = x;
  }
  #move(x: number): void {
    if (this.movingCount === this.moving.length) this.moving = grown(this.moving);
    this.moving[this.movingCount++] = x;
  }
  #size(x: number): void {
    if (x < 2 && x > -2) this.#put(x);
    else if (x > 0) this.#put(2 + this.#position(x));
    else this.#put(-2 - this.#position(-x));
  }
  #position(x: number): number {
    const mask = this.#places.length - 1;
    for (let h = x & mask;; h = (h + 1) & mask) {
      if (this.#stamps[h] !== this.#stamp) {
        if (this.sizeCount === this.sizes.length) this.sizes = grown(this.sizes);
        this.sizes[this.sizeCount] = x;
        if (2 * this.sizeCount > mask) this.#rehash();
        else {
          this.#stamps[h] = this.#stamp;
          this.#places[h] = this.sizeCount;
        }
        return this.sizeCount++;
      }
      const k = this.#places[h] as number;
      if (this.sizes[k] === x) return k;
    }
  }
  #rehash(): void {
    const length = this.#places.length * 2, mask = length - 1;
    this.#places = new Int32Array(length);
    this.#stamps = new Int32Array(length);
    for (let k = 0; k <= this.sizeCount; k++) {
      let h = (this.sizes[k] as number) & mask;
      while (this.#stamps[h] === this.#stamp) h = (h + 1) & mask;
      this.#stamps[h] = this.#stamp;
      this.#places[h] = k;
    }
  }

  /** Reads a graph. */
  read(g: Graph): this {
    this.length = this.sizeCount = this.movingCount = 0;
    this.#stamp++;
    this.#graph(g);
    let h = 0x811c9dc5;
    for (let i = 0; i < this.length; i++) h = Math.imul(h ^ (this.structure[i] as number), 0x01000193);
    this.hash = h;
    return this;
  }
  #graph(g: Graph): void {
    this.#put(idOf(deviceIds, g.device));
    for (const n of g.leaves) {
      this.#put(dtypeIds.get(n.dtype) as number);
      const v = n.view, flat = v === null || rowMajor(v);
      const unit = alignment(n);
      this.#put(n.shape.length * 8 + (n.results === null ? 0 : 1) + (flat ? 0 : 2) + (unit > 1 ? 4 : 0));
      for (const d of n.shape) this.#size(d);
      if (!flat) { for (const s of v.strides) this.#size(s); }
      if (n.outs !== null) { for (const o of n.outs) for (const d of o.shape) this.#size(d); }
      this.#move(v === null ? 0 : v.offset / unit);
    }
    for (const n of g.order) {
      this.#put(idOf(opIds, n.op));
      this.#put(dtypeIds.get(n.dtype) as number);
      this.#put(argId(n));
      this.#put(n.shape.length * 4 + (g.keep.has(n) ? 1 : 0) + (g.inPlace.has(n) ? 2 : 0));
      for (const d of n.shape) this.#size(d);
      if (n.outs !== null) { for (const o of n.outs) for (const d of o.shape) this.#size(d); }
      for (const x of n.inputs) this.#put(present(x) ? -1 - x.slot : x.slot);
      const starts = n.op.starts?.(n.arg);
      if (starts !== undefined) { for (const x of starts) this.#move(x); }
    }
    for (const [n, { graphs, wanted, kept }] of g.loops) {
      this.#size(lengthOf(n));
      this.#put(wanted.length);
      for (const k of wanted) this.#put(kept.has(k) ? -1 - k : k);
      for (const inner of graphs) {
        inner.order.forEach((x, i) => x.slot = i);
        inner.leaves.forEach((x, i) => x.slot = i);
        this.#graph(inner);
      }
    }
  }
  /** True if the structure is this one. */
  matches(structure: Int32Array): boolean {
    if (structure.length !== this.length) return false;
    for (let i = 0; i < structure.length; i++) if (structure[i] !== this.structure[i]) return false;
    return true;
  }
}
/** Passes of a control node, as far as they are known. */
export function lengthOf(n: Node): number {
  return n.op.lower.kind === "loop" ? n.op.lower.of(n.arg).length : 0;
}
function grown(a: Float64Array): Float64Array {
  const more = new Float64Array(a.length * 2);
  more.set(a);
  return more;
}

const NO_STARTS: readonly Size[] = [];
/** The nodes of a graph with symbols for their sizes. */
export class Symbols {
  readonly sizes: Sizes;
  readonly #order: readonly Node[];
  /** By slot. */
  readonly #planned: Planned[] = [];
  /** Leaves, and what is inside of control flow. */
  readonly #others = new Map<Node, Planned>();
  readonly #views = new Map<Node, PlanView>();
  readonly #outs = new Map<Node, readonly Planned[]>();

  constructor(g: Graph, key: Key = new Key().read(g)) {
    const positions = new Map<number, number>();
    for (let i = 0; i < key.sizeCount; i++) positions.set(key.sizes[i] as number, i);
    this.sizes = new Sizes(positions, [...key.moving.subarray(0, key.movingCount)]);
    this.#order = g.order;
    this.#graph(g, 0);
  }
  /** `moving`: how many moving inputs came before; returns how many there are then. */
  #graph(g: Graph, moving: number): number {
    for (const n of g.leaves) {
      const shape = this.#sizes(n.shape), offset = times(this.sizes.moving(moving++), alignment(n)), v = n.view;
      this.#others.set(n, { shape, dtype: n.dtype, starts: [] });
      if (v === null) continue;
      const { strides } = rowMajor(v) ? contiguousView(shape) : { strides: this.#sizes(v.strides) };
      this.#views.set(n, { shape, strides, offset });
    }
    // Neighbours mostly have the very shape of one another.
    let last: readonly number[] | null = null, shape: readonly Size[] = [];
    for (const n of g.order) {
      if (n.shape !== last) shape = this.#sizes(last = n.shape);
      const starts = n.op.starts?.(n.arg).map(() => this.sizes.moving(moving++)) ?? NO_STARTS;
      const planned = { shape, dtype: n.dtype, starts };
      if (g.order === this.#order) this.#planned.push(planned);
      else this.#others.set(n, planned);
    }
    for (const { graphs } of g.loops.values()) for (const inner of graphs) moving = this.#graph(inner, moving);
    return moving;
  }
  #sizes(list: readonly number[]): readonly Size[] {
    return list.map((x) => this.sizes.size(x));
  }
  /** A node of the graph, or a leaf. */
  of(n: Node): Planned {
    return (this.#order[n.slot] === n ? this.#planned[n.slot] : this.#others.get(n)) as Planned;
  }
  /** All results of a node. */
  outs(n: Node): readonly Planned[] {
    if (n.outs === null) return [this.of(n)];
    let known = this.#outs.get(n);
    if (known === undefined) {
      known = n.outs.map((o) => ({ shape: this.#sizes(o.shape), dtype: o.dtype, starts: [] }));
      this.#outs.set(n, known);
    }
    return known;
  }
  /** Where a leaf lies. */
  view(leaf: Node): PlanView {
    return this.#views.get(leaf) as PlanView;
  }
}
