// A node of the lazy graph, and what an op has to define. An array is a handle on a node; graphs and walks hold nodes only.
import { type DType, itemsize } from "../base/dtype.ts";
import { trail } from "../base/error.ts";
import { type CallFamily, computes, cpu, type Device, hasCalls, on, recording } from "./device.ts";
import type { CType, Expr, Literal, Scalars } from "../kernel/expr.ts";
import type { Fold, Scan } from "../kernel/fold.ts";
import type { Size } from "../kernel/sizes.ts";
import { size } from "./shape.ts";
import type { PlanView, View } from "./view.ts";

/** Shape and dtype of a value. */
export interface Aval {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** What has a dtype. */
export type Typed = Pick<Aval, "dtype">;

/** A value while an eval is planned: its sizes, and the starts that its op recorded, are symbols. */
export interface Planned {
  readonly shape: readonly Size[];
  readonly dtype: DType;
  readonly starts: readonly Size[];
}

/** Memory of an evaluated node: a native buffer with the token that keeps it alive, shared by every node that views it. */
export interface Buf {
  readonly id: number;
  readonly bytes: number;
  /** 0 where the host does not see it. */
  readonly address: number;
  /** The whole buffer as JavaScript memory (not to be touched where the address is 0); collecting it ends the owner's reference. */
  readonly token: ArrayBuffer;
  /** Nodes whose value lies in this buffer and still have a handle or a pending consumer; -1 once disposed. */
  users: number;
  /** True once a typed array over this memory was handed to the user. */
  exposed: boolean;
  /** The ticket of the asynchronous submission that writes it; 0 = none. */
  ticket: number;
}

/** A walk's index of one axis: offset + sum(coefficient * loop axis) + sum(coefficient * computed index). */
export interface Index {
  readonly offset: Size;
  readonly terms: ReadonlyMap<number, Size>;
  readonly computed: readonly { readonly expr: Expr; readonly stride: Size; readonly size: Size }[];
}

/** What a library call needs: routine, pointers, integers and numbers, in terms of the views of its inputs and outputs. */
export interface Call {
  readonly routine: string;
  readonly pointers: readonly { readonly which: "in" | "out"; readonly index: number; readonly offset: Size }[];
  readonly ints: readonly Size[];
  readonly nums: readonly number[];
}

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
  /** Of a scan its step; of a while its first test, and its step, whose last result is the test of the next; of a cond what runs if the predicate holds, and what if not. */
  readonly bodies: readonly Body[];
  readonly carries: number;
  readonly sliced: number;
  /** Passes of a scan, and whether they begin at the end. */
  readonly length: number;
  readonly reverse: boolean;
  /** Results of the last body that are always there; the rest, which gradients may want, only where someone picks them. */
  readonly fixed: number;
}

