// library.cpp: compiles MSL text with Zig's Clang: once as C++ to run it, once as C++ for OpenCL, which knows address spaces, to check it.
// What was compiled is kept by its text, so that a suite compiles a kernel once.
#include "rewrite.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
// To run; to have loads and stores reported. To check: nothing is made. Each is read after its header, which is parsed beforehand.
static const char RUN[] = SIM_ZIG " clang -std=gnu++20 -fno-exceptions -fno-rtti -fno-unwind-tables -fno-asynchronous-unwind-tables -fno-math-errno -fPIC -nostdinc -w "
  "-Werror=return-type -march=native -fwrapv -Xclang -ffloat16-excess-precision=none -Xclang -cl-single-precision-constant -Xclang -fno-validate-pch -I" SIM_MSL;
static const char REPORTS[] = " -Xclang -fsanitize-coverage-type=3 -Xclang -fsanitize-coverage-trace-loads -Xclang -fsanitize-coverage-trace-stores";
// Two mappings an image: Linux has 65,530 for a process, and a suite loads thousands of images.
static const char LINK[] = SIM_ZIG " ld.lld -shared --no-rosegment -z norelro";
static const char STRICT[] = SIM_ZIG " clang -cc1 -triple spir64-unknown-unknown -cl-std=clc++2021 "
  "-cl-ext=-cl_khr_fp64,-__opencl_c_fp64,+cl_khr_fp16,-__opencl_c_pipes,-__opencl_c_device_enqueue,-__opencl_c_program_scope_global_variables "
  "-cl-single-precision-constant -Wno-unknown-attributes -Wno-ignored-attributes -Wno-unknown-pragmas -Wconversion -Werror=conversion -ferror-limit 8 "
  "-fno-validate-pch -isystem " SIM_MSL "";
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
// Begins a command, words between spaces, whose output goes to a file.
static pid_t begin(const text &words, const text &output) {
  text copy = words;
  list<char *> argv;
  char *rest = nullptr;
  for (char *w = strtok_r(copy.c.p, " ", &rest); w; w = strtok_r(nullptr, " ", &rest)) argv.push(w);
  argv.push(nullptr);
  pid_t child = 0;
  posix_spawn_file_actions_t files;         // a fork would copy the engine's page tables
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, output.str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (posix_spawn(&child, argv[0], &files, nullptr, argv.p, environ) != 0) child = -1;
  posix_spawn_file_actions_destroy(&files);
  return child;
}
static bool succeeded(pid_t child) {
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
// A name that no other process or thread has, as others may make the same meanwhile.
static text own_name(const text &base) {
  static uint32_t names;
  return format("%s.%d.%u", base.str(), (int)getpid(), __atomic_add_fetch(&names, 1, __ATOMIC_RELAXED));
}
static text named(const char *end, const text &of) { return format(SIM_CACHE "/%016llx%s", (unsigned long long)hash_of(of), end); }
// How texts are compiled to run. Metal contracts a * b + c unless the text forbids it. To optimise would take most of the time, so that only
// matrices of SIMD groups are, which are few texts and long runs; they report loads and stores only where these are checked.
static text options_of(const text &source, bool fast) {
  bool matrices = strstr(source.str(), "simdgroup_multiply_accumulate(");
  bool contract = fast || !strstr(source.str(), "#pragma METAL fp contract(off)");
  return format("%s%s%s%s%s", RUN, matrices ? " -O2" : " -O0", !matrices || sim_settings[SIM_CHECKS] ? REPORTS : "",
    contract ? " -ffp-contract=on" : " -ffp-contract=off", fast ? " -ffast-math" : "");
}
// The parsed form of a header; empty, with an error text, if there is none.
static text parsed(const char *header, const char *command, const char *more, text &error) {
  text file = named(".pch", contents(SIM_MSL "/abi.h").add(contents(header)).add(command)), own = own_name(file), log = text(own).add(".log");
  if (access(file.str(), R_OK) == 0) return file;
  if (succeeded(begin(format("%s %s -o %s %s", command, more, own.str(), header), log))) rename(own.str(), file.str());
  else error = errors_of(contents(log.str()));
  unlink(log.str());
  return error.size() ? text() : file;
}
static bool build(const rewritten &r, const text &source, const text &options, const text &base, text &error) {
  const text own = own_name(base);
  auto part = [&](const char *end) { return text(own).add(end); };
  const text code = part(".cpp"), metal = part(".metal"), log = part(".log"), tree = part(".tree"), object = part(".o"), image = part(".so");
  const text header = parsed(SIM_MSL "/run.h", options.str(), "-xc++-header", error), rules = parsed(SIM_MSL "/strict.h", STRICT, "-x clcpp -emit-pch", error);
  if (error.size()) return false;
  write_file(code, text("#line 1 \"program_source\"\n").add(r.body).add(entries(r)));
  write_file(metal, text("#line 1 \"program_source\"\n").add(source));
  pid_t compiling = begin(format("%s -include-pch %s -c -o %s %s", options.str(), header.str(), object.str(), code.str()), log);
  pid_t checking = begin(format("%s -include-pch %s -x clcpp -fsyntax-only -ast-dump %s", STRICT, rules.str(), metal.str()), tree);
  bool good = succeeded(compiling), clean = succeeded(checking);
  text seen = contents(tree.str());
  if (!clean) error = text("the strict pass refuses it:\n").add(errors_of(seen));
  else if (text e = unqualified(seen); e.size()) error = e;
  else if (!good || !succeeded(begin(format("%s -o %s %s", LINK, image.str(), object.str()), log))) error = text("program_source:\n").add(errors_of(contents(log.str())));
  else rename(image.str(), text(base).add(".so").str());
  const text *const files[] = {&code, &metal, &log, &tree, &object, &image};
  for (const text *file : files) unlink(file->str());
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
const program *compile(const text &source, NSUInteger version, bool fast, text &error) {
  rewritten r = rewrite(source);
  if (r.error.size()) { error = r.error; return nullptr; }
  if (r.bfloat && version < 0x30001) { error = format("error: MSL %lu.%lu has no bfloat", version >> 16, version & 0xffff); return nullptr; }
  mkdir(SIM_CACHE, 0755);
  text options = options_of(source, fast), base = named("", contents(SIM_MSL "/abi.h").add(contents(SIM_MSL "/run.h")).add(contents(SIM_MSL "/strict.h")).add(options).add(LINK).add(STRICT).add(source));
  locked l(&lock);
  for (const program *k : loaded) if (base.is(k->key)) return k;
  text file = text(base).add(".so");
  if (access(file.str(), R_OK) != 0 && !build(r, source, options, base, error)) return nullptr;
  void *h = dlopen(file.str(), RTLD_NOW | RTLD_LOCAL);
  const sim_library *x = h ? (const sim_library *)dlsym(h, "sim_exports") : nullptr;
  if (!x) { error = dlerror(); return nullptr; }
  if (x->shared_end - x->shared > SIM_SHARED) { error = format("%zu bytes of threadgroup memory are more than %d", (size_t)(x->shared_end - x->shared), SIM_SHARED); return nullptr; }
  image i = {(const char *)x, nullptr, nullptr};
  dl_iterate_phdr(find_image, &i);
  count(SIM_LOADED);
  program *p = (program *)malloc(sizeof *p);
  *p = {x, strdup(base.str()), i.base, i.end, r.waits};
  loaded.push(p);
  return p;
}
