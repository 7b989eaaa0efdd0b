// lapack_dense.h: LU, triangular solves, Cholesky and QR for T = float or double, recursive or blocked over the matrix product.
// Included once per type by lapack_real.c.
// B (n x m) := A^-1 B for a triangular A; unit = the diagonal is 1 and not read
static int S(trsm)(int64_t n, int64_t m, const T *A, int64_t rs, int64_t cs, int upper, int unit, T *B, int64_t brs, int64_t bcs) {
  if (n <= 0 || m <= 0) return 0;
  if (n > 16) {
    int64_t h = n / 2 / 8 * 8; T *B2 = B + h * brs; const T *A22 = A + h * (rs + cs);
    if (upper) return S(trsm)(n - h, m, A22, rs, cs, 1, unit, B2, brs, bcs) | MUL(h, m, n - h, -1, A + h * cs, rs, cs, B2, brs, bcs, 1, B, brs, bcs) | S(trsm)(h, m, A, rs, cs, 1, unit, B, brs, bcs);
    return S(trsm)(h, m, A, rs, cs, 0, unit, B, brs, bcs) | MUL(n - h, m, h, -1, A + h * rs, rs, cs, B, brs, bcs, 1, B2, brs, bcs) | S(trsm)(n - h, m, A22, rs, cs, 0, unit, B2, brs, bcs);
  }
  if (bcs == 1 && m > 160) {                          // stripes that stay in L1
    for (int64_t c = 0; c < m; c += 128) S(trsm)(n, m - c < 128 ? m - c : 128, A, rs, cs, upper, unit, B + c, brs, 1);
    return 0;
  }
  for (int64_t k = 0; k < n; k++) {
    int64_t i = upper ? n - 1 - k : k, j0 = upper ? i + 1 : 0, j1 = upper ? n : i; T d = unit ? 1 : A[i * (rs + cs)];
    if (bcs == 1) {
      T *bi = B + i * brs;
      for (int64_t j = j0; j < j1; j++) { T a = A[i * rs + j * cs]; const T *bj = B + j * brs; for (int64_t c = 0; c < m; c++) bi[c] -= a * bj[c]; }
      if (!unit) for (int64_t c = 0; c < m; c++) bi[c] /= d;
    } else for (int64_t c = 0; c < m; c++) { T *b = B + c * bcs, s = b[i * brs]; for (int64_t j = j0; j < j1; j++) s -= A[i * rs + j * cs] * b[j * brs]; b[i * brs] = s / d; }
  }
  return 0;
}
static void S(swap)(T *A, int64_t lda, int64_t n, const uint32_t *piv, int64_t k) {
  for (int64_t i = 0; i < k; i++) if (piv[i] != i) { T *a = A + i * lda, *b = A + piv[i] * lda; for (int64_t j = 0; j < n; j++) { T t = a[j]; a[j] = b[j]; b[j] = t; } }
}
// Recursive LU with partial pivoting (Toledo); piv counts from the first row of A
static int S(lu)(int64_t m, int64_t n, T *A, int64_t lda, uint32_t *piv) {
  int64_t k = m < n ? m : n;
  if (k > 8) {
    int64_t h = k / 2; T *A12 = A + h, *A21 = A + h * lda, *A22 = A21 + h; int bad = S(lu)(m, h, A, lda, piv);
    S(swap)(A12, lda, n - h, piv, h);
    bad |= S(trsm)(h, n - h, A, lda, 1, 0, 1, A12, lda, 1) | MUL(m - h, n - h, h, -1, A21, lda, 1, A12, lda, 1, 1, A22, lda, 1) | S(lu)(m - h, n - h, A22, lda, piv + h);
    S(swap)(A21, lda, h, piv + h, k - h);
    for (int64_t i = h; i < k; i++) piv[i] += (uint32_t)h;
    return bad;
  }
  for (int64_t j = 0; j < k; j++) {
    int64_t p = j; T best = FABS(A[j * lda + j]); for (int64_t i = j + 1; i < m; i++) { T v = FABS(A[i * lda + j]); if (v > best) { best = v; p = i; } }
    piv[j] = (uint32_t)p; T *a = A + j * lda;
    if (p != j) { T *b = A + p * lda; for (int64_t c = 0; c < n; c++) { T t = a[c]; a[c] = b[c]; b[c] = t; } }
    if (a[j] == 0) continue;
    for (int64_t i = j + 1; i < m; i++) { T *b = A + i * lda, l = b[j] / a[j]; b[j] = l; for (int64_t c = j + 1; c < n; c++) b[c] -= l * a[c]; }
  }
  return 0;
}
static int S(lu_each)(const sn_call *c, int64_t b) {
  int64_t m = c->n[1], n = c->n[2], k = m < n ? m : n; T *LU = (T *)c->p[1] + b * m * n; uint32_t *perm = (uint32_t *)c->p[3] + b * m;
  uint32_t *piv = malloc((size_t)(k + 1) * sizeof(uint32_t)); if (!piv) return BL_MEMORY;   // apart from all that a caller can let overlap
  if (m * n) memcpy(LU, (const T *)c->p[0] + b * m * n, (size_t)(m * n) * sizeof(T));
  int bad = S(lu)(m, n, LU, n, piv);
  for (int64_t i = 0; i < m; i++) perm[i] = (uint32_t)i;
  for (int64_t i = 0; i < k; i++) { uint32_t t = perm[i]; perm[i] = perm[piv[i]]; perm[piv[i]] = t; }
  if (k) memcpy((uint32_t *)c->p[2] + b * k, piv, (size_t)k * sizeof(uint32_t));
  free(piv); return bad ? BL_MEMORY : 0;
}
// X (n x r) holds the right-hand sides
static int S(solve_in)(const T *A, int64_t n, int64_t r, T *X) {
  T *LU = malloc((size_t)(n * n) * sizeof(T) + (size_t)n * sizeof(uint32_t) + 8); if (!LU) return BL_MEMORY;
  uint32_t *piv = (uint32_t *)(LU + n * n); memcpy(LU, A, (size_t)(n * n) * sizeof(T));
  int bad = S(lu)(n, n, LU, n, piv) ? BL_MEMORY : 0;
  for (int64_t i = 0; i < n && !bad; i++) if (LU[i * n + i] == 0) bad = BL_SINGULAR;
  if (!bad) { S(swap)(X, r, r, piv, n); if (S(trsm)(n, r, LU, n, 1, 0, 1, X, r, 1) | S(trsm)(n, r, LU, n, 1, 1, 0, X, r, 1)) bad = BL_MEMORY; }
  free(LU); return bad;
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
  memmove(X, (const T *)c->p[1] + b * n * r, (size_t)(n * r) * sizeof(T)); return S(trsm)(n, r, (const T *)c->p[0] + b * n * n, n, 1, c->n[3] != 0, 0, X, r, 1) ? BL_MEMORY : 0;
}
// 0 = done, -1 = not positive definite; the lower triangle at strides rs, cs
static int S(chol)(int64_t n, T *A, int64_t rs, int64_t cs) {
  if (n > 16) {
    int64_t h = n / 2 / 8 * 8, m = n - h; T *L = A + h * rs, *C = L + h * cs; int r = S(chol)(h, A, rs, cs); if (r) return r;
    if (S(trsm)(h, m, A, rs, cs, 0, 0, L, cs, rs)) return BL_MEMORY;
    for (int64_t j = 0; j < m; j += 128) { int64_t w = m - j < 128 ? m - j : 128; if (MUL(m - j, w, h, -1, L + j * rs, rs, cs, L + j * rs, cs, rs, 1, C + j * (rs + cs), rs, cs)) return BL_MEMORY; }
    return S(chol)(m, C, rs, cs);
  }
  for (int64_t j = 0; j < n; j++) {
    T d = A[j * (rs + cs)]; for (int64_t k = 0; k < j; k++) { T v = A[j * rs + k * cs]; d -= v * v; }
    if (!(d > 0) || d - d != 0) return -1;
    d = (T)sqrt((double)d); A[j * (rs + cs)] = d;
    for (int64_t i = j + 1; i < n; i++) { T v = A[i * rs + j * cs]; for (int64_t k = 0; k < j; k++) v -= A[i * rs + k * cs] * A[j * rs + k * cs]; A[i * rs + j * cs] = v / d; }
  }
  return 0;
}
static int S(chol_each)(const sn_call *c, int64_t b) {
  int64_t n = c->n[1]; int upper = c->n[2] != 0; T *L = (T *)c->p[1] + b * n * n; if (!n) return 0;
  memmove(L, (const T *)c->p[0] + b * n * n, (size_t)(n * n) * sizeof(T));
  int r = upper ? S(chol)(n, L, 1, n) : S(chol)(n, L, n, 1); if (r > 0) return r;
  for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j < n; j++) { if (upper ? j < i : j > i) L[i * n + j] = 0; else if (r) L[i * n + j] = (T)NAN; }
  return 0;
}
static int S(qr_each)(const sn_call *c, int64_t b) {
  int64_t m = c->n[1], n = c->n[2], k = m < n ? m : n; if (m * n <= 0) return 0;
  T *Q = (T *)c->p[1] + b * m * k, *R = (T *)c->p[2] + b * k * n, *A = malloc((size_t)(m * n + 2 * m * k + k) * sizeof(T)); if (!A) return BL_MEMORY;
  T *V = A + m * n, *X = V + m * k, *tau = X + m * k;
  S(flip)(A, m, (const T *)c->p[0] + b * m * n, n, m, n);
  int bad = S(qr)(A, n, m, k, V, tau);
  memset(X, 0, (size_t)(m * k) * sizeof(T)); for (int64_t i = 0; i < k; i++) X[i * (m + 1)] = 1;
  bad |= S(apply)(X, k, m, V, k, 0, tau, 1);
  S(flip)(Q, k, X, m, k, m); S(flip)(R, n, A, m, n, k);
  for (int64_t i = 0; i < k; i++) memset(R + i * n, 0, (size_t)i * sizeof(T));
  free(A); return bad ? BL_MEMORY : 0;
}
#define CUBE(c, i) ((double)(c)->n[i] * (double)(c)->n[i] * (double)(c)->n[i])
int S(bl_lu)(sn_call *c) { return bl_batch(c, "lu", TYPE, CUBE(c, 1), S(lu_each)); }
int S(bl_solve)(sn_call *c) { return bl_batch(c, "solve", TYPE, CUBE(c, 1), S(solve_each)); }
int S(bl_inv)(sn_call *c) { return bl_batch(c, "invert", TYPE, CUBE(c, 1), S(inv_each)); }
int S(bl_trisolve)(sn_call *c) { return bl_batch(c, "trisolve", TYPE, CUBE(c, 1), S(trisolve_each)); }
int S(bl_cholesky)(sn_call *c) { return bl_batch(c, "cholesky", TYPE, CUBE(c, 1), S(chol_each)); }
int S(bl_qr)(sn_call *c) { return bl_batch(c, "qr", TYPE, CUBE(c, 2), S(qr_each)); }
#undef CUBE
