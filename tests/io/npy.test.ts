// Tests src/io/npy.ts against files recorded from MLX, by round trips, and with damaged and hostile files.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLines } from "../vectors/cases.ts";
import { type DType, DTYPES, itemsize } from "../../src/base/dtype.ts";
import { decodeNpy, decodeNpz, encodeNpy, encodeNpz, type FileArray } from "../../src/io/npy.ts";

interface Recorded {
  dtype: DType;
  shape: number[];
  data: string;
}
interface Case {
  id: string;
  format: string;
  bytes: string;
  out?: Recorded | { [name: string]: Recorded };
  raises?: string;
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const plain = (a: FileArray) => ({ dtype: a.dtype, shape: [...a.shape], data: [...a.data] });
const expected = (r: Recorded) => ({ dtype: r.dtype, shape: r.shape, data: [...fromBase64(r.data)] });
const npy = (header: string, data: Uint8Array | number[] = [], version = 1): Uint8Array => {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...text, ...data]);
};

test("files recorded from MLX decode", () => {
  let checked = 0;
  for (const line of readLines(new URL("../vectors/io.jsonl.gz", import.meta.url))) {
    const c = JSON.parse(line) as Case;
    const bytes = fromBase64(c.bytes);
    if (c.format === "npy") {
      if (c.raises !== undefined) assert.throws(() => decodeNpy(bytes), Error, c.id);
      else assert.deepEqual(plain(decodeNpy(bytes)), expected(c.out as Recorded), c.id);
    } else if (c.format === "npz") {
      const got = Object.fromEntries([...decodeNpz(bytes)].map(([name, a]) => [name, plain(a)]));
      const want = Object.fromEntries(
        Object.entries(c.out as { [name: string]: Recorded }).map(([name, r]) => [name, expected(r)]),
      );
      assert.deepEqual(got, want, c.id);
    } else continue;
    checked++;
  }
  assert.ok(checked >= 18);
});

function sample(dtype: DType, shape: number[]): FileArray {
  const size = shape.reduce((a, b) => a * b, itemsize(dtype));
  return { dtype, shape, data: Uint8Array.from({ length: size }, (_, i) => dtype === "bool" ? i & 1 : (i * 37) & 255) };
}

test("every dtype and shape survives .npy and .npz", () => {
  const arrays = new Map<string, FileArray>();
  for (const dtype of DTYPES) {
    for (const shape of [[], [0], [3], [2, 3], [2, 0, 4]]) arrays.set(`${dtype} ${shape} ü/é`, sample(dtype, shape));
  }
  arrays.set("__proto__", sample("int8", [2]));
  for (const a of arrays.values()) {
    const bytes = encodeNpy(a);
    assert.equal((bytes.length - a.data.length) % 64, 0);
    assert.deepEqual(plain(decodeNpy(bytes)), plain(a));
  }
  for (const compressed of [false, true]) {
    const got = decodeNpz(encodeNpz(arrays, compressed));
    assert.deepEqual([...got.keys()], [...arrays.keys()]);
    for (const [name, a] of arrays) assert.deepEqual(plain(got.get(name) as FileArray), plain(a), name);
  }
  assert.deepEqual(encodeNpz(arrays, true), encodeNpz(arrays, true));
  assert.equal(decodeNpz(encodeNpz([])).size, 0);
});

test("more than 65535 arrays use zip64 records", () => {
  const a = sample("int8", [1]);
  const bytes = encodeNpz(Array.from({ length: 70000 }, (_, i): [string, FileArray] => [String(i), a]));
  assert.equal(decodeNpz(bytes).size, 70000);
});

