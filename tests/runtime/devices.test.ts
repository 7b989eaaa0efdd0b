// Tests several devices at once, on the test device: mixing, order under many seeds, copies, gradients, failures and poison.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import * as mx from "../../mod.ts";
import { fake } from "../../src/core/device.ts";
import { copyWords, deviceNumber } from "../../src/runtime/devices.ts";
import { counters } from "../../src/runtime/cache.ts";
import { native } from "../../src/runtime/memory.ts";
import { bytesOf, firstDifference, Random, randomRecipe, type Value } from "../support/random_graph.ts";

const lib = native(), FAKE = deviceNumber(lib, fake);
const SEED = 0, ALLOCATION = 1, DISPATCH = 2, COPY = 3, SPILL = 4, TIMES = 5, DAMAGE = 6, OVERTAKEN = 7;
const get = (which: number): number => lib.stat(FAKE << 8 | which);
const set = (which: number, value: number): number => lib.set(FAKE << 8 | which, value);
const onFake = <T>(f: () => T): T => mx.stream(fake, f) as T;
const onCpu = <T>(f: () => T): T => mx.stream(mx.cpu, f) as T;
/** Copies to and from the device that `f` makes. */
function copiesOf(f: () => void): number {
  const before = counters.copies;
  f();
  return counters.copies - before;
}

afterEach(() => {
  for (const what of [ALLOCATION, DISPATCH, COPY]) set(what, 0);
  assert.equal(get(DAMAGE), 0, "memory of the test device was damaged");
});

test("devices: which there are, the default, and what is said of others", () => {
  assert.ok(mx.isAvailable(mx.cpu));
  assert.equal(mx.deviceCount("cpu"), 1);
  assert.ok("isa" in mx.deviceInfo(mx.cpu));
  assert.equal(mx.deviceInfo(fake)["unified"], "0");
  assert.throws(() => mx.setDefaultDevice({ type: "cpu", index: 7 }), /cpu:7 is not available; available: cpu:0/);
  assert.throws(() => mx.setDefaultDevice("tpu" as unknown as mx.Device), TypeError);
  assert.throws(() => mx.stream(null as unknown as mx.Device), TypeError);
  if (!mx.isAvailable(mx.gpu)) {
    assert.equal(mx.deviceCount("gpu"), 0);
    assert.throws(() => mx.setDefaultDevice(mx.gpu), /gpu:0 is not available/);
  }
});

test("stream: a block, a function, an exception, and streams of a device", () => {
  const before = mx.defaultDevice();
  {
    using _ = mx.stream(fake);
    assert.equal(mx.defaultDevice(), fake);
    {
      using _ = mx.stream(mx.cpu);
      assert.equal(mx.defaultDevice(), mx.cpu);
    }
    assert.equal(mx.ones([2]).node.device, fake);
  }
  assert.equal(mx.defaultDevice(), before);
  assert.throws(() =>
    onFake(() => {
      throw new RangeError("of the user");
    }), /of the user/);
  assert.equal(mx.defaultDevice(), before);
  const s = mx.newStream({ type: "fake", index: 0 });
  assert.equal(mx.stream(s, () => mx.ones([2])).node.device, fake);
  assert.notEqual(s.index, mx.defaultStream(fake).index);
  assert.equal(String(mx.defaultStream(mx.cpu)), "Stream(Device(cpu, 0), 0)");
  assert.equal(mx.stream(new mx.Device(mx.DeviceType.cpu), () => mx.ones([2])).node.device, mx.cpu);
  mx.setDefaultDevice(fake);
  try {
    assert.equal(mx.ones([2]).node.device, fake);
  } finally {
    mx.setDefaultDevice(before);
  }
});

test("arrays of two devices mix; explain says what runs where, and what is copied and why", () => {
  const a = onCpu(() => mx.array([1, 2, 3, 4])), b = onFake(() => mx.array([10, 20, 30, 40]));
  const c = onFake(() => a.add(b)), d = onCpu(() => c.mul(2).add(a));
  assert.deepEqual([c.node.device, d.node.device], [fake, mx.cpu]);
  const told = mx.explain(d);
  assert.deepEqual(told.kernels.map((k) => [k.device, k.ops]), [["fake", ["add"]], ["cpu", ["multiply", "add"]]]);
  assert.deepEqual(told.copies, [
    { bytes: 16, from: "cpu", to: "fake", reason: "add runs on fake" },
    { bytes: 16, from: "fake", to: "cpu", reason: "multiply runs on cpu" },
  ]);
  assert.match(String(told), /copy 16 B from cpu to fake: add runs on fake/);
  assert.equal(copiesOf(() => assert.deepEqual(d.tolist(), [23, 46, 69, 92])), 2);
  assert.equal(copiesOf(() => assert.deepEqual(c.tolist(), [11, 22, 33, 44])), 1, "a read is a copy");
  assert.equal(copiesOf(() => onFake(() => mx.array([1, 2]))), 1, "so is making an array of values");
  assert.equal(copiesOf(() => onCpu(() => mx.eval(a.add(d)))), 0);
});

