// Scans along an axis: running sums, products, extremes and log-sum-exps.
import type { DType } from "../base/dtype.ts";
import { atLeastFloat, iinfo, isComplex, isInexact, isInteger } from "../base/dtype.ts";
import { flag, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike, NDArray, ScanOptions, ScanTail } from "../core/ndarray.ts";
import type { Aval, Node, OpDef } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { size, sizeMinus } from "../core/shape.ts";
import type { Scan } from "../kernel/fold.ts";
import { dtypeOf } from "./cast.ts";
import { onAxis } from "./args.ts";
import {
  add,
  assemble,
  cast,
  compare,
  conj,
  define,
  div,
  full,
  iota,
  like,
  literalOf,
  mul,
  neg,
  select,
  slice,
  sub,
} from "./basis.ts";
import { type Gather, scatter } from "./gather.ts";
import { wrap } from "./lift.ts";
import { exp, isfinite, isnan, log } from "./unary.ts";

interface Along {
  readonly axis: number;
  readonly exclusive: boolean;
}
/** What a scan starts from: the value that changes nothing. */
function start(op: Scan, dtype: DType): ReturnType<typeof literalOf> {
  if (op === "sum" || op === "prod") return literalOf(dtype, op === "sum" ? 0 : 1);
  if (op === "logaddexp") return isComplex(dtype) ? { re: -Infinity, im: 0 } : -Infinity;
  const low = op === "max";
  if (dtype === "bool") return low ? 0 : 1;
  if (isComplex(dtype)) return low ? { re: -Infinity, im: -Infinity } : { re: Infinity, im: Infinity };
  return isInteger(dtype) ? literalOf(dtype, low ? iinfo(dtype).min : iinfo(dtype).max) : low ? -Infinity : Infinity;
}
const NAMES: Readonly<Record<Scan, string>> = {
  sum: "cumsum",
  prod: "cumprod",
  max: "cummax",
  min: "cummin",
  logaddexp: "logcumsumexp",
};
const ops = new Map<Scan, OpDef<Along>>();
for (const op of ["sum", "prod", "max", "min", "logaddexp"] as const) {
  ops.set(
    op,
    define<Along>({
      name: NAMES[op],
      type: ([x]) => ({ shape: (x as Aval).shape, dtype: (x as Aval).dtype }),
      lower: {
        kind: "scan",
        op: () => op,
        axis: (a) => a.axis,
        exclusive: (a) => a.exclusive,
        start: (_, out) => start(op, out.dtype),
      },
      structure: (a) => `${a.axis},${a.exclusive}`,
      vjp: (ct, out, [x], a) => {
        if (op === "sum") return [scanNode("sum", ct, a.axis, true, a.exclusive)];
        // An exclusive scan is the inclusive one, one place later.
        const g = a.exclusive ? earlier(ct, a.axis) : ct, y = a.exclusive ? scanNode(op, x as Node, a.axis) : out;
        return [
          op === "prod"
            ? prodVjp(g, y, x as Node, a.axis)
            : op === "logaddexp"
            ? logVjp(g, y, x as Node, a.axis)
            : extremeVjp(g, y, x as Node, a.axis),
        ];
      },
      // Of products and extremes it is derived; of logarithms the rule above is no linear function to derive it from.
      ...(op === "sum" || op === "logaddexp"
        ? {
          jvp: ([t], out, [x], a) =>
            op === "sum"
              ? scanNode("sum", t as Node, a.axis, false, a.exclusive)
              : logJvp(t as Node, out, x as Node, a),
        }
        : {}),
      vmap: ([x], _, a) => apply(ops.get(op) as OpDef<Along>, [x as Node], { ...a, axis: a.axis + 1 }),
    }),
  );
}

