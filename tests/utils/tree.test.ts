// Tree utilities beyond what is recorded from MLX: options, several trees, errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { utils } from "../../mod.ts";

const tree = { a: 1, b: { c: [2, 3], d: {} } };

test("treeMap over several trees, with isLeaf", () => {
  const sum = (x: number, y: number): number => x + y;
  assert.deepEqual(utils.treeMap(sum as never, tree, { a: 10, b: { c: [20, 30], d: {} } }), {
    a: 11,
    b: { c: [22, 33], d: {} },
  });
  const lengths = utils.treeMap((x: unknown) => Array.isArray(x) ? x.length : x, tree, { isLeaf: Array.isArray });
  assert.deepEqual(lengths, { a: 1, b: { c: 2, d: {} } });
  assert.throws(() => utils.treeMap(sum as never, tree, { a: 10, b: { c: [20], d: {} } }), /nothing at b\.c\.1/);
  assert.throws(() => utils.treeMap(sum as never, tree, { isLeaf: Array.isArray, other: 1 }), /no option "other"/);
});
test("treeMapWithPath gives paths, after a prefix", () => {
  const paths: string[] = [];
  utils.treeMapWithPath((path: string) => paths.push(path), tree);
  assert.deepEqual(paths, ["a", "b.c.0", "b.c.1"]);
  assert.deepEqual(utils.treeMapWithPath((path: string) => path, [1], { path: "top" }), ["top.0"]);
});
test("treeFlatten into lists and objects, and back", () => {
  const flat = utils.treeFlatten<number>(tree);
  assert.deepEqual(flat, [["a", 1], ["b.c.0", 2], ["b.c.1", 3]]);
  assert.deepEqual(utils.treeFlatten<number>(tree, { destination: {}, prefix: ".w" }), {
    "w.a": 1,
    "w.b.c.0": 2,
    "w.b.c.1": 3,
  });
  assert.deepEqual(utils.treeUnflatten(flat), { a: 1, b: { c: [2, 3] } });
  assert.deepEqual(utils.treeUnflatten({ "0.x": 1, "2": 5 }), [{ x: 1 }, {}, 5]);
  assert.equal(utils.treeUnflatten([["", 4]]), 4);
  assert.deepEqual(utils.treeFlatten<number>(5), [["", 5]]);
});
test("treeReduce with and without a first value", () => {
  const add = (a: number, b: number): number => a + b;
  assert.equal(utils.treeReduce(add, tree), 6);
  assert.equal(utils.treeReduce(add, tree, { initializer: 10 }), 16);
  assert.equal(
    utils.treeReduce((n: number, l: number[]) => n + l.length, [[1, 2], [3]], {
      initializer: 0,
      isLeaf: (t) => Array.isArray(t) && typeof t[0] === "number",
    }),
    3,
  );
});
test("treeMerge joins lists and objects, and leaves by mergeFn", () => {
  assert.deepEqual(utils.treeMerge({ a: [1], b: null }, { a: [{}, 2], b: 3 }), { a: [1, 2], b: 3 });
  assert.throws(() => utils.treeMerge({ a: { b: 1 } }, { a: { b: 2 } }), /both trees have a leaf at "a\.b"/);
  assert.deepEqual(utils.treeMerge({ a: 1 }, { a: 2 }, { mergeFn: (a: number, b: number) => a + b }), { a: 3 });
});
