// Tests SN_LOOP on the CPU: windows move and alternate, flags decide, and nothing leaves its memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory, native, numbers, pass, program, submit } from "../support/shim.ts";
import {
  BRANCH,
  copyWords,
  dispatchWords,
  E_WORDS,
  f32,
  loopWords,
  MAP,
  MEM,
  type Operand,
  REPEAT,
  SCALAR,
  SLOT,
  submission,
  WHILE,
  type Window,
} from "../support/words.ts";

const sum = program(MAP, pass(["ld.w32", MEM], ["add.f32.m", MEM | 1], ["st.w32", MEM | 2]));
const below = program(
  MAP,
  pass(["splat.w32", SCALAR], ["keep", SLOT], ["ld.w32", MEM], ["lt.f32.s", SCALAR], ["st.u8", MEM | 1]),
  { slots: 1 },
);
const x = memory(Float32Array, 40), carry = memory(Float32Array, 8), y = memory(Float32Array, 40);
const flag = memory(Int32Array, 4);
/** The bindings: four buffers, and four windows of a float each. */
const X = 0, CARRY = 1, Y = 2, FLAG = 3, EVEN = 4, ODD = 5, READ = 6, WRITTEN = 7;

const at = (binding: number): Operand => ({ binding, inner: [1] });
const add = (a: number, b: number, to: number): number[] =>
  dispatchWords({ program: sum, inner: [1], mems: [at(a), at(b), at(to)] });
const copy = (to: number, from: number, offset = 0): number[] =>
  copyWords({ to: [to, 0], from: [from, offset], bytes: 4 });
/** The carry lies in turn in both of its places; x and y are walked. */
const moves = (count: number, by: number, offset = 0): Window[] => [
  { window: EVEN, from: CARRY, other: CARRY, by: 4 },
  { window: ODD, from: CARRY, offset: 4, other: CARRY, by: 0 },
  { window: READ, from: X, offset, by },
  { window: WRITTEN, from: Y, by: 4 * Math.sign(count) },
];
/** The next carry is the carry and an element of x; y keeps each. */
const step = [...add(EVEN, READ, ODD), ...copy(WRITTEN, ODD)];
const test30 = (of: number): number[] =>
  dispatchWords({ program: below, inner: [1], mems: [at(of), at(FLAG)], scalars: [f32(30)] });
const words = (...command: readonly number[]): Uint32Array =>
  submission([x.id, carry.id, y.id, flag.id], [command], 0, [4, 4, 4, 4]);
function run(command: readonly number[]): void {
  for (let i = 0; i < 10; i++) x.at[i] = i + 1;
  for (const b of [carry, y]) b.at.fill(0);
  assert.equal(submit(words(...command)), 0, native.error());
}

test("a loop that repeats walks its arrays, forwards and backwards", () => {
  run(loopWords(REPEAT, 9, moves(9, 4), [step, [], copy(CARRY, EVEN)]));
  assert.deepEqual([...y.at], [1, 3, 6, 10, 15, 21, 28, 36, 45, 0]);
  assert.equal(carry.at[0], 45);
  run(loopWords(REPEAT, 10, moves(10, -4, 36), [step]));
  assert.deepEqual([...y.at], [10, 19, 27, 34, 40, 45, 49, 52, 54, 55]);
});

test("a flag that the blocks write ends a loop, and chooses a branch", () => {
  const walk = [...step, ...test30(ODD)];
  run(loopWords(WHILE, 0, moves(9, 4), [test30(EVEN), walk, copy(CARRY, EVEN)], [FLAG, 0]));
  assert.equal(carry.at[0], 36);
  for (const [value, want] of [[1, 3], [0, 7]] as const) {
    flag.at[0] = value;
    run(loopWords(BRANCH, 0, [], [copy(CARRY, X, 8), copy(CARRY, X, 24)], [FLAG, 0]));
    assert.equal(carry.at[0], want);
  }
});

test("loops that would leave their memory are refused", () => {
  const refused = (command: readonly number[]): void => assert.equal(submit(words(...command)), E_WORDS);
  refused(loopWords(REPEAT, 11, moves(11, 4), [step]));
  refused(loopWords(REPEAT, 10, moves(10, -4), [step]));
  refused(loopWords(REPEAT, 1, [{ window: CARRY, from: X, by: 0 }], []));
  refused(loopWords(REPEAT, 1, [{ window: EVEN, from: 99, by: 0 }], []));
  refused(loopWords(REPEAT, 2, [{ window: EVEN, from: X, by: 2 ** 53 }], []));
  refused(add(EVEN, X, CARRY));
  refused(loopWords(BRANCH, 0, [], [[], []], [FLAG, 4]));
  refused(loopWords(BRANCH, 0, [], [[], []], [EVEN, 0]));
  refused(loopWords(WHILE, 2, [], [[], []], [FLAG, 0]));
  refused(loopWords(3, 0, [], []));
  let deep = copy(CARRY, X);
  for (let k = 0; k < 40; k++) deep = loopWords(REPEAT, 1, [], [deep]);
  refused(deep);
});

test("whatever words stand in a sound loop, it ends and crashes nothing", () => {
  const next = numbers(99);
  const branch = loopWords(BRANCH, 0, moves(1, 4), [step, test30(EVEN)], [FLAG, 0]);
  const good = words(...loopWords(REPEAT, 3, moves(3, 4), [[...step, ...branch], [], copy(CARRY, EVEN)]));
  for (let k = 0; k < 20000; k++) {
    const changed = good.slice(), place = 4 + next(changed.length - 4);
    // How often it runs stays small.
    changed[place] = next(3) === 0 ? 0xffffffff : next(64);
    if (changed[2] === 0) submit(changed);
  }
});
