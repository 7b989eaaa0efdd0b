// compile: a function is traced once for each structure of its arguments; later calls run the plan that was kept.
import { environment } from "../base/env.ts";
import { plainError, typeError } from "../base/error.ts";
import { checkOptions, flag, functionOf, isPlainObject } from "../base/options.ts";
import { on, recording } from "../core/device.ts";
import { late, type NDArray } from "../core/ndarray.ts";
import { nextSerial, type Node, topological } from "../core/node.ts";
import { same } from "../core/shape.ts";
import { trace, traced } from "../core/trace.ts";
import { treeFlatten, type TreeSpec, treeUnflatten } from "../core/tree.ts";
import { contiguousView } from "../core/view.ts";
import { placeholder } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { matmulPrecision } from "../ops/precision.ts";
import { everyNode, Key, present } from "../schedule/graph.ts";
import { counters, Plans } from "./cache.ts";
import { graphOf } from "./graph.ts";
import { onLeaves, standingIn } from "./run.ts";
import { call, type Program } from "./program.ts";
import { areSpread } from "./segments.ts";
import { type Lengths, placeOf, type Sized, Template } from "./template.ts";

/** Options of `compile`. */
export interface CompileOptions {
  /** Containers (lists and plain objects, nested) whose arrays the function reads: each call reads them anew. */
  readonly inputs?: unknown;
  /** Containers whose arrays the function changes or replaces: each call writes them. */
  readonly outputs?: unknown;
  /**
   * Shapes of the same ranks do not trace again, unless the function read a `shape`, `size`, `length` or `nbytes` of what
   * depends on its arguments, or the trace depends on lengths in another way. Lengths of 0 and 1, and which are equal,
   * are told apart. Without it a new shape traces again, and reuses plans and kernels.
   */
  readonly shapeless?: boolean;
  /**
   * Arguments (by number, or all) that the caller gives away: their arrays are disposed of, and their memory holds results where
   * it can. `true` gives away the arrays of `inputs` that a call replaces, too.
   */
  readonly donate?: true | number | readonly number[];
}

/** What a result is: an argument (or input) itself, an array that was captured, or a result of the program. */
type Source = { readonly from: "argument" | "captured" | "program"; readonly index: number };
/** An array of a container after the call: the one that was there, changed in place (`input`: which), or another. */
interface Written {
  readonly source: Source;
  readonly input: number;
}
/** An array that a program reads beside its arguments; `made`: by the function itself, so that it is a constant. */
interface Captured {
  readonly array: NDArray;
  readonly node: Node;
  readonly made: boolean;
}
interface Traced {
  readonly program: Program | null;
  /** Which argument (then input) or captured array each leaf of the program is. */
  readonly leaves: readonly Source[];
  readonly captured: readonly Captured[];
  readonly spec: TreeSpec;
  readonly results: readonly Source[];
  readonly state: TreeSpec;
  readonly written: readonly Written[];
}

/** Traces that a compiled function keeps: the latest. */
const MAX_TRACES = 256;
/** Traces for one structure that serve other lengths: the latest, as each call that none serves asks all. */
const MAX_TEMPLATES = 16;
let enabled = environment("SINTER_DISABLE_COMPILE") !== "1";
/** Makes compiled functions run as they are written, to look into them. */
export function disableCompile(): void {
  enabled = false;
}
/** Lets compiled functions run their plans again. */
export function enableCompile(): void {
  enabled = true;
}

/** What tells calls apart: structure, shapes (each length as `length` writes it), dtypes and devices of trees, and the values that are no arrays. */
function signature(spec: TreeSpec, arrays: readonly NDArray[], length: (n: number) => string): string {
  let text = "", at = 0;
  const walk = (s: TreeSpec): void => {
    switch (s.kind) {
      case "array": {
        const n = (arrays[at++] as NDArray).node;
        text += `${n.dtype}[${n.shape.map(length).join()}]${n.device.type}`;
        return;
      }
      case "list":
        text += "(";
        for (const x of s.items) {
          walk(x);
          text += ",";
        }
        text += ")";
        return;
      case "object":
        text += "{";
        s.items.forEach((x, i) => {
          text += `${JSON.stringify(s.keys[i])}:`;
          walk(x);
        });
        text += "}";
        return;
      case "other":
        text += constant(s.value);
        return;
      default:
        s satisfies never;
    }
  };
  walk(spec);
  return text;
}
function constant(value: unknown): string {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "string":
      return JSON.stringify(value);
    case "boolean":
    case "undefined":
      return String(value);
    default:
      if (value === null) return "null";
      throw typeError(
        `Cannot call a compiled function with ${
          typeof value === "object" ? "an object that is not plain" : `a ${typeof value}`
        }: arguments are arrays, numbers, strings, booleans, null, and lists and plain objects of them`,
      );
  }
}

