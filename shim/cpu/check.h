// check.h: the proof, made once for a program and once for a dispatch, that no stage leaves the memory it was given.
#pragma once
#include "tape.h"
typedef struct code { uint32_t fn, a, b, imm; } code;
// How a program reaches memory: one element at a row's address, all elements of the walk, the same without strides, or any below the bound.
enum { USE_ROW, USE_WALK, USE_UNIT, USE_READ_AT, USE_WRITE_AT };
typedef struct use { uint32_t mem; uint8_t how, bytes; } use;
typedef struct needs { use *uses; uint8_t *am; uint32_t n_uses, mems, scalars, axes, owned; } needs;   // mems, scalars, axes: how many a dispatch must have; am: of each stage; owned: 1 + the operand of `own`
static inline int sn_kind_of(uint32_t x) { return (int)(x >> 24); }
static inline uint32_t sn_index_of(uint32_t x) { return x & 0xffffff; }
// Null if the program is sound, else what is wrong; `out` is filled and must be freed either way.
const char *sn_check_program(const isa_table *isa, uint32_t kind, int wide, uint32_t slots, uint32_t tiles, uint32_t n, const code *s, needs *out);
