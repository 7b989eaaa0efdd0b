// Where a device, or the host, waits for another: counted as it happens, and named with the user's lines by `explain` and DEBUG=1.
import { DEBUG, debug } from "../base/env.ts";
import { site, siteOf } from "../base/error.ts";
import { cpu, type Device, recording } from "../core/device.ts";
import type { Node, TransferArg } from "../core/node.ts";

/** Waits of one for another, as `explain` shows them. */
export interface SyncInfo {
  /** Who waits: a device, or `"host"`, which reads values. */
  readonly waits: string;
  readonly for: string;
  /** Of devices: in this eval. Of the host: so far. */
  readonly times: number;
  /** The user's lines; of the many reads of the host those of a sample. */
  readonly lines: readonly string[];
  readonly reason: string;
  /** Values go back and forth between the two: three times each way at least, so far or in this eval. */
  readonly backAndForth: boolean;
}

/** Crossings each way that make a loop of it. */
const LOOP = 3;
/** All of the first reads are noted with their lines, later one in so many: a line takes V8 0.1 ms. */
const FIRST = 16, SAMPLE = 61;
/** Lines that are kept for each pair. */
const LINES = 16;

interface Count {
  times: number;
  readonly lines: Map<string, number>;
}
/** Waits that happened, by who waits for whom. */
const happened = new Map<string, Count>();
const keyOf = (waits: string, on: string): string => `${waits} waits for ${on}`;
function countOf(key: string): Count {
  let found = happened.get(key);
  if (found === undefined) happened.set(key, found = { times: 0, lines: new Map() });
  return found;
}
/** Forgets what happened: for tests. */
export function forgetSyncs(): void {
  happened.clear();
}
/** Counts a wait at a line; with DEBUG=1 tells the first one there, the second, the fourth ... */
function note(count: Count, key: string, at: string, reason: string): void {
  if (at === "") return;
  const times = (count.lines.get(at) ?? 0) + 1;
  if (times === 1 && count.lines.size === LINES) count.lines.delete(count.lines.keys().next().value as string);
  count.lines.set(at, times);
  if (DEBUG >= 1 && Number.isInteger(Math.log2(times))) {
    debug(`sync: ${key} at ${at}${times > 1 ? `, ${times} times so far` : ""}: ${reason}`);
  }
}
const times = (waits: string, on: string): number => happened.get(keyOf(waits, on))?.times ?? 0;
const bothWays = (a: string, b: string): number => Math.min(times(a, b), times(b, a));

/** Counts a transfer that an eval runs: its device waits for that of its input. */
export function noteTransfer(t: Node): void {
  const { why, host } = t.arg as TransferArg, from = (t.inputs[0] as Node).device.type, to = t.device.type;
  if (host) return;
  const key = keyOf(to, from), count = countOf(key), before = bothWays(to, from);
  count.times++;
  if (DEBUG < 1) return;
  note(count, key, siteOf(t.recorded?.stack ?? ""), why());
  if (before === LOOP - 1 && bothWays(to, from) === LOOP) debug(`sync: ${loopText(to, from)}`);
}
const linesOf = (waits: string, on: string): string =>
  [...happened.get(keyOf(waits, on))?.lines.keys() ?? []].join(", ");
function loopText(a: string, b: string): string {
  return `values go back and forth between ${a} and ${b}, which wait for one another (${keyOf(a, b)} at ${
    linesOf(a, b)
  }; ${keyOf(b, a)} at ${linesOf(b, a)}): record on one device what depends on one another`;
}
const READ = "its values are read or evaluated";
/** Counts that the host waits for what a device other than the CPU computes. */
export function noteRead(device: Device): void {
  const key = keyOf("host", device.type), count = countOf(key), k = count.times++;
  if (DEBUG >= 1 || k < FIRST || k % SAMPLE === 0) note(count, key, site(), READ);
}
/** True if the host, when it waits for a node that is computed or in flight, waits for another device. */
export function isFar(n: Node): boolean {
  return recording.several && n.device !== cpu && (n.buf === null || n.buf.ticket !== 0);
}

/** The waits of an eval with these transfers, and those of the host so far. */
export function syncsOf(transfers: readonly Node[]): SyncInfo[] {
  interface Found {
    readonly waits: string;
    readonly on: string;
    readonly reason: string;
    times: number;
    readonly lines: Set<string>;
  }
  const found = new Map<string, Found>(), here = new Map<string, number>();
  for (const t of transfers) {
    const { why, host } = t.arg as TransferArg;
    if (host) continue;
    const waits = t.device.type, on = (t.inputs[0] as Node).device.type, reason = why(), pair = keyOf(waits, on);
    here.set(pair, (here.get(pair) ?? 0) + 1);
    const key = `${pair}: ${reason}`, line = siteOf(t.recorded?.stack ?? "");
    let f = found.get(key);
    if (f === undefined) found.set(key, f = { waits, on, reason, times: 0, lines: new Set() });
    f.times++;
    if (line !== "") f.lines.add(line);
  }
  const all = (a: string, b: string): number => times(a, b) + (here.get(keyOf(a, b)) ?? 0);
  const devices = [...found.values()].map(({ waits, on, reason, times, lines }): SyncInfo => ({
    waits,
    for: on,
    times,
    lines: [...lines],
    reason,
    backAndForth: Math.min(all(waits, on), all(on, waits)) >= LOOP,
  }));
  const host = [...happened].filter(([key]) => key.startsWith("host ")).map(([key, { times, lines }]): SyncInfo => ({
    waits: "host",
    for: key.slice(keyOf("host", "").length),
    times,
    lines: [...lines.keys()],
    reason: READ,
    backAndForth: false,
  }));
  return [...devices, ...host];
}
