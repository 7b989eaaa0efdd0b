// objc.h: the Objective-C runtime without Objective-C: types of its ABI, and SEND, through which every message goes with the type that the table of
// methods gives it. (An uncast objc_msgSend would pass arguments as of a variadic function: on arm64 in other places.)
#pragma once
#include <stdint.h>
typedef void *id, *Class;
typedef const void *SEL;
typedef unsigned long NSUInteger;
typedef long NSInteger;
#if defined(__aarch64__)
typedef _Bool BOOL;
#else
typedef signed char BOOL;
#endif
typedef struct { NSUInteger width, height, depth; } MTLSize;
typedef struct { NSInteger major, minor, patch; } NSOperatingSystemVersion;
_Static_assert(sizeof(NSUInteger) == 8 && sizeof(MTLSize) == 24, "a 64-bit ABI");
#include "methods.h"
#define SN_ARGUMENTS(...) (id, SEL __VA_OPT__(,) __VA_ARGS__)
#define X(name, owner, kind, since, selector, result, args) typedef result (*sn_type_##name) SN_ARGUMENTS args;
SN_METHODS(X)
#undef X
enum {
#define X(name, owner, kind, since, selector, result, args) SN_SEL_##name,
  SN_METHODS(X)
#undef X
  SN_SELECTORS
};
// The runtime's functions, found when Metal is opened. Callers of SEND hold a pool: between push and pop.
typedef struct objc_runtime {
  void (*send)(void), (*send_stret)(void);
  SEL selectors[SN_SELECTORS], (*selector)(const char *);
  Class (*class_named)(const char *), (*class_of)(id);
  BOOL (*responds)(Class, SEL);
  void *(*push)(void), (*pop)(void *);
  id (*retain)(id);
  void (*release)(id);
  id (*default_device)(void);
  void *global_block;                  // the class of blocks that are never copied
} objc_runtime;
extern objc_runtime sn_objc;
#define SEND_THROUGH(function, name, self, ...) ((sn_type_##name)sn_objc.function)(self, sn_objc.selectors[SN_SEL_##name] __VA_OPT__(,) __VA_ARGS__)
#define SEND(name, self, ...) SEND_THROUGH(send, name, self __VA_OPT__(,) __VA_ARGS__)
// A message that gives a structure in memory.
#if defined(__x86_64__)
#define SEND_SIZE(name, self, ...) SEND_THROUGH(send_stret, name, self __VA_OPT__(,) __VA_ARGS__)
#else
#define SEND_SIZE SEND
#endif
#define RESPONDS(name, object) sn_objc.responds(sn_objc.class_of(object), sn_objc.selectors[SN_SEL_##name])
// Null, or why Metal cannot be opened.
const char *sn_objc_open(void);
id sn_objc_new(const char *name);      // an object that the caller releases
id sn_objc_text(const char *text);     // an autoreleased NSString
const char *sn_objc_error(id error);   // the description of an NSError, valid until the pool is popped
