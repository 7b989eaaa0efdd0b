// Tests shim/metal and the simulator together: memory, launches, barriers, command buffers, failures, and the mistakes that the simulator must catch.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Buffer,
  CHECKED,
  COMPILED,
  LIVE,
  MACOS,
  Metal,
  mistakes,
  SEED,
  simulator,
  type Source,
  violations,
} from "../support/metal.ts";
import type { Copy, Launch } from "../support/words.ts";

const LAUNCHES = 0, COMMITS = 2, BARRIERS = 3, CPU = 0;
const HEAD = "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\n";
const metal = new Metal();
const floats = (b: Buffer): Float32Array => new Float32Array(b.bytes.buffer, 0, b.bytes.length / 4);
/** A kernel `k` over a (read), o (written) and one constant n, with a body. */
function source(body: string, more: Partial<Source> = {}, before = ""): Source {
  const text =
    `${HEAD}${before}kernel void k(device const float *a [[buffer(0)]], device float *o [[buffer(1)]], constant uint &n [[buffer(2)]],
  uint g [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]], uint l [[thread_index_in_simdgroup]]) { ${body} }\n`;
  return { name: "k", text, buffers: 2, constants: 1, threads: 64, ...more };
}
/** Runs such a kernel over 128 threads in two threadgroups; a holds 0, 1, 2, ... */
function run(s: Source, threads = 64): Float32Array {
  const a = metal.buffer(512), o = metal.buffer(512), program = metal.program(s);
  floats(a).set(floats(a).map((_, i) => i));
  try {
    metal.run([a, o], [{
      program,
      groups: [128 / threads, 1, 1],
      threads: [threads, 1, 1],
      buffers: [[0, 0], [1, 0]],
      constants: [128],
    }]);
    return floats(o).slice();
  } finally {
    metal.free(program);
    metal.dispose(a);
    metal.dispose(o);
  }
}
/** Runs with the simulator's checks and a seed, and expects nothing or a violation. */
function checked(f: () => void, expected: RegExp | null, seed = 0): void {
  if (simulator === null) return;
  violations();
  simulator.metalsim_set(CHECKED, 1);
  simulator.metalsim_set(SEED, seed);
  try {
    if (expected === null) f();
    else assert.throws(f, expected);
  } finally {
    simulator.metalsim_set(CHECKED, 0);
    simulator.metalsim_set(SEED, 0);
  }
  const found = violations();
  if (expected === null) assert.deepEqual(found, []);
  else assert.match(found.join("\n"), expected);
}

test("the device tells its facts", () => {
  const info = metal.info();
  assert.ok((info.get("name") ?? "").length > 0);
  assert.match(info.get("family") ?? "", /^apple[1-9]/);
  for (const key of ["metal", "language", "memory", "workingset", "buffer", "threads", "shared"]) {
    assert.ok(Number(info.get(key)) > 0, key);
  }
});

test("a kernel reads and writes memory that the host sees", () => {
  assert.deepEqual(
    [...run(source("if (g < n) o[g] = 2.0f * a[g] + 1.0f;"))],
    Array.from({ length: 128 }, (_, i) => 2 * i + 1),
  );
  assert.deepEqual(violations(), []);
});

test("memory of the CPU is read and written in place", () => {
  const a = metal.buffer(4096, CPU),
    o = metal.buffer(4096, CPU),
    program = metal.program(source("o[g] = a[g] + 1.0f;"));
  floats(a).fill(41);
  metal.run([a, o], [{ program, groups: [16, 1, 1], threads: [64, 1, 1], buffers: [[0, 0], [1, 0]], constants: [0] }]);
  assert.ok(floats(o).every((x) => x === 42));
  // A copy between both, at offsets.
  const b = metal.buffer(64);
  metal.run([b, o], [{ to: [0, 8], from: [1, 16], bytes: 8 }]);
  assert.deepEqual([...floats(b).slice(2, 4)], [42, 42]);
  for (const buffer of [a, o, b]) metal.dispose(buffer);
  metal.free(program);
  assert.deepEqual(violations(), []);
});

