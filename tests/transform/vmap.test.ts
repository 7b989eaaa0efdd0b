// Batching as users call it: trees, axes, nesting, random keys, closures, and errors that say what to do. Every op's rule is tested in generated/.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";

const numbers = (a: NDArray): unknown => a.tolist();
const here = /vmap\.test\.ts:\d+/;

test("trees go in and come out, each array along its own axis", () => {
  const f = (w: { a: NDArray; b: NDArray[] }, x: NDArray) => ({
    sum: mx.add(w.a, x),
    list: [mx.multiply(w.b[0] as NDArray, 2)],
  });
  const a = mx.arange(6).reshape(2, 3), b = mx.arange(3), x = mx.array([10, 20]);
  const y = mx.vmap(f, { inAxes: [{ a: 1, b: [0] }, null], outAxes: { sum: 1, list: 0 } })({ a, b: [b] }, x);
  assert.deepEqual(numbers(y.sum), [[10, 11, 12], [23, 24, 25]]);
  assert.deepEqual(numbers(y.list[0] as NDArray), [0, 2, 4]);
});
test("a tree of axes applies to the only argument, with a list around it or not", () => {
  const f = (t: readonly NDArray[]) => mx.add(t[0] as NDArray, t[1] as NDArray), t = [mx.array([1, 2]), mx.array(10)];
  assert.deepEqual(numbers(mx.vmap(f, { inAxes: [0, null] })(t)), [11, 12]);
  assert.deepEqual(numbers(mx.vmap(f, { inAxes: [[0, null]] })(t)), [11, 12]);
  assert.deepEqual(numbers(mx.vmap((x: NDArray) => mx.sum(x), { inAxes: [1] })(mx.ones([2, 3]))), [2, 2, 2]);
});
test("negative axes, results that are the same for all examples, and results that are not repeated", () => {
  const c = mx.array([5, 6]), f = (x: NDArray) => [mx.multiply(x, 2), c] as const;
  const [y, all] = mx.vmap(f, { inAxes: -1, outAxes: [-1, 1] })(mx.arange(6).reshape(2, 3));
  assert.deepEqual(numbers(y), [[0, 2, 4], [6, 8, 10]]);
  assert.deepEqual(numbers(all), [[5, 5, 5], [6, 6, 6]]);
  const [, one] = mx.vmap(f, { outAxes: [0, null] })(mx.ones([3, 2]));
  assert.deepEqual(numbers(one), [5, 6]);
});
test("vmap in vmap, with a captured value of the outer one", () => {
  const x = mx.arange(3), y = mx.arange(4);
  const outer = mx.vmap((a: NDArray) => mx.vmap((b: NDArray) => mx.add(mx.multiply(a, 10), b))(y))(x);
  assert.deepEqual(numbers(outer), [0, 1, 2].map((a) => [0, 1, 2, 3].map((b) => 10 * a + b)));
});
test("keys draw for each example what they draw alone", () => {
  const keys = mx.random.split(mx.random.key(7), 5), draw = (key: NDArray) => mx.random.normal([4], { key });
  const each = [...keys].map((k) => numbers(draw(k)));
  assert.deepEqual(numbers(mx.vmap(draw)(keys)), each);
  const same = mx.vmap((x: NDArray) => mx.add(mx.random.uniform({ shape: [3] }), mx.multiply(x, 0)))(mx.zeros([2]));
  assert.deepEqual(numbers(same.get(0)), numbers(same.get(1)));
});
test("one example, and none", () => {
  const f = (x: NDArray) => mx.sum(mx.sort(mx.matmul(x, mx.ones([3, 2])), 0), 1);
  assert.deepEqual(mx.vmap(f)(mx.ones([1, 4, 3])).shape, [1, 4]);
  assert.deepEqual(mx.vmap(f)(mx.ones([0, 4, 3])).shape, [0, 4]);
});
test("a product with a shared matrix is one product of all rows", () => {
  const w = mx.ones([8, 5]), y = mx.vmap((x: NDArray) => mx.matmul(x, w))(mx.ones([6, 4, 8]));
  const products = mx.explain(y).kernels.filter((k) => k.ops.includes("matmul"));
  assert.deepEqual(products.map((k) => k.flops), [2 * 24 * 8 * 5]);
  assert.deepEqual(y.shape, [6, 4, 5]);
});
test("per-example gradients", () => {
  const loss = (w: NDArray, x: NDArray) => mx.sum(mx.square(mx.multiply(w, x)));
  const g = mx.vmap(mx.grad(loss), { inAxes: [null, 0] })(mx.array([1, 2]), mx.array([[1, 1], [3, 0]]));
  assert.deepEqual(numbers(g), [[2, 4], [18, 0]]);
});
test("the nodes of one example keep no memory", () => {
  const w = mx.ones([64, 64]);
  mx.eval(w);
  const y = mx.vmap((x: NDArray) => mx.matmul(x, w))(mx.ones([3, 5, 64]));
  mx.eval(y);
  const before = mx.getActiveMemory();
  w.dispose();
  assert.ok(before - mx.getActiveMemory() >= 64 * 64 * 4);
});

