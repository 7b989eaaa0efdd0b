// Tests that training loops that dispose of nothing take bounded memory, however they read, keep and change arrays.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOOPS, train } from "../support/training.ts";

const MB = 1 << 20;

for (const loop of LOOPS) {
  test(`a loop of small steps (${loop}) takes bounded memory`, async () => {
    const m = await train(loop, 1500, false);
    assert.ok(m.peak <= 3 * m.step + 128 * MB, `${m.peak} bytes in use, ${m.step} by one step`);
    assert.ok(m.late <= 1.05 * m.early + 16 * MB, `resident memory grew from ${m.early} to ${m.late}`);
  });
}

for (const loop of ["read", "unread", "asyncAdam"] as const) {
  test(`a loop of steps with 20 MB of activations (${loop}) takes bounded memory`, async () => {
    const m = await train(loop, 200, true);
    assert.ok(m.peak <= 3 * m.step + 128 * MB, `${m.peak} bytes in use, ${m.step} by one step`);
    assert.ok(m.late <= 1.05 * m.early + 16 * MB, `resident memory grew from ${m.early} to ${m.late}`);
  });
}
