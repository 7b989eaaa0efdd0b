// Parses what stands in get(...), set([...]) and at(...) into one entry per axis, for an array of a given shape.
import { type DType, isInteger } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { shown } from "../base/options.ts";
import { below, equal } from "../kernel/sizes.ts";
import { sizeMinus, sizePlus, sizeSteps } from "./shape.ts";

/** A slice with Python's meaning; null stands for an omitted part. */
export class Span {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number | null;

  constructor(start: number | null, stop: number | null, step: number | null) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/**
 * A slice from `start` up to `stop` by `step`, each of which may be null or left out.
 *
 * @example
 * ```ts
 * mx.arange(6).get(mx.span(1, null, 2)); // array([1, 3, 5], dtype=int32)
 * ```
 */
export function span(start?: number | null, stop?: number | null, step?: number | null): Span {
  return new Span(bound(start, "start"), bound(stop, "stop"), bound(step, "step"));
}

/** A nested list of integers (not negative, in range) or booleans as flat data. */
export class IndexList {
  readonly shape: readonly number[];
  /** int32 indices, or the bytes of a mask. */
  readonly data: Int32Array | Uint8Array;

  constructor(shape: readonly number[], data: Int32Array | Uint8Array) {
    this.shape = shape;
    this.data = data;
  }
}

/** What the parser asks about an opaque array. */
export interface ArrayInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One step of a normalised index; `axis` counts the axes of the indexed array. */
export type IndexEntry<T> =
  | { readonly kind: "int"; readonly axis: number; readonly index: number }
  | {
    readonly kind: "slice";
    readonly axis: number;
    readonly start: number;
    readonly stop: number;
    readonly step: number;
    readonly length: number;
  }
  | { readonly kind: "newaxis" }
  | { readonly kind: "array"; readonly axis: number; readonly value: T | IndexList }
  | { readonly kind: "mask"; readonly axis: number; readonly value: T | IndexList; readonly ndim: number };

type Item<T> =
  | { readonly kind: "int"; readonly index: number }
  | { readonly kind: "span"; readonly span: Span }
  | { readonly kind: "newaxis" }
  | { readonly kind: "ellipsis" }
  | { readonly kind: "array"; readonly value: T | Nested }
  | { readonly kind: "mask"; readonly value: T | Nested; readonly shape: readonly number[] };

interface Nested {
  readonly nested: true;
  readonly shape: readonly number[];
  readonly values: readonly (number | boolean)[];
}

const ELLIPSIS = { kind: "ellipsis" } as const;
const NEWAXIS = { kind: "newaxis" } as const;
const FULL = new Span(null, null, null);

/**
 * The entries of an index over an array of `shape`, one for every axis (and new axis); `inspect` tells dtype and shape of a
 * value that is an array, else undefined. RangeError for integers out of range, TypeError for wrong forms or too many.
 */
export function parseIndex<T extends object>(
  shape: readonly number[],
  index: readonly unknown[],
  inspect: (value: object) => ArrayInfo | undefined,
): IndexEntry<T>[] {
  const items: Item<T>[] = [];
  let used = 0;
  let hasEllipsis = false;
  for (const value of index) {
    const item = itemOf<T>(value, inspect);
    if (item.kind === "ellipsis") {
      if (hasEllipsis) throw typeError(`An index can have only one "..."`);
      hasEllipsis = true;
    } else if (item.kind === "mask") used += item.shape.length;
    else if (item.kind !== "newaxis") used++;
    items.push(item);
  }
  if (used > shape.length) {
    throw typeError(`Too many indices: ${used} for an array of ${shape.length} axes, of shape ${show(shape)}`);
  }
  if (!hasEllipsis) items.push(ELLIPSIS);

  const entries: IndexEntry<T>[] = [];
  let axis = 0;
  for (const item of items) {
    switch (item.kind) {
      case "int":
        entries.push({ kind: "int", axis, index: inRange(item.index, shape, axis) });
        axis++;
        break;
      case "span":
        entries.push(sliceEntry(item.span, shape, axis));
        axis++;
        break;
      case "newaxis":
        entries.push(NEWAXIS);
        break;
      case "ellipsis":
        for (let left = shape.length - used; left > 0; left--) entries.push(sliceEntry(FULL, shape, axis++));
        break;
      case "array": {
        const at = axis++;
        const value = isNested(item.value) ? indexList(item.value, (x) => inRange(Number(x), shape, at)) : item.value;
        entries.push({ kind: "array", axis: at, value });
        break;
      }
      case "mask": {
        const ndim = item.shape.length;
        const covered = shape.slice(axis, axis + ndim);
        if (covered.some((n, i) => !equal(n, item.shape[i] as number))) {
          throw typeError(
            `A mask of shape ${show(item.shape)} does not match axes ${axis} to ${
              axis + ndim - 1
            } of an array of shape ${show(shape)}`,
          );
        }
        const value = isNested(item.value)
          ? new IndexList(item.shape, Uint8Array.from(item.value.values, Number))
          : item.value;
        entries.push({ kind: "mask", axis, value, ndim });
        axis += ndim;
        break;
      }
      default:
        item satisfies never;
    }
  }
  return entries;
}

/** The bounds and length of a slice over an axis of `n` elements, as Python's `slice.indices` gives them. */
export function resolveSpan(
  { start, stop, step }: Span,
  n: number,
): { start: number; stop: number; step: number; length: number } {
  const by = step ?? 1;
  if (by === 0) throw rangeError("The step of a slice cannot be 0");
  // A negative step walks from n - 1 down to before 0, which is written -1.
  const low = by > 0 ? 0 : -1;
  const high = by > 0 ? n : sizeMinus(n, 1);
  const clip = (x: number): number => {
    const at = x < 0 ? sizePlus(x, n) : x;
    return below(at, low) ? low : below(high, at) ? high : at;
  };
  const first = start === null ? (by > 0 ? low : high) : clip(start);
  const end = stop === null ? (by > 0 ? high : low) : clip(stop);
  const [from, to] = by > 0 ? [first, end] : [end, first];
  return {
    start: first,
    stop: end,
    step: by,
    length: below(from, to) ? sizeSteps(sizeMinus(to, from), Math.abs(by)) : 0,
  };
}

function sliceEntry<T>(of: Span, shape: readonly number[], axis: number): IndexEntry<T> {
  return { kind: "slice", axis, ...resolveSpan(of, shape[axis] as number) };
}

function itemOf<T extends object>(value: unknown, inspect: (value: object) => ArrayInfo | undefined): Item<T> {
  switch (typeof value) {
    case "number":
      if (!Number.isInteger(value)) throw typeError(`An index must be an integer, not ${value}`);
      return { kind: "int", index: value };
    case "bigint":
      return { kind: "int", index: Number(value) };
    case "boolean":
      return { kind: "mask", value: { nested: true, shape: [], values: [value] }, shape: [] };
    case "string":
      return value === "..." ? ELLIPSIS : { kind: "span", span: parseSlice(value) };
    case "object":
      break;
    default:
      throw typeError(`An index cannot be ${value === undefined ? "undefined" : `a ${typeof value}`}`);
  }
  if (value === null) return NEWAXIS;
  if (value instanceof Span) return { kind: "span", span: value };
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    return listItem(value as ArrayLike<unknown>);
  }
  const info = inspect(value);
  if (info === undefined) throw typeError('An index must be an integer, a slice, "...", null, a list or an array');
  if (info.dtype === "bool") return { kind: "mask", value: value as T, shape: info.shape };
  if (!isInteger(info.dtype)) throw typeError(`An index array must have an integer dtype or bool, not ${info.dtype}`);
  return { kind: "array", value: value as T };
}

