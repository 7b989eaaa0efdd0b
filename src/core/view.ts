// Shape, strides (in elements) and offset over one buffer: what movement ops change without touching memory.
import { below, equal, type Size, times } from "../kernel/sizes.ts";

/** A strided view in a given kind of numbers. */
export interface ViewOf<S> {
  readonly shape: readonly S[];
  readonly strides: readonly S[];
  readonly offset: S;
}
/** A strided view. */
export type View = ViewOf<number>;
/** A view while an eval is planned: its numbers may be symbols. */
export type PlanView = ViewOf<Size>;

/** Row-major strides of a shape. */
export function contiguousStrides<S extends Size>(shape: readonly S[]): S[] {
  const s = new Array<Size>(shape.length);
  let n: Size = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    s[i] = n;
    n = times(n, shape[i] as S);
  }
  return s as S[];
}

/** The view of a fresh row-major array. */
export function contiguousView<S extends Size>(shape: readonly S[]): ViewOf<S> {
  return { shape, strides: contiguousStrides(shape), offset: 0 as S };
}

/** True if the elements lie row-major without gaps. */
export function isContiguous(v: PlanView): boolean {
  let n: Size = 1;
  for (let i = v.shape.length - 1; i >= 0; i--) {
    const d = v.shape[i] as Size;
    if (d === 0) return true;
    if (d !== 1 && !equal(v.strides[i] as Size, n)) return false;
    n = times(n, d);
  }
  return true;
}

/** The same elements in another shape, or null if that needs a copy. */
export function tryReshape(v: PlanView, shape: readonly Size[]): PlanView | null {
  if (v.shape.some((d) => d === 0)) return { shape, strides: contiguousStrides(shape), offset: v.offset };
  // Axes that are walked as one, the last first; each must be a whole run of axes of the new shape.
  const runs: { length: Size; stride: Size }[] = [];
  for (let i = v.shape.length - 1; i >= 0; i--) {
    const d = v.shape[i] as Size, s = v.strides[i] as Size, last = runs[runs.length - 1];
    if (d === 1) continue;
    if (last !== undefined && equal(s, times(last.stride, last.length))) last.length = times(last.length, d);
    else runs.push({ length: d, stride: s });
  }
  const strides = new Array<Size>(shape.length).fill(0);
  let i = shape.length - 1;
  for (const run of runs) {
    let have: Size = 1;
    while (!equal(have, run.length)) {
      if (i < 0 || !below(have, run.length)) return null;
      strides[i] = times(run.stride, have);
      if (shape[i] === 1) strides[i] = 0;
      have = times(have, shape[i] as Size);
      i--;
    }
  }
  return { shape, strides, offset: v.offset };
}
