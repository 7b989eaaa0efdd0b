// vmath.h: f32 transcendentals, branch-free, width-generic, at most 2 ulp over the whole range.
// Here, and only here, a*b+c becomes one fma where the target has it; never -ffast-math.
#pragma once
#include "vec.h"
#pragma clang fp contract(fast)
#include <math.h>
#define MAGIC 12582912.0f   // 1.5 * 2^23: adding it rounds to an integer that sits in the low mantissa bits

INL vf pow2i(vi n) { return (vf)((n + 127) << 23); }
INL vf ldexp_v(vf y, vi n, vf nf) {           // y * 2^n for every n, rounding once into the denormals
#ifdef __AVX512F__
  (void)n; return (vf)_mm512_scalef_ps((__m512)y, (__m512)nf);
#else
  (void)nf; vi h = n >> 1; return y * pow2i(h) * pow2i(n - h);
#endif
}
INL vf exp_poly(vf r) {                       // e^r - 1, |r| <= ln2/2
  vf p = r * 0.00138379971f + 0.00836916547f;
  p = p * r + 0.0416681021f; p = p * r + 0.166665167f; p = p * r + 0.49999994f;
  return (r * r) * p + r;
}
INL vf vexp(vf x) {                           // what is 0 is not computed: a result below the normal numbers costs the processor a hundred cycles
  vi none = x < -104.0f;
  vf c = sel(none, splat(0), x); c = sel(c > 89.0f, splat(89.0f), c);
  vf z = c * 1.44269504f + MAGIC, n = z - MAGIC; vi ni = (vi)z - (vi)splat(MAGIC);
  vf r = c - n * 0.693359375f; r = r - n * -2.12194440e-4f;
  return sel(none, splat(0), ldexp_v(exp_poly(r) + 1.0f, ni, n));
}
INL vf vexpm1(vf x) {
  vf c = sel(x < -20.0f, splat(-20.0f), x); c = sel(c > 89.0f, splat(89.0f), c);
  vf z = c * 1.44269504f + MAGIC, n = z - MAGIC; vi ni = (vi)z - (vi)splat(MAGIC);
  vf r = c - n * 0.693359375f; r = r - n * -2.12194440e-4f;
  vf s = pow2i(ni - 1), p = exp_poly(r);      // 2^(n-1), so that n = 128 does not overflow early
  return sel(x == 0.0f, x, ((p * s) + (s - 0.5f)) * 2.0f);
}
// z = e^-|x| cannot overflow, so that the left tail keeps its denormals. What rounding takes from z and from 1 + z comes back in a correction.
INL vf vsigmoid(vf x) {
  vf a = -vabs(x); vi none = a < -104.0f; vf c = sel(none, splat(0), a);
  vf k = c * 1.44269504f + MAGIC, n = k - MAGIC; vi ni = (vi)k - (vi)splat(MAGIC);
  vf r = c - n * 0.693359375f; r = r - n * -2.12194440e-4f;
  vf p = exp_poly(r), h = p + 1.0f, l = p - (h - 1.0f);
  vf z = sel(none, splat(0), ldexp_v(h, ni, n)), zl = sel(none, splat(0), ldexp_v(l, ni, n)), d = 1.0f + z, dl = (z - (d - 1.0f)) + zl;
  vi left = x < 0.0f;
  vf q = sel(left, z, splat(1.0f)) / d;
  return q + (sel(left, zl, splat(0)) - q * dl) * sel(left, 1.0f - q, q);       // 1 / d is 1 - q on the left
}
INL vf vtanh(vf x) {                          // |x| < 5/8: odd polynomial; above: 1 - 2 / (e^2|x| + 1)
  vf a = vabs(x), u = a * a;
  vf q = u * 0.00215268414f - 0.00819001347f; q = q * u + 0.021706894f; q = q * u - 0.0539481789f; q = q * u + 0.133332208f; q = q * u - 0.333333313f;
  vf c = sel(a > 9.02f, splat(9.02f), a) * 2.0f;
  vf z = c * 1.44269504f + MAGIC, n = z - MAGIC; vi ni = (vi)z - (vi)splat(MAGIC);
  vf r = c - n * 0.693359375f; r = r - n * -2.12194440e-4f;
  vf s = pow2i(ni), y = 1.0f - 2.0f / (exp_poly(r) * s + (s + 1.0f));
  y = sel(a < 0.625f, (a * u) * q + a, y);
  y = sel(x == x, y, x);
  return (vf)((vi)y | ((vi)x & (int)0x80000000));
}
INL vf log_parts(vf x, vf *lo) {              // of x > 0, with what the last sum rounds off
  vi tiny = x < 1.17549435e-38f;
  vi i = (vi)sel(tiny, x * 8388608.0f, x);
  vi e = (i - 0x3f2aaaab) >> 23;              // m = x / 2^e in [2/3, 4/3)
  vf f = (vf)(i - (e << 23)) - 1.0f;
  vf ef = __builtin_convertvector(e + (tiny & -23), vf);
  vf p = f * -0.129985169f + 0.140055001f; p = p * f - 0.121704444f; p = p * f + 0.140044346f;
  p = p * f - 0.166812077f; p = p * f + 0.200104773f; p = p * f - 0.249997839f; p = p * f + 0.333332151f;
  vf f2 = f * f, y = (f2 * f) * p;
  y = ef * -2.12194440e-4f + y; y = f2 * -0.5f + y;
  vf a = f + y, r = a + ef * 0.693359375f;
  *lo = a - (r - ef * 0.693359375f); return r;
}
INL vf vlog(vf x) {
  vf lo, r = log_parts(x, &lo);
  r = sel(x == splat(INFINITY), x, r);
  r = sel(x == 0.0f, splat(-INFINITY), r);
  return sel(x >= 0.0f, r, splat(NAN));
}
// log of 1 + x as vlog does it, with what rounding took from 1 + x added to the fraction.
INL vf vlog1p(vf x) {
  vf u = 1.0f + x, c = sel(x > 1.0f, 1.0f - (u - x), x - (u - 1.0f));
  vi i = (vi)u, e = (i - 0x3f2aaaab) >> 23;
  vf f = ((vf)(i - (e << 23)) - 1.0f) + c * sel(e < 64, pow2i(-e), splat(0));
  vf ef = __builtin_convertvector(e, vf);
  vf p = f * -0.129985169f + 0.140055001f; p = p * f - 0.121704444f; p = p * f + 0.140044346f;
  p = p * f - 0.166812077f; p = p * f + 0.200104773f; p = p * f - 0.249997839f; p = p * f + 0.333332151f;
  vf f2 = f * f, y = (f2 * f) * p;
  y = ef * -2.12194440e-4f + y; y = f2 * -0.5f + y;
  vf r = (f + y) + ef * 0.693359375f;
  r = sel((x == splat(INFINITY)) | (x == 0.0f), x, r);
  r = sel(x == -1.0f, splat(-INFINITY), r);
  return sel(x >= -1.0f, r, splat(NAN));
}
// Payne-Hanek for one element: 96 bits of 2/pi are enough for f32.
static const uint32_t TWO_OVER_PI[] = {0, 0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561};
static float reduce_big(float x, int *q) {
  union { float f; uint32_t u; } v = {x};
  uint64_t m = (v.u & 0x7fffff) | 0x800000; int e = (int)((v.u >> 23) & 255) - 150;      // |x| = m 2^e
  int s = e + 64 - 2 , w = s >> 5, b = s & 31;     // first bit kept is the one worth 2^1 after the multiplication by 2^e
  uint64_t hi = ((uint64_t)TWO_OVER_PI[w] << 32) | TWO_OVER_PI[w + 1], lo = ((uint64_t)TWO_OVER_PI[w + 2] << 32) | TWO_OVER_PI[w + 3];
  if (b) { hi = (hi << b) | (lo >> (64 - b)); lo = (lo << b) | ((uint64_t)TWO_OVER_PI[w + 4] >> (32 - b)); }
  uint64_t f = m * hi + (uint64_t)(((unsigned __int128)m * lo) >> 64);                    // top 2 bits: quadrant
  int k = (int)(f >> 62); int64_t t = (int64_t)(f << 2); if (t < 0) k++;
  double r = (double)t * (1.5707963267948966 / 18446744073709551616.0);
  *q = (v.u >> 31) ? -k : k; return (v.u >> 31) ? (float)-r : (float)r;
}
INL vf sincos_v(vf x, int shift) {
  vf z = x * 0.636619772f + MAGIC, n = z - MAGIC; vi q = (vi)z - (vi)splat(MAGIC);
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  vf r = x - n * 1.57079637f; r = r - n * -4.37113883e-08f; r = r - n * -1.71512489e-15f;
  const float limit = 100000.0f;
#else
  vf r = x - n * 1.5703125f; r = r - n * 4.837512969970703125e-4f; r = r - n * 7.54953362047672271729e-8f; r = r - n * 2.56334406825708960298e-12f;
  const float limit = 1000.0f;
#endif
  vi big = ~(vabs(x) < limit) & (vabs(x) < splat(INFINITY)); int any = 0;
  for (int k = 0; k < W; k++) any |= big[k];
  if (__builtin_expect(any, 0)) for (int k = 0; k < W; k++) if (big[k]) { int qq; r[k] = reduce_big(x[k], &qq); q[k] = qq; }
  r = sel(vabs(x) < splat(INFINITY), r, splat(NAN));
  q += shift; vf u = r * r;
  vf s = u * -0.000195180939f + 0.00833218824f; s = s * u - 0.166666552f; s = (r * u) * s + r;
  vf c = u * 2.44323273e-05f - 0.00138873095f; c = c * u + 0.0416666456f; c = (u * u) * c + (1.0f - 0.5f * u);
  vf y = sel((q & 1) == 0, s, c);
  return (vf)((vi)y ^ ((q & 2) << 30));
}
INL vf vsin(vf x) { vf y = sincos_v(x, 0); return sel(x == 0.0f, x, y); }
INL vf vcos(vf x) { return sincos_v(x, 1); }
// The last two steps of the exponent lose bits to cancellation: without fma they go through f64.
INL vf erf_exponent(vf q, vf t) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  q = q * t + 5.27722311f; return q * t + 7.59421778f;
#else
  vh h[2], th[2]; memcpy(h, &q, VB); memcpy(th, &t, VB);
  for (int k = 0; k < 2; k++) {
    vd a = __builtin_convertvector(h[k], vd), b = __builtin_convertvector(th[k], vd);
    h[k] = __builtin_convertvector((a * b + (double)5.27722311f) * b + (double)7.59421778f, vh);
  }
  memcpy(&q, h, VB); return q;
