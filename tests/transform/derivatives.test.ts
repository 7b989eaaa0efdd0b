// jvp, jacobian, hessian and hvp as users call them, the errors of gradients, and graphs of any depth.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { nextSerial } from "../../src/core/node.ts";
import { Random } from "../support/random_graph.ts";

const numbers = (a: NDArray | undefined): unknown => (a as NDArray).tolist();
const x = mx.array([1, 2, 3]);
const here = /derivatives\.test\.ts:\d+/;

test("jacobians of arrays and trees, in both modes", () => {
  const f = (a: NDArray, b: { c: NDArray }) => ({ p: mx.multiply(a, mx.sum(b.c)), q: [mx.square(b.c)] });
  const b = { c: mx.array([[1], [2]]) };
  for (const mode of ["reverse", "forward"] as const) {
    const j = mx.jacobian(f, { argnums: [0, 1], mode })(x, b);
    assert.deepEqual(numbers(j.p[0]), [[3, 0, 0], [0, 3, 0], [0, 0, 3]], mode);
    assert.deepEqual(numbers(j.p[1].c), [[[1], [1]], [[2], [2]], [[3], [3]]]);
    assert.deepEqual(j.q[0]?.[0].shape, [2, 1, 3]);
    assert.deepEqual(numbers(j.q[0]?.[1].c), [[[[2], [0]]], [[[0], [4]]]]);
  }
  assert.deepEqual(mx.jacobian((a: NDArray) => a)(mx.zeros([0])).shape, [0, 0]);
});
test("hessians and their products with vectors", () => {
  const f = (a: NDArray) => mx.prod(a), v = mx.array([1, 0, 2]);
  const want = [[0, 3, 2], [3, 0, 1], [2, 1, 0]];
  for (const mode of ["reverse", "forward"] as const) assert.deepEqual(numbers(mx.hessian(f, { mode })(x)), want);
  assert.deepEqual(numbers(mx.hvp(f, [x], [v])[0]), want.map((r) => r[0] as number + 2 * (r[2] as number)));
  const [p, q] = mx.hvp((a, b) => mx.sum(mx.multiply(mx.square(a as NDArray), b as NDArray)), [x, x], [
    mx.ones([3]),
    mx.zeros([3]),
  ]);
  assert.deepEqual([numbers(p), numbers(q)], [[2, 4, 6], [2, 4, 6]]);
});
test("jvp: several results, dtypes, results that do not depend on the primals", () => {
  const [outs, ts] = mx.jvp((a) => [mx.square(a as NDArray), mx.argmax(a as NDArray), mx.ones([2])], [x], [
    mx.array([1, 1, 2], "float64"),
  ]);
  assert.deepEqual(outs.map(numbers), [[1, 4, 9], 2, [1, 1]]);
  assert.deepEqual(ts.map(numbers), [[2, 4, 12], 0, [0, 0]]);
  assert.equal(ts[0]?.dtype, "float32");
});
test("jvp in jvp in grad", () => {
  const d = (f: (a: NDArray) => NDArray) => (a: NDArray): NDArray =>
    mx.jvp((b) => f(b as NDArray), [a], [mx.ones([])])[1][0] as NDArray;
  const y = mx.grad(d(d((a) => mx.power(a, 4))))(mx.array(2));
  assert.equal(y.item(), 24 * 2);
});
test("errors name the argument, the shapes and the line", () => {
  const throws = (f: () => unknown, kind: typeof TypeError | typeof RangeError, text: RegExp): void =>
    assert.throws(f, (e: Error) => e instanceof kind && text.test(e.message) && here.test(e.message));
  throws(
    () => mx.grad((a: NDArray) => mx.square(a))(x),
    TypeError,
    /not a scalar: its shape is \[3\]; reduce it with sum/,
  );
  throws(() => mx.hvp((a) => a as NDArray, [x], [x]), TypeError, /Cannot hvp a function whose result is not a scalar/);
  throws(() => mx.hessian((a: NDArray) => a)(x), TypeError, /Cannot hessian a function whose result is not a scalar/);
  throws(
    () => mx.jvp((a) => a as NDArray, [x], [mx.ones([2])]),
    TypeError,
    /tangent 0 must have the primal's shape \[3\], not \[2\]/,
  );
  throws(() => mx.jvp((a) => a as NDArray, [x], []), TypeError, /1 primals along 0 tangents/);
  throws(
    () => mx.vjp((a) => a as NDArray, [x], [mx.ones([2])]),
    TypeError,
    /cotangent 0 must have the result's shape \[3\], not \[2\]/,
  );
  throws(
    () => mx.grad((a: NDArray) => mx.sum(a), { argnums: 1 as 0 })(x),
    RangeError,
    /argument 1: the function got 1 argument/,
  );
  throws(
    () => mx.grad((a: NDArray) => mx.sum(a), { argnames: ["a"] as never })(x),
    TypeError,
    /arguments have no names/,
  );
  throws(() => mx.jacobian((a: NDArray) => a, { mode: "up" as "forward" }), RangeError, /"reverse" or "forward"/);
});
test("no walk recurses: a chain of 100,000 nodes", () => {
  const depth = 100_000,
    chain = (a: NDArray): NDArray => {
      let y = a;
      for (let i = 0; i < depth; i++) y = mx.negative(y);
      return y;
    };
  const s = mx.array(0.5);
  assert.equal(mx.grad(chain)(s).item(), 1);
  assert.equal((mx.jvp((a) => chain(a as NDArray), [s], [mx.array(2)])[1][0] as NDArray).item(), 2);
  assert.deepEqual(numbers(mx.vmap(chain)(mx.array([1, 2]))), [1, 2]);
  assert.equal(mx.grad(mx.checkpoint(chain))(s).item(), 1);
});
test("cotangents of slices become one array: any slices, overlapping or not, used once or more", () => {
  const n = 24,
    all = mx.arange(n).mul(0.1),
    want = (s: readonly number[][]): number[] => {
      const g = new Array<number>(n).fill(0);
      s.forEach((at, k) => at.forEach((i) => g[i] = (g[i] as number) + k + 1));
      return g;
    };
  for (let seed = 0; seed < 60; seed++) {
    const r = new Random(seed),
      slices = Array.from({ length: r.int(2, 6) }, () => {
        const start = r.int(0, n - 2), step = r.int(1, 3), stop = r.int(start + 1, n);
        return {
          start,
          step,
          stop,
          at: Array.from({ length: n }, (_, i) => i).slice(start, stop).filter((_, i) => i % step === 0),
        };
      });
    const loss = (a: NDArray): NDArray => {
      const part = (k: number): NDArray => {
        const { start, stop, step } = slices[k] as (typeof slices)[number];
        return a.get(mx.span(start, stop, step)).mul(k + 1).sum();
      };
      return slices.map((_, k) => part(k)).reduce((x, y) => x.add(y));
    };
    const expected = want(slices.map((s) => s.at));
    assert.deepEqual(numbers(mx.grad(loss)(all)), expected, `seed ${seed}`);
    const twice = (a: NDArray): NDArray => loss(a.mul(a)).add(loss(a)), by = mx.grad(twice)(all).data();
    expected.forEach((e, i) =>
      assert.ok(Math.abs((by[i] as number) - e * (0.2 * i + 1)) < 1e-4 * (e + 1), `seed ${seed}`)
    );
    const batch = mx.stack([all, all.mul(2)]);
    assert.deepEqual(numbers(mx.vmap(mx.grad(loss))(batch)), [expected, expected]);
  }
  // Parts of all of it: no zeros, no sums.
  const pieces = (a: NDArray): NDArray =>
    mx.split(a.square(), 3, 0).map((p, k) => p.mul(k + 1).sum()).reduce((x, y) => x.add(y));
  assert.ok(!mx.explain(mx.grad(pieces)(all)).kernels.some((k) => k.ops.includes("full")));
  // Nothing that was replaced keeps memory.
  const large = mx.ones([3, 1 << 16]), g = mx.grad((a: NDArray) => pieces(a.add(1)))(large);
  mx.eval(large, g);
  const before = mx.getActiveMemory();
  for (let i = 0; i < 20; i++) {
    const y = mx.grad((a: NDArray) => pieces(a.add(1)))(large);
    mx.eval(y);
    y.dispose();
  }
  assert.ok(mx.getActiveMemory() - before < 3 << 20);
});

