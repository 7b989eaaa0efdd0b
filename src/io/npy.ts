// Reads and writes NumPy's .npy and .npz files as bytes, so that arrays travel to and from NumPy and MLX.
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { type DType, isDType, itemsize } from "../base/dtype.ts";
import { plainError, rangeError, typeError } from "../base/error.ts";

/** An array as a file holds it: little-endian, row-major bytes. */
export interface FileArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const MAGIC = "\x93NUMPY";
// NumPy itself stops at 64 axes; a header of this size holds far more.
const MAX_AXES = 64;
const MAX_HEADER = 1 << 20;
// NumPy and MLX write a void of two bytes for bfloat16, which has no type code.
const CODES: { readonly [D in DType]: string } = {
  bool: "|b1",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  uint64: "<u8",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  float16: "<f2",
  bfloat16: "<V2",
  float32: "<f4",
  float64: "<f8",
  complex64: "<c8",
};
const BY_CODE: ReadonlyMap<string, DType> = new Map(
  Object.entries(CODES).map(([dtype, code]): [string, DType] => [code.slice(1), dtype as DType]),
);

/** What a .npy header says: where the elements lie, and how. */
export interface NpyLayout {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
  /** Big-endian numbers, and columns instead of rows. */
  readonly swapped: boolean;
  readonly turned: boolean;
}
/** The layout of a .npy file of `total` bytes, of which `bytes` are the first. */
export function npyLayout(bytes: Uint8Array, total: number = bytes.length): NpyLayout {
  const bad = (why: string): Error => plainError(`Cannot read .npy data: ${why}`);
  if (bytes.length < 10) throw bad(`it has ${bytes.length} bytes, too few for a header`);
  if (latin1(bytes.subarray(0, 6)) !== MAGIC) throw bad("it does not start with \\x93NUMPY");
  const view = viewOf(bytes);
  const version = view.getUint8(6);
  if (version < 1 || version > 3) throw bad(`its version ${version} is unknown`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw bad("it ends within its header");
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerLength > MAX_HEADER) throw bad(`its header claims ${headerLength} bytes`);
  if (start + headerLength > bytes.length) throw bad("it ends within its header");
  const header = new TextDecoder().decode(bytes.subarray(start, start + headerLength));
  const { descr, fortran, shape } = parseHeader(header, bad);

  const order = /^[<>|=]/.test(descr) ? descr[0] : "=";
  const code = order === "=" && !descr.startsWith("=") ? descr : descr.slice(1);
  const dtype = code === "?" ? "bool" : BY_CODE.get(code);
  if (dtype === undefined) throw bad(`the type ${JSON.stringify(descr)} has no dtype here`);
  const count = elementCount(shape);
  const size = count * itemsize(dtype);
  const offset = start + headerLength;
  if (size > total - offset) {
    throw bad(`shape [${shape}] of ${dtype} takes ${size} bytes, but ${total - offset} are left`);
  }
  // With at most one axis longer than 1, both orders are the same.
  const turned = fortran && count > 0 && shape.filter((n) => n > 1).length > 1;
  return { dtype, shape, offset, size, swapped: order === ">", turned };
}
/** The array of a .npy file; `data` shares memory with `bytes` where the file is little-endian and row-major. */
export function decodeNpy(bytes: Uint8Array): FileArray {
  const { dtype, shape, offset, size, ...layout } = npyLayout(bytes);
  let data = bytes.subarray(offset, offset + size);
  if (layout.swapped) data = swapped(data, dtype === "complex64" ? 4 : itemsize(dtype));
  if (layout.turned) data = rowMajor(data, shape, itemsize(dtype));
  if (dtype === "bool") data = zeroOrOne(data);
  return { dtype, shape, data };
}

/** The bytes of a .npy file that holds an array. */
export function encodeNpy(array: FileArray): Uint8Array {
  return concat([npyHeader(array), array.data]);
}

