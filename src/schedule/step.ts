// The steps of a plan: kernels with their operands, and library calls.
import type { Call, Node } from "../core/node.ts";
import { numberOf, type Size } from "../kernel/sizes.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Group } from "./group.ts";
import type { Graph } from "./graph.ts";

/** Memory of a step: a node's buffer (or result `out` of a call), or a workspace of the plan. */
export interface Place {
  readonly node: Node | null;
  readonly out: number;
  /** Workspace number and bytes, where node is null. */
  readonly workspace: number;
  readonly bytes: Size;
}

/** An operand of a dispatch: where it lies and how it moves along the loops (row strides in bytes, inner strides in elements). */
export interface Operand<S = Size> {
  readonly place: Place;
  readonly offset: S;
  readonly bound: S;
  readonly rows: readonly S[];
  readonly fold: S;
  readonly inner: readonly S[];
}

/** One step of a plan, in symbols or in numbers. */
export type Step<S = Size> =
  | {
    readonly kind: "kernel";
    readonly kernel: Kernel;
    readonly operands: readonly Operand<S>[];
    readonly rows: readonly S[];
    readonly inner: readonly S[];
    readonly foldSize: S;
    readonly rag: S;
    readonly group: Group;
    readonly elements: S;
  }
  | {
    readonly kind: "call";
    readonly call: Call;
    readonly places: readonly { readonly place: Place; readonly offset: S }[];
    readonly group: Group;
  }
  | {
    readonly kind: "loop";
    readonly what: "scan" | "while" | "cond";
    readonly count: Size;
    /** The byte that decides, of a while and a cond. */
    readonly flag: { readonly place: Place; readonly offset: Size } | null;
    /**
     * Of a while whose passes run ahead of it, up to `count` of them: where they leave that byte. The flag is then two words,
     * whether passes go on and how many ran, and the step's kernels do nothing once they do not.
     */
    readonly next: { readonly place: Place; readonly offset: Size } | null;
    readonly blocks: readonly Block[];
    /** Runs once, after the last pass. */
    readonly end: Block;
    /** All memory outside the bodies that it touches. */
    readonly places: readonly { readonly place: Place; readonly offset: S }[];
    readonly group: Group;
  };

/** Where a value of a body lies: at one place, a step further in each pass, or in turn at two places. */
export type Spot =
  | { readonly kind: "fixed"; readonly place: Place; readonly offset: Size }
  | { readonly kind: "moving"; readonly place: Place; readonly offset: Size; readonly by: Size; readonly bytes: Size }
  | { readonly kind: "alternating"; readonly even: Place; readonly odd: Place; readonly bytes: Size };
/** The steps of a body, and where the values lie that it is given and that it gives. */
export interface Block {
  readonly graph: Graph;
  readonly steps: readonly Step[];
  readonly spots: Map<Node, Spot>;
}

/** All that a loop runs, its end last. */
export function blocksOf(s: { readonly blocks: readonly Block[]; readonly end: Block }): readonly Block[] {
  return [...s.blocks, s.end];
}

/** The memory of a node (of result `out` of a call). */
export function placeOf(node: Node, out = 0): Place {
  return { node, out, workspace: -1, bytes: 0 };
}

/** A step in the numbers of the graph that is planned. */
export function numbered(s: Step): Step<number> {
  const all = (list: readonly Size[]): number[] => list.map(numberOf);
  if (s.kind !== "kernel") return { ...s, places: s.places.map((p) => ({ ...p, offset: numberOf(p.offset) })) };
  return {
    ...s,
    operands: s.operands.map((o) => ({
      place: o.place,
      offset: numberOf(o.offset),
      bound: numberOf(o.bound),
      rows: all(o.rows),
      fold: numberOf(o.fold),
      inner: all(o.inner),
    })),
    rows: all(s.rows),
    inner: all(s.inner),
    foldSize: numberOf(s.foldSize),
    rag: numberOf(s.rag),
    elements: numberOf(s.elements),
  };
}

/** Steps with those inside. */
export function everyStep(list: readonly Step[]): readonly Step[] {
  return list.flatMap((s) => s.kind === "loop" ? [s, ...blocksOf(s).flatMap((b) => everyStep(b.steps))] : [s]);
}
