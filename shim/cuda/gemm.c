// gemm.c: matrix products, as cuBLASLt's if it is there and takes the operands as they lie, else as those of our own kernel, which takes any strides.
// float32 is real float32. What cuBLASLt finds best for a product is asked once and kept. All is called under the lock of the streams.
#include "cuda.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define AXES 16
#define WORKSPACE (32ull << 20)
enum { TYPES = 13 };
// A type of elements: its size, cuBLASLt's number of it (-1: none), the C type in memory, that of the sums, and how one becomes the other.
#define REAL " S number(double x) { return S(x); } S mad(S a, S b, S c) { return fma(a, b, c); }"
static const struct type { const char *name; int bytes, lt; const char *text; } types[TYPES] = {
  {"f32", 4, R_32F, "typedef float T; typedef float S; S load(T x) { return x; } T store(S x) { return x; }" REAL},
  {"f64", 8, -1, "typedef double T; typedef double S; S load(T x) { return x; } T store(S x) { return x; }" REAL},
  {"f16", 2, R_16F, "typedef unsigned short T; typedef float S; S load(T x) { S y; asm(\"cvt.f32.f16 %0, %1;\" : \"=f\"(y) : \"h\"(x)); return y; }\n"
    "T store(S x) { T y; asm(\"cvt.rn.f16.f32 %0, %1;\" : \"=h\"(y) : \"f\"(x)); return y; }" REAL},
  {"bf16", 2, R_16BF, "typedef unsigned short T; typedef float S; S load(T x) { return __uint_as_float((unsigned)x << 16); }\n"
    "T store(S x) { unsigned b = __float_as_uint(x); return x != x ? (b >> 16) | 64 : (b + 0x7fff + (b >> 16 & 1)) >> 16; }" REAL},
  {"c64", 8, C_32F, "struct S { float x, y; }; typedef S T; S load(T x) { return x; } T store(S x) { return x; } S number(double x) { return S{float(x), 0}; }\n"
    "S mad(S a, S b, S c) { return S{fma(a.x, b.x, fma(-a.y, b.y, c.x)), fma(a.x, b.y, fma(a.y, b.x, c.y))}; }"},
#define INTEGER(name, bytes, T, S) {name, bytes, -1, "typedef " T " T; typedef unsigned " S " S; S load(T x) { return S(x); } T store(S x) { return T(x); } S number(double x) { return S((long long)x); } S mad(S a, S b, S c) { return a * b + c; }"}
  INTEGER("i8", 1, "signed char", "int"), INTEGER("u8", 1, "unsigned char", "int"), INTEGER("i16", 2, "short", "int"), INTEGER("u16", 2, "unsigned short", "int"),
  INTEGER("i32", 4, "int", "int"), INTEGER("u32", 4, "unsigned", "int"), INTEGER("i64", 8, "long long", "long long"), INTEGER("u64", 8, "unsigned long long", "long long"),
#undef INTEGER
};
// One product: M x N x K, strides of A, B, C and what is added, and axes of batches with a step of each.
typedef struct product { int64_t M, N, K, stride[8], across, tiles; int32_t axes, adds; double alpha, beta; struct { int64_t n, step[4]; } axis[AXES]; } product;
// A block has a tile of 64 x 64, a thread 4 x 4 of it, and both operands' next 16 steps lie in shared memory. Sums go in order.
static const char text[] =
  "struct Product { long long M, N, K, stride[8], across, tiles; int axes, adds; double alpha, beta; struct { long long n, step[4]; } axis[16]; };\n"
  "extern \"C\" __global__ void __launch_bounds__(256) product(const T *A, const T *B, T *C, const T *I, const Product g) {\n"
  "  __shared__ S a[16][65], b[16][65];\n"
  "  const long long *s = g.stride;\n"
  "  long long batch = blockIdx.x / g.tiles, tile = blockIdx.x % g.tiles, row = tile / g.across * 64, column = tile % g.across * 64;\n"
  "  for (int d = g.axes - 1; d >= 0; d--) {\n"
  "    long long i = batch % g.axis[d].n;\n"
  "    batch /= g.axis[d].n;\n"
  "    A += i * g.axis[d].step[0]; B += i * g.axis[d].step[1]; C += i * g.axis[d].step[2]; I += i * g.axis[d].step[3];\n"
  "  }\n"
  "  const int t = threadIdx.x, y = t / 16, x = t % 16;\n"
  "  S sum[4][4];\n"
  "  for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) sum[i][j] = number(0);\n"
  "  for (long long k = 0; k < g.K; k += 16) {\n"
  "    for (int e = t; e < 1024; e += 256) {\n"
  "      const int ai = s[1] == 1 ? e / 16 : e % 64, ak = s[1] == 1 ? e % 16 : e / 64, bj = s[3] == 1 ? e % 64 : e / 16, bk = s[3] == 1 ? e / 64 : e % 16;\n"
  "      a[ak][ai] = row + ai < g.M && k + ak < g.K ? load(A[(row + ai) * s[0] + (k + ak) * s[1]]) : number(0);\n"
  "      b[bk][bj] = column + bj < g.N && k + bk < g.K ? load(B[(k + bk) * s[2] + (column + bj) * s[3]]) : number(0);\n"
  "    }\n"
  "    __syncthreads();\n"
  "    for (int e = 0; e < 16; e++)\n"
  "      for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) sum[i][j] = mad(a[e][y + 16 * i], b[e][x + 16 * j], sum[i][j]);\n"
  "    __syncthreads();\n"
  "  }\n"
  "  for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) {\n"
  "    const long long m = row + y + 16 * i, n = column + x + 16 * j;\n"
  "    if (m >= g.M || n >= g.N) continue;\n"
  "    const S added = g.adds ? mad(number(g.beta), load(I[m * s[6] + n * s[7]]), number(0)) : number(0);\n"
  "    C[m * s[4] + n * s[5]] = store(mad(number(g.alpha), sum[i][j], added));\n"
  "  }\n"
  "}\n";
