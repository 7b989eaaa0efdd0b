// Tests what shim/ refuses: programs, dispatches and calls that would leave their memory, and words of any kind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory, native, numbers, pass, program, programWords, type Stage, submit } from "../support/shim.ts";
import { AXIS, callWords, type Dispatch, dispatchWords, E_HANDLE, E_WORDS, f32, MAP, MEM } from "../support/words.ts";
import { type Operand, type Place, ROW, SCALAR, SEQ, SLOT, STAGE, submission, TILE } from "../support/words.ts";

test("programs and dispatches that would leave their memory are refused", () => {
  const good = (): readonly Stage[] => pass(["ld.w32", MEM], ["add.f32.m", MEM | 1], ["st.w32", MEM | 1]);
  const refused = (...of: Parameters<typeof programWords>): void =>
    assert.equal(native.program(programWords(...of)), 0, JSON.stringify(of));
  refused(MAP, [["loop", STAGE]]);
  refused(MAP, good(), { entries: [9, 0, 0] });
  refused(MAP, pass(["keep"]));
  refused(MAP, pass(["keep", SLOT | 1]), { slots: 1 });
  refused(MAP, pass(["keep", TILE]), { tiles: 1 });
  refused(MAP, pass(["ld.w64", MEM]), { slots: 1 });
  refused(MAP, pass(["axis.i32", 0, 0, 77]), { slots: 1 });
  refused(MAP, pass(["threefry0.u32", SLOT, SLOT]), { slots: 1 });
  refused(ROW, [["ld.w32", MEM], ["loop", STAGE], ["loop", STAGE], ["ret"]]);
  refused(MAP, pass(["ld.c64", MEM], ["add.c64.m", MEM]), { wide: 1, slots: 1 });
  // A stage `own` ends before the loop of its pass, and the program stores nowhere else.
  const owning = (imm: number, ...more: readonly Stage[]): readonly Stage[] =>
    pass(["own.i32", MEM, SLOT, imm], ["ld.w32", MEM | 1], ["stx.add.w32.f32", MEM, SLOT], ...more);
  assert.notEqual(native.program(programWords(SEQ, owning(3), { slots: 1 })), 0);
  refused(ROW, owning(3), { slots: 1 });
  for (const imm of [0, 2, 4, 99, 2 ** 32 - 1]) refused(SEQ, owning(imm), { slots: 1 });
  refused(SEQ, owning(4, ["st.w32", MEM | 2]), { slots: 1 });
  refused(SEQ, owning(4, ["ld.w32", MEM]), { slots: 1 });
  const id = program(MAP, good()), axis = program(MAP, pass(["axis.i32", AXIS | 1], ["st.w32", MEM]));
  const x = memory(Float32Array, 400), y = memory(Float32Array, 400);
  const code = (d: Omit<Dispatch, "program">, of = id): number =>
    submit(submission([x.id, y.id], [dispatchWords({ program: of, ...d })]));
  const unit = { binding: 0, inner: [1] }, out = { binding: 1, inner: [1] };
  assert.equal(code({ inner: [100], mems: [unit, out] }), 0);
  assert.equal(code({ inner: [101], mems: [unit, out] }), E_WORDS);
  assert.equal(code({ inner: [50], mems: [{ binding: 0, inner: [3] }, out] }), E_WORDS);
  assert.equal(code({ inner: [50], mems: [{ binding: 0, inner: [-1] }, out] }), E_WORDS);
  const strided = { binding: 1, inner: [2] }, still = [0, 1].map((binding) => ({ binding, inner: [0, 0] }));
  assert.equal(code({ inner: [50], mems: [unit, strided] }), E_WORDS, "arithmetic reads only contiguous memory");
  assert.equal(code({ inner: [50], mems: [unit, { binding: 2, inner: [1] }] }), E_WORDS);
  assert.equal(code({ inner: [50], mems: [unit] }), E_WORDS);
  assert.equal(code({ inner: [2 ** 40, 2 ** 40], mems: still }), E_WORDS);
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

test("calls that would leave their memory are refused", () => {
  const x = memory(Float32Array, 400), y = memory(Float32Array, 400), small = memory(Float32Array, 36);
  const code = (
    name: string,
    pointers: readonly (Place | null)[],
    ints: readonly number[],
    nums: readonly number[] = [],
  ): number =>
    submit(submission([x.id, y.id, small.id], [callWords(native.routines.get(name)!, pointers, ints, nums)]));
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
  const next = numbers(4321);
  // Behind each buffer the library has readable bytes of its own: no call may change them.
  const sizes = [64, 256, 1024, 4096], pad = 1024;
  const buffers = sizes.map((bytes) => {
    const { id, at } = memory(Float32Array, bytes, pad);
    return { id, floats: at.subarray(0, bytes / 4), after: new Uint32Array(at.buffer, bytes) };
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
      const words = submission(ids, [callWords(routine, at, ints, [1, next(2)])]);
      if (wild && next(2) === 0) words[28 + next(words.length - 28)] = next(0x7fffff) * 512 + next(512);
      const code = submit(words);
      seen.add(code);
      for (const b of buffers) assert.ok(b.after.every((v) => v === 0x5a5a5a5a), `${name} of ${ints} wrote beyond`);
    }
    codes.set(name, seen);
  }
  for (const [name, seen] of codes) assert.ok(seen.has(0) && seen.has(E_WORDS), `${name}: ${[...seen]}`);
});

test("no words crash", () => {
  const next = numbers(12345);
  const odd = [0, 1, 2, 3, 7, 8, 16, 255, 4095, 65536, 0x7fffffff, 0x80000000, 0xffffffff];
  odd.push(MEM, SLOT, SCALAR, AXIS, STAGE, TILE, MEM | 1, TILE | 3);
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
    const p = programWords(next(4), stages, { wide: next(2), slots: 3, tiles: 1 });
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
    const words = submission([x.id, y.id, at.id], [dispatchWords({
      program: id,
      rows,
      inner,
      foldSize: next(5),
      rag: next(4) === 0 ? next(50) : -1,
      mems: [operand(0), operand(1), { ...operand(2), indirect: [] }],
      scalars: [f32(1), [word(), word()]],
    })]);
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
