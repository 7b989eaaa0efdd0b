// metal.cpp: the classes of Foundation and Metal that the library uses, as strict as Metal with its validation on. Each method of the library's
// table has exactly one function here, of exactly the type in the table.
#include "sim.h"
#include "../../shim/metal/methods.h"
#include <sys/mman.h>
#include <unistd.h>
extern "C" void *_NSConcreteGlobalBlock[32];
enum { BYTES = 4096, FAIL_ON_MISS = 4 };   // the most of setBytes; an option of pipelines
static const size_t PAGE = (size_t)sysconf(_SC_PAGESIZE);
static const size_t BUFFER_LIMIT = 1ull << 33;

struct string : object { text s; explicit string(text s) : object("NSString"), s(s) {} };
struct failure : object { text s; explicit failure(text s) : object("NSError"), s(s) {} };
struct url : object { text path; explicit url(text p) : object("NSURL"), path(p) {} };
struct array : object { id one; explicit array(id o) : object("NSArray"), one(retain(o)) {} ~array() { release(one); } };
struct process : object { process() : object("NSProcessInfo") {} };
struct gpu : object { gpu() : object("MTLDevice") {} };
// The newest language of the macOS that is simulated.
static NSUInteger newest() { uint64_t macos = sim_settings[SIM_MACOS]; return macos >= 15 ? 0x30002 : macos == 14 ? 0x30001 : 0x30000; }
struct options : object { bool fast = true, approximate = true; NSUInteger version = newest(); options() : object("MTLCompileOptions") {} };
struct archive_options : object { id where = nullptr; archive_options() : object("MTLBinaryArchiveDescriptor") {} ~archive_options() { release(where); } };
struct library : object { const program *code; explicit library(const program *c) : object("MTLLibrary"), code(c) {} };
struct function : object {
  library *of; const sim_kernel *kernel;
  function(library *l, const sim_kernel *k) : object("MTLFunction"), of(l), kernel(k) { retain(l); }
  ~function() { release(of); }
};
struct archive : object {
  list<text> entries;
  archive() : object("MTLBinaryArchive") {}
  static text entry(const function *f) { return format("%s %s", f->of->code->key, f->kernel->name); }
  bool has(const function *f) const { for (const text &e : entries) if (e.is(entry(f).str())) return true; return false; }
};
struct pipeline_options : object {
  function *f = nullptr; array *archives = nullptr;
  pipeline_options() : object("MTLComputePipelineDescriptor") {}
  ~pipeline_options() { release(f); release(archives); }
};
struct pipeline : object { function *f; explicit pipeline(function *f) : object("MTLComputePipelineState"), f(f) { retain(f); } ~pipeline() { release(f); } };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, gpu_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
struct buffer : object {
  memory m; bool own; size_t whole;
  static list<buffer *> all;
  buffer(char *p, size_t bytes, bool own) : object("MTLBuffer"), m{p, bytes, nullptr}, own(own), whole((bytes + PAGE - 1) / PAGE * PAGE) { locked l(&lock); all.push(this); }
  ~buffer() {
    { locked l(&lock); for (buffer *&b : all) if (b == this) { b = all.last(); all.pop(); break; } }
    forget_shadows(m);
    if (own) munmap(m.p, whole);
  }
};
list<buffer *> buffer::all;
// A test may say how much of a buffer is in use, where the library leaves room behind it.
SIM_EXPORT void metalsim_limit(double address, double bytes) {
  locked l(&lock);
  for (buffer *b : buffer::all) if (b->m.p == (char *)(uintptr_t)address && bytes <= (double)b->whole) { forget_shadows(b->m); b->m.bytes = bytes < 0 ? b->whole : (size_t)bytes; }
}
struct queue;
struct command { dispatch d; pipeline *p; buffer *from, *to; size_t at_from, at_to, bytes; };
struct block { void *isa; int flags, reserved; void (*invoke)(void *, id); const void *descriptor; };
enum { ENCODING = 0, COMMITTED = 2, COMPLETED = 4, FAILED = 5 };
struct command_buffer : object {
  queue *q;
  list<command> commands;
  list<id> kept;                           // what it uses lives until it is done
  list<block *> handlers;
  int state = ENCODING;
  bool open = false;                       // an encoder has not ended
  text bad;
  failure *error = nullptr;
  explicit command_buffer(queue *q);
  ~command_buffer();
  void keep(id o) { kept.push(retain(o)); }
};
struct encoder : object {
  command_buffer *of;
  bool concurrent, ended = false;
  command next{};
  encoder(const char *name, command_buffer *b, bool concurrent) : object(name), of(b), concurrent(concurrent) { retain(b); b->open = true; }
  ~encoder() { if (!ended) violation("a %s is released before endEncoding", class_name(isa)); release(of); }
};
struct queue : object {
  size_t most, uncompleted = 0;
  list<command_buffer *> waiting;
  bool closing = false;
  pthread_t worker;
  explicit queue(size_t most);
  ~queue();
};
static const size_t MOST_SHADOWS = 256 << 20;
static uint64_t phases;                    // dispatches of one phase may run in any order and at once

