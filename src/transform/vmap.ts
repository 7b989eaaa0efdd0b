// Batching: a function of one example runs once, on placeholders, and the graph that it recorded is walked with whole batches.
import { plainError, rangeError, typeError } from "../base/error.ts";
import { checkOptions, functionOf, isPlainObject, shown } from "../base/options.ts";
import { on } from "../core/device.ts";
import { abandon, type NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { anew, nextSerial } from "../core/node.ts";
import { axisOf, text as shapeText } from "../core/shape.ts";
import { equal } from "../kernel/sizes.ts";
import { traced } from "../core/trace.ts";
import { treeFlattenArrays, type TreeSpec, treeUnflatten } from "../core/tree.ts";
import { batchAll, broadcastTo, placeholder } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { move } from "../ops/movement.ts";
import { recorded } from "./family.ts";

/** One node for a batch: by its own rule, or the same op on all inputs. */
function batchedNode(n: Node, ins: readonly Node[], batched: readonly boolean[], count: number): Node {
  const { op, arg } = n, kind = op.lower.kind;
  if (op.vmap !== undefined) return op.vmap(ins, batched, arg, count);
  // What takes no argument, scalar rules and library calls (on leading axes) work on any batch.
  if (arg !== null && kind !== "map" && kind !== "call" && kind !== "source") {
    throw plainError(`Cannot vmap ${op.name}: it has no batching rule`);
  }
  return anew(n, batchAll(ins, batched, count));
}

/** What `run` gives on placeholders for one example of each node in `batched`, for all `n` examples along a first axis; `mapped` is false where a result is the same for all and has no such axis. */
export function batch<T extends Node | null>(
  run: (ins: readonly Node[]) => readonly T[],
  ins: readonly Node[],
  batched: readonly boolean[],
  n: number,
  what: (i: number) => string,
): { readonly nodes: readonly T[]; readonly mapped: readonly boolean[] } {
  const first = nextSerial(),
    examples = ins.map((x, i) => batched[i] ? on(x.device, () => placeholder(x.shape.slice(1), x.dtype, what(i))) : x),
    results = run(examples),
    roots = results.filter((r) => r !== null);
  const mapped = ins.map((_, i) => i).filter((i) => batched[i]);
  const { order, inputs, roots: ends, variables } = recorded(
    roots,
    mapped.map((i) => examples[i] as Node),
    first,
    "vmap",
  );
  const found = new Array<Node | null>(order.length).fill(null);
  variables.forEach((s, k) => {
    if (s >= 0) found[s] = ins[mapped[k] as number] as Node;
  });
  order.forEach((node, i) => {
    if (found[i]) return;
    const own = inputs[i] as readonly number[], flags = own.map((s) => s >= 0 && found[s] !== null);
    if (!flags.includes(true)) return;
    // A walk sees the last of a node's inputs: all of them, but for families and their results.
    const seen = node.inputs.slice(node.inputs.length - own.length);
    const whole = seen.map((x, k) => flags[k] ? found[own[k] as number] as Node : x);
    found[i] = on(node.device, () => batchedNode(node, whole, flags, n));
    // The node of one example is never evaluated.
    abandon(node);
  });
  let at = 0;
  const all = results.map((r) => {
    const s = r === null ? -1 : ends[at++] as number, whole = s < 0 ? null : found[s] ?? null;
    return { node: (whole ?? r) as T, mapped: whole !== null };
  });
  return { nodes: all.map((r) => r.node), mapped: all.map((r) => r.mapped) };
}

/** An axis, null (not mapped), or a tree of them. */
export type Axes = number | null | readonly Axes[] | { readonly [key: string]: Axes };
/** Options of `vmap`. */
export interface VmapOptions {
  /** The axis of each argument along which its examples lie: one number for all, null for what all examples share, or a list with one entry (which may be a tree) for each argument. Default 0. */
  readonly inAxes?: Axes;
  /** The axis of each result along which its examples lie. Default 0. */
  readonly outAxes?: Axes;
}

/** The axis of every array of a tree, in order. */
export function axesOfTree(
  what: string,
  axes: unknown,
  spec: TreeSpec,
  out: (number | null)[] = [],
): (number | null)[] {
  if (spec.kind === "other") return out;
  if (spec.kind === "array") {
    if (axes !== null && !Number.isInteger(axes)) {
      throw typeError(`Cannot vmap: the axis of ${what} must be an integer or null, not ${text(axes)}`);
    }
    out.push(axes as number | null);
  } else if (axes === null || typeof axes === "number") {
    for (const item of spec.items) axesOfTree(what, axes, item, out);
  } else if (spec.kind === "list") {
    if (!Array.isArray(axes) || axes.length !== spec.items.length) {
      throw typeError(
        `Cannot vmap: the axes of ${what} must be a number, null or a list of ${spec.items.length}, not ${text(axes)}`,
      );
    }
    spec.items.forEach((item, i) => axesOfTree(`${what}[${i}]`, axes[i], item, out));
  } else {
    const keys = spec.keys.join(", ");
    if (!isPlainObject(axes) || spec.keys.some((k) => !(k in axes))) {
      throw typeError(
        `Cannot vmap: the axes of ${what} must be a number, null or an object with the keys ${keys}, not ${text(axes)}`,
      );
    }
    spec.items.forEach((item, i) => axesOfTree(`${what}.${spec.keys[i]}`, axes[spec.keys[i] as string], item, out));
  }
  return out;
}
const text = (axes: unknown): string => typeof axes === "object" ? JSON.stringify(axes) : shown(axes);

interface Argument {
  readonly name: string;
  readonly arrays: readonly NDArray[];
  readonly spec: TreeSpec;
  readonly axes: readonly (number | null)[];
}
/** The arguments that are mapped, taken apart; the others stay as they are. */
function argumentsOf(args: readonly unknown[], inAxes: unknown): readonly (Argument | null)[] {
  // With one argument the tree applies to it; a list of one entry may stand around it, as with several.
  const [only] = args,
    bare = args.length === 1 && Array.isArray(inAxes) && inAxes.length === 1 &&
      !(Array.isArray(only) && only.length === 1);
  const all = bare ? inAxes[0] : inAxes;
  if (
    args.length !== 1 && typeof all !== "number" && all !== null && !(Array.isArray(all) && all.length === args.length)
  ) {
    throw typeError(
      `Cannot vmap: inAxes must be a number, null or a list with one entry for each of ${args.length} arguments, not ${
        text(all)
      }`,
    );
  }
  return args.map((a, i) => {
    const own: unknown = args.length === 1 || !Array.isArray(all) ? all : all[i];
    if (own === null) return null;
    const name = `argument ${i}`,
      flat = treeFlattenArrays(`Cannot vmap (inAxes of null leave an argument as it is): ${name}`, a);
    return { name, ...flat, axes: axesOfTree(name, own, flat.spec) };
  });
}

/**
 * A function that applies `fun` to every example at once: `fun` is called once, with one example's shapes, and what it
 * recorded runs on whole batches. Trees of arrays go in and come out; results that are the same for all examples are
 * repeated. TypeErrors: no argument is mapped, lengths differ, a result is no array; reading a value inside throws.
 *
 * @example
 * ```ts
 * mx.vmap((x: mx.NDArray) => x.sum())(mx.array([[1, 2], [3, 4]])); // array([3, 7], dtype=float32)
 * ```
 */
export function vmap<A extends readonly unknown[], R>(
  fun: (...args: A) => R,
  options: VmapOptions = {},
): (...args: A) => R {
  functionOf("vmap", fun);
  checkOptions("vmap", options, ["inAxes", "outAxes"]);
  const inAxes = options.inAxes === undefined ? 0 : options.inAxes,
    outAxes = options.outAxes === undefined ? 0 : options.outAxes;
  return (...args: A): R => {
    const parts = argumentsOf(args, inAxes), ins: Node[] = [], batched: boolean[] = [], whose: string[] = [];
    let first: { readonly length: number; text(): string } | null = null;
    for (const p of parts) {
      p?.arrays.forEach((a, k) => {
        const x = a.node, given = p.axes[k] as number | null;
        batched.push(given !== null);
        whose.push(`${p.name} of vmap`);
        if (given === null) return void ins.push(x);
        const axis = axisOf(`vmap ${p.name}`, given, x.shape.length), length = x.shape[axis] as number;
        const here = (): string => `axis ${axis} of ${p.name} of shape ${shapeText(x.shape)} has ${length}`;
        if (first !== null && !equal(length, first.length)) {
          throw typeError(
            `Cannot vmap over axes of different lengths: ${first.text()}, but ${here()}; give null in inAxes for what all examples share`,
          );
        }
        first ??= { length, text: here };
        ins.push(on(x.device, () => move(x, axis, 0)));
      });
    }
    if (first === null) {
      throw rangeError("Cannot vmap a function of which no argument is mapped: every axis of inAxes is null");
    }
    const n = (first as { readonly length: number }).length;
    return traced(() => {
      let spec: TreeSpec | null = null;
      const { nodes, mapped } = batch(
        (examples) => {
          let at = 0;
          const call = parts.map((p, i) =>
            p === null ? args[i] : treeUnflatten(p.spec, p.arrays.map(() => wrap(examples[at++] as Node)))
          );
          const flat = treeFlattenArrays(
            "Cannot vmap: the function's result",
            fun(...call as unknown as A),
          );
          spec = flat.spec;
          return flat.arrays.map((a) => a.node);
        },
        ins,
        batched,
        n,
        (i) => whose[i] as string,
      );
      const axes = axesOfTree("the result", outAxes, spec as unknown as TreeSpec);
      const outs = nodes.map((x, i) => {
        const to = axes[i] as number | null;
        if (to === null) {
          if (mapped[i]) {
            throw typeError(
              `Cannot vmap: result ${i} has the axis null in outAxes, but it depends on a mapped argument: give the axis of its examples`,
            );
          }
          return wrap(x);
        }
        return wrap(on(x.device, () => {
          const whole = mapped[i] ? x : broadcastTo(x, [n, ...x.shape]);
          return move(whole, 0, axisOf(`vmap result ${i}`, to, whole.shape.length));
        }));
      });
      return treeUnflatten(spec as unknown as TreeSpec, outs) as R;
    }, true);
  };
}
