// Runs the test suite under Bun and then under Deno: `bun run test [part of a path ...]`. The last line sums both.
import process from "node:process";
import { filesUnder, shown, tools } from "./tools.ts";

const wanted = process.argv.slice(2);
const files = filesUnder("tests")
  .filter((path) => path.endsWith(".test.ts") && (wanted.length === 0 || wanted.some((part) => path.includes(part))))
  .map((path) => `./${path}`);

let passed = 0;
let failed = 0;

/** Runs one engine's test runner and adds what its summary says; a run that ends badly counts as a failure at least. */
async function run(engine: string, command: string, args: string[], pass: RegExp, fail: RegExp): Promise<void> {
  console.log(`\n--- ${engine} ---`);
  const { code, output } = await shown(command, [...args, ...files]);
  const last = (pattern: RegExp): number => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  passed += last(pass);
  const failures = last(fail);
  failed += code !== 0 ? Math.max(1, failures) : failures;
  if (code !== 0 && failures === 0) console.log(`${engine}'s test runner ended with code ${code}`);
}

if (files.length === 0) {
  console.error("No test file matches");
  failed = 1;
} else {
  await run("Bun", tools.bun, ["test", "--timeout", "120000"], /^\s*(\d+) pass$/gm, /^\s*(\d+) fail$/gm);
  await run(
    "Deno",
    tools.deno,
    ["test", "-A", "--no-check"],
    /^\w+ \| (\d+) passed\b/gm,
    /^\w+ \| \d+ passed.* \| (\d+) failed\b/gm,
  );
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
