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
/** Whether there is a GPU, and whether it has a family: the runtime knows. */
export const gpus: { there: () => boolean; has: (device: Device, family: CallFamily) => boolean } = {
  there: () => false,
  has: () => false,
};
/** True if the device has the routines of a family; on one that has not, such a call is recorded on the CPU. */
export function hasCalls(device: Device, family: CallFamily): boolean {
  return device.type === "gpu" ? gpus.has(device, family) : CALLS[device.type].includes(family);
}

/** True if the device computes a dtype; what reads or gives another is recorded on the CPU, and stays there. */
export function computes(device: Device, dtype: DType): boolean {
  return device.type !== "gpu" || dtype !== "float64";
}

/** The device that SINTER_DEVICE names, or null. */
function named(): Device | null {
  const name = environment("SINTER_DEVICE") ?? "";
  const found = name === "" ? null : DEVICES.find((d) => d.type === name);
  if (found !== undefined) return found;
  throw new Error(`Cannot use SINTER_DEVICE=${name}: devices are ${DEVICES.map((d) => d.type).join(", ")}`);
}

/** How what follows is recorded. */
class Recording {
  /** Null until it is asked for: then the GPU, if there is one. */
  #device: Device | null = named();
  #several: boolean = this.#device !== null && this.#device !== cpu;
  /** Of values of so many bytes or more the user's line is noted: never, but under SINTER_CHECK and a memory limit, as it takes V8 some microseconds. */
  sites: number = CHECK ? 0 : Infinity;
  /**
   * A value crosses to another device once for all who want it there. In a trace over placeholders it does not, as what is
   * recorded there must not become part of other graphs; it is recorded again when the trace's result is used.
   */
  shared = true;

  /** Where ops are recorded. */
  get device(): Device {
    return this.#device ?? this.#choose();
  }

  set device(device: Device) {
    this.#device = device;
    this.#several ||= device !== cpu;
  }

  /** False while there was no device but the CPU, so that nothing has to look for others. */
  get several(): boolean {
    if (this.#device === null) this.#choose();
    return this.#several;
  }

  /** Runs `f` with ops recorded on a device; does not ask for the one of the moment. */
  on<T>(device: Device, f: () => T): T {
    const before = this.#device;
    if (before === device) return f();
    this.device = device;
    try {
      return f();
    } finally {
      this.#device = before;
    }
  }

  #choose(): Device {
    this.device = gpus.there() ? gpu : cpu;
    return this.#device as Device;
  }
}
export const recording: Recording = new Recording();
/** Runs `f` with ops recorded on a device. */
export function on<T>(device: Device, f: () => T): T {
  return recording.on(device, f);
}
