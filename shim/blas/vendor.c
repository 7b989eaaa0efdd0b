// vendor.c: an optional BLAS of the system, loaded at first use: SINTER_BLAS=<path>, none or own; otherwise the platform's usual one.
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
typedef void (*sgemm_fn)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*dgemm_fn)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb, double beta, double *c, int ldc);
static sgemm_fn sgemm;
static dgemm_fn dgemm;
static char info[300] = "own";
static int loaded;
static int try_library(const char *path, const char *title) {
  void *lib = lib_open(path); if (!lib) return 0;
  sgemm_fn s = (sgemm_fn)lib_sym(lib, "cblas_sgemm$NEWLAPACK"); dgemm_fn d = (dgemm_fn)lib_sym(lib, "cblas_dgemm$NEWLAPACK");
  if (!s || !d) { s = (sgemm_fn)lib_sym(lib, "cblas_sgemm"); d = (dgemm_fn)lib_sym(lib, "cblas_dgemm"); }
  if (!s || !d) return 0;
  void (*threads)(int) = (void (*)(int))lib_sym(lib, "openblas_set_num_threads"); if (threads) threads(sn_threads());
  if (!title) title = threads ? "OpenBLAS" : "vendor";
  const char *file = path; for (const char *p = path; *p; p++) if (*p == '/' || *p == '\\') file = p + 1;
  snprintf(info, sizeof info, "%s (%s)", title, file); sgemm = s; dgemm = d; return 1;
}
static void load(void) {
  if (__atomic_load_n(&loaded, __ATOMIC_ACQUIRE)) return;
  lock_on();
  if (!loaded) {
    const char *env = getenv("SINTER_BLAS");
    if (env && *env) { if (strcmp(env, "none") && strcmp(env, "own")) try_library(env, 0); }
#if defined(__APPLE__)
    else try_library("/System/Library/Frameworks/Accelerate.framework/Accelerate", "Accelerate");
#elif !defined(_WIN32)
    else if (!try_library("libopenblas.so.0", "OpenBLAS") && !try_library("libblis.so.4", "BLIS") && !try_library("libmkl_rt.so.2", "MKL")) try_library("libmkl_rt.so", "MKL");
#endif
    __atomic_store_n(&loaded, 1, __ATOMIC_RELEASE);
  }
  lock_off();
}
int bl_vendor_gemm(const bl_gemm *g, int type) {
  load();
  if (!sgemm || type > BL_F64 || g->kind != BL_OWN || g->ccs != 1 || g->K <= 0) return 0;
  if (g->M < 2 || g->N < 2 || g->M > INT_MAX || g->N > INT_MAX || g->K > INT_MAX) return 0;
  int ta = g->acs != 1, tb = g->bcs != 1; int64_t lda = ta ? g->acs : g->ars, ldb = tb ? g->bcs : g->brs;
  if ((ta && g->ars != 1) || (tb && g->brs != 1) || lda < (ta ? g->M : g->K) || ldb < (tb ? g->K : g->N) || g->crs < g->N) return 0;
  if (lda > INT_MAX || ldb > INT_MAX || g->crs > INT_MAX) return 0;
  if (g->I && (g->I != g->C || g->irs != g->crs || g->ics != 1))
    for (int64_t i = 0; i < g->M; i++) for (int64_t j = 0; j < g->N; j++) {
      if (type == BL_F32) ((float *)g->C)[i * g->crs + j] = ((const float *)g->I)[i * g->irs + j * g->ics]; else ((double *)g->C)[i * g->crs + j] = ((const double *)g->I)[i * g->irs + j * g->ics];
    }
  double beta = g->I ? g->beta : 0; int m = (int)g->M, n = (int)g->N, k = (int)g->K, a = ta ? 112 : 111, b = tb ? 112 : 111;   // CblasTrans, CblasNoTrans
  if (type == BL_F32) sgemm(101, a, b, m, n, k, (float)g->alpha, (const float *)g->A, (int)lda, (const float *)g->B, (int)ldb, (float)beta, (float *)g->C, (int)g->crs);
  else dgemm(101, a, b, m, n, k, g->alpha, (const double *)g->A, (int)lda, (const double *)g->B, (int)ldb, beta, (double *)g->C, (int)g->crs);
  return 1;
}
const char *sn_blas_info(int which) { load(); return which == 0 ? info : "own"; }