test("the buffer over memory of the CPU stays for the next task, and goes with the memory", async () => {
  if (simulator === null) return;
  const { metalsim_count: count } = simulator;
  const settled = async (): Promise<number> => {
    for (let last = -1, same = 0;; same++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const now = count(LIVE);
      if (now !== last) [last, same] = [now, 0];
      if (same > 5) return now;
    }
  };
  const program = metal.program(source("o[g] = a[g] + 1.0f;")), o = metal.buffer(1 << 20);
  const launch: Launch = {
    program,
    groups: [16, 1, 1],
    threads: [64, 1, 1],
    buffers: [[0, 0], [1, 0]],
    constants: [0],
  };
  // What earlier tests left in flight has to end before what it held can be let go of.
  await settled();
  metal.trim();
  const before = await settled(), a = metal.buffer(1 << 20, CPU);
  for (let i = 1; i < 5; i++) {
    floats(a).fill(i);
    metal.run([a, o], [launch]);
    assert.equal(floats(o)[0], i + 1);
    assert.equal(await settled(), before + 1);
  }
  metal.dispose(a);
  assert.equal(await settled(), before + 1, "the memory waits for the next of its size");
  metal.trim();
  assert.equal(await settled(), before);
  metal.dispose(o);
  metal.free(program);
  assert.deepEqual(violations(), []);
});

test("threads meet at barriers, and SIMD groups exchange values", () => {
  const sums = run(source(
    `threadgroup float s[64]; s[t] = a[g]; threadgroup_barrier(mem_flags::mem_threadgroup); float v = s[63 - t];
     for (ushort d = 16; d > 0; d >>= 1) v += simd_shuffle_xor(v, d); o[g] = v;`,
  ));
  const expected = (from: number): number => 32 * from + 496;
  assert.deepEqual([0, 32, 64, 96].map((i) => sums[i]), [expected(32), expected(0), expected(96), expected(64)]);
  assert.deepEqual(violations(), []);
});

/** Three buffers of 128 floats, and the launch that writes one of them plus 1 to another. */
function increments() {
  const program = metal.program(source("o[g] = a[g] + 1.0f;")),
    b = [metal.buffer(512), metal.buffer(512), metal.buffer(512)];
  const step = (from: number, to: number, after: boolean) => ({
    program,
    groups: [2, 1, 1] as const,
    threads: [64, 1, 1] as const,
    buffers: [[from, 0], [to, 0]] as const,
    constants: [0],
    after,
  });
  return { program, b, step };
}

test("a submission places just the barriers that it asks for, and long ones take several command buffers", () => {
  const { program, b, step } = increments();
  floats(b[0] as Buffer).fill(1);
  const barriers = metal.stat(BARRIERS);
  // 0 > 1 and 0 > 2 may run at once; 1 > 0 depends on both.
  metal.run(b, [step(0, 1, true), step(0, 2, false), step(1, 0, true), step(0, 2, true)]);
  assert.equal(metal.stat(BARRIERS) - barriers, 2);
  assert.deepEqual(b.map((x) => floats(x)[5]), [3, 2, 4]);
  const commits = metal.stat(COMMITS), many = metal.set(LAUNCHES, 8);
  metal.run(b, Array.from({ length: 100 }, (_, i) => step(i % 2, 1 - i % 2, true)));
  metal.set(LAUNCHES, many);
  assert.equal(metal.stat(COMMITS) - commits, 13);
  assert.equal(floats(b[0] as Buffer)[0], 103);
  metal.free(program);
  assert.deepEqual(violations(), []);
});

test("submissions in flight keep their order by the memory that they name", () => {
  const program = metal.program(source("o[g] = a[g] + 1.0f;")), a = metal.buffer(512), b = metal.buffer(512);
  for (const seed of [0, 1, 2, 3]) {
    simulator?.metalsim_set(SEED, seed);
    floats(a).fill(0);
    let last = 0;
    for (let i = 0; i < 200; i++) {
      const buffers = i % 2 === 0 ? [a, b] : [b, a];
      last = metal.run(buffers, [{
        program,
        groups: [2, 1, 1],
        threads: [64, 1, 1],
        buffers: [[0, 0], [1, 0]],
        constants: [0],
      }], false);
    }
    metal.wait(last);
    assert.ok(floats(a).every((x) => x === 200));
  }
  simulator?.metalsim_set(SEED, 0);
  metal.free(program);
  assert.deepEqual(violations(), []);
});

