// Where to cut: sorts the nodes of an eval into groups, each of which becomes one kernel or library call, with the reason of every cut.
import type { Index, Node } from "../core/node.ts";
import type { Fold } from "../kernel/fold.ts";
import { below, productOf, sameSizes, type Size, sizeText } from "../kernel/sizes.ts";
import { type Graph, present, type Symbols } from "./graph.ts";
import {
  foldsRows,
  type Group,
  type Info,
  isPick,
  isProduct,
  probe,
  productBlock,
  resolve,
  type Role,
  rowDims,
  type Schedule,
  splits,
} from "./group.ts";
import { findHomes } from "./homes.ts";
import { inOrder } from "./order.ts";

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
/**
 * A fold joins the map that stores what it folds where there are as many rows as a map would have parts, and where memory is what the
 * map waits for: what computes long has better shapes as a map.
 */
const MANY_ROWS = 256, LIGHT = 24;

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

/** Why control flow is a group of its own, and how it runs. */
const CONTROL = {
  scan: "control flow repeats kernels of its own, all passes one after the other",
  while: "control flow repeats kernels of its own while a byte says so, which the library reads",
  cond: "control flow runs one of two lists of kernels, by a byte that the library reads",
} as const;
const MEMORY = { cost: 0, reads: 1, loads: 1 } as const;
/** What computing a node in place would read, and the operations that this would inline. */
interface Reads {
  readonly groups: readonly Group[];
  /** Values in memory, or in these groups. */
  readonly inputs: ReadonlySet<Node>;
  readonly cost: number;
}

/** Sorts the nodes of a graph into groups. */
export function fuse(graph: Graph, symbols: Symbols): Schedule {
  const { infos, groups } = new Fusion(graph, symbols), { inPlace, loops } = graph;
  const groupOf = (n: Node): Group | null => infos[n.slot]?.node === n ? (infos[n.slot] as Info).group : null;
  // A member that another group reads goes through memory.
  for (const g of groups) {
    for (const n of g.inputs) {
      const of = groupOf(n);
      if (of !== null && of !== g) (infos[n.slot] as Info).stored = true;
    }
  }
  return { infos, symbols, groups: inOrder(groups, groupOf), inPlace, loops };
}

/** The nodes of a graph, and their groups in the order in which they were opened. */
class Fusion {
  readonly infos: readonly Info[];
  readonly groups: Group[] = [];
  readonly #symbols: Symbols;

  constructor({ order, keep, inPlace }: Graph, symbols: Symbols) {
    this.#symbols = symbols;
    this.infos = order.map((node, i) => {
      node.slot = i;
      return {
        node,
        group: null,
        role: "whole",
        stored: false,
        home: null,
        cost: 0,
        reads: 1,
        loads: 1,
        uses: 0,
        root: keep.has(node),
      };
    });
    this.#demand();
    findHomes({ infos: this.infos, symbols }, inPlace);
    for (const i of this.infos) this.#sort(i);
  }

