// calls.h: library routines behind SN_CALL. Each takes resolved pointers, integers and numbers; strides are in elements, sizes in elements.
#pragma once
#include <stddef.h>
#include <stdint.h>
typedef struct {
  void **p; const int64_t *n; const double *x;       // pointers, integers, numbers, in the order of the routine's signature
  int np, nn, nx;
  char *error; size_t error_cap;                      // text for a non-zero result
} sn_call;
typedef int (*sn_routine)(sn_call *c);
typedef struct { const char *name; sn_routine fn; const char *signature; } sn_routine_entry;
extern const sn_routine_entry sn_blas_routines[];     // ends with a null name; implemented in blas/
const char *sn_blas_info(int which);                  // 0: which BLAS is in use, 1: which LAPACK
// From cpu/pool.c: runs fn(arg, part, parts, thread) for every part, on the pool and the caller; nested calls run serially.
typedef void (*sn_job)(void *arg, int part, int parts, int thread);
void sn_parallel(sn_job fn, void *arg, int parts);
int sn_threads(void);
// From cpu/pool.c: scratch memory of the calling thread, at least `bytes`, 64-byte aligned, valid until its next call on that thread; null = no memory
void *sn_scratch(size_t bytes);
