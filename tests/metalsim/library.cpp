// library.cpp: compiles MSL text with Zig's Clang: once as C++ to run it, once as C++ for OpenCL, which knows address spaces, to check it.
// What was compiled is kept by its text, so that a suite compiles a kernel once.
#include "rewrite.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
static const char RUN[] = SIM_ZIG " c++ -std=gnu++17 -fno-exceptions -fno-rtti -fPIC -shared -nostdinc -nostdlib++ -fno-sanitize=undefined -w -Werror=return-type -march=native -fwrapv "
  "-Xclang -ffloat16-excess-precision=none -Xclang -cl-single-precision-constant -I" SIM_MSL;
static const char STRICT[] = SIM_ZIG " clang -cc1 -triple spir64-unknown-unknown -x clcpp -cl-std=clc++2021 -fsyntax-only "
  "-cl-ext=-cl_khr_fp64,-__opencl_c_fp64,+cl_khr_fp16,-__opencl_c_pipes,-__opencl_c_device_enqueue,-__opencl_c_program_scope_global_variables "
  "-cl-single-precision-constant -Wno-unknown-attributes -Wno-ignored-attributes -Wno-unknown-pragmas -Wconversion -Werror=conversion -ferror-limit 8 "
  "-isystem " SIM_MSL "/strict -include strict.h -ast-dump";
