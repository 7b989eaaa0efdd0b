// compile: traced once for each structure, state read and written in place, captured arrays read anew, and the same bits as without it.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../mod.ts";
import { counters } from "../../src/runtime/cache.ts";
import { bytesOf, Random, randomRecipe } from "../support/random_graph.ts";

const close = (a: NDArray, b: NDArray | readonly number[]): void => {
  const want = b instanceof mx.NDArray ? [...b.data()].map(Number) : [...b], got = [...a.data()].map(Number);
  assert.equal(got.length, want.length);
  got.forEach((x, i) =>
    assert.ok(Math.abs(x - (want[i] as number)) <= 1e-6 * Math.max(1, Math.abs(x)), `${got} ${want}`)
  );
};

test("a function is traced once for each structure, shape, dtype and constant", () => {
  let traces = 0;
  const f = mx.compile((x: NDArray, o: { readonly k: number; readonly y?: NDArray | null }) => {
    traces++;
    return { sum: x.mul(o.k).add(o.y ?? 0), shape: x.shape, name: "sum" };
  });
  const x = mx.array([1, 2, 3]);
  close(f(x, { k: 2 }).sum, [2, 4, 6]);
  close(f(x.add(1), { k: 2 }).sum, [4, 6, 8]);
  assert.equal(traces, 1);
  close(f(x, { k: 3 }).sum, [3, 6, 9]);
  close(f(x, { k: 2, y: x }).sum, [3, 6, 9]);
  close(f(x, { k: 2, y: null }).sum, [2, 4, 6]);
  close(f(mx.ones([2, 2]), { k: 2 }).sum, [2, 2, 2, 2]);
  assert.equal(f(x.astype("int32"), { k: 2 }).sum.dtype, "int32");
  assert.equal(traces, 6);
  assert.deepEqual(f(x, { k: 2 }).shape, [3]);
  assert.equal(f(x, { k: 2 }).name, "sum");
  assert.equal(traces, 6);
});

test("a function called with ever other numbers keeps the latest traces only", () => {
  let traces = 0;
  const f = mx.compile((x: NDArray, k: number) => {
    traces++;
    return x.mul(k);
  });
  const x = mx.ones([2]);
  for (let k = 0; k < 300; k++) close(f(x, k), [k, k]);
  close(f(x, 299), [299, 299]);
  assert.equal(traces, 300);
  close(f(x, 0), [0, 0]);
  assert.equal(traces, 301);
});

test("later calls make no plan and record no graph", () => {
  const f = mx.compile((x: NDArray, w: NDArray) => mx.softmax(x.matmul(w), -1)), w = mx.ones([4, 5]);
  const inputs = Array.from({ length: 50 }, (_, i) => mx.full([3, 4], i));
  mx.eval(inputs, w);
  mx.eval(f(mx.ones([3, 4]), w));
  const before = counters.misses;
  for (const x of inputs) mx.eval(f(x, w));
  assert.equal(counters.misses, before);
});

test("calls are lazy, follow one another and mix with other ops", () => {
  let traces = 0;
  const step = mx.compile((x: NDArray) => {
    traces++;
    return x.mul(0.5).add(1);
  });
  let x = mx.zeros([3]);
  for (let i = 0; i < 200; i++) x = step(i % 2 === 0 ? x : x.add(0));
  close(x.mul(3), [6, 6, 6]);
  assert.equal(traces, 1);
});

test("views, arguments and captured arrays come back as they are", () => {
  const w = mx.arange(3);
  const f = mx.compile((x: NDArray) => [x.T, x, w, x.T.get(0), w.add(1)]), x = mx.arange(6).reshape(2, 3);
  const [t, same, captured, row, more] = f(x) as [NDArray, NDArray, NDArray, NDArray, NDArray];
  assert.deepEqual(t.tolist(), [[0, 3], [1, 4], [2, 5]]);
  assert.deepEqual(same.tolist(), [[0, 1, 2], [3, 4, 5]]);
  assert.deepEqual(captured.tolist(), [0, 1, 2]);
  assert.deepEqual(row.tolist(), [0, 3]);
  assert.deepEqual(more.tolist(), [1, 2, 3]);
});

