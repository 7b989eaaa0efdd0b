// Loads and stores at positions that are computed: the ops below indexing, sorting and their gradients.
import type { Aval, Node } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { batchAll, cast, compare, define, div, like, mul } from "./basis.ts";

/** Where each axis of the source takes its index from: an axis of the result, or an index array. */
export type Axis = { readonly from: "out"; readonly axis: number } | { readonly from: "index"; readonly which: number };
/** A gather: index arrays run over `indexAxes` of the result. */
export interface Gather {
  readonly shape: readonly number[];
  readonly source: readonly Axis[];
  readonly indexAxes: readonly number[];
}
const gatherText = (a: Gather): string =>
  `${a.source.map((s) => s.from === "out" ? `o${s.axis}` : `i${s.which}`).join()}/${a.indexAxes.join()}`;
const gatherOp = define<Gather>({
  name: "gather",
  type: ([x], a) => ({ shape: a.shape, dtype: (x as Aval).dtype }),
  lower: { kind: "gather" },
  structure: gatherText,
  vjp: (
    ct,
    _out,
    ins,
    a,
  ) => [scatter("add", like(0, ins[0] as Node), ins.slice(1), ct, a), ...ins.slice(1).map(() => null)],
  jvp: ([t], _out, ins, a) => t ? gather(t, ins.slice(1), a) : null,
  vmap: ([x, ...indices], [own, ...mapped], a, n) => {
    const g = batchGather(a, own as boolean, mapped.includes(true), n);
    return gather(x as Node, mapped.includes(true) ? batchAll(indices, mapped, n) : indices, g);
  },
});
/** A gather for `n` examples: of a batched source, at batched index arrays, or both. */
function batchGather(a: Gather, source: boolean, indices: boolean, n: number): Gather {
  const axes = a.source.map((s): Axis => s.from === "out" ? { from: "out", axis: s.axis + 1 } : s),
    indexAxes = a.indexAxes.map((d) => d + 1);
  return {
    shape: [n, ...a.shape],
    source: source ? [{ from: "out", axis: 0 }, ...axes] : axes,
    indexAxes: indices ? [0, ...indexAxes] : indexAxes,
  };
}
/** out[o] = x[...], each axis of x indexed by an axis of the result or by an index array (negative counts from the end). */
export function gather(x: Node, indices: readonly Node[], a: Gather): Node {
  return apply(gatherOp, [x, ...indices], a);
}

/** How a scatter joins an update with what is there. */
export type ScatterMode = "set" | "add" | "mul" | "min" | "max";
interface Scatter extends Gather {
  readonly mode: ScatterMode;
}
const scatterOp = define<Scatter>({
  name: "scatter",
  type: ([x]) => x as Aval,
  lower: { kind: "scatter", combine: (a) => a.mode },
  structure: (a) => `${a.mode}/${gatherText(a)}`,
  vjp: (ct, out, ins, a, need) => {
    const indices = ins.slice(1, -1), base = ins[0] as Node, updates = ins[ins.length - 1] as Node;
    const none = indices.map(() => null);
    if (a.mode === "add") return [ct, ...none, need[ins.length - 1] ? gather(ct, indices, a) : null];
    if (a.mode === "set") {
      return [
        need[0] ? scatter("set", ct, indices, like(0, updates), a) : null,
        ...none,
        need[ins.length - 1] ? gather(ct, indices, a) : null,
      ];
    }
    if (a.mode === "mul") {
      return [
        need[0] ? scatter("mul", ct, indices, updates, a) : null,
        ...none,
        need[ins.length - 1] ? mul(gather(ct, indices, a), div(gather(out, indices, a), updates)) : null,
      ];
    }
    const kept = cast(compare("eq", base, out), ct.dtype),
      won = cast(compare("eq", updates, gather(out, indices, a)), ct.dtype);
    return [mul(ct, kept), ...none, mul(gather(ct, indices, a), won)];
  },
  vmap: (ins, batched, a, n) => {
    const last = ins.length - 1, mapped = batched.slice(1, -1), indices = ins.slice(1, -1);
    const [base, updates] = batchAll([ins[0] as Node, ins[last] as Node], [batched[0], batched[last]] as boolean[], n);
    return scatter(
      a.mode,
      base as Node,
      mapped.includes(true) ? batchAll(indices, mapped, n) : indices,
      updates as Node,
      batchGather(a, true, mapped.includes(true), n),
    );
  },
});
/** base with updates joined in at the places that `gather` with the same argument would read, in order. */
export function scatter(mode: ScatterMode, base: Node, indices: readonly Node[], updates: Node, a: Gather): Node {
  return apply(scatterOp, [base, ...indices, updates], {
    mode,
    shape: a.shape,
    source: a.source,
    indexAxes: a.indexAxes,
  });
}
