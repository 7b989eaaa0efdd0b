// Runs the cases recorded from MLX (one JSON object a line) on a library, and compares by the rules that each case states.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  type DType,
  fromBfloat16Bits,
  isBigInteger,
  isDType,
  type TypedArray,
  typedArrayOf,
} from "../src/base/dtype.ts";

/** The library under test: its functions by camelCase name, and the namespaces `linalg`, `random`, `fft`, ... */
export type Library = object;

/** An array in neutral form: row-major little-endian bytes. */
export interface Neutral {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** How far a result may be from the recorded one. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** One recorded case; which keys it has depends on its kind. */
export interface VectorCase {
  readonly id: string;
  readonly kind?: string;
  readonly op?: string;
  readonly args?: readonly unknown[];
  readonly opts?: Readonly<Record<string, unknown>>;
  readonly out?: unknown;
  readonly raises?: string;
  readonly limit?: boolean;
  readonly exact?: boolean;
  readonly tol?: Tolerance | readonly (Tolerance | null)[];
  readonly unspecified?: readonly number[];
  readonly compare?: "upToSign" | "eig" | "anyOrder" | "partition";
  readonly [key: string]: unknown;
}

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
type Dict = Record<string, unknown>;
interface ArrayLike {
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): TypedArray;
}
type Context = { readonly mx: Library } & Required<RunOptions>;

/** A failure of a case, as opposed to an error of the library or of this file. */
class Mismatch extends Error {}

/** The lines of a .jsonl file, packed (.gz) or not. */
export function readLines(path: string | URL): string[] {
  const bytes = readFileSync(path);
  return (String(path).endsWith(".gz") ? gunzipSync(bytes).toString("utf8") : bytes.toString("utf8")).trim().split(
    "\n",
  );
}

/** The cases of a .jsonl file, packed (.gz) or not. */
export function readCases(path: string | URL): VectorCase[] {
  return readLines(path).map((line) => JSON.parse(line) as VectorCase);
}

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

/** Compares a result in neutral form with what a case recorded: null if it agrees, else the reason. */
export function compareTo(c: VectorCase, got: unknown): string | null {
  try {
    compareCase(c, got);
    return null;
  } catch (error) {
    if (error instanceof Mismatch) return error.message;
    throw error;
  }
}

// ---- calls

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
export function makeArray(mx: Library, array: Neutral): unknown {
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

// ---- values

function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isRecordedArray(value: unknown): value is { dtype: DType; shape: number[]; data: string } {
  return isDict(value) && isDType(value["dtype"]) && Array.isArray(value["shape"]) && typeof value["data"] === "string";
}

function isArray(value: unknown): value is ArrayLike & Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    typeof (value as Partial<ArrayLike>).data === "function" && Array.isArray((value as Partial<ArrayLike>).shape);
}

function onlyKey(value: Dict, key: string): boolean {
  return Object.hasOwn(value, key) && Object.keys(value).length === 1;
}

const NUMBERS: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN, "-0": -0 };

/** A recorded value in neutral form: arrays as `Neutral`, the rest as JS values. */
export function decodeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeValue);
  if (!isDict(value)) return value;
  if (isRecordedArray(value)) {
    return {
      dtype: value.dtype,
      shape: value.shape,
      bytes: Uint8Array.from(atob(value.data), (ch) => ch.charCodeAt(0)),
    } satisfies Neutral;
  }
  if (onlyKey(value, "num") && typeof value["num"] === "string") return NUMBERS[String(value["num"])];
  if (onlyKey(value, "bigint")) return BigInt(String(value["bigint"]));
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, decodeValue(v)]));
}

