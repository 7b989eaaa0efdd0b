// Functions with rules of their own: custom gradients, tangents and batches, and checkpoints, which compute again what gradients need.
import { typeError } from "../base/error.ts";
import { functionOf, isPlainObject } from "../base/options.ts";
import { on } from "../core/device.ts";
import { abandon, NDArray } from "../core/ndarray.ts";
import type { Aval, Node } from "../core/node.ts";
import { anew, nextSerial, topological } from "../core/node.ts";
import { same } from "../core/shape.ts";
import { trace } from "../core/trace.ts";
import { treeFlatten, treeFlattenArrays, type TreeSpec, treeUnflatten } from "../core/tree.ts";
import { after, broadcastTo, cast, like } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { move } from "../ops/movement.ts";
import { type Rules, withRules } from "./family.ts";
import { alias, backward } from "./grad.ts";
import { type Own, ownRules } from "./rules.ts";
import { axesOfTree } from "./vmap.ts";

// ---- custom functions -------------------------------------------------------------------------------------------------
type Wrapped = (...args: never[]) => unknown;
/** The arguments of a rule: what the function got; a single one is not wrapped in a list. */
type Primals<A extends readonly unknown[]> = A extends readonly [infer One] ? One : A;
/** A gradient or tangent of a value: null where there is none. */
type Sparse<T> = T extends NDArray ? NDArray | null
  : T extends readonly unknown[] ? { readonly [K in keyof T]: Sparse<T[K]> } | null
  : T extends object ? { readonly [K in keyof T]: Sparse<T[K]> } | null
  : unknown;
/** The axis of the examples in each array of a value; null where all examples share it. */
type AxesOf<T> = T extends NDArray ? number | null
  : T extends readonly unknown[] ? { readonly [K in keyof T]: AxesOf<T[K]> }
  : T extends object ? { readonly [K in keyof T]: AxesOf<T[K]> }
  : null;

/** A function with rules of its own where `vjp`, `jvp` or `vmap` gave some; otherwise the transforms see through it. */
export interface CustomFunction<A extends readonly unknown[], R> {
  (...args: A): R;
  /** Gradients of the arguments (null: none), given the arguments, the cotangents of the result and the result. Arrays that the function captured are constants. */
  vjp(rule: (primals: Primals<A>, cotangents: R, outputs: R) => Sparse<Primals<A>>): CustomFunction<A, R>;
  /** The tangents of the result (null: none), given the arguments and their tangents. */
  jvp(rule: (primals: Primals<A>, tangents: Primals<A>) => Sparse<R>): CustomFunction<A, R>;
  /** The results for a batch and the axes of their examples, given batches of the arguments and the axes of their examples. */
  vmap(rule: (inputs: Primals<A>, axes: AxesOf<Primals<A>>) => readonly [R, unknown]): CustomFunction<A, R>;
}

/** The arrays of a tree that a rule gave, one (or null) for each of a spec, in order. */
function sparse(what: string, spec: TreeSpec, tree: unknown, out: (Node | null)[] = []): (Node | null)[] {
  if (spec.kind === "other") return out;
  if (spec.kind === "array") {
    if (tree !== null && tree !== undefined && !(tree instanceof NDArray)) {
      throw typeError(`Cannot use ${what}: it must be an array or null, not ${typeof tree}`);
    }
    out.push(tree?.node ?? null);
  } else {
    const none = tree === null || tree === undefined;
    if (
      !none && (spec.kind === "list" ? !Array.isArray(tree) || tree.length !== spec.items.length : !isPlainObject(tree))
    ) {
      throw typeError(
        `Cannot use ${what}: it must be ${
          spec.kind === "list" ? `a list of ${spec.items.length}` : `an object with the keys ${spec.keys.join(", ")}`
        }`,
      );
    }
    spec.items.forEach((item, i) => {
      const key = spec.kind === "list" ? i : spec.keys[i] as string;
      sparse(`${what} (at ${key})`, item, none ? null : (tree as Record<string | number, unknown>)[key], out);
    });
  }
  return out;
}
/** Checked against what they belong to, and in its dtype. */
function fitted(what: string, found: readonly (Node | null)[], of: readonly Aval[]): (Node | null)[] {
  return found.map((x, i) => {
    const want = of[i] as Aval;
    if (x !== null && !same(x.shape, want.shape)) {
      throw typeError(
        `Cannot use ${what} ${i}: its shape must be [${want.shape.join(",")}], not [${x.shape.join(",")}]`,
      );
    }
    return x === null ? null : cast(x, want.dtype);
  });
}

