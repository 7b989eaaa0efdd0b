// Matrix products in all ways that operands lie, on the device that is set: of whole numbers that every dtype holds, whose sums are the same in any order.
import * as mx from "../../mod.ts";

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
function whole(dtype: mx.DType, k: number, ...shape: number[]): mx.NDArray {
  return mx.array(Float32Array.from({ length: count(shape) }, (_, i) => (i * k) % 7 - 3)).reshape(shape).astype(dtype);
}
/** A as it lies, turned, from every second column, and from every second row of another. */
function layouts(dtype: mx.DType, k: number, m: number, n: number): mx.NDArray[] {
  return [
    whole(dtype, k, m, n),
    whole(dtype, k, n, m).T,
    whole(dtype, k, m, 2 * n).get(":", "::2"),
    whole(dtype, k, 2 * n, m).T.get(":", "::-2"),
  ];
}
/** Small products with what is added and batches, and tiles with ragged ends in every pair of layouts. */
export function products(dtype: mx.DType): mx.NDArray[] {
  const a = whole(dtype, 3, 65, 33),
    b = whole(dtype, 5, 33, 70),
    c = whole(dtype, 2, 65, 70),
    bias = whole(dtype, 4, 70);
  const batch = whole(dtype, 3, 2, 3, 20, 10), other = whole(dtype, 5, 3, 10, 17);
  const pairs = [[72, 40, 136], [130, 96, 67]].flatMap(([m, k, n]) =>
    layouts(dtype, 3, m as number, k as number).flatMap((x) =>
      layouts(dtype, 5, k as number, n as number).map((y) => x.matmul(y))
    )
  );
  // More tiles than there are processors: large tiles.
  const large = whole(dtype, 3, 40, 260, 64), right = whole(dtype, 5, 40, 64, 200);
  return [
    a.matmul(b),
    b.T.matmul(a.T),
    a.get(":", "::2").matmul(b.get("::2")),
    mx.addmm(c, a, b),
    mx.addmm(bias, a, b),
    mx.addmm(bias, a, b, { alpha: 2, beta: 3 }),
    mx.addmm(c.T, b.T, a.T, { beta: 2 }),
    batch.matmul(other),
    batch.matmul(other.get(0)),
    batch.transpose(1, 0, 3, 2).matmul(batch.transpose(1, 0, 2, 3)),
    a.get(0).matmul(b),
    a.matmul(b.get(":", 0)),
    ...pairs,
    large.matmul(right),
    right.swapaxes(1, 2).matmul(large.swapaxes(1, 2)),
    // Which zero a complex product gives depends on a processor's instruction set.
  ].map((x) => x.add(0));
}
/** The dtypes of products. */
export const DTYPES = ["float32", "float16", "bfloat16", "complex64", "int8", "uint16", "int32", "int64"] as const;
