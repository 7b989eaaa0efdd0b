// Evaluation, memory, devices and inspection as users call them.
import { plainError, typeError } from "../base/error.ts";
import { checkOptions, functionOf, integer, shown } from "../base/options.ts";
import { type Device, DEVICES, recording } from "../core/device.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Buf, Node } from "../core/node.ts";
import { type CopyInfo, kernelsOf } from "./describe.ts";
import { LARGE, native } from "./memory.ts";
import { enterScope, leaveScope, printing } from "./read.ts";
import { deviceNumber, isUsable } from "./devices.ts";
import type { KernelInfo } from "./kernels.ts";
import type { SyncInfo } from "./syncs.ts";
import { late } from "../core/ndarray.ts";

/** Arrays, or lists and plain objects of them, to any depth; anything else is ignored. */
export type Tree =
  | NDArray
  | readonly Tree[]
  | { readonly [key: string]: Tree }
  | number
  | string
  | boolean
  | bigint
  | null
  | undefined;

function collect<T>(tree: unknown, of: (a: NDArray) => T, out: T[] = []): T[] {
  if (tree instanceof NDArray) out.push(of(tree));
  else if (Array.isArray(tree)) { for (let i = 0; i < tree.length; i++) collect(tree[i], of, out); }
  else if (
    typeof tree === "object" && tree !== null &&
    (Object.getPrototypeOf(tree) === Object.prototype || Object.getPrototypeOf(tree) === null)
  ) {
    for (const t of Object.values(tree)) collect(t, of, out);
  }
  return out;
}
const nodeOf = (a: NDArray): Node => a.node, nodesOf = (tree: unknown): Node[] => collect(tree, nodeOf);

/**
 * Computes the arrays of trees; blocks until their values are there.
 *
 * @example
 * ```ts
 * const x = mx.ones([2]).add(1);
 * mx.eval(x);
 * x; // array([2, 2], dtype=float32)
 * ```
 */
export function evaluate(...trees: readonly unknown[]): void {
  late.evaluate(nodesOf(trees));
}

/**
 * Starts computing the arrays of trees and returns at once; the promise resolves when they are there.
 *
 * @example
 * ```ts
 * const x = mx.ones([2]).add(1);
 * await mx.asyncEval(x);
 * x; // array([2, 2], dtype=float32)
 * ```
 */
export function asyncEval(...trees: readonly unknown[]): Promise<void> {
  // Nobody has to wait: a failure is also thrown by whatever reads the arrays or depends on them.
  return late.evaluateAsync(nodesOf(trees));
}

/** Waits for all submitted work, whichever device or stream it runs on. */
export function synchronize(): void {
  native().wait(0);
}

/** What an eval of these arrays would run. */
export interface Explanation {
  /** One entry for each kernel or library call, in order. */
  readonly kernels: readonly KernelInfo[];
  /** Copies between devices, in order, and why they are needed; of no bytes where both share the host's memory. */
  readonly copies: readonly CopyInfo[];
  /** Where in this eval devices wait for one another, and where the host waited so far: with the user's lines, and what goes back and forth. */
  readonly syncs: readonly SyncInfo[];
  /** Ops that an earlier eval computed without keeping. */
  readonly recomputed: readonly string[];
  toString(): string;
}
/** A kernel as text; those inside of control flow stand below it. */
function linesOf(k: KernelInfo, number: string): string[] {
  const often = k.passes === undefined ? "" : k.passes === null ? " as often as the data say" : ` ${k.passes} times`;
  return [
    `${number} ${k.device} ${k.name}${often}: ${
      k.ops.join(", ")
    }\n      reads ${k.reads} B, writes ${k.writes} B, ${k.flops} flop; ${k.reason}`,
    ...(k.inner ?? []).flatMap((x, i) => linesOf(x, `${number}.${i}`)),
  ];
}
/**
 * The kernels and library calls that an eval of the arrays would run, with bytes, flops and the reason of each cut.
 *
 * @example
 * ```ts
 * mx.explain(mx.softmax(mx.ones([4, 8]), -1).mul(2)).kernels.length; // 1
 * ```
 */
export function explain(...trees: readonly unknown[]): Explanation {
  const { kernels, copies, syncs, recomputed } = kernelsOf(nodesOf(trees));
  return {
    kernels,
    copies,
    syncs,
    recomputed,
    toString: () =>
      [
        ...kernels.flatMap((k, i) => linesOf(k, String(i).padStart(3))),
        ...copies.map((c) => `copy ${c.bytes} B from ${c.from} to ${c.to}: ${c.reason}`),
        ...syncs.map((s) =>
          `sync: ${s.waits} waits for ${s.for} ${s.times === 1 ? "once" : `${s.times} times`}${
            s.lines.length === 0 ? "" : ` at ${s.lines.join(", ")}`
          }: ${s.reason}${s.backAndForth ? "; values go back and forth" : ""}`
        ),
        ...(recomputed.length === 0 ? [] : [`computed again: ${recomputed.join(", ")}`]),
      ].join("\n"),
  };
}

