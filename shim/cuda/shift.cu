// Shifts of Hermitian matrices, of which cuSOLVER wants the spectrum away from 0: where many eigenvalues are 0 its divide and conquer does not see that an
// element beside the diagonal is as good as 0, fails, or gives vectors that are none. T is float or float2; one triangle is there, the other is 0.
__device__ double square(float x) { return (double)x * x; }
__device__ double square(float2 x) { return square(x.x) + square(x.y); }
__device__ void add(float &x, float s) { x += s; }
__device__ void add(float2 &x, float s) { x.x += s; }
// Adds to the diagonal of each matrix (a block each) the next power of two above 5/4 of its Frobenius norm, so that whole numbers stay exact; notes it in `by`.
extern "C" __global__ void __launch_bounds__(256) shift(T *all, float *by, const long long n) {
  __shared__ double sums[256];
  T *A = all + blockIdx.x * n * n;
  double sum = 0;
  for (long long i = threadIdx.x; i < n * n; i += 256) sum += square(A[i]) * (i / n == i % n ? 1 : 2);
  sums[threadIdx.x] = sum;
  for (int k = 128; k > 0; k /= 2) {
    __syncthreads();
    if (threadIdx.x < k) sums[threadIdx.x] += sums[threadIdx.x + k];
  }
  __syncthreads();
  const double least = sums[0] * 1.5625;
  double s = least > 0 ? 1 : 0;
  while (s * s < least) s *= 2;
  while (s * s / 4 > least) s /= 2;
  if (s > 8.5e37) s = 0;  // float32 has no room for it
  if (threadIdx.x == 0) by[blockIdx.x] = (float)s;
  for (long long i = threadIdx.x; i < n; i += 256) add(A[i * n + i], (float)s);
}
