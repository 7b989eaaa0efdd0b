// Reads the trailing arguments of a public function: one that may stand positionally (axis, mostly) and an options object.
import { typeError } from "../base/error.ts";
import type { Options } from "../base/options.ts";
import { checkOptions, isPlainObject, NO_OPTIONS } from "../base/options.ts";

/** An axis, or several; null is MLX's None. */
export type AxisArg = number | readonly number[] | null;

/** The options of a call `name(..., key, { ... })` where `key` may stand positionally or in the object; unknown keys throw. */
export function trailing<T extends object>(
  name: string,
  key: string,
  first: unknown,
  second: T | undefined,
  known: readonly (keyof T & string)[],
): T {
  if (first === undefined && second === undefined) return NO_OPTIONS as T;
  if (isPlainObject(first) && second === undefined) {
    checkOptions(name, first, known);
    return first as T;
  }
  if (second !== undefined) {
    if (!isPlainObject(second)) {
      throw typeError(
        `${name} takes an options object as its last argument, not ${second === null ? "null" : `a ${typeof second}`}`,
      );
    }
    checkOptions(name, second, known);
  }
  const given = (second ?? NO_OPTIONS) as Options;
  if (first === undefined) return given as T;
  if (given[key] !== undefined) throw typeError(`${name} got ${key} twice: as a positional argument and as an option`);
  return { ...given, [key]: first } as T;
}
