// Sizes, strides and offsets of a plan as symbols: polynomials in the numbers of a graph, so that one schedule serves many of them.
// Arithmetic on symbols becomes a layout program; a question about them is answered for the graph at hand and kept as a guard.

/** A size, stride or offset while an eval is planned. Symbols are at least 2, or unknown: 0, 1 and -1 are always numbers. */
export type Size = number | Sym;

interface Term {
  readonly coefficient: number;
  /** Ascending atoms: the term is their product. */
  readonly atoms: readonly number[];
}
const ADD = 0, MUL = 1, CEIL = 2, MAX = 3, ALIGN = 4;
const EQUAL = 0, BELOW = 1;
/** More than a plan has registers. */
const MOST_REGISTERS = 2 ** 24;

/** An input of the layout program, or the result of an operation that is no polynomial. */
interface Atom {
  readonly value: number;
  readonly low: number;
  readonly moving: boolean;
  readonly register: number;
}

/** A polynomial in atoms; equal ones are the same object. */
export class Sym {
  readonly of: Sizes;
  readonly id: number;
  readonly terms: readonly Term[];
  /** The number in the graph that is planned. */
  readonly value: number;
  /** A number that is never above what any graph gives. */
  readonly low: number;
  /** True if it follows recorded starts or offsets of arrays, which change more often than sizes. */
  readonly moving: boolean;
  /** Sums and products that were asked for, by the other operand. */
  readonly sums: Map<Size, Size> = new Map();
  readonly products: Map<Size, Size> = new Map();

  constructor(of: Sizes, id: number, terms: readonly Term[], value: number, low: number, moving: boolean) {
    this.of = of;
    this.id = id;
    this.terms = terms;
    this.value = value;
    this.low = low;
    this.moving = moving;
  }
  /** Where JavaScript wants a number it gets that of the graph at hand, which is noted: what is made of it holds for that graph only. */
  [Symbol.toPrimitive](): number {
    this.of.taken = true;
    return this.value;
  }
}

/** The symbols of one plan, and the layout program that gives them numbers for other graphs of the same structure. */
export class Sizes {
  readonly #atoms: Atom[] = [];
  readonly #derived = new Map<string, Sym>();
  /** By the numbers that `size` was asked for. */
  readonly #sized = new Map<number, Size>();
  readonly #symbols = new Map<string, Sym>();
  /** Registers of sizes, and of the results of operations (a number made of operation and operands). */
  readonly #registers = new Map<Size, number>();
  readonly #emitted = new Map<number, number>();
  readonly #initial: number[] = [];
  readonly #fixed: number[] = [];
  readonly #moving: number[] = [];
  readonly #isMoving: boolean[] = [];
  readonly #guards: number[] = [];
  readonly #asked = new Map<string, boolean>();
  readonly #sizes: ReadonlyMap<number, number>;
  readonly #sizeCount: number;
  readonly #distinct = new Map<number, Sym>();
  #pinned = false;
  /** A symbol was taken for a number. */
  taken = false;

