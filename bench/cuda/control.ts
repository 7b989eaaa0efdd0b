// Control flow on the device that SINTER_DEVICE names: milliseconds of a scan, a while loop and branches, as `control_peer.py` takes them of JAX.
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";

const only = new RegExp(process.argv[2] ?? "");
/** Milliseconds a call, of `n` calls one after the other, each waited for. */
function timed(name: string, n: number, f: () => NDArray): void {
  if (!only.test(name)) return;
  const run = (): void => {
    using y = f();
    mx.eval(y);
  };
  for (let i = 0; i < 5; i++) run();
  let best = Infinity;
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  console.log(`${mx.defaultDevice().type.padEnd(4)} ${name.padEnd(44)} ${best.toFixed(3)} ms`);
}
const normal = (shape: number[]): NDArray => mx.random.normal(shape, { key: mx.random.key(1) });

const h = normal([64, 256]), xs = normal([1000, 64, 256]), w = normal([256, 256]).mul(0.05);
mx.eval(h, xs, w);
const rnn = (w: NDArray, h: NDArray, xs: NDArray): NDArray =>
  mx.scan(
    (h: NDArray, x: NDArray) => {
      const n = mx.tanh(h.matmul(w).add(x));
      return [n, n.sum()];
    },
    h,
    xs,
  )[1];
const step = mx.compile(rnn);
timed("scan: RNN of 1000 steps, 64 x 256", 5, () => step(w, h, xs));
const gradient = mx.compile((w: NDArray) => mx.grad((w: NDArray) => rnn(w, h, xs).sum())(w));
timed("scan: its gradient", 5, () => gradient(w));
const v = normal([1024]);
mx.eval(v);
const loop = mx.compile((v: NDArray) =>
  mx.whileLoop(
    ([, i]) => i.lt(10000),
    ([x, i]) => [x.mul(0.999).add(0.001), i.add(1)] as [NDArray, NDArray],
    [v, mx.array(0, "int32")] as [NDArray, NDArray],
  )[0]
);
timed("while: 10000 passes over 1024 elements", 3, () => loop(v));
const light = mx.compile((v: NDArray) => mx.cond(v.sum().gt(0), (v: NDArray) => v.exp(), (v: NDArray) => v.sin(), v));
timed("cond: a function of 1024 elements", 50, () => light(v));
const m = normal([4096, 4096]);
mx.eval(m);
const heavy = mx.compile((m: NDArray) =>
  mx.cond(m.get(0, 0).gt(0), (m: NDArray) => m.matmul(m), (m: NDArray) => m.T.matmul(m), m)
);
timed("cond: a product of 4096 x 4096", 10, () => heavy(m));
