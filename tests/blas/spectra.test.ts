// Tests eigenvalues and singular values of shim/blas: hard spectra, known values, batches, NaN, and complex matrices.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  apart,
  at,
  call,
  eps,
  largest,
  missing,
  type Numbers,
  oblique,
  random,
  reals,
  residual,
  transposed,
} from "../support/blas.ts";
import { native } from "../support/shim.ts";

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
