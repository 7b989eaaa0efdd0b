// The demo's report: one HTML page with its charts as inline SVG, which needs no network.
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Step } from "./measure.ts";

/** What the report shows. */
export interface Findings {
  readonly engine: string;
  /** Facts about the device: instruction set, threads, libraries. */
  readonly device: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly train: number;
  readonly test: number;
  readonly accuracies: readonly { readonly name: string; readonly value: number }[];
  /** Each 64 numbers. */
  readonly components: readonly (readonly number[])[];
  /** Share of the variance that each component explains. */
  readonly explained: readonly number[];
  readonly projected: readonly { readonly x: number; readonly y: number; readonly digit: number }[];
  /** One for each step, of `steps` steps an epoch. */
  readonly losses: readonly number[];
  readonly steps: number;
  /** One for each epoch. */
  readonly testLosses: readonly number[];
  /** Rows are digits, columns what they were read as. */
  readonly confusion: readonly (readonly number[])[];
  readonly misread: readonly { readonly truth: number; readonly read: number; readonly pixels: readonly number[] }[];
  readonly lines: readonly Step[];
  /** What `explain` says about one training step. */
  readonly plan: string;
}

const INK = "#1f2933", MUTED = "#66727f", LINE = "#dde2e7", ACCENT = "#2b6a99", WARM = "#c8553d";
// Ten hues that differ in lightness too.
const HUES = [
  "#4e79a7",
  "#f28e2b",
  "#59a14f",
  "#e15759",
  "#499894",
  "#b6992d",
  "#9d7660",
  "#d37295",
  "#79706e",
  "#8073ac",
];
const FONT = "system-ui, sans-serif";

const escape = (s: string): string =>
  s.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;

/** A chart as SVG that shrinks with the page. */
async function chart(label: string, spec: TopLevelSpec): Promise<string> {
  const { spec: compiled } = compile(spec, {
    config: {
      background: "transparent",
      font: FONT,
      view: { stroke: null },
      axis: {
        domainColor: LINE,
        gridColor: LINE,
        tickColor: LINE,
        labelColor: MUTED,
        titleColor: INK,
        titleFontWeight: "normal",
        labelFontSize: 11,
        titleFontSize: 12,
        titlePadding: 8,
      },
      legend: { labelColor: INK, titleColor: INK, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12 },
      mark: { aria: false },
      header: { labelColor: INK, labelFontSize: 11, labelPadding: 4, title: null },
    },
  });
  const svg = await new vega.View(vega.parse(compiled), { renderer: "none" }).toSVG();
  return svg.replace("<svg ", `<svg role="img" aria-label="${escape(label)}" `);
}

/** Small images of 8 × 8 pixels in a grid, each with a line above. */
function images(
  label: string,
  items: readonly { readonly title: string; readonly pixels: readonly number[] }[],
  columns: number,
  size: number,
  scale: { readonly scheme?: "blueorange"; readonly range?: string[]; readonly domain: number[] },
): Promise<string> {
  const values = items.flatMap(({ title, pixels }, item) =>
    pixels.map((value, i) => ({ item, title, column: i % 8, row: Math.floor(i / 8), value }))
  );
  const labels = JSON.stringify(items.map((i) => i.title));
  return chart(label, {
    data: { values },
    columns,
    spacing: { row: 12, column: 14 },
    facet: { field: "item", type: "ordinal", header: { labelExpr: `${labels}[datum.value]` } },
    spec: {
      width: size,
      height: size,
      mark: { type: "rect", strokeWidth: 0.4 },
      encoding: {
        x: { field: "column", type: "ordinal", axis: null, scale: { paddingInner: 0, paddingOuter: 0 } },
        y: { field: "row", type: "ordinal", axis: null, scale: { paddingInner: 0, paddingOuter: 0 } },
        color: { field: "value", type: "quantitative", legend: null, scale },
        stroke: { field: "value", type: "quantitative", legend: null, scale },
      },
    },
  });
}

