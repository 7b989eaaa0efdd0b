// program.c: compiles source programs with NVRTC. What is compiled is kept by its text in memory, and its code in a folder, one file a kernel, under a
// hash of text, architecture and compiler, all three of which are in the file and compared. SINTER_CUDA_CACHE names the folder, or is empty for none;
// otherwise it is sinter/cuda in XDG_CACHE_HOME or in ~/.cache.
#define _GNU_SOURCE
#include "cuda.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
// The text's own fma stands, and no other: bits must not depend on what else is in a kernel.
#define OPTIONS "--fmad=false", "--device-as-default-execution-space", "--std=c++17"
static char architecture[48], compiler[64], folder[768];

static int make_folders(char *path) {
  for (char *p = path + 1;; p++) {
    if (*p && *p != '/') continue;
    const char end = *p;
    *p = 0;
    const int bad = mkdir(path, 0777) && errno != EEXIST;
    *p = end;
    if (bad || !end) return bad;
  }
}
static void open_cache(void) {
  const char *own = getenv("SINTER_CUDA_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (own) snprintf(folder, sizeof folder, "%s", own);
  else if (xdg && *xdg) snprintf(folder, sizeof folder, "%s/sinter/cuda", xdg);
  else if (home && *home) snprintf(folder, sizeof folder, "%s/.cache/sinter/cuda", home);
  if (*folder && make_folders(folder)) *folder = 0;
}
const char *sn_cuda_open_compiler(void) {
  const char *why = sn_nvrtc_open();
  int major = 0, minor = 0, version[2] = {0}, count = 0, newest = 0, known[128];
  if (why) return why;
  sn_cuda.attribute(&major, CU_MAJOR, 0);
  sn_cuda.attribute(&minor, CU_MINOR, 0);
  sn_nvrtc.version(version, version + 1);
  const int ours = 10 * major + minor;
  if (sn_nvrtc.count_architectures(&count) || count > 128 || sn_nvrtc.architectures(known)) return "NVRTC does not say what it compiles for";
  for (int i = 0; i < count; i++) if (known[i] <= ours && known[i] > newest) newest = known[i];
  if (!newest) return "NVRTC does not compile for so old a GPU";
  // Machine code for this very architecture; for one that the compiler does not know yet, text that the driver compiles.
  snprintf(architecture, sizeof architecture, "--gpu-architecture=%s_%d", newest == ours ? "sm" : "compute", newest);
  snprintf(compiler, sizeof compiler, "sinter 1, NVRTC %d.%d, %s\n", version[0], version[1], architecture);
  open_cache();
  return 0;
}

// ---- the cache on disk --------------------------------------------------------------------------------------------------
typedef struct code { char *bytes; size_t n; } code;
static void path_of(const char *text, char *path, size_t cap) {
  uint64_t a = 0xcbf29ce484222325u, b = 0x84222325cbf29ce4u;
  for (int k = 0; k < 2; k++)
    for (const char *p = k ? text : compiler; *p; p++) {
      a = (a ^ (unsigned char)*p) * 0x100000001b3u;
      b = (b + (unsigned char)*p) * 0x9E3779B97F4A7C15u;
      b ^= b >> 29;
    }
  snprintf(path, cap, "%s/%016llx%016llx", folder, (unsigned long long)a, (unsigned long long)b);
}
// A file is the compiler's line, the text, a 0, and the code.
static code read_code(const char *text) {
  char path[900];
  code found = {0};
  if (!*folder) return found;
  path_of(text, path, sizeof path);
  FILE *f = fopen(path, "rb");
  if (!f) return found;
  struct stat s;
  const size_t line = strlen(compiler), body = strlen(text) + 1, before = line + body;
  char *all = !fstat(fileno(f), &s) && (size_t)s.st_size > before ? malloc((size_t)s.st_size) : 0;
  if (all && fread(all, 1, (size_t)s.st_size, f) == (size_t)s.st_size && !memcmp(all, compiler, line) && !memcmp(all + line, text, body)) {
    found.n = (size_t)s.st_size - before;
    found.bytes = malloc(found.n);
    if (found.bytes) memcpy(found.bytes, all + before, found.n);
  }
  free(all);
  fclose(f);
  return found;
}
// Another process sees the whole file or none.
static void write_code(const char *text, code k) {
  char path[900], own[960];
  if (!*folder) return;
  path_of(text, path, sizeof path);
  snprintf(own, sizeof own, "%s.XXXXXX", path);
  const int fd = mkstemp(own);
  FILE *f = fd < 0 ? 0 : fdopen(fd, "wb");
  if (!f) return;
  const size_t line = strlen(compiler), body = strlen(text) + 1;
  int good = fwrite(compiler, 1, line, f) == line && fwrite(text, 1, body, f) == body && fwrite(k.bytes, 1, k.n, f) == k.n;
  good &= !fclose(f);
  if (!good || rename(own, path)) unlink(own);
}

// ---- compiling ----------------------------------------------------------------------------------------------------------
static void tell(char *why, size_t cap, const char *name, const char *what, const char *more) { snprintf(why, cap, "CUDA: kernel %s %s: %s", name, what, more); }
static code compile(const char *name, const char *text, char *why, size_t cap) {
  static const char *const shared[] = {OPTIONS};
  const char *options[sizeof shared / sizeof *shared + 1] = {architecture};
  const int machine = strstr(architecture, "=sm_") != 0;
  nvrtcProgram program = 0;
  code out = {0};
  memcpy(options + 1, shared, sizeof shared);
  int error = sn_nvrtc.create(&program, text, name, 0, 0, 0);
  if (!error && (error = sn_nvrtc.compile(program, sizeof options / sizeof *options, options))) {
    size_t n = 0;
    char *log = sn_nvrtc.log_size(program, &n) ? 0 : calloc(1, n + 1);
    if (log) sn_nvrtc.log(program, log);
    tell(why, cap, name, "does not compile", log && *log ? log : sn_nvrtc.error_text(error));
    free(log);
  } else if (!error) {
    error = machine ? sn_nvrtc.code_size(program, &out.n) : sn_nvrtc.ptx_size(program, &out.n);
    out.bytes = error ? 0 : malloc(out.n);
    if (out.bytes) error = machine ? sn_nvrtc.code(program, out.bytes) : sn_nvrtc.ptx(program, out.bytes);
    if (error || !out.bytes) { tell(why, cap, name, "gives no code", error ? sn_nvrtc.error_text(error) : "out of memory"); free(out.bytes); out.bytes = 0; }
  } else tell(why, cap, name, "does not compile", sn_nvrtc.error_text(error));
  if (program) sn_nvrtc.destroy(&program);
  return out;
}
static int load(const char *name, code c, kernel *k, char *why, size_t cap) {
  char text[200];
  CUresult error = sn_cuda.load(&k->module, c.bytes);
  if (!error && (error = sn_cuda.function(&k->function, k->module, name))) sn_cuda.unload(k->module);
  if (error) tell(why, cap, name, "does not load", sn_cuda_text(error, text, sizeof text));
  return !error;
}
kernel *sn_cuda_compile(const char *name, const char *text, char *why, size_t cap) {
  kernel k;
  if (sn_cuda_lost()) { snprintf(why, cap, "%s", sn_cuda_lost()); return 0; }
  sn_cuda_enter();
  code c = read_code(text);
  int good = c.bytes && load(name, c, &k, why, cap);
  if (!good) {
    free(c.bytes);
    c = compile(name, text, why, cap);
    good = c.bytes && load(name, c, &k, why, cap);
    atomic_fetch_add(&sn_cuda_counts[SN_CUDA_COMPILED], 1);
    if (good) write_code(text, c);
  }
  free(c.bytes);
  kernel *out = good ? malloc(sizeof *out) : 0;
  if (out) *out = k;
  return out;
}

// ---- programs -----------------------------------------------------------------------------------------------------------
static void *make(context *c, const char *name, const char *text, uint32_t threads) {
  char why[480] = "out of memory";
  (void)threads;                       // THREADS of every kernel is a bound that its text tells the compiler
  kernel *k = sn_cuda_compile(name, text, why, sizeof why);
  if (!k) sn_fail(c, "%s", why);
  return k;
}
static void end(void *k_) {
  kernel *k = k_;
  sn_cuda_forget_graphs();
  sn_cuda_enter();
  sn_cuda.unload(k->module);
  free(k);
}
static sources all = {.most_buffers = MOST_BUFFERS, .most_constants = MOST_CONSTANTS, .compile = make, .end = end, .lock = PTHREAD_MUTEX_INITIALIZER};
void *sn_cuda_load(context *c, const uint32_t *words, uint32_t n) { return sn_source_load(&all, c, words, n); }
void sn_cuda_unload(void *p) { sn_source_unload(&all, p); }
