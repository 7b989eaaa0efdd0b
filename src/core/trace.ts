// The outermost running trace: nodes made since it began keep their inputs when they are evaluated.
import { nextSerial } from "./node.ts";

interface Trace {
  /** Serial of the first node of the outermost running trace; null while none runs. The evaluator keeps the inputs of nodes from there on. */
  first: number | null;
  /** How many traces run, one in the other. */
  depth: number;
}
/** What runs now. */
export const trace: Trace = { first: null, depth: 0 };

/** Runs a user's function under a trace; an exception passes through as it is. */
export function traced<T>(run: () => T): T {
  if (trace.depth++ === 0) trace.first = nextSerial();
  try {
    return run();
  } finally {
    if (--trace.depth === 0) trace.first = null;
  }
}
