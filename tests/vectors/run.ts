// Runs recorded cases on a library: builds their arguments, calls, and has the results compared.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DType, isBigInteger, isDType, type TypedArray, typedArrayOf } from "../../src/base/dtype.ts";
import {
  decodeValue,
  type Dict,
  isDict,
  isRecordedArray,
  Mismatch,
  type Neutral,
  onlyKey,
  readCases,
  sameBytes,
  type VectorCase,
} from "./cases.ts";
import { compareTo } from "./compare.ts";

/** The library under test: its functions by camelCase name, and the namespaces `linalg`, `random`, `fft`, ... */
export type Library = object;

/** What a file of cases gave. */
export interface FileResult {
  readonly total: number;
  readonly passed: number;
  readonly failures: readonly { readonly id: string; readonly reason: string }[];
}

/** How a case is run: `via: "method"` calls a method of the first argument where it has one of the function's name. */
export interface RunOptions {
  readonly via?: "function" | "method";
  /** Whether an error is right where these dtypes meet, as the device under test lacks one. */
  readonly refuses?: (dtypes: readonly DType[], error: string) => boolean;
}

type Fn = (...args: unknown[]) => unknown;
interface ArrayLike {
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): TypedArray;
}
type Context = { readonly mx: Library } & Required<RunOptions>;

/** Runs the cases of a file that the filter keeps. */
export function runFile(
  path: string | URL,
  mx: Library,
  filter: (c: VectorCase) => boolean = () => true,
  options: RunOptions = {},
): FileResult {
  const cases = readCases(path).filter(filter);
  const failures: { id: string; reason: string }[] = [];
  for (const c of cases) {
    const reason = runCase(mx, c, options);
    if (reason !== null) failures.push({ id: c.id, reason });
  }
  return { total: cases.length, passed: cases.length - failures.length, failures };
}

/** Runs one case: null if the library gives what is recorded, else the reason. */
export function runCase(mx: Library, c: VectorCase, options: RunOptions = {}): string | null {
  const context: Context = { mx, via: options.via ?? "function", refuses: options.refuses ?? (() => false) };
  for (const op of opsOf(c)) {
    if (!exists(mx, op)) return `mx.${op} is missing`;
  }
  let got: unknown;
  try {
    got = toNeutral(perform(context, c));
  } catch (error) {
    if (error instanceof Mismatch) return error.message;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (/is not a function|is not an object|cannot read propert|undefined is not/i.test(text)) {
      return `threw an engine's own error: ${text}`;
    }
    return c.raises === undefined && !context.refuses(dtypesOf(c), text) ? `threw ${text}` : null;
  }
  if (c.raises !== undefined) return c.limit === true ? null : `did not throw (MLX: ${c.raises})`;
  return compareTo(c, got);
}

const SPECIAL = new Set(["get", "set", "T", "mT", "tolist", "item"]);

function opsOf(c: VectorCase): string[] {
  const ops = new Set<string>();
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(walk);
    else if (isDict(node)) {
      if (typeof node["op"] === "string") ops.add(node["op"]);
      Object.values(node).forEach(walk);
    }
  };
  if (typeof c.op === "string" && c.op !== "sequence" && c.op !== "file") ops.add(c.op);
  for (const part of [c.args, c.opts, c["fun"], c["steps"]]) walk(part);
  return [...ops];
}

/** The dtypes of a case's inputs. */
function dtypesOf(c: VectorCase): DType[] {
  const found = new Set<DType>();
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(walk);
    else if (isDType(node)) found.add(node);
    else if (isDict(node)) Object.values(node).forEach(walk);
  };
  walk({ ...c, out: null });
  return [...found];
}

function exists(mx: Library, op: string): boolean {
  return SPECIAL.has(op) || op.startsWith("at.") || lookup(mx, op) !== undefined;
}

function lookup(mx: Library, op: string): Fn | undefined {
  let at: unknown = mx;
  for (const name of op.split(".")) at = (at as Dict | undefined)?.[name];
  return typeof at === "function" ? (at as Fn) : undefined;
}

function fn(context: Context, op: string): Fn {
  const found = lookup(context.mx, op);
  if (found === undefined) throw new Mismatch(`mx.${op} is missing`);
  return found;
}

/** Any array of a recorded case on the library. */
function makeArray(mx: Library, array: Neutral): unknown {
  const make = lookup(mx, "array") as Fn;
  const data = new (typedArrayOf(array.dtype))(array.bytes.slice().buffer);
  return make(data, { shape: [...array.shape], dtype: array.dtype });
}

