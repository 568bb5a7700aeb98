/** Words and signs of a model's text. */
import { testkitErrors } from "../errors.ts";

export interface Token {
  readonly kind: "word" | "string" | "sign" | "end";
  readonly text: string;
  readonly line: number;
  /** Where it begins. */
  readonly at: number;
}

/** A word is anything without spaces and signs: names such as "/model/Conv_output_0", numbers, "-" for an absent value. */
const pattern = /[ \t\r\n]+|("(?:[^"\\]|\\.)*")|(->|\.\.\.|[,:;=(){}[\]<>])|((?:(?!->)[^\s,:;=(){}[\]<>"])+)/gy;

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw testkitErrors.TESTKIT_TEXT({ line, expected: "a name, a number, a string or a sign", received: text.slice(at, at + 10) });
    const [whole, string, sign, word] = match;
    if (string !== undefined) tokens.push({ kind: "string", text: string, line, at });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign, line, at });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, line, at });
    line += whole.split("\n").length - 1;
  }
  tokens.push({ kind: "end", text: "the end", line, at: text.length });
  return tokens;
}

/** Walks over tokens. */
export class Cursor {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  /** Takes the sign or word when it is next. */
  take(text: string): boolean {
    if (this.peek().kind === "string" || this.peek().text !== text) return false;
    this.#at++;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) this.fail(`"${text}"`);
  }

  word(what: string): string {
    return this.peek().kind === "word" ? this.next().text : this.fail(what);
  }

  /** Items between two signs, separated by commas; the opening sign has been taken. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.take(close)) {
      if (items.length > 0) this.expect(",");
      items.push(item());
    }
    return items;
  }

  /** The text up to a comma or closing bracket that no parenthesis encloses: a size such as "min(12, T + 1)". */
  expression(): string {
    const start = this.peek().at;
    for (let depth = 0; ; this.next()) {
      const { kind, text, at } = this.peek();
      if (kind === "end" || (depth === 0 && (text === "," || text === "]"))) return this.#text.slice(start, at).trim();
      if (text === "(") depth++;
      if (text === ")") depth--;
    }
  }

  fail(expected: string): never {
    const { line, text } = this.peek();
    throw testkitErrors.TESTKIT_TEXT({ line, expected, received: text });
  }
}
