// lanes.h: scalar functions that stages apply lane by lane: integer division, conversions, complex arithmetic.
#pragma once
#include <math.h>
#include <stdint.h>
static inline int64_t to_i64(double x) { return x >= 9223372036854775807.0 ? INT64_MAX : x > -9223372036854775808.0 ? (int64_t)x : INT64_MIN; }
static inline uint64_t to_u64(double x) { return x < 0 ? (uint64_t)to_i64(x) : x >= 18446744073709551615.0 ? UINT64_MAX : x == x ? (uint64_t)x : 0; }
static inline int32_t to_i32(double x) { return x >= 2147483647.0 ? INT32_MAX : x > -2147483649.0 ? (int32_t)x : INT32_MIN; }
#define SIGNED(T, U, n) \
  static inline T div_##n(T a, T b) { return b == 0 ? 0 : b == -1 ? (T)(0 - (U)a) : (T)(a / b); } \
  static inline T floordiv_##n(T a, T b) { if (b == 0) return 0; if (b == -1) return (T)(0 - (U)a); T q = a / b; return a % b != 0 && (a % b < 0) != (b < 0) ? q - 1 : q; } \
  static inline T rem_##n(T a, T b) { if (b == 0) return a; if (b == -1) return 0; T m = a % b; return m != 0 && (m < 0) != (b < 0) ? m + b : m; } \
  static inline T pow_##n(T a, T b) { if (b < 0) return 0; U p = 1, x = (U)a; for (; b; b >>= 1) { if (b & 1) p *= x; x *= x; } return (T)p; }
#define UNSIGNED(T, n) \
  static inline T div_##n(T a, T b) { return b == 0 ? 0 : a / b; } \
  static inline T floordiv_##n(T a, T b) { return b == 0 ? 0 : a / b; } \
  static inline T rem_##n(T a, T b) { return b == 0 ? a : a % b; } \
  static inline T pow_##n(T a, T b) { T p = 1, x = a; for (; b; b >>= 1) { if (b & 1) p *= x; x *= x; } return p; }
SIGNED(int32_t, uint32_t, i32) SIGNED(int64_t, uint64_t, i64) UNSIGNED(uint32_t, u32) UNSIGNED(uint64_t, u64)
// Complex numbers, in double.
typedef struct { double re, im; } cd;
static inline int c_less(double ar, double ai, double br, double bi) { return ar < br || (ar == br && ai < bi); }
static inline cd c_mul(cd a, cd b) { return (cd){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
static inline cd c_div(cd a, cd b) { if (b.re == 0 && b.im == 0) return (cd){a.re / fabs(b.re), a.im / fabs(b.re)}; double d = b.re * b.re + b.im * b.im; return (cd){(a.re * b.re + a.im * b.im) / d, (a.im * b.re - a.re * b.im) / d}; }
static inline cd c_add(cd a, cd b) { return (cd){a.re + b.re, a.im + b.im}; }
static inline cd c_exp(cd a) { double e = exp(a.re); return a.im == 0 ? (cd){e, a.im} : (cd){e * cos(a.im), e * sin(a.im)}; }
static inline cd c_log1p(cd a) { return (cd){0.5 * log1p(a.re * (2 + a.re) + a.im * a.im), atan2(a.im, 1 + a.re)}; }
static inline cd c_max(cd a, cd b) { return a.re != a.re || a.im != a.im ? a : b.re != b.re || b.im != b.im ? b : c_less(a.re, a.im, b.re, b.im) ? b : a; }
static inline cd c_min(cd a, cd b) { return a.re != a.re || a.im != a.im ? a : b.re != b.re || b.im != b.im ? b : c_less(b.re, b.im, a.re, a.im) ? b : a; }
static inline cd c_logaddexp(cd a, cd b) { cd m = c_less(a.re, a.im, b.re, b.im) ? b : a, n = c_less(a.re, a.im, b.re, b.im) ? a : b; if (m.re == -INFINITY || m.re == INFINITY) return m; return c_add(m, c_log1p(c_exp((cd){n.re - m.re, n.im - m.im}))); }
