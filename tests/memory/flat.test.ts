// Tests that training loops that dispose of nothing take bounded memory, however they read, keep and change arrays.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { native } from "../../src/runtime/evaluate.ts";
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

test("large arrays that are read and dropped are not kept", async () => {
  const before = mx.getActiveMemory();
  for (let i = 0; i < 60; i++) mx.ones([MB]).add(i).data();
  for (let i = 0; i < 4; i++) {
    native().yieldToCollector();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(mx.getActiveMemory() - before <= 64 * MB, `${mx.getActiveMemory() - before} bytes in use`);
});

test("a state that set changes and nobody reads takes bounded memory", () => {
  const running = mx.zeros([1024]), x = mx.random.normal([8, 1024]);
  const run = (steps: number): void => {
    for (let t = 0; t < steps; t++) {
      running.set([":"], running.mul(0.9).add(mx.mean(x, 0).mul(0.1)));
      mx.eval(x.mul(2).sum());
    }
  };
  run(50);
  native().yieldToCollector();
  mx.resetPeakMemory();
  const before = mx.getActiveMemory();
  run(3000);
  assert.ok(mx.getPeakMemory() - before <= 64 * MB, `${mx.getPeakMemory() - before} bytes in use`);
  assert.ok(Number.isFinite(running.sum().item()));
});
