// lapack_dc.h: the singular value decomposition of a bidiagonal matrix by divide and conquer (Gu and Eisenstat; LAPACK's lasd1 to lasd4) for
// T = float or double. Two halves are joined by one row: singular values are then roots of a secular equation in f64, and the vectors
// a matrix product. Symmetric tridiagonal problems come here too, as Cholesky factors. Included once per type by lapack_real.c.
typedef struct {
  double *d, *e;                                      // diagonal and superdiagonal, at most about 1; d becomes the singular values, in no order
  T *U, *V;                                           // n x n, zero on entry: rows become the singular vectors; U may be null
  T *Q, *W; double *G; int64_t n;                     // work space: n x n, twice for Q if there is U
  int code;
} S(dc);
// Rows i0 .. i0 + n of B, with column i0 + n if sqre is 1; its null vector is the last row of V then
typedef struct { S(dc) *w; int64_t i0, n, K, *row, *at; double *pole, *z, *sigma; } S(join);
static void S(roots)(void *arg, int part, int parts, int thread) {
  (void)thread; const S(join) *j = (const S(join) *)arg;
  for (int64_t K = j->K, i = part; i < K; i += parts) j->sigma[i] = bl_secular_root(j->pole, j->z, K, i, j->w->G + j->i0 * j->w->n + i * K);
}
// The z for which the computed roots are exact (Gu and Eisenstat), for a range of poles
static void S(weights)(void *arg, int part, int parts, int thread) {
  (void)thread; const S(join) *j = (const S(join) *)arg; const double *G = j->w->G + j->i0 * j->w->n, *p = j->pole; double *t = j->sigma + j->K;
  int64_t K = j->K, k0 = K * part / parts, k1 = K * (part + 1) / parts;
  for (int64_t k = k0; k < k1; k++) t[k] = -G[(K - 1) * K + k];
  for (int64_t i = 0; i < K - 1; i++) {
    const double *g = G + i * K, a = p[i], b = p[i + 1]; int64_t mid = i + 1 < k0 ? k0 : i + 1 > k1 ? k1 : i + 1;
    for (int64_t k = k0; k < mid; k++) t[k] *= g[k] / ((p[k] - b) * (p[k] + b));
    for (int64_t k = mid; k < k1; k++) t[k] *= g[k] / ((p[k] - a) * (p[k] + a));
  }
  for (int64_t k = k0; k < k1; k++) t[k] = copysign(sqrt(fabs(t[k])), j->z[k]);
}
static void S(vectors)(void *arg, int part, int parts, int thread) {
  (void)thread; const S(join) *j = (const S(join) *)arg; double *G = j->w->G + j->i0 * j->w->n; const double *p = j->pole, *t = j->sigma + j->K;
  int64_t K = j->K, n = j->w->n; T *Q = j->w->Q + j->i0 * n, *R = Q + n * n;
  for (int64_t i = K * part / parts, to = K * (part + 1) / parts; i < to; i++) {
    double *g = G + i * K, s = 0, r = 1;
    for (int64_t k = 0; k < K; k++) { g[k] = t[k] / g[k]; s += g[k] * g[k]; if (k) r += p[k] * g[k] * p[k] * g[k]; }
    s = 1 / sqrt(s); r = 1 / sqrt(r);
    for (int64_t k = 0; k < K; k++) Q[i * K + j->at[k]] = (T)(g[k] * s);
    if (j->w->U) for (int64_t k = 0; k < K; k++) R[i * K + j->at[k]] = (T)(k ? p[k] * g[k] * r : -r);
  }
}
typedef struct { const S(join) *j; T *X; int64_t cols; } S(gather_job);
// A range of the rows of X that are joined, in their order, to W
static void S(gather)(void *arg, int part, int parts, int thread) {
  (void)thread; const S(gather_job) *g = (const S(gather_job) *)arg; const S(join) *j = g->j; int64_t N = j->w->n, n = j->n, i0 = j->i0, cols = g->cols; T *W = j->w->W + i0 * N;
  for (int64_t k = n * part / parts, to = n * (part + 1) / parts; k < to; k++) memcpy(W + (k < j->K ? j->at[k] : k) * cols, g->X + j->row[k] * N + i0, (size_t)cols * sizeof(T));
}
// Rows i0 .. of X := the new vectors Q times the kept rows, then the deflated ones. Kept rows 0 .. both lie in the first `left` columns
// of `cols`, from mixed on in the others.
static int S(rebuild)(const S(join) *j, T *X, const T *Q, int64_t mixed, int64_t both, int64_t left, int64_t cols) {
  int64_t N = j->w->n, K = j->K, n = j->n; T *x = X + j->i0 * (N + 1), *W = j->w->W + j->i0 * N; S(gather_job) g = {j, X, cols};
  sn_parallel(S(gather), &g, n < 128 ? 1 : sn_available());
  for (int64_t k = K; k < n; k++) memcpy(x + k * N, W + k * cols, (size_t)cols * sizeof(T));
  return MUL(K, left, both, 1, Q, K, 1, W, cols, 1, 0, x, N, 1) | MUL(K, cols - left, K - mixed, 1, Q + mixed, K, 1, W + mixed * cols + left, cols, 1, 0, x + left, N, 1);
}
static void S(turn)(T *x, T *y, int64_t n, double c, double s) {
  const T ct = (T)c, st = (T)s;
  for (int64_t i = 0; i < n; i++) { T a = x[i], b = y[i]; x[i] = ct * a + st * b; y[i] = ct * b - st * a; }
}
static int S(merge)(S(dc) *w, int64_t i0, int64_t n, int sqre) {
  int64_t N = w->n, ic = i0 + n / 2, end = i0 + n; double alpha = w->d[ic], beta = w->e[ic], most = fmax(fabs(alpha), fabs(beta));
  for (int64_t i = i0; i < end; i++) if (i != ic) most = fmax(most, w->d[i]);
  const double tol = fmax(4 * (double)EPS * most, 1e-70);   // squares must not underflow
  bl_pole *s = malloc((size_t)n * (2 * sizeof(bl_pole) + 4 * sizeof(double) + 2 * sizeof(int64_t))); if (!s) return 1;
  bl_pole *kept = s + n; double *num = (double *)(kept + n); int64_t *index = (int64_t *)(num + 4 * n);
  // the row that joins the halves, in the coordinates of V: first the two null vectors become one
  T *V = w->V, *null = V + ic * N; double z0 = alpha * (double)null[ic];
  if (sqre) {
    double z1 = beta * (double)V[end * N + ic + 1], h = sqrt(z0 * z0 + z1 * z1);
    if (h > tol) S(turn)(null + i0, V + end * N + i0, n + 1, z0 / h, z1 / h);
    z0 = h;
  }
  if (fabs(z0) <= tol) z0 = tol;
  int64_t q = 0, K = 1, gone = n;
  for (int64_t i = i0; i < end; i++) if (i != ic) s[q++] = (bl_pole){w->d[i], (i < ic ? alpha : beta) * (double)V[i * N + (i < ic ? ic : ic + 1)], i, i < ic ? BL_LEFT : BL_RIGHT};
  qsort(s, (size_t)q, sizeof *s, bl_ascending);
  kept[0] = (bl_pole){0, z0, ic, sqre ? BL_BOTH : BL_LEFT};
  for (int64_t k = 0; k < q; k++) {
    if (fabs(s[k].z) <= tol) { kept[--gone] = s[k]; continue; }
    if (K > 1 && s[k].d - kept[K - 1].d <= tol) {     // two equal poles: a rotation frees one of them
      bl_pole *p = &kept[K - 1], was = *p; double h = sqrt(p->z * p->z + s[k].z * s[k].z), c = s[k].z / h, r = -p->z / h;
      S(turn)(V + p->row * N + i0, V + s[k].row * N + i0, n + sqre, c, r); if (w->U) S(turn)(w->U + p->row * N + i0, w->U + s[k].row * N + i0, n, c, r);
      *p = s[k]; p->z = h; if (was.side != s[k].side) p->side = BL_BOTH;
      kept[--gone] = was; continue;
    }
    kept[K++] = s[k];
  }
  S(join) j = {w, i0, n, K, index, index + n, num, num + n, num + 2 * n};
  int64_t count[3] = {0}, first[3];
  for (int64_t k = 0; k < K; k++) count[kept[k].side]++;
  first[BL_LEFT] = 0; first[BL_BOTH] = count[BL_LEFT]; first[BL_RIGHT] = first[BL_BOTH] + count[BL_BOTH];
  const int64_t mixed = first[BL_BOTH], both = first[BL_RIGHT];
  for (int64_t k = 0; k < n; k++) { j.row[k] = kept[k].row; if (k < K) { j.pole[k] = kept[k].d; j.z[k] = kept[k].z; j.at[k] = first[kept[k].side]++; } }
  if (K > 1 && j.pole[1] <= tol / 2) j.pole[1] = tol / 2;
  int parts = K < 48 ? 1 : sn_available();
  sn_parallel(S(roots), &j, parts); sn_parallel(S(weights), &j, parts); sn_parallel(S(vectors), &j, parts);
  if (w->U) w->U[ic * (N + 1)] = 1;                   // the joining row is a vector of U by itself
  const T *Q = w->Q + i0 * N; int bad = S(rebuild)(&j, V, Q, mixed, both, ic + 1 - i0, n + sqre);
  if (w->U) bad |= S(rebuild)(&j, w->U, Q + N * N, mixed, both, ic + 1 - i0, n);
  for (int64_t k = 0; k < n; k++) w->d[i0 + k] = k < K ? j.sigma[k] : kept[k].d;
  free(s); return bad;
}
static int S(leaf)(S(dc) *w, int64_t i0, int64_t n, int sqre) {
  int64_t N = w->n, m = n + sqre;                     // with a row of zeros it is square, and that row stays alone
  double *X = calloc(2 * BL_LEAF * BL_LEAF + 2 * BL_LEAF, sizeof(double)), *Y = X + BL_LEAF * BL_LEAF, *d = Y + BL_LEAF * BL_LEAF, *e = d + BL_LEAF; if (!X) return 1;
  for (int64_t i = 0; i < m; i++) X[i * (BL_LEAF + 1)] = Y[i * (BL_LEAF + 1)] = 1;
  memcpy(d, w->d + i0, (size_t)n * sizeof(double)); memcpy(e, w->e + i0, (size_t)(m - 1) * sizeof(double));
  int code = bl_bidiagonal_qr(d, e, m, X, Y, BL_LEAF);
  memcpy(w->d + i0, d, (size_t)n * sizeof(double));
  for (int64_t i = 0; i < m; i++) for (int64_t k = 0; k < m; k++) { w->V[(i0 + i) * N + i0 + k] = (T)Y[i * BL_LEAF + k]; if (w->U && i < n && k < n) w->U[(i0 + i) * N + i0 + k] = (T)X[i * BL_LEAF + k]; }
  free(X); return code;
}
typedef struct { S(dc) *w; int level, leaves; } S(dc_level);
static void S(node)(void *arg, int part, int parts, int thread) {
  (void)thread; (void)parts; const S(dc_level) *l = (const S(dc_level) *)arg; int64_t i0 = 0, n = l->w->n; int sqre = 0;
  for (int k = l->level - 1; k >= 0; k--) { int64_t h = n / 2; if (part >> k & 1) { i0 += h + 1; n -= h + 1; } else { n = h; sqre = 1; } }
  int code = (l->leaves ? S(leaf) : S(merge))(l->w, i0, n, sqre); if (code) __atomic_store_n(&l->w->code, code, __ATOMIC_RELAXED);
}
static int S(divide)(S(dc) *w) {
  int depth = 0; while ((w->n >> depth) + 1 > BL_LEAF) depth++;
  for (int level = depth; level >= 0 && !w->code; level--) {
    S(dc_level) l = {w, level, level == depth}; int nodes = 1 << level;
    if (nodes >= sn_available()) sn_parallel(S(node), &l, nodes); else for (int k = 0; k < nodes; k++) S(node)(&l, k, nodes, 0);
  }
  return w->code;
}
