// state.h: buffers, contexts and errors, as the parts of the library share them.
#pragma once
#include "../sinter.h"
typedef struct context context;
context *sn_context(uint32_t ctx);
void sn_fail(context *c, const char *format, ...);
// Memory of a live buffer, retained until sn_unuse; null if the id is stale.
char *sn_use(uint32_t id, uint64_t *bytes);
void sn_unuse(uint32_t id);
void sn_discard(uint32_t id);                               // ends the owner's reference of a buffer that never got a token
uint32_t sn_new_buffer(uint32_t ctx, uint64_t bytes);       // one reference, the owner's
char *sn_memory(uint64_t bytes, uint32_t *id);              // memory without an owner: freed by sn_unuse(id)
void sn_set_fault(uint32_t id, uint64_t number);             // the submission that was to write this buffer failed
uint64_t sn_fault(uint32_t id);                              // that submission's number in its context, or 0
void sn_forget_buffers(uint32_t ctx);                        // frees what a dead context owns or views
void sn_forget_programs(uint32_t ctx);
// exec.c: runs the commands of a submission whose bindings are resolved.
typedef struct binding { char *p; uint64_t bytes; uint32_t id; } binding;
int sn_run(context *c, const uint32_t *w, uint32_t n, uint32_t at, const binding *b, uint32_t nb);
uint32_t sn_stage_names(uint8_t *text, uint32_t cap);
const char *sn_isa_name(void);
void sn_cpu_name(char *text, size_t cap);
