// Runs a step with sinter and with plain loops, and notes how long each took and what sinter ran.
import * as mx from "../../mod.ts";

/** One line of the report's table. */
export interface Step {
  readonly name: string;
  /** What the step does, in a few words. */
  readonly work: string;
  readonly device: string;
  /** Kernels and library calls of one evaluation, and how many evaluations the step takes. */
  readonly kernels: number;
  readonly evals: number;
  /** Milliseconds of the first run, which compiles the kernels, and of the fastest of the following ones. */
  readonly first: number;
  readonly again: number | null;
  /** Milliseconds of the plain loops, the fastest of as many runs. */
  readonly plain: number;
  /** How far the two results agree. */
  readonly agreement: string;
}

/** A step to measure: recorded by `run`, computed by `plain`. */
export interface Work<T, P> {
  readonly name: string;
  readonly work: string;
  /** Must give the same result whenever it is called. */
  run(): T;
  plain(): P;
  agreement(result: T, plain: P): string;
  /** One evaluation of a step that takes several. */
  readonly one?: { readonly evals: number; record(): mx.Tree };
  /** Run once only. */
  readonly once?: boolean;
}

const REPEATS = 5;

function timed<T>(f: () => T): { result: T; ms: number } {
  const start = performance.now(), result = f();
  return { result, ms: performance.now() - start };
}
function fastest(f: () => unknown): number {
  return Math.min(...Array.from({ length: REPEATS }, () => timed(f).ms));
}

/** The names of the devices that kernels ran on, and their number. */
function inspected(tree: mx.Tree): { device: string; kernels: number; text: string } {
  const plan = mx.explain(tree);
  return {
    device: [...new Set(plan.kernels.map((k) => k.device))].join(", "),
    kernels: plan.kernels.length,
    text: plan.toString(),
  };
}

/** Runs a step both ways; its result, those of the plain loops, the line of the table and what `explain` says. */
export function measure<T extends mx.Tree, P>(step: Work<T, P>): { result: T; plain: P; line: Step; plan: string } {
  const { name, work, run, plain, one, once = false } = step;
  const compute = (): T => {
    const out = run();
    mx.eval(out);
    return out;
  };
  const first = timed(compute), loops = timed(plain);
  const { device, kernels, text } = inspected(one === undefined ? run() : one.record());
  const line: Step = {
    name,
    work,
    device,
    kernels,
    evals: one?.evals ?? 1,
    first: first.ms,
    again: once ? null : fastest(compute),
    plain: once ? loops.ms : Math.min(loops.ms, fastest(plain)),
    agreement: step.agreement(first.result, loops.result),
  };
  return { result: first.result, plain: loops.result, line, plan: text };
}
