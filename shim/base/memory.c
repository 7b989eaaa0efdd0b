// memory.c: the buffer table (slot and generation, reference counts), the cache of freed memory, and finalisers that any thread may call.
#define _GNU_SOURCE
#include "state.h"
#include "../cpu/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif
#define SLOT_BITS 22
#define SLOTS (1u << SLOT_BITS)
#define CHUNK 4096
typedef struct slot { char *p; uint64_t bytes, capacity, fault; uint32_t gen, refs, ctx, next; uint8_t owned, token; } slot;   // token: its owner's finaliser has yet to come
static slot *chunks[SLOTS / CHUNK];
static uint32_t n_slots = 1, free_slot;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t active, peak, high, cached, limit = UINT64_MAX, cache_limit = UINT64_MAX, buffers;
// Memory of sizes that do not come again is not kept for ever: used and cached bytes together stay below twice the most that was in use.
#define SLACK (128ull << 20)
static uint64_t cache_room(void) { uint64_t all = 2 * high + SLACK, room = all > active ? all - active : 0; return room < cache_limit ? room : cache_limit; }
// Beyond the machine's memory a system kills the process instead of refusing: so that is the limit until another is set.
__attribute__((constructor)) static void default_limit(void) {
#if defined(__linux__) || defined(__APPLE__)
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) limit = (uint64_t)pages * (uint64_t)page;
#endif
}
// Finalised references wait here: a collector's thread only pushes.
typedef struct final { struct final *next; uint32_t id; int which; } final;
static _Atomic(final *) finals;

void *sn_aligned(size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, 64);
#else
  void *p = 0;
  return posix_memalign(&p, 64, bytes) ? 0 : p;
