// Evaluation, memory, devices and inspection as users call them.
import { plainError, typeError } from "../base/error.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { native, planFor, submitAsync } from "./evaluate.ts";
import { enterScope, leaveScope } from "./evaluate.ts";
import type { KernelInfo } from "./plan.ts";
import { late } from "../core/ndarray.ts";

/** Arrays, or lists and plain objects of them, to any depth; anything else is ignored. */
export type Tree = NDArray | readonly Tree[] | { readonly [key: string]: Tree } | number | string | boolean | bigint | null | undefined;

function arraysOf(tree: unknown, out: NDArray[] = []): NDArray[] {
  if (tree instanceof NDArray) out.push(tree);
  else if (Array.isArray(tree)) for (const t of tree as readonly unknown[]) arraysOf(t, out);
  else if (typeof tree === "object" && tree !== null && (Object.getPrototypeOf(tree) === Object.prototype || Object.getPrototypeOf(tree) === null)) {
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
  submitAsync(nodes);
  return late.evaluateAsync(nodes);
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
  const kernels = planFor(nodesOf(trees)).kernels;
  return {
    kernels,
    copies: [],
    recomputed: [],
    toString: () =>
      kernels.map((k, i) =>
        `${String(i).padStart(3)} ${k.device} ${k.name}: ${k.ops.join(", ")}\n      reads ${k.reads} B, writes ${k.writes} B, ${k.flops} flop; ${k.reason}`
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
  if (typeof limit !== "number" || !(limit >= 0)) throw typeError(`Cannot ${op}: a limit is a number of bytes, not ${String(limit)}`);
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
    if (result instanceof Promise) throw plainError("Cannot run an asynchronous function in scope(): use `using` instead");
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
/** The device on which new arrays are computed. */
export function defaultDevice(): Device {
  return cpu;
}
/** Facts about the device: instruction set, threads, and which BLAS and LAPACK are in use. */
export function deviceInfo(): Record<string, string> {
  return native().info();
}
