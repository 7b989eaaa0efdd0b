// Offsets of a plan that follow recorded values: base + sum(coefficient * start). A new start patches a plan and never makes one.

/** Start number `k` of the node at `slot` of an eval, times a coefficient. */
interface Term {
  readonly slot: number;
  readonly k: number;
  readonly coefficient: number;
}
/** A linear form in recorded starts. */
export interface Linear {
  readonly base: number;
  readonly terms: readonly Term[];
}
/** An offset while an eval is planned. */
export type Offset = number | Linear;

/** Start number `k` of the node at `slot`. */
export function start(slot: number, k: number): Offset {
  return { base: 0, terms: [{ slot, k, coefficient: 1 }] };
}
/** a + b */
export function plus(a: Offset, b: Offset): Offset {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const x = typeof a === "number" ? { base: a, terms: [] } : a, y = typeof b === "number" ? { base: b, terms: [] } : b;
  return { base: x.base + y.base, terms: [...x.terms, ...y.terms] };
}
/** a * k */
export function times(a: Offset, k: number): Offset {
  if (typeof a === "number") return a * k;
  if (k === 0) return 0;
  return { base: a.base * k, terms: a.terms.map((t) => ({ ...t, coefficient: t.coefficient * k })) };
}
/** A text that tells offsets apart. */
export function offsetText(a: Offset): string {
  return typeof a === "number"
    ? String(a)
    : `${a.base}${a.terms.map((t) => `+${t.coefficient}s${t.slot}.${t.k}`).join("")}`;
}
/** The number, given the starts of each slot. */
export function offsetValue(a: Offset, startsOf: (slot: number) => readonly number[]): number {
  if (typeof a === "number") return a;
  let n = a.base;
  for (const t of a.terms) n += t.coefficient * (startsOf(t.slot)[t.k] as number);
  return n;
}
