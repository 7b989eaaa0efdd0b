// Starts Workers that train, terminates them in the middle, and waits until their memory came back.
import * as mx from "../../mod.ts";

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `rounds` times: starts `count` Workers, lets all of them train, and terminates them. Rejects if one fails. */
export async function terminatedWorkers(count: number, rounds: number): Promise<void> {
  const start = mx.getActiveMemory();
  for (let round = 0; round < rounds; round++) {
    const workers = Array.from(
      { length: count },
      () => new Worker(new URL("./trainer.ts", import.meta.url), { type: "module" }),
    );
    await Promise.all(workers.map((w) =>
      new Promise<void>((resolve, reject) => {
        w.addEventListener("message", () => resolve());
        w.addEventListener("error", (e) => reject(new Error(e.message)));
      })
    ));
    await later(20 + 7 * (round % 5));
    for (const w of workers) w.terminate();
    await ended(start + 2e5);
  }
}
/** Waits until no more than `bytes` are in use, or no less than five seconds ago: threads end some time after terminate(). */
async function ended(bytes: number): Promise<void> {
  let least = Infinity, waited = 0;
  while (mx.getActiveMemory() > bytes && waited < 5000) {
    const now = mx.getActiveMemory();
    waited = now < least ? 0 : waited + 25;
    least = Math.min(least, now);
    await later(25);
  }
}
