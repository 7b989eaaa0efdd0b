// Tests shim/ below the compiler: hand-made programs through sn_submit, words that are wrong, and every float32 function, on each instruction set.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openNative } from "../src/runtime/ffi.ts";

const native = openNative();
const MEM = 1 << 24, SLOT = 2 << 24, SCALAR = 3 << 24, AXIS = 4 << 24, STAGE = 5 << 24, TILE = 6 << 24;
const MAP = 0, ROW = 1, COL = 2, SEQ = 3;
const E_MEMORY = -1, E_WORDS = -2, E_HANDLE = -4;
const ACTIVE = 0, LIMIT = 3;

type Stage = readonly [name: string, a?: number, b?: number, imm?: number];
interface Operand {
  readonly binding: number;
  readonly offset?: number;
  readonly bound?: number;
  readonly rows?: readonly number[];
  readonly fold?: number;
  readonly inner: readonly number[];
  readonly indirect?: readonly (readonly [mem: number, storage: number, stride: number, size: number])[];
}
interface Dispatch {
  readonly program: number;
  readonly rows?: readonly number[];
  readonly inner: readonly number[];
  readonly mems: readonly Operand[];
  readonly scalars?: readonly (readonly [number, number])[];
  readonly rag?: number;
  readonly foldSize?: number;
}
const single = new Float32Array(1), bits = new Uint32Array(single.buffer);
/** The two words of a float32 scalar. */
function f32(x: number): readonly [number, number] {
  single[0] = x;
  return [bits[0] as number, 0];
}
function i64(x: number): readonly [number, number] {
  return [x >>> 0, Math.floor(x / 2 ** 32) >>> 0];
}
function programWords(
  kind: number,
  wide: number,
  slots: number,
  tiles: number,
  stages: readonly Stage[],
  entries: readonly number[] = [0, 0, 0],
): Uint32Array {
  const words = [kind, wide, slots, tiles, stages.length, ...entries];
  for (const [name, a = 0, b = 0, imm = 0] of stages) {
    const n = native.stages.get(name);
    assert.ok(n !== undefined, `no stage ${name}`);
    words.push(n, a, b, imm);
  }
  return Uint32Array.from(words);
}
function program(...of: Parameters<typeof programWords>): number {
  const id = native.program(programWords(...of));
  assert.ok(id > 0, native.error());
  return id;
}
function dispatchWords(d: Dispatch): number[] {
  const rows = d.rows ?? [],
    words = [
      d.program,
      rows.length,
      d.inner.length,
      d.mems.length,
      d.scalars?.length ?? 0,
      0,
      ...i64(d.rag ?? -1),
      ...i64(d.foldSize ?? 1),
    ];
  for (const n of [...rows, ...d.inner]) words.push(...i64(n));
  for (const m of d.mems) {
    words.push(m.binding, m.indirect?.length ?? 0);
    for (const n of [m.offset ?? 0, m.bound ?? 0, ...(m.rows ?? []), m.fold ?? 0, ...m.inner]) words.push(...i64(n));
    for (const [mem, storage, stride, size] of m.indirect ?? []) words.push(mem, storage, ...i64(stride), ...i64(size));
  }
  for (const s of d.scalars ?? []) words.push(...s);
  return [1, words.length + 2, ...words];
}
function submission(flags: number, buffers: readonly number[], ...dispatches: readonly Dispatch[]): Uint32Array {
  const words = [0, buffers.length, flags, 0];
  for (const id of buffers) words.push(3, id, 0, 0, 0, 0);
  for (const d of dispatches) words.push(...dispatchWords(d));
  words[0] = words.length;
  return Uint32Array.from(words);
}
const submit = (words: Uint32Array): number => native.submit(words, words.length);
function run(buffers: readonly number[], ...dispatches: readonly Dispatch[]): void {
  const code = submit(submission(0, buffers, ...dispatches));
  assert.equal(code, 0, native.error());
}
/** A buffer of native memory that lives until the tests end, filled with `from`. */
function memory<T extends Float32Array | Int32Array | Float64Array | BigInt64Array>(
  make: new (b: ArrayBuffer) => T,
  bytes: number,
): { readonly id: number; readonly at: T } {
  const id = native.alloc(bytes);
  assert.ok(id > 0, native.error());
  const token = native.own(id, native.address(id), bytes);
  held.push(token);
  return { id, at: new make(token) };
}
const held: ArrayBuffer[] = [];
/** A one-pass map: stages over n elements. */
const pass = (...stages: readonly Stage[]): readonly Stage[] => [...stages, ["loop", STAGE], ["ret"]];

