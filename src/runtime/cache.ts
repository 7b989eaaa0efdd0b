// The plans that this thread keeps, found by the key of a graph.
import { DEBUG, debug } from "../base/env.ts";
import { type Graph, Key } from "../schedule/graph.ts";
import { deviceNumber } from "./devices.ts";
import { describe } from "./kernels.ts";
import { compiledKernels, forgetKernels } from "./commands.ts";
import { build, type Plan } from "./plan.ts";
import { ALL, native } from "./memory.ts";

/** Statistics of the plan cache: plans made, and plans laid out for other sizes; and of copies between devices. */
export const counters = {
  evals: 0,
  misses: 0,
  layouts: 0,
  computed: 0,
  copies: 0,
  copiedBytes: 0,
  /** Runs of compiled functions over placeholders, and graphs that were laid out for other sizes instead. */
  traces: 0,
  relaid: 0,
};
/** The plans of one structure, one for each outcome of their guards. */
interface Entry {
  readonly structure: Int32Array;
  readonly plans: Plan[];
}
const key = new Key();
/** Plans kept at most. */
const MAX_PLANS = 4096;
/** Kernels kept at most, of the 65,535 that the library holds for all threads. */
const MAX_KERNELS = 16384;
let plans = 0;
/** Counts how often all kernels were forgotten. */
let generation = 0;
function report(g: Graph): void {
  const start = performance.now(), kernels = describe(native(), g, deviceNumber(native(), g.device));
  debug(
    `plan ${counters.misses}: ${g.order.length} nodes, ${g.leaves.length} leaves, ${kernels.length} kernels, described in ${
      (performance.now() - start).toFixed(2)
    } ms`,
  );
  if (DEBUG < 2) return;
  kernels.forEach((k, i) =>
    debug(
      `  ${i} ${k.name}: reads ${k.reads} B, writes ${k.writes} B, ${k.flops} flop${
        DEBUG >= 3 ? `; ${k.reason}; ${k.ops.join(", ")}` : ""
      }`,
    )
  );
}
/** Makes the plan of the graph that the key was read from. */
function newPlan(g: Graph): Plan {
  counters.misses++;
  if (DEBUG >= 1) report(g);
  if (plans++ >= MAX_PLANS || compiledKernels() > MAX_KERNELS) {
    native().wait(ALL);
    forgetKernels(native());
    generation++;
    plans = 1;
  }
  return build(native(), g, key, deviceNumber(native(), g.device));
}
/** Plans found by the key of a graph. */
export class Plans {
  readonly #entries = new Map<number, Entry[]>();
  #generation = generation;

  /** The plan of a graph, laid out for its sizes. */
  of(g: Graph): Plan {
    key.read(g);
    if (this.#generation !== generation) this.clear();
    const known = this.#find()?.plans ?? [];
    let plan = known.find((p) => p.layout.holds(key.sizes));
    if (plan === undefined) {
      plan = known.find((p) => p.layout.resize(key.sizes, p.words));
      if (plan === undefined) return this.#keep(newPlan(g));
      counters.layouts++;
    }
    plan.layout.move(key.moving, key.movingCount, plan.words);
    return plan;
  }
  clear(): void {
    this.#entries.clear();
    this.#generation = generation;
  }
  #find(): Entry | undefined {
    return this.#entries.get(key.hash)?.find((e) => key.matches(e.structure));
  }
  #keep(plan: Plan): Plan {
    // Making it may have forgotten all others.
    if (this.#generation !== generation) this.clear();
    const entry = this.#find();
    if (entry !== undefined) entry.plans.push(plan);
    else {
      const made = { structure: key.structure.slice(0, key.length), plans: [plan] }, list = this.#entries.get(key.hash);
      if (list === undefined) this.#entries.set(key.hash, [made]);
      else list.push(made);
    }
    return plan;
  }
}
const cache = new Plans();
/** Forgets all plans: for tests that change what an op does. */
export function forgetPlans(): void {
  cache.clear();
  plans = 0;
}
/** The plan of a graph among those of all evals, laid out for its sizes. */
export function planOf(g: Graph): Plan {
  return cache.of(g);
}
/** The numbers of the graph whose plan was found last: its sizes, and the offsets of its leaves with the starts that ops recorded. */
export function numbersOfKey(): { readonly sizes: Float64Array; readonly moving: Float64Array } {
  return { sizes: key.sizes.slice(0, key.sizeCount), moving: key.moving.slice(0, key.movingCount) };
}
/** Changes whenever all kernels are forgotten, and with them the plans that use them. */
export function kernelGeneration(): number {
  return generation;
}
