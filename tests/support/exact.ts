// Elementary functions to some 190 bits, on numbers of a big mantissa and an exponent: the reference for errors in ulp of float64.

/** m * 2 ** e */
export interface Big {
  readonly m: bigint;
  readonly e: number;
}
/** Bits that are kept, and fraction bits of the series. */
const BITS = 200, FIXED = 256, F = BigInt(FIXED);

const length = (m: bigint): number => (m < 0n ? -m : m).toString(16).length * 4;
function cut(m: bigint, e: number): Big {
  const over = length(m) - BITS;
  return over <= 0 ? { m, e } : { m: m >> BigInt(over), e: e + over };
}
const shift = (m: bigint, by: number): bigint => by >= 0 ? m << BigInt(by) : m >> BigInt(-by);
const bits = new BigUint64Array(1), float = new Float64Array(bits.buffer);
/** A finite number, exactly. */
export function big(x: number): Big {
  float[0] = x;
  const u = bits[0] as bigint, exponent = Number(u >> 52n & 2047n), fraction = u & (1n << 52n) - 1n;
  const m = exponent === 0 ? fraction : fraction | 1n << 52n;
  return { m: u >> 63n === 1n ? -m : m, e: Math.max(exponent, 1) - 1075 };
}
/** A number within one ulp. */
export function number(x: Big): number {
  const over = Math.max(length(x.m) - 60, -1074 - x.e), scaled = Number(over > 0 ? x.m / (1n << BigInt(over)) : x.m);
  const e = over > 0 ? x.e + over : x.e, half = Math.trunc(e / 2);
  return scaled * 2 ** half * 2 ** (e - half);
}
export const neg = (x: Big): Big => ({ m: -x.m, e: x.e });
export const abs = (x: Big): Big => x.m < 0n ? neg(x) : x;
export function add(x: Big, y: Big): Big {
  if (x.m === 0n) return y;
  if (y.m === 0n) return x;
  const [a, b] = x.e >= y.e ? [x, y] : [y, x];
  // What lies wholly below the last bit of the other does not count.
  if (a.e - b.e > 2 * BITS + length(b.m)) return a;
  return cut((a.m << BigInt(a.e - b.e)) + b.m, b.e);
}
export const sub = (x: Big, y: Big): Big => add(x, neg(y));
export const mul = (x: Big, y: Big): Big => cut(x.m * y.m, x.e + y.e);
export const twice = (x: Big, k = 1): Big => ({ m: x.m, e: x.e + k });
export function div(x: Big, y: Big): Big {
  const by = BITS + length(y.m);
  return cut((x.m << BigInt(by)) / y.m, x.e - by - y.e);
}
export function sqrt(x: Big): Big {
  if (x.m === 0n) return x;
  const by = 2 * BITS + (x.e & 1), n = x.m << BigInt(by);
  let r = 1n << BigInt((length(n) >> 1) + 1);
  for (;;) {
    const next = (r + n / r) >> 1n;
    if (next >= r) return cut(r, (x.e - by) / 2);
    r = next;
  }
}
const fixed = (x: Big): bigint => shift(x.m, x.e + FIXED);
const ofFixed = (m: bigint): Big => cut(m, -FIXED);
const less = (x: Big, y: Big): boolean => sub(x, y).m < 0n;
const ONE = big(1);

// pi by Machin's formula, as long as the longest argument of a sine needs.
const LONG = FIXED + 1100;
const LONG_PI = ((): bigint => {
  const arcCotangent = (n: bigint): bigint => {
    let term = (1n << BigInt(LONG + 64)) / n, sum = term;
    for (let k = 3n; term !== 0n; k += 2n) {
      term = -term / (n * n);
      sum += term / k;
    }
    return sum;
  };
  return (4n * (4n * arcCotangent(5n) - arcCotangent(239n))) >> 64n;
})();
const PI: Big = cut(LONG_PI, -LONG);
const LN2: Big = ofFixed((() => {
  // 2 artanh(1/3)
  let term = (1n << (F + 64n)) / 3n, sum = term;
  for (let k = 3n; term !== 0n; k += 2n) {
    term /= 9n;
    sum += term / k;
  }
  return sum >> 63n;
})());
const LN10: Big = add(mul(big(3), LN2), log(big(1.25)));

