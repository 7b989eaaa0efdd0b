// Random graphs: fused equals unfused bit for bit, both agree with the exact interpreter, and explain() counts the bytes that kernels touch.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import { counters } from "../../src/runtime/cache.ts";
import { randomRecipe } from "../support/random_graph.ts";
import {
  type Check,
  explainDifference,
  failureOf,
  fusionDifference,
  gradientDifference,
  interpreterDifference,
  layoutDifference,
} from "../support/fusion_checks.ts";

const COUNT = Number(process.env["GRAPHS"] ?? 300), FIRST = Number(process.env["SEED"] ?? 1);
const run = (
  name: string,
  first: number,
  count: number,
  big: boolean,
  checks: readonly Check[],
  dtype?: DType,
): void => {
  test(name, { timeout: 180000 }, () => {
    const failures: string[] = [];
    for (let seed = first; seed < first + count && failures.length < 6; seed++) {
      const recipe = randomRecipe(seed, 4 + seed % 22, big, (n) => n, dtype);
      for (const check of checks) {
        const f = failureOf(recipe, check);
        if (f !== null) failures.push(`seed ${seed}, ${check.name}: ${f}`);
      }
    }
    assert.equal(failures.length, 0, failures.join("\n\n"));
  });
};
run("random graphs: fused = unfused = interpreter, and the bytes of explain", FIRST, COUNT, false, [
  fusionDifference,
  interpreterDifference,
  explainDifference,
]);
run("gradients of random graphs: fused = unfused", FIRST, COUNT, false, [gradientDifference]);
run("complex graphs and their gradients: fused = unfused", FIRST + 300000, COUNT, false, [
  fusionDifference,
  gradientDifference,
], "complex64");
run("large random graphs: fused = unfused", FIRST + 100000, Math.ceil(COUNT / 8), true, [fusionDifference]);
run("large folds: the bytes of explain and the interpreter", FIRST + 200000, Math.ceil(COUNT / 80), true, [
  interpreterDifference,
  explainDifference,
]);

test("random graphs in other sizes: a plan that is laid out again = a new plan", { timeout: 180000 }, () => {
  const failures: string[] = [], before = counters.layouts;
  for (let seed = FIRST; seed < FIRST + COUNT && failures.length < 6; seed++) {
    const count = 4 + seed % 22, first = randomRecipe(seed, count, false), arrays = first.build();
    mx.eval(first.roots.map((i) => arrays[i]));
    // A little longer, or anything: other answers to the questions that plans ask.
    const stretch = seed % 3 > 0 ? (n: number) => n + 1 + n * 7 % 5 : (n: number) => 2 + n * (seed % 37) % 61;
    const f = failureOf(randomRecipe(seed, count, false, (n) => n < 2 ? n : stretch(n)), layoutDifference);
    if (f !== null) failures.push(`seed ${seed}: ${f}`);
  }
  assert.equal(failures.length, 0, failures.join("\n\n"));
  assert.ok(
    counters.layouts - before > COUNT / 4,
    `only ${counters.layouts - before} of ${COUNT} plans were laid out again`,
  );
});