const accuracyChart = (f: Findings): Promise<string> =>
  chart("Test accuracy of each method", {
    data: { values: f.accuracies.map((a) => ({ ...a, text: percent(a.value) })) },
    width: 520,
    height: { step: 28 },
    encoding: {
      y: {
        field: "name",
        type: "nominal",
        sort: null,
        axis: {
          title: null,
          domain: false,
          ticks: false,
          labelColor: INK,
          labelFontSize: 12,
          labelPadding: 8,
          labelLimit: 220,
        },
      },
      x: { field: "value", type: "quantitative", scale: { domain: [0, 1] }, axis: null },
    },
    layer: [
      { mark: { type: "bar", height: 16, color: ACCENT } },
      { mark: { type: "text", align: "left", dx: 6, color: INK, fontSize: 12 }, encoding: { text: { field: "text" } } },
    ],
  });

const scatterChart = (f: Findings): Promise<string> =>
  chart("The training images on the first two principal components, coloured by digit", {
    data: { values: f.projected.map((p) => ({ ...p })) },
    width: 420,
    height: 340,
    mark: { type: "circle", size: 22, opacity: 0.75 },
    encoding: {
      x: { field: "x", type: "quantitative", title: "first component", axis: { tickCount: 6 } },
      y: { field: "y", type: "quantitative", title: "second component", axis: { tickCount: 6 } },
      color: {
        field: "digit",
        type: "nominal",
        title: "digit",
        scale: { domain: [...HUES.keys()], range: HUES },
        legend: { symbolType: "circle", symbolOpacity: 1, symbolSize: 70 },
      },
    },
  });

const explainedChart = (f: Findings): Promise<string> => {
  let sum = 0;
  const values = f.explained.map((own, i) => ({ component: i + 1, own, sum: sum += own }));
  return chart("Variance explained by the principal components", {
    data: { values },
    width: 400,
    height: 240,
    encoding: {
      x: {
        field: "component",
        type: "quantitative",
        title: "component",
        scale: { domain: [0, 65], nice: false },
        axis: { grid: false, values: [1, 10, 20, 30, 40, 50, 64] },
      },
    },
    layer: [
      {
        mark: { type: "bar", color: ACCENT, width: 4 },
        encoding: {
          y: {
            field: "own",
            type: "quantitative",
            title: "share of the variance",
            axis: { format: "%", tickCount: 5 },
            scale: { domain: [0, 1] },
          },
        },
      },
      { mark: { type: "line", color: WARM, strokeWidth: 2 }, encoding: { y: { field: "sum", type: "quantitative" } } },
      {
        data: { values: [{ component: 24, y: 0.75, text: "together" }] },
        mark: { type: "text", align: "left", color: WARM, fontSize: 12 },
        encoding: { y: { field: "y", type: "quantitative" }, text: { field: "text" } },
      },
      {
        data: { values: [{ component: 8, y: 0.09, text: "each" }] },
        mark: { type: "text", align: "left", color: ACCENT, fontSize: 12 },
        encoding: { y: { field: "y", type: "quantitative" }, text: { field: "text" } },
      },
    ],
  });
};

const lossChart = (f: Findings): Promise<string> => {
  const batches = f.losses.map((loss, i) => ({ epoch: (i + 1) / f.steps, loss, of: "each batch" }));
  const epochs = f.testLosses.flatMap((test, i) => {
    const own = f.losses.slice(i * f.steps, (i + 1) * f.steps);
    return [{ epoch: i + 1, loss: own.reduce((a, b) => a + b, 0) / own.length, of: "training, mean of the epoch" }, {
      epoch: i + 1,
      loss: test,
      of: "test",
    }];
  });
  return chart("Loss of the network during training", {
    data: { values: [...batches, ...epochs] },
    width: 400,
    height: 240,
    mark: { type: "line", strokeJoin: "round" },
    encoding: {
      x: {
        field: "epoch",
        type: "quantitative",
        title: "epoch",
        scale: { domain: [0, f.testLosses.length], nice: false },
        axis: { grid: false, tickCount: 6 },
      },
      y: {
        field: "loss",
        type: "quantitative",
        title: "cross entropy (log scale)",
        scale: { type: "log" },
        axis: { format: "~g", values: [0.001, 0.01, 0.1, 1, 10] },
      },
      color: {
        field: "of",
        type: "nominal",
        title: null,
        scale: { domain: ["each batch", "training, mean of the epoch", "test"], range: ["#c9d6e0", ACCENT, WARM] },
        legend: { orient: "top", symbolStrokeWidth: 2.5, symbolType: "stroke", labelLimit: 240 },
      },
      strokeWidth: { condition: { test: "datum.of === 'each batch'", value: 1 }, value: 2 },
    },
  });
};

