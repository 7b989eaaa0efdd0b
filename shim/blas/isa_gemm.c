// isa_gemm.c: the kernels that profit from wide vectors, compiled once per instruction set: matrix products and the kernels of the decompositions.
#include "blas.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#define INL static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define KC 384
#define TO6(X) X(1) X(2) X(3) X(4) X(5) X(6)
#if defined(__AVX512F__)
#define VB 64
#define MR 14
#define NV 2
#define EACH_MR(X) TO6(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif defined(__AVX2__)
#define VB 32
#define MR 6
#define NV 2
#define EACH_MR(X) TO6(X)
#elif defined(__aarch64__)
#define VB 16
#define MR 8
#define NV 3
#define EACH_MR(X) TO6(X) X(7) X(8)
#else
#define VB 16
#define MR 4
#define NV 2
#define EACH_MR(X) X(1) X(2) X(3) X(4)
#endif
#if defined(__FMA__) || defined(__aarch64__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
// ---- 16-bit floats --------------------------------------------------------------------------------------------------
typedef uint16_t v16 __attribute__((vector_size(VB / 2)));
typedef uint32_t v32 __attribute__((vector_size(VB)));
typedef float vf32 __attribute__((vector_size(VB)));
#if defined(__F16C__) || defined(__aarch64__)
typedef _Float16 vf16 __attribute__((vector_size(VB / 2)));
INL vf32 widen16(const uint16_t *p) { vf16 h; memcpy(&h, p, sizeof h); return __builtin_convertvector(h, vf32); }
INL float get16(uint16_t h) { _Float16 x; memcpy(&x, &h, 2); return (float)x; }
INL uint16_t put16(float x) { _Float16 h = (_Float16)x; uint16_t u; memcpy(&u, &h, 2); return u; }
#else
// exponent and mantissa moved into place and scaled by 2^112, which is exact for denormals too; beyond 65504 it was an infinity or NaN
INL vf32 widen16(const uint16_t *p) {
  v16 h; memcpy(&h, p, sizeof h); v32 u = __builtin_convertvector(h, v32), s = (u & 0x8000) << 16; vf32 f = (vf32)((u & 0x7fff) << 13) * 0x1p112f;
  return (vf32)((v32)f | ((v32)(f >= 65536.0f) & 0x7f800000) | s);
}
INL float get16(uint16_t h) { uint32_t u = (uint32_t)(h & 0x7fff) << 13, s = (uint32_t)(h & 0x8000) << 16; float f; memcpy(&f, &u, 4); f *= 0x1p112f; memcpy(&u, &f, 4); if (f >= 65536.0f) u |= 0x7f800000; u |= s; memcpy(&f, &u, 4); return f; }
INL uint16_t put16(float x) {
  uint32_t u, s; memcpy(&u, &x, 4); s = u >> 16 & 0x8000; u &= 0x7fffffff;
  if (u > 0x7f800000) return (uint16_t)(s | 0x7e00);
  if (u >= 0x477ff000) return (uint16_t)(s | 0x7c00);
  if (u < 0x38800000) { float a; memcpy(&a, &u, 4); a += 0.5f; memcpy(&u, &a, 4); return (uint16_t)(s | (u - 0x3f000000)); }   // the sum rounds to the denormal's unit
  return (uint16_t)(s | ((u + 0xfff + (u >> 13 & 1) - 0x38000000) >> 13));
}
#endif
// ---- f32, f64 -------------------------------------------------------------------------------------------------------
#define SH __builtin_shufflevector
#if VB == 64
#define ZIPLO_f32(a, b) SH(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIPHI_f32(a, b) SH(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define ZIPLO_f64(a, b) SH(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIPHI_f64(a, b) SH(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif VB == 32
#define ZIPLO_f32(a, b) SH(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIPHI_f32(a, b) SH(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define ZIPLO_f64(a, b) SH(a, b, 0, 4, 1, 5)
#define ZIPHI_f64(a, b) SH(a, b, 2, 6, 3, 7)
#else
#define ZIPLO_f32(a, b) SH(a, b, 0, 4, 1, 5)
#define ZIPHI_f32(a, b) SH(a, b, 2, 6, 3, 7)
#define ZIPLO_f64(a, b) SH(a, b, 0, 2)
#define ZIPHI_f64(a, b) SH(a, b, 1, 3)
#endif
typedef double vf64 __attribute__((vector_size(VB)));
INL vf32 ziplo_f32(vf32 a, vf32 b) { return ZIPLO_f32(a, b); }
INL vf32 ziphi_f32(vf32 a, vf32 b) { return ZIPHI_f32(a, b); }
INL vf64 ziplo_f64(vf64 a, vf64 b) { return ZIPLO_f64(a, b); }
INL vf64 ziphi_f64(vf64 a, vf64 b) { return ZIPHI_f64(a, b); }
#if VB == 32
INL __m256i lanes32(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
INL __m256i lanes64(int n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
#endif
#define T float
#define S(x) x##_f32
#define IS_F32 1
#define S1FMA(a, b, c) (HAS_FMA ? __builtin_fmaf(a, b, c) : (a) * (b) + (c))
#define MASK_LD512(n, p) (vf32)_mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define MASK_ST512(n, p, v) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), (__m512)(v))
#define MASK_LD256(n, p) (vf32)_mm256_maskload_ps(p, lanes32(n))
#define MASK_ST256(n, p, v) _mm256_maskstore_ps(p, lanes32(n), (__m256)(v))
#include "gemm.h"
#define T double
#define S(x) x##_f64
#define IS_F32 0
#define S1FMA(a, b, c) (HAS_FMA ? __builtin_fma(a, b, c) : (a) * (b) + (c))
#define MASK_LD512(n, p) (vf64)_mm512_maskz_loadu_pd((__mmask8)((1u << (n)) - 1), p)
#define MASK_ST512(n, p, v) _mm512_mask_storeu_pd(p, (__mmask8)((1u << (n)) - 1), (__m512d)(v))
#define MASK_LD256(n, p) (vf64)_mm256_maskload_pd(p, lanes64(n))
#define MASK_ST256(n, p, v) _mm256_maskstore_pd(p, lanes64(n), (__m256d)(v))
#include "gemm.h"
// ---- integers: wrap like the type; signed and unsigned products agree in their low bits ------------------------------
#define INTEGER(U, W) \
static int gemm_##U(const bl_gemm *g, int part, int parts) { \
  int64_t i0 = g->M * part / parts, i1 = g->M * (part + 1) / parts; W al = (W)(int64_t)g->alpha, be = (W)(int64_t)g->beta; U t[1024]; \
  const U *A = (const U *)g->A, *B = (const U *)g->B, *I = (const U *)g->I; U *C = (U *)g->C; \
  for (int64_t j0 = 0; j0 < g->N; j0 += 1024) for (int64_t i = i0; i < i1; i++) { \
    int64_t n = g->N - j0 < 1024 ? g->N - j0 : 1024; memset(t, 0, sizeof t); \
    for (int64_t p = 0; p < g->K; p++) { \
      U a = A[i * g->ars + p * g->acs]; const U *b = B + p * g->brs + j0 * g->bcs; \
      if (g->bcs == 1) for (int64_t j = 0; j < n; j++) t[j] += (U)((W)a * b[j]); else for (int64_t j = 0; j < n; j++) t[j] += (U)((W)a * b[j * g->bcs]); \
    } \
    for (int64_t j = 0; j < n; j++) { W v = al * t[j]; if (I) v += be * I[i * g->irs + (j0 + j) * g->ics]; C[i * g->crs + (j0 + j) * g->ccs] = (U)v; } \
  } \
  return 0; \
}
INTEGER(uint8_t, uint32_t) INTEGER(uint16_t, uint32_t) INTEGER(uint32_t, uint32_t) INTEGER(uint64_t, uint64_t)
// ---- plane rotations of pairs of rows: stripes of 8 vectors, the row that the next rotation shares stays in registers --
static void rotate(double *x, int64_t ld, int64_t cols, const bl_rot *r, int64_t n) {
  enum { L = VB / 8, S = 8 };
  int64_t c = 0;
  for (; c + S * L <= cols; c += S * L) {
    vf64 h[S]; int64_t held = -1;
    for (int64_t q = 0; q < n; q++) {
      double *a = x + r[q].i * ld + c, *b = x + r[q].j * ld + c; vf64 co = splat_f64(r[q].c), si = splat_f64(r[q].s);
      int64_t next = q + 1 < n ? (r[q + 1].i == r[q].i || r[q + 1].j == r[q].i ? r[q].i : r[q].j) : -1;
      if (held == r[q].i) UNROLL for (int k = 0; k < S; k++) { vf64 u = h[k], v = ld_f64(b + k * L), w = fma_f64(co, u, si * v); v = fma_f64(co, v, -(si * u)); if (next == r[q].i) { h[k] = w; st_f64(b + k * L, v); } else { st_f64(a + k * L, w); h[k] = v; } }
      else if (held == r[q].j) UNROLL for (int k = 0; k < S; k++) { vf64 u = ld_f64(a + k * L), v = h[k], w = fma_f64(co, u, si * v); v = fma_f64(co, v, -(si * u)); if (next == r[q].i) { h[k] = w; st_f64(b + k * L, v); } else { st_f64(a + k * L, w); h[k] = v; } }
      else {
        if (held >= 0) UNROLL for (int k = 0; k < S; k++) st_f64(x + held * ld + c + k * L, h[k]);
        UNROLL for (int k = 0; k < S; k++) { vf64 u = ld_f64(a + k * L), v = ld_f64(b + k * L), w = fma_f64(co, u, si * v); v = fma_f64(co, v, -(si * u)); if (next == r[q].i) { h[k] = w; st_f64(b + k * L, v); } else { st_f64(a + k * L, w); h[k] = v; } }
      }
      held = next == r[q].i ? r[q].i : r[q].j;
    }
    if (held >= 0) UNROLL for (int k = 0; k < S; k++) st_f64(x + held * ld + c + k * L, h[k]);
  }
  for (int64_t q = 0; q < n && c < cols; q++) { double *a = x + r[q].i * ld, *b = x + r[q].j * ld, co = r[q].c, si = r[q].s; for (int64_t k = c; k < cols; k++) { double u = a[k], v = b[k]; a[k] = co * u + si * v; b[k] = co * v - si * u; } }
}
// ---- the sums over z_j^2 / (p_j - x) and z_j^2 / (p_j - x)^2, for x other than a pole and 0 -----------------------------
static void secular(const double *z, const double *p, int64_t n, double x, double *sum, double *slope) {
  enum { L = VB / 8 };
  vf64 s[2] = {0}, d[2] = {0}, xs = splat_f64(x);
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) UNROLL for (int k = 0; k < 2; k++) { vf64 a = ld_f64(z + i + k * L), t = a / (ld_f64(p + i + k * L) - xs); s[k] = fma_f64(a, t, s[k]); d[k] = fma_f64(t, t, d[k]); }
  for (; i < n; i += L) { int w = n - i < L ? (int)(n - i) : L; vf64 a = ldn_f64(z + i, w), t = a / (ldn_f64(p + i, w) - xs); s[0] = fma_f64(a, t, s[0]); d[0] = fma_f64(t, t, d[0]); }
  *sum = sum_f64(s[0] + s[1]); *slope = sum_f64(d[0] + d[1]);
}
#define FACTOR(t) trsm_##t, lu_columns_##t, chol_rows_##t, flip_##t, symv_##t, stripe_columns_##t, stripe_rows_##t,
#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
const bl_kernels CAT(bl_, ISA) = {{gemm_f32, gemm_f64, 0, gemm_uint8_t, gemm_uint16_t, gemm_uint32_t, gemm_uint64_t}, rotate, FACTOR(f32) FACTOR(f64) secular};
