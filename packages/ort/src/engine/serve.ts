/** The worker's half of the conversation, the same in a thread and in a process. */
import { openEngine, type Engine, type OrtModule } from "./engine.ts";
import { movable, type Reply, type Request } from "./protocol.ts";
import { FaultError, messageOf } from "./raw.ts";

export interface ServerChannel {
  post(reply: Reply, move: readonly ArrayBuffer[]): void;
  /** Called around every piece of native work. */
  busy(on: boolean): void;
  exit(): void;
}

/** Gives the function that takes requests and answers them one after another. */
export function serve(channel: ServerChannel, loadOrt: () => Promise<OrtModule>): (request: Request) => Promise<void> {
  let engine: Engine | undefined;

  const answer = async (request: Exclude<Request, { op: "exit" }>): Promise<Reply> => {
    if (request.op === "load") {
      const ort = await loadOrt().catch((cause: unknown) => {
        throw new FaultError("ORT_NOT_INSTALLED", { module: "onnxruntime-node", reason: messageOf(cause) });
      });
      engine = await openEngine(ort, request.model, request.options);
      return { op: "loaded", inputs: engine.inputs, outputs: engine.outputs };
    }
    if (!engine) return { op: "error", message: "No model is loaded." };
    return { op: "results", results: await engine.run(request.feeds, request.fetches) };
  };

  const take = async (request: Request): Promise<void> => {
    if (request.op === "exit") {
      await engine?.dispose();
      return channel.exit();
    }
    channel.busy(true);
    const reply = await answer(request).catch(failure);
    channel.busy(false);
    channel.post(reply, reply.op === "results" ? movable(Object.values(reply.results)) : []);
  };

  // "exit" may come in the middle of a run: it waits for its turn.
  let last = Promise.resolve();
  return (request) => (last = last.then(() => take(request)));
}

const failure = (error: unknown): Reply =>
  error instanceof FaultError ? { op: "fault", fault: error.fault } : { op: "error", message: messageOf(error) };
