// Derivatives of scan, cond and whileLoop against difference quotients in float64, to second order, and under batches and compile.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  controlGradientDifference,
  controlled,
  randomControl,
  randomWhile,
} from "../support/control_gradient_checks.ts";

type Program = (typeof controlled)[number];
function all(programs: Iterable<Program>): void {
  const failures: string[] = [];
  for (const program of programs) {
    let found: string | null;
    try {
      found = controlGradientDifference(program);
    } catch (error) {
      found = (error as Error).stack ?? String(error);
    }
    if (found !== null) failures.push(`${program.name}: ${found}`);
  }
  assert.equal(failures.length, 0, `${failures.length} failed:\n${failures.join("\n")}`);
}
const COUNT = Number(process.env["GRAPHS"] ?? 30), FIRST = Number(process.env["SEED"] ?? 1);
const seeds = Array.from({ length: COUNT }, (_, k) => FIRST + k);
test("every differentiable function in the steps of a scan", { timeout: 7200000 }, () => all(controlled));
test(
  "random scans, with loops, branches and checkpoints inside",
  { timeout: 7200000 },
  () => all(seeds.map(randomControl)),
);
test("random loops of unknown length, forwards", { timeout: 7200000 }, () => all(seeds.map(randomWhile)));
