/**
 * What a placement costs: starting a session, a small run, and carrying large tensors.
 *
 *   npx tsx --conditions=@lathe/source bench/placements.ts
 *
 * Prints a table and writes bench/results/placements.json. From sources a thread or process also pays for the TypeScript loader.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { Model, Tensor, tensorType } from "@lathe/core";
import { ortRuntime, type PlacementKind } from "@lathe/ort";
import { tinyMlp } from "@lathe/testkit";

const MB = 2 ** 20;
const ROUNDS = 15;
const placements: readonly PlacementKind[] = ["inline", "thread", "process"];

/** y = -x over a vector: next to no work, so that carrying dominates. */
function negate(): Model {
  const model = new Model();
  const y = model.graph.add({ opType: "Neg", inputs: [model.graph.addInput("x", tensorType("float32", ["N"]))], outputs: ["y"] }).out;
  y.type = tensorType("float32", ["N"]);
  model.graph.addOutput(y);
  return model;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function times(rounds: number, work: () => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await work();
    all.push(performance.now() - start);
  }
  return median(all);
}

async function measure(placement: PlacementKind): Promise<Record<string, number>> {
  const runtime = ortRuntime({ placement, load: { threads: 1 } });
  const mlp = tinyMlp();
  const startMs = await times(5, async () => (await runtime.load(mlp)).dispose());
  const small = await runtime.load(mlp);
  const x = Tensor.from("float32", [1, 8], new Float32Array(8));
  await small.run({ x });
  const smallRunMs = await times(300, () => small.run({ x }));
  await small.dispose();
  const carrier = await runtime.load(negate());
  const vector = (size: number): Tensor => Tensor.from("float32", [size], new Float32Array(size).fill(1));
  const large = vector((64 * MB) / 4);
  await carrier.run({ x: large });
  const carry64MbMs = await times(ROUNDS, () => carrier.run({ x: large }));
  const givenAway = Array.from({ length: ROUNDS }, () => vector((64 * MB) / 4));
  const carry64MbGivenAwayMs = await times(ROUNDS, () => carrier.run({ x: givenAway.pop()! }, { transfer: true }));
  await carrier.dispose();
  return { startMs, smallRunMs, carry64MbMs, carry64MbGivenAwayMs };
}

const loadBefore = loadavg()[0]!;
const rows: Record<string, Record<string, number>> = {};
for (const placement of placements) rows[placement] = await measure(placement);
console.table(Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, Object.fromEntries(Object.entries(row).map(([key, ms]) => [key, Number(ms.toFixed(3))]))])));
const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version, loadBefore, loadAfter: loadavg()[0]! };
console.log(machine);
const folder = new URL("./results/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("placements.json", folder), `${JSON.stringify({ machine, medians: rows }, null, 2)}\n`);
