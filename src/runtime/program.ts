// The graph of a compiled function with its plans, and the node that stands for one call of it.
import { on } from "../core/device.ts";
import { anew, apply, type Node, type OpDef } from "../core/node.ts";
import { pick } from "../ops/pick.ts";
import type { Graph } from "../schedule/graph.ts";
import type { Plans } from "./cache.ts";
import type { Plan } from "./plan.ts";

/** A plan of a program for leaves of one layout. */
export interface ProgramPlan {
  readonly plan: Plan;
  /** The sizes that it is laid out for; other graphs may have used it since. */
  readonly sizes: Float64Array;
  /** Offsets of the leaves, then the starts that ops recorded. */
  readonly moving: Float64Array;
  /** Where each result lies: in output number `output` of the plan, or (-1) in a leaf; `alias` is its view in the plan, if it is one. */
  readonly results: readonly { readonly output: number; readonly leaf: number; readonly alias: number }[];
  /** The kernels that it uses are those of this generation. */
  readonly generation: number;
}
/** A traced function: a graph over stand-ins for its arguments and the nodes that it captured. */
export interface Program {
  readonly graph: Graph;
  readonly results: readonly Node[];
  /** It is not of one device: then it has no plan of its own, and a call records its ops again. */
  readonly spread: boolean;
  /** By the layout of the leaves: "" where all are row-major. */
  readonly plans: Map<string, ProgramPlan>;
  /** Where plans come from: all graphs of a compiled function share them, whatever their sizes. */
  readonly cache: Plans;
}
/** One call: the nodes that get the results. */
export interface Call {
  readonly program: Program;
  outs: readonly Node[];
}

/** True once any program was called: until then no eval has to look for calls. */
export const programs: { called: boolean } = { called: false };

/** A call of a program; its inputs are the leaves of the program's graph, its results are picked. */
const programOp: OpDef<Call> = {
  name: "compiled function",
  type: (_, call) => call.program.results.map(({ shape, dtype }) => ({ shape, dtype })),
  lower: { kind: "program" },
};
/** Records a call: its results, which an eval computes together. */
export function call(program: Program, leaves: readonly Node[]): readonly Node[] {
  if (program.spread) return again(program, leaves);
  programs.called = true;
  return on(program.graph.device, () => {
    const arg: Call = { program, outs: [] }, n = apply(programOp, leaves, arg);
    return arg.outs = program.results.map((_, i) => pick(n, i));
  });
}
/** The results of a program's ops, recorded over other leaves. */
function again({ graph, results }: Program, leaves: readonly Node[]): readonly Node[] {
  const made = new Map<Node, Node>(graph.leaves.map((n, i) => [n, leaves[i] as Node]));
  for (const n of graph.order) made.set(n, anew(n, n.inputs.map((x) => made.get(x) as Node)));
  return results.map((n) => made.get(n) as Node);
}
/** The call that a node stands for, or null. */
export function callOf(n: Node): Call | null {
  return n.op === programOp as OpDef ? n.arg as Call : null;
}
