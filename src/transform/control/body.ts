// How the bodies of control flow come to be: a function is recorded over placeholders, and what it captures becomes inputs.
import { plainError, typeError } from "../../base/error.ts";
import { STAND_IN } from "../../core/body.ts";
import { cpu, on, recording } from "../../core/device.ts";
import { abandon, NDArray } from "../../core/ndarray.ts";
import {
  anew,
  apply,
  type Aval,
  type Body,
  type Control,
  nextSerial,
  type Node,
  type OpDef,
  topological,
  transferOp,
} from "../../core/node.ts";
import { same, text } from "../../core/shape.ts";
import { traced } from "../../core/trace.ts";
import { treeFlatten, type TreeSpec, treeUnflatten } from "../../core/tree.ts";
import { contiguousView } from "../../core/view.ts";
import { broadcastTo, placeholder } from "../../ops/basis.ts";
import { isScalar, nodeOf, wrap } from "../../ops/lift.ts";
import { pick } from "../../ops/pick.ts";
import { insideOf } from "../family.ts";

/** A value in memory of its own, as results of bodies are. */
const ownOp: OpDef<null> = {
  name: "copy",
  type: ([x]) => ({ shape: (x as Aval).shape, dtype: (x as Aval).dtype }),
  lower: { kind: "map", scalar: (_, [x]) => x as NonNullable<typeof x>, cost: 1 },
  vjp: (ct) => [ct],
  jvp: ([t]) => t ?? null,
};
/** The value of a node in memory of its own. */
export function own(x: Node): Node {
  return on(x.device, () => apply(ownOp, [x], null));
}
/** What a node is a copy of: itself, if of nothing. */
export function copied(n: Node): Node {
  return n.op === ownOp as OpDef ? n.inputs[0] as Node : n;
}
/** Constant expressions of at most so many ops are part of a body; longer ones, and what depends on memory, are computed before. */
const LIGHT = 4;

/** The argument of a loop as transforms see it. */
export interface Batched extends Control {
  /** Of a batch of loops: how many, and which results differ between them. */
  readonly batch: { readonly size: number; readonly mapped: readonly boolean[] } | null;
}
/** Result `index` of a batch of loops, its examples along the first axis. */
export function example(n: Node, index: number): Node {
  const { size, mapped } = (n.arg as Batched).batch as NonNullable<Batched["batch"]>, x = pick(n, index);
  return mapped[index] ? x : broadcastTo(x, [size, ...x.shape]);
}
/** A body, and the nodes that it captured: the first inputs of its control node. */
export interface Recorded {
  readonly body: Body;
  readonly captured: readonly Node[];
}
/**
 * Records `run` over placeholders as a body, whose first inputs are what it captured. What depends on no placeholder is
 * computed once, outside.
 */
export function record(
  given: readonly Aval[],
  what: (i: number) => string,
  run: (given: readonly Node[]) => readonly Node[],
): Recorded {
  return traced(() => {
    const first = nextSerial(), variables = given.map((a, i) => placeholder(a.shape, a.dtype, what(i)));
    const results = run(variables), order = topological(results, (n) => n.serial < first);
    const depends = dependentsOf(variables, order, first), light = new Map<Node, number>();
    for (const n of order) {
      if (depends.has(n)) continue;
      if (n.buf === null && n.inputs.every((x) => light.has(x))) {
        const cost = n.inputs.reduce((sum, x) => sum + (light.get(x) as number), 1);
        if (cost <= LIGHT && !n.placeholder && n.results === null) light.set(n, cost);
      }
    }
    const inside = (n: Node): boolean => depends.has(n) || light.has(n), captured: Node[] = [];
    for (const x of [...order.filter((n) => depends.has(n)).flatMap((n) => n.inputs), ...results]) {
      if (!inside(x) && !captured.includes(x)) captured.push(x);
    }
    const leaves = [...captured, ...variables];
    const body = bodyOf(leaves, results);
    // What was recorded for the placeholders is never evaluated.
    for (const n of order.reverse()) if (depends.has(n) && n.inputs.length > 0) abandon(n);
    return { body, captured };
  }, true);
}
/**
 * What depends on variables; with the inside of functions with rules of their own that do, between their results and their
 * primals, as gradients go to the primals.
 */
function dependentsOf(variables: readonly Node[], order: readonly Node[], first: number): ReadonlySet<Node> {
  const depends = new Set(variables), seen = new Set<Node>();
  for (let before = -1; before < depends.size;) {
    before = depends.size;
    for (const n of order) {
      if (!depends.has(n) && n.inputs.some((x) => depends.has(x))) depends.add(n);
      if (!depends.has(n) || seen.has(n)) continue;
      seen.add(n);
      for (const x of insideOf(n, (x) => x.serial < first)) depends.add(x);
    }
  }
  return depends;
}
/** A graph recorded anew as a body over placeholders for its leaves. */
function bodyOf(leaves: readonly Node[], results: readonly Node[]): Body {
  const given = leaves.map((x) => placeholder(x.shape, x.dtype, "an input of control flow"));
  const made = again(results, leaves, given), taken = new Set<Node>(given);
  const stored = made.map((x) => {
    const { kind } = x.op.lower;
    if (taken.has(x) || kind === "view" || kind === "source") return own(x);
    taken.add(x);
    return x;
  });
  for (const x of given) {
    x.buf = STAND_IN;
    x.view = contiguousView(x.shape);
  }
  return { given, results: stored };
}
/** Results recorded anew, with other nodes in the places of leaves; arrays stay. */
export function again(results: readonly Node[], leaves: readonly Node[], others: readonly Node[]): Node[] {
  const made = new Map(leaves.map((n, i) => [n, others[i] as Node])), place = (x: Node): Node => made.get(x) ?? x;
  for (const n of topological(results, (x) => made.has(x) || x.buf !== null)) made.set(n, anew(n, n.inputs.map(place)));
  return results.map(place);
}
/** What a body computes, recorded over these nodes. */
export function inline({ given, results }: Body, over: readonly Node[]): Node[] {
  return again(results, given, over);
}
/** The same body, given more at position `at`, like these nodes, which it does not read: what another body captured. */
export function widened(body: Body, before: readonly Node[], at: number): Body {
  const more = before.map((x) => placeholder(x.shape, x.dtype, "an input of control flow"));
  for (const x of more) {
    x.buf = STAND_IN;
    x.view = contiguousView(x.shape);
  }
  return { given: [...body.given.slice(0, at), ...more, ...body.given.slice(at)], results: body.results };
}

