// Runs the examples of docstrings and README.md: each result that they state is what is printed, and every family of functions has some.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as mx from "../mod.ts";
import { filesUnder } from "../scripts/tools.ts";
import { examplesOf, programOf, wrong } from "./support/examples.ts";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const files = [...filesUnder("src").filter((path) => path.endsWith(".ts")), "mod.ts", "README.md"];

test("examples print what they state", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sinter-")), before = process.cwd();
  const program = join(folder, "examples.ts"), url = (path: string): string => new URL(path, import.meta.url).href;
  writeFileSync(
    program,
    programOf(files.map((path) => [path, read(path)] as const), url("../mod.ts"), url("./support/examples.ts")),
  );
  // Examples of files write where they run.
  process.chdir(folder);
  try {
    const { examples } = await import(`file://${program}`) as { examples: readonly (() => Promise<void>)[] };
    for (const run of examples) await run();
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
  assert.equal(wrong.length, 0, wrong.join("\n"));
});
/** The files whose functions a file exports again; of one that does so itself, its own. */
function sources(path: string, isFunction: (name: string) => boolean): string[] {
  return [...read(path).matchAll(/^export (?:\{([^}]*)\}|\* as \w+) from "(\.\/.*)";$/gm)].flatMap((m) => {
    const names = m[1]?.split(",").map((name) => name.trim().split(" ").at(-1) as string);
    if (names !== undefined && !names.some(isFunction)) return [];
    const file = join(dirname(path), m[2] as string), inner = sources(file, () => true);
    return inner.length > 0 ? inner : [file];
  });
}
test("every file of public functions has examples", () => {
  const all = sources("mod.ts", (name) => typeof (mx as Record<string, unknown>)[name] === "function");
  assert.ok(all.includes("src/ops/unary.ts") && all.includes("src/linalg/solve.ts"));
  assert.deepEqual(all.filter((file) => examplesOf(read(file)).length === 0), []);
});
