// Groups of nodes that become kernels and calls, what is known of their nodes, and where a group's values lie.
import { hasCalls } from "../core/device.ts";
import type { Index, Node } from "../core/node.ts";
import { contiguousView, type PlanView } from "../core/view.ts";
import { type Fold, isArg } from "../kernel/fold.ts";
import { below, ceilDiv, productOf, type Size, times } from "../kernel/sizes.ts";
import type { Graph, Symbols } from "./graph.ts";

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

/** Memory of another node, and the view of it that a value is. */
export interface Home {
  readonly node: Node;
  readonly view: PlanView;
}
/** What the scheduler knows of a node during one eval; `node.slot` is its position. */
export interface Info {
  readonly node: Node;
  group: Group | null;
  role: Role;
  /** Written to memory by its group. */
  stored: boolean;
  /** Where, if not in memory of its own (schedule/homes.ts). */
  home: Home | null;
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

/** True if a fold's axes reach the last axis that is longer than 1: its tree runs along rows. */
export function foldsRows(shape: readonly Size[], axes: readonly [number, number]): boolean {
  for (let d = axes[1]; d < shape.length; d++) if (shape[d] !== 1) return false;
  return true;
}

/** Elements of a block where a long fold is cut; a matter of the shape alone, so that the tree of a sum never depends on what runs beside it. */
export const ROW_BLOCK = 32768, COLUMN_BLOCK = 512;

/** True if a fold over these axes is cut into blocks: few long rows, or tall columns. */
export function splits(shape: readonly Size[], axes: readonly [number, number], fold: Fold): boolean {
  if (isArg(fold)) return false;
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

/** The index of every element of a node, to be pulled to an input. */
export function probe(n: Node): Index[] {
  return n.shape.map((_, d) => ({ offset: 0, terms: new Map([[d, 1]]), computed: [] }));
}

/** The memory that holds a node's value, seen as its shape; null if it has to be computed in place. */
export function resolve({ infos, symbols }: Nodes, n: Node): { node: Node; out: number; view: PlanView } | null {
  if (n.buf !== null) return { node: n, out: 0, view: symbols.view(n) };
  const info = infos[n.slot], aval = symbols.of(n);
  if (info !== undefined && info.node === n && info.stored) {
    if (info.home !== null) return { ...info.home, out: 0 };
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
