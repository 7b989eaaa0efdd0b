// Functions compiled shapeless beside themselves, at several shapes: the same bits, whether a call traced or not, and the graph that a trace would record.
import process from "node:process";
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { counters } from "../../src/runtime/cache.ts";
import { bytesOf, Random, randomArray, randomRecipe, type Recipe } from "./random_graph.ts";
import type { Sampled } from "./transform_checks.ts";

type Fn = (...x: NDArray[]) => NDArray[];
/** Calls that could be compared, and those that did without a trace. */
export const calls = { compared: 0, skipped: 0 };

/** Makes compiled functions that, when they are called again, compare their graph with what a trace records then. */
function checked<T>(make: () => T): T {
  process.env["SINTER_CHECK_COMPILE"] = "1";
  try {
    return make();
  } finally {
    delete process.env["SINTER_CHECK_COMPILE"];
  }
}
/** Compares calls of one compiled function; arguments that the function itself does not take are left out. */
function difference(f: Fn, calledWith: readonly (readonly NDArray[])[]): string | null {
  const compiled = checked(() => mx.compile(f, { shapeless: true }));
  const seen = new Set<string>();
  for (const [k, args] of calledWith.entries()) {
    const shapes = JSON.stringify(args.map((a) => a.shape));
    if (seen.has(shapes)) continue;
    seen.add(shapes);
    let want: NDArray[];
    try {
      want = f(...args);
      mx.eval(want);
    } catch {
      continue;
    }
    const before = counters.relaid, got = compiled(...args);
    if (k > 0) calls.compared++;
    calls.skipped += counters.relaid - before;
    try {
      compiled(...args);
    } catch (e) {
      return `another graph at ${shapes}: ${(e as Error).message}`;
    }
    for (const [i, w] of want.entries()) {
      const g = got[i] as NDArray;
      if (g.dtype !== w.dtype || JSON.stringify(g.shape) !== JSON.stringify(w.shape)) {
        return `result ${i} of ${shapes} is ${g.dtype}[${g.shape}], not ${w.dtype}[${w.shape}]`;
      }
      const a = bytesOf(g), b = bytesOf(w);
      if (a.some((x, at) => x !== b[at])) return `result ${i} of ${shapes} differs`;
    }
  }
  return null;
}

/** Other lengths for those of a function's arguments: all a little longer, far apart, equal to one another, of no elements. */
const STRETCHES: readonly ((n: number) => number)[] = [
  (n) => n,
  (n) => n < 2 ? n : n + 1,
  (n) => n < 2 ? n : 3 * n + 2,
  (n) => n < 2 ? n : 6,
  (n) => n < 2 ? n : n + 40,
  (n) => n === 3 ? 1 : n,
  (n) => n === 4 ? 0 : n,
];
/** A function of the generated tests, and its gradient, at several shapes. */
export function shapelessDifference(c: Sampled, gradient: boolean): string | null {
  const r = new Random(c.name.length * 17 + 3), [lo, hi] = c.domain ?? [-2, 2];
  const sample = (shape: readonly number[], dtype: DType): NDArray =>
    dtype === "float64"
      ? mx.random.uniform({ low: lo, high: hi, shape: [...shape], key: mx.random.key(r.int(0, 1e6)) }).astype(dtype)
      : randomArray(r, dtype, shape);
  const args = STRETCHES.map((stretch) =>
    c.shapes.map((shape, j) => {
      const a = sample(shape.map(stretch), c.dtypes?.[j] ?? "float64");
      mx.eval(a);
      return a;
    })
  );
  const f: Fn = (...x) => [c.f(...x)].flat(), bad = difference(f, args);
  if (bad !== null || !gradient) return bad;
  const loss = (...x: NDArray[]): NDArray => f(...x).reduce((s, y) => s.add(y.square().sum()), mx.array(0, "float64"));
  const back: Fn = (...x) => mx.vjp(loss, x, [mx.array(1, "float64")])[1], worse = difference(back, args);
  return worse === null ? null : `gradient: ${worse}`;
}

