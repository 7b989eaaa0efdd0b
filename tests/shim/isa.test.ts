// Tests shim/ on every instruction set that the machine has: the other tests of this folder, in processes of their own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { native } from "../support/shim.ts";

const files = ["machine", "functions", "refusals", "loops"].map((name) =>
  fileURLToPath(new URL(`${name}.test.ts`, import.meta.url))
);
const args = "Bun" in globalThis ? ["test", "--timeout", "7200000"] : ["test", "-A", "--no-check"];
for (const isa of ["base", "avx2"]) {
  const skip = process.arch !== "x64" || (isa !== "base" && native.info()["isa"] === "base");
  test(`the same on the instruction set ${isa}`, { skip }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, ...files], {
      env: { ...process.env, SINTER_ISA: isa },
      encoding: "utf8",
    });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
}
