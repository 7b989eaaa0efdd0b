// What has to hold for a function under the transforms: forward against reverse mode, to second order, and batches against loops.
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { topological } from "../../src/core/node.ts";
import { elementary } from "../../src/ops/lift.ts";
import { accepts, cases, spd } from "./gradient_checks.ts";
import { Random, randomArray } from "./random_graph.ts";

/** A function and what to sample it at. */
export interface Sampled {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly f: (...x: NDArray[]) => NDArray | NDArray[];
  readonly dtypes?: readonly DType[];
  readonly domain?: readonly [number, number];
  /** Values instead of random ones; examples are multiples of them. */
  readonly at?: readonly (readonly number[])[];
  readonly tolerance?: number;
  /** Which arguments may be mapped (all). */
  readonly mapped?: readonly number[];
}
type Fn = (...x: NDArray[]) => NDArray;
const LENGTH = 3;

/** Names of ops that a check walked, with tangents and with batches. */
export const walked = new Set<string>();
function note(c: Sampled, args: readonly NDArray[]): void {
  const roots = [c.f(...args)].flat().map((a) => a.node), from = new Set(args.map((a) => a.node));
  const reached = new Set(from);
  for (const n of topological(roots, (x) => from.has(x))) {
    if (!n.inputs.some((x) => reached.has(x))) continue;
    reached.add(n);
    walked.add(n.op.name);
  }
}
/** Argument `j`, as example `k`. */
function sample(c: Sampled, r: Random, j: number, k: number): NDArray {
  const shape = c.shapes[j] as readonly number[], dtype = c.dtypes?.[j] ?? "float64", given = c.at?.[j];
  if (dtype !== "float64") return randomArray(r, dtype, shape);
  const [lo, hi] = c.domain ?? [-2, 2], n = shape.reduce((a, b) => a * b, 1);
  const values = Array.from(
    { length: n },
    (_, i) => given ? (given[i] as number) * (1 + 0.03 * k) : lo + r.next() * (hi - lo),
  );
  return mx.array(Float64Array.from(values), "float64").reshape([...shape]);
}
const random = (r: Random, like: NDArray): NDArray =>
  mx.array(Float64Array.from({ length: like.size }, () => r.next() * 2 - 1), "float64").reshape(like.shape);
