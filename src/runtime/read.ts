// Values between JavaScript and arrays: made, read and printed; and what the core calls of the runtime.
import { type DType, itemsize, typedArrayOf } from "../base/dtype.ts";
import { DEFAULT_PRECISION, elementsOf, formatArray } from "../base/format.ts";
import { computes, cpu, recording } from "../core/device.ts";
import { elementOf, late, type NDArray, type TypedData } from "../core/ndarray.ts";
import { type Buf, carried, Node, type OpDef } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { contiguousView, isContiguous, type View } from "../core/view.ts";
import { define } from "../ops/basis.ts";
import { isUnified } from "./devices.ts";
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
  const wanted = computes(recording.device, dtype) ? recording.device : cpu,
    home = isUnified(native(), wanted) ? wanted : cpu;
  const bytes = size(shape) * itemsize(dtype), id = room(bytes, home), b = bufferOf(id, native().address(id), bytes, 0);
  new Uint8Array(b.token, 0, bytes).set(new Uint8Array(data.buffer, data.byteOffset, bytes));
  const n = new Node(sourceOp as OpDef, NONE, null, shape, dtype, null, home);
  give(n, b, contiguousView(shape));
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
