// A factor of a matrix product in the text of a template: where it lies, and in which product of the batch.
import type { FoldStep, Kernel, Pass, Product } from "../../kernel/kernel.ts";
import { storageName, widened } from "./expr.ts";
import type { Writer } from "./language.ts";
import { axisOf, factorsOf, type Lie, type ProductShape } from "./product.ts";

/** A factor as a template reads it. */
export interface Factor {
  /** The name of a pointer to it. */
  readonly name: "pa" | "pb";
  /** Its number among the operands, and the row axis along which it moves (-1: none). */
  readonly mem: number;
  readonly axis: number;
  readonly lie: Lie;
  /** The type in memory. */
  readonly type: string;
  /** Texts: how many rows it has, the stride between them, and that along the sum. */
  readonly count: string;
  readonly stride: string;
  readonly depth: string;
  /** Its value in float32, of what was loaded. */
  widened(x: string): string;
}
/** Factor 0 or 1 of the product that is printed. */
export function factorOf(w: Writer, s: ProductShape, which: 0 | 1): Factor {
  const { kernel: k, args, language: { bfloat16 } } = w, mem = (factorsOf(k) as readonly number[])[which] as number;
  const axis = axisOf(k.product as Product, which),
    { dtype } = k.mems[mem] as Kernel["mems"][number],
    lie = s.lies[which];
  return {
    name: which === 0 ? "pa" : "pb",
    mem,
    axis,
    lie,
    type: storageName(dtype, bfloat16),
    count: axis < 0 ? "1" : args.axis("row", axis),
    stride: axis < 0 ? "0" : lie.along === "side" ? "1" : args.stride("rowStride", mem, axis),
    depth: lie.along === "depth" ? "1" : args.stride("innerStride", mem, 0),
    widened: (x) => widened(dtype, x, bfloat16),
  };
}
/** Declares the axes of the batch from the text of its number, and a pointer p<i> to each factor there. */
export function batchOf(w: Writer, number: string, factors: readonly Factor[]): void {
  const { kernel: k, args, index } = w, product = k.product as Product;
  const axes = Array.from({ length: k.rowAxes }, (_, d) => d).filter((d) =>
    d !== product.rows && d !== product.columns
  );
  if (axes.length > 0) w.line(`${index} rest = ${number};`);
  axes.reverse().forEach((d, i) => {
    const last = i === axes.length - 1;
    w.line(`const ${index} r${d} = ${last ? "rest" : `rest % ${args.axis("row", d)}`};`);
    if (!last) w.line(`rest /= ${args.axis("row", d)};`);
  });
  factors.forEach((f) => {
    const steps = axes.map((d) => ` + r${d} * ${args.stride("rowStride", f.mem, d)}`).join("");
    w.line(`${w.language.pointer(f.type, false)}${f.name} = m${f.mem}${steps};`);
  });
  w.length();
}
const foldOf = (k: Kernel): FoldStep => (k.passes[0] as Pass).folds[0] as FoldStep;
/** The name of the sum. */
export function sumOf(k: Kernel): string {
  return `f${foldOf(k).id}`;
}
