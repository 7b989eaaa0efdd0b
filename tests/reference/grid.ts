// Independent definitions of the ops of movement, gathering, scattering, scanning and sorting: loops over indices. Shares nothing with src/ops.

/** An array: its elements row-major. */
export interface Grid<T> {
  readonly shape: readonly number[];
  readonly values: readonly T[];
}
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
/** The array with f(index) at each index. */
export function fill<T>(shape: readonly number[], f: (index: readonly number[]) => T): Grid<T> {
  return {
    shape,
    values: Array.from({ length: count(shape) }, (_, flat) => {
      const index = new Array<number>(shape.length);
      for (let d = shape.length - 1; d >= 0; d--) {
        index[d] = flat % (shape[d] as number);
        flat = Math.floor(flat / (shape[d] as number));
      }
      return f(index);
    }),
  };
}
/** Position of an index among the row-major elements. */
const place = (shape: readonly number[], index: readonly number[]): number =>
  index.reduce((a, i, d) => a * (shape[d] as number) + i, 0);
/** The element at an index. */
export const at = <T>(x: Grid<T>, ...index: readonly number[]): T => x.values[place(x.shape, index)] as T;

/** What movement does to an array with two axes; `zero` is the element 0. */
export type Movement = <T>(x: Grid<T>, n: number, m: number, zero: T) => Grid<T>;
const held = (i: number, n: number): number => Math.min(Math.max(i, 0), n - 1);
const back = (i: number, n: number): number => ((i % n) + n) % n;
/** Functions of movement over [n, m], by the text of their call. */
export const MOVEMENT: Readonly<Record<string, Movement>> = {
  "transpose()": (x, n, m) => fill([m, n], ([i, j]) => at(x, j!, i!)),
  "swapaxes(0, 1)": (x, n, m) => fill([m, n], ([i, j]) => at(x, j!, i!)),
  "moveaxis(1, 0)": (x, n, m) => fill([m, n], ([i, j]) => at(x, j!, i!)),
  "expandDims(1)": (x, n, m) => fill([n, 1, m], ([i, , j]) => at(x, i!, j!)),
  "flatten()": (x, n, m) => fill([n * m], ([i]) => x.values[i!]!),
  "reshape([m, n])": (x, n, m) => fill([m, n], ([i, j]) => x.values[i! * n + j!]!),
  "get('::-1', '1:4')": (x, n, m) => fill([n, Math.max(0, Math.min(4, m) - 1)], ([i, j]) => at(x, n - 1 - i!, j! + 1)),
  "get('1::2', '::-3')": (x, n, m) =>
    fill([Math.max(0, Math.ceil((n - 1) / 2)), Math.ceil(m / 3)], ([i, j]) => at(x, 1 + 2 * i!, m - 1 - 3 * j!)),
  "get('...', null, '-2:')": (x, n, m) =>
    fill([n, 1, Math.min(2, m)], ([i, , j]) => at(x, i!, m - Math.min(2, m) + j!)),
  "flip(0)": (x, n, m) => fill([n, m], ([i, j]) => at(x, n - 1 - i!, j!)),
  "flip()": (x, n, m) => fill([n, m], ([i, j]) => at(x, n - 1 - i!, m - 1 - j!)),
  "roll(2, 1)": (x, n, m) => fill([n, m], ([i, j]) => at(x, i!, back(j! - 2, m))),
  "roll(-3)": (x, n, m) => fill([n, m], ([i, j]) => x.values[back(i! * m + j! + 3, n * m)]!),
  "concatenate 0": (x, n, m) => fill([2 * n, m], ([i, j]) => at(x, i! % n, j!)),
  "concatenate 1": (x, n, m) => fill([n, 2 * m], ([i, j]) => at(x, i!, j! % m)),
  "stack 1": (x, n, m) => fill([n, 2, m], ([i, , j]) => at(x, i!, j!)),
  "split 1": (x, n, m) => fill([n, m - Math.min(2, m)], ([i, j]) => at(x, i!, j! + Math.min(2, m))),
  "pad([[1, 2], [0, 3]])": (x, n, m, zero) =>
    fill([n + 3, m + 3], ([i, j]) => i! < 1 || i! > n || j! >= m ? zero : at(x, i! - 1, j!)),
  "pad(2, 'edge')": (x, n, m) => fill([n + 4, m + 4], ([i, j]) => at(x, held(i! - 2, n), held(j! - 2, m))),
  "tile([2, 3])": (x, n, m) => fill([2 * n, 3 * m], ([i, j]) => at(x, i! % n, j! % m)),
  "repeat(3, 1)": (x, n, m) => fill([n, 3 * m], ([i, j]) => at(x, i!, Math.floor(j! / 3))),
  "broadcastTo([2, n, m])": (x, n, m) => fill([2, n, m], ([, i, j]) => at(x, i!, j!)),
  "diagonal(1)": (x, n, m) => fill([Math.max(0, Math.min(n, m - 1))], ([i]) => at(x, i!, i! + 1)),
  "tril(-1)": (x, n, m, zero) => fill([n, m], ([i, j]) => j! <= i! - 1 ? at(x, i!, j!) : zero),
  "triu(1)": (x, n, m, zero) => fill([n, m], ([i, j]) => j! >= i! + 1 ? at(x, i!, j!) : zero),
  "where": (x, n, m, zero) => fill([n, m], ([i, j]) => j! % 2 === 0 ? at(x, i!, j!) : zero),
  "take 0": (x, n, m) => fill([3, m], ([i, j]) => at(x, [0, n - 1, Math.min(1, n - 1)][i!]!, j!)),
  "take 1": (x, n, m) => fill([n, 2, 2], ([i, j, k]) => at(x, i!, [m - 1, 0, 0, Math.min(1, m - 1)][2 * j! + k!]!)),
  "take": (x, n, m) => fill([2], ([i]) => x.values[[n * m - 1, Math.min(3, n * m - 1)][i!]!]!),
  "takeAlongAxis": (x, n, m) => fill([2, m], ([i, j]) => at(x, (j! + i! * 2) % n, j!)),
  "get array": (x, n, m) => fill([n, 2], ([i, j]) => at(x, i!, j === 0 ? m - 1 : 0)),
  "get arrays": (x, n, m) => fill([2], ([i]) => at(x, i! === 0 ? 0 : n - 1, i! === 0 ? m - 1 : 0)),
  "get mask": (x, n, m) => fill([Math.ceil(n / 2), m], ([i, j]) => at(x, 2 * i!, j!)),
  "set slice": (x, n, m, zero) => fill([n, m], ([i, j]) => i! >= 1 && (m - 1 - j!) % 2 === 0 ? zero : at(x, i!, j!)),
  "putAlongAxis": (x, n, m, zero) => fill([n, m], ([i, j]) => i === j! % n ? zero : at(x, i!, j!)),
  "sliceUpdate": (x, n, m, zero) => fill([n, m], ([i, j]) => i === n - 1 && j! >= m - 2 ? zero : at(x, i!, j!)),
};

