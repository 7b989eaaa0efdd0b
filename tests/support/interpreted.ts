// Runs the steps of a graph on the exact interpreter, over plain JavaScript memory: what a device has to agree with.
import { type DType, itemsize } from "../../src/base/dtype.ts";
import { type Device, recording } from "../../src/core/device.ts";
import { type Buf, type Node, topological } from "../../src/core/node.ts";
import { size } from "../../src/core/shape.ts";
import { contiguousView, type PlanView, type View } from "../../src/core/view.ts";
import { numberOf } from "../../src/kernel/sizes.ts";
import type { Literal } from "../../src/kernel/expr.ts";
import { checkKernel } from "../../src/kernel/check.ts";
import { interpret, type Run } from "../../src/kernel/interpret.ts";
import { type Kernel, printKernel } from "../../src/kernel/kernel.ts";
import { resolve } from "../../src/schedule/group.ts";
import { numbered, type Place, type Step } from "../../src/schedule/step.ts";
import { copyWords, deviceNumber } from "../../src/runtime/devices.ts";
import { graphOf } from "../../src/runtime/graph.ts";
import { native } from "../../src/runtime/memory.ts";
import { steps } from "../../src/runtime/plan.ts";
import { segmentsOf } from "../../src/runtime/segments.ts";
import { present } from "../../src/schedule/graph.ts";

/** Memory that notes which of its bytes are read or written. */
class Watched extends DataView<ArrayBuffer> {
  readonly #seen = new Set<number>();
  /** Distinct bytes that were touched. */
  touched = 0;
  note(at: number, bytes: number): void {
    if (this.#seen.has(at)) return;
    this.#seen.add(at);
    this.touched += bytes;
  }
}
type Access = (this: DataView, at: number, ...rest: readonly unknown[]) => unknown;
for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(DataView.prototype))) {
  const bits = /^[gs]et\D+(\d+)$/.exec(name)?.[1];
  if (bits === undefined) continue;
  const access = value as Access;
  Object.defineProperty(Watched.prototype, name, {
    value(this: Watched, at: number, ...rest: readonly unknown[]): unknown {
      this.note(at, Number(bits) / 8);
      return access.call(this, at, ...rest);
    },
  });
}

/** What an interpreted eval gives. */
export interface Interpreted {
  readonly bytes: readonly Uint8Array[];
  readonly kernels: readonly string[];
  /** Distinct bytes that each step read and wrote, operand by operand. */
  readonly touched: readonly { readonly reads: number; readonly writes: number }[];
  readonly steps: readonly Step<number>[];
}

/** Runs one kernel of an interpreted eval: by `interpret`, or by another device as well. */
export type Runner = (kernel: Kernel, run: Run) => void;

