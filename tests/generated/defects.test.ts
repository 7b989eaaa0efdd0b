// Planted defects: a wrong rule, gradient, index, schedule, key or lifetime must be caught by the checks of the other generated tests.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { late, NDArray } from "../../src/core/ndarray.ts";
import { type Aval, type Lower, type Node, type OpDef, topological } from "../../src/core/node.ts";
import { contiguousView, type View } from "../../src/core/view.ts";
import type { Expr, Scalars } from "../../src/kernel/expr.ts";
import { registry } from "../../src/ops/basis.ts";
import { forgetPlans } from "../../src/runtime/cache.ts";
import { native } from "../../src/runtime/memory.ts";
import { failureOf, fusionDifference } from "../support/fusion_checks.ts";
import { checkGradient, gradientCases } from "../support/gradient_checks.ts";
import { checkBinary, checkReduce, checkUnary } from "../support/op_checks.ts";
import { randomRecipe } from "../support/random_graph.ts";
import { programDifference } from "../support/random_program.ts";
import {
  checkBits,
  checkKeys,
  checkMovement,
  checkPromotion,
  checkScan,
  checkScatter,
  checkSort,
  checkView,
} from "../support/structure_checks.ts";
import { checkBatch, checkForward, differentiable, more, type Sampled } from "../support/transform_checks.ts";

type Def = OpDef<unknown>;
type Changeable<T> = { -readonly [K in keyof T]: T[K] };
type Kind<K extends string> = Extract<Lower<unknown>, { kind: K }>;
/** The ops of a name: there are two of random words. */
const opsOf = (name: string): Changeable<Def>[] =>
  registry.filter((o) => o.name === name) as unknown as Changeable<Def>[];
const opOf = (name: string): Def => opsOf(name)[0] as Def;
/** What a defect plants; the result takes it out again. */
type Plant = () => () => void;
/** Fields of an object changed. */
const changed = <T extends object>(target: T, change: Partial<T>): Plant => () => {
  const saved = Object.fromEntries(Object.keys(change).map((k) => [k, target[k as keyof T]]));
  const own = Object.keys(change).filter((k) => Object.hasOwn(target, k));
  Object.assign(target, change);
  return () => {
    for (const k of Object.keys(change)) {
      if (own.includes(k)) target[k as keyof T] = saved[k] as T[keyof T];
      else delete target[k as keyof T];
    }
  };
};
const op = (name: string, change: Partial<Def>): Plant => changed<Changeable<Def>>(opOf(name), change);
/** How an op becomes kernels, changed. */
const lower = <K extends Lower<unknown>["kind"]>(name: string, _kind: K, change: Partial<Kind<K>>): Plant =>
  op(name, { lower: { ...opOf(name).lower, ...change } as Lower<unknown> });
const scalar = (name: string, rule: (s: Scalars, x: readonly Expr[]) => Expr): Plant =>
  lower(name, "map", { scalar: (s, x) => rule(s, x) });
/** An op's gradients, changed. */
const vjp = (name: string, change: (g: (Node | null)[], ct: Node) => (Node | null)[]): Plant => {
  const sound = opOf(name).vjp as NonNullable<Def["vjp"]>;
  return op(name, { vjp: (...a) => change([...sound(...a)], a[0]) });
};
const as = (n: Node, f: (a: NDArray) => NDArray): Node => f(new NDArray(n)).node;
const each = (g: (Node | null)[], f: (a: NDArray) => NDArray): (Node | null)[] =>
  g.map((n) => n === null ? null : as(n, f));
/** Words of a submission, changed at each kernel's operands: `binding` is the kind of the memory, `at` the place of the offset's words. */
const operands = (change: (words: Uint32Array, binding: number, at: number) => void): Plant => {
  const lib = native(), sound = lib.submit.bind(lib), done = new WeakSet<Uint32Array>();
  return changed(lib, {
    submit: (words, n) => {
      const bindings = words[1] as number;
      for (let at = 4 + 6 * bindings; at < (words[0] as number) && !done.has(words); at += words[at + 1] as number) {
        if (words[at] !== 1) continue;
        const [rows, inner, count] = [words[at + 3], words[at + 4], words[at + 5]] as [number, number, number];
        for (let i = 0; i < count; i++) {
          const o = at + 12 + 2 * (rows + inner) + i * (6 + 2 * (rows + 1 + inner));
          change(words, words[4 + 6 * (words[o] as number)] as number, o + 2);
        }
      }
      done.add(words);
      return sound(words, n);
    },
  });
};

