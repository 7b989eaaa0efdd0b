// Where to cut: sorts the nodes of an eval into groups, each of which becomes one kernel or library call, with the reason of every cut.
import type { Index, Node } from "../core/node.ts";
import { contiguousView, type PlanView } from "../core/view.ts";
import { hasCalls } from "../core/device.ts";
import { below, ceilDiv, productOf, sameSizes, type Size, sizeText, times } from "../kernel/sizes.ts";
import { type Graph, present, type Symbols } from "./graph.ts";
import { inOrder } from "./order.ts";

/** Role of a node inside its group. */
export type Role = "element" | "row" | "fold" | "scan" | "whole";

/** Nodes that run as one kernel, or one library call. */
export interface Group {
  readonly index: number;
  /** `product`: rows that are sums of products of two matrices. */
  kind: "map" | "row" | "product" | "column" | "scan" | "parts" | "scatter" | "call" | "loop";
  /** Iteration shape, and the axes that are folded. */
  readonly shape: readonly Size[];
  axes: readonly [number, number] | null;
  readonly members: Node[];
  readonly inputs: Set<Node>;
  /** Members that are known to be written to memory, and folds, whose results mostly are. */
  stores: number;
  cost: number;
  readonly reason: string;
  /** A fold that is cut into blocks: nothing else joins it, but what follows a matrix product. */
  readonly split: boolean;
}

/** What the scheduler knows of a node during one eval; `node.slot` is its position. */
export interface Info {
  readonly node: Node;
  group: Group | null;
  role: Role;
  /** Written to memory by its group. */
  stored: boolean;
  /** Operations inlined below this node. */
  cost: number;
  /** At most how many values in memory or in groups it reads. */
  reads: number;
  /** How many of them for each of its elements anew, and not the same ones along an axis. */
  loads: number;
  /** Consumers inside this eval. */
  uses: number;
  root: boolean;
}

/** What is known of the nodes of an eval, by slot, and their sizes. */
export interface Nodes {
  readonly infos: readonly Info[];
  readonly symbols: Symbols;
}
/** The groups of an eval in the order in which they run. */
export interface Schedule extends Nodes {
  readonly groups: readonly Group[];
  /** Nodes that are written over their first input. */
  readonly inPlace: ReadonlySet<Node>;
  readonly loops: Graph["loops"];
}

/** Cost above which a value that several kernels want is stored instead of computed again. */
const SHARE_COST = 6;
/**
 * True if several want a value that is better kept than computed for each of them: it takes many operations, or reads more
 * memory than it would to compute it once, to write it and to read it again.
 */
const isShared = ({ cost, loads, uses }: Info): boolean =>
  uses > 1 && (cost > SHARE_COST || loads * uses > loads + 1 + uses);
/** Largest number of operations that are inlined into one kernel. */
const MAX_COST = 300;
const MAX_INPUTS = 24;
/** Most inputs and stored values of one kernel, as far as they are known (schedule/cut.ts cuts what binds too much). */
const MAX_BUFFERS = 28;

/** True if a fold's axes reach the last axis that is longer than 1: its tree runs along rows. */
export function foldsRows(shape: readonly Size[], axes: readonly [number, number]): boolean {
  for (let d = axes[1]; d < shape.length; d++) if (shape[d] !== 1) return false;
  return true;
}

/** Elements of a block where a long fold is cut; a matter of the shape alone, so that the tree of a sum never depends on what runs beside it. */
export const ROW_BLOCK = 32768, COLUMN_BLOCK = 512;

/** Why control flow is a group of its own, and how it runs. */
const CONTROL = {
  scan: "control flow repeats kernels of its own, all passes one after the other",
  while: "control flow repeats kernels of its own while a byte says so, which the library reads before each pass",
  cond: "control flow runs one of two lists of kernels, by a byte that the library reads",
} as const;
/**
 * A fold joins the map that stores what it folds where there are as many rows as a map would have parts, and where memory is what the
 * map waits for: what computes long has better shapes as a map.
 */
const MANY_ROWS = 256, LIGHT = 24;

/** True if a fold over these axes is cut into blocks: few long rows, or tall columns. */
export function splits(shape: readonly Size[], axes: readonly [number, number], fold: string): boolean {
  if (fold === "argmin" || fold === "argmax") return false;
  const n = productOf(shape.slice(axes[0], axes[1]));
  if (!foldsRows(shape, axes)) return !below(n, 2 * COLUMN_BLOCK);
  return !below(n, 4 * ROW_BLOCK) && below(productOf(shape.slice(0, axes[0])), 17);
}

