// exec.c: programs for the accumulator machine, and the execution of a submission's commands over rows, chunks and threads.
#include "../base/device.h"
#include "../calls.h"
#include "check.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
extern const isa_table sn_isa_base, sn_isa_avx2, sn_isa_avx512;
static uint64_t xcr0(void) { uint32_t a, d; __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0)); return a | (uint64_t)d << 32; }
static int hardware_level(void) {      // what the processor has and what the system saves
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || (xcr0() & 6) != 6 || !(c & bit_FMA)) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return 0;
  uint32_t need = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  return (b & need) == need && (xcr0() & 0xe6) == 0xe6 ? 2 : 1;
}
static const isa_table *tables[] = {&sn_isa_base, &sn_isa_avx2, &sn_isa_avx512};
#else
extern const isa_table sn_isa_base;
static int hardware_level(void) { return 0; }
static const isa_table *tables[] = {&sn_isa_base};
#endif
static int level;
static const isa_table *isa;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void choose(void) {
  level = hardware_level();
  const char *e = getenv("SINTER_ISA");
  if (e) for (int i = 0; i < level; i++) if (!strcmp(tables[i]->name, e)) { level = i; break; }
  isa = tables[level];
}
int sn_isa_level(void) { pthread_once(&once, choose); return level; }
const char *sn_isa_name(void) { sn_isa_level(); return isa->name; }
void sn_cpu_name(char *text, size_t cap) {
#if defined(__x86_64__)
  uint32_t r[13] = {0};
  if (__get_cpuid_max(0x80000000, 0) >= 0x80000004) for (unsigned k = 0; k < 3; k++) __get_cpuid(0x80000002 + k, r + 4 * k, r + 4 * k + 1, r + 4 * k + 2, r + 4 * k + 3);
  const char *name = r[0] ? (const char *)r : "x86_64";
#else
  const char *name = "aarch64";
#endif
  while (*name == ' ') name++;
  strncpy(text, name, cap - 1); text[cap - 1] = 0;
}
uint32_t sn_stage_names(uint8_t *text, uint32_t cap) {
  sn_isa_level();
  uint32_t n = 0;
  for (int i = 0; i < isa->count; i++) {
    size_t l = strlen(isa->stages[i].name);
    if (n + l + 1 <= cap) { memcpy(text + n, isa->stages[i].name, l); text[n + l] = '\n'; }
    n += (uint32_t)l + 1;
  }
  return n;
}

// ---- programs -----------------------------------------------------------------------------------------------------------------
typedef struct program { uint32_t kind, wide, slots, tiles, n, entry[3]; code *s; needs needs; } program;
void sn_unload_tape(void *program_) { program *p = program_; free(p->needs.uses); free(p->needs.am); free(p->s); free(p); }
void *sn_load_tape(context *c, const uint32_t *w, uint32_t n) {
  sn_isa_level();
  if (n < 8 || w[4] < 1 || w[4] > 65536 || n < 8 + 4 * w[4] || w[0] > SN_SEQ || w[2] > 4096 || w[3] > 256) { sn_fail(c, "malformed program"); return 0; }
  program *p = calloc(1, sizeof *p);
  code *s = malloc((size_t)w[4] * sizeof *s);
  if (!p || !s) { free(p); free(s); sn_fail(c, "out of memory"); return 0; }
  *p = (program){w[0], w[1] != 0, w[2], w[3], w[4], {w[5], w[6], w[7]}, s, {0}};
  memcpy(s, w + 8, (size_t)p->n * sizeof *s);
  const char *why = sn_check_program(isa, p->kind, (int)p->wide, p->slots, p->tiles, p->n, s, &p->needs);
  for (int k = 0; k < 3; k++) if (p->entry[k] >= p->n) why = "an entry lies outside";
  if (!why) return p;
  sn_fail(c, "malformed program: %s", why);
  sn_unload_tape(p);
  return 0;
}

