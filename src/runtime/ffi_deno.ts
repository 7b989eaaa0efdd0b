// Deno's side of the native boundary: Deno.dlopen for calls, Node-API of the same library for memory that is collected.
import type { Bound, Host, NativeType, Signature, Wrap } from "./host.ts";

interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<string, { parameters: string[]; result: string; nonblocking?: boolean }>,
  ): { readonly symbols: unknown };
  readonly env: { get(name: string): string | undefined };
  readonly permissions: { querySync(of: { name: "env"; variable: string }): { readonly state: string } };
}

interface NodeProcess {
  dlopen(module: { exports: { wrap?: Wrap } }, path: string): void;
  getBuiltinModule(id: "node:v8"): { setFlagsFromString(flag: string): void };
  getBuiltinModule(id: "node:vm"): { runInNewContext(code: string): () => void };
}

interface DenoGlobals {
  readonly Bun?: unknown;
  readonly Deno?: DenoFfi;
  readonly process?: NodeProcess;
}

const TYPES: Readonly<Record<NativeType, string>> = {
  u32: "u32",
  i32: "i32",
  f64: "f64",
  bytes: "buffer",
  callback: "function",
};

// V8 paces its collections by memory that it allocates itself, so owned native bytes are repeated as memory that is dropped
// at once. From 40 MB on that is untouched zero pages of the system: about 0.1 ms and no resident memory.
const BALLAST = 40e6;
const LARGEST = 1 << 30;

/** The host for Deno, or undefined in another engine. */
export function denoHost(): Host | undefined {
  const { Bun, Deno, process } = globalThis as DenoGlobals;
  if (Bun !== undefined || Deno === undefined || process === undefined) return undefined;
  let debt = 0;
  let forceGc: (() => void) | undefined;
  return {
    name: "deno",
    bind<const T extends Readonly<Record<string, Signature>>>(path: string, table: T): Bound<T> {
      const symbols: Record<string, { parameters: string[]; result: string }> = {};
      for (const [name, [args, result]] of Object.entries(table)) {
        symbols[name] = { parameters: args.map((type) => TYPES[type]), result };
      }
      return Deno.dlopen(path, symbols).symbols as Bound<T>;
    },
    waiter(path, ctx): (ticket: number) => Promise<unknown> {
      // A callback would hold its native thread until JavaScript has time for it; a thread of Deno's may well wait.
      const { sn_wait } = Deno.dlopen(path, {
        sn_wait: { parameters: ["u32", "u32"], result: "i32", nonblocking: true },
      })
        .symbols as { sn_wait(ctx: number, ticket: number): Promise<number> };
      return (ticket) => sn_wait(ctx, ticket);
    },
    wrapper(path): Wrap {
      const module: { exports: { wrap?: Wrap } } = { exports: {} };
      process.dlopen(module, path);
      const { wrap } = module.exports;
      if (wrap === undefined) throw new Error(`${path} exports no wrap function to Node-API`);
      return wrap;
    },
    owned(bytes): void {
      debt += bytes;
      if (debt < BALLAST) return;
      const size = Math.min(debt, LARGEST);
      debt = 0;
      try {
        new ArrayBuffer(size);
      } catch {
        // No address space for ballast: the collector has been told enough by the attempt, which collects before it fails.
      }
    },
    collect(): void {
      if (forceGc === undefined) {
        process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
        forceGc = process.getBuiltinModule("node:vm").runInNewContext("gc");
      }
      forceGc();
    },
    env(name): string | undefined {
      // Reading a variable without permission would ask the user at the terminal.
      if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") return undefined;
      return Deno.env.get(name);
    },
  };
}
