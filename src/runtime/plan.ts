// A plan: the words of one submission for the graphs of one structure, the layout program that gives them their sizes, and what is patched into them at each run.
import { CHECK, DEBUG, debug } from "../base/env.ts";
import { itemsize } from "../base/dtype.ts";
import { addIdentities, encode, tape } from "../backends/cpu/tape.ts";
import type { Node, Planned } from "../core/node.ts";
import { contiguousStrides } from "../core/view.ts";
import { aligned, isMultiple, type Layout, numberOf, plus, productOf, type Size, times } from "../kernel/sizes.ts";
import type { CType, Literal } from "../kernel/expr.ts";
import { checkKernel } from "../kernel/check.ts";
import { printKernel } from "../kernel/kernel.ts";
import { fuse } from "../schedule/fuse.ts";
import { resolve, type Schedule } from "../schedule/group.ts";
import { everyNode, type Graph, type Key, present, Symbols } from "../schedule/graph.ts";
import { lower } from "../schedule/lower.ts";
import { overwritable, readsOf } from "../schedule/overwrite.ts";
import { type Block, blocksOf, numbered, type Place, type Spot, type Step } from "../schedule/step.ts";
import { place, type Placed } from "./arena.ts";
import type { Native } from "./ffi.ts";
import { compiledSources, forgetSources, Hazards, languageOf, launchOf } from "./launch.ts";

