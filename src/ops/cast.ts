// Conversion of arrays between dtypes.
import type { DType } from "../base/dtype.ts";
import { isDType } from "../base/dtype.ts";
import { typeError } from "../base/error.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { cast, nodeOf, wrap } from "./basis.ts";

/** A dtype given by the user, or a TypeError that names the op. */
export function dtypeOf(op: string, dtype: unknown): DType {
  if (!isDType(dtype)) throw typeError(`Cannot ${op}: not a dtype: ${String(dtype)}`);
  return dtype;
}
/** The values in another dtype (floats truncate to integers, complex keeps its real part); the same dtype gives a new handle over the same memory. */
export function astype(a: ArrayLike, dtype: DType): NDArray {
  return wrap(cast(nodeOf("astype", a), dtypeOf("astype", dtype)));
}
