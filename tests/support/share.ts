// Shares of long tests, for machines of many cores: SHARE=2/8 takes every eighth case, from the second on.
import process from "node:process";

const [part = 1, parts = 1] = (process.env["SHARE"] ?? "1/1").split("/").map(Number);
/** Whether this process runs all cases: only then can be said what no case reached. */
export const whole = parts === 1;
/** The cases of a list that this process runs. */
export function shareOf<T>(list: readonly T[]): T[] {
  return list.filter((_, i) => i % parts === part - 1);
}
/** The whole numbers of this process's share from `first` on, of `count`. */
export function seeds(first: number, count: number): number[] {
  return shareOf(Array.from({ length: count }, (_, i) => first + i));
}
