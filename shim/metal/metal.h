// metal.h: what the parts of the Metal device share.
#pragma once
#include "objc.h"
#include "../base/source.h"
extern id sn_metal_device;
void *sn_metal_load(context *c, const uint32_t *words, uint32_t n);
void sn_metal_unload(void *p);
void sn_metal_open_archive(void);
// Tasks (stream.c).
const char *sn_metal_open_stream(void);
void sn_metal_enqueue(task *t);
double sn_metal_setting(uint32_t which, const double *value);
