// Tests src/runtime/ffi.ts: the library opens, its names are read, memory is owned and given back, and waiting does not block.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { openNative } from "../../src/runtime/ffi.ts";

// Statistics of sinter.h.
const ACTIVE = 0;

const native = openNative();

function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** Ends what earlier tests of this process left behind, so that the bytes in use are this test's. */
async function quiet(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    native.yieldToCollector();
    await macrotask();
  }
  return native.stat(ACTIVE);
}

/** Collects until `done`, for finalisers that another thread runs. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !done(); i++) {
    native.yieldToCollector();
    await macrotask();
  }
}

test("the library opens once per thread and names its stages, routines and facts", () => {
  assert.equal(openNative(), native);
  assert.ok(native.ctx > 0);
  assert.ok(native.stages.has("ret"));
  assert.equal(new Set(native.stages.values()).size, native.stages.size);
  assert.equal(native.routines, native.routines);
  assert.ok("isa" in native.info());
});

test("a token and a view are the buffer's memory, and it lives until both are gone", async () => {
  const before = await quiet();
  let view: ArrayBuffer | undefined;
  (() => {
    const id = native.alloc(1000);
    const token = native.own(id, native.address(id), 1000);
    assert.equal(token.byteLength, 1000);
    new Float32Array(token)[3] = 1.5;
    view = native.view(id, native.address(id), 1000);
  })();
  for (let i = 0; i < 5; i++) {
    native.yieldToCollector();
    await macrotask();
  }
  assert.ok(native.stat(ACTIVE) > before, "the view holds the buffer");
  assert.equal(new Float32Array(view ?? new ArrayBuffer(0))[3], 1.5);
  view = undefined;
  await collectUntil(() => native.stat(ACTIVE) <= before);
  assert.ok(native.stat(ACTIVE) <= before);
});

test("disposing gives memory back at once, and the token's end changes nothing", async () => {
  const before = await quiet();
  (() => {
    // More than the generations of a slot, so that ids come again while tokens of their first use are still to be collected.
    for (let i = 0; i < 3000; i++) {
      const id = native.alloc(5000);
      native.own(id, native.address(id), 5000);
      native.dispose(id);
    }
  })();
  assert.ok(native.stat(ACTIVE) <= before);
  const id = native.alloc(5000);
  const token = native.own(id, native.address(id), 5000);
  native.yieldToCollector();
  await macrotask();
  new Uint8Array(token).fill(7);
  assert.ok(native.alive(id), "a later buffer is not ended by an earlier token");
  native.dispose(id);
});

test("a buffer without bytes has an empty token and an empty view", async () => {
  const before = await quiet();
  (() => {
    const id = native.alloc(0);
    assert.notEqual(id, 0);
    assert.equal(native.own(id, native.address(id), 0).byteLength, 0);
    assert.equal(native.view(id, native.address(id), 0).byteLength, 0);
  })();
  await collectUntil(() => native.stat(ACTIVE) <= before);
  assert.ok(native.stat(ACTIVE) <= before);
});

test("memory stays flat in a synchronous loop that disposes of nothing", async () => {
  const bytes = 4e6;
  const before = await quiet();
  let peak = 0;
  for (let i = 0; i < 1000; i++) {
    const id = native.alloc(bytes);
    assert.notEqual(id, 0);
    new Uint8Array(native.own(id, native.address(id), bytes))[0] = 1;
    peak = Math.max(peak, native.stat(ACTIVE) - before);
  }
  assert.ok(peak < 1.5e9, `peak ${peak} of ${1000 * bytes} bytes`);
});

test("a forced collection ends what is dead inside a synchronous loop", async () => {
  const before = await quiet();
  for (let i = 0; i < 20; i++) {
    const id = native.alloc(1e6);
    native.own(id, native.address(id), 1e6);
  }
  const deadline = Date.now() + 2000;
  do native.yieldToCollector(); while (native.stat(ACTIVE) - before > 5e6 && Date.now() < deadline);
  assert.ok(native.stat(ACTIVE) - before <= 5e6);
});

test("a malformed program and a malformed submission are errors with a text", () => {
  assert.equal(native.program(new Uint32Array([99, 99, 99])), 0);
  assert.notEqual(native.error(), "");
  assert.ok(native.submit(new Uint32Array([4, 1000, 0, 0]), 4) < 0);
  assert.throws(() => native.submit(new Uint32Array(4), 5), RangeError);
});

test("completion resolves on a macrotask, for a ticket in flight, a finished one, and twice", async () => {
  const words = new Uint32Array([4, 0, 1, 0]); // SN_ASYNC
  const first = native.submit(words, 4);
  if (first > 0) {
    await native.completion(first);
    await native.completion(first);
  } else {
    assert.equal(first, 0);
  }
  const second = native.submit(words, 4);
  if (second > 0) {
    assert.equal(native.wait(second), 0);
    assert.equal(native.poll(second), false);
    await Promise.all([native.completion(second), native.completion(second)]);
  }
});

test("a Worker has its own context in the same library", async () => {
  const source = `import { parentPort } from "node:worker_threads";
    import { openNative } from ${JSON.stringify(new URL("../../src/runtime/ffi.ts", import.meta.url).href)};
    const native = openNative();
    const id = native.alloc(64);
    const token = native.own(id, native.address(id), 64);
    const ticket = native.submit(new Uint32Array([4, 0, 1, 0]), 4);
    if (ticket > 0) await native.completion(ticket);
    parentPort.postMessage({ ctx: native.ctx, bytes: token.byteLength });
    native.close();`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const worker = new Worker(url);
  const answer = await new Promise<{ ctx: number; bytes: number }>((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
  await worker.terminate();
  assert.notEqual(answer.ctx, native.ctx);
  assert.equal(answer.bytes, 64);
});

/** What `openNative` says in a process of its own with these variables. */
function opening(env: Readonly<Record<string, string>>): string {
  const from = JSON.stringify(new URL("../../src/runtime/ffi.ts", import.meta.url).href);
  const source = `import { openNative } from ${from};
    try { openNative(); console.log("opened"); } catch (error) { console.log(error.message); }`;
  const args = native.engine === "bun" ? ["-e", source] : ["eval", source];
  return execFileSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, ...env } }).trim();
}
test("a library that cannot be opened is an error that names the file, where it came from and what to do", () => {
  assert.match(
    opening({ SINTER_LIBRARY: "/nowhere/libsinter.so" }),
    /^Cannot open the native library \/nowhere\/libsinter\.so \(from SINTER_LIBRARY\): .*bun run setup/s,
  );
});
test("settings that cannot be followed are errors", () => {
  for (const n of ["0", "-3", "many"]) {
    assert.equal(opening({ SINTER_THREADS: n }), `Cannot use SINTER_THREADS=${n}: it is a number of threads`);
  }
  assert.match(opening({ SINTER_ISA: "sse9" }), /^Cannot use SINTER_ISA=sse9: .* for this processor, which has \w+$/);
  assert.match(opening({ SINTER_BLAS: "/nowhere.so" }), /^Cannot use SINTER_BLAS=\/nowhere\.so: no BLAS can be opened/);
  assert.equal(opening({ SINTER_THREADS: "3", SINTER_ISA: "base", SINTER_BLAS: "none" }), "opened");
});
