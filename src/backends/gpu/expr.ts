// Scalar operations, loads and stores in the C that MSL and CUDA share. What the languages lack is a function sn_<operation>_<type> of functions.ts.
import type { DType } from "../../base/dtype.ts";
import { computeOf } from "../../base/dtype.ts";
import { typeError } from "../../base/error.ts";
import type { CType, Expr, Literal } from "../../kernel/expr.ts";
import type { Mem } from "../../kernel/kernel.ts";

/** A float64 inside an expression is high part, low part and exponent: some 48 bits, over the whole range. In memory there is none. */
const TYPES: Readonly<Record<CType, string>> = {
  f32: "float",
  f64: "float3",
  i32: "int",
  u32: "uint",
  i64: "long",
  u64: "ulong",
  c64: "float2",
};
/** The name of a compute type. */
export function typeName(t: CType): string {
  return TYPES[t];
}
function noFloat64(): Error {
  return typeError(
    "Cannot compute float64 on the GPU, which does not have it: put the array on the CPU, or cast it to float32",
  );
}
/** How bfloat16 lies in memory: a type, its bits as a ushort, and a value that has such bits. */
export interface Bfloat16 {
  readonly type: string;
  bits(x: string): string;
  of(bits: string): string;
}
/** Of a language that has no such type: bfloat16 is its bits. */
export const BITS: Bfloat16 = { type: "ushort", bits: (x) => x, of: (x) => x };

const STORAGE: Readonly<Record<Exclude<DType, "float64" | "bfloat16">, string>> = {
  bool: "uchar",
  uint8: "uchar",
  int8: "char",
  uint16: "ushort",
  int16: "short",
  uint32: "uint",
  int32: "int",
  uint64: "ulong",
  int64: "long",
  float16: "half",
  float32: "float",
  complex64: "float2",
};
/** The name of a dtype in memory, in a language with this bfloat16. A `TypeError` for float64. */
export function storageName(d: DType, { type }: Bfloat16): string {
  if (d === "float64") throw noFloat64();
  return d === "bfloat16" ? type : STORAGE[d];
}
/** What was loaded from memory, in its compute type. That of bfloat16 is made of its bits: a GPU's own conversion may take subnormal numbers for 0. */
export function widened(d: DType, x: string, b: Bfloat16): string {
  if (d === "bfloat16") return `as_type<float>(uint(${b.bits(x)}) << 16)`;
  const type = typeName(computeOf(d));
  return type === STORAGE[d as keyof typeof STORAGE] ? x : `${type}(${x})`;
}
/** A computed value as it is stored; `isRounded`: it is one of the dtype already. */
export function narrowed(d: DType, x: string, b: Bfloat16, isRounded = false): string {
  if (d === "bfloat16") return b.of(`ushort(as_type<uint>(${isRounded ? x : `sn_norm_bf16(${x})`}) >> 16)`);
  const type = storageName(d, b);
  return type === typeName(computeOf(d)) ? x : `${type}(${x})`;
}
/** Whether a value of a kernel with these operands is one of bfloat16 without a further rounding. */
export function isBfloat16(e: Expr, mems: readonly Mem[]): boolean {
  switch (e.op) {
    case "norm.bf16":
      return true;
    case "load":
    case "loadx":
      return mems[e.imm]?.dtype === "bfloat16";
  }
  return false;
}

/** A literal in the text. */
export function literalText(x: Literal, t: CType): string {
  if (typeof x === "object") return `float2(${literalText(x.re, "f32")}, ${literalText(x.im, "f32")})`;
  switch (t) {
    case "f32": {
      const n = Number(x);
      if (Number.isNaN(n)) return "NAN";
      if (Math.abs(n) === Infinity) return n < 0 ? "(-INFINITY)" : "INFINITY";
      const s = String(Math.fround(n));
      return `${/[.e]/.test(s) ? s : `${s}.0`}f`;
    }
    case "i32":
      return Number(x) === -2147483648 ? "(-2147483647 - 1)" : String(x);
    case "u32":
      return `${x}u`;
    case "i64":
      return BigInt(x) === -(2n ** 63n) ? "(-9223372036854775807l - 1l)" : `${x}l`;
    case "u64":
      return `${x}ul`;
    default:
      return `float2(${literalText(x, "f32")}, 0.0f)`;
  }
}

const UNSIGNED: Readonly<Partial<Record<CType, string>>> = { i32: "uint", i64: "ulong" };
const INFIX: Readonly<Record<string, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  and: "&",
  or: "|",
  xor: "^",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};
const COMPARE = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);
/** Functions of float32 that both languages have under their own name. */
const PLAIN = new Set(["sqrt", "floor", "ceil", "trunc"]);
const bits = (t: CType): number => t === "i64" || t === "u64" ? 63 : 31;

/** What is known of float64: enough for values that other dtypes pass through it. */
const FLOAT64 = new Set(["add", "sub", "mul", "div", "neg", "sqrt"]);

