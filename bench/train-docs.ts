/** Writes the measured tables of docs/packages/train.md from bench/results/train-*.json: npx tsx bench/train-docs.ts */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const at = (path: string): URL => new URL(`../${path}`, import.meta.url);
const json = <T>(name: string): T | undefined => {
  const path = at(`bench/results/train-${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
};
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const scientific = (x: number): string => (x === 0 ? "0" : x.toExponential(0));

interface Speed {
  readonly model: string;
  readonly latheMs: number;
  readonly torchMs: number;
  readonly ratio: number;
  readonly ratioOfMinima: number;
  readonly load: number;
  /** Absent in figures from before the blocked form was there. */
  readonly block?: number | null;
}
interface Blocked {
  readonly model: string;
  readonly standardMs: number;
  readonly blockedMs: number;
  readonly ratio: number;
}
interface Tfjs {
  readonly model: string;
  readonly batch: number;
  readonly backend: string;
  readonly error?: string;
  readonly tfjsMs?: number;
  readonly latheMs?: number;
  readonly timesAsFast?: number;
}
interface Memory {
  readonly model: string;
  readonly batch: number;
  readonly millionParameters: number;
  readonly weightsMb: number;
  readonly estimateMb: number;
  readonly takenMb: number;
  readonly growthMb: number;
}
interface Curve {
  readonly model: string;
  readonly largestDifference?: number;
  readonly first50?: number;
  readonly meanOfLast20?: number;
  readonly torchMeanOfLast20?: number;
  readonly accuracy?: number;
  readonly torchAccuracy?: number;
}

const percent = (x: number): string => `${(x * 100).toFixed(2)} %`;

const sections: Readonly<Record<string, () => string | undefined>> = {
  speed() {
    const rows = json<Speed[]>("speed");
    if (!rows) return undefined;
    const form = rows[0]?.block === undefined ? "Taken with convolutions in the standard form.\n\n" : "";
    return form + table(["step of", "Lathe ms", "PyTorch ms", "ratio of medians", "of the least"], rows.map((r) => [r.model, r.latheMs, r.torchMs, r.ratio, r.ratioOfMinima]));
  },
  blocked() {
    const rows = json<Blocked[]>("blocked");
    return rows && table(["step of", "standard ms", "blocked ms", "ratio"], rows.map((r) => [r.model, r.standardMs, r.blockedMs, r.ratio]));
  },
  tfjs() {
    const rows = json<Tfjs[]>("tfjs")?.filter((r) => r.backend !== "node");
    return rows && table(["step of", "backend", "TensorFlow.js ms", "Lathe ms", "times as fast"], rows.map((r) => [`${r.model}, batch ${r.batch}`, r.backend, ...(r.error ? [r.error, "", ""] : [r.tfjsMs!, r.latheMs!, Math.round(r.timesAsFast!)])]));
  },
  memory() {
    const rows = json<Memory[]>("memory");
    return rows && table(["model, batch", "parameters", "weights MB", "estimate MB", "taken MB", "growth MB"], rows.map((r) => [`${r.model}, batches of ${r.batch}`, `${r.millionParameters} M`, r.weightsMb, r.estimateMb, r.takenMb, r.growthMb]));
  },
  curves() {
    const rows = json<Curve[]>("curves")?.filter((r) => r.largestDifference !== undefined);
    return rows && table(["network", "largest difference of the loss", "in the first 50 steps", "mean of the last 20", "PyTorch's"], rows.map((r) => [r.model, scientific(r.largestDifference!), scientific(r.first50!), r.meanOfLast20!.toFixed(4), r.torchMeanOfLast20!.toFixed(4)]));
  },
  accuracy() {
    const epoch = json<Curve[]>("curves")?.find((r) => r.accuracy !== undefined);
    const long = json<{ accuracy: number; seconds: number; cpuSeconds: number }>("mnist");
    return epoch && long && `After one epoch of 60,000 images LeNet names ${percent(epoch.accuracy!)} of MNIST's test set rightly, with PyTorch ${percent(epoch.torchAccuracy!)}; after three epochs with a one-cycle rate ${percent(long.accuracy)}, in ${Math.round(long.seconds)} seconds on two cores (\`bench/train-mnist.ts\`).`;
  },
};

const page = at("docs/packages/train.md");
let text = readFileSync(page, "utf8");
for (const [name, make] of Object.entries(sections)) {
  const made = make();
  if (made) text = text.replace(new RegExp(`<!-- begin ${name} -->[\\s\\S]*?<!-- end ${name} -->`), () => `<!-- begin ${name} -->\n\n${made}\n\n<!-- end ${name} -->`);
}
writeFileSync(page, text);
