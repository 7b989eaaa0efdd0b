// What has to hold for a random graph: fused = unfused = interpreter, and the bytes of explain().
import assert from "node:assert/strict";
import * as mx from "../../mod.ts";
import { itemsize } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { expressions } from "../../src/kernel/kernel.ts";
import type { Operand, Step } from "../../src/schedule/step.ts";
import { bytesOf, evaluateEach, firstDifference, numbersOf, type Recipe, type Value } from "./random_graph.ts";
import { interpreted } from "./interpreted.ts";
import { forgetPlans } from "../../src/runtime/evaluate.ts";

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

/** Distinct bytes of one operand, by walking every position that the kernel visits. */
function walk(
  s: Extract<Step<number>, { kind: "kernel" }>,
  o: Operand<number>,
  item: number,
  row: boolean,
): Set<number> {
  const seen = new Set<number>(), rows = s.rows.reduce((a, b) => a * b, 1), inner = s.inner.reduce((a, b) => a * b, 1);
  for (let r = 0; r < rows; r++) {
    let base = o.offset, rest = r, block = 0;
    for (let d = s.rows.length - 1; d >= 0; d--) {
      const k = rest % (s.rows[d] as number);
      if (d === s.rows.length - 1) block = k;
      base += k * (o.rows[d] as number);
      rest = Math.floor(rest / (s.rows[d] as number));
    }
    const column = s.kernel.kind === "column", whole = column ? s.foldSize : inner;
    const length = s.rag >= 0 ? Math.min(whole, s.rag - block * whole) : whole;
    for (let f = 0; f < (column && !row ? length : 1); f++) {
      for (let i = 0; i < (column ? inner : length); i++) {
        let at = base + f * o.fold, left = i;
        for (let d = s.inner.length - 1; d >= 0; d--) {
          const n = s.inner[d] as number;
          at += (left % n) * (o.inner[d] as number) * item;
          left = Math.floor(left / n);
        }
        seen.add(at);
      }
    }
  }
  return seen;
}
/** Where explain() counts other bytes than kernels without computed indices touch. */
export function explainDifference(recipe: Recipe, roots: readonly number[] = recipe.roots): string | null {
  const own = roots.filter((i) => !(recipe.values[i] as Value).call),
    a = arrays(recipe, own).filter((x) => x.node.buf === null);
  if (a.length === 0) return null;
  const kernels = mx.explain(a).kernels, steps = interpreted(a.map((x) => x.node)).steps;
  assert.equal(kernels.length, steps.length);
  for (let k = 0; k < steps.length; k++) {
    const s = steps[k] as Step<number>, told = kernels[k];
    if (s.kind !== "kernel" || told === undefined) continue;
    const roots = [
      ...s.kernel.passes.flatMap((p) => [
        ...p.folds.map((f) => f.value),
        ...p.scans.map((x) => x.value),
        ...p.stores.map((x) => x.value),
      ]),
      ...s.kernel.rowStores.map((x) => x.value),
    ];
    if (s.kernel.kind === "sequence" || expressions(roots).some((e) => e.op === "loadx")) continue;
    let reads = 0, writes = 0, twice = false;
    const places = new Map<string, Set<number>>(),
      scanned = new Set(s.kernel.passes.flatMap((p) => p.scans.map((x) => x.mem)));
    s.operands.forEach((o, i) => {
      const m = s.kernel.mems[i] as (typeof s.kernel.mems)[number], item = itemsize(m.dtype);
      const bytes = walk(
        s,
        {
          ...o,
          fold: o.fold,
          inner: m.along === "unit" && s.inner.every((n) => n === 1) ? s.inner.map(() => 0) : o.inner,
        },
        item,
        m.written && !scanned.has(i),
      );
      const key = `${o.place.node?.serial ?? -1}.${o.place.out}.${o.place.workspace}.${m.written}`,
        before = places.get(key) ?? new Set<number>();
      for (const b of bytes) {
        if (before.has(b)) twice = true;
        before.add(b);
      }
      places.set(key, before);
      if (m.written) writes += bytes.size * item;
      else reads += bytes.size * item;
    });
    if (!twice && (reads !== told.reads || writes !== told.writes)) {
      return `kernel ${k} ${told.name}: explain says ${told.reads} and ${told.writes} bytes, it touches ${reads} and ${writes} (rows ${s.rows}, inner ${s.inner}, fold ${s.foldSize}, rag ${s.rag})`;
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
