// Derivatives of control flow against difference quotients in float64, to second order, and composed with batches and compile: over every differentiable function, and over random bodies.
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { topological } from "../../src/core/node.ts";
import { cases } from "./gradient_checks.ts";
import { bytesOf, numbersOf, Random } from "./random_graph.ts";

type Fn = (...x: NDArray[]) => NDArray;
/** A scalar function with control flow in it, at values of its arguments. */
interface Program {
  readonly name: string;
  readonly f: Fn;
  readonly at: readonly NDArray[];
  readonly tolerance: number;
  /** Its passes are not known, so that gradients go forwards only. */
  readonly forwards?: boolean;
  /** Only what takes a pass or two. */
  readonly briefly?: boolean;
}
const real = (values: readonly number[], shape: readonly number[]): NDArray =>
  mx.array(Float64Array.from(values), "float64").reshape([...shape]);
const random = (r: Random, shape: readonly number[], lo = -1, hi = 1): NDArray =>
  real(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => lo + r.next() * (hi - lo)), shape);
const dot = (a: NDArray, b: NDArray): NDArray => mx.sum(mx.multiply(a, b));
const total = (list: readonly NDArray[]): NDArray => list.reduce((a, b) => mx.add(a, b));
const one = (): NDArray => real([1], []);

