/** Files that stay open while something refers to them, so that what was checked is what is read. */
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import type { RandomAccess } from "../onnx/wire.ts";
import type { TensorStorage } from "../tensor.ts";
import { fileErrors, reasonOf } from "./errors.ts";

const closing = new FinalizationRegistry<number>((fd) => closeSync(fd));

/** Bytes per read call; one call must stay below 2 GiB. */
const MAX_READ = 1 << 22;

/**
 * A file open for reading. It is closed when no tensor refers to it any more; replacing the file at its path (as `saveModel`
 * does) does not affect what is read here.
 */
export class OpenFile implements RandomAccess {
  readonly path: string;
  readonly byteLength: number;
  readonly stats: BigIntStats;
  readonly #fd: number;

  /** @throws FILE_OPEN, FILE_NOT_REGULAR */
  constructor(path: string, { followLinks = true }: { followLinks?: boolean } = {}) {
    this.path = path;
    // Non-blocking, because opening a pipe would otherwise wait for a writer. O_NOFOLLOW and O_NONBLOCK are absent on Windows.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (followLinks ? 0 : (constants.O_NOFOLLOW ?? 0));
    try {
      this.#fd = openSync(path, flags);
    } catch (cause) {
      throw fileErrors.FILE_OPEN({ path, reason: reasonOf(cause) }, cause);
    }
    closing.register(this, this.#fd, this);
    this.stats = fstatSync(this.#fd, { bigint: true });
    this.byteLength = Number(this.stats.size);
    if (this.stats.isFile()) return;
    this.close();
    throw fileErrors.FILE_NOT_REGULAR({ path });
  }

  read(offset: number, length: number): Uint8Array {
    const target = new Uint8Array(length);
    this.readInto(target, offset);
    return target;
  }

  /** Fills `target` from `offset` on. @throws FILE_SHORT */
  readInto(target: Uint8Array, offset: number): void {
    let done = 0;
    while (done < target.byteLength) {
      const count = readSync(this.#fd, target, done, Math.min(target.byteLength - done, MAX_READ), offset + done);
      if (count === 0) throw fileErrors.FILE_SHORT({ path: this.path, offset, length: target.byteLength, received: done });
      done += count;
    }
  }

  part(offset: number, length: number): FileRange {
    return new FileRange(this, offset, length);
  }

  /** Only for files that no range refers to. */
  close(): void {
    closing.unregister(this);
    closeSync(this.#fd);
  }
}

/** Content of a tensor that is read when asked for. What was read last is kept as long as memory allows. */
export class FileRange implements TensorStorage {
  readonly kind = "file";
  readonly file: OpenFile;
  readonly offset: number;
  readonly byteLength: number;
  #read: WeakRef<Uint8Array> | undefined;

  constructor(file: OpenFile, offset: number, byteLength: number) {
    this.file = file;
    this.offset = offset;
    this.byteLength = byteLength;
  }

  bytes(): Uint8Array {
    const kept = this.#read?.deref();
    if (kept) return kept;
    const bytes = this.file.read(this.offset, this.byteLength);
    this.#read = new WeakRef(bytes);
    return bytes;
  }

  *chunks(size: number): Generator<Uint8Array, void, undefined> {
    for (let at = 0; at < this.byteLength; at += size) yield this.file.read(this.offset + at, Math.min(size, this.byteLength - at));
  }

  /** Fills `target` from byte `at` of the range on. */
  readInto(target: Uint8Array, at: number): void {
    this.file.readInto(target, this.offset + at);
  }
}
