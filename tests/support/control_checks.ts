// What has to hold for control flow over random graphs: loops equal the same steps written out, and so do their gradients, tangents and batches.
import * as mx from "../../mod.ts";
import { isInexact } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { bytesOf, firstDifference, numbersOf, Random, randomArray, type Recipe, type Value } from "./random_graph.ts";

type Step = (c: NDArray, x: NDArray) => [NDArray, NDArray[]];
/** A scan over a random graph: what it starts from, and its step. */
interface Case {
  readonly step: Step;
  readonly init: NDArray;
  readonly xs: NDArray;
  readonly length: number;
  readonly reverse: boolean;
}
/** The graph's first leaf is the sum of carry and slice; a value of its type is carried on, the roots are stacked. */
function caseOf(recipe: Recipe, seed: number): Case {
  const r = new Random(seed), { shape, dtype } = recipe.values[0] as Value, length = r.pick([0, 1, 2, 3, 5]);
  const next = recipe.values.findLastIndex((v) => v.dtype === dtype && String(v.shape) === String(shape));
  const join = dtype === "bool" ? mx.logicalOr : mx.add;
  const step: Step = (c, x) => {
    const all = recipe.build(join(c, x));
    return [all[next] as NDArray, recipe.roots.map((i) => all[i] as NDArray)];
  };
  return {
    step,
    init: randomArray(r, dtype, shape),
    xs: randomArray(r, dtype, [length, ...shape]),
    length,
    reverse: r.chance(0.4),
  };
}
function scanned({ step, reverse }: Case, init: NDArray, xs: NDArray, checkpoint = false): NDArray[] {
  const [c, ys] = mx.scan(step, init, xs, { reverse, checkpoint });
  return [c, ...ys];
}
/** The same steps one by one; without steps there is nothing to stack. */
function unrolled(
  { step, length, reverse }: Case,
  init: NDArray,
  xs: NDArray,
  each = (_: NDArray[]): void => {},
): NDArray[] {
  let c = init;
  const all: NDArray[][] = [];
  for (let k = 0; k < length; k++) {
    const [next, ys] = step(c, mx.get(xs, reverse ? length - 1 - k : k));
    each([next, ...ys]);
    c = next;
    all.push(ys);
  }
  if (reverse) all.reverse();
  return [c, ...(all[0] ?? []).map((_, i) => mx.stack(all.map((ys) => ys[i] as NDArray)))];
}
function differenceOf(what: string, got: readonly NDArray[], want: readonly NDArray[]): string | null {
  for (const [k, w] of want.entries()) {
    const g = got[k] as NDArray;
    if (String(g.shape) !== String(w.shape) || g.dtype !== w.dtype) {
      return `${what} ${k}: ${g.dtype}[${g.shape}] is not ${w.dtype}[${w.shape}]`;
    }
    const a = bytesOf(g), b = bytesOf(w), i = firstDifference(w.dtype, a, b);
    if (i >= 0) {
      return `${what} ${k} element ${i}: ${numbersOf(w.dtype, a)[i]}, step by step ${numbersOf(w.dtype, b)[i]}`;
    }
  }
  return null;
}
/** How far numbers may be apart that are the same sums in another order. */
function farFrom(what: string, got: readonly NDArray[], want: readonly NDArray[], relative: number): string | null {
  for (const [k, w] of want.entries()) {
    const a = numbersOf(w.dtype, bytesOf(got[k] as NDArray)), b = numbersOf(w.dtype, bytesOf(w));
    const scale = b.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1e-3);
    const i = b.findIndex((x, j) => {
      const y = a[j] as number;
      // Where sums overflow, their order decides when.
      if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
      return !(Math.abs(x - y) <= relative * scale);
    });
    if (i >= 0) return `${what} ${k} element ${i}: ${a[i]}, step by step ${b[i]}`;
  }
  return null;
}

