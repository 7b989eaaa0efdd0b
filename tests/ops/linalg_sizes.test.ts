// Factorisations around the sizes of their blocks, of matrices that are easy and hard: residuals in float64 beside the size of the matrix,
// in units of the precision, and what NaN and singular matrices give.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { Random } from "../support/random_graph.ts";

const SIZES = [1, 2, 3, 8, 9, 63, 64, 65, 127, 129, 193, 257];
const r = new Random(11);
const kinds: Readonly<Record<string, (i: number, j: number, n: number) => number>> = {
  random: () => 2 * r.next() - 1,
  /** Pivots lie far below the diagonal. */
  shifted: (i, j, n) => (i + 1) % n === j ? 3 + r.next() : (2 * r.next() - 1) / 64,
  graded: (i, j, n) => (2 * r.next() - 1) * 10 ** (-4 * (i + j) / n),
  deficient: (i, j) => (i % 3 + 1) * (j % 4 + 1) / 16,
  zero: () => 0,
};
function made(kind: string, m: number, n: number, dtype: mx.DType): mx.NDArray {
  const element = kinds[kind] as (i: number, j: number, n: number) => number;
  const values = Float64Array.from({ length: m * n }, (_, k) => element(Math.floor(k / n), k % n, Math.max(m, n)));
  return mx.array(values, { shape: [m, n], dtype });
}
const f64 = (a: mx.NDArray): mx.NDArray => a.astype("float64");
const times = (a: mx.NDArray, ...rest: readonly mx.NDArray[]): mx.NDArray =>
  rest.reduce((p, x) => p.matmul(f64(x)), f64(a));
const size = (a: mx.NDArray): number => a.size === 0 ? 0 : mx.max(mx.abs(f64(a))).item() as number;
/** Fails if a is further from b than a few units for each row. */
function near(a: mx.NDArray, b: mx.NDArray, dtype: mx.DType, scale: number, what: string): void {
  const unit = dtype === "float32" ? 2 ** -23 : 2 ** -52, far = size(f64(a).sub(f64(b)));
  const bound = 8 * Math.sqrt(Math.max(...a.shape)) * unit * Math.max(scale, 1e-30);
  assert.ok(far <= bound, `${what}: ${far} is more than ${bound}`);
}
const upper = (a: mx.NDArray): mx.NDArray => f64(a).sub(mx.triu(f64(a)));

for (const dtype of ["float32", "float64"] as const) {
  for (const kind of Object.keys(kinds)) {
    test(`lu and qr of ${kind} ${dtype} matrices`, () => {
      for (const n of SIZES) {
        for (const [m, k] of [[n, n], [n, n + 70], [n + 70, n]] as const) {
          const a = made(kind, m, k, dtype), what = `${kind} ${m}x${k}`;
          const [p, l, u] = mx.linalg.lu(a);
          assert.ok(size(l) <= 1, `multipliers of ${what}`);
          near(times(l, u).get(p), a, dtype, size(a) + size(u), `lu of ${what}`);
          const [q, t] = mx.linalg.qr(a), few = Math.min(m, k);
          near(times(q, t), a, dtype, size(a) * Math.sqrt(m), `qr of ${what}`);
          near(times(q.T, q), mx.eye(few, { dtype: "float64" }), dtype, 1, `Q of ${what}`);
          assert.equal(size(upper(t)), 0);
        }
      }
    });
  }
  test(`solve, inv and cholesky of ${dtype} matrices`, () => {
    for (const n of SIZES) {
      const g = made("random", n, n, dtype), eye = mx.eye(n, { dtype });
      for (const a of [g.add(eye.mul(2 * Math.sqrt(n))), made("shifted", n, n, dtype)]) {
        for (const k of [1, 2, 17, 70]) {
          const b = made("random", n, k, dtype), x = mx.linalg.solve(a, b);
          near(times(a, x), b, dtype, size(a) * size(x) * Math.sqrt(n), `solve ${n} ${k}`);
        }
        const y = mx.linalg.inv(a);
        near(times(a, y), eye, dtype, size(a) * size(y) * n, `inv ${n}`);
      }
      const s = g.matmul(g.T).div(n).add(eye);
      const l = mx.linalg.cholesky(s), u = mx.linalg.cholesky(s, { upper: true });
      near(times(l, l.T), s, dtype, size(s), `cholesky ${n}`);
      near(times(u.T, u), s, dtype, size(s), `cholesky ${n} upper`);
      assert.equal(size(upper(u)) + size(upper(l.T)), 0);
      for (const k of [1, 40]) {
        const b = made("random", n, k, dtype), x = mx.linalg.solveTriangular(l, b);
        const y = mx.linalg.solveTriangular(u, b, { upper: true });
        near(times(l, x), b, dtype, size(l) * size(x) * Math.sqrt(n), `triangular ${n} ${k}`);
        near(times(u, y), b, dtype, size(u) * size(y) * Math.sqrt(n), `triangular ${n} ${k} upper`);
      }
    }
  });
  test(`eigh and svd of ${dtype} matrices`, () => {
    for (const n of SIZES) {
      for (const kind of Object.keys(kinds)) {
        const g = made(kind, n, n, dtype), s = g.add(g.T), eye = mx.eye(n, { dtype: "float64" }), what = `${kind} ${n}`;
        const [w, v] = mx.linalg.eigh(s);
        near(times(v.mul(w), v.T), s, dtype, size(w) * 4, `eigh ${what}`);
        near(times(v.T, v), eye, dtype, 4, `vectors ${what}`);
        const a = made(kind, n + 5, n, dtype), [x, d, y] = mx.linalg.svd(a);
        near(times(x.get(":", `:${n}`).mul(d), y), a, dtype, size(d) * 4, `svd ${what}`);
        near(times(y, y.T), eye, dtype, 4, `right vectors ${what}`);
      }
    }
  });
  test(`NaN and singular ${dtype} matrices`, () => {
    for (const n of [3, 70, 200]) {
      const values = Float64Array.from({ length: n * n }, (_, k) => k % (n + 1) === 0 ? n : Math.sin(k));
      const a = mx.array(values, { shape: [n, n], dtype }), column = mx.equal(mx.arange(n), n - 2);
      const dead = mx.where(column, 0, a), nan = mx.where(column, NaN, a);
      assert.throws(() => mx.eval(mx.linalg.solve(dead, a)), /singular/);
      assert.ok(Number.isNaN(mx.linalg.solve(nan, a).sum().item()));
      assert.ok(Number.isNaN(mx.linalg.lu(nan)[2].sum().item()));
      assert.ok(Number.isNaN(mx.linalg.cholesky(nan).sum().item()));
      assert.ok(Number.isNaN(mx.linalg.cholesky(a.neg()).sum().item()));
    }
  });
}
