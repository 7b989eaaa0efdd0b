// Random graphs: fused equals unfused bit for bit, both agree with the exact interpreter, and explain() counts the bytes that kernels touch.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { counters } from "../../src/runtime/cache.ts";
import { graphOf } from "../../src/runtime/graph.ts";
import { steps } from "../../src/runtime/plan.ts";
import { MOST_BUFFERS } from "../../src/schedule/cut.ts";
import { seeds, whole } from "../support/share.ts";
import { bytesOf, evaluateEach, Random, randomArray, randomRecipe } from "../support/random_graph.ts";
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
  test(name, { timeout: 7200000 }, () => {
    const failures: string[] = [];
    for (const seed of seeds(first, count)) {
      if (failures.length >= 6) break;
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

test("random graphs in other sizes: a plan that is laid out again = a new plan", { timeout: 7200000 }, () => {
  const failures: string[] = [], before = counters.layouts;
  for (const seed of seeds(FIRST, COUNT)) {
    if (failures.length >= 6) break;
    const count = 4 + seed % 22, first = randomRecipe(seed, count, false), arrays = first.build();
    mx.eval(first.roots.map((i) => arrays[i]));
    // A little longer, or anything: other answers to the questions that plans ask.
    const stretch = seed % 3 > 0 ? (n: number) => n + 1 + n * 7 % 5 : (n: number) => 2 + n * (seed % 37) % 61;
    const f = failureOf(randomRecipe(seed, count, false, (n) => n < 2 ? n : stretch(n)), layoutDifference);
    if (f !== null) failures.push(`seed ${seed}: ${f}`);
  }
  assert.equal(failures.length, 0, failures.join("\n\n"));
  assert.ok(
    !whole || counters.layouts - before > COUNT / 4,
    `only ${counters.layouts - before} of ${COUNT} plans were laid out again`,
  );
});

test("kernels bind no more memory than devices do: wide graphs, cut = not fused", { timeout: 7200000 }, () => {
  let cuts = 0;
  for (const seed of seeds(FIRST, 24)) {
    const r = new Random(seed), width = r.int(20, 70), n = r.int(3, 40), rows = r.int(1, 6);
    const leaves = Array.from({ length: r.pick([1, 3, 40]) }, () => randomArray(r, "float32", [rows, n + width]));
    mx.eval(leaves);
    // Many windows of few arrays, or many arrays, joined by maps and folds; some are wanted themselves.
    const build = (): NDArray[] => {
      const q = new Random(seed), roots: NDArray[] = [];
      let sum: NDArray | null = null;
      for (let k = 0; k < width; k++) {
        let x = q.pick(leaves).get(":", `${k}:${k + n}`).mul(k % 7 + 1);
        if (q.chance(0.3)) x = mx.softmax(x, -1);
        if (q.chance(0.3)) x = x.sub(x.sum(-1, { keepdims: true }));
        if (q.chance(0.2)) x = mx.exp(x.mul(0.01)).add(mx.cumsum(x, 1).mul(1e-3));
        if (q.chance(0.3)) roots.push(x);
        sum = sum === null ? x : q.chance(0.5) ? sum.add(x) : mx.maximum(sum, x);
      }
      return [...roots, sum as NDArray, mx.concatenate([sum as NDArray, ...roots], 0)];
    };
    const together = build(), { steps: list } = steps(graphOf(together.map((x) => x.node)));
    const bound = list.flatMap((s) => s.kind === "kernel" ? [s] : []);
    for (const s of bound) assert.ok(s.kernel.mems.length <= MOST_BUFFERS, `seed ${seed}: ${s.kernel.mems.length}`);
    cuts += bound.filter((s) => s.group.reason === "a kernel binds no more memory").length;
    mx.eval(together);
    const apart = build();
    evaluateEach(apart);
    together.forEach((x, i) => assert.deepEqual(bytesOf(x), bytesOf(apart[i] as NDArray), `seed ${seed}, root ${i}`));
  }
  assert.ok(!whole || cuts > 10, `only ${cuts} kernels were cut`);
});