test("a map runs over 1 to 1000 elements with every kind of stride, and writes nothing beyond", () => {
  const double = program(
    MAP,
    0,
    0,
    0,
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
    const softmax = program(ROW, 0, 4, 0, [
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
    ]);
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
  const sums = program(COL, 0, 0, 1, [
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
  ], [0, 4, 9]);
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
  const narrow = program(ROW, 0, 2, 0, [
    ["arg.max.f32.init", SLOT, SLOT | 1],
    ["ld.w32", MEM],
    ["arg.max.f32", SLOT, SLOT | 1],
    ["loop", STAGE | 1],
    ["arg.max.f32.done", SLOT, SLOT | 1],
    ["st1.w32", MEM | 1],
    ["ret"],
  ]);
  const wide = program(ROW, 1, 2, 0, [
    ["arg.max.f32.init", SLOT, SLOT | 1],
    ["ld.w32", MEM],
    ["arg.max.f32", SLOT, SLOT | 1],
    ["loop", STAGE | 1],
    ["arg.max.f32.done64", SLOT, SLOT | 1],
    ["st1.w64", MEM | 1],
    ["ret"],
  ]);
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
  const gather = program(MAP, 0, 0, 0, pass(["ld.w32", MEM], ["ldx.w32.i32", MEM | 1], ["st.w32", MEM | 2]));
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
    0,
    1,
    0,
    pass(["ld.w32", MEM], ["keep", SLOT], ["ld.w32", MEM | 1], ["stx.add.w32.f32", MEM | 2, SLOT]),
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
  const join = program(SEQ, 0, 0, 0, pass(["ld.w32", MEM], ["sta.add.w32.f32", MEM | 1]));
  run([x.id, y.id], { program: join, inner: [n], mems: [{ binding: 0, ...unit }, { binding: 1, inner: [0] }] });
  assert.equal(y.at[0], n * n / 2);
  assert.equal(y.at[1], 0);
  // Rows in order, their inner axis cut across threads.
  const m = 100003, long = memory(Float32Array, 4 * m), sums = memory(Float32Array, 4 * m);
  for (let i = 0; i < m; i++) long.at[i] = i % 97;
  sums.at.fill(0);
  const cut = program(SEQ, 0, 0, 0, pass(["ld.w32", MEM, 0, 1], ["sta.add.w32.f32", MEM | 1]));
  run([long.id, sums.id], {
    program: cut,
    rows: [5],
    inner: [m],
    mems: [{ binding: 0, rows: [0], inner: [1] }, { binding: 1, rows: [0], inner: [1] }],
  });
  assert.ok(sums.at.every((v, i) => v === 5 * (i % 97)));
  const copy = program(MAP, 0, 0, 0, pass(["ld.w32", MEM], ["st.w32", MEM | 1]));
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
    const id = program(MAP, 0, 0, 0, pass(["ld.w32", MEM], [`${op}.i32.m`, MEM | 1], ["st.w32", MEM | 2]));
    run([a.id, b.id, y.id], { program: id, inner: [n], mems: [0, 1, 2].map((binding) => ({ binding, inner: [1] })) });
    assert.deepEqual(Array.from(y.at), pairs.map(([x, k]) => f(x!, k!)), op);
  }
});

test("asynchronous tickets complete in order, and a synchronous submission waits for them", async () => {
  const n = 100000, x = memory(Float32Array, 4 * n);
  x.at.fill(1);
  const next = program(MAP, 0, 0, 0, pass(["ld.w32", MEM], ["add.f32.s", SCALAR], ["st.w32", MEM]));
  const d: Dispatch = { program: next, inner: [n], mems: [{ binding: 0, inner: [1] }], scalars: [f32(1)] };
  let last = 0;
  for (let i = 0; i < 20; i++) {
    const ticket = submit(submission(1, [x.id], d));
    assert.ok(ticket > last, native.error());
    last = ticket;
  }
  await native.completion(last);
  assert.equal(native.poll(last), false);
  assert.equal(native.wait(last), 0);
  assert.deepEqual([x.at[0], x.at[n - 1]], [21, 21]);
  const ticket = submit(submission(1, [x.id], d));
  run([x.id], d);
  assert.equal(native.poll(ticket), false);
  assert.equal(x.at[n - 1], 23);
});

test("a submission over the memory limit fails whole, and frees what it had reserved", () => {
  const words = Uint32Array.from([16, 2, 0, 0, 1, 0, 1 << 20, 0, 0, 0, 1, 0, 1 << 28, 0, 0, 0]),
    before = native.stat(ACTIVE),
    old = native.set(LIMIT, before + (1 << 24));
  try {
    assert.equal(submit(words), E_MEMORY);
    assert.equal(words[5], 0);
    assert.match(native.error(), /memory/);
  } finally {
    native.set(LIMIT, old);
  }
  assert.equal(native.stat(ACTIVE), before);
});