// ---- memory -----------------------------------------------------------------------------------------------------------
const ACTIVE = 0, PEAK = 1, CACHE = 2, LIMIT = 3, CACHE_LIMIT = 4;
/** Bytes in use by arrays. */
export function getActiveMemory(): number {
  return native().stat(ACTIVE);
}
/** Largest number of bytes that were in use since the start or `resetPeakMemory()`. */
export function getPeakMemory(): number {
  return native().stat(PEAK);
}
/** Starts a new peak. */
export function resetPeakMemory(): void {
  native().set(PEAK, 0);
}
/** Bytes kept for reuse. */
export function getCacheMemory(): number {
  return native().stat(CACHE);
}
/** Gives the bytes kept for reuse back to the system. */
export function clearCache(): void {
  native().trim();
}
/** Most bytes that may be in use. */
export function getMemoryLimit(): number {
  return native().stat(LIMIT);
}
function bytesOf(op: string, limit: number): number {
  if (typeof limit !== "number" || !(limit >= 0)) {
    throw typeError(`Cannot ${op}: a limit is a number of bytes, not ${shown(limit)}`);
  }
  return limit;
}
/**
 * Sets the most bytes that may be in use; returns the old limit. Past it an eval throws, changes nothing, and names the lines of the largest arrays.
 *
 * @example
 * ```ts
 * const before = mx.setMemoryLimit(2 ** 30);
 * mx.getMemoryLimit(); // 1073741824
 * mx.setMemoryLimit(before); // 1073741824
 * ```
 */
export function setMemoryLimit(limit: number): number {
  recording.sites = Math.min(recording.sites, LARGE);
  return native().set(LIMIT, bytesOf("setMemoryLimit", limit));
}
/**
 * Bytes of memory behind the arrays of trees, each buffer once: views share theirs. An Error if an array was not evaluated.
 *
 * @example
 * ```ts
 * const x = mx.ones([4, 4]), t = x.T;
 * mx.eval(x, t);
 * mx.getArrayBufferSize(x, [t]); // 64
 * mx.getArrayBufferSize(x.add(1)); // Error: Cannot getArrayBufferSize of an array that was not evaluated: shape is [4,4]...
 * ```
 */
export function getArrayBufferSize(...trees: readonly unknown[]): number {
  const buffers = new Set<Buf>();
  for (const n of nodesOf(trees)) {
    if (n.buf === null) {
      throw plainError(`Cannot getArrayBufferSize of an array that was not evaluated: shape is [${n.shape.join(",")}]`);
    }
    buffers.add(n.buf);
  }
  return [...buffers].reduce((sum, b) => sum + b.bytes, 0);
}
/** Sets how many bytes are kept for reuse; returns the old limit. */
export function setCacheLimit(limit: number): number {
  return native().set(CACHE_LIMIT, bytesOf("setCacheLimit", limit));
}

/**
 * Runs `f` and disposes of every array made in it but those in its result (a tree).
 *
 * @example
 * ```ts
 * let inner: mx.NDArray | undefined;
 * const sum = mx.scope(() => {
 *   inner = mx.ones([3]).mul(2);
 *   return inner.sum();
 * });
 * [inner?.disposed, sum.item()]; // [true, 6]
 * ```
 */
export function scope<T>(f: () => T): T {
  functionOf("run in a scope", f);
  enterScope();
  let keep: Set<NDArray> | null = null;
  try {
    const result = f();
    if (result instanceof Promise) {
      throw plainError("Cannot run an asynchronous function in scope(): use `using` instead");
    }
    keep = new Set(collect(result, (a) => a));
    return result;
  } finally {
    for (const a of leaveScope()) if (keep === null || !keep.has(a)) a.dispose();
  }
}

// ---- devices ----------------------------------------------------------------------------------------------------------
/**
 * A stream of a device. Work on any stream begins once what it reads is there; what does not depend on one another may run at the
 * same time in any case, so that a stream is only a name for its device.
 */
export class Stream {
  readonly device: Device;
  readonly index: number;

  constructor(device: Device, index: number) {
    this.device = device;
    this.index = index;
  }

