import { cloneNode, encodeModel, isLatheError, Model, tensorType, Value, type Node, type PassContext, type Runtime, type Session, type Tensor } from "@lathe/core";
import { ortRuntime } from "./runtime.ts";

export interface EvaluatorOptions {
  readonly runtime?: Runtime;
  /** Sessions kept for nodes of the same kind. Default 64. */
  readonly cached?: number;
  /** Told why a node was left alone. */
  readonly onSkip?: (node: Node, reason: unknown) => void;
}

export interface NodeEvaluator {
  readonly evaluate: NonNullable<PassContext["evaluate"]>;
  dispose(): Promise<void>;
}

/**
 * Computes single nodes on constants, for the folding passes: a model of that one node, run at level "disabled". Nodes that ONNX Runtime
 * cannot run by themselves (captured values, missing kernels, element types that the binding cannot carry) give undefined.
 */
export function nodeEvaluator(options: EvaluatorOptions = {}): NodeEvaluator {
  const { runtime = ortRuntime(), cached = 64, onSkip } = options;
  const sessions = new Map<string, Promise<Session>>();

  const open = (model: Model): Promise<Session> => {
    const bytes = encodeModel(model);
    const key = Buffer.from(bytes).toString("latin1");
    const known = sessions.get(key);
    // Setting it anew keeps the map in order of use.
    sessions.delete(key);
    const session = known ?? runtime.load(bytes, { optimization: "disabled", threads: 1 });
    sessions.set(key, session);
    trim(sessions, cached);
    return session;
  };

  return {
    async evaluate(node, inputs, opsetImports) {
      if (readsOutside(node)) return undefined;
      try {
        const session = await open(oneNodeModel(node, inputs, opsetImports));
        const results = await session.run(feedsOf(inputs));
        return node.outputs.map((output, i) => (output ? results[outputName(i)]! : undefined)).filter((t) => t !== undefined);
      } catch (error) {
        if (!isLatheError(error)) throw error;
        onSkip?.(node, error);
        return undefined;
      }
    },
    async dispose() {
      const all = [...sessions.values()];
      sessions.clear();
      for (const session of all) await release(session);
    },
  };
}

const inputName = (i: number): string => `i${i}`;
const outputName = (i: number): string => `o${i}`;

const feedsOf = (inputs: readonly (Tensor | undefined)[]): Record<string, Tensor> =>
  Object.fromEntries(inputs.flatMap((tensor, i) => (tensor ? [[inputName(i), tensor]] : [])));

/** Names and sizes do not show in it, so that nodes of one kind share a session. */
function oneNodeModel(node: Node, inputs: readonly (Tensor | undefined)[], opsetImports: ReadonlyMap<string, number>): Model {
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

function trim(sessions: Map<string, Promise<Session>>, most: number): void {
  for (const [key, session] of sessions) {
    if (sessions.size <= most) return;
    sessions.delete(key);
    void release(session);
  }
}

/** A session that failed to load has nothing to free. */
const release = (session: Promise<Session>): Promise<void> => session.then((s) => s.dispose(), () => {});
