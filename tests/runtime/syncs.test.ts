// Sync points: where devices and the host wait for one another, what goes back and forth, and who is not waited for.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as mx from "../../mod.ts";
import { fake } from "../../src/core/device.ts";
import { forgetSyncs } from "../../src/runtime/syncs.ts";
import { CPU_WAITS, DEVICE_WAITS, HOST_WAITS, rounds } from "../support/back_and_forth.ts";

beforeEach(forgetSyncs);
const told = (x: mx.NDArray) => mx.explain(x).syncs.filter((s) => s.waits !== "host");

test("explain names who waits for whom, at which lines, and what goes back and forth", () => {
  const one = told(rounds(fake, 1, false));
  assert.deepEqual(
    one.map(({ waits, for: on, times, reason, backAndForth }) => [waits, on, times, reason, backAndForth]),
    [
      ["cpu", "fake", 1, "multiply runs on cpu", false],
      ["fake", "cpu", 1, "subtract runs on fake", false],
    ],
  );
  const many = rounds(fake, 4, false), syncs = told(many);
  assert.deepEqual(syncs.map((s) => [s.waits, s.times, s.backAndForth]), [["cpu", 4, true], ["fake", 4, true]]);
  for (const [i, line] of [CPU_WAITS, DEVICE_WAITS].entries()) {
    assert.equal(syncs[i]?.lines.length, 1);
    assert.ok(syncs[i]?.lines[0]?.endsWith(line));
  }
  assert.match(String(mx.explain(many)), /sync: fake waits for cpu 4 times at .*; values go back and forth/);
  assert.deepEqual(many.tolist(), [1, 1, 1, 1]);
});

test("a loop over evals is one too, and the host's waits are told with its lines", () => {
  const last = rounds(fake, 5, true), again = rounds(fake, 1, false);
  assert.ok(told(again).every((s) => s.backAndForth));
  const host = mx.explain(last).syncs.find((s) => s.waits === "host" && s.for === "fake");
  assert.ok(host !== undefined && host.times >= 5);
  assert.ok(host.lines.some((line) => line.endsWith(HOST_WAITS)));
  // What goes one way only is no loop, and work of the CPU alone has no sync point.
  const x = mx.stream(mx.cpu, () => mx.ones([2]).add(1)) as mx.NDArray;
  assert.deepEqual(told(x), []);
});

test("DEBUG=1 tells the same while it happens", () => {
  const child = fileURLToPath(new URL("../support/back_and_forth.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", child, "fake"] : [child, "fake"];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, DEBUG: "1" },
  });
  assert.equal(status, 0, stderr);
  const lines = stderr.split("\n").filter((line) => line.startsWith("sinter: sync: "));
  const has = (...parts: readonly string[]): boolean => lines.some((line) => parts.every((p) => line.includes(p)));
  assert.ok(has("cpu waits for fake at", `${CPU_WAITS}: multiply runs on cpu`), stderr);
  assert.ok(has("cpu waits for fake at", `${CPU_WAITS}, 4 times so far`), stderr);
  assert.ok(has("host waits for fake at", HOST_WAITS), stderr);
  const loops = lines.filter((line) => line.includes("go back and forth between"));
  assert.equal(loops.length, 1);
  assert.ok(loops.every((line) => line.includes(CPU_WAITS) && line.includes(DEVICE_WAITS)));
});
