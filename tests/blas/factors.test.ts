// Tests the factorisations and solves of shim/blas by what their results rebuild.
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, call, random, reals, residual, skew } from "../support/blas.ts";
import { native } from "../support/shim.ts";

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
