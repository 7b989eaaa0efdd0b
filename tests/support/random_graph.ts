// Seeded random graphs over the public functions, for the generated tests: a recipe that can be built again and again over the same leaves.
import * as mx from "../../mod.ts";
import { type DType, isComplex, isFloating, isInexact, itemsize, typedArrayOf } from "../../src/base/dtype.ts";
import { computes } from "../../src/core/device.ts";
import { late, type NDArray } from "../../src/core/ndarray.ts";
import { type Node, topological } from "../../src/core/node.ts";
import { size } from "../../src/core/shape.ts";

/** A small seeded generator (mulberry32). */
export class Random {
  #s: number;
  constructor(seed: number) {
    this.#s = (seed * 0x9e3779b1 + 0x85ebca6b) >>> 0;
  }
  /** In [0, 1). */
  next(): number {
    this.#s = (this.#s + 0x6d2b79f5) >>> 0;
    let t = this.#s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  /** 32 random bits. */
  bits(): number {
    return Math.floor(this.next() * 4294967296) >>> 0;
  }
  /** An integer in [lo, hi]. */
  int(lo: number, hi: number): number {
    return lo + Math.floor(this.next() * (hi - lo + 1));
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)] as T;
  }
  shuffled<T>(list: readonly T[]): T[] {
    const r = [...list];
    for (let i = r.length - 1; i > 0; i--) {
      const j = this.int(0, i), x = r[i] as T;
      r[i] = r[j] as T;
      r[j] = x;
    }
    return r;
  }
}

const RANGE: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-3000, 3000],
  uint16: [0, 6000],
  int32: [-1000, 1000],
  uint32: [0, 2000],
  int64: [-1000, 1000],
  uint64: [0, 2000],
  bool: [0, 1],
};
const SPECIALS = [0, -0, NaN, Infinity, -Infinity, 1, -1, 1e-40, 65504];
/** Random elements: small integers, floats in [-2, 2) or, `wild`, with special values among them. */
export function randomArray(r: Random, dtype: DType, shape: readonly number[], wild = false): NDArray {
  const n = size(shape) * (isComplex(dtype) ? 2 : 1), values = new Float64Array(n), range = RANGE[dtype];
  for (let i = 0; i < n; i++) {
    values[i] = range !== undefined
      ? r.int(range[0], range[1])
      : wild && r.chance(0.15)
      ? r.pick(SPECIALS)
      : r.next() * 4 - 2;
  }
  let a: NDArray;
  if (isComplex(dtype)) {
    a = mx.array(
      Array.from({ length: n / 2 }, (_, i) => ({ re: values[2 * i] as number, im: values[2 * i + 1] as number })),
      "complex64",
    );
  } else if (dtype === "float64") a = mx.array(values, "float64");
  else a = mx.array(values, "float64").astype(dtype);
  a = a.reshape([...shape]);
  // A leaf of its own, row-major.
  mx.eval(a);
  return a;
}

/** Two arrays for one op: in the dtype that they promote to, where the device has only one of theirs and would refuse to mix them. */
function mixable(a: NDArray, b: NDArray): [NDArray, NDArray] {
  const has = (x: NDArray): boolean => computes(mx.defaultDevice(), x.dtype), t = mx.resultType(a, b);
  return has(a) === has(b) ? [a, b] : [a.astype(t), b.astype(t)];
}

