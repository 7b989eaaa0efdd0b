// whileLoop: a function is recorded once and runs as long as another one says, over values that are carried from pass to pass.
import { plainError, typeError } from "../../base/error.ts";
import { functionOf } from "../../base/options.ts";
import { isInexact } from "../../base/dtype.ts";
import { on } from "../../core/device.ts";
import type { NDArray } from "../../core/ndarray.ts";
import { apply, type Aval, type Body, nextSerial, type Node, type OpDef } from "../../core/node.ts";
import { broadcastTo, reduce, reshape, select } from "../../ops/basis.ts";
import { pick } from "../../ops/pick.ts";
import { alias, zeros } from "../grad.ts";
import { forward } from "../jvp.ts";
import { batch } from "../vmap.ts";
import {
  type Arrays,
  type Batched,
  checkSame,
  example,
  inline,
  isWhole,
  leavesOf,
  notAsync,
  onlyArray,
  placed,
  record,
  type Recorded,
  show,
  treeOf,
  widened,
} from "./body.ts";

/** Test and step of a loop: both are given what either captured, then what is carried. The step tests what it made, in the kernels that make it. */
function loop(test: Recorded, step: Recorded, start: readonly Node[], more: Pick<Batched, "batch">): Node {
  const first = widened(test.body, step.captured, test.captured.length),
    { given, results } = widened(step.body, test.captured, 0),
    next = inline(first, [...given.slice(0, given.length - start.length), ...results]);
  return apply(whileOp, [...test.captured, ...step.captured, ...start], {
    what: "while",
    bodies: [first, { given, results: [...results, ...next] }],
    carries: start.length,
    sliced: 0,
    length: 0,
    reverse: false,
    fixed: start.length,
    ...more,
  });
}
const testOf = (c: Batched): Body => c.bodies[0] as Body;
const stepOf = (c: Batched): Body => {
  const { given, results } = c.bodies[1] as Body;
  return { given, results: results.slice(0, c.carries) };
};

function jvps(
  ts: readonly (Node | null)[],
  _node: Node,
  ins: readonly Node[],
  c: Batched,
): ReturnType<NonNullable<OpDef["jvps"]>> {
  const carried = ins.length - c.carries, start = ins.slice(carried), fixed = ins.slice(0, carried);
  const moved = start.map((_, k) => k).filter((k) => isInexact((start[k] as Node).dtype));
  const tangents = moved.map((k) => ts[carried + k] ?? zeros(start[k] as Node)), whole = [...start, ...tangents];
  const constants = fixed.map((_, i) => i).filter((i) => ts[i]);
  const test = record(
    whole,
    () => "the carry of a loop",
    (given) => inline(testOf(c), [...fixed, ...given.slice(0, c.carries)]),
  );
  const step = record(whole, () => "the carry of a loop", (given) => {
    const first = nextSerial(),
      variables = [...fixed, ...given.slice(0, c.carries)].map((x) => on(x.device, () => alias(x)));
    const roots = inline(stepOf(c), variables);
    const which = [...constants, ...moved.map((k) => carried + k)];
    const along = [...constants.map((i) => ts[i] as Node), ...given.slice(c.carries)];
    const { tangents, values } = forward(roots, which.map((i) => variables[i] as Node), along, first);
    return [...values, ...moved.map((k) => tangents[k] ?? zeros(roots[k] as Node))];
  });
  const n = loop(test, step, whole, { batch: null }), found = start.map((): Node | null => null);
  moved.forEach((k, j) => found[k] = pick(n, c.carries + j));
  return { tangents: found, results: start.map((_, k) => pick(n, k)) };
}

/** A predicate for each example, with axes of length 1 for those of a value. */
const spread = (p: Node, x: Node): Node =>
  broadcastTo(reshape(p, [...p.shape, ...new Array<number>(x.shape.length - 1).fill(1)]), x.shape);