  #info(n: Node): Info | undefined {
    const i = this.infos[n.slot];
    return i !== undefined && i.node === n ? i : undefined;
  }
  #shapeOf(n: Node): readonly Size[] {
    return this.#symbols.of(n).shape;
  }

  /** What has to lie in memory whatever the grouping: roots, inputs of calls and scatters, and what a reshape cannot see through. */
  #demand(): void {
    const must = new Set<Node>();
    const demand = (n: Node): void => {
      let at = n;
      while (at.op.lower.kind === "view" && at.buf === null && !must.has(at)) at = at.inputs[0] as Node;
      if (at.buf === null && !isPick(at)) must.add(at);
    };
    for (const { node: n, root } of this.infos) {
      const lower = n.op.lower;
      // A view reads its first input; the others are only to come before it.
      for (const c of lower.kind === "view" ? n.inputs.slice(0, 1) : n.inputs) {
        const ci = this.#info(c);
        if (ci !== undefined) ci.uses++;
      }
      if (root || lower.kind === "loop" || (lower.kind === "call" && !isProduct(n))) demand(n);
      if (lower.kind === "call" || lower.kind === "loop") n.inputs.forEach(demand);
      if (lower.kind === "scatter") n.inputs.slice(1).forEach(demand);
      if (lower.kind === "gather") demand(n.inputs[0] as Node);
    }
    for (const n of must) (this.#info(n) as Info).stored = true;
    // A reshape that is not affine needs its input in memory, as rows; known before any group reads that input in another way.
    for (const i of this.infos) {
      const n = i.node, nodes = { infos: this.infos, symbols: this.#symbols };
      if (n.op.lower.kind !== "view" || resolve(nodes, n) !== null || canPull(this.#symbols, n)) continue;
      // Where the input is in memory, but not as rows, the reshape itself is the copy.
      (this.#info(n.inputs[0] as Node) ?? i).stored = true;
    }
  }

  /** Gives a node its group, or leaves it to be computed in place by those that read it. */
  #sort(i: Info): void {
    const n = i.node, lower = n.op.lower;
    if (isProduct(n)) return this.#product(i);
    switch (lower.kind) {
      case "source":
        return;
      case "view":
        return this.#view(i);
      case "call":
        return this.#whole(i, lower.kind, "a library call reads and writes memory");
      case "loop":
        return this.#whole(i, lower.kind, CONTROL[lower.of(n.arg).what]);
      case "parts":
      case "scatter":
        return this.#whole(i, lower.kind, "several stores fill one array");
    }
    i.cost = lower.kind === "map" || lower.kind === "iota" ? lower.cost ?? 1 : 1;
    i.reads = i.loads = 0;
    for (const c of n.inputs) {
      const { cost, reads, loads } = this.#inlined(c);
      i.cost += cost;
      i.reads += reads;
      i.loads += loads;
    }
    if (lower.kind === "scan") this.#scan(i, lower.axis(n.arg));
    else if (lower.kind === "fold") this.#fold(i, lower.axes(n.arg), lower.op(n.arg));
    else this.#element(i);
  }

  /** A view is an index; one that has to lie in memory is copied. */
  #view(i: Info): void {
    const n = i.node;
    if (i.stored) {
      const copies = !canPull(this.#symbols, n), r = { ...this.#reads(n), cost: 0 };
      const g = this.#open(copies ? "parts" : "map", this.#shapeOf(n), null, "a reshape needs its input as rows");
      this.#join(i, g, copies ? "whole" : "element", r);
    }
    const { cost, reads, loads } = this.#inlined(n.inputs[0] as Node);
    i.cost = cost;
    i.reads = reads;
    i.loads = repeats(this.#symbols, n) ? 0 : loads;
  }
  #product(i: Info): void {
    const n = i.node, r = this.#reads(n), out = this.#shapeOf(n);
    const shape = [...out, ...this.#shapeOf(n.inputs[0] as Node).slice(-1)];
    const g = this.#open("product", shape, [out.length, shape.length], "a matrix product", productBlock(shape) > 0);
    this.#join(i, g, "fold", r);
  }
  #whole(i: Info, kind: "call" | "loop" | "parts" | "scatter", reason: string): void {
    const r = { ...this.#reads(i.node), cost: 0 };
    i.stored = true;
    this.#join(i, this.#open(kind, this.#shapeOf(i.node), null, reason), "whole", r);
  }
  /** A scan joins the row whose folds it reads. */
  #scan(i: Info, axis: number): void {
    const n = i.node, r = this.#reads(n), shape = this.#shapeOf(n);
    i.stored = true;
    const isRow = (g: Group): boolean =>
      g.kind === "row" && r.groups.includes(g) && sameSizes(g.shape, shape) &&
      sameSizes(g.axes as readonly number[], [axis, shape.length]) && fits(g, r);
    const found = foldsRows(shape, [axis, axis + 1]) ? this.#latest(r.groups, isRow) : undefined;
    const g = found !== undefined && this.#reachable(n, found)
      ? found
      : this.#open("scan", shape, [axis, axis + 1], this.#cut("a scan walks its axis in order"));
    this.#join(i, g, "scan", r);
  }
  /** A fold along rows joins a row over the same axes, or the map that computes what it folds. */
  #fold(i: Info, axes: readonly [number, number], op: Fold): void {
    const n = i.node, r = this.#reads(n), shape = this.#shapeOf(n.inputs[0] as Node), isRow = foldsRows(shape, axes);
    const all: readonly [number, number] = isRow ? [axes[0], shape.length] : axes, cut = splits(shape, all, op);
    if (cut) i.stored = true;
    const many = (): boolean => !below(productOf(shape.slice(0, all[0])), MANY_ROWS);
    const isLight = (g: Group): boolean => g.members.every((m) => (this.#info(m) as Info).cost <= LIGHT);
    const right = (g: Group): boolean =>
      sameSizes(g.shape, shape) && fits(g, r) &&
      (g.kind === "row"
        ? sameSizes(g.axes as readonly number[], all)
        : g.kind === "map" && r.groups.includes(g) && isLight(g) && many());
    const found = isRow && !cut ? this.#latest(r.groups, right) : undefined;
    const why = this.#cut(`folds over ${isRow ? "other rows" : "columns"}`);
    const g = found !== undefined && this.#reachable(n, found)
      ? found
      : this.#open(isRow ? "row" : "column", shape, all, why, cut);
    if (g.kind === "map") {
      g.kind = "row";
      g.axes = all;
    }
    this.#join(i, g, "fold", r);
  }
  /** An element is computed in place unless it is large or wanted by several: then it is stored, by a group that has what it reads. */
  #element(i: Info): void {
    if (!i.stored && i.cost <= MAX_COST && !isShared(i) && i.reads <= MAX_INPUTS) return;
    const n = i.node, r = this.#reads(n), shape = this.#shapeOf(n);
    i.reads = r.inputs.size;
    if (i.cost > MAX_COST || i.reads > MAX_INPUTS) i.stored = true;
    else if (!i.stored && !isShared(i)) return;
    const roleIn = (g: Group): Role | null => {
      if (!fits(g, r) || (!r.groups.includes(g) && !shares(g, r.inputs))) return null;
      if ((g.kind === "map" || g.kind === "row") && sameSizes(g.shape, shape)) return "element";
      const folds = g.kind === "row" || g.kind === "product" || g.kind === "column";
      return folds && r.groups.includes(g) && rowDims(g, shape) !== null ? "row" : null;
    };
    const found = this.#latest(r.groups, (g) => roleIn(g) !== null && this.#reachable(n, g));
    const g = found ?? this.#open("map", shape, null, this.#cut("another iteration shape"));
    this.#join(i, g, found === undefined ? "element" : roleIn(found) as Role, r);
  }

  /** What a consumer that computes `c` in place takes over from it. */
  #inlined(c: Node): Pick<Info, "cost" | "reads" | "loads"> {
    const ci = this.#info(c);
    return ci === undefined || ci.group !== null ? MEMORY : ci;
  }
  #reads(n: Node): Reads {
    const groups = new Set<Group>(), inputs = new Set<Node>(), seen = new Set<Node>(), stack = [...n.inputs];
    let cost = 0;
    while (stack.length > 0) {
      const c = stack.pop() as Node;
      if (seen.has(c)) continue;
      seen.add(c);
      const group = present(c) ? null : (this.#info(c) as Info).group;
      if (group !== null) groups.add(group);
      if (group !== null || present(c)) inputs.add(c);
      else {
        cost++;
        stack.push(...c.inputs);
      }
    }
    return { groups: [...groups], inputs, cost };
  }
  /** The reason of a cut, unless there is nothing before it. */
  #cut(reason: string): string {
    return this.groups.length === 0 ? "first kernel" : reason;
  }
  #open(
    kind: Group["kind"],
    shape: readonly Size[],
    axes: readonly [number, number] | null,
    reason: string,
    split = false,
  ): Group {
    const g: Group = {
      index: this.groups.length,
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
    this.groups.push(g);
    return g;
  }
  #join(i: Info, g: Group, role: Role, { inputs, cost }: Reads): void {
    i.group = g;
    i.role = role;
    g.members.push(i.node);
    if (i.stored || role === "fold") g.stores++;
    for (const c of inputs) g.inputs.add(c);
    g.cost += cost + 1;
  }
  /** The latest group that is right for a node, of those after which none that it reads runs. */
  #latest(from: readonly Group[], right: (g: Group) => boolean): Group | undefined {
    const first = from.reduce((most, f) => Math.max(most, f.index), 0);
    for (let k = this.groups.length - 1; k >= first; k--) if (right(this.groups[k] as Group)) return this.groups[k];
    return undefined;
  }
  /** Every member of g that n reads is read at the loop's own position, so that it need not go through memory. */
  #reachable(n: Node, g: Group): boolean {
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
      const ci = this.#info(c) as Info;
      if (ci.group !== null && ci.group !== g) return true;
      const key = `${c.slot}:${
        at.map((x) => `${sizeText(x.offset)},${[...x.terms].map(([d, c]) => `${d}_${sizeText(c)}`).join()}`).join(";")
      }`;
      if (seen.has(key)) return true;
      seen.add(key);
      if (ci.group === g) {
        // Running values are read from memory.
        if (ci.role === "scan") return false;
        const axes = ci.role === "element" ? all : rowDims(g, this.#shapeOf(c));
        if (axes === null || axes.length !== at.length) return false;
        return at.every((x, k) => {
          if (c.shape[k] === 1) return x.offset === 0 && x.terms.size === 0;
          return x.offset === 0 && x.terms.size === 1 && x.terms.get(axes[k] as number) === 1;
        });
      }
      const lower = c.op.lower;
      if (lower.kind === "view") {
        const next = lower.pull(at, c.arg, this.#symbols.of(c.inputs[0] as Node), this.#symbols.of(c));
        return next !== null && visit(c.inputs[0] as Node, next);
      }
      if (lower.kind === "gather") return c.inputs.every((x) => !this.#touches(x, g));
      return c.inputs.every((x) => visit(x, at));
    };
    const lower = n.op.lower;
    if (lower.kind === "gather") return n.inputs.every((x) => !this.#touches(x, g));
    if (lower.kind === "fold") return visit(n.inputs[0] as Node, identity(all));
    const shape = this.#shapeOf(n), axes = g.kind !== "column" && sameSizes(shape, g.shape) ? all : rowDims(g, shape);
    return axes !== null && n.inputs.every((x) => visit(x, identity(axes)));
  }
  #touches(n: Node, g: Group): boolean {
    const stack = [n], seen = new Set<Node>();
    while (stack.length > 0) {
      const c = stack.pop() as Node;
      if (seen.has(c) || c.buf !== null || isPick(c)) continue;
      seen.add(c);
      const ci = this.#info(c) as Info;
      if (ci.group === g) return true;
      if (ci.group === null) stack.push(...c.inputs);
    }
    return false;
  }
}

/** A node would not make a group too large. */
function fits(g: Group, d: Reads): boolean {
  if ((g.split && g.kind !== "product") || g.cost + d.cost > MAX_COST) return false;
  let more = 0;
  for (const c of d.inputs) if (!g.inputs.has(c)) more++;
  return g.inputs.size + more <= MAX_INPUTS && g.inputs.size + more + g.stores < MAX_BUFFERS;
}
/** A group reads something that a node does. */
function shares(g: Group, inputs: ReadonlySet<Node>): boolean {
  for (const c of inputs) if (g.inputs.has(c)) return true;
  return false;
}
