#!/bin/sh
# What is to be seen on a machine with an NVIDIA GPU, in one go: tests on the device, the demo, and the table of bench/cuda. Run it in the root of the
# repository: `sh bench/cuda/device.sh [BUN]`; what it finds goes to the folder OUT. SKIP names parts to leave out: tests, demo, bench.
bun=${1:-bun}
out=${OUT:-zig-out/cuda}
mkdir -p "$out"
export SINTER_DEVICE=gpu
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
"$bun" -e 'import * as mx from "./mod.ts"; console.log(mx.deviceInfo(mx.gpu)); console.log(mx.arange(10).add(1).sum().item());'
case " $SKIP " in *" tests "*) ;; *)
  for part in ops generated io conformance vectors.test runtime/errors runtime/async runtime/devices runtime/compile cuda; do
    name=$(echo "$part" | tr / _)
    "$bun" test --timeout 600000 $(find tests -name '*.test.ts' -path "tests/$part*") >"$out/$name.log" 2>&1 &
  done
  wait
  for log in "$out"/*.log; do echo "$log: $(grep -E '^ *[0-9]+ (pass|fail)$' "$log" | tr '\n' ' ')"; done
esac
case " $SKIP " in *" demo "*) ;; *) "$bun" examples/demo.ts >"$out/demo.txt" 2>&1; tail -n 40 "$out/demo.txt" ;; esac
case " $SKIP " in *" bench "*) ;; *) "$bun" bench/cuda/run.ts | tee "$out/table.md" ;; esac
