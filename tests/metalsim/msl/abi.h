// abi.h: what a kernel library (MSL text compiled as C++) and the simulator's scheduler share.
#pragma once
typedef __UINT8_TYPE__ sim_u8;
typedef __UINT32_TYPE__ sim_u32;
typedef __UINT64_TYPE__ sim_u64;
enum { SIM_BUFFERS = 31, SIM_WIDTH = 32, SIM_THREADS = 1024, SIM_SHARED = 32768, SIM_SLOT = 64 };
// Where a thread stands: it runs, waits at a threadgroup barrier or for its SIMD group, or has returned.
enum sim_state { SIM_RUN, SIM_GROUP, SIM_SIMD, SIM_DONE };
enum { SIM_MEM_DEVICE = 1, SIM_MEM_THREADGROUP = 2 };   // bits of mem_flags

struct sim_thread {
  void *stack;                              // saved stack pointer of its fiber
  sim_u32 state, flags, site;               // site: line * 1000 + column of the call at which it waits
  sim_u32 in_grid[3], in_group[3], index, lane, simd;
  sim_u32 ops;                              // SIMD-group operations so far; values are exchanged through slots of alternating operations
  alignas(16) sim_u8 slot[2][SIM_SLOT];
};
struct sim_group {
  sim_thread *threads;
  sim_u32 count;
  sim_u32 position[3], groups[3], size[3], grid[3];
  void *buffer[SIM_BUFFERS];
  void (*wait)(sim_thread *);                               // back to the scheduler
  void (*access)(const void *at, sim_u32 bytes, int write); // called before every load and store; null unless they are checked
};
struct sim_kernel {
  const char *name;
  void (*run)(const sim_group *, const sim_thread *);
  const char *arguments;                    // for each buffer argument: index and 'r' or 'w', as "0r1w"
};
struct sim_library {
  const sim_kernel *kernels;                // ends with a null name
  sim_thread **current;
  sim_group **group;
  char *shared, *shared_end;                // its threadgroup variables
};
