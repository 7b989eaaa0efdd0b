// bfloat16 on Metal in both forms, as a type of the language (MSL 3.1) and as its bits (MSL 3.0): every number of it and what float32 rounds to it, bit for
// bit as on the CPU, operations, rows, columns, scatters and products, and that both forms give the same bits.
import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import * as mx from "../../mod.ts";
import { fromBfloat16Bits, toBfloat16Bits } from "../../src/base/dtype.ts";
import { makeProgram, shapeOf } from "../../src/backends/gpu/kernel.ts";
import { MSL, MSL30 } from "../../src/backends/metal/msl.ts";
import { interpreted, type Runner } from "../support/interpreted.ts";
import { CHECKED, MACOS, SEED, simulator } from "../support/metal.ts";
import { MetalRunner } from "../support/on_metal.ts";
import { attempt, call } from "../support/op_checks.ts";
import { Random } from "../support/random_graph.ts";
import { BINARY, UNARY } from "../reference/elementwise.ts";

// Where products are kernels.
const usual = mx.defaultDevice();
mx.setDefaultDevice(mx.gpu);
after(() => mx.setDefaultDevice(usual));

/** The type needs a system that has it; its bits run everywhere. */
const runners = new Map([["bits", new MetalRunner(MSL30)], ["type", new MetalRunner()]]);
const hasType = runners.get("type")?.language.bfloat16.type === "bfloat";
if (!hasType) runners.delete("type");
const r = new Random(23);
const numbers = (...shape: number[]): mx.NDArray => {
  const n = shape.reduce((a, b) => a * b, 1), x = mx.array(Float32Array.from({ length: n }, () => 4 * r.next() - 2));
  return evaluated(mx.astype(x.reshape(shape), "bfloat16"));
};
function evaluated(x: mx.NDArray): mx.NDArray {
  mx.eval(x);
  return x;
}
const isNaNBits = (b: number): boolean => (b & 0x7fff) > 0x7f80;
const halves = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.slice().buffer);
/** Runs a graph's kernels in each form beside the interpreter; gives what they wrote, in order. */
function written(make: () => readonly mx.NDArray[]): MetalRunner["written"][] {
  return [...runners.values()].map((runner) => {
    const all: MetalRunner["written"] = [];
    const noting: Runner = (k, run) => {
      runner.run(k, run);
      all.push(...runner.written);
    };
    interpreted(make().map((a) => a.node), noting);
    return all;
  });
}
/** The bytes of the last result, of each form. */
const lastOf = (make: () => readonly mx.NDArray[]): Uint8Array[] =>
  written(make).map((all) => (all.at(-1) as (typeof all)[number]).bytes);
/** Both forms give the same bits; a NaN is as good as another. */
function same(make: () => readonly mx.NDArray[], what: string): void {
  const plain = ({ dtype, bytes }: MetalRunner["written"][number]): ArrayLike<number> =>
    dtype === "bfloat16" ? halves(bytes).map((b) => isNaNBits(b) ? 0x7fc0 : b) : bytes;
  const [first, ...others] = written(make).map((all) => all.map(plain));
  for (const other of others) assert.deepEqual(other, first, `${what}: the forms differ`);
}

/** Every bfloat16 by its bits, and float32 numbers beside and halfway between neighbours of them. */
const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);
function nearAll(): Float32Array {
  const rest = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff], bits = new Uint32Array(65536 * rest.length);
  ALL.forEach((b, i) => rest.forEach((low, j) => bits[i * rest.length + j] = b * 65536 + low));
  return new Float32Array(bits.buffer);
}

