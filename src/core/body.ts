// What the bodies of control flow need beside their graphs.
import type { Buf, Node } from "./node.ts";

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
