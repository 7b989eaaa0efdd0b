// isa.c: the stages of the accumulator machine, compiled once for each instruction set with -DISA=<name>.
#include "tape.h"
#include "vec.h"
#include "vmath.h"
#include "dmath.h"
#include "lanes.h"
#define N8 (8 * W)
#if defined(_WIN32) && defined(__x86_64__)
#define ABI __attribute__((sysv_abi))
#else
#define ABI
#endif
#define REGS vf a0, vf a1, vf a2, vf a3, vf a4, vf a5, vf a6, vf a7
#define ARGS a0, a1, a2, a3, a4, a5, a6, a7
typedef ABI void (*stage_fn)(const stage *s, run *r, size_t i, size_t end, REGS);
#define STAGE(nm) static ABI void st_##nm(const stage *s, run *r, size_t i, size_t end, REGS)
#define NEXT __attribute__((musttail)) return ((stage_fn)s[1].fn)(s + 1, r, i, end, ARGS)
#define SPILL(T, t) T t[VB * 8 / sizeof(T)] __attribute__((aligned(64))); { vf *q_ = (vf *)t; q_[0] = a0; q_[1] = a1; q_[2] = a2; q_[3] = a3; q_[4] = a4; q_[5] = a5; q_[6] = a6; q_[7] = a7; }
#define FILL(t) { const vfu *q_ = (const vfu *)t; a0 = q_[0]; a1 = q_[1]; a2 = q_[2]; a3 = q_[3]; a4 = q_[4]; a5 = q_[5]; a6 = q_[6]; a7 = q_[7]; }
#define COUNT (end - i < r->step ? end - i : r->step)
#define A (s->a + (int64_t)i * s->am)
#define EACH(M) M(a0, 0) M(a1, 1) M(a2, 2) M(a3, 3) M(a4, 4) M(a5, 5) M(a6, 6) M(a7, 7)

