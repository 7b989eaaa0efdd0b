// vendor_lapack.c: the decompositions by the vendor's LAPACK, for matrices that are large enough to gain by it. Fortran's conventions: columns lie
// together, all arguments are addresses, the lengths of texts come last. Our rows are its columns: where a matrix stands transposed it is used so.
#include "lapack.h"
#include <limits.h>
#include <pthread.h>
#define SMALL 64                                      // up to here our own are as fast, and compute float32 in float64
#define P void *
#define L size_t
// X(name, of f32, of f64, of c64, its arguments). Eigenvalues of general matrices are computed in double, as our own.
#define ROUTINES(X) \
  X(getrf, "sgetrf", "dgetrf", 0, (P, P, P, P, P, P)) \
  X(getri, "sgetri", "dgetri", 0, (P, P, P, P, P, P, P)) \
  X(gesv, "sgesv", "dgesv", 0, (P, P, P, P, P, P, P, P)) \
  X(potrf, "spotrf", "dpotrf", 0, (P, P, P, P, P, L)) \
  X(trsm, "strsm", "dtrsm", 0, (P, P, P, P, P, P, P, P, P, P, P, L, L, L, L)) \
  X(geqrf, "sgeqrf", "dgeqrf", 0, (P, P, P, P, P, P, P, P)) \
  X(orgqr, "sorgqr", "dorgqr", 0, (P, P, P, P, P, P, P, P, P)) \
  X(syevd, "ssyevd", "dsyevd", 0, (P, P, P, P, P, P, P, P, P, P, P, L, L)) \
  X(heevd, 0, 0, "cheevd", (P, P, P, P, P, P, P, P, P, P, P, P, P, L, L)) \
  X(gesdd, "sgesdd", "dgesdd", 0, (P, P, P, P, P, P, P, P, P, P, P, P, P, P, L)) \
  X(unitary_gesdd, 0, 0, "cgesdd", (P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, L)) \
  X(geev, "dgeev", "dgeev", 0, (P, P, P, P, P, P, P, P, P, P, P, P, P, P, L, L)) \
  X(complex_geev, 0, 0, "zgeev", (P, P, P, P, P, P, P, P, P, P, P, P, P, P, L, L))
enum {
#define X(name, s, d, c, args) F_##name,
  ROUTINES(X)
#undef X
  FUNCTIONS
};
static const char *const names[FUNCTIONS][3] = {
#define X(name, s, d, c, args) {s, d, c},
  ROUTINES(X)
#undef X
};
static void (*functions[FUNCTIONS][3])(void);
static int any;
#define X(name, s, d, c, args) typedef void (*name##_fn) args;
ROUTINES(X)
#undef X
#define CALL(name) ((name##_fn)functions[F_##name][type])
// Wide integers whose address serves narrow ones too. The code that a routine gives, and the pivots, are as wide as the library has them.
typedef int64_t integer;
static integer code_of(const integer *info) { return bl_vendor_wide() ? *info : *(const int32_t *)info; }
static uint32_t pivot(const integer *pivots, int64_t i) { return (uint32_t)(bl_vendor_wide() ? pivots[i] : ((const int32_t *)pivots)[i]) - 1; }
static size_t size_of(int type) { return type == BL_F32 ? 4 : 8; }
static size_t real_size_of(int type) { return type == BL_F64 ? 8 : 4; }
static int all_finite(const void *x, int64_t n, int type) {
  for (int64_t i = 0, e = type == BL_C64 ? 2 * n : n; i < e; i++) { const double v = type == BL_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i]; if (v - v != 0) return 0; }
  return 1;
}
// to (cols x rows) := from (rows x cols) transposed
static void turn(void *to, const void *from, int64_t rows, int64_t cols, size_t size) {
  for (int64_t i = 0; i < rows; i += 16) for (int64_t j = 0; j < cols; j++) for (int64_t k = i; k < rows && k < i + 16; k++)
    if (size == 4) ((uint32_t *)to)[j * rows + k] = ((const uint32_t *)from)[k * cols + j]; else ((uint64_t *)to)[j * rows + k] = ((const uint64_t *)from)[k * cols + j];
}
// Numbers of work space that a routine asked for, and some more, as a float counts them roughly.
static integer asked(double n) { return (integer)(n * 1.000001) + 8; }
static double first(const void *work, int type) { return type == BL_F64 ? *(const double *)work : (double)*(const float *)work; }
#define AT(i, elements) ((char *)c->p[i] + (size_t)(b * (elements)) * size)
#define COPY_OF(n) malloc((size_t)(n) * size + 64)
// A routine that asks for work space: `call` names work and room; its real numbers have `count` bytes.
#define WITH_WORK(count, call) do { \
  double answer[2] = {0}; void *work = answer; integer room = -1; \
  call; \
  if (code_of(&info)) break; \
  room = asked((count) == 4 ? (double)*(float *)answer : answer[0]); \
  if (!(work = malloc((size_t)room * (count) * (type == BL_C64 ? 2 : 1)))) { info = INT32_MAX; break; } \
  call; \
  free(work); \
} while (0)
static int outcome(integer info, int positive) { const integer i = code_of(&info); return i == INT32_MAX ? BL_MEMORY : i > 0 ? positive : i < 0 ? BL_REFUSED : BL_OK; }

