/** Sends files: hash, ask for addresses, PUT with progress, resume after a broken connection, say what they are. */
import { ApiError, localUrl, request, unwrap } from "./graphql.ts";
import { uploadCompleteMutation, uploadCreateMutation } from "./queries.ts";
import { sha256 } from "./sha256.ts";
import type { DatasetLine, ModelLine } from "./types.ts";

export interface UploadProgress {
  readonly phase: "hash" | "send" | "read";
  /** 0 to 1. */
  readonly fraction: number;
}

export type OnProgress = (progress: UploadProgress) => void;

/** Up to this size the browser's own SHA-256 is used, which is faster but wants the file in memory. */
const WHOLE = 256 * 2 ** 20;
const PIECE = 4 * 2 ** 20;
const TRIES = 5;

/** Of several files the one that ends in .onnx is the graph, the others are its external data. */
export async function uploadModel(files: readonly File[], onProgress: OnProgress, signal: AbortSignal): Promise<ModelLine> {
  const graphs = files.filter((file) => file.name.toLowerCase().endsWith(".onnx"));
  const graph = graphs[0];
  if (!graph || graphs.length > 1) throw new ApiError("FILES", `Choose exactly one .onnx file, and with it the files of its external data if it has any; ${graphs.length} came.`);
  const data = files.filter((file) => file !== graph);
  const [graphId, ...dataIds] = await send([graph, ...data], onProgress, signal);
  const input = { model: { name: graph.name, graph: graphId, data: data.map(({ name }, i) => ({ upload: dataIds[i], name })) } };
  const made = unwrap((await request(uploadCompleteMutation, { input }, signal)).uploadComplete);
  return (made as { model: ModelLine }).model;
}

export async function uploadDataset(file: File, onProgress: OnProgress, signal: AbortSignal): Promise<DatasetLine> {
  const [id] = await send([file], onProgress, signal);
  const made = unwrap((await request(uploadCompleteMutation, { input: { dataset: { name: file.name, file: id } } }, signal)).uploadComplete);
  return (made as { dataset: DatasetLine }).dataset;
}

/** Ids of the uploads, in the order of the files. */
async function send(files: readonly File[], onProgress: OnProgress, signal: AbortSignal): Promise<string[]> {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const report = (phase: UploadProgress["phase"], done: number): void => onProgress({ phase, fraction: total === 0 ? 1 : Math.min(1, done / total) });
  const wanted: { digest: string; size: number }[] = [];
  let before = 0;
  for (const file of files) {
    wanted.push({ digest: `sha256:${await digestOf(file, (done) => report("hash", before + done), signal)}`, size: file.size });
    before += file.size;
  }
  const { uploads } = unwrap((await request(uploadCreateMutation, { files: wanted }, signal)).uploadCreate);
  before = 0;
  for (const [i, file] of files.entries()) {
    const { url } = uploads[i]!;
    if (url !== null) await put(file, localUrl(url), (done) => report("send", before + done), signal);
    before += file.size;
  }
  report("read", total);
  return uploads.map((upload) => upload.id);
}

async function digestOf(file: Blob, onDone: (bytes: number) => void, signal: AbortSignal): Promise<string> {
  // Absent where the page did not come from a secure context.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (subtle && file.size <= WHOLE) {
    const hash = new Uint8Array(await subtle.digest("SHA-256", await file.arrayBuffer()));
    return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const hash = sha256();
  for (let at = 0; at < file.size; at += PIECE) {
    signal.throwIfAborted();
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
    onDone(Math.min(file.size, at + PIECE));
  }
  return hash.hex();
}

async function put(file: File, url: string, onDone: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  let offset = 0;
  for (let tries = 1; ; tries++) {
    const { status, message } = await putFrom(file, offset, url, onDone, signal);
    if (status === 200 || status === 201) return;
    const broken = status === 0 || status === 202 || status === 409 || status >= 500;
    if (!broken || tries === TRIES) throw new ApiError(`HTTP_${status}`, message ?? "The file could not be sent: the connection broke again and again.");
    await new Promise((resolve) => setTimeout(resolve, 500 * tries));
    offset = await reached(url, signal);
  }
}

async function reached(url: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, { method: "HEAD", signal }).catch(() => undefined);
  return Number(response?.headers.get("upload-offset") ?? 0);
}

interface Sent {
  /** 0 when the connection broke. */
  readonly status: number;
  readonly message: string | undefined;
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function putFrom(file: File, offset: number, url: string, onDone: (bytes: number) => void, signal: AbortSignal): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const abort = (): void => call.abort();
    call.open("PUT", url);
    call.setRequestHeader("upload-offset", String(offset));
    call.upload.onprogress = (event) => onDone(offset + event.loaded);
    call.onabort = () => reject(new DOMException("Stopped.", "AbortError"));
    call.onerror = () => resolve({ status: 0, message: undefined });
    call.onload = () => resolve({ status: call.status, message: messageOf(call.responseText) });
    call.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    call.send(file.slice(offset));
  });
}

function messageOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { errors?: { message: string }[] }).errors?.[0]?.message;
  } catch {
    return undefined;
  }
}
