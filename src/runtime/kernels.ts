// The kernels and library calls of a graph as `explain` shows them.
import { chooseProduct } from "../backends/gpu/product.ts";
import { itemsize } from "../base/dtype.ts";
import type { Device } from "../core/device.ts";
import { type Node, topological } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { expressions } from "../kernel/kernel.ts";
import { numberOf, productOf } from "../kernel/sizes.ts";
import type { Graph } from "../schedule/graph.ts";
import { numbered, type Operand, type Step } from "../schedule/step.ts";
import type { Native } from "./ffi.ts";
import { languageOf } from "./launch.ts";
import { steps } from "./plan.ts";

/** One kernel or library call as `explain` shows it. */
export interface KernelInfo {
  readonly name: string;
  readonly device: string;
  readonly ops: readonly string[];
  readonly reads: number;
  readonly writes: number;
  readonly flops: number;
  readonly reason: string;
  /** Of control flow: how often its kernels run (null: the data decide, and sums are those of one pass), and which. */
  readonly passes?: number | null;
  readonly inner?: readonly KernelInfo[];
}

/** What an eval of a graph would run, in order. */
export function describe(native: Native, graph: Graph, device: number): KernelInfo[] {
  const language = languageOf(native, device);
  return steps(graph).steps.map((s) => describeStep(s, graph.device, language));
}
function describeStep(step: Step, device: Device, language: ReturnType<typeof languageOf>): KernelInfo {
  const s = numbered(step);
  if (s.kind === "call") return describeCall(s, device);
  if (s.kind === "loop") return describeLoop(s, device, language);
  const how = language === null || s.kernel.product === undefined
    ? ""
    : `, ${chooseProduct(s.kernel, s, language.tiles !== null).why}`;
  return describeKernel(s, s.kernel.product === undefined ? s.kernel.kind : "product", device, how);
}
function describeLoop(
  s: Extract<Step<number>, { kind: "loop" }>,
  device: Device,
  language: ReturnType<typeof languageOf>,
): KernelInfo {
  const inner = s.blocks.flatMap((b) => b.steps.map((x) => describeStep(x, device, language)));
  const passes = s.what === "scan" ? numberOf(s.count) : null,
    sum = (of: (k: KernelInfo) => number): number => inner.reduce((a, k) => a + of(k), 0) * (passes ?? 1);
  return {
    name: s.what,
    device: device.type,
    ops: opsOf(s),
    reads: sum((k) => k.reads),
    writes: sum((k) => k.writes),
    flops: sum((k) => k.flops),
    reason: s.next === null ? s.group.reason : `${s.group.reason}; up to ${numberOf(s.count)} passes run ahead of it`,
    passes,
    inner,
  };
}

/** Distinct bytes that an operand covers; at computed places as many as may be read. */
function touched(s: Extract<Step<number>, { kind: "kernel" }>, o: Operand<number>, item: number): number {
  const loads = size(s.rows) * size(s.inner) * s.foldSize;
  if (loads === 0) return 0;
  if (o.bound > 0) {
    const starts = size(s.rows.filter((_, i) => o.rows[i] !== 0)) * (o.fold === 0 ? 1 : s.foldSize);
    return item * Math.min(loads, starts * o.bound);
  }
  let n = item;
  const extent = (count: number, stride: number): void => {
    if (stride !== 0) n *= count;
  };
  // The blocks of a cut fold cover `rag` elements, of which the last block holds what is left.
  const column = s.kernel.kind === "column", cut = s.rag >= 0 && (column ? o.fold : o.inner[0]) !== 0;
  s.rows.forEach((c, i) => cut && i === s.rows.length - 1 ? n *= s.rag : extent(c, o.rows[i] ?? 0));
  if (!cut || column) s.inner.forEach((c, i) => extent(c, o.inner[i] ?? 0));
  if (!cut && o.fold !== 0) n *= s.foldSize;
  return n;
}

/** The names of the recorded ops that a step computes, inputs first; numbers that it only reads have none. */
function opsOf({ group }: Step<number>): string[] {
  const members = new Set(group.members);
  const within = (n: Node): boolean => n.buf === null && (members.has(n) || !group.inputs.has(n));
  return topological(group.members, (n) => !within(n))
    .filter(({ op: { lower } }, _, order) => order.length === 1 || lower.kind !== "iota" || lower.cost !== 0)
    .map((n) => n.op.name);
}

function describeCall(s: Extract<Step<number>, { kind: "call" }>, device: Device): KernelInfo {
  const n = s.group.members[0] as Node;
  const bytes = (x: { readonly shape: readonly number[]; readonly dtype: Node["dtype"] }): number =>
    size(x.shape) * itemsize(x.dtype);
  return {
    name: s.call.routine,
    device: device.type,
    ops: opsOf(s),
    reads: n.inputs.reduce((a, x) => a + bytes(x), 0),
    writes: (n.outs ?? [n]).reduce((a, x) => a + bytes(x), 0),
    flops: s.call.routine.startsWith("gemm") ? 2 * numberOf(productOf(s.call.ints.slice(0, 3))) : 0,
    reason: s.group.reason,
  };
}

function describeKernel(
  s: Extract<Step<number>, { kind: "kernel" }>,
  kind: string,
  device: Device,
  how: string,
): KernelInfo {
  let reads = 0, writes = 0;
  s.kernel.mems.forEach((m, i) => {
    const b = touched(s, s.operands[i] as Operand<number>, itemsize(m.dtype));
    if (m.written) writes += b;
    else reads += b;
  });
  const roots = s.kernel.passes.flatMap((
    p,
  ) => [...p.folds.map((f) => f.value), ...p.scans.map((x) => x.value), ...p.stores.map((x) => x.value)]);
  const arithmetic = expressions(roots).filter((e) => e.args.length > 0).length +
    s.kernel.passes.reduce((a, p) => a + p.folds.length + p.scans.length, 0);
  const ops = opsOf(s);
  return {
    name: `${kind}_${ops.slice(-3).join("_")}`,
    device: device.type,
    ops,
    reads,
    writes,
    flops: arithmetic * s.elements,
    reason: s.group.reason + how,
  };
}