test("float32 becomes bfloat16 on Metal as on the CPU: each bit, subnormal numbers and overflow too, and NaN stays NaN", () => {
  const x = nearAll(), bits = new Uint32Array(x.buffer);
  const a = evaluated(mx.array(x));
  for (const got of lastOf(() => [mx.astype(a, "bfloat16")])) {
    halves(got).forEach((g, i) => {
      const source = bits[i] as number, isNaN = (source & 0x7fffffff) > 0x7f800000;
      if (isNaN) assert.ok(isNaNBits(g), `${source.toString(16)} becomes ${g.toString(16)}`);
      else assert.equal(g, toBfloat16Bits(x[i] as number), source.toString(16));
    });
  }
});
test("every bfloat16 keeps its bits through copies, transposes, choices and float32", () => {
  const x = evaluated(mx.array(ALL, "bfloat16").reshape([256, 256])), one = evaluated(mx.ones([256, 256], "bool"));
  const copies: Readonly<Record<string, () => mx.NDArray>> = {
    transpose: () => mx.contiguous(x.T),
    reversed: () => mx.contiguous(x.get("::-1")),
    where: () => mx.where(one, x, mx.zeros([256, 256], "bfloat16")),
    concatenate: () => mx.concatenate([x.get(":100"), x.get("100:")]),
    take: () => mx.take(x, mx.array(Int32Array.from({ length: 256 }, (_, i) => i)), 0),
    "to float32 and back": () => mx.astype(mx.astype(x, "float32"), "bfloat16"),
  };
  for (const [name, make] of Object.entries(copies)) {
    for (const got of lastOf(() => [make()])) {
      halves(got).forEach((g, i) => {
        const at = name === "transpose"
          ? i % 256 * 256 + (i >> 8)
          : name === "reversed"
          ? (255 - (i >> 8)) * 256 + i % 256
          : i;
        assert.ok(g === at || (isNaNBits(g) && isNaNBits(at)), `${name}: ${at.toString(16)} becomes ${g.toString(16)}`);
      });
    }
  }
  for (const got of lastOf(() => [mx.astype(x, "float32")])) {
    new Float32Array(got.slice().buffer).forEach((g, i) =>
      assert.ok(Object.is(g, fromBfloat16Bits(i)), i.toString(16))
    );
  }
});
test("every bfloat16 as every other dtype, and back", () => {
  const finite = evaluated(mx.array(ALL.filter((b) => (b & 0x7f80) < 0x4700), "bfloat16"));
  for (
    const to of [
      "bool",
      "int8",
      "uint8",
      "int16",
      "uint16",
      "int32",
      "uint32",
      "int64",
      "uint64",
      "float16",
      "complex64",
    ] as const
  ) {
    same(() => [mx.astype(finite, to)], to);
    const back = evaluated(mx.astype(finite, to));
    same(() => [mx.astype(back, "bfloat16")], `${to} to bfloat16`);
  }
});

test("operations on bfloat16 on Metal: both forms give what the interpreter gives, and the same bits", () => {
  const x = numbers(64), y = numbers(64), made: (() => mx.NDArray)[] = [];
  const tryTo = (make: () => mx.NDArray): void => void attempt(() => (make(), made.push(make), null));
  for (const name of Object.keys(UNARY)) tryTo(() => call(name)(x));
  for (const name of Object.keys(BINARY)) tryTo(() => call(name)(x, y));
  assert.ok(made.length > 40);
  for (let i = 0; i < made.length; i += 10) {
    same(() => made.slice(i, i + 10).map((f) => f()), `operations from ${i}`);
  }
});
test("rows, columns, scans, scatters and gathers of bfloat16 on Metal", () => {
  const i = evaluated(mx.array(Int32Array.from([4, -1, 0, 4])));
  for (const [seed, n] of [3, 32, 100, 1024, 1100].entries()) {
    simulator?.metalsim_set(SEED, seed % 3);
    const x = numbers(7, n), u = numbers(4, n), g = evaluated(mx.ones([n], "bfloat16"));
    same(() => [mx.softmax(x, -1), mx.sum(x, -1), mx.argmax(x, -1), mx.max(x, 0)], `rows of ${n}`);
    same(
      () => [x.sub(mx.mean(x, -1, { keepdims: true })).div(mx.std(x, { axis: -1, keepdims: true })).mul(g)],
      `norms of ${n}`,
    );
    same(() => [mx.cumsum(x, -1), mx.cummax(x, -1), mx.cumsum(x, 0)], `scans of ${n}`);
    same(() => [x.at(i).add(u), x.at(i).multiply(u), mx.take(x, i, 0)], `scatters of ${n}`);
    same(() => [x.mul(2).add(1).div(x), x.get(":", "::-1").sub(x)], `maps of ${n}`);
  }
  simulator?.metalsim_set(SEED, 0);
});

