// state.h: buffers, contexts and errors, as the parts of the library share them.
#pragma once
#include "../sinter.h"
typedef struct context context;
typedef struct binding binding;
typedef struct task task;
context *sn_context(uint32_t ctx);
void sn_fail(context *c, const char *format, ...);
// Begins the use of a submission's bindings `e`, in order: fills kind, memory, bytes, device and id, and retains until sn_unuse. New buffers are the
// context's, arenas end with their use; the id of either is that of a disposed buffer whose token it takes over, or 0; `computes`: for a computing task,
// which comes after those in `b->after`. Returns how many could be bound: less than nb for an unknown kind, a stale id or want of memory.
uint32_t sn_use(uint32_t ctx, uint32_t device, int computes, const uint32_t *e, binding *b, uint32_t nb);
void sn_unuse(const binding *b, uint32_t nb);
void sn_discard(uint32_t id);                                                 // ends the owner's reference of a buffer that never got a token
uint64_t sn_track(const binding *b, uint32_t nb);                             // the tasks in flight that these bindings come after
void sn_enter(const task *t);                                                 // a task is in flight from here on
void sn_leave(const task *t, int failed);                                     // to here, which ends the use of its bindings
uint64_t sn_fault(uint32_t id);                                               // number of the failed submission, in its context, that was to write the buffer, or 0
char *sn_map_file(const char *path, uint64_t bytes);                          // map.c: pages with a file's bytes and SN_PAD more, or null
void sn_unmap_file(char *pages, uint64_t bytes);
uint64_t sn_mapped_bytes(uint64_t bytes);                                     // of the pages
void sn_forget_buffers(uint32_t ctx);                                         // frees what a dead context owns or views
void sn_forget_programs(uint32_t ctx);
void sn_enqueue_host(task *t);                                                // context.c: the CPU's tasks run in order on the context's dispatcher thread
// exec.c: runs the commands from words[at] on; `device` is whose programs they name.
int sn_run(context *c, const uint32_t *w, uint32_t n, uint32_t at, binding *b, uint32_t nb, uint32_t device);
// exec.c: reads SN_CALL, proves what it may touch, and fills `call`, in which the pointers are those of the device; touched: there is something to do.
struct sn_checked;
int sn_read_call(context *c, const uint32_t *w, uint32_t n, const binding *b, uint32_t nb, struct sn_checked *call);
void *sn_load_tape(context *c, const uint32_t *words, uint32_t n);
void sn_unload_tape(void *program);
uint32_t sn_stage_names(uint8_t *text, uint32_t cap);
const char *sn_isa_name(void);
void sn_cpu_name(char *text, size_t cap);
