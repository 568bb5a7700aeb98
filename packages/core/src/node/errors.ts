import { defineErrors } from "../errors.ts";

export const fileErrors = defineErrors({
  FILE_OPEN: {
    text: (d: { path: string; reason: string }) => `The file "${d.path}" cannot be opened (${d.reason}).`,
    remedy: "Check the path and the permissions.",
  },
  FILE_NOT_REGULAR: {
    text: (d: { path: string }) => `"${d.path}" is not a regular file.`,
    remedy: "Give the path of a file, not of a folder, device or pipe.",
  },
  FILE_SHORT: {
    text: (d: { path: string; offset: number; length: number; received: number }) =>
      `Reading ${d.length} bytes at ${d.offset} of "${d.path}" gave ${d.received}: the file was cut short while in use.`,
    remedy: "Do not change a model's files while it is loaded; load it again.",
  },
  FILE_WRITE: {
    text: (d: { path: string; reason: string }) => `The file "${d.path}" cannot be written (${d.reason}). What was there before is unchanged.`,
    remedy: "Check the path, the permissions and the free space.",
  },
  FILE_EXTERNAL_NAME: {
    text: (d: { name: string }) => `"${d.name}" cannot be the name of the external data file.`,
    remedy: "Give a plain file name, different from the model's; the file is written beside the model.",
  },
  FILE_EXTERNAL_OPTION: {
    text: (d: { option: string; received: number; expected: string }) => `externalData.${d.option} is ${d.received}; expected is ${d.expected}.`,
    remedy: "Leave the option out to use its default.",
  },
  FILE_NODE_ONLY: {
    text: (d: { name: string }) => `${d.name} of @lathe/core/node needs files, which a browser does not have.`,
    remedy: "Use bytes in memory: decodeModel and encodeModel, decodeNpz, memoryCheckpoint.",
  },
});

/** "ENOENT" and the like. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return "code" in error && typeof error.code === "string" ? error.code : error.message;
  return String(error);
}
