// Matrix products of 16-bit floats by tensor cores. Before it: T, load and store; MMA, the name of their type; SIDE of a tile; A_STEPS and B_STEPS, 1 if the
// steps of an operand (k) lie together in shared memory, 0 if its rows (columns) do; A_WHOLE and B_WHOLE, 1 if what lies together in memory can be copied by
// 16 bytes. A warp has a part of the tile, WARP_M x WARP_N; STAGES, given too, of 32 steps are on their way at a time.
#define STEPS 32
#define PAD 8                          // elements behind a line, so that eight lines lie in all banks
#define WARP_M (SIDE / 2)
#define WARP_N 32
#define THREADS (SIDE / WARP_M * (SIDE / WARP_N) * 32)
#define A_WIDTH ((A_STEPS ? STEPS : SIDE) + PAD)
#define B_WIDTH ((B_STEPS ? STEPS : SIDE) + PAD)
#define A_SIZE ((A_STEPS ? SIDE : STEPS) * A_WIDTH)
#define B_SIZE ((B_STEPS ? SIDE : STEPS) * B_WIDTH)
__device__ unsigned address(const T *p) { return (unsigned)__cvta_generic_to_shared(p); }
// LINES lines of WIDTH elements; `high` lines and `wide` elements of each are there, the others are 0.
template <int LINES, int WIDTH, bool WHOLE> __device__ void fetch(T *to, const T *from, long long line, long long step, long long high, long long wide) {
  for (int c = threadIdx.x; c < LINES * WIDTH / 8; c += THREADS) {
    const int i = c / (WIDTH / 8), j = c % (WIDTH / 8) * 8;
    T *place = to + i * (WIDTH + PAD) + j;
    if (WHOLE) {
      const long long left = i < high ? wide - j : 0;
      const int bytes = left >= 8 ? 16 : left > 0 ? 2 * (int)left : 0;
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(address(place)), "l"(bytes ? from + i * line + j : from), "r"(bytes) : "memory");
    } else for (int e = 0; e < 8; e++) place[e] = i < high && j + e < wide ? from[i * line + (j + e) * step] : 0;
  }
}
// Four 8 x 8 matrices, one from the lines that each eight lanes name.
template <bool TURNED> __device__ void gather(unsigned (&r)[4], const T *p) {
  if (TURNED) asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address(p)) : "memory");
  else asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address(p)) : "memory");
}
__device__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." MMA "." MMA ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
extern "C" __global__ void __launch_bounds__(THREADS) product(const T *A, const T *B, T *C, const T *I, const __grid_constant__ Product g) {
  extern __shared__ __align__(16) T shared[];
  const Place place = place_of(g, SIDE, SIDE);
  const long long *s = g.stride, down = g.M - place.row, right = g.N - place.column, turns = (g.K + STEPS - 1) / STEPS;
  A += place.step[0] + place.row * s[0];
  B += place.step[1] + place.column * s[3];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, m0 = warp / (SIDE / WARP_N) * WARP_M, n0 = warp % (SIDE / WARP_N) * WARP_N;
  const auto bring = [&](long long turn) {
    T *a = shared + turn % STAGES * (A_SIZE + B_SIZE), *b = a + A_SIZE;
    const long long k = turn * STEPS, left = g.K - k;
    if (turn < turns) {
      if (A_STEPS) fetch<SIDE, STEPS, A_WHOLE>(a, A + k * s[1], s[0], s[1], down, left);
      else fetch<STEPS, SIDE, A_WHOLE>(a, A + k * s[1], s[1], s[0], left, down);
      if (B_STEPS) fetch<SIDE, STEPS, B_WHOLE>(b, B + k * s[2], s[3], s[2], right, left);
      else fetch<STEPS, SIDE, B_WHOLE>(b, B + k * s[2], s[2], s[3], left, right);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  float sum[WARP_M / 16][WARP_N / 8][4] = {};
  for (int turn = 0; turn < STAGES - 1; turn++) bring(turn);
  for (long long turn = 0; turn < turns; turn++) {
    asm volatile("cp.async.wait_group %0;" :: "n"(STAGES - 2) : "memory");
    __syncthreads();
    bring(turn + STAGES - 1);
    const T *a = shared + turn % STAGES * (A_SIZE + B_SIZE), *b = a + A_SIZE;
#pragma unroll
    for (int k = 0; k < STEPS; k += 16) {
      // Of a lane: the line it names in the matrix of its eight, which are (rows, steps) 0 0, 8 0, 0 8, 8 8 of A and (columns, steps) 0 0, 0 8, 8 0, 8 8 of B.
      const int line = lane % 8, first = lane / 8 % 2 * 8, second = lane / 16 * 8;
      unsigned p[WARP_M / 16][4], q[WARP_N / 16][4];
#pragma unroll
      for (int i = 0; i < WARP_M / 16; i++) {
        const int m = m0 + 16 * i + first, step = k + second;
        gather<!A_STEPS>(p[i], a + (A_STEPS ? (m + line) * A_WIDTH + step : (step + line) * A_WIDTH + m));
      }
#pragma unroll
      for (int j = 0; j < WARP_N / 16; j++) {
        const int n = n0 + 16 * j + second, step = k + first;
        gather<!B_STEPS>(q[j], b + (B_STEPS ? (n + line) * B_WIDTH + step : (step + line) * B_WIDTH + n));
      }
#pragma unroll
      for (int i = 0; i < WARP_M / 16; i++)
#pragma unroll
        for (int j = 0; j < WARP_N / 8; j++) multiply(sum[i][j], p[i], q[j / 2][j % 2 * 2], q[j / 2][j % 2 * 2 + 1]);
    }
  }
  C += place.step[2] + place.row * s[4] + place.column * s[5];
  I += place.step[3] + place.row * s[6] + place.column * s[7];
  const float alpha = g.alpha, beta = g.beta;
#pragma unroll
  for (int i = 0; i < WARP_M / 16; i++)
#pragma unroll
    for (int j = 0; j < WARP_N / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int m = m0 + 16 * i + lane / 4 + e / 2 * 8, n = n0 + 8 * j + lane % 4 * 2 + e % 2;
        if (m < down && n < right) C[m * s[4] + n * s[5]] = store(fma(alpha, sum[i][j][e], g.adds ? beta * load(I[m * s[6] + n * s[7]]) : 0));
      }
}
