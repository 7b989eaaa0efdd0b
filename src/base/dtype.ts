// The dtypes: their sizes, storage and compute types, MLX's promotion, and the rounding of JS numbers.
import { rangeError, typeError } from "./error.ts";
import { shown } from "./options.ts";

/** The element types of arrays. */
export type DType =
  | "bool"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "complex64";
/** What sort of number a dtype holds. */
export type Kind = "bool" | "uint" | "int" | "float" | "complex";
/** How the native library names the bytes of a dtype in memory. */
export type Storage = "u8" | "i8" | "u16" | "i16" | "f16" | "bf16" | "w32" | "w64" | "c64";
/** How the native library names the type that a dtype is computed in. */
export type Compute = "f32" | "i32" | "u32" | "i64" | "u64" | "f64" | "c64";
/** A complex number. */
export interface Complex {
  readonly re: number;
  readonly im: number;
}
/** A weakly typed scalar operand. */
export type Scalar = number | boolean | bigint | Complex;
/** The typed arrays that hold an array's elements. */
export type TypedArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array;
/** The constructor of a typed array. */
export interface TypedArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
}
/** MLX's dtype categories, as `issubdtype` takes them. */
export type Category =
  | "generic"
  | "number"
  | "integer"
  | "signedinteger"
  | "unsignedinteger"
  | "inexact"
  | "floating"
  | "complexfloating";
/** The array API's dtype kinds, as `isdtype` takes them. */
export type DTypeKind =
  | "bool"
  | "signed integer"
  | "unsigned integer"
  | "integral"
  | "real floating"
  | "complex floating"
  | "numeric";
/** The limits of a floating-point dtype. */
export interface FInfo {
  readonly bits: number;
  readonly min: number;
  readonly max: number;
  readonly eps: number;
  readonly smallestNormal: number;
  readonly dtype: DType;
}
/** The limits of an integer dtype; bigints for the 64-bit ones. */
export interface IInfo {
  readonly bits: number;
  readonly min: number | bigint;
  readonly max: number | bigint;
  readonly dtype: DType;
}

interface Row {
  readonly itemsize: number;
  readonly kind: Kind;
  readonly bits: number;
  readonly storage: Storage;
  readonly compute: Compute;
  readonly ctor: TypedArrayConstructor;
}

const ROWS: { readonly [D in DType]: Row } = {
  bool: { itemsize: 1, kind: "bool", bits: 8, storage: "u8", compute: "i32", ctor: Uint8Array },
  uint8: { itemsize: 1, kind: "uint", bits: 8, storage: "u8", compute: "i32", ctor: Uint8Array },
  uint16: { itemsize: 2, kind: "uint", bits: 16, storage: "u16", compute: "i32", ctor: Uint16Array },
  uint32: { itemsize: 4, kind: "uint", bits: 32, storage: "w32", compute: "u32", ctor: Uint32Array },
  uint64: { itemsize: 8, kind: "uint", bits: 64, storage: "w64", compute: "u64", ctor: BigUint64Array },
  int8: { itemsize: 1, kind: "int", bits: 8, storage: "i8", compute: "i32", ctor: Int8Array },
  int16: { itemsize: 2, kind: "int", bits: 16, storage: "i16", compute: "i32", ctor: Int16Array },
  int32: { itemsize: 4, kind: "int", bits: 32, storage: "w32", compute: "i32", ctor: Int32Array },
  int64: { itemsize: 8, kind: "int", bits: 64, storage: "w64", compute: "i64", ctor: BigInt64Array },
  float16: { itemsize: 2, kind: "float", bits: 16, storage: "f16", compute: "f32", ctor: Float16Array },
  bfloat16: { itemsize: 2, kind: "float", bits: 16, storage: "bf16", compute: "f32", ctor: Uint16Array },
  float32: { itemsize: 4, kind: "float", bits: 32, storage: "w32", compute: "f32", ctor: Float32Array },
  float64: { itemsize: 8, kind: "float", bits: 64, storage: "w64", compute: "f64", ctor: Float64Array },
  complex64: { itemsize: 8, kind: "complex", bits: 64, storage: "c64", compute: "c64", ctor: Float32Array },
};

/** All dtypes. */
export const DTYPES: readonly DType[] = Object.keys(ROWS) as DType[];

/** Whether a value is the name of a dtype. */
export function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(ROWS, value);
}

/** Bytes of one element. */
export function itemsize(dtype: DType): number {
  return ROWS[dtype].itemsize;
}

