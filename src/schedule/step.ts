// The steps of a plan: kernels with their operands, and library calls.
import type { Call, Node } from "../core/node.ts";
import type { Offset } from "../kernel/offset.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Group } from "./fuse.ts";

/** Memory of a step: a node's buffer (or result `out` of a call), or a workspace of the plan. */
export interface Place {
  readonly node: Node | null;
  readonly out: number;
  /** Workspace number and bytes, where node is null. */
  readonly workspace: number;
  readonly bytes: number;
}

/** An operand of a dispatch: where it lies and how it moves along the loops (row strides in bytes, inner strides in elements). */
export interface Operand {
  readonly place: Place;
  readonly offset: Offset;
  readonly bound: number;
  readonly rows: readonly number[];
  readonly fold: number;
  readonly inner: readonly number[];
}

/** One step of a plan. */
export type Step =
  | {
    readonly kind: "kernel";
    readonly kernel: Kernel;
    readonly operands: readonly Operand[];
    readonly rows: readonly number[];
    readonly inner: readonly number[];
    readonly foldSize: number;
    readonly rag: number;
    readonly group: Group;
    readonly elements: number;
  }
  | {
    readonly kind: "call";
    readonly call: Call;
    readonly places: readonly { readonly place: Place; readonly offset: Offset }[];
    readonly group: Group;
  };

/** The memory of a node (of result `out` of a call). */
export function placeOf(node: Node, out = 0): Place {
  return { node, out, workspace: -1, bytes: 0 };
}
