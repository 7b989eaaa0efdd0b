// Conversion of arrays between dtypes.
import type { DType } from "../base/dtype.ts";
import { isDType, itemsize, promote } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import { shown } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import { NDArray } from "../core/ndarray.ts";
import type { Aval, Planned } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { productOf, times } from "../kernel/sizes.ts";
import { cast, define } from "./basis.ts";
import { nodeOf, wrap } from "./lift.ts";

/** A dtype given by the user, or a TypeError that names the op. */
export function dtypeOf(op: string, dtype: unknown): DType {
  if (!isDType(dtype)) throw typeError(`Cannot ${op}: not a dtype: ${shown(dtype)}`);
  return dtype;
}
/**
 * The values in another dtype (floats truncate to integers, complex keeps its real part); the same dtype gives a new handle over the same memory.
 *
 * @example
 * ```ts
 * mx.astype(mx.array([1.9, -1.9]), "int32"); // array([1, -1], dtype=int32)
 * mx.astype(mx.array([0, 0.5, NaN]), "bool"); // array([False, True, True], dtype=bool)
 * ```
 */
export function astype(a: ArrayLike, dtype: DType): NDArray {
  return wrap(cast(nodeOf("astype", a), dtypeOf("astype", dtype)));
}

const viewOp = define<{ readonly dtype: DType }>({
  name: "view",
  type: ([x], a) => {
    const { shape, dtype } = x as Aval, from = itemsize(dtype), to = itemsize(a.dtype), last = shape.length - 1;
    if (from === to) return { shape, dtype: a.dtype };
    if (last < 0) throw typeError(`Cannot view a 0-d ${dtype} array as ${a.dtype}: their sizes differ`);
    const bytes = (shape[last] as number) * from;
    if (bytes % to !== 0) {
      throw typeError(
        `Cannot view ${dtype} as ${a.dtype}: the last axis of shape [${
          shape.join(",")
        }] has ${bytes} bytes, not a multiple of ${to}`,
      );
    }
    return { shape: [...shape.slice(0, last), bytes / to], dtype: a.dtype };
  },
  lower: {
    kind: "call",
    family: "copy",
    strided: false,
    calls: (_a, _ins, [out]) => [{
      routine: "copy",
      pointers: [{ which: "in", index: 0, offset: 0 }, { which: "out", index: 0, offset: 0 }],
      ints: [times(productOf((out as Planned).shape), itemsize((out as Planned).dtype))],
      nums: [],
    }],
  },
  structure: (a) => a.dtype,
  vjp: () => [null],
});
/**
 * The same bytes as another dtype; the last axis is rescaled by the sizes. Throws a TypeError where they do not fit.
 *
 * @example
 * ```ts
 * mx.view(mx.array([1]), "uint32"); // array([1065353216], dtype=uint32)
 * mx.view(mx.zeros([2, 4], "uint8"), "int32").shape; // [2, 1]
 * ```
 */
export function view(a: ArrayLike, dtype: DType): NDArray {
  return wrap(apply(viewOp, [nodeOf("view", a)], { dtype: dtypeOf("view", dtype) }));
}

/**
 * The dtype that arrays and dtypes promote to together.
 *
 * @example
 * ```ts
 * mx.resultType("int64", "float16"); // "float16"
 * mx.resultType("int64", "uint64"); // "float32"
 * mx.resultType("float16", "bfloat16"); // "float32"
 * ```
 */
export function resultType(...args: readonly (NDArray | DType)[]): DType {
  if (args.length === 0) throw typeError("Cannot resultType: at least one array or dtype is needed");
  return args.map((x) => x instanceof NDArray ? x.dtype : dtypeOf("resultType", x)).reduce(promote);
}
