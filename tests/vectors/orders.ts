// Compares results whose order is open: as sets, and as the halves of a partition.
import { decodeValue, Mismatch, type Neutral, numbersOf, type VectorCase } from "./cases.ts";
import { compareHead, near, same, show, tolOf } from "./values.ts";

// The flat positions of each line along an axis (of the whole array if it is null).
function lines(shape: readonly number[], axis: number | null): number[][] {
  const size = shape.reduce((a, b) => a * b, 1);
  if (axis === null || shape.length === 0) return [Array.from({ length: size }, (_, i) => i)];
  const at = axis < 0 ? axis + shape.length : axis;
  const n = shape[at] as number;
  const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
  const out: number[][] = [];
  if (size === 0) return out;
  for (let start = 0; start < size / n; start++) {
    const base = Math.floor(start / inner) * inner * n + (start % inner);
    out.push(Array.from({ length: n }, (_, i) => base + i * inner));
  }
  return out;
}

function axisOf(c: VectorCase, position: number): number | null {
  const axis = c.opts?.["axis"] ?? (c.opts !== undefined && "axis" in c.opts ? null : c.args?.[position] ?? -1);
  return axis as number | null;
}

// Values as texts, so that sets of them compare exactly; both zeros give "0".
function textsOf(array: Neutral): string[] {
  const { re, im } = numbersOf(array);
  return re.map((x, i) => (im === undefined ? String(x) : `${x} ${im[i]}`));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join() === [...b].sort().join();
}

export function compareAnyOrder(c: VectorCase, got: unknown, out: unknown): void {
  const want = out as Neutral;
  compareHead(got, want, "");
  const a = numbersOf(got);
  const b = numbersOf(want);
  const tol = tolOf(c, 0);
  const axis = c.op === "linalg.eigvals" ? -1 : axisOf(c, 2);
  for (const line of lines(want.shape, axis)) {
    const left = new Set(line);
    for (const i of line) {
      let best = -1;
      let distance = Infinity;
      for (const j of left) {
        const re = a.re[j] as number | bigint;
        const wantRe = b.re[i] as number | bigint;
        if (same(re, wantRe) && same(a.im?.[j] ?? 0, b.im?.[i] ?? 0)) {
          best = j;
          break;
        }
        const d = Math.hypot(Number(re) - Number(wantRe), (a.im?.[j] ?? 0) - (b.im?.[i] ?? 0));
        if (tol !== null && d < distance && near(Number(re), a.im?.[j] ?? 0, Number(wantRe), b.im?.[i] ?? 0, tol)) {
          best = j;
          distance = d;
        }
      }
      if (best < 0) throw new Mismatch(`no value of the result is ${show(b.re[i] as number, b.im?.[i])}`);
      left.delete(best);
    }
  }
}

export function comparePartition(c: VectorCase, got: unknown, out: unknown): void {
  const want = out as Neutral;
  compareHead(got, want, "");
  const axis = axisOf(c, 2);
  const kth = Number(c.args?.[1]);
  const byIndex = c.op === "argpartition";
  const source = byIndex ? decodeValue(c.args?.[0]) as Neutral : want;
  const values = textsOf(source);
  const a = textsOf(got);
  const b = textsOf(want);
  const sources = lines(source.shape, axis);
  lines(want.shape, axis).forEach((line, l) => {
    const from = sources[l] as number[];
    const read = (list: readonly string[]): string[] =>
      line.map((i) => (byIndex ? values[from[Number(list[i])] as number] : list[i]) as string);
    if (byIndex && !sameSet(line.map((i) => a[i] as string), line.map((_, i) => String(i)))) {
      throw new Mismatch(`line ${l} of the indices is no permutation`);
    }
    const x = read(a);
    const y = read(b);
    const k = kth < 0 ? kth + line.length : kth;
    if (x[k] !== y[k]) throw new Mismatch(`line ${l}: element ${k} is ${x[k]}, expected ${y[k]}`);
    if (!sameSet(x.slice(0, k), y.slice(0, k))) throw new Mismatch(`line ${l}: the elements before ${k} differ`);
    if (!sameSet(x.slice(k + 1), y.slice(k + 1))) throw new Mismatch(`line ${l}: the elements after ${k} differ`);
  });
}
