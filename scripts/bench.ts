// Runs the benchmarks: `bun run bench [options of bench/run.ts]`, or `bun run bench overhead` for the cost of a call in both runtimes.
// `--runtime deno` measures the cases under Deno.
import process from "node:process";
import { shown, tools } from "./tools.ts";

const args = process.argv.slice(2), deno = ["run", "-A", "--no-check"];
let code = 0;
if (args[0] === "overhead") {
  for (const [name, command, before] of [["Bun", tools.bun, []], ["Deno", tools.deno, deno]] as const) {
    console.log(`\n--- ${name} ---`);
    code ||= (await shown(command, [...before, "bench/overhead.ts", ...args.slice(1)])).code;
  }
} else {
  const at = args.indexOf("--runtime"), runtime = at < 0 ? "bun" : args.splice(at, 2)[1];
  code = (await shown(runtime === "deno" ? tools.deno : tools.bun, [
    ...(runtime === "deno" ? deno : []),
    "bench/run.ts",
    ...args,
  ])).code;
}
process.exitCode = code;
