// lapack_tools.c: the tools that lapack.h declares.
#include "lapack.h"
#include <stdio.h>
typedef struct { const sn_call *c; bl_each each; int64_t batch; int code; } job;
static void part_of(void *arg, int part, int parts, int thread) {
  (void)thread; job *j = (job *)arg;
  for (int64_t b = j->batch * part / parts, e = j->batch * (part + 1) / parts; b < e; b++) { int r = j->each(j->c, b); if (r) __atomic_store_n(&j->code, r, __ATOMIC_RELAXED); }
}
int bl_batch(sn_call *c, const char *name, int np, int nn, double work, bl_each each) {
  char text[120];
  if (c->np < np || c->nn < nn) { snprintf(text, sizeof text, "%s: wrong number of arguments", name); return bl_fail(c, text); }
  job j = {c, each, c->n[0], 0}; int threads = sn_threads(); if (j.batch <= 0) return 0;
  int64_t parts = j.batch < 2 || work * (double)j.batch < 1e5 || (j.batch < 2 * threads && work > 1e7) ? 1 : 4 * (int64_t)threads; if (parts > j.batch) parts = j.batch;
  if (parts == 1) part_of(&j, 0, 1, 0); else sn_parallel(part_of, &j, (int)parts);
  if (j.code == BL_MEMORY) return bl_fail(c, BL_NO_MEMORY);
  if (j.code == BL_SINGULAR) { snprintf(text, sizeof text, "Cannot %s: the matrix is singular", name); return bl_fail(c, text); }
  if (j.code == BL_DIVERGED) { snprintf(text, sizeof text, "%s did not converge", name); return bl_fail(c, text); }
  return 0;
}
#define MUL(name, T, type) \
int name(int64_t M, int64_t N, int64_t K, double alpha, const T *A, int64_t ars, int64_t acs, const T *B, int64_t brs, int64_t bcs, double beta, T *C, int64_t crs, int64_t ccs) { \
  bl_gemm g = {A, B, beta != 0 ? C : 0, C, M, N, K, ars, acs, brs, bcs, crs, ccs, crs, ccs, alpha, beta, BL_OWN}; return bl_gemm_run(&g, type); \
}
MUL(bl_mul_f32, float, BL_F32) MUL(bl_mul_f64, double, BL_F64)
double bl_max(const double *x, int64_t n) { double m = 0; for (int64_t i = 0; i < n; i++) { double a = fabs(x[i]); if (!(a <= m)) m = a; if (m != m) return m; } return m; }
double bl_house(double *x, int64_t n, double *tau) {
  double s = 0, m = n > 1 ? bl_max(x + 1, n - 1) : 0, a = x[0]; *tau = 0;
  if (m == 0) { x[0] = 1; return a; }
  int ex; frexp(fabs(a) > m ? fabs(a) : m, &ex); m = ldexp(1, ex < -1020 ? -1020 : ex);   // a power of two: exact, and safe for denormals
  for (int64_t i = 0; i < n; i++) { x[i] /= m; s += x[i] * x[i]; }
  a = x[0]; double beta = -copysign(sqrt(s), a), k = 1 / (a - beta);
  if (k - k == 0) for (int64_t i = 1; i < n; i++) x[i] *= k; else for (int64_t i = 1; i < n; i++) x[i] /= a - beta;
  *tau = (beta - a) / beta; x[0] = 1; return beta * m;
}
int bl_form_q(double *X, int64_t rows, int64_t n, const double *V, int64_t nv, int64_t off, const double *tau) {
  enum { NB = 32 };
  double *Y = malloc((size_t)(2 * rows + 2 * NB + 8) * NB * sizeof(double)), T[NB * NB], G[NB * NB]; if (!Y) return 1;
  double *Z = Y + rows * NB; int bad = 0;
  for (int64_t j0 = nv ? (nv - 1) / NB * NB : -1; j0 >= 0 && !bad; j0 -= NB) {
    int64_t nb = nv - j0 < NB ? nv - j0 : NB, s = j0 + off, r = rows - s, m = n - s; const double *v = V + j0 * n + s;
    if (r <= 0 || m <= 0) continue;
    bad |= bl_mul_f64(nb, nb, m, 1, v, n, 1, v, 1, n, 0, G, NB, 1);
    for (int64_t i = 0; i < nb; i++) {                // LAPACK's dlarft: H_0 .. H_i = I - V T V^T
      T[i * NB + i] = tau[j0 + i];
      for (int64_t a = 0; a < i; a++) { double t = 0; for (int64_t b = a; b < i; b++) t += T[a * NB + b] * G[b * NB + i]; T[a * NB + i] = -tau[j0 + i] * t; T[i * NB + a] = 0; }
    }
    double *x = X + s * n + s;
    bad |= bl_mul_f64(r, nb, m, 1, x, n, 1, v, 1, n, 0, Y, NB, 1) | bl_mul_f64(r, nb, nb, 1, Y, NB, 1, T, 1, NB, 0, Z, NB, 1) | bl_mul_f64(r, m, nb, -1, Z, NB, 1, v, n, 1, 1, x, n, 1);
  }
  free(Y); return bad;
}
typedef struct { double *X; int64_t ld, cols, n; const bl_rot *r; } rot_job;
static void rot_part(void *arg, int part, int parts, int thread) {
  (void)thread; rot_job *j = (rot_job *)arg; int64_t t = (j->cols + 63) / 64, c0 = t * part / parts * 64, c1 = t * (part + 1) / parts * 64; if (c1 > j->cols) c1 = j->cols;
  if (c0 < c1) bl_isa()->rotate(j->X + c0, j->ld, c1 - c0, j->r, j->n);
}
void bl_rotate(double *X, int64_t ld, int64_t cols, const bl_rot *r, int64_t n) {
  rot_job j = {X, ld, cols, n, r}; int parts = (double)n * (double)cols < 1e5 ? 1 : sn_threads(); if (parts == 1) rot_part(&j, 0, 1, 0); else sn_parallel(rot_part, &j, parts);
}
