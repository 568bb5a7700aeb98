/** A PyTorch process (bench/peers/train.py) that trains the same model step by step. Needs LATHE_PEER_PYTHON, a Python with torch. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Feeds, type Model, type Tensor } from "@lathe/core";
import { encodeTensors } from "@lathe/train";

export interface PeerOptimizer {
  readonly name: "sgd" | "adamw";
  readonly lr: number;
  readonly momentum?: number;
}

export interface PeerSteps {
  readonly ms: readonly number[];
  readonly losses: readonly number[];
  readonly rssMb: number;
}

export interface TorchPeer {
  readonly torch: string;
  steps(batches: readonly number[], lr?: readonly number[]): Promise<PeerSteps>;
  /** Share of examples of these batches that it names rightly. */
  accuracy(batches: readonly number[]): Promise<number>;
  stop(): void;
}

export async function torchPeer(name: string, model: Model, batches: readonly Feeds[], optimizer: PeerOptimizer, threads = 2): Promise<TorchPeer> {
  const python = process.env["LATHE_PEER_PYTHON"];
  if (!python) throw new Error("Set LATHE_PEER_PYTHON to a Python that has torch.");
  const folder = mkdtempSync(join(tmpdir(), "lathe-bench-"));
  const file = join(folder, "model.safetensors");
  writeFileSync(file, encodeTensors({ tensors: tensorsOf(model, batches), metadata: {} }));
  const child = spawn(python, ["-W", "ignore", new URL("../peers/train.py", import.meta.url).pathname], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <T>(request: object): Promise<T> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("The PyTorch process ended.");
    return JSON.parse(value as string) as T;
  };
  const { torch } = await ask<{ torch: string }>({ load: name, file, optimizer, threads });
  rmSync(folder, { recursive: true });
  return { torch, steps: (numbers, lr) => ask<PeerSteps>({ steps: numbers, lr: lr ?? null }), accuracy: async (numbers) => (await ask<{ accuracy: number }>({ accuracy: numbers })).accuracy, stop: () => void child.kill() };
}

function tensorsOf(model: Model, batches: readonly Feeds[]): Map<string, Tensor> {
  const tensors = new Map([...model.graph.initializers].map((v) => [v.name, v.tensor!]));
  batches.forEach((batch, i) => Object.entries(batch).forEach(([key, tensor]) => tensors.set(`batch/${i}/${key}`, tensor)));
  return tensors;
}
