/** Sends files, resuming where a connection broke. */
import { request, settled, GatewayError, type Connection } from "./transport.ts";
import type { Source } from "./source.ts";

interface Upload {
  readonly id: string;
  readonly url: string | null;
}

const CREATE = `mutation ($files: [UploadFileInput!]!) {
  uploadCreate(files: $files) { __typename ... on UploadsCreated { uploads { id url } } ... on UserError { code message remedy } }
}`;

const TRIES = 5;
const RETRY_MS = 300;

/** Upload ids, in the order of the sources. @throws GatewayError */
export async function sendAll(connection: Connection, sources: readonly Source[]): Promise<string[]> {
  const files = sources.map(({ digest, size }) => ({ digest, size }));
  const { uploadCreate } = await request<{ uploadCreate: { __typename: string; uploads: Upload[] } }>(connection, CREATE, { files });
  const { uploads } = settled(uploadCreate);
  for (const [i, { url }] of uploads.entries()) if (url !== null) await send(connection, url, sources[i]!);
  return uploads.map(({ id }) => id);
}

async function send({ fetch: fetch_ = fetch }: Connection, url: string, source: Source): Promise<void> {
  for (let attempt = 1, offset = 0; ; attempt++) {
    try {
      const init = { method: "PUT", headers: { "upload-offset": String(offset) }, body: await source.body(offset), duplex: "half" } as RequestInit;
      const response = await fetch_(url, init);
      if (response.status === 201) return;
      const broken = response.status === 202 || response.status === 409 || response.status >= 500;
      if (!broken || (attempt >= TRIES && response.status >= 500)) throw await refusal(response);
    } catch (error) {
      if (error instanceof GatewayError || attempt >= TRIES) throw error;
    }
    if (attempt >= TRIES) throw new GatewayError("UPLOAD_INCOMPLETE", `The upload did not get through in ${TRIES} tries.`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt));
    const asked = await fetch_(url, { method: "HEAD" }).catch(() => undefined);
    offset = Number(asked?.headers.get("upload-offset") ?? 0);
    if (offset >= source.size) return;
  }
}

async function refusal(response: Response): Promise<GatewayError> {
  const body = (await response.json().catch(() => ({}))) as { errors?: { message: string; extensions?: { code?: string } }[] };
  return new GatewayError(body.errors?.[0]?.extensions?.code ?? "UPLOAD", body.errors?.[0]?.message ?? `The upload failed with status ${response.status}.`);
}