test("programs and dispatches that would leave their memory are refused", () => {
  const good = (): readonly Stage[] => pass(["ld.w32", MEM], ["add.f32.m", MEM | 1], ["st.w32", MEM | 1]);
  const refused = (...of: Parameters<typeof programWords>): void =>
    assert.equal(native.program(programWords(...of)), 0, JSON.stringify(of));
  refused(MAP, 0, 0, 0, [["loop", STAGE]]);
  refused(MAP, 0, 0, 0, good(), [9, 0, 0]);
  refused(MAP, 0, 0, 0, pass(["keep"]));
  refused(MAP, 0, 1, 0, pass(["keep", SLOT | 1]));
  refused(MAP, 0, 0, 1, pass(["keep", TILE]));
  refused(MAP, 0, 1, 0, pass(["ld.w64", MEM]));
  refused(MAP, 0, 1, 0, pass(["axis.i32", 0, 0, 77]));
  refused(MAP, 0, 1, 0, pass(["threefry0.u32", SLOT, SLOT]));
  refused(ROW, 0, 0, 0, [["ld.w32", MEM], ["loop", STAGE], ["loop", STAGE], ["ret"]]);
  refused(MAP, 1, 1, 0, pass(["ld.c64", MEM], ["add.c64.m", MEM]));
  // A stage `own` ends before the loop of its pass, and the program stores nowhere else.
  const owning = (imm: number, ...more: readonly Stage[]): readonly Stage[] =>
    pass(["own.i32", MEM, SLOT, imm], ["ld.w32", MEM | 1], ["stx.add.w32.f32", MEM, SLOT], ...more);
  assert.notEqual(native.program(programWords(SEQ, 0, 1, 0, owning(3))), 0);
  refused(ROW, 0, 1, 0, owning(3));
  for (const imm of [0, 2, 4, 99, 2 ** 32 - 1]) refused(SEQ, 0, 1, 0, owning(imm));
  refused(SEQ, 0, 1, 0, owning(4, ["st.w32", MEM | 2]));
  refused(SEQ, 0, 1, 0, owning(4, ["ld.w32", MEM]));
  const id = program(MAP, 0, 0, 0, good()), axis = program(MAP, 0, 0, 0, pass(["axis.i32", AXIS | 1], ["st.w32", MEM]));
  const x = memory(Float32Array, 400), y = memory(Float32Array, 400);
  const code = (d: Omit<Dispatch, "program">, of = id): number =>
    submit(submission(0, [x.id, y.id], { program: of, ...d }));
  const unit = { binding: 0, inner: [1] }, out = { binding: 1, inner: [1] };
  assert.equal(code({ inner: [100], mems: [unit, out] }), 0);
  assert.equal(code({ inner: [101], mems: [unit, out] }), E_WORDS);
  assert.equal(code({ inner: [50], mems: [{ binding: 0, inner: [3] }, out] }), E_WORDS);
  assert.equal(code({ inner: [50], mems: [{ binding: 0, inner: [-1] }, out] }), E_WORDS);
  assert.equal(
    code({ inner: [50], mems: [unit, { binding: 1, inner: [2] }] }),
    E_WORDS,
    "arithmetic reads only contiguous memory",
  );
  assert.equal(code({ inner: [50], mems: [unit, { binding: 2, inner: [1] }] }), E_WORDS);
  assert.equal(code({ inner: [50], mems: [unit] }), E_WORDS);
  assert.equal(
    code({ inner: [2 ** 40, 2 ** 40], mems: [{ binding: 0, inner: [0, 0] }, { binding: 1, inner: [0, 0] }] }),
    E_WORDS,
  );
  assert.equal(
    code({ rows: [3], inner: [10], rag: 5, mems: [{ ...unit, rows: [40] }, { ...out, rows: [40] }] }),
    E_WORDS,
  );
  assert.equal(
    code({ rows: [2], inner: [10], mems: [{ ...unit, rows: [0], indirect: [[1, 4, 400, 2]] }, { ...out, rows: [0] }] }),
    E_WORDS,
  );
  assert.equal(code({ rows: [2], inner: [10], mems: [out] }, axis), E_WORDS);
  assert.equal(code({ inner: [0], mems: [unit, out] }), 0);
  assert.equal(code({ rows: [0], inner: [10], mems: [{ ...unit, rows: [9999] }, { ...out, rows: [9999] }] }), 0);
  assert.equal(submit(Uint32Array.from([10, 1, 0, 0, 0, 0xffffff, 0, 0, 0, 0])), E_HANDLE);
});

/** A call over buffers: pointers are [binding, byte offset], or null. */
function callWords(
  routine: number,
  pointers: readonly (readonly [number, number] | null)[],
  ints: readonly number[],
  nums: readonly number[],
): number[] {
  const words = [routine, pointers.length, ints.length, nums.length];
  for (const p of pointers) words.push(...(p === null ? [0xffffffff, 0, 0] : [p[0], ...i64(p[1])]));
  for (const n of ints) words.push(...i64(n));
  for (const n of nums) words.push(...new Uint32Array(new Float64Array([n]).buffer));
  return [2, words.length + 2, ...words];
}
function callSubmission(buffers: readonly number[], call: readonly number[]): Uint32Array {
  const words = [0, buffers.length, 0, 0];
  for (const id of buffers) words.push(0, id, 0, 0, 0, 0);
  words.push(...call);
  words[0] = words.length;
  return Uint32Array.from(words);
}

