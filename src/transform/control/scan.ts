// scan: a function is recorded once and run along the first axis of arrays, with values carried from step to step.
import { rangeError, typeError } from "../../base/error.ts";
import { checkOptions, flag, functionOf, shown } from "../../base/options.ts";
import { apply, type Aval, type Node } from "../../core/node.ts";
import { same, text } from "../../core/shape.ts";
import { resultOf, type Scan, scanOp } from "./scan_op.ts";
import { type Arrays, checkSame, isWhole, leavesOf, notAsync, placed, record, treeOf } from "./body.ts";

/** Options of `scan`. */
export interface ScanOptions {
  /** Steps, where `xs` is null; else it must be the length of the first axis of `xs`. */
  readonly length?: number;
  /** Begins at the end of `xs`; the results lie as if it had not. Default false. */
  readonly reverse?: boolean;
  /** Gradients keep only what is carried, and compute each step again. Default false: they keep what they need of each step. */
  readonly checkpoint?: boolean;
}
/** The steps of a scan, from its length and the arrays that it walks. */
function lengthOf(nodes: readonly Node[], given: number | undefined): number {
  if (given !== undefined && (!Number.isInteger(given) || given < 0)) {
    throw rangeError(`Cannot scan: length must be an integer of at least 0, not ${shown(given)}`);
  }
  let length = given;
  nodes.forEach((x, i) => {
    const [n] = x.shape;
    if (n === undefined) throw typeError(`Cannot scan over array ${i} of xs: it has no axis; its shape is []`);
    if (length !== undefined && !same([n], [length])) {
      throw typeError(
        `Cannot scan over arrays of different lengths: array ${i} of xs has shape ${text(x.shape)}, but ${
          given === undefined ? `array 0 has shape ${text((nodes[0] as Node).shape)}` : `length is ${given}`
        }`,
      );
    }
    length = n;
  });
  if (length === undefined) throw typeError("Cannot scan without xs: say how many steps there are, with { length }");
  return length;
}

/**
 * Runs `f(carry, x)`, which returns `[carry, y]`, for each slice `x` of `xs` along the first axis, and gives
 * `[carry, ys]`: what was carried in the end, and every `y` along a new first axis. Carry, `xs` and `y` are arrays or
 * trees of them (numbers in `init` become arrays); `xs` and `y` may be null. `f` is called once, over traced values, and
 * its kernels run `length` times without a return to JavaScript. TypeErrors: the carry changes structure, shape or
 * dtype; arrays of `xs` have no or different lengths. Arrays that `f` captures are constants; `set` of one throws; so
 * is the global random state, so that numbers that differ from step to step take a key that is carried and split.
 *
 * @example
 * ```ts
 * const [sum, sums] = mx.scan((c: mx.NDArray, x: mx.NDArray) => [c.add(x), c.add(x)], 0, mx.array([1, 2, 3]));
 * sum; // array(6, dtype=float32)
 * sums; // array([1, 3, 6], dtype=float32)
 * ```
 */
export function scan<C, X, Y>(
  f: (carry: NoInfer<Arrays<C>>, x: NoInfer<X>) => readonly [NoInfer<Arrays<C>>, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [Arrays<C>, Y] {
  functionOf("scan", f);
  checkOptions("scan", options, ["length", "reverse", "checkpoint"]);
  const carry = leavesOf("scan: init", init), walked = leavesOf("scan: xs", xs);
  const length = lengthOf(walked.nodes, options.length);
  return placed(() => {
    let specs: { readonly y: Parameters<typeof treeOf>[0] } | null = null;
    const count = carry.nodes.length,
      slices = walked.nodes.map(({ shape, dtype }): Aval => ({ shape: shape.slice(1), dtype }));
    const { body, captured } = record(
      [...carry.nodes, ...slices],
      (i) => i < count ? "the carry of a scan" : "a slice of the xs of a scan",
      (given) => {
        const made = f(
          treeOf(carry.spec, given.slice(0, count)) as Arrays<C>,
          treeOf(walked.spec, given.slice(count)) as X,
        );
        notAsync("scan with", made);
        if (!Array.isArray(made) || made.length !== 2) {
          throw typeError("Cannot scan: the function must return [carry, y]; y may be null");
        }
        const next = leavesOf("scan: the carry that the function returns", made[0]), y = leavesOf("scan: y", made[1]);
        checkSame(
          "scan: a step changes the carry",
          carry,
          next,
          "return what has the same structure, shapes and dtypes (astype), or begin with it",
        );
        specs = { y: y.spec };
        return [...next.nodes, ...y.nodes];
      },
    );
    if (!isWhole(body)) return null;
    const { y } = specs as unknown as { readonly y: Parameters<typeof treeOf>[0] };
    if (body.results.length === 0) return [treeOf(carry.spec, []) as Arrays<C>, treeOf(y, []) as Y];
    const arg: Scan = {
      what: "scan",
      bodies: [body],
      carries: count,
      sliced: walked.nodes.length,
      length,
      reverse: flag("scan", options, "reverse"),
      fixed: body.results.length,
      checkpoint: flag("scan", options, "checkpoint"),
      batch: null,
    };
    const n = apply(scanOp, [...captured, ...carry.nodes, ...walked.nodes], arg);
    const outs = body.results.map((_, k) => resultOf(n, k));
    return [treeOf(carry.spec, outs.slice(0, count)) as Arrays<C>, treeOf(y, outs.slice(count)) as Y];
  });
}
