// One result of an op that has several.
import type { Aval, Node, OpDef } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { define } from "./basis.ts";

/** Reads result `index` of its input; the evaluator takes it from there, and transforms treat all results of a node at once. */
const pickOp = define<{ readonly index: number }>({
  name: "pick",
  type: ([x], a) => {
    const n = x as Node;
    return n.outs === null ? { shape: n.shape, dtype: n.dtype } : n.outs[a.index] as Aval;
  },
  lower: { kind: "source" },
  structure: (a) => String(a.index),
  vmap: ([x], _, a) => (x as Node).op.example?.(x as Node, a.index) ?? pick(x as Node, a.index),
});

/** Which result of a node of several a node reads; -1 for all other nodes. */
export function pickedFrom(n: Node): number {
  return n.op === pickOp as OpDef ? (n.arg as { readonly index: number }).index : -1;
}
/** Result `index` of a node. */
export function pick(x: Node, index: number): Node {
  return apply(pickOp, [x], { index });
}
