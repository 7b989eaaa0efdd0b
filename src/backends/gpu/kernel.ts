// Prints a kernel as the text of a GPU's language: one thread an element of a map, several threads a row or a column.
import type { Expr, Literal } from "../../kernel/expr.ts";
import { identityOf, isArg, joinOf } from "../../kernel/fold.ts";
import {
  expressions,
  type FoldStep,
  type Kernel,
  type Pass,
  printKernel,
  rootsOf,
  type ScanStep,
  type StoreStep,
} from "../../kernel/kernel.ts";
import { type Grid, pack, type Placed, type Run } from "./arguments.ts";
import { binaryText, literalText, typeName } from "./expr.ts";
import { functionsFor } from "./functions.ts";
import type { Language, Writer } from "./language.ts";
import { Printer } from "./printer.ts";
import { type ProductShape, TILE_THREADS } from "./product.ts";
import {
  gridOf,
  type Halves,
  halvesOf,
  isUniform,
  keptValues,
  type Shape,
  shapeOf,
  THREADS,
  tileOf,
  WIDTH,
} from "./shape.ts";
import { printVectors } from "./vectors.ts";

/** A kernel as a text, and what a launch of it needs. */
export interface Program {
  readonly name: string;
  readonly text: string;
  readonly buffers: number;
  /** Words of constants. */
  readonly constants: number;
  readonly threads: number;
  readonly fields: readonly Placed[];
}
/** One launch: threadgroups, and the constants' words. */
export interface Launch {
  readonly groups: number;
  readonly constants: Uint32Array;
}

