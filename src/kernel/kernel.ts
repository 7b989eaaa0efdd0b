// The kernel IR: a nest of row loops around passes over a row (or, for columns, a sequential fold over tiles), with folds, scans and stores.
import type { CType, Expr, Scalars } from "./expr.ts";
import type { DType } from "../base/dtype.ts";
import type { Fold, Scan } from "./fold.ts";

/** How a store joins what is there. */
export type Combine = "set" | "add" | "mul" | "min" | "max";

/** An operand in memory: storage dtype, how it runs along the row, and whether it is written. */
export interface Mem {
  readonly dtype: DType;
  /** Along the row: contiguous, one value, or anything else. Part of the kernel's structure. */
  readonly along: "unit" | "zero" | "any";
  readonly written: boolean;
}

/** A fold over the row: result number `id`, readable as `fold` in later passes and in row stores. */
export interface FoldStep {
  readonly id: number;
  readonly fold: Fold;
  readonly value: Expr;
  readonly t: CType;
}

/** A store of each element (or, `once`, of one value for each row). */
export interface StoreStep {
  readonly mem: number;
  readonly value: Expr;
  readonly combine: Combine;
  /** A computed position along the row; null stores at the loop's own position. */
  readonly index: Expr | null;
}

/** A scan along the row (of a `column`: along the fold axis) whose running value is stored, after or (`exclusive`) before each element. */
export interface ScanStep {
  readonly scan: Scan;
  readonly exclusive: boolean;
  /** The running value before the first element: a scalar argument. */
  readonly start: Expr;
  readonly value: Expr;
  readonly mem: number;
  readonly t: CType;
}

/** One walk over the row. */
export interface Pass {
  readonly folds: readonly FoldStep[];
  readonly scans: readonly ScanStep[];
  readonly stores: readonly StoreStep[];
}

/**
 * Of a `row` whose one fold is the sum of mul(load, load): the row axis along which only the first operand moves, and that of the second;
 * -1 where it has length 1.
 */
export interface Product {
  readonly rows: number;
  readonly columns: number;
}

/**
 * A kernel. `map`: one pass, stores only, may be cut anywhere. `row`: passes over each row with values of the row between them.
 * `column`: the one pass runs for each step of the fold axis, folds keep a tile of accumulators over the row, `row stores` run over that tile.
 * `sequence`: like row, in order on one thread (scatters).
 */
export interface Kernel {
  readonly kind: "map" | "row" | "column" | "sequence";
  readonly mems: readonly Mem[];
  readonly scalars: Scalars;
  readonly passes: readonly Pass[];
  /** Stores of one value a row (`row`), or over the tile (`column`), after the passes. */
  readonly rowStores: readonly StoreStep[];
  readonly rowAxes: number;
  /** A matrix product, for which a device may have a template. */
  readonly product?: Product | undefined;
}

/** The expressions that a pass evaluates. */
export function rootsOf(p: Pass): Expr[] {
  return [
    ...p.folds.map((f) => f.value),
    ...p.scans.map((s) => s.value),
    ...p.stores.flatMap((s) => s.index === null ? [s.value] : [s.index, s.value]),
  ];
}
/** Loads, scalars and operations below some expressions, inputs first; nothing from `known` on down. */
export function expressions(roots: readonly Expr[], known: ReadonlySet<Expr> = new Set()): Expr[] {
  const seen = new Set(known), order: Expr[] = [];
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    for (const a of e.args) visit(a);
    order.push(e);
  };
  for (const r of roots) visit(r);
  return order;
}

/** Readable text of a kernel: a loop nest. */
export function printKernel(k: Kernel): string {
  const lines: string[] = [];
  k.mems.forEach((m, i) => lines.push(`${m.written ? "out" : "in"} m${i}: ${m.dtype} ${m.along}`));
  k.scalars.scalars.forEach((s, i) => lines.push(`arg s${i}: ${s.t}`));
  if (k.product !== undefined) lines.push(`product of r${k.product.rows} and r${k.product.columns}`);
  for (let a = 0; a < k.rowAxes; a++) lines.push(`${"  ".repeat(a)}for r${a}`);
  const pad = "  ".repeat(k.rowAxes), names = new Map<Expr, string>();
  const body = (indent: string, e: Expr): void => {
    if (names.has(e) || e.op === "scalar" || e.op === "fold") return;
    for (const x of e.args) body(indent, x);
    const name = `v${names.size}`, a = e.args.map(show).join(", ");
    const text = e.op === "load"
      ? `m${e.imm}`
      : e.op === "loadx"
      ? `m${e.imm}[${a}]`
      : e.op === "axis"
      ? `r${e.imm}`
      : e.op === "iota"
      ? "i"
      : `${e.op}(${a})`;
    names.set(e, name);
    lines.push(`${indent}${name}: ${e.t} = ${text}`);
  };
  const show = (e: Expr): string =>
    e.op === "scalar" ? `s${e.imm}` : e.op === "fold" ? `f${e.imm}` : names.get(e) as string;
  k.passes.forEach((p) => {
    lines.push(`${pad}for i${k.kind === "column" ? " (tile), for each step of the fold axis" : ""}`);
    names.clear();
    for (const x of [...p.folds, ...p.scans]) body(`${pad}  `, x.value);
    for (const s of p.stores) {
      if (s.index) body(`${pad}  `, s.index);
      body(`${pad}  `, s.value);
    }
    for (const f of p.folds) lines.push(`${pad}  f${f.id}: ${f.t} ${f.fold}= ${show(f.value)}`);
    for (const s of p.scans) {
      lines.push(
        `${pad}  m${s.mem} = scan.${s.scan}${s.exclusive ? ".exclusive" : ""}(${show(s.start)}; ${show(s.value)})`,
      );
    }
    for (const s of p.stores) {
      lines.push(
        `${pad}  m${s.mem}${s.index ? `[${show(s.index)}]` : ""} ${s.combine === "set" ? "=" : `${s.combine}=`} ${
          show(s.value)
        }`,
      );
    }
  });
  if (k.rowStores.length > 0) {
    names.clear();
    const inner = k.kind === "column" ? `${pad}  ` : pad;
    if (k.kind === "column") lines.push(`${pad}for i (tile)`);
    for (const s of k.rowStores) body(inner, s.value);
    for (const s of k.rowStores) lines.push(`${inner}m${s.mem} = ${show(s.value)}`);
  }
  return lines.join("\n");
}