test("a value that one device wants twice crosses once", () => {
  const a = onCpu(() => mx.array([1, 2, 3]));
  const y = onFake(() => a.mul(a).add(mx.sum(a)));
  assert.equal(mx.explain(y).copies.length, 1);
  assert.deepEqual(y.tolist(), [7, 10, 15]);
  assert.deepEqual(onFake(() => a.add(1)).tolist(), [2, 3, 4], "the copy was let go of and is made again");
});

test("views cross: transposed, strided, broadcast, sliced, empty, and every dtype", () => {
  const x = onFake(() => mx.arange(24).reshape(4, 6));
  const views: ((x: mx.NDArray) => mx.NDArray)[] = [
    (x) => x.T,
    (x) => x.get("1:3", "::2"),
    (x) => x.get("::-1", 2),
    (x) => mx.broadcastTo(x.get(0, 0), [2, 3]),
    (x) => x.get("2:"),
    (x) => x.get("0:0"),
  ];
  const y = onCpu(() => mx.arange(24).reshape(4, 6));
  for (const f of views) {
    const want = onCpu(() => f(y)).tolist();
    assert.deepEqual(onFake(() => f(x)).tolist(), want);
    assert.deepEqual(onCpu(() => mx.stack([onFake(() => f(x)), f(y)]).get(0)).tolist(), want);
    assert.equal(String(onFake(() => f(x))), String(onCpu(() => f(y))));
  }
  for (const d of ["bool", "int8", "uint16", "int64", "float16", "bfloat16", "float64", "complex64"] as const) {
    const make = (): mx.NDArray => mx.array([0, 1, 1]).astype(d);
    assert.deepEqual(onFake(make).data(), onCpu(make).data(), d);
  }
});

test("a long array of the device is printed by a copy of it", () => {
  const make = (): mx.NDArray => mx.arange(200000).reshape(400, 500).T;
  assert.equal(String(onFake(make)), String(onCpu(make)));
});

test("what the device has no routine for runs on the CPU, with its gradient, and explain says so", () => {
  const values = [3, 1, 2];
  const f = (x: mx.NDArray): mx.NDArray => mx.sum(mx.sort(x).mul(mx.array([1, 2, 3])));
  const x = onFake(() => mx.array(values)), y = onFake(() => mx.sort(x.add(1)));
  assert.equal(y.node.device, fake);
  const told = mx.explain(y);
  assert.deepEqual(told.kernels.map((k) => k.device), ["fake", "cpu"]);
  assert.match(told.copies[0]?.reason ?? "", /sort runs on cpu, as fake has no such routine/);
  assert.deepEqual(y.tolist(), [2, 3, 4]);
  const g = onFake(() => mx.grad(f)(x));
  assert.equal(g.node.device, fake);
  assert.deepEqual(g.tolist(), onCpu(() => mx.grad(f)(mx.array(values))).tolist());
  // Several results stay together until one is taken.
  const m = onCpu(() => mx.array([[2, 1], [1, 2]]));
  const [w, v] = onFake(() => mx.linalg.eigh(onFake(() => m.mul(1)))) as [mx.NDArray, mx.NDArray];
  assert.deepEqual([w.node.device, v.node.device], [fake, fake]);
  w.tolist().toString().split(",").forEach((e, i) => assert.ok(Math.abs(Number(e) - [1, 3][i]!) < 1e-5));
  const det = (x: mx.NDArray): mx.NDArray => mx.sum(mx.square(mx.linalg.inv(x)));
  const near = onFake(() => mx.grad(det)(m.mul(1))).tolist(), far = onCpu(() => mx.grad(det)(m.mul(1))).tolist();
  assert.deepEqual(near, far);
});

