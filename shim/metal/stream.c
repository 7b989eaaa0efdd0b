// stream.c: runs tasks on one command queue. A task is one command buffer, or several if it is long, so that the GPU begins while the rest is encoded.
// Launches of a command buffer are concurrent but for the barriers that the submission asks for. The driver orders command buffers by the memory that
// they write, so that the dependencies between tasks need nothing here. Completion comes as a call on a thread of Metal's. A task that is steered by bytes
// of its own, which loops and branches read, is encoded by a thread, which waits for the GPU where one has to be read; so is what comes meanwhile.
#include "metal.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define JOBS 256
#define BATCHES 1024                   // command buffers in flight: the queue's limit, at which Metal would block
#define CONCURRENT 1                   // MTLDispatchTypeConcurrent
#define BUFFERS 1                      // MTLBarrierScopeBuffers
#define COMPLETED 4                    // MTLCommandBufferStatusCompleted
typedef struct job {
  task *t;
  uint32_t pending, launches;          // command buffers that are not complete; launches so far
  int sealed, code;                    // sealed: no command buffer will follow
  const char *first;                   // name of its first kernel
  char text[400];
  window **windows;                    // on memory of the CPU: one for each binding, or null
} job;
typedef struct batch { id buffer; job *j; } batch;
// What is being encoded.
typedef struct encoding { job *j; id buffer, encoder; uint32_t launches; int unordered; uint64_t bytes; void *pool; } encoding;

static id queue;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static job jobs[JOBS];
static batch batches[BATCHES];
static unsigned batches_used;
static uint64_t most_launches = 40, most_bytes = 40ull << 20, commits, barriers, flags;
static pthread_cond_t steered = PTHREAD_COND_INITIALIZER;    // there is a task for the thread
static struct { task *first, *last; } line;   // its tasks
static int steering;                   // it has a task in hand, or will have

// ---- completion ---------------------------------------------------------------------------------------------------------
// A block without a context, laid out as the ABI of blocks says; it is never copied and lives for ever.
typedef struct block { void *isa; int flags, reserved; void (*invoke)(void *, id); const void *descriptor; } block;
static const struct { unsigned long reserved, size; } descriptor = {0, sizeof(block)};
#define BLOCK_IS_GLOBAL (1 << 28)
static void close_windows(job *j) {
  for (uint32_t i = 0; j->windows && i < j->t->nb; i++) if (j->windows[i]) sn_metal_close_window(j->windows[i]);
  free(j->windows);
}
static void fail(job *j, int code, const char *what, const char *why) {
  if (j->code) return;
  j->code = code;
  snprintf(j->text, sizeof j->text, "Metal: %s: %s", what, why);
}
static void completed(void *self, id buffer) {
  (void)self;
  void *pool = sn_objc.push();
  pthread_mutex_lock(&lock);
  unsigned i = 0;
  while (batches[i].buffer != buffer) i++;
  job *j = batches[i].j;
  batches[i] = (batch){0};
  batches_used--;
  if (SEND(status_of, buffer) != COMPLETED) {
    char what[120];
    snprintf(what, sizeof what, "kernel %s or one of the %u launched after it", j->first ? j->first : "none", j->launches ? j->launches - 1 : 0);
    fail(j, SN_E_DEVICE, what, sn_objc_error(SEND(error_of, buffer)));
  }
  job ended = {0};
  if (--j->pending == 0) {
    if (j->sealed) {
      close_windows(j);
      ended = *j;
      *j = (job){0};
    }
    pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&lock);
  sn_objc.release(buffer);
  if (ended.t) sn_done(ended.t, ended.code, ended.text);
  sn_objc.pop(pool);
}
static block when_completed = {0, BLOCK_IS_GLOBAL, 0, completed, &descriptor};

