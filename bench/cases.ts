// The cases of the benchmark on sinter: a builder takes a case's params and gives one run, and the values to check.
// Inputs are those of the peers: a counter hash, the same bits in every language.
import * as mx from "../mod.ts";

/** Sizes of a case, by name. */
export type Params = Readonly<Record<string, number>>;
/** `run` does one iteration and waits for its values; `out` gives them, to be checked at small sizes. */
export interface Ready {
  readonly run: () => void;
  readonly out: () => ArrayLike<number>[];
}
export type Builder = (p: Params) => Ready;
type A = mx.NDArray;

// ---- inputs -----------------------------------------------------------------------------------------------------------
const get = (p: Params, name: string): number => {
  const v = p[name];
  if (v === undefined) throw new Error(`The case has no parameter ${name}`);
  return v;
};
/** Uniform in [-1, 1): murmur3's finaliser over a counter. */
export function u(n: number, seed: number): Float32Array {
  const y = new Float32Array(n), s = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < n; i++) {
    let h = (i + s) | 0;
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
    y[i] = (h >>> 8) * 2 ** -23 - 1;
  }
  return y;
}
const ints = (n: number, mod: number, seed: number): Int32Array =>
  Int32Array.from(u(n, seed), (v) => Math.min(Math.trunc((v + 1) / 2 * mod), mod - 1));
/** Correlated columns: noise and 0.7 times one of ten shared columns. */
function features(rows: number, d: number, seed: number): Float32Array {
  const a = u(rows * d, seed), b = u(rows * 10, seed + 1);
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < d; j++, k++) a[k] = (a[k] as number) + 0.7 * (b[i * 10 + j % 10] as number);
  }
  return a;
}
const arr = (data: Float32Array | Int32Array, ...shape: number[]): A =>
  mx.array(data, { shape: shape.length > 0 ? shape : [data.length] });
const uniform = (shape: number[], seed: number, scale = 1): A =>
  arr(u(shape.reduce((a, b) => a * b, 1), seed).map((v) => v * scale), ...shape);
const mat = (p: Params): A[] => [uniform([get(p, "m"), get(p, "n")], 1)];
const rows4 = (p: Params): A[] => [uniform([get(p, "m"), get(p, "n")], 1, 4)];
const vec = (p: Params): A[] => [uniform([get(p, "n")], 1)];
const feat = (p: Params): A => arr(features(get(p, "rows"), get(p, "d"), 1), get(p, "rows"), get(p, "d"));
const square = (n: number, seed: number): A => uniform([n, n], seed);
const eye = (n: number, scale: number): A => mx.eye(n).mul(scale);

// ---- builders ---------------------------------------------------------------------------------------------------------
type Result = A | readonly A[];
const listOf = (y: Result): readonly A[] => y instanceof mx.NDArray ? [y] : y;
/** One function of fixed inputs; the last result is disposed of when the next one is there, as reference counts would. */
function simple(
  inputs: (p: Params) => A[],
  f: (p: Params, ...xs: A[]) => Result,
  out: (y: readonly A[]) => readonly A[] = (y) => y,
): Builder {
  return (p) => {
    const args = inputs(p);
    mx.eval(args);
    let last: readonly A[] = [];
    return {
      run() {
        const y = listOf(f(p, ...args));
        mx.eval(y);
        for (const a of last) a.dispose();
        last = y;
      },
      out: () => out(last).map((a) => a.astype(mx.float32).data() as Float32Array),
    };
  };
}
const first = (y: readonly A[]): readonly A[] => [y[0] as A];

function layernorm(_: Params, x: A, g: A, b: A): A {
  const c = x.sub(x.mean(-1, { keepdims: true }));
  return c.mul(mx.rsqrt(mx.mean(mx.square(c), -1, { keepdims: true }).add(1e-5))).mul(g).add(b);
}
function softmax(_: Params, x: A): A {
  const e = mx.exp(x.sub(x.max(-1, { keepdims: true })));
  return e.div(e.sum(-1, { keepdims: true }));
}
function logsumexp(_: Params, x: A): A {
  const m = x.max(-1, { keepdims: true });
  return mx.log(mx.exp(x.sub(m)).sum(-1)).add(mx.squeeze(m, -1));
}
export const gelu = (_: Params, x: A): A =>
  x.mul(0.5).mul(mx.tanh(x.add(x.mul(x).mul(x).mul(0.044715)).mul(0.7978845608)).add(1));
