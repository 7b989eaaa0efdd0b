// Functions with rules of their own, alone and under other transforms.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";

const numbers = (a: NDArray): unknown => a.tolist();
const x = mx.array([1, 2, 3]), ones = mx.ones([3]);

test("without rules it is the function", () => {
  const f = mx.customFunction((a: NDArray) => mx.square(a));
  assert.deepEqual(numbers(f(x)), [1, 4, 9]);
  assert.deepEqual(numbers(mx.grad((a: NDArray) => mx.sum(f(a)))(x)), [2, 4, 6]);
  assert.deepEqual(numbers(mx.jvp(f, [x], [ones])[1][0] as NDArray), [2, 4, 6]);
});
test("an own gradient sees primal, cotangent and output, and no other transform changes", () => {
  const f = mx.customFunction((a: NDArray) => mx.square(a))
    .vjp((a, ct, out) => mx.add(mx.multiply(ct, 100), mx.add(a, out)));
  const g = mx.grad((a: NDArray) => mx.sum(f(a)));
  assert.deepEqual(numbers(f(x)), [1, 4, 9]);
  assert.deepEqual(numbers(g(x)), [102, 106, 112]);
  assert.deepEqual(numbers(mx.jvp(f, [x], [ones])[1][0] as NDArray), [2, 4, 6]);
  // The derivative of the rule: 1 of the primal and, by the rule again, ct * 100 + primal + output of the output.
  assert.deepEqual(numbers(mx.grad((a: NDArray) => mx.sum(g(a)))(x)), [103, 107, 113]);
  assert.deepEqual(numbers(mx.vmap(mx.grad(f))(x)), [102, 106, 112]);
  assert.deepEqual(numbers(mx.grad((a: NDArray) => mx.sum(mx.vmap(f)(a)))(x)), [102, 106, 112]);
});
test("the rule of several results runs once; results that are not used have cotangents of zeros", () => {
  let runs = 0;
  const f = mx.customFunction((t: { a: NDArray; b: NDArray }) => [mx.sin(t.a), mx.cos(t.b), mx.exp(t.a)])
    .vjp((t, cts) => {
      runs++;
      return { a: mx.add(cts[0] as NDArray, cts[2] as NDArray), b: mx.multiply(cts[1] as NDArray, t.b) };
    });
  const loss = (t: { a: NDArray; b: NDArray }): NDArray => {
    const [p, q] = f(t) as [NDArray, NDArray];
    return mx.sum(mx.add(mx.multiply(p, 2), mx.multiply(q, 5)));
  };
  const g = mx.grad(loss)({ a: x, b: x });
  assert.equal(runs, 1);
  assert.deepEqual([numbers(g.a), numbers(g.b)], [[2, 2, 2], [5, 10, 15]]);
});
test("several arguments stand in a list; null is no gradient; what is captured is constant", () => {
  const captured = mx.array([7, 7, 7]);
  const f = mx.customFunction((a: NDArray, b: NDArray, scale: number) =>
    mx.multiply(mx.add(a, captured), mx.multiply(b, scale))
  )
    .vjp(([a, _b, scale], ct) => [mx.multiply(mx.multiply(ct, a), scale), null, null]);
  const [ga, gb] = mx.grad((a: NDArray, b: NDArray) => mx.sum(f(a, b, 3)), { argnums: [0, 1] })(x, x);
  assert.deepEqual([numbers(ga), numbers(gb)], [[3, 6, 9], [0, 0, 0]]);
});
test("an own tangent", () => {
  const f = mx.customFunction((a: NDArray, b: NDArray) => mx.multiply(a, b))
    .jvp(([a], [ta, tb]) => mx.add(mx.multiply(ta, 10), mx.multiply(tb, a)));
  const run = mx.jvp((a, b) => f(a as NDArray, b as NDArray), [x, x], [ones, ones]);
  assert.deepEqual(numbers(run[1][0] as NDArray), [11, 12, 13]);
  // What has no tangent comes as zeros.
  assert.deepEqual(numbers(mx.jvp((a) => f(a as NDArray, x), [x], [ones])[1][0] as NDArray), [10, 10, 10]);
  const batched = mx.jvp((a) => mx.vmap(f, { inAxes: [0, null] })(a as NDArray, mx.array(4)), [x], [ones]);
  assert.deepEqual(numbers(batched[1][0] as NDArray), [10, 10, 10]);
});
test("an own batching rule gets batches and axes, and gradients flow through what it did", () => {
  const seen: unknown[] = [];
  const f = mx.customFunction((a: NDArray, b: NDArray) => mx.multiply(a, mx.sum(b))).vmap(([a, b], axes) => {
    seen.push(axes);
    return [mx.multiply(mx.multiply(a, mx.sum(b)), 10), 0];
  });
  const h = mx.vmap(f, { inAxes: [0, null] });
  assert.deepEqual(numbers(h(x, ones)), [30, 60, 90]);
  assert.deepEqual(seen, [[0, null]]);
  assert.deepEqual(numbers(mx.grad((a: NDArray) => mx.sum(h(a, ones)))(x)), [30, 30, 30]);
});
test("a batch of an own gradient: what is shared gets the sum", () => {
  const f = mx.customFunction((a: NDArray, w: NDArray) => mx.multiply(a, w)).vjp((
    [a, w],
    ct,
  ) => [mx.multiply(ct, w), mx.multiply(ct, a)]);
  const run = mx.grad((a: NDArray, w: NDArray) => mx.sum(mx.vmap(f, { inAxes: [0, null] })(a, w)), { argnums: [0, 1] });
  const [ga, gw] = run(x, mx.array(5));
  assert.deepEqual([numbers(ga), gw.item()], [[5, 5, 5], 6]);
});
test("errors say what a rule must give", () => {
  const grad = (f: (a: NDArray) => NDArray): NDArray => mx.grad((a: NDArray) => mx.sum(f(a)))(x);
  const f = (): ReturnType<typeof mx.customFunction<[NDArray], NDArray>> =>
    mx.customFunction((a: NDArray) => mx.sin(a));
  assert.throws(
    () => grad(f().vjp(() => 3 as never)),
    /result of a customFunction's vjp: it must be an array or null, not number/,
  );
  assert.throws(
    () => grad(f().vjp(() => mx.ones([2]))),
    /gradient of a customFunction's argument 0: its shape must be \[3\], not \[2\]/,
  );
  assert.throws(() => mx.vmap(f().vmap(() => [mx.ones([2]), 0]))(x), /output 0 must hold 3 examples of shape \[\]/);
  assert.throws(() => mx.vmap(f().vmap((() => mx.ones([3])) as never))(x), /must return \[outputs, axes\]/);
  assert.throws(() => mx.customFunction(3 as never), /not a function/);
  assert.throws(() => f().vjp(3 as never), /not a function/);
});