/** All of a list, zeros where there is none. */
const full = (xs: readonly (Node | null)[], of: readonly Node[]): Node[] => of.map((o, i) => xs[i] ?? like(0, o));

/**
 * A function that can be given its own gradient, tangent and batching rule, each a function of MLX's arguments:
 * `customFunction(f).vjp((primals, cotangents, outputs) => gradients)`. Arguments and results are arrays or trees of them;
 * a single argument stands in rules without a list around it. Without a rule a transform sees through the function.
 * TypeErrors if what a rule gives has another structure or other shapes.
 *
 * @example
 * ```ts
 * const f = mx.customFunction((x: mx.NDArray) => mx.clip(x, 0, 1));
 * f.vjp((_x: mx.NDArray, ct: mx.NDArray) => ct);
 * mx.grad((x: mx.NDArray) => f(x).sum())(mx.array([-1, 0.5])); // array([1, 1], dtype=float32)
 * ```
 */
export function customFunction<A extends readonly unknown[], R>(fun: (...args: A) => R): CustomFunction<A, R> {
  functionOf("make a customFunction of", fun);
  const given: { vjp?: Wrapped; jvp?: Wrapped; vmap?: Wrapped } = {};
  const call = (...args: A): R => {
    // Rules are for transforms.
    if (trace.first === null || Object.keys(given).length === 0) return fun(...args);
    const bare = args.length === 1, ins = treeFlatten(bare ? args[0] : args), primals = ins.arrays.map((a) => a.node);
    const value = fun(...args), outs = treeFlattenArrays("Cannot give rules to a customFunction: its result", value);
    if (primals.length === 0 || outs.arrays.length === 0) return value;
    const { vjp, jvp, vmap } = given as { [K in keyof typeof given]: (...args: unknown[]) => unknown };
    const tree = (spec: TreeSpec, nodes: readonly Node[]): unknown => treeUnflatten(spec, nodes.map(wrap));
    const results = outs.arrays.map(({ node: { shape, dtype } }): Aval => ({ shape, dtype }));
    const own: Own = {
      vjp: vjp === undefined ? null : (cts, found, xs) =>
        fitted(
          "the gradient of a customFunction's argument",
          sparse(
            "the result of a customFunction's vjp",
            ins.spec,
            vjp(tree(ins.spec, xs), tree(outs.spec, full(cts, found)), tree(outs.spec, found)),
          ),
          xs,
        ),
      jvp: jvp === undefined ? null : (ts, xs) => {
        const found = sparse(
          "the result of a customFunction's jvp",
          outs.spec,
          jvp(tree(ins.spec, xs), tree(ins.spec, full(ts, xs))),
        );
        return fitted("the tangent of a customFunction's result", found, results);
      },
      vmap: vmap === undefined ? null : (xs, batched, n) => {
        let at = 0;
        const axes = (spec: TreeSpec): unknown =>
          spec.kind === "array"
            ? batched[at++] ? 0 : null
            : spec.kind === "list"
            ? spec.items.map(axes)
            : spec.kind === "object"
            ? Object.fromEntries(spec.keys.map((k, i) => [k, axes(spec.items[i] as TreeSpec)]))
            : null;
        const pair = vmap(tree(ins.spec, xs), axes(ins.spec));
        if (!Array.isArray(pair) || pair.length !== 2) {
          throw typeError("Cannot use the vmap of a customFunction: it must return [outputs, axes]");
        }
        const where = axesOfTree("the result of a customFunction's vmap", pair[1], outs.spec);
        const found = sparse("the outputs of a customFunction's vmap", outs.spec, pair[0]);
        return found.map((x, i) => {
          const axis = where[i] as number | null, want = results[i] as Aval;
          if (x === null) throw typeError("Cannot use the vmap of a customFunction: an output is missing");
          const whole = axis === null
            ? broadcastTo(x, [n, ...x.shape])
            : move(x, axis < 0 ? axis + x.shape.length : axis, 0);
          if (!same(whole.shape, [n, ...want.shape])) {
            throw typeError(
              `Cannot use the vmap of a customFunction: output ${i} must hold ${n} examples of shape [${
                want.shape.join(",")
              }]; its shape is [${x.shape.join(",")}], the axis ${axis}`,
            );
          }
          return cast(whole, want.dtype);
        });
      },
    };
    const rules = ownRules(results.length, own, "an argument of a rule of a customFunction under vmap");
    return tree(outs.spec, withRules(outs.arrays.map((a) => a.node), primals, rules)) as R;
  };
  const set = (name: "vjp" | "jvp" | "vmap") => (rule: Wrapped): unknown => {
    functionOf(`use as a ${name} rule`, rule);
    given[name] = rule;
    return custom;
  };
  const custom: unknown = Object.assign(call, { vjp: set("vjp"), jvp: set("jvp"), vmap: set("vmap") });
  return custom as CustomFunction<A, R>;
}