const confusionChart = (f: Findings): Promise<string> =>
  chart("Confusion matrix of the network", {
    data: {
      values: f.confusion.flatMap((row, truth) =>
        row.map((count, read) => ({ truth, read, count, text: count === 0 ? "" : String(count) }))
      ),
    },
    width: 330,
    height: 330,
    encoding: {
      x: {
        field: "read",
        type: "ordinal",
        title: "read as",
        axis: { labelAngle: 0, orient: "top", domain: false, ticks: false, labelFontSize: 12 },
      },
      y: { field: "truth", type: "ordinal", title: "digit", axis: { domain: false, ticks: false, labelFontSize: 12 } },
    },
    layer: [
      {
        mark: { type: "rect", stroke: "#ffffff", strokeWidth: 1.5 },
        encoding: {
          color: {
            condition: { test: "datum.truth === datum.read", value: ACCENT },
            field: "count",
            type: "quantitative",
            scale: { domain: [0, 5], range: ["#f3f5f7", "#e9997f"], interpolate: "rgb", clamp: true },
            legend: null,
          },
        },
      },
      {
        mark: { type: "text", fontSize: 12 },
        encoding: {
          text: { field: "text" },
          color: { condition: { test: "datum.truth === datum.read", value: "#ffffff" }, value: INK },
        },
      },
    ],
  });

const ms = (x: number): string => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
function row(s: Step): string {
  const best = Math.min(s.first, s.again ?? Infinity), ratio = s.plain / best;
  const cells = [
    `<th scope="row">${escape(s.name)}<small>${escape(s.work)}</small></th>`,
    `<td class="text">${escape(s.device)}</td>`,
    `<td>${s.kernels}${s.evals > 1 ? `<small>in each of ${s.evals}</small>` : ""}</td>`,
    `<td>${ms(s.first)}</td>`,
    `<td>${s.again === null ? "–" : ms(s.again)}</td>`,
    `<td>${ms(s.plain)}</td>`,
    `<td>${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)} ×</td>`,
    `<td class="text">${escape(s.agreement)}</td>`,
  ];
  return `<tr>${cells.join("")}</tr>`;
}

