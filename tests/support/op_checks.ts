// What has to hold for an op at a dtype: type rule, interpreter and reference, on inputs of every layout.
import assert from "node:assert/strict";
import * as mx from "../../mod.ts";
import { type DType, DTYPES, isComplex, isInexact } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { topological } from "../../src/core/node.ts";
import { BINARY, bitsOf, type Element, isWhole, round, spacing, UNARY, wrap } from "../reference/elementwise.ts";
import { COUNTS, groups, REDUCE, reducedDtype } from "../reference/reduce.ts";
import { interpreted } from "./interpreted.ts";
import { bytesOf, numbersOf, Random } from "./random_graph.ts";
import { FLUSHES, NORMAL } from "./subnormals.ts";

export const REAL = DTYPES.filter((d) => !isComplex(d));
/** Where there are no subnormals, what is drawn stays far enough from them. */
const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 1, -1, 0.5, 1.5, 2.5, -2.5, FLUSHES ? 1e-30 : 1e-42, 6e-8];
type Elements = Element[];
export function sample(r: Random, d: DType, n: number): Elements {
  return Array.from({ length: n }, (_, i): Element => {
    if (d === "bool") return r.int(0, 1);
    if (isWhole(d)) {
      const bits = bitsOf(d);
      return i % 5 === 0
        ? wrap(d, BigInt(r.bits()) << BigInt(Math.max(0, bits - 32)) ^ BigInt(r.bits()))
        : wrap(d, BigInt(r.int(d.startsWith("u") ? 0 : -12, 12)));
    }
    return round(d, r.chance(0.3) ? r.pick(SPECIAL) : i % 7 === 0 ? r.next() * 200 - 100 : r.next() * 4 - 2);
  });
}
export function arrayOf(values: readonly Element[], d: DType, shape: readonly number[]): NDArray {
  const a = isWhole(d)
    ? mx.array(BigInt64Array.from(values, (v) => BigInt.asIntN(64, v as bigint)), "int64").astype(d)
    : mx.array(Float64Array.from(values, Number), "float64").astype(d);
  return a.reshape([...shape]);
}
interface Input {
  readonly name: string;
  readonly array: NDArray;
  readonly values: Elements;
}
/** The same op sees contiguous, transposed, reversed, stepped, zero-size, 0-d and 1000-element inputs, all in memory. */
export function inputs(r: Random, d: DType): Input[] {
  const v = sample(r, d, 35),
    base = arrayOf(v, d, [5, 7]),
    long = sample(r, d, 1000),
    one = sample(r, d, 14)[13] as Element;
  const out: Input[] = [
    { name: "contiguous", array: base, values: v },
    {
      name: "transposed",
      array: base.transpose(),
      values: v.map((_, i) => v[i % 5 * 7 + Math.floor(i / 5)] as Element),
    },
    { name: "reversed", array: base.get("::-1", "::-1"), values: [...v].reverse() },
    {
      name: "stepped",
      array: base.get(":", "::-3"),
      values: Array.from({ length: 15 }, (_, i) => v[Math.floor(i / 3) * 7 + 6 - 3 * (i % 3)] as Element),
    },
    { name: "no elements", array: arrayOf([], d, [3, 0]), values: [] },
    { name: "0-d", array: arrayOf([one], d, []), values: [one] },
    { name: "1000", array: arrayOf(long, d, [1000]), values: long },
  ];
  for (const i of out) mx.eval(i.array);
  return out;
}
/** Names of the ops that a check has seen. */
export const covered = new Set<string>();
/** Notes the ops that a result is made of. */
export function cover(a: NDArray): NDArray {
  for (const n of topological([a.node], (n) => n.buf !== null)) covered.add(n.op.name);
  return a;
}
export function elementsOf(a: NDArray): Elements {
  return isWhole(a.dtype) ? Array.from(a.data() as BigInt64Array, (v) => BigInt(v)) : numbersOf(a.dtype, bytesOf(a));
}
/** Ulp that a value may differ by: libraries of float64 differ in the last bits, 16-bit floats round once more. */
const allowed = (d: DType, exact: boolean): number =>
  exact ? 0 : d === "float16" || d === "bfloat16" ? 1.01 : d === "float64" ? 64 : 4;
