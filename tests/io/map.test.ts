// Large .npy files, which are mapped: values, writes that stay in memory, files that are replaced, other layouts, and memory that is given back.
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import * as mx from "../../mod.ts";
import { encodeNpy } from "../../src/io/npy.ts";

const folder = mkdtempSync(join(tmpdir(), "sinter-"));
after(() => rmSync(folder, { recursive: true }));
const N = 300_000, path = join(folder, "large.npy");
const values = Float32Array.from({ length: N }, (_, i) => i % 1000 / 8);
const write = (): void => mx.save(path, mx.array(values, { shape: [300, 1000] }));
const load = (): mx.NDArray => mx.load(path) as mx.NDArray;
const mapped = process.platform !== "win32" && mx.deviceInfo(mx.defaultDevice())["unified"] === "1";

test("a large file is no memory in use, and has its values", () => {
  write();
  const before = mx.getActiveMemory(), x = load();
  if (mapped) assert.ok(mx.getActiveMemory() <= before);
  assert.deepEqual([x.shape, x.dtype], [[300, 1000], "float32"]);
  assert.deepEqual(x.data(), values);
  assert.equal(x.get(299, 999).item(), values[N - 1]);
  assert.equal(
    mx.sum(x.T.get("1::2"), [0, 1]).item(),
    mx.sum(mx.array(values).reshape(300, 1000).T.get("1::2"), [0, 1]).item(),
  );
  for (const dtype of ["int64", "bfloat16", "complex64", "uint8"] as const) {
    const y = mx.arange(0, 1_100_000).astype(dtype);
    mx.save(path, y);
    assert.deepEqual(load().data(), y.data(), dtype);
  }
});

test("writes stay in memory: of the user, of set, and of a compiled function that may write over its argument", () => {
  write();
  const file = readFileSync(path), x = load(), y = load();
  (x.data() as Float32Array)[5] = 77;
  assert.equal(x.get(0, 5).item(), mapped ? 77 : x.get(0, 5).item());
  y.set([0], mx.zeros([1000]));
  y.set([1], 3);
  assert.equal(mx.sum(y.get("0:2")).item(), 3000);
  const step = mx.compile((a: mx.NDArray) => a.add(1), { donate: true });
  let z = load();
  for (let i = 0; i < 3; i++) z = step(z) as mx.NDArray;
  assert.equal(z.get(0, 1).item(), 3.125);
  assert.ok(readFileSync(path).equals(file));
  assert.deepEqual(load().data(), values);
});

test("a file that save replaces changes no array that was loaded from it", () => {
  write();
  const x = load();
  mx.save(path, x.mul(2).get(":1"));
  assert.equal(load().size, 1000);
  assert.deepEqual(x.data(), values);
  mx.save(path, x.add(1));
  assert.equal(load().get(0, 0).item(), 1);
  assert.equal(x.get(0, 0).item(), 0);
});

test("what cannot be mapped is read: other layouts, bytes behind the array; what is wrong is an Error", () => {
  const data = new Uint8Array(values.buffer), bytes = encodeNpy({ dtype: "float32", shape: [300, 1000], data });
  const text = String.fromCharCode(...bytes.subarray(0, 128));
  const changed = (from: string, to: string): Uint8Array => {
    const out = bytes.slice(), head = text.replace(from, to);
    for (let i = 0; i < 128; i++) out[i] = head.charCodeAt(i);
    return out;
  };
  writeFileSync(path, changed("'fortran_order': False", "'fortran_order':  True"));
  assert.equal(load().get(1, 2).item(), values[2 * 300 + 1]);
  const big = changed("<f4", ">f4");
  big.set([0x40, 0x49, 0x0f, 0xdb], 128);
  writeFileSync(path, big);
  assert.equal(load().get(0, 0).item(), Math.fround(Math.PI));
  writeFileSync(path, bytes);
  appendFileSync(path, "more");
  assert.deepEqual(load().data(), values);
  truncateSync(path, bytes.length - 4);
  assert.throws(load, /large\.npy: .*takes 1200000 bytes, but 1199996 are left/);
});

test("memory of files is given back", () => {
  write();
  const maps = (): number =>
    process.platform === "linux" ? readFileSync("/proc/self/maps", "latin1").split("large.npy").length : 0;
  const before = maps();
  for (let i = 0; i < 50; i++) {
    mx.scope(() => assert.equal(mx.sum(load()).item(), mx.sum(mx.array(values)).item()));
  }
  assert.ok(maps() <= before + 1);
});
