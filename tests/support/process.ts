// Programs in processes of their own, for what a process decides once.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../scripts/tools.ts";

/** What a program prints, with these environment variables; `mx` is the library. */
export function printed(program: string, env: Readonly<Record<string, string>>): string {
  const text = `import * as mx from "${join(root, "mod.ts")}";\n${program}`;
  const args = "Deno" in globalThis ? ["eval", "--no-check", text] : ["-e", text];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}