/** True if a body runs on one device that has control flow. */
export function isWhole({ given, results }: Body): boolean {
  const order = topological(results, (n) => given.includes(n)), { device } = recording;
  return order.every((n) => n.device === device && n.op !== transferOp);
}
/** Records control flow on the device of the moment, else on the CPU; `make` gives null if a body was not whole there. */
export function placed<T>(make: () => T | null): T {
  const there = make() ?? on(cpu, make);
  if (there !== null) return there;
  throw plainError(
    "Cannot run control flow over several devices: what its functions record must be of one; leave out stream() inside",
  );
}

/** A tree with arrays in the places of numbers. */
export type Arrays<T> = T extends number | boolean | bigint ? NDArray
  : T extends NDArray ? T
  : T extends readonly unknown[] ? { -readonly [K in keyof T]: Arrays<T[K]> }
  : T extends object ? { -readonly [K in keyof T]: Arrays<T[K]> }
  : T;

// ---- trees ------------------------------------------------------------------------------------------------------------
/** The nodes of a tree whose leaves are arrays or scalars; null and undefined stay as they are. */
export function leavesOf(what: string, tree: unknown): { readonly nodes: readonly Node[]; readonly spec: TreeSpec } {
  const lifted = (v: unknown): unknown => {
    if (v === null || v === undefined) return v;
    if (isScalar(v)) return wrap(nodeOf(what, v));
    throw typeError(
      `Cannot ${what} must hold only arrays and numbers, but holds ${
        typeof v === "object" ? "an object that is not plain" : `a ${typeof v}`
      }`,
    );
  };
  const { arrays, spec } = treeFlatten(tree), flat = treeFlatten(treeUnflatten(spec, arrays, lifted));
  return { nodes: flat.arrays.map((a) => a.node), spec: flat.spec };
}
/** A tree of a spec over nodes. */
export function treeOf(spec: TreeSpec, nodes: readonly Node[]): unknown {
  return treeUnflatten(spec, nodes.map(wrap));
}
/** Where the arrays of a spec are, as text. */
function pathsOf(spec: TreeSpec, path = ""): string[] {
  if (spec.kind === "array") return [path];
  if (spec.kind === "other") return [];
  return spec.items.flatMap((x, i) => pathsOf(x, spec.kind === "list" ? `${path}[${i}]` : `${path}.${spec.keys[i]}`));
}
/** True if both specs hold arrays in the same places. */
function sameSpec(a: TreeSpec, b: TreeSpec): boolean {
  if (a.kind === "array" || a.kind === "other") return a.kind === b.kind;
  if (b.kind !== a.kind || a.items.length !== b.items.length) return false;
  const keys = a.kind === "list" || (b.kind === "object" && a.keys.every((k, i) => k === b.keys[i]));
  return keys && a.items.every((x, i) => sameSpec(x, b.items[i] as TreeSpec));
}
/** A value as errors show it. */
export const show = ({ shape, dtype }: Aval): string => `${dtype}${text(shape)}`;
/** Structure of a spec as errors show it. */
function specText(spec: TreeSpec): string {
  switch (spec.kind) {
    case "array":
      return "array";
    case "list":
      return `[${spec.items.map(specText).join(", ")}]`;
    case "object":
      return `{ ${spec.keys.map((k, i) => `${k}: ${specText(spec.items[i] as TreeSpec)}`).join(", ")} }`;
    case "other":
      return String(spec.value);
    default:
      return spec satisfies never;
  }
}
/** Throws a TypeError if what a body gives has not the structure, shapes and dtypes of what it was given. */
export function checkSame(
  what: string,
  before: { readonly nodes: readonly Aval[]; readonly spec: TreeSpec },
  after: { readonly nodes: readonly Aval[]; readonly spec: TreeSpec },
  advice: string,
): void {
  if (!sameSpec(before.spec, after.spec)) {
    throw typeError(`Cannot ${what}: ${specText(before.spec)} became ${specText(after.spec)}; ${advice}`);
  }
  const paths = pathsOf(before.spec);
  before.nodes.forEach((x, i) => {
    const y = after.nodes[i] as Aval, at = paths[i] === "" ? "" : ` (at ${paths[i]})`;
    if (!same(x.shape, y.shape) || x.dtype !== y.dtype) {
      throw typeError(`Cannot ${what}${at}: ${show(x)} became ${show(y)}; ${advice}`);
    }
  });
}
/** Throws a TypeError if a function gave a promise. */
export function notAsync(what: string, value: unknown): void {
  if (value instanceof Promise) {
    throw typeError(`Cannot ${what} an asynchronous function: its result must be there when it returns`);
  }
}
/** The node of an array; null for all else. */
export function onlyArray(value: unknown): Node | null {
  return value instanceof NDArray ? value.node : null;
}