const LETTERS: { readonly [K in Kind]: string } = { bool: "b", int: "i", uint: "u", float: "f", complex: "c" };
/** The name of a dtype in the native library's routines, by value: f32, bf16, i8, c64, bool. */
export function routineDType(dtype: DType): string {
  if (dtype === "bool") return dtype;
  return dtype === "bfloat16" ? "bf16" : `${LETTERS[ROWS[dtype].kind]}${ROWS[dtype].bits}`;
}

/** The sort of number that a dtype holds. */
export function kindOf(dtype: DType): Kind {
  return ROWS[dtype].kind;
}

/** Bits of one element in memory. */
export function bitsOf(dtype: DType): number {
  return ROWS[dtype].bits;
}

/** The native library's name for a dtype's bytes in memory. */
export function storageOf(dtype: DType): Storage {
  return ROWS[dtype].storage;
}

/** The native library's name for the type that a dtype is computed in. */
export function computeOf(dtype: DType): Compute {
  return ROWS[dtype].compute;
}

/** Whether a dtype is a real floating-point one. */
export function isFloating(dtype: DType): boolean {
  return ROWS[dtype].kind === "float";
}

/** Whether a dtype is complex. */
export function isComplex(dtype: DType): boolean {
  return ROWS[dtype].kind === "complex";
}

/** Whether a dtype is floating-point or complex. */
export function isInexact(dtype: DType): boolean {
  const kind = ROWS[dtype].kind;
  return kind === "float" || kind === "complex";
}

/** Whether a dtype is a signed or unsigned integer (bool is not). */
export function isInteger(dtype: DType): boolean {
  const kind = ROWS[dtype].kind;
  return kind === "int" || kind === "uint";
}

/** Whether a dtype is an unsigned integer. */
export function isUnsigned(dtype: DType): boolean {
  return ROWS[dtype].kind === "uint";
}

/** Whether a dtype is a 64-bit integer, whose elements are bigints in JS. */
export function isBigInteger(dtype: DType): boolean {
  return dtype === "int64" || dtype === "uint64";
}

// JAX's lattice without its weak types, as in MLX's dtype.cpp.
function promoteByRule(a: DType, b: DType): DType {
  if (a === b || b === "bool") return a;
  if (a === "bool") return b;
  if (isComplex(a) || isComplex(b)) return "complex64";
  if (isFloating(a) && isFloating(b)) return a === "float64" || b === "float64" ? "float64" : "float32";
  if (isFloating(a)) return a;
  if (isFloating(b)) return b;
  if (isUnsigned(a) === isUnsigned(b)) return bitsOf(a) > bitsOf(b) ? a : b;
  const [unsigned, signed] = isUnsigned(a) ? [a, b] : [b, a];
  if (unsigned === "uint64") return "float32";
  // The smallest signed integer that holds both.
  return `int${Math.max(2 * bitsOf(unsigned), bitsOf(signed))}` as DType;
}

type Promotion = { readonly [A in DType]: { readonly [B in DType]: DType } };
const PROMOTION: Promotion = Object.fromEntries(
  DTYPES.map((a) => [a, Object.fromEntries(DTYPES.map((b) => [b, promoteByRule(a, b)]))]),
) as Promotion;

/** The common dtype of two operands, by MLX's table. */
export function promote(a: DType, b: DType): DType {
  return PROMOTION[a][b];
}

/** The dtype of a floating-point computation over a dtype: itself if it is inexact, else float32. */
export function atLeastFloat(dtype: DType): DType {
  return isInexact(dtype) ? dtype : "float32";
}

/** The same with 16-bit floats widened: the dtype in which long computations over a dtype are done. */
export function atLeastFloat32(dtype: DType): DType {
  return dtype === "float16" || dtype === "bfloat16" ? "float32" : atLeastFloat(dtype);
}

/** Whether an integral number fits an integer dtype. */
export function fitsInteger(dtype: DType, value: number | bigint): boolean {
  const bits = bitsOf(dtype);
  // Powers of two, so the bounds are exact numbers at every width.
  return isUnsigned(dtype) ? value >= 0 && value < 2 ** bits : value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1);
}

