// Whole derivatives: jacobian and hessian, as a batch of pullbacks or pushforwards along all unit vectors, and hvp.
import { rangeError } from "../base/error.ts";
import { checkOptions, functionOf, shown } from "../base/options.ts";
import { on } from "../core/device.ts";
import type { NDArray } from "../core/ndarray.ts";
import type { Node } from "../core/node.ts";
import { nextSerial } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { traced } from "../core/trace.ts";
import { treeFlattenArrays, treeUnflatten } from "../core/tree.ts";
import { broadcastTo, cast, compare, full, iota, permute, reshape } from "../ops/basis.ts";
import { wrap } from "../ops/lift.ts";
import { alias, argnumsOf, backward, differentiate, type Gradient, type Loss } from "./grad.ts";
import { forward, jvp } from "./jvp.ts";
import { batch } from "./vmap.ts";

/** Options of `jacobian` and `hessian`. */
export interface JacobianOptions<N extends number | readonly number[] | undefined> {
  /** By which arguments: a number, or a list (one entry counts as a number). Default 0. */
  readonly argnums?: N;
  /** "reverse" takes one pass for each element of the result, "forward" for each element of the argument. */
  readonly mode?: "reverse" | "forward";
}
/** The derivatives of a result: its tree, with the argument's tree in the place of every array. */
export type Jacobian<R, G> = R extends NDArray ? G
  : R extends readonly unknown[] ? { -readonly [K in keyof R]: Jacobian<R[K], G> }
  : { -readonly [K in keyof R]: Jacobian<R[K], G> };

/** All unit vectors of a shape, along a first axis. */
function units(x: Node): Node {
  const n = size(x.shape), shape = [n, n];
  return on(
    x.device,
    () => reshape(cast(compare("eq", iota(shape, 0, "int32"), iota(shape, 1, "int32")), x.dtype), [n, ...x.shape]),
  );
}
/** Derivatives of each root by each variable, of the shapes of both. */
function derivatives(mode: string, roots: readonly Node[], variables: readonly Node[], first: number): Node[][] {
  const table = roots.map((r) => variables.map((x) => full(0, [...r.shape, ...x.shape], r.dtype)));
  if (mode === "reverse") {
    roots.forEach((r, i) => {
      const n = size(r.shape), list = table[i] as Node[];
      if (n === 0) return;
      const { nodes, mapped } = batch(
        ([ct]) => backward([r], [ct as Node], variables, first),
        [units(r)],
        [true],
        n,
        () => "a cotangent of jacobian",
      );
      nodes.forEach((g, j) => {
        if (g === null) return;
        const all = mapped[j] ? g : broadcastTo(g, [n, ...g.shape]);
        list[j] = reshape(all, [...r.shape, ...(variables[j] as Node).shape]);
      });
    });
    return table;
  }
  variables.forEach((x, j) => {
    const n = size(x.shape);
    if (n === 0) return;
    const { nodes, mapped } = batch(
      ([t]) => forward(roots, [x], [t as Node], first).tangents,
      [units(x)],
      [true],
      n,
      () => "a tangent of jacobian",
    );
    nodes.forEach((t, i) => {
      if (t === null) return;
      const { shape } = roots[i] as Node, all = mapped[i] ? t : broadcastTo(t, [n, ...t.shape]);
      const last = shape.map((_, d) => d + x.shape.length), lead = x.shape.map((_, d) => d);
      (table[i] as Node[])[j] = permute(reshape(all, [...x.shape, ...shape]), [...last, ...lead]);
    });
  });
  return table;
}
function modeOf(name: string, mode: unknown, otherwise: "reverse" | "forward"): "reverse" | "forward" {
  if (mode === undefined) return otherwise;
  if (mode !== "reverse" && mode !== "forward") {
    throw rangeError(`Cannot ${name} with the mode ${shown(mode)}: it is "reverse" or "forward"`);
  }
  return mode;
}

