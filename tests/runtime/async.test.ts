// Tests reading without blocking: timers tick, several reads pend at once, failures reject and reach dependents only, and order holds.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as mx from "../../mod.ts";

const singular = (): mx.NDArray => mx.linalg.inv(mx.zeros([3, 3]));

/** A size whose product takes a while on the device at hand: some milliseconds, or what there is to 768. */
const LARGE = (() => {
  for (let n = 48;; n *= 2) {
    const x = mx.random.normal([n, n]),
      took = (): number => {
        const from = performance.now();
        mx.eval(x.matmul(x));
        return performance.now() - from;
      };
    took();
    if (n >= 768 || took() > 20) return n;
  }
})();
const large = (): mx.NDArray => mx.random.normal([LARGE, LARGE]);

test("timers tick while a long computation is awaited", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  try {
    // As large as takes a while on the device at hand: what it compiles first takes a while, too.
    for (let n = LARGE, took = 0; ticks < 3 && took < 1000; n *= 2) {
      const x = mx.random.normal([n, n]);
      mx.eval(x);
      let y = x;
      for (let i = 0; i < 30; i++) y = y.matmul(x).mul(0.03);
      const result = mx.mean(y).dataAsync(), from = performance.now();
      ticks = 0;
      assert.ok(Number.isFinite(Number((await result)[0])));
      took = performance.now() - from;
    }
  } finally {
    clearInterval(timer);
  }
  assert.ok(ticks >= 3, `${ticks} ticks`);
});

test("several reads pend at once and each gets its own values", async () => {
  const x = large();
  const all = Array.from(
    { length: 100 },
    (_, i) => mx.mean(i % 10 === 0 ? x.matmul(x).mul(0).add(i) : mx.full([100], i)).itemAsync(),
  );
  const values = await Promise.all(all);
  values.forEach((v, i) => assert.ok(Math.abs(Number(v) - i) < 1e-3));
});

test("asyncEval, then item and an eval of what depends on it", async () => {
  const x = large(), y = x.matmul(x), z = mx.sum(y);
  mx.asyncEval(y);
  assert.equal(z.item(), mx.sum(x.matmul(x)).item());
  const a = mx.full([1000], 1);
  let b = a;
  for (let i = 0; i < 200; i++) {
    b = b.add(1);
    if (i % 3 === 0) mx.asyncEval(b);
    else if (i % 3 === 1) mx.eval(b);
    else await b.itemAsync().catch(() => {});
  }
  assert.equal(b.get(999).item(), 201);
  await mx.asyncEval(b, y);
});

test("a failure rejects with the routine's text and the user's line; what depends on it fails too, all else goes on", async () => {
  const good = mx.ones([3, 3]).mul(2), bad = singular(), after = bad.add(1);
  await assert.rejects(bad.dataAsync(), (e: Error) => {
    assert.match(e.message, /singular/i);
    assert.match(e.message, /\n {4}at .*async\.test\.ts:\d+$/);
    return true;
  });
  await assert.rejects(after.dataAsync(), /singular/i);
  assert.throws(() => after.item === undefined || after.tolist(), /singular/i);
  assert.throws(() => bad.add(2).tolist(), /singular/i);
  assert.throws(() => bad.tolist(), /singular/i);
  await assert.rejects(bad.dataAsync(), /singular/i);
  assert.deepEqual(good.tolist(), [[2, 2, 2], [2, 2, 2], [2, 2, 2]]);
  assert.equal(await mx.sum(good).itemAsync(), 18);
});

test("an asynchronous failure that nobody awaits harms nobody", async () => {
  const bad = singular();
  mx.asyncEval(bad);
  const x = mx.ones([4]).add(1);
  mx.asyncEval(x);
  assert.deepEqual(x.tolist(), [2, 2, 2, 2]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.throws(() => bad.tolist(), /singular/i);
});

test("a failed synchronous eval leaves the graph as it was", () => {
  const bad = singular();
  for (let i = 0; i < 3; i++) assert.throws(() => mx.eval(bad), /singular/i);
});

/** Runs a module's text in a process of the same engine. */
function run(text: string): Promise<{ code: number; out: string }> {
  const deno = "Deno" in globalThis, here = new URL("../../mod.ts", import.meta.url).href;
  const args = deno ? ["eval", "--ext=ts", "--no-check"] : ["-e"];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...args, `import * as mx from ${JSON.stringify(here)};\n${text}`],
      { cwd: fileURLToPath(new URL("../..", import.meta.url)) },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, out: stdout + stderr }),
    );
  });
}
const work =
  `const x = mx.random.normal([${LARGE}, ${LARGE}]); let y = x; for (let i = 0; i < 20; i++) y = y.matmul(x).mul(0.03);\n`;

test("a process ends cleanly with work in flight", async () => {
  for (
    const end of [
      "console.log('end');",
      "console.log('end'); process.exit(0);",
      "await Promise.resolve(); console.log('end');",
    ]
  ) {
    const { code, out } = await run(`import process from "node:process";\n${work}mx.asyncEval(y);\n${end}`);
    assert.deepEqual({ code, out }, { code: 0, out: "end\n" }, end);
  }
});

test("a pending read keeps the process alive until it is done", async () => {
  const { code, out } = await run(`${work}mx.mean(y).itemAsync().then((v) => console.log(Number.isFinite(v)));`);
  assert.deepEqual({ code, out }, { code: 0, out: "true\n" });
});
