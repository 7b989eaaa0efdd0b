// Decompositions of matrices of low rank, with repeated eigenvalues and without enough eigenvectors: what defines them holds, to rounding.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";

/** Square matrices of small integers, by name. */
function matrices(n: number): Record<string, mx.NDArray> {
  const modulo = (m: number): mx.NDArray =>
    mx.array(Int32Array.from({ length: n * n }, (_, i) => (i * 7919) % m), { shape: [n, n] });
  const signs = mx.random.randint(-1, 2, [n, n], { key: mx.random.key(n) });
  const real = (x: mx.NDArray): mx.NDArray => x.astype("float64");
  return {
    "modulo 2": modulo(2),
    "modulo 3": modulo(3),
    "modulo 5": modulo(5),
    ones: mx.ones([n, n]),
    "rank 1": mx.outer(mx.arange(1, n + 1), mx.arange(2, n + 2)),
    "rank 3": real(signs.get(":", ":3")).matmul(real(signs.get(":3"))),
    zeros: mx.zeros([n, n]),
    permutation: mx.roll(mx.eye(n), 1, 0),
    triangle: mx.tri(n),
    shift: mx.eye(n, { k: 1 }),
    nilpotent: mx.triu(signs, 1),
    signs,
  };
}
const norm = (x: mx.NDArray): number => mx.linalg.norm(x).item() as number;
/** Checks with the distances in units of rounding: n times the dtype's eps, relative to the norm of the matrix. */
function distances(a: mx.NDArray, n: number): Record<string, () => number> {
  const eps = mx.finfo(a.dtype).eps * n, size = norm(a) || 1, whole = mx.eye(n, a.dtype);
  const adjoint = (x: mx.NDArray): mx.NDArray => x.conj().T;
  const unitary = (q: mx.NDArray): number => norm(adjoint(q).matmul(q).sub(whole)) / eps;
  return {
    svd: () => {
      const [u, s, vt] = mx.linalg.svd(a);
      return Math.max(
        norm(u.mul(s.astype(a.dtype)).matmul(vt).sub(a)) / size / eps,
        unitary(u),
        unitary(adjoint(vt)),
        norm(mx.linalg.svd(a, { computeUv: false }).sub(s)) / size / eps,
      );
    },
    eigh: () => {
      const s = a.add(adjoint(a)), [w, v] = mx.linalg.eigh(s);
      return Math.max(norm(s.matmul(v).sub(v.mul(w.astype(a.dtype)))) / size / eps, unitary(v));
    },
    eig: () => {
      const c = a.astype("complex64"), [w, v] = mx.linalg.eig(a), single = mx.finfo("float32").eps * n;
      const unit = mx.abs(mx.abs(v).square().sum(0).sub(1)).max().item() as number;
      return Math.max(norm(c.matmul(v).sub(v.mul(w))) / size, unit, norm(mx.isnan(mx.linalg.eigvals(a)))) / single;
    },
    qr: () => {
      if (a.dtype === "complex64") return 0;
      const [q, r] = mx.linalg.qr(a);
      return Math.max(norm(q.matmul(r).sub(a)) / size / eps, unitary(q));
    },
  };
}

for (const dtype of ["float32", "float64", "complex64"] as const satisfies readonly DType[]) {
  test(`decompositions of ${dtype} matrices without full rank`, () => {
    const bad: string[] = [];
    for (const n of [1, 2, 3, 8, 17, 30, 33, 44, 65, 86]) {
      for (const [name, ints] of Object.entries(matrices(n))) {
        for (const [what, distance] of Object.entries(distances(ints.astype(dtype), n))) {
          let d: number | string;
          try {
            d = distance();
          } catch (e) {
            d = String(e).split("\n")[0] as string;
          }
          if (!(typeof d === "number" && d < 20)) bad.push(`${what} of ${name}, ${n} rows: ${d}`);
        }
      }
    }
    assert.deepEqual(bad, []);
  });
}