test("gradients are on the device of what they differentiate, to second order", () => {
  const f = (w: mx.NDArray, x: mx.NDArray): mx.NDArray => {
    const h = onFake(() => mx.tanh(w.matmul(x)));
    const l = onCpu(() => mx.sum(h.mul(w.get(0, 0))));
    return onFake(() => mx.square(l));
  };
  const w = onCpu(() => mx.array([[1, 2], [3, 4]]).mul(0.1)), x = onFake(() => mx.array([[1, 0.5], [0.25, 1]]));
  const [gw, gx] = mx.grad(f, { argnums: [0, 1] })(w, x);
  assert.deepEqual([gw.node.device, gx.node.device], [mx.cpu, fake]);
  const one = (f: () => mx.NDArray): number[] => (f().tolist() as number[][]).flat();
  const plain = (w: mx.NDArray, x: mx.NDArray): mx.NDArray => mx.square(mx.sum(mx.tanh(w.matmul(x)).mul(w.get(0, 0))));
  const [pw, px] = onCpu(() => mx.grad(plain, { argnums: [0, 1] })(w, mx.array(x.tolist() as number[][])));
  one(() => gw).forEach((g, i) => assert.ok(Math.abs(g - one(() => pw)[i]!) < 1e-5));
  one(() => gx).forEach((g, i) => assert.ok(Math.abs(g - one(() => px)[i]!) < 1e-5));
  const twice = (f: (w: mx.NDArray, x: mx.NDArray) => mx.NDArray, x: mx.NDArray) => (w: mx.NDArray): mx.NDArray =>
    mx.sum(mx.square(mx.grad((w: mx.NDArray) => f(w, x))(w)));
  const second = mx.grad(twice(f, x))(w),
    want = onCpu(() => mx.grad(twice(plain, mx.array(x.tolist() as number[][])))(w));
  assert.equal(second.node.device, mx.cpu);
  one(() => second).forEach((g, i) => assert.ok(Math.abs(g - one(() => want)[i]!) < 1e-3 * Math.max(1, Math.abs(g))));
});

test("random graphs scattered over two devices have the bits of one device", () => {
  const before = get(SEED);
  for (let seed = 1; seed <= 120; seed++) {
    const recipe = randomRecipe(seed, 4 + seed % 22, false), random = new Random(seed);
    const bits = (all: readonly mx.NDArray[]): Uint8Array[] => recipe.roots.map((i) => bytesOf(all[i] as mx.NDArray));
    const scattered = (make: () => mx.NDArray): mx.NDArray => random.chance(0.5) ? onFake(make) : onCpu(make);
    const want = bits(recipe.build(undefined, onCpu)),
      got = recipe.build(undefined, random.chance(0.5) ? onFake : scattered);
    set(SEED, seed);
    if (random.chance(0.5)) mx.asyncEval(recipe.roots.map((i) => got[i]));
    bits(got).forEach((b, k) => {
      const v = recipe.values[recipe.roots[k] as number] as Value;
      assert.equal(firstDifference(v.dtype, b, want[k] as Uint8Array), -1, `seed ${seed}: ${v.text}`);
    });
  }
  set(SEED, before);
});

type On = <T>(f: () => T) => T;
test("compiled functions over two devices: what the device lacks, captured arrays of the other, and set", () => {
  const w = onCpu(() => mx.array([1, 2, 3]));
  const calls: readonly (readonly [(x: mx.NDArray) => mx.NDArray, number[]])[] = [
    [(x) => mx.sort(x.mul(2)).add(1), [3, 5, 7]],
    [(x) => x.mul(w).add(w), [4, 4, 9]],
    [(x) => onCpu(() => x.mul(3)).add(1), [10, 4, 7]],
    [(x) => onCpu(() => mx.sum(x)), 6 as unknown as number[]],
  ];
  onFake(() => {
    for (const [f, want] of calls) {
      const g = mx.compile(f), x = mx.array([3, 1, 2]);
      for (let k = 0; k < 3; k++) assert.deepEqual(g(x).tolist(), want);
      assert.deepEqual(g(onCpu(() => mx.array([3, 1, 2]))).tolist(), want);
      assert.equal(g(x).node.device, f(x).node.device);
    }
    const g = mx.compile((x: mx.NDArray) => x.mul(w));
    assert.deepEqual(w.add(g(mx.array([1, 1, 1]))).tolist(), [2, 4, 6]);
    onCpu(() => w.set([0], 10));
    assert.deepEqual(g(mx.array([1, 1, 1])).tolist(), [10, 2, 3]);
  });
  const state = { n: onFake(() => mx.zeros([2])) };
  const step = mx.compile((x: mx.NDArray) => {
    state.n = onFake(() => state.n.add(x));
    return onCpu(() => mx.sum(state.n));
  }, { inputs: state, outputs: state });
  for (let k = 1; k <= 4; k++) assert.equal(step(onCpu(() => mx.array([1, 2]))).item(), 3 * k);
  assert.deepEqual([state.n.node.device, state.n.tolist()], [fake, [4, 8]]);
});

