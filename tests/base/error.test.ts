// Tests src/base/error.ts: the user's line is found in both runtimes' stacks, and sinter's own frames are skipped.
import assert from "node:assert/strict";
import { test } from "node:test";
import { promoteScalar } from "../../src/base/dtype.ts";
import { plainError, rangeError, site, siteOf, typeError } from "../../src/base/error.ts";

test("an error names the file and line of the caller outside sinter", () => {
  assert.match(site(), /tests\/base\/error\.test\.ts:8$/);
  assert.throws(() => promoteScalar("uint8", -1), {
    name: "RangeError",
    message: /dtype uint8\n {4}at .*error\.test\.ts:9$/,
  });
});

test("the builders give their class and end with the line", () => {
  assert.ok(typeError("a") instanceof TypeError);
  assert.ok(rangeError("a") instanceof RangeError);
  assert.equal(plainError("Cannot b").constructor, Error);
  assert.match(plainError("Cannot b").message, /^Cannot b\n {4}at \S+error\.test\.ts:\d+$/);
});

test("a deep stack inside sinter does not hide the user's line", () => {
  const own = new URL("../../src/core/deep.ts", import.meta.url).href;
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const frames = Array.from({ length: 60 }, () => `    at f (${own}:1:2)`);
  assert.equal(
    siteOf(
      [
        "Error",
        ...frames,
        `    at ${mod}:3:4`,
        "    at <anonymous>",
        "    at node:test:1:1",
        "    at go (file:///u/a%20b.ts:7:9)",
        "",
      ].join("\n"),
    ),
    "/u/a b.ts:7",
  );
  assert.equal(siteOf("Error\n    at async /home/x/y.ts:12:1"), "/home/x/y.ts:12");
  assert.equal(siteOf("Error\n    at new Foo (/home/x/y.ts:12)"), "/home/x/y.ts:12");
  assert.equal(siteOf("Error: no frames"), "");
});
