// lapack_tools.c: the tools that lapack.h declares.
#include "lapack.h"
#include <stdio.h>
typedef struct { const sn_call *c; bl_each vendor, each; int64_t batch; int code; } job;
static int one(const job *j, int64_t b) { int r = j->vendor ? j->vendor(j->c, b) : BL_REFUSED; return r == BL_REFUSED ? j->each(j->c, b) : r; }
static void part_of(void *arg, int part, int parts, int thread) {
  (void)thread; job *j = (job *)arg;
  for (int64_t b = j->batch * part / parts, e = j->batch * (part + 1) / parts; b < e; b++) { int r = one(j, b); if (r) __atomic_store_n(&j->code, r, __ATOMIC_RELAXED); }
}
int bl_batch(sn_call *c, const char *name, int type, double work, bl_each each) {
  char text[120];
  job j = {c, bl_vendor_each(c, name, type), each, c->n[0], 0}; int threads = sn_available(); if (j.batch <= 0) return 0;
  int64_t parts = j.vendor || j.batch < 2 || work * (double)j.batch < 1e5 || (j.batch < 2 * threads && work > 1e7) ? 1 : 4 * (int64_t)threads; if (parts > j.batch) parts = j.batch;
  if (parts == 1) part_of(&j, 0, 1, 0); else sn_parallel(part_of, &j, (int)parts);
  if (j.code == BL_MEMORY) return bl_fail(c, BL_NO_MEMORY);
  if (j.code == BL_SINGULAR) { snprintf(text, sizeof text, "Cannot %s: the matrix is singular", name); return bl_fail(c, text); }
  if (j.code == BL_DIVERGED) { snprintf(text, sizeof text, "%s did not converge", name); return bl_fail(c, text); }
  return 0;
}
#define PRODUCTS(T, t, type) \
static bl_gemm product_##t(BL_PRODUCT(T)) { \
  return (bl_gemm){A, B, beta != 0 ? C : 0, C, M, N, K, ars, acs, brs, bcs, crs, ccs, crs, ccs, alpha, beta, BL_OWN}; \
} \
int bl_mul_##t(BL_PRODUCT(T)) { bl_gemm g = product_##t(M, N, K, alpha, A, ars, acs, B, brs, bcs, beta, C, crs, ccs); return bl_gemm_run(&g, type); } \
int bl_own_##t(BL_PRODUCT(T)) { bl_gemm g = product_##t(M, N, K, alpha, A, ars, acs, B, brs, bcs, beta, C, crs, ccs); return M > 0 && N > 0 ? bl_gemm_part(&g, type, 0, 1) : 0; }
PRODUCTS(float, f32, BL_F32) PRODUCTS(double, f64, BL_F64)
double bl_max(const double *x, int64_t n) { double m = 0; for (int64_t i = 0; i < n; i++) { double a = fabs(x[i]); if (!(a <= m)) m = a; if (m != m) return m; } return m; }
int bl_ascending(const void *a, const void *b) { double x = ((const bl_pole *)a)->d, y = ((const bl_pole *)b)->d; return x < y ? -1 : x > y; }
int bl_descending(const void *a, const void *b) { return bl_ascending(b, a); }
typedef struct { double *X; int64_t ld, cols, n; const bl_rot *r; } rot_job;
static void rot_part(void *arg, int part, int parts, int thread) {
  (void)thread; rot_job *j = (rot_job *)arg; int64_t t = (j->cols + 63) / 64, c0 = t * part / parts * 64, c1 = t * (part + 1) / parts * 64; if (c1 > j->cols) c1 = j->cols;
  if (c0 < c1) bl_isa()->rotate(j->X + c0, j->ld, c1 - c0, j->r, j->n);
}
void bl_rotate(double *X, int64_t ld, int64_t cols, const bl_rot *r, int64_t n) {
  rot_job j = {X, ld, cols, n, r}; int parts = (double)n * (double)cols < 1e5 ? 1 : sn_available(); if (parts == 1) rot_part(&j, 0, 1, 0); else sn_parallel(rot_part, &j, parts);
}