static id string_of(text s) { return autorelease(new string(s)); }
static id fail(id *error, text why) {
  if (error) *error = autorelease(new failure(why));
  return nullptr;
}
template<class T> static T *as(id o, const char *name) {
  if (o && strcmp(class_name(o->isa), name) == 0) return (T *)o;
  violation("%s stands where %s is wanted", o ? class_name(o->isa) : "nil", name);
  return nullptr;
}

// ---- execution
static void execute(command_buffer *b) {
  locked l(&gpu_lock);
  text e = b->bad;
  // Within a phase in any order.
  for (size_t from = 0; from < b->commands.n;) {
    size_t to = from;
    list<size_t> order;
    for (; to < b->commands.n && b->commands[to].d.phase == b->commands[from].d.phase; to++) order.push(to);
    for (size_t i = order.n; i > 1; i--) { size_t k = i - 1 - chance((uint32_t)i), s = order[k]; order[k] = order[i - 1]; order[i - 1] = s; }
    for (size_t i : order) {
      command &c = b->commands[i];
      if (e.size()) continue;
      if (c.from) memmove(c.to->m.p + c.at_to, c.from->m.p + c.at_from, c.bytes);
      else e = run(c.d);
    }
    from = to;
    // Later phases come after all that was touched so far.
    if (shadows_kept() > MOST_SHADOWS) { locked g(&lock); for (buffer *o : buffer::all) forget_shadows(o->m); }
  }
  if (e.size()) { violation("%s", e.str()); b->error = new failure(e); }
}
static void finish(command_buffer *b) {
  {
    locked l(&lock);
    b->state = b->error ? FAILED : COMPLETED;
    b->q->uncompleted--;
  }
  for (block *h : b->handlers) h->invoke(h, b);
  for (id o : b->kept) release(o);
  b->kept.clear();
}
static void *work(void *arg) {
  queue *q = (queue *)arg;
  for (;;) {
    command_buffer *b = nullptr;
    {
      locked l(&lock);
      while (!q->waiting.n && !q->closing) pthread_cond_wait(&changed, &lock);
      if (!q->waiting.n) return nullptr;
      b = q->waiting[0];
      for (size_t i = 1; i < q->waiting.n; i++) q->waiting[i - 1] = q->waiting[i];
      q->waiting.pop();
    }
    if (chance(4)) usleep(chance(300));    // completion may come late
    execute(b);
    finish(b);
    release(b);
  }
}
queue::queue(size_t most) : object("MTLCommandQueue"), most(most) { pthread_create(&worker, nullptr, work, this); }
queue::~queue() {
  { locked l(&lock); closing = true; pthread_cond_broadcast(&changed); }
  if (pthread_equal(worker, pthread_self())) pthread_detach(worker); else pthread_join(worker, nullptr);
}
command_buffer::command_buffer(queue *q) : object("MTLCommandBuffer"), q(q) { retain(q); }
command_buffer::~command_buffer() {
  if (state == ENCODING) { locked l(&lock); q->uncompleted--; }
  for (id o : kept) release(o);
  release(error);
  release(q);
}

// ---- Foundation
static id imp_text_of(id, SEL, const char *s) { return string_of(s); }
static const char *imp_characters(id s, SEL) { return ((string *)s)->s.str(); }
static id imp_description(id e, SEL) { return string_of(((failure *)e)->s); }
static id imp_url_of(id, SEL, id path) { string *s = as<string>(path, "NSString"); return s ? autorelease(new url(s->s)) : nullptr; }
static id imp_array_of(id, SEL, id o) {
  if (!o) { violation("arrayWithObject: of nil"); return nullptr; }
  return autorelease(new array(o));
}
static id imp_new_object(id c, SEL) {
  const char *name = class_name((Class)c);
  if (!strcmp(name, "MTLCompileOptions")) return new options;
  if (!strcmp(name, "MTLComputePipelineDescriptor")) return new pipeline_options;
  if (!strcmp(name, "MTLBinaryArchiveDescriptor")) return new archive_options;
  violation("+[%s new] is not simulated", name);
  return nullptr;
}
static id imp_process_info(id, SEL) { return autorelease(new process); }
static BOOL imp_is_at_least(id, SEL, NSOperatingSystemVersion v) { return sim_settings[SIM_MACOS] >= (uint64_t)v.major; }

