// How a kernel is cut into threads on a GPU. The shape is part of the kernel's text; it follows from sizes alone where it decides in what order a fold
// adds, so that a value's bits do not depend on what else is in its kernel.
import { itemsize } from "../../base/dtype.ts";
import type { CType, Expr } from "../../kernel/expr.ts";
import { expressions, type Kernel, type Pass, type Product, rootsOf } from "../../kernel/kernel.ts";
import type { Grid, Run } from "./arguments.ts";
import { productGroups, productOf, type ProductShape } from "./product.ts";

/** Threads of a threadgroup. */
export const THREADS = 256;
/** Threads of a SIMD group (a warp). */
export const WIDTH = 32;
/** Rows and elements of a tile; of one whose elements are passed four at a time. */
export const TILE = 32, WIDE_TILE = 64;
/** What a thread may keep of a row, in registers of 32 bits. */
const REGISTERS = 48;

/** The form of a kernel's text. */
export interface Shape {
  /** Indices have 64 bits. */
  readonly wide: boolean;
  /** The last block of a cut axis is shorter. */
  readonly rag: boolean;
  /** Axes of the row. */
  readonly inner: number;
  /** map: elements that a thread loads and stores at once. row: elements that lie together of which a thread takes each in turn, if more than 1. */
  readonly vector: number;
  /** row: operands of which a thread loads or stores that many at once. */
  readonly together: readonly number[];
  /** map: operands that lie along row axis `crossing`: a threadgroup takes a tile of its rows, and passes them through its memory. */
  readonly crossed: readonly number[];
  readonly crossing: number;
  /** map: a thread takes elements of both halves, which share what is costly: both words of a random hash. */
  readonly halves: boolean;
  /** row: threads of a row (1, a SIMD group, or a threadgroup). column: threads along the row. */
  readonly lanes: number;
  /** row: elements of a row that a thread keeps between passes; 0: it reads them again. */
  readonly keep: number;
  /** row: the threads keep just as many elements as there are, so that none has to look whether it is at the end. */
  readonly full: boolean;
  /** column: threads that share the fold of one element. */
  readonly split: number;
  /** sequence: rows store into places of their own, so that each may have a thread. */
  readonly apart: boolean;
  /** What is written is no memory that is read or written as another operand, so that loads need not wait for stores. */
  readonly alone: boolean;
  /** A kernel of a pass that runs ahead of its test: it does nothing if the first word of one more operand is 0. */
  readonly guarded: boolean;
  /** row: the template that takes a matrix product. */
  readonly product: ProductShape | null;
}

const product = (x: readonly number[]): number => x.reduce((a, b) => a * b, 1);
const powerOver = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));
const registers = (t: CType): number => t === "f64" ? 3 : t === "i64" || t === "u64" || t === "c64" ? 2 : 1;

/** Values of a row rather than of its elements. */
export function isUniform(e: Expr, k: Kernel, known: Map<Expr, boolean>): boolean {
  const hit = known.get(e);
  if (hit !== undefined) return hit;
  const u = e.op === "scalar" || (e.op === "axis" && e.imm < k.rowAxes) || (e.op === "fold" && k.kind !== "column") ||
    (e.op === "load" && k.kind !== "column" && k.mems[e.imm]?.along === "zero") ||
    (e.args.length > 0 && !(e.op === "loadx" && k.kind === "column") && e.args.every((a) => isUniform(a, k, known)));
  known.set(e, u);
  return u;
}
/** What later passes want of the values of elements that an earlier pass computed, as far as they may be kept: the pass that computes it and the last that wants it. */
function wantedAgain(k: Kernel, mayKeep: (e: Expr) => boolean): Map<Expr, readonly [from: number, to: number]> {
  const kept = new Map<Expr, readonly [number, number]>(), computed = new Map<Expr, number>();
  const uniform = new Map<Expr, boolean>();
  k.passes.forEach((p, pass) => {
    const fresh = new Set<Expr>();
    const visit = (e: Expr): void => {
      if (isUniform(e, k, uniform) || e.op === "iota" || fresh.has(e)) return;
      const from = computed.get(e);
      if (from !== undefined && mayKeep(e)) {
        kept.set(e, [from, pass]);
        return;
      }
      for (const a of e.args) visit(a);
      fresh.add(e);
    };
    for (const e of rootsOf(p)) visit(e);
    for (const e of fresh) if (!computed.has(e)) computed.set(e, pass);
  });
  return kept;
}
/** What a thread with `each` elements of a row keeps between passes: all that is wanted again, or what was read, or nothing. */
export function keptValues(k: Kernel, each: number): ReadonlySet<Expr> {
  for (const mayKeep of [(): boolean => true, (e: Expr): boolean => e.op === "load" || e.op === "loadx"]) {
    const kept = wantedAgain(k, mayKeep);
    // At the end of a pass registers hold what a later one wants.
    const sizes = k.passes.map((_, pass) => {
      let size = 0;
      for (const [e, [from, to]] of kept) if (from <= pass && pass < to) size += registers(e.t) * each;
      return size;
    });
    if (Math.max(0, ...sizes) <= REGISTERS) return new Set(kept.keys());
  }
  return new Set();
}