// ---- encoding -----------------------------------------------------------------------------------------------------------
static void end_encoder(encoding *e) {
  if (!e->encoder) return;
  SEND(end, e->encoder);
  sn_objc.release(e->encoder);
  e->encoder = 0;
}
static void commit(encoding *e, int last) {
  end_encoder(e);
  SEND(on_completed, e->buffer, &when_completed);
  pthread_mutex_lock(&lock);
  unsigned i = 0;
  while (batches[i].buffer) i++;
  batches[i] = (batch){e->buffer, e->j};
  batches_used++;
  commits++;
  e->j->pending++;
  e->j->sealed = last;
  pthread_mutex_unlock(&lock);
  SEND(commit, e->buffer);
  e->buffer = 0;
}
static void open_encoder(encoding *e) {
  if (!e->buffer) {
    e->buffer = sn_objc.retain(SEND(command_buffer, queue));
    e->launches = 0; e->bytes = 0;
  }
  if (!e->encoder) {
    e->encoder = sn_objc.retain(SEND(compute_encoder, e->buffer, CONCURRENT));
    e->unordered = 0;
  }
}
static uint64_t wide(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }
// The buffer of a binding and where its memory begins there; opens a window on memory of another device.
static id buffer_of(job *j, uint32_t i, uint64_t *offset) {
  const uint64_t at = j->t->b[i].at;
  if (j->t->b[i].kind == SN_BIND_WINDOW) i = j->t->b[i].of;
  const binding *b = j->t->b + i;
  if (b->device == j->t->device) { *offset = at; return b->m.handle; }
  if (!j->windows) j->windows = calloc(j->t->nb, sizeof *j->windows);
  if (!j->windows) return 0;
  window *v = sn_metal_open_window(b->m.host, b->bytes, offset);
  if (v && j->windows[i]) sn_metal_close_window(v); else j->windows[i] = v;   // one is enough
  *offset += at;
  return v ? sn_metal_window_buffer(v) : 0;
}
static int refuse(job *j, int code, const char *what, const char *why) {
  pthread_mutex_lock(&lock);             // an earlier command buffer may fail meanwhile
  fail(j, code, what, why);
  pthread_mutex_unlock(&lock);
  return 0;
}
static int encode_launch(encoding *e, const uint32_t *w, uint32_t n) {
  job *j = e->j;
  launch l;
  const char *why = sn_read_launch(j->t, w, n, &l);
  const source *p = l.p;
  if (why) return refuse(j, SN_E_WORDS, p ? p->name : "launch", why);
  open_encoder(e);
  if (e->unordered && l.after) {
    SEND(barrier, e->encoder, BUFFERS);
    barriers++;
    e->unordered = 0;
  }
  SEND(set_pipeline, e->encoder, p->kernel);
  for (uint32_t i = 0; i < p->buffers; i++) {
    const uint32_t *at = l.buffers + 3 * i;
    uint64_t before;
    id b = buffer_of(j, at[0], &before);
    if (!b) return refuse(j, SN_E_MEMORY, p->name, "memory of another device cannot be bound");
    SEND(set_buffer, e->encoder, b, before + wide(at + 1), i);
    e->bytes += j->t->b[at[0]].bytes;
  }
  if (p->constants) SEND(set_bytes, e->encoder, l.constants, 4 * p->constants, p->buffers);
  SEND(dispatch, e->encoder, (MTLSize){l.groups[0], l.groups[1], l.groups[2]}, (MTLSize){l.threads[0], l.threads[1], l.threads[2]});
  if (!j->first) j->first = p->name;
  e->unordered = 1;
  e->launches++;
  j->launches++;
  return 1;
}
static int encode_copy(encoding *e, const uint32_t *w, uint32_t n) {
  job *j = e->j;
  copy c;
  const char *why = sn_read_copy(j->t, w, n, &c);
  if (why) return refuse(j, SN_E_WORDS, "copy", why);
  if (c.bytes == 0) return 1;
  uint64_t before_to, before_from;
  id target = buffer_of(j, (uint32_t)(c.to - j->t->b), &before_to), from = buffer_of(j, (uint32_t)(c.from - j->t->b), &before_from);
  if (!target || !from) return refuse(j, SN_E_MEMORY, "copy", "memory of another device cannot be bound");
  if ((before_to + c.at_to) % 4 || (before_from + c.at_from) % 4 || c.bytes % 4) return refuse(j, SN_E_WORDS, "copy", "not of whole words");
  open_encoder(e);
  end_encoder(e);
  id blit = SEND(blit_encoder, e->buffer);
  SEND(copy, blit, from, before_from + c.at_from, target, before_to + c.at_to, c.bytes);
  SEND(end, blit);
  e->launches++;
  e->bytes += c.bytes;
  return 1;
}
static int encode(void *with, const uint32_t *w, uint32_t n) {
  encoding *e = with;
  // A command buffer is committed once another command comes.
  if ((e->launches >= most_launches || e->bytes >= most_bytes) && e->buffer && batches_used < BATCHES / 2) commit(e, 0);
  switch (w[0]) {
    case SN_LAUNCH: encode_launch(e, w + 2, n - 2); break;
    case SN_COPY: encode_copy(e, w + 2, n - 2); break;
    default: refuse(e->j, SN_E_WORDS, "command", "a GPU does not run it");
  }
  return e->j->code;
}
// Reads a flag once the GPU has done all that was encoded.
static int read_flag(void *with, const binding *b, uint64_t offset, void *value, uint32_t bytes) {
  encoding *e = with;
  job *j = e->j;
  if (e->buffer) commit(e, 0);
  pthread_mutex_lock(&lock);
  while (j->pending) pthread_cond_wait(&changed, &lock);
  flags++;
  pthread_mutex_unlock(&lock);
  const int doomed = sn_settled(j->t);
  if (doomed) refuse(j, doomed, "loop", "what it reads was not computed");
  else if (!b->m.host) refuse(j, SN_E_WORDS, "loop", "its flag is not in memory of the host");
  if (j->code) return j->code;
  memcpy(value, b->m.host + offset, bytes);
  // What was encoded needs no memory any more.
  sn_objc.pop(e->pool);
  e->pool = sn_objc.push();
  return 0;
}
static job *new_job(task *t) {
  job *j = 0;
  pthread_mutex_lock(&lock);
  // A context has far fewer tasks in flight than there are jobs, so that some job of another ends without the lock of this one.
  while (!j) {
    for (unsigned i = 0; i < JOBS && !j; i++) if (!jobs[i].t) j = &jobs[i];
    if (!j) pthread_cond_wait(&changed, &lock);
  }
  j->t = t;
  pthread_mutex_unlock(&lock);
  return j;
}
static void encode_task(task *t) {
  encoding e = {.j = new_job(t), .pool = sn_objc.push()};
  context *scribe = sn_scribe();
  const int code = sn_commands(&(runner){&e, scribe, t->b, t->nb, encode, read_flag}, t->words + t->at, t->n - t->at);
  if (code && !e.j->code) refuse(e.j, code, "commands", sn_written(scribe));
  free(scribe);
  open_encoder(&e);
  commit(&e, 1);
  sn_objc.pop(e.pool);
}
static void *steer(void *none) {
  (void)none;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (!line.first) { steering = 0; pthread_cond_wait(&steered, &lock); }
    task *t = line.first;
    line.first = t->next;
    pthread_mutex_unlock(&lock);
    encode_task(t);
  }
  return 0;
}
void sn_metal_enqueue(task *t) {
  pthread_mutex_lock(&lock);
  // Command buffers run in the order in which they are committed, so that no task may go before one that is being steered.
  const int late = steering || sn_steers(t);
  if (late) {
    steering = 1;
    t->next = 0;
    if (line.first) line.last->next = t; else line.first = t;
    line.last = t;
    pthread_cond_signal(&steered);
  }
  pthread_mutex_unlock(&lock);
  if (!late) encode_task(t);
}
const char *sn_metal_open_stream(void) {
  when_completed.isa = sn_objc.global_block;
  queue = SEND(new_queue, sn_metal_device, BATCHES);
  if (!queue) return "the Metal device gives no command queue";
  pthread_t thread;
  if (pthread_create(&thread, 0, steer, 0)) return "its thread cannot be started";
  pthread_detach(thread);
  return 0;
}
double sn_metal_setting(uint32_t which, const double *value) {
  uint64_t *const all[] = {[SN_METAL_LAUNCHES] = &most_launches, [SN_METAL_BYTES] = &most_bytes, [SN_METAL_COMMITS] = &commits, [SN_METAL_BARRIERS] = &barriers, [SN_METAL_FLAGS] = &flags};
  if (which >= sizeof all / sizeof *all) return 0;
  pthread_mutex_lock(&lock);
  const double old = (double)*all[which];
  if (value && which <= SN_METAL_BYTES) *all[which] = *value >= 1 ? (uint64_t)*value : 1;
  pthread_mutex_unlock(&lock);
  return old;
}
