// Devices: what there is, and the one on which ops are recorded now.
import { CHECK, environment } from "../base/env.ts";

/** Kinds of devices. `fake` is the test device: memory of its own, two streams, failures on demand. */
export type DeviceType = "cpu" | "gpu" | "fake";
/** A device: its kind and number. */
export interface Device {
  readonly type: DeviceType;
  readonly index: number;
}
/** Families of library routines. */
export type CallFamily = "copy" | "matmul" | "sort" | "factorisation";

/** The processor. */
export const cpu: Device = { type: "cpu", index: 0 };
/** The graphics processor. */
export const gpu: Device = { type: "gpu", index: 0 };
/** The test device. */
export const fake: Device = { type: "fake", index: 0 };
/** Every device that an array may name. */
export const DEVICES: readonly Device[] = [cpu, gpu, fake];

const GPU_CALLS: ReadonlySet<CallFamily> = new Set(["copy", "matmul"]);
/** True if the device has the routines of a family; on one that has not, such a call is recorded on the CPU. */
export function hasCalls(device: Device, family: CallFamily): boolean {
  return device.type === "cpu" || GPU_CALLS.has(family);
}

function initial(): Device {
  const name = environment("SINTER_DEVICE") ?? "";
  const found = name === "" ? cpu : DEVICES.find((d) => d.type === name);
  if (found !== undefined) return found;
  throw new Error(`Cannot use SINTER_DEVICE=${name}: devices are ${DEVICES.map((d) => d.type).join(", ")}`);
}

/**
 * Where ops are recorded. `several` stays false while there was no device but the CPU, so that nothing has to look for others.
 * Of values of `sites` bytes or more the user's line is noted: never, but under SINTER_CHECK and a memory limit, as it takes V8 some microseconds.
 */
export const recording: { device: Device; several: boolean; sites: number } = {
  device: cpu,
  several: false,
  sites: CHECK ? 0 : Infinity,
};
/** Records what follows on a device. */
export function recordOn(device: Device): void {
  recording.device = device;
  recording.several ||= device !== cpu;
}
recordOn(initial());
/** Runs `f` with ops recorded on a device. */
export function on<T>(device: Device, f: () => T): T {
  const before = recording.device;
  if (before === device) return f();
  recording.device = device;
  try {
    return f();
  } finally {
    recording.device = before;
  }
}
