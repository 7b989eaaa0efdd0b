// Evaluation: roots to a graph, its plan from the cache, one submission, and the values back into the nodes.
import { type DType, itemsize, typedArrayOf } from "../base/dtype.ts";
import { partsOf } from "../backends/gpu/arguments.ts";
import { DEFAULT_PRECISION, elementsOf, formatArray } from "../base/format.ts";
import { CHECK, DEBUG, debug } from "../base/env.ts";
import { plainError, site, siteOf } from "../base/error.ts";
import { computes, cpu, type Device, gpuCalls, on, recording } from "../core/device.ts";
import { elementOf, late, type NDArray, type TypedData } from "../core/ndarray.ts";
import { type Buf, carried, freshMark, Node, type OpDef, topological } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { trace } from "../core/trace.ts";
import { contiguousView, isContiguous, type View } from "../core/view.ts";
import { assemble, define } from "../ops/basis.ts";
import { alignment, type Graph, Key, present } from "../schedule/graph.ts";
import { callsOf, copyWords, deviceNumber, isUnified } from "./devices.ts";
import { type Native, openNative } from "./ffi.ts";
import { checkIndices } from "./indices.ts";
import {
  build,
  compiledKernels,
  describe,
  forgetKernels,
  type KernelInfo,
  type Plan,
  putScalar,
  wideAt,
} from "./plan.ts";
import { type Call, callOf, type Program, type ProgramPlan, programs } from "./program.ts";
import { type Segment, segmentsOf } from "./segments.ts";

let opened: Native | null = null;
/** The native library of this thread. */
export function native(): Native {
  return opened ??= openNative();
}
gpuCalls.of = (device) => callsOf(native(), device);

const sourceOp = define<null>({
  name: "array",
  type: () => ({ shape: [], dtype: "float32" }),
  lower: { kind: "source" },
});

/** Statistics of the plan cache: plans made, and plans laid out for other sizes; and of copies between devices. */
export const counters = { evals: 0, misses: 0, layouts: 0, computed: 0, copies: 0, copiedBytes: 0 };

/** A node is cheap to compute again if it is this near to memory. */
const CHEAP = 16;

/** Scratch of `graphOf`: consumers in the graph and cost, by slot. */
let uses: Int32Array = new Int32Array(1024), costs: Float64Array = new Float64Array(1024);

const NO_BUFFERS: readonly Buf[] = [];
const NONE_IN_PLACE: ReadonlySet<Node> = new Set();
/**
 * Nodes that may overwrite their first input: a buffer without a handle, with no other reader and no view given out.
 * Only where nothing of the eval can fail once it runs, as then the input would be lost.
 */
function overwritten(order: readonly Node[], keep: ReadonlySet<Node>): ReadonlySet<Node> {
  if (trace.first !== null) return NONE_IN_PLACE;
  let found: Set<Node> | null = null;
  for (const n of order) {
    const lower = n.op.lower;
    if (lower.kind === "call") return NONE_IN_PLACE;
    if (!(lower.kind === "scatter" || (lower.kind === "parts" && lower.overwrites(n.arg))) || !keep.has(n)) continue;
    if (isSpare(n.inputs[0] as Node, size(n.shape) * itemsize(n.dtype))) (found ??= new Set()).add(n);
  }
  return found ?? NONE_IN_PLACE;
}