test("results of one op share what their gradients and tangents record", () => {
  // Nodes that are recorded for some results together, against one after the other.
  const recorded = (f: () => unknown): number => {
    const first = nextSerial();
    f();
    return nextSerial() - first;
  };
  const x = mx.random.normal([4, 4]).astype("float64");
  for (
    const [name, f] of [
      ["qr", (a) => mx.linalg.qr(a)],
      ["eigh", (a) => mx.linalg.eigh(a.add(a.T))],
      ["svd", (a) => mx.linalg.svd(a)],
    ] as readonly (readonly [string, (a: NDArray) => NDArray[]])[]
  ) {
    const ones = f(x).map((y) => mx.ones(y.shape, y.dtype)), loss = (a: NDArray, i: number) => mx.sum(f(a)[i]!);
    const forward = recorded(() => f(x)),
      each = ones.map((_, i) => recorded(() => mx.vjp((a) => loss(a, i), [x], [mx.ones([], "float64")])));
    const together = recorded(() => mx.vjp(f, [x], ones)), sum = each.reduce((a, b) => a + b) - each.length * forward;
    assert.ok(together - forward < sum, `${name}: ${together - forward} nodes, not fewer than ${sum}`);
    const [, [all]] = mx.vjp(f, [x], ones) as [NDArray[], [NDArray]];
    const parts = ones.map((_, i) => (mx.vjp((a) => loss(a, i), [x], [mx.ones([], "float64")])[1] as [NDArray])[0]);
    assert.ok(mx.abs(all.sub(parts.reduce((a, b) => a.add(b)))).max().item() as number < 1e-8, name);
    // One walk back serves the tangents of all.
    const alone = ones.map((_, i) => recorded(() => mx.jvp((a) => f(a)[i]!, [x], [x]))).reduce((a, b) => a + b);
    const tangents = recorded(() => mx.jvp(f, [x], [x]));
    assert.ok(tangents - forward < alone - ones.length * forward, `${name}: ${tangents} nodes, ${alone} alone`);
  }
});
