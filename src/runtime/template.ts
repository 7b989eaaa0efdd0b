// A graph over symbols for its sizes: what a shapeless trace records once, and what gives the graph for other sizes.
import { isPlainObject } from "../base/options.ts";
import { STAND_IN } from "../core/body.ts";
import { on } from "../core/device.ts";
import { anew, type Body, type Node, topological } from "../core/node.ts";
import { sizeOf } from "../core/shape.ts";
import { contiguousView } from "../core/view.ts";
import { type Layout, Sizes, Sym } from "../kernel/sizes.ts";
import { pickedFrom } from "../ops/pick.ts";
import { controlOf } from "../schedule/loops.ts";

/** The different lengths from 2 up in shapes, each with its position. */
export type Lengths = Map<number, number>;
/** A length in what tells structures apart: 0 and 1 are themselves, others the position of their first appearance. */
export function placeOf(n: number, known: Lengths): string {
  if (n < 2) return String(n);
  let k = known.get(n);
  if (k === undefined) known.set(n, k = known.size);
  return `s${k}`;
}

/** What JavaScript holds, with each symbol in it replaced. */
function replaced(x: unknown, by: (s: Sym) => number): unknown {
  if (x instanceof Sym) return by(x);
  if (Array.isArray(x)) return x.map((v: unknown) => replaced(v, by));
  if (!isPlainObject(x)) return x;
  return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, replaced(v, by)]));
}

/** What a body is given and computes, inputs first. */
function nodesOf({ given, results }: Body): readonly Node[] {
  const leaves = new Set(given);
  return [...given, ...topological(results, (n) => leaves.has(n))];
}

/** A graph for given lengths: placeholders and results. */
export interface Sized {
  readonly given: readonly Node[];
  readonly roots: readonly Node[];
}
/** The graph that a function recorded over placeholders whose lengths are symbols. */
export class Template {
  readonly #sizes: Sizes;
  readonly #symbols = new Map<number, number>();
  #recorded: Sized = { given: [], roots: [] };
  #order: readonly Node[] = [];
  #layout: Layout | null = null;
  /** Nodes whose argument holds symbols, or whose bodies do. */
  readonly #sized = new Set<Node>();
  /** Registers of the layout that hold the symbols of arguments, and of those that were told apart. */
  readonly #registers = new Map<Sym, number>();
  #distinct: readonly number[] = [];

  constructor(lengths: Lengths) {
    this.#sizes = new Sizes(lengths, []);
    for (const n of lengths.keys()) this.#symbols.set(n, sizeOf(this.#sizes.size(n)));
  }
  /** A shape with symbols for its lengths. */
  symbolic(shape: readonly number[]): readonly number[] {
    return shape.map((n) => this.#symbols.get(n) ?? n);
  }
  /** True if the trace took no length for a number: then its graph can be laid out for others. */
  get general(): boolean {
    return !this.#sizes.taken;
  }

  /** Takes what was recorded; `isLeaf` holds for what the graph starts from. */
  close(recorded: Sized, isLeaf: (n: Node) => boolean): void {
    this.#recorded = recorded;
    this.#order = topological(recorded.roots, isLeaf);
    const hasSizes = (n: Node): boolean => {
      const inner = (controlOf(n)?.bodies ?? []).flatMap(nodesOf).filter(hasSizes);
      let has = inner.length > 0;
      replaced(n.arg, (s) => {
        has = true;
        this.#registers.set(s, this.#sizes.registerOf(s));
        return 0;
      });
      if (has) this.#sized.add(n);
      return has;
    };
    [...recorded.given, ...this.#order].forEach(hasSizes);
    this.#distinct = [...this.#sizes.distinct].map((s) => this.#sizes.registerOf(s));
    this.#layout = this.#sizes.layout([]);
  }
  /** The graph for these lengths, in the order of their positions; null if a trace could record something else. */
  at(lengths: Lengths): Sized | null {
    const layout = this.#layout as Layout, { given, roots } = this.#recorded;
    if (!layout.resize(Float64Array.from(lengths.keys()), new Uint32Array())) return null;
    const numbers = new Set(this.#distinct.map((r) => layout.registers[r] as number));
    if (numbers.size < this.#distinct.length || [0, 1, -1].some((n) => numbers.has(n))) return null;
    const number = (s: Sym): number => layout.registers[this.#registers.get(s) as number] as number;
    const made = new Map<Node, Node>();
    const again = (n: Node): Node => {
      const x = anew(n, n.inputs.map((i) => made.get(i) ?? i), this.#sized.has(n) ? sized(n) : n.arg);
      x.placeholder = n.placeholder;
      made.set(n, x);
      // Optional results of control flow stay if someone holds them.
      if (pickedFrom(n) >= 0) x.handles = n.handles;
      return x;
    };
    const sized = (n: Node): unknown => {
      const arg = replaced(n.arg, number), control = controlOf(n);
      return control === null ? arg : { ...arg as object, bodies: control.bodies.map(body) };
    };
    const body = (b: Body): Body => {
      nodesOf(b).forEach((n) => on(n.device, () => again(n)));
      const given = b.given.map((n) => made.get(n) as Node);
      for (const x of given) {
        x.buf = STAND_IN;
        x.view = contiguousView(x.shape);
      }
      return { given, results: b.results.map((n) => made.get(n) as Node) };
    };
    const placeholders = given.map((n) => on(n.device, () => again(n)));
    this.#order.forEach(again);
    return { given: placeholders, roots: roots.map((n) => made.get(n) as Node) };
  }
}
