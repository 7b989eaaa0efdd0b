// Tests shim/blas through SN_CALL: products, decompositions and sorts against plain loops and reconstruction.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openNative } from "../src/runtime/ffi.ts";

const native = openNative();
const SN_BIND_BUFFER = 0;
const SN_CALL = 2;

type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
type Data = Numbers | BigInt64Array | BigUint64Array;

/** Runs a routine over copies of the arrays in native memory and copies them back. Returns the code. */
function call(name: string, arrays: readonly Data[], ints: readonly number[], nums: readonly number[] = []): number {
  const routine = native.routines.get(name);
  assert.ok(routine !== undefined, `routine ${name}`);
  const ids = arrays.map((a) => native.alloc(Math.max(a.byteLength, 8)));
  const bytes = arrays.map((a, i) => {
    const id = ids[i] ?? 0;
    const view = new Uint8Array(native.view(id, native.address(id), Math.max(a.byteLength, 8)));
    view.set(new Uint8Array(a.buffer, a.byteOffset, a.byteLength));
    return view;
  });
  const words: number[] = [0, arrays.length, 0, 0];
  for (const id of ids) words.push(SN_BIND_BUFFER, id, 0, 0, 0, 0);
  const start = words.length;
  words.push(SN_CALL, 0, routine, arrays.length, ints.length, nums.length);
  for (let i = 0; i < arrays.length; i++) words.push(i, 0, 0);
  for (const v of ints) words.push(v >>> 0, Math.floor(v / 2 ** 32) >>> 0);
  for (const v of nums) words.push(...new Uint32Array(new Float64Array([v]).buffer));
  words[start + 1] = words.length - start;
  words[0] = words.length;
  const code = native.submit(new Uint32Array(words), words.length);
  for (const [i, a] of arrays.entries()) {
    new Uint8Array(a.buffer, a.byteOffset, a.byteLength).set((bytes[i] ?? new Uint8Array(0)).subarray(0, a.byteLength));
  }
  for (const id of ids) native.dispose(id);
  return code;
}

let seed = 12345;
/** Uniform in [-1, 1). */
function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
}

function at(a: ArrayLike<number>, i: number): number {
  return a[i] ?? NaN;
}

/** The largest |sum over k of a b - c| over all elements of an m x n result. */
function residual(
  m: number,
  n: number,
  k: number,
  a: (i: number, k: number) => number,
  b: (k: number, j: number) => number,
  c: (i: number, j: number) => number,
): number {
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = -c(i, j);
      for (let p = 0; p < k; p++) sum += a(i, p) * b(p, j);
      if (!(Math.abs(sum) <= worst)) worst = Math.abs(sum);
    }
  }
  return worst;
}

/** How far the columns (n of length m) are from orthonormal. */
function skew(m: number, n: number, q: (i: number, j: number) => number): number {
  return residual(n, n, m, (i, k) => q(k, i), (k, j) => q(k, j), (i, j) => (i === j ? 1 : 0));
}

const f16 = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1, exp = (bits >> 10) & 31, frac = bits & 1023;
  return exp === 0
    ? sign * frac * 2 ** -24
    : exp === 31
    ? (frac ? NaN : sign * Infinity)
    : sign * (1 + frac / 1024) * 2 ** (exp - 15);
};
const word = new Uint32Array(1), float = new Float32Array(word.buffer);
const bf16 = (bits: number): number => {
  word[0] = bits << 16;
  return at(float, 0);
};

interface Type {
  readonly make: (n: number) => Data;
  readonly draw: (i: number) => number;
  readonly read: (x: number) => number;
  readonly tolerance: number;
}
const whole = (span: number, low: number) => (): number => Math.floor((random() + 1) * span) + low;
const same = (x: number): number => x;
const types: Record<string, Type> = {
  f32: { make: (n) => new Float32Array(n), draw: random, read: same, tolerance: 2e-5 },
  f64: { make: (n) => new Float64Array(n), draw: random, read: same, tolerance: 1e-13 },
  f16: {
    make: (n) => new Uint16Array(n),
    draw: () => (random() < 0 ? 0x8000 : 0) | (0x3000 + Math.floor((random() + 1) * 0x500)),
    read: f16,
    tolerance: 2e-2,
  },
  bf16: {
    make: (n) => new Uint16Array(n),
    draw: () => (random() < 0 ? 0x8000 : 0) | (0x3e80 + Math.floor((random() + 1) * 0x70)),
    read: bf16,
    tolerance: 0.3,
  },
  i8: { make: (n) => new Int8Array(n), draw: whole(128, -128), read: same, tolerance: 0 },
  u8: { make: (n) => new Uint8Array(n), draw: whole(128, 0), read: same, tolerance: 0 },
  i16: { make: (n) => new Int16Array(n), draw: whole(100, -100), read: same, tolerance: 0 },
  u16: { make: (n) => new Uint16Array(n), draw: whole(300, 0), read: same, tolerance: 0 },
  i32: { make: (n) => new Int32Array(n), draw: whole(1000, -1000), read: same, tolerance: 0 },
  u32: { make: (n) => new Uint32Array(n), draw: whole(1000, 0), read: same, tolerance: 0 },
  i64: { make: (n) => new BigInt64Array(n), draw: whole(1000, -1000), read: same, tolerance: 0 },
  u64: { make: (n) => new BigUint64Array(n), draw: whole(1000, 0), read: same, tolerance: 0 },
};

