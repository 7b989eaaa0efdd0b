// gemm.h: C = alpha A B + beta I for T = float or double, one part of it. A register tile of MR rows by NV vectors; B is packed into
// panels of NV vectors (a block of KC rows stays in L2), A is copied as MR rows of KC so that every broadcast has a fixed displacement.
// 16-bit floats are widened while they are packed. Included once per type by isa_gemm.c.
#define VL ((int)(VB / sizeof(T)))
#define NR (NV * VL)
#define NC (8192 / (int)sizeof(T) / NR * NR)          // most columns of a block
#define CS ((MR + VL - 1) / VL * VL)                  // stride of the columns of a packed tile of A
#define GROUP 8                                       // tiles of a transposed A that are packed together, so that its cache lines are read whole
typedef T S(vec) __attribute__((vector_size(VB)));
typedef S(vec) S(vecu) __attribute__((aligned(1), may_alias));
INL S(vec) S(ld)(const T *p) { return *(const S(vecu) *)p; }
INL void S(st)(T *p, S(vec) v) { *(S(vecu) *)p = v; }
INL S(vec) S(fma)(S(vec) a, S(vec) b, S(vec) c) { return HAS_FMA ? __builtin_elementwise_fma(a, b, c) : a * b + c; }
INL S(vec) S(splat)(T x) { return x - (S(vec)){0}; }
INL T S(sum)(S(vec) v) { T s[VL]; memcpy(s, &v, VB); for (int k = VL / 2; k; k /= 2) for (int i = 0; i < k; i++) s[i] += s[i + k]; return s[0]; }
// the first n lanes
INL S(vec) S(ldn)(const T *p, int n) {
#if VB == 64
  return MASK_LD512(n, p);
#elif VB == 32
  return MASK_LD256(n, p);
#else
  S(vec) v = {0}; if (n >= VL) return S(ld)(p); for (int i = 0; i < n; i++) v[i] = p[i]; return v;
#endif
}
INL void S(stn)(T *p, S(vec) v, int n) {
#if VB == 64
  MASK_ST512(n, p, v);
#elif VB == 32
  MASK_ST256(n, p, v);
#else
  if (n >= VL) S(st)(p, v); else for (int i = 0; i < n; i++) p[i] = v[i];
#endif
}
// a vector of any storage
INL S(vec) S(lde)(const void *p, int64_t o, int kind) {
#if IS_F32
  if (kind == BL_F16) return widen16((const uint16_t *)p + o);
  if (kind == BL_BF16) { v16 h; memcpy(&h, (const uint16_t *)p + o, sizeof h); return (S(vec))(__builtin_convertvector(h, v32) << 16); }
#endif
  return S(ld)((const T *)p + o);
}
INL T S(get)(const void *p, int64_t o, int kind) {
#if IS_F32
  if (kind == BL_F16) return get16(((const uint16_t *)p)[o]);
  if (kind == BL_BF16) { uint32_t u = (uint32_t)((const uint16_t *)p)[o] << 16; float f; memcpy(&f, &u, 4); return f; }
#endif
  return ((const T *)p)[o];
}
INL void S(put)(void *p, int64_t o, T x, int kind) {
#if IS_F32
  if (kind == BL_F16) { ((uint16_t *)p)[o] = put16(x); return; }
  if (kind == BL_BF16) { uint32_t u; memcpy(&u, &x, 4); ((uint16_t *)p)[o] = x != x ? (uint16_t)(u >> 16 | 0x40) : (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16); return; }
#endif
  ((T *)p)[o] = x;
}
// C[mr x nc] (+)= alpha A[mr x k] B[k x nc], nv vectors wide. A is packed rows of stride KC (ROWS), rows of stride lda (FAR) or columns of stride lda (COLUMNS);
// B's rows are ldb apart, and packed ones are NR apart and have whole vectors.
enum { S(ROWS), S(FAR), S(COLUMNS) };
#define TILE_ARGS int64_t k, const T *A, int64_t lda, const T *B, int64_t ldb, T *C, int64_t ldc, T alpha, int add, int nc
INL void S(tile)(int mr, int nv, int form, int packed, TILE_ARGS) {
  S(vec) acc[MR][NV]; const T *a[(MR + 2) / 3];
  UNROLL for (int i = 0; i < mr; i++) UNROLL for (int j = 0; j < nv; j++) acc[i][j] = (S(vec)){0};
  UNROLL for (int i = 0; i < (mr + 2) / 3; i++) a[i] = A + 3 * i * lda;   // three rows per pointer: few registers, no multiplication
  UNROLL for (int i = 0; i < mr; i++) __builtin_prefetch(C + i * ldc, 1, 3);
  int last = nc - (nv - 1) * VL;
  for (int64_t p = 0; p < k; p++) {
    S(vec) b[NV];
    UNROLL for (int j = 0; j < nv; j++) { b[j] = packed || j < nv - 1 ? S(ld)(B + j * VL) : S(ldn)(B + j * VL, last); if (form != S(FAR)) __builtin_prefetch(B + 8 * (packed ? NR : ldb) + j * VL, 0, 3); }
    UNROLL for (int i = 0; i < mr; i++) {
      S(vec) x = S(splat)(form == S(ROWS) ? A[i * KC + p] : form == S(FAR) ? a[i / 3][(i % 3) * lda] : A[i]);
      UNROLL for (int j = 0; j < nv; j++) acc[i][j] = S(fma)(x, b[j], acc[i][j]);
    }
    if (form == S(FAR)) { UNROLL for (int i = 0; i < (mr + 2) / 3; i++) a[i]++; }
    if (form == S(COLUMNS)) A += lda;
    B += packed ? NR : ldb;
  }
  S(vec) al = S(splat)(alpha);
  UNROLL for (int i = 0; i < mr; i++) UNROLL for (int j = 0; j < nv; j++) {
    T *c = C + i * ldc + j * VL; int n = j < nv - 1 ? VL : last;
    if (n == VL) S(st)(c, add ? S(fma)(al, acc[i][j], S(ld)(c)) : al * acc[i][j]);
    else S(stn)(c, add ? S(fma)(al, acc[i][j], S(ldn)(c, n)) : al * acc[i][j], n);
  }
}
typedef void (*S(tile_fn))(TILE_ARGS);
#define TILE(mr, nv) \
  static void S(r##nv##_##mr)(TILE_ARGS) { S(tile)(mr, nv, S(ROWS), 1, k, A, lda, B, ldb, C, ldc, alpha, add, nc); } \
  static void S(f##nv##_##mr)(TILE_ARGS) { S(tile)(mr, nv, S(FAR), 0, k, A, lda, B, ldb, C, ldc, alpha, add, nc); } \
  static void S(c##nv##_##mr)(TILE_ARGS) { S(tile)(mr, nv, S(COLUMNS), 0, k, A, lda, B, ldb, C, ldc, alpha, add, nc); }
#define TILE1(mr) TILE(mr, 1)
#define TILE2(mr) TILE(mr, 2)
#define TILE3(mr) TILE(mr, 3)
#define ROWS1(mr) S(r1_##mr),
#define ROWS2(mr) S(r2_##mr),
#define ROWS3(mr) S(r3_##mr),
#define FAR1(mr) S(f1_##mr),
#define FAR2(mr) S(f2_##mr),
#define FAR3(mr) S(f3_##mr),
#define COLUMNS1(mr) S(c1_##mr),
#define COLUMNS2(mr) S(c2_##mr),
#define COLUMNS3(mr) S(c3_##mr),
EACH_MR(TILE1) EACH_MR(TILE2)
#if NV == 3
EACH_MR(TILE3)
#define FORM(X) {{0, EACH_MR(X##1)}, {0, EACH_MR(X##2)}, {0, EACH_MR(X##3)}}
#else
#define FORM(X) {{0, EACH_MR(X##1)}, {0, EACH_MR(X##2)}}
#endif
static const S(tile_fn) S(tiles)[3][NV][MR + 1] = {FORM(ROWS), FORM(FAR), FORM(COLUMNS)};
// d[t * ds + u] = s[u * ss + t] for t < VL, u < un (at most VL)
INL void S(transpose)(T *d, int64_t ds, const void *s, int64_t so, int64_t ss, int un, int kind) {
  S(vec) r[VL], q[VL];
  UNROLL for (int u = 0; u < VL; u++) r[u] = u < un ? S(lde)(s, so + u * ss, kind) : (S(vec)){0};
  UNROLL for (int step = VL / 2; step; step /= 2) {   // log2(VL) times: interleave the halves
    UNROLL for (int u = 0; u < VL / 2; u++) { q[2 * u] = S(ziplo)(r[u], r[u + VL / 2]); q[2 * u + 1] = S(ziphi)(r[u], r[u + VL / 2]); }
    UNROLL for (int u = 0; u < VL; u++) r[u] = q[u];
  }
  if (un == VL) { UNROLL for (int t = 0; t < VL; t++) S(st)(d + t * ds, r[t]); return; }
  UNROLL for (int t = 0; t < VL; t++) S(stn)(d + t * ds, r[t], un);
}
// n strips of kc rows: strip x takes w vectors from element at[x] of every row to d + x gap. Row by row, as memory likes it. Strips from the
// first on that would leave a row of `length` elements are short and padded with zeros.
INL void S(strips_kind)(T *d, int64_t gap, const int64_t *at, int n, int w, int64_t length, int kc, const void *s, int64_t o, int64_t rs, int kind) {
  int whole = n; while (whole && at[whole - 1] + w * VL > length) whole--;
  for (int64_t q = 0; q < kc; q++) for (int x = 0; x < whole; x++) for (int v = 0; v < w; v++) {
    const int64_t e = o + q * rs + at[x] + v * VL;
    __builtin_prefetch((const char *)s + (e + 4 * rs) * (kind ? 2 : (int)sizeof(T)));   // rows lie far apart
    S(st)(d + x * gap + (q * w + v) * VL, S(lde)(s, e, kind));
  }
  for (int x = whole; x < n; x++) for (int64_t q = 0; q < kc; q++) for (int64_t e = 0; e < w * VL; e++) d[x * gap + q * w * VL + e] = at[x] + e < length ? S(get)(s, o + q * rs + at[x] + e, kind) : 0;
}
static void S(strips)(T *d, int64_t gap, const int64_t *at, int n, int w, int64_t length, int kc, const void *s, int64_t o, int64_t rs, int kind) {
  if (kind == BL_F16) S(strips_kind)(d, gap, at, n, w, length, kc, s, o, rs, BL_F16);
  else if (kind == BL_BF16) S(strips_kind)(d, gap, at, n, w, length, kc, s, o, rs, BL_BF16);
  else if (w == 1) S(strips_kind)(d, gap, at, n, 1, length, kc, s, o, rs, BL_OWN);
  else if (w == 2) S(strips_kind)(d, gap, at, n, 2, length, kc, s, o, rs, BL_OWN);
  else S(strips_kind)(d, gap, at, n, w, length, kc, s, o, rs, BL_OWN);
}
// kc x nc of a B that does not lie by rows into a panel of stride NR, zeros to the right
static void S(pack_b)(T *d, int nc, int kc, const void *B, int64_t o, int64_t rs, int64_t cs, int kind) {
  if (nc < NR) memset(d, 0, (size_t)kc * NR * sizeof(T));
  int q0 = 0;
  if (rs == 1) {
    for (; q0 + VL <= kc; q0 += VL) for (int j = 0; j < nc; j += VL) {
      int un = nc - j < VL ? nc - j : VL;
      if (kind == BL_OWN) S(transpose)(d + (int64_t)q0 * NR + j, NR, B, o + j * cs + q0, cs, un, BL_OWN);
      else if (kind == BL_F16) S(transpose)(d + (int64_t)q0 * NR + j, NR, B, o + j * cs + q0, cs, un, BL_F16);
      else S(transpose)(d + (int64_t)q0 * NR + j, NR, B, o + j * cs + q0, cs, un, BL_BF16);
    }
  }
  for (int q = q0; q < kc; q++) for (int j = 0; j < nc; j++) d[(int64_t)q * NR + j] = S(get)(B, o + q * rs + j * cs, kind);
}
INL void S(copy)(T *d, const void *s, int64_t o, int64_t n, int kind) {
  int64_t i = 0; for (; i + VL <= n; i += VL) S(st)(d + i, S(lde)(s, o + i, kind));
  for (; i < n; i++) d[i] = S(get)(s, o + i, kind);
}
static void S(copy_any)(T *d, const void *s, int64_t o, int64_t st, int64_t n, int kind) {
  if (st != 1) for (int64_t i = 0; i < n; i++) d[i] = S(get)(s, o + i * st, kind);
  else if (kind == BL_OWN) S(copy)(d, s, o, n, BL_OWN);
  else if (kind == BL_F16) S(copy)(d, s, o, n, BL_F16);
  else S(copy)(d, s, o, n, BL_BF16);
}
// mr x kc of A as rows of stride KC
static void S(pack_rows)(T *d, int mr, int kc, const void *A, int64_t o, int64_t rs, int64_t cs, int kind) {
  for (int r = 0; r < mr; r++) S(copy_any)(d + (int64_t)r * KC, A, o + r * rs, cs, kc, kind);
}
// y[0..n) = sum over k of x[k] mat[k * ks + i]: four rows of the matrix per pass over y, which stays in L1
INL void S(axpys)(T *y, int64_t n, int64_t K, const T *x, const void *m, int64_t o, int64_t ks, int kind) {
  memset(y, 0, (size_t)n * sizeof(T));
  int64_t nv = n / VL * VL, k = 0;
  for (; k + 4 <= K; k += 4) {
    int64_t r0 = o + k * ks, r1 = r0 + ks, r2 = r1 + ks, r3 = r2 + ks, i = 0; S(vec) c0 = S(splat)(x[k]), c1 = S(splat)(x[k + 1]), c2 = S(splat)(x[k + 2]), c3 = S(splat)(x[k + 3]);
    for (; i < nv; i += VL) S(st)(y + i, S(fma)(S(lde)(m, r3 + i, kind), c3, S(fma)(S(lde)(m, r2 + i, kind), c2, S(fma)(S(lde)(m, r1 + i, kind), c1, S(fma)(S(lde)(m, r0 + i, kind), c0, S(ld)(y + i))))));
    for (; i < n; i++) { T s = y[i]; s = S1FMA(S(get)(m, r0 + i, kind), x[k], s); s = S1FMA(S(get)(m, r1 + i, kind), x[k + 1], s); s = S1FMA(S(get)(m, r2 + i, kind), x[k + 2], s); y[i] = S1FMA(S(get)(m, r3 + i, kind), x[k + 3], s); }
  }
  for (; k < K; k++) {
    int64_t i = 0; S(vec) c = S(splat)(x[k]); for (; i < nv; i += VL) S(st)(y + i, S(fma)(S(lde)(m, o + k * ks + i, kind), c, S(ld)(y + i)));
    for (; i < n; i++) y[i] = S1FMA(S(get)(m, o + k * ks + i, kind), x[k], y[i]);
  }
}
// y[i] = sum over k of x[k] mat[i * os + k]: r rows at once
INL void S(dots)(T *y, int r, int64_t K, const T *x, const void *m, int64_t o, int64_t os, int kind) {
  S(vec) a[4], b[4]; UNROLL for (int i = 0; i < r; i++) a[i] = b[i] = (S(vec)){0};
  int64_t k = 0;
  for (; k + 2 * VL <= K; k += 2 * VL) {
    S(vec) x0 = S(ld)(x + k), x1 = S(ld)(x + k + VL);
    UNROLL for (int i = 0; i < r; i++) { a[i] = S(fma)(S(lde)(m, o + i * os + k, kind), x0, a[i]); b[i] = S(fma)(S(lde)(m, o + i * os + k + VL, kind), x1, b[i]); }
  }
  UNROLL for (int i = 0; i < r; i++) { T s = 0; for (int64_t q = k; q < K; q++) s = S1FMA(S(get)(m, o + i * os + q, kind), x[q], s); y[i] = S(sum)(a[i] + b[i]) + s; }
}
INL void S(gemv_kind)(T *y, int64_t n, int64_t K, const T *x, const void *m, int64_t o, int64_t os, int64_t ks, int kind) {
  if (ks == 1) { int64_t i = 0; for (; i + 4 <= n; i += 4) S(dots)(y + i, 4, K, x, m, o + i * os, os, kind); for (; i < n; i++) S(dots)(y + i, 1, K, x, m, o + i * os, os, kind); }
  else if (os == 1) S(axpys)(y, n, K, x, m, o, ks, kind);
  else for (int64_t i = 0; i < n; i++) { T s = 0; for (int64_t k = 0; k < K; k++) s = S1FMA(S(get)(m, o + i * os + k * ks, kind), x[k], s); y[i] = s; }
}
static int S(gemv)(const bl_gemm *g, int64_t n, const void *m, int64_t os, int64_t ks, const void *x, int64_t xs, int64_t ys, int64_t is, int part, int parts) {
  int64_t u = 64, t = (n + u - 1) / u, n0 = t * part / parts * u, n1 = t * (part + 1) / parts * u, K = g->K; if (n1 > n) n1 = n;
  if (n0 >= n1) return 0;
  const T *xc = (const T *)x;
  if (xs != 1 || g->kind != BL_OWN) { T *w = (T *)sn_scratch((size_t)K * sizeof(T) + 64); if (!w) return 1; S(copy_any)(w, x, 0, xs, K, g->kind); xc = w; }
  T y[2048], al = (T)g->alpha, be = (T)g->beta;
  for (; n0 < n1; n0 += 2048) {
    int64_t c = n1 - n0 < 2048 ? n1 - n0 : 2048;
    if (g->kind == BL_OWN) S(gemv_kind)(y, c, K, xc, m, n0 * os, os, ks, BL_OWN);
    else if (g->kind == BL_F16) S(gemv_kind)(y, c, K, xc, m, n0 * os, os, ks, BL_F16);
    else S(gemv_kind)(y, c, K, xc, m, n0 * os, os, ks, BL_BF16);
    if (g->I) for (int64_t i = 0; i < c; i++) S(put)(g->C, (n0 + i) * ys, al * y[i] + be * S(get)(g->I, (n0 + i) * is, g->kind), g->kind);
    else for (int64_t i = 0; i < c; i++) S(put)(g->C, (n0 + i) * ys, al * y[i], g->kind);
  }
  return 0;
}
static int S(gemm)(const bl_gemm *g0, int part, int parts) {
  bl_gemm g = *g0;
  if (g.M == 1) return S(gemv)(&g, g.N, g.B, g.bcs, g.brs, g.A, g.acs, g.ccs, g.ics, part, parts);
  if (g.N == 1) return S(gemv)(&g, g.M, g.A, g.ars, g.acs, g.B, g.brs, g.crs, g.irs, part, parts);
  bl_by_rows(&g);
  // The grid of parts with the least copying: every part copies its rows of A and its columns of B.
  int pr = 1; double best = 0;
  for (int r = 1; r <= parts; r++) if (parts % r == 0) {
    double w = (double)g.M / r + (double)g.N / (parts / r); if ((g.M + MR - 1) / MR < r || (g.N + NR - 1) / NR < parts / r) w += 1e18;
    if (r == 1 || w < best) { best = w; pr = r; }
  }
  int pc = parts / pr, ir = part / pc, ic = part % pc;
  int64_t tm = (g.M + MR - 1) / MR, tn = (g.N + NR - 1) / NR, m0 = tm * ir / pr * MR, m1 = tm * (ir + 1) / pr * MR, n0 = tn * ic / pc * NR, n1 = tn * (ic + 1) / pc * NR;
  if (m1 > g.M) m1 = g.M; if (n1 > g.N) n1 = g.N;
  if (m0 >= m1 || n0 >= n1) return 0;
  int64_t mm = m1 - m0, nn = n1 - n0; T al = (T)g.alpha, be = (T)g.beta;
  int direct = g.kind == BL_OWN && g.ccs == 1, start = 0;  // direct: tiles are added up in C itself; start: C holds beta I first
  if (direct && (g.I || g.K <= 0)) {
    T *C = (T *)g.C; const T *I = (const T *)g.I; start = 1;
    if (!(g.I == g.C && be == 1 && g.irs == g.crs && g.ics == 1))
      for (int64_t i = m0; i < m1; i++) {
        if (!I) memset(C + i * g.crs + n0, 0, (size_t)nn * sizeof(T));
        else if (g.ics == 1) for (int64_t j = n0; j < n1; j++) C[i * g.crs + j] = be * I[i * g.irs + j];
        else for (int64_t j = n0; j < n1; j++) C[i * g.crs + j] = be * I[i * g.irs + j * g.ics];
      }
    if (g.K <= 0) return 0;
  }
  // What is read once, or lies together in L1 and L2, is read where it is. All cut K alike, so that bits depend on no choice.
  const int own = g.kind == BL_OWN, item = (int)sizeof(T);
  int loose = own && g.bcs == 1 && (mm <= MR || (g.K * nn * item <= 65536 && g.brs < 2 * nn)) && (VB > 16 || nn % VL == 0);
  const int form = own && g.acs == 1 && (loose || nn <= 4 * NR) ? S(FAR) : g.ars == 1 && g.acs != 1 ? S(COLUMNS) : S(ROWS);
  if (form == S(ROWS)) loose = 0;
  const int bare = form == S(FAR) || (own && form == S(COLUMNS) && nn <= NR);   // A is read where it is: columns, where each is wanted once
  int64_t mt = (mm + MR - 1) / MR, deep = g.K < KC ? g.K : KC, most = bl_block() / (item * (deep > 0 ? deep : 1)) / NR * NR;
  most = most > NC ? NC : most < NR ? NR : most;
  const int64_t wide = nn < most ? (nn + NR - 1) / NR * NR : most;
  size_t nb = loose ? 0 : (size_t)(deep * wide + NR * 8), na = bare ? 0 : form == S(COLUMNS) ? (size_t)(GROUP * CS) * KC : (size_t)MR * KC + 64, nt = direct ? 0 : (size_t)(mm * wide);
  T *bp = 0;
  if (nb + na + nt && !(bp = (T *)sn_scratch((nb + na + nt) * sizeof(T)))) return 1;
  T *ap = bp + nb, *ct = ap + na;
  for (int64_t jc = n0; jc < n1; jc += most) {
    int64_t ncb = n1 - jc < most ? n1 - jc : most, ldc = direct ? g.crs : wide; T *C = direct ? (T *)g.C + m0 * g.crs + jc : ct;
    if (!direct && g.K <= 0) memset(ct, 0, nt * sizeof(T));
    for (int64_t p = 0; p < g.K; p += KC) {
      int kc = g.K - p < KC ? (int)(g.K - p) : KC, add = p > 0 || start;
      if (!loose && g.bcs == 1) {
        int64_t at[NC / NR]; for (int x = 0; x < NC / NR; x++) at[x] = x * NR;
        S(strips)(bp, (int64_t)kc * NR, at, (int)((ncb + NR - 1) / NR), NV, g.N - jc, kc, g.B, p * g.brs + jc, g.brs, g.kind);
      } else if (!loose) for (int64_t j = 0; j < ncb; j += NR) S(pack_b)(bp + j * kc, ncb - j < NR ? (int)(ncb - j) : NR, kc, g.B, p * g.brs + (jc + j) * g.bcs, g.brs, g.bcs, g.kind);
      int64_t i = 0;
      for (int64_t t = 0; t < mt; t++) {              // rows spread evenly over the tiles: no tile of one row at the end
        int mr = (int)((mm - i + (mt - t) - 1) / (mt - t));
        const int64_t at = (m0 + i) * g.ars + p * g.acs; const T *a = bare ? (const T *)g.A + at : form == S(ROWS) ? ap : ap + t % GROUP * (CS * KC);
        if (form == S(ROWS)) S(pack_rows)(ap, mr, kc, g.A, at, g.ars, g.acs, g.kind);
        if (form == S(COLUMNS) && !bare && t % GROUP == 0) {
          int64_t first[GROUP], n = 0, r = i; for (; n < GROUP && t + n < mt; n++) { first[n] = r; r += (mm - r + (mt - t - n) - 1) / (mt - t - n); }
          S(strips)(ap, CS * KC, first, (int)n, CS / VL, g.M - m0, kc, g.A, m0 + p * g.acs, g.acs, g.kind);
        }
        // the next tile's rows come in short pieces that no hardware prefetcher catches: fetch them meanwhile
        int esz = g.kind ? 2 : item, row = 0, left = form != S(ROWS) || g.acs != 1 ? 0 : mm - i - mr < mr ? (int)(mm - i - mr) : mr; const char *next = (const char *)g.A + ((m0 + i + mr) * g.ars + p) * esz;
        for (int64_t j = 0; j < ncb; j += NR) {
          for (int until = (int)(left * (j + NR) / ncb); row < until && row < left; row++) for (int64_t l = 0; l < (int64_t)kc * esz; l += 64) __builtin_prefetch(next + row * g.ars * esz + l, 0, 2);
          int nc = ncb - j < NR ? (int)(ncb - j) : NR;
          S(tiles)[form][(nc - 1) / VL][mr](kc, a, form == S(FAR) ? g.ars : bare ? g.acs : CS, loose ? (const T *)g.B + p * g.brs + jc + j : bp + j * kc, loose ? g.brs : NR, C + i * ldc + j, ldc, al, add, nc);
        }
        i += mr;
      }
    }
    if (!direct) for (int64_t i = 0; i < mm; i++) for (int64_t j = 0; j < ncb; j++) {
      T v = ct[i * wide + j]; if (g.I) v += be * S(get)(g.I, (m0 + i) * g.irs + (jc + j) * g.ics, g.kind);
      S(put)(g.C, (m0 + i) * g.crs + (jc + j) * g.ccs, v, g.kind);
    }
  }
  return 0;
}
#include "factor.h"
#undef VL
#undef NR
#undef NC
#undef GROUP
#undef CS
#undef T
#undef S
#undef IS_F32
#undef S1FMA
#undef MASK_LD512
#undef MASK_ST512
#undef MASK_LD256
#undef MASK_ST256
#undef TILE
#undef TILE_ARGS
#undef FORM
#undef TILE1
#undef TILE2
#undef TILE3
#undef ROWS1
#undef ROWS2
#undef ROWS3
#undef FAR1
#undef FAR2
#undef FAR3
#undef COLUMNS1
#undef COLUMNS2
#undef COLUMNS3
