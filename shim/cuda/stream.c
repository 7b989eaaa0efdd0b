// stream.c: runs tasks. There are three streams: one computes, one copies up to the device, one down to the host. A computing task is put on its stream
// by the thread that submits it, as soon as all that it waits for is on a stream, and waits there for events of the others. It is completed by whoever
// waits for it, else by a thread that looks now and then. Copies between host and device go through pinned memory in pieces, two at a time, by a thread for
// each direction. Tasks with factorisations, whose library waits for the device, and tasks that bytes steer, which loops and branches read, are put on the
// computing stream by one more thread.
#define _GNU_SOURCE
#include "cuda.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
enum { COMPUTE, UP, DOWN, LATE, LANES };
#define JOBS 256
#define PIECE (4ull << 20)             // bytes of a piece of a copy
#define SPIN 2000000                   // nanoseconds for which a thread asks for an event without sleep in between: much is short
#define TICK 1000000                   // nanoseconds after which ended tasks are completed that nobody waits for
#define TICKS 100                      // for which the thread looks for them with nothing to do: to wake it costs the thread that submits
typedef struct job {
  task *t;
  struct job *next;
  CUevent done;
  int lane, issued, code;              // issued: `done` is recorded
  char text[400];
} job;
typedef struct line { job *head, **tail; } line;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work[LANES] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};   // for the thread of a lane
static pthread_cond_t room = PTHREAD_COND_INITIALIZER;      // a job has ended
static job jobs[JOBS];
static struct { const context *c; int index; } tasks[JOBS];   // of the jobs: looked for often, so that they lie close
static int asleep, hurried;            // the thread that completes tasks: waits for one, is to wait for the next
static line pending[LANES], running;   // tasks that are on no stream yet, and computing ones that are
static CUstream streams[LANES];
static int overlaps, edges;            // launches may begin while what is before them ends; those of graphs too
static struct { void *memory; CUevent free; } pieces[LANES][2];
static int *verdicts;                  // of jobs: in pinned memory, where kernels write them
static uint8_t *flag;                  // of the loop that runs, in pinned memory
static context *scribes[LANES];        // where the library writes what was wrong with a command
static char lost[320];                 // why the context is lost, once it is
_Atomic uint64_t sn_cuda_counts[SN_CUDA_COUNTS];

static void append(line *l, job *j) {
  j->next = 0;
  if (l->head) *l->tail = j; else l->head = j;
  l->tail = &j->next;
}
static void take(line *l, job *j) {
  job **q = &l->head;
  while (*q != j) q = &(*q)->next;
  *q = j->next;
  if (l->tail == &j->next) l->tail = q;
}

// ---- failures -----------------------------------------------------------------------------------------------------------
static pthread_mutex_t losing = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int is_lost;
// Errors after which the driver answers every call with the same.
static int is_sticky(CUresult e) { return e == 214 || e == 700 || e == 702 || e == 709 || e == 710 || (e >= 714 && e <= 719); }
static int refuse(job *j, int code, const char *what, const char *why) {
  if (j->code) return 0;
  j->code = code;
  snprintf(j->text, sizeof j->text, "CUDA: %s: %s", what, why);
  return 0;
}
static int refuse_plainly(job *j, int code, const char *text) {
  if (j->code) return 0;
  j->code = code;
  snprintf(j->text, sizeof j->text, "%s", text);
  return 0;
}
// 1 if a call of the driver was good.
static int good(job *j, CUresult error, const char *what) {
  char text[200];
  if (!error) return 1;
  sn_cuda_text(error, text, sizeof text);
  pthread_mutex_lock(&losing);
  if (is_sticky(error) && !is_lost) {
    snprintf(lost, sizeof lost, "CUDA: %s (%s): the device's context is lost, and with it what was in its memory; nothing runs on it in this process any more", text, what);
    is_lost = 1;
  }
  pthread_mutex_unlock(&losing);
  return is_lost ? refuse_plainly(j, SN_E_DEVICE, lost) : refuse(j, error == CUDA_ERROR_OUT_OF_MEMORY ? SN_E_MEMORY : SN_E_DEVICE, what, text);
}
const char *sn_cuda_lost(void) { return is_lost ? lost : 0; }
static int64_t since(const struct timespec *from) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - from->tv_sec) * 1000000000ll + now.tv_nsec - from->tv_nsec;
}
// Between two looks for the end of something: a sleep for a small part of the time that it has been waited for, at most half a millisecond.
static void rest_between(const struct timespec *from) {
  const int64_t waited = since(from);
  if (waited > SPIN) nanosleep(&(struct timespec){0, waited > 32000000 ? 500000 : waited / 64}, 0);
}
static CUresult settle(CUevent e) {
  struct timespec from;
  CUresult r;
  clock_gettime(CLOCK_MONOTONIC, &from);
  while ((r = sn_cuda.query(e)) == CUDA_ERROR_NOT_READY) rest_between(&from);
  return r;
}

