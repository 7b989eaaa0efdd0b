// Writes an array as text, exactly as MLX does.
import { type Complex, type DType, fromBfloat16Bits, isInteger, type TypedArray } from "./dtype.ts";

/** An array element as a JS value. */
export type Element = number | bigint | boolean | Complex;
/** Gives an element by its row-major position. */
export type GetElement = (flatIndex: number) => Element;
/** Whether a NaN element has its sign bit set; `part` is 1 for the imaginary half. */
export type GetSign = (flatIndex: number, part: 0 | 1) => boolean;

/** MLX's default of the print option `precision`: six significant digits; 0 and more are a fixed number of decimals. */
export const DEFAULT_PRECISION = -1;

// An axis of more than twice this many elements shows this many at each end.
const EDGE = 3;

/** The text of an array in MLX's layout; fetches only the elements that it shows. */
export function formatArray(
  dtype: DType,
  shape: readonly number[],
  get: GetElement,
  precision: number = DEFAULT_PRECISION,
  sign?: GetSign,
): string {
  const ndim = shape.length;
  const strides = new Array<number>(ndim);
  for (let axis = ndim - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  const element = (index: number): string => {
    const value = get(index);
    switch (typeof value) {
      case "boolean":
        return value ? "True" : "False";
      case "bigint":
        return String(value);
      case "number":
        if (dtype === "bool") return value !== 0 ? "True" : "False";
        if (isInteger(dtype)) return String(value);
        return formatNumber(value, precision, value !== value && sign?.(index, 0) === true);
      case "object": {
        const re = formatNumber(value.re, precision, value.re !== value.re && sign?.(index, 0) === true);
        const im = formatNumber(value.im, precision, value.im !== value.im && sign?.(index, 1) === true);
        return `${re}${value.im < 0 ? "" : "+"}${im}j`;
      }
      default:
        value satisfies never;
        return String(value);
    }
  };
  const block = (axis: number, offset: number): string => {
    const n = shape[axis] as number;
    const stride = strides[axis] as number;
    const last = axis === ndim - 1;
    const parts: string[] = [];
    for (let i = 0; i < n; i++) {
      if (i === EDGE && n > 2 * EDGE) {
        parts.push("...");
        i = n - EDGE - 1;
        continue;
      }
      parts.push(last ? element(offset + i * stride) : block(axis + 1, offset + i * stride));
    }
    return `[${parts.join(last ? ", " : `,\n${" ".repeat(7 + axis)}`)}]`;
  };
  return `array(${ndim === 0 ? element(0) : block(0, 0)}, dtype=${dtype})`;
}

/**
 * A number as MLX writes it: with a precision below 0 as C's `%g` (six significant digits), else as `%f` with that many
 * decimals; exact ties round to even, as in C.
 */
export function formatNumber(x: number, precision: number = DEFAULT_PRECISION, negativeNaN = false): string {
  if (x !== x) return negativeNaN ? "-nan" : "nan";
  const minus = x < 0 || Object.is(x, -0) ? "-" : "";
  const size = Math.abs(x);
  if (size === Infinity) return `${minus}inf`;
  return minus + (precision >= 0 ? fixed(size, Math.min(MOST_DECIMALS, precision)) : general(size));
}

// `toFixed` takes 100 decimals, of which `fixed` needs one to see a tie.
const MOST_DECIMALS = 99;
const DIGITS = 6;

// x >= 0 with a number of decimals.
function fixed(x: number, decimals: number): string {
  if (x >= 1e21) return BigInt(x).toString() + (decimals > 0 ? `.${"0".repeat(decimals)}` : "");
  // Only a multiple of 2^-(decimals + 1) can lie halfway, and toFixed is exact there; it rounds such ties up.
  if (Number.isInteger(x * 2 ** (decimals + 1))) {
    const exact = x.toFixed(decimals + 1);
    const below = exact.slice(0, decimals === 0 ? -2 : -1);
    if (exact.endsWith("5") && isEven(below)) return below;
  }
  return x.toFixed(decimals);
}

// x >= 0 with six significant digits and without trailing zeros.
function general(x: number): string {
  if (x === 0) return "0";
  const [rounded = "", exponentText = "0"] = x.toExponential(DIGITS - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < DIGITS) return withoutTrailingZeros(fixed(x, DIGITS - 1 - exponent));
  let mantissa = rounded;
  if (exponent >= DIGITS) {
    // The value is an integer wherever it can lie halfway between two texts.
    const exact = Number.isInteger(x) ? BigInt(x).toString() : "";
    const below = exact.slice(0, DIGITS);
    if (/^50*$/.test(exact.slice(DIGITS)) && isEven(below)) mantissa = `${below.slice(0, 1)}.${below.slice(1)}`;
  }
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${withoutTrailingZeros(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
}

function isEven(digits: string): boolean {
  return "02468".includes(digits.slice(-1));
}

/** The elements of an array's `data()`, and the signs of its NaNs, in the form that `formatArray` takes. */
export function elementsOf(dtype: DType, data: TypedArray): { get: GetElement; sign: GetSign } {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const lanes = dtype === "complex64" ? 2 : 1;
  const size = data.BYTES_PER_ELEMENT;
  // Little-endian: the sign is the top bit of the last byte.
  const sign: GetSign = (i, part) => bytes.getUint8(((i * lanes) + part + 1) * size - 1) >= 0x80;
  let get: GetElement;
  if (dtype === "complex64") get = (i) => ({ re: Number(data[2 * i]), im: Number(data[2 * i + 1]) });
  else if (dtype === "bfloat16") get = (i) => fromBfloat16Bits(Number(data[i]));
  else if (dtype === "bool") get = (i) => data[i] !== 0;
  else get = (i) => data[i] as number | bigint;
  return { get, sign };
}

function withoutTrailingZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
