/** The package as programs use it: run from sources and from a build, without a farewell. */
import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const model = fileURLToPath(new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url));
/** Inside the package, so that onnxruntime-node is found from there. */
const folder = join(root, "node_modules", `.entry-test-${process.pid}`);

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  // As tsup builds it, but with core inside.
  await build({
    entryPoints: ["src/index.ts", "src/web.ts", "src/engine/worker.ts"].map((path) => join(root, path)),
    outbase: join(root, "src"),
    outdir: join(folder, "built"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*", "onnxruntime-node", "onnxruntime-web"],
    conditions: ["@lathe/source"],
    logLevel: "error",
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** Runs a program that has `load(placement)` and `feeds(session, n)`, on at most `files` file descriptors. */
async function program(kind: "sources" | "build", body: string, files = 1000): Promise<Ended> {
  const [ort, core] = kind === "sources" ? ["@lathe/ort", "@lathe/core"] : ["./built/index.js", "./built/index.js"];
  const tensor = kind === "sources" ? `import { Tensor } from ${JSON.stringify(core)};` : "";
  const feed = kind === "sources"
    ? `({ image: Tensor.from("float32", [n, 1, 28, 28], new Float32Array(n * 784)) })`
    : `randomFeeds(session, { bindings: { N: n, batch: n }, unbound: n })`;
  const code = `
    import { ortRuntime, randomFeeds } from ${JSON.stringify(ort)};
    ${tensor}
    const load = (placement) => ortRuntime({ placement }).load(${JSON.stringify(model)});
    const feeds = (session, n) => ${feed};
    ${body}
  `;
  const path = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(path, code);
  const args = kind === "sources" ? ["--import", "tsx", "--conditions=@lathe/source", path] : [path];
  const child = spawn("sh", ["-c", `ulimit -n ${files}; exec "$0" "$@"`, process.execPath, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, output: output.trim() })));
}

describe.each(["sources", "build"] as const)("from %s", (kind) => {
  it.each(["inline", "thread", "process"])("%s runs, and the program ends by itself with the session open", async (placement) => {
    const ended = await program(kind, `
      const session = await load(${JSON.stringify(placement)});
      const { logits } = await session.run(feeds(session, 2));
      console.log(logits.dims.join("x"));
    `);
    expect(ended).toEqual({ code: 0, signal: null, output: "2x10" });
  });
});

describe("a thread inside a native call", () => {
  it("does not take the process down when the program exits in the middle", async () => {
    const ended = await program("build", `
      const session = await load("thread");
      session.run(feeds(session, 3000)).catch(() => {});
      setTimeout(() => process.exit(7), 30);
    `);
    expect(ended).toEqual({ code: 7, signal: null, output: "" });
  });

  it("is waited for when its run was aborted and nothing else is left to do", async () => {
    const ended = await program("build", `
      const session = await load("thread");
      const control = new AbortController();
      setTimeout(() => control.abort(), 30);
      await session.run(feeds(session, 3000), { signal: control.signal }).catch((error) => console.log(error.name));
    `);
    expect(ended).toEqual({ code: 0, signal: null, output: "AbortError" });
  });
});

describe("a process that cannot be started", () => {
  it("is an error of the load and leaves the program alive: no file descriptors are left", async () => {
    const ended = await program("build", `
      import { openSync } from "node:fs";
      await (await load("process")).dispose();
      try {
        for (;;) openSync("/dev/null", "r");
      } catch {}
      await load("process").catch((error) => console.log(error.code, error.message.includes("EMFILE")));
      setTimeout(() => console.log("alive"), 50);
    `, 100);
    expect(ended).toEqual({ code: 0, signal: null, output: "ORT_NO_WORKER true\nalive" });
  });
});
