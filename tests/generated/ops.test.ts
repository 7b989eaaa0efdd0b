// Every op of the registry at every dtype that it accepts: type rule, values against the interpreter and against an independent reference.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { DTYPES, type DType, isComplex, isInexact } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { topological } from "../../src/core/node.ts";
import { registry } from "../../src/ops/basis.ts";
import { BINARY, bitsOf, convert, type Element, isWhole, round, spacing, UNARY, wrap } from "../reference/elementwise.ts";
import { COUNTS, groups, REDUCE } from "../reference/reduce.ts";
import { interpreted } from "../support/interpreted.ts";
import { bytesOf, numbersOf, Random } from "../support/random_graph.ts";

const REAL = DTYPES.filter((d) => !isComplex(d));
const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 1, -1, 0.5, 1.5, 2.5, -2.5, 1e-42, 6e-8];
type Elements = Element[];
function sample(r: Random, d: DType, n: number): Elements {
  return Array.from({ length: n }, (_, i): Element => {
    if (d === "bool") return r.int(0, 1);
    if (isWhole(d)) {
      const bits = bitsOf(d);
      return i % 5 === 0 ? wrap(d, BigInt(r.bits()) << BigInt(Math.max(0, bits - 32)) ^ BigInt(r.bits())) : wrap(d, BigInt(r.int(d.startsWith("u") ? 0 : -12, 12)));
    }
    return round(d, i < SPECIAL.length ? SPECIAL[i] as number : i % 7 === 0 ? r.next() * 200 - 100 : r.next() * 4 - 2);
  });
}
function arrayOf(values: readonly Element[], d: DType, shape: readonly number[]): NDArray {
  const a = isWhole(d) ? mx.array(BigInt64Array.from(values, (v) => BigInt.asIntN(64, v as bigint)), "int64").astype(d) : mx.array(Float64Array.from(values, Number), "float64").astype(d);
  return a.reshape([...shape]);
}
interface Input {
  readonly name: string;
  readonly array: NDArray;
  readonly values: Elements;
}
/** The same op sees contiguous, transposed, reversed, stepped, zero-size, 0-d and 1000-element inputs, all in memory. */
function inputs(r: Random, d: DType): Input[] {
  const v = sample(r, d, 35), base = arrayOf(v, d, [5, 7]), long = sample(r, d, 1000), one = sample(r, d, 14)[13] as Element;
  const out: Input[] = [
    { name: "contiguous", array: base, values: v },
    { name: "transposed", array: base.transpose(), values: v.map((_, i) => v[i % 5 * 7 + Math.floor(i / 5)] as Element) },
    { name: "reversed", array: base.get("::-1", "::-1"), values: [...v].reverse() },
    { name: "stepped", array: base.get(":", "::-3"), values: Array.from({ length: 15 }, (_, i) => v[Math.floor(i / 3) * 7 + 6 - 3 * (i % 3)] as Element) },
    { name: "no elements", array: arrayOf([], d, [3, 0]), values: [] },
    { name: "0-d", array: arrayOf([one], d, []), values: [one] },
    { name: "1000", array: arrayOf(long, d, [1000]), values: long },
  ];
  for (const i of out) mx.eval(i.array);
  return out;
}
const covered = new Set<string>();
function elementsOf(a: NDArray): Elements {
  return isWhole(a.dtype) ? Array.from(a.data() as BigInt64Array, (v) => BigInt(v)) : numbersOf(a.dtype, bytesOf(a));
}
/** Ulp that a value may differ by: libraries of float64 differ in the last bits, 16-bit floats round once more. */
const allowed = (d: DType, exact: boolean): number => exact ? 0 : d === "float16" || d === "bfloat16" ? 1.01 : d === "float64" ? 64 : 4;
function close(d: DType, got: Element, want: Element, ulps: number): boolean {
  if (typeof got === "bigint" || typeof want === "bigint") return BigInt(got) === BigInt(want);
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (got === want) return want !== 0 || Object.is(got, want) || ulps > 0;
  if (!Number.isFinite(want) && ulps > 0 && Math.abs(got) > 0.99 * 2 ** 127 && Math.sign(got) === Math.sign(want)) return true;
  return Math.abs(got - want) <= ulps * spacing(d, want);
}
/** Type rule, evaluation, interpreter and reference of one result. Returns what is wrong. */
function check(make: () => NDArray, expected: Elements | null, dtype: DType | null, exact: boolean, ulps = allowed((dtype ?? "float32") as DType, exact), own = 4): string | null {
  const a = make(), node = a.node;
  for (const n of topological([node], (n) => n.buf !== null)) covered.add(n.op.name);
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
      if (isComplex(type) ? !(Math.abs(p - q) <= 1e-4 * (1 + Math.abs(q)) || Object.is(p, q)) && !(Number.isNaN(p) && Number.isNaN(q)) && Number.isFinite(q) : !close(t, p, q, isInexact(type) ? (exact ? 0 : Math.max(own, ulps)) : 0)) return `element ${i} is ${p}, the interpreter has ${q}`;
    }
  }
  if (expected === null) return null;
  const got = elementsOf(a);
  if (got.length !== expected.length) return `${got.length} elements, the reference has ${expected.length}`;
  for (let i = 0; i < got.length; i++) if (!close(type, got[i] as Element, expected[i] as Element, ulps)) return `element ${i} is ${got[i]}, the reference has ${expected[i]}`;
  return null;
}
function attempt(f: () => string | null): string | null {
  try {
    return f();
  } catch (e) {
    return e instanceof Error ? `${e.name}: ${e.message.slice(0, 200)}` : String(e);
  }
}
function finish(failures: readonly string[], ran: number): void {
  assert.equal(failures.length, 0, `${failures.length} of ${ran} failed:\n${failures.slice(0, 60).join("\n")}`);
}
const call = (name: string): (...args: readonly unknown[]) => NDArray => (mx as unknown as Record<string, (...args: readonly unknown[]) => NDArray>)[name] as (...args: readonly unknown[]) => NDArray;

