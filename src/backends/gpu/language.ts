// What the generator takes of a GPU's language, and what templates take of the generator.
import type { Kernel } from "../../kernel/kernel.ts";
import type { Arguments } from "./arguments.ts";
import type { Bfloat16 } from "./expr.ts";
import type { ProductShape } from "./product.ts";

/** What differs between the languages of GPUs. */
export interface Language {
  /** What every text begins with. */
  readonly head: string;
  /** Functions that are its own, among them sn_xor_T, sn_up_T and sn_lane_T: values of other lanes of a SIMD group. */
  readonly own: string;
  readonly bfloat16: Bfloat16;
  /** A pointer to elements in memory. */
  pointer(type: string, written: boolean): string;
  /** What stands before the name of a pointer whose memory no other reaches, or nothing. */
  readonly alone: string;
  /** The opening of a kernel with these pointers, a structure `Arguments` named `a`, and the uints `sn_group` and `sn_thread`. */
  signature(name: string, pointers: readonly string[]): string;
  /** What every kernel begins with, or nothing. */
  readonly begin: string;
  /** Declares memory of the threadgroup. */
  shared(type: string, name: string, n: number): string;
  /** Waits for all threads of the threadgroup, and makes what they wrote to its memory known. */
  readonly barrier: string;
  /** Prints a matrix product that has its result in tiles; null where the GPU has no such instructions. */
  readonly tiles: ((w: Writer, shape: Extract<ProductShape, { form: "tiles" }>) => void) | null;
}

/** Prints into the text of a kernel: what the templates take of its printer. */
export interface Writer {
  readonly kernel: Kernel;
  readonly args: Arguments;
  readonly language: Language;
  /** The type of indices. */
  readonly index: string;
  line(text: string): void;
  block(head: string, body: () => void): void;
  /** Declares the length n of the sums. */
  length(): void;
  /** Stores what follows from the sum f<id> where the row axes r0, r1, ... are. */
  rowStores(): void;
}
