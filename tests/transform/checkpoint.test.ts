// Checkpoints: the same gradients, bit for bit, from less memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";

type Layer = (w: NDArray, h: NDArray) => NDArray;
const same = (what: string, a: NDArray, b: NDArray): void => assert.deepEqual(a.tolist(), b.tolist(), what);
const layer: Layer = (w, h) => mx.add(mx.tanh(mx.matmul(mx.maximum(mx.matmul(h, w), 0), w)), h);
const net = (apply: Layer) => (ws: NDArray[], x: NDArray): NDArray =>
  mx.mean(mx.square(ws.reduce((h, w) => apply(w, h), x)));
const weights = (count: number, n: number): NDArray[] =>
  Array.from({ length: count }, (_, i) => mx.multiply(mx.random.normal([n, n], { key: mx.random.key(i) }), 0.06));

test("gradients are the same bits, with arguments or captured arrays", () => {
  const ws = weights(3, 8), x = mx.random.normal([5, 8], { key: mx.random.key(9) });
  const plain = mx.grad(net(layer), { argnums: [0, 1] })(ws, x);
  const forms: Layer[] = [
    mx.checkpoint(layer),
    (w, h) => mx.checkpoint((y: NDArray) => layer(w, y))(h),
    mx.checkpoint(mx.checkpoint(layer)),
  ];
  for (const form of forms) {
    const [gw, gx] = mx.grad(net(form), { argnums: [0, 1] })(ws, x);
    gw.forEach((g, i) => same(`weight ${i}`, g, plain[0][i] as NDArray));
    same("input", gx, plain[1]);
  }
});
test("random numbers are drawn once: the recomputed mask is the same", () => {
  const x = mx.ones([64]),
    drop = (h: NDArray): NDArray =>
      mx.multiply(mx.square(h), mx.random.bernoulli({ p: 0.5, shape: [64] }).astype("float32"));
  const [value, g] = mx.valueAndGrad((h: NDArray) => {
    const y = mx.checkpoint(drop)(h);
    return [mx.sum(y), y] as [NDArray, NDArray];
  })(x);
  same("twice the mask", g, mx.multiply(value[1], 2));
});
test("several results, trees, results that are passed on, and second derivatives", () => {
  const x = mx.array([0.5, 1.5]);
  const f = (t: { a: NDArray }) => ({ s: mx.sin(t.a), parts: [mx.exp(t.a), t.a] as [NDArray, NDArray] });
  const loss = (g: typeof f) => (a: NDArray): NDArray => {
    const y = g({ a });
    return mx.sum(mx.multiply(mx.multiply(y.s, y.parts[0]), y.parts[1]));
  };
  const plain = loss(f), checked = loss(mx.checkpoint(f));
  const close = (what: string, a: NDArray, b: NDArray): void => assert.equal(mx.allclose(a, b).item(), true, what);
  close("first", mx.grad(checked)(x), mx.grad(plain)(x));
  const twice = (g: (a: NDArray) => NDArray) => mx.grad((a: NDArray) => mx.sum(mx.grad(g)(a)))(x);
  close("second", twice(checked), twice(plain));
  const along = (g: (a: NDArray) => NDArray) => mx.hvp((a) => g(a as NDArray), [x], [mx.ones([2])])[0] as NDArray;
  close("along a vector", along(checked), along(plain));
});
test("under vmap, and around it", () => {
  const f = (a: NDArray, w: NDArray): NDArray => mx.sum(mx.tanh(mx.multiply(mx.sin(a), w)));
  const a = mx.arange(6, "float32").reshape(3, 2), w = mx.array([1, 2]);
  const run = (g: typeof f): NDArray[] => [
    mx.vmap(mx.grad(g), { inAxes: [0, null] })(a, w),
    mx.grad((v: NDArray) => mx.sum(mx.vmap(g, { inAxes: [0, null] })(a, v)))(w),
    mx.grad((v: NDArray) => mx.sum(mx.checkpoint((u: NDArray) => mx.vmap(g, { inAxes: [0, null] })(a, u))(v)))(w),
  ];
  const plain = run(f);
  run(mx.checkpoint(f)).forEach((g, i) => assert.equal(mx.allclose(g, plain[i] as NDArray).item(), true, `form ${i}`));
});
test("outside of transforms it is the function", () => {
  let runs = 0;
  const f = mx.checkpoint((x: NDArray) => {
    runs++;
    return mx.square(x);
  });
  assert.deepEqual(f(mx.array([3])).tolist(), [9]);
  assert.equal(runs, 1);
});
test("memory: a deep net keeps one array a layer", () => {
  const count = 10, n = 64, x = mx.random.normal([1024, n], { key: mx.random.key(99) }), ws = weights(count, n);
  mx.eval(ws, x);
  const peak = (form: Layer): number => {
    mx.clearCache();
    mx.resetPeakMemory();
    const before = mx.getActiveMemory(), [loss, g] = mx.valueAndGrad((w: NDArray[]) => net(form)(w, x))(ws);
    mx.eval(loss, g);
    return (mx.getPeakMemory() - before) / (1024 * n * 4);
  };
  const plain = peak(layer), checked = peak(mx.checkpoint(layer));
  assert.ok(plain > 3 * count, `plain: ${plain} activations`);
  assert.ok(checked < 1.8 * count, `checkpoint: ${checked} activations, plain: ${plain}`);
});