test("calls that would leave their memory are refused", () => {
  const x = memory(Float32Array, 400), y = memory(Float32Array, 400), small = memory(Float32Array, 36);
  const code = (
    name: string,
    pointers: readonly (readonly [number, number] | null)[],
    ints: readonly number[],
    nums: readonly number[] = [],
  ): number =>
    submit(callSubmission([x.id, y.id, small.id], callWords(native.routines.get(name)!, pointers, ints, nums)));
  for (let i = 0; i < 100; i++) x.at[i] = i % 11 === 0 ? 4 : 1 / (1 + i);
  const a = [0, 0] as const, b = [1, 0] as const, s = [2, 0] as const;
  assert.equal(code("cholesky.f32", [a, b], [1, 10, 0]), 0);
  assert.equal(code("cholesky.f32", [a, b], [1, 11, 0]), E_WORDS);
  assert.match(native.error(), /cholesky\.f32: pointer 0 leaves its buffer/);
  assert.equal(code("cholesky.f32", [[0, 4], b], [1, 10, 0]), E_WORDS);
  assert.equal(code("cholesky.f32", [a, b], [-1, 10, 0]), E_WORDS);
  assert.equal(code("cholesky.f32", [a, b], [1]), E_WORDS, "too few integers");
  assert.equal(code("cholesky.f32", [a], [1, 10, 0]), E_WORDS, "too few pointers");
  assert.equal(code("cholesky.f32", [a, null], [1, 10, 0]), E_WORDS);
  assert.equal(code("cholesky.f32", [a, b], [2 ** 50, 0, 0]), 0, "nothing to do");
  assert.equal(code("eigh.f32", [a, s], [1, 9, 1]), 0, "eigenvalues alone");
  assert.equal(code("eigh.f32", [a, s, null], [1, 9, 1]), 0);
  assert.equal(code("eigh.f32", [a, s, b], [1, 10, 1]), E_WORDS);
  assert.equal(code("svd.f32", [a, s, b, b], [1, 3, 9, 0]), 0);
  assert.equal(code("svd.f32", [a, b, s, b], [1, 3, 9, 1]), 0);
  assert.equal(code("svd.f32", [a, b, b, s], [1, 3, 9, 1]), E_WORDS, "the full Vt has 81 elements");
  assert.equal(code("eig.f32", [a, b, a], [1, 7]), 0);
  assert.equal(code("eig.f32", [a, b, a], [1, 8]), E_WORDS, "64 complex numbers are 512 bytes");
  assert.equal(code("copy", [a, b], [400]), 0);
  assert.equal(code("copy", [a, b], [401]), E_WORDS);
  assert.equal(code("sort.f32", [[0, 396], b], [1, 100, 0, -1]), 0);
  assert.equal(code("sort.f32", [[0, 392], b], [1, 100, 0, -1]), E_WORDS);
  assert.equal(code("sort.f64", [a, b], [1, 51, 0, 0]), E_WORDS);
  const gemm = (...ints: number[]): number => code("gemm.f32", [a, b, s], ints, [1, 0]);
  assert.equal(gemm(3, 3, 3, 3, 1, 3, 1, 3, 1, 0, 0, 0), 0);
  assert.equal(gemm(3, 3, 34, 34, 1, 3, 1, 3, 1, 0, 0, 0), E_WORDS);
  assert.equal(gemm(3, 3, 3, 3, 1, 3, 1, 4, 1, 0, 0, 0), E_WORDS);
  assert.equal(gemm(3, 3, 3, 3, 1, 3, 1, 3, 1, 0, 0, 1, 12, 9, 0, 0, 0), E_WORDS);
  assert.equal(gemm(3, 3, 3, 3, 1, 3, 1, 3, 1, 0, 0, 1, 11, 9, 0, 0, 0), 0);
  assert.equal(gemm(3, 3, 3, 3, 1, 3, 1, 3, 1, 0, 0, 2, 11, 9, 0, 0, 0), E_WORDS, "an axis is missing");
  assert.equal(gemm(3, 3, 2 ** 52, 0, 0, 0, 0, 3, 1, 0, 0, 0), E_WORDS, "more than anybody can wait for");
});

