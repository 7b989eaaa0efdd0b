// Control flow in plans: the bodies of a control node as graphs, and as steps over memory that moves from pass to pass.
import { itemsize } from "../base/dtype.ts";
import { askedOf } from "../core/body.ts";
import { cpu } from "../core/device.ts";
import { type Body, type Control, type Node, topological } from "../core/node.ts";
import { contiguousView, isContiguous } from "../core/view.ts";
import { minus, numberOf, plus, productOf, type Size, times } from "../kernel/sizes.ts";
import { Builder } from "./builder.ts";
import { fuse } from "./fuse.ts";
import { type Group, isPick, resolve, type Schedule } from "./group.ts";
import { type Graph, type Inner, lengthOf } from "./graph.ts";
import { nodesOf, overwritable, readsOf } from "./overwrite.ts";
import { type Block, blocksOf, type Place, placeOf, type Spot, type Step } from "./step.ts";

/** The control node's argument, if a node is one. */
export function controlOf(n: Node): Control | null {
  return n.op.lower.kind === "loop" ? n.op.lower.of(n.arg) : null;
}

const NONE: ReadonlyMap<Node, Inner> = new Map();
/** The control nodes among nodes, with their bodies as graphs. */
export function loopsOf(order: readonly Node[]): ReadonlyMap<Node, Inner> {
  const found = order.filter((n) => n.op.lower.kind === "loop");
  if (found.length === 0) return NONE;
  const picks = new Map<Node, Set<number>>(found.map((n) => [n, new Set()])), uses = new Map<Node, number>();
  for (const n of order) {
    if (isPick(n)) picks.get(n.inputs[0] as Node)?.add((n.arg as { readonly index: number }).index);
    for (const x of n.inputs) if (isPick(x)) uses.set(x, (uses.get(x) ?? 0) + 1);
  }
  return new Map(found.map((n) => {
    const inner = innerOf(n, picks.get(n) as Set<number>), { fixed } = controlOf(n) as Control, asked = askedOf(n);
    // What only gradients want goes with the eval that computes them.
    const kept = inner.wanted.filter((k) => {
      const x = asked.get(k);
      return k < fixed || (x !== undefined && (x.handles > 0 || x.pending > (uses.get(x) ?? 0)));
    });
    return [n, { ...inner, kept: new Set(kept) }];
  }));
}
type Bodies = Omit<Inner, "kept">;
const made = new WeakMap<Control, Map<string, Bodies>>();
/** The graphs of a control node of which some results are picked. */
function innerOf(n: Node, picked: Set<number>): Bodies {
  const c = controlOf(n) as Control, wanted: number[] = [];
  for (let k = 0; k < c.fixed; k++) wanted.push(k);
  for (const [k, x] of askedOf(n)) if (x.pending > 0 || x.handles > 0) picked.add(k);
  wanted.push(...[...picked].filter((k) => k >= c.fixed).sort((a, b) => a - b));
  const key = wanted.join(), known = made.get(c)?.get(key);
  if (known !== undefined) return known;
  const step = c.what === "cond" ? null : c.bodies[c.bodies.length - 1];
  const graphs = c.bodies.map((b) =>
    b === step
      ? graphOfBody(b, [...wanted, ...(c.what === "while" ? [c.carries] : [])].map((k) => b.results[k] as Node), c)
      : graphOfBody(b, b.results, { carries: 0, sliced: 0 })
  );
  const all = made.get(c) ?? new Map<string, Bodies>(), inner = { graphs, wanted };
  made.set(c, all.set(key, inner));
  return inner;
}
function graphOfBody(
  { given }: Body,
  results: readonly Node[],
  { carries, sliced }: Pick<Control, "carries" | "sliced">,
): Graph {
  const leaves = new Set(given), order = topological(results, (n) => leaves.has(n));
  const consts = given.length - carries - sliced, inPlace = new Set<Node>();
  const readers = (x: Node): number => order.filter((n) => n.inputs.includes(x)).length;
  // What is carried lies in memory of the loop's own, so that a step may change it in place if it reads it nowhere else.
  for (let k = 0; k < carries; k++) {
    const n = results[k], x = given[consts + k] as Node;
    if (n === undefined || n.inputs[0] !== x || n.inputs.lastIndexOf(x) !== 0) continue;
    const l = n.op.lower;
    if ((l.kind === "scatter" || (l.kind === "parts" && l.overwrites(n.arg))) && readers(x) === 1) inPlace.add(n);
  }
  return {
    device: order[0]?.device ?? cpu,
    order,
    leaves: given,
    keep: new Set(results),
    inPlace,
    loops: loopsOf(order),
  };
}