// ---- order --------------------------------------------------------------------------------------------------------------
// The job of a task in flight of the same context, by its index; null if it has ended.
static job *job_of(const context *c, int index) {
  for (unsigned i = 0; i < JOBS; i++) if (tasks[i].c == c && tasks[i].index == index) return &jobs[i];
  return 0;
}
// Whether all that a job waits for is on a stream.
static int may_issue(const job *j) {
  for (uint64_t w = atomic_load(&j->t->waits); w; w &= w - 1) {
    const job *before = job_of(j->t->c, __builtin_ctzll(w));
    if (before && !before->issued) return 0;
  }
  return 1;
}
// Lets the stream of a job wait for what it waits for on other streams.
static void order(job *j) {
  for (uint64_t w = atomic_load(&j->t->waits); w; w &= w - 1) {
    const job *before = job_of(j->t->c, __builtin_ctzll(w));
    if (before && before->lane != j->lane) sn_cuda.stream_waits(streams[j->lane], before->done, 0);
  }
}

// ---- commands -----------------------------------------------------------------------------------------------------------
static uint64_t wide(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }
static CUdeviceptr at(const binding *b, uint64_t offset) { return (CUdeviceptr)(uintptr_t)b->m.handle + b->at + offset; }
const char *sn_cuda_read(const task *t, const uint32_t *w, uint32_t n, sn_launching *x) {
  const char *why = sn_read_launch(t, w, n, &x->l);
  if (why) return why;
  for (uint32_t i = 0; i < x->l.p->buffers; i++) {
    const binding *b = t->b + x->l.buffers[3 * i];
    if (b->device != t->device) return "memory of another device is bound";
    x->pointers[i] = at(b, wide(x->l.buffers + 3 * i + 1));
    x->arguments[i] = &x->pointers[i];
  }
  x->arguments[x->l.p->buffers] = (void *)x->l.constants;
  x->function = ((kernel *)x->l.p->kernel)->function;
  return 0;
}
static int launch_kernel(job *j, const uint32_t *w, uint32_t n, CUstream stream) {
  sn_launching x;
  const char *why = sn_cuda_read(j->t, w, n, &x);
  if (why) return refuse(j, SN_E_WORDS, x.l.p ? x.l.p->name : "launch", why);
  const uint32_t *g = x.l.groups, *t = x.l.threads;
  // Its text waits for all that is before it.
  CUattribute overlapping = {.which = CU_ATTRIBUTE_OVERLAPS, .value.flag = 1};
  const CUlaunch launch = {g[0], g[1], g[2], t[0], t[1], t[2], 0, stream, &overlapping, 1};
  const CUresult r = (sn_cuda_records(stream) ? edges : overlaps) ? sn_overlaps.launch(&launch, x.function, x.arguments, 0)
    : sn_cuda.launch(x.function, g[0], g[1], g[2], t[0], t[1], t[2], 0, stream, x.arguments, 0);
  return good(j, r, x.l.p->name);
}
static int call_routine(job *j, const uint32_t *w, uint32_t n, CUstream stream) {
  sn_checked r;
  if (j->lane != COMPUTE && j->lane != LATE) return refuse(j, SN_E_WORDS, "call", "is for the first stream");
  context *scribe = scribes[j->lane];
  const int code = sn_read_call(scribe, w, n, j->t->b, j->t->nb, &r);
  if (code) return refuse(j, code, "call", sn_written(scribe));
  if (!r.touched) return 1;
  if (!strcmp(r.routine->name, "copy"))
    return good(j, sn_cuda.within((CUdeviceptr)(uintptr_t)r.p[1], (CUdeviceptr)(uintptr_t)r.p[0], (size_t)r.n[0], stream), "copy");
  if (!strncmp(r.routine->name, "gemm.", 5)) {
    // What is kept of products is under the lock, which the thread of late tasks does not hold.
    if (j->lane == LATE) pthread_mutex_lock(&lock);
    const int failed = sn_cuda_gemm(&r.call, r.routine->name + 5, stream);
    if (j->lane == LATE) pthread_mutex_unlock(&lock);
    return failed ? refuse(j, SN_E_ROUTINE, r.routine->name, r.text) : 1;
  }
  const int failed = sn_cuda_solve(&r.call, r.routine->name, stream, &verdicts[j - jobs]);
  return failed ? refuse_plainly(j, failed, r.text) : 1;
}
// Between host and device, in pieces: while one is on its way, the thread fills or empties the other. A copy to the host is complete at the end.
static int move_pieces(job *j, const copy *c) {
  const int up = j->lane == UP;
  char *host = (up ? c->from->m.host : c->to->m.host) + (up ? c->at_from : c->at_to);
  const CUdeviceptr device = up ? at(c->to, c->at_to) : at(c->from, c->at_from);
  const uint64_t n = (c->bytes + PIECE - 1) / PIECE;
  atomic_fetch_add(&sn_cuda_counts[up ? SN_CUDA_UP : SN_CUDA_DOWN], c->bytes);
  for (uint64_t k = 0; k <= n; k++) {
    const uint64_t from = k * PIECE, bytes = k < n && c->bytes - from < PIECE ? c->bytes - from : PIECE;
    void *memory = pieces[j->lane][k % 2].memory;
    const CUevent free = pieces[j->lane][k % 2].free;
    if (k < n) {
      if (up) {
        if (!good(j, settle(free), "copy to the device")) return 0;
        memcpy(memory, host + from, bytes);
      }
      const CUresult r = up ? sn_cuda.to_device(device + from, memory, bytes, streams[UP]) : sn_cuda.to_host(memory, device + from, bytes, streams[DOWN]);
      if (!good(j, r, "copy") || !good(j, sn_cuda.record(free, streams[j->lane]), "copy")) return 0;
    }
    if (up || k == 0) continue;
    const uint64_t before = from - PIECE, ready = c->bytes - before < PIECE ? c->bytes - before : PIECE;
    if (!good(j, settle(pieces[DOWN][(k - 1) % 2].free), "copy to the host")) return 0;
    memcpy(host + before, pieces[DOWN][(k - 1) % 2].memory, ready);
  }
  return 1;
}
static int run_copy(job *j, const uint32_t *w, uint32_t n) {
  copy c;
  const char *why = sn_read_copy(j->t, w, n, &c);
  if (why) return refuse(j, SN_E_WORDS, "copy", why);
  if (c.bytes == 0) return 1;
  if (c.to->device == c.from->device) return good(j, sn_cuda.within(at(c.to, c.at_to), at(c.from, c.at_from), c.bytes, streams[j->lane]), "copy");
  const int up = c.to->device == j->t->device;
  if (j->lane != (up ? UP : DOWN)) return refuse(j, SN_E_WORDS, "copy", "between devices is for the second stream, one direction a submission");
  if (!(up ? c.from : c.to)->m.host) return refuse(j, SN_E_WORDS, "copy", "the other device's memory is not the host's");
  return move_pieces(j, &c);
}
// Puts a command of a job on a stream.
static int encode_command(void *job_, const uint32_t *w, CUstream stream) {
  job *j = job_;
  const uint32_t n = w[1];
  switch (w[0]) {
    case SN_LAUNCH: return launch_kernel(j, w + 2, n - 2, stream);
    case SN_CALL: return call_routine(j, w, n, stream);
    case SN_COPY: return run_copy(j, w + 2, n - 2);
    default: return refuse(j, SN_E_WORDS, "command", "a GPU does not run it");
  }
}
static int run_command(void *job_, const uint32_t *w, uint32_t n) {
  job *j = job_;
  (void)n;
  if (w[0] == SN_LAUNCH) atomic_fetch_add(&sn_cuda_counts[SN_CUDA_LAUNCHED], 1);
  encode_command(j, w, streams[j->lane]);
  return j->code;
}
static void refuse_verdict(job *j) {
  if (verdicts[j - jobs]) refuse_plainly(j, SN_E_ROUTINE, sn_cuda_verdict(verdicts[j - jobs]));
}
// Reads a flag behind all that is on the stream.
static int read_flag(void *job_, const binding *b, uint64_t offset, void *value, uint32_t bytes) {
  job *j = job_;
  const int doomed = sn_settled(j->t);
  atomic_fetch_add(&sn_cuda_counts[SN_CUDA_FLAGS], 1);
  if (doomed) refuse(j, doomed, "loop", "what it reads was not computed");
  else if (j->lane != LATE || b->device != j->t->device) refuse(j, SN_E_WORDS, "loop", "its flag is not in the device's memory");
  else if (good(j, sn_cuda.to_host(flag, at(b, offset), bytes, streams[LATE]), "flag") && good(j, sn_cuda.record(j->done, streams[LATE]), "flag")
    && good(j, settle(j->done), "flag")) refuse_verdict(j);
  memcpy(value, flag, bytes);
  return j->code;
}
// Runs passes like those before them.
static int run_again(void *job_, passes *p) {
  job *j = job_;
  uint32_t launched = 0;
  pthread_mutex_lock(&lock);
  const int replayed = !is_lost && sn_cuda_pass(p, streams[j->lane], encode_command, j, &launched);
  pthread_mutex_unlock(&lock);
  if (!replayed) { j->code = 0; return sn_run_passes(p); }
  atomic_fetch_add(&sn_cuda_counts[SN_CUDA_LAUNCHED], launched);
  atomic_fetch_add(&sn_cuda_counts[SN_CUDA_REPLAYED], 1);
  return 0;
}
// Puts the commands of a job on its stream, and its event behind them.
static void encode(job *j) {
  const task *t = j->t;
  const CUstream stream = streams[j->lane];
  if (is_lost) refuse_plainly(j, SN_E_DEVICE, lost);
  const int bad = j->code;
  uint32_t launched = 0;
  if (!bad && j->lane == COMPUTE && sn_cuda_replay(t, stream, encode_command, j, &launched)) {
    atomic_fetch_add(&sn_cuda_counts[SN_CUDA_LAUNCHED], launched);
    atomic_fetch_add(&sn_cuda_counts[SN_CUDA_REPLAYED], 1);
  } else if (!bad) {
    j->code = 0;                       // of a recording that failed
    context *scribe = scribes[j->lane];
    const int code = sn_commands(&(runner){j, scribe, t->b, t->nb, run_command, read_flag, run_again, sn_cuda_forget_passes}, t->words + t->at, t->n - t->at);
    if (code && !j->code) refuse(j, code, "commands", sn_written(scribe));
  }
  // Also of a task that failed midway: what it has on the stream must end before its memory is free.
  good(j, sn_cuda.record(j->done, streams[j->lane]), "event");
}

