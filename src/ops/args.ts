// Reads the arguments of a public function: a trailing options object, one that may stand positionally (axis, mostly), integers and flags.
import { typeError } from "../base/error.ts";
import type { Options } from "../base/options.ts";
import { checkOptions, isPlainObject, NO_OPTIONS } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { axisOf, size } from "../core/shape.ts";
import { nodeOf, reshape } from "./basis.ts";

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

/** An integral argument; a TypeError that says what it is if it is something else. */
export function integer(name: string, what: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw typeError(`Cannot ${name}: ${what} must be an integer, not ${String(value)}`);
  }
  return value;
}
/** An option that is true or false; a TypeError if it is something else. */
export function flag(name: string, options: Options, key: string, otherwise = false): boolean {
  const value = options[key] ?? otherwise;
  if (typeof value !== "boolean") throw typeError(`Cannot ${name}: ${key} must be true or false, not ${String(value)}`);
  return value;
}
/** An array and one of its axes, `otherwise` if none is given; for null the flattened array and its axis. */
export function onAxis(
  name: string,
  a: ArrayLike,
  given: unknown,
  otherwise: number | null,
): { readonly x: Node; readonly axis: number; readonly flattened: boolean } {
  const x = nodeOf(name, a), axis = given === undefined ? otherwise : given;
  return axis === null
    ? { x: reshape(x, [size(x.shape)]), axis: 0, flattened: true }
    : { x, axis: axisOf(name, axis as number, x.shape.length), flattened: false };
}
