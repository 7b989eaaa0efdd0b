// Tests that index arrays out of range are RangeErrors with the line that recorded the op, under SINTER_CHECK=1, and are held inside without it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** The lines that the program of support/indices.ts prints. */
function lines(check: string): Promise<string[]> {
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...args, fileURLToPath(new URL("../support/indices.ts", import.meta.url))], {
      env: { ...process.env, SINTER_CHECK: check, NO_COLOR: "1" },
    }, (error, stdout) => error === null ? resolve(stdout.trim().split("\n")) : reject(error));
  });
}

test("index arrays are checked in debug mode", async () => {
  const out = await lines("1");
  const fails = (i: number, text: string, line: number): void =>
    assert.match(out[i] as string, new RegExp(`^RangeError: Cannot ${text} .* at .*indices\\.ts:${line}$`));
  fails(0, "gather: index 3 is out of range for axis 0 of length 3 \\(element 1 of 3\\)", 12);
  fails(1, "gather: index 4 is out of range for axis 1 of length 4 \\(element 0 of 1\\)", 14);
  fails(2, "scatter: index -4 is out of range for axis 0 of length 3 \\(element 0 of 1\\)", 16);
  fails(3, "gather: index 9 is out of range for axis 1 of length 4 \\(element 0 of 1\\)", 18);
  assert.equal(out[4], "[0,1,2,3,8,9,10,11]");
  assert.equal(out[5], "[1,1,2,4,5,5,6,8,9,9,10,12]");
});
test("without it they are held inside the array", async () => {
  const out = await lines("0");
  assert.ok(out.every((line) => line.startsWith("[")), out.join("\n"));
});
