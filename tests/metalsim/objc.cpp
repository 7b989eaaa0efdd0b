// objc.cpp: the Objective-C runtime: classes, selectors, messages, reference counts and autorelease pools, each use checked.
#include "sim.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
extern "C" { __attribute__((visibility("default"))) void *_NSConcreteGlobalBlock[32]; }
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static list<text> violations;
// The counts of this process; or, in a file that METALSIM_COUNTS names, of all processes that are told of it.
static int64_t own_counts[SIM_COUNTS];
static int64_t *counts_at() {
  const char *path = getenv("METALSIM_COUNTS");
  int fd = path && *path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
  void *p = fd >= 0 && ftruncate(fd, sizeof own_counts) == 0 ? mmap(nullptr, sizeof own_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (fd >= 0) close(fd);
  return p == MAP_FAILED ? own_counts : (int64_t *)p;
}
static int64_t *const counts = counts_at();
void count(int what, int64_t by) { __atomic_add_fetch(counts + what, by, __ATOMIC_RELAXED); }

text format(const char *f, ...) {
  char *s;
  va_list a;
  va_start(a, f);
  if (vasprintf(&s, f, a) < 0) abort();
  va_end(a);
  text t(s);
  free(s);
  return t;
}
void violation(const char *f, ...) {
  char *s;
  va_list a;
  va_start(a, f);
  if (vasprintf(&s, f, a) < 0) abort();
  va_end(a);
  fprintf(stderr, "[metalsim] %s\n", s);
  count(SIM_BROKEN);
  locked l(&lock);
  violations.push(s);
  free(s);
}
static uint64_t from_environment(const char *name, uint64_t otherwise) { const char *s = getenv(name); return s ? strtoull(s, nullptr, 10) : otherwise; }
uint64_t sim_settings[SIM_SETTINGS] = {from_environment("METALSIM_SEED", 0), from_environment("METALSIM_CHECKED", 0), from_environment("METALSIM_MACOS", 15), from_environment("METALSIM_FAMILY", 7)};
static uint64_t state = sim_settings[SIM_SEED];
uint32_t chance(uint32_t n) {
  if (!sim_settings[SIM_SEED]) return 0;
  uint64_t z = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);   // SplitMix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) % n);
}
// What tests ask of the simulator: the violations so far (which are then forgotten), and what is counted.
SIM_EXPORT uint32_t metalsim_violations(char *out, uint32_t cap) {
  locked l(&lock);
  uint32_t n = (uint32_t)violations.n;
  text all;
  for (const text &v : violations) all.add(v).add("\n");
  if (cap) snprintf(out, cap, "%s", all.str());
  violations.clear();
  return n;
}
SIM_EXPORT void metalsim_set(uint32_t which, double value) {
  if (which >= SIM_SETTINGS) return;
  sim_settings[which] = (uint64_t)value;
  if (which == SIM_SEED) state = (uint64_t)value;
}
/** Makes this library the one that Metal is opened from. */
SIM_EXPORT void metalsim_install(void) {
  Dl_info self;
  if (dladdr((void *)metalsim_install, &self)) setenv("SINTER_METAL_LIBRARY", self.dli_fname, 1);
}
SIM_EXPORT double metalsim_count(uint32_t which) {
  return which < SIM_COUNTS ? (double)__atomic_load_n(counts + which, __ATOMIC_RELAXED) : -1;
}

// ---- selectors, references, pools
SIM_EXPORT SEL sel_registerName(const char *name) {
  static list<char *> known;
  locked l(&lock);
  for (char *k : known) if (strcmp(k, name) == 0) return k;
  return known.push(strdup(name));
}
object::object(const char *name) : isa(class_named(name)) { count(SIM_LIVE); }
object::~object() { count(SIM_LIVE, -1); }
id retain(id o) {
  if (o && __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED) <= 1) violation("retain of a dead %s", class_name(o->isa));
  return o;
}
void release(id o) {
  if (!o) return;
  int32_t left = __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL);
  if (left == 0) { Class c = o->isa; o->~object(); o->isa = c; o->refs = 0; }
  if (left < 0) violation("release of a dead %s", class_name(o->isa));
}
static thread_local list<id> *pending;
static thread_local size_t depth;
id autoreleased(id o) {
  if (!o) return o;
  if (!depth) { violation("%s is autoreleased with no pool in place: it leaks", class_name(o->isa)); return o; }
  pending->push(o);
  return o;
}
SIM_EXPORT void *objc_autoreleasePoolPush(void) {
  if (!pending) pending = new (malloc(sizeof *pending)) list<id>;
  depth++;
  pending->push(nullptr);                  // where this pool begins
  return (void *)pending->n;
}
SIM_EXPORT void objc_autoreleasePoolPop(void *pool) {
  if (!pending || (size_t)pool == 0 || (size_t)pool > pending->n || (*pending)[(size_t)pool - 1]) return violation("pop of a pool that is not in place");
  while (pending->n >= (size_t)pool) {
    id o = pending->last();
    pending->pop();
    if (o) release(o); else depth--;
  }
  if (pending->n == 0) { pending->~list(); free(pending); pending = nullptr; }
}
SIM_EXPORT id objc_retain(id o) { return retain(o); }
SIM_EXPORT void objc_release(id o) { release(o); }
SIM_EXPORT Class object_getClass(id o) { return o ? o->isa : nullptr; }
