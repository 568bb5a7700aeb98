/** The teacher beside the data: each batch goes through it first, and its tensors join the batch. */
import { feedsOf, inferShapes, type Feeds, type Model, type Runtime, type Session, type Tensor } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { batchAxis, batchDim, fixedBatch, rows, type TrainingData } from "./data.ts";
import { TeacherCache, joinRows, rowKeys, splitRows } from "./teacher-cache.ts";

export interface TeacherOptions {
  /** The teacher's tensors by the name under which they join the batch. Default: its first output as "teacher_logits", which `distillation()` reads. */
  readonly tensors?: Readonly<Record<string, string>> | undefined;
  /** Where the teacher's inputs come from, when the data has other names: teacher's input to name in the data. */
  readonly inputs?: Readonly<Record<string, string>> | undefined;
  /** Bytes of the teacher's tensors to remember. Default 256 MiB; 0 asks the teacher every time. */
  readonly cacheBytes?: number | undefined;
  /** Stops loading and asking the teacher. */
  readonly signal?: AbortSignal | undefined;
}

export interface Taught {
  readonly data: TrainingData;
  readonly cache: TeacherCache;
  dispose(): Promise<void>;
}

/**
 * Adds tensors of the teacher to every batch, computed on the very batch, after augmentation. What it said of an example is remembered
 * under the example's bytes. Batches that have all of them already (computed elsewhere) are left as they are.
 * @throws TRAIN_NO_VALUE when the teacher has no such tensor; from `batch`: TRAIN_TEACHER_INPUT, TRAIN_TEACHER_BATCH
 */
export async function withTeacher(data: TrainingData, teacher: Model, runtime: Runtime, options: TeacherOptions = {}): Promise<Taught> {
  const { tensors = { teacher_logits: teacher.graph.outputs[0]?.name ?? "" }, inputs = {}, cacheBytes = 256 * 2 ** 20, signal } = options;
  const [names, fetches] = [Object.keys(tensors), [...new Set(Object.values(tensors))]];
  const aborting = signal ? { signal } : {};
  const exposed = exposing(teacher, fetches);
  const session = await runtime.load(exposed, aborting);
  const fixed = fixedBatch(teacher);
  const cache = new TeacherCache(inRows(exposed, fetches) ? cacheBytes : 0, data.size);
  const asked = new Asked((feeds) => session.run(feeds, { fetches, ...aborting }), fetches, fixed, cache);
  return {
    cache,
    data: {
      size: data.size,
      batch: async (indices, random) => {
        const batch = await data.batch(indices, random);
        if (names.every((name) => name in batch)) return batch;
        if (fixed !== undefined && fixed !== indices.length) throw trainErrors.TRAIN_TEACHER_BATCH({ expected: fixed, received: indices.length });
        const found = await asked.on(feedsFor(session, batch, inputs), indices.length);
        return { ...batch, ...Object.fromEntries(names.map((name) => [name, found[fetches.indexOf(tensors[name]!)]!])) };
      },
    },
    dispose: () => session.dispose(),
  };
}

class Asked {
  readonly #ask: (feeds: Feeds) => Promise<Record<string, Tensor>>;
  readonly #tensors: readonly string[];
  readonly #fixed: number | undefined;
  readonly #cache: TeacherCache;

  constructor(ask: (feeds: Feeds) => Promise<Record<string, Tensor>>, tensors: readonly string[], fixed: number | undefined, cache: TeacherCache) {
    this.#ask = ask;
    this.#tensors = tensors;
    this.#fixed = fixed;
    this.#cache = cache;
  }

  async on(feeds: Feeds, count: number): Promise<Tensor[]> {
    if (!this.#cache.useful || !perExample(Object.values(feeds), count)) return this.#run(feeds);
    const keys = await rowKeys(feeds, count);
    const found = keys.map((key) => this.#cache.find(key));
    const missing = found.flatMap((row, i) => (row ? [] : [i]));
    if (missing.length === 0) return joinRows(found.map((row) => row!));
    // A teacher of fixed batch answers all or nothing.
    const asked = this.#fixed === undefined ? missing : keys.map((_, i) => i);
    const said = await this.#run(asked.length === count ? feeds : Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, rows(tensor, asked)])));
    if (!perExample(said, asked.length)) return asked.length === count ? said : this.#run(feeds);
    splitRows(said, asked.length).forEach((row, i) => {
      found[asked[i]!] = row;
      this.#cache.keep(keys[asked[i]!]!, row);
    });
    return joinRows(found.map((row) => row!));
  }

  async #run(feeds: Feeds): Promise<Tensor[]> {
    const out = await this.#ask(feeds);
    return this.#tensors.map((name) => out[name]!);
  }
}

const perExample = (tensors: readonly Tensor[], count: number): boolean => count > 0 && tensors.every((tensor) => tensor.dims[0] === count);

/** False when the batch is known to be another axis of one of these tensors than the first, as in [T, N, classes]. */
function inRows(model: Model, tensors: readonly string[]): boolean {
  const batch = batchDim(model);
  return tensors.every((name) => batchAxis(model.graph.value(name)?.shape ?? [], batch) <= 0);
}

/** @throws TRAIN_TEACHER_INPUT */
function feedsFor(session: Session, batch: Feeds, inputs: Readonly<Record<string, string>>): Feeds {
  const named: Record<string, Tensor> = { ...batch };
  for (const { name } of session.inputs) {
    const source = inputs[name] ?? name;
    const tensor = batch[source];
    if (!tensor) throw trainErrors.TRAIN_TEACHER_INPUT({ input: source, known: Object.keys(batch) });
    named[name] = tensor;
  }
  return feedsOf(session.inputs, named);
}

/** A copy of the teacher with these tensors as its outputs too. @throws TRAIN_NO_VALUE */
function exposing(teacher: Model, tensors: readonly string[]): Model {
  const copy = teacher.clone();
  const { graph } = copy;
  inferShapes(copy);
  for (const name of tensors) {
    const value = graph.value(name);
    if (!value) throw trainErrors.TRAIN_NO_VALUE({ value: name, outputs: graph.outputs.map((o) => o.name) });
    if (!value.isGraphOutput && !value.isGraphInput) graph.addOutput(value);
  }
  return copy;
}
