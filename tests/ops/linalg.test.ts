// Values without vectors: they agree with those that come with vectors, for every layout of the input, and so do their gradients.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";

const list = (a: mx.NDArray): number[] => Array.from(a.astype("float64").data() as Float64Array);
function near(got: mx.NDArray, want: mx.NDArray, bound: number): void {
  assert.deepEqual(got.shape, want.shape);
  const b = list(want);
  list(got).forEach((x, i) => assert.ok(Math.abs(x - (b[i] as number)) < bound, `element ${i}: ${x}, not ${b[i]}`));
}
const filled = (shape: readonly number[], dtype: "float32" | "float64"): mx.NDArray =>
  mx.sin(mx.arange(shape.reduce((p, n) => p * n, 1)).astype(dtype).square().add(1)).reshape([...shape]);

for (const dtype of ["float32", "float64"] as const) {
  const bound = dtype === "float32" ? 2e-4 : 1e-11;
  test(`eigvalsh and svd without vectors, ${dtype}`, () => {
    for (const n of [1, 5, 90]) {
      const a = filled([2, n, n], dtype), s = a.add(a.swapaxes(1, 2));
      near(mx.linalg.eigvalsh(s), mx.linalg.eigh(s)[0], bound);
      near(mx.linalg.eigvalsh(a.swapaxes(1, 2), "U"), mx.linalg.eigvalsh(a), bound);
      near(mx.linalg.svd(a, { computeUv: false }), mx.linalg.svd(a)[1], bound);
      near(mx.linalg.svd(a.swapaxes(1, 2), { computeUv: false }), mx.linalg.svd(a)[1], bound);
      const part = mx.get(filled([2 * n + 1, 3 * n], dtype), "1::2", "::-1");
      near(mx.linalg.svd(part, { computeUv: false }), mx.linalg.svd(mx.contiguous(part))[1], bound);
    }
  });
  test(`gradients of eigvalsh and of svd without vectors, ${dtype}`, () => {
    const a = filled([6, 6], dtype), s = a.add(a.T);
    // The sum of the squares of the values is the sum of the squares of the elements.
    near(mx.grad((x: mx.NDArray) => mx.linalg.eigvalsh(x).square().sum())(s), s.mul(2), bound);
    const b = filled([5, 8], dtype);
    near(mx.grad((x: mx.NDArray) => mx.linalg.svd(x, { computeUv: false }).square().sum())(b), b.mul(2), bound);
    const each = mx.vmap((x: mx.NDArray) => mx.linalg.eigvalsh(x))(mx.stack([s, s.mul(3)]));
    near(each, mx.linalg.eigvalsh(mx.stack([s, s.mul(3)])), bound);
  });
}
test("eigvals are the values of eig", () => {
  const a = filled([40, 40], "float32"), by = (v: mx.NDArray): mx.NDArray => mx.sort(mx.abs(v));
  near(by(mx.linalg.eigvals(a)), by(mx.linalg.eig(a)[0]), 1e-4);
});
