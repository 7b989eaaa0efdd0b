// What has to hold for ops of movement, indexing, scans, sorts, products, promotion and random bits at a dtype, against loops over indices.
import * as mx from "../../mod.ts";
import { type DType, isComplex, isInexact, itemsize } from "../../src/base/dtype.ts";
import { computes } from "../../src/core/device.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { forgetPlans } from "../../src/runtime/cache.ts";
import { convert, type Element, isWhole, round, spacing, wrap } from "../reference/elementwise.ts";
import { fill, type Grid, MOVEMENT, order, promoted, rows, running, words } from "../reference/grid.ts";
import {
  arrayOf,
  attempt,
  binaryDtype,
  binaryWant,
  call,
  check,
  close,
  cover,
  elementsOf,
  sample,
} from "./op_checks.ts";
import { bytesOf, numbersOf, Random } from "./random_graph.ts";
import { TINY } from "./subnormals.ts";

interface Form<T> {
  readonly name: string;
  readonly array: NDArray;
  readonly grid: Grid<T>;
}
const int = (...v: readonly number[]): NDArray => mx.array(Int32Array.from(v));
/** An array with two axes of every layout, all in memory, and its elements as `read` sees those of row-major arrays. */
function forms<T>(
  make: (shape: readonly number[]) => NDArray,
  read: (a: NDArray) => T[],
  large: readonly number[] | null = null,
): Form<T>[] {
  const out: Form<T>[] = [];
  const add = (name: string, shape: readonly number[], see: (x: NDArray) => NDArray, move: string | null): void => {
    const base = make(shape);
    mx.eval(base);
    const array = see(base), grid = { shape, values: read(base) };
    mx.eval(array);
    const [n, m] = shape as [number, number];
    out.push({ name, array, grid: move === null ? grid : MOVEMENT[move]!(grid, n, m, grid.values[0] as T) });
  };
  add("contiguous", [5, 7], (x) => x, null);
  add("transposed", [7, 5], (x) => x.T, "transpose()");
  add("reversed", [5, 7], (x) => x.get("::-1", "::-1"), "flip()");
  add("stepped", [6, 7], (x) => x.get("1::2", "::-3"), "get('1::2', '::-3')");
  add("one element", [1, 1], (x) => x, null);
  add("no rows", [0, 4], (x) => x, null);
  add("empty rows", [3, 0], (x) => x, null);
  if (large !== null) add("large transposed", large, (x) => x.T, "transpose()");
  return out;
}
/** Each element as its bytes, so that movement can be compared whatever the dtype. */
function tokens(a: NDArray): string[] {
  const bytes = bytesOf(a), item = itemsize(a.dtype);
  return Array.from({ length: a.size }, (_, i) => bytes.subarray(i * item, (i + 1) * item).join());
}
function randomOf(r: Random, d: DType, shape: readonly number[]): NDArray {
  const n = shape.reduce((a, b) => a * b, 1);
  return isComplex(d)
    ? mx.array(Array.from({ length: n }, () => ({ re: r.int(-9, 9), im: r.next() })), "complex64").reshape([...shape])
    : arrayOf(sample(r, d, n), d, shape);
}
const even = (n: number): NDArray => mx.array(Uint8Array.from({ length: n }, (_, i) => 1 - i % 2)).astype("bool");
/** The public calls that `MOVEMENT` defines. */
const CALLS: Readonly<Record<string, (x: NDArray, n: number, m: number) => NDArray>> = {
  "transpose()": (x) => mx.transpose(x),
  "swapaxes(0, 1)": (x) => mx.swapaxes(x, 0, 1),
  "moveaxis(1, 0)": (x) => mx.moveaxis(x, 1, 0),
  "expandDims(1)": (x) => mx.expandDims(x, 1),
  "flatten()": (x) => mx.flatten(x),
  "reshape([m, n])": (x, n, m) => mx.reshape(x, m, n),
  "get('::-1', '1:4')": (x) => mx.get(x, "::-1", "1:4"),
  "get('1::2', '::-3')": (x) => mx.get(x, "1::2", "::-3"),
  "get('...', null, '-2:')": (x) => mx.get(x, "...", null, "-2:"),
  "flip(0)": (x) => mx.flip(x, 0),
  "flip()": (x) => mx.flip(x),
  "roll(2, 1)": (x) => mx.roll(x, 2, 1),
  "roll(-3)": (x) => mx.roll(x, -3),
  "concatenate 0": (x) => mx.concatenate([x, x], 0),
  "concatenate 1": (x) => mx.concatenate([x, x], 1),
  "stack 1": (x) => mx.stack([x, x], 1),
  "split 1": (x, _, m) => mx.split(x, [Math.min(2, m)], 1)[1] as NDArray,
  "pad([[1, 2], [0, 3]])": (x) => mx.pad(x, [[1, 2], [0, 3]]),
  "pad(2, 'edge')": (x) => mx.pad(x, 2, "edge"),
  "tile([2, 3])": (x) => mx.tile(x, [2, 3]),
  "repeat(3, 1)": (x) => mx.repeat(x, 3, 1),
  "broadcastTo([2, n, m])": (x, n, m) => mx.broadcastTo(x, [2, n, m]),
  "diagonal(1)": (x) => mx.diagonal(x, 1),
  "tril(-1)": (x) => mx.tril(x, -1),
  "triu(1)": (x) => mx.triu(x, 1),
  "where": (x, _, m) => mx.where(even(m), x, mx.zeros([], x.dtype)),
  "take 0": (x, n) => mx.take(x, int(0, -1, Math.min(1, n - 1)), 0),
  "take 1": (x, _, m) => mx.take(x, int(-1, 0, 0, Math.min(1, m - 1)).reshape(2, 2), 1),
  "take": (x, n, m) => mx.take(x, int(-1, Math.min(3, n * m - 1))),
  "takeAlongAxis": (x, n, m) =>
    mx.takeAlongAxis(
      x,
      int(...Array.from({ length: 2 * m }, (_, i) => i < m ? i % n : (i - m + 2) % n - n)).reshape(2, m),
      0,
    ),
  "get array": (x) => mx.get(x, ":", int(-1, 0)),
  "get arrays": (x) => mx.get(x, int(0, -1), int(-1, 0)),
  "get mask": (x, n) => mx.get(x, even(n)),
  "set slice": (x) => {
    const y = x.reshape(x.shape);
    y.set(["1:", "::-2"], 0);
    return y;
  },
  "putAlongAxis": (x, n, m) =>
    mx.putAlongAxis(
      x,
      int(...Array.from({ length: Math.min(1, n) * m }, (_, j) => j % n)).reshape(Math.min(1, n), m),
      mx.zeros([], x.dtype),
      0,
    ),
  "sliceUpdate": (x, n, m) =>
    mx.sliceUpdate(x, mx.zeros([Math.min(1, n), Math.min(2, m)], x.dtype), int(n - 1, m - Math.min(2, m)), [0, 1]),
};
/** Dtypes of 1, 4 and 8 bytes, at which large inputs are tried. */
const LARGE: ReadonlySet<DType> = new Set(["uint8", "float32", "complex64"]);

