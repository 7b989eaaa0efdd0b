// device.c: the devices that are built in, opened when they are first used, and the programs that are loaded on them.
#include "device.h"
#include <pthread.h>
#include <stdlib.h>
static const device *const devices[] = {
  &sn_cpu, &sn_fake,
#if !defined(_WIN32)
  &sn_metal, &sn_cuda_device,
#endif
};
#define DEVICES (sizeof devices / sizeof *devices)
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int state[DEVICES];               // 0 not tried, 1 usable, 2 not
static const char *reason[DEVICES];
uint32_t sn_devices(void) { return DEVICES; }
const char *sn_device_name(uint32_t number) { return devices[number]->name; }
const device *sn_device(uint32_t number, const char **why) {
  if (number == 0) return &sn_cpu;
  if (number >= DEVICES) { if (why) *why = "there is no such device"; return 0; }
  if (!atomic_load(&state[number])) {
    pthread_mutex_lock(&opening);
    if (!atomic_load(&state[number])) { reason[number] = devices[number]->open(); atomic_store(&state[number], reason[number] ? 2 : 1); }
    pthread_mutex_unlock(&opening);
  }
  if (atomic_load(&state[number]) == 1) return devices[number];
  if (why) *why = reason[number];
  return 0;
}
void sn_forget_host(uint32_t number, const char *host, uint64_t bytes) {
  for (uint32_t i = 1; i < DEVICES; i++) if (i != number && devices[i]->forget && atomic_load(&state[i]) == 1) devices[i]->forget(host, bytes);
}

typedef struct loaded { uint32_t ctx, device; void *program; } loaded;
#define PROGRAMS 65536
static loaded programs[PROGRAMS];
static uint32_t n_programs = 1, free_program = 1;      // no place before free_program is free
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
uint32_t sn_program(uint32_t ctx, uint32_t device_number, const uint32_t *words, uint32_t n) {
  context *c = sn_context(ctx);
  if (!c) return 0;
  const char *why = 0;
  const device *d = sn_device(device_number, &why);
  if (!d) { sn_fail(c, "device %u: %s", device_number, why); return 0; }
  void *program = d->load(c, words, n);
  if (!program) return 0;
  uint32_t id = 0;
  pthread_mutex_lock(&lock);
  while (free_program < n_programs && programs[free_program].program) free_program++;
  if (free_program < PROGRAMS) { id = free_program; programs[id] = (loaded){ctx, device_number, program}; if (id == n_programs) n_programs++; }
  pthread_mutex_unlock(&lock);
  if (!id) { sn_fail(c, "too many programs"); d->unload(program); }
  return id;
}
void *sn_loaded(uint32_t id, uint32_t device_number) { return id > 0 && id < n_programs && programs[id].device == device_number ? programs[id].program : 0; }
static void drop(uint32_t id) {
  sn_device(programs[id].device, 0)->unload(programs[id].program);
  programs[id] = (loaded){0};
  if (id < free_program) free_program = id;
}
// No submission of the context may still use it.
void sn_program_free(uint32_t ctx, uint32_t id) {
  pthread_mutex_lock(&lock);
  if (id > 0 && id < n_programs && programs[id].program && programs[id].ctx == ctx) drop(id);
  pthread_mutex_unlock(&lock);
}
void sn_forget_programs(uint32_t ctx) {
  pthread_mutex_lock(&lock);
  for (uint32_t i = 1; i < n_programs; i++) if (programs[i].program && programs[i].ctx == ctx) drop(i);
  pthread_mutex_unlock(&lock);
}
