// What branches cost: whether a GPU had better run both than wait until the host knows which.
import { itemsize } from "../../base/dtype.ts";
import { type Body, type Node, topological } from "../../core/node.ts";
import { size } from "../../core/shape.ts";

/**
 * What both branches may cost, in bytes that a GPU moves while the host waits for a byte and answers it: some 20 µs at 400
 * GB/s. A launch more takes it as long as a megabyte, and a byte as long as four operations of a matrix product.
 */
const ROUND_TRIP = 8 << 20, LAUNCH = 1 << 20, FLOPS = 4;

/** True if to compute these bodies costs less than to ask which; what may fail, and loops, run only where they were chosen. */
export function areLight(bodies: readonly Body[]): boolean {
  let cost = 0;
  for (const { given, results } of bodies) {
    const leaves = new Set(given);
    for (const n of topological(results, (x) => leaves.has(x))) cost += costOf(n);
  }
  return cost <= ROUND_TRIP;
}
const bytesOf = (n: Node): number => size(n.shape) * itemsize(n.dtype);
function costOf(n: Node): number {
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
      return n.inputs.reduce((sum, x) => sum + bytesOf(x), LAUNCH + bytesOf(n));
    case "call":
      return lower.product === undefined
        ? Infinity
        : LAUNCH + 2 * size(n.shape) * ((n.inputs[0] as Node).shape.at(-1) as number) / FLOPS;
    case "loop":
    case "program":
      return Infinity;
    default:
      return lower satisfies never;
  }
}
