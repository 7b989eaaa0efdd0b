// solver.c: factorisations and systems of real matrices, eigenvalues and singular values of complex ones too, by cuSOLVER and cuBLAS. A matrix of ours
// by rows is its transpose by columns: what can be had from that is (solve, inv, cholesky, wide svd), the others pass through `arrange.cu`. Matrices of a
// batch follow one another, but where they are small beside how many there are and the libraries have a routine that takes them at once. Results are those
// of the CPU's routines (shim/blas/lapack_*.h): a matrix that is not positive definite has a factor of NaN, one of which something is not finite has all of
// NaN; a singular one is an error, of which the host hears at the end of the task. cuSOLVER's eigenvectors are verified, as it fails on some matrices with
// repeated eigenvalues, at times without a word: those go to the CPU's routine.
// All is called by one thread, as the library may wait for the device.
#include "cuda.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define MOST_HELD 12
#define JACOBI 32                      // the largest side of the matrices of which cuSOLVER has a batch's singular values at once
enum { LOWER, UPPER };
enum { PLAIN, TRANSPOSED };
enum { FINE, SINGULAR_SOLVE, SINGULAR_INV, DIVERGED_SVD };
const char *sn_cuda_verdict(int verdict) {
  static const char *const texts[] = {"", "Cannot solve: the matrix is singular", "Cannot invert: the matrix is singular", "svd did not converge"};
  return texts[verdict];
}
static void *handle, *parameters, *jacobi, *blas;
typedef struct run {
  const sn_call *c;
  CUstream stream;
  int *verdict, type, code, holds;     // code: 0, or why nothing more is done
  int64_t batch, item;
  CUdeviceptr held[MOST_HELD];
  void *host;
} run;
static void fail(run *r, int code, const char *why) {
  if (r->code) return;
  r->code = code;
  snprintf(r->c->error, r->c->error_cap, "%s", why);
}
static void driver(run *r, CUresult error) {
  char text[200];
  if (error) fail(r, error == CUDA_ERROR_OUT_OF_MEMORY ? SN_E_MEMORY : SN_E_ROUTINE, sn_cuda_text(error, text, sizeof text));
}
// Of cuSOLVER and cuBLAS.
static void library(run *r, int status) {
  char text[80];
  if (!status) return;
  snprintf(text, sizeof text, "CUDA: the library's routine failed with status %d", status);
  fail(r, SN_E_ROUTINE, text);
}
// Memory until what is on the stream now, and is put there by this run, has ended.
static void *take(run *r, int64_t bytes) {
  CUdeviceptr p = 0;
  const size_t n = bytes > 0 ? (size_t)bytes : 1;
  if (r->code) return 0;
  CUresult error = sn_cuda.allocate_on(&p, n, r->stream);
  if (error == CUDA_ERROR_OUT_OF_MEMORY) { sn_trim(); error = sn_cuda.allocate_on(&p, n, r->stream); }
  driver(r, error);
  if (error) return 0;
  r->held[r->holds++] = p;
  return (void *)(uintptr_t)p;
}
// Numbers that are 0.
static int *take_zeros(run *r, int64_t n) {
  int *p = take(r, 4 * n);
  if (p) driver(r, sn_cuda.fill((CUdeviceptr)(uintptr_t)p, 0, (size_t)n, r->stream));
  return p;
}

// ---- our kernels --------------------------------------------------------------------------------------------------------
typedef struct arrange { int64_t count, rows, columns, from[3], to[3]; int32_t triangle, conjugate; } arrange;
static const char arrange_text[] = {
#embed "arrange.cu"
  , 0};
static const char pivots_text[] = {
#embed "pivots.cu"
  , 0};
static const char judge_text[] = {
#embed "judge.cu"
  , 0};
static const char list_text[] = {
#embed "list.cu"
  , 0};
static const char verify_text[] = {
#embed "verify.cu"
  , 0};
