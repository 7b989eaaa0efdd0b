// Runs the steps of a graph on the exact interpreter, over plain JavaScript memory: what a device has to agree with.
import { type DType, itemsize } from "../../src/base/dtype.ts";
import { type Device, recording } from "../../src/core/device.ts";
import { type Buf, type Node, topological } from "../../src/core/node.ts";
import { size } from "../../src/core/shape.ts";
import { contiguousView, type View } from "../../src/core/view.ts";
import { offsetValue } from "../../src/kernel/offset.ts";
import type { Literal } from "../../src/kernel/expr.ts";
import { checkKernel } from "../../src/kernel/check.ts";
import { type Counts, interpret, type Run } from "../../src/kernel/interpret.ts";
import { type Kernel, printKernel } from "../../src/kernel/kernel.ts";
import { resolve } from "../../src/schedule/fuse.ts";
import type { Place, Step } from "../../src/schedule/step.ts";
import { copyWords, deviceNumber } from "../../src/runtime/devices.ts";
import { graphOf, native } from "../../src/runtime/evaluate.ts";
import { steps } from "../../src/runtime/plan.ts";
import { segmentsOf } from "../../src/runtime/segments.ts";

/** What an interpreted eval gives. */
export interface Interpreted {
  readonly bytes: readonly Uint8Array[];
  readonly kernels: readonly string[];
  readonly counts: readonly Counts[];
  readonly steps: readonly Step[];
}

/** Runs one kernel of an interpreted eval: by `interpret`, or by another device as well. */
export type Runner = (kernel: Kernel, run: Run, counts: Counts) => void;

/** A buffer's bytes where the host sees them. */
function seen(b: Buf, device: Device): ArrayBuffer {
  if (b.address !== 0 || b.id === 0 || b.bytes === 0) return b.token;
  const lib = native(), id = lib.alloc(b.bytes), words = copyWords(b.id, 0, id, b.bytes, deviceNumber(lib, device));
  if (lib.wait(lib.submit(words, words.length)) < 0) throw new Error(lib.error());
  return lib.own(id, lib.address(id), b.bytes);
}
/** The row-major bytes of a view. */
function rowMajor(m: DataView, view: View, item: number): Uint8Array {
  const { shape, strides } = view, out = new Uint8Array(size(shape) * item);
  for (let i = 0; i < size(shape); i++) {
    let at = view.offset, rest = i;
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
  const inMemory = (n: Node): boolean => n.buf !== null || n.results !== null;
  const segments = recording.several ? segmentsOf(roots, topological(roots, inMemory)) : null;
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
      counts: parts.flatMap((p) => p.counts),
      steps: parts.flatMap((p) => p.steps),
    };
  } finally {
    for (const n of standing) n.buf = n.view = null;
  }
}
function piece(roots: readonly Node[], runner: Runner): Interpreted {
  const g = graphOf(roots), { schedule, steps: list } = steps(g);
  const memories = new Map<string, DataView>();
  const memory = (p: Place): DataView => {
    const key = p.node === null ? `w${p.workspace}` : `${p.node.serial}.${p.out}`;
    let m = memories.get(key);
    if (m === undefined && p.node !== null && p.node.buf !== null) {
      m = new DataView(seen(p.node.buf, p.node.device));
      memories.set(key, m);
    }
    if (m === undefined) {
      const aval = p.node === null ? null : p.node.outs?.[p.out] ?? p.node;
      m = new DataView(new ArrayBuffer(aval === null ? p.bytes : size(aval.shape) * itemsize(aval.dtype)));
      memories.set(key, m);
    }
    return m;
  };
  const startsOf = (slot: number): readonly number[] => {
    const n = g.order[slot];
    return n?.op.starts?.(n.arg) ?? [];
  };
  const counts: Counts[] = [], kernels: string[] = [];
  for (const s of list) {
    if (s.kind !== "kernel") throw new Error(`no interpreter for ${s.call.routine}`);
    const c = { loads: 0, stores: 0 };
    checkKernel(s.kernel);
    kernels.push(printKernel(s.kernel));
    runner(s.kernel, {
      rows: s.rows,
      inner: s.inner,
      foldSize: s.foldSize,
      rag: s.rag,
      operands: s.operands.map((o) => ({
        memory: memory(o.place),
        offset: offsetValue(o.offset, startsOf),
        bound: o.bound,
        rows: o.rows,
        fold: o.fold,
        inner: o.inner,
      })),
      scalars: s.kernel.scalars.scalars.map((x): Literal => {
        const n = x.node >= 0 ? g.order[x.node] : undefined;
        const at = offsetValue(x.offset, startsOf);
        return n?.op.value?.(n.arg) ?? (x.offset === 0 ? x.value : x.t === "i64" ? BigInt(at) : at);
      }),
    }, c);
    counts.push(c);
  }
  const bytes = roots.map((n) => {
    const r = resolve(schedule.infos, n);
    if (r === null) throw new Error("not computed");
    const m = memory({ node: r.node, out: r.out, workspace: -1, bytes: 0 });
    return rowMajor(m, { ...r.view, offset: offsetValue(r.view.offset, startsOf) }, itemsize(n.dtype));
  });
  return { bytes, kernels, counts, steps: list };
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
