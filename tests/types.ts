// Types of the transforms, checked by the compilers and never run: what must have which type, and what must not compile.
import * as mx from "../mod.ts";
import type { NDArray } from "../mod.ts";

/** True if two types are one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
/** Compiles if `A` is `B`. */
function holds<_T extends true>(): void {}
declare const x: NDArray;
interface Weights {
  a: NDArray;
  b: NDArray[];
}
declare const loss: (w: Weights, x: NDArray) => NDArray;
declare const pair: (w: Weights, x: NDArray, scale: number) => [NDArray, { note: string }];

/** Gradients have the tree of the argument. */
export function gradients(): void {
  const g = mx.grad(loss);
  holds<Same<typeof g, (w: Weights, x: NDArray) => Weights>>();
  const second = mx.grad(loss, { argnums: 1 });
  holds<Same<typeof second, (w: Weights, x: NDArray) => NDArray>>();
  const both = mx.grad(loss, { argnums: [0, 1] });
  holds<Same<ReturnType<typeof both>, [Weights, NDArray]>>();
  const bare = mx.grad(loss, { argnums: [1] });
  holds<Same<ReturnType<typeof bare>, NDArray>>();
  const nested = mx.grad((w: { layers: { w: NDArray; b: NDArray }[] }) => mx.sum((w.layers[0] as { w: NDArray }).w));
  holds<Same<ReturnType<typeof nested>, { layers: { w: NDArray; b: NDArray }[] }>>();
  const vg = mx.valueAndGrad(pair);
  holds<Same<ReturnType<typeof vg>, [[NDArray, { note: string }], Weights]>>();
  const again = mx.grad((y: NDArray) => mx.sum(mx.grad((z: NDArray) => mx.sum(mx.sin(z)))(y)));
  holds<Same<typeof again, (y: NDArray) => NDArray>>();

  // @ts-expect-error: the function must return an array, or a list that begins with one
  mx.grad((y: NDArray) => y.shape);
  // @ts-expect-error: not a function
  mx.grad(x);
  // @ts-expect-error: the gradient takes what the function takes
  g(x, x);
  // @ts-expect-error: an argument is missing
  g({ a: x, b: [x] });
  // @ts-expect-error: the gradient of an object is no array
  g({ a: x, b: [x] }, x).sum();
  // @ts-expect-error: an unknown option
  mx.grad(loss, { argnum: 1 });
  // @ts-expect-error: arguments have no names
  mx.grad(loss, { argnames: ["w"] });
  // @ts-expect-error: a promise is no array
  mx.valueAndGrad((y: NDArray) => Promise.resolve(y));
}

/** A batched function takes and gives what the function of one example does. */
export function batches(): void {
  const f = mx.vmap((w: Weights, y: NDArray) => ({ sum: mx.add(w.a, y) }), {
    inAxes: [{ a: 0, b: null }, 0],
    outAxes: 1,
  });
  holds<Same<typeof f, (w: Weights, y: NDArray) => { sum: NDArray }>>();
  const perExample = mx.vmap(mx.grad(loss), { inAxes: [null, 0] });
  holds<Same<typeof perExample, (w: Weights, x: NDArray) => Weights>>();

  // @ts-expect-error: an axis is a number or null
  mx.vmap(loss, { inAxes: "0" });
  // @ts-expect-error: an unknown option
  mx.vmap(loss, { axes: 0 });
  // @ts-expect-error: an argument too many
  perExample({ a: x, b: [] }, x, x);
}

/** Derivatives of trees are trees of trees. */
export function derivatives(): void {
  const j = mx.jacobian((y: NDArray) => ({ one: mx.sin(y), two: [mx.cos(y)] }));
  holds<Same<ReturnType<typeof j>, { one: NDArray; two: NDArray[] }>>();
  const k = mx.jacobian((w: Weights) => w.a, { mode: "forward" });
  holds<Same<ReturnType<typeof k>, Weights>>();
  const h = mx.hessian((w: { a: NDArray }) => mx.sum(w.a));
  holds<Same<ReturnType<typeof h>, { a: { a: NDArray } }>>();
  const [values, tangents] = mx.jvp((a, b) => mx.multiply(a as NDArray, b as NDArray), [x, x], [x, x]);
  holds<Same<typeof values, NDArray[]>>();
  holds<Same<typeof tangents, NDArray[]>>();

  // @ts-expect-error: there are two modes
  mx.jacobian((y: NDArray) => y, { mode: "backward" });
  // @ts-expect-error: tangents are arrays
  mx.jvp((a: NDArray) => a, [x], [1]);
  // @ts-expect-error: the function must return a scalar array
  mx.hvp((a: NDArray) => ({ a }), [x], [x]);
}

