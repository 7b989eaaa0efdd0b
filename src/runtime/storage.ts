// Where the values of a plan lie: in leaves, in buffers that stay, in one arena for all else, and where a loop moves them to.
import { itemsize } from "../base/dtype.ts";
import type { Node, Planned } from "../core/node.ts";
import { aligned, isMultiple, numberOf, plus, productOf, type Size, times } from "../kernel/sizes.ts";
import { everyGraph, type Graph, present } from "../schedule/graph.ts";
import { resolve, type Schedule } from "../schedule/group.ts";
import { overwritable, readsOf } from "../schedule/overwrite.ts";
import { type Block, blocksOf, type Operand, type Place, type Spot, type Step } from "../schedule/step.ts";
import { place, type Placed } from "./arena.ts";
import type { Located } from "./launch.ts";
import { BIND, type Words } from "./words.ts";

/** An array of a plan that is no leaf: its bytes, the node that keeps it after the run, the steps between which it lives, and its place in the arena. */
interface Made extends Placed {
  readonly keep: Node | null;
  readonly out: number;
  /** The first step of the plan that touches it. */
  readonly step: number;
  last: number;
}
/** Where an output of the plan goes: result `out` of node number `slot` is binding word `word`. */
export interface Output {
  readonly slot: number;
  readonly out: number;
  readonly word: number;
  /** Leaves that it may be written over, should nobody else want them: none is read after the first store. */
  readonly over: readonly number[];
}
/** Words that take the buffer id of a leaf, or of one result of it. */
export interface LeafWord {
  readonly word: number;
  readonly leaf: number;
  readonly out: number;
}

/** More than an op has results: with the number of a node, one number for each result. */
const MOST_OUTS = 65536;
const outKey = (n: Node, out: number): number => MOST_OUTS * n.serial + out;
const keyOf = (p: Place): number => p.node === null ? -1 - p.workspace : outKey(p.node, p.out);
/** Room that an array takes of the arena: whole steps can be read past its end. */
const room = (bytes: Size): Size => plus(aligned(bytes, 64), 64);

/** The memory of a plan. */
export class Storage {
  readonly #graph: Graph;
  readonly #schedule: Schedule;
  readonly #steps: readonly Step[];
  readonly #leafOf: ReadonlyMap<Node, number>;
  /** Nodes, of bodies too, that are written over their first input. */
  readonly #inPlace: ReadonlySet<Node>;
  readonly #made = new Map<number, Made>();
  readonly #arena: Size;
  /** The bindings of the arena, of arrays that stay, of leaves and of what moves from pass to pass. */
  #arenaBinding = -1;
  readonly #kept = new Map<number, number>();
  readonly #leaves = new Map<number, number>();
  readonly #windows = new Map<Spot, number>();
  /** Bindings of leaves that the memory of an output (by its binding) may turn out to be. */
  readonly #over = new Map<number, readonly number[]>();
  /** Where the values of the bodies lie that were entered. */
  readonly #spots = new Map<Node, Spot>();

  constructor(graph: Graph, schedule: Schedule, steps: readonly Step[]) {
    this.#graph = graph;
    this.#schedule = schedule;
    this.#steps = steps;
    this.#leafOf = new Map(graph.leaves.map((n, i) => [n, i]));
    this.#inPlace = new Set(everyGraph(graph).flatMap((g) => [...g.inPlace]));
    this.#live();
    this.#arena = place([...this.#made.values()].filter((m) => m.keep === null), room);
  }

