// What sinter itself costs, in µs, whatever the arrays hold: recording an op, evaluating a graph whose plan is known, making a plan.
import { type Params, u } from "./inputs.ts";
import { mlp } from "./training.ts";
import * as mx from "../mod.ts";

const runtime = "Deno" in globalThis ? "Deno" : "Bun";
/** Best of several rounds of the mean of `n` calls, in µs, after as many calls to warm up. */
function best(n: number, f: () => void, rounds = 15): number {
  for (let i = 0; i < n; i++) f();
  let min = Infinity;
  for (let k = 0; k < rounds; k++) {
    const t = performance.now();
    for (let i = 0; i < n; i++) f();
    min = Math.min(min, (performance.now() - t) / n * 1000);
  }
  return min;
}
const show = (what: string, us: number): void =>
  console.log(`${runtime.padEnd(5)}${what.padEnd(64)}${us.toFixed(us < 100 ? 2 : 0).padStart(9)} µs`);

const a = mx.array(u(4, 1)), b = mx.array(u(4, 2));
mx.eval(a, b);

/** Recording only: the graph is dropped. */
const record = (ops: number): mx.NDArray => {
  let y = a;
  for (let i = 0; i < ops; i++) y = y.add(b);
  return y;
};
show("recording one op (a + b, 4 elements, 1000 in a chain)", best(20, () => void record(1000)) / 1000);
show(
  "cached eval of one op",
  best(2000, () => {
    const y = a.add(b);
    mx.eval(y);
  }),
);
show(
  "cached eval of one op, disposed of",
  best(2000, () => {
    const y = a.add(b);
    mx.eval(y);
    y.dispose();
  }),
);
show(
  "cached eval of ten fused ops",
  best(1000, () => {
    const y = record(10);
    mx.eval(y);
  }),
);
show("cached eval of a chain of 1000 ops, per op", best(20, () => mx.eval(record(1000))) / 1000);
const x32 = mx.array(u(1024, 1), { shape: [32, 32] });
mx.eval(x32);
show("cached eval of a 32 x 32 matmul", best(1000, () => mx.eval(x32.matmul(x32))));
show("cached eval of a softmax of 4", best(1000, () => mx.eval(mx.softmax(a))));

// A new shape each time: no plan is known.
let n = 5;
const fresh = mx.array(u(100000, 1));
mx.eval(fresh);
show("plan of one op of a new shape (slice and add)", best(100, () => mx.eval(fresh.get(mx.span(0, ++n)).add(1)), 5));
show("plan of a softmax of a new shape", best(50, () => mx.eval(mx.softmax(fresh.get(mx.span(0, ++n)))), 5));

// A step of an MLP: arrays so small that the arithmetic costs nothing.
const tiny: Params = { batch: 4, in: 8, h: 8, out: 4 };
const s = mlp(tiny);
const step = (): void => mx.eval(s.step());
for (let i = 0; i < 50; i++) step();
let built = Infinity, ran = Infinity;
for (let k = 0; k < 300; k++) {
  const t0 = performance.now(), y = s.step(), t1 = performance.now();
  mx.eval(y);
  built = Math.min(built, t1 - t0);
  ran = Math.min(ran, performance.now() - t1);
}
show("MLP step with Adam: recording, gradients included", built * 1000);
show("MLP step with Adam: cached eval", ran * 1000);
console.log(`${runtime.padEnd(5)}MLP step with Adam: ${mx.explain(s.step()).kernels.length} kernels and calls`);
// Another batch size each time makes another graph.
let misses = Infinity;
for (let k = 0; k < 8; k++) {
  const other = mlp({ ...tiny, batch: 5 + k }), y = other.step(), t = performance.now();
  mx.eval(y);
  misses = Math.min(misses, performance.now() - t);
}
show("MLP step with Adam: eval without a plan", misses * 1000);

/** Control flow: what a pass costs beside its kernels, and a recurrent net beside the same steps written out. */
{
  type A = mx.NDArray;
  const count = 100_000, steps = 1000, batch = 32, width = 64;
  const of = (n: number, seed: number, ...shape: number[]): A => mx.array(u(n, seed)).reshape(shape).mul(0.1);
  const loop = (): A => mx.whileLoop((i: A) => i.lt(count), (i: A) => i.add(1), mx.array(0, "int32"));
  show("one pass of whileLoop that counts (2 kernels)", best(1, () => mx.eval(loop()), 5) / count);
  const w = of(width * width, 3, width, width), v = of(width * width, 4, width, width), h = mx.zeros([batch, width]);
  const xs = of(steps * batch * width, 5, steps, batch, width);
  const cell = (h: A, x: A): [A, A] => {
    const next = mx.tanh(h.matmul(w).add(x.matmul(v)));
    return [next, next];
  };
  const written = mx.compile((h: A, xs: A) => {
    const ys: A[] = [];
    for (let t = 0; t < steps; t++) ys.push(h = cell(h, xs.get(t))[0]);
    return [h, mx.stack(ys)];
  });
  const scanned = mx.compile((h: A, xs: A) => mx.scan(cell, h, xs));
  mx.eval(w, v, h, xs);
  show(
    `one step of a recurrent net (${batch} x ${width}) in a scan`,
    best(1, () => mx.eval(scanned(h, xs)), 7) / steps,
  );
  show("the same, written out and compiled", best(1, () => mx.eval(written(h, xs)), 7) / steps);
  const loss = (w: A): A =>
    mx.scan(
      (h: A, x: A) => {
        const next = mx.tanh(h.matmul(w).add(x.matmul(v)));
        return [next, next];
      },
      h,
      xs,
    )[1].sum();
  const gradient = mx.compile((w: A) => mx.grad(loss)(w));
  show("one step of its gradient", best(1, () => mx.eval(gradient(w)), 7) / steps);
}
