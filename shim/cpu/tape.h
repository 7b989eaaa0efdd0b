// tape.h: what the executor and the stages of one instruction set share.
#pragma once
#include <stddef.h>
#include <stdint.h>
typedef struct operand {           // a memory operand of a dispatch, as one thread sees it
  char *base;                      // address of the row
  int64_t first, bound;            // elements from `first` on that an index store may touch, and up to `bound` an index load too
  int n_inner;
  const int64_t *sizes, *strides;  // inner axes: lengths, strides in elements
  int64_t stride;                  // of the flat index, where it is uniform
} operand;
typedef struct run {               // what all stages of a running tape see
  size_t step, start;              // elements of a step; where a rewind goes
  const int64_t *axes;             // current index of each row axis, then of the fold axis
  size_t tile_base;                // first element of the chunk
} run;
typedef struct stage stage;
enum { FORM_CONTIGUOUS, FORM_UNIFORM, FORM_GENERAL, FORMS };
typedef struct stage_entry { const char *name; void *fn[FORMS]; } stage_entry;   // fn[1], fn[2]: other forms of ld and st, or null
struct stage { void *fn; char *a, *b; int64_t am; int64_t imm; const operand *m; };  // am: bytes per element by which a moves with i
typedef struct isa_table { const char *name; int lanes; const stage_entry *stages; int count; void (*run)(const stage *s, run *r, size_t i, size_t end); } isa_table;
