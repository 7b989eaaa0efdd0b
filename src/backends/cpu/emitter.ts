// Flattens expressions to stages: the deeper operand first, what is wanted again goes to a slot, values of the row are computed once.
import { computeOf, storageOf } from "../../base/dtype.ts";
import type { CType, Expr } from "../../kernel/expr.ts";
import { expressions, type Kernel, type Mem, type StoreStep } from "../../kernel/kernel.ts";

/** One stage of a tape: its name and operands (kind << 24 | index). */
export interface Stage {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  imm: number;
}

/** The kinds of a stage's operands. */
export const MEM = 1 << 24, SLOT = 2 << 24, SCALAR = 3 << 24, AXIS = 4 << 24, STAGE = 5 << 24, TILE = 6 << 24;
const COMMUTES = new Set(["add", "mul", "max", "min", "and", "or", "xor", "eq", "ne", "logaddexp", "mulhi"]);
const MIRROR: Readonly<Record<string, string>> = { lt: "gt", gt: "lt", le: "ge", ge: "le" };
const BINARY = new Set(
  "add sub mul div floordiv rem pow max min atan2 logaddexp and or xor shl shr eq ne lt le gt ge mulhi".split(" "),
);
/** True for types of 64 bits. */
export const is64 = (t: CType): boolean => t === "f64" || t === "i64" || t === "u64" || t === "c64";
/** The width of a type, as stages name it. */
export const width = (t: CType): string => is64(t) ? "w64" : "w32";
/** The stage that brings a scalar into the accumulator. */
export const splat = (t: CType): string => `splat.${t === "c64" ? "c64" : width(t)}`;

/** True for values that are one per row: they are computed before the loop. */
function uniform(e: Expr, k: Kernel, known: Map<Expr, boolean>): boolean {
  const hit = known.get(e);
  if (hit !== undefined) return hit;
  let u: boolean;
  if (e.op === "scalar" || e.op === "axis") u = true;
  else if (e.op === "fold") u = k.kind !== "column";
  else if (e.op === "load") u = k.mems[e.imm]?.along === "zero";
  else if (e.op === "iota") u = false;
  else u = e.args.length > 0 && e.args.every((a) => uniform(a, k, known));
  known.set(e, u);
  return u;
}

/** From how many operations on a value is read from a tile rather than computed again. */
const DEAR = 4;
/** Operations that take many instructions. */
const LONG = new Set("exp expm1 log log1p log2 log10 pow tanh erf sin cos tan div".split(" "));
/** Operations below a value, each once for each path to it. */
function costOf(e: Expr, known: Map<Expr, number>): number {
  let c = known.get(e);
  if (c === undefined) {
    c = e.op === "scalar" || e.op === "fold"
      ? 0
      : e.args.reduce((a, x) => a + costOf(x, known), LONG.has(e.op) ? 8 : 1);
    known.set(e, c);
  }
  return c;
}

/** Writes the stages that compute expressions. */
export class Emitter {
  readonly stages: Stage[] = [];
  slots = 0;
  readonly #k: Kernel;
  readonly #free: number[] = [];
  readonly #pinned = new Map<Expr, number>();
  readonly #kept = new Map<Expr, number>();
  readonly #uses = new Map<Expr, number>();
  readonly #uniform = new Map<Expr, boolean>();
  /** Values that a later pass over the row wants again, each with its tile; and those whose tile an earlier pass filled. */
  readonly #tiles = new Map<Expr, number>();
  readonly #filled = new Set<Expr>();

  constructor(k: Kernel) {
    this.#k = k;
  }