function fill(type: Type, n: number): Data {
  const data = type.make(n);
  for (let i = 0; i < n; i++) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(type.draw(i));
    else data[i] = type.draw(i);
  }
  return data;
}

const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 5, 7],
  [13, 17, 19],
  [1, 40, 33],
  [40, 1, 33],
  [32, 32, 32],
  [33, 65, 64],
  [5, 3, 0],
  [0, 3, 3],
  [65, 130, 70],
  [30, 40, 400],
];

for (const [name, type] of Object.entries(types)) {
  test(`gemm.${name}: sizes, transposes, batches and the addend`, () => {
    for (const [si, [m, n, k]] of sizes.entries()) {
      for (let form = 0; form < 8; form++) {
        const [ta, tb, tc] = [form & 1, form & 2, form & 4], batch = 1 + ((si + form) % 3), cin = (si + form) % 2 === 1;
        if (m * n * k > 1e5 && form % 4 !== si % 4) continue;
        const sa = ta ? [1, m + 1] : [k + 2, 1], sb = tb ? [1, k + 1] : [n + 3, 1], sc = tc ? [1, m] : [n, 1];
        const la = (m + 2) * (k + 2), lb = (k + 2) * (n + 3), lc = m * n;
        const a = fill(type, la * batch), b = fill(type, lb * batch), c = type.make(lc * batch), d = fill(type, n);
        const ints = [
          m,
          n,
          k,
          at(sa, 0),
          at(sa, 1),
          at(sb, 0),
          at(sb, 1),
          at(sc, 0),
          at(sc, 1),
          0,
          1,
          1,
          batch,
          la,
          lb,
          lc,
          0,
        ];
        const alpha = type.tolerance ? 0.5 : 3, beta = type.tolerance ? -2 : 2;
        assert.equal(call(`gemm.${name}`, cin ? [a, b, c, d] : [a, b, c], ints, [alpha, beta]), 0, native.error());
        const want = type.make(1);
        for (let q = 0; q < batch; q++) {
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < n; j++) {
              let sum = 0;
              for (let p = 0; p < k; p++) {
                sum += type.read(Number(a[q * la + i * at(sa, 0) + p * at(sa, 1)])) *
                  type.read(Number(b[q * lb + p * at(sb, 0) + j * at(sb, 1)]));
              }
              sum = alpha * sum + (cin ? beta * type.read(Number(d[j])) : 0);
              const raw = c[q * lc + i * at(sc, 0) + j * at(sc, 1)], got = type.read(Number(raw));
              if (type.tolerance === 0) {
                if (want instanceof BigInt64Array || want instanceof BigUint64Array) want[0] = BigInt(sum);
                else want[0] = sum;
                if (raw !== want[0]) assert.fail(`${m}x${n}x${k} form ${form}: ${raw} instead of ${want[0]}`);
              } else if (!(Math.abs(got - sum) <= type.tolerance * (1 + Math.abs(sum) / 8))) {
                assert.fail(`${m}x${n}x${k} form ${form}: ${got} instead of ${sum}`);
              }
            }
          }
        }
      }
    }
  });
}

test("gemm.c64 multiplies complex numbers", () => {
  for (const [m, n, k] of [[1, 1, 1], [3, 4, 5], [33, 20, 17]] as const) {
    const a = fill(types["f32"] as Type, 2 * m * k) as Float32Array,
      b = fill(types["f32"] as Type, 2 * k * n) as Float32Array,
      c = new Float32Array(2 * m * n);
    assert.equal(call("gemm.c64", [a, b, c], [m, n, k, k, 1, 1, k, n, 1, 0, 0, 0], [1, 0]), 0);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let re = 0, im = 0;
        for (let p = 0; p < k; p++) {
          const [ar, ai, br, bi] = [
            at(a, 2 * (i * k + p)),
            at(a, 2 * (i * k + p) + 1),
            at(b, 2 * (j * k + p)),
            at(b, 2 * (j * k + p) + 1),
          ];
          re += ar * br - ai * bi;
          im += ar * bi + ai * br;
        }
        assert.ok(Math.abs(re - at(c, 2 * (i * n + j))) < 1e-5 && Math.abs(im - at(c, 2 * (i * n + j) + 1)) < 1e-5);
      }
    }
  }
});

