// Control flow as users call it: trees, nesting, every transform, memory, plans and errors that say what to do. Random bodies are in generated/.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import type { NDArray } from "../../src/core/ndarray.ts";
import { counters } from "../../src/runtime/cache.ts";

const here = /control\.test\.ts:\d+/;
const add = (c: NDArray, x: NDArray): [NDArray, NDArray] => [c.add(x), c.add(x)];
const close = (a: NDArray, b: NDArray, far = 1e-5): void =>
  assert.ok(mx.allclose(a, b, { rtol: far, atol: far }).item(), `${String(a)} is not ${String(b)}`);
const cell = (w: NDArray) => (h: NDArray, x: NDArray): [NDArray, NDArray] => {
  const n = mx.tanh(h.matmul(w).add(x));
  return [n, n.square().sum()];
};
/** A recurrent net by a scan, and written out. */
const net = (options: mx.ScanOptions) => (w: NDArray, h: NDArray, xs: NDArray): NDArray => {
  const [end, ys] = mx.scan(cell(w), h, xs, options);
  return end.sum().add(ys.sum());
};
const written = (w: NDArray, h: NDArray, xs: NDArray): NDArray => {
  let sum = mx.array(0), c = h;
  for (let t = 0; t < xs.length; t++) {
    const [n, y] = cell(w)(c, xs.get(t));
    c = n;
    sum = sum.add(y);
  }
  return c.sum().add(sum);
};
const key = (n: number) => mx.random.key(n);
const w = mx.random.normal([4, 4], { key: key(1) }).mul(0.5), h = mx.random.normal([3, 4], { key: key(2) });
const xs = mx.random.normal([6, 3, 4], { key: key(3) });

