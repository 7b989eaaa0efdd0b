// window.c: memory of the CPU as memory of Metal, without a copy: a buffer over its pages. A window stays open for the next task until its
// pages are given back to the system, as the system has to map all of them for the GPU each time.
#include "metal.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#define BUCKETS 256
#define KEPT 1024                      // windows; beyond that, those that nobody uses go, the oldest of a bucket first
struct window { window *next; char *page; size_t bytes; id buffer; uint32_t users; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static window *buckets[BUCKETS];
static unsigned count;
static window **bucket_of(const char *page) { return &buckets[((uintptr_t)page >> 12) * 0x9E3779B97F4A7C15ull >> 56]; }
static void drop(window **at) {
  window *v = *at;
  *at = v->next;
  count--;
  sn_objc.release(v->buffer);
  free(v);
}
window *sn_metal_open_window(const char *host, uint64_t bytes, uint64_t *offset) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *from = (char *)((uintptr_t)host / page * page);
  const size_t whole = ((size_t)(host + bytes + SN_PAD - from) + page - 1) / page * page;
  *offset = (uint64_t)(host - from);
  pthread_mutex_lock(&lock);
  window **bucket = bucket_of(from), *v = *bucket;
  while (v && (v->page != from || v->bytes != whole)) v = v->next;
  if (!v && (v = calloc(1, sizeof *v))) {
    *v = (window){*bucket, from, whole, SEND(new_buffer_over, sn_metal_device, from, whole, 0, (void *)0), 0};
    if (v->buffer) { *bucket = v; count++; } else { free(v); v = 0; }
  }
  if (v) v->users++;
  pthread_mutex_unlock(&lock);
  return v;
}
id sn_metal_window_buffer(const window *v) { return v->buffer; }
void sn_metal_close_window(window *v) {
  pthread_mutex_lock(&lock);
  v->users--;
  if (count > KEPT) {
    window **oldest = 0;
    for (window **q = bucket_of(v->page); *q; q = &(*q)->next) if (!(*q)->users) oldest = q;
    if (oldest) drop(oldest);
  }
  pthread_mutex_unlock(&lock);
}
void sn_metal_forget(const char *host, uint64_t bytes) {
  void *pool = sn_objc.push();
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; i < BUCKETS; i++)
    for (window **q = &buckets[i]; *q;) if ((*q)->page < host + bytes && (*q)->page + (*q)->bytes > host && !(*q)->users) drop(q); else q = &(*q)->next;
  pthread_mutex_unlock(&lock);
  sn_objc.pop(pool);
}
