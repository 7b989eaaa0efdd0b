// lapack_c64.c: complex singular vectors and Hermitian eigenvectors by one-sided Jacobi in complex128 (Hestenes): simple, and accurate
// far beyond complex64. A Hermitian matrix is shifted to be positive definite first, where both problems are the same.
#include "lapack.h"
#include <complex.h>
typedef double _Complex cd;
#define CX(re, im) __builtin_complex((double)(re), (double)(im))
static double norm2(const cd *x, int64_t n) { double s = 0; for (int64_t i = 0; i < n; i++) s += creal(x[i]) * creal(x[i]) + cimag(x[i]) * cimag(x[i]); return s; }
// Rows of at most this (squared) are rounding: zero, and not made orthogonal
static double nothing(const cd *A, int64_t n) { return 1e-28 * norm2(A, n); }
// Rows of A (k x m) are made orthogonal by rotations of pairs; the same rotations act on the rows of V (k x k). 0 = converged
static int jacobi(cd *A, int64_t k, int64_t m, cd *V, double none) {
  for (int sweep = 0; sweep < 60; sweep++) {
    int64_t turned = 0;
    for (int64_t p = 0; p < k - 1; p++) for (int64_t q = p + 1; q < k; q++) {
      double *a = (double *)(A + p * m), *b = (double *)(A + q * m), al = 0, be = 0, re = 0, im = 0;
      for (int64_t i = 0; i < 2 * m; i += 2) { al += a[i] * a[i] + a[i + 1] * a[i + 1]; be += b[i] * b[i] + b[i + 1] * b[i + 1]; re += a[i] * b[i] + a[i + 1] * b[i + 1]; im += a[i] * b[i + 1] - a[i + 1] * b[i]; }
      double g = sqrt(re * re + im * im); if (g <= 1e-15 * sqrt(al * be) || al <= none || be <= none) continue;
      turned++; double z = (be - al) / (2 * g), t = copysign(1, z) / (fabs(z) + sqrt(1 + z * z)), c = 1 / sqrt(1 + t * t), s = c * t, er = re / g, ei = -im / g;
      for (int w = 0; w < 2; w++) {                   // b := e b, then the rotation
        double *x = w ? (double *)(V + p * k) : a, *y = w ? (double *)(V + q * k) : b; int64_t n = w ? k : m;
        for (int64_t i = 0; i < 2 * n; i += 2) { double ur = x[i], ui = x[i + 1], vr = er * y[i] - ei * y[i + 1], vi = er * y[i + 1] + ei * y[i]; x[i] = c * ur - s * vr; x[i + 1] = c * ui - s * vi; y[i] = s * ur + c * vr; y[i + 1] = s * ui + c * vi; }
      }
    }
    if (!turned) return 0;
  }
  return 1;
}
typedef struct { double v; int64_t i; } entry;
static int descending(const void *a, const void *b) { double x = ((const entry *)a)->v, y = ((const entry *)b)->v; return x < y ? 1 : x > y ? -1 : 0; }
static int ascending(const void *a, const void *b) { return descending(b, a); }
// Rows from `have` to `want` of U (length m) are filled with an orthonormal completion: unit vectors, projected twice
static void complete(cd *U, int64_t m, int64_t have, int64_t want) {
  for (int64_t e = 0; e < m && have < want; e++) {
    cd *u = U + have * m; memset(u, 0, (size_t)m * sizeof(cd)); u[e] = 1;
    for (int pass = 0; pass < 2; pass++) for (int64_t r = 0; r < have; r++) { const cd *w = U + r * m; cd s = 0; for (int64_t i = 0; i < m; i++) s += conj(w[i]) * u[i]; for (int64_t i = 0; i < m; i++) u[i] -= s * w[i]; }
    double l = sqrt(norm2(u, m)); if (l * sqrt((double)m) < 0.5) continue;
    for (int64_t i = 0; i < m; i++) u[i] /= l; have++;
  }
}
static int svd_each(const sn_call *c, int64_t b) {
  int64_t M = c->n[1], N = c->n[2], full = c->n[3], tr = M < N, m = tr ? N : M, k = tr ? M : N, mu = full ? m : k, uc = full ? M : k, vr = full ? N : k; int vectors = c->np > 3 && c->p[2] && c->p[3];
  const float *A0 = (const float *)c->p[0] + 2 * b * M * N; float *S0 = (float *)c->p[1] + b * k, *U0 = vectors ? (float *)c->p[2] + 2 * b * M * uc : 0, *V0 = vectors ? (float *)c->p[3] + 2 * b * vr * N : 0;
  cd *A = malloc((size_t)(k * m + k * k + mu * m + 1) * sizeof(cd)), *V = A + k * m, *U = V + k * k; entry *o = malloc((size_t)(k + 1) * sizeof(entry)); int code = BL_MEMORY;
  if (A && o) {
    code = 0; double mx = 0;
    // rows of A: the columns of the input, or of its conjugate transpose
    for (int64_t i = 0; i < M; i++) for (int64_t j = 0; j < N; j++) { double re = A0[2 * (i * N + j)], im = A0[2 * (i * N + j) + 1]; if (!(fabs(re) + fabs(im) <= mx)) mx = fabs(re) + fabs(im); if (tr) A[i * m + j] = CX(re, -im); else A[j * m + i] = CX(re, im); }
    memset(V, 0, (size_t)(k * k) * sizeof(cd)); for (int64_t i = 0; i < k; i++) V[i * k + i] = 1;
    if (mx - mx != 0) { for (int64_t i = 0; i < k; i++) o[i] = (entry){NAN, i}; for (int64_t i = 0; i < mu * m; i++) U[i] = CX(NAN, NAN); for (int64_t i = 0; i < k * k; i++) V[i] = CX(NAN, NAN); }
    else {
      const double none = nothing(A, k * m); if (jacobi(A, k, m, V, none)) code = BL_DIVERGED;
      for (int64_t i = 0; i < k; i++) o[i] = (entry){sqrt(norm2(A + i * m, m)), i};
      qsort(o, (size_t)k, sizeof(entry), descending);
      int64_t rank = 0; while (rank < k && o[rank].v * o[rank].v > none) rank++;
      if (vectors) { for (int64_t q = 0; q < rank; q++) for (int64_t i = 0; i < m; i++) U[q * m + i] = A[o[q].i * m + i] / o[q].v; complete(U, m, rank, mu); }
    }
    if (!code) for (int64_t i = 0; i < k; i++) S0[i] = (float)o[i].v;
    if (!code && vectors) {                           // X = U^T S conj(V) for X = the input (m >= n) or its conjugate transpose
      for (int64_t q = 0; q < mu; q++) for (int64_t i = 0; i < m; i++) { cd x = U[q * m + i]; float *p = tr ? V0 + 2 * (q * N + i) : U0 + 2 * (i * uc + q); p[0] = (float)creal(x); p[1] = (float)(tr ? -cimag(x) : cimag(x)); }
      for (int64_t q = 0; q < k; q++) for (int64_t i = 0; i < k; i++) { cd x = V[o[q].i * k + i]; float *p = tr ? U0 + 2 * (i * uc + q) : V0 + 2 * (q * N + i); p[0] = (float)creal(x); p[1] = (float)(tr ? cimag(x) : -cimag(x)); }
    }
  }
  free(A); free(o); return code;
}
static int eigh_each(const sn_call *c, int64_t b) {
  int64_t n = c->n[1], lower = c->n[2]; const float *A0 = (const float *)c->p[0] + 2 * b * n * n; float *W = (float *)c->p[1] + b * n, *V0 = c->np > 2 && c->p[2] ? (float *)c->p[2] + 2 * b * n * n : 0; if (!n) return 0;
  cd *H = malloc((size_t)(3 * n * n) * sizeof(cd)), *A = H + n * n, *V = A + n * n; entry *o = malloc((size_t)n * sizeof(entry)); int code = BL_MEMORY;
  if (H && o) {
    for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j <= i; j++) { int64_t q = lower ? i * n + j : j * n + i; cd x = CX(A0[2 * q], i == j ? 0 : lower ? A0[2 * q + 1] : -A0[2 * q + 1]); H[i * n + j] = x; H[j * n + i] = conj(x); }
    double shift = 1.01 * sqrt(norm2(H, n * n)); code = 0;
    memset(V, 0, (size_t)(n * n) * sizeof(cd)); for (int64_t i = 0; i < n; i++) V[i * n + i] = 1;
    for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j < n; j++) A[j * n + i] = H[i * n + j] + (i == j ? shift : 0);
    if (shift - shift != 0) { for (int64_t i = 0; i < n; i++) o[i] = (entry){NAN, i}; for (int64_t i = 0; i < n * n; i++) V[i] = CX(NAN, NAN); }
    else {
      if (jacobi(A, n, n, V, nothing(A, n * n))) code = BL_DIVERGED;
      for (int64_t q = 0; q < n; q++) {               // Rayleigh quotient; eigenvector q is row q of V
        double w = 0; const cd *v = V + q * n; for (int64_t i = 0; i < n; i++) { cd s = 0; for (int64_t j = 0; j < n; j++) s += H[i * n + j] * v[j]; w += creal(conj(v[i]) * s); }
        o[q] = (entry){w, q};
      }
      qsort(o, (size_t)n, sizeof(entry), ascending);
    }
    if (!code) for (int64_t q = 0; q < n; q++) { W[q] = (float)o[q].v; if (V0) for (int64_t i = 0; i < n; i++) { cd x = V[o[q].i * n + i]; V0[2 * (i * n + q)] = (float)creal(x); V0[2 * (i * n + q) + 1] = (float)cimag(x); } }
  }
  free(H); free(o); return code;
}
static double cube(const sn_call *c) { return 200.0 * (double)c->n[1] * (double)c->n[1] * (double)c->n[1]; }
int bl_svd_c64(sn_call *c) { return bl_batch(c, "svd", BL_C64, cube(c), svd_each); }
int bl_eigh_c64(sn_call *c) { return bl_batch(c, "eigh", BL_C64, cube(c), eigh_each); }
