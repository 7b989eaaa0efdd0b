// Evals over several devices: which pieces of a graph run where, in what order, and what is copied between them.
import type { Device } from "../core/device.ts";
import { type Node, transferOp } from "../core/node.ts";

/** What runs on one device without a copy inside, after the transfers that it needs. */
export interface Segment {
  readonly device: Device;
  /** Copies that bring inputs here, done first. */
  readonly transfers: readonly Node[];
  /** Nodes to compute: asked for, or copied elsewhere by a later segment. */
  readonly roots: readonly Node[];
}

/** True if nodes are not of one device alone. */
export function areSpread(order: readonly Node[]): boolean {
  return order.some((n) => n.op === transferOp || n.device !== order[0]?.device);
}

/**
 * The segments of an eval, in the order in which they can run; null if it is one plan of one device.
 * `order` lists what has to be computed, inputs first. A node's stage counts the transfers on its longest path from memory, so that a
 * segment is a stage of a device: as many nodes as can run there without waiting for another.
 */
export function segmentsOf(roots: readonly Node[], order: readonly Node[]): readonly Segment[] | null {
  if (!areSpread(order)) return null;
  const stages = new Map<Node, number>();
  const found: Map<Device, { transfers: Node[]; roots: Set<Node> }>[] = [];
  const segment = (n: Node): { transfers: Node[]; roots: Set<Node> } => {
    const stage = stages.get(n) as number, at = found[stage] ??= new Map();
    const known = at.get(n.device);
    if (known !== undefined) return known;
    const made = { transfers: [], roots: new Set<Node>() };
    at.set(n.device, made);
    return made;
  };
  for (const n of order) {
    // What is in memory has no stage.
    stages.set(n, Math.max(0, ...n.inputs.map((x) => (stages.get(x) ?? -1) + (x.device === n.device ? 0 : 1))));
    if (n.op === transferOp) segment(n).transfers.push(n);
    // What belongs to values elsewhere comes after them.
    for (const x of n.inputs) {
      if (x.device !== n.device && stages.has(x) && x.op !== transferOp) segment(x).roots.add(x);
    }
  }
  for (const n of roots) if (stages.has(n) && n.op !== transferOp) segment(n).roots.add(n);
  return found.flatMap((at) => [...at].map(([device, s]) => ({ device, transfers: s.transfers, roots: [...s.roots] })));
}
