/** Bytes to send: in memory, a Blob, or (in Node) a file that is read in pieces. */
export type Bytes = Uint8Array | Blob | string | URL;

/** What `fetch` takes as a body. */
export type Body = NonNullable<RequestInit["body"]>;

export interface Source {
  readonly name: string | undefined;
  readonly size: number;
  /** "sha256:..." */
  readonly digest: string;
  /** From `offset` on. */
  body(offset: number): Promise<Body>;
}

export async function sourceOf(bytes: Bytes): Promise<Source> {
  if (typeof bytes === "string" || bytes instanceof URL) return (await import("./source-file.ts")).fileSource(bytes);
  const blob = bytes instanceof Blob ? bytes : new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const hash = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  const digest = `sha256:${[...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  return { name: (blob as { name?: string }).name, size: blob.size, digest, body: async (offset) => blob.slice(offset) };
}
