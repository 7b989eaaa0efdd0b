// sinter.h: the flat C ABI between TypeScript and the native library, and the formats of what crosses it.
// The library knows buffers, programs, a thread pool and library routines; it knows no op, no shape rule and no policy.
//
// Conventions. Handles and codes are u32/i32, byte counts and addresses are f64 (exact below 2^53), arrays of words are u32.
// An i64 (or a raw 64-bit scalar) inside words is two words, low first. No function ever aborts the process.
#pragma once
#include <stddef.h>
#include <stdint.h>
#if defined(_WIN32)
#define SN_EXPORT __declspec(dllexport)
#else
#define SN_EXPORT __attribute__((visibility("default")))
#endif

// ---- contexts -------------------------------------------------------------------------------------------------------
// One context per JavaScript thread; handles, arenas, tickets, callbacks and errors belong to it. Pool and free lists are shared.
SN_EXPORT uint32_t sn_open(void);                       // 0 = failed
SN_EXPORT void sn_close(uint32_t ctx);                  // waits for what runs, drops what has not begun, frees buffers and programs; the end of the thread that opened does the same
SN_EXPORT uint32_t sn_error(uint32_t ctx, uint8_t *text, uint32_t cap);   // text of the last error, UTF-8; returns its length
SN_EXPORT uint32_t sn_names(uint32_t which, uint8_t *text, uint32_t cap); // '\n'-separated: 0 stages, 1 routines, 2 devices; position = number. Returns full length
SN_EXPORT uint32_t sn_info(uint32_t device, uint8_t *text, uint32_t cap); // "key=value" lines, of the CPU: isa, threads, blas, lapack, cpu; empty if the device cannot be used

// ---- memory ---------------------------------------------------------------------------------------------------------
// A buffer id is slot and generation; 0 is none. Buffers are 64-byte aligned at least, and SN_PAD readable bytes follow each.
// Freed buffers are cached by size class and reused once the submissions that use them are done. A buffer is memory of one device.
#define SN_PAD 2048
SN_EXPORT uint32_t sn_alloc(uint32_t ctx, uint32_t device, double bytes); // reference count 1, held by the owner; 0 = no memory or over the limit; or no such device, which sn_error says: it is empty otherwise
// A file as a buffer: pages that are read when they are touched, and that are the process's own once they are written. The file must stay as it
// is meanwhile. 0 = not possible: no such file or not so long, no such call on this system, a device whose memory the host does not see.
SN_EXPORT uint32_t sn_map(uint32_t ctx, uint32_t device, const uint8_t *path, uint32_t length, double bytes);
SN_EXPORT double sn_address(uint32_t ctx, uint32_t id);                   // 0 = no live buffer, or memory that the host does not see
SN_EXPORT int32_t sn_alive(uint32_t ctx, uint32_t id);                    // whether the id names a live buffer
SN_EXPORT double sn_nowhere(uint32_t which);                              // a range that nothing may touch, where tokens of memory that the host does not see lie: 0 address, 1 bytes
SN_EXPORT void sn_dispose(uint32_t ctx, uint32_t id);                     // the owner's reference ends now; the owner's finaliser then does nothing
SN_EXPORT void sn_retain(uint32_t ctx, uint32_t id);
SN_EXPORT void sn_release(uint32_t ctx, uint32_t id);
// Addresses of void (*)(void *bytes, void *id), callable from any thread and inside a collector: 0 ends the owner's reference, 1 a view's.
SN_EXPORT double sn_finaliser(uint32_t which);
enum { SN_ACTIVE, SN_PEAK, SN_CACHE, SN_LIMIT, SN_CACHE_LIMIT, SN_BUFFERS, SN_RSS, SN_SUBMITS };
SN_EXPORT double sn_stat(uint32_t which);                                 // bytes or counts, process-wide
SN_EXPORT double sn_set(uint32_t which, double value);                    // SN_PEAK (reset), SN_LIMIT, SN_CACHE_LIMIT; returns the old value
// Device d's own settings and statistics are d << 8 | which. Of the test device: how its streams shuffle; which allocation, dispatch or copy
// from now on fails, or which freed buffer is found to be written beyond its end (1 the next, 0 none), and how many from there; how often memory
// was found damaged (0 forgets it); how many tasks overtook an earlier one.
enum { SN_FAKE_SEED, SN_FAKE_ALLOCATION, SN_FAKE_DISPATCH, SN_FAKE_COPY, SN_FAKE_SPILL, SN_FAKE_TIMES, SN_FAKE_DAMAGE, SN_FAKE_OVERTAKEN };
// Of Metal: after how many launches, or bytes that they name, a command buffer is committed; how many were committed; how many barriers were placed; how many
// flags of loops and branches were read.
enum { SN_METAL_LAUNCHES, SN_METAL_BYTES, SN_METAL_COMMITS, SN_METAL_BARRIERS, SN_METAL_FLAGS };
// Of CUDA, counts: kernels that were compiled rather than found on disk, launches, bytes copied to the device and to the host, submissions that were
// launched as a graph, flags of loops and branches that were read; and whether cuSOLVER is there.
enum { SN_CUDA_COMPILED, SN_CUDA_LAUNCHED, SN_CUDA_UP, SN_CUDA_DOWN, SN_CUDA_REPLAYED, SN_CUDA_FLAGS, SN_CUDA_COUNTS, SN_CUDA_SOLVES = SN_CUDA_COUNTS };
SN_EXPORT void sn_trim(void);                                             // gives cached memory back