/** What differs between a scan and its steps, bit for bit; null if nothing. */
export function scanDifference(recipe: Recipe, seed: number): string | null {
  // A body that a GPU cannot run as a whole runs on the CPU, whose bits are others.
  using _ = recipe.values.some((v) => v.dtype === "float64") ? mx.stream(mx.cpu) : null;
  const c = caseOf(recipe, seed);
  const got = scanned(c, c.init, c.xs), want = unrolled(c, c.init, c.xs, (made) => mx.eval(made));
  return differenceOf("result", got, want);
}
/** The same for `whileLoop`, whose passes count up to a length. */
export function whileDifference(recipe: Recipe, seed: number): string | null {
  using _ = recipe.values.some((v) => v.dtype === "float64") ? mx.stream(mx.cpu) : null;
  // More than a GPU runs before its flag is read.
  const c = caseOf(recipe, seed), length = new Random(seed + 4).pick([0, 1, 2, 3, 6, 20, 40]);
  const [got] = mx.whileLoop(
    ([, i]) => mx.less(i, length),
    ([x, i]) => [c.step(x, mx.onesLike(x))[0], mx.add(i, 1)] as [NDArray, NDArray],
    [c.init, mx.array(0, "int32")] as [NDArray, NDArray],
  );
  const ones = mx.ones([length, ...c.init.shape], c.xs.dtype);
  const [want] = unrolled({ ...c, length, reverse: false }, c.init, ones, (made) => mx.eval(made));
  return differenceOf("carry", [got], [want as NDArray]);
}
/** Values that no branch may let through: NaN in all floats, numbers divided by zero in integers. */
const poisoned = (x: NDArray): NDArray =>
  x.dtype === "bool" ? x : mx.add(x, isInexact(x.dtype) ? mx.log(mx.full([], -1, x.dtype)) : mx.floorDivide(x, 0));
/** A function as it is, which a GPU may run beside another and choose from, and as steps of a loop, which it may not. */
const FORMS: readonly ((f: (x: NDArray) => NDArray[]) => (x: NDArray) => NDArray[])[] = [
  (f) => f,
  (f) => (x) =>
    mx.scan((c: NDArray) => [c, f(c)] as [NDArray, NDArray[]], x, null, { length: 1 })[1].map((y) => mx.get(y, 0)),
];
/**
 * What differs between `cond` and the branch that it has to run, bit for bit, beside one full of NaN: results, gradients,
 * tangents, and batches in which each example chooses.
 */
