// cuda.h: what the parts of the CUDA device share.
#pragma once
#include "driver.h"
#include "../base/device.h"
#include "../calls.h"
#define MOST_BUFFERS 60                // of a kernel: pointers and constants are its parameters, of which there are 4 KB
#define MOST_CONSTANTS 880             // words
// Compiles `text`, or finds its code in the cache, and gives its kernel `name`; null with the reason in `why`.
typedef struct kernel { CUmodule module; CUfunction function; } kernel;
kernel *sn_cuda_compile(const char *name, const char *text, char *why, size_t cap);
// Programs (program.c).
const char *sn_cuda_open_compiler(void);   // null, or why there is none
void *sn_cuda_load(context *c, const uint32_t *words, uint32_t n);
void sn_cuda_unload(void *p);
// The device (cuda.c).
void sn_cuda_enter(void);              // the calling thread works with the device from here on
// Tasks (stream.c).
const char *sn_cuda_open_streams(void);
void sn_cuda_enqueue(task *t);
void sn_cuda_reap(void);
void sn_cuda_hurry(void);
extern _Atomic uint64_t sn_cuda_counts[SN_CUDA_COUNTS];
// Matrix products (gemm.c): puts one on a stream; 0, or a code with its text.
int sn_cuda_gemm(const sn_call *call, const char *type, CUstream stream);
const char *sn_cuda_blas(void);        // whose they are
