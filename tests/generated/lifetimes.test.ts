// Random programs that record, change, read, keep and drop arrays: every array holds what plain arrays hold, and no view of data ever changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { programDifference } from "../support/random_program.ts";

const COUNT = Number(process.env["PROGRAMS"] ?? 60), FIRST = Number(process.env["SEED"] ?? 1);
test("random programs agree with plain arrays", async () => {
  const failures: string[] = [];
  for (let seed = FIRST; seed < FIRST + COUNT && failures.length < 4; seed++) {
    const bad = await programDifference(seed, 20 + seed % 60);
    if (bad !== null) failures.push(bad);
  }
  assert.equal(failures.length, 0, failures.join("\n\n"));
});