// ---- memory: each load and store has a contiguous, a uniform and a general form ---------------------------------------------
static inline void general_start(const operand *m, size_t i, int64_t *at, int64_t *idx) {
  int64_t off = 0;
  for (int d = m->n_inner - 1; d >= 0; d--) { int64_t n = m->sizes[d]; idx[d] = (int64_t)i % n; i /= n; off += idx[d] * m->strides[d]; }
  *at = off;
}
static inline void general_next(const operand *m, int64_t *at, int64_t *idx) {
  for (int d = m->n_inner - 1; d >= 0; d--) { *at += m->strides[d]; if (++idx[d] < m->sizes[d]) return; *at -= m->strides[d] * m->sizes[d]; idx[d] = 0; }
}
#define FOR_FORMS(S, T, body_c, body) \
  STAGE(S) body_c \
  STAGE(S##_u) { size_t n = COUNT; const int64_t st_ = s->m->stride; body(T *p = (T *)s->a + (int64_t)i * st_;, p += st_;) } \
  STAGE(S##_g) { size_t n = COUNT; int64_t at, idx[16]; general_start(s->m, i, &at, idx); body(T *p = (T *)s->a + at;, general_next(s->m, &at, idx); p = (T *)s->a + at;) }
#define LOAD(S, T, R, widen) \
  FOR_FORMS(ld_##S, T, { const T *p = (const T *)s->a + i; R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); for (size_t k = 0; k < VB * 8 / sizeof(R); k++) { T v = p[k]; t[k] = widen; } FILL(t) NEXT; }, LOADBODY_##S)
#define LOOPLOAD(T, R, widen, init, next) { R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); init \
  if (!s->m->stride && s->m->n_inner == 1) { typedef R whole __attribute__((vector_size(VB))); T v = *p; const R x = widen; whole w; for (size_t k = 0; k < VB / sizeof(R); k++) w[k] = x; a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = (vf)w; NEXT; } memset(t, 0, sizeof t); for (size_t k = 0; k < n; k++) { T v = *p; t[k] = widen; next } FILL(t) NEXT; }
typedef struct { uint16_t bits; } bf16_t;
typedef _Float16 f16_t;
static inline float bf_to_f(bf16_t v) { union { uint32_t u; float f; } x = {(uint32_t)v.bits << 16}; return x.f; }
static inline bf16_t f_to_bf(float f) { union { float f; uint32_t u; } x = {f}; bf16_t r; if (f != f) r.bits = (uint16_t)(x.u >> 16 | 0x40); else r.bits = (uint16_t)((x.u + 0x7fff + (x.u >> 16 & 1)) >> 16); return r; }
#define LOADBODY_u8(init, next) LOOPLOAD(uint8_t, int32_t, v, init, next)
#define LOADBODY_i8(init, next) LOOPLOAD(int8_t, int32_t, v, init, next)
#define LOADBODY_u16(init, next) LOOPLOAD(uint16_t, int32_t, v, init, next)
#define LOADBODY_i16(init, next) LOOPLOAD(int16_t, int32_t, v, init, next)
#define LOADBODY_f16(init, next) LOOPLOAD(f16_t, float, (float)v, init, next)
#define LOADBODY_bf16(init, next) LOOPLOAD(bf16_t, float, bf_to_f(v), init, next)
#define LOADBODY_w32(init, next) LOOPLOAD(uint32_t, uint32_t, v, init, next)
#define LOADBODY_w64(init, next) LOOPLOAD(uint64_t, uint64_t, v, init, next)
LOAD(u8, uint8_t, int32_t, v) LOAD(i8, int8_t, int32_t, v) LOAD(u16, uint16_t, int32_t, v) LOAD(i16, int16_t, int32_t, v)
LOAD(f16, f16_t, float, (float)v) LOAD(bf16, bf16_t, float, bf_to_f(v))
#define E(v, k) v = ld(p + k * VB);
FOR_FORMS(ld_w32, uint32_t, { const char *p = s->a + i * 4; EACH(E) NEXT; }, LOADBODY_w32)
FOR_FORMS(ld_w64, uint64_t, { const char *p = s->a + i * 8; EACH(E) NEXT; }, LOADBODY_w64)
#undef E
typedef struct { float re, im; } c64_t;
#define LOADBODY_c64(init, next) { float t[N8] __attribute__((aligned(64))); memset(t, 0, sizeof t); init for (size_t k = 0; k < n; k++) { t[k] = p->re; t[N8 / 2 + k] = p->im; next } FILL(t) NEXT; }
FOR_FORMS(ld_c64, c64_t, { size_t n = COUNT; LOADBODY_c64(const c64_t *p = (const c64_t *)s->a + i;, p++;) }, LOADBODY_c64)

#define STORE(S, T, R, narrow) \
  FOR_FORMS(st_##S, T, { SPILL(R, t) size_t n = COUNT; T *p = (T *)s->a + i; if (n == VB * 8 / sizeof(R)) { for (size_t k = 0; k < VB * 8 / sizeof(R); k++) { R v = t[k]; p[k] = narrow; } } else for (size_t k = 0; k < n; k++) { R v = t[k]; p[k] = narrow; } NEXT; }, STOREBODY_##S) \
  STAGE(st1_##S) { SPILL(R, t) R v = t[0]; *(T *)s->a = narrow; NEXT; }
#define LOOPSTORE(T, R, narrow, init, next) { SPILL(R, t) init for (size_t k = 0; k < n; k++) { R v = t[k]; *p = narrow; next } NEXT; }
#define STOREBODY_u8(init, next) LOOPSTORE(uint8_t, int32_t, (uint8_t)v, init, next)
#define STOREBODY_i8(init, next) LOOPSTORE(int8_t, int32_t, (int8_t)v, init, next)
#define STOREBODY_u16(init, next) LOOPSTORE(uint16_t, int32_t, (uint16_t)v, init, next)
#define STOREBODY_i16(init, next) LOOPSTORE(int16_t, int32_t, (int16_t)v, init, next)
#define STOREBODY_f16(init, next) LOOPSTORE(f16_t, float, (f16_t)v, init, next)
#define STOREBODY_bf16(init, next) LOOPSTORE(bf16_t, float, f_to_bf(v), init, next)
#define STOREBODY_w32(init, next) LOOPSTORE(uint32_t, uint32_t, v, init, next)
#define STOREBODY_w64(init, next) LOOPSTORE(uint64_t, uint64_t, v, init, next)
STORE(u8, uint8_t, int32_t, (uint8_t)v) STORE(i8, int8_t, int32_t, (int8_t)v) STORE(u16, uint16_t, int32_t, (uint16_t)v) STORE(i16, int16_t, int32_t, (int16_t)v)
STORE(f16, f16_t, float, (f16_t)v) STORE(bf16, bf16_t, float, f_to_bf(v))
#define E(v, k) st(p + k * VB, v);
#define P(v, k) if (n > k * W) stn(p + k * VB, v, n - k * W);
FOR_FORMS(st_w32, uint32_t, { char *p = s->a + i * 4; size_t n = COUNT; if (__builtin_expect(n == N8, 1)) { EACH(E) NEXT; } EACH(P) NEXT; }, STOREBODY_w32)
FOR_FORMS(st_w64, uint64_t, { char *p = s->a + i * 8; size_t n = 2 * COUNT; if (__builtin_expect(n == N8, 1)) { EACH(E) NEXT; } EACH(P) NEXT; }, STOREBODY_w64)
#undef P
STAGE(st1_w32) { memcpy(s->a, &a0, 4); NEXT; }
STAGE(st1_w64) { memcpy(s->a, &a0, 8); NEXT; }
#define STOREBODY_c64(init, next) { SPILL(float, t) init for (size_t k = 0; k < n; k++) { p->re = t[k]; p->im = t[N8 / 2 + k]; next } NEXT; }
FOR_FORMS(st_c64, c64_t, { size_t n = COUNT; STOREBODY_c64(c64_t *p = (c64_t *)s->a + i;, p++;) }, STOREBODY_c64)
STAGE(st1_c64) { ((c64_t *)s->a)->re = a0[0]; ((c64_t *)s->a)->im = a4[0]; NEXT; }

// Loads at computed positions: a negative position gives 0, others are clamped to what the operand covers.
// Indices that follow each other, as in whole rows that are gathered or scattered, need no look at each.
#define FOLLOW(nm, I, U) static inline int follow_##nm(const I *x, size_t n, int64_t bound) { if (n < 2 || x[1] != x[0] + 1 || x[0] < 0 || (int64_t)x[0] + (int64_t)n > bound) return 0; U d = 0, z = (U)x[0]; for (size_t k = 0; k < n; k++) d |= (U)x[k] ^ (z + (U)k); return !d; }
FOLLOW(i32, int32_t, uint32_t) FOLLOW(i64, int64_t, uint64_t)
#define LDX(S, T, R, I, sfx, widen) STAGE(ldx_##S##_##sfx) { SPILL(I, x) size_t n = COUNT; R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); memset(t, 0, sizeof t); const T *p = (const T *)s->a; const int64_t bound = s->m->bound; \
  if (follow_##sfx(x, n, bound)) { p += x[0]; if (sizeof(T) == sizeof(R)) { FILL((const vfu *)p) NEXT; } for (size_t k = 0; k < n; k++) { T v = p[k]; t[k] = widen; } FILL(t) NEXT; } \
  for (size_t k = 0; k < n; k++) { int64_t j = x[k]; if (j < 0) continue; if (j >= bound) j = bound - 1; T v = p[j]; t[k] = widen; } FILL(t) NEXT; }
#define LDX2(S, T, R, widen) LDX(S, T, R, int32_t, i32, widen) LDX(S, T, R, int64_t, i64, widen)
LDX2(u8, uint8_t, int32_t, v) LDX2(i8, int8_t, int32_t, v) LDX2(u16, uint16_t, int32_t, v) LDX2(i16, int16_t, int32_t, v) LDX2(f16, f16_t, float, (float)v) LDX2(bf16, bf16_t, float, bf_to_f(v)) LDX2(w32, uint32_t, uint32_t, v) LDX2(w64, uint64_t, uint64_t, v)
#define LDXC(I, sfx) STAGE(ldx_c64_##sfx) { SPILL(I, x) size_t n = COUNT; float t[N8] __attribute__((aligned(64))); memset(t, 0, sizeof t); const c64_t *p = (const c64_t *)s->a; \
  for (size_t k = 0; k < n; k++) { int64_t j = x[k]; if (j < 0) continue; if (j >= s->m->bound) j = s->m->bound - 1; t[k] = p[j].re; t[N8 / 2 + k] = p[j].im; } FILL(t) NEXT; }
LDXC(int32_t, i32) LDXC(int64_t, i64)

// Stores that join what is there, in order: at computed positions (stx) out of range ones are skipped.
#define J_set(o, v) (v)
#define J_add(o, v) ((o) + (v))
#define J_mul(o, v) ((o) * (v))
#define J_min(o, v) ((v) != (v) || (v) < (o) ? (v) : (o))
#define J_max(o, v) ((v) != (v) || (v) > (o) ? (v) : (o))
#define STX(J, S, T, R, C, name, widen, narrow) STAGE(stx_##J##_##name) { SPILL(R, t) size_t n = COUNT; T *p = (T *)s->a; const int64_t first = s->m->first, bound = s->m->bound; const char *x = s->b; \
  if (s->imm ? follow_i64((const int64_t *)x, n, INT64_MAX) : follow_i32((const int32_t *)x, n, INT64_MAX)) { const int64_t at = s->imm ? *(const int64_t *)x : *(const int32_t *)x, from = first - at, to = bound - at; p += at; \
    for (int64_t k = from > 0 ? from : 0; k < (to < (int64_t)n ? to : (int64_t)n); k++) { T v = p[k]; C o = widen; C u = (C)t[k]; C w = J_##J(o, u); (void)o; p[k] = narrow; } NEXT; } \
  for (size_t k = 0; k < n; k++) { int64_t j = s->imm ? ((const int64_t *)x)[k] : ((const int32_t *)x)[k]; if (j < first || j >= bound) continue; T v = p[j]; C o = widen; C u = (C)t[k]; C w = J_##J(o, u); (void)o; p[j] = narrow; } NEXT; }
// Where a thread stores only a part of the places: a row whose places, which follow each other, all lie in others' parts ends here.
#define OWN(I, sfx) STAGE(own_##sfx) { const int64_t at = *(const I *)s->b; \
  if (at >= s->m->bound || at + (int64_t)(end - i) <= s->m->first) { s += s->imm; i = r->start; } NEXT; }
OWN(int32_t, i32) OWN(int64_t, i64)
// The same at the places of the walk, whatever its strides: a place that is met twice joins twice.
#define WALK(p, T, body) { size_t n = COUNT; int64_t at, idx[16]; if (n) { general_start(s->m, i, &at, idx); for (size_t k = 0; k < n; k++) { T *p = (T *)s->a + at; body general_next(s->m, &at, idx); } } NEXT; }
#define STA(J, S, T, R, C, name, widen, narrow) STAGE(sta_##J##_##name) { SPILL(R, t) WALK(p, T, T v = *p; C o = widen; C u = (C)t[k]; C w = J_##J(o, u); (void)o; *p = narrow;) }
#define STX_ALL(S, T, R, C, name, widen, narrow) STA(set, S, T, R, C, name, widen, narrow) STA(add, S, T, R, C, name, widen, narrow) STA(mul, S, T, R, C, name, widen, narrow) STA(min, S, T, R, C, name, widen, narrow) STA(max, S, T, R, C, name, widen, narrow) \
  STX(set, S, T, R, C, name, widen, narrow) STX(add, S, T, R, C, name, widen, narrow) STX(mul, S, T, R, C, name, widen, narrow) STX(min, S, T, R, C, name, widen, narrow) STX(max, S, T, R, C, name, widen, narrow)
STX_ALL(u8, uint8_t, int32_t, int32_t, u8_i32, v, (uint8_t)w) STX_ALL(i8, int8_t, int32_t, int32_t, i8_i32, v, (int8_t)w) STX_ALL(u16, uint16_t, int32_t, int32_t, u16_i32, v, (uint16_t)w) STX_ALL(i16, int16_t, int32_t, int32_t, i16_i32, v, (int16_t)w)
STX_ALL(f16, f16_t, float, float, f16_f32, (float)v, (f16_t)w) STX_ALL(bf16, bf16_t, float, float, bf16_f32, bf_to_f(v), f_to_bf(w))
STX_ALL(w32, float, float, float, w32_f32, v, w) STX_ALL(w32, int32_t, int32_t, int64_t, w32_i32, v, (int32_t)w) STX_ALL(w32, uint32_t, uint32_t, uint64_t, w32_u32, v, (uint32_t)w)
STX_ALL(w64, double, double, double, w64_f64, v, w) STX_ALL(w64, int64_t, int64_t, int64_t, w64_i64, v, w) STX_ALL(w64, uint64_t, uint64_t, uint64_t, w64_u64, v, w)
#define STXC(J, re_, im_) STAGE(stx_##J##_c64_c64) { SPILL(float, t) size_t n = COUNT; c64_t *p = (c64_t *)s->a; for (size_t k = 0; k < n; k++) { int64_t j = s->imm ? ((const int64_t *)s->b)[k] : ((const int32_t *)s->b)[k]; if (j < s->m->first || j >= s->m->bound) continue; c64_t o = p[j], u = {t[k], t[N8 / 2 + k]}; (void)o; p[j] = (c64_t){re_, im_}; } NEXT; } \
  STAGE(sta_##J##_c64_c64) { SPILL(float, t) WALK(p, c64_t, c64_t o = *p; c64_t u; u.re = t[k]; u.im = t[N8 / 2 + k]; (void)o; p->re = re_; p->im = im_;) }
STXC(set, u.re, u.im) STXC(add, o.re + u.re, o.im + u.im) STXC(mul, o.re * u.re - o.im * u.im, o.re * u.im + o.im * u.re)
STXC(min, c_less(u.re, u.im, o.re, o.im) ? u.re : o.re, c_less(u.re, u.im, o.re, o.im) ? u.im : o.im) STXC(max, c_less(o.re, o.im, u.re, u.im) ? u.re : o.re, c_less(o.re, o.im, u.re, u.im) ? u.im : o.im)

// ---- registers ----------------------------------------------------------------------------------------------------------------
#define E(v, k) st(p + k * VB, v);
STAGE(keep) { char *p = A; EACH(E) NEXT; }
#undef E
#define E(v, k) v = ld(p + k * VB);
STAGE(get) { char *p = A; EACH(E) NEXT; }
#undef E
#define E(v, k) v = x;
STAGE(splat_w32) { vf x = splat(*(float *)s->a); vu y = *(uint32_t *)s->a - (vu){0}; x = (vf)y; EACH(E) NEXT; }
STAGE(splat_w64) { vf x = (vf)(*(uint64_t *)s->a - (vq){0}); EACH(E) NEXT; }
STAGE(axis_i32) { vf x = (vf)((int32_t)r->axes[s->imm] - (vi){0}); EACH(E) NEXT; }
STAGE(axis_i64) { vf x = (vf)(r->axes[s->imm] - (vl){0}); EACH(E) NEXT; }
#undef E
STAGE(splat_c64) { vf x = (vf)(((uint32_t *)s->a)[0] - (vu){0}), y = (vf)(((uint32_t *)s->a)[1] - (vu){0}); a0 = a1 = a2 = a3 = x; a4 = a5 = a6 = a7 = y; NEXT; }
STAGE(iota_i32) { int32_t t[N8] __attribute__((aligned(64))); for (int k = 0; k < N8; k++) t[k] = (int32_t)i + k; FILL(t) NEXT; }
STAGE(iota_i64) { int64_t t[N8 / 2] __attribute__((aligned(64))); for (int k = 0; k < N8 / 2; k++) t[k] = (int64_t)i + k; FILL(t) NEXT; }
STAGE(sel_w32) { const char *p = s->a, *q = s->b;
#define E(v, k) v = sel((vi)v != 0, ld(p + k * VB), ld(q + k * VB));
  EACH(E) NEXT; }
#undef E
STAGE(sel_w64) { SPILL(int32_t, c) const uint64_t *p = (const uint64_t *)s->a, *q = (const uint64_t *)s->b; uint64_t t[N8 / 2] __attribute__((aligned(64))); for (int k = 0; k < N8 / 2; k++) t[k] = c[k] ? p[k] : q[k]; FILL(t) NEXT; }
STAGE(sel_c64) { SPILL(int32_t, c) const float *p = (const float *)s->a, *q = (const float *)s->b; float t[N8] __attribute__((aligned(64))); for (int k = 0; k < N8 / 2; k++) { t[k] = c[k] ? p[k] : q[k]; t[k + N8 / 2] = c[k] ? p[k + N8 / 2] : q[k + N8 / 2]; } FILL(t) NEXT; }
STAGE(complex_c64) { const char *p = s->a; a4 = ld(p); a5 = ld(p + VB); a6 = ld(p + 2 * VB); a7 = ld(p + 3 * VB); NEXT; }
STAGE(real_c64) { NEXT; }
STAGE(imag_c64) { a0 = a4; a1 = a5; a2 = a6; a3 = a7; NEXT; }

// ---- operations ---------------------------------------------------------------------------------------------------------------
#define U1(V, v, e) { V a = (V)v; v = (vf)(e); }
#define UN(nm, V, e) STAGE(nm) { U1(V, a0, e) U1(V, a1, e) U1(V, a2, e) U1(V, a3, e) U1(V, a4, e) U1(V, a5, e) U1(V, a6, e) U1(V, a7, e) NEXT; }
#define B_M(V, v, k, e) { V a = (V)v, b = (V)ld(p + k * VB); v = (vf)(e); }
#define B_S(V, v, k, e) { V a = (V)v; v = (vf)(e); }
#define B_RM(V, v, k, e) { V b = (V)v, a = (V)ld(p + k * VB); v = (vf)(e); }
#define B_RS(V, v, k, e) { V b = (V)v; v = (vf)(e); }
#define E8(M, V, e) M(V, a0, 0, e) M(V, a1, 1, e) M(V, a2, 2, e) M(V, a3, 3, e) M(V, a4, 4, e) M(V, a5, 5, e) M(V, a6, 6, e) M(V, a7, 7, e)
#define BIN(nm, T, V, e) \
  STAGE(nm##_m) { const char *p = A; E8(B_M, V, e) NEXT; } STAGE(nm##_s) { V b = *(T *)s->a - (V){0}; E8(B_S, V, e) NEXT; } \
  STAGE(r##nm##_m) { const char *p = A; E8(B_RM, V, e) NEXT; } STAGE(r##nm##_s) { V a = *(T *)s->a - (V){0}; E8(B_RS, V, e) NEXT; }
// Long functions: one vector after the other, and f32 through f64 where that costs less than the bits it saves.
#define VECTORS _Pragma("clang loop unroll(disable)") for (int k = 0; k < 8; k++)
#define VUN(nm, T, V, e) STAGE(nm) { SPILL(T, t) V *x = (V *)t; VECTORS { V a = x[k]; x[k] = e; } FILL(t) NEXT; }
#define VBIN(nm, T, V, e) \
  STAGE(nm##_m) { const char *p = A; SPILL(T, t) V *x = (V *)t; VECTORS { V a = x[k], b = (V)ld(p + k * VB); x[k] = e; } FILL(t) NEXT; } \
  STAGE(nm##_s) { SPILL(T, t) V *x = (V *)t, b = *(T *)s->a - (V){0}; VECTORS { V a = x[k]; x[k] = e; } FILL(t) NEXT; } \
  STAGE(r##nm##_m) { const char *p = A; SPILL(T, t) V *x = (V *)t; VECTORS { V b = x[k], a = (V)ld(p + k * VB); x[k] = e; } FILL(t) NEXT; } \
  STAGE(r##nm##_s) { SPILL(T, t) V *x = (V *)t, a = *(T *)s->a - (V){0}; VECTORS { V b = x[k]; x[k] = e; } FILL(t) NEXT; }
#define HALVES(f, a) ({ vh h_[2]; memcpy(h_, &a, VB); for (int j = 0; j < 2; j++) h_[j] = __builtin_convertvector(f(__builtin_convertvector(h_[j], vd)), vh); vf r_; memcpy(&r_, h_, VB); r_; })
#define HALVES2(f, a, b) ({ vh h_[2], g_[2]; memcpy(h_, &a, VB); memcpy(g_, &b, VB); for (int j = 0; j < 2; j++) h_[j] = __builtin_convertvector(f(__builtin_convertvector(h_[j], vd), __builtin_convertvector(g_[j], vd)), vh); vf r_; memcpy(&r_, h_, VB); r_; })
// Lane by lane, through memory.
#define LUN(nm, T, R, e) STAGE(nm) { SPILL(T, x) R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); for (size_t k = 0; k < (sizeof(T) > sizeof(R) ? VB * 8 / sizeof(T) : VB * 8 / sizeof(R)) && k < VB * 8 / sizeof(T); k++) { T a = x[k]; t[k] = (R)(e); } FILL(t) NEXT; }
#define LBIN(nm, T, R, e) \
  STAGE(nm##_m) { SPILL(T, x) const T *p = (const T *)A; R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); for (size_t k = 0; k < VB * 8 / sizeof(T); k++) { T a = x[k], b = p[k]; t[k] = (R)(e); } FILL(t) NEXT; } \
  STAGE(nm##_s) { SPILL(T, x) T b = *(const T *)s->a; R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); for (size_t k = 0; k < VB * 8 / sizeof(T); k++) { T a = x[k]; t[k] = (R)(e); } FILL(t) NEXT; } \
  STAGE(r##nm##_m) { SPILL(T, x) const T *p = (const T *)A; R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); for (size_t k = 0; k < VB * 8 / sizeof(T); k++) { T b = x[k], a = p[k]; t[k] = (R)(e); } FILL(t) NEXT; } \
  STAGE(r##nm##_s) { SPILL(T, x) T a = *(const T *)s->a; R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); for (size_t k = 0; k < VB * 8 / sizeof(T); k++) { T b = x[k]; t[k] = (R)(e); } FILL(t) NEXT; }
#define ONE_ (vf)((vi){0} + 1)
#define NANMAX(a, b) sel((a > b) | (a != a), a, b)
#define F32_UNARY(X) X(neg, (vi)a ^ (vi)((vu){0} + 0x80000000u)) X(abs, vabs(a)) X(sign, sel(a > 0.0f, splat(1), sel(a < 0.0f, splat(-1), splat(0)))) X(floor, __builtin_elementwise_floor(a)) X(ceil, __builtin_elementwise_ceil(a)) \
  X(trunc, __builtin_elementwise_trunc(a)) X(round, __builtin_elementwise_rint(a)) X(sqrt, __builtin_elementwise_sqrt(a)) X(rsqrt, 1.0f / __builtin_elementwise_sqrt(a)) X(recip, 1.0f / a) X(square, a * a) \
  X(exp, vexp(a)) X(expm1, vexpm1(a)) X(log, vlog(a)) X(log1p, vlog1p(a)) X(sin, vsin(a)) X(cos, vcos(a)) X(tanh, vtanh(a)) X(erf, verf(a)) X(sigmoid, vsigmoid(a)) X(erfinv, verfinv(a)) X(asin, vasin(a)) X(acos, vacos(a)) X(atan, vatan(a)) \
  X(isnan, (a != a) & 1) X(isinf, (vabs(a) == splat(INFINITY)) & 1) X(isfinite, (vabs(a) < splat(INFINITY)) & 1) X(isposinf, (a == splat(INFINITY)) & 1) X(isneginf, (a == splat(-INFINITY)) & 1) X(lnot, (a == 0.0f) & 1)
#define F32_LONG(X) X(log2, HALVES(log2_d, a)) X(log10, HALVES(log10_d, a)) X(tan, HALVES(tan_d, a)) X(sinh, HALVES(sinh_d, a)) X(cosh, HALVES(cosh_d, a)) \
  X(asinh, HALVES(asinh_d, a)) X(acosh, HALVES(acosh_d, a)) X(atanh, HALVES(atanh_d, a))
#define F64_UNARY(X) X(neg, (vl)a ^ INT64_MIN) X(abs, dabs(a)) X(sign, seld(a > 0.0, splatd(1), seld(a < 0.0, splatd(-1), splatd(0)))) X(floor, __builtin_elementwise_floor(a)) X(ceil, __builtin_elementwise_ceil(a)) X(trunc, __builtin_elementwise_trunc(a)) \
  X(round, __builtin_elementwise_rint(a)) X(sqrt, __builtin_elementwise_sqrt(a)) X(rsqrt, 1.0 / __builtin_elementwise_sqrt(a)) X(recip, 1.0 / a) X(square, a * a)
#define F64_LONG(X) X(exp, exp_d(a)) X(expm1, expm1_d(a)) X(log, log_d(a)) X(log2, log2_d(a)) X(log10, log10_d(a)) X(log1p, log1p_d(a)) X(sin, sin_d(a)) X(cos, cos_d(a)) X(tan, tan_d(a)) X(asin, asin_d(a)) X(acos, acos_d(a)) X(atan, atan_d(a)) \
  X(sinh, sinh_d(a)) X(cosh, cosh_d(a)) X(tanh, tanh_d(a)) X(asinh, asinh_d(a)) X(acosh, acosh_d(a)) X(atanh, atanh_d(a)) X(sigmoid, sigmoid_d(a)) X(erf, erf_d(a)) X(erfinv, erfinv_d(a))
#define F64_TESTS(X) X(isnan, a != a) X(isinf, fabs(a) == INFINITY) X(isfinite, fabs(a) < INFINITY) X(isposinf, a == INFINITY) X(isneginf, a == -INFINITY) X(lnot, a == 0)
#define F32_BINARY(X) X(add, a + b) X(sub, a - b) X(mul, a * b) X(div, a / b) X(max, NANMAX(a, b)) X(min, sel((a < b) | (a != a), a, b)) X(floordiv, __builtin_elementwise_floor(a / b)) \
  X(eq, (a == b) & 1) X(ne, (a != b) & 1) X(lt, (a < b) & 1) X(le, (a <= b) & 1) X(gt, (a > b) & 1) X(ge, (a >= b) & 1) X(pow, vpow(a, b))
#define F32_LONG2(X) X(rem, HALVES2(rem_d, a, b)) X(atan2, HALVES2(atan2_d, a, b)) X(logaddexp, HALVES2(logaddexp_d, a, b))
#define F64_BINARY(X) X(add, a + b) X(sub, a - b) X(mul, a * b) X(div, a / b) X(max, seld((a > b) | (a != a), a, b)) X(min, seld((a < b) | (a != a), a, b)) X(floordiv, __builtin_elementwise_floor(a / b))
#define F64_LONG2(X) X(rem, rem_d(a, b)) X(pow, pow_d(a, b)) X(atan2, atan2_d(a, b)) X(logaddexp, logaddexp_d(a, b))
#define COMPARE(X) X(eq, a == b) X(ne, a != b) X(lt, a < b) X(le, a <= b) X(gt, a > b) X(ge, a >= b)
#define INT_VEC(X) X(add, a + b) X(sub, a - b) X(mul, a * b) X(max, SELI(a > b, a, b)) X(min, SELI(a < b, a, b)) X(and, a & b) X(or, a | b) X(xor, a ^ b)
#define INT_UN(X) X(neg, -a) X(square, a * a) X(not, ~a)
#define SELI(c, x, y) (((__typeof__(x))(c) & (x)) | (~(__typeof__(x))(c) & (y)))
#define D_(nm, e) UN(nm##_f32, vf, e)
F32_UNARY(D_)
#undef D_
#define D_(nm, e) VUN(nm##_f32, float, vf, e)
F32_LONG(D_)
#undef D_
#define D_(nm, e) UN(nm##_f64, vd, e)
F64_UNARY(D_)
#undef D_
#define D_(nm, e) VUN(nm##_f64, double, vd, e)
F64_LONG(D_)
#undef D_
#define D_(nm, e) LUN(nm##_f64, double, int32_t, e)
F64_TESTS(D_)
#undef D_
#define D_(nm, e) BIN(nm##_f32, float, vf, e)
F32_BINARY(D_)
#undef D_
#define D_(nm, e) VBIN(nm##_f32, float, vf, e)
F32_LONG2(D_)
#undef D_
#define D_(nm, e) BIN(nm##_f64, double, vd, e)
F64_BINARY(D_)
#undef D_
#define D_(nm, e) VBIN(nm##_f64, double, vd, e)
F64_LONG2(D_)
#undef D_
#define D_(nm, e) LBIN(nm##_f64, double, int32_t, e)
COMPARE(D_)
#undef D_
#define D_(nm, e) UN(nm##_i32, vi, e)
INT_UN(D_) D_(abs, SELI(a < 0, -a, a)) D_(sign, ((a < 0) | ((a > 0) & 1))) D_(lnot, (a == 0) & 1)
#undef D_
#define D_(nm, e) UN(nm##_u32, vu, e)
INT_UN(D_) D_(abs, a) D_(sign, (vu)((a != 0) & 1)) D_(lnot, (vu)((a == 0) & 1))
#undef D_
#define D_(nm, e) UN(nm##_i64, vl, e)
INT_UN(D_) D_(abs, SELI(a < 0, -a, a)) D_(sign, ((a < 0) | ((a > 0) & 1)))
#undef D_
#define D_(nm, e) UN(nm##_u64, vq, e)
INT_UN(D_) D_(abs, a) D_(sign, (vq)((a != 0) & 1))
#undef D_
LUN(lnot_i64, int64_t, int32_t, a == 0) LUN(lnot_u64, uint64_t, int32_t, a == 0)
#define D_(nm, e) BIN(nm##_i32, int32_t, vi, e)
INT_VEC(D_) D_(eq, (a == b) & 1) D_(ne, (a != b) & 1) D_(lt, (a < b) & 1) D_(le, (a <= b) & 1) D_(gt, (a > b) & 1) D_(ge, (a >= b) & 1) D_(shl, a << (b & 31)) D_(shr, a >> (b & 31))
#undef D_
#define D_(nm, e) BIN(nm##_u32, uint32_t, vu, e)
INT_VEC(D_) D_(eq, (a == b) & 1) D_(ne, (a != b) & 1) D_(lt, (a < b) & 1) D_(le, (a <= b) & 1) D_(gt, (a > b) & 1) D_(ge, (a >= b) & 1) D_(shl, a << (b & 31)) D_(shr, a >> (b & 31))
#undef D_
#define D_(nm, e) BIN(nm##_i64, int64_t, vl, e)
INT_VEC(D_) D_(shl, a << (b & 63)) D_(shr, a >> (b & 63))
#undef D_
#define D_(nm, e) BIN(nm##_u64, uint64_t, vq, e)
INT_VEC(D_) D_(shl, a << (b & 63)) D_(shr, a >> (b & 63))
#undef D_
#define D_(nm, e) LBIN(nm##_i64, int64_t, int32_t, e)
COMPARE(D_)
#undef D_
#define D_(nm, e) LBIN(nm##_u64, uint64_t, int32_t, e)
COMPARE(D_)
#undef D_
#define INT_LANES2(X, T) X(div, div_##T(a, b)) X(floordiv, floordiv_##T(a, b)) X(rem, rem_##T(a, b)) X(pow, pow_##T(a, b))
#define D_(nm, e) LBIN(nm##_i32, int32_t, int32_t, e)
INT_LANES2(D_, i32)
#undef D_
#define D_(nm, e) LBIN(nm##_u32, uint32_t, uint32_t, e)
INT_LANES2(D_, u32) D_(mulhi, (uint32_t)((uint64_t)a * b >> 32))
#undef D_
#define D_(nm, e) LBIN(nm##_i64, int64_t, int64_t, e)
INT_LANES2(D_, i64)
#undef D_
#define D_(nm, e) LBIN(nm##_u64, uint64_t, uint64_t, e)
INT_LANES2(D_, u64)
#undef D_

// ---- complex: re in the first four vectors, im in the last four -----------------------------------------------------------------
UN(neg_c64, vf, -a)
#define CPAIR(nm, ax, bx, body) STAGE(nm) { SPILL(float, x) const float *p = (const float *)A; (void)p; for (int k = 0; k < N8 / 2; k++) { cd acc = {x[k], x[k + N8 / 2]}, op = {OPRE, OPIM}; cd ax = acc, bx = op; body } FILL(x) NEXT; }
#define OPRE p[k]
#define OPIM p[k + N8 / 2]
#define CB_SET(e) cd z = e; x[k] = (float)z.re; x[k + N8 / 2] = (float)z.im;
#define C_BINARY(X) X(add, ((cd){a.re + b.re, a.im + b.im})) X(sub, ((cd){a.re - b.re, a.im - b.im})) X(mul, c_mul(a, b)) X(div, c_div(a, b)) X(max, c_max(a, b)) X(min, c_min(a, b)) X(logaddexp, c_logaddexp(a, b))
#define D_(nm, e) CPAIR(nm##_c64_m, a, b, CB_SET(e)) CPAIR(r##nm##_c64_m, b, a, CB_SET(e))
C_BINARY(D_)
#undef D_
#undef OPRE
#undef OPIM
#define OPRE p[0]
#define OPIM p[1]
#define D_(nm, e) CPAIR(nm##_c64_s, a, b, CB_SET(e)) CPAIR(r##nm##_c64_s, b, a, CB_SET(e))
C_BINARY(D_)
#undef D_

// ---- conversions ---------------------------------------------------------------------------------------------------------------
// 32-bit values fill the first half where 64-bit ones fill all.
#define CASTN(nm, T, R, e) STAGE(nm) { SPILL(T, x) R t[VB * 8 / sizeof(R)] __attribute__((aligned(64))); const size_t m = VB * 8 / (sizeof(T) > sizeof(R) ? sizeof(T) : sizeof(R)); if (m < VB * 8 / sizeof(R)) memset(t, 0, sizeof t); for (size_t k = 0; k < m; k++) { T a = x[k]; t[k] = (R)(e); } FILL(t) NEXT; }
#define CASTS(X) X(f32, float, f64, double, a) X(f32, float, i32, int32_t, to_i32(a)) X(f32, float, u32, uint32_t, (uint32_t)to_i64(a)) X(f32, float, i64, int64_t, to_i64(a)) X(f32, float, u64, uint64_t, to_u64(a)) \
  X(f64, double, f32, float, a) X(f64, double, i32, int32_t, to_i32(a)) X(f64, double, u32, uint32_t, (uint32_t)to_i64(a)) X(f64, double, i64, int64_t, to_i64(a)) X(f64, double, u64, uint64_t, to_u64(a)) \
  X(i32, int32_t, f32, float, a) X(i32, int32_t, f64, double, a) X(i32, int32_t, u32, uint32_t, a) X(i32, int32_t, i64, int64_t, a) X(i32, int32_t, u64, uint64_t, (int64_t)a) \
  X(u32, uint32_t, f32, float, a) X(u32, uint32_t, f64, double, a) X(u32, uint32_t, i32, int32_t, a) X(u32, uint32_t, i64, int64_t, a) X(u32, uint32_t, u64, uint64_t, a) \
  X(i64, int64_t, f32, float, a) X(i64, int64_t, f64, double, a) X(i64, int64_t, i32, int32_t, a) X(i64, int64_t, u32, uint32_t, a) X(i64, int64_t, u64, uint64_t, a) \
  X(u64, uint64_t, f32, float, a) X(u64, uint64_t, f64, double, a) X(u64, uint64_t, i32, int32_t, a) X(u64, uint64_t, u32, uint32_t, a) X(u64, uint64_t, i64, int64_t, a)
#define D_(n1, T, n2, R, e) CASTN(cast_##n1##_##n2, T, R, e)
CASTS(D_)
#undef D_
#define TOC(X) X(f32, float) X(i32, int32_t) X(u32, uint32_t)
#define D_(nm, T) STAGE(cast_##nm##_c64) { SPILL(T, x) float t[N8] __attribute__((aligned(64))); for (int k = 0; k < N8 / 2; k++) { t[k] = (float)x[k]; t[k + N8 / 2] = 0; } FILL(t) NEXT; }
TOC(D_)
#undef D_
#define D_(nm, T) STAGE(cast_##nm##_c64) { SPILL(T, x) float t[N8] __attribute__((aligned(64))); for (int k = 0; k < N8 / 2; k++) { t[k] = (float)x[k]; t[k + N8 / 2] = 0; } FILL(t) NEXT; }
D_(f64, double) D_(i64, int64_t) D_(u64, uint64_t)
#undef D_
UN(norm_bool, vi, (a != 0) & 1) UN(norm_i8, vi, (a << 24) >> 24) UN(norm_u8, vi, a & 255) UN(norm_i16, vi, (a << 16) >> 16) UN(norm_u16, vi, a & 65535)
STAGE(norm_f16) { SPILL(float, x) for (int k = 0; k < N8; k++) x[k] = (float)(f16_t)x[k]; FILL(x) NEXT; }
UN(norm_bf16, vu, (vu)sel((vf)a != (vf)a, (vf)((a & 0xffff0000u) | 0x400000u), (vf)((a + 0x7fffu + ((a >> 16) & 1)) & 0xffff0000u)))
INL void threefry(vu c0, vu c1, vu k0, vu k1, vu *o0, vu *o1) {
  vu k2 = k0 ^ k1 ^ 0x1BD11BDAu, x = c0 + k0, y = c1 + k1;
#define R_(n) x += y; y = (y << n) | (y >> (32 - n)); y ^= x;
  R_(13) R_(15) R_(26) R_(6) x += k1; y += k2 + 1; R_(17) R_(29) R_(16) R_(24) x += k2; y += k0 + 2; R_(13) R_(15) R_(26) R_(6) x += k0; y += k1 + 3; R_(17) R_(29) R_(16) R_(24) x += k1; y += k2 + 4; R_(13) R_(15) R_(26) R_(6) x += k2; y += k0 + 5;
#undef R_
  *o0 = x; *o1 = y;
}
#define E(v, k) { vu o[2]; threefry((vu)v, (vu)ld(s->a + k * VB), (vu)ld(s->b + k * VB), (vu)ld(s->b + 8 * VB + k * VB), o, o + 1); v = (vf)o[WORD]; }
#define WORD 0
STAGE(threefry0_u32) { EACH(E) NEXT; }
#undef WORD
#define WORD 1
STAGE(threefry1_u32) { EACH(E) NEXT; }
#undef WORD
#undef E

// ---- folds ---------------------------------------------------------------------------------------------------------------------
#define F_sum(a, b) ((a) + (b))
#define F_prod(a, b) ((a) * (b))
// The two halves of a step join one after the other, so that a tree is the same where 64-bit values in the program halve the steps.
#define FOLD(nm, T, V, f, id) \
  STAGE(nm##_init) { *(V *)s->a = (T)(id) - (V){0}; NEXT; } \
  STAGE(nm) { V *q = (V *)s->a, v[8]; size_t n = COUNT; \
    if (__builtin_expect(n == VB * 8 / sizeof(T), 1)) { v[0] = (V)a0; v[1] = (V)a1; v[2] = (V)a2; v[3] = (V)a3; v[4] = (V)a4; v[5] = (V)a5; v[6] = (V)a6; v[7] = (V)a7; } \
    else { SPILL(T, t) for (size_t k = n; k < VB * 8 / sizeof(T); k++) t[k] = (T)(id); memcpy(v, t, sizeof v); } \
    V x0 = f(v[0], v[1]), x1 = f(v[2], v[3]), x2 = f(v[4], v[5]), x3 = f(v[6], v[7]); x0 = f(x0, x1); x2 = f(x2, x3); x0 = f(*q, x0); *q = f(x0, x2); NEXT; } \
  STAGE(nm##_done) { T t[VB / sizeof(T)]; memcpy(t, s->a, VB); for (size_t k = 1; k < VB / sizeof(T); k *= 2) for (size_t j = 0; j < VB / sizeof(T); j += 2 * k) { T x = t[j], y = t[j + k]; t[j] = S_##f(x, y); } \
    V z = t[0] - (V){0}; a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = (vf)z; NEXT; }
#define S_F_sum(a, b) (a + b)
#define S_F_prod(a, b) (a * b)
#define F_maxf(a, b) sel((a > b) | (a != a), a, b)
#define F_minf(a, b) sel((a < b) | (a != a), a, b)
#define S_F_maxf(a, b) (a > b || a != a ? a : b)
#define S_F_minf(a, b) (a < b || a != a ? a : b)
#define F_maxd(a, b) seld((a > b) | (a != a), a, b)
#define F_mind(a, b) seld((a < b) | (a != a), a, b)
#define S_F_maxd S_F_maxf
#define S_F_mind S_F_minf
#define F_maxi(a, b) SELI(a > b, a, b)
#define F_mini(a, b) SELI(a < b, a, b)
#define S_F_maxi(a, b) (a > b ? a : b)
#define S_F_mini(a, b) (a < b ? a : b)
FOLD(fold_sum_f32, float, vf, F_sum, 0) FOLD(fold_prod_f32, float, vf, F_prod, 1) FOLD(fold_max_f32, float, vf, F_maxf, -INFINITY) FOLD(fold_min_f32, float, vf, F_minf, INFINITY)
FOLD(fold_sum_f64, double, vd, F_sum, 0) FOLD(fold_prod_f64, double, vd, F_prod, 1) FOLD(fold_max_f64, double, vd, F_maxd, -INFINITY) FOLD(fold_min_f64, double, vd, F_mind, INFINITY)
FOLD(fold_sum_i32, int32_t, vi, F_sum, 0) FOLD(fold_prod_i32, int32_t, vi, F_prod, 1) FOLD(fold_max_i32, int32_t, vi, F_maxi, INT32_MIN) FOLD(fold_min_i32, int32_t, vi, F_mini, INT32_MAX)
FOLD(fold_sum_u32, uint32_t, vu, F_sum, 0) FOLD(fold_prod_u32, uint32_t, vu, F_prod, 1) FOLD(fold_max_u32, uint32_t, vu, F_maxi, 0) FOLD(fold_min_u32, uint32_t, vu, F_mini, UINT32_MAX)
FOLD(fold_sum_i64, int64_t, vl, F_sum, 0) FOLD(fold_prod_i64, int64_t, vl, F_prod, 1) FOLD(fold_max_i64, int64_t, vl, F_maxi, INT64_MIN) FOLD(fold_min_i64, int64_t, vl, F_mini, INT64_MAX)
FOLD(fold_sum_u64, uint64_t, vq, F_sum, 0) FOLD(fold_prod_u64, uint64_t, vq, F_prod, 1) FOLD(fold_max_u64, uint64_t, vq, F_maxi, 0) FOLD(fold_min_u64, uint64_t, vq, F_mini, UINT64_MAX)
#define CFOLD(nm, i_re, i_im, e) \
  STAGE(nm##_init) { cd *q = (cd *)s->a; *q = (cd){i_re, i_im}; NEXT; } \
  STAGE(nm) { SPILL(float, x) cd *q = (cd *)s->a, a = *q; size_t n = COUNT; for (size_t k = 0; k < n; k++) { cd b = {x[k], x[k + N8 / 2]}; a = e; } *q = a; NEXT; } \
  STAGE(nm##_done) { cd *q = (cd *)s->a; a0 = a1 = a2 = a3 = splat((float)q->re); a4 = a5 = a6 = a7 = splat((float)q->im); NEXT; }
CFOLD(fold_sum_c64, 0, 0, ((cd){a.re + b.re, a.im + b.im})) CFOLD(fold_prod_c64, 1, 0, c_mul(a, b)) CFOLD(fold_max_c64, -INFINITY, -INFINITY, c_max(a, b)) CFOLD(fold_min_c64, INFINITY, INFINITY, c_min(a, b))
#define ARG(nm, T, better, id) \
  STAGE(nm##_init) { *(T *)s->a = (T)(id); *(int64_t *)s->b = -1; NEXT; } \
  STAGE(nm) { SPILL(T, x) size_t n = COUNT; T best = *(T *)s->a; int64_t at = *(int64_t *)s->b; for (size_t k = 0; k < n; k++) { T v = x[k]; if (at < 0 || (best == best && (v != v || v better best))) { best = v; at = (int64_t)(i + k); } } *(T *)s->a = best; *(int64_t *)s->b = at; NEXT; } \
  STAGE(nm##_done) { int64_t at = *(int64_t *)s->b; vi z = (int32_t)(at < 0 ? 0 : at) - (vi){0}; a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = (vf)z; NEXT; } \
  STAGE(nm##_done64) { int64_t at = *(int64_t *)s->b; vl z = (at < 0 ? 0 : at) - (vl){0}; a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = (vf)z; NEXT; }
#define ARGS_(X) X(f32, float, -INFINITY, INFINITY) X(f64, double, -INFINITY, INFINITY) X(i32, int32_t, INT32_MIN, INT32_MAX) X(u32, uint32_t, 0, UINT32_MAX) X(i64, int64_t, INT64_MIN, INT64_MAX) X(u64, uint64_t, 0, UINT64_MAX)
#define D_(nm, T, lo, hi) ARG(arg_max_##nm, T, >, lo) ARG(arg_min_##nm, T, <, hi)
ARGS_(D_)
#undef D_
#define CARG(nm, bet) \
  STAGE(nm##_init) { *(int64_t *)s->b = -1; NEXT; } \
  STAGE(nm) { SPILL(float, x) size_t n = COUNT; cd best = *(cd *)s->a; int64_t at = *(int64_t *)s->b; for (size_t k = 0; k < n; k++) { cd v = {x[k], x[k + N8 / 2]}; if (at < 0 || (bet)) { best = v; at = (int64_t)(i + k); } } *(cd *)s->a = best; *(int64_t *)s->b = at; NEXT; } \
  STAGE(nm##_done) { int64_t at = *(int64_t *)s->b; vi z = (int32_t)(at < 0 ? 0 : at) - (vi){0}; a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = (vf)z; NEXT; } \
  STAGE(nm##_done64) { int64_t at = *(int64_t *)s->b; vl z = (at < 0 ? 0 : at) - (vl){0}; a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = (vf)z; NEXT; }
CARG(arg_max_c64, c_less(best.re, best.im, v.re, v.im)) CARG(arg_min_c64, c_less(v.re, v.im, best.re, best.im))

// ---- scans: in order over lanes, the running value in lane 0 of a slot; imm: 0 = inclusive, 1 = exclusive ---------------------------
#define SCAN(nm, T, e) STAGE(scan_##nm) { SPILL(T, x) size_t n = COUNT; T b = *(T *)s->a; \
  if (s->imm) for (size_t k = 0; k < n; k++) { T a = x[k]; x[k] = b; b = (T)(e); } else for (size_t k = 0; k < n; k++) { T a = x[k]; x[k] = b = (T)(e); } *(T *)s->a = b; FILL(x) NEXT; }
#define SCAN_INT(nm, T, U) SCAN(sum_##nm, T, (U)a + (U)b) SCAN(prod_##nm, T, (U)a * (U)b) SCAN(max_##nm, T, a > b ? a : b) SCAN(min_##nm, T, a < b ? a : b)
#define SCAN_FLOAT(nm, T) SCAN(sum_##nm, T, b + a) SCAN(prod_##nm, T, b * a) SCAN(max_##nm, T, a > b || a != a ? a : b) SCAN(min_##nm, T, a < b || a != a ? a : b)
SCAN_INT(i32, int32_t, uint32_t) SCAN_INT(u32, uint32_t, uint32_t) SCAN_INT(i64, int64_t, uint64_t) SCAN_INT(u64, uint64_t, uint64_t) SCAN_FLOAT(f32, float) SCAN_FLOAT(f64, double)
// log(sum(exp)) as the largest element so far and a sum of exponentials relative to it, which grows by one and shrinks by one exponential an element.
#define SCAN_LOG(nm, T, V, exp_v, log_v) STAGE(scan_logaddexp_##nm) { SPILL(T, x) size_t n = COUNT; const T before = *(T *)s->a; \
  T most[VB * 8 / sizeof(T)] __attribute__((aligned(64))), part[VB * 8 / sizeof(T)] __attribute__((aligned(64))); uint8_t up[VB * 8 / sizeof(T)]; T m = before; double sum = 1; \
  memset(part, 0, sizeof part); memset(most, 0, sizeof most); \
  for (size_t k = 0; k < n; k++) { T v = x[k]; up[k] = v > m || v != v; part[k] = v == m ? 0 : up[k] ? m - v : v - m; m = most[k] = up[k] ? v : m; } \
  VECTORS { V a = ((V *)part)[k]; ((V *)part)[k] = exp_v(a); } \
  for (size_t k = 0; k < n; k++) { sum = up[k] ? sum * part[k] + 1 : sum + part[k]; part[k] = (T)sum; } \
  VECTORS { V a = ((V *)part)[k]; ((V *)x)[k] = ((V *)most)[k] + log_v(a); } \
  if (n) *(T *)s->a = x[n - 1]; \
  if (s->imm) { memmove(x + 1, x, sizeof x - sizeof(T)); x[0] = before; } FILL(x) NEXT; }
SCAN_LOG(f32, float, vf, vexp, vlog) SCAN_LOG(f64, double, vd, exp_d, log_d)
#define CSCAN(nm, e) STAGE(scan_##nm##_c64) { SPILL(float, x) size_t n = COUNT; float *c = (float *)s->a; cd b = {c[0], c[N8 / 2]}; \
  for (size_t k = 0; k < n; k++) { cd a = {x[k], x[k + N8 / 2]}, z = e, o = s->imm ? b : z; b = (cd){(float)z.re, (float)z.im}; x[k] = (float)o.re; x[k + N8 / 2] = (float)o.im; } c[0] = (float)b.re; c[N8 / 2] = (float)b.im; FILL(x) NEXT; }
CSCAN(sum, ((cd){a.re + b.re, a.im + b.im})) CSCAN(prod, c_mul(a, b)) CSCAN(max, c_max(a, b)) CSCAN(min, c_min(a, b)) CSCAN(logaddexp, c_logaddexp(a, b))

// ---- control -------------------------------------------------------------------------------------------------------------------
STAGE(loop) { i += r->step; if (i < end) { s = (const stage *)s->a; __attribute__((musttail)) return ((stage_fn)s->fn)(s, r, i, end, ARGS); } i = r->start; NEXT; }
STAGE(ret) {
#ifdef __AVX__
  _mm256_zeroupper();        // without it every legacy-SSE instruction of the process afterwards waits for a false dependency
#endif
}
static void tape_run(const stage *s, run *r, size_t i, size_t end) { vf z = splat(0); ((stage_fn)s->fn)(s, r, i, end, z, z, z, z, z, z, z, z); }

#define P1(name, fn_) {name, {(void *)st_##fn_, 0, 0}},
#define PF(name, fn_) {name, {(void *)st_##fn_, (void *)st_##fn_##_u, (void *)st_##fn_##_g}},
#define PMEM(S) PF("ld." #S, ld_##S) PF("st." #S, st_##S) P1("st1." #S, st1_##S) P1("ldx." #S ".i32", ldx_##S##_i32) P1("ldx." #S ".i64", ldx_##S##_i64)
#define PSTX(S, T) P1("stx.set." #S "." #T, stx_set_##S##_##T) P1("stx.add." #S "." #T, stx_add_##S##_##T) P1("stx.mul." #S "." #T, stx_mul_##S##_##T) P1("stx.min." #S "." #T, stx_min_##S##_##T) P1("stx.max." #S "." #T, stx_max_##S##_##T) P1("sta.set." #S "." #T, sta_set_##S##_##T) P1("sta.add." #S "." #T, sta_add_##S##_##T) P1("sta.mul." #S "." #T, sta_mul_##S##_##T) P1("sta.min." #S "." #T, sta_min_##S##_##T) P1("sta.max." #S "." #T, sta_max_##S##_##T)
#define PB(nm, T) P1(#nm "." #T ".m", nm##_##T##_m) P1(#nm "." #T ".s", nm##_##T##_s) P1("r" #nm "." #T ".m", r##nm##_##T##_m) P1("r" #nm "." #T ".s", r##nm##_##T##_s)
#define U_f32(nm, e) P1(#nm ".f32", nm##_f32)
#define U_f64(nm, e) P1(#nm ".f64", nm##_f64)
#define U_i32(nm, e) P1(#nm ".i32", nm##_i32)
#define U_u32(nm, e) P1(#nm ".u32", nm##_u32)
#define U_i64(nm, e) P1(#nm ".i64", nm##_i64)
#define U_u64(nm, e) P1(#nm ".u64", nm##_u64)
#define B_f32(nm, e) PB(nm, f32)
#define B_f64(nm, e) PB(nm, f64)
#define B_i32(nm, e) PB(nm, i32)
#define B_u32(nm, e) PB(nm, u32)
#define B_i64(nm, e) PB(nm, i64)
#define B_u64(nm, e) PB(nm, u64)
#define B_c64(nm, e) PB(nm, c64)
#define PFOLD1(op, T) P1("fold." #op "." #T, fold_##op##_##T) P1("fold." #op "." #T ".init", fold_##op##_##T##_init) P1("fold." #op "." #T ".done", fold_##op##_##T##_done)
#define PARG1(op, T) P1("arg." #op "." #T, arg_##op##_##T) P1("arg." #op "." #T ".init", arg_##op##_##T##_init) P1("arg." #op "." #T ".done", arg_##op##_##T##_done) P1("arg." #op "." #T ".done64", arg_##op##_##T##_done64)
#define PSCAN(T) P1("scan.sum." #T, scan_sum_##T) P1("scan.prod." #T, scan_prod_##T) P1("scan.max." #T, scan_max_##T) P1("scan.min." #T, scan_min_##T)
#define PFOLD(T) PFOLD1(sum, T) PFOLD1(prod, T) PFOLD1(min, T) PFOLD1(max, T) PARG1(min, T) PARG1(max, T)
#define C_(n1, T, n2, R, e) P1("cast." #n1 "." #n2, cast_##n1##_##n2)
#define INTB(X) X(add, 0) X(sub, 0) X(mul, 0) X(max, 0) X(min, 0) X(and, 0) X(or, 0) X(xor, 0) X(shl, 0) X(shr, 0) X(div, 0) X(floordiv, 0) X(rem, 0) X(pow, 0) COMPARE(X)
#define INTU(X) INT_UN(X) X(abs, 0) X(sign, 0) X(lnot, 0)
static const stage_entry entries[] = {
  PMEM(u8) PMEM(i8) PMEM(u16) PMEM(i16) PMEM(f16) PMEM(bf16) PMEM(w32) PMEM(w64) PMEM(c64)
  PSTX(u8, i32) PSTX(i8, i32) PSTX(u16, i32) PSTX(i16, i32) PSTX(f16, f32) PSTX(bf16, f32) PSTX(w32, f32) PSTX(w32, i32) PSTX(w32, u32) PSTX(w64, f64) PSTX(w64, i64) PSTX(w64, u64) PSTX(c64, c64)
  P1("own.i32", own_i32) P1("own.i64", own_i64) P1("keep", keep) P1("get", get) P1("splat.w32", splat_w32) P1("splat.w64", splat_w64) P1("splat.c64", splat_c64) P1("axis.i32", axis_i32) P1("axis.i64", axis_i64) P1("iota.i32", iota_i32) P1("iota.i64", iota_i64)
  P1("sel.w32", sel_w32) P1("sel.w64", sel_w64) P1("sel.c64", sel_c64) P1("complex.c64", complex_c64) P1("real.c64", real_c64) P1("imag.c64", imag_c64)
  F32_UNARY(U_f32) F32_LONG(U_f32) F64_UNARY(U_f64) F64_LONG(U_f64) F64_TESTS(U_f64) INTU(U_i32) INTU(U_u32) INTU(U_i64) INTU(U_u64) P1("neg.c64", neg_c64)
  F32_BINARY(B_f32) F32_LONG2(B_f32) F64_BINARY(B_f64) F64_LONG2(B_f64) COMPARE(B_f64) INTB(B_i32) INTB(B_u32) INTB(B_i64) INTB(B_u64) PB(mulhi, u32) C_BINARY(B_c64)
  CASTS(C_) P1("cast.f32.c64", cast_f32_c64) P1("cast.f64.c64", cast_f64_c64) P1("cast.i32.c64", cast_i32_c64) P1("cast.u32.c64", cast_u32_c64) P1("cast.i64.c64", cast_i64_c64) P1("cast.u64.c64", cast_u64_c64)
  P1("norm.bool", norm_bool) P1("norm.i8", norm_i8) P1("norm.u8", norm_u8) P1("norm.i16", norm_i16) P1("norm.u16", norm_u16) P1("norm.f16", norm_f16) P1("norm.bf16", norm_bf16)
  P1("threefry0.u32", threefry0_u32) P1("threefry1.u32", threefry1_u32)
  PFOLD(f32) PFOLD(f64) PFOLD(i32) PFOLD(u32) PFOLD(i64) PFOLD(u64) PFOLD(c64)
  PSCAN(f32) PSCAN(f64) PSCAN(i32) PSCAN(u32) PSCAN(i64) PSCAN(u64) PSCAN(c64) P1("scan.logaddexp.f32", scan_logaddexp_f32) P1("scan.logaddexp.f64", scan_logaddexp_f64) P1("scan.logaddexp.c64", scan_logaddexp_c64)
  P1("loop", loop) P1("ret", ret)
};
#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#define STR2(a) #a
#define STR(a) STR2(a)
extern const isa_table CAT(sn_isa_, ISA);
const isa_table CAT(sn_isa_, ISA) = {STR(ISA), W, entries, sizeof entries / sizeof *entries, tape_run};
