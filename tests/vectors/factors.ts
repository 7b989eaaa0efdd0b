// Compares factorisations, which are defined up to signs: by their properties and their products.
import { decodeValue, isNeutral, Mismatch, type Neutral, numbersOf, type Tolerance, type VectorCase } from "./cases.ts";
import { compareAnyOrder } from "./orders.ts";
import { compareArray, compareHead, describe, NONE, tolOf } from "./values.ts";

// One matrix of a batch, as complex numbers.
interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function matrices(array: Neutral): Matrix[] {
  const [rows = 1, cols = 1] = array.shape.slice(-2);
  const values = numbersOf(array);
  const size = rows * cols;
  const count = size === 0 ? 0 : values.re.length / size;
  return Array.from({ length: count }, (_, b) => ({
    rows,
    cols,
    re: Float64Array.from(values.re.slice(b * size, (b + 1) * size), Number),
    im: Float64Array.from({ length: size }, (_, i) => values.im?.[b * size + i] ?? 0),
  }));
}

function vectors(array: Neutral): { re: number[]; im: number[] }[] {
  const n = array.shape.at(-1) ?? 1;
  const values = numbersOf(array);
  return Array.from({ length: n === 0 ? 0 : values.re.length / n }, (_, b) => ({
    re: values.re.slice(b * n, (b + 1) * n).map(Number),
    im: Array.from({ length: n }, (_, i) => values.im?.[b * n + i] ?? 0),
  }));
}

function product(a: Matrix, b: Matrix): Matrix {
  const re = new Float64Array(a.rows * b.cols);
  const im = new Float64Array(a.rows * b.cols);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.cols; k++) {
      const ar = a.re[i * a.cols + k] as number;
      const ai = a.im[i * a.cols + k] as number;
      for (let j = 0; j < b.cols; j++) {
        const br = b.re[k * b.cols + j] as number;
        const bi = b.im[k * b.cols + j] as number;
        const at = i * b.cols + j;
        re[at] = (re[at] as number) + ar * br - ai * bi;
        im[at] = (im[at] as number) + ar * bi + ai * br;
      }
    }
  }
  return { rows: a.rows, cols: b.cols, re, im };
}

function adjoint(a: Matrix): Matrix {
  const pick = (from: Float64Array, sign: number): Float64Array =>
    Float64Array.from(
      { length: from.length },
      (_, i) => sign * (from[(i % a.rows) * a.cols + Math.floor(i / a.rows)] as number),
    );
  return { rows: a.cols, cols: a.rows, re: pick(a.re, 1), im: pick(a.im, -1) };
}

function firstColumns(a: Matrix, cols: number): Matrix {
  const pick = (from: Float64Array): Float64Array =>
    Float64Array.from({ length: a.rows * cols }, (_, i) => from[Math.floor(i / cols) * a.cols + (i % cols)] as number);
  return { rows: a.rows, cols, re: pick(a.re), im: pick(a.im) };
}

// a * diag(s)
function scaleColumns(a: Matrix, s: { re: number[]; im: number[] }): Matrix {
  const re = a.re.map((x, i) => x * (s.re[i % a.cols] as number) - (a.im[i] as number) * (s.im[i % a.cols] as number));
  const im = a.im.map((x, i) => x * (s.re[i % a.cols] as number) + (a.re[i] as number) * (s.im[i % a.cols] as number));
  return { rows: a.rows, cols: a.cols, re, im };
}

function largest(a: Matrix): number {
  return a.re.reduce((most, x, i) => Math.max(most, Math.hypot(x, a.im[i] as number)), 0);
}

function requireNear(a: Matrix, b: Matrix, bound: number, what: string): void {
  a.re.forEach((x, i) => {
    const d = Math.hypot(x - (b.re[i] as number), (a.im[i] as number) - (b.im[i] as number));
    if (!(d <= bound)) throw new Mismatch(`${what}: off by ${d} at ${i} (at most ${bound})`);
  });
}

function requireOrthonormal(a: Matrix, bound: number, what: string): void {
  const gram = product(adjoint(a), a);
  const identity = {
    ...gram,
    re: gram.re.map((_, i) => (i % (gram.cols + 1) === 0 ? 1 : 0)),
    im: gram.im.map(() => 0),
  };
  requireNear(gram, identity, bound, what);
}

