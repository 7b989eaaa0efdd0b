// Tests shim/cpu: hand-made programs of every kind through sn_submit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory, pass, program, run } from "../support/shim.ts";
import { COL, f32, MAP, MEM, ROW, SCALAR, SEQ, SLOT, STAGE, TILE } from "../support/words.ts";

test("a map runs over 1 to 1000 elements with every kind of stride, and writes nothing beyond", () => {
  const double = program(
    MAP,
    pass(["ld.w32", MEM], ["mul.f32.s", SCALAR], ["add.f32.s", SCALAR | 1], ["st.w32", MEM | 1]),
  );
  const x = memory(Float32Array, 4 * 4000), y = memory(Float32Array, 4 * 4000), scalars = [f32(2), f32(1)];
  for (let i = 0; i < 4000; i++) x.at[i] = i;
  for (let n = 1; n <= 1000; n++) {
    const forms: readonly (readonly [inner: number[], from: number, strides: number[], at: (i: number) => number])[] = [
      [[n], 0, [1], (i) => i],
      [[n], 5, [3], (i) => 5 + 3 * i],
      [[n], 999, [-1], (i) => 999 - i],
      [[n], 7, [0], () => 7],
      [[n, 3], 0, [1, n], (i) => Math.floor(i / 3) + i % 3 * n],
    ];
    const [inner, from, strides, at] = forms[n % 5]!, count = inner.reduce((a, b) => a * b, 1);
    y.at.fill(-7);
    run([x.id, y.id], {
      program: double,
      inner,
      mems: [{ binding: 0, offset: 4 * from, inner: strides }, {
        binding: 1,
        inner: inner.length === 1 ? [1] : [3, 1],
      }],
      scalars,
    });
    for (let i = 0; i < count; i++) if (y.at[i] !== at(i) * 2 + 1) assert.fail(`n = ${n}: element ${i} is ${y.at[i]}`);
    assert.equal(y.at[count], -7);
    // The same strides in the output.
    if (strides[0] === 0) continue;
    y.at.fill(-7);
    run([x.id, y.id], {
      program: double,
      inner,
      mems: [{ binding: 0, inner: inner.length === 1 ? [1] : [3, 1] }, {
        binding: 1,
        offset: 4 * from,
        inner: strides,
      }],
      scalars,
    });
    for (let i = 0; i < count; i++) {
      if (y.at[at(i)] !== i * 2 + 1) assert.fail(`n = ${n}: element ${i} stored at ${at(i)} is ${y.at[at(i)]}`);
    }
    assert.equal(y.at.reduce((k, v) => v === -7 ? k : k + 1, 0), count);
  }
});

test("rows: softmax in three passes", () => {
  for (const [rows, n] of [[5, 1000], [64, 33], [3, 1]] as const) {
    const x = memory(Float32Array, 4 * rows * n), y = memory(Float32Array, 4 * rows * n);
    for (let i = 0; i < rows * n; i++) x.at[i] = Math.sin(i * 12.9898) * 9;
    const softmax = program(ROW, [
      ["fold.max.f32.init", SLOT],
      ["ld.w32", MEM],
      ["fold.max.f32", SLOT],
      ["loop", STAGE | 1],
      ["fold.max.f32.done", SLOT],
      ["keep", SLOT],
      ["fold.sum.f32.init", SLOT | 1],
      ["ld.w32", MEM],
      ["sub.f32.s", SLOT],
      ["exp.f32"],
      ["fold.sum.f32", SLOT | 1],
      ["loop", STAGE | 7],
      ["fold.sum.f32.done", SLOT | 1],
      ["keep", SLOT | 1],
      ["ld.w32", MEM],
      ["sub.f32.s", SLOT],
      ["exp.f32"],
      ["div.f32.s", SLOT | 1],
      ["st.w32", MEM | 1],
      ["loop", STAGE | 14],
      ["ret"],
    ], { slots: 4 });
    run([x.id, y.id], {
      program: softmax,
      rows: [rows],
      inner: [n],
      mems: [{ binding: 0, rows: [4 * n], inner: [1] }, { binding: 1, rows: [4 * n], inner: [1] }],
    });
    for (let r = 0; r < rows; r++) {
      const row = Array.from(x.at.subarray(r * n, r * n + n)),
        top = Math.max(...row),
        sum = row.reduce((s, v) => s + Math.exp(v - top), 0);
      for (let i = 0; i < n; i++) assert.ok(Math.abs(y.at[r * n + i]! - Math.exp(row[i]! - top) / sum) < 1e-6);
    }
  }
});

