// Tests shim/base: tickets and the memory limit, on the CPU.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory, native, pass, program, run, submit } from "../support/shim.ts";
import { ASYNC, type Dispatch, dispatchWords, E_MEMORY, f32, MAP, MEM, SCALAR, submission } from "../support/words.ts";

const ACTIVE = 0, LIMIT = 3;

test("asynchronous tickets complete in order, and a synchronous submission waits for them", async () => {
  const n = 100000, x = memory(Float32Array, 4 * n);
  x.at.fill(1);
  const next = program(MAP, pass(["ld.w32", MEM], ["add.f32.s", SCALAR], ["st.w32", MEM]));
  const d: Dispatch = { program: next, inner: [n], mems: [{ binding: 0, inner: [1] }], scalars: [f32(1)] };
  let last = 0;
  for (let i = 0; i < 20; i++) {
    const ticket = submit(submission([x.id], [dispatchWords(d)], ASYNC));
    assert.ok(ticket > last, native.error());
    last = ticket;
  }
  await native.completion(last);
  assert.equal(native.poll(last), false);
  assert.equal(native.wait(last), 0);
  assert.deepEqual([x.at[0], x.at[n - 1]], [21, 21]);
  const ticket = submit(submission([x.id], [dispatchWords(d)], ASYNC));
  run([x.id], d);
  assert.equal(native.poll(ticket), false);
  assert.equal(x.at[n - 1], 23);
});

test("a submission over the memory limit fails whole, and frees what it had reserved", () => {
  const words = Uint32Array.from([16, 2, 0, 0, 1, 0, 1 << 20, 0, 0, 0, 1, 0, 1 << 28, 0, 0, 0]),
    before = native.stat(ACTIVE),
    old = native.set(LIMIT, before + (1 << 24));
  try {
    assert.equal(submit(words), E_MEMORY);
    assert.equal(words[5], 0);
    assert.match(native.error(), /memory/);
  } finally {
    native.set(LIMIT, old);
  }
  assert.equal(native.stat(ACTIVE), before);
});
