// Bun's side of the native boundary: bun:ffi, whose memory views take a deallocator that the collector calls.
import type { Bound, CallbackPointer, Host, NativeType, Signature, Wrap } from "./host.ts";

// The part of bun:ffi in use. It is found with getBuiltinModule, so that no tool has to resolve "bun:ffi".
interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { readonly symbols: unknown };
  toArrayBuffer(address: number, offset: number, bytes: number, context: number, deallocator: number): ArrayBuffer;
  readonly JSCallback: new (
    fn: (ticket: number) => void,
    type: { args: string[]; returns: string; threadsafe: boolean },
  ) => { readonly ptr: unknown };
}

interface BunGlobals {
  readonly Bun?: { gc(force: boolean): void; readonly env: Readonly<Record<string, string | undefined>> };
  readonly process?: { getBuiltinModule?(id: string): unknown };
}

const TYPES: Readonly<Record<NativeType, string>> = {
  u32: "u32",
  i32: "i32",
  f64: "f64",
  bytes: "ptr",
  callback: "ptr",
};

function isFfi(module: unknown): module is BunFfi {
  return typeof module === "object" && module !== null && "dlopen" in module && "JSCallback" in module;
}

/** The host for Bun, or undefined in another engine. */
export function bunHost(): Host | undefined {
  const { Bun, process } = globalThis as BunGlobals;
  const ffi = Bun === undefined ? undefined : process?.getBuiltinModule?.("bun:ffi");
  if (Bun === undefined || !isFfi(ffi)) return undefined;
  const callbacks: unknown[] = []; // never collected: native code holds their addresses
  return {
    name: "bun",
    bind<const T extends Readonly<Record<string, Signature>>>(path: string, table: T): Bound<T> {
      const symbols: Record<string, { args: string[]; returns: string }> = {};
      for (const [name, [args, returns]] of Object.entries(table)) {
        symbols[name] = { args: args.map((type) => TYPES[type]), returns };
      }
      return ffi.dlopen(path, symbols).symbols as Bound<T>;
    },
    waiter(path, ctx, poll): (ticket: number) => Promise<unknown> {
      const worker = process?.getBuiltinModule?.("node:worker_threads") as
        | { readonly isMainThread?: boolean }
        | undefined;
      const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
      // A native thread must not call into a Worker, which may be terminated at any time: its tickets are polled.
      if (worker?.isMainThread === false) {
        return async (ticket) => {
          for (let ms = 0; ms === 0 || poll(ticket); ms = Math.min(ms + 1, 4)) await later(ms);
        };
      }
      const waiting = new Map<number, () => void>();
      const done = (ticket: number): void => {
        waiting.get(ticket)?.();
        waiting.delete(ticket);
      };
      const callback = new ffi.JSCallback(done, { args: ["u32"], returns: "void", threadsafe: true });
      callbacks.push(callback);
      const { sn_notify, sn_watch } = this.bind(path, {
        sn_notify: [["u32", "callback"], "void"],
        sn_watch: [["u32", "u32"], "i32"],
      });
      sn_notify(ctx, callback.ptr as CallbackPointer);
      return (ticket) => {
        const promise = new Promise<void>((resolve) => waiting.set(ticket, resolve));
        if (sn_watch(ctx, ticket) === 0) setTimeout(() => done(ticket), 0);
        return promise;
      };
    },
    wrapper(_path, finaliser): Wrap {
      const owner = finaliser(0);
      const view = finaliser(1);
      return (address, bytes, id, which) => ffi.toArrayBuffer(address, 0, bytes, id, which === 0 ? owner : view);
    },
    owned(): void {}, // JavaScriptCore counts the length of a view as memory of its own
    collect: () => Bun.gc(true),
    env: (name) => Bun.env[name],
  };
}
