// The GPU beside PyTorch (eager and torch.compile) and MLX (plain and compiled) in one run, as a table of milliseconds and ratios:
// `bun bench/cuda/run.ts [REGEX]`. Work is queued without waiting and waited for at the end. PYTHON names a Python that has torch, MLX_PYTHON one that has
// MLX. The ratio is that to the best of them: below 1 we are slower.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as mx from "../../mod.ts";
import { gelu, mlp, pending } from "../training.ts";

type A = mx.NDArray;
const N = 2 ** 28, M = 8192, only = new RegExp(process.argv[2] ?? "");
mx.setDefaultDevice(mx.gpu);

interface Row {
  readonly name: string;
  readonly ms: number;
}
const rows: Row[] = [];
/**
 * Milliseconds of one of `n` calls, which only queue their work. Engines compile what is called often, and a GPU that is warm is slower: the same comes
 * before for 0.2 s, by everyone alike.
 */
function timed(name: string, n: number, f: () => void): void {
  let ms = 0;
  for (let round = 0, until = performance.now() + 200; round < 3 || performance.now() < until; round++) {
    const from = performance.now();
    for (let i = 0; i < n; i++) f();
    mx.synchronize();
    ms = (performance.now() - from) / n;
  }
  rows.push({ name, ms });
  console.error(name, rows.at(-1)?.ms);
}
/** A function of arrays that are there; a result is disposed of once it is queued. */
function simple(name: string, n: number, f: () => A): void {
  if (!only.test(name)) return;
  timed(name, n, () => {
    using y = f();
    void mx.asyncEval(y);
  });
}
const made = <T extends A | readonly A[]>(x: T): T => {
  mx.eval(x);
  return x;
};

const x = made(mx.random.normal([N])), m = made(x.get(`:${M * M}`).reshape(M, M).add(0));
simple("chain (x*2+5)/3 2^28 f32", 20, () => x.mul(2).add(5).div(3));
simple("gelu tanh 2^28 f32", 20, () => gelu(x));
simple("softmax 8192x8192 f32", 100, () => {
  const e = mx.exp(m.sub(m.max(-1, { keepdims: true })));
  return e.div(e.sum(-1, { keepdims: true }));
});
const scale = made(mx.ones([M])), shift = made(mx.zeros([M]));
simple("layer norm 8192x8192 f32", 100, () => {
  const c = m.sub(m.mean(-1, { keepdims: true }));
  return c.mul(mx.rsqrt(c.square().mean(-1, { keepdims: true }).add(1e-5))).mul(scale).add(shift);
});
simple("variance over rows 8192x8192 f32", 100, () => m.var(1));
simple("sum over columns 8192x8192 f32", 100, () => m.sum(0));
simple("sum 2^28 f32", 100, () => x.sum());
simple("transposed copy 8192x8192 f32", 100, () => mx.contiguous(m.T));
simple("matmul 8192^3 f32", 5, () => m.matmul(m));
const h = made(m.astype("bfloat16"));
simple("matmul 8192^3 bf16", 10, () => h.matmul(h));
const small = made(mx.random.normal([512, 512]));
simple("matmul 512^3 f32", 1000, () => small.matmul(small));
const batch = made(mx.random.normal([64, 1024, 1024]).astype("bfloat16"));
simple("matmul 64 x 1024^3 bf16", 100, () => batch.matmul(batch));
const W = made(mx.random.normal([16384, 16384]).astype("bfloat16")),
  v = made(mx.random.normal([1, 16384]).astype("bfloat16"));
simple("matrix-vector 16384x16384 bf16", 100, () => v.matmul(W.T));
simple("normal 2^28 f32", 20, () => mx.random.normal([N]));
const four = made(mx.ones([4]));
simple("1000 chained adds of 4 elements", 10, () => {
  let y = four;
  for (let i = 0; i < 1000; i++) y = y.add(1);
  return y;
});
if (only.test("1000 adds, each evaluated")) {
  timed("1000 adds, each evaluated", 3, () => {
    // The last result is disposed of when the next one is there, as reference counts would.
    let y = four.add(0);
    for (let i = 0; i < 1000; i++) {
      using last = y;
      mx.eval(y = last.add(1));
    }
    y.dispose();
  });
}
if (only.test("MLP train step")) {
  const sizes = { batch: 256, in: 784, h: 512, out: 10 }, { step } = mlp(sizes), { start } = mlp(sizes);
  timed("MLP train step b256 f32", 200, () => {
    void mx.asyncEval(step());
    for (const a of pending.splice(0)) a.dispose();
  });
  timed("MLP train step b256 f32, compiled", 1000, start);
}

// ---- others ---------------------------------------------------------------------------------------------------------------
const PEERS = ["torch", "torch.compile", "mlx", "mlx.compile"], python = process.env["PYTHON"] ?? "python3";
const theirs = new Map<string, Record<string, number>>();
for (const [command, file] of [[python, "peer.py"], [process.env["MLX_PYTHON"] ?? python, "peer_mlx.py"]] as const) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { stdout } = spawnSync(command, [path, process.argv[2] ?? ""], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  for (const line of stdout.split("\n").filter((s) => s.startsWith("{"))) {
    const { name, peer, ms } = JSON.parse(line) as { name: string; peer: string; ms: number };
    theirs.set(name, { ...theirs.get(name), [peer]: ms });
  }
}
const text = (ms: number | undefined): string => ms === undefined ? "" : ms.toFixed(3);
console.log(`${mx.deviceInfo(mx.gpu)["name"]}, milliseconds\n`);
console.log(`| case | sinter | ${PEERS.join(" | ")} | ratio |\n|---|---|${PEERS.map(() => "---|").join("")}---|`);
for (const { name, ms } of rows) {
  const t = theirs.get(name.replace(/, compiled$/, "")) ?? {};
  // What is measured plain and compiled is compared with its like when it is plain.
  const plain = rows.some((r) => r.name === `${name}, compiled`);
  const best = Math.min(...Object.entries(t).flatMap(([p, ms]) => plain && p.endsWith(".compile") ? [] : [ms]));
  const ratio = Number.isFinite(best) ? (best / ms).toFixed(2) : "";
  console.log(`| ${[name, text(ms), ...PEERS.map((p) => text(t[p])), ratio].join(" | ")} |`);
}
