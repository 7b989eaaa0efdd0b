// Makes a kernel an accumulator tape: its passes as loops over stages.
import { computeOf } from "../../base/dtype.ts";
import { identityOf, isArg, joinOf } from "../../kernel/fold.ts";
import { expressions, type FoldStep, type Kernel, type Pass, rootsOf } from "../../kernel/kernel.ts";
import { AXIS, Emitter, is64, MEM, SCALAR, SLOT, splat, STAGE, type Stage, TILE, width } from "./emitter.ts";

/** A tape for one kernel. */
export interface Tape {
  readonly kind: number;
  readonly wide: boolean;
  readonly slots: number;
  readonly tiles: number;
  readonly stages: readonly Stage[];
  readonly entries: readonly [number, number, number];
}

const KINDS = { map: 0, row: 1, column: 2, sequence: 3 } as const;

/** Adds the identities of a column kernel's tiles to its scalars, before the kernel is printed or made a tape. */
export function addIdentities(k: Kernel): void {
  if (k.kind !== "column") return;
  for (const f of k.passes[0]?.folds ?? []) {
    k.scalars.literal(identityOf(f.fold, f.t), f.t);
    if (isArg(f.fold)) k.scalars.literal(0, "i32");
  }
}

/** Makes the tape of a kernel (to which `addIdentities` was applied). */
export function tape(k: Kernel): Tape {
  const e = new Emitter(k), { tiles, entries } = k.kind === "column" ? columnStages(k, e) : rowStages(k, e);
  const all = [...k.passes.flatMap(rootsOf), ...k.rowStores.map((s) => s.value)];
  const wide = k.mems.some((m) => is64(computeOf(m.dtype))) || k.scalars.scalars.some((s) => is64(s.t)) ||
    expressions(all).some((x) => is64(x.t));
  return { kind: KINDS[k.kind], wide, slots: e.slots, tiles, stages: e.stages, entries };
}
type Parts = Pick<Tape, "tiles" | "entries">;

/** Passes over a row, each a loop; what a pass folded is pinned for those that follow. */
function rowStages(k: Kernel, e: Emitter): Parts {
  const tiles = k.kind === "row" ? e.share(k.passes.map(rootsOf)) : 0;
  for (const p of k.passes) {
    e.begin(rootsOf(p));
    const state = p.folds.map((f) => {
      const a = e.slot(), b = isArg(f.fold) ? e.slot() : -1;
      const name = b < 0 ? `fold.${f.fold}.${f.t}` : `arg.${f.fold.slice(3)}.${f.t}`;
      e.stage(`${name}.init`, SLOT | a, b < 0 ? 0 : SLOT | b);
      return { f, a, b, name };
    });
    const carries = p.scans.map((s) => {
      const slot = e.slot();
      e.stage(splat(s.t), SCALAR | s.start.imm);
      e.stage("keep", SLOT | slot);
      return slot;
    });
    const start = e.stages.length;
    p.scans.forEach((s, i) => {
      e.value(s.value);
      e.stage(`scan.${s.scan}.${s.t}`, SLOT | carries[i] as number, 0, s.exclusive ? 1 : 0);
      e.stage(`st.${e.storage(s.mem)}`, MEM | s.mem);
    });
    for (const { f, a, b, name } of state) {
      e.value(f.value);
      e.stage(name, SLOT | a, b < 0 ? 0 : SLOT | b);
    }
    const alone = k.kind === "sequence" && k.passes.length === 1 && p.stores.length === 1;
    for (const s of p.stores) e.store(s, false, alone);
    e.stage("loop", STAGE | start);
    e.end(rootsOf(p));
    for (const { f, a, b, name } of state) {
      e.stage(`${name}.done`, SLOT | a, b < 0 ? 0 : SLOT | b);
      e.stage("keep", SLOT | a);
      e.pin(k.scalars.make("fold", b < 0 ? f.t : "i32", [], f.id), a);
    }
  }
  if (k.rowStores.length > 0) {
    e.begin(k.rowStores.map((s) => s.value));
    for (const s of k.rowStores) e.store(s, true);
  }
  e.stage("ret");
  return { tiles, entries: [0, 0, 0] };
}