const gradientFails = (name: string): boolean => {
  const c = gradientCases.find((k) => k.name.startsWith(name));
  assert.ok(c !== undefined, name);
  return checkGradient(c) !== null;
};
const graphs = (): boolean =>
  Array.from({ length: 300 }, (_, i) => i + 1).some((seed) =>
    failureOf(randomRecipe(seed, 4 + seed % 22, false), fusionDifference) !== null
  );
async function programs(): Promise<boolean> {
  for (let seed = 1; seed <= 100; seed++) if (await programDifference(seed, 20 + seed % 60) !== null) return true;
  return false;
}
/** A GPU's plans are made for their sizes, and say otherwise where operands lie. */
const GPU = mx.defaultDevice().type === "gpu";
const SIMULATED = process.env["SINTER_METAL_LIBRARY"] !== undefined;
/**
 * The defect is caught: by a check that finds something, or an error. The sound library passes. `nowhere`: on no GPU, as it is one of the CPU's plans;
 * or on no simulator of one, which ends, or reports a broken rule, where kernels leave their memory.
 */
function defect(
  what: string,
  plant: Plant,
  check: () => boolean | Promise<boolean>,
  nowhere: "gpu" | "simulator" | null = null,
): void {
  const skip = nowhere === "gpu" ? GPU : nowhere === "simulator" && SIMULATED;
  test(`caught: ${what}`, { skip }, async () => {
    forgetPlans();
    const mend = plant();
    let found: boolean;
    try {
      found = await check();
    } catch {
      found = true;
    } finally {
      mend();
      forgetPlans();
    }
    assert.ok(found, `${what} was not caught`);
    // Other tests say so of graphs and programs, which take long.
    if (check !== graphs && check !== programs) {
      assert.equal(await check(), false, "the check finds something where nothing is wrong");
    }
  });
}
const x = (a: readonly Expr[], i: number): Expr => a[i] as Expr;
const some = (list: readonly unknown[]): boolean => list.length > 0;

// What sound ops do, for defects that change the result.
const argmaxType = opOf("argmax").type, assembleParts = (opOf("assemble").lower as Kind<"parts">).parts;
const sliceView = (opOf("slice").lower as Kind<"view">).view;

// ---- values
defect("sin for tanh", scalar("tanh", (s, a) => s.un("sin", x(a, 0))), () => some(checkUnary("tanh", "float64")));
defect(
  "subtract the wrong way round",
  scalar("subtract", (s, a) => s.bin("sub", x(a, 1), x(a, 0))),
  () => some(checkBinary("subtract", "int16")),
);
defect(
  "round half up",
  scalar("round", (s, a) => s.un("floor", s.bin("add", x(a, 0), s.literal(0.5, x(a, 0).t)))),
  () => some(checkUnary("round", "float64")),
);
defect(
  "maximum without NaN",
  scalar("maximum", (s, a) => s.select(s.cmp("gt", x(a, 0), x(a, 1)), x(a, 0), x(a, 1))),
  () => some(checkBinary("maximum", "float64")),
);
defect(
  "remainder with the dividend's sign",
  scalar("remainder", (s, a) => s.bin("sub", x(a, 0), s.bin("mul", s.bin("div", x(a, 0), x(a, 1)), x(a, 1)))),
  () => some(checkBinary("remainder", "int32")),
);
defect("min for max", lower("max", "fold", { op: () => "min" }), () => some(checkReduce("max", "int16")));
defect(
  "a fold over one axis too few",
  lower("sum", "fold", {
    axes: (a) => [(a as { axes: [number, number] }).axes[0], (a as { axes: [number, number] }).axes[0] + 1],
  }),
  () => some(checkReduce("sum", "float32")),
);
defect(
  "an exclusive scan that is inclusive",
  lower("cumsum", "scan", { exclusive: () => false }),
  () => some(checkScan("cumsum", "int32")),
);
defect(
  "a running maximum that starts from 0",
  lower("cummax", "scan", { start: () => 0 }),
  () => some(checkScan("cummax", "float32")),
);
defect(
  "a running product along axis 0",
  lower("cumprod", "scan", { axis: () => 0 }),
  () => some(checkScan("cumprod", "float64")),
);
defect(
  "the words of a hash exchanged",
  () => {
    const [a, b] = opsOf("randomBits") as [Changeable<Def>, Changeable<Def>], first = a.lower;
    a.lower = b.lower;
    b.lower = first;
    return () => {
      b.lower = a.lower;
      a.lower = first;
    };
  },
  () => checkBits(7) !== null,
);
defect(
  "an argsort by the bits of another dtype",
  lower("argsort", "call", {
    calls: (_, _ins, _outs, avals) =>
      (opOf("sort").lower as Kind<"call">).calls(null, [], [], avals, contiguousView([])).map((c) => ({
        ...c,
        routine: "argsort.f64",
      })),
  }),
  () => some(checkSort("int64")),
);

