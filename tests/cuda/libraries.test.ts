// What CUDA's libraries do and our own kernels in their place: matrix products of every dtype and layout, their precision, and factorisations.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { root } from "../../scripts/tools.ts";
import { CUDA_SOLVES } from "../../src/runtime/devices.ts";
import { native } from "../../src/runtime/memory.ts";
import { DTYPES, products } from "../support/cuda_products.ts";
import { printed } from "../support/process.ts";

const lib = native(), CUDA = lib.devices.get("cuda"), there = CUDA !== undefined && "capability" in lib.info(CUDA);
const onGpu = <T>(f: () => T): T => mx.stream(mx.gpu, f) as T;
const onCpu = <T>(f: () => T): T => mx.stream(mx.cpu, f) as T;

for (const dtype of DTYPES) {
  test(`matrix products of ${dtype} are those of the CPU`, { skip: !there }, () => {
    const got = onGpu(() => products(dtype).map((x) => x.tolist()));
    onCpu(() => products(dtype)).forEach((x, i) => assert.deepEqual(got[i], x.tolist(), `product ${i}: ${x.shape}`));
  });
}
test("without CUDA's libraries products are the same, and factorisations run on the CPU", { skip: !there }, () => {
  const program = `const { DTYPES, products } = await import("${join(root, "tests/support/cuda_products.ts")}");
    const of = (device, dtype) => mx.stream(device, () => JSON.stringify(products(dtype).map((x) =>
      dtype === "int64" ? x.astype("int32").tolist() : x.tolist())));
    console.log(mx.deviceInfo(mx.gpu).blas);
    for (const d of DTYPES) console.log(d, of(mx.gpu, d) === of(mx.cpu, d));
    mx.setDefaultDevice(mx.gpu);
    const told = mx.explain(mx.linalg.eigvalsh(mx.ones([3, 3])));
    console.log(told.kernels.some((k) => /eigvalsh/.test(k.name + k.ops) && /cpu/.test(k.device)));
    console.log(mx.linalg.eigvalsh(mx.eye(3).mul(2)).tolist().join());`;
  assert.deepEqual(printed(program, { SINTER_CUDA_OWN: "1" }).split("\n"), [
    "own",
    ...DTYPES.map((d) => `${d} true`),
    "true",
    "2,2,2",
  ]);
});

/** The largest difference of two arrays over the largest magnitude of the second. */
function apart(x: mx.NDArray, y: mx.NDArray): number {
  assert.deepEqual(x.shape, y.shape);
  return onCpu(() => mx.abs(x.sub(y)).max().div(mx.abs(y).max()).item() as number);
}
const TF32 = there && /cuBLAS/.test(lib.info(CUDA as number)["blas"] ?? "");
test("float32 is float32 unless setMatmulPrecision says otherwise, in compiled functions too", { skip: !TF32 }, () => {
  const a = onCpu(() => mx.random.normal([300, 500])), b = onCpu(() => mx.random.normal([500, 200]));
  mx.eval(a, b);
  const want = onCpu(() => a.matmul(b)), f = mx.compile((x: mx.NDArray, y: mx.NDArray) => x.matmul(y).mul(1));
  const errors = (): number[] => onGpu(() => [apart(a.matmul(b), want), apart(f(a, b), want)]);
  for (const e of errors()) assert.ok(e < 2e-6, `${e}`);
  assert.equal(mx.setMatmulPrecision("high"), "highest");
  try {
    for (const e of errors()) assert.ok(e > 1e-5 && e < 2e-3, `${e}`);
  } finally {
    mx.setMatmulPrecision("highest");
  }
  for (const e of errors()) assert.ok(e < 2e-6, `${e}`);
});

