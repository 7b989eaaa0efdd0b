// Random numbers: MLX's keys, bits (Threefry-2x32) and distributions, and the implicit key that draws without one advance.
import type { DType } from "../base/dtype.ts";
import { isFloating, isInexact, promote, roundTo } from "../base/dtype.ts";
import { rangeError, typeError } from "../base/error.ts";
import { integer, shown, splitArgs, type Tail } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Node, OpDef } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { axisOf, broadcast, same, shapeOf, size, text } from "../core/shape.ts";
import type { Expr } from "../kernel/expr.ts";
import {
  add,
  assemble,
  broadcastTo,
  cast,
  compare,
  div,
  elementwise,
  full,
  iota,
  like,
  mul,
  neg,
  reduce,
  reshape,
  select,
  slice,
  sub,
} from "../ops/basis.ts";
import { cpu, on } from "../core/device.ts";
import { svd } from "../linalg/svd.ts";
import { gather } from "../ops/gather.ts";
import { isScalar, nodeOf, wrap } from "../ops/lift.ts";
import { maximum, minimum, multiply } from "../ops/binary.ts";
import { dtypeOf } from "../ops/cast.ts";
import { matmul } from "../ops/matmul.ts";
import { expandDims } from "../ops/movement.ts";
import { argsortNode } from "../ops/sort.ts";
import { abs, complexNode, erf, erfinv, exp, floor, isinf, log, log1p, sign, sqrt } from "../ops/unary.ts";

// ---- keys -------------------------------------------------------------------------------------------------------------
type Words = readonly [number, number];
/** The words of keys that the host knows: their draws need no memory. */
const known = new WeakMap<Node, Words>();

function keyNode(words: Words): Node {
  const one = { steps: [1], shape: [1] };
  const n = assemble([full(words[0], [1], "uint32"), full(words[1], [1], "uint32")], [{ starts: [0], ...one }, {
    starts: [1],
    ...one,
  }], [2]);
  known.set(n, words);
  return n;
}
function wordsOf(seed: number | bigint): Words {
  if (typeof seed !== "bigint" && !Number.isInteger(seed)) {
    throw typeError(`Cannot make a key of the seed ${shown(seed)}: it must be an integer`);
  }
  const s = BigInt.asUintN(64, BigInt(seed));
  return [Number(s >> 32n), Number(s & 0xffffffffn)];
}
/** One round of Threefry-2x32 on the host. */
function threefry(k: Words, c: Words): Words {
  const ks = [k[0], k[1], (k[0] ^ k[1] ^ 0x1bd11bda) >>> 0], turns = [[13, 15, 26, 6], [17, 29, 16, 24]];
  let a = (c[0] + k[0]) >>> 0, b = (c[1] + k[1]) >>> 0;
  for (let i = 0; i < 5; i++) {
    for (const r of turns[i % 2] as number[]) {
      a = (a + b) >>> 0;
      b = (((b << r) | (b >>> (32 - r))) ^ a) >>> 0;
    }
    a = (a + (ks[(i + 1) % 3] as number)) >>> 0;
    b = (b + (ks[(i + 2) % 3] as number) + i + 1) >>> 0;
  }
  return [a, b];
}
/** The two keys that MLX's `split` makes of one: the next key and the key to draw with. */
function splitWords(k: Words): readonly [Words, Words] {
  const x = threefry(k, [0, 2]), y = threefry(k, [1, 3]);
  return [[x[0], y[0]], [x[1], y[1]]];
}

/**
 * The key of a seed (an integer or bigint, modulo 2^64): uint32 of shape [2], high word first.
 *
 * @example
 * ```ts
 * mx.random.key(7); // array([0, 7], dtype=uint32)
 * mx.random.key(2 ** 32 + 3); // array([1, 3], dtype=uint32)
 * ```
 */
