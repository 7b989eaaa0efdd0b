// lapack.h: what the decompositions share: in-place products, batches, and the tools of the two-sided reductions (all in f64).
#pragma once
#include "blas.h"
#include <math.h>
#include <stdlib.h>
#include <float.h>
enum { BL_OK, BL_MEMORY, BL_SINGULAR, BL_DIVERGED };
// One matrix of a batch; returns a code above.
typedef int (*bl_each)(const sn_call *c, int64_t b);
// Runs the batch: whole matrices per thread when there are enough of them (work = multiplications per matrix), else one by one on all threads.
int bl_batch(sn_call *c, const char *name, int np, int nn, double work, bl_each each);
// C = alpha A B + beta C
int bl_mul_f32(int64_t M, int64_t N, int64_t K, double alpha, const float *A, int64_t ars, int64_t acs, const float *B, int64_t brs, int64_t bcs, double beta, float *C, int64_t crs, int64_t ccs);
int bl_mul_f64(int64_t M, int64_t N, int64_t K, double alpha, const double *A, int64_t ars, int64_t acs, const double *B, int64_t brs, int64_t bcs, double beta, double *C, int64_t crs, int64_t ccs);
// Householder vector of x (n elements, stride st): H x = beta e1 with H = I - tau v v^T, v[0] = 1 written over x; LAPACK's dlarfg. Returns beta.
double bl_house(double *x, int64_t n, double *tau);
// X (rows x n) := X (H_0 H_1 .. )^T for the nv reflectors in the rows of V (n long, row j zero before element j + off), X = identity on entry
int bl_form_q(double *X, int64_t rows, int64_t n, const double *V, int64_t nv, int64_t off, const double *tau);
// Applies rotations to the rows of X on all threads.
void bl_rotate(double *X, int64_t ld, int64_t cols, const bl_rot *r, int64_t n);
// max |x|; NaN or infinity if there is one
double bl_max(const double *x, int64_t n);
