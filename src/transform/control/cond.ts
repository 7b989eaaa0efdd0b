// cond: one of two functions runs, by a value that is not known when they are recorded.
import { typeError } from "../../base/error.ts";
import { functionOf } from "../../base/options.ts";
import { isInexact } from "../../base/dtype.ts";
import { cpu, on, recording } from "../../core/device.ts";
import { NDArray } from "../../core/ndarray.ts";
import { apply, type Aval, type Body, type Control, nextSerial, type Node, type OpDef } from "../../core/node.ts";
import { trace } from "../../core/trace.ts";
import { broadcastTo, reshape, select, selectOp } from "../../ops/basis.ts";
import { nodeOf } from "../../ops/lift.ts";
import { pick } from "../../ops/pick.ts";
import { familyOf, type Rules, withRules } from "../family.ts";
import { alias, backward, zeros } from "../grad.ts";
import { forward } from "../jvp.ts";
import { type Own, ownRules } from "../rules.ts";
import { batch } from "../vmap.ts";
import {
  type Arrays,
  checkSame,
  inline,
  isWhole,
  leavesOf,
  notAsync,
  placed,
  record,
  type Recorded,
  show,
  treeOf,
  widened,
} from "./body.ts";
import { areLight } from "./cost.ts";

/** Results of the one of two bodies over the same values that the predicate says. */
function choice(predicate: Node, [a, b]: readonly [Recorded, Recorded], over: readonly Node[]): Node[] {
  // Both are given what either captured.
  const bodies = [widened(a.body, b.captured, a.captured.length), widened(b.body, a.captured, 0)];
  const { results } = bodies[0] as Body, ins = [predicate, ...a.captured, ...b.captured, ...over];
  const c = { what: "cond", bodies, carries: 0, sliced: 0, length: 0, reverse: false, fixed: results.length } as const;
  if (recording.device !== cpu && areLight(bodies)) return chosen(ins, c);
  const n = apply(condOp, ins, c);
  return results.map((_, k) => pick(n, k));
}
/**
 * The same as elements of both: where a GPU computes them sooner than the host would know which. To transforms it is a
 * function with the rules of `cond`, so that a branch that is not chosen has no part in gradients either.
 */
function chosen([predicate, ...ins]: readonly Node[], c: Control): Node[] {
  const [a, b] = c.bodies.map((body) => inline(body, ins)) as [Node[], Node[]], p = predicate as Node;
  const results = a.map((x, k) => apply(elementsOp, [broadcastTo(p, x.shape), x, b[k] as Node], null));
  return trace.first === null ? results : withRules(results, [p, ...ins], rulesOf(c));
}
/** A choice of elements, under the name of what it stands for. */
const elementsOp: typeof selectOp = { ...selectOp, name: "cond" };

/** Both bodies of a choice with another body made of each. */
function each(c: Control, make: (body: Body) => Recorded): readonly [Recorded, Recorded] {
  return [make(c.bodies[0] as Body), make(c.bodies[1] as Body)];
}
function vjp(
  c: Control,
  cts: readonly (Node | null)[],
  [predicate, ...ins]: readonly Node[],
  [, ...need]: readonly boolean[],
): readonly (Node | null)[] {
  const roots = cts.map((_, k) => k).filter((k) => cts[k]), given = roots.map((k) => cts[k] as Node);
  const which = ins.map((_, i) => i).filter((i) => need[i] && isInexact((ins[i] as Node).dtype));
  // The branch that ran computes its values again.
  const both = each(c, (body) =>
    record(given, () => "a cotangent of cond", (ct) => {
      const first = nextSerial(), variables = ins.map((x) => on(x.device, () => alias(x)));
      const results = inline(body, variables);
      const found = backward(roots.map((k) => results[k] as Node), ct, which.map((i) => variables[i] as Node), first);
      return found.map((g, j) => g ?? zeros(ins[which[j] as number] as Node));
    }));
  const found = choice(predicate as Node, both, given), out = ins.map((): Node | null => null);
  which.forEach((i, j) => out[i] = found[j] as Node);
  return [null, ...out];
}
/** Tangents of all results, and those of the results in `wanted` themselves. */
function jvp(
  c: Control,
  [, ...ts]: readonly (Node | null)[],
  [predicate, ...ins]: readonly Node[],
  wanted: readonly number[],
): ReturnType<NonNullable<OpDef["jvps"]>> {
  const outs = (c.bodies[0] as Body).results, which = ins.map((_, i) => i).filter((i) => ts[i]);
  const real = outs.map((_, k) => k).filter((k) => isInexact((outs[k] as Node).dtype));
  const given = which.map((i) => ts[i] as Node);
  const both = each(c, (body) =>
    record(given, () => "a tangent of cond", (t) => {
      const first = nextSerial(), variables = ins.map((x) => on(x.device, () => alias(x)));
      const roots = inline(body, variables);
      const { tangents, values } = forward(roots, which.map((i) => variables[i] as Node), t, first);
      return [...real.map((k) => tangents[k] ?? zeros(roots[k] as Node)), ...wanted.map((k) => values[k] as Node)];
    }));
  const found = choice(predicate as Node, both, given), tangents = outs.map((): Node | null => null);
  const results = [...tangents];
  real.forEach((k, j) => tangents[k] = found[j] as Node);
  wanted.forEach((k, j) => results[k] = found[real.length + j] as Node);
  return { tangents, results };
}
/** Results for `size` examples, along a first axis of all. */
function vmap(
  c: Control,
  [predicate, ...ins]: readonly Node[],
  [own, ...flags]: readonly boolean[],
  size: number,
): Node[] {
  const p = predicate as Node, repeated = (x: Node): Node => broadcastTo(x, [size, ...x.shape]);
  const examples = (body: Body, given: readonly Node[]): ReturnType<typeof batch<Node>> =>
    batch((one) => inline(body, one), given, flags, size, () => "an argument of a batch of conds");
  if (own) {
    // Each example chooses for itself: both run.
    const [a, b] = c.bodies.map((body) => {
      const { nodes, mapped } = examples(body, ins);
      return nodes.map((x, k) => mapped[k] ? x : repeated(x));
    }) as [Node[], Node[]];
    return a.map((x, k) =>
      select(broadcastTo(reshape(p, [size, ...x.shape.slice(1).map(() => 1)]), x.shape), x, b[k] as Node)
    );
  }
  const mapped = c.bodies.map((): readonly boolean[] => []);
  const both = (): readonly [Recorded, Recorded] =>
    each(c, (body) =>
      record([], () => "an argument of cond", () => {
        const i = c.bodies.indexOf(body), made = examples(body, ins);
        const any = made.mapped.map((m, k) => m || mapped.some((x) => x[k] === true));
        mapped[i] = made.mapped;
        return made.nodes.map((x, k) => any[k] && !made.mapped[k] ? repeated(x) : x);
      }));
  // Results are alike in both: what one branch maps, the other repeats.
  both();
  const all = (mapped[0] as readonly boolean[]).map((m, k) => m || mapped[1]?.[k] === true);
  return choice(p, both(), []).map((x, k) => all[k] ? x : repeated(x));
}
/** The rules of a choice as a function of its inputs. */
function rulesOf(c: Control): Rules {
  const own: Own = {
    vjp: (cts, _outs, ins, need) => vjp(c, cts, ins, need),
    jvp: (ts, ins) => jvp(c, ts, ins, []).tangents,
    vmap: (ins, batched, n) => vmap(c, ins, batched, n),
  };
  return ownRules((c.bodies[0] as Body).results.length, own, "an argument of a batch of conds");
}

