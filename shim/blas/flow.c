// flow.c: how factorisations share their work among threads.
#include "lapack.h"
// By blocks: a thread takes the first block whose next step can be taken, so that panels run ahead
// of the updates that wait for them, and no thread waits for all others. Which thread takes a step makes no difference to it.
typedef struct { const bl_flow *f; int *taken; int code; } run;   // of each block: twice its complete steps, plus one while it takes another
static int last(const bl_flow *f, int64_t j) { return (int)(j < f->panels ? j + 1 : f->panels); }
// One step, if there is one to take: 1 = it was taken, -1 = all wait for other threads, 0 = none is left
static int step(run *r) {
  const bl_flow *f = r->f; int left = 0;
  for (int64_t j = 0; j < f->blocks; j++) {
    int t = __atomic_load_n(&r->taken[j], __ATOMIC_ACQUIRE), k = t / 2; if (k == last(f, j)) continue;
    left = 1;
    if (t % 2 || (k < j && __atomic_load_n(&r->taken[k], __ATOMIC_ACQUIRE) < 2 * (k + 1))) continue;
    if (!__atomic_compare_exchange_n(&r->taken[j], &t, t + 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) continue;
    int code = k == j ? f->panel(f->arg, j) : f->update(f->arg, k, j);
    if (code) __atomic_store_n(&r->code, code, __ATOMIC_RELAXED);
    __atomic_store_n(&r->taken[j], 2 * (k + 1), __ATOMIC_RELEASE); return 1;
  }
  return -left;
}
static void worker(void *arg, int part, int parts, int thread) {
  (void)part; (void)parts; (void)thread; run *r = (run *)arg;
  for (;;) { if (__atomic_load_n(&r->code, __ATOMIC_RELAXED)) return; int s = step(r); if (s > 0) continue; if (s == 0) return; sn_relax(); }
}
int bl_flow_run(const bl_flow *f, double work) {
  if (f->blocks == 1) return f->panel(f->arg, 0);
  int few[32] = {0}; run r = {f, f->blocks <= 32 ? few : calloc((size_t)f->blocks, sizeof(int)), 0}; if (!r.taken) return BL_MEMORY;
  int threads = sn_available(); double p = work / 2e6; if (p < threads) threads = p < 1 ? 1 : (int)p;
  sn_parallel(worker, &r, threads); if (r.taken != few) free(r.taken);
  return r.code;
}
// The parts of thread t are those that are t modulo the threads; a thread that has done its own takes those of others.
typedef struct { sn_job fn; void *arg; int64_t first, end; int threads, next[256]; } sticky;
static void sticky_part(void *arg, int part, int parts, int thread) {
  (void)part; (void)parts; sticky *s = (sticky *)arg;
  for (int k = 0; k < s->threads; k++) for (int t = (thread + k) % s->threads;;) {
    int64_t p = s->first / s->threads * s->threads + t + (int64_t)s->threads * __atomic_fetch_add(&s->next[t], 1, __ATOMIC_RELAXED);
    if (p >= s->end) break;
    if (p >= s->first) s->fn(s->arg, (int)p, (int)s->end, thread);
  }
}
void bl_sticky(sn_job fn, void *arg, int64_t first, int64_t end) {
  sticky s = {fn, arg, first, end, sn_available(), {0}}; if (s.threads > end - first) s.threads = (int)(end - first);
  sn_parallel(sticky_part, &s, s.threads);
}
