// The outermost running trace: nodes made since it began keep their inputs when they are evaluated.
import { plainError } from "../base/error.ts";
import { recording } from "./device.ts";
import { nextSerial } from "./node.ts";

interface Trace {
  /** Serial of the first node of the outermost running trace; null while none runs. The evaluator keeps the inputs of nodes from there on. */
  first: number | null;
  /** How many traces run, one in the other. */
  depth: number;
  /** Serial of the first node of the innermost trace over placeholders; null while none runs. Arrays made before it must not change. */
  sealed: number | null;
  /** Collects the arrays whose nodes are taken, while a trace wants to know what its function captures. */
  reads: Set<object> | null;
  /** Serial of the first node of the running trace whose sizes are symbols; null while none runs. */
  symbolic: number | null;
}
/** What runs now. */
export const trace: Trace = { first: null, depth: 0, sealed: null, reads: null, symbolic: null };

/** Runs a user's function under a trace, over placeholders if `sealed`; an exception passes through as it is. */
export function traced<T>(run: () => T, sealed = false): T {
  const before = trace.sealed, shared = recording.shared;
  if (trace.depth++ === 0) trace.first = nextSerial();
  if (sealed) {
    trace.sealed = nextSerial();
    recording.shared = false;
  }
  try {
    return run();
  } finally {
    trace.sealed = before;
    recording.shared = shared;
    if (--trace.depth === 0) trace.first = null;
  }
}

/** For what needs sizes as numbers: ends a trace whose sizes are symbols, after which the function is traced over numbers. */
export function needNumbers(): void {
  if (trace.symbolic !== null) throw plainError("internal: this trace has no numbers for its sizes");
}
