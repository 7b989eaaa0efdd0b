// One result of an op that has several.
import type { Aval, Node } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { define } from "./basis.ts";

/** Reads result `index` of its input; the evaluator takes it from there, and gradients pass from it straight to the input's op. */
export const pickOp = define<{ readonly index: number }>({
  name: "pick",
  type: ([x], a) => {
    const n = x as Node;
    return n.outs === null ? { shape: n.shape, dtype: n.dtype } : n.outs[a.index] as Aval;
  },
  lower: { kind: "source" },
  structure: (a) => String(a.index),
});

/** Result `index` of a node. */
export function pick(x: Node, index: number): Node {
  return apply(pickOp, [x], { index });
}

/** Which result a `pick` node reads: for gradients, which get the `pick` node as their output. */
export function picked(out: Node): number {
  return out.op.name === "pick" ? (out.arg as { readonly index: number }).index : 0;
}
