// pin.c: keeps the library mapped until the process ends. Runtimes close it at exit while native threads still run in it.
#define _GNU_SOURCE
#include "../sinter.h"
#if !defined(_WIN32)
#include <dlfcn.h>
__attribute__((constructor)) static void pin(void) {
  Dl_info self;
  if (dladdr((void *)&sn_open, &self) && self.dli_fname) dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
}
#endif