test("scan: running sums, forwards and backwards, over trees, and without arrays to walk", () => {
  const x = mx.array([1, 2, 3]);
  const [sum, sums] = mx.scan(add, 0, x), [, back] = mx.scan(add, 0, x, { reverse: true });
  assert.deepEqual([sum.item(), sums.tolist(), back.tolist()], [6, [1, 3, 6], [6, 5, 3]]);
  const [c, ys] = mx.scan(
    (c: { a: NDArray; n: NDArray }, [p, q]: NDArray[]) =>
      [{ a: c.a.add(p!), n: c.n.add(1) }, { d: c.a.mul(q!) }] as const,
    { a: mx.array([0, 1]), n: mx.array(0, "int32") },
    [x, x.mul(10)],
  );
  assert.deepEqual([c.a.tolist(), c.n.item(), (ys as unknown as { d: NDArray }).d.shape], [[6, 7], 3, [3, 2]]);
  const [p, none] = mx.scan((c: NDArray) => [c.mul(2), null] as const, 1, null, { length: 10 });
  assert.deepEqual([p.item(), none], [1024, null]);
  const [same, empty] = mx.scan(add, mx.array([5, 6]), mx.zeros([0, 2]));
  assert.deepEqual([same.tolist(), empty.shape], [[5, 6], [0, 2]]);
});
test("a step that passes on, exchanges and changes in place what it carries", () => {
  const [[a, b]] = mx.scan(([a, b]: [NDArray, NDArray], x: NDArray) => [[b, a.add(x)] as [NDArray, NDArray], null], [
    mx.array([1, 2]),
    mx.array([3, 4]),
  ] as [NDArray, NDArray], mx.arange(5));
  assert.deepEqual([a.tolist(), b.tolist()], [[7, 8], [7, 8]]);
  const at = mx.array([1, 1, 3], "int32");
  const [counts] = mx.scan((c: NDArray, i: NDArray) => [c.at(i).add(1), null], mx.zeros([4]), at);
  assert.deepEqual(counts.tolist(), [0, 2, 0, 1]);
  const [t] = mx.scan((c: NDArray) => [c.T.add(mx.array([[0, 1], [2, 3]])), null], mx.zeros([2, 2]), null, {
    length: 2,
  });
  assert.deepEqual(t.tolist(), [[0, 3], [3, 6]]);
});
test("cond runs one of two, whileLoop as long as it should", () => {
  const f = (x: NDArray) => mx.cond(x.gt(0), (x: NDArray) => [x.log(), 1], (x: NDArray) => [x, 2], x);
  assert.deepEqual(f(mx.array(1)).map((a) => a.item()), [0, 1]);
  assert.deepEqual(f(mx.array(-2)).map((a) => a.item()), [-2, 2]);
  const captured = mx.array([1, 2, 3]);
  assert.equal(mx.cond(false, () => captured.sum(), () => captured.max()).item(), 3);
  const [n, steps] = mx.whileLoop(
    ([n]) => n.ne(1),
    ([n, k]) => [mx.where(n.mod(2).eq(0), n.floordiv(2), n.mul(3).add(1)), k.add(1)] as [NDArray, NDArray],
    [mx.array(27, "int32"), mx.array(0, "int32")] as [NDArray, NDArray],
  );
  assert.deepEqual([n.item(), steps.item()], [1, 111]);
});
test("loops in loops in branches", () => {
  const f = (x: NDArray, until: NDArray) =>
    mx.whileLoop(
      ([, i]) => i.lt(until),
      ([c, i]) =>
        [
          mx.cond(i.gt(2), (c: NDArray) => mx.scan(add, c, xs.get(":", 0, 0))[0].mul(0.5), (c: NDArray) => c.add(1), c),
          i.add(1),
        ] as [NDArray, NDArray],
      [x, mx.array(0)] as [NDArray, NDArray],
    )[0];
  const sum = xs.get(":", 0, 0).sum().item() as number;
  let want = 0.25;
  for (let i = 0; i < 5; i++) want = i > 2 ? (want + sum) * 0.5 : want + 1;
  close(f(mx.array(0.25), mx.array(5)), mx.array(want));
  const [, all] = mx.scan((c: NDArray, until: NDArray) => [c, f(c, until)], mx.array(0.25), mx.array([1, 5]));
  close(all, mx.array([1.25, want]));
});
test("gradients, their gradients, tangents and hessians are those of the steps written out", () => {
  const argnums = [0, 1, 2] as const, want = mx.grad(written, { argnums })(w, h, xs);
  for (const options of [{}, { checkpoint: true }]) {
    mx.grad(net(options), { argnums })(w, h, xs).forEach((g, i) => close(g, want[i] as NDArray));
    const twice = (f: typeof written) => mx.grad((w: NDArray) => mx.grad(f)(w, h, xs).square().sum())(w);
    close(twice(net(options)), twice(written), 1e-3);
  }
  const t = [w, h, xs].map((x) => mx.cos(x));
  const along = (f: typeof written) =>
    mx.jvp((w, h, xs) => f(w as NDArray, h as NDArray, xs as NDArray), [w, h, xs], t)[1][0] as NDArray;
  close(along(net({})), along(written));
  const hessian = (f: typeof written) => mx.hessian((h: NDArray) => f(w, h, xs))(h) as NDArray;
  close(hessian(net({})), hessian(written), 1e-4);
  const nested = (f: typeof written) =>
    mx.grad((w: NDArray) => mx.checkpoint((w: NDArray) => f(w.mul(2), h, xs))(w))(w);
  close(nested(net({})), nested(written));
});
test("a loop gives its results along with its tangents: it runs once", () => {
  // Kernels of a GPU may lie beside transfers.
  using _ = mx.stream(mx.cpu);
  const loops = (list: readonly NDArray[]): string[] =>
    mx.explain(...list).kernels.map((k) => k.name).filter((name) => ["scan", "while", "cond"].includes(name));
  const ts = [w, h, xs].map((x) => mx.cos(x)), f = net({}) as (...x: NDArray[]) => NDArray;
  const grads = (...x: NDArray[]): NDArray[] => mx.vjp(f, x, [mx.array(1)])[1];
  const twice = (...x: NDArray[]): NDArray[] => mx.jvp(f, x, ts).flat();
  assert.deepEqual(loops(mx.jvp(f, [w, h, xs], ts).flat()), ["scan"]);
  assert.deepEqual(loops(mx.jvp(twice, [w, h, xs], ts).flat()), ["scan"]);
  assert.deepEqual(loops(mx.jvp(grads, [w, h, xs], ts).flat()), ["scan", "scan"]);
  assert.deepEqual(loops([mx.hessian((h: NDArray) => f(w, h, xs))(h) as NDArray]), ["scan", "scan"]);
  const until = (x: NDArray) => mx.whileLoop((x: NDArray) => x.gt(1), (x: NDArray) => x.div(2), x).exp();
  const branch = (x: NDArray) => mx.cond(x.gt(0), (x: NDArray) => x.log(), (x: NDArray) => x.mul(3), x).exp();
  for (const [run, name] of [[until, "while"], [branch, "cond"]] as const) {
    const both = mx.jvp(run, [mx.array(100)], [mx.array(1)]).flat();
    assert.deepEqual(loops(both), [name]);
    // Who has the result from elsewhere, or read it, finds it there.
    let kept: NDArray | null = null;
    const [[y], [t]] = mx.jvp(
      (x: NDArray) => {
        kept = run(x);
        assert.ok(Number.isFinite(kept.item()));
        return kept.sum();
      },
      [mx.array(100)],
      [mx.array(1)],
    ) as [[NDArray], [NDArray]];
    close(y, kept as unknown as NDArray);
    close(t, both[1] as NDArray);
  }
});
test("no walk recurses in bodies: a step of 10,000 nodes, and one with 300 captured arrays", () => {
  using _ = mx.stream(mx.cpu);
  const scanned = (step: (c: NDArray) => NDArray) => (x: NDArray): NDArray =>
    mx.scan((c: NDArray) => [step(c), null], x, null, { length: 2 })[0].sum();
  const deep = scanned((c) => {
    for (let i = 0; i < 10_000; i++) c = mx.negative(c);
    return c.sin();
  });
  const at = mx.array([0.5, -1]), slope = mx.cos(at).mul(mx.cos(mx.sin(at)));
  close(mx.grad(deep)(at), slope);
  close(mx.jvp(deep, [at], [mx.ones([2])])[1][0] as NDArray, slope.sum());
  const ws = Array.from({ length: 300 }, (_, i) => mx.array(1 + i * 1e-6));
  const grads = mx.grad((ws: NDArray[]) => scanned((c) => ws.reduce((y, w) => y.add(w), c))(mx.array([1, 1])))(ws);
  close(mx.stack(grads), mx.full([300], 4));
});
test("gradients through loops in loops", () => {
  const row = xs.get(":", 0);
  const f = (w: NDArray) =>
    mx.scan(
      (c: NDArray, x: NDArray) => {
        const [d, y] = mx.scan((d: NDArray, z: NDArray) => [mx.sin(d.mul(z).add(w)), d.mul(w)], c, x);
        return [mx.cond(d.gt(0), (d: NDArray) => d.mul(w), (d: NDArray) => d, d), y.sum()];
      },
      mx.array(0.3),
      row,
    )[1].sum();
  const g = (w: NDArray) => {
    let c = mx.array(0.3), s = mx.array(0);
    for (let t = 0; t < 6; t++) {
      for (let k = 0; k < 4; k++) {
        s = s.add(c.mul(w));
        c = mx.sin(c.mul(row.get(t, k)).add(w));
      }
      c = mx.where(c.gt(0), c.mul(w), c);
    }
    return s;
  };
  const at = mx.array(0.7);
  close(mx.grad(f)(at), mx.grad(g)(at));
  close(mx.grad(mx.grad(f))(at), mx.grad(mx.grad(g))(at), 1e-4);
  close(
    mx.jvp(mx.grad(f) as (x: NDArray) => NDArray, [at], [mx.array(1)])[1][0] as NDArray,
    mx.grad(mx.grad(g))(at),
    1e-4,
  );
});
test("second order through rules in steps: checkpoints inside of them keep the way to their primals", () => {
  const cube = (a: NDArray): NDArray => a.pow(3), at = mx.array([0.5, 0.2]), by = mx.array([0.7, -0.4]);
  // The rule's checkpoint is of a cotangent and of what the step was given, or its results come from an array of the rule's.
  const ofBoth = mx.customFunction(cube).vjp((a, ct) =>
    mx.checkpoint((q: NDArray, p: NDArray) => q.mul(p.square().mul(3)))(ct, a)
  );
  const masked = (a: NDArray): NDArray =>
    mx.tanh(mx.checkpoint((q: NDArray) => mx.tanh(mx.where(mx.array(true), a, q).mul(a.square().add(1))))(mx.tanh(a)));
  const ofArray = mx.customFunction(masked).vjp((a, ct) =>
    mx.vjp((a) => masked(a as NDArray), [a], [ct])[1][0] as NDArray
  );
  for (const [own, plain] of [[ofBoth, cube], [ofArray, masked]] as const) {
    const steps = (f: (a: NDArray) => NDArray) => (x: NDArray, w: NDArray): NDArray => {
      for (let i = 0; i < 2; i++) x = f(x.mul(w)).add(x);
      return x.sum();
    };
    const loop = (x: NDArray, w: NDArray): NDArray =>
      mx.scan((c: NDArray) => [own(c.mul(w)).add(c), null], x, null, { length: 2 })[0].sum();
    const twice = (f: (x: NDArray, w: NDArray) => NDArray): NDArray[] =>
      mx.grad(
        (x: NDArray, w: NDArray) =>
          mx.grad(f, { argnums: [0, 1] as const })(x, w).map((g) => g.square().sum()).reduce((a, b) => a.add(b)),
        { argnums: [0, 1] as const },
      )(at, by);
    const want = twice(steps(plain));
    twice(loop).forEach((g, i) => close(g, want[i] as NDArray, 1e-4));
  }
});
test("batches of gradients, gradients of batches", () => {
  const hs = mx.random.normal([5, 3, 4], { key: key(4) }), all = mx.random.normal([5, 6, 3, 4], { key: key(5) });
  const each = (f: typeof written) =>
    mx.vmap((h: NDArray, xs: NDArray) => mx.grad(f, { argnums: [0, 2] })(w, h, xs))(hs, all);
  each(net({})).forEach((g, i) => close(g, each(written)[i] as NDArray));
  const whole = (f: typeof written) =>
    mx.grad((w: NDArray) => mx.vmap((h: NDArray, xs: NDArray) => f(w, h, xs))(hs, all).sum())(w);
  close(whole(net({})), whole(written));
  const safe = (x: NDArray) => mx.cond(x.gt(0), (x: NDArray) => x.log(), (x: NDArray) => x.mul(3), x);
  close(mx.vmap(mx.grad(safe))(mx.array([2, -2, 0.5])), mx.array([0.5, 3, 2]));
  const half = (x: NDArray) => mx.whileLoop((x: NDArray) => x.gt(1), (x: NDArray) => x.div(2), x);
  close(mx.vmap(half)(mx.array([100, 3, 0.5])), mx.array([0.78125, 0.75, 0.5]));
  const [, [t]] = mx.jvp(half, [mx.array(100)], [mx.array(1)]);
  close(t as NDArray, mx.array(1 / 128));
});
test("compiled, under other lengths and numbers, with arguments given away", () => {
  const f = mx.compile(
    (h: NDArray, xs: NDArray, k: number) => mx.scan((c: NDArray, x: NDArray) => add(c, x.mul(k)), h, xs),
    {
      donate: 0,
    },
  );
  for (const [n, k] of [[3, 1], [3, 2], [5, 2]] as const) {
    const [c, ys] = f(mx.zeros([2]), mx.ones([n, 2]), k);
    assert.deepEqual([c.tolist(), ys.shape], [[n * k, n * k], [n, 2]]);
  }
  const g = mx.compile((w: NDArray) => mx.valueAndGrad(net({}))(w, h, xs));
  const [value, gradient] = g(w);
  close(value as NDArray, written(w, h, xs));
  close(gradient, mx.grad(written)(w, h, xs));
});
test("other lengths, sizes and numbers make no new plan", () => {
  // A GPU's plan is pinned to its sizes.
  using _ = mx.stream(mx.cpu);
  const run = (n: number, size: number, k: number) =>
    mx.scan((c: NDArray, x: NDArray) => add(c, x.mul(k)), mx.zeros([size]), mx.ones([n, size]))[1].sum().item();
  run(7, 5, 2);
  run(9, 33, 3);
  const before = counters.misses;
  assert.equal(run(11, 6, 0.5), 0.5 * 6 * 66);
  assert.equal(run(200, 40, 4), 4 * 40 * 20100);
  assert.equal(counters.misses, before);
});
test("memory: what gradients keep of each step, and what checkpoints compute again", () => {
  using _ = mx.stream(mx.cpu);
  const n = 16384,
    count = 40,
    x = mx.random.normal([n], { key: key(6) }),
    walked = mx.random.normal([count], { key: key(7) });
  mx.eval(x, walked);
  const deep = (c: NDArray, x: NDArray) => mx.sin(mx.exp(mx.sin(c.mul(x)).mul(0.1)));
  const peak = (f: (x: NDArray) => NDArray): number => {
    mx.eval(mx.grad(f)(x));
    mx.clearCache();
    mx.resetPeakMemory();
    const before = mx.getActiveMemory();
    mx.eval(mx.grad(f)(x));
    return (mx.getPeakMemory() - before) / (n * 4);
  };
  const loop = (options: mx.ScanOptions) => (x: NDArray) =>
    mx.scan((c: NDArray, x: NDArray) => [deep(c, x), null], x, walked, options)[0].sum();
  const kept = peak(loop({})), again = peak(loop({ checkpoint: true })), forwards = peak((x) => x.sum());
  assert.ok(again < count + 12, `computed again: ${again} arrays for ${count} steps`);
  assert.ok(kept > 2 * count && kept < 6 * count, `kept: ${kept} arrays for ${count} steps`);
  assert.ok(forwards < 3, String(forwards));
  // What is kept for the gradient goes with it, also where another result of the loop stays.
  mx.clearCache();
  const active = mx.getActiveMemory();
  const [[loss, ys], g] = mx.valueAndGrad((x: NDArray) => {
    const [c, ys] = mx.scan((c: NDArray, x: NDArray) => [deep(c, x), c], x, walked);
    return [c.sum(), ys] as const;
  })(x);
  mx.eval(loss, ys, g);
  const left = (mx.getActiveMemory() - active) / (n * 4);
  assert.ok(left < 1.3 * count, `${left} arrays stay of ${count} steps`);
});
test("a value that was read before its gradient is asked for", () => {
  const f = (w: NDArray) => {
    const [c, ys] = mx.scan(cell(w), h, xs);
    assert.ok(Number.isFinite(c.sum().item() as number));
    return c.sum().add(ys.sum());
  };
  const [value, gradient] = mx.valueAndGrad(f)(w);
  mx.eval(value);
  close(gradient, mx.grad(written)(w, h, xs));
});
test("results of compiled loops that are asked for one by one, also where a step needs another device", () => {
  for (const inner of [(x: NDArray) => x, (x: NDArray) => mx.sort(x)]) {
    const step = (w: NDArray) => (h: NDArray, x: NDArray): [NDArray, NDArray] => {
      const n = inner(mx.tanh(h.matmul(w).add(x)));
      return [n, n.sum()];
    };
    const both = (w: NDArray) => mx.scan(step(w), h, xs);
    const gradient = (w: NDArray) =>
      mx.valueAndGrad((w: NDArray) => {
        const [c, ys] = both(w);
        return [c.sum(), ys] as const;
      })(w);
    const [[loss, ys], g] = gradient(w), once = mx.compile(both), whole = mx.compile(gradient);
    mx.eval(loss, ys, g);
    for (const order of [[0, 1, 2], [1, 2, 0], [2, 0, 1]]) {
      const [[a, b], c] = whole(w), got = [a, b, c] as NDArray[], want = [loss, ys, g] as NDArray[];
      for (const k of order) {
        mx.eval(got[k] as NDArray);
        close(got[k] as NDArray, want[k] as NDArray);
      }
      const [end, sums] = once(w), [next] = once(mx.tanh(end.get(0).mul(w)));
      mx.eval(order[0] === 0 ? next : sums);
      close(end.sum(), loss as NDArray);
      close(sums, ys as NDArray);
      assert.ok(Number.isFinite(next.sum().item()));
    }
  }
});
test("off the CPU branches and loops run where they are: light branches within other kernels, the rest as they are needed", () => {
  const x = mx.random.normal([64], { key: key(8) }), { type } = mx.defaultDevice();
  const shown = (a: NDArray) => {
    const { copies, kernels } = mx.explain(a);
    assert.deepEqual(copies, []);
    assert.ok(kernels.every((k) => k.device === type));
    return kernels.map((k) => k.name);
  };
  mx.eval(x);
  const light = mx.cond(x.get(0).gt(9), (x: NDArray) => mx.log(x), (x: NDArray) => mx.exp(x), x);
  assert.equal(shown(light).includes("cond"), type === "cpu");
  const rows = mx.ones([1500, 1000]), sum = (x: NDArray) => x.sum();
  const heavy = mx.cond(x.get(0).lt(9), (x: NDArray) => sum(mx.exp(x)), (x: NDArray) => sum(mx.log(x)), rows);
  assert.ok(shown(heavy).includes("cond"));
  close(heavy, mx.array(1.5e6 * Math.E), 1e-4);
  const [end, n] = mx.whileLoop(
    ([, n]) => n.lt(5),
    ([c, n]) => [c.mul(2), n.add(1)] as [NDArray, NDArray],
    [x, mx.array(0, "int32")] as [NDArray, NDArray],
  );
  assert.ok(shown(end).includes("while"));
  close(end, x.mul(32));
  assert.equal(n.item(), 5);
});
test("loops and branches in flight, and what comes after them: each sees what was before it", async () => {
  let x = mx.ones([300]), want = 1;
  const kept: [NDArray, number][] = [], pending: Promise<void>[] = [];
  for (let k = 0; k < 24; k++) {
    const [passes, factor] = [k % 5, k % 3 + 1];
    [x] = mx.whileLoop(
      ([, n]) => n.lt(passes),
      ([c, n]) => [mx.remainder(c.mul(factor).add(n), 101), n.add(1)] as [NDArray, NDArray],
      [x, mx.array(0, "int32")] as [NDArray, NDArray],
    );
    for (let n = 0; n < passes; n++) want = (want * factor + n) % 101;
    // A scan in both branches: they are chosen from, not both computed.
    const twice = (x: NDArray, by: number) => mx.scan((c: NDArray) => [c.add(by), null], x, null, { length: 2 })[0];
    const y = mx.cond(x.max().gt(50), (x: NDArray) => twice(x, -3), (x: NDArray) => twice(x, 4), x);
    kept.push([y.add(1), want + (want > 50 ? -6 : 8) + 1]);
    x = x.add(k);
    want += k;
    pending.push(mx.asyncEval(x, kept[k]![0]));
  }
  for (const [a, value] of kept.reverse()) assert.deepEqual([a.min().item(), a.max().item()], [value, value]);
  await Promise.all(pending);
  assert.equal(x.mean().item(), want);
});
test("explain shows what runs inside, and how often", () => {
  const [c, ys] = mx.scan(cell(w), h, xs),
    shown = mx.explain(c, ys),
    loop = shown.kernels.find((k) => k.name === "scan");
  assert.equal(loop?.passes, 6);
  assert.ok((loop?.inner?.length ?? 0) >= 2);
  assert.match(String(shown), /(cpu|fake|gpu) scan 6 times: scan/);
  assert.match(String(shown), /control flow repeats/);
  const endless = mx.explain(mx.whileLoop((x: NDArray) => x.gt(1), (x: NDArray) => x.div(2), 100));
  assert.equal(endless.kernels.find((k) => k.name === "while")?.passes, null);
});
test("errors say what was wrong, where, and what to do", () => {
  const v = mx.array([1, 2]),
    fails = (f: () => unknown, message: RegExp): void => {
      assert.throws(f, (e: Error) => message.test(e.message) && here.test(e.message) || assert.fail(e.message));
    };
  const two = { length: 2 };
  fails(
    () => mx.scan((c: NDArray) => [c.add(v), null], 0, null, two),
    /step changes the carry: float32\[\] became float32\[2\]/,
  );
  fails(
    () => mx.scan(((c: { a: NDArray }) => [{ a: c.a.gt(1) }, null]) as never, { a: v }, null, two),
    /carry \(at \.a\): float32\[2\] became bool\[2\]; return what has/,
  );
  fails(() => mx.scan((c: NDArray) => [[c, c], null] as never, 0, null, two), /array became \[array, array\]/);
  fails(() => mx.scan((c: NDArray) => c as never, 0, null, two), /must return \[carry, y\]/);
  fails(() => mx.scan(add, 0, mx.array(1)), /array 0 of xs: it has no axis/);
  fails(() => mx.scan((c: NDArray) => [c, null], 0, [v, mx.ones([3])]), /array 1 of xs has shape \[3\], but array 0/);
  fails(() => mx.scan((c: NDArray) => [c, null], 0, v, { length: 3 }), /has shape \[2\], but length is 3/);
  fails(() => mx.scan((c: NDArray) => [c, null], 0, null), /say how many steps there are, with \{ length \}/);
  fails(() => mx.scan((c: NDArray) => [c, null], 0, null, { length: -1 }), /length must be an integer/);
  fails(
    () => mx.scan((c: NDArray) => [c, "y"] as never, 0, v),
    /y must hold only arrays and numbers, but holds a string/,
  );
  fails(() => mx.scan((async (c: NDArray) => [c, await null]) as never, 0, v), /asynchronous/);
  fails(() => mx.cond(mx.array([true]), () => v, () => v), /bool array without axes, not bool\[1\]; compare/);
  fails(() => mx.cond(mx.array(1), () => v, () => v), /not float32\[\]/);
  fails(
    () => mx.cond(true, () => v, () => v.sum()),
    /results of both functions differ: float32\[2\] became float32\[\]/,
  );
  fails(() => mx.cond(true, () => [v], () => ({ v }) as never), /\[array\] became \{ v: array \}/);
  fails(
    () => mx.whileLoop((x: NDArray) => x, (x: NDArray) => x, 1),
    /must return a bool array without axes, not float32\[\]/,
  );
  fails(() => mx.whileLoop((x: NDArray) => x.lt(1), (x: NDArray) => x.add(v), 1), /body changes the carry/);
  fails(
    () => mx.scan((c: NDArray, x: NDArray) => [(v.set([0], x), c), x], 0, v),
    /set an array of shape \[2\] inside a transform/,
  );
  fails(
    () => mx.scan((c: NDArray, x: NDArray) => [c.add(c.item() as number), x], 0, v),
    /depends on the carry of a scan/,
  );
  fails(
    () => mx.cond(true, (x: NDArray) => mx.array(x.item() as number), (x: NDArray) => x, v.sum()),
    /depends on an argument of cond/,
  );
  const loop = (x: NDArray) => mx.whileLoop((x: NDArray) => x.lt(9), (x: NDArray) => x.mul(2), x);
  fails(() => mx.grad(loop)(mx.array(1)), /differentiate whileLoop backwards.*use scan with a fixed length/);
  let leaked: NDArray | null = null;
  mx.scan((c: NDArray, x: NDArray) => (leaked = c.add(x), [c, x]), 0, v);
  fails(() => (leaked as NDArray | null)?.item(), /depends on the carry of a scan/);
});
