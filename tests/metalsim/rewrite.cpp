// rewrite.cpp: reads the tokens of an MSL text: kernel signatures, threadgroup variables, calls that wait, recursion. Clang does all else.
#include "rewrite.h"
#include <ctype.h>
namespace {
struct token { size_t at, n; char kind; };   // kind: 'i' word, 'n' number, 'p' punctuation
struct attribute { const char *name, *place; };
const attribute attributes[] = {
  {"thread_position_in_grid", "IN_GRID"}, {"thread_position_in_threadgroup", "IN_GROUP"}, {"threadgroup_position_in_grid", "GROUP"},
  {"threadgroups_per_grid", "GROUPS"}, {"threads_per_threadgroup", "SIZE"}, {"threads_per_grid", "GRID"}, {"thread_index_in_threadgroup", "INDEX"},
  {"thread_index_in_simdgroup", "LANE"}, {"simdgroup_index_in_threadgroup", "SIMD"}, {"simdgroups_per_threadgroup", "SIMDS"}, {"threads_per_simdgroup", "WIDTH"},
};
struct reader {
  const text &s;
  list<token> t;
  rewritten out;
  size_t copied = 0;
  explicit reader(const text &s) : s(s) { split(); }

  void split() {
    const char *c = s.str();
    size_t n = s.size(), i = 0;
    while (i < n) {
      size_t b = i;
      if (isspace((unsigned char)c[i])) { i++; continue; }
      if (c[i] == '/' && c[i + 1] == '/') { while (i < n && c[i] != '\n') i++; continue; }
      if (c[i] == '/' && c[i + 1] == '*') { const char *e = strstr(c + i + 2, "*/"); i = e ? e + 2 - c : n; continue; }
      if (c[i] == '#') { while (i < n && c[i] != '\n') i += c[i] == '\\' && i + 1 < n ? 2 : 1; continue; }
      if (isalpha((unsigned char)c[i]) || c[i] == '_') {
        while (i < n && (isalnum((unsigned char)c[i]) || c[i] == '_')) i++;
        t.push({b, i - b, 'i'});
      } else if (isdigit((unsigned char)c[i])) {
        while (i < n && (isalnum((unsigned char)c[i]) || c[i] == '.' || ((c[i] == '+' || c[i] == '-') && strchr("eEpP", c[i - 1])))) i++;
        t.push({b, i - b, 'n'});
      } else {
        i += (c[i] == '[' && c[i + 1] == '[') || (c[i] == ']' && c[i + 1] == ']') ? 2 : 1;
        t.push({b, i - b, 'p'});
      }
    }
  }
  bool is(size_t i, const char *w) const { return i < t.n && strlen(w) == t[i].n && memcmp(s.str() + t[i].at, w, t[i].n) == 0; }
  bool starts(size_t i, const char *w) const { return i < t.n && t[i].n >= strlen(w) && memcmp(s.str() + t[i].at, w, strlen(w)) == 0; }
  text word(size_t i) const { return text(s.str() + t[i].at, t[i].n); }
  int number(size_t i) const { return i < t.n ? atoi(word(i).str()) : -1; }
  void fail(text why) { if (out.error.size() == 0) out.error = why; }
  // Replaces token i.
  void replace(size_t i, const char *with) {
    out.body.add(s.str() + copied, t[i].at - copied).add(with);
    copied = t[i].at + t[i].n;
  }

