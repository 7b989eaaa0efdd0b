// driver.c: finds CUDA's libraries at run time: in the folders of SINTER_CUDA_PATH, then where the system looks, then in those of a toolkit, then
// in those of Python's nvidia-* packages.
#define _GNU_SOURCE
#include "driver.h"
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct sn_cuda sn_cuda;
struct sn_overlaps sn_overlaps;
struct sn_graphs sn_graphs;
struct sn_edges sn_edges;
struct sn_nvrtc sn_nvrtc;
struct sn_blaslt sn_blaslt;
struct sn_solver sn_solver;
struct sn_solver_batched sn_solver_batched;
struct sn_blas sn_blas;
typedef struct { const char *name; size_t at; } symbol;
#define SYMBOLS(table) (symbol[]){ table(SYMBOL) {0, 0} }

// Where a library may lie; "*" is whatever the place has there. Of Python's packages, those of CUDA 13 lie together, those of CUDA 12 by library.
static const char *const places[] = {
  "%s/%s", "%s/lib64/%s", "%s/lib/%s", "%s/targets/*/lib/%s", "%s/nvidia/cu1?/lib/%s", "%s/nvidia/*/lib/%s",
};
static const char *const homes[] = {
  "/usr/local/cuda", "/opt/cuda", "/usr/lib/wsl", "/usr/local/lib/python3*/*-packages", "/usr/lib/python3*/*-packages", "/usr/lib/python3/dist-packages",
};
static void *open_one(const char *path) {
  // NVRTC opens a library of built-in functions by its bare name: in a folder where the system does not look it must be there already.
  char beside[1024];
  snprintf(beside, sizeof beside, "%.*s/libnvrtc-builtins.so*", (int)(strrchr(path, '/') - path), path);
  glob_t found;
  if (strstr(path, "/libnvrtc.") && !glob(beside, 0, 0, &found)) {
    dlopen(found.gl_pathv[found.gl_pathc - 1], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
  }
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}
static void *open_glob(const char *pattern) {
  glob_t found;
  void *lib = 0;
  if (!glob(pattern, 0, 0, &found))
    for (size_t i = found.gl_pathc; i-- > 0 && !lib;) lib = open_one(found.gl_pathv[i]);
  globfree(&found);
  return lib;
}
static void *open_below(const char *home, const char *file) {
  char path[1024];
  void *lib = 0;
  for (size_t i = 0; i < sizeof places / sizeof *places && !lib; i++) {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    snprintf(path, sizeof path, places[i], home, file);
#pragma clang diagnostic pop
    lib = open_glob(path);
  }
  return lib;
}
// `file` may end in a pattern of versions; `plain` is its name without one.
static void *find(const char *file, const char *plain) {
  const char *given = getenv("SINTER_CUDA_PATH"), *env[] = {getenv("CUDA_HOME"), getenv("CUDA_PATH")}, *python = getenv("VIRTUAL_ENV");
  char home[1024];
  void *lib = 0;
  for (const char *p = given; p && *p && !lib; p += *p == ':') {
    const size_t n = strcspn(p, ":");
    snprintf(home, sizeof home, "%.*s", (int)n, p);
    if (n) lib = open_below(home, file);
    p += n;
  }
  if (given && *given) return lib;
  if (!lib) lib = dlopen(plain, RTLD_NOW | RTLD_LOCAL);
  for (int i = 0; i < 2 && !lib; i++) if (env[i] && *env[i]) lib = open_below(env[i], file);
  if (!lib && python && *python) {
    snprintf(home, sizeof home, "%s/lib/python3*/site-packages", python);
    lib = open_below(home, file);
  }
  for (size_t i = 0; i < sizeof homes / sizeof *homes && !lib; i++) lib = open_below(homes[i], file);
  return lib;
}
// Fills a table of functions; the name of one that the library lacks, or null.
static const char *bind(void *lib, const symbol *s, void *table) {
  for (; s->name; s++) {
    void *f = dlsym(lib, s->name);
    if (!f) return s->name;
    memcpy((char *)table + s->at, &f, sizeof f);
  }
  return 0;
}
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_cuda, field)},
static void *lib;                      // the driver
const char *sn_cuda_open(void) {
  // The driver belongs to the kernel's module: a path for toolkits does not name it.
  lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!lib) return "there is no NVIDIA driver (libcuda.so.1)";
  return bind(lib, SYMBOLS(DRIVER), &sn_cuda) ? "the NVIDIA driver is too old" : 0;
}
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_overlaps, field)},
const char *sn_cuda_bind_overlaps(void) { return bind(lib, SYMBOLS(OVERLAPS), &sn_overlaps); }
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_graphs, field)},
const char *sn_cuda_bind_graphs(void) { return bind(lib, SYMBOLS(GRAPHS), &sn_graphs); }
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_edges, field)},
const char *sn_cuda_bind_edges(void) { return bind(lib, SYMBOLS(EDGES), &sn_edges); }
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_nvrtc, field)},
const char *sn_nvrtc_open(void) {
  void *lib = find("libnvrtc.so*", "libnvrtc.so");
  if (!lib) return "NVRTC (libnvrtc.so), the compiler of CUDA kernels, is not found: install the CUDA toolkit or Python's nvidia-cuda-nvrtc, or name its folder in SINTER_CUDA_PATH";
  return bind(lib, SYMBOLS(NVRTC), &sn_nvrtc) ? "NVRTC is too old" : 0;
}
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_blaslt, field)},
const char *sn_blaslt_open(void) {
  void *lib = find("libcublasLt.so*", "libcublasLt.so");
  if (!lib) return "not found";
  return bind(lib, SYMBOLS(BLASLT), &sn_blaslt) ? "too old" : 0;
}
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_solver, field)},
static const char *bind_solver(void *lib) { return bind(lib, SYMBOLS(SOLVER), &sn_solver) ? "too old" : 0; }
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_solver_batched, field)},
const char *sn_solver_open(void) {
  void *lib = find("libcusolver.so*", "libcusolver.so");
  if (!lib) return "not found";
  if (bind(lib, SYMBOLS(SOLVER_BATCHED), &sn_solver_batched)) sn_solver_batched = (struct sn_solver_batched){0};
  return bind_solver(lib);
}
#undef SYMBOL
#define SYMBOL(result, field, name, arguments) {#name, offsetof(struct sn_blas, field)},
const char *sn_blas_open(void) {
  void *lib = find("libcublas.so*", "libcublas.so");
  if (!lib) return "not found";
  return bind(lib, SYMBOLS(BLAS), &sn_blas) ? "too old" : 0;
}
const char *sn_cuda_text(CUresult error, char *text, size_t cap) {
  const char *name = 0, *what = 0;
  sn_cuda.error_name(error, &name);
  sn_cuda.error_text(error, &what);
  snprintf(text, cap, "%s: %s", name ? name : "CUDA_ERROR", what ? what : "unknown");
  return text;
}
