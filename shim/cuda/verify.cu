// Whether eigenvalues w and eigenvectors V are those of their Hermitian matrices A, by a vector x of signs: V^H (V x) is x, and A (V x) is V (w x), to
// rounding (R. Freivalds, Probabilistic machines can use less running time, 1977). T is float or float2. A and V lie by columns; of A one triangle is there,
// the other is 0.
__device__ double re(float x) { return x; }
__device__ double im(float) { return 0; }
__device__ double re(float2 x) { return x.x; }
__device__ double im(float2 x) { return x.y; }
__device__ double sign(long long i) {
  unsigned h = (unsigned)i * 0x9e3779b1u;
  h = (h ^ h >> 15) * 0x85ebca77u;
  return (h ^ h >> 13) & 1 ? 1 : -1;
}
// V x and V (w x), real and imaginary parts each: four numbers a row of each matrix. A thread a row.
extern "C" __global__ void __launch_bounds__(256) images(const T *V, const float *w, double *out, const long long n) {
  const long long blocks = (n + 255) / 256, matrix = blockIdx.x / blocks, i = blockIdx.x % blocks * 256 + threadIdx.x;
  if (i >= n) return;
  V += matrix * n * n + i;
  w += matrix * n;
  double a[4] = {0, 0, 0, 0};
  for (long long k = 0; k < n; k++) {
    const T v = V[k * n];
    const double x = sign(k), y = x * w[k];
    a[0] += re(v) * x;
    a[1] += im(v) * x;
    a[2] += re(v) * y;
    a[3] += im(v) * y;
  }
  for (int p = 0; p < 4; p++) out[4 * (matrix * n + i) + p] = a[p];
}
// Notes in `info` the matrices of which a row is not what it has to be. A warp a row.
extern "C" __global__ void __launch_bounds__(256) verify(const T *A, const T *V, const float *w, const double *images, int *info, const long long n) {
  __shared__ double sums[5][256];
  const long long blocks = (n + 7) / 8, matrix = blockIdx.x / blocks, i = blockIdx.x % blocks * 8 + threadIdx.x / 32;
  const double *y = images + 4 * matrix * n;
  const int lane = threadIdx.x % 32;
  A += matrix * n * n;
  V += matrix * n * n;
  w += matrix * n;
  // A y and V^H y of the row, and the largest of |w|.
  double a[5] = {0, 0, 0, 0, 0};
  for (long long k = lane; k < n && i < n; k += 32) {
    const double yr = y[4 * k], yi = y[4 * k + 1], largest = w[k] < 0 ? -w[k] : w[k];
    const T down = A[k * n + i], across = A[i * n + k], v = V[i * n + k];
    // What is imaginary of the diagonal does not count.
    const double imaginary = k == i ? 0 : im(down);
    a[0] += re(down) * yr - imaginary * yi + (k == i ? 0 : re(across) * yr + im(across) * yi);
    a[1] += re(down) * yi + imaginary * yr + (k == i ? 0 : re(across) * yi - im(across) * yr);
    a[2] += re(v) * yr + im(v) * yi;
    a[3] += re(v) * yi - im(v) * yr;
    if (!(largest <= a[4])) a[4] = largest;
  }
  for (int p = 0; p < 5; p++) sums[p][threadIdx.x] = a[p];
  __syncthreads();
  if (lane != 0 || i >= n) return;
  for (int k = 1; k < 32; k++) {
    for (int p = 0; p < 4; p++) a[p] += sums[p][threadIdx.x + k];
    if (!(sums[4][threadIdx.x + k] <= a[4])) a[4] = sums[4][threadIdx.x + k];
  }
  const double r = a[0] - y[4 * i + 2], s = a[1] - y[4 * i + 3], u = a[2] - sign(i), eps = 1.1920929e-7, most = 256 * eps * eps * n;
  if (!(u * u + a[3] * a[3] <= most) || !(r * r + s * s <= most * a[4] * a[4])) info[matrix] = 1;
}