test("columns: sums through tiles", () => {
  const rows = 37, n = 1003, x = memory(Float32Array, 4 * rows * n), y = memory(Float32Array, 4 * n);
  for (let i = 0; i < rows * n; i++) x.at[i] = i % 17;
  const sums = program(COL, [
    ["splat.w32", SCALAR],
    ["keep", TILE],
    ["loop", STAGE],
    ["ret"],
    ["ld.w32", MEM],
    ["add.f32.m", TILE],
    ["keep", TILE],
    ["loop", STAGE | 4],
    ["ret"],
    ["get", TILE],
    ["st.w32", MEM | 1],
    ["loop", STAGE | 9],
    ["ret"],
  ], { tiles: 1, entries: [0, 4, 9] });
  run([x.id, y.id], {
    program: sums,
    inner: [n],
    foldSize: rows,
    mems: [{ binding: 0, fold: 4 * n, inner: [1] }, { binding: 1, inner: [1] }],
    scalars: [f32(0)],
  });
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += (r * n + i) % 17;
    assert.equal(y.at[i], sum);
  }
});

test("the first place of the largest element, where NaN is the largest, as 32 and 64 bits", () => {
  const n = 700, x = memory(Float32Array, 4 * 3 * n), y = memory(Int32Array, 12), z = memory(BigInt64Array, 24);
  for (let i = 0; i < 3 * n; i++) x.at[i] = i * 7919 % 1000;
  x.at[n + 500] = x.at[n + 600] = NaN;
  const operand = { binding: 0, rows: [4 * n], inner: [1] };
  const narrow = program(ROW, [
    ["arg.max.f32.init", SLOT, SLOT | 1],
    ["ld.w32", MEM],
    ["arg.max.f32", SLOT, SLOT | 1],
    ["loop", STAGE | 1],
    ["arg.max.f32.done", SLOT, SLOT | 1],
    ["st1.w32", MEM | 1],
    ["ret"],
  ], { slots: 2 });
  const wide = program(ROW, [
    ["arg.max.f32.init", SLOT, SLOT | 1],
    ["ld.w32", MEM],
    ["arg.max.f32", SLOT, SLOT | 1],
    ["loop", STAGE | 1],
    ["arg.max.f32.done64", SLOT, SLOT | 1],
    ["st1.w64", MEM | 1],
    ["ret"],
  ], { wide: 1, slots: 2 });
  run([x.id, y.id], { program: narrow, rows: [3], inner: [n], mems: [operand, { binding: 1, rows: [4], inner: [0] }] });
  run([x.id, z.id], { program: wide, rows: [3], inner: [n], mems: [operand, { binding: 1, rows: [8], inner: [0] }] });
  const first = (r: number): number =>
    Array.from(x.at.subarray(r * n, r * n + n)).reduce((best, v, i, row) => v > row[best]! ? i : best, 0);
  assert.deepEqual(Array.from(y.at), [first(0), 500, first(2)]);
  assert.deepEqual(Array.from(z.at, Number), [first(0), 500, first(2)]);
});