/** The derivative of what `run` gives along a direction, by the five-point stencil. */
function differences(
  run: (...x: NDArray[]) => readonly NDArray[],
  at: readonly NDArray[],
  along: readonly NDArray[],
): NDArray[] {
  const h = 5e-4,
    [a, b, c, d] = [-2, -1, 1, 2].map((k) =>
      run(...at.map((x, j) => mx.add(x, mx.multiply(along[j] as NDArray, k * h))))
    );
  return (a as NDArray[]).map((_, i) => {
    const [p, q, s, t] = [a, b, c, d].map((list) => list?.[i]) as [NDArray, NDArray, NDArray, NDArray];
    return mx.divide(mx.add(mx.subtract(p, t), mx.multiply(mx.subtract(s, q), 8)), 12 * h);
  });
}
/** Lists that must agree, evaluated together. */
class Pairs {
  readonly #list: { readonly what: string; readonly got: NDArray; readonly want: NDArray; readonly far: number }[] = [];
  add(what: string, got: readonly NDArray[], want: readonly NDArray[], far: number): void {
    got.forEach((g, k) => this.#list.push({ what: `${what} ${k}`, got: g, want: want[k] as NDArray, far }));
  }
  check(): string | null {
    mx.eval(this.#list.flatMap((p) => [p.got, p.want]));
    for (const { what, got, want, far } of this.#list) {
      if (String(got.shape) !== String(want.shape)) return `${what}: shape [${got.shape}], not [${want.shape}]`;
      const [a, b] = [got, want].map((x) => numbersOf("float64", bytesOf(x))) as [number[], number[]];
      const scale = b.reduce((m, x) => Math.max(m, Math.abs(x)), 1);
      const i = b.findIndex((x, k) => !(Math.abs(x - (a[k] as number)) <= far * scale));
      if (i >= 0) return `${what}, element ${i}: ${a[i]}, not ${b[i]}`;
    }
    return null;
  }
}
/** What is wrong with the derivatives of a program; null if nothing. */
export function controlGradientDifference({ name, f, at, tolerance, ...how }: Program): string | null {
  // float64 is the CPU's.
  using _ = mx.stream(mx.cpu);
  const r = new Random(name.length * 31 + at.length), us = at.map((x) => random(r, x.shape)), count = 3;
  const pairs = new Pairs(),
    same = (what: string, got: readonly NDArray[], want: readonly NDArray[], far = tolerance) =>
      pairs.add(what, got, want, far);
  const jvp = (g: (...x: NDArray[]) => NDArray[]) => (...x: NDArray[]): NDArray[] => mx.jvp(g, x, us)[1];
  const first = jvp((...x) => [f(...x)]), slope = differences((...x) => [f(...x)], at, us);
  same("jvp", first(...at), slope);
  same("the value beside its tangent", mx.jvp((...x) => [f(...x)], at, us)[0], [f(...at)], 0);
  // Examples differ in some arguments.
  const mapped = at.map((_, j) => j === 0 || r.chance(0.5)), inAxes = mapped.map((m) => m ? 0 : null);
  const examples = Array.from(
    { length: count },
    (_, k) => at.map((x, j) => mapped[j] ? mx.multiply(x, 1 + 0.002 * k) : x),
  );
  const whole = at.map((x, j) => mapped[j] ? mx.stack(examples.map((e) => e[j] as NDArray)) : x);
  const loop = (g: (...x: NDArray[]) => NDArray[]): NDArray[] => {
    const each = examples.map((e) => g(...e));
    return (each[0] as NDArray[]).map((_, i) => mx.stack(each.map((list) => list[i] as NDArray)));
  };
  if (how.briefly !== true) {
    same("jvp of jvp", jvp(first)(...at), differences(first, at, us));
    same("vmap of jvp", mx.vmap(first, { inAxes })(...whole), loop(first), 1e-9);
  }
  if (how.forwards !== true) {
    const gradients = (...x: NDArray[]): NDArray[] => mx.vjp(f, x, [one()])[1], found = gradients(...at);
    const second = differences(gradients, at, us);
    same("gradient", [total(found.map((g, j) => dot(g, us[j] as NDArray)))], slope);
    same("jvp of gradient", jvp(gradients)(...at), second);
    same("vmap of gradient", mx.vmap(gradients, { inAxes })(...whole), loop(gradients), 1e-9);
    if (how.briefly === true) return pairs.check();
    same("the same compiled", mx.compile(jvp(gradients))(...at), second);
    same("gradient of jvp", mx.vjp((...x) => first(...x)[0] as NDArray, at, [one()])[1], second);
    same(
      "gradient of gradient",
      mx.vjp((...x) => total(gradients(...x).map((g, j) => dot(g, us[j] as NDArray))), at, [one()])[1],
      second,
    );
    const hessian = mx.hessian((x: NDArray) => f(x, ...at.slice(1)))(at[0] as NDArray) as NDArray,
      [u] = us as [NDArray];
    const along = mx.sum(mx.multiply(hessian, u), Array.from({ length: u.ndim }, (_, i) => i + u.ndim));
    const only = [u, ...us.slice(1).map((x) => mx.zerosLike(x))];
    same("hessian", [along], differences((...x) => [gradients(...x)[0] as NDArray], at, only));
    const sums = mx.vjp((...x) => mx.sum(mx.vmap(f, { inAxes })(...x)), whole, [one()])[1];
    same("gradient of vmap", sums, loop(gradients).map((g, j) => mapped[j] ? g : mx.sum(g, 0)), 1e-9);
  }
  return pairs.check();
}

const reached = new Set<string>();
/** True of functions that reach an op that those before did not. */
function reaches(f: Fn, at: readonly NDArray[]): boolean {
  const before = reached.size;
  for (const n of topological([f(...at).node], (x) => x.buf !== null)) reached.add(n.op.name);
  return reached.size > before;
}
/**
 * Every differentiable op in the step of a scan: a function's first argument follows what is carried, its last one (of several)
 * is walked, the others are captured; in the branches of a `cond`, and under a checkpoint.
 */
export const controlled: readonly Program[] = cases.flatMap((c, index) => {
  const r = new Random(index + 1), [lo, hi] = c.domain, count = c.shapes.length;
  const at = c.shapes.map((shape, j) => c.at?.[j] ? real(c.at[j], shape) : random(r, shape, lo, hi));
  if (c.once || !reaches(c.f, at)) return [];
  const ws = random(r, [3, ...c.f(...at).shape]), branches = index % 3 === 1, checkpoint = index % 2 === 1;
  const f: Fn = (...x) => {
    const last = x[count - 1] as NDArray, factors = real([1, 1.01, 0.99], [3, ...last.shape.map(() => 1)]);
    const step = (carry: NDArray, [w, walked]: NDArray[]): [NDArray, NDArray] => {
      const own = [...x.slice(0, -1), count > 1 ? walked as NDArray : x[0] as NDArray];
      own[0] = mx.multiply(own[0] as NDArray, mx.add(1, mx.multiply(carry, 0.01)));
      const given = mx.sum(w as NDArray).gt(0);
      const y = branches
        ? mx.cond(given, (...a: NDArray[]) => c.f(...a), (...a: NDArray[]) => mx.multiply(c.f(...a), carry), ...own)
        : c.f(...own);
      const s = dot(y, w as NDArray);
      return [mx.tanh(mx.add(mx.multiply(carry, 0.5), s)), mx.multiply(s, carry)];
    };
    const [end, ys] = mx.scan(step, real([0.4], []), [ws, mx.multiply(last, factors)], {
      checkpoint,
      reverse: index % 4 > 1,
    });
    return mx.add(end, mx.sum(ys));
  };
  return [{ name: c.name, f, at, tolerance: (c.tolerance ?? 1e-7) * 10, briefly: true }];
});

// ---- random bodies ----------------------------------------------------------------------------------------------------
/** A value in a shape, whatever its own. */
function fitted(r: Random, x: NDArray, shape: readonly number[]): NDArray {
  return String(x.shape) === String(shape) ? x : mx.multiply(mx.tanh(mx.mean(x)), random(r, shape));
}
const UNARY: readonly ((x: NDArray) => NDArray)[] = [
  mx.sin,
  mx.tanh,
  mx.sigmoid,
  mx.erf,
  (x) => mx.exp(mx.multiply(mx.tanh(x), 0.7)),
  (x) => mx.log(mx.add(mx.square(x), 1)),
  (x) => mx.sqrt(mx.add(mx.square(x), 0.5)),
  (x) => mx.sum(x, { axis: -1, keepdims: true }),
  (x) => mx.logsumexp(x, -1),
  (x) => mx.softmax(x, 0),
  (x) => mx.cumsum(mx.multiply(x, 0.5), 0),
  (x) => mx.cumprod(mx.tanh(x), 0),
  (x) => mx.transpose(x),
  (x) => mx.flatten(x),
  (x) => mx.concatenate([x, mx.sin(x)], 0),
  (x) => mx.get(x, "1:"),
  (x) => mx.take(x, mx.array([0, 1, 0], "int32"), 0),
  (x) => x.at(mx.array([0, 0], "int32")).add(mx.tanh(mx.get(x, ":2"))),
  (x) => mx.stack([mx.get(x, 0), mx.get(x, -1)]),
  (x) => mx.outer(mx.flatten(x), mx.get(mx.tanh(mx.flatten(x)), ":2")),
];
const BINARY: readonly ((x: NDArray, y: NDArray) => NDArray)[] = [
  mx.add,
  mx.subtract,
  mx.multiply,
  (x, y) => mx.divide(x, mx.add(mx.square(y), 1)),
  (x, y) => mx.arctan2(x, mx.add(mx.square(y), 1)),
  (x, y) => mx.where(mx.array(true), x, y),
];
/** Values made of others by random steps, control flow among them; alike whenever it is called with an equal generator and shapes. */
function grown(r: Random, given: readonly NDArray[], steps: number, depth: number): NDArray[] {
  const pool = [...given];
  for (let k = 0; k < steps; k++) {
    const x = r.pick(pool), y = r.pick(pool), seed = r.int(0, 1e6), choice = r.int(0, depth > 0 ? 14 : 6);
    const inner = (over: readonly NDArray[], shape: readonly number[]): NDArray => {
      const own = new Random(seed), made = grown(own, over, 2, depth - 1);
      return fitted(own, made[made.length - 1] as NDArray, shape);
    };
    if (choice < 3 && x.ndim > 0 && x.size > 2) pool.push(r.pick(UNARY)(x));
    else if (choice < 5) pool.push(r.pick(BINARY)(x, fitted(new Random(seed), y, x.shape)));
    else if (choice === 5) pool.push(mx.tanh(mx.matmul(mx.reshape(x, [1, -1]), mx.reshape(mx.sin(x), [-1, 1]))));
    else if (choice === 6) pool.push(r.pick(UNARY.slice(0, 7))(x));
    else if (choice === 7) pool.push(mx.checkpoint((a: NDArray) => inner([a, y], x.shape))(x));
    else if (choice === 8) {
      pool.push(
        mx.cond(mx.sum(y).gt(0.1), (a: NDArray) => inner([a, y], x.shape), (a: NDArray) => mx.sin(a).mul(y.mean()), x),
      );
    } else if (choice === 9) pool.push(loop(new Random(seed), [x, y], depth - 1)[0] as NDArray);
    else if (choice === 10) pool.push(mx.compile((a: NDArray, b: NDArray) => inner([a, b], x.shape))(x, y));
    else if (choice === 11) pool.push(mx.grad((a: NDArray) => inner([a, y], []))(x));
    else if (choice === 12) {
      pool.push(mx.jvp((a) => inner([a as NDArray, y], x.shape), [x], [mx.cos(x)])[1][0] as NDArray);
    } else if (choice === 13 && x.ndim > 0) {
      pool.push(mx.vmap((a: NDArray) => inner([a, y], a.shape), { inAxes: x.ndim - 1, outAxes: -1 })(x));
    } else {
      const f = (a: NDArray, b: NDArray): NDArray => inner([a, b], x.shape), own = mx.customFunction(f);
      const back = (a: NDArray, b: NDArray, ct: NDArray): NDArray[] =>
        mx.vjp((a, b) => f(a as NDArray, b as NDArray), [a, b], [ct])[1];
      const rule = seed % 2 === 0 ? back : mx.checkpoint(back);
      own.vjp(([a, b], ct) => rule(a, b, ct) as [NDArray, NDArray]);
      pool.push(own(x, y));
    }
    // What grows without bound, in numbers or in size, would say little.
    const last = pool.pop() as NDArray;
    pool.push(mx.multiply(mx.tanh(last.size > 40 ? mx.mean(last) : last), 1.2));
  }
  return pool;
}
/** A scan with a random step: it carries one or two arrays and a counter, walks one or none, captures the rest. */
function loop(r: Random, [x, y, ...rest]: readonly NDArray[], depth: number): NDArray[] {
  const length = r.int(1, 4), two = r.chance(0.5), walks = r.chance(0.7), seed = r.int(0, 1e6), steps = r.int(2, 6);
  const [a, b] = [x as NDArray, y as NDArray], factors = random(r, [length, ...b.shape.map(() => 1)], 0.5, 1.5);
  const [carry, ys] = mx.scan(
    ([c, n, d]: NDArray[], [z]: NDArray[]) => {
      const own = new Random(seed), over = [c as NDArray, ...(d ? [d] : []), ...(z ? [z] : [b]), ...rest];
      const made = grown(own, [...over, mx.multiply(mx.tanh(c as NDArray), n as NDArray)], steps, depth);
      const next = fitted(own, own.pick(made.slice(-2)), (c as NDArray).shape);
      const other = fitted(own, own.pick(made), a.shape);
      return [[next, mx.add(n as NDArray, 1), ...(d ? [own.chance(0.3) ? c as NDArray : other] : [])], made.slice(-2)];
    },
    [a, mx.array(0, "int32"), ...(two ? [mx.sin(a)] : [])],
    walks ? [mx.multiply(b, factors)] : [],
    { length, reverse: r.chance(0.5), checkpoint: r.chance(0.4) },
  );
  return [carry[0] as NDArray, ...(carry[2] ? [carry[2]] : []), ...(r.chance(0.8) ? ys : ys.slice(1))];
}
const SHAPES = [[], [2], [3], [2, 3], [3, 2]];
/** A random scan, with loops, branches and checkpoints inside. */
export function randomControl(seed: number): Program {
  const r = new Random(seed), count = r.int(2, 4), at = Array.from({ length: count }, () => random(r, r.pick(SHAPES)));
  const f: Fn = (...x) => {
    const own = new Random(seed + 1), outs = loop(own, x, seed % 3);
    return total(outs.map((o) => dot(o, random(own, o.shape))));
  };
  return { name: `seed ${seed}`, f, at, tolerance: 1e-6 };
}
/** A random loop of unknown length. */
export function randomWhile(seed: number): Program {
  const r = new Random(seed), at = Array.from({ length: 3 }, () => random(r, r.pick(SHAPES))), passes = r.int(0, 4);
  const f: Fn = (x, y, z) => {
    const [end] = mx.whileLoop(
      ([, n]) => mx.less(n as NDArray, passes),
      ([c, n]) => {
        const own = new Random(seed + 1), made = grown(own, [c, y, z] as NDArray[], 4, seed % 3);
        return [fitted(own, made[made.length - 1] as NDArray, (x as NDArray).shape), mx.add(n as NDArray, 1)];
      },
      [x as NDArray, mx.array(0, "int32")],
    ) as [NDArray, NDArray];
    return dot(end, random(new Random(seed), end.shape));
  };
  return { name: `seed ${seed}`, f, at, tolerance: 1e-6, forwards: true };
}
