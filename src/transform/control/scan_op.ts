// The op of `scan` and its rules: gradients walk the steps backwards over what the forward steps kept, tangents and batches widen the body.
import { isInexact } from "../../base/dtype.ts";
import { on } from "../../core/device.ts";
import { anew, apply, type Aval, type Body, nextSerial, type Node, type OpDef, topological } from "../../core/node.ts";
import { traced } from "../../core/trace.ts";
import { add, broadcastTo, permute, placeholder, repeatedSlice } from "../../ops/basis.ts";
import { pick } from "../../ops/pick.ts";
import { insideOf } from "../family.ts";
import { alias, backward, zeros } from "../grad.ts";
import { forward } from "../jvp.ts";
import { batch } from "../vmap.ts";
import { again, type Batched, copied, inline, own, record } from "./body.ts";

/** The argument of a scan's node. */
export interface Scan extends Batched {
  readonly checkpoint: boolean;
}
const bodyOf = (c: Scan): Body => c.bodies[0] as Body;

const types = new WeakMap<Scan, Aval[]>();
/** Results: what is carried in the end, and the values of all steps along a first axis. The list grows with the body's results. */
function typesOf(c: Scan): readonly Aval[] {
  const { results } = bodyOf(c), known = types.get(c) ?? [];
  types.set(c, known);
  for (let k = known.length; k < results.length; k++) {
    const { shape, dtype } = results[k] as Node;
    known.push({ shape: k < c.carries ? shape : [c.length, ...shape], dtype });
  }
  return known;
}
/** Result number k of a scan's node. */
export function resultOf(n: Node, k: number): Node {
  typesOf(n.arg as Scan);
  return pick(n, k);
}
/** Positions among a scan's inputs: captured arrays, then what is carried, then what is walked. */
function parts(c: Scan, count: number): { readonly carried: number; readonly walked: number } {
  const walked = count - c.sliced;
  return { carried: walked - c.carries, walked };
}

// ---- reverse mode -----------------------------------------------------------------------------------------------------
/** The values of a body in every step that gradients want, by what computes them: more results of the loop that runs anyway. */
function keep(c: Scan, wanted: readonly Node[]): number[] {
  const { results } = bodyOf(c), known = new Map<Node, number>();
  for (let k = results.length - 1; k >= c.carries; k--) {
    known.set(results[k] as Node, k).set(copied(results[k] as Node), k);
  }
  return wanted.map((x) => {
    let k = known.get(x);
    if (k === undefined) known.set(x, k = results.push(own(x)) - 1);
    return k;
  });
}
/** One step's gradient: over placeholders for what the step is given, for its results' cotangents. */
interface Joint {
  /** Placeholders for the body's inputs, and each body node's twin. */
  readonly variables: readonly Node[];
  readonly twins: ReadonlyMap<Node, Node>;
  readonly cotangents: readonly Node[];
  /** Of the inputs: null where there is no gradient. */
  readonly gradients: readonly (Node | null)[];
}
function jointOf(c: Scan, roots: readonly number[], need: readonly boolean[]): Joint {
  const { given, results } = bodyOf(c);
  return traced(() => {
    const first = nextSerial();
    const variables = given.map((x) => on(x.device, () => placeholder(x.shape, x.dtype, "a step of a scan")));
    const wanted = roots.map((k) => results[k] as Node),
      twins = new Map(given.map((x, i) => [x, variables[i] as Node]));
    for (const n of topological(wanted, (x) => twins.has(x))) {
      twins.set(n, anew(n, n.inputs.map((x) => twins.get(x) as Node)));
    }
    const cotangents = wanted.map((x) => on(x.device, () => placeholder(x.shape, x.dtype, "a cotangent of a scan")));
    const which = given.map((_, i) => i).filter((i) => need[i]);
    const found = backward(
      wanted.map((x) => twins.get(x) as Node),
      cotangents,
      which.map((i) => variables[i] as Node),
      first,
    );
    const gradients = given.map((): Node | null => null);
    which.forEach((i, k) => gradients[i] = found[k] as Node | null);
    return { variables, twins, cotangents, gradients };
  }, true);
}
/**
 * What the gradients of a step read that does not depend on cotangents. Views are taken again, but results of functions with
 * rules; so is what depends on arrays that a rule made, which the forward step has not.
 */
