// lapack_iterate.c: what the spectral decompositions do in f64 whatever the type of the matrix: implicit QL and QR with the rotations
// collected and applied to many columns at a time, and the roots of the secular equation.
#include "lapack.h"
// Implicit QL on d, e; rotations go to the rows of X (ld long), unless it is null
int bl_ql(double *d, double *e, int64_t n, double *X, int64_t ld) {
  int64_t cap = 64 * n, nr = 0; bl_rot *r = X ? malloc((size_t)cap * sizeof(bl_rot)) : 0; if (X && !r) return BL_MEMORY;
  int code = 0; e[n - 1] = 0;
  double tiny = 1e-150; for (int64_t i = 0; i < n; i++) tiny = fmax(tiny, DBL_EPSILON / 16 * fmax(fabs(d[i]), fabs(e[i])));   // the reduction was no more exact
  for (int64_t l = 0; l < n && !code; l++) for (int iter = 0;; iter++) {
    int64_t m = l; for (; m < n - 1; m++) if (fabs(e[m]) <= DBL_EPSILON / 2 * (fabs(d[m]) + fabs(d[m + 1])) + tiny) break;
    if (m == l) break;
    if (iter == 200) { code = BL_DIVERGED; break; }
    if (X && nr + n > cap) { bl_rotate(X, ld, ld, r, nr); nr = 0; }
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
  if (X && !code) bl_rotate(X, ld, ld, r, nr);
  free(r); return code;
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
int bl_bidiagonal_qr(double *s, double *e, int64_t n, double *X, double *Y, int64_t ld) {
  int64_t cap = 32 * n + 64; bl_rot *r = X ? malloc((size_t)(2 * cap) * sizeof(bl_rot)) : 0; if (X && !r) return BL_MEMORY;
  queue qu = {X, ld, 0, cap, r}, qv = {Y, ld, 0, cap, r ? r + cap : 0}; e[n - 1] = 0;
  int code = iterate(s, e, n, &qu, &qv);
  for (int64_t i = 0; i < n && !code; i++) if (signbit(s[i])) { s[i] = -s[i]; if (Y) for (int64_t k = 0; k < ld; k++) Y[i * ld + k] = -Y[i * ld + k]; }
  free(r); return code;
}
double bl_secular_root(const double *d, const double *z, int64_t n, int64_t i, double *g) {
  const bl_kernels *k = bl_isa(); const double eps = DBL_EPSILON;
  int last = i == n - 1; int64_t l = last ? n - 2 : i, p = i;                       // the poles next to the root, or the last two
  double lo = 0, hi = 0, x, s0 = 0, s1 = 0, t0 = 0, t1 = 0, f, total = 0;
  if (last) for (int64_t j = 0; j < n; j++) total += z[j] * z[j];
  if (n == 1) { g[0] = -total; return sqrt(d[0] * d[0] + total); }
  for (int from = 0; from < 2; from++) {              // measured from the nearer pole p: x = sigma^2 - d_p^2
    double gap = last ? total : (d[i + 1] - d[i]) * (d[i + 1] + d[i]);
    for (int64_t j = 0; j < n; j++) g[j] = (d[j] - d[p]) * (d[j] + d[p]);
    lo = p > i ? -gap / 2 : 0; hi = p > i ? 0 : last ? gap * (1 + 8 * eps) : gap / 2; x = p > i ? lo : gap / 2;
    k->secular(z, g, l + 1, x, &s0, &s1); k->secular(z + l + 1, g + l + 1, n - l - 1, x, &t0, &t1);
    f = 1 + s0 + t0; if (last || p > i || f >= 0) break;
    p = i + 1;
  }
  // the first guess: the two poles and what the others give here
  double a = g[l], b = g[l + 1], za = z[l] * z[l], zb = z[l + 1] * z[l + 1], c = f - za / (a - x) - zb / (b - x), q = c * (a + b) + za + zb, r = c * a * b + za * b + zb * a;
  for (int iter = 0; iter < 80; iter++) {
    double disc = sqrt(fabs(q * q - 4 * c * r)), y;   // c y^2 - q y + r = 0: the smaller root, for the last pole the larger
    if (last) y = q >= 0 ? (q + disc) / (2 * c) : 2 * r / (q - disc); else y = q <= 0 ? (q - disc) / (2 * c) : 2 * r / (q + disc);
    if (iter) {
      if (!(f * y < 0)) y = -f / (s1 + t1);
      if (fabs(y) <= eps * fabs(x)) break;
      y += x;
    }
    if (!(y > lo && y < hi)) { y = lo == 0 ? hi / 8 : hi == 0 ? lo / 8 : (lo + hi) / 2; if (!(y > lo && y < hi)) break; }
    x = y;
    k->secular(z, g, l + 1, x, &s0, &s1); k->secular(z + l + 1, g + l + 1, n - l - 1, x, &t0, &t1);
    f = 1 + s0 + t0; if (fabs(f) <= 2 * eps * (1 + fabs(s0) + fabs(t0))) break;
    if (f < 0) lo = x; else hi = x;
    double u = g[l] - x, v = g[l + 1] - x;            // Li's "middle way"
    c = f - u * s1 - v * t1; q = (u + v) * f - u * v * (s1 + t1); r = u * v * f;
  }
  for (int64_t j = 0; j < n; j++) g[j] -= x;
  return d[p] + x / (d[p] + sqrt(d[p] * d[p] + x));
}
