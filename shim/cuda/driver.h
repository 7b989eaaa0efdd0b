// driver.h: what the library uses of CUDA's driver, NVRTC, cuBLASLt, cuSOLVER and cuBLAS, declared here, so that none of them is needed to build. Types and
// numbers are those of their public interfaces.
#pragma once
#include <stddef.h>
#include <stdint.h>
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef int CUresult;                  // 0 = success
enum { CUDA_ERROR_OUT_OF_MEMORY = 2, CUDA_ERROR_NOT_READY = 600 };
enum { CU_STREAM_NON_BLOCKING = 1 };
enum { CU_EVENT_DISABLE_TIMING = 2 };  // one that a thread may sleep for holds the stream up
enum { CU_MOST_SHARED = 8 };            // an attribute of a function: bytes of threadgroup memory that a launch asks for
enum { CU_MULTIPROCESSORS = 16, CU_MAJOR = 75, CU_MINOR = 76 };       // attributes of a device

// X(the result, the name that sn_cuda has, the symbol, the arguments)
#define DRIVER(X) \
  X(CUresult, init, cuInit, (unsigned flags)) \
  X(CUresult, version, cuDriverGetVersion, (int *version)) \
  X(CUresult, count, cuDeviceGetCount, (int *count)) \
  X(CUresult, device_name, cuDeviceGetName, (char *name, int cap, int device)) \
  X(CUresult, attribute, cuDeviceGetAttribute, (int *value, int attribute, int device)) \
  X(CUresult, total, cuDeviceTotalMem_v2, (size_t *bytes, int device)) \
  X(CUresult, retain, cuDevicePrimaryCtxRetain, (CUcontext *context, int device)) \
  X(CUresult, set_current, cuCtxSetCurrent, (CUcontext context)) \
  X(CUresult, allocate, cuMemAlloc_v2, (CUdeviceptr *p, size_t bytes)) \
  X(CUresult, release, cuMemFree_v2, (CUdeviceptr p)) \
  X(CUresult, allocate_on, cuMemAllocAsync, (CUdeviceptr *p, size_t bytes, CUstream stream)) \
  X(CUresult, release_on, cuMemFreeAsync, (CUdeviceptr p, CUstream stream)) \
  X(CUresult, fill, cuMemsetD32Async, (CUdeviceptr p, unsigned word, size_t words, CUstream stream)) \
  X(CUresult, allocate_host, cuMemAllocHost_v2, (void **p, size_t bytes)) \
  X(CUresult, to_device, cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream)) \
  X(CUresult, to_host, cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream stream)) \
  X(CUresult, within, cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)) \
  X(CUresult, new_stream, cuStreamCreate, (CUstream *stream, unsigned flags)) \
  X(CUresult, stream_waits, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags)) \
  X(CUresult, new_event, cuEventCreate, (CUevent *event, unsigned flags)) \
  X(CUresult, end_event, cuEventDestroy_v2, (CUevent event)) \
  X(CUresult, elapsed, cuEventElapsedTime, (float *ms, CUevent from, CUevent to)) \
  X(CUresult, record, cuEventRecord, (CUevent event, CUstream stream)) \
  X(CUresult, query, cuEventQuery, (CUevent event)) \
  X(CUresult, load, cuModuleLoadData, (CUmodule *module, const void *image)) \
  X(CUresult, unload, cuModuleUnload, (CUmodule module)) \
  X(CUresult, function, cuModuleGetFunction, (CUfunction *function, CUmodule module, const char *name)) \
  X(CUresult, set_function, cuFuncSetAttribute, (CUfunction f, int attribute, int value)) \
  X(CUresult, launch, cuLaunchKernel, (CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned x, unsigned y, unsigned z, unsigned shared, CUstream stream, void **arguments, void **extra)) \
  X(CUresult, error_name, cuGetErrorName, (CUresult error, const char **name)) \
  X(CUresult, error_text, cuGetErrorString, (CUresult error, const char **text))

// Launches that may begin while what is before them ends, without which older drivers do.
enum { CU_ATTRIBUTE_OVERLAPS = 6 };
typedef struct CUattribute { int which; char padding[4]; union { char all[64]; int flag; } value; } CUattribute;
typedef struct CUlaunch { unsigned gx, gy, gz, x, y, z, shared; CUstream stream; CUattribute *attributes; unsigned count; } CUlaunch;
#define OVERLAPS(X) X(CUresult, launch, cuLaunchKernelEx, (const CUlaunch *launch, CUfunction f, void **arguments, void **extra))