const reals = [["f32", Float32Array, 3e-5], ["f64", Float64Array, 2e-12]] as const;
// An m x n matrix: random, of rank 2, zero, or graded over 12 decades.
const kinds: Record<string, (i: number, j: number, n: number) => number> = {
  random,
  deficient: (i, j) => ((i % 3) + 1) * ((j % 4) + 1) / 10 + (i === 0 ? 1 : 0),
  zero: () => 0,
  graded: (i, j, n) => random() * 10 ** (-6 * (i + j) / n),
};

for (const [name, Make, tolerance] of reals) {
  test(`eigh.${name}, svd.${name}, qr.${name} and lu.${name} rebuild their matrices`, () => {
    for (const [kind, element] of Object.entries(kinds)) {
      for (const n of kind === "random" ? [1, 2, 5, 33, 65, 130] : [1, 5, 34]) {
        const bound = tolerance * Math.sqrt(n), batch = n < 10 ? 3 : 1;
        const a = new Make(batch * n * n), w = new Make(batch * n), v = new Make(batch * n * n);
        for (let b = 0; b < batch; b++) {
          for (let i = 0; i < n; i++) {
            for (let j = 0; j <= i; j++) a[b * n * n + i * n + j] = a[b * n * n + j * n + i] = element(i, j, n);
          }
        }
        assert.equal(call(`eigh.${name}`, [a, w, v], [batch, n, n % 2]), 0, native.error());
        const o = (batch - 1) * n * n, ow = (batch - 1) * n;
        assert.ok(
          residual(
            n,
            n,
            n,
            (i, k) => at(v, o + i * n + k) * at(w, ow + k),
            (k, j) => at(v, o + j * n + k),
            (i, j) => at(a, o + i * n + j),
          ) < bound,
          `eigh ${kind} ${n}`,
        );
        assert.ok(skew(n, n, (i, j) => at(v, o + i * n + j)) < bound, `eigh vectors ${kind} ${n}`);
        for (let i = 1; i < n; i++) assert.ok(at(w, ow + i) >= at(w, ow + i - 1));
        for (const [m, c] of n > 70 ? [[n, n] as const] : [[n, n], [n + 3, n], [n, n + 4]] as const) {
          const k = Math.min(m, c), x = new Make(m * c).map((_, i) => element(Math.floor(i / c), i % c, n));
          for (const full of [0, 1]) {
            const uc = full ? m : k, vr = full ? c : k, u = new Make(m * uc), s = new Make(k), vt = new Make(vr * c);
            assert.equal(call(`svd.${name}`, [x, s, u, vt], [1, m, c, full]), 0, native.error());
            assert.ok(
              residual(
                m,
                c,
                k,
                (i, q) => at(u, i * uc + q) * at(s, q),
                (q, j) => at(vt, q * c + j),
                (i, j) => at(x, i * c + j),
              ) < bound,
              `svd ${kind} ${m}x${c}`,
            );
            assert.ok(skew(m, uc, (i, j) => at(u, i * uc + j)) < bound, `svd U ${kind} ${m}x${c} ${full}`);
            assert.ok(skew(c, vr, (i, j) => at(vt, j * c + i)) < bound, `svd V ${kind} ${m}x${c} ${full}`);
          }
          const q = new Make(m * k), r = new Make(k * c);
          assert.equal(call(`qr.${name}`, [x, q, r], [1, m, c]), 0);
          assert.ok(
            residual(m, c, k, (i, p) => at(q, i * k + p), (p, j) => at(r, p * c + j), (i, j) => at(x, i * c + j)) <
              bound,
            `qr ${kind} ${m}x${c}`,
          );
          assert.ok(skew(m, k, (i, j) => at(q, i * k + j)) < bound, `qr Q ${kind} ${m}x${c}`);
          const lu = new Make(m * c), piv = new Uint32Array(k), perm = new Uint32Array(m);
          assert.equal(call(`lu.${name}`, [x, lu, piv, perm], [1, m, c]), 0);
          assert.ok(
            residual(
              m,
              c,
              k,
              (i, p) => (p < i ? at(lu, i * c + p) : p === i ? 1 : 0),
              (p, j) => (p <= j ? at(lu, p * c + j) : 0),
              (i, j) => at(x, at(perm, i) * c + j),
            ) < bound,
            `lu ${kind} ${m}x${c}`,
          );
        }
      }
    }
  });
  test(`solve.${name}, inv.${name}, trisolve.${name}, cholesky.${name} and eig.${name}`, () => {
    for (const n of [1, 2, 17, 65, 130]) {
      const a = new Make(n * n).map((_, i) => random() + (i % (n + 1) === 0 ? n : 0)),
        b = new Make(n * 3).map(random),
        x = new Make(n * 3),
        inverse = new Make(n * n),
        l = new Make(n * n);
      assert.equal(call(`solve.${name}`, [a, b, x], [1, n, 3]), 0);
      assert.ok(
        residual(n, 3, n, (i, k) => at(a, i * n + k), (k, j) => at(x, k * 3 + j), (i, j) => at(b, i * 3 + j)) <
          tolerance,
      );
      assert.equal(call(`inv.${name}`, [a, inverse], [1, n]), 0);
      assert.ok(
        residual(n, n, n, (i, k) => at(a, i * n + k), (k, j) => at(inverse, k * n + j), (i, j) => (i === j ? 1 : 0)) <
          tolerance,
      );
      for (const upper of [0, 1]) {
        assert.equal(call(`trisolve.${name}`, [a, b, x], [1, n, 3, upper]), 0);
        assert.ok(
          residual(
            n,
            3,
            n,
            (i, k) => ((upper ? k >= i : k <= i) ? at(a, i * n + k) : 0),
            (k, j) => at(x, k * 3 + j),
            (i, j) => at(b, i * 3 + j),
          ) < tolerance,
        );
        const p = new Make(n * n).map((_, q) => Math.cos(Math.floor(q / n) - (q % n)) + (q % (n + 1) === 0 ? 1 : 0));
        assert.equal(call(`cholesky.${name}`, [p, l], [1, n, upper]), 0);
        assert.ok(
          residual(
            n,
            n,
            n,
            (i, k) => (upper ? at(l, k * n + i) : at(l, i * n + k)),
            (k, j) => (upper ? at(l, k * n + j) : at(l, j * n + k)),
            (i, j) => at(p, i * n + j),
          ) < tolerance * n,
        );
      }
      const w = new Float32Array(2 * n), v = new Float32Array(2 * n * n), g = new Make(n * n).map(random);
      assert.equal(call(`eig.${name}`, [g, w, v], [1, n]), 0);
      for (const part of [0, 1]) { // A v - w v, real and imaginary parts
        const product = (i: number, j: number) => {
          const [wr, wi, vr, vi] = [at(w, 2 * j), at(w, 2 * j + 1), at(v, 2 * (i * n + j)), at(v, 2 * (i * n + j) + 1)];
          return part ? wr * vi + wi * vr : wr * vr - wi * vi;
        };
        assert.ok(
          residual(n, n, n, (i, k) => at(g, i * n + k), (k, j) => at(v, 2 * (k * n + j) + part), product) <
            3e-5 * Math.sqrt(n),
          `eig ${n}`,
        );
      }
    }
    const singular = new Make([1, 2, 2, 4]);
    assert.notEqual(call(`solve.${name}`, [singular, new Make(2), new Make(2)], [1, 2, 1]), 0);
    assert.match(native.error(), /Cannot solve: the matrix is singular/);
    const indefinite = new Make(4);
    assert.equal(call(`cholesky.${name}`, [new Make([1, 2, 2, 1]), indefinite], [1, 2, 0]), 0);
    assert.ok(Number.isNaN(at(indefinite, 0)));
    for (const r of ["eigh", "svd", "qr", "lu", "solve", "inv", "cholesky", "eig"]) {
      const empty = [0, 1, 2, 3].map(() => new Make(0));
      const count = ({ inv: 2, cholesky: 2, svd: 4, lu: 4 } as Record<string, number>)[r] ?? 3;
      assert.equal(call(`${r}.${name}`, empty.slice(0, count), [1, 0, 0, 0]), 0, r);
    }
  });
}

