// Trees of values: lists and plain objects, nested in any way; whatever else stands in them is a leaf.
import { typeError } from "../base/error.ts";
import { checkOptions, functionOf, isPlainObject, NO_OPTIONS, shown } from "../base/options.ts";
import type { NDArray } from "../core/ndarray.ts";

/** A tree with other leaves. */
export type MapLeaves<T, U> = T extends NDArray ? U
  : T extends readonly unknown[] ? { -readonly [K in keyof T]: MapLeaves<T[K], U> }
  : T extends object ? { -readonly [K in keyof T]: MapLeaves<T[K], U> }
  : U;
/** Tells what counts as a leaf although it is a list or an object. */
export type IsLeaf = (tree: unknown) => boolean;
/** Options of `treeMap`. */
export interface TreeMapOptions {
  readonly isLeaf?: IsLeaf;
}
/** Options of `treeMapWithPath`: `path` stands before the path of every leaf. */
export interface TreeMapWithPathOptions extends TreeMapOptions {
  readonly path?: string;
}
/** Options of `treeFlatten`: `prefix` (with its leading point) stands before every path; what `destination` is, a list or an object, is filled and returned. */
export interface TreeFlattenOptions<D> extends TreeMapOptions {
  readonly prefix?: string;
  readonly destination?: D;
}
/** Options of `treeReduce`. */
export interface TreeReduceOptions<U> extends TreeMapOptions {
  readonly initializer?: U | null;
}
/** Options of `treeMerge`: what stands where both trees have a leaf. */
export interface TreeMergeOptions {
  readonly mergeFn?: (a: never, b: never) => unknown;
}

type Branch = readonly (readonly [key: string, child: unknown])[];
/** The children of a list or plain object; null for a leaf. */
function branch(tree: unknown, isLeaf: IsLeaf | undefined): Branch | null {
  if (isLeaf?.(tree)) return null;
  if (Array.isArray(tree)) return tree.map((child, i) => [String(i), child]);
  return isPlainObject(tree) ? Object.entries(tree) : null;
}
/** A branch of the kind that `like` is. */
function rebuilt(like: unknown, children: Branch): unknown {
  return Array.isArray(like) ? children.map(([, child]) => child) : Object.fromEntries(children);
}
/** The child of another tree at the same place; a TypeError if there is none. */
function childAt(name: string, tree: unknown, key: string, path: string): unknown {
  const has = Array.isArray(tree) ? Number(key) < tree.length : isPlainObject(tree) && Object.hasOwn(tree, key);
  if (!has) throw typeError(`Cannot ${name}: a further tree has nothing at ${path}, where the first has`);
  return (tree as Record<string, unknown>)[key];
}
function mapped(
  name: string,
  fn: (path: string, ...leaves: unknown[]) => unknown,
  trees: readonly unknown[],
  isLeaf: IsLeaf | undefined,
  path: string,
): unknown {
  const [tree, ...rest] = trees, children = branch(tree, isLeaf);
  if (children === null) return fn(path, ...trees);
  return rebuilt(
    tree,
    children.map(([key, child]) => {
      const at = path === "" ? key : `${path}.${key}`;
      return [key, mapped(name, fn, [child, ...rest.map((t) => childAt(name, t, key, at))], isLeaf, at)];
    }),
  );
}
/** Trees and, where the last of them holds nothing but options, these. */
function withOptions(
  name: string,
  rest: readonly unknown[],
  known: readonly string[],
): { readonly rest: readonly unknown[]; readonly options: TreeMapWithPathOptions } {
  const last = rest[rest.length - 1];
  const given = isPlainObject(last) && Object.keys(last).length > 0 &&
    (typeof last["isLeaf"] === "function" || (known.includes("path") && typeof last["path"] === "string"));
  if (!given) return { rest, options: NO_OPTIONS };
  checkOptions(name, last, known);
  return { rest: rest.slice(0, -1), options: last };
}

