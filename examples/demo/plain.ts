// The demo's steps once more as plain loops over typed arrays: what sinter's times are compared with.

/** A row-major matrix. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

const matrix = (rows: number, columns: number): Matrix => ({ data: new Float32Array(rows * columns), rows, columns });

/** a @ b, with the inner loop along the rows of b and c. */
function matmul(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.rows, b.columns), n = b.columns, A = a.data, B = b.data, C = c.data;
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k++) {
      const x = A[i * a.columns + k]!;
      for (let j = 0; j < n; j++) C[i * n + j]! += x * B[k * n + j]!;
    }
  }
  return c;
}

/** a transposed @ b. */
function matmulTransposed(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.columns, b.columns), n = b.columns, A = a.data, B = b.data, C = c.data;
  for (let k = 0; k < a.rows; k++) {
    for (let i = 0; i < a.columns; i++) {
      const x = A[k * a.columns + i]!;
      for (let j = 0; j < n; j++) C[i * n + j]! += x * B[k * n + j]!;
    }
  }
  return c;
}

function transpose(a: Matrix): Matrix {
  const t = matrix(a.columns, a.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) t.data[j * a.rows + i] = a.data[i * a.columns + j]!;
  }
  return t;
}

/** Subtracts the training mean of each column and divides by its deviation, but not by less than 1. */
export function standardise(train: Matrix, test: Matrix): { train: Matrix; test: Matrix } {
  const d = train.columns, mean = new Float64Array(d), deviation = new Float64Array(d);
  for (let i = 0; i < train.data.length; i++) mean[i % d]! += train.data[i]!;
  for (let j = 0; j < d; j++) mean[j]! /= train.rows;
  for (let i = 0; i < train.data.length; i++) deviation[i % d]! += (train.data[i]! - mean[i % d]!) ** 2;
  for (let j = 0; j < d; j++) deviation[j] = Math.max(1, Math.sqrt(deviation[j]! / train.rows));
  const apply = (m: Matrix): Matrix => ({ ...m, data: m.data.map((v, i) => (v - mean[i % d]!) / deviation[i % d]!) });
  return { train: apply(train), test: apply(test) };
}

/** Covariance, its eigenvalues (largest first) and eigenvectors (as rows) by Jacobi rotations, and the first two coordinates. */
export function pca(x: Matrix): { values: Float32Array; components: Matrix; projected: Matrix } {
  const d = x.columns,
    a = Float64Array.from(matmulTransposed(x, x).data, (v) => v / (x.rows - 1)),
    v = new Float64Array(d * d);
  for (let i = 0; i < d; i++) v[i * d + i] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < d; p++) {
      for (let q = p + 1; q < d; q++) {
        const apq = a[p * d + q]!;
        off += apq * apq;
        if (Math.abs(apq) < 1e-15) continue;
        const theta = (a[q * d + q]! - a[p * d + p]!) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1)),
          c = 1 / Math.sqrt(t * t + 1),
          s = t * c;
        for (let k = 0; k < d; k++) {
          const kp = a[k * d + p]!, kq = a[k * d + q]!;
          a[k * d + p] = c * kp - s * kq;
          a[k * d + q] = s * kp + c * kq;
        }
        for (let k = 0; k < d; k++) {
          const pk = a[p * d + k]!, qk = a[q * d + k]!, vp = v[p * d + k]!, vq = v[q * d + k]!;
          a[p * d + k] = c * pk - s * qk;
          a[q * d + k] = s * pk + c * qk;
          v[p * d + k] = c * vp - s * vq;
          v[q * d + k] = s * vp + c * vq;
        }
      }
    }
    if (off < 1e-18) break;
  }
  const order = [...new Array(d).keys()].sort((i, j) => a[j * d + j]! - a[i * d + i]!), components = matrix(d, d);
  order.forEach((from, to) => {
    // The sign is free: the largest entry is made positive.
    let peak = 0;
    for (let k = 0; k < d; k++) if (Math.abs(v[from * d + k]!) > Math.abs(peak)) peak = v[from * d + k]!;
    for (let k = 0; k < d; k++) components.data[to * d + k] = v[from * d + k]! * Math.sign(peak);
  });
  const first = { data: components.data.subarray(0, 2 * d), rows: 2, columns: d };
  return { values: Float32Array.from(order, (i) => a[i * d + i]!), components, projected: matmul(x, transpose(first)) };
}

function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, d: number): number {
  let s = 0;
  for (let k = 0; k < d; k++) {
    const e = a[i * d + k]! - b[j * d + k]!;
    s += e * e;
  }
  return s;
}

