/** The header of a .npy file: a Python dict with three known keys. Read with a small parser of its own; nothing is evaluated. */

export interface NpyHeader {
  /** Array protocol type string, such as "<f4". */
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

type Literal = string | boolean | number | readonly Literal[];

export function parseHeader(text: string, fail: (reason: string) => never): NpyHeader {
  const fields = new Map<string, Literal>();
  const tokens = new Tokens(text, fail);
  tokens.take("{");
  while (!tokens.tryTake("}")) {
    const key = tokens.literal();
    tokens.take(":");
    fields.set(String(key), tokens.literal());
    if (!tokens.tryTake(",")) {
      tokens.take("}");
      break;
    }
  }
  tokens.end();
  const descr = fields.get("descr");
  const fortran = fields.get("fortran_order");
  const shape = fields.get("shape");
  if (typeof descr !== "string") return fail("its records have several fields, or no element type");
  if (typeof fortran !== "boolean" || fields.size !== 3) return fail("its header lacks fortran_order or has other keys");
  if (!Array.isArray(shape) || !shape.every((d) => typeof d === "number" && Number.isSafeInteger(d) && d >= 0)) return fail("its shape is not a tuple of sizes");
  if (shape.reduce((product: number, d: number) => product * d, 1) > Number.MAX_SAFE_INTEGER) return fail("its shape is too large");
  return { descr, fortran, shape };
}

/** Nested lists beyond this are no header. */
const MAX_DEPTH = 8;

class Tokens {
  #at = 0;
  #depth = 0;
  readonly #text: string;
  readonly #fail: (reason: string) => never;

  constructor(text: string, fail: (reason: string) => never) {
    this.#text = text;
    this.#fail = fail;
  }

  tryTake(char: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  take(char: string): void {
    if (!this.tryTake(char)) this.#fail(`its header has no "${char}" at character ${this.#at}`);
  }

  end(): void {
    this.#skip();
    if (this.#at !== this.#text.length) this.#fail(`its header goes on at character ${this.#at}`);
  }

  /** A string, True, False, an integer (also Python 2's `3L`), or a tuple or list of them. */
  literal(): Literal {
    this.#skip();
    const open = this.#text[this.#at];
    if (open === "(" || open === "[") return this.#sequence(open === "(" ? ")" : "]");
    const found = this.#match(/'([^'\\]*)'|"([^"\\]*)"|(True|False)|(\d{1,16})L?/y);
    if (!found) return this.#fail(`its header has no value at character ${this.#at}`);
    const [, single, double, truth, digits] = found;
    if (truth !== undefined) return truth === "True";
    return digits === undefined ? (single ?? double ?? "") : Number(digits);
  }

  #sequence(close: string): readonly Literal[] {
    this.#at++;
    if (++this.#depth > MAX_DEPTH) this.#fail("its header is nested too deeply");
    const items: Literal[] = [];
    while (!this.tryTake(close)) {
      items.push(this.literal());
      if (!this.tryTake(",")) {
        this.take(close);
        break;
      }
    }
    this.#depth--;
    return items;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}