static int lu(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer m = c->n[1], n = c->n[2], k = m < n ? m : n, info = 0; uint32_t *piv = (uint32_t *)c->p[2] + b * k, *perm = (uint32_t *)c->p[3] + b * m;
  void *A = COPY_OF(m * n); integer *pivots = malloc((size_t)k * sizeof *pivots);
  if (A && pivots) {
    turn(A, AT(0, m * n), m, n, size);
    CALL(getrf)(&m, &n, A, &m, pivots, &info);
    turn(AT(1, m * n), A, n, m, size);
    for (int64_t i = 0; i < m; i++) perm[i] = (uint32_t)i;
    for (int64_t i = 0; i < k; i++) { const uint32_t p = pivot(pivots, i), t = perm[i]; perm[i] = perm[p]; perm[p] = t; }
    for (int64_t i = 0; i < k; i++) piv[i] = pivot(pivots, i);
  } else info = INT32_MAX;
  free(A); free(pivots); return outcome(info, BL_OK);
}
static int solve(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer n = c->n[1], r = c->n[2], info = 0; if (!r) return BL_OK;
  void *A = COPY_OF(n * n), *B = COPY_OF(n * r); integer *pivots = malloc((size_t)n * sizeof *pivots);
  if (A && B && pivots) {
    turn(A, AT(0, n * n), n, n, size); turn(B, AT(1, n * r), n, r, size);
    CALL(gesv)(&n, &r, A, &n, pivots, B, &n, &info);
    if (!code_of(&info)) turn(AT(2, n * r), B, r, n, size);
  } else info = INT32_MAX;
  free(A); free(B); free(pivots); return outcome(info, BL_SINGULAR);
}
// The inverse of the transpose is the transpose of the inverse.
static int invert(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer n = c->n[1], info = 0; void *A = COPY_OF(n * n); integer *pivots = malloc((size_t)n * sizeof *pivots);
  if (A && pivots) {
    memcpy(A, AT(0, n * n), (size_t)(n * n) * size);
    CALL(getrf)(&n, &n, A, &n, pivots, &info);
    if (!code_of(&info)) WITH_WORK(size, CALL(getri)(&n, A, &n, pivots, work, &room, &info));
    if (!code_of(&info)) memcpy(AT(1, n * n), A, (size_t)(n * n) * size);
  } else info = INT32_MAX;
  free(A); free(pivots); return outcome(info, BL_SINGULAR);
}
static int cholesky(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer n = c->n[1], info = 0; const int upper = c->n[2] != 0; void *A = COPY_OF(n * n); if (!A) return BL_MEMORY;
  memcpy(A, AT(0, n * n), (size_t)(n * n) * size);
  CALL(potrf)(upper ? "L" : "U", &n, A, &n, &info, 1);
  // One that is not positive definite gives NaN, as our own says it: that one says it.
  for (int64_t i = 0; i < n && !code_of(&info); i++) if (upper) memset((char *)A + (size_t)(i * n) * size, 0, (size_t)i * size); else memset((char *)A + (size_t)(i * n + i + 1) * size, 0, (size_t)(n - 1 - i) * size);
  if (!code_of(&info)) memcpy(AT(1, n * n), A, (size_t)(n * n) * size);
  free(A); return outcome(info, BL_REFUSED);
}
static int trisolve(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer n = c->n[1], r = c->n[2]; if (!r) return BL_OK;
  float one = 1; double wide_one = 1; char *X = AT(2, n * r);
  memmove(X, AT(1, n * r), (size_t)(n * r) * size);
  CALL(trsm)("R", c->n[3] ? "L" : "U", "N", "N", &r, &n, type == BL_F64 ? (void *)&wide_one : (void *)&one, AT(0, n * n), &n, X, &r, 1, 1, 1, 1);
  return BL_OK;
}
static int qr(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer m = c->n[1], n = c->n[2], k = m < n ? m : n, info = 0; char *A = COPY_OF(m * n), *R = COPY_OF(k * n), *tau = COPY_OF(k);
  if (A && R && tau) {
    turn(A, AT(0, m * n), m, n, size);
    WITH_WORK(size, CALL(geqrf)(&m, &n, A, &m, tau, work, &room, &info));
    for (int64_t j = 0; j < n; j++) { const int64_t stored = j + 1 < k ? j + 1 : k; memcpy(R + (size_t)(j * k) * size, A + (size_t)(j * m) * size, (size_t)stored * size); memset(R + (size_t)(j * k + stored) * size, 0, (size_t)(k - stored) * size); }
    if (!code_of(&info)) WITH_WORK(size, CALL(orgqr)(&m, &k, &k, A, &m, tau, work, &room, &info));
    if (!code_of(&info)) { turn(AT(1, m * k), A, k, m, size); turn(AT(2, k * n), R, n, k, size); }
  } else info = INT32_MAX;
  free(A); free(R); free(tau); return outcome(info, BL_REFUSED);
}
static int eigh(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer n = c->n[1], info = 0; const int vectors = c->np > 2 && c->p[2]; char *W = (char *)c->p[1] + (size_t)(b * n) * real_size_of(type);
  if (!all_finite(AT(0, n * n), n * n, type)) return BL_REFUSED;
  float *A = COPY_OF(n * n); if (!A) return BL_MEMORY;
  memcpy(A, AT(0, n * n), (size_t)(n * n) * size);
  char *job = vectors ? "V" : "N", *triangle = c->n[2] ? "U" : "L";
  double answer[2] = {0}; float real_answer = 0; integer integers[2] = {0}, less = -1;   // the first call says how much work space there should be
  if (type == BL_C64) CALL(heevd)(job, triangle, &n, A, &n, W, answer, &less, &real_answer, &less, integers, &less, &info, 1, 1);
  else CALL(syevd)(job, triangle, &n, A, &n, W, answer, &less, integers, &less, &info, 1, 1);
  integer room = asked(first(answer, type == BL_F64 ? BL_F64 : BL_F32)), real_room = asked((double)real_answer), whole_room = code_of(integers);
  char *work = malloc((size_t)room * size), *real_work = malloc((size_t)real_room * 4); integer *whole = malloc((size_t)whole_room * sizeof *whole);
  if (!work || !real_work || !whole) info = INT32_MAX;
  else if (code_of(&info)) {}
  else if (type == BL_C64) CALL(heevd)(job, triangle, &n, A, &n, W, work, &room, real_work, &real_room, whole, &whole_room, &info, 1, 1);
  else CALL(syevd)(job, triangle, &n, A, &n, W, work, &room, whole, &whole_room, &info, 1, 1);
  if (vectors && !code_of(&info)) {
    turn(AT(2, n * n), A, n, n, size);
    if (type == BL_C64) for (int64_t i = 0; i < n * n; i++) ((float *)AT(2, n * n))[2 * i + 1] *= -1;   // what it saw was the conjugate
  }
  free(A); free(work); free(real_work); free(whole); return outcome(info, BL_DIVERGED);
}
// Of the transpose, whose left vectors are our right ones: they lie as they are wanted.
static int svd(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer m = c->n[1], n = c->n[2], k = m < n ? m : n, info = 0, one = 1; const int full = c->n[3] != 0, vectors = c->np > 3 && c->p[2] && c->p[3];
  if (!all_finite(AT(0, m * n), m * n, type)) return BL_REFUSED;
  integer u = full ? m : k, v = full ? n : k, ld = vectors ? n : one, ldu = vectors ? u : one, most = m > n ? m : n;
  char *S = (char *)c->p[1] + (size_t)(b * k) * real_size_of(type), *U = vectors ? AT(2, m * u) : 0, *V = vectors ? AT(3, v * n) : 0, *job = !vectors ? "N" : full ? "A" : "S";
  char *A = COPY_OF(m * n), *real_work = malloc(type == BL_C64 ? (size_t)(k * (5 * k + 7 > 2 * most + 2 * k + 1 ? 5 * k + 7 : 2 * most + 2 * k + 1) + 8) * 4 : 4); integer *whole = malloc((size_t)(8 * k) * sizeof *whole);
  if (A && real_work && whole) {
    memcpy(A, AT(0, m * n), (size_t)(m * n) * size);
    if (type == BL_C64) WITH_WORK(4, CALL(unitary_gesdd)(job, &n, &m, A, &n, S, V, &ld, U, &ldu, work, &room, real_work, whole, &info, 1));
    else WITH_WORK(size, CALL(gesdd)(job, &n, &m, A, &n, S, V, &ld, U, &ldu, work, &room, whole, &info, 1));
  } else info = INT32_MAX;
  free(A); free(real_work); free(whole); return outcome(info, BL_DIVERGED);
}
static int eig(const sn_call *c, int64_t b, int type) {
  const size_t size = size_of(type); integer n = c->n[1], info = 0, one = 1; const int vectors = c->np > 2 && c->p[2], parts = type == BL_C64 ? 2 : 1; int64_t nn = n * n;
  if (!all_finite(AT(0, nn), nn, type)) return BL_REFUSED;
  double *A = malloc((size_t)(nn * 2 * parts + 4 * n) * sizeof(double)); if (!A) return BL_MEMORY;
  double *X = A + nn * parts, *re = X + nn * parts, *im = re + n, *more = im + n; const void *from = AT(0, nn);   // complex eigenvalues take re and im as one
  for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j < n; j++) for (int64_t k = 0; k < parts; k++) { const int64_t at = (i * n + j) * parts + k; A[(j * n + i) * parts + k] = type == BL_F64 ? ((const double *)from)[at] : (double)((const float *)from)[at]; }
  char *job = vectors ? "V" : "N";
  if (type == BL_C64) WITH_WORK(8, CALL(complex_geev)("N", job, &n, A, &n, re, X, &one, X, &n, work, &room, more, &info, 1, 1));
  else WITH_WORK(8, CALL(geev)("N", job, &n, A, &n, re, im, X, &one, X, &n, work, &room, &info, 1, 1));
  float *W = (float *)c->p[1] + 2 * b * n, *V = vectors ? (float *)c->p[2] + 2 * b * nn : 0;
  for (int64_t j = 0; j < n && !code_of(&info); j++) {
    W[2 * j] = (float)(parts == 2 ? re[2 * j] : re[j]); W[2 * j + 1] = (float)(parts == 2 ? re[2 * j + 1] : im[j]);
    if (!vectors) continue;
    const double *x = X + j * n * parts;
    if (parts == 2) bl_put_eigenvector(V, n, j, x, x + 1, 2);
    else if (im[j] == 0) bl_put_eigenvector(V, n, j, x, 0, 1);
    else if (im[j] > 0) bl_put_eigenvector(V, n, j, x, x + n, 1);   // of a conjugate pair
    else for (int64_t i = 0; i < n; i++) { float *o = V + 2 * (i * n + j); o[0] = o[-2]; o[1] = -o[-1]; }
  }
  free(A); return outcome(info, BL_DIVERGED);
}
// X(name in errors, function, sizes that both have to be large, the routines that it calls: of reals, of complex numbers)
#define WAYS(X) \
  X("lu", lu, 2, F_getrf, F_getrf, -1) X("solve", solve, 1, F_gesv, F_gesv, -1) X("invert", invert, 1, F_getrf, F_getri, -1) X("cholesky", cholesky, 1, F_potrf, F_potrf, -1) \
  X("trisolve", trisolve, 1, F_trsm, F_trsm, -1) X("qr", qr, 2, F_geqrf, F_orgqr, -1) X("eigh", eigh, 1, F_syevd, F_syevd, F_heevd) \
  X("svd", svd, 2, F_gesdd, F_gesdd, F_unitary_gesdd) X("eig", eig, 1, F_geev, F_geev, F_complex_geev)
