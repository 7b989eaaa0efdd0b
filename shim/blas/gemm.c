// gemm.c: the matrix product routines: batches, the share of the threads, and the choice between own kernels and a vendor's.
#include "blas.h"
#include <stdio.h>
#if !defined(_WIN32)
#include <unistd.h>
#endif
int sn_isa_level(void);
const bl_kernels *bl_isa(void) {
#if defined(__x86_64__)
  int l = sn_isa_level(); return l == 2 ? &bl_avx512 : l == 1 ? &bl_avx2 : &bl_base;
#else
  return &bl_base;
#endif
}
int64_t bl_block(void) {
  static int64_t bytes;
  int64_t b = __atomic_load_n(&bytes, __ATOMIC_RELAXED);
  if (b) return b;
#if defined(_SC_LEVEL2_CACHE_SIZE)
  b = sysconf(_SC_LEVEL2_CACHE_SIZE) / 8 * 3;
#endif
  b = b <= 0 ? 480 << 10 : b < 192 << 10 ? 192 << 10 : b > 768 << 10 ? 768 << 10 : b;
  __atomic_store_n(&bytes, b, __ATOMIC_RELAXED);
  return b;
}
int bl_fail(sn_call *c, const char *text) { if (c->error && c->error_cap) snprintf(c->error, c->error_cap, "%s", text); return 1; }
int bl_gemm_part(const bl_gemm *g, int type, int part, int parts) {
  const bl_kernels *k = bl_isa();
  if (type != BL_C64) return k->gemm[type](g, part, parts);
  // complex: four real products over planes of stride 2; every part touches only its own piece of C
  bl_gemm r = *g; r.ars *= 2; r.acs *= 2; r.brs *= 2; r.bcs *= 2; r.crs *= 2; r.ccs *= 2; r.irs *= 2; r.ics *= 2;
  for (int im = 0; im < 2; im++) for (int second = 0; second < 2; second++) {
    r.A = (const float *)g->A + second; r.B = (const float *)g->B + (im ^ second); r.C = (float *)g->C + im; r.alpha = second && !im ? -g->alpha : g->alpha;
    if (second) { r.I = r.C; r.irs = r.crs; r.ics = r.ccs; r.beta = 1; } else { r.I = g->I ? (const float *)g->I + im : 0; r.irs = 2 * g->irs; r.ics = 2 * g->ics; r.beta = g->beta; }
    if (k->gemm[BL_F32](&r, part, parts)) return 1;
  }
  return 0;
}
typedef struct { const bl_gemm *g; int type, failed; } one_job;
static void one_part(void *arg, int part, int parts, int thread) { (void)thread; one_job *j = (one_job *)arg; if (bl_gemm_part(j->g, j->type, part, parts)) __atomic_store_n(&j->failed, 1, __ATOMIC_RELAXED); }
// A second thread costs some microseconds: products below about 30 us stay on the caller.
static int parts_for(const bl_gemm *g, int type) {
  int threads = sn_available(); double work = (double)g->M * g->N * g->K;
  if (g->M == 1 || g->N == 1) work *= 16;             // limited by memory, not by arithmetic
  if (type == BL_C64) work *= 8; else if (type >= BL_I8) work *= 8; else if (type == BL_F64) work *= 2;
  double p = work / 1e6; return p < 2 ? 1 : p < threads ? (int)p : threads;
}
int bl_gemm_run(const bl_gemm *g, int type) {
  if (g->M <= 0 || g->N <= 0) return 0;
  if (sn_available() == sn_threads() && bl_vendor_gemm(g, type)) return 0;   // within a job its threads would be too many
  int parts = parts_for(g, type); if (parts == 1) return bl_gemm_part(g, type, 0, 1);
  one_job j = {g, type, 0}; sn_parallel(one_part, &j, parts); return j.failed;
}
typedef struct { const bl_gemm *g; const int64_t *axes; int nb, type, failed; int64_t batch, size; } batch_job;
static void offset(const batch_job *j, int64_t b, bl_gemm *g) {
  *g = *j->g; int64_t o[4] = {0};
  for (int a = j->nb - 1; a >= 0; a--) { const int64_t *x = j->axes + 5 * a; int64_t i = b % x[0]; b /= x[0]; for (int q = 0; q < 4; q++) o[q] += i * x[1 + q]; }
  g->A = (const char *)g->A + o[0] * j->size; g->B = (const char *)g->B + o[1] * j->size; g->C = (char *)g->C + o[2] * j->size; if (g->I) g->I = (const char *)g->I + o[3] * j->size;
}
static void batch_part(void *arg, int part, int parts, int thread) {
  (void)thread; batch_job *j = (batch_job *)arg; bl_gemm g;
  for (int64_t b = j->batch * part / parts, e = j->batch * (part + 1) / parts; b < e; b++) { offset(j, b, &g); if (bl_gemm_part(&g, j->type, 0, 1)) __atomic_store_n(&j->failed, 1, __ATOMIC_RELAXED); }
}
static int gemm(sn_call *c, int type, int kind, int size) {
  const int64_t *n = c->n;
  bl_gemm g = {c->p[0], c->p[1], c->np > 3 && c->x[1] != 0 ? c->p[3] : 0, c->p[2], n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], c->x[0], c->x[1], kind};
  batch_job j = {&g, n + 12, (int)n[11], type, 0, 1, size};
  for (int a = 0; a < j.nb; a++) j.batch *= j.axes[5 * a];
  if (j.batch <= 0 || g.M <= 0 || g.N <= 0) return 0;
  int threads = sn_available(), parts = parts_for(&g, type);
  if (parts == 1 || j.batch >= 2 * threads) {         // whole matrices per thread
    bl_gemm all = g; all.K = (g.K > 0 ? g.K : 1) * j.batch; int p = j.batch > 1 ? parts_for(&all, type) : 1; if (p > 1) p *= 4; if (p > j.batch) p = (int)j.batch;
    if (p == 1) batch_part(&j, 0, 1, 0); else sn_parallel(batch_part, &j, p);
  } else for (int64_t b = 0; b < j.batch; b++) { bl_gemm h; offset(&j, b, &h); j.failed |= bl_gemm_run(&h, type); }
  return j.failed ? bl_fail(c, BL_NO_MEMORY) : 0;
}
int bl_gemm_f32(sn_call *c) { return gemm(c, BL_F32, BL_OWN, 4); }
int bl_gemm_f64(sn_call *c) { return gemm(c, BL_F64, BL_OWN, 8); }
int bl_gemm_f16(sn_call *c) { return gemm(c, BL_F32, BL_F16, 2); }
int bl_gemm_bf16(sn_call *c) { return gemm(c, BL_F32, BL_BF16, 2); }
int bl_gemm_c64(sn_call *c) { return gemm(c, BL_C64, BL_OWN, 8); }
int bl_gemm_i8(sn_call *c) { return gemm(c, BL_I8, BL_OWN, 1); }
int bl_gemm_i16(sn_call *c) { return gemm(c, BL_I16, BL_OWN, 2); }
int bl_gemm_i32(sn_call *c) { return gemm(c, BL_I32, BL_OWN, 4); }
int bl_gemm_i64(sn_call *c) { return gemm(c, BL_I64, BL_OWN, 8); }