/** Rows of `x` to the nearest of `k` centres that begin at row `first` of `centres`; the sum of the squared distances. */
function assign(x: Matrix, centres: Float32Array, first: number, k: number, nearest: Uint32Array): number {
  let inertia = 0;
  for (let i = 0; i < x.rows; i++) {
    let best = Infinity, which = 0;
    for (let c = 0; c < k; c++) {
      const s = squaredDistance(x.data, i, centres, first + c, x.columns);
      if (s < best) {
        best = s;
        which = c;
      }
    }
    nearest[i] = which;
    inertia += best;
  }
  return inertia;
}

/** Lloyd's iterations from several starts (k rows of `start` each); the centres with the least squared distance. */
export function kMeans(x: Matrix, start: Float32Array, k: number, iterations: number): Matrix {
  const d = x.columns, centres = start.slice(), runs = start.length / (k * d), nearest = new Uint32Array(x.rows);
  let best = Infinity, result = centres;
  for (let r = 0; r < runs; r++) {
    const own = centres.subarray(r * k * d, (r + 1) * k * d), counts = new Uint32Array(k);
    for (let n = 0; n < iterations; n++) {
      assign(x, own, 0, k, nearest);
      own.fill(0);
      counts.fill(0);
      for (let i = 0; i < x.rows; i++) {
        const c = nearest[i]!;
        counts[c]!++;
        for (let j = 0; j < d; j++) own[c * d + j]! += x.data[i * d + j]!;
      }
      for (let i = 0; i < own.length; i++) own[i]! /= Math.max(1, counts[Math.floor(i / d)]!);
    }
    const inertia = assign(x, own, 0, k, nearest);
    if (inertia < best) {
      best = inertia;
      result = own;
    }
  }
  return { data: result, rows: k, columns: d };
}

/** The most frequent label among the k nearest rows of `train`; of several the smallest. */
export function nearestNeighbours(train: Matrix, labels: Uint8Array, test: Matrix, k: number): Uint8Array {
  const out = new Uint8Array(test.rows),
    far = new Float64Array(k),
    who = new Uint32Array(k),
    votes = new Uint8Array(10);
  for (let i = 0; i < test.rows; i++) {
    far.fill(Infinity);
    for (let j = 0; j < train.rows; j++) {
      const s = squaredDistance(test.data, i, train.data, j, train.columns);
      let p = k;
      while (p > 0 && s < far[p - 1]!) p--;
      if (p === k) continue;
      far.copyWithin(p + 1, p, k - 1);
      who.copyWithin(p + 1, p, k - 1);
      far[p] = s;
      who[p] = j;
    }
    votes.fill(0);
    for (const j of who) votes[labels[j]!]!++;
    out[i] = votes.indexOf(Math.max(...votes));
  }
  return out;
}

/** Row-wise position of the largest entry. */
function argmax(m: Matrix): Uint8Array {
  const out = new Uint8Array(m.rows);
  for (let i = 0; i < m.rows; i++) {
    let best = 0;
    for (let j = 1; j < m.columns; j++) if (m.data[i * m.columns + j]! > m.data[i * m.columns + best]!) best = j;
    out[i] = best;
  }
  return out;
}

/** Ridge regression on one-hot labels, the normal equations solved by Cholesky; the predicted labels of `test`. */
export function ridge(train: Matrix, labels: Uint8Array, test: Matrix, penalty: number): Uint8Array {
  const withOnes = (m: Matrix): Matrix => {
    const out = matrix(m.rows, m.columns + 1);
    for (let i = 0; i < m.rows; i++) {
      out.data.set(m.data.subarray(i * m.columns, (i + 1) * m.columns), i * out.columns);
      out.data[(i + 1) * out.columns - 1] = 1;
    }
    return out;
  };
  const x = withOnes(train), y = matrix(train.rows, 10), d = x.columns;
  for (let i = 0; i < train.rows; i++) y.data[i * 10 + labels[i]!] = 1;
  const a = Float64Array.from(matmulTransposed(x, x).data), w = matmulTransposed(x, y), b = w.data;
  for (let i = 0; i < d; i++) a[i * d + i]! += penalty;
  for (let j = 0; j < d; j++) {
    for (let i = j; i < d; i++) {
      let s = a[i * d + j]!;
      for (let k = 0; k < j; k++) s -= a[i * d + k]! * a[j * d + k]!;
      a[i * d + j] = i === j ? Math.sqrt(s) : s / a[j * d + j]!;
    }
  }
  for (let c = 0; c < 10; c++) {
    for (let i = 0; i < d; i++) {
      let s = b[i * 10 + c]!;
      for (let k = 0; k < i; k++) s -= a[i * d + k]! * b[k * 10 + c]!;
      b[i * 10 + c] = s / a[i * d + i]!;
    }
    for (let i = d - 1; i >= 0; i--) {
      let s = b[i * 10 + c]!;
      for (let k = i + 1; k < d; k++) s -= a[k * d + i]! * b[k * 10 + c]!;
      b[i * 10 + c] = s / a[i * d + i]!;
    }
  }
  return argmax(matmul(withOnes(test), w));
}