/** Rules get and give what the function does; a single argument is not wrapped. */
export function rules(): void {
  const one = mx.customFunction((y: NDArray) => mx.sin(y)).vjp((primal, ct, out) =>
    mx.multiply(ct, mx.add(primal, out))
  );
  holds<Same<ReturnType<typeof one>, NDArray>>();
  const two = mx.customFunction((w: Weights, y: NDArray) => [w.a, y])
    .vjp(([w, y], [ct]) => [{ a: mx.multiply(ct as NDArray, y), b: w.b.map(() => null) }, null])
    .jvp(([w], [tangents]) => [tangents.a, w.a])
    .vmap(([w, y], axes) => [[w.a, y], [axes[0].a, axes[1]]]);
  holds<Same<typeof two extends (w: Weights, y: NDArray) => NDArray[] ? true : false, true>>();
  const same = mx.checkpoint(loss);
  holds<Same<typeof same, (w: Weights, x: NDArray) => NDArray>>();

  // @ts-expect-error: a gradient is an array, or null
  mx.customFunction((y: NDArray) => y).vjp(() => 1);
  // @ts-expect-error: a gradient for each argument
  mx.customFunction((y: NDArray, z: NDArray) => mx.add(y, z)).vjp((_, ct) => [ct]);
  // @ts-expect-error: a batching rule gives axes too
  mx.customFunction((y: NDArray) => y).vmap((y) => y);
}

/** Trees keep their structure. */
export function trees(): void {
  const t = mx.utils.treeMap((leaf) => leaf.shape, { a: x, b: [x, x] });
  holds<Same<typeof t, { a: number[]; b: number[][] }>>();
  const flat = mx.utils.treeFlatten({ a: x });
  holds<Same<typeof flat, [string, NDArray][]>>();
  const total = mx.utils.treeReduce((n: number, leaf: NDArray) => n + leaf.size, [x], { initializer: 0 });
  holds<Same<typeof total, number>>();

  // @ts-expect-error: not a function
  mx.utils.treeMap(x, { a: x });
  // @ts-expect-error: leaves are arrays unless it is said otherwise
  mx.utils.treeMap((leaf) => leaf.nothing, { a: x });
}

/** Control flow has the trees that it is given, with arrays in the places of numbers. */
export function control(): void {
  const [carry, ys] = mx.scan(
    (c: { n: NDArray }, x: NDArray) => [c, [x, c.n]] as [{ n: NDArray }, NDArray[]],
    { n: 0 },
    x,
  );
  holds<Same<typeof carry, { n: NDArray }>>();
  holds<Same<typeof ys, NDArray[]>>();
  const last = mx.whileLoop((c) => c.lt(3), (c) => c.add(1), 0);
  holds<Same<typeof last, NDArray>>();
  const chosen = mx.cond(true, (x, k) => ({ y: x.mul(k) }), (x) => ({ y: x }), x, 2);
  holds<Same<typeof chosen, { y: NDArray }>>();
  // @ts-expect-error the carry is a number of arrays, not one
  mx.scan((c: NDArray[], x: NDArray) => [c, x] as [NDArray[], NDArray], 0, x);
}