/** What an eval of `roots` has to compute. */
export function graphOf(roots: readonly Node[], order: readonly Node[] = topological(roots, present)): Graph {
  const count = order.length,
    mark = freshMark(),
    leaves: Node[] = [],
    keep = new Set<Node>();
  for (const n of roots) if (n.buf === null) keep.add(n);
  if (count > uses.length) {
    uses = new Int32Array(2 * count);
    costs = new Float64Array(2 * count);
  }
  for (let i = 0; i < count; i++) {
    const n = order[i] as Node, inputs = n.inputs;
    n.slot = i;
    uses[i] = 0;
    let c = 1;
    for (let k = 0; k < inputs.length; k++) {
      const x = inputs[k] as Node;
      if (!present(x)) {
        uses[x.slot] = (uses[x.slot] as number) + 1;
        c += costs[x.slot] as number;
      } else if (x.mark !== mark) {
        x.mark = mark;
        x.slot = leaves.push(x) - 1;
      }
    }
    const kind = n.op.lower.kind;
    costs[i] = kind === "fold" || kind === "call" || kind === "scatter" ? Infinity : c;
  }
  // A value that others recorded outside this eval will want, and that is not cheap to compute again, stays.
  for (let i = 0; i < count; i++) {
    const n = order[i] as Node;
    if (n.state && n.handles > 0 && n.outs === null && n.op.lower.kind !== "source") keep.add(n);
    else if (
      (n.lost || n.pending > (uses[i] as number)) && (costs[i] as number) > CHEAP && n.outs === null
    ) {
      const kind = n.op.lower.kind;
      if (kind !== "view" && kind !== "source") keep.add(n);
    }
  }
  return { device: order[0]?.device ?? cpu, order, leaves, keep, inPlace: overwritten(order, keep) };
}

/** The plans of one structure, one for each outcome of their guards. */
interface Entry {
  readonly structure: Int32Array;
  readonly plans: Plan[];
}
const cache = new Map<number, Entry[]>(), key = new Key();
/** Forgets all plans: for tests that change what an op does. */
export function forgetPlans(): void {
  cache.clear();
  plans = 0;
}
/** Plans kept at most. */
const MAX_PLANS = 4096;
/** Kernels kept at most, of the 65,535 that the library holds for all threads. */
const MAX_KERNELS = 16384;
let plans = 0;
/** Counts how often all kernels were forgotten. */
let generation = 0;

function report(g: Graph): void {
  const start = performance.now(), kernels = describe(g);
  debug(
    `plan ${counters.misses}: ${g.order.length} nodes, ${g.leaves.length} leaves, ${kernels.length} kernels, described in ${
      (performance.now() - start).toFixed(2)
    } ms`,
  );
  if (DEBUG < 2) return;
  kernels.forEach((k, i) =>
    debug(
      `  ${i} ${k.name}: reads ${k.reads} B, writes ${k.writes} B, ${k.flops} flop${
        DEBUG >= 3 ? `; ${k.reason}; ${k.ops.join(", ")}` : ""
      }`,
    )
  );
}
/** The plan of a graph, laid out for its sizes. */
function planOf(g: Graph): Plan {
  key.read(g);
  const entry = cache.get(key.hash)?.find((e) => key.matches(e.structure)), known = entry?.plans ?? [];
  let plan = known.find((p) => p.layout.holds(key.sizes));
  if (plan === undefined) {
    plan = known.find((p) => p.layout.resize(key.sizes, p.words));
    if (plan === undefined) return cached(newPlan(g));
    counters.layouts++;
  }
  plan.layout.move(key.moving, key.movingCount, plan.words);
  return plan;
}
/** Makes the plan of the graph that the key was read from. */
function newPlan(g: Graph): Plan {
  counters.misses++;
  if (DEBUG >= 1) report(g);
  if (plans++ >= MAX_PLANS || compiledKernels() > MAX_KERNELS) {
    native().wait(ALL);
    forgetKernels(native());
    generation++;
    cache.clear();
    plans = 1;
  }
  return build(native(), g, key, deviceNumber(native(), g.device));
}
/** Keeps a plan for the structure in the key. */
function cached(plan: Plan): Plan {
  const list = cache.get(key.hash);
  const entry = list?.find((e) => key.matches(e.structure));
  if (entry !== undefined) entry.plans.push(plan);
  else {
    const made = { structure: key.structure.slice(0, key.length), plans: [plan] };
    if (list === undefined) cache.set(key.hash, [made]);
    else list.push(made);
  }
  return plan;
}

/** How a plan binds an output: to a new buffer, or to one that is written over. */
const BIND_NEW = 1, BIND_OVER = 3;
// ---- running ----------------------------------------------------------------------------------------------------------
const LIMIT_ERROR = -1;
const f64 = new Float64Array(1), f64words = new Uint32Array(f64.buffer);

