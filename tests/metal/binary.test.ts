// Checks of what a Mac is given: the library for arm64 macOS, byte by byte, and the table of Objective-C messages against recorded signatures.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, tools } from "../../scripts/tools.ts";

const TARGET = "aarch64-macos.13.0";

/** The parts of a Mach-O file that are checked. */
interface Binary {
  readonly bytes: Uint8Array;
  readonly libraries: readonly string[];
  /** Symbols of others, and those that it exports. */
  readonly undefined: readonly string[];
  readonly exported: readonly string[];
  readonly minimum: string;
  readonly signature: { readonly offset: number; readonly size: number };
}
function read(path: string): Binary {
  const bytes = new Uint8Array(readFileSync(path)), view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number): number => view.getUint32(at, true);
  const string = (at: number): string => new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  assert.equal(u32(0), 0xfeedfacf, "a 64-bit Mach-O file");
  assert.equal(u32(4), 0x0100000c, "for arm64");
  const libraries: string[] = [], undefinedNames: string[] = [], exported: string[] = [];
  let minimum = "", signature = { offset: 0, size: 0 };
  for (let i = 0, at = 32; i < u32(16); i++, at += u32(at + 4)) {
    switch (u32(at)) {
      case 0xc: // LC_LOAD_DYLIB
      case 0x80000018: // LC_LOAD_WEAK_DYLIB
        libraries.push(string(at + u32(at + 8)));
        break;
      case 0x1d: // LC_CODE_SIGNATURE
        signature = { offset: u32(at + 8), size: u32(at + 12) };
        break;
      case 0x32: // LC_BUILD_VERSION
        minimum = `${u32(at + 12) >> 16}.${u32(at + 12) >> 8 & 255}`;
        break;
      case 0x2: // LC_SYMTAB
        for (let k = 0; k < u32(at + 12); k++) {
          const entry = u32(at + 8) + 16 * k,
            type = bytes[entry + 4] as number,
            name = string(u32(at + 16) + u32(entry));
          if ((type & 0xe0) !== 0 || (type & 1) === 0) continue; // debugging, or not external
          if ((type & 0xe) === 0) undefinedNames.push(name);
          else if ((type & 0x10) === 0) exported.push(name);
        }
        break;
    }
  }
  return { bytes, libraries, undefined: undefinedNames, exported, minimum, signature };
}

const built = spawnSync(tools.zig, ["build", "cross", `-Dtargets=${TARGET}`], { cwd: root, encoding: "utf8" });
const binary = built.status === 0 ? read(join(root, "zig-out", TARGET, "libsinter.dylib")) : null;

test("the library for arm64 macOS is built without an SDK", () => {
  assert.equal(built.status, 0, built.stderr);
});
test("it exports the ABI, for macOS 13, and needs libSystem alone", () => {
  assert.ok(binary !== null);
  const header = readFileSync(join(root, "shim/sinter.h"), "utf8");
  const abi = [...header.matchAll(/^SN_EXPORT .*?\b(sn_\w+)\(/gm)].map((m) => `_${m[1]}`);
  assert.ok(abi.length > 20);
  for (const name of abi) assert.ok(binary.exported.includes(name), name);
  assert.deepEqual(
    binary.exported.filter((name) => !abi.includes(name) && !/^_(sn|napi)_|^__mh_|^___dso/.test(name)),
    [],
  );
  assert.deepEqual(binary.libraries, ["/usr/lib/libSystem.B.dylib"]);
  assert.equal(binary.minimum, "13.0");
  // Frameworks are opened at run time: nothing of theirs, of Objective-C or of Node may be linked.
  assert.deepEqual(binary.undefined.filter((name) => /^_(objc|OBJC|MTL|NS|CF|CG|cblas|napi|vDSP)/.test(name)), []);
});
test("its ad-hoc signature holds the hash of every page", () => {
  assert.ok(binary !== null);
  const { bytes, signature } = binary, view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number): number => view.getUint32(at);
  assert.ok(signature.size > 0, "arm64 runs no library without a signature");
  assert.equal(u32(signature.offset), 0xfade0cc0);
  let directories = 0;
  for (let i = 0; i < u32(signature.offset + 8); i++) {
    const at = signature.offset + u32(signature.offset + 16 + 8 * i);
    if (u32(at) !== 0xfade0c02) continue;
    directories++;
    const hashes = at + u32(at + 16), slots = u32(at + 28), limit = u32(at + 32);
    const size = bytes[at + 36] as number, page = 1 << (bytes[at + 39] as number);
    assert.equal(u32(at + 12) & 2, 2, "ad hoc");
    assert.equal(slots, Math.ceil(limit / page));
    for (let k = 0; k < slots; k++) {
      const want = createHash("sha256").update(bytes.subarray(k * page, Math.min((k + 1) * page, limit))).digest("hex");
      assert.equal(
        Buffer.from(bytes.subarray(hashes + k * size, hashes + (k + 1) * size)).toString("hex"),
        want,
        `page ${k}`,
      );
    }
  }
  assert.equal(directories, 1);
});