/** Puts the values of a spec into a container, in place; what has the same shape inside is filled in place too. */
function fill(into: unknown, spec: TreeSpec, arrays: readonly NDArray[]): void {
  let at = 0;
  const value = (old: unknown, s: TreeSpec): unknown => {
    if (s.kind === "array") return arrays[at++];
    if (s.kind === "other") return s.value;
    const items = s.items, list = s.kind === "list";
    const same = list ? Array.isArray(old) : isPlainObject(old);
    const to = (same ? old : list ? [] : {}) as Record<string | number, unknown>;
    items.forEach((x, i) => {
      const k = list ? i : (s.keys[i] as string), v = value(to[k], x);
      if (to[k] !== v) to[k] = v;
    });
    if (list) (to as unknown as unknown[]).length = items.length;
    else for (const k of Object.keys(to)) if (!s.keys.includes(k)) delete to[k];
    return to;
  };
  value(into, spec);
}

function container(what: string, tree: unknown): void {
  if (tree !== undefined && !Array.isArray(tree) && !isPlainObject(tree)) {
    throw typeError(
      `Cannot compile: ${what} must be a list or a plain object that holds arrays, which calls can write`,
    );
  }
}

/** What a run over placeholders recorded: nodes of arguments and inputs, and of results. */
interface Recorded extends Sized {
  readonly captured: Captured[];
  readonly spec: TreeSpec;
  readonly results: readonly Source[];
  readonly state: TreeSpec;
  readonly written: readonly Written[];
  /** What the graph starts from. */
  isLeaf(n: Node): boolean;
}
/** The number of a captured array. */
function capture(array: NDArray, captured: Captured[], made = false): number {
  const { node } = array, known = captured.findIndex((c) => c.node === node);
  return known >= 0 ? known : captured.push({ array, node, made }) - 1;
}
type Arguments = { readonly arrays: readonly NDArray[]; readonly spec: TreeSpec };
/** Runs a function over placeholders for the arrays of its arguments and inputs, of the shapes that `shapeOf` gives. */
function record(
  fun: (...args: unknown[]) => unknown,
  args: Arguments,
  options: CompileOptions,
  shapeOf: (n: Node) => readonly number[],
): Recorded {
  counters.traces++;
  const state = treeFlatten([options.inputs, options.outputs]), inputs = treeFlatten(options.inputs);
  const first = nextSerial(), reads = new Set<object>(), outer = trace.reads;
  const given = [...args.arrays, ...inputs.arrays].map((a, i) => {
    const what = i < args.arrays.length ? `array ${i} of the arguments` : `array ${i - args.arrays.length} of inputs`;
    return on(a.node.device, () => placeholder(shapeOf(a.node), a.node.dtype, `${what} of a compiled function`));
  });
  const own = given.slice(args.arrays.length).map(wrap);
  let value: unknown, after: { readonly arrays: NDArray[]; readonly spec: TreeSpec };
  try {
    fill(options.inputs, inputs.spec, own);
    trace.reads = reads;
    value = fun(...treeUnflatten(args.spec, given.slice(0, args.arrays.length).map(wrap)) as unknown[]);
    after = treeFlatten(options.outputs);
  } finally {
    trace.reads = outer;
    fill([options.inputs, options.outputs], state.spec, state.arrays);
  }
  if (value instanceof Promise) {
    throw typeError("Cannot compile an asynchronous function: its result must be there when it returns");
  }
  const found = treeFlatten(value), captured: Captured[] = [], roots: Node[] = [];
  for (const a of reads as Set<NDArray>) if (!a.disposed && a.node.serial < first) capture(a, captured);
  const sourceOf = (a: NDArray): Source => {
    const n = a.node, argument = given.indexOf(n);
    if (argument >= 0) return { from: "argument", index: argument };
    if (n.serial < first) return { from: "captured", index: capture(a, captured) };
    const known = roots.indexOf(n);
    return { from: "program", index: known >= 0 ? known : roots.push(n) - 1 };
  };
  return {
    given,
    roots,
    captured,
    spec: found.spec,
    results: found.arrays.map(sourceOf),
    state: after.spec,
    written: after.arrays.map((a) => ({ source: sourceOf(a), input: own.indexOf(a) })),
    isLeaf: (n) => present(n) || n.serial < first || n.placeholder,
  };
}
/** A recorded graph (or the same for other lengths) as a program. */
function programOf(recorded: Recorded, { given, roots }: Sized, cache: Plans): Traced {
  const { captured, isLeaf } = recorded, order = topological(roots, isLeaf), leaves = new Set<Node>();
  for (const n of order) for (const x of n.inputs) if (isLeaf(x)) leaves.add(x);
  const all = [...leaves];
  late.evaluate(all.filter((n) => !n.placeholder));
  const graph = standingIn(all, all.map((n) => n.view ?? contiguousView(n.shape)), () => graphOf(roots, order));
  return {
    program: roots.length === 0 ? null : {
      graph: { ...graph, keep: new Set(roots), inPlace: new Set() },
      results: roots,
      spread: areSpread(order),
      plans: new Map(),
      cache,
    },
    leaves: graph.leaves.map((n) => {
      const argument = given.indexOf(n);
      if (argument >= 0) return { from: "argument", index: argument };
      const outside = captured.findIndex((c) => c.node === n);
      return { from: "captured", index: outside >= 0 ? outside : capture(wrap(n), captured, true) };
    }),
    captured,
    spec: recorded.spec,
    results: recorded.results,
    state: recorded.state,
    written: recorded.written,
  };
}
/** A function that is compiled, and what its calls share. */
interface Compiled {
  readonly fun: (...args: unknown[]) => unknown;
  readonly options: CompileOptions;
  readonly plans: Plans;
  /** Traces whose graphs serve other lengths, by what tells calls apart but for their lengths; null where one would not do. */
  readonly templates: Map<string, readonly { readonly recorded: Recorded; readonly template: Template }[] | null>;
}
/** Traces a function for the shapes of its arguments. */
function traceOf({ fun, options, plans }: Compiled, args: Arguments): Traced {
  return traced(() => {
    const recorded = record(fun, args, options, (n) => n.shape);
    return programOf(recorded, recorded, plans);
  }, true);
}
/** A trace for the lengths of its arguments, from a template if one holds for them; `key` tells calls apart but for these. */
function shapelessTrace(compiled: Compiled, args: Arguments, key: string, lengths: Lengths): Traced {
  const { fun, options, plans, templates } = compiled, known = templates.get(key);
  if (known === null) return traceOf(compiled, args);
  return traced(() => {
    for (const { recorded, template } of known ?? []) {
      const sized = template.at(lengths);
      if (sized === null) continue;
      counters.relaid++;
      return programOf(recorded, sized, plans);
    }
    const template = new Template(lengths);
    const recorded = symbolically(() => {
      const r = record(fun, args, options, (n) => template.symbolic(n.shape));
      template.close(r, r.isLeaf);
      return r;
    });
    const sized = recorded && template.at(lengths), failed = recorded === null || sized === null;
    const t = failed ? traceOf(compiled, args) : programOf(recorded, sized, plans);
    if (!failed && template.general) {
      templates.set(key, [...(known ?? []).slice(1 - MAX_TEMPLATES), { recorded, template }]);
    } else if (known === undefined) templates.set(key, null);
    if (templates.size > MAX_TRACES) templates.delete(templates.keys().next().value as string);
    return t;
  }, true);
}
/** Runs a trace whose sizes are symbols; null if it needs numbers, or is wrong whatever they are. */
function symbolically<T>(run: () => T): T | null {
  const before = trace.symbolic, { sites } = recording;
  try {
    trace.symbolic = nextSerial();
    recording.sites = Infinity;
    return run();
  } catch {
    return null;
  } finally {
    trace.symbolic = before;
    recording.sites = sites;
  }
}