// ---- programs and submissions ---------------------------------------------------------------------------------------
SN_EXPORT uint32_t sn_program(uint32_t ctx, uint32_t device, const uint32_t *words, uint32_t n);   // 0 = malformed, see sn_error
SN_EXPORT void sn_program_free(uint32_t ctx, uint32_t program);
// Runs words in order, after the submissions in flight that write what they read, and those that read or write what they write:
// so several devices and streams work at once, and each submission waits for just what it depends on.
// Returns 0 when done, a ticket (> 0) if SN_ASYNC was set and it is in flight, or a negative code. Without SN_ASYNC it returns when
// it is done; on the CPU it then runs on the calling thread (and the pool).
// All memory of the submission is reserved before anything runs, so that SN_E_MEMORY changes nothing.
SN_EXPORT int32_t sn_submit(uint32_t ctx, uint32_t *words, uint32_t n);
// A submission that reads what a failed one was to write fails with its code and text.
SN_EXPORT int32_t sn_wait(uint32_t ctx, uint32_t ticket);                 // from any thread: 0, or the negative code with which that ticket failed; ticket 0: waits for all, 0
SN_EXPORT int32_t sn_poll(uint32_t ctx, uint32_t ticket);                 // 1 = still running
typedef void (*sn_callback)(uint32_t ticket);
SN_EXPORT void sn_notify(uint32_t ctx, sn_callback fn);                   // called from any thread when a watched ticket is finished
SN_EXPORT int32_t sn_watch(uint32_t ctx, uint32_t ticket);                // 1 = still running, and watched from here on
enum { SN_E_MEMORY = -1, SN_E_WORDS = -2, SN_E_ROUTINE = -3, SN_E_HANDLE = -4, SN_E_DEVICE = -5 };

