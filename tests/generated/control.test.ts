// Control flow over random graphs: a loop equals its steps one by one, bit for bit, and so do gradients, tangents and batches up to rounding.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seeds } from "../support/share.ts";
import { randomRecipe } from "../support/random_graph.ts";
import {
  batchDifference,
  condDifference,
  derivativeDifference,
  scanDifference,
  whileDifference,
} from "../support/control_checks.ts";

const COUNT = Number(process.env["GRAPHS"] ?? 40), FIRST = Number(process.env["SEED"] ?? 1);
for (const check of [scanDifference, whileDifference, condDifference, derivativeDifference, batchDifference]) {
  test(`random bodies: ${check.name}`, () => {
    const failures: string[] = [];
    for (const seed of seeds(FIRST, COUNT)) {
      if (failures.length >= 4) break;
      const recipe = randomRecipe(seed, 4 + seed % 14, false);
      let found: string | null;
      try {
        found = check(recipe, seed);
      } catch (error) {
        found = (error as Error).stack ?? String(error);
      }
      if (found !== null) {
        failures.push(`seed ${seed}: ${found}\n${recipe.text([...recipe.roots, ...recipe.values.keys()])}`);
      }
    }
    assert.equal(failures.length, 0, failures.join("\n\n"));
  });
}