const LIES = ["rows", "columns"] as const;
const factor = (rows: number, columns: number, lie: (typeof LIES)[number]): mx.NDArray =>
  lie === "rows" ? numbers(rows, columns) : numbers(columns, rows).T;
test("products of bfloat16 on Metal: matrices of the type where there is one, of float32 where it is bits", () => {
  for (
    const [m, k, n] of [[33, 40, 70], [64, 96, 64], [100, 33, 20], [130, 64, 130], [3, 129, 70], [70, 200, 1]] as const
  ) {
    for (const left of LIES) {
      for (const right of LIES) {
        const a = factor(m, k, left), b = factor(k, n, right);
        same(() => [mx.matmul(a, b).add(1)], `${m} x ${k} (${left}) by ${k} x ${n} (${right})`);
      }
    }
  }
  const a = numbers(64, 64), b = numbers(64, 64);
  interpreted([mx.matmul(a, b).node], (k, run) => {
    const [own, bits] = [MSL, MSL30].map((l) => makeProgram(k, shapeOf(k, run, true), l).text) as [string, string];
    assert.match(own, /simdgroup_bfloat8x8 x\[/);
    assert.match(own, /threadgroup bfloat \*ta/);
    assert.match(own, /bfloat4 v = /);
    assert.doesNotMatch(own, /simdgroup_float8x8 x\[/);
    assert.doesNotMatch(bits, /bfloat/);
    assert.match(bits, /simdgroup_float8x8 x\[/);
    (runners.get("bits") as MetalRunner).run(k, run);
  });
});
test("bfloat16 on Metal, checked: no race, nothing out of bounds", () => {
  if (simulator === null) return;
  simulator.metalsim_set(CHECKED, 1);
  simulator.metalsim_set(SEED, 5);
  const a = numbers(40, 50), b = numbers(50, 33), i = evaluated(mx.array(Int32Array.from([2, 0, 2])));
  for (const language of hasType ? [MSL, MSL30] : [MSL30]) {
    const checked = new MetalRunner(language), run = (x: mx.NDArray): unknown => interpreted([x.node], checked.run);
    [mx.matmul(a, b), mx.softmax(a, -1), a.add(1), mx.contiguous(a.T), a.at(i).add(a.get("3:6")), mx.sum(a, 0)].forEach(
      run,
    );
    assert.ok(checked.launched >= 6);
  }
  simulator.metalsim_set(CHECKED, 0);
  simulator.metalsim_set(SEED, 0);
});
test("a system without MSL 3.1 gets texts without bfloat, and its compiler would refuse them", () => {
  if (simulator === null) return;
  const macos = Number(process.env["METALSIM_MACOS"] ?? 15);
  simulator.metalsim_set(MACOS, 13);
  try {
    const old = new MetalRunner(), x = numbers(12), wrong = new MetalRunner(MSL);
    assert.equal(old.metal.info().get("language"), "3.0");
    assert.equal(old.language.bfloat16.type, "ushort");
    interpreted([x.mul(3).node], old.run);
    assert.throws(() => interpreted([x.mul(5).node], wrong.run), /MSL 3\.0 has no bfloat/);
    simulator.metalsim_set(MACOS, 14);
    const newer = new MetalRunner();
    assert.equal(newer.metal.info().get("language"), "3.1");
    interpreted([x.mul(7).node], newer.run);
  } finally {
    simulator.metalsim_set(MACOS, macos);
  }
});