test("no call leaves its memory, whatever its arguments", () => {
  let seed = 4321;
  const next = (below: number): number => {
    seed = seed * 1103515245 + 12345 & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  // Behind each buffer the library has readable bytes of its own: no call may change them.
  const sizes = [64, 256, 1024, 4096], pad = 1024;
  const buffers = sizes.map((bytes) => {
    const id = native.alloc(bytes), token = native.own(id, native.address(id), bytes + pad);
    held.push(token);
    return { id, floats: new Float32Array(token, 0, bytes / 4), after: new Uint32Array(token, bytes) };
  });
  for (const b of buffers) b.after.fill(0x5a5a5a5a);
  const ids = buffers.map((b) => b.id), codes = new Map<string, Set<number>>();
  const odd = [-1, 2 ** 31, 2 ** 32, -(2 ** 53), 2 ** 62, 2 ** 40 + 3];
  // The integers of a family that are sizes; others are strides and flags.
  const families: readonly (readonly [RegExp, pointers: number, ints: number, sizes: number])[] = [
    [/^gemm/, 4, 11, 3],
    [/^(arg)?sort/, 2, 4, 2],
    [/^copy/, 2, 1, 1],
    [/^eigh/, 3, 3, 2],
    [/^svd/, 4, 4, 3],
    [/^qr/, 3, 3, 3],
    [/^lu/, 4, 3, 3],
    [/^solve/, 3, 3, 3],
    [/^trisolve/, 3, 4, 3],
    [/^inv|^eig\./, 3, 2, 2],
    [/^cholesky/, 2, 3, 2],
  ];
  for (const [name, routine] of native.routines) {
    const family = families.find(([of]) => of.test(name));
    assert.ok(family !== undefined, `${name} has no case here`);
    const [, pointers, count, sized] = family, seen = new Set<number>();
    for (let round = 0; round < 400; round++) {
      for (const b of buffers) {
        for (let i = 0; i < b.floats.length; i += 1 + next(3)) b.floats[i] = next(2001) / 500 - 2;
      }
      const wild = next(3) === 0;
      const ints = Array.from({ length: count }, (_, i) => i < sized ? next(next(2) === 0 ? 4 : 9) : next(12) - 3);
      if (pointers === 4 && count === 11) {
        const axes = next(3);
        ints.push(axes);
        for (let k = 0; k < axes; k++) ints.push(next(4), ...[0, 0, 0, 0].map(() => next(20) - 4));
      }
      const at = Array.from(
        { length: pointers },
        () => next(30) === 0 ? null : [next(4), next(2) === 0 ? 0 : 4 * next(40)] as const,
      );
      if (wild) ints[next(ints.length)] = odd[next(odd.length)]!;
      const words = callSubmission(ids, callWords(routine, at, ints, [1, next(2)]));
      if (wild && next(2) === 0) words[28 + next(words.length - 28)] = next(0x7fffff) * 512 + next(512);
      const code = submit(words);
      seen.add(code);
      for (const b of buffers) assert.ok(b.after.every((v) => v === 0x5a5a5a5a), `${name} of ${ints} wrote beyond`);
    }
    codes.set(name, seen);
  }
  for (const [name, seen] of codes) assert.ok(seen.has(0) && seen.has(E_WORDS), `${name}: ${[...seen]}`);
});

const NO_BINDING = 0xffffffff, WINDOW = 4;
interface Window {
  readonly window: number;
  readonly from: number;
  readonly offset?: number;
  readonly other?: number;
  readonly by: number;
}
/** The words of a loop: what it does, how often, its windows and its three blocks. */
function loopWords(
  what: number,
  count: number,
  windows: readonly Window[],
  blocks: readonly (readonly number[])[],
  flag: readonly [binding: number, offset: number] = [0, 0],
): number[] {
  const body = blocks.flat(),
    own = windows.flatMap((x) => [
      x.window,
      x.from,
      ...i64(x.offset ?? 0),
      x.other ?? NO_BINDING,
      ...i64(x.by),
    ]);
  const sizes = [0, 1, 2].map((k) => blocks[k]?.length ?? 0), head = [what, windows.length, ...sizes, flag[0]];
  const words = [...head, ...i64(flag[1]), ...i64(count), ...own, ...body];
  return [5, words.length + 2, ...words];
}
/** A submission of commands over buffers, and windows of so many bytes after them. */
function looped(
  buffers: readonly number[],
  windows: readonly number[],
  ...commands: readonly (readonly number[])[]
): Uint32Array {
  const words = [0, buffers.length + windows.length, 0, 0];
  for (const id of buffers) words.push(3, id, 0, 0, 0, 0);
  for (const bytes of windows) words.push(WINDOW, 0, ...i64(bytes), 0, 0);
  words.push(...commands.flat());
  words[0] = words.length;
  return Uint32Array.from(words);
}

test("loops: windows move and alternate, flags decide, and nothing leaves its memory", () => {
  const sum = program(MAP, 0, 0, 0, pass(["ld.w32", MEM], ["add.f32.m", MEM | 1], ["st.w32", MEM | 2]));
  const below = program(
    MAP,
    0,
    1,
    0,
    pass(["splat.w32", SCALAR], ["keep", SLOT], ["ld.w32", MEM], ["lt.f32.s", SCALAR], ["st.u8", MEM | 1]),
  );
  const x = memory(Float32Array, 40),
    c = memory(Float32Array, 8),
    y = memory(Float32Array, 40),
    flag = memory(Int32Array, 4);
  const at = (binding: number): Operand => ({ binding, inner: [1] });
  const add = (a: number, b: number, to: number): number[] =>
    dispatchWords({ program: sum, inner: [1], mems: [at(a), at(b), at(to)] });
  for (let i = 0; i < 10; i++) x.at[i] = i + 1;
  // carry (windows 4 and 5 in turn) + x (window 6) -> next carry, y (window 7) = next + 0
  const buffers = [x.id, c.id, y.id, flag.id], windows = [4, 4, 4, 4];
  const moves = (count: number, by: number, offset = 0): Window[] => [
    { window: 4, from: 1, other: 1, by: 4 },
    { window: 5, from: 1, offset: 4, other: 1, by: 0 },
    { window: 6, from: 0, offset, by },
    { window: 7, from: 2, by: 4 * Math.sign(count) },
  ];
  const copied = (to: number, from: number): number[] => [3, 10, to, 0, 0, from, 0, 0, 4, 0];
  const block = [add(4, 6, 5), copied(7, 5)].flat();
  c.at.fill(0);
  y.at.fill(0);
  assert.equal(
    submit(looped(buffers, windows, loopWords(0, 9, moves(9, 4), [block, [], copied(1, 4)]))),
    0,
    native.error(),
  );
  assert.deepEqual([...y.at], [1, 3, 6, 10, 15, 21, 28, 36, 45, 0]);
  assert.equal(c.at[0], 45);
  c.at.fill(0);
  assert.equal(submit(looped(buffers, windows, loopWords(0, 10, moves(10, -4, 36), [block]))), 0, native.error());
  assert.deepEqual([...y.at], [10, 19, 27, 34, 40, 45, 49, 52, 54, 55]);
  // As long as the carry is below 30: the flag is a byte that the first block writes.
  c.at.fill(0);
  const test = dispatchWords({ program: below, inner: [1], mems: [at(4), at(3)], scalars: [f32(30)] });
  const code = submit(looped(buffers, windows, loopWords(1, 0, moves(9, 4), [test, block, copied(1, 4)], [3, 0])));
  assert.equal(code, 0, native.error());
  assert.equal(c.at[0], 36);
  for (const [value, want] of [[1, 3], [0, 7]] as const) {
    flag.at[0] = value;
    const add3 = [copied(1, 0)].flat(), add7 = [3, 10, 1, 0, 0, 0, 24, 0, 4, 0];
    x.at[0] = 3;
    assert.equal(submit(looped(buffers, [], loopWords(2, 0, [], [add3, add7], [3, 0]))), 0, native.error());
    assert.equal(c.at[0], want);
  }
  const refused = (words: Uint32Array): void => assert.equal(submit(words), E_WORDS);
  refused(looped(buffers, windows, loopWords(0, 11, moves(11, 4), [block])));
  refused(looped(buffers, windows, loopWords(0, 10, moves(10, -4), [block])));
  refused(looped(buffers, windows, loopWords(0, 1, [{ window: 1, from: 0, by: 0 }], [])));
  refused(looped(buffers, windows, loopWords(0, 1, [{ window: 4, from: 99, by: 0 }], [])));
  refused(looped(buffers, windows, loopWords(0, 2, [{ window: 4, from: 0, by: 2 ** 53 }], [])));
  refused(looped(buffers, windows, add(4, 0, 1)));
  refused(looped(buffers, windows, loopWords(2, 0, [], [[], []], [3, 4])));
  refused(looped(buffers, windows, loopWords(2, 0, [], [[], []], [4, 0])));
  refused(looped(buffers, windows, loopWords(3, 0, [], [])));
  let deep = copied(1, 0);
  for (let k = 0; k < 40; k++) deep = loopWords(0, 1, [], [deep]);
  refused(looped(buffers, windows, deep));
  // Whatever words stand in a sound loop, it ends and crashes nothing.
  let seed = 99;
  const next = (n: number): number => (seed = seed * 1103515245 + 12345 & 0x7fffffff, (seed >>> 8) % n);
  const good = looped(
    buffers,
    windows,
    loopWords(0, 3, moves(3, 4), [
      [...block, ...loopWords(2, 0, moves(1, 4), [block, test], [3, 0])],
      [],
      copied(1, 4),
    ]),
  );
  for (let k = 0; k < 20000; k++) {
    const words = good.slice(), place = 4 + next(words.length - 4);
    // How often it runs stays small.
    words[place] = next(3) === 0 ? 0xffffffff : next(64);
    if (words[2] === 0) submit(words);
  }
});

test("no words crash", () => {
  let seed = 12345;
  const next = (below: number): number => {
    seed = seed * 1103515245 + 12345 & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  const odd = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    255,
    4095,
    65536,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    MEM,
    SLOT,
    SCALAR,
    AXIS,
    STAGE,
    TILE,
    MEM | 1,
    TILE | 3,
  ];
  const word = (): number => next(3) === 0 ? next(0x7fffff) * 512 + next(512) : odd[next(odd.length)]!;
  const x = memory(Float32Array, 4096),
    y = memory(Float32Array, 4096),
    at = memory(Int32Array, 4096),
    names = [...native.stages.keys()];
  const codes = new Set<number>();
  // Sound programs of every kind of stage, and then a word or two of a program or a submission changed.
  const kinds = [SLOT, SLOT | 1, MEM, MEM | 1, SCALAR, AXIS, STAGE, TILE, 0];
  for (let round = 0; round < 20000; round++) {
    const stages: Stage[] = [["ld.w32", MEM]];
    for (let k = next(5); k > 0; k--) {
      const name = names[next(names.length)]!, unary = next(4) !== 0;
      stages.push([
        name,
        unary && !/\.[ms]$|^(ld|st|fold|arg|scan|sel|keep|get|splat|axis|loop|three|compl)/.test(name)
          ? 0
          : kinds[next(kinds.length)]!,
        next(3) === 0 ? SLOT | 1 : 0,
        next(2),
      ]);
    }
    stages.push(["st.w32", MEM | 1], ["loop", STAGE], ["ret"]);
    const p = programWords(next(4), next(2), 3, 1, stages);
    if (next(4) === 0) p[next(p.length)] = word();
    const id = native.program(p);
    if (id === 0) continue;
    const inner = [[next(60)], [3, next(20)], [next(5), 4, 3]][next(3)]!, rows = next(2) === 0 ? [] : [next(4)];
    const operand = (binding: number): Operand => ({
      binding,
      offset: 4 * next(8),
      bound: next(1000),
      rows: rows.map(() => 4 * next(9)),
      fold: 4 * next(9),
      inner: inner.map(() => next(5) - 1),
      ...(next(5) === 0 ? { indirect: [[2, 4, next(64), next(9)] as const] } : {}),
    });
    const words = submission(0, [x.id, y.id, at.id], {
      program: id,
      rows,
      inner,
      foldSize: next(5),
      rag: next(4) === 0 ? next(50) : -1,
      mems: [operand(0), operand(1), { ...operand(2), indirect: [] }],
      scalars: [f32(1), [word(), word()]],
    });
    const run = submit(words);
    codes.add(run);
    for (let k = 0; k < 4; k++) {
      const changed = words.slice(), at = next(changed.length);
      // Sizes become small or negative: a large one that is sound is only slow.
      changed[at] = at < 32 || at >= 34 + 2 * (rows.length + inner.length)
        ? word()
        : at % 2 === 0
        ? next(3000)
        : 0x80000000;
      const code = submit(changed);
      codes.add(code);
      if (code > 0) native.wait(code);
    }
    native.programFree(id);
  }
  for (let round = 0; round < 20000; round++) {
    const words = Uint32Array.from({ length: 4 + next(60) }, word);
    if (next(2) === 0) words.set([words.length, next(3), next(2), 0]);
    native.program(words);
    const code = submit(words);
    if (code > 0) native.wait(code);
  }
  assert.ok(codes.has(0) && codes.has(E_WORDS));
});

/** Distance of a float32 from an exact value, in units of the float32 spacing there. */
function ulps(got: number, exact: number): number {
  if (Number.isNaN(got) || Number.isNaN(exact)) return Number.isNaN(got) && Number.isNaN(exact) ? 0 : Infinity;
  if (got === Math.fround(exact)) return 0;
  if (!Number.isFinite(got)) return Infinity;
  return Math.abs(got - exact) / 2 ** (Math.max(Math.floor(Math.log2(Math.abs(exact))), -126) - 23);
}
function evenly(from: number, to: number): (i: number, n: number) => number {
  return (i, n) => from + (to - from) * i / (n - 1);
}
const special = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  1e-45,
  -1e-45,
  1.1754944e-38,
  3.4028235e38,
  -3.4028235e38,
  0.5,
  1.5,
  2.5,
  -0.5,
  -2.5,
  88.7,
  -103.9,
  1e5,
  1e9,
  4,
];
const sign = (x: number): number => x > 0 ? 1 : x < 0 ? -1 : 0;
const even = (x: number): number =>
  Math.abs(x) < 2 ** 23 ? (Math.abs(x) + 2 ** 52 - 2 ** 52) * (x < 0 || Object.is(x, -0) ? -1 : 1) : x;