test("functions without a namespace are the precise ones, and sums are not contracted, on every system", () => {
  for (const macos of [13, 14, 15]) {
    simulator?.metalsim_set(MACOS, macos);
    const roots = run(source("o[g] = sqrt(a[g]); ")), sums = run(source("float x = a[g] * 0.1f; o[g] = x * x - x; "));
    roots.forEach((y, i) => assert.equal(y, Math.fround(Math.sqrt(i))));
    sums.forEach((y, i) => {
      const x = Math.fround(i * Math.fround(0.1));
      assert.equal(y, Math.fround(Math.fround(x * x) - x));
    });
  }
  simulator?.metalsim_set(MACOS, Number(process.env["METALSIM_MACOS"] ?? 15));
  assert.deepEqual(violations(), []);
});

test("an older system is served as well, in the language that it has", () => {
  const own = Number(process.env["METALSIM_MACOS"] ?? 15), types = "bfloat b = bfloat(a[g]); o[g] = 2.0f * float(b);";
  for (const [macos, language] of [[13, "3.0"], [14, "3.1"], [15, "3.1"]] as const) {
    if (simulator === null) break;
    simulator.metalsim_set(MACOS, macos);
    assert.equal(metal.info().get("language"), language);
    assert.equal(run(source("o[g] = a[g] * 3.0f;"))[2], 6);
    if (macos === 13) assert.throws(() => run(source(types)), /MSL 3\.0 has no bfloat/);
    else assert.equal(run(source(types))[100], 200);
  }
  simulator?.metalsim_set(MACOS, own);
  assert.deepEqual(violations(), []);
});

test("equal programs are one, and errors are text with the kernel's name", () => {
  const good = source("o[g] = a[g] * 5.0f;"),
    first = metal.program(good),
    compiled = simulator?.metalsim_count(COMPILED);
  const second = metal.program(good);
  assert.equal(simulator?.metalsim_count(COMPILED), compiled);
  metal.free(first);
  metal.free(second);
  assert.throws(
    () => metal.program(source("o[g] = b[g];")),
    /kernel k does not compile[\s\S]*undeclared identifier 'b'/,
  );
  assert.throws(() => metal.program({ ...good, name: "other" }), /no kernel other/);
  assert.throws(() => metal.program({ ...good, threads: 4096 }), /can have \d+ threads in a threadgroup, not 4096/);
  const program = metal.program(good);
  const launch = {
    program,
    groups: [1, 1, 1],
    threads: [64, 1, 1],
    buffers: [[0, 0], [0, 0]],
    constants: [0],
  } as const;
  // Memory that failed work was to write stays failed, so each has its own.
  const fails = (command: Launch | Copy, text: RegExp): void =>
    assert.throws(() => metal.run([metal.buffer(512)], [command]), text);
  fails({ ...launch, threads: [65, 1, 1] }, /Metal: k: no threads, or more/);
  fails({ ...launch, constants: [] }, /other buffers or constants/);
  fails({ ...launch, buffers: [[0, 0], [1, 0]] }, /a buffer is not bound/);
  fails({ ...launch, program: 99999 }, /names no program/);
  fails({ to: [0, 0], from: [0, 256], bytes: 7 }, /not of whole words/);
  metal.free(program);
  assert.deepEqual(violations(), []);
});

test("machine code is kept on disk where a file is named for it, whole, and in the place of what is no archive", () => {
  if (simulator === null) return;
  const folder = mkdtempSync(join(tmpdir(), "sinter-")), file = join(folder, "archive");
  const child = fileURLToPath(new URL("../support/metal_archive.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", child] : [child];
  const run = (more: Readonly<Record<string, string>>): void => {
    const { status, stderr } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { ...process.env, SINTER_METAL_ARCHIVE: file, ...more },
    });
    assert.equal(status, 0, stderr);
  };
  const kept = (): number => readFileSync(file, "utf8").trimEnd().split("\n").length - 1;
  // What checks kernels as they run goes without.
  run({ MTL_SHADER_VALIDATION: "1" });
  assert.deepEqual(readdirSync(folder), []);
  for (const damaged of ["", "metalsim arch", "other\n", null]) {
    if (damaged !== null) writeFileSync(file, damaged);
    run({});
    // Five kernels, of which the first four were written; the second time the fifth joins them.
    assert.equal(kept(), damaged !== null ? 4 : 5);
    assert.deepEqual(readdirSync(folder), ["archive"]);
  }
  rmSync(folder, { recursive: true });
});

