// What defines each factorisation and solution: products of the results, in float64, give the input back.
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { arrayOf, attempt, cover } from "./op_checks.ts";
import { Random } from "./random_graph.ts";

type Matrix = readonly (readonly number[])[];
const product = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((s, x, k) => s + x * b[k]![j]!, 0)));
const turned = (a: Matrix): number[][] => a[0]!.map((_, j) => a.map((row) => row[j] as number));
const times = (a: Matrix, d: readonly number[]): number[][] => a.map((row) => row.map((x, j) => x * d[j]!));
const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
/** The largest difference, or Infinity for other shapes and NaN. */
function apart(a: Matrix, b: Matrix): number {
  if (a.length !== b.length || a[0]?.length !== b[0]?.length) return Infinity;
  const d = Math.max(...a.map((row, i) => Math.max(...row.map((x, j) => Math.abs(x - b[i]![j]!)))));
  return Number.isNaN(d) ? Infinity : d;
}
const zeroAbove = (a: Matrix, upper: boolean): boolean =>
  a.every((row, i) => row.every((x, j) => (upper ? j >= i : j <= i) || x === 0));

/** The distance from what defines each result, by the name of the function. */
export function distances(make: (n: number) => NDArray, n: number): Record<string, () => number> {
  const f64 = (a: NDArray): NDArray => cover(a).astype("float64");
  const matrix = (a: NDArray): number[][] => f64(a).tolist() as number[][];
  const vector = (a: NDArray): number[] => f64(a).tolist() as number[];
  const a = make(n), A = matrix(a), b = make(n), B = matrix(b);
  const spd = mx.add(mx.matmul(a, a.T), mx.eye(n, { dtype: a.dtype })), S = matrix(spd), T = matrix(mx.tril(spd));
  return {
    inv: () => apart(product(matrix(mx.linalg.inv(spd)), S), identity(n)),
    solve: () => apart(product(S, matrix(mx.linalg.solve(spd, b))), B),
    solveTriangular: () => apart(product(T, matrix(mx.linalg.solveTriangular(mx.tril(spd), b))), B),
    triInv: () => apart(product(matrix(mx.linalg.triInv(mx.tril(spd))), T), identity(n)),
    cholesky: () => {
      const l = matrix(mx.linalg.cholesky(spd));
      return zeroAbove(l, false) ? apart(product(l, turned(l)), S) : Infinity;
    },
    qr: () => {
      const [q, r] = mx.linalg.qr(a).map(matrix) as [number[][], number[][]];
      return zeroAbove(r, true)
        ? Math.max(apart(product(q, r), A), apart(product(turned(q), q), identity(n)))
        : Infinity;
    },
    lu: () => {
      const [p, l, u] = mx.linalg.lu(a), rows = vector(p as NDArray);
      const lower = matrix(l as NDArray), upper = matrix(u as NDArray);
      return zeroAbove(lower, false) && zeroAbove(upper, true)
        ? apart(product(rows.map((i) => lower[i]!), upper), A)
        : Infinity;
    },
    eigh: () => {
      const [w, v] = mx.linalg.eigh(spd), V = matrix(v), values = vector(w);
      const sorted = values.every((x, i) => i === 0 || x >= values[i - 1]!);
      return sorted
        ? Math.max(apart(product(S, V), times(V, values)), apart(product(turned(V), V), identity(n)))
        : Infinity;
    },
    eigvalsh: () => apart([vector(mx.linalg.eigvalsh(spd))], [vector(mx.linalg.eigh(spd)[0])]),
    svd: () => {
      const [u, s, v] = mx.linalg.svd(a), U = matrix(u), V = matrix(v), values = vector(s);
      const sorted = values.every((x, i) => x >= 0 && (i === 0 || x <= values[i - 1]!));
      const square = Math.max(apart(product(turned(U), U), identity(n)), apart(product(V, turned(V)), identity(n)));
      return sorted ? Math.max(apart(product(times(U, values), V), A), square) : Infinity;
    },
    "svd without vectors": () => apart([vector(mx.linalg.svd(a, { computeUv: false }))], [vector(mx.linalg.svd(a)[1])]),
    eigvals: () => {
      const w = mx.linalg.eigvals(a), v = mx.linalg.eig(a)[0];
      return apart([vector(mx.real(w)), vector(mx.imag(w))], [vector(mx.real(v)), vector(mx.imag(v))]);
    },
    eig: () => {
      // A v = w v, of complex numbers.
      const [w, v] = mx.linalg.eig(a), re = matrix(mx.real(v)), im = matrix(mx.imag(v));
      const x = vector(mx.real(w)),
        y = vector(mx.imag(w)),
        minus = y.map((k) => -k),
        add = (p: Matrix, q: Matrix): number[][] => p.map((row, i) => row.map((k, j) => k + q[i]![j]!));
      return Math.max(
        apart(product(A, re), add(times(re, x), times(im, minus))),
        apart(product(A, im), add(times(re, y), times(im, x))),
      );
    },
  };
}

/** What is wrong with linear algebra at float32 or float64, for matrices of several sizes and layouts. */
export function checkLinalg(d: DType): string[] {
  const out: string[] = [], r = new Random(d.length);
  const made = (n: number): NDArray =>
    arrayOf(Array.from({ length: n * n }, () => Math.fround(r.next() * 2 - 1)), d, [n, n]);
  const layouts: readonly [string, (n: number) => NDArray][] = [
    ["contiguous", made],
    ["transposed", (n) => made(n).T],
    ["stepped", (n) => made(2 * n).get("::2", "::-2")],
  ];
  for (const [layout, make] of layouts) {
    for (const n of [1, 5, 33]) {
      for (const [name, distance] of Object.entries(distances(make, n))) {
        // Complex results are complex64.
        const within = (d === "float64" && name !== "eig" && name !== "eigvals" ? 1e-12 : 5e-4) * n;
        const bad = attempt(() => {
          const far = distance();
          return far <= within ? null : `is off by ${far}`;
        });
        if (bad !== null) out.push(`linalg.${name} of ${layout} ${d}[${n},${n}] ${bad}`);
      }
    }
  }
  return out;
}