test("batched and forward-differentiated functions over two devices", () => {
  const rows = [[3, 1, 2], [6, 5, 4]], w = onCpu(() => mx.array([1, 2, 3]));
  const f = (x: mx.NDArray): mx.NDArray => onFake(() => mx.sort(onCpu(() => x.mul(w)).add(1)).mul(w));
  const x = onFake(() => mx.array(rows));
  assert.deepEqual(mx.vmap(f)(x).tolist(), rows.map((r) => f(mx.array(r)).tolist()));
  const [value, tangent] = mx.jvp(f, [mx.array([3, 1, 2])], [mx.array([1, 1, 1])]).map((a) =>
    (a as mx.NDArray[])[0] as mx.NDArray
  );
  assert.deepEqual([value?.tolist(), tangent?.tolist()], [[3, 8, 21], [2, 2, 9]]);
});

/** Steps that depend on one another in a random way over two devices: states are updated in place, copied, read back. */
function tangle(seed: number, here: On, there: On, compute: (...a: mx.NDArray[]) => unknown = mx.asyncEval): number[] {
  let s = seed * 2654435761 >>> 0;
  const random = (n: number): number => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0) % n;
  const all = Array.from(
    { length: 6 },
    (_, i) => (i % 2 ? here : there)(() => mx.full([50 + 400 * (i % 3)], i).add(0)),
  );
  for (let step = 0; step < 60; step++) {
    const on = random(2) ? here : there, i = random(6), j = random(6), x = all[i]!, y = all[j]!;
    on(() => {
      const what = random(4);
      if (what === 0) x.set([`${random(20)}:40`], y.get(random(40)).mul(0.5).add(1));
      else if (what === 1) all[i] = mx.minimum(x.add(mx.sum(y).mul(0.01)), 100);
      else if (what === 2) all[i] = x.get("::-1").mul(0.9).add(y.get(7));
      else x.set([random(30)], y.get(random(30)));
    });
    if (random(3)) compute(all[i]!, all[random(6)]!);
  }
  return all.flatMap((x) => [...x.data() as Float32Array]);
}
test("results do not depend on the order in which two streams and the CPU finish, whatever the seed", () => {
  const before = get(SEED);
  for (let program = 1; program <= 4; program++) {
    const want = tangle(program, onCpu, onCpu, mx.eval);
    for (let k = 0; k < 4; k++) assert.deepEqual(tangle(program, onCpu, onCpu), want, "the CPU alone");
    for (let seed = 1; seed <= 8; seed++) {
      set(SEED, 100 * program + seed);
      assert.deepEqual(tangle(program, onFake, onCpu), want, `program ${program}, seed ${seed}`);
    }
    assert.deepEqual(tangle(program, onFake, onFake), want);
  }
  set(SEED, before);
});

test("independent work overtakes, and each read waits for just what it needs", async () => {
  const x = onFake(() => mx.ones([1000]).add(0));
  mx.eval(x);
  const before = get(OVERTAKEN);
  for (let k = 0; k < 20 && get(OVERTAKEN) === before; k++) {
    const all = Array.from({ length: 30 }, (_, i) => onFake(() => x.add(i)));
    for (const y of all) mx.asyncEval(y);
    const got = await Promise.all(all.map((y) => y.get(3).itemAsync()));
    assert.deepEqual(got, all.map((_, i) => 1 + i));
  }
  assert.ok(get(OVERTAKEN) > before, "the test device keeps one order");
  // Long work of the CPU in flight delays neither the device nor other reads.
  const big = onCpu(() => mx.random.normal([700, 700]));
  mx.eval(big);
  const long = onCpu(() => {
    let y = big;
    for (let i = 0; i < 40; i++) y = y.matmul(big).mul(0.03);
    return mx.sum(y);
  });
  mx.asyncEval(long);
  assert.equal(onFake(() => x.add(41)).get(5).item(), 42);
  assert.ok(lib.poll(long.node.buf?.ticket ?? 0), "the read waited for what it does not need");
  mx.synchronize();
  assert.ok(!lib.poll(long.node.buf?.ticket ?? 0));
});

