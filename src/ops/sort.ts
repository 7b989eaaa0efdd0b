// Sorting: argsort as a call of the native library.
import type { DType } from "../base/dtype.ts";
import { isFloating } from "../base/dtype.ts";
import type { Node } from "../core/node.ts";
import { apply } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { define, permute } from "./basis.ts";

/** The native library's name for a dtype in sorting routines: by value, unlike the names of storages. */
export function sortName(d: DType): string {
  if (d === "bool") return "bool";
  if (d === "bfloat16") return "bf16";
  if (d === "complex64") return "c64";
  return `${d[0] === "u" ? "u" : isFloating(d) ? "f" : "i"}${d.replace(/\D/g, "")}`;
}
const argsortOp = define<null>({
  name: "argsort",
  type: ([x]) => ({ shape: (x as Node).shape, dtype: "uint32" }),
  lower: {
    kind: "call",
    strided: false,
    calls: (_arg, _views, _outs, avals) => {
      const x = avals[0] as Node, n = x.shape[x.shape.length - 1] as number;
      return [{
        routine: `argsort.${sortName(x.dtype)}`,
        pointers: [{ which: "in", index: 0, offset: 0 }, { which: "out", index: 0, offset: 0 }],
        ints: [n === 0 ? 0 : size(x.shape) / n, n, n, 1],
        nums: [],
      }];
    },
  },
  vjp: () => [null],
});
/** The order that sorts a node along an axis, equal elements as they come, NaN last: uint32. */
export function argsortNode(x: Node, axis: number): Node {
  const axes = x.shape.map((_, d) => d).filter((d) => d !== axis);
  axes.push(axis);
  const back = axes.map((_, d) => axes.indexOf(d));
  return permute(apply(argsortOp, [permute(x, axes)], null), back);
}
