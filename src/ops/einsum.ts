// Einstein's sum, as matrix products of pairs in MLX's order.
import { typeError } from "../base/error.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { counting, size, text } from "../core/shape.ts";
import { below, equal, minus, productOf, type Size } from "../kernel/sizes.ts";
import { broadcastTo, cast, permute, reduce, reshape } from "./basis.ts";
import { alike, nodeOf, wrap } from "./lift.ts";
import { product } from "./matmul.ts";
import { diagonalNode } from "./movement.ts";
import { times } from "./products.ts";

interface Term {
  readonly labels: readonly string[];
  readonly node: Node;
}
interface Subscripts {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
}
/** Labels of each operand; the axes of "..." are named "0", "1", ... from the last. */
function parseSubscripts(op: string, subscripts: string, shapes: readonly (readonly number[])[]): Subscripts {
  if (typeof subscripts !== "string") throw typeError(`Cannot ${op}: the subscripts must be text`);
  const [left = "", right, more] = subscripts.replaceAll(" ", "").split("->"), parts = left.split(",");
  if (more !== undefined) throw typeError(`Cannot ${op} "${subscripts}": more than one arrow`);
  if (parts.length !== shapes.length) {
    throw typeError(`Cannot ${op} "${subscripts}" of ${shapes.length} arrays: it names ${parts.length}`);
  }
  let most = 0;
  const letters = (part: string, hidden: number): string[] => {
    const out: string[] = [];
    for (let i = 0; i < part.length; i++) {
      if (part.startsWith("...", i)) {
        for (let k = hidden - 1; k >= 0; k--) out.push(String(k));
        i += 2;
      } else {
        if (!/[A-Za-z]/.test(part[i] as string)) {
          throw typeError(`Cannot ${op} "${subscripts}": ${JSON.stringify(part[i])} is no label`);
        }
        out.push(part[i] as string);
      }
    }
    return out;
  };
  const sizes = new Map<string, number>();
  const inputs = parts.map((part, i) => {
    const shape = shapes[i] as readonly number[],
      dotted = part.includes("..."),
      named = part.replace("...", "").length,
      hidden = dotted ? shape.length - named : 0;
    if (hidden < 0 || named + hidden !== shape.length) {
      throw typeError(`Cannot ${op} "${subscripts}": "${part}" does not fit an array of shape ${text(shape)}`);
    }
    most = Math.max(most, hidden);
    const labels = letters(part, hidden);
    labels.forEach((l, d) => {
      const n = shape[d] as number, before = sizes.get(l);
      if (before === undefined || before === 1) sizes.set(l, n);
      else if (n !== 1 && !equal(n, before)) {
        throw typeError(`Cannot ${op} "${subscripts}": the axes ${l} have lengths ${before} and ${n}`);
      }
    });
    return labels;
  });
  let output: string[];
  if (right !== undefined) output = letters(right, most);
  else {
    const count = new Map<string, number>();
    for (const l of inputs.flat()) count.set(l, (count.get(l) ?? 0) + 1);
    const dots = counting(most).map((i) => String(most - 1 - i));
    output = [...dots, ...[...count.keys()].filter((l) => /[A-Za-z]/.test(l) && count.get(l) === 1).sort()];
  }
  for (const l of output) {
    if (!sizes.has(l)) throw typeError(`Cannot ${op} "${subscripts}": the result's axis ${l} is in no input`);
  }
  if (new Set(output).size !== output.length) {
    throw typeError(`Cannot ${op} "${subscripts}": the result repeats an axis`);
  }
  return { inputs, output, sizes };
}

