// Steps of a plan as launches of source programs, for the devices whose kernels are text.
import type { Language } from "../backends/gpu/language.ts";
import { aheadProgram } from "../backends/gpu/ahead.ts";
import { makeLaunch, makeProgram, type Program, programKey, type Run, shapeOf } from "../backends/gpu/kernel.ts";
import { CUDA } from "../backends/cuda/cuda.ts";
import { languageFor } from "../backends/metal/msl.ts";
import { DEBUG, debug } from "../base/env.ts";
import { plainError } from "../base/error.ts";
import type { CType } from "../kernel/expr.ts";
import { isMultiple, numberOf, type Size } from "../kernel/sizes.ts";
import type { Step } from "../schedule/step.ts";
import type { Native } from "./ffi.ts";
import { COMMAND, wideWords } from "./words.ts";

const LANGUAGES: Readonly<Record<string, (info: Readonly<Record<string, string>>) => Language>> = {
  metal: languageFor,
  cuda: () => CUDA,
};
const languages = new Map<number, Language | null>();
/** The language of a device's kernels; null if it runs tapes. */
export function languageOf(native: Native, device: number): Language | null {
  let language = languages.get(device);
  if (language === undefined) {
    const [name] = [...native.devices].find(([, number]) => number === device) ?? [""];
    language = LANGUAGES[name]?.(native.info(device)) ?? null;
    languages.set(device, language);
  }
  return language;
}

interface Loaded<P> {
  readonly id: number;
  readonly program: P;
}
/** Kernels, and what ends the passes of loops that run ahead. */
const loaded = new Map<string, Loaded<Program>>(), ahead = new Map<string, Loaded<Omit<Program, "fields">>>();
/** Frees all source programs. */
export function forgetSources(native: Native): void {
  for (const programs of [loaded, ahead]) {
    for (const { id } of programs.values()) native.programFree(id);
    programs.clear();
  }
}
/** Number of kernels compiled so far. */
export function compiledSources(): number {
  return loaded.size;
}
/** A source program as words for the native library. */
export function sourceWords(p: Omit<Program, "fields">): Uint32Array {
  const encoder = new TextEncoder(), name = encoder.encode(p.name), text = encoder.encode(p.text);
  const words = (n: number): number => Math.ceil(n / 4),
    out = new Uint32Array(5 + words(name.length) + words(text.length));
  out.set([p.buffers, p.constants, p.threads, name.length, text.length]);
  const bytes = new Uint8Array(out.buffer);
  bytes.set(name, 20);
  bytes.set(text, 20 + 4 * words(name.length));
  return out;
}

/** Where an operand lies: binding, bytes from its start, and the part of the binding that may be touched. */
export interface Located {
  readonly binding: number;
  readonly offset: Size;
  readonly from: number;
  readonly to: number;
  /** Bindings that may be the same memory, if it is written. */
  readonly over: readonly number[];
  /** False if the binding itself begins anywhere: a window that a loop moves. */
  readonly aligned: boolean;
}
interface Access {
  readonly binding: number;
  readonly from: number;
  readonly to: number;
  readonly written: boolean;
}
/** What launches touched since the last barrier. */
export class Hazards {
  #touched: Access[] = [];
  #fenced = false;
  /** The next launch must come after all that went before, and all that a loop runs again. */
  fence(): void {
    this.#fenced = true;
  }
  /** Notes what a launch touches; true if it must come after what went before. */
  after(operands: readonly Located[], written: (operand: number) => boolean): boolean {
    const launch = operands.flatMap((o, i): Access[] => {
      const all = written(i) ? o.over.map((binding) => ({ binding, from: 0, to: Infinity, written: true })) : [];
      return [{ binding: o.binding, from: o.from, to: o.to, written: written(i) }, ...all];
    });
    const meets = this.#fenced ||
      launch.some((x) =>
        this.#touched.some((y) => (x.written || y.written) && x.binding === y.binding && x.from < y.to && y.from < x.to)
      );
    this.#fenced = false;
    this.#touched = meets ? launch : [...this.#touched, ...launch];
    return meets;
  }
}

/** Whether no memory that is written is that of another operand as well. */
function areAlone(operands: readonly Located[], written: (operand: number) => boolean): boolean {
  return operands.every((o, i) =>
    !written(i) ||
    operands.every((x, j) =>
      i === j || (!o.over.includes(x.binding) && (x.binding !== o.binding || x.to <= o.from || o.to <= x.from))
    )
  );
}