/**
 * The depth of a block where a matrix product [..., rows, columns, depth] is cut, as it has few tiles and long sums; 0: it is not. A matter of the
 * shape alone too.
 */
export function productBlock(shape: readonly Size[]): number {
  const n = shape.length, depth = shape[n - 1] as Size;
  const tiles = times(ceilDiv(shape[n - 3] as Size, 32), ceilDiv(shape[n - 2] as Size, 32));
  if (below(depth, 2048) || !below(times(tiles, productOf(shape.slice(0, -3))), 64)) return 0;
  return below(depth, 131072) ? 512 : 8192;
}
/** True if a node is a matrix product for which its device has no routine. */
export function isProduct(n: Node): boolean {
  const l = n.op.lower;
  return l.kind === "call" && l.product !== undefined && !hasCalls(n.device, l.family);
}

/** The memory that holds a node's value, seen as its shape; null if it has to be computed in place. */
export function resolve({ infos, symbols }: Nodes, n: Node): { node: Node; out: number; view: PlanView } | null {
  if (n.buf !== null) return { node: n, out: 0, view: symbols.view(n) };
  const info = infos[n.slot], aval = symbols.of(n);
  if (info !== undefined && info.node === n && info.stored) {
    return { node: n, out: 0, view: contiguousView(aval.shape) };
  }
  const lower = n.op.lower;
  if (isPick(n)) {
    return {
      node: n.inputs[0] as Node,
      out: (n.arg as { readonly index: number }).index,
      view: contiguousView(aval.shape),
    };
  }
  if (lower.kind !== "view") return null;
  const input = resolve({ infos, symbols }, n.inputs[0] as Node);
  if (input === null) return null;
  const view = lower.view(input.view, n.arg, aval);
  return view === null ? null : { node: input.node, out: input.out, view };
}

/** The group's axis under each axis of a value of one element a row (-1 where its length is 1), or null if the shape does not fit. */
export function rowDims(
  g: { readonly shape: readonly Size[]; readonly axes: readonly [number, number] | null },
  shape: readonly Size[],
): number[] | null {
  if (g.axes === null) return null;
  const [lo, hi] = g.axes, kept = g.shape.map((_, d) => d).filter((d) => (d < lo || d >= hi) && g.shape[d] !== 1);
  let k = 0;
  const out = shape.map((n) => n === 1 ? -1 : g.shape[kept[k] ?? -1] === n ? kept[k++] as number : -2);
  return k === kept.length && !out.includes(-2) ? out : null;
}

/** True for a node that stands for one result of an op with several. */
export function isPick(n: Node): boolean {
  return n.op.lower.kind === "source" && n.inputs.length > 0;
}

/** The index of every element of a node, to be pulled to an input. */
const probe = (n: Node): Index[] => n.shape.map((_, d) => ({ offset: 0, terms: new Map([[d, 1]]), computed: [] }));
/** True if the index of `n`'s input stays affine for any index of `n`: what reshapes in the middle of a chain are asked. */
function canPull(symbols: Symbols, n: Node): boolean {
  const lower = n.op.lower;
  if (lower.kind !== "view") return true;
  return lower.pull(probe(n), n.arg, symbols.of(n.inputs[0] as Node), symbols.of(n)) !== null;
}

/** True if a view shows the same elements again along an axis. */
function repeats(symbols: Symbols, n: Node): boolean {
  const lower = n.op.lower;
  if (lower.kind !== "view") return false;
  const pulled = lower.pull(probe(n), n.arg, symbols.of(n.inputs[0] as Node), symbols.of(n));
  return pulled !== null && n.shape.some((k, d) => k !== 1 && !pulled.some((x) => x.terms.has(d)));
}

