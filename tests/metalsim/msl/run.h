// run.h: the Metal shading language as C++ for Clang. Everything that MSL leaves to the hardware runs one thread at a time on fibers;
// a value that threads exchange goes through slots of the threads, with a switch to the scheduler between writing and reading.
#pragma once
#include "abi.h"
#define SIM_PLAIN __attribute__((no_sanitize("coverage")))
#define SIM_IN static inline __attribute__((always_inline, convergent)) SIM_PLAIN
#define SIM_OUT static __attribute__((noinline, convergent)) SIM_PLAIN
#define kernel
#define device
#define thread
#define constant const
#define SIM_VARIABLE static __attribute__((section("simshared"), used))
// The place of a call is an argument of its own: return addresses would not survive the optimiser.
#define SIM_PLACE sim_u32 line = __builtin_LINE(), sim_u32 column = __builtin_COLUMN()
#define SIM_SITE (line * 1000 + column)
extern "C" { sim_thread *sim_current; sim_group *sim_running; }
typedef unsigned char uchar; typedef unsigned short ushort; typedef unsigned int uint; typedef unsigned long ulong;
typedef __SIZE_TYPE__ size_t; typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef _Float16 half; typedef __bf16 bfloat;
consteval half operator""h(long double v) { return (half)v; }

namespace sim {
template<class T> struct vector { typedef T element; enum { size = 1 }; };
template<class T, class U> struct same { enum { value = 0 }; };
template<class T> struct same<T, T> { enum { value = 1 }; };
template<bool> struct require {};
template<> struct require<true> { typedef int type; };
}
#define SIM_VECTOR(T, N) \
  typedef T T##N __attribute__((ext_vector_type(N))); \
  template<> struct sim::vector<T##N> { typedef T element; enum { size = N }; };
#define SIM_VECTORS(T) SIM_VECTOR(T, 2) SIM_VECTOR(T, 3) SIM_VECTOR(T, 4)
SIM_VECTORS(float) SIM_VECTORS(half) SIM_VECTORS(int) SIM_VECTORS(uint) SIM_VECTORS(short) SIM_VECTORS(ushort)
SIM_VECTORS(char) SIM_VECTORS(uchar) SIM_VECTORS(long) SIM_VECTORS(ulong) SIM_VECTORS(bfloat)

