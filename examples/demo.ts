// Reads handwritten digits by four methods, compares sinter with plain loops, and writes report.html.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as mx from "../mod.ts";
import { measure } from "./demo/measure.ts";
import * as plain from "./demo/plain.ts";
import { progress } from "./demo/progress.ts";
import { report } from "./demo/report.ts";

const DIGITS = 10,
  TEST = 397,
  NEIGHBOURS = 3,
  PENALTY = 100,
  STARTS = 8,
  ITERATIONS = 20,
  HIDDEN = 128,
  BATCH = 100,
  EPOCHS = 30,
  RATE = 0.002;
const began = performance.now();
mx.random.seed(1);

// ---- the data: 1797 images of 8 x 8 pixels, shuffled, split for training and test ------------------------------------------
const file = mx.load(fileURLToPath(new URL("data/digits.npz", import.meta.url))) as Record<string, mx.NDArray>;
const images = (file["images"] as mx.NDArray).reshape(-1, 64).astype("float32"), labels = file["labels"] as mx.NDArray;
const order = mx.random.permutation(images.length), N = images.length - TEST;
const rawTrain = images.get(order.get(`:${N}`)), rawTest = images.get(order.get(`${N}:`));
const yTrain = labels.get(order.get(`:${N}`)), yTest = labels.get(order.get(`${N}:`));
mx.eval(rawTrain, rawTest, yTrain, yTest);

// ---- helpers -------------------------------------------------------------------------------------------------------------------
const numbers = (a: mx.NDArray): Float32Array => Float32Array.from(a.astype("float32").data() as Float32Array);
const bytes = (a: mx.NDArray): Uint8Array => Uint8Array.from(a.astype("uint8").data() as Uint8Array);
const matrix = (a: mx.NDArray): plain.Matrix => ({
  data: numbers(a),
  rows: a.shape[0] as number,
  columns: a.shape[1] as number,
});
const oneHot = (y: mx.NDArray): mx.NDArray => y.get("...", null).eq(mx.arange(DIGITS)).astype("float32");
const accuracy = (predicted: mx.NDArray): number => predicted.eq(yTest).mean().item() as number;
const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;
/** |x - c|², for all rows of x and c. */
const distances = (x: mx.NDArray, c: mx.NDArray): mx.NDArray =>
  x.square().sum(-1, { keepdims: true }).sub(x.matmul(c.mT).mul(2)).add(c.square().sum(-1).get("...", null, ":"));
const close = (a: mx.NDArray, b: Float32Array): string => {
  const own = numbers(a), scale = own.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return `within ${(own.reduce((m, v, i) => Math.max(m, Math.abs(v - (b[i] as number))), 0) / scale).toExponential(0)}`;
};
const sameLabels = (a: mx.NDArray, b: Uint8Array): string =>
  percent(bytes(a).reduce((n, v, i) => n + (v === b[i] ? 1 : 0), 0) / b.length) + " equal";

const trainLabels = bytes(yTrain), raw = { train: matrix(rawTrain), test: matrix(rawTest) };

// ---- standardise -------------------------------------------------------------------------------------------------------------
const standard = measure({
  name: "Standardise",
  work: `${N + TEST} × 64, by the training set`,
  run: () => {
    // Pixels that hardly vary are not blown up.
    const mean = rawTrain.mean(0), deviation = mx.maximum(rawTrain.std(0), 1);
    return [rawTrain.sub(mean).div(deviation), rawTest.sub(mean).div(deviation)];
  },
  plain: () => plain.standardise(raw.train, raw.test),
  agreement: ([train], p) => close(train as mx.NDArray, p.train.data),
});
const [x, xTest] = standard.result as [mx.NDArray, mx.NDArray], own = { train: matrix(x), test: matrix(xTest) };

// ---- principal components ----------------------------------------------------------------------------------------------------
const pca = measure({
  name: "Principal components",
  work: "covariance, eigenvectors of 64 × 64, projection",
  run: () => {
    const [values, vectors] = mx.linalg.eigh(x.T.matmul(x).div(N - 1)) as [mx.NDArray, mx.NDArray];
    const rows = vectors.T.get("::-1"), peak = mx.takeAlongAxis(rows, rows.abs().argmax(1, { keepdims: true }), 1);
    // The sign of an eigenvector is free: the largest entry is made positive.
    const components = rows.mul(mx.sign(peak));
    return [values.get("::-1"), components, x.matmul(components.get(":2").T)];
  },
  plain: () => plain.pca(own.train),
  agreement: ([values], p) => close(values as mx.NDArray, p.values),
});
const [variances, components, projected] = pca.result as [mx.NDArray, mx.NDArray, mx.NDArray];

