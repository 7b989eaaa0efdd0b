// Compares values in neutral form, exactly or within a tolerance.
import {
  type Dict,
  isDict,
  isNeutral,
  Mismatch,
  type Neutral,
  numbersOf,
  sameBytes,
  type Tolerance,
  type VectorCase,
} from "./cases.ts";

export const NONE: ReadonlySet<number> = new Set();

export function tolOf(c: VectorCase, i: number): Tolerance | null {
  if (c.tol === undefined) return null;
  return Array.isArray(c.tol) ? (c.tol as readonly (Tolerance | null)[])[i] ?? null : c.tol as Tolerance;
}

export function describe(value: unknown): string {
  if (isNeutral(value)) return `${value.dtype}[${value.shape}]`;
  return typeof value === "bigint" ? `${value}n` : JSON.stringify(value) ?? String(value);
}

/** Throws unless a result is what is wanted; `tol` null asks for equal values. */
export function compareValue(
  got: unknown,
  want: unknown,
  tol: Tolerance | null,
  skip: ReadonlySet<number>,
  where: string,
): void {
  const fail = (): never => {
    throw new Mismatch(`result${where}: got ${describe(got)}, expected ${describe(want)}`);
  };
  if (isNeutral(want)) {
    if (!isNeutral(got)) return fail();
    compareArray(got, want, tol, skip, where);
  } else if (Array.isArray(want)) {
    if (!Array.isArray(got) || got.length !== want.length) return fail();
    want.forEach((item, i) => compareValue(got[i], item, tol, NONE, `${where}[${i}]`));
  } else if (isDict(want)) {
    if (typeof got !== "object" || got === null) return fail();
    for (const [key, value] of Object.entries(want)) {
      // MLX's own names are in snake case.
      const name = Object.hasOwn(got, key) ? key : key.replace(/_([a-z])/g, (_, ch: string) => ch.toUpperCase());
      compareValue((got as Dict)[name], value, tol, NONE, `${where}.${name}`);
    }
  } else if (typeof want === "number" || typeof want === "bigint") {
    if (typeof got !== "number" && typeof got !== "bigint") return fail();
    const equal = typeof want === typeof got ? want === got || (want !== want && got !== got) : want == got;
    if (!equal && !(tol !== null && near(Number(got), 0, Number(want), 0, tol))) fail();
  } else if (want === null) {
    if (got !== null && got !== undefined) fail();
  } else if (got !== want) fail();
}

export function compareHead(got: unknown, want: Neutral, where: string): asserts got is Neutral {
  if (!isNeutral(got)) throw new Mismatch(`result${where}: got ${describe(got)}, expected ${describe(want)}`);
  if (got.dtype !== want.dtype) throw new Mismatch(`result${where}: dtype ${got.dtype}, expected ${want.dtype}`);
  if (got.shape.join() !== want.shape.join()) {
    throw new Mismatch(`result${where}: shape [${got.shape}], expected [${want.shape}]`);
  }
  if (got.bytes.length !== want.bytes.length) {
    throw new Mismatch(`result${where}: ${got.bytes.length} bytes, expected ${want.bytes.length}`);
  }
}

export function compareArray(
  got: Neutral,
  want: Neutral,
  tol: Tolerance | null,
  skip: ReadonlySet<number>,
  where: string,
): void {
  compareHead(got, want, where);
  if (sameBytes(got.bytes, want.bytes)) return;
  const a = numbersOf(got);
  const b = numbersOf(want);
  let bad = 0;
  let first = "";
  for (let i = 0; i < b.re.length; i++) {
    if (skip.has(i)) continue;
    const re = a.re[i] as number | bigint;
    const wantRe = b.re[i] as number | bigint;
    const im = a.im?.[i] ?? 0;
    const wantIm = b.im?.[i] ?? 0;
    const equal = same(re, wantRe) && same(im, wantIm);
    if (equal || (tol !== null && near(Number(re), im, Number(wantRe), wantIm, tol))) continue;
    if (bad++ === 0) first = `at ${i}: got ${show(re, a.im?.[i])}, expected ${show(wantRe, b.im?.[i])}`;
  }
  if (bad > 0) {
    const by = tol === null ? "exactly" : `rtol ${tol.rtol}, atol ${tol.atol}`;
    throw new Mismatch(`result${where}: ${bad} of ${b.re.length} values differ (${by}); ${first}`);
  }
}

export function show(re: number | bigint, im: number | undefined): string {
  return im === undefined ? String(re) : `${re}${im < 0 ? "" : "+"}${im}i`;
}

export function same(a: number | bigint, b: number | bigint): boolean {
  return a === b || (a !== a && b !== b);
}

export function near(re: number, im: number, wantRe: number, wantIm: number, { rtol, atol }: Tolerance): boolean {
  if (Number.isFinite(wantRe) && Number.isFinite(wantIm)) {
    return Math.hypot(re - wantRe, im - wantIm) <= atol + rtol * Math.hypot(wantRe, wantIm);
  }
  // Beside an infinity or NaN each part is compared by itself.
  const part = (a: number, b: number): boolean =>
    same(a, b) || (Number.isFinite(b) && Math.abs(a - b) <= atol + rtol * Math.abs(b));
  return part(re, wantRe) && part(im, wantIm);
}
