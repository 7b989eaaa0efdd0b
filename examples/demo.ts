// The demonstration that `bun run demo` shows: what the native library found on this machine.
import { openNative } from "../src/runtime/ffi.ts";

const native = openNative();
console.log(`sinter in ${native.engine}`);
for (const [key, value] of Object.entries(native.info())) console.log(`${key.padEnd(8)} ${value}`);