const STYLE = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f7f8f9; color: ${INK}; font: 16px/1.5 ${FONT}; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; font-weight: 650; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 0 0 2px; font-weight: 600; }
p { margin: 0; max-width: 76ch; }
.lead { color: ${MUTED}; margin-bottom: 28px; }
.grid { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 20px; }
section { background: #fff; border: 1px solid ${LINE}; border-radius: 8px; padding: 20px 22px; grid-column: span 6; min-width: 0; }
section.wide { grid-column: 1 / -1; }
section > p { color: ${MUTED}; font-size: 14px; margin-bottom: 14px; }
svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 8px 10px; border-bottom: 1px solid ${LINE}; vertical-align: top; white-space: nowrap; }
thead th { font-weight: 500; color: ${MUTED}; vertical-align: bottom; }
th:first-child, .text { text-align: left; }
th:first-child { padding-left: 0; white-space: normal; min-width: 230px; font-weight: 500; }
td:last-child, thead th:last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
small { display: block; color: ${MUTED}; font-size: 12px; font-weight: 400; }
details { margin-top: 14px; font-size: 14px; }
summary { cursor: pointer; color: ${ACCENT}; }
pre { font: 12px/1.5 ui-monospace, monospace; overflow-x: auto; background: #f7f8f9; border-radius: 6px; padding: 12px 14px; margin: 10px 0 0; }
footer { color: ${MUTED}; font-size: 13px; margin-top: 24px; }
@media (max-width: 860px) { section { grid-column: 1 / -1; } main { padding: 24px 14px 40px; } }
`;

/** The page as HTML. */
export async function report(f: Findings): Promise<string> {
  const peak = Math.max(...f.components.flat().map(Math.abs)),
    most = f.explained.reduce((s, v) => s.sum < 0.9 ? { sum: s.sum + v, n: s.n + 1 } : s, { sum: 0, n: 0 });
  const best = f.accuracies.at(-1), right = f.confusion.reduce((s, r, i) => s + (r[i] ?? 0), 0);
  const section = (title: string, text: string, body: string, kind = ""): string =>
    `<section${kind === "" ? "" : ` class="${kind}"`}><h2>${title}</h2><p>${text}</p>${body}</section>`;
  const facts = Object.entries(f.device).filter(([, v]) => v !== "" && !v.includes("/")).map(([k, v]) =>
    `${escape(k)} ${escape(v)}`
  ).join(" · ");
  const head = ["Step", "Device", "Kernels", "First run, ms", "Again, ms", "Plain loops, ms", "Ratio", "Same result"];
  const parts = [
    section(
      "Test accuracy",
      `Share of the ${f.test} test images that each method reads correctly.`,
      await accuracyChart(f),
      "wide",
    ),
    section(
      "Principal components",
      "The directions in which the images vary most, with their share of the variance. Blue pixels are positive, orange ones negative.",
      await images(
        "The first ten principal components",
        f.components.map((pixels, i) => ({ title: `${i + 1}:  ${percent(f.explained[i] ?? 0)}`, pixels })),
        5,
        76,
        { scheme: "blueorange", domain: [peak, -peak] },
      ),
    ),
    section(
      "Explained variance",
      `The first ${most.n} of 64 components hold 90 % of the variance.`,
      await explainedChart(f),
    ),
    section(
      "Projection",
      "The training images on the first two components. The projection does not know the digits.",
      await scatterChart(f),
    ),
    section("Confusion", `What the network read: ${right} of ${f.test} right.`, await confusionChart(f)),
    section("Loss", "Cross entropy of the network while it is trained.", await lossChart(f)),
    f.misread.length === 0 ? "" : section(
      "Misread",
      "The test images that the network got wrong: the digit, and what it was read as.",
      await images(
        "Misread test images",
        f.misread.slice(0, 15).map((m) => ({ title: `${m.truth} as ${m.read}`, pixels: m.pixels })),
        5,
        64,
        { range: ["#f3f5f7", INK], domain: [0, 16] },
      ),
    ),
    section(
      "What ran where",
      "Kernels counts the generated kernels and library calls of one evaluation. The first run records, plans and compiles; the later ones find the plan (the fastest of five, as for the plain loops over typed arrays; the network is trained once). Ratio: plain loops to the faster run.",
      `<div class="scroll"><table><thead><tr>${
        head.map((h, i) => `<th scope="col"${i === 1 || i === 7 ? ' class="text"' : ""}>${h}</th>`).join("")
      }</tr></thead><tbody>${f.lines.map(row).join("")}</tbody></table></div>
<details><summary>The kernels of one training step</summary><pre>${escape(f.plan)}</pre></details>`,
      "wide",
    ),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reading digits with sinter</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Reading digits with sinter</h1>
<p class="lead">${f.train} training and ${f.test} test images of 8 × 8 pixels, in ${
    escape(f.engine)
  }. The network reads ${best === undefined ? "" : percent(best.value)} of the test images correctly; everything took ${
    f.seconds.toFixed(1)
  } s, the plain loops included.</p>
<div class="grid">
${parts.join("\n")}
</div>
<footer>
<p>${facts}</p>
<p>Data: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0. Charts: Vega-Lite.</p>
</footer>
</main>
</body>
</html>
`;
}
