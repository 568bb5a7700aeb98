/** Bundles the page and serves it on this machine: `npx tsx --conditions=@lathe/source examples/browser/serve.ts [port]`. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { gunzipSync } from "node:zlib";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

async function script(): Promise<string> {
  const { outputFiles } = await build({ entryPoints: [join(here, "main.ts")], bundle: true, write: false, minify: true, format: "esm", platform: "browser", conditions: ["@lathe/source"] });
  return outputFiles[0]!.text;
}

/** Everything the page may ask for; nothing else of the disk is served. */
async function files(): Promise<ReadonlyMap<string, Uint8Array>> {
  const wasm = ["ort-wasm-simd-threaded.jsep.mjs", "ort-wasm-simd-threaded.jsep.wasm", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"];
  const images = gunzipSync(await readFile(join(root, "fixtures/data/fashion-train-512-images-idx3-ubyte.gz"))).subarray(16);
  return new Map<string, Uint8Array>([
    ["/", await readFile(join(here, "index.html"))],
    ["/main.js", new TextEncoder().encode(await script())],
    ["/model.onnx", await readFile(join(root, "fixtures/models/fashion-mobilenet.onnx"))],
    ["/images.bin", images],
    ...(await Promise.all(wasm.map(async (file) => [`/ort/${file}`, await readFile(join(root, "node_modules/onnxruntime-web/dist", file))] as const))),
  ]);
}

/** Starts the server on the loopback address. Port 0 takes a free one. */
export async function serve(port = 0): Promise<{ url: string; server: Server }> {
  const all = await files();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const body = all.get(path);
    response.writeHead(body ? 200 : 404, { "content-type": types[extname(path) || ".html"] ?? "application/octet-stream" }).end(body);
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === "object" && address ? address.port : port}/`, server };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await serve(Number(process.argv[2] ?? 8080))).url);
