// The examples in docstrings and in README.md as programs: `EXPRESSION; // RESULT` has to print as it says.
import { NDArray } from "../../src/core/ndarray.ts";

/** One fenced block of TypeScript. */
export interface Example {
  /** The number of its first line in its file. */
  readonly line: number;
  readonly code: readonly string[];
}
/** The examples of a file: blocks of ts, in docstrings or in Markdown. */
export function examplesOf(text: string): Example[] {
  const found: Example[] = [];
  let code: string[] | null = null;
  text.split("\n").forEach((raw, i) => {
    const line = raw.replace(/^\s*\* ?/, "");
    if (code === null && /^```ts\s*$/.test(line)) found.push({ line: i + 2, code: code = [] });
    else if (code !== null && line.startsWith("```")) code = null;
    else code?.push(line);
  });
  return found;
}
/** A program of examples that calls `expect(file, line, value, result)` for each result that they state. */
export function programOf(
  files: readonly (readonly [name: string, text: string])[],
  library: string,
  checks: string,
): string {
  const bodies = files.flatMap(([name, text]) =>
    examplesOf(text).map(({ line, code }) => {
      const lines = code.filter((c) => !/^import .* from "sinter";$/.test(c)).map((c, i) => {
        const stated = /^(\s*)(?!const |let |return )(\S.*);\s+\/\/ (.+)$/.exec(c);
        if (stated === null) return c;
        const [, indent, expression, result] = stated, at = JSON.stringify(`${name}:${line + i}`);
        return `${indent}await expect(${at}, async () => (${expression}), ${JSON.stringify(result)});`;
      });
      return `async () => {\n${lines.join("\n")}\n}`;
    })
  );
  return `import * as mx from ${JSON.stringify(library)};
import { expect } from ${JSON.stringify(checks)};
import { tmpdir } from "node:os";
export { tmpdir };
export const examples: readonly (() => Promise<void>)[] = [\n${bodies.join(",\n")}\n];\n`;
}

/** A value as examples state it: arrays as they print, on one line, other values as they are written in TypeScript. */
export function shown(v: unknown): string {
  if (v instanceof NDArray) return String(v).replace(/\s+/g, " ");
  if (typeof v === "string") return JSON.stringify(v);
  if (typeof v === "bigint") return `${v}n`;
  if (Object.is(v, -0)) return "-0";
  if (Array.isArray(v)) return `[${v.map(shown).join(", ")}]`;
  if (ArrayBuffer.isView(v)) {
    return `${v.constructor.name} [${Array.from(v as unknown as ArrayLike<unknown>, shown).join(", ")}]`;
  }
  if (typeof v === "object" && v !== null) {
    const pairs = Object.entries(v).map(([k, x]) => `${k}: ${shown(x)}`);
    return `{ ${pairs.join(", ")} }`;
  }
  return String(v);
}
/** What does not print as its example says. An error is stated by its class and the beginning of its message. */
export const wrong: string[] = [];
/** Notes an example whose expression does not give the stated result. */
export async function expect(at: string, expression: () => Promise<unknown>, result: string): Promise<void> {
  let got: string;
  try {
    got = shown(await expression());
  } catch (e) {
    got = `${(e as Error).name}: ${(e as Error).message.split("\n")[0]}`;
    if (result.endsWith("...") && got.startsWith(result.slice(0, -3))) return;
  }
  if (got !== result) wrong.push(`${at}: ${got}\n    it says ${result}`);
}
