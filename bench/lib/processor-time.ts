/** Processor time of models against each other: on a shared machine it says more than the clock on the wall. */
import type { Feeds, Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";

/** Milliseconds of one run on one thread, for each model: the median of interleaved rounds of `runs` runs. */
export async function processorTimes(models: readonly Model[], feeds: Feeds, rounds = 15, runs = 60): Promise<number[]> {
  const runtime = ortRuntime();
  const sessions = await Promise.all(models.map((model) => runtime.load(model, { threads: 1 })));
  const spent: number[][] = models.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, session] of sessions.entries()) {
      const start = process.cpuUsage();
      for (let k = 0; k < runs; k++) await session.run(feeds);
      const { user, system } = process.cpuUsage(start);
      spent[i]!.push((user + system) / (runs * 1000));
    }
  }
  for (const session of sessions) await session.dispose();
  return spent.map((list) => list.sort((a, b) => a - b)[rounds >> 1]!);
}
