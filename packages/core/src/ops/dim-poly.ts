/**
 * Integer polynomials over atoms: the normal form of symbolic dimensions. An atom is a symbol, or floor(P/Q), max(...), min(...)
 * of polynomials. Symbols are sizes, so they are taken to be >= 0; that decides some maxima.
 */

export interface Atom {
  readonly text: string;
  readonly op: "symbol" | "floor" | "max" | "min";
  /** floor: numerator and denominator. */
  readonly args: readonly Poly[];
}

interface Term {
  readonly coef: number;
  /** Sorted by text; powers repeat. */
  readonly factors: readonly Atom[];
}

/** Terms by the product of their factors; no term has coefficient 0. */
export type Poly = ReadonlyMap<string, Term>;

const keyOf = (factors: readonly Atom[]): string => factors.map((f) => f.text).join("*");
const byText = (a: Atom, b: Atom): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);

export const constant = (value: number): Poly => (value === 0 ? new Map() : new Map([["", { coef: value, factors: [] }]]));
const ofAtom = (atom: Atom): Poly => new Map([[atom.text, { coef: 1, factors: [atom] }]]);
export const symbol = (text: string): Poly => ofAtom({ text, op: "symbol", args: [] });

/** The value of a polynomial without atoms, else undefined. */
export function constantOf(p: Poly): number | undefined {
  if (p.size === 0) return 0;
  return p.size === 1 ? p.get("")?.coef : undefined;
}

export function add(a: Poly, b: Poly, scale = 1): Poly {
  const sum = new Map(a);
  for (const [key, term] of b) put(sum, key, term.factors, (sum.get(key)?.coef ?? 0) + scale * term.coef);
  return sum;
}

export function mul(a: Poly, b: Poly): Poly {
  const product = new Map<string, Term>();
  for (const x of a.values()) for (const y of b.values()) {
    const factors = [...x.factors, ...y.factors].sort(byText);
    const key = keyOf(factors);
    put(product, key, factors, (product.get(key)?.coef ?? 0) + x.coef * y.coef);
  }
  return product;
}

