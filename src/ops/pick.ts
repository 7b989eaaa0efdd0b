// One result of an op that has several.
import { askedOf } from "../core/body.ts";
import { on } from "../core/device.ts";
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
  anew: ([x], _, a) => pick(x as Node, a.index),
});

/** Which result of a node of several a node reads; -1 for all other nodes. */
export function pickedFrom(n: Node): number {
  return n.op === pickOp as OpDef ? (n.arg as { readonly index: number }).index : -1;
}
/** Result `index` of a node. An optional one of control flow is a node that is known there: so an eval sees whether it is wanted. */
export function pick(x: Node, index: number): Node {
  const { lower } = x.op;
  if (lower.kind !== "loop" || index < lower.of(x.arg).fixed) return apply(pickOp, [x], { index });
  const asked = askedOf(x), made = asked.get(index) ?? on(x.device, () => apply(pickOp, [x], { index }));
  asked.set(index, made);
  return made;
}
