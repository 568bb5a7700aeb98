/** Where checkpoints are kept. */
import { isLatheError } from "@lathe/core";

export interface CheckpointStore {
  /** The bytes last written; undefined when there are none. */
  read(): Promise<Uint8Array | undefined>;
  /** Replaces them, whole or not at all. */
  write(bytes: Uint8Array): Promise<void>;
}

/** In a file, written under another name, flushed and renamed. Node only; its modules are imported on first use. */
export function fileCheckpoint(path: string): CheckpointStore {
  return {
    async read() {
      const { readBytes } = await import("@lathe/core/node");
      try {
        return await readBytes(path);
      } catch (error) {
        if (isLatheError(error, "FILE_OPEN") && (error.cause as { code?: unknown }).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async write(bytes) {
      const { writeFiles } = await import("@lathe/core/node");
      await writeFiles([{ path, write: (file) => file.write([bytes]) }]);
    },
  };
}

/** In memory, for tests and browsers. */
export function memoryCheckpoint(): CheckpointStore {
  let kept: Uint8Array | undefined;
  return { read: () => Promise.resolve(kept), write: (bytes) => { kept = bytes; return Promise.resolve(); } };
}