// ---- device
static id imp_device_name(id, SEL) { return string_of("Simulated Metal"); }
static BOOL imp_unified_memory(id, SEL) { return 1; }
static BOOL imp_supports_family(id, SEL, NSInteger f) { return (f >= 1001 && (uint64_t)f <= 1000 + sim_settings[SIM_FAMILY]) || (f >= 3001 && f <= 3003) || f == 2002 || (f == 5001 && sim_settings[SIM_FAMILY] >= 7); }
static unsigned long long imp_working_set(id, SEL) { return BUFFER_LIMIT; }
static NSUInteger imp_buffer_limit(id, SEL) { return BUFFER_LIMIT; }
static NSUInteger imp_shared_limit(id, SEL) { return SIM_SHARED; }
static MTLSize imp_threads_limit(id, SEL) { return {SIM_THREADS, SIM_THREADS, SIM_THREADS}; }
static bool good_options(NSUInteger o) {
  if (o == 0) return true;
  violation("resource options %#lx: the simulator knows shared storage, default cache and default hazard tracking only", o);
  return false;
}
static id imp_new_buffer(id, SEL, NSUInteger n, NSUInteger o) {
  if (!good_options(o)) return nullptr;
  if (n == 0) { violation("newBufferWithLength: 0"); return nullptr; }
  if (n > BUFFER_LIMIT) return nullptr;
  size_t whole = (n + PAGE - 1) / PAGE * PAGE;
  char *p = (char *)mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : new buffer(p, n, true);
}
static id imp_new_buffer_over(id, SEL, void *p, NSUInteger n, NSUInteger o, void *) {
  if (!good_options(o)) return nullptr;
  if (!p || n == 0 || ((uintptr_t)p | n) % PAGE) { violation("newBufferWithBytesNoCopy: %p and length %lu are not multiples of the page", p, n); return nullptr; }
  return new buffer((char *)p, n, false);
}
static id imp_new_queue(id, SEL, NSUInteger most) {
  if (most == 0) { violation("a command queue of no command buffers"); return nullptr; }
  return new queue(most);
}
static id imp_new_library(id, SEL, id source, id opt, id *error) {
  string *s = as<string>(source, "NSString");
  if (!s) return nullptr;
  const options *o = (options *)opt;
  text e;
  const program *c = compile(s->s, o ? o->version : newest(), o ? o->fast || o->approximate : true, e);
  return c ? new library(c) : fail(error, e);
}
static id imp_new_pipeline(id, SEL, id d, NSUInteger o, id *, id *error) {
  pipeline_options *p = as<pipeline_options>(d, "MTLComputePipelineDescriptor");
  if (o & ~FAIL_ON_MISS) violation("pipeline options %lu are not simulated", o);
  if (!p || !p->f) { violation("a compute pipeline without a function"); return fail(error, "no compute function"); }
  archive *a = p->archives ? as<archive>(p->archives->one, "MTLBinaryArchive") : nullptr;
  if ((o & FAIL_ON_MISS) && !(a && a->has(p->f))) return fail(error, "the archives do not have it");
  return new pipeline(p->f);
}
static id imp_new_archive(id, SEL, id d, id *error) {
  archive_options *o = as<archive_options>(d, "MTLBinaryArchiveDescriptor");
  if (!o) return nullptr;
  archive *a = new archive;
  if (!o->where) return a;
  FILE *f = fopen(((url *)o->where)->path.str(), "r");
  char line[4096];
  if (!f || !fgets(line, sizeof line, f) || strcmp(line, "metalsim archive\n")) {
    if (f) fclose(f);
    release(a);
    return fail(error, format("%s is no archive", ((url *)o->where)->path.str()));
  }
  while (fgets(line, sizeof line, f)) a->entries.push(text(line, strcspn(line, "\n")));
  fclose(f);
  return a;
}