export function key(seed: number | bigint): NDArray {
  return wrap(keyNode(wordsOf(seed)));
}
/** The implicit key, in a list so that `compile` can take and return it. The first one must not open a GPU. */
export const state: NDArray[] = [on(cpu, () => key(Date.now()))];
/**
 * Starts the implicit sequence over from a seed.
 *
 * @example
 * ```ts
 * mx.random.seed(0);
 * const x = mx.random.uniform([2]);
 * mx.random.seed(0);
 * mx.arrayEqual(x, mx.random.uniform([2])).item(); // true
 * ```
 */
export function seed(seed: number | bigint): void {
  state[0] = key(seed);
}
/** The key for one draw; advances the implicit key. */
function nextKey(): Node {
  const now = (state[0] as NDArray).node, words = known.get(now);
  if (words !== undefined) {
    const [next, draw] = splitWords(words);
    state[0] = wrap(keyNode(next));
    return keyNode(draw);
  }
  const both = bitsNode(now, [2, 2]),
    row = (i: number): Node => reshape(slice(both, { starts: [i, 0], steps: [1, 1], shape: [1, 2] }), [2]);
  state[0] = wrap(row(0));
  return row(1);
}
/** The key that a draw was given, or the next implicit one. */
function keyOf(op: string, k: unknown): Node {
  return k === undefined || k === null ? nextKey() : givenKey(op, k);
}
function givenKey(op: string, k: unknown): Node {
  if (!(k instanceof NDArray)) {
    throw typeError(`Cannot draw ${op}: a key is a uint32 array of shape [2], not ${shown(k)}`);
  }
  const n = k.node;
  if (n.dtype !== "uint32" || !same(n.shape, [2])) {
    throw typeError(
      `Cannot draw ${op}: a key is a uint32 array of shape [2], not ${n.dtype} of shape [${n.shape.join(",")}]`,
    );
  }
  return n;
}
/**
 * `num` (2) independent keys of one: uint32 of shape [num, 2].
 *
 * @example
 * ```ts
 * mx.random.split(mx.random.key(0)).shape; // [2, 2]
 * ```
 */
export function split(key: NDArray, ...args: Tail<[num: number], { num: number }>): NDArray {
  const num = splitArgs("split", [key, ...args], 1, ["num"], ["num"])["num"] ?? 2;
  return wrap(bitsNode(givenKey("split", key), shapeOf("split", [integer("split", "num", num), 2])));
}

// ---- bits -------------------------------------------------------------------------------------------------------------
/** Word `which` of the hash of counters x[0], x[1] under the key x[2], x[3]. */
const hash = [0, 1].map((which) =>
  elementwise({
    name: "randomBits",
    cost: 60,
    scalar: (s, x) => s.make(`threefry${which}`, "u32", x as readonly Expr[]),
  })
);
/** Random 32-bit words of a shape, in MLX's order: the first half is word 0 of hashes whose word 1 is the second half. */
function bitsNode(k: Node, shape: readonly number[]): Node {
  const n = size(shape), half = Math.floor(n / 2), odd = n % 2, words = known.get(k);
  const word = (i: 0 | 1): Node =>
    words !== undefined
      ? full(words[i], [n], "uint32")
      : broadcastTo(slice(k, { starts: [i], steps: [1], shape: [1] }), [n]);
  const k0 = word(0),
    k1 = word(1),
    j = iota([n], 0, "uint32"),
    up = full(half + odd, [n], "uint32"),
    first = compare("lt", j, up);
  const low = select(first, j, sub(j, up)), high = select(first, add(j, up), j);
  // The middle word of an odd number has no partner: its second counter is 0.
  const second = odd === 1 ? select(compare("eq", j, full(half, [n], "uint32")), like(0, j), high) : high;
  const out = [low, second, k0, k1];
  return reshape(
    select(first, apply(hash[0] as OpDef<null>, out, null), apply(hash[1] as OpDef<null>, out, null)),
    shape,
  );
}

/** A shape as draws take it: a number is a list of one. */
export type ShapeLike = number | readonly number[];
/** What draws take after their required arguments: shape and dtype, of which a dtype may stand alone, and further options. */
export type DrawTail<O> =
  | Tail<[shape: ShapeLike, dtype: DType], O & { shape: ShapeLike; dtype: DType; key: NDArray }>
  | Tail<[dtype: DType], O & { shape: ShapeLike; dtype: DType; key: NDArray }>;
