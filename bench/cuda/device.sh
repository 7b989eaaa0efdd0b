#!/bin/sh
# What is to be seen on a machine with an NVIDIA GPU, in one go: the test suite on the device, the demo, and the table of bench/cuda. Run it in the root of
# the repository: `sh bench/cuda/device.sh [BUN [DENO]]`, where tests run under Deno too if it is named; what it finds goes to the folder OUT. SKIP names
# parts to leave out (tests, demo, bench), JOBS is how many processes test at a time, TESTS a pattern of the files that do.
bun=${1:-bun} deno=$2
out=${OUT:-zig-out/cuda}
mkdir -p "$out/tests"
export SINTER_DEVICE=gpu NO_COLOR=1 bun deno out
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
"$bun" -e 'import * as mx from "./mod.ts"; console.log(mx.deviceInfo(mx.gpu)); console.log(mx.arange(10).add(1).sum().item());'
# Each test file that a device can change is a process, and each share of a long one; the longest come first. To compile kernels takes most of the time.
shares() { for part in $(seq "$2"); do echo "tests/$1.test.ts $part/$2"; done; }
tasks() {
  shares generated/ops 24
  shares conformance 24
  shares generated/transforms 16
  shares generated/shapeless 16
  shares generated/fusion 12
  shares generated/gradients 8
  shares generated/lengths 6
  shares generated/control 4
  shares ops/scan 7
  find tests -name '*.test.ts' | grep -vE 'conformance|ops/scan|generated/(ops|tr|sh|f|g|len|control\.)|layers|tests/(metal|base|kernel|shim|blas|vectors)' | sort | sed 's|$| 1/1|'
}
case " $SKIP " in *" tests "*) ;; *)
  tasks | grep -E "${TESTS:-.}" | while read -r task; do echo "bun $task"; [ -z "$deno" ] || echo "deno $task"; done | xargs -P "${JOBS:-$(nproc)}" -L 1 sh -c '
    log=$out/tests/$(echo "$0 $1 $2" | tr "/ " __).log from=$(date +%s)
    export SHARE=$2
    case $0 in bun) "$bun" test --timeout 900000 "./$1" ;; deno) "$deno" test -A --no-check "./$1" ;; esac >"$log" 2>&1
    code=$?
    counts=$(sed -nE "s/^ *([0-9]+) (pass|fail)$/\1/p; s/^\w+ \| ([0-9]+) passed.* \| ([0-9]+) failed.*/\1 \2/p" "$log" | tr "\n" " ")
    echo "$0:$1 $2 ${counts:-0 1} $(($(date +%s) - from)) $code"
  ' >"$out/tests.txt"
  awk '{ n[$1]++; pass[$1] += $3; fail[$1] += $4 > 0 || $6 == 0 ? $4 : 1; time[$1] += $5 }
    END { for (f in n) { printf "%s: %d passed, %d failed, %d s in %d processes\n", f, pass[f], fail[f], time[f], n[f]; p += pass[f]; q += fail[f] }
      printf "%d passed, %d failed\n", p, q }' "$out/tests.txt" | sort
esac
case " $SKIP " in *" demo "*) ;; *) "$bun" examples/demo.ts >"$out/demo.txt" 2>&1; tail -n 40 "$out/demo.txt" ;; esac
case " $SKIP " in *" bench "*) ;; *)
  "$bun" bench/cuda/run.ts | tee "$out/table.md"
  # Control flow, on both devices and beside JAX.
  { "$bun" bench/cuda/control.ts; SINTER_DEVICE=cpu "$bun" bench/cuda/control.ts; "${PYTHON:-python3}" bench/cuda/control_peer.py; } | tee "$out/control.txt"
esac
