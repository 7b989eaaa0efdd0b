// From groups of nodes to the steps of a plan: which kernels and calls each group becomes.
import { itemsize } from "../base/dtype.ts";
import type { Node, Typed } from "../core/node.ts";
import { contiguousView, isContiguous, type PlanView } from "../core/view.ts";
import { ceilDiv, plus, productOf, type Size, times } from "../kernel/sizes.ts";
import {
  COLUMN_BLOCK,
  foldsRows,
  type Group,
  type Home,
  type Info,
  type Nodes,
  productBlock,
  resolve,
  ROW_BLOCK,
  type Schedule,
} from "./group.ts";
import { Builder } from "./builder.ts";
import { cut, MOST_BUFFERS } from "./cut.ts";
import { lowerLoop } from "./loops.ts";
import { type Place, placeOf, type Step } from "./step.ts";

/** All steps of a schedule, in order. */
export function lower(schedule: Schedule, spaces: { count: number } = { count: 0 }): Step[] {
  const steps: Step[] = [];
  for (const g of schedule.groups) lowerWithin(schedule, g, steps, spaces);
  return steps;
}
/** Lowers a group in as many parts as it takes to bind no more memory than a device does. */
function lowerWithin(schedule: Schedule, g: Group, steps: Step[], spaces: { count: number }): void {
  const before = steps.length;
  lowerGroup(schedule, g, steps, spaces);
  if (!steps.slice(before).some((s) => s.kind === "kernel" && s.kernel.mems.length > MOST_BUFFERS)) return;
  const parts = cut(schedule, g);
  if (parts === null) return;
  steps.length = before;
  for (const p of parts) lowerWithin(schedule, p, steps, spaces);
}

const isEmpty = (shape: readonly Size[]): boolean => shape.includes(0);
/** Where a node's value is written. */
const homeOf = (nodes: Nodes, n: Node): Home => {
  const i = nodes.infos[n.slot] as Info;
  return i.home ?? { node: n, view: whole(nodes, n) };
};
/** True if what `x` shows is written into the memory of a node by what computes it. */
function isWithin({ infos }: Nodes, x: Node, memory: Node): boolean {
  let at = x;
  while (at.op.lower.kind === "view" && at.buf === null) at = at.inputs[0] as Node;
  return at.buf === null && (infos[at.slot] as Info).home?.node === memory;
}
/** A node's memory, row-major. */
const whole = (nodes: Nodes, n: Node): PlanView => contiguousView(nodes.symbols.of(n).shape);

function lowerGroup(schedule: Schedule, g: Group, steps: Step[], spaces: { count: number }): void {
  const first = g.members[0] as Node, { infos, inPlace, symbols } = schedule;
  const workspace = (bytes: Size): Place => ({ node: null, out: 0, workspace: spaces.count++, bytes });
  if (g.kind === "loop") return lowerLoop(schedule, g, first, steps, workspace, (inner) => lower(inner, spaces));
  if (g.kind === "call") return lowerCall(schedule, g, first, steps, workspace);
  if (g.kind === "parts") {
    const l = first.op.lower;
    const out = symbols.of(first), home = homeOf(schedule, first);
    // A reshape that has to copy is one part: its input's elements in row-major order.
    const list = l.kind === "parts"
      ? l.parts(first.arg, first.inputs.map((x) => symbols.of(x)), out)
      : [{ input: 0, view: () => whole(schedule, first.inputs[0] as Node) }];
    for (const part of list) {
      const input = first.inputs[part.input] as Node, { shape } = symbols.of(input);
      if (isEmpty(shape) || (part.input === 0 && inPlace.has(first)) || isWithin(schedule, input, home.node)) continue;
      const b = new Builder(schedule, g, shape, "map", null);
      b.store(part.view(home.view), placeOf(home.node), first, b.value(input, b.identity()), "set", null);
      steps.push(b.finish());
    }
    return;
  }
  if (g.kind === "scan") {
    if (isEmpty(g.shape)) return;
    // Along the last axis each row is walked in order; along another one a tile of running values is.
    const axes = g.axes as readonly [number, number], rows = foldsRows(g.shape, axes);
    const b = new Builder(schedule, g, g.shape, rows ? "row" : "column", rows ? [axes[0], g.shape.length] : axes);
    b.scan(first);
    steps.push(b.finish());
    return;
  }
  if (g.kind === "scatter") return lowerScatter(schedule, g, first, steps, inPlace.has(first));
  // What nobody reads, as only the order is after it, is not computed, nor what is in its place. A product without depth is 0.
  const stored = g.members.filter((n) =>
    (infos[n.slot] as Info).stored && !(n.op.lower.kind === "view" && isWithin(schedule, n.inputs[0] as Node, n))
  );
  if (isEmpty(g.kind === "product" ? g.shape.slice(0, -1) : g.shape) || stored.length === 0) return;
  let b = g.split
    ? lowerSplit(schedule, g, first, steps, workspace)
    : new Builder(schedule, g, g.shape, g.kind, g.axes);
  const fill = (): void => {
    for (const n of g.members) {
      const info = infos[n.slot] as Info;
      if (g.split && n === first) continue;
      if (info.role === "fold") b.fold(n);
      else if (info.role === "scan") b.scan(n);
      else b.member(n, info.role === "row");
    }
  };
  fill();
  if (!b.foldsAlong()) {
    // The loads do not run along one axis: the input of the fold is laid out first.
    const input = first.inputs[0] as Node, place = layOut(schedule, g, input, steps, workspace);
    b = new Builder(schedule, g, g.shape, g.kind, g.axes);
    b.substitute(input, place);
    fill();
  }
  for (const n of stored) {
    const info = infos[n.slot] as Info;
    if (info.role === "scan") continue;
    b.store(whole(schedule, n), placeOf(n), n, b.memberValue(n), "set", null, info.role !== "element");
  }
  steps.push(b.finish());
}