/** The rows of an array with two axes. */
export function rows<T>(x: Grid<T>): T[][] {
  const [n, m] = x.shape as [number, number];
  return Array.from({ length: n }, (_, i) => x.values.slice(i * m, (i + 1) * m));
}
/** Running values of a list: `join` of all up to each, or (exclusive) before it. */
export function running<T>(x: readonly T[], join: (a: T, b: T) => T, start: T, exclusive: boolean): T[] {
  let s = start;
  return x.map((v) => {
    const before = s;
    s = join(s, v);
    return exclusive ? before : s;
  });
}
/** The order that sorts a list: equal elements as they come, NaN last. */
export function order(x: readonly (number | bigint)[]): number[] {
  const nan = (v: number | bigint): boolean => v !== v;
  return x.map((_, i) => i).sort((i, j) => {
    const a = x[i]!, b = x[j]!;
    return nan(a) || nan(b) ? Number(nan(a)) - Number(nan(b)) || i - j : a < b ? -1 : a > b ? 1 : i - j;
  });
}

/** MLX's common dtype of two, row by row in the order of the first line; from its table in mlx/dtype.cpp. */
const PROMOTION = `
bool      uint8     uint16    uint32    uint64    int8      int16     int32     int64     float16   bfloat16  float32   float64   complex64
uint8     uint8     uint16    uint32    uint64    int16     int16     int32     int64     float16   bfloat16  float32   float64   complex64
uint16    uint16    uint16    uint32    uint64    int32     int32     int32     int64     float16   bfloat16  float32   float64   complex64
uint32    uint32    uint32    uint32    uint64    int64     int64     int64     int64     float16   bfloat16  float32   float64   complex64
uint64    uint64    uint64    uint64    uint64    float32   float32   float32   float32   float16   bfloat16  float32   float64   complex64
int8      int16     int32     int64     float32   int8      int16     int32     int64     float16   bfloat16  float32   float64   complex64
int16     int16     int32     int64     float32   int16     int16     int32     int64     float16   bfloat16  float32   float64   complex64
int32     int32     int32     int64     float32   int32     int32     int32     int64     float16   bfloat16  float32   float64   complex64
int64     int64     int64     int64     float32   int64     int64     int64     int64     float16   bfloat16  float32   float64   complex64
float16   float16   float16   float16   float16   float16   float16   float16   float16   float16   float32   float32   float64   complex64
bfloat16  bfloat16  bfloat16  bfloat16  bfloat16  bfloat16  bfloat16  bfloat16  bfloat16  float32   bfloat16  float32   float64   complex64
float32   float32   float32   float32   float32   float32   float32   float32   float32   float32   float32   float32   float64   complex64
float64   float64   float64   float64   float64   float64   float64   float64   float64   float64   float64   float64   float64   complex64
complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64 complex64
`.trim().split("\n").map((line) => line.split(/\s+/));
/** The common dtype of two, by name. */
export function promoted(a: string, b: string): string {
  const names = PROMOTION[0] as string[];
  return (PROMOTION[names.indexOf(a)] as string[])[names.indexOf(b)] as string;
}

/** Threefry-2x32 with 20 rounds. */
export function threefry(key: readonly [number, number], x: number, y: number): [number, number] {
  const ks = [key[0], key[1], (key[0] ^ key[1] ^ 0x1bd11bda) >>> 0], turns = [13, 15, 26, 6, 17, 29, 16, 24];
  x = (x + ks[0]!) >>> 0;
  y = (y + ks[1]!) >>> 0;
  for (let r = 0; r < 20; r++) {
    const k = turns[r % 8] as number;
    x = (x + y) >>> 0;
    y = (((y << k) | (y >>> (32 - k))) ^ x) >>> 0;
    if (r % 4 === 3) {
      const j = (r + 1) / 4;
      x = (x + ks[j % 3]!) >>> 0;
      y = (y + ks[(j + 1) % 3]! + j) >>> 0;
    }
  }
  return [x, y];
}
/** MLX's n random words: hash i is of counters i and half + i, its words stand at i and half + i; the middle of an odd number has 0 for the second. */
export function words(key: readonly [number, number], n: number): number[] {
  const up = Math.ceil(n / 2), out = new Array<number>(n);
  for (let i = 0; i < up; i++) {
    const [a, b] = threefry(key, i, up + i < n ? up + i : 0);
    out[i] = a;
    if (up + i < n) out[up + i] = b;
  }
  return out;
}
