// The native library as a typed object: found, opened once per JavaScript thread, bound in lazy groups of symbols.
// What is specific to an engine is behind Host (host.ts). The ABI is shim/sinter.h.
import { bunHost } from "./ffi_bun.ts";
import { denoHost } from "./ffi_deno.ts";
import type { Bound, Host, Wrap } from "./host.ts";

// Binding costs Deno 0.16 ms a symbol, so functions are bound by what a program uses together.
const EVAL = {
  sn_open: [[], "u32"],
  sn_error: [["u32", "bytes", "u32"], "u32"],
  sn_program: [["u32", "u32", "bytes", "u32"], "u32"],
  sn_submit: [["u32", "bytes", "u32"], "i32"],
  sn_finaliser: [["u32"], "f64"],
  sn_names: [["u32", "bytes", "u32"], "u32"],
} as const;
const MEMORY = {
  sn_alloc: [["u32", "u32", "f64"], "u32"],
  sn_map: [["u32", "u32", "bytes", "u32", "f64"], "u32"],
  sn_address: [["u32", "u32"], "f64"],
  sn_dispose: [["u32", "u32"], "void"],
  sn_retain: [["u32", "u32"], "void"],
  sn_release: [["u32", "u32"], "void"],
  sn_alive: [["u32", "u32"], "i32"],
  sn_nowhere: [["u32"], "f64"],
} as const;
const TICKETS = {
  sn_wait: [["u32", "u32"], "i32"],
  sn_poll: [["u32", "u32"], "i32"],
} as const;
const INSPECT = {
  sn_info: [["u32", "bytes", "u32"], "u32"],
  sn_stat: [["u32"], "f64"],
  sn_set: [["u32", "f64"], "f64"],
  sn_trim: [[], "void"],
  sn_program_free: [["u32", "u32"], "void"],
  sn_close: [["u32"], "void"],
} as const;

/** The native library in one JavaScript thread. */
export interface Native {
  /** The engine: `"bun"` or `"deno"`. */
  readonly engine: "bun" | "deno";
  /** The file that was opened. */
  readonly path: string;
  /** The context of this thread, which every call carries. */
  readonly ctx: number;
  /** Number of each stage of the accumulator machine, by name. */
  readonly stages: ReadonlyMap<string, number>;
  /** Number of each library routine, by name. */
  readonly routines: ReadonlyMap<string, number>;
  /** Number of each device that is built in, by name: 0 is the CPU. */
  readonly devices: ReadonlyMap<string, number>;
  /** Facts about a device, of the CPU isa, threads, blas, lapack, cpu; empty if it cannot be used. */
  info(device?: number): Record<string, string>;
  /** Loads a program on a device; 0 if it is malformed (see `error`). */
  program(words: Uint32Array, device?: number): number;
  programFree(id: number): void;
  /** Runs the first n words: 0 done, > 0 a ticket, < 0 an error code. Allocates nothing. */
  submit(words: Uint32Array, n: number): number;
  /** Blocks until the ticket is done: 0, or the negative code with which it failed. Ticket 0: until all are done. */
  wait(ticket: number): number;
  /** Whether the ticket is still running. */
  poll(ticket: number): boolean;
  /** Resolves on a macrotask once the ticket is done; rejects with the library's text if it failed. */
  completion(ticket: number): Promise<void>;
  /** Text of the last error of this thread. */
  error(): string;
  /** A statistic (SN_ACTIVE ... of sinter.h), in bytes or counts, of the whole process. */
  stat(which: number): number;
  /** Sets a statistic that may be set; returns the old value. */
  set(which: number, value: number): number;
  /** Gives cached memory back to the system. */
  trim(): void;
  /** A new buffer of a device with one reference, the owner's; 0 if there is no memory or the limit is reached. */
  alloc(bytes: number, device?: number): number;
  /** A file of so many bytes as a buffer with one reference, the owner's; 0 if it cannot be mapped. It must stay as it is meanwhile. */
  map(path: string, bytes: number, device?: number): number;
  /** Where the host sees a buffer; 0 if it does not, or if there is none. */
  address(id: number): number;
  /** Whether the id names a live buffer. */
  alive(id: number): boolean;
  /** Ends the owner's reference now; the finaliser of its `own` token then does nothing. */
  dispose(id: number): void;
  retain(id: number): void;
  release(id: number): void;
  /** The memory of a new buffer as the token that owns it: its collection ends the owner's reference. At address 0 it is a range that must not be touched. */
  own(id: number, address: number, bytes: number): ArrayBuffer;
  /** The memory of a buffer as one more reference, which ends when the result is collected. */
  view(id: number, address: number, bytes: number): ArrayBuffer;
  /** Collects garbage now: the way out for a synchronous loop that runs out of memory. */
  yieldToCollector(): void;
  /** Ends the context of this thread: waits for its work and frees its buffers. The next `openNative` opens a new one. */
  close(): void;
}

