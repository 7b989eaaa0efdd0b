// Sums of arrays that are zero but for their parts: what the slices of one array give back, as one assembly instead of many sums.
import type { Node, OpDef } from "../core/node.ts";
import { size, sizeMinus, sizePlus, sizeTimes } from "../core/shape.ts";
import { below, equal } from "../kernel/sizes.ts";
import { type Assemble, assemble, assembleOp, isZero, type Slice } from "./basis.ts";

/** Most parts of one assembly: each sum makes a new list of them. */
const MOST = 64;
interface Parts {
  readonly zeros: Node;
  readonly inputs: readonly Node[];
  readonly slices: readonly Slice[];
}
/** The parts of an assembly over zeros; null for any other node. */
function partsOf(n: Node): Parts | null {
  if (n.op !== assembleOp as OpDef) return null;
  const { slices } = n.arg as Assemble, zeros = n.inputs[0] as Node;
  if (slices[0] !== null || !isZero(zeros)) return null;
  return { zeros, inputs: n.inputs.slice(1), slices: slices.slice(1) as Slice[] };
}
/** True if the two have no element in common, as their ranges along some axis lie apart. */
function apart(a: Slice, b: Slice): boolean {
  const end = (s: Slice, d: number, up: boolean): number => {
    const start = s.starts[d] as number, step = s.steps[d] as number;
    return step > 0 === up ? sizePlus(start, sizeTimes(sizeMinus(s.shape[d] as number, 1), step)) : start;
  };
  return a.starts.some((_, d) => below(end(a, d, true), end(b, d, false)) || below(end(b, d, true), end(a, d, false)));
}
/** The sum of two nodes as one assembly of the parts of both; null if they are none, or overlap. */
export function sumOfParts(x: Node, y: Node): Node | null {
  const a = partsOf(x), b = a === null ? null : partsOf(y);
  if (a === null || b === null || a.inputs.length + b.inputs.length > MOST) return null;
  if (!a.slices.every((s) => b.slices.every((t) => apart(s, t)))) return null;
  const inputs = [...a.inputs, ...b.inputs], slices = [...a.slices, ...b.slices];
  // Where the parts are all of it, nothing is left of the zeros.
  return equal(slices.reduce((n, s) => sizePlus(n, size(s.shape)), 0), size(x.shape))
    ? assemble(inputs, slices, x.shape)
    : assemble([a.zeros, ...inputs], [null, ...slices], x.shape);
}