/** Which arguments are given away. */
function donated(given: unknown): ((i: number) => boolean) | null {
  if (given === undefined || given === null || given === false) return null;
  if (given === true) return () => true;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.some((i) => !Number.isInteger(i))) {
    throw typeError(`Cannot compile: donate must be true, the number of an argument or a list of them`);
  }
  return (i) => list.includes(i);
}

function sameValues(a: NDArray, b: NDArray): boolean {
  const [x, y] = [a, b].map((z) => z.data()).map((d) => new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
  return a.dtype === b.dtype && same(a.node.shape, b.node.shape) && (x as Uint8Array).every((v, i) => v === y?.[i]);
}
/** Throws if a second trace differs from the first. */
function compare(a: Traced, b: Traced): void {
  const text = (t: Traced): string => {
    if (t.program === null) return JSON.stringify(t.results);
    return onLeaves(t.program, t.program.graph.leaves.map((n) => contiguousView(n.shape)), (graph) => {
      const key = new Key().read(graph);
      return JSON.stringify([
        [...key.structure.subarray(0, key.length)],
        [...key.sizes.subarray(0, key.sizeCount)],
        everyNode(graph).map((n) => [...(n.op.values?.(n.arg) ?? []), ...(n.op.starts?.(n.arg) ?? [])].map(String)),
        t.results,
        t.written,
      ]);
    });
  };
  const captured = a.captured.length !== b.captured.length || a.captured.some((c, i) => {
    const d = b.captured[i] as Captured;
    return c.array !== d.array && !(c.made && d.made && sameValues(c.array, d.array));
  });
  if (captured) {
    throw plainError(
      "A compiled function captured other arrays than when it was traced: pass what changes as an argument, or list its container in inputs",
    );
  }
  if (text(a) !== text(b)) {
    throw plainError(
      "A compiled function records something else than when it was traced: it depends on a variable that is no argument; pass it as one",
    );
  }
}

/**
 * A function that runs as one plan: `fun` is traced at its first call, and again for other structures, shapes or dtypes of
 * its arguments and other values of those that are no arrays. Arrays that it captures are read at each call, so that
 * `set` is seen; a JavaScript variable that is given another value is not. Results are lazy. TypeErrors: an argument of
 * another kind, an asynchronous function; reading a value inside throws. With SINTER_CHECK_COMPILE=1 in the environment
 * every call traces again and throws if something else is recorded.
 *
 * @example
 * ```ts
 * const step = mx.compile((x: mx.NDArray, k: number) => x.mul(k).add(1));
 * step(mx.array([1, 2]), 3); // array([4, 7], dtype=float32)
 * ```
 */
export function compile<A extends readonly unknown[], R>(
  fun: (...args: A) => R,
  options: CompileOptions = {},
): (...args: A) => R {
  functionOf("compile", fun);
  checkOptions("compile", options, ["inputs", "outputs", "shapeless", "donate"]);
  // null is no container.
  const held = { ...options, inputs: options.inputs ?? undefined, outputs: options.outputs ?? undefined };
  container("inputs", held.inputs);
  container("outputs", held.outputs);
  // Every call of a checked function traces again.
  const check = environment("SINTER_CHECK_COMPILE") === "1";
  const compiled: Compiled = {
    fun: fun as unknown as (...args: unknown[]) => unknown,
    options: held,
    plans: new Plans(),
    templates: new Map(),
  };
  const known = new Map<string, Traced>(), donate = donated(options.donate);
  const stateful = held.inputs !== undefined || held.outputs !== undefined,
    shapeless = flag("compile", options, "shapeless");
  return (...args: A): R => {
    if (!enabled || trace.first !== null) return fun(...args);
    const flat = treeFlatten(args), inputs = stateful ? treeFlatten(held.inputs) : null;
    const keyOf = (length: (n: number) => string): string =>
      signature(flat.spec, flat.arrays, length) +
      (inputs === null ? "" : `;${signature(inputs.spec, inputs.arrays, length)}`) +
      (recording.several ? recording.device.type + matmulPrecision() : "");
    const key = keyOf(String);
    let t = known.get(key);
    if (t === undefined) {
      // A function that is called with ever other numbers does not keep them all.
      if (known.size >= MAX_TRACES) known.delete(known.keys().next().value as string);
      const lengths: Lengths = new Map();
      t = shapeless
        ? shapelessTrace(compiled, flat, keyOf((n) => placeOf(n, lengths)), lengths)
        : traceOf(compiled, flat);
      known.set(key, t);
    } else if (check) compare(t, traceOf(compiled, flat));
    const given = inputs === null ? flat.arrays : [...flat.arrays, ...inputs.arrays];
    const outside = (s: Source): Node =>
      s.from === "argument" ? (given[s.index] as NDArray).node : (t.captured[s.index] as Captured).array.node;
    const made = t.program === null ? [] : call(t.program, t.leaves.map(outside));
    const node = (s: Source): Node => s.from === "program" ? made[s.index] as Node : outside(s);
    const results = t.results.map((s) => wrap(node(s)));
    if (inputs !== null && held.outputs !== undefined) {
      const state = t.written.map(({ source, input }) => {
        if (input < 0) return wrap(node(source));
        const a = inputs.arrays[input] as NDArray, n = node(source);
        if (n !== a.node) a.move(n);
        return a;
      });
      fill(held.outputs, t.state, state);
      if (options.donate === true) { for (const a of inputs.arrays) if (!state.includes(a)) a.dispose(); }
    }
    if (donate !== null) args.forEach((x, i) => donate(i) && treeFlatten(x).arrays.forEach((a) => a.dispose()));
    return treeUnflatten(t.spec, results) as R;
  };
}
