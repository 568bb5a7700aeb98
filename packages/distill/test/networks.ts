/** Small networks and data with something to learn. */
import { Tensor, dataset, random, type Dataset, type Model } from "@lathe/core";
import { ModelBuilder, bert, vit } from "@lathe/train";

/** Points around `classes` places on a circle; the label is the place. */
export function places(count: number, classes = 6, seed = "places") {
  const r = random(seed);
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  const points = labels.flatMap((l) => [Math.cos((2 * Math.PI * l) / classes) + r.normal() * 0.25, Math.sin((2 * Math.PI * l) / classes) + r.normal() * 0.25]);
  return { input: Tensor.from("float32", [count, 2], points), labels: Tensor.int64(labels) };
}

export const placesData = (count: number, classes?: number): Dataset => dataset(places(count, classes));

/** Two hidden layers, named alike whatever their width. */
export function network(hidden: number, { classes = 6, seed = 1 } = {}): Model {
  const b = new ModelBuilder({ name: `net${hidden}`, random: random(seed).float });
  let x = b.relu(b.batchNorm(b.linear(b.input("input", ["N", 2]), "fc1", 2, hidden), "bn", hidden));
  x.name = "features";
  x = b.relu(b.linear(x, "fc2", hidden, hidden));
  return b.output(b.linear(x, "fc3", hidden, classes), "logits", ["N", classes]);
}

export const encoder = (layers: number, seed = 1): Model => bert({ random: random(seed).float, vocabulary: 50, tokens: 6, hidden: 16, heads: 2, layers, mlp: 32 });
export const imageEncoder = (layers: number, hidden = 16, seed = 1): Model => vit({ random: random(seed).float, size: 8, patch: 4, hidden, heads: 2, layers, mlp: 32, classes: 3 });
