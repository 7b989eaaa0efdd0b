// dmath.h: f64 transcendentals, branch-free, width-generic, at most 2 ulp over the whole range. Coefficients are minimax fits by the Remez exchange.
// Nothing contracts here: sums in two parts (h + l) rely on each rounding. `mad` may round once or twice.
#pragma once
#include "vec.h"
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FUSED 1
#endif
INL vd mad(vd a, vd b, vd c) {
#ifdef FUSED
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}
typedef struct dd { vd h, l; } dd;
INL dd fast_sum(vd a, vd b) { vd s = a + b; return (dd){s, b - (s - a)}; }        // |a| >= |b|, or a = 0
INL dd two_sum(vd a, vd b) { vd s = a + b, t = s - a; return (dd){s, (a - (s - t)) + (b - t)}; }
INL dd two_prod(vd a, vd b) {        // T. J. Dekker, "A floating-point technique for extending the available precision" (1971), where there is no fma
  vd p = a * b;
#ifdef FUSED
  return (dd){p, __builtin_elementwise_fma(a, b, -p)};
#else
  vd x = a * 134217729.0, y = b * 134217729.0, ah = x - (x - a), bh = y - (y - b), al = a - ah, bl = b - bh;
  return (dd){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
#endif
}
INL vd dabs(vd x) { return (vd)((vl)x & INT64_MAX); }
INL vd with_sign(vd x, vd s) { return (vd)(((vl)x & INT64_MAX) | ((vl)s & INT64_MIN)); }
INL vd dmin(vd x, double most) { return seld(x > most, splatd(most), x); }        // NaN stays
INL vd dmax(vd x, double least) { return seld(x < least, splatd(least), x); }
#define POLY(u, ...) ({ static const double c_[] = {__VA_ARGS__}; vd p_ = splatd(c_[0]); _Pragma("clang loop unroll(full)") for (size_t k_ = 1; k_ < sizeof c_ / 8; k_++) p_ = mad(p_, u, splatd(c_[k_])); p_; })
#define MAGICD 6755399441055744.0       // 1.5 * 2^52: adding it rounds to an integer that sits in the low mantissa bits
#define LN2_H 0.6931471803691238        // parts of 32 bits (log10(2): 40), so that products with exponents are exact
#define LN2_L 1.9082149292705877e-10
#define PIO4_H 0.7853981633974483       // 51 bits
#define PIO4_L 3.061616997868383e-17
INL vd round_d(vd x) { vd big = with_sign(splatd(4503599627370496.0), x); return seld(dabs(x) < 4503599627370496.0, (x + big) - big, x); }
INL vd exp2i(vl n) { return (vd)((n + 1023) << 52); }
INL vd ldexp_d(vd y, vl n, vd nf) {                 // y * 2^n for every n, rounding once into the denormals
#ifdef __AVX512F__
  (void)n; return (vd)_mm512_scalef_pd((__m512d)y, (__m512d)nf);
#else
  (void)nf; vl h = (vl)((vq)(n + 4096) >> 1) - 2048; return y * exp2i(h) * exp2i(n - h);
#endif
}

// ---- exponentials -----------------------------------------------------------------------------------------------------------------
typedef struct { dd p; vl n; vd nf; } expd;          // e^x = (1 + p) * 2^n
INL expd exp_parts(vd x) {
  vd z = mad(x, splatd(1.4426950408889634), splatd(MAGICD)), nf = z - MAGICD;
  vd y = x - nf * LN2_H, t = nf * LN2_L, r = y - t, rl = (y - r) - t;
  vd c = mad(r * r, POLY(r, 2.092442221573179e-09, 2.5109022557042513e-08, 2.755724283720889e-07, 2.755724425013404e-06, 2.480158736043838e-05, 0.00019841269886085427,
    0.001388888888886693, 0.008333333333321648, 0.0416666666666667, 0.16666666666666677, 0.5), rl);
  return (expd){fast_sum(r, c), (vl)z - (vl)splatd(MAGICD), nf};
}
INL vd exp_d(vd x) {
  expd e = exp_parts(dmin(dmax(x, -746.0), 710.0));
  return ldexp_d(e.p.h + 1.0, e.n, e.nf);
}
INL dd expm1_parts(vd x, double scale) {             // (e^x - 1) * scale, |x| not above 710
  expd e = exp_parts(x);
  vd s = exp2i(e.n - 1) * (2 * scale);
  dd y = two_sum(s - scale, e.p.h * s);
  return (dd){y.h, y.l + e.p.l * s};
}
INL vd expm1_d(vd x) {
  dd y = expm1_parts(dmin(dmax(x, -40.0), 710.0), 0.5);          // half, so that n = 1024 does not overflow early
  return seld(dabs(x) < 0x1p-54, x, (y.h + y.l) * 2.0);
}
INL vd sigmoid_d(vd x) {                             // z = e^-|x| cannot overflow, so that the left tail keeps its denormals
  vd c = dmax(-dabs(x), -746.0);
  expd e = exp_parts(c);
  dd h = fast_sum(splatd(1.0), e.p.h);
  vd z = ldexp_d(h.h, e.n, e.nf), zl = ldexp_d(h.l + e.p.l, e.n, e.nf), d = 1.0 + z, dl = (z - (d - 1.0)) + zl;
  vl left = x < 0.0;
  vd q = seld(left, z, splatd(1.0)) / d;
  return q + (seld(left, zl, splatd(0)) - q * dl) * seld(left, 1.0 - q, q);       // 1 / d is 1 - q on the left
}
INL vd tanh_d(vd x) {                                // t / (t + 2) with t = e^2|x| - 1
  dd t = expm1_parts(dmin(dabs(x), 20.0) * 2.0, 1.0), d = two_sum(t.h, splatd(2.0));
  vd inv = 1.0 / d.h, q = t.h * inv;
  dd p = two_prod(q, d.h);
  vd y = q + (((t.h - p.h) - p.l) + (t.l - q * (d.l + t.l))) * inv;
  return with_sign(seld(dabs(x) < 0x1p-28, x, y), x);
}
typedef struct { vd e, el, inv; } hyper;             // e^a / 4 in two parts and e^-a / 4, a not negative
INL hyper hyper_parts(vd a) {
  expd e = exp_parts(dmin(a, 710.5));
  dd h = fast_sum(splatd(1.0), e.p.h);
  vd s = exp2i(e.n - 2), eh = h.h * s;
  return (hyper){eh, (h.l + e.p.l) * s, 0.0625 / eh};
}
INL vd cosh_d(vd x) {
  hyper y = hyper_parts(dabs(x));
  dd s = fast_sum(y.e, y.inv);
  return (s.h + (s.l + y.el)) * 2.0;
}
INL vd sinh_d(vd x) {
  vd a = dabs(x), u = dmin(a * a, 2.0);
  hyper y = hyper_parts(a);
  vd small = mad(a * u, POLY(u, 7.759309885623565e-13, 1.6057240413777858e-10, 2.5052123397680028e-08, 2.755731915534199e-06, 0.00019841269841437668, 0.008333333333333139, 0.16666666666666669), a);
  return with_sign(seld(a < 1.0, small, (y.e + (y.el - y.inv)) * 2.0), x);
}

// ---- logarithms: of m in [sqrt(1/2), sqrt(2)) by s = f / (2 + f), f = m - 1 (P. T. P. Tang, 1990) ----------------------------------------------
INL vd of_int(vl n) { return (vd)(n + 0x4338000000000000LL) - MAGICD; }          // without AVX-512DQ there is no conversion
INL vl exponent_d(vd x) { return ((vl)x - 0x3fe6a09e667f3bcdLL) >> 52; }         // x normal and positive
typedef struct { vd f, ef; } fraction;
INL fraction split_d(vd x) {                         // x = (1 + f) 2^ef, x > 0
  vl tiny = x < 0x1p-1022;
  vd y = seld(tiny, x * 0x1p54, x);
  vl e = exponent_d(y);
  return (fraction){(vd)((vl)y - (e << 52)) - 1.0, of_int(e + (tiny & -54))};
}
INL vd log_tail(vd f, vd s, vd hf) {                 // log(1 + f) = f - hf + tail, hf = f^2 / 2
  vd z = s * s;
  return s * mad(z, POLY(z, 0.14867502699741558, 0.1530639701674142, 0.18183888223469813, 0.2222219171653691, 0.28571428817629796, 0.39999999999019464, 0.6666666666666808), hf);
}
INL vd log_sum(vd f, vd lo, vd ef) {                 // log((1 + f + lo) 2^ef)
  vd s = f / (2.0 + f), hf = (f * 0.5) * f;
  return ef * LN2_H + (f - (hf - (log_tail(f, s, hf) + mad(ef, splatd(LN2_L), lo))));
}
INL vd log_ends(vd x, vd y) {                        // y with the values where x is 0, negative, infinite or NaN
  y = seld(x == 0.0, splatd(-INFINITY), seld(x == INFINITY, x, y));
  return seld(x >= 0.0, y, splatd(NAN));
}
INL vd log_d(vd x) {
  fraction m = split_d(x);
  return log_ends(x, log_sum(m.f, splatd(0), m.ef));
}
INL vd log_base(vd x, double inv_h, double inv_l, double two_h, double two_l) {  // by the parts of 1/ln(b) and log_b(2)
  fraction m = split_d(x);
  vd s = m.f / (2.0 + m.f), hf = (m.f * 0.5) * m.f, tail = log_tail(m.f, s, hf);
  vd h = (vd)((vl)(m.f - hf) & 0xffffffff00000000LL), l = ((m.f - h) - hf) + tail;
  dd w = fast_sum(m.ef * two_h, h * inv_h);
  return log_ends(x, (mad(m.ef, splatd(two_l), mad(l + h, splatd(inv_l), l * inv_h)) + w.l) + w.h);
}
INL vd log2_d(vd x) { return log_base(x, 1.4426946640014648, 3.768874985636099e-07, 1.0, 0.0); }
INL vd log10_d(vd x) { return log_base(x, 0.4342944622039795, 1.9699272335463627e-08, 0.30102999566361177, 3.694239077158931e-13); }
INL vd log1p_sum(vd x, vd lo, vd twos) {             // log((1 + x + lo) 2^twos), 1 + x positive and finite
  dd u = two_sum(splatd(1.0), x);
  vl e = exponent_d(u.h);
  vd f = (vd)((vl)u.h - (e << 52)) - 1.0;
  dd g = fast_sum(f, (u.l + lo) * 0.5 * exp2i(1 - e));
  return log_sum(g.h, g.l / (1.0 + g.h), of_int(e) + twos);
}
INL vd log1p_d(vd x) {
  vd y = log1p_sum(x, splatd(0), splatd(0));
  y = seld((x == INFINITY) | (dabs(x) < 0x1p-54), x, y);
  y = seld(x == -1.0, splatd(-INFINITY), y);
  return seld(x >= -1.0, y, splatd(NAN));
}
INL vd logaddexp_d(vd a, vd b) {                     // within 2 ulp of the larger of the result and the larger operand, as the two may cancel
  vd m = seld(a > b, a, b), n = seld(a > b, b, a);
  dd d = two_sum(n, -m);
  vd c = dmax(d.h, -746.0);
  expd e = exp_parts(c);
  dd h = fast_sum(splatd(1.0), e.p.h);
  vd z = ldexp_d(h.h, e.n, e.nf), zl = ldexp_d(h.l + e.p.l, e.n, e.nf);
  vd r = m + log1p_sum(z, seld(c == d.h, mad(z, d.l, zl), zl), splatd(0));
  r = seld((dabs(m) == INFINITY) | (n == -INFINITY), m, r);
  return seld((a == a) & (b == b), r, a + b);
}
INL vd asinh_d(vd x) {                               // log1p(a + a^2 / (1 + sqrt(1 + a^2)))
  vd a = dabs(x), c = dmin(a, 0x1p60), t = (c * c) / (1.0 + __builtin_elementwise_sqrt(mad(c, c, splatd(1.0))));
  vl large = a > 0x1p60;
  dd u = two_sum(c, t);
  vd y = log1p_sum(seld(large, dmin(a, 0x1.fffffffffffffp1023), u.h), seld(large, splatd(0), u.l), seld(large, splatd(1), splatd(0)));
  return with_sign(seld((a < 0x1p-28) | ~(a < INFINITY), x, y), x);
}
INL vd acosh_d(vd x) {                               // log1p(t + sqrt(2 t + t^2)) with t = x - 1
  vd c = seld(x >= 1.0, dmin(x, 0x1p60), splatd(1.0));
  vl large = x > 0x1p60;
  dd t = two_sum(c, splatd(-1.0)), q = two_prod(t.h, t.h), w = two_sum(t.h * 2.0, q.h);
  vd s = __builtin_elementwise_sqrt(w.h);
  dd p = two_prod(s, s), u = two_sum(t.h, s);
  vd sl = seld(s > 0.0, (((w.h - p.h) - p.l) + (w.l + q.l)) / (s * 2.0), splatd(0));
  vd y = log1p_sum(seld(large, dmin(x, 0x1.fffffffffffffp1023), u.h), seld(large, splatd(0), u.l + (sl + t.l * 2.0)), seld(large, splatd(1), splatd(0)));
  return seld(x >= 1.0, seld(x == INFINITY, x, y), splatd(NAN));
}
INL vd atanh_d(vd x) {                               // log1p(2 a / (1 - a)) / 2
  vd a = dabs(x), c = seld(a < 1.0, a, splatd(0.5)), n = c * 2.0;
  dd d = two_sum(splatd(1.0), -c);
  vd q = n / d.h;
  dd p = two_prod(q, d.h);
  vd y = log1p_sum(q, (((n - p.h) - p.l) - q * d.l) / d.h, splatd(0)) * 0.5;
  y = seld(a < 1.0, y, seld(a == 1.0, splatd(INFINITY), splatd(NAN)));
  return with_sign(seld(a < 0x1p-28, x, y), x);
}

// ---- powers -------------------------------------------------------------------------------------------------------------------------
// log2 |x| in two parts, good to 2^-67: 2 s + 2/3 s^3 in two parts, the rest of the series in one.
INL dd log2_parts(vd x) {
  fraction m = split_d(x);
  vd dh = 2.0 + m.f, dl = m.f - (dh - 2.0), inv = 1.0 / dh, s = m.f * inv;
  dd r = two_prod(s, dh);
  vd sl = (((m.f - r.h) - r.l) - s * dl) * inv;
  dd z = two_prod(s, s);
  z.l = mad(s * 2.0, sl, z.l);
  dd c = two_prod(s, z.h);
  c.l += mad(s, z.l, sl * z.h);
  dd t = two_prod(c.h, splatd(0.6666666666666666));
  t.l += mad(c.l, splatd(0.6666666666666666), c.h * 3.700743415417188e-17);
  t.l = mad(c.h * z.h, POLY(z.h, 0.11012712394709169, 0.1042299403755883, 0.1176866807437292, 0.13333240636591243, 0.15384616748991173, 0.1818181816930708, 0.2222222222229017, 0.28571428571428376, 0.4), t.l);
  dd l = fast_sum(s * 2.0, t.h);
  l = fast_sum(l.h, l.l + (sl * 2.0 + t.l));
  dd p = two_prod(l.h, splatd(1.4426950408889634));
  p.l += mad(l.h, splatd(2.0355273740931033e-17), l.l * 1.4426950408889634);
  dd y = fast_sum(m.ef, p.h);
  return fast_sum(y.h, y.l + p.l);
}
INL vd pow_d(vd x, vd y) {
  vd a = dabs(x), ay = dabs(y), cy = with_sign(dmin(ay, 0x1p65), y);
  dd l = log2_parts(a), p = two_prod(l.h, cy);
  p.l = mad(l.l, cy, p.l);
  vl out = ~(dabs(p.h) < 1100.0);
  vd h = seld(out, with_sign(splatd(1100.0), p.h), p.h), z = h + MAGICD, nf = z - MAGICD;
  dd r = two_sum(h - nf, seld(out, splatd(0), p.l));
  vd q = POLY(r.h, 2.5741753642345153e-11, 4.456672494581139e-10, 7.054888297692942e-09, 1.017805121651239e-07, 1.3215486832905167e-06, 1.5252733856221592e-05, 0.0001540353039334133,
    0.0013333558146390453, 0.009618129107628494, 0.0555041086648217, 0.24022650695910072, 0.6931471805599453);
  vd v = ldexp_d(1.0 + mad(r.h, q, r.l * 0.6931471805599453), (vl)z - (vl)splatd(MAGICD), nf);
  // special cases as in C
  vl whole = round_d(y) == y, odd = whole & (round_d(y * 0.5) != y * 0.5);
  vl zero = a == 0.0, inf = a == INFINITY;
  v = seld(zero | inf, seld(zero == (y > 0.0), splatd(0), splatd(INFINITY)), v);
  v = seld(ay == INFINITY, seld(a == 1.0, splatd(1), seld((a > 1.0) == (y > 0.0), splatd(INFINITY), splatd(0))), v);
  v = seld((x < 0.0) & ~whole & (a < INFINITY), splatd(NAN), v);
  v = (vd)((vl)v | ((vl)x & odd & INT64_MIN));
  v = seld((x == x) & (y == y), v, x + y);
  return seld((y == 0.0) | (x == 1.0), splatd(1), v);
}
INL vd rem_d(vd a, vd b) {                           // a - floor(a / b) b, from the exact remainder of the nearest quotient
  vd q = round_d(a / b);
  dd p = two_prod(q, b);
  vd r = (a - p.h) - p.l;
  vl odd = ~((dabs(q) < 0x1p50) & (dabs(b) > 0x1p-900) & (dabs(b) < 0x1p900) & (dabs(a) < 0x1p900));
  int any = 0;
  for (int k = 0; k < WD; k++) any |= (int)odd[k];
  if (__builtin_expect(any, 0)) for (int k = 0; k < WD; k++) if (odd[k]) r[k] = fmod(a[k], b[k]);
  return seld(r == 0.0, with_sign(r, a), seld((r < 0.0) == (b < 0.0), r, r + b));
}

// ---- circular functions ---------------------------------------------------------------------------------------------------------------
// The fraction of x * 2/pi of one element as an integer part (its last two bits) and 2^128 times a signed rest: 192 bits of 2/pi are enough (M. Payne, R. Hanek, 1983).
static int64_t turns(double x, double *h, double *l) {
  static const uint32_t two_over_pi[] = {0, 0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561, 0xB7246E3A, 0x424DD2E0, 0x06492EEA, 0x09D1921C,
    0xFE1DEB1C, 0xB129A73E, 0xE88235F5, 0x2EBB4484, 0xE99C7026, 0xB45F7E41, 0x3991D639, 0x835339F4, 0x9C845F8B, 0xBDF9283B, 0x1FF897FF, 0xDE05980F, 0xEF2F118B, 0x5A0A6D1F, 0x6D367ECF, 0x27CB09B7,
    0x4F463F66, 0x9E5FEA2D, 0x7527BAC7, 0xEBE5F17B, 0x3D0739F7, 0x8A5292EA, 0x6BFB5FB1, 0x1F8D5D08, 0x56033046};
  uint64_t u, w[3];
  memcpy(&u, &x, 8);
  uint64_t m = (u & 0xfffffffffffffULL) | 1ULL << 52;
  int at = (int)(u >> 52 & 2047) - 1075 + 62, b = at & 31;          // the first bit kept is worth 2 after the product with the exponent
  for (int k = 0; k < 3; k++) {
    const uint32_t *t = two_over_pi + (at >> 5) + 2 * k;
    uint64_t v = (uint64_t)t[0] << 32 | t[1];
    w[k] = b ? v << b | t[2] >> (32 - b) : v;
  }
  unsigned __int128 low = (unsigned __int128)m * w[2], mid = (unsigned __int128)m * w[1] + (uint64_t)(low >> 64);
  uint64_t top = m * w[0] + (uint64_t)(mid >> 64), next = (uint64_t)mid;
  int64_t t = (int64_t)(top << 2 | next >> 62), q = (int64_t)(top >> 62) + (t < 0);
  double sign = u >> 63 ? -1 : 1;
  *h = sign * 18446744073709551616.0 * (double)(t & ~0x7ffLL);
  *l = sign * (18446744073709551616.0 * (double)(t & 0x7ff) + (double)(next << 2));
  return u >> 63 ? -q : q;
}
typedef struct { dd s, c; vl q; } circle;            // sine and cosine of x - q pi/2, each in two parts
INL circle circle_d(vd x) {
  vd ax = dabs(x), z = mad(x, splatd(0.6366197723675814), splatd(MAGICD)), n = z - MAGICD;
  vl q = (vl)z - (vl)splatd(MAGICD);
  // pi/2 in three parts of 33 bits and the rest: products with n below 2^20 are exact, and so is the first difference
  dd a = two_sum(x - n * 1.5707963267341256, n * -6.077100506303966e-11), b = two_sum(a.h, n * -2.0222662487111665e-21);
  dd r = fast_sum(b.h, (a.l + b.l) - n * 8.4784276603689e-32);
  vl big = ~(ax < 1.6e6) & (ax < INFINITY);
  int any = 0;
  for (int k = 0; k < WD; k++) any |= (int)big[k];
  if (__builtin_expect(any, 0)) {
    vd h = splatd(0), l = h;
    for (int k = 0; k < WD; k++) if (big[k]) { double th, tl; q[k] = turns(x[k], &th, &tl); h[k] = th; l[k] = tl; }
    dd t = fast_sum(h * 0x1p-128, l * 0x1p-128), p = two_prod(t.h, splatd(1.5707963267948966));
    p = fast_sum(p.h, mad(t.h, splatd(6.123233995736766e-17), mad(t.l, splatd(1.5707963267948966), p.l)));
    r = (dd){seld(big, p.h, r.h), seld(big, p.l, r.l)};
  }
  r.h = seld(ax < INFINITY, r.h, splatd(NAN));
  vd u = r.h * r.h, hu = u * 0.5, w = 1.0 - hu;
  vd s = POLY(u, 1.5896669516030458e-10, -2.5050756009427578e-08, 2.755731367894506e-06, -0.0001984126982977188, 0.008333333333322372, -0.16666666666666632);
  vd c = POLY(u, -1.1359560353063061e-11, 2.0875721649363428e-09, -2.755731434090046e-07, 2.480158728944452e-05, -0.0013888888888874066, 0.0416666666666666);
  s = mad(r.h * u, s, mad(-hu, r.l, r.l));
  c = ((1.0 - w) - hu) + mad(u * u, c, -(r.h * r.l));
  return (circle){fast_sum(r.h, s), fast_sum(w, c), q};
}
INL vd wave(circle y, vl q) {
  vd v = seld((q & 1) == 0, y.s.h, y.c.h);
  return (vd)((vl)v ^ ((q & 2) << 62));
}
INL vd sin_d(vd x) { circle y = circle_d(x); return seld(x == 0.0, x, wave(y, y.q)); }
INL vd cos_d(vd x) { circle y = circle_d(x); return wave(y, y.q + 1); }
INL vd tan_d(vd x) {
  circle y = circle_d(x);
  vl even = (y.q & 1) == 0;
  dd n = {seld(even, y.s.h, -y.c.h), seld(even, y.s.l, -y.c.l)}, d = {seld(even, y.c.h, y.s.h), seld(even, y.c.l, y.s.l)};
  vd inv = 1.0 / d.h, v = n.h * inv;
  dd p = two_prod(v, d.h);
  v += (((n.h - p.h) - p.l) + (n.l - v * d.l)) * inv;
  return seld(dabs(x) < 0x1p-28, x, v);
}
INL vd turned(vl k, vd t, vd tl) {                   // k pi/4 + t + tl, |t| below pi/4 or k = 0
  vd kf = of_int(k);
  dd y = fast_sum(kf * PIO4_H, t);
  return y.h + (y.l + mad(kf, splatd(PIO4_L), tl));
}
INL vd atan2_d(vd y, vd x) {
  vd a = dabs(y), b = dabs(x), most = seld(a > b, a, b), least = seld(a > b, b, a);
  vl swap = a > b, left = (vl)x < 0;
  least = seld(most == INFINITY, seld(least == INFINITY, splatd(1), splatd(0)), least);
  most = seld((most == INFINITY) | (most == 0.0), splatd(1), most);
  vd by = seld(most < 0x1p400, splatd(0x1p300), seld(most > 0x1p800, splatd(0x1p-300), splatd(1)));
  least *= by; most *= by;
  // above tan(pi/8): pi/4 + atan((least - most) / (least + most))
  vl big = least > most * 0.41421356237309503;
  dd n = two_sum(-most, least), d = two_sum(most, least);
  n = (dd){seld(big, n.h, least), seld(big, n.l, splatd(0))}; d = (dd){seld(big, d.h, most), seld(big, d.l, splatd(0))};
  vd t = n.h / d.h, z = t * t;
  dd p = two_prod(t, d.h);
  vd tl = (((n.h - p.h) - p.l) + (n.l - t * d.l)) / d.h;
  tl = mad(t * z, POLY(z, 0.015199062320294025, -0.03347832954883233, 0.045037169339622624, -0.05218445914893859, 0.05877028309209784, -0.0666622742958305, 0.07692282804773719, -0.09090908146599534,
    0.11111111088236263, -0.14285714285388967, 0.19999999999997678, -0.33333333333333326), mad(-tl, z, tl));
  vl k = big & 1, flip = (swap ^ left) & INT64_MIN;
  k = seli(swap, 2 - k, k); k = seli(left, 4 - k, k);
  vd r = with_sign(turned(k, (vd)((vl)t ^ flip), (vd)((vl)tl ^ flip)), y);
  return seld((y == y) & (x == x), r, x + y);
}
INL vd atan_d(vd x) { return atan2_d(x, splatd(1)); }
typedef struct { vd t, tl; vl big; } arc;            // |x| up to 1/2: asin |x| = t + tl; above: asin |x| = pi/2 - (t + tl)
INL arc arc_d(vd a) {
  vl big = a > 0.5;
  vd z = seld(big, (1.0 - a) * 0.5, a * a), s = seld(big, __builtin_elementwise_sqrt(z), a);
  dd p = two_prod(s, s);
  vd sl = seld(big & (s > 0.0), ((z - p.h) - p.l) / (s * 2.0), splatd(0));
  vd t = mad(s * z, POLY(z, 0.03267747556447649, -0.021078308044561716, 0.02176427804565526, 0.0036826942048465193, 0.010786629253375668, 0.01139775648688198, 0.013980964058634774,
    0.017351599853126138, 0.0223722156749501, 0.03038194268304061, 0.04464285717513428, 0.07499999999970246, 0.16666666666666763), sl), k = seld(big, splatd(2), splatd(1));
  return (arc){s * k, t * k, big};
}
INL vd asin_d(vd x) {
  arc y = arc_d(dabs(x));
  return with_sign(seld(y.big, turned(splatl(2), -y.t, -y.tl), y.t + y.tl), x);
}
INL vd acos_d(vd x) {
  arc y = arc_d(dabs(x));
  vl left = (vl)x < 0, flip = (left ^ ~y.big) & INT64_MIN;
  return turned(seli(y.big, left & 4, splatl(2)), (vd)((vl)y.t ^ flip), (vd)((vl)y.tl ^ flip));
}

// ---- the error function -----------------------------------------------------------------------------------------------------------------
INL vd erf_d(vd x) {                                 // above 1: 1 - e^-x^2 times a polynomial in (x - 3) / (x + 3)
  vd a = dmin(dabs(x), 6.0), u = dmin(a * a, 1.0), t = (a - 3.0) / (a + 3.0);
  vd small = mad(a, POLY(u, -4.233126342005067e-12, 8.710462758165732e-11, -1.216496771853283e-09, 1.4792469465572538e-08, -1.636464952879797e-07, 1.6462045978639586e-06, -1.4925647594387307e-05,
    0.00012055332903808265, -0.0008548327021955912, 0.005223977625423608, -0.026866170645129868, 0.1128379167095512, -0.37612638903183754, 0.1283791670955126), a);
  vd c = POLY(t, -6.4287926508787725e-06, -5.962719252527567e-06, 7.228988816361824e-05, 5.075136860262632e-05, -0.0005947306202889208, 0.0007083945236934818, 0.004269251737421212, -0.0243924875050469,
    0.0716658375932827, -0.15011593654800665, 0.24560380170689958, -0.3262335600432034, 0.17900115118138968);
  expd e = exp_parts(-(a * a));
  return with_sign(seld(a < 1.0, small, 1.0 - (e.p.h + 1.0) * exp2i(e.n) * c), x);
}
// M. Giles, "Approximating the erfinv function" (2010): x times polynomials in w = -log(1 - x^2) below 6.25, in sqrt(w) below and above 4.
INL vd erfinv_d(vd x) {
  dd q = two_prod(x, x);
  vd w = -log1p_sum(-q.h, -q.l, splatd(0)), c = dmin(w, 6.25) - 1.0, s = __builtin_elementwise_sqrt(w), t = s - 3.25, u = s - 5.0;
  dd r = two_prod(s, s);
  vd p = c * POLY(c, 3.1454217110732343e-21, -1.5474254698681508e-19, 3.296071308485259e-18, -3.798258113301521e-17, 2.228515000876524e-16, -1.1005141168423496e-16, -7.328567606623362e-15,
    3.365738500469573e-14, 1.3515112973470443e-13, -1.3562481295597577e-12, -3.693100199192593e-12, 6.751806855250467e-11, 1.6612181487048368e-11, -3.0241005600753664e-09,
    6.0400367505586314e-09, 1.2231713629503083e-07, -5.652251499651093e-07, -4.27558573495112e-06, 3.820187246046084e-05, 0.0001001217762409806, -0.00237636995557491,
    0.004250709244823413, 0.24783287028621073);
  vd m = t * POLY(t, -1.2884069846659262e-09, 7.604342745635657e-09, -1.1489413392060526e-08, -2.070178180932293e-08, 1.2674134474369343e-07, -2.4575170302908406e-07, -2.4172665170957235e-08,
    1.4817649700270218e-06, -3.987207896274878e-06, 2.932511861024799e-06, 1.2465441971098239e-05, -4.732066425705664e-05, 6.828704590988205e-05, 2.4031510406263967e-05,
    -0.0003550378063558479, 0.0009532893417909702, -0.0016882755358736958, 0.00249144209794773, -0.003751208508213581, 0.005370914553555189, 1.0052589676941652);
  vd f = u * POLY(u, 5.690521075463683e-12, -2.0465112595455403e-11, 1.559706391279929e-11, 6.984664839685038e-11, -3.8242221827483653e-10, 1.3155909455646459e-09, -3.532449452404793e-09,
    7.821705057366922e-09, -1.5214691626985598e-08, 2.9018575174788892e-08, -6.757236108178336e-08, 2.2905281513774786e-07, -9.93025576400425e-07, 4.5260525314281095e-06,
    -1.9681771186216577e-05, 7.599527809586908e-05, -0.0002150301197997259, -0.00013871931838010072, 1.0103004648645448);
  // The last coefficient and what rounding took from the root join in two parts.
  vl near = w < 6.25, mid = s < 4.0;
  dd y = two_sum(seld(near, splatd(1.1273743936892278), seld(mid, splatd(3.0838856104922208), splatd(4.849906401408584))), seld(near, p, seld(mid, m, f) + ((w - r.h) - r.l) / (s * 2.0)));
  return with_sign(seld(dabs(x) < 1.0, mad(y.h, x, y.l * x), seld(dabs(x) == 1.0, splatd(INFINITY), splatd(NAN))), x);
}