const MEMORY = { cost: 0, reads: 1, loads: 1 } as const;
/** Sorts the nodes of a graph into groups. */
export function fuse({ order, keep, inPlace, loops }: Graph, symbols: Symbols): Schedule {
  const shapeOf = (n: Node): readonly Size[] => symbols.of(n).shape;
  const infos: Info[] = order.map((node, i) => {
    node.slot = i;
    return {
      node,
      group: null,
      role: "whole",
      stored: false,
      cost: 0,
      reads: 1,
      loads: 1,
      uses: 0,
      root: keep.has(node),
    };
  });
  const groups: Group[] = [];
  const info = (n: Node): Info | undefined => {
    const i = infos[n.slot];
    return i !== undefined && i.node === n ? i : undefined;
  };
  // What has to lie in memory whatever the grouping: roots, inputs of calls and scatters, and what a reshape cannot see through.
  const must = new Set<Node>();
  const demand = (n: Node): void => {
    let at = n;
    while (at.op.lower.kind === "view" && at.buf === null && !must.has(at)) at = at.inputs[0] as Node;
    if (at.buf === null && !isPick(at)) must.add(at);
  };
  for (const i of infos) {
    const n = i.node, lower = n.op.lower;
    for (const c of n.inputs) {
      const ci = info(c);
      if (ci !== undefined) ci.uses++;
      // A view reads its first input; the others are only to come before it.
      if (lower.kind === "view") break;
    }
    if (i.root || lower.kind === "loop" || (lower.kind === "call" && !isProduct(n))) demand(n);
    if (lower.kind === "call" || lower.kind === "loop") n.inputs.forEach(demand);
    if (lower.kind === "scatter") n.inputs.forEach((c, k) => k === 0 ? undefined : demand(c));
    if (lower.kind === "gather") demand(n.inputs[0] as Node);
  }
  for (const n of must) (info(n) as Info).stored = true;
  // A reshape that is not affine needs its input in memory, as rows; known before any group reads that input in another way.
  for (const i of infos) {
    const n = i.node;
    if (n.op.lower.kind !== "view" || resolve({ infos, symbols }, n) !== null || canPull(symbols, n)) continue;
    // Where the input is in memory, but not as rows, the reshape itself is the copy.
    (info(n.inputs[0] as Node) ?? i).stored = true;
  }

  /** What a consumer that computes `c` in place takes over from it. */
  const inlined = (c: Node): Pick<Info, "cost" | "reads" | "loads"> => {
    const ci = info(c);
    return ci === undefined || ci.group !== null ? MEMORY : ci;
  };
  /** Groups and memory that computing `n` in place would read. */
  const dependencies = (n: Node): { groups: Set<Group>; inputs: Set<Node>; cost: number } => {
    const out = { groups: new Set<Group>(), inputs: new Set<Node>(), cost: 0 }, seen = new Set<Node>();
    const stack = [...n.inputs];
    while (stack.length > 0) {
      const c = stack.pop() as Node;
      if (seen.has(c)) continue;
      seen.add(c);
      if (present(c)) {
        out.inputs.add(c);
        continue;
      }
      const ci = info(c) as Info;
      if (ci.group !== null) {
        out.groups.add(ci.group);
        out.inputs.add(c);
      } else {
        out.cost++;
        stack.push(...c.inputs);
      }
    }
    return out;
  };
  const open = (
    kind: Group["kind"],
    shape: readonly Size[],
    axes: readonly [number, number] | null,
    reason: string,
    split = false,
  ): Group => {
    const g: Group = {
      index: groups.length,
      kind,
      shape,
      axes,
      members: [],
      inputs: new Set(),
      stores: 0,
      cost: 0,
      reason,
      split,
    };
    groups.push(g);
    return g;
  };
  const join = (i: Info, g: Group, role: Role, inputs: ReadonlySet<Node>, cost: number): void => {
    i.group = g;
    i.role = role;
    g.members.push(i.node);
    if (i.stored || role === "fold") g.stores++;
    for (const c of inputs) g.inputs.add(c);
    g.cost += cost + 1;
  };
  for (const i of infos) {
    const n = i.node, lower = n.op.lower;
    if (lower.kind === "view" || lower.kind === "source") {
      if (lower.kind === "view") {
        const input = n.inputs[0] as Node;
        if (i.stored) {
          const copies = !canPull(symbols, n);
          join(
            i,
            open(copies ? "parts" : "map", shapeOf(n), null, "a reshape needs its input as rows"),
            copies ? "whole" : "element",
            dependencies(n).inputs,
            0,
          );
        }
        i.cost = inlined(input).cost;
        i.reads = inlined(input).reads;
        i.loads = repeats(symbols, n) ? 0 : inlined(input).loads;
      }
      continue;
    }
    if (isProduct(n)) {
      const d = dependencies(n), out = shapeOf(n), depth = shapeOf(n.inputs[0] as Node).slice(-1);
      const shape = [...out, ...depth], axes: readonly [number, number] = [out.length, shape.length];
      join(i, open("product", shape, axes, "a matrix product", productBlock(shape) > 0), "fold", d.inputs, d.cost);
      continue;
    }
    if (lower.kind === "call" || lower.kind === "loop" || lower.kind === "parts" || lower.kind === "scatter") {
      const d = dependencies(n);
      i.stored = true;
      join(
        i,
        open(
          lower.kind,
          shapeOf(n),
          null,
          lower.kind === "call"
            ? "a library call reads and writes memory"
            : lower.kind === "loop"
            ? CONTROL[lower.of(n.arg).what]
            : "several stores fill one array",
        ),
        "whole",
        d.inputs,
        0,
      );
      continue;
    }
    i.cost = lower.kind === "map" || lower.kind === "iota" ? lower.cost ?? 1 : 1;
    i.reads = i.loads = 0;
    for (const c of n.inputs) {
      i.cost += inlined(c).cost;
      i.reads += inlined(c).reads;
      i.loads += inlined(c).loads;
    }
    if (lower.kind === "scan") {
      const d = dependencies(n);
      const axis = lower.axis(n.arg), from = [...d.groups], shape = shapeOf(n);
      const rows: readonly [number, number] = [axis, shape.length];
      i.stored = true;
      // A scan joins the row whose folds it reads.
      const g = foldsRows(shape, [axis, axis + 1])
        ? latest(from, (g) =>
          g.kind === "row" && from.includes(g) && sameSizes(g.shape, shape) &&
          sameSizes(g.axes as readonly number[], rows) &&
          fits(g, d))
        : undefined;
      if (g !== undefined && reachable(n, g)) join(i, g, "scan", d.inputs, d.cost);
      else {join(
          i,
          open(
            "scan",
            shape,
            [axis, axis + 1],
            groups.length === 0 ? "first kernel" : "a scan walks its axis in order",
          ),
          "scan",
          d.inputs,
          d.cost,
        );}
      continue;
    }
    if (lower.kind === "fold") {
      const d = dependencies(n);
      let axes = lower.axes(n.arg);
      const shape = shapeOf(n.inputs[0] as Node);
      if (foldsRows(shape, axes)) axes = [axes[0], shape.length];
      const kind = foldsRows(shape, axes) ? "row" : "column";
      const from = [...d.groups];
      const cut = splits(shape, axes, lower.op(n.arg));
      if (cut) i.stored = true;
      const g = kind === "row" && !cut
        ? latest(
          from,
          (g) =>
            sameSizes(g.shape, shape) && fits(g, d) &&
            (g.kind === "row"
              ? sameSizes(g.axes as readonly number[], axes)
              : g.kind === "map" && from.includes(g) && g.members.every((m) => (info(m) as Info).cost <= LIGHT) &&
                !below(productOf(shape.slice(0, axes[0])), MANY_ROWS)),
        )
        : undefined;
      if (g !== undefined && reachable(n, g)) {
        g.kind = "row";
        g.axes = axes;
        join(i, g, "fold", d.inputs, d.cost);
      } else {join(
          i,
          open(
            kind,
            shape,
            axes,
            groups.length === 0 ? "first kernel" : kind === "row" ? "folds over other rows" : "folds over columns",
            cut,
          ),
          "fold",
          d.inputs,
          d.cost,
        );}
      continue;
    }
    if (!i.stored && i.cost <= MAX_COST && !isShared(i) && i.reads <= MAX_INPUTS) continue;
    const d = dependencies(n);
    i.reads = d.inputs.size;
    if (i.cost > MAX_COST || i.reads > MAX_INPUTS) i.stored = true;
    else if (!i.stored && !isShared(i)) continue;
    const from = [...d.groups], shape = shapeOf(n);
    let role: Role = "element";
    const g = latest(from, (g) => {
      if (!fits(g, d)) return false;
      if (g.kind === "map") {
        role = "element";
        return sameSizes(g.shape, shape) && (from.includes(g) || shares(g, d.inputs)) && reachable(n, g);
      }
      if (g.kind === "row" || g.kind === "product" || g.kind === "column") {
        if (!from.includes(g) && !shares(g, d.inputs)) return false;
        if (g.kind === "row" && sameSizes(g.shape, shape)) {
          role = "element";
          return reachable(n, g);
        }
        if (from.includes(g) && rowDims(g, shape) !== null) {
          role = "row";
          return reachable(n, g);
        }
      }
      return false;
    });
    if (g !== undefined) join(i, g, role, d.inputs, d.cost);
    else {join(
        i,
        open("map", shape, null, groups.length === 0 ? "first kernel" : "another iteration shape"),
        "element",
        d.inputs,
        d.cost,
      );}
  }

  /** The latest group that is right for a node, of those after which none that it reads runs. */
  function latest(from: readonly Group[], right: (g: Group) => boolean): Group | undefined {
    const first = from.reduce((most, f) => Math.max(most, f.index), 0);
    for (let k = groups.length - 1; k >= first; k--) if (right(groups[k] as Group)) return groups[k];
    return undefined;
  }
  /** A node would not make a group too large. */
  function fits(g: Group, d: { inputs: ReadonlySet<Node>; cost: number }): boolean {
    if ((g.split && g.kind !== "product") || g.cost + d.cost > MAX_COST) return false;
    let more = 0;
    for (const c of d.inputs) if (!g.inputs.has(c)) more++;
    return g.inputs.size + more <= MAX_INPUTS && g.inputs.size + more + g.stores < MAX_BUFFERS;
  }
  function shares(g: Group, inputs: ReadonlySet<Node>): boolean {
    for (const c of inputs) if (g.inputs.has(c)) return true;
    return false;
  }
  /** Every member of g that n reads is read at the loop's own position, so that it need not go through memory. */
  function reachable(n: Node, g: Group): boolean {
    const all = g.shape.map((_, d) => d);
    const identity = (axes: readonly number[]) =>
      axes.map((a) => ({
        offset: 0,
        terms: a < 0 || g.shape[a] === 1 ? new Map<number, Size>() : new Map<number, Size>([[a, 1]]),
        computed: [],
      }));
    type Idx = readonly Index[];
    const seen = new Set<string>();
    const visit = (c: Node, at: Idx): boolean => {
      if (c.buf !== null || isPick(c)) return true;
      const ci = info(c) as Info;
      if (ci.group !== null && ci.group !== g) return true;
      const key = `${c.slot}:${
        at.map((x) => `${sizeText(x.offset)},${[...x.terms].map(([d, c]) => `${d}_${sizeText(c)}`).join()}`).join(";")
      }`;
      if (seen.has(key)) return true;
      seen.add(key);
      if (ci.group === g) {
        // Running values are read from memory.
        if (ci.role === "scan") return false;
        const axes = ci.role === "element" ? all : rowDims(g, shapeOf(c));
        if (axes === null || axes.length !== at.length) return false;
        return at.every((x, k) => {
          if (c.shape[k] === 1) return x.offset === 0 && x.terms.size === 0;
          return x.offset === 0 && x.terms.size === 1 && x.terms.get(axes[k] as number) === 1;
        });
      }
      const lower = c.op.lower;
      if (lower.kind === "view") {
        const next = lower.pull(at, c.arg, symbols.of(c.inputs[0] as Node), symbols.of(c));
        return next !== null && visit(c.inputs[0] as Node, next);
      }
      if (lower.kind === "gather") return c.inputs.every((x) => !touches(x, g));
      return c.inputs.every((x) => visit(x, at));
    };
    const lower = n.op.lower;
    if (lower.kind === "gather") return n.inputs.every((x) => !touches(x, g));
    if (lower.kind === "fold") return visit(n.inputs[0] as Node, identity(all));
    const shape = shapeOf(n), axes = g.kind !== "column" && sameSizes(shape, g.shape) ? all : rowDims(g, shape);
    return axes !== null && n.inputs.every((x) => visit(x, identity(axes)));
  }
  function touches(n: Node, g: Group): boolean {
    const stack = [n], seen = new Set<Node>();
    while (stack.length > 0) {
      const c = stack.pop() as Node;
      if (seen.has(c) || c.buf !== null || isPick(c)) continue;
      seen.add(c);
      const ci = info(c) as Info;
      if (ci.group === g) return true;
      if (ci.group === null) stack.push(...c.inputs);
    }
    return false;
  }

  // A member that another group reads goes through memory.
  for (const g of groups) {
    for (const c of g.inputs) {
      const ci = info(c);
      if (ci !== undefined && ci.group !== null && ci.group !== g) ci.stored = true;
    }
  }
  return { infos, symbols, groups: inOrder(groups, (n) => info(n)?.group ?? null), inPlace, loops };
}
