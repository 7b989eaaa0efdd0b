// program.c: compiles source programs. What is compiled is kept by its words in memory, and its machine code, if SINTER_METAL_ARCHIVE names a file, on disk.
#include "metal.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define LANGUAGE 0x30000               // MSL 3.0: macOS 13 has it
#define SAFE 0                         // MTLMathModeSafe
#define FAIL_ON_MISS 4                 // MTLPipelineOptionFailOnBinaryArchiveMiss
enum { BUFFERS, CONSTANTS, THREADS, NAME, TEXT, HEADER };
#define WIDTH 32                       // threads of a SIMD group, which kernels count on
#define MOST_BUFFERS 30                // of the 31 arguments one is for constants
#define MOST_CONSTANTS 1024            // words: setBytes takes 4 KB
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static program *known;
static id archive, archive_url;
static unsigned added, saved;

void sn_metal_open_archive(void) {
  const char *path = getenv("SINTER_METAL_ARCHIVE");
  if (!path || !*path) return;
  id error = 0, options = sn_objc_new("MTLBinaryArchiveDescriptor");
  archive_url = sn_objc.retain(SEND(url_of, sn_objc.class_named("NSURL"), sn_objc_text(path)));
  if (access(path, R_OK) == 0) {
    SEND(set_url, options, archive_url);
    archive = SEND(new_archive, sn_metal_device, options, &error);
    SEND(set_url, options, (id)0);
  }
  // One that cannot be read (of another system or GPU) is written anew.
  if (!archive) archive = SEND(new_archive, sn_metal_device, options, &error);
  sn_objc.release(options);
}
// Keeps the code of a pipeline. The file is written each time that its additions have doubled, so that writing costs no more than compiling.
static void keep(id options) {
  id error = 0;
  if (!archive || !SEND(archive_add, archive, options, &error)) return;
  if (++added < 2 * saved) return;
  if (SEND(archive_save, archive, archive_url, &error)) saved = added;
}
static id pipeline_of(context *c, const char *name, const char *text) {
  id error = 0, pipeline = 0, function = 0, options = sn_objc_new("MTLCompileOptions"), more = sn_objc_new("MTLComputePipelineDescriptor");
  // Bits must not depend on what else is in a kernel.
  if (RESPONDS(set_math_mode, options)) SEND(set_math_mode, options, SAFE); else SEND(set_fast_math, options, 0);
  SEND(set_language, options, LANGUAGE);
  id library = SEND(new_library, sn_metal_device, sn_objc_text(text), options, &error);
  if (!library) sn_fail(c, "Metal: kernel %s does not compile: %s", name, sn_objc_error(error));
  else if (!(function = SEND(new_function, library, sn_objc_text(name)))) sn_fail(c, "Metal: the program has no kernel %s", name);
  else {
    SEND(set_function, more, function);
    if (archive) {
      SEND(set_archives, more, SEND(array_of, sn_objc.class_named("NSArray"), archive));
      pipeline = SEND(new_pipeline, sn_metal_device, more, FAIL_ON_MISS, 0, &error);
    }
    if (!pipeline && (pipeline = SEND(new_pipeline, sn_metal_device, more, 0, 0, &error))) keep(more);
    if (!pipeline) sn_fail(c, "Metal: kernel %s makes no pipeline: %s", name, sn_objc_error(error));
  }
  if (function) sn_objc.release(function);
  if (library) sn_objc.release(library);
  sn_objc.release(options);
  sn_objc.release(more);
  return pipeline;
}
static uint32_t words_of(uint32_t bytes) { return bytes / 4 + (bytes % 4 != 0); }
static program *make(context *c, const uint32_t *w, uint32_t n) {
  const uint32_t name_words = words_of(w[NAME]);
  program *p = calloc(1, sizeof *p);
  char *strings = malloc((size_t)w[NAME] + w[TEXT] + 2);
  uint32_t *copy = malloc((size_t)n * 4);
  if (!p || !strings || !copy) { free(p); free(strings); free(copy); sn_fail(c, "out of memory"); return 0; }
  char *text = strings + w[NAME] + 1;
  memcpy(copy, w, (size_t)n * 4);
  memcpy(strings, w + HEADER, w[NAME]);
  strings[w[NAME]] = 0;
  memcpy(text, w + HEADER + name_words, w[TEXT]);
  text[w[TEXT]] = 0;
  *p = (program){.refs = 1, .n = n, .words = copy, .name = strings, .buffers = w[BUFFERS], .constants = w[CONSTANTS], .threads = w[THREADS]};
  p->pipeline = pipeline_of(c, p->name, text);
  const NSUInteger most = p->pipeline ? SEND(threads_of, p->pipeline) : 0, width = p->pipeline ? SEND(width_of, p->pipeline) : 0;
  if (p->pipeline && p->threads > most) sn_fail(c, "Metal: kernel %s can have %lu threads in a threadgroup, not %u", p->name, most, p->threads);
  else if (p->pipeline && width != WIDTH) sn_fail(c, "Metal: kernel %s runs in SIMD groups of %lu threads, not %u", p->name, width, WIDTH);
  else if (p->pipeline) return p;
  if (p->pipeline) sn_objc.release(p->pipeline);
  free(p); free(strings); free(copy);
  return 0;
}
void *sn_metal_load(context *c, const uint32_t *w, uint32_t n) {
  if (n >= HEADER && (w[BUFFERS] > MOST_BUFFERS || w[CONSTANTS] > MOST_CONSTANTS)) {
    sn_fail(c, "Metal: a kernel has at most %d buffers and %d words of constants, not %u and %u", MOST_BUFFERS, MOST_CONSTANTS, w[BUFFERS], w[CONSTANTS]);
    return 0;
  }
  if (n < HEADER || w[THREADS] == 0 || w[NAME] > 4 * (n - HEADER) || w[TEXT] > 4 * (n - HEADER)
    || HEADER + words_of(w[NAME]) + words_of(w[TEXT]) != n) { sn_fail(c, "malformed source program"); return 0; }
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint32_t i = 0; i < n; i++) hash = (hash ^ w[i]) * 0x100000001b3u;
  pthread_mutex_lock(&lock);
  program *p = known;
  while (p && (p->hash != hash || p->n != n || memcmp(p->words, w, (size_t)n * 4))) p = p->next;
  if (p) p->refs++;
  else {
    void *pool = sn_objc.push();
    p = make(c, w, n);
    sn_objc.pop(pool);
    if (p) { p->hash = hash; p->next = known; known = p; }
  }
  pthread_mutex_unlock(&lock);
  return p;
}
void sn_metal_unload(void *which) {
  program *p = which, **q = &known;
  pthread_mutex_lock(&lock);
  if (--p->refs == 0) {
    while (*q != p) q = &(*q)->next;
    *q = p->next;
    void *pool = sn_objc.push();
    sn_objc.release(p->pipeline);
    sn_objc.pop(pool);
    free(p->words); free((char *)p->name); free(p);
  }
  pthread_mutex_unlock(&lock);
}
