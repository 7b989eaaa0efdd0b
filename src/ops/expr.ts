// Arithmetic written as text: a tagged template with Python's operators and precedence, parsed once per call site.
import { typeError } from "../base/error.ts";
import type { ArrayLike, NDArray } from "../core/ndarray.ts";
import { nodeOf, wrap } from "./lift.ts";
import {
  add,
  bitwiseAnd,
  bitwiseOr,
  bitwiseXor,
  divide,
  equal,
  floorDivide,
  greater,
  greaterEqual,
  leftShift,
  less,
  lessEqual,
  multiply,
  notEqual,
  power,
  remainder,
  rightShift,
  subtract,
} from "./binary.ts";
import { matmul } from "./matmul.ts";
import { bitwiseInvert, negative } from "./unary.ts";

type Value = ArrayLike;
type Program = (values: readonly Value[]) => Value;
type Token = { readonly kind: "op"; readonly text: string } | { readonly kind: "number"; readonly value: number } | {
  readonly kind: "value";
  readonly index: number;
};

/** Binary operators by how tightly they bind, loosest first (`**` and unary signs are tighter still). */
const LEVELS: readonly Readonly<Record<string, (a: Value, b: Value) => Value>>[] = [
  { "==": equal, "!=": notEqual, "<": less, "<=": lessEqual, ">": greater, ">=": greaterEqual },
  { "|": bitwiseOr },
  { "^": bitwiseXor },
  { "&": bitwiseAnd },
  { "<<": leftShift, ">>": rightShift },
  { "+": add, "-": subtract },
  { "*": multiply, "/": divide, "//": floorDivide, "%": remainder, "@": (a, b) => matmul(a as NDArray, b as NDArray) },
];
const OPERATORS = [
  "**",
  "//",
  "<<",
  ">>",
  "==",
  "!=",
  "<=",
  ">=",
  "+",
  "-",
  "*",
  "/",
  "%",
  "@",
  "<",
  ">",
  "&",
  "|",
  "^",
  "~",
  "(",
  ")",
];
const NUMBER = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;

function tokens(strings: readonly string[]): Token[] {
  const out: Token[] = [];
  strings.forEach((text, i) => {
    let rest = text;
    for (;;) {
      rest = rest.trimStart();
      if (rest === "") break;
      const number = NUMBER.exec(rest)?.[0], op = OPERATORS.find((o) => rest.startsWith(o));
      if (number !== undefined) out.push({ kind: "number", value: Number(number) });
      else if (op !== undefined) out.push({ kind: "op", text: op });
      else {throw typeError(
          `Cannot read the expression at "${rest.slice(0, 20)}": expected a number, a \${value} or one of ${
            OPERATORS.join(" ")
          }`,
        );}
      rest = rest.slice((number ?? op as string).length);
    }
    if (i < strings.length - 1) out.push({ kind: "value", index: i });
  });
  return out;
}

function parse(strings: readonly string[]): Program {
  const list = tokens(strings);
  let at = 0;
  const next = (text: string): boolean => {
    const t = list[at];
    if (t?.kind !== "op" || t.text !== text) return false;
    at++;
    return true;
  };
  const level = (n: number): Program => {
    if (n === LEVELS.length) return unary();
    let left = level(n + 1);
    for (;;) {
      const t = list[at], f = t?.kind === "op" ? (LEVELS[n] as (typeof LEVELS)[number])[t.text] : undefined;
      if (f === undefined) return left;
      at++;
      const a = left, b = level(n + 1);
      left = (v) => f(a(v), b(v));
    }
  };
  const unary = (): Program => {
    if (next("-")) {
      const x = unary();
      return (v) => {
        const y = x(v);
        return typeof y === "number" ? -y : negative(y);
      };
    }
    if (next("+")) return unary();
    if (next("~")) {
      const x = unary();
      return (v) => bitwiseInvert(x(v));
    }
    const base = atom();
    if (!next("**")) return base;
    const exponent = unary();
    return (v) => power(base(v), exponent(v));
  };
  const atom = (): Program => {
    if (next("(")) {
      const inner = level(0);
      if (!next(")")) throw typeError("Cannot read the expression: a ) is missing");
      return inner;
    }
    const t = list[at++];
    if (t?.kind === "number") return () => t.value;
    if (t?.kind === "value") return (v) => v[t.index] as Value;
    throw typeError(
      `Cannot read the expression: a value is missing ${t === undefined ? "at its end" : `before ${t.text}`}`,
    );
  };
  const program = level(0);
  if (at < list.length) throw typeError("Cannot read the expression: an operator is missing between two values");
  return program;
}

const parsed = new WeakMap<object, Program>();
/**
 * Arithmetic on arrays and numbers as text, e.g. `` mx.expr`(${x} * 2 + 5) / 3 @ ${w}` ``: + - * / // % ** @, comparisons, & | ^ ~ << >> and parentheses, with Python's precedence.
 *
 * @example
 * ```ts
 * const x = mx.array([1, 2, 3]);
 * mx.expr`(${x} * 2 + 1) ** 2`; // array([9, 25, 49], dtype=float32)
 * ```
 */
export function expr(strings: TemplateStringsArray, ...values: readonly ArrayLike[]): NDArray {
  if (!Array.isArray(strings) || !Array.isArray(strings.raw)) {
    throw typeError("expr is the tag of a template: mx.expr`${x} * 2 + 1`");
  }
  let program = parsed.get(strings);
  if (program === undefined) parsed.set(strings, program = parse(strings));
  return wrap(nodeOf("expr", program(values)));
}
