// standin_blas.c: stands for a vendor's BLAS and LAPACK in the test of how one is opened and called. Every routine is the plainest loop, in
// complex double whatever it is called with, and counts its calls. Compiled with -DNEW: under the names that end in $NEWLAPACK, beside
// old ones that spoil their results; with -DWIDE: with 64-bit integers.
#include <complex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef WIDE
typedef int64_t integer;
#else
typedef int32_t integer;
#endif
typedef double _Complex cd;
#define EXPORT __attribute__((visibility("default")))
#ifdef NEW
#define FORTRAN(name) __asm__(name "$NEWLAPACK")
#define CBLAS(name) __asm__(name "$NEWLAPACK")
#else
#define FORTRAN(name) __asm__(name "_")
#define CBLAS(name) __asm__(name)
#endif
static unsigned calls[8];
EXPORT unsigned standin_calls(unsigned which) { return calls[which]; }
enum { GEMM, LU, CHOLESKY, SOLVE, QR, EIGH, SVD, SPOILED };
enum { S, D, C };
static cd get(const void *p, int64_t i, int t) { return t == S ? (double)((const float *)p)[i] : t == D ? ((const double *)p)[i] : (cd)((const float _Complex *)p)[i]; }
static void put(void *p, int64_t i, cd x, int t) { if (t == S) ((float *)p)[i] = (float)creal(x); else if (t == D) ((double *)p)[i] = creal(x); else ((float _Complex *)p)[i] = (float _Complex)x; }
static cd *load(const void *p, int64_t rows, int64_t cols, int64_t ld, int t) {
  cd *a = malloc((size_t)(rows * cols + 1) * sizeof(cd));
  for (int64_t j = 0; j < cols; j++) for (int64_t i = 0; i < rows; i++) a[j * rows + i] = get(p, j * ld + i, t);
  return a;
}
static void store(void *p, const cd *a, int64_t rows, int64_t cols, int64_t ld, int t) { for (int64_t j = 0; j < cols; j++) for (int64_t i = 0; i < rows; i++) put(p, j * ld + i, a[j * rows + i], t); }
static void gemm(int ta, int tb, integer m, integer n, integer k, cd alpha, const void *a, integer lda, const void *b, integer ldb, cd beta, void *c, integer ldc, int t) {
  calls[GEMM]++;
  for (int64_t i = 0; i < m; i++) for (int64_t j = 0; j < n; j++) {
    cd s = 0;
    for (int64_t p = 0; p < k; p++) s += get(a, ta == 112 ? p * lda + i : i * lda + p, t) * get(b, tb == 112 ? j * ldb + p : p * ldb + j, t);
    put(c, i * ldc + j, alpha * s + (beta != 0 ? beta * get(c, i * ldc + j, t) : 0), t);
  }
}
static void lu_of(cd *a, int64_t m, int64_t n, integer *pivots, integer *info) {
  for (int64_t j = 0; j < (m < n ? m : n); j++) {
    int64_t p = j;
    for (int64_t i = j; i < m; i++) if (cabs(a[j * m + i]) > cabs(a[j * m + p])) p = i;
    pivots[j] = (integer)p + 1;
    for (int64_t k = 0; k < n; k++) { cd x = a[k * m + j]; a[k * m + j] = a[k * m + p]; a[k * m + p] = x; }
    if (a[j * m + j] == 0) { if (!*info) *info = (integer)j + 1; continue; }
    for (int64_t i = j + 1; i < m; i++) { a[j * m + i] /= a[j * m + j]; for (int64_t k = j + 1; k < n; k++) a[k * m + i] -= a[j * m + i] * a[k * m + j]; }
  }
}
static void solve_lu(const cd *a, int64_t n, const integer *pivots, cd *b, int64_t r) {
  for (int64_t c = 0; c < r; c++) {
    cd *x = b + c * n;
    for (int64_t i = 0; i < n; i++) { int64_t p = pivots[i] - 1; cd y = x[i]; x[i] = x[p]; x[p] = y; }
    for (int64_t i = 0; i < n; i++) for (int64_t k = 0; k < i; k++) x[i] -= a[k * n + i] * x[k];
    for (int64_t i = n; i-- > 0;) { for (int64_t k = i + 1; k < n; k++) x[i] -= a[k * n + i] * x[k]; x[i] /= a[i * n + i]; }
  }
}
static void getrf(integer *m, integer *n, void *a, integer *lda, integer *pivots, integer *info, int t) {
  calls[LU]++; *info = 0;
  cd *x = load(a, *m, *n, *lda, t); lu_of(x, *m, *n, pivots, info); store(a, x, *m, *n, *lda, t); free(x);
}
static void getri(integer *n, void *a, integer *lda, integer *pivots, void *work, integer *room, integer *info, int t) {
  *info = 0;
  if (*room == -1) { put(work, 0, *n, t); return; }
  cd *x = load(a, *n, *n, *lda, t), *y = calloc((size_t)(*n * *n), sizeof(cd));
  for (int64_t i = 0; i < *n; i++) y[i * (*n + 1)] = 1;
  solve_lu(x, *n, pivots, y, *n); store(a, y, *n, *n, *lda, t); free(x); free(y);
}
static void gesv(integer *n, integer *r, void *a, integer *lda, integer *pivots, void *b, integer *ldb, integer *info, int t) {
  calls[SOLVE]++; *info = 0;
  cd *x = load(a, *n, *n, *lda, t), *y = load(b, *n, *r, *ldb, t);
  lu_of(x, *n, *n, pivots, info);
  if (!*info) { solve_lu(x, *n, pivots, y, *r); store(b, y, *n, *r, *ldb, t); }
  free(x); free(y);
}
static void potrf(const char *uplo, integer *n, void *a, integer *lda, integer *info, size_t length, int t) {
  calls[CHOLESKY]++; *info = length == 1 ? 0 : -1;
  for (int64_t j = 0; j < *n && !*info; j++) for (int64_t i = j; i < *n && !*info; i++) {
    // Element (i, j) of the lower factor, where it stands.
#define AT(i, j) (*uplo == 'L' ? (j) * *lda + (i) : (i) * *lda + (j))
    cd s = get(a, AT(i, j), t);
    for (int64_t k = 0; k < j; k++) s -= get(a, AT(i, k), t) * get(a, AT(j, k), t);
    if (i == j && !(creal(s) > 0)) { *info = (integer)j + 1; break; }
    put(a, AT(i, j), i == j ? csqrt(s) : s / get(a, AT(j, j), t), t);
#undef AT
  }
}
// X A = alpha B for a triangular A on the right.
static void trsm(const char *side, const char *uplo, const char *trans, const char *diag, integer *m, integer *n, void *alpha, const void *a, integer *lda, void *b, integer *ldb, size_t l1, size_t l2, size_t l3, size_t l4, int t) {
  calls[SOLVE]++;
  if (*side != 'R' || *trans != 'N' || *diag != 'N' || get(alpha, 0, t) != 1 || l1 + l2 + l3 + l4 != 4) abort();
  for (int64_t s = 0; s < *n; s++) {
    const int64_t j = *uplo == 'U' ? s : *n - 1 - s;
    for (int64_t i = 0; i < *m; i++) {
      cd x = get(b, j * *ldb + i, t);
      for (int64_t k = *uplo == 'U' ? 0 : j + 1; k < (*uplo == 'U' ? j : *n); k++) x -= get(b, k * *ldb + i, t) * get(a, j * *lda + k, t);
      put(b, j * *ldb + i, x / get(a, j * *lda + j, t), t);
    }
  }
}
static void geqrf(integer *m, integer *n, void *a, integer *lda, void *tau, void *work, integer *room, integer *info, int t) {
  *info = 0;
  if (*room == -1) { put(work, 0, *n, t); return; }
  calls[QR]++;
  cd *x = load(a, *m, *n, *lda, t); const int64_t M = *m, N = *n;
  for (int64_t j = 0; j < (M < N ? M : N); j++) {
    double norm = 0;
    for (int64_t i = j; i < M; i++) norm += creal(x[j * M + i]) * creal(x[j * M + i]);
    double head = creal(x[j * M + j]), beta = head > 0 ? -__builtin_sqrt(norm) : __builtin_sqrt(norm), h = beta == 0 ? 0 : (beta - head) / beta;
    put(tau, j, h, t);
    if (h == 0) continue;
    for (int64_t i = j + 1; i < M; i++) x[j * M + i] /= head - beta;
    x[j * M + j] = 1;
    for (int64_t k = j + 1; k < N; k++) { cd s = 0; for (int64_t i = j; i < M; i++) s += x[j * M + i] * x[k * M + i]; for (int64_t i = j; i < M; i++) x[k * M + i] -= h * s * x[j * M + i]; }
    x[j * M + j] = beta;
  }
  store(a, x, M, N, *lda, t); free(x);
}
static void orgqr(integer *m, integer *n, integer *k, void *a, integer *lda, void *tau, void *work, integer *room, integer *info, int t) {
  *info = 0;
  if (*room == -1) { put(work, 0, *n, t); return; }
  cd *x = load(a, *m, *n, *lda, t), *q = calloc((size_t)(*m * *n), sizeof(cd)); const int64_t M = *m;
  for (int64_t j = 0; j < *n; j++) q[j * M + j] = 1;
  for (int64_t j = *k; j-- > 0;) for (int64_t c = 0; c < *n; c++) {
    cd s = q[c * M + j]; for (int64_t i = j + 1; i < M; i++) s += x[j * M + i] * q[c * M + i];
    s *= get(tau, j, t); q[c * M + j] -= s; for (int64_t i = j + 1; i < M; i++) q[c * M + i] -= s * x[j * M + i];
  }
  store(a, q, M, *n, *lda, t); free(x); free(q);
}
// Columns of A (m x n) are made orthogonal by rotations of pairs (Hestenes), which act on the columns of V (n x n) too.
static void jacobi(cd *a, int64_t m, int64_t n, cd *v) {
  for (int sweep = 0, turned = 1; turned && sweep < 60; sweep++) {
    turned = 0;
    for (int64_t p = 0; p < n - 1; p++) for (int64_t q = p + 1; q < n; q++) {
      double al = 0, be = 0; cd g = 0;
      for (int64_t i = 0; i < m; i++) { cd x = a[p * m + i], y = a[q * m + i]; al += creal(x * conj(x)); be += creal(y * conj(y)); g += conj(x) * y; }
      double r = cabs(g); if (r <= 1e-15 * __builtin_sqrt(al * be)) continue;
      turned = 1; double z = (be - al) / (2 * r), s = (z > 0 ? 1 : -1) / (__builtin_fabs(z) + __builtin_sqrt(1 + z * z)), c = 1 / __builtin_sqrt(1 + s * s); s *= c;
      for (int w = 0; w < 2; w++) { int64_t k = w ? n : m; cd *x = (w ? v : a) + p * k, *y = (w ? v : a) + q * k; for (int64_t i = 0; i < k; i++) { cd u = x[i], t = y[i] * conj(g) / r; x[i] = c * u - s * t; y[i] = s * u + c * t; } }
    }
  }
}
static double norm_of(const cd *x, int64_t n) { double s = 0; for (int64_t i = 0; i < n; i++) s += creal(x[i] * conj(x[i])); return __builtin_sqrt(s); }
static cd *identity(int64_t n) { cd *v = calloc((size_t)(n * n), sizeof(cd)); for (int64_t i = 0; i < n; i++) v[i * (n + 1)] = 1; return v; }
static int64_t *order_of(const double *w, int64_t n, int up) {
  int64_t *o = malloc((size_t)(n + 1) * sizeof *o);
  for (int64_t i = 0; i < n; i++) { int64_t k = i; for (; k > 0 && (up ? w[o[k - 1]] > w[i] : w[o[k - 1]] < w[i]); k--) o[k] = o[k - 1]; o[k] = i; }
  return o;
}
// H shifted to be positive definite has its eigenvectors as singular ones.
static void eigh(const char *job, const char *uplo, int64_t n, void *a, int64_t lda, void *w, int t) {
  calls[EIGH]++;
  cd *h = malloc((size_t)(n * n) * sizeof(cd)), *v = identity(n); double *values = malloc((size_t)n * sizeof(double)), shift = 1;
  for (int64_t j = 0; j < n; j++) for (int64_t i = 0; i <= j; i++) { cd x = *uplo == 'U' ? get(a, j * lda + i, t) : conj(get(a, i * lda + j, t)); h[j * n + i] = x; h[i * n + j] = conj(x); if (i == j) h[j * n + j] = creal(x); }
  shift += norm_of(h, n * n);
  for (int64_t i = 0; i < n; i++) h[i * (n + 1)] += shift;
  jacobi(h, n, n, v);
  for (int64_t i = 0; i < n; i++) values[i] = norm_of(h + i * n, n) - shift;
  int64_t *o = order_of(values, n, 1);
  for (int64_t i = 0; i < n; i++) { put(w, i, values[o[i]], t == D ? D : S); for (int64_t k = 0; *job == 'V' && k < n; k++) put(a, i * lda + k, v[o[i] * n + k], t); }
  free(h); free(v); free(values); free(o);
}
static void gesdd(const char *job, int64_t m, int64_t n, const void *a, int64_t lda, void *s, void *u, int64_t ldu, void *vt, int64_t ldvt, int t) {
  calls[SVD]++;
  // Of the conjugate transpose where that is tall.
  const int wide = m < n; const int64_t M = wide ? n : m, k = wide ? m : n;
  cd *x = load(a, m, n, lda, t);
  if (wide) { cd *y = malloc((size_t)(M * k) * sizeof(cd)); for (int64_t j = 0; j < k; j++) for (int64_t i = 0; i < M; i++) y[j * M + i] = conj(x[i * m + j]); free(x); x = y; }
  cd *v = identity(k), *left = calloc((size_t)(M * M), sizeof(cd)); double *values = malloc((size_t)k * sizeof(double));
  jacobi(x, M, k, v);
  for (int64_t i = 0; i < k; i++) values[i] = norm_of(x + i * M, M);
  int64_t *o = order_of(values, k, 0);
  for (int64_t i = 0; i < k; i++) { put(s, i, values[o[i]], t == D ? D : S); for (int64_t r = 0; r < M; r++) left[i * M + r] = x[o[i] * M + r] / values[o[i]]; }
  for (int64_t i = k, e = 0; i < M && *job == 'A'; e++) {   // a basis of the rest
    cd *c = left + i * M; memset(c, 0, (size_t)M * sizeof(cd)); c[e] = 1;
    for (int pass = 0; pass < 2; pass++) for (int64_t p = 0; p < i; p++) { cd d = 0; for (int64_t r = 0; r < M; r++) d += conj(left[p * M + r]) * c[r]; for (int64_t r = 0; r < M; r++) c[r] -= d * left[p * M + r]; }
    double length = norm_of(c, M); if (length < 1e-2) continue;
    for (int64_t r = 0; r < M; r++) c[r] /= length;
    i++;
  }
  const int64_t cols = *job == 'A' ? M : k;
  for (int64_t i = 0; i < cols && *job != 'N'; i++) for (int64_t r = 0; r < M; r++) { if (wide) put(vt, r * ldvt + i, conj(left[i * M + r]), t); else put(u, i * ldu + r, left[i * M + r], t); }
  for (int64_t i = 0; i < k && *job != 'N'; i++) for (int64_t r = 0; r < k; r++) { if (wide) put(u, i * ldu + r, v[o[i] * k + r], t); else put(vt, r * ldvt + i, conj(v[o[i] * k + r]), t); }
  free(x); free(v); free(left); free(values); free(o);
}
#define REAL(s, T, t) \
  EXPORT void cblas_##s(int order, int ta, int tb, integer m, integer n, integer k, T alpha, const T *a, integer lda, const T *b, integer ldb, T beta, T *c, integer ldc) CBLAS("cblas_" #s "gemm"); \
  void cblas_##s(int order, int ta, int tb, integer m, integer n, integer k, T alpha, const T *a, integer lda, const T *b, integer ldb, T beta, T *c, integer ldc) { (void)order; gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, t); } \
  EXPORT void s##getrf_(integer *m, integer *n, void *a, integer *lda, integer *p, integer *info) FORTRAN(#s "getrf"); \
  void s##getrf_(integer *m, integer *n, void *a, integer *lda, integer *p, integer *info) { getrf(m, n, a, lda, p, info, t); } \
  EXPORT void s##getri_(integer *n, void *a, integer *lda, integer *p, void *work, integer *room, integer *info) FORTRAN(#s "getri"); \
  void s##getri_(integer *n, void *a, integer *lda, integer *p, void *work, integer *room, integer *info) { getri(n, a, lda, p, work, room, info, t); } \
  EXPORT void s##gesv_(integer *n, integer *r, void *a, integer *lda, integer *p, void *b, integer *ldb, integer *info) FORTRAN(#s "gesv"); \
  void s##gesv_(integer *n, integer *r, void *a, integer *lda, integer *p, void *b, integer *ldb, integer *info) { gesv(n, r, a, lda, p, b, ldb, info, t); } \
  EXPORT void s##potrf_(const char *uplo, integer *n, void *a, integer *lda, integer *info, size_t l) FORTRAN(#s "potrf"); \
  void s##potrf_(const char *uplo, integer *n, void *a, integer *lda, integer *info, size_t l) { potrf(uplo, n, a, lda, info, l, t); } \
  EXPORT void s##trsm_(const char *side, const char *uplo, const char *trans, const char *diag, integer *m, integer *n, void *alpha, const void *a, integer *lda, void *b, integer *ldb, size_t l1, size_t l2, size_t l3, size_t l4) FORTRAN(#s "trsm"); \
  void s##trsm_(const char *side, const char *uplo, const char *trans, const char *diag, integer *m, integer *n, void *alpha, const void *a, integer *lda, void *b, integer *ldb, size_t l1, size_t l2, size_t l3, size_t l4) { trsm(side, uplo, trans, diag, m, n, alpha, a, lda, b, ldb, l1, l2, l3, l4, t); } \
  EXPORT void s##geqrf_(integer *m, integer *n, void *a, integer *lda, void *tau, void *work, integer *room, integer *info) FORTRAN(#s "geqrf"); \
  void s##geqrf_(integer *m, integer *n, void *a, integer *lda, void *tau, void *work, integer *room, integer *info) { geqrf(m, n, a, lda, tau, work, room, info, t); } \
  EXPORT void s##orgqr_(integer *m, integer *n, integer *k, void *a, integer *lda, void *tau, void *work, integer *room, integer *info) FORTRAN(#s "orgqr"); \
  void s##orgqr_(integer *m, integer *n, integer *k, void *a, integer *lda, void *tau, void *work, integer *room, integer *info) { orgqr(m, n, k, a, lda, tau, work, room, info, t); } \
  EXPORT void s##syevd_(const char *job, const char *uplo, integer *n, void *a, integer *lda, void *w, void *work, integer *room, integer *whole, integer *whole_room, integer *info, size_t l1, size_t l2) FORTRAN(#s "syevd"); \
  void s##syevd_(const char *job, const char *uplo, integer *n, void *a, integer *lda, void *w, void *work, integer *room, integer *whole, integer *whole_room, integer *info, size_t l1, size_t l2) { \
    *info = l1 == 1 && l2 == 1 ? 0 : -1; if (*room == -1 || *whole_room == -1) { put(work, 0, *n, t); *whole = 3; return; } eigh(job, uplo, *n, a, *lda, w, t); } \
  EXPORT void s##gesdd_(const char *job, integer *m, integer *n, void *a, integer *lda, void *w, void *u, integer *ldu, void *vt, integer *ldvt, void *work, integer *room, integer *whole, integer *info, size_t l) FORTRAN(#s "gesdd"); \
  void s##gesdd_(const char *job, integer *m, integer *n, void *a, integer *lda, void *w, void *u, integer *ldu, void *vt, integer *ldvt, void *work, integer *room, integer *whole, integer *info, size_t l) { \
    (void)whole; *info = l == 1 ? 0 : -1; if (*room == -1) { put(work, 0, *n, t); return; } gesdd(job, *m, *n, a, *lda, w, u, *ldu, vt, *ldvt, t); }
