// Runs the test suite on Metal, under both engines: `bun run metal [--seeds n] [--checked] [part of a path ...]`. On a Mac that is its GPU; elsewhere
// the simulator, once for each seed, which orders what Metal leaves open; with --checked it watches every load and store.
import { join } from "node:path";
import process from "node:process";
import { quietly, root, shown, tools } from "./tools.ts";

/** What runs on a device, but for what is timed or names its devices itself. */
const SUITE = [
  "tests/ops",
  "tests/transform",
  "tests/generated",
  "tests/io",
  "tests/conformance",
  "tests/vectors",
  "tests/runtime/errors",
  "tests/metal",
];

const words = process.argv.slice(2), parts: string[] = [];
let seeds = 1, checked = false;
for (let i = 0; i < words.length; i++) {
  if (words[i] === "--checked") checked = true;
  else if (words[i] === "--seeds") seeds = Number(words[++i]);
  else parts.push(words[i] as string);
}
const simulated = process.platform !== "darwin", library = join(root, "zig-out/lib/libmetalsim.so");
if (simulated) quietly(tools.zig, ["build", "metalsim"]);

let bad = 0;
for (let seed = 0; seed < (simulated ? seeds : 1); seed++) {
  const env = simulated
    ? { SINTER_METAL_LIBRARY: library, METALSIM_SEED: String(seed), METALSIM_CHECKED: checked ? "1" : "0" }
    : undefined;
  console.log(simulated ? `\n=== simulated Metal, seed ${seed}${checked ? ", checked" : ""} ===` : "\n=== Metal ===");
  const suite = parts.length > 0 ? parts : simulated ? SUITE.slice(0, -1) : SUITE;
  const { code, output } = await shown(tools.bun, ["scripts/test.ts", ...suite], { SINTER_DEVICE: "gpu", ...env });
  const broken = output.split("\n").filter((line) => line.startsWith("[metalsim]"));
  if (broken.length > 0) {
    console.log(`${broken.length} rules of Metal were broken:\n${[...new Set(broken)].join("\n")}`);
  }
  if (code !== 0 || broken.length > 0) bad++;
}
process.exitCode = bad === 0 ? 0 : 1;