function call(context: Context, op: string, args: readonly unknown[], opts: unknown): unknown {
  const receiver = args[0] as Dict & { at: (...index: unknown[]) => Record<string, Fn> };
  switch (op) {
    case "get":
      return method(receiver, "get")(...(args[1] as unknown[]));
    case "set": {
      // The value that the caller's handle has must not change.
      const copy = method(receiver, "get")("...") as Dict;
      method(copy, "set")(args[1], args[2]);
      return copy;
    }
    case "T":
    case "mT":
      return receiver[op];
    case "tolist":
    case "item":
      return method(receiver, op)();
    default:
      if (op.startsWith("at.")) {
        return method(method(receiver, "at")(...(args[1] as unknown[])) as Dict, op.slice(3))(args[2]);
      }
  }
  const rest = opts === undefined ? [] : [opts];
  if (context.via === "method" && isArray(receiver) && typeof receiver[op] === "function") {
    return method(receiver, op)(...args.slice(1), ...rest);
  }
  // Constructors of limits stand among the functions.
  return fn(context, op)(...args, ...rest);
}

function method(receiver: Dict, name: string): Fn {
  const found = receiver[name];
  if (typeof found !== "function") throw new Mismatch(`the method ${name} is missing`);
  return (...args) => (found as Fn).apply(receiver, args);
}

function isArray(value: unknown): value is ArrayLike & Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    typeof (value as Partial<ArrayLike>).data === "function" && Array.isArray((value as Partial<ArrayLike>).shape);
}

// A recorded value for the library; `vars` are the arguments of the function around it.
function build(context: Context, node: unknown, vars: readonly unknown[]): unknown {
  if (Array.isArray(node)) return node.map((item) => build(context, item, vars));
  if (!isDict(node)) return node;
  if (isRecordedArray(node)) return makeArray(context.mx, decodeValue(node) as Neutral);
  if (onlyKey(node, "num") || onlyKey(node, "bigint")) return decodeValue(node);
  if (onlyKey(node, "var")) return vars[Number(node["var"])];
  if (onlyKey(node, "lambda")) return (...inner: unknown[]) => build(context, node["lambda"], inner);
  if (typeof node["op"] === "string") return evaluate(context, node, vars);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, build(context, value, vars)]));
}

function evaluate(context: Context, node: Dict, vars: readonly unknown[]): unknown {
  const op = String(node["op"]);
  const recorded = (node["args"] ?? []) as readonly unknown[];
  const indexed = op === "get" || op === "set" || op.startsWith("at.");
  const args = recorded.map((arg, i) => (indexed && i === 1 ? indexOf(context, arg, vars) : build(context, arg, vars)));
  return call(context, op, args, node["opts"] === undefined ? undefined : build(context, node["opts"], vars));
}

function indexOf(context: Context, index: unknown, vars: readonly unknown[]): unknown[] {
  return (Array.isArray(index) ? index : [index]).map((entry: unknown) => {
    if (isDict(entry) && Array.isArray(entry["slice"])) {
      const [start, stop, step] = entry["slice"] as (number | null)[];
      return `${start ?? ""}:${stop ?? ""}${step === null || step === undefined ? "" : `:${step}`}`;
    }
    return build(context, entry, vars);
  });
}

/** A result of the library in neutral form; reading evaluates it. */
function toNeutral(value: unknown): unknown {
  if (isArray(value)) {
    const data = value.data();
    return {
      dtype: value.dtype,
      shape: [...value.shape],
      bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
    } satisfies Neutral;
  }
  if (Array.isArray(value)) return value.map(toNeutral);
  if (isDict(value)) return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, toNeutral(v)]));
  return value;
}

