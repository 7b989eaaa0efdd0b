// Which values are computed where a copy of them would go: as a view of an array that is to hold their elements in another order.
import type { Index, Node } from "../core/node.ts";
import { contiguousView, type PlanView } from "../core/view.ts";
import { equal, type Size } from "../kernel/sizes.ts";
import { type Home, type Info, type Nodes, probe } from "./group.ts";

/** A value's view in memory where what shows it lies as `view`: each axis of the value is one of the other's, at `index`; null if that is not so. */
function within(index: readonly Index[], shape: readonly Size[], view: PlanView): PlanView | null {
  const used = new Set<number>(), strides: Size[] = [];
  for (const [k, x] of index.entries()) {
    const [term, more] = [...x.terms].filter(([d]) => view.shape[d] !== 1);
    if (x.offset !== 0 || x.computed.length > 0 || more !== undefined) return null;
    if (term === undefined) {
      if (shape[k] !== 1) return null;
      strides.push(0);
      continue;
    }
    const [d, step] = term;
    if (step !== 1 || used.has(d) || !equal(shape[k] as Size, view.shape[d] as Size)) return null;
    used.add(d);
    strides.push(view.strides[d] as Size);
  }
  return view.shape.every((n, d) => n === 1 || used.has(d)) ? { shape, strides, offset: view.offset } : null;
}

/**
 * Finds homes for assemblies, and for results of library calls, that have one reader which only lays them out anew: a copy in
 * another order, or an assembly of which they are a part. `inPlace` are nodes that lie over their input.
 */
export function findHomes({ infos, symbols }: Nodes, inPlace: ReadonlySet<Node>): void {
  const shapeOf = (n: Node): readonly Size[] => symbols.of(n).shape;
  const pull = (index: readonly Index[], n: Node): readonly Index[] | null =>
    n.op.lower.kind === "view" ? n.op.lower.pull(index, n.arg, symbols.of(n.inputs[0] as Node), symbols.of(n)) : null;
  const takes = (n: Node, view: PlanView): boolean => {
    const l = n.op.lower;
    if (l.kind === "call") return l.placed?.(n.device, view) === true;
    return l.kind === "parts" && !l.overwrites(n.arg) && !inPlace.has(n);
  };
  /** Gives a home to what `x` shows, whose axes lie in `home` at `index`. */
  const settle = (x: Node, index: readonly Index[] | null, { node, view }: Home): void => {
    let at = x;
    for (let where = index; where !== null; where = pull(where, at), at = at.inputs[0] as Node) {
      const i = infos[at.slot];
      if (i === undefined || i.node !== at || i.uses !== 1 || i.root) return;
      if (at.op.lower.kind === "view" && !i.stored && at.inputs.length === 1) continue;
      const own = within(where, shapeOf(at), view);
      if (own !== null && !own.shape.includes(0) && takes(at, own)) i.home = { node, view: own };
      return;
    }
  };
  for (let k = infos.length - 1; k >= 0; k--) {
    const { node, stored, home } = infos[k] as Info, { lower } = node.op;
    const at: Home = home ?? { node, view: contiguousView(shapeOf(node)) };
    if (lower.kind === "view" && stored) settle(node.inputs[0] as Node, pull(probe(node), node), at);
    if (lower.kind !== "parts" || lower.overwrites(node.arg) || inPlace.has(node)) continue;
    for (const part of lower.parts(node.arg, node.inputs.map((x) => symbols.of(x)), symbols.of(node))) {
      const x = node.inputs[part.input] as Node;
      settle(x, probe(x), { node: at.node, view: part.view(at.view) });
    }
  }
}