static int fail(const sn_call *c, const char *what, const char *why) { snprintf(c->error, c->error_cap, "CUDA: %s: %s", what, why); return 1; }
static int own(const sn_call *c, int t, const product *g, void *const *p, CUstream stream) {
  static kernel *kernels[TYPES];
  char why[300];
  if (!kernels[t]) {
    char all[sizeof text + 1024];
    snprintf(all, sizeof all, "%s\n%s", types[t].text, text);
    if (!(kernels[t] = sn_cuda_compile("product", all, why, sizeof why))) return fail(c, "matrix product", why);
  }
  int64_t blocks = g->tiles;
  for (int d = 0; d < g->axes; d++) blocks *= g->axis[d].n;
  if (blocks > INT32_MAX) return fail(c, "matrix product", "it is too large");
  void *arguments[] = {(void *)&p[0], (void *)&p[1], (void *)&p[2], (void *)&p[3], (void *)g};
  const CUresult r = sn_cuda.launch(kernels[t]->function, (unsigned)blocks, 1, 1, 256, 1, 1, 0, stream, arguments, 0);
  return r ? fail(c, "matrix product", sn_cuda_text(r, why, sizeof why)) : 0;
}

// ---- cuBLASLt -----------------------------------------------------------------------------------------------------------
static void *lt;
static CUdeviceptr workspace;
// An operand as a matrix of columns: transposed or not, and how far columns lie apart; 0 if it does not lie so.
typedef struct columns { int32_t transposed; int64_t ld; } columns;
static int as_rows(int64_t rows, int64_t width, int64_t row, int64_t column, int64_t *ld) {
  *ld = rows == 1 ? width : row;
  return (column == 1 || width == 1) && *ld >= width;
}
// What is kept of a product: the key is all but pointers, of which only the alignment counts.
typedef struct plan_key { int64_t M, N, K, lda, ldb, ldc, ldi, batches, step[4]; int32_t type, ta, tb, epilogue, align[4]; } plan_key;
typedef struct plan { struct plan *next; plan_key key; void *product, *a, *b, *c, *d; cublasLtMatmulAlgo_t algorithm; int found; } plan;
static plan *plans[256];
static void *layout(int type, int64_t rows, int64_t width, int64_t ld, int64_t batches, int64_t step) {
  void *l = 0;
  const int32_t n = (int32_t)batches;
  if (sn_blaslt.new_layout(&l, type, (uint64_t)rows, (uint64_t)width, ld)) return 0;
  sn_blaslt.set_layout(l, LAYOUT_BATCHES, &n, sizeof n);
  sn_blaslt.set_layout(l, LAYOUT_BATCH_OFFSET, &step, sizeof step);
  return l;
}
// Our rows are its columns: it computes the transpose of C from those of B and A, in this order.
static void describe(plan *p) {
  const plan_key *k = &p->key;
  const int scale = k->type == C_32F ? C_32F : R_32F;
  const int32_t epilogue = k->epilogue;
  void *preference = 0;
  cublasLtHeuristic best;
  int found = 0;
  if (sn_blaslt.new_product(&p->product, COMPUTE_32F, scale) || sn_blaslt.new_preference(&preference)) return;
  sn_blaslt.set_product(p->product, DESC_TRANSPOSE_A, &k->tb, sizeof k->tb);
  sn_blaslt.set_product(p->product, DESC_TRANSPOSE_B, &k->ta, sizeof k->ta);
  if (epilogue) sn_blaslt.set_product(p->product, DESC_EPILOGUE, &epilogue, sizeof epilogue);
  p->a = layout(k->type, k->tb ? k->K : k->N, k->tb ? k->N : k->K, k->ldb, k->batches, k->step[1]);
  p->b = layout(k->type, k->ta ? k->M : k->K, k->ta ? k->K : k->M, k->lda, k->batches, k->step[0]);
  p->c = layout(k->type, k->N, k->M, k->ldi, k->batches, k->step[3]);
  p->d = layout(k->type, k->N, k->M, k->ldc, k->batches, k->step[2]);
  const size_t room = workspace ? WORKSPACE : 0;
  const uint32_t align[4] = {(uint32_t)k->align[1], (uint32_t)k->align[0], (uint32_t)k->align[3], (uint32_t)k->align[2]};
  sn_blaslt.set_preference(preference, PREFERENCE_WORKSPACE, &room, sizeof room);
  for (int i = 0; i < 4; i++) sn_blaslt.set_preference(preference, PREFERENCE_ALIGNMENT_A + i, &align[i], sizeof align[i]);
  p->found = p->a && p->b && p->c && p->d && !sn_blaslt.heuristic(lt, p->product, p->a, p->b, p->c, p->d, preference, 1, &best, &found) && found > 0 && !best.state;
  if (p->found) p->algorithm = best.algorithm;
  sn_blaslt.end_preference(preference);
}
static plan *plan_of(const plan_key *k) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < sizeof *k / 4; i++) hash = (hash ^ ((const uint32_t *)k)[i]) * 0x100000001b3u;
  plan **bin = &plans[hash >> 40 & 255], *p = *bin;
  while (p && memcmp(&p->key, k, sizeof *k)) p = p->next;
  if (p || !(p = calloc(1, sizeof *p))) return p;
  p->key = *k;
  p->next = *bin;
  *bin = p;
  describe(p);
  return p;
}
static int alignment(const void *p) { const uintptr_t x = (uintptr_t)p | 256; return (int)(x & -x); }
// 1 if cuBLASLt has put the product on the stream.
static int by_lt(int t, const product *g, void *const *p, CUstream stream) {
  const int64_t *s = g->stride, *step = g->axes ? g->axis[0].step : (const int64_t[4]){0};
  const int plain = s[5] == 1 || g->N == 1;
  plan_key k = {.M = g->M, .N = g->N, .K = g->K, .batches = g->axes ? g->axis[0].n : 1, .type = types[t].lt};
  int64_t ld;
  if (k.type < 0 || k.K <= 0 || g->axes > 1 || k.batches > INT32_MAX || !plain || !as_rows(k.M, k.N, s[4], 1, &k.ldc)) return 0;
  if (!as_rows(k.M, k.K, s[0], s[1], &k.lda)) { k.ta = 1; if (!as_rows(k.K, k.M, s[1], s[0], &k.lda)) return 0; }
  if (!as_rows(k.K, k.N, s[2], s[3], &k.ldb)) { k.tb = 1; if (!as_rows(k.N, k.K, s[3], s[2], &k.ldb)) return 0; }
  memcpy(k.step, step, sizeof k.step);
  const void *add = g->adds ? p[3] : p[2], *bias = 0;
  float beta[2] = {g->adds ? (float)g->beta : 0, 0}, alpha[2] = {(float)g->alpha, 0};
  k.ldi = k.ldc;
  if (!g->adds) k.step[3] = k.step[2];
  else if (s[6] == 0 && s[7] == 1 && g->beta == 1 && k.step[3] == 0 && k.type != C_32F && k.M > 1) {
    k.epilogue = EPILOGUE_BIAS;
    bias = p[3];
    add = p[2];
    beta[0] = 0;
    k.step[3] = k.step[2];
  } else if (as_rows(k.M, k.N, s[6], s[7], &ld)) k.ldi = ld;
  else {
    // What is added lies otherwise: it goes to its place first, as a product of no steps.
    product spread = *g;
    spread.K = 0;
    spread.beta = 1;
    char text_[300];
    const sn_call c = {.error = text_, .error_cap = sizeof text_};
    if (own(&c, t, &spread, p, stream)) return 0;
    add = p[2];
    k.step[3] = k.step[2];
  }
  const void *const all[4] = {p[0], p[1], p[2], add};
  for (int i = 0; i < 4; i++) k.align[i] = alignment(all[i]);
  plan *best = plan_of(&k);
  if (!best || !best->found) return 0;
  if (bias) sn_blaslt.set_product(best->product, DESC_BIAS, &bias, sizeof bias);
  return !sn_blaslt.matmul(lt, best->product, alpha, p[1], best->a, p[0], best->b, beta, add, best->c, p[2], best->d, &best->algorithm,
    (void *)(uintptr_t)workspace, workspace ? WORKSPACE : 0, stream);
}
static void open_lt(void) {
  static int tried;
  if (tried) return;
  tried = 1;
  if (sn_blaslt_open() || sn_blaslt.create(&lt)) lt = 0;
  else if (sn_cuda.allocate(&workspace, WORKSPACE)) workspace = 0;
}
const char *sn_cuda_blas(void) {
  static char name[40] = "own";
  sn_cuda_enter();
  open_lt();
  if (lt) snprintf(name, sizeof name, "cuBLASLt %zu", sn_blaslt.version());
  return name;
}
int sn_cuda_gemm(const sn_call *c, const char *type, CUstream stream) {
  const int64_t *n = c->n;
  int t = 0;
  while (t < TYPES && strcmp(types[t].name, type)) t++;
  if (t == TYPES || n[11] > AXES) return fail(c, "matrix product", "no such type");
  product g = {n[0], n[1], n[2], {n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10]}, (n[1] + 63) / 64, 0, (int32_t)n[11], c->np > 3 && c->x[1] != 0, c->x[0], c->x[1], {{0}}};
  void *p[4] = {c->p[0], c->p[1], c->p[2], g.adds ? c->p[3] : c->p[2]};
  g.tiles = g.across * ((n[0] + 63) / 64);
  memcpy(g.axis, n + 12, sizeof *g.axis * (size_t)g.axes);
  open_lt();
  if (lt && g.axes <= 1 && by_lt(t, &g, p, stream)) return 0;
  if (!lt || types[t].lt < 0 || g.axes <= 1) return own(c, t, &g, p, stream);
  // Several axes of batches: cuBLASLt takes the last, the others are products of their own.
  product one = g;
  int64_t count = 1;
  for (int d = 0; d < g.axes - 1; d++) count *= g.axis[d].n;
  one.axes = 1;
  one.axis[0] = g.axis[g.axes - 1];
  for (int64_t b = 0; b < count; b++) {
    void *q[4];
    int64_t step[4] = {0}, rest = b;
    for (int d = g.axes - 2; d >= 0; d--) {
      const int64_t i = rest % g.axis[d].n;
      rest /= g.axis[d].n;
      for (int k = 0; k < 4; k++) step[k] += i * g.axis[d].step[k];
    }
    for (int k = 0; k < 4; k++) q[k] = (char *)p[k] + step[k] * types[t].bytes;
    if (!by_lt(t, &one, q, stream) && own(c, t, &one, q, stream)) return 1;
  }
  return 0;
}
