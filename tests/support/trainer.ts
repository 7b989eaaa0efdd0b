// A Worker of the tests: trains a small model until it is terminated, synchronously and asynchronously in turns, and reports its first step.
import * as mx from "../../mod.ts";

interface Port {
  postMessage(message: unknown): void;
}
const port = globalThis as unknown as Port;

const x = mx.random.normal([64, 32]), y = mx.random.normal([64, 8]);
let w: mx.NDArray[] = [mx.random.normal([32, 64]).mul(0.1), mx.random.normal([64, 8]).mul(0.1)];
const f = mx.valueAndGrad((w: mx.NDArray[]) =>
  mx.mean(mx.square(mx.maximum(x.matmul(w[0] as mx.NDArray), 0).matmul(w[1] as mx.NDArray).sub(y)))
);
for (let step = 0;; step++) {
  const [loss, g] = f(w) as [mx.NDArray, mx.NDArray[]];
  w = w.map((p, i) => p.sub((g[i] as mx.NDArray).mul(0.01)));
  if (step % 2 === 0) {
    mx.eval(w);
    loss.item();
  } else {
    mx.asyncEval(w);
    await loss.itemAsync();
  }
  if (step === 0) port.postMessage("started");
}
