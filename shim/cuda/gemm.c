// gemm.c: matrix products, as cuBLASLt's if it is there and takes the operands as they lie, else as those of our own kernels (own.c), which take any
// strides. float32 is real float32 unless the call lets it be TF32. What cuBLASLt finds best for a product is asked once and kept; of a long one its first calls
// try what else it names.
#include "cuda.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define WORKSPACE (32ull << 20)
#define LONG 8e9                       // operations of a product that is worth trials
#define TRIED 8                        // algorithms of it that are
#define ROUNDS 4                       // calls of each; the first one, which may load the kernel, does not count
static int fail(const sn_call *c, const char *what, const char *why) { snprintf(c->error, c->error_cap, "CUDA: %s: %s", what, why); return 1; }

// ---- cuBLASLt -----------------------------------------------------------------------------------------------------------
static void *lt;
static CUdeviceptr workspace;
// An operand as a matrix of columns: transposed or not, and how far columns lie apart; 0 if it does not lie so.
typedef struct columns { int32_t transposed; int64_t ld; } columns;
static int as_rows(int64_t rows, int64_t width, int64_t row, int64_t column, int64_t *ld) {
  *ld = rows == 1 ? width : row;
  return (column == 1 || width == 1) && *ld >= width;
}
// What is kept of a product: the key is all but pointers, of which only the alignment counts.
typedef struct plan_key { int64_t M, N, K, lda, ldb, ldc, ldi, batches, step[4]; int32_t type, compute, ta, tb, epilogue, align[4], padding; } plan_key;
// Algorithms that add in the same order, and the events before and behind the calls that took them, in turn.
typedef struct trials { cublasLtMatmulAlgo_t algorithm[TRIED]; int n, calls; CUevent from[TRIED * ROUNDS], to[TRIED * ROUNDS]; } trials;
typedef struct plan { struct plan *next; plan_key key; void *product, *a, *b, *c, *d; cublasLtMatmulAlgo_t algorithm; trials *trials; int found; } plan;
static plan *plans[256];
static void *layout(int type, int64_t rows, int64_t width, int64_t ld, int64_t batches, int64_t step) {
  void *l = 0;
  const int32_t n = (int32_t)batches;
  if (sn_blaslt.new_layout(&l, type, (uint64_t)rows, (uint64_t)width, ld)) return 0;
  sn_blaslt.set_layout(l, LAYOUT_BATCHES, &n, sizeof n);
  sn_blaslt.set_layout(l, LAYOUT_BATCH_OFFSET, &step, sizeof step);
  return l;
}

// ---- trials -------------------------------------------------------------------------------------------------------------
// What of an algorithm decides the order of additions, and with it the bits: which kernels they are, how K is split and joined, and the steps in which it
// is walked. Tiles of the result, clusters and the order of tiles do not.
static int adds_alike(const cublasLtMatmulAlgo_t *a, const cublasLtMatmulAlgo_t *b) {
  static const int deciding[] = {ALGORITHM_ID, ALGORITHM_SPLITS, ALGORITHM_REDUCTION, ALGORITHM_STAGES, ALGORITHM_INNER};
  for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++) {
    uint32_t x = 0, y = 0;
    const size_t bytes = deciding[i] == ALGORITHM_INNER ? 2 : 4;
    size_t written;
    if (sn_blaslt.configuration(a, deciding[i], &x, bytes, &written) || sn_blaslt.configuration(b, deciding[i], &y, bytes, &written) || x != y) return 0;
  }
  return 1;
}
static void end_trials(plan *p) {
  for (int i = 0; i < p->trials->n * ROUNDS; i++) {
    if (p->trials->from[i]) sn_cuda.end_event(p->trials->from[i]);
    if (p->trials->to[i]) sn_cuda.end_event(p->trials->to[i]);
  }
  free(p->trials);
  p->trials = 0;
}
static void plan_trials(plan *p, const cublasLtHeuristic *found, int n) {
  trials *t = calloc(1, sizeof *t);
  p->trials = t;
  if (!t) return;
  for (int i = 0; i < n; i++) if (!found[i].state && adds_alike(&found[0].algorithm, &found[i].algorithm)) t->algorithm[t->n++] = found[i].algorithm;
  int good = t->n > 1;
  for (int i = 0; i < t->n * ROUNDS; i++) good = good && !sn_cuda.new_event(&t->from[i], 0) && !sn_cuda.new_event(&t->to[i], 0);
  if (!good) end_trials(p);
}
// Once all calls have ended the quickest algorithm is the plan's.
static void judge_trials(plan *p) {
  const trials *t = p->trials;
  const int last = t->n * ROUNDS - 1;
  if (sn_cuda.query(t->to[last]) == CUDA_ERROR_NOT_READY) return;
  float least = 0;
  for (int k = 0; k < t->n; k++) {
    float ms[ROUNDS] = {0}, mine = 0;
    for (int r = 1; r < ROUNDS; r++)
      if (sn_cuda.elapsed(&ms[r], t->from[r * t->n + k], t->to[r * t->n + k])) { end_trials(p); return; }
      else if (r == 1 || ms[r] < mine) mine = ms[r];
    // What is named earlier is better by the library's own figures.
    if (k == 0 || mine < .99f * least) { least = mine; p->algorithm = t->algorithm[k]; }
  }
  end_trials(p);
}