/** What is wrong with one function of movement at one dtype. */
export function checkMovement(name: string, d: DType): string[] {
  const out: string[] = [], r = new Random(name.length * 7 + d.length), move = MOVEMENT[name]!, f = CALLS[name]!;
  for (const form of forms((s) => randomOf(r, d, s), tokens, LARGE.has(d) ? [90, 130] : null)) {
    const [n, m] = form.grid.shape as [number, number], zero = new Array(itemsize(d)).fill(0).join();
    const want = move(form.grid, n, m, zero);
    // Nothing can be taken from no elements.
    if (want.values.includes(undefined as unknown as string)) continue;
    const bad = attempt(() => {
      const y = f(form.array, n, m);
      if (y.dtype !== d || y.shape.join() !== want.shape.join()) return `${y.dtype} of shape [${y.shape}]`;
      const got = tokens(y), i = want.values.findIndex((v, k) => v !== got[k]);
      if (i >= 0) return `element ${i} has the bytes ${got[i]}, not ${want.values[i]}`;
      return form.name.startsWith("large") ? null : check(() => f(form.array, n, m), null, d, true);
    });
    if (bad !== null) out.push(`${name} of ${form.name} ${d}: ${bad}`);
  }
  return out;
}

/** Small elements whose sums and products stay in range. */
const smallOf = (r: Random, d: DType, n: number): Element[] =>
  Array.from(
    { length: n },
    () =>
      d === "bool"
        ? r.int(0, 1)
        : isWhole(d)
        ? wrap(d, BigInt(r.int(d.startsWith("u") ? 0 : -3, 3)))
        : round(d, r.next() * 4 - 2),
  );
