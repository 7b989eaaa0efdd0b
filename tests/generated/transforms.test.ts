// Every op under the transforms: forward mode against reverse mode to second order, batches against loops, and both composed with gradients.
import assert from "node:assert/strict";
import { test } from "node:test";
import { registry } from "../../src/ops/basis.ts";
import { shareOf, whole } from "../support/share.ts";
import { compiledDifference } from "../support/composition_checks.ts";
import {
  checkBatch,
  checkComplex,
  checkForward,
  complex,
  differentiable,
  more,
  type Sampled,
  walked,
} from "../support/transform_checks.ts";

function all(list: readonly Sampled[], check: (c: Sampled) => string | null): void {
  const failures: string[] = [];
  for (const c of shareOf(list)) {
    let bad: string | null;
    try {
      bad = check(c);
    } catch (e) {
      bad = e instanceof Error ? `${e.name}: ${e.message.slice(0, 200)}` : String(e);
    }
    if (bad !== null) failures.push(`${c.name}: ${bad}`);
  }
  assert.equal(failures.length, 0, `${failures.length} of ${list.length} failed:\n${failures.join("\n")}`);
}
test(
  "forward mode agrees with reverse mode, to second order",
  { timeout: 7200000 },
  () => all(differentiable, checkForward),
);
test(
  "batches agree with loops, under and over gradients",
  { timeout: 7200000 },
  () => all(differentiable, (c) => checkBatch(c, true)),
);
test(
  "batches of what has no gradient agree with loops",
  { timeout: 7200000 },
  () => all(more, (c) => checkBatch(c, false)),
);
test(
  "forward mode of complex numbers agrees with reverse mode",
  { timeout: 7200000 },
  () => all(complex, checkComplex),
);
test("compile changes no bit, over transforms and under them", { timeout: 7200000 }, () => {
  all([...differentiable, ...complex], (c) => compiledDifference(c, true));
  all(more, (c) => compiledDifference(c, false));
});
test("every op of the registry was transformed", { skip: !whole }, () => {
  // These have no inputs, or only exist inside of a transform.
  const others = new Set(["full", "iota", "array", "placeholder", "alias", "family", "result"]);
  assert.deepEqual(registry.map((o) => o.name).filter((n) => !others.has(n) && !walked.has(n)), []);
});