namespace sim {
// Whether a GPU keeps subnormal numbers when it converts to bfloat is not known: here it does not.
template<class T> SIM_IN bfloat to_bfloat(T value) {
  uint b = __builtin_bit_cast(uint, (float)value), kept = (b & 0x7f800000u) == 0 ? b & 0x80000000u : b;
  return __builtin_bit_cast(bfloat, (ushort)((float)value != (float)value ? 0x7fffu : (kept + 0x7fffu + (kept >> 16 & 1)) >> 16));
}
template<class V> SIM_IN void fill(V &, int) {}
template<class V, class A, class... B> SIM_IN void fill(V &v, int at, A a, B... b) {
  typedef typename vector<V>::element E;
  if constexpr (vector<A>::size == 1) v[at] = (E)a;
  else for (int i = 0; i < vector<A>::size; i++) v[at + i] = (E)a[i];
  fill(v, at + vector<A>::size, b...);
}
template<class V, class... A> SIM_IN V make(A... a) {
  static_assert((vector<A>::size + ...) == vector<V>::size || (sizeof...(A) == 1 && (vector<A>::size + ...) == 1), "wrong number of vector components");
  V v;
  if constexpr (sizeof...(A) == 1 && (vector<A>::size + ...) == 1) v = (V)((typename vector<V>::element)a, ...);
  else fill(v, 0, a...);
  return v;
}
SIM_OUT void wait(sim_u32 state, sim_u32 flags, sim_u32 site) {
  sim_thread *t = sim_current;
  t->state = state; t->flags = flags; t->site = site;
  sim_running->wait(t);
}
SIM_IN sim_thread *lane(sim_u32 i) { return sim_running->threads + sim_current->simd * SIM_WIDTH + i; }
// Gives v to the other lanes; returns the number of this operation.
template<class T> SIM_OUT sim_u32 offer(T v, sim_u32 site) {
  static_assert(sizeof v <= SIM_SLOT, "value too large");
  sim_u32 op = sim_current->ops++;
  __builtin_memcpy(sim_current->slot[op & 1], &v, sizeof v);
  wait(SIM_SIMD, 0, site);
  return op;
}
template<class T> SIM_IN T take(sim_u32 i, sim_u32 op) { T v; __builtin_memcpy(&v, lane(i)->slot[op & 1], sizeof v); return v; }
SIM_IN bool present(sim_u32 i, sim_u32 op) { return sim_current->simd * SIM_WIDTH + i < sim_running->count && lane(i)->ops > op; }
// What a lane that is not there gives is undefined: a pattern that shows.
template<class T> SIM_IN T from(sim_u32 i, sim_u32 op) {
  if (i < SIM_WIDTH && present(i, op)) return take<T>(i, op);
  T v; __builtin_memset(&v, 0xff, sizeof v); return v;
}
template<class T> struct shuffled { enum { ok = sizeof(typename vector<T>::element) <= 4 }; };
}
#define float2(...) sim::make<float2>(__VA_ARGS__)
#define float3(...) sim::make<float3>(__VA_ARGS__)
#define float4(...) sim::make<float4>(__VA_ARGS__)
#define half2(...) sim::make<half2>(__VA_ARGS__)
#define half4(...) sim::make<half4>(__VA_ARGS__)
#define bfloat(x) sim::to_bfloat(x)
#define int2(...) sim::make<int2>(__VA_ARGS__)
#define int3(...) sim::make<int3>(__VA_ARGS__)
#define int4(...) sim::make<int4>(__VA_ARGS__)
#define ulong2(...) sim::make<ulong2>(__VA_ARGS__)
#define uint2(...) sim::make<uint2>(__VA_ARGS__)
#define uint3(...) sim::make<uint3>(__VA_ARGS__)
#define uint4(...) sim::make<uint4>(__VA_ARGS__)
#define ushort4(...) sim::make<ushort4>(__VA_ARGS__)
#define uchar4(...) sim::make<uchar4>(__VA_ARGS__)

namespace metal {
enum class mem_flags { mem_none = 0, mem_device = SIM_MEM_DEVICE, mem_threadgroup = SIM_MEM_THREADGROUP };
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return (mem_flags)((int)a | (int)b); }
SIM_OUT void threadgroup_barrier(mem_flags f, SIM_PLACE) { sim::wait(SIM_GROUP, (sim_u32)f, SIM_SITE); }

// Functions without a namespace are the fast ones if the options of the compiler do not say otherwise: these are off by a bit.
template<class T> SIM_IN T rough(T x) {
  if constexpr (sizeof x == 4) return __builtin_bit_cast(T, __builtin_bit_cast(uint, x) ^ 1u); else return x;
}
#ifdef __FAST_MATH__
template<class T> SIM_IN T usual(T x) { return rough(x); }
#else
template<class T> SIM_IN T usual(T x) { return x; }
#endif
#define SIM_FLOAT1(name, f) \
  template<class T> SIM_IN T name(T x) { return usual(f(x)); } \
  namespace precise { template<class T> SIM_IN T name(T x) { return f(x); } } \
  namespace fast { template<class T> SIM_IN T name(T x) { return rough(f(x)); } }
