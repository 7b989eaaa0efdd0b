// Reverse mode: grad, valueAndGrad and vjp, as a walk over the graph that the user's function recorded.
import { plainError, rangeError, typeError } from "../base/error.ts";
import { checkOptions } from "../base/options.ts";
import { on } from "../core/device.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Aval, Node } from "../core/node.ts";
import { apply, nextSerial, topological } from "../core/node.ts";
import { same } from "../core/shape.ts";
import { traced } from "../core/trace.ts";
import { treeFlattenArrays, treeUnflatten } from "../core/tree.ts";
import { add, broadcastTo, cast, define, like, wrap } from "../ops/basis.ts";

const aliasOp = define<null>({
  name: "alias",
  type: ([x]) => ({ shape: (x as Aval).shape, dtype: (x as Aval).dtype }),
  lower: { kind: "view", view: (v) => v, pull: (index) => index },
  vjp: (ct) => [ct],
});
/** A new node over the same value: a variable of differentiation, of which outer gradients see through to the primal. */
export function alias(x: Node): Node {
  return on(x.device, () => apply(aliasOp, [x], null));
}

const zeros = (x: Node): Node => on(x.device, () => like(0, x));

/** Cotangents of the variables, given those of the roots; null where a root does not depend on it. Nodes below serial `first` are constants. */
export function backward(
  roots: readonly Node[],
  cotangents: readonly Node[],
  variables: readonly Node[],
  first: number,
): (Node | null)[] {
  const order = topological(roots, (n) => n.serial < first), count = order.length;
  const depends = new Uint8Array(count), inputs = new Array<readonly number[]>(count);
  for (let i = 0; i < count; i++) (order[i] as Node).slot = i;
  const slotOf = (n: Node): number => n.serial >= first && order[n.slot] === n ? n.slot : -1;
  const slots = variables.map(slotOf), ends = roots.map(slotOf);
  for (const s of slots) if (s >= 0) depends[s] = 1;
  for (let i = 0; i < count; i++) {
    const own = (order[i] as Node).inputs.map(slotOf);
    inputs[i] = own;
    if (depends[i] === 0 && own.some((s) => s >= 0 && depends[s] === 1)) depends[i] = 1;
  }
  // From here on rules record nodes: the scratch fields of nodes are no longer ours.
  const cts = new Array<Node | null>(count).fill(null), isVariable = new Uint8Array(count);
  for (const s of slots) if (s >= 0) isVariable[s] = 1;
  const join = (s: number, ct: Node): void => {
    const before = cts[s];
    cts[s] = before ? on(before.device, () => add(before, ct)) : ct;
  };
  ends.forEach((s, i) => {
    if (s >= 0 && depends[s] === 1) join(s, cotangents[i] as Node);
  });
  for (let i = count - 1; i >= 0; i--) {
    const ct = cts[i];
    if (!ct || isVariable[i] === 1) continue;
    const out = order[i] as Node;
    cts[i] = null;
    // A result of several goes straight to the inputs of the op that made it.
    let node = out, own = inputs[i] as readonly number[];
    if (out.op.name === "pick") {
      node = out.inputs[0] as Node;
      own = inputs[own[0] as number] as readonly number[];
    }
    const need = own.map((s) => s >= 0 && depends[s] === 1);
    if (!need.includes(true)) continue;
    if (node.op.vjp === undefined) throw plainError(`Cannot differentiate ${node.op.name}: it has no gradient`);
    const { vjp } = node.op, back = on(node.device, () => vjp(ct, out, node.inputs, node.arg, need));
    for (let k = 0; k < own.length; k++) {
      const c = back[k];
      if (c && need[k]) join(own[k] as number, c);
    }
  }
  return slots.map((s) => s < 0 ? null : cts[s] ?? null);
}

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions<N extends number | readonly number[] | undefined> {
  /** Which arguments to differentiate: a number, or a list (one entry gives the bare gradient, several a list). Default 0. */
  readonly argnums?: N;
  /** Without meaning in JavaScript. */
  readonly argnames?: unknown;
}
/** The type of the gradient: that of the argument, or a list of several. */
export type Gradient<A extends readonly unknown[], N> = N extends readonly [infer I extends number] ? A[I]
  : N extends readonly number[] ? { -readonly [K in keyof N]: N[K] extends number ? A[N[K]] : never }
  : N extends number ? A[N]
  : A[0];
/** What a differentiated function returns: the loss, or a list that begins with it. */
export type Loss = NDArray | readonly [NDArray, ...unknown[]];

function argnumsOf(
  name: string,
  given: unknown,
  count: number,
): { readonly nums: readonly number[]; readonly list: boolean } {
  const nums: readonly unknown[] = given === undefined || given === null ? [0] : Array.isArray(given) ? given : [given];
  if (nums.length === 0) throw typeError(`Cannot ${name} with respect to no argument: argnums is an empty list`);
  const out = nums.map((n) => {
    if (typeof n !== "number" || !Number.isInteger(n)) {
      throw typeError(`Cannot ${name}: argnums must be integers, not ${String(n)}`);
    }
    if (n < 0 || n >= count) {
      throw rangeError(
        `Cannot ${name} with respect to argument ${n}: the function got ${count} argument${count === 1 ? "" : "s"}`,
      );
    }
    return n;
  });
  if (new Set(out).size !== out.length) {
    throw rangeError(`Cannot ${name}: argnums repeats an argument: [${out.join(",")}]`);
  }
  return { nums: out, list: out.length > 1 };
}

