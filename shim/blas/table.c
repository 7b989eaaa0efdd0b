// table.c: the names under which SN_CALL finds the routines of this folder, each with its signature: pointers | integers | numbers.
// A pointer is a name and the axes of what lies there, letters among the integers: "bmn" is a contiguous array of b x m x n elements and
// "i@s" an axis of i steps of stride s; "/4" gives the bytes of an element, "?" may be left out or null. k is min(m, n); u is m and v is n
// if `full` is not 0, else both are k. Integers of one letter are sizes and strides. The extents of a call are computed from this text.
#include "blas.h"
#define GEMM "A, B, C(out), Cin (optional) | M, N, K, A row, A col, B row, B col, C row, C col, Cin row, Cin col, batch axes, then per axis: size, A, B, C, Cin | alpha, beta, 1 if factors of f32 may be TF32 (optional)"
#define SORT "in i@sn@t, out in | i, n, s, t |"
#define ARGSORT "in i@sn@t, out in/4 | i, n, s, t |"
#define SORTS(X) X(bool, 1) X(i8, 1) X(u8, 1) X(i16, 2) X(u16, 2) X(f16, 2) X(bf16, 2) X(i32, 4) X(u32, 4) X(f32, 4) X(i64, 8) X(u64, 8) X(f64, 8) X(c64, 8)
#define X(t, bytes) int bl_sort_##t(sn_call *c); int bl_argsort_##t(sn_call *c);
SORTS(X)
#undef X
#define SPECTRAL(X, t, bytes) \
  X(eigh, t, bytes, "A bnn, W bn" REAL ", V bnn? | b, n, lower |") X(svd, t, bytes, "A bmn, S bk" REAL ", U bmu?, Vt bvn? | b, m, n, full |") \
  X(eig, t, bytes, "A bnn, W bn/8, V bnn/8? | b, n |")
#define DENSE(X, t, bytes) \
  X(qr, t, bytes, "A bmn, Q bmk, R bkn | b, m, n |") X(lu, t, bytes, "A bmn, LU bmn, pivots bk/4, perm bm/4 | b, m, n |") \
  X(solve, t, bytes, "A bnn, B bnr, X bnr | b, n, r |") X(inv, t, bytes, "A bnn, out bnn | b, n |") X(cholesky, t, bytes, "A bnn, out bnn | b, n, upper |") \
  X(trisolve, t, bytes, "A bnn, B bnr, X bnr | b, n, r, upper |")
#define X(name, t, bytes, signature) int bl_##name##_##t(sn_call *c);
SPECTRAL(X, f32, 4) SPECTRAL(X, f64, 8) SPECTRAL(X, c64, 8) DENSE(X, f32, 4) DENSE(X, f64, 8)
#undef X
int bl_copy(sn_call *c);
const sn_routine_entry sn_blas_routines[] = {
#define X(t, as, bytes) {"gemm." #t, bl_gemm_##as, GEMM, bytes, bl_gemm_extents},
  X(f32, f32, 4) X(f64, f64, 8) X(f16, f16, 2) X(bf16, bf16, 2) X(c64, c64, 8)
  X(i8, i8, 1) X(i16, i16, 2) X(i32, i32, 4) X(i64, i64, 8) X(u8, i8, 1) X(u16, i16, 2) X(u32, i32, 4) X(u64, i64, 8)
#undef X
#define X(t, bytes) {"sort." #t, bl_sort_##t, SORT, bytes, bl_extents}, {"argsort." #t, bl_argsort_##t, ARGSORT, bytes, bl_extents},
  SORTS(X)
#undef X
#define X(name, t, bytes, signature) {#name "." #t, bl_##name##_##t, signature, bytes, bl_extents},
#define REAL ""
  SPECTRAL(X, f32, 4) SPECTRAL(X, f64, 8) DENSE(X, f32, 4) DENSE(X, f64, 8)
#undef REAL
#define REAL "/4"
  SPECTRAL(X, c64, 8)
#undef X
  {"copy", bl_copy, "in n, out n | n |", 1, bl_extents},
  {0, 0, 0, 0, 0}
};
