// What branches cost: whether a GPU had better run both than wait until the host knows which.
import { itemsize } from "../../base/dtype.ts";
import { type Body, type Node, topological } from "../../core/node.ts";
import { size } from "../../core/shape.ts";
import { below, plus, type Size, times } from "../../kernel/sizes.ts";

/**
 * What both branches may cost, in bytes that a GPU moves while the host waits for a byte and answers it: some 20 µs at 400
 * GB/s. A launch more takes it as long as a megabyte, and a byte as long as four operations of a matrix product.
 */
const ROUND_TRIP = 8 << 20, LAUNCH = 1 << 20, FLOPS = 4;

/** True if to compute these bodies costs less than to ask which; what may fail, and loops, run only where they were chosen. */
export function areLight(bodies: readonly Body[]): boolean {
  let cost: Size = 0;
  for (const { given, results } of bodies) {
    const leaves = new Set(given);
    for (const n of topological(results, (x) => leaves.has(x))) {
      const own = costOf(n);
      if (own === null) return false;
      cost = plus(cost, own);
    }
  }
  return !below(ROUND_TRIP, cost);
}
const bytesOf = (n: Node): Size => times(size(n.shape), itemsize(n.dtype));
/** The cost of an op; null: it does not run but where it was chosen. */
function costOf(n: Node): Size | null {
  const { lower } = n.op;
  switch (lower.kind) {
    case "source":
    case "view":
      return 0;
    case "map":
    case "iota":
    case "gather":
      return bytesOf(n);
    case "fold":
    case "scan":
    case "parts":
    case "scatter":
      return [...n.inputs, n].reduce((sum, x) => plus(sum, bytesOf(x)), LAUNCH as Size);
    case "call":
      return lower.product === undefined
        ? null
        : plus(LAUNCH, times(times(size(n.shape), (n.inputs[0] as Node).shape.at(-1) as number), 2 / FLOPS));
    case "loop":
    case "program":
      return null;
    default:
      return lower satisfies never;
  }
}
