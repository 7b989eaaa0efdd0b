// lapack_svd.c: singular values and vectors, in f64: blocked Golub-Kahan bidiagonalisation (LAPACK's dlabrd), then implicit QR as in
// LINPACK's dsvdc. Its rotations are collected and applied to many columns at a time.
#include "lapack.h"
// A (m x n, m >= n) is destroyed; reflectors go to the rows of U (m long, row j zero before j) and V (n long, row j zero up to j)
static int bidiagonal(double *A, int64_t m, int64_t n, double *U, double *tu, double *V, double *tv, double *d, double *e) {
  enum { NB = 32 };
  double *X = malloc((size_t)(NB * (m + n) + m + 2 * NB) * sizeof(double)); if (!X) return 1;
  double *Y = X + NB * m, *z = Y + NB * n; int bad = 0;
  for (int64_t j0 = 0; j0 < n && !bad; j0 += NB) {
    int64_t nb = n - j0 < NB ? n - j0 : NB; double *Up = U + j0 * m, *Vp = V + j0 * n;
    // the current matrix is A - sum u_i y_i^T - sum x_i v_i^T over the panel so far
    for (int64_t i = 0; i < nb; i++) {
      int64_t j = j0 + i, mj = m - j, nj = n - j - 1, mx = mj - 1; double *u = Up + i * m, *v = Vp + i * n, *x = X + i * m, *y = Y + i * n;
      memset(u, 0, (size_t)m * sizeof(double)); memset(v, 0, (size_t)n * sizeof(double)); memset(x, 0, (size_t)m * sizeof(double)); memset(y, 0, (size_t)n * sizeof(double)); tv[j] = 0; e[j] = 0;
      for (int64_t r = j; r < m; r++) u[r] = A[r * n + j];
      if (i) bad |= bl_mul_f64(1, mj, i, -1, Y + j, n, n, Up + j, m, 1, 1, u + j, mj, 1) | bl_mul_f64(1, mj, i, -1, Vp + j, n, n, X + j, m, 1, 1, u + j, mj, 1);
      d[j] = bl_house(u + j, mj, tu + j); if (nj <= 0) continue;
      double *y1 = y + j + 1, *v1 = v + j + 1, *x1 = x + j + 1, *a = A + j * n + j + 1;
      bad |= bl_mul_f64(1, nj, mj, 1, u + j, mj, 1, a, n, 1, 0, y1, nj, 1);
      if (i) {
        bad |= bl_mul_f64(i, 1, mj, 1, Up + j, m, 1, u + j, 1, 1, 0, z, 1, 1) | bl_mul_f64(i, 1, mj, 1, X + j, m, 1, u + j, 1, 1, 0, z + NB, 1, 1);
        bad |= bl_mul_f64(1, nj, i, -1, z, i, 1, Y + j + 1, n, 1, 1, y1, nj, 1) | bl_mul_f64(1, nj, i, -1, z + NB, i, 1, Vp + j + 1, n, 1, 1, y1, nj, 1);
      }
      for (int64_t k = 0; k < nj; k++) y1[k] *= tu[j];
      memcpy(v1, a, (size_t)nj * sizeof(double));
      bad |= bl_mul_f64(1, nj, i + 1, -1, Up + j, m, m, Y + j + 1, n, 1, 1, v1, nj, 1); if (i) bad |= bl_mul_f64(1, nj, i, -1, X + j, m, m, Vp + j + 1, n, 1, 1, v1, nj, 1);
      e[j] = bl_house(v1, nj, tv + j); if (mx <= 0) continue;
      bad |= bl_mul_f64(mx, 1, nj, 1, a + n, n, 1, v1, 1, 1, 0, x1, 1, 1);
      bad |= bl_mul_f64(i + 1, 1, nj, 1, Y + j + 1, n, 1, v1, 1, 1, 0, z, 1, 1) | bl_mul_f64(1, mx, i + 1, -1, z, i + 1, 1, Up + j + 1, m, 1, 1, x1, mx, 1);
      if (i) bad |= bl_mul_f64(i, 1, nj, 1, Vp + j + 1, n, 1, v1, 1, 1, 0, z, 1, 1) | bl_mul_f64(1, mx, i, -1, z, i, 1, X + j + 1, m, 1, 1, x1, mx, 1);
      for (int64_t k = 0; k < mx; k++) x1[k] *= tv[j];
    }
    int64_t s = j0 + nb; if (s >= n) break;
    bad |= bl_mul_f64(m - s, n - s, nb, -1, Up + s, 1, m, Y + s, n, 1, 1, A + s * (n + 1), n, 1) | bl_mul_f64(m - s, n - s, nb, -1, X + s, 1, m, Vp + s, n, 1, 1, A + s * (n + 1), n, 1);
  }
  free(X); return bad;
}
typedef struct { double *X; int64_t ld, n, cap; bl_rot *r; } queue;
static void push(queue *q, int64_t i, int64_t j, double c, double s) { if (q->X) q->r[q->n++] = (bl_rot){(int32_t)i, (int32_t)j, c, s}; }
static void flush(queue *q) { if (q->X && q->n) bl_rotate(q->X, q->ld, q->ld, q->r, q->n); q->n = 0; }
static void plane(double f, double g, double *t, double *c, double *s) { double h = sqrt(f * f + g * g); *t = h; if (h == 0) { *c = 1; *s = 0; } else { *c = f / h; *s = g / h; } }
// The iteration of dsvdc on diagonal s and superdiagonal e (e[n-1] = 0); rotations go to the rows of qu and qv
static int iterate(double *s, double *e, int64_t n, queue *qu, queue *qv) {
  int64_t p = n; int iter = 0; const double eps = DBL_EPSILON / 2;
  // what is negligible beside the norm: the reduction was no more exact, and graded matrices converge slowly without it
  double tiny = 1e-150; for (int64_t i = 0; i < n; i++) tiny = fmax(tiny, eps / 8 * fmax(fabs(s[i]), fabs(e[i])));
  while (p > 0) {
    double t, c, sn; int64_t k = p - 2, kase;
    if (qu->n + p + 1 > qu->cap || qv->n + p + 1 > qv->cap) { flush(qu); flush(qv); }
    for (; k >= 0; k--) if (fabs(e[k]) <= tiny + eps * (fabs(s[k]) + fabs(s[k + 1]))) { e[k] = 0; break; }
    if (k == p - 2) kase = 4;
    else {
      int64_t ks = p - 1;
      for (; ks > k; ks--) { t = (ks != p - 1 ? fabs(e[ks]) : 0) + (ks != k + 1 ? fabs(e[ks - 1]) : 0); if (fabs(s[ks]) <= tiny + eps * t) { s[ks] = 0; break; } }
      if (ks == k) kase = 3; else if (ks == p - 1) kase = 1; else { kase = 2; k = ks; }
    }
    k++;
    if (kase == 1) {                                  // negligible s[p-1]
      double f = e[p - 2]; e[p - 2] = 0;
      for (int64_t j = p - 2; j >= k; j--) { plane(s[j], f, &t, &c, &sn); s[j] = t; if (j != k) { f = -sn * e[j - 1]; e[j - 1] *= c; } push(qv, j, p - 1, c, sn); }
    } else if (kase == 2) {                           // negligible s[k-1]: split there
      double f = e[k - 1]; e[k - 1] = 0;
      for (int64_t j = k; j < p; j++) { plane(s[j], f, &t, &c, &sn); s[j] = t; f = -sn * e[j]; e[j] *= c; push(qu, j, k - 1, c, sn); }
    } else if (kase == 3) {
      if (++iter > 200) return BL_DIVERGED;
      double scale = fmax(fmax(fmax(fmax(fabs(s[p - 1]), fabs(s[p - 2])), fabs(e[p - 2])), fabs(s[k])), fabs(e[k]));
      double sp = s[p - 1] / scale, sm = s[p - 2] / scale, em = e[p - 2] / scale, sk = s[k] / scale, ek = e[k] / scale, b = ((sm + sp) * (sm - sp) + em * em) / 2, cc = (sp * em) * (sp * em), shift = 0;
      if (b != 0 || cc != 0) { shift = sqrt(b * b + cc); if (b < 0) shift = -shift; shift = cc / (b + shift); }
      double f = (sk + sp) * (sk - sp) + shift, g = sk * ek;
      for (int64_t j = k; j < p - 1; j++) {
        plane(f, g, &t, &c, &sn); if (j != k) e[j - 1] = t;
        f = c * s[j] + sn * e[j]; e[j] = c * e[j] - sn * s[j]; g = sn * s[j + 1]; s[j + 1] *= c; push(qv, j, j + 1, c, sn);
        plane(f, g, &t, &c, &sn); s[j] = t;
        f = c * e[j] + sn * s[j + 1]; s[j + 1] = -sn * e[j] + c * s[j + 1]; g = sn * e[j + 1]; e[j + 1] *= c; push(qu, j, j + 1, c, sn);
      }
      e[p - 2] = f;
    } else { iter = 0; p--; }
  }
  flush(qu); flush(qv); return 0;
}
typedef struct { double v; int64_t i; } entry;
static int descending(const void *a, const void *b) { double x = ((const entry *)a)->v, y = ((const entry *)b)->v; return x < y ? 1 : x > y ? -1 : 0; }
static int svd(const sn_call *c, int64_t b, int f64) {
  int64_t M = c->n[1], N = c->n[2], full = c->n[3], tr = M < N, m = tr ? N : M, n = tr ? M : N, mu = full ? m : n; size_t sz = f64 ? 8 : 4;
  const char *A0 = (const char *)c->p[0] + (size_t)(b * M * N) * sz; void *Sp = c->p[c->np > 3 ? 2 : 1]; int vectors = c->np > 3 && c->p[1] && c->p[3];
  int64_t uc = full ? M : n, vr = full ? N : n;       // columns of U, rows of Vt
  char *U0 = vectors ? (char *)c->p[1] + (size_t)(b * M * uc) * sz : 0, *S0 = (char *)Sp + (size_t)(b * n) * sz, *V0 = vectors ? (char *)c->p[3] + (size_t)(b * vr * N) * sz : 0;
#define PUT(p, i, x) (f64 ? (void)(((double *)(p))[i] = (x)) : (void)(((float *)(p))[i] = (float)(x)))
  if (!n) {                                           // no singular values: full factors are identities
    if (vectors && full) { for (int64_t i = 0; i < M * M; i++) PUT(U0, i, i % (M + 1) == 0); for (int64_t i = 0; i < N * N; i++) PUT(V0, i, i % (N + 1) == 0); }
    return 0;
  }
  int64_t cap = 32 * n + 64;
  double *A = malloc((size_t)(m * n + n * m + n * n + (vectors ? mu * m + n * n : 0) + 5 * n + 1) * sizeof(double)); entry *o = malloc((size_t)n * sizeof(entry)); bl_rot *r = vectors ? malloc((size_t)(2 * cap) * sizeof(bl_rot)) : 0;
  int code = BL_MEMORY;
  if (A && o && (r || !vectors)) {
    double *U = A + m * n, *V = U + n * m, *d = V + n * n, *e = d + n, *tu = e + n + 1, *tv = tu + n, *X = tv + n, *Y = X + mu * m; code = 0;
    for (int64_t i = 0; i < M; i++) for (int64_t j = 0; j < N; j++) { double x = f64 ? ((const double *)A0)[i * N + j] : (double)((const float *)A0)[i * N + j]; A[tr ? j * n + i : i * n + j] = x; }
    double mx = bl_max(A, m * n), scale = 1; int nan = mx - mx != 0;
    if (nan) { for (int64_t i = 0; i < n; i++) o[i] = (entry){NAN, i}; if (vectors) { for (int64_t i = 0; i < mu * m; i++) X[i] = NAN; for (int64_t i = 0; i < n * n; i++) Y[i] = NAN; } }
    else {
      if (mx > 0) { int ex; frexp(mx, &ex); scale = ldexp(1, ex < -1020 ? -1020 : ex); for (int64_t i = 0; i < m * n; i++) A[i] /= scale; }
      if (bidiagonal(A, m, n, U, tu, V, tv, d, e)) code = BL_MEMORY;
      if (!code && vectors) {
        memset(X, 0, (size_t)(mu * m) * sizeof(double)); for (int64_t i = 0; i < mu; i++) X[i * m + i] = 1;
        memset(Y, 0, (size_t)(n * n) * sizeof(double)); for (int64_t i = 0; i < n; i++) Y[i * n + i] = 1;
        if (bl_form_q(X, mu, m, U, n, 0, tu) || bl_form_q(Y, n, n, V, n - 1, 1, tv)) code = BL_MEMORY;
      }
      queue qu = {vectors ? X : 0, m, 0, cap, r}, qv = {vectors ? Y : 0, n, 0, cap, r ? r + cap : 0};
      e[n - 1] = 0; if (!code) code = iterate(d, e, n, &qu, &qv);
      if (!code) for (int64_t i = 0; i < n; i++) { if (d[i] < 0 || (d[i] == 0 && signbit(d[i]))) { d[i] = -d[i]; if (vectors) for (int64_t k = 0; k < n; k++) Y[i * n + k] = -Y[i * n + k]; } o[i] = (entry){d[i] * scale, i}; }
      if (!code) qsort(o, (size_t)n, sizeof(entry), descending);
    }
    if (!code) {
      for (int64_t i = 0; i < n; i++) PUT(S0, i, o[i].v);
      // A = X^T S Y, or its transpose: Y^T S X
      if (vectors) for (int64_t q = 0; q < mu; q++) { const double *x = X + (q < n ? o[q].i : q) * m; for (int64_t k = 0; k < m; k++) { if (tr) PUT(V0, q * N + k, x[k]); else PUT(U0, k * uc + q, x[k]); } }
      if (vectors) for (int64_t q = 0; q < n; q++) { const double *y = Y + o[q].i * n; for (int64_t k = 0; k < n; k++) { if (tr) PUT(U0, k * uc + q, y[k]); else PUT(V0, q * N + k, y[k]); } }
    }
  }
#undef PUT
  free(A); free(o); free(r); return code;
}
static int each32(const sn_call *c, int64_t b) { return svd(c, b, 0); }
static int each64(const sn_call *c, int64_t b) { return svd(c, b, 1); }
static double work(const sn_call *c) { return c->nn > 2 ? 10.0 * (double)c->n[1] * (double)c->n[2] * (double)(c->n[1] < c->n[2] ? c->n[1] : c->n[2]) : 0; }
int bl_svd_f32(sn_call *c) { return bl_batch(c, "svd", 2, 4, work(c), each32); }
int bl_svd_f64(sn_call *c) { return bl_batch(c, "svd", 2, 4, work(c), each64); }
