// Devices as the native library numbers them, and the words of a copy between two.
import { plainError } from "../base/error.ts";
import { type CallFamily, cpu, type Device, DEVICES, type DeviceType } from "../core/device.ts";
import type { Native } from "./ffi.ts";
import { BIND, COMMAND, wideWords } from "./words.ts";

/** The library's devices that a kind may be, best first. */
const NAMES: Readonly<Record<DeviceType, readonly string[]>> = { cpu: ["cpu"], gpu: ["metal", "cuda"], fake: ["fake"] };
/** Families of routines that the library itself has on its GPUs. */
const CALLS: { readonly cuda: readonly CallFamily[] } = { cuda: ["copy", "matmul"] };
interface Found {
  readonly name: string;
  readonly number: number;
  readonly unified: boolean;
}
const known = new Map<Device, Found | null>();
function find(lib: Native, device: Device): Found | null {
  if (!DEVICES.includes(device)) return null;
  let found = known.get(device);
  if (found === undefined) {
    found = null;
    for (const name of NAMES[device.type]) {
      const number = lib.devices.get(name), unified = number === undefined ? undefined : lib.info(number)["unified"];
      if (number !== undefined && unified !== undefined) {
        found = { name, number, unified: unified === "1" };
        break;
      }
    }
    known.set(device, found);
  }
  return found;
}
/** True if the device can be used on this machine. */
export function isUsable(lib: Native, device: Device): boolean {
  return find(lib, device) !== null;
}
function need(lib: Native, device: Device): Found {
  const found = find(lib, device);
  if (found === null) throw plainError(`Cannot run on ${device.type}:${device.index}: there is no such device here`);
  return found;
}
/** The library's number of a device. */
export function deviceNumber(lib: Native, device: Device): number {
  return device === cpu ? 0 : need(lib, device).number;
}
/** Statistic of CUDA: 1 if cuSOLVER is there, which is opened by the question. */
export const CUDA_SOLVES = 6;
let solves: boolean | null = null;
/** True if a GPU has the routines of a family. */
export function hasRoutines(lib: Native, device: Device, family: CallFamily): boolean {
  const found = find(lib, device);
  if (found?.name !== "cuda") return false;
  if (family === "factorisation") return solves ??= lib.stat(found.number << 8 | CUDA_SOLVES) === 1;
  return CALLS.cuda.includes(family);
}
/** True if the host reads and writes the device's memory. */
export function isUnified(lib: Native, device: Device): boolean {
  return device === cpu || need(lib, device).unified;
}

/** A flag of submissions, and the number of a device's second stream. */
const ASYNC = 1, TRANSFER = 1;
/** A submission that copies bytes of one buffer to the start of another on the second stream of device number `device`. */
export function copyWords(from: number, offset: number, to: number, bytes: number, device: number): Uint32Array {
  const source = [BIND.buffer, from, 0, 0, 0, 0], target = [BIND.update, to, 0, 0, 0, 0];
  const copy = [1, 0, 0, 0, ...wideWords(offset), ...wideWords(bytes)];
  const words = [
    0,
    2,
    ASYNC | device << 8 | TRANSFER << 16,
    0,
    ...source,
    ...target,
    COMMAND.copy,
    copy.length + 2,
    ...copy,
  ];
  words[0] = words.length;
  return Uint32Array.from(words);
}
