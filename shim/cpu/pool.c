// pool.c: the shared thread pool. Parts of a job are claimed one by one, so that a worker that wakes late delays nothing.
#define _GNU_SOURCE
#include "../calls.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif
#if !defined(_WIN32)
#include <unistd.h>
#else
#include <windows.h>
#endif
#define SPIN 500               // about 20 us
static struct { _Atomic uint64_t ticket; atomic_uint gen, done, sleeping; sn_job fn; void *arg; } pool;   // ticket: generation << 40 | parts << 20 | next part
static pthread_mutex_t job_lock = PTHREAD_MUTEX_INITIALIZER;
static int n_threads;
static _Thread_local int inside, thread_index;
void sn_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
#if defined(__linux__)
static void sleep_on(atomic_uint *p, unsigned v) { syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, v, 0, 0, 0); }
static void wake(atomic_uint *p, int most) { syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, most, 0, 0, 0); }
#else
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv = PTHREAD_COND_INITIALIZER;
static void sleep_on(atomic_uint *p, unsigned v) { pthread_mutex_lock(&mu); while (atomic_load(p) == v) pthread_cond_wait(&cv, &mu); pthread_mutex_unlock(&mu); }
static void wake(atomic_uint *p, int most) { (void)p; (void)most; pthread_mutex_lock(&mu); pthread_cond_broadcast(&cv); pthread_mutex_unlock(&mu); }
#endif
static void work(int thread) {       // a successful claim keeps the job alive until its part is done
  uint64_t t = atomic_load(&pool.ticket);
  for (;;) {
    int next = t & 0xfffff, parts = t >> 20 & 0xfffff;
    if (next >= parts) return;
    if (!atomic_compare_exchange_weak(&pool.ticket, &t, t + 1)) continue;
    pool.fn(pool.arg, next, parts, thread);
    atomic_fetch_add(&pool.done, 1);
    t = atomic_load(&pool.ticket);
  }
}
static void *worker(void *a) {
  unsigned seen = 0;
  inside = 1;
  thread_index = (int)(intptr_t)a;
  for (;;) {
    int k = 0;
    unsigned g;
    while ((g = atomic_load(&pool.gen)) == seen) {
      if (++k < SPIN) { sn_relax(); continue; }
      atomic_fetch_add(&pool.sleeping, 1);
      sleep_on(&pool.gen, seen);
      atomic_fetch_sub(&pool.sleeping, 1);
      k = 0;
    }
    seen = g;
    work(thread_index);
  }
  return 0;
}
static int cores(void) {
#if defined(_WIN32)
  SYSTEM_INFO i;
  GetSystemInfo(&i);
  return (int)i.dwNumberOfProcessors;
#else
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
}
static void start(void) {
  const char *e = getenv("SINTER_THREADS");
  int n = e ? atoi(e) : cores();
  n_threads = n < 1 ? 1 : n > 256 ? 256 : n;
  for (int i = 1; i < n_threads; i++) {
    pthread_t t;
    if (pthread_create(&t, 0, worker, (void *)(intptr_t)i)) { n_threads = i; break; }
    pthread_detach(t);
  }
}
static pthread_once_t once = PTHREAD_ONCE_INIT;
int sn_threads(void) { pthread_once(&once, start); return n_threads; }
int sn_available(void) { return inside ? 1 : sn_threads(); }
void sn_parallel(sn_job fn, void *arg, int parts) {
  pthread_once(&once, start);
  if (parts > 0xfffff) parts = 0xfffff;
  if (n_threads == 1 || parts <= 1 || inside || pthread_mutex_trylock(&job_lock)) {
    for (int p = 0; p < parts; p++) fn(arg, p, parts, thread_index);
    return;
  }
  static uint64_t g;
  g++;
  pool.fn = fn; pool.arg = arg;
  atomic_store(&pool.done, 0);
  atomic_store(&pool.ticket, (g & 0xffffff) << 40 | (uint64_t)parts << 20);
  atomic_store(&pool.gen, (unsigned)g);
  if (atomic_load(&pool.sleeping)) wake(&pool.gen, parts - 1);
  inside = 1;
  work(0);
  inside = 0;
  while (atomic_load(&pool.done) < (unsigned)parts) sn_relax();
  pthread_mutex_unlock(&job_lock);
}
void *sn_scratch(size_t bytes) {
  static _Thread_local void *memory;
  static _Thread_local size_t have;
  if (bytes > have) {
    sn_aligned_free(memory);
    memory = 0; have = 0;
    size_t want = (bytes + 4095) / 4096 * 4096;
    void *p = sn_aligned(want);
    if (!p) return 0;
    memory = p; have = want;
  }
  return memory;
}
