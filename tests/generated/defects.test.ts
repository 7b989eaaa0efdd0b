// Planted defects: a wrong scalar rule, gradient or schedule decision must be caught by the checks of the other generated tests.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NDArray } from "../../src/core/ndarray.ts";
import type { Lower, Node, OpDef } from "../../src/core/node.ts";
import * as mx from "../../mod.ts";
import { forgetPlans } from "../../src/runtime/evaluate.ts";
import { registry } from "../../src/ops/basis.ts";
import type { Expr, Scalars } from "../../src/kernel/expr.ts";
import { checkBinary, checkReduce, checkUnary } from "../support/op_checks.ts";
import { fusionDifference } from "../support/fusion_checks.ts";
import { checkGradient, gradientCases } from "../support/gradient_checks.ts";
import { checkBatch, checkForward, differentiable, more, type Sampled } from "../support/transform_checks.ts";
import { Random, randomArray, Recipe } from "../support/random_graph.ts";

type Changeable<T> = { -readonly [K in keyof T]: T[K] };
const opOf = (name: string): Changeable<OpDef<unknown>> =>
  registry.find((o) => o.name === name) as unknown as Changeable<OpDef<unknown>>;
/** Runs with an op changed; plans of the sound op and of the planted one are both forgotten. */
function planted(name: string, change: Partial<OpDef<unknown>>, run: () => void): void {
  const op = opOf(name), saved = { ...op };
  forgetPlans();
  Object.assign(op, change);
  try {
    run();
  } finally {
    Object.assign(op, saved);
    forgetPlans();
  }
}
/** The op with another scalar rule. */
function scalar(name: string, rule: (s: Scalars, x: readonly Expr[]) => Expr): Partial<OpDef<unknown>> {
  const lower = opOf(name).lower as Extract<Lower<unknown>, { kind: "map" }>;
  return { lower: { ...lower, scalar: (s: Scalars, x: readonly Expr[]) => rule(s, x) } };
}
const gradientFails = (name: string): boolean => {
  const c = gradientCases.find((k) => k.name.startsWith(name));
  assert.ok(c !== undefined, name);
  return checkGradient(c) !== null;
};
const fails = (check: () => string | null): boolean => {
  try {
    return check() !== null;
  } catch {
    return true;
  }
};
const caught = (what: string, found: boolean): void => assert.ok(found, `${what} was not caught`);

