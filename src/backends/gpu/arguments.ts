// The constants of a GPU kernel: sizes, strides and scalars in one structure, its text and its words.
import { itemsize } from "../../base/dtype.ts";
import type { CType, Literal } from "../../kernel/expr.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { typeName } from "./expr.ts";

/** Sizes and operands of one run of a kernel; strides of rows and folds in bytes, of inner axes in elements. */
export interface Run {
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly foldSize: number;
  /** The length that the last row axis cuts into blocks, or -1. */
  readonly rag: number;
  readonly operands: readonly {
    /** Bytes, or null where it follows recorded starts. */
    readonly offset: number | null;
    readonly bound: number;
    readonly rows: readonly number[];
    readonly fold: number;
    readonly inner: readonly number[];
  }[];
}
/** Numbers of a launch that no dispatch of the CPU has. */
export interface Grid {
  /** Threadgroups along the row. */
  readonly across: number;
  /** map: log2 of the threads along the row. sequence: log2 of all threads. */
  readonly shift: number;
}
/** What a field of the structure holds. */
export type Source =
  | { readonly of: "rows" | "length" | "fold" | "rag" | "across" | "shift" }
  | { readonly of: "row" | "inner"; readonly axis: number }
  | { readonly of: "rowStride" | "innerStride"; readonly mem: number; readonly axis: number }
  | { readonly of: "foldStride" | "bound"; readonly mem: number }
  | { readonly of: "scalar"; readonly scalar: number };
/** A field: `t` null is an index. */
interface Field {
  readonly name: string;
  readonly t: CType | null;
  readonly source: Source;
}
/** A field with its place, in words. */
export interface Placed extends Field {
  readonly word: number;
}

const product = (x: readonly number[]): number => x.reduce((a, b) => a * b, 1);

/** The fields that a kernel's text names, in the order in which it first does. */
export class Arguments {
  readonly #fields = new Map<string, Field>();
  readonly #kernel: Kernel;
  readonly #wide: boolean;

  constructor(kernel: Kernel, wide: boolean) {
    this.#kernel = kernel;
    this.#wide = wide;
  }
  #field(name: string, t: CType | null, source: Source): string {
    if (!this.#fields.has(name)) this.#fields.set(name, { name, t, source });
    return `a.${name}`;
  }
  /** The text of a number of the run or of the grid. */
  size(of: "rows" | "length" | "fold" | "rag" | "across" | "shift"): string {
    return this.#field(of, of === "shift" ? "u32" : null, { of });
  }
  axis(of: "row" | "inner", axis: number): string {
    return this.#field(`${of}${axis}`, null, { of, axis });
  }
  /** A stride of operand `mem`, in elements. */
  stride(of: "rowStride" | "innerStride", mem: number, axis: number): string {
    return this.#field(`m${mem}_${of === "rowStride" ? "r" : "i"}${axis}`, null, { of, mem, axis });
  }
  operand(of: "foldStride" | "bound", mem: number): string {
    return this.#field(`m${mem}_${of === "bound" ? "n" : "f"}`, null, { of, mem });
  }
  /** A scalar argument; of a float64 come the bits. */
  scalar(scalar: number): string {
    const t = this.#kernel.scalars.scalars[scalar]?.t as CType,
      name = this.#field(`s${scalar}`, t, { of: "scalar", scalar });
    return t === "f64" ? `sn_f64_bits(${name})` : name;
  }

  /** Scalar arguments take two words each, as a plan patches them; those of 32 bits are followed by a gap. */
  #isWide(f: Field): boolean {
    return f.t === null ? this.#wide : f.source.of === "scalar";
  }
  #hasGap(f: Field): boolean {
    return f.source.of === "scalar" && (f.t === "f32" || f.t === "i32" || f.t === "u32");
  }
  /** Fields in the order of the structure: what takes two words first, so that nothing is padded but the end. */
  placed(): { readonly fields: readonly Placed[]; readonly words: number } {
    const all = [...this.#fields.values()],
      order = [...all.filter((f) => this.#isWide(f)), ...all.filter((f) => !this.#isWide(f))];
    let word = 0;
    const fields = order.map((f): Placed => {
      const at = word;
      word += this.#isWide(f) ? 2 : 1;
      return { ...f, word: at };
    });
    const aligned = order.some((f) => this.#isWide(f)) ? word + word % 2 : word;
    return { fields, words: aligned };
  }
  /** The text of the structure. */
  text(): string {
    const lines = this.placed().fields.map((f) => {
      const type = f.t === null ? (this.#wide ? "long" : "int") : f.t === "f64" ? "ulong" : typeName(f.t);
      return `  ${type} ${f.name}${this.#hasGap(f) ? `, ${f.name}_gap` : ""};\n`;
    });
    return `struct Arguments {\n${lines.join("")}};\n`;
  }
}

/** The value of a field. */
function valueOf(f: Placed, k: Kernel, run: Run, grid: Grid, scalars: readonly Literal[]): Literal {
  const s = f.source,
    elements = (mem: number, bytes: number): number => bytes / itemsize((k.mems[mem] as Kernel["mems"][number]).dtype);
  switch (s.of) {
    case "rows":
      return product(run.rows);
    case "length":
      return product(run.inner);
    case "fold":
      return run.foldSize;
    case "rag":
      return run.rag;
    case "across":
    case "shift":
      return grid[s.of];
    case "row":
      return run.rows[s.axis] as number;
    case "inner":
      return run.inner[s.axis] as number;
    case "scalar":
      return scalars[s.scalar] as Literal;
  }
  const o = run.operands[s.mem] as Run["operands"][number];
  switch (s.of) {
    case "rowStride":
      return elements(s.mem, o.rows[s.axis] ?? 0);
    case "innerStride":
      return o.inner[s.axis] as number;
    case "foldStride":
      return elements(s.mem, o.fold);
    case "bound":
      return o.bound;
  }
}
/** The words of the structure for a run. */
export function pack(
  k: Kernel,
  fields: readonly Placed[],
  words: number,
  wide: boolean,
  run: Run,
  grid: Grid,
  scalars: readonly Literal[],
): Uint32Array {
  const out = new Uint32Array(words), view = new DataView(out.buffer);
  for (const f of fields) {
    const at = 4 * f.word, x = valueOf(f, k, run, grid, scalars);
    if (typeof x === "object") {
      view.setFloat32(at, x.re, true);
      view.setFloat32(at + 4, x.im, true);
    } else if (f.t === "c64") view.setFloat32(at, Number(x), true);
    else if (f.t === "f32") view.setFloat32(at, Number(x), true);
    else if (f.t === "f64") view.setFloat64(at, Number(x), true);
    else if (f.t === "i64" || f.t === "u64" || (f.t === null && wide)) {
      view.setBigUint64(at, BigInt.asUintN(64, BigInt(x)), true);
    } else view.setUint32(at, Number(x) >>> 0, true);
  }
  return out;
}