// ---- dispatches ----------------------------------------------------------------------------------------------------------------
typedef struct mem { char *p; int64_t bound, *rows, fold, *inner; int form; int64_t stride; int n_ind; uint32_t *ind; uint64_t bytes; sn_extent fixed; } mem;   // fixed: where indirect terms can move the address, from the binding's start
typedef struct dispatch {
  const program *g;
  int n_row, n_inner, n_mem, n_scalar;
  int64_t rag, fold_size, *rows, *inner, n, total_rows, chunk, chunks;
  mem *m;
  const uint32_t *scalars;
  int split_inner, blocked, owned;       // owned: each part walks all rows and stores into its own range of one operand
} dispatch;
static int64_t wide(const uint32_t *w) { return (int64_t)(w[0] | (uint64_t)w[1] << 32); }
#define VEC (isa->lanes * 4)

typedef struct fixup { stage *s; int second; int mem; } fixup;
typedef struct machine { run r; stage *s; operand *op; fixup *fix; int n_fix; char *slots, *tiles; int64_t axes[20]; char **row; int *tile_stage; } machine;
static int64_t cut(int64_t n, int part, int parts, int64_t unit) { int64_t u = (n + unit - 1) / unit, at = u * part / parts * unit; return at > n ? n : at; }
static void resolve(const dispatch *d, machine *x, int part, int parts) {
  const program *g = d->g;
  int step = 8 * isa->lanes / (g->wide ? 2 : 1);
  x->r = (run){.step = (size_t)step, .start = 0, .axes = x->axes, .tile_base = 0};
  x->n_fix = 0;
  for (int k = 0; k < d->n_mem; k++) x->op[k] = (operand){.base = d->m[k].p, .bound = d->m[k].bound, .n_inner = d->n_inner, .sizes = d->inner, .strides = d->m[k].inner, .stride = d->m[k].stride};
  if (d->owned) {
    operand *o = &x->op[g->needs.owned - 1];
    o->first = cut(o->bound, part, parts, 16);
    if (part + 1 < parts) o->bound = cut(o->bound, part + 1, parts, 16);
  }
  for (uint32_t i = 0; i < g->n; i++) {
    stage *s = &x->s[i];
    const stage_entry *e = &isa->stages[g->s[i].fn];
    *s = (stage){.fn = e->fn[0], .imm = g->s[i].imm};
    uint32_t o[2] = {g->s[i].a, g->s[i].b};
    for (int k = 0; k < 2; k++) {
      uint32_t n = sn_index_of(o[k]);
      char *p = 0;
      switch (sn_kind_of(o[k])) {
        case SN_MEM:
          if (k == 0) { s->m = &x->op[n]; if (e->fn[1]) s->fn = e->fn[d->m[n].form]; }
          x->fix[x->n_fix++] = (fixup){s, k, (int)n};
          break;
        case SN_SLOT: p = x->slots + (size_t)n * VEC * 8; break;
        case SN_SCALAR: p = (char *)(d->scalars + 2 * n); break;
        case SN_STAGE: p = (char *)(x->s + n); break;
        case SN_AXIS: s->imm = n; break;
        case SN_TILE: break;
      }
      if (k == 0) s->a = p; else s->b = p;
    }
    s->am = g->needs.am[i];       // memory operands of arithmetic move with i; ld and st scale by themselves
  }
}
static int64_t index_at(const char *p, uint32_t storage) {
  switch (storage) {
    case SN_I8: return *(const int8_t *)p; case SN_U8: return *(const uint8_t *)p; case SN_I16: return *(const int16_t *)p; case SN_U16: return *(const uint16_t *)p;
    case SN_I32: return *(const int32_t *)p; case SN_U32: return *(const uint32_t *)p; case SN_U64: return (int64_t)*(const uint64_t *)p; default: return *(const int64_t *)p;
  }
}
static void enter_row(const dispatch *d, machine *x, int64_t row) {
  for (int k = d->n_row - 1; k >= 0; k--) { x->axes[k] = row % d->rows[k]; row /= d->rows[k]; }
  for (int k = 0; k < d->n_mem; k++) { char *p = d->m[k].p; for (int a = 0; a < d->n_row; a++) p += x->axes[a] * d->m[k].rows[a]; x->row[k] = p; }
  for (int k = 0; k < d->n_mem; k++)
    for (int j = 0; j < d->m[k].n_ind; j++) {
      const uint32_t *e = d->m[k].ind + 6 * j;
      int64_t i = index_at(x->row[e[0]], e[1]), stride = wide(e + 2), size = wide(e + 4);
      if (i < 0) i += size;
      if (i >= size) i = size - 1;
      if (i < 0) i = 0;
      x->row[k] += i * stride;
    }
}
static void place(machine *x, const dispatch *d, int64_t fold) {
  for (int f = 0; f < x->n_fix; f++) {
    char *p = x->row[x->fix[f].mem] + fold * d->m[x->fix[f].mem].fold;
    if (x->fix[f].second) x->fix[f].s->b = p; else x->fix[f].s->a = p;
  }
}
// Tiles hold a chunk of accumulators, each step in a block of eight vectors: element i of the chunk is in step (i - first) / step, so that a tile operand
// advances by one block for each step.
static void tile_at(machine *x, const program *g, int64_t first, int64_t chunk_steps, int64_t step) {
  for (uint32_t i = 0; i < g->n; i++) {
    if (sn_kind_of(g->s[i].a) != SN_TILE) continue;
    x->s[i].am = (int64_t)VEC * 8 / step;
    x->s[i].a = x->tiles + (size_t)sn_index_of(g->s[i].a) * chunk_steps * VEC * 8 - first * x->s[i].am;
  }
}
static int64_t length_of(const dispatch *d, const machine *x, int64_t full) {
  if (d->rag < 0 || d->n_row == 0) return full;
  int64_t left = d->rag - x->axes[d->n_row - 1] * full;
  return left < full ? left : full;
}
typedef struct part_job { dispatch *d; int failed; } part_job;
static void run_part(void *arg, int part, int parts, int thread) {
  (void)thread;
  part_job *j = arg;
  const dispatch *d = j->d;
  const program *g = d->g;
  int64_t step = 8 * isa->lanes / (g->wide ? 2 : 1);
  // A tile holds what a chunk accumulates, of rows what a later pass wants again.
  const int64_t chunk_steps = g->kind == SN_COL ? d->chunk / step : g->kind == SN_ROW ? (d->n > 0 ? (d->n - 1) / step + 1 : 1) : 0;
  const size_t tile_bytes = (size_t)g->tiles * (size_t)chunk_steps * VEC * 8;
  size_t need = (size_t)g->n * sizeof(stage) + (size_t)d->n_mem * (sizeof(operand) + sizeof(char *)) + 2 * (size_t)g->n * sizeof(fixup) + (size_t)(g->slots + 1) * VEC * 8 + tile_bytes + 512;
  char *memory = sn_scratch(need);
  if (!memory) { j->failed = 1; return; }
  machine x;
  x.slots = memory; memory += (size_t)(g->slots + 1) * VEC * 8;
  x.tiles = memory; memory += tile_bytes;
  x.s = (stage *)memory; memory += (size_t)g->n * sizeof(stage);
  x.op = (operand *)memory; memory += (size_t)d->n_mem * sizeof(operand);
  x.fix = (fixup *)memory; memory += 2 * (size_t)g->n * sizeof(fixup);
  x.row = (char **)memory;
  resolve(d, &x, part, parts);
  if (g->kind == SN_COL) {
    int64_t items = d->total_rows * d->chunks, i0 = items * part / parts, i1 = items * (part + 1) / parts;
    for (int64_t item = i0; item < i1; item++) {
      enter_row(d, &x, item / d->chunks);
      int64_t c0 = item % d->chunks * d->chunk, c1 = c0 + d->chunk < d->n ? c0 + d->chunk : d->n, folds = length_of(d, &x, d->fold_size);
      x.r.start = (size_t)c0;
      tile_at(&x, g, c0, chunk_steps, step);
      place(&x, d, 0);
      isa->run(x.s + g->entry[0], &x.r, (size_t)c0, (size_t)c1);
      // One step of the tape at a time would pay the entry for each; the loop stage walks a chunk, so tiles advance with i.
      for (int64_t f = 0; f < folds; f++) { x.axes[d->n_row] = f; place(&x, d, f); isa->run(x.s + g->entry[1], &x.r, (size_t)c0, (size_t)c1); }
      place(&x, d, 0);
      isa->run(x.s + g->entry[2], &x.r, (size_t)c0, (size_t)c1);
    }
    return;
  }
  if (d->split_inner) {
    int64_t i0 = cut(d->n, part, parts, step), i1 = part + 1 == parts ? d->n : cut(d->n, part + 1, parts, step);
    if (i0 >= i1) return;
    x.r.start = (size_t)i0;
    for (int64_t row = 0; row < d->total_rows; row++) { enter_row(d, &x, row); place(&x, d, 0); isa->run(x.s + g->entry[0], &x.r, (size_t)i0, (size_t)i1); }
    return;
  }
  int64_t r0 = d->owned ? 0 : d->total_rows * part / parts, r1 = d->owned ? d->total_rows : d->total_rows * (part + 1) / parts;
  if (r0 >= r1) return;
  if (d->blocked) {      // neighbouring rows share cache lines that a walk along one row visits once each: small squares instead
    int64_t last = d->rows[d->n_row - 1];
    for (int64_t row = r0, next; row < r1; row = next) {
      next = row + 16 < r1 ? row + 16 : r1;
      if (row / last != (next - 1) / last) next = (row / last + 1) * last;
      enter_row(d, &x, row);
      for (int64_t i = 0; i < d->n; i += 32) {
        for (int64_t k = row; k < next; k++) {
          place(&x, d, 0);
          x.r.start = (size_t)i;
          isa->run(x.s + g->entry[0], &x.r, (size_t)i, (size_t)(i + 32 < d->n ? i + 32 : d->n));
          x.axes[d->n_row - 1]++;
          for (int m = 0; m < d->n_mem; m++) x.row[m] += d->m[m].rows[d->n_row - 1];
        }
        x.axes[d->n_row - 1] -= next - row;
        for (int m = 0; m < d->n_mem; m++) x.row[m] -= (next - row) * d->m[m].rows[d->n_row - 1];
      }
    }
    return;
  }
  tile_at(&x, g, 0, chunk_steps, step);
  enter_row(d, &x, r0);
  for (int64_t row = r0;;) {
    place(&x, d, 0);
    isa->run(x.s + g->entry[0], &x.r, 0, (size_t)length_of(d, &x, d->n));
    if (++row >= r1) break;
    int a = d->n_row - 1, simple = a >= 0;
    for (int k = 0; k < d->n_mem; k++) if (d->m[k].n_ind) simple = 0;
    if (simple && x.axes[a] + 1 < d->rows[a]) { x.axes[a]++; for (int k = 0; k < d->n_mem; k++) x.row[k] += d->m[k].rows[a]; }
    else enter_row(d, &x, row);
  }
}
// Whether everything that one use of a memory operand can touch lies in its binding. The last block of a ragged axis is `left` long.
static int within(const dispatch *d, const mem *m, int how, int bytes, int64_t left) {
  const int column = d->g->kind == SN_COL, ragged = d->rag >= 0 && d->n_row > 0 && d->g->kind != SN_MAP, last = d->n_row - 1;
  if (how == USE_READ_AT && m->bound < 1 && d->n > 0) return 0;
  for (int piece = ragged && d->rows[last] > 1 ? 0 : 1; piece < 2; piece++) {
    sn_extent r = m->fixed;
    for (int a = 0; a < d->n_row - ragged; a++) sn_widen(&r, d->rows[a], m->rows[a]);
    if (ragged && piece == 0) sn_widen(&r, d->rows[last] - 1, m->rows[last]);
    if (ragged && piece == 1) { __int128 e = (__int128)(d->rows[last] - 1) * m->rows[last]; r.low += e; r.high += e; }
    const int64_t folds = ragged && piece == 1 ? left : d->fold_size, n = ragged && piece == 1 && !column ? left : d->n;
    if (column && folds > 0) sn_widen(&r, folds, m->fold);
    if (how == USE_WALK || how == USE_UNIT) {
      __int128 after = 1;
      sn_extent e = {0, 0};
      for (int a = d->n_inner - 1; a >= 0 && n > 0; a--) {
        const int64_t steps = after < n ? (n - 1) / (int64_t)after + 1 : 1;
        sn_widen(&e, steps < d->inner[a] ? steps : d->inner[a], m->inner[a]);
        after *= d->inner[a];
      }
      r.low += e.low * bytes; r.high += e.high * bytes + (n > 0 ? bytes : 0);
    } else if (how == USE_ROW) r.high += bytes;
    else if (m->bound > 0) r.high += (__int128)m->bound * bytes;
    if (r.low < 0 || r.high > (__int128)m->bytes) return 0;
  }
  return 1;
}
static int malformed(context *c) { sn_fail(c, "malformed dispatch"); return 0; }
// Reads `count` sizes; their product too, which must not overflow.
static const uint32_t *read_sizes(const uint32_t *q, int count, int64_t *sizes, int64_t *product) {
  *product = 1;
  for (int k = 0; k < count; k++, q += 2) {
    sizes[k] = wide(q);
    if (sizes[k] < 0 || __builtin_mul_overflow(*product, sizes[k], product)) return 0;
  }
  return q;
}
// How long the last block of a ragged axis is; negative if no such axis can be.
static int64_t ragged_end(const dispatch *d) {
  if (d->rag < 0 || d->n_row == 0) return 0;
  const int64_t full = d->g->kind == SN_COL ? d->fold_size : d->n, blocks = d->rows[d->n_row - 1] - 1;
  int64_t before;
  if (__builtin_mul_overflow(full, blocks, &before)) return -1;
  const int64_t left = d->rag - before < full ? d->rag - before : full;
  return left < 0 && blocks < 0 ? 0 : left;
}
// The flat index of an operand in a row: contiguous, uniform or general.
static void flatten(const dispatch *d, mem *m) {
  int64_t walked = 1;
  int have = 0;
  m->form = FORM_UNIFORM; m->stride = 0;
  for (int a = d->n_inner - 1; a >= 0 && d->n > 0; a--) {
    if (d->inner[a] == 1) continue;
    if (!have) { m->stride = m->inner[a]; have = 1; }
    else if (m->inner[a] != m->stride * walked) { m->form = FORM_GENERAL; return; }
    walked *= d->inner[a];
  }
  if (m->stride == 1) m->form = FORM_CONTIGUOUS;
}
// Reads the operands, whose strides lie behind them; what comes after their words, 0 and an error if they are malformed.
static const uint32_t *read_operands(context *c, dispatch *d, const uint32_t *q, const uint32_t *end, const binding *b, uint32_t nb) {
  int64_t *strides = (int64_t *)(d->m + d->n_mem);
  for (int k = 0; k < d->n_mem; k++) {
    mem *m = &d->m[k];
    if (end - q < 6 + 2 * (d->n_row + 1 + d->n_inner) || q[0] >= nb || q[1] > 16) { malformed(c); return 0; }
    if (!b[q[0]].p) { sn_fail(c, "dispatch: operand %d lies on another device", k); return 0; }
    int64_t offset = wide(q + 2);
    // Nobody has proven yet that the offset lies inside.
    *m = (mem){.p = (char *)((uintptr_t)b[q[0]].p + (uintptr_t)offset), .bound = wide(q + 4), .rows = strides, .inner = strides + d->n_row, .n_ind = (int)q[1], .bytes = b[q[0]].bytes, .fixed = {offset, offset}};
    strides += d->n_row + d->n_inner;
    q += 6;
    for (int a = 0; a < d->n_row; a++, q += 2) m->rows[a] = wide(q);
    m->fold = wide(q); q += 2;
    for (int a = 0; a < d->n_inner; a++, q += 2) m->inner[a] = wide(q);
    m->ind = (uint32_t *)q;
    if (end - q < 6 * m->n_ind) { malformed(c); return 0; }
    for (int j = 0; j < m->n_ind; j++, q += 6) {
      if (q[0] >= (uint32_t)d->n_mem || q[1] > SN_U64) { malformed(c); return 0; }
      if (wide(q + 4) > 0) sn_widen(&m->fixed, wide(q + 4), wide(q + 2));
    }
    flatten(d, m);
  }
  return q;
}
// Whether all that the program can touch lies in its bindings; `left` as above.
static int proven(context *c, const dispatch *d, int64_t left) {
  const needs *needs = &d->g->needs;
  if (needs->mems > (uint32_t)d->n_mem || needs->scalars > (uint32_t)d->n_scalar || needs->axes > (uint32_t)d->n_row + (d->g->kind == SN_COL)) return malformed(c);
  for (uint32_t i = 0; i < needs->n_uses && d->total_rows > 0; i++) {
    const use *u = &needs->uses[i];
    if (!within(d, &d->m[u->mem], u->how, u->bytes, left)) { sn_fail(c, "dispatch: operand %u leaves its buffer", u->mem); return 0; }
    if (u->how == USE_UNIT && d->n > 1 && d->m[u->mem].form != FORM_CONTIGUOUS) { sn_fail(c, "dispatch: operand %u of arithmetic is not contiguous", u->mem); return 0; }
  }
  for (int k = 0; k < d->n_mem && d->total_rows > 0; k++)
    for (int j = 0; j < d->m[k].n_ind; j++) {
      const uint32_t *e = d->m[k].ind + 6 * j;
      const mem *index = &d->m[e[0]];
      sn_extent r = index->fixed;
      for (int a = 0; a < d->n_row; a++) sn_widen(&r, d->rows[a], index->rows[a]);
      if (r.low < 0 || r.high + (1 << (e[1] / 2)) > (__int128)index->bytes) { sn_fail(c, "dispatch: operand %u leaves its buffer", e[0]); return 0; }
    }
  return 1;
}
// Whether each part of a sequence can walk all rows and store into a range of its own; else one part does all.
static int can_own(const dispatch *d) {
  const uint32_t which = d->g->needs.owned;
  if (which == 0 || d->total_rows < 2 || d->m[which - 1].n_ind) return 0;
  for (int a = 0; a < d->n_row; a++) if (d->rows[a] > 1 && d->m[which - 1].rows[a]) return 0;
  return 1;
}
// Whether neighbouring rows of an operand share cache lines that a walk along one row visits once each.
static int crosses(const dispatch *d) {
  int crossing = 0;
  for (int k = 0; k < d->n_mem; k++) {
    const mem *m = &d->m[k];
    const int64_t along = m->rows[d->n_row - 1];
    if (m->n_ind) return 0;
    if (m->form == FORM_UNIFORM && (m->stride >= 64 || m->stride <= -64) && along && along <= 16 && along >= -16) crossing = 1;
  }
  return crossing;
}
// Into how many parts for threads a dispatch is divided, and how.
static int64_t divide(dispatch *d) {
  const int64_t step = 8 * isa->lanes / (d->g->wide ? 2 : 1), work = d->total_rows * d->n * (d->g->kind == SN_COL ? d->fold_size : 1);
  const int64_t weight = d->g->n > 16 ? d->g->n / 8 : 1, threads = sn_threads();
  int64_t parts = work * weight / 16384;
  if (parts > threads * 4) parts = threads * 4;
  if (parts < 1) parts = 1;
  d->chunk = 4096 / step * step;
  if (d->g->kind == SN_COL) {
    if (d->n < d->chunk) d->chunk = (d->n + step - 1) / step * step;
    while (d->chunk > 2 * step && d->total_rows * ((d->n + d->chunk - 1) / d->chunk) < threads && parts > 1) d->chunk = (d->chunk / 2 + step - 1) / step * step;
    d->chunks = (d->n + d->chunk - 1) / d->chunk;
    return parts > d->total_rows * d->chunks ? d->total_rows * d->chunks : parts;
  }
  if (d->g->kind == SN_MAP && d->total_rows < 4 * threads && d->n >= 4 * step) {
    d->split_inner = 1;
    return parts > d->n / step ? d->n / step : parts;
  }
  if (d->g->kind == SN_SEQ) {
    if (d->g->s[0].imm == 1 && d->rag < 0 && d->n >= step) {
      d->split_inner = 1;
      return parts > d->n / step ? d->n / step : parts;
    }
    // Each part walks all rows, so that more of them than threads gain nothing, and short rows cost more than they save.
    d->owned = parts >= 4 && d->n >= step && can_own(d);
    return !d->owned ? 1 : parts > threads ? threads : parts;
  }
  d->blocked = d->g->kind == SN_MAP && d->n_row > 0 && d->n >= 64 && d->rows[d->n_row - 1] >= 16 && crosses(d);
  return parts > d->total_rows ? d->total_rows : parts;
}
// Reads a dispatch from its words and proves it; `d` has room for what is read.
static int read_dispatch(context *c, dispatch *d, const uint32_t *w, uint32_t n, const binding *b, uint32_t nb) {
  const uint32_t *q = w + 12, *end = w + n;
  if (end - q < 2 * (d->n_row + d->n_inner)) return malformed(c);
  if (!(q = read_sizes(q, d->n_row, d->rows, &d->total_rows)) || !(q = read_sizes(q, d->n_inner, d->inner, &d->n))) return malformed(c);
  int64_t all;
  if (__builtin_mul_overflow(d->total_rows, d->n, &all) || (d->g->kind == SN_COL && (d->fold_size < 0 || __builtin_mul_overflow(all, d->fold_size, &all))) || all > 1ll << 53) return malformed(c);
  const int64_t left = ragged_end(d);
  if (left < 0) return malformed(c);
  if (!(q = read_operands(c, d, q, end, b, nb))) return 0;
  if (end - q < 2 * d->n_scalar) return malformed(c);
  d->scalars = q;
  return proven(c, d, left);
}
static int run_dispatch(context *c, const uint32_t *w, uint32_t n, const binding *b, uint32_t nb, uint32_t device) {
  const program *g = n < 12 ? 0 : sn_loaded(w[2], device);
  if (!g) { sn_fail(c, "dispatch: no such program"); return SN_E_WORDS; }
  if (w[3] > 16 || w[4] < 1 || w[4] > 16 || w[5] > 256 || w[6] > 8192) { sn_fail(c, "dispatch: too many axes, operands or scalars"); return SN_E_WORDS; }
  int64_t rows[16], inner[16];
  dispatch d = {.g = g, .n_row = (int)w[3], .n_inner = (int)w[4], .n_mem = (int)w[5], .n_scalar = (int)w[6], .rag = wide(w + 8), .fold_size = wide(w + 10), .rows = rows, .inner = inner};
  size_t need = (size_t)d.n_mem * (sizeof(mem) + (size_t)(d.n_row + d.n_inner) * 8) + 64;
  _Alignas(16) char stack[8192];
  char *memory = need <= sizeof stack ? stack : malloc(need);
  if (!memory) { sn_fail(c, "out of memory"); return SN_E_MEMORY; }
  d.m = (mem *)memory;
  int code = read_dispatch(c, &d, w, n, b, nb) ? 0 : SN_E_WORDS;
  // A fold of nothing still stores what it begins with.
  if (code == 0 && d.total_rows > 0 && (d.n > 0 || g->kind == SN_ROW)) {
    const int64_t parts = divide(&d);
    part_job j = {&d, 0};
    sn_parallel(run_part, &j, (int)parts);
    if (j.failed) { sn_fail(c, "out of memory"); code = SN_E_MEMORY; }
  }
  if (memory != stack) free(memory);
  return code;
}
int sn_read_call(context *c, const uint32_t *w, uint32_t n, const binding *b, uint32_t nb, sn_checked *r) {
  static uint32_t count;
  if (!count) { uint32_t k = 0; while (sn_blas_routines[k].name) k++; __atomic_store_n(&count, k, __ATOMIC_RELAXED); }
  if (n < 6 || w[2] >= count || w[3] > 16 || w[4] > 256 || w[5] > 16 || n < 6 + 3 * w[3] + 2 * w[4] + 2 * w[5]) { sn_fail(c, "malformed call"); return SN_E_WORDS; }
  const uint32_t *q = w + 6;
  r->touched = 0; r->text[0] = 0;       // all that is read of the rest is written: clearing it would take longer than a small product
  for (uint32_t i = 0; i < w[3]; i++, q += 3) {
    if (q[0] == 0xffffffff) { r->p[i] = 0; continue; }
    if (q[0] >= nb) { sn_fail(c, "call: no such binding"); return SN_E_WORDS; }
    if (!b[q[0]].p) { sn_fail(c, "call: pointer %u lies on another device", i); return SN_E_WORDS; }
    if (wide(q + 1) < 0 || (uint64_t)wide(q + 1) > b[q[0]].bytes) { sn_fail(c, "call: pointer %u leaves its buffer", i); return SN_E_WORDS; }
    r->p[i] = b[q[0]].p + wide(q + 1);
  }
  for (uint32_t i = 0; i < w[4]; i++, q += 2) r->n[i] = wide(q);
  for (uint32_t i = 0; i < w[5]; i++, q += 2) memcpy(r->x + i, q, 8);
  r->routine = &sn_blas_routines[w[2]];
  r->call = (sn_call){r->p, r->n, r->x, (int)w[3], (int)w[4], (int)w[5], r->text, sizeof r->text};
  sn_extent e[16];
  const int pointers = r->routine->extents(&r->call, r->routine->signature, r->routine->bytes, e);
  if (pointers < 0) { sn_fail(c, "malformed call of %s", r->routine->name); return SN_E_WORDS; }
  q = w + 6;
  for (int i = 0; i < pointers; i++, q += 3) {
    if (e[i].low == e[i].high) continue;
    r->touched = 1;
    if (e[i].low + wide(q + 1) < 0 || e[i].high + wide(q + 1) > (__int128)b[q[0]].bytes) { sn_fail(c, "call of %s: pointer %d leaves its buffer", r->routine->name, i); return SN_E_WORDS; }
  }
  return 0;
}
static int run_call(context *c, const uint32_t *w, uint32_t n, const binding *b, uint32_t nb) {
  sn_checked r;
  const int code = sn_read_call(c, w, n, b, nb, &r);
  if (!code && r.touched && r.routine->fn(&r.call)) { sn_fail(c, "%s", r.text[0] ? r.text : "a library routine failed"); return SN_E_ROUTINE; }
  return code;
}
// Between memory that this device reaches and memory that the host sees.
static int run_copy(context *c, const uint32_t *w, uint32_t n, const binding *b, uint32_t nb) {
  if (n != 10 || w[2] >= nb || w[5] >= nb) { sn_fail(c, "malformed copy"); return SN_E_WORDS; }
  char *p[2];
  const int64_t bytes = wide(w + 8);
  for (int k = 0; k < 2; k++) {
    const binding *x = &b[w[2 + 3 * k]];
    const int64_t offset = wide(w + 3 + 3 * k);
    p[k] = x->p ? x->p : x->m.host;
    if (!p[k]) { sn_fail(c, "copy: binding %u lies on another device", w[2 + 3 * k]); return SN_E_WORDS; }
    if (bytes < 0 || offset < 0 || (uint64_t)offset > x->bytes || (uint64_t)bytes > x->bytes - (uint64_t)offset) { sn_fail(c, "copy: %lld bytes leave binding %u", (long long)bytes, w[2 + 3 * k]); return SN_E_WORDS; }
    p[k] += offset;
  }
  memmove(p[0], p[1], (size_t)bytes);
  return 0;
}
typedef struct place_to_run { context *c; const binding *b; uint32_t nb, device; } place_to_run;
static int run_command(void *with, const uint32_t *w, uint32_t n) {
  const place_to_run *at = with;
  switch (w[0]) {
    case SN_DISPATCH: return run_dispatch(at->c, w, n, at->b, at->nb, at->device);
    case SN_CALL: return run_call(at->c, w, n, at->b, at->nb);
    case SN_COPY: return run_copy(at->c, w, n, at->b, at->nb);
    default: sn_fail(at->c, "no command has number %u", w[0]); return SN_E_WORDS;
  }
}
static int read_flag(void *with, const binding *b, uint64_t offset, void *value, uint32_t bytes) {
  const place_to_run *at = with;
  if (!b->p) { sn_fail(at->c, "loop: its flag lies on another device"); return SN_E_WORDS; }
  memcpy(value, b->p + offset, bytes);
  return 0;
}
int sn_run(context *c, const uint32_t *w, uint32_t n, uint32_t at, binding *b, uint32_t nb, uint32_t device) {
  place_to_run here = {c, b, nb, device};
  return sn_commands(&(runner){&here, c, b, nb, run_command, read_flag}, w + at, n - at);
}