// ---- plans --------------------------------------------------------------------------------------------------------------
// Our rows are its columns: it computes the transpose of C from those of B and A, in this order.
static void describe(plan *p) {
  const plan_key *k = &p->key;
  const int scale = k->type == C_32F ? C_32F : R_32F;
  const int32_t epilogue = k->epilogue;
  void *preference = 0;
  cublasLtHeuristic best[TRIED];
  const int wanted = (double)k->M * (double)k->N * (double)k->K * (double)k->batches * 2 < LONG ? 1 : TRIED;
  int found = 0;
  if (sn_blaslt.new_product(&p->product, k->compute, scale) || sn_blaslt.new_preference(&preference)) return;
  sn_blaslt.set_product(p->product, DESC_TRANSPOSE_A, &k->tb, sizeof k->tb);
  sn_blaslt.set_product(p->product, DESC_TRANSPOSE_B, &k->ta, sizeof k->ta);
  if (epilogue) sn_blaslt.set_product(p->product, DESC_EPILOGUE, &epilogue, sizeof epilogue);
  p->a = layout(k->type, k->tb ? k->K : k->N, k->tb ? k->N : k->K, k->ldb, k->batches, k->step[1]);
  p->b = layout(k->type, k->ta ? k->M : k->K, k->ta ? k->K : k->M, k->lda, k->batches, k->step[0]);
  p->c = layout(k->type, k->N, k->M, k->ldi, k->batches, k->step[3]);
  p->d = layout(k->type, k->N, k->M, k->ldc, k->batches, k->step[2]);
  const size_t room = workspace ? WORKSPACE : 0;
  const uint32_t align[4] = {(uint32_t)k->align[1], (uint32_t)k->align[0], (uint32_t)k->align[3], (uint32_t)k->align[2]};
  sn_blaslt.set_preference(preference, PREFERENCE_WORKSPACE, &room, sizeof room);
  for (int i = 0; i < 4; i++) sn_blaslt.set_preference(preference, PREFERENCE_ALIGNMENT_A + i, &align[i], sizeof align[i]);
  p->found = p->a && p->b && p->c && p->d && !sn_blaslt.heuristic(lt, p->product, p->a, p->b, p->c, p->d, preference, wanted, best, &found) && found > 0 && !best[0].state;
  if (p->found) p->algorithm = best[0].algorithm;
  if (p->found && found > 1) plan_trials(p, best, found);
  sn_blaslt.end_preference(preference);
}
static plan *plan_of(const plan_key *k) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < sizeof *k / 4; i++) hash = (hash ^ ((const uint32_t *)k)[i]) * 0x100000001b3u;
  plan **bin = &plans[hash >> 40 & 255], *p = *bin;
  while (p && memcmp(&p->key, k, sizeof *k)) p = p->next;
  if (p || !(p = calloc(1, sizeof *p))) return p;
  p->key = *k;
  p->next = *bin;
  *bin = p;
  describe(p);
  return p;
}
static int alignment(const void *p) { const uintptr_t x = (uintptr_t)p | 256; return (int)(x & -x); }
typedef struct operands { const void *A, *B, *C; void *D; const float *alpha, *beta; } operands;
// 1 if cuBLASLt has put the product on the stream.
static int put(const plan *p, const cublasLtMatmulAlgo_t *algorithm, const operands *x, CUstream stream) {
  return !sn_blaslt.matmul(lt, p->product, x->alpha, x->A, p->a, x->B, p->b, x->beta, x->C, p->c, x->D, p->d, algorithm, (void *)(uintptr_t)workspace,
    workspace ? WORKSPACE : 0, stream);
}
// The same, by the algorithm whose turn it is.
static int try_next(plan *p, const operands *x, CUstream stream) {
  trials *t = p->trials;
  if (t->calls == t->n * ROUNDS) return judge_trials(p), 0;
  const int turn = t->calls++;
  const int good = !sn_cuda.record(t->from[turn], stream) && put(p, &t->algorithm[turn % t->n], x, stream);
  if (!good || sn_cuda.record(t->to[turn], stream)) end_trials(p);
  return good;
}
enum { NOT_TAKEN, TAKEN, NOT_NOW };
static int by_lt(int t, int compute, const product *g, void *const *p, CUstream stream) {
  const int64_t *s = g->stride, *step = g->axes ? g->axis[0].step : (const int64_t[4]){0};
  const int plain = s[5] == 1 || g->N == 1;
  plan_key k = {.M = g->M, .N = g->N, .K = g->K, .batches = g->axes ? g->axis[0].n : 1, .type = sn_cuda_elements[t].lt, .compute = compute};
  int64_t ld;
  if (k.type < 0 || k.K <= 0 || g->axes > 1 || k.batches > INT32_MAX || !plain || !as_rows(k.M, k.N, s[4], 1, &k.ldc)) return 0;
  if (!as_rows(k.M, k.K, s[0], s[1], &k.lda)) { k.ta = 1; if (!as_rows(k.K, k.M, s[1], s[0], &k.lda)) return 0; }
  if (!as_rows(k.K, k.N, s[2], s[3], &k.ldb)) { k.tb = 1; if (!as_rows(k.N, k.K, s[3], s[2], &k.ldb)) return 0; }
  memcpy(k.step, step, sizeof k.step);
  const void *add = g->adds ? p[3] : p[2], *bias = 0;
  float beta[2] = {g->adds ? (float)g->beta : 0, 0}, alpha[2] = {(float)g->alpha, 0};
  k.ldi = k.ldc;
  if (!g->adds) k.step[3] = k.step[2];
  else if (s[6] == 0 && s[7] == 1 && g->beta == 1 && k.step[3] == 0 && k.type != C_32F && k.M > 1) {
    k.epilogue = EPILOGUE_BIAS;
    bias = p[3];
    add = p[2];
    beta[0] = 0;
    k.step[3] = k.step[2];
  } else if (as_rows(k.M, k.N, s[6], s[7], &ld)) k.ldi = ld;
  else {
    // What is added lies otherwise: it goes to its place first, as a product of no steps.
    product spread = *g;
    spread.K = 0;
    spread.beta = 1;
    char text_[300];
    const sn_call c = {.error = text_, .error_cap = sizeof text_};
    if (sn_cuda_own_gemm(&c, t, spread, p, stream)) return 0;
    add = p[2];
    k.step[3] = k.step[2];
  }
  const void *const all[4] = {p[0], p[1], p[2], add};
  for (int i = 0; i < 4; i++) k.align[i] = alignment(all[i]);
  plan *best = plan_of(&k);
  if (!best || !best->found) return NOT_TAKEN;
  if (bias) sn_blaslt.set_product(best->product, DESC_BIAS, &bias, sizeof bias);
  const operands given = {p[1], p[0], add, p[2], alpha, beta};
  if (!best->trials) return put(best, &best->algorithm, &given, stream) ? TAKEN : NOT_TAKEN;
  // A graph would keep the algorithm that is on trial.
  if (sn_cuda_records(stream)) return NOT_NOW;
  return try_next(best, &given, stream) || put(best, &best->algorithm, &given, stream) ? TAKEN : NOT_TAKEN;
}
static void open_lt(void) {
  static int tried;
  if (tried) return;
  tried = 1;
  if (sn_cuda_own() || sn_blaslt_open() || sn_blaslt.create(&lt)) lt = 0;
  else if (sn_cuda.allocate(&workspace, WORKSPACE)) workspace = 0;
}
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;   // tasks come from two lanes
const char *sn_cuda_blas(void) {
  static char name[40] = "own";
  pthread_mutex_lock(&lock);
  sn_cuda_enter();
  open_lt();
  if (lt) snprintf(name, sizeof name, "cuBLASLt %zu", sn_blaslt.version());
  pthread_mutex_unlock(&lock);
  return name;
}
static int run(const sn_call *c, int t, int compute, const product *g, void *const *p, CUstream stream) {
  open_lt();
  const int taken = lt && g->axes <= 1 ? by_lt(t, compute, g, p, stream) : NOT_TAKEN;
  if (taken) return taken == NOT_NOW && fail(c, "matrix product", "is not to be recorded yet");
  if (!lt || sn_cuda_elements[t].lt < 0 || g->axes <= 1) return sn_cuda_own_gemm(c, t, *g, p, stream);
  // Several axes of batches: cuBLASLt takes the last, the others are products of their own.
  product one = *g;
  int64_t count = 1;
  for (int d = 0; d < g->axes - 1; d++) count *= g->axis[d].n;
  one.axes = 1;
  one.axis[0] = g->axis[g->axes - 1];
  for (int64_t b = 0; b < count; b++) {
    void *q[4];
    int64_t step[4] = {0}, rest = b;
    for (int d = g->axes - 2; d >= 0; d--) {
      const int64_t i = rest % g->axis[d].n;
      rest /= g->axis[d].n;
      for (int k = 0; k < 4; k++) step[k] += i * g->axis[d].step[k];
    }
    for (int k = 0; k < 4; k++) q[k] = (char *)p[k] + step[k] * sn_cuda_elements[t].bytes;
    const int part = by_lt(t, compute, &one, q, stream);
    if (part == NOT_NOW) return fail(c, "matrix product", "is not to be recorded yet");
    if (part == NOT_TAKEN && sn_cuda_own_gemm(c, t, one, q, stream)) return 1;
  }
  return 0;
}
int sn_cuda_gemm(const sn_call *c, const char *type, CUstream stream) {
  const int64_t *n = c->n;
  int t = 0;
  while (sn_cuda_elements[t].name && strcmp(sn_cuda_elements[t].name, type)) t++;
  if (!sn_cuda_elements[t].name || n[11] > MOST_AXES) return fail(c, "matrix product", "no such type");
  const int adds = c->np > 3 && c->x[1] != 0, compute = c->nx > 2 && c->x[2] != 0 && sn_cuda_elements[t].lt == R_32F ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
  product g = {.M = n[0], .N = n[1], .K = n[2], .axes = (int32_t)n[11], .adds = adds, .alpha = c->x[0], .beta = c->x[1]};
  void *p[4] = {c->p[0], c->p[1], c->p[2], g.adds ? c->p[3] : c->p[2]};
  memcpy(g.stride, n + 3, sizeof g.stride);
  memcpy(g.axis, n + 12, sizeof *g.axis * (size_t)g.axes);
  pthread_mutex_lock(&lock);
  const int code = run(c, t, compute, &g, p, stream);
  pthread_mutex_unlock(&lock);
  return code;
}