/**
 * A function that gives the derivatives of every element of the result (an array or a tree of them) by every element of the
 * argument: for arrays an array of the result's shape followed by the argument's, for trees the result's tree of trees.
 *
 * @example
 * ```ts
 * mx.jacobian((x: mx.NDArray) => x.square())(mx.array([1, 2])); // array([[2, 0], [0, 4]], dtype=float32)
 * ```
 */
export function jacobian<
  A extends readonly unknown[],
  R,
  const N extends number | readonly number[] | undefined = undefined,
>(
  fun: (...args: A) => R,
  options: JacobianOptions<N> = {},
): (...args: A) => Jacobian<R, Gradient<A, N>> {
  functionOf("jacobian", fun);
  checkOptions("jacobian", options, ["argnums", "mode"]);
  const mode = modeOf("jacobian", options.mode, "reverse");
  return (...args: A) => {
    const { nums, list } = argnumsOf("jacobian", options.argnums, args.length);
    const parts = nums.map((n) => treeFlattenArrays(`Cannot jacobian: argument ${n}`, args[n]));
    return traced(() => {
      const first = nextSerial(), call = [...args] as unknown[], variables: Node[] = [];
      parts.forEach((p, i) => {
        const own = p.arrays.map((x) => alias(x.node));
        variables.push(...own);
        call[nums[i] as number] = treeUnflatten(p.spec, own.map(wrap));
      });
      const outs = treeFlattenArrays("Cannot jacobian: the function's result", fun(...call as unknown as A));
      const table = derivatives(mode, outs.arrays.map((a) => a.node), variables, first);
      const trees = table.map((row) => {
        let at = 0;
        const own = parts.map((p) => treeUnflatten(p.spec, row.slice(at, at += p.arrays.length).map(wrap)));
        return list ? own : own[0];
      });
      return treeUnflatten(outs.spec, trees) as Jacobian<R, Gradient<A, N>>;
    });
  };
}

/**
 * A function that gives the second derivatives of a scalar function: the gradient's tree, with the argument's tree of
 * arrays (the gradient's shape followed by the argument's) in the place of every array. The gradient is taken in reverse
 * mode, its derivatives by default in forward mode.
 *
 * @example
 * ```ts
 * mx.hessian((x: mx.NDArray) => x.prod())(mx.array([2, 3])); // array([[0, 1], [1, 0]], dtype=float32)
 * ```
 */
export function hessian<
  A extends readonly unknown[],
  const N extends number | readonly number[] | undefined = undefined,
>(
  fun: (...args: A) => Loss,
  options: JacobianOptions<N> = {},
): (...args: A) => Jacobian<Gradient<A, N>, Gradient<A, N>> {
  functionOf("hessian", fun);
  checkOptions("hessian", options, ["argnums", "mode"]);
  const mode = modeOf("hessian", options.mode, "forward");
  return jacobian(
    (...args: A) => differentiate("hessian", fun, options.argnums, args)[1] as Gradient<A, N>,
    { ...options, mode },
  );
}

/**
 * The product of the second derivatives of a scalar function at `primals` with `vectors` (one for each primal, of its
 * shape): one array for each primal. The gradient is moved along the vectors, so no matrix is made.
 *
 * @example
 * ```ts
 * mx.hvp((x: mx.NDArray) => x.prod(), [mx.array([2, 3])], [mx.array([1, 0])]); // [array([0, 1], dtype=float32)]
 * ```
 */
export function hvp(
  fun: (...args: NDArray[]) => Loss,
  primals: readonly NDArray[] | NDArray,
  vectors: readonly NDArray[] | NDArray,
): NDArray[] {
  functionOf("hvp", fun);
  const gradient = (...x: NDArray[]): NDArray[] => {
    const found = differentiate("hvp", fun, x.map((_, i) => i), x)[1];
    return x.length === 1 ? [found as NDArray] : found as NDArray[];
  };
  return jvp(gradient, primals, vectors)[1];
}