/** The dtype of an operation between an array of `dtype` and a weak scalar; a RangeError if an integral one does not fit. */
export function promoteScalar(dtype: DType, value: Scalar): DType {
  switch (typeof value) {
    case "boolean":
      return dtype;
    case "number":
      if (isInexact(dtype)) return dtype;
      if (!Number.isInteger(value)) return "float32";
      break;
    case "bigint":
      if (isInexact(dtype)) return dtype;
      break;
    case "object":
      if (value !== null && typeof value.re === "number" && typeof value.im === "number") return "complex64";
      throw typeError(`Expected a scalar, not ${value === null ? "null" : "an object"}`);
    default:
      value satisfies never;
      throw typeError(`Expected a scalar, not a ${typeof value}`);
  }
  if (dtype === "bool") {
    if (fitsInteger("int32", value)) return "int32";
    if (fitsInteger("int64", value)) return "int64";
    throw rangeError(`The number ${value} does not fit int64`);
  }
  if (!fitsInteger(dtype, value)) throw rangeError(`The number ${value} does not fit the array's dtype ${dtype}`);
  return dtype;
}

/** Whether every value range of `from` is kept by `to`, as the array API defines it. */
export function canCast(from: DType | { readonly dtype: DType }, to: DType): boolean {
  if (typeof from === "object" && from !== null) return canCast(from.dtype, to);
  for (const x of [from, to]) if (!isDType(x)) throw typeError(`Cannot canCast: not a dtype: ${shown(x)}`);
  if (isInteger(from) && isInexact(to)) return true;
  return promote(from, to) === to;
}

const CATEGORIES: { readonly [C in Category]: readonly Kind[] } = {
  generic: ["bool", "uint", "int", "float", "complex"],
  number: ["uint", "int", "float", "complex"],
  integer: ["uint", "int"],
  signedinteger: ["int"],
  unsignedinteger: ["uint"],
  inexact: ["float", "complex"],
  floating: ["float"],
  complexfloating: ["complex"],
};

/** Whether a value is the name of a dtype category. */
function isCategory(value: unknown): value is Category {
  return typeof value === "string" && Object.hasOwn(CATEGORIES, value);
}

/**
 * Whether the first dtype or category lies within the second.
 *
 * @example
 * ```ts
 * mx.issubdtype("int32", "integer"); // true
 * ```
 */
export function issubdtype(a: DType | Category, b: DType | Category): boolean {
  for (const x of [a, b]) {
    if (!isDType(x) && !isCategory(x)) throw typeError(`Not a dtype or a dtype category: ${shown(x)}`);
  }
  if (isDType(b)) return a === b;
  const within: readonly Kind[] = CATEGORIES[b];
  return isDType(a) ? within.includes(kindOf(a)) : CATEGORIES[a].every((kind) => within.includes(kind));
}

const DTYPE_KINDS: { readonly [K in DTypeKind]: readonly Kind[] } = {
  "bool": ["bool"],
  "signed integer": ["int"],
  "unsigned integer": ["uint"],
  "integral": ["uint", "int"],
  "real floating": ["float"],
  "complex floating": ["complex"],
  "numeric": ["uint", "int", "float", "complex"],
};

/** Whether a dtype is of a kind (a dtype or one of the array API's names), or of one of several. */
export function isdtype(dtype: DType, kind: DType | DTypeKind | readonly (DType | DTypeKind)[]): boolean {
  if (!isDType(dtype)) throw typeError(`Not a dtype: ${shown(dtype)}`);
  let found = false;
  for (const k of (Array.isArray(kind) ? kind : [kind]) as readonly (DType | DTypeKind)[]) {
    if (isDType(k)) found ||= k === dtype;
    else if (Object.hasOwn(DTYPE_KINDS, k)) found ||= DTYPE_KINDS[k].includes(kindOf(dtype));
    else throw typeError(`Not a dtype kind: ${shown(k)}; the kinds are ${Object.keys(DTYPE_KINDS).join(", ")}`);
  }
  return found;
}

/**
 * The limits of a floating-point dtype (of float32 for complex64).
 *
 * @example
 * ```ts
 * mx.finfo("float16").max; // 65504
 * ```
 */
export function finfo(dtype: DType): FInfo {
  switch (dtype) {
    case "float16":
      return { bits: 16, min: -65504, max: 65504, eps: 2 ** -10, smallestNormal: 2 ** -14, dtype };
    case "bfloat16": {
      const max = (2 - 2 ** -7) * 2 ** 127;
      return { bits: 16, min: -max, max, eps: 2 ** -7, smallestNormal: 2 ** -126, dtype };
    }
    case "float32":
    case "complex64": {
      const max = (2 - 2 ** -23) * 2 ** 127;
      return { bits: 32, min: -max, max, eps: 2 ** -23, smallestNormal: 2 ** -126, dtype: "float32" };
    }
    case "float64": {
      const max = Number.MAX_VALUE;
      return { bits: 64, min: -max, max, eps: 2 ** -52, smallestNormal: 2 ** -1022, dtype };
    }
    default:
      throw typeError(`finfo takes a floating-point dtype, not ${shown(dtype)}`);
  }
}