/** The header of a .npy file; the array's bytes follow it. */
function npyHeader({ dtype, shape, data }: FileArray): Uint8Array {
  if (!isDType(dtype)) throw typeError(`Cannot write an array of dtype ${String(dtype)}`);
  const size = elementCount(shape) * itemsize(dtype);
  if (data.length !== size) {
    throw rangeError(
      `Cannot write an array: shape [${shape}] of ${dtype} takes ${size} bytes, but the data have ${data.length}`,
    );
  }
  // MLX reads the fields at fixed positions, in this order.
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${CODES[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const long = text.length + 75 > 0xffff;
  const start = long ? 12 : 10;
  // The data start at a multiple of 64.
  const total = Math.ceil((start + text.length + 1) / 64) * 64;
  const out = new Uint8Array(total).fill(0x20);
  const view = viewOf(out);
  writeLatin1(out, 0, MAGIC);
  view.setUint16(6, long ? 2 : 1, true);
  if (long) view.setUint32(8, total - start, true);
  else view.setUint16(8, total - start, true);
  writeLatin1(out, start, text);
  out[total - 1] = 0x0a;
  return out;
}

function parseHeader(
  header: string,
  bad: (why: string) => Error,
): { descr: string; fortran: boolean; shape: number[] } {
  const body = /^\s*\{(.*)\}\s*$/s.exec(header)?.[1];
  if (body === undefined) throw bad("its header is no Python dict");
  let descr: string | undefined;
  let fortran: boolean | undefined;
  let shape: number[] | undefined;
  const entry = /\s*(?:'(\w+)'|"(\w+)")\s*:\s*(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|\(([\d\sL,]*)\))\s*(?:,|$)\s*/y;
  while (entry.lastIndex < body.length) {
    const at = entry.lastIndex;
    const match = entry.exec(body);
    if (match === null) {
      if (body.slice(at).trim() === "") break;
      const structured = /^\s*['"]descr['"]\s*:\s*\[/.test(body.slice(at));
      throw bad(
        structured ? "structured types are not supported" : `its header has ${JSON.stringify(body.slice(at, at + 40))}`,
      );
    }
    const key = match[1] ?? match[2];
    const text = match[3] ?? match[4];
    if (key === "descr" && text !== undefined) descr = text;
    else if (key === "fortran_order" && match[5] !== undefined) fortran = match[5] === "True";
    else if (key === "shape" && match[6] !== undefined) shape = parseShape(match[6], bad);
    else throw bad(`its header has an unknown or wrong entry ${JSON.stringify(key)}`);
  }
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw bad("its header lacks one of descr, fortran_order and shape");
  }
  return { descr, fortran, shape };
}

function parseShape(text: string, bad: (why: string) => Error): number[] {
  const parts = text.split(",").map((part) => part.trim());
  // A trailing comma is how Python writes a tuple of one.
  if (parts.at(-1) === "") parts.pop();
  if (parts.length > MAX_AXES) throw bad(`its shape has ${parts.length} axes`);
  return parts.map((part) => {
    const n = /^\d+L?$/.test(part) ? Number.parseInt(part, 10) : NaN;
    if (!(n < 2 ** 31)) throw bad(`its shape has the length ${JSON.stringify(part)}`);
    return n;
  });
}

function elementCount(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((a, n) => a * n, 1);
}

function swapped(data: Uint8Array, width: number): Uint8Array {
  const out = data.slice();
  for (let start = 0; start < out.length; start += width) out.subarray(start, start + width).reverse();
  return out;
}

function zeroOrOne(data: Uint8Array): Uint8Array {
  return data.some((byte) => byte > 1) ? data.map((byte) => (byte === 0 ? 0 : 1)) : data;
}

// Column-major to row-major: walks the output in order and steps through the input.
function rowMajor(data: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const strides: number[] = [];
  let stride = width;
  for (const n of shape) {
    strides.push(stride);
    stride *= n;
  }
  const out = new Uint8Array(data.length);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to += width) {
    for (let byte = 0; byte < width; byte++) out[to + byte] = data[from + byte] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const n = shape[axis] as number;
      const step = strides[axis] as number;
      const next = (index[axis] as number) + 1;
      from += step;
      if (next < n) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
      from -= step * n;
    }
  }
  return out;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const U32_MAX = 0xffffffff;
const U16_MAX = 0xffff;
// Deflate cannot shrink data by more than this.
const MAX_RATIO = 1032;
// 1980-01-01: the same arrays give the same file.
const DATE = 0x21;

interface ZipEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

/** The arrays of a .npz file, by name; stored arrays share memory with `bytes`. */
export function decodeNpz(bytes: Uint8Array): Map<string, FileArray> {
  const bad = (why: string): Error => plainError(`Cannot read .npz data: ${why}`);
  const out = new Map<string, FileArray>();
  let left = bytes.length;
  for (const entry of zipEntries(bytes, bad)) {
    if (entry.name.endsWith("/")) continue;
    // Entries that share bytes could unpack to far more than the file can hold.
    left -= entry.packed;
    if (left < 0) throw bad("its entries overlap");
    const name = entry.name.replace(/\.npy$/, "");
    if (out.has(name)) throw bad(`it has two arrays ${JSON.stringify(name)}`);
    out.set(name, decodeNpy(unpack(bytes, entry, bad)));
  }
  return out;
}

function zipEntries(bytes: Uint8Array, bad: (why: string) => Error): ZipEntry[] {
  const view = viewOf(bytes);
  let end = bytes.length - 22;
  // A comment of up to 64 KiB may follow the end record.
  const first = Math.max(0, end - U16_MAX);
  while (end >= first && view.getUint32(end, true) !== END) end--;
  if (end < first) throw bad("it has no zip directory (is the file cut off?)");
  let count = view.getUint16(end + 10, true);
  let size = view.getUint32(end + 12, true);
  let start = view.getUint32(end + 16, true);
  if (
    (count === U16_MAX || size === U32_MAX || start === U32_MAX) && end >= 20 &&
    view.getUint32(end - 20, true) === LOCATOR64
  ) {
    const end64 = u64(view, end - 20 + 8);
    if (!(end64 + 56 <= end) || view.getUint32(end64, true) !== END64) throw bad("its zip64 directory is damaged");
    count = u64(view, end64 + 32);
    size = u64(view, end64 + 40);
    start = u64(view, end64 + 48);
  }
  if (!(start + size <= end)) throw bad("its directory lies outside the file");
  const limit = start + size;
  const entries: ZipEntry[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > limit || view.getUint32(at, true) !== CENTRAL) throw bad(`entry ${i} of its directory is damaged`);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > limit) throw bad(`entry ${i} of its directory is damaged`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    let packed = view.getUint32(at + 20, true);
    let unpacked = view.getUint32(at + 24, true);
    let offset = view.getUint32(at + 42, true);
    let extra = at + 46 + nameLength;
    const extraEnd = extra + extraLength;
    while (extra + 4 <= extraEnd) {
      const id = view.getUint16(extra, true);
      const fieldEnd = extra + 4 + view.getUint16(extra + 2, true);
      if (fieldEnd > extraEnd) break;
      if (id === 1) {
        // Only the fields that do not fit 32 bits are here, in this order.
        let field = extra + 4;
        const take = (): number => {
          if (field + 8 > fieldEnd) throw bad(`the zip64 sizes of ${JSON.stringify(name)} are damaged`);
          field += 8;
          return u64(view, field - 8);
        };
        if (unpacked === U32_MAX) unpacked = take();
        if (packed === U32_MAX) packed = take();
        if (offset === U32_MAX) offset = take();
      }
      extra = fieldEnd;
    }
    entries.push({
      name,
      packed,
      offset,
      size: unpacked,
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
    });
    at = next;
  }
  return entries;
}