/** Options of draws that are moved and scaled. */
export interface Moments {
  readonly loc?: ArrayLike;
  readonly scale?: ArrayLike;
}
/** Options of `categorical`. */
export interface CategoricalOptions {
  readonly axis?: number;
  readonly shape?: ShapeLike;
  readonly numSamples?: number;
  readonly key?: NDArray;
}

// ---- distributions ----------------------------------------------------------------------------------------------------
/** Options that most draws share. */
interface Draw {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly options: Record<string, unknown>;
}
function draw(name: string, args: readonly unknown[], required: number, extra: readonly string[]): Draw {
  const o = splitArgs(name, args, required, ["shape", "dtype", "key", ...extra], ["shape", "dtype"]);
  const dtype = dtypeOf(`draw ${name}`, o["dtype"] ?? "float32");
  return { shape: shapeOf(`draw ${name}`, (o["shape"] ?? []) as number[]), dtype, options: o };
}
function floating(name: string, d: DType): void {
  if (!isFloating(d)) throw typeError(`Cannot draw ${name} numbers of dtype ${d}: it must be a floating one`);
}
/** An operand of a draw: a number (rounded to the dtype) or a node. */
function operand(name: string, v: unknown, dtype: DType): number | Node {
  if (typeof v === "number" || typeof v === "bigint" || typeof v === "boolean") return roundTo(dtype, Number(v));
  return cast(nodeOf(`draw ${name}`, v as ArrayLike), dtype);
}
/** An operand spread over a shape; a TypeError if it does not broadcast. */
function spread(name: string, v: number | Node, shape: readonly number[], dtype: DType): Node {
  if (typeof v === "number") return full(v, shape, dtype);
  if (!same(broadcast(`draw ${name}`, v.shape, shape), shape)) {
    throw typeError(
      `Cannot draw ${name} numbers of shape [${shape.join(",")}] from operands of shape [${v.shape.join(",")}]`,
    );
  }
  return broadcastTo(v, shape);
}
/** The largest number below 1. */
const belowOne = (d: DType): number => d === "float16" ? 1 - 2 ** -11 : d === "bfloat16" ? 1 - 2 ** -8 : 1 - 2 ** -24;
/** The float32 below -1 in magnitude. */
const LOW = -(1 - 2 ** -24);

function uniformNode(
  name: string,
  low: number | Node,
  high: number | Node,
  shape: readonly number[],
  dtype: DType,
  k: () => Node,
): Node {
  const lo = low, hi = high;
  const ready = typeof lo === "number" && typeof hi === "number"
    ? null
    : [spread(name, lo, shape, dtype), spread(name, hi, shape, dtype)] as const;
  // Words that would round to 1 or more are bounded as what they are: whole numbers.
  const words = minimum.node(bitsNode(k(), shape), full(2 ** 32 * belowOne(dtype), shape, "uint32"));
  const unit = cast(mul(cast(words, "float32"), full(2 ** -32, shape, "float32")), dtype);
  if (ready !== null) return add(mul(sub(ready[1], ready[0]), unit), ready[0]);
  const a = lo as number,
    range = roundTo(dtype, (hi as number) - a),
    scaled = range === 1 ? unit : mul(like(range, unit), unit);
  return a === 0 ? scaled : add(scaled, like(a, unit));
}
/**
 * Uniform numbers in [low, high). Options: low (0), high (1), shape ([]; low and high broadcast to it), dtype (a floating one; float32), key.
 *
 * @example
 * ```ts
 * mx.random.uniform([2], { low: -1, key: mx.random.key(0) }); // array([-0.567409, 0.608248], dtype=float32)
 * ```
 */