/** What is wrong with one unary op at one dtype. */
export function checkUnary(name: string, d: DType): string[] {
  const rule = UNARY[name] as (typeof UNARY)[string], f = call(name), out: string[] = [], r = new Random(name.length * 31 + d.length);
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
    const bad = attempt(() => check(() => f(input.array), want, result, rule.exact ?? false, d === "float64" && name === "erfinv" ? 4096 : undefined));
    if (bad !== null) out.push(`${name} of ${input.name} ${d}: ${bad}`);
  }
  return out;
}
test("unary ops agree with their references and the interpreter", { timeout: 60000 }, () => {
  const failures: string[] = [];
  for (const name of Object.keys(UNARY)) for (const d of REAL) failures.push(...checkUnary(name, d));
  finish(failures, Object.keys(UNARY).length * REAL.length);
});

/** What is wrong with one binary op at one dtype. */
export function checkBinary(name: string, d: DType): string[] {
  const rule = BINARY[name] as (typeof BINARY)[string], f = call(name), out: string[] = [], r = new Random(name.length * 131 + d.length);
  const float = d !== "bool" && !isWhole(d);
  if (float && rule.real === null) {
    assert.throws(() => f(arrayOf([1], d, [1]), arrayOf([1], d, [1])), TypeError, `${name} takes ${d}`);
    return out;
  }
  if (d === "bool" && !rule.bool) return out;
  const a = inputs(r, d), b = inputs(r, d);
  a.forEach((x, k) => {
    let y = b[k] as Input;
    if (name === "power" && isWhole(d)) {
      const small = y.values.map((v) => wrap(d, (BigInt(v) % 12n)));
      y = { name: y.name, array: arrayOf(small, d, y.array.shape), values: small };
      mx.eval(y.array);
    }
    const result: DType = rule.test ? "bool" : float || rule.whole !== "float" ? d : "float32";
    const want = x.values.map((p, i): Element => {
      const q = y.values[i] as Element;
      if (float) return rule.test ? (rule.real as (x: number, y: number, h: (v: number) => number) => number)(p as number, q as number, (v) => v) : round(d, (rule.real as (x: number, y: number, h: (v: number) => number) => number)(p as number, q as number, (v) => round(d, v)));
      if (rule.whole === "float") return Math.fround((rule.real as (x: number, y: number, h: (v: number) => number) => number)(Math.fround(Number(p)), Math.fround(Number(q)), (v) => v));
      const v = rule.whole(BigInt(p), BigInt(q), bitsOf(d));
      return rule.test ? Number(v) : d === "bool" ? Number(wrap("bool", v)) : wrap(d, v);
    });
    const bad = attempt(() => check(() => f(x.array, y.array), want, result === "bool" || name.endsWith("Shift") && d === "bool" ? null : result, rule.exact ?? false));
    if (bad !== null) out.push(`${name} of ${x.name} ${d}: ${bad}`);
  });
  return out;
}
test("binary ops agree with their references and the interpreter", { timeout: 60000 }, () => {
  const failures: string[] = [];
  for (const name of Object.keys(BINARY)) for (const d of REAL) if (!(name.endsWith("Shift") && d === "bool")) failures.push(...checkBinary(name, d));
  finish(failures, Object.keys(BINARY).length * REAL.length);
});

