// Devices: what there is, and the one on which ops are recorded now.
import type { DType } from "../base/dtype.ts";
import { CHECK, environment } from "../base/env.ts";

/** Kinds of devices. `fake` is the test device: memory of its own, two streams, failures on demand. */
export type DeviceType = "cpu" | "gpu" | "fake";
/** The kinds that programs name. */
export const DeviceType = { cpu: "cpu", gpu: "gpu" } as const;
/**
 * A device: its kind and number. Devices of the same kind and number are the same device.
 *
 * @example
 * ```ts
 * String(new mx.Device("cpu")); // "Device(cpu, 0)"
 * mx.isAvailable(mx.cpu); // true
 * ```
 */
export class Device {
  readonly type: DeviceType;
  readonly index: number;

  constructor(type: DeviceType | Device, index = 0) {
    this.type = typeof type === "string" ? type : type.type;
    this.index = index;
  }

  toString(): string {
    return `Device(${this.type}, ${this.index})`;
  }
}
/** Families of library routines. */
export type CallFamily = "copy" | "matmul" | "sort" | "factorisation" | "eig";

/** The processor. */
export const cpu: Device = new Device("cpu");
/** The graphics processor. */
export const gpu: Device = new Device("gpu");
/** The test device. */
export const fake: Device = new Device("fake");
/** Every device that an array may name. */
export const DEVICES: readonly Device[] = [cpu, gpu, fake];

const CALLS: Readonly<Record<Exclude<DeviceType, "gpu">, readonly CallFamily[]>> = {
  cpu: ["copy", "matmul", "sort", "factorisation", "eig"],
  fake: ["copy", "matmul"],
};
/** Whether the GPU has a family: the runtime, which knows what GPU and what libraries there are, says so. */
export const gpuCalls: { has: (device: Device, family: CallFamily) => boolean } = { has: () => false };
/** True if the device has the routines of a family; on one that has not, such a call is recorded on the CPU. */
export function hasCalls(device: Device, family: CallFamily): boolean {
  return device.type === "gpu" ? gpuCalls.has(device, family) : CALLS[device.type].includes(family);
}

/** True if the device computes a dtype; what reads or gives another is recorded on the CPU, and stays there. */
export function computes(device: Device, dtype: DType): boolean {
  return device.type !== "gpu" || dtype !== "float64";
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
 * `shared`: a value crosses to another device once for all who want it there. In a trace over placeholders it does not, as
 * what is recorded there must not become part of other graphs; it is recorded again when the trace's result is used.
 */
export const recording: { device: Device; several: boolean; sites: number; shared: boolean } = {
  device: cpu,
  several: false,
  sites: CHECK ? 0 : Infinity,
  shared: true,
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
