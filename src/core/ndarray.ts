// The array that users hold: a handle on a node of the lazy graph.
import type { Complex, DType, TypedArray } from "../base/dtype.ts";
import { itemsize } from "../base/dtype.ts";
import { plainError, typeError } from "../base/error.ts";
import type { Tail } from "../base/options.ts";
import type { Span } from "./index_spec.ts";
import { size } from "./shape.ts";
import { nextSerial, type Node, tracedBelow } from "./node.ts";
import { trace } from "./trace.ts";

export type { Complex };
/** One element as JavaScript sees it. */
export type Item = number | bigint | boolean | Complex;
/** Elements nested as the array's axes are. */
export type Nested = Item | Nested[];
/** Typed arrays that hold an array's elements. */
export type TypedData = TypedArray;
/** What functions take where MLX takes an array or a scalar. */
export type ArrayLike = NDArray | number | boolean | bigint | Complex;

/** The two seams through which core reaches what lies above it; filled by the runtime when it is loaded. */
export interface Late {
  /** Makes every node's value present; blocks. */
  evaluate(nodes: readonly Node[]): void;
  /** The same without blocking. */
  evaluateAsync(nodes: readonly Node[]): Promise<void>;
  /** Row-major elements of an evaluated node. */
  read(node: Node): TypedData;
  /** MLX's text of an array. */
  text(node: Node): string;
  /** Ends what a node owns once no handle and no pending consumer is left. */
  release(node: Node): void;
  /** A node over a fresh buffer with these row-major elements (copied). */
  store(data: TypedData, shape: readonly number[], dtype: DType): Node;
  /** A handle moved from one node to the next. */
  moved(old: Node, next: Node): void;
  /** A new handle was made (scopes list them). */
  made(array: NDArray): void;
}
const missing = (): never => {
  throw new Error("internal: the runtime is not loaded");
};
/** Filled by src/runtime. */
export const late: Late = {
  evaluate: missing,
  evaluateAsync: missing,
  read: missing,
  text: missing,
  release: missing,
  store: missing,
  moved: () => {},
  made: () => {},
};

/** Takes a node that will never be evaluated out of the books: what it reads need not stay for it. */
export function abandon(n: Node): void {
  for (const x of n.inputs) {
    x.pending--;
    late.release(x);
  }
}

/** An n-dimensional array: lazy, immutable but for `set`, over memory of a device. */
export class NDArray {
  #node: Node | null;
  /** The serial number of the next node when the handle was made: tells whether a trace found it there. */
  readonly #since: number;

  /** Internal: arrays are made by functions such as `array`, `zeros` and `random.normal`. */
  constructor(node: Node) {
    this.#node = node;
    this.#since = nextSerial();
    node.handles++;
    late.made(this);
  }

