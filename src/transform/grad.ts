// Reverse mode: grad, valueAndGrad and vjp, as a walk over the graph that the user's function recorded.
import { plainError, rangeError, typeError } from "../base/error.ts";
import { checkOptions, functionOf, shown } from "../base/options.ts";
import { on } from "../core/device.ts";
import { abandon, NDArray } from "../core/ndarray.ts";
import type { Aval, Node } from "../core/node.ts";
import { apply, nextSerial } from "../core/node.ts";
import { same } from "../core/shape.ts";
import { traced } from "../core/trace.ts";
import { treeFlattenArrays, treeUnflatten } from "../core/tree.ts";
import { add, cast, define, like } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { sumOfParts } from "../ops/parts.ts";
import { countOf, indexOf, pullback, recorded } from "./family.ts";

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
/** Zeros like a node, on its device. */
export const zeros = (x: Node): Node => on(x.device, () => like(0, x));

/** Cotangents of the variables, given those of the roots; null where a root does not depend on it. Nodes below serial `first` are constants. */
export function backward(
  roots: readonly Node[],
  cotangents: readonly Node[],
  variables: readonly Node[],
  first: number,
): (Node | null)[] {
  // From here on rules record nodes: the scratch fields of nodes are no longer ours.
  const { order, inputs, roots: ends, variables: slots } = recorded(roots, variables, first, "vjp"),
    count = order.length;
  const depends = new Uint8Array(count), isVariable = new Uint8Array(count);
  for (const s of slots) if (s >= 0) depends[s] = isVariable[s] = 1;
  for (let i = 0; i < count; i++) {
    if (depends[i] === 0 && (inputs[i] as readonly number[]).some((s) => s >= 0 && depends[s] === 1)) depends[i] = 1;
  }
  const constants = new Set(variables), outside = (n: Node): boolean => n.serial < first || constants.has(n);
  const cts = new Array<Node | null>(count).fill(null), several = new Map<number, (Node | null)[]>();
  // Cotangents that nothing else has, so that they may be replaced.
  const sole = new Uint8Array(count);
  const join = (s: number, ct: Node, fresh: boolean): void => {
    const before = cts[s];
    if (!before) {
      cts[s] = ct;
      sole[s] = fresh ? 1 : 0;
      return;
    }
    const replaced = fresh && sole[s] === 1 ? on(before.device, () => sumOfParts(before, ct)) : null;
    cts[s] = replaced ?? on(before.device, () => add(before, ct));
    if (replaced !== null) [before, ct].forEach(abandon);
    sole[s] = 1;
  };
  ends.forEach((s, i) => {
    if (s >= 0 && depends[s] === 1) join(s, cotangents[i] as Node, false);
  });
  for (let i = count - 1; i >= 0; i--) {
    const out = order[i] as Node, ct = cts[i] ?? null, own = inputs[i] as readonly number[], which = indexOf(out);
    const from = nextSerial();
    const needed = (): boolean[] => own.map((s) => s >= 0 && depends[s] === 1);
    let back: readonly (Node | null)[];
    if (countOf(out) > 0) {
      const all = several.get(i);
      if (all === undefined) continue;
      several.delete(i);
      back = on(out.device, () => pullback(out, all, needed(), outside));
    } else {
      if (ct === null || isVariable[i] === 1) continue;
      cts[i] = null;
      if (which >= 0) {
        // Cotangents of several results wait for one another.
        const of = own[0] as number;
        if (of < 0 || depends[of] === 0) continue;
        let all = several.get(of);
        if (all === undefined) {
          several.set(of, all = new Array<Node | null>(countOf(order[of] as Node)).fill(null));
        }
        const before = all[which];
        all[which] = before ? on(before.device, () => add(before, ct)) : ct;
        continue;
      }
      const need = needed();
      if (!need.includes(true)) continue;
      const { vjp } = out.op;
      if (vjp === undefined) throw plainError(`Cannot differentiate ${out.op.name}: it has no gradient`);
      back = on(out.device, () => vjp(ct, out, out.inputs, out.arg, need));
    }
    own.forEach((s, k) => {
      const c = back[k];
      if (!c || s < 0 || depends[s] !== 1) return;
      const unused = c.serial >= from && c.pending === 0 && c.handles === 0;
      join(s, c, unused && back.indexOf(c) === back.lastIndexOf(c));
    });
  }
  return slots.map((s) => s < 0 ? null : cts[s] ?? null);
}

