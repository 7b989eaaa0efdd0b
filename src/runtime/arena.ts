// Places the arrays of a plan in one arena, by the steps between which they live.
import { larger, numberOf, plus, type Size } from "../kernel/sizes.ts";

/** An array: its bytes, the first and last step that touch it, and its place, which `place` sets. */
export interface Placed {
  readonly bytes: Size;
  readonly first: number;
  readonly last: number;
  offset: Size;
}
/** An array among those that live at a step, in order of place. */
interface Spot {
  readonly of: Placed;
  readonly at: number;
  readonly end: number;
  below: Spot | null;
  above: Spot | null;
  /** Arrays that lay directly below it at some time. */
  readonly under: Spot[];
  covered: boolean;
  /** Where it ends, once it has a place. */
  limit: Size;
}

/**
 * Places arrays (in order of their first step), each with `room` of its bytes; returns the arena's size. In the numbers at
 * hand each takes the tightest gap among those that live then: work is linear but for the number of gaps. In symbols each
 * then starts where the highest of those that ever lay directly below it ends: for any sizes no two that live at once
 * overlap.
 */
export function place(list: readonly Placed[], room: (bytes: Size) => Size): Size {
  const spots: Spot[] = [], ending = [...list].sort((a, b) => a.last - b.last), spotOf = new Map<Placed, Spot>();
  // Many are of one size.
  const rooms = new Map<Size, Size>();
  // The spots with room above them; null stands for the ground.
  const gaps = new Set<Spot | null>([null]);
  let ground: Spot | null = null, ended = 0;
  const gapAbove = (s: Spot | null): number => {
    const next = s === null ? ground : s.above;
    return next === null ? Infinity : next.at - (s?.end ?? 0);
  };
  for (const of of list) {
    for (; (ending[ended]?.last ?? Infinity) < of.first; ended++) {
      const s = spotOf.get(ending[ended] as Placed) as Spot, { below, above } = s;
      if (below === null) ground = above;
      else below.above = above;
      if (above !== null) above.below = below;
      gaps.delete(s);
      gaps.add(below);
    }
    let own = rooms.get(of.bytes);
    if (own === undefined) rooms.set(of.bytes, own = room(of.bytes));
    const need = numberOf(own);
    let best: Spot | null = null, least = Infinity, lowest = Infinity;
    for (const g of gaps) {
      const left = gapAbove(g) - need, at = g?.end ?? 0;
      if (left >= 0 && (left < least || (left === least && at < lowest))) [best, least, lowest] = [g, left, at];
    }
    const at = best?.end ?? 0, above: Spot | null = best === null ? ground : best.above;
    const s: Spot = {
      of,
      at,
      end: at + need,
      below: best,
      above,
      under: best === null ? [] : [best],
      covered: false,
      limit: 0,
    };
    if (best === null) ground = s;
    else {
      best.above = s;
      best.covered = true;
    }
    if (above !== null) {
      above.below = s;
      above.under.push(s);
      s.covered = true;
    }
    gaps.delete(best);
    if (gapAbove(s) > 0) gaps.add(s);
    spotOf.set(of, s);
    spots.push(s);
  }
  const top = (list: readonly Spot[]): Size => list.reduce<Size>((most, s) => larger(most, s.limit), 0);
  for (const s of spots.slice().sort((a, b) => a.at - b.at)) {
    s.of.offset = top(s.under);
    s.limit = plus(s.of.offset, rooms.get(s.of.bytes) as Size);
  }
  return top(spots.filter((s) => !s.covered));
}
