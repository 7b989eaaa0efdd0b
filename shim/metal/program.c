// program.c: compiles source programs. What is compiled is kept by its words in memory, and its machine code, if SINTER_METAL_ARCHIVE names a file, on disk.
#include "metal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define SAFE 0                         // MTLMathModeSafe
#define PRECISE 1                      // MTLMathFloatingPointFunctionsPrecise; the fast ones are the default
#define FAIL_ON_MISS 4                 // MTLPipelineOptionFailOnBinaryArchiveMiss
#define WIDTH 32                       // threads of a SIMD group, which kernels count on
#define MOST_BUFFERS 30                // of the 31 arguments one is for constants
#define MOST_CONSTANTS 1024            // words: setBytes takes 4 KB
NSUInteger sn_metal_language(void) {
  // 3.1 has bfloat.
  return SEND(is_at_least, SEND(process_info, sn_objc.class_named("NSProcessInfo")), (NSOperatingSystemVersion){14, 0, 0}) ? 0x30001 : 0x30000;
}
static id archive;
static const char *archive_path;
static unsigned added, saved;
static id url_of(const char *path) { return SEND(url_of, sn_objc.class_named("NSURL"), sn_objc_text(path)); }

void sn_metal_open_archive(void) {
  const char *path = getenv("SINTER_METAL_ARCHIVE"), *validation = getenv("MTL_SHADER_VALIDATION");
  if (!path || !*path) return;
  if (validation && *validation && strcmp(validation, "0")) return;   // checked kernels and archives exclude each other, says Apple
  id error = 0, options = sn_objc_new("MTLBinaryArchiveDescriptor");
  archive_path = strdup(path);
  if (!archive_path) { sn_objc.release(options); return; }
  if (access(path, R_OK) == 0) {
    SEND(set_url, options, url_of(path));
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
  // Another process sees a whole file.
  char own[1024];
  const int n = snprintf(own, sizeof own, "%s.%ld", archive_path, (long)getpid());
  if (n < 0 || (size_t)n >= sizeof own) return;
  if (SEND(archive_save, archive, url_of(own), &error) && rename(own, archive_path) == 0) saved = added; else unlink(own);
}
static id pipeline_of(context *c, const char *name, const char *text) {
  id error = 0, pipeline = 0, function = 0, options = sn_objc_new("MTLCompileOptions"), more = sn_objc_new("MTLComputePipelineDescriptor");
  // Bits must not depend on what else is in a kernel.
  SEND(set_fast_math, options, 0);
  if (RESPONDS(set_math_mode, options)) SEND(set_math_mode, options, SAFE);
  if (RESPONDS(set_math_functions, options)) SEND(set_math_functions, options, PRECISE);
  SEND(set_language, options, sn_metal_language());
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
static void *compile(context *c, const char *name, const char *text, uint32_t threads) {
  void *pool = sn_objc.push();
  id pipeline = pipeline_of(c, name, text);
  const NSUInteger most = pipeline ? SEND(threads_of, pipeline) : 0, width = pipeline ? SEND(width_of, pipeline) : 0;
  if (pipeline && (threads > most || width != WIDTH)) {
    if (threads > most) sn_fail(c, "Metal: kernel %s can have %lu threads in a threadgroup, not %u", name, most, threads);
    else sn_fail(c, "Metal: kernel %s runs in SIMD groups of %lu threads, not %u", name, width, WIDTH);
    sn_objc.release(pipeline);
    pipeline = 0;
  }
  sn_objc.pop(pool);
  return pipeline;
}
static void end(void *pipeline) {
  void *pool = sn_objc.push();
  sn_objc.release(pipeline);
  sn_objc.pop(pool);
}
static sources all = {.most_buffers = MOST_BUFFERS, .most_constants = MOST_CONSTANTS, .compile = compile, .end = end, .lock = PTHREAD_MUTEX_INITIALIZER};
void *sn_metal_load(context *c, const uint32_t *words, uint32_t n) { return sn_source_load(&all, c, words, n); }
void sn_metal_unload(void *p) { sn_source_unload(&all, p); }
