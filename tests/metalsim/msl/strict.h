// strict.h: the declarations of the Metal shading language for Clang's C++ for OpenCL, which has real address spaces and refuses what MSL has not:
// double, exceptions, virtual functions, pointers without an address space. Nothing is run.
#pragma once
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define device __global
#define constant __constant
#define threadgroup __local
#define thread __private
#define kernel __kernel
#define goto MSL_has_no_goto
typedef unsigned char uchar; typedef unsigned short ushort; typedef unsigned int uint; typedef unsigned long ulong;
typedef unsigned long size_t; typedef long ptrdiff_t;
// Converted where the text says so, and no number to compute with: kernels compute in float.
enum class bfloat : ushort {};

namespace msl {
template<class T> struct vector { typedef T element; enum { size = 1 }; };
template<class T> struct scalar { enum { real = 0, small = 0, number = 0 }; };
template<> struct scalar<float> { enum { real = 1, small = 1, number = 1 }; };
template<> struct scalar<half> { enum { real = 1, small = 1, number = 1 }; };
template<> struct scalar<bfloat> { enum { real = 0, small = 0, number = 0 }; };   // no shuffles: Apple's compiler has failed on them
// An enumeration has no vectors of Clang's.
template<class T, int n> struct lanes { typedef T type __attribute__((ext_vector_type(n))); };
template<int n> struct lanes<bfloat, n> {
  struct alignas(n == 3 ? 8 : 2 * n) type { bfloat x[n]; bfloat &operator[](int i) { return x[i]; } const bfloat &operator[](int i) const { return x[i]; } };
};
#define MSL_INTEGER(T, is_small) template<> struct scalar<T> { enum { real = 0, small = is_small, number = 1 }; };
MSL_INTEGER(int, 1) MSL_INTEGER(uint, 1) MSL_INTEGER(short, 1) MSL_INTEGER(ushort, 1) MSL_INTEGER(char, 1) MSL_INTEGER(uchar, 1) MSL_INTEGER(long, 0) MSL_INTEGER(ulong, 0)
template<class T, class U> struct same { enum { value = 0 }; };
template<class T> struct same<T, T> { enum { value = 1 }; };
template<bool> struct require {};
template<> struct require<true> { typedef int type; };
template<class T> using real = typename require<scalar<typename vector<T>::element>::real>::type;
template<class T> using number = typename require<scalar<typename vector<T>::element>::number>::type;
template<class T> using shuffled = typename require<scalar<typename vector<T>::element>::small>::type;
}
#define MSL_VECTOR(T, N) \
  typedef T T##N __attribute__((ext_vector_type(N))); \
  template<> struct msl::vector<T##N> { typedef T element; enum { size = N }; };
#define MSL_VECTORS(T) MSL_VECTOR(T, 2) MSL_VECTOR(T, 3) MSL_VECTOR(T, 4)
MSL_VECTORS(float) MSL_VECTORS(half) MSL_VECTORS(int) MSL_VECTORS(uint) MSL_VECTORS(short) MSL_VECTORS(ushort)
MSL_VECTORS(char) MSL_VECTORS(uchar) MSL_VECTORS(long) MSL_VECTORS(ulong)
typedef msl::lanes<bfloat, 2>::type bfloat2; typedef msl::lanes<bfloat, 3>::type bfloat3; typedef msl::lanes<bfloat, 4>::type bfloat4;
namespace msl {
template<class V, class... A> V make(A...) {
  static_assert((int(vector<A>::size) + ...) == vector<V>::size || (sizeof...(A) == 1 && (int(vector<A>::size) + ...) == 1), "wrong number of vector components");
  return V(typename vector<V>::element(0));
}
}
#define float2(...) msl::make<float2>(__VA_ARGS__)
#define float3(...) msl::make<float3>(__VA_ARGS__)
#define float4(...) msl::make<float4>(__VA_ARGS__)
#define half2(...) msl::make<half2>(__VA_ARGS__)
#define half4(...) msl::make<half4>(__VA_ARGS__)
#define int2(...) msl::make<int2>(__VA_ARGS__)
#define int3(...) msl::make<int3>(__VA_ARGS__)
#define int4(...) msl::make<int4>(__VA_ARGS__)
#define ulong2(...) msl::make<ulong2>(__VA_ARGS__)
#define uint2(...) msl::make<uint2>(__VA_ARGS__)
#define uint3(...) msl::make<uint3>(__VA_ARGS__)
#define uint4(...) msl::make<uint4>(__VA_ARGS__)
#define ushort4(...) msl::make<ushort4>(__VA_ARGS__)
#define uchar4(...) msl::make<uchar4>(__VA_ARGS__)

