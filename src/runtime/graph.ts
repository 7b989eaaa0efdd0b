// From roots to the graph of an eval: what it computes, what it keeps, and what it may write over.
import { itemsize } from "../base/dtype.ts";
import { cpu } from "../core/device.ts";
import { freshMark, type Node, topological } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { trace } from "../core/trace.ts";
import { type Graph, present } from "../schedule/graph.ts";
import { loopsOf } from "../schedule/loops.ts";
import { isSpare } from "./memory.ts";

/** A node is cheap to compute again if it is this near to memory. */
const CHEAP = 16;
/** Scratch of `graphOf`: consumers in the graph and cost, by slot. */
let uses: Int32Array = new Int32Array(1024), costs: Float64Array = new Float64Array(1024);
const NONE_IN_PLACE: ReadonlySet<Node> = new Set();
/**
 * Nodes that may overwrite their first input: a buffer without a handle, with no other reader and no view given out.
 * Only where nothing of the eval can fail once it runs, as then the input would be lost.
 */
function overwritten(order: readonly Node[], keep: ReadonlySet<Node>): ReadonlySet<Node> {
  if (trace.first !== null) return NONE_IN_PLACE;
  let found: Set<Node> | null = null;
  for (const n of order) {
    const lower = n.op.lower;
    if (lower.kind === "call" || lower.kind === "loop") return NONE_IN_PLACE;
    if (!(lower.kind === "scatter" || (lower.kind === "parts" && lower.overwrites(n.arg))) || !keep.has(n)) continue;
    if (isSpare(n.inputs[0] as Node, size(n.shape) * itemsize(n.dtype))) (found ??= new Set()).add(n);
  }
  return found ?? NONE_IN_PLACE;
}
/** What a chain of views shows: that is what stays in memory for them. */
export function viewed(n: Node): Node {
  let x = n;
  while (x.op.lower.kind === "view" && !present(x)) x = x.inputs[0] as Node;
  return x;
}
/** What an eval of `roots` has to compute. */
export function graphOf(roots: readonly Node[], order: readonly Node[] = topological(roots, present)): Graph {
  const count = order.length,
    mark = freshMark(),
    leaves: Node[] = [],
    keep = new Set<Node>();
  for (const n of roots) if (n.buf === null) keep.add(n);
  if (count > uses.length) {
    uses = new Int32Array(2 * count);
    costs = new Float64Array(2 * count);
  }
  for (let i = 0; i < count; i++) {
    const n = order[i] as Node, inputs = n.inputs;
    n.slot = i;
    uses[i] = 0;
    let c = 1;
    for (let k = 0; k < inputs.length; k++) {
      const x = inputs[k] as Node;
      if (!present(x)) {
        uses[x.slot] = (uses[x.slot] as number) + 1;
        c += costs[x.slot] as number;
      } else if (x.mark !== mark) {
        x.mark = mark;
        x.slot = leaves.push(x) - 1;
      }
    }
    const kind = n.op.lower.kind;
    costs[i] = kind === "fold" || kind === "call" || kind === "loop" || kind === "scatter" ? Infinity : c;
  }
  // A value that others recorded outside this eval will want, and that is not cheap to compute again, stays.
  for (let i = 0; i < count; i++) {
    const n = order[i] as Node;
    if (n.state && n.handles > 0 && n.outs === null && n.op.lower.kind !== "source") keep.add(n);
    else if ((n.lost || n.pending > (uses[i] as number)) && (costs[i] as number) > CHEAP) {
      const x = viewed(n);
      if (!present(x) && (costs[x.slot] as number) > CHEAP && x.outs === null && x.op.lower.kind !== "source") {
        keep.add(x);
      }
    }
  }
  return {
    device: order[0]?.device ?? cpu,
    order,
    leaves,
    keep,
    inPlace: overwritten(order, keep),
    loops: loopsOf(order),
  };
}