test("the simulator sees mistakes against Objective-C and Metal", async () => {
  if (simulator === null) return;
  const expected: readonly RegExp[] = [
    /NSString is autoreleased with no pool in place/,
    /-\[MTLCommandBuffer commitNow\]: unrecognized selector/,
    /contents is sent to nil/,
    /contents is sent to a dead MTLBuffer[\s\S]*release of a dead MTLBuffer/,
    /commit before endEncoding/,
    /commit for the second time/,
    /endEncoding for the second time/,
    /a command after endEncoding/,
    /before the last one ended/,
    /a dispatch without a pipeline/,
    /buffer 0 is not bound/,
    /2048 threads in a threadgroup/,
    /no threadgroups/,
    /offset 64 of 64 bytes/,
    /setBuffer: index 31/,
    /5000 bytes, not 1 to 4096/,
    /MTLBuffer stands where MTLComputePipelineState is wanted/,
    /barrier scope 0/,
    /resource options 0x100000/,
    /newBufferWithLength: 0/,
    /not multiples of the page/,
    /malformed block/,
    /more than 8 command buffers/,
    /buffer 0 is written, but bound by setBytes/,
    /a pool that is not in place/,
    /released before endEncoding/,
  ];
  const { mistake } = mistakes();
  for (const [i, text] of expected.entries()) {
    violations();
    mistake(i);
    let found = violations();
    // What is wrong with a command buffer may be told when it runs.
    for (let k = 0; k < 100 && found.length === 0; k++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      found = violations();
    }
    assert.match(found.join("\n"), text);
  }
});

test("what the GPU finds wrong at run time is an error, and later work goes on", () => {
  checked(() => run(source("o[g + 1] = a[g];")), /kernel k[\s\S]*writes 4 bytes out of bounds/);
  checked(() => run(source("o[g] = a[g + 100];")), /kernel k[\s\S]*reads 4 bytes out of bounds/);
  checked(() => run(source("if (g < n) o[g] = a[g];")), null);
});

test("missing barriers and races are found", () => {
  const body = "threadgroup float s[64]; s[t] = a[g]; BARRIER o[g] = s[63 - t];",
    barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);";
  for (const seed of [0, 1, 2]) {
    checked(
      () => run(source(body.replace("BARRIER", ""))),
      /touched by another thread of the threadgroup since the last barrier/,
      seed,
    );
    checked(() => run(source(body.replace("BARRIER", barrier))), null, seed);
    checked(() => run(source("o[t] = a[g];")), /touched by another threadgroup/, seed);
  }
  // Between dispatches: two that touch the same memory without a barrier.
  const { program, b, step } = increments();
  checked(() => {
    const again = metal.program(source("o[g] = a[g] + 1.0f; "));
    const on = (s: ReturnType<typeof step>) => ({ ...s, program: again });
    metal.run(b, [on(step(0, 1, false)), on(step(1, 2, true))]);
    assert.throws(
      () => metal.run(b, [on(step(0, 1, false)), on(step(1, 2, false))]),
      /a dispatch that no barrier orders/,
    );
    violations();
  }, null);
  metal.free(program);
});

test("threads that do not meet are found", () => {
  const barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);";
  const bad = (body: string, text: RegExp): void => {
    if (simulator === null) return;
    assert.throws(() => run(source(body)), text);
    assert.match(violations().join("\n"), text);
  };
  bad(`if (t < 32) ${barrier} o[g] = a[g];`, /returned before the threadgroup_barrier/);
  bad(`if (t > 40) return; ${barrier} o[g] = a[g];`, /returned before the threadgroup_barrier/);
  bad(
    "float v = a[g]; if (l < 16) { v = simd_sum(v); } else { v = simd_max(v); } o[g] = v;",
    /not reached by all threads/,
  );
});