/** What is wrong with `at` (or "set") with repeated indices at one real dtype. */
export function checkScatter(mode: string, d: DType): string[] {
  const out: string[] = [], r = new Random(mode.length + d.length), at = [0, -1, 2, 2, 1, 2];
  for (const form of forms((s) => arrayOf(smallOf(r, d, s[0]! * s[1]!), d, s), elementsOf)) {
    const [n, m] = form.grid.shape as [number, number];
    if (n < 3) continue;
    const updates = smallOf(r, d, at.length * m), u = arrayOf(updates, d, [at.length, m]);
    const want = [...form.grid.values];
    at.forEach((i, k) => {
      for (let j = 0; j < m; j++) {
        const to = (i < 0 ? i + n : i) * m + j, v = updates[k * m + j] as Element;
        want[to] = mode === "set" ? v : binaryWant(mode, d, want[to] as Element, v);
      }
    });
    const run = (): NDArray => {
      if (mode !== "set") return form.array.at(int(...at))[mode as "add"](u);
      const y = form.array.reshape(form.array.shape);
      y.set([int(...at)], u);
      return y;
    };
    const bad = attempt(() => check(run, want, d, true));
    if (bad !== null) out.push(`${mode} into ${form.name} ${d}: ${bad}`);
  }
  return out;
}

const limit = (d: DType, low: boolean): Element => {
  if (d === "bool") return low ? 0 : 1;
  if (!isWhole(d)) return low ? -Infinity : Infinity;
  const bits = BigInt(8 * itemsize(d)), u = d.startsWith("u");
  return low ? (u ? 0n : -(2n ** (bits - 1n))) : 2n ** (u ? bits : bits - 1n) - 1n;
};
/** Relative error that running sums of small numbers stay within. */
const unit = (d: DType): number => d === "float64" ? 1e-13 : d === "float32" ? 3e-6 : d === "float16" ? 2e-2 : 0.15;
const sums = (a: Element, b: Element): Element => typeof a === "bigint" ? a + (b as bigint) : a + (b as number);
const products = (a: Element, b: Element): Element => typeof a === "bigint" ? a * (b as bigint) : a * (b as number);
const logSum = (a: Element, b: Element): Element => {
  const x = Number(a), y = Number(b), top = Math.max(x, y);
  return top === -Infinity ? top : top + Math.log(Math.exp(x - top) + Math.exp(y - top));
};
/** The scans: dtype of the result, how elements join, and the start. */
const SCANS: Readonly<
  Record<
    string,
    readonly [(d: DType) => DType, (a: Element, b: Element) => Element, (d: DType) => Element]
  >