// Spectra that are hard for divide and conquer, by the element; n is large enough to be divided more than once.
const spectra: Record<string, (n: number) => (i: number, j: number) => number> = {
  random: () => {
    const seen = new Map<string, number>();
    return (i, j) => {
      const k = `${Math.max(i, j)} ${Math.min(i, j)}`;
      if (!seen.has(k)) seen.set(k, random());
      return seen.get(k) as number;
    };
  },
  zero: () => () => 0,
  identity: () => (i, j) => i === j ? 1 : 0,
  ones: () => () => 1,
  laplace: () => (i, j) => i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0,
  wilkinson: (n) => (i, j) => i === j ? Math.abs(i - (n - 1) / 2) : Math.abs(i - j) === 1 ? 1 : 0,
  "glued Wilkinson": () => (i, j) =>
    i === j ? Math.abs(i % 21 - 10) : Math.abs(i - j) === 1 ? (Math.max(i, j) % 21 === 0 ? 1e-9 : 1) : 0,
  // Between reflections: half one value and the rest near another, or falling over 12 decades.
  clustered: (n) => reflected(n, (k) => k < n / 2 ? 1 : 2 + 1e-9 * k),
  graded: (n) => reflected(n, (k) => 10 ** (-12 * k / n)),
  tiny: (n) => reflected(n, (k) => 1e-30 * (k - n / 3)),
  huge: (n) => reflected(n, (k) => 1e30 * (k - n / 3)),
};
/** H diag(d) H with the reflection H along a full vector: its eigenvalues are d. */
function reflected(n: number, d: (k: number) => number): (i: number, j: number) => number {
  const u = Array.from({ length: n }, (_, k) => Math.sin(k + 1) + 1.5), length = u.reduce((s, x) => s + x * x, 0);
  // H D H = D - 2 (u w^T + w u^T) / |u|^2 + 4 (u^T D u) u u^T / |u|^4 with w = D u
  const mid = u.reduce((s, x, k) => s + x * x * d(k), 0);
  return (i, j) =>
    (i === j ? d(i) : 0) - 2 * at(u, i) * at(u, j) * (d(i) + d(j)) / length +
    4 * mid * at(u, i) * at(u, j) / length ** 2;
}
const eps = (Make: typeof Float32Array | typeof Float64Array): number => Make === Float32Array ? 2 ** -23 : 2 ** -52;
const largest = (a: ArrayLike<number>): number => Array.from(a).reduce((m, x) => Math.max(m, Math.abs(x)), 0);
/** The largest distance between two lists of values. */
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((m, x, i) => Math.max(m, Math.abs(x - at(b, i))), 0);