/** A conversion between compute types: floats to integers cut their fraction and wrap. */
function converted(x: string, from: CType, to: CType): string {
  if (from === "f64" || to === "f64") {
    if (from === to) return x;
    if (to !== "f64") return converted(`sn_f32_f64(${x})`, "f32", to);
    return from === "c64" ? `sn_f64_f32(${x}.x)` : `sn_f64_${from}(${x})`;
  }
  if (to === "c64") return `float2(${converted(x, from, "f32")}, 0.0f)`;
  if (from === "c64") return converted(`${x}.x`, "f32", to);
  if (from === to) return x;
  if (from === "f32") return to === "u64" ? `sn_whole(${x})` : `${typeName(to)}(sn_whole(${x}))`;
  return `${typeName(to)}(${x})`;
}
const NORM: Readonly<Record<string, (x: string) => string>> = {
  "norm.bool": (x) => `int(${x} != 0)`,
  "norm.i8": (x) => `int(char(${x}))`,
  "norm.u8": (x) => `(${x} & 255)`,
  "norm.i16": (x) => `int(short(${x}))`,
  "norm.u16": (x) => `(${x} & 65535)`,
  "norm.f16": (x) => `float(half(${x}))`,
};
/** What gives 0 for a subnormal result on a GPU that has none, so that its own rounding to bfloat16 is as good as ours. */
const ARITHMETIC = new Set(["add", "sub", "mul", "div", "square", "recip", "sqrt", "rsqrt"]);

/** A binary operation on two texts of type t. */
export function binaryText(op: string, t: CType, a: string, b: string): string {
  const call = `sn_${op}_${t}(${a}, ${b})`;
  if (t === "f64" && !FLOAT64.has(op)) throw noFloat64();
  if (t === "c64" || t === "f64") return call;
  const unsigned = UNSIGNED[t], integer = t !== "f32", type = typeName(t), infix = INFIX[op];
  if (t === "f32" && (op === "eq" || op === "ne")) return call;
  if (COMPARE.has(op)) return `int(${a} ${infix} ${b})`;
  if (op === "mulhi") return `mulhi(${a}, ${b})`;
  if (op === "shl" || op === "shr") {
    const n = `uint(${b} & ${type}(${bits(t)}))`;
    return op === "shr"
      ? `(${a} >> ${n})`
      : unsigned === undefined
      ? `(${a} << ${n})`
      : `${type}(${unsigned}(${a}) << ${n})`;
  }
  if (op === "max" || op === "min") return integer ? `(${a} ${op === "max" ? ">" : "<"} ${b} ? ${a} : ${b})` : call;
  if (infix === undefined || (op === "div" && integer)) return call;
  // Signed sums and products wrap.
  const wraps = unsigned !== undefined && (op === "add" || op === "sub" || op === "mul");
  return wraps ? `${type}(${unsigned}(${a}) ${infix} ${unsigned}(${b}))` : `(${a} ${infix} ${b})`;
}

function unaryText(op: string, t: CType, x: string): string {
  const call = `sn_${op}_${t}(${x})`, type = typeName(t), unsigned = UNSIGNED[t];
  if (t === "f64" && !FLOAT64.has(op)) throw noFloat64();
  if (t === "c64") return op === "real" ? `${x}.x` : op === "imag" ? `${x}.y` : call;
  if (t === "f64") return call;
  switch (op) {
    case "neg":
      return t === "f32" ? `(-${x})` : `${type}(0 - ${unsigned ?? type}(${x}))`;
    case "abs":
      return t === "f32" ? `fabs(${x})` : unsigned === undefined ? x : `(${x} < 0 ? ${unaryText("neg", t, x)} : ${x})`;
    case "square":
      return binaryText("mul", t, x, x);
    case "not":
      return `(~${x})`;
    case "lnot":
      return binaryText("eq", t, x, literalText(t === "i64" || t === "u64" ? 0n : 0, t));
    case "recip":
      return `(1.0f / ${x})`;
    case "rsqrt":
      return `(1.0f / sqrt(${x}))`;
    case "isnan":
      return `int(${x} != ${x})`;
    case "isinf":
      return `int(fabs(${x}) == INFINITY)`;
    case "isfinite":
      return `int(fabs(${x}) < INFINITY)`;
    case "isposinf":
      return `int(${x} == INFINITY)`;
    case "isneginf":
      return `int(${x} == -INFINITY)`;
  }
  return PLAIN.has(op) ? `${op}(${x})` : call;
}

/** An operation on the texts of its operands. */
export function operationText(e: Expr, x: readonly string[]): string {
  const [a = "", b = "", c = ""] = x, t = (e.args[0] as Expr).t;
  switch (e.op) {
    case "sel":
      return `(${a} != 0 ? ${b} : ${c})`;
    case "cast":
      return converted(a, t, e.t);
    case "bitcast":
      return `as_type<${typeName(e.t)}>(${a})`;
    case "complex":
      return `float2(${a}, ${b})`;
    case "threefry0":
    case "threefry1":
      return `sn_${e.op}(${x.join(", ")})`;
  }
  if (e.op === "norm.bf16") return `sn_${ARITHMETIC.has((e.args[0] as Expr).op) ? "round" : "norm"}_bf16(${a})`;
  const norm = NORM[e.op];
  if (norm !== undefined) return norm(a);
  return x.length === 1 ? unaryText(e.op, t, a) : binaryText(e.op, t, a, b);
}
