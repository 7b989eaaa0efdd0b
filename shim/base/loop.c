// loop.c: the commands of a submission in order, with loops and branches: the same for every device, which runs single commands.
#include "device.h"
// Words of SN_LOOP; blocks may hold loops, DEPTH of them one in the other.
enum { WHAT = 2, WINDOWS, BLOCK, FLAG = BLOCK + 3, FLAG_AT, COUNT = FLAG_AT + 2, HEADER = COUNT + 2 };
enum { WINDOW, FROM, OFFSET, OTHER = OFFSET + 2, BY, ENTRY = BY + 2 };
enum { NO_BINDING = 0xffffffffu, DEPTH = 32 };
static uint64_t wide(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }
static int refuse(const runner *r, const char *why) { sn_fail(r->scribe, "loop: %s", why); return SN_E_WORDS; }

// Places windows for pass i: those that alternate between two bindings, and if `moving` those that move.
static int set_windows(const runner *r, const uint32_t *e, uint32_t n, uint64_t i, int moving) {
  for (uint32_t k = 0; k < n; k++, e += ENTRY) {
    const int alternates = e[OTHER] != NO_BINDING, odd = alternates && (i & 1);
    if (!alternates && !moving) continue;
    const uint32_t from = e[odd ? OTHER : FROM];
    if (e[WINDOW] >= r->nb || from >= r->nb || r->b[e[WINDOW]].kind != SN_BIND_WINDOW) return refuse(r, "no such window");
    binding *b = r->b + e[WINDOW];
    const binding base = r->b[from];
    int64_t at = (int64_t)wide(e + (odd ? BY : OFFSET)), step = 0;
    if (!alternates && (i > INT64_MAX || __builtin_mul_overflow((int64_t)wide(e + BY), (int64_t)i, &step))) return refuse(r, "a window leaves its binding");
    if (__builtin_add_overflow(at, step, &at) || at < 0 || (uint64_t)at > base.bytes || b->bytes > base.bytes - (uint64_t)at) return refuse(r, "a window leaves its binding");
    *b = (binding){.m = {base.m.handle, base.m.host ? base.m.host + at : 0}, .p = base.p ? base.p + at : 0, .bytes = b->bytes, .at = base.at + (uint64_t)at,
      .of = base.kind == SN_BIND_WINDOW ? base.of : from, .device = base.device, .kind = SN_BIND_WINDOW};
  }
  return 0;
}
static int read_flag(const runner *r, const uint32_t *w, void *value, uint32_t bytes) {
  const uint64_t at = wide(w + FLAG_AT), most = w[FLAG] < r->nb ? r->b[w[FLAG]].bytes : 0;
  if (at > most || bytes > most - at) return refuse(r, "its flag is not bound");
  return r->flag(r->with, r->b + w[FLAG], at, value, bytes);
}
static int run_block(const runner *r, const uint32_t *w, uint32_t n, int depth);
int sn_run_passes(const passes *p) {
  for (uint64_t i = p->from; i < p->from + p->n; i++) {
    const int code = set_windows(p->r, p->windows, p->window_count, i, 1);
    if (code) return code;
    const int failed = run_block(p->r, p->block, p->block_length, p->depth);
    if (failed) return failed;
  }
  return 0;
}
// Whether all passes an even number apart are the same commands over the same memory.
static int alike(const passes *p) {
  for (const uint32_t *e = p->windows; e < p->windows + p->window_count * ENTRY; e += ENTRY) if (e[OTHER] == NO_BINDING && wide(e + BY)) return 0;
  return 1;
}
// The passes of a while loop after its first test, and how many there were. What runs ahead of the flag (at most `most` passes, 0: not at all) counts them;
// a loop that goes on is given more at a time.
static int run_while(passes *p, const uint32_t *w, uint64_t most, uint64_t *count) {
  const int again = p->r->again && most && most % 2 == 0 && alike(p);
  uint32_t state[2] = {0};
  uint8_t flag = 0;
  for (uint64_t ahead = 1;; ahead = ahead < most / 2 ? 2 * ahead : most) {
    int code = most ? read_flag(p->r, w, state, sizeof state) : read_flag(p->r, w, &flag, 1);
    *count = most && !state[0] ? state[1] : p->from;
    if (code || !(most ? state[0] : flag)) return code;
    p->n = most ? ahead : 1;
    if ((code = again && p->n == most ? p->r->again(p->r->with, p) : sn_run_passes(p))) return code;
    p->from += p->n;
  }
}
static int run_loop(const runner *r, const uint32_t *w, uint32_t n, int depth) {
  if (depth > DEPTH) return refuse(r, "too many lie in one another");
  if (n < HEADER || w[WHAT] > SN_BRANCH || w[WINDOWS] > (n - HEADER) / ENTRY
    || (uint64_t)w[BLOCK] + w[BLOCK + 1] + w[BLOCK + 2] != n - HEADER - w[WINDOWS] * ENTRY) return refuse(r, "malformed");
  const uint32_t *windows = w + HEADER, *first = windows + w[WINDOWS] * ENTRY, *second = first + w[BLOCK], *last = second + w[BLOCK + 1];
  const uint64_t count = wide(w + COUNT);
  passes p = {r, windows, first, w[WINDOWS], w[BLOCK], depth, 0, count, 0};
  uint64_t i = 0;
  uint8_t flag = 0;
  int code = 0;
  switch (w[WHAT]) {
    case SN_REPEAT:
      if ((code = sn_run_passes(&p))) return code;
      i = count;
      break;
    case SN_WHILE:
      if ((code = set_windows(r, windows, w[WINDOWS], 0, 1)) || (code = run_block(r, first, w[BLOCK], depth))) return code;
      p.block = second;
      p.block_length = w[BLOCK + 1];
      code = run_while(&p, w, count, &i);
      if (p.kept) r->forget(p.kept);
      if (code) return code;
      break;
    case SN_BRANCH:
      if ((code = read_flag(r, w, &flag, 1)) || (code = flag ? run_block(r, first, w[BLOCK], depth) : run_block(r, second, w[BLOCK + 1], depth))) return code;
      break;
  }
  code = set_windows(r, windows, w[WINDOWS], i, 0);
  return code ? code : run_block(r, last, w[BLOCK + 2], depth);
}
static int run_block(const runner *r, const uint32_t *w, uint32_t n, int depth) {
  for (uint32_t at = 0, length; at < n; at += length) {
    length = n - at >= 2 ? w[at + 1] : 0;
    if (length < 2 || length > n - at) { sn_fail(r->scribe, "malformed command"); return SN_E_WORDS; }
    const int code = w[at] == SN_LOOP ? run_loop(r, w + at, length, depth + 1) : r->run(r->with, w + at, length);
    if (code) return code;
  }
  return 0;
}
uint32_t sn_next(const uint32_t *w, uint32_t n) {
  const uint32_t length = n >= 2 ? w[1] : 0;
  if (length < 2 || length > n) return 0;
  if (w[0] != SN_LOOP) return length;
  return length < HEADER || w[WINDOWS] > (length - HEADER) / ENTRY ? 0 : HEADER + w[WINDOWS] * ENTRY;
}
static uint64_t count_runs(const uint32_t *w, uint32_t n, uint64_t most, int depth) {
  uint64_t sum = 0;
  for (uint32_t at = 0, length; at < n && sum < most; at += length) {
    length = n - at >= 2 ? w[at + 1] : 0;
    if (depth > DEPTH || length < 2 || length > n - at) return most;
    uint64_t inside = 1;
    if (w[at] == SN_LOOP) {
      const uint32_t *l = w + at, head = sn_next(l, length);
      if (!head || l[WHAT] != SN_REPEAT || (uint64_t)head + l[BLOCK] + l[BLOCK + 1] + l[BLOCK + 2] != length) return most;
      inside = count_runs(l + head, l[BLOCK], most, depth + 1);
      if (__builtin_mul_overflow(inside, wide(l + COUNT), &inside)) return most;
      inside += count_runs(l + head + l[BLOCK] + l[BLOCK + 1], l[BLOCK + 2], most, depth + 1);
    }
    sum = inside < most ? sum + inside : most;
  }
  return sum < most ? sum : most;
}
uint64_t sn_runs(const uint32_t *w, uint32_t n, uint64_t most) { return count_runs(w, n, most, 0); }
int sn_steers(const task *t) {
  for (uint32_t at = t->at, length; (length = sn_next(t->words + at, t->n - at)); at += length)
    if (t->words[at] == SN_LOOP && t->words[at + WHAT] != SN_REPEAT) return 1;
  return 0;
}
int sn_commands(const runner *r, const uint32_t *w, uint32_t n) { return run_block(r, w, n, 0); }