  /** `sizes`: the position of each size among the inputs; `moving`: the other inputs, which follow them. */
  constructor(sizes: ReadonlyMap<number, number>, moving: readonly number[]) {
    this.#sizes = sizes;
    this.#sizeCount = sizes.size;
    for (const value of sizes.keys()) this.#input(value, 2, false);
    for (const value of moving) this.#input(value, -Infinity, true);
  }
  #input(value: number, low: number, moving: boolean): void {
    const register = this.#register(value, moving);
    this.#atom({ value, low, moving, register });
  }
  #atom(a: Atom): Sym {
    const k = this.#atoms.push(a) - 1;
    return this.#polynomial([{ coefficient: 1, atoms: [k] }]) as Sym;
  }
  #register(value: number, moving: boolean): number {
    this.#isMoving.push(moving);
    return this.#initial.push(value) - 1;
  }

  /** The symbol of a size or stride of the graph. */
  size(value: number): Size {
    const magnitude = Math.abs(value);
    if (magnitude < 2) return value;
    let s = this.#sized.get(value);
    if (s === undefined) {
      const k = this.#sizes.get(magnitude);
      if (k === undefined) throw new Error(`internal: ${value} is no size of this graph`);
      this.#sized.set(value, s = this.#polynomial([{ coefficient: Math.sign(value), atoms: [k] }]));
    }
    return s;
  }
  /** Moving input number k. */
  moving(k: number): Size {
    return this.#polynomial([{ coefficient: 1, atoms: [this.#sizeCount + k] }]);
  }

  /** Different sizes have different symbols. */
  #isSize(a: Size): boolean {
    if (typeof a === "number" || a.terms.length !== 1) return false;
    const t = a.terms[0] as Term;
    return t.coefficient === 1 && t.atoms.length === 1 && (t.atoms[0] as number) < this.#sizeCount;
  }

  #polynomial(terms: readonly Term[]): Size {
    if (terms.length === 0) return 0;
    if (terms.length === 1 && terms[0]?.atoms.length === 0) return terms[0].coefficient;
    let text = "";
    for (const t of terms) text += `${t.coefficient}*${t.atoms.join("*")}+`;
    let s = this.#symbols.get(text);
    if (s === undefined) {
      let value = 0, low = 0, moving = false;
      for (const t of terms) {
        let v = t.coefficient, l = t.coefficient;
        for (const k of t.atoms) {
          const a = this.#atoms[k] as Atom;
          v *= a.value;
          l *= a.low < 0 ? NaN : a.low;
          moving ||= a.moving;
        }
        value += v;
        low += t.coefficient < 0 || Number.isNaN(l) ? -Infinity : l;
      }
      s = new Sym(this, this.#symbols.size, terms, value, low, moving);
      this.#symbols.set(text, s);
    }
    return s;
  }
  /** Sum of coefficient * size. */
  sum(parts: readonly { readonly coefficient: number; readonly of: Size }[]): Size {
    const terms = new Map<string, Term>();
    for (const { coefficient, of } of parts) {
      for (const t of termsOf(of)) {
        const key = t.atoms.join("*"), c = coefficient * t.coefficient + (terms.get(key)?.coefficient ?? 0);
        if (c === 0) terms.delete(key);
        else terms.set(key, { coefficient: c, atoms: t.atoms });
      }
    }
    return this.#polynomial([...terms].sort(byText).map(([, t]) => t));
  }
  /** a + b */
  plus(a: Sym, b: Size): Size {
    let s = a.sums.get(b);
    if (s === undefined) a.sums.set(b, s = this.sum([{ coefficient: 1, of: a }, { coefficient: 1, of: b }]));
    return s;
  }
  /** a * b */
  times(a: Sym, b: Size): Size {
    let s = a.products.get(b);
    if (s === undefined) a.products.set(b, s = this.product(a, b));
    return s;
  }
  /** a * b */
  product(a: Size, b: Size): Size {
    const parts: { coefficient: number; of: Size }[] = [];
    for (const x of termsOf(a)) {
      for (const y of termsOf(b)) {
        parts.push({
          coefficient: x.coefficient * y.coefficient,
          of: this.#polynomial([{ coefficient: 1, atoms: [...x.atoms, ...y.atoms].sort((p, q) => p - q) }]),
        });
      }
    }
    return this.sum(parts);
  }
  /** True if a is not below b in any graph: term by term, as far as that shows it. */
  covers(a: Size, b: Size): boolean {
    const mine = termsOf(a),
      others = termsOf(b),
      sameAtoms = (x: Term, y: Term): boolean =>
        x.atoms.length === y.atoms.length && x.atoms.every((k, i) => k === y.atoms[i]);
    const coefficient = (list: readonly Term[], of: Term): number =>
      list.find((t) => sameAtoms(t, of))?.coefficient ?? 0;
    const positive = (t: Term): boolean => t.atoms.every((k) => (this.#atoms[k] as Atom).low >= 0);
    return [...mine, ...others].every((t) => positive(t) && coefficient(mine, t) >= coefficient(others, t));
  }
  /** The result of an operation that is no polynomial. */
  derive(op: number, a: Size, b: Size): Size {
    const key = `${op}:${sizeText(a)}:${sizeText(b)}`;
    let s = this.#derived.get(key);
    if (s === undefined) {
      const x = this.registerOf(a), y = this.registerOf(b);
      s = this.#atom({
        value: run(op, numberOf(a), numberOf(b)),
        low: op === MAX ? Math.max(lowOf(a), lowOf(b)) : op === CEIL ? 1 : lowOf(a),
        moving: isMoving(a) || isMoving(b),
        register: this.#emit(op, x, y),
      });
      this.#derived.set(key, s);
    }
    return s;
  }

  #emit(op: number, a: number, b: number): number {
    const key = (op * MOST_REGISTERS + a) * MOST_REGISTERS + b, known = this.#emitted.get(key);
    if (known !== undefined) return known;
    const moving = this.#isMoving[a] === true || this.#isMoving[b] === true;
    const to = this.#register(run(op, this.#initial[a] as number, this.#initial[b] as number), moving);
    (moving ? this.#moving : this.#fixed).push(op, to, a, b);
    this.#emitted.set(key, to);
    return to;
  }
  /** The register of the layout program that holds a size. */
  registerOf(a: Size): number {
    const known = this.#registers.get(a);
    if (known !== undefined) return known;
    let at = -1;
    if (typeof a === "number") at = this.#register(a, false);
    else {
      for (const t of a.terms) {
        let product = t.atoms.length === 0 || t.coefficient !== 1 ? this.registerOf(t.coefficient) : -1;
        for (const k of t.atoms) {
          const r = (this.#atoms[k] as Atom).register;
          product = product < 0 ? r : this.#emit(MUL, product, r);
        }
        at = at < 0 ? product : this.#emit(ADD, at, product);
      }
    }
    this.#registers.set(a, at);
    return at;
  }

  /** Answers a question for the graph at hand, as a guard of the plan. */
  ask(question: number, a: Size, b: Size): boolean {
    if (question === EQUAL && this.#isSize(a) && this.#isSize(b)) return false;
    const key = `${question}:${sizeText(a)}:${sizeText(b)}`, known = this.#asked.get(key);
    if (known !== undefined) return known;
    const answer = answers(question, numberOf(a), numberOf(b));
    this.#asked.set(key, answer);
    this.#guards.push(question, this.registerOf(a), this.registerOf(b), answer ? 1 : 0);
    return answer;
  }

  /**
   * The one symbol for its number: an equal one that came before (or 0, 1, -1), as a guard. So symbols of a trace are compared
   * by identity, as numbers are; `distinct` lists them.
   */
  unique(s: Sym): Size {
    const known = Math.abs(s.value) < 2 ? s.value : this.#distinct.get(s.value);
    if (known === undefined) this.#distinct.set(s.value, s);
    else if (known !== s) this.ask(EQUAL, s, known);
    return known ?? s;
  }
  /** Symbols that were told apart, which are told apart in other graphs if their numbers are different and neither 0, 1 nor -1. */
  get distinct(): Iterable<Sym> {
    return this.#distinct.values();
  }
  /** a / b where that is a whole number, as a guard where it takes one; null if it is no polynomial. */
  quotient(a: Size, b: Size): Size | null {
    const by = termsOf(b), parts: { coefficient: number; of: Size }[] = [];
    if (by.length !== 1) return null;
    const [{ coefficient, atoms }] = by as readonly [Term];
    for (const t of termsOf(a)) {
      const rest = [...t.atoms];
      for (const k of atoms) {
        const at = rest.indexOf(k);
        if (at < 0) return null;
        rest.splice(at, 1);
      }
      const c = t.coefficient / coefficient;
      if (!Number.isInteger(c)) {
        if (typeof a === "number" || typeof b !== "number") return null;
        const q = this.derive(CEIL, a, b);
        return this.ask(EQUAL, this.product(q, b), a) ? q : null;
      }
      parts.push({ coefficient: c, of: this.#polynomial([{ coefficient: 1, atoms: rest }]) });
    }
    return this.sum(parts);
  }

  /** Makes the plan one of these very sizes. */
  pin(): void {
    this.#sizes.forEach((k, size) => this.ask(EQUAL, this.#polynomial([{ coefficient: 1, atoms: [k] }]), size));
    this.#pinned = true;
  }
  /** True if a number of a pinned plan is a multiple of k whatever the starts and offsets are. */
  isMultiple(a: Sym, k: number): boolean {
    return this.#pinned && a.terms.every((t) => {
      let known = t.coefficient;
      for (const i of t.atoms) if (!(this.#atoms[i] as Atom).moving) known *= (this.#atoms[i] as Atom).value;
      return known % k === 0;
    });
  }

  /** The finished layout program; `words` are pairs of the word where a 64-bit number goes and its register. */
  layout(words: readonly (readonly [word: number, register: number])[]): Layout {
    const part = (moving: boolean): Int32Array =>
      Int32Array.from(words.filter(([, r]) => this.#isMoving[r] === moving).flat());
    return new Layout({
      sizeCount: this.#sizeCount,
      registers: Float64Array.from(this.#initial),
      fixed: Int32Array.from(this.#fixed),
      moving: Int32Array.from(this.#moving),
      guards: Int32Array.from(this.#guards),
      fixedWords: part(false),
      movingWords: part(true),
    });
  }
}

/** Instructions are (operation, to, a, b), guards (question, a, b, answer), words (word, register). */
interface Code {
  readonly sizeCount: number;
  readonly registers: Float64Array;
  readonly fixed: Int32Array;
  readonly moving: Int32Array;
  readonly guards: Int32Array;
  readonly fixedWords: Int32Array;
  readonly movingWords: Int32Array;
}
/** A layout program: gives the words of a plan their numbers in one linear pass. */
export class Layout {
  /** Sizes, then moving inputs, then what is computed. */
  readonly registers: Float64Array;
  readonly #code: Code;
  #current = true;
  constructor(code: Code) {
    this.#code = code;
    this.registers = code.registers;
  }

  /** True if the words were last laid out for these sizes. */
  holds(sizes: Float64Array): boolean {
    if (!this.#current) return false;
    for (let i = 0; i < this.#code.sizeCount; i++) if (this.registers[i] !== sizes[i]) return false;
    return true;
  }
  /** Lays the words out for other sizes; false if a guard fails. */
  resize(sizes: Float64Array, words: Uint32Array): boolean {
    const { registers: r, guards: g, sizeCount, fixed, moving, fixedWords, movingWords } = this.#code;
    for (let i = 0; i < sizeCount; i++) r[i] = sizes[i] as number;
    this.#current = false;
    compute(fixed, r);
    for (let i = 0; i < g.length; i += 4) {
      const yes = answers(g[i] as number, r[g[i + 1] as number] as number, r[g[i + 2] as number] as number);
      if (yes !== (g[i + 3] === 1)) return false;
    }
    put(fixedWords, r, words);
    compute(moving, r);
    put(movingWords, r, words);
    this.#current = true;
    return true;
  }
  /** Lays out what follows starts and offsets, if they changed. */
  move(moving: Float64Array, count: number, words: Uint32Array): void {
    const { registers: r, sizeCount: first, moving: code, movingWords } = this.#code;
    let same = true;
    for (let i = 0; i < count; i++) {
      if (r[first + i] === moving[i]) continue;
      r[first + i] = moving[i] as number;
      same = false;
    }
    if (same) return;
    compute(code, r);
    put(movingWords, r, words);
  }
}

function compute(code: Int32Array, r: Float64Array): void {
  for (let i = 0; i < code.length; i += 4) {
    r[code[i + 1] as number] = run(
      code[i] as number,
      r[code[i + 2] as number] as number,
      r[code[i + 3] as number] as number,
    );
  }
}
function put(list: Int32Array, r: Float64Array, words: Uint32Array): void {
  for (let i = 0; i < list.length; i += 2) {
    const at = list[i] as number, x = r[list[i + 1] as number] as number;
    words[at] = x;
    words[at + 1] = x >= 0 && x < 4294967296 ? 0 : Math.floor(x / 4294967296);
  }
}
function run(op: number, a: number, b: number): number {
  switch (op) {
    case ADD:
      return a + b;
    case MUL:
      return a * b;
    case MAX:
      return a > b ? a : b;
    case ALIGN:
      return Math.ceil(a / b) * b;
    default:
      return Math.ceil(a / b);
  }
}
function answers(question: number, a: number, b: number): boolean {
  return question === EQUAL ? a === b : a < b;
}
const byText = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
function termsOf(a: Size): readonly Term[] {
  return typeof a === "number" ? a === 0 ? [] : [{ coefficient: a, atoms: [] }] : a.terms;
}
const lowOf = (a: Size): number => typeof a === "number" ? a : a.low;
const isMoving = (a: Size): boolean => typeof a !== "number" && a.moving;
const owner = (a: Size, b: Size): Sizes => (typeof a === "number" ? b as Sym : a).of;

/** The number in the graph that is planned. No guard keeps it: for reports, never for decisions. */
export function numberOf(a: Size): number {
  return typeof a === "number" ? a : a.value;
}
/** True if a number of a pinned plan is a multiple of k whatever the starts and offsets are. */
export function isMultiple(a: Size, k: number): boolean {
  return typeof a === "number" ? a % k === 0 : a.of.isMultiple(a, k);
}
/** a / b where that is a whole number, or null if no symbol says it. */
export function quotient(a: Size, b: Size): Size | null {
  if (typeof a === "number" && typeof b === "number") return a % b === 0 ? a / b : null;
  return b === 1 || a === 0 ? a : owner(a, b).quotient(a, b);
}
/** A text that tells sizes of one plan apart. */
export function sizeText(a: Size): string {
  return typeof a === "number" ? String(a) : `s${a.id}`;
}
/** a + b */
export function plus(a: Size, b: Size): Size {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (a === 0 || b === 0) return a === 0 ? b : a;
  return typeof a === "number" ? (b as Sym).of.plus(b as Sym, a) : a.of.plus(a, b);
}
/** a - b */
export function minus(a: Size, b: Size): Size {
  return plus(a, times(b, -1));
}
/** a * b */
export function times(a: Size, b: Size): Size {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (a === 0 || b === 0) return 0;
  if (a === 1 || b === 1) return a === 1 ? b : a;
  return typeof a === "number" ? (b as Sym).of.times(b as Sym, a) : a.of.times(a, b);
}
/** The product of all. */
export function productOf(list: readonly Size[]): Size {
  let n: Size = 1;
  for (const x of list) n = times(n, x);
  return n;
}
/** a / b, rounded up. */
export function ceilDiv(a: Size, b: number): Size {
  return typeof a === "number" ? Math.ceil(a / b) : b === 1 ? a : a.of.derive(CEIL, a, b);
}
/** a, rounded up to a multiple of b. */
export function aligned(a: Size, b: number): Size {
  return typeof a === "number" ? Math.ceil(a / b) * b : a.of.derive(ALIGN, a, b);
}
/** The larger of both. */
export function larger(a: Size, b: Size): Size {
  if (typeof a === "number" && typeof b === "number") return Math.max(a, b);
  if (a === b) return a;
  const of = owner(a, b);
  return of.covers(a, b) ? a : of.covers(b, a) ? b : of.derive(MAX, a, b);
}
/** Asks whether a = b. */
export function equal(a: Size, b: Size): boolean {
  if (a === b) return true;
  if (typeof a === "number" && typeof b === "number") return false;
  if (typeof b === "number" && lowOf(a) > b) return false;
  if (typeof a === "number" && lowOf(b) > a) return false;
  return owner(a, b).ask(EQUAL, a, b);
}
/** Asks whether a < b. */
export function below(a: Size, b: Size): boolean {
  if (typeof a === "number" && typeof b === "number") return a < b;
  if (a === b || (typeof b === "number" && lowOf(a) >= b)) return false;
  if (typeof a === "number" && a < lowOf(b)) return true;
  return owner(a, b).ask(BELOW, a, b);
}
/** Asks whether both lists hold the same sizes. */
export function sameSizes(a: readonly Size[], b: readonly Size[]): boolean {
  return a.length === b.length && a.every((x, i) => equal(x, b[i] as Size));
}