#define X(name, way, sizes, f, g, h) \
  static int way##_f32(const sn_call *c, int64_t b) { return way(c, b, BL_F32); } \
  static int way##_f64(const sn_call *c, int64_t b) { return way(c, b, BL_F64); } \
  static int way##_c64(const sn_call *c, int64_t b) { return way(c, b, BL_C64); }
WAYS(X)
#undef X
static const struct { const char *name; bl_each each[3]; int sizes, needs[3]; } ways[] = {
#define X(name, way, sizes, f, g, h) {name, {way##_f32, way##_f64, way##_c64}, sizes, {f, g, h}},
  WAYS(X)
#undef X
};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void find(void) {
  if (!bl_vendor_open()) return;
  for (int f = 0; f < FUNCTIONS; f++) for (int t = 0; t < 3; t++) if (names[f][t]) any |= (functions[f][t] = bl_vendor_fortran(names[f][t])) != 0;
}
int bl_vendor_lapack(void) { pthread_once(&once, find); return any; }
bl_each bl_vendor_each(const sn_call *c, const char *routine, int type) {
  if (!bl_vendor_lapack()) return 0;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    if (strcmp(ways[i].name, routine)) continue;
    for (int k = 1; k <= ways[i].sizes; k++) if (c->n[k] <= SMALL) return 0;
    if ((ways[i].sizes == 2 ? c->n[1] * c->n[2] : c->n[1] * c->n[1]) > INT_MAX / 16) return 0;   // work space and places must fit a narrow integer
    const int *needs = ways[i].needs;
    if (type == BL_C64 ? needs[2] < 0 || !functions[needs[2]][type] : !functions[needs[0]][type] || !functions[needs[1]][type]) return 0;
    return ways[i].each[type];
  }
  return 0;
}