function put(terms: Map<string, Term>, key: string, factors: readonly Atom[], coef: number): void {
  if (coef === 0) terms.delete(key);
  else terms.set(key, { coef, factors });
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** floor(p / q), simplified; undefined when q is 0. */
export function floorDiv(p: Poly, q: Poly): Poly | undefined {
  const divisor = constantOf(q);
  if (divisor === 0) return undefined;
  if (divisor !== undefined) return divisor < 0 ? floorBy(scale(p, -1), -divisor) : floorBy(p, divisor);
  return exactQuotient(p, q) ?? floorAtom(p, q);
}

function floorBy(p: Poly, divisor: number): Poly {
  // Whole multiples leave the floor; what remains is reduced by the common divisor.
  let whole: Poly = constant(0);
  let rest: Poly = constant(0);
  for (const [key, { coef, factors }] of p) {
    const out = key === "" ? Math.floor(coef / divisor) : coef % divisor === 0 ? coef / divisor : 0;
    whole = add(whole, new Map([[key, { coef: out || 0, factors }]]), out === 0 ? 0 : 1);
    rest = add(rest, new Map([[key, { coef: coef - out * divisor, factors }]]), coef === out * divisor ? 0 : 1);
  }
  if (constantOf(rest) !== undefined) return whole;
  let common = divisor;
  for (const [key, { coef }] of rest) if (key !== "") common = gcd(common, coef);
  if (common > 1) {
    const offset = Math.floor((rest.get("")?.coef ?? 0) / common);
    let reduced: Poly = constant(offset);
    for (const [key, term] of rest) if (key !== "") reduced = add(reduced, new Map([[key, { ...term, coef: term.coef / common }]]));
    return add(whole, common === divisor ? reduced : floorBy(reduced, divisor / common));
  }
  return add(whole, unnest(rest, divisor) ?? floorAtom(rest, constant(divisor)));
}

/** floor((floor(x/a) + k) / b) = floor((x + k*a) / (a*b)). */
function unnest(p: Poly, divisor: number): Poly | undefined {
  const inner = [...p.values()].filter((t) => t.factors.length > 0);
  const [only] = inner;
  const atom = only?.factors[0];
  if (inner.length !== 1 || only?.coef !== 1 || only.factors.length !== 1 || atom?.op !== "floor") return undefined;
  const a = constantOf(atom.args[1]!);
  return a === undefined ? undefined : floorBy(add(atom.args[0]!, constant((p.get("")?.coef ?? 0) * a)), a * divisor);
}

function floorAtom(p: Poly, q: Poly): Poly {
  const top = print(p);
  const bottom = print(q);
  const simple = q.size === 1 && ([...q.values()][0]!.factors.length + (constantOf(q) === undefined ? 0 : 1)) === 1 && !/^-|\*/.test(bottom);
  return ofAtom({ text: `floor(${p.size > 1 || top.startsWith("-") ? `(${top})` : top}/${simple ? bottom : `(${bottom})`})`, op: "floor", args: [p, q] });
}

/** p / q when the division leaves nothing, by repeated division of leading terms. */
export function exactQuotient(p: Poly, q: Poly): Poly | undefined {
  const lead = leading(q);
  let rest = p;
  let quotient: Poly = constant(0);
  for (let step = 0; rest.size > 0; step++) {
    const top = leading(rest);
    const factors = without(top.factors, lead.factors);
    if (!factors || top.coef % lead.coef !== 0 || step > 64) return undefined;
    const part: Poly = new Map([[keyOf(factors), { coef: top.coef / lead.coef, factors }]]);
    quotient = add(quotient, part);
    rest = add(rest, mul(part, q), -1);
  }
  return quotient;
}

/** Highest term: by degree, then by text. Any order compatible with products would do. */
function leading(p: Poly): Term {
  let best: Term | undefined;
  for (const term of p.values()) if (!best || order(term, best) < 0) best = term;
  return best!;
}

function order(a: Term, b: Term): number {
  if (a.factors.length !== b.factors.length) return b.factors.length - a.factors.length;
  for (let i = 0; i < a.factors.length; i++) {
    const c = byText(a.factors[i]!, b.factors[i]!);
    if (c !== 0) return c;
  }
  return 0;
}

function without(factors: readonly Atom[], taken: readonly Atom[]): readonly Atom[] | undefined {
  const left = [...factors];
  for (const f of taken) {
    const at = left.findIndex((x) => x.text === f.text);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left;
}

export const scale = (p: Poly, by: number): Poly => add(constant(0), p, by);

/** True when p >= 0 follows from symbols being >= 0. */
export function isNonNegative(p: Poly): boolean {
  return [...p.values()].every((t) => t.coef > 0 && t.factors.every(atomNonNegative));
}

function atomNonNegative({ op, args }: Atom): boolean {
  if (op === "symbol") return true;
  return op === "max" ? args.some(isNonNegative) : args.every(isNonNegative);
}

/** max or min of polynomials, dropping those that another one always covers. */
export function extreme(op: "max" | "min", all: readonly Poly[]): Poly {
  const flat = all.flatMap((p) => sameAtom(p, op)?.args ?? [p]);
  const kept: Poly[] = [];
  for (const p of flat) {
    const covers = (a: Poly, b: Poly): boolean => isNonNegative(op === "max" ? add(a, b, -1) : add(b, a, -1));
    if (kept.some((k) => covers(k, p))) continue;
    const left = kept.filter((k) => !covers(p, k));
    kept.splice(0, kept.length, ...left, p);
  }
  if (kept.length === 1) return kept[0]!;
  const sorted = kept.map((p) => ({ p, text: print(p) })).sort((a, b) => (a.text < b.text ? -1 : 1));
  return ofAtom({ text: `${op}(${sorted.map((s) => s.text).join(", ")})`, op, args: sorted.map((s) => s.p) });
}

function sameAtom(p: Poly, op: Atom["op"]): Atom | undefined {
  const [term] = p.values();
  const [atom] = term?.factors ?? [];
  return p.size === 1 && term?.coef === 1 && term.factors.length === 1 && atom?.op === op ? atom : undefined;
}

/** Symbols of a polynomial, also inside floor, max and min. */
export function symbolsOf(p: Poly, found: Set<string> = new Set()): Set<string> {
  for (const term of p.values()) for (const atom of term.factors) {
    if (atom.op === "symbol") found.add(atom.text);
    else for (const arg of atom.args) symbolsOf(arg, found);
  }
  return found;
}

/** Replaces symbols; undefined when a denominator becomes 0. */
export function substitute(p: Poly, by: (symbol: string) => Poly | undefined): Poly | undefined {
  let sum: Poly = constant(0);
  for (const { coef, factors } of p.values()) {
    let product: Poly | undefined = constant(coef);
    for (const atom of factors) {
      const value = substituteAtom(atom, by);
      if (!value) return undefined;
      product = mul(product, value);
    }
    sum = add(sum, product);
  }
  return sum;
}

function substituteAtom(atom: Atom, by: (symbol: string) => Poly | undefined): Poly | undefined {
  if (atom.op === "symbol") return by(atom.text) ?? ofAtom(atom);
  const args: Poly[] = [];
  for (const arg of atom.args) {
    const value = substitute(arg, by);
    if (!value) return undefined;
    args.push(value);
  }
  return atom.op === "floor" ? floorDiv(args[0]!, args[1]!) : extreme(atom.op, args);
}

/** The text of a whole dimension: like {@link print}, but a lone symbol keeps its spelling. */
export const printDim = (p: Poly): string => sameAtom(p, "symbol")?.text ?? print(p);

const plain = /^[A-Za-z_][\w.]*$/;

/** The canonical text: positive terms first, then by degree and name, the constant last: "2*H*W + N - 1". */
export function print(p: Poly): string {
  if (p.size === 0) return "0";
  const terms = [...p.values()].sort((a, b) => Number(b.coef > 0) - Number(a.coef > 0) || order(a, b));
  return terms.map((t, i) => `${t.coef < 0 ? (i === 0 ? "-" : " - ") : i === 0 ? "" : " + "}${printTerm(t)}`).join("");
}

function printTerm({ coef, factors }: Term): string {
  const size = Math.abs(coef);
  const names = factors.map((f) => (f.op !== "symbol" || plain.test(f.text) ? f.text : `{${f.text}}`));
  return (size === 1 && names.length > 0 ? names : [String(size), ...names]).join("*");
}