export function uniform(...args: DrawTail<{ low: ArrayLike; high: ArrayLike }>): NDArray {
  const d = draw("uniform", args, 0, ["low", "high"]), o = d.options;
  floating("uniform", d.dtype);
  return wrap(
    uniformNode(
      "uniform",
      operand("uniform", o["low"] ?? 0, d.dtype),
      operand("uniform", o["high"] ?? 1, d.dtype),
      d.shape,
      d.dtype,
      () => keyOf("uniform", o["key"]),
    ),
  );
}
/**
 * Normal numbers of mean `loc` and deviation `scale`. Options: shape ([]), dtype (floating or complex64; float32), loc (0), scale (1), key.
 *
 * @example
 * ```ts
 * mx.random.normal([2, 3], { key: mx.random.key(0) }).shape; // [2, 3]
 * ```
 */
export function normal(...args: DrawTail<Moments>): NDArray {
  const d = draw("normal", args, 0, ["loc", "scale"]);
  return wrap(normalNode("normal", d));
}
function normalNode(name: string, d: Draw): Node {
  const o = d.options,
    k = (): Node => keyOf(name, o["key"]),
    given = (v: unknown): boolean => v !== undefined && v !== null;
  if (d.dtype === "complex64") {
    const both = erfinv.node(uniformNode(name, LOW, 1, [...d.shape, 2], "float32", k)), n = d.shape.length;
    const part = (i: number): Node =>
      reshape(
        slice(both, {
          starts: [...d.shape.map(() => 0), i],
          steps: new Array<number>(n + 1).fill(1),
          shape: [...d.shape, 1],
        }),
        d.shape,
      );
    let z = complexNode(part(0), part(1));
    const complexOperand = (v: unknown): Node =>
      isScalar(v)
        ? full(v, z.shape, "complex64")
        : spread(name, cast(nodeOf(name, v as ArrayLike), "complex64"), z.shape, "complex64");
    if (given(o["scale"])) z = mul(complexOperand(o["scale"]), z);
    return given(o["loc"]) ? add(complexOperand(o["loc"]), z) : z;
  }
  floating(name, d.dtype);
  const x = cast(erfinv.node(uniformNode(name, LOW, 1, d.shape, "float32", k)), d.dtype);
  return moved(
    name,
    x,
    given(o["scale"]) ? operand(name, o["scale"], d.dtype) : 1,
    given(o["loc"]) ? operand(name, o["loc"], d.dtype) : 0,
    Math.SQRT2,
  );
}
/** loc + (factor * scale) * x; loc and scale may make the shape larger. */
function moved(name: string, x: Node, scale: number | Node, loc: number | Node, factor: number): Node {
  const d = x.dtype, f = roundTo(d, factor);
  let out = x;
  if (typeof scale === "number") out = f * scale === 1 ? x : mul(like(roundTo(d, f * scale), x), x);
  else {
    const shape = broadcast(`draw ${name}`, scale.shape, x.shape), s = broadcastTo(scale, shape);
    out = mul(f === 1 ? s : mul(like(f, s), s), broadcastTo(x, shape));
  }
  if (typeof loc === "number") return loc === 0 ? out : add(like(loc, out), out);
  const shape = broadcast(`draw ${name}`, loc.shape, out.shape);
  return add(broadcastTo(loc, shape), broadcastTo(out, shape));
}
/**
 * Integers in [low, high). Options: shape ([]; low and high broadcast to it), dtype (int32; an integer one or bool), key.
 *
 * @example
 * ```ts
 * mx.random.randint(10, 0, [3]); // array([10, 10, 10], dtype=int32)
 * ```
 */
