/** Children whose tasks find their files on this machine, wherever the store keeps them. */
import type { Children } from "../jobs/children.ts";
import type { BlobStore } from "./blobs.ts";

/** A task names files by their places in the store of this machine; those that are not there yet are brought before it begins. */
export function withFiles(children: Children, blobs: BlobStore): Children {
  return {
    ...children,
    async run(task, settings, use) {
      for (const text of textsIn(task)) {
        const digest = `sha256:${text.slice(-64)}`;
        if (/^sha256:[0-9a-f]{64}$/.test(digest) && blobs.path(digest) === text) await blobs.bring(digest);
      }
      return children.run(task, settings, use);
    },
  };
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
