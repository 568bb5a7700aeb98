/** The teacher beside the data: each batch goes through it first, and its tensors join the batch. */
import { feedsOf, type Feeds, type Model, type Runtime, type Session, type Tensor } from "@lathe/core";
import { fixedBatch, rows, type TrainingData } from "@lathe/train";
import { TeacherCache, joinRows, rowKeys, splitRows } from "./cache.ts";
import { distillErrors } from "./errors.ts";
import { taughtName } from "./term.ts";

export interface TeacherOptions {
  readonly runtime: Runtime;
  /** Names of the teacher's tensors to add. */
  readonly tensors: readonly string[];
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
 * Adds the teacher's tensors to every batch, as `teacher/<name>`, computed on the very batch, after augmentation. What it said of an
 * example is remembered under the example's bytes. Batches that have all of them already (computed elsewhere) are left as they are.
 * @throws (from `batch`) DISTILL_TEACHER_INPUT, DISTILL_BATCH
 */
export async function taughtData(data: TrainingData, teacher: Model, options: TeacherOptions): Promise<Taught> {
  const { tensors, inputs = {}, cacheBytes = 256 * 2 ** 20 } = options;
  const aborting = options.signal ? { signal: options.signal } : {};
  const session = await options.runtime.load(exposing(teacher, tensors), aborting);
  const cache = new TeacherCache(cacheBytes, data.size);
  const fixed = fixedBatch(teacher);
  const asked = new Asked((feeds) => session.run(feeds, { fetches: tensors, ...aborting }), tensors, fixed, cache);
  return {
    cache,
    data: {
      size: data.size,
      batch: async (indices, random) => {
        const batch = await data.batch(indices, random);
        if (tensors.every((name) => taughtName(name) in batch)) return batch;
        if (fixed !== undefined && fixed !== indices.length) throw distillErrors.DISTILL_BATCH({ expected: fixed, received: indices.length });
        const found = await asked.on(feedsFor(session, batch, inputs), indices.length);
        return { ...batch, ...Object.fromEntries(tensors.map((name, i) => [taughtName(name), found[i]!])) };
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
    if (!this.#cache.useful || !perExample(feeds, count)) return this.#run(feeds);
    const keys = await rowKeys(feeds, count);
    const found = keys.map((key) => this.#cache.find(key));
    const missing = found.flatMap((row, i) => (row ? [] : [i]));
    if (missing.length === 0) return joinRows(found.map((row) => row!));
    // A teacher of fixed batch answers all or nothing.
    const asked = this.#fixed === undefined ? missing : keys.map((_, i) => i);
    const said = await this.#run(asked.length === count ? feeds : Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, rows(tensor, asked)])));
    if (!said.every((tensor) => tensor.dims[0] === asked.length)) return asked.length === count ? said : this.#run(feeds);
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

const perExample = (feeds: Feeds, count: number): boolean => count > 0 && Object.values(feeds).every((tensor) => tensor.dims[0] === count);

/** @throws DISTILL_TEACHER_INPUT */
function feedsFor(session: Session, batch: Feeds, inputs: Readonly<Record<string, string>>): Feeds {
  const named: Record<string, Tensor> = { ...batch };
  for (const { name } of session.inputs) {
    const source = inputs[name] ?? name;
    const tensor = batch[source];
    if (!tensor) throw distillErrors.DISTILL_TEACHER_INPUT({ input: source, known: Object.keys(batch) });
    named[name] = tensor;
  }
  return feedsOf(session.inputs, named);
}

/** A copy of the teacher with these tensors as its outputs. */
function exposing(teacher: Model, tensors: readonly string[]): Model {
  const copy = teacher.clone();
  const { graph } = copy;
  for (const name of tensors) {
    const value = graph.value(name);
    if (value && !value.isGraphOutput && !value.isGraphInput) graph.addOutput(value);
  }
  return copy;
}
