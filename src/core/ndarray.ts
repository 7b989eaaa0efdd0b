// The array that users hold: a handle on a node of the lazy graph.
import type { DType } from "../base/dtype.ts";
import { itemsize } from "../base/dtype.ts";
import { plainError } from "../base/error.ts";
import { size } from "./shape.ts";
import type { Node } from "./node.ts";

/** A complex number read from an array. */
export interface Complex {
  readonly re: number;
  readonly im: number;
}
/** One element as JavaScript sees it. */
export type Item = number | bigint | boolean | Complex;
/** Elements nested as the array's axes are. */
export type Nested = Item | Nested[];
/** Typed arrays that hold an array's elements. */
export type TypedData =
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Float16Array | Float32Array | Float64Array;
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
  /** A new handle was made (scopes list them). */
  made(array: NDArray): void;
}
const missing = (): never => {
  throw new Error("internal: the runtime is not loaded");
};
/** Filled by src/runtime. */
export const late: Late = { evaluate: missing, evaluateAsync: missing, read: missing, text: missing, release: missing, store: missing, made: () => {} };

/** An n-dimensional array: lazy, immutable but for `set`, over memory that every device can read. */
export class NDArray {
  #node: Node | null;

  /** Internal: arrays are made by functions such as `array`, `zeros` and `random.normal`. */
  constructor(node: Node) {
    this.#node = node;
    node.handles++;
    late.made(this);
  }

  /** Internal: the node that this handle stands for. */
  get node(): Node {
    if (this.#node === null) throw plainError("Cannot use an array after dispose()");
    return this.#node;
  }

  /** Internal: moves the handle to another node, as `set` does. */
  move(node: Node): void {
    const old = this.node;
    node.handles++;
    this.#node = node;
    old.handles--;
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

  /** `using x = ...` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** True after `dispose()`. */
  get disposed(): boolean {
    return this.#node === null;
  }

  /** Length of each axis. */
  get shape(): number[] {
    return [...this.node.shape];
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
    return size(this.node.shape);
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
    if (n === undefined) throw new TypeError("A 0-d array has no length");
    return n;
  }

  /** The elements, row-major: a view of the array's own memory where it is contiguous. Evaluates. */
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

  /** The only element as a number, boolean, bigint (64-bit integers) or `{ re, im }`. Evaluates. */
  item(): Item {
    if (this.size !== 1) throw plainError(`Cannot read item() of an array with ${this.size} elements: shape is [${this.node.shape.join(",")}]`);
    return elementOf(this.node.dtype, this.data(), 0);
  }

  /** As `item()`, without blocking the event loop. */
  async itemAsync(): Promise<Item> {
    if (this.size !== 1) throw plainError(`Cannot read item() of an array with ${this.size} elements: shape is [${this.node.shape.join(",")}]`);
    return elementOf(this.node.dtype, await this.dataAsync(), 0);
  }

  /** The elements as nested lists. Evaluates. */
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

  /** The text that MLX prints. Evaluates. */
  toString(): string {
    return late.text(this.node);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.#node === null ? "array(disposed)" : this.#node.placeholder ? `array(traced, shape=[${this.#node.shape.join(",")}], dtype=${this.#node.dtype})` : late.text(this.#node);
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this[Symbol.for("nodejs.util.inspect.custom") as unknown as keyof this] === undefined ? "array" : late.text(this.node);
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
