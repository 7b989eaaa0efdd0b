// lapack_spectral.h: eigenvalues and vectors of symmetric matrices and singular values and vectors, computed in T. Small matrices are
// always computed in f64, whatever they are stored in. Included once per type by lapack_real.c.
static void S(read)(T *d, const void *s, int64_t o, int64_t n, int f64) {
  if (f64) { const double *x = (const double *)s + o; for (int64_t i = 0; i < n; i++) d[i] = (T)x[i]; } else { const float *x = (const float *)s + o; for (int64_t i = 0; i < n; i++) d[i] = (T)x[i]; }
}
static void S(write)(void *d, int64_t o, const T *s, int64_t n, int f64) {
  if (f64) { double *x = (double *)d + o; for (int64_t i = 0; i < n; i++) x[i] = (double)s[i]; } else { float *x = (float *)d + o; for (int64_t i = 0; i < n; i++) x[i] = (float)s[i]; }
}
enum { S(ACROSS) = 8 };                                // rows that are written or read across at once: as many as a cache has places for, if they meet in one set
// Column q of an output with `ld` columns := row order[q] of X (m long), for the first of n rows; rows beyond `ordered` stand in place
typedef struct { void *d; const T *X; const bl_pole *order; int64_t o, ld, m, ordered, n; int f64; } S(columns_job);
static void S(columns_part)(void *arg, int part, int parts, int thread) {
  (void)thread; const S(columns_job) *j = (const S(columns_job) *)arg; int64_t B = S(ACROSS), blocks = (j->m + B - 1) / B, last = blocks * (part + 1) / parts * B, end = last < j->m ? last : j->m;
  for (int64_t i = blocks * part / parts * B; i < end; i += B) for (int64_t q = 0; q < j->n; q++) {
    const T *x = j->X + (q < j->ordered ? j->order[q].row : q) * j->m; int64_t to = end - i < B ? end : i + B, at = j->o + q;
    if (j->f64) for (int64_t k = i; k < to; k++) ((double *)j->d)[at + k * j->ld] = (double)x[k]; else for (int64_t k = i; k < to; k++) ((float *)j->d)[at + k * j->ld] = (float)x[k];
  }
}
static void S(columns)(void *d, int64_t o, int64_t ld, const T *X, int64_t m, const bl_pole *order, int64_t ordered, int64_t n, int f64) {
  S(columns_job) j = {d, X, order, o, ld, m, ordered, n, f64}; int parts = m * n < 100000 ? 1 : sn_available();
  sn_parallel(S(columns_part), &j, parts);
}
// The largest |x| as a power of two by which all is divided, which is exact; 0 if there is a NaN or infinity
static double S(scale)(T *x, int64_t n) {
  double m = 0; for (int64_t i = 0; i < n; i++) { double a = fabs((double)x[i]); if (!(a <= m)) { m = a; if (m - m != 0) return 0; } }
  if (m == 0) return 1;
  int ex; frexp(m, &ex); if (ex < -1020) ex = -1020; if (ex > 1023) ex = 1023;
  const double by = ldexp(1, -ex); for (int64_t i = 0; i < n; i++) x[i] = (T)((double)x[i] * by);
  return ldexp(1, ex);
}
// Eigenvectors of a tridiagonal matrix as rows of X (n x n, zero on entry), piece by piece where e is negligible
static int S(tridiagonal_vectors)(double *d, double *e, int64_t n, T *X, S(dc) *w) {
  double most = 0; for (int64_t i = 0; i < n; i++) most = fmax(most, fmax(fabs(d[i]), i < n - 1 ? fabs(e[i]) : 0));
  for (int64_t b = 0, end; b < n; b = end) {
    for (end = b + 1; end < n && fabs(e[end - 1]) > DBL_EPSILON / 2 * (fabs(d[end - 1]) + fabs(d[end])) + (double)EPS / 16 * most; end++) {}
    int64_t m = end - b; double *p = d + b, *q = e + b;
    if (m <= BL_LEAF) {
      double *Y = calloc(BL_LEAF * BL_LEAF + BL_LEAF, sizeof(double)), *f = Y + BL_LEAF * BL_LEAF; if (!Y) return BL_MEMORY;
      for (int64_t i = 0; i < m; i++) Y[i * (BL_LEAF + 1)] = 1;
      memcpy(f, q, (size_t)(m - 1) * sizeof(double));
      int code = bl_ql(p, f, m, Y, BL_LEAF);
      for (int64_t i = 0; i < m; i++) for (int64_t k = 0; k < m; k++) X[(b + i) * n + b + k] = (T)Y[i * BL_LEAF + k];
      free(Y); if (code) return code;
      continue;
    }
    // T - shift I = B^T B, far enough from singular that B is as accurate as T: its right singular vectors are T's eigenvectors
    double lo = INFINITY, hi = -INFINITY, c = 0;
    for (int64_t i = 0; i < m; i++) { double r = (i ? fabs(q[i - 1]) : 0) + (i < m - 1 ? fabs(q[i]) : 0); lo = fmin(lo, p[i] - r); hi = fmax(hi, p[i] + r); }
    const double shift = lo - (hi - lo) / 16;
    for (int64_t i = 0; i < m; i++) { p[i] = sqrt(p[i] - shift - c * c); if (i < m - 1) c = q[i] /= p[i]; }
    T *V = m == n ? X : w->V; if (m < n) memset(V, 0, (size_t)(m * m) * sizeof(T));
    S(dc) part = *w; part.d = p; part.e = q; part.V = V; part.n = m;
    int code = S(divide)(&part); if (code) return code;
    for (int64_t i = 0; i < m; i++) { p[i] = p[i] * p[i] + shift; if (m < n) memcpy(X + (b + i) * n + b, V + i * m, (size_t)m * sizeof(T)); }
  }
  return 0;
}
static int S(eigh)(const sn_call *c, int64_t b, int f64) {
  int64_t n = c->n[1], lower = c->n[2], nn = n * n; void *Vp = c->np > 2 ? c->p[2] : 0; if (!n) return 0;
  // `a` is free when W is wanted
  T *A = sn_aligned((size_t)(nn * (Vp ? 5 : 2) + n) * sizeof(T) + (size_t)(2 * n + (Vp ? nn : 0)) * sizeof(double) + (size_t)n * sizeof(bl_pole)); int code = BL_MEMORY;
  if (!A) return code;
  double *d = (double *)A, *e = d + n, *G = e + n; bl_pole *o = (bl_pole *)(G + (Vp ? nn : 0)); T *a = (T *)(o + n), *H = a + nn, *tau = H + nn, *X = tau + n, *Q = X + nn, *V = Q + nn; code = 0;
  memset(a, 0, (size_t)nn * sizeof(T));               // the upper triangle, zeros below
  if (!lower) for (int64_t i = 0; i < n; i++) S(read)(a + i * (n + 1), c->p[0], b * nn + i * (n + 1), n - i, f64);
  else for (int64_t i = 0; i < n; i += S(ACROSS)) for (int64_t j = 0; j < i + S(ACROSS); j++) for (int64_t k = i > j ? i : j; k < n && k < i + S(ACROSS); k++) S(read)(a + j * n + k, c->p[0], b * nn + k * n + j, 1, f64);
  double scale = S(scale)(a, nn);
  if (!scale) { for (int64_t i = 0; i < n; i++) o[i] = (bl_pole){NAN, 0, i, 0}; if (Vp) for (int64_t i = 0; i < nn; i++) X[i] = (T)NAN; }
  else {
    if (S(tridiagonal)(a, n, H, tau, d, e)) code = BL_MEMORY;
    if (!code && Vp) {
      memset(X, 0, (size_t)nn * sizeof(T)); S(dc) w = {0, 0, 0, V, Q, a, G, n, 0};
      code = S(tridiagonal_vectors)(d, e, n, X, &w); if (!code && S(apply)(X, n, n, H, n - 1, 1, tau, 0)) code = BL_MEMORY;
    } else if (!code) code = bl_ql(d, e, n, 0, 0);
    for (int64_t i = 0; i < n; i++) o[i] = (bl_pole){d[i] * scale, 0, i, 0};
    if (!code) qsort(o, (size_t)n, sizeof *o, bl_ascending);
  }
  for (int64_t i = 0; i < n && !code; i++) { if (f64) ((double *)c->p[1])[b * n + i] = o[i].d; else ((float *)c->p[1])[b * n + i] = (float)o[i].d; }
  if (!code && Vp) S(columns)(Vp, b * nn, n, X, n, o, n, n, f64);
  sn_aligned_free(A); return code;
}
// A: m x n, m >= n (the transpose of the input if that is wide); rows of X (mu x m) and Y (n x n) are the vectors: A = X^T S Y
static int S(svd)(const sn_call *c, int64_t b, int f64) {
  int64_t M = c->n[1], N = c->n[2], full = c->n[3], wide = M < N, m = wide ? N : M, n = wide ? M : N, mu = full ? m : n, uc = full ? M : n, vr = full ? N : n;
  void *Up = c->np > 2 ? c->p[2] : 0, *Vp = c->np > 3 ? c->p[3] : 0; int vectors = Up && Vp, tall = n && m >= n + n / 2 && m > 16;
  if (!n) {                                           // no singular values: full factors are identities
    for (int side = 0; side < 2 && vectors && full; side++) { int64_t k = side ? N : M; T one = 1, zero = 0; for (int64_t i = 0; i < k * k; i++) S(write)(side ? Vp : Up, b * k * k + i, i % (k + 1) ? &zero : &one, 1, f64); }
    return 0;
  }
  int64_t nn = n * n, r = tall ? n : m, more = tall ? m * n : 0, own = tall ? nn : 0, part = m > n ? nn : 0;
  size_t count = (size_t)(m * n + more + own + n * r + nn + 3 * n + (vectors ? mu * m + part + 3 * nn : 0));
  double *d = sn_aligned((size_t)(2 * n + (vectors ? nn : 0)) * sizeof(double) + (size_t)n * sizeof(bl_pole) + count * sizeof(T)); if (!d) return BL_MEMORY;
  double *e = d + n, *G = e + n; bl_pole *o = (bl_pole *)(G + (vectors ? nn : 0)); int code = 0;
  // F: reflectors of the QR, which gives R; H and J: those of the bidiagonal form; Z: vectors of R or of the first columns
  T *A = (T *)(o + n), *F = A + m * n, *R = tall ? F + more : A, *H = F + more + own, *J = H + n * r, *th = J + nn, *tj = th + n, *tq = tj + n, *X = tq + n, *Y = X + mu * m, *Q = Y + nn, *Z = part ? Q + 2 * nn : X;
  if (tall == wide) S(read)(A, c->p[0], b * M * N, M * N, f64);
  else for (int64_t i = 0; i < M; i += S(ACROSS)) for (int64_t j = 0; j < N; j++) for (int64_t k = i; k < M && k < i + S(ACROSS); k++) S(read)(A + j * M + k, c->p[0], b * M * N + k * N + j, 1, f64);
  double scale = S(scale)(A, m * n);
  if (!scale) { for (int64_t i = 0; i < n; i++) o[i] = (bl_pole){NAN, 0, i, 0}; for (int64_t i = 0; vectors && i < mu * m; i++) X[i] = (T)NAN; for (int64_t i = 0; vectors && i < nn; i++) Y[i] = (T)NAN; }
  else {
    if (tall) {
      if (S(qr)(A, n, m, n, F, tq)) code = BL_MEMORY;
      for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j < n; j++) R[i * n + j] = j < i ? 0 : A[j * m + i];
    }
    if (!code && S(bidiagonal)(R, r, n, H, th, J, tj, d, e)) code = BL_MEMORY;
    if (!code && vectors) {
      memset(X, 0, (size_t)(mu * m) * sizeof(T)); memset(Z, 0, (size_t)nn * sizeof(T)); memset(Y, 0, (size_t)nn * sizeof(T));
      S(dc) w = {d, e, Z, Y, Q, A, G, n, 0}; code = S(divide)(&w);
      int bad = tall && S(apply)(Z, n, n, H, n, 0, th, 0);
      for (int64_t i = 0; i < n && part; i++) memcpy(X + i * m, Z + i * n, (size_t)n * sizeof(T));
      for (int64_t i = n; i < mu; i++) X[i * (m + 1)] = 1;
      if (bad || S(apply)(X, mu, m, tall ? F : H, n, 0, tall ? tq : th, 0) || S(apply)(Y, n, n, J, n - 1, 1, tj, 0)) code = code ? code : BL_MEMORY;
    } else if (!code) code = bl_bidiagonal_qr(d, e, n, 0, 0, 0);
    for (int64_t i = 0; i < n; i++) o[i] = (bl_pole){d[i] * scale, 0, i, 0};
    if (!code) qsort(o, (size_t)n, sizeof *o, bl_descending);
  }
  for (int64_t i = 0; i < n && !code; i++) { if (f64) ((double *)c->p[1])[b * n + i] = o[i].d; else ((float *)c->p[1])[b * n + i] = (float)o[i].d; }
  if (!code && vectors) {
    S(columns)(Up, b * M * uc, uc, wide ? Y : X, wide ? n : m, o, n, uc, f64);
    for (int64_t q = 0; q < vr; q++) { int64_t row = q < n ? o[q].row : q; S(write)(Vp, (b * vr + q) * N, wide ? X + row * m : Y + row * n, N, f64); }
  }
  sn_aligned_free(d); return code;
}
