/** A larger model whose outputs the trained one should match. */
import { feedsOf, type Model, type Runtime } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import type { TrainingData } from "./data.ts";

export interface Taught {
  readonly data: TrainingData;
  dispose(): Promise<void>;
}

/**
 * Adds the teacher's output to every batch, computed on the very batch (after augmentation), under the name that the loss
 * `distillation()` reads.
 * @throws TRAIN_NO_VALUE when the teacher has no such output.
 */
export async function withTeacher(data: TrainingData, teacher: Model, runtime: Runtime, options: { readonly output?: string; readonly as?: string; readonly signal?: AbortSignal | undefined } = {}): Promise<Taught> {
  const { as = "teacher_logits", signal } = options;
  const abortable = signal ? { signal } : {};
  const session = await runtime.load(teacher, abortable);
  const outputs = session.outputs.map((o) => o.name);
  const output = options.output ?? outputs[0] ?? "";
  if (!outputs.includes(output)) throw trainErrors.TRAIN_NO_VALUE({ value: output, outputs });
  return {
    data: {
      size: data.size,
      batch: async (indices, random) => {
        const batch = await data.batch(indices, random);
        const taught = await session.run(feedsOf(session.inputs, batch), { fetches: [output], ...abortable });
        return { ...batch, [as]: taught[output]! };
      },
    },
    dispose: () => session.dispose(),
  };
}
