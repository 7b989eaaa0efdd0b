// A vendor's BLAS and LAPACK, which a stand-in plays: which names are taken, how wide integers are, and that results are right.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { tools } from "../../scripts/tools.ts";
import { COUNTED, type Report } from "../support/vendor_blas.ts";

const folder = mkdtempSync(join(tmpdir(), "sinter-"));
after(() => rmSync(folder, { recursive: true }));
const here = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

function run(blas: string): Report {
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", here("vendor_blas.ts")] : [here("vendor_blas.ts")];
  const env = { ...process.env, SINTER_BLAS: blas, SINTER_DEVICE: "cpu" };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Report;
}
/** Runs with a stand-in that is compiled with a flag. */
function standin(flag: string): Report {
  const file = join(folder, `lib${flag.slice(2)}.so`);
  const args = ["cc", "-shared", "-fPIC", "-O2", flag, here("standin_blas.c"), "-o", file];
  const { status, stderr } = spawnSync(tools.zig, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return run(file);
}
/** Units of precision that a result may be off by: matrices have 70 rows, and conditions of some hundreds. */
function right({ far }: Report): void {
  assert.ok(Object.keys(far).length > 30);
  for (const [name, units] of Object.entries(far)) assert.ok(units < 65536, `${name}: ${units} units`);
}

test("none: our own do it all", () => {
  const own = run("none");
  assert.deepEqual([own.blas, own.lapack], ["own", "own"]);
  right(own);
});
for (
  const [what, flag, name] of [
    ["the names that end in $NEWLAPACK are taken, and the old ones are not", "-DNEW", "vendor (libNEW.so$NEWLAPACK)"],
    ["old names, where there are no others", "-DOLD", "vendor (libOLD.so)"],
    ["64-bit integers", "-DWIDE", "vendor (libWIDE.so)"],
  ] as const
) {
  test(`a vendor's library: ${what}`, () => {
    if (process.platform === "win32") return;
    const made = standin(flag);
    assert.deepEqual([made.blas, made.lapack], [name, name]);
    right(made);
    COUNTED.forEach((of, i) => {
      const times = made.calls[i] as number;
      if (of === "spoiled") assert.equal(times, 0);
      else assert.ok(times > 0, of);
    });
  });
}