const SLICE = /^\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?\s*)?$/;

// The slices that were met, as a program repeats a few of them; bounded, as strings may be computed.
const slices = new Map<string, Span>();
const MOST_SLICES = 1000;

function parseSlice(text: string): Span {
  const known = slices.get(text);
  if (known !== undefined) return known;
  const match = SLICE.exec(text);
  if (match === null) throw typeError(`The index ${JSON.stringify(text)} is neither a slice like "1:-1:2" nor "..."`);
  const part = (s: string | undefined): number | null => (s === undefined ? null : Number(s));
  const parsed = new Span(part(match[1]), part(match[2]), part(match[3]));
  if (slices.size >= MOST_SLICES) slices.clear();
  slices.set(text, parsed);
  return parsed;
}

function listItem<T>(list: ArrayLike<unknown>): Item<T> {
  const shape: number[] = [];
  for (let at: unknown = list; isList(at); at = at[0]) shape.push(at.length);
  const values: (number | boolean)[] = [];
  const walk = (at: unknown, depth: number): void => {
    if (isList(at)) {
      if (at.length !== shape[depth]) throw typeError("A list of indices must not be ragged");
      for (let i = 0; i < at.length; i++) walk(at[i], depth + 1);
      return;
    }
    if (depth !== shape.length) throw typeError("A list of indices must not be ragged");
    const value = typeof at === "bigint" ? Number(at) : at;
    if (typeof value !== "boolean" && !(typeof value === "number" && Number.isInteger(value))) {
      throw typeError(`A list of indices must hold integers or booleans, not ${shown(at)}`);
    }
    values.push(value);
  };
  walk(list, 0);
  const masked = typeof values[0] === "boolean";
  if (values.some((value) => (typeof value === "boolean") !== masked)) {
    throw typeError("A list of indices must hold either integers or booleans");
  }
  const value: Nested = { nested: true, shape, values };
  return masked ? { kind: "mask", value, shape } : { kind: "array", value };
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function isNested(value: object): value is Nested {
  return (value as Partial<Nested>).nested === true;
}

function indexList(list: Nested, check: (value: number | boolean) => number): IndexList {
  return new IndexList(list.shape, Int32Array.from(list.values, check));
}

function inRange(index: number, shape: readonly number[], axis: number): number {
  const n = shape[axis] as number;
  if (index < 0 ? below(n, -index) : !below(index, n)) {
    throw rangeError(`Index ${index} is out of range for axis ${axis} of an array of shape ${show(shape)}`);
  }
  return index < 0 ? sizePlus(index, n) : index;
}

function bound(value: number | null | undefined, name: string): number | null {
  if (value === null || value === undefined) return null;
  if (!Number.isInteger(value)) throw typeError(`The ${name} of a slice must be an integer, not ${shown(value)}`);
  return value;
}

function show(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}
