// Tests that a loop costs the same at every step: no plan is made after the first steps, and the number of ops computed stays.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { counters } from "../../src/runtime/cache.ts";

const STEPS = 300;

/** Runs a loop's step and compares plans and computed ops from step 4 on. */
function steady(name: string, start: () => (t: number) => void): void {
  test(`every step costs the same: ${name}`, () => {
    const step = start();
    let misses = 0, computed = -1;
    for (let t = 0; t < STEPS; t++) {
      const before = counters.computed;
      step(t);
      const ops = counters.computed - before;
      if (t === 3) {
        misses = counters.misses;
        computed = ops;
      } else if (t > 3) {
        assert.equal(counters.misses, misses, `a plan was made at step ${t}`);
        assert.equal(ops, computed, `ops computed at step ${t}`);
      }
    }
  });
}

steady("decoding with a cache that set changes", () => {
  const d = 16, wk = mx.random.normal([d, d]), wv = mx.random.normal([d, d]), wq = mx.random.normal([d, d]);
  const k = mx.zeros([STEPS, d]), v = mx.zeros([STEPS, d]), at = mx.arange(STEPS);
  let x = mx.random.normal([d]);
  mx.eval(k, v, x, wk, wv, wq, at);
  return (t) => {
    k.set([t], x.matmul(wk));
    v.set([t], x.matmul(wv));
    const scores = mx.where(at.le(t), k.matmul(x.matmul(wq)), -1e9);
    x = mx.tanh(mx.softmax(scores).matmul(v));
    assert.ok(Number.isFinite(x.sum().item() as number));
  };
});

steady("a row of a table read at a position that changes", () => {
  const table = mx.random.normal([STEPS, 8]);
  let h = mx.zeros([8]);
  return (t) => {
    h = mx.tanh(h.add(table.get(t)));
    mx.eval(h);
  };
});

steady("batches cut from the data", () => {
  const data = mx.random.normal([STEPS * 4, 8]);
  let w = mx.zeros([8]);
  const g = mx.grad((w: mx.NDArray, x: mx.NDArray) => mx.mean(mx.square(x.matmul(w).sub(1))));
  return (t) => {
    w = w.sub(g(w, data.get(`${4 * t}:${4 * t + 4}`)).mul(0.1));
    mx.eval(w);
  };
});

const inputs = (): [
  mx.NDArray,
  mx.NDArray,
  mx.NDArray[],
] => [mx.random.normal([32, 8]), mx.random.normal([32, 1]), [mx.random.normal([8, 16]), mx.random.normal([16, 1])]];

steady("dropout with implicit random keys", () => {
  const [x, y, first] = inputs();
  let w = first;
  const f = mx.valueAndGrad((w: mx.NDArray[]) => {
    const h = mx.maximum(x.matmul(w[0] as mx.NDArray), 0), mask = mx.random.bernoulli({ p: 0.5, shape: h.shape });
    return mx.mean(mx.square(h.mul(mask).mul(2).matmul(w[1] as mx.NDArray).sub(y)));
  });
  return () => {
    const [loss, g] = f(w) as [mx.NDArray, mx.NDArray[]];
    w = w.map((p, i) => p.sub((g[i] as mx.NDArray).mul(0.01)));
    mx.eval(w);
    loss.item();
  };
});

steady("a running mean that nobody reads", () => {
  const [x, y, first] = inputs(), running = mx.zeros([16]);
  let w = first;
  const f = mx.valueAndGrad((w: mx.NDArray[]): [mx.NDArray, mx.NDArray] => {
    const h = mx.maximum(x.matmul(w[0] as mx.NDArray), 0);
    return [mx.mean(mx.square(h.matmul(w[1] as mx.NDArray).sub(y))), h.mean(0)];
  });
  return () => {
    const [[loss, mean], g] = f(w) as [[mx.NDArray, mx.NDArray], mx.NDArray[]];
    running.set([":"], running.mul(0.9).add(mean.mul(0.1)));
    w = w.map((p, i) => p.sub((g[i] as mx.NDArray).mul(0.01)));
    mx.eval(w);
    loss.item();
  };
});

for (const order of ["eval(params) before loss.item()", "loss.item() before eval(params)"]) {
  steady(order, () => {
    const [x, y, first] = inputs();
    let w = first;
    const f = mx.valueAndGrad((w: mx.NDArray[]) =>
      mx.mean(mx.square(mx.maximum(x.matmul(w[0] as mx.NDArray), 0).matmul(w[1] as mx.NDArray).sub(y)))
    );
    return () => {
      const [loss, g] = f(w) as [mx.NDArray, mx.NDArray[]];
      w = w.map((p, i) => p.sub((g[i] as mx.NDArray).mul(0.01)));
      if (order.startsWith("eval")) mx.eval(w);
      loss.item();
      if (order.startsWith("loss")) mx.eval(w);
    };
  });
}