> = {
  cumsum: [(d) => d === "bool" ? "int32" : d, sums, (d) => isWhole(d) ? 0n : 0],
  cumprod: [(d) => d, products, (d) => isWhole(d) ? 1n : 1],
  cummax: [(d) => d, (a, b) => a !== a || a > b ? a : b, (d) => limit(d, true)],
  cummin: [(d) => d, (a, b) => a !== a || a < b ? a : b, (d) => limit(d, false)],
  logcumsumexp: [(d) => isInexact(d) ? d : "float32", logSum, () => -Infinity],
};
/** The names of the scans. */
export const scanNames: readonly string[] = Object.keys(SCANS);
/** What is wrong with one scan at one real dtype, along both axes, in both directions, inclusive and not. */
export function checkScan(name: string, d: DType): string[] {
  const [result, join, start] = SCANS[name]!, t = result(d), out: string[] = [], r = new Random(name.length + d.length);
  for (const form of forms((s) => arrayOf(smallOf(r, d, s[0]! * s[1]!), d, s), elementsOf, [3, 400])) {
    for (const axis of [0, 1]) {
      for (const [reverse, inclusive] of [[false, true], [true, true], [false, false], [true, false]] as const) {
        const flip = (x: Element[]): Element[] => reverse ? [...x].reverse() : x;
        const [n, m] = form.grid.shape as [number, number];
        const lines = rows(axis === 1 ? form.grid : MOVEMENT["transpose()"]!(form.grid, n, m, 0)).map((x) => {
          const own = x.map((v): Element => isWhole(t) ? BigInt(v) : Number(v));
          return flip(running(flip(own), join, start(t), !inclusive));
        });
        const want = fill([n, m], ([i, j]) => axis === 1 ? lines[i!]![j!]! : lines[j!]![i!]!).values.map((v): Element =>
          isWhole(t) ? wrap(t, v as bigint) : t === "bool" ? Number(v !== 0) : v
        );
        const exact = isWhole(t) || t === "bool" || name === "cummax" || name === "cummin";
        const bad = attempt(() => {
          const y = cover(call(name)(form.array, { axis, reverse, inclusive }));
          if (y.dtype !== t || y.shape.join() !== `${n},${m}`) return `${y.dtype} of shape [${y.shape}]`;
          const got = elementsOf(y), length = axis === 1 ? m : n;
          const top = want.reduce<number>(
            (a, v) => Number.isFinite(Number(v)) ? Math.max(a, Math.abs(Number(v))) : a,
            1,
          );
          const i = want.findIndex((w, k) => {
            const g = got[k] as Element;
            const same = w === g || close(t, g, w, 0);
            if (exact || same) return !same;
            const scale = name === "cumprod" ? length * Math.abs(Number(w)) : 2 * length + top;
            return !(Math.abs(Number(g) - Number(w)) <= unit(t) * scale + length * spacing(t, Number(w)) + TINY);
          });
          return i < 0 ? null : `element ${i} is ${got[i]}, the reference has ${want[i]}`;
        });
        if (bad !== null) out.push(`${name} of ${form.name} ${d}, axis ${axis}, ${reverse}, ${inclusive}: ${bad}`);
      }
    }
  }
  return out;
}

/** What is wrong with sort and argsort at one real dtype. */
export function checkSort(d: DType): string[] {
  const out: string[] = [], r = new Random(d.length);
  for (const form of forms((s) => arrayOf(sample(r, d, s[0]! * s[1]!), d, s), elementsOf, [3, 900])) {
    for (const axis of [0, 1]) {
      const [n, m] = form.grid.shape as [number, number];
      const lines = rows(axis === 1 ? form.grid : MOVEMENT["transpose()"]!(form.grid, n, m, 0)),
        orders = lines.map(order);
      const element = <T>(list: readonly (readonly T[])[]): readonly T[] =>
        fill([n, m], ([i, j]) => axis === 1 ? list[i!]![j!]! : list[j!]![i!]!).values;
      const places = element(orders), sorted = element(orders.map((o, k) => o.map((i) => lines[k]![i] as Element)));
      const bad = attempt(() => {
        const y = cover(mx.sort(form.array, axis)), o = cover(mx.argsort(form.array, axis));
        if (y.dtype !== d || o.dtype !== "uint32") return `${y.dtype} and ${o.dtype}`;
        const got = elementsOf(y), at = elementsOf(o).map(Number);
        const i = got.findIndex((g, k) => !(g === sorted[k] || g !== g && sorted[k] !== sorted[k]));
        if (i >= 0) return `element ${i} is ${got[i]}, the reference has ${sorted[i]}`;
        const k = at.findIndex((v, k) => v !== places[k]);
        return k < 0 ? null : `argsort: element ${k} is ${at[k]}, the reference has ${places[k]}`;
      });
      if (bad !== null) out.push(`sort of ${form.name} ${d}, axis ${axis}: ${bad}`);
    }
  }
  return out;
}

