// Splits a call's arguments into the required ones, positional axis, shape or dtype, and the trailing options object.
import { typeError } from "./error.ts";

/** What an options object holds. */
export type Options = Record<string, unknown>;

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
 * in order, and a last plain object holds options; a TypeError for unknown keys, too few or too many arguments.
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
    const key = positional[i - required];
    if (key === undefined) throw tooMany(name, count, required, known, positional);
    if (given !== undefined && given[key] !== undefined) {
      throw typeError(`${name} got ${key} twice: as a positional argument and as an option`);
    }
    options ??= given === undefined ? {} : { ...given };
    options[key] = value;
  }
  return options ?? given ?? NO_OPTIONS;
}

/** Throws a TypeError that lists the known keys if an options object has another key. */
export function checkOptions(
  name: string,
  given: Options,
  known: readonly string[],
  positional: readonly string[] = NO_NAMES,
): void {
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
