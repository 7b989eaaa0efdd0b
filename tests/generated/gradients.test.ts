// Gradients of every differentiable public function against central differences in float64, to second order, with broadcasting, zeros and ties.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { registry } from "../../src/ops/basis.ts";
import { shareOf, whole } from "../support/share.ts";
import { covered } from "../support/op_checks.ts";
import {
  array,
  cases,
  checkComplexGradient,
  checkGradient,
  complexCases,
  gradientOf,
} from "../support/gradient_checks.ts";

test("gradients agree with difference quotients, to second order", { timeout: 7200000 }, () => {
  const failures: string[] = [];
  for (const c of shareOf(cases)) {
    let bad: string | null;
    try {
      bad = checkGradient(c);
    } catch (e) {
      bad = e instanceof Error ? `${e.name}: ${e.message.slice(0, 200)}` : String(e);
    }
    if (bad !== null) failures.push(`${c.name}: ${bad}`);
  }
  assert.equal(failures.length, 0, `${failures.length} of ${cases.length} failed:\n${failures.join("\n")}`);
});
test("gradients of complex functions agree with difference quotients", () => {
  const failures = shareOf(complexCases).flatMap(([name, f]) => {
    const bad = checkComplexGradient(f);
    return bad === null ? [] : [`${name}: ${bad}`];
  });
  assert.equal(failures.length, 0, failures.join("\n"));
});
test("every op of the registry that has a gradient was differentiated", { skip: !whole }, () => {
  // Bits, tests and places have no slope; alias is what every gradient starts from; complex joins parts of extremes.
  const flat =
    /^(arg|bitwise|logical|is|random)|Shift$|^(alias|complex|view|floorDivide|placeholder|family|result|depends)$/;
  const missed = registry.map((o) => o.name).filter((n) => !covered.has(n) && !flat.test(n));
  assert.deepEqual(missed.filter((n) => registry.some((o) => o.name === n && o.vjp !== undefined)), []);
});
test("ties and kinks follow MLX", () => {
  const zero = array([0, 1], [2]);
  assert.deepEqual(gradientOf((x) => mx.maximum(x, zero), [0, 2]), [0, 1]);
  assert.deepEqual(gradientOf((x) => mx.maximum(zero, x), [0, 0]), [1, 0]);
  assert.deepEqual(gradientOf((x) => mx.minimum(x, zero), [0, 2]), [0, 0]);
  assert.deepEqual(gradientOf((x) => mx.max(x), [3, 1, 3, 3]), [1 / 3, 0, 1 / 3, 1 / 3]);
  assert.deepEqual(gradientOf((x) => mx.min(x), [1, 1, 3]), [0.5, 0.5, 0]);
  assert.deepEqual(gradientOf((x) => mx.abs(x), [0, -2, 2]), [0, -1, 1]);
  assert.deepEqual(gradientOf((x) => mx.clip(x, -1, 1), [-1, 1, 0.5, 3]), [0, 0, 1, 0]);
  assert.deepEqual(gradientOf((x) => mx.prod(x), [0, 2, 3]), [6, 0, 0]);
  assert.deepEqual(gradientOf((x) => mx.prod(x), [0, 0, 3]), [0, 0, 0]);
  assert.ok(gradientOf((x) => mx.linalg.norm(x), [0, 0]).every(Number.isNaN));
  assert.deepEqual(gradientOf((x) => mx.stopGradient(x), [1, 2]), [0, 0]);
  assert.deepEqual(mx.grad((x: NDArray) => mx.sum(mx.prod(x, 1)))(array([], [0, 3])).shape, [0, 3]);
});
