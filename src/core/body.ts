// Functions as graphs, which control flow runs again and again: the bodies of `scan`, `whileLoop` and `cond`.
import type { Buf, Node } from "./node.ts";

/** A function that was recorded once: placeholders for what it is given, and its results, each with memory of its own; gradients add results. */
export interface Body {
  readonly given: readonly Node[];
  readonly results: Node[];
}
/**
 * What a control node does. Its inputs are constants (of a `cond` the predicate first), then what is carried from pass to
 * pass, then what passes take slices of along the first axis; each body is given these (but the predicate).
 */
export interface Control {
  readonly what: "scan" | "while" | "cond";
  /** Of a scan its step; of a while its test and its step; of a cond what runs if the predicate holds, and what if not. */
  readonly bodies: readonly Body[];
  readonly carries: number;
  readonly sliced: number;
  /** Passes of a scan, and whether they begin at the end. */
  readonly length: number;
  readonly reverse: boolean;
  /** Results of the last body that are always there; the rest, which gradients may want, only where someone picks them. */
  readonly fixed: number;
}

/** Stands for memory where a graph is planned or described without it. */
export const STAND_IN: Buf = {
  id: 0,
  bytes: 0,
  address: 0,
  token: new ArrayBuffer(0),
  users: 0,
  exposed: false,
  ticket: 0,
};

const asked = new WeakMap<Node, Map<number, Node>>();
/** The nodes that pick optional results of a control node, by number. */
export function askedOf(control: Node): Map<number, Node> {
  let known = asked.get(control);
  if (known === undefined) asked.set(control, known = new Map<number, Node>());
  return known;
}
