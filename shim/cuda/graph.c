// graph.c: tasks of many commands as CUDA graphs. What was submitted a few times is recorded, and launched whole from then on. Tasks alike in all but
// constants and addresses share a graph, whose nodes are told what changed; library calls must be the same, so that there may be several of a form. Loops
// are written out, and must be the same, addresses included.
// All is called under the lock of the streams.
#include "cuda.h"
#include <stdlib.h>
#include <string.h>
#define WORTH 5                        // launches that are worth a graph; so is one library call, which takes the host as long
#define TIMES 3                        // that a form is seen before it is recorded
#define FORMS 256                      // that are counted
#define MOST 64                        // graphs that are kept
#define NODES 16384                    // most commands of a graph, and of all that are kept: some 8 KB of the host's memory each, and 2 KB of the device's
#define ALL_NODES 32768
typedef struct graph {
  struct graph *next;
  uint64_t form, used;
  uint32_t n, nb, generation, *words;  // the commands that it runs now
  uint32_t size, launches;             // commands and launches, loops written out
  uint64_t *base;                      // and where their bindings lie
  CUgraph graph;
  CUgraphExec exec;
  CUgraphNode *nodes;                  // of launches, by command
} graph;
static graph *graphs;
static struct { uint64_t form; uint32_t seen, recorded; } forms[FORMS];
static uint32_t count, nodes;           // graphs, and their commands
static _Atomic uint32_t generation;
static uint64_t uses;
static CUstream recorder;
static int usable;
void sn_cuda_forget_graphs(void) { generation++; }
void sn_cuda_open_graphs(void) { usable = !sn_cuda_bind_graphs() && !sn_cuda.new_stream(&recorder, CU_STREAM_NON_BLOCKING); }
int sn_cuda_records(CUstream stream) { return stream == recorder; }
static uint64_t mix(uint64_t h, uint32_t x) { return (h ^ x) * 0x100000001b3u; }
// The form of a task, of which programs and grids are part; 0 if it is no case for a graph.
static uint64_t form_of(const task *t, uint32_t *commands, uint32_t *size) {
  uint64_t h = mix(0xcbf29ce484222325u, t->nb);
  uint32_t worth = 0;
  *commands = 0;
  for (uint32_t at = t->at, n; at < t->n; at += n, ++*commands) {
    const uint32_t *w = t->words + at;
    n = t->n - at >= 2 ? w[1] : 0;
    if (n < 2 || n > t->n - at) return 0;
    worth += w[0] == SN_CALL ? WORTH : w[0] == SN_LOOP ? (uint32_t)sn_runs(w, n, NODES) : 1;
    for (uint32_t i = 0; i < (w[0] == SN_LAUNCH && n > 12 ? 12 : w[0] == SN_LOOP ? n : 3) && i < n; i++) h = mix(h, w[i]);
  }
  for (uint32_t at = t->at, n; (n = sn_next(t->words + at, t->n - at)); at += n) if (t->words[at] == SN_COPY) return 0;
  *size = (uint32_t)sn_runs(t->words + t->at, t->n - t->at, NODES);
  return worth < WORTH || *size == NODES ? 0 : h | 1;
}
static void drop(graph **q) {
  graph *g = *q;
  *q = g->next;
  if (g->exec) sn_graphs.end_exec(g->exec);
  if (g->graph) sn_graphs.end(g->graph);
  nodes -= g->size;
  count--;
  free(g->words); free(g->base); free(g->nodes); free(g);
}
// The first of the pairs (binding, offset) of a command, and how many there are.
static const uint32_t *places(const uint32_t *w, uint32_t *n) {
  const int launch = w[0] == SN_LAUNCH;
  *n = w[launch ? 10 : 3];
  return w + (launch ? 12 : 6);
}
static int moved(const graph *g, const task *t, const uint32_t *w) {
  uint32_t n;
  if (w[0] == SN_LOOP) {
    for (uint32_t i = 0; i < t->nb; i++) if (t->b[i].kind != SN_BIND_WINDOW && (uint64_t)(uintptr_t)t->b[i].m.handle != g->base[i]) return 1;
    return 0;
  }
  const uint32_t *p = places(w, &n);
  for (uint32_t i = 0; i < n; i++) if (p[3 * i] >= t->nb || (uint64_t)(uintptr_t)t->b[p[3 * i]].m.handle != g->base[p[3 * i]]) return 1;
  return 0;
}
// Makes a graph that of a task of the same form: 0 if it cannot be.
static int adapt(graph *g, const task *t) {
  for (int change = 0; change < 2; change++) {
    uint32_t k = 0;
    for (uint32_t at = t->at, n; at < t->n; at += n, k++) {
      const uint32_t *w = t->words + at;
      n = w[1];
      if (!memcmp(w, g->words + (at - t->at), n * 4) && !moved(g, t, w)) continue;
      sn_launching x;
      if (w[0] != SN_LAUNCH || sn_cuda_read(t, w + 2, n - 2, &x)) return 0;
      if (!change) continue;
      const CUkernelNode p = {.function = x.function, .gx = x.l.groups[0], .gy = x.l.groups[1], .gz = x.l.groups[2], .x = x.l.threads[0], .y = x.l.threads[1],
        .z = x.l.threads[2], .arguments = x.arguments};
      if (sn_graphs.set(g->exec, g->nodes[k], &p)) { g->form = 0; return 0; }
    }
  }
  memcpy(g->words, t->words + t->at, (size_t)g->n * 4);
  for (uint32_t i = 0; i < t->nb; i++) g->base[i] = (uint64_t)(uintptr_t)t->b[i].m.handle;
  return 1;
}
// The node that was recorded last.
static CUgraphNode last_node(void) {
  int status = 0;
  const CUgraphNode *after = 0;
  const CUedge *edges = 0;
  size_t n = 0;
  const CUresult r = sn_edges.recorded ? sn_edges.recorded(recorder, &status, 0, 0, &after, &edges, &n) : sn_graphs.recorded(recorder, &status, 0, 0, &after, &n);
  return r || n != 1 ? 0 : after[0];
}
// What records commands, those of loops too.
typedef struct recording { sn_encode encode; void *job; uint32_t launches; } recording;
static int record_command(void *with, const uint32_t *w, uint32_t n) {
  recording *r = with;
  (void)n;
  r->launches += w[0] == SN_LAUNCH;
  return r->encode(r->job, w, recorder) ? 0 : SN_E_DEVICE;
}
static graph *record(const task *t, uint64_t form, uint32_t commands, uint32_t size, sn_encode encode, void *job) {
  graph *g = calloc(1, sizeof *g);
  if (!g) return 0;
  *g = (graph){graphs, form, uses, t->n - t->at, t->nb, generation, malloc((size_t)(t->n - t->at) * 4), size, 0, malloc(t->nb * 8 + 8), 0, 0, calloc(commands, sizeof *g->nodes)};
  graphs = g;
  count++;
  nodes += size;
  int good = g->words && g->base && g->nodes && !sn_graphs.begin(recorder, CU_CAPTURE_RELAXED);
  if (good) {
    uint32_t k = 0;
    recording r = {encode, job, 0};
    for (uint32_t at = t->at; at < t->n && good; at += t->words[at + 1], k++) {
      good = !sn_commands(&(runner){.with = &r, .b = t->b, .nb = t->nb, .run = record_command}, t->words + at, t->words[at + 1]);
      if (good && t->words[at] == SN_LAUNCH) good = (g->nodes[k] = last_node()) != 0;
    }
    g->launches = r.launches;
    good = !sn_graphs.finish(recorder, &g->graph) && good && !sn_graphs.instantiate(&g->exec, g->graph, 0);
  }
  if (!good) { drop(&graphs); return 0; }
  memcpy(g->words, t->words + t->at, (size_t)g->n * 4);
  for (uint32_t i = 0; i < t->nb; i++) g->base[i] = (uint64_t)(uintptr_t)t->b[i].m.handle;
  return g;
}
int sn_cuda_replay(const task *t, CUstream stream, sn_encode encode, void *job, uint32_t *launches) {
  uint32_t commands = 0, size = 0;
  const uint64_t form = usable ? form_of(t, &commands, &size) : 0;
  graph *found = 0;
  if (!form) return 0;
  for (graph **q = &graphs; *q && !found;) {
    graph *g = *q;
    if (g->generation != generation || !g->form) { drop(q); continue; }
    if (g->form == form && g->n == t->n - t->at && g->nb == t->nb && adapt(g, t)) found = g;
    else q = &g->next;
  }
  if (!found) {
    const uint32_t i = (uint32_t)(form >> 20) % FORMS;
    if (forms[i].form != form) { forms[i].form = form; forms[i].seen = forms[i].recorded = 0; }
    // Where addresses never come again a graph is no use: each has to wait longer than the one before.
    if (++forms[i].seen < (uint32_t)TIMES << forms[i].recorded) return 0;
    forms[i].seen = 0;
    if (forms[i].recorded < 24) forms[i].recorded++;
    while (count == MOST || nodes + size > ALL_NODES) {
      graph **oldest = &graphs;
      for (graph **q = &graphs; *q; q = &(*q)->next) if ((*q)->used < (*oldest)->used) oldest = q;
      drop(oldest);
    }
    if (!(found = record(t, form, commands, size, encode, job))) return 0;
  }
  found->used = ++uses;
  *launches = found->launches;
  return !sn_graphs.launch(found->exec, stream);
}

