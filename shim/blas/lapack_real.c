// lapack_real.c: the decompositions of real matrices in both types, and the routines that batches call.
#include "lapack.h"
#define KERNEL(x) bl_isa()->S(x)
#define T float
#define TYPE BL_F32
#define S(x) x##_f32
#define MUL bl_mul_f32
#define OWN bl_own_f32
#define FABS fabsf
#define EPS FLT_EPSILON
#include "lapack_reduce.h"
#include "lapack_dense.h"
#include "lapack_dc.h"
#include "lapack_spectral.h"
#undef T
#undef TYPE
#undef S
#undef MUL
#undef OWN
#undef FABS
#undef EPS
#define T double
#define TYPE BL_F64
#define S(x) x##_f64
#define MUL bl_mul_f64
#define OWN bl_own_f64
#define FABS fabs
#define EPS DBL_EPSILON
#include "lapack_reduce.h"
#include "lapack_dense.h"
#include "lapack_dc.h"
#include "lapack_spectral.h"
static int eigh_each32(const sn_call *c, int64_t b) { return c->n[1] <= BL_LEAF ? eigh_f64(c, b, 0) : eigh_f32(c, b, 0); }
static int eigh_each64(const sn_call *c, int64_t b) { return eigh_f64(c, b, 1); }
static int svd_each32(const sn_call *c, int64_t b) { return c->n[1] * c->n[2] <= BL_LEAF * BL_LEAF ? svd_f64(c, b, 0) : svd_f32(c, b, 0); }
static int svd_each64(const sn_call *c, int64_t b) { return svd_f64(c, b, 1); }
static double cube(const sn_call *c) { return 8.0 * (double)c->n[1] * (double)c->n[1] * (double)c->n[1]; }
static double box(const sn_call *c) { return 10.0 * (double)c->n[1] * (double)c->n[2] * (double)(c->n[1] < c->n[2] ? c->n[1] : c->n[2]); }
int bl_eigh_f32(sn_call *c) { return bl_batch(c, "eigh", BL_F32, cube(c), eigh_each32); }
int bl_eigh_f64(sn_call *c) { return bl_batch(c, "eigh", BL_F64, cube(c), eigh_each64); }
int bl_svd_f32(sn_call *c) { return bl_batch(c, "svd", BL_F32, box(c), svd_each32); }
int bl_svd_f64(sn_call *c) { return bl_batch(c, "svd", BL_F64, box(c), svd_each64); }
