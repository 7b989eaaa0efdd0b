// sort.c: sort and argsort of every storage: LSD radix by bytes with all histograms from one scan, insertion below 32 elements.
// Keys order as unsigned integers. NaN is last and all NaNs are equal; argsort is stable and holds -0 equal to 0, sort puts -0 first.
#include "blas.h"
#include <stdlib.h>
enum { K_BOOL, K_I8, K_U8, K_I16, K_U16, K_F16, K_BF16, K_I32, K_U32, K_F32, K_I64, K_U64, K_F64, K_C64 };
static const uint8_t bytes_of[] = {1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8, 8};
#define INL static inline __attribute__((always_inline))
INL uint32_t key32(uint32_t u, int zero) { if ((u & 0x7fffffff) > 0x7f800000) return 0xffffffff; if (zero && u == 0x80000000u) u = 0; return u ^ ((uint32_t)((int32_t)u >> 31) | 0x80000000u); }
INL uint32_t key16(uint32_t u, uint32_t inf, int zero) { if ((u & 0x7fff) > inf) return 0xffff; if (zero && u == 0x8000) u = 0; return u & 0x8000 ? u ^ 0xffff : u | 0x8000; }
// the key of the value at p; zero = -0 and 0 are equal
INL uint64_t key(const void *p, int t, int zero) {
  switch (t) {
    case K_BOOL: case K_U8: return *(const uint8_t *)p;
    case K_I8: return *(const uint8_t *)p ^ 0x80u;
    case K_I16: return *(const uint16_t *)p ^ 0x8000u;
    case K_U16: return *(const uint16_t *)p;
    case K_F16: return key16(*(const uint16_t *)p, 0x7c00, zero);
    case K_BF16: return key16(*(const uint16_t *)p, 0x7f80, zero);
    case K_I32: return *(const uint32_t *)p ^ 0x80000000u;
    case K_U32: return *(const uint32_t *)p;
    case K_F32: return key32(*(const uint32_t *)p, zero);
    case K_I64: return *(const uint64_t *)p ^ 1ull << 63;
    case K_U64: return *(const uint64_t *)p;
    case K_F64: { uint64_t u = *(const uint64_t *)p; if ((u & ~(1ull << 63)) > 0x7ffull << 52) return ~0ull; if (zero && u == 1ull << 63) u = 0; return u ^ ((uint64_t)((int64_t)u >> 63) | 1ull << 63); }
    default: {                                        // lexicographic; whatever holds a NaN is last, a NaN real part after a NaN imaginary part
      uint32_t re = key32(((const uint32_t *)p)[0], zero), im = key32(((const uint32_t *)p)[1], zero);
      return re == 0xffffffff ? 0xffffffffull << 32 | im : im == 0xffffffff ? 0xfffffffeull << 32 | re : (uint64_t)re << 32 | im; }
  }
}
INL void unkey(void *p, uint64_t k, int t) {
  uint32_t u = (uint32_t)k;
  switch (t) {
    case K_BOOL: case K_U8: *(uint8_t *)p = (uint8_t)k; break;
    case K_I8: *(uint8_t *)p = (uint8_t)(k ^ 0x80); break;
    case K_I16: *(uint16_t *)p = (uint16_t)(k ^ 0x8000); break;
    case K_U16: *(uint16_t *)p = (uint16_t)k; break;
    case K_F16: case K_BF16: *(uint16_t *)p = (uint16_t)(u & 0x8000 ? u ^ 0x8000 : u ^ 0xffff); break;
    case K_I32: *(uint32_t *)p = u ^ 0x80000000u; break;
    case K_U32: *(uint32_t *)p = u; break;
    case K_F32: *(uint32_t *)p = u ^ ((uint32_t)((int32_t)~u >> 31) | 0x80000000u); break;
    case K_I64: *(uint64_t *)p = k ^ 1ull << 63; break;
    case K_U64: *(uint64_t *)p = k; break;
    default: *(uint64_t *)p = k ^ ((uint64_t)((int64_t)~k >> 63) | 1ull << 63);
  }
}
typedef struct { uint64_t k, i; } pair64;
enum { WIDE = 64 };                                   // most parts of one array's pass
typedef struct { void *a, *b; int64_t n; int shift; uint32_t h[WIDE][256]; } pass;
// E an element with a key KEY(e) of B bytes; sorts a, using b of the same length, and returns the one that holds the result.
// parts > 1: one long array on all threads, pass by pass: every part counts its piece, then scatters it behind the parts before it.
#define RADIX(NAME, E, B, KEY) \
static void NAME##_count(void *arg, int part, int parts, int thread) { \
  (void)thread; pass *p = (pass *)arg; const E *a = (const E *)p->a; int64_t i = p->n * part / parts, e = p->n * (part + 1) / parts; uint32_t h[256] = {0}; \
  for (; i < e; i++) h[(uint64_t)KEY(a[i]) >> p->shift & 255]++; \
  memcpy(p->h[part], h, sizeof h); \
} \
static void NAME##_scatter(void *arg, int part, int parts, int thread) { \
  (void)thread; pass *p = (pass *)arg; const E *restrict a = (const E *)p->a; E *restrict b = (E *)p->b; int64_t i = p->n * part / parts, e = p->n * (part + 1) / parts; uint32_t h[256]; \
  memcpy(h, p->h[part], sizeof h); \
  for (; i < e; i++) { E x = a[i]; b[h[(uint64_t)KEY(x) >> p->shift & 255]++] = x; } \
} \
static E *NAME(E *restrict a, E *restrict b, int64_t n, int parts) { \
  if (parts > 1) { \
    pass p = {a, b, n, 0}; \
    for (int d = 0; d < B; d++) { \
      p.shift = 8 * d; sn_parallel(NAME##_count, &p, parts); \
      uint32_t s = 0; int one = 0; \
      for (int v = 0; v < 256; v++) { uint32_t before = s; for (int q = 0; q < parts; q++) { uint32_t c = p.h[q][v]; p.h[q][v] = s; s += c; } one |= s - before == n; } \
      if (one) continue; \
      sn_parallel(NAME##_scatter, &p, parts); void *t = p.a; p.a = p.b; p.b = t; \
    } \
    return (E *)p.a; \
  } \
  if (n < 32) { for (int64_t i = 1; i < n; i++) { E e = a[i]; int64_t j = i; for (; j > 0 && KEY(a[j - 1]) > KEY(e); j--) a[j] = a[j - 1]; a[j] = e; } return a; } \
  uint32_t h[B][256]; memset(h, 0, sizeof h); \
  for (int64_t i = 0; i < n; i++) { uint64_t k = KEY(a[i]); for (int d = 0; d < B; d++) h[d][k >> 8 * d & 255]++; } \
  uint64_t first = KEY(a[0]); \
  for (int d = 0; d < B; d++) { \
    if (h[d][first >> 8 * d & 255] == n) continue; \
    uint32_t s = 0; for (int i = 0; i < 256; i++) { uint32_t c = h[d][i]; h[d][i] = s; s += c; } \
    for (int64_t i = 0; i < n; i++) { E e = a[i]; b[h[d][(uint64_t)KEY(e) >> 8 * d & 255]++] = e; } \
    E *t = a; a = b; b = t; \
  } \
  return a; \
}
#define SELF(e) (e)
#define HIGH(e) ((e) >> 32)
#define PAIR(e) ((e).k)
RADIX(radix16, uint16_t, 2, SELF) RADIX(radix32, uint32_t, 4, SELF) RADIX(radix64, uint64_t, 8, SELF)
RADIX(pairs16, uint64_t, 2, HIGH) RADIX(pairs32, uint64_t, 4, HIGH) RADIX(pairs64, pair64, 8, PAIR)
typedef struct { const char *in; char *out; int64_t outer, n, os, as; int arg, failed; } job;
// One row. w: two arrays of n elements. Instantiated per storage, so that keys are computed inline.
INL void row(const char *in, int64_t st, char *out, int64_t n, int t, int arg, void *w, int parts) {
  int sz = bytes_of[t]; st *= sz;
  if (!arg && sz == 1) {                              // counting
    int64_t h[256] = {0}, o = 0; for (int64_t i = 0; i < n; i++) h[key(in + i * st, t, 0)]++;
    for (int v = 0; v < 256; v++) { uint8_t x; unkey(&x, (uint64_t)v, t); memset(out + o, x, (size_t)h[v]); o += h[v]; }
  } else if (arg && sz < 8) {
    uint64_t *a = (uint64_t *)w, *b = a + n; for (int64_t i = 0; i < n; i++) a[i] = key(in + i * st, t, 1) << 32 | (uint64_t)i;
    a = sz < 4 ? pairs16(a, b, n, parts) : pairs32(a, b, n, parts);
    for (int64_t i = 0; i < n; i++) ((uint32_t *)out)[i] = (uint32_t)a[i];
  } else if (arg || t == K_C64) {
    pair64 *a = (pair64 *)w, *b = a + n; for (int64_t i = 0; i < n; i++) a[i] = (pair64){key(in + i * st, t, 1), (uint64_t)i};
    a = pairs64(a, b, n, parts);
    if (arg) for (int64_t i = 0; i < n; i++) ((uint32_t *)out)[i] = (uint32_t)a[i].i;
    else for (int64_t i = 0; i < n; i++) memcpy(out + i * 8, in + (int64_t)a[i].i * st, 8);
  } else if (sz == 2) {
    uint16_t *a = (uint16_t *)w, *b = a + n; for (int64_t i = 0; i < n; i++) a[i] = (uint16_t)key(in + i * st, t, 0);
    a = radix16(a, b, n, parts); for (int64_t i = 0; i < n; i++) unkey(out + i * sz, a[i], t);
  } else if (sz == 4) {
    uint32_t *a = (uint32_t *)w, *b = a + n; for (int64_t i = 0; i < n; i++) a[i] = (uint32_t)key(in + i * st, t, 0);
    a = radix32(a, b, n, parts); for (int64_t i = 0; i < n; i++) unkey(out + i * sz, a[i], t);
  } else {
    uint64_t *a = (uint64_t *)w, *b = a + n; for (int64_t i = 0; i < n; i++) a[i] = key(in + i * st, t, 0);
    a = radix64(a, b, n, parts); for (int64_t i = 0; i < n; i++) unkey(out + i * sz, a[i], t);
  }
}
static int run(sn_call *c, int t, int arg, sn_job fn) {
  job j = {(const char *)c->p[0], (char *)c->p[1], c->n[0], c->n[1], c->n[2], c->n[3], arg, 0};
  if (j.n > 0xffffffffll) return bl_fail(c, "sort: an axis has at most 2^32 - 1 elements");
  int64_t parts = j.outer * j.n < 16384 ? 1 : 4 * (int64_t)sn_threads(); if (parts > j.outer) parts = j.outer;
  if (parts == 1) fn(&j, 0, 1, 0); else sn_parallel(fn, &j, (int)parts);
  return j.failed ? bl_fail(c, "Not enough memory to sort") : 0;
}
#define SORT(name, t) \
static void part_##name(void *arg, int part, int parts, int thread) { \
  (void)thread; job *j = (job *)arg; int sz = bytes_of[t], osz = j->arg ? 4 : sz; \
  void *w = sn_scratch((size_t)j->n * 2 * (j->arg ? (sz < 8 ? 8 : 16) : t == K_C64 ? 16 : sz) + 64); if (!w) { __atomic_store_n(&j->failed, 1, __ATOMIC_RELAXED); return; } \
  int one = j->outer > 1 || j->n < 1 << 17 ? 1 : sn_threads() < WIDE ? sn_threads() : WIDE; \
  for (int64_t r = j->outer * part / parts, e = j->outer * (part + 1) / parts; r < e; r++) { \
    const char *in = j->in + r * j->os * sz; char *out = j->out + r * j->n * osz; \
    if (j->arg) row(in, j->as, out, j->n, t, 1, w, one); else row(in, j->as, out, j->n, t, 0, w, one); \
  } \
} \
int bl_sort_##name(sn_call *c) { return run(c, t, 0, part_##name); } \
int bl_argsort_##name(sn_call *c) { return run(c, t, 1, part_##name); }
SORT(bool, K_BOOL) SORT(i8, K_I8) SORT(u8, K_U8) SORT(i16, K_I16) SORT(u16, K_U16) SORT(f16, K_F16) SORT(bf16, K_BF16)
SORT(i32, K_I32) SORT(u32, K_U32) SORT(f32, K_F32) SORT(i64, K_I64) SORT(u64, K_U64) SORT(f64, K_F64) SORT(c64, K_C64)
int bl_copy(sn_call *c) { memmove(c->p[1], c->p[0], (size_t)c->n[0]); return 0; }
