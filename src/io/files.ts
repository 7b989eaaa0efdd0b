// Reading and writing arrays in files: .npy and .npz.
import { readFileSync, writeFileSync } from "node:fs";
import { type DType, itemsize, typedArrayOf } from "../base/dtype.ts";
import { plainError, typeError } from "../base/error.ts";
import { checkOptions, isPlainObject } from "../base/options.ts";
import { late, NDArray, type TypedData } from "../core/ndarray.ts";
import { size } from "../core/shape.ts";
import { wrap } from "../ops/basis.ts";
import { decodeNpy, decodeNpz, encodeNpy, encodeNpz, type FileArray } from "./npy.ts";

function toFile(a: NDArray): FileArray {
  const data = a.data();
  return {
    dtype: a.dtype,
    shape: a.shape,
    data: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  };
}
function fromFile(f: FileArray): NDArray {
  const bytes = size(f.shape) * itemsize(f.dtype), copy = new Uint8Array(new ArrayBuffer(bytes));
  copy.set(f.data.subarray(0, bytes));
  const ctor = typedArrayOf(f.dtype as DType) as unknown as new (b: ArrayBuffer) => TypedData;
  return wrap(late.store(new ctor(copy.buffer), f.shape, f.dtype));
}
const withEnding = (file: string, ending: string): string => file.endsWith(ending) ? file : file + ending;
function pathOf(op: string, file: unknown): string {
  if (typeof file !== "string") {
    throw typeError(`Cannot ${op}: the file must be a path, not ${file === null ? "null" : typeof file}`);
  }
  return file;
}

/**
 * Writes one array as .npy; the ending is added if it is missing.
 *
 * @example
 * ```ts
 * mx.save("weights.npy", mx.array([1, 2]));
 * mx.load("weights.npy"); // array([1, 2], dtype=float32)
 * ```
 */
export function save(file: string, arr: NDArray): void {
  if (!(arr instanceof NDArray)) throw typeError("Cannot save: the second argument must be an array");
  writeFileSync(withEnding(pathOf("save", file), ".npy"), encodeNpy(toFile(arr)));
}

function saveAll(op: string, file: string, args: readonly unknown[], compressed: boolean): void {
  const last = args[args.length - 1], named = isPlainObject(last) ? last : {};
  const list = isPlainObject(last) ? args.slice(0, -1) : args;
  const entries: [string, FileArray][] = [];
  const put = (name: string, a: unknown): void => {
    if (!(a instanceof NDArray)) throw typeError(`Cannot ${op}: ${name} is not an array`);
    entries.push([name, toFile(a)]);
  };
  list.forEach((a, i) => put(`arr_${i}`, a));
  for (const [name, a] of Object.entries(named)) put(name, a);
  writeFileSync(withEnding(pathOf(op, file), ".npz"), encodeNpz(entries, compressed));
}
/**
 * Writes arrays as .npz: positional ones as arr_0, arr_1, ..., those of a last plain object by their names.
 *
 * @example
 * ```ts
 * mx.savez("weights.npz", { bias: mx.ones([2]) });
 * Object.keys(mx.load("weights.npz")); // ["bias"]
 * ```
 */
export function savez(file: string, ...args: readonly (NDArray | { readonly [name: string]: NDArray })[]): void {
  saveAll("savez", file, args, false);
}
/** As `savez`, compressed. */
export function savezCompressed(
  file: string,
  ...args: readonly (NDArray | { readonly [name: string]: NDArray })[]
): void {
  saveAll("savezCompressed", file, args, true);
}

/** Options of `load`. */
export interface LoadOptions {
  /** `"npy"` or `"npz"`; by default the file's ending. */
  readonly format?: string;
  readonly returnMetadata?: boolean;
}
/** Reads a .npy file (an array) or a .npz file (an object of arrays). Throws an Error if the file is missing, truncated or malformed. */
export function load(file: string, options: LoadOptions = {}): NDArray | { [name: string]: NDArray } {
  checkOptions("load", options as Record<string, unknown>, ["format", "returnMetadata"]);
  const path = pathOf("load", file), format = options.format ?? path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  if (format !== "npy" && format !== "npz") {
    throw plainError(`Cannot load ${path}: the format ${format} is not one of npy, npz`);
  }
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch (e) {
    throw plainError(`Cannot load ${path}: ${e instanceof Error ? e.message : String(e)}`);
  }
  const decoded = <T>(decode: (bytes: Uint8Array) => T): T => {
    try {
      return decode(bytes);
    } catch (e) {
      // The decoder's text without its line, as the file has to be named.
      throw plainError(
        `Cannot load ${path}: ${e instanceof Error ? e.message.replace(/\n {4}at [^\n]*$/, "") : String(e)}`,
      );
    }
  };
  if (format === "npy") return fromFile(decoded(decodeNpy));
  return Object.fromEntries([...decoded(decodeNpz)].map(([name, a]) => [name, fromFile(a)]));
}
