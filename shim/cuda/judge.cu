// A verdict for the host if a routine gave up on one of its matrices.
extern "C" __global__ void __launch_bounds__(256) judge(const int *info, int *verdict, const long long count, const int code) {
  for (long long i = threadIdx.x; i < count; i += blockDim.x) if (info[i] != 0) *verdict = code;
}