/** How an op becomes kernels. */
export type Lower<A> =
  | { readonly kind: "source" }
  | {
    readonly kind: "view";
    /** The same memory seen through the op, or null if strides cannot say it. */
    view(v: PlanView, arg: A, out: Planned): PlanView | null;
    /** The input's index for an output index, or null if it is not affine. */
    pull(index: readonly Index[], arg: A, input: Planned, out: Planned): readonly Index[] | null;
  }
  | {
    readonly kind: "map";
    scalar(s: Scalars, x: readonly Expr[], arg: A, out: Typed, ins: readonly Typed[]): Expr;
    readonly cost?: number;
  }
  | {
    readonly kind: "iota";
    /** `values(k)` is number k of `values(arg)`, as a kernel argument of a type. */
    scalar(s: Scalars, at: (axis: number) => Expr, arg: A, out: Typed, values: (k: number, t: CType) => Expr): Expr;
    readonly cost?: number;
  }
  | { readonly kind: "gather" }
  | { readonly kind: "fold"; op(arg: A): Fold; axes(arg: A): readonly [number, number] }
  | {
    readonly kind: "scan";
    op(arg: A): Scan;
    axis(arg: A): number;
    exclusive(arg: A): boolean;
    /** The running value before the first element. */
    start(arg: A, out: Typed): Literal;
  }
  | {
    readonly kind: "parts";
    parts(arg: A, ins: readonly Planned[], out: Planned): readonly Part[];
    overwrites(arg: A): boolean;
  }
  | { readonly kind: "scatter"; combine(arg: A): "set" | "add" | "mul" | "min" | "max" }
  /** The graph of a compiled function, which has a plan of its own. */
  | { readonly kind: "program" }
  /** Control flow: the kernels of bodies, which the native library repeats or chooses. */
  | { readonly kind: "loop"; of(arg: A): Control }
  | {
    readonly kind: "call";
    readonly family: CallFamily;
    /** Which inputs may come as strided views; the others are made contiguous. */
    readonly strided: boolean;
    /** `to` is where the first result lies: row-major, but for `placed`. */
    calls(
      arg: A,
      ins: readonly PlanView[],
      outs: readonly Planned[],
      avals: readonly Planned[],
      to: PlanView,
    ): readonly Call[];
    /** Whether a device writes the one result as such a view of other memory as soon as row-major. */
    placed?(device: Device, to: PlanView): boolean;
    /**
     * Of matrix products: what an element is, given its sum of products of the first two inputs, and the element of the third if there is one.
     * Where a device lacks the routine, the product is a kernel.
     */
    product?(s: Scalars, sum: Expr, added: Expr | null, arg: A): Expr;
  };

/** One input of an assembled array and the view of the output that it fills. */
export interface Part {
  readonly input: number;
  view(v: PlanView): PlanView;
}

/** ONE definition per op: type rule, gradient and lowering in one place. */
export interface OpDef<A = unknown> {
  readonly name: string;
  /** Shape and dtype of the result (of each result, where there are several). */
  type(ins: readonly Aval[], arg: A): Aval | readonly Aval[];
  /** Cotangents of the inputs; null where there is none. `need` says which are wanted. */
  vjp?(ct: Node, out: Node, ins: readonly Node[], arg: A, need: readonly boolean[]): readonly (Node | null)[];
  /** Of an op of several results: cotangents of the inputs, given those of all results (null: zero); `node` is what `pick` reads them from. */
  vjps?(
    cts: readonly (Node | null)[],
    node: Node,
    ins: readonly Node[],
    arg: A,
    need: readonly boolean[],
  ): readonly (Node | null)[];
  /**
   * Of an op of several results: tangents of all (those in `which` are read), given those of the inputs (null: zero), and
   * nodes for the results in `which` that are computed along with them, so that the node itself need not be.
   */
  jvps?(
    ts: readonly (Node | null)[],
    node: Node,
    ins: readonly Node[],
    arg: A,
    which: readonly number[],
  ): { readonly tangents: readonly (Node | null)[]; readonly results: readonly (Node | null)[] };
  /** Tangent of the result, given those of the inputs (null: zero); null if it is zero. Without it one is derived (transform/jvp.ts). */
  jvp?(ts: readonly (Node | null)[], out: Node, ins: readonly Node[], arg: A): Node | null;
  /** The op on `n` examples at once, along a new first axis of the result and of the inputs in `batched`. Without it the same op is applied. */
  vmap?(ins: readonly Node[], batched: readonly boolean[], arg: A, n: number): Node;
  /** Result `index` of a node of several that `vmap` gave, its examples along the first axis; without it the one that is picked. */
  example?(node: Node, index: number): Node;
  /** The same op as a node's over other inputs, on the node's device; without it, the op is applied to them. */
  anew?(inputs: readonly Node[], n: Node, arg: A): Node;
  /** True of what only says that values belong together: it leaves them on the devices where they are, and is where the first is. */
  readonly loose?: true;
  readonly lower: Lower<A>;
  /** The part of the argument that shapes kernels, as text; sizes and scalars stay out of it. */
  structure?(arg: A): string;
  /** Starts in the argument that only move offsets: they stay out of keys and are patched into plans. */
  starts?(arg: A): readonly number[];
  /** Scalars of the argument that become kernel arguments. */
  values?(arg: A): readonly Literal[];
  /** Shapes and values at which the generated tests sample the op. */
  readonly domain?: readonly [number, number];
}

