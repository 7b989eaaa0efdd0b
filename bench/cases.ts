// The cases of the benchmark on sinter: a builder takes a case's params and gives one run, and the values to check.
import * as mx from "../mod.ts";
import { type A, arr, features, get, ints, type Params, u, uniform } from "./inputs.ts";
import { gelu, layernorm, mlp, type Training, transformer } from "./training.ts";

/** `run` does one iteration and waits for its values; `out` gives them, to be checked at small sizes. */
export interface Ready {
  readonly run: () => void;
  readonly out: () => ArrayLike<number>[];
}
export type Builder = (p: Params) => Ready;

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

function softmax(_: Params, x: A): A {
  const e = mx.exp(x.sub(x.max(-1, { keepdims: true })));
  return e.div(e.sum(-1, { keepdims: true }));
}
function logsumexp(_: Params, x: A): A {
  const m = x.max(-1, { keepdims: true });
  return mx.log(mx.exp(x.sub(m)).sum(-1)).add(mx.squeeze(m, -1));
}
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
const trained = (make: (p: Params) => Training): Builder => (p) => {
  const { run, losses } = make(p);
  return {
    run,
    out() {
      while (losses.length < 3) run();
      return [losses.map((l) => l.item() as number)];
    },
  };
};
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
  gelu_tanh: simple((p) => [uniform([get(p, "n")], 1, 3)], (_, x) => gelu(x)),
  sum_all: simple(mat, (_, x) => x.sum()),
  mean_all: simple(mat, (_, x) => x.mean()),
  var_all: simple(mat, (_, x) => x.var()),
  sum_axis0: simple(mat, (_, x) => x.sum(0)),
  sum_axis1: simple(mat, (_, x) => x.sum(1)),
  softmax: simple(rows4, softmax),
  layernorm: simple(
    (p) => [...mat(p), uniform([get(p, "n")], 2), uniform([get(p, "n")], 3)],
    (_, x, g, b) => layernorm(x, g, b),
  ),
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
  mlp_train: trained(mlp),
  transformer_train: trained(transformer),
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
