// Matrix products of 16-bit floats by tensor cores. Before it: T, load and store; MMA, the name of their type; SIDE of a tile; A_STEPS and B_STEPS, 1 if the
// steps of an operand (k) lie together in shared memory, 0 if its rows (columns) do; A_WHOLE and B_WHOLE, 1 if what lies together in memory can be copied by
// 16 bytes. Each of four warps has a quarter of the tile; STAGES, given too, of 32 steps are on their way at a time.
#define STEPS 32
#define PAD 8                          // elements behind a line, so that eight lines lie in all banks
#define WARP (SIDE / 2)
#define THREADS 128
#define A_WIDTH ((A_STEPS ? STEPS : SIDE) + PAD)
#define B_WIDTH ((B_STEPS ? STEPS : SIDE) + PAD)
#define A_SIZE ((A_STEPS ? SIDE : STEPS) * A_WIDTH)
#define B_SIZE ((B_STEPS ? SIDE : STEPS) * B_WIDTH)
__device__ unsigned address(const T *p) { return (unsigned)__cvta_generic_to_shared(p); }
// What a thread brings of an operand's next steps: pieces of eight elements from LINES lines of WIDTH, each line TALL of them behind the last of its own. Of
// what lies beyond the operand nothing is read, and it is 0.
template <bool BY_STEPS, bool WHOLE> struct Bringer {
  static constexpr int WIDTH = BY_STEPS ? STEPS : SIDE, LINES = BY_STEPS ? SIDE : STEPS, COUNT = LINES * WIDTH / 8 / THREADS, TALL = THREADS / (WIDTH / 8);
  const T *from;                       // of its first piece
  long long tall, step, next;          // to its next piece, from one element of a piece to the next, and to the next steps
  int line, at, there[COUNT];          // its first line, its place in each line, and how many elements along the other axis than the steps' are there
  __device__ Bringer(const T *p, long long across, long long along, long long left) {
    line = threadIdx.x / (WIDTH / 8);
    at = threadIdx.x % (WIDTH / 8) * 8;
    from = p + line * (BY_STEPS ? across : along) + at * (BY_STEPS ? along : across);
    tall = TALL * (BY_STEPS ? across : along);
    step = BY_STEPS ? along : across;
    next = STEPS * along;
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const long long n = BY_STEPS ? (line + c * TALL < left ? 8 : 0) : left - at;
      there[c] = n > 8 ? 8 : n < 0 ? 0 : n;
    }
  }
  // `left`: steps that are there.
  __device__ void bring(T *to, int left) {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int steps = BY_STEPS ? left - at : line + c * TALL < left ? 8 : 0, n = steps < there[c] ? (steps < 0 ? 0 : steps) : there[c];
      const T *p = from + c * tall;
      T *place = to + (line + c * TALL) * (WIDTH + PAD) + at;
      if (WHOLE) asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(address(place)), "l"(n > 0 ? p : from), "r"(2 * n) : "memory");
      else for (int e = 0; e < 8; e++) place[e] = e < n ? p[e * step] : 0;
    }
    from += next;
  }
};
// Four 8 x 8 matrices, one from the lines that each eight lanes name.
template <bool TURNED> __device__ void gather(unsigned (&r)[4], const T *p) {
  if (TURNED) asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address(p)) : "memory");
  else asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address(p)) : "memory");
}
__device__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." MMA "." MMA ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
extern "C" __global__ void __launch_bounds__(THREADS, 2) product(const T *A, const T *B, T *C, const T *I, const __grid_constant__ Product g) {
  extern __shared__ __align__(16) T shared[];
  const Place place = place_of(g, SIDE, SIDE);
  const long long *s = g.stride, down = g.M - place.row, right = g.N - place.column;
  const int turns = (g.K + STEPS - 1) / STEPS;
  Bringer<A_STEPS, A_WHOLE> first(A + place.step[0] + place.row * s[0], s[0], s[1], down);
  Bringer<B_STEPS, B_WHOLE> second(B + place.step[1] + place.column * s[3], s[3], s[2], right);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, m0 = warp / 2 * WARP, n0 = warp % 2 * WARP;
  const auto bring = [&](int turn) {
    if (turn < turns) {
      T *a = shared + turn % STAGES * (A_SIZE + B_SIZE);
      const long long left = g.K - (long long)turn * STEPS;
      first.bring(a, left < STEPS ? left : STEPS);
      second.bring(a + A_SIZE, left < STEPS ? left : STEPS);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  float sum[WARP / 16][WARP / 8][4] = {};
  for (int turn = 0; turn < STAGES - 1; turn++) bring(turn);
  for (int turn = 0; turn < turns; turn++) {
    asm volatile("cp.async.wait_group %0;" :: "n"(STAGES - 2) : "memory");
    __syncthreads();
    bring(turn + STAGES - 1);
    const T *a = shared + turn % STAGES * (A_SIZE + B_SIZE), *b = a + A_SIZE;
#pragma unroll
    for (int k = 0; k < STEPS; k += 16) {
      // Of a lane: the line it names in the matrix of its eight, which are (rows, steps) 0 0, 8 0, 0 8, 8 8 of A and (columns, steps) 0 0, 0 8, 8 0, 8 8 of B.
      const int line = lane % 8, near = lane / 8 % 2 * 8, far = lane / 16 * 8;
      unsigned p[WARP / 16][4], q[WARP / 16][4];
#pragma unroll
      for (int i = 0; i < WARP / 16; i++) {
        const int m = m0 + 16 * i + near, step = k + far;
        gather<!A_STEPS>(p[i], a + (A_STEPS ? (m + line) * A_WIDTH + step : (step + line) * A_WIDTH + m));
      }
#pragma unroll
      for (int j = 0; j < WARP / 16; j++) {
        const int n = n0 + 16 * j + far, step = k + near;
        gather<!B_STEPS>(q[j], b + (B_STEPS ? (n + line) * B_WIDTH + step : (step + line) * B_WIDTH + n));
      }
#pragma unroll
      for (int i = 0; i < WARP / 16; i++)
#pragma unroll
        for (int j = 0; j < WARP / 8; j++) multiply(sum[i][j], p[i], q[j / 2][j % 2 * 2], q[j / 2][j % 2 * 2 + 1]);
    }
  }
  C += place.step[2] + place.row * s[4] + place.column * s[5];
  I += place.step[3] + place.row * s[6] + place.column * s[7];
  const float alpha = g.alpha, beta = g.beta;
#pragma unroll
  for (int i = 0; i < WARP / 16; i++)
#pragma unroll
    for (int j = 0; j < WARP / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int m = m0 + 16 * i + lane / 4 + e / 2 * 8, n = n0 + 8 * j + lane % 4 * 2 + e % 2;
        if (m < down && n < right) C[m * s[4] + n * s[5]] = store(fma(alpha, sum[i][j][e], g.adds ? beta * load(I[m * s[6] + n * s[7]]) : 0));
      }
}