export function randint(low: ArrayLike, high: ArrayLike, ...args: DrawTail<object>): NDArray {
  const o = splitArgs("randint", [low, high, ...args], 2, ["shape", "dtype", "key"], ["shape", "dtype"]);
  const dtype = dtypeOf("draw randint", o["dtype"] ?? "int32"),
    shape = shapeOf("draw randint", (o["shape"] ?? []) as number[]);
  if (isInexact(dtype)) {
    throw typeError(`Cannot draw randint numbers of dtype ${dtype}: it must be an integer one or bool`);
  }
  const u = uniformNode(
    "randint",
    operand("randint", low, "float32"),
    operand("randint", high, "float32"),
    shape,
    "float32",
    () => keyOf("randint", o["key"]),
  );
  const bound = (v: ArrayLike, less: number): Node => {
    if (typeof v === "number" || typeof v === "bigint" || typeof v === "boolean") {
      return full(typeof v === "bigint" ? v - BigInt(less) : Math.trunc(Number(v)) - less, shape, dtype);
    }
    const n = nodeOf("draw randint", v);
    return spread("randint", cast(less === 0 ? n : sub(n, like(less, n)), dtype), shape, dtype);
  };
  // The bounds may not be exact in float32.
  return wrap(maximum.node(minimum.node(cast(floor.node(u), dtype), bound(high, 1)), bound(low, 0)));
}
/**
 * Bools that are true with probability p. Options: p (0.5; a number or a floating array), shape (that of p), key.
 *
 * @example
 * ```ts
 * mx.random.bernoulli({ p: 1, shape: [2] }); // array([True, True], dtype=bool)
 * ```
 */
export function bernoulli(
  ...args: Tail<[shape: ShapeLike], { p: ArrayLike; shape: ShapeLike; key: NDArray }>
): NDArray {
  const o = splitArgs("bernoulli", args, 0, ["p", "shape", "key"], ["shape"]), p = o["p"] ?? 0.5;
  const n = nodeOf("draw bernoulli", p as ArrayLike);
  if (!isFloating(n.dtype)) {
    throw typeError(`Cannot draw bernoulli numbers with p of dtype ${n.dtype}: it must be a floating one`);
  }
  const shape = o["shape"] === undefined || o["shape"] === null
    ? n.shape
    : shapeOf("draw bernoulli", o["shape"] as number[]);
  const t = promote(n.dtype, "float32"),
    v = typeof p === "number" ? full(p, shape, t) : spread("bernoulli", cast(n, t), shape, t);
  return wrap(compare("lt", cast(bitsNode(keyOf("bernoulli", o["key"]), shape), t), mul(v, like(2 ** 32 + 512, v))));
}
/** Normal numbers of mean 0 and deviation 1 within [lower, upper]. Options: shape (that of the bounds), dtype (a floating one; float32), key. */
export function truncatedNormal(lower: ArrayLike, upper: ArrayLike, ...args: DrawTail<object>): NDArray {
  const o = splitArgs("truncatedNormal", [lower, upper, ...args], 2, ["shape", "dtype", "key"], ["shape", "dtype"]);
  const dtype = dtypeOf("draw truncatedNormal", o["dtype"] ?? "float32");
  floating("truncatedNormal", dtype);
  const lo = cast(nodeOf("draw truncatedNormal", lower), dtype),
    hi = cast(nodeOf("draw truncatedNormal", upper), dtype);
  const shape = o["shape"] === undefined || o["shape"] === null
    ? broadcast("draw truncatedNormal", lo.shape, hi.shape)
    : shapeOf("draw truncatedNormal", o["shape"] as number[]);
  const edge = (n: Node): Node => erf.node(div(n, like(Math.SQRT2, n)));
  const u = uniformNode("truncatedNormal", edge(lo), edge(hi), shape, dtype, () => keyOf("truncatedNormal", o["key"]));
  const z = mul(like(Math.SQRT2, u), erfinv.node(u));
  return wrap(maximum.node(minimum.node(broadcastTo(hi, shape), z), broadcastTo(lo, shape)));
}
/**
 * Vectors of a normal distribution with the means and covariances (symmetric, positive semi-definite; the last one and two axes) of
 * two arrays, by the symmetric root of the covariance. Options: shape (broadcast with the other axes of both), dtype (a floating
 * one; float32), key. A TypeError if the lengths differ.
 *
 * @example
 * ```ts
 * mx.random.multivariateNormal(mx.array([1, 2]), mx.zeros([2, 2]), [3]); // array([[1, 2], [1, 2], [1, 2]], dtype=float32)
 * ```
 */