function residuals({ variables, cotangents, gradients }: Joint): Node[] {
  const depends = new Set<Node>(cotangents), leaves = new Set(variables), later = new Set<Node>();
  const roots = gradients.filter((g) => g !== null), order = topological(roots, (n) => leaves.has(n));
  for (const n of order) {
    if (n.inputs.some((x) => depends.has(x))) depends.add(n);
    else if (n.buf !== null || n.inputs.some((x) => later.has(x))) later.add(n);
  }
  // A function with a gradient of its own is computed as a whole: its gradient goes to its primals.
  for (const n of [...order].reverse()) {
    if (depends.has(n) || later.has(n)) { for (const x of insideOf(n, (x) => leaves.has(x))) later.add(x); }
  }
  const read = new Set<Node>(roots), found: Node[] = [];
  for (const n of order.reverse()) {
    const view = n.op.lower.kind === "view" && n.inputs.length === 1;
    if (depends.has(n) || (read.has(n) && (view || later.has(n)))) n.inputs.forEach((x) => read.add(x));
    else if (read.has(n) && n.inputs.length > 0) found.push(n);
  }
  return [...variables.filter((x) => read.has(x)), ...found.reverse()];
}
/** Values of a body's twins in every step, stacked by the loop that runs anyway, or by another where that one has run. */
function stacksOf(
  node: Node,
  ins: readonly Node[],
  c: Scan,
  wanted: readonly Node[],
  twins: ReadonlyMap<Node, Node>,
): readonly Node[] {
  // Recorded over the body's own nodes.
  const back = new Map<Node, Node>([...twins].map(([x, twin]) => [twin, x])),
    own = (x: Node): Node => back.get(x) as Node;
  for (const x of topological(wanted, (x) => back.has(x))) back.set(x, anew(x, x.inputs.map(own)));
  const kept = keep(c, wanted.map(own));
  typesOf(c);
  const ran = node.results !== null && kept.some((k) => node.results?.[k] === undefined);
  const source = ran ? anew(node, ins) : node;
  return kept.map((k) => resultOf(source, k));
}
function vjps(
  cts: readonly (Node | null)[],
  node: Node,
  ins: readonly Node[],
  c: Scan,
  need: readonly boolean[],
): readonly (Node | null)[] {
  const body = bodyOf(c),
    { carried, walked } = parts(c, ins.length),
    inexact = (x: Aval): boolean => isInexact(x.dtype);
  const isCarry = (i: number): boolean => i >= carried && i < walked;
  // Cotangents of what is carried go from step to step; those of the other results come from outside.
  const roots = body.results.map((_, k) => k).filter((k) =>
    inexact(body.results[k] as Node) && (k < c.carries || cts[k])
  );
  const joint = jointOf(c, roots, ins.map((x, i) => inexact(x) && (isCarry(i) || need[i] === true)));
  const { variables, twins, gradients } = joint;
  const saved = c.checkpoint ? variables.filter((_, i) => isCarry(i)) : residuals(joint);
  const stacked = saved.filter((x) => variables.indexOf(x) < 0 || isCarry(variables.indexOf(x)));
  const stacks = stacksOf(node, ins, c, stacked, twins);
  // The loop that walks back: carried are cotangents and the sums of what captured arrays get.
  const carries = roots.filter((k) => k < c.carries), outer = roots.filter((k) => k >= c.carries);
  const sums = ins.map((_, i) => i).filter((i) => i < carried && gradients[i] !== null);
  const walks = ins.map((_, i) => i).filter((i) => i >= walked && gradients[i] !== null);
  const slices = variables.map((_, i) => i).filter((i) =>
    i >= walked && (c.checkpoint || saved.includes(variables[i] as Node))
  );
  const start = [
    ...carries.map((k) => cts[k] ?? zeros(body.results[k] as Node)),
    ...sums.map((i) => zeros(ins[i] as Node)),
  ];
  // The cotangent of a sum is the same in every step.
  const still = outer.map((k) => repeatedSlice(cts[k] as Node)), moving = outer.filter((_, j) => still[j] === null);
  const along = [...moving.map((k) => cts[k] as Node), ...slices.map((i) => ins[i] as Node), ...stacks];
  const { body: reversed, captured } = record(
    [...start, ...along.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype }))],
    () => "a step of the gradient of a scan",
    (given) => {
      let at = 0;
      const take = (n: number): readonly Node[] => given.slice(at, at += n);
      const ct = take(carries.length), sum = take(sums.length), out = take(moving.length);
      const slice = take(slices.length), stack = take(stacks.length);
      const leaves = [
        ...variables.slice(0, carried),
        ...slices.map((i) => variables[i] as Node),
        ...stacked,
        ...joint.cotangents,
      ];
      let next = 0;
      const own = still.map((s) => s ?? out[next++] as Node);
      const others = [...ins.slice(0, carried), ...slice, ...stack, ...ct, ...own];
      const wanted = [
        ...carries.map((k) => gradients[carried + k] ?? null),
        ...sums.map((i) => gradients[i] as Node),
        ...walks.map((i) => gradients[i] as Node),
      ];
      const made = again(wanted.filter((g) => g !== null), leaves, others);
      let which = 0;
      const found = wanted.map((g, i) => g === null ? zeros(ct[i] as Node) : made[which++] as Node);
      return found.map((g, i) => {
        const j = i - carries.length, total = j >= 0 && j < sums.length ? sum[j] as Node : null;
        return total === null ? g : on(g.device, () => add(total, g));
      });
    },
  );
  const n = apply(scanOp, [...captured, ...start, ...along], {
    what: "scan",
    bodies: [reversed],
    carries: start.length,
    sliced: along.length,
    length: c.length,
    reverse: !c.reverse,
    fixed: reversed.results.length,
    checkpoint: c.checkpoint,
    batch: null,
  });
  const grads = ins.map((): Node | null => null);
  carries.forEach((k, j) => grads[carried + k] = resultOf(n, j));
  sums.forEach((i, j) => grads[i] = resultOf(n, carries.length + j));
  walks.forEach((i, j) => grads[i] = resultOf(n, start.length + j));
  return grads;
}