/** Three parts over tiles: what they begin with, a step of the fold axis, and the stores. Tile i has the result of fold i. */
function columnStages(k: Kernel, e: Emitter): Parts {
  const { folds, scans } = k.passes[0] as Pass;
  // The extreme of an arg fold has a tile of its own.
  const extremes = folds.map((f, i) => isArg(f.fold) ? folds.length + i : i);
  const running = Math.max(...extremes, folds.length - 1) + 1;
  scans.forEach((s, i) => {
    e.stage(splat(s.t), SCALAR | s.start.imm);
    e.stage("keep", TILE | running + i);
  });
  folds.forEach((f, i) => {
    e.stage(splat(f.t), SCALAR | k.scalars.literal(identityOf(f.fold, f.t), f.t).imm);
    e.stage("keep", TILE | extremes[i] as number);
    if (!isArg(f.fold)) return;
    e.stage("splat.w32", SCALAR | k.scalars.literal(0, "i32").imm);
    e.stage("keep", TILE | i);
  });
  e.stage("loop", STAGE | 0);
  e.stage("ret");
  const body = e.stages.length;
  e.begin(rootsOf(k.passes[0] as Pass));
  const start = e.stages.length;
  folds.forEach((f, i) => {
    if (isArg(f.fold)) return argStages(k, e, f, i, extremes[i] as number);
    e.value(f.value);
    e.stage(`${joinOf(f.fold)}.${f.t}.m`, TILE | i);
    e.stage("keep", TILE | i);
  });
  scans.forEach((s, i) => {
    const store = (): void => e.stage(`st.${e.storage(s.mem)}`, MEM | s.mem);
    if (s.exclusive) {
      e.stage("get", TILE | running + i);
      store();
    }
    e.value(s.value);
    e.stage(`${joinOf(s.scan)}.${s.t}.m`, TILE | running + i);
    e.stage("keep", TILE | running + i);
    if (!s.exclusive) store();
  });
  e.stage("loop", STAGE | start);
  e.stage("ret");
  const last = e.stages.length;
  e.begin(k.rowStores.map((s) => s.value));
  const stores = e.stages.length;
  for (const s of k.rowStores) e.store(s, false);
  if (k.rowStores.length > 0) e.stage("loop", STAGE | stores);
  e.stage("ret");
  return { tiles: running + scans.length, entries: [0, body, last] };
}
/** A step of a column's argmin or argmax: the place in one tile, the extreme in another. */
function argStages(k: Kernel, e: Emitter, f: FoldStep, place: number, extreme: number): void {
  const v = e.inSlot(f.value), old = e.slot(), better = e.slot(), at = e.slot(), was = e.slot();
  const float = f.t === "f32" || f.t === "f64";
  e.stage("get", TILE | extreme);
  e.stage("keep", SLOT | old);
  if (float) {
    // NaN is extreme, and the first one stays.
    e.stage(`isnan.${f.t}`);
    e.stage("lnot.i32");
    e.stage("keep", SLOT | was);
    e.stage("get", SLOT | v);
    e.stage(`isnan.${f.t}`);
    e.stage("and.i32.m", SLOT | was);
    e.stage("keep", SLOT | was);
  }
  e.stage("get", SLOT | v);
  e.stage(`${f.fold === "argmax" ? "gt" : "lt"}.${f.t}.m`, SLOT | old);
  if (float) e.stage("or.i32.m", SLOT | was);
  e.stage("keep", SLOT | better);
  e.stage("axis.i32", AXIS | k.rowAxes);
  e.stage("keep", SLOT | at);
  e.stage("get", TILE | place);
  e.stage("keep", SLOT | was);
  e.stage("get", SLOT | better);
  e.stage("sel.w32", SLOT | at, SLOT | was);
  e.stage("keep", TILE | place);
  e.stage("get", SLOT | better);
  e.stage(`sel.${width(f.t)}`, SLOT | v, SLOT | old);
  e.stage("keep", TILE | extreme);
  e.done(f.value);
}

/** The tape as words for the native library. */
export function encode(t: Tape, stages: ReadonlyMap<string, number>): Uint32Array {
  const words = new Uint32Array(8 + 4 * t.stages.length);
  words.set([t.kind, t.wide ? 1 : 0, t.slots, t.tiles, t.stages.length, ...t.entries]);
  t.stages.forEach((s, i) => {
    const n = stages.get(s.name);
    if (n === undefined) throw new Error(`internal: the native library has no stage ${s.name}`);
    words.set([n, s.a, s.b, s.imm], 8 + 4 * i);
  });
  return words;
}
