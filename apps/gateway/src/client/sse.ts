/** Reads server-sent events as `graphql-sse` sends them: `next` with a result, then `complete`. */
import { piecesOf } from "../pieces.ts";

export interface SseMessage {
  readonly event: string;
  readonly data: string;
}

export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<SseMessage, void, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of piecesOf(body)) {
    text += decoder.decode(piece, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const message = parse(block);
      if (message) yield message;
    }
  }
}

/** Undefined for comments, which only keep the line open. */
function parse(block: string): SseMessage | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).trimStart());
  }
  const event = fields.get("event");
  return event === undefined ? undefined : { event, data: fields.get("data") ?? "" };
}
