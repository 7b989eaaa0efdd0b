// The Metal shading language as a language of the GPU generator: MSL 3.0, or 3.1 with its bfloat, with fast math off and no contraction but where a text
// says fma.
import { type Bfloat16, BITS } from "../gpu/expr.ts";
import type { Language } from "../gpu/language.ts";
import { printTiles } from "./tiles.ts";

/** float32 functions that Metal has, in their precise forms. */
const PRECISE = [
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "asinh",
  "acosh",
  "atanh",
  "log2",
  "log10",
];
const own: string[] = PRECISE.map((f) => `float sn_${f}_f32(float x) { return precise::${f}(x); }`);
for (const f of ["pow", "atan2"]) own.push(`float sn_${f}_f32(float x, float y) { return precise::${f}(x, y); }`);
// SIMD groups exchange at most 32 bits of a component: 64-bit integers go as two.
const LANES = { f32: "float", i32: "int", u32: "uint", i64: "long", u64: "ulong", c64: "float2" };
for (const [name, f] of [["xor", "simd_shuffle_xor"], ["up", "simd_shuffle_up"], ["lane", "simd_broadcast"]]) {
  for (const [t, type] of Object.entries(LANES)) {
    const two = t === "i64" || t === "u64", value = two ? "as_type<uint2>(x)" : "x", call = `${f}(${value}, n)`;
    own.push(`${type} sn_${name}_${t}(${type} x, ushort n) { return ${two ? `as_type<${type}>(${call})` : call}; }`);
  }
}

/** The Metal shading language 3.0, which has no bfloat. */
export const MSL30: Language = {
  head: "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\n",
  own: own.join("\n"),
  bfloat16: BITS,
  alone: "",
  pointer: (type, written) => `device ${written ? "" : "const "}${type} *`,
  signature: (name, pointers) =>
    `kernel void ${name}(${
      [
        ...pointers.map((p, i) => `${p} [[buffer(${i})]]`),
        `constant Arguments &a [[buffer(${pointers.length})]]`,
        "uint sn_group [[threadgroup_position_in_grid]]",
        "uint sn_thread [[thread_index_in_threadgroup]]",
      ].join(", ")
    })`,
  begin: "",
  shared: (type, name, n) => `threadgroup ${type} ${name}[${n}];`,
  barrier: "threadgroup_barrier(mem_flags::mem_threadgroup);",
  tiles: printTiles,
};

const NATIVE: Bfloat16 = {
  type: "bfloat",
  bits: (x) => `as_type<ushort>(${x})`,
  of: (bits) => `as_type<bfloat>(${bits})`,
};
/** The Metal shading language from 3.1 on. */
export const MSL: Language = {
  ...MSL30,
  own: [...own, "float sn_round_bf16(float x) { return float(bfloat(x)); }"].join("\n"),
  bfloat16: NATIVE,
};
/** The language of a device with these facts (`deviceInfo`). */
export function languageFor(info: Readonly<Record<string, string>>): Language {
  return Number(info["language"]) >= 3.1 ? MSL : MSL30;
}