export function multivariateNormal(mean: ArrayLike, cov: ArrayLike, ...args: DrawTail<object>): NDArray {
  const name = "multivariateNormal", { dtype, shape, options } = draw(name, [mean, cov, ...args], 2, []);
  floating(name, dtype);
  const m = cast(nodeOf(name, mean), "float32"),
    c = cast(nodeOf(name, cov), "float32"),
    n = m.shape[m.shape.length - 1];
  if (n === undefined || c.shape.length < 2 || !same(c.shape.slice(-2), [n, n])) {
    throw typeError(
      `Cannot draw ${name} numbers of a mean of shape ${text(m.shape)} and a covariance of shape ${
        text(c.shape)
      }: they must end with [n] and [n,n]`,
    );
  }
  const batch = [shape, m.shape.slice(0, -1), c.shape.slice(0, -2)].reduce((a, b) => broadcast(`draw ${name}`, a, b)),
    whole = [...batch, n];
  const [u, s, vt] = svd(wrap(c)), root = matmul(multiply(u, expandDims(sqrt(s), -2)), vt);
  const z = wrap(normalNode(name, { shape: whole, dtype: "float32", options: { key: options["key"] } }));
  const moved = matmul(expandDims(z, -2), root).node;
  return wrap(cast(add(broadcastTo(m, whole), reshape(moved, whole)), dtype));
}
function gumbelNode(shape: readonly number[], dtype: DType, k: () => Node): Node {
  return neg(log.node(neg(log.node(uniformNode("gumbel", 0, 1, shape, dtype, k)))));
}
/** Numbers of the standard Gumbel distribution. Options: shape ([]), dtype (a floating one; float32), key. */
export function gumbel(...args: DrawTail<object>): NDArray {
  const d = draw("gumbel", args, 0, []);
  floating("gumbel", d.dtype);
  return wrap(gumbelNode(d.shape, d.dtype, () => keyOf("gumbel", d.options["key"])));
}
/** Numbers of the Laplace distribution. Options: shape ([]), dtype (a floating one; float32), loc (0), scale (1), key. */
export function laplace(...args: DrawTail<Moments>): NDArray {
  const d = draw("laplace", args, 0, ["loc", "scale"]), o = d.options;
  floating("laplace", d.dtype);
  const u = cast(
    uniformNode("laplace", LOW, 1, d.shape, "float32", () => keyOf("laplace", o["key"])),
    promote(d.dtype, "float32"),
  );
  const x = cast(mul(sign.node(u), log1p.node(neg(abs.node(u)))), d.dtype);
  return wrap(
    moved("laplace", x, operand("laplace", o["scale"] ?? 1, d.dtype), operand("laplace", o["loc"] ?? 0, d.dtype), 1),
  );
}
/** For each of n numbers the sum of those before it, by blocks of about sqrt(n). */
function before(w: Node): Node {
  const n = size(w.shape),
    len = Math.ceil(Math.sqrt(n)),
    rows = Math.ceil(n / len),
    whole = { starts: [0], steps: [1], shape: [n] };
  const padded = rows * len === n ? w : assemble([full(0, [rows * len], w.dtype), w], [null, whole], [rows * len]),
    grid = reshape(padded, [rows, len]);
  const prefix = (x: Node): Node => {
    const [a, b] = x.shape as [number, number], shape = [a, b, b], all = broadcastTo(reshape(x, [a, 1, b]), shape);
    return reduce("sum", select(compare("gt", iota(shape, 1, "int32"), iota(shape, 2, "int32")), all, like(0, all)), [
      2,
    ]);
  };
  const heads = reshape(prefix(reshape(reduce("sum", grid, [1]), [1, rows])), [rows, 1]);
  return slice(reshape(add(prefix(grid), broadcastTo(heads, [rows, len])), [rows * len]), whole);
}
/** Draws of one distribution by its cumulative sums, as MLX does: needs no memory for each pair of draw and logit. */
function inverseNode(logits: Node, shape: readonly number[], k: () => Node): Node {
  const x = cast(logits, promote(logits.dtype, "float32")), m = broadcastTo(reduce("max", x, [0]), x.shape);
  // An infinite maximum: its entries are equally likely.
  const w = select(isinf.node(m), cast(compare("eq", x, m), x.dtype), exp.node(sub(x, m)));
  const u = mul(
      cast(uniformNode("categorical", 0, 1, shape, "float32", k), x.dtype),
      broadcastTo(reduce("sum", w, [0]), shape),
    ),
    pairs = [...shape, size(x.shape)];
  const reached = compare("le", broadcastTo(before(w), pairs), broadcastTo(reshape(u, [...shape, 1]), pairs)),
    count = reduce("sum", cast(reached, "uint32"), [shape.length]);
  return sub(count, like(1, count));
}
/**
 * Indices along `axis` drawn with the probabilities softmax(logits): uint32. Options: axis (-1), shape (to which the other axes broadcast) or numSamples, key.
 *
 * @example
 * ```ts
 * mx.random.categorical(mx.array([-Infinity, 0])); // array(1, dtype=uint32)
 * ```
 */