const condOp: OpDef<Control> = {
  name: "cond",
  type: (_, c) => (c.bodies[0] as Body).results.map(({ shape, dtype }): Aval => ({ shape, dtype })),
  lower: { kind: "loop", of: (c) => c },
  structure: () => "",
  vjps: (cts, _node, ins, c, need) => vjp(c, cts, ins, need),
  jvps: (ts, _node, ins, c, which) => jvp(c, ts, ins, which),
  vmap: (ins, batched, c, n) => familyOf(vmap(c, ins, batched, n), ins, rulesOf(c).over(batched, n)),
};

/**
 * `f(...xs)` if the predicate (a bool array without axes, or a boolean) holds, else `g(...xs)`: only the one that is
 * chosen runs (on a GPU both, where that takes less time than to learn which). Both are called once, over traced values, and must give the same structure, shapes and dtypes: an array or a
 * tree of them (numbers become arrays). Arguments are arrays, numbers or trees of them. TypeErrors: the predicate is
 * something else, or the results differ. Under `vmap` over the predicate both run, and each example takes its own.
 *
 * @example
 * ```ts
 * const safe = (x: mx.NDArray) => mx.cond(x.gt(0), (x: mx.NDArray) => x.log(), (x: mx.NDArray) => x, x);
 * safe(mx.array(1)); // array(0, dtype=float32)
 * safe(mx.array(-2)); // array(-2, dtype=float32)
 * ```
 */
export function cond<A extends readonly unknown[], R>(
  predicate: NDArray | boolean,
  f: (...xs: { -readonly [K in keyof A]: Arrays<A[K]> }) => R,
  g: (...xs: { -readonly [K in keyof A]: Arrays<A[K]> }) => R,
  ...xs: A
): Arrays<R> {
  functionOf("branch with", f);
  functionOf("branch with", g);
  const isArray = predicate instanceof NDArray;
  if (!isArray && typeof predicate !== "boolean") {
    throw typeError(`Cannot branch: the predicate must be a bool array or a boolean, not ${typeof predicate}`);
  }
  const p = nodeOf("branch on", predicate), over = leavesOf("branch: an argument", xs);
  if (p.dtype !== "bool" || p.shape.length !== 0) {
    throw typeError(
      `Cannot branch: the predicate must be a bool array without axes, not ${
        show(p)
      }; compare (gt, lt, ...) and use any() or all(), or where for a choice of elements`,
    );
  }
  return placed(() => {
    const made: ReturnType<typeof leavesOf>[] = [];
    const both = [f, g].map((branch) =>
      record(over.nodes, () => "an argument of cond", (given) => {
        const value: unknown = branch(...treeOf(over.spec, given) as Parameters<typeof f>);
        notAsync("branch with", value);
        const flat = leavesOf("branch: the result of a function", value);
        made.push(flat);
        return flat.nodes;
      })
    ) as [Recorded, Recorded];
    const [a, b] = made as [ReturnType<typeof leavesOf>, ReturnType<typeof leavesOf>];
    checkSame(
      "branch: the results of both functions differ",
      a,
      b,
      "make both return the same structure, shapes and dtypes (astype, broadcastTo)",
    );
    if (!both.every(({ body }) => isWhole(body))) return null;
    return treeOf(a.spec, a.nodes.length === 0 ? [] : choice(p, both, over.nodes)) as Arrays<R>;
  });
}
