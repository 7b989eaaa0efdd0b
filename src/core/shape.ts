// Shape arithmetic: sizes, broadcasting, axes.
// In a shapeless trace (runtime/template.ts) sizes are symbols, objects that act as numbers: what is made of them by the
// functions below holds for all sizes, while other arithmetic takes them for the numbers that they have in the trace.
import { rangeError, typeError } from "../base/error.ts";
import { integer, integers, shown } from "../base/options.ts";
import { below, ceilDiv, equal, minus, plus, quotient, type Size, times } from "../kernel/sizes.ts";

/** A size as op code sees it: a number, or a symbol that acts as one and is the only one for its number. */
export function sizeOf(s: Size): number {
  return (typeof s === "number" ? s : s.of.unique(s)) as number;
}
/** a + b, of sizes. */
export const sizePlus = (a: number, b: number): number => sizeOf(plus(a, b));
/** a - b, of sizes. */
export const sizeMinus = (a: number, b: number): number => sizeOf(minus(a, b));
/** a * b, of sizes. */
export const sizeTimes = (a: number, b: number): number => sizeOf(times(a, b));
/** a / b, of sizes, where that is a whole number; else null. */
export function sizeOver(a: number, b: number): number | null {
  const q: Size | null = quotient(a, b);
  return q !== null ? sizeOf(q) : Number(a) % Number(b) === 0 ? Number(a) / Number(b) : null;
}
/** The smaller of two sizes. */
export const sizeMin = (a: number, b: number): number => below(b, a) ? b : a;
/** The number of steps of `by` that begin below a size. */
export const sizeSteps = (n: number, by: number): number => sizeOf(ceilDiv(n, by));
/** A number computed of a size that is a symbol. */
export interface OfSize {
  readonly of: number;
  compute(n: number): number;
}
/** A number computed of a size. */
export function ofSize(n: number, compute: (n: number) => number): number | OfSize {
  return typeof n === "number" ? compute(n) : { of: n, compute };
}

/** Number of elements. */
export function size(shape: readonly number[]): number {
  let n: Size = 1;
  for (let i = 0; i < shape.length; i++) n = times(n, shape[i] as number);
  return sizeOf(n);
}

/** True if both lists hold the same numbers. */
export function same(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!equal(a[i] as number, b[i] as number)) return false;
  return true;
}

/** The shape that both broadcast to (NumPy's rule), or an error that names the op. */
export function broadcast(op: string, a: readonly number[], b: readonly number[]): readonly number[] {
  if (same(a, b)) return a;
  const n = Math.max(a.length, b.length), out = new Array<number>(n);
  for (let i = 1; i <= n; i++) {
    const x = a.length >= i ? a[a.length - i] as number : 1, y = b.length >= i ? b[b.length - i] as number : 1;
    if (x !== 1 && y !== 1 && !equal(x, y)) {
      throw typeError(`Cannot ${op} arrays whose shapes do not broadcast: [${a.join(",")}] and [${b.join(",")}]`);
    }
    out[n - i] = x === 1 ? y : x;
  }
  return out;
}

/** An axis counted from the front, or a RangeError that names the op. */
export function axisOf(op: string, axis: number, ndim: number): number {
  integer(op, "an axis", axis);
  const a = axis < 0 ? axis + ndim : axis;
  if (a < 0 || a >= ndim) {
    throw rangeError(`Cannot ${op} along axis ${axis} of an array with ${dims(ndim)}`);
  }
  return a;
}

/** Sorted axes counted from the front; undefined or null means all. */
export function axesOf(op: string, axis: number | readonly number[] | null | undefined, ndim: number): number[] {
  if (axis === undefined || axis === null) return Array.from({ length: ndim }, (_, i) => i);
  const list = integers(op, "an axis", axis).map((a) => axisOf(op, a, ndim));
  if (new Set(list).size !== list.length) throw rangeError(`Cannot ${op}: an axis is repeated in [${list.join(",")}]`);
  return list.sort((a, b) => a - b);
}

/** A shape given by the user: a number or a list of non-negative integers. */
export function shapeOf(op: string, shape: number | readonly number[]): readonly number[] {
  const list = typeof shape === "number" ? [shape] : shape;
  if (!Array.isArray(list)) {
    throw typeError(`Cannot ${op}: a shape must be a number or a list of numbers, not ${shown(shape)}`);
  }
  for (const d of list as readonly number[]) {
    if (typeof d !== "number" || !Number.isInteger(d)) {
      throw typeError(
        `Cannot ${op}: a shape must hold integers: [${(list as readonly unknown[]).map(shown).join(",")}]`,
      );
    }
    if (d < 0) throw rangeError(`Cannot ${op}: a shape must not hold negative sizes: [${list.join(",")}]`);
    if (d > 2147483647) throw rangeError(`Cannot ${op}: a size must be below 2^31: [${list.join(",")}]`);
  }
  return list;
}

/** A shape as errors show it. */
export function text(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}
/** 0, 1, ... n - 1. */
export function counting(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
/** "1 dimension", "2 dimensions". */
export function dims(n: number): string {
  return `${n} dimension${n === 1 ? "" : "s"}`;
}