export function categorical(
  logits: ArrayLike,
  ...args: Tail<[axis: number, shape: ShapeLike], CategoricalOptions>
): NDArray {
  const o = splitArgs("categorical", [logits, ...args], 1, ["numSamples", "key"], ["axis", "shape"]),
    x = nodeOf("draw categorical", logits);
  const axis = axisOf("draw categorical", (o["axis"] ?? -1) as number, x.shape.length),
    rest = x.shape.filter((_, d) => d !== axis);
  const given = o["shape"] === undefined || o["shape"] === null
      ? null
      : shapeOf("draw categorical", o["shape"] as number[]),
    num = o["numSamples"] ?? null;
  let z = x, shape: readonly number[] = rest;
  if (num !== null) {
    if (given !== null) throw rangeError("Cannot draw categorical with both shape and numSamples");
    z = reshape(x, [...x.shape, 1]);
    shape = [...rest, ...shapeOf("draw categorical", integer("draw categorical", "numSamples", num))];
  } else if (given !== null) {
    if (!same(broadcast("draw categorical", given, rest), given)) {
      throw typeError(
        `Cannot draw categorical numbers of shape [${given.join(",")}] from logits of shape [${
          x.shape.join(",")
        }] along axis ${axis}`,
      );
    }
    shape = given;
  }
  if (shape.length > 0 && size(z.shape) === z.shape[axis] && size(z.shape) > 0) {
    return wrap(inverseNode(reshape(z, [size(z.shape)]), shape, () => keyOf("categorical", o["key"])));
  }
  const at = axis + shape.length - z.shape.length + 1, whole = [...shape];
  whole.splice(at, 0, z.shape[axis] as number);
  const t = promote(z.dtype, "float32"),
    g = cast(gumbelNode(whole, "float32", () => keyOf("categorical", o["key"])), t);
  return wrap(reduce("argmax", add(g, broadcastTo(cast(z, t), whole)), [at]));
}
/**
 * A random order: of 0..x-1 (uint32) if x is a number, else of the slices of an array along `axis`. Options: axis (0), key.
 *
 * @example
 * ```ts
 * mx.sort(mx.random.permutation(4)); // array([0, 1, 2, 3], dtype=uint32)
 * ```
 */
export function permutation(
  x: number | NDArray,
  ...args: Tail<[axis: number], { axis: number; key: NDArray }>
): NDArray {
  const o = splitArgs("permutation", [x, ...args], 1, ["axis", "key"], ["axis"]);
  const order = (n: number): Node =>
    argsortNode(bitsNode(keyOf("permutation", o["key"]), shapeOf("draw permutation", [n])), 0);
  if (typeof x === "number") return wrap(order(x));
  const n = nodeOf("draw permutation", x),
    axis = axisOf("draw permutation", (o["axis"] ?? 0) as number, n.shape.length);
  const source = n.shape.map((_, d) =>
    d === axis ? { from: "index" as const, which: 0 } : { from: "out" as const, axis: d }
  );
  return wrap(gather(n, [order(n.shape[axis] as number)], { shape: n.shape, source, indexAxes: [axis] }));
}