function bufferOf(id: number, address: number, bytes: number, ticket: number, recorded: Error | null = null): Buf {
  const b: Buf = { id, bytes, address, token: native().own(id, address, bytes), users: 0, exposed: false, ticket };
  if (bytes >= recording.sites) remember(id, bytes, recorded === null ? site() : siteOf(recorded.stack ?? ""));
  return b;
}
/** Bytes from which a memory limit's error tells where an array was made. */
export const LARGE: number = 1 << 20;
/** Large buffers by id, with the lines that made them. No WeakRefs: an engine keeps what one was made of until the job ends. */
const large = new Map<number, { readonly bytes: number; readonly at: string }>();
function remember(id: number, bytes: number, at: string): void {
  if (large.size >= 4096) { for (const k of large.keys()) if (!native().alive(k)) large.delete(k); }
  large.set(id, { bytes, at });
}

/** The error of an exhausted memory, with what is alive and where it was made. */
function memoryError(bytes: number): Error {
  const n = native(),
    active = n.stat(0),
    limit = n.stat(3),
    mb = (x: number): string => `${(x / 1048576).toFixed(1)} MB`;
  const alive = [...large].filter(([id]) => n.alive(id)).map(([, b]) => b).sort((a, b) => b.bytes - a.bytes)
    .slice(0, 5);
  const list = alive.map((b) => `\n  ${mb(b.bytes)}${b.at === "" ? "" : ` made at ${b.at}`}`).join("");
  return plainError(
    `Cannot allocate ${mb(bytes)}: ${mb(active)} are in use and the limit is ${
      mb(limit)
    }. Dispose of arrays (using, dispose, scope) or raise setMemoryLimit. ${
      recording.sites === Infinity
        ? "Once a limit is set, large arrays are listed with the lines that make them"
        : `Largest live arrays:${list === "" ? " none above 1 MB" : list}`
    }`,
  );
}

/** The ticket that stands for all work in flight. */
const ALL = 0, pause = new Int32Array(new SharedArrayBuffer(4));
/** Calls `attempt` until it does not fail for want of memory, having made what room there is: work in flight, garbage, the cache. */
function withRoom(attempt: () => number, failed: (code: number) => boolean): number {
  let code = attempt();
  for (let i = 0; i < 3 && failed(code); i++) {
    const lib = native();
    lib.wait(ALL);
    lib.yieldToCollector();
    // The engines end what they collected on another thread.
    if (i > 0) Atomics.wait(pause, 0, 0, 5 * i);
    lib.trim();
    code = attempt();
  }
  return code;
}

function bufOf(n: Node, out: number): Buf {
  return n.results === null ? n.buf as Buf : n.results[out] as Buf;
}
function give(n: Node, b: Buf, view: View): void {
  n.buf = b;
  n.view = view;
  b.users++;
}

/** Bytes that a plan reserves: new buffers and its arena. */
function bytesOf(p: Plan): number {
  let bytes = 0;
  for (let i = 0; i < (p.words[1] as number); i++) if (p.words[4 + 6 * i] !== 0) bytes += wideAt(p.words, 6 + 6 * i);
  return bytes;
}

