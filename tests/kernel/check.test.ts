// The grammar check: well-formed kernels pass, and each way to be malformed is refused with the kernel's text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkKernel } from "../../src/kernel/check.ts";
import { type Expr, Scalars } from "../../src/kernel/expr.ts";
import type { FoldStep, Kernel, Mem, Pass, ScanStep, StoreStep } from "../../src/kernel/kernel.ts";

const input: Mem = { dtype: "float32", along: "unit", written: false },
  output: Mem = { dtype: "float32", along: "unit", written: true };
const one: Mem = { dtype: "float32", along: "zero", written: true };
type Parts = Partial<Omit<Kernel, "passes">> & { readonly passes?: readonly Partial<Pass>[] };
/** A kernel with some of its parts; a map of one input and one output by default. */
function kernel(s: Scalars, parts: Parts): Kernel {
  const k: Kernel = { kind: "map", mems: [input, output], scalars: s, passes: [], rowStores: [], rowAxes: 1 };
  return { ...k, ...parts, passes: (parts.passes ?? []).map((p) => ({ folds: [], scans: [], stores: [], ...p })) };
}
const store = (value: Expr, mem = 1, index: Expr | null = null): StoreStep => ({ mem, value, combine: "set", index });
const fold = (id: number, value: Expr, more: Partial<FoldStep> = {}): FoldStep => ({
  id,
  fold: "sum",
  value,
  t: value.t,
  ...more,
});
/** A map that stores one expression. */
const map = (f: (s: Scalars, x: Expr) => Expr, mems: readonly Mem[] = [input, output]): Kernel => {
  const s = new Scalars(), x = s.make("load", "f32", [], 0);
  return kernel(s, { mems, passes: [{ stores: [store(f(s, x))] }] });
};
const row = (
  mems: readonly Mem[],
  passes: (s: Scalars, x: Expr) => readonly Partial<Pass>[],
  rowStores: (s: Scalars, x: Expr) => readonly StoreStep[] = () => [],
): Kernel => {
  const s = new Scalars(), x = s.make("load", "f32", [], 0);
  return kernel(s, { kind: "row", mems, passes: passes(s, x), rowStores: rowStores(s, x) });
};
const f0 = (s: Scalars): Expr => s.make("fold", "f32", [], 0);

test("well-formed kernels pass", () => {
  checkKernel(map((s, x) => s.bin("add", s.un("exp", x), s.literal(1, "f32"))));
  checkKernel(row([input, output], (s, x) => [{ folds: [fold(0, x)] }, { stores: [store(s.bin("div", x, f0(s)))] }]));
  checkKernel(row([input, one], (_, x) => [{ folds: [fold(0, x)] }], (s) => [store(f0(s))]));
  checkKernel(
    row(
      [input, output],
      (
        s,
        x,
      ) => [{ scans: [{ scan: "sum", exclusive: false, start: s.literal(0, "f32"), value: x, mem: 1, t: "f32" }] }],
    ),
  );
  const s = new Scalars(), x = s.make("load", "f32", [], 0);
  checkKernel(
    kernel(s, { kind: "column", passes: [{ folds: [fold(0, x)] }], rowStores: [store(s.bin("mul", f0(s), f0(s)))] }),
  );
});

