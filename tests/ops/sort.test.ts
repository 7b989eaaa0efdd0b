// Sorting and what follows from it, against plain JavaScript; gradients follow the elements.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";

const numbers = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.fround(Math.sin(12.9898 * (i + 1) + i * i)));
const byNumber = (a: number, b: number): number => a - b;
const flat = (a: mx.NDArray): number[] => [...a.astype("float64").data() as Float64Array];

test("sort and argsort along every axis", () => {
  const x = numbers(2 * 3 * 50), a = mx.array(x).reshape(2, 3, 50);
  for (const axis of [0, 1, 2, -1]) {
    const s = mx.sort(a, axis), order = mx.argsort(a, { axis });
    assert.deepEqual(flat(mx.takeAlongAxis(a, order, axis)), flat(s));
    const rows = mx.moveaxis(s, axis, -1),
      n = rows.shape[2] as number,
      v = flat(mx.contiguous(rows)),
      w = flat(mx.contiguous(mx.moveaxis(a, axis, -1)));
    for (let r = 0; r < v.length; r += n) assert.deepEqual(v.slice(r, r + n), w.slice(r, r + n).sort(byNumber));
  }
  assert.deepEqual(flat(mx.sort(a, { axis: null })), [...x].sort(byNumber));
  assert.deepEqual(mx.sort(mx.array([3, NaN, 1, -Infinity])).tolist(), [-Infinity, 1, 3, NaN]);
  assert.throws(() => mx.sort(mx.array(1)), RangeError);
});
test("sort of long rows, stable", () => {
  const x = numbers(200000).map((v) => Math.round(v * 100)), order = mx.argsort(mx.array(new Int32Array(x)));
  const want = x.map((_, i) => i).sort((i, j) => (x[i] as number) - (x[j] as number) || i - j);
  assert.deepEqual(order.tolist(), want);
});
test("topk, partition and median", () => {
  const x = numbers(31), a = mx.array(x), s = [...x].sort(byNumber);
  assert.deepEqual(mx.topk(a, 4).tolist(), s.slice(-4));
  assert.equal((mx.partition(a, 7).tolist() as number[])[7], s[7]);
  assert.equal(x[(mx.argpartition(a, 7).tolist() as number[])[7] as number], s[7]);
  assert.equal(mx.median(a).item(), s[15]);
  assert.equal(mx.median(mx.array([4, 1, 3, 2])).item(), 2.5);
  assert.throws(() => mx.partition(a, 31), RangeError);
  assert.throws(() => mx.topk(a, 32), RangeError);
});
test("searchsorted on both sides", () => {
  for (const n of [0, 1, 2, 7, 8, 9, 100]) {
    const s = numbers(n).map((v) => Math.round(5 * v)).sort(byNumber), v = [-9, -5, -1, 0, 2, 4, 5, 9, NaN];
    const a = mx.array(s.length === 0 ? new Float32Array(0) : s), b = mx.array(v);
    const before = (x: number, y: number): boolean => x < y || (Number.isNaN(y) && !Number.isNaN(x));
    assert.deepEqual(mx.searchsorted(a, b).tolist(), v.map((y) => s.filter((x) => before(x, y)).length));
    assert.deepEqual(
      mx.searchsorted(a, b, { side: "right" }).tolist(),
      v.map((y) => s.filter((x) => !before(y, x)).length),
    );
  }
});
test("unique in more, the same and less room than there is", () => {
  const x = [3, 1, 3, 2, 1, 3], a = mx.array(new Int32Array(x));
  for (const n of [0, 2, 3, 8]) {
    const [values, index, inverse, counts] = mx.unique(a, n, {
      returnIndex: true,
      returnInverse: true,
      returnCounts: true,
      fillValue: -1,
    }) as [mx.NDArray, mx.NDArray, mx.NDArray, mx.NDArray];
    const cut = (list: readonly number[], fill: number): number[] =>
      Array.from({ length: n }, (_, i) => list[i] ?? fill);
    assert.deepEqual(values.tolist(), cut([1, 2, 3], -1));
    assert.deepEqual(index.tolist(), cut([1, 3, 0], 1));
    assert.deepEqual(inverse.tolist(), [2, 0, 2, 1, 0, 2]);
    assert.deepEqual(counts.tolist(), cut([2, 1, 3], 0));
  }
  assert.deepEqual((mx.unique(mx.array(new Float32Array(0)), 2, { fillValue: 7 }) as mx.NDArray).tolist(), [7, 7]);
});
test("gradients go back to where the elements came from", () => {
  const x = mx.array([0.3, -1, 2, 0.5]), w = mx.array([1, 10, 100, 1000]);
  assert.deepEqual(mx.grad((x: mx.NDArray) => mx.sort(x).mul(w).sum())(x).tolist(), [10, 1, 1000, 100]);
  assert.deepEqual(mx.grad((x: mx.NDArray) => mx.topk(x, 2).sum())(x).tolist(), [0, 0, 1, 1]);
  assert.deepEqual(mx.grad((x: mx.NDArray) => mx.median(x))(x).tolist(), [0.5, 0, 0, 0.5]);
  const m = mx.array([[1, 5], [4, 2], [3, 3]]);
  assert.deepEqual(
    mx.grad((x: mx.NDArray) => mx.sort(x, 0).mul(mx.array([[1, 2], [3, 4], [5, 6]])).sum())(m).tolist(),
    [[1, 6], [5, 2], [3, 4]],
  );
});
