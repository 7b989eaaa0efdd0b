// Tests that Workers train at once, that ending them in the middle crashes nothing, and that their memory comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { terminatedWorkers } from "../support/workers.ts";

test("eight Workers train at once and are terminated in the middle, five times over", async () => {
  mx.eval(mx.ones([4]).add(1));
  const start = mx.getActiveMemory();
  await terminatedWorkers(8, 5);
  const left = mx.getActiveMemory() - start;
  assert.ok(left <= 2e5, `${left} bytes of ended Workers are still in use`);
  assert.deepEqual(mx.array([1, 2, 3]).mul(2).tolist(), [2, 4, 6]);
});
