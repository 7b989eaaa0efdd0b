// The kernel behind each pass of a loop that runs ahead of its test: what it counts and decides, the host reads only now and then.
import { storageName } from "./expr.ts";
import type { Program } from "./kernel.ts";
import type { Language } from "./language.ts";

/**
 * `state` is two words: whether passes go on, and how many ran. Takes over the test of the next pass, a byte; of the first one
 * (the constant) whatever the state is. Once passes do not go on, nothing changes.
 */
export function aheadProgram(l: Language): Omit<Program, "fields"> {
  const name = "ahead",
    pointers = [`${l.pointer(storageName("bool", l.bfloat16), false)}next`, `${l.pointer("uint", true)}state`];
  const body = [
    "if (a.first != 0u) state[1] = 0u;",
    "else if (state[0] != 0u) state[1] += 1u;",
    "else return;",
    "state[0] = uint(next[0]);",
  ].map((line) => `  ${line}`).join("\n");
  const text = `${l.head}struct Arguments {\n  uint first;\n};\n${
    l.signature(name, pointers)
  } {\n${l.begin}${body}\n}\n`;
  return { name, text, buffers: pointers.length, constants: 1, threads: 1 };
}