/** e^x is (1 + y) 2^n, with the relative precision of y where n is 0. Beyond 2000, where float64 ends, x counts as 2000. */
function expParts(given: Big): readonly [y: Big, n: number] {
  const near = Math.max(-2000, Math.min(2000, number(given))), x = Math.abs(near) === 2000 ? big(near) : given;
  if (Math.abs(near) < 2 ** -60) return [add(x, twice(mul(x, x), -1)), 0];
  const n = Math.round(near * Math.LOG2E), r = fixed(sub(x, mul(big(n), LN2))) >> 8n;
  let term = r, sum = r;
  for (let k = 2n; (term + 1n) >> 1n !== 0n; k++) {
    term = (term * r >> F) / k;
    sum += term;
  }
  // (1 + s)^2 - 1 = 2 s + s^2
  for (let k = 0; k < 8; k++) sum = 2n * sum + (sum * sum >> F);
  return [ofFixed(sum), n];
}
export function exp(x: Big): Big {
  const [y, n] = expParts(x);
  return twice(add(y, ONE), n);
}
/** e^x - 1 with its relative precision near 0. */
export function expm1(x: Big): Big {
  const [y, n] = expParts(x);
  return n === 0 ? y : sub(twice(add(y, ONE), n), ONE);
}
/** log(1 + x), x > -1, with its relative precision near 0. */
export function log1p(x: Big): Big {
  if (Math.abs(number(x)) < 2 ** -60) return sub(x, twice(mul(x, x), -1));
  return log(add(ONE, x));
}
/** The natural logarithm of a positive number: Halley's step from the float64 value. */
export function log(x: Big): Big {
  const n = length(x.m) + x.e, m = twice(x, -n), f = sub(m, ONE);
  const near = number(f), e = Math.abs(near) < 0.25 ? 0 : n, whole = e === 0 && n !== 0 ? x : m;
  const guess = big(e === 0 ? Math.log1p(number(sub(whole, ONE))) : Math.log(number(m))), g = expm1(guess);
  const y = add(guess, twice(div(sub(sub(whole, ONE), g), add(add(whole, ONE), g)), 1));
  return e === 0 ? y : add(y, mul(big(e), LN2));
}
/** Sine and cosine. */
export function circle(x: Big): readonly [sin: Big, cos: Big] {
  // Long arguments are reduced by as many bits of pi as they have.
  const size = Math.max(0, length(x.m) + x.e), wide = FIXED + size, half = LONG_PI >> BigInt(LONG - wide + 1);
  const v = shift(x.m, x.e + wide),
    q = (2n * v + (v < 0n ? -half : half)) / (2n * half),
    r = (v - q * half) >> BigInt(size);
  const z = r * r >> F;
  let s = 0n, c = 0n, odd = r, even = 1n << F;
  for (let k = 1n; (odd + 1n) >> 1n !== 0n || (even + 1n) >> 1n !== 0n; k += 2n) {
    s += odd;
    c += even;
    even = -(even * z >> F) / (k * (k + 1n));
    odd = -(odd * z >> F) / ((k + 1n) * (k + 2n));
  }
  // A small sine has bits beyond the fixed point.
  const small = Math.abs(number(x)) < 2 ** -40, cos = ofFixed(c);
  const sin = small ? sub(x, div(mul(x, mul(x, x)), big(6))) : ofFixed(s), turn = Number((q % 4n + 4n) % 4n);
  return turn === 0 ? [sin, cos] : turn === 1 ? [cos, neg(sin)] : turn === 2 ? [neg(sin), neg(cos)] : [neg(cos), sin];
}
/** The arc tangent: a step from the float64 value by atan x = y + atan((x - tan y) / (1 + x tan y)). */
export function atan(x: Big): Big {
  const near = number(x);
  if (Math.abs(near) < 2 ** -60) return sub(x, div(mul(x, mul(x, x)), big(3)));
  if (Math.abs(near) > 2) return sub(twice(near > 0 ? PI : neg(PI), -1), atan(div(ONE, x)));
  const y = big(Math.atan(near)), [s, c] = circle(y), t = div(sub(mul(x, c), s), add(c, mul(x, s)));
  return add(y, sub(t, div(mul(t, mul(t, t)), big(3))));
}
export function atan2(y: Big, x: Big): Big {
  const up = y.m < 0n ? neg(PI) : PI;
  if (x.m === 0n) return twice(up, -1);
  const a = atan(div(y, x));
  return x.m > 0n ? a : add(a, up);
}
export const asin = (x: Big): Big => atan2(x, sqrt(mul(sub(ONE, x), add(ONE, x))));
export const acos = (x: Big): Big => twice(atan2(sqrt(sub(ONE, x)), sqrt(add(ONE, x))), 1);
export const sinh = (x: Big): Big => {
  const e = expm1(abs(x)), y = twice(add(e, div(e, add(e, ONE))), -1);
  return x.m < 0n ? neg(y) : y;
};
export const cosh = (x: Big): Big => {
  const e = exp(x);
  return twice(add(e, div(ONE, e)), -1);
};
export const tanh = (x: Big): Big => {
  const e = expm1(twice(abs(x), 1)), y = div(e, add(e, big(2)));
  return x.m < 0n ? neg(y) : y;
};
export const asinh = (x: Big): Big => {
  const a = abs(x), s = mul(a, a), y = log1p(add(a, div(s, add(ONE, sqrt(add(ONE, s))))));
  return x.m < 0n ? neg(y) : y;
};
export const acosh = (x: Big): Big => {
  const t = sub(x, ONE);
  return log1p(add(t, sqrt(mul(t, add(x, ONE)))));
};
export const atanh = (x: Big): Big => twice(log1p(div(twice(x, 1), sub(ONE, x))), -1);
export const sigmoid = (x: Big): Big => div(ONE, add(ONE, exp(neg(x))));
export const log2 = (x: Big): Big => div(log(x), LN2);
export const log10 = (x: Big): Big => div(log(x), LN10);
const ROOT_PI = sqrt(PI);
/** The error function by its series; beyond 6 the result is 1 to float64. */
export function erf(x: Big): Big {
  if (less(big(6), abs(x))) return x.m < 0n ? neg(ONE) : ONE;
  if (Math.abs(number(x)) < 2 ** -60) return div(twice(x, 1), ROOT_PI);
  const v = fixed(x), z = v * v >> F;
  let power = v, sum = 0n;
  for (let k = 0n; (power + 1n) >> 1n !== 0n; k++) {
    sum += power / (2n * k + 1n);
    power = -(power * z >> F) / (k + 1n);
  }
  return div(twice(ofFixed(sum), 1), ROOT_PI);
}
/** The inverse error function: Newton's step from a near value. */
export function erfinv(x: Big, near: number): Big {
  const y = big(near);
  return sub(y, mul(sub(erf(y), x), mul(twice(ROOT_PI, -1), exp(mul(y, y)))));
}
export const pow = (x: Big, y: Big): Big => exp(mul(y, log(x)));
export const logaddexp = (x: Big, y: Big): Big => {
  const [m, n] = less(x, y) ? [y, x] : [x, y];
  return add(m, log1p(exp(sub(n, m))));
};
