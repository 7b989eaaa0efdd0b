// Matrix products on matrices of SIMD groups: a threadgroup has a tile of the result, and passes tiles of both factors through its memory. A sum goes over the
// depth in steps of 8, whatever the tile. 16-bit floats are multiplied as they are, but bfloat16 as float32 where the language has no such type; sums are float32.
import { batchOf, type Factor, factorOf, sumOf } from "../gpu/factor.ts";
import type { Writer } from "../gpu/language.ts";
import { type ProductShape, TILE_THREADS } from "../gpu/product.ts";

/** Rows of tiles that threadgroups take in turn, so that those which run together share their factors' tiles in the cache. */
const BAND = 8;

/** A factor's tile in memory of the threadgroup: it lies as the factor does. */
interface Tile {
  readonly factor: Factor;
  readonly name: string;
  /** The element type, and elements from one row or step of the depth to the next: what pads it keeps lanes on different banks. */
  readonly type: "half" | "bfloat" | "float";
  readonly pitch: number;
  /** Rows (columns, of the second factor), and the text of the first. */
  readonly side: number;
  readonly from: string;
}

/** Loads a tile, `depth` elements from k0 on; what is beyond the ends is 0. */
function load(w: Writer, t: Tile, depth: number): void {
  const { factor: f, name, pitch, side } = t, v = f.lie.vector, bySide = f.lie.along === "side", { index } = w;
  const along = (bySide ? side : depth) / v, count = side * depth / v;
  const same = t.type === f.type, staged = (x: string): string => same ? x : f.widened(x);
  const step = (x: string, stride: string): string => stride === "1" ? x : `${x} * ${stride}`;
  const at = (i: string, k: string): string => `${f.name}[${step(i, f.stride)} + ${step(k, f.depth)}]`;
  const zero = t.type === "float" ? "0.0f" : `${t.type}(0.0f)`, to = `${name} + y * ${pitch} + x`;
  w.line("#pragma unroll");
  w.block(`for (int e = int(sn_thread); e < ${count}; e += ${TILE_THREADS})`, () => {
    w.line(`const int y = e / ${along}, x = e % ${along}${v === 1 ? "" : ` * ${v}`};`);
    w.line(`const ${index} i = ${t.from} + ${bySide ? "x" : "y"}, k = k0 + ${bySide ? "y" : "x"};`);
    if (v === 1) return w.line(`*(${to}) = i < ${f.count} && k < n ? ${staged(at("i", "k"))} : ${zero};`);
    // Vectors that are inside as a whole; at the end, what of them is.
    const [across, whole, some] = bySide
      ? [`k < n`, `i + ${v} <= ${f.count}`, `i + c < ${f.count}`]
      : [`i < ${f.count}`, `k + ${v} <= n`, "k + c < n"];
    const vector = `${f.type}${v}`, each = Array.from({ length: v }, (_, c) => staged(`v[${c}]`));
    w.block(`if (${across} && ${whole})`, () => {
      w.line(`const ${vector} v = *(${w.language.pointer(vector, false)})(&${at("i", "k")});`);
      w.line(`*(threadgroup ${t.type}${v} *)(${to}) = ${same ? "v" : `${t.type}${v}(${each.join(", ")})`};`);
    });
    const one = bySide ? at("(i + c)", "k") : at("i", "(k + c)");
    w.line(`else for (int c = 0; c < ${v}; c++) (${to})[c] = ${across} && ${some} ? ${staged(one)} : ${zero};`);
  });
}

