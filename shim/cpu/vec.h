// vec.h: width-generic vectors from clang's vector extensions; the object's target features choose the width.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#define VB 64
#elif defined(__AVX2__)
#include <immintrin.h>
#define VB 32
#else
#define VB 16
#endif
#define W (VB / 4)
#define WD (VB / 8)
typedef float vf __attribute__((vector_size(VB)));
typedef int32_t vi __attribute__((vector_size(VB)));
typedef uint32_t vu __attribute__((vector_size(VB)));
typedef double vd __attribute__((vector_size(VB)));
typedef int64_t vl __attribute__((vector_size(VB)));
typedef uint64_t vq __attribute__((vector_size(VB)));
typedef float vh __attribute__((vector_size(VB / 2)));
typedef vf vfu __attribute__((aligned(1), may_alias));
#define INL static inline __attribute__((always_inline))
INL vf ld(const void *p) { return *(const vfu *)p; }
INL void st(void *p, vf v) { *(vfu *)p = v; }
// The first n lanes, or all if there are fewer.
INL void stn(void *p, vf v, size_t n) {
  if (n >= W) { st(p, v); return; }
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), (__m256)v);
#else
  memcpy(p, &v, n * 4);
#endif
}
INL vf splat(float x) { return x - (vf){0}; }
INL vd splatd(double x) { return x - (vd){0}; }
INL vl splatl(int64_t x) { return x - (vl){0}; }
INL vf sel(vi m, vf a, vf b) { return (vf)((m & (vi)a) | (~m & (vi)b)); }
INL vd seld(vl m, vd a, vd b) { return (vd)((m & (vl)a) | (~m & (vl)b)); }
INL vl seli(vl m, vl a, vl b) { return (m & a) | (~m & b); }
INL vf vabs(vf x) { return (vf)((vi)x & 0x7fffffff); }