/** What a submission gave: its ticket (0 = done) and the plan's outputs. */
interface Submitted {
  readonly ticket: number;
  readonly made: readonly Buf[];
}
/** Submits a plan for these leaves; `flags` 1 = asynchronous. Output number k is written over the buffer `over[k]`, if there is one. */
function submitted(
  g: Graph,
  p: Plan,
  leaves: readonly Node[],
  flags: number,
  over: readonly (Buf | undefined)[] = NO_BUFFERS,
): Submitted {
  const words = p.words, lib = native();
  p.outputs.forEach((o, k) => {
    const b = over[k];
    words[o.word] = b === undefined ? BIND_NEW : BIND_OVER;
    if (b !== undefined) words[o.word + 1] = b.id;
  });
  for (const l of p.leaves) words[l.word] = bufOf(leaves[l.leaf] as Node, l.out).id;
  for (const s of p.scalars) {
    const n = g.order[s.slot] as Node, v = n.op.values?.(n.arg)[s.k];
    if (v === undefined) continue;
    if (s.part >= 0) p.floats[s.word] = partsOf(Number(v))[s.part] as number;
    else if (s.t === "f32") p.floats[s.word] = v as number;
    else putScalar(words, s.word, s.t, v);
  }
  words[2] = flags | deviceNumber(lib, g.device) << 8;
  let code = lib.submit(words, words[0] as number);
  if (code === LIMIT_ERROR) {
    code = withRoom(() => lib.submit(words, words[0] as number), (c) => c === LIMIT_ERROR);
    if (code === LIMIT_ERROR) throw memoryError(bytesOf(p));
  }
  if (code < 0) throw plainError(lib.error());
  const made: Buf[] = [];
  try {
    for (const [k, o] of p.outputs.entries()) {
      const b = over[k];
      if (b !== undefined) {
        b.ticket = code;
        made.push(b);
        continue;
      }
      f64words[0] = words[o.word + 4] as number;
      f64words[1] = words[o.word + 5] as number;
      const { recorded } = g.order[o.slot] as Node;
      made.push(bufferOf(words[o.word + 1] as number, f64[0] as number, wideAt(words, o.word + 2), code, recorded));
    }
  } catch (error) {
    p.outputs.forEach((o, k) => over[k] === undefined && lib.dispose(words[o.word + 1] as number));
    throw error;
  }
  counters.evals++;
  counters.computed += p.computed;
  return { ticket: code, made };
}
/** Where a value lies that a plan puts in another's memory. */
function aliasView(p: Plan, a: Plan["aliases"][number], shape: readonly number[]): View {
  const { registers } = p.layout;
  return { shape, strides: a.strides.map((r) => registers[r] as number), offset: registers[a.offset] as number };
}

/** Runs a plan on a graph. Returns the ticket. */
function run(g: Graph, p: Plan, flags: number): number {
  const { ticket, made } = submitted(g, p, g.leaves, flags);
  p.outputs.forEach((o, i) => {
    const n = g.order[o.slot] as Node, b = made[i] as Buf;
    if (n.outs === null) give(n, b, contiguousView(n.shape));
    else {
      const all = (n.results ?? new Array<Buf>(n.outs.length)) as Buf[];
      all[o.out] = b;
      b.users++;
      n.results = all;
    }
  });
  for (const a of p.aliases) {
    const n = g.order[a.slot] as Node, view = aliasView(p, a, n.shape);
    if ("leaf" in a.of) {
      give(n, bufOf(g.leaves[a.of.leaf] as Node, a.of.out), view);
    } else {
      const base = g.order[a.of.slot] as Node;
      give(n, base.outs === null ? base.buf as Buf : (base.results as Buf[])[a.of.out] as Buf, view);
    }
  }
  // What is written over a leaf is there once this submission ends.
  for (const n of g.inPlace) ((n.inputs[0] as Node).buf as Buf).ticket = ticket;
  for (const n of g.order) evaluated(n);
  return ticket;
}
/** Lets go of the inputs of a node that has a value, unless a trace may still want them. */
function evaluated(n: Node): void {
  if (!present(n)) {
    n.lost = n.handles > 0;
    return;
  }
  n.recorded = null;
  if (n.serial >= (trace.first ?? Infinity)) return;
  for (const x of n.inputs) if (--x.pending === 0 && x.handles === 0) release(x);
  n.inputs = NONE;
}
const NONE: readonly Node[] = [];

function settle(n: Node): void {
  const b = n.buf;
  if (b === null || b.ticket === 0) return;
  const code = native().wait(b.ticket);
  if (code < 0) throw plainError(native().error());
  b.ticket = 0;
}

function checkReadable(roots: readonly Node[]): void {
  const found = topological(roots, (n) => n.buf !== null || n.results !== null).find((n) => n.placeholder);
  if (found !== undefined) {
    const { what } = found.arg as { readonly what: string };
    throw plainError(
      `Cannot read a value inside a transform: it depends on ${what} (shape [${
        found.shape.join(",")
      }]), which is traced and has no value; return the array and read it outside`,
    );
  }
}

