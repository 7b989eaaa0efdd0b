// cuda.c: an NVIDIA GPU as a device: its context, its facts and its memory, which the host does not see.
#include "cuda.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define DEVICE 0                       // of the driver's
static CUcontext context_of_device;
void sn_cuda_enter(void) {
  static _Thread_local int entered;
  if (!entered) entered = !sn_cuda.set_current(context_of_device);
}
static const char *start(void) {
  const char *why = sn_cuda_open();
  int count = 0;
  if (why) return why;
  if (sn_cuda.init(0) || sn_cuda.count(&count) || count == 0) return "this machine has no CUDA device";
  if (sn_cuda.retain(&context_of_device, DEVICE)) return "the CUDA device gives no context";
  sn_cuda_enter();
  if ((why = sn_cuda_open_compiler())) return why;
  return sn_cuda_open_streams();
}
int sn_cuda_own(void) {
  const char *own = getenv("SINTER_CUDA_OWN");
  return own && !strcmp(own, "1");
}
// Small memory lies in chunks: the driver takes some 50 microseconds for each allocation. A chunk is filled from its start, and goes once nothing of it is in use.
#define SMALL (4ull << 20)
#define CHUNK (64ull << 20)
#define STEP 512                       // bytes: what the driver's own memory lies on, and more
typedef struct chunk { struct chunk *next; CUdeviceptr p; uint64_t used; uint32_t live; } chunk;
static chunk *chunks;                  // the first is being filled
static int allocate_small(uint64_t bytes, CUdeviceptr *p) {
  chunk *c = chunks;
  if (!c || c->used + bytes > CHUNK) {
    if (!(c = calloc(1, sizeof *c)) || sn_cuda.allocate(&c->p, CHUNK)) { free(c); return 1; }
    c->next = chunks;
    chunks = c;
  }
  *p = c->p + c->used;
  c->used += bytes;
  c->live++;
  return 0;
}
static void release_small(CUdeviceptr p) {
  chunk **q = &chunks, *c;
  while (p < (*q)->p || p >= (*q)->p + CHUNK) q = &(*q)->next;
  c = *q;
  if (--c->live) return;
  c->used = 0;
  if (c == chunks) return;
  *q = c->next;
  sn_cuda.release(c->p);
  free(c);
}
static uint64_t padded(uint64_t bytes) { return (bytes + SN_PAD + STEP - 1) / STEP * STEP; }
static int allocate(uint64_t bytes, memory *out) {
  CUdeviceptr p = 0;
  sn_cuda_enter();
  if (padded(bytes) <= SMALL ? allocate_small(padded(bytes), &p) : sn_cuda.allocate(&p, bytes + SN_PAD)) return 1;
  *out = (memory){(void *)(uintptr_t)p, 0};
  return 0;
}
static void release(memory m, uint64_t bytes) {
  sn_cuda_enter();
  if (padded(bytes) <= SMALL) release_small((CUdeviceptr)(uintptr_t)m.handle);
  else sn_cuda.release((CUdeviceptr)(uintptr_t)m.handle);
}
static void info(char *text, size_t cap) {
  char name[128] = "";
  size_t bytes = 0;
  int processors = 0, major = 0, minor = 0, driver = 0, nvrtc[2] = {0};
  sn_cuda_enter();
  sn_cuda.device_name(name, sizeof name, DEVICE);
  sn_cuda.total(&bytes, DEVICE);
  sn_cuda.attribute(&processors, CU_MULTIPROCESSORS, DEVICE);
  sn_cuda.attribute(&major, CU_MAJOR, DEVICE);
  sn_cuda.attribute(&minor, CU_MINOR, DEVICE);
  sn_cuda.version(&driver);
  sn_nvrtc.version(nvrtc, nvrtc + 1);
  snprintf(text, cap, "name=%s\nmemory=%.0f\nprocessors=%d\ncapability=%d.%d\ndriver=%d.%d\nnvrtc=%d.%d\nblas=%s\n", name, (double)bytes, processors,
    major, minor, driver / 1000, driver % 1000 / 10, nvrtc[0], nvrtc[1], sn_cuda_blas());
}
static double setting(uint32_t which, const double *value) {
  (void)value;
  if (which == SN_CUDA_SOLVES) { sn_cuda_enter(); return sn_cuda_solves(); }
  return which < SN_CUDA_COUNTS ? (double)atomic_load(&sn_cuda_counts[which]) : 0;
}
const device sn_cuda_device = {
  .name = "cuda", .cached = 1, .lends = 1, .in_flight = 1ull << 62, .open = start, .allocate = allocate, .release = release, .load = sn_cuda_load, .unload = sn_cuda_unload,
  .enqueue = sn_cuda_enqueue, .reap = sn_cuda_reap, .hurry = sn_cuda_hurry, .lost = sn_cuda_lost, .info = info, .setting = setting,
};
