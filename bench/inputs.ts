// Inputs of the benchmark's cases: those of the peers, from a counter hash, the same bits in every language.
import * as mx from "../mod.ts";

/** Sizes of a case, by name. */
export type Params = Readonly<Record<string, number>>;
export type A = mx.NDArray;

export const get = (p: Params, name: string): number => {
  const v = p[name];
  if (v === undefined) throw new Error(`The case has no parameter ${name}`);
  return v;
};
/** Uniform in [-1, 1): murmur3's finaliser over a counter. */
export function u(n: number, seed: number): Float32Array {
  const y = new Float32Array(n), s = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < n; i++) {
    let h = (i + s) | 0;
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
    y[i] = (h >>> 8) * 2 ** -23 - 1;
  }
  return y;
}
export const ints = (n: number, mod: number, seed: number): Int32Array =>
  Int32Array.from(u(n, seed), (v) => Math.min(Math.trunc((v + 1) / 2 * mod), mod - 1));
/** Correlated columns: noise and 0.7 times one of ten shared columns. */
export function features(rows: number, d: number, seed: number): Float32Array {
  const a = u(rows * d, seed), b = u(rows * 10, seed + 1);
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < d; j++, k++) a[k] = (a[k] as number) + 0.7 * (b[i * 10 + j % 10] as number);
  }
  return a;
}
export const arr = (data: Float32Array | Int32Array, ...shape: number[]): A =>
  mx.array(data, { shape: shape.length > 0 ? shape : [data.length] });
export const uniform = (shape: number[], seed: number, scale = 1): A =>
  arr(u(shape.reduce((a, b) => a * b, 1), seed).map((v) => v * scale), ...shape);
