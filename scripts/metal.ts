// Runs the test suite on Metal, under both engines: `bun run metal [--seeds n] [--checked] [--demo] [part of a path ...]`. On a Mac that is its GPU;
// elsewhere the simulator, once for each seed, which orders what Metal leaves open; with --checked it watches every load and store.
// --demo runs the demo instead. The last lines say what was counted.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { quietly, root, shown, tools } from "./tools.ts";

/** What runs on a device, but for what is timed or names its devices itself; tests/metal, below the compiler, is `bun run test`'s on the simulator. */
const SUITE = [
  "tests/conformance",
  "tests/generated",
  "tests/ops",
  "tests/transform",
  "tests/io",
  "tests/memory/limits",
  "tests/memory/steady",
  "tests/runtime/arena",
  "tests/runtime/async",
  "tests/runtime/compile",
  "tests/runtime/errors",
  "tests/runtime/explain",
  "tests/runtime/indices",
  "tests/examples",
];
/** The simulator's counts, in the order of its file (tests/metalsim/sim.h). */
const COUNTS = ["", "texts compiled", "texts loaded", "dispatches", "loads and stores checked", "rules broken"];

const words = process.argv.slice(2), parts: string[] = [];
let seeds = 1, checked = false, demo = false;
for (let i = 0; i < words.length; i++) {
  if (words[i] === "--checked") checked = true;
  else if (words[i] === "--demo") demo = true;
  else if (words[i] === "--seeds") seeds = Number(words[++i]);
  else parts.push(words[i] as string);
}
const simulated = process.platform !== "darwin", library = join(root, "zig-out/lib/libmetalsim.so");
if (simulated) quietly(tools.zig, ["build", "metalsim"]);
const folder = mkdtempSync(join(tmpdir(), "sinter-")), results: string[] = [];
let bad = 0;
for (let seed = 0; seed < (simulated ? seeds : 1); seed++) {
  const title = simulated ? `simulated Metal, seed ${seed}${checked ? ", checked" : ""}` : "Metal";
  const counts = join(folder, String(seed)), env: Record<string, string> = { SINTER_DEVICE: "gpu" };
  if (simulated) {
    Object.assign(env, {
      SINTER_METAL_LIBRARY: library,
      METALSIM_SEED: String(seed),
      METALSIM_CHECKED: checked ? "1" : "0",
      METALSIM_COUNTS: counts,
    });
  }
  console.log(`\n=== ${title} ===`);
  const suite = parts.length > 0 ? parts : simulated ? SUITE : [...SUITE, "tests/metal"];
  const { code, output } = await shown(tools.bun, demo ? ["examples/demo.ts"] : ["scripts/test.ts", ...suite], env);
  const broken = new Set(output.split("\n").filter((line) => line.includes("[metalsim]")));
  if (broken.size > 0) console.log(`Rules of Metal were broken:\n${[...broken].join("\n")}`);
  if (code !== 0 || broken.size > 0) bad++;
  let counted = "";
  if (simulated) {
    const all = new BigInt64Array(readFileSync(counts).buffer.slice(0, 8 * COUNTS.length));
    counted = `; ${COUNTS.flatMap((name, i) => name === "" ? [] : [`${all[i]} ${name}`]).join(", ")}`;
  }
  results.push(`${title}: ${code === 0 && broken.size === 0 ? "passed" : "FAILED"}${counted}`);
}
rmSync(folder, { recursive: true });
console.log(`\n${results.join("\n")}`);
process.exitCode = bad === 0 ? 0 : 1;
