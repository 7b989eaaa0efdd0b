// Runs the benchmarks, each under Bun and then under Deno: `bun run bench [part of a path ...]`. One file is one question.
import process from "node:process";
import { filesUnder, shown, tools } from "./tools.ts";

const wanted = process.argv.slice(2);
const files = filesUnder("bench")
  .filter((path) => path.endsWith(".bench.ts") && (wanted.length === 0 || wanted.some((part) => path.includes(part))));
let failed = 0;
for (const file of files) {
  for (
    const [engine, command, args] of [["Bun", tools.bun, []], ["Deno", tools.deno, [
      "run",
      "-A",
      "--no-check",
    ]]] as const
  ) {
    console.log(`\n--- ${file}, ${engine} ---`);
    if ((await shown(command, [...args, file])).code !== 0) failed++;
  }
}
if (files.length === 0) console.log("No benchmark file matches");
process.exitCode = failed === 0 ? 0 : 1;