export function condDifference(recipe: Recipe, seed: number): string | null {
  const apart = recipe.values.some((v) => v.dtype === "float64") && mx.defaultDevice().type === "gpu";
  using _ = apart ? mx.stream(mx.cpu) : null;
  const c = caseOf(recipe, seed), r = new Random(seed + 3), { shape, dtype } = c.init, one = mx.onesLike(c.init);
  const good = (x: NDArray): NDArray[] => c.step(x, one).flat(), bad = (x: NDArray): NDArray[] => good(poisoned(x));
  const total = (list: readonly NDArray[]): NDArray =>
    list.map((a) => mx.sum(mx.add(mx.real(a), mx.imag(a))).astype("float32")).reduce(mx.add);
  for (const form of FORMS) {
    const f = form(good), g = form(bad), first = r.chance(0.5), p = mx.greater(mx.array(first ? 1 : -1), 0);
    const chosen = (x: NDArray): NDArray[] => mx.cond(p, first ? f : g, first ? g : f, x);
    const shown = mx.explain(chosen(c.init));
    if (!apart && shown.copies.length > 0) return `what runs crosses devices: ${String(shown)}`;
    const derivatives = (h: (x: NDArray) => NDArray[]): NDArray[] => {
      if (!isInexact(dtype)) return [];
      const real = (x: NDArray): NDArray[] => h(x).filter((a) => isInexact(a.dtype));
      const tangents = mx.jvp((x) => real(x as NDArray), [c.init], [one])[1];
      return [mx.grad((x: NDArray) => total(real(x)))(c.init), ...tangents];
    };
    const compiled = mx.compile(chosen);
    const found = differenceOf("result", chosen(c.init), f(c.init)) ??
      differenceOf("compiled result", compiled(c.init), f(c.init)) ??
      differenceOf("derivative", derivatives(chosen), derivatives(f));
    if (found !== null) return found;
    const which = [true, false, true], all = randomArray(r, dtype, [3, ...shape]);
    const each = mx.vmap((p: NDArray, x: NDArray) =>
      mx.cond(p, f, (x: NDArray) => f(mx.logicalNot(x).astype(dtype)), x)
    );
    const got = each(mx.array(which), all);
    const want = which.map((w, i) => {
      const x = mx.get(all, i);
      return f(w ? x : mx.logicalNot(x).astype(dtype));
    });
    const far = farFrom(
      "example",
      got,
      (want[0] as NDArray[]).map((_, i) => mx.stack(want.map((list) => list[i] as NDArray))),
      Math.max(...recipe.values.map((v) => TOLERANCE[v.dtype as keyof typeof TOLERANCE] ?? 0)),
    );
    if (far !== null) return far;
  }
  return null;
}
const TOLERANCE = { float16: 2e-2, bfloat16: 1e-1, float32: 2e-4, float64: 1e-9, complex64: 2e-4 };
/** What differs between the gradients (both kept and computed again) and tangents of a scan and of its steps. */
export function derivativeDifference(recipe: Recipe, seed: number): string | null {
  const c = caseOf(recipe, seed), { dtype } = c.init;
  if (!isInexact(dtype) || c.length === 0) return null;
  // Low precisions inside a graph round sums in another order by as much as they hold.
  const inner = recipe.values.map((v) => TOLERANCE[v.dtype as keyof typeof TOLERANCE] ?? 0),
    relative = Math.max(...inner) * 4;
  const total = (list: readonly NDArray[]): NDArray =>
    list.filter((a) => isInexact(a.dtype)).map((a) => mx.sum(mx.add(mx.real(a), mx.imag(a))).astype("float32")).reduce(
      mx.add,
    );
  const grads = (run: (init: NDArray, xs: NDArray) => NDArray[]): NDArray[] =>
    mx.grad((init: NDArray, xs: NDArray) => total(run(init, xs)), { argnums: [0, 1] as const })(c.init, c.xs);
  const want = grads((init, xs) => unrolled(c, init, xs));
  for (const checkpoint of [false, true]) {
    const f = farFrom(
      `gradient${checkpoint ? " again" : ""}`,
      grads((init, xs) => scanned(c, init, xs, checkpoint)),
      want,
      relative,
    );
    if (f !== null) return f;
  }
  const r = new Random(seed + 1), t = [randomArray(r, dtype, c.init.shape), randomArray(r, dtype, c.xs.shape)];
  const tangents = (run: (init: NDArray, xs: NDArray) => NDArray[]): NDArray[] =>
    mx.jvp((init, xs) => run(init as NDArray, xs as NDArray).filter((a) => isInexact(a.dtype)), [c.init, c.xs], t)[1];
  return farFrom(
    "tangent",
    tangents((init, xs) => scanned(c, init, xs)),
    tangents((init, xs) => unrolled(c, init, xs)),
    relative,
  );
}
/** What differs between a batch of scans and one after the other, where all examples share what the step captured. */
export function batchDifference(recipe: Recipe, seed: number): string | null {
  const c = caseOf(recipe, seed), n = 3, r = new Random(seed + 2), { shape, dtype } = c.init;
  const inits = randomArray(r, dtype, [n, ...shape]), all = randomArray(r, dtype, [n, ...c.xs.shape]);
  const run = (init: NDArray, xs: NDArray): NDArray[] => scanned(c, init, xs);
  const got = mx.vmap(run)(inits, all);
  const each = Array.from({ length: n }, (_, k) => run(mx.get(inits, k), mx.get(all, k)));
  const want = (each[0] as NDArray[]).map((_, i) => mx.stack(each.map((list) => list[i] as NDArray)));
  return farFrom(
    "batch",
    got,
    want,
    Math.max(...recipe.values.map((v) => TOLERANCE[v.dtype as keyof typeof TOLERANCE] ?? 0)),
  );
}