/** Copies the input of a fold to a workspace, row-major. */
function layOut(
  schedule: Nodes,
  g: Group,
  input: Node,
  steps: Step[],
  workspace: (bytes: Size) => Place,
): Place {
  const copy = new Builder(schedule, g, g.shape, "map", null),
    place = workspace(times(productOf(g.shape), itemsize(input.dtype)));
  copy.store(contiguousView(g.shape), place, input, copy.value(input, copy.identity()), "set", null);
  steps.push(copy.finish());
  return place;
}

/** A long fold: partial results of fixed blocks go to a workspace. Gives the second kernel, which folds those. */
function lowerSplit(
  schedule: Nodes,
  g: Group,
  n: Node,
  steps: Step[],
  workspace: (bytes: Size) => Place,
): Builder {
  const axes = g.axes as readonly [number, number], input = n.inputs[0] as Node;
  const count = productOf(g.shape.slice(axes[0], axes[1])),
    block = g.kind === "product" ? productBlock(g.shape) : g.kind === "row" ? ROW_BLOCK : COLUMN_BLOCK,
    blocks = ceilDiv(count, block);
  const lead = g.shape.slice(0, axes[0]), tail = g.shape.slice(axes[1]);
  let b = new Builder(schedule, g, g.shape, g.kind, axes);
  b.fold(n);
  const t = partialType(n);
  let partial = b.partial(blocks, block, count, t, workspace);
  if (partial === null) {
    // The loads do not run along one axis: the input is laid out first.
    const place = layOut(schedule, g, input, steps, workspace);
    b = new Builder(schedule, g, g.shape, g.kind, axes);
    b.substitute(input, place);
    b.fold(n);
    partial = b.partial(blocks, block, count, t, workspace);
    if (partial === null) throw new Error("internal: a row-major input cannot be cut");
  }
  steps.push(partial.step);
  // Whole partial results of a product follow one another, so that each is stored as it comes.
  const f = g.kind === "product"
    ? new Builder(schedule, g, [blocks, ...lead], "column", [0, 1])
    : new Builder(schedule, g, [...lead, blocks, ...tail], g.kind, [lead.length, lead.length + 1]);
  f.foldMemory(n, partial.place, t);
  return f;
}
function partialType(n: Node): Typed {
  const d = (n.inputs[0] as Node).dtype;
  return {
    dtype: d === "float16" || d === "bfloat16"
      ? "float32"
      : d === "bool" || d === "int8" || d === "int16" || d === "uint8" || d === "uint16"
      ? "int32"
      : d,
  };
}

function lowerScatter(schedule: Nodes, g: Group, n: Node, steps: Step[], inPlace: boolean): void {
  const l = n.op.lower;
  if (l.kind !== "scatter") throw new Error("internal: scatter");
  const base = n.inputs[0] as Node, updates = n.inputs[n.inputs.length - 1] as Node, indices = n.inputs.slice(1, -1);
  const view = whole(schedule, n), reads = schedule.symbols.of(updates).shape;
  if (isEmpty(view.shape)) return;
  if (!inPlace) {
    const copy = new Builder(schedule, g, view.shape, "map", null);
    copy.store(view, placeOf(n), n, copy.value(base, copy.identity()), "set", null);
    steps.push(copy.finish());
  }
  if (isEmpty(reads)) return;
  const a = n.arg as {
    source: readonly ({ from: "out"; axis: number } | { from: "index"; which: number })[];
    indexAxes: readonly number[];
  };
  const b = new Builder(schedule, g, reads, "sequence", null);
  const at = b.identity();
  const index = b.sourceIndex(view.shape, a, indices, at);
  b.storeAt(view, placeOf(n), n, index, b.value(updates, at), l.combine(n.arg));
  steps.push(b.finish());
}

function lowerCall(
  schedule: Nodes,
  g: Group,
  n: Node,
  steps: Step[],
  workspace: (bytes: Size) => Place,
): void {
  const l = n.op.lower;
  if (l.kind !== "call") throw new Error("internal: call");
  const outs = schedule.symbols.outs(n);
  const views: PlanView[] = [], places: { place: Place; base: Size; item: number }[] = [];
  for (const input of n.inputs) {
    const r = resolve(schedule, input), { shape } = schedule.symbols.of(input);
    if (r !== null && (l.strided || isContiguous(r.view))) {
      views.push(r.view);
      places.push({ place: placeOf(r.node, r.out), base: r.view.offset, item: itemsize(input.dtype) });
    } else {
      const place = workspace(times(productOf(shape), itemsize(input.dtype)));
      if (!isEmpty(shape)) {
        const b = new Builder(schedule, g, shape, "map", null);
        b.store(contiguousView(shape), place, input, b.value(input, b.identity()), "set", null);
        steps.push(b.finish());
      }
      views.push(contiguousView(shape));
      places.push({ place, base: 0, item: itemsize(input.dtype) });
    }
  }
  const home = homeOf(schedule, n);
  for (const call of l.calls(n.arg, views, outs, n.inputs.map((x) => schedule.symbols.of(x)), home.view)) {
    steps.push({
      kind: "call",
      call,
      group: g,
      places: call.pointers.map((p) => {
        if (p.which === "out") {
          const at = plus(home.view.offset, p.offset), item = itemsize((outs[p.index] as Typed).dtype);
          return { place: placeOf(home.node, p.index), offset: times(at, item) };
        }
        const at = places[p.index] as { place: Place; base: Size; item: number };
        return { place: at.place, offset: times(plus(at.base, p.offset), at.item) };
      }),
    });
  }
}
