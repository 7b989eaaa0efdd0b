// Independent definitions of the reductions in float64 and bigint: loops over the elements that fall into one result. Shares nothing with src/ops.

/** Elements of a row-major array, grouped by their position outside `axes` (in order of both). */
export function groups<T>(values: readonly T[], shape: readonly number[], axes: readonly number[]): T[][] {
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const out: T[][] = Array.from({ length: kept.reduce((a, d) => a * (shape[d] as number), 1) }, () => []);
  values.forEach((v, i) => {
    const at: number[] = [];
    let rest = i;
    for (let d = shape.length - 1; d >= 0; d--) {
      at[d] = rest % (shape[d] as number);
      rest = Math.floor(rest / (shape[d] as number));
    }
    (out[kept.reduce((a, d) => a * (shape[d] as number) + (at[d] as number), 0)] as T[]).push(v);
  });
  return out;
}
const total = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);
const mean = (x: readonly number[]): number => total(x) / x.length;
const variance = (x: readonly number[]): number => {
  const m = mean(x);
  return total(x.map((v) => (v - m) ** 2)) / x.length;
};
const best = (x: readonly number[], better: (a: number, b: number) => boolean): number => {
  let at = 0;
  x.forEach((v, i) => {
    const old = x[at] as number;
    if (old === old && (v !== v || better(v, old))) at = i;
  });
  return at;
};
/** Reductions of floats (of integers as exact float64, but for sums and products of 64 bits). */
export const REDUCE: Readonly<Record<string, (x: readonly number[]) => number>> = {
  sum: total,
  prod: (x) => x.reduce((a, b) => a * b, 1),
  mean,
  var: variance,
  std: (x) => Math.sqrt(variance(x)),
  max: (x) => x[best(x, (a, b) => a > b)] as number,
  min: (x) => x[best(x, (a, b) => a < b)] as number,
  argmax: (x) => best(x, (a, b) => a > b),
  argmin: (x) => best(x, (a, b) => a < b),
  all: (x) => Number(x.every((v) => v !== 0)),
  any: (x) => Number(x.some((v) => v !== 0)),
  countNonzero: (x) => x.filter((v) => v !== 0).length,
  logsumexp: (x) => {
    const m = Math.max(...x);
    return Number.isFinite(m) ? m + Math.log(total(x.map((v) => Math.exp(v - m)))) : m;
  },
};
/** The dtype that a reduction of a dtype has. */
export function reducedDtype(name: string, d: string): string {
  if (name.startsWith("arg")) return "uint32";
  if (name === "all" || name === "any") return "bool";
  if (name === "countNonzero") return "int32";
  if (name === "max" || name === "min") return d;
  if (name === "sum" || name === "prod") {
    return d === "bool" || d === "int8" || d === "int16" ? "int32" : d === "uint8" || d === "uint16" ? "uint32" : d;
  }
  return d.includes("float") || d === "complex64" ? d : "float32";
}
/** Those that give an integer or bool whatever the input. */
export const COUNTS: ReadonlySet<string> = new Set(["argmax", "argmin", "all", "any", "countNonzero"]);
