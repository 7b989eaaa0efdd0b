// Everything but the tests' results: types in both type checkers, lint, format, and the layers.
import process from "node:process";
import { filesUnder, shown, tools } from "./tools.ts";

const sources = ["src", "tests", "scripts", "examples", "bench"].flatMap(filesUnder).filter((path) =>
  path.endsWith(".ts")
);
const steps: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ["tsc", tools.tsc, ["--noEmit"]],
  ["deno check", tools.deno, ["check", "--quiet", ...sources]],
  ["deno lint", tools.deno, ["lint", "--quiet"]],
  ["deno fmt", tools.deno, ["fmt", "--check", "--quiet"]],
  ["layers", tools.bun, ["test", "./tests/layers.test.ts"]],
];

const bad: string[] = [];
for (const [name, command, args] of steps) {
  console.log(`--- ${name} ---`);
  const { code } = await shown(command, args);
  if (code !== 0) bad.push(name);
}
console.log(bad.length === 0 ? "\nall checks passed" : `\nfailed: ${bad.join(", ")}`);
process.exitCode = bad.length === 0 ? 0 : 1;
