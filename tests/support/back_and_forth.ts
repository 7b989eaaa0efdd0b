// A loop whose values go back and forth between a device and the CPU, and are read: what DEBUG=1 tells of it when this file is run.
import { readFileSync } from "node:fs";
import process from "node:process";
import * as mx from "../../mod.ts";
import { DEVICES } from "../../src/core/device.ts";

/** Records `steps` rounds on a device; evaluates each if asked to. */
export function rounds(device: mx.Device, steps: number, evaluate: boolean): mx.NDArray {
  let x = mx.stream(device, () => mx.ones([4])) as mx.NDArray;
  for (let i = 0; i < steps; i++) {
    const y = mx.stream(mx.cpu, () => x.mul(2)) as mx.NDArray; // the CPU waits
    x = mx.stream(device, () => y.sub(1)) as mx.NDArray; // the device waits
    if (evaluate) mx.eval(x); // the host waits
  }
  return x;
}
const source = readFileSync(new URL(import.meta.url), "utf8").split("\n");
const lineOf = (comment: string): string =>
  `back_and_forth.ts:${source.findIndex((line) => line.endsWith(`// ${comment}`)) + 1}`;
/** The places above, as errors and `explain` name them. */
export const CPU_WAITS: string = lineOf("the CPU waits"),
  DEVICE_WAITS: string = lineOf("the device waits"),
  HOST_WAITS: string = lineOf("the host waits");

const name = process.argv[2];
if (import.meta.main && name !== undefined) rounds(DEVICES.find((d) => d.type === name) as mx.Device, 5, true);