// Graphs, without which an older driver does.
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUkernelNode { CUfunction function; unsigned gx, gy, gz, x, y, z, shared; void **arguments, **extra; void *kernel; CUcontext context; } CUkernelNode;
enum { CU_CAPTURE_RELAXED = 2 };
#define GRAPHS(X) \
  X(CUresult, begin, cuStreamBeginCapture_v2, (CUstream stream, int mode)) \
  X(CUresult, finish, cuStreamEndCapture, (CUstream stream, CUgraph *graph)) \
  X(CUresult, recorded, cuStreamGetCaptureInfo_v2, (CUstream stream, int *status, uint64_t *id, CUgraph *graph, const CUgraphNode **after, size_t *n)) \
  X(CUresult, instantiate, cuGraphInstantiateWithFlags, (CUgraphExec *exec, CUgraph graph, unsigned long long flags)) \
  X(CUresult, set, cuGraphExecKernelNodeSetParams_v2, (CUgraphExec exec, CUgraphNode node, const CUkernelNode *parameters)) \
  X(CUresult, launch, cuGraphLaunch, (CUgraphExec exec, CUstream stream)) \
  X(CUresult, end, cuGraphDestroy, (CUgraph graph)) \
  X(CUresult, end_exec, cuGraphExecDestroy, (CUgraphExec exec))

// Of newer ones alone: edges of launches that overlap.
typedef struct CUedge { unsigned char from, to, type, padding[5]; } CUedge;
#define EDGES(X) X(CUresult, recorded, cuStreamGetCaptureInfo_v3, (CUstream stream, int *status, uint64_t *id, CUgraph *graph, const CUgraphNode **after, const CUedge **edges, size_t *n))

typedef struct nvrtc_program *nvrtcProgram;
#define NVRTC(X) \
  X(int, version, nvrtcVersion, (int *major, int *minor)) \
  X(int, count_architectures, nvrtcGetNumSupportedArchs, (int *count)) \
  X(int, architectures, nvrtcGetSupportedArchs, (int *list)) \
  X(int, create, nvrtcCreateProgram, (nvrtcProgram *program, const char *text, const char *name, int headers, const char *const *header_texts, const char *const *header_names)) \
  X(int, compile, nvrtcCompileProgram, (nvrtcProgram program, int options, const char *const *option)) \
  X(int, log_size, nvrtcGetProgramLogSize, (nvrtcProgram program, size_t *bytes)) \
  X(int, log, nvrtcGetProgramLog, (nvrtcProgram program, char *text)) \
  X(int, code_size, nvrtcGetCUBINSize, (nvrtcProgram program, size_t *bytes)) \
  X(int, code, nvrtcGetCUBIN, (nvrtcProgram program, char *code)) \
  X(int, ptx_size, nvrtcGetPTXSize, (nvrtcProgram program, size_t *bytes)) \
  X(int, ptx, nvrtcGetPTX, (nvrtcProgram program, char *text)) \
  X(int, destroy, nvrtcDestroyProgram, (nvrtcProgram *program)) \
  X(const char *, error_text, nvrtcGetErrorString, (int error))

