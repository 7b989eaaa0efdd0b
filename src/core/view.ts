// Shape, strides (in elements) and offset over one buffer: what movement ops change without touching memory.
import type { Offset } from "../kernel/offset.ts";

/** A strided view with a given kind of offset. */
export interface ViewOf<O> {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: O;
}
/** A strided view. */
export type View = ViewOf<number>;
/** A view while an eval is planned: its offset may follow recorded starts. */
export type PlanView = ViewOf<Offset>;

/** Row-major strides of a shape. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const s = new Array<number>(shape.length);
  for (let i = shape.length - 1, n = 1; i >= 0; i--) {
    s[i] = n;
    n *= shape[i] as number;
  }
  return s;
}

/** The view of a fresh row-major array. */
export function contiguousView(shape: readonly number[]): View {
  return { shape, strides: contiguousStrides(shape), offset: 0 };
}

/** True if the elements lie row-major without gaps. */
export function isContiguous(v: PlanView): boolean {
  for (let i = v.shape.length - 1, n = 1; i >= 0; i--) {
    const d = v.shape[i] as number;
    if (d === 0) return true;
    if (d !== 1 && v.strides[i] !== n) return false;
    n *= d;
  }
  return true;
}

/** The same elements in another shape, or null if that needs a copy. */
export function tryReshape<O>(v: ViewOf<O>, shape: readonly number[]): ViewOf<O> | null {
  if (v.shape.some((d) => d === 0)) return { shape, strides: contiguousStrides(shape), offset: v.offset };
  const dims: number[] = [], strides: number[] = [];
  for (let i = 0; i < v.shape.length; i++) {
    const d = v.shape[i] as number, s = v.strides[i] as number;
    if (d === 1) continue;
    const k = dims.length - 1;
    if (k >= 0 && strides[k] === s * d) {
      dims[k] = (dims[k] as number) * d;
      strides[k] = s;
    } else {
      dims.push(d);
      strides.push(s);
    }
  }
  const out = new Array<number>(shape.length);
  let k = dims.length - 1, left = k >= 0 ? dims[k] as number : 1, step = k >= 0 ? strides[k] as number : 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i] as number;
    if (d === 1) {
      out[i] = 0;
      continue;
    }
    if (left === 1 && k > 0) {
      k--;
      left = dims[k] as number;
      step = strides[k] as number;
    }
    if (left % d !== 0) return null;
    out[i] = step;
    step *= d;
    left /= d;
  }
  return { shape, strides: out, offset: v.offset };
}