  toString(): string {
    return `Stream(${this.device}, ${this.index})`;
  }
}
/** A device as functions take it: a device, or the type of one. */
export type DeviceLike = Device | Device["type"];
function deviceOf(op: string, device: DeviceLike): Device {
  const { type, index }: { type?: unknown; index?: unknown } = typeof device === "string"
    ? { type: device, index: 0 }
    : device ?? {};
  const found = DEVICES.find((d) => d.type === type && d.index === index);
  if (found !== undefined) return found;
  if (!DEVICES.some((d) => d.type === type)) {
    throw typeError(`Cannot ${op}: expected a device, such as mx.cpu or mx.gpu, not ${shown(device)}`);
  }
  return device as Device;
}
function usable(op: string, device: DeviceLike): Device {
  const found = deviceOf(op, device);
  if (isUsable(native(), found)) return found;
  const there = DEVICES.filter((d) => isUsable(native(), d)).map((d) => `${d.type}:${d.index}`).join(", ");
  throw plainError(`Cannot ${op}: the device ${found.type}:${found.index} is not available; available: ${there}`);
}
/** The device on which new arrays are computed: what `setDefaultDevice` set, what SINTER_DEVICE names, the GPU if there is one, else the CPU. */
export function defaultDevice(): Device {
  return recording.device;
}
/** True if arrays can be computed on the device. */
export function isAvailable(device: DeviceLike): boolean {
  return isUsable(native(), deviceOf("isAvailable", device));
}
/** How many devices of a type can be used. */
export function deviceCount(type: DeviceLike): number {
  const of = deviceOf("deviceCount", type).type;
  return DEVICES.filter((d) => d.type === of && isUsable(native(), d)).length;
}
/** Facts about a device (the default one): of the CPU instruction set, threads, and which BLAS and LAPACK are in use. */
export function deviceInfo(device: DeviceLike = recording.device): Record<string, string> {
  return native().info(deviceNumber(native(), usable("deviceInfo", device)));
}
/** Makes a device the one on which new arrays are computed. Throws an Error if it is not available. */
export function setDefaultDevice(device: DeviceLike): void {
  recording.device = usable("setDefaultDevice", device);
}
/** The streams that `setDefaultStream` set. */
const defaults = new Map<Device, Stream>();
/** The default stream of a device. */
export function defaultStream(device: DeviceLike): Stream {
  const found = usable("defaultStream", device);
  return defaults.get(found) ?? new Stream(found, 0);
}
/** Makes a stream the default one of its device; the default device stays. */
export function setDefaultStream(stream: Stream): void {
  if (!(stream instanceof Stream)) throw typeError(`Cannot setDefaultStream to ${shown(stream)}: expected a stream`);
  defaults.set(usable("setDefaultStream", stream.device), stream);
}
let streams = 0;
/** A new stream of a device. A stream belongs to its JavaScript thread in any case: the three names are one function. */
export function newStream(device: DeviceLike): Stream {
  return new Stream(usable("newStream", device), ++streams);
}
export { newStream as newThreadLocalStream, newStream as newThreadUnsafeStream };
/** Waits for all submitted work; new and default streams count from the start again. */
export function clearStreams(): void {
  synchronize();
  defaults.clear();
  streams = 0;
}
/**
 * Records what follows (until the end of the block with `using`, or inside `f`) on a device or a stream.
 * Arrays of other devices are copied where they are needed; `explain` lists such copies. Throws an Error if the device is not available.
 *
 * `using _ = mx.stream(mx.cpu)`, or `mx.stream(mx.cpu, () => mx.sort(x))`.
 */
export function stream<T = void>(on: DeviceLike | Stream, f?: () => T): T extends void ? Disposable : T {
  if (f !== undefined) functionOf("run on a stream", f);
  const before = recording.device;
  recording.device = usable("stream", on instanceof Stream ? on.device : on);
  if (f === undefined) {
    const end = (): void => {
      recording.device = before;
    };
    return { [Symbol.dispose]: end } as T extends void ? Disposable : T;
  }
  try {
    const result = f();
    if (result instanceof Promise) {
      throw plainError("Cannot run an asynchronous function on a stream: what it records later would not be on it");
    }
    return result as T extends void ? Disposable : T;
  } finally {
    recording.device = before;
  }
}

// ---- printing ---------------------------------------------------------------------------------------------------------
/** How arrays print: `precision` is a number of decimals, -1 six significant digits. */
export interface PrintOptions {
  readonly precision: number;
}
/** The print options in force. */
export function getPrintoptions(): PrintOptions {
  return { precision: printing.precision };
}
/** Sets print options; a missing one becomes its default. */
export function setPrintoptions(options: { readonly precision?: number } = {}): void {
  checkOptions("setPrintoptions", options, ["precision"]);
  printing.precision = integer("setPrintoptions", "precision", options.precision ?? -1);
}
/**
 * Sets print options until the end of the block: `using _ = mx.printoptions({ precision: 2 })`.
 *
 * @example
 * ```ts
 * {
 *   using _ = mx.printoptions({ precision: 2 });
 *   String(mx.array([1 / 3])); // "array([0.33], dtype=float32)"
 * }
 * String(mx.array([1 / 3])); // "array([0.333333], dtype=float32)"
 * ```
 */
export function printoptions(options: { readonly precision?: number } = {}): Disposable {
  const before = printing.precision;
  setPrintoptions(options);
  return {
    [Symbol.dispose]: () => {
      printing.precision = before;
    },
  };
}