/**
 * A tree of the same structure with `fn` of each leaf, and of the leaves at the same place in further trees. A last object
 * that holds a function `isLeaf` holds options. A TypeError if a further tree lacks a place.
 *
 * @example
 * ```ts
 * mx.utils.treeMap((x: number) => x * 2, { a: 1, b: [2, 3] }); // { a: 2, b: [4, 6] }
 * ```
 */
export function treeMap<T, U, L = NDArray>(
  fn: (leaf: L, ...rest: L[]) => U,
  tree: T,
  ...rest: readonly unknown[]
): MapLeaves<T, U> {
  functionOf("treeMap", fn);
  const given = withOptions("treeMap", rest, ["isLeaf"]);
  const onLeaf = (_: string, ...leaves: unknown[]): unknown => fn(...leaves as [L, ...L[]]);
  return mapped("treeMap", onLeaf, [tree, ...given.rest], given.options.isLeaf, "") as MapLeaves<T, U>;
}
/** As `treeMap`; `fn` gets the path of the leaf first: keys and positions with points between. Options: isLeaf, path. */
export function treeMapWithPath<T, U, L = NDArray>(
  fn: (path: string, leaf: L, ...rest: L[]) => U,
  tree: T,
  ...rest: readonly unknown[]
): MapLeaves<T, U> {
  functionOf("treeMapWithPath", fn);
  const given = withOptions("treeMapWithPath", rest, ["isLeaf", "path"]);
  const onLeaf = (path: string, ...leaves: unknown[]): unknown => fn(path, ...leaves as [L, ...L[]]);
  return mapped(
    "treeMapWithPath",
    onLeaf,
    [tree, ...given.rest],
    given.options.isLeaf,
    given.options.path ?? "",
  ) as MapLeaves<T, U>;
}

/**
 * `[path, leaf]` of every leaf in order, paths being keys and positions with points between; or an object by path, if that is the destination. Options: prefix, isLeaf, destination.
 *
 * @example
 * ```ts
 * mx.utils.treeFlatten({ a: 1, b: [2, 3] }); // [["a", 1], ["b.0", 2], ["b.1", 3]]
 * ```
 */
export function treeFlatten<L = NDArray>(
  tree: unknown,
  options: TreeFlattenOptions<Record<string, L>> & { readonly destination: Record<string, L> },
): Record<string, L>;
export function treeFlatten<L = NDArray>(tree: unknown, options?: TreeFlattenOptions<[string, L][]>): [string, L][];
export function treeFlatten(
  tree: unknown,
  options: TreeFlattenOptions<[string, unknown][] | Record<string, unknown>> = {},
): [string, unknown][] | Record<string, unknown> {
  checkOptions("treeFlatten", options, ["prefix", "isLeaf", "destination"]);
  const destination = options.destination ?? [], isLeaf = options.isLeaf ?? undefined, prefix = options.prefix ?? "";
  if (isLeaf !== undefined) functionOf("treeFlatten with isLeaf,", isLeaf);
  if (typeof prefix !== "string") throw typeError(`Cannot treeFlatten: prefix must be a text, not ${shown(prefix)}`);
  if (!Array.isArray(destination) && !isPlainObject(destination)) {
    throw typeError(`Cannot treeFlatten: destination must be a list or a plain object, not ${shown(destination)}`);
  }
  const walk = (t: unknown, prefix: string): void => {
    const children = branch(t, isLeaf);
    if (children !== null) { for (const [key, child] of children) walk(child, `${prefix}.${key}`); }
    else if (Array.isArray(destination)) destination.push([prefix.slice(1), t]);
    else destination[prefix.slice(1)] = t;
  };
  walk(tree, prefix);
  return destination;
}
/**
 * The tree of paths and leaves (a list of pairs, or an object): integers make lists, other keys objects.
 *
 * @example
 * ```ts
 * mx.utils.treeUnflatten([["a", 1], ["b.0", 2]]); // { a: 1, b: [2] }
 * ```
 */
