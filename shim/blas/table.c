// table.c: the names under which SN_CALL finds the routines of this folder, each with its signature: pointers | integers | numbers.
#include "blas.h"
#define GEMM "A, B, C(out) [, Cin] | M, N, K, A row, A col, B row, B col, C row, C col, Cin row, Cin col, batch axes, then per axis: size, A, B, C, Cin | alpha, beta"
const sn_routine_entry sn_blas_routines[] = {
  {"gemm.f32", bl_gemm_f32, GEMM}, {"gemm.f64", bl_gemm_f64, GEMM}, {"gemm.f16", bl_gemm_f16, GEMM}, {"gemm.bf16", bl_gemm_bf16, GEMM}, {"gemm.c64", bl_gemm_c64, GEMM},
  {"gemm.i8", bl_gemm_i8, GEMM}, {"gemm.u8", bl_gemm_i8, GEMM}, {"gemm.i16", bl_gemm_i16, GEMM}, {"gemm.u16", bl_gemm_i16, GEMM},
  {"gemm.i32", bl_gemm_i32, GEMM}, {"gemm.u32", bl_gemm_i32, GEMM}, {"gemm.i64", bl_gemm_i64, GEMM}, {"gemm.u64", bl_gemm_i64, GEMM},
  {0, 0, 0}
};