/** Passes of a while that a GPU is given before the host reads whether they go on; it begins with one, and doubles. */
const MOST_AHEAD = 32;
/** True if steps are kernels alone, which can be told to do nothing. */
function runsAhead(steps: readonly Step[]): boolean {
  return steps.every((s) =>
    s.kind === "kernel" || (s.kind === "loop" && s.what === "scan" && blocksOf(s).every((b) => runsAhead(b.steps)))
  );
}
type Fixed = Extract<Spot, { kind: "fixed" }>;
const fixed = (place: Place, offset: Size = 0): Fixed => ({ kind: "fixed", place, offset });
/** Lowers a control node to one step that holds those of its bodies; `lower` gives the steps of a schedule. */
export function lowerLoop(
  schedule: Schedule,
  g: Group,
  n: Node,
  steps: Step[],
  workspace: (bytes: Size) => Place,
  lower: (inner: Schedule) => Step[],
): void {
  const c = controlOf(n) as Control, { symbols } = schedule, { graphs, wanted } = schedule.loops.get(n) as Inner;
  const bytesOf = (x: Node): Size => times(productOf(symbols.of(x).shape), itemsize(x.dtype));
  const places: Place[] = [], skip = c.what === "cond" ? 1 : 0, carried = n.inputs.length - c.sliced - c.carries;
  /** Copies a value to a place. */
  const copy = (x: Node, to: Place, into: Step[]): void => {
    const { shape } = symbols.of(x);
    if (shape.includes(0)) return;
    const b = new Builder(schedule, g, shape, "map", null);
    b.store(contiguousView(shape), to, x, b.value(x, b.identity()), "set", null);
    into.push(b.finish());
  };
  /** A copy of a value at a place, made before the loop. */
  const lay = (x: Node, to: Place): Fixed => {
    copy(x, to, steps);
    places.push(to);
    return fixed(to);
  };
  /** An input, row-major. */
  const whole = (x: Node): Fixed => {
    const r = resolve(schedule, x);
    if (r === null || !isContiguous(r.view)) return lay(x, workspace(bytesOf(x)));
    const place = placeOf(r.node, r.out);
    places.push(place);
    return fixed(place, times(r.view.offset, itemsize(x.dtype)));
  };
  const blocks = graphs.map((graph): Block => ({ graph, steps: lower(fuse(graph, symbols)), spots: new Map() }));
  const length = symbols.sizes.size(lengthOf(n)),
    last = blocks[blocks.length - 1] as Block,
    results = blocks.map((b) => [...b.graph.keep]),
    lasts = results[results.length - 1] as readonly Node[],
    end: Step[] = [];
  // A GPU's plan is pinned to its sizes, and so to the number of passes of a scan.
  const known = n.device.type === "gpu" && c.what === "scan", reads = readsOf(last.steps, last.graph.leaves, bytesOf);
  const firsts = new Map<Node | null, number>();
  last.steps.forEach((s, i) => nodesOf(s).forEach((x) => firsts.has(x) || firsts.set(x, i)));
  /** Where a value lies that is a step further in each pass. */
  const walk = (place: Place, offset: Size, bytes: Size): Spot => ({
    kind: "moving",
    place,
    offset: c.reverse ? minus(plus(offset, times(length, bytes)), bytes) : offset,
    by: c.reverse ? times(bytes, -1) : bytes,
    bytes,
  });
  const spots = n.inputs.map((x, i): Spot => {
    if (i < carried) return whole(x);
    if (i >= carried + c.carries) {
      const { place, offset } = whole(x), one = last.graph.leaves[i - skip] as Node;
      return walk(place, offset, bytesOf(one));
    }
    const k = i - carried, to = placeOf(n, k), result = lasts[k] as Node;
    const first = firsts.get(result) ?? -1, leaf = i - skip, read = reads.slice(leaf, leaf + 1);
    const over = first < 0 || last.graph.inPlace.has(result) ||
      overwritable(last.steps, { node: result, bytes: bytesOf(x), first }, read).length > 0;
    if (over) {
      last.spots.set(result, fixed(to));
      return lay(x, to);
    }
    const other = workspace(bytesOf(x)), bytes = bytesOf(x);
    // Where the number of passes is known, they begin so that they end in the right place; else the end is copied.
    const [even, odd] = known && numberOf(length) % 2 === 1 ? [other, to] : [to, other];
    lay(x, even);
    places.push(odd);
    const from: Spot = { kind: "alternating", even, odd, bytes };
    last.spots.set(result, { kind: "alternating", even: odd, odd: even, bytes });
    if (!known) copy(last.graph.leaves[leaf] as Node, to, end);
    return from;
  });
  for (const b of blocks) b.graph.leaves.forEach((x, i) => b.spots.set(x, spots[i + skip] as Spot));
  const ahead = c.what === "while" && n.device.type === "gpu" && runsAhead(last.steps);
  let flag: Fixed | null = null, next: Fixed | null = null;
  if (c.what === "while") {
    const test = fixed(workspace(1));
    places.push(test.place);
    blocks.forEach((b, i) => b.spots.set(results[i]?.at(-1) as Node, test));
    if (ahead) {
      next = test;
      flag = fixed(workspace(8));
      places.push(flag.place);
    } else flag = test;
  } else if (c.what === "cond") flag = spots[0] as Fixed;
  wanted.forEach((out, j) => {
    const to = placeOf(n, out);
    if (out < c.carries) return;
    places.push(to);
    if (c.what === "cond") blocks.forEach((b, i) => b.spots.set(results[i]?.[j] as Node, fixed(to)));
    else last.spots.set(lasts[j] as Node, walk(to, 0, bytesOf(lasts[j] as Node)));
  });
  steps.push({
    kind: "loop",
    what: c.what,
    count: ahead ? MOST_AHEAD : length,
    flag,
    next,
    blocks,
    end: { graph: last.graph, steps: end, spots: last.spots },
    places: places.map((place) => ({ place, offset: 0 })),
    group: g,
  });
}
