/**
 * Processor time of models on one thread, in turns: unlike the clock on the wall it does not count what other programs on the machine do
 * meanwhile. Runs are inline, so that the process's own time is the model's.
 */
import { feedsOf, type Feeds, type Model, type Session } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";

/** Least processor time of one sample, in ms. */
const SAMPLE_MS = 20;

/** Median ms of a run, by model. */
export async function cpuTimes(models: Readonly<Record<string, Model | Uint8Array>>, feeds: Feeds, rounds: number): Promise<Map<string, number>> {
  const runtime = ortRuntime({ placement: "inline" });
  const runners: { name: string; session: Session; input: Feeds; repeats: number; samples: number[] }[] = [];
  for (const [name, model] of Object.entries(models)) {
    const session = await runtime.load(model, { threads: 1 });
    runners.push({ name, session, input: feedsOf(session.inputs, feeds), repeats: 1, samples: [] });
  }
  const sample = async ({ session, input, repeats }: (typeof runners)[number]): Promise<number> => {
    const start = process.cpuUsage();
    for (let i = 0; i < repeats; i++) await session.run(input);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000 / repeats;
  };
  for (const runner of runners) {
    for (let i = 0; i < 3; i++) await sample(runner);
    runner.repeats = Math.max(1, Math.ceil(SAMPLE_MS / Math.max(await sample(runner), 0.001)));
  }
  for (let round = 0; round < rounds; round++) for (const runner of round % 2 === 0 ? runners : runners.toReversed()) runner.samples.push(await sample(runner));
  for (const { session } of runners) await session.dispose();
  return new Map(runners.map(({ name, samples }) => [name, samples.toSorted((a, b) => a - b)[samples.length >> 1]!]));
}
