// Every way to call every public function: options in an object, positionally or missing, methods; and what each says to arguments of the wrong type.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as mx from "../../mod.ts";
import { APART, functionNames, functionOf, GOOD, type Good, METHODS_APART } from "../support/calls.ts";

// How functions are called has nothing to do with devices, of which some compile for seconds.
const device = mx.defaultDevice();
before(() => mx.setDefaultDevice(mx.cpu));
after(() => mx.setDefaultDevice(device));

/** A result as text: arrays by dtype, shape and elements. */
function textOf(value: unknown): string {
  if (value instanceof mx.NDArray) {
    return value.size > 1e5 ? `${value.dtype}[${value.shape}]` : `${value.dtype}[${value.shape}]:${[...value.data()]}`;
  }
  if (Array.isArray(value)) return `[${value.map(textOf).join(";")}]`;
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return `{${Object.entries(value).map(([k, v]) => `${k}:${textOf(v)}`).join(";")}}`;
  }
  return typeof value === "function" || typeof value === "object" ? typeof value : String(value);
}
/** A result, or the class and text of the error, read arrays included. */
function outcome(call: () => unknown): string {
  try {
    return textOf(call());
  } catch (e) {
    return e instanceof Error ? `${e.constructor.name}: ${e.message.split("\n")[0]}` : `no error: ${String(e)}`;
  }
}
const required = (g: Good): unknown[] => g.required.map((make) => make());
const isKept = (name: string): boolean => name !== "save" && name !== "load" && !name.startsWith("savez");

test("every public function and method has a good call here", () => {
  const named = new Set([...GOOD.map((g) => g.name), ...APART]);
  assert.deepEqual(functionNames().filter((n) => isKept(n) && !named.has(n)), []);
  const methods = new Set(GOOD.filter((g) => g.method).map((g) => g.name)), apart = new Set(METHODS_APART);
  const operators = "add sub mul div mod floordiv pow neg eq ne lt le gt ge and or xor not shl shr".split(" ");
  assert.deepEqual(
    Object.getOwnPropertyNames(mx.NDArray.prototype).filter((n) => {
      const d = Object.getOwnPropertyDescriptor(mx.NDArray.prototype, n);
      return typeof d?.value === "function" && !methods.has(n) && !apart.has(n) && !operators.includes(n);
    }),
    [],
  );
});

test("options give the same in an object, positionally and mixed, as a function and as a method", () => {
  for (const g of GOOD) {
    const f = functionOf(g.name), keys = Object.keys(g.options), whole = g.options;
    const want = outcome(() => f(...required(g), ...(keys.length === 0 ? [] : [whole])));
    assert.doesNotMatch(want, /^\w*Error|^no error/, `${g.name}: ${want}`);
    const same = (how: string, call: () => unknown, expected = want): void =>
      assert.equal(outcome(call), expected, `${g.name} ${how}`);
    g.positional.forEach((_, i) => {
      const front = g.positional.slice(0, i + 1).map((k) => whole[k]);
      const rest = Object.fromEntries(Object.entries(whole).filter(([k]) => !g.positional.slice(0, i + 1).includes(k)));
      same(`with ${i + 1} positional`, () => f(...required(g), ...front, rest));
      if (g.method) {
        const [x, ...more] = required(g);
        same(
          `as a method with ${i + 1} positional`,
          () => (x as Record<string, typeof f>)[g.name]!(...more, ...front, rest),
        );
      }
    });
    const last = g.positional.at(-1);
    if (last === "dtype" && g.positional.length > 1) {
      same("with a dtype alone", () => f(...required(g), whole["dtype"], { ...whole, dtype: undefined }));
    }
    if (keys.length === 0) continue;
    if (g.method) {
      const [x, ...more] = required(g);
      same("as a method", () => (x as Record<string, typeof f>)[g.name]!(...more, whole));
    }
    // What is missing, undefined or in an empty object is the default.
    const draws = g.name.startsWith("random.");
    const plain = outcome(() => f(...required(g), ...(draws ? [{ key: whole["key"] }] : [])));
    const undefineds = Object.fromEntries(keys.map((k) => [k, undefined]));
    same(
      "with undefined options",
      () => f(...required(g), draws ? { ...undefineds, key: whole["key"] } : undefineds),
      plain,
    );
    if (!draws) same("with no options", () => f(...required(g), {}), plain);
    if (!draws && g.name !== "meshgrid") same("with undefined", () => f(...required(g), undefined), plain);
    if (g.method) {
      const [x, ...more] = required(g);
      same("as a method without options", () => (x as Record<string, typeof f>)[g.name]!(...more), plain);
    }
    assert.match(outcome(() => f(...required(g), { ...whole, bogus: 1 })), /^TypeError: .*"bogus"/, g.name);
  }
});

/** Values that are wrong almost everywhere. */
const WRONG: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => "text",
  () => Symbol("s"),
  () => ({}),
  () => ({ re: "1", im: 2 }),
  () => [],
  () => [[null]],
  () => [Symbol("s")],
  () => (): number => 1,
  () => NaN,
  () => 1.5,
  () => -100,
  () => 2 ** 40,
  () => 10n ** 30n,
  () => true,
  () => new Date(0),
  () => new Map(),
  () => Promise.resolve(1),
  () => new Float32Array(2),
  () => mx.array(1),
  () => mx.zeros([0]),
  () => mx.zeros([5, 7, 3], "complex64"),
  () => {
    const x = mx.ones([2]);
    x.dispose();
    return x;
  },
];
/** Functions whose own arguments are called: what these throw is theirs. */
const CALLS_BACK = /^(cond|scan|whileLoop|jvp|vjp|hvp)$/;

test("arguments of the wrong type are errors of the library with the user's line, or are taken", () => {
  const bad: string[] = [];
  const attempt = (what: string, call: () => unknown): void => {
    try {
      textOf(call());
    } catch (e) {
      const own = e instanceof Error && [TypeError, RangeError, Error].includes(e.constructor as ErrorConstructor) &&
        /\n {4}at .*calls\.(test\.)?ts:\d+$/.test(e.message);
      if (!own) bad.push(`${what}: ${String(e).split("\n")[0]}`);
    }
  };
  for (const g of GOOD) {
    const f = functionOf(g.name), n = g.required.length;
    WRONG.forEach((make, w) => {
      for (let i = 0; i < n; i++) {
        if (CALLS_BACK.test(g.name) && (i < 2 || g.name !== "cond")) continue;
        attempt(`${g.name}, argument ${i}, value ${w}`, () => f(...required(g).map((r, k) => k === i ? make() : r)));
      }
      attempt(`${g.name}, one more, value ${w}`, () => f(...required(g), make()));
      for (const key of Object.keys(g.options)) {
        attempt(`${g.name}, option ${key}, value ${w}`, () => f(...required(g), { ...g.options, [key]: make() }));
      }
    });
    for (let i = 0; i < n && !CALLS_BACK.test(g.name); i++) {
      attempt(`${g.name} with ${i} arguments`, () => f(...required(g).slice(0, i)));
    }
  }
  assert.deepEqual(bad, []);
});
