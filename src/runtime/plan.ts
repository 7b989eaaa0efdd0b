// A plan: the words of one submission for the graphs of one structure, the layout program that gives them their sizes, and what is patched into them at each run.
import { CHECK } from "../base/env.ts";
import { checkKernel } from "../kernel/check.ts";
import type { Layout } from "../kernel/sizes.ts";
import { fuse } from "../schedule/fuse.ts";
import { everyGraph, type Graph, type Key, Symbols } from "../schedule/graph.ts";
import { resolve, type Schedule } from "../schedule/group.ts";
import { lower } from "../schedule/lower.ts";
import { everyStep, type Step } from "../schedule/step.ts";
import { Commands, type ScalarWord } from "./commands.ts";
import type { Native } from "./ffi.ts";
import { languageOf } from "./launch.ts";
import { type LeafWord, type Output, Storage } from "./storage.ts";
import { Words } from "./words.ts";

/** A node whose value lies in another's memory (or a leaf's). */
interface Alias {
  readonly slot: number;
  readonly of: { readonly leaf: number; readonly out: number } | { readonly slot: number; readonly out: number };
  /** Registers of the layout. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A compiled plan. */
export interface Plan {
  readonly layout: Layout;
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly leaves: readonly LeafWord[];
  readonly outputs: readonly Output[];
  readonly aliases: readonly Alias[];
  readonly scalars: readonly ScalarWord[];
  /** True if a run can fail for what the data holds: its leaves must then stay as they are. */
  readonly fallible: boolean;
  /** Nodes that it computes. */
  readonly computed: number;
}

/** The schedule and steps of a graph, without running it. */
export function steps(
  graph: Graph,
  key?: Key,
): { readonly schedule: Schedule; readonly steps: readonly Step[] } {
  const schedule = fuse(graph, new Symbols(graph, key)), list = lower(schedule);
  if (CHECK) { for (const s of everyStep(list)) if (s.kind === "kernel") checkKernel(s.kernel); }
  return { schedule, steps: list };
}

/** Builds the plan of a graph and compiles its kernels. */
export function build(native: Native, graph: Graph, key: Key, device: number): Plan {
  const { schedule, steps: list } = steps(graph, key), { sizes } = schedule.symbols;
  const storage = new Storage(graph, schedule, list), w = new Words(), { outputs, leaves } = storage.bind(w);
  const language = languageOf(native, device);
  // A launch is cut for the sizes at hand.
  if (language !== null) sizes.pin();
  const starts = new Map<Graph, number>();
  let nodes = 0;
  for (const g of everyGraph(graph)) {
    starts.set(g, nodes);
    nodes += g.order.length;
  }
  const commands = new Commands(native, device, language, storage, w, starts);
  commands.write(graph, list);
  const aliases = aliasesOf(graph, schedule, storage, outputs), words = w.done();
  return {
    layout: sizes.layout(w.sizes.map(([word, size]) => [word, sizes.registerOf(size)])),
    words,
    floats: new Float32Array(words.buffer),
    leaves,
    outputs,
    aliases,
    scalars: commands.scalars,
    fallible: everyStep(list).some((s) => s.kind === "call" && !/^(gemm|copy|sort|argsort)\b/.test(s.call.routine)),
    computed: schedule.infos.length,
  };
}

/** The values that stay but have no output of their own. */
function aliasesOf(graph: Graph, schedule: Schedule, storage: Storage, outputs: readonly Output[]): Alias[] {
  const aliases: Alias[] = [], { sizes } = schedule.symbols, own = new Set(outputs.map((o) => `${o.slot}.${o.out}`));
  for (const n of graph.keep) {
    const r = resolve(schedule, n);
    if (r === null) throw new Error(`internal: ${n.op.name} was not computed`);
    if (r.node === n && own.has(`${n.slot}.0`)) continue;
    const leaf = storage.leaf(storage.over(r.node));
    aliases.push({
      slot: n.slot,
      of: leaf !== undefined ? { leaf, out: r.out } : { slot: r.node.slot, out: r.out },
      strides: r.view.strides.map((x) => sizes.registerOf(x)),
      offset: sizes.registerOf(r.view.offset),
    });
  }
  return aliases;
}
