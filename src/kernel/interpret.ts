// The exact reference interpreter of the kernel IR: slow, in float64 rounded at every operation, the oracle for every backend.
import { type DType, fromBfloat16Bits, itemsize, roundTo, toBfloat16Bits } from "../base/dtype.ts";
import { compareComplex, COMPLEX, type Complex, COMPLEX2, COMPLEX_TEST } from "./complex.ts";
import type { CType, Expr, Literal } from "./expr.ts";
import { identityOf, isArg, joinOf } from "./fold.ts";
import type { FoldStep, Kernel, Pass, StoreStep } from "./kernel.ts";

/** A value while it is computed. */
export type Value = number | bigint | { readonly re: number; readonly im: number };

/** Where an operand lies, and its strides. */
interface Operand {
  readonly memory: DataView;
  readonly offset: number;
  /** Elements from the row's address that an index may touch. */
  readonly bound: number;
  readonly rows: readonly number[];
  readonly fold: number;
  readonly inner: readonly number[];
}
/** Sizes and operands of one run, as a dispatch has them. */
export interface Run {
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly foldSize: number;
  readonly rag: number;
  readonly operands: readonly Operand[];
  readonly scalars: readonly Literal[];
}

function readAt(m: DataView, at: number, d: DType): Value {
  switch (d) {
    case "bool":
    case "uint8":
      return m.getUint8(at);
    case "int8":
      return m.getInt8(at);
    case "uint16":
      return m.getUint16(at, true);
    case "int16":
      return m.getInt16(at, true);
    case "uint32":
      return m.getUint32(at, true);
    case "int32":
      return m.getInt32(at, true);
    case "uint64":
      return m.getBigUint64(at, true);
    case "int64":
      return m.getBigInt64(at, true);
    case "float16":
      return m.getFloat16(at, true);
    case "bfloat16":
      return fromBfloat16Bits(m.getUint16(at, true));
    case "float32":
      return m.getFloat32(at, true);
    case "float64":
      return m.getFloat64(at, true);
    case "complex64":
      return { re: m.getFloat32(at, true), im: m.getFloat32(at + 4, true) };
  }
}
function writeAt(m: DataView, at: number, d: DType, v: Value): void {
  switch (d) {
    case "bool":
    case "uint8":
      return m.setUint8(at, Number(v));
    case "int8":
      return m.setInt8(at, Number(v));
    case "uint16":
      return m.setUint16(at, Number(v), true);
    case "int16":
      return m.setInt16(at, Number(v), true);
    case "uint32":
      return m.setUint32(at, Number(v), true);
    case "int32":
      return m.setInt32(at, Number(v), true);
    case "uint64":
      return m.setBigUint64(at, BigInt.asUintN(64, v as bigint), true);
    case "int64":
      return m.setBigInt64(at, BigInt.asIntN(64, v as bigint), true);
    case "float16":
      return m.setFloat16(at, v as number, true);
    case "bfloat16":
      return m.setUint16(at, toBfloat16Bits(v as number), true);
    case "float32":
      return m.setFloat32(at, v as number, true);
    case "float64":
      return m.setFloat64(at, v as number, true);
    case "complex64": {
      const c = v as { re: number; im: number };
      m.setFloat32(at, c.re, true);
      return m.setFloat32(at + 4, c.im, true);
    }
  }
}

/** Rounds or wraps a result to its compute type. */
function fit(t: CType, v: Value): Value {
  switch (t) {
    case "f32":
      return Math.fround(v as number);
    case "f64":
      return v;
    case "i32":
      return typeof v === "bigint" ? Number(BigInt.asIntN(32, v)) : (v as number) | 0;
    case "u32":
      return typeof v === "bigint" ? Number(BigInt.asUintN(32, v)) : v as number >>> 0;
    case "i64":
      return BigInt.asIntN(64, v as bigint);
    case "u64":
      return BigInt.asUintN(64, v as bigint);
    case "c64": {
      const c = v as { re: number; im: number };
      return { re: Math.fround(c.re), im: Math.fround(c.im) };
    }
  }
}
const isInt = (t: CType): boolean => t === "i32" || t === "u32" || t === "i64" || t === "u64";
const big = (t: CType): boolean => t === "i64" || t === "u64";
const flag = (b: boolean): number => b ? 1 : 0;

