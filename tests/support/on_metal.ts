// Runs kernels on Metal beside the exact interpreter, each from the same memory, and compares what they write.
import assert from "node:assert/strict";
import { type DType, itemsize, kindOf } from "../../src/base/dtype.ts";
import {
  makeLaunch,
  makeProgram,
  type Program,
  programKey,
  type Shape,
  shapeOf,
} from "../../src/backends/gpu/kernel.ts";
import type { Language } from "../../src/backends/gpu/language.ts";
import { languageFor } from "../../src/backends/metal/msl.ts";
import { interpret, type Run } from "../../src/kernel/interpret.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { type Buffer, Metal, violations } from "./metal.ts";

/** How far a result may be from the interpreter's, relative to the largest magnitude in it (or 1), in units of the dtype's precision. */
const UNITS = 64;
const PRECISION: Readonly<Partial<Record<DType, number>>> = { float16: 2 ** -11, bfloat16: 2 ** -8 };

function readNumbers(m: DataView, dtype: DType): Float64Array {
  const item = itemsize(dtype), n = m.byteLength / item;
  const at = (i: number): number => {
    switch (dtype) {
      case "bool":
      case "uint8":
        return m.getUint8(i);
      case "int8":
        return m.getInt8(i);
      case "uint16":
        return m.getUint16(2 * i, true);
      case "int16":
        return m.getInt16(2 * i, true);
      case "uint32":
        return m.getUint32(4 * i, true);
      case "int32":
        return m.getInt32(4 * i, true);
      case "uint64":
        return Number(m.getBigUint64(8 * i, true));
      case "int64":
        return Number(m.getBigInt64(8 * i, true));
      case "float16":
        return m.getFloat16(2 * i, true);
      case "bfloat16": {
        const bits = new DataView(new ArrayBuffer(4));
        bits.setUint16(2, m.getUint16(2 * i, true), true);
        return bits.getFloat32(0, true);
      }
      case "float64":
        return m.getFloat64(8 * i, true);
      default:
        return m.getFloat32(4 * i, true);
    }
  };
  return Float64Array.from({ length: dtype === "complex64" ? 2 * n : n }, (_, i) => at(i));
}

/** Metal with the programs that were made for it. */
export class MetalRunner {
  readonly #altered: (text: string) => string;
  readonly metal: Metal = new Metal();
  readonly language: Language;
  readonly #programs = new Map<string, { readonly program: Program; readonly id: number }>();
  /** Kernels compiled, and launches. */
  compiled = 0;
  launched = 0;
  /** The last result that was compared. */
  last: Float64Array = new Float64Array();
  /** What the last launch wrote: the bytes of each operand, with its dtype. */
  written: { readonly dtype: DType; readonly bytes: Uint8Array }[] = [];

  /** `language` in the place of the device's own. `altered` may plant a mistake in the texts. */
  constructor(language: Language | null = null, altered: (text: string) => string = (text) => text) {
    this.language = language ?? languageFor(Object.fromEntries(this.metal.info()));
    this.#altered = altered;
  }

  /** Runs a kernel on Metal, then on the interpreter, whose results stay in memory; they have to agree. */
  readonly run = (k: Kernel, run: Run, shape: Shape = shapeOf(k, run, true)): void => {
    const key = programKey(k, shape);
    let known = this.#programs.get(key);
    if (known === undefined) {
      const made = makeProgram(k, shape, this.language), program = { ...made, text: this.#altered(made.text) };
      known = { program, id: this.metal.program(program) };
      this.#programs.set(key, known);
      this.compiled++;
    }
    const { program, id } = known, launch = makeLaunch(program, k, shape, run, run.scalars);
    // One buffer for each memory, as operands may share it.
    const memories = [...new Set(run.operands.map((o) => o.memory.buffer))];
    const buffers = memories.map((m): Buffer => {
      const b = this.metal.buffer(m.byteLength);
      b.bytes.set(new Uint8Array(m));
      return b;
    });
    if (launch !== null) {
      this.metal.run(buffers, [{
        program: id,
        groups: [launch.groups, 1, 1],
        threads: [program.threads, 1, 1],
        buffers: run.operands.map((o) => [memories.indexOf(o.memory.buffer), o.offset] as const),
        constants: [...launch.constants],
      }]);
      this.launched++;
    }
    interpret(k, run);
    this.written = [];
    k.mems.forEach((m, i) => {
      if (!m.written) return;
      const memory = (run.operands[i] as Run["operands"][number]).memory.buffer,
        bytes = (buffers[memories.indexOf(memory)] as Buffer).bytes;
      this.written.push({ dtype: m.dtype, bytes: bytes.slice() });
      this.#compare(m.dtype, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), new DataView(memory), program);
    });
    for (const b of buffers) this.metal.dispose(b);
    assert.deepEqual(violations(), []);
  };
  #compare(dtype: DType, got: DataView, want: DataView, program: Program): void {
    const a = this.last = readNumbers(got, dtype),
      b = readNumbers(want, dtype),
      exact = kindOf(dtype) !== "float" && kindOf(dtype) !== "complex";
    const scale = b.reduce((top, x) => Number.isFinite(x) ? Math.max(top, Math.abs(x)) : top, 1);
    const bound = exact ? 0 : UNITS * (PRECISION[dtype] ?? 2 ** -24) * scale;
    b.forEach((w, i) => {
      const g = a[i] as number;
      assert.ok(
        Object.is(g, w) || Math.abs(g - w) <= bound,
        `${program.name}, ${dtype} element ${i}: ${g}, not ${w}\n${program.text}`,
      );
    });
  }
}