test("values: a wrong function, a wrong operand order, a missing case", { timeout: 180000 }, () => {
  const x = (a: readonly Expr[], i: number): Expr => a[i] as Expr;
  planted(
    "tanh",
    scalar("tanh", (s, a) => s.un("sin", x(a, 0))),
    () => caught("sin for tanh", checkUnary("tanh", "float64").length > 0),
  );
  planted(
    "subtract",
    scalar("subtract", (s, a) => s.bin("sub", x(a, 1), x(a, 0))),
    () => caught("subtract the wrong way round", checkBinary("subtract", "int16").length > 0),
  );
  planted(
    "round",
    scalar("round", (s, a) => s.un("floor", s.bin("add", x(a, 0), s.literal(0.5, x(a, 0).t)))),
    () => caught("round half up", checkUnary("round", "float64").length > 0),
  );
  planted(
    "maximum",
    scalar("maximum", (s, a) => s.select(s.cmp("gt", x(a, 0), x(a, 1)), x(a, 0), x(a, 1))),
    () => caught("maximum without NaN", checkBinary("maximum", "float64").length > 0),
  );
  planted(
    "remainder",
    scalar("remainder", (s, a) => s.bin("sub", x(a, 0), s.bin("mul", s.bin("div", x(a, 0), x(a, 1)), x(a, 1)))),
    () => caught("remainder with the dividend's sign", checkBinary("remainder", "int32").length > 0),
  );
});
test("reductions: a fold of the wrong kind", { timeout: 180000 }, () => {
  const lower = opOf("max").lower as Extract<Lower<unknown>, { kind: "fold" }>;
  planted(
    "max",
    { lower: { ...lower, op: () => "min" } },
    () => caught("min for max", checkReduce("max", "int16").length > 0),
  );
});
test("gradients: a wrong sign, a wrong factor, a gradient that is cut", { timeout: 180000 }, () => {
  const vjp = (name: string): NonNullable<OpDef<unknown>["vjp"]> =>
    opOf(name).vjp as NonNullable<OpDef<unknown>["vjp"]>;
  const node = (a: NDArray): Node => a.node;
  const wrapped = (n: Node): NDArray => {
    const a = mx.zeros([0]);
    a.move(n);
    return a;
  };
  const cos = vjp("cos"), matmul = vjp("matmul"), gather = vjp("gather"), slice = vjp("slice");
  planted(
    "cos",
    { vjp: (...a) => cos(...a).map((g) => g === null ? null : node(mx.negative(wrapped(g)))) },
    () => caught("the sign of cos'", gradientFails("cos")),
  );
  planted("erf", { vjp: (ct) => [ct] }, () => caught("the gradient of erf", gradientFails("erf")));
  planted(
    "matmul",
    { vjp: (...a) => [matmul(...a)[0] as Node | null, null] },
    () => caught("no gradient of the second factor", gradientFails("matmul")),
  );
  planted(
    "gather",
    { vjp: (...a) => gather(...a).map((g) => g === null ? null : node(mx.multiply(wrapped(g), 0.5))) },
    () => caught("half the gradient of take", gradientFails("take")),
  );
  planted(
    "slice",
    { vjp: (...a) => slice(...a).map((g) => g === null ? null : node(mx.flip(wrapped(g), 0))) },
    () => caught("a reversed gradient of get", gradientFails("get")),
  );
});
test("transforms: tangents and batching rules that are wrong", { timeout: 180000 }, () => {
  const named = (name: string): Sampled => [...differentiable, ...more].find((c) => c.name.startsWith(name)) as Sampled;
  const rule = <K extends "jvp" | "vmap">(name: string, k: K): NonNullable<OpDef<unknown>[K]> =>
    opOf(name)[k] as NonNullable<OpDef<unknown>[K]>;
  const matmul = rule("matmul", "jvp"), gather = rule("gather", "vmap"), sum = rule("sum", "vmap");
  planted(
    "matmul",
    { jvp: ([a, _b, ...c], ...rest) => matmul([a as Node | null, null, ...c], ...rest) },
    () => caught("no tangent of the second factor", fails(() => checkForward(named("matmul")))),
  );
  planted(
    "sin",
    { jvp: ([t]) => t as Node },
    () => caught("the tangent of sin", fails(() => checkForward(named("sin")))),
  );
  planted(
    "gather",
    { vmap: (ins, [own], ...rest) => gather(ins, [own as boolean, ...ins.slice(1).map(() => false)], ...rest) },
    () => caught("indices that are mapped and not seen so", fails(() => checkBatch(named("take at mapped"), false))),
  );
  planted(
    "sum",
    { vmap: (ins, batched, _arg, n) => sum(ins, batched, { axes: [1, 2] }, n) },
    () => caught("a sum over another axis", fails(() => checkBatch(named("sum over 0"), true))),
  );
});
test("schedules: an index that a view gets wrong where it is fused", { timeout: 180000 }, () => {
  // The view itself stays right, so that only what is computed in place through it is wrong: fused and unfused differ.
  const lower = opOf("transpose").lower as Extract<Lower<unknown>, { kind: "view" }>;
  planted("transpose", { lower: { ...lower, pull: (index) => index } }, () => {
    const r = new Random(3), recipe = new Recipe(), leaf = randomArray(r, "float64", [7, 7]), probe = [leaf];
    recipe.add([], "leaf", 0, false, false, () => leaf, probe);
    probe.push(recipe.add([0], "exp", 0, false, false, ([x]) => mx.exp(x as NDArray), probe));
    probe.push(recipe.add([1], "transpose", 0, false, false, ([x]) => mx.transpose(x as NDArray), probe));
    recipe.add([2, 0], "add", 0, false, false, ([x, y]) => mx.add(x as NDArray, y as NDArray), probe);
    let found: boolean;
    try {
      found = fusionDifference(recipe, [3]) !== null;
    } catch {
      found = true;
    }
    caught("an index that is not transposed", found);
  });
});