/** Results of a factorisation and what is recorded of them. */
interface Factors {
  readonly c: VectorCase;
  readonly got: readonly Neutral[];
  readonly want: readonly Neutral[];
  /** The rounding of a product of factors grows with their size. */
  readonly rtol: number;
}
/** Values that have no sign to choose. */
function requireValues({ c, got, want }: Factors, i: number): void {
  compareArray(got[i] as Neutral, want[i] as Neutral, tolOf(c, i), NONE, `[${i}]`);
}
function requireColumns({ got, rtol }: Factors, i: number, what: string): void {
  for (const m of matrices(got[i] as Neutral)) requireOrthonormal(m, 10 * rtol, what);
}
function requireRows({ got, rtol }: Factors, i: number, what: string): void {
  for (const m of matrices(got[i] as Neutral)) requireOrthonormal(adjoint(m), 10 * rtol, what);
}
function requireProduct({ got, want, rtol }: Factors, make: (list: readonly Neutral[]) => Matrix[]): void {
  const expected = make(want);
  make(got).forEach((m, b) => {
    const w = expected[b] as Matrix, bound = 10 * rtol * Math.max(largest(w), 1e-30) + 1e-30;
    requireNear(m, w, bound, `the product of the factors of matrix ${b}`);
  });
}
const CHECKS: Readonly<Record<string, (f: Factors) => void>> = {
  "linalg.eigh": (f) => {
    requireValues(f, 0);
    requireColumns(f, 1, "the eigenvectors");
    requireProduct(f, (list) => {
      const values = vectors(list[0] as Neutral);
      return matrices(list[1] as Neutral).map((v, b) =>
        product(scaleColumns(v, values[b] as { re: number[]; im: number[] }), adjoint(v))
      );
    });
  },
  "linalg.svd": (f) => {
    requireValues(f, 1);
    requireColumns(f, 0, "the left singular vectors");
    requireRows(f, 2, "the right singular vectors");
    requireProduct(f, (list) => {
      const values = vectors(list[1] as Neutral), right = matrices(list[2] as Neutral);
      return matrices(list[0] as Neutral).map((u, b) => {
        const s = values[b] as { re: number[]; im: number[] };
        const v = adjoint(firstColumns(adjoint(right[b] as Matrix), s.re.length));
        return product(scaleColumns(firstColumns(u, s.re.length), s), v);
      });
    });
  },
  "linalg.qr": (f) => {
    requireColumns(f, 0, "Q");
    for (const r of matrices(f.got[1] as Neutral)) {
      r.re.forEach((x, i) => {
        if (Math.floor(i / r.cols) > i % r.cols && Math.hypot(x, r.im[i] as number) > 0) {
          throw new Mismatch(`R is not upper triangular at ${i}`);
        }
      });
    }
    requireProduct(f, (list) => {
      const r = matrices(list[1] as Neutral);
      return matrices(list[0] as Neutral).map((q, b) => product(q, r[b] as Matrix));
    });
  },
};

/** Compares factors that are defined up to signs. */
export function compareFactors(c: VectorCase, got: unknown, out: unknown): void {
  if (isNeutral(out)) {
    // A lone orthogonal matrix: entries up to the sign of their column.
    compareHead(got, out, "");
    const positive = (array: Neutral): Neutral => ({
      ...array,
      dtype: "float64",
      bytes: new Uint8Array(Float64Array.from(numbersOf(array).re, (x) => Math.abs(Number(x))).buffer),
    });
    return compareArray(positive(got), positive(out), tolOf(c, 0), NONE, "");
  }
  const want = out as Neutral[], check = CHECKS[c.op ?? ""];
  if (!Array.isArray(got) || got.length !== want.length) {
    throw new Mismatch(`${want.length} results expected, got ${describe(got)}`);
  }
  want.forEach((w, i) => compareHead(got[i], w, `[${i}]`));
  if (check === undefined) throw new Mismatch(`${c.op} has no comparison up to sign`);
  const rtol = Math.max(...(Array.isArray(c.tol) ? c.tol as Tolerance[] : [tolOf(c, 0)]).map((t) => t?.rtol ?? 0));
  check({ c, got: got as Neutral[], want, rtol });
}

/** Compares eigenvalues in any order, and vectors by what defines them. */
export function compareEig(c: VectorCase, got: unknown, out: unknown): void {
  const [values, eigenvectors] = out as [Neutral, Neutral];
  if (!Array.isArray(got) || got.length !== 2) throw new Mismatch(`2 results expected, got ${describe(got)}`);
  compareHead(got[0], values, "[0]");
  compareHead(got[1], eigenvectors, "[1]");
  compareAnyOrder({ ...c, op: "linalg.eigvals", tol: tolOf(c, 0) ?? { rtol: 0, atol: 0 } }, got[0], values);
  const rtol = Math.max(...[0, 1].map((i) => tolOf(c, i)?.rtol ?? 0));
  const sources = matrices(decodeValue(c.args?.[0]) as Neutral);
  const w = vectors(got[0]);
  matrices(got[1]).forEach((v, b) => {
    const a = sources[b] as Matrix;
    requireNear(
      product(a, v),
      scaleColumns(v, w[b] as { re: number[]; im: number[] }),
      10 * rtol * Math.max(largest(a), 1),
      `A v = w v of matrix ${b}`,
    );
    for (let j = 0; j < v.cols; j++) {
      const norm = Math.sqrt(
        v.re.reduce((sum, x, i) => (i % v.cols === j ? sum + x * x + (v.im[i] as number) ** 2 : sum), 0),
      );
      if (!(Math.abs(norm - 1) <= 10 * rtol)) {
        throw new Mismatch(`eigenvector ${j} of matrix ${b} has the norm ${norm}`);
      }
    }
  });
}