export function close(d: DType, got: Element, want: Element, ulps: number): boolean {
  if (typeof got === "bigint" || typeof want === "bigint") return BigInt(got) === BigInt(want);
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (got === want) return want !== 0 || Object.is(got, want) || ulps > 0;
  if (FLUSHES && got === 0 && d !== "float64" && d !== "float16" && Math.abs(want) < NORMAL) return true;
  if (!Number.isFinite(want) && ulps > 0 && Math.abs(got) > 0.99 * 2 ** 127 && Math.sign(got) === Math.sign(want)) {
    return true;
  }
  return Math.abs(got - want) <= ulps * spacing(d, want);
}
/** Type rule, evaluation, interpreter and reference of one result. Returns what is wrong. */
export function check(
  make: () => NDArray,
  expected: Elements | null,
  dtype: DType | null,
  exact: boolean,
  ulps = allowed((dtype ?? "float32") as DType, exact),
  own = 4,
): string | null {
  const a = cover(make()), node = a.node;
  const shape = [...node.shape], type = node.dtype;
  if (dtype !== null && type !== dtype) return `dtype is ${type}, not ${dtype}`;
  const told = node.buf === null ? interpreted([node]).bytes[0] as Uint8Array : null;
  const data = a.data(), count = shape.reduce((x, y) => x * y, 1);
  if (data.length !== count * (isComplex(type) ? 2 : 1)) return `${data.length} elements of shape [${shape}]`;
  if (told !== null) {
    const x = numbersOf(type, told), y = numbersOf(type, bytesOf(a));
    const t: DType = isComplex(type) ? "float32" : type;
    for (let i = 0; i < x.length; i++) {
      const p = y[i] as number, q = x[i] as number;
      if (
        isComplex(type)
          ? !(Math.abs(p - q) <= 1e-4 * (1 + Math.abs(q)) || Object.is(p, q)) &&
            !(Number.isNaN(p) && Number.isNaN(q)) && Number.isFinite(q)
          : !close(t, p, q, isInexact(type) ? (exact ? 0 : Math.max(own, ulps)) : 0)
      ) return `element ${i} is ${p}, the interpreter has ${q}`;
    }
  }
  if (expected === null) return null;
  const got = elementsOf(a);
  if (got.length !== expected.length) return `${got.length} elements, the reference has ${expected.length}`;
  for (let i = 0; i < got.length; i++) {
    if (!close(type, got[i] as Element, expected[i] as Element, ulps)) {
      return `element ${i} is ${got[i]}, the reference has ${expected[i]}`;
    }
  }
  return null;
}
export function attempt(f: () => string | null): string | null {
  try {
    return f();
  } catch (e) {
    return e instanceof Error ? `${e.name}: ${e.message.slice(0, 200)}` : String(e);
  }
}
export function finish(failures: readonly string[], ran: number): void {
  assert.equal(failures.length, 0, `${failures.length} of ${ran} failed:\n${failures.slice(0, 60).join("\n")}`);
}
export const call = (name: string): (...args: readonly unknown[]) => NDArray =>
  (mx as unknown as Record<string, (...args: readonly unknown[]) => NDArray>)[name] as (
    ...args: readonly unknown[]
  ) => NDArray;

/** What is wrong with one unary op at one dtype. */
export function checkUnary(name: string, d: DType): string[] {
  const rule = UNARY[name] as (typeof UNARY)[string],
    f = call(name),
    out: string[] = [],
    r = new Random(name.length * 31 + d.length);
  const float = d !== "bool" && !isWhole(d);
  if (float && rule.floats === false || d === "bool" && !rule.bool) {
    assert.throws(() => f(arrayOf([1], d, [1])), TypeError, `${name} takes ${d}`);
    return out;
  }
  for (const input of inputs(r, d)) {
    const result: DType = rule.test ? "bool" : float || rule.whole !== "float" ? d : "float32";
    const want = input.values.map((x): Element => {
      if (float) return rule.test ? rule.real(x as number) : round(result, rule.real(x as number));
      if (rule.whole === "same") return x;
      if (rule.whole === "float") return Math.fround(rule.real(Math.fround(Number(x))));
      if (d === "bool" && rule.onBool !== undefined) return rule.onBool(Number(x));
      const v = rule.whole(BigInt(x));
      return rule.test ? Number(v) : d === "bool" ? Number(wrap("bool", v)) : wrap(d, v);
    });
    const bad = attempt(() =>
      check(
        () => f(input.array),
        want,
        result,
        rule.exact ?? false,
        d === "float64" && name === "erfinv" ? 4096 : undefined,
      )
    );
    if (bad !== null) out.push(`${name} of ${input.name} ${d}: ${bad}`);
  }
  return out;
}

