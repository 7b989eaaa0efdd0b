// Linear algebra with matrices that are large enough for a vendor's library, in a process of its own for SINTER_BLAS: prints what is in use,
// how far results are from what defines them, and how often the stand-in's routines were called.
import process from "node:process";
import * as mx from "../../mod.ts";
import { bunHost } from "../../src/runtime/ffi_bun.ts";
import { denoHost } from "../../src/runtime/ffi_deno.ts";
import type { Host } from "../../src/runtime/host.ts";
import { distances } from "./linalg_checks.ts";
import { Random } from "./random_graph.ts";

/** What a run says. */
export interface Report {
  readonly blas: string;
  readonly lapack: string;
  readonly calls: readonly number[];
  /** Units of the dtype's precision, by what was computed. */
  readonly far: Readonly<Record<string, number>>;
}
/** The counters of the stand-in. */
export const COUNTED = ["gemm", "lu", "cholesky", "solve", "qr", "eigh", "svd", "spoiled"] as const;

function report(): Report {
  const r = new Random(7), far: Record<string, number> = {};
  const matrix = (m: number, n: number, d: mx.DType): mx.NDArray =>
    mx.array(Float64Array.from({ length: m * n }, () => 2 * r.next() - 1), { shape: [m, n], dtype: d });
  const apart = (a: mx.NDArray, b: mx.NDArray): number => mx.max(mx.abs(a.sub(b))).astype("float64").item() as number;
  for (const d of ["float32", "float64"] as const) {
    const unit = d === "float32" ? 2 ** -24 : 2 ** -53;
    const set = (name: string, error: number, complex = false): void => {
      far[`${name} ${d}`] = error / (complex ? 2 ** -24 : unit);
    };
    for (const [name, distance] of Object.entries(distances((n) => matrix(n, n, d), 70))) {
      set(name, distance(), name.startsWith("eig") && !name.startsWith("eigh") && !name.startsWith("eigvalsh"));
    }
    for (const [m, n] of [[90, 70], [70, 90]] as const) {
      const a = matrix(m, n, d), k = Math.min(m, n), [q, t] = mx.linalg.qr(a), [u, s, v] = mx.linalg.svd(a);
      set(`qr [${m},${n}]`, Math.max(apart(q.matmul(t), a), apart(q.T.matmul(q), mx.eye(k, { dtype: d }))));
      const rebuilt = u.get(":", `:${k}`).mul(s).matmul(v.get(`:${k}`));
      set(`svd [${m},${n}]`, Math.max(apart(rebuilt, a), apart(u.T.matmul(u), mx.eye(m, { dtype: d }))));
      set(`pinv [${m},${n}]`, apart(a.matmul(mx.linalg.pinv(a)).matmul(a), a));
    }
    const x = matrix(80, 70, d), y = matrix(70, 80, d), z = matrix(80, 80, d);
    set(
      "a transposed product with an addend",
      apart(
        mx.addmm(z, y.T, x.T, { alpha: 2, beta: 0.5 }),
        mx.sum(y.T.reshape(80, 70, 1).mul(x.T.reshape(1, 70, 80)), 1).mul(2).add(z.mul(0.5)),
      ),
    );
  }
  const i = mx.array({ re: 0, im: 1 }),
    complex = (m: number, n: number): mx.NDArray => matrix(m, n, "float32").add(matrix(m, n, "float32").mul(i));
  const a = complex(80, 70), h = mx.conjugate(a.T).matmul(a), [w, v] = mx.linalg.eigh(h), [u, s, t] = mx.linalg.svd(a);
  far["eigh complex64"] = apart(h.matmul(v), v.mul(w)) / 2 ** -24;
  far["svd complex64"] = apart(u.get(":", ":70").mul(s).matmul(t), a) / 2 ** -24;
  far["unitary complex64"] = apart(mx.conjugate(u.T).matmul(u), mx.eye(80).astype("complex64")) / 2 ** -24;
  const re = mx.real(a), im = mx.imag(a), b = complex(70, 66);
  const product = re.matmul(mx.real(b)).sub(im.matmul(mx.imag(b)));
  far["product complex64"] = apart(mx.real(a.matmul(b)), product) / 2 ** -24;
  const path = process.env["SINTER_BLAS"] ?? "none", { blas = "", lapack = "" } = mx.deviceInfo(mx.cpu);
  const host = (bunHost() ?? denoHost()) as Host;
  const standin = path === "none" ? null : host.bind(path, { standin_calls: [["u32"], "u32"] });
  return { blas, lapack, calls: COUNTED.map((_, k) => standin?.standin_calls(k) ?? 0), far };
}
if (import.meta.main) console.log(JSON.stringify(report()));