class KernelPrinter extends Printer {
  /** A map some of whose operands lie across: a tile of them goes through the threadgroup's memory, read as it lies. */
  #tiles(): void {
    const k = this.k,
      pass = k.passes[0] as Pass,
      index = this.index,
      { crossed, crossing, vector } = this.shape,
      tile = tileOf(this.shape);
    const across = this.args.size("across"),
      length = this.args.axis("row", crossing),
      pitch = tile + 1,
      line = tile / vector;
    // A row's number from that of the other axes together, and the place on the axis that is crossed.
    const below = Array.from({ length: k.rowAxes - 1 - crossing }, (_, d) => this.args.axis("row", crossing + 1 + d))
      .join(" * ");
    const row = below === ""
      ? `others * ${length} + q`
      : `(others / (${below}) * ${length} + q) * (${below}) + others % (${below})`;
    this.line(`const ${index} down = (${length} + ${tile - 1}) / ${tile};`);
    this.line(`const ${index} tile = ${index}(sn_group) / ${across}, others = tile / down;`);
    this.line(`const ${index} left = ${index}(sn_group) % ${across} * ${tile}, top = tile % down * ${tile};`);
    this.line(
      `const int x = int(sn_thread % ${line}u)${vector === 1 ? "" : ` * ${vector}`}, y = int(sn_thread / ${line}u);`,
    );
    for (const m of crossed) {
      this.line(this.language.shared(this.storage(this.mem(m).dtype), `t${m}`, tile * pitch));
      this.vectors.set(m, `t${m}[${vector === 1 ? "x" : "(x + e)"} * ${pitch} + d]`);
    }
    /** Both walks: positions of the tile with the row and the elements that belong to them. */
    const walk = (q: string, i: string, body: () => void): void => {
      this.line("#pragma unroll");
      this.block(`for (int k = 0; k < ${tile * line / THREADS}; k++)`, () => {
        this.line(`const int d = y + k * ${THREADS / line};`);
        this.line(`const ${index} q = top + ${q}, i = left + ${i}, row = ${row};`);
        this.block(`if (q < ${length} && i < ${this.args.size("length")})`, () => {
          this.rowStart();
          body();
        });
      });
    };
    walk("x", "d", () => {
      this.position([], crossed);
      for (const m of crossed) {
        const d = this.mem(m).dtype, place = `t${m}[d * ${pitch} + x`, from = `p${m}[${this.at(m)}]`;
        if (vector === 1) this.line(`${place}] = ${from};`);
        else {
          this.line(`const ${this.storage(d)}${vector} x${m} = ${this.#several(m, `&${from}`, false)};`);
          this.block(`for (int e = 0; e < ${vector}; e++)`, () => this.line(`${place} + e] = x${m}[e];`));
        }
      }
    });
    this.line(this.language.barrier);
    walk("d", "x", () => {
      this.uniforms(rootsOf(pass));
      this.#elements(pass);
    });
  }
  /** The elements at an address, as many as a thread takes at once, as one value in memory. */
  #several(mem: number, address: string, written: boolean): string {
    const type = `${this.storage(this.mem(mem).dtype)}${this.shape.vector}`;
    return `*(${this.language.pointer(type, written)})(${address})`;
  }
  /** The elements of a map from i on that one thread takes at once. */
  #elements(pass: Pass): void {
    const v = this.shape.vector, index = this.index, roots = rootsOf(pass);
    this.position(roots, this.storesOf(pass));
    if (v === 1) {
      // A store may be over what another one reads at the same place.
      for (const e of roots) this.value(e);
      for (const s of pass.stores) this.storeElement(s);
      return;
    }
    const loaded = new Set(
      expressions(roots).filter((e) => e.op === "load" && this.mem(e.imm).along === "unit").map((e) => e.imm),
    );
    for (const m of loaded) {
      this.line(`const ${this.storage(this.mem(m).dtype)}${v} x${m} = ${this.#several(m, `p${m} + i`, false)};`);
      this.vectors.set(m, `x${m}[e]`);
    }
    for (const s of pass.stores) this.line(`${this.storage(this.mem(s.mem).dtype)}${v} y${s.mem};`);
    this.block(`for (int e = 0; e < ${v}; e++)`, () => {
      // The position of each element in turn.
      if (expressions(roots).some((e) => e.op === "iota")) {
        this.line(`const ${index} first = i;`);
        this.line(`const ${index} i = first + e;`);
      }
      for (const s of pass.stores) {
        this.line(`y${s.mem}[e] = ${this.narrowed(this.mem(s.mem).dtype, this.value(s.value), s.value)};`);
      }
    });
    for (const s of pass.stores) this.line(`${this.#several(s.mem, `p${s.mem} + i`, true)} = y${s.mem};`);
  }
  /** Elements of both halves of a map. Where the random words turn over just at the half, both words of a hash are used. */
  #bothHalves(pass: Pass, { first, middle, words }: Halves): void {
    const index = this.index, { vector } = this.shape, at = this.known(middle) as string;
    const side = (start: string, known: readonly (readonly [Expr, string])[]): void =>
      this.block("", () => {
        this.loop = new Map(known);
        this.line(`const ${index} i = ${start};`);
        this.#elements(pass);
        this.loop = new Map();
      });
    this.line(`const ${index} start = i, centre = n / 2;`);
    this.block(`if (${at} == uint(centre))`, () => {
      const key = words[0].args.slice(2).map((e) => this.known(e)).join(", ");
      this.line(`uint2 hash[${vector}];`);
      this.line("#pragma unroll");
      this.line(
        `for (int e = 0; e < ${vector}; e++) hash[e] = sn_threefry(uint(start + e), uint(start + e) + ${at}, ${key});`,
      );
      const place = vector === 1 ? "0" : "e", both = words.map((w, i) => [w, `hash[${place}].${"xy"[i]}`] as const);
      side("start", [[first, "1"], ...both]);
      side("start + centre", [[first, "0"], ...both]);
    });
    this.block("else", () => {
      side("start", []);
      side("start + centre", []);
    });
  }
  #map(): void {
    const k = this.k,
      pass = k.passes[0] as Pass,
      { vector, halves } = this.shape,
      index = this.index;
    const scale = vector === 1 ? "" : ` * ${vector}`;
    if (k.rowAxes === 0) {
      this.line(`const ${index} i = (${index}(sn_group) * ${THREADS} + ${index}(sn_thread))${scale};`);
    } else {
      const across = this.args.size("across"), shift = this.args.size("shift");
      this.line(`const ${index} group = ${index}(sn_group);`);
      this.line(
        `const ${index} row = (group / ${across} << (${
          Math.log2(THREADS)
        }u - ${shift})) + ${index}(sn_thread >> ${shift});`,
      );
      const place = `(group % ${across} << ${shift}) + ${index}(sn_thread & ((1u << ${shift}) - 1u))`;
      this.line(`const ${index} i = (${place})${scale};`);
      this.line(`if (row >= ${this.args.size("rows")}) return;`);
    }
    this.rowStart();
    this.line(`if (i >= n${halves ? " / 2" : ""}) return;`);
    this.uniforms(rootsOf(pass));
    if (halves) this.#bothHalves(pass, halvesOf(k) as Halves);
    else this.#elements(pass);
  }

  #rows(): void {
    const k = this.k, { lanes, keep } = this.shape, index = this.index;
    this.line(`const ${index} row = ${index}(sn_group) * ${THREADS / lanes} + ${index}(sn_thread / ${lanes}u);`);
    this.line(`const ${index} at = ${index}(sn_thread % ${lanes}u);`);
    if (lanes > 1) this.line(`const uint lane = sn_thread % ${WIDTH}u;`);
    if (lanes > WIDTH) this.line(`const uint simd = sn_thread / ${WIDTH}u;`);
    this.line(`if (row >= ${this.args.size("rows")}) return;`);
    this.rowStart();
    if (keep > 0) {
      for (const e of keptValues(k, keep)) {
        this.arrays.set(e, `c${this.arrays.size}`);
        this.line(`${typeName(e.t)} ${this.arrays.get(e)}[${keep}];`);
      }
    }
    for (const p of k.passes) {
      this.uniforms(rootsOf(p));
      this.#pass(p);
      this.reduce(p.folds);
      for (const f of p.folds) this.finish(f, this.row);
    }
    if (k.rowStores.length === 0) return;
    this.arrays.clear();
    this.uniforms(k.rowStores.map((s) => s.value));
    this.at = () => "0";
    this.block("if (at == 0)", () => k.rowStores.forEach((s) => this.store(s, "0")));
  }
  /** A matrix product by a template, which says where and when its sums are known. */
  #product(shape: ProductShape): void {
    const k = this.k, values = k.rowStores.map((s) => s.value);
    const writer: Writer = {
      kernel: k,
      args: this.args,
      language: this.language,
      index: this.index,
      line: (text) => this.line(text),
      block: (head, body) => this.block(head, body),
      length: () => this.length(),
      rowStores: () => {
        const loads = expressions(values).filter((e) => e.op === "load" || e.op === "loadx").map((e) => e.imm);
        this.pointers([...new Set([...loads, ...k.rowStores.map((s) => s.mem)])]);
        for (const f of (k.passes[0] as Pass).folds) this.finish(f, this.row);
        this.uniforms(values);
        for (const s of k.rowStores) this.store(s, "0");
      },
    };
    if (shape.form === "vectors") printVectors(writer, shape);
    else this.language.tiles?.(writer, shape);
  }
  /** One pass over the row. Folds beside a scan go in the order that they have alone. */
  #pass(p: Pass): void {
    for (const f of p.folds) this.begin(f);
    if (this.shape.vector === 1) this.#walk(p);
    else if (p.scans.length === 0) this.#walkTogether(p);
    else {
      if (p.folds.length > 0) this.#walkTogether({ ...p, scans: [], stores: [] });
      this.#walk({ ...p, folds: [] });
    }
  }
  /** One element of a pass; stores to operands of which several are stored at once go to the variables of these. */
  #element(p: Pass, stores: readonly StoreStep[] = []): void {
    const roots = rootsOf(p);
    this.loop = new Map();
    this.recall(roots);
    this.position(roots, this.storesOf(p).filter((m) => !p.scans.some((s) => s.mem === m)));
    for (const f of p.folds) this.accumulate(f, "i");
    p.scans.forEach((s, j) => this.line(`x${j} = ${this.value(s.value)};`));
    for (const s of p.stores) {
      if (stores.includes(s)) {
        this.line(`y${s.mem}[e] = ${this.narrowed(this.mem(s.mem).dtype, this.value(s.value), s.value)};`);
      } else this.storeElement(s);
    }
  }
  /** The elements of a pass from j on of which a thread takes each in turn. */
  #group(p: Pass, isGuarded: boolean): void {
    const { vector, together, keep } = this.shape, roots = rootsOf(p);
    const stores = p.stores.filter((s) => s.index === null && s.combine === "set" && together.includes(s.mem));
    this.loop = new Map();
    this.recall(roots);
    for (const m of this.toLoad(roots)) {
      if (!together.includes(m)) continue;
      this.line(`const ${this.storage(this.mem(m).dtype)}${vector} x${m} = ${this.#several(m, `p${m} + j`, false)};`);
      this.vectors.set(m, `x${m}[e]`);
    }
    for (const s of stores) this.line(`${this.storage(this.mem(s.mem).dtype)}${vector} y${s.mem};`);
    this.line("#pragma unroll");
    this.block(`for (int e = 0; e < ${vector}; e++)`, () => {
      this.line(`const ${this.index} i = j + e;`);
      if (keep > 0) this.line(`const int k = q * ${vector} + e;`);
      if (isGuarded) this.block("if (i < n)", () => this.#element(p));
      else this.#element(p, stores);
    });
    for (const s of stores) this.line(`${this.#several(s.mem, `p${s.mem} + j`, true)} = y${s.mem};`);
    this.vectors.clear();
    this.loop = new Map();
  }
  /** One walk over the row by elements that lie together. */
  #walkTogether(p: Pass): void {
    const { lanes, vector, keep, full, rag } = this.shape, index = this.index, step = lanes * vector;
    if (keep > 0) {
      this.line("#pragma unroll");
      return this.block(`for (int q = 0; q < ${keep / vector}; q++)`, () => {
        this.line(`const ${index} j = at * ${vector} + q * ${step};`);
        if (full) this.#group(p, false);
        else this.block("if (j < n)", () => this.#group(p, rag));
      });
    }
    this.block("", () => {
      this.line(`${index} j = at * ${vector};`);
      this.line("#pragma unroll 8");
      this.block(`for (; ${rag ? `j + ${vector} <= n` : "j < n"}; j += ${step})`, () => this.#group(p, false));
      // What is left of the last block.
      if (rag) this.block(`for (${index} i = j; i < n; i++)`, () => this.#element(p));
      this.loop = new Map();
    });
  }
  /** One walk over the row, the threads beside one another. */
  #walk(p: Pass): void {
    const { lanes, keep, full } = this.shape, index = this.index;
    p.scans.forEach((s) => this.line(`${typeName(s.t)} w${s.mem} = ${this.known(s.start)};`));
    const shared = p.scans.map(() => this.fresh());
    if (lanes > WIDTH) {
      p.scans.forEach((s, j) => this.line(this.language.shared(typeName(s.t), shared[j] as string, THREADS / WIDTH)));
    }
    // All threads of the row take part in a scan, also those behind its end.
    const together = p.scans.length > 0;
    const walk = keep > 0
      ? `for (int k = 0; k < ${keep}; k++)`
      : together
      ? `for (${index} from = 0; from < n; from += ${lanes})`
      : `for (${index} i = at; i < n; i += ${lanes})`;
    // What is kept lies in registers only where each k is known; other loads are many at once.
    this.line(keep > 0 ? "#pragma unroll" : "#pragma unroll 8");
    this.block(walk, () => {
      if (keep > 0) this.line(`const ${index} i = at + k * ${lanes};`);
      else if (together) this.line(`const ${index} i = from + at;`);
      p.scans.forEach((s, j) => this.line(`${typeName(s.t)} x${j} = ${literalText(identityOf(s.scan, s.t), s.t)};`));
      if ((keep > 0 && !full) || (keep === 0 && together)) this.block("if (i < n)", () => this.#element(p));
      else this.#element(p);
      p.scans.forEach((s, j) => this.#scan(s, j, shared[j] as string));
    });
    this.loop = new Map();
  }
  /** Scans one value of each thread of the row, x, from the running value w; stores the results. */
  #scan(s: ScanStep, j: number, shared: string): void {
    const { lanes } = this.shape, op = joinOf(s.scan), type = typeName(s.t), x = `x${j}`, w = `w${s.mem}`;
    const join = (a: string, b: string): string => binaryText(op, s.t, a, b);
    if (lanes === 1) {
      this.line(`const ${type} before${j} = ${w};`);
      this.line(`${w} = ${join(w, x)};`);
      return this.#storeScan(s, s.exclusive ? `before${j}` : w);
    }
    this.block(`for (ushort d = 1; d < ${WIDTH}; d <<= 1)`, () => {
      this.line(`const ${type} o = sn_up_${s.t}(${x}, d);`);
      this.line(`if (lane >= uint(d)) ${x} = ${join("o", x)};`);
    });
    this.line(`const ${type} last${j} = sn_lane_${s.t}(${x}, ${WIDTH - 1});`);
    this.line(`const ${type} up${j} = sn_up_${s.t}(${x}, 1);`);
    this.line(`${type} base${j} = ${w};`);
    if (lanes === WIDTH) this.line(`${w} = ${join(w, `last${j}`)};`);
    else {
      this.line(`if (lane == 0u) ${shared}[simd] = last${j};`);
      this.line(this.language.barrier);
      this.block(`for (uint e = 0u; e < ${THREADS / WIDTH}u; e++)`, () => {
        this.line(`if (e == simd) base${j} = ${w};`);
        this.line(`${w} = ${join(w, `${shared}[e]`)};`);
      });
      this.line(this.language.barrier);
    }
    this.#storeScan(s, s.exclusive ? `(lane == 0u ? base${j} : ${join(`base${j}`, `up${j}`)})` : join(`base${j}`, x));
  }
  #storeScan(s: ScanStep, value: string): void {
    this.block("if (i < n)", () => {
      this.position([], [s.mem]);
      this.line(`p${s.mem}[${this.at(s.mem)}] = ${this.narrowed(this.mem(s.mem).dtype, value)};`);
    });
  }

  #column(): void {
    const k = this.k,
      pass = k.passes[0] as Pass,
      { lanes, split } = this.shape,
      index = this.index,
      across = this.args.size("across");
    this.line(`const ${index} group = ${index}(sn_group);`);
    this.line(`const ${index} row = group / ${across};`);
    this.line(`const ${index} i = group % ${across} * ${lanes} + ${index}(sn_thread % ${lanes}u);`);
    this.line(`const uint part = sn_thread / ${lanes}u;`);
    this.line(`const bool inside = i < ${this.args.size("length")};`);
    this.rowStart();
    for (const f of pass.folds) this.begin(f);
    const roots = rootsOf(pass);
    this.uniforms([...roots, ...k.rowStores.map((s) => s.value)]);
    const steps = (from: string, by: number, body: () => void): void => {
      this.line("#pragma unroll 8");
      this.block(`for (${index} step = ${from}; step < n; step += ${by})`, () => {
        this.loop = new Map();
        this.step = "step";
        body();
        this.step = "0";
        this.loop = new Map();
      });
    };
    if (pass.folds.length > 0) {
      const values = pass.folds.map((f) => f.value);
      this.block("if (inside)", () =>
        steps(`${index}(part)`, split, () => {
          this.position(values, []);
          for (const f of pass.folds) this.accumulate(f, "step");
        }));
      if (split > 1) this.#gather(pass.folds);
    }
    this.block("if (inside && part == 0u)", () => {
      if (pass.scans.length > 0) {
        pass.scans.forEach((s) => this.line(`${typeName(s.t)} w${s.mem} = ${this.known(s.start)};`));
        steps("0", 1, () => {
          this.position(pass.scans.map((s) => s.value), pass.scans.map((s) => s.mem));
          pass.scans.forEach((s) => {
            const place = `p${s.mem}[${this.at(s.mem)}]`, d = this.mem(s.mem).dtype;
            if (s.exclusive) this.line(`${place} = ${this.narrowed(d, `w${s.mem}`)};`);
            this.line(`w${s.mem} = ${binaryText(joinOf(s.scan), s.t, `w${s.mem}`, this.value(s.value))};`);
            if (!s.exclusive) this.line(`${place} = ${this.narrowed(d, `w${s.mem}`)};`);
          });
        });
      }
      for (const f of pass.folds) this.finish(f, this.loop);
      this.position(k.rowStores.map((s) => s.value), k.rowStores.map((s) => s.mem));
      for (const s of k.rowStores) this.storeElement(s);
    });
  }
  /** Joins the parts of column folds in order, through the threadgroup's memory. */
  #gather(folds: readonly FoldStep[]): void {
    const { lanes, split } = this.shape;
    for (const f of folds) {
      this.line(this.language.shared(typeName(f.t), `t${f.id}`, THREADS));
      if (isArg(f.fold)) this.line(this.language.shared(this.index, `u${f.id}`, THREADS));
      this.line(`t${f.id}[sn_thread] = f${f.id};`);
      if (isArg(f.fold)) this.line(`u${f.id}[sn_thread] = g${f.id};`);
    }
    this.line(this.language.barrier);
    this.block(`for (uint e = 1u; part == 0u && e < ${split}u; e++)`, () => {
      for (const f of folds) {
        this.join(f, `t${f.id}[sn_thread + e * ${lanes}u]`, `u${f.id}[sn_thread + e * ${lanes}u]`);
      }
    });
  }

  /** Rows whose stores lie apart. */
  #apart(): void {
    const pass = this.k.passes[0] as Pass, index = this.index, roots = rootsOf(pass);
    this.line(`const ${index} row = ${index}(sn_group) * ${THREADS} + ${index}(sn_thread);`);
    this.line(`if (row >= ${this.args.size("rows")}) return;`);
    this.rowStart();
    this.uniforms(roots);
    this.block(`for (${index} i = 0; i < n; i++)`, () => {
      this.position(roots, this.storesOf(pass));
      for (const s of pass.stores) this.storeElement(s);
    });
  }
  /** Rows in order. Every thread walks over all of them and does the stores to the addresses that are its own, so that each address keeps its order. */
  #sequence(): void {
    const pass = this.k.passes[0] as Pass, index = this.index, shift = this.args.size("shift");
    this.line(`const uint mine = sn_group * ${THREADS}u + sn_thread, mask = (1u << ${shift}) - 1u;`);
    this.line("if (mine > mask) return;");
    this.block(`for (${index} row = 0; row < ${this.args.size("rows")}; row++)`, () => {
      this.rowStart();
      const roots = rootsOf(pass);
      this.uniforms(roots);
      const one = pass.stores.length === 1 ? pass.stores[0] as StoreStep : null,
        rest = one === null ? null : this.#besideIota(one);
      const element = (owned: boolean): void => {
        this.loop = new Map();
        this.position(roots, this.storesOf(pass));
        for (const s of pass.stores) {
          const at = s.index === null ? this.at(s.mem) : this.value(s.index);
          const own = `((uint(b${s.mem} + ${at}) ^ mine) & mask) == 0u`;
          if (owned) this.storeElement(s);
          else this.block(`if (${own})`, () => this.storeElement(s));
        }
      };
      // Where the address is i and a value of the row, the thread's own elements are known without a search.
      if (one !== null && rest !== null) {
        const first = `${index}((mine - uint(b${one.mem}${rest === "" ? "" : ` + ${rest}`})) & mask)`;
        this.block(`for (${index} i = ${first}; i < n; i += ${index}(mask) + 1)`, () => element(true));
      } else this.block(`for (${index} i = 0; i < n; i++)`, () => element(false));
      this.row.clear();
    });
  }
  /** What a store's place is beside i, or null if it is not i and a value of the row. */
  #besideIota(s: StoreStep): string | null {
    const e = s.index;
    if (e === null) return this.mem(s.mem).along === "unit" ? "" : null;
    if (e.op === "iota") return "";
    if (e.op !== "add") return null;
    const [a, b] = e.args as readonly [Expr, Expr];
    const other = a.op === "iota" ? b : b.op === "iota" ? a : null;
    return other !== null && isUniform(other, this.k, this.uniform) ? this.known(other) ?? null : null;
  }

  /** The whole text. */
  text(name: string): string {
    const kinds = {
      map: () => this.shape.crossed.length > 0 ? this.#tiles() : this.#map(),
      row: () => this.shape.product === null ? this.#rows() : this.#product(this.shape.product),
      column: () => this.#column(),
      sequence: () => this.shape.apart ? this.#apart() : this.#sequence(),
    };
    kinds[this.k.kind]();
    const l = this.language;
    const alone = this.shape.alone ? l.alone : "";
    const pointers = this.k.mems.map((m, i) => `${l.pointer(this.storage(m.dtype), m.written)}${alone}m${i}`);
    if (this.shape.guarded) pointers.push(`${l.pointer("uint", false)}go`);
    const begin = `${l.begin}${this.shape.guarded ? "  if (go[0] == 0u) return;\n" : ""}`;
    const body = `${l.signature(name, pointers)} {\n${begin}${this.lines.join("\n")}\n}\n`;
    return `${l.head}${this.args.text()}${functionsFor(body, l.own)}${body}`;
  }
}

