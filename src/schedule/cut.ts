// Cuts a group whose kernel would bind more memory than devices do: how much a kernel binds is known once it is made.
import { type Node, topological } from "../core/node.ts";
import type { Group, Info, Nodes } from "./group.ts";
import { present } from "./graph.ts";

/**
 * Most arrays (each way to walk one counts) that a kernel reads and writes: Metal binds 31 buffers, one of which holds constants,
 * and one may be the word that a pass looks at which runs ahead.
 */
export const MOST_BUFFERS = 29;

const reads = (n: Node): readonly Node[] => n.op.lower.kind === "view" ? n.inputs.slice(0, 1) : n.inputs;

/** The group in parts, to run in this order, with what later ones need of earlier ones stored; null if nothing can be taken out. */
export function cut({ infos, symbols }: Nodes, g: Group): readonly Group[] | null {
  const info = (n: Node): Info => infos[n.slot] as Info;
  const isMemory = (n: Node): boolean => present(n) || info(n).group !== null;
  /** What is computed in place for members, inputs first. */
  const inlined = (members: readonly Node[]): Node[] => topological(members.flatMap(reads), isMemory, reads);
  const part = (members: readonly Node[], of: Pick<Group, "kind" | "shape" | "axes">): Group => {
    const inputs = [...members, ...inlined(members)].flatMap(reads).filter(isMemory);
    return { ...g, ...of, members: [...members], inputs: new Set(inputs), reason: "a kernel binds no more memory" };
  };
  const whole = { kind: g.kind, shape: g.shape, axes: g.axes };
  if (g.members.length > 1) {
    const half = g.members.length >> 1, plain = { kind: "map", shape: g.shape, axes: null } as const;
    const parts = g.kind === "map"
      ? [g.members.slice(0, half), g.members.slice(half)].map((members) => part(members, whole))
      : g.members.map((n) => {
        const i = info(n), { role } = i;
        if (role === "fold" || role === "scan") return part([n], role === "fold" ? whole : { ...whole, kind: "scan" });
        i.role = "element";
        return part([n], role === "row" ? { ...plain, shape: symbols.of(n).shape } : plain);
      });
    for (const p of parts) for (const n of p.members) info(n).group = p;
    for (const p of parts) {
      for (const n of p.inputs) if (!present(n) && g.members.includes(n) && info(n).group !== p) info(n).stored = true;
    }
    return parts;
  }
  // One node: a value on the way to it that reads about half of what it reads is stored.
  const counts = new Map<Node, number>();
  const count = (n: Node): number => reads(n).reduce((s, x) => s + (counts.get(x) ?? 1), 0);
  const between = inlined(g.members);
  for (const n of between) counts.set(n, count(n));
  const all = count(g.members[0] as Node), far = (n: Node): number => Math.abs((counts.get(n) as number) - all / 2);
  const [first] = between.filter((n) => n.op.lower.kind === "map" && count(n) > 1).sort((a, b) => far(a) - far(b));
  if (first === undefined) return null;
  const own = part([first], { kind: "map", shape: symbols.of(first).shape, axes: null }), i = info(first);
  i.role = "element";
  i.stored = true;
  i.group = own;
  return [own, part(g.members, whole)];
}
