// metal.c: Apple's GPU as a device: its facts and its memory, which the host sees.
#include "metal.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#define SHARED 0                       // MTLResourceStorageModeShared, default cache mode, hazards tracked by the driver
id sn_metal_device;
// The newest family in a range of MTLGPUFamily, or 0.
static int family(int low, int high) {
  for (int f = high; f >= low; f--) if (SEND(supports_family, sn_metal_device, f)) return f - low + 1;
  return 0;
}
static int apple(void) { return family(1001, 1016); }
static const char *start(void) {
  const char *why = sn_objc_open();
  if (why) return why;
  void *pool = sn_objc.push();
  sn_metal_device = sn_objc.default_device();
  if (!sn_metal_device) why = "this machine has no Metal device";
  else if (!SEND(unified_memory, sn_metal_device)) why = "the Metal device has memory of its own";
  // Kernels want matrices and shuffles of SIMD groups. The device of a virtual machine is of the fifth family.
  else if (apple() < 7) why = "the Metal device is not of Apple's seventh family, which every M1 and later is, or a newer one";
  else why = sn_metal_open_stream();
  if (!why) sn_metal_open_archive();
  sn_objc.pop(pool);
  return why;
}
static int allocate(uint64_t bytes, memory *out) {
  void *pool = sn_objc.push();
  id b = SEND(new_buffer, sn_metal_device, bytes + SN_PAD, SHARED);
  if (b) *out = (memory){b, SEND(contents_of, b)};
  sn_objc.pop(pool);
  return !b;
}
static int adopt(char *pages, uint64_t bytes, memory *out) {
  void *pool = sn_objc.push();
  id b = SEND(new_buffer_over, sn_metal_device, pages, bytes, SHARED, (void *)0);
  *out = (memory){b, pages};
  sn_objc.pop(pool);
  return !b;
}
static void release(memory m, uint64_t bytes) {
  (void)bytes;
  void *pool = sn_objc.push();
  sn_objc.release(m.handle);
  sn_objc.pop(pool);
}
static void info(char *text, size_t cap) {
  void *pool = sn_objc.push();
  id name = SEND(device_name, sn_metal_device);
  MTLSize threads = SEND_SIZE(threads_limit, sn_metal_device);
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  const int common = family(5001, 5002);
  const NSUInteger language = sn_metal_language();
  snprintf(text, cap, "name=%s\nfamily=apple%d\nmetal=%d\nlanguage=%lu.%lu\nmemory=%.0f\nworkingset=%.0f\nbuffer=%.0f\nthreads=%lu\nshared=%lu\n",
    name ? SEND(characters, name) : "", apple(), common ? common + 2 : 2, language >> 16, language & 0xffff, (double)pages * (double)page, (double)SEND(working_set, sn_metal_device),
    (double)SEND(buffer_limit, sn_metal_device), threads.width, SEND(shared_limit, sn_metal_device));
  sn_objc.pop(pool);
}
const device sn_metal = {
  .name = "metal", .unified = 1, .cached = 1, .open = start, .allocate = allocate, .release = release, .adopt = adopt, .forget = sn_metal_forget, .load = sn_metal_load, .unload = sn_metal_unload,
  .enqueue = sn_metal_enqueue, .info = info, .setting = sn_metal_setting,
};