/** Whether some index of a run needs 64 bits. */
function needsWide(k: Kernel, run: Run): boolean {
  const reach = (n: number, stride: number): number => Math.max(0, n - 1) * Math.abs(stride);
  const limit = 2 ** 31 - 1, steps = k.kind === "column" ? run.foldSize : 1;
  return product(run.rows) * steps > limit || product(run.inner) > limit || run.rag > limit ||
    run.operands.some((o, i) => {
      const item = itemsize((k.mems[i] as Kernel["mems"][number]).dtype);
      let n = o.bound + reach(run.foldSize, o.fold / item);
      run.rows.forEach((r, d) => n += reach(r, (o.rows[d] ?? 0) / item));
      run.inner.forEach((r, d) => n += reach(r, o.inner[d] ?? 0));
      return n > limit;
    });
}
/** Elements that a thread of a map takes at once: where all operands lie together or stand still, and every row begins at a multiple. */
function vectorOf(k: Kernel, run: Run, n: number): number {
  const pass = k.passes[0];
  const simple = run.rag < 0 && k.mems.every((m) => m.along !== "any" && m.dtype !== "complex64") &&
    expressions(pass === undefined ? [] : rootsOf(pass)).every((e) => e.op !== "loadx") &&
    pass?.stores.every((s) => s.index === null && s.combine === "set");
  if (simple !== true) return 1;
  const fits = (v: number): boolean =>
    n % v === 0 && k.mems.every((m, i) => m.along === "zero" || liesBy(k, run, i, v));
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}
/** Whether in every row an operand has `v` elements, of 16 bytes at most, wherever its position is a multiple of `v`. */
function liesBy(k: Kernel, run: Run, mem: number, v: number): boolean {
  const o = run.operands[mem] as Run["operands"][number],
    bytes = v * itemsize((k.mems[mem] as Kernel["mems"][number]).dtype);
  return bytes <= 16 && o.offset !== null && o.offset % bytes === 0 && o.rows.every((r) => r % bytes === 0);
}

/** Operands of a map that are read along one row axis while all that is stored lies along the row. */
function crossedOf(k: Kernel, run: Run): Pick<Shape, "crossed" | "crossing"> {
  const pass = k.passes[0] as Pass, none = { crossed: [], crossing: -1 }, n = product(run.inner);
  const simple = run.rag < 0 && run.inner.length === 1 && n >= TILE &&
    pass.stores.every((s) => s.index === null && s.combine === "set" && k.mems[s.mem]?.along === "unit");
  if (!simple) return none;
  const loaded = new Set(expressions(rootsOf(pass)).filter((e) => e.op === "load").map((e) => e.imm));
  const axisOf = (m: number): number => {
    const o = run.operands[m] as Run["operands"][number], item = itemsize((k.mems[m] as Kernel["mems"][number]).dtype);
    return k.mems[m]?.along === "any" && Math.abs(o.inner[0] ?? 0) * item >= 64
      ? o.rows.findIndex((r, d) => r === item && (run.rows[d] as number) >= TILE)
      : -1;
  };
  const crossing = Math.max(-1, ...[...loaded].map(axisOf));
  return crossing < 0 ? none : { crossed: [...loaded].filter((m) => axisOf(m) === crossing).slice(0, 4), crossing };
}

