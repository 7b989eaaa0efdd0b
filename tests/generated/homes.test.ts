// Products whose results are laid out anew: all orders of their axes, as copies and as parts of an assembly, are the bits of one op after the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { bytesOf, evaluateEach } from "../support/random_graph.ts";

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((p) =>
    Array.from({ length: n }, (_, k) => [...p.slice(0, k), n - 1, ...p.slice(k)])
  );
}
const ORDERS = permutations(4);
/** A batch of products of shape [2, 3, 4, 5]. */
function product(dtype: mx.DType, seed: number): NDArray {
  const leaf = (shape: number[], k: number): NDArray => {
    const a = mx.random.randint(-9, 9, { shape, key: mx.random.key(k) }).astype(dtype);
    mx.eval(a);
    return a;
  };
  return leaf([2, 3, 4, 6], seed).matmul(leaf([2, 3, 6, 5], seed + 1));
}
/** Everything that is made of products in an order, by name. */
const USES: Readonly<Record<string, (of: (seed: number) => NDArray, order: readonly number[]) => NDArray>> = {
  "a copy": (of, order) => of(1).transpose(...order).reshape(-1),
  "a copy that another op reads": (of, order) => of(1).transpose(...order).reshape(-1, 2).mul(3).sum(0),
  "a copy beside the product": (of, order) => {
    const p = of(1);
    return mx.concatenate([p.transpose(...order).reshape(-1), p.reshape(-1)]);
  },
  "a stack": (of, order) => mx.stack([of(1), of(3)].map((p) => p.transpose(...order)), 1),
  "a stack, copied": (of, order) => mx.stack([of(1), of(3), of(5)]).transpose(...order, 4).reshape(-1, 5),
  "the same twice": (of, order) => {
    const p = of(1).transpose(...order);
    return mx.stack([p, p], 2);
  },
  "parts end to end, turned around": (of, order) =>
    mx.concatenate([of(1).transpose(...order), of(3).transpose(...order)], 2).get("...", "::-1", ":").reshape(-1),
  "a gradient of slices": (of, order) => {
    const x = of(1).transpose(...order), w = mx.arange(10).reshape(5, 2).astype(x.dtype);
    return x.dtype === "int32" ? x : mx.grad((y: NDArray) => {
      const [a, b] = mx.unstack(y.reshape(2, 60), 0) as [NDArray, NDArray];
      return a.reshape(12, 5).matmul(w).sum().add(b.reshape(2, 6, 5).matmul(w).square().sum());
    })(x);
  },
};
for (const [name, use] of Object.entries(USES)) {
  test(`products in every order of their axes: ${name}`, () => {
    for (const dtype of ["float32", "bfloat16", "float64", "complex64", "int32"] as const) {
      const values = { of: (seed: number): NDArray => product(dtype, seed) };
      for (const order of ORDERS) {
        const fused = use(values.of, order), each = use(values.of, order);
        mx.eval(fused);
        evaluateEach([each]);
        assert.deepEqual(bytesOf(fused), bytesOf(each), `${dtype} ${order}`);
      }
    }
  });
}
test("a product in another order takes no copy on the CPU", () => {
  using _ = mx.stream(mx.cpu);
  const p = (): NDArray => product("float32", 1), copies = (y: NDArray): number => mx.explain(y).kernels.length - 1;
  assert.equal(copies(p().transpose(0, 2, 1, 3).reshape(2, 4, 15)), 0);
  assert.equal(copies(p().transpose(2, 0, 1, 3).reshape(4, 30)), 0);
  // Its rows and columns change places.
  assert.equal(copies(p().transpose(0, 1, 3, 2).reshape(6, 20)), 0);
  // Neither its rows nor its columns lie together there.
  assert.equal(copies(p().transpose(2, 3, 0, 1).reshape(4, 30)), 1);
  assert.equal(mx.explain(mx.stack([p(), p()], 3)).kernels.length, 2);
});
