// Splits a call's arguments into the required ones, positional axis, shape or dtype, and the trailing options object; reads what they hold.
import { typeError } from "./error.ts";

/** What an options object holds. */
export type Options = Record<string, unknown>;

/** An options object with these keys, each of which may be missing, undefined or null. */
export type Given<O> = { readonly [K in keyof O]?: O[K] | null | undefined };
/** The arguments after the required ones: those of `P`, in order, as far as they are given, and an options object. */
export type Tail<P extends readonly unknown[], O> = P extends readonly [infer A, ...infer R]
  ? readonly [options?: Given<O> | undefined] | readonly [A | null | undefined, ...Tail<R, O>]
  : readonly [options?: Given<O> | undefined];

/** The options of a call that gave none; frozen and shared, so that such a call allocates nothing. */
export const NO_OPTIONS: Options = Object.freeze(Object.create(null) as Options);

const NO_NAMES: readonly string[] = Object.freeze([]);

/** Whether a value is a plain object (its prototype is `Object.prototype` or null), which as a last argument holds options. */
export function isPlainObject(value: unknown): value is Options {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The options of a call: `args` are what it got, the first `required` of them stay positional, those after fill `positional`
 * in order (where a dtype may stand, a text is one), and a last plain object holds options; a TypeError for unknown keys, too
 * few or too many arguments.
 */
export function splitArgs(
  name: string,
  args: readonly unknown[],
  required: number,
  known: readonly string[],
  positional: readonly string[] = NO_NAMES,
): Options {
  let count = args.length;
  let given: Options | undefined;
  // A plain object among the required arguments (a tree, a complex scalar) is no options object.
  if (count > required && isPlainObject(args[count - 1])) {
    given = args[--count] as Options;
    checkOptions(name, given, known, positional);
  }
  if (count < required) {
    throw typeError(`${name} takes ${counted(required, "required argument")}, but got ${count}`);
  }
  if (count === required) return given ?? NO_OPTIONS;
  let options: Options | undefined;
  for (let i = required; i < count; i++) {
    const value = args[i];
    if (value === undefined) continue;
    const key = typeof value === "string" && positional.includes("dtype") ? "dtype" : positional[i - required];
    if (key === undefined) throw tooMany(name, count, required, known, positional);
    options ??= given === undefined ? {} : { ...given };
    if (options[key] !== undefined) throw typeError(`${name} got ${key} twice`);
    options[key] = value;
  }
  return options ?? given ?? NO_OPTIONS;
}

/** Throws a TypeError if what stands for options is no plain object, or one that lists the known keys if it has another. */
export function checkOptions(
  name: string,
  given: object,
  known: readonly string[],
  positional: readonly string[] = NO_NAMES,
): void {
  if (!isPlainObject(given)) {
    throw typeError(`${name} takes an options object as its last argument, not ${shown(given)}`);
  }
  for (const key in given) {
    if (known.includes(key) || positional.includes(key)) continue;
    const keys = [...new Set([...positional, ...known])];
    const listed = keys.length === 0 ? "it takes no options" : `the known ones are ${keys.join(", ")}`;
    throw typeError(`${name} has no option ${JSON.stringify(key)}; ${listed}`);
  }
}

/** The value of a required keyword-only option; a TypeError that names it if it is missing. */
export function requiredOption(name: string, options: Options, key: string): unknown {
  const value = options[key];
  if (value === undefined) throw typeError(`${name} needs the option ${JSON.stringify(key)}`);
  return value;
}

/** A value as errors show it. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? `a list of ${value.length}` : `an object (${value.constructor?.name ?? "Object"})`;
    default:
      return String(value);
  }
}
/** An integral argument; a TypeError that says what it is if it is something else. */
export function integer(name: string, what: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw typeError(`Cannot ${name}: ${what} must be an integer, not ${shown(value)}`);
  }
  return value;
}
/** An integer, or several: as a list. */
export function integers(name: string, what: string, value: unknown): readonly number[] {
  if (typeof value === "number") return [integer(name, what, value)];
  if (!Array.isArray(value)) {
    throw typeError(`Cannot ${name}: ${what} must be an integer or a list, not ${shown(value)}`);
  }
  return value.map((v) => integer(name, what, v));
}
/** A number, integral or not. */
export function numberOf(name: string, what: string, value: unknown): number {
  if (typeof value !== "number") throw typeError(`Cannot ${name}: ${what} must be a number, not ${shown(value)}`);
  return value;
}
/** An option that is true or false; a TypeError if it is something else. */
export function flag(name: string, options: object, key: string, otherwise = false): boolean {
  const value = (options as Options)[key] ?? otherwise;
  if (typeof value !== "boolean") throw typeError(`Cannot ${name}: ${key} must be true or false, not ${shown(value)}`);
  return value;
}
/** Throws a TypeError if what has to be a function is none. */
export function functionOf(name: string, value: unknown): void {
  if (typeof value !== "function") throw typeError(`Cannot ${name} a value that is not a function: ${shown(value)}`);
}

function tooMany(
  name: string,
  count: number,
  required: number,
  known: readonly string[],
  positional: readonly string[],
): TypeError {
  const most = required + positional.length;
  const rest = known.filter((key) => !positional.includes(key));
  const hint = rest.length === 0
    ? ""
    : `; ${rest.join(", ")} ${rest.length === 1 ? "is a key" : "are keys"} of a last options object`;
  return typeError(`${name} takes at most ${counted(most, "positional argument")}, but got ${count}${hint}`);
}

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
