// source.c: what devices whose programs are texts have in common: the programs, and the words of launches and copies.
#include "source.h"
#include <stdlib.h>
#include <string.h>
enum { BUFFERS, CONSTANTS, THREADS, NAME, TEXT, HEADER };
static uint64_t wide(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }
static uint32_t words_of(uint32_t bytes) { return bytes / 4 + (bytes % 4 != 0); }
static source *make(sources *of, context *c, const uint32_t *w, uint32_t n) {
  const uint32_t name_words = words_of(w[NAME]);
  source *p = calloc(1, sizeof *p);
  char *strings = malloc((size_t)w[NAME] + w[TEXT] + 2);
  uint32_t *copy = malloc((size_t)n * 4);
  if (!p || !strings || !copy) { free(p); free(strings); free(copy); sn_fail(c, "out of memory"); return 0; }
  char *text = strings + w[NAME] + 1;
  memcpy(copy, w, (size_t)n * 4);
  memcpy(strings, w + HEADER, w[NAME]);
  strings[w[NAME]] = 0;
  memcpy(text, w + HEADER + name_words, w[TEXT]);
  text[w[TEXT]] = 0;
  *p = (source){.refs = 1, .n = n, .words = copy, .name = strings, .buffers = w[BUFFERS], .constants = w[CONSTANTS], .threads = w[THREADS]};
  p->kernel = of->compile(c, p->name, text, p->threads);
  if (p->kernel) return p;
  free(p); free(strings); free(copy);
  return 0;
}
void *sn_source_load(sources *of, context *c, const uint32_t *w, uint32_t n) {
  if (n >= HEADER && (w[BUFFERS] > of->most_buffers || w[CONSTANTS] > of->most_constants)) {
    sn_fail(c, "a kernel of this device has at most %u buffers and %u words of constants, not %u and %u", of->most_buffers, of->most_constants, w[BUFFERS], w[CONSTANTS]);
    return 0;
  }
  if (n < HEADER || w[THREADS] == 0 || w[NAME] > 4 * (n - HEADER) || w[TEXT] > 4 * (n - HEADER)
    || HEADER + words_of(w[NAME]) + words_of(w[TEXT]) != n) { sn_fail(c, "malformed source program"); return 0; }
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint32_t i = 0; i < n; i++) hash = (hash ^ w[i]) * 0x100000001b3u;
  pthread_mutex_lock(&of->lock);
  source *p = of->known;
  while (p && (p->hash != hash || p->n != n || memcmp(p->words, w, (size_t)n * 4))) p = p->next;
  if (p) p->refs++;
  else if ((p = make(of, c, w, n))) { p->hash = hash; p->next = of->known; of->known = p; }
  pthread_mutex_unlock(&of->lock);
  return p;
}
void sn_source_unload(sources *of, void *which) {
  source *p = which, **q = &of->known;
  pthread_mutex_lock(&of->lock);
  if (--p->refs == 0) {
    while (*q != p) q = &(*q)->next;
    *q = p->next;
    of->end(p->kernel);
    free(p->words); free((char *)p->name); free(p);
  }
  pthread_mutex_unlock(&of->lock);
}
// Words of a launch from its program on.
enum { PROGRAM, FLAGS, GROUPS, SIZE = GROUPS + 3, N_BUFFER = SIZE + 3, N_CONSTANT, BOUND };
const char *sn_read_launch(const task *t, const uint32_t *w, uint32_t n, launch *l) {
  const source *p = n >= BOUND ? sn_loaded(w[PROGRAM], t->device) : 0;
  *l = (launch){.p = p};
  if (!p) return "it names no program of this device";
  if (w[N_BUFFER] != p->buffers || w[N_CONSTANT] != p->constants || n != BOUND + 3 * p->buffers + p->constants) return "the program takes other buffers or constants";
  const uint64_t threads = (uint64_t)w[SIZE] * w[SIZE + 1] * w[SIZE + 2];
  if (threads == 0 || threads > p->threads || !w[GROUPS] || !w[GROUPS + 1] || !w[GROUPS + 2]) return "no threads, or more than the program was made for";
  for (const uint32_t *at = w + BOUND; at < w + BOUND + 3 * p->buffers; at += 3)
    if (at[0] >= t->nb || !t->b[at[0]].m.handle || wide(at + 1) >= t->b[at[0]].bytes + SN_PAD) return "a buffer is not bound, or its offset is beyond its end";
  *l = (launch){p, w + GROUPS, w + SIZE, w + BOUND, w + BOUND + 3 * p->buffers, w[FLAGS] & SN_AFTER};
  return 0;
}
const char *sn_read_copy(const task *t, const uint32_t *w, uint32_t n, copy *c) {
  if (n != 8 || w[0] >= t->nb || w[3] >= t->nb || !t->b[w[0]].m.handle || !t->b[w[3]].m.handle) return "malformed";
  *c = (copy){t->b + w[0], t->b + w[3], wide(w + 1), wide(w + 4), wide(w + 6)};
  return c->bytes > c->to->bytes || c->at_to > c->to->bytes - c->bytes || c->bytes > c->from->bytes || c->at_from > c->from->bytes - c->bytes ? "out of bounds" : 0;
}
