import { add, constant, exactQuotient, extreme, floorDiv, isNonNegative, mul, scale, symbol, type Poly } from "./dim-poly.ts";

/** A quotient while parsing: "H/2 + 1/2" is exact until a floor closes it. */
interface Ratio {
  readonly top: Poly;
  readonly bottom: Poly;
}

const one = constant(1);
const whole = (top: Poly): Ratio => ({ top, bottom: one });

const tokens = /\s*(\{[^{}]*\}|[A-Za-z_][\w.]*|\d+|\/\/|\*\*|[-+*/%(),])/y;

/**
 * Reads an expression: + - * / // % **, floor(), ceil(), max(), min(), mod() (any case; what other exporters write),
 * names and {names with spaces}. A quotient outside floor() rounds down. Returns undefined when the text is no expression:
 * it is then a symbol by itself. "batch-size" is a name: a minus between letters needs spaces.
 */
export function parseExpression(text: string): Poly | undefined {
  if (/[A-Za-z_]-[A-Za-z_]/.test(text)) return undefined;
  const words = tokenize(text);
  if (!words) return undefined;
  const parser = new Parser(words);
  const ratio = parser.sum();
  return ratio && parser.done ? settle(ratio) : undefined;
}

function tokenize(text: string): string[] | undefined {
  const words: string[] = [];
  tokens.lastIndex = 0;
  const body = text.trimEnd();
  while (tokens.lastIndex < body.length) {
    const match = tokens.exec(body);
    if (!match) return undefined;
    words.push(match[1]!);
  }
  return words.length > 0 ? words : undefined;
}

const settle = ({ top, bottom }: Ratio): Poly | undefined => (bottom === one ? top : floorDiv(top, bottom));

class Parser {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get done(): boolean {
    return this.#at === this.#words.length;
  }

  sum(): Ratio | undefined {
    let left = this.product();
    for (let sign = this.#take("+", "-"); left && sign; sign = this.#take("+", "-")) {
      const right = this.product();
      left = right && plus(left, right, sign === "+" ? 1 : -1);
    }
    return left;
  }

  product(): Ratio | undefined {
    let left = this.factor();
    for (let sign = this.#take("*", "/", "//", "%"); left && sign; sign = this.#take("*", "/", "//", "%")) {
      const right = this.factor();
      left = right && times(left, right, sign);
    }
    return left;
  }

  factor(): Ratio | undefined {
    if (this.#take("-")) {
      const inner = this.factor();
      return inner && { top: scale(inner.top, -1), bottom: inner.bottom };
    }
    const base = this.base();
    if (!base || !this.#take("**")) return base;
    const power = Number(this.#words[this.#at++]);
    if (!(power >= 1 && power <= 8) || base.bottom !== one) return undefined;
    let result = base.top;
    for (let i = 1; i < power; i++) result = mul(result, base.top);
    return whole(result);
  }

  base(): Ratio | undefined {
    const word = this.#words[this.#at++];
    if (word === undefined) return undefined;
    if (word === "(") {
      const inner = this.sum();
      return this.#take(")") ? inner : undefined;
    }
    if (/^\d/.test(word)) return whole(constant(Number(word)));
    if (word.startsWith("{")) return whole(parseExpression(word.slice(1, -1)) ?? symbol(word.slice(1, -1)));
    if (!/^[A-Za-z_]/.test(word)) return undefined;
    return this.#words[this.#at] === "(" ? this.call(word.toLowerCase()) : whole(symbol(word));
  }

  call(name: string): Ratio | undefined {
    this.#at++;
    const args: Ratio[] = [];
    do {
      const arg = this.sum();
      if (!arg) return undefined;
      args.push(arg);
    } while (this.#take(","));
    if (!this.#take(")")) return undefined;
    const result = apply(name, args);
    return result && whole(result);
  }

  #take(...wanted: readonly string[]): string | undefined {
    const word = this.#words[this.#at];
    if (word === undefined || !wanted.includes(word)) return undefined;
    this.#at++;
    return word;
  }
}

function plus(a: Ratio, b: Ratio, sign: number): Ratio {
  if (a.bottom === one && b.bottom === one) return whole(add(a.top, b.top, sign));
  return { top: add(mul(a.top, b.bottom), mul(b.top, a.bottom), sign), bottom: mul(a.bottom, b.bottom) };
}

function times(a: Ratio, b: Ratio, sign: string): Ratio | undefined {
  if (sign === "*") return a.bottom === one && b.bottom === one ? whole(mul(a.top, b.top)) : { top: mul(a.top, b.top), bottom: mul(a.bottom, b.bottom) };
  const quotient = { top: mul(a.top, b.bottom), bottom: mul(a.bottom, b.top) };
  if (quotient.bottom.size === 0) return undefined;
  if (sign === "/") {
    const exact = exactQuotient(quotient.top, quotient.bottom);
    return exact ? whole(exact) : quotient;
  }
  return apply(sign === "%" ? "mod" : "floor", sign === "%" ? [a, b] : [quotient], true);
}

function apply(name: string, args: readonly Ratio[], asRatio: true): Ratio | undefined;
function apply(name: string, args: readonly Ratio[]): Poly | undefined;
function apply(name: string, args: readonly Ratio[], asRatio?: true): Poly | Ratio | undefined {
  const result = applyFunction(name, args);
  return result && asRatio ? whole(result) : result;
}

function applyFunction(name: string, args: readonly Ratio[]): Poly | undefined {
  const [first, second] = args;
  if (!first) return undefined;
  if (name === "floor" && args.length === 1) return settle(first);
  if ((name === "ceil" || name === "ceiling") && args.length === 1) return first.bottom === one ? first.top : ceilDiv(first.top, first.bottom);
  const values = args.map(settle);
  if (values.some((v) => v === undefined)) return undefined;
  if (name === "max" || name === "min") return extreme(name, values as Poly[]);
  return name === "mod" && second && args.length === 2 ? mod(values[0]!, values[1]!) : undefined;
}

/** ceil(p / q) = floor((p + q - 1) / q) for q > 0, else -floor(-p / q). */
export function ceilDiv(p: Poly, q: Poly): Poly | undefined {
  const exact = q.size > 0 ? exactQuotient(p, q) : undefined;
  if (exact) return exact;
  if (isNonNegative(q)) return floorDiv(add(p, add(q, constant(-1))), q);
  const negative = floorDiv(scale(p, -1), q);
  return negative && scale(negative, -1);
}

/** p - q * floor(p / q): the sign of the divisor, as in ONNX `Mod` with fmod = 0. */
export function mod(p: Poly, q: Poly): Poly | undefined {
  const quotient = floorDiv(p, q);
  return quotient && add(p, mul(q, quotient), -1);
}