/** A launch in words, with the places (from its first word) that a run patches. */
export interface LaunchWords {
  readonly words: readonly number[];
  /** Numbers of 64 bits that follow starts and offsets. */
  readonly sizes: readonly { readonly at: number; readonly size: Size }[];
  readonly scalars: readonly { readonly at: number; readonly slot: number; readonly k: number; readonly t: CType }[];
}
/** A flag of a launch: it depends on one since the last barrier. */
const AFTER = 1;

function loadedProgram<P extends Omit<Program, "fields">>(
  native: Native,
  device: number,
  key: string,
  programs: Map<string, Loaded<P>>,
  make: () => P,
): Loaded<P> {
  const name = `${device} ${key}`, known = programs.get(name);
  if (known !== undefined) return known;
  const program = make(), id = native.program(sourceWords(program), device);
  if (DEBUG >= 4) debug(program.text);
  if (id === 0) throw plainError(native.error());
  const made = { id, program };
  programs.set(name, made);
  return made;
}
/** The words of a launch up to its operands. */
const head = (id: number, after: boolean, groups: number, threads: number): number[] => [
  COMMAND.launch,
  0,
  id,
  after ? AFTER : 0,
  groups,
  1,
  1,
  threads,
  1,
  1,
];

/** The launch behind a pass that runs ahead of its test, from where the test's byte and the state lie. */
export function aheadLaunch(
  native: Native,
  device: number,
  language: Language,
  operands: readonly [next: Located, state: Located],
  first: boolean,
  hazards: Hazards,
): readonly number[] {
  const { id } = loadedProgram(native, device, "ahead", ahead, () => aheadProgram(language));
  const words = head(id, hazards.after(operands, (i) => i === 1), 1, 1);
  words.push(operands.length, 1);
  for (const o of operands) words.push(o.binding, ...wideWords(numberOf(o.offset)));
  words.push(first ? 1 : 0);
  words[1] = words.length;
  return words;
}
/** The launch of a kernel of a pinned plan; null if there is nothing to do. With a guard, it does nothing where the word there is 0. */
export function launchOf(
  native: Native,
  device: number,
  language: Language,
  step: Step<number>,
  own: readonly Located[],
  guard: Located | null,
  hazards: Hazards,
): LaunchWords | null {
  if (step.kind !== "kernel") throw new Error("internal: a call is no launch");
  const k = step.kernel, operands = guard === null ? own : [...own, guard];
  // Where an offset is known to be a multiple of 16 bytes, what more it is does not matter.
  const offsetOf = ({ offset, aligned }: Located): number | null =>
    !aligned ? null : isMultiple(offset, 16) ? 0 : typeof offset === "number" ? offset : null;
  const run: Run = {
    ...step,
    operands: step.operands.map((o, i) => ({ ...o, offset: offsetOf(operands[i] as Located) })),
  };
  const shape = {
    ...shapeOf(k, run, language.tiles !== null),
    alone: language.alone !== "" && areAlone(operands, (i) => k.mems[i]?.written === true),
    guarded: guard !== null,
  };
  const make = (): Program => makeProgram(k, shape, language);
  const { id, program } = loadedProgram(native, device, programKey(k, shape), loaded, make);
  const { scalars } = k.scalars;
  const launch = makeLaunch(program, k, shape, run, scalars.map((x) => x.value));
  if (launch === null) return null;
  const after = hazards.after(operands, (i) => k.mems[i]?.written === true);
  const words = head(id, after, launch.groups, program.threads);
  words.push(operands.length, launch.constants.length);
  const sizes: { at: number; size: Size }[] = [], patched: LaunchWords["scalars"][number][] = [];
  for (const o of operands) {
    const offset = numberOf(o.offset);
    if (typeof o.offset !== "number") sizes.push({ at: words.length + 1, size: o.offset });
    words.push(o.binding, ...wideWords(offset));
  }
  const constants = words.length;
  words.push(...launch.constants);
  for (const f of program.fields) {
    const scalar = f.source.of === "scalar" ? scalars[f.source.scalar] : undefined, at = constants + f.word;
    if (scalar === undefined) continue;
    if (scalar.size !== null) sizes.push({ at, size: scalar.size });
    if (scalar.node >= 0) patched.push({ at, slot: scalar.node, k: scalar.k, t: scalar.t });
  }
  words[1] = words.length;
  return { words, sizes, scalars: patched };
}
