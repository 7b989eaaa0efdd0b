// napi.c: the library as a Node-API addon with one function, wrap(address, bytes, id, which): an external ArrayBuffer over a buffer's memory
// whose collection ends the owner's (which = 0) or a view's (1) reference. Deno has no other way to free native memory from its collector.
#define _GNU_SOURCE
#include "../sinter.h"
#include <stdlib.h>
#if defined(_WIN32)
#include <windows.h>
static void *find(const char *name) { return (void *)GetProcAddress(GetModuleHandleA(0), name); }
#else
#include <dlfcn.h>
static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }
#endif
typedef struct env_t *env; typedef struct value_t *value; typedef struct info_t *info;
typedef value (*callback)(env, info);
typedef void (*finalise)(env, void *data, void *hint);
static int (*get_cb_info)(env, info, size_t *, value *, value *, void **);
static int (*get_double)(env, value, double *);
static int (*external)(env, void *, size_t, finalise, void *, value *);
static int (*plain)(env, size_t, void **, value *);
static int (*function)(env, const char *, size_t, callback, void *, value *);
static int (*set_named)(env, value, const char *, value);
static void end_owner(env e, void *data, void *hint) { (void)e; ((void (*)(void *, void *))(uintptr_t)sn_finaliser(0))(data, hint); }
static void end_view(env e, void *data, void *hint) { (void)e; ((void (*)(void *, void *))(uintptr_t)sn_finaliser(1))(data, hint); }
static value wrap(env e, info i) {
  size_t n = 4;
  value v[4], out = 0;
  double x[4] = {0};
  get_cb_info(e, i, &n, v, 0, 0);
  for (size_t k = 0; k < 4 && k < n; k++) get_double(e, v[k], x + k);
  external(e, (void *)(uintptr_t)x[0], (size_t)x[1], x[3] == 1 ? end_view : end_owner, (void *)(uintptr_t)x[2], &out);
  return out;
}
SN_EXPORT value napi_register_module_v1(env e, value exports) {
  get_cb_info = find("napi_get_cb_info"); get_double = find("napi_get_value_double"); external = find("napi_create_external_arraybuffer");
  plain = find("napi_create_arraybuffer"); function = find("napi_create_function"); set_named = find("napi_set_named_property");
  value f;
  if (get_cb_info && get_double && external && function && set_named && !function(e, "wrap", 4, wrap, 0, &f)) set_named(e, exports, "wrap", f);
  return exports;
}
