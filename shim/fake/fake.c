// fake.c: the test device. It is what a GPU with memory of its own is to the library, so that no part of that is only met on a GPU:
// memory that the host does not see; two streams that run late, and in any order that the dependencies between tasks allow; failures
// on demand. It runs the CPU's programs on its own memory. Memory is poisoned (NaN in every float type) when it is allocated and when it is
// freed, lies between guards, and is kept for a while after it was freed (if it is small): a write outside or after its life damages a
// pattern, which is noticed, and every later task fails.
#define _GNU_SOURCE
#include "../base/device.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define STREAMS 2
#define FRONT 64                       // bytes of guard before memory; SN_PAD after it, which may be read
#define POISON 0xff
#define GUARD 0xa5
#define GRAVES 256                     // freed blocks that are kept, each of at most GRAVE bytes
#define GRAVE (64ull << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;    // of the streams and settings
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static task *waiting[STREAMS];
static uint64_t random_state = 1, seed = 1, overtaken;
static _Atomic uint64_t countdown[SN_FAKE_SPILL + 1], times = 1, damage;
static const char *_Atomic damaged;

static uint64_t draw(void) {           // xorshift64*
  random_state ^= random_state >> 12; random_state ^= random_state << 25; random_state ^= random_state >> 27;
  return (random_state * 0x2545F4914F6CDD1Dull) >> 32;
}
// Whether this allocation, dispatch, copy or release was told to fail: the countdown has come to one, or below it for as many times as were asked for.
static int told_to_fail(int what) {
  uint64_t n = atomic_load(&countdown[what]);
  if (n == 0) return 0;
  if (n > 1) { atomic_store(&countdown[what], n - 1); return 0; }
  if (atomic_fetch_sub(&times, 1) <= 1) { atomic_store(&countdown[what], 0); atomic_store(&times, 1); }
  return 1;
}

// ---- memory, under the lock of the buffer table ------------------------------------------------------------------------
typedef struct grave { unsigned char *block; uint64_t bytes; } grave;
static grave graves[GRAVES];
static unsigned oldest, buried;
static int holds(const unsigned char *p, uint64_t n, unsigned char value) { return n == 0 || (p[0] == value && !memcmp(p, p + 1, n - 1)); }
static void report(const char *what) {
  if (atomic_fetch_add(&damage, 1) == 0) fprintf(stderr, "sinter: fake device: %s\n", what);
  atomic_store(&damaged, what);
}
static int allocate(uint64_t bytes, memory *out) {
  void *block = 0;
  if (told_to_fail(SN_FAKE_ALLOCATION)) return 1;
#if defined(_WIN32)
  block = malloc(FRONT + bytes + SN_PAD);
  if (!block) return 1;
#else
  if (posix_memalign(&block, FRONT, FRONT + bytes + SN_PAD)) return 1;
#endif
  unsigned char *p = block;
  memset(p, GUARD, FRONT);
  memset(p + FRONT, POISON, bytes);
  memset(p + FRONT + bytes, GUARD, SN_PAD);
  *out = (memory){p + FRONT, 0};
  return 0;
}
static void dig_up(void) {
  grave *g = &graves[oldest];
  oldest = (oldest + 1) % GRAVES;
  buried--;
  if (!holds(g->block, FRONT + g->bytes + SN_PAD, POISON)) report("memory was written after it was freed");
  free(g->block);
}
static void release(memory m, uint64_t bytes) {
  unsigned char *block = (unsigned char *)m.handle - FRONT;
  if (told_to_fail(SN_FAKE_SPILL)) block[FRONT + bytes] = POISON;
  if (!holds(block, FRONT, GUARD)) report("memory was written before its start");
  if (!holds(block + FRONT + bytes, SN_PAD, GUARD)) report("memory was written beyond its end");
  if (bytes > GRAVE) { free(block); return; }
  memset(block, POISON, FRONT + bytes + SN_PAD);
  if (buried == GRAVES) dig_up();
  graves[(oldest + buried++) % GRAVES] = (grave){block, bytes};
}

