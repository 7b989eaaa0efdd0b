// Installs the methods of arrays; ndarray.ts declares them.
import { isInexact } from "./base/dtype.ts";
import { typeError } from "./base/error.ts";
import { NDArray } from "./core/ndarray.ts";
import * as binary from "./ops/binary.ts";
import * as cast from "./ops/cast.ts";
import * as indexing from "./ops/indexing.ts";
import * as matmul from "./ops/matmul.ts";
import * as joining from "./ops/joining.ts";
import * as movement from "./ops/movement.ts";
import * as reduce from "./ops/reduce.ts";
import * as scan from "./ops/scan.ts";
import * as unary from "./ops/unary.ts";

type Fn = (x: NDArray, ...args: never) => unknown;
const table: Readonly<Record<string, Fn>> = {
  add: binary.add,
  sub: binary.subtract,
  mul: binary.multiply,
  div: binary.divide,
  mod: binary.remainder,
  floordiv: binary.floorDivide,
  pow: binary.power,
  matmul: matmul.matmul,
  neg: unary.negative,
  eq: binary.equal,
  ne: binary.notEqual,
  lt: binary.less,
  le: binary.lessEqual,
  gt: binary.greater,
  ge: binary.greaterEqual,
  and: binary.bitwiseAnd,
  or: binary.bitwiseOr,
  xor: binary.bitwiseXor,
  shl: binary.leftShift,
  shr: binary.rightShift,
  not: (x) => {
    if (isInexact(x.dtype)) {
      throw typeError(`Cannot take not of an array of dtype ${x.dtype}: it needs bools or integers`);
    }
    return x.dtype === "bool" ? unary.logicalNot(x) : unary.bitwiseInvert(x);
  },
  abs: unary.abs,
  square: unary.square,
  sqrt: unary.sqrt,
  rsqrt: unary.rsqrt,
  reciprocal: unary.reciprocal,
  exp: unary.exp,
  log: unary.log,
  log2: unary.log2,
  log10: unary.log10,
  log1p: unary.log1p,
  sin: unary.sin,
  cos: unary.cos,
  conj: unary.conj,
  round: unary.round,
  astype: cast.astype,
  view: cast.view,
  all: reduce.all,
  any: reduce.any,
  sum: reduce.sum,
  prod: reduce.prod,
  min: reduce.min,
  max: reduce.max,
  mean: reduce.mean,
  logsumexp: reduce.logsumexp,
  std: reduce.std,
  var: reduce.variance,
  argmin: reduce.argmin,
  argmax: reduce.argmax,
  cumsum: scan.cumsum,
  cumprod: scan.cumprod,
  cummax: scan.cummax,
  cummin: scan.cummin,
  logcumsumexp: scan.logcumsumexp,
  reshape: movement.reshape as Fn,
  flatten: movement.flatten,
  squeeze: movement.squeeze,
  transpose: movement.transpose as Fn,
  swapaxes: movement.swapaxes,
  moveaxis: movement.moveaxis,
  split: joining.split,
  diag: movement.diag,
  diagonal: movement.diagonal,
  get: indexing.get,
  at: indexing.at,
};
for (const [name, fn] of Object.entries(table)) {
  Object.defineProperty(NDArray.prototype, name, {
    value: function (this: NDArray, ...args: never): unknown {
      return fn(this, ...args);
    },
    writable: true,
    configurable: true,
  });
}
const getters: Readonly<Record<string, (x: NDArray) => NDArray>> = {
  T: (x) => movement.transpose(x),
  mT: movement.matrixTranspose,
  real: unary.real,
  imag: unary.imag,
};
for (const [name, fn] of Object.entries(getters)) {
  Object.defineProperty(NDArray.prototype, name, {
    get: function (this: NDArray): NDArray {
      return fn(this);
    },
    configurable: true,
  });
}
Object.defineProperty(NDArray.prototype, "set", {
  value: function (this: NDArray, index: readonly indexing.IndexItem[], value: never): void {
    this.move(indexing.set(this, index, value));
  },
  writable: true,
  configurable: true,
});
Object.defineProperty(NDArray.prototype, Symbol.iterator, {
  value: function* (this: NDArray): Generator<NDArray> {
    if (this.ndim === 0) throw typeError("Cannot iterate over a 0-d array");
    for (let i = 0, n = this.length; i < n; i++) yield indexing.get(this, i);
  },
  writable: true,
  configurable: true,
});
/** True once the methods are installed; importing this keeps the installation. */
export const installed: boolean = true;