/** A value of a recipe: its type, and how far the exact interpreter may differ (0: not at all, Infinity: not compared). */
export interface Value {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly tolerance: number;
  /** True if infinities or NaN may be among its elements. */
  readonly wild: boolean;
  readonly call: boolean;
  readonly text: string;
}
interface Step {
  readonly inputs: readonly number[];
  readonly make: (x: readonly NDArray[]) => NDArray;
}
/** A random graph: building it gives one array for each value. */
export class Recipe {
  readonly values: Value[] = [];
  readonly roots: number[] = [];
  readonly #steps: Step[] = [];
  /** Adds a value; its shape and dtype are read from a first build. */
  add(
    inputs: readonly number[],
    text: string,
    tolerance: number,
    wild: boolean,
    call: boolean,
    make: (x: readonly NDArray[]) => NDArray,
    probe: readonly NDArray[],
  ): NDArray {
    const made = make(inputs.map((i) => probe[i] as NDArray));
    this.#steps.push({ inputs, make });
    this.values.push({
      shape: made.shape,
      dtype: made.dtype,
      tolerance,
      wild: wild || inputs.some((i) => (this.values[i] as Value).wild),
      call: call || inputs.some((i) => (this.values[i] as Value).call),
      text: `v${this.values.length} = ${text}(${inputs.map((i) => `v${i}`).join(", ")}) -> ${made.dtype}[${
        made.shape.join(",")
      }]`,
    });
    return made;
  }
  /** True if a value needs no other. */
  isLeaf(i: number): boolean {
    return (this.#steps[i] as Step).inputs.length === 0;
  }
  /** All values over fresh nodes; the first leaf may be another array, and `around` may do something around each step. */
  build(first?: NDArray, around = (make: () => NDArray, _step: number): NDArray => make()): NDArray[] {
    const out: NDArray[] = [];
    this.#steps.forEach((s, k) =>
      out.push(k === 0 && first !== undefined ? first : around(() => s.make(s.inputs.map((i) => out[i] as NDArray)), k))
    );
    return out;
  }
  /** The lines that values need. */
  text(roots: readonly number[]): string {
    const need = new Set<number>(),
      visit = (i: number): void => {
        if (need.has(i)) return;
        need.add(i);
        (this.#steps[i] as Step).inputs.forEach(visit);
      };
    roots.forEach(visit);
    return [...need].sort((a, b) => a - b).map((i) => (this.values[i] as Value).text).join("\n");
  }
}

const EPS: Partial<Record<DType, number>> = {
  float16: 2e-2,
  bfloat16: 1.5e-1,
  float32: 2e-4,
  float64: 1e-9,
  complex64: 2e-4,
};
const FLOATS: readonly DType[] = ["float32", "float32", "float32", "float32", "float16", "bfloat16", "float64"];
const OTHERS: readonly DType[] = [
  "int32",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "uint32",
  "int64",
  "uint64",
  "bool",
  "complex64",
];

function randomShape(r: Random, limit: number): number[] {
  const nd = r.pick([0, 1, 1, 2, 2, 2, 3, 3, 4]), shape: number[] = [];
  for (let d = 0; d < nd; d++) {
    shape.push(r.chance(0.03) ? 0 : r.chance(0.2) ? 1 : r.chance(0.25) ? r.int(1, 300) : r.int(1, 20));
  }
  while (size(shape) > limit) {
    const k = shape.indexOf(Math.max(...shape));
    shape[k] = Math.max(1, Math.floor((shape[k] as number) / 3));
  }
  return shape;
}

/**
 * A random graph of about `count` values. `big`: some leaves are long enough that folds are split.
 * `stretch` gives the sizes of leaves from those that are drawn: the same graph in other sizes, as far as its ops allow.
 * `first`: the dtype of the first leaf.
 */
export function randomRecipe(
  seed: number,
  count: number,
  big: boolean,
  stretch: (size: number) => number = (n) => n,
  first?: DType,
): Recipe {
  const r = new Random(seed), recipe = new Recipe(), probe: NDArray[] = [];
  const add = (
    inputs: readonly number[],
    text: string,
    tolerance: number,
    make: (x: readonly NDArray[]) => NDArray,
    more: { wild?: boolean; call?: boolean } = {},
  ): number => {
    probe.push(recipe.add(inputs, text, tolerance, more.wild ?? false, more.call ?? false, make, probe));
    return probe.length - 1;
  };
  const at = (i: number): Value => recipe.values[i] as Value;
  const leaf = (shape: readonly number[], dtype: DType, wild = false): number => {
    const a = randomArray(new Random(r.bits()), dtype, shape, wild);
    return add([], `leaf${wild ? " wild" : ""}`, 0, () => a, { wild });
  };
  const dtype = (): DType => r.chance(0.75) ? r.pick(FLOATS) : r.pick(OTHERS);
  const large = (): number[] =>
    r.pick([[300000], [2, 140001], [131072], [270001], [3, 1025, 40], [1100, 70], [5000, 33], [1024, 257], [
      2,
      2100,
      17,
    ]]);
  leaf((big ? large() : randomShape(r, 4000)).map(stretch), first ?? dtype(), r.chance(0.15));
  if (r.chance(0.5)) leaf(randomShape(r, 2000).map(stretch), dtype());
  /** A value that broadcasts with `i`: an earlier one, or a new leaf with some axes left out. */
  const partner = (i: number): number => {
    const shape = at(i).shape,
      fits = recipe.values.flatMap((v, k) => {
        try {
          return size(mx.broadcastShapes(v.shape, shape)) <= Math.max(6000, size(shape)) ? [k] : [];
        } catch {
          return [];
        }
      });
    if (r.chance(0.6) && fits.length > 0) return r.pick(fits);
    const own = shape.slice(r.chance(0.3) ? r.int(0, shape.length) : 0).map((d) => r.chance(0.3) ? 1 : d);
    return leaf(own, r.chance(0.7) ? at(i).dtype : dtype());
  };
  const joined = (...list: readonly number[]): number => Math.max(...list.map((i) => at(i).tolerance));
  /** The tolerance of an inexact op over values. */
  const rounded = (d: DType, ...list: readonly number[]): number =>
    Math.max(joined(...list), EPS[d] ?? 0, EPS.float32 as number * (isInexact(d) && d !== "float64" ? 1 : 0));
  const jump = (...list: readonly number[]): number =>
    joined(...list) > 0 || list.some((i) => at(i).wild) ? Infinity : 0;
  const real = (i: number): boolean => !isComplex(at(i).dtype);
  for (let guard = 0; probe.length < count && guard < count * 20; guard++) {
    const i = r.chance(0.6) ? probe.length - 1 : r.int(0, probe.length - 1),
      v = at(i),
      nd = v.shape.length,
      n = size(v.shape);
    const axis = nd === 0 ? 0 : r.int(0, nd - 1);
    switch (r.int(0, 31)) {
      case 0: {
        const [name, f] = r.pick([["negative", mx.negative], ["abs", mx.abs], ["square", mx.square]] as const);
        if (v.dtype !== "bool") {
          add(
            [i],
            name,
            v.dtype === "complex64" && name !== "negative" ? rounded(v.dtype, i) * 4 : v.tolerance * 4,
            ([x]) => f(x as NDArray),
          );
        }
        break;
      }
      case 1: {
        const [name, f] = r.pick(
          [["floor", mx.floor], ["ceil", mx.ceil], ["round", mx.round], ["sign", mx.sign], [
            "isnan",
            mx.isnan,
          ]] as const,
        );
        if (real(i)) add([i], name, v.tolerance > 0 ? Infinity : 0, ([x]) => f(x as NDArray));
        break;
      }
      case 2:
      case 3: {
        const [name, f] = r.pick(
          [["tanh", mx.tanh], ["sin", mx.sin], ["cos", mx.cos], ["sigmoid", mx.sigmoid], ["erf", mx.erf], [
            "arctan",
            mx.arctan,
          ]] as const,
        );
        if (!real(i)) break;
        add(
          [i],
          name,
          v.tolerance > 0 && (name === "sin" || name === "cos") || !isFloating(v.dtype) && name !== "tanh"
            ? Infinity
            : rounded(isFloating(v.dtype) ? v.dtype : "float32", i),
          ([x]) => f(x as NDArray),
        );
        break;
      }
      case 4: {
        const [name, f] = r.pick(
          [["exp", mx.exp], ["log", mx.log], ["log1p", mx.log1p], ["sqrt", mx.sqrt], ["rsqrt", mx.rsqrt], [
            "reciprocal",
            mx.reciprocal,
          ], ["expm1", mx.expm1]] as const,
        );
        if (!real(i)) break;
        add(
          [i],
          name,
          v.tolerance > 0 || v.wild || !isFloating(v.dtype)
            ? Infinity
            : name === "sqrt" || name === "reciprocal"
            ? 0
            : rounded(v.dtype, i),
          ([x]) => f(x as NDArray),
          { wild: true },
        );
        break;
      }
      case 5:
      case 6:
      case 7: {
        const j = partner(i),
          [name, f] = r.pick(
            [["add", mx.add], ["subtract", mx.subtract], ["multiply", mx.multiply], ["maximum", mx.maximum], [
              "minimum",
              mx.minimum,
            ]] as const,
          );
        const [a, b] = r.chance(0.5) ? [i, j] : [j, i], cplx = !real(i) || !real(j);
        const t = joined(i, j);
        add(
          [a, b],
          name,
          cplx && name !== "add" && name !== "subtract" ? Infinity : cplx || t > 0 ? (Math.max(t, 2e-4)) * 4 : 0,
          ([x, y]) => f(...mixable(x as NDArray, y as NDArray)),
        );
        break;
      }
      case 8: {
        const j = partner(i),
          [name, f] = r.pick(
            [["divide", mx.divide], ["floorDivide", mx.floorDivide], ["remainder", mx.remainder], ["power", mx.power], [
              "arctan2",
              mx.arctan2,
            ], ["logaddexp", mx.logaddexp]] as const,
          );
        if (!real(i) || !real(j)) break;
        add(
          [i, j],
          name,
          name === "divide" && joined(i, j) === 0 ? 0 : Infinity,
          ([x, y]) => f(...mixable(x as NDArray, y as NDArray)),
          { wild: true },
        );
        break;
      }
      case 9: {
        const j = partner(i),
          [name, f] = r.pick(
            [["less", mx.less], ["equal", mx.equal], ["greaterEqual", mx.greaterEqual], ["notEqual", mx.notEqual], [
              "logicalAnd",
              mx.logicalAnd,
            ], ["logicalOr", mx.logicalOr]] as const,
          );
        if (!real(i) || !real(j)) break;
        add([i, j], name, joined(i, j) > 0 ? Infinity : 0, ([x, y]) => f(...mixable(x as NDArray, y as NDArray)));
        break;
      }
      case 10: {
        const j = partner(i), k = partner(i);
        if (!real(i)) break;
        try {
          if (size(mx.broadcastShapes(v.shape, at(j).shape, at(k).shape)) > Math.max(6000, n)) break;
          mx.broadcastShapes(at(j).shape, at(k).shape);
        } catch {
          break;
        }
        add(
          [i, j, k],
          "where",
          v.tolerance > 0 ? Infinity : joined(j, k),
          ([c, x, y]) => mx.where(c as NDArray, ...mixable(x as NDArray, y as NDArray)),
        );
        break;
      }
      case 11:
      case 12: {
        const to = dtype();
        if (!real(i) && !isComplex(to)) break;
        const down = isInexact(v.dtype) && !isInexact(to);
        add(
          [i],
          `astype ${to}`,
          down
            ? (to === "bool"
              ? (v.tolerance > 0 ? Infinity : 0)
              : v.wild || joined(i) > 0 || to.startsWith("u")
              ? Infinity
              : 0)
            : v.tolerance > 0
            ? rounded(to, i)
            : 0,
          ([x]) => mx.astype(x as NDArray, to),
          { wild: to === "float16" || to === "bfloat16" },
        );
        break;
      }
      case 13:
      case 14: {
        const axes = r.shuffled(v.shape.map((_, d) => d));
        add([i], `transpose ${axes}`, v.tolerance, ([x]) => mx.transpose(x as NDArray, axes));
        break;
      }
      case 15:
      case 16: {
        if (nd === 0) break;
        const index = v.shape.map((d) => {
          const step = r.pick([1, 1, 2, -1, -1, -2, 3, -3]), a = r.int(0, Math.max(0, d - 1)), b = r.int(0, d);
          return r.chance(0.4)
            ? (step < 0 ? `::${step}` : ":")
            : step > 0
            ? `${Math.min(a, b)}:${Math.max(a, b)}:${step}`
            : `${Math.max(a, b)}:${Math.min(a, b)}:${step}`;
        });
        add([i], `get ${index.join(" ")}`, v.tolerance, ([x]) => mx.get(x as NDArray, ...index));
        break;
      }
      case 17:
      case 18: {
        if (n === 0) break;
        const flat: number[] = [];
        let rest = n;
        while (rest > 1 && flat.length < 4) {
          const divisors = [2, 3, 4, 5, 7, 10, 12, 16, 33, 70].filter((d) => rest % d === 0);
          if (divisors.length === 0 || r.chance(0.3)) break;
          const d = r.pick(divisors);
          flat.push(d);
          rest /= d;
        }
        flat.push(rest);
        const shape = r.shuffled(r.chance(0.3) ? [...flat, 1] : flat);
        add([i], `reshape ${shape}`, v.tolerance, ([x]) => mx.reshape(x as NDArray, shape));
        break;
      }
      case 19: {
        if (nd === 0 || n > 20000) break;
        const other = leaf(v.shape.map((d, k) => k === axis ? r.int(0, 5) : d), v.dtype);
        const list = r.shuffled([i, other, ...(r.chance(0.3) ? [i] : [])]);
        add(list, `concatenate ${axis}`, v.tolerance, (x) => mx.concatenate(x, axis));
        break;
      }
      case 20: {
        if (nd === 0 || n > 20000) break;
        const width = v.shape.map(() => [r.int(0, 3), r.int(0, 3)] as [number, number]), edge = n > 0 && r.chance(0.3);
        add(
          [i],
          `pad ${JSON.stringify(width)}${edge ? " edge" : ""}`,
          v.tolerance,
          ([x]) => edge ? mx.pad(x as NDArray, width, "edge") : mx.pad(x as NDArray, width, { constantValues: 1 }),
        );
        break;
      }
      case 21: {
        if (nd === 0 || n === 0) break;
        const rows = v.shape[axis] as number,
          idx = Int32Array.from({ length: r.int(1, 12) }, () => r.int(-rows, rows - 1)),
          a = mx.array(idx);
        if (n / rows * idx.length > 60000) break;
        add([i], `take ${axis} [${idx}]`, v.tolerance, ([x]) => mx.take(x as NDArray, a, axis));
        break;
      }
      case 22: {
        if (nd === 0 || n === 0 || n > 20000) break;
        const rows = v.shape[axis] as number,
          idx = Int32Array.from({ length: n }, () => r.int(-rows, rows - 1)),
          a = mx.reshape(mx.array(idx), [...v.shape]);
        add([i], `takeAlongAxis ${axis}`, v.tolerance, ([x]) => mx.takeAlongAxis(x as NDArray, a, axis));
        break;
      }
      case 23:
      case 24:
      case 25: {
        const axes = r.chance(0.3) ? v.shape.map((_, d) => d) : v.shape.map((_, d) => d).filter(() => r.chance(0.5)),
          keepdims = r.chance(0.4);
        const [name, f] = r.pick(
          [
            ["sum", mx.sum],
            ["sum", mx.sum],
            ["mean", mx.mean],
            ["max", mx.max],
            ["min", mx.min],
            ["prod", mx.prod],
            ["any", mx.any],
            ["all", mx.all],
            ["var", mx.var],
            ["logsumexp", mx.logsumexp],
          ] as const,
        );
        if (n === 0 && (name === "max" || name === "min" || name === "logsumexp")) break;
        if (!real(i) && name !== "sum") break;
        const exact = name === "max" || name === "min" || name === "any" || name === "all" ||
          !isInexact(v.dtype) && (name === "sum" || name === "prod");
        const t = exact
          ? ((name === "any" || name === "all") && v.tolerance > 0 ? Infinity : v.tolerance)
          : name === "prod" || name === "var" || name === "logsumexp" || v.wild && name !== "sum"
          ? Infinity
          : v.tolerance > 0 || v.wild
          ? Infinity
          : rounded(isInexact(v.dtype) ? v.dtype : "float32", i) * 2;
        add(
          [i],
          `${name} ${axes}${keepdims ? " keepdims" : ""}`,
          t,
          ([x]) => f(x as NDArray, { axis: axes, keepdims }),
          { wild: name === "prod" || name === "mean" || name === "var" || v.dtype === "float16" },
        );
        break;
      }
      case 26: {
        if (nd === 0 || n === 0 || !real(i)) break;
        const [name, f] = r.pick([["argmax", mx.argmax], ["argmin", mx.argmin]] as const);
        add([i], `${name} ${axis}`, jump(i), ([x]) => f(x as NDArray, axis));
        break;
      }
      case 27: {
        if (!real(i) || nd === 0) break;
        const axes = r.chance(0.6) ? [nd - 1] : r.chance(0.5) ? [axis] : v.shape.map((_, d) => d);
        add(
          [i],
          `softmax ${axes}`,
          isFloating(v.dtype) && !v.wild ? rounded(v.dtype, i) : Infinity,
          ([x]) => mx.softmax(x as NDArray, axes),
        );
        break;
      }
      case 28: {
        if (nd < 1 || n > 20000 || !isFloating(v.dtype) || v.dtype === "float64") break;
        const k = v.shape[nd - 1] as number, w = leaf([k, r.int(1, 9)], v.dtype);
        add([i, w], "matmul", Infinity, ([x, y]) => mx.matmul(x as NDArray, y as NDArray), { call: true });
        break;
      }
      case 29: {
        if (nd === 0 || n === 0 || n > 20000) break;
        const rows = v.shape[0] as number,
          idx = mx.array(Int32Array.from({ length: r.int(1, 9) }, () => r.int(0, rows - 1)));
        const u = leaf([idx.shape[0] as number, ...v.shape.slice(1)], v.dtype === "bool" ? "bool" : v.dtype);
        if (v.dtype === "bool" || !real(i)) break;
        add([i, u], "at.add", v.tolerance, ([x, y]) => (x as NDArray).at(idx).add(y as NDArray));
        break;
      }
      case 30: {
        if (nd === 0 || !real(i)) break;
        const [name, f] = r.pick(
          [["cumsum", mx.cumsum], ["cumprod", mx.cumprod], ["cummax", mx.cummax], ["cummin", mx.cummin], [
            "logcumsumexp",
            mx.logcumsumexp,
          ]] as const,
        );
        const along = r.chance(0.5) ? nd - 1 : axis, reverse = r.chance(0.3), inclusive = r.chance(0.7);
        // Running values are rounded at every step: sums, products and extremes are the interpreter's to the last bit.
        const t = name === "cummax" || name === "cummin" ? v.tolerance : name === "logcumsumexp" ? Infinity : jump(i);
        add(
          [i],
          `${name} ${along}${reverse ? " reverse" : ""}${inclusive ? "" : " exclusive"}`,
          t,
          ([x]) => f(x as NDArray, { axis: along, reverse, inclusive }),
          { wild: true },
        );
        break;
      }
      case 31: {
        if (real(i) && (!isInexact(v.dtype) || v.dtype === "float64")) break;
        if (real(i)) {
          add(
            [i],
            "times 0.6 - 1.1i",
            rounded("complex64", i) * 4,
            ([x]) => mx.multiply(x as NDArray, { re: 0.6, im: -1.1 }),
          );
          break;
        }
        const [name, f] = r.pick(
          [
            ["real", mx.real],
            ["imag", mx.imag],
            ["conjugate", mx.conjugate],
            ["abs", mx.abs],
            ["exp", mx.exp],
            [
              "sqrt",
              mx.sqrt,
            ],
            ["tanh", mx.tanh],
            ["reciprocal", mx.reciprocal],
          ] as const,
        );
        const exact = name === "real" || name === "imag" || name === "conjugate";
        add([i], name, exact ? v.tolerance : Infinity, ([x]) => f(x as NDArray), { wild: !exact });
        break;
      }
    }
  }
  const last = probe.length - 1;
  recipe.roots.push(last);
  for (let k = 0; k < 3; k++) if (r.chance(0.5)) recipe.roots.push(r.int(0, last));
  return recipe;
}

/** The row-major bytes of an evaluated array. */
export function bytesOf(a: NDArray): Uint8Array {
  const d = a.data();
  return new Uint8Array(d.buffer, d.byteOffset, a.size * itemsize(a.dtype)).slice();
}
/** Elements as numbers (complex: pairs; 64-bit integers rounded). */
export function numbersOf(dtype: DType, bytes: Uint8Array): number[] {
  const own = bytes.slice().buffer;
  if (dtype === "bfloat16") {
    return Array.from(new Uint16Array(own), (b) => new Float32Array(new Uint32Array([b << 16]).buffer)[0] as number);
  }
  const ctor = typedArrayOf(dtype) as unknown as new (b: ArrayBuffer) => ArrayLike<number | bigint>;
  return Array.from(new ctor(own), Number);
}
/** Index of the first element that differs in bits (any NaN equals any NaN), or -1. */
export function firstDifference(dtype: DType, a: Uint8Array, b: Uint8Array): number {
  let equal = a.length === b.length;
  for (let i = 0; equal && i < a.length; i++) if (a[i] !== b[i]) equal = false;
  if (equal) return -1;
  if (a.length !== b.length) return 0;
  const item = isComplex(dtype) ? 4 : itemsize(dtype), x = numbersOf(dtype, a), y = numbersOf(dtype, b);
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(x[i]) && Number.isNaN(y[i])) continue;
    for (let k = 0; k < item; k++) if (a[i * item + k] !== b[i * item + k]) return i;
  }
  return -1;
}
/** Evaluates every node below some arrays in an eval of its own. */
export function evaluateEach(roots: readonly NDArray[]): void {
  const order: Node[] = topological(roots.map((a) => a.node), (n) => n.buf !== null || n.results !== null);
  for (const n of order) late.evaluate([n]);
}