// ---- k-means: eight starts at once, the best one is kept -----------------------------------------------------------------------
const starts = x.get(mx.random.permutation(N).get(`:${STARTS * DIGITS}`)).reshape(STARTS, DIGITS, 64);
mx.eval(starts);
const lloyd = (centres: mx.NDArray): mx.NDArray => {
  const members = oneHot(distances(x, centres).argmin(-1));
  return members.mT.matmul(x).div(mx.maximum(members.sum(1).get("...", null), 1));
};
const kMeans = measure({
  name: "k-means",
  work: `${DIGITS} centres, ${STARTS} starts, ${ITERATIONS} iterations`,
  run: () => {
    let centres = starts;
    for (let i = 0; i < ITERATIONS; i++) {
      centres = lloyd(centres);
      mx.eval(centres);
    }
    const inertia = distances(x, centres).min(-1).sum(-1);
    return centres.get(inertia.argmin());
  },
  plain: () => plain.kMeans(own.train, numbers(starts), DIGITS, ITERATIONS),
  agreement: (centres, p) => close(centres, p.data),
  one: { evals: ITERATIONS + 1, record: () => lloyd(starts) },
});
// A cluster is read as the digit that most of its members are.
const nearest = (rows: mx.NDArray): mx.NDArray => distances(rows, kMeans.result).argmin(-1);
const meaning = oneHot(nearest(x)).T.matmul(oneHot(yTrain)).argmax(1);

// ---- nearest neighbours ------------------------------------------------------------------------------------------------------
const neighbours = measure({
  name: "Nearest neighbours",
  work: `${TEST} × ${N} distances, vote of the nearest ${NEIGHBOURS}`,
  run: () => {
    let left = distances(xTest, x), votes = mx.zeros([TEST, DIGITS]);
    for (let i = 0; i < NEIGHBOURS; i++) {
      const nearest = left.argmin(1);
      votes = votes.add(oneHot(yTrain.get(nearest)));
      left = mx.where(mx.arange(N).eq(nearest.get(":", null)), Infinity, left);
    }
    return votes.argmax(1);
  },
  plain: () => plain.nearestNeighbours(own.train, trainLabels, own.test, NEIGHBOURS),
  agreement: sameLabels,
});

// ---- ridge regression on one-hot labels ----------------------------------------------------------------------------------------
const withOnes = (rows: mx.NDArray): mx.NDArray => mx.concatenate([rows, mx.ones([rows.length, 1])], 1);
const ridge = measure({
  name: "Ridge regression",
  work: "normal equations of 65 × 65, ten targets",
  run: () => {
    const a = withOnes(x), w = mx.linalg.solve(a.T.matmul(a).add(mx.eye(65).mul(PENALTY)), a.T.matmul(oneHot(yTrain)));
    return withOnes(xTest).matmul(w).argmax(1);
  },
  plain: () => plain.ridge(own.train, trainLabels, own.test, PENALTY),
  agreement: sameLabels,
});

// ---- a network of two layers, trained with Adam --------------------------------------------------------------------------------
type Weights = { readonly [K in keyof plain.Weights]: mx.NDArray };
const names = ["w1", "b1", "w2", "b2"] as const satisfies readonly (keyof Weights)[];
const each = (f: (name: keyof Weights) => mx.NDArray): Weights => ({
  w1: f("w1"),
  b1: f("b1"),
  w2: f("w2"),
  b2: f("b2"),
});

const forward = (w: Weights, rows: mx.NDArray): mx.NDArray =>
  mx.maximum(rows.matmul(w.w1).add(w.b1), 0).matmul(w.w2).add(w.b2);
const crossEntropy = (w: Weights, rows: mx.NDArray, y: mx.NDArray): mx.NDArray => {
  const logits = forward(w, rows);
  return logits.logsumexp(1).sub(mx.takeAlongAxis(logits, y.get(":", null), 1).squeeze(1)).mean();
};
const lossAndGradient = mx.valueAndGrad(crossEntropy);

interface State {
  readonly w: Weights;
  readonly m: Weights;
  readonly v: Weights;
}
/** One step of Adam. */
function adam({ w, m, v }: State, g: Weights, step: number): State {
  const c1 = 1 - 0.9 ** step, c2 = 1 - 0.999 ** step;
  const m1 = each((n) => m[n].mul(0.9).add(g[n].mul(0.1))),
    v1 = each((n) => v[n].mul(0.999).add(g[n].square().mul(0.001)));
  return { w: each((n) => w[n].sub(m1[n].div(c1).mul(RATE).div(v1[n].div(c2).sqrt().add(1e-8)))), m: m1, v: v1 };
}

const start: Weights = {
  w1: mx.random.normal([64, HIDDEN]).mul(Math.sqrt(2 / 64)),
  b1: mx.zeros(HIDDEN),
  w2: mx.random.normal([HIDDEN, DIGITS]).mul(Math.sqrt(2 / HIDDEN)),
  b2: mx.zeros(DIGITS),
};
const zeros = each((n) => mx.zerosLike(start[n]));
const orders = Array.from({ length: EPOCHS }, () => mx.random.permutation(N));
mx.eval(start, zeros, orders);