static const char *const types[] = {"typedef float T;\n", "typedef float2 T;\n"};   // of elements, by whether they are complex
static void start(run *r, kernel **k, const char *name, const char *head, const char *text, int64_t blocks, void **arguments) {
  char why[400];
  if (r->code) return;
  if (!*k) {
    char *all = malloc(strlen(head) + strlen(text) + 1);
    if (!all) { fail(r, SN_E_MEMORY, "out of memory"); return; }
    strcat(strcpy(all, head), text);
    *k = sn_cuda_compile(name, all, why, sizeof why);
    free(all);
    if (!*k) { fail(r, SN_E_ROUTINE, why); return; }
  }
  driver(r, sn_cuda.launch((*k)->function, (unsigned)blocks, 1, 1, 256, 1, 1, 0, r->stream, arguments, 0));
}
typedef struct marks { int *guard; const int *spoiled, *also; } marks;
static void place(run *r, int complex, const void *from, void *to, arrange g, marks m) {
  static kernel *kernels[2];
  g.count = r->batch;
  const int64_t tiles = g.count * ((g.rows + 31) / 32) * ((g.columns + 31) / 32);
  void *arguments[] = {&from, &to, &m.guard, &m.spoiled, &m.also, &g};
  if (tiles) start(r, &kernels[complex], "arrange", types[complex], arrange_text, tiles < 65536 ? tiles : 65536, arguments);
}
static void judge(run *r, const int *info, const int *spoiled, int code) {
  static kernel *k;
  void *arguments[] = {&info, &spoiled, &r->verdict, &r->batch, &code};
  start(r, &k, "judge", "", judge_text, 1, arguments);
}
// A batch whose matrices (of n rows) are better taken at once.
static int at_once(const run *r, int64_t n) { return r->batch > 1 && 16 * r->batch >= n; }
static float **list(run *r, void *first, int64_t elements) {
  static kernel *k;
  float **out = take(r, 8 * r->batch);
  const int64_t bytes = elements * r->item;
  void *arguments[] = {&first, &out, &r->batch, (void *)&bytes};
  start(r, &k, "list", "", list_text, (r->batch + 255) / 256, arguments);
  return out;
}

// ---- routines -----------------------------------------------------------------------------------------------------------
static char *at(const run *r, const void *p, int64_t matrix, int64_t elements) { return (char *)p + matrix * elements * r->item; }
static void *operand(const run *r, int i) { return i < r->c->np ? r->c->p[i] : 0; }
// Rooms of work, on the device and on the host, as a routine asked for them.
typedef struct room { void *device, *host; size_t device_bytes, host_bytes; } room;
static void make_room(run *r, room *w) {
  w->device = take(r, (int64_t)w->device_bytes);
  w->host = r->host = malloc(w->host_bytes + 1);
  if (!w->host) fail(r, SN_E_MEMORY, "out of memory");
}
static arrange rows_of(int64_t rows, int64_t columns) {
  return (arrange){.rows = rows, .columns = columns, .from = {rows * columns, columns, 1}, .to = {rows * columns, columns, 1}};
}
// From rows to columns that lie `rows` apart.
static arrange to_columns(int64_t rows, int64_t columns) {
  return (arrange){.rows = rows, .columns = columns, .from = {rows * columns, columns, 1}, .to = {rows * columns, 1, rows}};
}
// And back, from matrices that lie `step` apart.
static arrange from_columns(int64_t rows, int64_t columns, int64_t step, int64_t ld) {
  return (arrange){.rows = rows, .columns = columns, .from = {step, 1, ld}, .to = {rows * columns, columns, 1}};
}
static const marks none;