/** What is wrong with one reduction at one dtype. */
export function checkReduce(name: string, d: DType): string[] {
  const rule = REDUCE[name] as (x: readonly number[]) => number, f = call(name), out: string[] = [], r = new Random(name.length * 17 + d.length);
  const small = (n: number): Elements => Array.from({ length: n }, (_, i): Element => d === "bool" ? r.int(0, 1) : isWhole(d) ? wrap(d, BigInt(r.int(d.startsWith("u") ? 0 : -3, 3))) : round(d, name === "prod" ? 0.5 + r.next() : i === 17 && (name.includes("max") || name.includes("min")) && n > 100 ? NaN : r.next() * 4 - 2));
  const v = small(4 * 5 * 6), base = arrayOf(v, d, [4, 5, 6]), long = small(1000), flipped = base.transpose(2, 0, 1).get(":", "::-1");
  const turned = Array.from({ length: 120 }, (_, i) => v[(3 - Math.floor(i / 5) % 4) * 30 + i % 5 * 6 + Math.floor(i / 20)] as Element);
  const cases: [string, NDArray, Elements, number[]][] = [["contiguous", base, v, [4, 5, 6]], ["turned", flipped, turned, [6, 4, 5]], ["1000", arrayOf(long, d, [1000]), long, [1000]], ["size 1", arrayOf(v.slice(0, 12), d, [1, 12, 1]), v.slice(0, 12), [1, 12, 1]]];
  for (const [what, array, values, shape] of cases) {
    mx.eval(array);
    const choices = name.startsWith("arg") ? shape.map((_, k) => [k]) : [[0], [shape.length - 1], shape.map((_, k) => k), ...(shape.length === 3 ? [[1], [0, 2], [0, 1], [1, 2]] : [])];
    for (const axes of choices) {
      const want = groups(values.map(Number), shape, axes).map((g) => rule(g));
      const a = f(array, name.startsWith("arg") ? axes[0] : axes), t = a.dtype, n = axes.reduce((p, k) => p * (shape[k] as number), 1);
      const ref = want.map((w): Element => isWhole(t) ? wrap(t, BigInt(w)) : t === "bool" ? w : w);
      // Sums of n float32 numbers are off by a few ulp of their absolute sum; 16-bit floats round at the end.
      const scale = groups(values.map(Number), shape, axes).map((g) => g.reduce((p, q) => p + Math.abs(q), 0) + 4);
      const exact = COUNTS.has(name) || name === "max" || name === "min" || !isInexact(t);
      const bad = attempt(() => {
        for (const node of topological([a.node], (m) => m.buf !== null)) covered.add(node.op.name);
        const got = elementsOf(a);
        for (let i = 0; i < ref.length; i++) {
          const p = got[i] as Element, q = ref[i] as Element;
          const tolerance = (t === "float64" ? 1e-13 : t === "float32" ? 3e-6 : 0) * (scale[i] as number) * (name === "prod" ? Math.abs(Number(q)) + 1 : 1) + spacing(t, Number(q)) * 1.01;
          if (exact ? !close(t, p, q, 0) && !(p === q) : !(Math.abs(Number(p) - Number(q)) <= tolerance)) return `element ${i} is ${p}, the reference has ${q}`;
        }
        if (a.size !== ref.length) return `${a.size} results, the reference has ${ref.length}`;
        return check(() => f(array, name.startsWith("arg") ? axes[0] : axes), null, t, exact, exact ? 0 : Infinity, Infinity);
      });
      if (bad !== null) out.push(`${name} of ${what} ${d} over ${axes} (${n} elements): ${bad}`);
    }
  }
  return out;
}
test("reductions agree with their references and the interpreter", { timeout: 60000 }, () => {
  const failures: string[] = [];
  for (const name of Object.keys(REDUCE)) {
    for (const d of REAL) {
      // MLX shifts by the maximum in the input's own dtype, where differences of bools and unsigned integers wrap; recorded vectors hold that.
      if (name !== "logsumexp" || d !== "bool" && !d.startsWith("u")) failures.push(...checkReduce(name, d));
    }
  }
  finish(failures, Object.keys(REDUCE).length * REAL.length);
});
test("reductions over no elements give the identity or a RangeError", () => {
  for (const d of REAL) {
    const x = arrayOf([], d, [3, 0]);
    assert.deepEqual(elementsOf(mx.sum(x, 1)).map(Number), [0, 0, 0]);
    assert.deepEqual(elementsOf(mx.prod(x, 1)).map(Number), [1, 1, 1]);
    assert.equal(mx.sum(x, 0).size, 0);
    assert.throws(() => mx.max(x), RangeError);
    assert.throws(() => mx.argmin(x, 1), RangeError);
    assert.deepEqual(mx.all(x).item(), true);
  }
});