function isNeutral(value: unknown): value is Neutral {
  return typeof value === "object" && value !== null && (value as Partial<Neutral>).bytes instanceof Uint8Array;
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
export function toNeutral(value: unknown): unknown {
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

// ---- kinds

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
        dtypeOr(
          context,
          c,
          i,
          () =>
            call(
              context,
              String(c.op),
              [operand(context, String(c["a"]), [2]), operand(context, b, [2])],
              optsOf(context, c),
            ),
        )
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

// ---- comparing

function compareCase(c: VectorCase, got: unknown): void {
  const out = decodeValue(c.out);
  switch (c.compare) {
    case undefined:
      compareResults(c, got, out);
      return;
    case "anyOrder":
      compareAnyOrder(c, got, out);
      return;
    case "partition":
      comparePartition(c, got, out);
      return;
    case "upToSign":
      compareFactors(c, got, out);
      return;
    case "eig":
      compareEig(c, got, out);
      return;
    default:
      c.compare satisfies never;
  }
}

function compareResults(c: VectorCase, got: unknown, out: unknown): void {
  const tol = c.tol;
  const skip = new Set(c.unspecified ?? []);
  if (c.kind === "sequence") {
    const wanted = out as unknown[];
    (got as unknown[]).forEach((value, i) => {
      if (wanted[i] !== null) compareValue(value, wanted[i], tolOf(c, i), NONE, `[${i}]`);
    });
    return;
  }
  if (Array.isArray(out) && (Array.isArray(tol) || skip.size > 0)) {
    if (!Array.isArray(got) || got.length !== out.length) {
      throw new Mismatch(`${out.length} results expected, got ${describe(got)}`);
    }
    out.forEach((want, i) => compareValue(got[i], want, tolOf(c, i), i === 0 ? skip : NONE, `[${i}]`));
    return;
  }
  const tolerance = tolOf(c, 0), slack = tolerance === null ? 0 : orderSlack(c);
  compareValue(got, out, tolerance === null ? null : { ...tolerance, atol: tolerance.atol + slack }, skip, "");
}

/** What the order of additions, which instruction sets choose, may change in a sum: n roundings of the largest number that is added. */
function orderSlack(c: VectorCase): number {
  const x = c.op === "sum" || c.op === "mean" ? decodeValue(c.args?.[0]) : null;
  const unit = isNeutral(x) ? { float32: 2 ** -24, float64: 2 ** -53 }[x.dtype as string] ?? 0 : 0;
  if (unit === 0) return 0;
  const all = [...numbersOf(x as Neutral).re].map((v) => Math.abs(Number(v))).filter(Number.isFinite);
  return all.length * unit * Math.max(0, ...all);
}

const NONE: ReadonlySet<number> = new Set();

function tolOf(c: VectorCase, i: number): Tolerance | null {
  if (c.tol === undefined) return null;
  return Array.isArray(c.tol) ? (c.tol as readonly (Tolerance | null)[])[i] ?? null : c.tol as Tolerance;
}

function describe(value: unknown): string {
  if (isNeutral(value)) return `${value.dtype}[${value.shape}]`;
  return typeof value === "bigint" ? `${value}n` : JSON.stringify(value) ?? String(value);
}

/** Throws unless a result is what is wanted; `tol` null asks for equal values. */
function compareValue(
  got: unknown,
  want: unknown,
  tol: Tolerance | null,
  skip: ReadonlySet<number>,
  where: string,
): void {
  const fail = (): never => {
    throw new Mismatch(`result${where}: got ${describe(got)}, expected ${describe(want)}`);
  };
  if (isNeutral(want)) {
    if (!isNeutral(got)) return fail();
    compareArray(got, want, tol, skip, where);
  } else if (Array.isArray(want)) {
    if (!Array.isArray(got) || got.length !== want.length) return fail();
    want.forEach((item, i) => compareValue(got[i], item, tol, NONE, `${where}[${i}]`));
  } else if (isDict(want)) {
    if (typeof got !== "object" || got === null) return fail();
    for (const [key, value] of Object.entries(want)) {
      // MLX's own names are in snake case.
      const name = Object.hasOwn(got, key) ? key : key.replace(/_([a-z])/g, (_, ch: string) => ch.toUpperCase());
      compareValue((got as Dict)[name], value, tol, NONE, `${where}.${name}`);
    }
  } else if (typeof want === "number" || typeof want === "bigint") {
    if (typeof got !== "number" && typeof got !== "bigint") return fail();
    const equal = typeof want === typeof got ? want === got || (want !== want && got !== got) : want == got;
    if (!equal && !(tol !== null && near(Number(got), 0, Number(want), 0, tol))) fail();
  } else if (want === null) {
    if (got !== null && got !== undefined) fail();
  } else if (got !== want) fail();
}

function compareHead(got: unknown, want: Neutral, where: string): asserts got is Neutral {
  if (!isNeutral(got)) throw new Mismatch(`result${where}: got ${describe(got)}, expected ${describe(want)}`);
  if (got.dtype !== want.dtype) throw new Mismatch(`result${where}: dtype ${got.dtype}, expected ${want.dtype}`);
  if (got.shape.join() !== want.shape.join()) {
    throw new Mismatch(`result${where}: shape [${got.shape}], expected [${want.shape}]`);
  }
  if (got.bytes.length !== want.bytes.length) {
    throw new Mismatch(`result${where}: ${got.bytes.length} bytes, expected ${want.bytes.length}`);
  }
}

function compareArray(
  got: Neutral,
  want: Neutral,
  tol: Tolerance | null,
  skip: ReadonlySet<number>,
  where: string,
): void {
  compareHead(got, want, where);
  if (sameBytes(got.bytes, want.bytes)) return;
  const a = numbersOf(got);
  const b = numbersOf(want);
  let bad = 0;
  let first = "";
  for (let i = 0; i < b.re.length; i++) {
    if (skip.has(i)) continue;
    const re = a.re[i] as number | bigint;
    const wantRe = b.re[i] as number | bigint;
    const im = a.im?.[i] ?? 0;
    const wantIm = b.im?.[i] ?? 0;
    const equal = same(re, wantRe) && same(im, wantIm);
    if (equal || (tol !== null && near(Number(re), im, Number(wantRe), wantIm, tol))) continue;
    if (bad++ === 0) first = `at ${i}: got ${show(re, a.im?.[i])}, expected ${show(wantRe, b.im?.[i])}`;
  }
  if (bad > 0) {
    const by = tol === null ? "exactly" : `rtol ${tol.rtol}, atol ${tol.atol}`;
    throw new Mismatch(`result${where}: ${bad} of ${b.re.length} values differ (${by}); ${first}`);
  }
}

function show(re: number | bigint, im: number | undefined): string {
  return im === undefined ? String(re) : `${re}${im < 0 ? "" : "+"}${im}i`;
}

function same(a: number | bigint, b: number | bigint): boolean {
  return a === b || (a !== a && b !== b);
}

function near(re: number, im: number, wantRe: number, wantIm: number, { rtol, atol }: Tolerance): boolean {
  if (Number.isFinite(wantRe) && Number.isFinite(wantIm)) {
    return Math.hypot(re - wantRe, im - wantIm) <= atol + rtol * Math.hypot(wantRe, wantIm);
  }
  // Beside an infinity or NaN each part is compared by itself.
  const part = (a: number, b: number): boolean =>
    same(a, b) || (Number.isFinite(b) && Math.abs(a - b) <= atol + rtol * Math.abs(b));
  return part(re, wantRe) && part(im, wantIm);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

interface Numbers {
  readonly re: readonly (number | bigint)[];
  readonly im: readonly number[] | undefined;
}

/** The values of a neutral array; bigints for 64-bit integers. */
export function numbersOf(array: Neutral): Numbers {
  const data = new (typedArrayOf(array.dtype))(array.bytes.slice().buffer);
  const values = Array.from(data as Iterable<number | bigint>);
  if (array.dtype === "complex64") {
    const floats = values as number[];
    return { re: floats.filter((_, i) => i % 2 === 0), im: floats.filter((_, i) => i % 2 === 1) };
  }
  if (array.dtype === "bfloat16") return { re: values.map((bits) => fromBfloat16Bits(Number(bits))), im: undefined };
  return { re: values, im: undefined };
}

// The flat positions of each line along an axis (of the whole array if it is null).
function lines(shape: readonly number[], axis: number | null): number[][] {
  const size = shape.reduce((a, b) => a * b, 1);
  if (axis === null || shape.length === 0) return [Array.from({ length: size }, (_, i) => i)];
  const at = axis < 0 ? axis + shape.length : axis;
  const n = shape[at] as number;
  const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
  const out: number[][] = [];
  if (size === 0) return out;
  for (let start = 0; start < size / n; start++) {
    const base = Math.floor(start / inner) * inner * n + (start % inner);
    out.push(Array.from({ length: n }, (_, i) => base + i * inner));
  }
  return out;
}

function axisOf(c: VectorCase, position: number): number | null {
  const axis = c.opts?.["axis"] ?? (c.opts !== undefined && "axis" in c.opts ? null : c.args?.[position] ?? -1);
  return axis as number | null;
}

// Values as texts, so that sets of them compare exactly; both zeros give "0".
function textsOf(array: Neutral): string[] {
  const { re, im } = numbersOf(array);
  return re.map((x, i) => (im === undefined ? String(x) : `${x} ${im[i]}`));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join() === [...b].sort().join();
}

function compareAnyOrder(c: VectorCase, got: unknown, out: unknown): void {
  const want = out as Neutral;
  compareHead(got, want, "");
  const a = numbersOf(got);
  const b = numbersOf(want);
  const tol = tolOf(c, 0);
  const axis = c.op === "linalg.eigvals" ? -1 : axisOf(c, 2);
  for (const line of lines(want.shape, axis)) {
    const left = new Set(line);
    for (const i of line) {
      let best = -1;
      let distance = Infinity;
      for (const j of left) {
        const re = a.re[j] as number | bigint;
        const wantRe = b.re[i] as number | bigint;
        if (same(re, wantRe) && same(a.im?.[j] ?? 0, b.im?.[i] ?? 0)) {
          best = j;
          break;
        }
        const d = Math.hypot(Number(re) - Number(wantRe), (a.im?.[j] ?? 0) - (b.im?.[i] ?? 0));
        if (tol !== null && d < distance && near(Number(re), a.im?.[j] ?? 0, Number(wantRe), b.im?.[i] ?? 0, tol)) {
          best = j;
          distance = d;
        }
      }
      if (best < 0) throw new Mismatch(`no value of the result is ${show(b.re[i] as number, b.im?.[i])}`);
      left.delete(best);
    }
  }
}

function comparePartition(c: VectorCase, got: unknown, out: unknown): void {
  const want = out as Neutral;
  compareHead(got, want, "");
  const axis = axisOf(c, 2);
  const kth = Number(c.args?.[1]);
  const byIndex = c.op === "argpartition";
  const source = byIndex ? decodeValue(c.args?.[0]) as Neutral : want;
  const values = textsOf(source);
  const a = textsOf(got);
  const b = textsOf(want);
  const sources = lines(source.shape, axis);
  lines(want.shape, axis).forEach((line, l) => {
    const from = sources[l] as number[];
    const read = (list: readonly string[]): string[] =>
      line.map((i) => (byIndex ? values[from[Number(list[i])] as number] : list[i]) as string);
    if (byIndex && !sameSet(line.map((i) => a[i] as string), line.map((_, i) => String(i)))) {
      throw new Mismatch(`line ${l} of the indices is no permutation`);
    }
    const x = read(a);
    const y = read(b);
    const k = kth < 0 ? kth + line.length : kth;
    if (x[k] !== y[k]) throw new Mismatch(`line ${l}: element ${k} is ${x[k]}, expected ${y[k]}`);
    if (!sameSet(x.slice(0, k), y.slice(0, k))) throw new Mismatch(`line ${l}: the elements before ${k} differ`);
    if (!sameSet(x.slice(k + 1), y.slice(k + 1))) throw new Mismatch(`line ${l}: the elements after ${k} differ`);
  });
}

// ---- factorisations

// One matrix of a batch, as complex numbers.
interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function matrices(array: Neutral): Matrix[] {
  const [rows = 1, cols = 1] = array.shape.slice(-2);
  const values = numbersOf(array);
  const size = rows * cols;
  const count = size === 0 ? 0 : values.re.length / size;
  return Array.from({ length: count }, (_, b) => ({
    rows,
    cols,
    re: Float64Array.from(values.re.slice(b * size, (b + 1) * size), Number),
    im: Float64Array.from({ length: size }, (_, i) => values.im?.[b * size + i] ?? 0),
  }));
}

function vectors(array: Neutral): { re: number[]; im: number[] }[] {
  const n = array.shape.at(-1) ?? 1;
  const values = numbersOf(array);
  return Array.from({ length: n === 0 ? 0 : values.re.length / n }, (_, b) => ({
    re: values.re.slice(b * n, (b + 1) * n).map(Number),
    im: Array.from({ length: n }, (_, i) => values.im?.[b * n + i] ?? 0),
  }));
}

function product(a: Matrix, b: Matrix): Matrix {
  const re = new Float64Array(a.rows * b.cols);
  const im = new Float64Array(a.rows * b.cols);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.cols; k++) {
      const ar = a.re[i * a.cols + k] as number;
      const ai = a.im[i * a.cols + k] as number;
      for (let j = 0; j < b.cols; j++) {
        const br = b.re[k * b.cols + j] as number;
        const bi = b.im[k * b.cols + j] as number;
        const at = i * b.cols + j;
        re[at] = (re[at] as number) + ar * br - ai * bi;
        im[at] = (im[at] as number) + ar * bi + ai * br;
      }
    }
  }
  return { rows: a.rows, cols: b.cols, re, im };
}

function adjoint(a: Matrix): Matrix {
  const pick = (from: Float64Array, sign: number): Float64Array =>
    Float64Array.from(
      { length: from.length },
      (_, i) => sign * (from[(i % a.rows) * a.cols + Math.floor(i / a.rows)] as number),
    );
  return { rows: a.cols, cols: a.rows, re: pick(a.re, 1), im: pick(a.im, -1) };
}

function firstColumns(a: Matrix, cols: number): Matrix {
  const pick = (from: Float64Array): Float64Array =>
    Float64Array.from({ length: a.rows * cols }, (_, i) => from[Math.floor(i / cols) * a.cols + (i % cols)] as number);
  return { rows: a.rows, cols, re: pick(a.re), im: pick(a.im) };
}

// a * diag(s)
function scaleColumns(a: Matrix, s: { re: number[]; im: number[] }): Matrix {
  const re = a.re.map((x, i) => x * (s.re[i % a.cols] as number) - (a.im[i] as number) * (s.im[i % a.cols] as number));
  const im = a.im.map((x, i) => x * (s.re[i % a.cols] as number) + (a.re[i] as number) * (s.im[i % a.cols] as number));
  return { rows: a.rows, cols: a.cols, re, im };
}

function largest(a: Matrix): number {
  return a.re.reduce((most, x, i) => Math.max(most, Math.hypot(x, a.im[i] as number)), 0);
}

function requireNear(a: Matrix, b: Matrix, bound: number, what: string): void {
  a.re.forEach((x, i) => {
    const d = Math.hypot(x - (b.re[i] as number), (a.im[i] as number) - (b.im[i] as number));
    if (!(d <= bound)) throw new Mismatch(`${what}: off by ${d} at ${i} (at most ${bound})`);
  });
}

function requireOrthonormal(a: Matrix, bound: number, what: string): void {
  const gram = product(adjoint(a), a);
  const identity = {
    ...gram,
    re: gram.re.map((_, i) => (i % (gram.cols + 1) === 0 ? 1 : 0)),
    im: gram.im.map(() => 0),
  };
  requireNear(gram, identity, bound, what);
}

function compareFactors(c: VectorCase, got: unknown, out: unknown): void {
  // The rounding of a product of factors grows with their size.
  const rtol = Math.max(...(Array.isArray(c.tol) ? c.tol as Tolerance[] : [tolOf(c, 0)]).map((t) => t?.rtol ?? 0));
  if (isNeutral(out)) {
    // A lone orthogonal matrix: entries up to the sign of their column.
    compareHead(got, out, "");
    const positive = (array: Neutral): Neutral => ({
      ...array,
      dtype: "float64",
      bytes: new Uint8Array(Float64Array.from(numbersOf(array).re, (x) => Math.abs(Number(x))).buffer),
    });
    compareArray(positive(got), positive(out), tolOf(c, 0), NONE, "");
    return;
  }
  const want = out as Neutral[];
  if (!Array.isArray(got) || got.length !== want.length) {
    throw new Mismatch(`${want.length} results expected, got ${describe(got)}`);
  }
  want.forEach((w, i) => compareHead(got[i], w, `[${i}]`));
  const parts = got as Neutral[];
  const at = (list: readonly Neutral[], i: number): Neutral => list[i] as Neutral;
  const checkProduct = (make: (list: readonly Neutral[]) => Matrix[]): void => {
    const expected = make(want);
    make(parts).forEach((m, b) => {
      const w = expected[b] as Matrix;
      requireNear(m, w, 10 * rtol * Math.max(largest(w), 1e-30) + 1e-30, `the product of the factors of matrix ${b}`);
    });
  };
  const orthonormal = (array: Neutral, rows: boolean, what: string): void => {
    for (const m of matrices(array)) requireOrthonormal(rows ? adjoint(m) : m, 10 * rtol, what);
  };
  switch (c.op) {
    case "linalg.eigh": {
      compareArray(at(parts, 0), at(want, 0), tolOf(c, 0), NONE, "[0]");
      orthonormal(at(parts, 1), false, "the eigenvectors");
      checkProduct((list) => {
        const values = vectors(at(list, 0));
        return matrices(at(list, 1)).map((v, b) =>
          product(scaleColumns(v, values[b] as { re: number[]; im: number[] }), adjoint(v))
        );
      });
      return;
    }
    case "linalg.svd": {
      compareArray(at(parts, 1), at(want, 1), tolOf(c, 1), NONE, "[1]");
      orthonormal(at(parts, 0), false, "the left singular vectors");
      orthonormal(at(parts, 2), true, "the right singular vectors");
      checkProduct((list) => {
        const values = vectors(at(list, 1));
        const right = matrices(at(list, 2));
        return matrices(at(list, 0)).map((u, b) => {
          const s = values[b] as { re: number[]; im: number[] };
          const v = adjoint(firstColumns(adjoint(right[b] as Matrix), s.re.length));
          return product(scaleColumns(firstColumns(u, s.re.length), s), v);
        });
      });
      return;
    }
    case "linalg.qr": {
      orthonormal(at(parts, 0), false, "Q");
      for (const r of matrices(at(parts, 1))) {
        r.re.forEach((x, i) => {
          if (Math.floor(i / r.cols) > i % r.cols && Math.hypot(x, r.im[i] as number) > 0) {
            throw new Mismatch(`R is not upper triangular at ${i}`);
          }
        });
      }
      checkProduct((list) => {
        const r = matrices(at(list, 1));
        return matrices(at(list, 0)).map((q, b) => product(q, r[b] as Matrix));
      });
      return;
    }
    default:
      throw new Mismatch(`${c.op} has no comparison up to sign`);
  }
}

function compareEig(c: VectorCase, got: unknown, out: unknown): void {
  const [values, eigenvectors] = out as [Neutral, Neutral];
  if (!Array.isArray(got) || got.length !== 2) throw new Mismatch(`2 results expected, got ${describe(got)}`);
  compareHead(got[0], values, "[0]");
  compareHead(got[1], eigenvectors, "[1]");
  compareAnyOrder({ ...c, op: "linalg.eigvals", tol: tolOf(c, 0) ?? { rtol: 0, atol: 0 } }, got[0], values);
  const rtol = Math.max(...[0, 1].map((i) => tolOf(c, i)?.rtol ?? 0));
  const sources = matrices(decodeValue(c.args?.[0]) as Neutral);
  const w = vectors(got[0]);
  matrices(got[1]).forEach((v, b) => {
    const a = sources[b] as Matrix;
    requireNear(
      product(a, v),
      scaleColumns(v, w[b] as { re: number[]; im: number[] }),
      10 * rtol * Math.max(largest(a), 1),
      `A v = w v of matrix ${b}`,
    );
    for (let j = 0; j < v.cols; j++) {
      const norm = Math.sqrt(
        v.re.reduce((sum, x, i) => (i % v.cols === j ? sum + x * x + (v.im[i] as number) ** 2 : sum), 0),
      );
      if (!(Math.abs(norm - 1) <= 10 * rtol)) {
        throw new Mismatch(`eigenvector ${j} of matrix ${b} has the norm ${norm}`);
      }
    }
  });
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
