// Differentiable functions with points to test them at, and the check against central differences in float64, to second order.
import * as mx from "../../mod.ts";
import { type DType, isInexact } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { elementary } from "../../src/ops/lift.ts";
import { cover } from "./op_checks.ts";
import { Random } from "./random_graph.ts";

/** One function: shapes and domains of its arguments, away from kinks. */
export interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly domain: readonly [number, number];
  readonly f: (...x: NDArray[]) => NDArray;
  /** Values instead of random ones. */
  readonly at?: readonly (readonly number[])[];
  readonly tolerance?: number;
  /** The first order only. */
  readonly once?: boolean;
}
export const cases: Case[] = [];
const add = (
  name: string,
  shapes: Case["shapes"],
  domain: Case["domain"],
  f: Case["f"],
  more: Partial<Case> = {},
): void => void cases.push({ name, shapes, domain, f, ...more });
const S = [3, 4], one = [S];
for (
  const [name, f, lo, hi] of [
    ["negative", mx.negative, -2, 2],
    ["positive", mx.positive, -2, 2],
    ["square", mx.square, -2, 2],
    ["abs", mx.abs, 0.1, 2],
    ["sqrt", mx.sqrt, 0.3, 3],
    ["rsqrt", mx.rsqrt, 0.3, 3],
    ["reciprocal", mx.reciprocal, 0.5, 2],
    ["exp", mx.exp, -2, 2],
    ["expm1", mx.expm1, -2, 2],
    ["log", mx.log, 0.3, 3],
    ["log2", mx.log2, 0.3, 3],
    ["log10", mx.log10, 0.3, 3],
    ["log1p", mx.log1p, -0.5, 2],
    ["sin", mx.sin, -3, 3],
    ["cos", mx.cos, -3, 3],
    ["tan", mx.tan, -1, 1],
    ["arcsin", mx.arcsin, -0.8, 0.8],
    ["arccos", mx.arccos, -0.8, 0.8],
    ["arctan", mx.arctan, -3, 3],
    ["sinh", mx.sinh, -2, 2],
    ["cosh", mx.cosh, -2, 2],
    ["tanh", mx.tanh, -2, 2],
    ["arcsinh", mx.arcsinh, -2, 2],
    ["arccosh", mx.arccosh, 1.3, 4],
    ["arctanh", mx.arctanh, -0.7, 0.7],
    ["erf", mx.erf, -2, 2],
    ["erfinv", mx.erfinv, -0.8, 0.8],
    ["sigmoid", mx.sigmoid, -3, 3],
    ["degrees", mx.degrees, -2, 2],
    ["radians", mx.radians, -2, 2],
    ["nanToNum", mx.nanToNum, -2, 2],
    ["floor", mx.floor, 0.2, 0.8],
    ["ceil", mx.ceil, 0.2, 0.8],
    ["trunc", mx.trunc, 0.2, 0.8],
    ["sign", mx.sign, 0.2, 0.8],
    ["round", mx.round, 0.1, 0.4],
  ] as const
) add(name, one, [lo, hi], (x) => f(x as NDArray));
for (
  const [name, f, lo, hi] of [
    ["add", mx.add, -2, 2],
    ["subtract", mx.subtract, -2, 2],
    ["multiply", mx.multiply, -2, 2],
    ["divide", mx.divide, 0.5, 2],
    ["power", mx.power, 0.5, 2],
    ["arctan2", mx.arctan2, 0.5, 2],
    ["logaddexp", mx.logaddexp, -2, 2],
  ] as const
) {
  for (const shapes of [[S, S], [[3, 1], [4]], [[], S], [[2, 1, 4], [3, 1]]]) {
    add(`${name} of ${JSON.stringify(shapes)}`, shapes, [lo, hi], (x, y) => f(x as NDArray, y as NDArray));
  }
}
add("maximum", [[3, 1], [4]], [0, 1], (x, y) => mx.maximum(x as NDArray, mx.add(y as NDArray, 0.5)), {
  at: [[0.1, 0.9, 0.75], [0.2, 0.3, 0.05, 0.35]],
});
add("minimum", [[3, 1], [4]], [0, 1], (x, y) => mx.minimum(x as NDArray, mx.add(y as NDArray, 0.5)), {
  at: [[0.1, 0.9, 0.75], [0.2, 0.3, 0.05, 0.35]],
});
add("remainder", [[4], [4]], [1, 2], (x, y) => mx.remainder(x as NDArray, y as NDArray), {
  at: [[5.3, -2.4, 1.2, 7.9], [2, 1.7, 0.7, -2.3]],
});
add("floorDivide", [[4], [4]], [1, 2], (x, y) => mx.floorDivide(x as NDArray, y as NDArray), {
  at: [[5.3, -2.4, 1.2, 7.9], [2, 1.7, 0.7, -2.3]],
});
add("clip", [[5]], [0, 1], (x) => mx.clip(x as NDArray, -0.5, 0.5), { at: [[-0.9, -0.3, 0.1, 0.4, 0.8]] });
add("where", [S, [4]], [-1, 1], (x, y) => mx.where(mx.array([true, false, true, false]), x as NDArray, y as NDArray));
for (const k of [2, 3, 4, -1, -2, 0.5, 2.5]) add(`power ${k}`, one, [0.5, 2], (x) => mx.power(x as NDArray, k));
for (const axis of [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
  for (
    const [name, f] of [
      ["sum", mx.sum],
      ["prod", mx.prod],
      ["mean", mx.mean],
      ["var", mx.var],
      ["std", mx.std],
      ["logsumexp", mx.logsumexp],
      ["max", mx.max],
      ["min", mx.min],
    ] as const
  ) {
    add(`${name} over ${axis}`, [[2, 3, 2]], [0.5, 2], (x) => f(x as NDArray, { axis, keepdims: axis.length === 2 }));
  }
  add(`softmax over ${axis}`, [[2, 3, 2]], [-1, 1], (x) => mx.softmax(x as NDArray, axis));
}
add("var with ddof", one, [-1, 1], (x) => mx.var(x as NDArray, { axis: 1, ddof: 1 }));
add("prod with a zero", [[4]], [0, 1], (x) => mx.prod(x as NDArray), { at: [[1.5, 0, -2, 0.7]] });
add("prod with two zeros", [[4]], [0, 1], (x) => mx.prod(x as NDArray), { at: [[1.5, 0, 0, 0.7]] });
add("prod with three zeros", [[2, 4]], [0, 1], (x) => mx.prod(x as NDArray, 1), { at: [[1.5, 0, 0, 0, 2, 3, 0, 1]] });
add("power of zero", [[3]], [0, 1], (x) => mx.square(x as NDArray), { at: [[0, 1, -2]] });
for (
  const [name, f] of [
    ["reshape", (x) => mx.reshape(x, 2, 6)],
    ["transpose", (x) => mx.transpose(x)],
    ["get", (x) => mx.get(x, "::-2", "1:4")],
    ["get index", (x) => mx.get(x, -1)],
    ["get array", (x) => mx.get(x, mx.array([0, 2, 0, -1], "int32"))],
    ["concatenate", (x) => mx.concatenate([x, mx.square(x)], 1)],
    ["stack", (x) => mx.stack([x, mx.sin(x)], 1)],
    ["pad", (x) => mx.pad(x, [[1, 2], [0, 1]])],
    ["pad edge", (x) => mx.pad(x, [[1, 2], [0, 1]], "edge")],
    ["tile", (x) => mx.tile(x, [2, 2])],
    ["repeat", (x) => mx.repeat(x, 2, 0)],
    ["roll", (x) => mx.roll(x, 1, 1)],
    ["flip", (x) => mx.flip(x, 0)],
    ["broadcastTo", (x) => mx.broadcastTo(x, [2, 3, 4])],
    ["diagonal", (x) => mx.diagonal(x, 1)],
    ["diag", (x) => mx.diag(mx.get(x, 0), 1)],
    ["squeeze", (x) => mx.squeeze(mx.expandDims(x, 0))],
    ["take", (x) => mx.take(x, mx.array([1, 1, 0, -1], "int32"), 1)],
    ["takeAlongAxis", (x) => mx.takeAlongAxis(x, mx.array([[0, 1, 2, 0], [0, 0, 0, 1]], "int32"), 0)],
    ["diff", (x) => mx.diff(x)],
    ["tril", (x) => mx.tril(x)],
    ["triu", (x) => mx.triu(x, 1)],
    ["asStrided", (x) => mx.asStrided(x, [3, 3], { strides: [2, 1], offset: 1 })],
    ["split", (x) => mx.multiply(mx.split(x, 2, 1)[0] as NDArray, mx.split(x, 2, 1)[1] as NDArray)],
    ["moveaxis", (x) => mx.moveaxis(x, 0, 1)],
    ["contiguous", (x) => mx.contiguous(mx.transpose(x))],
    ["unflatten", (x) => mx.unflatten(x, 1, [2, 2])],
    ["flatten", (x) => mx.flatten(x)],
    ["meshgrid", (x) => mx.meshgrid(mx.get(x, 0), mx.get(x, 1))[0] as NDArray],
    ["astype", (x) => mx.astype(mx.square(x), "float64")],
    ["outer", (x) => mx.outer(x, x)],
    ["kron", (x) => mx.kron(x, x)],
    ["inner", (x) => mx.inner(x, x)],
    ["einsum", (x) => mx.einsum("ij,kj->ik", x, x)],
    ["tensordot", (x) => mx.tensordot(x, mx.transpose(x), 1)],
    ["vecdot", (x) => mx.vecdot(x, mx.sin(x))],
    ["sort", (x) => mx.multiply(mx.sort(x, 0), mx.sin(x))],
    ["topk", (x) => mx.topk(x, 2, 0)],
    ["median", (x) => mx.median(x, { axis: 1 })],
    ["partition", (x) => mx.partition(x, 1)],
    ["slice", (x) => mx.slice(x, mx.array([1], "int32"), [1], [2, 2])],
  ] as readonly (readonly [string, (x: NDArray) => NDArray])[]
) add(name, one, [0.3, 1.5], (x) => mx.square(f(x as NDArray)));
add(
  "at.add",
  [S, [2, 4]],
  [0.5, 2],
  (x, u) => mx.square((x as NDArray).at(mx.array([1, 1], "int32")).add(u as NDArray)),
);
add(
  "at.multiply",
  [S, [2, 4]],
  [0.5, 2],
  (x, u) => mx.square((x as NDArray).at(mx.array([1, 2], "int32")).multiply(u as NDArray)),
);
add(
  "at.maximum",
  [S, [2, 4]],
  [0.5, 2],
  (x, u) => mx.square((x as NDArray).at(mx.array([0, 2], "int32")).maximum(u as NDArray)),
);
add(
  "putAlongAxis",
  [S, [1, 4]],
  [0.5, 2],
  (x, u) => mx.square(mx.putAlongAxis(x as NDArray, mx.array([[0, 2, 1, 0]], "int32"), u as NDArray, 0)),
);
add(
  "sliceUpdate",
  [S, [2, 2]],
  [0.5, 2],
  (x, u) => mx.square(mx.sliceUpdate(x as NDArray, u as NDArray, [1, 1], [0, 1])),
);
add("set", [S, [4]], [0.5, 2], (x, u) => {
  const y = mx.multiply(x as NDArray, 1);
  y.set([1], u as NDArray);
  return mx.square(y);
});
add("matmul", [[3, 4], [4, 2]], [-1, 1], (x, y) => mx.square(mx.matmul(x as NDArray, y as NDArray)));
add(
  "matmul of batches",
  [[2, 1, 3, 2], [3, 2, 2]],
  [-1, 1],
  (x, y) => mx.square(mx.matmul(x as NDArray, y as NDArray)),
);
add("matmul of vectors", [[4], [4, 2]], [-1, 1], (x, y) => mx.square(mx.matmul(x as NDArray, y as NDArray)));
add(
  "addmm",
  [[2], [3, 4], [4, 2]],
  [-1, 1],
  (c, x, y) => mx.square(mx.addmm(c as NDArray, x as NDArray, y as NDArray, { alpha: 1.5, beta: 0.5 })),
);
add(
  "einsum of three",
  [[2, 3], [3, 4], [4]],
  [-1, 1],
  (x, y, z) => mx.einsum("ij,jk,k->i", x as NDArray, y as NDArray, z as NDArray),
);
/** A positive definite matrix made of one of 3 x 3. */
export const spd = (x: NDArray): NDArray => mx.add(mx.matmul(x, mx.transpose(x)), mx.eye(3, { dtype: x.dtype }));
for (
  const [name, f] of [
    ["linalg.inv", (x) => mx.linalg.inv(spd(x))],
    ["linalg.det", (x) => mx.linalg.det(spd(x))],
    ["linalg.slogdet", (x) => mx.linalg.slogdet(spd(x))[1]],
    ["linalg.cholesky", (x) => mx.linalg.cholesky(spd(x))],
    ["linalg.norm", (x) => mx.linalg.norm(x)],
    ["linalg.pinv", (x) => mx.linalg.pinv(spd(x))],
    ["linalg.triInv", (x) => mx.linalg.triInv(mx.tril(spd(x)))],
    ["linalg.cross", (x) => mx.linalg.cross(x, mx.square(x))],
    ["linalg.qr", (x) => mx.linalg.qr(spd(x))[1]],
    ["linalg.eigvalsh", (x) => mx.linalg.eigvalsh(spd(x))],
    ["linalg.eigh", (x) => {
      const [w, v] = mx.linalg.eigh(spd(x)) as [NDArray, NDArray];
      return mx.matmul(mx.multiply(v, mx.sin(w)), mx.transpose(v));
    }],
    ["linalg.svd", (x) => mx.linalg.svd(x, { computeUv: false })],
  ] as readonly (readonly [string, (x: NDArray) => NDArray])[]
) add(name, [[3, 3]], [-1, 1], (x) => mx.sin(f(x as NDArray)), { tolerance: 1e-5 });
add("linalg.solve", [[3, 3], [3, 2]], [-1, 1], (x, y) => mx.sin(mx.linalg.solve(spd(x as NDArray), y as NDArray)), {
  tolerance: 1e-5,
});
add(
  "linalg.solveTriangular",
  [[3, 3], [3, 2]],
  [-1, 1],
  (x, y) => mx.sin(mx.linalg.solveTriangular(mx.tril(spd(x as NDArray)), y as NDArray)),
  { tolerance: 1e-5 },
);
// Functions that may not exist yet.
const all = mx as unknown as Record<string, ((...x: unknown[]) => NDArray) | undefined>;
for (const name of ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"]) {
  const f = all[name];
  if (f === undefined) continue;
  for (const more of [{ axis: 0 }, { axis: 1, reverse: true }, { axis: 1, inclusive: false }]) {
    if (more.inclusive === false && name !== "cumsum" && name !== "cumprod") continue;
    add(`${name} ${JSON.stringify(more)}`, one, [0.5, 2], (x) => f(x, more));
  }
}

/** True if a function takes arrays of a dtype and gives inexact ones. */
export function accepts(f: (...x: NDArray[]) => NDArray, arity: number, dtype: DType): boolean {
  try {
    return isInexact(f(...Array.from({ length: arity }, () => mx.ones([1], dtype))).dtype);
  } catch (e) {
    if (e instanceof TypeError) return false;
    throw e;
  }
}
// What was defined with its op alone: new elementwise functions are tested without being listed.
const listed = new Set(cases.map((c) => c.name.split(" ")[0]));
for (const { op, arity, call } of elementary) {
  if (listed.has(op.name) || !accepts(call, arity, "float64")) continue;
  add(op.name, new Array(arity).fill(S), op.domain ?? [-2, 2], call);
}

export function array(values: readonly number[], shape: readonly number[]): NDArray {
  return mx.array(Float64Array.from(values), "float64").reshape([...shape]);
}
/** d loss / d argument k by the five-point stencil. */
function differences(
  loss: (...x: NDArray[]) => NDArray,
  values: readonly (readonly number[])[],
  shapes: readonly (readonly number[])[],
  k: number,
): number[] {
  const h = 5e-4,
    at = (i: number, step: number): NDArray =>
      loss(
        ...values.map((v, j) =>
          array(j === k ? v.map((x, m) => m === i ? x + step : x) : v, shapes[j] as readonly number[])
        ),
      );
  const sides = (values[k] as readonly number[]).map((_, i) =>
    [at(i, -2 * h), at(i, -h), at(i, h), at(i, 2 * h)] as const
  );
  mx.eval(sides as unknown as NDArray[][]);
  return sides.map((s) => {
    const [a, b, c, d] = s.map((x) => x.item() as number) as [number, number, number, number];
    return (a - 8 * b + 8 * c - d) / (12 * h);
  });
}
const numbers = (a: NDArray): number[] => Array.from(a.data() as Float64Array);
/** What is wrong with a case's gradients. */
export function checkGradient(c: Case): string | null {
  const r = new Random(c.name.length * 13 + 1), sizes = c.shapes.map((s) => s.reduce((a, b) => a * b, 1));
  const values = sizes.map((n, j) =>
    c.at?.[j] ?? Array.from({ length: n }, () => c.domain[0] + r.next() * (c.domain[1] - c.domain[0]))
  );
  const args = (): NDArray[] => values.map((v, j) => array(v, c.shapes[j] as readonly number[]));
  const out = cover(c.f(...args()));
  if (out.dtype !== "float64") return `the result has dtype ${out.dtype}`;
  const w = array(Array.from({ length: out.size }, () => r.next() * 2 - 1), out.shape), tolerance = c.tolerance ?? 1e-7;
  const loss = (...x: NDArray[]): NDArray => mx.sum(mx.multiply(c.f(...x), w));
  const compare = (what: string, got: readonly number[], want: readonly number[]): string | null => {
    const scale = want.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
    const i = want.findIndex((x, m) => !(Math.abs(x - (got[m] as number)) <= tolerance * scale));
    return i < 0 ? null : `${what}: element ${i} is ${got[i]}, the difference quotient ${want[i]}`;
  };
  for (let k = 0; k < values.length; k++) {
    const gradient = mx.grad(loss as (...x: NDArray[]) => NDArray, { argnums: k }) as unknown as (
        ...x: NDArray[]
      ) => NDArray,
      g = gradient(...args());
    if (g.shape.join() !== (c.shapes[k] as readonly number[]).join() || g.dtype !== "float64") {
      return `argument ${k}: the gradient is ${g.dtype}[${g.shape}]`;
    }
    const bad = compare(`argument ${k}`, numbers(g), differences(loss, values, c.shapes, k));
    if (bad !== null) return bad;
    if (c.once) continue;
    const u = array(
      Array.from({ length: sizes[k] as number }, () => r.next() * 2 - 1),
      c.shapes[k] as readonly number[],
    );
    const second = (...x: NDArray[]): NDArray => mx.sum(mx.multiply(gradient(...x), u));
    for (let j = k; j < values.length; j++) {
      const gg =
        (mx.grad(second as (...x: NDArray[]) => NDArray, { argnums: j }) as unknown as (...x: NDArray[]) => NDArray)(
          ...args(),
        );
      const bad2 = compare(
        `second order, arguments ${k} and ${j}`,
        numbers(gg),
        differences(second, values, c.shapes, j),
      );
      if (bad2 !== null) return bad2;
    }
  }
  return null;
}
/** Functions of complex numbers, away from cuts and poles. */
export const complexCases: readonly (readonly [string, (z: NDArray) => NDArray])[] = [
  ["square", (z) => mx.square(z)],
  ["product", (z) => mx.multiply(z, mx.conjugate(z))],
  ["quotient", (z) => mx.divide(mx.conj(z), z)],
  ["power", (z) => mx.power(z, z)],
  ["parts", (z) => mx.multiply(mx.real(z), mx.imag(z))],
  ["reciprocal", (z) => mx.reciprocal(z)],
  ["abs", (z) => mx.abs(z)],
  ["largest", (z) => mx.multiply(z, mx.max(z))],
  ["where", (z) => mx.where(mx.array([true, false, true]), z, mx.conj(z))],
  ["sum", (z) => mx.multiply(mx.sum(z), z)],
  ["matmul", (z) => mx.matmul(mx.outer(z, z), mx.conj(z))],
  ...([
    "negative",
    "exp",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "arcsinh",
    "arccosh",
    "arctanh",
  ] as const).map((name) => [name, (z: NDArray) => mx[name](z)] as const),
];
/** What is wrong with the gradient dL/dx + i dL/dy of a real loss L of complex numbers x + iy, against difference quotients in float32. */
export function checkComplexGradient(f: (z: NDArray) => NDArray): string | null {
  const z = [{ re: 0.7, im: 0.4 }, { re: -0.6, im: 0.8 }, { re: 0.3, im: -0.5 }], w = { re: 0.6, im: -1.1 }, h = 2e-2;
  const loss = (z: NDArray): NDArray => {
    const y = f(z).mul(w);
    return mx.sum(mx.real(y).add(mx.imag(y).mul(mx.array([0.5, -1.5, 1]))));
  };
  const at = (k: number, part: "re" | "im", step: number): number =>
    loss(mx.array(z.map((v, i) => i === k ? { ...v, [part]: v[part] + step } : v))).item() as number;
  const slope = (k: number, part: "re" | "im"): number =>
    (at(k, part, -2 * h) - 8 * at(k, part, -h) + 8 * at(k, part, h) - at(k, part, 2 * h)) / (12 * h);
  cover(loss(mx.array(z)));
  const got = mx.grad(loss)(mx.array(z)).tolist() as mx.Complex[];
  for (let k = 0; k < z.length; k++) {
    const want = { re: slope(k, "re"), im: slope(k, "im") }, g = got[k] as mx.Complex;
    const scale = 2e-3 * (1 + Math.hypot(want.re, want.im));
    if (!(Math.hypot(g.re - want.re, g.im - want.im) <= scale)) {
      return `element ${k} is ${JSON.stringify(g)}, the difference quotient ${JSON.stringify(want)}`;
    }
  }
  return null;
}
/** The cases, by name. */
export const gradientCases: readonly Case[] = cases;

export const gradientOf = (f: (x: NDArray) => NDArray, x: readonly number[]): number[] =>
  numbers(mx.grad((a: NDArray) => mx.sum(f(a)))(array(x, [x.length])));
