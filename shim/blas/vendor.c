// vendor.c: an optional BLAS and LAPACK of the system, loaded at first use: SINTER_BLAS=<path>, none or own; otherwise the platform's usual one.
// Accelerate has two of each: under the new names (macOS 13.3) a current LAPACK, under the old ones one of 2009. LAPACK is taken of Accelerate and of a
// library that was named; of others only products, as our decompositions are faster than OpenBLAS's.
#include "blas.h"
#include <stdio.h>
#include <stdlib.h>
#include <limits.h>
#if defined(_WIN32)
#include <windows.h>
static void *lib_open(const char *path) { return (void *)LoadLibraryA(path); }
static void *lib_sym(void *lib, const char *name) { return (void *)GetProcAddress((HMODULE)lib, name); }
static SRWLOCK lock = SRWLOCK_INIT;
static void lock_on(void) { AcquireSRWLockExclusive(&lock); }
static void lock_off(void) { ReleaseSRWLockExclusive(&lock); }
#else
#include <dlfcn.h>
#include <pthread.h>
static void *lib_open(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void *lib_sym(void *lib, const char *name) { return dlsym(lib, name); }
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void lock_on(void) { pthread_mutex_lock(&lock); }
static void lock_off(void) { pthread_mutex_unlock(&lock); }
#endif
typedef void (*any_fn)(void);
static void *library;
static any_fn gemms[3];                                 // of f32, f64, c64
static int loaded, renewed, wide, decomposes;           // renewed: it has the new names; wide: its integers have 64 bits; decomposes: LAPACK too is wanted
static char info[300] = "own";
#define NEW "$NEWLAPACK"
static any_fn symbol(const char *name, const char *suffix) { if (!library) return 0; char text[64]; snprintf(text, sizeof text, "%s%s", name, suffix); return (any_fn)lib_sym(library, text); }
// How wide integers are shows in the pivots of a matrix whose rows have to be swapped. A library without LAPACK has narrow ones.
static int has_wide_integers(void) {
  void (*getrf)(void *, void *, void *, void *, void *, void *) = (void (*)(void *, void *, void *, void *, void *, void *))bl_vendor_fortran("sgetrf");
  int64_t n = 2, code = 0; float a[4] = {0, 1, 1, 0}; int32_t pivots[4] = {0};
  if (getrf) getrf(&n, &n, a, &n, pivots, &code);
  return getrf && pivots[1] == 0;
}
static int try_library(const char *path, const char *title) {
  library = lib_open(path); if (!library) return 0;
  static const char *const names[3] = {"cblas_sgemm", "cblas_dgemm", "cblas_cgemm"};
  renewed = symbol(names[0], NEW) != 0;
  for (int i = 0; i < 3; i++) gemms[i] = symbol(names[i], renewed ? NEW : "");
  if (!gemms[BL_F32] || !gemms[BL_F64]) { library = 0; gemms[0] = gemms[1] = gemms[2] = 0; return 0; }
  void (*threads)(int) = (void (*)(int))symbol("openblas_set_num_threads", ""); if (threads) threads(sn_threads());
  if (!title) title = threads ? "OpenBLAS" : "vendor";
  const char *file = path; for (const char *p = path; *p; p++) if (*p == '/' || *p == '\\') file = p + 1;
  snprintf(info, sizeof info, "%s (%s%s)", title, file, renewed ? NEW : ""); wide = has_wide_integers(); return 1;
}
static void load(void) {
  if (__atomic_load_n(&loaded, __ATOMIC_ACQUIRE)) return;
  lock_on();
  if (!loaded) {
    const char *env = getenv("SINTER_BLAS");
    if (env && *env) decomposes = strcmp(env, "none") && strcmp(env, "own") && try_library(env, 0);
#if defined(__APPLE__)
    else decomposes = try_library("/System/Library/Frameworks/Accelerate.framework/Accelerate", "Accelerate");
#elif !defined(_WIN32)
    else if (!try_library("libopenblas.so.0", "OpenBLAS") && !try_library("libblis.so.4", "BLIS") && !try_library("libmkl_rt.so.2", "MKL")) try_library("libmkl_rt.so", "MKL");
#endif
    __atomic_store_n(&loaded, 1, __ATOMIC_RELEASE);
  }
  lock_off();
}
any_fn bl_vendor_fortran(const char *name) {
#if defined(__APPLE__)
  if (!renewed) return 0;                               // the old one is not safe from several threads
#endif
  return symbol(name, renewed ? NEW : "_");
}
int bl_vendor_open(void) { load(); return decomposes; }
int bl_vendor_wide(void) { return wide; }
// A product of row-major matrices with the library's type of integers and that of the factors.
#define PRODUCT(INT, FACTOR, alpha_, beta_) ((void (*)(int, int, int, INT, INT, INT, FACTOR, const void *, INT, const void *, INT, FACTOR, void *, INT))gemms[type]) \
  (101, ta ? 112 : 111, tb ? 112 : 111, (INT)g->M, (INT)g->N, (INT)g->K, alpha_, g->A, (INT)lda, g->B, (INT)ldb, beta_, g->C, (INT)g->crs)
#define PRODUCTS(INT) do { \
  if (type == BL_F32) PRODUCT(INT, float, (float)g->alpha, (float)beta); else if (type == BL_F64) PRODUCT(INT, double, g->alpha, beta); \
  else PRODUCT(INT, const float *, ((const float[]){(float)g->alpha, 0}), ((const float[]){(float)beta, 0})); \
} while (0)
int bl_vendor_gemm(const bl_gemm *g0, int type) {
  bl_gemm by_rows = *g0, *const g = &by_rows;
  load();
  bl_by_rows(&by_rows);
  if (type > BL_C64 || !gemms[type] || g->kind != BL_OWN || g->ccs != 1 || g->K <= 0) return 0;
  if (g->M < 2 || g->N < 2 || g->M > INT_MAX || g->N > INT_MAX || g->K > INT_MAX) return 0;
  int ta = g->acs != 1, tb = g->bcs != 1; int64_t lda = ta ? g->acs : g->ars, ldb = tb ? g->bcs : g->brs;
  if ((ta && g->ars != 1) || (tb && g->brs != 1) || lda < (ta ? g->M : g->K) || ldb < (tb ? g->K : g->N) || g->crs < g->N) return 0;
  if (lda > INT_MAX || ldb > INT_MAX || g->crs > INT_MAX) return 0;
  const size_t size = type == BL_F32 ? 4 : 8;
  if (g->I && (g->I != g->C || g->irs != g->crs || g->ics != 1))
    for (int64_t i = 0; i < g->M; i++) for (int64_t j = 0; j < g->N; j++)
      memcpy((char *)g->C + (size_t)(i * g->crs + j) * size, (const char *)g->I + (i * g->irs + j * g->ics) * (int64_t)size, size);
  const double beta = g->I ? g->beta : 0;
  if (wide) PRODUCTS(int64_t); else PRODUCTS(int);
  return 1;
}
const char *sn_blas_info(int which) { load(); return which == 0 || bl_vendor_lapack() ? info : "own"; }