// Notes in `info` the matrices (n rows, at A by columns) of which V and w are not what they have to be.
static void verify(run *r, int complex, const void *A, const void *V, const void *w, int *info, int64_t n) {
  static kernel *images[2], *verifies[2];
  void *room = take(r, r->batch * n * 32);
  void *first[] = {&V, &w, &room, &n}, *second[] = {&A, &V, &w, &room, &info, &n};
  start(r, &images[complex], "images", types[complex], verify_text, r->batch * ((n + 255) / 256), first);
  start(r, &verifies[complex], "verify", types[complex], verify_text, r->batch * ((n + 7) / 8), second);
}
// Eigenvalues, and vectors if they are asked for, of a matrix at A by the CPU's routine, to the places of results.
static void eigh_on_host(run *r, CUdeviceptr A, CUdeviceptr w, CUdeviceptr V) {
  const int64_t n = r->c->n[1], size = n * n * r->item, counts[] = {1, n, r->c->n[2]};
  const char *name = r->type == C_32F ? "eigh.c64" : "eigh.f32";
  const sn_routine_entry *e = sn_blas_routines;
  char *memory = malloc((size_t)(2 * size + 4 * n));
  if (!memory) { fail(r, SN_E_MEMORY, "out of memory"); return; }
  void *p[] = {memory, memory + 2 * size, V ? memory + size : 0};
  sn_call c = *r->c;
  c.p = p;
  c.n = counts;
  while (strcmp(e->name, name)) e++;
  driver(r, sn_cuda.to_host(memory, A, (size_t)size, r->stream));
  if (!r->code && e->fn(&c)) r->code = SN_E_ROUTINE;
  if (!r->code) driver(r, sn_cuda.to_device(w, p[1], (size_t)(4 * n), r->stream));
  if (!r->code && V) driver(r, sn_cuda.to_device(V, p[2], (size_t)size, r->stream));
  free(memory);
}
// The same for those of a batch that are in `info` and not in `spoiled`.
static void repair_eigh(run *r, const void *A, const int *info, const int *spoiled) {
  const int64_t b = r->batch, n = r->c->n[1];
  const CUdeviceptr w = (CUdeviceptr)(uintptr_t)operand(r, 1), V = (CUdeviceptr)(uintptr_t)operand(r, 2);
  int *marks = malloc(8 * (size_t)b);
  if (!marks) { fail(r, SN_E_MEMORY, "out of memory"); return; }
  // Memory that is not pinned: these wait for the copy.
  driver(r, sn_cuda.to_host(marks, (CUdeviceptr)(uintptr_t)info, 4 * (size_t)b, r->stream));
  driver(r, sn_cuda.to_host(marks + b, (CUdeviceptr)(uintptr_t)spoiled, 4 * (size_t)b, r->stream));
  for (int64_t i = 0; i < b && !r->code; i++)
    if (marks[i] && !marks[b + i])
      eigh_on_host(r, (CUdeviceptr)(uintptr_t)at(r, A, i, n * n), w + (CUdeviceptr)(i * n * 4), V ? V + (CUdeviceptr)(i * n * n * r->item) : 0);
  free(marks);
}
static void eigh(run *r) {
  const int64_t b = r->batch, n = r->c->n[1], lower = r->c->n[2];
  const int complex = r->type == C_32F, vectors = operand(r, 2) != 0, uplo = lower ? UPPER : LOWER, several = at_once(r, n) && sn_solver_batched.syevd;
  void *given = take(r, b * n * n * r->item), *A = take(r, b * n * n * r->item), *W = take(r, b * n * 4);
  int *info = take_zeros(r, b), *spoiled = take_zeros(r, b);
  arrange in = rows_of(n, n), out = from_columns(n, n, n * n, n), values = rows_of(1, n);
  room w = {0};
  in.triangle = lower ? -1 : 1;
  // Of the transpose, which for a Hermitian matrix is the conjugate.
  out.conjugate = complex;
  place(r, complex, operand(r, 0), given, in, (marks){.guard = spoiled});
  if (!r->code) driver(r, sn_cuda.within((CUdeviceptr)(uintptr_t)A, (CUdeviceptr)(uintptr_t)given, (size_t)(b * n * n * r->item), r->stream));
  if (!r->code) library(r, several
    ? sn_solver_batched.syevd_room(handle, parameters, vectors, uplo, n, r->type, A, n, R_32F, W, r->type, &w.device_bytes, &w.host_bytes, b)
    : sn_solver.syevd_room(handle, parameters, vectors, uplo, n, r->type, A, n, R_32F, W, r->type, &w.device_bytes, &w.host_bytes));
  make_room(r, &w);
  if (several && !r->code)
    library(r, sn_solver_batched.syevd(handle, parameters, vectors, uplo, n, r->type, A, n, R_32F, W, r->type, w.device, w.device_bytes, w.host, w.host_bytes, info, b));
  for (int64_t i = 0; i < b && !several && !r->code; i++)
    library(r, sn_solver.syevd(handle, parameters, vectors, uplo, n, r->type, at(r, A, i, n * n), n, R_32F, (float *)W + i * n, r->type, w.device, w.device_bytes,
      w.host, w.host_bytes, info + i));
  if (vectors) verify(r, complex, given, A, W, info, n);
  place(r, 0, W, operand(r, 1), values, (marks){.spoiled = spoiled});
  if (vectors) place(r, complex, A, operand(r, 2), out, (marks){.spoiled = spoiled});
  if (!r->code) repair_eigh(r, given, info, spoiled);
}
// Of small matrices, by Jacobi's method: square factors of the transpose, of which our V^T has the first as columns and our U the second.
static void small_svd(run *r) {
  const int64_t b = r->batch, m = r->c->n[1], n = r->c->n[2], k = m < n ? m : n, full = r->c->n[3];
  const int complex = r->type == C_32F, vectors = operand(r, 2) && operand(r, 3);
  void *A = take(r, b * m * n * r->item), *S = take(r, b * k * 4), *U = take(r, b * n * n * r->item), *V = take(r, b * m * m * r->item);
  int *info = take_zeros(r, b), *spoiled = take_zeros(r, b), words = 0;
  if (!r->code && !jacobi) library(r, sn_solver.new_jacobi(&jacobi));
  place(r, complex, operand(r, 0), A, rows_of(m, n), (marks){.guard = spoiled});
  if (!r->code) library(r, (complex ? sn_solver.cgesvdj_room : sn_solver.gesvdj_room)(handle, vectors, (int)n, (int)m, A, (int)n, S, U, (int)n, V, (int)m, &words, jacobi, (int)b));
  void *work = take(r, words * r->item);
  if (!r->code) library(r, (complex ? sn_solver.cgesvdj : sn_solver.gesvdj)(handle, vectors, (int)n, (int)m, A, (int)n, S, U, (int)n, V, (int)m, work, words, info, jacobi, (int)b));
  judge(r, info, spoiled, DIVERGED_SVD);
  const marks bad = {.spoiled = spoiled};
  place(r, 0, S, operand(r, 1), rows_of(1, k), bad);
  if (!vectors) return;
  arrange left = from_columns(m, full ? m : k, m * m, m), right = rows_of(full ? n : k, n);
  left.conjugate = complex;
  right.from[0] = n * n;
  place(r, complex, V, operand(r, 2), left, bad);
  place(r, complex, U, operand(r, 3), right, bad);
}
static void svd(run *r) {
  const int64_t b = r->batch, m = r->c->n[1], n = r->c->n[2], full = r->c->n[3], wide = m <= n, tall = wide ? n : m, k = wide ? m : n;
  const int64_t u = full ? tall : k;   // columns of the library's U, which is our Vt if A is wide
  const int complex = r->type == C_32F, vectors = operand(r, 2) && operand(r, 3);
  const signed char job = !vectors ? 'N' : full ? 'A' : 'S';
  if (k == 0) {
    // No singular values: full factors are identities.
    if (vectors && full) { place(r, complex, 0, operand(r, 2), rows_of(m, m), none); place(r, complex, 0, operand(r, 3), rows_of(n, n), none); }
    return;
  }
  if (b > 1 && tall <= JACOBI) { small_svd(r); return; }
  void *A = take(r, b * m * n * r->item), *S = take(r, b * k * 4);
  void *U = vectors ? take(r, b * tall * u * r->item) : 0, *V = vectors ? take(r, b * k * k * r->item) : 0;
  int *info = take_zeros(r, b), *spoiled = take_zeros(r, b);
  room w = {0};
  place(r, complex, operand(r, 0), A, wide ? rows_of(m, n) : to_columns(m, n), (marks){.guard = spoiled});
  if (!r->code) library(r, sn_solver.gesvd_room(handle, parameters, job, job, tall, k, r->type, A, tall, R_32F, S, r->type, U, tall, r->type, V, k, r->type,
    &w.device_bytes, &w.host_bytes));
  make_room(r, &w);
  for (int64_t i = 0; i < b && !r->code; i++)
    library(r, sn_solver.gesvd(handle, parameters, job, job, tall, k, r->type, at(r, A, i, m * n), tall, R_32F, (float *)S + i * k, r->type, at(r, U, i, tall * u),
      tall, r->type, at(r, V, i, k * k), k, r->type, w.device, w.device_bytes, w.host, w.host_bytes, info + i));
  judge(r, info, spoiled, DIVERGED_SVD);
  const marks bad = {.spoiled = spoiled};
  place(r, 0, S, operand(r, 1), rows_of(1, k), bad);
  if (!vectors) return;
  // Of the transpose U and V change places, and columns are our rows.
  if (wide) { place(r, complex, V, operand(r, 2), rows_of(m, m), bad); place(r, complex, U, operand(r, 3), rows_of(u, n), bad); }
  else { place(r, complex, U, operand(r, 2), from_columns(m, u, m * u, m), bad); place(r, complex, V, operand(r, 3), from_columns(n, n, n * n, n), bad); }
}
// Factors each matrix (m x n, columns m apart) in place.
static void lu_of(run *r, void *A, int64_t m, int64_t n, int64_t *exchanges, int *info) {
  room w = {0};
  if (!r->code) library(r, sn_solver.getrf_room(handle, parameters, m, n, r->type, A, m, r->type, &w.device_bytes, &w.host_bytes));
  make_room(r, &w);
  const int64_t k = m < n ? m : n;
  for (int64_t i = 0; i < r->batch && !r->code; i++)
    library(r, sn_solver.getrf(handle, parameters, m, n, r->type, at(r, A, i, m * n), m, exchanges + i * k, r->type, w.device, w.device_bytes, w.host, w.host_bytes, info + i));
}
static void lu(run *r) {
  static kernel *pivots[2];
  const int64_t b = r->batch, m = r->c->n[1], n = r->c->n[2], k = m < n ? m : n;
  const int together = m == n && at_once(r, n);
  void *A = take(r, b * m * n * r->item), *out = operand(r, 2), *order = operand(r, 3), *exchanges = take(r, b * k * 8);
  int *info = take_zeros(r, b), *spoiled = take_zeros(r, b);
  place(r, 0, operand(r, 0), A, to_columns(m, n), (marks){.guard = spoiled});
  if (k && !together) lu_of(r, A, m, n, exchanges, info);
  else if (k) {
    float **all = list(r, A, n * n);
    if (!r->code) library(r, sn_blas.getrf_batched(blas, (int)n, all, (int)n, exchanges, info, (int)b));
  }
  place(r, 0, A, operand(r, 1), from_columns(m, n, m * n, m), (marks){.spoiled = spoiled});
  void *arguments[] = {&exchanges, &out, &order, (void *)&k, (void *)&m};
  start(r, &pivots[together], "pivots", together ? "typedef int G;\n" : "typedef long long G;\n", pivots_text, b, arguments);
}
// X := A^-1 B for `width` right-hand sides that lie as columns, with the LU of A's transpose; the inverse asks for that of the transpose. Gives the marks of
// matrices of which something is not finite.
static marks solve_in(run *r, int64_t n, int64_t width, void *X, int trans, int verdict) {
  const int64_t b = r->batch;
  void *A = take(r, b * n * n * r->item), *exchanges = take(r, b * n * 8);
  int *info = take_zeros(r, b), *spoiled = take_zeros(r, b), *ignored = take_zeros(r, 1), wrong = 0;
  const marks bad = {.spoiled = spoiled};
  place(r, 0, operand(r, 0), A, rows_of(n, n), (marks){.guard = spoiled});
  if (at_once(r, n)) {
    float **all = list(r, A, n * n), **sides = list(r, X, n * width);
    if (!r->code) library(r, sn_blas.getrf_batched(blas, (int)n, all, (int)n, exchanges, info, (int)b));
    judge(r, info, spoiled, verdict);
    if (!r->code) library(r, sn_blas.getrs_batched(blas, trans, (int)n, (int)width, all, (int)n, exchanges, sides, (int)n, &wrong, (int)b));
    return bad;
  }
  lu_of(r, A, n, n, exchanges, info);
  judge(r, info, spoiled, verdict);
  for (int64_t i = 0; i < b && !r->code; i++)
    library(r, sn_solver.getrs(handle, parameters, trans, n, width, r->type, at(r, A, i, n * n), n, (int64_t *)exchanges + i * n, r->type, at(r, X, i, n * width), n,
      ignored));
  return bad;
}
static void solve(run *r) {
  const int64_t n = r->c->n[1], width = r->c->n[2];
  void *X = take(r, r->batch * n * width * r->item);
  place(r, 0, operand(r, 1), X, to_columns(n, width), none);
  const marks bad = solve_in(r, n, width, X, TRANSPOSED, SINGULAR_SOLVE);
  place(r, 0, X, operand(r, 2), from_columns(n, width, n * width, n), bad);
}
static void inv(run *r) {
  const int64_t n = r->c->n[1];
  void *X = take(r, r->batch * n * n * r->item);
  place(r, 0, 0, X, rows_of(n, n), none);
  const marks bad = solve_in(r, n, n, X, PLAIN, SINGULAR_INV);
  place(r, 0, X, operand(r, 1), rows_of(n, n), bad);
}
static void trisolve(run *r) {
  const int64_t n = r->c->n[1], width = r->c->n[2], upper = r->c->n[3];
  void *X = operand(r, 2);
  const float one = 1;
  place(r, 0, operand(r, 1), X, rows_of(n, width), none);
  // X^T A^T = B^T, and all of these are what lies there by columns.
  if (at_once(r, n)) {
    float **all = list(r, operand(r, 0), n * n), **sides = list(r, X, n * width);
    if (!r->code) library(r, sn_blas.trsm_batched(blas, 1, upper ? LOWER : UPPER, PLAIN, 0, (int)width, (int)n, &one, all, (int)n, sides, (int)width, (int)r->batch));
    return;
  }
  for (int64_t i = 0; i < r->batch && !r->code; i++)
    library(r, sn_blas.trsm(blas, 1, upper ? LOWER : UPPER, PLAIN, 0, (int)width, (int)n, &one, (const float *)at(r, operand(r, 0), i, n * n), (int)n,
      (float *)at(r, X, i, n * width), (int)width));
}
static void cholesky(run *r) {
  const int64_t b = r->batch, n = r->c->n[1], upper = r->c->n[2];
  void *L = operand(r, 1);
  int *info = take_zeros(r, b), *spoiled = take_zeros(r, b);
  arrange g = rows_of(n, n);
  g.triangle = upper ? 1 : -1;
  place(r, 0, operand(r, 0), L, g, (marks){.guard = spoiled});
  const int uplo = upper ? LOWER : UPPER;
  if (at_once(r, n)) {
    float **all = list(r, L, n * n);
    if (!r->code) library(r, sn_solver.potrf_batched(handle, uplo, (int)n, all, (int)n, info, (int)b));
  } else {
    room w = {0};
    if (!r->code) library(r, sn_solver.potrf_room(handle, parameters, uplo, n, r->type, L, n, r->type, &w.device_bytes, &w.host_bytes));
    make_room(r, &w);
    for (int64_t i = 0; i < b && !r->code; i++)
      library(r, sn_solver.potrf(handle, parameters, uplo, n, r->type, at(r, L, i, n * n), n, r->type, w.device, w.device_bytes, w.host, w.host_bytes, info + i));
  }
  place(r, 0, L, L, g, (marks){.spoiled = spoiled, .also = info});
}
static void qr(run *r) {
  const int64_t b = r->batch, m = r->c->n[1], n = r->c->n[2], k = m < n ? m : n;
  void *A = take(r, b * m * n * r->item), *tau = take(r, b * k * r->item);
  int *info = take_zeros(r, b), words = 0;
  room w = {0};
  place(r, 0, operand(r, 0), A, to_columns(m, n), none);
  if (!r->code) library(r, sn_solver.geqrf_room(handle, parameters, m, n, r->type, A, m, r->type, tau, r->type, &w.device_bytes, &w.host_bytes));
  if (!r->code) library(r, sn_solver.orgqr_room(handle, (int)m, (int)k, (int)k, A, (int)m, tau, &words));
  if (w.device_bytes < (size_t)words * 4) w.device_bytes = (size_t)words * 4;
  make_room(r, &w);
  for (int64_t i = 0; i < b && !r->code; i++)
    library(r, sn_solver.geqrf(handle, parameters, m, n, r->type, at(r, A, i, m * n), m, r->type, at(r, tau, i, k), r->type, w.device, w.device_bytes, w.host,
      w.host_bytes, info + i));
  arrange triangle = from_columns(k, n, m * n, m);
  triangle.triangle = 1;
  place(r, 0, A, operand(r, 2), triangle, none);
  for (int64_t i = 0; i < b && !r->code; i++)
    library(r, sn_solver.orgqr(handle, (int)m, (int)k, (int)k, (float *)at(r, A, i, m * n), (int)m, (const float *)at(r, tau, i, k), w.device, words, info + i));
  place(r, 0, A, operand(r, 1), from_columns(m, k, m * n, m), none);
}
static const struct { const char *name; void (*run)(run *r); } routines[] = {
  {"eigh.", eigh}, {"svd.", svd}, {"lu.", lu}, {"solve.", solve}, {"inv.", inv}, {"trisolve.", trisolve}, {"cholesky.", cholesky}, {"qr.", qr},
};
int sn_cuda_late(uint32_t routine) {
  static int8_t known[128];            // by routine: 1 it is, -1 it is not; asked for each call under the lock of the streams
  if (routine >= sizeof known) return 0;
  if (known[routine]) return known[routine] > 0;
  uint32_t i = 0;
  while (i < routine && sn_blas_routines[i].name) i++;
  int is = 0;
  for (size_t k = 0; sn_blas_routines[i].name && k < sizeof routines / sizeof *routines; k++)
    is |= !strncmp(sn_blas_routines[i].name, routines[k].name, strlen(routines[k].name));
  known[routine] = is ? 1 : -1;
  return is;
}

