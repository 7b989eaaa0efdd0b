// The grammar of kernels: types, operands, axes and the order of passes. A kernel that passes can be run by every backend.
import { computeOf } from "../base/dtype.ts";
import type { CType, Expr } from "./expr.ts";
import { isArg } from "./fold.ts";
import { expressions, type Kernel, type Mem, printKernel, type StoreStep } from "./kernel.ts";

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
  const fail = (why: string): never => {
    let text: string;
    try {
      text = printKernel(k);
    } catch {
      text = "(it cannot be printed)";
    }
    throw new Error(`internal: malformed kernel: ${why}\n${k.kind}\n${text}`);
  };
  const ok = (condition: boolean, why: string): void => {
    if (!condition) fail(why);
  };
  const mem = (i: number, written: boolean, where: string): Mem => {
    const m = k.mems[i];
    if (m === undefined) return fail(`${where} names operand m${i} of ${k.mems.length}`);
    ok(
      m.written === written,
      `${where} ${written ? "stores to m" : "loads from m"}${i}, which is ${m.written ? "written" : "read"}`,
    );
    return m;
  };
  const expression = (e: Expr, scope: Scope): void => {
    const where = `${scope.where}: ${e.op}`, types = e.args.map((a) => a.t).join(", ");
    const arity = (n: number): void => ok(e.args.length === n, `${where} has ${e.args.length} operands, not ${n}`);
    const result = (t: CType): void => ok(e.t === t, `${where}(${types}) gives ${e.t}, not ${t}`);
    switch (e.op) {
      case "load": {
        arity(0);
        return result(computeOf(mem(e.imm, false, where).dtype));
      }
      case "loadx": {
        arity(1);
        const m = mem(e.imm, false, where);
        ok(INDEX.has((e.args[0] as Expr).t), `${where} has an index of type ${types}`);
        ok(m.along !== "any", `${where} has an index, but m${e.imm} moves along the row by itself`);
        return result(computeOf(m.dtype));
      }
      case "scalar": {
        arity(0);
        const s = k.scalars.scalars[e.imm];
        if (s === undefined) return fail(`${where} names argument s${e.imm} of ${k.scalars.scalars.length}`);
        return result(s.t);
      }
      case "axis":
        arity(0);
        ok(e.imm >= 0 && e.imm < scope.axes, `${where} r${e.imm} is not one of ${scope.axes} axes`);
        return ok(INDEX.has(e.t), `${where} has type ${e.t}`);
      case "iota":
        arity(0);
        ok(scope.position, `${where} has no position along the row here`);
        return ok(INDEX.has(e.t), `${where} has type ${e.t}`);
      case "fold": {
        arity(0);
        const t = scope.folds.get(e.imm);
        if (t === undefined) return fail(`${where} reads f${e.imm}, which is not known yet`);
        return result(t);
      }
      case "sel":
        arity(3);
        ok(e.args[0]?.t === "i32", `${where} has a condition of type ${e.args[0]?.t}`);
        ok(e.args[1]?.t === e.args[2]?.t, `${where}(${types}) chooses between two types`);
        return result((e.args[1] as Expr).t);
      case "cast":
        arity(1);
        return ok(e.args[0]?.t !== e.t, `${where} from ${types} to itself`);
      case "bitcast":
        arity(1);
        return ok(
          types !== "c64" && e.t !== "c64" && BITS[(e.args[0] as Expr).t] === BITS[e.t],
          `${where} from ${types} to ${e.t}`,
        );
      case "complex":
        arity(2);
        ok(types === "f32, f32", `${where}(${types}) of other than two f32`);
        return result("c64");
      case "threefry0":
      case "threefry1":
        arity(4);
        ok(e.args.every((a) => a.t === "u32"), `${where}(${types}) of other than u32`);
        return result("u32");
    }
    const u = UNARY.get(e.op), b = BINARY.get(e.op), rule = u ?? b;
    if (rule === undefined) return fail(`${where} is no operation`);
    arity(u === undefined ? 2 : 1);
    const t = (e.args[0] as Expr).t;
    ok(e.args.every((a) => a.t === t), `${where}(${types}) mixes types`);
    ok(rule[0].has(t), `${where} is not defined for ${t}`);
    result(e.op === "abs" && t === "c64" ? "f32" : rule[1] ?? t);
  };
  const seen = new Map<Expr, Scope>();
  const value = (root: Expr, scope: Scope): void => {
    for (const e of expressions([root])) {
      if (seen.get(e) === scope) continue;
      seen.set(e, scope);
      expression(e, scope);
    }
  };
  const stored = new Set<number>();
  const store = (s: StoreStep, scope: Scope, once: boolean): void => {
    const m = mem(s.mem, true, scope.where), t = computeOf(m.dtype);
    stored.add(s.mem);
    value(s.value, scope);
    ok(s.value.t === t, `${scope.where}: m${s.mem} of ${m.dtype} takes ${t}, not ${s.value.t}`);
    ok(COMBINES.has(s.combine), `${scope.where}: a store cannot ${s.combine}`);
    if (s.index !== null) {
      ok(!once, `${scope.where}: a store of one value a row has no index`);
      value(s.index, scope);
      ok(INDEX.has(s.index.t), `${scope.where}: a store has an index of type ${s.index.t}`);
      ok(m.along !== "any", `${scope.where}: a store has an index, but m${s.mem} moves along the row by itself`);
    } else if (once && k.kind !== "column") {
      ok(m.along !== "any", `${scope.where}: m${s.mem} takes one value a row, but moves along it`);
    } else if (k.kind !== "sequence") {
      ok(m.along !== "zero", `${scope.where}: m${s.mem} takes each element of the row, but stays in place`);
    }
  };

  ok(k.rowAxes >= 0 && Number.isInteger(k.rowAxes), `${k.rowAxes} row axes`);
  if (k.kind === "map" || k.kind === "sequence") {
    ok(k.passes.length <= 1, `a ${k.kind} has ${k.passes.length} passes`);
    ok(k.passes.every((p) => p.folds.length + p.scans.length === 0), `a ${k.kind} folds or scans`);
    ok(k.rowStores.length === 0, `a ${k.kind} stores values of the row`);
  }
  if (k.kind === "column") {
    ok(k.passes.length === 1, `a column has ${k.passes.length} passes`);
    ok(k.passes.every((p) => p.stores.length === 0), "a column stores inside its fold");
  }
  const folds = new Map<number, CType>();
  k.passes.forEach((p, n) => {
    // A fold is known when its pass has ended.
    const scope: Scope = {
      where: `pass ${n}`,
      folds: new Map(folds),
      position: true,
      axes: k.rowAxes + (k.kind === "column" ? 1 : 0),
    };
    ok(p.folds.length + p.scans.length + p.stores.length > 0, `${scope.where} is empty`);
    for (const f of p.folds) {
      value(f.value, scope);
      ok(FOLDS.has(f.fold), `${scope.where}: no fold is called ${f.fold}`);
      ok(f.value.t === f.t, `${scope.where}: f${f.id} of ${f.t} takes ${f.value.t}`);
      ok(!folds.has(f.id), `${scope.where}: f${f.id} is folded twice`);
      folds.set(f.id, isArg(f.fold) ? "i32" : f.t);
    }
    for (const s of p.scans) {
      const m = mem(s.mem, true, scope.where);
      stored.add(s.mem);
      value(s.value, scope);
      value(s.start, scope);
      ok(SCANS.has(s.scan), `${scope.where}: no scan is called ${s.scan}`);
      ok(s.start.op === "scalar", `${scope.where}: a scan starts from ${s.start.op}, which is no argument`);
      ok(
        s.value.t === s.t && s.start.t === s.t && computeOf(m.dtype) === s.t,
        `${scope.where}: a scan of ${s.t} takes ${s.value.t} from ${s.start.t} to m${s.mem} of ${m.dtype}`,
      );
      ok(m.along !== "zero", `${scope.where}: m${s.mem} takes each element of a scan, but stays in place`);
      ok(s.scan !== "logaddexp" || INEXACT.has(s.t), `${scope.where}: logaddexp of ${s.t}`);
    }
    for (const s of p.stores) store(s, scope, false);
  });
  const last: Scope = { where: "row stores", folds, position: k.kind === "column", axes: k.rowAxes };
  for (const s of k.rowStores) store(s, last, true);
  k.mems.forEach((m, i) => ok(!m.written || stored.has(i), `nothing is stored to m${i}`));
}
