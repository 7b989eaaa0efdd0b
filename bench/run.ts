// Measures the cases on sinter and, given the folder of the peers' programs, beside them in one run: `bun run bench --help`.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Bench } from "tinybench";
import { cases } from "./cases.ts";
import type { Params } from "./inputs.ts";

const HELP = `Measures the cases of bench/cases.json.
  --only REGEX     cases whose name:size matches
  --json           one JSON line a case
  --check          small sizes: the two checksums of each case, compared with the first peer's if there is --peers
  --peers DIR      also run the peers' programs of that folder (its drive.py; set PEERS_HOME to what it installed)
  --peer LIST      which of the peers (numpy,mlx,...)
  --rounds N       do all of it N times and keep the best of each (1)
  --timeout S      of one case of a peer (90)
  --quick          few repeats`;

interface Case {
  readonly case: string;
  readonly size: string;
  readonly params: Params;
  readonly check?: Params;
  readonly tol?: number;
  readonly flops?: number;
  readonly bytes?: number;
}
interface Spec {
  readonly threads: number;
  readonly warmup: number;
  readonly min_reps: number;
  readonly max_reps: number;
  readonly budget_s: number;
  readonly cases: readonly Case[];
}
/** One measurement, as the peers write it. */
interface Row {
  readonly peer: string;
  readonly case: string;
  readonly size: string;
  readonly ms_min?: number;
  readonly ms_median?: number;
  readonly error?: string;
  readonly check?: readonly number[];
}

