// table.c: the names under which SN_CALL finds the routines of this folder, each with its signature: pointers | integers | numbers.
#include "blas.h"
#define GEMM "A, B, C(out), Cin (optional) | M, N, K, A row, A col, B row, B col, C row, C col, Cin row, Cin col, batch axes, then per axis: size, A, B, C, Cin | alpha, beta"
#define SORT "in, out (outer, n) | outer, n, outer stride, axis stride |"
#define SORTS(X) X(bool) X(i8) X(u8) X(i16) X(u16) X(f16) X(bf16) X(i32) X(u32) X(f32) X(i64) X(u64) X(f64) X(c64)
#define X(t) int bl_sort_##t(sn_call *c); int bl_argsort_##t(sn_call *c);
SORTS(X)
#undef X
#define DENSE(X, t) \
  X(eigh, t, "A, W(out), V(out, optional) | batch, n, lower |") X(svd, t, "A, U(out), S(out), Vt(out) or A, S(out) | batch, m, n, full |") \
  X(qr, t, "A, Q(out), R(out) | batch, m, n |") X(lu, t, "A, LU(out), pivots(out, u32), perm(out, u32) | batch, m, n |") \
  X(solve, t, "A, B, X(out) | batch, n, columns of B |") X(inv, t, "A, out | batch, n |") X(cholesky, t, "A, out | batch, n, upper |") \
  X(trisolve, t, "A, B, X(out) | batch, n, columns of B, upper |") X(eig, t, "A, W(out, c64), V(out, c64, optional) | batch, n |")
#define X(name, t, signature) int bl_##name##_##t(sn_call *c);
DENSE(X, f32) DENSE(X, f64)
#undef X
int bl_eigh_c64(sn_call *c);
int bl_svd_c64(sn_call *c);
int bl_copy(sn_call *c);
const sn_routine_entry sn_blas_routines[] = {
#define X(t) {"gemm." #t, bl_gemm_##t, GEMM},
  BL_GEMM_TYPES(X) {"gemm.u8", bl_gemm_i8, GEMM}, {"gemm.u16", bl_gemm_i16, GEMM}, {"gemm.u32", bl_gemm_i32, GEMM}, {"gemm.u64", bl_gemm_i64, GEMM},
#undef X
#define X(t) {"sort." #t, bl_sort_##t, SORT}, {"argsort." #t, bl_argsort_##t, SORT},
  SORTS(X)
#undef X
#define X(name, t, signature) {#name "." #t, bl_##name##_##t, signature},
  DENSE(X, f32) DENSE(X, f64)
#undef X
  {"eigh.c64", bl_eigh_c64, "A, W(out, f32), V(out, optional) | batch, n, lower |"}, {"svd.c64", bl_svd_c64, "A, U(out), S(out, f32), Vt(out) or A, S(out, f32) | batch, m, n, full |"},
  {"copy", bl_copy, "in, out | bytes |"},
  {0, 0, 0}
};
