// Tests src/base/dtype.ts against the promotion recorded from MLX, and its conversions against typed arrays.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLines } from "../vectors/cases.ts";
import * as d from "../../src/base/dtype.ts";
import type { DType, Scalar } from "../../src/base/dtype.ts";

type Operand = DType | "weak:int" | "weak:float" | "weak:bool" | { dtype: DType };
interface Case {
  id: string;
  kind?: string;
  op: string;
  a: Operand;
  with: Operand[];
  args: Operand[];
  out: unknown;
  raises?: string;
}

const cases: Case[] = readLines(new URL("../vectors/promotion.jsonl.gz", import.meta.url)).map((line) =>
  JSON.parse(line) as Case
);
const WEAK: { [name: string]: Scalar } = { "weak:int": 2, "weak:float": 1.5, "weak:bool": true };

test("promote and promoteScalar give MLX's dtypes", () => {
  let checked = 0;
  for (const c of cases) {
    if (c.kind !== "dtypes" || !["add", "multiply", "maximum", "minimum"].includes(c.op)) continue;
    const out = c.out as (DType | null)[];
    c.with.forEach((b, i) => {
      if (typeof c.a !== "string" || typeof b !== "string" || out[i] == null) return;
      const got = c.a in WEAK
        ? d.promoteScalar(b as DType, WEAK[c.a] as Scalar)
        : b in WEAK
        ? d.promoteScalar(c.a as DType, WEAK[b] as Scalar)
        : d.promote(c.a as DType, b as DType);
      assert.equal(got, out[i], `${c.op} of ${c.a} and ${b}`);
      checked++;
    });
  }
  assert.ok(checked > 500);
});

test("resultType, canCast, isdtype, issubdtype, finfo and iinfo give MLX's answers", () => {
  let checked = 0;
  for (const c of cases) {
    const [a, b] = c.args ?? [];
    switch (c.op) {
      case "resultType":
        if (c.args.length === 0) continue;
        assert.equal(c.args.map((x) => typeof x === "object" ? x.dtype : x as DType).reduce(d.promote), c.out, c.id);
        break;
      case "canCast":
        assert.equal(d.canCast(typeof a === "object" ? a.dtype : a as DType, b as DType), c.out, c.id);
        break;
      case "isdtype": {
        const call = () => d.isdtype(a as DType, b as DType);
        if (c.raises) assert.throws(call, TypeError);
        else assert.equal(call(), c.out, c.id);
        break;
      }
      case "issubdtype":
        assert.equal(d.issubdtype(a as DType, b as DType), c.out, c.id);
        break;
      case "finfo": {
        const { smallestNormal, bits, min, max, eps } = d.finfo(a as DType);
        assert.deepEqual({ bits, min, max, eps, smallest_normal: smallestNormal }, c.out, c.id);
        break;
      }
      case "iinfo": {
        const out = c.out as { min: number | { bigint: string }; max: number | { bigint: string } };
        const { min, max } = d.iinfo(a as DType);
        const text = (x: number | { bigint: string }) => typeof x === "object" ? x.bigint : String(x);
        assert.deepEqual([String(min), String(max)], [text(out.min), text(out.max)], c.id);
        break;
      }
      default:
        continue;
    }
    checked++;
  }
  assert.ok(checked > 280);
});

test("categories nest as in MLX", () => {
  assert.equal(d.issubdtype("bool", "number"), false);
  assert.equal(d.issubdtype("bool", "generic"), true);
  assert.equal(d.issubdtype("bfloat16", "floating"), true);
  assert.equal(d.issubdtype("floating", "inexact"), true);
  assert.equal(d.issubdtype("inexact", "floating"), false);
  assert.equal(d.isdtype("int8", ["real floating", "integral"]), true);
  assert.throws(() => d.issubdtype("foo" as DType, "floating"), TypeError);
});

test("weak scalars follow the API's rules", () => {
  assert.equal(d.promoteScalar("bool", 2), "int32");
  assert.equal(d.promoteScalar("bool", 2n ** 40n), "int64");
  assert.equal(d.promoteScalar("int64", NaN), "float32");
  assert.equal(d.promoteScalar("int8", Infinity), "float32");
  assert.equal(d.promoteScalar("uint64", 2n ** 64n - 1n), "uint64");
  assert.equal(d.promoteScalar("float16", 1e9), "float16");
  assert.equal(d.promoteScalar("float64", { re: 0, im: 1 }), "complex64");
  for (
    const [dtype, value] of [["uint8", -1], ["int8", 128], ["int64", 2 ** 63], ["uint64", 2n ** 64n], ["uint64", -1n], [
      "bool",
      1e300,
    ]] as const
  ) {
    assert.throws(() => d.promoteScalar(dtype, value), RangeError, `${dtype} ${value}`);
  }
  assert.throws(() => d.promoteScalar("int8", "1" as unknown as number), TypeError);
});

test("bfloat16 rounds to nearest even and keeps NaN", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const x = d.fromBfloat16Bits(bits);
    if (Number.isNaN(x)) assert.ok(Number.isNaN(d.fromBfloat16Bits(d.toBfloat16Bits(x))));
    else assert.equal(d.toBfloat16Bits(x), bits);
  }
  assert.equal(d.toBfloat16Bits(1 + 2 ** -8), 0x3f80);
  assert.equal(d.toBfloat16Bits(1 + 3 * 2 ** -8), 0x3f82);
  assert.equal(d.toBfloat16Bits(3.4e38), 0x7f80);
});

test("roundTo gives what a typed array would hold", () => {
  for (const dtype of d.DTYPES) {
    if (dtype === "bool" || dtype === "bfloat16") continue;
    for (const x of [0, 1.5, -1.5, 200.7, 40000, -70000, 3e9, 1 / 3]) {
      const array = new (d.typedArrayOf(dtype))(2) as { [i: number]: number | bigint };
      array[0] = d.isBigInteger(dtype) ? BigInt(Math.trunc(x)) : x;
      assert.equal(d.roundTo(dtype, x), Number(array[0]), `${dtype} ${x}`);
    }
  }
  assert.equal(d.roundTo("int32", NaN), 0);
  assert.equal(d.roundTo("bool", NaN), 1);
});

test("every dtype has a typed array of its size", () => {
  for (const dtype of d.DTYPES) {
    assert.equal(d.typedArrayOf(dtype).BYTES_PER_ELEMENT * d.lanesOf(dtype), d.itemsize(dtype));
    if (!["bool", "bfloat16", "complex64"].includes(dtype)) {
      assert.equal(d.dtypeOfTypedArray(new (d.typedArrayOf(dtype))(1)), dtype);
    }
  }
  assert.equal(d.dtypeOfTypedArray(new DataView(new ArrayBuffer(1))), undefined);
});