function perform(context: Context, c: VectorCase): unknown {
  const list = (key: string): unknown[] => build(context, c[key] ?? [], []) as unknown[];
  const fun = (...vars: unknown[]): unknown => build(context, c["fun"], vars);
  switch (c.kind) {
    case undefined: {
      if (c.op !== "set") return evaluate(context, c as unknown as Dict, []);
      const before = decodeValue(c.args?.[0]) as Neutral;
      const x = makeArray(context.mx, before);
      const args = [x, indexOf(context, c.args?.[1], []), build(context, c.args?.[2], [])];
      const out = toNeutral(call(context, "set", args, undefined));
      if (!sameBytes(before.bytes, (toNeutral(x) as Neutral).bytes)) {
        throw new Mismatch("set changed another handle's values");
      }
      return out;
    }
    case "sequence":
      return (c["steps"] as Dict[]).map((step) => toNeutral(evaluate(context, step, [])));
    case "dtypes":
      return (c["with"] as string[]).map((b, i) =>
        dtypeOr(context, c, i, () => {
          const operands = [operand(context, String(c["a"]), [2]), operand(context, b, [2])];
          return call(context, String(c.op), operands, optsOf(context, c));
        })
      );
    case "dtypes1":
      return (c["with"] as string[]).map((d, i) =>
        dtypeOr(context, c, i, () => call(context, String(c.op), [operand(context, d, [2, 2])], optsOf(context, c)))
      );
    case "vjp": {
      const [outputs, grads] = fn(context, "vjp")(fun, list("primals"), list("cotangents")) as unknown[];
      return { outputs, grads };
    }
    case "jvp": {
      const [outputs, tangents] = fn(context, "jvp")(fun, list("primals"), list("tangents")) as unknown[];
      return { outputs, tangents };
    }
    case "hvp": {
      const grad = fn(context, "grad");
      const sum = fn(context, "sum");
      const vector = build(context, c["vector"], []);
      const inner = grad((...vars: unknown[]) => sum(fun(...vars))) as Fn;
      const outer = grad((...vars: unknown[]) => sum(fn(context, "multiply")(inner(...vars), vector))) as Fn;
      return outer(...list("primals"));
    }
    case "grad":
    case "valueAndGrad": {
      const options = c["argnums"] === undefined ? [] : [{ argnums: c["argnums"] }];
      return (fn(context, c.kind)(fun, ...options) as Fn)(...list("inputs"));
    }
    case "vmap":
      return (fn(context, "vmap")(fun, { inAxes: c["inAxes"], outAxes: c["outAxes"] }) as Fn)(...list("inputs"));
    case "print":
      return String(build(context, c.args?.[0], []));
    case "file":
      return loadBytes(
        context,
        String(c["format"]),
        Uint8Array.from(atob(String(c["bytes"])), (ch) => ch.charCodeAt(0)),
      );
    case "init": {
      fn(context, "random.seed")(c["seed"]);
      const init = evaluate(context, c as unknown as Dict, []) as Fn;
      return init(fn(context, "zeros")(c["shape"], { dtype: c["dtype"] }));
    }
    case "schedule": {
      const schedule = evaluate(context, c as unknown as Dict, []) as Fn;
      return (c["steps"] as number[]).map((step) => {
        const array = fn(context, "array")(Int32Array.of(step), { shape: [], dtype: "int32" });
        return schedule(array);
      });
    }
    default:
      throw new Mismatch(`cases of kind ${c.kind} are not run here`);
  }
}

function optsOf(context: Context, c: VectorCase): unknown {
  return c.opts === undefined || Object.keys(c.opts).length === 0 ? undefined : build(context, c.opts, []);
}

const WEAK: Readonly<Record<string, number | boolean>> = { "weak:int": 2, "weak:float": 1.5, "weak:bool": true };

function operand(context: Context, name: string, shape: number[]): unknown {
  if (name in WEAK) return WEAK[name];
  const dtype = name as DType;
  const data = new (typedArrayOf(dtype))(shape.reduce((a, b) => a * b, dtype === "complex64" ? 2 : 1));
  if (isBigInteger(dtype)) (data as BigInt64Array).fill(1n);
  else if (dtype === "complex64") (data as Float32Array).forEach((_, i) => data[i] = i % 2 === 0 ? 1 : 0);
  else (data as Uint16Array).fill(dtype === "bfloat16" ? 0x3f80 : 1);
  return fn(context, "array")(data, { shape, dtype });
}

// MLX's refusals (null) do not bind: the library may support more.
function dtypeOr(context: Context, c: VectorCase, i: number, run: () => unknown): unknown {
  const want = (c.out as unknown[])[i];
  if (want === null) return null;
  const operands = [c["a"], (c["with"] as string[])[i]].filter((x) => x !== undefined);
  let got: unknown;
  try {
    got = run();
    toNeutral(got);
  } catch (error) {
    if (context.refuses(operands.filter(isDType), String(error))) return want;
    throw new Mismatch(`${c.op} of ${operands.join(" and ")} threw ${String(error)}`);
  }
  const all = Array.isArray(got) ? got.map((x: ArrayLike) => x.dtype) : (got as ArrayLike).dtype;
  if (Array.isArray(want)) return all;
  return Array.isArray(all) ? all[0] : all;
}

function loadBytes(context: Context, format: string, bytes: Uint8Array): unknown {
  const folder = mkdtempSync(join(tmpdir(), "sinter-vectors-"));
  try {
    const path = join(folder, `case.${format}`);
    writeFileSync(path, bytes);
    return toNeutral(fn(context, "load")(path));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
