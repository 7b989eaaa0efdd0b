// cuda.h: what the parts of the CUDA device share.
#pragma once
#include "driver.h"
#include "../base/source.h"
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
const char *sn_cuda_lost(void);        // why nothing runs on the device any more, or null
extern _Atomic uint64_t sn_cuda_counts[SN_CUDA_COUNTS];
// A launch as the driver takes it; null, or what is wrong with the words (from the program on).
typedef struct sn_launching { launch l; CUfunction function; CUdeviceptr pointers[MOST_BUFFERS]; void *arguments[MOST_BUFFERS + 1]; } sn_launching;
const char *sn_cuda_read(const task *t, const uint32_t *w, uint32_t n, sn_launching *x);
// Graphs (graph.c): runs the commands of a task as one, if they are worth it and the time has come; else 0, and nothing was done. `encode` puts a command
// on a stream; 1 if that was good. `launches`: how many it has.
typedef int (*sn_encode)(void *job, const uint32_t *command, CUstream stream);
void sn_cuda_open_graphs(void);
int sn_cuda_replay(const task *t, CUstream stream, sn_encode encode, void *job, uint32_t *launches);
// The same of passes of a loop, which keeps the graph.
int sn_cuda_pass(passes *p, CUstream stream, sn_encode encode, void *job, uint32_t *launches);
void sn_cuda_forget_passes(void *kept);
void sn_cuda_forget_graphs(void);      // a program has ended
int sn_cuda_records(CUstream stream);  // whether what is put on a stream becomes part of a graph
// SINTER_CUDA_OWN=1: no library of CUDA's is opened (cuda.c).
int sn_cuda_own(void);
// Matrix products (gemm.c, own.c): puts one on a stream; 0, or a code with its text.
int sn_cuda_gemm(const sn_call *call, const char *type, CUstream stream);
const char *sn_cuda_blas(void);        // whose they are
// One product: M x N x K, strides of A, B, C and what is added, and axes of batches with a step of each.
#define MOST_AXES 16
typedef struct product { int64_t M, N, K, stride[8], across, tiles; int32_t axes, adds; double alpha, beta; struct { int64_t n, step[4]; } axis[MOST_AXES]; } product;
// A type of elements, and its number in cuBLASLt (-1: none).
typedef struct element { const char *name; int bytes, lt; } element;
extern const element sn_cuda_elements[];   // ends with a null name
int sn_cuda_own_gemm(const sn_call *call, int element, product g, void *const *p, CUstream stream);
// Factorisations and systems (solver.c).
int sn_cuda_solves(void);              // whether the libraries are there
// Puts one on a stream, and there what writes a verdict if it finds that it failed; 0, or a code with its text. Waits for the device: one thread calls it.
int sn_cuda_solve(const sn_call *call, const char *routine, CUstream stream, int *verdict);
const char *sn_cuda_verdict(int verdict);
int sn_cuda_late(uint32_t routine);    // whether a routine is one of these
