// Evaluation, memory, devices and inspection as users call them.
import { plainError, typeError } from "../base/error.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { enterScope, kernelsOf, leaveScope, native, printing } from "./evaluate.ts";
import type { KernelInfo } from "./plan.ts";
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

function arraysOf(tree: unknown, out: NDArray[] = []): NDArray[] {
  if (tree instanceof NDArray) out.push(tree);
  else if (Array.isArray(tree)) { for (const t of tree as readonly unknown[]) arraysOf(t, out); }
  else if (
    typeof tree === "object" && tree !== null &&
    (Object.getPrototypeOf(tree) === Object.prototype || Object.getPrototypeOf(tree) === null)
  ) {
    for (const t of Object.values(tree)) arraysOf(t, out);
  }
  return out;
}
const nodesOf = (trees: readonly unknown[]): Node[] => arraysOf(trees).map((a) => a.node);

/** Computes the arrays of trees; blocks until their values are there. */
export function evaluate(...trees: readonly unknown[]): void {
  late.evaluate(nodesOf(trees));
}

/** Starts computing the arrays of trees and returns at once; the promise resolves when they are there. */
export function asyncEval(...trees: readonly unknown[]): Promise<void> {
  const nodes = nodesOf(trees);
  const done = late.evaluateAsync(nodes);
  // Nobody has to wait: a failure is also thrown by whatever reads the arrays or depends on them.
  done.catch(() => {});
  return done;
}

/** Waits for all submitted work. */
export function synchronize(): void {
  native().submit(new Uint32Array([4, 0, 0, 0]), 4);
}

/** What an eval of these arrays would run. */
export interface Explanation {
  /** One entry for each kernel or library call, in order. */
  readonly kernels: readonly KernelInfo[];
  /** Copies between devices. */
  readonly copies: readonly { readonly bytes: number; readonly from: string; readonly to: string }[];
  /** Ops that an earlier eval computed without keeping. */
  readonly recomputed: readonly string[];
  toString(): string;
}
/** The kernels and library calls that an eval of the arrays would run, with bytes, flops and the reason of each cut. */
export function explain(...trees: readonly unknown[]): Explanation {
  const kernels = kernelsOf(nodesOf(trees));
  return {
    kernels,
    copies: [],
    recomputed: [],
    toString: () =>
      kernels.map((k, i) =>
        `${String(i).padStart(3)} ${k.device} ${k.name}: ${
          k.ops.join(", ")
        }\n      reads ${k.reads} B, writes ${k.writes} B, ${k.flops} flop; ${k.reason}`
      ).join("\n"),
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
    throw typeError(`Cannot ${op}: a limit is a number of bytes, not ${String(limit)}`);
  }
  return limit;
}
/** Sets the most bytes that may be in use; returns the old limit. Past it an eval throws and changes nothing. */
export function setMemoryLimit(limit: number): number {
  return native().set(LIMIT, bytesOf("setMemoryLimit", limit));
}
/** Sets how many bytes are kept for reuse; returns the old limit. */
export function setCacheLimit(limit: number): number {
  return native().set(CACHE_LIMIT, bytesOf("setCacheLimit", limit));
}

/** Runs `f` and disposes of every array made in it but those in its result (a tree). */
export function scope<T>(f: () => T): T {
  enterScope();
  let keep: Set<NDArray> | null = null;
  try {
    const result = f();
    if (result instanceof Promise) {
      throw plainError("Cannot run an asynchronous function in scope(): use `using` instead");
    }
    keep = new Set(arraysOf(result));
    return result;
  } finally {
    for (const a of leaveScope()) if (keep === null || !keep.has(a)) a.dispose();
  }
}

// ---- devices ----------------------------------------------------------------------------------------------------------
/** A device: its kind and number. */
export interface Device {
  readonly type: "cpu" | "gpu";
  readonly index: number;
}
/** The processor. */
export const cpu: Device = { type: "cpu", index: 0 };
/** The graphics processor. There is no backend for one yet: using it throws. */
export const gpu: Device = { type: "gpu", index: 0 };
/** The device on which new arrays are computed. */
export function defaultDevice(): Device {
  return cpu;
}
/** True if arrays can be computed on the device. */
export function isAvailable(device: Device): boolean {
  return device.type === "cpu" && device.index === 0;
}
/** How many devices of a type there are. */
export function deviceCount(type: Device["type"] | Device): number {
  return (typeof type === "string" ? type : type.type) === "cpu" ? 1 : 0;
}
function usable(op: string, device: Device): Device {
  if (typeof device !== "object" || device === null || (device.type !== "cpu" && device.type !== "gpu")) {
    throw typeError(`Cannot ${op}: expected mx.cpu or mx.gpu`);
  }
  if (!isAvailable(device)) {
    throw plainError(`Cannot ${op}: the device ${device.type}:${device.index} is not available; available: cpu:0`);
  }
  return device;
}
/** Makes a device the one on which new arrays are computed. */
export function setDefaultDevice(device: Device): void {
  usable("setDefaultDevice", device);
}
/** Records what follows (until the end of the block with `using`, or inside `f`) on a device. */
export function stream<T = void>(device: Device, f?: () => T): T extends void ? Disposable : T {
  usable("stream", device);
  return (f === undefined ? { [Symbol.dispose]: () => {} } : f()) as T extends void ? Disposable : T;
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
  const precision = options.precision ?? -1;
  if (!Number.isInteger(precision)) {
    throw typeError(`Cannot setPrintoptions: precision must be an integer, not ${String(precision)}`);
  }
  printing.precision = precision;
}
/** Sets print options until the end of the block: `using _ = mx.printoptions({ precision: 2 })`. */
export function printoptions(options: { readonly precision?: number } = {}): Disposable {
  const before = printing.precision;
  setPrintoptions(options);
  return {
    [Symbol.dispose]: () => {
      printing.precision = before;
    },
  };
}

/** Facts about the device: instruction set, threads, and which BLAS and LAPACK are in use. */
export function deviceInfo(): Record<string, string> {
  return native().info();
}
