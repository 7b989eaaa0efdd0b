// What the scripts share: the project's root, its pinned tools, and running a command.
import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const windows = process.platform === "win32";

/** The project's root folder. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** Executables of the pinned development dependencies; nothing global is used. */
export const tools = {
  bun: join(root, "node_modules/.bin", windows ? "bun.exe" : "bun"),
  deno: join(root, "node_modules/deno", windows ? "deno.exe" : "deno"),
  tsc: join(root, "node_modules/.bin", windows ? "tsc.exe" : "tsc"),
  zig: join(root, "node_modules/.bin", windows ? "zig.exe" : "zig"),
} as const;

/** Every file under a folder of the project, as sorted paths relative to the root with `/`. */
export function filesUnder(folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
  return entries.filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}

/** Runs a command quietly; ends this process with the command's output if it fails. */
export function quietly(command: string, args: readonly string[]): void {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
  console.error(`Failed: ${command} ${args.join(" ")}${error === undefined ? "" : ` (${error.message})`}`);
  process.exit(1);
}

/**
 * Runs a command with its output shown line by line as it comes, behind `prefix`, and environment variables added; returns its exit code and the
 * output without colours.
 */
export function shown(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  prefix = "",
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    let output = "";
    const take = (from: Readable, to: NodeJS.WriteStream): void => {
      createInterface({ input: from, crlfDelay: Infinity }).on("line", (line) => {
        to.write(`${prefix}${line}\n`);
        output += `${line}\n`;
      });
    };
    take(child.stdout, process.stdout);
    take(child.stderr, process.stderr);
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    // deno-lint-ignore no-control-regex -- the escape sequences of colours
    child.on("close", (code) => resolve({ code: code ?? 1, output: output.replace(/\x1b\[[0-9;]*m/g, "") }));
  });
}
