// context.c: contexts, submissions in order, tickets, and the dispatcher thread that runs asynchronous ones.
#include "state.h"
#include "../calls.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define CONTEXTS 1024
#define RESULTS 4096
typedef struct job { struct job *next; uint32_t *words, n, ticket; binding *b; uint32_t nb; } job;
struct context {
  uint32_t id;
  char error[512];
  pthread_mutex_t lock;
  pthread_cond_t changed;
  job *head, *tail;
  uint32_t ticket, done;                // tickets finish in order
  int32_t results[RESULTS];             // code of the last tickets, by ticket % RESULTS
  int running, closing, started;
  pthread_t thread;
  sn_callback notify;
};
static context *contexts[CONTEXTS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
_Atomic uint64_t sn_submissions;
context *sn_context(uint32_t ctx) { return ctx > 0 && ctx < CONTEXTS ? contexts[ctx] : 0; }
void sn_fail(context *c, const char *format, ...) {
  if (!c) return;
  va_list a;
  va_start(a, format);
  vsnprintf(c->error, sizeof c->error, format, a);
  va_end(a);
}
uint32_t sn_open(void) {
  context *c = calloc(1, sizeof *c);
  if (!c) return 0;
  pthread_mutex_init(&c->lock, 0);
  pthread_cond_init(&c->changed, 0);
  pthread_mutex_lock(&table);
  for (uint32_t i = 1; i < CONTEXTS; i++) if (!contexts[i]) { c->id = i; contexts[i] = c; break; }
  pthread_mutex_unlock(&table);
  if (!c->id) { free(c); return 0; }
  return c->id;
}
static void finish(binding *b, uint32_t nb) { for (uint32_t i = 0; i < nb; i++) if (b[i].id) sn_unuse(b[i].id); free(b); }
static void *dispatcher(void *arg) {
  context *c = arg;
  pthread_mutex_lock(&c->lock);
  for (;;) {
    while (!c->head && !c->closing) pthread_cond_wait(&c->changed, &c->lock);
    job *j = c->head;
    if (!j) break;
    c->head = j->next;
    if (!c->head) c->tail = 0;
    c->running = 1;
    pthread_mutex_unlock(&c->lock);
    int code = sn_run(c, j->words, j->n, 4 + 6 * j->nb, j->b, j->nb);
    finish(j->b, j->nb);
    pthread_mutex_lock(&c->lock);
    c->running = 0;
    c->done = j->ticket;
    c->results[j->ticket % RESULTS] = code;
    sn_callback f = c->closing ? 0 : c->notify;
    pthread_cond_broadcast(&c->changed);
    if (f) { pthread_mutex_unlock(&c->lock); f(j->ticket); pthread_mutex_lock(&c->lock); }
    free(j->words);
    free(j);
  }
  pthread_mutex_unlock(&c->lock);
  return 0;
}
void sn_close(uint32_t ctx) {
  context *c = sn_context(ctx);
  if (!c) return;
  pthread_mutex_lock(&c->lock);
  c->closing = 1;
  c->notify = 0;
  pthread_cond_broadcast(&c->changed);
  int started = c->started;
  pthread_mutex_unlock(&c->lock);
  if (started) pthread_join(c->thread, 0);
  pthread_mutex_lock(&table);
  contexts[ctx] = 0;
  pthread_mutex_unlock(&table);
  free(c);
}
static uint32_t copy_text(const char *s, size_t n, uint8_t *text, uint32_t cap) { if (text && cap) memcpy(text, s, n < cap ? n : cap); return (uint32_t)n; }
uint32_t sn_error(uint32_t ctx, uint8_t *text, uint32_t cap) { context *c = sn_context(ctx); const char *s = c ? c->error : "no such context"; return copy_text(s, strlen(s), text, cap); }
uint32_t sn_names(uint32_t which, uint8_t *text, uint32_t cap) {
  if (which == 0) return sn_stage_names(text, cap);
  uint32_t n = 0;
  for (const sn_routine_entry *e = sn_blas_routines; e->name; e++) {
    size_t l = strlen(e->name);
    if (n + l + 1 <= cap) { memcpy(text + n, e->name, l); text[n + l] = '\n'; }
    n += (uint32_t)l + 1;
  }
  return n;
}
uint32_t sn_info(uint8_t *text, uint32_t cap) {
  char s[512];
  int n = snprintf(s, sizeof s, "isa=%s\nthreads=%d\nblas=%s\nlapack=%s\n", sn_isa_name(), sn_threads(), sn_blas_info(0), sn_blas_info(1));
  return copy_text(s, (size_t)n, text, cap);
}
static uint64_t wide(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }
static void drain_queue(context *c) { while (c->head || c->running) pthread_cond_wait(&c->changed, &c->lock); }
int32_t sn_submit(uint32_t ctx, uint32_t *w, uint32_t n) {
  context *c = sn_context(ctx);
  if (!c) return SN_E_HANDLE;
  sn_submissions++;
  if (n < 4 || w[0] > n || w[0] < 4 || w[1] > (w[0] - 4) / 6) { sn_fail(c, "malformed submission"); return SN_E_WORDS; }
  n = w[0];
  uint32_t nb = w[1];
  binding local[32], *b = (w[2] & SN_ASYNC) || nb > 32 ? calloc(nb ? nb : 1, sizeof *b) : local;
  if (!b) { sn_fail(c, "out of memory"); return SN_E_MEMORY; }
  int code = 0;
  uint32_t i = 0;
  for (; i < nb && !code; i++) {
    uint32_t *e = w + 4 + 6 * i;
    b[i] = (binding){0};
    uint64_t bytes = wide(e + 2);
    if (e[0] == SN_BIND_BUFFER) {
      b[i].p = sn_use(e[1], &b[i].bytes);
      b[i].id = e[1];
      if (!b[i].p) { b[i].id = 0; code = SN_E_HANDLE; sn_fail(c, "binding %u names no live buffer", i); }
    } else if (e[0] == SN_BIND_NEW || e[0] == SN_BIND_ARENA) {
      uint64_t have;
      uint32_t id = 0;
      if (e[0] == SN_BIND_ARENA) b[i].p = sn_memory(bytes, &id);
      else { id = sn_new_buffer(ctx, bytes); b[i].p = id ? sn_use(id, &have) : 0; }
      b[i].id = id; b[i].bytes = bytes;
      if (!b[i].p) { b[i].id = 0; code = SN_E_MEMORY; sn_fail(c, "out of memory: %llu bytes", (unsigned long long)bytes); }
      else if (e[0] == SN_BIND_NEW) { e[1] = id; double a = (double)(uintptr_t)b[i].p; memcpy(e + 4, &a, 8); }
    } else { code = SN_E_WORDS; sn_fail(c, "binding %u has kind %u", i, e[0]); }
  }
  if (code) {
    for (uint32_t k = 0; k < i; k++) {
      if (!b[k].id) continue;
      if (w[4 + 6 * k] == SN_BIND_NEW) { sn_discard(b[k].id); w[4 + 6 * k + 1] = 0; }
      sn_unuse(b[k].id);
    }
    if (b != local) free(b);
    return code;
  }
  if (!(w[2] & SN_ASYNC)) {
    if (c->started) { pthread_mutex_lock(&c->lock); drain_queue(c); pthread_mutex_unlock(&c->lock); }
    code = sn_run(c, w, n, 4 + 6 * nb, b, nb);
    for (uint32_t k = 0; k < nb; k++) {
      if (code && w[4 + 6 * k] == SN_BIND_NEW) sn_discard(b[k].id);
      sn_unuse(b[k].id);
    }
    if (b != local) free(b);
    return code;
  }
  job *j = malloc(sizeof *j);
  uint32_t *copy = malloc((size_t)n * 4);
  if (!j || !copy) { free(j); free(copy); finish(b, nb); sn_fail(c, "out of memory"); return SN_E_MEMORY; }
  memcpy(copy, w, (size_t)n * 4);
  *j = (job){.words = copy, .n = n, .b = b, .nb = nb};
  pthread_mutex_lock(&c->lock);
  if (!c->started) { c->started = 1; if (pthread_create(&c->thread, 0, dispatcher, c)) c->started = 0; }
  if (!c->started) {
    pthread_mutex_unlock(&c->lock);
    code = sn_run(c, copy, n, 4 + 6 * nb, b, nb);
    finish(b, nb); free(copy); free(j);
    return code;
  }
  while (c->ticket - c->done > 64) pthread_cond_wait(&c->changed, &c->lock);     // submitted work is bounded
  j->ticket = ++c->ticket & 0x7fffffff;
  w[3] = j->ticket;
  if (c->tail) c->tail->next = j; else c->head = j;
  c->tail = j;
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
  return (int32_t)w[3];
}
int32_t sn_wait(uint32_t ctx, uint32_t ticket) {
  context *c = sn_context(ctx);
  if (!c) return SN_E_HANDLE;
  pthread_mutex_lock(&c->lock);
  while (c->done < ticket && c->ticket >= ticket) pthread_cond_wait(&c->changed, &c->lock);
  int32_t code = c->done - ticket < RESULTS ? c->results[ticket % RESULTS] : 0;
  pthread_mutex_unlock(&c->lock);
  return code;
}
int32_t sn_poll(uint32_t ctx, uint32_t ticket) {
  context *c = sn_context(ctx);
  if (!c) return 0;
  pthread_mutex_lock(&c->lock);
  int busy = c->done < ticket && c->ticket >= ticket;
  pthread_mutex_unlock(&c->lock);
  return busy;
}
void sn_notify(uint32_t ctx, sn_callback fn) { context *c = sn_context(ctx); if (c) { pthread_mutex_lock(&c->lock); c->notify = fn; pthread_mutex_unlock(&c->lock); } }
