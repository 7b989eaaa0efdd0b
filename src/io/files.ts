// Reading and writing arrays in files: .npy and .npz.
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type DType, itemsize, typedArrayOf } from "../base/dtype.ts";
import { plainError, typeError } from "../base/error.ts";
import { checkOptions, flag, isPlainObject, shown } from "../base/options.ts";
import { late, NDArray, type TypedData } from "../core/ndarray.ts";
import { size } from "../core/shape.ts";
import { wrap } from "../ops/lift.ts";
import { mapFile } from "../runtime/read.ts";
import { decodeNpy, decodeNpz, encodeNpy, encodeNpz, type FileArray, type NpyLayout, npyLayout } from "./npy.ts";

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
/** From this size on a .npy file is mapped. */
const MAPPED = 1 << 20;
/** Enough for the header of any array with a few axes. */
const HEAD = 4096;
/** A large .npy file as an array over its pages, or null if it has to be read: for its size or layout, or to say what is wrong with it. */
function fromPages(path: string): NDArray | null {
  const fd = openSync(path, "r"), head = new Uint8Array(new ArrayBuffer(HEAD));
  let total: number, layout: NpyLayout;
  try {
    total = fstatSync(fd).size;
    if (total < MAPPED) return null;
    layout = npyLayout(head.subarray(0, readSync(fd, head, 0, HEAD, 0)), total);
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
  const { dtype, shape, offset, swapped, turned } = layout;
  // Bytes of bool may be others than 0 and 1.
  if (swapped || turned || dtype === "bool" || offset % itemsize(dtype) !== 0) return null;
  const node = mapFile(path, total, offset, shape, dtype);
  return node === null ? null : wrap(node);
}
/** Writes a file. One that is there is replaced, not changed, as arrays may be mapped from it. */
function write(path: string, bytes: Uint8Array): void {
  const known = statSync(path, { throwIfNoEntry: false });
  if (known === undefined || !known.isFile()) return writeFileSync(path, bytes);
  const target = realpathSync(path), part = `${target}.${Math.random().toString(36).slice(2)}.part`;
  try {
    writeFileSync(part, bytes, { mode: known.mode });
    renameSync(part, target);
  } catch (e) {
    rmSync(part, { force: true });
    throw e;
  }
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
  write(withEnding(pathOf("save", file), ".npy"), encodeNpy(toFile(arr)));
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
  write(withEnding(pathOf(op, file), ".npz"), encodeNpz(entries, compressed));
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
/**
 * Reads a .npy file (an array) or a .npz file (an object of arrays). Throws an Error if the file is missing, truncated or malformed.
 * A .npy file of 1 MB or more is mapped: its pages are read when they are used, and no other program may shorten it while the array
 * lives. `save` puts a new file in its place, which does no harm.
 */
export function load(file: `${string}.npy`, options?: LoadOptions): NDArray;
export function load(file: `${string}.npz`, options?: LoadOptions): { [name: string]: NDArray };
export function load(file: string, options?: LoadOptions): NDArray | { [name: string]: NDArray };
export function load(file: string, options: LoadOptions = {}): NDArray | { [name: string]: NDArray } {
  checkOptions("load", options, ["format", "returnMetadata"]);
  const path = pathOf("load", file), format = options.format ?? path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  if (format !== "npy" && format !== "npz") {
    throw plainError(`Cannot load ${path}: the format ${shown(format)} is not one of npy, npz`);
  }
  if (flag("load", options, "returnMetadata")) {
    throw plainError(`Cannot load ${path}: ${format} files have no metadata`);
  }
  let bytes: Uint8Array;
  try {
    const mapped = format === "npy" ? fromPages(path) : null;
    if (mapped !== null) return mapped;
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