/** The largest element of |U diag(s) Vt - A| for row-major arrays: U m x k of row length `uc`, Vt k x n, A m x n. */
function missing(m: number, n: number, uc: number, u: Numbers, s: Numbers, vt: Numbers, a: Numbers): number {
  let worst = 0;
  const sum = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) sum[j] = -at(a, i * n + j);
    for (let k = 0; k < s.length; k++) {
      const f = at(u, i * uc + k) * at(s, k);
      for (let j = 0; j < n; j++) sum[j] = at(sum, j) + f * at(vt, k * n + j);
    }
    worst = Math.max(worst, largest(sum));
  }
  return worst;
}
function transposed(m: number, n: number, a: Numbers): Float64Array {
  return new Float64Array(m * n).map((_, q) => at(a, q % m * n + Math.floor(q / m)));
}
/** How far r rows of length n are from orthonormal. */
function oblique(r: number, n: number, q: Numbers): number {
  return missing(r, r, n, q, new Float64Array(n).fill(1), transposed(r, n, q), identity(r));
}
const identity = (n: number): Float64Array => new Float64Array(n * n).map((_, i) => i % (n + 1) === 0 ? 1 : 0);

for (const [name, Make] of reals) {
  for (const [kind, make] of Object.entries(spectra)) {
    test(`eigh.${name} and svd.${name} divide and conquer, ${kind}`, () => {
      for (const n of kind === "random" ? [64, 65, 129, 200] : [131]) {
        const element = make(n), a = new Make(n * n).map((_, i) => element(Math.floor(i / n), i % n));
        const w = new Make(n), v = new Make(n * n), alone = new Make(n);
        assert.equal(call(`eigh.${name}`, [a, w, v], [1, n, 1]), 0, native.error());
        assert.equal(call(`eigh.${name}`, [a, alone], [1, n, 0]), 0, native.error());
        const norm = largest(w) || 1, bound = 4 * n * eps(Make), said = `${kind} ${n}`;
        const rebuilt = missing(n, n, n, v, w, transposed(n, n, v), a) / norm;
        assert.ok(rebuilt < bound, `eigh ${said}: ${rebuilt}`);
        assert.ok(oblique(n, n, v) < bound, `eigh vectors ${said}`);
        assert.ok(apart(w, alone) < bound * norm, `eigenvalues alone ${said}: ${apart(w, alone)}`);
        for (let i = 1; i < n; i++) assert.ok(at(w, i) >= at(w, i - 1), said);
        const u = new Make(n * n), s = new Make(n), vt = new Make(n * n);
        assert.equal(call(`svd.${name}`, [a, s, u, vt], [1, n, n, 0]), 0, native.error());
        assert.equal(call(`svd.${name}`, [a, alone], [1, n, n, 0]), 0, native.error());
        const again = missing(n, n, n, u, s, vt, a) / norm;
        assert.ok(again < bound, `svd ${said}: ${again}`);
        assert.ok(oblique(n, n, u) < bound, `svd U ${said}`);
        assert.ok(oblique(n, n, vt) < bound, `svd V ${said}`);
        assert.ok(apart(s, alone) < bound * norm, `singular values alone ${said}`);
        // The singular values of a symmetric matrix are its eigenvalues without signs.
        assert.ok(apart(s, new Make(w.map(Math.abs)).sort().reverse()) < bound * norm, `svd values ${said}`);
        for (let i = 0; i < n; i++) assert.ok(at(s, i) >= 0 && (i === 0 || at(s, i) <= at(s, i - 1)), said);
      }
    });
  }
  test(`eigh.${name} and svd.${name} find known values`, () => {
    for (const n of [40, 150]) {
      const laplace = spectra["laplace"]?.(n) as (i: number, j: number) => number, w = new Make(n), v = new Make(n * n);
      const known = Float64Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos((k + 1) * Math.PI / (n + 1)));
      const a = new Make(n * n).map((_, i) => laplace(Math.floor(i / n), i % n)), bound = n * eps(Make);
      for (const arrays of [[a, w], [a, w, v]]) {
        assert.equal(call(`eigh.${name}`, arrays, [1, n, 1]), 0);
        assert.ok(apart(w, known) < 4 * bound, `${apart(w, known) / eps(Make)}`);
      }
      // Rows of such a matrix in another order and with other signs: s over 10 decades; LAPACK's gesdd finds each up to the largest times eps.
      const s = Float64Array.from({ length: n }, (_, k) => 10 ** (-10 * k / n));
      const got = new Make(n), b = new Make(n * n), u = new Make(n * n), d = reflected(n, (k) => at(s, k));
      for (let i = 0; i < n; i++) {
        const flip = Math.cos(i) < 0 ? -1 : 1;
        for (let j = 0; j < n; j++) b[(n - 1 - i) * n + j] = flip * d(i, j);
      }
      for (const arrays of [[b, got], [b, got, u, v]]) {
        assert.equal(call(`svd.${name}`, arrays, [1, n, n, 1]), 0);
        assert.ok(apart(got, s) < bound, `${apart(got, s) / eps(Make)}`);
      }
    }
  });
  test(`svd.${name} of tall and wide matrices, eigh.${name} and svd.${name} of batches`, () => {
    for (const [m, n] of [[300, 70], [70, 300], [100, 90], [90, 100], [200, 3], [1, 130], [130, 1]] as const) {
      const k = Math.min(m, n), a = new Make(m * n).map(random), bound = 4 * Math.max(m, n) * eps(Make);
      for (const full of [0, 1]) {
        const uc = full ? m : k, vr = full ? n : k, s = new Make(k), u = new Make(m * uc), vt = new Make(vr * n);
        assert.equal(call(`svd.${name}`, [a, s, u, vt], [1, m, n, full]), 0, native.error());
        const norm = at(s, 0);
        const rebuilt = missing(m, n, uc, u, s, vt, a) / norm;
        assert.ok(rebuilt < bound, `${m}x${n} ${full}: ${rebuilt}`);
        assert.ok(oblique(uc, m, transposed(m, uc, u)) < bound, `U ${m}x${n} ${full}`);
        assert.ok(oblique(vr, n, vt) < bound, `V ${m}x${n} ${full}`);
        const alone = new Make(k);
        assert.equal(call(`svd.${name}`, [a, alone], [1, m, n, full]), 0);
        assert.ok(apart(alone, s) < bound * norm);
      }
    }
    // A batch gives the bits of its matrices one by one.
    for (const n of [7, 90]) {
      const batch = 5, a = new Make(batch * n * n).map(random), w = new Make(batch * n), v = new Make(batch * n * n);
      const s = new Make(batch * n), u = new Make(batch * n * n), vt = new Make(batch * n * n);
      assert.equal(call(`eigh.${name}`, [a, w, v], [batch, n, 1]), 0);
      assert.equal(call(`svd.${name}`, [a, s, u, vt], [batch, n, n, 1]), 0);
      for (let b = 0; b < batch; b++) {
        const of = (x: Float32Array | Float64Array, size: number): Float32Array | Float64Array =>
          x.slice(b * size, (b + 1) * size);
        const one = [new Make(n), new Make(n * n), new Make(n), new Make(n * n), new Make(n * n)] as const;
        assert.equal(call(`eigh.${name}`, [of(a, n * n), one[0], one[1]], [1, n, 1]), 0);
        assert.equal(call(`svd.${name}`, [of(a, n * n), one[2], one[3], one[4]], [1, n, n, 1]), 0);
        const all = [of(w, n), of(v, n * n), of(s, n), of(u, n * n), of(vt, n * n)];
        for (const [i, x] of all.entries()) assert.deepEqual(one[i], x, `part ${i} of matrix ${b}, n = ${n}`);
      }
    }
  });
  test(`NaN and infinity end eigh.${name}, svd.${name} and eig.${name}`, () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const n of [1, 2, 30, 100]) {
        const a = new Make(n * n).map(random), w = new Make(n), v = new Make(n * n), u = new Make(n * n);
        a[n * n - 1] = bad;
        assert.equal(call(`eigh.${name}`, [a, w, v], [1, n, 1]), 0);
        assert.ok(w.every(Number.isNaN) && v.every(Number.isNaN));
        assert.equal(call(`eigh.${name}`, [a, w.fill(0)], [1, n, 1]), 0);
        assert.ok(w.every(Number.isNaN));
        assert.equal(call(`svd.${name}`, [a, w.fill(0), u, v.fill(0)], [1, n, n, 1]), 0);
        assert.ok(w.every(Number.isNaN) && u.every(Number.isNaN) && v.every(Number.isNaN));
        assert.equal(call(`svd.${name}`, [a, w.fill(0)], [1, n, n, 0]), 0);
        assert.ok(w.every(Number.isNaN));
        const e = new Float32Array(2 * n), x = new Float32Array(2 * n * n);
        assert.equal(call(`eig.${name}`, [a, e, x], [1, n]), 0);
        assert.ok(e.every(Number.isNaN));
        for (const r of ["solve", "inv", "cholesky", "qr", "lu"]) { // these only have to end
          const out = [new Make(n * n), new Make(n * n), new Uint32Array(n), new Uint32Array(n)];
          const arrays = {
            solve: [a, a, out[0]],
            inv: [a, out[0]],
            cholesky: [a, out[0]],
            qr: [a, out[0], out[1]],
            lu: [a, out[0], out[2], out[3]],
          }[r] as Numbers[];
          call(`${r}.${name}`, arrays, r === "inv" ? [1, n] : r === "cholesky" ? [1, n, 0] : [1, n, n]);
        }
      }
    }
  });
}