typedef struct { uint64_t data[8]; } cublasLtMatmulAlgo_t;
typedef struct { cublasLtMatmulAlgo_t algorithm; size_t workspace; int state; float waves; int reserved[4]; } cublasLtHeuristic;
enum { R_32F = 0, R_16F = 2, C_32F = 4, R_16BF = 14, COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77 };
enum { LAYOUT_BATCHES = 5, LAYOUT_BATCH_OFFSET = 6 };
enum { DESC_TRANSPOSE_A = 3, DESC_TRANSPOSE_B = 4, DESC_EPILOGUE = 7, DESC_BIAS = 8 };
enum { EPILOGUE_BIAS = 4 };
enum { PREFERENCE_WORKSPACE = 1, PREFERENCE_ALIGNMENT_A = 5, PREFERENCE_ALIGNMENT_B, PREFERENCE_ALIGNMENT_C, PREFERENCE_ALIGNMENT_D };
enum { ALGORITHM_ID, ALGORITHM_SPLITS = 2, ALGORITHM_REDUCTION, ALGORITHM_STAGES = 6, ALGORITHM_INNER };
#define BLASLT(X) \
  X(int, create, cublasLtCreate, (void **handle)) \
  X(int, new_product, cublasLtMatmulDescCreate, (void **product, int compute, int scale)) \
  X(int, end_product, cublasLtMatmulDescDestroy, (void *product)) \
  X(int, set_product, cublasLtMatmulDescSetAttribute, (void *product, int which, const void *value, size_t bytes)) \
  X(int, new_layout, cublasLtMatrixLayoutCreate, (void **layout, int type, uint64_t rows, uint64_t columns, int64_t ld)) \
  X(int, end_layout, cublasLtMatrixLayoutDestroy, (void *layout)) \
  X(int, set_layout, cublasLtMatrixLayoutSetAttribute, (void *layout, int which, const void *value, size_t bytes)) \
  X(int, new_preference, cublasLtMatmulPreferenceCreate, (void **preference)) \
  X(int, end_preference, cublasLtMatmulPreferenceDestroy, (void *preference)) \
  X(int, set_preference, cublasLtMatmulPreferenceSetAttribute, (void *preference, int which, const void *value, size_t bytes)) \
  X(int, heuristic, cublasLtMatmulAlgoGetHeuristic, (void *handle, void *product, void *a, void *b, void *c, void *d, void *preference, int wanted, cublasLtHeuristic *found, int *count)) \
  X(int, configuration, cublasLtMatmulAlgoConfigGetAttribute, (const cublasLtMatmulAlgo_t *algorithm, int which, void *value, size_t bytes, size_t *written)) \
  X(int, matmul, cublasLtMatmul, (void *handle, void *product, const void *alpha, const void *A, void *a, const void *B, void *b, const void *beta, const void *C, void *c, void *D, void *d, const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspace_bytes, CUstream stream)) \
  X(size_t, version, cublasLtGetVersion, (void))

#define MATRIX int type, void *A, int64_t lda
#define ROOM size_t *device_bytes, size_t *host_bytes
#define WORK void *device, size_t device_bytes, void *host, size_t host_bytes, int *info
#define SOLVER(X) \
  X(int, create, cusolverDnCreate, (void **handle)) \
  X(int, set_stream, cusolverDnSetStream, (void *handle, CUstream stream)) \
  X(int, new_parameters, cusolverDnCreateParams, (void **parameters)) \
  X(int, syevd_room, cusolverDnXsyevd_bufferSize, (void *handle, void *parameters, int vectors, int uplo, int64_t n, MATRIX, int values, void *W, int compute, ROOM)) \
  X(int, syevd, cusolverDnXsyevd, (void *handle, void *parameters, int vectors, int uplo, int64_t n, MATRIX, int values, void *W, int compute, WORK)) \
  X(int, gesvd_room, cusolverDnXgesvd_bufferSize, (void *handle, void *parameters, signed char u, signed char vt, int64_t m, int64_t n, MATRIX, int values, void *S, int utype, void *U, int64_t ldu, int vtype, void *Vt, int64_t ldvt, int compute, ROOM)) \
  X(int, gesvd, cusolverDnXgesvd, (void *handle, void *parameters, signed char u, signed char vt, int64_t m, int64_t n, MATRIX, int values, void *S, int utype, void *U, int64_t ldu, int vtype, void *Vt, int64_t ldvt, int compute, WORK)) \
  X(int, getrf_room, cusolverDnXgetrf_bufferSize, (void *handle, void *parameters, int64_t m, int64_t n, MATRIX, int compute, ROOM)) \
  X(int, getrf, cusolverDnXgetrf, (void *handle, void *parameters, int64_t m, int64_t n, MATRIX, int64_t *exchanges, int compute, WORK)) \
  X(int, getrs, cusolverDnXgetrs, (void *handle, void *parameters, int transposed, int64_t n, int64_t width, MATRIX, const int64_t *exchanges, int btype, void *B, int64_t ldb, int *info)) \
  X(int, potrf_room, cusolverDnXpotrf_bufferSize, (void *handle, void *parameters, int uplo, int64_t n, MATRIX, int compute, ROOM)) \
  X(int, potrf, cusolverDnXpotrf, (void *handle, void *parameters, int uplo, int64_t n, MATRIX, int compute, WORK)) \
  X(int, geqrf_room, cusolverDnXgeqrf_bufferSize, (void *handle, void *parameters, int64_t m, int64_t n, MATRIX, int tautype, void *tau, int compute, ROOM)) \
  X(int, geqrf, cusolverDnXgeqrf, (void *handle, void *parameters, int64_t m, int64_t n, MATRIX, int tautype, void *tau, int compute, WORK)) \
  X(int, orgqr_room, cusolverDnSorgqr_bufferSize, (void *handle, int m, int n, int k, const float *A, int lda, const float *tau, int *words)) \
  X(int, potrf_batched, cusolverDnSpotrfBatched, (void *handle, int uplo, int n, float *const *A, int lda, int *info, int batch)) \
  X(int, new_jacobi, cusolverDnCreateGesvdjInfo, (void **jacobi)) \
  X(int, gesvdj_room, cusolverDnSgesvdjBatched_bufferSize, (void *handle, int vectors, int m, int n, void *A, int lda, void *S, void *U, int ldu, void *V, int ldv, int *words, void *jacobi, int batch)) \
  X(int, gesvdj, cusolverDnSgesvdjBatched, (void *handle, int vectors, int m, int n, void *A, int lda, void *S, void *U, int ldu, void *V, int ldv, void *work, int words, int *info, void *jacobi, int batch)) \
  X(int, cgesvdj_room, cusolverDnCgesvdjBatched_bufferSize, (void *handle, int vectors, int m, int n, void *A, int lda, void *S, void *U, int ldu, void *V, int ldv, int *words, void *jacobi, int batch)) \
  X(int, cgesvdj, cusolverDnCgesvdjBatched, (void *handle, int vectors, int m, int n, void *A, int lda, void *S, void *U, int ldu, void *V, int ldv, void *work, int words, int *info, void *jacobi, int batch)) \
  X(int, orgqr, cusolverDnSorgqr, (void *handle, int m, int n, int k, float *A, int lda, const float *tau, float *work, int words, int *info))
