/** External data of a model in a folder. A file is checked and opened once; what was checked is what is read. */
import { createHash } from "node:crypto";
import { lstatSync, realpathSync } from "node:fs";
import { join, normalize } from "node:path";
import { isLatheError } from "../errors.ts";
import type { ExternalRef, ExternalResolver } from "../onnx/external-ref.ts";
import { onnxErrors } from "../onnx/graph-errors.ts";
import { OpenFile } from "./open-file.ts";

export interface ExternalFileOptions {
  /** Follow symbolic links and accept hard links: only for files whose source you trust. Default false. */
  readonly trustLinks?: boolean;
  /** Compare the checksum that the model states, if it does, by reading the whole file. Default true. */
  readonly verifyChecksum?: boolean;
}

/**
 * Resolves against `folder`.
 * The resolver throws ONNX_EXTERNAL_MISSING, _SYMLINK, _HARDLINK, _NOT_FILE, _RANGE, _CHECKSUM before anything is allocated.
 */
export function folderResolver(folder: string, { trustLinks = false, verifyChecksum = true }: ExternalFileOptions = {}): ExternalResolver {
  const open = new Map<string, OpenFile>();
  const verified = new Set<string>();
  return (ref) => {
    const { tensor, location, offset, length, checksum } = ref;
    const key = normalize(location);
    const file = open.get(key) ?? (trustLinks ? openTrusted(folder, ref) : openChecked(folder, ref));
    open.set(key, file);
    if (offset + length > file.byteLength) throw onnxErrors.ONNX_EXTERNAL_RANGE({ tensor, location, offset, length, size: file.byteLength });
    if (checksum !== undefined && verifyChecksum && !verified.has(`${key} ${checksum}`)) {
      verify(file, ref, checksum);
      verified.add(`${key} ${checksum}`);
    }
    return file.part(offset, length);
  };
}

function openTrusted(folder: string, { tensor, location }: ExternalRef): OpenFile {
  try {
    return new OpenFile(join(folder, location));
  } catch (cause) {
    throw translated(cause, tensor, location);
  }
}

/** The real path must be the plain one: then no link is on the way and the file is inside the folder. */
function openChecked(folder: string, { tensor, location }: ExternalRef): OpenFile {
  const plain = join(real(folder, tensor, location), location);
  if (real(plain, tensor, location) !== plain) throw onnxErrors.ONNX_EXTERNAL_SYMLINK({ tensor, location });
  let file: OpenFile;
  try {
    file = new OpenFile(plain, { followLinks: false });
  } catch (cause) {
    throw translated(cause, tensor, location);
  }
  const { nlink, ino, dev } = file.stats;
  // Looked at again after opening: if the path was swapped meanwhile, it no longer leads to the open file.
  const now = lstatSync(plain, { bigint: true, throwIfNoEntry: false });
  if (real(plain, tensor, location) !== plain || now?.ino !== ino || now.dev !== dev) throw onnxErrors.ONNX_EXTERNAL_SYMLINK({ tensor, location });
  if (nlink > 1n) throw onnxErrors.ONNX_EXTERNAL_HARDLINK({ tensor, location, links: Number(nlink) });
  return file;
}

function real(path: string, tensor: string, location: string): string {
  try {
    return realpathSync.native(path);
  } catch (cause) {
    throw onnxErrors.ONNX_EXTERNAL_MISSING({ tensor, location }, cause);
  }
}

function translated(cause: unknown, tensor: string, location: string): Error {
  if (isLatheError(cause, "FILE_NOT_REGULAR")) return onnxErrors.ONNX_EXTERNAL_NOT_FILE({ tensor, location }, cause);
  return onnxErrors.ONNX_EXTERNAL_MISSING({ tensor, location }, cause);
}

function verify(file: OpenFile, { tensor, location }: ExternalRef, expected: string): void {
  const hash = createHash("sha1");
  const buffer = new Uint8Array(1 << 22);
  for (let at = 0; at < file.byteLength; at += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, file.byteLength - at));
    file.readInto(piece, at);
    hash.update(piece);
  }
  const received = hash.digest("hex");
  if (received !== expected.toLowerCase()) throw onnxErrors.ONNX_EXTERNAL_CHECKSUM({ tensor, location, expected, received });
}
