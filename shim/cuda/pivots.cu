// Exchanges of rows from 1, as the libraries give them for each matrix (in G), become ours from 0, and the permutation that they make: a block a matrix.
extern "C" __global__ void __launch_bounds__(256) pivots(const G *given, unsigned *out, unsigned *order, const long long count, const long long rows) {
  given += blockIdx.x * count;
  out += blockIdx.x * count;
  order += blockIdx.x * rows;
  for (long long i = threadIdx.x; i < rows; i += blockDim.x) order[i] = i;
  for (long long i = threadIdx.x; i < count; i += blockDim.x) out[i] = given[i] - 1;
  __syncthreads();
  if (threadIdx.x == 0) for (long long i = 0; i < count; i++) { const unsigned t = order[i], with = given[i] - 1; order[i] = order[with]; order[with] = t; }
}