/** Where an output of the plan goes: result `out` of node number `slot` is binding word `word`. */
interface Output {
  readonly slot: number;
  readonly out: number;
  readonly word: number;
  /** Leaves that it may be written over, should nobody else want them: none is read after the first store. */
  readonly over: readonly number[];
}
/** A node whose value lies in another's memory (or a leaf's). */
interface Alias {
  readonly slot: number;
  readonly of: { readonly leaf: number; readonly out: number } | { readonly slot: number; readonly out: number };
  /** Registers of the layout. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A compiled plan. */
export interface Plan {
  readonly layout: Layout;
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  /** Words that take the buffer id of a leaf. */
  readonly leaves: readonly { readonly word: number; readonly leaf: number; readonly out: number }[];
  readonly outputs: readonly Output[];
  readonly aliases: readonly Alias[];
  /** Words that take value `k` of the node at `slot`. */
  readonly scalars: readonly { readonly word: number; readonly slot: number; readonly k: number; readonly t: CType }[];
  /** True if a run can fail for what the data holds: its leaves must then stay as they are. */
  readonly fallible: boolean;
  /** Nodes that it computes. */
  readonly computed: number;
}

/** The 64-bit integer of two words. */
export function wideAt(words: Uint32Array, at: number): number {
  return (words[at] as number) + (words[at + 1] as number) * 4294967296;
}

const programs = new Map<string, number>();
/** Frees all kernels; no plan that uses them may run again, and no work may be in flight. */
export function forgetKernels(native: Native): void {
  for (const id of programs.values()) native.programFree(id);
  programs.clear();
  forgetSources(native);
}
/** Number of kernels compiled so far. */
export function compiledKernels(): number {
  return programs.size + compiledSources();
}

/** More than an op has results: with the number of a node, one number for each result. */
const MOST_OUTS = 65536;
const outKey = (n: Node, out: number): number => MOST_OUTS * n.serial + out;
/** Room that an array takes of the arena: whole steps can be read past its end. */
const room = (bytes: Size): Size => plus(aligned(bytes, 64), 64);

class Words {
  /** Words that follow sizes, and what they hold. */
  readonly sizes: [word: number, size: Size][] = [];
  data: Uint32Array = new Uint32Array(new ArrayBuffer(4096));
  n = 0;
  push(x: number): void {
    if (this.n === this.data.length) {
      const more = new Uint32Array(new ArrayBuffer(this.data.byteLength * 2));
      more.set(this.data);
      this.data = more;
    }
    this.data[this.n++] = x >>> 0;
  }
  /** A 64-bit integer, low word first. */
  wide(size: Size): void {
    if (typeof size !== "number") this.sizes.push([this.n, size]);
    const x = numberOf(size);
    this.push(x);
    this.push(Math.floor(x / 4294967296));
  }
}
/** Stands where a command names no binding. */
const NO_BINDING = 0xffffffff;
const scratch = new DataView(new ArrayBuffer(8));
/** Writes a scalar's 64 raw bits. */
export function putScalar(words: Uint32Array, at: number, t: CType, v: Literal): void {
  words[at + 1] = 0;
  switch (t) {
    case "f32":
      scratch.setFloat32(0, Number(v), true);
      words[at] = scratch.getUint32(0, true);
      return;
    case "i32":
    case "u32":
      words[at] = Number(v) >>> 0;
      return;
    case "f64":
      scratch.setFloat64(0, Number(v), true);
      break;
    case "i64":
    case "u64":
      scratch.setBigUint64(0, BigInt.asUintN(64, v as bigint), true);
      break;
    case "c64": {
      const c = v as { readonly re: number; readonly im: number };
      scratch.setFloat32(0, c.re, true);
      scratch.setFloat32(4, c.im, true);
      break;
    }
    default:
      t satisfies never;
  }
  words[at] = scratch.getUint32(0, true);
  words[at + 1] = scratch.getUint32(4, true);
}

/** The schedule and steps of a graph, without running it. */
export function steps(
  graph: Graph,
  key?: Key,
): { readonly schedule: Schedule; readonly steps: readonly Step[] } {
  const schedule = fuse(graph, new Symbols(graph, key)), list = lower(schedule);
  if (CHECK) { for (const s of everyStep(list)) if (s.kind === "kernel") checkKernel(s.kernel); }
  return { schedule, steps: list };
}

/** Builds the plan of a graph and compiles its kernels. */
export function build(native: Native, graph: Graph, key: Key, device: number): Plan {
  const { schedule, steps: list } = steps(graph, key), { sizes } = schedule.symbols;
  const leafOf = new Map<Node, number>(graph.leaves.map((n, i) => [n, i]));
  // Memory: leaves, outputs that stay, and one arena for all else.
  const storages = new Map<number, Storage>();
  const placeKey = (p: Place): number => p.node === null ? -1 - p.workspace : outKey(p.node, p.out);
  const all = everyGraph(graph), inPlace = new Set(all.flatMap((g) => [...g.inPlace]));
  const overwritten = new Set([...graph.inPlace].map((n) => n.inputs[0] as Node));
  const over = (n: Node): Node => inPlace.has(n) ? n.inputs[0] as Node : n;
  const actual = (p: Place): Place => p.node === null || !inPlace.has(p.node) ? p : { ...p, node: over(p.node) };
  const placesOf = (s: Step): Place[] =>
    s.kind === "kernel" ? s.operands.map((o) => actual(o.place)) : s.places.map((x) => actual(x.place));
  const isLeaf = (p: Place): boolean => p.node !== null && leafOf.has(p.node);
  const bytesOf = (n: Node, out: number): Size => {
    const o = schedule.symbols.outs(n)[out] as Planned;
    return times(productOf(o.shape), itemsize(o.dtype));
  };
  const baseOf = (n: Node): Node | null => resolve(schedule, n)?.node ?? null;
  const keepBases = new Set<Node>();
  for (const n of graph.keep) {
    const b = baseOf(n);
    if (b !== null) keepBases.add(b);
  }
  // What bodies are given and give lies where their loop says; `windows` move from pass to pass.
  const spotted = new Set<Node>(), windows = new Map<Spot, number>();
  const stays = (n: Node, out: number): boolean => keepBases.has(n) && graph.loops.get(n)?.kept.has(out) !== false;
  let time = 0;
  const touch = (s: Step, index: number): void => {
    for (const p of placesOf(s)) {
      if (isLeaf(p) || (p.node !== null && spotted.has(p.node))) continue;
      const k = placeKey(p), known = storages.get(k);
      if (known !== undefined) {
        known.last = time;
        continue;
      }
      storages.set(k, {
        bytes: p.node === null ? p.bytes : bytesOf(p.node, p.out),
        keep: p.node !== null && stays(p.node, p.out) ? p.node : null,
        out: p.out,
        step: index,
        first: time,
        last: time,
        offset: 0,
      });
    }
    time++;
  };
  const visit = (s: Step, index: number): void => {
    touch(s, index);
    if (s.kind !== "loop") return;
    for (const b of blocksOf(s)) {
      for (const [n, spot] of b.spots) {
        spotted.add(n);
        if (spot.kind !== "fixed") windows.set(spot, -1);
      }
      for (const x of b.steps) visit(x, index);
    }
    touch(s, index);
  };
  list.forEach(visit);
  // Values that stay but that no step writes: arrays without elements.
  for (const n of keepBases) {
    if (present(n) || graph.inPlace.has(n)) continue;
    const outs = graph.loops.get(n)?.kept ?? (n.outs ?? [n]).map((_, out) => out);
    for (const out of outs) {
      const k = outKey(n, out);
      if (storages.has(k)) continue;
      storages.set(k, { bytes: bytesOf(n, out), keep: n, out, step: 0, first: 0, last: 0, offset: 0 });
    }
  }
  const arena = place([...storages.values()].filter((s) => s.keep === null), room);

  const w = new Words(),
    leaves: { word: number; leaf: number; out: number }[] = [],
    outputs: Output[] = [],
    binding = new Map<number, number>(),
    leafBinding = new Map<number, number>();
  for (let i = 0; i < 4; i++) w.push(0);
  let bindings = 0;
  const bind = (kind: number, bytes: Size): number => {
    const at = w.n;
    w.push(kind);
    w.push(0);
    w.wide(bytes);
    w.wide(0);
    bindings++;
    return at;
  };
  let arenaBinding = -1;
  if (arena !== 0) {
    arenaBinding = bindings;
    bind(2, arena);
  }
  const read = readsOf(list, graph.leaves, (n) => bytesOf(n, 0));
  for (const [k, s] of storages) {
    if (s.keep === null) continue;
    binding.set(k, bindings);
    const word = bind(1, s.bytes);
    outputs.push({
      slot: s.keep.slot,
      out: s.out,
      word,
      over: overwritable(list, { node: s.keep, bytes: s.bytes, first: s.step }, read),
    });
  }
  /** Where the values of the bodies lie that are written now. */
  const spots = new Map<Node, Spot>();
  const locate = (place: Place): { binding: number; offset: Size } => {
    const p = actual(place), spot = p.node === null ? undefined : spots.get(p.node);
    if (spot?.kind === "fixed") {
      const l = locate(spot.place);
      return { binding: l.binding, offset: plus(l.offset, spot.offset) };
    }
    if (spot !== undefined) return { binding: windows.get(spot) as number, offset: 0 };
    if (isLeaf(p)) {
      const n = p.node as Node, b = leafBinding.get(MOST_OUTS * (leafOf.get(n) as number) + p.out);
      if (b === undefined) throw new Error("internal: a leaf has no binding");
      return { binding: b, offset: 0 };
    }
    const k = placeKey(p), s = storages.get(k) as Storage;
    return s.keep === null
      ? { binding: arenaBinding, offset: s.offset }
      : { binding: binding.get(k) as number, offset: 0 };
  };
  for (const s of list) {
    for (const p of placesOf(s)) {
      if (!isLeaf(p)) continue;
      const leaf = leafOf.get(p.node as Node) as number, k = MOST_OUTS * leaf + p.out;
      if (leafBinding.has(k)) continue;
      leafBinding.set(k, bindings);
      leaves.push({ word: bind(overwritten.has(p.node as Node) ? 3 : 0, 0) + 1, leaf, out: p.out });
    }
  }

  for (const spot of windows.keys()) {
    windows.set(spot, bindings);
    bind(4, (spot as Exclude<Spot, { kind: "fixed" }>).bytes);
  }

  const language = languageOf(native, device), hazards = new Hazards();
  // A launch is cut for the sizes at hand.
  if (language !== null) sizes.pin();
  // Bindings of leaves that an output's memory may turn out to be.
  const written = new Map(
    outputs.map((o) => [
      binding.get(outKey(graph.order[o.slot] as Node, o.out)) as number,
      o.over.flatMap((leaf) => leafBinding.get(MOST_OUTS * leaf) ?? []),
    ]),
  );
  const scalars: { word: number; slot: number; k: number; t: CType }[] = [];
  /** Positions of graphs among all nodes, by which runs find scalars. */
  const starts = new Map<Graph, number>();
  for (let k = all.length - 1, at = everyNode(graph).length; k >= 0; k--) {
    at -= (all[k] as Graph).order.length;
    starts.set(all[k] as Graph, at);
  }
  const at64 = (place: Place, offset: Size = 0): void => {
    const l = locate(place);
    w.push(l.binding);
    w.wide(plus(l.offset, offset));
  };
  const writeLoop = (s: Extract<Step, { kind: "loop" }>, at: number): void => {
    const moved = new Set(s.blocks.flatMap((b) => [...b.spots.values()]).filter((x) => x.kind !== "fixed"));
    for (const x of [5, 0, ["scan", "while", "cond"].indexOf(s.what), moved.size, 0, 0, 0]) w.push(x);
    if (s.flag === null) { for (let k = 0; k < 3; k++) w.push(0); }
    else at64(s.flag.place, s.flag.offset);
    w.wide(s.count);
    for (const x of moved) {
      w.push(windows.get(x) as number);
      at64(x.kind === "moving" ? x.place : x.even, x.kind === "moving" ? x.offset : 0);
      if (x.kind === "alternating") at64(x.odd);
      else {
        w.push(NO_BINDING);
        w.wide(x.by);
      }
    }
    const block = (k: number, b: Block): void => {
      const from = w.n;
      for (const [n, spot] of b.spots) spots.set(n, spot);
      hazards.fence();
      write(b.steps, starts.get(b.graph) as number);
      w.data[at + 4 + k] = w.n - from;
    };
    s.blocks.forEach((b, k) => block(k, b));
    block(2, s.end);
    hazards.fence();
  };
  const write = (steps: readonly Step[], start: number): void => steps.forEach((s) => writeStep(s, start));
  const writeStep = (s: Step, start: number): void => {
    const at = w.n;
    if (s.kind === "loop") writeLoop(s, at);
    else if (s.kind === "call") {
      const routine = native.routines.get(s.call.routine);
      if (routine === undefined) throw new Error(`internal: the native library has no routine ${s.call.routine}`);
      for (const x of [2, 0, routine, s.places.length, s.call.ints.length, s.call.nums.length]) w.push(x);
      for (const p of s.places) at64(p.place, p.offset);
      for (const x of s.call.ints) w.wide(x);
      for (const x of s.call.nums) {
        scratch.setFloat64(0, x, true);
        w.push(scratch.getUint32(0, true));
        w.push(scratch.getUint32(4, true));
      }
    } else if (language !== null) {
      const operands = s.operands.map((o) => {
        const l = locate(o.place),
          p = actual(o.place),
          spot = p.node === null ? undefined : spots.get(p.node),
          bytes = isLeaf(p)
            ? undefined
            : spot !== undefined
            ? bytesOf(p.node as Node, 0)
            : storages.get(placeKey(p))?.bytes;
        const aligned = spot?.kind !== "moving" || (isMultiple(spot.offset, 16) && isMultiple(spot.by, 16));
        const from = numberOf(l.offset), to = bytes === undefined ? Infinity : from + numberOf(bytes);
        return {
          binding: l.binding,
          offset: plus(l.offset, o.offset),
          from,
          to,
          over: written.get(l.binding) ?? [],
          aligned,
        };
      });
      const launch = launchOf(native, device, language, numbered(s), operands, hazards);
      if (launch === null) return;
      for (const x of launch.words) w.push(x);
      for (const x of launch.sizes) w.sizes.push([at + x.at, x.size]);
      for (const { at: word, slot, ...x } of launch.scalars) {
        scalars.push({ word: at + word, slot: start + slot, ...x });
      }
    } else {
      const k = s.kernel;
      addIdentities(k);
      const text = `${k.kind}\n${printKernel(k)}`, name = `${device} ${text}`;
      let program = programs.get(name);
      if (program === undefined) {
        const t = tape(k);
        if (DEBUG >= 4) {
          debug(
            `kernel ${programs.size}\n${text}\n${
              t.stages.map((x) => `  ${x.name} ${x.a.toString(16)} ${x.b.toString(16)}`).join("\n")
            }`,
          );
        }
        program = native.program(encode(t, native.stages), device);
        if (program === 0) {
          throw new Error(`internal: the native library refused a program: ${native.error()}\n${text}`);
        }
        programs.set(name, program);
      }
      const rows = s.rows;
      for (
        const x of [
          1,
          0,
          program,
          rows.length,
          s.inner.length,
          s.operands.length,
          k.scalars.scalars.length,
          rows.length,
        ]
      ) w.push(x);
      w.wide(s.rag);
      w.wide(s.foldSize);
      for (const x of rows) w.wide(x);
      for (const x of s.inner) w.wide(x);
      s.operands.forEach((o, i) => {
        const l = locate(o.place), unit = k.mems[i]?.along === "unit";
        w.push(l.binding);
        w.push(0);
        w.wide(plus(l.offset, o.offset));
        w.wide(o.bound);
        for (const x of o.rows) w.wide(x);
        w.wide(o.fold);
        for (const x of unit ? contiguousStrides(s.inner) : o.inner) w.wide(x);
      });
      k.scalars.scalars.forEach((x) => {
        if (x.size !== null) return w.wide(x.size);
        if (x.node >= 0) scalars.push({ word: w.n, slot: start + x.node, k: x.k, t: x.t });
        const here = w.n;
        w.push(0);
        w.push(0);
        putScalar(w.data, here, x.t, x.value);
      });
    }
    w.data[at + 1] = w.n - at;
  };
  write(list, 0);
  w.data[0] = w.n;
  w.data[1] = bindings;
  const aliases: Alias[] = [];
  const slotsOut = new Set(outputs.map((o) => `${o.slot}.${o.out}`));
  for (const n of graph.keep) {
    const r = resolve(schedule, n);
    if (r === null) throw new Error(`internal: ${n.op.name} was not computed`);
    if (r.node === n && slotsOut.has(`${n.slot}.0`)) continue;
    const leaf = leafOf.get(over(r.node));
    aliases.push({
      slot: n.slot,
      of: leaf !== undefined ? { leaf, out: r.out } : { slot: r.node.slot, out: r.out },
      strides: r.view.strides.map((x) => sizes.registerOf(x)),
      offset: sizes.registerOf(r.view.offset),
    });
  }
  const words = w.data.slice(0, w.n);
  return {
    layout: sizes.layout(w.sizes.map(([word, size]) => [word, sizes.registerOf(size)])),
    words,
    floats: new Float32Array(words.buffer),
    leaves,
    outputs,
    aliases,
    scalars,
    fallible: everyStep(list).some((s) => s.kind === "call" && !/^(gemm|copy|sort|argsort)\b/.test(s.call.routine)),
    computed: schedule.infos.length,
  };
}

/** Steps with those inside. */
function everyStep(list: readonly Step[]): readonly Step[] {
  return list.flatMap((s) => s.kind === "loop" ? [s, ...blocksOf(s).flatMap((b) => everyStep(b.steps))] : [s]);
}
/** A graph and all inside, in the order of `everyNode`. */
function everyGraph(g: Graph): readonly Graph[] {
  return [g, ...[...g.loops.values()].flatMap(({ graphs }) => graphs.flatMap(everyGraph))];
}

/** An array of a plan: its bytes, the node that keeps it after the run, the steps between which it lives, and its place in the arena. */
interface Storage extends Placed {
  readonly keep: Node | null;
  readonly out: number;
  /** The first step of the plan that touches it. */
  readonly step: number;
  last: number;
}
