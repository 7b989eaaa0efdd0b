// jvp, jacobian, hessian and hvp as users call them, the errors of gradients, and graphs of any depth.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { nextSerial } from "../../src/core/node.ts";

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