function integer(op: string, t: CType, x: bigint, y: bigint): bigint {
  const bits = big(t) ? 64n : 32n, q = y === 0n ? 0n : x / y, r = y === 0n ? x : x % y;
  switch (op) {
    case "add":
      return x + y;
    case "sub":
      return x - y;
    case "mul":
      return x * y;
    case "div":
      return q;
    case "floordiv":
      return y !== 0n && r !== 0n && (r < 0n) !== (y < 0n) ? q - 1n : q;
    case "rem":
      return y !== 0n && r !== 0n && (r < 0n) !== (y < 0n) ? r + y : r;
    case "max":
      return x > y ? x : y;
    case "min":
      return x < y ? x : y;
    case "and":
      return x & y;
    case "or":
      return x | y;
    case "xor":
      return x ^ y;
    case "shl":
      return x << (y & (bits - 1n));
    case "shr":
      return x >> (y & (bits - 1n));
    case "mulhi":
      return (x * y) >> 32n;
    case "pow": {
      if (y < 0n) return 0n;
      let p = 1n, b = x, e = y;
      while (e > 0n) {
        if (e & 1n) p = BigInt.asUintN(64, p * b);
        b = BigInt.asUintN(64, b * b);
        e >>= 1n;
      }
      return p;
    }
  }
  throw new Error(`internal: the interpreter has no integer ${op}`);
}
function real(op: string, x: number, y: number): number {
  switch (op) {
    case "add":
      return x + y;
    case "sub":
      return x - y;
    case "mul":
      return x * y;
    case "div":
      return x / y;
    case "floordiv":
      return Math.floor(x / y);
    case "rem": {
      const r = x % y;
      return r !== 0 && (r < 0) !== (y < 0) ? r + y : r;
    }
    case "pow":
      return x === 1 || x === -1 && Math.abs(y) === Infinity ? 1 : x ** y;
    case "max":
      return Number.isNaN(x) ? x : Number.isNaN(y) ? y : x > y ? x : y;
    case "min":
      return Number.isNaN(x) ? x : Number.isNaN(y) ? y : x < y ? x : y;
    case "atan2":
      return Math.atan2(x, y);
    case "logaddexp": {
      const m = Math.max(x, y), n = Math.min(x, y);
      return m === n && !Number.isFinite(m) ? m : m + Math.log1p(Math.exp(n - m));
    }
  }
  throw new Error(`internal: the interpreter has no ${op}`);
}
function compareWith(op: string, c: number): boolean {
  return op === "eq"
    ? c === 0
    : op === "ne"
    ? c !== 0
    : op === "lt"
    ? c < 0
    : op === "le"
    ? c <= 0
    : op === "gt"
    ? c > 0
    : c >= 0;
}
const COMPARE = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);
const ROUND = (x: number): number => {
  const f = Math.floor(x), d = x - f;
  const r = d < 0.5 ? f : d > 0.5 ? f + 1 : f % 2 === 0 ? f : f + 1;
  return r === 0 ? x * 0 : r;
};
/** erf in float64: a series of positive terms, and beyond 3 the continued fraction of erfc. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (!(a <= 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 3) {
    let term = x, sum = x;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) sum += term *= 2 * x * x / (2 * n + 1);
    return x === 0 ? x : 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }
  let f = a;
  for (let k = 60; k > 0; k--) f = a + k / 2 / f;
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / f);
}
/** The inverse of erf by Newton's steps from a logarithmic guess. */
function erfinv(y: number): number {
  if (!(Math.abs(y) < 1)) return Math.abs(y) === 1 ? y * Infinity : NaN;
  if (Math.abs(y) < 1e-8) return y * (Math.sqrt(Math.PI) / 2);
  const l = Math.log1p(-y * y), b = 2 / (Math.PI * 0.147) + l / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(b * b - l / 0.147) - b);
  for (let i = 0; i < 4 && x !== 0; i++) x -= (erf(x) - y) / (2 / Math.sqrt(Math.PI) * Math.exp(-x * x));
  return y === 0 ? y : x;
}
/** Unary functions of real numbers, by stage name. */
export const REAL: Readonly<Record<string, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => x > 0 ? 1 : x < 0 ? -1 : 0,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: ROUND,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  recip: (x) => 1 / x,
  square: (x) => x * x,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfinv,
  sigmoid: (x) => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)),
  isnan: (x) => flag(Number.isNaN(x)),
  isinf: (x) => flag(Math.abs(x) === Infinity),
  isfinite: (x) => flag(Number.isFinite(x)),
  isposinf: (x) => flag(x === Infinity),
  isneginf: (x) => flag(x === -Infinity),
  lnot: (x) => flag(x === 0),
};

