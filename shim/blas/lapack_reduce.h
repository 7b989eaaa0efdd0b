// lapack_reduce.h: Householder reductions for T = float or double, blocked over the matrix product: QR, tridiagonal and bidiagonal form.
// Reflectors are rows: H = I - tau v v^T with v[0] = 1. Included once per type by lapack_real.c.
// Householder vector of x (n elements), written over it: H x = beta e1; LAPACK's larfg, safe for denormals. Returns beta.
static double S(house)(T *x, int64_t n, T *tau) {
  enum { L = 8 };
  double m[L] = {0}, s[L] = {0}, a = x[0], top = 0, sum = 0; int64_t i = 1; *tau = 0;
  for (; i + L <= n; i += L) for (int k = 0; k < L; k++) { double v = fabs((double)x[i + k]); m[k] = v <= m[k] ? m[k] : v; }
  for (; i < n; i++) { double v = fabs((double)x[i]); m[0] = v <= m[0] ? m[0] : v; }
  for (int k = 0; k < L; k++) if (!(m[k] <= top)) top = m[k];
  if (top == 0) { x[0] = 1; return a; }
  int ex; frexp(fabs(a) > top ? fabs(a) : top, &ex); if (ex > 1022) ex = 1022; if (ex < -1020) ex = -1020;
  const double by = ldexp(1, -ex);                    // a power of two: exact
  for (i = 0; i + L <= n; i += L) for (int k = 0; k < L; k++) { double v = (double)x[i + k] * by; s[k] += v * v; }
  for (; i < n; i++) { double v = (double)x[i] * by; s[0] += v * v; }
  for (int k = 0; k < L; k++) sum += s[k];
  a *= by; double beta = -copysign(sqrt(sum), a), f = 1 / (a - beta);
  for (i = 1; i < n; i++) x[i] = (T)((double)x[i] * by * f);
  *tau = (T)((beta - a) / beta); x[0] = 1; return ldexp(beta, ex);
}
enum { S(NB) = 32, S(WIDE) = 64, S(PARTS) = 8 };    // a number of parts that the threads do not change: sums keep their order
// The lower triangular Tm with H_0 H_1 .. = I - V^T Tm^T V for nb reflectors in the rows of V (LAPACK's larft), row stride WIDE; G is work space of its size
static int S(block)(const T *V, int64_t ld, int64_t nb, int64_t n, const T *tau, T *Tm, T *G) {
  enum { NB = S(WIDE) };
  if (MUL(nb, nb, n, 1, V, ld, 1, V, 1, ld, 0, G, NB, 1)) return 1;
  for (int64_t i = 0; i < nb; i++) {
    T *t = Tm + i * NB; memset(t, 0, NB * sizeof(T));
    for (int64_t b = 0; b < i; b++) { const T g = -tau[i] * G[i * NB + b], *s = Tm + b * NB; for (int64_t a = 0; a <= b; a++) t[a] += g * s[a]; }
    t[i] = tau[i];
  }
  return 0;
}
// X (rows x n) := X (H_0 H_1 .. )^T for the nv reflectors in the rows of V (n long, row j zero before element j + off). With `corner`
// only rows from j + off on are touched: enough when X was the identity.
static int S(apply)(T *X, int64_t rows, int64_t n, const T *V, int64_t nv, int64_t off, const T *tau, int corner) {
  enum { NB = S(WIDE) };
  if (nv <= 0 || rows <= 0) return 0;
  T *Y = sn_aligned((size_t)(2 * rows + 1) * NB * sizeof(T)), Tm[NB * NB], G[NB * NB]; if (!Y) return 1;
  T *Z = Y + rows * NB; int bad = 0;
  for (int64_t j = (nv - 1) / NB * NB; j >= 0 && !bad; j -= NB) {
    int64_t nb = nv - j < NB ? nv - j : NB, s = j + off, m = n - s, first = corner ? s : 0, r = rows - first; const T *v = V + j * n + s; T *x = X + first * n + s;
    if (m <= 0 || r <= 0) continue;
    bad |= S(block)(v, n, nb, m, tau + j, Tm, G);
    bad |= MUL(r, nb, m, 1, x, n, 1, v, 1, n, 0, Y, NB, 1) | MUL(r, nb, nb, 1, Y, NB, 1, Tm, NB, 1, 0, Z, NB, 1) | MUL(r, m, nb, -1, Z, NB, 1, v, n, 1, 1, x, n, 1);
  }
  sn_aligned_free(Y); return bad;
}
// QR of a matrix with k or more columns that are the n rows of A (m long). The first k rows of V take the reflectors; row j of A keeps
// column j of R in its first elements.
static int S(qr)(T *A, int64_t n, int64_t m, int64_t k, T *V, T *tau) {
  enum { NB = S(NB), WIDE = S(WIDE) };
  T *Y = sn_aligned((size_t)(2 * n + 1) * NB * sizeof(T)), Tm[WIDE * WIDE], G[WIDE * WIDE]; if (!Y) return 1;
  T *Z = Y + n * NB; int bad = 0;
  for (int64_t j0 = 0; j0 < k && !bad; j0 += NB) {
    int64_t nb = k - j0 < NB ? k - j0 : NB, len = m - j0, r = n - j0 - nb; T *x = A + (j0 + nb) * m + j0; const T *v0 = V + j0 * m + j0;
    for (int64_t j = j0; j < j0 + nb; j++) {
      T *a = A + j * m + j, *v = V + j * m; int64_t q = j0 + nb - j - 1;
      memset(v, 0, (size_t)j * sizeof(T)); memcpy(v + j, a, (size_t)(m - j) * sizeof(T));
      a[0] = (T)S(house)(v + j, m - j, tau + j);
      bad |= MUL(q, 1, m - j, -tau[j], a + m, m, 1, v + j, 1, 1, 0, Y, 1, 1) | MUL(q, m - j, 1, 1, Y, 1, 1, v + j, 1, 1, 1, a + m, m, 1);
    }
    if (r <= 0) continue;
    bad |= S(block)(v0, m, nb, len, tau + j0, Tm, G);
    bad |= MUL(r, nb, len, 1, x, m, 1, v0, 1, m, 0, Y, NB, 1) | MUL(r, nb, nb, 1, Y, NB, 1, Tm, 1, WIDE, 0, Z, NB, 1) | MUL(r, len, nb, -1, Z, NB, 1, v0, m, 1, 1, x, m, 1);
  }
  sn_aligned_free(Y); return bad;
}
typedef struct { const T *A, *x; T *y; int64_t ld, n; } S(symv_job);
static void S(symv_part)(void *arg, int part, int parts, int thread) {
  (void)thread; const S(symv_job) *j = (const S(symv_job) *)arg; T *y = j->y + part * j->n;
  memset(y, 0, (size_t)j->n * sizeof(T));
  int64_t r[2]; for (int k = 0; k < 2; k++) r[k] = part + k == parts ? j->n : (int64_t)((double)j->n * (1 - sqrt(1 - (double)(part + k) / parts))) / 16 * 16;   // equal areas of the triangle
  KERNEL(symv)(j->A, j->ld, j->n, r[0], r[1], j->x, y);
}
// y = A x for a symmetric A whose upper triangle is read; y has n places for every part
static void S(symv)(const T *A, int64_t ld, int64_t n, const T *x, T *y) {
  S(symv_job) j = {A, x, y, ld, n}; int parts = n < 640 ? 1 : S(PARTS);   // smaller triangles cost less than a meeting of threads
  if (parts == 1) S(symv_part)(&j, 0, 1, 0); else bl_sticky(S(symv_part), &j, 0, parts);
  for (int p = 1; p < parts; p++) for (int64_t i = 0; i < n; i++) y[i] += y[p * n + i];
}
typedef struct { T *A; const T *P, *R; int64_t n, from, k; int bad; } S(rank_job);
// A block of rows of A - P^T R, right of the diagonal, for the rows and columns after `from`
static void S(rank_part)(void *arg, int part, int parts, int thread) {
  (void)parts; (void)thread; S(rank_job) *j = (S(rank_job) *)arg; int64_t n = j->n, r = j->from + part * S(WIDE), h = n - r < S(WIDE) ? n - r : S(WIDE);
  if (OWN(h, n - r, j->k, -1, j->P + r, 1, n, j->R + r, n, 1, 1, j->A + r * (n + 1), n, 1)) __atomic_store_n(&j->bad, 1, __ATOMIC_RELAXED);
}
// Symmetric to tridiagonal form (LAPACK's latrd), A = Q T Q^T: d and e are T, the n - 1 reflectors go to the rows of V, row j zero up to
// element j. The upper triangle of A is read and destroyed.
static int S(tridiagonal)(T *A, int64_t n, T *V, T *tau, double *d, double *e) {
  enum { NB = S(NB) };
  T *P = sn_aligned((size_t)(4 * NB * n + (S(PARTS) + 1) * n) * sizeof(T)), c[2 * NB]; if (!P) return 1;
  T *R = P + 2 * NB * n, *x = R + 2 * NB * n, *y = x + n; int bad = 0;
  for (int64_t j0 = 0; j0 < n && !bad; j0 += NB) {
    int64_t nb = n - j0 < NB ? n - j0 : NB;
    // the current matrix is A - sum v_i w_i^T - sum w_i v_i^T over the panel so far; P holds v_0, w_0, v_1, w_1 ..
    for (int64_t i = 0; i < nb; i++) {
      int64_t j = j0 + i, m = n - j, q = m - 1; T *v = P + 2 * i * n + j + 1, *w = v + n, *p = P + j + 1;
      memcpy(x, A + j * (n + 1), (size_t)m * sizeof(T));
      for (int64_t k = 0; k < i; k++) { c[2 * k] = P[(2 * k + 1) * n + j]; c[2 * k + 1] = P[2 * k * n + j]; }
      if (i) bad |= MUL(1, m, 2 * i, -1, c, 0, 1, P + j, n, 1, 1, x, 0, 1);
      d[j] = x[0]; if (!q) break;
      e[j] = S(house)(x + 1, q, tau + j); memcpy(v, x + 1, (size_t)q * sizeof(T));
      memset(V + j * n, 0, (size_t)(j + 1) * sizeof(T)); memcpy(V + j * n + j + 1, v, (size_t)q * sizeof(T));
      S(symv)(A + (j + 1) * (n + 1), n, q, v, y); memcpy(w, y, (size_t)q * sizeof(T));
      if (i) {
        bad |= MUL(2 * i, 1, q, 1, p, n, 1, v, 1, 1, 0, c, 1, 1);
        for (int64_t k = 0; k < i; k++) { T t = c[2 * k]; c[2 * k] = c[2 * k + 1]; c[2 * k + 1] = t; }
        bad |= MUL(1, q, 2 * i, -1, c, 0, 1, p, n, 1, 1, w, 0, 1);
      }
      double dots[8] = {0}, dot = 0; int64_t k = 0;
      for (; k + 8 <= q; k += 8) for (int l = 0; l < 8; l++) { w[k + l] *= tau[j]; dots[l] += (double)w[k + l] * (double)v[k + l]; }
      for (int l = 0; k < q; k++, l++) { w[k] *= tau[j]; dots[l] += (double)w[k] * (double)v[k]; }
      for (int l = 0; l < 8; l++) dot += dots[l];
      const T half = (T)(dot * 0.5 * (double)tau[j]); for (k = 0; k < q; k++) w[k] -= half * v[k];
    }
    int64_t s = j0 + nb;
    for (int64_t i = 0; i < 2 * nb && s < n; i++) memcpy(R + i * n + s, P + (i ^ 1) * n + s, (size_t)(n - s) * sizeof(T));
    S(rank_job) rank = {A, P, R, n, s, 2 * nb, 0}; int64_t blocks = (n - s + S(WIDE) - 1) / S(WIDE);
    if (blocks > 3) bl_sticky(S(rank_part), &rank, 0, blocks); else for (int64_t k = 0; k < blocks; k++) S(rank_part)(&rank, (int)k, 0, 0);
    bad |= rank.bad;
  }
  sn_aligned_free(P); return bad;
}
enum { S(STRIPE) = 512 / (int)sizeof(T) };              // columns of a stripe of a large matrix
// The matrix of a bidiagonal reduction in stripes (m x width each), the panel so far (P and R, below) and the column j at hand
typedef struct { const T *in; T *A, *P, *R, *y, *v, *w; const T *u, *c, *p; int64_t m, n, width, j; int have, bad; T tau; } S(sweep_job);
static void S(stripe_in)(void *arg, int part, int parts, int thread) {
  (void)parts; (void)thread; const S(sweep_job) *s = (const S(sweep_job) *)arg; int64_t W = s->width, c = part * W, b = s->n - c < W ? s->n - c : W; T *A = s->A + c * s->m;
  for (int64_t r = 0; r < s->m; r++) { memcpy(A + r * W, s->in + r * s->n + c, (size_t)b * sizeof(T)); memset(A + r * W + b, 0, (size_t)(W - b) * sizeof(T)); }
}
// y = tau (A^T u - R^T c), v = the first row of A - R^T p, and w = the other rows times v, for a stripe's columns after j. R's row `have` is y.
// The stripe stays in the second-level cache for its second use, and if it is small, for the next column.
static void S(sweep)(void *arg, int part, int parts, int thread) {
  (void)parts; (void)thread; S(sweep_job) *s = (S(sweep_job) *)arg; int64_t W = s->width, n = s->n, m = s->m - s->j, at = part * W, from = at > s->j ? at : s->j + 1, b = (at + W < n ? at + W : n) - from; int bad = 0;
  const T *A = s->A + at * s->m + s->j * W, *R = s->R + from; T t[S(STRIPE)], x[S(STRIPE)] = {0}, *y = t + (from - at), *v = x + (from - at), *w = s->w + part * s->m;
  KERNEL(stripe_columns)(m, A, W, s->u, t); bad |= OWN(1, b, s->have, -1, s->c, 0, 1, R, n, 1, 1, y, 0, 1);
  for (int64_t k = 0; k < b; k++) s->y[from + k] = s->tau * y[k];
  memcpy(v, A + from - at, (size_t)b * sizeof(T)); bad |= OWN(1, b, s->have + 1, -1, s->p, 0, 1, R, n, 1, 1, v, 0, 1);
  memcpy(s->v + from, v, (size_t)b * sizeof(T)); KERNEL(stripe_rows)(m - 1, A + W, W, x, w);
  if (bad) __atomic_store_n(&s->bad, 1, __ATOMIC_RELAXED);
}
// A - P^T R, from row and column j on
static void S(stripe_update)(void *arg, int part, int parts, int thread) {
  (void)parts; (void)thread; S(sweep_job) *s = (S(sweep_job) *)arg; int64_t W = s->width, n = s->n, j = s->j, at = part * W, from = at > j ? at : j, b = (at + W < n ? at + W : n) - from;
  if (OWN(s->m - j, b, s->have, -1, s->P + j, 1, s->m, s->R + from, n, 1, 1, s->A + at * s->m + j * W + from - at, W, 1)) __atomic_store_n(&s->bad, 1, __ATOMIC_RELAXED);
}
static void S(stripes)(sn_job fn, S(sweep_job) *s, int64_t first) {
  int64_t end = (s->n + s->width - 1) / s->width; first /= s->width;
  if ((s->m - s->j) * (s->n - s->j) < 60000) for (int64_t p = first; p < end; p++) fn(s, (int)p, 0, 0); else bl_sticky(fn, s, first, end);
}
// Bidiagonal form (LAPACK's labrd) of A (m x n, m >= n): A = Q B P^T with d and e in B. Reflectors go to the rows of U (m long, row j zero
// before j) and V (n long, row j zero up to j).
static int S(bidiagonal)(const T *A, int64_t m, int64_t n, T *U, T *tu, T *V, T *tv, double *d, double *e) {
  enum { NB = S(NB) };
  int64_t W = n < S(STRIPE) ? (n + 15) / 16 * 16 : S(STRIPE), stripes = (n + W - 1) / W;
  T *M = sn_aligned((size_t)(stripes * W * m + 2 * NB * (m + n) + stripes * m + (NB + 1) * m) * sizeof(T)), c[2 * NB], p[2 * NB]; if (!M) return 1;
  T *P = M + stripes * W * m, *R = P + 2 * NB * m, *w = R + 2 * NB * n, *C = w + stripes * m;
  S(sweep_job) s = {A, M, P, R, 0, 0, w, 0, c, p, m, n, W, 0, 0, 0, 0}; S(stripes)(S(stripe_in), &s, 0);
  for (int64_t j0 = 0; j0 < n && !s.bad; j0 += NB) {
    int64_t nb = n - j0 < NB ? n - j0 : NB, next = j0 + nb;
    // the current matrix is A - sum u_i y_i^T - sum x_i v_i^T over the panel so far; P holds u_0, x_0, u_1 .. and R y_0, v_0, y_1 ..,
    // and C the columns of the panel and the next one as they were
    KERNEL(flip)(C + j0, m, M + j0 / W * W * m + j0 * W + j0 % W, W, m - j0, nb);
    if (next < n) KERNEL(flip)(C + nb * m + j0, m, M + next / W * W * m + j0 * W + next % W, W, m - j0, 1);
    for (int64_t i = 0; i < nb; i++) {
      int64_t j = j0 + i, mj = m - j, nj = n - j - 1, mx = mj - 1; T *u = P + 2 * i * m + j, *x = u + m + 1, *y = R + 2 * i * n + j + 1, *v = y + n;
      memcpy(u, C + i * m + j, (size_t)mj * sizeof(T));
      if (i) s.bad |= MUL(1, mj, 2 * i, -1, R + j, 0, n, P + j, m, 1, 1, u, 0, 1);
      d[j] = S(house)(u, mj, tu + j); memset(U + j * m, 0, (size_t)j * sizeof(T)); memcpy(U + j * m + j, u, (size_t)mj * sizeof(T));
      if (nj <= 0) { tv[j] = 0; memset(V + j * n, 0, (size_t)n * sizeof(T)); break; }
      for (int64_t k = 0; k <= 2 * i; k++) p[k] = P[k * m + j];
      s.bad |= MUL(2 * i, 1, mj, 1, P + j, m, 1, u, 1, 1, 0, c, 1, 1);
      s.j = j; s.u = u; s.y = y - j - 1; s.v = v - j - 1; s.have = (int)(2 * i); s.tau = tu[j]; S(stripes)(S(sweep), &s, j + 1);
      T *sum = w + (j + 1) / W * m; for (int64_t t = (j + 1) / W + 1; t < stripes; t++) for (int64_t k = 0; k < mx; k++) sum[k] += w[t * m + k];
      const double first = v[0]; e[j] = S(house)(v, nj, tv + j); const T scale = (T)(tv[j] == 0 ? 0 : (double)tv[j] / (first - e[j])), beta = (T)e[j], *a = C + (i + 1) * m + j + 1;
      memset(V + j * n, 0, (size_t)(j + 1) * sizeof(T)); memcpy(V + j * n + j + 1, v, (size_t)nj * sizeof(T));
      // A times the reflector, which is what w was multiplied with but for its first element and a factor
      for (int64_t k = 0; k < mx; k++) x[k] = (sum[k] - beta * a[k]) * scale;
      s.bad |= MUL(2 * i + 1, 1, nj, 1, R + j + 1, n, 1, v, 1, 1, 0, c, 1, 1) | MUL(1, mx, 2 * i + 1, -tv[j], c, 0, 1, P + j + 1, m, 1, 1, x, 0, 1);
    }
    if (next >= n) break;
    s.j = next; s.have = (int)(2 * nb); S(stripes)(S(stripe_update), &s, next);
  }
  sn_aligned_free(M); return s.bad;
}
