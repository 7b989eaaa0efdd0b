// The kernels of well-known computations, as text; each is also run on the interpreter and compared with plain JavaScript.
// UPDATE_GOLDEN=1 rewrites the texts: read their diff.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { DType } from "../../src/base/dtype.ts";
import { printKernel } from "../../src/kernel/kernel.ts";
import { CASES } from "../support/golden_cases.ts";
import { interpreted } from "../support/interpreted.ts";

const folder = new URL("./golden/", import.meta.url), update = process.env["UPDATE_GOLDEN"] === "1";

function read(bytes: Uint8Array, dtype: DType): number[] {
  const b = bytes.slice().buffer;
  switch (dtype) {
    case "float32":
      return [...new Float32Array(b)];
    case "uint32":
      return [...new Uint32Array(b)];
    case "int32":
      return [...new Int32Array(b)];
    default:
      throw new Error(`no reader of ${dtype}`);
  }
}
/** Compares the kernels of an eval with their text, and their results with expected numbers. */
for (const { name, make } of CASES) {
  test(`golden kernels: ${name}`, () => {
    const results = make(), run = interpreted(results.map(([a]) => a.node));
    const text = run.steps.map((s, i) =>
      s.kind === "kernel"
        ? `kernel ${i}: ${s.kernel.kind}, rows [${s.rows.join()}], row [${s.inner.join()}]${
          s.kernel.kind === "column" ? `, fold ${s.foldSize}` : ""
        }\n${printKernel(s.kernel)}\n`
        : ""
    ).join("\n");
    const file = new URL(`${name.replaceAll(" ", "_")}.txt`, folder);
    if (update) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, text);
    } else {
      assert.ok(existsSync(file), "no text: run with UPDATE_GOLDEN=1");
      assert.equal(text, readFileSync(file, "utf8"));
    }
    results.forEach(([a, want], k) => {
      const got = read(run.bytes[k] as Uint8Array, a.dtype);
      assert.equal(got.length, want.length);
      want.forEach((w, i) =>
        assert.ok(
          got[i] === w || Math.abs((got[i] as number) - w) <= 3e-6 * Math.max(1, Math.abs(w)),
          `result ${k}, element ${i}: ${got[i]}, not ${w}`,
        )
      );
    });
  });
}