test("matrices of SIMD groups: products, transposes, types, and lanes that keep two elements each", () => {
  const x = (i: number, k: number): number => 8 * i + k, y = (i: number, k: number): number => 64 + 8 * i + k;
  const product = (a: typeof x, b: typeof x): number[] =>
    Array.from({ length: 64 }, (_, at) => {
      let sum = 0;
      for (let k = 0; k < 8; k++) sum += a(Math.floor(at / 8), k) * b(k, at % 8);
      return sum;
    });
  const turned = (f: typeof x) => (i: number, k: number): number => f(k, i);
  // The first threadgroup's first SIMD group works on the first two matrices of 8 x 8.
  const multiply = (left: boolean, right: boolean): number[] =>
    [
      ...run(source(
        `if (g < 32u) {
         simdgroup_float8x8 x, y, sum = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
         simdgroup_load(x, a, 8, ulong2(0, 0), ${left});
         simdgroup_load(y, a + 64, 8, ulong2(0, 0), ${right});
         simdgroup_multiply_accumulate(sum, x, y, sum);
         simdgroup_store(sum, o);
       }`,
      )),
    ].slice(0, 64);
  for (const left of [false, true]) {
    for (const right of [false, true]) {
      assert.deepEqual(multiply(left, right), product(left ? turned(x) : x, right ? turned(y) : y));
    }
  }
  // Factors of 16 bits with float sums, through memory of the threadgroup.
  for (const type of metal.info().get("language") === "3.0" ? ["half"] : ["half", "bfloat"]) {
    const got = run(source(
      `threadgroup ${type} s[64]; s[t] = ${type}(a[t] / 64.0f); threadgroup_barrier(mem_flags::mem_threadgroup);
       if (g < 32u) {
         simdgroup_${type}8x8 x; simdgroup_float8x8 sum = make_filled_simdgroup_matrix<float, 8, 8>(1.0f);
         simdgroup_load(x, s);
         simdgroup_multiply_accumulate(sum, x, x, sum);
         simdgroup_store(sum, o);
       }`,
    ));
    assert.deepEqual([...got].slice(0, 64), product(x, x).map((v) => v / 4096 + 1), type);
  }
  if (simulator === null) return;
  const own = run(source(
    "if (g < 32u) { simdgroup_float8x8 x; simdgroup_load(x, a); o[2u * g] = x.thread_elements()[0]; o[2u * g + 1u] = x.thread_elements()[1]; }",
  ));
  // Lanes 0, 1, 2, 8 and 16 begin rows 0, 0, 1, 0 and 4.
  assert.deepEqual([0, 1, 2, 8, 16].map((lane) => own[2 * lane]), [0, 2, 8, 4, 32]);
  assert.deepEqual([...own].slice(0, 64).sort((a, b) => a - b), Array.from({ length: 64 }, (_, i) => i));
  assert.deepEqual(violations(), []);
  for (
    const body of [
      "simdgroup_half8x8 x; simdgroup_load(x, a); o[g] = 0.0f;",
      "simdgroup_matrix<int, 8, 8> x; o[g] = float(x.elements[0]);",
      "simdgroup_matrix<float, 4, 4> x; o[g] = x.elements[0];",
      "simdgroup_float8x8 x; simdgroup_half8x8 y; simdgroup_multiply_accumulate(x, x, y, x); o[g] = 0.0f;",
      "simdgroup_float8x8 x; simdgroup_store(x, a); o[g] = 0.0f;",
    ]
  ) assert.throws(() => metal.program(source(body)), /strict pass/, body);
  const some = "simdgroup_float8x8 x = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);";
  assert.throws(
    () => run(source(`${some} if (l < 16u) simdgroup_multiply_accumulate(x, x, x, x); o[g] = simd_sum(a[g]);`)),
    /not reached by all threads/,
  );
  violations();
});
test("a SIMD group's barrier orders its own threads alone", () => {
  const exchange = (other: string): Source =>
    source(`threadgroup float s[64]; s[t] = a[g]; simdgroup_barrier(mem_flags::mem_threadgroup); o[g] = s[${other}];`);
  for (const seed of [0, 1, 2]) {
    checked(() => run(exchange("t ^ 1u")), null, seed);
    checked(
      () => run(exchange("t ^ 32u")),
      /touched by another thread of the threadgroup since the last barrier/,
      seed,
    );
  }
});

test("threadgroup memory begins as NaN", () => {
  const got = run(
    source(
      `threadgroup float s[64]; if (t != 5) s[t] = a[g]; threadgroup_barrier(mem_flags::mem_threadgroup); o[g] = s[t];`,
    ),
  );
  if (simulator !== null) assert.ok(Number.isNaN(got[5]) && got[6] === 6);
});

