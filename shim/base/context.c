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
#define TICKETS 0x7fffffffu            // tickets are 1 .. TICKETS, then 1 again
#define IN_FLIGHT 64                   // submissions
#define BYTES_IN_FLIGHT (128ull << 20) // of new buffers and arenas, once there are two
typedef struct job { struct job *next; uint32_t *words, n; uint64_t number, bytes; binding *b; uint32_t nb; } job;
typedef struct failure { struct failure *next; uint64_t number; int32_t code; char text[]; } failure;
struct context {
  uint32_t id;
  char error[512];
  pthread_mutex_t lock;
  pthread_cond_t changed;
  job *head, *tail;
  uint64_t submitted, done, bytes;      // number of the last submission, of the last finished one (they finish in order), and bytes in flight
  failure *failures;                    // all that failed, latest first
  int running, closing, started;
  uint32_t users;                       // threads that wait in sn_wait
  pthread_t thread, owner;              // the dispatcher, and the JavaScript thread
  sn_callback notify;
};
static uint32_t ticket_of(uint64_t number) { return (uint32_t)((number - 1) % TICKETS) + 1; }
// The latest submission with this ticket; 0 if there was none.
static uint64_t number_of(const context *c, uint32_t ticket) {
  if (ticket == 0 || ticket > TICKETS || c->submitted == 0) return 0;
  uint64_t back = (ticket_of(c->submitted) + (uint64_t)TICKETS - ticket) % TICKETS;
  return back < c->submitted ? c->submitted - back : 0;
}
static const failure *failure_of(const context *c, uint64_t number) {
  for (const failure *f = c->failures; f && f->number >= number; f = f->next) if (f->number == number) return f;
  return 0;
}
static context *contexts[CONTEXTS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
_Atomic uint64_t sn_submissions;
static context closed;                  // stands where a context is being closed
context *sn_context(uint32_t ctx) { context *c = ctx > 0 && ctx < CONTEXTS ? contexts[ctx] : 0; return c == &closed ? 0 : c; }
// A terminated Worker runs no more JavaScript, but its thread ends: that closes the contexts that it opened.
static pthread_key_t opener;
static pthread_once_t opener_once = PTHREAD_ONCE_INIT;
static int can_watch;
static void thread_ends(void *first) {
  pthread_t self = pthread_self();
  (void)first;
  for (uint32_t i = 1; i < CONTEXTS; i++) {
    pthread_mutex_lock(&table);
    context *c = contexts[i];
    int mine = c && c != &closed && pthread_equal(c->owner, self);
    pthread_mutex_unlock(&table);
    if (mine) sn_close(i);
  }
}
static void make_key(void) { can_watch = !pthread_key_create(&opener, thread_ends); }
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
  c->owner = pthread_self();
  pthread_once(&opener_once, make_key);
  if (can_watch) pthread_setspecific(opener, c);
  pthread_mutex_lock(&table);
  for (uint32_t i = 1; i < CONTEXTS; i++) if (!contexts[i]) { c->id = i; contexts[i] = c; break; }
  pthread_mutex_unlock(&table);
  if (!c->id) { free(c); return 0; }
  return c->id;
}
static void finish(binding *b, uint32_t nb) { for (uint32_t i = 0; i < nb; i++) if (b[i].id) sn_unuse(b[i].id); free(b); }
// The failure that a submission inherits: some buffer that it reads was to be written by one that failed.
static const failure *inherited(const context *c, const uint32_t *w, const binding *b, uint32_t nb) {
  if (!c->failures) return 0;
  for (uint32_t i = 0; i < nb; i++) {
    uint64_t number = w[4 + 6 * i] == SN_BIND_BUFFER ? sn_fault(b[i].id) : 0;
    const failure *f = number ? failure_of(c, number) : 0;
    if (f) return f;
  }
  return 0;
}
static void *dispatcher(void *arg) {
  context *c = arg, *own = calloc(1, sizeof *own);   // the thread's own error text; c->error is the caller's
  pthread_mutex_lock(&c->lock);
  for (;;) {
    while (!c->head && !c->closing) pthread_cond_wait(&c->changed, &c->lock);
    job *j = c->head;
    if (!j) break;
    c->head = j->next;
    if (!c->head) c->tail = 0;
    c->running = 1;
    const failure *from = inherited(c, j->words, j->b, j->nb);
    int cancelled = c->closing;
    pthread_mutex_unlock(&c->lock);
    if (own) own->id = c->id;
    int code = from ? from->code : cancelled ? SN_E_HANDLE : sn_run(own, j->words, j->n, 4 + 6 * j->nb, j->b, j->nb);
    const char *why = from ? from->text : own ? own->error : "out of memory";
    failure *f = code ? malloc(sizeof *f + strlen(why) + 1) : 0;
    if (f) {
      f->number = j->number; f->code = code;
      strcpy(f->text, why);
      for (uint32_t i = 0; i < j->nb; i++) if (j->words[4 + 6 * i] == SN_BIND_NEW) sn_set_fault(j->b[i].id, j->number);
    }
    finish(j->b, j->nb);
    pthread_mutex_lock(&c->lock);
    c->running = 0;
    c->done = j->number;
    c->bytes -= j->bytes;
    if (f) { f->next = c->failures; c->failures = f; }
    sn_callback call = c->closing ? 0 : c->notify;
    pthread_cond_broadcast(&c->changed);
    if (call) { pthread_mutex_unlock(&c->lock); call(ticket_of(j->number)); pthread_mutex_lock(&c->lock); }
    free(j->words);
    free(j);
  }
  pthread_mutex_unlock(&c->lock);
  free(own);
  return 0;
}
void sn_close(uint32_t ctx) {
  context *c = sn_context(ctx);
  if (!c) return;
  pthread_mutex_lock(&table);
  contexts[ctx] = &closed;              // the number stays taken until its buffers are gone
  pthread_mutex_unlock(&table);
  pthread_mutex_lock(&c->lock);
  c->closing = 1;                       // what has not begun is dropped
  c->notify = 0;
  pthread_cond_broadcast(&c->changed);
  int started = c->started;
  pthread_mutex_unlock(&c->lock);
  if (started) pthread_join(c->thread, 0);
  pthread_mutex_lock(&c->lock);
  while (c->users) pthread_cond_wait(&c->changed, &c->lock);
  pthread_mutex_unlock(&c->lock);
  sn_forget_buffers(ctx);
  sn_forget_programs(ctx);
  while (c->failures) { failure *f = c->failures; c->failures = f->next; free(f); }
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->changed);
  free(c);
  pthread_mutex_lock(&table);
  contexts[ctx] = 0;
  pthread_mutex_unlock(&table);
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
  char cpu[64];
  sn_cpu_name(cpu, sizeof cpu);
  int n = snprintf(s, sizeof s, "isa=%s\nthreads=%d\nblas=%s\nlapack=%s\ncpu=%s\n", sn_isa_name(), sn_threads(), sn_blas_info(0), sn_blas_info(1), cpu);
  return copy_text(s, (size_t)n, text, cap);
}
static void discard_new(uint32_t *w, const binding *b, uint32_t nb) { for (uint32_t i = 0; i < nb; i++) if (b[i].id && w[4 + 6 * i] == SN_BIND_NEW) { sn_discard(b[i].id); w[4 + 6 * i + 1] = 0; } }
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
    const failure *from = inherited(c, w, b, nb);
    if (from) { code = from->code; sn_fail(c, "%s", from->text); }
    else code = sn_run(c, w, n, 4 + 6 * nb, b, nb);
    for (uint32_t k = 0; k < nb; k++) {
      if (code && w[4 + 6 * k] == SN_BIND_NEW) sn_discard(b[k].id);
      sn_unuse(b[k].id);
    }
    if (b != local) free(b);
    return code;
  }
  job *j = malloc(sizeof *j);
  uint32_t *copy = malloc((size_t)n * 4);
  if (!j || !copy) { free(j); free(copy); discard_new(w, b, nb); finish(b, nb); sn_fail(c, "out of memory"); return SN_E_MEMORY; }
  memcpy(copy, w, (size_t)n * 4);
  *j = (job){.words = copy, .n = n, .b = b, .nb = nb};
  for (uint32_t k = 0; k < nb; k++) if (w[4 + 6 * k] != SN_BIND_BUFFER) j->bytes += b[k].bytes;
  pthread_mutex_lock(&c->lock);
  if (!c->started) { c->started = 1; if (pthread_create(&c->thread, 0, dispatcher, c)) c->started = 0; }
  if (!c->started) {
    pthread_mutex_unlock(&c->lock);
    code = sn_run(c, copy, n, 4 + 6 * nb, b, nb);
    if (code) discard_new(w, b, nb);
    finish(b, nb); free(copy); free(j);
    return code;
  }
  for (uint64_t k; (k = c->submitted - c->done) >= IN_FLIGHT || (k >= 2 && c->bytes + j->bytes > BYTES_IN_FLIGHT);) pthread_cond_wait(&c->changed, &c->lock);
  j->number = ++c->submitted;
  c->bytes += j->bytes;
  w[3] = ticket_of(j->number);
  if (c->tail) c->tail->next = j; else c->head = j;
  c->tail = j;
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
  return (int32_t)w[3];
}
int32_t sn_wait(uint32_t ctx, uint32_t ticket) {
  pthread_mutex_lock(&table);           // against an sn_close at the same time: other threads wait too
  context *c = sn_context(ctx);
  if (c) pthread_mutex_lock(&c->lock);
  pthread_mutex_unlock(&table);
  if (!c) return SN_E_HANDLE;
  c->users++;
  uint64_t number = number_of(c, ticket);
  while (c->done < number && !c->closing) pthread_cond_wait(&c->changed, &c->lock);
  const failure *f = number ? failure_of(c, number) : 0;
  int32_t code = f ? f->code : 0;
  if (f && pthread_equal(c->owner, pthread_self())) sn_fail(c, "%s", f->text);
  if (--c->users == 0 && c->closing) pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
  return code;
}
int32_t sn_poll(uint32_t ctx, uint32_t ticket) {
  context *c = sn_context(ctx);
  if (!c) return 0;
  pthread_mutex_lock(&c->lock);
  int busy = c->done < number_of(c, ticket);
  pthread_mutex_unlock(&c->lock);
  return busy;
}
void sn_notify(uint32_t ctx, sn_callback fn) { context *c = sn_context(ctx); if (c) { pthread_mutex_lock(&c->lock); c->notify = fn; pthread_mutex_unlock(&c->lock); } }
