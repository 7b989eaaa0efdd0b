// blas.h: what the files of this folder share: the description of a matrix product and the kernels compiled per instruction set.
#pragma once
#include "../calls.h"
#include <string.h>
typedef struct {
  const void *A, *B, *I; void *C;                     // C = alpha A B + beta I; I may be null and may be C
  int64_t M, N, K, ars, acs, brs, bcs, crs, ccs, irs, ics;
  double alpha, beta;
  int kind;                                           // storage of every matrix: BL_OWN, or a 16-bit float that is computed in f32
} bl_gemm;
// The transposed product, where C lies by columns.
static inline void bl_by_rows(bl_gemm *g) {
  if (g->ccs == 1 || g->crs != 1) return;
  const bl_gemm h = *g;
  g->A = h.B; g->B = h.A; g->M = h.N; g->N = h.M; g->ars = h.bcs; g->acs = h.brs; g->brs = h.acs; g->bcs = h.ars; g->crs = h.ccs; g->ccs = 1; g->irs = h.ics; g->ics = h.irs;
}
enum { BL_OWN, BL_F16, BL_BF16 };
enum { BL_F32, BL_F64, BL_C64, BL_I8, BL_I16, BL_I32, BL_I64 };
enum { BL_TRIANGLE = 64 };                            // rows of the largest triangle that is solved directly
typedef struct { int32_t i, j; double c, s; } bl_rot; // rows: x_i = c x_i + s x_j, x_j = c x_j - s x_i
// One part of a product (C is cut the same way whenever M, N and the strides of C are the same); non-zero = no memory.
typedef int (*bl_gemm_fn)(const bl_gemm *g, int part, int parts);
typedef struct {
  bl_gemm_fn gemm[7];                                 // by BL_F32..; the C64 entry is null: it is four f32 products
  void (*rotate)(double *x, int64_t ld, int64_t cols, const bl_rot *r, int64_t n);
#define BL_FACTOR(T, t) \
  void (*trsm_##t)(int64_t n, int64_t m, const T *A, int64_t rs, int64_t cs, int unit, T *B, int64_t brs); \
  void (*lu_columns_##t)(int64_t m, int64_t n, T *A, int64_t ld, uint32_t *piv); \
  int (*chol_rows_##t)(int64_t n, T *A, int64_t ld); \
  void (*flip_##t)(T *d, int64_t ds, const T *s, int64_t ss, int64_t m, int64_t n); \
  void (*symv_##t)(const T *A, int64_t ld, int64_t n, int64_t r0, int64_t r1, const T *x, T *y); \
  void (*stripe_columns_##t)(int64_t m, const T *a, int64_t width, const T *u, T *y); \
  void (*stripe_rows_##t)(int64_t m, const T *a, int64_t width, const T *x, T *w);
  BL_FACTOR(float, f32) BL_FACTOR(double, f64)        // factor.h
#undef BL_FACTOR
  void (*secular)(const double *z, const double *p, int64_t n, double x, double *sum, double *slope);
} bl_kernels;
extern const bl_kernels bl_base, bl_avx2, bl_avx512;
const bl_kernels *bl_isa(void);
int64_t bl_block(void);                               // bytes of a right side that are packed at once: a part of the second cache
// One whole product on the pool; non-zero = no memory.
int bl_gemm_run(const bl_gemm *g, int type);
int bl_gemm_part(const bl_gemm *g, int type, int part, int parts);
// The vendor's library, if there is one: 1 = it has done the product.
int bl_vendor_gemm(const bl_gemm *g, int type);
// A routine of its LAPACK by the Fortran name without underscore, or null; and whether its integers have 64 bits. Known once it is open.
int bl_vendor_open(void);                             // opens it, once: 1 = there is one whose LAPACK is wanted
void (*bl_vendor_fortran(const char *name))(void);
int bl_vendor_wide(void);
// One matrix of a batch; returns a code of lapack.h. The vendor's way of a routine ("eigh", "svd" ...), or null: there is none, or the matrices are small.
typedef int (*bl_each)(const sn_call *c, int64_t b);
bl_each bl_vendor_each(const sn_call *c, const char *routine, int type);
int bl_vendor_lapack(void);                           // whether there is any
int bl_fail(sn_call *c, const char *text);
// extent.c: by the rules that signatures spell (see table.c), and that of products
int bl_extents(const sn_call *c, const char *signature, int bytes, sn_extent *e);
int bl_gemm_extents(const sn_call *c, const char *signature, int bytes, sn_extent *e);
#define BL_NO_MEMORY "Not enough memory for the work space of a matrix routine"
// routines of the other files
#define BL_GEMM_TYPES(X) X(f32) X(f64) X(f16) X(bf16) X(c64) X(i8) X(i16) X(i32) X(i64)
#define X(t) int bl_gemm_##t(sn_call *c);
BL_GEMM_TYPES(X)
#undef X
