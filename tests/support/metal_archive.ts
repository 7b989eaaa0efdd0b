// Loads five kernels in a process of its own, for the test of SINTER_METAL_ARCHIVE.
import { Metal, violations } from "./metal.ts";

const metal = new Metal();
for (let i = 0; i < 5; i++) {
  const name = `k${i}`;
  const text =
    `#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\nkernel void ${name}(device float *o [[buffer(0)]], uint g [[thread_position_in_grid]]) { o[g] = 1.0f; }\n`;
  metal.program({ name, text, buffers: 1, constants: 0, threads: 64 });
}
const bad = violations();
if (bad.length > 0) throw new Error(bad.join("\n"));
