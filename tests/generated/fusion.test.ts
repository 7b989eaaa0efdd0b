// Random graphs: fused equals unfused bit for bit, both agree with the exact interpreter, and explain() counts the bytes that kernels touch.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DType } from "../../src/base/dtype.ts";
import { randomRecipe } from "../support/random_graph.ts";
import {
  type Check,
  explainDifference,
  failureOf,
  fusionDifference,
  gradientDifference,
  interpreterDifference,
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
      const recipe = randomRecipe(seed, 4 + seed % 22, big, dtype);
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
