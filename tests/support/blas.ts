// Library routines as tests call them, below the compiler, and what is measured of their results.
import assert from "node:assert/strict";
import { fromBfloat16Bits } from "../../src/base/dtype.ts";
import { native, submit } from "./shim.ts";
import { callWords, submission } from "./words.ts";

/** What the measures read. */
export type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
/** What a routine is called with. */
export type Data = Numbers | BigInt64Array | BigUint64Array;

/** Runs a routine over copies of the arrays in native memory and copies them back. Returns the code. */
export function call(
  name: string,
  arrays: readonly Data[],
  ints: readonly number[],
  nums: readonly number[] = [],
): number {
  const routine = native.routines.get(name);
  assert.ok(routine !== undefined, `routine ${name}`);
  const bytesOf = (a: Data): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  const ids = arrays.map((a) => native.alloc(Math.max(a.byteLength, 8)));
  const copies = arrays.map((a, i) => {
    const id = ids[i] as number, copy = new Uint8Array(native.view(id, native.address(id), Math.max(a.byteLength, 8)));
    copy.set(bytesOf(a));
    return copy;
  });
  const code = submit(submission(ids, [callWords(routine, arrays.map((_, i) => [i, 0]), ints, nums)]));
  for (const [i, a] of arrays.entries()) bytesOf(a).set((copies[i] as Uint8Array).subarray(0, a.byteLength));
  for (const id of ids) native.dispose(id);
  return code;
}

let seed = 12345;
/** Uniform in [-1, 1). */
export function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
}

/** An element; NaN outside. */
export function at(a: ArrayLike<number>, i: number): number {
  return a[i] ?? NaN;
}

/** The largest |sum over k of a b - c| over all elements of an m x n result. */
export function residual(
  m: number,
  n: number,
  k: number,
  a: (i: number, k: number) => number,
  b: (k: number, j: number) => number,
  c: (i: number, j: number) => number,
): number {
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = -c(i, j);
      for (let p = 0; p < k; p++) sum += a(i, p) * b(p, j);
      if (!(Math.abs(sum) <= worst)) worst = Math.abs(sum);
    }
  }
  return worst;
}

/** How far the columns (n of length m) are from orthonormal. */
export function skew(m: number, n: number, q: (i: number, j: number) => number): number {
  return residual(n, n, m, (i, k) => q(k, i), (k, j) => q(k, j), (i, j) => (i === j ? 1 : 0));
}

const word = new Uint16Array(1), float = new Float16Array(word.buffer);
const f16 = (bits: number): number => {
  word[0] = bits;
  return at(float, 0);
};

/** A dtype: its arrays, numbers to draw (small enough for exact sums of integers), what a stored number stands for, and how far sums may be off. */
export interface Type {
  readonly make: (n: number) => Data;
  readonly draw: (i: number) => number;
  readonly read: (x: number) => number;
  readonly tolerance: number;
}
const whole = (span: number, low: number) => (): number => Math.floor((random() + 1) * span) + low;
const same = (x: number): number => x;
/** Every dtype, by its name in routines. */
export const types: Record<string, Type> = {
  f32: { make: (n) => new Float32Array(n), draw: random, read: same, tolerance: 2e-5 },
  f64: { make: (n) => new Float64Array(n), draw: random, read: same, tolerance: 1e-13 },
  f16: {
    make: (n) => new Uint16Array(n),
    draw: () => (random() < 0 ? 0x8000 : 0) | (0x3000 + Math.floor((random() + 1) * 0x500)),
    read: f16,
    tolerance: 2e-2,
  },
  bf16: {
    make: (n) => new Uint16Array(n),
    draw: () => (random() < 0 ? 0x8000 : 0) | (0x3e80 + Math.floor((random() + 1) * 0x70)),
    read: fromBfloat16Bits,
    tolerance: 0.3,
  },
  i8: { make: (n) => new Int8Array(n), draw: whole(128, -128), read: same, tolerance: 0 },
  u8: { make: (n) => new Uint8Array(n), draw: whole(128, 0), read: same, tolerance: 0 },
  i16: { make: (n) => new Int16Array(n), draw: whole(100, -100), read: same, tolerance: 0 },
  u16: { make: (n) => new Uint16Array(n), draw: whole(300, 0), read: same, tolerance: 0 },
  i32: { make: (n) => new Int32Array(n), draw: whole(1000, -1000), read: same, tolerance: 0 },
  u32: { make: (n) => new Uint32Array(n), draw: whole(1000, 0), read: same, tolerance: 0 },
  i64: { make: (n) => new BigInt64Array(n), draw: whole(1000, -1000), read: same, tolerance: 0 },
  u64: { make: (n) => new BigUint64Array(n), draw: whole(1000, 0), read: same, tolerance: 0 },
};

/** A new array of drawn numbers. */
export function fill(type: Type, n: number): Data {
  const data = type.make(n);
  for (let i = 0; i < n; i++) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(type.draw(i));
    else data[i] = type.draw(i);
  }
  return data;
}

/** The dtypes of factorisations, and how far what they rebuild may be off. */
export const reals = [["f32", Float32Array, 3e-5], ["f64", Float64Array, 2e-12]] as const;

export const eps = (Make: typeof Float32Array | typeof Float64Array): number =>
  Make === Float32Array ? 2 ** -23 : 2 ** -52;
export const largest = (a: ArrayLike<number>): number => Array.from(a).reduce((m, x) => Math.max(m, Math.abs(x)), 0);
/** The largest distance between two lists of values. */
export const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((m, x, i) => Math.max(m, Math.abs(x - at(b, i))), 0);

/** The largest element of |U diag(s) Vt - A| for row-major arrays: U m x k of row length `uc`, Vt k x n, A m x n. */
export function missing(m: number, n: number, uc: number, u: Numbers, s: Numbers, vt: Numbers, a: Numbers): number {
  let worst = 0;
  const sum = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) sum[j] = -at(a, i * n + j);
    for (let k = 0; k < s.length; k++) {
      const f = at(u, i * uc + k) * at(s, k);
      for (let j = 0; j < n; j++) sum[j] = at(sum, j) + f * at(vt, k * n + j);
    }
    worst = Math.max(worst, largest(sum));
  }
  return worst;
}
/** The transpose of a row-major m x n array. */
export function transposed(m: number, n: number, a: Numbers): Float64Array {
  return new Float64Array(m * n).map((_, q) => at(a, q % m * n + Math.floor(q / m)));
}
/** How far r rows of length n are from orthonormal. */
export function oblique(r: number, n: number, q: Numbers): number {
  return missing(r, r, n, q, new Float64Array(n).fill(1), transposed(r, n, q), identity(r));
}
const identity = (n: number): Float64Array => new Float64Array(n * n).map((_, i) => i % (n + 1) === 0 ? 1 : 0);
