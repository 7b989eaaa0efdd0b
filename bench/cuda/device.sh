#!/bin/sh
# What is to be seen on a machine with an NVIDIA GPU, in one go: the test suite on the device, the demo, and the table of bench/cuda. Run it in the root of
# the repository: `sh bench/cuda/device.sh [BUN]`; what it finds goes to the folder OUT. SKIP names parts to leave out: tests, demo, bench.
bun=${1:-bun}
out=${OUT:-zig-out/cuda}
mkdir -p "$out"
export SINTER_DEVICE=gpu bun out
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
"$bun" -e 'import * as mx from "./mod.ts"; console.log(mx.deviceInfo(mx.gpu)); console.log(mx.arange(10).add(1).sum().item());'
# Each test file that a device can change is a process, the longest first; the recorded results are one for each area. Compiling kernels takes most of it.
case " $SKIP " in *" tests "*) ;; *)
  {
    echo tests/generated/ops.test.ts
    for area in promotion $(ls tests/vectors | sed -n 's/.jsonl.gz//p' | grep -vx 'io\|promotion'); do echo "tests/conformance.test.ts $area"; done
    find tests -name '*.test.ts' | grep -v 'conformance\|generated/ops\|layers\|tests/\(metal\|base\|kernel\|shim\|blas\|vectors\)' | sort
  } | xargs -P "$(nproc)" -I{} sh -c '
    set -- {}
    log=$out/$(echo "$*" | tr "/ " __).log
    VECTORS=${2:-} "$bun" test --timeout 900000 "$1" >"$log" 2>&1
    echo "$*: $(grep -E "^ *[0-9]+ (pass|fail)$" "$log" | tr "\n" " ")"
  '
esac
case " $SKIP " in *" demo "*) ;; *) "$bun" examples/demo.ts >"$out/demo.txt" 2>&1; tail -n 40 "$out/demo.txt" ;; esac
case " $SKIP " in *" bench "*) ;; *) "$bun" bench/cuda/run.ts | tee "$out/table.md" ;; esac