/** Everything backwards along an axis. */
function flip(x: Node, axis: number): Node {
  return slice(x, {
    starts: x.shape.map((n, d) => d === axis ? sizeMinus(n, 1) : 0),
    steps: x.shape.map((_, d) => d === axis ? -1 : 1),
    shape: x.shape,
  });
}
/** Each element in the place before it, and 0 in the last one. */
function earlier(x: Node, axis: number): Node {
  const n = x.shape[axis] as number,
    zero = x.shape.map(() => 0),
    one = x.shape.map(() => 1),
    shape = x.shape.map((k, d) => d === axis ? sizeMinus(n, 1) : k);
  if (n === 0) return x;
  const tail = slice(x, { starts: zero.map((_, d) => d === axis ? 1 : 0), steps: one, shape });
  return assemble([like(0, x), tail], [null, { starts: zero, steps: one, shape }], x.shape);
}
/** A scan along an axis, backwards if `reverse`, without the element itself if `exclusive`; keeps the dtype. */
export function scanNode(op: Scan, x: Node, axis: number, reverse = false, exclusive = false): Node {
  if (size(x.shape) === 0) return x;
  const y = apply(ops.get(op) as OpDef<Along>, [reverse ? flip(x, axis) : x], { axis, exclusive });
  return reverse ? flip(y, axis) : y;
}
function prodVjp(ct: Node, out: Node, x: Node, axis: number): Node {
  // Before the first zero: sum(ct * out) / x. At it: the same with a 1 in its place. After it: nothing.
  const isZero = compare("eq", x, like(0, x)), zeros = scanNode("sum", cast(isZero, "int32"), axis), none = like(0, x);
  const first = select(isZero, compare("eq", zeros, like(1, zeros)), full(false, x.shape, "bool"));
  const without = scanNode("prod", select(first, like(1, x), x), axis);
  const before = div(scanNode("sum", mul(ct, conj(out)), axis, true), conj(select(isZero, like(1, x), x)));
  const at = scanNode("sum", mul(ct, conj(without)), axis, true);
  return select(compare("eq", zeros, like(0, zeros)), before, select(first, at, none));
}
function extremeVjp(ct: Node, out: Node, x: Node, axis: number): Node {
  // Each result goes back to the last element that is equal to it.
  const hit = isInexact(x.dtype)
    ? select(isnan.node(x), full(true, x.shape, "bool"), compare("eq", x, out))
    : compare("eq", x, out);
  const at = iota(x.shape, axis, "int32"), last = scanNode("max", select(hit, at, like(0, at)), axis);
  const where: Gather = {
    shape: x.shape,
    source: x.shape.map((_, d) => d === axis ? { from: "index", which: 0 } : { from: "out", axis: d }),
    indexAxes: x.shape.map((_, d) => d),
  };
  return scatter("add", like(0, x), [last], ct, where);
}
function logVjp(ct: Node, out: Node, x: Node, axis: number): Node {
  // sum(ct_i exp(x_j - out_i)) over i >= j.
  if (isComplex(x.dtype)) return mul(exp.node(conj(x)), scanNode("sum", mul(ct, exp.node(neg(conj(out)))), axis, true));
  const y = finite(out);
  return bySign(ct, (l) => add(scanNode("logaddexp", sub(l, y), axis, true), x));
}
function logJvp(t: Node, out: Node, x: Node, a: Along): Node {
  // sum(t_j exp(x_j - out_i)) over j <= i.
  if (isComplex(x.dtype)) {
    return mul(exp.node(neg(out)), scanNode("sum", mul(t, exp.node(x)), a.axis, false, a.exclusive));
  }
  const y = finite(out);
  return bySign(t, (l) => sub(scanNode("logaddexp", add(l, x), a.axis, false, a.exclusive), y));
}
const finite = (x: Node): Node => select(isfinite.node(x), x, like(0, x));
/** A sum whose factors may overflow one by one: `f` takes logarithms of the positive, then of the negative terms. */
function bySign(terms: Node, f: (logs: Node) => Node): Node {
  const part = (c: Node): Node => {
    const positive = compare("gt", c, like(0, c));
    return exp.node(f(select(positive, log.node(select(positive, c, like(1, c))), like(-Infinity, c))));
  };
  return sub(part(terms), part(neg(terms)));
}

function scan(
  op: Scan,
  a: ArrayLike,
  args: readonly unknown[],
  dtypes: (d: DType) => DType,
  withDtype: boolean,
): NDArray {
  const name = NAMES[op],
    o = splitArgs(name, [a, ...args], 1, ["reverse", "inclusive"], withDtype ? ["axis", "dtype"] : ["axis"]);
  const { x, axis } = onAxis(name, a, o["axis"], null), dtype = dtypeOf(name, o["dtype"] ?? dtypes(x.dtype));
  return wrap(scanNode(op, cast(x, dtype), axis, flag(name, o, "reverse"), !flag(name, o, "inclusive", true)));
}
/**
 * The sums of all elements up to each along `axis` (of the flattened array by default), in the array's dtype; bool becomes int32. Options: axis, reverse, inclusive, dtype.
 *
 * @example
 * ```ts
 * mx.cumsum(mx.array([1, 2, 3])); // array([1, 3, 6], dtype=float32)
 * mx.cumsum(mx.array([1, 2, 3]), { inclusive: false }); // array([0, 1, 3], dtype=float32)
 * mx.cumsum(mx.array([1, 2, 3]), { reverse: true }); // array([6, 5, 3], dtype=float32)
 * mx.cumsum(mx.array([100, 100], "int8")); // array([100, -56], dtype=int8)
 * ```
 */
export function cumsum(a: ArrayLike, ...args: ScanTail): NDArray {
  return scan("sum", a, args, (d) => d === "bool" ? "int32" : d, true);
}
/**
 * The products of all elements up to each along `axis` (of the flattened array by default), in the array's dtype. Options: axis, reverse, inclusive, dtype.
 *
 * @example
 * ```ts
 * mx.cumprod(mx.array([[1, 2], [3, 4]]), 0); // array([[1, 2], [3, 8]], dtype=float32)
 * ```
 */
export function cumprod(a: ArrayLike, ...args: ScanTail): NDArray {
  return scan("prod", a, args, (d) => d, true);
}
/**
 * The largest of all elements up to each along `axis` (of the flattened array by default); NaN stays. Options: axis, reverse, inclusive.
 *
 * @example
 * ```ts
 * mx.cummax(mx.array([1, 3, 2, NaN, 4])); // array([1, 3, 3, nan, nan], dtype=float32)
 * ```
 */
export function cummax(a: ArrayLike, ...args: Tail<[axis: number], ScanOptions>): NDArray {
  return scan("max", a, args, (d) => d, false);
}
/** The smallest of all elements up to each along `axis` (of the flattened array by default); NaN stays. Options: axis, reverse, inclusive. */
export function cummin(a: ArrayLike, ...args: Tail<[axis: number], ScanOptions>): NDArray {
  return scan("min", a, args, (d) => d, false);
}
/**
 * log(sum(exp(a))) of all elements up to each along `axis` (of the flattened array by default); integers become float32. Options: axis, reverse, inclusive.
 *
 * @example
 * ```ts
 * mx.logcumsumexp(mx.array([0, 0])); // array([0, 0.693147], dtype=float32)
 * ```
 */
export function logcumsumexp(a: ArrayLike, ...args: Tail<[axis: number], ScanOptions>): NDArray {
  return scan("logaddexp", a, args, atLeastFloat, false);
}
export { cumprod as cumulativeProd, cumsum as cumulativeSum };
