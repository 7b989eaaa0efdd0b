// Tests the shape of src: imports go one way between its folders, no file imports itself by a detour, and the engine is named
// in the native boundary only. Type-only imports count.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What each folder of src may import directly; it may import what those import too. `mod` is mod.ts. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  kernel: ["base"],
  core: ["kernel"],
  ops: ["core"],
  transform: ["ops"],
  schedule: ["core"],
  backends: ["kernel"],
  runtime: ["transform", "schedule", "backends"],
  linalg: ["ops", "runtime"],
  fft: ["ops", "runtime"],
  random: ["ops", "runtime", "linalg"],
  io: ["ops", "runtime"],
  utils: ["core"],
  methods: ["ops"],
  mod: ["methods", "utils", "linalg", "fft", "random", "io", "runtime"],
  nn: ["mod"],
  optimizers: ["mod"],
};

/** The files of the library: path relative to the root, text. */
const files = new Map<string, string>();
for (
  const path of [
    "mod.ts",
    ...readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).map((f) => `src/${f}`),
  ]
) {
  if (!path.endsWith(".ts")) continue;
  try {
    files.set(path.replaceAll("\\", "/"), readFileSync(join(root, path), "utf8"));
  } catch {
    assert.equal(path, "mod.ts", "only mod.ts may be missing");
  }
}

const COMMENT = /\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*/g;
const IMPORT = /\b(?:from|import)\s*\(?\s*"([^"]+)"/g;

function importsOf(text: string): string[] {
  return [...text.replace(COMMENT, "").matchAll(IMPORT)].map((match) => match[1] ?? "");
}

function layerOf(path: string): string {
  const [top = "", folder = ""] = path.split("/");
  return top === "mod.ts" ? "mod" : folder.replace(/\.ts$/, "");
}

/** file -> files of the library that it imports */
const graph = new Map<string, string[]>();
for (const [path, text] of files) {
  const targets = importsOf(text).filter((spec) => spec.startsWith("."))
    .map((spec) => relative(root, join(root, dirname(path), spec)).replaceAll("\\", "/"));
  graph.set(path, targets);
}

function below(layer: string, seen: Set<string> = new Set()): Set<string> {
  for (const next of LAYERS[layer] ?? []) {
    if (!seen.has(next)) below(next, seen.add(next));
  }
  return seen;
}

test("every relative import names a file of the library, with its extension", () => {
  const lost = [...graph].flatMap(([from, to]) => to.filter((t) => !files.has(t)).map((t) => `${from} imports ${t}`));
  assert.deepEqual(lost, []);
});

test("imports go down the layers only", () => {
  const wrong: string[] = [];
  for (const [from, targets] of graph) {
    const layer = layerOf(from);
    assert.ok(layer in LAYERS, `${from} is in no layer: give its folder a line in LAYERS`);
    const allowed = below(layer).add(layer);
    for (const to of targets) if (!allowed.has(layerOf(to))) wrong.push(`${from} imports ${to}`);
  }
  assert.deepEqual(wrong, []);
});

test("no import cycle", () => {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const cycles: string[] = [];
  const visit = (file: string): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      cycles.push([...path.slice(path.indexOf(file)), file].join(" > "));
      return;
    }
    state.set(file, "open");
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    state.set(file, "done");
  };
  for (const file of graph.keys()) visit(file);
  assert.deepEqual(cycles, []);
});

test("no file names an engine's globals or modules but the native boundary", () => {
  const named: string[] = [];
  for (const [path, text] of files) {
    if (/^src\/runtime\/ffi_\w+\.ts$/.test(path)) continue;
    const code = text.replace(COMMENT, "");
    const names = code.replace(/"(?:\\.|[^"\\\n])*"/g, '""').replace(/`(?:\\.|[^`\\])*`/g, "``");
    if (/\b(?:Bun|Deno)\b/.test(names) || /"(?:bun|deno|npm|jsr):/.test(code)) named.push(path);
  }
  assert.deepEqual(named, []);
});

test("every file of the library says in its first line what it is for", () => {
  assert.deepEqual([...files].filter(([, text]) => !/^(?:\/\/ |\/\*\*)/.test(text)).map(([path]) => path), []);
});