function unpack(bytes: Uint8Array, entry: ZipEntry, bad: (why: string) => Error): Uint8Array {
  const { flags, method, crc, packed, size, offset } = entry;
  const name = JSON.stringify(entry.name);
  const view = viewOf(bytes);
  if ((flags & 1) !== 0) throw bad(`${name} is encrypted`);
  if (!(offset + 30 <= bytes.length) || view.getUint32(offset, true) !== LOCAL) {
    throw bad(`${name} has no local header`);
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (!(start + packed <= bytes.length)) throw bad(`${name} lies outside the file`);
  let data = bytes.subarray(start, start + packed);
  if (method === 8) {
    if (!(size <= packed * MAX_RATIO + 64)) throw bad(`${name} claims ${size} bytes from ${packed}`);
    try {
      data = inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
    } catch (error) {
      throw bad(`${name} cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`);
    }
  } else if (method !== 0) {
    throw bad(`${name} is compressed by method ${method}; stored and deflated entries are supported`);
  }
  if (data.length !== size) throw bad(`${name} has ${data.length} bytes, not ${size}`);
  if (crc32(data) !== crc) throw bad(`the checksum of ${name} is wrong`);
  return data;
}

/** The bytes of a .npz file that holds named arrays, deflated if `compressed`. */
export function encodeNpz(entries: Iterable<readonly [string, FileArray]>, compressed = false): Uint8Array {
  return concat([...npzChunks(entries, compressed)]);
}

/** The bytes of a .npz file in consecutive pieces, so that a writer never holds the whole file. */
export function* npzChunks(entries: Iterable<readonly [string, FileArray]>, compressed = false): Generator<Uint8Array> {
  const names = new Set<string>();
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [key, array] of entries) {
    if (names.has(key)) throw typeError(`Cannot write two arrays ${JSON.stringify(key)} to one file`);
    names.add(key);
    const name = new TextEncoder().encode(`${key}.npy`);
    if (name.length > U16_MAX) throw rangeError(`Cannot write an array whose name has ${name.length} bytes`);
    const header = npyHeader(array);
    const crc = crc32(array.data, crc32(header));
    const size = header.length + array.data.length;
    const pieces = compressed ? [deflateRawSync(concat([header, array.data]))] : [header, array.data];
    const packed = pieces.reduce((n, piece) => n + piece.length, 0);
    const info = { name, crc, size, packed, method: compressed ? 8 : 0 };
    const local = zipHeader(LOCAL, info, undefined);
    yield local;
    yield* pieces;
    directory.push(zipHeader(CENTRAL, info, offset));
    offset += local.length + packed;
  }
  yield* directory;
  yield zipEnd(directory.length, directory.reduce((n, piece) => n + piece.length, 0), offset);
}

