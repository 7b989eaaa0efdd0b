// sinter: the public surface. Re-exports only, under MLX's names in camelCase.
/** @module sinter */
import "./src/methods.ts";

// ---- arrays and dtypes
export { NDArray } from "./src/core/ndarray.ts";
export type {
  ArrayLike,
  AxisLike,
  Complex,
  IndexItem,
  Item,
  Nested,
  ReduceOptions,
  TypedData,
} from "./src/core/ndarray.ts";
export type { Category, DType, DTypeKind, FInfo, IInfo } from "./src/base/dtype.ts";
export { canCast, finfo, iinfo, isdtype, issubdtype } from "./src/base/dtype.ts";
export {
  bfloat16,
  bool,
  complex64,
  complexfloating,
  float16,
  float32,
  float64,
  floating,
  generic,
  inexact,
  int16,
  int32,
  int64,
  int8,
  integer,
  number,
  signedinteger,
  uint16,
  uint32,
  uint64,
  uint8,
  unsignedinteger,
} from "./src/base/dtypes.ts";
export { e, eulerGamma, inf, nan, newaxis, pi } from "./src/ops/constants.ts";

// ---- creation
export {
  arange,
  array,
  asarray,
  bartlett,
  blackman,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  hamming,
  hanning,
  identity,
  linspace,
  meshgrid,
  ones,
  onesLike,
  tri,
  tril,
  triu,
  zeros,
  zerosLike,
} from "./src/ops/create.ts";
export { astype, resultType, view } from "./src/ops/cast.ts";

// ---- elementwise
export {
  abs,
  acos,
  acosh,
  arccos,
  arccosh,
  arcsin,
  arcsinh,
  arctan,
  arctanh,
  asin,
  asinh,
  atan,
  atanh,
  bitwiseInvert,
  ceil,
  conj,
  conjugate,
  cos,
  cosh,
  degrees,
  erf,
  erfinv,
  exp,
  expm1,
  floor,
  imag,
  isfinite,
  isinf,
  isnan,
  isneginf,
  isposinf,
  log,
  log10,
  log1p,
  log2,
  logicalNot,
  nanToNum,
  negative,
  positive,
  radians,
  real,
  reciprocal,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sinh,
  sqrt,
  square,
  stopGradient,
  tan,
  tanh,
  trunc,
} from "./src/ops/unary.ts";
export {
  add,
  allclose,
  arctan2,
  arrayEqual,
  atan2,
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
  clip,
  divide,
  divmod,
  equal,
  floorDivide,
  greater,
  greaterEqual,
  isclose,
  leftShift,
  less,
  lessEqual,
  logaddexp,
  logicalAnd,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  multiply,
  notEqual,
  pow,
  power,
  remainder,
  rightShift,
  subtract,
  where,
} from "./src/ops/binary.ts";

// ---- reductions
export {
  all,
  any,
  argmax,
  argmin,
  countNonzero,
  logsumexp,
  max,
  mean,
  min,
  minmax,
  prod,
  softmax,
  std,
  sum,
  trace,
  variance as var,
} from "./src/ops/reduce.ts";
export { argpartition, argsort, median, partition, searchsorted, sort, topk, unique } from "./src/ops/sort.ts";
export { cummax, cummin, cumprod, cumsum, cumulativeProd, cumulativeSum, logcumsumexp } from "./src/ops/scan.ts";

// ---- movement and indexing
export {
  asStrided,
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastArrays,
  broadcastShapes,
  broadcastTo,
  contiguous,
  depends,
  diag,
  diagonal,
  diff,
  expandDims,
  flatten,
  flip,
  matrixTranspose,
  moveaxis,
  permuteDims,
  reshape,
  roll,
  squeeze,
  swapaxes,
  transpose,
  unflatten,
} from "./src/ops/movement.ts";
export { concat, concatenate, pad, repeat, split, stack, tile, unstack } from "./src/ops/joining.ts";
export { ArrayAt, at, get, Span, span } from "./src/ops/indexing.ts";
export { putAlongAxis, slice, sliceUpdate, take, takeAlongAxis } from "./src/ops/take.ts";

// ---- products
export { expr } from "./src/ops/expr.ts";
export { addmm, matmul } from "./src/ops/matmul.ts";
export { einsum, einsumPath } from "./src/ops/einsum.ts";
export { inner, kron, outer, tensordot, vecdot } from "./src/ops/products.ts";
export { type MatmulPrecision, matmulPrecision, setMatmulPrecision } from "./src/ops/precision.ts";

// ---- linear algebra
export * as linalg from "./src/linalg/linalg.ts";
export { norm as matrixNorm } from "./src/linalg/linalg.ts";

// ---- transforms
export type { Gradient, GradOptions, Loss } from "./src/transform/grad.ts";
export { compile, type CompileOptions, disableCompile, enableCompile } from "./src/runtime/compile.ts";
export { grad, valueAndGrad, vjp } from "./src/transform/grad.ts";
export type { CustomFunction } from "./src/transform/custom.ts";
export { checkpoint, customFunction } from "./src/transform/custom.ts";
export type { Jacobian, JacobianOptions } from "./src/transform/jacobian.ts";
export { hessian, hvp, jacobian } from "./src/transform/jacobian.ts";
export { jvp } from "./src/transform/jvp.ts";
export { cond } from "./src/transform/control/cond.ts";
export type { ScanOptions } from "./src/transform/control/scan.ts";
export { scan } from "./src/transform/control/scan.ts";
export { whileLoop } from "./src/transform/control/while.ts";
export type { Axes, VmapOptions } from "./src/transform/vmap.ts";
export { vmap } from "./src/transform/vmap.ts";

// ---- trees
export * as utils from "./src/utils/tree.ts";

// ---- evaluation, memory, devices
export { cpu, Device, DeviceType, gpu } from "./src/core/device.ts";
export type { DeviceLike, Explanation, PrintOptions, Tree } from "./src/runtime/api.ts";
export {
  asyncEval,
  clearCache,
  clearStreams,
  defaultDevice,
  defaultStream,
  deviceCount,
  deviceInfo,
  evaluate as eval,
  explain,
  getActiveMemory,
  getArrayBufferSize,
  getCacheMemory,
  getMemoryLimit,
  getPeakMemory,
  getPrintoptions,
  isAvailable,
  newStream,
  newThreadLocalStream,
  newThreadUnsafeStream,
  printoptions,
  resetPeakMemory,
  scope,
  setCacheLimit,
  setDefaultDevice,
  setDefaultStream,
  setMemoryLimit,
  setPrintoptions,
  Stream,
  stream,
  synchronize,
} from "./src/runtime/api.ts";

// ---- random numbers
export * as random from "./src/random/random.ts";

// ---- files
export type { LoadOptions } from "./src/io/files.ts";
export { load, save, savez, savezCompressed } from "./src/io/files.ts";