// ---- options, libraries, archives, pipelines
static void imp_set_fast_math(id o, SEL, BOOL b) { ((options *)o)->fast = ((options *)o)->approximate = b; }
static void imp_set_math_mode(id o, SEL, NSInteger m) {
  if (m < 0 || m > 2) violation("math mode %ld", m);
  ((options *)o)->fast = m != 0;
}
static void imp_set_math_functions(id o, SEL, NSInteger f) {
  if (f < 0 || f > 1) violation("math functions %ld", f);
  ((options *)o)->approximate = f == 0;
}
static void imp_set_language(id o, SEL, NSUInteger v) {
  NSUInteger major = v >> 16, minor = v & 0xffff;
  if (!(major == 2 && minor <= 4) && !(major == 3 && v <= newest())) violation("language version %lu.%lu", major, minor);
  ((options *)o)->version = v;
}
static id imp_new_function(id l, SEL, id name) {
  string *s = as<string>(name, "NSString");
  library *lib = (library *)l;
  for (const sim_kernel *k = s ? lib->code->library->kernels : nullptr; k && k->name; k++) if (s->s.is(k->name)) return new function(lib, k);
  return nullptr;
}
static void imp_set_function(id d, SEL, id f) { pipeline_options *p = (pipeline_options *)d; retain(f); release(p->f); p->f = as<function>(f, "MTLFunction"); }
static void imp_set_archives(id d, SEL, id a) { pipeline_options *p = (pipeline_options *)d; retain(a); release(p->archives); p->archives = a ? as<array>(a, "NSArray") : nullptr; }
static void imp_set_url(id d, SEL, id u) { archive_options *o = (archive_options *)d; retain(u); release(o->where); o->where = u ? as<url>(u, "NSURL") : nullptr; }
static BOOL imp_archive_add(id a, SEL, id d, id *error) {
  pipeline_options *p = as<pipeline_options>(d, "MTLComputePipelineDescriptor");
  if (!p || !p->f) { fail(error, "no compute function"); return 0; }
  ((archive *)a)->entries.push(archive::entry(p->f));
  return 1;
}
static BOOL imp_archive_save(id a, SEL, id u, id *error) {
  url *where = as<url>(u, "NSURL");
  FILE *f = where ? fopen(where->path.str(), "w") : nullptr;
  if (!f) { fail(error, "the archive cannot be written"); return 0; }
  fputs("metalsim archive\n", f);
  for (const text &n : ((archive *)a)->entries) fprintf(f, "%s\n", n.str());
  return fclose(f) == 0;
}
static NSUInteger imp_threads_of(id, SEL) { return SIM_THREADS; }
static NSUInteger imp_width_of(id, SEL) { return SIM_WIDTH; }
static void *imp_contents_of(id b, SEL) { return ((buffer *)b)->m.p; }

// ---- command buffers
static id imp_command_buffer(id q, SEL) {
  queue *k = (queue *)q;
  {
    locked l(&lock);
    if (++k->uncompleted > k->most) violation("more than %zu command buffers are not completed: commandBuffer would block", k->most);
  }
  return autorelease(new command_buffer(k));
}
static bool may_encode(command_buffer *b) {
  if (b->state != ENCODING) violation("an encoder is asked for after commit");
  if (b->open) violation("an encoder is asked for before the last one ended");
  return b->state == ENCODING && !b->open;
}
static id imp_compute_encoder(id b, SEL, NSUInteger type) {
  if (type > 1) violation("dispatch type %lu", type);
  return may_encode((command_buffer *)b) ? autorelease(new encoder("MTLComputeCommandEncoder", (command_buffer *)b, type == 1)) : nullptr;
}
static id imp_blit_encoder(id b, SEL) {
  return may_encode((command_buffer *)b) ? autorelease(new encoder("MTLBlitCommandEncoder", (command_buffer *)b, false)) : nullptr;
}
static void imp_on_completed(id b, SEL, void *h) {
  command_buffer *c = (command_buffer *)b;
  block *k = (block *)h;
  if (c->state != ENCODING) return violation("addCompletedHandler: after commit");
  if (!k || k->isa != (void *)_NSConcreteGlobalBlock || !(k->flags & 1 << 28) || !k->invoke || !k->descriptor) return violation("addCompletedHandler: takes a malformed block");
  c->handlers.push(k);
}
static void imp_commit(id b, SEL) {
  command_buffer *c = (command_buffer *)b;
  if (c->open) violation("commit before endEncoding");
  if (c->state != ENCODING) return violation("commit for the second time");
  retain(c);
  locked l(&lock);
  c->state = COMMITTED;
  c->q->waiting.push(c);
  pthread_cond_broadcast(&changed);
}
static NSUInteger imp_status_of(id b, SEL) { locked l(&lock); return (NSUInteger)((command_buffer *)b)->state; }
static id imp_error_of(id b, SEL) { return ((command_buffer *)b)->error; }