function pca(p: Params, x: A): A[] {
  const z = x.sub(x.mean(0)).div(mx.sqrt(x.var(0)));
  return mx.linalg.eigh(z.T.matmul(z).div(get(p, "rows") - 1));
}
function corr(_: Params, x: A): A {
  const c = x.sub(x.mean(0)), k = c.T.matmul(c), s = mx.sqrt(mx.diag(k));
  return k.div(mx.outer(s, s));
}
function kmeans(_: Params, x: A, c: A): A {
  return mx.argmin(mx.square(x).sum(1, { keepdims: true }).sub(x.matmul(c.T).mul(2)).add(mx.square(c).sum(1)), 1);
}
function logreg(_: Params, x: A, y: A, w: A, b: A): A[] {
  const loss = (w: A, b: A): A => {
    const z = x.matmul(w).add(b);
    return mx.mean(mx.logaddexp(0, z).sub(y.mul(z)));
  };
  const [l, [gw, gb]] = mx.valueAndGrad(loss, { argnums: [0, 1] })(w, b) as unknown as [A, [A, A]];
  return [l, gw, gb];
}
/** The MLP: parameters [w1, b1, w2, b2, w3, b3], and one step of Adam with bias correction, written by hand. */
export function mlpStep(p: Params): { step: () => A[]; readonly losses: A[] } {
  const dims = ["in", "h", "h", "out"].map((k) => get(p, k)), b = get(p, "batch");
  let ps = [0, 1, 2].flatMap((i) => {
    const shape = [dims[i] as number, dims[i + 1] as number];
    return [uniform(shape, 10 + i, Math.fround((dims[i] as number) ** -0.5)), mx.zeros([shape[1] as number])];
  });
  const x = uniform([b, get(p, "in")], 1),
    y = arr(Int32Array.from({ length: b }, (_, i) => i * 7 % get(p, "out")), b, 1);
  let m = ps.map((a) => mx.zeros(a.shape)), v = ps.map((a) => mx.zeros(a.shape)), t = 0;
  mx.eval(ps, x, y, m, v);
  const loss = (ps: A[]): A => {
    let h = x;
    for (let i = 0; i < 3; i++) {
      h = h.matmul(ps[2 * i] as A).add(ps[2 * i + 1] as A);
      if (i < 2) h = mx.maximum(h, 0);
    }
    return mx.mean(mx.logsumexp(h, -1).sub(mx.squeeze(mx.takeAlongAxis(h, y, -1), -1)));
  };
  const vg = mx.valueAndGrad(loss), losses: A[] = [];
  return {
    losses,
    step() {
      const [l, g] = vg(ps) as unknown as [A, A[]], old = [ps, m, v].flat();
      t++;
      const c1 = 1 / (1 - 0.9 ** t), c2 = 1 / (1 - 0.999 ** t);
      m = m.map((a, i) => a.mul(0.9).add((g[i] as A).mul(0.1)));
      v = v.map((a, i) => a.mul(0.999).add(mx.square(g[i] as A).mul(0.001)));
      ps = ps.map((a, i) => a.sub((m[i] as A).mul(c1).mul(1e-3).div(mx.sqrt((v[i] as A).mul(c2)).add(1e-8))));
      if (losses.length < 3) losses.push(l);
      const all = [l, ...ps, ...m, ...v];
      pending.push(...old, ...g);
      return all;
    },
  };
}
/** What the last step replaced; disposed of once the step was evaluated. */
export const pending: A[] = [];
function mlp(p: Params): Ready {
  const s = mlpStep(p),
    run = (): void => {
      mx.eval(s.step());
      for (const a of pending.splice(0)) a.dispose();
    };
  return {
    run,
    out() {
      while (s.losses.length < 3) run();
      return [s.losses.map((l) => l.item() as number)];
    },
  };
}
function smallop(each: boolean): Builder {
  return simple((p) => [uniform([get(p, "n")], 1), uniform([get(p, "n")], 2)], (p, a, b) => {
    let y = a;
    for (let i = 0; i < get(p, "ops"); i++) {
      y = y.add(b);
      if (each) mx.eval(y);
    }
    return y;
  });
}
const stats = (y: readonly A[]): readonly A[] => {
  const x = y[0] as A;
  return [mx.stack([mx.mean(mx.abs(x)), mx.std(x)])];
};

