// The arena of a plan: arrays that live at once never overlap, for the sizes at hand and for others, and little room is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { place, type Placed } from "../../src/runtime/arena.ts";
import { Random } from "../support/random_graph.ts";

const room = (bytes: unknown): number => bytes as number;
/** Arrays of a forward pass, half of which a backward pass wants again in reverse order, beside short-lived ones. */
function sample(r: Random, n: number): Placed[] {
  return Array.from({ length: n }, (_, first) => ({
    bytes: 64 * r.pick([1, 4, 64, 1000, r.int(1, 2000)]),
    first,
    last: first < n / 2 && r.chance(0.5) ? n - first : first + r.int(0, 12),
    offset: 0,
  }));
}
const overlap = (a: Placed, b: Placed): boolean =>
  a.first <= b.last && b.first <= a.last && room(a.offset) < room(b.offset) + room(b.bytes) &&
  room(b.offset) < room(a.offset) + room(a.bytes);
/** Bytes that live at the fullest step. */
function needed(list: readonly Placed[]): number {
  return Math.max(
    ...list.map((s) => list.reduce((sum, x) => x.first <= s.first && s.first <= x.last ? sum + room(x.bytes) : sum, 0)),
  );
}

test("arrays that live at once lie apart, close to as low as can be", () => {
  const r = new Random(4);
  let used = 0, least = 0;
  for (let i = 0; i < 20; i++) {
    const list = sample(r, 200), total = room(place(list, room));
    list.forEach((a, k) =>
      list.slice(0, k).forEach((b) => assert.ok(!overlap(a, b), `arrays ${k} and ${list.indexOf(b)} of ${i}`))
    );
    list.forEach((a) => assert.ok(room(a.offset) + room(a.bytes) <= total));
    used += total;
    least += needed(list);
  }
  assert.ok(used < 1.25 * least, `${(used / least).toFixed(3)} times what lives at once`);
});
test("arrays of one step, and none", () => {
  assert.equal(place([], room), 0);
  const list = [64, 128, 64].map((bytes) => ({ bytes, first: 0, last: 0, offset: 0 }));
  assert.equal(place(list, room), 256);
});
