/** One of several processes on one store: prints what went wrong. */
import { readFile, truncate, writeFile } from "node:fs/promises";
import { openEngineStore } from "@lathe/trt/node";
import { identity, planBytes } from "./store-content.ts";

const [path, seed] = process.argv.slice(2) as [string, string];
let state = Number(seed);
const next = (below: number): number => (state = (state * 48271) % 2147483647) % below;

const store = await openEngineStore(path, { maxBytes: 900 });
const wrong: string[] = [];
let rounds = 0;
for (; rounds < 60; rounds++) {
  const model = "abcd"[next(4)]!;
  const id = { ...identity(), model };
  const found = (await store.get(id)) ?? (await store.put(id, async (plan) => (await writeFile(plan, planBytes(300, model.charCodeAt(0))), null)));
  if (found.identity.model !== model) wrong.push(`${model} gave ${found.identity.model}`);
  // It may be evicted by now; if it is there, it is the right one, and whole unless another process damaged it.
  const bytes = await readFile(found.plan).catch(() => undefined);
  if (bytes && bytes.length > 50 && bytes[40] !== model.charCodeAt(0)) wrong.push(`${model} has the content of ${bytes[40]}`);
  if (next(10) === 0) await truncate(found.plan, 20).catch(() => undefined);
}
for (const { plan, key } of await store.list()) await store.verify(key).catch(() => wrong.push(plan));
console.log(JSON.stringify({ rounds, wrong }));