// ---- types
defect(
  "argmax as int32",
  op("argmax", { type: (ins, a) => ({ shape: (argmaxType(ins, a) as Aval).shape, dtype: "int32" }) }),
  () => some(checkReduce("argmax", "float32")),
);
defect(
  "a product in the first operand's dtype",
  op("multiply", { type: ([a]) => ({ shape: a!.shape, dtype: a!.dtype === "int16" ? "int8" : a!.dtype }) }),
  () => checkPromotion("multiply", "int8", "uint8") !== null,
);
defect(
  "a comparison as int32",
  op("less", { type: ([a]) => ({ shape: a!.shape, dtype: "int32" }) }),
  () => checkPromotion("less", "float32", "int16") !== null,
);
defect(
  "bytes seen as another dtype in a row too long",
  op("view", { type: ([a], arg) => ({ shape: a!.shape, dtype: (arg as { dtype: mx.DType }).dtype }) }),
  () => checkView("int32", "float64") !== null,
);

// ---- views and indices
defect(
  "a slice whose steps are forgotten",
  lower("slice", "view", {
    view: (v, a, out) => {
      const sound = sliceView(v, a, out);
      return sound === null ? null : { ...sound, strides: v.strides };
    },
  }),
  () => some(checkMovement("get('1::2', '::-3')", "float32")),
  "simulator",
);
defect(
  "a slice that starts at 0",
  lower("slice", "view", { view: (v, a, out) => ({ ...sliceView(v, a, out) as View, offset: v.offset as number }) }),
  () => some(checkMovement("get('::-1', '1:4')", "int16")),
  "simulator",
);
defect(
  "a broadcast that walks on",
  lower("broadcastTo", "view", {
    view: (v, _, out) => ({ shape: out.shape, strides: out.shape.map(() => 1), offset: v.offset }),
  }),
  () => some(checkMovement("broadcastTo([2, n, m])", "uint8")),
);
defect(
  "a transposed index that is not, where it is fused",
  lower("transpose", "view", { pull: (index) => index }),
  graphs,
);
defect(
  "an index of a broadcast that is not dropped",
  lower("broadcastTo", "view", { pull: (i, _, input) => i.slice(0, input.shape.length) }),
  graphs,
);
defect(
  "a gather held inside one element",
  operands((words, _, at) => (words[at + 2] as number) > 0 ? words[at + 2] = 1 : 0),
  () => some(checkMovement("take 1", "float32")),
  "gpu",
);
defect(
  "a scatter that sets instead of adding",
  lower("scatter", "scatter", { combine: () => "set" }),
  () => some(checkScatter("add", "int32")),
);
defect(
  "an edge that is filled twice",
  lower("assemble", "parts", {
    parts: (a, ins, out) => assembleParts(a, ins, out).map((p, i, all) => i === 0 ? p : { ...all[1]!, input: p.input }),
  }),
  () => some(checkMovement("concatenate 1", "float16")) || some(checkMovement("pad(2, 'edge')", "float16")),
);

// ---- gradients
defect("the sign of cos'", vjp("cos", (g) => each(g, mx.negative)), () => gradientFails("cos"));
defect("the gradient of erf", vjp("erf", (_, ct) => [ct]), () => gradientFails("erf"));
defect(
  "no gradient of the second factor",
  vjp("matmul", (g) => [g[0] as Node | null, null]),
  () => gradientFails("matmul"),
);
defect(
  "half the gradient of take",
  vjp("gather", (g) => each(g, (a) => mx.multiply(a, 0.5))),
  () => gradientFails("take"),
);
defect("a reversed gradient of get", vjp("slice", (g) => each(g, (a) => mx.flip(a, 0))), () => gradientFails("get"));
defect(
  "a gradient of cumsum that runs forward",
  vjp("cumsum", (_, ct) => [as(ct, (a) => mx.cumsum(a, 1))]),
  () => gradientFails('cumsum {"axis":1,"reverse"'),
);
defect(
  "a gradient of where from both sides",
  vjp("select", (g, ct) => [null, g[1] as Node | null, ct]),
  () => gradientFails("where"),
);
defect(
  "a gradient of sort in the order of the result",
  vjp("sort", (_, ct) => [ct]),
  () => gradientFails("linalg.eigvalsh") || gradientFails("sort"),
);