test("float32 singular vectors are near those of float64, as far as gaps allow", () => {
  const n = 160, a = new Float32Array(n * n).map(random), wide = Float64Array.from(a);
  const s = new Float32Array(n), u = new Float32Array(n * n), v = new Float32Array(n * n);
  const s64 = new Float64Array(n), u64 = new Float64Array(n * n), v64 = new Float64Array(n * n);
  assert.equal(call("svd.f32", [a, s, u, v], [1, n, n, 0]), 0);
  assert.equal(call("svd.f64", [wide, s64, u64, v64], [1, n, n, 0]), 0);
  assert.ok(apart(s, s64) < 20 * 2 ** -23 * at(s64, 0));
  for (let k = 0; k < n; k++) {
    const gap = Math.min(
      k > 0 ? at(s64, k - 1) - at(s64, k) : Infinity,
      k < n - 1 ? at(s64, k) - at(s64, k + 1) : Infinity,
    );
    let left = 0, right = 0;
    for (let i = 0; i < n; i++) {
      left += at(u, i * n + k) * at(u64, i * n + k);
      right += at(v, k * n + i) * at(v64, k * n + i);
    }
    // 1 - cos, and the pair turns together
    const angle = Math.sqrt(2 * Math.max(0, 1 - Math.abs(left))), bound = 20 * 2 ** -23 * at(s64, 0) / gap + 1e-3;
    assert.ok(angle < bound, `vector ${k}: ${angle}, gap ${gap}`);
    assert.ok(left * right > 0, `signs of ${k}`);
  }
});

