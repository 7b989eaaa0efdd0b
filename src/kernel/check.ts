// The grammar of kernels: types, operands, axes and the order of passes. A kernel that passes can be run by every backend.
import { computeOf } from "../base/dtype.ts";
import type { CType, Expr } from "./expr.ts";
import { isArg } from "./fold.ts";
import { expressions, type Kernel, type Mem, type Pass, printKernel, type StoreStep } from "./kernel.ts";

type Types = ReadonlySet<CType>;
const INT: Types = new Set(["i32", "u32", "i64", "u64"]),
  FLOAT: Types = new Set(["f32", "f64"]),
  INEXACT: Types = new Set(["f32", "f64", "c64"]);
const ANY: Types = new Set([...INT, ...INEXACT]),
  REAL: Types = new Set([...INT, ...FLOAT]),
  INDEX: Types = new Set(["i32", "i64"]);
const WORD: Types = new Set(["u32"]), COMPLEX: Types = new Set(["c64"]);

/** Operand types of each unary operation, and the result's type where it is not the operand's. */
const UNARY = new Map<string, readonly [Types, CType | null]>();
const unary = (names: string, types: Types, result: CType | null = null): void =>
  names.split(" ").forEach((n) => UNARY.set(n, [types, result]));
unary("neg abs sign square", ANY);
unary("not", INT);
unary(
  "floor ceil round sqrt rsqrt recip exp expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid",
  INEXACT,
);
unary("trunc erf erfinv", FLOAT);
unary("isnan isinf isfinite", INEXACT, "i32");
unary("isposinf isneginf", FLOAT, "i32");
unary("lnot", ANY, "i32");
unary("conj", COMPLEX);
unary("real imag", COMPLEX, "f32");
unary("norm.bool norm.i8 norm.u8 norm.i16 norm.u16", new Set(["i32"]));
unary("norm.f16 norm.bf16", new Set(["f32"]));

/** The same of binary operations, whose operands have one type. */
const BINARY = new Map<string, readonly [Types, CType | null]>();
const binary = (names: string, types: Types, result: CType | null = null): void =>
  names.split(" ").forEach((n) => BINARY.set(n, [types, result]));
binary("add sub mul div pow max min", ANY);
binary("floordiv rem", REAL);
binary("atan2", FLOAT);
binary("logaddexp", INEXACT);
binary("and or xor shl shr", INT);
binary("mulhi", WORD);
binary("eq ne lt le gt ge", ANY, "i32");

const BITS: Readonly<Record<CType, number>> = { f32: 32, i32: 32, u32: 32, f64: 64, i64: 64, u64: 64, c64: 64 };
const FOLDS = new Set(["sum", "prod", "min", "max", "argmin", "argmax"]),
  SCANS = new Set(["sum", "prod", "min", "max", "logaddexp"]);
const COMBINES = new Set(["set", "add", "mul", "min", "max"]);

/** Where an expression stands: the folds that are known there, and whether it has a position along the row and a step of the fold axis. */
interface Scope {
  readonly where: string;
  readonly folds: ReadonlyMap<number, CType>;
  readonly position: boolean;
  readonly axes: number;
}

/** Checks a kernel; an Error that says what is wrong and prints the kernel. */
export function checkKernel(k: Kernel): void {
  new Checker(k).check();
}

class Checker {
  readonly #k: Kernel;
  /** Results of folds whose passes were checked. */
  readonly #folds = new Map<number, CType>();
  readonly #stored = new Set<number>();
  readonly #seen = new Map<Expr, Scope>();

  constructor(k: Kernel) {
    this.#k = k;
  }