test("astype between all dtypes agrees with its reference and the interpreter", { timeout: 60000 }, () => {
  const failures: string[] = [];
  let ran = 0;
  for (const from of REAL) {
    for (const input of inputs(new Random(from.length), from)) {
      for (const to of REAL) {
        if (from === to) continue;
        ran++;
        const want = input.values.map((x) => convert(x, to)), known = input.values.map((_, i) => want[i] !== null);
        const bad = attempt(() => {
          const a = mx.astype(input.array, to);
          if (a.dtype !== to) return `dtype is ${a.dtype}`;
          const got = elementsOf(a);
          for (let i = 0; i < got.length; i++) if (known[i] && !close(to, got[i] as Element, want[i] as Element, 0)) return `element ${i}, ${input.values[i]}, becomes ${got[i]}, the reference has ${want[i]}`;
          return known.includes(false) ? null : check(() => mx.astype(input.array, to), null, to, true);
        });
        if (bad !== null) failures.push(`${from} ${input.name} to ${to}: ${bad}`);
      }
    }
  }
  finish(failures, ran);
});

test("complex ops and those of movement agree with the interpreter", { timeout: 60000 }, () => {
  const failures: string[] = [], r = new Random(9);
  const z = (shape: readonly number[]): NDArray => {
    const n = shape.reduce((a, b) => a * b, 1), a = mx.array(Array.from({ length: n }, () => ({ re: r.next() * 2 - 1, im: r.next() * 2 - 1 })), "complex64").reshape([...shape]);
    mx.eval(a);
    return a;
  };
  const run = (name: string, make: () => NDArray): void => {
    const bad = attempt(() => check(make, null, null, false));
    if (bad !== null) failures.push(`${name}: ${bad}`);
  };
  const base = z([5, 7]), other = z([5, 7]), long = z([1000]), empty = z([0, 3]), scalar = z([]);
  const forms: [string, NDArray][] = [["contiguous", base], ["transposed", base.transpose()], ["reversed", base.get("::-1", "::-2")], ["1000", long], ["no elements", empty], ["0-d", scalar]];
  for (const [what, x] of forms) {
    for (const name of ["abs", "negative", "sign", "square", "round", "sqrt", "rsqrt", "reciprocal", "exp", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "isnan", "isinf", "isfinite", "real", "imag", "conjugate", "sum"]) run(`${name} of ${what} complex64`, () => call(name)(x));
  }
  for (const name of ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "logaddexp", "equal", "notEqual", "less", "greaterEqual", "lessEqual", "greater", "logicalAnd"]) {
    run(`${name} of complex64`, () => call(name)(base, other));
    run(`${name} of transposed complex64`, () => call(name)(base.transpose(), other.transpose()));
  }
  for (const d of DTYPES) {
    const x = isComplex(d) ? z([4, 6]) : arrayOf(sample(r, d, 24), d, [4, 6]), i = mx.array(Int32Array.from([0, -1, 2, 2, 1])), u = isComplex(d) ? z([5, 6]) : arrayOf(sample(r, d, 30), d, [5, 6]);
    mx.eval(x, i, u);
    const t = x.transpose();
    for (const [form, y] of [["", x], [" transposed", t]] as const) {
      run(`take of${form} ${d}`, () => mx.take(y, i, 0));
      run(`get of${form} ${d}`, () => mx.get(y, "::-1", "1:4"));
      run(`concatenate of${form} ${d}`, () => mx.concatenate([y, y], 1));
      run(`pad of${form} ${d}`, () => mx.pad(y, 2));
      run(`flip of${form} ${d}`, () => mx.flip(y, 0));
      run(`roll of${form} ${d}`, () => mx.roll(y, 2, 1));
      run(`tile of${form} ${d}`, () => mx.tile(y, [2, 3]));
      run(`repeat of${form} ${d}`, () => mx.repeat(y, 3, 1));
      run(`reshape of${form} ${d}`, () => mx.reshape(y, 3, 8));
      run(`broadcastTo of${form} ${d}`, () => mx.contiguous(mx.broadcastTo(y, [2, ...y.shape])));
      run(`diagonal of${form} ${d}`, () => mx.diagonal(y, 1));
      run(`where of${form} ${d}`, () => mx.where(mx.array([true]), y, 0));
      run(`stopGradient of${form} ${d}`, () => mx.add(mx.stopGradient(y), y));
      run(`tril of${form} ${d}`, () => mx.tril(y, -1));
    }
    if (!isComplex(d)) for (const mode of ["add", "multiply", "maximum", "minimum"] as const) if (d !== "bool") run(`at.${mode} of ${d}`, () => x.at(i)[mode](u));
    run(`takeAlongAxis of ${d}`, () => mx.takeAlongAxis(x, mx.array([[0, 1, -1, 2, 3, 0]], "int32"), 0));
    run(`arange of ${d}`, () => isComplex(d) || d === "bool" ? mx.full([3], 2, d) : mx.arange(2, 40, 3, d));
    run(`eye of ${d}`, () => mx.eye(4, { dtype: d }));
  }
  finish(failures, 0);
});

test("every op of the registry was tested", () => {
  // Library calls, scans and random bits have tests of their own; leaves are no computation; alias belongs to grad, complex and pick to extremes and to calls.
  const others = new Set(["pick", "alias", "array", "complex"]);
  const missed = registry.filter((o) => o.lower.kind !== "call" && o.lower.kind !== "scan" && !o.name.startsWith("random") && !others.has(o.name) && !covered.has(o.name)).map((o) => o.name);
  assert.deepEqual(missed, []);
});
