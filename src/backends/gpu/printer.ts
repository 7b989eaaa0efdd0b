// What the texts of all kinds of kernels are made of: values, positions, stores, and folds, which go first within a thread, then over a
// SIMD group by exchange (in the same order in every lane), then over the threadgroup through its memory.
import { computeOf, type DType } from "../../base/dtype.ts";
import type { CType, Expr } from "../../kernel/expr.ts";
import { identityOf, isArg, joinOf } from "../../kernel/fold.ts";
import { expressions, type FoldStep, type Kernel, type Mem, type Pass, type StoreStep } from "../../kernel/kernel.ts";
import { Arguments } from "./arguments.ts";
import {
  binaryText,
  isBfloat16,
  literalText,
  narrowed,
  operationText,
  storageName,
  typeName,
  widened,
} from "./expr.ts";
import type { Language } from "./language.ts";
import { isUniform, type Shape, THREADS, WIDTH } from "./shape.ts";

/** Whether `v` comes before `s` as the extreme of an argmin or argmax; NaN comes first. */
function better(f: FoldStep, s: string, v: string): string {
  const op = f.fold === "argmax" ? "gt" : "lt", over = binaryText(op, f.t, v, s);
  return f.t === "f32" ? `(${s} == ${s} && (${v} != ${v} || ${over} != 0))` : `(${over} != 0)`;
}

/** Lines of a kernel, with what is known where they stand. */
export class Printer {
  protected readonly k: Kernel;
  protected readonly shape: Shape;
  protected readonly language: Language;
  readonly args: Arguments;
  protected readonly lines: string[] = [];
  protected readonly index: string;
  protected readonly uniform = new Map<Expr, boolean>();
  /** Names of values of the row, and of those of the loop that is being printed. */
  protected readonly row = new Map<Expr, string>();
  protected loop = new Map<Expr, string>();
  #indent = 1;
  #names = 0;
  /** Where an element of an operand lies, for the loop that is being printed. */
  protected at: (mem: number) => string = () => "0";
  protected step = "0";
  /** Values that threads keep between passes, and their arrays; those that an earlier pass has put there. */
  protected readonly arrays = new Map<Expr, string>();
  readonly #stored = new Set<Expr>();
  /** Operands that were loaded as vectors, and the lane in them. */
  protected vectors = new Map<number, string>();

  constructor(k: Kernel, shape: Shape, language: Language) {
    this.k = k;
    this.shape = shape;
    this.language = language;
    this.args = new Arguments(k, shape.wide);
    this.index = shape.wide ? "long" : "int";
  }

  protected line(text: string): void {
    this.lines.push(`${"  ".repeat(this.#indent)}${text}`);
  }
  protected block(head: string, body: () => void): void {
    this.line(head === "" ? "{" : `${head} {`);
    this.#indent++;
    body();
    this.#indent--;
    this.line("}");
  }
  protected fresh(): string {
    return `v${this.#names++}`;
  }
  protected mem(i: number): Mem {
    return this.k.mems[i] as Mem;
  }