// ---- passes of a loop that runs ahead ---------------------------------------------------------------------------------------
typedef struct kept { uint32_t seen, launches; CUgraph graph; CUgraphExec exec; } kept;
static void record_passes(kept *k, const passes *p, sn_encode encode, void *job) {
  recording r = {encode, job, 0};
  const runner recorded = {.with = &r, .scribe = p->r->scribe, .b = p->r->b, .nb = p->r->nb, .run = record_command};
  passes q = *p;
  q.r = &recorded;
  if (sn_graphs.begin(recorder, CU_CAPTURE_RELAXED)) return;
  const int failed = sn_run_passes(&q);
  if (!sn_graphs.finish(recorder, &k->graph) && !failed && sn_graphs.instantiate(&k->exec, k->graph, 0)) k->exec = 0;
  k->launches = r.launches;
}
int sn_cuda_pass(passes *p, CUstream stream, sn_encode encode, void *job, uint32_t *launches) {
  if (!usable || (!p->kept && !(p->kept = calloc(1, sizeof(kept))))) return 0;
  kept *k = p->kept;
  if (k->seen < TIMES && ++k->seen == TIMES) {
    for (uint32_t at = 0, n; (n = sn_next(p->block + at, p->block_length - at)); at += n) if (p->block[at] != SN_LAUNCH) return 0;
    if (sn_runs(p->block, p->block_length, NODES) * p->n < NODES) record_passes(k, p, encode, job);
  }
  *launches = k->launches;
  return k->exec && !sn_graphs.launch(k->exec, stream);
}
void sn_cuda_forget_passes(void *kept_) {
  kept *k = kept_;
  if (k->exec) sn_graphs.end_exec(k->exec);
  if (k->graph) sn_graphs.end(k->graph);
  free(k);
}
