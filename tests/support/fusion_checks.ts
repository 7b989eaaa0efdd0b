// What has to hold for a random graph: fused = unfused = interpreter, and the bytes of explain().
import assert from "node:assert/strict";
import * as mx from "../../mod.ts";
import { isInexact } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { expressions } from "../../src/kernel/kernel.ts";
import type { Step } from "../../src/schedule/step.ts";
import { bytesOf, evaluateEach, firstDifference, numbersOf, type Recipe, type Value } from "./random_graph.ts";
import { interpreted } from "./interpreted.ts";
import { forgetPlans } from "../../src/runtime/cache.ts";

const arrays = (recipe: Recipe, roots: readonly number[]): NDArray[] => {
  const all = recipe.build();
  return roots.map((i) => all[i] as NDArray);
};
function fusedBytes(recipe: Recipe, roots: readonly number[]): Uint8Array[] {
  const a = arrays(recipe, roots);
  mx.eval(a);
  return a.map(bytesOf);
}
function unfusedBytes(recipe: Recipe, roots: readonly number[]): Uint8Array[] {
  const a = arrays(recipe, roots);
  evaluateEach(a);
  return a.map(bytesOf);
}
/** What differs between the fused and the unfused evaluation of a recipe; null if nothing. */
export function fusionDifference(recipe: Recipe, roots: readonly number[] = recipe.roots): string | null {
  const f = fusedBytes(recipe, roots), u = unfusedBytes(recipe, roots);
  for (let k = 0; k < roots.length; k++) {
    const v = recipe.values[roots[k] as number] as Value,
      a = f[k] as Uint8Array,
      b = u[k] as Uint8Array,
      i = firstDifference(v.dtype, a, b);
    if (i >= 0) {
      return `v${roots[k]} element ${i}: fused ${numbersOf(v.dtype, a)[i]}, unfused ${numbersOf(v.dtype, b)[i]}`;
    }
  }
  return null;
}
/** What differs between the fused and the unfused gradient, by the first leaf, of the sum of the inexact values among some. */
export function gradientDifference(recipe: Recipe, roots: readonly number[] = recipe.roots): string | null {
  const own = roots.filter((i) => isInexact((recipe.values[i] as Value).dtype)), leaf = recipe.build()[0] as NDArray;
  if (own.length === 0 || !isInexact(leaf.dtype)) return null;
  const loss = (x: NDArray): NDArray => {
    const all = recipe.build(x);
    // Sums of float64, which a GPU has not, join the others as float32.
    return own.map((i) => all[i] as NDArray).map((y) => mx.sum(mx.add(mx.real(y), mx.imag(y))).astype("float32"))
      .reduce(mx.add);
  };
  const [f, u] = [mx.grad(loss)(leaf), mx.grad(loss)(leaf)];
  mx.eval(f);
  evaluateEach([u]);
  const a = bytesOf(f), b = bytesOf(u), i = firstDifference(leaf.dtype, a, b);
  return i < 0 ? null : `gradient ${i}: fused ${numbersOf(leaf.dtype, a)[i]}, unfused ${numbersOf(leaf.dtype, b)[i]}`;
}
/** What differs from the exact interpreter. */
export function interpreterDifference(recipe: Recipe, roots: readonly number[] = recipe.roots): string | null {
  const own = roots.filter((i) => !(recipe.values[i] as Value).call);
  const a = arrays(recipe, own), open = a.filter((x) => x.node.buf === null);
  if (open.length === 0) return null;
  const exact = interpreted(open.map((x) => x.node)).bytes;
  mx.eval(a);
  for (let k = 0; k < a.length; k++) {
    const x = a[k] as NDArray, v = recipe.values[own[k] as number] as Value, at = open.indexOf(x);
    if (at < 0 || v.tolerance === Infinity) continue;
    const want = numbersOf(v.dtype, exact[at] as Uint8Array), got = numbersOf(v.dtype, bytesOf(x));
    let scale = 1;
    for (const w of want) if (Number.isFinite(w)) scale = Math.max(scale, Math.abs(w));
    for (let i = 0; i < want.length; i++) {
      const p = want[i] as number, q = got[i] as number;
      if (Object.is(p, q) || p === q && v.dtype !== "float64" || Number.isNaN(p) && Number.isNaN(q)) continue;
      if (!(Math.abs(p - q) <= v.tolerance * scale)) {
        return `v${own[k]} element ${i}: interpreter ${p}, device ${q} (tolerance ${v.tolerance} * ${scale})`;
      }
    }
  }
  return null;
}

/** What differs between a plan that was laid out again for these sizes and one that was made for them. */
export function layoutDifference(recipe: Recipe, roots: readonly number[] = recipe.roots): string | null {
  const again = fusedBytes(recipe, roots);
  forgetPlans();
  const fresh = fusedBytes(recipe, roots);
  for (const [k, root] of roots.entries()) {
    const { dtype } = recipe.values[root] as Value, a = again[k] as Uint8Array, b = fresh[k] as Uint8Array;
    const i = firstDifference(dtype, a, b);
    if (i >= 0) {
      return `v${root} element ${i}: laid out again ${numbersOf(dtype, a)[i]}, new ${numbersOf(dtype, b)[i]}`;
    }
  }
  return null;
}

/** Where explain() counts other bytes than the interpreter touches; of what is read at computed places it may count more. */
export function explainDifference(recipe: Recipe, roots: readonly number[] = recipe.roots): string | null {
  const own = roots.filter((i) => !(recipe.values[i] as Value).call),
    a = arrays(recipe, own).filter((x) => x.node.buf === null);
  if (a.length === 0) return null;
  const kernels = mx.explain(a).kernels, run = interpreted(a.map((x) => x.node));
  assert.equal(kernels.length, run.steps.length);
  for (let k = 0; k < kernels.length; k++) {
    const s = run.steps[k] as Step<number>, told = kernels[k] as typeof kernels[number], did = run.touched[k]!;
    if (s.kind !== "kernel" || s.kernel.kind === "sequence") continue;
    const values = [...s.kernel.passes.flatMap((p) => [...p.folds, ...p.scans, ...p.stores]), ...s.kernel.rowStores];
    const computed = expressions(values.map((x) => x.value)).some((e) => e.op === "loadx");
    if (told.writes !== did.writes || (computed ? told.reads < did.reads : told.reads !== did.reads)) {
      return `kernel ${k} ${told.name}: explain says ${told.reads} and ${told.writes} bytes, it touches ${did.reads} and ${did.writes} (rows ${s.rows}, inner ${s.inner}, fold ${s.foldSize}, rag ${s.rag})`;
    }
  }
  return null;
}

/** A check of some values of a recipe: what is wrong, or null. */
export type Check = (recipe: Recipe, roots?: readonly number[]) => string | null;
/** The failure with the smallest graph that shows it, for the message. */
export function failureOf(recipe: Recipe, check: Check): string | null {
  const attempt = (roots?: readonly number[]): string | null => {
    try {
      return check(recipe, roots);
    } catch (e) {
      return String(e instanceof Error ? e.message : e).slice(0, 600);
    }
  };
  const found = attempt();
  if (found === null) return null;
  for (let i = 0; i < recipe.values.length; i++) {
    const alone = attempt([i]);
    if (alone !== null) return `${alone}\n${recipe.text([i])}`;
  }
  return `${found}\n${recipe.text(recipe.roots)}\nroots ${recipe.roots}`;
}
