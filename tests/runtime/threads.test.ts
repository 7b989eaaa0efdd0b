// The bits of results do not depend on the number of threads: processes with different numbers print the same hash.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as mx from "../../mod.ts";

/** Results of our own routines for matrices, by what they are. */
function factorisations(key: mx.NDArray): Record<string, mx.NDArray> {
  const a = mx.random.normal([300, 300], { key }), tall = mx.random.normal([400, 130], { key }), b = a.get(":", ":17");
  const spd = a.matmul(a.T).add(mx.eye(300)), [w, v] = mx.linalg.eigh(spd), [u, s, t] = mx.linalg.svd(tall);
  return {
    products: mx.concatenate([a.matmul(b).sum(1), tall.T.get(":64").matmul(tall.get(":", ":64")).sum(1)]),
    solve: mx.linalg.solve(a, b),
    inv: mx.linalg.inv(a),
    lu: mx.linalg.lu(tall)[1],
    cholesky: mx.linalg.cholesky(spd),
    qr: mx.linalg.qr(tall)[0],
    eigh: v.mul(w),
    svd: u.get(":", ":130").mul(s).matmul(t),
    "eigh of float64": mx.linalg.eigh(spd.astype("float64"))[1],
    "svd of a square matrix": mx.linalg.svd(a)[2],
  };
}
/** A hash of each result; work is large enough for several threads. */
function hashes(): string {
  const n = 3000, rows = 150, d = 300, key = mx.random.key(3), lines: string[] = [];
  const updates = mx.random.normal([n, d], { key }), long = mx.random.normal([400_000], { key });
  // Places that meet often, from the end too, and one that is outside.
  const at = mx.array(Int32Array.from({ length: n }, (_, i) => i === 7 ? rows + 3 : i * i * 31 % (2 * rows) - rows));
  const base = mx.random.normal([rows, d], { key });
  const results: Readonly<Record<string, mx.NDArray>> = {
    add: base.at(at).add(updates),
    multiply: base.at(at).multiply(updates),
    maximum: base.at(at).maximum(updates),
    minimum: base.at(at).minimum(updates),
    "add of float64": base.astype("float64").at(at).add(updates.astype("float64")),
    "add of integers": base.astype("int32").at(at).add(updates.astype("int32")),
    "add of elements": mx.zeros([5000]).at(mx.array(Int32Array.from({ length: 400_000 }, (_, i) => i * 7 % 5000))).add(
      long,
    ),
    sum: long.sum(),
    "sum of rows": updates.sum(1),
    "sum of columns": updates.sum(0),
    cumsum: mx.cumsum(long),
    logcumsumexp: mx.logcumsumexp(updates, 1),
    tan: mx.tan(long),
    ...factorisations(key),
  };
  for (const [name, x] of Object.entries(results)) {
    const y = mx.contiguous(x).data() as Float32Array;
    const hash = createHash("sha256").update(new Uint8Array(y.buffer, y.byteOffset, y.byteLength)).digest("hex");
    lines.push(`${name}: ${hash}`);
  }
  return lines.join("\n");
}

if (process.env["SINTER_THREADS_CHILD"] !== undefined) console.log(hashes());
else {
  test("bits do not depend on the number of threads", () => {
    const file = fileURLToPath(import.meta.url);
    const run = (threads: number): string => {
      const child = spawnSync(process.execPath, "Bun" in globalThis ? [file] : ["run", "-A", "--no-check", file], {
        env: { ...process.env, SINTER_THREADS: String(threads), SINTER_THREADS_CHILD: "1", SINTER_BLAS: "none" },
        encoding: "utf8",
      });
      assert.equal(child.status, 0, `${child.stdout}\n${child.stderr}`);
      return child.stdout;
    };
    const one = run(1);
    assert.match(one, /^tan: /m);
    for (const threads of [2, 5]) assert.equal(run(threads), one);
  });
}
