// calls.h: library routines behind SN_CALL. Each takes resolved pointers, integers and numbers; strides are in elements, sizes in elements.
// A routine is called only when what it may touch lies in its memory, and never with nothing to touch.
#pragma once
#include <stddef.h>
#include <stdint.h>
typedef struct {
  void **p; const int64_t *n; const double *x;       // pointers, integers, numbers, in the order of the routine's signature
  int np, nn, nx;
  char *error; size_t error_cap;                      // text for a non-zero result
} sn_call;
typedef int (*sn_routine)(sn_call *c);
// Bytes from a pointer that a call may touch: from low up to high, none if they are equal.
typedef struct { __int128 low, high; } sn_extent;
static inline void sn_widen(sn_extent *x, int64_t n, int64_t stride) { __int128 e = (__int128)(n - 1) * stride; if (e < 0) x->low += e; else x->high += e; }   // by an axis of n steps
// Proves a call's arguments: fills the extent of each pointer and returns how many the routine has, or -1 if a size is negative or an
// argument is missing. `bytes` is the size of an element.
typedef int (*sn_extents)(const sn_call *c, const char *signature, int bytes, sn_extent *e);
typedef struct { const char *name; sn_routine fn; const char *signature; int bytes; sn_extents extents; } sn_routine_entry;
// A call whose arguments were proved.
typedef struct sn_checked { sn_call call; const sn_routine_entry *routine; int touched; void *p[16]; int64_t n[256]; double x[16]; char text[256]; } sn_checked;
extern const sn_routine_entry sn_blas_routines[];     // ends with a null name; implemented in blas/
const char *sn_blas_info(int which);                  // 0: which BLAS is in use, 1: which LAPACK
// From cpu/pool.c: runs fn(arg, part, parts, thread) for every part, on the pool and the caller; nested calls run serially.
typedef void (*sn_job)(void *arg, int part, int parts, int thread);
void sn_parallel(sn_job fn, void *arg, int parts);
int sn_threads(void);
int sn_available(void);                               // the threads that a job started here would have: one within a job
void sn_relax(void);                                  // what a loop does that waits for another thread
// From cpu/device.c: memory on a cache line, or null
void *sn_aligned(size_t bytes);
void sn_aligned_free(void *p);
// From cpu/pool.c: scratch memory of the calling thread, at least `bytes`, 64-byte aligned, valid until its next call on that thread; null = no memory
void *sn_scratch(size_t bytes);
