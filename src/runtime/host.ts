// What sinter needs of a JavaScript engine, and the types of what crosses into native code. Bun's is ffi_bun.ts, Deno's ffi_deno.ts.

/** The types that cross fast in both engines; `bytes` is a typed array, passed as its address. */
export type NativeType = "u32" | "i32" | "f64" | "bytes" | "callback";

/** Opaque pointer to native code that calls back into JavaScript. */
export type CallbackPointer = { readonly brand: "sn_callback" };

/** One function of the library: argument types, then the result type. */
export type Signature = readonly [args: readonly NativeType[], result: "void" | "u32" | "i32" | "f64"];

interface ArgOf {
  readonly u32: number;
  readonly i32: number;
  readonly f64: number;
  readonly bytes: Uint8Array | Uint32Array;
  readonly callback: CallbackPointer;
}

type ArgsOf<A extends readonly NativeType[]> = { [I in keyof A]: ArgOf[A[I]] };

/** The callable functions of a table of signatures. */
export type Bound<T extends Readonly<Record<string, Signature>>> = {
  readonly [K in keyof T]: (...args: ArgsOf<T[K][0]>) => T[K][1] extends "void" ? void : number;
};

/** Makes an ArrayBuffer over native memory; when it is collected, finaliser `which` (0 owner, 1 view) gets `id`. */
export type Wrap = (address: number, bytes: number, id: number, which: 0 | 1) => ArrayBuffer;

/** What sinter needs of a JavaScript engine. */
export interface Host {
  readonly name: "bun" | "deno";
  /** Opens the library (again) and binds these functions. Throws if the library or a symbol is missing. */
  bind<const T extends Readonly<Record<string, Signature>>>(path: string, table: T): Bound<T>;
  /** Waits for tickets of a context without blocking and without keeping its dispatcher: `poll` tells whether one still runs. */
  waiter(path: string, ctx: number, poll: (ticket: number) => boolean): (ticket: number) => Promise<unknown>;
  /** The maker of collected views; `finaliser` gives the address of each finaliser. */
  wrapper(path: string, finaliser: (which: 0 | 1) => number): Wrap;
  /** Tells the collector about native bytes that it does not see by itself. */
  owned(bytes: number): void;
  /** Collects garbage now; finalisers of dead buffers run before it returns or soon after, on another thread. */
  collect(): void;
  /** An environment variable, or undefined if it is not set or may not be read. */
  env(name: string): string | undefined;
}