let serial = 0;
/** The serial number that the next node will have. */
export function nextSerial(): number {
  return serial;
}

/** A recorded operation and, once evaluated, its value. */
export class Node implements Aval {
  readonly op: OpDef<unknown>;
  inputs: readonly Node[];
  readonly arg: unknown;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** All results of an op that has several; read by `pick` nodes. */
  readonly outs: readonly Aval[] | null;
  readonly serial: number;
  /** Where it is computed. */
  readonly device: Device;
  /** Made where the user recorded it, if that is noted (of transfers it is), until it has a value. */
  recorded: Error | null;
  /** The same value on another device, if it was wanted there. */
  twin: Node | null = null;
  /** Where the value is, once it was computed. */
  buf: Buf | null = null;
  view: View | null = null;
  /** Buffers of all results, once an op that has several was computed. */
  results: readonly Buf[] | null = null;
  /** Handles on this node: made, less moved or disposed. */
  handles = 0;
  /** Recorded consumers that are not evaluated yet. */
  pending = 0;
  /** Left in a handle by `set`: an eval that computes it stores it while it has a handle, as the next `set` builds on it. */
  state = false;
  /** An eval computed it on the way and did not keep it: the next one does. */
  lost = false;
  /** A trace's placeholder cannot be read. */
  placeholder = false;
  /** Scratch of graph walks. */
  mark = 0;
  slot = 0;

  constructor(
    op: OpDef<unknown>,
    inputs: readonly Node[],
    arg: unknown,
    shape: readonly number[],
    dtype: DType,
    outs: readonly Aval[] | null,
    device: Device,
  ) {
    this.op = op;
    this.inputs = inputs;
    this.arg = arg;
    this.shape = shape;
    this.dtype = dtype;
    this.outs = outs;
    this.device = device;
    this.recorded = recording.sites < Infinity && size(shape) * itemsize(dtype) >= recording.sites ? trail() : null;
    this.serial = serial++;
    for (let i = 0; i < inputs.length; i++) (inputs[i] as Node).pending++;
  }
}

function make<A>(op: OpDef<A>, inputs: readonly Node[], arg: A, device: Device): Node {
  const t = op.type(inputs, arg);
  const def = op as OpDef<unknown>;
  if (Array.isArray(t)) {
    const first = t[0] as Aval;
    return new Node(def, inputs, arg, first.shape, first.dtype, t as readonly Aval[], device);
  }
  const one = t as Aval;
  return new Node(def, inputs, arg, one.shape, one.dtype, null, device);
}

/** Records an op on the device of the moment: the only way to make a node. */
export function apply<A>(op: OpDef<A>, inputs: readonly Node[], arg: A): Node {
  return recording.several ? place(op, inputs, arg) : make(op, inputs, arg, cpu);
}

/** Whether the device computes all that an op reads and gives. */
function canRun<A>(device: Device, op: OpDef<A>, inputs: readonly Node[], arg: A): boolean {
  if (device === cpu) return true;
  if (op.lower.kind === "call" && op.lower.product === undefined && !hasCalls(device, op.lower.family)) return false;
  const t = op.type(inputs, arg), given: readonly Aval[] = Array.isArray(t) ? t : [t as Aval];
  return [...inputs, ...given].every((x) => computes(device, x.dtype));
}

/**
 * Records an op where there are several devices: its inputs come over from others, and a library call that the device has not
 * runs on the CPU. A node of several results stays where it is, as only its single results move.
 */
