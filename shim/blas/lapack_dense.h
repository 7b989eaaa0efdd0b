// lapack_dense.h: LU, triangular solves, Cholesky and QR for T = float or double, by blocks over the matrix product.
// Included once per type by lapack_real.c.
enum { S(NP) = BL_TRIANGLE };                           // columns of a panel
// Rows of a work matrix: an odd number of cache lines apart, so that they do not meet in the same sets
enum { S(FEW) = 2048 / (int)sizeof(T) };                // elements of a work matrix that needs no allocation
static int64_t S(padded)(int64_t n) { return n <= 64 ? n : ((n + 15) / 16 | 1) * 16; }
static int S(trsm_rows)(int64_t n, int64_t m, const T *A, int64_t rs, int64_t cs, int upper, int unit, T *B, int64_t brs) {
  if (n <= BL_TRIANGLE) { if (upper) KERNEL(trsm)(n, m, A + (n - 1) * (rs + cs), -rs, -cs, unit, B + (n - 1) * brs, -brs); else KERNEL(trsm)(n, m, A, rs, cs, unit, B, brs); return 0; }
  int64_t h = (n / 2 + BL_TRIANGLE - 1) / BL_TRIANGLE * BL_TRIANGLE; T *B2 = B + h * brs; const T *A22 = A + h * (rs + cs);
  if (upper) return S(trsm_rows)(n - h, m, A22, rs, cs, 1, unit, B2, brs) | MUL(h, m, n - h, -1, A + h * cs, rs, cs, B2, brs, 1, 1, B, brs, 1) | S(trsm_rows)(h, m, A, rs, cs, 1, unit, B, brs);
  return S(trsm_rows)(h, m, A, rs, cs, 0, unit, B, brs) | MUL(n - h, m, h, -1, A + h * rs, rs, cs, B, brs, 1, 1, B2, brs, 1) | S(trsm_rows)(n - h, m, A22, rs, cs, 0, unit, B2, brs);
}
typedef struct { const T *A; T *B; int64_t n, m, rs, cs, brs; int upper, unit, bad; } S(trsm_job);
static void S(trsm_part)(void *arg, int part, int parts, int thread) {
  (void)thread; S(trsm_job) *j = (S(trsm_job) *)arg; int64_t c = j->m * part / parts;
  if (S(trsm_rows)(j->n, j->m * (part + 1) / parts - c, j->A, j->rs, j->cs, j->upper, j->unit, j->B + c, j->brs)) __atomic_store_n(&j->bad, 1, __ATOMIC_RELAXED);
}
// B (n x m, rows brs apart) := A^-1 B for a triangular A; unit = the diagonal is 1 and not read
static int S(trsm)(int64_t n, int64_t m, const T *A, int64_t rs, int64_t cs, int upper, int unit, T *B, int64_t brs) {
  S(trsm_job) j = {A, B, n, m, rs, cs, brs, upper, unit, 0}; if (n <= 0 || m <= 0) return 0;
  int parts = sn_available(); if (m < 64 * parts || (double)n * (double)n * (double)m < 2e6) parts = 1;   // few columns: the products are spread instead
  if (parts == 1) S(trsm_part)(&j, 0, 1, 0); else sn_parallel(S(trsm_part), &j, parts);
  return j.bad;
}
// ---- LU: the matrix lies by columns, as rows of A (n x m, ld long), so that panels are searched, scaled and swapped in order --------------
static void S(swap_columns)(T *A, int64_t ld, int64_t n, const uint32_t *piv, int64_t from, int64_t to) {
  for (int64_t c = 0; c < n; c++) { T *a = A + c * ld; for (int64_t i = from; i < to; i++) { T t = a[i]; a[i] = a[piv[i]]; a[piv[i]] = t; } }
}
// n columns after h columns that are factored: A := what LU leaves to do below them, columns from element 0 on; L is the factored part
static int S(lu_update)(int64_t m, int64_t n, int64_t h, const T *L, T *A, int64_t ld) {
  T X[BL_TRIANGLE * BL_TRIANGLE];
  KERNEL(flip)(X, n, A, ld, n, h); KERNEL(trsm)(h, n, L, 1, ld, 1, X, n); KERNEL(flip)(A, ld, X, n, h, n);
  return m <= h ? 0 : OWN(n, m - h, h, -1, A, ld, 1, L + h, ld, 1, 1, A + h, ld, 1);
}
// LU of n columns with partial pivoting, recursive (Toledo); piv counts from the first element
static int S(lu_panel)(int64_t m, int64_t n, T *A, int64_t ld, uint32_t *piv) {
  if (n <= 8) { KERNEL(lu_columns)(m, n, A, ld, piv); return 0; }
  int64_t h = (n / 2 + 7) / 8 * 8; T *B = A + h * ld; int bad = S(lu_panel)(m, h, A, ld, piv);
  S(swap_columns)(B, ld, n - h, piv, 0, h);
  bad |= S(lu_update)(m, n - h, h, A, B, ld) | S(lu_panel)(m - h, n - h, B + h, ld, piv + h);
  for (int64_t i = h; i < n; i++) piv[i] += (uint32_t)h;
  S(swap_columns)(A, ld, h, piv, h, n); return bad;
}
typedef struct { T *A; int64_t m, n, k, ld, panels; uint32_t *piv; } S(lu_job);
// block j is the columns from here to where the next one starts; those of panels end with the diagonal
static int64_t S(lu_at)(const S(lu_job) *f, int64_t j) { int64_t at = j < f->panels ? j * S(NP) : f->k + (j - f->panels) * S(NP); return at < f->n ? at : f->n; }
static int S(lu_at_panel)(void *arg, int64_t k) {
  const S(lu_job) *f = (const S(lu_job) *)arg; int64_t s = S(lu_at)(f, k), e = S(lu_at)(f, k + 1); int bad = S(lu_panel)(f->m - s, e - s, f->A + s * (f->ld + 1), f->ld, f->piv + s);
  for (int64_t i = s; i < e; i++) f->piv[i] += (uint32_t)s;
  return bad ? BL_MEMORY : 0;
}
static int S(lu_at_block)(void *arg, int64_t k, int64_t j) {
  const S(lu_job) *f = (const S(lu_job) *)arg; int64_t s = S(lu_at)(f, k), e = S(lu_at)(f, k + 1), c = S(lu_at)(f, j), n = S(lu_at)(f, j + 1) - c; T *B = f->A + c * f->ld;
  S(swap_columns)(B, f->ld, n, f->piv, s, e);
  return S(lu_update)(f->m - s, n, e - s, f->A + s * (f->ld + 1), B + s, f->ld) ? BL_MEMORY : 0;
}
// the blocks of a matrix by rows and of r more columns: read from `in` and `more`, or after the factorisation put in the order of all swaps
// and written to `out`
typedef struct { S(lu_job) f; const T *in, *more; T *out; int64_t r; } S(lu_copy);
static void S(lu_part)(void *arg, int part, int parts, int thread) {
  (void)parts; (void)thread; const S(lu_copy) *x = (const S(lu_copy) *)arg; const S(lu_job) *f = &x->f; int64_t c = S(lu_at)(f, part), e = S(lu_at)(f, part + 1), n = f->n - x->r; T *A = f->A + c * f->ld;
  if (x->in) { if (c < n) KERNEL(flip)(A, f->ld, x->in + c, n, f->m, e - c); else KERNEL(flip)(A, f->ld, x->more + c - n, x->r, f->m, e - c); return; }
  if (part < f->panels) S(swap_columns)(A, f->ld, e - c, f->piv, e, f->k);
  KERNEL(flip)(x->out + c, n, A, f->ld, e - c, f->m);
}
// LU of m x n numbers by rows into A, by columns, and to `out`; or of square ones with r columns more, which the row operations act on
static int S(lu)(const T *in, int64_t m, int64_t n, const T *more, int64_t r, T *A, int64_t ld, uint32_t *piv, T *out) {
  int64_t k = m < n ? m : n, panels = (k + S(NP) - 1) / S(NP), blocks = panels + (n + r - k + S(NP) - 1) / S(NP); if (!k) return 0;
  S(lu_copy) x = {{A, m, n + r, k, ld, panels, piv}, in, more, out, r};
  bl_flow f = {&x.f, blocks, panels, S(lu_at_panel), S(lu_at_block)};
  sn_parallel(S(lu_part), &x, (int)blocks); int code = bl_flow_run(&f, (double)k * (double)m * (double)(n + r) / 2);
  x.in = 0; if (!code && out) sn_parallel(S(lu_part), &x, (int)blocks);
  return code;
}
static int S(lu_each)(const sn_call *c, int64_t b) {
  int64_t m = c->n[1], n = c->n[2], k = m < n ? m : n, ld = S(padded)(m); uint32_t *perm = (uint32_t *)c->p[3] + b * m;
  const size_t bytes = (size_t)(n * ld) * sizeof(T) + (size_t)(k + 1) * sizeof(uint32_t); T few[S(FEW)], *A = bytes <= sizeof few ? few : sn_aligned(bytes); if (!A) return BL_MEMORY;
  uint32_t *piv = (uint32_t *)(A + n * ld); int code = S(lu)((const T *)c->p[0] + b * m * n, m, n, 0, 0, A, ld, piv, (T *)c->p[1] + b * m * n);   // apart from all that a caller can let overlap
  for (int64_t i = 0; i < m; i++) perm[i] = (uint32_t)i;
  for (int64_t i = 0; i < k && !code; i++) { uint32_t t = perm[i]; perm[i] = perm[piv[i]]; perm[piv[i]] = t; }
  if (k) memcpy((uint32_t *)c->p[2] + b * k, piv, (size_t)k * sizeof(uint32_t));
  if (A != few) sn_aligned_free(A);
  return code;
}
// The r rows of X := what an upper triangle, given by columns as the rows of A, turns into them; blocks count from the last one
typedef struct { const T *A; T *X; int64_t n, r, ld; } S(back_job);
static int64_t S(back_at)(const S(back_job) *f, int64_t j) { return ((f->n + S(NP) - 1) / S(NP) - 1 - j) * S(NP); }
static int64_t S(back_size)(const S(back_job) *f, int64_t at) { return f->n - at < S(NP) ? f->n - at : S(NP); }
static int S(back_panel)(void *arg, int64_t k) {
  const S(back_job) *f = (const S(back_job) *)arg; int64_t s = S(back_at)(f, k), w = S(back_size)(f, s), ld = f->ld; T Y[S(NP) * S(NP)];
  for (int64_t i = 0; i < f->r; i += S(NP)) {
    int64_t r = f->r - i < S(NP) ? f->r - i : S(NP); T *X = f->X + i * ld + s;
    KERNEL(flip)(Y, r, X, ld, r, w); KERNEL(trsm)(w, r, f->A + (s + w - 1) * (ld + 1), -1, -ld, 0, Y + (w - 1) * r, -r); KERNEL(flip)(X, ld, Y, r, w, r);
  }
  return 0;
}
static int S(back_block)(void *arg, int64_t k, int64_t j) {
  const S(back_job) *f = (const S(back_job) *)arg; int64_t s = S(back_at)(f, k), t = S(back_at)(f, j), ld = f->ld;
  return OWN(f->r, S(NP), S(back_size)(f, s), -1, f->X + s, ld, 1, f->A + s * ld + t, ld, 1, 1, f->X + t, ld, 1) ? BL_MEMORY : 0;
}
// X (n x r) holds the right-hand sides: A X = L U X, of which L is solved as the matrix is factored
static int S(solve_in)(const T *in, int64_t n, int64_t r, T *X) {
  int64_t ld = S(padded)(n); const size_t bytes = (size_t)((n + r) * ld) * sizeof(T) + (size_t)n * sizeof(uint32_t); T few[S(FEW)], *A = bytes <= sizeof few ? few : sn_aligned(bytes); if (!A) return BL_MEMORY;
  int code = S(lu)(in, n, n, X, r, A, ld, (uint32_t *)(A + (n + r) * ld), 0);
  for (int64_t i = 0; i < n && !code; i++) if (A[i * (ld + 1)] == 0) code = BL_SINGULAR;
  S(back_job) x = {A, A + n * ld, n, r, ld}; int64_t blocks = (n + S(NP) - 1) / S(NP);
  bl_flow f = {&x, blocks, blocks, S(back_panel), S(back_block)}; if (!code) code = bl_flow_run(&f, (double)n * (double)n * (double)r / 2);
  if (!code) KERNEL(flip)(X, r, x.X, ld, r, n);
  if (A != few) sn_aligned_free(A);
  return code;
}
static int S(solve_each)(const sn_call *c, int64_t b) {
  int64_t n = c->n[1], r = c->n[2]; T *X = (T *)c->p[2] + b * n * r; if (!n) return 0;
  memmove(X, (const T *)c->p[1] + b * n * r, (size_t)(n * r) * sizeof(T)); return S(solve_in)((const T *)c->p[0] + b * n * n, n, r, X);
}
static int S(inv_each)(const sn_call *c, int64_t b) {
  int64_t n = c->n[1]; const T *A = (const T *)c->p[0] + b * n * n; T *X = (T *)c->p[1] + b * n * n; if (!n) return 0;
  memset(X, 0, (size_t)(n * n) * sizeof(T)); for (int64_t i = 0; i < n; i++) X[i * n + i] = 1;
  return S(solve_in)(A, n, n, X);
}
static int S(trisolve_each)(const sn_call *c, int64_t b) {
  int64_t n = c->n[1], r = c->n[2]; T *X = (T *)c->p[2] + b * n * r; if (n * r <= 0) return 0;
  memmove(X, (const T *)c->p[1] + b * n * r, (size_t)(n * r) * sizeof(T)); return S(trsm)(n, r, (const T *)c->p[0] + b * n * n, n, 1, c->n[3] != 0, 0, X, r) ? BL_MEMORY : 0;
}
// ---- Cholesky: U^T U from the upper triangle of U (n x n, ld long), by blocks of rows ---------------------------------------------------
typedef struct { const T *in; T *out, *U; int64_t n, ld; int upper, bad; } S(chol_job);
static int64_t S(chol_at)(const S(chol_job) *f, int64_t j) { return j * S(NP) < f->n ? j * S(NP) : f->n; }
static int S(chol_panel)(void *arg, int64_t k) {
  S(chol_job) *f = (S(chol_job) *)arg; int64_t s = S(chol_at)(f, k), e = S(chol_at)(f, k + 1); T *U = f->U + s * (f->ld + 1);
  if (KERNEL(chol_rows)(e - s, U, f->ld)) return -1;
  KERNEL(trsm)(e - s, f->n - e, U, 1, f->ld, 0, U + e - s, f->ld); return 0;
}
static int S(chol_update)(void *arg, int64_t k, int64_t j) {
  S(chol_job) *f = (S(chol_job) *)arg; int64_t s = S(chol_at)(f, k), e = S(chol_at)(f, k + 1), c = S(chol_at)(f, j), d = S(chol_at)(f, j + 1), ld = f->ld; const T *P = f->U + s * ld + c;
  return OWN(d - c, f->n - c, e - s, -1, P, 1, ld, P, ld, 1, 1, f->U + c * (ld + 1), ld, 1) ? BL_MEMORY : 0;
}
// a block of rows of U from the triangle of `in`, or to that of `out`
static void S(chol_part)(void *arg, int part, int parts, int thread) {
  (void)parts; (void)thread; S(chol_job) *f = (S(chol_job) *)arg; int64_t n = f->n, s = S(chol_at)(f, part), e = S(chol_at)(f, part + 1), ld = f->ld; T *U = f->U + s * (ld + 1);
  if (f->in && f->upper) for (int64_t i = s; i < e; i++) memcpy(f->U + i * ld + s, f->in + i * n + s, (size_t)(n - s) * sizeof(T));
  else if (f->in) KERNEL(flip)(U, ld, f->in + s * (n + 1), n, n - s, e - s);
  else {
    if (f->bad) for (int64_t i = s; i < e; i++) for (int64_t j = s; j < n; j++) f->U[i * ld + j] = (T)NAN;
    if (f->upper) for (int64_t i = s; i < e; i++) { memset(f->out + i * n, 0, (size_t)i * sizeof(T)); memcpy(f->out + i * (n + 1), f->U + i * (ld + 1), (size_t)(n - i) * sizeof(T)); }
    else { KERNEL(flip)(f->out + s * (n + 1), n, U, ld, e - s, n - s); for (int64_t i = s; i < e; i++) memset(f->out + i * (n + 1) + 1, 0, (size_t)(n - i - 1) * sizeof(T)); }
  }
}
static int S(chol_each)(const sn_call *c, int64_t b) {
  int64_t n = c->n[1], ld = S(padded)(n), blocks = (n + S(NP) - 1) / S(NP); if (!n) return 0;
  T few[S(FEW)]; S(chol_job) x = {(const T *)c->p[0] + b * n * n, (T *)c->p[1] + b * n * n, n * ld <= S(FEW) ? few : sn_aligned((size_t)(n * ld) * sizeof(T)), n, ld, c->n[2] != 0, 0}; if (!x.U) return BL_MEMORY;
  bl_flow f = {&x, blocks, blocks, S(chol_panel), S(chol_update)};
  sn_parallel(S(chol_part), &x, (int)blocks); int code = bl_flow_run(&f, (double)n * (double)n * (double)n / 6);
  x.in = 0; x.bad = code < 0; if (code <= 0) sn_parallel(S(chol_part), &x, (int)blocks);   // not positive definite: NaN
  if (x.U != few) sn_aligned_free(x.U);
  return code > 0 ? code : 0;
}
static int S(qr_each)(const sn_call *c, int64_t b) {
  int64_t m = c->n[1], n = c->n[2], k = m < n ? m : n; if (m * n <= 0) return 0;
  T *Q = (T *)c->p[1] + b * m * k, *R = (T *)c->p[2] + b * k * n, *A = sn_aligned((size_t)(m * n + 2 * m * k + k) * sizeof(T)); if (!A) return BL_MEMORY;
  T *V = A + m * n, *X = V + m * k, *tau = X + m * k;
  KERNEL(flip)(A, m, (const T *)c->p[0] + b * m * n, n, m, n);
  int bad = S(qr)(A, n, m, k, V, tau);
  memset(X, 0, (size_t)(m * k) * sizeof(T)); for (int64_t i = 0; i < k; i++) X[i * (m + 1)] = 1;
  bad |= S(apply)(X, k, m, V, k, 0, tau, 1);
  KERNEL(flip)(Q, k, X, m, k, m); KERNEL(flip)(R, n, A, m, n, k);
  for (int64_t i = 0; i < k; i++) memset(R + i * n, 0, (size_t)i * sizeof(T));
  sn_aligned_free(A); return bad ? BL_MEMORY : 0;
}
#define CUBE(c, i) ((double)(c)->n[i] * (double)(c)->n[i] * (double)(c)->n[i])
int S(bl_lu)(sn_call *c) { return bl_batch(c, "lu", TYPE, CUBE(c, 1), S(lu_each)); }
int S(bl_solve)(sn_call *c) { return bl_batch(c, "solve", TYPE, CUBE(c, 1), S(solve_each)); }
int S(bl_inv)(sn_call *c) { return bl_batch(c, "invert", TYPE, CUBE(c, 1), S(inv_each)); }
int S(bl_trisolve)(sn_call *c) { return bl_batch(c, "trisolve", TYPE, CUBE(c, 1), S(trisolve_each)); }
int S(bl_cholesky)(sn_call *c) { return bl_batch(c, "cholesky", TYPE, CUBE(c, 1), S(chol_each)); }
int S(bl_qr)(sn_call *c) { return bl_batch(c, "qr", TYPE, CUBE(c, 2), S(qr_each)); }
#undef CUBE
