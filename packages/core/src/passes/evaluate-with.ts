import { isLatheError } from "../errors.ts";
import { cloneNode } from "../ir/clone.ts";
import { Model } from "../ir/model.ts";
import type { Node } from "../ir/node.ts";
import { tensorType } from "../ir/type.ts";
import { Value } from "../ir/value.ts";
import { encodeModel } from "../onnx/index.ts";
import type { Runtime, Session } from "../runtime.ts";
import type { Tensor } from "../tensor.ts";
import type { PassContext } from "./pass.ts";

export interface EvaluateWithOptions {
  /** Loaded nodes kept for others of their kind; the oldest are disposed. Default 16. */
  readonly cached?: number;
  /** Told why a node was left alone. */
  readonly onSkip?: (node: Node, reason: unknown) => void;
}

/** Computes single nodes; `dispose` frees what it keeps loaded. */
export type NodeEvaluator = NonNullable<PassContext["evaluate"]> & { dispose(): Promise<void> };

/**
 * Computes nodes on constants by running them one at a time, exactly as written (optimization "disabled"). What the runtime refuses
 * (no kernel, an element type it cannot carry) and what captures values from outside is not folded.
 */
export function evaluateWith(runtime: Runtime, { cached = 16, onSkip }: EvaluateWithOptions = {}): NodeEvaluator {
  const sessions = new Map<string, Promise<Session>>();

  const open = (model: Model): Promise<Session> => {
    const bytes = encodeModel(model);
    const key = keyOf(bytes);
    const session = sessions.get(key) ?? runtime.load(bytes, { optimization: "disabled", threads: 1 });
    // Put in anew, so that the map stays in order of use.
    sessions.delete(key);
    sessions.set(key, session);
    trim(sessions, cached);
    return session;
  };

  const evaluate: NonNullable<PassContext["evaluate"]> = async (node, inputs, opsetImports) => {
    if (readsOutside(node)) return undefined;
    try {
      const session = await open(nodeModel(node, inputs, opsetImports));
      const results = await session.run(feedsOf(inputs));
      // Absent outputs get no tensor; callers do not look there.
      return node.outputs.map((_, i) => results[outputName(i)]) as Tensor[];
    } catch (error) {
      if (!isLatheError(error)) throw error;
      onSkip?.(node, error);
      return undefined;
    }
  };

  const dispose = async (): Promise<void> => {
    const all = [...sessions.values()];
    sessions.clear();
    for (const session of all) await release(session);
  };
  return Object.assign(evaluate, { dispose });
}

const inputName = (i: number): string => `i${i}`;
const outputName = (i: number): string => `o${i}`;

const feedsOf = (inputs: readonly (Tensor | undefined)[]): Record<string, Tensor> =>
  Object.fromEntries(inputs.flatMap((tensor, i) => (tensor ? [[inputName(i), tensor]] : [])));

/** A model of that one node, its constants as inputs. Names and sizes do not show in it, so that nodes of one kind share a session. */
function nodeModel(node: Node, inputs: readonly (Tensor | undefined)[], opsetImports: ReadonlyMap<string, number>): Model {
  const model = new Model({ opsetImports });
  const { graph } = model;
  // Stand-ins keep the copy from becoming a reader of the caller's values.
  const copy = cloneNode(node, new Map(node.inputs.flatMap((value) => (value ? [[value, new Value()]] : []))));
  copy.name = "";
  inputs.forEach((tensor, i) => copy.setInput(i, tensor ? graph.addInput(inputName(i), tensorType(tensor.dtype, tensor.dims.map(() => null))) : null));
  copy.outputs.forEach((value, i) => {
    if (!value) return;
    value.name = outputName(i);
    value.type = undefined;
    graph.addOutput(value);
  });
  graph.append(copy);
  return model;
}

/** Subgraphs that capture values of the graph around them mean nothing on their own. */
function readsOutside(node: Node): boolean {
  return node.subgraphs.some(({ graph }) => {
    const graphs = [...graph.allGraphs()];
    const inner = new Set(graphs.flatMap((g) => [...g.values()]));
    const read = graphs.flatMap((g) => [...g.outputs, ...[...g.nodes].flatMap((n) => n.inputs)]);
    return read.some((value) => value && !inner.has(value));
  });
}

/** The bytes as text; nodes are small. */
function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}

function trim(sessions: Map<string, Promise<Session>>, most: number): void {
  for (const [key, session] of sessions) {
    if (sessions.size <= most) return;
    sessions.delete(key);
    void release(session);
  }
}

/** A session that failed to load has nothing to free. */
const release = (session: Promise<Session>): Promise<void> => session.then((s) => s.dispose(), () => {});
