/** UTF-8, strictly: what is not valid is refused, and a byte order mark is text like any other. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Most names are short and ASCII; for them a call into the decoder costs more than the work. */
const SHORT = 32;

/** The text, or undefined when the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (bytes.length <= SHORT && isAscii(bytes)) return String.fromCharCode(...bytes);
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

/** Bytes that the text takes. A lone surrogate counts three, as it is written as U+FFFD. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    length += code < 0x800 ? 1 : 2;
    // A pair is two units and four bytes: the first adds two, the second nothing.
    if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) i++;
  }
  return length;
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code < 0xe000;

/** Writes the text into `target`, which is at least `utf8Length(text)` long. */
export function encodeUtf8Into(text: string, target: Uint8Array): void {
  if (text.length > SHORT) {
    encoder.encodeInto(text, target);
    return;
  }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      encoder.encodeInto(text, target);
      return;
    }
    target[i] = code;
  }
}

/** The text as UTF-8 bytes. */
export const encodeUtf8 = (text: string): Uint8Array => encoder.encode(text);