  /** Internal: the node that this handle stands for. */
  get node(): Node {
    if (this.#node === null) throw plainError("Cannot use an array after dispose()");
    if (trace.reads !== null) trace.reads.add(this);
    return this.#node;
  }

  /** Internal: moves the handle to another node, as `set` does. */
  move(node: Node): void {
    const old = this.node;
    if (trace.sealed !== null && this.#since <= trace.sealed) {
      throw plainError(
        `Cannot set an array of shape [${
          old.shape.join(",")
        }] inside a transform that traces its arguments: it was made outside, where the traced value does not exist; return the value instead`,
      );
    }
    node.handles++;
    node.state = true;
    this.#node = node;
    old.handles--;
    late.moved(old, node);
    late.release(old);
  }

  /** Drops the handle; what a recorded graph still needs stays until it is evaluated or dropped. */
  dispose(): void {
    const old = this.#node;
    if (old === null) return;
    this.#node = null;
    old.handles--;
    late.release(old);
  }

  /**
   * `using x = ...` disposes at the end of the block.
   *
   * @example
   * ```ts
   * {
   *   using x = mx.ones([2]);
   *   x.sum().item(); // 2
   * }
   * ```
   */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** True after `dispose()`. */
  get disposed(): boolean {
    return this.#node === null;
  }

  /** Length of each axis. */
  get shape(): number[] {
    return this.node.shape.map(Number);
  }

  /** Type of the elements. */
  get dtype(): DType {
    return this.node.dtype;
  }

  /** Number of axes. */
  get ndim(): number {
    return this.node.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return Number(size(this.node.shape));
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return itemsize(this.node.dtype);
  }

  /** Bytes of all elements. */
  get nbytes(): number {
    return this.size * this.itemsize;
  }

  /** Length of the first axis. */
  get length(): number {
    const n = this.node.shape[0];
    if (n === undefined) throw typeError("A 0-d array has no length");
    return Number(n);
  }

  /**
   * The elements, row-major: a view of the array's own memory where it is contiguous and the host sees it, else a
   * copy. Evaluates.
   *
   * @example
   * ```ts
   * mx.array([[1, 2], [3, 4]]).T.data(); // Float32Array [1, 3, 2, 4]
   * ```
   */
  data(): TypedData {
    late.evaluate([this.node]);
    return late.read(this.node);
  }

  /** As `data()`, without blocking the event loop. */
  async dataAsync(): Promise<TypedData> {
    const node = this.node;
    await late.evaluateAsync([node]);
    return late.read(node);
  }

  /**
   * The only element as a number, boolean, bigint (64-bit integers) or `{ re, im }`. Evaluates.
   *
   * @example
   * ```ts
   * mx.array([2.5]).item(); // 2.5
   * mx.array([2n]).item(); // 2n
   * mx.array([1, 2]).item(); // Error: Cannot read item() of an array with 2 elements: shape is [2]
   * ```
   */
  item(): Item {
    if (this.size !== 1) {
      throw plainError(
        `Cannot read item() of an array with ${this.size} elements: shape is [${this.node.shape.join(",")}]`,
      );
    }
    return elementOf(this.node.dtype, this.data(), 0);
  }

  /** As `item()`, without blocking the event loop. */
  async itemAsync(): Promise<Item> {
    if (this.size !== 1) {
      throw plainError(
        `Cannot read item() of an array with ${this.size} elements: shape is [${this.node.shape.join(",")}]`,
      );
    }
    return elementOf(this.node.dtype, await this.dataAsync(), 0);
  }

  /**
   * The elements as nested lists. Evaluates.
   *
   * @example
   * ```ts
   * mx.array([[1, 2], [3, 4]]).tolist(); // [[1, 2], [3, 4]]
   * ```
   */
  tolist(): Nested {
    const data = this.data(), { shape, dtype } = this.node;
    let at = 0;
    const build = (axis: number): Nested => {
      if (axis === shape.length) return elementOf(dtype, data, at++);
      const out: Nested[] = [];
      for (let i = 0; i < (shape[axis] as number); i++) out.push(build(axis + 1));
      return out;
    };
    return build(0);
  }

  /**
   * The text that MLX prints. Evaluates.
   *
   * @example
   * ```ts
   * String(mx.array([1, 2.5])); // "array([1, 2.5], dtype=float32)"
   * String(mx.arange(10)); // "array([0, 1, 2, ..., 7, 8, 9], dtype=int32)"
   * ```
   */
  toString(): string {
    return late.text(this.node);
  }

  /**
   * What `JSON.stringify` writes: the elements as nested lists. Evaluates.
   *
   * @example
   * ```ts
   * JSON.stringify(mx.array([[1, 2], [3, 4.5]])); // "[[1,2],[3,4.5]]"
   * ```
   */
  toJSON(): Nested {
    return this.tolist();
  }

  /**
   * As text the array's text; as a number the only element. A TypeError where JavaScript wants a number of other arrays, as its
   * operators do not work on them.
   *
   * @example
   * ```ts
   * Number(mx.array([2.5])); // 2.5
   * Number(mx.array([1, 2])); // TypeError: Cannot use an array of shape [2] as a number: use methods (mul, lt, ...), or item() of one element
   * ```
   */
  [Symbol.toPrimitive](hint: string): string | number | bigint {
    if (hint !== "number") return this.toString();
    const item = this.size === 1 ? this.item() : null;
    if (item === null || typeof item === "object") {
      throw typeError(
        `Cannot use an array of ${
          item === null ? `shape [${this.node.shape.join(",")}]` : "complex64"
        } as a number: use methods (mul, lt, ...), or item() of one element`,
      );
    }
    return typeof item === "boolean" ? Number(item) : item;
  }

  get [Symbol.toStringTag](): string {
    return "NDArray";
  }

  static #inspected(x: NDArray): string {
    // The prototype is no array.
    if (!(#node in x)) return "NDArray";
    const n = x.#node;
    if (n === null) return "array(disposed)";
    return tracedBelow([n]) === null ? late.text(n) : `array(traced, shape=[${n.shape.join(",")}], dtype=${n.dtype})`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return NDArray.#inspected(this);
  }
  [Symbol.for("Deno.customInspect")](): string {
    return NDArray.#inspected(this);
  }
}

/** Element `i` of typed data as JavaScript sees it. */
export function elementOf(dtype: DType, data: TypedData, i: number): Item {
  if (dtype === "bool") return data[i] !== 0;
  if (dtype === "complex64") return { re: data[2 * i] as number, im: data[2 * i + 1] as number };
  if (dtype === "bfloat16") return bf16(data[i] as number);
  return data[i] as number | bigint;
}

const bits = new Uint32Array(1), float = new Float32Array(bits.buffer);
function bf16(b: number): number {
  bits[0] = b << 16;
  return float[0] as number;
}

// ---- methods, which src/methods.ts installs ----------------------------------------------------------------------------
/** A nested list of integers or booleans. */
export type IndexNested = number | boolean | readonly IndexNested[];
/** One part of an index: an integer, a slice (text or `span`), "...", null for a new axis, an integer or boolean array, or a list. */
export type IndexItem =
  | number
  | bigint
  | boolean
  | string
  | null
  | Span
  | NDArray
  | readonly IndexNested[]
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;
/** Updates at an index, each of which returns a new array; repeated indices all count. */
export interface Updates {
  /** With a value (cast to the array's dtype) added. */
  add(value: ArrayLike): NDArray;
  /** With a value subtracted. */
  subtract(value: ArrayLike): NDArray;
  /** With a value multiplied in. */
  multiply(value: ArrayLike): NDArray;
  /** With a value divided by. */
  divide(value: ArrayLike): NDArray;
  /** With the larger of both. */
  maximum(value: ArrayLike): NDArray;
  /** With the smaller of both. */
  minimum(value: ArrayLike): NDArray;
}
/** One axis, several, or null for all. */
export type AxisLike = number | readonly number[] | null;
/** Options of a reduction. */
export interface ReduceOptions {
  readonly axis?: AxisLike;
  readonly keepdims?: boolean;
}
/** Options of `argmin` and `argmax`. */
export interface ArgOptions {
  readonly axis?: number;
  readonly keepdims?: boolean;
}
/** Options of `var` and `std`. */
export interface SpreadOptions extends ReduceOptions {
  readonly ddof?: number;
}
/** Options of a scan. */
export interface ScanOptions {
  readonly axis?: number;
  readonly reverse?: boolean;
  readonly inclusive?: boolean;
}
/** Options of `cumsum` and `cumprod`. */
export interface SumOptions extends ScanOptions {
  readonly dtype?: DType;
}
/** What `cumsum` and `cumprod` take: axis and dtype, of which a dtype may stand alone, and options. */
export type ScanTail = Tail<[axis: number, dtype: DType], SumOptions> | Tail<[dtype: DType], SumOptions>;
export interface NDArray {
  /** The axes reversed. */
  readonly T: NDArray;
  /** The last two axes exchanged. */
  readonly mT: NDArray;
  /** The real part. */
  readonly real: NDArray;
  /** The imaginary part. */
  readonly imag: NDArray;
  /** The entries along the first axis. */
  [Symbol.iterator](): IterableIterator<NDArray>;
  /** The elements at an index. */
  get(...index: readonly IndexItem[]): NDArray;
  /**
   * Writes a value (cast to the array's dtype, broadcast) at an index; other handles do not change.
   *
   * @example
   * ```ts
   * const x = mx.array([1, 2, 3]), y = x.reshape([3]);
   * x.set(["1:"], 0);
   * x; // array([1, 0, 0], dtype=float32)
   * y; // array([1, 2, 3], dtype=float32)
   * const whole = mx.array([1, 2], "int32");
   * whole.set([0], 2.7);
   * whole; // array([2, 2], dtype=int32)
   * ```
   */
  set(index: readonly IndexItem[], value: ArrayLike): void;
  /** Updates at an index that return new arrays. */
  at(...index: readonly IndexItem[]): Updates;
  // arithmetic
  add(b: ArrayLike): NDArray;
  sub(b: ArrayLike): NDArray;
  mul(b: ArrayLike): NDArray;
  /** True division. */
  div(b: ArrayLike): NDArray;
  /** The remainder, with the divisor's sign. */
  mod(b: ArrayLike): NDArray;
  floordiv(b: ArrayLike): NDArray;
  pow(b: ArrayLike): NDArray;
  matmul(b: ArrayLike): NDArray;
  neg(): NDArray;
  eq(b: ArrayLike): NDArray;
  ne(b: ArrayLike): NDArray;
  lt(b: ArrayLike): NDArray;
  le(b: ArrayLike): NDArray;
  gt(b: ArrayLike): NDArray;
  ge(b: ArrayLike): NDArray;
  /** Bitwise and. */
  and(b: ArrayLike): NDArray;
  /** Bitwise or. */
  or(b: ArrayLike): NDArray;
  /** Bitwise exclusive or. */
  xor(b: ArrayLike): NDArray;
  /** Of bools the logical, of integers the bitwise complement; a TypeError for floats. */
  not(): NDArray;
  shl(b: ArrayLike): NDArray;
  shr(b: ArrayLike): NDArray;
  // elementwise
  abs(): NDArray;
  square(): NDArray;
  sqrt(): NDArray;
  rsqrt(): NDArray;
  reciprocal(): NDArray;
  exp(): NDArray;
  log(): NDArray;
  log2(): NDArray;
  log10(): NDArray;
  log1p(): NDArray;
  sin(): NDArray;
  cos(): NDArray;
  conj(): NDArray;
  round(...args: Tail<[decimals: number], { decimals: number }>): NDArray;
  astype(dtype: DType): NDArray;
  view(dtype: DType): NDArray;
  // reductions and scans
  all(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  any(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  sum(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  prod(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  min(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  max(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  mean(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  logsumexp(...args: Tail<[axis: AxisLike], ReduceOptions>): NDArray;
  std(...args: Tail<[axis: AxisLike], SpreadOptions>): NDArray;
  var(...args: Tail<[axis: AxisLike], SpreadOptions>): NDArray;
  argmin(...args: Tail<[axis: number], ArgOptions>): NDArray;
  argmax(...args: Tail<[axis: number], ArgOptions>): NDArray;
  cumsum(...args: ScanTail): NDArray;
  cumprod(...args: ScanTail): NDArray;
  cummax(...args: Tail<[axis: number], ScanOptions>): NDArray;
  cummin(...args: Tail<[axis: number], ScanOptions>): NDArray;
  logcumsumexp(...args: Tail<[axis: number], ScanOptions>): NDArray;
  // movement
  reshape(...shape: readonly number[] | readonly [readonly number[]]): NDArray;
  flatten(...args: Tail<[startAxis: number, endAxis: number], { startAxis: number; endAxis: number }>): NDArray;
  squeeze(axis?: AxisLike | { readonly axis?: AxisLike }): NDArray;
  transpose(
    ...axes: readonly number[] | readonly [(readonly number[] | { readonly axes?: readonly number[] | null } | null)?]
  ): NDArray;
  swapaxes(axis1: number, axis2: number): NDArray;
  moveaxis(source: number, destination: number): NDArray;
  split(indicesOrSections: number | readonly number[], axis?: number | { readonly axis?: number }): NDArray[];
  diag(k?: number | { readonly k?: number }): NDArray;
  diagonal(
    offset?: number | { readonly offset?: number; readonly axis1?: number; readonly axis2?: number },
    options?: { readonly axis1?: number; readonly axis2?: number },
  ): NDArray;
}
