// What an eval would run: the kernels, copies and repeated work that `explain` shows.
import { itemsize } from "../base/dtype.ts";
import { STAND_IN } from "../core/body.ts";
import { recording } from "../core/device.ts";
import { type Node, topological, type TransferArg } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { contiguousView, type View } from "../core/view.ts";
import { type Graph, present } from "../schedule/graph.ts";
import { deviceNumber, isUnified } from "./devices.ts";
import { describe, type KernelInfo } from "./kernels.ts";
import { callOf } from "./program.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import { graphOf } from "./graph.ts";
import { native } from "./memory.ts";
import { onLeaves } from "./run.ts";
import { type SyncInfo, syncsOf } from "./syncs.ts";

/** A copy between devices as `explain` shows it. */
export interface CopyInfo {
  readonly bytes: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}
/** What an eval of some nodes would run, in order. */
interface Described {
  readonly kernels: KernelInfo[];
  readonly copies: CopyInfo[];
  readonly syncs: SyncInfo[];
  /** Ops that an earlier eval computed without keeping, and that are not cheap. */
  readonly recomputed: string[];
}
/** The kernels and copies that an eval of these nodes would run. */
export function kernelsOf(nodes: readonly Node[]): Described {
  const kernels: KernelInfo[] = [],
    copies: CopyInfo[] = [],
    transfers: Node[] = [],
    recomputed: string[] = [],
    standing: Node[] = [];
  const described = (g: Graph): KernelInfo[] => describe(native(), g, deviceNumber(native(), g.device));
  const run = (g: Graph): void => {
    kernels.push(...described(g));
    for (const n of g.keep) if (n.lost) recomputed.push(n.op.name);
  };
  const stand = (n: Node): void => {
    n.buf = STAND_IN;
    n.view = contiguousView(n.shape);
    standing.push(n);
  };
  const add = (all: readonly Node[]): void => {
    const roots = all.filter((n) => !present(n));
    for (const n of topological(roots, present)) {
      const call = callOf(n);
      if (call === null) continue;
      add(n.inputs);
      n.inputs.filter((x) => !present(x)).forEach(stand);
      kernels.push(...onLeaves(call.program, n.inputs.map((x) => x.view as View), described));
      call.outs.forEach(stand);
    }
    const todo = roots.filter((n) => !present(n)), order = topological(todo, present);
    const segments: readonly Segment[] | null = recording.several ? segmentsOf(todo, order) : null;
    if (segments === null) run(graphOf(todo, order));
    for (const s of segments ?? []) {
      for (const t of s.transfers) {
        const from = (t.inputs[0] as Node).device, { why } = t.arg as TransferArg;
        transfers.push(t);
        copies.push({
          bytes: isUnified(native(), from) && isUnified(native(), t.device) ? 0 : size(t.shape) * itemsize(t.dtype),
          from: from.type,
          to: t.device.type,
          reason: why(),
        });
        stand(t);
      }
      const next = s.roots.filter((n) => n.buf === null);
      run(graphOf(next));
      next.forEach(stand);
    }
  };
  try {
    add(nodes);
  } finally {
    for (const n of standing) n.buf = n.view = null;
  }
  return { kernels, copies, syncs: syncsOf(transfers), recomputed };
}