/** Axis, shape and dtype stand positionally or in an options object, any of which may be missing, undefined or null. */
export function calls(axis: number | undefined, dtype: mx.DType | undefined): void {
  holds<Same<ReturnType<typeof mx.sum>, NDArray>>();
  x.sum(),
    x.sum(0),
    x.sum([0, -1]),
    x.sum(null),
    x.sum(undefined, { keepdims: true }),
    x.sum(axis, { keepdims: false });
  mx.sum(x, { axis, keepdims: true }), mx.sum(2), mx.sum(true), mx.sum(3n), mx.sum({ re: 1, im: 2 });
  mx.var(x, 0, { ddof: 1 }),
    x.std({ ddof: 1, axis: null }),
    x.argmax(-1, { keepdims: true }),
    mx.minmax(x, 1)[0].item();
  x.cumsum(0, "int64"),
    x.cumsum("float32"),
    mx.cumsum(x, { axis: 0, reverse: true, dtype }),
    x.cummax(1, { inclusive: false });
  mx.zeros(3), mx.zeros([2, 3] as const, "float16"), mx.ones([], { dtype }), mx.full([2], x), mx.fullLike(x, 1, "bool");
  mx.array([[1, 2], [true, 3n]], { shape: [4], dtype: "int8" }),
    mx.array(new Int16Array(4), dtype),
    mx.asarray(x, { copy: null });
  mx.arange(3), mx.arange(3n, { step: 2 }), mx.arange(0, 1, "float32"), mx.arange(0, 1, 0.1, { dtype });
  mx.eye(3),
    mx.eye(3, "int32"),
    mx.eye(3, 4, 1, "int32"),
    mx.tri(3, { k: -1 }),
    mx.linspace(0, 1, 5, { endpoint: false });
  mx.random.uniform(),
    mx.random.uniform([2], "float16"),
    mx.random.normal(3, { loc: x, scale: 2, key: x }),
    mx.random.normal("bfloat16");
  mx.random.randint(0, x, [2], { key: null }),
    mx.random.bernoulli({ p: 0.1, shape: [3] }),
    mx.random.categorical(x, -1, { numSamples: 3 });
  mx.linalg.norm(x),
    mx.linalg.norm(x, "fro"),
    mx.linalg.norm(x, 2, 0),
    mx.linalg.norm(x, { axis: [0, 1], keepdims: true });
  mx.meshgrid(x, x, { indexing: "ij" }), mx.meshgrid(x), mx.trace(x, "float32"), mx.trace(x, 1, { axis1: -1 });
  x.get(0, "1:", "...", null, [1, 2], [[true]], x, mx.span(1, null, -1), new BigInt64Array(2), 1n),
    x.set([null], 2),
    x.at(0).add(x);
  holds<Same<ReturnType<typeof mx.divmod>, [NDArray, NDArray]>>();
  const some = mx.unique(x, 3, { fillValue: 0 }), all = mx.unique(x, 3, { returnCounts: true });
  holds<Same<typeof some, NDArray>>();
  holds<Same<typeof all, NDArray[]>>();
  const one = mx.load("a.npy"), many = mx.load("a.npz");
  holds<Same<typeof one, NDArray>>();
  holds<Same<typeof many, { [name: string]: NDArray }>>();
  const values = mx.linalg.svd(x, { computeUv: false }), parts = mx.linalg.svd(x);
  holds<Same<typeof values, NDArray>>();
  holds<Same<typeof parts, [NDArray, NDArray, NDArray]>>();
  mx.grad(mx.sum)(x), mx.vmap(mx.mean)(x), [x].map(mx.exp);

  // @ts-expect-error: an axis is a number or a list
  x.sum("0");
  // @ts-expect-error: an unknown option
  x.sum({ axes: 0 });
  // @ts-expect-error: keepdims is an option
  x.sum(0, true);
  // @ts-expect-error: scans go along one axis
  x.cumsum([0, 1]);
  // @ts-expect-error: not a dtype
  mx.zeros([2], "float33");
  // @ts-expect-error: not a dtype
  mx.array([1], { dtype: "int" });
  // @ts-expect-error: a dtype is no option of cummax
  mx.cummax(x, { dtype: "int32" });
  // @ts-expect-error: a text is no array
  mx.add(x, "1");
  // @ts-expect-error: a list is no array
  mx.exp([1, 2]);
  // @ts-expect-error: the shape stands first
  mx.zeros("float32");
  // @ts-expect-error: a key is an array
  mx.random.normal([2], { key: 0 });
  // @ts-expect-error: there are two sides
  mx.searchsorted(x, x, { side: "middle" });
  // @ts-expect-error: an argument too many
  mx.exp(x, 1);
  // @ts-expect-error: there are two ways to index a grid
  mx.meshgrid(x, x, { indexing: "xyz" });
}
