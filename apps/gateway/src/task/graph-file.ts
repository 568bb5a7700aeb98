/**
 * The list of nodes as a file: lines of JSON, first how many layers and nodes there are, then each of them. A child writes it, the gateway
 * keeps it as it is and reads it in pieces, so that however many nodes a model has others are answered meanwhile.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import type { GraphJson, LayerJson, NodeJson } from "./facts.ts";

interface Head {
  readonly layers: number;
  readonly nodes: number;
}

/** Lines that are written, and bytes that are read, in one go. */
const LINES = 500;
const BYTES = 1 << 17;

export async function writeGraph(path: string, { layers, nodes }: GraphJson): Promise<void> {
  const head: Head = { layers: layers.length, nodes: nodes.length };
  await pipeline(Readable.from(texts([head, ...layers, ...nodes])), createWriteStream(path, { flags: "wx", mode: 0o600 }));
}

function* texts(values: readonly object[]): Generator<string> {
  for (let at = 0; at < values.length; at += LINES) yield values.slice(at, at + LINES).map((value) => `${JSON.stringify(value)}\n`).join("");
}

export async function readGraph(path: string): Promise<GraphJson> {
  const values: unknown[] = [];
  const decoder = new StringDecoder("utf8");
  let rest = "";
  // Each piece comes in a turn of the event loop of its own.
  for await (const chunk of createReadStream(path, { highWaterMark: BYTES })) {
    const lines = (rest + decoder.write(chunk as Buffer)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) values.push(JSON.parse(line));
  }
  if (rest !== "") values.push(JSON.parse(rest));
  // Files of earlier versions are one line.
  if (values.length === 1 && Array.isArray((values[0] as GraphJson).layers)) return values[0] as GraphJson;
  const head = values[0] as Head | undefined;
  if (!head || values.length !== 1 + head.layers + head.nodes) throw new Error(`The list of nodes in ${path} is cut short.`);
  return { layers: values.slice(1, 1 + head.layers) as LayerJson[], nodes: values.slice(1 + head.layers) as NodeJson[] };
}
