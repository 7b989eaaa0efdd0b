// Forward mode: tangents along the graph that the user's function recorded.
import { plainError, typeError } from "../base/error.ts";
import { on } from "../core/device.ts";
import { abandon, type NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { apply, nextSerial, topological } from "../core/node.ts";
import { traced } from "../core/trace.ts";
import { like, wrap } from "../ops/basis.ts";
import { pickOp } from "../ops/pick.ts";
import { indexOf, recorded, rulesOf } from "./family.ts";
import { alias, arraysOf, backward, fitting, functionOf, zeros } from "./grad.ts";

/**
 * The tangent of a result by the gradient alone: the gradient is linear in the cotangent, and its transpose is the
 * derivative ("double transposition").
 */
function transposed(ts: readonly (Node | null)[], out: Node, node: Node): Node | null {
  const { op } = node, ct = alias(like(0, out));
  if (op.vjp === undefined) throw plainError(`Cannot differentiate ${op.name}: it has no gradient`);
  const back = op.vjp(ct, out, node.inputs, node.arg, ts.map((t) => t !== null));
  const used = ts.map((_, i) => i).filter((i) => ts[i] && back[i]), roots = used.map((i) => back[i] as Node);
  const [t] = backward(roots, used.map((i) => ts[i] as Node), [ct], ct.serial);
  // What led from the cotangent to the gradient is not evaluated.
  for (const n of topological(roots, (x) => x.serial < ct.serial).reverse()) if (n.pending === 0) abandon(n);
  return t ?? null;
}
/** The tangent of a node: by its own rule, by its kind, or by its gradient. */
function tangent(ts: readonly (Node | null)[], out: Node, node: Node): Node | null {
  const { op, inputs, arg } = node;
  if (op.jvp !== undefined) return op.jvp(ts, out, inputs, arg);
  // Views and assemblies are linear.
  if (op.lower.kind === "view") return ts[0] ? apply(op, [ts[0], ...inputs.slice(1)], arg) : null;
  if (op.lower.kind === "parts") return apply(op, ts.map((t, i) => t ?? like(0, inputs[i] as Node)), arg);
  return transposed(ts, out, node);
}

/** Tangents of the roots, given those of the variables; null where a root does not depend on one. Nodes below serial `first` are constants. */
export function forward(
  roots: readonly Node[],
  variables: readonly Node[],
  tangents: readonly Node[],
  first: number,
): (Node | null)[] {
  const { order, inputs, roots: ends, variables: slots } = recorded(roots, variables, first, "jvp");
  const ts = new Array<Node | null>(order.length).fill(null), families = new Map<number, readonly (Node | null)[]>();
  slots.forEach((s, i) => {
    if (s >= 0) ts[s] = tangents[i] as Node;
  });
  order.forEach((out, i) => {
    if (ts[i]) return;
    let node = out, own = inputs[i] as readonly number[];
    const which = indexOf(out);
    if (which >= 0) {
      ts[i] = families.get(own[0] as number)?.[which] ?? null;
      return;
    }
    // A result of several is a function of the inputs of the op that made it.
    if (out.op === pickOp && (own[0] as number) >= 0) {
      node = out.inputs[0] as Node;
      own = inputs[own[0] as number] as readonly number[];
    }
    if (node === out && out.outs !== null) return;
    const given = own.map((s) => s < 0 ? null : ts[s] ?? null);
    if (!given.some((t) => t !== null)) return;
    const rules = rulesOf(out);
    on(node.device, () => {
      if (rules === null) ts[i] = tangent(given, out, node);
      else families.set(i, rules.jvp === null ? given : rules.jvp(given, out));
    });
  });
  return ends.map((s) => s < 0 ? null : ts[s] ?? null);
}

/**
 * `[outputs, tangents]` of `fun` at `primals`, moved along `tangents` (one for each primal, of its shape): forward mode.
 * A TypeError if a tangent's shape differs.
 *
 * @example
 * ```ts
 * const [[y], [t]] = mx.jvp((x: mx.NDArray) => x.square(), [mx.array([1, 2])], [mx.array([1, 1])]);
 * t; // array([2, 4], dtype=float32)
 * ```
 */
export function jvp(
  fun: (...args: NDArray[]) => NDArray | readonly NDArray[],
  primals: readonly NDArray[] | NDArray,
  tangents: readonly NDArray[] | NDArray,
): [NDArray[], NDArray[]] {
  functionOf("jvp", fun);
  const ins = arraysOf("jvp", "primals", primals), given = arraysOf("jvp", "tangents", tangents);
  if (ins.length !== given.length) {
    throw typeError(`Cannot jvp at ${ins.length} primals along ${given.length} tangents: they must be as many`);
  }
  const ts = given.map((t, i) => fitting("jvp", `tangent ${i}`, t.node, ins[i] as NDArray, "the primal's"));
  return traced(() => {
    const first = nextSerial(), variables = ins.map((x) => alias(x.node));
    const outs = arraysOf("jvp", "the function's result", fun(...variables.map(wrap)));
    const found = forward(outs.map((o) => o.node), variables, ts, first);
    return [outs, found.map((t, i) => wrap(t ?? zeros((outs[i] as NDArray).node)))];
  });
}
