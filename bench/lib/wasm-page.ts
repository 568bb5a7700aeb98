/**
 * Headless Chromium with onnxruntime-web (WebAssembly, one thread) that times models in turns, for benches of the target "wasm". V8 compiles
 * with its optimizing compiler at once (--no-liftoff): else what is measured is which kernels happen to have been optimized so far.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { encodeModel, type Feeds, type Model } from "@lathe/core";
import { chromium, type Browser } from "playwright-core";

const dist = fileURLToPath(new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url));
const engineFiles = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];
const types: Readonly<Record<string, string>> = { mjs: "text/javascript", wasm: "application/wasm", html: "text/html" };
const browsers = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export interface WasmPage {
  /** Median ms of a run, by model; models take turns. Processor time of the page's main thread where the system tells it, else the clock's. */
  time(models: Readonly<Record<string, Model | Uint8Array>>, feeds: Feeds, rounds: number): Promise<Map<string, number>>;
  readonly browser: string;
  close(): Promise<void>;
}

/** @throws when no Chromium is there: `examples/browser/check.ts --install` gets one. */
export async function openWasmPage(): Promise<WasmPage> {
  const executablePath = browsers.find((path) => path !== undefined && existsSync(path));
  if (!executablePath) throw new Error("No Chromium found. Install it (Debian: apt-get install chromium) or set CHROMIUM to its path.");
  const served = new Map<string, Uint8Array>(engineFiles.map((name) => [`/${name}`, readFileSync(dist + name)]));
  served.set("/index.html", new TextEncoder().encode(`<!doctype html><script type="module">${page}</script>`));
  const server = createServer((request, response) => {
    const body = served.get(request.url ?? "");
    // Isolated pages get a clock of microseconds.
    const headers = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp", "content-type": types[request.url?.split(".").at(-1) ?? ""] ?? "application/octet-stream" };
    response.writeHead(body ? 200 : 404, headers).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--js-flags=--no-liftoff"] });
  const tab = await browser.newPage();
  await tab.goto(`${origin}/index.html`);
  await tab.waitForFunction(() => "runModel" in globalThis);
  return {
    browser: `Chromium ${browser.version()}`,
    async time(models, feeds, rounds) {
      const names = Object.keys(models);
      names.forEach((name, i) => served.set(`/model${i}`, bytesOf(models[name]!)));
      const inputs = Object.entries(feeds).map(([name, tensor]) => ({ name, dims: [...tensor.dims], values: [...tensor.toFloat32()] }));
      const now = await pageClock(browser);
      const sample = async (index: number, repeats: number): Promise<number> => {
        const start = now();
        await tab.evaluate((args) => (globalThis as unknown as Timed).runModel(...args), [index, repeats] as [number, number]);
        return (now() - start) / repeats;
      };
      const runners: { index: number; repeats: number; samples: number[] }[] = [];
      await tab.evaluate((args) => (globalThis as unknown as Timed).openModels(...args), [names.length, inputs] as [number, unknown]);
      for (const index of names.keys()) {
        await sample(index, 2);
        runners.push({ index, repeats: Math.max(1, Math.ceil(SAMPLE_MS / Math.max(await sample(index, 3), 0.001))), samples: [] });
      }
      for (let round = 0; round < rounds; round++) {
        for (const runner of round % 2 ? runners.toReversed() : runners) runner.samples.push(await sample(runner.index, runner.repeats));
      }
      await tab.evaluate(() => (globalThis as unknown as Timed).closeModels());
      for (const i of names.keys()) served.delete(`/model${i}`);
      return new Map(names.map((name, i) => [name, runners[i]!.samples.toSorted((x, y) => x - y)[rounds >> 1]!]));
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

const bytesOf = (model: Model | Uint8Array): Uint8Array => (model instanceof Uint8Array ? model : encodeModel(model));

/** Least processor time of a sample: a message to the page and back costs a fraction of a millisecond. */
const SAMPLE_MS = 80;

interface Timed {
  openModels(count: number, inputs: unknown): Promise<void>;
  runModel(index: number, repeats: number): Promise<void>;
  closeModels(): Promise<void>;
}

/** Milliseconds that the main threads of the page's processes have run, which other work on the machine does not add to. */
async function pageClock(browser: Browser): Promise<() => number> {
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  await cdp.detach();
  const paths = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => `/proc/${id}/task/${id}/schedstat`);
  if (paths.length === 0 || !paths.every((path) => existsSync(path))) return () => performance.now();
  return () => paths.reduce((sum, path) => sum + Number(readFileSync(path, "utf8").split(" ")[0]) / 1e6, 0);
}

const page = `
import * as ort from "/ort.wasm.min.mjs";
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
let sessions = [], feeds = {};
globalThis.openModels = async (count, inputs) => {
  feeds = Object.fromEntries(inputs.map(({ name, dims, values }) => [name, new ort.Tensor("float32", Float32Array.from(values), dims)]));
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(await (await fetch("/model" + i)).arrayBuffer());
    sessions.push(await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], graphOptimizationLevel: "all" }));
  }
};
globalThis.runModel = async (index, repeats) => {
  for (let i = 0; i < repeats; i++) await sessions[index].run(feeds);
};
globalThis.closeModels = async () => {
  for (const session of sessions) await session.release();
  sessions = [];
};
`;
