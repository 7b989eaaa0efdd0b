// The exact reference interpreter of the kernel IR: slow, in float64 rounded at every operation, the oracle for every backend.
import { type DType, fromBfloat16Bits, itemsize, roundTo, toBfloat16Bits } from "../base/dtype.ts";
import { compareComplex, COMPLEX, type Complex, COMPLEX2, COMPLEX_TEST } from "./complex.ts";
import type { CType, Expr, Literal } from "./expr.ts";
import type { Kernel, StoreStep } from "./kernel.ts";

/** A value while it is computed. */
export type Value = number | bigint | { readonly re: number; readonly im: number };

/** Sizes and operands of one run, as a dispatch has them. */
export interface Run {
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly foldSize: number;
  readonly rag: number;
  readonly operands: readonly {
    readonly memory: DataView;
    readonly offset: number;
    /** Elements from the row's address that an index may touch. */
    readonly bound: number;
    readonly rows: readonly number[];
    readonly fold: number;
    readonly inner: readonly number[];
  }[];
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

/** Runs a kernel. Sums are kept in float64 and rounded once: results are exact up to that. */
export function interpret(k: Kernel, run: Run): void {
  const inner = run.inner.reduce((a, b) => a * b, 1), rows = run.rows.reduce((a, b) => a * b, 1);
  const at = (mem: number, row: readonly number[], step: number, i: number): number => {
    const o = run.operands[mem] as Run["operands"][number],
      item = itemsize((k.mems[mem] as Kernel["mems"][number]).dtype);
    let address = o.offset + o.fold * step, rest = i;
    row.forEach((r, d) => address += r * (o.rows[d] ?? 0));
    for (let d = run.inner.length - 1; d >= 0; d--) {
      const n = run.inner[d] as number;
      address += (rest % n) * (o.inner[d] as number) * item;
      rest = Math.floor(rest / n);
    }
    return address;
  };
  for (let r = 0; r < rows; r++) {
    const row: number[] = [];
    for (let d = run.rows.length - 1, rest = r; d >= 0; d--) {
      row[d] = rest % (run.rows[d] as number);
      rest = Math.floor(rest / (run.rows[d] as number));
    }
    const block = row[row.length - 1] ?? 0, cut = k.kind === "column" ? run.foldSize : inner;
    const length = run.rag >= 0 ? Math.min(cut, run.rag - block * cut) : cut;
    const folds = new Map<number, Value>();
    const evaluate = (
      e: Expr,
      i: number,
      step: number,
      memo: Map<Expr, Value>,
      tile: readonly Value[] | null,
    ): Value => {
      const known = memo.get(e);
      if (known !== undefined) return known;
      const v = ((): Value => {
        switch (e.op) {
          case "scalar":
            return run.scalars[e.imm] as Value;
          case "axis":
            return fit(e.t, BigInt(e.imm < row.length ? row[e.imm] as number : step));
          case "iota":
            return fit(e.t, BigInt(i));
          case "fold":
            return tile !== null ? tile[e.imm] as Value : folds.get(e.imm) as Value;
          case "load":
          case "loadx": {
            const o = run.operands[e.imm] as Run["operands"][number],
              dtype = (k.mems[e.imm] as Kernel["mems"][number]).dtype;
            if (e.op === "load") return readAt(o.memory, at(e.imm, row, step, i), dtype);
            const x = Number(evaluate(e.args[0] as Expr, i, step, memo, tile));
            return x < 0
              ? convert(0, "f64", e.t)
              : readAt(o.memory, at(e.imm, row, step, 0) + x * itemsize(dtype), dtype);
          }
        }
        return apply(e, e.args.map((a) => evaluate(a, i, step, memo, tile)));
      })();
      memo.set(e, v);
      return v;
    };
    const put = (s: StoreStep, i: number, memo: Map<Expr, Value>, tile: readonly Value[] | null): void => {
      const m = k.mems[s.mem] as Kernel["mems"][number],
        o = run.operands[s.mem] as Run["operands"][number],
        v = evaluate(s.value, i, 0, memo, tile);
      let address = at(s.mem, row, 0, s.index === null ? i : 0);
      if (s.index !== null) address += Number(evaluate(s.index, i, 0, memo, tile)) * itemsize(m.dtype);
      if (s.combine === "set") return writeAt(o.memory, address, m.dtype, v);
      const old = readAt(o.memory, address, m.dtype),
        e: Expr = { op: s.combine, t: s.value.t, args: [s.value, s.value], imm: 0, id: 0 };
      writeAt(o.memory, address, m.dtype, apply(e, [old, v]));
    };
    interface State {
      value: Value | null;
      index: number;
    }
    const join = (s: State, f: Kernel["passes"][number]["folds"][number], v: Value, i: number): void => {
      if (s.value === null) {
        s.value = v;
        s.index = i;
        return;
      }
      if (f.fold === "argmax" || f.fold === "argmin") {
        const [a, b] = f.fold === "argmax" ? [s.value, v] : [v, s.value];
        const better = f.t === "c64"
          ? compareComplex("lt", a as Complex, b as Complex)
          : !Number.isNaN(s.value) && (Number.isNaN(v) || a < b);
        if (better) {
          s.value = v;
          s.index = i;
        }
        return;
      }
      const value = joined(f.fold === "sum" ? "add" : f.fold === "prod" ? "mul" : f.fold, f.t, s.value, v);
      s.value = isInt(f.t) ? fit(f.t, value) : value;
    };
    // Running values are kept as they are computed: rounded at every step.
    const scans = (
      pass: Kernel["passes"][number],
      running: Value[],
      i: number,
      step: number,
      memo: Map<Expr, Value>,
    ): void =>
      pass.scans.forEach((s, n) => {
        const m = k.mems[s.mem] as Kernel["mems"][number],
          o = run.operands[s.mem] as Run["operands"][number],
          address = at(s.mem, row, step, i);
        const before = running[n] as Value;
        const after = fit(
          s.t,
          joined(
            s.scan === "sum" ? "add" : s.scan === "prod" ? "mul" : s.scan,
            s.t,
            evaluate(s.value, i, step, memo, null),
            before,
          ),
        );
        running[n] = after;
        writeAt(o.memory, address, m.dtype, s.exclusive ? before : after);
      });
    const begin = (pass: Kernel["passes"][number]): Value[] => pass.scans.map((s) => run.scalars[s.start.imm] as Value);
    const start: Record<string, Value> = { sum: 0, prod: 1 };
    const result = (s: State, f: Kernel["passes"][number]["folds"][number]): Value => {
      if (f.fold === "argmax" || f.fold === "argmin") return s.index;
      if (s.value === null) {
        return f.t === "c64"
          ? { re: start[f.fold] as number, im: 0 }
          : big(f.t)
          ? BigInt(start[f.fold] as number)
          : start[f.fold] as number;
      }
      return fit(f.t, s.value);
    };
    if (k.kind === "column") {
      const pass = k.passes[0] as Kernel["passes"][number];
      for (let i = 0; i < inner; i++) {
        const states = pass.folds.map((): State => ({ value: null, index: 0 })), running = begin(pass);
        for (let step = 0; step < length; step++) {
          const memo = new Map<Expr, Value>();
          pass.folds.forEach((f, n) => join(states[n] as State, f, evaluate(f.value, i, step, memo, null), step));
          scans(pass, running, i, step, memo);
        }
        const tile = pass.folds.map((f, n) => result(states[n] as State, f)), memo = new Map<Expr, Value>();
        for (const s of k.rowStores) put(s, i, memo, tile);
      }
      continue;
    }
    for (const pass of k.passes) {
      const states = pass.folds.map((): State => ({ value: null, index: 0 })), running = begin(pass);
      for (let i = 0; i < length; i++) {
        const memo = new Map<Expr, Value>();
        pass.folds.forEach((f, n) => join(states[n] as State, f, evaluate(f.value, i, 0, memo, null), i));
        scans(pass, running, i, 0, memo);
        for (const s of pass.stores) put(s, i, memo, null);
      }
      pass.folds.forEach((f, n) => folds.set(f.id, result(states[n] as State, f)));
    }
    const memo = new Map<Expr, Value>();
    for (const s of k.rowStores) put(s, 0, memo, null);
  }
}
