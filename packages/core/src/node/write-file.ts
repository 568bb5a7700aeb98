/** Files that appear whole or not at all: written under another name, flushed to disk, then renamed. */
import { randomBytes, type Hash } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { chunksOf, type Part } from "../onnx/writer.ts";
import { fileErrors, reasonOf } from "./errors.ts";
import { FileRange } from "./open-file.ts";

/** Bytes per write call. Larger calls are not faster, and on Linux now and then several times slower. */
const CHUNK = 1 << 20;
/** Small parts are gathered up to this many before a call. */
const MAX_PIECES = 512;

/** A new file that has not got its name yet. */
export class PendingFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  /** Told every byte that is written, when set. */
  hash: Hash | undefined;
  #copy: Uint8Array | undefined;
  /** Bytes written. */
  size = 0;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  static async create(path: string): Promise<PendingFile> {
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    return new PendingFile(path, temporary, await open(temporary, "wx"));
  }

  async write(parts: Iterable<Part>): Promise<void> {
    let pieces: Uint8Array[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      await this.#writeAll(pieces);
      pieces = [];
      bytes = 0;
    };
    for (const part of parts) {
      if (part instanceof Uint8Array && part.byteLength < CHUNK) {
        pieces.push(part);
        bytes += part.byteLength;
        if (pieces.length >= MAX_PIECES || bytes >= CHUNK) await flush();
        continue;
      }
      await flush();
      if (part instanceof FileRange) await this.#copyRange(part);
      else for (const chunk of chunksOf([part], CHUNK)) for (const piece of split(chunk)) await this.#writeAll([piece]);
    }
    await flush();
  }

  /** Flushes to disk and closes; the content can then be given its name. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
  }

  async publish(): Promise<void> {
    await rename(this.#temporary, this.path);
    await syncFolder(dirname(this.path));
  }

  /** Removes the temporary file; harmless after {@link publish}. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }

  /** File to file through one buffer: a tensor larger than memory passes. */
  async #copyRange(range: FileRange): Promise<void> {
    const buffer = (this.#copy ??= new Uint8Array(CHUNK));
    for (let at = 0; at < range.byteLength; at += CHUNK) {
      const piece = buffer.subarray(0, Math.min(CHUNK, range.byteLength - at));
      range.readInto(piece, at);
      await this.#writeAll([piece]);
    }
  }

  async #writeAll(pieces: readonly Uint8Array[]): Promise<void> {
    let rest = pieces.filter((piece) => piece.byteLength > 0);
    if (this.hash) for (const piece of rest) this.hash.update(piece);
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest);
      this.size += bytesWritten;
      rest = dropFront(rest, bytesWritten);
    }
  }
}

/** Views of at most {@link CHUNK} bytes. */
function* split(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < piece.byteLength; at += CHUNK) yield piece.subarray(at, at + CHUNK);
}

/** What a partial write left over. */
function dropFront(pieces: Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const at = pieces.findIndex((piece) => {
    if (piece.byteLength > skip) return true;
    skip -= piece.byteLength;
    return false;
  });
  if (at < 0) return [];
  return [pieces[at]!.subarray(skip), ...pieces.slice(at + 1)];
}

/** Makes the new names durable. Windows cannot open a folder; there the rename itself must do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/**
 * Writes several files and gives them their names in the given order once all of them are complete.
 * @throws FILE_WRITE; files that existed before are then unchanged, unless naming itself failed half way.
 */
export async function writeFiles(files: readonly { path: string; write: (file: PendingFile) => Promise<void> }[]): Promise<void> {
  const pending: PendingFile[] = [];
  try {
    for (const { path, write } of files) {
      const file = await guarded(path, () => PendingFile.create(path));
      pending.push(file);
      await guarded(path, () => write(file));
      await guarded(path, () => file.finish());
    }
    for (const file of pending) await guarded(file.path, () => file.publish());
  } finally {
    for (const file of pending) await file.discard();
  }
}

/** System errors become ours; our own (of lazy tensors, for instance) pass. */
async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof Error && "syscall" in cause) throw fileErrors.FILE_WRITE({ path, reason: reasonOf(cause) }, cause);
    throw cause;
  }
}