/** Nodes that `set` built on a state that nobody had evaluated: the next eval computes them too, so that no chain of unread states grows. */
const states = new Set<Node>(), followed = new WeakSet<Node>();
function moved(old: Node, next: Node): void {
  // Once an eval computed a state that nobody asked for, all do, so that each step costs the same.
  if (states.delete(old) || followed.has(old) || (old.state && old.buf === null)) states.add(next);
}
/** Runs what roots need, piece by piece where there are several devices; flags as for `run`. Returns the ticket of a single piece. */
function runAll(roots: readonly Node[], flags: number): number {
  let order = topological(roots, present);
  if (programs.called && runCalls(order, flags)) {
    roots = roots.filter((n) => !present(n));
    order = topological(roots, present);
    if (order.length === 0) return 0;
  }
  if (CHECK) {
    checkIndices(order, indexValues);
    order = topological(roots, present);
  }
  const segments = recording.several ? segmentsOf(roots, order) : null;
  if (segments === null) {
    const g = graphOf(roots, order);
    return run(g, planOf(g), flags);
  }
  for (const s of segments) {
    for (const n of s.transfers) carry(n);
    // An earlier piece may have computed it on the way.
    const todo = s.roots.filter((n) => n.buf === null);
    if (todo.length > 0) runAll(todo, 1);
  }
  return 0;
}
/** Runs the calls of compiled functions among nodes (inputs first), each after what it needs; false if there is none. */
function runCalls(order: readonly Node[], flags: number): boolean {
  let any = false;
  for (const n of order) {
    const call = callOf(n);
    if (call === null || present(n)) continue;
    any = true;
    const todo = n.inputs.filter((x) => !present(x));
    if (todo.length > 0) runAll(todo, flags);
    runCall(n, call, flags);
  }
  return any;
}
function runCall(n: Node, call: Call, flags: number): void {
  const { program, outs } = call, leaves = n.inputs, { plan, moving, results } = programPlan(program, leaves);
  leaves.forEach((x, i) => moving[i] = (x.view as View).offset / alignment(x));
  plan.layout.move(moving, moving.length, plan.words);
  const { made } = submitted(program.graph, plan, leaves, flags, spare(plan, leaves));
  outs.forEach((out, i) => {
    if (out.handles === 0 && out.pending === 0) return;
    const r = results[i] as ProgramPlan["results"][number], a = plan.aliases[r.alias];
    const b = r.output >= 0 ? made[r.output] as Buf : (leaves[r.leaf] as Node).buf as Buf;
    give(out, b, a === undefined ? contiguousView(out.shape) : aliasView(plan, a, out.shape));
  });
  for (const b of made) if (b.users === 0) native().dispose(b.id);
  n.results = NO_BUFFERS;
  for (const out of outs) evaluated(out);
  evaluated(n);
}
/** The buffers of leaves that only this call wants, for the outputs of its plan that may be written over them. */
function spare(p: Plan, leaves: readonly Node[]): readonly (Buf | undefined)[] {
  if (p.fallible) return NO_BUFFERS;
  let over: (Buf | undefined)[] | null = null;
  p.outputs.forEach((o, k) => {
    const leaf = o.over.find((i) => {
      const n = leaves[i] as Node;
      return isSpare(n, wideAt(p.words, o.word + 2)) && !over?.includes(n.buf as Buf);
    });
    if (leaf !== undefined) {
      (over ??= new Array<Buf | undefined>(p.outputs.length))[k] = (leaves[leaf] as Node).buf as Buf;
    }
  });
  return over ?? NO_BUFFERS;
}
/** True if a node's buffer of this many bytes is wanted by one consumer only, and by no handle, view or user. */
function isSpare(n: Node, bytes: number): boolean {
  const b = n.buf;
  if (b === null || n.handles > 0 || n.pending !== 1 || b.users !== 1 || b.exposed || b.bytes !== bytes) return false;
  const v = n.view as View;
  return v.offset === 0 && isContiguous(v);
}
/** The plan of a program for leaves that lie as these do. */
function programPlan(program: Program, leaves: readonly Node[]): ProgramPlan {
  const layout = leaves.every((x) => isContiguous(x.view as View) && alignment(x) > 1)
    ? ""
    : leaves.map((x) => `${(x.view as View).strides.join()},${alignment(x)}`).join(";");
  const known = program.plans.get(layout);
  if (known !== undefined && known.generation === generation) return known;
  const { graph } = program;
  const plan = onLeaves(program, leaves.map((x) => x.view as View), () => {
    key.read(graph);
    return newPlan(graph);
  });
  const results = program.results.map((r) => {
    const alias = plan.aliases.findIndex((a) => a.slot === graph.order.indexOf(r)), of = plan.aliases[alias]?.of;
    const [slot, out] = of !== undefined && "slot" in of ? [of.slot, of.out] : [graph.order.indexOf(r), 0];
    return {
      output: plan.outputs.findIndex((o) => o.slot === slot && o.out === out),
      leaf: of !== undefined && "leaf" in of ? of.leaf : -1,
      alias,
    };
  });
  const made = { plan, moving: key.moving.slice(0, key.movingCount), results, generation };
  program.plans.set(layout, made);
  return made;
}
/** Plans or describes the graph of a program for leaves that lie like these. */
export function onLeaves<T>({ graph }: Program, views: readonly View[], f: (g: Graph) => T): T {
  return standingIn(graph.leaves, views, () => {
    graph.order.forEach((x, i) => x.slot = i);
    graph.leaves.forEach((x, i) => x.slot = i);
    return f(graph);
  });
}
/** Runs `f` while nodes without memory count as evaluated, with these views. */
export function standingIn<T>(nodes: readonly Node[], views: readonly View[], f: () => T): T {
  const before = nodes.map((n) => [n.buf, n.view] as const);
  nodes.forEach((n, i) => {
    n.buf = STAND_IN;
    n.view = views[i] as View;
  });
  try {
    return f();
  } finally {
    nodes.forEach((n, i) => [n.buf, n.view] = before[i] as readonly [Buf | null, View | null]);
  }
}
/** Stands for memory while a plan is made or described without it. */
const STAND_IN: Buf = { id: 0, bytes: 0, address: 0, token: new ArrayBuffer(0), users: 0, exposed: false, ticket: 0 };

