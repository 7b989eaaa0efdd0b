// The words of a submission: what shim/sinter.h says of bindings, commands and numbers.
import type { CType, Literal } from "../kernel/expr.ts";
import { numberOf, type Size } from "../kernel/sizes.ts";

/** The kinds of bindings. */
export const BIND = { buffer: 0, new: 1, arena: 2, update: 3, window: 4 } as const;
/** The commands. */
export const COMMAND = { dispatch: 1, call: 2, copy: 3, launch: 4, loop: 5 } as const;
/** Stands where a command names no binding. */
export const NO_BINDING = 0xffffffff;

const WIDE = 4294967296;
/** The 64-bit integer of two words. */
export function wideAt(words: Uint32Array, at: number): number {
  return (words[at] as number) + (words[at + 1] as number) * WIDE;
}
/** A 64-bit integer as two words, low word first. */
export function wideWords(x: number): [low: number, high: number] {
  return [x >>> 0, Math.floor(x / WIDE) >>> 0];
}

const scratch = new DataView(new ArrayBuffer(8));
/** Writes a scalar's 64 raw bits. */
export function putScalar(words: Uint32Array, at: number, t: CType, v: Literal): void {
  words[at + 1] = 0;
  switch (t) {
    case "f32":
      scratch.setFloat32(0, Number(v), true);
      words[at] = scratch.getUint32(0, true);
      return;
    case "i32":
    case "u32":
      words[at] = Number(v) >>> 0;
      return;
    case "f64":
      scratch.setFloat64(0, Number(v), true);
      break;
    case "i64":
    case "u64":
      scratch.setBigUint64(0, BigInt.asUintN(64, v as bigint), true);
      break;
    case "c64": {
      const c = v as { readonly re: number; readonly im: number };
      scratch.setFloat32(0, c.re, true);
      scratch.setFloat32(4, c.im, true);
      break;
    }
    default:
      t satisfies never;
  }
  words[at] = scratch.getUint32(0, true);
  words[at + 1] = scratch.getUint32(4, true);
}

/** A submission that is being written: bindings first, then commands. */
export class Words {
  /** Words that follow sizes, and what they hold. */
  readonly sizes: [word: number, size: Size][] = [];
  data: Uint32Array = new Uint32Array(new ArrayBuffer(4096));
  /** Words written so far, the head among them. */
  n = 4;
  bindings = 0;

  #put(x: number): void {
    if (this.n === this.data.length) {
      const more = new Uint32Array(new ArrayBuffer(this.data.byteLength * 2));
      more.set(this.data);
      this.data = more;
    }
    this.data[this.n++] = x >>> 0;
  }
  push(...list: readonly number[]): void {
    for (const x of list) this.#put(x);
  }
  /** A 64-bit integer. */
  wide(size: Size): void {
    if (typeof size !== "number") this.sizes.push([this.n, size]);
    const x = numberOf(size);
    this.#put(x);
    this.#put(Math.floor(x / WIDE));
  }
  scalar(t: CType, v: Literal): void {
    const at = this.n;
    this.push(0, 0);
    putScalar(this.data, at, t, v);
  }
  /** A binding: its first word, and its number. */
  bind(kind: number, bytes: Size): { readonly word: number; readonly binding: number } {
    const word = this.n;
    this.push(kind, 0);
    this.wide(bytes);
    this.wide(0);
    return { word, binding: this.bindings++ };
  }
  /** A command, whose length is known once `write` has written it; `at` is its first word. */
  command(command: number, write: (at: number) => void): void {
    const at = this.n;
    this.push(command, 0);
    write(at);
    this.data[at + 1] = this.n - at;
  }
  /** The whole submission, but for its flags. */
  done(): Uint32Array {
    const words = this.data.slice(0, this.n);
    words[0] = this.n;
    words[1] = this.bindings;
    return words;
  }
}
