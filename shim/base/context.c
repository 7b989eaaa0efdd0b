// context.c: contexts, the order of submissions, tickets, failures, and the dispatcher thread that runs the CPU's asynchronous ones.
#include "device.h"
#include "../calls.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define CONTEXTS 1024
#define TICKETS 0x7fffffffu            // tickets are 1 .. TICKETS, then 1 again
#define IN_FLIGHT 64                   // submissions, a bit for each
#define BYTES_IN_FLIGHT (128ull << 20) // of new buffers and arenas, once there are two
struct waiter { _Atomic int done; int code; };   // of a thread that is blocked on its submission
#define AWAKE 50000                    // nanoseconds for which such a thread looks by itself: to be woken takes longer than a small task
typedef struct failure { struct failure *next; uint64_t number; int32_t code; char text[]; } failure;
struct context {
  uint32_t id;
  char error[512];
  pthread_mutex_t lock;
  pthread_cond_t changed;
  task *tasks[IN_FLIGHT];               // in flight, where `busy` has a bit
  _Atomic uint64_t busy;
  task *head, *tail;                    // the CPU's, handed to the dispatcher
  uint64_t submitted, bytes;            // number of the last submission, and bytes in flight
  failure *failures;                    // all that failed, latest first
  int closing, started;
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
// The bit of a submission in flight, or 0.
static uint64_t in_flight(const context *c, uint64_t number) {
  for (uint64_t left = atomic_load(&c->busy); left; left &= left - 1) if (c->tasks[__builtin_ctzll(left)]->number == number) return left & -left;
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
context *sn_scribe(void) { return calloc(1, sizeof(context)); }
const char *sn_written(const context *scribe) { return scribe ? scribe->error : "out of memory"; }

// ---- tasks ------------------------------------------------------------------------------------------------------------
// The failure that bindings inherit: some buffer that they read was to be written by a submission that failed.
static const failure *inherited(const context *c, const binding *b, uint32_t nb) {
  for (uint32_t i = 0; i < nb && c->failures; i++) {
    uint64_t number = b[i].kind == SN_BIND_BUFFER || b[i].kind == SN_BIND_UPDATE ? sn_fault(b[i].id) : 0;
    const failure *f = number ? failure_of(c, number) : 0;
    if (f) return f;
  }
  return 0;
}
int sn_doomed(task *t) {
  pthread_mutex_lock(&t->c->lock);
  const failure *f = inherited(t->c, t->b, t->nb);
  pthread_mutex_unlock(&t->c->lock);
  return f ? f->code : 0;
}
// Hands tasks to their devices, once all that they wait for is there: complete, or handed to the same device, which orders by itself.
static void hand(context *c) {
  for (int changed = 1; changed;) {
    changed = 0;
    for (uint64_t left = atomic_load(&c->busy); left; left &= left - 1) {
      task *t = c->tasks[__builtin_ctzll(left)];
      int ready = !t->handed;
      for (uint64_t w = atomic_load(&t->waits); w && ready; w &= w - 1) {
        const task *before = c->tasks[__builtin_ctzll(w)];
        if (before->device != t->device || !before->handed) ready = 0;
      }
      if (ready) { t->handed = 1; changed = 1; sn_device(t->device, 0)->enqueue(t); }
    }
  }
}
static void add_failure(context *c, uint64_t number, int code, const char *why) {
  failure *f = malloc(sizeof *f + strlen(why) + 1), **q = &c->failures;
  if (!f) return;
  f->number = number; f->code = code;
  strcpy(f->text, why);
  while (*q && (*q)->number > number) q = &(*q)->next;
  f->next = *q;
  *q = f;
}
void sn_done(task *t, int code, const char *why) {
  context *c = t->c;
  const uint64_t bit = 1ull << t->index;
  pthread_mutex_lock(&c->lock);
  c->users++;
  const failure *from = inherited(c, t->b, t->nb);
  if (from) { code = from->code; why = from->text; }
  if (t->waiter) { t->waiter->done = 1; t->waiter->code = code; if (code) sn_fail(c, "%s", why); }
  if (code) add_failure(c, t->number, code, why);
  sn_leave(t, code != 0);
  c->bytes -= t->bytes;
  atomic_fetch_and(&c->busy, ~bit);
  for (uint64_t left = atomic_load(&c->busy); left; left &= left - 1) atomic_fetch_and(&c->tasks[__builtin_ctzll(left)]->waits, ~bit);
  hand(c);
  sn_callback call = c->closing || !t->watched ? 0 : c->notify;
  pthread_cond_broadcast(&c->changed);
  if (call) { pthread_mutex_unlock(&c->lock); call(ticket_of(t->number)); pthread_mutex_lock(&c->lock); }
  if (--c->users == 0) pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
  free(t->b); free(t->words); free(t);
}
// Waits, under the lock, for a change of tasks in flight: this thread completes those that a device leaves to it, else it sleeps.
static void rest(context *c, uint64_t tasks) {
  const device *d = 0;
  for (uint64_t left = atomic_load(&c->busy) & tasks; left && !d; left &= left - 1) {
    const task *t = c->tasks[__builtin_ctzll(left)];
    if (atomic_load(&t->reaped)) d = sn_device(t->device, 0);
  }
  if (!d) { pthread_cond_wait(&c->changed, &c->lock); return; }
  c->users++;
  pthread_mutex_unlock(&c->lock);
  d->reap();
  pthread_mutex_lock(&c->lock);
  if (--c->users == 0) pthread_cond_broadcast(&c->changed);
}
int sn_settled(task *t) {
  context *c = t->c;
  pthread_mutex_lock(&c->lock);
  for (uint64_t before; (before = atomic_load(&t->waits));) rest(c, before);
  pthread_mutex_unlock(&c->lock);
  return sn_doomed(t);
}
void sn_enqueue_host(task *t) {
  context *c = t->c;
  t->next = 0;
  if (c->tail) c->tail->next = t; else c->head = t;
  c->tail = t;
  pthread_cond_broadcast(&c->changed);
}
static void *dispatcher(void *arg) {
  context *c = arg, *own = sn_scribe();   // the thread's own error text; c->error is the caller's
  pthread_mutex_lock(&c->lock);
  for (;;) {
    while (!c->head && !(c->closing && !atomic_load(&c->busy))) pthread_cond_wait(&c->changed, &c->lock);
    task *t = c->head;
    if (!t) break;
    c->head = t->next;
    if (!c->head) c->tail = 0;
    const int cancelled = c->closing;
    pthread_mutex_unlock(&c->lock);
    int code = sn_doomed(t);
    if (!code) code = cancelled ? SN_E_HANDLE : own ? sn_run(own, t->words, t->n, t->at, t->b, t->nb, 0) : SN_E_MEMORY;
    sn_done(t, code, sn_written(own));
    pthread_mutex_lock(&c->lock);
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
  while (c->users || atomic_load(&c->busy)) rest(c, ~0ull);
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
  for (uint32_t i = 0; which == 2 ? i < sn_devices() : sn_blas_routines[i].name != 0; i++) {
    const char *name = which == 2 ? sn_device_name(i) : sn_blas_routines[i].name;
    size_t l = strlen(name);
    if (n + l + 1 <= cap) { memcpy(text + n, name, l); text[n + l] = '\n'; }
    n += (uint32_t)l + 1;
  }
  return n;
}
uint32_t sn_info(uint32_t device_number, uint8_t *text, uint32_t cap) {
  char s[512] = "";
  const device *d = sn_device(device_number, 0);
  if (d) { int n = snprintf(s, sizeof s, "unified=%d\n", d->unified); d->info(s + n, sizeof s - (size_t)n); }
  return copy_text(s, strlen(s), text, cap);
}

// ---- submissions ------------------------------------------------------------------------------------------------------
static uint64_t wide(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }
// Ends the use of bindings that no task took over; new buffers go unless they are kept.
static void give_up(uint32_t *w, binding *b, uint32_t nb, int keep) {
  for (uint32_t i = 0; i < nb && !keep; i++) if (b[i].kind == SN_BIND_NEW) { sn_discard(b[i].id); w[4 + 6 * i + 1] = 0; }
  sn_unuse(b, nb);
}
// Begins the use of all bindings, and writes ids and addresses of new buffers back.
static int bind(context *c, const device *d, uint32_t device_number, int computes, uint32_t *w, binding *b, uint32_t nb) {
  uint32_t *e = w + 4;
  const uint32_t used = sn_use(c->id, device_number, computes, e, b, nb);
  for (uint32_t i = 0; i < used; i++, e += 6) {
    if (e[0] == SN_BIND_NEW) { e[1] = b[i].id; double a = (double)(uintptr_t)b[i].m.host; memcpy(e + 4, &a, 8); }
    b[i].p = device_number > 0 && b[i].device == device_number ? b[i].m.handle : d->unified ? b[i].m.host : 0;
  }
  if (used == nb) return 0;
  give_up(w, b, used, 0);
  if (e[0] == SN_BIND_NEW || e[0] == SN_BIND_ARENA) { sn_fail(c, "out of memory: %llu bytes", (unsigned long long)wide(e + 2)); return SN_E_MEMORY; }
  if (e[0] == SN_BIND_BUFFER || e[0] == SN_BIND_UPDATE) { sn_fail(c, "binding %u names no live buffer", used); return SN_E_HANDLE; }
  sn_fail(c, "binding %u has kind %u", used, e[0]);
  return SN_E_WORDS;
}
static void wait_for(context *c, uint64_t tasks) { while (atomic_load(&c->busy) & tasks) rest(c, tasks); }
// Runs a submission to the CPU on the calling thread.
static int run_here(context *c, uint32_t *w, uint32_t n, binding *b, uint32_t nb) {
  int code = 0;
  if (atomic_load(&c->busy) || c->failures) {
    pthread_mutex_lock(&c->lock);
    wait_for(c, sn_track(b, nb));
    const failure *from = inherited(c, b, nb);
    if (from) { code = from->code; sn_fail(c, "%s", from->text); }
    pthread_mutex_unlock(&c->lock);
  }
  if (!code) code = sn_run(c, w, n, 4 + 6 * nb, b, nb, 0);
  give_up(w, b, nb, !code);
  return code;
}
// Enters a task, which owns `t->b` and `t->words`, in the order of its context. Blocks while too much is in flight.
static void enter(context *c, task *t) {
  const uint64_t own = sn_device(t->device, 0)->in_flight, most = own ? own : BYTES_IN_FLIGHT;
  for (;;) {
    const uint64_t busy = atomic_load(&c->busy);
    if (busy != ~0ull && (__builtin_popcountll(busy) < 2 || c->bytes + t->bytes <= most)) break;
    rest(c, busy);
  }
  t->index = (uint8_t)__builtin_ctzll(~atomic_load(&c->busy));
  t->number = ++c->submitted;
  c->bytes += t->bytes;
  c->tasks[t->index] = t;
  // The buffers keep bits of tasks that ended meanwhile from this one, as both happen under the lock.
  uint64_t before = sn_track(t->b, t->nb);
  for (uint32_t i = 0; i < t->nb; i++)
    for (uint64_t left = t->b[i].after & atomic_load(&c->busy); left; left &= left - 1)
      if (c->tasks[__builtin_ctzll(left)]->number <= t->b[i].last) before |= left & -left;
  t->waits = before;
  sn_enter(t);
  atomic_fetch_or(&c->busy, 1ull << t->index);
  hand(c);
}
static int can_dispatch(context *c) {
  pthread_mutex_lock(&c->lock);
  if (!c->started) c->started = !pthread_create(&c->thread, 0, dispatcher, c);
  pthread_mutex_unlock(&c->lock);
  return c->started;
}
// Waits for a task of a device, which had this bit.
static void await(context *c, const device *d, uint64_t bit, struct waiter *w) {
  struct timespec from, now;
  clock_gettime(CLOCK_MONOTONIC, &from);
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while (!d->reap && !atomic_load(&w->done) && (now.tv_sec - from.tv_sec) * 1000000000ll + now.tv_nsec - from.tv_nsec < AWAKE);
  pthread_mutex_lock(&c->lock);
  while (!w->done) rest(c, bit);
  pthread_mutex_unlock(&c->lock);
}
int32_t sn_submit(uint32_t ctx, uint32_t *w, uint32_t n) {
  context *c = sn_context(ctx);
  if (!c) return SN_E_HANDLE;
  sn_submissions++;
  if (n < 4 || w[0] > n || w[0] < 4 || w[1] > (w[0] - 4) / 6) { sn_fail(c, "malformed submission"); return SN_E_WORDS; }
  n = w[0];
  const uint32_t nb = w[1], number = w[2] >> 8 & 255;
  const char *why = 0;
  const device *d = sn_device(number, &why);
  if (!d) { sn_fail(c, "device %u: %s", number, why); return SN_E_DEVICE; }
  if (d->lost && (why = d->lost())) { sn_fail(c, "%s", why); return SN_E_DEVICE; }
  const int here = number == 0 && (!(w[2] & SN_ASYNC) || !can_dispatch(c));
  binding local[32], *b = here && nb <= 32 ? local : calloc(nb ? nb : 1, sizeof *b);
  if (!b) { sn_fail(c, "out of memory"); return SN_E_MEMORY; }
  int code = bind(c, d, number, (w[2] >> 16 & 255) == SN_COMPUTE, w, b, nb);
  if (!code && here) code = run_here(c, w, n, b, nb);
  if (code || here) {
    if (b != local) free(b);
    return code;
  }
  task *t = malloc(sizeof *t);
  uint32_t *copy = malloc((size_t)n * 4);
  if (!t || !copy) { free(t); free(copy); give_up(w, b, nb, 0); free(b); sn_fail(c, "out of memory"); return SN_E_MEMORY; }
  memcpy(copy, w, (size_t)n * 4);
  *t = (task){.c = c, .words = copy, .n = n, .at = 4 + 6 * nb, .b = b, .nb = nb, .device = (uint8_t)number, .stream = (uint8_t)(w[2] >> 16)};
  for (uint32_t i = 0; i < nb; i++) if (b[i].kind == SN_BIND_NEW || b[i].kind == SN_BIND_ARENA) t->bytes += b[i].bytes;
  struct waiter waiter = {0};
  if (!(w[2] & SN_ASYNC)) t->waiter = &waiter;
  pthread_mutex_lock(&c->lock);
  enter(c, t);
  w[3] = ticket_of(c->submitted);
  const uint64_t bit = 1ull << t->index;
  pthread_mutex_unlock(&c->lock);
  if (w[2] & SN_ASYNC) return (int32_t)w[3];
  await(c, d, bit, &waiter);
  for (uint32_t i = 0; i < nb && waiter.code; i++) {
    uint32_t *e = w + 4 + 6 * i;
    if (e[0] == SN_BIND_NEW) { sn_discard(e[1]); e[1] = 0; }
  }
  return waiter.code;
}
int32_t sn_wait(uint32_t ctx, uint32_t ticket) {
  pthread_mutex_lock(&table);           // against an sn_close at the same time: other threads wait too
  context *c = sn_context(ctx);
  if (c) pthread_mutex_lock(&c->lock);
  pthread_mutex_unlock(&table);
  if (!c) return SN_E_HANDLE;
  c->users++;
  const uint64_t number = number_of(c, ticket);
  for (uint64_t tasks; !c->closing && (tasks = ticket == 0 ? atomic_load(&c->busy) : in_flight(c, number));) rest(c, tasks);
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
  const int busy = in_flight(c, number_of(c, ticket)) != 0;
  pthread_mutex_unlock(&c->lock);
  return busy;
}
int32_t sn_watch(uint32_t ctx, uint32_t ticket) {
  context *c = sn_context(ctx);
  if (!c) return 0;
  pthread_mutex_lock(&c->lock);
  const uint64_t bit = in_flight(c, number_of(c, ticket));
  task *t = bit ? c->tasks[__builtin_ctzll(bit)] : 0;
  const device *d = t ? sn_device(t->device, 0) : 0;
  if (t) t->watched = 1;
  if (d && d->hurry) d->hurry();
  pthread_mutex_unlock(&c->lock);
  return t != 0;
}
void sn_notify(uint32_t ctx, sn_callback fn) { context *c = sn_context(ctx); if (c) { pthread_mutex_lock(&c->lock); c->notify = fn; pthread_mutex_unlock(&c->lock); } }
