// Compares a result with what a case recorded, in the way the case asks for.
import { decodeValue, isNeutral, Mismatch, type Neutral, numbersOf, type VectorCase } from "./cases.ts";
import { compareEig, compareFactors } from "./factors.ts";
import { compareAnyOrder, comparePartition } from "./orders.ts";
import { compareValue, describe, NONE, tolOf } from "./values.ts";

/** Compares a result in neutral form with what a case recorded: null if it agrees, else the reason. */
export function compareTo(c: VectorCase, got: unknown): string | null {
  try {
    compareCase(c, got);
    return null;
  } catch (error) {
    if (error instanceof Mismatch) return error.message;
    throw error;
  }
}

function compareCase(c: VectorCase, got: unknown): void {
  const out = decodeValue(c.out);
  switch (c.compare) {
    case undefined:
      compareResults(c, got, out);
      return;
    case "anyOrder":
      compareAnyOrder(c, got, out);
      return;
    case "partition":
      comparePartition(c, got, out);
      return;
    case "upToSign":
      compareFactors(c, got, out);
      return;
    case "eig":
      compareEig(c, got, out);
      return;
    default:
      c.compare satisfies never;
  }
}

function compareResults(c: VectorCase, got: unknown, out: unknown): void {
  const tol = c.tol;
  const skip = new Set(c.unspecified ?? []);
  if (c.kind === "sequence") {
    const wanted = out as unknown[];
    (got as unknown[]).forEach((value, i) => {
      if (wanted[i] !== null) compareValue(value, wanted[i], tolOf(c, i), NONE, `[${i}]`);
    });
    return;
  }
  if (Array.isArray(out) && (Array.isArray(tol) || skip.size > 0)) {
    if (!Array.isArray(got) || got.length !== out.length) {
      throw new Mismatch(`${out.length} results expected, got ${describe(got)}`);
    }
    out.forEach((want, i) => compareValue(got[i], want, tolOf(c, i), i === 0 ? skip : NONE, `[${i}]`));
    return;
  }
  const tolerance = tolOf(c, 0), slack = tolerance === null ? 0 : orderSlack(c);
  compareValue(got, out, tolerance === null ? null : { ...tolerance, atol: tolerance.atol + slack }, skip, "");
}

/** What the order of additions, which instruction sets choose, may change in a sum: n roundings of the largest number that is added. */
function orderSlack(c: VectorCase): number {
  const x = c.op === "sum" || c.op === "mean" ? decodeValue(c.args?.[0]) : null;
  const unit = isNeutral(x) ? { float32: 2 ** -24, float64: 2 ** -53 }[x.dtype as string] ?? 0 : 0;
  if (unit === 0) return 0;
  const all = [...numbersOf(x as Neutral).re].map((v) => Math.abs(Number(v))).filter(Number.isFinite);
  return all.length * unit * Math.max(0, ...all);
}
