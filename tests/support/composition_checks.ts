// Transforms under compile and compile under transforms, for a function: each the same as without compile, and on another device the same as on the CPU.
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { bytesOf, Random, randomArray } from "./random_graph.ts";
import type { Sampled } from "./transform_checks.ts";

type Fn = (...x: NDArray[]) => NDArray[];
const LENGTH = 2;

/** A composition: what it is called, the function that is compiled or not, and its arguments. */
interface Composition {
  readonly name: string;
  readonly run: (f: Fn) => Fn;
  readonly batched: boolean;
}
const ones = (ys: readonly NDArray[]): NDArray[] => ys.map((y) => mx.ones(y.shape, y.dtype));
/** The vector-Jacobian product, and what it needs the results for. */
const back = (f: Fn): Fn => (...x) => mx.vjp(f, x, ones(f(...x)))[1];
const along = (f: Fn): Fn => (...x) => mx.jvp(f, x, ones(x))[1];
const batch = (inAxes: readonly (number | null)[]) => (f: Fn): Fn => mx.vmap(f, { inAxes });
