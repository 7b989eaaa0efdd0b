// A program of the tests, run with SINTER_CHECK=1: index arrays in range and out of it, one message a line.
import * as mx from "../../mod.ts";

const x = mx.arange(12).reshape(3, 4), int = (...v: readonly number[]): mx.NDArray => mx.array(Int32Array.from(v));
function shown(make: () => mx.NDArray): void {
  try {
    console.log(JSON.stringify(make().flatten().tolist()));
  } catch (e) {
    console.log(String(e).replaceAll("\n", ""));
  }
}
const taken = mx.take(x, int(0, 3, 1), 0);
shown(() => taken);
const unsigned = x.get(":", mx.array(Uint8Array.from([4])));
shown(() => unsigned);
const added = x.at(int(-4)).add(1);
shown(() => added);
const nested = mx.take(x, mx.take(int(0, 9), int(1)), 1);
shown(() => nested.add(1));
shown(() => mx.take(x, int(-3, 2), 0));
shown(() => x.at(":", int(-4, 3)).add(1));
