// The training steps of the benchmark, from plain ops: an MLP and a small decoder-only transformer, with AdamW written by hand.
import * as mx from "../mod.ts";
import { type A, arr, get, ints, type Params, uniform } from "./inputs.ts";

const { treeFlatten, treeMap } = mx.utils;
const leaves = (tree: unknown): A[] => treeFlatten(tree).map(([, a]) => a);

/** Settings of AdamW; with a decay of 0, of Adam. */
interface Settings {
  readonly rate: number;
  readonly b1: number;
  readonly b2: number;
  readonly decay: number;
}
/** Parameters, their running first and second moments, and how many steps there were. */
interface State<P> {
  readonly params: P;
  readonly m: P;
  readonly v: P;
  readonly t: A;
}
export interface Training {
  /** Records one step anew and gives its loss and the next state, nothing of it evaluated. */
  readonly step: () => A[];
  /** One step of the compiled function, waited for. */
  readonly run: () => void;
  /** The same, started. */
  readonly start: () => void;
  /** The losses of the first three steps. */
  readonly losses: A[];
}

/** What the last recorded step replaced; disposed of once the step was evaluated. */
export const pending: A[] = [];

function training<P>(params: P, loss: (params: P) => A, { rate, b1, b2, decay }: Settings): Training {
  const valueAndGrad = mx.valueAndGrad(loss), losses: A[] = [];
  const map = (f: (...xs: A[]) => A, tree: P, ...rest: P[]): P => treeMap(f, tree, ...rest) as P;
  const update = (s: State<P>): [A, State<P>] => {
    const [l, g] = valueAndGrad(s.params) as unknown as [A, P], t = s.t.add(1);
    const c1 = mx.divide(1, mx.subtract(1, mx.power(b1, t))), c2 = mx.divide(1, mx.subtract(1, mx.power(b2, t)));
    const m = map((m, g) => m.mul(b1).add(g.mul(1 - b1)), s.m, g),
      v = map((v, g) => v.mul(b2).add(mx.square(g).mul(1 - b2)), s.v, g);
    const moved = map(
      (p, m, v) =>
        (decay === 0 ? p : p.mul(1 - rate * decay)).sub(m.mul(c1).mul(rate).div(mx.sqrt(v.mul(c2)).add(1e-8))),
      s.params,
      m,
      v,
    );
    return [l, { params: moved, m, v, t }];
  };
  const compiled = mx.compile(update, { donate: true }), zeros = (): P => map((a) => mx.zeros(a.shape), params);
  let state: State<P> = { params, m: zeros(), v: zeros(), t: mx.array(0) };
  mx.eval(leaves(state));
  const advance = (f: typeof update): A[] => {
    const [l, next] = f(state);
    state = next;
    if (losses.length < 3) losses.push(l);
    return [l, ...leaves(next)];
  };
  return {
    losses,
    step() {
      pending.push(...leaves(state));
      return advance(update);
    },
    run: () => mx.eval(advance(compiled)),
    start: () => void mx.asyncEval(advance(compiled)),
  };
}

/** The mean cross entropy of logits over their last axis, with the right class of each row. */
const crossEntropy = (logits: A, y: A): A =>
  mx.mean(mx.logsumexp(logits, -1).sub(mx.squeeze(mx.takeAlongAxis(logits, mx.expandDims(y, -1), -1), -1)));

/** A classifier of two hidden layers with ReLU. */
export function mlp(p: Params): Training {
  const dims = ["in", "h", "h", "out"].map((k) => get(p, k)), b = get(p, "batch");
  const layers = [0, 1, 2].map((i) => {
    const n = dims[i] as number, m = dims[i + 1] as number;
    return { w: uniform([n, m], 10 + i, Math.fround(n ** -0.5)), b: mx.zeros([m]) };
  });
  const x = uniform([b, get(p, "in")], 1), y = arr(Int32Array.from({ length: b }, (_, i) => i * 7 % get(p, "out")));
  mx.eval(x, y);
  return training(layers, (layers) => {
    let h = x;
    layers.forEach(({ w, b }, i) => {
      h = h.matmul(w).add(b);
      if (i < 2) h = mx.maximum(h, 0);
    });
    return crossEntropy(h, y);
  }, { rate: 1e-3, b1: 0.9, b2: 0.999, decay: 0 });
}

/** (x - mean) / sqrt(variance + 1e-5), scaled and shifted, over the last axis. */
export function layernorm(x: A, g: A, b: A): A {
  const c = x.sub(x.mean(-1, { keepdims: true }));
  return c.mul(mx.rsqrt(mx.mean(mx.square(c), -1, { keepdims: true }).add(1e-5))).mul(g).add(b);
}
export const gelu = (x: A): A => x.mul(0.5).mul(mx.tanh(x.add(x.mul(x).mul(x).mul(0.044715)).mul(0.7978845608)).add(1));

/** A causal decoder: layer norm before attention and feed-forward, learned positions, GELU, no biases in products. */
export function transformer(p: Params): Training {
  const d = get(p, "d"), T = get(p, "seq"), B = get(p, "batch"), H = get(p, "heads"), V = get(p, "vocab");
  const w = (shape: number[], seed: number): A => uniform(shape, seed, Math.fround(0.05));
  const norm = (): { g: A; b: A } => ({ g: mx.ones([d]), b: mx.zeros([d]) });
  const params = {
    tokens: w([V, d], 90),
    positions: w([T, d], 91),
    blocks: Array.from({ length: get(p, "layers") }, (_, i) => ({
      norm1: norm(),
      qkv: w([d, 3 * d], 100 + 10 * i),
      proj: w([d, d], 101 + 10 * i),
      norm2: norm(),
      up: w([d, 4 * d], 102 + 10 * i),
      down: w([4 * d, d], 103 + 10 * i),
    })),
    norm: norm(),
    head: w([d, V], 92),
  };
  const text = arr(ints(B * (T + 1), V, 5), B, T + 1),
    x = mx.contiguous(text.get(":", ":-1")),
    y = mx.contiguous(text.get(":", "1:")),
    causal = mx.tri(T, { dtype: "bool" });
  mx.eval(x, y, causal);
  const attention = (h: A): A => {
    const [q, k, v] = mx.unstack(h.reshape(B, T, 3, H, d / H).transpose(2, 0, 3, 1, 4)) as [A, A, A];
    const scores = mx.where(causal, q.matmul(k.swapaxes(-1, -2)).mul((d / H) ** -0.5), -Infinity);
    return mx.softmax(scores, -1).matmul(v).swapaxes(1, 2).reshape(B, T, d);
  };
  return training(params, (params) => {
    let h = mx.take(params.tokens, x, 0).add(params.positions);
    for (const b of params.blocks) {
      h = h.add(attention(layernorm(h, b.norm1.g, b.norm1.b).matmul(b.qkv)).matmul(b.proj));
      h = h.add(gelu(layernorm(h, b.norm2.g, b.norm2.b).matmul(b.up)).matmul(b.down));
    }
    return crossEntropy(layernorm(h, params.norm.g, params.norm.b).matmul(params.head), y);
  }, { rate: 3e-4, b1: 0.9, b2: 0.95, decay: 0.1 });
}