function run(
  name: string,
  fun: (...args: never[]) => unknown,
  argnums: unknown,
  args: readonly unknown[],
): readonly [unknown, unknown] {
  const { nums, list } = argnumsOf(name, argnums, args.length);
  const parts = nums.map((n) => treeFlattenArrays(`Cannot ${name}: argument ${n}`, args[n]));
  return traced(() => {
    const first = nextSerial(), call = [...args], primals: Node[] = [], variables: Node[] = [];
    parts.forEach((p, i) => {
      const own = p.arrays.map((x) => alias(x.node));
      primals.push(...p.arrays.map((x) => x.node));
      variables.push(...own);
      call[nums[i] as number] = treeUnflatten(p.spec, own.map(wrap));
    });
    const value = (fun as (...args: unknown[]) => unknown)(...call);
    const loss: unknown = Array.isArray(value) ? value[0] : value;
    if (!(loss instanceof NDArray)) {
      const what = loss instanceof Promise
        ? "a promise; the function must not be async"
        : Array.isArray(value)
        ? "a list that does not begin with one"
        : loss === null
        ? "null"
        : typeof loss;
      throw typeError(
        `Cannot ${name} a function that does not return an array (or a list that begins with one): it returned ${what}`,
      );
    }
    const root = loss.node;
    if (root.shape.length !== 0) {
      throw typeError(
        `Cannot ${name} a function whose result is not a scalar: its shape is [${
          root.shape.join(",")
        }]; reduce it with sum() or mean(), or use vjp with a cotangent of that shape`,
      );
    }
    const found = backward([root], [on(root.device, () => like(1, root))], variables, first);
    const grads = found.map((g, i) => wrap(g ?? zeros(primals[i] as Node)));
    let at = 0;
    const trees = parts.map((p) => treeUnflatten(p.spec, grads.slice(at, at += p.arrays.length)));
    return [value, list ? trees : trees[0]] as const;
  });
}

/**
 * A function that gives the gradient of `fun`, whose result must be a scalar array or a list that begins with one.
 * Gradients have the tree, shapes and dtypes of the argument; a TypeError if the result is no scalar.
 */
export function grad<A extends readonly unknown[], const N extends number | readonly number[] | undefined = undefined>(
  fun: (...args: A) => Loss,
  options: GradOptions<N> = {},
): (...args: A) => Gradient<A, N> {
  if (typeof fun !== "function") throw typeError(`Cannot grad a value that is not a function: ${typeof fun}`);
  checkOptions("grad", options as Record<string, unknown>, ["argnums", "argnames"]);
  return (...args: A) => run("grad", fun as (...args: never[]) => unknown, options.argnums, args)[1] as Gradient<A, N>;
}

/** A function that gives `[value, gradient]`; value is all that `fun` returned, auxiliary results included. */
export function valueAndGrad<
  A extends readonly unknown[],
  R extends Loss,
  const N extends number | readonly number[] | undefined = undefined,
>(
  fun: (...args: A) => R,
  options: GradOptions<N> = {},
): (...args: A) => [R, Gradient<A, N>] {
  if (typeof fun !== "function") throw typeError(`Cannot valueAndGrad a value that is not a function: ${typeof fun}`);
  checkOptions("valueAndGrad", options as Record<string, unknown>, ["argnums", "argnames"]);
  return (...args: A) =>
    run("valueAndGrad", fun as (...args: never[]) => unknown, options.argnums, args) as unknown as [R, Gradient<A, N>];
}

/** `[outputs, gradients]` of `fun` at `primals`: one gradient for each primal, one cotangent (of its shape) for each output. */
export function vjp(
  fun: (...args: NDArray[]) => NDArray | readonly NDArray[],
  primals: readonly NDArray[],
  cotangents: readonly NDArray[],
): [NDArray[], NDArray[]] {
  if (typeof fun !== "function") throw typeError(`Cannot vjp a value that is not a function: ${typeof fun}`);
  const ins = treeFlattenArrays("Cannot vjp: primals", primals instanceof NDArray ? [primals] : primals).arrays;
  const given =
    treeFlattenArrays("Cannot vjp: cotangents", cotangents instanceof NDArray ? [cotangents] : cotangents).arrays;
  return traced(() => {
    const first = nextSerial(), variables = ins.map((x) => alias(x.node)), result = fun(...variables.map(wrap));
    const outs =
      treeFlattenArrays("Cannot vjp: the function's result", result instanceof NDArray ? [result] : result).arrays;
    if (outs.length !== given.length) {
      throw typeError(`Cannot vjp a function of ${outs.length} results with ${given.length} cotangents`);
    }
    const cts = outs.map((o, i) => {
      const ct = (given[i] as NDArray).node;
      if (!same(ct.shape, o.node.shape)) {
        throw typeError(
          `Cannot vjp: cotangent ${i} must have the result's shape [${o.node.shape.join(",")}], not [${
            ct.shape.join(",")
          }]`,
        );
      }
      return broadcastTo(cast(ct, o.node.dtype), o.node.shape);
    });
    const found = backward(outs.map((o) => o.node), cts, variables, first);
    return [outs, found.map((g, i) => wrap(g ?? zeros((ins[i] as NDArray).node)))];
  });
}