/** Messages that the recorded headers (Metal of macOS 14's SDK) do not have: Foundation's oldest, and what is newer. */
const UNRECORDED = new Set([
  "NSURL fileURLWithPath:",
  "NSArray arrayWithObject:",
  "NSObject new",
  "NSProcessInfo processInfo",
  "NSProcessInfo isOperatingSystemAtLeastVersion:",
  "MTLCompileOptions setMathMode:",
  "MTLCompileOptions setMathFloatingPointFunctions:",
]);
/** Whether a recorded type is passed as a type of the table is. */
function passes(table: string, recorded: string): boolean {
  const r = recorded.replaceAll(/ ?_N\w+/g, "").trim();
  switch (table) {
    case "id *":
      return /\*\s?\*$/.test(r) || r === "MTLAutoreleasedComputePipelineReflection *";
    case "id":
      return r === "id" || /^id<\w+>$/.test(r) || (/^(NS|MTL)\w+(<.*>)? \*$/.test(r));
    case "BOOL":
      return r === "bool";
    case "NSUInteger":
      return r === "unsigned long" || r.startsWith("enum MTL");
    case "NSInteger":
      return r === "long" || r === "enum MTLGPUFamily" || r === "enum MTLMathMode";
    case "void *":
      return r === "void *" || r.startsWith("void (^)");
    default:
      return r === table;
  }
}
/** What is wrong with a table of methods. */
function mistakes(table: string): string[] {
  const rows = [...table.matchAll(/X\((\w+),\s*(\w+),\s*([IC]),\s*(\d+),\s*"([^"]+)",\s*([^,]+?),\s*\((.*?)\)\)/g)];
  assert.ok(rows.length > 40);
  const recorded = new Map(
    readFileSync(new URL("selectors.tsv", import.meta.url), "utf8").trimEnd().split("\n").map((line) => {
      const [owner, kind, selector, result, args = ""] = line.split("\t");
      return [`${kind === "+" ? "C" : "I"} ${owner} ${selector}`, {
        result: result as string,
        args: args === "" ? [] : args.split("; "),
      }];
    }),
  );
  const bad: string[] = [];
  for (const [, , owner, kind, , selector, result, list] of rows as unknown as string[][]) {
    if (UNRECORDED.has(`${owner} ${selector}`)) continue;
    const r = recorded.get(`${kind} ${owner} ${selector}`), args = list === "" ? [] : (list as string).split(/,\s*/);
    if (r === undefined) bad.push(`${owner} has no ${selector}`);
    else if (!passes(result as string, r.result)) bad.push(`${selector} gives ${r.result}, not ${result}`);
    else if (args.length !== r.args.length || args.some((a, i) => !passes(a, r.args[i] as string))) {
      bad.push(`${selector} takes ${r.args.join()}, not ${list}`);
    }
  }
  return bad;
}
test("every Objective-C message has the type that Apple's headers give it", () => {
  const table = readFileSync(join(root, "shim/metal/methods.h"), "utf8");
  assert.deepEqual(mistakes(table), []);
  // Mistakes of every kind are seen.
  const planted: readonly (readonly [string, string, RegExp])[] = [
    ["newBufferWithLength:options:", "newBufferWithLength:option:", /has no newBufferWithLength:option:/],
    ['"hasUnifiedMemory", BOOL', '"hasUnifiedMemory", NSUInteger', /hasUnifiedMemory gives bool/],
    ["(MTLSize, MTLSize)", "(MTLSize, id)", /dispatchThreadgroups.*takes/],
    ["void, (id, NSUInteger, NSUInteger)", "void, (id, NSUInteger)", /setBuffer.*takes/],
    ["commit,           MTLCommandBuffer, ", "commit,           MTLCommandQueue, ", /MTLCommandQueue has no commit/],
    ['C, 13, "stringWithUTF8String:"', 'I, 13, "stringWithUTF8String:"', /NSString has no stringWithUTF8String:/],
  ];
  for (const [from, to, text] of planted) {
    assert.ok(table.includes(from), from);
    assert.match(mistakes(table.replace(from, to)).join("\n"), text);
  }
});