/** The arrays of a list (or of one array), or a TypeError that says `what` they are. */
export function arraysOf(name: string, what: string, list: unknown): NDArray[] {
  return treeFlattenArrays(`Cannot ${name}: ${what}`, list instanceof NDArray ? [list] : list).arrays;
}
/** A tangent or cotangent in the dtype of what it belongs to, or a TypeError if the shapes differ. */
export function fitting(name: string, what: string, x: Node, of: NDArray, whose: string): Node {
  if (!same(x.shape, of.node.shape)) {
    throw typeError(
      `Cannot ${name}: ${what} must have ${whose} shape [${of.node.shape.join(",")}], not [${x.shape.join(",")}]`,
    );
  }
  return cast(x, of.node.dtype);
}

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions<N extends number | readonly number[] | undefined> {
  /** Which arguments to differentiate: a number, or a list (one entry gives the bare gradient, several a list). Default 0. */
  readonly argnums?: N;
  /** Arguments have no names in JavaScript: only an empty list is taken. To differentiate some of several values, pass them in one object. */
  readonly argnames?: readonly never[];
}
function optionsOf(name: string, options: object): void {
  checkOptions(name, options, ["argnums", "argnames"]);
  const { argnames } = options as { readonly argnames?: unknown };
  if (argnames !== undefined && argnames !== null && !(Array.isArray(argnames) && argnames.length === 0)) {
    throw typeError(
      `Cannot ${name} with argnames ${
        shown(argnames)
      }: arguments have no names in JavaScript; pass an object and differentiate it`,
    );
  }
}
/** The type of the gradient: that of the argument, or a list of several. */
export type Gradient<A extends readonly unknown[], N> = N extends readonly [infer I extends number] ? A[I]
  : N extends readonly number[] ? { -readonly [K in keyof N]: N[K] extends number ? A[N[K]] : never }
  : N extends number ? A[N]
  : A[0];
/** What a differentiated function returns: the loss, or a list that begins with it. */
export type Loss = NDArray | readonly [NDArray, ...unknown[]];

/** Which arguments to differentiate, counted from 0, and whether the gradient is a list. */
export function argnumsOf(
  name: string,
  given: unknown,
  count: number,
): { readonly nums: readonly number[]; readonly list: boolean } {
  const nums: readonly unknown[] = given === undefined || given === null ? [0] : Array.isArray(given) ? given : [given];
  if (nums.length === 0) throw typeError(`Cannot ${name} with respect to no argument: argnums is an empty list`);
  const out = nums.map((n) => {
    if (typeof n !== "number" || !Number.isInteger(n)) {
      throw typeError(`Cannot ${name}: argnums must be integers, not ${shown(n)}`);
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

/** `[value, gradient]` of a function whose result must be a scalar, or a list that begins with one. */
export function differentiate(
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
 *
 * @example
 * ```ts
 * const f = (x: mx.NDArray) => x.square().sum();
 * mx.grad(f)(mx.array([1, 2, 3])); // array([2, 4, 6], dtype=float32)
 * mx.grad((w: { a: mx.NDArray }) => w.a.sum())({ a: mx.zeros([2]) }).a; // array([1, 1], dtype=float32)
 * ```
 */
export function grad<A extends readonly unknown[], const N extends number | readonly number[] | undefined = undefined>(
  fun: (...args: A) => Loss,
  options: GradOptions<N> = {},
): (...args: A) => Gradient<A, N> {
  functionOf("grad", fun);
  optionsOf("grad", options);
  return (...args: A) => differentiate("grad", fun, options.argnums, args)[1] as Gradient<A, N>;
}

/**
 * A function that gives `[value, gradient]`; value is all that `fun` returned, auxiliary results included.
 *
 * @example
 * ```ts
 * const [value, gradient] = mx.valueAndGrad((x: mx.NDArray) => x.mul(x))(mx.array(3)) as [mx.NDArray, mx.NDArray];
 * [value.item(), gradient.item()]; // [9, 6]
 * ```
 */
export function valueAndGrad<
  A extends readonly unknown[],
  R extends Loss,
  const N extends number | readonly number[] | undefined = undefined,
>(
  fun: (...args: A) => R,
  options: GradOptions<N> = {},
): (...args: A) => [R, Gradient<A, N>] {
  functionOf("valueAndGrad", fun);
  optionsOf("valueAndGrad", options);
  return (...args: A) => differentiate("valueAndGrad", fun, options.argnums, args) as unknown as [R, Gradient<A, N>];
}

/**
 * `[outputs, gradients]` of `fun` at `primals`: one gradient for each primal, one cotangent (of its shape) for each output.
 *
 * @example
 * ```ts
 * const [[y], [g]] = mx.vjp((x: mx.NDArray) => x.mul(2), [mx.array([1, 2])], [mx.array([1, 10])]);
 * g; // array([2, 20], dtype=float32)
 * ```
 */
export function vjp(
  fun: (...args: NDArray[]) => NDArray | readonly NDArray[],
  primals: readonly NDArray[] | NDArray,
  cotangents: readonly NDArray[] | NDArray,
): [NDArray[], NDArray[]] {
  functionOf("vjp", fun);
  const ins = arraysOf("vjp", "primals", primals), given = arraysOf("vjp", "cotangents", cotangents);
  return traced(() => {
    const first = nextSerial(), variables = ins.map((x) => alias(x.node));
    const outs = arraysOf("vjp", "the function's result", fun(...variables.map(wrap)));
    if (outs.length !== given.length) {
      throw typeError(`Cannot vjp a function of ${outs.length} results with ${given.length} cotangents`);
    }
    const cts = outs.map((o, i) => fitting("vjp", `cotangent ${i}`, (given[i] as NDArray).node, o, "the result's"));
    const found = backward(outs.map((o) => o.node), cts, variables, first);
    return [outs, found.map((g, i) => wrap(g ?? zeros((ins[i] as NDArray).node)))];
  });
}