test("arguments may be views of any layout", () => {
  const f = mx.compile((x: NDArray) => x.mul(2).sum(0)), base = mx.arange(24).reshape(4, 6);
  mx.eval(base);
  for (
    const x of [base, base.get("::2"), base.get(":", "1:4"), base.get("::-1"), base.T.reshape(6, 4).T, base.get("1:3")]
  ) {
    mx.eval(x);
    assert.deepEqual(f(x).tolist(), x.mul(2).sum(0).tolist());
  }
});

test("captured arrays are read at each call", () => {
  const c = mx.zeros([3]), f = mx.compile((x: NDArray) => x.add(c));
  close(f(mx.ones([3])), [1, 1, 1]);
  c.set([1], 7);
  close(f(mx.ones([3])), [1, 8, 1]);
});

test("inputs are read before and outputs written after each call", () => {
  const state: { w: NDArray; nested: NDArray[]; more?: NDArray } = { w: mx.ones([2]), nested: [mx.array(0)] };
  let traces = 0;
  const f = mx.compile((g: NDArray) => {
    traces++;
    state.w = state.w.sub(g);
    state.nested[0] = (state.nested[0] as NDArray).add(1);
    state.more = state.w.mul(10);
    return state.w.sum();
  }, { inputs: state, outputs: state });
  for (let i = 1; i <= 4; i++) {
    close(f(mx.array([1, 2])), [2 - 3 * i]);
    close(state.w, [1 - i, 1 - 2 * i]);
    close(state.nested[0] as NDArray, [i]);
    close(state.more as NDArray, [10 - 10 * i, 10 - 20 * i]);
  }
  // Once without and once with the key that the first call added.
  assert.equal(traces, 2);
  state.w = mx.zeros([2]);
  close(f(mx.array([1, 1])), [-2]);
});

test("an array of a container that is set stays the same array", () => {
  const state = { cache: mx.zeros([4]) }, { cache } = state;
  const f = mx.compile((i: NDArray, v: NDArray) => {
    state.cache.set([i], v);
    return state.cache.sum();
  }, { inputs: state, outputs: state });
  for (let i = 0; i < 4; i++) close(f(mx.array(i, "int32"), mx.array(i + 1)), [[1, 3, 6, 10][i] as number]);
  assert.equal(state.cache, cache);
  close(cache, [1, 2, 3, 4]);
});

test("the random state as input gives new numbers, and those of an uncompiled function", () => {
  const draw = (): NDArray => mx.random.uniform({ shape: [3] });
  const f = mx.compile(draw, { inputs: mx.random.state, outputs: mx.random.state });
  mx.random.seed(5);
  const a = [f(), f(), f()].map((x) => x.tolist());
  mx.random.seed(5);
  assert.deepEqual([draw(), draw(), draw()].map((x) => x.tolist()), a);
});

test("transforms of compiled functions, and compiled transforms", () => {
  const f = (x: NDArray): NDArray => x.sin().mul(x).sum(), x = mx.array([0.5, 1, 2]), g = mx.grad(f);
  close(mx.grad(mx.compile(f))(x), g(x));
  const compiled = mx.compile(g);
  close(compiled(x), g(x));
  close(compiled(x.mul(2)), g(x.mul(2)));
  close(
    mx.compile(mx.grad((y: NDArray) => mx.grad(mx.compile(f))(y).sum()))(x),
    mx.grad((y: NDArray) => g(y).sum())(x),
  );
  const rows = mx.arange(6).reshape(2, 3).astype("float32");
  close(mx.vmap(mx.compile(f))(rows), mx.vmap(f)(rows));
  close(mx.compile(mx.vmap(f))(rows), mx.vmap(f)(rows));
});

test("results that nobody wants are let go of", () => {
  const f = mx.compile((x: NDArray) => [x.add(1), x.add(2)]), x = mx.ones([1 << 18]);
  mx.eval(x);
  const before = mx.getActiveMemory();
  for (let i = 0; i < 20; i++) {
    const [a, b] = f(x) as [NDArray, NDArray];
    b.dispose();
    mx.eval(a);
    a.dispose();
  }
  assert.ok(mx.getActiveMemory() - before < 3 << 20);
});

