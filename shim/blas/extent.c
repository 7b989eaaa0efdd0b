// extent.c: how far a routine reaches from each of its pointers, from its signature and the integers of a call alone.
#include "blas.h"
#include <ctype.h>
#define WORK (1ll << 53)                              // multiplications in one product; more is a mistake
// The signature's integers, each under its first letter; 0 if the call has too few.
static int read_integers(const sn_call *c, const char *s, int64_t *value) {
  int i = 0;
  for (s = strchr(s, '|') + 1; *s && *s != '|'; s++) {
    if (!isalpha((unsigned char)*s)) continue;
    if (i == c->nn) return 0;
    value[(unsigned char)*s] = c->n[i++];
    while (isalpha((unsigned char)s[1])) s++;
  }
  return 1;
}
int bl_extents(const sn_call *c, const char *s, int bytes, sn_extent *e) {
  int64_t value[128] = {0}; int n = 0;
  if (!read_integers(c, s, value)) return -1;
  value['k'] = value['m'] < value['n'] ? value['m'] : value['n'];
  value['u'] = value['f'] ? value['m'] : value['k']; value['v'] = value['f'] ? value['n'] : value['k'];
  while (*s != '|') {
    while (*s != ' ') s++;                            // the name
    for (s++; *s == ' '; s++) {}
    int size = bytes, none = 0, optional = 0; __int128 block = 1; sn_extent x = {0, 0};
    for (; *s && *s != ',' && *s != '|'; s++) {
      if (*s == '?') optional = 1;
      if (*s == '/') size = s[1] - '0';
      if (!isalpha((unsigned char)*s)) continue;
      int64_t k = value[(unsigned char)*s]; if (k < 0) return -1;
      none |= k == 0;
      if (s[1] == '@') { s += 2; sn_widen(&x, k, value[(unsigned char)*s]); } else if (k && (block *= k) > WORK) return -1;
    }
    if (n == c->np) { if (!optional) return -1; } else {
      if (!c->p[n]) { if (!optional && !none) return -1; none = 1; }
      e[n++] = none ? (sn_extent){0, 0} : (sn_extent){x.low * size, (x.high + block) * size};
    }
    if (*s == ',') for (s++; *s == ' '; s++) {}
  }
  return n;
}
int bl_gemm_extents(const sn_call *c, const char *s, int bytes, sn_extent *e) {
  (void)s; const int64_t *n = c->n;
  if (c->np < 3 || c->nx < 2 || c->nn < 12 || n[11] < 0 || n[11] > 16 || c->nn < 12 + 5 * n[11]) return -1;
  __int128 work = n[2] > 1 ? n[2] : 1; int count = c->np > 3 ? 4 : 3, none = 0;
  for (int k = 0; k < 3; k++) if (n[k] < 0) return -1;
  for (int k = 0; k < 2 + n[11]; k++) { int64_t size = k < 2 ? n[k] : n[12 + 5 * (k - 2)]; if (size < 0 || (size && (work *= size) > WORK)) return -1; none |= size == 0; }
  for (int k = 0; k < count; k++) {
    sn_extent x = {0, 1}; const int64_t *stride = n + 3 + 2 * k;
    sn_widen(&x, k == 1 ? n[2] : n[0], stride[0]); sn_widen(&x, k == 0 ? n[2] : n[1], stride[1]);
    for (int a = 0; a < n[11]; a++) sn_widen(&x, n[12 + 5 * a], n[13 + 5 * a + k]);
    int untouched = none || (k < 2 && n[2] == 0) || (k == 3 && (c->x[1] == 0 || !c->p[3]));
    if (!untouched && !c->p[k]) return -1;
    e[k] = untouched ? (sn_extent){0, 0} : (sn_extent){x.low * bytes, x.high * bytes};
  }
  return count;
}