const { values: opt } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    peers: { type: "string" },
    peer: { type: "string", default: "numpy,mlx,mlx-compile" },
    rounds: { type: "string", default: "1" },
    timeout: { type: "string", default: "90" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const here = fileURLToPath(new URL(".", import.meta.url)), file = join(here, "cases.json");
const spec = JSON.parse(readFileSync(file, "utf8")) as Spec, only = new RegExp(opt.only);
const chosen = spec.cases.filter((c) =>
  cases[c.case] !== undefined && only.test(`${c.case}:${c.size}`.replaceAll(",", ";"))
);

// ---- sinter -----------------------------------------------------------------------------------------------------------
/** Two numbers of all outputs: the mean magnitude and a mean weighted by position. */
function checksum(arrays: readonly ArrayLike<number>[]): [number, number] {
  let a = 0, w = 0, i = 0;
  for (const x of arrays) {
    for (let k = 0; k < x.length; k++) {
      a += Math.abs(x[k] as number);
      w += (x[k] as number) * ((i++ * 7919 % 1009) / 1009);
    }
  }
  return [a / i, w / i];
}
async function measure(c: Case): Promise<Row> {
  const build = cases[c.case] as (typeof cases)[string], row = { peer: "sinter", case: c.case, size: c.size };
  try {
    if (opt.check) {
      const r = build(c.check ?? c.params);
      r.run();
      return { ...row, check: checksum(r.out()) };
    }
    const r = build(c.params),
      timed = (n: number): number => {
        const t = performance.now();
        for (let i = 0; i < n; i++) r.run();
        return (performance.now() - t) / n;
      };
    let one = timed(1);
    for (let i = 0; i < spec.warmup; i++) one = timed(1);
    // Short calls are timed in groups of about 2 ms, after the JIT compiler had 100 ms.
    if (one < 2) { for (const end = performance.now() + 100; performance.now() < end;) one = timed(1); }
    const group = one < 2 ? Math.max(1, Math.floor(2 / Math.max(one, 1e-4))) : 1;
    const bench = new Bench({
      iterations: opt.quick ? 2 : spec.min_reps,
      time: (opt.quick ? 0.2 : spec.budget_s) * 1000,
      warmup: false,
      throws: true,
    });
    bench.add(c.case, () => {
      for (let i = 0; i < group; i++) r.run();
    });
    await bench.run();
    const result = bench.tasks[0]?.result;
    if (result === undefined || !("latency" in result)) throw new Error("no result");
    const min = result.latency.min / group,
      p50 = result.latency.p50 / group,
      round = (x: number, d: number): number => Number(x.toFixed(d));
    return {
      ...row,
      ms_min: round(min, 5),
      ms_median: round(p50, 5),
      ...(c.flops === undefined ? {} : { gflops: round(c.flops / min / 1e6, 2) }),
      ...(c.bytes === undefined ? {} : { gbps: round(c.bytes / min / 1e6, 2) }),
    };
  } catch (e) {
    return { ...row, error: e instanceof Error ? e.message : String(e) };
  }
}

// ---- peers ------------------------------------------------------------------------------------------------------------
/** Lines of JSON that a program writes, as they come. */
function lines(command: string, args: readonly string[], cwd: string, take: (r: Row) => void): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, SINTER_THREADS: String(spec.threads) },
    });
    let text = "", tail = "";
    child.stdout.on("data", (x: Uint8Array) => {
      const parts = (text + new TextDecoder().decode(x)).split("\n");
      text = parts.pop() ?? "";
      for (const l of parts) if (l.startsWith("{")) take(JSON.parse(l) as Row);
    });
    child.stderr.on("data", (x: Uint8Array) => tail = (tail + new TextDecoder().decode(x)).slice(-500));
    child.on("error", (e) => {
      console.error(`${command}: ${e.message}`);
      resolve();
    });
    child.on("close", (code) => {
      if (code !== 0) console.error(`${command} ended with ${code}: ${tail}`);
      resolve();
    });
  });
}
/** Their driver with these cases; it starts a peer again past a case that dies. */
const DRIVE = `
import json, sys, drive
cases, peer, timeout, flags = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
drive.SPEC = json.load(open(cases))
drive.ENV["PEERS_CASES"] = cases
for r in drive.run_peer(peer, flags, timeout):
    print(json.dumps(r), flush=True)
`;
async function race(dir: string): Promise<void> {
  const python = process.env["PEERS_HOME"] === undefined
    ? "python3"
    : join(process.env["PEERS_HOME"], "peers/bin/python");
  const peers = opt.peer.split(",").filter((p) => p !== ""), best = new Map<string, Row>();
  const keep = (r: Row): void => {
    const key = `${r.peer} ${r.case}:${opt.check ? "" : r.size}`, old = best.get(key);
    if (old === undefined || (r.ms_min ?? Infinity) < (old.ms_min ?? Infinity)) best.set(key, r);
    if (opt.json) console.log(JSON.stringify(r));
  };
  const flags = ["--only", opt.only, ...(opt.check ? ["--check"] : []), ...(opt.quick ? ["--quick"] : [])];
  for (let i = 0; i < Number(opt.rounds); i++) {
    const self = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
    await lines(process.execPath, [...self, join(here, "run.ts"), "--json", ...flags], here, keep);
    for (const p of peers) await lines(python, ["-c", DRIVE, file, p, opt.timeout, ...flags], dir, keep);
  }
  const find = (peer: string, c: Case): Row | undefined => best.get(`${peer} ${c.case}:${opt.check ? "" : c.size}`);
  if (opt.check) {
    for (const c of chosen) {
      if (c.check === undefined) continue;
      const mine = find("sinter", c),
        other = peers.map((p) => find(p, c)).find((r) => r?.check !== undefined),
        a = mine?.check,
        b = other?.check;
      const near = a !== undefined && b !== undefined &&
        a.every((x, k) => Math.abs(x - (b[k] as number)) <= (c.tol ?? 1e-3) * Math.max(Math.abs(b[0] as number), 1e-6));
      if (!near && other !== undefined) process.exitCode = 1;
      console.log(
        `${other === undefined ? "no peer" : near ? "same   " : "DIFFERS"} ${c.case} ${
          String(a ?? mine?.error)
        } against ${other?.peer} ${String(b)}`,
      );
    }
    return;
  }
  const cell = (r: Row | undefined): string =>
    r === undefined ? "" : r.ms_min === undefined ? "x" : r.ms_min.toPrecision(3);
  console.log(
    `\nms, minimum; ratio = best peer / sinter, above 1 sinter is faster\n\n| case | size | sinter | ${
      peers.join(" | ")
    } | ratio | best peer |\n|${"---|".repeat(peers.length + 5)}`,
  );
  for (const c of chosen) {
    const mine = find("sinter", c), others = peers.map((p) => find(p, c));
    const top = others.filter((r): r is Row & { ms_min: number } =>
      r?.ms_min !== undefined
    ).sort((a, b) => a.ms_min - b.ms_min)[0];
    const ratio = top === undefined || mine?.ms_min === undefined ? "" : (top.ms_min / mine.ms_min).toFixed(2);
    console.log(`| ${[c.case, c.size, cell(mine), ...others.map(cell), ratio, top?.peer ?? ""].join(" | ")} |`);
    if (mine?.error !== undefined) {
      console.log(`  sinter failed: ${mine.error}`);
    }
  }
}

if (opt.help) console.log(HELP);
else if (opt.peers !== undefined) await race(opt.peers);
else {
  for (const c of chosen) {
    if (opt.check && c.check === undefined) continue;
    const r = await measure(c);
    if (opt.json) console.log(JSON.stringify(r));
    else if (r.error !== undefined) console.log(`${r.case} ${r.size}: ${r.error}`);
    else if (r.check !== undefined) console.log(`${r.case}: ${r.check.join(" ")}`);
    else {
      const { gflops, gbps } = r as { readonly gflops?: number; readonly gbps?: number };
      console.log(
        `${r.case.padEnd(16)}${r.size.padEnd(24)}${String(r.ms_min).padStart(12)} ms min ${
          String(r.ms_median).padStart(12)
        } ms median${gflops === undefined ? "" : ` ${gflops} GFLOP/s`}${gbps === undefined ? "" : ` ${gbps} GB/s`}`,
      );
    }
  }
}