function vmap(ins: readonly Node[], batched: readonly boolean[], c: Batched, size: number): Node {
  const carried = ins.length - c.carries, what = (): string => "the carry of a batch of loops";
  const flags = [...batched], repeated = (x: Node): Node => broadcastTo(x, [size, ...x.shape]);
  for (;;) {
    const start = ins.slice(carried).map((x, k) => flags[carried + k] && !batched[carried + k] ? repeated(x) : x);
    const fixed = ins.slice(0, carried);
    const examples = (body: Body, given: readonly Node[]): ReturnType<typeof batch<Node>> =>
      batch((one) => inline(body, one), [...fixed, ...given], flags, size, what);
    let each = false, mapped: readonly boolean[] = [];
    const test = record(start, what, (given) => {
      const { nodes: [p], mapped: [own] } = examples(testOf(c), given) as { nodes: Node[]; mapped: boolean[] };
      each = own === true;
      // Until every example is done.
      return [each ? reduce("max", p as Node, [0]) : p as Node];
    });
    const step = record(start, what, (given) => {
      const next = examples(stepOf(c), given), p = each ? examples(testOf(c), given).nodes[0] as Node : null;
      mapped = next.mapped.map((m) => m || each);
      return next.nodes.map((x, k) => {
        const whole = flags[carried + k] && !next.mapped[k] ? repeated(x) : x, before = given[k] as Node;
        // Examples that are done keep their values.
        return p === null || !flags[carried + k] ? whole : select(spread(p, whole), whole, before);
      });
    });
    const more = mapped.map((m, k) => m && !flags[carried + k]);
    if (!more.includes(true)) {
      return loop(test, step, start, { batch: { size, mapped: flags.slice(carried) } });
    }
    more.forEach((m, k) => flags[carried + k] ||= m);
  }
}

const whileOp: OpDef<Batched> = {
  name: "whileLoop",
  type: (_, c) => stepOf(c).results.map(({ shape, dtype }): Aval => ({ shape, dtype })),
  lower: { kind: "loop", of: (c) => c },
  structure: (c) => String(c.carries),
  vjps: () => {
    throw plainError(
      "Cannot differentiate whileLoop backwards: how many passes there are is not known when memory for them is needed; use scan with a fixed length (and where for what is done earlier), or jvp, which goes forwards",
    );
  },
  jvps,
  vmap,
  example,
};

/**
 * Runs `carry = body(carry)` as long as `condition(carry)` holds, and gives the last carry: an array or a tree of them
 * (numbers in `init` become arrays). Both functions are called once, over traced values; their kernels run without a return
 * to JavaScript. `condition` gives a bool array without axes. TypeErrors: it gives something else, or the carry
 * changes structure, shape or dtype. What the functions capture is constant, the global random state too. Gradients go
 * forwards only (`jvp`); under `vmap` examples that are done keep their values until all are.
 *
 * @example
 * ```ts
 * const half = (x: mx.NDArray) => x.div(2);
 * mx.whileLoop((x: mx.NDArray) => x.gt(1), half, 100); // array(0.78125, dtype=float32)
 * ```
 */
export function whileLoop<C>(
  condition: (carry: NoInfer<Arrays<C>>) => NDArray,
  body: (carry: NoInfer<Arrays<C>>) => NoInfer<Arrays<C>>,
  init: C,
): Arrays<C> {
  functionOf("loop while", condition);
  functionOf("loop over", body);
  const carry = leavesOf("loop: init", init), what = (): string => "the carry of a whileLoop";
  return placed(() => {
    const treeAt = (given: readonly Node[]): Arrays<C> => treeOf(carry.spec, given) as Arrays<C>;
    const test = record(carry.nodes, what, (given) => {
      const value: unknown = condition(treeAt(given)), p = onlyArray(value);
      notAsync("loop while", value);
      if (p === null || p.dtype !== "bool" || p.shape.length !== 0) {
        throw typeError(
          `Cannot loop: the condition must return a bool array without axes, not ${
            p === null ? (value === null ? "null" : typeof value) : show(p)
          }; compare (gt, lt, ...) and use any() or all()`,
        );
      }
      return [p];
    });
    const step = record(carry.nodes, what, (given) => {
      const value: unknown = body(treeAt(given));
      notAsync("loop over", value);
      const next = leavesOf("loop: the carry that the function returns", value);
      checkSame(
        "loop: the body changes the carry",
        carry,
        next,
        "return what has the same structure, shapes and dtypes (astype), or begin with it",
      );
      return next.nodes;
    });
    if (!isWhole(test.body) || !isWhole(step.body)) return null;
    if (carry.nodes.length === 0) return treeAt([]);
    const n = loop(test, step, carry.nodes, { batch: null });
    return treeAt(carry.nodes.map((_, k) => pick(n, k)));
  });
}