/** Elements as complex numbers. */
function complexOf(a: NDArray): (readonly [number, number])[] {
  const v = numbersOf(a.dtype, bytesOf(a));
  return Array.from({ length: a.size }, (_, i) => isComplex(a.dtype) ? [v[2 * i]!, v[2 * i + 1]!] : [v[i]!, 0]);
}
/** What is wrong with matrix products at one dtype: both factors of every layout, of no rows, columns or terms, and large. */
export function checkProduct(d: DType): string[] {
  const out: string[] = [], r = new Random(3 * d.length);
  const made = (s: readonly number[]): NDArray => {
    const n = s.reduce((a, b) => a * b, 1);
    return isComplex(d) ? randomOf(r, d, s) : arrayOf(smallOf(r, d, n), d, s);
  };
  const left = forms(made, complexOf, [60, 40]);
  for (const x of left) {
    const [n, k] = x.grid.shape as [number, number], m = x.name.startsWith("large") ? 70 : 4;
    const plain = made([k, m]), turned = made([m, k]).T;
    mx.eval(plain, turned);
    for (const [what, y] of [["", plain], ["a transposed ", turned]] as const) {
      const b = { shape: [k, m], values: complexOf(mx.contiguous(y)) };
      const bad = attempt(() => {
        const z = cover(mx.matmul(x.array, y)), got = complexOf(z);
        if (z.dtype !== d || z.shape.join() !== `${n},${m}`) return `${z.dtype} of shape [${z.shape}]`;
        for (let i = 0; i < n * m; i++) {
          let re = 0, im = 0, size = 1;
          for (let l = 0; l < k; l++) {
            const [p, q] = x.grid.values[Math.floor(i / m) * k + l]!, [u, v] = b.values[l * m + i % m]!;
            re += p * u - q * v;
            im += p * v + q * u;
            size += Math.hypot(p, q) * Math.hypot(u, v);
          }
          if (d === "bool") re = Number(re !== 0);
          if (isWhole(d)) re = Number(wrap(d, BigInt(re)));
          const within = isInexact(d)
            ? (d === "float64" ? 1e-14 : 1e-6) * size + (isComplex(d) ? 0 : spacing(d, re))
            : 0;
          if (!(Math.abs(got[i]![0] - re) <= within && Math.abs(got[i]![1] - im) <= within)) {
            return `element ${i} is ${got[i]}, the reference has ${re},${im}`;
          }
        }
        return null;
      });
      if (bad !== null) out.push(`matmul of ${x.name} and ${what}${d}: ${bad}`);
    }
  }
  return out;
}

