// lapack_eig.c: eigenvalues and vectors of general real matrices, in f64: Hessenberg form, then the Francis double-shift QR of EISPACK's
// hqr2 with its back substitution. Vectors have 2-norm 1 and, if complex, a real largest element, as LAPACK's geev.
#include "lapack.h"
// What is negligible beside the largest entry: no step is more exact, and what is left of zeros need not be reduced (down to where
// numbers have fewer digits) or converge.
double bl_negligible(double most) { return DBL_EPSILON / 16 * most; }
static void hessenberg(double *H, double *V, int64_t n, double *ort) {
  const double tiny = bl_negligible(bl_max(H, n * n));
  for (int64_t m = 1; m < n - 1; m++) {
    double scale = 0, h = 0; for (int64_t i = m; i < n; i++) scale += fabs(H[i * n + m - 1]);
    ort[m] = 0; if (scale <= tiny) { for (int64_t i = m; i < n; i++) H[i * n + m - 1] = 0; continue; }
    for (int64_t i = n - 1; i >= m; i--) { ort[i] = H[i * n + m - 1] / scale; h += ort[i] * ort[i]; }
    double g = ort[m] > 0 ? -sqrt(h) : sqrt(h); h -= ort[m] * g; ort[m] -= g;
    double *w = ort + n; memset(w, 0, (size_t)n * sizeof(double));
    for (int64_t i = m; i < n; i++) { double f = ort[i] / h; for (int64_t j = m; j < n; j++) w[j] += f * H[i * n + j]; }
    for (int64_t i = m; i < n; i++) { double f = ort[i]; for (int64_t j = m; j < n; j++) H[i * n + j] -= f * w[j]; }
    for (int64_t i = 0; i < n; i++) { double f = 0; for (int64_t j = m; j < n; j++) f += ort[j] * H[i * n + j]; f /= h; for (int64_t j = m; j < n; j++) H[i * n + j] -= f * ort[j]; }
    ort[m] *= scale; H[m * n + m - 1] = scale * g;
  }
  if (V) { memset(V, 0, (size_t)(n * n) * sizeof(double)); for (int64_t i = 0; i < n; i++) V[i * n + i] = 1; }
  for (int64_t m = n - 2; V && m >= 1; m--) if (H[m * n + m - 1] != 0 && ort[m] != 0) {
    double *w = ort + n; for (int64_t i = m + 1; i < n; i++) ort[i] = H[i * n + m - 1];
    memset(w, 0, (size_t)n * sizeof(double));
    for (int64_t i = m; i < n; i++) { double f = ort[i]; for (int64_t j = m; j < n; j++) w[j] += f * V[i * n + j]; }
    for (int64_t j = m; j < n; j++) w[j] = w[j] / ort[m] / H[m * n + m - 1];
    for (int64_t i = m; i < n; i++) { double f = ort[i]; for (int64_t j = m; j < n; j++) V[i * n + j] += f * w[j]; }
  }
  for (int64_t i = 2; i < n; i++) for (int64_t j = 0; j < i - 1; j++) H[i * n + j] = 0;
}
static void divide(double ar, double ai, double br, double bi, double *r, double *i) {
  if (fabs(br) > fabs(bi)) { double q = bi / br, d = br + q * bi; *r = (ar + q * ai) / d; *i = (ai - q * ar) / d; } else { double q = br / bi, d = bi + q * br; *r = (q * ar + ai) / d; *i = (q * ai - ar) / d; }
}
#define h(i, j) H[(i) * nn + (j)]
#define v(i, j) V[(j) * nn + (i)]                   // held transposed: rotations act on rows
// Without V only eigenvalues are found, and only the active rows and columns change.
static int hqr2(double *H, double *V, int64_t nn, double *d, double *e, double *a, double *b) {
  int64_t n = nn - 1, iter = 0; double eps = DBL_EPSILON, shift = 0, p = 0, q = 0, r = 0, s = 0, z = 0, t, w, x, y, norm = 0;
  for (int64_t i = 0; i < nn; i++) for (int64_t j = i ? i - 1 : 0; j < nn; j++) norm += fabs(h(i, j));
  const double tiny = bl_negligible(bl_max(H, nn * nn)), least = DBL_MIN * (double)nn / eps;
  while (n >= 0) {
    int64_t l = n;
    for (; l > 0; l--) { s = fabs(h(l - 1, l - 1)) + fabs(h(l, l)); if (fabs(h(l, l - 1)) <= eps * s + tiny) break; }
    if (l == n) { h(n, n) += shift; d[n] = h(n, n); e[n] = 0; n--; iter = 0; continue; }
    const int64_t right = V ? nn : n + 1, top = V ? 0 : l;
    if (l == n - 1) {
      w = h(n, n - 1) * h(n - 1, n); p = (h(n - 1, n - 1) - h(n, n)) / 2; q = p * p + w; z = sqrt(fabs(q)); h(n, n) += shift; h(n - 1, n - 1) += shift; x = h(n, n);
      if (q >= 0) {
        z = p >= 0 ? p + z : p - z; d[n - 1] = x + z; d[n] = z != 0 ? x - w / z : d[n - 1]; e[n - 1] = e[n] = 0;
        x = h(n, n - 1); s = fabs(x) + fabs(z); p = x / s; q = z / s; r = sqrt(p * p + q * q); p /= r; q /= r;
        for (int64_t j = n - 1; j < right; j++) { z = h(n - 1, j); h(n - 1, j) = q * z + p * h(n, j); h(n, j) = q * h(n, j) - p * z; }
        for (int64_t i = top; i <= n; i++) { z = h(i, n - 1); h(i, n - 1) = q * z + p * h(i, n); h(i, n) = q * h(i, n) - p * z; }
        for (int64_t i = 0; V && i < nn; i++) { z = v(i, n - 1); v(i, n - 1) = q * z + p * v(i, n); v(i, n) = q * v(i, n) - p * z; }
      } else { d[n - 1] = d[n] = x + p; e[n - 1] = z; e[n] = -z; }
      n -= 2; iter = 0; continue;
    }
    x = h(n, n); y = h(n - 1, n - 1); w = h(n, n - 1) * h(n - 1, n);
    if (iter == 10 || iter == 40) { shift += x; for (int64_t i = 0; i <= n; i++) h(i, i) -= x; s = fabs(h(n, n - 1)) + fabs(h(n - 1, n - 2)); x = y = 0.75 * s; w = -0.4375 * s * s; }   // exceptional shifts
    if (iter == 30) {
      s = (y - x) / 2; s = s * s + w;
      if (s > 0) { s = y < x ? -sqrt(s) : sqrt(s); s = x - w / ((y - x) / 2 + s); for (int64_t i = 0; i <= n; i++) h(i, i) -= s; shift += s; x = y = w = 0.964; }
    }
    if (++iter > 120) return BL_DIVERGED;
    int64_t m = n - 2;
    for (; m >= l; m--) {
      z = h(m, m); r = x - z; s = y - z; p = (r * s - w) / h(m + 1, m) + h(m, m + 1); q = h(m + 1, m + 1) - z - r - s; r = h(m + 2, m + 1); s = fabs(p) + fabs(q) + fabs(r); p /= s; q /= s; r /= s;
      if (m == l || fabs(h(m, m - 1)) * (fabs(q) + fabs(r)) < eps * (fabs(p) * (fabs(h(m - 1, m - 1)) + fabs(z) + fabs(h(m + 1, m + 1))))) break;
    }
    for (int64_t i = m + 2; i <= n; i++) { h(i, i - 2) = 0; if (i > m + 2) h(i, i - 3) = 0; }
    for (int64_t k = m; k <= n - 1; k++) {
      int last = k == n - 1;
      if (k != m) { p = h(k, k - 1); q = h(k + 1, k - 1); r = last ? 0 : h(k + 2, k - 1); x = fabs(p) + fabs(q) + fabs(r); if (x == 0) continue; p /= x; q /= x; r /= x; }
      s = p < 0 ? -sqrt(p * p + q * q + r * r) : sqrt(p * p + q * q + r * r); if (s == 0) continue;
      if (k != m) h(k, k - 1) = -s * x; else if (l != m) h(k, k - 1) = -h(k, k - 1);
      p += s; x = p / s; y = q / s; z = r / s; q /= p; r /= p;
      double *restrict h0 = H + k * nn, *restrict h1 = h0 + nn, *restrict h2 = h1 + nn;
      if (last) for (int64_t j = k; j < right; j++) { double f = h0[j] + q * h1[j]; h0[j] -= f * x; h1[j] -= f * y; }
      else for (int64_t j = k; j < right; j++) { double f = h0[j] + q * h1[j] + r * h2[j]; h0[j] -= f * x; h1[j] -= f * y; h2[j] -= f * z; }
      for (int64_t i = top, to = n < k + 3 ? n : k + 3; i <= to; i++) { double *a = H + i * nn + k, f = x * a[0] + y * a[1]; if (!last) { f += z * a[2]; a[2] -= f * r; } a[0] -= f; a[1] -= f * q; }
      if (!V) continue;
      double *restrict v0 = V + k * nn, *restrict v1 = v0 + nn, *restrict v2 = v1 + nn;
      if (last) for (int64_t i = 0; i < nn; i++) { double f = x * v0[i] + y * v1[i]; v0[i] -= f; v1[i] -= f * q; }
      else for (int64_t i = 0; i < nn; i++) { double f = x * v0[i] + y * v1[i] + z * v2[i]; v0[i] -= f; v1[i] -= f * q; v2[i] -= f * r; }
    }
  }
  if (norm == 0 || !V) return 0;
  for (n = nn - 1; n >= 0; n--) {                     // vectors of the triangular form, by back substitution; a and b are columns n and n - 1
    p = d[n]; q = e[n];
    if (q == 0) {
      int64_t l = n; h(n, n) = a[n] = 1; const double gap = fmax(eps * fabs(p), least);   // closer eigenvalues are as good as equal
      for (int64_t i = n - 1; i >= 0; i--) {
        w = h(i, i) - p; r = 0; for (int64_t j = l; j <= n; j++) r += h(i, j) * a[j];
        if (e[i] < 0) { z = w; s = r; continue; }
        l = i;
        if (e[i] == 0) h(i, n) = -r / (fabs(w) > gap ? w : gap);
        else { x = h(i, i + 1); y = h(i + 1, i); q = (d[i] - p) * (d[i] - p) + e[i] * e[i]; t = (x * s - z * r) / q; h(i, n) = t; h(i + 1, n) = fabs(x) > fabs(z) ? (-r - w * t) / x : (-s - y * t) / z; }
        t = fabs(h(i, n)); if (eps * t * t > 1) for (int64_t j = i; j <= n; j++) h(j, n) /= t;
        for (int64_t j = i, to = eps * t * t > 1 ? n : e[i] > 0 ? i + 1 : i; j <= to; j++) a[j] = h(j, n);
      }
    } else if (q < 0) {
      int64_t l = n - 1; double ra, sa, vr, vi, cr, ci;
      if (fabs(h(n, n - 1)) > fabs(h(n - 1, n))) { h(n - 1, n - 1) = q / h(n, n - 1); h(n - 1, n) = -(h(n, n) - p) / h(n, n - 1); }
      else { divide(0, -h(n - 1, n), h(n - 1, n - 1) - p, q, &cr, &ci); h(n - 1, n - 1) = cr; h(n - 1, n) = ci; }
      h(n, n - 1) = b[n] = 0; h(n, n) = a[n] = 1; a[n - 1] = h(n - 1, n); b[n - 1] = h(n - 1, n - 1);
      for (int64_t i = n - 2; i >= 0; i--) {
        ra = sa = 0; for (int64_t j = l; j <= n; j++) { ra += h(i, j) * b[j]; sa += h(i, j) * a[j]; }
        w = h(i, i) - p;
        if (e[i] < 0) { z = w; r = ra; s = sa; continue; }
        l = i;
        if (e[i] == 0) { divide(-ra, -sa, w, fabs(w) + fabs(q) > least ? q : least, &cr, &ci); h(i, n - 1) = cr; h(i, n) = ci; }
        else {
          x = h(i, i + 1); y = h(i + 1, i); vr = (d[i] - p) * (d[i] - p) + e[i] * e[i] - q * q; vi = (d[i] - p) * 2 * q;
          if (vr == 0 && vi == 0) vr = eps * norm * (fabs(w) + fabs(q) + fabs(x) + fabs(y) + fabs(z));
          divide(x * r - z * ra + q * sa, x * s - z * sa - q * ra, vr, vi, &cr, &ci); h(i, n - 1) = cr; h(i, n) = ci;
          if (fabs(x) > fabs(z) + fabs(q)) { h(i + 1, n - 1) = (-ra - w * h(i, n - 1) + q * h(i, n)) / x; h(i + 1, n) = (-sa - w * h(i, n) - q * h(i, n - 1)) / x; }
          else { divide(-r - y * h(i, n - 1), -s - y * h(i, n), z, q, &cr, &ci); h(i + 1, n - 1) = cr; h(i + 1, n) = ci; }
        }
        t = fmax(fabs(h(i, n - 1)), fabs(h(i, n))); if (eps * t * t > 1) for (int64_t j = i; j <= n; j++) { h(j, n - 1) /= t; h(j, n) /= t; }
        for (int64_t j = i, to = eps * t * t > 1 ? n : e[i] > 0 ? i + 1 : i; j <= to; j++) { a[j] = h(j, n); b[j] = h(j, n - 1); }
      }
    }
  }
  for (int64_t i = 1; i < nn; i++) for (int64_t j = 0; j < i; j++) h(i, j) = 0;   // what is left below the vectors
  return 0;
}
#undef h
#undef v
void bl_put_eigenvector(float *V, int64_t n, int64_t j, const double *re, const double *im, int64_t stride) {
  double s = 0, m = 0, cr = 1, ci = 0, top = 0;
  for (int64_t i = 0; i < n * stride; i += stride) top = fmax(top, fmax(fabs(re[i]), im ? fabs(im[i]) : 0));
  for (int64_t i = 0; i < n * stride; i += stride) { double x = re[i] / top, y = im ? im[i] / top : 0, a = x * x + y * y; s += a; if (a > m) { m = a; cr = x; ci = y; } }
  if (im) { double l = sqrt(cr * cr + ci * ci); cr /= l; ci /= l; } else { cr = 1; ci = 0; }
  double k = 1 / (sqrt(s) * top); if (!(k < DBL_MAX)) k = 0;
  for (int64_t i = 0; i < n; i++) { double x = re[i * stride] * k, y = im ? im[i * stride] * k : 0; float *o = V + 2 * (i * n + j); o[0] = (float)(x * cr + y * ci); o[1] = (float)(y * cr - x * ci); }
}
static int eig(const sn_call *c, int64_t b, int f64) {
  int64_t n = c->n[1], nn = n * n; float *W = (float *)c->p[1] + 2 * b * n, *V0 = c->np > 2 && c->p[2] ? (float *)c->p[2] + 2 * b * nn : 0; if (!n) return 0;
  double *H = malloc((size_t)(3 * nn + 5 * n) * sizeof(double)); if (!H) return BL_MEMORY;
  double *V = H + nn, *X = V + nn, *d = X + nn, *e = d + n, *ort = e + n; int code = 0;
  for (int64_t i = 0; i < nn; i++) H[i] = f64 ? ((const double *)c->p[0])[b * nn + i] : (double)((const float *)c->p[0])[b * nn + i];
  double mx = bl_max(H, nn), scale = 1;
  if (mx - mx != 0) { for (int64_t i = 0; i < 2 * n; i++) W[i] = NAN; if (V0) for (int64_t i = 0; i < 2 * nn; i++) V0[i] = NAN; free(H); return 0; }
  if (mx > 0) { int ex; frexp(mx, &ex); scale = ldexp(1, ex < -1020 ? -1020 : ex); for (int64_t i = 0; i < nn; i++) H[i] /= scale; }
  hessenberg(H, V0 ? V : 0, n, ort);
  for (int64_t i = 0; V0 && i < n; i++) for (int64_t j = 0; j < i; j++) { double t = V[i * n + j]; V[i * n + j] = V[j * n + i]; V[j * n + i] = t; }
  code = hqr2(H, V0 ? V : 0, n, d, e, ort, ort + n);
  if (!code && V0 && bl_mul_f64(n, n, n, 1, V, 1, n, H, n, 1, 0, X, n, 1)) code = BL_MEMORY;
  if (!code) for (int64_t j = 0; j < n; j++) {
    W[2 * j] = (float)(d[j] * scale); W[2 * j + 1] = (float)(e[j] * scale); if (!V0) continue;
    if (mx == 0) { for (int64_t i = 0; i < n; i++) { V0[2 * (i * n + j)] = i == j; V0[2 * (i * n + j) + 1] = 0; } continue; }
    const int pair = e[j] != 0; bl_put_eigenvector(V0, n, j, X + j, pair ? X + j + 1 : 0, n);
    if (pair) for (int64_t i = 0; i < n; i++) { float *o = V0 + 2 * (i * n + j); o[2] = o[0]; o[3] = -o[1]; }
    if (pair) { j++; W[2 * j] = (float)(d[j] * scale); W[2 * j + 1] = (float)(e[j] * scale); }
  }
  free(H); return code;
}
static int each32(const sn_call *c, int64_t b) { return eig(c, b, 0); }
static int each64(const sn_call *c, int64_t b) { return eig(c, b, 1); }
static double work(const sn_call *c) { return 20.0 * (double)c->n[1] * (double)c->n[1] * (double)c->n[1]; }
int bl_eig_f32(sn_call *c) { return bl_batch(c, "eig", BL_F32, work(c), each32); }
int bl_eig_f64(sn_call *c) { return bl_batch(c, "eig", BL_F64, work(c), each64); }
