// The check of index arrays under SINTER_CHECK=1; without it kernels hold what is out of range inside the array.
import { siteOf } from "../base/error.ts";
import type { Node } from "../core/node.ts";
import { size } from "../core/shape.ts";
import type { Gather } from "../ops/basis.ts";

/** Throws a RangeError for the first index array among the inputs of `order` that points outside the axis that it indexes. */
export function checkIndices(order: readonly Node[], values: (n: Node) => ArrayLike<number | bigint>): void {
  for (const n of order) {
    const { kind } = n.op.lower;
    if (kind !== "gather" && kind !== "scatter") continue;
    const { source } = n.arg as Gather, [x, ...indices] = n.inputs as readonly [Node, ...Node[]];
    source.forEach((s, axis) => {
      if (s.from === "out") return;
      const index = indices[s.which] as Node, length = x.shape[axis] as number;
      const data = values(index), i = Array.prototype.findIndex.call(data, (v: number) => v < -length || v >= length);
      if (i < 0) return;
      const at = siteOf(n.recorded?.stack ?? "");
      throw new RangeError(
        `Cannot ${n.op.name}: index ${data[i]} is out of range for axis ${axis} of length ${length} (element ${i} of ${
          size(index.shape)
        })${at === "" ? "" : `\n    at ${at}`}`,
      );
    });
  }
}