/** What is wrong with a binary op of two dtypes: the common dtype, and the value there; a refusal where the device has only one of them. */
export function checkPromotion(name: string, a: DType, b: DType): string | null {
  const device = mx.defaultDevice();
  if (computes(device, a) !== computes(device, b)) {
    try {
      call(name)(mx.zeros([2], a), mx.ones([2], b));
    } catch (e) {
      if (e instanceof TypeError && e.message.includes(`as the ${device.type} has no `)) return null;
      return `${name} of ${a} and ${b} on ${device}: ${e}`;
    }
    return `${name} of ${a} and ${b} on ${device} is not refused`;
  }
  const t = promoted(a, b) as DType, x = [0, 1, 2, 3, 1, 100], y = [1, 1, 3, 2, 0, 7];
  const of = (v: readonly number[], d: DType): Element[] =>
    v.map((k) => isWhole(d) ? BigInt(k) : d === "bool" ? Math.min(k, 1) : k + (isWhole(t) ? 0 : 0.5));
  if (isComplex(t)) {
    const got = call(name)(mx.zeros([2], a), mx.ones([2], b)).dtype, want = binaryDtype(name, t);
    return got === want ? null : `${name} of ${a} and ${b} is ${got}, not ${want}`;
  }
  const p = of(x, a), q = of(y, b), want = binaryDtype(name, t);
  const values = p.map((v, i) => binaryWant(name, t, convert(v, t) as Element, convert(q[i] as Element, t) as Element));
  const bad = attempt(() => {
    const z = call(name)(arrayOf(p, a, [6]), arrayOf(q, b, [6])), got = elementsOf(z);
    if (z.dtype !== want) return `dtype is ${z.dtype}, not ${want}`;
    const i = got.findIndex((g, k) => !close(want, g, values[k] as Element, 0));
    return i < 0 ? null : `element ${i} is ${got[i]}, the reference has ${values[i]}`;
  });
  return bad === null ? null : `${name} of ${a} and ${b}: ${bad}`;
}
/** What is wrong with the dtype of an array beside a scalar: numbers are weak, fractions make integers float32. */
export function checkWeak(d: DType): string[] {
  const cases = [
    [2, d === "bool" ? "int32" : d],
    [2n, d === "bool" ? "int32" : d],
    [2.5, isInexact(d) ? d : "float32"],
    [NaN, isInexact(d) ? d : "float32"],
    [true, d],
    [{ re: 1, im: 2 }, "complex64"],
  ] as const;
  return cases.flatMap(([scalar, want]) =>
    [mx.add(mx.ones([2], d), scalar), mx.add(scalar, mx.ones([2], d))].flatMap((a) =>
      a.dtype === want ? [] : [`add of ${d} and ${String(scalar)} is ${a.dtype}, not ${want}`]
    )
  );
}

/** What is wrong with the bytes of an array seen as another dtype. */
export function checkView(from: DType, to: DType): string | null {
  const r = new Random(from.length * to.length);
  for (const form of forms((s) => randomOf(r, from, [s[0]!, 8 * s[1]!]), tokens)) {
    const x = form.array, flat = mx.contiguous(x), bytes = bytesOf(flat);
    const fits = (x.shape[1] as number) * itemsize(from) % itemsize(to) === 0;
    const bad = attempt(() => {
      if (!fits) {
        try {
          mx.view(x, to);
        } catch (e) {
          return e instanceof TypeError ? null : String(e);
        }
        return "a length that does not fit is taken";
      }
      const y = cover(mx.view(x, to)), got = bytesOf(y), i = bytes.findIndex((b, k) => b !== got[k]);
      if (y.dtype !== to || got.length !== bytes.length) return `${y.dtype} of shape [${y.shape}]`;
      return i < 0 ? null : `byte ${i} is ${got[i]}, not ${bytes[i]}`;
    });
    if (bad !== null) return `view of ${form.name} ${from} as ${to}: ${bad}`;
  }
  return null;
}

