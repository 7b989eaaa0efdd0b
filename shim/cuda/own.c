// own.c: our own kernels for matrix products (lanes.cu, tensor.cu): they take any strides, and every dtype. 16-bit floats go to tensor cores where the GPU
// has them for both; float32 is real float32.
#include "cuda.h"
#include <stdio.h>
#include <string.h>
#define ELEMENTS 13
#define TENSOR_STAGES 4
const element sn_cuda_elements[ELEMENTS + 1] = {
  {"f32", 4, R_32F}, {"f64", 8, -1}, {"f16", 2, R_16F}, {"bf16", 2, R_16BF}, {"c64", 8, C_32F}, {"i8", 1, -1}, {"u8", 1, -1}, {"i16", 2, -1}, {"u16", 2, -1},
  {"i32", 4, -1}, {"u32", 4, -1}, {"i64", 8, -1}, {"u64", 8, -1}, {0, 0, 0},
};
enum { F16 = 2, BF16 };
// Of the elements, in their order: the C type in memory, that of the sums, and how one becomes the other.
#define REAL " __device__ S number(double x) { return S(x); } __device__ S mad(S a, S b, S c) { return fma(a, b, c); }\n"
#define SAME "__device__ S load(T x) { return x; } __device__ T store(S x) { return x; }"
#define INTEGER(T, S) "typedef " T " T; typedef unsigned " S " S; __device__ S load(T x) { return S(x); } __device__ T store(S x) { return T(x); }\n" \
  "__device__ S number(double x) { return S((long long)x); } __device__ S mad(S a, S b, S c) { return a * b + c; }\n"
static const char *const types[ELEMENTS] = {
  "typedef float T; typedef float S; " SAME REAL,
  "typedef double T; typedef double S; " SAME REAL,
  "typedef unsigned short T; typedef float S; __device__ S load(T x) { S y; asm(\"cvt.f32.f16 %0, %1;\" : \"=f\"(y) : \"h\"(x)); return y; }\n"
    "__device__ T store(S x) { T y; asm(\"cvt.rn.f16.f32 %0, %1;\" : \"=h\"(y) : \"f\"(x)); return y; }\n" REAL,
  "typedef unsigned short T; typedef float S; __device__ S load(T x) { return __uint_as_float((unsigned)x << 16); }\n"
    "__device__ T store(S x) { unsigned b = __float_as_uint(x); return x != x ? (b >> 16) | 64 : (b + 0x7fff + (b >> 16 & 1)) >> 16; }\n" REAL,
  "struct S { float x, y; }; typedef S T; " SAME "__device__ S number(double x) { return S{float(x), 0}; }\n"
    "__device__ S mad(S a, S b, S c) { return S{fma(a.x, b.x, fma(-a.y, b.y, c.x)), fma(a.x, b.y, fma(a.y, b.x, c.y))}; }\n",
  INTEGER("signed char", "int"), INTEGER("unsigned char", "int"), INTEGER("short", "int"), INTEGER("unsigned short", "int"),
  INTEGER("int", "int"), INTEGER("unsigned", "int"), INTEGER("long long", "long long"), INTEGER("unsigned long long", "long long"),
};
static const char shared_text[] = {
#embed "product.cu"
  , 0};
static const char lanes_text[] = {
#embed "lanes.cu"
  , 0};
static const char tensor_text[] = {
#embed "tensor.cu"
  , 0};
static int fail(const sn_call *c, const char *why) { snprintf(c->error, c->error_cap, "CUDA: matrix product: %s", why); return 1; }

// How an operand lies for tensor cores: with its steps together, or its rows (columns); and whether by whole 16 bytes.
typedef struct layout { int steps, whole; } layout;
static layout layout_of(const product *g, int operand, const void *p, int64_t along, int64_t step) {
  const int steps = step == 1 || (along != 1 && along > step);
  const int64_t line = steps ? along : step;
  int whole = (steps ? step : along) == 1 && line % 8 == 0 && (uintptr_t)p % 16 == 0;
  for (int d = 0; d < g->axes; d++) whole &= g->axis[d].step[operand] % 8 == 0;
  return (layout){steps, whole};
}
static int has_tensor_cores(void) {
  static int major;
  if (!major) sn_cuda.attribute(&major, CU_MAJOR, 0);
  return major >= 8;
}
// Tiles are large where there are enough of them for all processors.
static int side_of(const product *g) {
  static int processors;
  if (!processors) sn_cuda.attribute(&processors, CU_MULTIPROCESSORS, 0);
  double tiles = (double)((g->M + 127) / 128) * (double)((g->N + 127) / 128);
  for (int d = 0; d < g->axes; d++) tiles *= (double)g->axis[d].n;
  return tiles >= processors ? 128 : 64;
}
static kernel *compile(const sn_call *c, const char *head, const char *body) {
  char text[sizeof shared_text + sizeof lanes_text + sizeof tensor_text + 1024], why[400];
  snprintf(text, sizeof text, "%s%s%s", head, shared_text, body);
  kernel *k = sn_cuda_compile("product", text, why, sizeof why);
  if (!k) fail(c, why);
  return k;
}
int sn_cuda_own_gemm(const sn_call *c, int t, product g, void *const *p, CUstream stream) {
  static kernel *lanes[ELEMENTS][2], *tensor[2][2][2][2][2][2];   // by element and side; layouts
  const int side = side_of(&g), small = side == 64, on_tensor = (t == F16 || t == BF16) && has_tensor_cores();
  char head[2048], why[200];
  kernel **k = &lanes[t][small];
  unsigned threads = 256, bytes = 0;
  if (on_tensor) {
    const layout a = layout_of(&g, 0, p[0], g.stride[0], g.stride[1]), b = layout_of(&g, 1, p[1], g.stride[3], g.stride[2]);
    const unsigned by_steps = (unsigned)side * (32 + 8), by_rows = 32 * ((unsigned)side + 8);
    k = &tensor[t == BF16][small][a.steps][a.whole][b.steps][b.whole];
    threads = 128;
    bytes = TENSOR_STAGES * 2 * ((a.steps ? by_steps : by_rows) + (b.steps ? by_steps : by_rows));
    snprintf(head, sizeof head, "#define MMA \"%s\"\n#define SIDE %d\n#define A_STEPS %d\n#define A_WHOLE %d\n#define B_STEPS %d\n#define B_WHOLE %d\n#define STAGES %d\n%s",
      sn_cuda_elements[t].name, side, a.steps, a.whole, b.steps, b.whole, TENSOR_STAGES, types[t]);
  } else snprintf(head, sizeof head, "#define SIDE %d\n%s", side, types[t]);
  if (!*k) {
    if (!(*k = compile(c, head, on_tensor ? tensor_text : lanes_text))) return 1;
    const CUresult r = bytes ? sn_cuda.set_function((*k)->function, CU_MOST_SHARED, (int)bytes) : 0;
    if (r) { *k = 0; return fail(c, sn_cuda_text(r, why, sizeof why)); }
  }
  g.across = (g.N + side - 1) / side;
  g.tiles = g.across * ((g.M + side - 1) / side);
  int64_t blocks = g.tiles;
  for (int d = 0; d < g.axes; d++) blocks *= g.axis[d].n;
  if (blocks > INT32_MAX) return fail(c, "it is too large");
  void *arguments[] = {(void *)&p[0], (void *)&p[1], (void *)&p[2], (void *)&p[3], &g};
  const CUresult r = sn_cuda.launch((*k)->function, (unsigned)blocks, 1, 1, threads, 1, 1, bytes, stream, arguments, 0);
  return r ? fail(c, sn_cuda_text(r, why, sizeof why)) : 0;
}
