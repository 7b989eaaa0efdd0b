// device.c: the CPU as a device. Its memory is the process's own; its tasks run in order on the context's dispatcher thread.
#define _GNU_SOURCE
#include "../base/device.h"
#include "../calls.h"
#include <stdio.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif
// On Linux large memory is made of large pages: the first touch of small ones costs as much as an op.
void *sn_aligned(size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, 64);
#else
  void *p = 0;
#if defined(__linux__)
  const size_t page = 2 << 20;
  if (bytes >= page) {
    if (posix_memalign(&p, page, bytes)) return 0;
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
  }
#endif
  return posix_memalign(&p, 64, bytes) ? 0 : p;
#endif
}
void sn_aligned_free(void *p) {
#if defined(_WIN32)
  _aligned_free(p);
#else
  free(p);
#endif
}
static int allocate(uint64_t bytes, memory *out) {
  void *p = sn_aligned(bytes + SN_PAD);
  *out = (memory){p, p};
  return p == 0;
}
static void release(memory m, uint64_t bytes) {
  (void)bytes;
  sn_aligned_free(m.handle);
}
static void info(char *text, size_t cap) {
  char name[64];
  sn_cpu_name(name, sizeof name);
  snprintf(text, cap, "isa=%s\nthreads=%d\nblas=%s\nlapack=%s\ncpu=%s\n", sn_isa_name(), sn_threads(), sn_blas_info(0), sn_blas_info(1), name);
}
const device sn_cpu = {
  .name = "cpu", .unified = 1, .cached = 1, .allocate = allocate, .release = release, .load = sn_load_tape, .unload = sn_unload_tape,
  .enqueue = sn_enqueue_host, .info = info,
};