  // One argument of a kernel, tokens a to b.
  void argument(entry &e, size_t a, size_t b) {
    text place;
    for (size_t i = a; i < b; i++) {
      if (!is(i, "[[")) continue;
      if (is(i + 1, "buffer")) {
        int index = number(i + 3);
        bool writes = true;
        for (size_t k = a; k < i; k++) if (is(k, "const") || is(k, "constant")) writes = false;
        if (index < 0 || index >= SIM_BUFFERS) return fail(format("kernel %s: buffer index %d is not in 0..%d", e.name.str(), index, SIM_BUFFERS - 1));
        text mark = format(" %d%c", index, writes ? 'w' : 'r');
        if (strstr(e.buffers.str(), format(" %d", index).add("r").str()) || strstr(e.buffers.str(), format(" %d", index).add("w").str()))
          return fail(format("kernel %s: buffer index %d stands twice", e.name.str(), index));
        e.buffers.add(mark);
        place = format("sim::BUFFER, %d", index);
      } else {
        for (const attribute &k : attributes) if (is(i + 1, k.name)) place = format("sim::%s, 0", k.place);
        if (place.size() == 0) return fail(format("kernel %s: unknown attribute [[%s]]", e.name.str(), word(i + 1).str()));
      }
    }
    if (place.size() == 0) return fail(format("kernel %s: an argument has no attribute", e.name.str()));
    e.places.add(format(", sim::place<%s>()", place.str()));
  }
  // A kernel's signature, from its word `kernel`.
  void signature(size_t i) {
    size_t open = i;
    while (open < t.n && !is(open, "(")) open++;
    if (open == i || open == t.n) return fail("a kernel has no signature");
    entry e;
    e.name = word(open - 1);
    size_t from = open + 1;
    int depth = 0;
    for (size_t k = open; k < t.n; k++) {
      if (is(k, "(")) depth++;
      if (is(k, ")") && --depth == 0) { if (k > from) argument(e, from, k); break; }
      if (is(k, ",") && depth == 1) { argument(e, from, k); from = k + 1; }
    }
    out.kernels.push(e);
  }
  // MSL has no recursion: no function may reach itself by calls.
  void recursion() {
    list<text> names;
    list<size_t> from, to;
    int depth = 0;
    for (size_t i = 0; i < t.n; i++) {
      if (is(i, "}")) depth--;
      if (is(i, "{") && depth++ == 0) {
        size_t close = i, name = i;
        while (close > 0 && !is(close, ")") && !is(close, ";")) close--;
        int parens = 0;
        for (name = close; name > 0; name--) { if (is(name, ")")) parens++; if (is(name, "(") && --parens == 0) break; }
        if (!is(close, ")") || name == 0 || t[name - 1].kind != 'i') continue;
        names.push(word(name - 1)); from.push(i);
        size_t end = i;
        for (int d = 0; end < t.n; end++) { if (is(end, "{")) d++; if (is(end, "}") && --d == 0) break; }
        to.push(end);
      }
    }
    size_t n = names.n;
    list<uint8_t> calls;
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) {
        bool c = false;
        for (size_t i = from[a]; i < to[a]; i++) c = c || (t[i].kind == 'i' && is(i, names[b].str()) && is(i + 1, "("));
        calls.push(c);
      }
    for (size_t k = 0; k < n; k++)
      for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) if (calls[a * n + k] && calls[k * n + b]) calls[a * n + b] = 1;
    for (size_t a = 0; a < n; a++) if (calls[a * n + a]) fail(format("function %s calls itself", names[a].str()));
  }
  void read() {
    int depth = 0;
    for (size_t i = 0; i < t.n; i++) {
      if (is(i, "{")) depth++;
      if (is(i, "}")) depth--;
      if (depth == 0 && is(i, "kernel")) signature(i);
      if ((starts(i, "simd_") || starts(i, "simdgroup_") || is(i, "threadgroup_barrier")) && is(i + 1, "(")) out.waits = true;
      if (t[i].kind == 'i' && (starts(i, "bfloat") || starts(i, "packed_bfloat") || starts(i, "simdgroup_bfloat"))) out.bfloat = true;
      if (!is(i, "threadgroup")) continue;
      size_t k = i + 1;
      while (k < t.n && t[k].kind == 'i') k++;
      bool variable = depth > 0 && !is(k, "*") && !is(k, "&") && (is(i - 1, ";") || is(i - 1, "{") || is(i - 1, "}"));
      replace(i, variable ? "SIM_VARIABLE" : "");
    }
    out.body.add(s.str() + copied);
    recursion();
    if (out.kernels.n == 0) fail("the text has no kernel");
  }
};
}
rewritten rewrite(const text &source) {
  reader r(source);
  r.read();
  return r.out;
}