/** Calls that differ in arguments only, whose graphs have the same shapes: none may get another's plan. */
const SIBLINGS: readonly (readonly [string, (x: NDArray) => NDArray])[] = [
  ...[[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map((p) =>
    [`transpose ${p}`, (x: NDArray) => mx.transpose(x, p)] as const
  ),
  ...["::-1", ":", "::1"].flatMap((a) =>
    ["::-1", ":"].map((b) => [`get ${a} ${b}`, (x: NDArray) => mx.get(x, a, ":", b)] as const)
  ),
  ...["0:2", "1:3", "2:4", "0:4:2", "1:4:2", "3:0:-2"].map((i) => [`get ${i}`, (x: NDArray) => mx.get(x, i)] as const),
  ...[0, 1, 2, 3].map((i) => [`get ${i}`, (x: NDArray) => mx.get(x, ":", i)] as const),
  ...[0, 1, 2, -1].map((k) => [`plus ${k}`, (x: NDArray) => x.mul(k)] as const),
  ...[0, 1, 2].flatMap((axis) =>
    [
      [`sum ${axis}`, (x: NDArray) => mx.sum(x, axis)],
      [`max ${axis}`, (x: NDArray) => mx.max(x, axis)],
      [`argmax ${axis}`, (x: NDArray) => mx.argmax(x, axis)],
      [`softmax ${axis}`, (x: NDArray) => mx.softmax(x, axis)],
      [`sort ${axis}`, (x: NDArray) => mx.sort(x, axis)],
      [`flip ${axis}`, (x: NDArray) => mx.flip(x, axis)],
      [`roll ${axis}`, (x: NDArray) => mx.roll(x, 1, axis)],
      [`take ${axis}`, (x: NDArray) => mx.take(x, int(3, 0, 1, 1), axis)],
      [`takeAlongAxis ${axis}`, (x: NDArray) => mx.takeAlongAxis(x, mx.argsort(x, axis), axis)],
      [`repeat ${axis}`, (x: NDArray) => mx.repeat(x, 2, axis).reshape([-1])],
      [`concatenate ${axis}`, (x: NDArray) => mx.concatenate([x, mx.negative(x)], axis).reshape([-1])],
      [`at ${axis}`, (x: NDArray) => x.at(...[":", ":"].slice(0, axis), int(0, 2, 2, 1)).add(x)],
      [`at maximum ${axis}`, (x: NDArray) => x.at(...[":", ":"].slice(0, axis), int(0, 2, 2, 1)).maximum(x)],
      [`set ${axis}`, (x: NDArray) => {
        const y = x.reshape(x.shape);
        y.set([...[":", ":"].slice(0, axis), "1:3"], 7);
        return y;
      }],
      ...[false, true].flatMap((reverse) =>
        [false, true].map((inclusive) =>
          [
            `cumsum ${axis} ${reverse} ${inclusive}`,
            (x: NDArray) => mx.cumsum(x, { axis, reverse, inclusive }),
          ] as const
        )
      ),
    ] as const
  ),
];
/** What is wrong with evaluations whose plans come from the cache, against those whose plans are made anew. */
export function checkKeys(seed: number): string[] {
  const r = new Random(seed), x = randomOf(r, "int32", [4, 4, 4]).astype("float32");
  mx.eval(x);
  const run = (f: (x: NDArray) => NDArray): string => bytesOf(mx.add(f(mx.square(x)), f(x))).join();
  const fresh = SIBLINGS.map(([, f]) => {
    forgetPlans();
    return run(f);
  });
  forgetPlans();
  return r.shuffled([...SIBLINGS.keys(), ...SIBLINGS.keys()]).flatMap((i) => {
    const [name, f] = SIBLINGS[i] as typeof SIBLINGS[number];
    return run(f) === fresh[i] ? [] : [`${name} has another's plan`];
  });
}

/** What is wrong with n random words: as the keys of `split` and as uniform numbers, of a key that the host knows and of one in memory. */
export function checkBits(n: number): string | null {
  const key: [number, number] = [7, 1234567 + n], want = words(key, n), seed = (BigInt(key[0]) << 32n) | BigInt(key[1]);
  for (const k of [mx.random.key(seed), mx.array(Uint32Array.from(key))]) {
    const u = numbersOf("float32", bytesOf(cover(mx.random.uniform({ shape: [n], key: k }))));
    const i = u.findIndex((x, j) => x !== Math.min(Math.fround(Math.fround(want[j]!) * 2 ** -32), 1 - 2 ** -24));
    if (i >= 0) return `uniform number ${i} of ${n} is ${u[i]}, the word ${want[i]}`;
    if (n % 2 !== 0) continue;
    const s = elementsOf(mx.random.split(k, n / 2)).map(Number), j = s.findIndex((x, l) => x !== want[l]);
    if (j >= 0) return `word ${j} of ${n} is ${s[j]}, not ${want[j]}`;
  }
  return null;
}
