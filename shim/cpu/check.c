// check.c: what each stage asks of its operands, read off its name: a program that passes cannot make a stage read what it was not given.
#include "../sinter.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>
static int starts(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }
// The part of a dotted name with this number, and whether it is one of the words.
static int part_is(const char *name, int part, const char *word) {
  while (part-- > 0) {
    if (!(name = strchr(name, '.'))) return 0;
    name++;
  }
  size_t n = strlen(word);
  return !strncmp(name, word, n) && (name[n] == 0 || name[n] == '.');
}
static uint8_t bytes_of(const char *name, int part) {
  static const struct { const char *word; uint8_t bytes; } sizes[] = {{"u8", 1}, {"i8", 1}, {"u16", 2}, {"i16", 2}, {"f16", 2}, {"bf16", 2}, {"w32", 4}, {"f32", 4}, {"i32", 4}, {"u32", 4}, {"w64", 8}, {"f64", 8}, {"i64", 8}, {"u64", 8}, {"c64", 8}};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) if (part_is(name, part, sizes[k].word)) return sizes[k].bytes;
  return 0;
}
#define K(kind) (1u << (kind))
typedef struct rule { uint32_t a, b; int how, bytes; } rule;       // allowed kinds of a and b; how memory in a is reached
static rule rule_of(const char *name) {
  const uint32_t none = K(SN_NONE);
  size_t l = strlen(name);
  if (starts(name, "ld.") || starts(name, "st.")) return (rule){K(SN_MEM), none, USE_WALK, bytes_of(name, 1)};
  if (starts(name, "sta.")) return (rule){K(SN_MEM), none, USE_WALK, bytes_of(name, 2)};
  if (starts(name, "st1.")) return (rule){K(SN_MEM), none, USE_ROW, bytes_of(name, 1)};
  if (starts(name, "ldx.")) return (rule){K(SN_MEM), none, USE_READ_AT, bytes_of(name, 1)};
  if (starts(name, "stx.") || starts(name, "own.")) return (rule){K(SN_MEM), K(SN_SLOT), USE_WRITE_AT, bytes_of(name, 2)};
  if (!strcmp(name, "keep") || !strcmp(name, "get")) return (rule){K(SN_SLOT) | K(SN_TILE), none, 0, 0};
  if (starts(name, "splat.")) return (rule){K(SN_SCALAR), none, 0, 0};
  if (starts(name, "axis.")) return (rule){K(SN_AXIS), none, 0, 0};
  if (starts(name, "sel.") || starts(name, "arg.") || starts(name, "threefry")) return (rule){K(SN_SLOT), K(SN_SLOT), 0, 0};
  if (starts(name, "fold.") || starts(name, "scan.") || !strcmp(name, "complex.c64")) return (rule){K(SN_SLOT), none, 0, 0};
  if (!strcmp(name, "loop")) return (rule){K(SN_STAGE), none, 0, 0};
  int complex = part_is(name, 1, "c64");               // complex numbers lie apart in registers and side by side in memory
  if (l > 2 && !strcmp(name + l - 2, ".m")) return (rule){K(SN_SLOT) | K(SN_TILE) | (complex ? 0 : K(SN_MEM)), none, USE_UNIT, bytes_of(name, 1)};
  if (l > 2 && !strcmp(name + l - 2, ".s")) return (rule){K(SN_SCALAR) | (complex ? 0 : K(SN_SLOT)), none, 0, 0};
  return (rule){none, none, 0, 0};
}
static int is_wide(const char *name, uint32_t imm) {
  for (int part = 1; part < 4; part++) if (bytes_of(name, part) == 8) return 1;
  const char *last = strrchr(name, '.');
  return (starts(name, "stx.") && imm) || (last && !strcmp(last, ".done64"));      // the index is i64
}
const char *sn_check_program(const isa_table *isa, uint32_t kind, int wide, uint32_t slots, uint32_t tiles, uint32_t n, const code *s, needs *out) {
  *out = (needs){.uses = malloc((size_t)n * sizeof(use)), .am = calloc(n, 1)};
  if (!out->uses || !out->am) return "out of memory";
  uint32_t after_loop = 0, own_end = 0;      // own_end: the loop to which a stage `own` passes on
  for (uint32_t i = 0; i < n; i++) {
    if (s[i].fn >= (uint32_t)isa->count) return "no such stage";
    const char *name = isa->stages[s[i].fn].name;
    const rule r = rule_of(name);
    const uint32_t o[2] = {s[i].a, s[i].b}, allowed[2] = {r.a, r.b};
    if (starts(name, "own.")) {
      if (kind != SN_SEQ || out->owned || s[i].imm == 0 || s[i].imm >= n - i) return "a stage own has no place here";
      out->owned = sn_index_of(s[i].a) + 1;
      own_end = i + s[i].imm;
    }
    if (out->owned && i <= own_end && (i == own_end) == !!strcmp(name, "loop")) return "a stage own does not end before its loop";
    if (!wide && is_wide(name, s[i].imm)) return "a 64-bit stage in a narrow program";
    for (int k = 0; k < 2; k++) {
      const uint32_t x = sn_index_of(o[k]);
      const int is = sn_kind_of(o[k]);
      if (is > SN_TILE || !(allowed[k] & K(is))) return "a stage has an operand of the wrong kind";
      switch (is) {
        case SN_SLOT: if (x >= slots || (starts(name, "threefry") && k == 1 && x + 1 >= slots)) return "no such slot"; break;
        case SN_TILE: if (x >= tiles || (kind != SN_COL && kind != SN_ROW)) return "no such tile"; break;
        case SN_SCALAR: if (x >= out->scalars) out->scalars = x + 1; break;
        case SN_AXIS: if (x >= out->axes) out->axes = x + 1; break;
        case SN_MEM:
          if (x >= out->mems) out->mems = x + 1;
          out->uses[out->n_uses++] = (use){x, (uint8_t)r.how, (uint8_t)r.bytes};
          if (r.how == USE_UNIT) out->am[i] = (uint8_t)r.bytes;
          break;
        // A pass holds no other pass: so every jump back brings its end nearer.
        case SN_STAGE: if (x > i || x < after_loop) return "a loop's target lies outside its pass"; after_loop = i + 1; break;
      }
    }
  }
  for (uint32_t i = 0; i < n && out->owned; i++) {
    const char *name = isa->stages[s[i].fn].name;
    const int at_place = starts(name, "stx.") || starts(name, "own."), owned = sn_kind_of(s[i].a) == SN_MEM && sn_index_of(s[i].a) + 1 == out->owned;
    if (at_place ? !owned : owned || starts(name, "st")) return "a program with a stage own may only store at its places, and not read them";
  }
  return strcmp(isa->stages[s[n - 1].fn].name, "ret") ? "does not end with ret" : 0;
}