  // ---- values
  protected storage(d: DType): string {
    return storageName(d, this.language.bfloat16);
  }
  protected widened(d: DType, x: string): string {
    return widened(d, x, this.language.bfloat16);
  }
  /** The text of a value as it is stored; e: the value, if it is one of the kernel's expressions. */
  protected narrowed(d: DType, x: string, e: Expr | null = null): string {
    return narrowed(d, x, this.language.bfloat16, e !== null && isBfloat16(e, this.k.mems));
  }
  /** The text of a value; what it takes is computed before the line that comes next. */
  protected value(e: Expr): string {
    const known = this.known(e);
    if (known !== undefined) return known;
    for (const a of e.args) this.value(a);
    const array = this.arrays.get(e), name = this.fresh();
    this.line(`const ${typeName(e.t)} ${name} = ${this.#text(e)};`);
    if (array !== undefined) {
      this.line(`${array}[k] = ${name};`);
      this.#stored.add(e);
    }
    this.loop.set(e, name);
    return name;
  }
  protected known(e: Expr): string | undefined {
    return e.op === "scalar" ? this.args.scalar(e.imm) : this.row.get(e) ?? this.loop.get(e);
  }
  #text(e: Expr): string {
    const type = typeName(e.t), x = e.args.map((a) => this.known(a) as string);
    switch (e.op) {
      case "load": {
        const vector = this.vectors.get(e.imm), m = this.mem(e.imm);
        return this.widened(m.dtype, vector ?? `p${e.imm}[${this.at(e.imm)}]`);
      }
      case "loadx": {
        const m = this.mem(e.imm),
          i = x[0] as string,
          bound = this.args.operand("bound", e.imm),
          zero = e.t === "c64" ? { re: 0, im: 0 } : 0;
        // What is beyond the bound is the last element, what is before the start is 0.
        const place = `p${e.imm}[${this.#start(e.imm)}(${i} < ${bound} ? ${i} : ${bound} - 1)]`;
        return `${i} < 0 ? ${literalText(zero, e.t)} : ${this.widened(m.dtype, place)}`;
      }
      case "axis":
        return `${type}(${e.imm < this.k.rowAxes ? `r${e.imm}` : this.step})`;
      case "iota":
        return `${type}(i)`;
    }
    return operationText(e, x);
  }
  /** What an indexed operand of a column adds for the step of the fold axis. */
  #start(mem: number): string {
    return this.k.kind === "column" && this.step !== "0"
      ? `${this.step} * ${this.args.operand("foldStride", mem)} + `
      : "";
  }
  /** Computes what is one value a row, where all threads of the row are. */
  protected uniforms(roots: readonly Expr[]): void {
    for (const e of expressions(roots)) {
      if (e.op === "scalar" || this.row.has(e) || !isUniform(e, this.k, this.uniform)) continue;
      const name = this.fresh();
      this.line(`const ${typeName(e.t)} ${name} = ${this.#text(e)};`);
      this.row.set(e, name);
    }
  }
  /** Names what earlier passes kept and this one wants. */
  protected recall(roots: readonly Expr[]): void {
    const visit = (e: Expr): void => {
      if (this.known(e) !== undefined) return;
      if (this.#stored.has(e)) this.loop.set(e, `${this.arrays.get(e)}[k]`);
      else for (const a of e.args) visit(a);
    };
    for (const e of roots) visit(e);
  }
  /** The operands of which some value below these has still to be loaded at its own place. */
  protected toLoad(roots: readonly Expr[]): Set<number> {
    const loads = new Set<number>();
    const visit = (e: Expr): void => {
      if (this.known(e) !== undefined) return;
      if (e.op === "load") loads.add(e.imm);
      e.args.forEach(visit);
    };
    roots.forEach(visit);
    return loads;
  }

  // ---- positions
  /** Declares r0, r1, ... of the row numbered `row`, the pointers of the operands there, and the length n of the row. */
  protected rowStart(): void {
    this.#rowPlace();
    this.pointers(this.k.mems.map((_, i) => i));
    this.length();
  }
  #rowPlace(): void {
    const k = this.k;
    if (k.rowAxes > 0) {
      this.line(`${this.index} rest = row;`);
      for (let d = k.rowAxes - 1; d >= 0; d--) {
        this.line(`const ${this.index} r${d} = ${d === 0 ? "rest" : `rest % ${this.args.axis("row", d)}`};`);
        if (d > 0) this.line(`rest /= ${this.args.axis("row", d)};`);
      }
    }
  }
  /** Declares pointers p0, p1, ... of operands in the row at r0, r1, ... */
  protected pointers(mems: readonly number[]): void {
    const k = this.k;
    mems.forEach((i) => {
      const m = this.mem(i),
        terms = Array.from({ length: k.rowAxes }, (_, d) => `r${d} * ${this.args.stride("rowStride", i, d)}`);
      const type = this.language.pointer(this.storage(m.dtype), m.written);
      if (k.kind === "sequence") {
        this.line(`const ${this.index} b${i} = ${terms.length > 0 ? terms.join(" + ") : "0"};`);
      }
      const offset = k.kind === "sequence" ? ` + b${i}` : terms.map((t) => ` + ${t}`).join("");
      this.line(`${type}p${i} = m${i}${offset};`);
    });
  }
  protected length(): void {
    const k = this.k, length = this.args.size(k.kind === "column" ? "fold" : "length");
    if (!this.shape.rag) return this.line(`const ${this.index} n = ${length};`);
    this.line(`const ${this.index} left = ${this.args.size("rag")} - r${k.rowAxes - 1} * ${length};`);
    this.line(`const ${this.index} n = left < ${length} ? left : ${length};`);
  }
  /** Declares where operands with strides of their own lie at the position i, and how all are reached. */
  protected position(roots: readonly Expr[], stores: readonly number[]): void {
    const k = this.k, step = this.step, rank = this.shape.inner;
    const used = new Set([...expressions(roots).filter((e) => e.op === "load").map((e) => e.imm), ...stores]);
    const strided = [...used].filter((m) => this.mem(m).along === "any");
    const at = new Map<number, string>();
    if (strided.length > 0) {
      if (rank > 1) this.line(`${this.index} along = i;`);
      for (let d = rank - 1; d >= 0; d--) {
        this.line(
          `const ${this.index} i${d} = ${
            rank === 1 ? "i" : d === 0 ? "along" : `along % ${this.args.axis("inner", d)}`
          };`,
        );
        if (d > 0) this.line(`along /= ${this.args.axis("inner", d)};`);
      }
    }
    for (const m of used) {
      const along = this.mem(m).along;
      const terms = along === "zero"
        ? []
        : along === "unit"
        ? ["i"]
        : Array.from({ length: rank }, (_, d) => `i${d} * ${this.args.stride("innerStride", m, d)}`);
      if (k.kind === "column" && step !== "0") terms.unshift(`${step} * ${this.args.operand("foldStride", m)}`);
      at.set(m, terms.length > 0 ? terms.join(" + ") : "0");
    }
    this.at = (m) => at.get(m) ?? "0";
  }
  protected storesOf(p: Pass): number[] {
    return [...p.stores.map((s) => s.mem), ...p.scans.map((s) => s.mem)];
  }

  // ---- stores
  protected store(s: StoreStep, at: string): void {
    const m = this.mem(s.mem), v = this.value(s.value), t = computeOf(m.dtype), place = `p${s.mem}[${at}]`;
    if (s.combine === "set") return this.line(`${place} = ${this.narrowed(m.dtype, v, s.value)};`);
    const joined = binaryText(s.combine, t, this.widened(m.dtype, place), v);
    this.line(`${place} = ${this.narrowed(m.dtype, joined)};`);
  }
  /** A store of an element, at its own place or at a computed one. */
  protected storeElement(s: StoreStep): void {
    if (s.index === null) return this.store(s, this.at(s.mem));
    const i = this.value(s.index);
    this.block(`if (${i} >= 0 && ${i} < ${this.args.operand("bound", s.mem)})`, () => this.store(s, i));
  }

  // ---- folds
  protected begin(f: FoldStep): void {
    this.line(`${typeName(f.t)} f${f.id} = ${literalText(identityOf(f.fold, f.t), f.t)};`);
    if (isArg(f.fold)) this.line(`${this.index} g${f.id} = -1;`);
  }
  protected accumulate(f: FoldStep, position: string): void {
    const v = this.value(f.value), s = `f${f.id}`;
    if (isArg(f.fold)) this.line(`if (g${f.id} < 0 || ${better(f, s, v)}) { ${s} = ${v}; g${f.id} = ${position}; }`);
    else this.line(`${s} = ${binaryText(joinOf(f.fold), f.t, s, v)};`);
  }
  /** Joins what another thread folded: text of its value and, of an argmin or argmax, its position. */
  protected join(f: FoldStep, value: string, position: string): void {
    const s = `f${f.id}`, g = `g${f.id}`;
    if (!isArg(f.fold)) return this.line(`${s} = ${binaryText(joinOf(f.fold), f.t, s, value)};`);
    const earlier = `(!${better(f, value, s)} && ${position} < ${g})`;
    this.line(
      `if (${position} >= 0 && (${g} < 0 || ${
        better(f, s, value)
      } || ${earlier})) { ${s} = ${value}; ${g} = ${position}; }`,
    );
  }
  /** Joins a fold over `lanes` lanes that lie together: every lane gets the result. */
  #exchange(folds: readonly FoldStep[], lanes: number): void {
    const position = this.shape.wide ? "i64" : "i32";
    this.block(`for (ushort d = ${lanes / 2}; d > 0; d >>= 1)`, () => {
      for (const f of folds) {
        this.line(`const ${typeName(f.t)} o${f.id} = sn_xor_${f.t}(f${f.id}, d);`);
        if (isArg(f.fold)) this.line(`const ${this.index} q${f.id} = sn_xor_${position}(g${f.id}, d);`);
        this.join(f, `o${f.id}`, `q${f.id}`);
      }
    });
  }
  /** Joins the folds of a pass over the threads of a row. */
  protected reduce(folds: readonly FoldStep[]): void {
    if (folds.length === 0 || this.shape.lanes === 1) return;
    this.#exchange(folds, WIDTH);
    if (this.shape.lanes === WIDTH) return;
    for (const f of folds) {
      this.line(this.language.shared(typeName(f.t), `t${f.id}`, THREADS / WIDTH));
      if (isArg(f.fold)) this.line(this.language.shared(this.index, `u${f.id}`, THREADS / WIDTH));
    }
    this.block("if (lane == 0u)", () => {
      for (const f of folds) {
        this.line(`t${f.id}[simd] = f${f.id};`);
        if (isArg(f.fold)) this.line(`u${f.id}[simd] = g${f.id};`);
      }
    });
    this.line(this.language.barrier);
    for (const f of folds) {
      this.line(`f${f.id} = t${f.id}[lane % ${THREADS / WIDTH}u];`);
      if (isArg(f.fold)) this.line(`g${f.id} = u${f.id}[lane % ${THREADS / WIDTH}u];`);
    }
    this.#exchange(folds, THREADS / WIDTH);
  }
  /** Gives a fold its name as a value; that of an argmin or argmax is its position. */
  protected finish(f: FoldStep, names: Map<Expr, string>): void {
    const t: CType = isArg(f.fold) ? "i32" : f.t, e = this.k.scalars.make("fold", t, [], f.id);
    names.set(e, isArg(f.fold) ? (this.shape.wide ? `int(g${f.id})` : `g${f.id}`) : `f${f.id}`);
  }
}