type Reference = readonly [name: string, exact: (x: number) => number, bound: number];
const floats: readonly Reference[] = [
  ["neg", (x) => -x, 0],
  ["abs", Math.abs, 0],
  ["sign", sign, 0],
  ["floor", Math.floor, 0],
  ["ceil", Math.ceil, 0],
  ["trunc", Math.trunc, 0],
  ["round", even, 0],
  ["sqrt", Math.sqrt, 0.5],
  ["rsqrt", (x) => 1 / Math.sqrt(x), 1.5],
  ["recip", (x) => 1 / x, 0.5],
  ["square", (x) => x * x, 0.5],
  ["exp", Math.exp, 2],
  ["expm1", Math.expm1, 2],
  ["log", Math.log, 2],
  ["log1p", Math.log1p, 2],
  ["tanh", Math.tanh, 2],
  ["sin", Math.sin, 2],
  ["cos", Math.cos, 2],
  ["sigmoid", (x) => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)), 2],
  ["log2", Math.log2, 2],
  ["log10", Math.log10, 2],
  ["tan", Math.tan, 2],
  ["asin", Math.asin, 2],
  ["acos", Math.acos, 2],
  ["atan", Math.atan, 2],
  ["sinh", Math.sinh, 2],
  ["cosh", Math.cosh, 2],
  ["asinh", Math.asinh, 2],
  ["acosh", Math.acosh, 2],
  ["atanh", Math.atanh, 2],
];
const tests: readonly Reference[] = [
  ["isnan", (x) => Number(Number.isNaN(x)), 0],
  ["isinf", (x) => Number(Math.abs(x) === Infinity), 0],
  ["isfinite", (x) => Number(Number.isFinite(x)), 0],
  ["isposinf", (x) => Number(x === Infinity), 0],
  ["isneginf", (x) => Number(x === -Infinity), 0],
  ["lnot", (x) => Number(x === 0), 0],
];
const ranges = [
  evenly(-4, 4),
  evenly(-100, 100),
  evenly(-1, 1),
  (i: number) => (i % 2 === 0 ? 1 : -1) * 2 ** (i % 250 - 125) * (1 + i * 0.618 % 1),
];
test("every float32 function of one number is near the exact value", () => {
  const n = 12000, x = memory(Float32Array, 4 * n), y = memory(Float32Array, 4 * n), z = new Int32Array(y.at.buffer);
  for (let i = 0; i < n; i++) x.at[i] = i < special.length ? special[i]! : ranges[i % ranges.length]!(i, n);
  const apply = (name: string): void =>
    run([x.id, y.id], {
      program: program(MAP, 0, 0, 0, pass(["ld.w32", MEM], [name, 0], ["st.w32", MEM | 1])),
      inner: [n],
      mems: [{ binding: 0, inner: [1] }, { binding: 1, inner: [1] }],
    });
  for (const [name, exact, bound] of floats) {
    apply(`${name}.f32`);
    let most = 0, at = 0;
    for (let i = 0; i < n; i++) {
      const d = ulps(y.at[i]!, exact(x.at[i]!));
      if (d > most) {
        most = d;
        at = i;
      }
    }
    if (process.env["SINTER_SHIM_REPORT"] !== undefined) {
      console.log(`${native.info()["isa"]} ${name} ${most.toFixed(3)} at ${x.at[at]}`);
    }
    assert.ok(most <= bound + 1e-6, `${name}(${x.at[at]}) is ${y.at[at]}, exactly ${exact(x.at[at]!)}: ${most} ulp`);
  }
  for (const [name, exact] of tests) {
    apply(`${name}.f32`);
    for (let i = 0; i < n; i++) assert.equal(z[i], exact(x.at[i]!), `${name}(${x.at[i]})`);
  }
  // erf and erfinv against the library's own float64 stages, which are the C library's.
  const wide = memory(Float64Array, 8 * n);
  for (const [name, bound] of [["erf", 2], ["erfinv", 6]] as const) {
    apply(`${name}.f32`);
    run([x.id, wide.id], {
      program: program(MAP, 1, 0, 0, pass(["ld.w32", MEM], ["cast.f32.f64"], [`${name}.f64`], ["st.w64", MEM | 1])),
      inner: [n],
      mems: [{ binding: 0, inner: [1] }, { binding: 1, inner: [1] }],
    });
    let most = 0, at = 0;
    for (let i = 0; i < n; i++) {
      const d = ulps(y.at[i]!, wide.at[i]!);
      if (d > most) {
        most = d;
        at = i;
      }
    }
    if (process.env["SINTER_SHIM_REPORT"] !== undefined) {
      console.log(`${native.info()["isa"]} ${name} ${most.toFixed(3)} at ${x.at[at]}`);
    }
    assert.ok(most <= bound, `${name}(${x.at[at]}) is ${y.at[at]}, exactly ${wide.at[at]}: ${most} ulp`);
  }
});

if (process.env["SINTER_SHIM_CHILD"] === undefined) {
  for (const isa of ["base", "avx2"]) {
    test(`the same on the instruction set ${isa}`, { skip: process.arch !== "x64" }, () => {
      const file = fileURLToPath(import.meta.url),
        args = "Bun" in globalThis ? ["test", "--timeout", "7200000", file] : ["test", "-A", "--no-check", file];
      const child = spawnSync(process.execPath, args, {
        env: { ...process.env, SINTER_ISA: isa, SINTER_SHIM_CHILD: "1" },
        encoding: "utf8",
      });
      assert.equal(child.status, 0, `${child.stdout}\n${child.stderr}`);
      if (process.env["SINTER_SHIM_REPORT"] !== undefined) console.log(child.stdout);
    });
  }
}