function threefry(c0: number, c1: number, k0: number, k1: number): [number, number] {
  const keys = [k0 >>> 0, k1 >>> 0, (k0 ^ k1 ^ 0x1bd11bda) >>> 0], turns = [[13, 15, 26, 6], [17, 29, 16, 24]];
  let x = (c0 + k0) >>> 0, y = (c1 + k1) >>> 0;
  for (let i = 0; i < 5; i++) {
    for (const r of turns[i % 2] as number[]) {
      x = (x + y) >>> 0;
      y = ((y << r) | (y >>> (32 - r))) >>> 0;
      y = (y ^ x) >>> 0;
    }
    x = (x + (keys[(i + 1) % 3] as number)) >>> 0;
    y = (y + (keys[(i + 2) % 3] as number) + i + 1) >>> 0;
  }
  return [x, y];
}

function convert(v: Value, from: CType, to: CType): Value {
  if (from === "c64") return to === "c64" ? v : convert((v as { re: number }).re, "f32", to);
  if (to === "c64") return { re: Math.fround(Number(v)), im: 0 };
  if (big(to)) {
    return typeof v === "bigint"
      ? fit(to, v)
      : fit(to, BigInt(Number.isFinite(v as number) ? Math.trunc(v as number) : 0));
  }
  if (to === "i32" || to === "u32") {
    return typeof v === "bigint"
      ? fit(to, v)
      : fit(to, BigInt(Number.isFinite(v as number) ? Math.trunc(v as number) : 0));
  }
  return fit(to, Number(v));
}
function normalise(kind: string, v: number): number {
  switch (kind) {
    case "bool":
      return flag(v !== 0);
    case "i8":
      return v << 24 >> 24;
    case "u8":
      return v & 255;
    case "i16":
      return v << 16 >> 16;
    case "u16":
      return v & 65535;
    case "f16":
      return roundTo("float16", v);
    default:
      return roundTo("bfloat16", v);
  }
}

/** Applies one scalar operation exactly as the IR defines it. */
export function apply(e: Expr, x: readonly Value[]): Value {
  const a = e.args[0] as Expr, t = a.t;
  if (e.op === "sel") return x[0] !== 0 ? x[1] as Value : x[2] as Value;
  if (e.op === "cast") return convert(x[0] as Value, t, e.t);
  if (e.op.startsWith("norm.")) return normalise(e.op.slice(5), x[0] as number);
  if (e.op === "threefry0" || e.op === "threefry1") {
    return threefry(...(x as number[]) as [number, number, number, number])[e.op === "threefry0" ? 0 : 1] as number;
  }
  if (e.op === "complex") return { re: x[0] as number, im: x[1] as number };
  if (e.op === "bitcast") {
    const d = new DataView(new ArrayBuffer(8));
    writeAt(d, 0, MEMORY[t], x[0] as Value);
    return readAt(d, 0, MEMORY[e.t]);
  }
  if (COMPARE.has(e.op)) {
    if (t === "c64") return flag(compareComplex(e.op, x[0] as Complex, x[1] as Complex));
    const p = x[0] as number | bigint, q = x[1] as number | bigint;
    if (Number.isNaN(p) || Number.isNaN(q)) return flag(e.op === "ne");
    return flag(compareWith(e.op, p < q ? -1 : p > q ? 1 : 0));
  }
  if (x.length === 2) return fit(e.t, joined(e.op, t, x[0] as Value, x[1] as Value));
  if (t === "c64") {
    const test = COMPLEX_TEST[e.op], f = COMPLEX[e.op];
    if (test !== undefined) return fit(e.t, test(x[0] as Complex));
    if (f === undefined) throw new Error(`internal: the interpreter has no complex ${e.op}`);
    return fit("c64", f(x[0] as Complex));
  }
  if (isInt(t)) {
    const v = BigInt(x[0] as number | bigint);
    switch (e.op) {
      case "neg":
        return fit(t, -v);
      case "abs":
        return fit(t, v < 0n ? -v : v);
      case "sign":
        return fit(t, v > 0n ? 1n : v < 0n ? -1n : 0n);
      case "square":
        return fit(t, v * v);
      case "not":
        return fit(t, ~v);
      case "lnot":
        return flag(v === 0n);
    }
    throw new Error(`internal: the interpreter has no integer ${e.op}`);
  }
  const f = REAL[e.op];
  if (f === undefined) throw new Error(`internal: the interpreter has no ${e.op}`);
  return fit(e.t, f(x[0] as number));
}
/** A binary operation before its result is rounded. */
function joined(op: string, t: CType, a: Value, b: Value): Value {
  if (isInt(t)) return integer(op, t, BigInt(a as number | bigint), BigInt(b as number | bigint));
  if (t !== "c64") return real(op, a as number, b as number);
  const f = COMPLEX2[op];
  if (f === undefined) throw new Error(`internal: the interpreter has no complex ${op}`);
  return f(a as Complex, b as Complex);
}
const MEMORY: Readonly<Record<CType, DType>> = {
  f32: "float32",
  f64: "float64",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  c64: "complex64",
};

