// run.cpp: runs a dispatch on one OS thread. Threads that wait for others are fibers. The order of threads, SIMD groups and threadgroups follows
// the seed. In checked mode every load and store is compared with what may be touched and with what other threads touched since they last met.
#include "sim.h"
#include <sys/mman.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
extern "C" void sim_switch(void **save, void *load);
enum { STACK = 64 << 10 };
struct stamp { uint64_t phase; uint32_t dispatch, group, epoch, met; uint16_t thread, used; };   // who touched a byte last
struct shadow { stamp write, read; };
struct region { char *p; size_t bytes; memory *m; bool writable; int index; };
static struct {
  char *stacks;
  sim_thread *threads;
  void *scheduler;
  dispatch *d;
  sim_group group;
  uint32_t number, position;               // of this dispatch, of this threadgroup
  uint32_t epoch[2];                       // barriers so far that order threadgroup memory, device memory
  uint32_t met[2][SIM_THREADS / SIM_WIDTH];   // the same of each SIMD group
  list<region> regions;
  list<uint32_t> order;
  text fault;
  uint64_t accesses;                       // loads and stores that were checked
} x;
static size_t kept_shadows;
size_t shadows_kept() { return __atomic_load_n(&kept_shadows, __ATOMIC_RELAXED); }
void forget_shadows(memory &m) {
  if (m.shadows) __atomic_sub_fetch(&kept_shadows, m.bytes * sizeof(shadow), __ATOMIC_RELAXED);
  free(m.shadows);
  m.shadows = nullptr;
}

static void back(sim_thread *t) { sim_switch(&t->stack, x.scheduler); }
static void fiber() {
  sim_thread *t = *x.d->code->library->current;
  x.d->kernel->run(&x.group, t);
  t->state = SIM_DONE;
  back(t);
}
static void begin_fiber(uint32_t i) {
  char *top = x.stacks + (size_t)(i + 1) * STACK - 64;
#if defined(__x86_64__)
  void **s = (void **)top;
  *--s = nullptr;
  *--s = (void *)fiber;
  for (int k = 0; k < 6; k++) *--s = nullptr;
#else
  void **s = (void **)(top - 160);
  memset(s, 0, 160);
  s[1] = (void *)fiber;
#endif
  x.threads[i].stack = s;
}
static void resume(uint32_t i) {
  sim_thread *t = x.threads + i;
  *x.d->code->library->current = t;
  sim_switch(&x.scheduler, t->stack);
}

static const char *race_of(const stamp &old, const stamp &now, bool shared) {
  if (!old.used || old.phase < now.phase) return nullptr;
  if (old.dispatch != now.dispatch) return shared ? nullptr : "a dispatch that no barrier orders";
  if (old.group != now.group) return "another threadgroup";
  if (old.thread / SIM_WIDTH == now.thread / SIM_WIDTH && old.met != now.met) return nullptr;
  return old.thread != now.thread && old.epoch == now.epoch ? "another thread of the threadgroup since the last barrier" : nullptr;
}
static void access(const void *at, sim_u32 bytes, int write) {
  const char *p = (const char *)at;
  const sim_thread *t = *x.d->code->library->current;
  const char *stack = x.stacks + (size_t)t->index * STACK;
  // Its own stack, and the simulator's description of the threads, which inlined functions read.
  if (p >= stack && p < stack + STACK) return;
  if (!write && ((p >= (char *)x.threads && p < (char *)(x.threads + SIM_THREADS)) || (p >= (char *)&x && p < (char *)(&x + 1)))) return;
  x.accesses++;
  if (x.fault.size()) return;
  for (region &r : x.regions) {
    if (p < r.p || p >= r.p + r.bytes) continue;
    if (p + bytes > r.p + r.bytes) break;
    if (write && !r.writable) continue;
    bool shared = r.index < 0;
    size_t whole = r.m->bytes, first = (size_t)(p - r.m->p);
    if (!r.m->shadows) {
      r.m->shadows = (shadow *)calloc(whole, sizeof(shadow));
      __atomic_add_fetch(&kept_shadows, whole * sizeof(shadow), __ATOMIC_RELAXED);
    }
    stamp now = {x.d->phase, x.number, x.position, x.epoch[shared ? 0 : 1], x.met[shared ? 0 : 1][t->simd], (uint16_t)t->index, 1};
    for (size_t i = first; i < first + bytes; i++) {
      shadow &s = r.m->shadows[i];
      const char *with = race_of(s.write, now, shared);
      if (!with && write) with = race_of(s.read, now, shared);
      if (with) {
        text where = shared ? text("threadgroup memory") : format("buffer %d", r.index);
        x.fault = format("thread %u of threadgroup %u %s byte %zu of %s, which was touched by %s", t->index, x.position, write ? "writes" : "reads",
          (size_t)(p - r.p), where.str(), with);
        return;
      }
      (write ? s.write : s.read) = now;
    }
    return;
  }
  if (!write && p >= x.d->code->base && p < x.d->code->end) return;
  x.fault = format("thread %u of threadgroup %u %s %u bytes out of bounds", t->index, x.position, write ? "writes" : "reads", bytes);
  for (region &r : x.regions)
    if (p + bytes > r.p && p < r.p + r.bytes + 4096)
      x.fault.add(format(" (byte %zd of the %zu of buffer %d%s)", p - r.p, r.bytes, r.index, r.writable ? "" : ", which is constant"));
}