static uint64_t hash_of(const text &s) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < s.size(); i++) h = (h ^ (uint8_t)s.c[i]) * 0x100000001b3u;
  return h;
}
static text contents(const char *path) {
  text s;
  char piece[65536];
  FILE *f = fopen(path, "r");
  for (size_t n; f && (n = fread(piece, 1, sizeof piece, f)) > 0;) s.add(piece, n);
  if (f) fclose(f);
  return s;
}
static void write_file(const text &path, const text &s) {
  FILE *f = fopen(path.str(), "w");
  if (!f) return;
  fwrite(s.str(), 1, s.size(), f);
  fclose(f);
}
// Begins a command whose output goes to a file.
static pid_t begin(const list<text> &words, const text &output) {
  list<char *> argv;
  for (const text &w : words) argv.push((char *)w.str());
  argv.push(nullptr);
  pid_t child = fork();
  if (child != 0) return child;
  int fd = open(output.str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(fd, 1);
  dup2(fd, 2);
  execv(argv[0], argv.p);
  _exit(127);
}
static bool succeeded(pid_t child) {
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
static void add_words(list<text> &to, const char *words) {
  while (*words) {
    size_t n = strcspn(words, " ");
    if (n) to.push(text(words, n));
    words += n + (words[n] == ' ');
  }
}
// The lines of a compiler's output that name an error.
static text errors_of(const text &output) {
  text e;
  for (const char *line = output.str(); *line;) {
    size_t n = strcspn(line, "\n");
    text one(line, n);
    if (strstr(one.str(), "error:")) e.add(one).add("\n");
    line += n + (line[n] == '\n');
  }
  return e.size() ? e : output;
}
// Clang gives a pointer or reference without an address space the generic one, which MSL does not have.
static text unqualified(const text &tree) {
  bool inside = false;
  for (const char *line = tree.str(); *line;) {
    size_t n = strcspn(line, "\n");
    text one(line, n);
    inside = inside || strstr(one.str(), "program_source");
    bool declares = strstr(one.str(), "VarDecl ") || strstr(one.str(), "FieldDecl ");
    if (inside && declares && strstr(one.str(), "__generic") && !strstr(one.str(), "implicit")) return format("error: a pointer or reference has no address space: %s", one.str());
    line += n + (line[n] == '\n');
  }
  return text();
}
static text entries(const rewritten &r) {
  text e("\n#line 1 \"entries\"\n");
  for (const entry &k : r.kernels) {
    e.add("SIM_PLAIN static void sim_run_").add(k.name).add("(const sim_group *g, const sim_thread *t) { sim::call(&::").add(k.name).add(", g, t").add(k.places).add("); }\n");
  }
  e.add("static const sim_kernel sim_kernels[] = {");
  for (const entry &k : r.kernels) e.add("{\"").add(k.name).add("\", sim_run_").add(k.name).add(", \"").add(k.buffers).add("\"}, ");
  e.add("{}};\n"
    "extern \"C\" { extern char __start_simshared[] __attribute__((weak)), __stop_simshared[] __attribute__((weak));\n"
    "extern const sim_library sim_exports; const sim_library sim_exports = {sim_kernels, &sim_current, &sim_running, __start_simshared, __stop_simshared}; }\n");
  return e;
}
static bool build(const rewritten &r, const text &source, const text &base, bool fast, bool checked, text &error) {
  // A name of this process and thread, so that others may build the same text meanwhile.
  static uint32_t builds;
  text own = base;
  own.add(format(".%d.%u", (int)getpid(), __atomic_add_fetch(&builds, 1, __ATOMIC_RELAXED)));
  auto named = [&](const char *end) { text s = own; return s.add(end); };
  write_file(named(".cpp"), text("#include \"metal_stdlib\"\n#line 1 \"program_source\"\n").add(r.body).add(entries(r)));
  write_file(named(".metal"), text("#line 1 \"program_source\"\n").add(source));
  // Metal contracts a * b + c unless the text forbids it.
  bool contract = fast || !strstr(source.str(), "#pragma METAL fp contract(off)");
  list<text> run, strict;
  add_words(run, RUN);
  add_words(run, contract ? "-ffp-contract=fast" : "-ffp-contract=off");
  if (fast) run.push("-ffast-math");
  add_words(run, checked ? "-O1 -DSIM_CHECKED -Xclang -fsanitize-coverage-type=3 -Xclang -fsanitize-coverage-trace-loads -Xclang -fsanitize-coverage-trace-stores" : "-O2");
  run.push("-o"); run.push(named(".so")); run.push(named(".cpp"));
  add_words(strict, STRICT);
  strict.push(named(".metal"));
  pid_t compiling = begin(run, named(".log")), checking = begin(strict, named(".tree"));
  bool good = succeeded(compiling), clean = succeeded(checking);
  text tree = contents(named(".tree").str());
  if (!clean) error = text("the strict pass refuses it:\n").add(errors_of(tree));
  else if (text e = unqualified(tree); e.size()) error = e;
  else if (!good) error = text("program_source:\n").add(errors_of(contents(named(".log").str())));
  else rename(named(".so").str(), text(base).add(".so").str());
  const char *const ends[] = {".cpp", ".metal", ".log", ".tree", ".so"};
  for (const char *end : ends) unlink(named(end).str());
  if (error.size()) return false;
  count(SIM_COMPILED);
  return true;
}
// Where the image of an address begins and ends.
struct image { const char *at, *base, *end; };
static int find_image(dl_phdr_info *info, size_t, void *out) {
  image *i = (image *)out;
  const char *low = nullptr, *high = nullptr;
  for (int k = 0; k < info->dlpi_phnum; k++) {
    if (info->dlpi_phdr[k].p_type != PT_LOAD) continue;
    const char *b = (const char *)info->dlpi_addr + info->dlpi_phdr[k].p_vaddr, *e = b + info->dlpi_phdr[k].p_memsz;
    if (!low || b < low) low = b;
    if (e > high) high = e;
  }
  if (!low || i->at < low || i->at >= high) return 0;
  i->base = low; i->end = high;
  return 1;
}
static list<program *> loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
// Libraries with the same text share one image, as dlopen gives it.
const program *compile(const text &source, bool fast, text &error) {
  rewritten r = rewrite(source);
  if (r.error.size()) { error = r.error; return nullptr; }
  bool checked = sim_settings[SIM_CHECKS] != 0;
  mkdir(SIM_CACHE, 0755);
  text key = format("%s %s %s %s %d %d ", contents(SIM_MSL "/metal_stdlib").str(), contents(SIM_MSL "/strict/strict.h").str(), RUN, STRICT, fast, checked);
  text base = format("%s/%016llx", SIM_CACHE, (unsigned long long)hash_of(key.add(source)));
  locked l(&lock);
  for (const program *k : loaded) if (base.is(k->key)) return k;
  text file = text(base).add(".so");
  if (access(file.str(), R_OK) != 0 && !build(r, source, base, fast, checked, error)) return nullptr;
  void *h = dlopen(file.str(), RTLD_NOW | RTLD_LOCAL);
  const sim_library *x = h ? (const sim_library *)dlsym(h, "sim_exports") : nullptr;
  if (!x) { error = dlerror(); return nullptr; }
  if (x->shared_end - x->shared > SIM_SHARED) { error = format("%zu bytes of threadgroup memory are more than %d", (size_t)(x->shared_end - x->shared), SIM_SHARED); return nullptr; }
  image i = {(const char *)x, nullptr, nullptr};
  dl_iterate_phdr(find_image, &i);
  count(SIM_LOADED);
  program *p = (program *)malloc(sizeof *p);
  *p = {x, strdup(base.str()), i.base, i.end, r.waits, checked};
  loaded.push(p);
  return p;
}
