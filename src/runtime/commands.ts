// Writes the steps of a plan as the commands of its submission.
import { addIdentities, encode, tape } from "../backends/cpu/tape.ts";
import type { Language } from "../backends/gpu/language.ts";
import { DEBUG, debug } from "../base/env.ts";
import { contiguousStrides } from "../core/view.ts";
import type { CType } from "../kernel/expr.ts";
import { type Kernel, printKernel } from "../kernel/kernel.ts";
import { plus, type Size } from "../kernel/sizes.ts";
import type { Graph } from "../schedule/graph.ts";
import { type Block, numbered, type Operand, type Place, type Step } from "../schedule/step.ts";
import type { Native } from "./ffi.ts";
import { aheadLaunch, compiledSources, forgetSources, Hazards, launchOf, type Located } from "./launch.ts";
import type { Storage } from "./storage.ts";
import { COMMAND, NO_BINDING, type Words } from "./words.ts";

/** The tapes that were loaded, by device and kernel. */
const tapes = new Map<string, number>();
/** Frees all kernels; no plan that uses them may run again, and no work may be in flight. */
export function forgetKernels(native: Native): void {
  for (const id of tapes.values()) native.programFree(id);
  tapes.clear();
  forgetSources(native);
}
/** Number of kernels compiled so far. */
export function compiledKernels(): number {
  return tapes.size + compiledSources();
}
/** A kernel as a program of a device that runs tapes. */
function tapeOf(native: Native, device: number, k: Kernel): number {
  addIdentities(k);
  const text = `${k.kind}\n${printKernel(k)}`, name = `${device} ${text}`;
  let program = tapes.get(name);
  if (program !== undefined) return program;
  const t = tape(k);
  if (DEBUG >= 4) {
    const stages = t.stages.map((x) => `  ${x.name} ${x.a.toString(16)} ${x.b.toString(16)}`);
    debug(`kernel ${tapes.size}\n${text}\n${stages.join("\n")}`);
  }
  program = native.program(encode(t, native.stages), device);
  if (program === 0) throw new Error(`internal: the native library refused a program: ${native.error()}\n${text}`);
  tapes.set(name, program);
  return program;
}

/** Words that take value `k` of the node at `slot`. */
export interface ScalarWord {
  readonly word: number;
  readonly slot: number;
  readonly k: number;
  readonly t: CType;
}
type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/** Writes steps for one device; `language` is that of its kernels, null if it runs tapes. */
export class Commands {
  readonly scalars: ScalarWord[] = [];
  readonly #native: Native;
  readonly #device: number;
  readonly #language: Language | null;
  readonly #storage: Storage;
  readonly #words: Words;
  /** Positions of the first node of each graph among all nodes, by which runs find scalars. */
  readonly #starts: ReadonlyMap<Graph, number>;
  readonly #hazards = new Hazards();
  /** The word without which the launches do nothing, within the pass of a loop that runs ahead. */
  #guard: Located | null = null;

  constructor(
    native: Native,
    device: number,
    language: Language | null,
    storage: Storage,
    words: Words,
    starts: ReadonlyMap<Graph, number>,
  ) {
    this.#native = native;
    this.#device = device;
    this.#language = language;
    this.#storage = storage;
    this.#words = words;
    this.#starts = starts;
  }

