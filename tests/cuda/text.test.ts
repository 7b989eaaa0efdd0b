// Every golden kernel as CUDA C: the texts are C++ to a compiler that knows nothing of CUDA but the names that they use of it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tools } from "../../scripts/tools.ts";
import { CUDA } from "../../src/backends/cuda/cuda.ts";
import { functionNames, functionsFor } from "../../src/backends/gpu/functions.ts";
import { makeProgram, programKey, shapeOf } from "../../src/backends/gpu/kernel.ts";
import { cpu, on } from "../../src/core/device.ts";
import { CASES } from "../support/golden_cases.ts";
import { interpreted } from "../support/interpreted.ts";

const unary = (names: string, type: string): string => names.split(" ").map((f) => `${type} ${f}(${type});\n`).join("");
/** What CUDA C has beyond C++, as declarations. */
const PRELUDE = `
#define __global__
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(n)
#define asm(...)
struct place { unsigned x; };
extern const place blockIdx, threadIdx;
void __syncthreads();
template <class T> T __shfl_xor_sync(unsigned, T, int);
template <class T> T __shfl_up_sync(unsigned, T, int);
template <class T> T __shfl_sync(unsigned, T, int);
int __mulhi(int, int);
unsigned __umulhi(unsigned, unsigned);
float __int_as_float(int);
float fmaf(float, float, float), fmaxf(float, float), fminf(float, float), fmodf(float, float), copysignf(float, float), powf(float, float), atan2f(float, float);
${
  unary(
    "expf expm1f logf log1pf erff erfinvf sinf cosf tanf asinf acosf atanf sinhf coshf tanhf asinhf acoshf atanhf log2f log10f sqrtf floorf ceilf truncf rintf fabsf",
    "float",
  )
}`;
/** A text among others: in a namespace, with a name of C++. */
const within = (text: string, i: number): string =>
  `namespace text${i} {\n${text.replace('extern "C" ', "")}}\n${
    [...text.matchAll(/^#define (\w+)/gm)].map(([, name]) => `#undef ${name}\n`).join("")
  }`;

test("the kernels of the golden cases, and all functions, as CUDA C", { skip: !existsSync(tools.zig) }, () => {
  const texts = new Map<string, string>();
  on(cpu, () => {
    for (const { make } of CASES) {
      interpreted(make().map(([a]) => a.node), (k, run) => {
        const shape = shapeOf(k, run, CUDA.tiles !== null);
        texts.set(programKey(k, shape), makeProgram(k, shape, CUDA).text);
      });
    }
  });
  assert.ok(texts.size > CASES.length);

  texts.set("functions", `${CUDA.head}${functionsFor(functionNames(CUDA.own).join(" "), CUDA.own)}`);
  const folder = mkdtempSync(join(tmpdir(), "sinter-cuda-")), file = join(folder, "kernels.cpp");
  const warnings = ["-Wall", "-Werror", "-Wno-unknown-pragmas", "-Wno-unused", "-Wno-uninitialized"];
  try {
    writeFileSync(file, PRELUDE + [...texts.values()].map(within).join(""));
    const object = join(folder, "kernels.o");
    const { status, stderr } = spawnSync(tools.zig, ["c++", "-std=c++17", "-c", "-o", object, ...warnings, file], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr.slice(0, 2000));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
