// Runs plans: one submission, and the values back into the nodes.
import { plainError } from "../base/error.ts";
import { STAND_IN } from "../core/body.ts";
import type { Buf, Node } from "../core/node.ts";
import { trace } from "../core/trace.ts";
import { contiguousView, isContiguous, type View } from "../core/view.ts";
import { alignment, everyNode, type Graph, present } from "../schedule/graph.ts";
import { deviceNumber, isUnified } from "./devices.ts";
import { viewed } from "./graph.ts";
import type { Plan } from "./plan.ts";
import type { Call, Program, ProgramPlan } from "./program.ts";
import { counters, kernelGeneration, numbersOfKey } from "./cache.ts";
import {
  bufferOf,
  bufOf,
  discard,
  give,
  isSpare,
  memoryError,
  native,
  release,
  type Token,
  tokenFor,
  withRoom,
} from "./memory.ts";
import { BIND, putScalar, wideAt } from "./words.ts";

const NO_BUFFERS: readonly Buf[] = [];
const LIMIT_ERROR = -1;
const f64 = new Float64Array(1), f64words = new Uint32Array(f64.buffer);
/** Bytes that a plan reserves: new buffers and its arena. */
function bytesOf(p: Plan): number {
  let bytes = 0;
  for (let i = 0; i < (p.words[1] as number); i++) if (p.words[4 + 6 * i] !== 0) bytes += wideAt(p.words, 6 + 6 * i);
  return bytes;
}
/** What a submission gave: its ticket (0 = done) and the plan's outputs. */
interface Submitted {
  readonly ticket: number;
  readonly made: readonly Buf[];
}
/** Submits a plan for these leaves; `flags` 1 = asynchronous. Output number k is written over the buffer `over[k]`, if there is one. */
function submitted(
  g: Graph,
  p: Plan,
  leaves: readonly Node[],
  flags: number,
  over: readonly (Buf | undefined)[] = NO_BUFFERS,
): Submitted {
  // Plain loops: this is most of what a small eval costs.
  const { words, outputs, scalars } = p, lib = native(), far = !isUnified(lib, g.device);
  const tokens: (Token | undefined)[] | null = far ? [] : null;
  for (let k = 0; k < outputs.length; k++) {
    const { word } = outputs[k] as Plan["outputs"][number], b = over[k];
    const token: Token | undefined = b ?? (far ? tokenFor(wideAt(words, word + 2)) : undefined);
    words[word] = b === undefined ? BIND.new : BIND.update;
    words[word + 1] = token === undefined ? 0 : token.id;
    tokens?.push(token);
  }
  for (let k = 0; k < p.leaves.length; k++) {
    const l = p.leaves[k] as Plan["leaves"][number];
    words[l.word] = bufOf(leaves[l.leaf] as Node, l.out).id;
  }
  const all = everyNode(g);
  for (let k = 0; k < scalars.length; k++) {
    const s = scalars[k] as Plan["scalars"][number], n = all[s.slot] as Node, v = n.op.values?.(n.arg)[s.k];
    if (v === undefined) continue;
    if (s.t === "f32") p.floats[s.word] = v as number;
    else putScalar(words, s.word, s.t, v);
  }
  words[2] = flags | deviceNumber(lib, g.device) << 8;
  let code = lib.submit(words, words[0] as number);
  if (code === LIMIT_ERROR) {
    code = withRoom(() => lib.submit(words, words[0] as number), (c) => c === LIMIT_ERROR);
    if (code === LIMIT_ERROR) throw memoryError(bytesOf(p));
  }
  if (code < 0) throw plainError(lib.error());
  const made: Buf[] = [];
  try {
    for (let k = 0; k < outputs.length; k++) {
      const o = outputs[k] as Plan["outputs"][number], b = over[k];
      if (b !== undefined) {
        b.ticket = code;
        made.push(b);
        continue;
      }
      f64words[0] = words[o.word + 4] as number;
      f64words[1] = words[o.word + 5] as number;
      const { recorded } = g.order[o.slot] as Node;
      const id = words[o.word + 1] as number, bytes = wideAt(words, o.word + 2);
      made.push(bufferOf(id, f64[0] as number, bytes, code, recorded, tokens?.[k]));
    }
  } catch (error) {
    outputs.forEach((o, k) => over[k] === undefined && lib.dispose(words[o.word + 1] as number));
    throw error;
  }
  counters.evals++;
  counters.computed += p.computed;
  return { ticket: code, made };
}
/** Where a value lies that a plan puts in another's memory. */
function aliasView(p: Plan, a: Plan["aliases"][number], shape: readonly number[]): View {
  const { registers } = p.layout;
  return { shape, strides: a.strides.map((r) => registers[r] as number), offset: registers[a.offset] as number };
}
/** Runs a plan on a graph. Returns the ticket. */
export function run(g: Graph, p: Plan, flags: number): number {
  const { ticket, made } = submitted(g, p, g.leaves, flags);
  for (let i = 0; i < made.length; i++) {
    const o = p.outputs[i] as Plan["outputs"][number], n = g.order[o.slot] as Node, b = made[i] as Buf;
    if (n.outs === null) give(n, b, contiguousView(n.shape));
    else {
      const all = (n.results ?? new Array<Buf>(n.outs.length)) as Buf[];
      all[o.out] = b;
      b.users++;
      n.results = all;
    }
  }
  for (const a of p.aliases) {
    const n = g.order[a.slot] as Node, view = aliasView(p, a, n.shape);
    if ("leaf" in a.of) {
      give(n, bufOf(g.leaves[a.of.leaf] as Node, a.of.out), view);
    } else {
      const base = g.order[a.of.slot] as Node;
      give(n, base.outs === null ? base.buf as Buf : (base.results as Buf[])[a.of.out] as Buf, view);
    }
  }
  // What is written over a leaf is there once this submission ends.
  for (const n of g.inPlace) ((n.inputs[0] as Node).buf as Buf).ticket = ticket;
  for (const n of g.order) evaluated(n);
  return ticket;
}
/** Lets go of the inputs of a node that has a value, unless a trace may still want them. */
export function evaluated(n: Node): void {
  if (!present(n)) {
    n.lost = n.handles > 0;
    if (n.lost) viewed(n).lost = true;
    return;
  }
  n.recorded = null;
  if (n.serial >= (trace.first ?? Infinity)) return;
  for (const x of n.inputs) if (--x.pending === 0 && x.handles === 0) release(x);
  n.inputs = NONE;
}
/** No inputs. */
export const NONE: readonly Node[] = [];
export function runCall(n: Node, call: Call, flags: number): void {
  const { program, outs } = call, leaves = n.inputs, { plan, sizes, moving, results } = programPlan(program, leaves);
  if (!plan.layout.holds(sizes)) plan.layout.resize(sizes, plan.words);
  leaves.forEach((x, i) => moving[i] = (x.view as View).offset / alignment(x));
  plan.layout.move(moving, moving.length, plan.words);
  const { made } = submitted(program.graph, plan, leaves, flags, spare(plan, leaves));
  outs.forEach((out, i) => {
    if (out.handles === 0 && out.pending === 0) return;
    const r = results[i] as ProgramPlan["results"][number], a = plan.aliases[r.alias];
    const b = r.output >= 0 ? made[r.output] as Buf : (leaves[r.leaf] as Node).buf as Buf;
    give(out, b, a === undefined ? contiguousView(out.shape) : aliasView(plan, a, out.shape));
  });
  for (const b of made) if (b.users === 0) discard(b);
  n.results = NO_BUFFERS;
  for (const out of outs) evaluated(out);
  evaluated(n);
}
/** The buffers of leaves that only this call wants, for the outputs of its plan that may be written over them. */
function spare(p: Plan, leaves: readonly Node[]): readonly (Buf | undefined)[] {
  if (p.fallible) return NO_BUFFERS;
  let over: (Buf | undefined)[] | null = null;
  p.outputs.forEach((o, k) => {
    const leaf = o.over.find((i) => {
      const n = leaves[i] as Node;
      return isSpare(n, wideAt(p.words, o.word + 2)) && !over?.includes(n.buf as Buf);
    });
    if (leaf !== undefined) {
      (over ??= new Array<Buf | undefined>(p.outputs.length))[k] = (leaves[leaf] as Node).buf as Buf;
    }
  });
  return over ?? NO_BUFFERS;
}
/** The plan of a program for leaves that lie as these do. */
function programPlan(program: Program, leaves: readonly Node[]): ProgramPlan {
  const layout = leaves.every((x) => isContiguous(x.view as View) && alignment(x) > 1)
    ? ""
    : leaves.map((x) => `${(x.view as View).strides.join()},${alignment(x)}`).join(";");
  const known = program.plans.get(layout);
  if (known !== undefined && known.generation === kernelGeneration()) return known;
  const { graph } = program;
  const plan = onLeaves(program, leaves.map((x) => x.view as View), (g) => program.cache.of(g));
  const results = program.results.map((r) => {
    const alias = plan.aliases.findIndex((a) => a.slot === graph.order.indexOf(r)), of = plan.aliases[alias]?.of;
    const [slot, out] = of !== undefined && "slot" in of ? [of.slot, of.out] : [graph.order.indexOf(r), 0];
    return {
      output: plan.outputs.findIndex((o) => o.slot === slot && o.out === out),
      leaf: of !== undefined && "leaf" in of ? of.leaf : -1,
      alias,
    };
  });
  const made = { plan, ...numbersOfKey(), results, generation: kernelGeneration() };
  program.plans.set(layout, made);
  return made;
}
/** Plans or describes the graph of a program for leaves that lie like these. */
export function onLeaves<T>({ graph }: Program, views: readonly View[], f: (g: Graph) => T): T {
  return standingIn(graph.leaves, views, () => {
    graph.order.forEach((x, i) => x.slot = i);
    graph.leaves.forEach((x, i) => x.slot = i);
    return f(graph);
  });
}
/** Runs `f` while nodes without memory count as evaluated, with these views. */
export function standingIn<T>(nodes: readonly Node[], views: readonly View[], f: () => T): T {
  const before = nodes.map((n) => [n.buf, n.view] as const);
  nodes.forEach((n, i) => {
    n.buf = STAND_IN;
    n.view = views[i] as View;
  });
  try {
    return f();
  } finally {
    nodes.forEach((n, i) => [n.buf, n.view] = before[i] as readonly [Buf | null, View | null]);
  }
}
