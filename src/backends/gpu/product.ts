// Matrix products on a GPU: which template takes a product, and the one for few rows or columns, whose matrix is read once. The order in which a sum is
// added up follows from its sizes: that of a template is the same however its operands lie.
import { itemsize } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/expr.ts";
import type { FoldStep, Kernel, Pass, Product } from "../../kernel/kernel.ts";
import type { Arguments, Run } from "./arguments.ts";
import { storageName, widened } from "./expr.ts";
import type { Language } from "./kernel.ts";

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
    readonly depth: number;
    readonly lies: readonly [Lie, Lie];
  }
  | { readonly form: "vectors"; readonly long: 0 | 1; readonly few: number; readonly lies: readonly [Lie, Lie] };

/** Threads of a threadgroup that has a tile: 4 SIMD groups. */
export const TILE_THREADS = 128;
/** Elements of a row that the lanes of a SIMD group take in turn, four each; long rows that it takes at once; columns of a threadgroup. */
const STEP = 128, AT_ONCE = 4, COLUMNS = 32;
/** Below so many multiplications the plain loop nest is as good. */
const SMALL = 4096;
/** Below so many tiles of 64 x 64 smaller ones keep more of the GPU busy. */
const MANY = 64;

const axisOf = (p: Product, factor: number): number => factor === 0 ? p.rows : p.columns;
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
  const most = Math.ceil(rows / 64) * Math.ceil(columns / 64), small = most < MANY ? 32 : 64;
  const shape = {
    form: "tiles",
    rows: rows <= 16 ? 16 : rows <= 32 ? 32 : columns <= 16 ? 64 : small,
    columns: columns <= 16 ? 16 : columns <= 32 ? 32 : rows <= 16 ? 64 : small,
    depth: dtype === "float16" ? 32 : 16,
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
  const batch = run.rows.reduce((n, x, d) => d === p.rows || d === p.columns ? n : n * x, 1);
  if (s.form === "tiles") {
    const across = Math.ceil(length(p.columns) / s.columns);
    return { across, groups: across * Math.ceil(length(p.rows) / s.rows) * batch };
  }
  const across = Math.ceil(length(axisOf(p, s.long)) / COLUMNS);
  return { across, groups: across * batch };
}

