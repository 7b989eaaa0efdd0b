// A verdict for the host if a routine gave up on one of its matrices. With the factors (n x n) of an LU: if a pivot of it is 0, for one that is NaN is none.
extern "C" __global__ void __launch_bounds__(256) judge(const int *info, int *verdict, const long long count, const int code, const float *lu, const long long n) {
  for (long long i = threadIdx.x; i < count; i += blockDim.x) if (info[i] != 0 && (!lu || lu[i * n * n + (info[i] - 1) * (n + 1)] == 0)) *verdict = code;
}
