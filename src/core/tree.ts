// Trees of arrays: plain objects and lists, nested, taken apart into their arrays and put together again.
import { typeError } from "../base/error.ts";
import { isPlainObject } from "../base/options.ts";
import { NDArray } from "./ndarray.ts";

/** Arrays in plain objects and lists, nested in any way. */
export type Tree = NDArray | readonly Tree[] | { readonly [key: string]: Tree };

/** A tree without its arrays. */
export type TreeSpec =
  | { readonly kind: "array" }
  | { readonly kind: "list"; readonly items: readonly TreeSpec[] }
  | { readonly kind: "object"; readonly keys: readonly string[]; readonly items: readonly TreeSpec[] }
  | { readonly kind: "other"; readonly value: unknown };

const ARRAY: TreeSpec = { kind: "array" };

/** The arrays of a tree in order (lists by position, objects by insertion) and what is left; values of other kinds stay in the spec. */
export function treeFlatten(tree: unknown): { readonly arrays: NDArray[]; readonly spec: TreeSpec } {
  const arrays: NDArray[] = [];
  const walk = (t: unknown): TreeSpec => {
    if (t instanceof NDArray) {
      arrays.push(t);
      return ARRAY;
    }
    if (Array.isArray(t)) return { kind: "list", items: t.map(walk) };
    if (isPlainObject(t)) {
      const keys = Object.keys(t);
      return { kind: "object", keys, items: keys.map((k) => walk(t[k])) };
    }
    return { kind: "other", value: t };
  };
  const spec = walk(tree);
  return { arrays, spec };
}

/** The tree of a spec with these values in the places of its arrays, and `other` of what is none. */
export function treeUnflatten(
  spec: TreeSpec,
  arrays: readonly unknown[],
  other: (value: unknown) => unknown = (v) => v,
): unknown {
  let at = 0;
  const build = (s: TreeSpec): unknown => {
    switch (s.kind) {
      case "array":
        return arrays[at++];
      case "list":
        return s.items.map(build);
      case "object":
        return Object.fromEntries(s.keys.map((k, i) => [k, build(s.items[i] as TreeSpec)]));
      case "other":
        return other(s.value);
      default:
        s satisfies never;
        return undefined;
    }
  };
  return build(spec);
}

/** As `treeFlatten`, but a TypeError that says `what` holds something else than arrays. */
export function treeFlattenArrays(
  what: string,
  tree: unknown,
): { readonly arrays: NDArray[]; readonly spec: TreeSpec } {
  const flat = treeFlatten(tree);
  const check = (s: TreeSpec): void => {
    if (s.kind === "list" || s.kind === "object") s.items.forEach(check);
    else if (s.kind === "other") {
      const v = s.value;
      throw typeError(
        `${what} must hold only arrays, but holds ${
          v === null ? "null" : typeof v === "object" ? "an object that is not plain" : `a ${typeof v}`
        }`,
      );
    }
  };
  check(flat.spec);
  return flat;
}
