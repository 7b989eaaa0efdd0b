// Every function of the generated tests, their gradients and random graphs, compiled shapeless: the same bits at every shape, mostly without a trace.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shareOf, whole } from "../support/share.ts";
import { cover } from "../support/composition_checks.ts";
import { calls, looped, shapelessDifference, shapelessGraphDifference, walked } from "../support/shapeless_checks.ts";
import { complex, differentiable, more, type Sampled } from "../support/transform_checks.ts";

function all<T>(list: readonly T[], name: (x: T) => string, check: (x: T) => string | null, share: number): void {
  const failures: string[] = [], before = { ...calls };
  for (const x of shareOf(list)) {
    const bad = check(x);
    if (bad !== null) failures.push(`${name(x)}: ${bad}`);
  }
  assert.equal(failures.length, 0, `${failures.length} of ${list.length} failed:\n${failures.join("\n")}`);
  const compared = calls.compared - before.compared, skipped = calls.skipped - before.skipped;
  assert.ok(!whole || skipped >= compared * share, `only ${skipped} of ${compared} calls skipped the trace`);
}
const named = (c: Sampled): string => c.name;
// Lengths that are equal, or 1, or 0, are other structures, which trace: about half of the calls.
test(
  "differentiable functions and their gradients compiled shapeless",
  { timeout: 7200000 },
  () => all(differentiable, named, (c) => shapelessDifference(c, true), 0.4),
);
test(
  "functions of other dtypes compiled shapeless",
  { timeout: 7200000 },
  () => all([...more, ...complex], named, (c) => shapelessDifference(c, false), 0.4),
);
test("control flow over functions, its gradients and batches, compiled shapeless", { timeout: 7200000 }, () => {
  const list = cover(differentiable, new Set());
  const kinds = ["scan", "branches"] as const;
  all(
    list.map((c, i) => looped(c, kinds[i % 2] as "scan" | "branches")),
    named,
    (c) => shapelessDifference(c, true),
    0.4,
  );
  all(list.map((c) => looped(c, "while")), named, (c) => shapelessDifference(c, false), 0.4);
  all(list.map(walked), named, (c) => shapelessDifference(c, true), 0.4);
});
test(
  "random graphs compiled shapeless",
  { timeout: 7200000 },
  () =>
    all(
      Array.from({ length: Number(process.env["GRAPHS"] ?? 300) }, (_, i) => i + 1),
      String,
      shapelessGraphDifference,
      0.4,
    ),
);
