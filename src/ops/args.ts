// Reads the arguments of a public function: a trailing options object, one that may stand positionally (axis, mostly), and an array with one of its axes.
import { typeError } from "../base/error.ts";
import type { Options } from "../base/options.ts";
import { checkOptions, isPlainObject, NO_OPTIONS } from "../base/options.ts";
import type { ArrayLike } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { axisOf, size } from "../core/shape.ts";
import { reshape } from "./basis.ts";
import { nodeOf } from "./lift.ts";

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
    checkOptions(name, second, known);
  }
  const given = (second ?? NO_OPTIONS) as Options;
  if (first === undefined) return given as T;
  if (given[key] !== undefined) throw typeError(`${name} got ${key} twice: as a positional argument and as an option`);
  return { ...given, [key]: first } as T;
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
