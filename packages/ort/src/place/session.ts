/** The caller's half of the conversation with a worker: one session, one worker. A worker that died or was given up is replaced on the next run. */
import type { Feeds, RuntimeLoadOptions, RuntimeRunOptions, Session, SessionValue, Tensor } from "@lathe/core";
import type { SessionOptions } from "../engine/engine.ts";
import { movable, type Reply, type Request } from "../engine/protocol.ts";
import type { RawModel } from "../engine/raw.ts";
import { errorOf, ortErrors } from "../errors.ts";
import { fromRaw, toRaw, toSessionValue } from "../tensors.ts";
import type { Channel, Exit, Placement } from "./channel.ts";

interface Limits {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}
type ReplyOf<O extends Reply["op"]> = Extract<Reply, { op: O }>;

export async function openRemote(placement: Placement, model: RawModel, options: SessionOptions, limits: RuntimeLoadOptions): Promise<Session> {
  limits.signal?.throwIfAborted();
  const session = new RemoteSession(placement, model, options, limits.timeoutMs);
  try {
    await session.load(limits);
  } catch (error) {
    // The caller gets no session that it could dispose.
    await session.dispose();
    throw error;
  }
  return session;
}

class RemoteSession implements Session {
  inputs: readonly SessionValue[] = [];
  outputs: readonly SessionValue[] = [];
  readonly #placement: Placement;
  readonly #model: RawModel;
  readonly #options: SessionOptions;
  readonly #loadTimeout: number | undefined;
  #channel: Channel | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #open = true;
  /** Settles the request under way. */
  #settle: { reply(reply: Reply): void; exit(exit: Exit): void } | undefined;

  constructor(placement: Placement, model: RawModel, options: SessionOptions, loadTimeout: number | undefined) {
    this.#placement = placement;
    this.#model = model;
    this.#options = options;
    this.#loadTimeout = loadTimeout;
  }

  async load(limits: Limits): Promise<void> {
    await this.#ask("ready", undefined, limits, "Starting the engine");
    const { inputs, outputs } = await this.#ask("loaded", { op: "load", model: this.#model, options: this.#options }, limits, "Loading the model");
    this.inputs = inputs.map(toSessionValue);
    this.outputs = outputs.map(toSessionValue);
  }

  run(feeds: Feeds, options: RuntimeRunOptions = {}): Promise<Record<string, Tensor>> {
    const turn = this.#last.then(async () => {
      if (!this.#open) throw ortErrors.ORT_DISPOSED({});
      options.signal?.throwIfAborted();
      if (!this.#channel) await this.load({ signal: options.signal, timeoutMs: this.#loadTimeout });
      const raw = toRaw(feeds);
      const move = options.transfer ? movable(Object.values(raw)) : [];
      const { results } = await this.#ask("results", { op: "run", feeds: raw, fetches: options.fetches }, options, "The run", move);
      return fromRaw(results);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  async dispose(): Promise<void> {
    this.#open = false;
    await this.#last;
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close();
  }

  /** Sends a request (none: waits for the worker's first word) and gives the reply; whatever else happens ends the worker. */
  async #ask<O extends Reply["op"]>(expected: O, request: Request | undefined, limits: Limits, what: string, move: readonly ArrayBuffer[] = []): Promise<ReplyOf<O>> {
    limits.signal?.throwIfAborted();
    const channel = (this.#channel ??= this.#connect());
    channel.hold(true);
    const { kind } = this.#placement;
    const reply = await new Promise<Reply>((resolve, reject) => {
      const { signal, timeoutMs } = limits;
      const give = (error: unknown): void => {
        finish();
        this.#channel = undefined;
        channel.abandon();
        reject(error);
      };
      const onAbort = (): void => give(signal?.reason);
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => give(ortErrors.ORT_TIMEOUT({ what, timeoutMs, placement: kind })), timeoutMs);
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#settle = undefined;
        channel.hold(false);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#settle = {
        reply: (got) => (finish(), resolve(got)),
        exit: (exit) => (finish(), reject(exitError(what, kind, exit))),
      };
      if (request) channel.post(request, move);
    });
    if (reply.op === "fault") throw this.#fault(reply, request);
    if (reply.op !== expected) throw ortErrors.ORT_NO_WORKER({ placement: kind, reason: reply.op === "error" ? reply.message : `it answered "${reply.op}"` });
    return reply as ReplyOf<O>;
  }

  /** A worker without a model is of no further use. */
  #fault({ fault }: ReplyOf<"fault">, request: Request | undefined): Error {
    if (request?.op === "load") {
      this.#channel?.abandon();
      this.#channel = undefined;
    }
    return errorOf(fault);
  }

  #connect(): Channel {
    const channel = this.#placement.open();
    // An abandoned worker may still answer; nobody waits for it.
    channel.onReply((reply) => this.#channel === channel && this.#settle?.reply(reply));
    channel.onExit((exit) => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#settle?.exit(exit);
    });
    return channel;
  }
}

function exitError(what: string, placement: string, exit: Exit): Error {
  const { exitCode, signal, stderr, overLimit, startError } = exit;
  if (startError !== undefined) return ortErrors.ORT_NO_WORKER({ placement, reason: startError });
  // Nobody else sends SIGKILL in practice: our own ends are told apart before.
  if (signal === "SIGKILL") return ortErrors.ORT_OUT_OF_MEMORY({ what, limit: overLimit, stderr });
  return ortErrors.ORT_CRASHED({ what, exitCode, signal, stderr });
}