/** Tickets that are waited for at the same time: each may hold a thread of the engine. */
const ASKED = 4;
/** Bytes of a device's own memory that weigh as one of the host's: an engine collects every some 50 MB, which takes as long as a kernel over hundreds. */
const FAR = 64;
/** The length of the token of memory that the host does not see. */
export const farLength = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, bytes / FAR)));

const decoder = new TextDecoder();

/** Calls `fill` with a buffer that is large enough for the text whose length it returns. */
function text(fill: (into: Uint8Array, cap: number) => number): string {
  let into = new Uint8Array(new ArrayBuffer(4096));
  let length = fill(into, into.length);
  if (length > into.length) {
    into = new Uint8Array(new ArrayBuffer(length));
    length = Math.min(fill(into, into.length), into.length);
  }
  return decoder.decode(into.subarray(0, length));
}

function numbered(names: string): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  for (const [i, name] of names.split("\n").entries()) if (name !== "") map.set(name, i);
  return map;
}

interface Waiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class Library implements Native {
  readonly engine: "bun" | "deno";
  readonly path: string;
  readonly ctx: number;
  readonly #host: Host;
  readonly #eval: Bound<typeof EVAL>;
  #memory: Bound<typeof MEMORY> | undefined;
  #tickets: Bound<typeof TICKETS> | undefined;
  #inspect: Bound<typeof INSPECT> | undefined;
  #wrap: Wrap | undefined;
  #empty: FinalizationRegistry<number> | undefined;
  #stages: ReadonlyMap<string, number> | undefined;
  #routines: ReadonlyMap<string, number> | undefined;
  #devices: ReadonlyMap<string, number> | undefined;
  #nowhere: { readonly address: number; readonly bytes: number } | undefined;
  readonly #waiting = new Map<number, Waiter>();
  readonly #asked = new Set<number>();
  #wait: ((ticket: number) => Promise<unknown>) | undefined;
  #keepAlive: ReturnType<typeof setInterval> | undefined;

  constructor(host: Host, path: string) {
    this.engine = host.name;
    this.path = path;
    this.#host = host;
    this.#eval = host.bind(path, EVAL);
    this.ctx = this.#eval.sn_open();
    if (this.ctx === 0) throw new Error(`Cannot open a context of ${path}: ${this.error()}`);
  }