test("a dispatch that fails: an error with its text and the user's line, and only what depends on it fails", async () => {
  const x = onFake(() => mx.array([1, 2, 3])), y = onCpu(() => mx.array([5, 6, 7]));
  const bad = onFake(() => x.mul(2)), after = onCpu(() => bad.add(y)), good = onFake(() => x.add(1));
  set(DISPATCH, 1);
  const failing = mx.asyncEval(bad);
  mx.asyncEval(after);
  await assert.rejects(failing, /a dispatch was told to fail/);
  for (
    const read of [
      () => bad.tolist(),
      () => after.item === undefined || after.tolist(),
      () => onCpu(() => after.mul(2)).tolist(),
    ]
  ) {
    assert.throws(read, (e: Error) => {
      assert.match(e.message, /a dispatch was told to fail\n {4}at .*devices\.test\.ts:\d+$/);
      return true;
    });
  }
  await assert.rejects(after.dataAsync(), /a dispatch was told to fail/);
  assert.deepEqual(good.tolist(), [2, 3, 4]);
  assert.deepEqual(onFake(() => x.mul(2)).tolist(), [2, 4, 6]);
});

test("a loop over what a failed eval was to give fails, and does not follow what lies there", () => {
  const x = onFake(() => mx.array([1, 2, 3])), go = onFake(() => x.lt(0));
  mx.eval(x);
  set(DISPATCH, 1);
  mx.asyncEval(go).catch(() => null);
  const end = onFake(() => mx.whileLoop((c: mx.NDArray) => c.any(), (c: mx.NDArray) => c, go));
  const one = onFake(() => mx.cond(go.any(), (x: mx.NDArray) => x.sum(), (x: mx.NDArray) => x.max(), x));
  for (const a of [end, one]) assert.throws(() => a.tolist(), /a dispatch was told to fail/);
});

test("a synchronous eval that fails changes nothing, and succeeds when it is tried again", () => {
  const x = onFake(() => mx.array([1, 2, 3])), y = onFake(() => mx.sum(x.mul(3)));
  set(DISPATCH, 1);
  assert.throws(() => mx.eval(y), /a dispatch was told to fail/);
  assert.equal(y.item(), 18);
});

test("a copy that fails, to the device and back", () => {
  const x = onFake(() => mx.array([1, 2, 3])), y = onFake(() => x.add(1));
  mx.eval(y);
  set(COPY, 1);
  assert.throws(() => y.tolist(), (e: Error) => /a copy was told to fail\n {4}at .*devices\.test\.ts/.test(e.message));
  assert.deepEqual(y.tolist(), [2, 3, 4], "the array itself is whole");
  set(COPY, 1);
  const lost = onFake(() => mx.array([4, 5]));
  assert.throws(() => lost.tolist(), /a copy was told to fail/);
  assert.throws(() => onFake(() => lost.add(1)).tolist(), /a copy was told to fail/);
  assert.deepEqual(onFake(() => y.add(1)).tolist(), [3, 4, 5]);
});

test("an allocation that fails once is made good; one that keeps failing is an error that changes nothing", () => {
  const x = onFake(() => mx.array([1, 2, 3])), y = onFake(() => x.add(1));
  mx.eval(x);
  set(ALLOCATION, 1);
  assert.deepEqual(y.tolist(), [2, 3, 4]);
  const z = onFake(() => y.mul(5));
  set(TIMES, 1000);
  set(ALLOCATION, 1);
  assert.throws(() => z.tolist(), /Cannot allocate/);
  assert.throws(() => onFake(() => mx.array([1])), /Cannot allocate/);
  set(ALLOCATION, 0);
  set(TIMES, 1);
  assert.deepEqual(z.tolist(), [10, 15, 20]);
});