// ---- the libraries ------------------------------------------------------------------------------------------------------
int sn_cuda_solves(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int known;                    // 1: they are there, -1: they are not
  pthread_mutex_lock(&lock);
  if (!known) known = sn_cuda_own() || sn_solver_open() || sn_blas_open() ? -1 : 1;
  pthread_mutex_unlock(&lock);
  return known > 0;
}
static void open_handles(run *r) {
  if (blas) return;
  if (!sn_cuda_solves()) { fail(r, SN_E_ROUTINE, "CUDA does not have this routine"); return; }
  if (!handle) library(r, sn_solver.create(&handle));
  if (!r->code && !parameters) library(r, sn_solver.new_parameters(&parameters));
  if (!r->code) library(r, sn_blas.create(&blas));
}
int sn_cuda_solve(const sn_call *c, const char *name, CUstream stream, int *verdict) {
  const char *type = strchr(name, '.');
  run r = {.c = c, .stream = stream, .verdict = verdict, .batch = c->n[0], .type = !strcmp(type, ".c64") ? C_32F : R_32F};
  r.item = r.type == C_32F ? 8 : 4;
  size_t i = 0;
  while (i < sizeof routines / sizeof *routines && strncmp(name, routines[i].name, (size_t)(type - name) + 1)) i++;
  if (i == sizeof routines / sizeof *routines || !strcmp(type, ".f64")) fail(&r, SN_E_ROUTINE, "CUDA does not have this routine");
  else open_handles(&r);
  if (!r.code) { library(&r, sn_solver.set_stream(handle, stream)); library(&r, sn_blas.set_stream(blas, stream)); }
  if (!r.code) routines[i].run(&r);
  for (int k = 0; k < r.holds; k++) sn_cuda.release_on(r.held[k], stream);
  free(r.host);
  return r.code;
}
