// cond: one of two functions runs, by a value that is not known when they are recorded.
import { typeError } from "../../base/error.ts";
import { isInexact } from "../../base/dtype.ts";
import { on } from "../../core/device.ts";
import { NDArray } from "../../core/ndarray.ts";
import { apply, type Aval, type Body, nextSerial, type Node, type OpDef } from "../../core/node.ts";
import { needNumbers } from "../../core/trace.ts";
import { broadcastTo, reshape, select } from "../../ops/basis.ts";
import { nodeOf } from "../../ops/lift.ts";
import { pick } from "../../ops/pick.ts";
import { several } from "../family.ts";
import { alias, backward, functionOf, zeros } from "../grad.ts";
import { forward } from "../jvp.ts";
import { batch } from "../vmap.ts";
import {
  type Arrays,
  type Batched,
  checkSame,
  example,
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

/** A choice between two bodies over the same values; both are given what either captured, then those. */
function choice(
  predicate: Node,
  [a, b]: readonly [Recorded, Recorded],
  over: readonly Node[],
  more: Pick<Batched, "batch">,
): Node {
  const bodies = [widened(a.body, b.captured, a.captured.length), widened(b.body, a.captured, 0)];
  return apply(condOp, [predicate, ...a.captured, ...b.captured, ...over], {
    what: "cond",
    bodies,
    carries: 0,
    sliced: 0,
    length: 0,
    reverse: false,
    fixed: (bodies[0] as Body).results.length,
    ...more,
  });
}
/** Both bodies of a choice with another body made of each. */
function each(c: Batched, make: (body: Body) => Recorded): readonly [Recorded, Recorded] {
  return [make(c.bodies[0] as Body), make(c.bodies[1] as Body)];
}

function vjps(
  cts: readonly (Node | null)[],
  node: Node,
  [predicate, ...ins]: readonly Node[],
  c: Batched,
  [, ...need]: readonly boolean[],
): readonly (Node | null)[] {
  const roots = (node.outs as readonly Aval[]).map((_, k) => k).filter((k) => cts[k]);
  const which = ins.map((_, i) => i).filter((i) => need[i] && isInexact((ins[i] as Node).dtype));
  const given = roots.map((k) => cts[k] as Node);
  // The branch that ran computes its values again.
  const both = each(c, (body) =>
    record(given, () => "a cotangent of cond", (ct) => {
      const first = nextSerial(), variables = ins.map((x) => on(x.device, () => alias(x)));
      const results = inline(body, variables);
      const found = backward(roots.map((k) => results[k] as Node), ct, which.map((i) => variables[i] as Node), first);
      return found.map((g, j) => g ?? zeros(ins[which[j] as number] as Node));
    }));
  const n = choice(predicate as Node, both, given, { batch: null }), out = ins.map((): Node | null => null);
  which.forEach((i, j) => out[i] = pick(n, j));
  return [null, ...out];
}
function jvps(
  [, ...ts]: readonly (Node | null)[],
  node: Node,
  [predicate, ...ins]: readonly Node[],
  c: Batched,
  wanted: readonly number[],
): ReturnType<NonNullable<OpDef["jvps"]>> {
  const which = ins.map((_, i) => i).filter((i) => ts[i]), outs = node.outs as readonly Aval[];
  const real = wanted.filter((k) => isInexact((outs[k] as Aval).dtype));
  const given = which.map((i) => ts[i] as Node);
  const both = each(c, (body) =>
    record(given, () => "a tangent of cond", (t) => {
      const first = nextSerial(), variables = ins.map((x) => on(x.device, () => alias(x)));
      const all = inline(body, variables), roots = wanted.map((k) => all[k] as Node);
      const { tangents, values } = forward(roots, which.map((i) => variables[i] as Node), t, first);
      return [...values, ...real.map((k) => tangents[wanted.indexOf(k)] ?? zeros(all[k] as Node))];
    }));
  const n = choice(predicate as Node, both, given, { batch: null });
  const found = outs.map((): Node | null => null), results = [...found];
  wanted.forEach((k, j) => results[k] = pick(n, j));
  real.forEach((k, j) => found[k] = pick(n, wanted.length + j));
  return { tangents: found, results };
}
function vmap(
  [predicate, ...ins]: readonly Node[],
  [own, ...flags]: readonly boolean[],
  c: Batched,
  size: number,
): Node {
  const p = predicate as Node, repeated = (x: Node): Node => broadcastTo(x, [size, ...x.shape]);
  const examples = (body: Body, given: readonly Node[]): ReturnType<typeof batch<Node>> =>
    batch((one) => inline(body, one), given, flags, size, () => "an argument of a batch of conds");
  if (own) {
    // Each example chooses for itself: both run.
    const [a, b] = c.bodies.map((body) => {
      const { nodes, mapped } = examples(body, ins);
      return nodes.map((x, k) => mapped[k] ? x : repeated(x));
    }) as [Node[], Node[]];
    return several(
      a.map((x, k) =>
        select(broadcastTo(reshape(p, [size, ...x.shape.slice(1).map(() => 1)]), x.shape), x, b[k] as Node)
      ),
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
  return choice(p, both(), [], { batch: { size, mapped: all } });
}

const condOp: OpDef<Batched> = {
  name: "cond",
  type: (_, c) => (c.bodies[0] as Body).results.map(({ shape, dtype }): Aval => ({ shape, dtype })),
  lower: { kind: "loop", of: (c) => c },
  structure: () => "",
  vjps,
  jvps,
  vmap,
  example,
};

/**
 * `f(...xs)` if the predicate (a bool array without axes, or a boolean) holds, else `g(...xs)`: only the one that is
 * chosen runs. Both are called once, over traced values, and must give the same structure, shapes and dtypes: an array or a
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
  needNumbers();
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
  return placed("control", () => {
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
    const n = choice(p, both, over.nodes, { batch: null });
    return treeOf(a.spec, a.nodes.map((_, k) => pick(n, k))) as Arrays<R>;
  });
}
