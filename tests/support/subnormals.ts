// What the device under test makes of the smallest float32.
import * as mx from "../../mod.ts";

/** The smallest normal float32. */
export const NORMAL: number = 2 ** -126;
/** True if the device takes smaller ones for 0, as Apple's GPUs do. */
export const FLUSHES: boolean = mx.multiply(mx.array([NORMAL / 2]), 1.5).item() === 0;
/** Without subnormals, what is computed close to them is inexact: below this, numbers are neither drawn nor compared. */
export const TINY: number = FLUSHES ? 2 ** -100 : 0;