// Submission: [n, nBind, flags, ticket(out)] then nBind bindings of 6 words, then commands until n.
//   binding: [kind, id, bytes i64, address f64 (out)]
//     SN_BIND_BUFFER  id names a live buffer          SN_BIND_NEW    allocate; id and address are written back. An id that is given
//       must be 0, or that of a disposed buffer whose token the new one takes over, if it can: then the id stays
//     SN_BIND_ARENA   memory of this submission only; id is not set
//     SN_BIND_UPDATE  id names a live buffer that the commands write
//     SN_BIND_WINDOW  no memory: `bytes` of other bindings, where the loops that name it say
//   New memory and arenas are the device's. A buffer of another device may be named by copies only, unless both share the host's memory.
// flags: SN_ASYNC, then the device in bits 8 to 15 and its stream in bits 16 to 23.
enum { SN_ASYNC = 1 };
enum { SN_COMPUTE, SN_TRANSFER };
enum { SN_BIND_BUFFER, SN_BIND_NEW, SN_BIND_ARENA, SN_BIND_UPDATE, SN_BIND_WINDOW };
// Commands: [op, words in this command including these two, ...]
enum { SN_DISPATCH = 1, SN_CALL = 2, SN_COPY = 3, SN_LAUNCH = 4, SN_LOOP = 5 };
//   SN_LOOP: [.., what, nWindow, words of each of three blocks, flag binding, its offset i64, count i64, nWindow x window, the blocks]: blocks hold commands.
//     SN_REPEAT  the first block `count` times                 SN_WHILE  the first block, then the second as long as the flag (a byte) is not 0.
//       With a count, so many passes at most run before the flag is read: then it is two words, whether they go on and how many ran, and passes that should not
//       run must do nothing
//     SN_BRANCH  the first block if the flag is not 0, else the second          The third block runs once at the end.
//     window: [window (binding), binding, offset i64, other binding, i64]. Before pass number i (from 0) the window lies at that offset; without another binding
//     (0xffffffff) plus i times the last number, else in odd passes in the other binding at that offset. Windows of two bindings are also there for the third block.
//   SN_COPY: [.., to (binding), offset i64, from (binding), offset i64, bytes i64]; the bindings may be of any two devices one of which runs this;
//     Metal copies whole words
//   SN_LAUNCH: [.., program, flags, 3 x threadgroups, 3 x threads, nBuffer, nConstant, nBuffer x (binding, offset i64), nConstant x word]: a kernel of a
//     source program. flags: SN_AFTER = it depends on a launch of this submission since the last one that was marked so; the others may run at once.
//   SN_CALL: [.., routine, nPtr, nInt, nNum, nPtr x (binding, offset i64), nInt x i64, nNum x f64]; the signatures of routines are in blas/table.c
//   SN_DISPATCH: [.., program, nRow, nInner, nMem, nScalar, foldAxis, rag i64, foldSize i64,
//                 nRow x size i64, nInner x size i64, nMem x memory operand, nScalar x raw 64 bits]
//     memory operand: [binding, nIndirect, offset i64 (bytes), bound i64 (elements from the row's address that an index load may touch),
//                      nRow x stride i64 (bytes), fold stride i64 (bytes), nInner x stride i64 (elements),
//                      nIndirect x (memory operand that holds the index, its storage (SN_I32, SN_U32, SN_I64...), stride i64 (bytes), size i64)]
//     A row is one point of the row axes. Its address in an operand is binding + offset + sum(row index * stride) + sum(indirect):
//     an indirect term loads one index at the named operand's row address, adds size if it is negative, clamps it to [0, size), times stride.
//     The inner axes are walked as one flat index i in [0, n), n = product of the inner sizes, row-major. Per operand the inner strides are
//     contiguous (as if 1), uniform (s), zero (one value for the row), or general; the executor picks the matching form of ld/st.
//     rag >= 0: the last row axis cuts an axis of length rag into blocks of the inner (COL: fold) size; the last block is shorter.
enum { SN_I8, SN_U8, SN_I16, SN_U16, SN_I32, SN_U32, SN_I64, SN_U64 };

