// A verdict for the host if a routine gave up on one of its matrices, but of those that were spoiled before.
extern "C" __global__ void __launch_bounds__(256) judge(const int *info, const int *spoiled, int *verdict, const long long count, const int code) {
  for (long long i = threadIdx.x; i < count; i += blockDim.x) if (info[i] != 0 && spoiled[i] == 0) *verdict = code;
}