/** What a fold has come to. */
interface State {
  value: Value | null;
  index: number;
}
/** Where an expression is computed: at element i of the row and step of the fold axis; after a column's folds, over their results. */
interface At {
  readonly i: number;
  readonly step: number;
  readonly tile: readonly Value[] | null;
  readonly known: Map<Expr, Value>;
}
const at = (i: number, step: number, tile: readonly Value[] | null = null): At => ({ i, step, tile, known: new Map() });

/** Runs a kernel. Sums are kept in float64 and rounded once: results are exact up to that. */
export function interpret(k: Kernel, run: Run): void {
  const rows = run.rows.reduce((a, b) => a * b, 1);
  for (let r = 0; r < rows; r++) {
    const row: number[] = [];
    for (let d = run.rows.length - 1, rest = r; d >= 0; d--) {
      row[d] = rest % (run.rows[d] as number);
      rest = Math.floor(rest / (run.rows[d] as number));
    }
    const one = new Row(k, run, row);
    if (k.kind === "column") one.column();
    else one.passes();
  }
}

/** One row of a kernel. */
class Row {
  readonly #k: Kernel;
  readonly #run: Run;
  readonly #row: readonly number[];
  /** Elements of the row, and how many of them (of a column: of its fold axis) this block has. */
  readonly #inner: number;
  readonly #length: number;
  readonly #folds = new Map<number, Value>();

  constructor(k: Kernel, run: Run, row: readonly number[]) {
    this.#k = k;
    this.#run = run;
    this.#row = row;
    this.#inner = run.inner.reduce((a, b) => a * b, 1);
    const block = row[row.length - 1] ?? 0, cut = k.kind === "column" ? run.foldSize : this.#inner;
    this.#length = run.rag >= 0 ? Math.min(cut, run.rag - block * cut) : cut;
  }