const steps = Math.floor(N / BATCH), losses: number[] = [], history: Weights[] = [];
const batchStep = (state: State, epoch: number, i: number): { loss: mx.NDArray; state: State } => {
  const rows = (orders[epoch] as mx.NDArray).get(mx.span(i * BATCH, (i + 1) * BATCH));
  const [loss, gradient] = lossAndGradient(state.w, x.get(rows), yTrain.get(rows));
  return { loss, state: adam(state, gradient, epoch * steps + i + 1) };
};
const network = measure({
  name: "Network",
  work: `64–${HIDDEN}–${DIGITS}, Adam, ${EPOCHS} epochs of ${steps} batches of ${BATCH}`,
  run: () => {
    const show = progress("training", EPOCHS * steps);
    let state: State = { w: start, m: zeros, v: zeros };
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      for (let i = 0; i < steps; i++) {
        const next = batchStep(state, epoch, i);
        state = next.state;
        mx.eval(next.loss, state.w, state.m, state.v);
        losses.push(next.loss.item() as number);
        show(losses.length, `loss ${(losses.at(-1) as number).toFixed(4)}`);
      }
      history.push(state.w);
    }
    return forward(state.w, xTest).argmax(1);
  },
  plain: () => {
    const w = { w1: numbers(start.w1), b1: numbers(start.b1), w2: numbers(start.w2), b2: numbers(start.b2) };
    return plain.network(own.train, trainLabels, own.test, w, {
      hidden: HIDDEN,
      batch: BATCH,
      rate: RATE,
      orders: orders.map((o) => Uint32Array.from(numbers(o))),
    });
  },
  agreement: (predicted, p) => sameLabels(predicted, p.predicted),
  one: {
    evals: EPOCHS * steps + 1,
    record: () => {
      const { loss, state } = batchStep({ w: start, m: zeros, v: zeros }, 0, 0);
      return [loss, ...[state.w, state.m, state.v].flatMap((t) => names.map((n) => t[n]))];
    },
  },
  once: true,
});

// ---- what came out -----------------------------------------------------------------------------------------------------------
const predicted = network.result;
const accuracies = [
  { name: "k-means", value: accuracy(meaning.get(nearest(xTest))) },
  { name: "Ridge regression", value: accuracy(ridge.result) },
  { name: `${NEIGHBOURS} nearest neighbours`, value: accuracy(neighbours.result) },
  { name: "Two-layer network", value: accuracy(predicted) },
];
const lines = [standard, pca, kMeans, neighbours, ridge, network].map((s) => s.line);
const truth = bytes(yTest), read = bytes(predicted), pixels = numbers(rawTest);
const misread = [...truth.keys()].filter((i) => truth[i] !== read[i]).map((i) => ({
  truth: truth[i] as number,
  read: read[i] as number,
  pixels: [...pixels.subarray(i * 64, (i + 1) * 64)],
}));
const plane = numbers(projected), total = numbers(variances).reduce((a, b) => a + b, 0);
const engine = process.versions["bun"] !== undefined
  ? `Bun ${process.versions["bun"]}`
  : `Deno ${process.versions["deno"]}`;

const path = resolve("report.html");
writeFileSync(
  path,
  await report({
    engine,
    device: mx.deviceInfo(),
    seconds: (performance.now() - began) / 1000,
    train: N,
    test: TEST,
    accuracies,
    components: Array.from({ length: 10 }, (_, i) => [...numbers(components.get(i))]),
    explained: [...numbers(variances)].map((v) => v / total),
    projected: [...trainLabels].map((digit, i) => ({
      x: plane[2 * i] as number,
      y: plane[2 * i + 1] as number,
      digit,
    })),
    losses,
    steps,
    testLosses: history.map((w) => crossEntropy(w, xTest, yTest).item() as number),
    confusion: oneHot(yTest).T.matmul(oneHot(predicted)).tolist() as number[][],
    misread,
    lines,
    plan: network.plan,
  }),
);

console.log(`\nTest accuracy on ${TEST} digits (${engine})`);
for (const { name, value } of accuracies) console.log(`  ${name.padEnd(24)} ${percent(value)}`);
console.log(
  `\n${"Milliseconds".padEnd(24)} ${["sinter", "again", "plain", "kernels"].map((t) => t.padStart(9)).join("")}`,
);
for (const { name, first, again, plain, kernels, evals } of lines) {
  const times = [first.toFixed(1), again === null ? "" : again.toFixed(1), plain.toFixed(1)].map((t) => t.padStart(9))
    .join("");
  console.log(
    `  ${name.padEnd(22)} ${times}${String(kernels).padStart(9)}${evals > 1 ? ` × ${evals} evaluations` : ""}`,
  );
}
console.log(`\nReport: ${path}`);
