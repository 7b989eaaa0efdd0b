// device.h: what a device is to the library, and what the library does for every device.
//
// A device is a table of functions. The library owns what is common: the buffer table, the order of submissions, tickets, failures and
// the bound on what is in flight. A device allocates memory, loads programs, and runs the tasks that it is handed. Device 0 is the CPU.
#pragma once
#include "state.h"
#include <stdatomic.h>

// Memory as its device names it (an address, a CUdeviceptr, an MTLBuffer), and where the host sees it: null if it does not.
typedef struct memory { void *handle; char *host; } memory;

// One binding of a submission; the kind is the binding's word (SN_BIND_BUFFER, ...).
// `p` is the memory's address for the device of the task, null if that does not reach it: then only a copy may name it.
// A window begins at `at` of the memory of binding `of`, whose `m` it has (none before a loop placed it); 0 for all others.
// `after`: tasks in flight, up to number `last`, that use the memory of a new buffer until then.
struct binding { memory m; char *p; uint64_t bytes, at, after, last; uint32_t id, of; uint8_t device, kind; };

// A submission in flight. `waits` has a bit for each task of the same context, by index, that must be complete before this one may begin.
// When a task is handed to its device, every bit left is a task that was handed to the same device before, in c->number order; the library
// clears a bit once that task is complete. A device that orders by itself (events, fences) reads the bits when it is handed the task; one
// that polls waits until they are gone. Nothing else may be assumed: two tasks of one stream without such a bit may run in any order, or both at once.
struct task {
  context *c;
  uint64_t number;                     // of the context's submissions, from 1
  uint32_t *words, n, at, nb;          // the submission; its commands are words[at .. n)
  binding *b;
  uint8_t index, device, stream, handed, watched;   // index: 0..63 among the context's tasks in flight. watched: the callback is told of its end
  _Atomic uint8_t reaped;              // the device completes it in `reap`
  struct waiter *waiter;               // the thread that is blocked on it, if any: then nobody is notified
  _Atomic uint64_t waits;
  uint64_t bytes;                      // of new buffers and arenas
  task *next;                   // the device's own, from enqueue until sn_done
};

typedef struct device {
  const char *name;                    // "cpu", "fake", "metal", "cuda"
  int unified;                         // the host reads and writes its memory, which has a host address: no copies, only order
  int cached;                          // the library keeps freed memory of this device for reuse; else the device does, or nobody
  int lends;                           // cached memory may be a computing task's before those that used it have ended: tasks wait for one another on the device
  uint64_t in_flight;                  // bytes of new buffers and arenas that may be in flight once there are two tasks; 0: as many as the CPU's
  // Null, or why the device cannot be used on this machine. Called once, before all else, at the first use.
  const char *(*open)(void);
  // Memory of `bytes` and SN_PAD readable ones after; 0 on success. Called under the buffer table's lock: must call nothing of the library.
  int (*allocate)(uint64_t bytes, memory *out);
  void (*release)(memory m, uint64_t bytes);
  // Takes whole pages of the host as memory, until release; 0 on success. Null: an address is enough, if the host sees the device's memory at all.
  int (*adopt)(char *pages, uint64_t bytes, memory *out);
  // The host's memory at these addresses, which this device may have been told of, is given back to the system. Nothing uses it. May be null.
  void (*forget)(const char *host, uint64_t bytes);
  // A program of this device from its words (a tape, or source text); null with sn_fail's text if it is malformed.
  void *(*load)(context *c, const uint32_t *words, uint32_t n);
  void (*unload)(void *program);
  // Takes a task: to run its commands on its stream, then to call sn_done, from any thread but not inside enqueue.
  // Called with the context's lock held, in an order in which each task comes after those that it waits for; must not block.
  void (*enqueue)(task *t);
  // Waits until the oldest task that is marked `reaped` has ended, and completes all that have: called, with no lock held, by threads that wait for such a
  // task. `hurry`: somebody waits without a thread for it. Without either call the device completes tasks within some milliseconds. Null: it marks none.
  void (*reap)(void);
  void (*hurry)(void);
  // Why nothing runs on it any more, or null. Null: that does not happen.
  const char *(*lost)(void);
  // "key=value" lines for sn_info.
  void (*info)(char *text, size_t cap);
  // A setting or a statistic of this device; sets it first if value is not null. Null: there is none.
  double (*setting)(uint32_t which, const double *value);
} device;
extern const device sn_cpu, sn_fake, sn_metal, sn_cuda_device;
// The device of a number, opened; null if there is none, or if it cannot be used (`why` says why, if it is not null).
const device *sn_device(uint32_t number, const char **why);
void sn_forget_host(uint32_t number, const char *host, uint64_t bytes);   // tells all devices in use but this one
uint32_t sn_devices(void);             // how many are built in
const char *sn_device_name(uint32_t number);

// The task is complete. A code below 0 with a text fails it: what it was to write is marked, and a task that reads such memory fails with the
// same code and text whatever its own outcome, so that a device need not know of the failures of others.
void sn_done(task *t, int code, const char *text);
// The failure that a task inherits from what it reads, known once its waits are gone: a device that would rather not begin may ask. 0 = none.
int sn_doomed(task *t);
// Waits until all that a task waits for has ended, and gives what sn_doomed does: for threads of a device, with no lock held.
int sn_settled(task *t);
// A place for sn_fail's text for a thread that runs tasks; null without memory.
context *sn_scribe(void);
const char *sn_written(const context *scribe);

typedef struct passes passes;
// What runs the commands of a task: `run` takes one that is no loop, `flag` reads bytes that commands before it wrote; `scribe` takes sn_fail's texts. With
// `again` it is asked to run passes that are like those that it was asked for before in this loop, and keeps what it likes in `kept` until `forget`.
typedef struct runner {
  void *with;
  context *scribe;
  binding *b;
  uint32_t nb;
  int (*run)(void *with, const uint32_t *w, uint32_t n);                              // 0 or a code
  int (*flag)(void *with, const binding *b, uint64_t offset, void *value, uint32_t bytes);   // 0 or a code; at most 8 bytes
  int (*again)(void *with, passes *p);                                                // 0 or a code; may be null
  void (*forget)(void *kept);
} runner;
// `n` passes of a loop from pass `from`, as commands over windows.
struct passes { const runner *r; const uint32_t *windows, *block; uint32_t window_count, block_length; int depth; uint64_t from, n; void *kept; };
int sn_run_passes(const passes *p);
// Runs commands in order, loops and their windows as sinter.h says. 0, or the code of what failed.
int sn_commands(const runner *r, const uint32_t *w, uint32_t n);

// Words from a command to the next, a loop's first one among them: so a walk meets every command once, in whatever loops it lies. 0: none, or malformed.
uint32_t sn_next(const uint32_t *w, uint32_t n);
// How many commands a list runs, those of loops as often as they repeat; `most` if there are more, if bytes steer it, or if it is malformed.
uint64_t sn_runs(const uint32_t *w, uint32_t n, uint64_t most);
// Whether what a task runs depends on bytes that it reads on its way: then the thread that encodes it waits for the device.
int sn_steers(const task *t);

// The loaded program of an id, or null if there is none on this device.
void *sn_loaded(uint32_t id, uint32_t device);
