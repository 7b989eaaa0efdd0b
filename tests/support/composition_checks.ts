// Transforms under compile, and compile under transforms: each gives what it gives without compile; and all of it on another device what it gives on the CPU.
import * as mx from "../../mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import type { Device } from "../../src/core/device.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { topological } from "../../src/core/node.ts";
import { bytesOf, firstDifference, numbersOf, Random, randomArray } from "./random_graph.ts";
import type { Sampled } from "./transform_checks.ts";

type Fn = (...x: NDArray[]) => NDArray[];
const ones = (list: readonly NDArray[]): NDArray[] => list.map((y) => mx.ones(y.shape, y.dtype));
const vjp = (f: Fn): Fn => (...x) => mx.vjp(f, x, ones(f(...x)))[1];
const jvp = (f: Fn): Fn => (...x) => mx.jvp(f, x, ones(x))[1];
const vmap = (f: Fn, mapped: readonly boolean[]): Fn => mx.vmap(f, { inAxes: mapped.map((m) => m ? 0 : null) });
const mappedOf = (c: Sampled): boolean[] => c.shapes.map((_, j) => c.mapped?.includes(j) ?? true);

/** Example `k` of each argument, in a dtype where the function leaves it open. */
function samples(c: Sampled, k: number, open: DType): NDArray[] {
  const [lo, hi] = c.domain ?? [-2, 2];
  return c.shapes.map((shape, j) => {
    const r = new Random(100 * k + j), dtype = c.dtypes?.[j] ?? "float64", given = c.at?.[j];
    if (dtype !== "float64") return randomArray(r, dtype, shape);
    const n = shape.reduce((a, b) => a * b, 1);
    const values = Float64Array.from({ length: n }, (_, i) => given ? given[i] as number : lo + r.next() * (hi - lo));
    return mx.array(values, "float64").astype(open).reshape([...shape]);
  });
}

/** Says where compile, in any place among the transforms, changes a bit; null if nowhere. */
export function compiledDifference(c: Sampled, gradients: boolean): string | null {
  const f: Fn = (...x) => [c.f(...x)].flat(), compiled = mx.compile(f), mapped = mappedOf(c);
  const one = samples(c, 0, "float64"), two = samples(c, 1, "float64");
  const whole = one.map((x, j) => mapped[j] ? mx.stack([x, two[j] as NDArray]) : x);
  const list: [name: string, got: Fn, want: Fn, args: NDArray[]][] = [
    ["compile(f)", compiled, f, one],
    ["compile(vmap(f))", mx.compile(vmap(f, mapped)), vmap(f, mapped), whole],
    ["vmap(compile(f))", vmap(compiled, mapped), vmap(f, mapped), whole],
  ];
  if (gradients) {
    list.push(
      ["compile(grad(f))", mx.compile(vjp(f)), vjp(f), one],
      ["grad(compile(f))", vjp(compiled), vjp(f), one],
      ["compile(jvp(f))", mx.compile(jvp(f)), jvp(f), one],
      ["jvp(compile(f))", jvp(compiled), jvp(f), one],
    );
  }
  mx.eval(one, whole);
  for (const [name, run, plain, args] of list) {
    const got = run(...args), want = plain(...args);
    mx.eval(got, want);
    for (const [i, w] of want.entries()) {
      const g = got[i] as NDArray;
      if (g.dtype !== w.dtype || firstDifference(w.dtype, bytesOf(g), bytesOf(w)) >= 0) {
        return `${name}, result ${i}: ${g}, not ${w}`;
      }
    }
  }
  return null;
}

/** Functions that reach every op that the given ones reach and that is not in `reached`, to which they are added. */
export function cover(list: readonly Sampled[], reached: Set<string>): Sampled[] {
  return list.filter((c) => {
    const before = reached.size, results = [c.f(...samples(c, 0, "float32"))].flat();
    for (const n of topological(results.map((y) => y.node), (x) => x.buf !== null)) reached.add(n.op.name);
    return reached.size > before;
  });
}
/** Values, gradients, tangents and batches of some functions as one compiled function: kernels of a device take long to compile, and so are shared. */
export function deviceDifference(device: Device, list: readonly Sampled[], gradients: boolean): string | null {
  const usual = mx.defaultDevice(), names: string[] = [];
  const all = (...flat: NDArray[]): NDArray[] => {
    names.length = 0;
    let at = 0;
    return list.flatMap((c) => {
      const f: Fn = (...x) => [c.f(...x)].flat(), mapped = mappedOf(c), count = c.shapes.length;
      const one = flat.slice(at, at += count), two = flat.slice(at, at += count);
      const whole = one.map((x, j) => mapped[j] ? mx.stack([x, two[j] as NDArray]) : x);
      const parts: [string, NDArray[]][] = [["f", f(...one)], ["vmap(f)", vmap(f, mapped)(...whole)]];
      if (gradients) {
        parts.push(["grad(f)", vjp(f)(...one)], ["jvp(f)", jvp(f)(...one)]);
        parts.push(["vmap(grad(f))", vmap(vjp(f), mapped)(...whole)]);
      }
      return parts.flatMap(([name, ys]) => {
        names.push(...ys.map((_, i) => `${c.name}: ${name}, result ${i}`));
        return ys;
      });
    });
  };
  const run = (on: Device, f: Fn): NDArray[] => {
    mx.setDefaultDevice(on);
    try {
      const ys = f(...list.flatMap((c) => [...samples(c, 0, "float32"), ...samples(c, 1, "float32")]));
      mx.eval(ys);
      return ys;
    } finally {
      mx.setDefaultDevice(usual);
    }
  };
  const got = run(device, mx.compile(all)), want = run(mx.cpu, all);
  for (const [i, w] of want.entries()) {
    const g = got[i] as NDArray, name = names[i] as string, tolerance = Math.max(2e-4, list[0]?.tolerance ?? 0);
    if (g.dtype !== w.dtype || g.shape.join() !== w.shape.join()) {
      return `${name} is ${g.dtype}[${g.shape}], not ${w.dtype}[${w.shape}]`;
    }
    // The signs of eigenvectors and the like follow from the last bits of a matrix.
    const free = name.startsWith("linalg."), value = (x: number): number => free ? Math.abs(x) : x;
    const a = numbersOf(g.dtype, bytesOf(g)).map(value), b = numbersOf(w.dtype, bytesOf(w)).map(value);
    const scale = b.reduce((top, x) => Number.isFinite(x) ? Math.max(top, Math.abs(x)) : top, 1);
    const at = b.findIndex((x, k) => !(Object.is(a[k], x) || Math.abs((a[k] as number) - x) <= tolerance * scale));
    if (at >= 0) return `${name}, element ${at}: ${a[at]}, not ${b[at]}`;
  }
  return null;
}
