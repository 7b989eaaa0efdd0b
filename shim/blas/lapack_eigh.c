// lapack_eigh.c: eigenvalues and vectors of symmetric matrices, in f64: blocked Householder tridiagonalisation (LAPACK's dlatrd), then
// implicit QL. Its rotations are collected and applied to many columns at a time, each stripe while it lies in cache.
#include "lapack.h"
// A (n x n, both triangles) is destroyed; the reflectors go to the rows of V, row j zero up to element j
static int tridiagonal(double *A, int64_t n, double *V, double *tau, double *d, double *e) {
  enum { NB = 32 };
  double *W = malloc((size_t)(n * NB + n + 2 * NB) * sizeof(double)); if (!W) return 1;
  double *x = W + n * NB, *z = x + n; int bad = 0;
  for (int64_t j0 = 0; j0 < n && !bad; j0 += NB) {
    int64_t nb = n - j0 < NB ? n - j0 : NB; double *Vp = V + j0 * n;
    for (int64_t i = 0; i < nb; i++) {
      int64_t j = j0 + i, m = n - j, q = m - 1; double *v = Vp + i * n, *w = W + i * n;
      memcpy(x, A + j * n + j, (size_t)m * sizeof(double));
      if (i) bad |= bl_mul_f64(1, m, i, -1, W + j, n, n, Vp + j, n, 1, 1, x, m, 1) | bl_mul_f64(1, m, i, -1, Vp + j, n, n, W + j, n, 1, 1, x, m, 1);
      d[j] = x[0]; memset(v, 0, (size_t)n * sizeof(double)); tau[j] = 0; if (j == n - 1) continue;
      memcpy(v + j + 1, x + 1, (size_t)q * sizeof(double)); e[j] = bl_house(v + j + 1, q, tau + j);
      double *w1 = w + j + 1, *v1 = v + j + 1, dot = 0; memset(w, 0, (size_t)n * sizeof(double));
      bad |= bl_mul_f64(q, 1, q, 1, A + (j + 1) * (n + 1), n, 1, v1, 1, 1, 0, w1, 1, 1);
      if (i) {
        bad |= bl_mul_f64(i, 1, q, 1, W + j + 1, n, 1, v1, 1, 1, 0, z, 1, 1) | bl_mul_f64(i, 1, q, 1, Vp + j + 1, n, 1, v1, 1, 1, 0, z + NB, 1, 1);
        bad |= bl_mul_f64(1, q, i, -1, z, i, 1, Vp + j + 1, n, 1, 1, w1, q, 1) | bl_mul_f64(1, q, i, -1, z + NB, i, 1, W + j + 1, n, 1, 1, w1, q, 1);
      }
      for (int64_t k = 0; k < q; k++) { w1[k] *= tau[j]; dot += w1[k] * v1[k]; }
      dot *= 0.5 * tau[j]; for (int64_t k = 0; k < q; k++) w1[k] -= dot * v1[k];
    }
    int64_t s = j0 + nb, m = n - s; if (m <= 0) break;
    bad |= bl_mul_f64(m, m, nb, -1, Vp + s, 1, n, W + s, n, 1, 1, A + s * (n + 1), n, 1) | bl_mul_f64(m, m, nb, -1, W + s, 1, n, Vp + s, n, 1, 1, A + s * (n + 1), n, 1);
  }
  free(W); return bad;
}
// Implicit QL on d, e; rotations go to the rows of X (n columns), unless it is null
static int ql(double *d, double *e, int64_t n, double *X) {
  int64_t cap = 64 * n, nr = 0; bl_rot *r = X ? malloc((size_t)cap * sizeof(bl_rot)) : 0; if (X && !r) return BL_MEMORY;
  int code = 0; e[n - 1] = 0;
  double tiny = 1e-150; for (int64_t i = 0; i < n; i++) tiny = fmax(tiny, DBL_EPSILON / 16 * fmax(fabs(d[i]), fabs(e[i])));   // the reduction was no more exact
  for (int64_t l = 0; l < n && !code; l++) for (int iter = 0;; iter++) {
    int64_t m = l; for (; m < n - 1; m++) if (fabs(e[m]) <= DBL_EPSILON / 2 * (fabs(d[m]) + fabs(d[m + 1])) + tiny) break;
    if (m == l) break;
    if (iter == 200) { code = BL_DIVERGED; break; }
    if (X && nr + n > cap) { bl_rotate(X, n, n, r, nr); nr = 0; }
    double g = (d[l + 1] - d[l]) / (2 * e[l]), t = sqrt(g * g + 1), s = 1, c = 1, p = 0; if (!(t < DBL_MAX)) t = fabs(g);
    g = d[m] - d[l] + e[l] / (g + copysign(t, g));
    int64_t i = m - 1;
    for (; i >= l; i--) {
      double f = s * e[i], b = c * e[i]; t = sqrt(f * f + g * g); e[i + 1] = t;
      if (t == 0) { d[i + 1] -= p; e[m] = 0; break; }
      double k = 1 / t; if (k < DBL_MAX) { s = f * k; c = g * k; } else { s = f / t; c = g / t; }
      g = d[i + 1] - p; t = (d[i] - g) * s + 2 * c * b; p = s * t; d[i + 1] = g + p; g = c * t - b;
      if (X) r[nr++] = (bl_rot){(int32_t)(i + 1), (int32_t)i, c, s};
    }
    if (i >= l) continue;
    d[l] -= p; e[l] = g; e[m] = 0;
  }
  if (X && !code) bl_rotate(X, n, n, r, nr);
  free(r); return code;
}
typedef struct { double v; int64_t i; } entry;
static int ascending(const void *a, const void *b) { double x = ((const entry *)a)->v, y = ((const entry *)b)->v; return x < y ? -1 : x > y; }
static int eigh(const sn_call *c, int64_t b, int f64) {
  int64_t n = c->n[1], lower = c->n[2], nn = n * n; if (!n) return 0;
  const double *Ad = (const double *)c->p[0] + b * nn; const float *Af = (const float *)c->p[0] + b * nn; void *Wp = c->p[1], *Vp = c->np > 2 ? c->p[2] : 0;
  double *A = malloc((size_t)(3 * nn + 3 * n + 2) * sizeof(double)); entry *o = malloc((size_t)n * sizeof(entry)); int code = BL_MEMORY;
  if (A && o) {
    double *V = A + nn, *X = V + nn, *d = X + nn, *e = d + n, *tau = e + n; code = 0;
    for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j <= i; j++) { int64_t q = lower ? i * n + j : j * n + i; A[i * n + j] = A[j * n + i] = f64 ? Ad[q] : (double)Af[q]; }
    double m = bl_max(A, nn), scale = 1;
    if (m - m != 0) { for (int64_t i = 0; i < n; i++) o[i] = (entry){NAN, i}; for (int64_t i = 0; i < nn; i++) X[i] = NAN; }
    else {
      if (m > 0) { int ex; frexp(m, &ex); scale = ldexp(1, ex < -1020 ? -1020 : ex); for (int64_t i = 0; i < nn; i++) A[i] /= scale; }
      if (tridiagonal(A, n, V, tau, d, e)) code = BL_MEMORY;
      if (!code && Vp) { memset(X, 0, (size_t)nn * sizeof(double)); for (int64_t i = 0; i < n; i++) X[i * n + i] = 1; if (bl_form_q(X, n, n, V, n - 1, 1, tau)) code = BL_MEMORY; }
      if (!code) code = ql(d, e, n, Vp ? X : 0);
      for (int64_t i = 0; i < n; i++) o[i] = (entry){d[i] * scale, i};
      if (!code) qsort(o, (size_t)n, sizeof(entry), ascending);
    }
    if (!code) for (int64_t i = 0; i < n; i++) {
      if (f64) ((double *)Wp)[b * n + i] = o[i].v; else ((float *)Wp)[b * n + i] = (float)o[i].v;
    }
    if (!code && Vp) for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j < n; j++) { double x = X[o[j].i * n + i]; if (f64) ((double *)Vp)[b * nn + i * n + j] = x; else ((float *)Vp)[b * nn + i * n + j] = (float)x; }
  }
  free(A); free(o); return code;
}
static int each32(const sn_call *c, int64_t b) { return eigh(c, b, 0); }
static int each64(const sn_call *c, int64_t b) { return eigh(c, b, 1); }
static double work(const sn_call *c) { return c->nn > 1 ? 8.0 * (double)c->n[1] * (double)c->n[1] * (double)c->n[1] : 0; }
int bl_eigh_f32(sn_call *c) { return bl_batch(c, "eigh", 2, 3, work(c), each32); }
int bl_eigh_f64(sn_call *c) { return bl_batch(c, "eigh", 2, 3, work(c), each64); }
