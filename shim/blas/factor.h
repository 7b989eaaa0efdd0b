// factor.h: what the factorisations of T = float or double spend their time in besides products: triangular solves, the columns of an
// LU panel, a diagonal block of Cholesky, symmetric products with a vector, and transposition. Included once per type by gemm.h, whose vectors it uses.
#define ROWS 8
// lane k: the sum of s[k]
INL S(vec) S(sums)(S(vec) s[VL]) {
  UNROLL for (int h = VL / 2; h; h /= 2) UNROLL for (int k = 0; k < h; k++) s[k] = S(ziplo)(s[k], s[k + h]) + S(ziphi)(s[k], s[k + h]);
  return s[0];
}
typedef __typeof__((S(vec)){0} > (S(vec)){0}) S(bits);
// v with zeros up to lane k
INL S(vec) S(above)(S(vec) v, int k) { S(bits) i; UNROLL for (int l = 0; l < VL; l++) i[l] = l > k ? -1 : 0; return (S(vec))((S(bits))v & i); }
// rows i .. i + r of a stripe W (ROWS of w * VL elements each, NR apart): minus what the rows before give, then divided by the diagonal
INL void S(solve_rows)(int r, int w, int64_t i, const T *A, int64_t rs, int64_t cs, int unit, T *W) {
  S(vec) x[ROWS][NV]; const T *a = A + i * rs;
  UNROLL for (int t = 0; t < r; t++) UNROLL for (int v = 0; v < w; v++) x[t][v] = S(ld)(W + (i + t) * NR + v * VL);
  for (int64_t k = 0; k < i; k++) {
    S(vec) b[NV]; UNROLL for (int v = 0; v < w; v++) b[v] = S(ld)(W + k * NR + v * VL);
    UNROLL for (int t = 0; t < r; t++) { S(vec) m = S(splat)(-a[t * rs + k * cs]); UNROLL for (int v = 0; v < w; v++) x[t][v] = S(fma)(m, b[v], x[t][v]); }
  }
  UNROLL for (int t = 0; t < r; t++) {
    UNROLL for (int u = 0; u < t; u++) { S(vec) m = S(splat)(-a[t * rs + (i + u) * cs]); UNROLL for (int v = 0; v < w; v++) x[t][v] = S(fma)(m, x[u][v], x[t][v]); }
    if (!unit) { S(vec) d = S(splat)(a[t * rs + (i + t) * cs]); UNROLL for (int v = 0; v < w; v++) x[t][v] = x[t][v] / d; }
    UNROLL for (int v = 0; v < w; v++) S(st)(W + (i + t) * NR + v * VL, x[t][v]);
  }
}
// B (n x m, rows brs apart) := A^-1 B for a lower triangular A of at most BL_TRIANGLE rows; unit = the diagonal is 1 and not read
static void S(trsm)(int64_t n, int64_t m, const T *A, int64_t rs, int64_t cs, int unit, T *B, int64_t brs) {
  T W[BL_TRIANGLE * NR];
  for (int64_t c = 0; c < m; c += NR) {
    const int whole = m - c >= NR, left = (int)(m - c), w = left <= VL ? 1 : NV; T *b = B + c; int64_t i = 0;
    for (int64_t k = 0; k < n; k++) for (int v = 0; v < w; v++) S(st)(W + k * NR + v * VL, whole ? S(ld)(b + k * brs + v * VL) : v * VL < left ? S(ldn)(b + k * brs + v * VL, left - v * VL < VL ? left - v * VL : VL) : (S(vec)){0});
    if (w == 1) { for (; i + ROWS <= n; i += ROWS) S(solve_rows)(ROWS, 1, i, A, rs, cs, unit, W); for (; i < n; i++) S(solve_rows)(1, 1, i, A, rs, cs, unit, W); }
    else { for (; i + ROWS <= n; i += ROWS) S(solve_rows)(ROWS, NV, i, A, rs, cs, unit, W); for (; i < n; i++) S(solve_rows)(1, NV, i, A, rs, cs, unit, W); }
    for (int64_t k = 0; k < n; k++) for (int v = 0; v < w; v++) { S(vec) x = S(ld)(W + k * NR + v * VL); if (whole) S(st)(b + k * brs + v * VL, x); else if (v * VL < left) S(stn)(b + k * brs + v * VL, x, left - v * VL < VL ? left - v * VL : VL); }
  }
}
// LU of n columns of m elements that lie as rows ld apart, with partial pivoting, one after the other; piv counts from the first element
static void S(lu_columns)(int64_t m, int64_t n, T *A, int64_t ld, uint32_t *piv) {
  for (int64_t j = 0; j < n && j < m; j++) {
    T *a = A + j * ld, top = 0, best; int64_t i = j + 1, p = j;
    S(vec) most = {0};
    for (; i + VL <= m; i += VL) { S(vec) x = S(ld)(a + i); most = __builtin_elementwise_max(most, __builtin_elementwise_abs(x)); }   // NaN loses
    if (i > j + 1) for (int k = 0; k < VL; k++) if (most[k] > top) top = most[k];
    for (; i < m; i++) { T v = a[i] < 0 ? -a[i] : a[i]; if (v > top) top = v; }
    best = a[j] < 0 ? -a[j] : a[j];
    if (top > best) for (p = j + 1; a[p] != top && a[p] != -top; p++) {}
    piv[j] = (uint32_t)p;
    if (p != j) for (int64_t c = 0; c < n; c++) { T *b = A + c * ld, t = b[j]; b[j] = b[p]; b[p] = t; }
    const T d = a[j]; if (d == 0) continue;
    S(vec) ds = S(splat)(d);
    for (i = j + 1; i + VL <= m; i += VL) S(st)(a + i, S(ld)(a + i) / ds);
    for (; i < m; i++) a[i] /= d;
    for (int64_t c = j + 1; c < n; c++) {
      T *b = A + c * ld; const T f = -b[j]; S(vec) fs = S(splat)(f);
      for (i = j + 1; i + VL <= m; i += VL) S(st)(b + i, S(fma)(fs, S(ld)(a + i), S(ld)(b + i)));
      for (; i < m; i++) b[i] = S1FMA(f, a[i], b[i]);
    }
  }
}
// A = U^T U for the upper triangle of a small A, row by row; -1 = not positive definite. Products are added up before they are
// taken off, as LAPACK does: of a singular matrix the last pivots are what rounding leaves.
static int S(chol_rows)(int64_t n, T *A, int64_t ld) {
  for (int64_t j = 0; j < n; j++) {
    T *a = A + j * ld;
    for (int64_t c = j; c < n; c += 4 * VL) {
      S(vec) x[4] = {0}; int w[4]; UNROLL for (int v = 0; v < 4; v++) { int64_t l = n - c - v * VL; w[v] = l < 0 ? 0 : l > VL ? VL : (int)l; }
      for (int64_t k = 0; k < j; k++) { const T *u = A + k * ld; S(vec) f = S(splat)(u[j]); UNROLL for (int v = 0; v < 4; v++) if (w[v]) x[v] = S(fma)(f, S(ldn)(u + c + v * VL, w[v]), x[v]); }
      UNROLL for (int v = 0; v < 4; v++) if (w[v]) S(stn)(a + c + v * VL, S(ldn)(a + c + v * VL, w[v]) - x[v], w[v]);
    }
    const T d = a[j]; if (!(d > 0) || d - d != 0) return -1;
    const T r = (T)__builtin_sqrt((double)d); a[j] = r;
    for (int64_t c = j + 1; c < n; c++) a[c] /= r;
  }
  return 0;
}
// d (n x m, rows ds apart) := the transpose of s (m x n, rows ss apart)
static void S(flip)(T *d, int64_t ds, const T *s, int64_t ss, int64_t m, int64_t n) {
  for (int64_t o = 0; o < (m < n ? n : m); o += VL) for (int64_t q = 0; q < (m < n ? m : n); q += VL) {   // along the short side, where lines lie together
    int64_t i = m < n ? q : o, j = m < n ? o : q;
    if (m - i >= VL && n - j >= VL) { S(transpose)(d + j * ds + i, ds, s, i * ss + j, ss, VL, BL_OWN); continue; }
    for (int64_t a = i; a < m && a < i + VL; a++) {
      _Pragma("clang loop vectorize(disable) unroll(disable)") for (int64_t b = j; b < n && b < j + VL; b++) d[b * ds + a] = s[a * ss + b];
    }
  }
}
// one vector of columns: the sums of the block's rows and what their elements give to w columns; of a diagonal block, above the diagonal
INL void S(symv_step)(const T *a, int64_t ld, const T *xr, S(vec) s[VL], const T *xc, T *yc, int w, int diagonal) {
  S(vec) b = S(ldn)(xc, w), y[2] = {S(ldn)(yc, w), {0}};
  UNROLL for (int k = 0; k < VL; k++) {
    S(vec) v = S(ldn)(a + k * ld, w);
    if (diagonal) v = S(above)(v, k);
    s[k] = S(fma)(v, b, s[k]); y[k & 1] = S(fma)(v, S(splat)(xr[k]), y[k & 1]);
  }
  S(stn)(yc, y[0] + y[1], w);
}
// y += A x for the rows r0 <= r < r1 of a symmetric n x n A whose upper triangle is read: an element serves its row and its column
static void S(symv)(const T *A, int64_t ld, int64_t n, int64_t r0, int64_t r1, const T *x, T *y) {
  int64_t r = r0;
  for (; r + VL <= r1; r += VL) {
    const T *a = A + r * ld; S(vec) s[VL]; int64_t c = r + VL;
    UNROLL for (int k = 0; k < VL; k++) s[k] = (S(vec)){0};
    S(symv_step)(a + r, ld, x + r, s, x + r, y + r, VL, 1);
    for (; c + VL <= n; c += VL) S(symv_step)(a + c, ld, x + r, s, x + c, y + c, VL, 0);
    if (c < n) S(symv_step)(a + c, ld, x + r, s, x + c, y + c, (int)(n - c), 0);
    S(vec) d; for (int k = 0; k < VL; k++) d[k] = a[k * ld + r + k];
    S(st)(y + r, S(fma)(d, S(ld)(x + r), S(ld)(y + r)) + S(sums)(s));
  }
  for (; r < r1; r++) {                               // less than a block
    const T *a = A + r * ld; T t = a[r] * x[r];
    for (int64_t c = r + 1; c < n; c++) { t = S1FMA(a[c], x[c], t); y[c] = S1FMA(a[c], x[r], y[c]); }
    y[r] += t;
  }
}
// ---- stripes: `width` columns, a number of whole vectors, whose rows follow one another --------------------------------------------------
INL void S(columns_of)(int nv, int64_t m, const T *a, int64_t width, const T *u, T *y) {
  S(vec) s[8]; UNROLL for (int v = 0; v < nv; v++) s[v] = (S(vec)){0};
  for (int64_t r = 0; r < m; r++) { S(vec) x = S(splat)(u[r]); UNROLL for (int v = 0; v < nv; v++) s[v] = S(fma)(S(ld)(a + r * width + v * VL), x, s[v]); }
  UNROLL for (int v = 0; v < nv; v++) S(st)(y + v * VL, s[v]);
}
// y := A^T u
static void S(stripe_columns)(int64_t m, const T *a, int64_t width, const T *u, T *y) {
  int64_t c = 0;
  for (; c + 8 * VL <= width; c += 8 * VL) S(columns_of)(8, m, a + c, width, u, y + c);
  for (; c + 2 * VL <= width; c += 2 * VL) S(columns_of)(2, m, a + c, width, u, y + c);
  for (; c < width; c += VL) S(columns_of)(1, m, a + c, width, u, y + c);
}
INL void S(rows_of)(int64_t nv, int64_t m, const T *a, int64_t width, const T *x, T *w) {
  for (int64_t r = 0; r < m; r += VL) {
    S(vec) s[VL];
    UNROLL for (int k = 0; k < VL; k++) {
      const T *b = a + (r + k < m ? r + k : r) * width; s[k] = S(ld)(b) * S(ld)(x);
      for (int64_t v = 1; v < nv; v++) s[k] = S(fma)(S(ld)(b + v * VL), S(ld)(x + v * VL), s[k]);
    }
    S(stn)(w + r, S(sums)(s), m - r < VL ? (int)(m - r) : VL);
  }
}
// w := A x
static void S(stripe_rows)(int64_t m, const T *a, int64_t width, const T *x, T *w) { if (width == 8 * VL) S(rows_of)(8, m, a, width, x, w); else S(rows_of)(width / VL, m, a, width, x, w); }
#undef ROWS
