// Evaluation: what roots need, piece by piece where there are compiled functions or several devices.
import { itemsize, typedArrayOf } from "../base/dtype.ts";
import { CHECK } from "../base/env.ts";
import { plainError, siteOf } from "../base/error.ts";
import { cpu, type Device, on, recording } from "../core/device.ts";
import type { TypedData } from "../core/ndarray.ts";
import { type Buf, carried, type Node, topological } from "../core/node.ts";
import { size } from "../core/shape.ts";
import { needNumbers, trace } from "../core/trace.ts";
import { contiguousView, isContiguous, type View } from "../core/view.ts";
import { assemble } from "../ops/basis.ts";
import { present } from "../schedule/graph.ts";
import { copyWords, deviceNumber, isUnified } from "./devices.ts";
import { checkIndices } from "./indices.ts";
import { callOf, programs } from "./program.ts";
import { segmentsOf } from "./segments.ts";
import { counters, planOf } from "./cache.ts";
import { graphOf } from "./graph.ts";
import { bufferOf, give, native, release, room, settle } from "./memory.ts";
import { evaluated, run, runCall } from "./run.ts";
import { isFar, noteRead, noteTransfer } from "./syncs.ts";

/** Throws if a node to be computed is a trace's placeholder, or of a trace without numbers. */
function checkReadable(roots: readonly Node[], order: readonly Node[]): void {
  for (const n of order) {
    if (!n.placeholder) continue;
    const { what } = n.arg as { readonly what: string };
    throw plainError(
      `Cannot read a value inside a transform: it depends on ${what} (shape [${
        n.shape.join(",")
      }]), which is traced and has no value; return the array and read it outside`,
    );
  }
  const { symbolic } = trace;
  if (symbolic !== null && roots.some((n) => n.serial >= symbolic)) needNumbers();
}
/** Nodes that `set` built on a state that nobody had evaluated: the next eval computes them too, so that no chain of unread states grows. */
const states = new Set<Node>(), followed = new WeakSet<Node>();
/** Notes that `set` moved a handle from a node to another. */
export function moved(old: Node, next: Node): void {
  // Once an eval computed a state that nobody asked for, all do, so that each step costs the same.
  if (states.delete(old) || followed.has(old) || (old.state && old.buf === null)) states.add(next);
}
/** Runs what roots need (`order`), piece by piece where there are several devices; flags as for `run`. Returns the ticket of a single piece. */
function runAll(roots: readonly Node[], flags: number, order: readonly Node[] = topological(roots, present)): number {
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
/** Runs what `roots` need and the states that wait; flags as for `run`. */
export function start(roots: readonly Node[], flags: number): number {
  const order = topological(roots, present);
  checkReadable(roots, order);
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
  return runAll(roots, flags, order);
}
/** Gives a transfer whose input is in memory its value: a copy that runs on the device's second stream, or the same memory. */
export function carry(t: Node): void {
  const x = t.inputs[0] as Node, view = x.view as View, b = x.buf as Buf;
  noteTransfer(t);
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
/** The same elements, row-major, where they are. */
export const flattened = (n: Node): Node => on(n.device, () => assemble([n], [null], n.shape));
/** What makes a typed array over memory. */
export type TypedConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => TypedData;
/** An evaluated, row-major node's elements in the host's memory. */
export function typed(n: Node): TypedData {
  const b = n.buf as Buf, v = n.view as View, count = size(n.shape) * (n.dtype === "complex64" ? 2 : 1);
  const ctor = typedArrayOf(n.dtype) as unknown as TypedConstructor;
  if (count === 0) return new ctor(new ArrayBuffer(0), 0, 0);
  return new ctor(b.token, v.offset * itemsize(n.dtype), count);
}
/** The elements of an index array, which is not kept where it was not in memory. */
function indexValues(n: Node): ArrayLike<number | bigint> {
  const flat = flattened(n);
  runAll([flat], 0);
  return typed(near(flat)) as ArrayLike<number | bigint>;
}
/** An evaluated node whose memory the host sees: itself, or a copy. */
export function near(n: Node): Node {
  if ((n.buf as Buf).address !== 0 || size(n.shape) === 0) return n;
  const t = carried(n, cpu, { why: () => "it is read", host: true });
  evaluate([t]);
  return t;
}
/** The nodes without memory, mostly all of them. */
function absent(roots: readonly Node[]): readonly Node[] {
  for (let i = 0; i < roots.length; i++) {
    if ((roots[i] as Node).buf !== null) return roots.filter((n) => n.buf === null);
  }
  return roots;
}
/** Computes nodes and waits for them. */
export function evaluate(roots: readonly Node[]): void {
  const todo = absent(roots), far = recording.several ? roots.find(isFar) : undefined;
  if (far !== undefined) noteRead(far.device);
  if (todo.length > 0) start(todo, 0);
  for (let i = 0; i < roots.length; i++) settle(roots[i] as Node);
}
/** Submits without waiting; the arrays can be used at once. */
function submitAsync(roots: readonly Node[]): number {
  const todo = absent(roots);
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
/** Work in flight as a promise, which is made once somebody asks for it: who only starts work pays for none. */
class Started implements Promise<void> {
  readonly [Symbol.toStringTag] = "Promise";
  readonly #tickets: readonly number[];
  readonly #here = new Error();
  #promise: Promise<void> | undefined;
  constructor(tickets: readonly number[]) {
    this.#tickets = tickets;
  }
  get #made(): Promise<void> {
    return this.#promise ??= finished(this.#tickets, this.#here);
  }
  then<A = void, B = never>(
    done?: ((value: void) => A | PromiseLike<A>) | null,
    failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#made.then(done, failed);
  }
  catch<B = never>(failed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<void | B> {
    return this.#made.catch(failed);
  }
  finally(then?: (() => void) | null): Promise<void> {
    return this.#made.finally(then);
  }
}
/** Starts computing nodes; the promise resolves when they are there. */
export function evaluateAsync(roots: readonly Node[]): Promise<void> {
  submitAsync(roots);
  const tickets: number[] = [];
  for (const { buf } of roots) {
    if (buf !== null && buf.ticket !== 0 && !tickets.includes(buf.ticket)) tickets.push(buf.ticket);
  }
  return new Started(tickets);
}