/** Diagonals of repeated labels, then sums over labels that `keep` does not hold. */
function simplify(t: Term, keep: ReadonlySet<string>): Term {
  let labels = [...t.labels], node = t.node;
  for (let i = 0; i < labels.length; i++) {
    const j = labels.indexOf(labels[i] as string, i + 1);
    if (j < 0) continue;
    const n = labels.length, rest = counting(n).filter((d) => d !== i && d !== j), l = labels[i] as string;
    node = diagonalNode(permute(node, [...rest, i, j]), 0);
    labels = [...rest.map((d) => labels[d] as string), l];
    i = -1;
  }
  const gone = counting(labels.length).filter((d) => !keep.has(labels[d] as string));
  if (gone.length === 0) return { labels, node };
  return { labels: labels.filter((_, d) => !gone.includes(d)), node: sumNode(node, gone) };
}
function sumNode(n: Node, axes: readonly number[]): Node {
  return n.dtype === "bool" ? cast(reduce("sum", cast(n, "int32"), axes), "bool") : reduce("sum", n, axes);
}

/** The product of two terms, summed over the labels that `keep` does not hold: one batched matrix product. */
function contract(x: Term, y: Term, keep: ReadonlySet<string>): Term {
  const a = simplify(x, new Set([...keep, ...y.labels])), b = simplify(y, new Set([...keep, ...x.labels]));
  const long = (t: Term, l: string): number => t.node.shape[t.labels.indexOf(l)] as number;
  const shared = a.labels.filter((l) => b.labels.includes(l)),
    summed = shared.filter((l) => !keep.has(l)),
    batch = shared.filter((l) => keep.has(l));
  const mine = a.labels.filter((l) => !shared.includes(l)), other = b.labels.filter((l) => !shared.includes(l));
  const lay = (t: Term, order: readonly string[]): Node => permute(t.node, order.map((l) => t.labels.indexOf(l)));
  // Axes of length 1 beside longer ones broadcast.
  const wide = (n: Node, order: readonly string[]): Node =>
    broadcastTo(n, order.map((l, d) => shared.includes(l) ? longer(l) : n.shape[d] as number));
  const longer = (l: string): number =>
    a.labels.includes(l) && long(a, l) !== 1 ? long(a, l) : b.labels.includes(l) ? long(b, l) : 1;
  const sizes = (ls: readonly string[]): number[] => ls.map(longer);
  const labels = [...batch, ...mine, ...other];
  if (summed.length === 0 && (mine.length === 0 || other.length === 0 || batch.length > 0)) {
    const shape = sizes(labels),
      p = reshape(wide(lay(a, [...batch, ...mine]), [...batch, ...mine]), [
        ...sizes(batch),
        ...sizes(mine),
        ...other.map(() => 1),
      ]);
    const q = reshape(wide(lay(b, [...batch, ...other]), [...batch, ...other]), [
      ...sizes(batch),
      ...mine.map(() => 1),
      ...sizes(other),
    ]);
    return { labels, node: times(broadcastTo(p, shape), broadcastTo(q, shape)) };
  }
  const lead = sizes(batch), m = size(sizes(mine)), n = size(sizes(other)), k = size(sizes(summed));
  const p = reshape(wide(lay(a, [...batch, ...mine, ...summed]), [...batch, ...mine, ...summed]), [...lead, m, k]);
  const q = reshape(wide(lay(b, [...batch, ...summed, ...other]), [...batch, ...summed, ...other]), [...lead, k, n]);
  return { labels, node: reshape(product(p, q), sizes(labels)) };
}

/** Elements of an array over these labels. */
const count = (s: Subscripts, labels: Iterable<string>): Size =>
  productOf([...labels].map((l) => s.sizes.get(l) as number));
/** The labels that the result wants, or a term other than those at some positions. */
const wanted = (s: Subscripts, terms: readonly Iterable<string>[], but: readonly number[]): Set<string> =>
  new Set([...s.output, ...terms.flatMap((t, k) => but.includes(k) ? [] : [...t])]);
/** Takes the terms at some positions out, and puts one behind the others. */
function replace<T>(terms: T[], at: readonly number[], by: T): void {
  for (const i of [...at].sort((a, b) => b - a)) terms.splice(i, 1);
  terms.push(by);
}

const isLess = (a: readonly [Size, Size], b: readonly [Size, Size]): boolean =>
  below(a[0], b[0]) || (below(a[1], b[1]) && equal(a[0], b[0]));
