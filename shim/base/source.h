// source.h: programs that are a text, as the devices that compile them share them. Equal programs of several contexts are one.
#pragma once
#include "device.h"
#include <pthread.h>
typedef struct source {
  struct source *next;
  uint64_t hash;
  uint32_t refs, n, buffers, constants, threads;
  uint32_t *words;                     // what it was loaded from
  const char *name;
  void *kernel;                        // the device's
} source;
// The source programs of a device. Both functions are called under the lock; `compile` gives the kernel, or null with sn_fail's text.
typedef struct sources {
  uint32_t most_buffers, most_constants;
  void *(*compile)(context *c, const char *name, const char *text, uint32_t threads);
  void (*end)(void *kernel);
  pthread_mutex_t lock;
  source *known;
} sources;
void *sn_source_load(sources *of, context *c, const uint32_t *words, uint32_t n);
void sn_source_unload(sources *of, void *p);
// A launch, read from its words: the program, and where groups, threads, buffers (each binding and offset) and constants are.
typedef struct launch { const source *p; const uint32_t *groups, *threads, *buffers, *constants; int after; } launch;
// Reads SN_LAUNCH of a task; null, or what is wrong with it.
const char *sn_read_launch(const task *t, const uint32_t *w, uint32_t n, launch *l);
// A copy, read from its words.
typedef struct copy { const binding *to, *from; uint64_t at_to, at_from, bytes; } copy;
const char *sn_read_copy(const task *t, const uint32_t *w, uint32_t n, copy *c);
