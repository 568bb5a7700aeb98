/** Compression through the platform's own streams, which Node and browsers both have. */
import { dataErrors } from "./errors.ts";

export type Compression = "gzip" | "deflate" | "deflate-raw";

/**
 * Unpacks compressed bytes. Stops as soon as more than `maxBytes` come out, before they are gathered.
 * `what` names the data in errors.
 * @throws INFLATE for damaged data, ZIP_LIMIT
 */
export async function inflate(bytes: Uint8Array, format: Compression, maxBytes: number, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const { writable, readable } = new DecompressionStream(format);
  const reader = readable.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  feed(writable.getWriter() as unknown as Sink, bytes);
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw dataErrors.INFLATE({ what, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
    });
    if (done) return gather(chunks);
    total += value.byteLength;
    if (total > maxBytes) {
      await reader.cancel().catch(() => undefined);
      throw dataErrors.ZIP_LIMIT({ what, limit: "an unpacked size", allowed: maxBytes, received: total });
    }
    chunks.push(value);
  }
}

export async function deflate(bytes: Uint8Array, format: Compression): Promise<Uint8Array> {
  const { writable, readable } = new CompressionStream(format);
  feed(writable.getWriter() as unknown as Sink, bytes);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return gather(chunks);
}

/** What is used of a writer; the types of Node and of browsers differ in which buffers they take. */
interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Not awaited: the stream takes more only while it is read. Its failures arrive at the reading end. */
function feed(writer: Sink, bytes: Uint8Array): void {
  writer.write(bytes).catch(() => undefined);
  writer.close().catch(() => undefined);
}

/** The parts one after another. */
export function gather(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** gzip files begin with these two bytes (RFC 1952). */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;
