// explain: what was computed before without being kept, in words that a user reads.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";

test("a value that an eval passed through is computed once more, and then kept", () => {
  const x = mx.ones([8, 8]), h = mx.softmax(x.matmul(x), -1), y = h.mul(2);
  mx.eval(y);
  assert.deepEqual(mx.explain(y.add(1)).recomputed, []);
  const told = mx.explain(h.add(1));
  assert.deepEqual(told.recomputed, ["matmul", "divide"]);
  assert.match(String(told), /computed again: matmul, divide/);
  mx.eval(h.add(1));
  assert.deepEqual(mx.explain(h.add(2)).recomputed, []);
  assert.equal(mx.explain(h.add(2)).kernels.length, 1);
});