// ---- encoders
static void spoil(encoder *e, text why) {
  violation("%s", why.str());
  if (e->of->bad.size() == 0) e->of->bad = why;
}
static bool encodes(id e) {
  if (!((encoder *)e)->ended) return true;
  violation("a command after endEncoding");
  return false;
}
static void imp_set_pipeline(id e, SEL, id p) {
  encoder *c = (encoder *)e;
  if (!encodes(e)) return;
  c->next.p = as<pipeline>(p, "MTLComputePipelineState");
  if (c->next.p) c->of->keep(p);
}
static void imp_set_buffer(id e, SEL, id b, NSUInteger offset, NSUInteger i) {
  encoder *c = (encoder *)e;
  buffer *m = as<buffer>(b, "MTLBuffer");
  if (!encodes(e) || !m) return;
  if (i >= SIM_BUFFERS) return violation("setBuffer: index %lu", i);
  if (offset >= m->m.bytes) return spoil(c, format("setBuffer: offset %lu of %zu bytes", offset, m->m.bytes));
  c->next.d.at[i] = {&m->m, offset, {}};
  c->of->keep(b);
}
static void imp_set_bytes(id e, SEL, const void *p, NSUInteger n, NSUInteger i) {
  encoder *c = (encoder *)e;
  if (!encodes(e)) return;
  if (i >= SIM_BUFFERS) return violation("setBytes: index %lu", i);
  if (n == 0 || n > BYTES) return spoil(c, format("setBytes: %lu bytes, not 1 to %d", n, BYTES));
  c->next.d.at[i] = {};
  for (NSUInteger k = 0; k < n; k++) c->next.d.at[i].bytes.push(((const uint8_t *)p)[k]);
}
static void imp_dispatch(id e, SEL, MTLSize groups, MTLSize size) {
  encoder *c = (encoder *)e;
  if (!encodes(e)) return;
  if (!c->next.p) return spoil(c, "a dispatch without a pipeline");
  const sim_kernel *k = c->next.p->f->kernel;
  NSUInteger threads = size.width * size.height * size.depth;
  if (threads == 0 || threads > SIM_THREADS) return spoil(c, format("kernel %s: %lu threads in a threadgroup, not 1 to %d", k->name, threads, SIM_THREADS));
  if (groups.width * groups.height * groups.depth == 0) return spoil(c, format("kernel %s: no threadgroups", k->name));
  if ((groups.width * size.width | groups.height * size.height | groups.depth * size.depth) >> 32) return spoil(c, format("kernel %s: a grid of more than 32 bits", k->name));
  for (const char *s = k->arguments; *s;) {
    char *end;
    long i = strtol(s, &end, 10);
    bound &b = c->next.d.at[i];
    if (!b.m && !b.bytes.n) return spoil(c, format("kernel %s: buffer %ld is not bound", k->name, i));
    if (!b.m && *end == 'w') return spoil(c, format("kernel %s: buffer %ld is written, but bound by setBytes", k->name, i));
    s = end + 1;
  }
  command n = c->next;
  n.d.code = c->next.p->f->of->code;
  n.d.kernel = k;
  const NSUInteger g[3] = {groups.width, groups.height, groups.depth}, t[3] = {size.width, size.height, size.depth};
  for (int i = 0; i < 3; i++) { n.d.groups[i] = (uint32_t)g[i]; n.d.size[i] = (uint32_t)t[i]; }
  n.d.phase = c->concurrent && c->next.d.phase ? c->next.d.phase : __atomic_add_fetch(&phases, 1, __ATOMIC_RELAXED);
  c->next.d.phase = n.d.phase;
  c->of->commands.push(n);
}
static void imp_barrier(id e, SEL, NSUInteger scope) {
  if (!encodes(e)) return;
  if (scope == 0 || scope > 3) violation("barrier scope %lu", scope);
  ((encoder *)e)->next.d.phase = 0;
}
static void imp_copy(id e, SEL, id from, NSUInteger at_from, id to, NSUInteger at_to, NSUInteger n) {
  encoder *c = (encoder *)e;
  buffer *a = as<buffer>(from, "MTLBuffer"), *b = as<buffer>(to, "MTLBuffer");
  if (!encodes(e) || !a || !b) return;
  if (n == 0 || at_from + n > a->m.bytes || at_to + n > b->m.bytes) return spoil(c, format("a copy of %lu bytes out of bounds", n));
  if ((n | at_from | at_to) % 4) return spoil(c, format("a copy of %lu bytes from %lu to %lu: not multiples of 4", n, at_from, at_to));
  if (a == b && at_from < at_to + n && at_to < at_from + n) return spoil(c, format("a copy of %lu bytes onto itself", n));
  c->of->keep(from);
  c->of->keep(to);
  command k{};
  k.from = a; k.to = b; k.at_from = at_from; k.at_to = at_to; k.bytes = n;
  k.d.phase = __atomic_add_fetch(&phases, 1, __ATOMIC_RELAXED);
  c->of->commands.push(k);
}
static void imp_end(id e, SEL) {
  encoder *c = (encoder *)e;
  if (c->ended) return violation("endEncoding for the second time");
  c->ended = true;
  c->of->open = false;
}