namespace metal {
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return (mem_flags)((int)a | (int)b); }
void threadgroup_barrier(mem_flags);
#define MSL_FLOAT1(name) \
  template<class T, msl::real<T> = 0> T name(T); \
  namespace precise { template<class T, msl::real<T> = 0> T name(T); } \
  namespace fast { template<class T, msl::real<T> = 0> T name(T); }
MSL_FLOAT1(exp) MSL_FLOAT1(exp2) MSL_FLOAT1(log) MSL_FLOAT1(log2) MSL_FLOAT1(log10) MSL_FLOAT1(sqrt) MSL_FLOAT1(rsqrt)
MSL_FLOAT1(sin) MSL_FLOAT1(cos) MSL_FLOAT1(tan) MSL_FLOAT1(asin) MSL_FLOAT1(acos) MSL_FLOAT1(atan)
MSL_FLOAT1(sinh) MSL_FLOAT1(cosh) MSL_FLOAT1(tanh) MSL_FLOAT1(asinh) MSL_FLOAT1(acosh) MSL_FLOAT1(atanh)
MSL_FLOAT1(floor) MSL_FLOAT1(ceil) MSL_FLOAT1(trunc) MSL_FLOAT1(rint) MSL_FLOAT1(fabs)
#define MSL_FLOAT2(name) \
  template<class T, msl::real<T> = 0> T name(T, T); \
  namespace precise { template<class T, msl::real<T> = 0> T name(T, T); }
MSL_FLOAT2(pow) MSL_FLOAT2(atan2) MSL_FLOAT2(fmod) MSL_FLOAT2(copysign)
template<class T, msl::number<T> = 0> T abs(T);
template<class T, msl::number<T> = 0> T max(T, T);
template<class T, msl::number<T> = 0> T min(T, T);
template<class T, msl::number<T> = 0> T clamp(T, T, T);
template<class T, msl::real<T> = 0> T fma(T, T, T);
float ldexp(float, int);
bool isnan(float); bool isinf(float); bool isfinite(float); bool signbit(float);
uint mulhi(uint, uint); uint rotate(uint, uint); uint clz(uint);
template<class T> T select(T, T, bool);
template<class T, class S> T as_type_(S) { static_assert(sizeof(T) == sizeof(S), "as_type between types of different sizes"); return T(); }
#define MSL_SHUFFLE(name) template<class T, msl::shuffled<T> = 0> T name(T, ushort);
MSL_SHUFFLE(simd_shuffle) MSL_SHUFFLE(simd_broadcast) MSL_SHUFFLE(simd_shuffle_xor) MSL_SHUFFLE(simd_shuffle_up) MSL_SHUFFLE(simd_shuffle_down)
#define MSL_REDUCE(name) template<class T, msl::shuffled<T> = 0> T name(T);
MSL_REDUCE(simd_sum) MSL_REDUCE(simd_max) MSL_REDUCE(simd_min)
void simdgroup_barrier(mem_flags);
template<class T, int columns, int rows> struct simdgroup_matrix {
  static_assert(columns == 8 && rows == 8, "a simdgroup_matrix is 8 x 8");
  static_assert(msl::scalar<T>::real || msl::same<T, bfloat>::value, "a simdgroup_matrix is of float, half or bfloat");
  typedef typename msl::lanes<T, 2>::type pair;
  pair elements;
  thread pair &thread_elements();
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;
template<class T, int columns, int rows> simdgroup_matrix<T, columns, rows> make_filled_simdgroup_matrix(T);
// Of device and threadgroup memory, of the matrix's own type.
#define MSL_MATRIX(space, T) \
  void simdgroup_load(thread simdgroup_matrix<T, 8, 8> &, const space T *, ulong = 8, ulong2 = (ulong2)(0), bool = false); \
  void simdgroup_store(simdgroup_matrix<T, 8, 8>, space T *, ulong = 8, ulong2 = (ulong2)(0), bool = false);
MSL_MATRIX(device, float) MSL_MATRIX(device, half) MSL_MATRIX(threadgroup, float) MSL_MATRIX(threadgroup, half) MSL_MATRIX(device, bfloat) MSL_MATRIX(threadgroup, bfloat)
// Sums are of the factors' type, or float.
#define MSL_PRODUCT(T, S) \
  void simdgroup_multiply_accumulate(thread simdgroup_matrix<T, 8, 8> &, simdgroup_matrix<S, 8, 8>, simdgroup_matrix<S, 8, 8>, simdgroup_matrix<T, 8, 8>);
MSL_PRODUCT(float, float) MSL_PRODUCT(half, half) MSL_PRODUCT(float, half) MSL_PRODUCT(bfloat, bfloat) MSL_PRODUCT(float, bfloat)
}
#define as_type metal::as_type_
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