/** Prints a product in tiles. */
export function printTiles(w: Writer, s: Extract<ProductShape, { form: "tiles" }>): void {
  const a = factorOf(w, s, 0), b = factorOf(w, s, 1), { index } = w, across = w.args.size("across");
  // Each of the SIMD groups has a quarter of the tile.
  const height = s.rows / 2, width = s.columns / 2, type = a.type === "half" || a.type === "bfloat" ? a.type : "float";
  const [bytes, pad, depth] = type === "float" ? [4, 4, 16] as const : [2, 8, 32] as const;
  const tile = (factor: Factor, name: string, side: number, from: string): Tile => ({
    factor,
    name,
    type,
    pitch: (factor.lie.along === "side" ? side : depth) + pad,
    side,
    from,
  });
  const left = tile(a, "ta", s.rows, "row0"), right = tile(b, "tb", s.columns, "column0");

  w.line(`const ${index} group = ${index}(sn_group), down = (${a.count} + ${s.rows - 1}) / ${s.rows};`);
  w.line(`const ${index} place = group % (${across} * down), band = place / (${BAND} * ${across}) * ${BAND};`);
  w.line(`const ${index} high = down - band < ${BAND} ? down - band : ${BAND}, within = place - band * ${across};`);
  w.line(
    `const ${index} row0 = (band + within % high) * ${s.rows}, column0 = within / high * ${s.columns};`,
  );
  batchOf(w, `group / (${across} * down)`, [a, b]);
  w.line("const uint simd = sn_thread / 32u, lane = sn_thread % 32u;");
  w.line(`const int top = int(simd / 2u) * ${height}, side = int(simd % 2u) * ${width};`);
  // One memory, which begins at a multiple of a vector, for both tiles and then for the sums.
  const room = (t: Tile): number => t.pitch * (t.factor.lie.along === "side" ? depth : t.side);
  const tiles = (room(left) + room(right)) * bytes, sums = 4 * 8 * width * 4;
  w.line(w.language.shared("float4", "room", Math.ceil(Math.max(tiles, sums) / 16)));
  w.line(
    `threadgroup ${type} *${left.name} = (threadgroup ${type} *)room, *${right.name} = ${left.name} + ${room(left)};`,
  );
  w.line(`simdgroup_float8x8 sum[${height / 8}][${width / 8}];`);
  const each = (n: number, name: string, body: () => void): void => {
    w.line("#pragma unroll");
    w.block(`for (int ${name} = 0; ${name} < ${n / 8}; ${name}++)`, body);
  };
  each(
    height,
    "i",
    () => each(width, "j", () => w.line("sum[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);")),
  );
  w.block(`for (${index} k0 = 0; k0 < n; k0 += ${depth})`, () => {
    load(w, left, depth);
    load(w, right, depth);
    w.line(w.language.barrier);
    w.line("#pragma unroll");
    w.block(`for (int k = 0; k < ${depth}; k += 8)`, () => {
      w.line(`simdgroup_${type}8x8 x[${height / 8}], y[${width / 8}];`);
      const fetch = (t: Tile, to: string, at: string, transposed: boolean): void => {
        const [first, second] = t.factor.lie.along === "side" ? ["k", at] : [at, "k"];
        w.line(
          `simdgroup_load(${to}, ${t.name} + (${first}) * ${t.pitch} + ${second}, ${t.pitch}, ulong2(0, 0), ${transposed});`,
        );
      };
      each(height, "i", () => fetch(left, "x[i]", "top + 8 * i", a.lie.along === "side"));
      each(width, "j", () => fetch(right, "y[j]", "side + 8 * j", b.lie.along !== "side"));
      each(
        height,
        "i",
        () => each(width, "j", () => w.line("simdgroup_multiply_accumulate(sum[i][j], x[i], y[j], sum[i][j]);")),
      );
    });
    w.line(w.language.barrier);
  });
  // Eight rows of a SIMD group's part at a time go to memory that its lanes read along the rows.
  w.line(`threadgroup float *part = (threadgroup float *)room + simd * ${8 * width}u;`);
  each(height, "i", () => {
    each(width, "j", () => w.line(`simdgroup_store(sum[i][j], part + 8 * j, ${width});`));
    w.line("simdgroup_barrier(mem_flags::mem_threadgroup);");
    w.block(`for (int e = int(lane); e < ${8 * width}; e += 32)`, () => {
      w.line(`const ${index} r${a.axis} = row0 + top + 8 * i + e / ${width};`);
      w.line(`const ${index} r${b.axis} = column0 + side + e % ${width};`);
      w.block(`if (r${a.axis} < ${a.count} && r${b.axis} < ${b.count})`, () => {
        w.line(`const float ${sumOf(w.kernel)} = part[e];`);
        w.rowStores();
      });
    });
    w.line("simdgroup_barrier(mem_flags::mem_threadgroup);");
  });
}
