// What has several results: ops whose results are picked, and functions with rules of their own, whose results are views of what they computed.
import { plainError } from "../base/error.ts";
import type { Aval, Node, OpDef } from "../core/node.ts";
import { apply, topological } from "../core/node.ts";
import { batchAll, define } from "../ops/basis.ts";
import { pickedFrom } from "../ops/pick.ts";

/** The rules of a function of several nodes (its primals) with several results; null where the recorded graph speaks for itself. */
export interface Rules {
  /** How many results there are. */
  readonly count: number;
  /** Cotangents of the primals, given those of the results (null: zero); `outside` tells what the walk takes for constant. */
  readonly vjp:
    | ((
      cts: readonly (Node | null)[],
      family: Node,
      need: readonly boolean[],
      outside: (n: Node) => boolean,
    ) => readonly (Node | null)[])
    | null;
  /** Tangents of the results, given those of the primals (null: zero). */
  readonly jvp: ((ts: readonly (Node | null)[], family: Node) => readonly (Node | null)[]) | null;
  /** Results for `n` examples, along a new first axis of all results and of the primals in `batched`. */
  readonly vmap: ((primals: readonly Node[], batched: readonly boolean[], n: number) => readonly Node[]) | null;
  /** The rules of the same function over a batch, given which primals have the batch as first axis. */
  over(batched: readonly boolean[], n: number): Rules;
}

/** All results of a call and its primals; never evaluated itself: it has the value of the first result. */
const familyOp: OpDef<Rules> = define<Rules>({
  name: "family",
  loose: true,
  type: ([x]) => ({ shape: (x as Aval).shape, dtype: (x as Aval).dtype }),
  lower: { kind: "view", view: (v) => v, pull: (index) => index },
  structure: () => "",
  vmap: (ins, batched, rules, n) => {
    const own = rules.vmap !== null,
      mapped = batched.slice(own ? 0 : rules.count),
      given = ins.slice(own ? 0 : rules.count);
    const results = rules.vmap !== null
      ? rules.vmap(given, mapped, n)
      : batchAll(ins.slice(0, rules.count), batched.slice(0, rules.count), n);
    return apply(familyOp, [...results, ...given], rules.over(mapped, n));
  },
  example: (family, index) => result(family, index),
});
/** Rules of a function through which all transforms see. */
const transparent = (count: number): Rules => ({
  count,
  vjp: null,
  jvp: null,
  vmap: null,
  over: () => transparent(count),
});
/** One node for several, from which `result` takes them, and `pick` in a batch of what had several results. */
export function several(results: readonly Node[]): Node {
  return familyOf(results, [], transparent(results.length));
}
const resultOp = define<{ readonly index: number }>({
  name: "result",
  loose: true,
  type: ([x]) => ({ shape: (x as Aval).shape, dtype: (x as Aval).dtype }),
  lower: { kind: "view", view: (v) => v, pull: (index) => index },
  structure: () => "",
  vmap: ([family], _, a) => result(family as Node, a.index),
});

/** Result `index` of a family. */
export function result(family: Node, index: number): Node {
  return apply(resultOp, [family.inputs[index] as Node, family], { index });
}
/** One node for the results of a function with rules of its own, given what it computed from its primals. */
export function familyOf(results: readonly Node[], primals: readonly Node[], rules: Rules): Node {
  return apply(familyOp, [...results, ...primals], rules);
}
/** The results of a function with rules of its own, given what it computed from its primals. */
export function withRules(results: readonly Node[], primals: readonly Node[], rules: Rules): Node[] {
  const family = familyOf(results, primals, rules);
  return results.map((_, i) => result(family, i));
}
/** The rules, if a node is a family. */
export function rulesOf(n: Node): Rules | null {
  return n.op === familyOp ? n.arg as Rules : null;
}
/**
 * What lies inside of a function with a gradient of its own: between its primals, on which it depends, and its results. Empty
 * for all other nodes. `outside` holds for what was recorded elsewhere.
 */
export function insideOf(n: Node, outside: (n: Node) => boolean): readonly Node[] {
  const rules = rulesOf(n);
  if (rules === null || rules.vjp === null) return [];
  const primals = new Set(n.inputs.slice(rules.count)), inside = new Set<Node>();
  for (const x of topological(n.inputs.slice(0, rules.count), (x) => primals.has(x) || outside(x))) {
    if (x.inputs.some((y) => primals.has(y) || inside.has(y))) inside.add(x);
  }
  return [...inside];
}
/** Which result of a node of several a node is (the walk's first input of it); -1 for all other nodes. */
export function indexOf(n: Node): number {
  return n.op === resultOp ? (n.arg as { readonly index: number }).index : pickedFrom(n);
}
/** How many results a node has that are nodes of their own; 0 if it is its result itself. */
export function countOf(n: Node): number {
  return rulesOf(n)?.count ?? n.outs?.length ?? 0;
}
/** Cotangents of what a node of several results is a function of, given those of the results (null: zero); `outside` tells what the walk takes for constant. */
export function pullback(
  n: Node,
  cts: readonly (Node | null)[],
  need: readonly boolean[],
  outside: (n: Node) => boolean,
): readonly (Node | null)[] {
  const rules = rulesOf(n);
  if (rules !== null) return rules.vjp === null ? cts : rules.vjp(cts, n, need, outside);
  if (n.op.vjps === undefined) throw plainError(`Cannot differentiate ${n.op.name}: it has no gradient`);
  return n.op.vjps(cts, n, n.inputs, n.arg, need);
}

/** The part of a graph that a transform walks. */
export interface Recorded {
  /** Inputs first. */
  readonly order: readonly Node[];
  /** Where in `order` the nodes are that each is a function of; -1: recorded earlier. */
  readonly inputs: readonly (readonly number[])[];
  /** Where in `order` roots and variables are; -1: not there. */
  readonly roots: readonly number[];
  readonly variables: readonly number[];
}
/**
 * What `roots` are functions of among the nodes from serial `first` on. Through a family whose function has the rule `rule`
 * a walk goes to its primals, else to the graph that the function recorded. Results are functions of their family.
 */
export function recorded(
  roots: readonly Node[],
  variables: readonly Node[],
  first: number,
  rule: "vjp" | "jvp" | "vmap",
): Recorded {
  const reads = (n: Node): readonly Node[] => {
    if (n.op === resultOp) return n.inputs.slice(1);
    const rules = rulesOf(n);
    if (rules === null) return n.inputs;
    if (rules[rule] !== null) return n.inputs.slice(rules.count);
    return rule === "vmap" ? n.inputs : n.inputs.slice(0, rules.count);
  };
  const order = topological(roots, (n) => n.serial < first, reads);
  order.forEach((n, i) => n.slot = i);
  const at = (n: Node): number => n.serial >= first && order[n.slot] === n ? n.slot : -1;
  return { order, inputs: order.map((n) => reads(n).map(at)), roots: roots.map(at), variables: variables.map(at) };
}