#define SIM_WHOLE(name, f) template<class T> SIM_IN T name(T x) { return f(x); }
SIM_FLOAT1(exp, __builtin_elementwise_exp) SIM_FLOAT1(exp2, __builtin_elementwise_exp2)
SIM_FLOAT1(log, __builtin_elementwise_log) SIM_FLOAT1(log2, __builtin_elementwise_log2) SIM_FLOAT1(log10, __builtin_elementwise_log10)
SIM_FLOAT1(sqrt, __builtin_elementwise_sqrt)
SIM_FLOAT1(sin, __builtin_elementwise_sin) SIM_FLOAT1(cos, __builtin_elementwise_cos) SIM_FLOAT1(tan, __builtin_elementwise_tan)
SIM_FLOAT1(asin, __builtin_elementwise_asin) SIM_FLOAT1(acos, __builtin_elementwise_acos) SIM_FLOAT1(atan, __builtin_elementwise_atan)
SIM_FLOAT1(sinh, __builtin_elementwise_sinh) SIM_FLOAT1(cosh, __builtin_elementwise_cosh) SIM_FLOAT1(tanh, __builtin_elementwise_tanh)
SIM_FLOAT1(asinh, __builtin_asinhf) SIM_FLOAT1(acosh, __builtin_acoshf) SIM_FLOAT1(atanh, __builtin_atanhf)
SIM_WHOLE(floor, __builtin_elementwise_floor) SIM_WHOLE(ceil, __builtin_elementwise_ceil)
SIM_WHOLE(trunc, __builtin_elementwise_trunc) SIM_WHOLE(rint, __builtin_elementwise_rint) SIM_WHOLE(fabs, __builtin_elementwise_abs)
namespace precise { SIM_IN float rsqrt(float x) { return 1.0f / __builtin_sqrtf(x); } }
using precise::rsqrt;
template<class T> SIM_IN T abs(T x) { if constexpr (T(-1) < T(0)) return __builtin_elementwise_abs(x); else return x; }
template<class T> SIM_IN T max(T x, T y) { return __builtin_elementwise_max(x, y); }
template<class T> SIM_IN T min(T x, T y) { return __builtin_elementwise_min(x, y); }
template<class T> SIM_IN T clamp(T x, T low, T high) { return min(max(x, low), high); }
template<class T> SIM_IN T fma(T a, T b, T c) { return __builtin_elementwise_fma(a, b, c); }
template<class T> SIM_IN T copysign(T x, T y) { return __builtin_elementwise_copysign(x, y); }
#define SIM_FLOAT2(name, f) \
  SIM_IN float name(float x, float y) { return f(x, y); } \
  namespace precise { SIM_IN float name(float x, float y) { return f(x, y); } }
SIM_FLOAT2(pow, __builtin_powf) SIM_FLOAT2(atan2, __builtin_atan2f) SIM_FLOAT2(fmod, __builtin_fmodf)
SIM_IN float ldexp(float x, int e) { return __builtin_ldexpf(x, e); }
SIM_IN bool isnan(float x) { return __builtin_isnan(x); }
SIM_IN bool isinf(float x) { return __builtin_isinf(x); }
SIM_IN bool isfinite(float x) { return __builtin_isfinite(x); }
SIM_IN bool signbit(float x) { return __builtin_signbit(x); }
SIM_IN uint mulhi(uint x, uint y) { return (uint)(((ulong)x * y) >> 32); }
SIM_IN uint rotate(uint x, uint n) { return x << (n & 31) | x >> (-n & 31); }
SIM_IN uint clz(uint x) { return x ? (uint)__builtin_clz(x) : 32; }
template<class T> SIM_IN T select(T a, T b, bool c) { return c ? b : a; }
template<class T, class S> SIM_IN T as_type_(S s) { static_assert(sizeof(T) == sizeof(S), "as_type between types of different sizes"); return __builtin_bit_cast(T, s); }

#define SIM_SHUFFLE(name, N, other) \
  template<class T, typename sim::require<sim::shuffled<T>::ok>::type = 0> SIM_IN T name(T x, ushort N, SIM_PLACE) { \
    sim_u32 op = sim::offer(x, SIM_SITE); \
    return sim::from<T>(other, op); \
  }