/** A function in the steps of a scan, in branches or not, or in a loop of unknown length. */
export function looped(c: Sampled, kind: "scan" | "branches" | "while"): Sampled {
  const f: Fn = (...x) => {
    const inner = (k: NDArray): NDArray[] => [c.f(mx.multiply(x[0] as NDArray, k), ...x.slice(1))].flat();
    if (kind === "while") {
      const start = inner(mx.array(1, "float64")).map((y) => mx.zerosLike(y));
      return mx.whileLoop(
        ([k]) => (k as NDArray).gt(0.8),
        ([k]) => [mx.multiply(k as NDArray, 0.9), ...inner(k as NDArray)],
        [mx.array(1, "float64"), ...start],
      );
    }
    const step = (k: NDArray): [NDArray, NDArray[]] => [
      mx.multiply(k, 0.9),
      kind === "scan" ? inner(k) : mx.cond(k.gt(0.95), inner, (k: NDArray) => inner(k.add(1)), k),
    ];
    return mx.scan(step, mx.array(1, "float64"), null, { length: 3, checkpoint: c.name.length % 2 === 0 })[1];
  };
  return { ...c, name: `${c.name} in ${kind}`, f };
}
/** A scan with as many steps as a function's first argument is long, over multiples of all arguments. */
export function walked(c: Sampled): Sampled {
  const f: Fn = (...x) => {
    const first = x[0] as NDArray, rest = Array.from({ length: first.ndim - 1 }, (_, i) => i + 1);
    const factors = first.ndim === 0 ? mx.stack([first, first]) : rest.length === 0 ? first : mx.mean(first, rest);
    const whole = x.map((a) => mx.multiply(a, mx.reshape(factors, [-1, ...new Array<number>(a.ndim).fill(1)])));
    const [end, ys] = mx.scan(
      (k: NDArray, rows: NDArray[]) => [mx.add(k, 1), [c.f(...rows)].flat()],
      mx.zerosLike(first),
      whole,
      { reverse: true },
    );
    return [end, ...ys];
  };
  return { ...c, name: `${c.name} walked`, f };
}

/** The roots of a recipe as a function of its leaves. */
function functionOf(recipe: Recipe): Fn {
  return (...leaves) => {
    let next = 0;
    const all = recipe.build(undefined, (make, k) => recipe.isLeaf(k) ? leaves[next++] as NDArray : make());
    return recipe.roots.map((i) => all[i] as NDArray);
  };
}
/** The same as the step of a scan along what its first leaf is multiplied by, and in a branch of it. */
function stepsOf(f: Fn): Fn {
  return (...leaves) => {
    const [first, ...rest] = leaves as [NDArray, ...NDArray[]], k = mx.zeros([], "int32");
    const walked = first.ndim === 0 ? mx.stack([first, first]) : first;
    const step = (n: NDArray, _row: NDArray): [NDArray, NDArray[]] => [
      mx.add(n, 1),
      mx.cond(mx.less(n, 1), () => f(first, ...rest), () => f(first, ...rest).map((y) => mx.zerosLike(y))),
    ];
    const [end, ys] = mx.scan(step, k, walked);
    return [end, ...ys];
  };
}
/** A random graph at several shapes, as it is or in the steps of a scan. */
export function shapelessGraphDifference(seed: number): string | null {
  const recipe = (k: number): Recipe =>
    randomRecipe(seed, 3 + seed % 14, false, (n) => n < 2 || k === 0 ? n : n + k + n * 7 % (k + 2));
  const leaves = (k: number): NDArray[] => {
    const one = recipe(k), all = one.build(undefined, (make, i) => one.isLeaf(i) ? make() : mx.array(0));
    return all.filter((_, i) => one.isLeaf(i));
  };
  const f = functionOf(recipe(0));
  return difference(seed % 3 === 0 ? stepsOf(f) : f, [0, 1, 2, 3].map(leaves));
}
