// From what users pass to nodes, and the builders of public elementwise functions.
import type { DType } from "../base/dtype.ts";
import { atLeastFloat, promote, promoteScalar } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { shown } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Node, OpDef } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { computes, recording } from "../core/device.ts";
import { broadcast as broadcastShape, text } from "../core/shape.ts";
import { broadcastTo, cast, type Elementwise, elementwise, full } from "./basis.ts";

/** True for the scalars that stand beside arrays. */
export function isScalar(x: unknown): x is number | boolean | bigint | { readonly re: number; readonly im: number } {
  return typeof x === "number" || typeof x === "boolean" || typeof x === "bigint" ||
    (typeof x === "object" && x !== null && "re" in x && "im" in x && typeof x.re === "number" &&
      typeof x.im === "number");
}
/** What is said of a value that should be an array or a number. */
export function noArray(op: string, x: unknown): TypeError {
  const hint = Array.isArray(x) || ArrayBuffer.isView(x) ? "; make an array of it with mx.array" : "";
  return typeError(`Cannot ${op} a value that is neither an array nor a number: ${shown(x)}${hint}`);
}
/** The node of an array, or of a scalar with no array beside it. */
export function nodeOf(op: string, x: ArrayLike): Node {
  if (x instanceof NDArray) return x.node;
  if (isScalar(x)) {
    return full(
      x,
      [],
      typeof x === "number"
        ? "float32"
        : typeof x === "boolean"
        ? "bool"
        : typeof x === "bigint"
        ? "int64"
        : "complex64",
    );
  }
  throw noArray(op, x);
}
/**
 * The dtype that arrays promote to together. Where the device lacks the dtype of one (a GPU float64), that one is computed on the CPU, and others of
 * the device would follow it there unasked: a TypeError.
 */
export function sharedDtype(op: string, nodes: readonly Node[]): DType {
  const first = nodes[0] as Node;
  if (nodes.every((n) => n.dtype === first.dtype)) return first.dtype;
  if (recording.several) {
    const home = recording.device, far = nodes.find((n) => !computes(home, n.dtype));
    const near = far === undefined ? far : nodes.find((n) => n.dtype !== far.dtype && n.device === home);
    if (far !== undefined && near !== undefined) {
      const lacks = far.dtype, on = home.type, shown = (n: Node): string => `${n.dtype} ${text(n.shape)}`;
      throw typeError(
        `Cannot ${op} ${shown(far)} and ${
          shown(near)
        }, as the ${on} has no ${lacks}: convert with astype("${lacks}") ` +
          `to compute on the CPU or astype("${
            atLeastFloat(near.dtype)
          }") to stay on the ${on}, or record it under stream(cpu)`,
      );
    }
  }
  return nodes.map((n) => n.dtype).reduce(promote);
}
/** The nodes of arrays and scalars, in the dtype that they share; scalars are weak beside arrays. */
export function alike(op: string, args: readonly ArrayLike[]): Node[] {
  const nodes = args.map((a) => nodeOf(op, a)), arrays = nodes.filter((_, i) => args[i] instanceof NDArray);
  const weak = arrays.length === 0 ? [] : args.filter((a) => !(a instanceof NDArray));
  const dtype = weak.reduce(
    (d: DType, a) => promoteScalar(d, a as number),
    sharedDtype(op, arrays.length === 0 ? nodes : arrays),
  );
  return nodes.map((n) => cast(n, dtype));
}
/** Both operands with the dtype that they share, before broadcasting: a scalar is weak beside an array. */
function pairDtype(
  op: string,
  a: ArrayLike,
  b: ArrayLike,
): { dtype: DType; nodes: readonly [Node | null, Node | null] } {
  const x = a instanceof NDArray ? a.node : null, y = b instanceof NDArray ? b.node : null;
  if (x === null && !isScalar(a)) nodeOf(op, a);
  if (y === null && !isScalar(b)) nodeOf(op, b);
  if (x !== null && y !== null) {
    return { dtype: x.dtype === y.dtype ? x.dtype : sharedDtype(op, [x, y]), nodes: [x, y] };
  }
  if (x !== null) return { dtype: promoteScalar(x.dtype, b as number), nodes: [x, null] };
  if (y !== null) return { dtype: promoteScalar(y.dtype, a as number), nodes: [null, y] };
  const l = nodeOf(op, a), r = nodeOf(op, b);
  return { dtype: promote(l.dtype, r.dtype), nodes: [l, r] };
}
/** Both operands broadcast to one shape and cast to one dtype (`to` may widen it, as true division does). */
export function pair(
  op: string,
  a: ArrayLike,
  b: ArrayLike,
  to: (d: DType) => DType = (d) => d,
): readonly [Node, Node] {
  const p = pairDtype(op, a, b), dtype = to(p.dtype), [x, y] = p.nodes;
  if (x !== null && y !== null) {
    const shape = broadcastShape(op, x.shape, y.shape);
    return [broadcastTo(cast(x, dtype), shape), broadcastTo(cast(y, dtype), shape)];
  }
  if (x !== null) return [cast(x, dtype), full(b as number, x.shape, dtype)];
  const n = y as Node;
  return [full(a as number, n.shape, dtype), cast(n, dtype)];
}
/** A new handle on a node. */
export function wrap(n: Node): NDArray {
  return new NDArray(n);
}

/** A public unary function and its op. */
export interface Unary {
  (a: ArrayLike): NDArray;
  readonly node: (x: Node) => Node;
}
/** Every elementwise op that was defined together with its public function, for the generated tests. */
export const elementary: {
  readonly op: OpDef<null>;
  readonly arity: 1 | 2;
  call(...x: readonly NDArray[]): NDArray;
}[] = [];
/** Defines a unary op together with its public function; `accept` widens or rejects the input's dtype. */
export function unary(e: Elementwise, accept: (d: DType) => DType = (d) => d): Unary {
  const op = elementwise(e);
  const node = (x: Node): Node => apply(op, [cast(x, accept(x.dtype))], null);
  const call = (a: ArrayLike): NDArray => wrap(node(nodeOf(e.name, a)));
  elementary.push({ op, arity: 1, call: call as (...x: readonly NDArray[]) => NDArray });
  return Object.assign(call, { node });
}
/** A public binary function and its op over nodes of one shape and dtype. */
export interface Binary {
  (a: ArrayLike, b: ArrayLike): NDArray;
  readonly node: (x: Node, y: Node) => Node;
}
/** Defines a binary op together with its public, broadcasting function. */
export function binary(e: Elementwise, to: (d: DType) => DType = (d) => d): Binary {
  const op = elementwise(e);
  const node = (x: Node, y: Node): Node => apply(op, [x, y], null);
  const call = (a: ArrayLike, b: ArrayLike): NDArray => wrap(node(...pair(e.name, a, b, to)));
  elementary.push({ op, arity: 2, call: call as (...x: readonly NDArray[]) => NDArray });
  return Object.assign(call, { node });
}
