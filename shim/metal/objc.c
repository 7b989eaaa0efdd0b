// objc.c: finds the Objective-C runtime and Metal at run time. SINTER_METAL_LIBRARY names one library that stands for all of them.
#include "objc.h"
#include <dlfcn.h>
#include <stdlib.h>
objc_runtime sn_objc;
static const char *const names[] = {
#define X(name, owner, kind, since, selector, result, args) selector,
  SN_METHODS(X)
#undef X
};
// The default device of a command-line tool needs Core Graphics.
static const char *const frameworks[] = {
  "/usr/lib/libobjc.A.dylib", "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics", "/System/Library/Frameworks/Foundation.framework/Foundation",
  "/System/Library/Frameworks/Metal.framework/Metal",
};
enum { LIBRARIES = sizeof frameworks / sizeof *frameworks };
static void *libraries[LIBRARIES];
static int find(const char *name, void *function) {
  void *found = 0;
  for (int i = 0; i < LIBRARIES && !found; i++) found = dlsym(libraries[i], name);
  *(void **)function = found;
  return found != 0;
}
const char *sn_objc_open(void) {
  const char *given = getenv("SINTER_METAL_LIBRARY");
  for (int i = 0; i < LIBRARIES; i++) {
    libraries[i] = dlopen(given && *given ? given : frameworks[i], RTLD_NOW | RTLD_GLOBAL);
    if (!libraries[i]) return "this system has no Metal";
  }
  objc_runtime *o = &sn_objc;
  if (!find("objc_msgSend", &o->send) || !find("sel_registerName", &o->selector) || !find("objc_getClass", &o->class_named)
    || !find("object_getClass", &o->class_of) || !find("class_respondsToSelector", &o->responds) || !find("objc_autoreleasePoolPush", &o->push)
    || !find("objc_autoreleasePoolPop", &o->pop) || !find("objc_retain", &o->retain) || !find("objc_release", &o->release)
    || !find("_NSConcreteGlobalBlock", &o->global_block) || !find("MTLCreateSystemDefaultDevice", &o->default_device)) return "a function of the Objective-C runtime is missing";
  find("objc_msgSend_stret", &o->send_stret);
  for (int i = 0; i < SN_SELECTORS; i++) o->selectors[i] = o->selector(names[i]);
  return 0;
}
id sn_objc_new(const char *name) { return SEND(new_object, sn_objc.class_named(name)); }
id sn_objc_text(const char *text) { return SEND(text_of, sn_objc.class_named("NSString"), text); }
const char *sn_objc_error(id error) {
  id text = error ? SEND(description, error) : 0;
  const char *s = text ? SEND(characters, text) : 0;
  return s ? s : "no reason is given";
}