/**
 * The limits of an integer dtype.
 *
 * @example
 * ```ts
 * mx.iinfo("int8").min; // -128
 * mx.iinfo("int64").max; // 9223372036854775807n
 * ```
 */
export function iinfo(dtype: DType): IInfo {
  if (!isDType(dtype) || !isInteger(dtype)) throw typeError(`iinfo takes an integer dtype, not ${shown(dtype)}`);
  const bits = bitsOf(dtype);
  if (bits === 64) {
    return isUnsigned(dtype)
      ? { bits, min: 0n, max: 2n ** 64n - 1n, dtype }
      : { bits, min: -(2n ** 63n), max: 2n ** 63n - 1n, dtype };
  }
  return isUnsigned(dtype)
    ? { bits, min: 0, max: 2 ** bits - 1, dtype }
    : { bits, min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1, dtype };
}

/** The typed array of a dtype: Uint8Array for bool, Uint16Array (bits) for bfloat16, Float32Array (pairs) for complex64. */
export function typedArrayOf(dtype: DType): TypedArrayConstructor {
  return ROWS[dtype].ctor;
}

/** How many typed-array elements make one array element: 2 for complex64, else 1. */
export function lanesOf(dtype: DType): number {
  return dtype === "complex64" ? 2 : 1;
}

/** The dtype that a typed array's elements have by themselves; undefined if it is not one that arrays take. */
export function dtypeOfTypedArray(array: ArrayBufferView): DType | undefined {
  if (array instanceof Uint8ClampedArray) return "uint8";
  const tag = (array as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  return tag === undefined ? undefined : BY_TAG.get(tag);
}

const BY_TAG: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["Uint8Array", "uint8"],
  ["Uint16Array", "uint16"],
  ["Uint32Array", "uint32"],
  ["BigUint64Array", "uint64"],
  ["Int8Array", "int8"],
  ["Int16Array", "int16"],
  ["Int32Array", "int32"],
  ["BigInt64Array", "int64"],
  ["Float16Array", "float16"],
  ["Float32Array", "float32"],
  ["Float64Array", "float64"],
]);

const scratchF64 = new Float64Array(1);
const scratchF32 = new Float32Array(scratchF64.buffer, 0, 1);
const scratchU32 = new Uint32Array(scratchF64.buffer, 0, 1);
const scratchF16 = new Float16Array(1);

/** The bits of a number rounded (through float32) to bfloat16: to nearest, ties to even; NaN stays NaN. */
export function toBfloat16Bits(x: number): number {
  scratchF32[0] = x;
  const bits = scratchU32[0] as number;
  if (x !== x) return ((bits >>> 16) | 0x40) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that the bits of a bfloat16 stand for. */
export function fromBfloat16Bits(bits: number): number {
  scratchU32[0] = bits << 16;
  return scratchF32[0] as number;
}

/** A number, or the one NaN whose sign bit is clear: arithmetic of an engine may give another. */
export function plainNaN(x: number): number {
  return x === x ? x : NaN;
}

/** A number rounded to a value of the dtype; integers truncate and wrap, NaN and the infinities become 0 there. */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case "float32":
    case "complex64":
      return Math.fround(x);
    case "float64":
      return x;
    case "float16":
      scratchF16[0] = x;
      return scratchF16[0] as number;
    case "bfloat16":
      return fromBfloat16Bits(toBfloat16Bits(x));
    case "bool":
      return x !== 0 ? 1 : 0;
    case "int8":
      return (x << 24) >> 24;
    case "int16":
      return (x << 16) >> 16;
    case "int32":
      return x | 0;
    case "uint8":
      return x & 0xff;
    case "uint16":
      return x & 0xffff;
    case "uint32":
      return x >>> 0;
    case "int64":
      return Number.isFinite(x) ? Number(BigInt.asIntN(64, BigInt(Math.trunc(x)))) : 0;
    case "uint64":
      return Number.isFinite(x) ? Number(BigInt.asUintN(64, BigInt(Math.trunc(x)))) : 0;
    default:
      dtype satisfies never;
      throw typeError(`Not a dtype: ${shown(dtype)}`);
  }
}
