// Which memory the result of a step may be written over.
import { itemsize } from "../base/dtype.ts";
import type { Node } from "../core/node.ts";
import { type Size, sizeText } from "../kernel/sizes.ts";
import { expressions, type Pass } from "../kernel/kernel.ts";
import type { Operand, Step } from "./step.ts";

/** The nodes whose memory a step reads or writes. */
export function nodesOf(step: Step): readonly (Node | null)[] {
  if (step.kind === "kernel") return step.operands.map((o) => o.place.node);
  return step.places.map((p) => p.place.node);
}
/** A leaf, its bytes, and the last step that reads it (-1: none). */
export interface Read {
  readonly node: Node;
  readonly bytes: Size;
  readonly last: number;
}
/** When leaves are read last. */
export function readsOf(list: readonly Step[], leaves: readonly Node[], bytesOf: (n: Node) => Size): Read[] {
  const last = new Map<Node | null, number>();
  list.forEach((s, i) => nodesOf(s).forEach((n) => last.set(n, i)));
  return leaves.map((node) => ({ node, bytes: bytesOf(node), last: last.get(node) ?? -1 }));
}
/**
 * The leaves that an array (first written by step number `first`) may be written over: as long, and read before its first
 * store, or at the same elements of one map.
 */
export function overwritable(
  list: readonly Step[],
  out: { readonly node: Node; readonly bytes: Size; readonly first: number },
  leaves: readonly Read[],
): number[] {
  const found: number[] = [];
  leaves.forEach(({ node, bytes, last }, leaf) => {
    if (bytes !== out.bytes || last > out.first) return;
    if (last < out.first || sameElements(list[last] as Step, out.node, node)) found.push(leaf);
  });
  return found;
}
/** True if a step stores an element of `out` only after it last read the same element of `leaf`, and reads no other. */
function sameElements(step: Step, out: Node, leaf: Node): boolean {
  if (step.kind !== "kernel" || step.kernel.kind !== "map") return false;
  const text = (o: Operand): string => [...o.rows, 0, ...o.inner].map(sizeText).join();
  const to = step.operands.findIndex((o) => o.place.node === out),
    is = (mem: number): boolean => (step.operands[mem] as Operand).place.node === leaf;
  if (to < 0 || step.operands.some((o, i) => i !== to && o.place.node === out)) return false;
  if (itemsize(out.dtype) !== itemsize(leaf.dtype)) return false;
  const walk = text(step.operands[to] as Operand);
  if (step.operands.some((o, i) => is(i) && (o.bound !== 0 || text(o) !== walk))) return false;
  // Later stores find what was computed before, but may load anew.
  const stores = (step.kernel.passes[0] as Pass).stores, at = stores.findIndex((s) => s.mem === to);
  const before = expressions(stores.slice(0, at + 1).map((s) => s.value)).filter((e) => e.op !== "load");
  return !expressions(stores.slice(at + 1).map((s) => s.value), new Set(before)).some((e) =>
    e.op === "load" && is(e.imm)
  );
}
