// metal.h: what the parts of the Metal device share.
#pragma once
#include "objc.h"
#include "../base/source.h"
extern id sn_metal_device;
void *sn_metal_load(context *c, const uint32_t *words, uint32_t n);
void sn_metal_unload(void *p);
void sn_metal_open_archive(void);
// The version of the language in which programs are compiled, as MTLLanguageVersion numbers it: the newest that kernels use and this system has.
NSUInteger sn_metal_language(void);
// Memory of the CPU (window.c): a buffer over the pages of host .. host + bytes, and where they begin in it; null if there can be none. It is open until
// it was closed as often, and may be kept until sn_metal_forget.
typedef struct window window;
window *sn_metal_open_window(const char *host, uint64_t bytes, uint64_t *offset);
id sn_metal_window_buffer(const window *v);
void sn_metal_close_window(window *v);
void sn_metal_forget(const char *host, uint64_t bytes);
// Tasks (stream.c).
const char *sn_metal_open_stream(void);
void sn_metal_enqueue(task *t);
double sn_metal_setting(uint32_t which, const double *value);
