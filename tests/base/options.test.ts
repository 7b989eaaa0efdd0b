// Tests src/base/options.ts: how calls split into required arguments, positional axis and dtype, and options.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlainObject, NO_OPTIONS, requiredOption, splitArgs } from "../../src/base/options.ts";

const KNOWN = ["axis", "ddof", "keepdims"];

test("a call without options shares one empty object", () => {
  assert.equal(splitArgs("var", [1], 1, KNOWN, ["axis"]), NO_OPTIONS);
  assert.equal(splitArgs("var", [1, undefined], 1, KNOWN, ["axis"]), NO_OPTIONS);
  assert.ok(Object.isFrozen(NO_OPTIONS));
});

test("an options object is taken as it is, beside or without positional ones", () => {
  const options = { axis: 0, ddof: 1 };
  assert.equal(splitArgs("var", [1, options], 1, KNOWN, ["axis"]), options);
  const both = splitArgs("var", [1, 0, { ddof: 1 }], 1, KNOWN, ["axis"]);
  assert.deepEqual(both, { axis: 0, ddof: 1 });
  assert.deepEqual(splitArgs("sort", [1, null], 1, ["axis"], ["axis"]), { axis: null });
  assert.deepEqual(splitArgs("zeros", [[2], "int8"], 1, [], ["dtype"]), { dtype: "int8" });
  assert.deepEqual(splitArgs("var", [1, 0, { axis: undefined }], 1, KNOWN, ["axis"]), { axis: 0 });
});

test("a caller's options object is not changed", () => {
  const options = Object.freeze({ ddof: 1 });
  splitArgs("var", [1, 0, options], 1, KNOWN, ["axis"]);
  assert.deepEqual(options, { ddof: 1 });
});

test("wrong calls are TypeErrors that name what is wrong", () => {
  assert.throws(() => splitArgs("var", [1, { dof: 1 }], 1, KNOWN), {
    name: "TypeError",
    message: /var has no option "dof"; the known ones are axis, ddof, keepdims/,
  });
  assert.throws(() => splitArgs("add", [1, 2, { a: 1 }], 2, []), /add has no option "a"; it takes no options/);
  assert.throws(() => splitArgs("add", [1], 2, []), /add takes 2 required arguments, but got 1/);
  assert.throws(
    () => splitArgs("var", [1, 0, 1], 1, KNOWN, ["axis"]),
    /at most 2 positional arguments, but got 3; ddof, keepdims are keys/,
  );
  assert.throws(() => splitArgs("var", [1, 0, { axis: 0 }], 1, KNOWN, ["axis"]), /axis twice/);
  assert.throws(() => requiredOption("f", NO_OPTIONS, "groupSize"), {
    name: "TypeError",
    message: /f needs the option "groupSize"/,
  });
  assert.throws(() => splitArgs("f", [1, { __proto__: null, toString: 1 }], 1, []), /"toString"/);
});

test("only plain objects hold options", () => {
  class Tree {}
  assert.ok(isPlainObject({}) && isPlainObject(Object.create(null)));
  for (const value of [null, undefined, 1, "a", [], new Tree(), new Map(), () => 1]) {
    assert.equal(isPlainObject(value), false);
  }
  // A complex scalar in a required place stays there.
  assert.equal(splitArgs("add", [1, { re: 1, im: 2 }], 2, []), NO_OPTIONS);
});
