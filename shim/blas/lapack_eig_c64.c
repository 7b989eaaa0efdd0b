// lapack_eig_c64.c: eigenvalues and vectors of general complex matrices, in complex128: Householder's Hessenberg form, then QR with
// Wilkinson's shifts and back substitution (EISPACK's comqr2). Vectors are scaled as those of real matrices.
#include "lapack.h"
#include <complex.h>
#pragma STDC CX_LIMITED_RANGE ON
typedef double _Complex cd;
static double size(cd x) { return fabs(creal(x)) + fabs(cimag(x)); }
// Z holds the vectors as rows; it is the identity on entry, or null
static void hessenberg(cd *H, cd *Z, int64_t n, cd *v, cd *s) {
  const double tiny = bl_negligible(bl_max((double *)H, 2 * n * n));
  for (int64_t m = 1; m < n - 1; m++) {
    double l = 0, rest = 0; for (int64_t i = m; i < n; i++) { v[i] = H[i * n + m - 1]; double a = creal(v[i]) * creal(v[i]) + cimag(v[i]) * cimag(v[i]); l += a; if (i > m) rest += a; }
    if (rest <= tiny * tiny) { for (int64_t i = m + 1; i < n; i++) H[i * n + m - 1] = 0; continue; }
    double first = cabs(v[m]), norm = sqrt(l); const cd turn = first == 0 ? 1 : v[m] / first; v[m] += turn * norm;
    const double w = 1 / (l + first * norm);          // I - w v v^H sends the column to -turn norm
    memset(s, 0, (size_t)n * sizeof(cd));
    for (int64_t i = m; i < n; i++) for (int64_t j = m; j < n; j++) s[j] += conj(v[i]) * H[i * n + j];
    for (int64_t i = m; i < n; i++) for (int64_t j = m; j < n; j++) H[i * n + j] -= w * v[i] * s[j];
    for (int64_t i = 0; i < n; i++) { cd t = 0; for (int64_t j = m; j < n; j++) t += H[i * n + j] * v[j]; t *= w; for (int64_t j = m; j < n; j++) H[i * n + j] -= t * conj(v[j]); }
    H[m * n + m - 1] = -turn * norm; for (int64_t i = m + 1; i < n; i++) H[i * n + m - 1] = 0;
    if (!Z) continue;
    memset(s, 0, (size_t)n * sizeof(cd));
    for (int64_t j = m; j < n; j++) for (int64_t i = 0; i < n; i++) s[i] += Z[j * n + i] * v[j];
    for (int64_t j = m; j < n; j++) for (int64_t i = 0; i < n; i++) Z[j * n + i] -= w * s[i] * conj(v[j]);
  }
}
// Triangular form of H; without Z only the active rows and columns change
static int triangular(cd *H, cd *Z, int64_t n, cd *s, double *c) {
  int iter = 0; double norm = 0; for (int64_t i = 0; i < n * n; i++) norm = fmax(norm, size(H[i]));
  const double tiny = bl_negligible(norm);
  for (int64_t end = n - 1; end > 0;) {
    int64_t l = end;
    for (; l > 0; l--) { double t = size(H[(l - 1) * (n + 1)]) + size(H[l * (n + 1)]); if (size(H[l * n + l - 1]) <= DBL_EPSILON * t + tiny) { H[l * n + l - 1] = 0; break; } }
    if (l == end) { end--; iter = 0; continue; }
    if (++iter > 120) return BL_DIVERGED;
    const cd *e = H + end * n + end; cd shift = *e;
    if (iter % 10 == 0) shift += size(e[-1]);         // exceptional
    else { cd h = (e[-n - 1] - *e) / 2, p = e[-n] * e[-1], r = csqrt(h * h + p); if (creal(conj(h) * r) < 0) r = -r; if (h + r != 0) shift -= p / (h + r); }
    const int64_t right = Z ? n : end + 1, top = Z ? 0 : l;
    for (int64_t i = l; i <= end; i++) H[i * (n + 1)] -= shift;
    for (int64_t k = l; k < end; k++) {
      cd *x = H + k * n, *y = x + n; double a = cabs(x[k]), b = cabs(y[k]), t = sqrt(a * a + b * b);
      if (b == 0) { c[k] = 1; s[k] = 0; continue; }
      c[k] = a / t; s[k] = (a == 0 ? 1 : x[k] / a) * conj(y[k]) / t;
      for (int64_t j = k; j < right; j++) { cd u = x[j], v = y[j]; x[j] = c[k] * u + s[k] * v; y[j] = c[k] * v - conj(s[k]) * u; }
    }
    for (int64_t i = top; i <= end; i++) for (int64_t k = i - 1 > l ? i - 1 : l; k < end; k++) { cd *x = H + i * n + k, u = x[0], v = x[1]; x[0] = c[k] * u + conj(s[k]) * v; x[1] = c[k] * v - s[k] * u; }
    for (int64_t k = l; Z && k < end; k++) { cd *x = Z + k * n, *y = x + n; for (int64_t i = 0; i < n; i++) { cd u = x[i], v = y[i]; x[i] = c[k] * u + conj(s[k]) * v; y[i] = c[k] * v - s[k] * u; } }
    for (int64_t i = l; i <= end; i++) H[i * (n + 1)] += shift;
  }
  return 0;
}
static int eig(const sn_call *c, int64_t b) {
  int64_t n = c->n[1], nn = n * n; const float *A = (const float *)c->p[0] + 2 * b * nn; float *W = (float *)c->p[1] + 2 * b * n, *V = c->np > 2 && c->p[2] ? (float *)c->p[2] + 2 * b * nn : 0; if (!n) return 0;
  cd *H = malloc((size_t)(2 * nn + 2 * n) * sizeof(cd) + (size_t)n * sizeof(double)); if (!H) return BL_MEMORY;
  cd *Z = H + nn, *s = Z + nn, *x = s + n; double *turn = (double *)(x + n), *h = (double *)H, norm = 0;
  for (int64_t i = 0; i < 2 * nn; i++) h[i] = (double)A[i];
  double most = bl_max(h, 2 * nn), scale = 1;
  if (most - most != 0) { for (int64_t i = 0; i < 2 * n; i++) W[i] = NAN; for (int64_t i = 0; V && i < 2 * nn; i++) V[i] = NAN; free(H); return 0; }
  if (most > 0) { int ex; frexp(most, &ex); scale = ldexp(1, ex); for (int64_t i = 0; i < 2 * nn; i++) h[i] /= scale; }
  memset(Z, 0, (size_t)nn * sizeof(cd)); for (int64_t i = 0; i < n; i++) Z[i * (n + 1)] = 1;
  hessenberg(H, V ? Z : 0, n, s, x);
  int code = triangular(H, V ? Z : 0, n, s, turn);
  for (int64_t i = 0; i < n && !code; i++) { W[2 * i] = (float)(creal(H[i * (n + 1)]) * scale); W[2 * i + 1] = (float)(cimag(H[i * (n + 1)]) * scale); for (int64_t j = i; j < n; j++) norm = fmax(norm, size(H[i * n + j])); }
  if (norm == 0) norm = 1;
  for (int64_t q = 0; V && q < n && !code; q++) {     // the triangular matrix's vector, then Z times it
    memset(s, 0, (size_t)n * sizeof(cd)); s[q] = 1;
    for (int64_t i = q - 1; i >= 0; i--) {
      cd t = 0, d = H[i * (n + 1)] - H[q * (n + 1)]; for (int64_t j = i + 1; j <= q; j++) t += H[i * n + j] * s[j];
      if (size(d) <= DBL_EPSILON * norm) d = DBL_EPSILON * norm;
      s[i] = -t / d; double big = size(s[i]); if (big > 1e100) for (int64_t j = i; j <= q; j++) s[j] /= big;
    }
    memset(x, 0, (size_t)n * sizeof(cd));
    for (int64_t j = 0; j <= q; j++) for (int64_t i = 0; i < n; i++) x[i] += Z[j * n + i] * s[j];
    bl_put_eigenvector(V, n, q, (double *)x, (double *)x + 1, 2);
  }
  free(H); return code;
}
static double work(const sn_call *c) { return 80.0 * (double)c->n[1] * (double)c->n[1] * (double)c->n[1]; }
int bl_eig_c64(sn_call *c) { return bl_batch(c, "eig", BL_C64, work(c), eig); }