/** Elements that a thread passes through a tile at once: four of 32 bits, where every line of the tile begins at a multiple. */
function tileVectorOf(k: Kernel, run: Run, { crossed, crossing }: Pick<Shape, "crossed" | "crossing">): number {
  const n = product(run.inner), length = run.rows[crossing] as number;
  const fits = n % 4 === 0 && length % 4 === 0 && k.mems.every((m, i) => {
    const o = run.operands[i] as Run["operands"][number];
    if (m.along === "any" && !crossed.includes(i)) return false;
    return m.along === "zero" || (itemsize(m.dtype) === 4 && o.offset !== null && o.offset % 16 === 0 &&
      (m.along === "unit" ? o.rows : [...o.rows.filter((_, d) => d !== crossing), ...o.inner.map((x) => 4 * x)]).every((
        x,
      ) => x % 16 === 0));
  });
  return fits && n >= WIDE_TILE && length >= WIDE_TILE ? 4 : 1;
}
/** Random words: of counters i and i + middle the first if the position i is before the middle, else, of i - middle and i, the second. */
export interface Halves {
  readonly first: Expr;
  readonly position: Expr;
  readonly middle: Expr;
  readonly words: readonly [Expr, Expr];
}
/** The random words of a flat map, if it has one hash with one key. */
export function halvesOf(k: Kernel): Halves | null {
  const all = expressions(rootsOf(k.passes[0] as Pass)), hashes = all.filter((e) => e.op.startsWith("threefry"));
  const [one, two] = hashes.sort((a, b) => a.op < b.op ? -1 : 1), known = new Map<Expr, boolean>();
  if (hashes.length !== 2 || one?.op !== "threefry0" || two?.op !== "threefry1") return null;
  const [low, high, ...key] = one.args as readonly [Expr, Expr, Expr, Expr];
  const [first, position, back] = low.args, [middle] = (first?.args ?? []).slice(1), [, ahead] = high.args;
  const isBeside = (e: Expr | undefined, op: string): boolean =>
    e?.op === op && e.args[0] === position && e.args[1] === middle;
  const isPosition = (e: Expr | undefined): boolean => e?.op === "iota" || (e?.op === "cast" && isPosition(e.args[0]));
  const good = one.args.every((a, i) => a === two.args[i]) && key.every((e) => isUniform(e, k, known)) &&
    low.op === "sel" && high.op === "sel" &&
    first?.op === "lt" && high.args[0] === first && high.args[2] === position && first.args[0] === position &&
    isPosition(position) && middle?.op === "scalar" && isBeside(back, "sub") && isBeside(ahead, "add");
  return good && first !== undefined && position !== undefined && middle !== undefined
    ? { first, position, middle, words: [one, two] }
    : null;
}
function hasHalves(k: Kernel, run: Run): boolean {
  const pass = k.passes[0] as Pass;
  return k.rowAxes === 0 && run.rag < 0 && product(run.inner) % 2 === 0 && k.mems.every((m) => m.along !== "any") &&
    pass.stores.every((s) => s.index === null && s.combine === "set") && halvesOf(k) !== null;
}