const solves = there && lib.stat((CUDA as number) << 8 | CUDA_SOLVES) === 1;
/** Where factorisations are tested: without a GPU the CPU's are, by the same checks. */
const onSolver = solves ? onGpu : onCpu, place = solves ? "GPU" : "CPU";
const matrix = (...shape: number[]): mx.NDArray =>
  onCpu(() => {
    const x = mx.sin(mx.arange(shape.reduce((p, n) => p * n, 1)).square().mul(0.7).add(1)).reshape(shape);
    mx.eval(x);
    return x;
  });
const eye = (n: number): mx.NDArray => mx.eye(n);
const turned = (x: mx.NDArray): mx.NDArray => x.swapaxes(-1, -2);
/** Both in memory, as the CPU sees it. */
const evaluated = (...xs: mx.NDArray[]): mx.NDArray[] => (mx.eval(...xs), xs);
for (const n of [1, 2, 7, 33, 130]) {
  for (const batch of [[], [3], [2, 2]]) {
    test(`factorisations of ${[...batch, n, n].join("x")} on the ${place}`, () => {
      const bound = 3e-6 * (n + 10), a = matrix(...batch, n, n), spd = onCpu(() => a.matmul(turned(a)).add(eye(n)));
      const sym = onCpu(() => a.add(turned(a))), b = matrix(...batch, n, 5), tall = matrix(...batch, n + 9, n);
      const near = (x: mx.NDArray, y: mx.NDArray, what: string): void => {
        const d = apart(x, y);
        assert.ok(d < bound, `${what}: ${d}`);
      };
      const gpu = (f: () => mx.NDArray[]): mx.NDArray[] => onSolver(() => evaluated(...f()));
      const [w, v] = gpu(() => mx.linalg.eigh(sym)) as [mx.NDArray, mx.NDArray];
      const wide = turned(tall);
      onCpu(() => {
        near(v.mul(mx.expandDims(w, -2)).matmul(turned(v)), sym, "eigh");
        near(turned(v).matmul(v), mx.broadcastTo(eye(n), [...batch, n, n]), "eigh: V");
        near(w, mx.linalg.eigvalsh(sym), "eigh: values");
      });
      near(gpu(() => [mx.linalg.eigvalsh(mx.triu(sym), "U")])[0] as mx.NDArray, w, "eigvalsh");
      for (const x of [a, tall, wide]) {
        const [u, s, vt] = gpu(() => mx.linalg.svd(x)) as [mx.NDArray, mx.NDArray, mx.NDArray];
        onCpu(() => {
          const m = x.shape[x.shape.length - 2] as number, k = x.shape[x.shape.length - 1] as number;
          near(u.get("...", `:${n}`).mul(mx.expandDims(s, -2)).matmul(vt.get("...", `:${n}`, ":")), x, "svd");
          near(turned(u).matmul(u), mx.broadcastTo(eye(m), [...batch, m, m]), "svd: U");
          near(vt.matmul(turned(vt)), mx.broadcastTo(eye(k), [...batch, k, k]), "svd: Vt");
        });
        near(gpu(() => [mx.linalg.svd(x, { computeUv: false })])[0] as mx.NDArray, s, "svd: values");
        const [q, r] = gpu(() => mx.linalg.qr(x)) as [mx.NDArray, mx.NDArray];
        onCpu(() => near(q.matmul(r), x, "qr"));
        assert.equal(onCpu(() => mx.abs(mx.tril(r, -1)).max().item()), 0);
        const [p, l, up] = gpu(() => mx.linalg.lu(x)) as [mx.NDArray, mx.NDArray, mx.NDArray];
        onCpu(() => near(mx.takeAlongAxis(l.matmul(up), mx.expandDims(p, -1), -2), x, "lu"));
      }
      const nearOne = (x: mx.NDArray[], y: mx.NDArray, what: string): void => near(x[0] as mx.NDArray, y, what);
      nearOne(gpu(() => [spd.matmul(mx.linalg.solve(spd, b))]), b, "solve");
      nearOne(gpu(() => [mx.linalg.inv(spd).matmul(spd)]), mx.broadcastTo(eye(n), [...batch, n, n]), "inv");
      for (const upper of [false, true]) {
        nearOne(gpu(() => [mx.linalg.cholesky(spd, upper)]), onCpu(() => mx.linalg.cholesky(spd, upper)), "cholesky");
        const t = onCpu(() => upper ? mx.triu(spd) : mx.tril(spd));
        nearOne(
          gpu(() => [mx.linalg.solveTriangular(t, b, { upper })]),
          onCpu(() => mx.linalg.solveTriangular(t, b, { upper })),
          "trisolve",
        );
      }
    });
  }
}
test(`complex eigenvalues and singular values on the ${place}`, () => {
  const n = 20, re = matrix(2, n, n + 4), im = matrix(2, n + 4, n).swapaxes(1, 2);
  const a = onCpu(() => re.astype("complex64").add(im.astype("complex64").mul(mx.array({ re: 0, im: 1 }))));
  const h = onCpu(() => a.matmul(turned(mx.conjugate(a))));
  const near = (x: mx.NDArray, y: mx.NDArray): void => assert.ok(apart(x, y) < 1e-4, `${apart(x, y)}`);
  const [w, v] = onSolver(() => evaluated(...mx.linalg.eigh(h))) as [mx.NDArray, mx.NDArray];
  onCpu(() => near(h.matmul(v), v.mul(mx.expandDims(w, -2).astype("complex64"))));
  for (const x of [a, turned(a)]) {
    const [u, s, vt] = onSolver(() => evaluated(...mx.linalg.svd(x))) as [mx.NDArray, mx.NDArray, mx.NDArray];
    const k = s.shape[1] as number;
    onCpu(() =>
      near(
        u.get("...", `:${k}`).mul(mx.expandDims(s, -2).astype("complex64")).matmul(vt.get("...", `:${k}`, ":")),
        x,
      )
    );
  }
});
test(`what has no factors is the same everywhere, and all goes on: ${place}`, () => {
  onSolver(() => {
    assert.throws(
      () => mx.linalg.solve(mx.zeros([2, 2]), mx.ones([2])).tolist(),
      /Cannot solve: the matrix is singular/,
    );
    assert.throws(() => mx.linalg.inv(mx.zeros([3, 2, 2])).tolist(), /Cannot invert: the matrix is singular/);
    const odd = mx.array([[[1, 2], [2, 1]], [[2, 0], [0, 2]]]),
      found = mx.linalg.cholesky(odd).tolist() as number[][][];
    assert.deepEqual(found[0], [[NaN, 0], [NaN, NaN]]);
    assert.ok(Math.abs((found[1]?.[0]?.[0] ?? 0) - Math.SQRT2) < 1e-6);
    const bad = mx.array([[[1, NaN], [NaN, 1]], [[2, 0], [0, 3]]]);
    assert.deepEqual(mx.linalg.eigvalsh(bad).tolist(), [[NaN, NaN], [2, 3]]);
    assert.deepEqual(mx.linalg.svd(bad, { computeUv: false }).tolist(), [[NaN, NaN], [3, 2]]);
    assert.deepEqual(mx.linalg.inv(mx.eye(2).mul(2)).tolist(), [[0.5, 0], [0, 0.5]]);
    assert.deepEqual(mx.linalg.lu(mx.zeros([3, 0]))[0].tolist(), [0, 1, 2]);
    assert.deepEqual(mx.linalg.svd(mx.zeros([2, 0]))[0].tolist(), [[1, 0], [0, 1]]);
  });
});
test("explain says where a factorisation runs", { skip: !solves }, () => {
  const where = (x: mx.NDArray, name: RegExp): string[] =>
    mx.explain(x).kernels.filter((k) => name.test(`${k.name} ${k.ops.join(" ")}`)).map((k) => k.device);
  const a = onCpu(() => matrix(4, 4));
  assert.match(where(onGpu(() => mx.linalg.inv(a)), /inv/).join(), /gpu/);
  assert.match(where(onGpu(() => mx.linalg.eigvals(a)), /eigvals/).join(), /cpu/);
});
