// Functions with rules of their own, and what those are for a batch: the rules, batched.
import type { Node } from "../core/node.ts";
import { broadcastTo, reduce } from "../ops/basis.ts";
import { result, type Rules } from "./family.ts";
import { batch } from "./vmap.ts";

/** A function's own rules, over nodes; null where a transform sees through it. What is null among tangents and cotangents is zero. */
export interface Own {
  /** Cotangents of the primals, of those in `need` at least. */
  readonly vjp:
    | ((
      cts: readonly (Node | null)[],
      outs: readonly Node[],
      primals: readonly Node[],
      need: readonly boolean[],
    ) => readonly (Node | null)[])
    | null;
  /** Tangents of the results. */
  readonly jvp: ((ts: readonly (Node | null)[], primals: readonly Node[]) => readonly (Node | null)[]) | null;
  readonly vmap: Rules["vmap"];
}
/** The rules of a family of `count` results; `what` names the arguments of its rules under vmap. */
export function ownRules(count: number, own: Own, what: string): Rules {
  const { vjp, jvp } = own;
  return {
    count,
    vjp: vjp && ((cts, family, need) => {
      const outs = Array.from({ length: count }, (_, i) => result(family, i));
      return vjp(cts, outs, family.inputs.slice(count), need);
    }),
    jvp: jvp && ((ts, family) => jvp(ts, family.inputs.slice(count))),
    vmap: own.vmap,
    over: (batched, n) => ownRules(count, over(own, batched, n, what), what),
  };
}
/** Calls `f` with the nodes of a list that are there, and a function that puts others in their places. */
function among<T>(
  list: readonly (Node | null)[],
  f: (there: readonly Node[], back: (others: readonly Node[]) => (Node | null)[]) => T,
): T {
  return f(list.filter((x) => x !== null), (others) => {
    let at = 0;
    return list.map((x) => x === null ? null : others[at++] as Node);
  });
}
/** Rules over a batch, by batching the rules. */
function over({ vjp, jvp }: Own, batched: readonly boolean[], n: number, what: string): Own {
  const name = (): string => what;
  const spread = (x: Node | null, mapped: boolean): Node | null =>
    x === null || mapped ? x : broadcastTo(x, [n, ...x.shape]);
  return {
    vjp: vjp && ((cts, outs, primals, need) =>
      among(cts, (given, back) => {
        const first = given.length, second = first + outs.length;
        const run = (x: readonly Node[]): readonly (Node | null)[] =>
          vjp(back(x.slice(0, first)), x.slice(first, second), x.slice(second), need);
        const flags = [...given.map(() => true), ...outs.map(() => true), ...batched];
        const { nodes, mapped } = batch(run, [...given, ...outs, ...primals], flags, n, name);
        // What all examples share gets the sum of their gradients.
        return nodes.map((x, i) => {
          const g = spread(x, mapped[i] as boolean);
          return g === null || batched[i] ? g : reduce("sum", g, [0]);
        });
      })),
    jvp: jvp && ((ts, primals) =>
      among(ts, (given, back) => {
        const run = (x: readonly Node[]): readonly (Node | null)[] =>
          jvp(back(x.slice(0, given.length)), x.slice(given.length));
        const flags = [...batched.filter((_, i) => ts[i] !== null), ...batched];
        const { nodes, mapped } = batch(run, [...given, ...primals], flags, n, name);
        return nodes.map((x, i) => spread(x, mapped[i] as boolean));
      })),
    // A second batch axis is nothing that the rule knows of.
    vmap: null,
  };
}