/** What is wrong with softmax along the last axis and over all axes. */
export function checkSoftmax(d: DType): string[] {
  const t: DType = d === "bool" || isWhole(d) ? "float32" : d, r = new Random(d.length * 7);
  return inputs(r, d).flatMap(({ name, array, values }) =>
    [false, true].flatMap((whole) => {
      const n = whole || array.shape.length === 0 ? values.length : array.shape[array.shape.length - 1] as number;
      // 16-bit floats are computed in float32.
      const power = (x: number): number => Math.exp(round(t === "float64" ? t : "float32", x) as number);
      const want = values.map((v, i): Element => {
        const row = values.slice(i - i % n, i - i % n + n).map(Number), most = Math.max(...row);
        return round(t, power(Number(v) - most) / row.reduce((s, x) => s + power(x - most), 0));
      });
      const bad = attempt(() =>
        check(
          () => whole ? mx.softmax(array) : mx.softmax(array, { axis: array.shape.length === 0 ? [] : -1 }),
          want,
          t,
          false,
          t === "float64" ? 64 : 12,
          12,
        )
      );
      return bad === null ? [] : [`softmax of ${name} ${d}${whole ? ", whole" : ""}: ${bad}`];
    })
  );
}

/** The dtype of a binary op of two operands of one dtype. */
export function binaryDtype(name: string, d: DType): DType {
  const rule = BINARY[name] as (typeof BINARY)[string];
  return rule.test ? "bool" : rule.whole === "float" && !isInexact(d) ? "float32" : d;
}
/** What a binary op has to give for two elements of one dtype. */
export function binaryWant(name: string, d: DType, p: Element, q: Element): Element {
  const rule = BINARY[name] as (typeof BINARY)[string], real = rule.real ?? (() => NaN);
  if (isInexact(d)) {
    const v = real(p as number, q as number, (x) => rule.test ? x : round(d, x));
    return rule.test ? v : round(d, v);
  }
  if (rule.whole === "float") return Math.fround(real(Math.fround(Number(p)), Math.fround(Number(q)), (x) => x));
  const v = rule.whole(BigInt(p), BigInt(q), bitsOf(d));
  return rule.test ? Number(v) : d === "bool" ? Number(wrap("bool", v)) : wrap(d, v);
}
/** What is wrong with one binary op at one dtype. */
export function checkBinary(name: string, d: DType): string[] {
  const rule = BINARY[name] as (typeof BINARY)[string],
    f = call(name),
    out: string[] = [],
    r = new Random(name.length * 131 + d.length);
  const float = d !== "bool" && !isWhole(d);
  // What is left of its sum where it cancels has on a GPU no more digits than float32.
  const cancels = name === "logaddexp" && mx.defaultDevice().type === "gpu";
  // Of two zeros CUDA's instruction takes -0 for less than 0.
  const zeros = (name === "maximum" || name === "minimum") && mx.defaultDevice().type === "gpu" && float;
  if (float && rule.real === null) {
    assert.throws(() => f(arrayOf([1], d, [1]), arrayOf([1], d, [1])), TypeError, `${name} takes ${d}`);
    return out;
  }
  if (d === "bool" && !rule.bool) return out;
  const a = inputs(r, d), b = inputs(r, d);
  a.forEach((x, k) => {
    let y = b[k] as Input;
    if (name === "power" && isWhole(d)) {
      const small = y.values.map((v) => wrap(d, BigInt(v) % 12n));
      y = { name: y.name, array: arrayOf(small, d, y.array.shape), values: small };
      mx.eval(y.array);
    }
    const want = x.values.map((p, i) => binaryWant(name, d, p, y.values[i] as Element)), result = binaryDtype(name, d);
    const bad = attempt(() =>
      check(
        () => f(x.array, y.array),
        want,
        result === "bool" || name.endsWith("Shift") && d === "bool" ? null : result,
        (rule.exact ?? false) && !zeros,
        zeros ? 0.5 : cancels && d === "float32" ? 64 : undefined,
        zeros ? 0.5 : undefined,
      )
    );
    if (bad !== null) out.push(`${name} of ${x.name} ${d}: ${bad}`);
  });
  return out;
}