/** A buffer's bytes where the host sees them. */
function seen(b: Buf, device: Device): ArrayBuffer {
  if (b.address !== 0 || b.id === 0 || b.bytes === 0) return b.token;
  const lib = native(), id = lib.alloc(b.bytes), words = copyWords(b.id, 0, id, b.bytes, deviceNumber(lib, device));
  if (lib.wait(lib.submit(words, words.length)) < 0) throw new Error(lib.error());
  return lib.own(id, lib.address(id), b.bytes);
}
/** The row-major bytes of a view. */
function rowMajor(m: DataView, view: PlanView, item: number): Uint8Array {
  const shape = view.shape.map(numberOf),
    strides = view.strides.map(numberOf),
    out = new Uint8Array(size(shape) * item);
  for (let i = 0; i < size(shape); i++) {
    let at = numberOf(view.offset), rest = i;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % (shape[d] as number)) * (strides[d] as number);
      rest = Math.floor(rest / (shape[d] as number));
    }
    for (let b = 0; b < item; b++) out[i * item + b] = m.getUint8(at * item + b);
  }
  return out;
}
/** Evaluates nodes without a device, over several devices piece by piece. Leaves must be in memory. */
export function interpreted(roots: readonly Node[], runner: Runner = interpret): Interpreted {
  const segments = recording.several ? segmentsOf(roots, topological(roots, present)) : null;
  if (segments === null) return piece(roots, runner);
  const standing: Node[] = [], parts: Interpreted[] = [];
  const stand = (n: Node, bytes: Uint8Array): void => {
    n.buf = { id: 0, bytes: bytes.length, address: 0, token: bytes.slice().buffer, users: 1, exposed: true, ticket: 0 };
    n.view = contiguousView(n.shape);
    standing.push(n);
  };
  const bytesOf = (n: Node): Uint8Array =>
    rowMajor(new DataView(seen(n.buf as Buf, n.device)), n.view as View, itemsize(n.dtype));
  try {
    for (const s of segments) {
      for (const t of s.transfers) stand(t, bytesOf(t.inputs[0] as Node));
      const todo = s.roots.filter((n) => n.buf === null), part = piece(todo, runner);
      todo.forEach((n, i) => stand(n, part.bytes[i] as Uint8Array));
      parts.push(part);
    }
    return {
      bytes: roots.map(bytesOf),
      kernels: parts.flatMap((p) => p.kernels),
      touched: parts.flatMap((p) => p.touched),
      steps: parts.flatMap((p) => p.steps),
    };
  } finally {
    for (const n of standing) n.buf = n.view = null;
  }
}
function piece(roots: readonly Node[], runner: Runner): Interpreted {
  const g = graphOf(roots), { schedule, steps: symbolic } = steps(g), list = symbolic.map(numbered);
  const memories = new Map<string, DataView<ArrayBuffer>>();
  const memory = (p: Place): DataView<ArrayBuffer> => {
    const key = p.node === null ? `w${p.workspace}` : `${p.node.serial}.${p.out}`;
    let m = memories.get(key);
    if (m === undefined && p.node !== null && p.node.buf !== null) {
      m = new DataView(seen(p.node.buf, p.node.device));
      memories.set(key, m);
    }
    if (m === undefined) {
      const aval = p.node === null ? null : p.node.outs?.[p.out] ?? p.node;
      m = new DataView(new ArrayBuffer(aval === null ? numberOf(p.bytes) : size(aval.shape) * itemsize(aval.dtype)));
      memories.set(key, m);
    }
    return m;
  };
  const kernels: string[] = [], touched: { reads: number; writes: number }[] = [];
  for (const s of list) {
    if (s.kind !== "kernel") throw new Error(`no interpreter for ${s.kind === "call" ? s.call.routine : s.what}`);
    const views = s.operands.map((o) => new Watched(memory(o.place).buffer));
    checkKernel(s.kernel);
    kernels.push(printKernel(s.kernel));
    runner(s.kernel, {
      rows: s.rows,
      inner: s.inner,
      foldSize: s.foldSize,
      rag: s.rag,
      operands: s.operands.map((o, i) => ({
        memory: views[i] as DataView,
        offset: o.offset,
        bound: o.bound,
        rows: o.rows,
        fold: o.fold,
        inner: o.inner,
      })),
      scalars: s.kernel.scalars.scalars.map((x): Literal => {
        const n = x.node >= 0 ? g.order[x.node] : undefined;
        return n?.op.values?.(n.arg)[x.k] ?? x.value;
      }),
    });
    const bytes = (written: boolean): number =>
      views.reduce((a, v, i) => a + (s.kernel.mems[i]?.written === written ? v.touched : 0), 0);
    touched.push({ reads: bytes(false), writes: bytes(true) });
  }
  const bytes = roots.map((n) => {
    const r = resolve(schedule, n);
    if (r === null) throw new Error("not computed");
    const m = memory({ node: r.node, out: r.out, workspace: -1, bytes: 0 });
    return rowMajor(m, r.view, itemsize(n.dtype));
  });
  return { bytes, kernels, touched, steps: list };
}

/** A leaf over JavaScript memory. */
export function leaf(node: Node, data: ArrayBufferView, dtype: DType): Node {
  void dtype;
  node.buf = {
    id: 0,
    bytes: data.byteLength,
    address: 0,
    token: data.buffer as ArrayBuffer,
    users: 1,
    exposed: true,
    ticket: 0,
  };
  return node;
}