  check(): void {
    const k = this.#k, column = k.kind === "column";
    this.#form();
    k.passes.forEach((p, n) => {
      // A fold is known when its pass has ended.
      const folds = new Map(this.#folds), axes = k.rowAxes + (column ? 1 : 0);
      this.#pass(p, { where: `pass ${n}`, folds, position: true, axes });
    });
    const last: Scope = { where: "row stores", folds: this.#folds, position: column, axes: k.rowAxes };
    for (const s of k.rowStores) this.#store(s, last, true);
    k.mems.forEach((m, i) => this.#ok(!m.written || this.#stored.has(i), `nothing is stored to m${i}`));
  }
  #fail(why: string): never {
    let text: string;
    try {
      text = printKernel(this.#k);
    } catch {
      text = "(it cannot be printed)";
    }
    throw new Error(`internal: malformed kernel: ${why}\n${this.#k.kind}\n${text}`);
  }
  #ok(condition: boolean, why: string): void {
    if (!condition) this.#fail(why);
  }
  /** What passes and stores a kind of kernel has. */
  #form(): void {
    const k = this.#k;
    this.#ok(k.rowAxes >= 0 && Number.isInteger(k.rowAxes), `${k.rowAxes} row axes`);
    if (k.kind === "map" || k.kind === "sequence") {
      this.#ok(k.passes.length <= 1, `a ${k.kind} has ${k.passes.length} passes`);
      this.#ok(k.passes.every((p) => p.folds.length + p.scans.length === 0), `a ${k.kind} folds or scans`);
      this.#ok(k.rowStores.length === 0, `a ${k.kind} stores values of the row`);
    }
    if (k.kind === "column") {
      this.#ok(k.passes.length === 1, `a column has ${k.passes.length} passes`);
      this.#ok(k.passes.every((p) => p.stores.length === 0), "a column stores inside its fold");
    }
  }
  #pass(p: Pass, scope: Scope): void {
    this.#ok(p.folds.length + p.scans.length + p.stores.length > 0, `${scope.where} is empty`);
    for (const f of p.folds) {
      this.#value(f.value, scope);
      this.#ok(FOLDS.has(f.fold), `${scope.where}: no fold is called ${f.fold}`);
      this.#ok(f.value.t === f.t, `${scope.where}: f${f.id} of ${f.t} takes ${f.value.t}`);
      this.#ok(!this.#folds.has(f.id), `${scope.where}: f${f.id} is folded twice`);
      this.#folds.set(f.id, isArg(f.fold) ? "i32" : f.t);
    }
    for (const s of p.scans) {
      const m = this.#mem(s.mem, true, scope.where);
      this.#stored.add(s.mem);
      this.#value(s.value, scope);
      this.#value(s.start, scope);
      this.#ok(SCANS.has(s.scan), `${scope.where}: no scan is called ${s.scan}`);
      this.#ok(s.start.op === "scalar", `${scope.where}: a scan starts from ${s.start.op}, which is no argument`);
      this.#ok(
        s.value.t === s.t && s.start.t === s.t && computeOf(m.dtype) === s.t,
        `${scope.where}: a scan of ${s.t} takes ${s.value.t} from ${s.start.t} to m${s.mem} of ${m.dtype}`,
      );
      this.#ok(m.along !== "zero", `${scope.where}: m${s.mem} takes each element of a scan, but stays in place`);
      this.#ok(s.scan !== "logaddexp" || INEXACT.has(s.t), `${scope.where}: logaddexp of ${s.t}`);
    }
    for (const s of p.stores) this.#store(s, scope, false);
  }
  #mem(i: number, written: boolean, where: string): Mem {
    const m = this.#k.mems[i];
    if (m === undefined) return this.#fail(`${where} names operand m${i} of ${this.#k.mems.length}`);
    this.#ok(
      m.written === written,
      `${where} ${written ? "stores to m" : "loads from m"}${i}, which is ${m.written ? "written" : "read"}`,
    );
    return m;
  }
  #expression(e: Expr, scope: Scope): void {
    const where = `${scope.where}: ${e.op}`, types = e.args.map((a) => a.t).join(", ");
    const arity = (n: number): void =>
      this.#ok(e.args.length === n, `${where} has ${e.args.length} operands, not ${n}`);
    const result = (t: CType): void => this.#ok(e.t === t, `${where}(${types}) gives ${e.t}, not ${t}`);
    switch (e.op) {
      case "load": {
        arity(0);
        return result(computeOf(this.#mem(e.imm, false, where).dtype));
      }
      case "loadx": {
        arity(1);
        const m = this.#mem(e.imm, false, where);
        this.#ok(INDEX.has((e.args[0] as Expr).t), `${where} has an index of type ${types}`);
        this.#ok(m.along !== "any", `${where} has an index, but m${e.imm} moves along the row by itself`);
        return result(computeOf(m.dtype));
      }
      case "scalar": {
        arity(0);
        const s = this.#k.scalars.scalars[e.imm];
        if (s === undefined) {
          return this.#fail(`${where} names argument s${e.imm} of ${this.#k.scalars.scalars.length}`);
        }
        return result(s.t);
      }
      case "axis":
        arity(0);
        this.#ok(e.imm >= 0 && e.imm < scope.axes, `${where} r${e.imm} is not one of ${scope.axes} axes`);
        return this.#ok(INDEX.has(e.t), `${where} has type ${e.t}`);
      case "iota":
        arity(0);
        this.#ok(scope.position, `${where} has no position along the row here`);
        return this.#ok(INDEX.has(e.t), `${where} has type ${e.t}`);
      case "fold": {
        arity(0);
        const t = scope.folds.get(e.imm);
        if (t === undefined) return this.#fail(`${where} reads f${e.imm}, which is not known yet`);
        return result(t);
      }
      case "sel":
        arity(3);
        this.#ok(e.args[0]?.t === "i32", `${where} has a condition of type ${e.args[0]?.t}`);
        this.#ok(e.args[1]?.t === e.args[2]?.t, `${where}(${types}) chooses between two types`);
        return result((e.args[1] as Expr).t);
      case "cast":
        arity(1);
        return this.#ok(e.args[0]?.t !== e.t, `${where} from ${types} to itself`);
      case "bitcast":
        arity(1);
        return this.#ok(
          types !== "c64" && e.t !== "c64" && BITS[(e.args[0] as Expr).t] === BITS[e.t],
          `${where} from ${types} to ${e.t}`,
        );
      case "complex":
        arity(2);
        this.#ok(types === "f32, f32", `${where}(${types}) of other than two f32`);
        return result("c64");
      case "threefry0":
      case "threefry1":
        arity(4);
        this.#ok(e.args.every((a) => a.t === "u32"), `${where}(${types}) of other than u32`);
        return result("u32");
    }
    const u = UNARY.get(e.op), b = BINARY.get(e.op), rule = u ?? b;
    if (rule === undefined) return this.#fail(`${where} is no operation`);
    arity(u === undefined ? 2 : 1);
    const t = (e.args[0] as Expr).t;
    this.#ok(e.args.every((a) => a.t === t), `${where}(${types}) mixes types`);
    this.#ok(rule[0].has(t), `${where} is not defined for ${t}`);
    result(e.op === "abs" && t === "c64" ? "f32" : rule[1] ?? t);
  }
  #value(root: Expr, scope: Scope): void {
    for (const e of expressions([root])) {
      if (this.#seen.get(e) === scope) continue;
      this.#seen.set(e, scope);
      this.#expression(e, scope);
    }
  }
  #store(s: StoreStep, scope: Scope, once: boolean): void {
    const m = this.#mem(s.mem, true, scope.where), t = computeOf(m.dtype);
    this.#stored.add(s.mem);
    this.#value(s.value, scope);
    this.#ok(s.value.t === t, `${scope.where}: m${s.mem} of ${m.dtype} takes ${t}, not ${s.value.t}`);
    this.#ok(COMBINES.has(s.combine), `${scope.where}: a store cannot ${s.combine}`);
    if (s.index !== null) {
      this.#ok(!once, `${scope.where}: a store of one value a row has no index`);
      this.#value(s.index, scope);
      this.#ok(INDEX.has(s.index.t), `${scope.where}: a store has an index of type ${s.index.t}`);
      this.#ok(m.along !== "any", `${scope.where}: a store has an index, but m${s.mem} moves along the row by itself`);
    } else if (once && this.#k.kind !== "column") {
      this.#ok(m.along !== "any", `${scope.where}: m${s.mem} takes one value a row, but moves along it`);
    } else if (this.#k.kind !== "sequence") {
      this.#ok(m.along !== "zero", `${scope.where}: m${s.mem} takes each element of the row, but stays in place`);
    }
  }
}
