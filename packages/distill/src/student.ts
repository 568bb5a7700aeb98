/** Students made of their teacher: weights taken over layer by layer. */
import type { Model, Tensor } from "@lathe/core";
import { parameterNames } from "@lathe/train";
import { distillErrors } from "./errors.ts";

/**
 * Which layer of the teacher each layer of the student learns from, counted from 0.
 * - `uniform`: the last of every equal share, l -> (l + 1) T / S - 1 (TinyBERT's g(m) = m T / S).
 * - `spread`: evenly from the first to the last (DistilBERT's 0, 2, 4, 7, 9, 11 of 12).
 * - `first`, `last`: the first or last S layers.
 * @throws DISTILL_OPTION unless 1 <= student <= teacher
 */
export function layerMap(student: number, teacher: number, kind: "uniform" | "spread" | "first" | "last" = "spread"): number[] {
  if (!Number.isInteger(student) || !Number.isInteger(teacher) || student < 1 || teacher < student) throw distillErrors.DISTILL_OPTION({ option: "layers", expected: "1 <= student's layers <= teacher's layers", received: `${student} and ${teacher}` });
  const place: Record<typeof kind, (l: number) => number> = {
    uniform: (l) => Math.floor(((l + 1) * teacher) / student) - 1,
    spread: (l) => (student === 1 ? 0 : Math.round((l * (teacher - 1)) / (student - 1))),
    first: (l) => l,
    last: (l) => teacher - student + l,
  };
  return Array.from({ length: student }, (_, l) => place[kind](l));
}

export interface InitializeOptions {
  /** The part of parameter names that counts layers, {} for the number: "layer{}." or "encoder.layer.{}.". Without it names must be equal. */
  readonly pattern?: string;
  /** Layer of the teacher for each layer of the student, or how to choose them; see {@link layerMap}. Default "spread". */
  readonly layers?: readonly number[] | "uniform" | "spread" | "first" | "last";
}

export interface Initialized {
  /** A copy of the student. */
  readonly model: Model;
  /** Student's parameter to the teacher's that it was taken from. */
  readonly copied: Readonly<Record<string, string>>;
  /** Parameters that keep their values: the teacher has none of that name and shape. */
  readonly kept: readonly string[];
}

/**
 * Copies the teacher's weights to the student's parameters of the same name, the number of the layer mapped, and the same shape.
 * @throws DISTILL_NO_LAYERS when the pattern fits no parameter, DISTILL_OPTION for layers that the teacher does not have
 */
export function initializeFrom(student: Model, teacher: Model, options: InitializeOptions = {}): Initialized {
  const model = student.clone();
  const source = new Map([...teacher.graph.initializers].map((v) => [v.name, v.tensor!] as const));
  const rename = options.pattern === undefined ? (name: string): string => name : renaming(model, teacher, options.pattern, options.layers ?? "spread");
  const copied: Record<string, string> = {};
  const kept: string[] = [];
  for (const name of namesToFill(model)) {
    const value = model.graph.value(name)!;
    const from = rename(name);
    const tensor = source.get(from);
    if (tensor && sameKind(tensor, value.tensor!)) {
      model.graph.setInitializer(value, tensor);
      copied[name] = from;
    } else kept.push(name);
  }
  return { model, copied, kept };
}

/** Parameters, and the statistics that normalisations keep for themselves. */
function namesToFill(model: Model): string[] {
  const parameters = new Set(parameterNames(model));
  const statistics = [...model.graph.nodes].flatMap((node) => (node.is("BatchNormalization") ? [node.input(3)?.name, node.input(4)?.name] : []));
  for (const name of statistics) if (name !== undefined) parameters.add(name);
  return [...model.graph.initializers].map((v) => v.name).filter((name) => parameters.has(name));
}

const sameKind = (a: Tensor, b: Tensor): boolean => a.dtype === b.dtype && a.dims.join() === b.dims.join();

function renaming(student: Model, teacher: Model, pattern: string, layers: NonNullable<InitializeOptions["layers"]>): (name: string) => string {
  const [before = "", after] = pattern.split("{}");
  if (after === undefined) throw distillErrors.DISTILL_OPTION({ option: "pattern", expected: 'a text with {} in it, such as "layer{}."', received: JSON.stringify(pattern) });
  const found = new RegExp(`${escaped(before)}(\\d+)${escaped(after)}`);
  const map = typeof layers === "string" ? layerMap(count(student, found, "student", pattern), count(teacher, found, "teacher", pattern), layers) : layers;
  const total = count(teacher, found, "teacher", pattern);
  const stray = map.find((l) => !Number.isInteger(l) || l < 0 || l >= total);
  if (stray !== undefined) throw distillErrors.DISTILL_OPTION({ option: "layers", expected: `numbers from 0 to ${total - 1}`, received: String(stray) });
  return (name) => name.replace(found, (_, number: string) => `${before}${map[Number(number)] ?? number}${after}`);
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Layers that names count. */
function count(model: Model, found: RegExp, side: string, pattern: string): number {
  const numbers = [...model.graph.initializers].flatMap((v) => found.exec(v.name)?.[1] ?? []).map(Number);
  if (numbers.length === 0) throw distillErrors.DISTILL_NO_LAYERS({ model: side, pattern });
  return Math.max(...numbers) + 1;
}

/** Tensors that both models have under one name and that a term can compare: those of the operators listed, in order of execution. */
export function sharedTensors(student: Model, teacher: Model, operators: readonly string[] = ["Add", "Relu", "LayerNormalization"]): string[] {
  const known = new Set([...teacher.graph.values()].map((v) => v.name));
  return [...student.graph.nodes].filter((node) => operators.includes(node.opType) && node.domain === "").map((node) => node.out.name).filter((name) => known.has(name));
}