test("column-major, big-endian and newer headers decode", () => {
  const header = (descr: string, fortran: string, shape: string) =>
    `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
  const column = decodeNpy(npy(header("|u1", "True", "(2, 3)"), [1, 4, 2, 5, 3, 6]));
  assert.deepEqual([...column.data], [1, 2, 3, 4, 5, 6]);
  const cube = decodeNpy(npy(header(">u2", "True", "(2, 1, 2L)"), [0, 1, 0, 2, 0, 3, 0, 4], 3));
  assert.deepEqual([...new Uint16Array(cube.data.slice().buffer)], [1, 3, 2, 4]);
  const complex = decodeNpy(npy(header(">c8", "False", "()"), [0x3f, 0x80, 0, 0, 0x40, 0, 0, 0], 2));
  assert.deepEqual([...new Float32Array(complex.data.slice().buffer)], [1, 2]);
  assert.equal(decodeNpy(npy(header("<V2", "False", "(1,)"), [0xc0, 0x3f])).dtype, "bfloat16");
  assert.deepEqual([...decodeNpy(npy(header("?", "False", "(3,)"), [0, 7, 1])).data], [0, 1, 1]);
  assert.deepEqual(decodeNpy(npy(`{"shape": (2,), "descr": "i1", "fortran_order": False}\n`, [1, 2])).shape, [2]);
});

test("broken .npy files are errors", () => {
  const header = (descr: string, shape: string) => `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`;
  const cases: [string, string, RegExp][] = [
    ["'<f4'", "(2,)", /takes 8 bytes, but 0 are left/],
    ["'<f4'", "(2147483648,)", /length "2147483648"/],
    ["'<f4'", "(2147483647, 2147483647, 2147483647, 2147483647)", /are left/],
    ["'<f4'", "(-1,)", /header has/],
    ["'<f4'", "(1, , 2)", /length ""/],
    ["'<f4'", `(${"1,".repeat(65)})`, /65 axes/],
    ["'|O'", "(1,)", /type "\|O"/],
    ["'<c16'", "(1,)", /type "<c16"/],
    ["[('a', '<f4')]", "(1,)", /structured/],
  ];
  for (const [descr, shape, message] of cases) {
    assert.throws(() => decodeNpy(npy(header(descr, shape))), { name: "Error", message });
  }
  assert.throws(() => decodeNpy(npy("nonsense")), /no Python dict/);
  assert.throws(() => decodeNpy(npy("{'descr': '<f4'}")), /lacks one of/);
  assert.throws(() => decodeNpy(npy("{}", [], 9)), /version 9/);
  assert.throws(
    () => decodeNpy(Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 255, 255, 255, 255])),
    /claims 4294967295/,
  );
  assert.throws(() => encodeNpy({ dtype: "int32", shape: [2], data: new Uint8Array(4) }), { name: "RangeError" });
});

test("a damaged .npz is an error or the same arrays, never a crash", () => {
  for (const compressed of [false, true]) {
    const bytes = encodeNpz([["a", sample("float32", [3])], ["b", sample("bool", [40])]], compressed);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeNpz(bytes.subarray(0, length)), { name: "Error", message: /Cannot read/ });
    }
    for (let i = 0; i < bytes.length; i++) {
      for (const flip of [1, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[i] = (damaged[i] as number) ^ flip;
        try {
          decodeNpz(damaged);
        } catch (error) {
          assert.match(String(error), /^Error: Cannot read \.np[yz] data/);
        }
      }
    }
  }
});

test("a flipped data byte fails the checksum, and a false size is not allocated", () => {
  const bytes = encodeNpz([["a", sample("uint8", [100])]]);
  const damaged = bytes.slice();
  const place = 30 + 5 + 128 + 7;
  damaged[place] = (damaged[place] as number) ^ 4;
  assert.throws(() => decodeNpz(damaged), /checksum of "a.npy"/);
  const packed = encodeNpz([["a", sample("uint8", [100])]], true);
  const directory = new DataView(packed.buffer).getUint32(packed.length - 6, true);
  new DataView(packed.buffer).setUint32(directory + 24, 0xfffffff0, true);
  assert.throws(() => decodeNpz(packed), /claims 4294967280 bytes/);
});

test("entries that share their bytes are refused", () => {
  const one = encodeNpz([["a", sample("uint8", [1000])]]);
  const directory = new DataView(one.buffer).getUint32(one.length - 6, true);
  const entry = one.slice(directory, one.length - 22);
  const bytes = new Uint8Array(directory + 3 * entry.length + 22);
  bytes.set(one.subarray(0, directory));
  for (let i = 0; i < 3; i++) {
    bytes.set(entry, directory + i * entry.length);
    bytes[directory + i * entry.length + 46] = 0x61 + i;
  }
  bytes.set(one.subarray(one.length - 22), bytes.length - 22);
  const end = new DataView(bytes.buffer, bytes.length - 22);
  end.setUint16(10, 3, true);
  end.setUint32(12, 3 * entry.length, true);
  assert.throws(() => decodeNpz(bytes), /entries overlap/);
});