function place<A>(op: OpDef<A>, inputs: readonly Node[], arg: A): Node {
  const home = recording.device, first = inputs[0], split = first !== undefined && first.outs !== null;
  if (op.loose) return make(op, inputs, arg, (first as Node).device);
  const lacks = !split && !canRun(home, op, inputs, arg), device = split ? first.device : lacks ? cpu : home;
  const why = (): string =>
    lacks
      ? `${op.name} runs on ${device.type}, as ${home.type} has no ${
        op.lower.kind === "call" ? "such routine" : "float64"
      }`
      : `${op.name} runs on ${device.type}`;
  const local = inputs.some((x) => x.device !== device) ? inputs.map((x) => transfer(x, device, why)) : inputs;
  const n = make(op, local, arg, device);
  return n.outs !== null || !computes(home, n.dtype)
    ? n
    : transfer(n, home, () => lacks ? why() : `${op.name} ran on ${device.type}`);
}

/** Why a value crosses to another device; `host`: because the host gives or reads it, not because an op wants it there. */
export interface TransferArg {
  readonly why: () => string;
  readonly host: boolean;
}
/** The same value on another device. The evaluator copies it there, or only keeps the order where both share the host's memory. */
export const transferOp: OpDef<TransferArg> = {
  name: "transfer",
  type: ([x]) => x as Aval,
  lower: { kind: "source" },
  structure: () => "",
  vjp: (ct, _out, [x], arg) => [transfer(ct, (x as Node).device, arg.why)],
  jvp: ([t], out, _ins, arg) => transfer(t as Node, out.device, arg.why),
  anew: ([x], n, arg) => transfer(x as Node, n.device, arg.why),
};
/** The node itself on its own device, else its value there; `why` gives the reason for `explain`. */
function transfer(x: Node, device: Device, why: () => string): Node {
  if (x.device === device) return x;
  const known = recording.shared ? x.twin : null;
  // One that was evaluated and let go of cannot be computed again.
  if (known !== null && known.device === device && (known.inputs.length > 0 || known.buf !== null)) return known;
  // Only the host reaches the memory of every device.
  const near = x.device === cpu || device === cpu ? x : transfer(x, cpu, why);
  const made = carried(near, device, { why, host: false });
  made.recorded ??= trail();
  if (recording.shared) x.twin = made;
  return made;
}
/** A node of its own for the same value on another device. */
export function carried(x: Node, device: Device, arg: TransferArg): Node {
  return make(transferOp, [x], arg, device);
}

/** The same op as a node's over other inputs, on its device. */
export function anew(n: Node, inputs: readonly Node[], arg: unknown = n.arg): Node {
  return on(n.device, () => n.op.anew?.(inputs, n, arg) ?? apply(n.op, inputs, arg));
}

let stamp = 0;
/** A mark that no node carries yet. */
export function freshMark(): number {
  return ++stamp;
}

/** What running traces made `roots` depend on, if they do: the error of a read says so. */
export function tracedBelow(
  roots: readonly Node[],
): { readonly what: string; readonly shape: readonly number[] } | null {
  const n = topological(roots, (x) => x.buf !== null || x.results !== null).find((x) => x.placeholder);
  return n === undefined ? null : { what: (n.arg as { readonly what: string }).what, shape: n.shape };
}

/** Nodes that `roots` need, inputs (by default) first; stops below nodes for which `stop` holds (they are not listed). Iterative: depth is no limit. */
export function topological(
  roots: readonly Node[],
  stop: (n: Node) => boolean,
  reads?: (n: Node) => readonly Node[],
): Node[] {
  const mark = freshMark(), order: Node[] = [], stack: Node[] = [], at: number[] = [];
  for (const root of roots) {
    if (root.mark === mark || stop(root)) continue;
    root.mark = mark;
    stack.push(root);
    at.push(0);
    while (stack.length > 0) {
      const n = stack[stack.length - 1] as Node,
        i = at[at.length - 1] as number,
        below = reads === undefined ? n.inputs : reads(n);
      if (i < below.length) {
        at[at.length - 1] = i + 1;
        const c = below[i] as Node;
        if (c.mark !== mark && !stop(c)) {
          c.mark = mark;
          stack.push(c);
          at.push(0);
        }
      } else {
        order.push(n);
        stack.pop();
        at.pop();
      }
    }
  }
  return order;
}