interface EntryInfo {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly packed: number;
  readonly method: number;
}

// A local header has no offset of its own; both headers share their middle part.
function zipHeader(signature: typeof LOCAL | typeof CENTRAL, info: EntryInfo, offset: number | undefined): Uint8Array {
  const { name, crc, size, packed, method } = info;
  const fixed = signature === LOCAL ? 30 : 46;
  // A local header needs both sizes as 64 bits if one of them does.
  const big = size >= U32_MAX || packed >= U32_MAX;
  const bigOffset = offset !== undefined && offset >= U32_MAX;
  const wide = [...(big ? [size, packed] : []), ...(bigOffset ? [offset] : [])];
  const extra = wide.length === 0 ? 0 : 4 + 8 * wide.length;
  const out = new Uint8Array(fixed + name.length + extra);
  const view = viewOf(out);
  const version = wide.length === 0 ? 20 : 45;
  view.setUint32(0, signature, true);
  let at = 4;
  if (signature === CENTRAL) {
    view.setUint16(at, version, true);
    at += 2;
  }
  view.setUint16(at, version, true);
  // Bit 11: the name is UTF-8.
  view.setUint16(at + 2, 0x0800, true);
  view.setUint16(at + 4, method, true);
  view.setUint16(at + 8, DATE, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, big ? U32_MAX : packed, true);
  view.setUint32(at + 18, big ? U32_MAX : size, true);
  view.setUint16(at + 22, name.length, true);
  view.setUint16(at + 24, extra, true);
  if (offset !== undefined) view.setUint32(42, bigOffset ? U32_MAX : offset, true);
  out.set(name, fixed);
  if (extra > 0) {
    at = fixed + name.length;
    view.setUint16(at, 1, true);
    view.setUint16(at + 2, extra - 4, true);
    wide.forEach((value, i) => view.setBigUint64(at + 4 + 8 * i, BigInt(value), true));
  }
  return out;
}

function zipEnd(count: number, size: number, start: number): Uint8Array {
  const wide = count >= U16_MAX || size >= U32_MAX || start >= U32_MAX;
  const out = new Uint8Array(wide ? 56 + 20 + 22 : 22);
  const view = viewOf(out);
  let at = 0;
  if (wide) {
    view.setUint32(0, END64, true);
    view.setBigUint64(4, 44n, true);
    view.setUint16(12, 45, true);
    view.setUint16(14, 45, true);
    view.setBigUint64(24, BigInt(count), true);
    view.setBigUint64(32, BigInt(count), true);
    view.setBigUint64(40, BigInt(size), true);
    view.setBigUint64(48, BigInt(start), true);
    view.setUint32(56, LOCATOR64, true);
    view.setBigUint64(64, BigInt(start + size), true);
    view.setUint32(72, 1, true);
    at = 76;
  }
  view.setUint32(at, END, true);
  view.setUint16(at + 8, Math.min(count, U16_MAX), true);
  view.setUint16(at + 10, Math.min(count, U16_MAX), true);
  view.setUint32(at + 12, Math.min(size, U32_MAX), true);
  view.setUint32(at + 16, Math.min(start, U32_MAX), true);
  return out;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function u64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function writeLatin1(out: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