/** A name that tells what a kernel computes. */
function nameOf(k: Kernel): string {
  const roots = [...k.passes.flatMap(rootsOf), ...k.rowStores.map((s) => s.value)];
  const ops = expressions(roots).filter((e) => e.args.length > 0 && e.op !== "cast").map((e) =>
    e.op.replaceAll(".", "_")
  );
  const folds = k.passes.flatMap((p) => [...p.folds.map((f) => f.fold), ...p.scans.map((s) => `scan_${s.scan}`)]);
  return [k.product === undefined ? k.kind : "product", ...new Set([...ops.slice(-3), ...folds.slice(-2)])].join("_");
}

/** The key of a program: kernels with the same key have the same text. */
export function programKey(k: Kernel, shape: Shape): string {
  return `${k.kind}\n${printKernel(k)}\n${JSON.stringify(shape)}`;
}
/** Prints a kernel in a language. A `TypeError` if it computes float64. */
export function makeProgram(k: Kernel, shape: Shape, language: Language): Program {
  const printer = new KernelPrinter(k, shape, language),
    name = nameOf(k),
    text = printer.text(name),
    { fields, words } = printer.args.placed(),
    threads = shape.product?.form === "tiles" ? TILE_THREADS : THREADS;
  return { name, text, buffers: k.mems.length + (shape.guarded ? 1 : 0), constants: words, threads, fields };
}
/** A launch of a program for a run, or null if there is nothing to do. */
export function makeLaunch(p: Program, k: Kernel, shape: Shape, run: Run, scalars: readonly Literal[]): Launch | null {
  const at = gridOf(k, shape, run);
  return at === null
    ? null
    : { groups: at.groups, constants: pack(k, p.fields, p.constants, shape.wide, run, at.grid, scalars) };
}
export type { Grid, Run, Shape };
export { shapeOf };