/** Pairs to contract, by MLX's greedy rule: the smallest result, less what it replaces; each pair's result goes last. */
function greedy(s: Subscripts): number[][] {
  const terms = s.inputs.map((l) => new Set(l)), path: number[][] = [];
  if (terms.length === 1) return [[0]];
  while (terms.length > 1) {
    let best: readonly [number, number] = [0, 1], least: readonly [Size, Size] | null = null, shared = false;
    for (let i = 0; i < terms.length; i++) {
      for (let j = i + 1; j < terms.length; j++) {
        const p = terms[i] as Set<string>, q = terms[j] as Set<string>, common = [...p].some((l) => q.has(l));
        if (shared && !common) continue;
        const all = p.union(q), result = all.intersection(wanted(s, terms, [i, j]));
        const price: readonly [Size, Size] = [
          minus(minus(count(s, result), count(s, p)), count(s, q)),
          count(s, all),
        ];
        if (least === null || (common && !shared) || isLess(price, least)) {
          shared = common;
          least = price;
          best = [i, j];
        }
      }
    }
    const [p, q] = best.map((i) => terms[i] as Set<string>) as [Set<string>, Set<string>];
    replace(terms, best, p.union(q).intersection(wanted(s, terms, best)));
    path.push([...best]);
  }
  return path;
}

/**
 * Einstein's sum: products of the operands summed over the labels that the result lacks; "..." stands for broadcast axes.
 *
 * @example
 * ```ts
 * mx.einsum("ij,j->i", mx.array([[1, 2], [3, 4]]), mx.array([1, 10])); // array([21, 43], dtype=float32)
 * ```
 */
export function einsum(subscripts: string, ...operands: readonly ArrayLike[]): NDArray {
  if (operands.length === 0) throw typeError("Cannot einsum no arrays");
  const nodes = alike("einsum", operands), s = parseSubscripts("einsum", subscripts, nodes.map((n) => n.shape));
  const terms: Term[] = nodes.map((node, i) => ({ labels: s.inputs[i] as readonly string[], node }));
  if (terms.length > 1) {
    for (const pair of greedy(s)) {
      const [x, y] = pair.map((i) => terms[i] as Term) as [Term, Term];
      replace(terms, pair, contract(x, y, wanted(s, terms.map((t) => t.labels), pair)));
    }
  }
  const last = simplify(terms[0] as Term, new Set(s.output));
  const turned = permute(last.node, s.output.map((l) => last.labels.indexOf(l)));
  return wrap(broadcastTo(turned, s.output.map((l) => s.sizes.get(l) as number)));
}

/** The order in which `einsum` multiplies its operands (pairs of positions; results go last), and a text about its cost. */
export function einsumPath(subscripts: string, ...operands: readonly ArrayLike[]): [number[][], string] {
  const shapes = operands.map((a) => nodeOf("einsumPath", a).shape),
    s = parseSubscripts("einsumPath", subscripts, shapes),
    path = greedy(s);
  const everything = new Set(s.inputs.flat()), inner = [...everything].some((l) => !s.output.includes(l));
  const naive = Number(count(s, everything)) * (Math.max(1, shapes.length - 1) + (inner ? 1 : 0));
  const terms = s.inputs.map((l) => new Set(l));
  let scaling = 0, flops = 0;
  for (const step of path) {
    const all = new Set(step.flatMap((i) => [...terms[i] as Set<string>])),
      result = all.intersection(wanted(s, terms, step));
    scaling = Math.max(scaling, all.size);
    flops += Number(count(s, all)) * (Math.max(1, step.length - 1) + (result.size < all.size ? 1 : 0));
    replace(terms, step, result);
  }
  return [
    path,
    `  Complete contraction:  ${subscripts}\n         Naive scaling:  ${everything.size}\n     Optimized scaling:  ${scaling}\n      Naive FLOP count:  ${naive}\n  Optimized FLOP count:  ${flops}\n`,
  ];
}