  /** Writes the steps of a graph. */
  write(graph: Graph, steps: readonly Step[]): void {
    const start = this.#starts.get(graph) as number;
    for (const s of steps) {
      if (s.kind === "loop") this.#loop(s);
      else if (s.kind === "call") this.#call(s);
      else if (this.#language !== null) this.#launch(s, start, this.#language);
      else this.#dispatch(s, start);
    }
  }
  #place(place: Place, more: Size = 0): void {
    const { binding, offset } = this.#storage.locate(place);
    this.#words.push(binding);
    this.#words.wide(plus(offset, more));
  }
  #loop(s: StepOf<"loop">): void {
    const w = this.#words, spots = s.blocks.flatMap((b) => [...b.spots.values()]);
    const moved = new Set(spots.filter((x) => x.kind !== "fixed"));
    w.command(COMMAND.loop, (at) => {
      w.push(["scan", "while", "cond"].indexOf(s.what), moved.size, 0, 0, 0);
      if (s.flag === null) w.push(0, 0, 0);
      else this.#place(s.flag.place, s.flag.offset);
      w.wide(s.count);
      for (const x of moved) {
        w.push(this.#storage.window(x));
        if (x.kind === "alternating") {
          this.#place(x.even);
          this.#place(x.odd);
        } else {
          this.#place(x.place, x.offset);
          w.push(NO_BINDING);
          w.wide(x.by);
        }
      }
      const block = (k: number, b: Block): void => {
        const from = w.n;
        this.#storage.enter(b);
        this.#hazards.fence();
        this.write(b.graph, b.steps);
        if (state !== null && b !== s.end) this.#ahead(s.next as NonNullable<typeof s.next>, state, k === 0);
        w.data[at + 4 + k] = w.n - from;
      };
      const state = s.next === null || s.flag === null ? null : this.#storage.operand(s.flag), before = this.#guard;
      s.blocks.forEach((b, k) => {
        this.#guard = k > 0 ? state ?? before : before;
        block(k, b);
      });
      this.#guard = before;
      block(2, s.end);
      this.#hazards.fence();
    });
  }
  /** Ends a pass that runs ahead. */
  #ahead(next: Pick<Operand, "place" | "offset">, state: Located, first: boolean): void {
    const operands = [this.#storage.operand(next), state] as const;
    this.#words.push(
      ...aheadLaunch(this.#native, this.#device, this.#language as Language, operands, first, this.#hazards),
    );
  }
  #call(s: StepOf<"call">): void {
    const w = this.#words, { routine, ints, nums } = s.call, number = this.#native.routines.get(routine);
    if (number === undefined) throw new Error(`internal: the native library has no routine ${routine}`);
    w.command(COMMAND.call, () => {
      w.push(number, s.places.length, ints.length, nums.length);
      for (const p of s.places) this.#place(p.place, p.offset);
      for (const x of ints) w.wide(x);
      for (const x of nums) w.scalar("f64", x);
    });
  }
  #launch(s: StepOf<"kernel">, start: number, language: Language): void {
    const w = this.#words, at = w.n, operands = s.operands.map((o) => this.#storage.operand(o));
    const launch = launchOf(this.#native, this.#device, language, numbered(s), operands, this.#guard, this.#hazards);
    if (launch === null) return;
    w.push(...launch.words);
    for (const x of launch.sizes) w.sizes.push([at + x.at, x.size]);
    for (const { at: word, slot, k, t } of launch.scalars) {
      this.scalars.push({ word: at + word, slot: start + slot, k, t });
    }
  }
  #dispatch(s: StepOf<"kernel">, start: number): void {
    const w = this.#words, { kernel, rows, inner, operands } = s, { scalars } = kernel.scalars;
    const program = tapeOf(this.#native, this.#device, kernel);
    w.command(COMMAND.dispatch, () => {
      w.push(program, rows.length, inner.length, operands.length, scalars.length, rows.length);
      for (const x of [s.rag, s.foldSize, ...rows, ...inner]) w.wide(x);
      operands.forEach((o, i) => {
        const { binding, offset } = this.#storage.locate(o.place), unit = kernel.mems[i]?.along === "unit";
        w.push(binding, 0);
        w.wide(plus(offset, o.offset));
        for (const x of [o.bound, ...o.rows, o.fold, ...(unit ? contiguousStrides(inner) : o.inner)]) w.wide(x);
      });
      for (const x of scalars) {
        if (x.size !== null) w.wide(x.size);
        else {
          if (x.node >= 0) this.scalars.push({ word: w.n, slot: start + x.node, k: x.k, t: x.t });
          w.scalar(x.t, x.value);
        }
      }
    });
  }
}
