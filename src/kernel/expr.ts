// The scalar expressions of the kernel IR: a typed DAG over loads, kernel arguments, loop indices and about sixty scalar operations.
import type { Compute } from "../base/dtype.ts";
import { type Size, sizeText } from "./sizes.ts";

/** Types that values have while they are computed; storage is a matter of loads and stores. */
export type CType = Compute;

/** A scalar that is known on the host. */
export type Literal = number | bigint | { readonly re: number; readonly im: number };

/** One expression; equal expressions of a kernel are the same object. */
export interface Expr {
  /**
   * `load` (imm: memory operand), `loadx` (imm: memory operand, args: index), `scalar` (imm: argument), `axis` (imm: row axis),
   * `iota` (position in the row), `fold` (imm: a fold of an earlier pass), or a scalar operation.
   */
  readonly op: string;
  readonly t: CType;
  readonly args: readonly Expr[];
  readonly imm: number;
  readonly id: number;
}

/** Builds expressions of one kernel, with equal ones shared. */
export class Scalars {
  readonly #known = new Map<string, Expr>();
  readonly #literals = new Map<string, number>();
  /** The scalar arguments: a literal, number `k` of the values that node number `node` recorded (now `value`), or a size of the plan. */
  readonly scalars: { t: CType; value: Literal; node: number; k: number; size: Size | null }[] = [];

  /** An expression; the same arguments give the same object. */
  make(op: string, t: CType, args: readonly Expr[], imm = 0): Expr {
    let key = `${op}|${t}|${imm}`;
    for (const a of args) key += `,${a.id}`;
    let e = this.#known.get(key);
    if (e === undefined) {
      e = { op, t, args, imm, id: this.#known.size };
      this.#known.set(key, e);
    }
    return e;
  }

  #argument(key: string, t: CType, value: Literal, node: number, k: number, size: Size | null): Expr {
    let i = this.#literals.get(key);
    if (i === undefined) {
      i = this.scalars.push({ t, value, node, k, size }) - 1;
      this.#literals.set(key, i);
    }
    return this.make("scalar", t, [], i);
  }
  /** A literal, as a kernel argument. */
  literal(value: Literal, t: CType): Expr {
    const key = `${t}:${
      typeof value === "object" ? `${value.re},${value.im}` : Object.is(value, -0) ? "-0" : String(value)
    }`;
    return this.#argument(key, t, value, -1, 0, null);
  }
  /** Scalar `k` of recorded node number `node`: an argument that is patched for each run. */
  argument(node: number, k: number, value: Literal, t: CType): Expr {
    return this.#argument(`node${node}.${k}:${t}`, t, value, node, k, null);
  }
  /** A size of the plan as an index: an argument that is patched where it changes. */
  size(n: Size, t: "i32" | "i64"): Expr {
    if (typeof n === "number") return this.literal(t === "i64" ? BigInt(n) : n, t);
    return this.#argument(`${t}:${sizeText(n)}`, t, t === "i64" ? BigInt(n.value) : n.value, -1, 0, n);
  }

  /** A unary operation that keeps the type. */
  un(op: string, x: Expr): Expr {
    return this.make(op, x.t, [x]);
  }

  /** A unary test: i32 0 or 1. */
  test(op: string, x: Expr): Expr {
    return this.make(op, "i32", [x]);
  }

  /** A binary operation that keeps the type. */
  bin(op: string, a: Expr, b: Expr): Expr {
    return this.make(op, a.t, [a, b]);
  }

  /** A comparison: i32 0 or 1. */
  cmp(op: "eq" | "ne" | "lt" | "le" | "gt" | "ge", a: Expr, b: Expr): Expr {
    return this.make(op, "i32", [a, b]);
  }

  /** `c` (i32, 0 or 1) ? a : b. */
  select(c: Expr, a: Expr, b: Expr): Expr {
    return this.make("sel", a.t, [c, a, b]);
  }

  /** A conversion between compute types. */
  cast(x: Expr, t: CType): Expr {
    return x.t === t ? x : this.make("cast", t, [x]);
  }

  /** Wraps or rounds a register value to a narrower storage: bool i8 u8 i16 u16 f16 bf16. */
  norm(x: Expr, storage: "bool" | "i8" | "u8" | "i16" | "u16" | "f16" | "bf16"): Expr {
    return this.make(`norm.${storage}`, x.t, [x]);
  }

  /** The bits of x as another type of the same width. */
  bitcast(x: Expr, t: CType): Expr {
    return x.t === t ? x : this.make("bitcast", t, [x]);
  }
}