// ---- checkpoints ------------------------------------------------------------------------------------------------------
/** What lies between `leaves` and `roots` recorded anew over other leaves; what has no inputs comes after `earlier` too, and what is `outside` stays. */
function replay(
  roots: readonly Node[],
  leaves: readonly Node[],
  others: readonly Node[],
  earlier: readonly Node[],
  outside: (n: Node) => boolean,
): ReadonlyMap<Node, Node> {
  const map = new Map(leaves.map((x, i) => [x, others[i] as Node])), place = (x: Node): Node => map.get(x) ?? x;
  for (const n of topological(roots, (x) => map.has(x) || outside(x))) {
    map.set(
      n,
      n.inputs.length > 0 ? anew(n, n.inputs.map(place)) : n.buf === null ? on(n.device, () => after(n, earlier)) : n,
    );
  }
  return map;
}
/** Rules of a checkpoint: the gradient first computes the results again, once their cotangents are there. */
const again = (count: number): Rules => ({
  count,
  vjp: (cts, family, need, outside) => {
    const ends = family.inputs.slice(0, count),
      leaves = family.inputs.slice(count),
      given = cts.filter((c) => c !== null);
    const which = ends.map((_, i) => i).filter((i) => cts[i]), first = nextSerial();
    const variables = leaves.map((x) => alias(on(x.device, () => after(x, given))));
    const inner = replay(which.map((i) => ends[i] as Node), leaves, variables, given, outside),
      roots = which.map((i) => inner.get(ends[i] as Node) ?? ends[i] as Node);
    const wanted = leaves.map((_, i) => i).filter((i) => need[i]);
    const found = backward(roots, given, wanted.map((i) => variables[i] as Node), first);
    const out = leaves.map((): Node | null => null);
    wanted.forEach((i, k) => out[i] = found[k] as Node | null);
    // What no gradient reads, the results first of all, is not computed again.
    for (const n of [...inner.values()].reverse()) {
      if (n.pending === 0 && n.serial >= first && !found.includes(n)) abandon(n);
    }
    return out;
  },
  jvp: null,
  vmap: null,
  over: () => again(count),
});

/**
 * The same function, of which gradients keep only the arguments (and what it captured): they compute its inner values
 * again, with the same random numbers. Less memory for more time.
 *
 * @example
 * ```ts
 * const f = mx.checkpoint((x: mx.NDArray) => mx.exp(mx.sin(x)).sum());
 * mx.grad(f)(mx.array([0])); // array([1], dtype=float32)
 * ```
 */
export function checkpoint<A extends readonly unknown[], R>(fun: (...args: A) => R): (...args: A) => R {
  functionOf("checkpoint", fun);
  return (...args: A): R => {
    if (trace.first === null) return fun(...args);
    const first = nextSerial(), value = fun(...args), { arrays, spec } = treeFlatten(value);
    // A result that the function only passes on needs nothing.
    const inner = arrays.filter((a) => a.node.serial >= first), roots = inner.map((a) => a.node);
    const leaves = new Set<Node>();
    for (const n of topological(roots, (x) => x.serial < first)) {
      for (const x of n.inputs) if (x.serial < first) leaves.add(x);
    }
    if (leaves.size === 0) return value;
    const outs = withRules(roots, [...leaves], again(roots.length));
    let at = 0;
    return treeUnflatten(spec, arrays.map((a) => a.node.serial >= first ? wrap(outs[at++] as Node) : a)) as R;
  };
}