/** Bytes of a buffer of the device. */
function contentOf(id: number, bytes: number): Uint8Array {
  const host = lib.alloc(bytes), words = copyWords(id, 0, host, bytes, FAKE);
  assert.equal(lib.wait(lib.submit(words, words.length)), 0, lib.error());
  return new Uint8Array(lib.own(host, lib.address(host), bytes));
}
test("fresh memory of the device is poison, not what lay there before, and the host does not see it", () => {
  const seven = lib.alloc(4096), from = new Uint8Array(lib.own(seven, lib.address(seven), 4096)).fill(7);
  for (let k = 0; k < 3; k++) {
    const id = lib.alloc(4096, FAKE);
    assert.equal(lib.address(id), 0);
    assert.ok(lib.alive(id));
    assert.ok(contentOf(id, 4096).every((b) => b === 0xff));
    const words = copyWords(seven, 0, id, from.length, FAKE);
    // To the device: both ends are named alike.
    assert.equal(lib.wait(lib.submit(words, words.length)), 0);
    assert.ok(contentOf(id, 4096).every((b) => b === 7));
    lib.dispose(id);
    assert.ok(!lib.alive(id));
  }
});

test("a write beyond the end of the device's memory is noticed, and every later task fails", () => {
  const x = onFake(() => mx.array([1, 2]));
  assert.deepEqual(x.tolist(), [1, 2]);
  set(SPILL, 1);
  lib.dispose(lib.alloc(64, FAKE));
  assert.equal(get(DAMAGE), 1);
  assert.throws(() => onFake(() => x.add(1)).tolist(), /memory was written beyond its end/);
  set(DAMAGE, 0);
  assert.deepEqual(onFake(() => x.add(1)).tolist(), [2, 3]);
});

test("copies and calls that name the wrong memory are refused", () => {
  const routine = lib.routines.get("copy") ?? 0;
  const call = (there: number, here: number, device: number): Uint32Array => {
    const words = [0, 2, device << 8, 0, 0, here, 0, 0, 0, 0, 3, there, 0, 0, 0, 0];
    words.push(2, 14, routine, 2, 1, 0, 0, 0, 0, 1, 0, 0, 8, 0);
    words[0] = words.length;
    return Uint32Array.from(words);
  };
  const cases: readonly (readonly [(there: number, here: number) => Uint32Array, number, RegExp])[] = [
    [(there, here) => copyWords(there, 0, here, 64, FAKE), 0, /^/],
    [(there, here) => copyWords(there, 4, here, 64, FAKE), -2, /64 bytes leave binding 0/],
    [(there, here) => copyWords(there, 0, here, 64, 0), -2, /binding 0 lies on another device/],
    [(there) => copyWords(there, 0, 12345, 8, FAKE), -4, /binding 1 names no live buffer/],
    [(there, here) => copyWords(there, 0, here, 8, 99), -5, /no such device/],
    [(there, here) => call(there, here, 0), -2, /pointer 1 lies on another device/],
    [(there, here) => call(there, here, FAKE), -2, /pointer 0 lies on another device/],
  ];
  for (const [make, code, text] of cases) {
    const there = lib.alloc(64, FAKE), here = lib.alloc(64), words = make(there, here);
    const ticket = lib.submit(words, words.length);
    assert.equal(ticket > 0 ? lib.wait(ticket) : ticket, code);
    if (code < 0) assert.match(lib.error(), text);
    lib.dispose(there);
    lib.dispose(here);
  }
  assert.equal(lib.program(new Uint32Array([99, 99]), FAKE), 0);
  assert.match(lib.error(), /malformed program/);
});

test("a training loop over two devices takes bounded memory and copies the same at every step", () => {
  let w = onFake(() => mx.zeros([256, 256]).add(0.01));
  const data = onCpu(() => mx.random.normal([64, 256]));
  const loss = (w: mx.NDArray): mx.NDArray => onFake(() => mx.mean(mx.square(data.matmul(w))));
  let most = 0;
  const copies: number[] = [];
  for (let t = 0; t < 60; t++) {
    copies.push(copiesOf(() => {
      const [l, g] = mx.valueAndGrad(loss)(w) as [mx.NDArray, mx.NDArray];
      w = onFake(() => w.sub(g.mul(0.1)));
      mx.eval(w);
      assert.ok(Number.isFinite(l.item()));
    }));
    if (t % 10 === 9) lib.yieldToCollector();
    if (t >= 20) most = Math.max(most, mx.getActiveMemory());
    if (t === 19) most = mx.getActiveMemory();
  }
  assert.equal(new Set(copies.slice(5)).size, 1, String(copies));
  assert.ok(most < mx.getActiveMemory() + 64e6, `${most} bytes`);
});