const dot = (a: NDArray, b: NDArray): NDArray => mx.sum(mx.multiply(a, b));
function numbers(a: NDArray): number[] {
  const data = a.data();
  return Array.from(data as Float64Array, Number);
}
/** Pairs that must agree, evaluated together. */
class Pairs {
  readonly #list: { what: string; got: NDArray; want: NDArray }[] = [];
  add(what: string, got: NDArray, want: NDArray): void {
    this.#list.push({ what, got, want });
  }
  check(tolerance: number): string | null {
    mx.eval(this.#list.flatMap((p) => [p.got, p.want]));
    for (const { what, got, want } of this.#list) {
      if (got.dtype !== want.dtype || got.shape.join() !== want.shape.join()) {
        return `${what}: ${got.dtype}[${got.shape}], expected ${want.dtype}[${want.shape}]`;
      }
      const x = numbers(got),
        y = numbers(want),
        scale = y.reduce((a, b) => Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a, 1);
      const i = y.findIndex((v, k) => !(Object.is(v, x[k]) || Math.abs(v - (x[k] as number)) <= tolerance * scale));
      if (i >= 0) return `${what}: element ${i} is ${x[i]}, expected ${y[i]}`;
    }
    return null;
  }
}

/** Forward mode against reverse mode of a real function of float64 arrays, and their compositions. */
export function checkForward(c: Sampled): string | null {
  const r = new Random(c.name.length * 7 + 3), f = c.f as Fn, args = c.shapes.map((_, j) => sample(c, r, j, 0));
  note(c, args);
  const us = args.map((a) => random(r, a)), w = random(r, f(...args)), pairs = new Pairs();
  const loss: Fn = (...x) => dot(f(...x), w);
  const [[value], [t]] = mx.jvp(f, args, us) as [[NDArray], [NDArray]], [, gs] = mx.vjp(f, args, [w]);
  pairs.add("value", value, f(...args));
  pairs.add("jvp against vjp", dot(t, w), gs.map((g, j) => dot(g, us[j] as NDArray)).reduce((a, b) => mx.add(a, b)));
  // The Hessian of the loss times u in three ways.
  const gradients = (...x: NDArray[]): NDArray[] => mx.vjp(loss, x, [mx.ones([], "float64")])[1];
  const overReverse =
    mx.vjp((...x) => gradients(...x).map((g, j) => dot(g, us[j] as NDArray)).reduce((a, b) => mx.add(a, b)), args, [
      mx.ones([], "float64"),
    ])[1];
  const again = mx.checkpoint(f), [, checked] = mx.vjp((...x) => dot(again(...x), w), args, [mx.ones([], "float64")]);
  gradients(...args).forEach((g, j) => pairs.add(`gradient of a checkpoint, argument ${j}`, checked[j] as NDArray, g));
  const overForward = (...x: NDArray[]): NDArray[] => mx.jvp(gradients, x, us)[1];
  overForward(...args).forEach((h, j) =>
    pairs.add(`forward over reverse, argument ${j}`, h, overReverse[j] as NDArray)
  );
  mx.compile(overForward)(...args).forEach((h, j) =>
    pairs.add(`the same compiled, argument ${j}`, h, overReverse[j] as NDArray)
  );
  mx.vjp((...x) => dot(mx.jvp(f, x, us)[1][0] as NDArray, w), args, [mx.ones([], "float64")])[1]
    .forEach((h, j) => pairs.add(`reverse over forward, argument ${j}`, h, overReverse[j] as NDArray));
  return pairs.check(Math.max(c.tolerance ?? 0, 1e-9));
}

/** Batches against loops: each argument alone along every axis, all together, and with `gradients` their compositions with grad. */
export function checkBatch(c: Sampled, gradients: boolean): string | null {
  const r = new Random(c.name.length * 11 + 5), count = c.shapes.length, pairs = new Pairs();
  const examples = c.shapes.map((_, j) => Array.from({ length: LENGTH }, (_, k) => sample(c, r, j, k)));
  const one = examples.map((e) => e[0] as NDArray);
  note(c, one);
  const f = (...x: NDArray[]): NDArray[] => [c.f(...x)].flat();
  const along = (axes: readonly (number | null)[]): NDArray[] =>
    axes.map((a, j) => a === null ? one[j] as NDArray : mx.stack(examples[j] as NDArray[], a));
  const at = (axes: readonly (number | null)[], k: number): NDArray[] =>
    axes.map((a, j) => (examples[j] as NDArray[])[a === null ? 0 : k] as NDArray);
  const loop = (run: (k: number) => NDArray[]): NDArray[][] => Array.from({ length: LENGTH }, (_, k) => run(k));
  const column = (rows: readonly NDArray[][], i: number): NDArray[] => rows.map((x) => x[i] as NDArray);
  const mappable = c.mapped ?? c.shapes.map((_, j) => j), choices: (number | null)[][] = [];
  for (const j of mappable) {
    for (let axis = 0; axis <= (c.shapes[j] as readonly number[]).length; axis++) {
      choices.push(c.shapes.map((_, i) => i === j ? axis : null));
    }
  }
  const together = c.shapes.map((s, j) => mappable.includes(j) ? (j + s.length) % (s.length + 1) : null);
  if (mappable.length > 1) choices.push(together);
  for (const inAxes of choices) {
    const rows = loop((k) => f(...at(inAxes, k))), axis = Math.min(1, (rows[0]?.[0] as NDArray).ndim);
    const got = mx.vmap(f, { inAxes, outAxes: f(...one).map((_, i) => i === 0 ? axis : 0) })(...along(inAxes));
    got.forEach((g, i) =>
      pairs.add(`vmap ${JSON.stringify(inAxes)}, result ${i}`, g, mx.stack(column(rows, i), i === 0 ? axis : 0))
    );
  }
  const axes = choices[choices.length - 1] as (number | null)[], alone = f(...one);
  const few = (j: number, axis: number, n: 0 | 1): NDArray =>
    n === 1
      ? mx.stack([one[j] as NDArray], axis)
      : mx.zeros((c.shapes[j] as readonly number[]).toSpliced(axis, 0, 0), (one[j] as NDArray).dtype);
  for (const n of [0, 1] as const) {
    const args = axes.map((a, j) => a === null ? one[j] as NDArray : few(j, a, n));
    mx.vmap(f, { inAxes: axes })(...args).forEach((g, i) => {
      const y = alone[i] as NDArray;
      pairs.add(`vmap of ${n} examples, result ${i}`, g, n === 1 ? mx.stack([y]) : mx.zeros([0, ...y.shape], y.dtype));
    });
  }
  if (c.dtypes === undefined || c.dtypes[0] === "float64") {
    const inner = (x: NDArray): NDArray => f(x, ...one.slice(1))[0] as NDArray, list = examples[0] as NDArray[];
    const twice = mx.stack([mx.stack(list, -1), mx.stack([...list].reverse(), -1)], 0),
      last = inner(list[0] as NDArray).ndim;
    const want = [list, [...list].reverse()].map((l) => mx.stack(l.map(inner), last));
    pairs.add("vmap(vmap)", mx.vmap(mx.vmap(inner, { inAxes: -1, outAxes: -1 }))(twice), mx.stack(want));
  }
  if (gradients) {
    const w = random(r, f(...one)[0] as NDArray),
      ws = mx.stack(Array.from({ length: LENGTH }, () => w)),
      unit = [mx.ones([], "float64")];
    const loss = (...x: NDArray[]): NDArray => dot(f(...x)[0] as NDArray, w),
      grads = (...x: NDArray[]): NDArray[] => mx.vjp(loss, x, unit)[1];
    for (const inAxes of count > 1 ? [choices[0] as (number | null)[], together] : [together]) {
      const rows = loop((k) => grads(...at(inAxes, k))), whole = along(inAxes), each = mx.vmap(grads, { inAxes });
      for (const [what, run] of [["vmap(grad)", each], ["compile(vmap(grad))", mx.compile(each)]] as const) {
        run(...whole).forEach((g, j) =>
          pairs.add(`${what} ${JSON.stringify(inAxes)}, argument ${j}`, g, mx.stack(column(rows, j)))
        );
      }
      const batched = mx.vmap((...x: NDArray[]) => f(...x)[0] as NDArray, { inAxes });
      mx.vjp((...x) => dot(batched(...x), ws), whole, unit)[1].forEach((g, j) => {
        const a = inAxes[j] as number | null, parts = column(rows, j);
        pairs.add(
          `grad(vmap) ${JSON.stringify(inAxes)}, argument ${j}`,
          g,
          a === null ? parts.reduce((x, y) => mx.add(x, y)) : mx.stack(parts, a),
        );
      });
    }
  }
  return pairs.check(Math.max(c.tolerance ?? 0, 1e-9));
}

/** Functions of complex numbers. */
export const complex: Sampled[] = [];
const floats = (n: number): DType[] => new Array<DType>(n).fill("float64");
/** Functions without gradients, of several results, or of other dtypes: batches only. */
export const more: Sampled[] = [];
const also = (
  name: string,
  shapes: Sampled["shapes"],
  dtypes: readonly DType[],
  f: Sampled["f"],
  extra: Partial<Sampled> = {},
): void => void more.push({ name, shapes, dtypes, f, ...extra });
const M = [3, 3], S = [3, 4];
for (
  const [name, f] of [
    ["argmax", (x) => mx.argmax(x, 0)],
    ["argmin of all", (x) => mx.argmin(x)],
    ["argsort", (x) => mx.argsort(x, 0)],
    ["sort", (x) => mx.sort(x, 0)],
    ["topk", (x) => mx.topk(x, 2, 1)],
    ["median", (x) => mx.median(x, 1)],
    ["all", (x) => mx.all(mx.greater(x, -1.9), 1)],
    ["any", (x) => mx.any(mx.greater(x, 1), 0)],
    ["countNonzero", (x) => mx.countNonzero(x, 0)],
    ["isclose", (x) => mx.isclose(x, mx.round(x), { atol: 0.2 })],
    ["unique", (x) => mx.unique(mx.round(x), 5, { returnIndex: true, returnInverse: true, returnCounts: true })],
    ["searchsorted", (x) => mx.searchsorted(mx.sort(mx.flatten(x)), x)],
    ["astype", (x) => mx.astype(x, "int32")],
    ["view", (x) => mx.view(x, "uint32")],
    ["view of wider", (x) => mx.view(mx.astype(x, "float32"), "float64")],
    ["stopGradient", (x) => mx.stopGradient(x)],
    ["depends", (x) => mx.depends(mx.sum(x), mx.max(x))],
    ["histogram by at.add", (x) => mx.zeros([5]).at(mx.abs(x).astype("int32")).add(1)],
    ["cummax", (x) => mx.cummax(x, 1)],
    ["cumsum of all", (x) => mx.cumsum(x)],
    ["softmax", (x) => mx.softmax(x, 0)],
    ["nested vmap", (x) => mx.vmap((row: NDArray) => mx.cumsum(row, 0), { inAxes: 1, outAxes: 1 })(x)],
  ] as readonly (readonly [string, (x: NDArray) => NDArray | NDArray[]])[]
) also(name, [S], floats(1), (x) => f(x as NDArray));
also("matmul of integers", [S, [4, 2]], ["int32", "int32"], (x, y) => mx.matmul(x as NDArray, y as NDArray));
also(
  "matmul of batches",
  [[2, 1, 3, 4], [5, 4, 2]],
  ["float64", "float64"],
  (x, y) => mx.matmul(x as NDArray, y as NDArray),
);
also("matmul of a vector and a matrix", [[4], [4, 2]], floats(2), (x, y) => mx.matmul(x as NDArray, y as NDArray));
also(
  "addmm",
  [[2], S, [4, 2]],
  floats(3),
  (c, x, y) => mx.addmm(c as NDArray, x as NDArray, y as NDArray, { alpha: 2, beta: 0.5 }),
);
also(
  "floorDivide",
  [S, S],
  ["int32", "int32"],
  (x, y) => mx.floorDivide(x as NDArray, mx.maximum(y as NDArray, 1)),
);
also(
  "shifts and bits",
  [S, S],
  ["int32", "int32"],
  (x, y) => mx.bitwiseXor(mx.leftShift(x as NDArray, 2), mx.bitwiseInvert(mx.bitwiseAnd(x as NDArray, y as NDArray))),
);
const index = (x: NDArray): NDArray => mx.remainder(x, 3).astype("int32");
also(
  "take at mapped indices",
  [S, [2, 2]],
  ["float64", "int32"],
  (x, i) => mx.take(x as NDArray, index(i as NDArray), 0),
);
also(
  "get at several index arrays",
  [[3, 2, 3], [4], [4]],
  ["float64", "int32", "int32"],
  (x, i, j) => (x as NDArray).get(index(i as NDArray), ":", index(j as NDArray)),
);
also(
  "takeAlongAxis at mapped indices",
  [S, [2, 4]],
  ["float64", "int32"],
  (x, i) => mx.takeAlongAxis(x as NDArray, index(i as NDArray), 0),
);
also(
  "slice at a mapped start",
  [S, [2]],
  ["float64", "int32"],
  (x, i) => mx.slice(x as NDArray, index(i as NDArray), [0, 1], [2, 2]),
);
also(
  "sliceUpdate at a mapped start",
  [S, [2, 2], [2]],
  ["float64", "float64", "int32"],
  (x, u, i) => mx.sliceUpdate(x as NDArray, u as NDArray, index(i as NDArray), [0, 1]),
);
for (const mode of ["add", "multiply", "maximum", "minimum"] as const) {
  also(
    `at.${mode} at mapped indices`,
    [S, [2], [2, 4]],
    ["float64", "int32", "float64"],
    (x, i, u) => (x as NDArray).at(index(i as NDArray))[mode](u as NDArray),
  );
}
also("set at mapped indices", [S, [2], [2, 4]], ["float64", "int32", "float64"], (x, i, u) => {
  const y = mx.positive(x as NDArray);
  y.set([index(i as NDArray)], u as NDArray);
  return y;
});
also(
  "set by a mask of the same shape",
  [S, S],
  floats(2),
  (x, m) => mx.where(mx.greater(m as NDArray, 0), 1, x as NDArray),
);
const key = { mapped: [0], dtypes: ["uint32"] as const };
for (
  const [name, f] of [
    ["random.uniform", (k) => mx.random.uniform({ shape: [4], key: k })],
    ["random.normal", (k) => mx.random.normal([2, 3], { key: k })],
    ["random.split", (k) => mx.random.split(k)],
    ["random.permutation", (k) => mx.random.permutation(5, { key: k })],
    ["random.categorical", (k) => mx.random.categorical(mx.zeros([2, 4]), { key: k })],
  ] as readonly (readonly [string, (k: NDArray) => NDArray])[]
) also(name, [[2]], key.dtypes, (k) => f(k as NDArray));
for (
  const [name, f] of [
    ["linalg.eigh", (x) => mx.linalg.eigh(spd(x))],
    ["linalg.eigvals", (x) => mx.linalg.eigvals(spd(x))],
    ["linalg.eig", (x) => mx.linalg.eig(spd(x))],
    ["linalg.svd", (x) => mx.linalg.svd(x)],
    ["linalg.qr", (x) => mx.linalg.qr(x)],
    ["linalg.lu", (x) => mx.linalg.lu(x)],
    ["linalg.luFactor", (x) => mx.linalg.luFactor(x)],
    ["linalg.norm nuc", (x) => mx.linalg.norm(x, "nuc")],
  ] as readonly (readonly [string, (x: NDArray) => NDArray | NDArray[]])[]
) also(name, [M], floats(1), (x) => f(x as NDArray), { tolerance: 1e-6 });
for (
  const [name, f] of [
    ["complex parts", (z) => [mx.real(z), mx.imag(z), mx.conj(z), mx.abs(z)]],
    ["complex products", (z) => mx.matmul(z, mx.exp(z).T)],
    ["complex extremes", (z) => mx.max(z, 1)],
  ] as readonly (readonly [string, (z: NDArray) => NDArray | NDArray[]])[]
) also(name, [S], ["complex64"], (z) => f(z as NDArray), { tolerance: 1e-5 });

// Elementwise functions, listed or not: of integers and bools where they take no floats, and of complex numbers.
for (const { op, arity, call } of elementary) {
  for (const d of ["float64", "int32", "bool", "complex64"] as const) {
    try {
      call(...Array.from({ length: arity }, () => mx.ones([1], d)));
    } catch (e) {
      if (e instanceof TypeError) continue;
      throw e;
    }
    const domain = op.domain ?? [-2, 2];
    also(`${op.name} of ${d}`, new Array(arity).fill(S), new Array(arity).fill(d), call, { domain, tolerance: 1e-5 });
    if (d === "complex64" && accepts(call, arity, d)) {
      complex.push({ name: op.name, shapes: new Array(arity).fill(S), dtypes: new Array(arity).fill(d), f: call });
    }
  }
}
for (
  const [name, f] of [
    ["conj", (x) => mx.conj(x)],
    ["real", (x) => mx.real(x)],
    ["imag", (x) => mx.imag(x)],
    ["multiply", (x, y) => mx.multiply(x, y)],
    ["divide", (x, y) => mx.divide(x, y)],
    ["matmul", (x, y) => mx.matmul(x, y.T)],
    ["sum", (x) => mx.sum(x, 0)],
    ["prod", (x) => mx.prod(x, 1)],
    ["mean", (x) => mx.mean(x)],
    ["var", (x) => mx.var(x, 1)],
    ["cumsum", (x) => mx.cumsum(x, 1)],
    ["cumprod", (x) => mx.cumprod(x, 1)],
    ["logcumsumexp", (x) => mx.logcumsumexp(x, 1)],
    ["max", (x) => mx.max(x, 1)],
    ["take", (x) => mx.take(x, mx.array([0, 2, 0], "int32"), 0)],
    ["concatenate", (x, y) => mx.concatenate([x, y], 1)],
    ["astype to float32", (x) => mx.astype(x, "float32")],
    ["complex of real", (x) => mx.multiply(mx.real(x), { re: 1, im: 2 })],
    ["eigvalsh", (x) => mx.linalg.eigvalsh(mx.matmul(x, mx.conj(x).T))],
  ] as readonly (readonly [string, (x: NDArray, y: NDArray) => NDArray])[]
) {
  complex.push({
    name,
    shapes: new Array(f.length).fill(S),
    dtypes: new Array(f.length).fill("complex64"),
    f: f as Fn,
  });
}

/** Forward against reverse mode of a function of complex numbers, which are pairs of real ones. */
export function checkComplex(c: Sampled): string | null {
  const r = new Random(c.name.length * 5 + 1),
    f = c.f as Fn,
    args = c.shapes.map((_, j) => sample(c, r, j, 0)),
    y = f(...args);
  const inner = (a: NDArray, b: NDArray): NDArray => mx.real(mx.sum(mx.multiply(mx.conj(a), b)));
  const us = args.map((a) => randomArray(r, a.dtype, a.shape)),
    w = randomArray(r, y.dtype, y.shape),
    pairs = new Pairs();
  const [, [t]] = mx.jvp(f, args, us) as [NDArray[], [NDArray]], [, gs] = mx.vjp(f, args, [w]);
  pairs.add(
    "jvp against vjp",
    inner(t, w),
    gs.map((g, j) => inner(g, us[j] as NDArray)).reduce((a, b) => mx.add(a, b)),
  );
  return pairs.check(2e-4);
}
/** The functions of the gradient tests: differentiable, of float64. */
export const differentiable: readonly Sampled[] = cases;
