// Texts of CUDA C without CUDA. Every golden kernel is C++ to a compiler that knows nothing of CUDA but the names that they use of it; the library's own
// kernels (shim/cuda/*.cu), which have instructions of the GPU in them, go to Clang's front end for CUDA.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root, tools } from "../../scripts/tools.ts";
import { CUDA } from "../../src/backends/cuda/cuda.ts";
import { aheadProgram } from "../../src/backends/gpu/ahead.ts";
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
struct place { unsigned x, y, z; };
extern const place blockIdx, blockDim, threadIdx;
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
  `namespace text${i} {\n${text.replaceAll('extern "C" ', "")}}\n${
    [...text.matchAll(/^#define (\w+)/gm)].map(([, name]) => `#undef ${name}\n`).join("")
  }`;

test("the kernels of the golden cases, and all functions, as CUDA C", { skip: !existsSync(tools.zig) }, () => {
  const texts = new Map<string, string>();
  on(cpu, () => {
    for (const { make } of CASES) {
      interpreted(make().map(([a]) => a.node), (k, run) => {
        const shape = shapeOf(k, run, CUDA.tiles !== null);
        for (const s of [shape, { ...shape, guarded: true }]) {
          texts.set(programKey(k, s), makeProgram(k, s, CUDA).text);
        }
      });
    }
  });
  assert.ok(texts.size > CASES.length);

  texts.set("ahead", aheadProgram(CUDA).text);
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

/** What Clang lacks of CUDA's headers. */
const CUDA_PRELUDE = `
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
struct Three { unsigned x; };
extern __device__ const Three blockIdx, threadIdx, blockDim, gridDim;
struct float2 { float x, y; };
__device__ void __syncthreads();
__device__ float fma(float, float, float);
__device__ float __int_as_float(int);
__device__ unsigned long __cvta_generic_to_shared(const void *);
`;
/** Elements as the library describes them: what is in memory, and what sums are. */
const ELEMENTS = (memory: string, sums: string): string =>
  `${sums}
typedef ${memory} T;
__device__ S load(T);
__device__ T store(S);
__device__ S number(double);
__device__ S mad(S, S, S);
`;
const FLOAT = "typedef float S;", COMPLEX = "struct S { float x, y; };", INTEGER = "typedef unsigned S;";
function variants(): string[] {
  const out: string[] = [], text = (name: string): string => readFileSync(join(root, "shim/cuda", name), "utf8");
  for (const side of [64, 128]) {
    for (const  of of[ELEMENTS("float", FLOAT), ELEMENTS("S", COMPLEX), ELEMENTS("signed char", INTEGER)]) {
      out.push(`#define SIDE ${side}\n${of}${text("product.cu")}${text("lanes.cu")}`);
    }
    for (let bits = 0; bits < 16; bits++) {
      const names = ["A_STEPS", "A_WHOLE", "B_STEPS", "B_WHOLE"];
      const layout = names.map((n, i) => `#define ${n} ${bits >> i & 1}\n`).join("");
      out.push(
        `#define MMA "bf16"\n#define SIDE ${side}\n#define STAGES 4\n${layout}${ELEMENTS("unsigned short", FLOAT)}${
          text("product.cu")
        }${text("tensor.cu")}`,
      );
    }
  }
  for (const t of ["float", "float2"]) {
    out.push(...["arrange.cu", "verify.cu"].map((file) => `typedef ${t} T;\n${text(file)}`));
  }
  for (const t of ["int", "long long"]) out.push(`typedef ${t} G;\n${text("pivots.cu")}`);
  return [...out, text("judge.cu"), text("list.cu")];
}
test("the library's own kernels, in all variants, as CUDA C", { skip: !existsSync(tools.zig) }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sinter-cuda-")), file = join(folder, "kernels.cu");
  const target = ["-triple", "nvptx64-nvidia-cuda", "-target-cpu", "sm_80", "-target-feature", "+ptx70"];
  const language = ["-fcuda-is-device", "-x", "cuda", "-std=c++17", "-fsyntax-only", "-Wall", "-Werror"];
  try {
    writeFileSync(file, CUDA_PRELUDE + variants().map(within).join(""));
    const { status, stderr } = spawnSync(tools.zig, ["clang", "-cc1", ...target, ...language, file], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr.slice(0, 2000));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
