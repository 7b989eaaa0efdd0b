// A progress bar for the terminal; where the output is no terminal, a line at each quarter.
import process from "node:process";

/** Shows that `done` of `total` steps are done, with a note behind. */
export type Progress = (done: number, note: string) => void;

/** A progress bar over `total` steps. */
export function progress(label: string, total: number): Progress {
  const out = process.stdout, width = 28;
  let shown = -1;
  return (done, note) => {
    if (!out.isTTY) {
      const quarter = Math.floor((4 * done) / total);
      if (quarter > Math.max(shown, 0)) console.log(`${label}  ${25 * quarter} %  ${note}`);
      shown = Math.max(shown, quarter);
      return;
    }
    const filled = Math.floor((width * done) / total), last = done >= total;
    if (filled === shown && !last) return;
    shown = filled;
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    out.write(
      `\r\x1b[2K${label}  ${bar}  ${String(Math.floor((100 * done) / total)).padStart(3)} %  ${note}${
        last ? "\n" : ""
      }`,
    );
  };
}