// ---- forward mode -----------------------------------------------------------------------------------------------------
function jvps(
  ts: readonly (Node | null)[],
  _node: Node,
  ins: readonly Node[],
  c: Scan,
  which: readonly number[],
): ReturnType<NonNullable<OpDef["jvps"]>> {
  const body = bodyOf(c), { carried, walked } = parts(c, ins.length);
  const moves = ins.map((x, i) => isInexact(x.dtype) && (ts[i] !== null || (i >= carried && i < walked)));
  const moved = ins.map((_, i) => i).filter((i) => moves[i]),
    tangent = moved.map((i) => ts[i] ?? zeros(ins[i] as Node));
  const at = (i: number): number => i < carried ? 0 : i < walked ? 1 : 2;
  const carries = body.results.map((_, k) => k).filter((k) => k < c.carries),
    stacked = which.filter((k) => k >= c.carries);
  const floats = carries.filter((k) => moves[carried + k]);
  const others = stacked.filter((k) => isInexact((body.results[k] as Node).dtype));
  const group = (g: number): readonly Node[] => [
    ...ins.filter((_, i) => at(i) === g),
    ...moved.flatMap((i, j) => at(i) === g ? [tangent[j] as Node] : []),
  ];
  const start = group(1), along = group(2);
  const { body: wide, captured } = record(
    [...start, ...along.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype }))],
    () => "a step of the tangent of a scan",
    (given) => {
      const first = nextSerial(), own = ins.slice(0, carried);
      const here = [...given.slice(0, c.carries), ...given.slice(start.length, start.length + c.sliced)];
      const variables = [...own, ...here].map((x) => on(x.device, () => alias(x)));
      let carry = c.carries, slice = start.length + c.sliced;
      const t = moved.map((i, j) =>
        at(i) === 0 ? tangent[j] as Node : at(i) === 1 ? given[carry++] as Node : given[slice++] as Node
      );
      const roots = inline(body, variables);
      const { tangents, values } = forward(roots, moved.map((i) => variables[i] as Node), t, first);
      const full = (k: number): Node => tangents[k] ?? zeros(roots[k] as Node),
        value = (k: number): Node => values[k] as Node;
      return [...carries.map(value), ...floats.map(full), ...others.map(full), ...stacked.map(value)];
    },
  );
  const n = apply(scanOp, [...captured, ...start, ...along], {
    ...c,
    bodies: [wide],
    carries: start.length,
    sliced: along.length,
    // The stacked values themselves, where someone still wants them.
    fixed: start.length + others.length,
    batch: null,
  });
  const found = body.results.map((): Node | null => null), results = [...found];
  carries.forEach((k) => results[k] = resultOf(n, k));
  floats.forEach((k, j) => found[k] = resultOf(n, c.carries + j));
  others.forEach((k, j) => found[k] = resultOf(n, start.length + j));
  stacked.forEach((k, j) => results[k] = resultOf(n, start.length + others.length + j));
  return { tangents: found, results };
}