static void shuffle(list<uint32_t> &o, uint32_t n) {
  o.clear();
  for (uint32_t i = 0; i < n; i++) o.push(i);
  for (uint32_t i = n; i > 1; i--) { uint32_t k = i - 1 - chance(i), s = o[k]; o[k] = o[i - 1]; o[i - 1] = s; }
}
// Lets the SIMD group whose first thread is `from` go on if all of its threads wait for it; an error text if they never can.
static text meet(uint32_t from, bool &moved) {
  uint32_t end = from + SIM_WIDTH < x.group.count ? from + SIM_WIDTH : x.group.count, waiting = 0, site = 0, flags = 0;
  bool elsewhere = false, mixed = false;
  for (uint32_t i = from; i < end; i++) {
    const sim_thread &t = x.threads[i];
    if (t.state == SIM_RUN || t.state == SIM_GROUP) elsewhere = true;
    if (t.state != SIM_SIMD) continue;
    if (waiting++ && t.site != site) mixed = true;
    site = t.site; flags = t.flags;
  }
  if (!waiting) return text();
  if (elsewhere || mixed) return format("a SIMD-group function at line %u is not reached by all threads of its SIMD group", site / 1000);
  for (uint32_t i = from; i < end; i++) if (x.threads[i].state == SIM_SIMD) x.threads[i].state = SIM_RUN;
  if (flags & SIM_MEM_THREADGROUP) x.met[0][from / SIM_WIDTH]++;
  if (flags & SIM_MEM_DEVICE) x.met[1][from / SIM_WIDTH]++;
  moved = true;
  return text();
}
static text run_fibers() {
  sim_group &g = x.group;
  for (uint32_t i = 0; i < g.count; i++) begin_fiber(i);
  for (;;) {
    shuffle(x.order, g.count);
    for (uint32_t i : x.order) if (x.threads[i].state == SIM_RUN) resume(i);
    if (x.fault.size()) return x.fault;
    bool moved = false;
    for (uint32_t from = 0; from < g.count; from += SIM_WIDTH) if (text e = meet(from, moved); e.size()) return e;
    if (moved) continue;
    uint32_t done = 0, site = 0, flags = 0;
    bool mixed = false;
    for (uint32_t i = 0; i < g.count; i++) {
      const sim_thread &t = x.threads[i];
      if (t.state == SIM_DONE) { done++; continue; }
      if (site && t.site != site) mixed = true;
      site = t.site; flags = t.flags;
    }
    if (done == g.count) return text();
    if (done) return format("%u threads returned before the threadgroup_barrier at line %u", done, site / 1000);
    if (mixed) return format("threads wait at different calls of threadgroup_barrier, one at line %u", site / 1000);
    for (uint32_t i = 0; i < g.count; i++) x.threads[i].state = SIM_RUN;
    if (flags & SIM_MEM_THREADGROUP) x.epoch[0]++;
    if (flags & SIM_MEM_DEVICE) x.epoch[1]++;
  }
}
static void number_threads(const uint32_t *size) {
  uint32_t n = 0;
  for (uint32_t c = 0; c < size[2]; c++)
    for (uint32_t b = 0; b < size[1]; b++)
      for (uint32_t a = 0; a < size[0]; a++, n++) {
        sim_thread &t = x.threads[n];
        const uint32_t at[3] = {a, b, c};
        for (int k = 0; k < 3; k++) { t.in_group[k] = at[k]; t.in_grid[k] = x.group.position[k] * size[k] + at[k]; }
        t.index = n; t.lane = n % SIM_WIDTH; t.simd = n / SIM_WIDTH; t.ops = 0; t.state = SIM_RUN;
      }
  x.group.count = n;
}
static text run_groups(dispatch &d) {
  const sim_library *lib = d.code->library;
  size_t shared = (size_t)(lib->shared_end - lib->shared);
  memory shared_memory = {lib->shared, shared, nullptr};
  if (shared) x.regions.push({lib->shared, shared, &shared_memory, true, -1});
  sim_group &g = x.group;
  g.threads = x.threads; g.wait = back; g.access = sim_settings[SIM_CHECKS] ? access : nullptr;
  for (int k = 0; k < 3; k++) { g.groups[k] = d.groups[k]; g.size[k] = d.size[k]; g.grid[k] = d.groups[k] * d.size[k]; }
  *lib->group = &g;
  list<uint32_t> order;
  shuffle(order, d.groups[0] * d.groups[1] * d.groups[2]);
  text e;
  for (uint32_t i : order) {
    x.position = i;
    g.position[0] = i % d.groups[0]; g.position[1] = i / d.groups[0] % d.groups[1]; g.position[2] = i / d.groups[0] / d.groups[1];
    number_threads(d.size);
    if (shared) memset(lib->shared, 0xff, shared);        // what nobody wrote is NaN
    forget_shadows(shared_memory);
    if (d.code->waits || g.access) e = run_fibers();
    else {
      shuffle(x.order, g.count);
      for (uint32_t t : x.order) { *lib->current = x.threads + t; d.kernel->run(&g, x.threads + t); }
    }
    if (e.size()) break;
  }
  forget_shadows(shared_memory);
  *lib->group = nullptr;
  return e;
}
text run(dispatch &d) {
  if (!x.stacks) {
    x.stacks = (char *)mmap(nullptr, (size_t)STACK * SIM_THREADS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    x.threads = (sim_thread *)aligned_alloc(64, sizeof(sim_thread) * SIM_THREADS);
    for (int i = 0; i < SIM_THREADS; i++) mprotect(x.stacks + (size_t)i * STACK, 4096, PROT_NONE);
  }
  x.d = &d;
  x.number++;
  x.fault = text();
  x.accesses = 0;
  x.regions.clear();
  memory constants[SIM_BUFFERS] = {};
  for (const char *s = d.kernel->arguments; *s;) {
    char *end;
    long i = strtol(s, &end, 10);
    bound &b = d.at[i];
    constants[i] = b.m ? memory{} : memory{(char *)b.bytes.p, b.bytes.n, nullptr};
    memory *m = b.m ? b.m : &constants[i];
    x.group.buffer[i] = m->p + b.offset;
    x.regions.push({m->p, m->bytes, m, *end == 'w', (int)i});   // of all of it, as strides may be negative
    s = end + 1;
  }
#if defined(__x86_64__)
  unsigned state = _mm_getcsr();
  _mm_setcsr(state | 0x8040);                             // Apple's GPUs take subnormal float32 for 0
  text e = run_groups(d);
  _mm_setcsr(state);
#else
  text e = run_groups(d);
#endif
  for (memory &m : constants) forget_shadows(m);
  count(SIM_DISPATCHED);
  count(SIM_ACCESSES, (int64_t)x.accesses);
  return e.size() ? format("kernel %s: %s", d.kernel->name, e.str()) : e;
}