// Of newer ones alone.
#define SOLVER_BATCHED(X) \
  X(int, syevd_room, cusolverDnXsyevBatched_bufferSize, (void *handle, void *parameters, int vectors, int uplo, int64_t n, MATRIX, int values, void *W, int compute, ROOM, int64_t batch)) \
  X(int, syevd, cusolverDnXsyevBatched, (void *handle, void *parameters, int vectors, int uplo, int64_t n, MATRIX, int values, void *W, int compute, WORK, int64_t batch))
#define BLAS(X) \
  X(int, create, cublasCreate_v2, (void **handle)) \
  X(int, set_stream, cublasSetStream_v2, (void *handle, CUstream stream)) \
  X(int, getrf_batched, cublasSgetrfBatched, (void *handle, int n, float *const *A, int lda, int *exchanges, int *info, int batch)) \
  X(int, getrs_batched, cublasSgetrsBatched, (void *handle, int transposed, int n, int width, float *const *A, int lda, const int *exchanges, float *const *B, int ldb, int *info, int batch)) \
  X(int, trsm_batched, cublasStrsmBatched, (void *handle, int side, int uplo, int transposed, int unit, int m, int n, const float *alpha, float *const *A, int lda, float *const *B, int ldb, int batch)) \
  X(int, trsm, cublasStrsm_v2, (void *handle, int side, int uplo, int transposed, int unit, int m, int n, const float *alpha, const float *A, int lda, float *B, int ldb))

#define FIELD(result, name, symbol, arguments) result (*name) arguments;
extern struct sn_cuda { DRIVER(FIELD) } sn_cuda;
extern struct sn_overlaps { OVERLAPS(FIELD) } sn_overlaps;
extern struct sn_graphs { GRAPHS(FIELD) } sn_graphs;
extern struct sn_edges { EDGES(FIELD) } sn_edges;
extern struct sn_nvrtc { NVRTC(FIELD) } sn_nvrtc;
extern struct sn_blaslt { BLASLT(FIELD) } sn_blaslt;
extern struct sn_solver { SOLVER(FIELD) } sn_solver;
extern struct sn_solver_batched { SOLVER_BATCHED(FIELD) } sn_solver_batched;
extern struct sn_blas { BLAS(FIELD) } sn_blas;
#undef FIELD
// Opens one of them; null, or why it cannot be used.
const char *sn_cuda_open(void);
const char *sn_cuda_bind_overlaps(void);   // of the driver, once that is open
const char *sn_cuda_bind_graphs(void);
const char *sn_cuda_bind_edges(void);
const char *sn_nvrtc_open(void);
const char *sn_blaslt_open(void);
const char *sn_solver_open(void);
const char *sn_blas_open(void);
// "NAME: text" of a driver's error.
const char *sn_cuda_text(CUresult error, char *text, size_t cap);
