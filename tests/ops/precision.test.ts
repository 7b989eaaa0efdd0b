// Tests the precision of products as a setting: what it takes, and that off GPUs it changes nothing. What it does on one: tests/cuda/libraries.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";

test("setMatmulPrecision returns what was in force, and takes two levels", () => {
  assert.equal(mx.matmulPrecision(), "highest");
  assert.equal(mx.setMatmulPrecision("high"), "highest");
  assert.equal(mx.matmulPrecision(), "high");
  assert.equal(mx.setMatmulPrecision("highest"), "high");
  assert.throws(
    () => mx.setMatmulPrecision("fast" as mx.MatmulPrecision),
    (e: Error) => e instanceof TypeError && /"fast".*"highest" or "high"/.test(e.message),
  );
  assert.equal(mx.matmulPrecision(), "highest");
});

test("on the CPU products have the same bits at either level, also compiled and differentiated", () => {
  mx.stream(mx.cpu, () => {
    const a = mx.random.normal([33, 65]), b = mx.random.normal([65, 17]), f = mx.compile(mx.matmul);
    const all = (): unknown[] =>
      [a.matmul(b), f(a, b), mx.grad((x: mx.NDArray) => x.matmul(b).square().sum())(a)].map((x) => x.tolist());
    const want = all();
    mx.setMatmulPrecision("high");
    try {
      assert.deepEqual(all(), want);
    } finally {
      mx.setMatmulPrecision("highest");
    }
  });
});