#endif
}
INL vf verf(vf x) {
  vf a = vabs(x), u = a * a;
  vf p = u * 7.80690316e-05f - 0.00079978531f; p = p * u + 0.0051871622f; p = p * u - 0.0268533472f;
  p = p * u + 0.112835787f; p = p * u - 0.37612626f; p = p * u + 0.128379166f; p = p * a + a;
  vf t = sel(a > 4.0f, splat(4.0f), a) - 2.46f;
  vf q = t * 1.98954767e-05f - 7.75685694e-05f; q = q * t + 0.000426395272f; q = q * t - 0.00227348856f;
  q = q * t + 0.0111999633f; q = q * t + 0.942569256f; q = erf_exponent(q, t);
  vf z = q * -1.44269504f + MAGIC, n = z - MAGIC; vi ni = (vi)z - (vi)splat(MAGIC);
  vf r = -q - n * 0.693359375f; r = r - n * -2.12194440e-4f;
  vf big = 1.0f - (exp_poly(r) + 1.0f) * pow2i(ni);
  vf y = sel(a < 1.0f, p, big);
  return sel(x == x, (vf)((vi)y | ((vi)x & (int)0x80000000)), x);
}
// M. Giles, "Approximating the erfinv function" (2010): x times polynomials in w = -log(1 - x^2) below 5 and in sqrt(w) above; the last coefficient
// and what rounding took from the root join at the end.
INL vf verfinv(vf x) {
  vf lo, w = -log_parts((1.0f - x) * (1.0f + x), &lo), c = sel(w < 5.0f, (w - 1.0f) - lo, splat(4.0f)), s = __builtin_elementwise_sqrt(w), t = s - 3.0f;
  vf p = c * -8.587424269944287e-09f + 1.3911726502765943e-07f; p = p * c - 5.104829901070006e-07f; p = p * c - 4.431926005206826e-06f; p = p * c + 3.824189241224553e-05f;
  p = p * c + 0.00010032329499494256f; p = p * c - 0.0023764832504409605f; p = p * c + 0.004250629875276444f; p = (p * c + 0.24783290402955876f) * c;
  vf q = t * -3.0462257052452092e-05f + 0.00016204047552033775f; q = q * t - 0.00027640428126926917f; q = q * t - 0.00012221561769291443f; q = q * t + 0.0014747045143098548f;
  q = q * t - 0.0035660111065811476f; q = q * t + 0.005687765289720707f; q = q * t - 0.0076429665146522f; q = q * t + 0.009445296466892161f;
  vf h = (vf)((vi)s & -4096), left = ((w - h * h) - (s - h) * (s + h)) - lo;
  q = (q * t + 1.0016752468569534f) * t + left * 0.166666667f;
  vi near = w < 5.0f;
  vf first = sel(near, splat(1.1273743996625036f), splat(2.832976801649085f)), v = sel(near, p, q), y = first + v, yl = v - (y - first);
  y = sel(vabs(x) < 1.0f, y * x + yl * x, sel(vabs(x) == 1.0f, splat(INFINITY), splat(NAN)));
  return (vf)((vi)vabs(y) | ((vi)x & (int)0x80000000));
}
INL vf vatan(vf x) {                          // above 1: pi/2 - atan(1 / x)
  vf a = vabs(x); vi big = a > 1.0f;
  vf t = sel(big, 1.0f / a, a), u = t * t;
  vf p = u * -0.0018270454955827786f + 0.011063704316719885f; p = p * u - 0.03145436680398645f; p = p * u + 0.05823326861398101f; p = p * u - 0.08419389422196293f;
  p = p * u + 0.10957555016654921f; p = p * u - 0.14265242101448833f; p = p * u + 0.1999863841851275f; p = p * u - 0.3333330186519911f;
  p = (t * u) * p;
  vf y = sel(big, (1.57079637f - t) - (p + 4.37113883e-08f), t + p);
  return (vf)(((vi)y & 0x7fffffff) | ((vi)x & (int)0x80000000));
}
// asin |x| = s + p up to 1/2; above, asin |x| = pi/2 - 2 (s + p) with s = sqrt((1 - |x|) / 2).
INL vi arc_parts(vf x, vf *s, vf *p) {
  vf a = vabs(x); vi big = a > 0.5f;
  vf u = sel(big, 0.5f - 0.5f * a, a * a);
  *s = sel(big, __builtin_elementwise_sqrt(u), a);
  vf q = u * 0.04221782867405034f + 0.024148042892755562f; q = q * u + 0.04547700550218516f; q = q * u + 0.07495242555095905f; q = q * u + 0.1666675391018681f;
  vf h = (vf)((vi)*s & -4096), left = (u - h * h) - (*s - h) * (*s + h);       // what the root rounds off is left / 2 s
  *p = (*s * u) * q + sel(big & (u > 0.0f), 0.5f * left / *s, splat(0)); return big;
}
INL vf vasin(vf x) {
  vf s, p; vi big = arc_parts(x, &s, &p);
  vf y = sel(big, (1.57079637f - 2.0f * s) - (2.0f * p + 4.37113883e-08f), s + p);
  return (vf)(((vi)y & 0x7fffffff) | ((vi)x & (int)0x80000000));
}
INL vf vacos(vf x) {
  vf s, p; vi big = arc_parts(x, &s, &p), left = (vi)x < 0;
  vf t = sel(big, 2.0f * s, s), q = sel(big, 2.0f * p, p);
  vf far = (3.14159274f - t) - (q + 8.74227766e-08f), mid = sel(left, (1.57079637f + t) + (q - 4.37113883e-08f), (1.57079637f - t) - (q + 4.37113883e-08f));
  return sel(big, sel(left, far, t + q), mid);
}
// pow: log2 and exp2 in f64 on half vectors; special cases follow IEEE 754 / C.
INL vd short_log2(vd x) {                           // x > 0, normal
  vl i = (vl)x, e = (i - 0x3fe6a09e667f3bcdLL) >> 52; vd m = (vd)(i - (e << 52));
  vd s = (m - 1.0) / (m + 1.0), u = s * s;
  vd p = u * 0.28295297837538125 + 0.31990211899677906; p = p * u + 0.41220933664429266; p = p * u + 0.57707794156015646;
  p = p * u + 0.96179669411601687; p = p * u + 2.8853900817778486;
  // 64-bit int to f64 without AVX-512DQ: add 2^52 + 2^51 as bits
  vd ef = (vd)(e + 0x4338000000000000LL) - 6755399441055744.0;
  return s * p + ef;
}
INL vd short_exp2(vd y) {                           // |y| < 1000
  vd z = y + 6755399441055744.0, n = z - 6755399441055744.0, r = y - n; vl ni = (vl)z << 52;
  vd p = r * 1.5194576712063346e-05 + 0.00015466784093391041; p = p * r + 0.0013333941005097111; p = p * r + 0.0096180380509859834; p = p * r + 0.05550410359894431; p = p * r + 0.24022651067070336; p = p * r + 0.69314718070589154; p = p * r + 1.0;
  return (vd)((vl)p + ni);
}
INL vf vpow(vf x, vf y) {
  vf a = vabs(x); vh ah[2], yh[2], rh[2]; memcpy(ah, &a, VB); memcpy(yh, &y, VB);
  for (int k = 0; k < 2; k++) {
    vd l = short_log2(__builtin_convertvector(ah[k], vd)) * __builtin_convertvector(yh[k], vd);
    l = seld(l > 200.0, (vd){0} + 200.0, l); l = seld(l < -200.0, (vd){0} - 200.0, l);
    rh[k] = __builtin_convertvector(short_exp2(l), vh);
  }
  vf r; memcpy(&r, rh, VB);
  vf ay = vabs(y);
  vi ti = __builtin_convertvector(sel(ay < 8388608.0f, y, splat(0)), vi);
  vi isint = (__builtin_convertvector(ti, vf) == y) | (ay >= 8388608.0f);
  vi even = (ay >= 16777216.0f) | ((ay < 8388608.0f) & ((ti & 1) == 0)) | ((ay >= 8388608.0f) & (((vi)ay & 1) == 0));
  vi odd = isint & ~even;
  vf zi = sel(((a == 0.0f) & (y > 0.0f)) | ((a == splat(INFINITY)) & (y < 0.0f)), splat(0), splat(INFINITY));
  r = sel((a == 0.0f) | (a == splat(INFINITY)), zi, r);
  vf yinf = sel((a > 1.0f) == (y > 0.0f), splat(INFINITY), splat(0)); yinf = sel(a == 1.0f, splat(1), yinf);
  r = sel(ay == splat(INFINITY), yinf, r);
  r = sel((x < 0.0f) & ~isint & (a < splat(INFINITY)), splat(NAN), r);
  r = (vf)((vi)r | ((vi)x & odd & (int)0x80000000));
  r = sel((x == x) & (y == y), r, x + y);
  return sel((y == 0.0f) | (x == 1.0f), splat(1), r);
}

#pragma clang fp contract(off)