REAL(s, float, S)
REAL(d, double, D)
EXPORT void cblas_c(int order, int ta, int tb, integer m, integer n, integer k, const void *alpha, const void *a, integer lda, const void *b, integer ldb, const void *beta, void *c, integer ldc) CBLAS("cblas_cgemm");
void cblas_c(int order, int ta, int tb, integer m, integer n, integer k, const void *alpha, const void *a, integer lda, const void *b, integer ldb, const void *beta, void *c, integer ldc) { (void)order; gemm(ta, tb, m, n, k, get(alpha, 0, C), a, lda, b, ldb, get(beta, 0, C), c, ldc, C); }
EXPORT void cheevd_(const char *job, const char *uplo, integer *n, void *a, integer *lda, void *w, void *work, integer *room, float *reals, integer *real_room, integer *whole, integer *whole_room, integer *info, size_t l1, size_t l2) FORTRAN("cheevd");
void cheevd_(const char *job, const char *uplo, integer *n, void *a, integer *lda, void *w, void *work, integer *room, float *reals, integer *real_room, integer *whole, integer *whole_room, integer *info, size_t l1, size_t l2) {
  (void)real_room; *info = l1 == 1 && l2 == 1 ? 0 : -1; if (*room == -1 || *whole_room == -1) { put(work, 0, *n, C); *reals = 5; *whole = 3; return; } eigh(job, uplo, *n, a, *lda, w, C); }
