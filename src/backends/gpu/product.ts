// Which template takes a matrix product on a GPU. The order in which a sum is added up follows from its sizes: that of a template is the same however its
// operands lie.
import { itemsize } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/expr.ts";
import type { Kernel, Pass, Product } from "../../kernel/kernel.ts";
import type { Run } from "./arguments.ts";

/** How a factor lies: elements that follow one another along the sum (`depth`) or along its own axis (`side`), and how many are loaded at once. */
export interface Lie {
  readonly along: "depth" | "side" | "any";
  readonly vector: 1 | 4;
}
/** `tiles`: a threadgroup has a tile of the result. `vectors`: one factor has at most `few` rows, the other (`long`: 0 or 1) is read once. */
export type ProductShape =
  | {
    readonly form: "tiles";
    readonly rows: number;
    readonly columns: number;
    readonly lies: readonly [Lie, Lie];
  }
  | { readonly form: "vectors"; readonly long: 0 | 1; readonly few: number; readonly lies: readonly [Lie, Lie] };

/** Threads of a threadgroup that has a tile: 4 SIMD groups. */
export const TILE_THREADS = 128;
/** Rows of the long factor of a threadgroup, where the other has few. */
export const LONG_ROWS = 32;
/** Below so many multiplications the plain loop nest is as good. */
const SMALL = 4096;
/** Below so many tiles of 64 x 64 smaller ones keep more of the GPU busy. */
const MANY = 64;

/** The row axis along which a factor moves. */
export const axisOf = (p: Product, factor: number): number => factor === 0 ? p.rows : p.columns;
/** Products of the batch. */
const batchSize = (p: Product, run: Run): number =>
  run.rows.reduce((n, x, d) => d === p.rows || d === p.columns ? n : n * x, 1);
/** The operands that a product multiplies, or null if one is not read as it is. */
export function factorsOf(k: Kernel): readonly [number, number] | null {
  const { args } = (k.passes[0] as Pass).folds[0]?.value as Expr, [a, b] = args as readonly [Expr, Expr];
  return a.op === "load" && b.op === "load" ? [a.imm, b.imm] : null;
}

function lieOf(k: Kernel, run: Run, mem: number, axis: number): Lie {
  const o = run.operands[mem] as Run["operands"][number],
    item = itemsize((k.mems[mem] as Kernel["mems"][number]).dtype);
  const depth = (o.inner[0] as number) * item, side = axis < 0 ? 0 : o.rows[axis] as number;
  const along = depth === item ? "depth" : side === item ? "side" : "any";
  if (along === "any" || o.offset === null) return { along, vector: 1 };
  const steps = [
    o.offset,
    ...o.rows.filter((_, d) => along === "depth" || d !== axis),
    ...(along === "side" ? [depth] : []),
  ];
  return { along, vector: steps.every((s) => s % (4 * item) === 0) ? 4 : 1 };
}

/** The template that takes a run of a matrix product (null: the plain loop nest), and why, for `explain`. `tiles`: the language has them. */
export function chooseProduct(
  k: Kernel,
  run: Run,
  tiles: boolean,
): { readonly shape: ProductShape | null; readonly why: string } {
  const product = k.product as Product, factors = factorsOf(k);
  const nest = (why: string) => ({ shape: null, why: `by the plain loop nest, as ${why}` });
  if (factors === null) return nest("a factor is computed");
  const dtype = k.mems[factors[0]]?.dtype as string;
  if (!/^b?float(16|32)$/.test(dtype)) return nest(`there is none for ${dtype}`);
  const length = (axis: number): number => axis < 0 ? 1 : run.rows[axis] as number;
  const rows = length(product.rows), columns = length(product.columns), depth = run.inner[0] as number;
  if (rows * columns * depth <= SMALL) return nest(`it has at most ${SMALL} multiplications`);
  const lie = (f: 0 | 1): Lie => lieOf(k, run, factors[f], axisOf(product, f)), lies = [lie(0), lie(1)] as const;
  if (Math.min(rows, columns) <= 8) {
    const long = rows > columns ? 0 : 1, few = 2 ** Math.ceil(Math.log2(Math.min(rows, columns)));
    const by = lies[long].along === "side" ? "threads across" : "SIMD groups along";
    const why = `with ${by} the ${long === 0 ? "first" : "second"} factor, as the other is at most ${few} wide`;
    return { shape: { form: "vectors", long, few, lies }, why };
  }
  if (!tiles) return nest("the GPU has no matrices of SIMD groups");
  const most = Math.ceil(rows / 64) * Math.ceil(columns / 64) * batchSize(product, run), small = most < MANY ? 32 : 64;
  const shape = {
    form: "tiles",
    rows: rows <= 16 ? 16 : rows <= 32 ? 32 : columns <= 16 ? 64 : small,
    columns: columns <= 16 ? 16 : columns <= 32 ? 32 : rows <= 16 ? 64 : small,
    lies,
  } as const;
  const cause = Math.min(rows, columns) <= 32
    ? "one side is short"
    : most < MANY
    ? `there are but ${most} of 64 x 64`
    : "";
  return { shape, why: `in tiles of ${shape.rows} x ${shape.columns}${cause === "" ? "" : `, as ${cause}`}` };
}
/** The template that takes a run of a matrix product, or null. */
export function productOf(k: Kernel, run: Run, tiles: boolean): ProductShape | null {
  return k.product === undefined ? null : chooseProduct(k, run, tiles).shape;
}

/** Threadgroups along the result of one product of a batch: across, and all. */
export function productGroups(
  s: ProductShape,
  p: Product,
  run: Run,
): { readonly across: number; readonly groups: number } {
  const length = (axis: number): number => axis < 0 ? 1 : run.rows[axis] as number;
  const batch = batchSize(p, run);
  if (s.form === "tiles") {
    const across = Math.ceil(length(p.columns) / s.columns);
    return { across, groups: across * Math.ceil(length(p.rows) / s.rows) * batch };
  }
  const across = Math.ceil(length(axisOf(p, s.long)) / LONG_ROWS);
  return { across, groups: across * batch };
}