test("donated arrays are disposed of and hold the results", () => {
  const f = mx.compile((p: { readonly w: NDArray; readonly m: NDArray }, g: NDArray) => {
    const m = p.m.mul(0.9).add(g);
    return { w: p.w.sub(m.mul(0.1)), m };
  }, { donate: [0] });
  const n = 1 << 18, g = mx.ones([n]), plain = { w: mx.ones([n]), m: mx.zeros([n]) };
  let p = { w: mx.ones([n]), m: mx.zeros([n]) };
  mx.eval(g, p, plain);
  p = f(p, g);
  mx.eval(p);
  const addresses = (): number[] => [p.w, p.m].map((x) => x.node.buf!.address).sort(), before = addresses();
  for (let i = 0; i < 5; i++) {
    const old = p;
    p = f(p, g);
    mx.eval(p);
    assert.throws(() => old.w.sum(), /after dispose/);
    assert.deepEqual(addresses(), before);
  }
  const m = (k: number): number => (1 - 0.9 ** k) / 0.1;
  close(p.m.get(0), [m(6)]);
  close(p.w.get(5), [1 - 0.1 * [1, 2, 3, 4, 5, 6].reduce((a, k) => a + m(k), 0)]);
  // What a view or another reader still wants is never overwritten.
  const h = mx.compile((x: NDArray) => x.add(1), { donate: true }),
    x = mx.zeros([8]),
    other = x.mul(2),
    part = x.get("2:4");
  mx.eval(part);
  close(h(x), [1, 1, 1, 1, 1, 1, 1, 1]);
  close(other, [0, 0, 0, 0, 0, 0, 0, 0]);
  close(part, [0, 0]);
});

test("results written over donated arrays are those without donation", () => {
  for (let seed = 0; seed < 40; seed++) {
    // Results of earlier results and of arguments, which several of them read, in one kernel.
    const r = new Random(seed),
      n = r.int(2, 5),
      terms = Array.from({ length: 3 * n }, () => [r.next(), r.next()] as const);
    const f = (...xs: NDArray[]): NDArray[] => {
      const all = [...xs];
      for (const [a, b] of terms) {
        const pick = (k: number): NDArray => all[Math.floor(k * all.length)] as NDArray;
        all.push(pick(a).mul(0.5).add(pick(b).sin()));
      }
      return all.slice(-n);
    };
    const make = (): NDArray[] => Array.from({ length: n }, (_, k) => mx.arange(100).mul(k + 1).cos()), free = make();
    const given = make();
    mx.eval(free, given);
    const want = mx.compile(f)(...free), got = mx.compile(f, { donate: true })(...given);
    mx.eval(want, got);
    assert.deepEqual(got.map((x) => x.tolist()), want.map((x) => x.tolist()), `seed ${seed}`);
  }
});

test("a check finds functions that depend on what is no argument", () => {
  process.env["SINTER_CHECK_COMPILE"] = "1";
  try {
    let k = 1, w = mx.ones([2]);
    const f = mx.compile((x: NDArray) => x.mul(k)), g = mx.compile((x: NDArray) => x.mul(w)), x = mx.ones([2]);
    const h = mx.compile((y: NDArray) => k > 1 ? y.sin() : y.cos());
    const steps = mx.compile((y: NDArray) => mx.scan((c: NDArray) => [c.mul(k), null], y, null, { length: 2 })[0]);
    // Arrays that the function makes are constants.
    const made = mx.compile((y: NDArray) => y.mul(mx.array([1, k])));
    for (let i = 0; i < 2; i++) [f, g, h, steps, made].forEach((c) => mx.eval(c(x)));
    k = 2;
    assert.throws(() => steps(x), /depends on a variable that is no argument/);
    assert.throws(() => made(x), /captured other arrays/);
    assert.throws(() => f(x), /depends on a variable that is no argument/);
    assert.throws(() => h(x), /depends on a variable that is no argument/);
    w = mx.zeros([2]);
    assert.throws(() => g(x), /captured other arrays/);
  } finally {
    delete process.env["SINTER_CHECK_COMPILE"];
  }
});

test("explain shows the kernels of compiled functions", () => {
  const f = mx.compile((x: NDArray) => mx.softmax(x, -1)), x = mx.ones([4, 5]);
  mx.eval(x);
  const told = mx.explain(f(x.add(1)).mul(2)).kernels;
  assert.equal(told.length, 3);
  assert.deepEqual(mx.explain(f(x)).kernels.map((k) => k.ops), mx.explain(mx.softmax(x, -1)).kernels.map((k) => k.ops));
});