EXPORT void cgesdd_(const char *job, integer *m, integer *n, void *a, integer *lda, void *w, void *u, integer *ldu, void *vt, integer *ldvt, void *work, integer *room, float *reals, integer *whole, integer *info, size_t l) FORTRAN("cgesdd");
void cgesdd_(const char *job, integer *m, integer *n, void *a, integer *lda, void *w, void *u, integer *ldu, void *vt, integer *ldvt, void *work, integer *room, float *reals, integer *whole, integer *info, size_t l) {
  (void)whole; (void)reals; *info = l == 1 ? 0 : -1; if (*room == -1) { put(work, 0, *n, C); return; } gesdd(job, *m, *n, a, *lda, w, u, *ldu, vt, *ldvt, C); }
#ifdef NEW
// What Accelerate has under the old names must not be taken.
EXPORT void cblas_sgemm(void) { calls[SPOILED]++; }
EXPORT void cblas_dgemm(void) { calls[SPOILED]++; }
EXPORT void sgetrf_old(void) __asm__("sgetrf_");
void sgetrf_old(void) { calls[SPOILED]++; }
EXPORT void sgesv_old(void) __asm__("sgesv_");
void sgesv_old(void) { calls[SPOILED]++; }
EXPORT void ssyevd_old(void) __asm__("ssyevd_");
void ssyevd_old(void) { calls[SPOILED]++; }
#endif