  get #mem(): Bound<typeof MEMORY> {
    return this.#memory ??= this.#host.bind(this.path, MEMORY);
  }

  get #done(): Bound<typeof TICKETS> {
    return this.#tickets ??= this.#host.bind(this.path, TICKETS);
  }

  get #look(): Bound<typeof INSPECT> {
    return this.#inspect ??= this.#host.bind(this.path, INSPECT);
  }

  get #view(): Wrap {
    return this.#wrap ??= this.#host.wrapper(this.path, (which) => this.#eval.sn_finaliser(which));
  }

  get stages(): ReadonlyMap<string, number> {
    return this.#stages ??= numbered(text((into, cap) => this.#eval.sn_names(0, into, cap)));
  }

  get routines(): ReadonlyMap<string, number> {
    return this.#routines ??= numbered(text((into, cap) => this.#eval.sn_names(1, into, cap)));
  }

  get devices(): ReadonlyMap<string, number> {
    return this.#devices ??= numbered(text((into, cap) => this.#eval.sn_names(2, into, cap)));
  }

  info(device = 0): Record<string, string> {
    const facts: Record<string, string> = {};
    for (const line of text((into, cap) => this.#look.sn_info(device, into, cap)).split("\n")) {
      const cut = line.indexOf("=");
      if (cut > 0) facts[line.slice(0, cut)] = line.slice(cut + 1);
    }
    return facts;
  }

  error(): string {
    return text((into, cap) => this.#eval.sn_error(this.ctx, into, cap));
  }

  program(words: Uint32Array, device = 0): number {
    return this.#eval.sn_program(this.ctx, device, words, words.length);
  }

  programFree(id: number): void {
    this.#look.sn_program_free(this.ctx, id);
  }

  submit(words: Uint32Array, n: number): number {
    if (n > words.length) throw new RangeError(`Cannot submit ${n} words of an array of ${words.length}`);
    return this.#eval.sn_submit(this.ctx, words, n);
  }

  wait(ticket: number): number {
    return this.#done.sn_wait(this.ctx, ticket);
  }

  poll(ticket: number): boolean {
    return this.#done.sn_poll(this.ctx, ticket) === 1;
  }

  completion(ticket: number): Promise<void> {
    const known = this.#waiting.get(ticket);
    if (known !== undefined) return known.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(ticket, { promise, resolve, reject });
    // A pending promise keeps neither engine alive.
    this.#keepAlive ??= setInterval(() => {}, 2 ** 30);
    // Those of one device finish about in order, so that a few are enough to ask for: the others are settled with them.
    if (this.#asked.size < ASKED || ticket < Math.min(...this.#asked)) this.#ask(ticket);
    return promise;
  }

  #ask(ticket: number): void {
    this.#wait ??= this.#host.waiter(this.path, this.ctx, (t) => this.poll(t));
    this.#asked.add(ticket);
    const done = (): void => {
      this.#asked.delete(ticket);
      for (const t of [...this.#waiting.keys()]) if (!this.poll(t)) this.#settle(t);
      if (this.#waiting.size > 0 && this.#asked.size === 0) this.#ask(Math.min(...this.#waiting.keys()));
    };
    this.#wait(ticket).then(done, done);
  }

  #settle(ticket: number): void {
    const waiter = this.#waiting.get(ticket);
    if (waiter === undefined) return;
    this.#waiting.delete(ticket);
    if (this.#waiting.size === 0 && this.#keepAlive !== undefined) {
      clearInterval(this.#keepAlive);
      this.#keepAlive = undefined;
    }
    const code = this.wait(ticket);
    if (code === 0) waiter.resolve();
    else waiter.reject(new Error(this.error()));
  }

  stat(which: number): number {
    return this.#look.sn_stat(which);
  }

  set(which: number, value: number): number {
    return this.#look.sn_set(which, value);
  }

  trim(): void {
    this.#look.sn_trim();
  }

  alloc(bytes: number, device = 0): number {
    return this.#mem.sn_alloc(this.ctx, device, bytes);
  }

  map(path: string, bytes: number, device = 0): number {
    const name = new TextEncoder().encode(path);
    return this.#mem.sn_map(this.ctx, device, name, name.length, bytes);
  }

  alive(id: number): boolean {
    return this.#mem.sn_alive(this.ctx, id) !== 0;
  }

  address(id: number): number {
    return this.#mem.sn_address(this.ctx, id);
  }

  dispose(id: number): void {
    this.#mem.sn_dispose(this.ctx, id);
  }

  retain(id: number): void {
    this.#mem.sn_retain(this.ctx, id);
  }

  release(id: number): void {
    this.#mem.sn_release(this.ctx, id);
  }

  own(id: number, address: number, bytes: number): ArrayBuffer {
    if (bytes === 0) return this.#ownEmpty(id);
    if (address !== 0) return this.#owned(address, bytes, id);
    const nowhere = this.#nowhere ??= { address: this.#mem.sn_nowhere(0), bytes: this.#mem.sn_nowhere(1) };
    return this.#owned(nowhere.address, Math.min(farLength(bytes), nowhere.bytes), id);
  }

  #owned(address: number, bytes: number, id: number): ArrayBuffer {
    const token = this.#view(address, bytes, id, 0);
    this.#host.owned(bytes);
    return token;
  }

  // An engine makes no external memory of no bytes. A registry is lazy, which does no harm where nothing is held.
  #ownEmpty(id: number): ArrayBuffer {
    this.#empty ??= new FinalizationRegistry((dead) => this.dispose(dead));
    const token = new ArrayBuffer(0);
    this.#empty.register(token, id);
    return token;
  }

  view(id: number, address: number, bytes: number): ArrayBuffer {
    if (bytes === 0) return new ArrayBuffer(0);
    this.retain(id);
    try {
      return this.#view(address, bytes, id, 1);
    } catch (error) {
      this.release(id);
      throw error;
    }
  }

  yieldToCollector(): void {
    this.#host.collect();
  }

  close(): void {
    if (opened !== this) return;
    opened = undefined;
    const waiters = [...this.#waiting.values()];
    this.#waiting.clear();
    clearInterval(this.#keepAlive);
    this.#look.sn_close(this.ctx);
    for (const waiter of waiters) waiter.reject(new Error("Cannot wait for work of a closed context"));
  }
}

/** Path of the library beside this package's sources, or undefined if the package is not on a disk. */
function packaged(): string | undefined {
  const { process } = globalThis as { readonly process?: { readonly platform?: string } };
  const [prefix, suffix] = process?.platform === "darwin"
    ? ["lib", "dylib"]
    : process?.platform === "win32"
    ? ["", "dll"]
    : ["lib", "so"];
  const url = new URL(`../../zig-out/lib/${prefix}sinter.${suffix}`, import.meta.url);
  // By hand, as node:url takes Deno 2.6 ms to load. A Windows path has no slash before its drive.
  return url.protocol === "file:" ? decodeURIComponent(url.pathname).replace(/^\/([A-Za-z]:)/, "$1") : undefined;
}

let opened: Library | undefined;

/**
 * The native library of this JavaScript thread, opened at the first call. Synchronous.
 *
 * It is the file that the environment variable SINTER_LIBRARY names, else zig-out/lib/libsinter.* of this package.
 * Throws an `Error` that names what was tried if neither can be opened, or if SINTER_THREADS, SINTER_ISA or SINTER_BLAS cannot be followed.
 */
export function openNative(): Native {
  if (opened !== undefined) return opened;
  const host = bunHost() ?? denoHost();
  if (host === undefined) throw new Error("Cannot open the native library: sinter needs Bun or Deno");
  const named = host.env("SINTER_LIBRARY");
  // A library that was asked for by name is never replaced by another.
  const path = named !== undefined && named !== "" ? named : packaged();
  if (path === undefined) {
    throw new Error(
      "Cannot find the native library: this package is not on a disk, and SINTER_LIBRARY names no file",
    );
  }
  let library: Library;
  try {
    library = new Library(host, path);
  } catch (error) {
    const from = path === named ? "SINTER_LIBRARY" : "the package's folder; SINTER_LIBRARY is not set";
    const reason = error instanceof Error ? error.message : String(error);
    const way = reason.includes("--allow-ffi")
      ? ""
      : path === named
      ? ". Name a library of sinter, or none and run `bun run setup`."
      : ". Run `bun run setup` to build it.";
    throw new Error(`Cannot open the native library ${path} (from ${from}): ${reason}${way}`, { cause: error });
  }
  checkSettings(library, (name) => host.env(name) ?? "");
  return opened = library;
}

/** An Error if an environment variable asks for what the library does not do: it would do something else. */
function checkSettings(library: Native, env: (name: string) => string): void {
  const threads = env("SINTER_THREADS"), isa = env("SINTER_ISA"), blas = env("SINTER_BLAS");
  const bad = (name: string, value: string, why: string): never => {
    throw new Error(`Cannot use ${name}=${value}: ${why}`);
  };
  if (threads !== "" && !/^[1-9]\d*$/.test(threads)) bad("SINTER_THREADS", threads, "it is a number of threads");
  if (isa === "" && blas === "") return;
  const facts = library.info();
  if (isa !== "" && facts["isa"] !== isa) {
    bad("SINTER_ISA", isa, `the library has no such instruction set for this processor, which has ${facts["isa"]}`);
  }
  if (blas !== "" && blas !== "none" && facts["blas"] === "own") {
    bad("SINTER_BLAS", blas, "no BLAS can be opened there; none is for sinter's own");
  }
}
