// The scalar functions that a GPU's language does not have, or not exactly, in the C that MSL and CUDA share. A kernel's text gets those that it names.
// Arithmetic takes subnormal float32 for 0 on Apple's GPUs; equality does not, so that truth is that of the bits. Products are fused into sums only where fma says so.

/** Definitions of functions, each in full; later ones call earlier ones. */
const TEXT = `
float sn_power_of_two(int n) { return as_type<float>((n + 127) << 23); }
float sn_max_f32(float a, float b) { return a > b || a != a ? a : b; }
float sn_min_f32(float a, float b) { return a < b || a != a ? a : b; }
float sn_sign_f32(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f; }
int sn_eq_f32(float a, float b) {
  uint x = as_type<uint>(a), y = as_type<uint>(b);
  return int((x == y && a == a) || ((x | y) << 1) == 0u);
}
int sn_ne_f32(float a, float b) { return 1 - sn_eq_f32(a, b); }
float sn_round_f32(float x) { return rint(x); }
float sn_exp_tail(float r) {
  float p = fma(r, 0.00138379971f, 0.00836916547f);
  p = fma(p, r, 0.0416681021f); p = fma(p, r, 0.166665167f); p = fma(p, r, 0.49999994f);
  return fma(r * r, p, r);
}
float sn_exp_rest(float x, float n) { return fma(n, 2.12194440e-4f, fma(n, -0.693359375f, x)); }
float sn_exp_f32(float x) {
  float c = clamp(x, -104.0f, 89.0f), n = rint(c * 1.44269504f);
  int i = int(n), h = i >> 1;
  float y = (sn_exp_tail(sn_exp_rest(c, n)) + 1.0f) * sn_power_of_two(h) * sn_power_of_two(i - h);
  return x != x ? x : y;
}
float sn_expm1_f32(float x) {
  float c = clamp(x, -20.0f, 89.0f), n = rint(c * 1.44269504f), s = sn_power_of_two(int(n) - 1);
  float y = fma(sn_exp_tail(sn_exp_rest(c, n)), s, s - 0.5f) * 2.0f;
  return x == 0.0f || x != x ? x : y;
}
float sn_log_of(float f, float e) {
  float p = fma(f, -0.129985169f, 0.140055001f);
  p = fma(p, f, -0.121704444f); p = fma(p, f, 0.140044346f); p = fma(p, f, -0.166812077f);
  p = fma(p, f, 0.200104773f); p = fma(p, f, -0.249997839f); p = fma(p, f, 0.333332151f);
  float f2 = f * f, y = f2 * f * p;
  y = fma(f2, -0.5f, fma(e, -2.12194440e-4f, y));
  return fma(e, 0.693359375f, f + y);
}
float sn_log_f32(float x) {
  int i = as_type<int>(x), e = (i - 0x3f2aaaab) >> 23;
  float r = sn_log_of(as_type<float>(i - (e << 23)) - 1.0f, float(e));
  return x >= 1.17549435e-38f ? (x <= 3.40282347e38f ? r : x) : x < 0.0f ? NAN : x != x ? x : -INFINITY;
}
float sn_log1p_f32(float x) {
  float u = 1.0f + x, c = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f);
  int i = as_type<int>(u), e = (i - 0x3f2aaaab) >> 23;
  float r = sn_log_of(as_type<float>(i - (e << 23)) - 1.0f + c * (e < 64 ? sn_power_of_two(-e) : 0.0f), float(e));
  return x == 0.0f || x == INFINITY || x != x ? x : x > -1.0f ? r : x == -1.0f ? -INFINITY : NAN;
}
float sn_sigmoid_f32(float x) {
  float z = sn_exp_f32(-fabs(x)), q = 1.0f / (1.0f + z);
  return x < 0.0f ? z * q : q;
}
float sn_tanh_f32(float x) {
  float a = fabs(x), u = a * a;
  float q = fma(u, 0.00215268414f, -0.00819001347f);
  q = fma(q, u, 0.021706894f); q = fma(q, u, -0.0539481789f); q = fma(q, u, 0.133332208f); q = fma(q, u, -0.333333313f);
  float y = a < 0.625f ? fma(a * u, q, a) : 1.0f - 2.0f * (1.0f / (sn_exp_f32(2.0f * clamp(a, 0.0f, 9.02f)) + 1.0f));
  return x != x ? x : copysign(y, x);
}
float sn_erf_f32(float x) {
  float a = fabs(x), u = a * a;
  float p = fma(u, 7.80690316e-05f, -0.00079978531f);
  p = fma(p, u, 0.0051871622f); p = fma(p, u, -0.0268533472f); p = fma(p, u, 0.112835787f); p = fma(p, u, -0.37612626f); p = fma(p, u, 0.128379166f);
  float t = clamp(a, 0.0f, 4.0f) - 2.46f;
  float q = fma(t, 1.98954767e-05f, -7.75685694e-05f);
  q = fma(q, t, 0.000426395272f); q = fma(q, t, -0.00227348856f); q = fma(q, t, 0.0111999633f); q = fma(q, t, 0.942569256f);
  q = fma(q, t, 5.27722311f); q = fma(q, t, 7.59421778f);
  float y = a < 1.0f ? fma(p, a, a) : 1.0f - sn_exp_f32(-q);
  return x != x ? x : copysign(y, x);
}
float sn_erfinv_f32(float x) {
  float w = -sn_log_f32((1.0f - x) * (1.0f + x)), p;
  if (w < 5.0f) {
    float c = w - 2.5f;
    p = fma(c, 2.81022636e-08f, 3.43273939e-07f);
    p = fma(p, c, -3.5233877e-06f); p = fma(p, c, -4.39150654e-06f); p = fma(p, c, 0.00021858087f); p = fma(p, c, -0.00125372503f);
    p = fma(p, c, -0.00417768164f); p = fma(p, c, 0.246640727f); p = fma(p, c, 1.50140941f);
  } else {
    float t = sqrt(w) - 3.0f;
    p = fma(t, -0.000200214257f, 0.000100950558f);
    p = fma(p, t, 0.00134934322f); p = fma(p, t, -0.00367342844f); p = fma(p, t, 0.00573950773f); p = fma(p, t, -0.0076224613f);
    p = fma(p, t, 0.00943887047f); p = fma(p, t, 1.00167406f); p = fma(p, t, 2.83297682f);
  }
  return fabs(x) == 1.0f ? x * INFINITY : p * x;
}
float sn_floordiv_f32(float a, float b) { return floor(a / b); }
float sn_fmod(float x, float y) {
  float a = fabs(x), b = fabs(y);
  if (!(a <= 3.40282347e38f) || !(b >= 1.17549435e-38f)) return NAN;
  if (a < b || b > 3.40282347e38f) return x;
  uint i = as_type<uint>(a), j = as_type<uint>(b);
  int e = int(i >> 23), f = int(j >> 23);
  i = (i & 0x7fffffu) | 0x800000u; j = (j & 0x7fffffu) | 0x800000u;
  for (; e > f; e--) { if (i >= j) i -= j; i <<= 1; }
  if (i >= j) i -= j;
  return copysign(float(i) * sn_power_of_two(f - 150 + 64) * 5.42101086e-20f, x);
}
float sn_rem_f32(float a, float b) {
  float r = sn_fmod(a, b);
  return r != 0.0f && (r < 0.0f) != (b < 0.0f) ? r + b : r;
}
float sn_logaddexp_f32(float a, float b) {
  float m = sn_max_f32(a, b), n = sn_min_f32(a, b);
  return m == n && fabs(m) == INFINITY ? m : m + sn_log1p_f32(sn_exp_f32(n - m));
}
int sn_sign_i32(int x) { return int(x > 0) - int(x < 0); }
long sn_sign_i64(long x) { return long(x > 0) - long(x < 0); }
uint sn_sign_u32(uint x) { return uint(x > 0u); }
ulong sn_sign_u64(ulong x) { return ulong(x > 0ul); }
uint sn_div_u32(uint a, uint b) { return b == 0u ? 0u : a / b; }
ulong sn_div_u64(ulong a, ulong b) { return b == 0ul ? 0ul : a / b; }
int sn_div_i32(int a, int b) { return b == 0 ? 0 : b == -1 ? int(0u - uint(a)) : a / b; }
long sn_div_i64(long a, long b) { return b == 0 ? 0 : b == -1 ? long(0ul - ulong(a)) : a / b; }
uint sn_floordiv_u32(uint a, uint b) { return sn_div_u32(a, b); }
ulong sn_floordiv_u64(ulong a, ulong b) { return sn_div_u64(a, b); }
uint sn_rem_u32(uint a, uint b) { return b == 0u ? a : a % b; }
ulong sn_rem_u64(ulong a, ulong b) { return b == 0ul ? a : a % b; }
int sn_rem_i32(int a, int b) {
  if (b == 0) return a;
  int r = b == -1 ? 0 : a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
long sn_rem_i64(long a, long b) {
  if (b == 0) return a;
  long r = b == -1 ? 0 : a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
int sn_floordiv_i32(int a, int b) { return sn_div_i32(a, b) - int(b != 0 && sn_rem_i32(a, b) != 0 && (a < 0) != (b < 0)); }
long sn_floordiv_i64(long a, long b) { return sn_div_i64(a, b) - long(b != 0 && sn_rem_i64(a, b) != 0 && (a < 0) != (b < 0)); }
uint sn_pow_u32(uint x, uint n) {
  uint p = 1u;
  for (; n != 0u; n >>= 1) { if ((n & 1u) != 0u) p *= x; x *= x; }
  return p;
}
ulong sn_pow_u64(ulong x, ulong n) {
  ulong p = 1ul;
  for (; n != 0ul; n >>= 1) { if ((n & 1ul) != 0ul) p *= x; x *= x; }
  return p;
}
int sn_pow_i32(int x, int n) { return n < 0 ? 0 : int(sn_pow_u32(uint(x), uint(n))); }
long sn_pow_i64(long x, long n) { return n < 0 ? 0 : long(sn_pow_u64(ulong(x), ulong(n))); }
ulong sn_whole(float x) {
  uint b = as_type<uint>(x);
  int e = int((b >> 23) & 255u) - 150;
  ulong m = ulong((b & 0x7fffffu) | 0x800000u);
  m = e >= 64 || e <= -24 ? 0ul : e >= 0 ? m << uint(e) : m >> uint(-e);
  return (b >> 31) != 0u ? 0ul - m : m;
}
float sn_norm_bf16(float x) {
  uint b = as_type<uint>(x);
  return as_type<float>((x != x ? b | 0x400000u : b + 0x7fffu + ((b >> 16) & 1u)) & 0xffff0000u);
}
float sn_round_bf16(float x) { return sn_norm_bf16(x); }
uint sn_sum_u32(uint x, uint y) { return x + y; }
uint2 sn_threefry(uint x, uint y, uint k0, uint k1) {
  const uint keys[3] = {k0, k1, k0 ^ k1 ^ 0x1bd11bdau};
  const uint turns[8] = {13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u};
  x += k0; y += k1;
#pragma unroll
  for (uint i = 0u; i < 5u; i++) {
#pragma unroll
    for (uint j = 0u; j < 4u; j++) {
      uint n = turns[(i & 1u) * 4u + j];
      x = sn_sum_u32(x, y); y = ((y << n) | (y >> (32u - n))) ^ x;
    }
    x = sn_sum_u32(x, keys[(i + 1u) % 3u]); y = sn_sum_u32(y, keys[(i + 2u) % 3u] + i + 1u);
  }
  return uint2(x, y);
}
uint sn_threefry0(uint x, uint y, uint k0, uint k1) { return sn_threefry(x, y, k0, k1).x; }
uint sn_threefry1(uint x, uint y, uint k0, uint k1) { return sn_threefry(x, y, k0, k1).y; }
float3 sn_f64_from(float h, float l, float e) {
  float s = h + l;
  uint b = as_type<uint>(s);
  if (s == 0.0f || !(fabs(s) < INFINITY)) return float3(s, 0.0f, 0.0f);
  int k = int((b >> 23) & 255u) - 127;
  float scale = k > -126 ? sn_power_of_two(-k) : sn_power_of_two(126), top = s * scale;
  return float3(top, (l - (s - h)) * scale, e + float(k > -126 ? k : -126));
}
float3 sn_f64_bits(ulong b) {
  int e = int((b >> 52) & 2047ul);
  ulong m = b & 4503599627370495ul;
  float sign = (b >> 63) != 0ul ? -1.0f : 1.0f;
  if (e == 0) return float3(sign * 0.0f, 0.0f, 0.0f);
  if (e == 2047) return float3(m != 0ul ? NAN : sign * INFINITY, 0.0f, 0.0f);
  float h = as_type<float>(0x3f800000u | uint(m >> 29)), l = float(uint(m & 536870911ul)) * 2.22044605e-16f;
  return sn_f64_from(sign * h, sign * l, float(e - 1023));
}
float3 sn_neg_f64(float3 a) { return float3(-a.x, -a.y, a.z); }
float3 sn_add_f64(float3 a, float3 b) {
  if (a.x == 0.0f || !(fabs(a.x) < INFINITY) || b.x == 0.0f || !(fabs(b.x) < INFINITY)) {
    return b.x == 0.0f && a.x != 0.0f ? a : a.x == 0.0f && b.x != 0.0f ? b : float3(a.x + b.x, 0.0f, 0.0f);
  }
  float3 c = a.z < b.z ? b : a, d = a.z < b.z ? a : b;
  float k = d.z - c.z;
  if (k < -60.0f) return c;
  float scale = sn_power_of_two(int(k)), y = d.x * scale, s = c.x + y, v = s - c.x;
  return sn_f64_from(s, (c.x - (s - v)) + (y - v) + (c.y + d.y * scale), c.z);
}
float3 sn_sub_f64(float3 a, float3 b) { return sn_add_f64(a, sn_neg_f64(b)); }
float3 sn_mul_f64(float3 a, float3 b) {
  float p = a.x * b.x;
  return sn_f64_from(p, fabs(p) < INFINITY ? fma(a.x, b.x, -p) + (a.x * b.y + a.y * b.x) : 0.0f, a.z + b.z);
}
float3 sn_div_f64(float3 a, float3 b) {
  float q = a.x / b.x;
  return sn_f64_from(q, fabs(q) < INFINITY && fabs(b.x) < INFINITY ? (fma(-q, b.x, a.x) + a.y - q * b.y) / b.x : 0.0f, a.z - b.z);
}
float3 sn_sqrt_f64(float3 a) {
  if (!(a.x > 0.0f) || a.x == INFINITY) return float3(sqrt(a.x), 0.0f, 0.0f);
  float half_e = floor(a.z * 0.5f), scale = a.z - 2.0f * half_e + 1.0f, x = a.x * scale, s = sqrt(x);
  return sn_f64_from(s, (fma(-s, s, x) + a.y * scale) / (2.0f * s), half_e);
}
float3 sn_f64_f32(float x) { return sn_f64_from(x, 0.0f, 0.0f); }
float3 sn_f64_u32(uint x) { return sn_add_f64(sn_f64_f32(float(x >> 16) * 65536.0f), sn_f64_f32(float(x & 65535u))); }
float3 sn_f64_i32(int x) { return x < 0 ? sn_neg_f64(sn_f64_u32(0u - uint(x))) : sn_f64_u32(uint(x)); }
float3 sn_f64_u64(ulong x) { return sn_add_f64(sn_mul_f64(sn_f64_u32(uint(x >> 32)), float3(1.0f, 0.0f, 32.0f)), sn_f64_u32(uint(x & 4294967295ul))); }
float3 sn_f64_i64(long x) { return x < 0 ? sn_neg_f64(sn_f64_u64(0ul - ulong(x))) : sn_f64_u64(ulong(x)); }
float sn_f32_f64(float3 a) {
  int e = int(clamp(a.z, -252.0f, 252.0f)), h = e >> 1;
  return a.x * sn_power_of_two(h) * sn_power_of_two(e - h);
}
float2 sn_complex(float re, float im) { return float2(re, im); }
float sn_abs_c64(float2 a) {
  float x = fabs(a.x), y = fabs(a.y), h = x > y ? x : y, l = x > y ? y : x;
  if (x == INFINITY || y == INFINITY) return INFINITY;
  if (h != h || l != l) return NAN;
  return h == 0.0f ? 0.0f : h * sqrt(1.0f + (l / h) * (l / h));
}
float2 sn_add_c64(float2 a, float2 b) { return float2(a.x + b.x, a.y + b.y); }
float2 sn_sub_c64(float2 a, float2 b) { return float2(a.x - b.x, a.y - b.y); }
float2 sn_mul_c64(float2 a, float2 b) { return float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
float2 sn_scale_c64(float2 a, float k) { return float2(a.x * k, a.y * k); }
float2 sn_div_c64(float2 a, float2 b) {
  float d = b.x * b.x + b.y * b.y;
  if (d == 0.0f || d == INFINITY) {
    float h = fabs(b.x) > fabs(b.y) ? fabs(b.x) : fabs(b.y);
    if (h == 0.0f) return float2(a.x / h, a.y / h);
    if (h < INFINITY) { b = float2(b.x / h, b.y / h); a = float2(a.x / h, a.y / h); d = b.x * b.x + b.y * b.y; }
  }
  return float2((a.x * b.x + a.y * b.y) / d, (a.y * b.x - a.x * b.y) / d);
}
float2 sn_neg_c64(float2 a) { return float2(-a.x, -a.y); }
float2 sn_conj_c64(float2 a) { return float2(a.x, -a.y); }
float2 sn_square_c64(float2 a) { return sn_mul_c64(a, a); }
float2 sn_recip_c64(float2 a) { return sn_div_c64(float2(1.0f, 0.0f), a); }
float2 sn_sqrt_c64(float2 a) {
  float m = sn_abs_c64(a);
  if (m == 0.0f) return float2(0.0f, a.y);
  float t = sqrt((m + fabs(a.x)) * 0.5f);
  return a.x >= 0.0f ? float2(t, a.y / (2.0f * t)) : float2(fabs(a.y) / (2.0f * t), copysign(t, a.y));
}
float2 sn_rsqrt_c64(float2 a) { return sn_recip_c64(sn_sqrt_c64(a)); }
float2 sn_sign_c64(float2 a) {
  float m = sn_abs_c64(a);
  return m == 0.0f ? float2(0.0f, 0.0f) : float2(a.x / m, a.y / m);
}
float2 sn_exp_c64(float2 a) {
  float e = sn_exp_f32(a.x);
  return float2(e * sn_cos_f32(a.y), a.y == 0.0f ? a.y : e * sn_sin_f32(a.y));
}
float2 sn_expm1_c64(float2 a) {
  float h = sn_sin_f32(0.5f * a.y);
  return float2(sn_expm1_f32(a.x) * sn_cos_f32(a.y) - 2.0f * h * h, sn_exp_f32(a.x) * sn_sin_f32(a.y));
}
float sn_log_abs(float2 a) {
  float x = fabs(a.x), y = fabs(a.y), h = x > y ? x : y, l = x > y ? y : x;
  return h > 0.5f && h < 2.0f ? 0.5f * sn_log1p_f32((h - 1.0f) * (h + 1.0f) + l * l) : sn_log_f32(sn_abs_c64(a));
}
float2 sn_log_c64(float2 a) { return float2(sn_log_abs(a), sn_atan2_f32(a.y, a.x)); }
float2 sn_log2_c64(float2 a) { return sn_scale_c64(sn_log_c64(a), 1.44269504f); }
float2 sn_log10_c64(float2 a) { return sn_scale_c64(sn_log_c64(a), 0.434294482f); }
float2 sn_log1p_c64(float2 a) {
  float re = sn_abs_c64(a) < 0.5f ? 0.5f * sn_log1p_f32(a.x * (2.0f + a.x) + a.y * a.y) : sn_log_abs(float2(1.0f + a.x, a.y));
  return float2(re, sn_atan2_f32(a.y, 1.0f + a.x));
}
float2 sn_turn(float2 a) { return float2(-a.y, a.x); }
float2 sn_unturn(float2 a) { return float2(a.y, -a.x); }
float2 sn_sinh_c64(float2 a) { return float2(sn_sinh_f32(a.x) * sn_cos_f32(a.y), sn_cosh_f32(a.x) * sn_sin_f32(a.y)); }
float2 sn_cosh_c64(float2 a) { return float2(sn_cosh_f32(a.x) * sn_cos_f32(a.y), sn_sinh_f32(a.x) * sn_sin_f32(a.y)); }
float2 sn_tanh_c64(float2 a) { return fabs(a.x) > 22.0f ? float2(sn_sign_f32(a.x), 0.0f) : sn_div_c64(sn_sinh_c64(a), sn_cosh_c64(a)); }
float2 sn_sin_c64(float2 a) { return sn_unturn(sn_sinh_c64(sn_turn(a))); }
float2 sn_cos_c64(float2 a) { return sn_cosh_c64(sn_turn(a)); }
float2 sn_tan_c64(float2 a) { return sn_unturn(sn_tanh_c64(sn_turn(a))); }
float2 sn_asin_c64(float2 z) {
  float2 u = sn_sqrt_c64(float2(1.0f - z.x, -z.y)), v = sn_sqrt_c64(float2(1.0f + z.x, z.y));
  return float2(sn_atan2_f32(z.x, u.x * v.x - u.y * v.y), sn_asinh_f32(u.x * v.y - u.y * v.x));
}
float2 sn_acos_c64(float2 z) {
  float2 u = sn_sqrt_c64(float2(1.0f - z.x, -z.y)), v = sn_sqrt_c64(float2(1.0f + z.x, z.y));
  return float2(2.0f * sn_atan2_f32(u.x, v.x), sn_asinh_f32(v.x * u.y - v.y * u.x));
}
float2 sn_acosh_c64(float2 z) {
  float2 u = sn_sqrt_c64(float2(z.x - 1.0f, z.y)), v = sn_sqrt_c64(float2(z.x + 1.0f, z.y));
  return float2(sn_asinh_f32(u.x * v.x + u.y * v.y), 2.0f * sn_atan2_f32(u.y, v.x));
}
float2 sn_atanh_c64(float2 z) {
  float x = fabs(z.x), c = 1.0f - x, b = z.y * z.y;
  float re = 0.25f * sn_log1p_f32(4.0f * x / (c * c + b)), im = 0.5f * sn_atan2_f32(2.0f * fabs(z.y), c * (1.0f + x) - b);
  return float2(copysign(re, z.x), copysign(im, z.y));
}
float2 sn_asinh_c64(float2 a) { return sn_unturn(sn_asin_c64(sn_turn(a))); }
float2 sn_atan_c64(float2 a) { return sn_unturn(sn_atanh_c64(sn_turn(a))); }
float2 sn_sigmoid_c64(float2 a) { return sn_recip_c64(sn_add_c64(float2(1.0f, 0.0f), sn_exp_c64(sn_neg_c64(a)))); }
float2 sn_round_c64(float2 a) { return float2(rint(a.x), rint(a.y)); }
float2 sn_floor_c64(float2 a) { return float2(floor(a.x), floor(a.y)); }
float2 sn_ceil_c64(float2 a) { return float2(ceil(a.x), ceil(a.y)); }
int sn_isnan_c64(float2 a) { return int(a.x != a.x || a.y != a.y); }
int sn_isinf_c64(float2 a) { return int(fabs(a.x) == INFINITY || fabs(a.y) == INFINITY); }
int sn_isfinite_c64(float2 a) { return int(fabs(a.x) < INFINITY && fabs(a.y) < INFINITY); }
int sn_lnot_c64(float2 a) { return int(a.x == 0.0f && a.y == 0.0f); }
int sn_eq_c64(float2 a, float2 b) { return int(a.x == b.x && a.y == b.y); }
int sn_ne_c64(float2 a, float2 b) { return 1 - sn_eq_c64(a, b); }
int sn_lt_c64(float2 a, float2 b) { return int(sn_isnan_c64(a) + sn_isnan_c64(b) == 0 && (a.x < b.x || (a.x == b.x && a.y < b.y))); }
int sn_gt_c64(float2 a, float2 b) { return sn_lt_c64(b, a); }
int sn_le_c64(float2 a, float2 b) { return int(sn_isnan_c64(a) + sn_isnan_c64(b) == 0 && sn_lt_c64(b, a) == 0); }
int sn_ge_c64(float2 a, float2 b) { return sn_le_c64(b, a); }
float2 sn_max_c64(float2 a, float2 b) { return sn_isnan_c64(a) != 0 || (sn_isnan_c64(b) == 0 && sn_lt_c64(a, b) == 0) ? a : b; }
float2 sn_min_c64(float2 a, float2 b) { return sn_isnan_c64(a) != 0 || (sn_isnan_c64(b) == 0 && sn_lt_c64(b, a) == 0) ? a : b; }
float2 sn_pow_c64(float2 a, float2 b) {
  if (b.x == 0.0f && b.y == 0.0f) return float2(1.0f, 0.0f);
  if (a.x == 0.0f && a.y == 0.0f) return float2(0.0f, 0.0f);
  return sn_exp_c64(sn_mul_c64(b, sn_log_c64(a)));
}
float2 sn_logaddexp_c64(float2 a, float2 b) {
  bool less = sn_lt_c64(a, b) != 0;
  float2 m = less ? b : a, n = less ? a : b;
  return fabs(m.x) == INFINITY ? m : sn_add_c64(m, sn_log1p_c64(sn_exp_c64(sn_sub_c64(n, m))));
}
`;

/** Functions by name: their text in order. */
function parse(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const block of text.trim().split(/\n(?=\w)/)) {
    const name = /\b(sn_\w+)\(/.exec(block)?.[1];
    if (name !== undefined) found.set(name, block);
  }
  return found;
}
const SHARED = parse(TEXT);

/** The names of all functions of a language. */
export function functionNames(own: string): string[] {
  return [...new Set([...parse(own).keys(), ...SHARED.keys()])];
}
/** The functions that a text names, and those that they name, callees first. `own` are those of one language: they come before the shared ones, or in their place. */
export function functionsFor(text: string, own: string): string {
  const mine = parse(own), taken = new Set<string>();
  const known = new Map(
    [...[...mine].filter(([name]) => !SHARED.has(name)), ...SHARED].map((
      [name, body],
    ) => [name, mine.get(name) ?? body]),
  );
  const take = (from: string): void => {
    for (const [name] of from.matchAll(/\bsn_\w+/g)) {
      const body = known.get(name);
      if (body === undefined || taken.has(name)) continue;
      taken.add(name);
      take(body);
    }
  };
  take(text);
  return [...known].filter(([name]) => taken.has(name)).map(([, body]) => `inline ${body}\n`).join("");
}
