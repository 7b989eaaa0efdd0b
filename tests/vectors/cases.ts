// Cases recorded from MLX (the .jsonl.gz files beside this): what one says, and its values in neutral form.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type DType, fromBfloat16Bits, isDType, typedArrayOf } from "../../src/base/dtype.ts";

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

/** A failure of a case, as opposed to an error of the library or of the runner. */
export class Mismatch extends Error {}

/** An object of any kind. */
export type Dict = Record<string, unknown>;

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

/** A plain object. */
export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** An array as it is recorded: bytes in base64. */
export function isRecordedArray(value: unknown): value is { dtype: DType; shape: number[]; data: string } {
  return isDict(value) && isDType(value["dtype"]) && Array.isArray(value["shape"]) && typeof value["data"] === "string";
}

/** An object with one key alone, which tells what it stands for. */
export function onlyKey(value: Dict, key: string): boolean {
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

export function isNeutral(value: unknown): value is Neutral {
  return typeof value === "object" && value !== null && (value as Partial<Neutral>).bytes instanceof Uint8Array;
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

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
