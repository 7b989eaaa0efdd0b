// Folds and scans: how the elements along an axis become one.
import type { CType, Literal } from "./expr.ts";

/** Folds: all elements become one, or the first place of an extreme. */
export type Fold = "sum" | "prod" | "min" | "max" | "argmin" | "argmax";
/** Scans: the elements up to each place become one. */
export type Scan = "sum" | "prod" | "min" | "max" | "logaddexp";

/** True for the folds that give a place. */
export function isArg(fold: Fold | Scan): fold is "argmin" | "argmax" {
  return fold === "argmin" || fold === "argmax";
}
/** The binary operation that joins two values of a fold or scan; those of places have none. */
export function joinOf(fold: Fold | Scan): string {
  return fold === "sum" ? "add" : fold === "prod" ? "mul" : fold;
}
/** The value that changes nothing. */
export function identityOf(fold: Fold | Scan, t: CType): Literal {
  const big = t === "i64" || t === "u64";
  if (fold === "sum") return t === "c64" ? { re: 0, im: 0 } : big ? 0n : 0;
  if (fold === "prod") return t === "c64" ? { re: 1, im: 0 } : big ? 1n : 1;
  const low = fold === "max" || fold === "argmax" || fold === "logaddexp";
  switch (t) {
    case "i32":
      return low ? -2147483648 : 2147483647;
    case "u32":
      return low ? 0 : 4294967295;
    case "i64":
      return low ? -(2n ** 63n) : 2n ** 63n - 1n;
    case "u64":
      return low ? 0n : 2n ** 64n - 1n;
    case "c64":
      return low ? { re: -Infinity, im: -Infinity } : { re: Infinity, im: Infinity };
    default:
      return low ? -Infinity : Infinity;
  }
}
