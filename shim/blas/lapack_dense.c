// lapack_dense.c: the decompositions of lapack_dense.h in both types.
#include "lapack.h"
#define T float
#define S(x) x##_f32
#define MUL bl_mul_f32
#define FABS fabsf
#include "lapack_dense.h"
#define T double
#define S(x) x##_f64
#define MUL bl_mul_f64
#define FABS fabs
#include "lapack_dense.h"