const scan = (s: Scalars, x: Expr, more: Partial<ScanStep>): Partial<Pass> => ({
  scans: [{ scan: "sum", exclusive: false, start: s.literal(0, "f32"), value: x, mem: 1, t: "f32", ...more }],
});
const malformed: Readonly<Record<string, readonly [RegExp, () => Kernel]>> = {
  "operands of two types": [/add\(f32, i32\) mixes types/, () => map((s, x) => s.bin("add", x, s.literal(1, "i32")))],
  "a result of another type": [/exp\(f32\) gives f64/, () => map((s, x) => s.cast(s.make("exp", "f64", [x]), "f32"))],
  "an operation that does not exist": [/frobnicate is no operation/, () => map((s, x) => s.un("frobnicate", x))],
  "an operation of a type that has none": [/and is not defined for f32/, () => map((s, x) => s.bin("and", x, x))],
  "too few operands": [/add has 1 operands, not 2/, () => map((s, x) => s.make("add", "f32", [x]))],
  "a comparison that is not i32": [
    /lt\(f32, f32\) gives f32, not i32/,
    () => map((s, x) => s.make("lt", "f32", [x, x])),
  ],
  "a condition that is not i32": [/condition of type f32/, () => map((s, x) => s.select(x, x, x))],
  "a choice between two types": [
    /chooses between two types/,
    () => map((s, x) => s.make("sel", "f32", [s.cmp("lt", x, x), x, s.literal(0, "i32")])),
  ],
  "a cast to the same type": [/cast from f32 to itself/, () => map((s, x) => s.make("cast", "f32", [x]))],
  "a bitcast to another width": [
    /bitcast from f32 to f64/,
    () => map((s, x) => s.cast(s.make("bitcast", "f64", [x]), "f32")),
  ],
  "an index of a floating type": [
    /loadx has an index of type f32/,
    () => map((s, x) => s.make("loadx", "f32", [x], 0), [{ ...input, along: "zero" }, output]),
  ],
  "an index beside a stride": [
    /moves along the row by itself/,
    () => map((s) => s.make("loadx", "f32", [s.make("iota", "i32", [])], 0), [{ ...input, along: "any" }, output]),
  ],
  "an operand out of range": [/names operand m7 of 2/, () => map((s) => s.make("load", "f32", [], 7))],
  "a load from what is written": [
    /loads from m1, which is written/,
    () => map((s, x) => s.bin("add", x, s.make("load", "f32", [], 1))),
  ],
  "a load of another type": [
    /load\(\) gives i32, not f32/,
    () => map((s) => s.cast(s.make("load", "i32", [], 0), "f32")),
  ],
  "an argument out of range": [/names argument s3 of 0/, () => map((s) => s.make("scalar", "f32", [], 3))],
  "an axis out of range": [
    /axis r1 is not one of 1 axes/,
    () => map((s) => s.cast(s.make("axis", "i32", [], 1), "f32")),
  ],
  "threefry of other than u32": [
    /threefry0.*of other than u32/,
    () => map((s, x) => s.cast(s.make("threefry0", "u32", [x, x, x, x]), "f32")),
  ],
  "a store of another type": [/m1 of float32 takes f32, not i32/, () => map((s, x) => s.cast(x, "i32"))],
  "a store to what is read": [/stores to m0, which is read/, () => {
    const s = new Scalars(), x = s.make("load", "f32", [], 0);
    return kernel(s, { passes: [{ stores: [store(x, 0)] }] });
  }],
  "a store of each element in one place": [/stays in place/, () => map((_, x) => x, [input, one])],
  "an output that nothing fills": [/nothing is stored to m2/, () => map((_, x) => x, [input, output, output])],
  "a fold in a map": [/a map folds or scans/, () => {
    const s = new Scalars(), x = s.make("load", "f32", [], 0);
    return kernel(s, { passes: [{ folds: [fold(0, x)], stores: [store(x)] }] });
  }],
  "two passes of a map": [/a map has 2 passes/, () => {
    const s = new Scalars(), x = s.make("load", "f32", [], 0);
    return kernel(s, { passes: [{ stores: [store(x)] }, { stores: [store(x)] }] });
  }],
  "a fold that is read in its own pass": [
    /reads f0, which is not known yet/,
    () => row([input, output], (s, x) => [{ folds: [fold(0, x)], stores: [store(s.bin("div", x, f0(s)))] }]),
  ],
  "a fold that is not there": [
    /reads f0, which is not known yet/,
    () => row([input, one], (_, x) => [{ folds: [fold(1, x)] }], (s) => [store(f0(s))]),
  ],
  "a fold twice": [
    /f0 is folded twice/,
    () => row([input, one], (_, x) => [{ folds: [fold(0, x), fold(0, x)] }], (s) => [store(f0(s))]),
  ],
  "a fold of another type": [
    /f0 of f64 takes f32/,
    () => row([input, one], (_, x) => [{ folds: [fold(0, x, { t: "f64" })] }], (s) => [store(f0(s))]),
  ],
  "a position after the row": [
    /iota has no position along the row here/,
    () =>
      row(
        [input, one],
        (_, x) => [{ folds: [fold(0, x)] }],
        (s) => [store(s.bin("add", f0(s), s.cast(s.make("iota", "i32", []), "f32")))],
      ),
  ],
  "a value of the row along it": [
    /takes one value a row/,
    () => row([input, { ...output, along: "any" }], (_, x) => [{ folds: [fold(0, x)] }], (s) => [store(f0(s))]),
  ],
  "an empty pass": [/pass 0 is empty/, () => row([input, one], () => [{}])],
  "a store inside a column's fold": [/a column stores inside its fold/, () => {
    const s = new Scalars(), x = s.make("load", "f32", [], 0);
    return kernel(s, { kind: "column", passes: [{ folds: [fold(0, x)], stores: [store(x)] }] });
  }],
  "a scan of two types": [
    /a scan of f32 takes f32 from i32/,
    () => row([input, output], (s, x) => [scan(s, x, { start: s.literal(0, "i32") })]),
  ],
  "a scan that starts from a load": [
    /starts from load, which is no argument/,
    () => row([input, output], (s, x) => [scan(s, x, { start: x })]),
  ],
  "a scan into one place": [/takes each element of a scan/, () => row([input, one], (s, x) => [scan(s, x, {})])],
};
for (const [what, [message, make]] of Object.entries(malformed)) {
  test(`a kernel is refused: ${what}`, () => {
    assert.throws(() => checkKernel(make()), (e: Error) => {
      assert.match(e.message, /^internal: malformed kernel: /);
      assert.match(e.message, message);
      assert.match(e.message, /\nin m0: float32 /);
      return true;
    });
  });
}