// ---- batches ----------------------------------------------------------------------------------------------------------
function vmap(ins: readonly Node[], batched: readonly boolean[], c: Scan, size: number): Node {
  const body = bodyOf(c), { carried, walked } = parts(c, ins.length), flags = [...batched];
  for (;;) {
    // The examples of what is walked lie behind the axis of the steps.
    const whole = ins.map((x, i) => {
      if (i >= walked && batched[i]) return swapped(x);
      return flags[i] && !batched[i] ? broadcastTo(x, [size, ...x.shape]) : x;
    });
    let mapped: readonly boolean[] = [];
    const { body: wide, captured } = record(
      whole.slice(carried).map(({ shape, dtype }, j) => ({ shape: j < c.carries ? shape : shape.slice(1), dtype })),
      () => "a step of a batch of scans",
      (given) => {
        const all = [...whole.slice(0, carried), ...given];
        const made = batch((examples) => inline(body, examples), all, flags, size, () => "a step of a batch of scans");
        mapped = made.mapped;
        return made.nodes.map((x, k) =>
          k < c.carries && flags[carried + k] && !mapped[k] ? broadcastTo(x, [size, ...x.shape]) : x
        );
      },
    );
    const more = flags.map((f, i) => i >= carried && i < walked && !f && mapped[i - carried] === true);
    if (more.includes(true)) {
      more.forEach((m, i) => flags[i] ||= m);
      continue;
    }
    return apply(scanOp, [...captured, ...whole.slice(carried)], {
      ...c,
      bodies: [wide],
      batch: { size, mapped: mapped.map((m, k) => k < c.carries ? flags[carried + k] === true : m) },
    });
  }
}
/** The first two axes exchanged. */
const swapped = (x: Node): Node => permute(x, x.shape.map((_, d) => d < 2 ? 1 - d : d));
/** Result `index` of a batch of scans, its examples along the first axis. */
function example(n: Node, index: number): Node {
  const c = n.arg as Scan, x = resultOf(n, index), { size, mapped } = c.batch as NonNullable<Scan["batch"]>;
  if (!mapped[index]) return broadcastTo(x, [size, ...x.shape]);
  return index < c.carries ? x : swapped(x);
}

/** A scan: inputs are what its body captured, what is carried, and what is walked; results are picked. */
export const scanOp: OpDef<Scan> = {
  name: "scan",
  type: (_, c) => typesOf(c),
  lower: { kind: "loop", of: (c) => c },
  structure: (c) => `${c.carries},${c.sliced},${c.reverse ? 1 : 0}`,
  vjps,
  jvps,
  vmap,
  example,
};