  /** The node whose memory holds a node that is written over its first input; else the node itself. */
  over(n: Node): Node {
    return this.#inPlace.has(n) ? n.inputs[0] as Node : n;
  }
  /** The number of a leaf. */
  leaf(n: Node): number | undefined {
    return this.#leafOf.get(n);
  }
  #actual(p: Place): Place {
    return p.node === null || !this.#inPlace.has(p.node) ? p : { ...p, node: this.over(p.node) };
  }
  #isLeaf(p: Place): boolean {
    return p.node !== null && this.#leafOf.has(p.node);
  }
  #placesOf(s: Step): Place[] {
    return (s.kind === "kernel" ? s.operands : s.places).map((x) => this.#actual(x.place));
  }
  #bytesOf(n: Node, out: number): Size {
    const o = this.#schedule.symbols.outs(n)[out] as Planned;
    return times(productOf(o.shape), itemsize(o.dtype));
  }

  /** Finds which arrays are made, and from when to when they live. */
  #live(): void {
    const { keep, inPlace, loops } = this.#graph, bases = new Set<Node>();
    for (const n of keep) {
      const base = resolve(this.#schedule, n);
      if (base !== null) bases.add(base.node);
    }
    const stays = (n: Node, out: number): boolean => bases.has(n) && loops.get(n)?.kept.has(out) !== false;
    // What bodies are given and give lies where their loop says.
    const spotted = new Set<Node>();
    let time = 0;
    const touch = (s: Step, step: number): void => {
      for (const p of this.#placesOf(s)) {
        if (this.#isLeaf(p) || (p.node !== null && spotted.has(p.node))) continue;
        const k = keyOf(p), known = this.#made.get(k);
        if (known !== undefined) {
          known.last = time;
          continue;
        }
        const bytes = p.node === null ? p.bytes : this.#bytesOf(p.node, p.out);
        const kept = p.node !== null && stays(p.node, p.out) ? p.node : null;
        this.#made.set(k, { bytes, keep: kept, out: p.out, step, first: time, last: time, offset: 0 });
      }
      time++;
    };
    const visit = (s: Step, step: number): void => {
      touch(s, step);
      if (s.kind !== "loop") return;
      for (const b of blocksOf(s)) {
        for (const [n, spot] of b.spots) {
          spotted.add(n);
          if (spot.kind !== "fixed") this.#windows.set(spot, -1);
        }
        for (const x of b.steps) visit(x, step);
      }
      touch(s, step);
    };
    this.#steps.forEach(visit);
    // Values that stay but that no step writes: arrays without elements.
    for (const n of bases) {
      if (present(n) || inPlace.has(n)) continue;
      for (const out of loops.get(n)?.kept ?? (n.outs ?? [n]).keys()) {
        const k = outKey(n, out), bytes = this.#bytesOf(n, out);
        if (this.#made.has(k)) continue;
        this.#made.set(k, { bytes, keep: n, out, step: 0, first: 0, last: 0, offset: 0 });
      }
    }
  }

  /** Writes the bindings, and says where runs put the buffers of outputs and leaves. */
  bind(w: Words): { readonly outputs: readonly Output[]; readonly leaves: readonly LeafWord[] } {
    const outputs: Output[] = [], leaves: LeafWord[] = [];
    if (this.#arena !== 0) this.#arenaBinding = w.bind(BIND.arena, this.#arena).binding;
    const read = readsOf(this.#steps, this.#graph.leaves, (n) => this.#bytesOf(n, 0));
    for (const [k, { keep, bytes, step, out }] of this.#made) {
      if (keep === null) continue;
      const { word, binding } = w.bind(BIND.new, bytes);
      this.#kept.set(k, binding);
      outputs.push({
        slot: keep.slot,
        out,
        word,
        over: overwritable(this.#steps, { node: keep, bytes, first: step }, read),
      });
    }
    const overwritten = new Set([...this.#graph.inPlace].map((n) => n.inputs[0] as Node));
    for (const p of this.#steps.flatMap((s) => this.#placesOf(s))) {
      const leaf = p.node === null ? undefined : this.leaf(p.node);
      if (leaf === undefined || this.#leaves.has(MOST_OUTS * leaf + p.out)) continue;
      const { word, binding } = w.bind(overwritten.has(p.node as Node) ? BIND.update : BIND.buffer, 0);
      this.#leaves.set(MOST_OUTS * leaf + p.out, binding);
      leaves.push({ word: word + 1, leaf, out: p.out });
    }
    for (const spot of this.#windows.keys()) {
      if (spot.kind !== "fixed") this.#windows.set(spot, w.bind(BIND.window, spot.bytes).binding);
    }
    for (const { slot, out, over } of outputs) {
      const binding = this.#kept.get(outKey(this.#graph.order[slot] as Node, out)) as number;
      this.#over.set(binding, over.flatMap((leaf) => this.#leaves.get(MOST_OUTS * leaf) ?? []));
    }
    return { outputs, leaves };
  }

  /** What is written from here on is of a block. */
  enter(b: Block): void {
    for (const [n, spot] of b.spots) this.#spots.set(n, spot);
  }
  /** The binding of what moves from pass to pass. */
  window(spot: Spot): number {
    return this.#windows.get(spot) as number;
  }
  /** The binding in which a place lies, and where in it. */
  locate(place: Place): { readonly binding: number; readonly offset: Size } {
    const p = this.#actual(place), spot = p.node === null ? undefined : this.#spots.get(p.node);
    if (spot?.kind === "fixed") {
      const { binding, offset } = this.locate(spot.place);
      return { binding, offset: plus(offset, spot.offset) };
    }
    if (spot !== undefined) return { binding: this.window(spot), offset: 0 };
    if (this.#isLeaf(p)) {
      const binding = this.#leaves.get(MOST_OUTS * (this.leaf(p.node as Node) as number) + p.out);
      if (binding === undefined) throw new Error("internal: a leaf has no binding");
      return { binding, offset: 0 };
    }
    const k = keyOf(p), made = this.#made.get(k) as Made;
    return made.keep === null
      ? { binding: this.#arenaBinding, offset: made.offset }
      : { binding: this.#kept.get(k) as number, offset: 0 };
  }
  /** Where an operand of a launch lies, and what of its binding it may touch. */
  operand(o: Pick<Operand, "place" | "offset">): Located {
    const { binding, offset } = this.locate(o.place), p = this.#actual(o.place), from = numberOf(offset);
    const spot = p.node === null ? undefined : this.#spots.get(p.node);
    const bytes = this.#isLeaf(p)
      ? undefined
      : spot !== undefined
      ? this.#bytesOf(p.node as Node, 0)
      : this.#made.get(keyOf(p))?.bytes;
    return {
      binding,
      offset: plus(offset, o.offset),
      from,
      to: bytes === undefined ? Infinity : from + numberOf(bytes),
      over: this.#over.get(binding) ?? [],
      aligned: spot?.kind !== "moving" || (isMultiple(spot.offset, 16) && isMultiple(spot.by, 16)),
    };
  }
}
