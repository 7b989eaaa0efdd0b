// Scans: the device agrees with the interpreter for every dtype, axis and direction; gradients agree with finite differences, also at zeros and ties.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { shareOf } from "../support/share.ts";
import { interpreted } from "../support/interpreted.ts";

const SCANS = {
  cumsum: mx.cumsum,
  cumprod: mx.cumprod,
  cummax: mx.cummax,
  cummin: mx.cummin,
  logcumsumexp: mx.logcumsumexp,
};
const DTYPES = [
  "bool",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "uint64",
  "int64",
  "float16",
  "bfloat16",
  "float32",
  "float64",
  "complex64",
] as const;
const numbers = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.round(8 * Math.sin(12.9898 * (i + 1) + i * i)) / 4);

function values(a: mx.NDArray): number[] {
  const v = a.dtype === "complex64" ? [mx.real(a), mx.imag(a)] : [a];
  return v.flatMap((x) => [...x.astype("float64").data() as Float64Array]);
}
for (const [name, scan] of Object.entries(SCANS)) {
  test(`${name} on the device and on the interpreter`, () => {
    for (const dtype of shareOf(DTYPES)) {
      // Long rows cross several steps of the machine.
      const whole = dtype !== "bool" && !dtype.startsWith("float") && !dtype.startsWith("bfloat") &&
        dtype !== "complex64";
      const x = mx.array(new Float64Array(numbers(3 * 5 * 70).map((v) => whole ? Math.abs(Math.trunc(2 * v)) : v)))
        .reshape(3, 5, 70).astype(dtype);
      mx.eval(x);
      for (const axis of [0, 1, 2]) {
        for (const reverse of [false, true]) {
          for (const inclusive of [true, false]) {
            const make = (): mx.NDArray => scan(mx.add(x, x), { axis, reverse, inclusive });
            const got = make(), exact = interpreted([mx.contiguous(make()).node]).bytes[0] as Uint8Array;
            const want = values(mx.array(exact.slice().buffer).view(got.dtype).reshape(...got.shape)),
              have = values(got);
            assert.equal(have.length, want.length);
            const top = want.reduce((a, b) => Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a, 1);
            const close = dtype === "bfloat16" ? 2 ** -7 : dtype === "float16" ? 2 ** -10 : 1e-6;
            want.forEach((w, i) => {
              const g = have[i] as number;
              assert.ok(
                Object.is(g, w) || g === w || Math.abs(g - w) <= close * (name === "cumprod" ? Math.abs(w) * 70 : top),
                `${dtype} axis ${axis} ${reverse} ${inclusive}, element ${i}: ${g}, not ${w}`,
              );
            });
          }
        }
      }
    }
  });
  test(`${name}: gradients against finite differences`, () => {
    const h = 1e-6;
    for (const axis of [0, 1]) {
      for (const reverse of [false, true]) {
        for (const inclusive of [true, false]) {
          const base = numbers(15).map((v, i) => v + i * 1e-3);
          if (name === "cumprod") base[4] = base[6] = 0;
          const w = mx.array(new Float64Array(15).map((_, i) => Math.cos(3.1 * i))).reshape(3, 5);
          const loss = (x: mx.NDArray): mx.NDArray => {
            const y = scan(x, { axis, reverse, inclusive });
            return mx.sum(mx.where(mx.isfinite(y), y, 0).mul(w));
          };
          const at = (v: readonly number[]): number =>
            loss(mx.array(new Float64Array(v)).reshape(3, 5)).item() as number;
          const g = mx.grad(loss)(mx.array(new Float64Array(base)).reshape(3, 5)).data() as Float64Array;
          base.forEach((b, i) => {
            const d = (at(base.with(i, b + h)) - at(base.with(i, b - h))) / (2 * h);
            assert.ok(
              Math.abs(d - (g[i] as number)) < 1e-6 * Math.max(1, Math.abs(d)),
              `axis ${axis} reverse ${reverse} inclusive ${inclusive}, element ${i}: ${g[i]}, not ${d}`,
            );
          });
        }
      }
    }
  });
}
test("at ties the gradient of cummax and cummin goes to the later element", () => {
  const x = mx.array([1, 3, 3, 2]),
    up = mx.grad((x: mx.NDArray) => mx.cummax(x).sum())(x),
    down = mx.grad((x: mx.NDArray) => mx.cummin(mx.negative(x)).sum())(x);
  assert.deepEqual(up.tolist(), [1, 1, 2, 0]);
  assert.deepEqual((down.tolist() as number[]).map((v) => v + 0), [-1, -1, -2, 0]);
});
test("scans fuse with the elementwise ops before them", () => {
  const x = mx.zeros([8, 100]);
  for (const axis of [0, 1]) assert.equal(mx.explain(mx.cumsum(mx.exp(x.add(1)), axis)).kernels.length, 1);
});
test("scans of arrays without elements", () => {
  assert.deepEqual(mx.cumsum(mx.zeros([0, 3]), 0).shape, [0, 3]);
  assert.deepEqual(mx.cumprod(mx.zeros([2, 0]), 0).shape, [2, 0]);
  assert.throws(() => mx.cumsum(mx.zeros([2]), 1), RangeError);
});
test("a scan joins the row whose folds it reads", () => {
  const x = mx.array(new Float64Array(numbers(6 * 90))).reshape(6, 90),
    make = (): mx.NDArray => mx.cumsum(mx.softmax(x, -1), -1);
  assert.equal(mx.explain(make()).kernels.length, 1);
  const got = values(make()), p = mx.softmax(x, -1);
  mx.eval(p);
  assert.deepEqual(got, values(mx.cumsum(p, -1)));
  const exact = new Float64Array((interpreted([make().node]).bytes[0] as Uint8Array).slice().buffer);
  got.forEach((g, i) => assert.ok(Math.abs(g - (exact[i] as number)) < 1e-12));
  // What reads the running values is another kernel.
  const y = mx.cumsum(mx.softmax(x, -1), -1), z = y.mul(mx.softmax(x, -1));
  mx.eval([z]);
  const q = mx.softmax(x, -1), c = mx.cumsum(q, -1);
  mx.eval([q, c]);
  assert.deepEqual(values(z), values(c.mul(q)));
});
