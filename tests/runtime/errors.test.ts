// Tests that bad input of every kind is an error of the right class with the user's line, and that the process goes on.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as mx from "../../mod.ts";

const folder = mkdtempSync(join(tmpdir(), "sinter-"));
after(() => rmSync(folder, { recursive: true }));

/** The call throws an error of this class that says this and ends with a line of this file; arrays work afterwards. */
function fails(kind: new (message?: string) => Error, text: RegExp, call: () => unknown): void {
  assert.throws(call, (e: unknown) => {
    assert.ok(e instanceof kind && (e as Error).constructor === kind, `expected ${kind.name}, got ${String(e)}`);
    assert.match((e as Error).message, text);
    assert.match((e as Error).message, /\n {4}at .*errors\.test\.ts:\d+$/);
    return true;
  });
  assert.equal(mx.sum(mx.array([1, 2])).item(), 3);
}

test("shapes that do not fit are TypeErrors", () => {
  const a = mx.ones([2, 3]), b = mx.ones([4, 5]);
  fails(TypeError, /\[2,3\].*\[4,5\]/, () => a.add(b));
  fails(TypeError, /\[2,3\].*\[4,5\]/, () => a.matmul(b));
  fails(TypeError, /\[2,3\].*\[4,5\]/, () => mx.concatenate([a, b], 1));
  fails(TypeError, /reshape/, () => a.reshape([7]));
  fails(TypeError, /broadcast/i, () => mx.broadcastTo(a, [2, 4]));
});

test("dtypes and values that are no arrays are TypeErrors", () => {
  fails(TypeError, /float33/, () => mx.zeros([2], "float33" as mx.DType));
  fails(TypeError, /add/, () => mx.add(mx.ones([2]), "two" as unknown as number));
  fails(TypeError, /scalar/, () => mx.grad((x: mx.NDArray) => x.mul(2))(mx.ones([2])));
  fails(TypeError, /ragged/, () => mx.array([[1, 2], [3]]));
  fails(TypeError, /no number/, () => mx.array(["1"] as unknown as number[]));
});

test("values out of range are RangeErrors", () => {
  const a = mx.ones([2, 3]);
  fails(RangeError, /-1/, () => mx.zeros([2, -1]));
  fails(RangeError, /5/, () => a.get(5));
  fails(RangeError, /axis|axes/i, () => a.sum(2));
  fails(RangeError, /300/, () => mx.array([300], "uint8"));
});

test("a singular matrix is an Error, and so is reading several elements as one", () => {
  fails(Error, /singular/i, () => mx.linalg.inv(mx.zeros([2, 2])).tolist());
  fails(Error, /singular/i, () => mx.eval(mx.linalg.solve(mx.zeros([2, 2]), mx.ones([2]))));
  fails(Error, /3 elements/, () => mx.ones([3]).item());
});

test("more elements than memory is an Error that names bytes", () => {
  fails(Error, /Cannot allocate .* MB/, () => mx.eval(mx.zeros([2 ** 20, 2 ** 20]).add(1)));
});

/** A .npy file of these header words and data. */
function npy(header: string, data: Uint8Array = new Uint8Array(0), length?: number): Uint8Array {
  const text = new TextEncoder().encode(header), out = new Uint8Array(10 + text.length + data.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (length ?? text.length) & 255, (length ?? text.length) >> 8]);
  out.set(text, 10);
  out.set(data, 10 + text.length);
  return out;
}
const head = (shape: string, descr = "<f4"): string =>
  `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`;

test("truncated and hostile .npy and .npz files are Errors", () => {
  const cases: Record<string, Uint8Array> = {
    "empty.npy": new Uint8Array(0),
    "magic.npy": new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    "short.npy": npy(head("(4,)"), new Uint8Array(15)),
    "header.npy": npy(head("(4,)"), new Uint8Array(16), 65535),
    "huge.npy": npy(head("(1099511627776, 1099511627776)"), new Uint8Array(16)),
    "negative.npy": npy(head("(-4,)"), new Uint8Array(16)),
    "object.npy": npy(head("(1,)", "|O"), new Uint8Array(16)),
    "code.npy": npy("__import__('os').system('true')\n", new Uint8Array(16)),
    "empty.npz": new Uint8Array(0),
    "text.npz": new TextEncoder().encode(
      "this is no archive at all, but long enough to be looked at for an end record",
    ),
    "end.npz": new Uint8Array([
      0x50,
      0x4b,
      5,
      6,
      0,
      0,
      0,
      0,
      255,
      255,
      255,
      255,
      255,
      255,
      255,
      127,
      255,
      255,
      255,
      127,
      0,
      0,
    ]),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    fails(Error, new RegExp(name.replace(".", "\\.")), () => mx.load(path));
  }
  fails(Error, /missing\.npy/, () => mx.load(join(folder, "missing.npy")));
  // A good archive, cut at every length.
  const path = join(folder, "good.npz"), cut = join(folder, "cut.npz");
  mx.savez(path, { a: mx.ones([3]), b: mx.arange(5) });
  const whole = new Uint8Array(readFileSync(path));
  for (let n = 0; n < whole.length; n += 7) {
    writeFileSync(cut, whole.subarray(0, n));
    assert.throws(() => mx.load(cut), Error);
  }
});

test("a library that is no library is an Error that names it, in a process that goes on", async () => {
  const path = join(folder, "library.so");
  writeFileSync(path, "just text\n");
  const deno = "Deno" in globalThis, here = new URL("../../mod.ts", import.meta.url).href;
  const text = `import * as mx from ${JSON.stringify(here)};
try { mx.eval(mx.ones([2]).add(1)); } catch (e) { console.log(e instanceof Error, e.message); }
try { mx.array([1]); } catch (e) { console.log(e.message); }
console.log("alive");`;
  const out = await new Promise<string>((resolve) => {
    execFile(process.execPath, [...(deno ? ["eval", "--ext=ts", "--no-check"] : ["-e"]), text], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { ...process.env, SINTER_LIBRARY: path },
    }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  assert.match(out, /^true Cannot open the native library .*library\.so \(from SINTER_LIBRARY\)/);
  assert.match(out, /alive\n$/);
});
