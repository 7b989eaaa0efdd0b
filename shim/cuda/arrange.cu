// What lies between our rows and cuSOLVER's columns. T is float or float2; SUFFIX follows.
struct Arrange { long long count, rows, columns, from[3], to[3]; int triangle, conjugate; };
__device__ bool finite(float x) { return x - x == 0; }
__device__ bool finite(float2 x) { return finite(x.x) && finite(x.y); }
__device__ float conjugate(float x) { return x; }
__device__ float2 conjugate(float2 x) { return float2{x.x, -x.y}; }
__device__ float fill(float x, float) { return x; }
__device__ float2 fill(float x, float2) { return float2{x, x == x ? 0 : x}; }
// Writes matrices by rows and columns at other strides (matrix, row, column). Without `from` they are identities; triangle 1 keeps what is on and above
// the diagonal, -1 what is on and below it, and all else becomes 0. With `guard`, what is not finite becomes 0 and its matrix is noted there; `spoiled`
// are matrices (two lists, one of which may be null) of which all is NaN.
extern "C" __global__ void __launch_bounds__(256) arrange(const T *from, T *to, int *guard, const int *spoiled, const int *also, const Arrange g) {
  __shared__ T tile[32][33];
  const long long across = (g.columns + 31) / 32, tiles = across * ((g.rows + 31) / 32);
  const int x = threadIdx.x % 32, y = threadIdx.x / 32;
  for (long long at = blockIdx.x; at < g.count * tiles; at += gridDim.x) {
    const long long matrix = at / tiles, row = at % tiles / across * 32, column = at % tiles % across * 32;
    const bool is_spoiled = (spoiled && spoiled[matrix] != 0) || (also && also[matrix] != 0);
    // The lanes of a warp go along the axis that lies together, on either side.
    const bool reads_rows = g.from[2] != 1, writes_rows = g.to[2] != 1;
    for (int k = y; k < 32; k += 8) {
      const int i = reads_rows ? x : k, j = reads_rows ? k : x;
      if (row + i >= g.rows || column + j >= g.columns) continue;
      const long long r = row + i, c = column + j;
      T v = from ? from[matrix * g.from[0] + r * g.from[1] + c * g.from[2]] : fill(r == c, T{});
      if ((g.triangle > 0 && r > c) || (g.triangle < 0 && r < c)) v = fill(0, T{});
      else if (is_spoiled) v = fill(__int_as_float(0x7fc00000), T{});
      else if (guard && !finite(v)) { guard[matrix] = 1; v = fill(0, T{}); }
      tile[i][j] = g.conjugate ? conjugate(v) : v;
    }
    __syncthreads();
    for (int k = y; k < 32; k += 8) {
      const int i = writes_rows ? x : k, j = writes_rows ? k : x;
      if (row + i < g.rows && column + j < g.columns) to[matrix * g.to[0] + (row + i) * g.to[1] + (column + j) * g.to[2]] = tile[i][j];
    }
    __syncthreads();
  }
}
