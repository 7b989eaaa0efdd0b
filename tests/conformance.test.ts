// Every recorded case of MLX for the ops that exist, on the device under test.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../mod.ts";
import type { DType } from "../src/base/dtype.ts";
import { computes } from "../src/core/device.ts";
import { shareOf, whole } from "./support/share.ts";
import { readCases } from "./vectors/cases.ts";
import { runCase } from "./vectors/run.ts";

const FILES = [
  "unary",
  "binary",
  "cast",
  "creation",
  "reduce",
  "shape",
  "indexing",
  "matmul",
  "linalg",
  "random",
  "promotion",
  "print",
  "grad",
  "vmap",
  "sort",
  "utils",
] as const;

/** True if the library has every function that the case calls. */
function has(name: string): boolean {
  let at: unknown = mx;
  for (const part of name.split(".")) {
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  }
  return typeof at === "function";
}
const KINDS_LATER = new Set(["module", "optimizer", "schedule", "init"]);
const ALWAYS = new Set([
  "get",
  "set",
  "T",
  "mT",
  "item",
  "tolist",
  "print",
  "sequence",
  "at.add",
  "at.subtract",
  "at.multiply",
  "at.divide",
  "at.maximum",
  "at.minimum",
]);
function names(v: unknown, out: string[] = []): string[] {
  if (Array.isArray(v)) { for (const x of v) names(x, out); }
  else if (typeof v === "object" && v !== null) {
    const o = v as Record<string, unknown>;
    if (typeof o["op"] === "string") out.push(o["op"]);
    for (const x of Object.values(o)) names(x, out);
  }
  return out;
}

/** Cases in which sinter differs from MLX, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  "max-92cf2925d0": "the imaginary part of a complex maximum among several NaNs is not defined",
  "linalg.det-faa96b5d2b": "MLX rounds a float64 determinant to float32",
  "view-6c0a7b6541": "bytes of a bool array are 0 or 1 here",
  "view-d377671c07": "bytes of a bool array are 0 or 1 here",
  "jvp:addmm-e1c47ba424": "MLX leaves alpha and beta out of the tangent",
  "linalg.eig-37e51d9505": "eig of complex input comes with the linear algebra that follows",
};

/** Where a dtype that the device has meets one that it has not, the library must refuse to mix them. */
function refuses(dtypes: readonly DType[], error: string): boolean {
  const there = dtypes.filter((d) => computes(mx.defaultDevice(), d));
  return there.length > 0 && there.length < dtypes.length &&
    /^TypeError: Cannot .* has no float64: convert/.test(error);
}

const only = process.env["VECTORS"];
for (const file of FILES) {
  if (only !== undefined && !only.split(",").includes(file)) continue;
  test(`recorded results of MLX: ${file}`, () => {
    const failures: string[] = [];
    let ran = 0;
    for (const c of shareOf(readCases(new URL(`./vectors/${file}.jsonl.gz`, import.meta.url)))) {
      if (KINDS_LATER.has(c.kind ?? "") || names(c).some((n) => !ALWAYS.has(n) && !has(n)) || c.id in DIFFERS) continue;
      // Functions and methods by turns.
      const reason = runCase(mx, c, { via: ran++ % 2 === 0 ? "function" : "method", refuses });
      if (reason !== null) failures.push(`${c.id}: ${reason}`);
    }
    assert.ok(ran > 0 || !whole);
    const byOp = new Map<string, number>();
    for (const f of failures) {
      const op = f.slice(0, f.lastIndexOf("-", f.indexOf(": ")));
      byOp.set(op, (byOp.get(op) ?? 0) + 1);
    }
    assert.equal(
      failures.length,
      0,
      `${failures.length} of ${ran} failed (${[...byOp].map(([k, n]) => `${k} ${n}`).join(", ")}):\n${
        failures.slice(0, 400).map((f) => f.slice(0, 300)).join("\n")
      }`,
    );
  });
}