  stage(name: string, a = 0, b = 0, imm = 0): void {
    this.stages.push({ name, a, b, imm });
  }
  /** How an operand lies in memory. */
  storage(mem: number): string {
    return storageOf((this.#k.mems[mem] as Mem).dtype);
  }
  slot(): number {
    return this.#free.pop() ?? this.slots++;
  }
  pair(): number {
    this.slots += 2;
    return this.slots - 2;
  }
  pin(e: Expr, slot: number): void {
    this.#pinned.set(e, slot);
  }

  /** Gives tiles to what is dear to compute and wanted by several passes, of which these are the roots. Returns how many. */
  share(passes: readonly (readonly Expr[])[]): number {
    const known = new Set<Expr>(), costs = new Map<Expr, number>();
    for (const roots of passes) {
      for (const r of roots) {
        // From the top: nothing below a shared value is computed again.
        const stack = [r], seen = new Set<Expr>();
        while (stack.length > 0) {
          const e = stack.pop() as Expr;
          if (seen.has(e) || this.#tiles.has(e) || uniform(e, this.#k, this.#uniform)) continue;
          seen.add(e);
          if (known.has(e) && costOf(e, costs) >= DEAR) this.#tiles.set(e, this.#tiles.size);
          else stack.push(...e.args);
        }
      }
      for (const e of expressions(roots)) known.add(e);
    }
    return this.#tiles.size;
  }
  /** Starts a loop body: counts uses and computes what is one per row. */
  begin(roots: readonly Expr[]): void {
    for (const s of this.#kept.values()) this.#free.push(s);
    this.#kept.clear();
    this.#uses.clear();
    const order = expressions(roots, this.#filled);
    // Only what a varying expression reads is needed in the loop.
    const vary = (e: Expr): boolean => !uniform(e, this.#k, this.#uniform);
    for (const e of order) if (vary(e)) { for (const a of e.args) this.#uses.set(a, (this.#uses.get(a) ?? 0) + 1); }
    for (const r of roots) this.#uses.set(r, (this.#uses.get(r) ?? 0) + 1);
    for (const e of order) {
      if (vary(e) || e.op === "scalar" || this.#pinned.has(e) || !this.#uses.has(e)) continue;
      this.#pinUniform(e);
    }
  }
  #pinUniform(e: Expr): void {
    if (this.#pinned.has(e) || e.op === "scalar") return;
    for (const a of e.args) this.#pinUniform(a);
    // Operands are counted for this expression alone, so that no slot before the loop stays with a scalar that the loop reads.
    const before = e.args.map((a) => this.#uses.get(a) ?? 0);
    for (const a of e.args) this.#uses.set(a, e.args.filter((b) => b === a).length);
    this.#compute(e);
    e.args.forEach((a, i) => this.#uses.set(a, before[i] as number));
    const s = this.slot();
    this.stage("keep", SLOT | s);
    this.#pinned.set(e, s);
  }

  /** An operand that a stage can read without going through the accumulator. */
  #operand(e: Expr): { readonly variant: "m" | "s"; readonly ref: number } | null {
    if (e.op === "scalar") return { variant: "s", ref: SCALAR | e.imm };
    const p = this.#pinned.get(e);
    if (p !== undefined) return { variant: e.t === "c64" ? "m" : "s", ref: SLOT | p };
    const kept = this.#kept.get(e);
    if (kept !== undefined) return { variant: "m", ref: SLOT | kept };
    if (e.op === "fold" && this.#k.kind === "column") return { variant: "m", ref: TILE | e.imm };
    if (this.#filled.has(e)) return { variant: "m", ref: TILE | this.#tiles.get(e)! };
    if (e.op === "load" && e.t !== "c64") {
      const m = this.#k.mems[e.imm];
      if (m !== undefined && m.along === "unit" && storageOf(m.dtype) === width(e.t) && computeOf(m.dtype) === e.t) {
        return { variant: "m", ref: MEM | e.imm };
      }
    }
    return null;
  }
  #consume(e: Expr): void {
    const n = this.#uses.get(e);
    if (n === undefined) return;
    this.#uses.set(e, n - 1);
    if (n > 1) return;
    const s = this.#kept.get(e);
    if (s !== undefined) {
      this.#kept.delete(e);
      this.#free.push(s);
    }
  }

  /** Brings a value into the accumulator; a value that is wanted again is kept on the way. */
  value(e: Expr): void {
    const pinned = this.#pinned.get(e), kept = this.#kept.get(e);
    if (e.op === "scalar") this.stage(splat(e.t), SCALAR | e.imm);
    else if (pinned !== undefined) this.stage("get", SLOT | pinned);
    else if (kept !== undefined) this.stage("get", SLOT | kept);
    else {
      this.#compute(e);
      if ((this.#uses.get(e) ?? 0) > 1 && !(e.op === "load" && this.#operand(e) !== null)) this.#keep(e);
    }
    this.#consume(e);
  }
  #keep(e: Expr): number {
    const s = this.slot();
    this.stage("keep", SLOT | s);
    this.#kept.set(e, s);
    return s;
  }
  /** A slot that holds the value; the use is not consumed. */
  inSlot(e: Expr): number {
    const known = this.#pinned.get(e) ?? this.#kept.get(e);
    if (known !== undefined) return known;
    if (e.op === "scalar") {
      this.stage(splat(e.t), SCALAR | e.imm);
      return this.#keep(e);
    }
    this.#compute(e);
    return this.#keep(e);
  }
  done(e: Expr): void {
    this.#consume(e);
  }

  /** Ends a pass: what it kept in tiles is there for the next. */
  end(roots: readonly Expr[]): void {
    for (const e of expressions(roots, this.#filled)) if (this.#tiles.has(e)) this.#filled.add(e);
  }

  #compute(e: Expr): void {
    const tile = this.#tiles.get(e);
    if (tile !== undefined && this.#filled.has(e)) return this.stage("get", TILE | tile);
    this.#make(e);
    if (tile !== undefined) this.stage("keep", TILE | tile);
  }
  #make(e: Expr): void {
    const k = this.#k;
    switch (e.op) {
      case "scalar":
        return this.stage(splat(e.t), SCALAR | e.imm);
      case "load":
        return this.stage(`ld.${this.storage(e.imm)}`, MEM | e.imm);
      case "loadx": {
        const index = e.args[0] as Expr;
        this.value(index);
        return this.stage(`ldx.${this.storage(e.imm)}.${index.t}`, MEM | e.imm);
      }
      case "axis":
        return this.stage(`axis.${e.t}`, AXIS | e.imm);
      case "iota":
        return this.stage(`iota.${e.t}`);
      case "fold":
        if (k.kind === "column") return this.stage("get", TILE | e.imm);
        throw new Error("internal: a fold is read before its pass ends");
      case "bitcast":
        return this.value(e.args[0] as Expr);
      case "cast": {
        const x = e.args[0] as Expr;
        this.value(x);
        return this.stage(`cast.${x.t}.${e.t}`);
      }
      case "sel": {
        const [c, a, b] = e.args as readonly [Expr, Expr, Expr];
        const sa = this.inSlot(a), sb = this.inSlot(b);
        this.value(c);
        this.stage(`sel.${width(e.t)}`, SLOT | sa, SLOT | sb);
        this.done(a);
        return this.done(b);
      }
      case "complex": {
        const [re, im] = e.args as readonly [Expr, Expr];
        const s = this.inSlot(im);
        this.value(re);
        this.stage("complex.c64", SLOT | s);
        return this.done(im);
      }
      case "threefry0":
      case "threefry1": {
        const [c0, c1, k0, k1] = e.args as readonly [Expr, Expr, Expr, Expr];
        const keys = this.pair();
        this.value(k0);
        this.stage("keep", SLOT | keys);
        this.value(k1);
        this.stage("keep", SLOT | keys + 1);
        const s = this.inSlot(c1);
        this.value(c0);
        this.stage(`${e.op}.u32`, SLOT | s, SLOT | keys);
        return this.done(c1);
      }
    }
    if (e.op.startsWith("norm.")) {
      this.value(e.args[0] as Expr);
      return this.stage(e.op);
    }
    if (e.args.length === 1) {
      const x = e.args[0] as Expr;
      this.value(x);
      return this.stage(`${e.op}.${x.t}`);
    }
    if (!BINARY.has(e.op)) throw new Error(`internal: no stage for ${e.op}`);
    const [a, b] = e.args as readonly [Expr, Expr], t = a.t;
    const right = this.#operand(b);
    if (right !== null && a !== b) {
      this.value(a);
      // Computing a may have moved b to a slot.
      const r = this.#operand(b) ?? right;
      this.stage(`${e.op}.${t}.${r.variant}`, r.ref);
      return this.#consume(b);
    }
    const reversed = COMMUTES.has(e.op) ? e.op : MIRROR[e.op] ?? `r${e.op}`;
    const left = this.#operand(a);
    if (left !== null && a !== b) {
      this.value(b);
      const l = this.#operand(a) ?? left;
      this.stage(`${reversed}.${t}.${l.variant}`, l.ref);
      return this.#consume(a);
    }
    if (a === b) {
      const s = this.inSlot(a);
      this.stage("get", SLOT | s);
      this.stage(`${e.op}.${t}.m`, SLOT | s);
      this.#consume(a);
      return this.#consume(a);
    }
    const s = this.inSlot(b);
    this.value(a);
    this.stage(`${e.op}.${t}.m`, SLOT | s);
    return this.#consume(b);
  }

  /** True where an index grows by one from element to element of a row. */
  #follows(index: Expr): boolean {
    const [a, b] = index.args,
      fixed = (e: Expr | undefined): boolean => e !== undefined && uniform(e, this.#k, this.#uniform);
    if (index.op === "iota") return true;
    return index.op === "add" && (a?.op === "iota" && fixed(b) || b?.op === "iota" && fixed(a));
  }
  /** Stores, once for the row or for each element; `alone`: this is all that the loop does. */
  store(s: StoreStep, once: boolean, alone = false): void {
    const storage = this.storage(s.mem);
    if (s.index !== null) {
      const at = this.inSlot(s.index), own = this.stages.length, follows = alone && this.#follows(s.index);
      if (follows) this.stage(`own.${s.index.t}`, MEM | s.mem, SLOT | at);
      this.value(s.value);
      this.stage(`stx.${s.combine}.${storage}.${s.value.t}`, MEM | s.mem, SLOT | at, s.index.t === "i64" ? 1 : 0);
      if (follows) (this.stages[own] as Stage).imm = this.stages.length - own;
      return this.done(s.index);
    }
    this.value(s.value);
    if (s.combine !== "set") this.stage(`sta.${s.combine}.${storage}.${s.value.t}`, MEM | s.mem);
    else this.stage(`${once ? "st1" : "st"}.${storage}`, MEM | s.mem);
  }
}