test("computed places: gather, scatter, joining stores and rows named by an index", () => {
  const n = 300, x = memory(Float32Array, 4 * n), at = memory(Int32Array, 4 * n), y = memory(Float32Array, 4 * n);
  for (let i = 0; i < n; i++) {
    x.at[i] = i + 0.5;
    at.at[i] = i * 7 % n;
  }
  at.at[0] = -1;
  at.at[1] = n + 5;
  const gather = program(MAP, pass(["ld.w32", MEM], ["ldx.w32.i32", MEM | 1], ["st.w32", MEM | 2]));
  const unit = { inner: [1] };
  run([at.id, x.id, y.id], {
    program: gather,
    inner: [n],
    mems: [{ binding: 0, ...unit }, { binding: 1, bound: n, ...unit }, { binding: 2, ...unit }],
  });
  assert.deepEqual([y.at[0], y.at[1], y.at[2]], [0, n - 0.5, 14.5]);
  y.at.fill(1);
  const scatter = program(
    SEQ,
    pass(["ld.w32", MEM], ["keep", SLOT], ["ld.w32", MEM | 1], ["stx.add.w32.f32", MEM | 2, SLOT]),
    { slots: 1 },
  );
  run([at.id, x.id, y.id], {
    program: scatter,
    inner: [n],
    mems: [{ binding: 0, ...unit }, { binding: 1, ...unit }, { binding: 2, bound: n, ...unit }],
  });
  assert.equal(y.at[14], 3.5);
  assert.equal(y.at.reduce((s, v) => s + v, 0), n + x.at.reduce((s, v) => s + v, 0) - 0.5 - 1.5);
  // A stride of zero in a joining store is a sum in order.
  y.at.fill(0);
  const join = program(SEQ, pass(["ld.w32", MEM], ["sta.add.w32.f32", MEM | 1]));
  run([x.id, y.id], { program: join, inner: [n], mems: [{ binding: 0, ...unit }, { binding: 1, inner: [0] }] });
  assert.equal(y.at[0], n * n / 2);
  assert.equal(y.at[1], 0);
  // Rows in order, their inner axis cut across threads.
  const m = 100003, long = memory(Float32Array, 4 * m), sums = memory(Float32Array, 4 * m);
  for (let i = 0; i < m; i++) long.at[i] = i % 97;
  sums.at.fill(0);
  const cut = program(SEQ, pass(["ld.w32", MEM, 0, 1], ["sta.add.w32.f32", MEM | 1]));
  run([long.id, sums.id], {
    program: cut,
    rows: [5],
    inner: [m],
    mems: [{ binding: 0, rows: [0], inner: [1] }, { binding: 1, rows: [0], inner: [1] }],
  });
  assert.ok(sums.at.every((v, i) => v === 5 * (i % 97)));
  const copy = program(MAP, pass(["ld.w32", MEM], ["st.w32", MEM | 1]));
  at.at.set([2, -1, 99]);
  run([x.id, y.id, at.id], {
    program: copy,
    rows: [3],
    inner: [4],
    mems: [{ binding: 0, rows: [0], inner: [1], indirect: [[2, 4, 16, 5]] }, { binding: 1, rows: [16], inner: [1] }, {
      binding: 2,
      rows: [4],
      inner: [0],
    }],
  });
  assert.deepEqual(
    Array.from(y.at.subarray(0, 12)),
    [8, 9, 10, 11, 16, 17, 18, 19, 16, 17, 18, 19].map((i) => i + 0.5),
  );
});

test("integers wrap, divide downwards and never trap", () => {
  const low = -2147483648,
    pairs = [[7, 2], [-7, 2], [7, -2], [-7, -2], [5, 0], [low, -1], [low, 0], [3, -1], [-1, -1], [2, 31], [3, 40], [
      1,
      33,
    ]];
  const n = pairs.length, a = memory(Int32Array, 4 * n), b = memory(Int32Array, 4 * n), y = memory(Int32Array, 4 * n);
  a.at.set(pairs.map((p) => p[0]!));
  b.at.set(pairs.map((p) => p[1]!));
  const power = (x: number, k: number): number => k < 0 ? 0 : Number(BigInt.asIntN(32, BigInt(x) ** BigInt(k)));
  const cases: Readonly<Record<string, (x: number, k: number) => number>> = {
    add: (x, k) => x + k | 0,
    sub: (x, k) => x - k | 0,
    mul: Math.imul,
    div: (x, k) => k === 0 ? 0 : x / k | 0,
    floordiv: (x, k) => k === 0 ? 0 : Math.floor(x / k) | 0,
    rem: (x, k) => k === 0 ? x : x - k * Math.floor(x / k) | 0,
    pow: power,
    shl: (x, k) => x << k,
    shr: (x, k) => x >> k,
    lt: (x, k) => Number(x < k),
    max: Math.max,
  };
  for (const [op, f] of Object.entries(cases)) {
    const id = program(MAP, pass(["ld.w32", MEM], [`${op}.i32.m`, MEM | 1], ["st.w32", MEM | 2]));
    run([a.id, b.id, y.id], { program: id, inner: [n], mems: [0, 1, 2].map((binding) => ({ binding, inner: [1] })) });
    assert.deepEqual(Array.from(y.at), pairs.map(([x, k]) => f(x!, k!)), op);
  }
});
