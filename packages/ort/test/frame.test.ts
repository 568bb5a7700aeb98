/** White-box: the framing of messages to child processes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageReader, packMessage } from "../src/engine/frame.ts";

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const message = fc.record({
  op: fc.string(),
  dims: fc.array(fc.nat()),
  feeds: fc.dictionary(fc.constantFrom("a", "7", "1", "b"), fc.record({ dtype: fc.string(), data: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(fc.string())) }, { noNullPrototype: true }), { noNullPrototype: true }),
}, { noNullPrototype: true });

describe("framing", () => {
  it("gives back every message, however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (messages, sizes) => {
        const received: unknown[] = [];
        const read = messageReader((m) => received.push(m));
        const bytes = new Uint8Array(Buffer.concat(messages.flatMap(packMessage)));
        for (const chunk of split(bytes, sizes)) read(chunk);
        expect(received).toEqual(messages);
      }),
    );
  });

  it("writes bytes from where they lie, also from a Buffer", () => {
    const data = Buffer.from([1, 2, 3]);
    const pieces = packMessage({ data });
    expect(pieces.at(-1)).toBe(data);
    const received: unknown[] = [];
    const read = messageReader((m) => received.push(m));
    for (const piece of pieces) read(piece);
    expect(received).toEqual([{ data: new Uint8Array([1, 2, 3]) }]);
  });

  it("refuses a length that no message has", () => {
    expect(() => messageReader(() => {})(new Uint8Array([255, 255, 255, 255]))).toThrow(/at most/);
  });
});
