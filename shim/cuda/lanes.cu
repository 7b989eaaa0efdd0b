// Matrix products by ordinary arithmetic, of any strides and types: T in memory, S for sums, with load, store, number and mad; SIDE of a tile (64 or 128).
// A thread has SIDE / 16 rows and columns of a tile; the next steps of both operands come to registers while those in shared memory are multiplied.
// Sums go in order.
#define PER (SIDE / 16)
#define DEPTH (SIDE == 128 ? 8 : 16)   // steps at a time
#define BROUGHT (DEPTH * SIDE / 256)   // elements of an operand that a thread brings then
#define GROUP (PER < 4 ? PER : 4)
// Row (or column) i of those that a thread has: four lie together, so that they are loaded at once.
__device__ int mine(int t, int i) { return i / GROUP * (SIDE / (PER / GROUP)) + t * GROUP + i % GROUP; }
struct Fetch {
  const T *from;
  long long step, ahead;               // from one element of a thread to its next, and from these steps to the next
  int at, k, next_at, next_k;          // the thread's first element, and the way to its others
};
// Along the axis whose elements lie closer.
__device__ Fetch fetch_of(const T *from, long long along, long long steps) {
  const int t = threadIdx.x;
  const bool by_step = (steps < 0 ? -steps : steps) < (along < 0 ? -along : along) && steps != 0;
  const int at = by_step ? t / DEPTH : t % SIDE, k = by_step ? t % DEPTH : t / SIDE, next_at = by_step ? 256 / DEPTH : 0, next_k = by_step ? 0 : 256 / SIDE;
  return Fetch{from + at * along + k * steps, next_at * along + next_k * steps, DEPTH * steps, at, k, next_at, next_k};
}
extern "C" __global__ void __launch_bounds__(256, sizeof(S) == 4 ? 2 : 1) product(const T *A, const T *B, T *C, const T *I, const __grid_constant__ Product g) {
  __shared__ __align__(16) S a[DEPTH][SIDE + 4], b[DEPTH][SIDE + 4];
  const Place place = place_of(g, SIDE, SIDE);
  const long long *s = g.stride, down = g.M - place.row, right = g.N - place.column;
  const int y = threadIdx.x / 16, x = threadIdx.x % 16;
  Fetch fa = fetch_of(A + place.step[0] + place.row * s[0], s[0], s[1]), fb = fetch_of(B + place.step[1] + place.column * s[3], s[3], s[2]);
  S sum[PER][PER], na[BROUGHT], nb[BROUGHT];
  for (int i = 0; i < PER; i++) for (int j = 0; j < PER; j++) sum[i][j] = number(0);
  for (long long k = 0; k < g.K + DEPTH; k += DEPTH) {
    // What was fetched in the last turn is multiplied in this one.
    if (k > 0) {
      __syncthreads();
#pragma unroll
      for (int e = 0; e < BROUGHT; e++) {
        a[fa.k + e * fa.next_k][fa.at + e * fa.next_at] = na[e];
        b[fb.k + e * fb.next_k][fb.at + e * fb.next_at] = nb[e];
      }
      __syncthreads();
    }
    if (k < g.K) {
#pragma unroll
      for (int e = 0; e < BROUGHT; e++) {
        na[e] = fa.at + e * fa.next_at < down && k + fa.k + e * fa.next_k < g.K ? load(fa.from[e * fa.step]) : number(0);
        nb[e] = fb.at + e * fb.next_at < right && k + fb.k + e * fb.next_k < g.K ? load(fb.from[e * fb.step]) : number(0);
      }
      fa.from += fa.ahead;
      fb.from += fb.ahead;
    }
    if (k == 0) continue;
#pragma unroll
    for (int e = 0; e < DEPTH; e++) {
      S p[PER], q[PER];
#pragma unroll
      for (int i = 0; i < PER; i++) { p[i] = a[e][mine(y, i)]; q[i] = b[e][mine(x, i)]; }
#pragma unroll
      for (int i = 0; i < PER; i++)
#pragma unroll
        for (int j = 0; j < PER; j++) sum[i][j] = mad(p[i], q[j], sum[i][j]);
    }
  }
  const S alpha = number(g.alpha), beta = number(g.beta);
  C += place.step[2] + place.row * s[4] + place.column * s[5];
  I += place.step[3] + place.row * s[6] + place.column * s[7];
#pragma unroll
  for (int i = 0; i < PER; i++)
#pragma unroll
    for (int j = 0; j < PER; j++) {
      const int m = mine(y, i), n = mine(x, j);
      if (m >= down || n >= right) continue;
      const S added = g.adds ? mad(beta, load(I[m * s[6] + n * s[7]]), number(0)) : number(0);
      C[m * s[4] + n * s[5]] = store(mad(alpha, sum[i][j], added));
    }
}