test("what MSL has not is refused before it is run", () => {
  const refused: readonly (readonly [body: string, before?: string])[] = [
    ["double d = 1.0; o[g] = float(d);"],
    ["o[g] = f(3);", "float f(int n) { return n < 1 ? 0.0f : f(n - 1); }\n"],
    ["float *p = o + g; *p = 1.0f;"],
    ["threadgroup float s[32]; threadgroup float *p = s; device float *q = p; o[g] = q[0];"],
    ["a[g] = 1.0f;"],
    ["float *p = new float[2]; o[g] = p[0];"],
    ["goto x; x: o[g] = 1.0f;"],
    ["threadgroup float s = 0.0f; o[g] = s;"],
    ["o[g] = x(t);", "float x(uint t) { threadgroup float s[4]; return s[t]; }\n"],
    ["o[g] = x(a + g);", "float x(const float *p) { return p[0]; }\n"],
    ["o[g] = table[g];", "float table[2] = {1.0f, 2.0f};\n"],
    ["o[g] = max(a[g], 0);"],
    ["half h = half(a[g]); o[g] = max(h, a[g]);"],
    ["o[g] = long(a[g]);"],
    ["half h = a[g]; o[g] = float(h);"],
    ["bfloat b = a[g]; o[g] = float(b);"],
    ["bfloat b = bfloat(a[g]); o[g] = float(simd_shuffle_xor(b, 1));"],
    ["bfloat4 v; v[0] = bfloat(a[g]); o[g] = v[0];"],
    ["o[g] = float(as_type<bfloat>(a[g]));"],
    ["float4 v = float4(1.0f, 2.0f, 3.0f); o[g] = v.x;"],
    ["long v = long(g); o[g] = float(simd_shuffle_xor(v, 1));"],
    ["float device = 1.0f; o[g] = device;"],
    ["threadgroup float s[9000]; s[t] = a[g]; o[g] = s[t];"],
  ];
  if (simulator === null) return;
  for (const [body, before] of refused) {
    assert.throws(() => metal.program(source(body, {}, before)), /does not compile/, body);
  }
  const text = source("o[g] = a[g];").text;
  for (
    const [from, to] of [["[[buffer(1)]]", "[[buffer(31)]]"], ["[[buffer(1)]]", "[[buffer(0)]]"], [
      " [[buffer(1)]]",
      "",
    ], ["[[thread_position_in_grid]]", "[[thread_position]]"]]
  ) {
    assert.throws(
      () => metal.program(source("", { text: text.replace(from as string, to as string) })),
      /does not compile/,
      to,
    );
  }
  const fine = source(
    "thread float v[2] = {a[g], 1.0f}; add(v[0], a + g); o[g] = v[0] * table[l & 1];",
    {},
    "constant float table[2] = {1.0f, 2.0f};\nvoid add(thread float &x, device const float *p) { x += p[0]; }\n",
  );
  assert.equal(run(fine)[3], 12);
  assert.deepEqual(violations(), []);
});

test("nothing is left when a context is closed", async () => {
  if (simulator === null) return;
  metal.close();
  metal.trim();
  // Metal may still let go of command buffers whose completion it has told.
  let before = simulator.metalsim_count(LIVE);
  for (let unchanged = 0; unchanged < 20; unchanged++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    const now = simulator.metalsim_count(LIVE);
    if (now !== before) unchanged = -1;
    before = now;
  }
  const other = new Metal(), program = other.program(source("o[g] = 7.0f;"));
  const a = other.buffer(512), b = other.buffer(512);
  other.run([a, b], [{ program, groups: [2, 1, 1], threads: [64, 1, 1], buffers: [[0, 0], [1, 0]], constants: [0] }]);
  assert.ok(simulator.metalsim_count(LIVE) > before);
  other.close();
  other.trim();
  for (let i = 0; i < 1000 && simulator.metalsim_count(LIVE) > before; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // Less may live: what other tests left over memory of the CPU goes with it.
  const after = simulator.metalsim_count(LIVE);
  assert.ok(after <= before, `${after} objects live, ${before} before`);
  assert.deepEqual(violations(), []);
});