#endif
}
static void raw_free(char *p) {
#if defined(_WIN32)
  _aligned_free(p);
#else
  free(p);
#endif
}
static char *raw_alloc(uint64_t capacity) {
#if defined(__linux__)
  void *p = 0;
  size_t align = capacity >= 2 << 20 ? 2 << 20 : 64;
  if (posix_memalign(&p, align, capacity)) return 0;
  if (capacity >= 2 << 20) madvise(p, capacity, MADV_HUGEPAGE);
  return p;
#else
  return sn_aligned(capacity);
#endif
}
// Size classes an eighth apart, so that a freed buffer fits the next of about its size.
static uint64_t class_size(uint64_t bytes) {
  bytes += SN_PAD;
  if (bytes <= 4096) return (bytes + 511) / 512 * 512;
  int b = 63 - __builtin_clzll(bytes);
  uint64_t step = 1ull << (b - 3);
  return (bytes + step - 1) / step * step;
}
typedef struct spare { struct spare *next; uint64_t capacity; } spare;
#define BINS 1024
static spare *bins[BINS];
static unsigned bin_of(uint64_t capacity) { return (unsigned)((capacity * 0x9E3779B97F4A7C15ull) >> 54) % BINS; }
static slot *at(uint32_t id) {
  uint32_t i = id & (SLOTS - 1);
  if (i == 0 || i >= n_slots) return 0;
  slot *s = &chunks[i / CHUNK][i % CHUNK];
  return s->refs > 0 && s->gen == id >> SLOT_BITS ? s : 0;
}
// The slot of a disposed buffer whose token still lives.
static slot *dead(uint32_t id) {
  uint32_t i = id & (SLOTS - 1);
  if (i == 0 || i >= n_slots) return 0;
  slot *s = &chunks[i / CHUNK][i % CHUNK];
  return s->refs == 0 && s->token && s->gen == id >> SLOT_BITS ? s : 0;
}
static void drop_cache(uint64_t keep) {
  for (unsigned i = 0; i < BINS && cached > keep; i++)
    while (bins[i] && cached > keep) { spare *s = bins[i]; bins[i] = s->next; cached -= s->capacity; raw_free((char *)s); }
}
// An id is reused only after its token was collected: a late finaliser must not meet another buffer.
static void retire(slot *s, uint32_t id) {
  s->gen = (s->gen + 1) & ((1u << (32 - SLOT_BITS)) - 1);
  s->next = free_slot; free_slot = id & (SLOTS - 1);
}
static void unref(uint32_t id) {
  slot *s = at(id);
  if (!s || --s->refs > 0) return;
  active -= s->capacity; buffers--;
  if (s->p) {
    spare *x = (spare *)s->p;
    x->capacity = s->capacity; x->next = bins[bin_of(s->capacity)]; bins[bin_of(s->capacity)] = x;
    cached += s->capacity;
    if (cached > cache_room()) drop_cache(cache_room());
  }
  s->p = 0;
  if (!s->token) retire(s, id);
}
static void drain(void) {
  final *f = atomic_exchange(&finals, (final *)0);
  while (f) {
    final *n = f->next;
    slot *s = at(f->id);
    if (f->which == 1) unref(f->id);
    else if (s) { s->token = 0; if (s->owned) { s->owned = 0; unref(f->id); } }
    else if ((s = dead(f->id))) { s->token = 0; retire(s, f->id); }
    free(f);
    f = n;
  }
}
static uint32_t make(uint32_t ctx, uint64_t bytes, int owned) {
  drain();
  uint64_t capacity = class_size(bytes);
  if (capacity < bytes || active + capacity > limit) return 0;
  char *p = 0;
  spare **q = &bins[bin_of(capacity)];
  while (*q && (*q)->capacity != capacity) q = &(*q)->next;
  if (*q) { p = (char *)*q; *q = (*q)->next; cached -= capacity; }
  else {
    if (active + cached + capacity > limit) drop_cache(limit > active + capacity ? limit - active - capacity : 0);
    p = raw_alloc(capacity);
    if (!p) { drop_cache(0); p = raw_alloc(capacity); }
    if (!p) return 0;
  }
  uint32_t i = free_slot;
  if (i) free_slot = chunks[i / CHUNK][i % CHUNK].next;
  else {
    i = n_slots;
    if (n_slots == SLOTS || (!chunks[i / CHUNK] && !(chunks[i / CHUNK] = calloc(CHUNK, sizeof(slot))))) { raw_free(p); return 0; }
    n_slots++;
  }
  slot *s = &chunks[i / CHUNK][i % CHUNK];
  uint32_t gen = s->gen;
  *s = (slot){.p = p, .bytes = bytes, .capacity = capacity, .gen = gen, .refs = 1, .ctx = ctx, .owned = (uint8_t)owned, .token = (uint8_t)owned};
  active += capacity; buffers++;
  if (active > peak) peak = active;
  if (active > high) high = active;
  return i | gen << SLOT_BITS;
}
uint32_t sn_new_buffer(uint32_t ctx, uint64_t bytes) { pthread_mutex_lock(&lock); uint32_t id = make(ctx, bytes, 1); pthread_mutex_unlock(&lock); return id; }
char *sn_memory(uint64_t bytes, uint32_t *id) { pthread_mutex_lock(&lock); *id = make(0, bytes, 0); slot *s = *id ? at(*id) : 0; char *p = s ? s->p : 0; pthread_mutex_unlock(&lock); return p; }
char *sn_use(uint32_t id, uint64_t *bytes) {
  pthread_mutex_lock(&lock);
  slot *s = at(id);
  char *p = 0;
  if (s) { s->refs++; p = s->p; *bytes = s->bytes; }
  pthread_mutex_unlock(&lock);
  return p;
}
void sn_unuse(uint32_t id) { pthread_mutex_lock(&lock); unref(id); pthread_mutex_unlock(&lock); }
uint32_t sn_alloc(uint32_t ctx, double bytes) { return bytes >= 0 && bytes < 9e15 ? sn_new_buffer(ctx, (uint64_t)bytes) : 0; }
double sn_address(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); slot *s = at(id); double a = s ? (double)(uintptr_t)s->p : 0; pthread_mutex_unlock(&lock); return a; }
void sn_dispose(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); slot *s = at(id); if (s && s->owned) { s->owned = 0; unref(id); } pthread_mutex_unlock(&lock); }
void sn_discard(uint32_t id) { pthread_mutex_lock(&lock); slot *s = at(id); if (s && s->owned) { s->owned = s->token = 0; unref(id); } pthread_mutex_unlock(&lock); }
void sn_retain(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); slot *s = at(id); if (s) s->refs++; pthread_mutex_unlock(&lock); }
void sn_release(uint32_t ctx, uint32_t id) { (void)ctx; sn_unuse(id); }
void sn_set_fault(uint32_t id, uint64_t number) { pthread_mutex_lock(&lock); slot *s = at(id); if (s) s->fault = number; pthread_mutex_unlock(&lock); }
uint64_t sn_fault(uint32_t id) { pthread_mutex_lock(&lock); slot *s = at(id); uint64_t f = s ? s->fault : 0; pthread_mutex_unlock(&lock); return f; }
// Nothing can read the memory of a dead context any more; finalisers that still come find other generations.
void sn_forget_buffers(uint32_t ctx) {
  pthread_mutex_lock(&lock);
  drain();
  for (uint32_t i = 1; i < n_slots; i++) {
    slot *s = &chunks[i / CHUNK][i % CHUNK];
    if (s->ctx != ctx || (s->refs == 0 && !s->token)) continue;
    uint32_t id = i | s->gen << SLOT_BITS;
    if (s->refs == 0) { s->token = 0; retire(s, id); continue; }
    s->owned = s->token = 0; s->refs = 1;
    unref(id);
  }
  pthread_mutex_unlock(&lock);
}
static void push(uint32_t id, int which) {
  final *f = malloc(sizeof *f);
  if (!f) return;                     // the buffer leaks rather than the collector crashing
  f->id = id; f->which = which; f->next = atomic_load(&finals);
  while (!atomic_compare_exchange_weak(&finals, &f->next, f)) {}
}
static void finalise_owner(void *bytes, void *id) { (void)bytes; push((uint32_t)(uintptr_t)id, 0); }
static void finalise_view(void *bytes, void *id) { (void)bytes; push((uint32_t)(uintptr_t)id, 1); }
double sn_finaliser(uint32_t which) { return (double)(uintptr_t)(which ? finalise_view : finalise_owner); }
static double rss(void) {
#if defined(__linux__)
  long pages = 0;
  char text[128];
  int fd = open("/proc/self/statm", 0);
  if (fd < 0) return 0;
  long n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  char *q = strchr(text, ' ');
  if (q) pages = strtol(q, 0, 10);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
#else
  return 0;
#endif
}
extern _Atomic uint64_t sn_submissions;
double sn_stat(uint32_t which) {
  pthread_mutex_lock(&lock);
  drain();
  double v = 0;
  switch (which) {
    case SN_ACTIVE: v = (double)active; break;
    case SN_PEAK: v = (double)peak; break;
    case SN_CACHE: v = (double)cached; break;
    case SN_LIMIT: v = (double)limit; break;
    case SN_CACHE_LIMIT: v = (double)cache_limit; break;
    case SN_BUFFERS: v = (double)buffers; break;
    case SN_SUBMITS: v = (double)sn_submissions; break;
  }
  pthread_mutex_unlock(&lock);
  return which == SN_RSS ? rss() : v;
}
double sn_set(uint32_t which, double value) {
  pthread_mutex_lock(&lock);
  double old = 0;
  uint64_t v = value >= 1.8e19 ? UINT64_MAX : value > 0 ? (uint64_t)value : 0;
  if (which == SN_PEAK) { old = (double)peak; peak = active; }
  if (which == SN_LIMIT) { old = (double)limit; limit = v; }
  if (which == SN_CACHE_LIMIT) { old = (double)cache_limit; cache_limit = v; drop_cache(v); }
  pthread_mutex_unlock(&lock);
  return old;
}
void sn_trim(void) { pthread_mutex_lock(&lock); drain(); drop_cache(0); pthread_mutex_unlock(&lock); }