/** Runs what `roots` need and the states that wait; flags as for `run`. */
function start(roots: readonly Node[], flags: number): number {
  checkReadable(roots);
  if (states.size > 0 && trace.first === null) {
    const waiting = [...states].filter((n) =>
      n.buf === null && n.handles > 0 && !topological([n], present).some((x) => x.placeholder)
    );
    states.clear();
    if (waiting.length > 0) {
      try {
        const ticket = runAll([...roots, ...waiting], flags);
        for (const n of waiting) followed.add(n);
        return ticket;
      } catch {
        // Nobody asked for the states yet: their failure is not this eval's.
      }
    }
  }
  return runAll(roots, flags);
}

// ---- between devices --------------------------------------------------------------------------------------------------
/** Gives a transfer whose input is in memory its value: a copy that runs on the device's second stream, or the same memory. */
function carry(t: Node): void {
  const x = t.inputs[0] as Node, view = x.view as View, b = x.buf as Buf;
  if (isUnified(native(), x.device) && isUnified(native(), t.device)) give(t, b, view);
  else if (!isContiguous(view)) {
    const flat = flattened(x);
    runAll([flat], 1);
    give(t, copied(flat, t.device), contiguousView(t.shape));
    release(flat);
  } else give(t, copied(x, t.device), contiguousView(t.shape));
  evaluated(t);
}
/** A fresh buffer on a device with the elements of a contiguous node, there once the copy in flight is done. */
function copied(x: Node, device: Device): Buf {
  const lib = native(), item = itemsize(x.dtype), bytes = size(x.shape) * item, id = room(bytes, device);
  const far = deviceNumber(lib, device === cpu ? x.device : device);
  const words = copyWords((x.buf as Buf).id, (x.view as View).offset * item, id, bytes, far);
  const code = lib.submit(words, words.length);
  if (code < 0) {
    lib.dispose(id);
    throw plainError(lib.error());
  }
  counters.copies++;
  counters.copiedBytes += bytes;
  return bufferOf(id, lib.address(id), bytes, code);
}
/** The id of a fresh buffer. */
function room(bytes: number, device: Device): number {
  const lib = native(), number = deviceNumber(lib, device);
  const id = lib.alloc(bytes, number) || withRoom(() => lib.alloc(bytes, number), (x) => x === 0);
  if (id === 0) throw memoryError(bytes);
  return id;
}
/** The same elements, row-major, where they are. */
const flattened = (n: Node): Node => on(n.device, () => assemble([n], [null], n.shape));
/** The elements of an index array, which is not kept where it was not in memory. */
function indexValues(n: Node): ArrayLike<number | bigint> {
  const flat = flattened(n);
  runAll([flat], 0);
  return typed(near(flat)) as ArrayLike<number | bigint>;
}
/** An evaluated node whose memory the host sees: itself, or a copy. */
function near(n: Node): Node {
  if ((n.buf as Buf).address !== 0 || size(n.shape) === 0) return n;
  const t = carried(n, cpu, () => "it is read");
  evaluate([t]);
  return t;
}