/** Whether no two rows of a sequence store to one address, as the places of each lie between those of its neighbours. */
function storesApart(k: Kernel, run: Run): boolean {
  const pass = k.passes[0] as Pass,
    loaded = expressions(rootsOf(pass)).filter((e) => e.op === "load" || e.op === "loadx");
  return pass.stores.every((s) => {
    const o = run.operands[s.mem] as Run["operands"][number],
      item = itemsize((k.mems[s.mem] as Kernel["mems"][number]).dtype);
    const axes = run.rows.map((n, d) => [n, Math.abs(o.rows[d] ?? 0) / item] as const).filter(([n]) => n > 1);
    let reach = o.bound;
    for (const [n, stride] of axes.sort((a, b) => a[1] - b[1])) {
      if (stride < reach) return false;
      reach += (n - 1) * stride;
    }
    return s.index !== null && loaded.every((e) => e.imm !== s.mem);
  });
}
/** The shape of a run of a kernel. `tiles`: matrix products may have templates in tiles. */
export function shapeOf(k: Kernel, run: Run, tiles: boolean): Shape {
  const n = product(run.inner),
    base = {
      wide: needsWide(k, run),
      rag: run.rag >= 0,
      inner: run.inner.length,
      vector: 1,
      together: [] as readonly number[],
      crossed: [] as readonly number[],
      crossing: -1,
      halves: false,
      lanes: 1,
      keep: 0,
      full: false,
      split: 1,
      apart: false,
      alone: false,
      guarded: false,
      product: null,
    };
  switch (k.kind) {
    case "map": {
      const cross = crossedOf(k, run), halves = !base.wide && hasHalves(k, run);
      const vector = cross.crossing >= 0 ? tileVectorOf(k, run, cross) : vectorOf(k, run, halves ? n / 2 : n);
      return { ...base, vector, ...cross, halves };
    }
    case "row": {
      const product = productOf(k, run, tiles);
      if (product !== null) return { ...base, product };
      const lanes = n <= 16 ? 1 : n <= 512 ? WIDTH : THREADS, each = powerOver(n / lanes);
      const folds = k.passes.some((p) => p.folds.length > 0), scans = k.passes.some((p) => p.scans.length > 0);
      // By fours where every thread has some. A scan goes by ones, so that nothing is kept from it for folds.
      const vector = folds && lanes > 1 && n % 4 === 0 && n >= 4 * lanes ? 4 : 1;
      const keep = !(scans && vector > 1) && keptValues(k, each).size > 0 ? each : 0;
      const together = vector === 1 || (keep > 0 && run.rag >= 0)
        ? []
        : k.mems.flatMap((m, i) =>
          m.along === "unit" && m.dtype !== "complex64" && liesBy(k, run, i, vector) ? [i] : []
        );
      return { ...base, lanes, vector, together, keep, full: keep * lanes === n && run.rag < 0 };
    }
    case "column": {
      const lanes = Math.min(WIDTH, powerOver(n));
      return run.foldSize < 32 ? { ...base, lanes: THREADS } : { ...base, lanes, split: THREADS / lanes };
    }
    case "sequence":
      return { ...base, apart: storesApart(k, run) };
  }
}

/** Rows and elements of a tile of this shape. */
export const tileOf = (shape: Shape): number => shape.vector === 1 ? TILE : WIDE_TILE;
/** A launch: the numbers that the kernel takes, and its threadgroups. Null if there is nothing to do. */
export function gridOf(k: Kernel, shape: Shape, run: Run): { readonly grid: Grid; readonly groups: number } | null {
  const rows = product(run.rows), n = product(run.inner);
  if (rows === 0 || (n === 0 && k.kind !== "row")) return null;
  switch (k.kind) {
    case "map": {
      if (shape.crossed.length > 0) {
        const tile = tileOf(shape), across = Math.ceil(n / tile), length = run.rows[shape.crossing] as number;
        return { grid: { across, shift: 0 }, groups: across * Math.ceil(length / tile) * (rows / length) };
      }
      const threads = Math.ceil((shape.halves ? n / 2 : n) / shape.vector),
        along = Math.min(THREADS, powerOver(threads)),
        across = Math.ceil(threads / along);
      return { grid: { across, shift: Math.log2(along) }, groups: across * Math.ceil(rows * along / THREADS) };
    }
    case "row": {
      if (shape.product !== null) {
        const { across, groups } = productGroups(shape.product, k.product as Product, run);
        return { grid: { across, shift: 0 }, groups };
      }
      return { grid: { across: 1, shift: 0 }, groups: Math.ceil(rows * shape.lanes / THREADS) };
    }
    case "column": {
      const across = Math.ceil(n / shape.lanes);
      return { grid: { across, shift: 0 }, groups: across * rows };
    }
    case "sequence": {
      if (shape.apart) return { grid: { across: 1, shift: 0 }, groups: Math.ceil(rows / THREADS) };
      const threads = Math.min(16384, Math.max(WIDTH, powerOver(n)));
      return { grid: { across: 1, shift: Math.log2(threads) }, groups: Math.ceil(threads / THREADS) };
    }
  }
}
