// Well-known computations and what they give in plain JavaScript: the golden kernels, which every backend has to run right.
import * as mx from "../../mod.ts";
import { words } from "../reference/grid.ts";

/** A computation: its name, and arrays that are not evaluated yet, with the numbers that they have to hold. */
export interface Case {
  readonly name: string;
  readonly make: () => readonly (readonly [mx.NDArray, readonly number[]])[];
}
/** All of them. */
export const CASES: Case[] = [];

type Matrix = readonly (readonly number[])[];

/** Numbers between -2 and 2 that look random. */
const numbers = (n: number, seed: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.fround(2 * Math.sin(seed + 12.9898 * (i + 1) * (seed + 1))));
const matrix = (rows: number, columns: number, seed: number): number[][] => {
  const x = numbers(rows * columns, seed);
  return Array.from({ length: rows }, (_, r) => x.slice(r * columns, (r + 1) * columns));
};
const array = (x: Matrix): mx.NDArray => mx.array(new Float32Array(x.flat())).reshape(x.length, x[0]!.length);
const turned = (x: Matrix): number[][] => x[0]!.map((_, c) => x.map((r) => r[c] as number));
/** A function of rows, along either axis. */
const along = (axis: number, f: (...rows: number[][]) => number[], ...x: Matrix[]): number[][] => {
  const m = axis === 0 ? x.map(turned) : x, y = m[0]!.map((_, i) => f(...m.map((k) => [...k[i] as number[]])));
  return axis === 0 ? turned(y) : y;
};
const total = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);
const mean = (x: readonly number[]): number => total(x) / x.length;

const golden = (name: string, make: Case["make"]): void => {
  CASES.push({ name, make });
};

const X = matrix(6, 40, 1), W = matrix(6, 40, 2);
const softmax = (x: readonly number[]): number[] => {
  const top = Math.max(...x), e = x.map((v) => Math.exp(v - top)), s = total(e);
  return e.map((v) => v / s);
};
const EPS = 1e-5;
const normal = (x: readonly number[]): { readonly y: number[]; readonly scale: number } => {
  const m = mean(x), scale = 1 / Math.sqrt(mean(x.map((v) => (v - m) ** 2)) + EPS);
  return { y: x.map((v) => (v - m) * scale), scale };
};
function layerNorm(x: mx.NDArray, axis: number): mx.NDArray {
  return x.sub(x.mean({ axis, keepdims: true })).mul(mx.rsqrt(x.var({ axis, keepdims: true }).add(EPS)));
}
for (const axis of [-1, 0]) {
  const name = axis === 0 ? "axis 0" : "the last axis";
  golden(`softmax over ${name}`, () => [[mx.softmax(array(X), axis), along(axis, softmax, X).flat()]]);
  golden(`softmax backward over ${name}`, () => {
    const w = array(W);
    return [[
      mx.grad((x: mx.NDArray) => mx.softmax(x, axis).mul(w).sum())(array(X)),
      along(
        axis,
        (x, w) => {
          const p = softmax(x), d = total(p.map((v, i) => v * (w[i] as number)));
          return p.map((v, i) => v * ((w[i] as number) - d));
        },
        X,
        W,
      ).flat(),
    ]];
  });
  golden(`layer norm over ${name}`, () => [[layerNorm(array(X), axis), along(axis, (x) => normal(x).y, X).flat()]]);
  golden(`layer norm backward over ${name}`, () => {
    const w = array(W);
    return [[
      mx.grad((x: mx.NDArray) => layerNorm(x, axis).mul(w).sum())(array(X)),
      along(
        axis,
        (x, w) => {
          const { y, scale } = normal(x), a = mean(w), b = mean(w.map((v, i) => v * (y[i] as number)));
          return w.map((v, i) => scale * (v - a - (y[i] as number) * b));
        },
        X,
        W,
      ).flat(),
    ]];
  });
  golden(`cumulative sum over ${name}`, () => [[
    mx.cumsum(array(X).mul(2), axis),
    along(axis, (x) => {
      let s = 0;
      return x.map((v) => s += 2 * v);
    }, X).flat(),
  ]]);
  golden(`exclusive cumulative maximum over ${name}`, () => [[
    mx.cummax(array(X), { axis, inclusive: false }),
    along(axis, (x) => {
      let s = -Infinity;
      return x.map((v) => {
        const before = s;
        s = Math.max(s, v);
        return before;
      });
    }, X).flat(),
  ]]);
}

const TARGETS = [3, 0, 39, 7, 7, 20];
const crossEntropy = (x: mx.NDArray, t: mx.NDArray): mx.NDArray =>
  mx.mean(mx.logsumexp(x, -1).sub(mx.squeeze(mx.takeAlongAxis(x, mx.expandDims(t, -1), -1), -1)));
golden("cross entropy", () => [[
  crossEntropy(array(X), mx.array(new Int32Array(TARGETS))),
  [mean(X.map((x, i) => -Math.log(softmax(x)[TARGETS[i] as number] as number)))],
]]);
golden("cross entropy backward", () => {
  const t = mx.array(new Int32Array(TARGETS));
  return [[
    mx.grad((x: mx.NDArray) => crossEntropy(x, t))(array(X)),
    X.flatMap((x, i) => softmax(x).map((p, c) => (p - (c === TARGETS[i] ? 1 : 0)) / X.length)),
  ]];
});
golden("argmax", () => [
  [mx.argmax(array(X), -1), X.map((x) => x.indexOf(Math.max(...x)))],
  [mx.argmax(array(X), 0), turned(X).map((x) => x.indexOf(Math.max(...x)))],
]);
golden("scatter-add", () => {
  const want = X.map((r) => [...r]);
  TARGETS.forEach((t, i) => W[i]!.forEach((v, c) => want[t % 6]![c]! += v));
  return [[array(X).at(mx.array(new Int32Array(TARGETS.map((t) => t % 6)))).add(array(W)), want.flat()]];
});
golden("column sum", () => [[array(X).sum(0), turned(X).map(total)]]);
golden("transposed copy", () => [[mx.contiguous(array(X).T), turned(X).flat()]]);

golden("dropout", () => {
  // An element is kept where bits / 2^32 is below the probability.
  const keep = 0.75, bits = words([0, 42], 240);
  return [[
    mx.where(mx.random.bernoulli({ p: keep, shape: [6, 40], key: mx.random.key(42) }), array(X).mul(1 / keep), 0),
    X.flat().map((v, i) => bits[i]! / 4294967296 < keep ? v / keep : 0),
  ]];
});
