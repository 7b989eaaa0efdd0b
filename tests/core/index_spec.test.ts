// Tests src/base/index_spec.ts: every index form, Python's slice rules, and the errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DType } from "../../src/base/dtype.ts";
import { IndexList, parseIndex, resolveSpan, Span, span } from "../../src/core/index_spec.ts";

class Fake {
  readonly dtype: DType;
  readonly shape: number[];
  constructor(dtype: DType, shape: number[]) {
    this.dtype = dtype;
    this.shape = shape;
  }
}
const inspect = (value: object) => value instanceof Fake ? value : undefined;
const parse = (shape: number[], ...index: unknown[]) => parseIndex<Fake>(shape, index, inspect);
const slice = (axis: number, start: number, stop: number, step: number, length: number) => ({
  kind: "slice",
  axis,
  start,
  stop,
  step,
  length,
});

test("slices follow Python's rules for all small cases", () => {
  const parts = [null, -7, -3, -1, 0, 1, 2, 5, 9];
  for (const n of [0, 1, 2, 5]) {
    for (const start of parts) {
      for (const stop of parts) {
        for (const step of [null, -3, -1, 1, 2, 7]) {
          const got = resolveSpan(new Span(start, stop, step), n);
          const picked = Array.from({ length: got.length }, (_, i) => got.start + i * got.step);
          // Python's rule, element by element: walk an endless line and keep what lies in the array and before the stop.
          const by = step ?? 1;
          const at = (x: number) => x < 0 ? x + n : x;
          let i = start === null ? (by > 0 ? 0 : n - 1) : at(start);
          const end = stop === null ? (by > 0 ? n : -1) : Math.max(-1, at(stop));
          if (by > 0) i = Math.max(0, i);
          else i = Math.min(n - 1, i);
          const want: number[] = [];
          for (; by > 0 ? i < Math.min(n, end) : i > end && i >= 0; i += by) want.push(i);
          assert.deepEqual(picked, want, `${start}:${stop}:${step} of ${n}`);
        }
      }
    }
  }
});

test("integers, strings, spans, ellipses and new axes become one entry an axis", () => {
  assert.deepEqual(parse([4, 5, 6]), [slice(0, 0, 4, 1, 4), slice(1, 0, 5, 1, 5), slice(2, 0, 6, 1, 6)]);
  assert.deepEqual(parse([4, 5, 6], -1, "1:-1", "::-2"), [
    { kind: "int", axis: 0, index: 3 },
    slice(1, 1, 4, 1, 3),
    slice(2, 5, -1, -2, 3),
  ]);
  assert.deepEqual(parse([4, 5], "...", null, 2n), [slice(0, 0, 4, 1, 4), { kind: "newaxis" }, {
    kind: "int",
    axis: 1,
    index: 2,
  }]);
  assert.deepEqual(parse([4, 5], span(1, null, 2), " 2 : "), [slice(0, 1, 4, 2, 2), slice(1, 2, 5, 1, 3)]);
  assert.deepEqual(parse([], null, "..."), [{ kind: "newaxis" }]);
  assert.deepEqual(parse([3], "...", ":"), [slice(0, 0, 3, 1, 3)]);
});

test("lists become int32 indices or masks, arrays stay as they are", () => {
  const [list] = parse([4], [[0, -1], [2, 1]]);
  assert.deepEqual(list, { kind: "array", axis: 0, value: new IndexList([2, 2], Int32Array.of(0, 3, 2, 1)) });
  const [mask] = parse([2, 3], [true, false]);
  assert.deepEqual(mask, { kind: "mask", axis: 0, ndim: 1, value: new IndexList([2], Uint8Array.of(1, 0)) });
  assert.deepEqual(parse([3], Int16Array.of(-1))[0], {
    kind: "array",
    axis: 0,
    value: new IndexList([1], Int32Array.of(2)),
  });
  assert.deepEqual(parse([3], [])[0], { kind: "array", axis: 0, value: new IndexList([0], new Int32Array(0)) });
  const ints = new Fake("uint8", [2]);
  const bools = new Fake("bool", [3, 4]);
  const entries = parse([5, 3, 4, 2], ints, bools, 1);
  assert.deepEqual(entries.map((e) => e.kind), ["array", "mask", "int"]);
  assert.deepEqual(entries.map((e) => e.kind === "newaxis" ? -1 : e.axis), [0, 1, 3]);
  const scalar = parse([2], new Fake("bool", []), true);
  assert.deepEqual(scalar.map((e) => e.kind), ["mask", "mask", "slice"]);
});

test("what is out of range or of a wrong form throws", () => {
  assert.throws(() => parse([2, 3], 0, 3), {
    name: "RangeError",
    message: /Index 3 is out of range for axis 1 of an array of shape \[2,3\]/,
  });
  assert.throws(() => parse([2], -3), RangeError);
  assert.throws(() => parse([2], [0, 2]), RangeError);
  assert.throws(() => parse([0], 0), RangeError);
  assert.throws(() => parse([2], "::0"), RangeError);
  assert.throws(() => parse([2], 0, 0), {
    name: "TypeError",
    message: /Too many indices: 2 for an array of 1 axes, of shape \[2\]/,
  });
  assert.throws(() => parse([], 0), TypeError);
  assert.throws(() => parse([2, 2], "...", "..."), /only one/);
  assert.throws(() => parse([3, 4], new Fake("bool", [3, 3])), /mask of shape \[3,3\] does not match axes 0 to 1/);
  for (
    const wrong of [
      1.5,
      NaN,
      "a",
      "1",
      "1:2:3:4",
      undefined,
      {},
      new Fake("float32", [1]),
      [1, [2]],
      [[1], [2, 3]],
      [1, true],
      [0.5],
      () => 1,
    ]
  ) {
    assert.throws(() => parse([9, 9], wrong), TypeError, String(wrong));
  }
  assert.throws(() => span(0.5), TypeError);
});