/** What is wrong with an elementwise op of 100,000 elements, cut across threads: each has the bits that it has among a thousand. */
export function checkLarge(name: string, d: DType): string | null {
  const r = new Random(name.length + d.length), times = 100, n = 1000;
  const few = name in UNARY ? [arrayOf(sample(r, d, n), d, [n])] : [0, 1].map(() => arrayOf(sample(r, d, n), d, [n]));
  const many = few.map((x) => mx.contiguous(mx.tile(x, [times])));
  mx.eval(few, many);
  let small: NDArray;
  try {
    small = call(name)(...few);
  } catch (e) {
    return e instanceof TypeError ? null : String(e);
  }
  const want = bytesOf(small), got = bytesOf(call(name)(...many));
  if (got.length !== times * want.length) return `${name} of many ${d}: ${got.length} bytes`;
  const i = got.findIndex((b, k) => b !== want[k % want.length]);
  return i < 0 ? null : `${name} of many ${d}: byte ${i} is ${got[i]}, not ${want[i % want.length]}`;
}

/** What is wrong with one reduction at one dtype. */
export function checkReduce(name: string, d: DType): string[] {
  const rule = REDUCE[name] as (x: readonly number[]) => number,
    f = call(name),
    out: string[] = [],
    r = new Random(name.length * 17 + d.length);
  const small = (n: number): Elements =>
    Array.from(
      { length: n },
      (_, i): Element =>
        d === "bool" ? r.int(0, 1) : isWhole(d) ? wrap(d, BigInt(r.int(d.startsWith("u") ? 0 : -3, 3))) : round(
          d,
          name === "prod"
            ? 0.5 + r.next()
            : i === 17 && (name.includes("max") || name.includes("min")) && n > 100
            ? NaN
            : r.next() * 4 - 2,
        ),
    );
  const v = small(4 * 5 * 6),
    base = arrayOf(v, d, [4, 5, 6]),
    long = small(1000),
    flipped = base.transpose(2, 0, 1).get(":", "::-1");
  const turned = Array.from(
    { length: 120 },
    (_, i) => v[(3 - Math.floor(i / 5) % 4) * 30 + i % 5 * 6 + Math.floor(i / 20)] as Element,
  );
  const cases: [string, NDArray, Elements, number[]][] = [
    ["contiguous", base, v, [4, 5, 6]],
    ["turned", flipped, turned, [6, 4, 5]],
    ["1000", arrayOf(long, d, [1000]), long, [1000]],
    ["size 1", arrayOf(v.slice(0, 12), d, [1, 12, 1]), v.slice(0, 12), [1, 12, 1]],
  ];
  for (const [what, array, values, shape] of cases) {
    mx.eval(array);
    const choices = name.startsWith("arg")
      ? shape.map((_, k) => [k])
      : [[0], [shape.length - 1], shape.map((_, k) => k), ...(shape.length === 3 ? [[1], [0, 2], [0, 1], [1, 2]] : [])];
    for (const axes of choices) {
      const want = groups(values.map(Number), shape, axes).map((g) => rule(g));
      const a = f(array, name.startsWith("arg") ? axes[0] : axes),
        t = a.dtype,
        n = axes.reduce((p, k) => p * (shape[k] as number), 1);
      const ref = want.map((w): Element => isWhole(t) ? wrap(t, BigInt(w)) : t === "bool" ? w : w);
      // Sums of n float32 numbers are off by a few ulp of their absolute sum; 16-bit floats round at the end.
      const scale = groups(values.map(Number), shape, axes).map((g) => g.reduce((p, q) => p + Math.abs(q), 0) + 4);
      const exact = COUNTS.has(name) || name === "max" || name === "min" || !isInexact(t);
      const bad = attempt(() => {
        const got = elementsOf(cover(a));
        for (let i = 0; i < ref.length; i++) {
          const p = got[i] as Element, q = ref[i] as Element;
          const tolerance = (t === "float64" ? 1e-13 : t === "float32" ? 3e-6 : 0) * (scale[i] as number) *
              (name === "prod" ? Math.abs(Number(q)) + 1 : 1) + spacing(t, Number(q)) * 1.01;
          if (exact ? !close(t, p, q, 0) && !(p === q) : !(Math.abs(Number(p) - Number(q)) <= tolerance)) {
            return `element ${i} is ${p}, the reference has ${q}`;
          }
        }
        if (t !== reducedDtype(name, d)) return `dtype is ${t}`;
        if (a.size !== ref.length) return `${a.size} results, the reference has ${ref.length}`;
        return check(
          () => f(array, name.startsWith("arg") ? axes[0] : axes),
          null,
          t,
          exact,
          exact ? 0 : Infinity,
          Infinity,
        );
      });
      if (bad !== null) out.push(`${name} of ${what} ${d} over ${axes} (${n} elements): ${bad}`);
    }
  }
  return out;
}
