// Builds the errors that sinter throws: the text, and the line of the user's program that led to it.

const here: string = plainPath(import.meta.url);
const own: readonly string[] = ownPrefixes(here);

/** An error made here, whose stack reaches the user's line. V8's keeps what methods were called on alive until the stack is asked for. */
export function trail(): Error {
  // The default limit of ten frames can end inside sinter.
  const limited = Error as unknown as { stackTraceLimit?: number };
  const before = limited.stackTraceLimit;
  limited.stackTraceLimit = 100;
  const made = new Error();
  if (before !== undefined) limited.stackTraceLimit = before;
  return made;
}

/** "file:line" of the first stack frame outside sinter's own files, or "" if there is none. */
export function site(): string {
  return siteOf(trail().stack ?? "");
}

/** "file:line" of the first frame of a stack text outside sinter's own files, or "" if there is none. */
export function siteOf(stack: string): string {
  for (const line of stack.split("\n")) {
    const frame = /^\s*at (?:.*\(|async )?(.+?):(\d+)(?::\d+)?\)?\s*$/.exec(line);
    if (frame === null) continue;
    const [, raw = "", row = ""] = frame;
    if (/^(?:node|ext|bun|deno|native|internal):|^(?:native|unknown|<anonymous>|\[)/.test(raw)) continue;
    const file = plainPath(raw);
    if (own.some((prefix) => file === prefix || (prefix.endsWith("/") && file.startsWith(prefix)))) continue;
    return `${file}:${row}`;
  }
  return "";
}

/** A TypeError (a wrong type, dtype or shape) that ends with the user's line. */
export function typeError(message: string): TypeError {
  return new TypeError(withSite(message));
}

/** A RangeError (a value out of range) that ends with the user's line. */
export function rangeError(message: string): RangeError {
  return new RangeError(withSite(message));
}

/** An Error (a file, a device, a failed computation) that ends with the user's line. */
export function plainError(message: string): Error {
  return new Error(withSite(message));
}

function withSite(message: string): string {
  const at = site();
  return at === "" ? message : `${message}\n    at ${at}`;
}

function plainPath(url: string): string {
  if (!url.startsWith("file://")) return url.replaceAll("\\", "/");
  const path = url.slice("file://".length);
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function ownPrefixes(self: string): string[] {
  const base = self.lastIndexOf("/base/");
  // Bundled into a single file: that file alone is sinter's.
  if (base < 0) return [self];
  const src = self.slice(0, base + 1);
  return [src, `${src.slice(0, src.slice(0, -1).lastIndexOf("/") + 1)}mod.ts`];
}
