// What a traced value cannot do, in whatever way it is asked, in every transform that traces: the error names argument, shape and line, and says what to do.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";

const here = /traced\.test\.ts:\d+/;
/** A function of one array of shape [3], traced. */
type Traced = (f: (x: NDArray) => unknown) => void;
const transforms: readonly (readonly [name: string, argument: string, run: Traced])[] = [
  ["compile", "array 0 of the arguments of a compiled function", (f) => void mx.compile(f)(mx.ones([3]))],
  [
    "compile, shapeless",
    "array 0 of the arguments of a compiled function",
    (f) => void mx.compile(f, { shapeless: true })(mx.ones([3])),
  ],
  ["compile, inputs", "array 0 of inputs of a compiled function", (f) => {
    const state = { x: mx.ones([3]) };
    mx.compile(() => f(state.x), { inputs: state })();
  }],
  ["vmap", "argument 0 of vmap", (f) => void mx.vmap((x: NDArray) => (f(x), x))(mx.ones([2, 3]))],
  ["grad in vmap", "argument 1 of vmap", (f) => {
    const g = mx.grad((_: NDArray, x: NDArray) => (f(x), x.sum()), { argnums: 1 });
    mx.vmap(g, { inAxes: [null, 1] })(mx.ones([1]), mx.ones([3, 2]));
  }],
  ["vmap in compile", "argument 0 of vmap", (f) => {
    mx.compile((y: NDArray) => mx.vmap((x: NDArray) => (f(x), x))(y))(mx.ones([2, 3]));
  }],
  [
    "scan",
    "the carry of a scan",
    (f) => void mx.scan((c: NDArray, y: NDArray) => (f(c), [c, y]), mx.ones([3]), mx.ones([2, 3])),
  ],
  ["scan, slices", "a slice of the xs of a scan", (f) => {
    mx.scan((c: NDArray, y: NDArray) => (f(y), [c, y]), mx.ones([3]), mx.ones([2, 3]));
  }],
  ["cond", "an argument of cond", (f) => {
    mx.cond(mx.array(true), (x: NDArray) => (f(x), x), (x: NDArray) => x, mx.ones([3]));
  }],
  ["whileLoop", "the carry of a whileLoop", (f) => {
    mx.whileLoop((x: NDArray) => x.sum().lt(9), (x: NDArray) => (f(x), x.add(1)), mx.ones([3]));
  }],
];
const reads: readonly (readonly [name: string, read: (x: NDArray) => unknown])[] = [
  ["item", (x) => [x.sum().item()]],
  ["tolist", (x) => [x.add(1).tolist()]],
  ["data", (x) => [x.data()]],
  ["String", (x) => [String(x.mul(2))]],
  ["eval", (x) => [mx.eval({ a: [x.mul(2)] })]],
  ["asyncEval", (x) => [mx.asyncEval(x)]],
  ["arithmetic of JavaScript", (x) => [Number(x.sum())]],
  ["a comparison that is read", (x) => [mx.arrayEqual(x, x.mul(1)).item()]],
];
test("reading a traced value names argument, shape and line", () => {
  for (const [transform, argument, run] of transforms) {
    for (const [name, read] of reads) {
      assert.throws(() => run(read), (e: Error) => {
        const what = `${name} in ${transform}: ${e.message}`;
        assert.ok(e.message.startsWith(`Cannot read a value inside a transform: it depends on ${argument}`), what);
        assert.match(e.message, /\(shape \[3\]\), which is traced and has no value; return the array/, what);
        assert.match(e.message, here, what);
        return true;
      });
    }
    assert.throws(() => run((x) => [mx.ones([3]).get(x.gt(0))]), (e: Error) => {
      assert.match(e.message, /^Cannot index by a mask of shape \[3\] inside a transform: it depends on /, transform);
      assert.ok(e.message.includes(`${argument} (shape [3])`) && e.message.includes("use where()"), e.message);
      assert.match(e.message, here);
      return true;
    });
  }
});
test("reading a traced value later is a rejection", async () => {
  for (const [transform, argument, run] of transforms) {
    for (const read of [(x: NDArray) => x.dataAsync(), (x: NDArray) => x.sum().itemAsync()]) {
      let later: Promise<unknown> = Promise.resolve();
      try {
        run((x) => {
          later = read(x);
          return x;
        });
      } catch (e) {
        assert.ok(transform.includes("shapeless"), String(e));
      }
      await assert.rejects(later, (e: Error) => e.message.includes(argument) && e.message.includes("(shape [3])"));
    }
  }
});
test("changing a captured array names its shape and the line, and leaves it as it was", () => {
  const captured = mx.zeros([2, 3]);
  mx.eval(captured);
  for (const [transform, , run] of transforms) {
    for (
      const change of [
        (x: NDArray) => captured.set([0], x),
        (_: NDArray) => captured.set([], 1),
        (x: NDArray) => captured.set([captured.gt(-1)], x.sum()),
      ]
    ) {
      assert.throws(() => run((x) => [change(x)]), (e: Error) => {
        assert.match(e.message, /^Cannot set an array of shape \[2,3\] inside a transform/, transform);
        assert.match(e.message, /it was made outside.*; return the value instead/, transform);
        assert.match(e.message, here, transform);
        return true;
      });
    }
  }
  assert.deepEqual(captured.tolist(), [[0, 0, 0], [0, 0, 0]]);
});
test("a traced array prints as one", () => {
  const host = globalThis as {
    readonly Deno?: { inspect(x: unknown): string };
    readonly Bun?: { inspect(x: unknown): string };
  };
  const inspect = (host.Deno ?? host.Bun)?.inspect as (x: unknown) => string;
  for (const [transform, , run] of transforms) {
    run((x) => {
      for (const y of [x, x.add(1)]) assert.equal(inspect(y), "array(traced, shape=[3], dtype=float32)", transform);
      return x;
    });
  }
});
