// What our kernels for matrix products share: the product as the host describes it, and which tile a block has.
struct Product { long long M, N, K, stride[8], across, tiles; int axes, adds; double alpha, beta; struct { long long n, step[4]; } axis[16]; };
struct Place { long long row, column, step[4]; };
// Tiles go by groups of eight rows, so that what blocks that run together read is in the cache; batches follow one another.
__device__ Place place_of(const Product &g, int rows, int columns) {
  long long batch = blockIdx.x / g.tiles, tile = blockIdx.x % g.tiles;
  const long long down = g.tiles / g.across, group = tile / (8 * g.across), first = group * 8, high = down - first < 8 ? down - first : 8;
  Place p = {(first + tile % (8 * g.across) % high) * rows, tile % (8 * g.across) / high * columns, {0, 0, 0, 0}};
  for (int d = g.axes - 1; d >= 0; d--) {
    const long long i = batch % g.axis[d].n;
    batch /= g.axis[d].n;
    for (int k = 0; k < 4; k++) p.step[k] += i * g.axis[d].step[k];
  }
  return p;
}
