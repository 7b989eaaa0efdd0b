// The order in which groups run.
import type { Node } from "../core/node.ts";

/** What a group computes, and what it reads. */
interface Runs {
  readonly members: readonly Node[];
  readonly inputs: ReadonlySet<Node>;
}
/**
 * Groups in the order in which their first members were recorded, each after those that it reads: what a layer's gradients
 * need then lives until they ran, and not until all that leads to the last layer did. `groupOf` finds who writes a value.
 */
export function inOrder<G extends Runs>(groups: readonly G[], groupOf: (n: Node) => G | null): G[] {
  const start = (g: G): number => g.members.reduce((s, n) => Math.min(s, n.serial), Infinity);
  const starts = new Map(groups.map((g) => [g, start(g)])), out = new Set<G>(), seen = new Set<G>();
  const stack = [...groups].sort((a, b) => (starts.get(b) as number) - (starts.get(a) as number));
  while (stack.length > 0) {
    const g = stack[stack.length - 1] as G;
    if (seen.has(g)) {
      out.add(g);
      stack.pop();
      continue;
    }
    seen.add(g);
    for (const n of g.inputs) {
      const before = groupOf(n);
      if (before !== null && before !== g && !seen.has(before)) stack.push(before);
    }
  }
  return [...out];
}