test("errors name the argument, the shapes and the line", () => {
  const x = mx.ones([3, 2]), add = (a: NDArray, b: NDArray): NDArray => mx.add(a, b);
  const throws = (f: () => unknown, kind: typeof TypeError | typeof RangeError | typeof Error, text: RegExp): void =>
    assert.throws(f, (e: Error) => e instanceof kind && text.test(e.message) && here.test(e.message));
  throws(
    () => mx.vmap(add)(x, mx.ones([4])),
    TypeError,
    /argument 0 of shape \[3,2\] has 3, but axis 0 of argument 1 of shape \[4\] has 4/,
  );
  throws(() => mx.vmap(add, { inAxes: [0] })(x, x), TypeError, /one entry for each of 2 arguments/);
  throws(() => mx.vmap(add, { inAxes: [null, null] })(x, x), RangeError, /no argument is mapped/);
  throws(() => mx.vmap((a: NDArray) => a, { inAxes: 2 })(x), RangeError, /argument 0 along axis 2/);
  throws(() => mx.vmap((a: NDArray) => a, { outAxes: null })(x), TypeError, /depends on a mapped argument/);
  throws(
    () => mx.vmap((a: NDArray, n: number) => mx.add(a, n))(x, 2),
    TypeError,
    /argument 1 must hold only arrays, but holds a number/,
  );
  throws(() => mx.vmap((_: NDArray) => 3)(x), TypeError, /result must hold only arrays/);
  throws(() => mx.vmap((t: { a: NDArray }) => t.a, { inAxes: { b: 0 } })({ a: x }), TypeError, /keys a/);
  throws(
    () => mx.vmap((a: NDArray) => mx.array(a.item() as number))(mx.ones([3])),
    Error,
    /depends on argument 0 of vmap \(shape \[\]\)/,
  );
  throws(
    () => mx.vmap((a: NDArray) => a.get(mx.greater(a, 0)))(x),
    TypeError,
    /mask of shape \[2\] inside a transform: it depends on argument 0 of vmap/,
  );
  throws(() => mx.vmap(3 as never), TypeError, /not a function: 3/);
});
test("an array made outside cannot take a traced value, one made inside can", () => {
  const outside = mx.zeros([3]), x = mx.array([1, 2]);
  assert.throws(() =>
    mx.vmap((v: NDArray) => {
      outside.set([0], v);
      return v;
    })(x), /Cannot set an array of shape \[3\] inside a transform/);
  assert.deepEqual(numbers(outside), [0, 0, 0]);
  const y = mx.vmap((v: NDArray) => {
    const mine = mx.positive(outside);
    mine.set([0], v);
    return mine;
  })(x);
  assert.deepEqual(numbers(y), [[1, 0, 0], [2, 0, 0]]);
});
test("an exception of the function is thrown as it is, and later calls work", () => {
  const mine = new Error("mine");
  assert.throws(() =>
    mx.vmap((_: NDArray): NDArray => {
      throw mine;
    })(mx.ones([2])), (e) => e === mine);
  const x = mx.ones([2]);
  x.set([0], 3);
  assert.deepEqual(numbers(x), [3, 1]);
});
