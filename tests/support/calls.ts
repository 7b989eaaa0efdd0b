// One good call of every public function and method, with all its options: what the tests of call shapes and of bad arguments change.
import * as mx from "../../mod.ts";

/** A good call: required arguments, options (all that there are), and those that may also stand positionally, in order. */
export interface Good {
  readonly name: string;
  readonly required: readonly (() => unknown)[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly positional: readonly string[];
  /** Also a method of the first argument. */
  readonly method: boolean;
}
/** What has no arguments to be wrong, or changes what other tests stand on. */
export const APART: readonly string[] = [
  "ArrayAt Device NDArray Span Stream clearCache clearStreams defaultDevice disableCompile enableCompile getActiveMemory",
  "getCacheMemory getMemoryLimit getPeakMemory getPrintoptions matmulPrecision resetPeakMemory setCacheLimit setDefaultDevice",
  "setMatmulPrecision setMemoryLimit setPrintoptions synchronize random.seed",
  // Any number of trees of anything.
  "eval asyncEval explain getArrayBufferSize",
].join(" ").split(" ");
/** Methods without a function of their name, and what is only Symbol's. */
export const METHODS_APART = "move dispose data dataAsync item itemAsync tolist toJSON toString constructor set at get"
  .split(
    " ",
  );

const matrix = (): mx.NDArray => mx.array([[1, 2, 3], [4, 5, 6]]), vector = (): mx.NDArray => mx.array([3, 1, 2]);
const ints = (): mx.NDArray => mx.array([[1, 2, 3], [4, 5, 6]], "int32"),
  square = (): mx.NDArray => mx.array([[4, 1], [2, 3]]);
const definite = (): mx.NDArray => mx.array([[4, 1], [1, 3]]),
  index = (...v: number[]): mx.NDArray => mx.array(v, "int32");
const key = mx.stream(mx.cpu, () => mx.random.key(0)),
  is = <T>(value: T) => (): T => value,
  loss = (x: mx.NDArray): mx.NDArray => x.square().sum();
const isLeaf = (x: unknown): boolean => x instanceof mx.NDArray,
  device = is(mx.cpu),
  tree = (): unknown => ({ a: vector() });

const list: Good[] = [];
/** Notes calls of functions with the same arguments; those named with a point before are methods too. */
function good(
  names: string,
  required: readonly (() => unknown)[],
  options: Readonly<Record<string, unknown>> = {},
  positional = "",
): void {
  for (const name of names.split(" ")) {
    list.push({
      name: name.replace(/^\./, ""),
      required,
      options,
      positional: positional === "" ? [] : positional.split(" "),
      method: name.startsWith("."),
    });
  }
}
good(
  ".abs .conj .cos .exp .log .log10 .log1p .log2 .reciprocal .rsqrt .sin .sqrt .square acos acosh arccos arccosh arcsin",
  [matrix],
);
good(
  "arcsinh arctan arctanh asin asinh atan atanh ceil conjugate cosh degrees erf erfinv expm1 floor imag isfinite isinf",
  [matrix],
);
good(
  "isnan isneginf isposinf logicalNot negative positive radians real sigmoid sign sinh stopGradient tan tanh trunc",
  [matrix],
);
good("bitwiseInvert", [ints]);
good(
  "add subtract multiply divide remainder floorDivide power pow equal notEqual less lessEqual greater greaterEqual",
  [matrix, vector],
);
good("arctan2 atan2 divmod logaddexp logicalAnd logicalOr logicalXor maximum minimum .matmul", [matrix, vector]);
good("bitwiseAnd bitwiseOr bitwiseXor bitwiseLeftShift bitwiseRightShift leftShift rightShift", [ints, ints]);
good(".all .any .max .mean .min .prod .sum .logsumexp median minmax countNonzero", [matrix], {
  axis: 1,
  keepdims: true,
}, "axis");
good(".var .std", [matrix], { axis: 1, keepdims: true, ddof: 1 }, "axis");
good(".argmax .argmin", [matrix], { axis: 1, keepdims: true }, "axis");
good("softmax", [matrix], { axis: 1, precise: true }, "axis");
good("trace", [matrix], { offset: 1, axis1: 1, axis2: 0, dtype: "float16" }, "offset axis1 axis2 dtype");
good(".cumsum .cumprod", [matrix], { axis: 1, reverse: true, inclusive: false, dtype: "float16" }, "axis dtype");
good(
  "cumulativeSum cumulativeProd",
  [matrix],
  { axis: 1, reverse: true, inclusive: false, dtype: "float16" },
  "axis dtype",
);
good(".cummax .cummin .logcumsumexp", [matrix], { axis: 1, reverse: true, inclusive: false }, "axis");
good("sort argsort", [matrix], { axis: 0 }, "axis");
good("partition argpartition topk", [matrix, is(1)], { axis: 0 }, "axis");
good("searchsorted", [() => mx.array([1, 2, 3]), vector], { side: "right" });
good("unique", [vector, is(3)], { returnIndex: true, returnInverse: true, returnCounts: true, fillValue: 0 });
good(".round", [matrix], { decimals: 1 }, "decimals");
good("nanToNum", [matrix], { nan: 1, posinf: 2, neginf: 3 });
good("clip", [matrix, is(1), is(2)]);
good("isclose allclose", [matrix, vector], { rtol: 1e-3, atol: 1e-3, equalNan: true });
good("arrayEqual", [matrix, matrix], { equalNan: true });
good("where", [() => vector().gt(1), vector, vector]);
good("arange", [is(5)], { step: 2, dtype: "float32" }, "dtype");
good("arange", [is(1), is(5)], { step: 2, dtype: "float32" }, "dtype");
good("array", [is([[1, 2], [3, 4]])], { dtype: "int32", shape: [4] }, "dtype");
good("asarray", [matrix], { dtype: "int32", copy: true }, "dtype");
good("zeros ones empty", [is([2, 3])], { dtype: "int32" }, "dtype");
good("full", [is([2, 3]), is(2)], { dtype: "int32" }, "dtype");
good("fullLike", [matrix, is(2)], { dtype: "int32" }, "dtype");
good("zerosLike onesLike emptyLike", [matrix], { dtype: "int32" }, "dtype");
good("eye tri", [is(3)], { m: 4, k: 1, dtype: "int32" }, "m k dtype");
good("identity", [is(3)], { dtype: "int32" }, "dtype");
good("tril triu", [matrix], { k: 1 }, "k");
good("linspace", [is(0), is(1)], { num: 5, endpoint: false, dtype: "float16" }, "num dtype");
good("meshgrid", [vector, vector], { sparse: true, indexing: "ij" });
good("bartlett blackman hamming hanning", [is(5)]);
good(".astype .view", [matrix, is("int32")]);
good("resultType", [matrix, is("int32")]);
good("canCast", [is("int32"), is("float32")]);
good("issubdtype isdtype", [is("int32"), is("bool")]);
good("finfo", [is("float32")]);
good("iinfo", [is("int32")]);
good("asStrided", [matrix], { shape: [3, 2], strides: [1, 1], offset: 1 }, "shape");
good("atleast1d atleast2d atleast3d", [matrix]);
good("broadcastArrays depends", [matrix, vector]);
good("broadcastShapes", [is([2, 3]), is([3])]);
good("broadcastTo", [matrix, is([2, 2, 3])]);
good("contiguous", [matrix], { allowColMajor: true });
good(".diag", [matrix], { k: 1 }, "k");
good(".diagonal", [matrix], { offset: 1, axis1: 1, axis2: 0 }, "offset");
good("diff", [matrix], { n: 1, axis: 0 }, "axis");
good("expandDims", [matrix, is(0)]);
good(".flatten", [matrix], { startAxis: 0, endAxis: 1 }, "startAxis endAxis");
good("flip", [matrix], { axis: 0 }, "axis");
good("matrixTranspose", [matrix]);
good(".moveaxis .swapaxes", [matrix, is(0), is(1)]);
good(".transpose permuteDims", [matrix], { axes: [1, 0] }, "axes");
good(".reshape", [matrix, is([3, 2])]);
good("roll", [matrix, is(1)], { axis: 0 }, "axis");
good(".squeeze", [() => mx.ones([1, 2])], { axis: 0 }, "axis");
good("unflatten", [matrix, is(1), is([3, 1])]);
good("concat concatenate stack", [() => [matrix(), matrix()]], { axis: 1 }, "axis");
good("unstack", [matrix], { axis: 1 }, "axis");
good("pad", [matrix, is(1)], { mode: "constant", constantValues: 2 }, "mode");
good("repeat .split", [matrix, is(1)], { axis: 1 }, "axis");
good("tile", [matrix, is(2)]);
good("putAlongAxis", [matrix, () => mx.array([[0], [1]], "int32"), is(5)], { axis: 1 }, "axis");
good("takeAlongAxis", [matrix, () => mx.array([[0], [1]], "int32")], { axis: 1 }, "axis");
good("take", [matrix, () => index(0, 1)], { axis: 1 }, "axis");
good("slice", [matrix, () => index(0), is([0]), is([1, 3])]);
good("sliceUpdate", [matrix, () => mx.ones([1, 3]), () => index(0), is([0])]);
good("get at", [matrix, is(0)]);
good("span", [is(0), is(1), is(1)]);
good("addmm", [() => mx.ones([2]), matrix, () => matrix().T], { alpha: 2, beta: 3 });
good("einsum einsumPath", [is("ij,j->i"), matrix, vector]);
good("inner kron outer", [vector, vector]);
good("tensordot", [matrix, vector], { axes: 1 }, "axes");
good("vecdot", [vector, vector], { axis: 0 }, "axis");
good("expr", [() => Object.assign(["", ""], { raw: ["", ""] }), is(2)]);
good("matrixNorm linalg.norm", [matrix], { ord: 2, axis: 1, keepdims: true }, "ord axis");
good("linalg.cholesky linalg.choleskyInv linalg.triInv", [definite], { upper: true }, "upper");
good("linalg.cross", [vector, vector], { axis: 0 }, "axis");
good("linalg.det linalg.eig linalg.eigvals linalg.inv linalg.lu linalg.luFactor linalg.pinv linalg.qr linalg.slogdet", [
  square,
]);
good("linalg.eigh linalg.eigvalsh", [definite], { UPLO: "U" }, "UPLO");
good("linalg.solve", [square, () => mx.ones([2])]);
good("linalg.solveTriangular", [square, () => mx.ones([2])], { upper: true });
good("linalg.svd", [square], { computeUv: false });
good("random.bernoulli", [], { shape: [2], p: 0.5, key }, "shape");
good("random.categorical", [matrix], { axis: 1, shape: [5, 2], key }, "axis shape");
good("random.categorical", [matrix], { numSamples: 3, key });
good("random.gumbel", [], { shape: [2], dtype: "float16", key }, "shape dtype");
good("random.normal random.laplace", [], { shape: [2], dtype: "float16", loc: 1, scale: 2, key }, "shape dtype");
good("random.uniform", [], { shape: [2], dtype: "float16", low: 1, high: 2, key }, "shape dtype");
good(
  "random.multivariateNormal",
  [() => mx.zeros([2]), () => mx.eye(2)],
  { shape: [2], dtype: "float16", key },
  "shape dtype",
);
good("random.randint", [is(0), is(5)], { shape: [2], dtype: "int8", key }, "shape dtype");
good("random.truncatedNormal", [is(0), is(5)], { shape: [2], dtype: "float16", key }, "shape dtype");
good("random.permutation", [matrix], { axis: 1, key }, "axis");
good("random.split", [is(key)], { num: 3 }, "num");
good("random.key", [is(1)]);
good("defaultStream newStream newThreadLocalStream newThreadUnsafeStream deviceInfo isAvailable deviceCount", [device]);
good("setDefaultStream", [() => mx.defaultStream(mx.cpu)]);
good("stream", [device, is(() => 1)]);
good("scope", [is(() => 1)]);
good("printoptions", [is({ precision: 3 })]);
good("grad valueAndGrad", [is(loss)], { argnums: 0 });
good("jacobian hessian", [is(loss)], { argnums: 0, mode: "reverse" });
good("vmap", [is(loss)], { inAxes: 0, outAxes: 0 });
good("jvp hvp", [is(loss), () => [vector()], () => [vector()]]);
good("vjp", [is((x: mx.NDArray) => x.mul(2)), () => [vector()], () => [vector()]]);
good("compile", [is(loss)], { inputs: [], outputs: [], shapeless: true, donate: [] });
good("checkpoint customFunction", [is(loss)]);
good("cond", [is(true), is(() => vector()), is(() => vector())]);
good("scan", [is((c: mx.NDArray, x: mx.NDArray) => [c.add(x), x]), is(0), vector], {
  reverse: true,
  checkpoint: true,
  length: 3,
});
good("whileLoop", [is((s: mx.NDArray) => s.lt(3)), is((s: mx.NDArray) => s.add(1)), is(0)]);
good("utils.treeFlatten", [tree], { prefix: "x", isLeaf, destination: [] });
good("utils.treeMap", [is((x: unknown) => x), tree]);
good("utils.treeMapWithPath", [is((_: string, x: unknown) => x), tree]);
good("utils.treeMerge", [tree, () => ({ b: vector() })], { mergeFn: (a: unknown) => a });
good("utils.treeReduce", [is((x: number) => x), tree], { initializer: 0, isLeaf });
good("utils.treeUnflatten", [() => [["a", vector()]]]);
/** A good call of every function. */
export const GOOD: readonly Good[] = list;

/** A public function by its name. */
export function functionOf(name: string): (...args: unknown[]) => unknown {
  return name.split(".").reduce<unknown>((o, part) => (o as Record<string, unknown>)[part], mx) as never;
}
/** The names of all public functions. */
export function functionNames(): string[] {
  const of = (o: object, prefix: string): string[] =>
    Object.entries(o).filter(([, v]) => typeof v === "function").map(([k]) => prefix + k);
  return [...of(mx, ""), ...of(mx.linalg, "linalg."), ...of(mx.random, "random."), ...of(mx.utils, "utils.")];
}
