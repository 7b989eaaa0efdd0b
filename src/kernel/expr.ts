// The scalar expressions of the kernel IR: a typed DAG over loads, kernel arguments, loop indices and about sixty scalar operations.
import type { Compute } from "../base/dtype.ts";
import type { Offset } from "./offset.ts";

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
  /** Values of the scalar arguments; `null` where a recorded scalar is patched in. */
  readonly scalars: { t: CType; value: Literal; node: number; offset: Offset }[] = [];

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

  /** A literal, as a kernel argument. */
  literal(value: Literal, t: CType): Expr {
    const key = `${t}:${
      typeof value === "object" ? `${value.re},${value.im}` : Object.is(value, -0) ? "-0" : String(value)
    }`;
    let i = this.#literals.get(key);
    if (i === undefined) {
      i = this.scalars.push({ t, value, node: -1, offset: 0 }) - 1;
      this.#literals.set(key, i);
    }
    return this.make("scalar", t, [], i);
  }

  /** The scalar of recorded node number `node`: an argument that is patched for each run. */
  argument(node: number, value: Literal, t: CType): Expr {
    const key = `node${node}`;
    let i = this.#literals.get(key);
    if (i === undefined) {
      i = this.scalars.push({ t, value, node, offset: 0 }) - 1;
      this.#literals.set(key, i);
    }
    return this.make("scalar", t, [], i);
  }

  /** An offset that follows recorded starts: an argument that is patched for each run. */
  moving(key: string, offset: Offset, t: CType): Expr {
    let i = this.#literals.get(key);
    if (i === undefined) {
      i = this.scalars.push({ t, value: t === "i64" ? 0n : 0, node: -1, offset }) - 1;
      this.#literals.set(key, i);
    }
    return this.make("scalar", t, [], i);
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