export function treeUnflatten(
  tree: readonly (readonly [string, unknown])[] | Readonly<Record<string, unknown>>,
): unknown {
  const items: Branch = isPlainObject(tree) ? Object.entries(tree) : tree as Branch;
  if (!Array.isArray(items) || !items.every((item) => Array.isArray(item) && typeof item[0] === "string")) {
    throw typeError("Cannot treeUnflatten what is neither a list of [path, leaf] nor an object by path");
  }
  const [only] = items;
  if (items.length === 1 && only?.[0] === "") return only[1];
  const children = new Map<string, [string, unknown][]>();
  for (const [path, leaf] of items) {
    const cut = path.indexOf("."), key = cut < 0 ? path : path.slice(0, cut), below = children.get(key) ?? [];
    below.push([cut < 0 ? "" : path.slice(cut + 1), leaf]);
    children.set(key, below);
  }
  if (![...children.keys()].every((key) => /^\d+$/.test(key))) {
    return Object.fromEntries([...children].map(([key, below]) => [key, treeUnflatten(below)]));
  }
  // As in MLX, positions that are missing hold empty objects.
  const list: unknown[] = [];
  for (const [key, below] of [...children].sort(([a], [b]) => Number(a) - Number(b))) {
    while (list.length < Number(key)) list.push({});
    list.push(treeUnflatten(below));
  }
  return list;
}

/**
 * `fn` of a value so far and each leaf in turn; the first leaf is the first value where no `initializer` is given. Options: initializer, isLeaf.
 *
 * @example
 * ```ts
 * mx.utils.treeReduce((sum: number, x: number) => sum + x, [1, { a: 2 }]); // 3
 * ```
 */
export function treeReduce<U = NDArray, L = NDArray>(
  fn: (value: U, leaf: L) => U,
  tree: unknown,
  options: TreeReduceOptions<U> = {},
): U {
  functionOf("treeReduce", fn);
  checkOptions("treeReduce", options, ["initializer", "isLeaf"]);
  const leaves = treeFlatten<unknown>(tree, options.isLeaf === undefined ? {} : { isLeaf: options.isLeaf });
  let value: unknown = options.initializer ?? null;
  for (const [, leaf] of leaves) value = value === null ? leaf : fn(value as U, leaf as L);
  return value as U;
}

/** Both trees in one; where both have a leaf stands `mergeFn` of the two. A TypeError if there is none. Options: mergeFn. */
export function treeMerge(treeA: unknown, treeB: unknown, options: TreeMergeOptions = {}): unknown {
  checkOptions("treeMerge", options, ["mergeFn"]);
  const mergeFn = options.mergeFn ?? undefined;
  if (mergeFn !== undefined) functionOf("treeMerge with mergeFn,", mergeFn);
  const absent = (t: unknown): boolean => t === null || t === undefined || branch(t, undefined)?.length === 0;
  const merge = (a: unknown, b: unknown, path: string): unknown => {
    if (absent(a)) return absent(b) ? b ?? a : b;
    if (absent(b)) return a;
    const lists = Array.isArray(a) && Array.isArray(b);
    if (!lists && !(isPlainObject(a) && isPlainObject(b))) {
      if (mergeFn === undefined) {
        throw typeError(`Cannot treeMerge: both trees have a leaf at ${JSON.stringify(path)}, and there is no mergeFn`);
      }
      return (mergeFn as (a: unknown, b: unknown) => unknown)(a, b);
    }
    const x = a as Record<string, unknown>, y = b as Record<string, unknown>;
    const keys = new Set([...Object.keys(x), ...Object.keys(y)]);
    return rebuilt(a, [...keys].map((k) => [k, merge(x[k], y[k], path === "" ? k : `${path}.${k}`)]));
  };
  return merge(treeA, treeB, "");
}
