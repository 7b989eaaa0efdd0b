// Every golden kernel as MSL, on Metal, compared with the exact interpreter.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../support/golden_cases.ts";
import { interpreted } from "../support/interpreted.ts";
import { CHECKED, SEED, simulator } from "../support/metal.ts";
import { MetalRunner } from "../support/on_metal.ts";

const runner = new MetalRunner();
for (const { name, make } of CASES) {
  test(`golden kernels on Metal: ${name}`, () => {
    for (const seed of [0, 1]) {
      simulator?.metalsim_set(SEED, seed);
      interpreted(make().map(([a]) => a.node), runner.run);
    }
    simulator?.metalsim_set(SEED, 0);
  });
}

test("golden kernels on Metal: no race, nothing out of bounds", () => {
  if (simulator === null) return;
  simulator.metalsim_set(CHECKED, 1);
  simulator.metalsim_set(SEED, 7);
  const checked = new MetalRunner();
  for (const { make } of CASES) interpreted(make().map(([a]) => a.node), checked.run);
  simulator.metalsim_set(CHECKED, 0);
  simulator.metalsim_set(SEED, 0);
  assert.ok(checked.compiled > CASES.length);
});
