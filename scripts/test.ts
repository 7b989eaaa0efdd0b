// Runs the test suite under Bun and under Deno at the same time, on the CPU, on the test device and in part on Metal: `bun run test [part of a path ...]`. The last line sums all.
// SINTER_DEVICE=cpu or fake runs all of it on that device alone.
import { join } from "node:path";
import process from "node:process";
import { filesUnder, quietly, root, shown, tools } from "./tools.ts";

const wanted = process.argv.slice(2);
const files = filesUnder("tests")
  .filter((path) => path.endsWith(".test.ts") && (wanted.length === 0 || wanted.some((part) => path.includes(part))))
  .map((path) => `./${path}`);

const METAL = /^\.\/tests\/metal\//;
/** What is the same on every device, as it is below them, and what names its devices itself. */
const DEVICELESS = /^\.\/tests\/(metal|base|kernel|blas|shim|vectors|layers|runtime\/(ffi|devices))/;
/** Long, and about numbers or a collector rather than what lies between an engine and a device: on the test device under Bun only. */
const BUN_ONLY = /^\.\/tests\/(memory\/(flat|limits)|generated\/(ops|gradients|lengths|shapeless))/;

/** What runs on Metal too, simulated but on a Mac; the rest of the suite does by `bun run metal`. */
const ON_METAL = /^\.\/tests\/(transform|io|ops\/sort|runtime\/(async|compile|errors|explain|indices))/;
const simulated = process.platform !== "darwin";
const METAL_ENV: Readonly<Record<string, string>> = simulated
  ? { SINTER_METAL_LIBRARY: join(root, "zig-out/lib/libmetalsim.so") }
  : {};

interface Engine {
  readonly command: string;
  readonly args: readonly string[];
  readonly pass: RegExp;
  readonly fail: RegExp;
}
const ENGINES: Readonly<Record<string, Engine>> = {
  Bun: {
    command: tools.bun,
    args: ["test", "--timeout", "7200000"],
    pass: /^\s*(\d+) pass$/gm,
    fail: /^\s*(\d+) fail$/gm,
  },
  Deno: {
    command: tools.deno,
    args: ["test", "-A", "--no-check"],
    pass: /^\w+ \| (\d+) passed\b/gm,
    fail: /^\w+ \| \d+ passed.* \| (\d+) failed\b/gm,
  },
};

let passed = 0;
let failed = 0;

/** Runs one engine's test runner and adds what its summary says; a run that ends badly counts as a failure at least. */
async function run(
  engine: string,
  device: string,
  paths: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (paths.length === 0) return;
  const { command, args, pass, fail } = ENGINES[engine] as Engine;
  const prefix = `${engine.padEnd(4)} | `;
  console.log(`${prefix}--- on ${device} ---`);
  const { code, output } = await shown(command, [...args, ...paths], { SINTER_DEVICE: device, ...more }, prefix);
  const last = (pattern: RegExp): number => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  passed += last(pass);
  const failures = last(fail);
  failed += code !== 0 ? Math.max(1, failures) : failures;
  if (device === "gpu" && /^\[metalsim\]/m.test(output)) {
    failed++;
    console.log("Rules of Metal were broken");
  }
  if (code !== 0 && failures === 0) console.log(`${engine}'s test runner ended with code ${code}`);
}

if (files.length === 0) {
  console.error("No test file matches");
  failed = 1;
} else {
  const named = process.env["SINTER_DEVICE"] ?? "", engines = Object.keys(ENGINES);
  const onMetal = process.platform === "win32" ? [] : files.filter((path) => ON_METAL.test(path));
  if (named === "" && simulated && onMetal.length > 0) quietly(tools.zig, ["build", "metalsim"]);
  const suite = async (engine: string): Promise<void> => {
    const fake = (): Promise<void> =>
      run(engine, "fake", files.filter((p) => !DEVICELESS.test(p) && (engine === "Bun" || !BUN_ONLY.test(p))));
    // What Bun compiled for the simulator, Deno finds.
    if (engine === "Deno") await fake();
    // The simulator has to be there before the library first looks for Metal: a process of its own.
    await run(engine, "cpu", files.filter((path) => !METAL.test(path)));
    await run(engine, "cpu", files.filter((path) => METAL.test(path)));
    await run(engine, "gpu", onMetal, METAL_ENV);
    if (engine !== "Deno") await fake();
  };
  // The tests of one engine leave a core idle. On a device, what one engine compiled the other finds: they start at opposite ends.
  await Promise.all(
    engines.map((engine) =>
      named === "" ? suite(engine) : run(engine, named, engine === "Deno" ? files.toReversed() : files)
    ),
  );
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
