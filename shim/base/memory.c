// memory.c: the buffer table (slot and generation, reference counts), the cache of freed memory, and finalisers that any thread may call.
#define _GNU_SOURCE
#include "device.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif
#if defined(_WIN32)
#include <windows.h>
#endif
#define SLOT_BITS 22
#define SLOTS (1u << SLOT_BITS)
#define CHUNK 4096
typedef struct slot {
  memory m;
  uint64_t bytes, capacity, fault, reads, writes;   // reads, writes: tasks in flight, by index, that read or write it
  uint64_t after, last;                             // last: number of the latest task that uses it
  uint32_t gen, refs, ctx, next, held, lender;      // held: references of computing tasks in flight. after, lender: as of a spare, until a task uses it
  uint8_t owned, token, device, mapped, lent;       // token: its owner's finaliser has yet to come; mapped: a file's pages, which count as no memory in use;
                                                    // lent: its memory is in the cache already
} slot;
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

// Size classes an eighth apart, so that a freed buffer fits the next of about its size.
static uint64_t class_size(uint64_t bytes) {
  bytes += SN_PAD;
  if (bytes <= 4096) return (bytes + 511) / 512 * 512;
  int b = 63 - __builtin_clzll(bytes);
  uint64_t step = 1ull << (b - 3);
  return (bytes + step - 1) / step * step;
}
// Cached memory. It may be lent: the tasks `after` (of the context, up to number `last`) that use it as buffer `lender` must come before its next user.
typedef struct spare { struct spare *next; uint64_t capacity, after, last; memory m; uint32_t lender, ctx; uint8_t device; } spare;
#define BINS 1024
static spare *bins[BINS], *unused;
static unsigned bin_of(uint64_t capacity) { return (unsigned)((capacity * 0x9E3779B97F4A7C15ull) >> 54) % BINS; }
static void take_back(uint32_t device, memory m, uint64_t capacity) {
  if (m.host) sn_forget_host(device, m.host, capacity);
  sn_device(device, 0)->release(m, capacity - SN_PAD);
}
static slot *at(uint32_t id) {
  uint32_t i = id & (SLOTS - 1);
  if (i == 0 || i >= n_slots) return 0;
  slot *s = &chunks[i / CHUNK][i % CHUNK];
  return s->refs > 0 && s->gen == id >> SLOT_BITS ? s : 0;
}
// A place in the cache for the memory of a buffer; null if there is none.
static spare *put_by(const slot *s) {
  spare *x = unused, **bin = &bins[bin_of(s->capacity)];
  if (x) unused = x->next;
  else if (!(x = malloc(sizeof *x))) return 0;
  *x = (spare){.next = *bin, .capacity = s->capacity, .m = s->m, .device = s->device};
  if (s->lender && at(s->lender)) { x->lender = s->lender; x->after = s->after; x->last = s->last; x->ctx = s->ctx; }
  *bin = x;
  cached += s->capacity;
  return x;
}
// Keeps freed memory for the next of its size, or lets it go.
static void give_back(const slot *s) {
  const device *d = sn_device(s->device, 0);
  if (s->mapped) {
    sn_forget_host(s->device, s->m.host, sn_mapped_bytes(s->bytes));
    if (d->adopt) d->release(s->m, s->bytes);
    sn_unmap_file(s->m.host, s->bytes);
  } else if (!d->cached || !put_by(s)) take_back(s->device, s->m, s->capacity);
}
// Memory that only computing tasks in flight still use may be the next task's at once, on a device that lends: the tasks come one after the other.
static void lend(slot *s, uint32_t id) {
  const device *d = sn_device(s->device, 0);
  if (s->lent || s->mapped || s->held == 0 || s->refs != s->held || !d->lends) return;
  spare *x = put_by(s);
  if (!x) return;
  x->after = s->reads | s->writes; x->last = s->last; x->lender = id; x->ctx = s->ctx;
  s->lent = 1;
  active -= s->capacity;
}
// The tasks that used lent memory have ended.
static void settle(const slot *s, uint32_t id) {
  spare *x = bins[bin_of(s->capacity)];
  while (x && x->lender != id) x = x->next;
  if (x) { x->lender = 0; x->after = 0; }
}
static void take_out(spare **q) { spare *x = *q; *q = x->next; cached -= x->capacity; x->next = unused; unused = x; }
// The slot of a disposed buffer whose token still lives.
static slot *dead(uint32_t id) {
  uint32_t i = id & (SLOTS - 1);
  if (i == 0 || i >= n_slots) return 0;
  slot *s = &chunks[i / CHUNK][i % CHUNK];
  return s->refs == 0 && s->token && s->gen == id >> SLOT_BITS ? s : 0;
}
static void drop_cache(uint64_t keep) {
  for (unsigned i = 0; i < BINS; i++)
    for (spare **q = &bins[i]; *q && cached > keep;) {
      spare *x = *q;
      if (x->lender) { q = &x->next; continue; }
      take_out(q);
      take_back(x->device, x->m, x->capacity);
    }
}
// An id is reused only after its token was collected: a late finaliser must not meet another buffer.
static void retire(slot *s, uint32_t id) {
  s->gen = (s->gen + 1) & ((1u << (32 - SLOT_BITS)) - 1);
  s->next = free_slot; free_slot = id & (SLOTS - 1);
}
static void unref(uint32_t id) {
  slot *s = at(id);
  if (!s) return;
  if (--s->refs > 0) { lend(s, id); return; }
  buffers--;
  if (s->lent) settle(s, id);
  else {
    active -= s->capacity;
    give_back(s);
  }
  if (cached > cache_room()) drop_cache(cache_room());
  s->m = (memory){0};
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
static int allocate(const device *d, uint64_t capacity, memory *m) {
  if (!d->allocate(capacity - SN_PAD, m)) return 0;
  drop_cache(0);
  return d->allocate(capacity - SN_PAD, m);
}
// Enters a new buffer with one reference into the table; its id, or 0 if that is full. `old` may be a disposed buffer of the context whose token lives:
// an owned buffer takes over its id, and with it the token.
static uint32_t enter(slot made, uint32_t old) {
  const slot *before = made.owned ? dead(old) : 0;
  uint32_t i = free_slot;
  if (before && before->ctx == made.ctx) i = old & (SLOTS - 1);
  else if (i) free_slot = chunks[i / CHUNK][i % CHUNK].next;
  else {
    i = n_slots;
    if (n_slots == SLOTS || (!chunks[i / CHUNK] && !(chunks[i / CHUNK] = calloc(CHUNK, sizeof(slot))))) return 0;
    n_slots++;
  }
  slot *s = &chunks[i / CHUNK][i % CHUNK];
  made.gen = s->gen; made.refs = 1;
  *s = made;
  active += made.capacity; buffers++;
  if (active > peak) peak = active;
  if (active > high) high = active;
  return i | made.gen << SLOT_BITS;
}
// A new buffer of a context. `b`, if it is not null, is the binding of a computing task, which may come after others that use the memory.
static uint32_t make(uint32_t ctx, uint32_t device_number, uint64_t bytes, int owned, uint32_t old, binding *b) {
  const device *d = sn_device(device_number, 0);
  drain();
  if (!d) return 0;
  uint64_t capacity = d->cached ? class_size(bytes) : bytes + SN_PAD;
  if (capacity < bytes || active + capacity > limit) return 0;
  spare from = {0};
  memory m;
  spare **q = &bins[bin_of(capacity)];
  while (*q && ((*q)->capacity != capacity || (*q)->device != device_number || ((*q)->lender && (!b || (*q)->ctx != ctx)))) q = &(*q)->next;
  if (*q) {
    from = **q;
    m = from.m;
    take_out(q);
  }
  else {
    if (active + cached + capacity > limit) drop_cache(limit > active + capacity ? limit - active - capacity : 0);
    if (allocate(d, capacity, &m)) return 0;
  }
  const uint32_t id = enter((slot){.m = m, .bytes = bytes, .capacity = capacity, .ctx = ctx, .owned = (uint8_t)owned, .token = (uint8_t)owned,
    .device = (uint8_t)device_number, .lender = from.lender, .after = from.after, .last = from.last}, old);
  if (!id) take_back(device_number, m, capacity);
  else if (b) { b->after = from.after; b->last = from.last; }
  return id;
}
uint32_t sn_use(uint32_t ctx, uint32_t device_number, int computes, const uint32_t *e, binding *b, uint32_t nb) {
  uint32_t i = 0;
  pthread_mutex_lock(&lock);
  for (; i < nb; i++, e += 6) {
    const uint32_t kind = e[0];
    const uint64_t bytes = e[2] | (uint64_t)e[3] << 32;
    b[i] = (binding){.kind = (uint8_t)kind};
    if (kind == SN_BIND_WINDOW) { b[i].bytes = bytes; continue; }
    const int fresh = kind == SN_BIND_NEW || kind == SN_BIND_ARENA;
    const uint32_t id = fresh ? make(ctx, device_number, bytes, kind == SN_BIND_NEW, e[1], computes ? &b[i] : 0) : kind == SN_BIND_BUFFER || kind == SN_BIND_UPDATE ? e[1] : 0;
    slot *s = at(id);
    if (!s || s->lent) break;
    b[i].m = s->m; b[i].bytes = s->bytes; b[i].device = s->device; b[i].id = id;
    if (kind != SN_BIND_ARENA) s->refs++;
  }
  pthread_mutex_unlock(&lock);
  return i;
}
void sn_unuse(const binding *b, uint32_t nb) { pthread_mutex_lock(&lock); for (uint32_t i = 0; i < nb; i++) unref(b[i].id); pthread_mutex_unlock(&lock); }
uint64_t sn_track(const binding *b, uint32_t nb) {
  uint64_t after = 0;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < nb; i++) {
    const slot *s = b[i].kind == SN_BIND_ARENA ? 0 : at(b[i].id);
    if (!s) continue;
    after |= s->writes;
    if (b[i].kind == SN_BIND_UPDATE) after |= s->reads;
  }
  pthread_mutex_unlock(&lock);
  return after;
}
void sn_enter(const task *t) {
  const uint64_t bit = 1ull << t->index;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < t->nb; i++) {
    slot *s = at(t->b[i].id);
    if (!s) continue;
    if (t->b[i].kind == SN_BIND_BUFFER) s->reads |= bit; else s->writes |= bit;
    s->last = t->number;
    s->lender = 0;
    if (t->stream == SN_COMPUTE) s->held++;
  }
  for (uint32_t i = 0; i < t->nb; i++) if (t->b[i].kind == SN_BIND_ARENA) lend(at(t->b[i].id), t->b[i].id);
  pthread_mutex_unlock(&lock);
}
void sn_leave(const task *t, int failed) {
  const uint64_t bit = 1ull << t->index;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < t->nb; i++) {
    const binding *b = t->b + i;
    slot *s = at(b->id);
    if (!s) continue;
    s->reads &= ~bit; s->writes &= ~bit;
    if (t->stream == SN_COMPUTE) s->held--;
    if (failed && (b->kind == SN_BIND_NEW || b->kind == SN_BIND_UPDATE)) s->fault = t->number;
    unref(b->id);
  }
  pthread_mutex_unlock(&lock);
}
uint32_t sn_alloc(uint32_t ctx, uint32_t device_number, double bytes) {
  context *c = sn_context(ctx);
  if (!c) return 0;
  const int sane = bytes >= 0 && bytes < 9e15;
  pthread_mutex_lock(&lock);
  const uint32_t id = sane ? make(ctx, device_number, (uint64_t)bytes, 1, 0, 0) : 0;
  pthread_mutex_unlock(&lock);
  const char *why = 0;
  const device *d = id ? 0 : sn_device(device_number, &why);
  if (d && d->lost) why = d->lost();
  if (!id) sn_fail(c, "%s", why ? why : "");
  return id;
}
uint32_t sn_map(uint32_t ctx, uint32_t device_number, const uint8_t *path, uint32_t length, double bytes) {
  char name[4096];
  const device *d = sn_device(device_number, 0);
  if (!sn_context(ctx) || !d || !d->unified || length >= sizeof name || !(bytes > 0 && bytes < 9e15)) return 0;
  memcpy(name, path, length);
  name[length] = 0;
  const uint64_t n = (uint64_t)bytes;
  char *pages = sn_map_file(name, n);
  memory m = {pages, pages};
  if (pages && d->adopt && d->adopt(pages, sn_mapped_bytes(n), &m)) { sn_unmap_file(pages, n); pages = 0; }
  if (!pages) return 0;
  slot made = {.m = m, .bytes = n, .ctx = ctx, .owned = 1, .token = 1, .device = (uint8_t)device_number, .mapped = 1};
  pthread_mutex_lock(&lock);
  drain();
  const uint32_t id = enter(made, 0);
  if (!id) give_back(&made);
  pthread_mutex_unlock(&lock);
  return id;
}
double sn_address(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); slot *s = at(id); double a = s ? (double)(uintptr_t)s->m.host : 0; pthread_mutex_unlock(&lock); return a; }
int32_t sn_alive(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); int alive = at(id) != 0; pthread_mutex_unlock(&lock); return alive; }
void sn_dispose(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); slot *s = at(id); if (s && s->owned) { s->owned = 0; unref(id); } pthread_mutex_unlock(&lock); }
void sn_discard(uint32_t id) { pthread_mutex_lock(&lock); slot *s = at(id); if (s && s->owned) { s->owned = s->token = 0; unref(id); } pthread_mutex_unlock(&lock); }
void sn_retain(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); slot *s = at(id); if (s) s->refs++; pthread_mutex_unlock(&lock); }
void sn_release(uint32_t ctx, uint32_t id) { (void)ctx; pthread_mutex_lock(&lock); unref(id); pthread_mutex_unlock(&lock); }
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
// Addresses that nothing may touch, as many as the system gives: the tokens of memory that the host does not see lie there.
#define NOWHERE (1ull << 36)
static char *nowhere;
static uint64_t nowhere_bytes;
static pthread_once_t nowhere_once = PTHREAD_ONCE_INIT;
static void reserve(void) {
  for (nowhere_bytes = NOWHERE; !nowhere && nowhere_bytes > 4096; nowhere_bytes /= 2) {
#if defined(_WIN32)
    nowhere = VirtualAlloc(0, nowhere_bytes, MEM_RESERVE, PAGE_NOACCESS);
#elif defined(__linux__)
    void *p = mmap(0, nowhere_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) nowhere = p;
#else
    void *p = mmap(0, nowhere_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (p != MAP_FAILED) nowhere = p;
#endif
    if (nowhere) return;
  }
}
double sn_nowhere(uint32_t which) { pthread_once(&nowhere_once, reserve); return which ? (double)nowhere_bytes : (double)(uintptr_t)nowhere; }
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
static double device_setting(uint32_t which, const double *value) {
  const device *d = sn_device(which >> 8, 0);
  return d && d->setting ? d->setting(which & 255, value) : 0;
}
double sn_stat(uint32_t which) {
  if (which >> 8) return device_setting(which, 0);
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
  if (which >> 8) return device_setting(which, &value);
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
