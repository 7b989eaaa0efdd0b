// Tests src/base/format.ts against the texts recorded from MLX.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLines } from "../vectors/cases.ts";
import { type DType, typedArrayOf } from "../../src/base/dtype.ts";
import { elementsOf, formatArray, formatNumber } from "../../src/base/format.ts";

interface Case {
  id: string;
  args: [{ dtype: DType; shape: number[]; data: string }];
  out: string;
}

const cases: Case[] = readLines(new URL("../vectors/print.jsonl.gz", import.meta.url)).map((line) =>
  JSON.parse(line) as Case
);

test("every recorded text is met to the character", () => {
  for (const { id, args: [{ dtype, shape, data }], out } of cases) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const { get, sign } = elementsOf(dtype, new (typedArrayOf(dtype))(bytes.buffer));
    assert.equal(formatArray(dtype, shape, get, -1, sign), out, id);
  }
  assert.equal(cases.length, 68);
});

test("only the elements that are shown are fetched", () => {
  const seen: number[] = [];
  const text = formatArray("int32", [1000, 1000000], (i) => (seen.push(i), i));
  assert.equal(seen.length, 36);
  assert.match(text, /^array\(\[\[0, 1, 2, \.\.\., 999997, 999998, 999999\],\n {7}\[1000000,/);
});

test("NaN shows its sign bit, and complex numbers join their parts", () => {
  const nans = new Float32Array(new Uint32Array([0x7fc00000, 0xffc00000]).buffer);
  const real = elementsOf("float32", nans);
  assert.equal(formatArray("float32", [2], real.get, -1, real.sign), "array([nan, -nan], dtype=float32)");
  const complex = elementsOf("complex64", nans);
  assert.equal(formatArray("complex64", [1], complex.get, -1, complex.sign), "array([nan+-nanj], dtype=complex64)");
  assert.equal(formatArray("complex64", [], () => ({ re: 1, im: -0 })), "array(1+-0j, dtype=complex64)");
  assert.equal(formatArray("complex64", [], () => ({ re: NaN, im: -Infinity })), "array(nan-infj, dtype=complex64)");
  assert.equal(formatArray("complex64", [], () => ({ re: 1e20, im: Infinity })), "array(1e+20+infj, dtype=complex64)");
  assert.equal(formatArray("complex64", [1], () => ({ re: 1, im: 2.5 }), 0), "array([1+2j], dtype=complex64)");
});

// The texts are those of MLX 0.32.4.
test("numbers print as C's %g, and with a precision as %f", () => {
  const expected: [number, number, string][] = [
    [1234567, -1, "1.23457e+06"],
    [123456, -1, "123456"],
    [999999.5, -1, "1e+06"],
    [0.0001, -1, "0.0001"],
    [0.00001, -1, "1e-05"],
    [0.00009999995, -1, "0.0001"],
    [1e-320, -1, "9.99989e-321"],
    [1234565, -1, "1.23456e+06"],
    [1234575, -1, "1.23458e+06"],
    [-1234565, -1, "-1.23456e+06"],
    [12345.25, -1, "12345.2"],
    [12345.75, -1, "12345.8"],
    [0, -1, "0"],
    [-0, -1, "-0"],
    [2.5, 0, "2"],
    [-2.5, 0, "-2"],
    [3.5, 0, "4"],
    [0.5, 0, "0"],
    [0.125, 2, "0.12"],
    [0.375, 2, "0.38"],
    [-0, 1, "-0.0"],
    [Math.fround(3.14159), 8, "3.14159012"],
    [1e10, 3, "10000000000.000"],
    [2 ** 90, 1, "1237940039285380274899124224.0"],
    [Math.fround(0.1), 40, "0.1000000014901161193847656250000000000000"],
    [-0.0001, 1, "-0.0"],
    [Infinity, 2, "inf"],
  ];
  for (const [x, precision, text] of expected) assert.equal(formatNumber(x, precision), text, `${x} with ${precision}`);
});
