// Tests the matrix products of shim/blas against plain loops.
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, call, fill, type Type, types } from "../support/blas.ts";
import { native } from "../support/shim.ts";

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
