// The plans that this thread keeps, found by the key of a graph.
import { DEBUG, debug } from "../base/env.ts";
import { type Graph, Key } from "../schedule/graph.ts";
import { deviceNumber } from "./devices.ts";
import { build, compiledKernels, describe, forgetKernels, type Plan } from "./plan.ts";
import { ALL, native } from "./memory.ts";

/** Statistics of the plan cache: plans made, and plans laid out for other sizes; and of copies between devices. */
export const counters = { evals: 0, misses: 0, layouts: 0, computed: 0, copies: 0, copiedBytes: 0 };
/** The plans of one structure, one for each outcome of their guards. */
interface Entry {
  readonly structure: Int32Array;
  readonly plans: Plan[];
}
const cache = new Map<number, Entry[]>(), key = new Key();
/** Forgets all plans: for tests that change what an op does. */
export function forgetPlans(): void {
  cache.clear();
  plans = 0;
}
/** Plans kept at most. */
const MAX_PLANS = 4096;
/** Kernels kept at most, of the 65,535 that the library holds for all threads. */
const MAX_KERNELS = 16384;
let plans = 0;
/** Counts how often all kernels were forgotten. */
let generation = 0;
function report(g: Graph): void {
  const start = performance.now(), kernels = describe(g);
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
/** The plan of a graph, laid out for its sizes. */
export function planOf(g: Graph): Plan {
  key.read(g);
  const entry = cache.get(key.hash)?.find((e) => key.matches(e.structure)), known = entry?.plans ?? [];
  let plan = known.find((p) => p.layout.holds(key.sizes));
  if (plan === undefined) {
    plan = known.find((p) => p.layout.resize(key.sizes, p.words));
    if (plan === undefined) return cached(newPlan(g));
    counters.layouts++;
  }
  plan.layout.move(key.moving, key.movingCount, plan.words);
  return plan;
}
/** Makes the plan of the graph that the key was read from. */
function newPlan(g: Graph): Plan {
  counters.misses++;
  if (DEBUG >= 1) report(g);
  if (plans++ >= MAX_PLANS || compiledKernels() > MAX_KERNELS) {
    native().wait(ALL);
    forgetKernels(native());
    generation++;
    cache.clear();
    plans = 1;
  }
  return build(native(), g, key, deviceNumber(native(), g.device));
}
/** Keeps a plan for the structure in the key. */
export function cached(plan: Plan): Plan {
  const list = cache.get(key.hash);
  const entry = list?.find((e) => key.matches(e.structure));
  if (entry !== undefined) entry.plans.push(plan);
  else {
    const made = { structure: key.structure.slice(0, key.length), plans: [plan] };
    if (list === undefined) cache.set(key.hash, [made]);
    else list.push(made);
  }
  return plan;
}
/** A plan that nothing else will use, with the offsets of its leaves and the starts that ops recorded. */
export function ownPlan(g: Graph): { readonly plan: Plan; readonly moving: Float64Array } {
  key.read(g);
  return { plan: newPlan(g), moving: key.moving.slice(0, key.movingCount) };
}
/** Changes whenever all kernels are forgotten, and with them the plans that use them. */
export function kernelGeneration(): number {
  return generation;
}