enum { SN_REPEAT, SN_WHILE, SN_BRANCH };
enum { SN_AFTER = 1 };
// Source program (Metal, CUDA): [nBuffer, nConstant, threads, bytes of the name, bytes of the text, name, text], name and text padded to words. Buffers are
//   arguments 0 to nBuffer - 1 of the kernel `name`, the constants argument nBuffer; `threads` is the most that a threadgroup of a launch has.
// Tape (CPU): [kind, wide, nSlot, nTile, nStage, entry0, entry1, entry2, nStage x (stage number, a, b, imm)]
//   an operand a or b is kind << 24 | index:
enum { SN_NONE, SN_MEM, SN_SLOT, SN_SCALAR, SN_AXIS, SN_STAGE, SN_TILE };
//   kind SN_MAP: one loop over i that may be cut anywhere across threads. Entry: entry0.
//   kind SN_ROW: passes over a row (stage `loop` ends one) with per-row stages between them; rows are spread over threads. Entry: entry0.
//     A tile is an array of one row: what one pass keeps for later ones.
//   kind SN_COL: for each row, each chunk of i: entry0 (initialises tiles); then for each step of the fold axis in order entry1; then entry2.
//     A tile is an array of one chunk of 64-bit places, addressed by i like a contiguous operand. Rows and chunks are spread over threads.
//     The fold axis is row axis number nRow for SN_AXIS, and the fold stride advances the operands.
//   kind SN_SEQ: as SN_ROW, but rows run in order (scatters). The inner axes may be cut across threads if imm of stage 0 is 1. With a stage `own`
//     each thread walks all rows and stores, in that order, into its own range of the places.
enum { SN_MAP, SN_ROW, SN_COL, SN_SEQ };
// The accumulator machine. A step is G elements: 8 vectors of 32-bit lanes (narrow), or half as many elements (wide = 1: programs that touch
// a 64-bit type), where 64-bit values fill the 8 vectors and 32-bit ones the first 4; complex64 is re in the first 4 vectors and im in the last 4.
// A slot holds one accumulator (8 vectors). In a partial last step lanes beyond the end hold anything: they are never stored, folded or
// used as an address. Stages (T = f32 f64 i32 u32 i64 u64 c64; S = storage u8 i8 u16 i16 f16 bf16 w32 w64 c64; bool is u8 0/1 and i32 in registers;
// 8- and 16-bit integers are i32 in registers, float16 and bfloat16 f32):
//   ld.S mem                    load and widen                        ldx.S.i32 | ldx.S.i64 mem   acc = mem[acc]; a negative index gives 0; clamped to bound
//   st.S mem                    narrow (integers wrap, floats round to nearest even) and store
//   st1.S mem                   store lane 0 at the row's address      ld.S with a zero inner stride is a splat
//   sta.<add|mul|min|max|set>.S.T mem      mem = mem op acc, element by element in order (S the storage, T the compute type)
//   stx.<add|mul|min|max|set>.S.T mem slot(index)  the same at mem[index]; imm: 0 = index i32, 1 = i64; out of range indices are skipped
//   own.i32 | own.i64 mem slot(index)  the places of all stx of this program, none of which it reads, and which follow each other along a row;
//     imm: stages from here to the loop, behind which a row goes on that has no place left in the thread's range
//   keep slot|tile  get slot|tile  (tiles: in 64-bit places or densely, the executor's choice, per chunk)
//   splat.w32 splat.w64 splat.c64 scalar     axis.i32 axis.i64 axis     iota.i32 iota.i64
//   unary  <op>.T        binary <op>.T.m (mem contiguous | slot | tile), <op>.T.s (scalar | slot: lane 0);  r<op> = operand op acc
//   sel.w32 sel.w64 slot slot   acc (i32, 0 or 1) ? a : b
//   cast.T1.T2   norm.<bool|i8|u8|i16|u16> (i32)   norm.<f16|bf16> (f32)   mulhi.u32.m .s
//   complex.c64 slot            acc (f32) and slot (f32) become re and im         real.c64 imag.c64 -> f32
//   threefry0.u32 threefry1.u32 a = slot (second counter), b = slot (key word 0; word 1 is in the slot after): acc = first counter -> word 0 or 1
//   fold.<sum|prod|min|max>.T slot     + .init, .done (acc = every lane the folded value)
//   arg.<min|max>.T slot slot(+.init, .done)  first index of the extreme, NaN is extreme; .done gives i32 (wide: i64 in arg.*.T.done64)
//   scan.<sum|prod|min|max|logaddexp>.T slot    in order; lane 0 of the slot carries the running value and is set by the program; imm: 0 inclusive, 1 exclusive
//   loop stage      i += G; if i < end go to stage; else rewind i to the start of the row part and fall through
//   ret
// Reduction trees depend on the row length and the instruction set only.
