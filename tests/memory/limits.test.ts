// Tests the memory limit and what is left after it, the memory functions, using, dispose, scope, and how long views of data live.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mx from "../../mod.ts";
import { native } from "../../src/runtime/memory.ts";

const MB = 1 << 20;

async function quiet(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    native().yieldToCollector();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("past the memory limit an eval throws, names what is alive, and everything stays usable", async () => {
  await quiet();
  // From here on lines are noted.
  mx.setMemoryLimit(mx.getMemoryLimit());
  const big = mx.ones([4 * MB]).add(1), half = mx.ones([2 * MB]).add(1);
  mx.eval(big);
  mx.eval(half);
  const old = mx.setMemoryLimit(mx.getActiveMemory() + 8 * MB);
  const y = big.mul(3);
  const active = mx.getActiveMemory();
  for (let i = 0; i < 3; i++) {
    assert.throws(() => mx.eval(y), (e: Error) => {
      assert.match(e.message, /Cannot allocate 16\.0 MB/);
      assert.match(e.message, /the limit is \d+\.\d MB/);
      // Largest first, with the line that made each.
      assert.match(
        e.message,
        /\n {2}16\.0 MB made at .*limits\.test\.ts:\d+\n {2}8\.0 MB made at .*limits\.test\.ts:\d+/,
      );
      return true;
    });
  }
  assert.throws(() => mx.array(new Float32Array(4 * MB)), /Cannot allocate 16\.0 MB/);
  await assert.rejects(y.dataAsync(), /Cannot allocate 16\.0 MB/);
  assert.ok(mx.getActiveMemory() <= active, "a failed eval keeps nothing");
  assert.equal(mx.sum(mx.array([1, 2, 3])).item(), 6);
  assert.equal(mx.getMemoryLimit(), mx.setMemoryLimit(old));
  assert.equal(y.get(5).item(), 6);
  assert.equal(mx.mean(y).item(), 6);
});

test("arrays that were recorded under a limit are named by the lines that recorded them", async () => {
  await quiet();
  const old = mx.setMemoryLimit(mx.getActiveMemory() + 16 * MB);
  try {
    const [big, here] = [mx.ones([2 * MB]).add(1), new Error()];
    const small = big.sum();
    mx.eval([small, big]);
    // Less than both take, whatever a collector still lets go of.
    mx.setMemoryLimit(20 * MB);
    assert.throws(() => mx.eval(mx.ones([4 * MB]).add(2)), (e: Error) => {
      const line = /limits\.test\.ts:(\d+)/.exec(here.stack ?? "")?.[1];
      assert.match(e.message, new RegExp(`\\n {2}8\\.0 MB made at .*limits\\.test\\.ts:${line}(\\n|$)`));
      return true;
    });
  } finally {
    mx.setMemoryLimit(old);
  }
});

test("garbage, work in flight and the cache make room before an eval fails", () => {
  const x = mx.ones([MB]).add(1);
  mx.eval(x);
  native().yieldToCollector();
  const old = mx.setMemoryLimit(mx.getActiveMemory() + 24 * MB);
  try {
    let y = x;
    for (let i = 0; i < 48; i++) {
      y = x.add(i);
      if (i % 2 === 0) mx.eval(y);
      else mx.asyncEval(y);
    }
    assert.equal(y.get(0).item(), 49);
  } finally {
    mx.setMemoryLimit(old);
  }
});

test("active, peak and cached bytes follow arrays; limits are returned and checked", () => {
  native().yieldToCollector();
  const before = mx.getActiveMemory();
  const x = mx.ones([MB]).add(1);
  mx.eval(x);
  assert.ok(mx.getActiveMemory() >= before + 4 * MB);
  mx.resetPeakMemory();
  assert.ok(mx.getPeakMemory() >= before + 4 * MB);
  const active = mx.getActiveMemory();
  x.dispose();
  assert.ok(mx.getActiveMemory() <= active - 4 * MB, "dispose gives memory back at once");
  assert.ok(mx.getPeakMemory() >= active);
  // Of the CPU, as the test device keeps no memory for reuse.
  mx.stream(mx.cpu, () => {
    const y = mx.ones([MB]).add(1);
    mx.eval(y);
    y.dispose();
  });
  assert.ok(mx.getCacheMemory() >= 4 * MB);
  mx.clearCache();
  assert.equal(mx.getCacheMemory(), 0);
  const old = mx.setCacheLimit(0);
  const z = mx.ones([MB]).add(1);
  mx.eval(z);
  z.dispose();
  assert.equal(mx.getCacheMemory(), 0);
  assert.equal(mx.setCacheLimit(old), 0);
  assert.throws(() => mx.setMemoryLimit(-1), TypeError);
  assert.throws(() => mx.setCacheLimit(NaN), TypeError);
  assert.throws(() => mx.setMemoryLimit("1 GB" as unknown as number), TypeError);
});

test("memory of sizes that do not come again is not cached for ever", () => {
  mx.clearCache();
  for (let i = 1; i <= 130; i++) {
    using x = mx.ones([i * 8 * 1024], mx.int64).add(1);
    mx.eval(x);
  }
  // 560 MB went by.
  assert.ok(mx.getCacheMemory() <= 400 * MB, `${mx.getCacheMemory()} bytes`);
});

test("a disposed array is an error that says so; disposing twice is fine", () => {
  const x = mx.array([1, 2, 3]), y = x.add(1);
  x.dispose();
  x.dispose();
  assert.equal(x.disposed, true);
  for (
    const use of [
      () => x.item(),
      () => x.add(1),
      () => x.shape,
      () => mx.eval(x),
      () => x.data(),
      () => String(x),
      () => x.set([0], 1),
    ]
  ) {
    assert.throws(use, /Cannot use an array after dispose\(\)\n {4}at .*limits\.test\.ts:\d+/);
  }
  // What was recorded before still has its input.
  assert.deepEqual(y.tolist(), [2, 3, 4]);
});

test("using ends arrays at the end of the block, scope those made in it but its result", () => {
  let inner: mx.NDArray | undefined;
  {
    using x = mx.ones([MB]).add(1);
    mx.eval(x);
    inner = x;
  }
  assert.equal(inner.disposed, true);
  const made: mx.NDArray[] = [];
  const kept = mx.scope(() => {
    const a = mx.ones([8]).add(1), b = a.mul(2);
    made.push(a, b);
    return { b, list: [b.add(1)] };
  });
  assert.deepEqual(made.map((a) => a.disposed), [true, false]);
  assert.deepEqual((kept.list[0] as mx.NDArray).tolist(), new Array(8).fill(5));
  assert.throws(() =>
    mx.scope(() => {
      made.push(mx.ones([2]));
      throw new RangeError("mine");
    }), /mine/);
  assert.equal(made.at(-1)?.disposed, true);
  assert.throws(() => mx.scope(() => Promise.resolve(1)), /asynchronous function in scope/);
});

test("a view of data outlives its array", async () => {
  const view = (() => {
    const x = mx.arange(1000).add(0.5);
    const data = x.data();
    x.dispose();
    return data;
  })();
  for (let i = 0; i < 3; i++) {
    await quiet();
    for (let k = 0; k < 50; k++) mx.eval(mx.full([1000], k));
  }
  assert.equal(view[7], 7.5);
  assert.equal(view[999], 999.5);
});

test("set changes neither other handles nor earlier views of data", () => {
  const x = mx.arange(6), other = x.reshape([2, 3]), before = x.data();
  const y = x.mul(2);
  x.set([0], 100);
  assert.equal(x.get(0).item(), 100);
  assert.deepEqual([...before].map(Number), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(other.tolist(), [[0, 1, 2], [3, 4, 5]]);
  assert.deepEqual(y.tolist(), [0, 2, 4, 6, 8, 10]);
  for (let i = 0; i < 100; i++) x.set([i % 6], i);
  assert.deepEqual(x.tolist(), [96, 97, 98, 99, 94, 95]);
  assert.deepEqual([...before].map(Number), [0, 1, 2, 3, 4, 5]);
});
