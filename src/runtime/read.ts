// Values between JavaScript and arrays: made, read and printed; and what the core calls of the runtime.
import { type DType, itemsize, typedArrayOf } from "../base/dtype.ts";
import { DEFAULT_PRECISION, elementsOf, formatArray } from "../base/format.ts";
import { computes, cpu, type Device, recording } from "../core/device.ts";
import { elementOf, late, type NDArray, type TypedData } from "../core/ndarray.ts";
import { type Buf, carried, Node, type OpDef } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { contiguousView, isContiguous, type View } from "../core/view.ts";
import { define } from "../ops/basis.ts";
import { deviceNumber, isUnified } from "./devices.ts";
import { carry, evaluate, evaluateAsync, flattened, moved, near, typed, type TypedConstructor } from "./evaluate.ts";
import { bufferOf, give, native, release, room, settle } from "./memory.ts";
import { NONE } from "./run.ts";

const sourceOp = define<null>({
  name: "array",
  type: () => ({ shape: [], dtype: "float32" }),
  lower: { kind: "source" },
});
/** A node over a fresh buffer of the device of the moment with these row-major elements. */
function store(data: TypedData, shape: readonly number[], dtype: DType): Node {
  const home = homeOf(dtype), bytes = size(shape) * itemsize(dtype), id = room(bytes, home);
  const b = bufferOf(id, native().address(id), bytes, 0);
  new Uint8Array(b.token, 0, bytes).set(new Uint8Array(data.buffer, data.byteOffset, bytes));
  return source(b, contiguousView(shape), dtype, home);
}
/** The device on which a value of this dtype is wanted. */
const wantedFor = (dtype: DType): Device => computes(recording.device, dtype) ? recording.device : cpu;
/** Where the host puts it: there, or in its own memory. */
function homeOf(dtype: DType): Device {
  const wanted = wantedFor(dtype);
  return isUnified(native(), wanted) ? wanted : cpu;
}
/**
 * A node over a file's bytes from `offset` on, which are read when they are used; null if the file cannot be mapped. The file must
 * stay as it is while the node lives; who writes to the memory writes to a copy of the page.
 */
export function mapFile(
  path: string,
  bytes: number,
  offset: number,
  shape: readonly number[],
  dtype: DType,
): Node | null {
  const lib = native(), home = homeOf(dtype), id = lib.map(path, bytes, deviceNumber(lib, home));
  if (id === 0) return null;
  const view = { ...contiguousView(shape), offset: offset / itemsize(dtype) };
  return source(bufferOf(id, lib.address(id), bytes, 0), view, dtype, home);
}
/** A node over a buffer of `home` that the host filled; its copy where the value is wanted elsewhere. */
function source(b: Buf, view: View, dtype: DType, home: Device): Node {
  const n = new Node(sourceOp as OpDef, NONE, null, view.shape, dtype, null, home), wanted = wantedFor(dtype);
  give(n, b, view);
  if (wanted === home) return n;
  const t = carried(n, wanted, { why: () => "it is made of values of JavaScript", host: true });
  carry(t);
  release(n);
  return t;
}
export function read(n: Node): TypedData {
  settle(n);
  if (!isContiguous(n.view as View)) {
    const flat = flattened(n);
    evaluate([flat]);
    return read(flat);
  }
  const host = near(n);
  (host.buf as Buf).exposed = true;
  return typed(host);
}
/** How arrays print. */
export const printing = { precision: DEFAULT_PRECISION };
/** Arrays up to this size are laid out row-major to be printed; of larger ones only the shown elements are read. */
const SMALL = 65536;
function text(node: Node): string {
  evaluate([node]);
  const n = near(node), v = n.view as View;
  if (isContiguous(v) || size(n.shape) <= SMALL) {
    const { get, sign } = elementsOf(n.dtype, isContiguous(v) ? typed(n) : read(n));
    return formatArray(n.dtype, n.shape, get, printing.precision, sign);
  }
  const b = n.buf as Buf, item = itemsize(n.dtype), lanes = n.dtype === "complex64" ? 2 : 1;
  const all = new (typedArrayOf(n.dtype) as unknown as TypedConstructor)(
    b.token,
    0,
    Math.floor(b.bytes / item) * lanes,
  );
  return formatArray(n.dtype, n.shape, (flat) => {
    let at = v.offset, rest = flat;
    for (let d = n.shape.length - 1; d >= 0; d--) {
      const s = n.shape[d] as number;
      at += (rest % s) * (v.strides[d] as number);
      rest = Math.floor(rest / s);
    }
    return elementOf(n.dtype, all, at);
  }, printing.precision);
}
const scopes: Set<NDArray>[] = [];
/** Lists the arrays made until `leaveScope`. */
export function enterScope(): void {
  scopes.push(new Set());
}
/** Ends the innermost scope and returns the arrays made in it. */
export function leaveScope(): Set<NDArray> {
  return scopes.pop() as Set<NDArray>;
}
Object.assign(late, {
  evaluate,
  evaluateAsync,
  read,
  text,
  release,
  store,
  moved,
  made: (a: NDArray): void => {
    if (scopes.length > 0) (scopes[scopes.length - 1] as Set<NDArray>).add(a);
  },
});