test("eigh.c64 and svd.c64 rebuild their matrices", () => {
  for (const n of [1, 2, 5, 33]) {
    const a = new Float32Array(2 * n * n),
      w = new Float32Array(n),
      v = new Float32Array(2 * n * n),
      u = new Float32Array(2 * n * n),
      vt = new Float32Array(2 * n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        a[2 * (i * n + j)] = a[2 * (j * n + i)] = random();
        a[2 * (i * n + j) + 1] = i === j ? 0 : random();
        a[2 * (j * n + i) + 1] = -at(a, 2 * (i * n + j) + 1);
      }
    }
    assert.equal(call("eigh.c64", [a, w, v], [1, n, 1]), 0);
    // The real part of V diag(w) V^H is [Vr Vi] diag(w) [Vr Vi]^T.
    const part = (i: number, k: number): number => at(v, 2 * (i * n + (k % n)) + (k < n ? 0 : 1));
    assert.ok(
      residual(
        n,
        n,
        2 * n,
        (i, k) => part(i, k) * at(w, k % n),
        (k, j) => part(j, k),
        (i, j) => at(a, 2 * (i * n + j)),
      ) < 1e-5 * n,
    );
    assert.equal(call("svd.c64", [a, w, u, vt], [1, n, n, 1]), 0);
    const left = (i: number, k: number): number => at(u, 2 * (i * n + (k % n)) + (k < n ? 0 : 1)) * at(w, k % n);
    assert.ok(
      residual(
        n,
        n,
        2 * n,
        left,
        (k, j) => (k < n ? 1 : -1) * at(vt, 2 * ((k % n) * n + j) + (k < n ? 0 : 1)),
        (i, j) => at(a, 2 * (i * n + j)),
      ) < 1e-5 * n,
    );
  }
});