/** Prints into the text of a kernel: what the templates take of its printer. */
export interface Writer {
  readonly kernel: Kernel;
  readonly args: Arguments;
  readonly language: Language;
  /** The type of indices. */
  readonly index: string;
  line(text: string): void;
  block(head: string, body: () => void): void;
  /** Declares the length n of the sums. */
  length(): void;
  /** Stores what follows from the sum f<id> where the row axes r0, r1, ... are. */
  rowStores(): void;
}

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
  const { kernel: k, args } = w, mem = (factorsOf(k) as readonly number[])[which] as number;
  const axis = axisOf(k.product as Product, which),
    { dtype } = k.mems[mem] as Kernel["mems"][number],
    lie = s.lies[which];
  return {
    name: which === 0 ? "pa" : "pb",
    mem,
    axis,
    lie,
    type: storageName(dtype),
    count: axis < 0 ? "1" : args.axis("row", axis),
    stride: axis < 0 ? "0" : lie.along === "side" ? "1" : args.stride("rowStride", mem, axis),
    depth: lie.along === "depth" ? "1" : args.stride("innerStride", mem, 0),
    widened: (x) => widened(dtype, x),
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

/**
 * A product of few rows (or columns) with a long matrix. Sums go in 128 parts of the depth, four to each of 32 lanes, which are joined as a tree; so that both
 * forms give the same: lanes of a SIMD group along the depth, or, where the matrix lies across, threads along its rows.
 */
export function printVectors(w: Writer, s: Extract<ProductShape, { form: "vectors" }>): void {
  const long = factorOf(w, s, s.long), short = factorOf(w, s, s.long === 0 ? 1 : 0), { index } = w, { few } = s;
  const across = w.args.size("across"), sum = sumOf(w.kernel), zero = "0.0f";
  /** A loop whose steps are all known, as what they keep lies in registers. */
  const each = (name: string, n: number, body: () => void): void => {
    w.line("#pragma unroll");
    w.block(`for (int ${name} = 0; ${name} < ${n}; ${name}++)`, body);
  };
  /** Declares where n rows of a factor begin; those behind its end are its last. */
  const rowsOf = (name: string, f: Factor, from: string, n: number): void => {
    w.line(`${index} ${name}[${n}];`);
    each("q", n, () => w.line(`${name}[q] = (${from}q < ${f.count} ? ${from}q : ${f.count} - 1) * ${f.stride};`));
  };
  const at = (f: Factor, i: string, k: string): string =>
    f.widened(`${f.name}[${i} + ${k}${f.depth === "1" ? "" : ` * ${f.depth}`}]`);
  /** Loads four elements that lie together if they are inside, else one by one what is. */
  const four = (to: string, f: Factor, start: string, inside: string, one: string): void => {
    const copy = (x: string): string => `for (int c = 0; c < 4; c++) ${to}[c] = ${x};`;
    if (f.lie.vector === 1) return w.line(copy(one));
    w.block(`if (${inside})`, () => {
      w.line(`const ${f.type}4 v = *(${w.language.pointer(`${f.type}4`, false)})(${f.name} + ${start});`);
      w.line(copy(f.widened("v[c]")));
    });
    w.line(`else ${copy(one)}`);
  };
  /** Elements k to k + 3 of the sums, of a row. */
  const along = (to: string, f: Factor, row: string): void => {
    const vector = { ...f, lie: { ...f.lie, vector: f.lie.along === "depth" ? f.lie.vector : 1 } } as const;
    four(to, vector, `${row} + k`, "k + 4 <= n", `k + c < n ? ${at(f, row, "(k + c)")} : ${zero}`);
  };
  const begin = (columns: number): void => {
    batchOf(w, `group / ${across}`, [long, short]);
    rowsOf("x", short, "", few);
    w.line(`float s[${few}][${columns}];`);
    w.line(`for (int q = 0; q < ${few}; q++) for (int r = 0; r < ${columns}; r++) s[q][r] = ${zero};`);
  };
  /** Stores the sum of row q of the short factor and r of the long one, if they are inside. */
  const end = (inside: string, q: string, r: string, value: string): void => {
    if (short.axis >= 0) w.line(`const ${index} r${short.axis} = ${q};`);
    if (long.axis >= 0) w.line(`const ${index} r${long.axis} = ${r};`);
    const ends = [short, long].filter((f) => f.axis >= 0).map((f) => ` && r${f.axis} < ${f.count}`).join("");
    w.block(`if (${inside}${ends})`, () => {
      w.line(`const float ${sum} = ${value};`);
      w.rowStores();
    });
  };

  w.line(`const ${index} group = ${index}(sn_group);`);
  if (long.lie.along !== "side") {
    w.line("const uint lane = sn_thread % 32u;");
    w.line(
      `const ${index} first = (group % ${across} * ${COLUMNS / AT_ONCE} + ${index}(sn_thread / 32u)) * ${AT_ONCE};`,
    );
    w.line(`if (first >= ${long.count}) return;`);
    begin(AT_ONCE);
    rowsOf("y", long, "first + ", AT_ONCE);
    w.block(`for (${index} k = 4 * ${index}(lane); k < n; k += ${STEP})`, () => {
      w.line(`float u[${few}][4];`);
      each("q", few, () => along("u[q]", short, "x[q]"));
      each("r", AT_ONCE, () => {
        w.line("float vs[4];");
        along("vs", long, "y[r]");
        each("c", 4, () => each("q", few, () => w.line("s[q][r] = fma(u[q][c], vs[c], s[q][r]);")));
      });
    });
    w.line(`float mine = ${zero};`);
    each("e", few * AT_ONCE, () => {
      w.line(`float t = s[e / ${AT_ONCE}][e % ${AT_ONCE}];`);
      w.line("for (ushort d = 16; d > 0; d >>= 1) t = t + sn_xor_f32(t, d);");
      w.line("if (lane == uint(e)) mine = t;");
    });
    return end(
      `lane < ${few * AT_ONCE}u`,
      `${index}(lane / ${AT_ONCE}u)`,
      `first + ${index}(lane % ${AT_ONCE}u)`,
      "mine",
    );
  }

  w.line(`const ${index} first = group % ${across} * ${COLUMNS}, i = first + 4 * ${index}(sn_thread % 8u);`);
  w.line("const uint part = sn_thread / 8u;");
  begin(4);
  w.block(`for (${index} from = 4 * ${index}(part); from < n; from += ${STEP})`, () => {
    each("e", 4, () => {
      w.line(`const ${index} k = from + e;`);
      w.block("if (k < n)", () => {
        w.line("float vs[4];");
        four(
          "vs",
          long,
          `k * ${long.depth} + i`,
          `i + 4 <= ${long.count}`,
          `i + c < ${long.count} ? ${at(long, "i + c", "k")} : ${zero}`,
        );
        each("q", few, () => {
          w.line(`const float u = ${at(short, "x[q]", "k")};`);
          w.line("for (int c = 0; c < 4; c++) s[q][c] = fma(u, vs[c], s[q][c]);");
        });
      });
    });
  });
  w.line(w.language.shared("float", "joined", 32 * COLUMNS));
  each("q", few, () => {
    w.line(`for (int c = 0; c < 4; c++) joined[part * ${COLUMNS}u + sn_thread % 8u * 4u + uint(c)] = s[q][c];`);
    w.line(w.language.barrier);
    w.block("for (uint d = 16u; d > 0u; d >>= 1)", () => {
      w.line(
        `for (uint e = sn_thread; e < d * ${COLUMNS}u; e += 256u) joined[e] = joined[e] + joined[e + d * ${COLUMNS}u];`,
      );
      w.line(w.language.barrier);
    });
    end(`sn_thread < ${COLUMNS}u`, "q", `first + ${index}(sn_thread)`, "joined[sn_thread]");
    w.line(w.language.barrier);
  });
}
