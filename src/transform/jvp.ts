// Forward mode: tangents along the graph that the user's function recorded.
import { type DType, isInexact } from "../base/dtype.ts";
import { plainError, typeError } from "../base/error.ts";
import { functionOf } from "../base/options.ts";
import { on } from "../core/device.ts";
import { abandon, type NDArray } from "../core/ndarray.ts";
import type { Aval, Node } from "../core/node.ts";
import { anew, apply, nextSerial, topological } from "../core/node.ts";
import { traced } from "../core/trace.ts";
import { like } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { countOf, indexOf, pullback, recorded, rulesOf } from "./family.ts";
import { alias, arraysOf, backward, fitting, zeros } from "./grad.ts";

/**
 * Tangents of results (those in `which`) by the gradient alone: the gradient is linear in the cotangents, and its transpose
 * is the derivative ("double transposition").
 */
function transposed(ts: readonly (Node | null)[], node: Node, which: readonly number[]): readonly (Node | null)[] {
  const { op, inputs, arg, outs } = node, first = nextSerial(), need = ts.map((t) => t !== null);
  const cts = (outs ?? [node]).map((o, i) => which.includes(i) ? alias(like(0, o)) : null);
  if (outs === null && op.vjp === undefined) throw plainError(`Cannot differentiate ${op.name}: it has no gradient`);
  const back = outs === null
    ? (op.vjp as NonNullable<typeof op.vjp>)(cts[0] as Node, node, inputs, arg, need)
    : pullback(node, cts, need, (n) => n.serial < first);
  const used = ts.map((_, i) => i).filter((i) => ts[i] && back[i]), roots = used.map((i) => back[i] as Node);
  const found = backward(roots, used.map((i) => ts[i] as Node), which.map((i) => cts[i] as Node), first);
  // What led from the cotangents to the gradient is not evaluated.
  for (const n of topological(roots, (x) => x.serial < first).reverse()) if (n.pending === 0) abandon(n);
  return found;
}
/** The tangent of a node: by its own rule, by its kind, or by its gradient. */
function tangent(ts: readonly (Node | null)[], node: Node): Node | null {
  const { op, inputs, arg } = node;
  if (op.jvp !== undefined) return op.jvp(ts, node, inputs, arg);
  // Views and assemblies are linear.
  if (op.lower.kind === "view") return ts[0] ? apply(op, [ts[0], ...inputs.slice(1)], arg) : null;
  if (op.lower.kind === "parts") return apply(op, ts.map((t, i) => t ?? like(0, inputs[i] as Node)), arg);
  return transposed(ts, node, [0])[0] ?? null;
}
/** Tangents of a node of several results without a rule of its op, of those in `which` at least. */
function tangents(ts: readonly (Node | null)[], node: Node, which: readonly number[]): readonly (Node | null)[] {
  const rules = rulesOf(node);
  if (rules !== null) return rules.jvp === null ? ts : rules.jvp(ts, node);
  const real = which.filter((i) => isInexact((node.outs as readonly Aval[])[i]?.dtype as DType));
  const found = transposed(ts, node, real), all: (Node | null)[] = [];
  real.forEach((i, k) => all[i] = found[k] ?? null);
  return all;
}

/**
 * Tangents of the roots, given those of the variables; null where a root does not depend on one. Nodes below serial `first`
 * are constants. `values` are the roots, or what has their values: control flow gives its results along with its tangents,
 * and what follows from them is recorded over these.
 */
export function forward(
  roots: readonly Node[],
  variables: readonly Node[],
  moved: readonly Node[],
  first: number,
): { readonly tangents: (Node | null)[]; readonly values: Node[] } {
  const { order, inputs, roots: ends, variables: slots } = recorded(roots, variables, first, "jvp");
  const ts = new Array<Node | null>(order.length).fill(null), several = new Map<number, readonly (Node | null)[]>();
  // Which results of nodes of several are read.
  const read = new Map<number, number[]>();
  order.forEach((n, i) => {
    const which = indexOf(n), of = which < 0 ? -1 : inputs[i]?.[0] as number, known = read.get(of);
    if (known !== undefined) known.push(which);
    else if (of >= 0) read.set(of, [which]);
  });
  slots.forEach((s, i) => {
    if (s >= 0) ts[s] = moved[i] as Node;
  });
  // What has the values of nodes of the walk: results of control flow that came with their tangents, and what follows from them.
  const results = new Map<number, readonly (Node | null)[]>(), stands = new Map<Node, Node>();
  const place = (n: Node): Node => stands.get(n) ?? n;
  order.forEach((n, i) => {
    const own = inputs[i] as readonly number[], which = indexOf(n), result = results.get(own[0] as number)?.[which];
    if (which >= 0) ts[i] = several.get(own[0] as number)?.[which] ?? null;
    if (result) return void stands.set(n, result);
    const given = own.map((s) => s < 0 ? null : ts[s] ?? null), { jvps } = n.op;
    const moves = which < 0 && !ts[i] && given.some((t) => t !== null);
    if (moves && jvps !== undefined) {
      const made = on(n.device, () => jvps(given, n, n.inputs.map(place), n.arg, read.get(i) ?? []));
      several.set(i, made.tangents);
      if (n.results === null) results.set(i, made.results);
      return;
    }
    const out = n.inputs.some((x) => stands.has(x)) ? anew(n, n.inputs.map(place)) : n;
    if (out !== n) stands.set(n, out);
    if (!moves) return;
    on(out.device, () => {
      if (countOf(out) > 0) several.set(i, tangents(given, out, read.get(i) ?? []));
      else ts[i] = tangent(given, out);
    });
  });
  return { tangents: ends.map((s) => s < 0 ? null : ts[s] ?? null), values: roots.map(place) };
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
    const nodes = outs.map((o) => o.node), { tangents, values } = forward(nodes, variables, ts, first);
    return [
      outs.map((o, i) => values[i] === nodes[i] ? o : wrap(values[i] as Node)),
      tangents.map((t, i) => wrap(t ?? zeros(nodes[i] as Node))),
    ];
  });
}
