// The words of commands and submissions, put together by hand from what shim/sinter.h says, apart from those of src/runtime.

/** The kinds of a stage's operands, to be joined with an index. */
export const MEM = 1 << 24, SLOT = 2 << 24, SCALAR = 3 << 24, AXIS = 4 << 24, STAGE = 5 << 24, TILE = 6 << 24;
/** The kinds of programs. */
export const MAP = 0, ROW = 1, COL = 2, SEQ = 3;
/** Codes of submissions that fail. */
export const E_MEMORY = -1, E_WORDS = -2, E_HANDLE = -4;
/** A flag of a submission, and what a loop does. */
export const ASYNC = 1, REPEAT = 0, WHILE = 1, BRANCH = 2;
const UPDATE = 3, WINDOW = 4;
const DISPATCH = 1, CALL = 2, COPY = 3, LAUNCH = 4, LOOP = 5;
const NO_BINDING = 0xffffffff;

/** A place in memory. */
export type Place = readonly [binding: number, offset: number];
/** A memory operand of a dispatch. */
export interface Operand {
  readonly binding: number;
  readonly offset?: number;
  readonly bound?: number;
  readonly rows?: readonly number[];
  readonly fold?: number;
  readonly inner: readonly number[];
  readonly indirect?: readonly (readonly [mem: number, storage: number, stride: number, size: number])[];
}
/** A dispatch of a tape. */
export interface Dispatch {
  readonly program: number;
  readonly rows?: readonly number[];
  readonly inner: readonly number[];
  readonly mems: readonly Operand[];
  readonly scalars?: readonly (readonly [number, number])[];
  readonly rag?: number;
  readonly foldSize?: number;
}
/** A launch of a kernel; `after`: it depends on an earlier one. */
export interface Launch {
  readonly program: number;
  readonly groups: readonly [number, number, number];
  readonly threads: readonly [number, number, number];
  readonly buffers: readonly Place[];
  readonly constants: readonly number[];
  readonly after?: boolean;
}
/** A copy between bindings. */
export interface Copy {
  readonly to: Place;
  readonly from: Place;
  readonly bytes: number;
}
/** A window of a loop: where it lies before pass i, at `offset` + i `by` of a binding, or in turn with another binding at `by`. */
export interface Window {
  readonly window: number;
  readonly from: number;
  readonly offset?: number;
  readonly other?: number;
  readonly by: number;
}

const single = new Float32Array(1), bits = new Uint32Array(single.buffer);
/** The two words of a float32 scalar. */
export function f32(x: number): readonly [number, number] {
  single[0] = x;
  return [bits[0] as number, 0];
}
/** The two words of a whole number. */
export function i64(x: number): readonly [number, number] {
  return [x >>> 0, Math.floor(x / 2 ** 32) >>> 0];
}
/** The two words of a float64. */
const f64 = (x: number): number[] => [...new Uint32Array(new Float64Array([x]).buffer)];
const place = ([binding, offset]: Place): number[] => [binding, ...i64(offset)];
const command = (op: number, words: readonly number[]): number[] => [op, words.length + 2, ...words];

export function dispatchWords(d: Dispatch): number[] {
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
  return command(DISPATCH, words);
}
/** A call of a routine; a pointer may be null. */
export function callWords(
  routine: number,
  pointers: readonly (Place | null)[],
  ints: readonly number[],
  nums: readonly number[] = [],
): number[] {
  return command(CALL, [
    routine,
    pointers.length,
    ints.length,
    nums.length,
    ...pointers.flatMap((p) => place(p ?? [NO_BINDING, 0])),
    ...ints.flatMap(i64),
    ...nums.flatMap(f64),
  ]);
}
export const copyWords = (c: Copy): number[] => command(COPY, [...place(c.to), ...place(c.from), ...i64(c.bytes)]);
export function launchWords(l: Launch): number[] {
  return command(LAUNCH, [
    l.program,
    l.after === true ? 1 : 0,
    ...l.groups,
    ...l.threads,
    l.buffers.length,
    l.constants.length,
    ...l.buffers.flatMap(place),
    ...l.constants,
  ]);
}
/** A loop: what it does, how often, its windows and its three blocks of commands. */
export function loopWords(
  what: number,
  count: number,
  windows: readonly Window[],
  blocks: readonly (readonly number[])[],
  flag: Place = [0, 0],
): number[] {
  return command(LOOP, [
    what,
    windows.length,
    ...[0, 1, 2].map((k) => blocks[k]?.length ?? 0),
    ...place(flag),
    ...i64(count),
    ...windows.flatMap((w) => [w.window, ...place([w.from, w.offset ?? 0]), ...place([w.other ?? NO_BINDING, w.by])]),
    ...blocks.flat(),
  ]);
}
/** A submission of commands over buffers, and over windows of so many bytes after them. */
export function submission(
  buffers: readonly number[],
  commands: readonly (readonly number[])[],
  flags = 0,
  windows: readonly number[] = [],
): Uint32Array {
  const bindings = [
    ...buffers.flatMap((id) => [UPDATE, id, 0, 0, 0, 0]),
    ...windows.flatMap((bytes) => [WINDOW, 0, ...i64(bytes), 0, 0]),
  ];
  const words = [0, bindings.length / 6, flags, 0, ...bindings, ...commands.flat()];
  words[0] = words.length;
  return Uint32Array.from(words);
}