// ---- classes: an object answers to what the table names for its class, or for the protocol that its class extends
struct sim_class { const char *name, *base; };
static const sim_class classes[] = {
  {"NSObject", ""}, {"NSString", ""}, {"NSError", ""}, {"NSURL", ""}, {"NSArray", ""}, {"NSProcessInfo", ""}, {"MTLDevice", ""}, {"MTLCompileOptions", ""}, {"MTLLibrary", ""},
  {"MTLFunction", ""}, {"MTLComputePipelineDescriptor", ""}, {"MTLBinaryArchiveDescriptor", ""}, {"MTLBinaryArchive", ""}, {"MTLComputePipelineState", ""},
  {"MTLBuffer", ""}, {"MTLCommandQueue", ""}, {"MTLCommandBuffer", ""}, {"MTLComputeCommandEncoder", "MTLCommandEncoder"}, {"MTLBlitCommandEncoder", "MTLCommandEncoder"},
};
template<class A, class B> constexpr bool same = false;
template<class A> constexpr bool same<A, A> = true;
template<class R, class F> struct typed;
template<class R, class... A> struct typed<R, void(A...)> { typedef R (*type)(id, SEL, A...); };
#define X(name, owner, kind, since, selector, result, args) \
  static_assert(same<decltype(&imp_##name), typed<result, void args>::type>, "imp_" #name " differs from the table of methods");
SN_METHODS(X)
#undef X
struct method { const char *owner; char kind; uint64_t since; const char *selector; void *imp; };
static const method methods[] = {
#define X(name, owner, kind, since, selector, result, args) {#owner, #kind[0], since, selector, (void *)imp_##name},
  SN_METHODS(X)
#undef X
};
Class class_named(const char *name) {
  for (const sim_class &c : classes) if (strcmp(c.name, name) == 0) return &c;
  return nullptr;
}
const char *class_name(Class c) { return c->name; }
// The macOS that is simulated has nothing that is newer.
static const method *find(Class c, char kind, SEL s) {
  for (const method &m : methods) {
    if (m.kind != kind || strcmp(m.selector, s) || m.since > sim_settings[SIM_MACOS]) continue;
    if (!strcmp(m.owner, c->name) || !strcmp(m.owner, c->base) || !strcmp(m.owner, "NSObject")) return &m;
  }
  return nullptr;
}
SIM_EXPORT BOOL class_respondsToSelector(Class c, SEL s) { return c && find(c, 'I', s) != nullptr; }
SIM_EXPORT Class objc_getClass(const char *name) { return class_named(name); }
static id nothing(void) { return nullptr; }
extern "C" void *sim_method(id self, SEL s) {
  if (!self) { violation("%s is sent to nil", s); return (void *)nothing; }
  bool to_class = (const char *)self >= (const char *)classes && (const char *)self < (const char *)(classes + sizeof classes / sizeof *classes);
  Class c = to_class ? (Class)(const void *)self : self->isa;
  if (!to_class && self->refs <= 0) { violation("%s is sent to a dead %s", s, c->name); return (void *)nothing; }
  const method *m = find(c, to_class ? 'C' : 'I', s);
  if (!m) { violation("%c[%s %s]: unrecognized selector", to_class ? '+' : '-', c->name, s); return (void *)nothing; }
  return m->imp;
}
static pthread_once_t once = PTHREAD_ONCE_INIT;
static gpu *one;
SIM_EXPORT id MTLCreateSystemDefaultDevice(void) {
  pthread_once(&once, [] { one = new gpu; });
  return retain(one);
}