test("errors name what is wrong and leave everything usable", () => {
  const outside = mx.zeros([3]);
  assert.throws(() => mx.compile(3 as unknown as () => NDArray), /Cannot compile a value that is not a function/);
  assert.throws(() => mx.compile((x: NDArray) => x.sum().item())(mx.ones([2])), /traced and has no value/);
  assert.throws(() => mx.compile((x: NDArray) => outside.set([0], x))(mx.ones([])), /made outside/);
  assert.throws(() => mx.compile((x: Map<string, number>) => x.size)(new Map()), /an object that is not plain/);
  assert.throws(() => mx.compile((x: NDArray) => Promise.resolve(x))(mx.ones([])), /asynchronous/);
  assert.throws(() => mx.compile((x: NDArray) => x, { input: [] } as object), /no option "input"/);
  assert.throws(() => mx.compile((x: NDArray) => x, { inputs: 3 }), /inputs must be a list or a plain object/);
  const mine = new Error("mine"), state = { w: mx.ones([2]) };
  const f = mx.compile((fail: boolean) => {
    state.w = state.w.add(1);
    if (fail) throw mine;
    return state.w;
  }, { inputs: state, outputs: state });
  assert.throws(() => f(true), (e) => e === mine);
  close(state.w, [1, 1]);
  close(f(false), [2, 2]);
  close(outside, [0, 0, 0]);
});

test("disableCompile runs functions as they are written", () => {
  let runs = 0;
  const f = mx.compile((x: NDArray) => {
    runs++;
    return x.add(1);
  });
  mx.disableCompile();
  try {
    for (let i = 0; i < 3; i++) close(f(mx.ones([2])), [2, 2]);
  } finally {
    mx.enableCompile();
  }
  assert.equal(runs, 3);
});

test("random graphs: compiled = not compiled, bit for bit", { timeout: 180000 }, () => {
  for (let seed = 1; seed <= Number(process.env["GRAPHS"] ?? 100); seed++) {
    const recipe = randomRecipe(seed, 4 + seed % 22, false);
    const roots = (): NDArray[] => {
      const all = recipe.build();
      return recipe.roots.map((i) => all[i] as NDArray);
    };
    const plain = roots(), f = mx.compile(roots);
    mx.eval(plain);
    const want = plain.map(bytesOf);
    for (let k = 0; k < 2; k++) assert.deepEqual(f().map(bytesOf), want, `seed ${seed}`);
  }
});

test("shapeless: other lengths take the trace that there is", () => {
  let runs = 0;
  const w = mx.random.normal([4, 3]), { traces, relaid, misses } = counters;
  const f = (x: NDArray): NDArray => {
    runs++;
    return mx.softmax(x.matmul(w).add(x.mean()), -1).get("1:", -1).reshape([-1, 1]);
  };
  const g = mx.compile(f, { shapeless: true });
  let plans = 0;
  for (const [k, n] of [9, 7, 100, 9, 41].entries()) {
    const x = mx.random.normal([n, 4]), before = counters.misses, got = bytesOf(g(x));
    if (k > 0) plans += counters.misses - before;
    assert.equal(runs, k + 1);
    assert.deepEqual(got, bytesOf(f(x)));
  }
  // A GPU's plans are for exact sizes.
  const fixed = mx.defaultDevice().type === "gpu";
  assert.deepEqual([counters.traces - traces, counters.relaid - relaid, fixed ? 0 : plans], [1, 3, 0]);
  assert.ok(counters.misses > misses);
  // As many rows as columns: equal lengths are another structure, and so are lengths of 1.
  close(g(mx.ones([4, 4])), f(mx.ones([4, 4])));
  assert.equal(counters.traces - traces, 2);
});

test("shapeless: a function that reads a shape is traced for each", () => {
  for (
    const read of [
      (x: NDArray) => x.shape[0] as number,
      (x: NDArray) => x.size,
      (x: NDArray) => x.length,
      (x: NDArray) => x.matmul(x.T).nbytes,
    ]
  ) {
    let runs = 0;
    const f = mx.compile((x: NDArray) => {
      runs++;
      return x.mul(read(x));
    }, { shapeless: true });
    for (const n of [3, 5, 7]) close(f(mx.ones([n, 2])), mx.full([n, 2], read(mx.ones([n, 2]))));
    assert.equal(runs, 3);
  }
  const { traces } = counters, f = mx.compile((x: NDArray) => x.mul(x.ndim), { shapeless: true });
  for (const n of [3, 5, 7]) close(f(mx.ones([n, 2])), mx.full([n, 2], 2));
  assert.equal(counters.traces - traces, 1);
});