// ---- streams -----------------------------------------------------------------------------------------------------------
static void pause_for(uint64_t us) {
  if (us) nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, 0);
}
// Some task of a stream whose dependencies are met, or null.
static task *choose(int stream) {
  uint64_t ready = 0, first = UINT64_MAX;
  task **found = 0;
  for (task **q = &waiting[stream]; *q; q = &(*q)->next) {
    if ((*q)->number < first) first = (*q)->number;
    if (atomic_load(&(*q)->waits) == 0 && draw() % ++ready == 0) found = q;
  }
  if (!found) return 0;
  task *t = *found;
  *found = t->next;
  if (t->number > first) overtaken++;
  return t;
}
static int run(context *scribe, task *t) {
  static const char *const names[] = {0, "dispatch", "dispatch", "copy"};
  const int doomed = sn_doomed(t);       // its loops would be steered by what is not there
  if (doomed) return doomed;
  for (uint32_t at = t->at; at + 2 <= t->n; at += t->words[at + 1]) {
    const uint32_t op = t->words[at], len = t->words[at + 1];
    const char *why = atomic_load(&damaged);
    if (why) { sn_fail(scribe, "fake device: %s", why); return SN_E_DEVICE; }
    if (op >= SN_DISPATCH && op <= SN_COPY && told_to_fail(op == SN_COPY ? SN_FAKE_COPY : SN_FAKE_DISPATCH)) {
      sn_fail(scribe, "fake device: a %s was told to fail", names[op]);
      return SN_E_DEVICE;
    }
    const uint32_t end = len >= 2 && len <= t->n - at ? at + len : t->n;
    const int code = sn_run(scribe, t->words, end, at, t->b, t->nb, t->device);
    if (code) return code;
  }
  return 0;
}
static void *worker(void *stream_) {
  const int stream = (int)(intptr_t)stream_;
  context *scribe = sn_scribe();
  pthread_mutex_lock(&lock);
  for (;;) {
    task *t;
    while (!waiting[stream]) pthread_cond_wait(&changed, &lock);
    // Late: what comes in the meantime may overtake.
    uint64_t before = draw() % 8 ? 0 : draw() % 100, after = draw() % 8 ? 0 : draw() % 100;
    if (before) { pthread_mutex_unlock(&lock); pause_for(before); pthread_mutex_lock(&lock); }
    while (!(t = choose(stream))) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    const int code = scribe ? run(scribe, t) : SN_E_MEMORY;
    pause_for(after);
    sn_done(t, code, sn_written(scribe));
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&changed);
  }
  return 0;
}
static void enqueue(task *t) {
  task **q = &waiting[t->stream % STREAMS];
  pthread_mutex_lock(&lock);
  t->next = *q;
  *q = t;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}
static void sow(uint64_t s) { seed = s; random_state = s * 0x9E3779B97F4A7C15ull + 1; }
static const char *start(void) {
  const char *e = getenv("SINTER_FAKE_SEED");
  if (e) sow(strtoull(e, 0, 10));
  for (int i = 0; i < STREAMS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, 0, worker, (void *)(intptr_t)i)) return "its threads cannot be started";
    pthread_detach(thread);
  }
  return 0;
}
static void info(char *text, size_t cap) { snprintf(text, cap, "streams=%d\nseed=%llu\n", STREAMS, (unsigned long long)seed); }
static double setting(uint32_t which, const double *value) {
  double old = 0;
  const uint64_t v = value && *value > 0 ? (uint64_t)*value : 0;
  pthread_mutex_lock(&lock);
  switch (which) {
    case SN_FAKE_SEED: old = (double)seed; if (value) sow(v); break;
    case SN_FAKE_ALLOCATION: case SN_FAKE_DISPATCH: case SN_FAKE_COPY: case SN_FAKE_SPILL:
      old = (double)atomic_load(&countdown[which]);
      if (value) atomic_store(&countdown[which], v);
      break;
    case SN_FAKE_TIMES: old = (double)atomic_load(&times); if (value) atomic_store(&times, v ? v : 1); break;
    case SN_FAKE_DAMAGE:
      old = (double)atomic_load(&damage);
      if (value) { atomic_store(&damage, v); if (!v) atomic_store(&damaged, (const char *)0); }
      break;
    case SN_FAKE_OVERTAKEN: old = (double)overtaken; break;
  }
  pthread_mutex_unlock(&lock);
  return old;
}
const device sn_fake = {
  .name = "fake", .open = start, .allocate = allocate, .release = release, .load = sn_load_tape, .unload = sn_unload_tape, .enqueue = enqueue,
  .info = info, .setting = setting,
};
