// Buffers: made and let go of, and what is done when there is no memory left.
import { plainError, site, siteOf } from "../base/error.ts";
import { type Device, gpu, gpus, recording } from "../core/device.ts";
import type { Buf, Node } from "../core/node.ts";
import { isContiguous, type View } from "../core/view.ts";
import { deviceNumber, hasRoutines, isUsable } from "./devices.ts";
import { farLength, type Native, openNative } from "./ffi.ts";

let opened: Native | null = null;
/** The native library of this thread. */
export function native(): Native {
  return opened ??= openNative();
}
gpus.has = (device, family) => hasRoutines(native(), device, family);
gpus.there = () => {
  try {
    return isUsable(native(), gpu);
  } catch {
    // No library: whoever computes says so.
    return false;
  }
};
/** What owns a buffer. */
export interface Token {
  readonly id: number;
  readonly token: ArrayBuffer;
}
/**
 * Tokens of far buffers that were let go of, by length, oldest first: a new buffer takes over a token with its id, and the engine has nothing to collect.
 * The library refuses an id whose buffer a submission in flight still uses.
 */
const spare = new Map<number, Token[]>(), MOST_SPARE = 128;
/** A token that a new buffer of far memory may take over. */
export function tokenFor(bytes: number): Token | undefined {
  return bytes > 0 ? spare.get(farLength(bytes))?.shift() : undefined;
}
/** Lets go of a buffer that nobody uses. */
export function discard(b: Buf): void {
  native().dispose(b.id);
  if (b.address !== 0 || b.bytes === 0) return;
  const length = b.token.byteLength, tokens = spare.get(length);
  if (tokens === undefined) spare.set(length, [b]);
  else if (tokens.length < MOST_SPARE) tokens.push(b);
}
/** A buffer of the library as nodes share it: its token ends the owner's reference when it is collected. */
export function bufferOf(
  id: number,
  address: number,
  bytes: number,
  ticket: number,
  recorded: Error | null = null,
  known: Token | undefined = undefined,
): Buf {
  const token = known?.id === id ? known.token : native().own(id, address, bytes);
  if (known !== undefined && known.id !== id) spare.get(known.token.byteLength)?.unshift(known);
  const b: Buf = { id, bytes, address, token, users: 0, exposed: false, ticket };
  if (bytes >= recording.sites) remember(id, bytes, recorded === null ? site() : siteOf(recorded.stack ?? ""));
  return b;
}
/** Bytes from which a memory limit's error tells where an array was made. */
export const LARGE: number = 1 << 20;
/** Large buffers by id, with the lines that made them. No WeakRefs: an engine keeps what one was made of until the job ends. */
const large = new Map<number, { readonly bytes: number; readonly at: string }>();
function remember(id: number, bytes: number, at: string): void {
  if (large.size >= 4096) { for (const k of large.keys()) if (!native().alive(k)) large.delete(k); }
  large.set(id, { bytes, at });
}
/** The error of an exhausted memory, with what is alive and where it was made. */
export function memoryError(bytes: number): Error {
  const n = native(),
    active = n.stat(0),
    limit = n.stat(3),
    mb = (x: number): string => `${(x / 1048576).toFixed(1)} MB`;
  const alive = [...large].filter(([id]) => n.alive(id)).map(([, b]) => b).sort((a, b) => b.bytes - a.bytes)
    .slice(0, 5);
  const list = alive.map((b) => `\n  ${mb(b.bytes)}${b.at === "" ? "" : ` made at ${b.at}`}`).join("");
  return plainError(
    `Cannot allocate ${mb(bytes)}: ${mb(active)} are in use and the limit is ${
      mb(limit)
    }. Dispose of arrays (using, dispose, scope) or raise setMemoryLimit. ${
      recording.sites === Infinity
        ? "Once a limit is set, large arrays are listed with the lines that make them"
        : `Largest live arrays:${list === "" ? " none above 1 MB" : list}`
    }`,
  );
}
/** The ticket that stands for all work in flight. */
export const ALL = 0, pause = new Int32Array(new SharedArrayBuffer(4));
/** Calls `attempt` until it does not fail for want of memory, having made what room there is: work in flight, garbage, the cache. */
export function withRoom(attempt: () => number, failed: (code: number) => boolean): number {
  let code = attempt();
  for (let i = 0; i < 3 && failed(code); i++) {
    const lib = native();
    lib.wait(ALL);
    lib.yieldToCollector();
    // The engines end what they collected on another thread.
    if (i > 0) Atomics.wait(pause, 0, 0, 5 * i);
    lib.trim();
    code = attempt();
  }
  return code;
}
/** The id of a fresh buffer. */
export function room(bytes: number, device: Device): number {
  const lib = native(), number = deviceNumber(lib, device);
  const id = lib.alloc(bytes, number) || withRoom(() => lib.alloc(bytes, number), (x) => x === 0);
  if (id === 0) {
    const why = lib.error();
    throw why === "" ? memoryError(bytes) : plainError(why);
  }
  return id;
}
/** The buffer of result `out` of a node. */
export function bufOf(n: Node, out: number): Buf {
  return n.results === null ? n.buf as Buf : n.results[out] as Buf;
}
/** Gives a node its value. */
export function give(n: Node, b: Buf, view: View): void {
  n.buf = b;
  n.view = view;
  b.users++;
}
/** True if a node's buffer of this many bytes is wanted by one consumer only, and by no handle, view or user. */
export function isSpare(n: Node, bytes: number): boolean {
  const b = n.buf;
  if (b === null || n.handles > 0 || n.pending !== 1 || b.users !== 1 || b.exposed || b.bytes !== bytes) return false;
  const v = n.view as View;
  return v.offset === 0 && isContiguous(v);
}
/** Of a node of several results that nobody wants any more. */
const GONE: readonly Buf[] = [];
/** Lets go of a node's buffer once nobody wants it. */
export function release(n: Node): void {
  if (n.handles > 0 || n.pending > 0) return;
  if (n.results !== null) {
    for (const b of n.results) if (b !== undefined && --b.users === 0 && !b.exposed) native().dispose(b.id);
    n.results = GONE;
    return;
  }
  const b = n.buf;
  if (b === null) return;
  n.buf = null;
  n.view = null;
  if (--b.users === 0 && !b.exposed) discard(b);
}
/** Waits until a node's buffer is written; throws what went wrong. */
export function settle(n: Node): void {
  const b = n.buf;
  if (b === null || b.ticket === 0) return;
  const code = native().wait(b.ticket);
  if (code < 0) throw plainError(native().error());
  b.ticket = 0;
}
