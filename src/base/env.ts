// The few environment variables that sinter reads, once, in any runtime; without permission to read them they count as not set.
interface Process {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
}

/** An environment variable, or undefined. */
export function environment(name: string): string | undefined {
  try {
    return (globalThis as Process).process?.env?.[name];
  } catch {
    return undefined;
  }
}

/** DEBUG: 1 plans and cache misses, 2 kernels with bytes and flops, 3 reasons of cuts, 4 the text of each kernel and its tape. */
export const DEBUG: number = Number(environment("DEBUG")) || 0;

/** SINTER_CHECK=1: kernels are checked when they are made, index arrays before they are used; errors name the line that recorded an op. */
export const CHECK: boolean = environment("SINTER_CHECK") === "1";

/** Writes a line of debugging output. */
export function debug(text: string): void {
  console.error(`sinter: ${text}`);
}