/** Every case, by the name that cases.json gives it. */
export const cases: Readonly<Record<string, Builder>> = {
  ew_chain: simple(vec, (_, x) => x.mul(2).add(5).div(3)),
  gelu_tanh: simple((p) => [uniform([get(p, "n")], 1, 3)], gelu),
  sum_all: simple(mat, (_, x) => x.sum()),
  mean_all: simple(mat, (_, x) => x.mean()),
  var_all: simple(mat, (_, x) => x.var()),
  sum_axis0: simple(mat, (_, x) => x.sum(0)),
  sum_axis1: simple(mat, (_, x) => x.sum(1)),
  softmax: simple(rows4, softmax),
  layernorm: simple((p) => [...mat(p), uniform([get(p, "n")], 2), uniform([get(p, "n")], 3)], layernorm),
  logsumexp: simple(rows4, logsumexp),
  matmul: simple(
    (p) => [uniform([get(p, "m"), get(p, "k")], 1), uniform([get(p, "k"), get(p, "n")], 2)],
    (_, a, b) => a.matmul(b),
  ),
  gemv: simple((p) => [uniform([1, get(p, "k")], 1), uniform([get(p, "k"), get(p, "n")], 2)], (_, a, b) => a.matmul(b)),
  bmm: simple((p) => [1, 2].map((s) => uniform([get(p, "b"), get(p, "n"), get(p, "n")], s)), (_, a, b) => a.matmul(b)),
  gather_rows: simple(
    (p) => [uniform([get(p, "rows"), get(p, "d")], 1), arr(ints(get(p, "n"), get(p, "rows"), 2))],
    (_, t, i) => mx.take(t, i, 0),
  ),
  scatter_add: simple(
    (p) => [arr(ints(get(p, "n"), get(p, "rows"), 2)), uniform([get(p, "n"), get(p, "d")], 1)],
    (p, i, up) => mx.zeros([get(p, "rows"), get(p, "d")]).at(i).add(up),
  ),
  transpose_copy: simple(mat, (_, x) => mx.contiguous(x.T)),
  svd_thin: simple(mat, (_, x) => mx.linalg.svd(x), (y) => [y[1] as A]),
  eigh: simple(
    (p) => {
      const a = square(get(p, "n"), 1);
      return [a.add(a.T).mul(0.5)];
    },
    (_, x) => mx.linalg.eigh(x),
    first,
  ),
  solve: simple(
    (
      p,
    ) => [
      square(get(p, "n"), 1).add(eye(get(p, "n"), Math.fround(2 * Math.sqrt(get(p, "n"))))),
      uniform([get(p, "n"), get(p, "r")], 2),
    ],
    (_, a, b) => mx.linalg.solve(a, b),
  ),
  qr: simple(mat, (_, x) => mx.linalg.qr(x), (y) => [mx.abs(mx.diag(y[1] as A))]),
  cholesky: simple((p) => {
    const a = square(get(p, "n"), 1);
    return [a.matmul(a.T).div(get(p, "n")).add(eye(get(p, "n"), 1))];
  }, (_, x) => mx.linalg.cholesky(x)),
  random_normal: simple(() => [mx.random.key(0)], (p, key) => mx.random.normal([get(p, "n")], { key }), stats),
  mlp_train: mlp,
  smallop_end: smallop(false),
  smallop_each: smallop(true),
  pca: simple((p) => [feat(p)], pca, first),
  corr: simple((p) => [feat(p)], corr),
  kmeans_assign: simple((p) => [feat(p), uniform([get(p, "k"), get(p, "d")], 3)], kmeans),
  logreg_grad: simple(
    (
      p,
    ) => [
      feat(p),
      arr(u(get(p, "rows"), 3).map((v) => v > 0 ? 1 : 0)),
      uniform([get(p, "d")], 4, Math.fround(0.1)),
      mx.array(0.1),
    ],
    logreg,
  ),
};
