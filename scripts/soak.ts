// The long forms of the memory tests: `bun scripts/soak.ts [loop ...]`, or the same with `deno run -A --no-check`. The names are
// small/LOOP (100,000 steps), large/LOOP (10,000 steps; LOOPS of tests/support/training.ts) and workers (100 rounds); all by default.
// Judged are the bytes in use at the most, and what stays resident beside the engine's heap and the cache, whose sizes follow the
// collector's cycles of some 60,000 small steps; the resident bytes of the last two quarters are printed beside them.
import process from "node:process";
import * as mx from "../mod.ts";
import { type Loop, LOOPS, train } from "../tests/support/training.ts";
import { terminatedWorkers } from "../tests/support/workers.ts";

const names = [...LOOPS.map((l) => `small/${l}`), ...LOOPS.map((l) => `large/${l}`), "workers"];
// A number scales all: 0.1 is a tenth of the steps.
const given = process.argv.slice(2), scale = Number(given.find((g) => Number(g) > 0) ?? 1);
const wanted = given.filter((g) => !(Number(g) > 0));
const engine = "Bun" in globalThis ? "bun" : "deno", mb = (x: number): string => (x / 1048576).toFixed(1).padStart(7);
for (const name of names) {
  if (wanted.length > 0 && !wanted.some((w) => name.startsWith(w))) continue;
  if (name === "workers") {
    mx.eval(mx.ones([4]).add(1));
    const start = mx.getActiveMemory(), rounds = Math.ceil(100 * scale);
    await terminatedWorkers(8, rounds);
    const left = mx.getActiveMemory() - start;
    console.log(`${engine} workers ${rounds} rounds of 8: ${left} bytes left`);
    if (left > 2e5) process.exitCode = 1;
    continue;
  }
  const large = name.startsWith("large"), steps = Math.ceil((large ? 10_000 : 100_000) * scale);
  const m = await train(name.slice(6) as Loop, steps, large);
  const good = m.peak <= 3 * m.step + 128 * 1048576 && m.kept[1] <= 1.05 * m.kept[0];
  console.log(
    `${engine} ${name.padEnd(16)} ${steps} steps ${m.microseconds.toFixed(0).padStart(6)} us | MB: one step ${
      mb(m.step)
    } peak ${mb(m.peak)} resident ${mb(m.early)} -> ${mb(m.late)} kept ${mb(m.kept[0])} -> ${mb(m.kept[1])} ${
      good ? "ok" : "NOT FLAT"
    }`,
  );
  if (!good) process.exitCode = 1;
}
