// Functions that make arrays: from JS values, of one value, ranges, triangles, grids and windows.
import type { Complex, DType, TypedArray } from "../base/dtype.ts";
import {
  dtypeOfTypedArray,
  fitsInteger,
  isBigInteger,
  isComplex,
  isFloating,
  isInteger,
  isUnsigned,
  itemsize,
  lanesOf,
  plainNaN,
  promote,
  promoteScalar,
  roundTo,
  toBfloat16Bits,
  typedArrayOf,
} from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { flag, type Given, integer, isPlainObject, numberOf, shown, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike, TypedData } from "../core/ndarray.ts";
import { late, NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { broadcast, same, shapeOf, size } from "../core/shape.ts";
import {
  add,
  assemble,
  broadcastTo,
  cast,
  compare,
  div,
  full as fullNode,
  iota,
  like,
  mul,
  reshape,
  select,
  sub,
} from "./basis.ts";
import { isScalar, nodeOf, sharedDtype, wrap } from "./lift.ts";
import { dtypeOf } from "./cast.ts";
import { abs, cos, sin, square } from "./unary.ts";

/** What `array` takes: numbers, booleans, bigints, complex numbers, arrays, typed arrays, and lists of these, nested to one shape. */
export type Values = ArrayLike | TypedArray | Uint8ClampedArray | ArrayBuffer | readonly Values[];

// ---- from JS values ---------------------------------------------------------------------------------------------------
function isData(v: unknown): v is NDArray | ArrayBufferView | ArrayBuffer {
  return v instanceof NDArray || ArrayBuffer.isView(v) || v instanceof ArrayBuffer;
}
/** The dtype of one JS value. */
function scalarDtype(v: unknown): DType {
  if (typeof v === "number") return "float32";
  if (typeof v === "boolean") return "bool";
  if (typeof v === "bigint") return "int64";
  if (isScalar(v)) return "complex64";
  throw typeError(`Cannot make an array of a value that is no number: ${v === null ? "null" : typeof v}`);
}
/** Shape of nested lists, the dtype that all leaves share, and whether arrays are among the leaves. */
interface Shape {
  readonly shape: number[];
  dtype: DType | null;
  data: boolean;
}
function measure(values: unknown): Shape {
  const shape: number[] = [];
  let v = values;
  while (Array.isArray(v)) {
    shape.push(v.length);
    if (v.length === 0) break;
    v = v[0];
  }
  const out: Shape = { shape, dtype: null, data: false };
  let last: unknown = undefined, lastDtype: DType | null = null;
  const visit = (x: unknown, depth: number): void => {
    if (Array.isArray(x)) {
      if (x.length !== shape[depth]) {
        throw typeError(
          `Cannot make an array of ragged lists: expected ${
            shape[depth] ?? "a number"
          } at depth ${depth}, not a list of ${x.length}`,
        );
      }
      for (let i = 0; i < x.length; i++) visit(x[i], depth + 1);
      return;
    }
    if (isData(x)) {
      out.data = true;
      return;
    }
    if (depth !== shape.length) {
      throw typeError(`Cannot make an array of ragged lists: a value stands beside lists at depth ${depth}`);
    }
    if (typeof x === last && typeof x !== "object") return;
    last = typeof x;
    lastDtype = scalarDtype(x);
    out.dtype = out.dtype === null ? lastDtype : promote(out.dtype, lastDtype);
  };
  if (!containsData(values)) visit(values, 0);
  else out.data = true;
  return out;
}
function containsData(v: unknown): boolean {
  if (!Array.isArray(v)) return isData(v);
  // Lists of numbers are the common case: nested lists and arrays are of one kind throughout.
  for (let i = 0; i < v.length; i++) if (typeof v[i] === "object" && containsData(v[i])) return true;
  return false;
}
/** Writes one JS value in a dtype. */
function writer(data: TypedData, dtype: DType): (i: number, v: number | boolean | bigint | Complex) => void {
  if (isComplex(dtype)) {
    return (i, v) => {
      data[2 * i] = plainNaN(typeof v === "object" ? v.re : Number(v));
      data[2 * i + 1] = typeof v === "object" ? plainNaN(v.im) : 0;
    };
  }
  const real = (v: number | boolean | bigint | Complex): number | bigint | boolean => {
    if (typeof v === "object") throw typeError(`Cannot make an array of dtype ${dtype} of a complex number`);
    return v;
  };
  if (dtype === "bool") {
    return (i, v) =>
      void (data[i] = typeof v === "object"
        ? Number(v.re !== 0 || v.im !== 0)
        : Number(v !== 0 && v !== 0n && v !== false));
  }
  if (dtype === "bfloat16") return (i, v) => void (data[i] = toBfloat16Bits(plainNaN(Number(real(v)))));
  if (isInteger(dtype)) {
    const wide = isBigInteger(dtype);
    return (i, v) => {
      const r = real(v), n = typeof r === "boolean" ? Number(r) : r;
      if (typeof n === "bigint" || Number.isInteger(n)) {
        if (!fitsInteger(dtype, n)) {
          throw rangeError(`Cannot make an array of dtype ${dtype} of the number ${String(n)}: it does not fit`);
        }
        data[i] = wide ? BigInt(n) : Number(n);
      } else data[i] = wide ? BigInt(Number.isFinite(n) ? Math.trunc(n) : 0) : roundTo(dtype, n);
    };
  }
  return (i, v) => void (data[i] = plainNaN(Number(real(v))));
}
/** A node over nested lists of JS values. */
function storeLists(values: unknown, m: Shape, dtype: DType): Node {
  const n = size(m.shape),
    data = new (typedArrayOf(dtype))(n * lanesOf(dtype)) as TypedData,
    write = writer(data, dtype);
  let at = 0;
  const fill = (v: unknown): void => {
    if (!Array.isArray(v)) return write(at++, v as number);
    for (let i = 0; i < v.length; i++) fill(v[i]);
  };
  fill(values);
  return late.store(data, m.shape, dtype);
}
/** A node over the elements of a typed array, or of an ArrayBuffer (of `dtype`, uint8 by default). */
function storeTyped(v: ArrayBufferView | ArrayBuffer, dtype: DType | null): Node {
  if (v instanceof ArrayBuffer) {
    const d = dtype ?? "uint8", bytes = itemsize(d);
    if (v.byteLength % bytes !== 0) {
      throw rangeError(`Cannot make an array of dtype ${d} of ${v.byteLength} bytes: they are no multiple of ${bytes}`);
    }
    return late.store(new (typedArrayOf(d))(v) as TypedData, [v.byteLength / bytes], d);
  }
  const own = dtypeOfTypedArray(v);
  if (own === undefined) {
    throw typeError(
      `Cannot make an array of a ${(v as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? "view"}`,
    );
  }
  const data = (v instanceof Uint8ClampedArray ? new Uint8Array(v.buffer, v.byteOffset, v.length) : v) as TypedData;
  if (dtype === "bfloat16" && own === "uint16") return late.store(data, [data.length], dtype);
  if (dtype === "complex64" && own === "float32") {
    if (data.length % 2 !== 0) {
      throw rangeError(`Cannot make an array of dtype complex64 of ${data.length} numbers: they are no pairs`);
    }
    return late.store(data, [data.length / 2], dtype);
  }
  if (dtype === "bool" && own === "uint8") {
    const bits = data as Uint8Array;
    return late.store(bits.every((b) => b < 2) ? bits : bits.map((b) => Number(b !== 0)), [data.length], dtype);
  }
  const n = late.store(data, [data.length], own);
  return dtype === null ? n : cast(n, dtype);
}
/** Nodes joined along a new first axis. */
function stackNodes(nodes: readonly Node[]): Node {
  const first = nodes[0] as Node, d = sharedDtype("array", nodes);
  for (const n of nodes) {
    if (!same(n.shape, first.shape)) {
      throw typeError(
        `Cannot make an array of ragged lists: shapes [${first.shape.join(",")}] and [${
          n.shape.join(",")
        }] stand side by side`,
      );
    }
  }
  const shape = [nodes.length, ...first.shape], one = [1, ...first.shape];
  return assemble(
    nodes.map((n) => reshape(cast(n, d), one)),
    nodes.map((_, i) => ({ starts: [i, ...first.shape.map(() => 0)], steps: one.map(() => 1), shape: one })),
    shape,
  );
}
/** The node of any values that `array` takes. */
function valuesNode(values: unknown, dtype: DType | null): Node {
  if (values instanceof NDArray) return dtype === null ? values.node : cast(values.node, dtype);
  if (ArrayBuffer.isView(values) || values instanceof ArrayBuffer) return storeTyped(values, dtype);
  const m = measure(values);
  if (m.data) {
    const n = stackNodes((values as readonly unknown[]).map((v) => valuesNode(v, null)));
    return dtype === null ? n : cast(n, dtype);
  }
  return storeLists(values, m, dtype ?? m.dtype ?? "float32");
}
/**
 * An array of JS values: numbers make float32, booleans bool, bigints int64, `{ re, im }` complex64; typed arrays keep their dtype (Uint16Array
 * with "bfloat16" holds bits, Float32Array with "complex64" pairs). A TypeError for ragged lists. Options: dtype, shape.
 *
 * @example
 * ```ts
 * mx.array([[1, 2], [3, 4]]); // array([[1, 2], [3, 4]], dtype=float32)
 * mx.array([true, false]).dtype; // "bool"
 * mx.array(new Int16Array([1, 2, 3, 4]), { shape: [2, 2] }).dtype; // "int16"
 * mx.array([300], "uint8"); // RangeError: Cannot make an array of dtype uint8 of the number 300: it does not fit
 * ```
 */
export function array(
  values: Values,
  ...args: Tail<[dtype: DType], { dtype: DType; shape: number | readonly number[] }>
): NDArray {
  const o = splitArgs("array", [values, ...args], 1, ["dtype", "shape"], ["dtype"]);
  const dtype = o["dtype"] === undefined || o["dtype"] === null ? null : dtypeOf("make an array", o["dtype"]),
    n = valuesNode(values, dtype);
  if (o["shape"] === undefined) return wrap(n);
  const shape = shapeOf("make an array", o["shape"] as number[]);
  if (size(shape) !== size(n.shape)) {
    throw typeError(`Cannot make an array of shape [${shape.join(",")}] of ${size(n.shape)} elements`);
  }
  return wrap(reshape(n, shape));
}
/** As `array`; an array stays the same memory unless the dtype differs. Options: dtype, copy (false: a TypeError if values must be copied). */
export function asarray(a: Values, ...args: Tail<[dtype: DType], { dtype: DType; copy: boolean }>): NDArray {
  const o = splitArgs("asarray", [a, ...args], 1, ["dtype", "copy"], ["dtype"]);
  const dtype = o["dtype"] === undefined || o["dtype"] === null ? null : dtypeOf("make an array", o["dtype"]);
  if (!flag("make an array", o, "copy", true) && !(a instanceof NDArray && (dtype === null || dtype === a.dtype))) {
    throw typeError("Cannot make an array without a copy of values that are no array of that dtype");
  }
  return wrap(valuesNode(a, dtype));
}

// ---- of one value -----------------------------------------------------------------------------------------------------
function filled(name: string, value: number, shape: number | readonly number[], args: readonly unknown[]): NDArray {
  const o = splitArgs(name, [shape, ...args], 1, ["dtype"], ["dtype"]);
  return wrap(fullNode(value, shapeOf(name, shape), dtypeOf(name, o["dtype"] ?? "float32")));
}
function filledLike(name: string, value: number, a: ArrayLike, args: readonly unknown[]): NDArray {
  const o = splitArgs(name, [a, ...args], 1, ["dtype"], ["dtype"]), x = nodeOf(name, a);
  return wrap(fullNode(value, x.shape, dtypeOf(name, o["dtype"] ?? x.dtype)));
}
/**
 * Zeros of a shape (a number or a list). Options: dtype (float32).
 *
 * @example
 * ```ts
 * mx.zeros([2, 2], "int32"); // array([[0, 0], [0, 0]], dtype=int32)
 * ```
 */
export function zeros(shape: number | readonly number[], ...args: Tail<[dtype: DType], { dtype: DType }>): NDArray {
  return filled("zeros", 0, shape, args);
}
/** Ones of a shape (a number or a list). Options: dtype (float32). */
export function ones(shape: number | readonly number[], ...args: Tail<[dtype: DType], { dtype: DType }>): NDArray {
  return filled("ones", 1, shape, args);
}
/** Zeros in the shape and dtype of another array. Options: dtype. */
export function zerosLike(a: ArrayLike, ...args: Tail<[dtype: DType], { dtype: DType }>): NDArray {
  return filledLike("zerosLike", 0, a, args);
}
/** Ones in the shape and dtype of another array. Options: dtype. */
export function onesLike(a: ArrayLike, ...args: Tail<[dtype: DType], { dtype: DType }>): NDArray {
  return filledLike("onesLike", 1, a, args);
}
export { zeros as empty, zerosLike as emptyLike };
/**
 * An array of a shape filled with a number or a broadcast array. Options: dtype (that of the value; float32 of a number). A fractional number makes float32 of a dtype that is not floating.
 *
 * @example
 * ```ts
 * mx.full([2, 3], 7); // array([[7, 7, 7], [7, 7, 7]], dtype=float32)
 * ```
 */
export function full(
  shape: number | readonly number[],
  vals: ArrayLike,
  ...args: Tail<[dtype: DType], { dtype: DType }>
): NDArray {
  const o = splitArgs("full", [shape, vals, ...args], 2, ["dtype"], ["dtype"]), s = shapeOf("full", shape);
  const dtype = o["dtype"] === undefined || o["dtype"] === null ? null : dtypeOf("full", o["dtype"]);
  if (isScalar(vals)) {
    // As in MLX, a fractional number keeps only a floating dtype.
    const fractional = typeof vals === "number" && !Number.isInteger(vals) && dtype !== null && !isFloating(dtype);
    return wrap(
      fullNode(vals, s, dtype === null ? scalarDtype(vals) : fractional ? "float32" : promoteScalar(dtype, vals)),
    );
  }
  const x = cast(nodeOf("full", vals), dtype ?? vals.dtype);
  if (!same(broadcast("full", x.shape, s), s)) {
    throw typeError(`Cannot full: an array of shape [${x.shape.join(",")}] does not broadcast to [${s.join(",")}]`);
  }
  return wrap(broadcastTo(x, s));
}
/** An array filled with a number or a broadcast array, in the shape and dtype of another. Options: dtype. */
export function fullLike(a: ArrayLike, vals: ArrayLike, ...args: Tail<[dtype: DType], { dtype: DType }>): NDArray {
  const o = splitArgs("fullLike", [a, vals, ...args], 2, ["dtype"], ["dtype"]),
    x = nodeOf("fullLike", a),
    dtype = dtypeOf("fullLike", o["dtype"] ?? x.dtype);
  if (!isScalar(vals)) return full(x.shape, vals, dtype);
  if (
    isInteger(dtype) && typeof vals !== "object" && typeof vals !== "boolean" &&
    (typeof vals === "bigint" || Number.isInteger(vals)) && !fitsInteger(dtype, vals)
  ) {
    throw rangeError(`Cannot fullLike with the number ${String(vals)}: it does not fit ${dtype}`);
  }
  return wrap(fullNode(vals, x.shape, dtype));
}

/** Options of `arange`. */
export interface RangeOptions {
  readonly step?: number | bigint;
  readonly dtype?: DType;
}
// ---- ranges -----------------------------------------------------------------------------------------------------------
/**
 * Evenly spaced numbers: arange(stop), (start, stop) or (start, stop, step), without the stop. Options: step, dtype (int32 if all are integral, else float32).
 *
 * @example
 * ```ts
 * mx.arange(4); // array([0, 1, 2, 3], dtype=int32)
 * mx.arange(0, 1, 0.25); // array([0, 0.25, 0.5, 0.75], dtype=float32)
 * mx.arange(5, 0, -2); // array([5, 3, 1], dtype=int32)
 * ```
 */
export function arange(stop: number | bigint, ...args: Tail<[dtype: DType], RangeOptions>): NDArray;
export function arange(
  start: number | bigint,
  stop: number | bigint,
  ...args: Tail<[dtype: DType], RangeOptions>
): NDArray;
export function arange(
  start: number | bigint,
  stop: number | bigint,
  step: number | bigint,
  ...args: Tail<[dtype: DType], { dtype: DType }>
): NDArray;
export function arange(...args: readonly unknown[]): NDArray {
  let count = 0;
  while (count < 3 && (typeof args[count] === "number" || typeof args[count] === "bigint")) count++;
  if (count === 0) throw typeError(`Cannot arange: it takes one to three numbers, not ${typeof args[0]}`);
  const o = splitArgs("arange", args, count, ["step", "dtype"], ["dtype"]), given = args.slice(0, count).map(Number);
  const start = count === 1 ? 0 : given[0] as number, stop = (count === 1 ? given[0] : given[1]) as number;
  const by = (count === 3 ? given[2] : o["step"]) ?? 1,
    step = typeof by === "bigint" ? Number(by) : numberOf("arange", "step", by);
  const integral = [start, stop, step].every(Number.isInteger),
    narrow = [start, stop, step].every((v) => fitsInteger("int32", v));
  const dtype = o["dtype"] === undefined || o["dtype"] === null
    ? integral ? narrow ? "int32" : "int64" : "float32"
    : dtypeOf("arange", o["dtype"]);
  if (dtype === "bool") throw typeError("Cannot arange in dtype bool");
  const text = `arange from ${start} to ${stop} in steps of ${step}`;
  if (
    Number.isNaN(start) || Number.isNaN(stop) || Number.isNaN(step) || !Number.isFinite(start) || !Number.isFinite(stop)
  ) throw rangeError(`Cannot ${text}`);
  if (step === 0) throw rangeError(`Cannot ${text}: the step must not be 0`);
  let n = Math.max(Math.ceil((stop - start) / step), 0), stride = step;
  if (!Number.isFinite(step)) [n, stride] = [(step > 0 && start < stop) || (step < 0 && start > stop) ? 1 : 0, 0];
  if (n > 2147483647) throw rangeError(`Cannot ${text}: these are more than 2^31 - 1 elements`);
  if (isComplex(dtype)) return wrap(cast(iota([n], 0, "float32", start, stride), dtype));
  if (!isInteger(dtype)) return wrap(iota([n], 0, dtype, start, stride));
  // As in MLX, an integer range starts and steps by whole numbers.
  const first = Math.trunc(start), second = Math.trunc(start + stride) - first;
  if (isUnsigned(dtype) && !isBigInteger(dtype)) return wrap(cast(iota([n], 0, "int64", first, second), dtype));
  return wrap(
    dtype === "uint64" ? cast(iota([n], 0, "int64", first, second), dtype) : iota([n], 0, dtype, first, second),
  );
}
/** Options of `linspace`. */
export interface LinspaceOptions {
  readonly num?: number;
  readonly endpoint?: boolean;
  readonly dtype?: DType;
}
/**
 * `num` (50) evenly spaced numbers from start to stop. Options: num, endpoint (true: stop is the last), dtype (float32).
 *
 * @example
 * ```ts
 * mx.linspace(0, 1, 5); // array([0, 0.25, 0.5, 0.75, 1], dtype=float32)
 * ```
 */
export function linspace(
  start: number,
  stop: number,
  ...args: Tail<[num: number, dtype: DType], LinspaceOptions> | Tail<[dtype: DType], LinspaceOptions>
): NDArray {
  const o = splitArgs("linspace", [start, stop, ...args], 2, ["endpoint"], ["num", "dtype"]);
  const num = (o["num"] ?? 50) as number,
    first = numberOf("linspace", "start", start),
    last = numberOf("linspace", "stop", stop),
    dtype = dtypeOf("linspace", o["dtype"] ?? "float32"),
    t: DType = dtype === "float64" ? "float64" : "float32";
  if (!Number.isInteger(num) || num < 0) throw rangeError(`Cannot linspace with ${shown(num)} samples`);
  if (num === 1) return wrap(cast(fullNode(first, [1], t), dtype));
  const at = iota([num], 0, t), part = div(at, like(flag("linspace", o, "endpoint", true) ? num - 1 : num, at));
  return wrap(cast(add(mul(sub(like(1, part), part), like(first, part)), mul(part, like(last, part))), dtype));
}

// ---- matrices ---------------------------------------------------------------------------------------------------------
/** Whether row + k and column compare so, over the last two axes of a shape: bool. */
function diagonalMask(op: "eq" | "ge" | "gt", shape: readonly number[], k: number): Node {
  const r = shape.length - 2;
  return compare(op, iota(shape, r, "int32", k), iota(shape, r + 1, "int32"));
}
function matrix(name: "eye" | "tri", op: "eq" | "ge", n: number, args: readonly unknown[]): NDArray {
  const o = splitArgs(name, [n, ...args], 1, ["m", "k", "dtype"], ["m", "k", "dtype"]), rows = integer(name, "n", n);
  const shape = shapeOf(name, [rows, integer(name, "m", o["m"] ?? rows)]);
  return wrap(cast(diagonalMask(op, shape, integer(name, "k", o["k"] ?? 0)), dtypeOf(name, o["dtype"] ?? "float32")));
}
/** What `eye` and `tri` take after n: m, k and dtype, of which a dtype may stand alone. */
export type MatrixTail =
  | Tail<[m: number, k: number, dtype: DType], MatrixOptions>
  | Tail<[dtype: DType], MatrixOptions>;
/** Options of `eye` and `tri`. */
export interface MatrixOptions {
  readonly m?: number;
  readonly k?: number;
  readonly dtype?: DType;
}
/**
 * An n by m matrix with ones on diagonal k. Options: m (n), k (0), dtype (float32).
 *
 * @example
 * ```ts
 * mx.eye(3, { k: 1 }); // array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=float32)
 * ```
 */
export function eye(n: number, ...args: MatrixTail): NDArray {
  return matrix("eye", "eq", n, args);
}
/** The n by n identity matrix. Options: dtype (float32). */
export function identity(n: number, ...args: Tail<[dtype: DType], { dtype: DType }>): NDArray {
  const o = splitArgs("identity", [n, ...args], 1, ["dtype"], ["dtype"]);
  return matrix("eye", "eq", n, [{ dtype: o["dtype"] }]);
}
/**
 * An n by m matrix with ones on and below diagonal k. Options: m (n), k (0), dtype (float32).
 *
 * @example
 * ```ts
 * mx.tri(3); // array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=float32)
 * ```
 */
export function tri(n: number, ...args: MatrixTail): NDArray {
  return matrix("tri", "ge", n, args);
}
function triangle(name: "tril" | "triu", a: ArrayLike, args: readonly unknown[]): NDArray {
  const o = splitArgs(name, [a, ...args], 1, ["k"], ["k"]), x = nodeOf(name, a), k = integer(name, "k", o["k"] ?? 0);
  if (x.shape.length < 2) {
    throw typeError(`Cannot ${name} an array of shape [${x.shape.join(",")}]: it needs at least 2 axes`);
  }
  const zero = like(0, x);
  return wrap(
    name === "tril"
      ? select(diagonalMask("ge", x.shape, k), x, zero)
      : select(diagonalMask("ge", x.shape, k - 1), zero, x),
  );
}
/**
 * The array with zeros above diagonal k of its last two axes. Options: k (0).
 *
 * @example
 * ```ts
 * mx.tril(mx.array([[1, 2], [3, 4]])); // array([[1, 0], [3, 4]], dtype=float32)
 * ```
 */
export function tril(x: ArrayLike, ...args: Tail<[k: number], { k: number }>): NDArray {
  return triangle("tril", x, args);
}
/** The array with zeros below diagonal k of its last two axes. Options: k (0). */
export function triu(x: ArrayLike, ...args: Tail<[k: number], { k: number }>): NDArray {
  return triangle("triu", x, args);
}
/**
 * The coordinate arrays of a grid over several vectors. Options: sparse (false: broadcast to the whole grid), indexing ("xy" or "ij").
 *
 * @example
 * ```ts
 * const [x, y] = mx.meshgrid(mx.arange(2), mx.arange(3));
 * x; // array([[0, 1], [0, 1], [0, 1]], dtype=int32)
 * y; // array([[0, 0], [1, 1], [2, 2]], dtype=int32)
 * ```
 */
export function meshgrid(
  ...args: readonly ArrayLike[] | readonly [...ArrayLike[], Given<{ sparse: boolean; indexing: "xy" | "ij" }>]
): NDArray[] {
  const last = args[args.length - 1], count = isPlainObject(last) && !isScalar(last) ? args.length - 1 : args.length;
  const o = splitArgs("meshgrid", args, count, ["sparse", "indexing"]), indexing = o["indexing"] ?? "xy";
  if (indexing !== "xy" && indexing !== "ij") {
    throw rangeError(`Cannot meshgrid with indexing ${shown(indexing)}: it is "xy" or "ij"`);
  }
  const sparse = flag("meshgrid", o, "sparse"),
    nodes = args.slice(0, count).map((a) => nodeOf("meshgrid", a as ArrayLike)),
    axis = (i: number): number => indexing === "xy" && count > 1 && i < 2 ? 1 - i : i;
  const shape = new Array<number>(count).fill(1);
  nodes.forEach((n, i) => shape[axis(i)] = size(n.shape));
  return nodes.map((n, i) => {
    const thin = reshape(n, shape.map((d, k) => k === axis(i) ? d : 1));
    return wrap(sparse ? thin : broadcastTo(thin, shape));
  });
}

// ---- windows ----------------------------------------------------------------------------------------------------------
/** A window over M samples, given n = 0..M-1 and M - 1: float32. */
function windowOf(name: string, M: number, f: (n: Node, last: number) => Node): NDArray {
  const m = integer(name, "M", M);
  if (m < 1) return wrap(fullNode(0, [0], "float32"));
  return wrap(m === 1 ? fullNode(1, [1], "float32") : f(iota([m], 0, "float32"), m - 1));
}
const by = (k: number, n: Node): Node => mul(like(k, n), n);
/**
 * The Bartlett window (a triangle) over M samples: float32.
 *
 * @example
 * ```ts
 * mx.bartlett(5); // array([0, 0.5, 1, 0.5, 0], dtype=float32)
 * ```
 */
export function bartlett(M: number): NDArray {
  return windowOf("bartlett", M, (n, last) => sub(like(1, n), abs.node(sub(by(2 / last, n), like(1, n)))));
}
/** The Hann window over M samples: float32. */
export function hanning(M: number): NDArray {
  return windowOf("hanning", M, (n, last) => square.node(sin.node(by(Math.PI / last, n))));
}
/** The Hamming window over M samples: float32. */
export function hamming(M: number): NDArray {
  return windowOf("hamming", M, (n, last) => sub(like(0.54, n), by(0.46, cos.node(by(2 * Math.PI / last, n)))));
}
/** The Blackman window over M samples: float32. */
export function blackman(M: number): NDArray {
  return windowOf("blackman", M, (n, last) => {
    const c = cos.node(by(2 * Math.PI / last, n));
    return add(sub(like(0.34, n), by(0.5, c)), by(0.16, square.node(c)));
  });
}