// ---- threads ------------------------------------------------------------------------------------------------------------
// The first job of a line that may go on its stream, or null.
static job *ready(int lane) {
  job *j = pending[lane].head;
  while (j && !may_issue(j)) j = j->next;
  if (j) { take(&pending[lane], j); order(j); }
  return j;
}
// A job is on its stream: so may those be that waited for it.
static void issued(job *j) {
  j->issued = 1;
  if (j->lane == COMPUTE) {
    append(&running, j);
    atomic_store(&j->t->reaped, 1);
    if (asleep) pthread_cond_signal(&work[COMPUTE]);
  }
  for (int i = UP; i < LANES; i++) if (pending[i].head) pthread_cond_signal(&work[i]);
}
static void compute(void) { for (job *j; (j = ready(COMPUTE));) { encode(j); issued(j); } }
// Completes a job that has ended.
static void finish(job *j, CUresult error) {
  char text[sizeof j->text];
  good(j, error, "task");
  refuse_verdict(j);
  verdicts[j - jobs] = 0;
  pthread_mutex_lock(&lock);
  task *t = j->t;
  const int code = j->code;
  memcpy(text, j->text, sizeof text);
  *j = (job){.done = j->done};
  tasks[j - jobs].c = 0;
  pthread_cond_signal(&room);
  pthread_mutex_unlock(&lock);
  sn_done(t, code, text);
}
// Completes the computing jobs that have ended, and says whether there are others.
static int collect(int *left) {
  int n = 0;
  for (;; n++) {
    pthread_mutex_lock(&lock);
    job *j = running.head;
    const CUresult r = j ? sn_cuda.query(j->done) : CUDA_ERROR_NOT_READY;
    if (r == CUDA_ERROR_NOT_READY) *left = j != 0;
    else take(&running, j);
    pthread_mutex_unlock(&lock);
    if (r == CUDA_ERROR_NOT_READY) return n;
    finish(j, r);
  }
}
void sn_cuda_reap(void) {
  struct timespec from;
  int left;
  sn_cuda_enter();
  clock_gettime(CLOCK_MONOTONIC, &from);
  while (!collect(&left) && left) rest_between(&from);
}
void sn_cuda_hurry(void) {
  pthread_mutex_lock(&lock);
  hurried = 1;
  pthread_cond_signal(&work[COMPUTE]);
  pthread_mutex_unlock(&lock);
}
static void *finisher(void *none) {
  (void)none;
  sn_cuda_enter();
  for (unsigned idle = 0;;) {
    struct timespec until;
    int left;
    pthread_mutex_lock(&lock);
    while (!running.head && idle > TICKS) { asleep = 1; pthread_cond_wait(&work[COMPUTE], &lock); asleep = 0; idle = 0; }
    idle = running.head ? 0 : idle + 1;
    if (!running.head) hurried = 0;
    if (!hurried) {
      clock_gettime(CLOCK_REALTIME, &until);
      until.tv_nsec += TICK;
      if (until.tv_nsec >= 1000000000) { until.tv_sec++; until.tv_nsec -= 1000000000; }
      pthread_cond_timedwait(&work[COMPUTE], &lock, &until);
    }
    const int hurry = hurried;
    pthread_mutex_unlock(&lock);
    if (hurry) sn_cuda_reap(); else collect(&left);
  }
  return 0;
}
// A thread that puts the tasks of its lane on their stream, and waits for each.
static void *carrier(void *lane_) {
  const int lane = (int)(intptr_t)lane_;
  sn_cuda_enter();
  for (;;) {
    job *j;
    pthread_mutex_lock(&lock);
    while (!(j = ready(lane))) pthread_cond_wait(&work[lane], &lock);
    pthread_mutex_unlock(&lock);
    encode(j);
    pthread_mutex_lock(&lock);
    issued(j);
    compute();
    pthread_mutex_unlock(&lock);
    finish(j, settle(j->done));
  }
  return 0;
}
// Whether the thread that puts a task on its stream may wait for the device: for a library, or to read a flag.
static int lingers(const task *t) {
  for (uint32_t at = t->at, n; (n = sn_next(t->words + at, t->n - at)); at += n)
    if (t->words[at] == SN_CALL && n > 2 && sn_cuda_late(t->words[at + 2])) return 1;
  return sn_steers(t);
}
// The lane of a task: a copy goes by the direction of its first command.
static int lane_of(const task *t) {
  if (t->stream != SN_TRANSFER || t->n - t->at < 10 || t->words[t->at + 2] >= t->nb) return lingers(t) ? LATE : COMPUTE;
  return t->b[t->words[t->at + 2]].device == t->device ? UP : DOWN;
}
void sn_cuda_enqueue(task *t) {
  job *j = 0;
  sn_cuda_enter();
  pthread_mutex_lock(&lock);
  // A context has far fewer tasks in flight than there are jobs, so that some job of another ends without the lock of this one.
  while (!j) {
    for (unsigned i = 0; i < JOBS && !j; i++) if (!jobs[i].t) j = &jobs[i];
    if (!j) pthread_cond_wait(&room, &lock);
  }
  j->t = t;
  tasks[j - jobs].c = t->c;
  tasks[j - jobs].index = t->index;
  j->lane = lane_of(t);
  append(&pending[j->lane], j);
  if (j->lane == COMPUTE) compute();
  else pthread_cond_signal(&work[j->lane]);
  pthread_mutex_unlock(&lock);
}
const char *sn_cuda_open_streams(void) {
  static const char *const none = "the CUDA device gives no streams";
  pthread_t thread;
  for (int i = 0; i < LANES; i++) if (!(scribes[i] = sn_scribe())) return none;
  int major = 0;
  sn_cuda.attribute(&major, CU_MAJOR, 0);
  overlaps = major >= 9 && !sn_cuda_bind_overlaps();
  edges = overlaps && !sn_cuda_bind_edges();
  sn_cuda_open_graphs();
  for (int i = 0; i < LATE; i++) if (sn_cuda.new_stream(&streams[i], CU_STREAM_NON_BLOCKING)) return none;
  streams[LATE] = streams[COMPUTE];
  if (sn_cuda.allocate_host((void **)&verdicts, sizeof *verdicts * JOBS)) return none;
  memset(verdicts, 0, sizeof *verdicts * JOBS);
  if (sn_cuda.allocate_host((void **)&flag, 8)) return none;
  for (int i = 0; i < JOBS; i++) if (sn_cuda.new_event(&jobs[i].done, CU_EVENT_DISABLE_TIMING)) return none;
  for (int i = UP; i <= DOWN; i++) for (int k = 0; k < 2; k++)
    if (sn_cuda.allocate_host(&pieces[i][k].memory, PIECE) || sn_cuda.new_event(&pieces[i][k].free, CU_EVENT_DISABLE_TIMING)) return none;
  for (int i = COMPUTE; i < LANES; i++) {
    if (pthread_create(&thread, 0, i == COMPUTE ? finisher : carrier, (void *)(intptr_t)i)) return "its threads cannot be started";
    pthread_detach(thread);
  }
  return 0;
}
