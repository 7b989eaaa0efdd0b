// The library of shim/ as tests drive it, below the compiler: memory, hand-made programs and submissions on the CPU.
import assert from "node:assert/strict";
import { openNative } from "../../src/runtime/ffi.ts";
import { type Dispatch, dispatchWords, STAGE, submission } from "./words.ts";

export const native = openNative();

/** A stage of a program: its name, two operands and a number. */
export type Stage = readonly [name: string, a?: number, b?: number, imm?: number];
/** What a program has beside its stages: 64-bit lanes, registers, and the stages with which its parts begin. */
export interface Registers {
  readonly wide?: number;
  readonly slots?: number;
  readonly tiles?: number;
  readonly entries?: readonly number[];
}
/** The words of a program. */
export function programWords(kind: number, stages: readonly Stage[], more: Registers = {}): Uint32Array {
  const { wide = 0, slots = 0, tiles = 0, entries = [0, 0, 0] } = more;
  const words = [kind, wide, slots, tiles, stages.length, ...entries];
  for (const [name, a = 0, b = 0, imm = 0] of stages) {
    const n = native.stages.get(name);
    assert.ok(n !== undefined, `no stage ${name}`);
    words.push(n, a, b, imm);
  }
  return Uint32Array.from(words);
}
/** The id of a sound program. */
export function program(...of: Parameters<typeof programWords>): number {
  const id = native.program(programWords(...of));
  assert.ok(id > 0, native.error());
  return id;
}
/** A one-pass map: stages over n elements. */
export const pass = (...stages: readonly Stage[]): readonly Stage[] => [...stages, ["loop", STAGE], ["ret"]];
/** What the library answers to a submission. */
export const submit = (words: Uint32Array): number => native.submit(words, words.length);
/** Runs sound dispatches. */
export function run(buffers: readonly number[], ...dispatches: readonly Dispatch[]): void {
  assert.equal(submit(submission(buffers, dispatches.map(dispatchWords))), 0, native.error());
}
const held: ArrayBuffer[] = [];
/** A buffer of native memory that lives until the tests end; `at` also shows so many of the bytes that follow it. */
export function memory<T extends Float32Array | Int32Array | Float64Array | BigInt64Array>(
  make: new (b: ArrayBuffer) => T,
  bytes: number,
  beyond = 0,
): { readonly id: number; readonly at: T } {
  const id = native.alloc(bytes);
  assert.ok(id > 0, native.error());
  const token = native.own(id, native.address(id), bytes + beyond);
  held.push(token);
  return { id, at: new make(token) };
}
/** Whole numbers below a bound, from a seed. */
export function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed = seed * 1103515245 + 12345 & 0x7fffffff;
    return (seed >>> 8) % below;
  };
}
