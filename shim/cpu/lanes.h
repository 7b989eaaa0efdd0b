// lanes.h: scalar functions that stages apply lane by lane: integer division, conversions, complex arithmetic, erfinv.
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
static inline double rem_f64(double a, double b) { double m = fmod(a, b); return m != 0 && (m < 0) != (b < 0) ? m + b : m; }
static inline float rem_f32(float a, float b) { float m = fmodf(a, b); return m != 0 && (m < 0) != (b < 0) ? m + b : m; }
static inline double logaddexp_f64(double a, double b) {
  if (a != a || b != b) return a + b;
  double m = a > b ? a : b, n = a > b ? b : a;
  return n == -INFINITY || m == INFINITY ? m : m + log1p(exp(n - m));
}
static inline double sigmoid_f64(double x) { double z = exp(-fabs(x)); return (x < 0 ? z : 1) / (1 + z); }
// M. Giles, "Approximating the erfinv function" (2010), single precision.
static inline float erfinv_f32(double xd) {
  float x = (float)xd, w = (float)-log1p(-(double)x * x), p;
  if (fabsf(x) == 1) return x * INFINITY;
  if (w < 5) {
    w = w - 2.5f;
    p = 2.81022636e-08f; p = 3.43273939e-07f + p * w; p = -3.5233877e-06f + p * w; p = -4.39150654e-06f + p * w; p = 0.00021858087f + p * w;
    p = -0.00125372503f + p * w; p = -0.00417768164f + p * w; p = 0.246640727f + p * w; p = 1.50140941f + p * w;
  } else {
    w = sqrtf(w) - 3;
    p = -0.000200214257f; p = 0.000100950558f + p * w; p = 0.00134934322f + p * w; p = -0.00367342844f + p * w; p = 0.00573950773f + p * w;
    p = -0.0076224613f + p * w; p = 0.00943887047f + p * w; p = 1.00167406f + p * w; p = 2.83297682f + p * w;
  }
  return p * x;
}
static inline double erfinv_f64(double x) {
  if (fabs(x) >= 1) return fabs(x) == 1 ? x * INFINITY : NAN;
  double y = erfinv_f32(x);
  for (int k = 0; k < 3; k++) { double e = erf(y) - x; if (e == 0) break; y -= e / (1.1283791670955126 * exp(-y * y) + 1e-300 + y * e); }
  return y;
}
// Complex numbers, in double.
typedef struct { double re, im; } cd;
static inline int c_less(double ar, double ai, double br, double bi) { return ar < br || (ar == br && ai < bi); }
static inline cd c_mul(cd a, cd b) { return (cd){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
static inline cd c_div(cd a, cd b) { if (b.re == 0 && b.im == 0) return (cd){a.re / fabs(b.re), a.im / fabs(b.re)}; double d = b.re * b.re + b.im * b.im; return (cd){(a.re * b.re + a.im * b.im) / d, (a.im * b.re - a.re * b.im) / d}; }
static inline cd c_add(cd a, cd b) { return (cd){a.re + b.re, a.im + b.im}; }
static inline cd c_scale(cd a, double k) { return (cd){a.re * k, a.im * k}; }
static inline cd c_exp(cd a) { double e = exp(a.re); return a.im == 0 ? (cd){e, a.im} : (cd){e * cos(a.im), e * sin(a.im)}; }
static inline cd c_expm1(cd a) { double e = expm1(a.re), s = sin(a.im / 2); return (cd){e * cos(a.im) - 2 * s * s, exp(a.re) * sin(a.im)}; }
static inline cd c_log(cd a) { return (cd){log(hypot(a.re, a.im)), atan2(a.im, a.re)}; }
static inline cd c_log1p(cd a) { return (cd){0.5 * log1p(a.re * (2 + a.re) + a.im * a.im), atan2(a.im, 1 + a.re)}; }
static inline cd c_sqrt(cd a) { double m = hypot(a.re, a.im); if (m == 0) return (cd){0, a.im}; double t = sqrt((m + fabs(a.re)) / 2); return a.re >= 0 ? (cd){t, a.im / (2 * t)} : (cd){fabs(a.im) / (2 * t), copysign(t, a.im)}; }
static inline cd c_sign(cd a) { double m = hypot(a.re, a.im); return m == 0 ? (cd){0, 0} : (cd){a.re / m, a.im / m}; }
static inline cd c_sinh(cd a) { return (cd){sinh(a.re) * cos(a.im), cosh(a.re) * sin(a.im)}; }
static inline cd c_cosh(cd a) { return (cd){cosh(a.re) * cos(a.im), sinh(a.re) * sin(a.im)}; }
static inline cd c_tanh(cd a) { if (fabs(a.re) > 22) return (cd){copysign(1, a.re), 0}; return c_div(c_sinh(a), c_cosh(a)); }
static inline cd c_turn(cd a) { return (cd){-a.im, a.re}; }       // i a
static inline cd c_unturn(cd a) { return (cd){a.im, -a.re}; }     // a / i
static inline cd c_sin(cd a) { return c_unturn(c_sinh(c_turn(a))); }
static inline cd c_cos(cd a) { return c_cosh(c_turn(a)); }
static inline cd c_tan(cd a) { return c_unturn(c_tanh(c_turn(a))); }
static inline cd c_asinh(cd a) { cd s = c_sqrt(c_add(c_mul(a, a), (cd){1, 0})); return a.re < 0 ? c_scale(c_log(c_add(c_scale(a, -1), s)), -1) : c_log(c_add(a, s)); }
static inline cd c_asin(cd a) { return c_unturn(c_asinh(c_turn(a))); }
static inline cd c_acos(cd a) { cd s = c_asin(a); return (cd){1.5707963267948966 - s.re, -s.im}; }
static inline cd c_acosh(cd a) { return c_log(c_add(a, c_mul(c_sqrt(c_add(a, (cd){1, 0})), c_sqrt(c_add(a, (cd){-1, 0}))))); }
static inline cd c_atanh(cd a) { cd p = c_log(c_add((cd){1, 0}, a)), m = c_log(c_add((cd){1, 0}, c_scale(a, -1))); return (cd){(p.re - m.re) / 2, (p.im - m.im) / 2}; }
static inline cd c_atan(cd a) { return c_unturn(c_atanh(c_turn(a))); }
static inline cd c_sigmoid(cd a) { return c_div((cd){1, 0}, c_add((cd){1, 0}, c_exp(c_scale(a, -1)))); }
static inline cd c_pow(cd a, cd b) { if (b.re == 0 && b.im == 0) return (cd){1, 0}; if (a.re == 0 && a.im == 0) return (cd){0, 0}; return c_exp(c_mul(b, c_log(a))); }
static inline cd c_max(cd a, cd b) { return a.re != a.re || a.im != a.im ? a : b.re != b.re || b.im != b.im ? b : c_less(a.re, a.im, b.re, b.im) ? b : a; }
static inline cd c_min(cd a, cd b) { return a.re != a.re || a.im != a.im ? a : b.re != b.re || b.im != b.im ? b : c_less(b.re, b.im, a.re, a.im) ? b : a; }
static inline cd c_logaddexp(cd a, cd b) { cd m = c_less(a.re, a.im, b.re, b.im) ? b : a, n = c_less(a.re, a.im, b.re, b.im) ? a : b; if (m.re == -INFINITY || m.re == INFINITY) return m; return c_add(m, c_log1p(c_exp((cd){n.re - m.re, n.im - m.im}))); }
