// CUDA C as a language of the GPU generator: one text without headers, compiled with no contraction but where it says fma. float32 has subnormals here.
import { BITS } from "../gpu/expr.ts";
import type { Language } from "../gpu/language.ts";

/** Functions of float32 that CUDA has: not the approximate ones of its intrinsics. */
const OWN = ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "log2", "log10"];
const own: string[] = OWN.map((f) => `float sn_${f}_f32(float x) { return ${f}f(x); }`);
for (const f of ["pow", "atan2"]) own.push(`float sn_${f}_f32(float x, float y) { return ${f}f(x, y); }`);
// In the place of shared ones: those know no subnormals, and the GPU has instructions for powers of two, logarithms and reciprocals.
for (const f of ["exp", "log", "tanh", "erf", "erfinv"]) {
  own.push(`float sn_${f}_f32(float x) { return ${f}f(x); }`);
}
// A product with what the compiler does not know to be 1: random words are bound by the pipe of other operations on integers, beside which that of products
// is idle.
own.push(`uint sn_sum_u32(uint x, uint y) {
  uint z;
  asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(z) : "r"(x), "r"(blockDim.z), "r"(y));
  return z;
}`);
own.push("float sn_fmod(float x, float y) { return fmodf(x, y); }");
const LANES = { f32: "float", i32: "int", u32: "uint", i64: "long", u64: "ulong", c64: "float2" };
for (const [name, f] of [["xor", "__shfl_xor_sync"], ["up", "__shfl_up_sync"], ["lane", "__shfl_sync"]] as const) {
  for (const [t, type] of Object.entries(LANES)) {
    const of = (x: string): string => `${f}(0xffffffffu, ${x}, n)`,
      value = t === "c64" ? `float2(${of("x.x")}, ${of("x.y")})` : of("x");
    own.push(`${type} sn_${name}_${t}(${type} x, ushort n) { return ${value}; }`);
  }
}

/**
 * Types and functions by the names that the shared text has. Vectors are structures that lie on their size, so that one instruction loads or stores them;
 * a half is its bits.
 */
const HEAD = `typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
struct half {
  ushort bits;
  half() = default;
  explicit half(float x) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    if (x != x) bits = 0x7e00;  // as everywhere; the instruction sets all bits
  }
  explicit operator float() const { float x; asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits)); return x; }
};
template <class T, int n> struct alignas(n * sizeof(T)) lanes {
  T x[n];
  T &operator[](int i) { return x[i]; }
  const T &operator[](int i) const { return x[i]; }
};
template <class T> struct alignas(2 * sizeof(T)) two {
  T x, y;
  two() = default;
  two(T x, T y) : x(x), y(y) {}
  T &operator[](int i) { return i == 0 ? x : y; }
  const T &operator[](int i) const { return i == 0 ? x : y; }
};
struct three {
  float x, y, z;
  three() = default;
  three(float x, float y, float z) : x(x), y(y), z(z) {}
};
template <class To, class From> To as_type(From from) {
  union { From from; To to; } both;
  both.from = from;
  return both.to;
}
${
  ["char", "uchar", "short", "ushort", "half", "int", "long", "ulong"].map((t) => `#define ${t}2 lanes<${t}, 2>\n`)
    .join(
      "",
    )
}${
  ["char", "uchar", "short", "ushort", "half", "int", "uint", "float"].map((t) => `#define ${t}4 lanes<${t}, 4>\n`)
    .join("")
}\
#define uint2 two<uint>
#define float2 two<float>
#define float3 three
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define fabs fabsf
#define sqrt sqrtf
#define floor floorf
#define ceil ceilf
#define trunc truncf
#define rint rintf
#define fma fmaf
#define copysign copysignf
#define clamp(x, low, high) fminf(fmaxf(x, low), high)
#define mulhi high_word
int high_word(int a, int b) { return __mulhi(a, b); }
uint high_word(uint a, uint b) { return __umulhi(a, b); }
#define sn_group blockIdx.x
#define sn_thread threadIdx.x
inline void sn_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");  // the launch may have begun before what it comes after has ended
#endif
}
`;

/** CUDA C. */
export const CUDA: Language = {
  head: HEAD,
  own: own.join("\n"),
  bfloat16: BITS,
  alone: "__restrict__ ",
  pointer: (type, written) => `${written ? "" : "const "}${type} *`,
  signature: (name, pointers) =>
    `extern "C" __global__ void __launch_bounds__(256) ${name}(${
      [...pointers, "const __grid_constant__ Arguments a"].join(", ")
    })`,
  begin: "  sn_begin();\n",
  shared: (type, name, n) => `__shared__ ${type} ${name}[${n}];`,
  barrier: "__syncthreads();",
  tiles: null,
};
