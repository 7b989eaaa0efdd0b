// Training loops that dispose of nothing, and what memory they take: for the tests of flat memory and for scripts/soak.ts.
import process from "node:process";
import * as mx from "../../mod.ts";
import { native } from "../../src/runtime/memory.ts";

const ACTIVE = 0, RSS = 6;
type Weights = mx.NDArray[];

/** The ways in which a loop reads, keeps and changes arrays. */
export const LOOPS = ["read", "unread", "async", "set", "logits", "adam", "asyncAdam"] as const;
export type Loop = typeof LOOPS[number];

/** What a loop took, in bytes and microseconds. */
export interface Measured {
  /** Bytes in use at the most while one step ran alone. */
  readonly step: number;
  /** Bytes in use at the most after that. */
  readonly peak: number;
  /** Resident bytes: the most in the third quarter, and in the last. */
  readonly early: number;
  readonly late: number;
  /** Resident bytes after a collection, without the engine's heap and our cache: at step 1,000 (or a quarter) and at the end. */
  readonly kept: readonly [early: number, late: number];
  readonly microseconds: number;
}

/** A macrotask, and a collection: ends what is dead. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    native().yieldToCollector();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resident bytes that are neither the engine's heap nor cached, after a collection. */
async function held(): Promise<number> {
  await quiet();
  return native().stat(RSS) - process.memoryUsage().heapTotal - mx.getCacheMemory();
}

/** Trains `steps` steps of a network of two layers; a large one has about 20 MB of activations. */
export async function train(loop: Loop, steps: number, large: boolean): Promise<Measured> {
  const [batch, width, wide] = large ? [1024, 16, 1024] : [32, 16, 32];
  const x = mx.random.normal([batch, width]), y = mx.random.normal([batch, 4]);
  let w: Weights = [mx.random.normal([width, wide]).mul(0.1), mx.zeros([wide]), mx.random.normal([wide, 4]).mul(0.1)];
  const m: Weights = w.map((p) => mx.zeros(p.shape)), v: Weights = w.map((p) => mx.zeros(p.shape));
  const forward = (w: Weights): mx.NDArray =>
    mx.tanh(mx.sigmoid(x.matmul(w[0] as mx.NDArray).add(w[1] as mx.NDArray))).matmul(w[2] as mx.NDArray);
  const step = mx.valueAndGrad((w: Weights): [mx.NDArray, mx.NDArray] => {
    const logits = forward(w);
    return [mx.mean(mx.square(logits.sub(y))), logits];
  });
  const kept: mx.NDArray[] = [];
  const one = async (t: number): Promise<void> => {
    const [[loss, logits], g] = step(w) as [[mx.NDArray, mx.NDArray], Weights];
    if (loop === "set") w.forEach((p, i) => p.set([":"], p.sub((g[i] as mx.NDArray).mul(0.01))));
    else if (loop === "adam" || loop === "asyncAdam") {
      w = w.map((p, i) => {
        const gi = g[i] as mx.NDArray,
          mi = (m[i] as mx.NDArray).mul(0.9).add(gi.mul(0.1)),
          vi = (v[i] as mx.NDArray).mul(0.999).add(gi.square().mul(0.001));
        m[i] = mi;
        v[i] = vi;
        return p.sub(mi.div(vi.sqrt().add(1e-8)).mul(0.001));
      });
    } else w = w.map((p, i) => p.sub((g[i] as mx.NDArray).mul(0.01)));
    if (loop === "logits") {
      kept.push(logits);
      if (kept.length > 10) kept.shift();
    }
    if (loop === "unread" || loop === "set") mx.eval(w);
    else if (loop === "async") {
      mx.asyncEval(w);
      await loss.itemAsync();
    } else if (loop === "asyncAdam") {
      mx.asyncEval(w, m, v);
      if (t % 4 === 3) await loss.itemAsync();
    } else {
      mx.eval(w, m, v);
      loss.item();
    }
  };
  const run = async (from: number, to: number): Promise<number> => {
    let most = 0;
    const often = Math.max(1, Math.floor((to - from) / 50));
    for (let t = from; t < to; t++) {
      await one(t);
      if (t % often === 0) most = Math.max(most, native().stat(RSS));
    }
    return most;
  };
  await run(0, 8);
  await quiet();
  const before = native().stat(ACTIVE);
  mx.resetPeakMemory();
  await one(8);
  const alone = mx.getPeakMemory() - before;
  mx.resetPeakMemory();
  const quarter = Math.ceil(steps / 4), began = performance.now();
  const first = Math.min(1000, quarter);
  await run(0, first);
  const settled = await held();
  // The first half is warm-up: engines size their heaps during some ten thousand steps.
  await run(first, 2 * quarter);
  const early = await run(2 * quarter, 3 * quarter);
  const late = await run(3 * quarter, 4 * quarter);
  const took = performance.now() - began;
  const microseconds = took * 1000 / (4 * quarter), peak = mx.getPeakMemory() - before;
  return { step: alone, peak, early, late, kept: [settled, await held()], microseconds };
}