/** Weights of the two layers. */
export interface Weights {
  readonly w1: Float32Array;
  readonly b1: Float32Array;
  readonly w2: Float32Array;
  readonly b2: Float32Array;
}
/** How the network is trained: the order of the rows in each epoch is given, so that both trainings see the same batches. */
export interface Training {
  readonly hidden: number;
  readonly batch: number;
  readonly rate: number;
  readonly orders: readonly Uint32Array[];
}

/** The two-layer network: trains it with Adam by hand-written gradients; predictions for `test` and the last epoch's mean loss. */
export function network(
  train: Matrix,
  labels: Uint8Array,
  test: Matrix,
  start: Weights,
  { hidden, batch, rate, orders }: Training,
): { predicted: Uint8Array; loss: number } {
  const w = { w1: start.w1.slice(), b1: start.b1.slice(), w2: start.w2.slice(), b2: start.b2.slice() },
    d = train.columns;
  const names = ["w1", "b1", "w2", "b2"] as const;
  const moments = names.map((n) => ({ m: new Float32Array(w[n].length), v: new Float32Array(w[n].length) }));
  const forward = (x: Matrix): { h: Matrix; logits: Matrix } => {
    const h = matmul(x, { data: w.w1, rows: d, columns: hidden });
    for (let i = 0; i < h.data.length; i++) h.data[i] = Math.max(0, h.data[i]! + w.b1[i % hidden]!);
    const logits = matmul(h, { data: w.w2, rows: hidden, columns: 10 });
    for (let i = 0; i < logits.data.length; i++) logits.data[i]! += w.b2[i % 10]!;
    return { h, logits };
  };
  const columnSums = (m: Matrix): Float32Array => {
    const s = new Float32Array(m.columns);
    for (let i = 0; i < m.data.length; i++) s[i % m.columns]! += m.data[i]!;
    return s;
  };
  let step = 0, loss = 0;
  const x = matrix(batch, d), own = new Uint8Array(batch);
  for (const order of orders) {
    loss = 0;
    for (let from = 0; from + batch <= train.rows; from += batch) {
      for (let i = 0; i < batch; i++) {
        const row = order[from + i]!;
        x.data.set(train.data.subarray(row * d, (row + 1) * d), i * d);
        own[i] = labels[row]!;
      }
      const { h, logits } = forward(x), dl = logits.data;
      for (let i = 0; i < batch; i++) {
        let top = -Infinity, sum = 0;
        for (let j = 0; j < 10; j++) top = Math.max(top, dl[i * 10 + j]!);
        for (let j = 0; j < 10; j++) sum += Math.exp(dl[i * 10 + j]! - top);
        const lse = top + Math.log(sum), label = own[i]!;
        loss += lse - dl[i * 10 + label]!;
        for (let j = 0; j < 10; j++) dl[i * 10 + j] = (Math.exp(dl[i * 10 + j]! - lse) - (j === label ? 1 : 0)) / batch;
      }
      const dh = matmul(logits, transpose({ data: w.w2, rows: hidden, columns: 10 }));
      for (let i = 0; i < dh.data.length; i++) if (h.data[i]! <= 0) dh.data[i] = 0;
      const grads = [
        matmulTransposed(x, dh).data,
        columnSums(dh),
        matmulTransposed(h, logits).data,
        columnSums(logits),
      ];
      step++;
      const c1 = 1 - 0.9 ** step, c2 = 1 - 0.999 ** step;
      names.forEach((n, p) => {
        const { m, v } = moments[p]!, g = grads[p]!, to = w[n];
        for (let i = 0; i < g.length; i++) {
          m[i] = 0.9 * m[i]! + 0.1 * g[i]!;
          v[i] = 0.999 * v[i]! + 0.001 * g[i]! * g[i]!;
          to[i]! -= (rate * (m[i]! / c1)) / (Math.sqrt(v[i]! / c2) + 1e-8);
        }
      });
    }
    loss /= Math.floor(train.rows / batch) * batch;
  }
  return { predicted: argmax(forward(test).logits), loss };
}
