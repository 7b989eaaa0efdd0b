// sim.h: what the parts of the simulator share: texts and lists (libc only, so that building it is quick), objects, and the run of a dispatch.
#pragma once
#include "msl/abi.h"
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define SIM_EXPORT extern "C" __attribute__((visibility("default")))
inline void *operator new(size_t, void *at) noexcept { return at; }

/** A growing array of what may be moved by copying its bytes. */
template<class T> struct list {
  T *p = nullptr;
  size_t n = 0, room = 0;
  list() = default;
  list(const list &o) { for (const T &x : o) push(x); }
  list &operator=(const list &o) { if (this != &o) { clear(); for (const T &x : o) push(x); } return *this; }
  ~list() { clear(); free(p); }
  T &push(T x) {
    if (n == room) p = (T *)realloc((void *)p, (room = room ? 2 * room : 8) * sizeof(T));
    return *new (p + n++) T(x);
  }
  void pop() { p[--n].~T(); }
  void clear() { while (n) pop(); }
  T &operator[](size_t i) { return p[i]; }
  const T &operator[](size_t i) const { return p[i]; }
  T &last() { return p[n - 1]; }
  T *begin() { return p; }
  T *end() { return p + n; }
  const T *begin() const { return p; }
  const T *end() const { return p + n; }
};
/** A text. */
struct text {
  list<char> c;
  text() { c.push(0); }
  text(const char *s) : text() { add(s); }
  text(const char *s, size_t n) : text() { add(s, n); }
  text &add(const char *s, size_t n) { c.pop(); for (size_t i = 0; i < n; i++) c.push(s[i]); c.push(0); return *this; }
  text &add(const char *s) { return add(s, strlen(s)); }
  text &add(const text &o) { return add(o.str(), o.size()); }
  const char *str() const { return c.p; }
  size_t size() const { return c.n - 1; }
  bool is(const char *s) const { return strcmp(str(), s) == 0; }
};
__attribute__((format(printf, 1, 2))) text format(const char *f, ...);
struct locked {
  pthread_mutex_t *m;
  explicit locked(pthread_mutex_t *m) : m(m) { pthread_mutex_lock(m); }
  ~locked() { pthread_mutex_unlock(m); }
};
/** Records and prints that a rule of Metal was broken. */
__attribute__((format(printf, 1, 2))) void violation(const char *f, ...);
/** What tests may set: the seed of all that has no order (0: in order), whether loads and stores are checked, the macOS that is simulated, and Apple's family of the GPU. */
enum { SIM_SEED, SIM_CHECKS, SIM_MACOS, SIM_FAMILY, SIM_SETTINGS };
extern uint64_t sim_settings[SIM_SETTINGS];
/** The next random number of the seed, below n; always 0 with seed 0. */
uint32_t chance(uint32_t n);
/** What is counted: objects that live, texts compiled and loaded, dispatches, loads and stores that were checked, rules broken. */
enum { SIM_LIVE, SIM_COMPILED, SIM_LOADED, SIM_DISPATCHED, SIM_ACCESSES, SIM_BROKEN, SIM_COUNTS };
void count(int what, int64_t by = 1);

// ---- objects (objc.cpp)
typedef struct object *id;
typedef const char *SEL;
struct sim_class;
typedef const sim_class *Class;
typedef unsigned long NSUInteger;
typedef long NSInteger;
#if defined(__aarch64__)
typedef bool BOOL;
#else
typedef signed char BOOL;
#endif
struct MTLSize { NSUInteger width, height, depth; };
struct NSOperatingSystemVersion { NSInteger major, minor, patch; };
struct object {
  Class isa;
  int32_t refs = 1;
  explicit object(const char *name);
  virtual ~object();
  static void *operator new(size_t n) { return malloc(n); }
  static void operator delete(void *) {}   // a dead object stays, so that messages to it are noticed
};
Class class_named(const char *name);
const char *class_name(Class c);
id retain(id o);
void release(id o);
/** Leaves an object to the innermost pool of this thread. */
template<class T> T *autorelease(T *o);
id autoreleased(id o);
template<class T> T *autorelease(T *o) { autoreleased(o); return o; }

// ---- libraries (library.cpp)
struct program {
  const sim_library *library;
  const char *key;                         // of its text
  const char *base, *end;                  // where the library's image lies
  bool waits;                              // a thread may wait for others
};
/** Compiles MSL text of a language version, or loads what was compiled of it; null and an error text if it is not good. */
const program *compile(const text &source, NSUInteger version, bool fast, text &error);

// ---- execution (run.cpp)
struct memory { char *p; size_t bytes; struct shadow *shadows; };
struct bound { memory *m; size_t offset; list<uint8_t> bytes; };
struct dispatch {
  const program *code;
  const sim_kernel *kernel;
  bound at[SIM_BUFFERS];
  uint32_t groups[3], size[3];
  uint64_t phase;                          // dispatches of different phases are ordered
};
/** Runs one dispatch; an error text if a thread broke a rule. */
text run(dispatch &d);
void forget_shadows(memory &m);
/** Bytes that shadows of all memory take. */
size_t shadows_kept();
