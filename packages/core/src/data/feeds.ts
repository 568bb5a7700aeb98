import type { Feeds, Session } from "../runtime.ts";
import type { Sample } from "./dataset.ts";

/** The tensors of a sample that a loaded model takes; labels and metadata stay behind. */
export function feedsOf(session: Pick<Session, "inputs">, sample: Sample): Feeds {
  return Object.fromEntries(session.inputs.flatMap(({ name }) => (sample[name] ? [[name, sample[name]]] : [])));
}