// ---- transforms
const sampled = (name: string): Sampled => [...differentiable, ...more].find((c) => c.name.startsWith(name)) as Sampled;
const rule = <K extends "jvp" | "vmap">(name: string, k: K): NonNullable<Def[K]> =>
  opOf(name)[k] as NonNullable<Def[K]>;
const forwardFails = (name: string): boolean => checkForward(sampled(name)) !== null;
const tangent = rule("matmul", "jvp"), batchedGather = rule("gather", "vmap"), batchedSum = rule("sum", "vmap");
defect(
  "no tangent of the second factor",
  op("matmul", { jvp: ([a, _b, ...c], ...rest) => tangent([a as Node | null, null, ...c], ...rest) }),
  () => forwardFails("matmul"),
);
defect("the tangent of sin", op("sin", { jvp: ([t]) => t as Node }), () => forwardFails("sin"));
defect(
  "indices that are mapped and not seen so",
  op("gather", {
    vmap: (ins, [own], ...rest) => batchedGather(ins, [own as boolean, ...ins.slice(1).map(() => false)], ...rest),
  }),
  () => checkBatch(sampled("take at mapped"), false) !== null,
);
defect(
  "a batched sum over another axis",
  op("sum", { vmap: (ins, batched, _arg, n) => batchedSum(ins, batched, { axes: [1, 2] }, n) }),
  () => checkBatch(sampled("sum over 0"), true) !== null,
);

// ---- plans and their keys
defect(
  "a key without the steps of slices",
  op("slice", { structure: () => "" }),
  () => some(checkKeys(1)),
  "simulator",
);
defect("a key without the order of axes", op("transpose", { structure: () => "" }), () => some(checkKeys(1)));
defect("a key without a gather's axis", op("gather", { structure: () => "" }), () => some(checkKeys(1)));
defect(
  "a key without a scatter's mode",
  op("scatter", { structure: (a) => String((a as { indexAxes: number[] }).indexAxes) }),
  () => some(checkKeys(1)),
);
defect(
  "a key that does not tell exclusive scans",
  op("cumsum", { structure: (a) => String((a as { axis: number }).axis) }),
  () => some(checkKeys(1)),
);
defect(
  "starts that are not patched",
  op("slice", { starts: (a) => (a as { starts: number[] }).starts.map(() => 0) }),
  () => some(checkKeys(1)),
  "gpu",
);

// ---- lifetimes
defect(
  "intermediates that all lie at the arena's start",
  operands((words, binding, at) => binding === 2 ? words[at] = 0 : 0),
  graphs,
  "gpu",
);
defect(
  "a buffer that is freed with its first user",
  () => {
    const sound = late.release;
    return changed(late, {
      release: (n) => {
        if (n.handles === 0 && n.pending === 0 && n.buf !== null) n.buf.users = 1;
        sound(n);
      },
    })();
  },
  programs,
);
defect(
  "a view of data that is forgotten",
  () => {
    // Where the host does not see memory, data() is a copy.
    const sound = late.read, device = mx.defaultDevice();
    mx.setDefaultDevice(mx.cpu);
    const mend = changed(late, {
      read: (n) => {
        const data = sound(n);
        if (n.buf !== null) n.buf.exposed = false;
        return data;
      },
    })();
    return () => {
      mend();
      mx.setDefaultDevice(device);
    };
  },
  programs,
);
defect(
  "a handle that is counted once too few when set moves it",
  () => {
    const sound = late.moved;
    return changed(late, {
      moved: (old, next) => {
        old.handles--;
        sound(old, next);
      },
    })();
  },
  programs,
);
defect(
  "a leaf that is overwritten with a reader left, as readers are counted wrong",
  () => {
    const sound = late.evaluate;
    return changed(late, {
      evaluate: (nodes) => {
        for (const n of topological(nodes, (k) => k.buf !== null)) {
          for (const i of n.inputs) i.pending = Math.min(i.pending, 1);
        }
        sound(nodes);
      },
    })();
  },
  programs,
);
