// Tests the sorts and the copy of shim/blas.
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, call, fill, random, type Type, types } from "../support/blas.ts";

test("sort and argsort: every storage, ties, NaN last, rows and strides", () => {
  for (const name of ["f32", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "bf16", "bool"]) {
    const type = name === "bool"
      ? { ...(types["u8"] as Type), draw: () => (random() < 0 ? 0 : 1) }
      : (types[name] as Type);
    for (
      const [outer, n, strided] of [[1, 1, 0], [3, 7, 0], [2, 31, 1], [2, 33, 1], [1, 3000, 0], [0, 5, 0], [5, 0, 0], [
        1,
        140000,
        0,
      ]] as const
    ) {
      if (n > 1e5 && name !== "i8" && name !== "f32") continue; // long enough for all threads to share one array
      const data = fill(type, outer * n), sorted = type.make(outer * n), order = new Uint32Array(outer * n);
      if (name[0] === "f") {
        for (let i = 0; i < data.length; i += 5) data[i] = name === "f16" ? 0x7e01 + (i % 2) * 0x8000 : NaN;
        for (let i = 1; i < data.length; i += 9) data[i] = name === "f16" ? (i % 2) * 0x8000 : i % 2 ? -0 : 0;
      }
      const strides = strided ? [1, outer] : [n, 1]; // strided: axis 0 of an (n, outer) array
      const value = (r: number, i: number): number => type.read(Number(data[r * at(strides, 0) + i * at(strides, 1)]));
      assert.equal(call(`sort.${name}`, [data, sorted], [outer, n, ...strides]), 0);
      assert.equal(call(`argsort.${name}`, [data, order], [outer, n, ...strides]), 0);
      const less = (
        x: number,
        y: number,
      ): number => (Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : Number.isNaN(y) ? -1 : x - y);
      for (let r = 0; r < outer; r++) {
        const want = Array.from({ length: n }, (_, i) => i).sort((i, j) => less(value(r, i), value(r, j)));
        assert.deepEqual([...order.subarray(r * n, r * n + n)], want, `argsort.${name} ${n}`);
        for (const [i, w] of want.entries()) {
          const got = type.read(Number(sorted[r * n + i])), expected = value(r, w);
          if (!(got === expected || (Number.isNaN(got) && Number.isNaN(expected)))) {
            assert.fail(`sort.${name} ${n}: ${got} instead of ${expected}`);
          }
        }
      }
    }
  }
  const complex = new Float32Array([2, 1, NaN, 0, 1, 5, 1, -3, 0, NaN, 2, 1]),
    sorted = new Float32Array(12),
    order = new Uint32Array(6);
  call("sort.c64", [complex, sorted], [1, 6, 6, 1]);
  call("argsort.c64", [complex, order], [1, 6, 6, 1]);
  assert.deepEqual([...order], [3, 2, 0, 5, 4, 1]);
  assert.deepEqual([...sorted], [1, -3, 1, 5, 2, 1, 2, 1, 0, NaN, NaN, 0]);
});

test("copy moves bytes", () => {
  const from = new Uint8Array([1, 2, 3, 4]), to = new Uint8Array(4);
  assert.equal(call("copy", [from, to], [3]), 0);
  assert.deepEqual([...to], [1, 2, 3, 0]);
});