function evaluate(roots: readonly Node[]): void {
  const todo = roots.filter((n) => n.buf === null);
  if (todo.length > 0) start(todo, 0);
  for (const n of roots) settle(n);
}

/** Submits without waiting; the arrays can be used at once. */
export function submitAsync(roots: readonly Node[]): number {
  const todo = roots.filter((n) => n.buf === null);
  return todo.length === 0 ? 0 : start(todo, 1);
}

/** Waits for tickets; a failure ends with the user's line. Holds no node: a promise that nobody awaits keeps no memory. */
async function finished(tickets: Iterable<number>, here: Error): Promise<void> {
  for (const t of tickets) {
    try {
      await native().completion(t);
    } catch (error) {
      // After the first await the user's frames are gone.
      const at = siteOf(here.stack ?? "");
      throw new Error(`${(error as Error).message}${at === "" ? "" : `\n    at ${at}`}`);
    }
  }
}
function evaluateAsync(roots: readonly Node[]): Promise<void> {
  submitAsync(roots);
  const tickets = new Set(roots.map((n) => n.buf?.ticket ?? 0));
  tickets.delete(0);
  return finished(tickets, new Error());
}

/** A node over a fresh buffer of the device of the moment with these row-major elements. */
function store(data: TypedData, shape: readonly number[], dtype: DType): Node {
  const wanted = computes(recording.device, dtype) ? recording.device : cpu,
    home = isUnified(native(), wanted) ? wanted : cpu;
  const bytes = size(shape) * itemsize(dtype), id = room(bytes, home), b = bufferOf(id, native().address(id), bytes, 0);
  new Uint8Array(b.token, 0, bytes).set(new Uint8Array(data.buffer, data.byteOffset, bytes));
  const n = new Node(sourceOp as OpDef, NONE, null, shape, dtype, null, home);
  give(n, b, contiguousView(shape));
  if (wanted === home) return n;
  const t = carried(n, wanted, () => "it is made of values of JavaScript");
  carry(t);
  release(n);
  return t;
}

type TypedConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => TypedData;
function typed(n: Node): TypedData {
  const b = n.buf as Buf, v = n.view as View, count = size(n.shape) * (n.dtype === "complex64" ? 2 : 1);
  const ctor = typedArrayOf(n.dtype) as unknown as TypedConstructor;
  if (count === 0) return new ctor(new ArrayBuffer(0), 0, 0);
  return new ctor(b.token, v.offset * itemsize(n.dtype), count);
}
function read(n: Node): TypedData {
  settle(n);
  if (!isContiguous(n.view as View)) {
    const flat = flattened(n);
    evaluate([flat]);
    return read(flat);
  }
  const host = near(n);
  (host.buf as Buf).exposed = true;
  return typed(host);
}

