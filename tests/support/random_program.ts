// Seeded random programs that record, change, read, keep and drop arrays, beside plain int32 arrays that do the same: what lifetimes have to preserve.
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { native } from "../../src/runtime/memory.ts";
import { Random } from "./random_graph.ts";

/** An array and what it has to hold. */
interface Variable {
  array: NDArray;
  values: Int32Array;
}
const random = (r: Random, n: number): Int32Array => Int32Array.from({ length: n }, () => r.int(-9, 9));

/** Runs a program of `steps` steps; says what is wrong, or null. */
export async function programDifference(seed: number, steps: number): Promise<string | null> {
  // Large arrays are cut across threads and take buffers that are not pooled with small ones.
  const r = new Random(seed), n = r.pick([1, 7, 64, 64, 500, 40000]), log: string[] = [];
  const vars: Variable[] = [], views: { readonly data: Int32Array; readonly values: Int32Array }[] = [];
  const add = (array: NDArray, values: Int32Array): void => {
    vars.push({ array, values });
    while (vars.length > 9) (r.chance(0.5) ? vars.shift() as Variable : drop()).array.dispose();
  };
  const drop = (): Variable => vars.splice(r.int(0, vars.length - 1), 1)[0] as Variable;
  const one = (): Variable => r.pick(vars);
  const map = (v: Int32Array, f: (x: number, i: number) => number): Int32Array => v.map((x, i) => f(x, i) | 0);
  const wrong = (v: Variable): string | null => {
    const data = v.array.data() as Int32Array, i = v.values.findIndex((x, k) => x !== data[k]);
    if (data.length !== n) return `${data.length} elements, not ${n}`;
    if (i >= 0) return `element ${i} is ${data[i]}, not ${v.values[i]}`;
    if (r.chance(0.5)) views.push({ data, values: data.slice() });
    return null;
  };
  const stale = (): string | null =>
    views.some((v) => v.values.some((x, i) => x !== v.data[i])) ? "a view of data has changed" : null;
  const range = (): [number, number] => {
    const a = r.int(0, n - 1);
    return [a, r.int(a + 1, n)];
  };
  const actions: readonly (readonly [string, () => string | null | void | Promise<void>])[] = [
    ["array", () => {
      const v = random(r, n);
      add(mx.array(v), v.slice());
    }],
    ["add", () => {
      const x = one(), y = one();
      add(mx.add(x.array, y.array), map(x.values, (v, i) => v + y.values[i]!));
    }],
    ["multiply", () => {
      const x = one(), y = one();
      add(mx.multiply(x.array, y.array), map(x.values, (v, i) => Math.imul(v, y.values[i]!)));
    }],
    ["difference from the sum", () => {
      const x = one(), s = x.values.reduce((a, b) => (a + b) | 0, 0);
      add(mx.subtract(x.array, mx.sum(x.array)), map(x.values, (v) => v - s));
    }],
    ["cumsum of the negative, then of its square", () => {
      const x = one(),
        running = (v: Int32Array): Int32Array => {
          let s = 0;
          return map(v, (k) => s = (s + k) | 0);
        };
      const y = mx.cumsum(mx.negative(x.array), 0), w = running(map(x.values, (v) => -v));
      add(mx.cumsum(mx.multiply(y, y), 0), running(map(w, (v) => Math.imul(v, v))));
    }],
    ["maximum of what is before and after", () => {
      const x = one(), back = map(x.values, (_, i) => x.values[n - 1 - i]!);
      add(mx.maximum(mx.flip(x.array), x.array), map(x.values, (v, i) => Math.max(v, back[i]!)));
    }],
    ["sort", () => {
      const x = one();
      add(mx.sort(x.array), x.values.slice().sort());
    }],
    ["reversed view", () => {
      const x = one();
      add(mx.get(x.array, "::-1"), x.values.slice().reverse());
    }],
    ["another handle", () => {
      const x = one();
      add(x.array.reshape([n]), x.values.slice());
    }],
    ["set", () => {
      const x = one(), y = one(), [a, b] = range();
      x.array.set([`${a}:${b}`], mx.get(y.array, `${a}:${b}`));
      x.values = map(x.values, (v, i) => i >= a && i < b ? y.values[i]! : v);
    }],
    ["set of a number", () => {
      const x = one(), [a, b] = range(), k = r.int(-9, 9);
      x.array.set([`${a}:${b}`], k);
      x.values = map(x.values, (v, i) => i >= a && i < b ? k : v);
    }],
    ["set of itself plus 1", () => {
      const x = one();
      x.array.set([":"], x.array.add(1));
      x.values = map(x.values, (v) => v + 1);
    }],
    ["set at places", () => {
      const x = one(), at = Int32Array.from({ length: 3 }, () => r.int(0, n - 1)), u = random(r, 3);
      x.array.set([mx.array(at)], mx.array(u));
      x.values = x.values.slice();
      at.forEach((i, k) => x.values[i] = u[k]!);
    }],
    ["at.add", () => {
      const x = one(), at = Int32Array.from({ length: 3 }, () => r.int(0, n - 1)), u = random(r, 3);
      const values = x.values.slice();
      at.forEach((i, k) => values[i] = (values[i]! + u[k]!) | 0);
      add(x.array.at(mx.array(at)).add(mx.array(u)), values);
    }],
    ["a gradient's linear part", () => {
      // d sum(x * c) / dx = c, recorded under a trace.
      const c = one();
      const g = mx.grad((x: NDArray) => mx.sum(x.mul(c.array.astype("float64"))))(mx.ones([n], "float64"));
      add(g.astype("int32"), c.values.slice());
    }],
    ["scope", () => {
      const x = one(), y = one();
      add(
        mx.scope(() => {
          const t = x.array.add(y.array);
          mx.eval(t);
          return t.sub(x.array);
        }),
        y.values.slice(),
      );
    }],
    ["dispose", () => vars.length > 2 ? drop().array.dispose() : undefined],
    ["drop", () => void (vars.length > 2 && drop())],
    ["eval", () => mx.eval(r.shuffled(vars).slice(0, r.int(1, 3)).map((v) => v.array))],
    ["asyncEval", () => void mx.asyncEval(r.shuffled(vars).slice(0, r.int(1, 3)).map((v) => v.array))],
    ["await", async () => void await one().array.dataAsync()],
    ["read", () => wrong(one()) ?? stale()],
    ["forget a view", () => void views.shift()],
    ["collect", () => void (r.chance(0.2) && native().yieldToCollector())],
  ];
  try {
    for (let k = 0; k < 3; k++) actions[0]![1]();
    for (let k = 0; k < steps; k++) {
      const [name, act] = r.pick(actions);
      log.push(name);
      const bad = await act();
      if (typeof bad === "string") return `seed ${seed}, step ${k}: ${bad}; ${log.join(", ")}`;
    }
    for (const v of r.shuffled(vars)) {
      const bad = wrong(v) ?? stale();
      if (bad !== null) return `seed ${seed}, at the end: ${bad}; ${log.join(", ")}`;
    }
  } catch (e) {
    return `seed ${seed}: ${e instanceof Error ? e.message : String(e)}; ${log.join(", ")}`;
  }
  return null;
}