SIM_SHUFFLE(simd_shuffle, n, n)
SIM_SHUFFLE(simd_broadcast, n, n)
SIM_SHUFFLE(simd_shuffle_xor, n, sim_current->lane ^ n)
SIM_SHUFFLE(simd_shuffle_up, n, sim_current->lane - n)
SIM_SHUFFLE(simd_shuffle_down, n, sim_current->lane + n)
#define SIM_REDUCE(name, join) \
  template<class T, typename sim::require<sim::shuffled<T>::ok>::type = 0> SIM_IN T name(T x, SIM_PLACE) { \
    sim_u32 op = sim::offer(x, SIM_SITE); \
    T r = x; bool first = true; \
    for (sim_u32 i = 0; i < SIM_WIDTH; i++) if (sim::present(i, op)) { T y = sim::take<T>(i, op); r = first ? y : (T)(join); first = false; } \
    return r; \
  }
SIM_REDUCE(simd_sum, r + y) SIM_REDUCE(simd_max, r < y ? y : r) SIM_REDUCE(simd_min, y < r ? y : r)
SIM_OUT void simdgroup_barrier(mem_flags f, SIM_PLACE) { sim_current->ops++; sim::wait(SIM_SIMD, (sim_u32)f, SIM_SITE); }

// A matrix of a SIMD group: each lane has two elements that lie together in a row. Quarters of 4 x 4 belong to 8 lanes.
template<class T, int columns, int rows> struct simdgroup_matrix {
  static_assert(columns == 8 && rows == 8, "a simdgroup_matrix is 8 x 8");
  static_assert(sim::same<T, float>::value || sim::same<T, half>::value || sim::same<T, bfloat>::value, "a simdgroup_matrix is of float, half or bfloat");
  typedef T pair __attribute__((ext_vector_type(2)));
  pair elements;
  SIM_PLAIN pair &thread_elements() { return elements; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;
template<class T, int columns, int rows> SIM_IN simdgroup_matrix<T, columns, rows> make_filled_simdgroup_matrix(T x) { return {{x, x}}; }
}
namespace sim {
SIM_IN sim_u32 row_of(sim_u32 lane) { return lane / 16 * 4 + lane / 2 % 4; }
SIM_IN sim_u32 column_of(sim_u32 lane) { return lane / 8 % 2 * 4 + lane % 2 * 2; }
SIM_IN sim_u32 lane_of(sim_u32 row, sim_u32 column) { return row / 4 * 16 + column / 4 * 8 + row % 4 * 2 + column / 2 % 2; }
// All lanes of the SIMD group have to come: in checked mode it is seen that they do.
template<class T> SIM_OUT void touch(T *at, int write, int first, sim_u32 site) {
  if (!sim_running->access) return;
  if (first) { sim_current->ops++; wait(SIM_SIMD, 0, site); }
  sim_running->access(at, sizeof *at, write);
}
}
namespace metal {
// Element e of the lane's two, in memory.
template<class P> SIM_IN P *element_at(P *p, int e, ulong pitch, ulong2 origin, bool transposed) {
  const ulong r = sim::row_of(sim_current->lane), c = sim::column_of(sim_current->lane) + e;
  return p + (origin.y + (transposed ? c : r)) * pitch + origin.x + (transposed ? r : c);
}
template<class T> SIM_IN void simdgroup_load(simdgroup_matrix<T, 8, 8> &m, const T *p, ulong pitch = 8, ulong2 origin = ulong2(0, 0), bool transposed = false, SIM_PLACE) {
  for (int e = 0; e < 2; e++) {
    const T *at = element_at(p, e, pitch, origin, transposed);
    sim::touch(at, 0, e == 0, SIM_SITE);
    m.elements[e] = *at;
  }
}
template<class T> SIM_IN void simdgroup_store(simdgroup_matrix<T, 8, 8> m, T *p, ulong pitch = 8, ulong2 origin = ulong2(0, 0), bool transposed = false, SIM_PLACE) {
  for (int e = 0; e < 2; e++) {
    T *at = element_at(p, e, pitch, origin, transposed);
    sim::touch(at, 1, e == 0, SIM_SITE);
    *at = m.elements[e];
  }
}
// d = a b + c: sums in float, one step of the depth after the other.
template<class T, class S> SIM_IN void simdgroup_multiply_accumulate(simdgroup_matrix<T, 8, 8> &d, simdgroup_matrix<S, 8, 8> a, simdgroup_matrix<S, 8, 8> b, simdgroup_matrix<T, 8, 8> c, SIM_PLACE) {
  struct factors { S a[2], b[2]; };
  const sim_u32 op = sim::offer(factors{{a.elements[0], a.elements[1]}, {b.elements[0], b.elements[1]}}, SIM_SITE);
  const sim_u32 r = sim::row_of(sim_current->lane), q = sim::column_of(sim_current->lane);
  float sum[2] = {(float)c.elements[0], (float)c.elements[1]};
  for (sim_u32 k = 0; k < 8; k++) {
    const factors x = sim::from<factors>(sim::lane_of(r, k), op), y = sim::from<factors>(sim::lane_of(k, q), op);
    for (int e = 0; e < 2; e++) sum[e] = __builtin_fmaf((float)x.a[k % 2], (float)y.b[e], sum[e]);
  }
  d.elements[0] = (T)sum[0];
  d.elements[1] = (T)sum[1];
}
}
#define as_type metal::as_type_
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

namespace sim {
enum source { BUFFER, IN_GRID, IN_GROUP, GROUP, GROUPS, SIZE, GRID, INDEX, LANE, SIMD, SIMDS, WIDTH };
template<class A> SIM_IN A three(const sim_u32 *p) {
  if constexpr (vector<A>::size == 1) return (A)p[0];
  else { A a; for (int i = 0; i < vector<A>::size; i++) a[i] = (typename vector<A>::element)p[i]; return a; }
}
template<class T> struct pointed { enum { kind = 0 }; };
template<class T> struct pointed<T *> { enum { kind = 1 }; };
template<class T> struct pointed<T &> { enum { kind = 2 }; typedef T target; };
// The argument of type A that a kernel takes from a source.
template<class A, int from, int index> SIM_IN A argument(const sim_group *g, const sim_thread *t) {
  if constexpr (from == BUFFER) {
    static_assert(pointed<A>::kind != 0, "a [[buffer]] argument is a pointer or a reference");
    if constexpr (pointed<A>::kind == 1) return (A)g->buffer[index];
    else return *(typename pointed<A>::target *)g->buffer[index];
  } else {
    static_assert(pointed<A>::kind == 0, "a built-in argument is a value");
    if constexpr (from == IN_GRID) return three<A>(t->in_grid);
    else if constexpr (from == IN_GROUP) return three<A>(t->in_group);
    else if constexpr (from == GROUP) return three<A>(g->position);
    else if constexpr (from == GROUPS) return three<A>(g->groups);
    else if constexpr (from == SIZE) return three<A>(g->size);
    else if constexpr (from == GRID) return three<A>(g->grid);
    else if constexpr (from == INDEX) return (A)t->index;
    else if constexpr (from == LANE) return (A)t->lane;
    else if constexpr (from == SIMD) return (A)t->simd;
    else if constexpr (from == SIMDS) return (A)((g->count + SIM_WIDTH - 1) / SIM_WIDTH);
    else return (A)SIM_WIDTH;
  }
}
template<int from, int index> struct place {};
template<class... A, int... from, int... index>
SIM_IN void call(void (*f)(A...), const sim_group *g, const sim_thread *t, place<from, index>...) { f(argument<A, from, index>(g, t)...); }
}
#define SIM_TRACE(n) \
  extern "C" SIM_PLAIN void __sanitizer_cov_load##n(void *p) { if (sim_running && sim_running->access) sim_running->access(p, n, 0); } \
  extern "C" SIM_PLAIN void __sanitizer_cov_store##n(void *p) { if (sim_running && sim_running->access) sim_running->access(p, n, 1); }
SIM_TRACE(1) SIM_TRACE(2) SIM_TRACE(4) SIM_TRACE(8) SIM_TRACE(16)
