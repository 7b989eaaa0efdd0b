// Matrix products of few rows (or columns), whose long matrix is read once.
import { batchOf, type Factor, factorOf, sumOf } from "./factor.ts";
import type { Writer } from "./language.ts";
import { LONG_ROWS, type ProductShape } from "./product.ts";

/** Elements of a row that the lanes of a SIMD group take in turn, four each; rows of the long factor that it takes at once. */
const STEP = 128, AT_ONCE = 4;

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
      `const ${index} first = (group % ${across} * ${LONG_ROWS / AT_ONCE} + ${index}(sn_thread / 32u)) * ${AT_ONCE};`,
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

  w.line(`const ${index} first = group % ${across} * ${LONG_ROWS}, i = first + 4 * ${index}(sn_thread % 8u);`);
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
  w.line(w.language.shared("float", "joined", 32 * LONG_ROWS));
  each("q", few, () => {
    w.line(`for (int c = 0; c < 4; c++) joined[part * ${LONG_ROWS}u + sn_thread % 8u * 4u + uint(c)] = s[q][c];`);
    w.line(w.language.barrier);
    w.block("for (uint d = 16u; d > 0u; d >>= 1)", () => {
      w.line(
        `for (uint e = sn_thread; e < d * ${LONG_ROWS}u; e += 256u) joined[e] = joined[e] + joined[e + d * ${LONG_ROWS}u];`,
      );
      w.line(w.language.barrier);
    });
    end(`sn_thread < ${LONG_ROWS}u`, "q", `first + ${index}(sn_thread)`, "joined[sn_thread]");
    w.line(w.language.barrier);
  });
}
