// How exact matrix products of float32 are: a setting that is read when they are recorded.
import { typeError } from "../base/error.ts";
import { shown } from "../base/options.ts";

/** How exact products of float32 are: `"highest"` is float32 throughout, `"high"` lets their factors have 11 significant bits where that is faster. */
export type MatmulPrecision = "highest" | "high";
let precision: MatmulPrecision = "highest";
/** The precision in force. */
export function matmulPrecision(): MatmulPrecision {
  return precision;
}
/**
 * Sets how exact products of float32 are from here on, and returns what was in force: `"highest"` (the default) is float32 throughout; `"high"` lets a
 * GPU with such tensor cores round the factors to TF32 (11 significant bits, some 1e-3 of relative error) and sum in float32, which is several times as
 * fast. It holds for what is recorded afterwards, and changes nothing for other dtypes and elsewhere. Throws a TypeError for other levels.
 *
 * @example
 * ```ts
 * mx.setMatmulPrecision("high"); // "highest"
 * mx.setMatmulPrecision("highest"); // "high"
 * ```
 */
export function setMatmulPrecision(level: MatmulPrecision): MatmulPrecision {
  if (level !== "highest" && level !== "high") {
    throw typeError(`Cannot setMatmulPrecision to ${shown(level)}: it is "highest" or "high"`);
  }
  const before = precision;
  precision = level;
  return before;
}
