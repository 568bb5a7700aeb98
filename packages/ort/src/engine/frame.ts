/**
 * Messages over a byte stream: a length, JSON, and the bytes that the JSON refers to, back to back. Bytes are written from where they
 * lie and read into the buffers they stay in, so a message may be of any size and is copied once.
 */

const HEAD = 4;
/** JSON of a message, without its bytes; far above what a graph's value names take. */
const MAX_JSON = 64 * 1024 * 1024;

interface BytesRef {
  readonly $bytes: number;
}

/** The pieces of a message, to be written in this order. */
export function packMessage(message: unknown): Uint8Array[] {
  const blobs: Uint8Array[] = [];
  const replace = function (this: Record<string, unknown>, key: string, value: unknown): unknown {
    // The holder is asked because a Buffer has turned itself into something else by the time `value` comes.
    const original = this[key];
    if (!(original instanceof Uint8Array)) return value;
    blobs.push(original);
    return { $bytes: original.byteLength } satisfies BytesRef;
  };
  const json = Buffer.from(JSON.stringify(message, replace));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(json.length);
  return [head, json, ...blobs];
}

/** Takes chunks of the stream as they come and calls back with each whole message. */
export function messageReader(onMessage: (message: unknown) => void): (chunk: Uint8Array) => void {
  let want: Uint8Array = new Uint8Array(HEAD);
  let filled = 0;
  let step: (full: Uint8Array) => void = readHead;

  function next(size: number, then: (full: Uint8Array) => void): void {
    want = new Uint8Array(size);
    filled = 0;
    step = then;
    if (size === 0) then(want);
  }

  function readHead(head: Uint8Array): void {
    const size = new DataView(head.buffer).getUint32(0, true);
    if (size > MAX_JSON) throw new RangeError(`a message of ${size} bytes came where at most ${MAX_JSON} were expected`);
    next(size, readJson);
  }

  function readJson(json: Uint8Array): void {
    const blobs: BlobSlot[] = [];
    const message = collectBlobs(JSON.parse(Buffer.from(json.buffer).toString()), blobs);
    readBlobs(message, blobs, 0);
  }

  function readBlobs(message: unknown, blobs: readonly BlobSlot[], at: number): void {
    const blob = blobs[at];
    if (!blob) {
      next(HEAD, readHead);
      return onMessage(message);
    }
    next(blob.size, (full) => {
      blob.put(full);
      readBlobs(message, blobs, at + 1);
    });
  }

  return (chunk) => {
    let used = 0;
    while (used < chunk.length) {
      const part = chunk.subarray(used, used + want.length - filled);
      want.set(part, filled);
      filled += part.length;
      used += part.length;
      if (filled === want.length) step(want);
    }
  };
}

interface BlobSlot {
  readonly size: number;
  put(bytes: Uint8Array): void;
}

/** Finds the places for bytes in the order in which {@link packMessage} met them. */
function collectBlobs(value: unknown, blobs: BlobSlot[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  const holder = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(holder)) {
    const size = (inner as Partial<BytesRef> | null)?.$bytes;
    if (typeof size === "number") blobs.push({ size, put: (bytes) => (holder[key] = bytes) });
    else collectBlobs(inner, blobs);
  }
  return holder;
}