  /** Passes over the row one after the other, then the stores of the row. */
  passes(): void {
    for (const pass of this.#k.passes) {
      const states = begin(pass), running = this.#starts(pass);
      for (let i = 0; i < this.#length; i++) {
        const here = at(i, 0);
        pass.folds.forEach((f, n) => join(states[n] as State, f, this.#value(f.value, here), i));
        this.#scan(pass, running, here);
        for (const s of pass.stores) this.#store(s, here);
      }
      pass.folds.forEach((f, n) => this.#folds.set(f.id, result(states[n] as State, f)));
    }
    const last = at(0, 0);
    for (const s of this.#k.rowStores) this.#store(s, last);
  }
  /** For each element the steps of the fold axis, then the stores over what was folded. */
  column(): void {
    const pass = this.#k.passes[0] as Pass;
    for (let i = 0; i < this.#inner; i++) {
      const states = begin(pass), running = this.#starts(pass);
      for (let step = 0; step < this.#length; step++) {
        const here = at(i, step);
        pass.folds.forEach((f, n) => join(states[n] as State, f, this.#value(f.value, here), step));
        this.#scan(pass, running, here);
      }
      const last = at(i, 0, pass.folds.map((f, n) => result(states[n] as State, f)));
      for (const s of this.#k.rowStores) this.#store(s, last);
    }
  }

  #operand(mem: number): { readonly memory: DataView; readonly dtype: DType } {
    return {
      memory: (this.#run.operands[mem] as Operand).memory,
      dtype: (this.#k.mems[mem] as Kernel["mems"][number]).dtype,
    };
  }
  #address(mem: number, i: number, step: number): number {
    const o = this.#run.operands[mem] as Operand, item = itemsize(this.#operand(mem).dtype);
    let address = o.offset + o.fold * step, rest = i;
    this.#row.forEach((r, d) => address += r * (o.rows[d] ?? 0));
    for (let d = this.#run.inner.length - 1; d >= 0; d--) {
      const n = this.#run.inner[d] as number;
      address += (rest % n) * (o.inner[d] as number) * item;
      rest = Math.floor(rest / n);
    }
    return address;
  }

  #value(e: Expr, here: At): Value {
    let v = here.known.get(e);
    if (v === undefined) here.known.set(e, v = this.#compute(e, here));
    return v;
  }
  #compute(e: Expr, here: At): Value {
    switch (e.op) {
      case "scalar":
        return this.#run.scalars[e.imm] as Value;
      case "axis":
        return fit(e.t, BigInt(e.imm < this.#row.length ? this.#row[e.imm] as number : here.step));
      case "iota":
        return fit(e.t, BigInt(here.i));
      case "fold":
        return (here.tile !== null ? here.tile[e.imm] : this.#folds.get(e.imm)) as Value;
      case "load": {
        const { memory, dtype } = this.#operand(e.imm);
        return readAt(memory, this.#address(e.imm, here.i, here.step), dtype);
      }
      case "loadx": {
        const { memory, dtype } = this.#operand(e.imm), x = Number(this.#value(e.args[0] as Expr, here));
        if (x < 0) return convert(0, "f64", e.t);
        return readAt(memory, this.#address(e.imm, 0, here.step) + x * itemsize(dtype), dtype);
      }
    }
    return apply(e, e.args.map((a) => this.#value(a, here)));
  }

  #store(s: StoreStep, here: At): void {
    const { memory, dtype } = this.#operand(s.mem), v = this.#value(s.value, here);
    let address = this.#address(s.mem, s.index === null ? here.i : 0, 0);
    if (s.index !== null) address += Number(this.#value(s.index, here)) * itemsize(dtype);
    if (s.combine === "set") return writeAt(memory, address, dtype, v);
    const e: Expr = { op: s.combine, t: s.value.t, args: [s.value, s.value], imm: 0, id: 0 };
    writeAt(memory, address, dtype, apply(e, [readAt(memory, address, dtype), v]));
  }
  #starts(pass: Pass): Value[] {
    return pass.scans.map((s) => this.#run.scalars[s.start.imm] as Value);
  }
  /** Running values are kept as they are computed: rounded at every step. */
  #scan(pass: Pass, running: Value[], here: At): void {
    pass.scans.forEach((s, n) => {
      const { memory, dtype } = this.#operand(s.mem), before = running[n] as Value;
      const after = fit(s.t, joined(joinOf(s.scan), s.t, this.#value(s.value, here), before));
      running[n] = after;
      writeAt(memory, this.#address(s.mem, here.i, here.step), dtype, s.exclusive ? before : after);
    });
  }
}

const begin = (pass: Pass): State[] => pass.folds.map(() => ({ value: null, index: 0 }));
/** Takes one more value into a fold. */
function join(s: State, f: FoldStep, v: Value, i: number): void {
  if (s.value === null) {
    s.value = v;
    s.index = i;
  } else if (isArg(f.fold)) {
    const [a, b] = f.fold === "argmax" ? [s.value, v] : [v, s.value];
    const better = f.t === "c64"
      ? compareComplex("lt", a as Complex, b as Complex)
      : !Number.isNaN(s.value) && (Number.isNaN(v) || a < b);
    if (!better) return;
    s.value = v;
    s.index = i;
  } else {
    const value = joined(joinOf(f.fold), f.t, s.value, v);
    s.value = isInt(f.t) ? fit(f.t, value) : value;
  }
}
function result(s: State, f: FoldStep): Value {
  return isArg(f.fold) ? s.index : s.value === null ? identityOf(f.fold, f.t) : fit(f.t, s.value);
}