test("shapeless: lengths that a constant decides on are traced again", () => {
  const f = (x: NDArray): NDArray => mx.concatenate([x.get(":3"), mx.roll(x, 5)]).reshape([2, -1]);
  const g = mx.compile(f, { shapeless: true });
  for (const n of [9, 11, 2, 3, 5, 7, 13]) {
    const x = mx.arange(n);
    let want: NDArray;
    try {
      want = f(x);
    } catch (e) {
      assert.throws(() => g(x), { message: (e as Error).message });
      continue;
    }
    close(g(x), want);
  }
});

test("shapeless: captured arrays, containers and donated arguments", () => {
  const state = { sum: mx.zeros([3]) }, w = mx.ones([3]);
  const f = mx.compile((x: NDArray) => {
    state.sum = state.sum.add(x.mul(w).sum(0));
    return x.add(state.sum);
  }, { inputs: state, outputs: state, shapeless: true, donate: 0 });
  const { traces } = counters;
  close(f(mx.ones([2, 3])), [3, 3, 3, 3, 3, 3]);
  w.set([], 2);
  close(f(mx.ones([4, 3])).get(3), [11, 11, 11]);
  close(state.sum, [10, 10, 10]);
  assert.equal(counters.traces - traces, 1);
});

test("shapeless: gradients and batches inside", () => {
  const loss = (w: NDArray, x: NDArray): NDArray => mx.logsumexp(x.matmul(w), -1).mean().add(mx.std(w));
  const per = mx.compile((w: NDArray, x: NDArray) => mx.vmap(mx.grad(loss), { inAxes: [null, 0] })(w, x), {
    shapeless: true,
  });
  const { traces } = counters, w = mx.random.normal([5, 3]);
  for (const n of [4, 7, 11]) {
    const x = mx.random.normal([n, 2, 5]), want = mx.stack(mx.unstack(x).map((row) => mx.grad(loss)(w, row)));
    close(per(w, x), want);
  }
  assert.equal(counters.traces - traces, 1);
});

test("shapeless: control flow of other lengths takes the trace that there is", () => {
  const f = (x: NDArray): NDArray[] => [
    mx.scan((c: NDArray, row: NDArray) => [c.add(row), c.mul(row).sum()], mx.zeros([3]), x)[1] as NDArray,
    mx.cond(x.sum().gt(0), (a: NDArray) => a.mean(0), (a: NDArray) => a.sum(0), x),
  ];
  const g = mx.compile(f, { shapeless: true }), { traces } = counters;
  const slope = (x: NDArray): NDArray => f(x).map((y) => y.square().sum()).reduce((a, b) => a.add(b));
  const back = mx.compile(mx.grad(slope), { shapeless: true });
  for (const n of [2, 5, 4]) {
    const x = mx.random.normal([n, 3]), want = f(x);
    g(x).forEach((y, i) => close(y, want[i] as NDArray));
    close(back(x), mx.grad(slope)(x));
  }
  assert.equal(counters.traces - traces, 2);
});
test("shapeless: what lengths decide on takes the traces of those that decide alike", () => {
  // Even and odd; which product is the cheapest; between which powers of two the length is.
  const list: readonly [traces: number, f: (x: NDArray, y: NDArray) => NDArray][] = [
    [2, (x) => mx.median(x, 0)],
    [1, (x) => mx.pad(x, [[1, 2], [3, 0]], "edge")],
    [1, (x) => mx.pad(x, [[2, 1], [0, 0]], "reflect")],
    [1, (x) => mx.pad(x, [[20, 30], [0, 0]], "symmetric")],
    [2, (x, y) => mx.einsum("ij,jk,kl->il", x, y, y.T)],
    [2, (x, y) => mx.searchsorted(mx.sort(x.flatten()), y)],
  ];
  for (const [most, f] of list) {
    const g = mx.compile(f, { shapeless: true }), { traces } = counters;
    for (const n of [44, 46, 47, 49, 48, 51, 58]) {
      const x = mx.random.normal([n, 10]), y = mx.random.normal([10, 3]);
      assert.deepEqual(bytesOf(g(x, y)), bytesOf(f(x, y)));
    }
    assert.ok(counters.traces - traces <= most, `${f}: ${counters.traces - traces} traces`);
  }
});
