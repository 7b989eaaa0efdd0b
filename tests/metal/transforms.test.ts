// Every op under every transform, compiled, on the GPU: what the CPU gives without compile.
import assert from "node:assert/strict";
import { after, test } from "node:test";
// Where there is no Mac it puts the simulator in the place of Metal, before the library first looks for it.
import { violations } from "../support/metal.ts";
import * as mx from "../../mod.ts";
import { cover, deviceDifference } from "../support/composition_checks.ts";
import { complex, differentiable, more, type Sampled } from "../support/transform_checks.ts";

after(() => assert.deepEqual(violations(), []));

/** Functions that run as one. */
const TOGETHER = 6;
const reached = new Set<string>();
function all(list: readonly Sampled[], gradients: boolean): void {
  const few = cover(list, reached), failures: string[] = [];
  for (let i = 0; i < few.length; i += TOGETHER) {
    const bad = deviceDifference(mx.gpu, few.slice(i, i + TOGETHER), gradients);
    if (bad !== null) failures.push(bad);
  }
  assert.equal(failures.length, 0, failures.join("\n"));
}
test("values, gradients, tangents and batches of every op", { timeout: 7200000 }, () => all(differentiable, true));
test("values and batches of ops without a gradient", { timeout: 7200000 }, () => all([...more, ...complex], false));
