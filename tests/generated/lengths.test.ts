// One schedule serves many sizes: 1,000 lengths make at most one plan for each outcome of its guards, and no more kernels.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../mod.ts";
import { compiledKernels } from "../../src/runtime/commands.ts";
import { counters, forgetPlans } from "../../src/runtime/cache.ts";
import { shareOf } from "../support/share.ts";
import { bytesOf } from "../support/random_graph.ts";

const w = mx.sin(mx.arange(2048).reshape(64, 32).astype("float32"));
mx.eval(w);
const leaf = (...shape: number[]): NDArray => {
  const n = shape.reduce((a, b) => a * b, 1);
  return mx.array(Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1))).reshape(shape);
};
const PROGRAMS: Readonly<Record<string, (n: number) => NDArray | NDArray[]>> = {
  "a chain": (n) => leaf(n).mul(2).add(5).div(3),
  "a chain of rows": (n) => leaf(n, 64).mul(2).add(w.get(":", 0)).sin(),
  "constants": (n) => mx.ones([n]).add(mx.arange(n)),
  "sum": (n) => leaf(n).sum(),
  "sum of rows": (n) => leaf(10, n).sum(1),
  "sum of columns": (n) => leaf(n, 10).sum(0),
  "mean and variance": (n) => [leaf(n, 10).mean(0), leaf(10, n).var(1)],
  "argmax": (n) => leaf(7, n).argmax(1),
  "softmax": (n) => mx.softmax(leaf(10, n), -1),
  "softmax of many rows": (n) => mx.softmax(leaf(n, 10), -1),
  "layer norm": (n) => {
    const x = leaf(n, 12), c = x.sub(x.mean(-1, { keepdims: true }));
    return c.mul(mx.rsqrt(c.square().mean(-1, { keepdims: true }).add(1e-5)));
  },
  "cumsum": (n) => leaf(n, 3).cumsum(0),
  "random numbers": (n) => mx.random.normal([n], { key: mx.random.key(3) }),
  "matmul": (n) => leaf(n, 64).matmul(w).add(1),
  "matmul, transposed": (n) => leaf(64, n).T.matmul(w),
  "batches": (n) => leaf(n, 4, 8).matmul(leaf(n, 8, 4)),
  "concatenate": (n) => mx.concatenate([leaf(n), mx.zeros([n]), leaf(n)]).mul(2),
  "pad": (n) => mx.pad(leaf(n, 3), [[1, 2], [0, 0]]),
  "take": (n) => mx.take(w, mx.arange(n).mod(64), 0),
  "scatter": (n) => mx.zeros([n + 1]).at(mx.arange(n)).add(leaf(n)),
  "transpose": (n) => leaf(n, 64).T.add(1).reshape(-1),
  "reversed": (n) => leaf(n).get("::-1").add(1),
  "windows": (n) => mx.asStrided(leaf(n + 8), { shape: [n, 8], strides: [1, 1] }).sum(1),
  "sort": (n) => mx.sort(leaf(n)),
  "gradient": (n) => mx.grad((x: NDArray) => x.matmul(w).square().sum())(leaf(n, 64)),
  "cross entropy": (n) => mx.mean(mx.logsumexp(leaf(n, 10), -1).sub(leaf(n, 10).get(":", 3))),
};

// A GPU's plans are for exact sizes.
const fixed = mx.defaultDevice().type === "gpu";
for (const [name, program] of shareOf(Object.entries(PROGRAMS))) {
  test(`1,000 lengths: ${name}`, { timeout: 7200000, skip: fixed }, () => {
    forgetPlans();
    const misses = counters.misses;
    let kernels = 0;
    for (let n = 1; n <= 1000; n++) {
      // Whatever is computed to get there has plans of its own.
      const before = counters.misses, x = program(n), own = counters.misses - before;
      mx.eval(x);
      if (n === 100) kernels = compiledKernels();
      if (n > 100) assert.equal(own, 0);
      x instanceof Array ? x.forEach((y) => y.dispose()) : x.dispose();
    }
    assert.ok(counters.misses - misses <= 4, `${counters.misses - misses} plans`);
    assert.equal(compiledKernels(), kernels, "new sizes compiled new kernels");
  });
  test(`laid out again = new: ${name}`, () => {
    const results = (n: number): Uint8Array[] => {
      const x = program(n), list = x instanceof Array ? x : [x];
      mx.eval(list);
      return list.map(bytesOf);
    };
    forgetPlans();
    results(50);
    for (const n of [2, 31, 32, 33, 63, 65, 127, 700]) {
      const again = results(n);
      forgetPlans();
      assert.deepEqual(results(n), again, `length ${n}`);
    }
  });
}

test("a guard that fails makes another plan", () => {
  const run = (rows: number, columns: number): Uint8Array => {
    const x = leaf(columns, rows).T;
    mx.eval(x);
    return bytesOf(x.reshape(2, 3, 4, 5).add(0));
  };
  // 2 x 3 rows of 4 x 5 columns are a view; 20 rows of 6 columns are not.
  forgetPlans();
  const first = run(6, 20), second = run(20, 6);
  forgetPlans();
  assert.deepEqual(run(20, 6), second);
  assert.deepEqual(run(6, 20), first);
});

test("1,000 learning rates make one plan", () => {
  const x = leaf(30), before = counters.misses;
  for (let i = 0; i < 1000; i++) mx.eval(x.sub(x.mul(0.001 * i)));
  assert.equal(counters.misses - before, 1);
});