test("eig.c64 finds vectors of complex matrices", () => {
  const unit = (i: number, j: number): number => i === j ? 1 : 0;
  const matrices: Record<string, (i: number, j: number, n: number) => readonly [number, number]> = {
    random: () => [random(), random()],
    zero: () => [0, 0],
    "one Jordan block": (i, j) => [j === i + 1 ? 1 : 0, 2 * unit(i, j)],
    cycle: (i, j, n) => [unit((i + 1) % n, j), 0],
    triangular: (i, j) => j >= i ? [random(), random()] : [0, 0],
    tiny: () => [1e-30 * random(), 1e-30 * random()],
  };
  for (const [kind, element] of Object.entries(matrices)) {
    for (const n of kind === "random" ? [1, 2, 3, 20, 65] : [9]) {
      const a = new Float32Array(2 * n * n), w = new Float32Array(2 * n), v = new Float32Array(2 * n * n);
      for (let i = 0; i < n * n; i++) a.set(element(Math.floor(i / n), i % n, n), 2 * i);
      assert.equal(call("eig.c64", [a, w, v], [1, n]), 0, native.error());
      const norm = largest(a) || 1, alone = new Float32Array(2 * n);
      for (let q = 0; q < n; q++) {
        let length = 0;
        for (let i = 0; i < n; i++) {
          const [x, y] = [at(v, 2 * (i * n + q)), at(v, 2 * (i * n + q) + 1)];
          let re = -(at(w, 2 * q) * x - at(w, 2 * q + 1) * y), im = -(at(w, 2 * q) * y + at(w, 2 * q + 1) * x);
          length += x * x + y * y;
          for (let k = 0; k < n; k++) {
            const [b, c] = [at(a, 2 * (i * n + k)), at(a, 2 * (i * n + k) + 1)],
              [d, e] = [at(v, 2 * (k * n + q)), at(v, 2 * (k * n + q) + 1)];
            re += b * d - c * e;
            im += b * e + c * d;
          }
          assert.ok(Math.hypot(re, im) < 1e-6 * n * norm, `${kind} ${n}: ${re} ${im}`);
        }
        assert.ok(Math.abs(length - 1) < 1e-5, `${kind} ${n}`);
      }
      assert.equal(call("eig.c64", [a, alone], [1, n]), 0);
      const nearest = (q: number): number =>
        Math.min(
          ...Array.from({ length: n }, (_, k) =>
            Math.hypot(at(w, 2 * k) - at(alone, 2 * q), at(w, 2 * k + 1) - at(alone, 2 * q + 1))),
        );
      for (let q = 0; q < n; q++) assert.ok(nearest(q) < 1e-5 * norm, `${kind} ${n}`);
    }
  }
  const bad = new Float32Array(18).fill(1), w = new Float32Array(6);
  bad[7] = NaN;
  assert.equal(call("eig.c64", [bad, w], [1, 3]), 0);
  assert.ok(w.every(Number.isNaN));
});

test("sort and argsort: every storage, ties, NaN last, rows and strides", () => {
  for (const name of ["f32", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "bf16", "bool"]) {
    const type = name === "bool"
      ? { ...(types["u8"] as Type), draw: () => (random() < 0 ? 0 : 1) }
      : (types[name] as Type);
    for (
      const [outer, n, strided] of [[1, 1, 0], [3, 7, 0], [2, 31, 1], [2, 33, 1], [1, 3000, 0], [0, 5, 0], [5, 0, 0], [
        1,
        140000,
        0,
      ]] as const
    ) {
      if (n > 1e5 && name !== "i8" && name !== "f32") continue; // long enough for all threads to share one array
      const data = fill(type, outer * n), sorted = type.make(outer * n), order = new Uint32Array(outer * n);
      if (name[0] === "f") {
        for (let i = 0; i < data.length; i += 5) data[i] = name === "f16" ? 0x7e01 + (i % 2) * 0x8000 : NaN;
        for (let i = 1; i < data.length; i += 9) data[i] = name === "f16" ? (i % 2) * 0x8000 : i % 2 ? -0 : 0;
      }
      const strides = strided ? [1, outer] : [n, 1]; // strided: axis 0 of an (n, outer) array
      const value = (r: number, i: number): number => type.read(Number(data[r * at(strides, 0) + i * at(strides, 1)]));
      assert.equal(call(`sort.${name}`, [data, sorted], [outer, n, ...strides]), 0);
      assert.equal(call(`argsort.${name}`, [data, order], [outer, n, ...strides]), 0);
      const less = (
        x: number,
        y: number,
      ): number => (Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : Number.isNaN(y) ? -1 : x - y);
      for (let r = 0; r < outer; r++) {
        const want = Array.from({ length: n }, (_, i) => i).sort((i, j) => less(value(r, i), value(r, j)));
        assert.deepEqual([...order.subarray(r * n, r * n + n)], want, `argsort.${name} ${n}`);
        for (const [i, w] of want.entries()) {
          const got = type.read(Number(sorted[r * n + i])), expected = value(r, w);
          if (!(got === expected || (Number.isNaN(got) && Number.isNaN(expected)))) {
            assert.fail(`sort.${name} ${n}: ${got} instead of ${expected}`);
          }
        }
      }
    }
  }
  const complex = new Float32Array([2, 1, NaN, 0, 1, 5, 1, -3, 0, NaN, 2, 1]),
    sorted = new Float32Array(12),
    order = new Uint32Array(6);
  call("sort.c64", [complex, sorted], [1, 6, 6, 1]);
  call("argsort.c64", [complex, order], [1, 6, 6, 1]);
  assert.deepEqual([...order], [3, 2, 0, 5, 4, 1]);
  assert.deepEqual([...sorted], [1, -3, 1, 5, 2, 1, 2, 1, 0, NaN, NaN, 0]);
});

test("copy moves bytes", () => {
  const from = new Uint8Array([1, 2, 3, 4]), to = new Uint8Array(4);
  assert.equal(call("copy", [from, to], [3]), 0);
  assert.deepEqual([...to], [1, 2, 3, 0]);
});
