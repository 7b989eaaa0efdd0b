// The Metal device as tests drive it, below the compiler: buffers, source programs and submissions by hand. Where there is no Mac, Metal is the simulator.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { root, tools } from "../../scripts/tools.ts";
import { bunHost } from "../../src/runtime/ffi_bun.ts";
import { denoHost } from "../../src/runtime/ffi_deno.ts";
import type { Host } from "../../src/runtime/host.ts";
import { sourceWords } from "../../src/runtime/launch.ts";
import { ASYNC, type Copy, copyWords, type Launch, launchWords, submission } from "./words.ts";

const LIBRARY = {
  sn_open: [[], "u32"],
  sn_close: [["u32"], "void"],
  sn_error: [["u32", "bytes", "u32"], "u32"],
  sn_names: [["u32", "bytes", "u32"], "u32"],
  sn_info: [["u32", "bytes", "u32"], "u32"],
  sn_program: [["u32", "u32", "bytes", "u32"], "u32"],
  sn_program_free: [["u32", "u32"], "void"],
  sn_submit: [["u32", "bytes", "u32"], "i32"],
  sn_wait: [["u32", "u32"], "i32"],
  sn_finaliser: [["u32"], "f64"],
  sn_alloc: [["u32", "u32", "f64"], "u32"],
  sn_address: [["u32", "u32"], "f64"],
  sn_dispose: [["u32", "u32"], "void"],
  sn_set: [["u32", "f64"], "f64"],
  sn_stat: [["u32"], "f64"],
  sn_trim: [[], "void"],
} as const;
const SIMULATOR = {
  metalsim_install: [[], "void"],
  metalsim_set: [["u32", "f64"], "void"],
  metalsim_limit: [["f64", "f64"], "void"],
  metalsim_count: [["u32"], "f64"],
  metalsim_violations: [["bytes", "u32"], "u32"],
} as const;

const host = (bunHost() ?? denoHost()) as Host, path = join(root, "zig-out/lib/libsinter");
const apple = process.platform === "darwin";

/** What another process needs to have this Metal. */
export const METAL_ENV: Readonly<Record<string, string>> = apple
  ? {}
  : { SINTER_METAL_LIBRARY: join(root, "zig-out/lib/libmetalsim.so") };
/** The simulator's own functions; null on a Mac. */
export const simulator = apple ? null : ((): ReturnType<typeof host.bind<typeof SIMULATOR>> => {
  const { status, stderr } = spawnSync(tools.zig, ["build", "metalsim"], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`the simulator does not build: ${stderr}`);
  const sim = host.bind(METAL_ENV["SINTER_METAL_LIBRARY"] as string, SIMULATOR);
  sim.metalsim_install();
  return sim;
})();
/** Makes mistake number `which` of tests/metalsim/mistakes.c. */
export function mistakes(): { mistake(which: number): void } {
  return host.bind(join(root, "zig-out/lib/libmetalmistakes.so"), { mistake: [["u32"], "void"] });
}
/** Settings of the simulator, and what it counts. */
export const SEED = 0, CHECKED = 1, MACOS = 2, LIVE = 0, COMPILED = 1, LOADED = 2, DISPATCHED = 3;
const sn = host.bind(`${path}.${apple ? "dylib" : "so"}`, LIBRARY);
const wrap = host.wrapper(`${path}.${apple ? "dylib" : "so"}`, (which) => sn.sn_finaliser(which));

function text(fill: (into: Uint8Array, cap: number) => number): string {
  const into = new Uint8Array(new ArrayBuffer(65536));
  return new TextDecoder().decode(into.subarray(0, Math.min(fill(into, into.length), into.length)));
}
/** What broke a rule of Metal since the last call; never anything on a Mac, where Metal's own validation ends the process. */
export function violations(): string[] {
  if (simulator === null) return [];
  const into = new Uint8Array(new ArrayBuffer(65536));
  simulator.metalsim_violations(into, into.length);
  return new TextDecoder().decode(into.subarray(0, into.indexOf(0))).split("\n").filter((line) => line !== "");
}

/** A buffer with its memory. */
export interface Buffer {
  readonly id: number;
  readonly bytes: Uint8Array;
}
/** A source program. */
export interface Source {
  readonly name: string;
  readonly text: string;
  readonly buffers: number;
  readonly constants: number;
  readonly threads: number;
}
/** A context of the library, for work on Metal. */
export class Metal {
  readonly ctx: number;
  readonly device: number;
  readonly #addresses = new Map<number, number>();
  constructor() {
    this.ctx = sn.sn_open();
    this.device = text((into, cap) => sn.sn_names(2, into, cap)).split("\n").indexOf("metal");
  }
  close(): void {
    sn.sn_close(this.ctx);
  }
  error(): string {
    return text((into, cap) => sn.sn_error(this.ctx, into, cap));
  }
  info(): Map<string, string> {
    const lines = text((into, cap) => sn.sn_info(this.device, into, cap)).split("\n").filter((line) => line !== "");
    return new Map(lines.map((line) => line.split("=") as [string, string]));
  }
  set(which: number, value: number): number {
    return sn.sn_set(this.device << 8 | which, value);
  }
  stat(which: number): number {
    return sn.sn_stat(this.device << 8 | which);
  }
  /** Gives freed memory back to its device. */
  trim(): void {
    sn.sn_trim();
  }
  buffer(bytes: number, device = this.device): Buffer {
    const id = sn.sn_alloc(this.ctx, device, bytes);
    if (id === 0) throw new Error(`no memory: ${this.error()}`);
    const address = sn.sn_address(this.ctx, id);
    simulator?.metalsim_limit(address, bytes);
    this.#addresses.set(id, address);
    return { id, bytes: new Uint8Array(wrap(address, bytes, id, 0)) };
  }
  dispose(b: Buffer): void {
    // The library gives the memory out again, for other sizes.
    simulator?.metalsim_limit(this.#addresses.get(b.id) ?? 0, -1);
    this.#addresses.delete(b.id);
    sn.sn_dispose(this.ctx, b.id);
  }
  /** A program's id, or an Error with the library's text. */
  program(s: Source): number {
    const all = sourceWords(s);
    const id = sn.sn_program(this.ctx, this.device, all, all.length);
    if (id === 0) throw new Error(this.error());
    return id;
  }
  free(program: number): void {
    sn.sn_program_free(this.ctx, program);
  }
  /** Submits commands over buffers; waits for them, or (`wait` false) gives the ticket. An Error with the library's text if they fail. */
  run(buffers: readonly Buffer[], commands: readonly (Launch | Copy)[], wait = true): number {
    const words = submission(
      buffers.map((b) => b.id),
      commands.map((c) => "program" in c ? launchWords(c) : copyWords(c)),
      this.device << 8 | (wait ? 0 : ASYNC),
    );
    const code = sn.sn_submit(this.ctx, words, words.length);
    if (code < 0) throw new Error(this.error());
    return code;
  }
  wait(ticket: number): void {
    if (sn.sn_wait(this.ctx, ticket) < 0) throw new Error(this.error());
  }
}