/** How arrays print. */
export const printing = { precision: DEFAULT_PRECISION };
/** Arrays up to this size are laid out row-major to be printed; of larger ones only the shown elements are read. */
const SMALL = 65536;
function text(node: Node): string {
  evaluate([node]);
  const n = near(node), v = n.view as View;
  if (isContiguous(v) || size(n.shape) <= SMALL) {
    const { get, sign } = elementsOf(n.dtype, isContiguous(v) ? typed(n) : read(n));
    return formatArray(n.dtype, n.shape, get, printing.precision, sign);
  }
  const b = n.buf as Buf, item = itemsize(n.dtype), lanes = n.dtype === "complex64" ? 2 : 1;
  const all = new (typedArrayOf(n.dtype) as unknown as TypedConstructor)(
    b.token,
    0,
    Math.floor(b.bytes / item) * lanes,
  );
  return formatArray(n.dtype, n.shape, (flat) => {
    let at = v.offset, rest = flat;
    for (let d = n.shape.length - 1; d >= 0; d--) {
      const s = n.shape[d] as number;
      at += (rest % s) * (v.strides[d] as number);
      rest = Math.floor(rest / s);
    }
    return elementOf(n.dtype, all, at);
  }, printing.precision);
}

function release(n: Node): void {
  if (n.handles > 0 || n.pending > 0) return;
  const b = n.buf;
  if (b === null) return;
  n.buf = null;
  n.view = null;
  if (--b.users === 0 && !b.exposed) native().dispose(b.id);
}

const scopes: Set<NDArray>[] = [];
/** Lists the arrays made until `leaveScope`. */
export function enterScope(): void {
  scopes.push(new Set());
}
/** Ends the innermost scope and returns the arrays made in it. */
export function leaveScope(): Set<NDArray> {
  return scopes.pop() as Set<NDArray>;
}

Object.assign(late, {
  evaluate,
  evaluateAsync,
  read,
  text,
  release,
  store,
  moved,
  made: (a: NDArray): void => {
    if (scopes.length > 0) (scopes[scopes.length - 1] as Set<NDArray>).add(a);
  },
});

/** A copy between devices as `explain` shows it. */
export interface CopyInfo {
  readonly bytes: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}
/** What an eval of some nodes would run, in order. */
interface Described {
  readonly kernels: KernelInfo[];
  readonly copies: CopyInfo[];
  /** Ops that an earlier eval computed without keeping, and that are not cheap. */
  readonly recomputed: string[];
}
/** The kernels and copies that an eval of these nodes would run. */
export function kernelsOf(nodes: readonly Node[]): Described {
  const kernels: KernelInfo[] = [], copies: CopyInfo[] = [], recomputed: string[] = [], standing: Node[] = [];
  const run = (g: Graph): void => {
    kernels.push(...describe(g));
    for (const n of g.keep) if (n.lost) recomputed.push(n.op.name);
  };
  const stand = (n: Node): void => {
    n.buf = STAND_IN;
    n.view = contiguousView(n.shape);
    standing.push(n);
  };
  const add = (all: readonly Node[]): void => {
    const roots = all.filter((n) => !present(n));
    for (const n of topological(roots, present)) {
      const call = callOf(n);
      if (call === null) continue;
      add(n.inputs);
      n.inputs.filter((x) => !present(x)).forEach(stand);
      kernels.push(...onLeaves(call.program, n.inputs.map((x) => x.view as View), describe));
      call.outs.forEach(stand);
    }
    const todo = roots.filter((n) => !present(n)), order = topological(todo, present);
    const segments: readonly Segment[] | null = recording.several ? segmentsOf(todo, order) : null;
    if (segments === null) run(graphOf(todo, order));
    for (const s of segments ?? []) {
      for (const t of s.transfers) {
        const from = (t.inputs[0] as Node).device, { why } = t.arg as { readonly why: () => string };
        copies.push({
          bytes: isUnified(native(), from) && isUnified(native(), t.device) ? 0 : size(t.shape) * itemsize(t.dtype),
          from: from.type,
          to: t.device.type,
          reason: why(),
        });
        stand(t);
      }
      const next = s.roots.filter((n) => n.buf === null);
      run(graphOf(next));
      next.forEach(stand);
    }
  };
  try {
    add(nodes);
  } finally {
    for (const n of standing) n.buf = n.view = null;
  }
  return { kernels, copies, recomputed };
}
