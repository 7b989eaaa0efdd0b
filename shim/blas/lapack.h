// lapack.h: what the decompositions share: in-place products, batches, and the tools of the spectral ones in f64.
#pragma once
#include "blas.h"
#include <math.h>
#include <stdlib.h>
#include <float.h>
enum { BL_OK, BL_MEMORY, BL_SINGULAR, BL_DIVERGED, BL_REFUSED };   // refused: by a vendor's routine, to our own
// Runs the batch: whole matrices per thread when there are enough of them (work = multiplications per matrix), else one by one on all threads.
// Large matrices go to the vendor's routine, if there is one, one by one, so that the number of threads makes no difference.
int bl_batch(sn_call *c, const char *name, int type, double work, bl_each each);
// A factorisation of blocks of which the first `panels` become panels: update(k, j) brings panel k to a later block, in the order of k, and
// panel(j) follows the last of its updates. A code other than 0 ends it.
typedef struct { void *arg; int64_t blocks, panels; int (*panel)(void *arg, int64_t k), (*update)(void *arg, int64_t k, int64_t j); } bl_flow;
int bl_flow_run(const bl_flow *f, double work);
// Runs fn for the parts first <= part < end. A thread takes the same ones whenever it can, so that what they work on stays in its cache.
void bl_sticky(sn_job fn, void *arg, int64_t first, int64_t end);
// C = alpha A B + beta C: on all threads or by a vendor's routine, and on the calling thread by our own, for the parts of a job
#define BL_PRODUCT(T) int64_t M, int64_t N, int64_t K, double alpha, const T *A, int64_t ars, int64_t acs, const T *B, int64_t brs, int64_t bcs, double beta, T *C, int64_t crs, int64_t ccs
int bl_mul_f32(BL_PRODUCT(float)), bl_own_f32(BL_PRODUCT(float));
int bl_mul_f64(BL_PRODUCT(double)), bl_own_f64(BL_PRODUCT(double));
// Applies rotations to the rows of X on all threads.
void bl_rotate(double *X, int64_t ld, int64_t cols, const bl_rot *r, int64_t n);
// max |x|; NaN or infinity if there is one
double bl_max(const double *x, int64_t n);
double bl_negligible(double most);
// A pole of the secular equation with its weight and its vector; also a value that is sorted with its vector. NaN stays where it is.
typedef struct { double d, z; int64_t row; int side; } bl_pole;
enum { BL_LEFT, BL_BOTH, BL_RIGHT };
int bl_ascending(const void *a, const void *b);
int bl_descending(const void *a, const void *b);
// Matrices of at most this size are iterated; larger ones are divided.
enum { BL_LEAF = 64 };
// Eigenvalues of the symmetric tridiagonal d, e over d, by implicit QL; rotations act on the n rows of X (ld long), if there is one.
int bl_ql(double *d, double *e, int64_t n, double *X, int64_t ld);
// Singular values of the upper bidiagonal s, e over s, by implicit QR; rotations act on the rows of X (left) and Y, if there are any.
// A last row of zeros keeps its place and its row of X.
int bl_bidiagonal_qr(double *s, double *e, int64_t n, double *X, double *Y, int64_t ld);
// Root i of 1 + sum z_j^2 / (d_j^2 - x^2), d ascending, as LAPACK's lasd4: returns x, and in g the d_j^2 - x^2 to high relative accuracy.
double bl_secular_root(const double *d, const double *z, int64_t n, int64_t i, double *g);
// Column j of V (n x n, complex64) := an eigenvector (im may be null) scaled to 2-norm 1 and, if complex, a real largest element.
void bl_put_eigenvector(float *V, int64_t n, int64_t j, const double *re, const double *im, int64_t stride);
