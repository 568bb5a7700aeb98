/** Published recipes as lists of terms. Weights are the papers'; where a paper's task differs, the comment says what stands for it. */
import { crossEntropy, type Loss } from "@lathe/train";
import { attentionMaps, attentionTransfer, hiddenCosine, hint } from "./losses/features.ts";
import type { Pair } from "./losses/relations.ts";
import { hardTargets, softTargets } from "./losses/soft-targets.ts";
import { task, type Term } from "./term.ts";

type Pairs = readonly (readonly [student: string, teacher: string])[];

const pairsOf = (pairs: Pairs, weight: number): Pair[] => pairs.map(([student, teacher]) => ({ student, teacher, weight }));

export interface ResNetRecipe {
  /** Ends of the stages, [N, C, H, W]: [tensor of the student, tensor of the teacher]. */
  readonly stages?: Pairs;
  /** How stages are compared: attention maps (weight 1 each, paper's norm) or hints (weight 0.1 each). Default "attention". */
  readonly features?: "attention" | "hint";
  readonly temperature?: number;
  /** Default: cross-entropy with the labels. */
  readonly task?: Loss;
}

/** Convolutional classifiers: 0.9 soft targets (T = 4) + 0.1 cross-entropy + attention transfer or hints at the ends of the stages. */
export const resNetTerms = ({ stages = [], features = "attention", temperature = 4, task: loss = crossEntropy() }: ResNetRecipe = {}): Term[] => [
  softTargets({ temperature, weight: 0.9 }),
  task(loss, 0.1),
  ...(features === "attention" ? pairsOf(stages, 1).map(attentionTransfer) : pairsOf(stages, 0.1).map(hint)),
];

export interface DistilBertRecipe {
  /** Hidden states [N, T, C] to bring into line: [tensor of the student, tensor of the teacher]; the paper takes the last. */
  readonly hidden: Pairs;
  /** Default: cross-entropy with the labels, where pre-training has the masked language model. */
  readonly task?: Loss;
}

/** 5 soft targets (T = 2) + 2 task + 1 cosine of hidden states (Sanh et al. 2019). Begin with `initializeFrom(..., { layers: "spread" })`. */
export const distilBertTerms = ({ hidden, task: loss = crossEntropy() }: DistilBertRecipe): Term[] => [
  softTargets({ temperature: 2, weight: 5 }), task(loss, 2), ...pairsOf(hidden, 1).map(hiddenCosine),
];

export interface TinyBertRecipe {
  /** Attention scores before the softmax, [N, heads, T, T]. */
  readonly attention: Pairs;
  /** Hidden states after each layer, and of the embeddings, [N, T, C]. */
  readonly hidden: Pairs;
}

/** The two stages of TinyBERT (Jiao et al. 2020): first inside the model, then its answers. Run `distill` once with each. */
export const tinyBertTerms = ({ attention, hidden }: TinyBertRecipe): { readonly inside: Term[]; readonly answers: Term[] } => ({
  inside: [...pairsOf(attention, 1).map(attentionMaps), ...pairsOf(hidden, 1).map(hint)],
  answers: [softTargets({ temperature: 1, weight: 1 })],
});

/** 0.5 cross-entropy + 0.5 the teacher's decision (Touvron et al. 2021, without the distillation token). */
export const deitTerms = (loss: Loss = crossEntropy()): Term[] => [task(loss, 0.5), hardTargets({ weight: 0.5 })];
