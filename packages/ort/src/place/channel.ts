import type { Reply, Request } from "../engine/protocol.ts";

/** Why a worker is no more. */
export interface Exit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last it wrote to stderr. */
  readonly stderr: string;
  /** The memory limit that it went over, when that is why it was ended. */
  readonly overLimit?: number;
  /** Why it never came up. */
  readonly startError?: string;
}

/** A line to one worker. */
export interface Channel {
  post(request: Request, move: readonly ArrayBuffer[]): void;
  onReply(take: (reply: Reply) => void): void;
  onExit(take: (exit: Exit) => void): void;
  /** Whether the worker keeps the program alive: only while somebody waits for its answer. */
  hold(on: boolean): void;
  /** Gives the worker up at once. A process is killed; a thread ends by itself after its native call, since ending it earlier would end the caller too. */
  abandon(): void;
  /** Ends an idle worker; resolves when it is gone. */
  close(): Promise<void>;
}

export interface Placement {
  readonly kind: "thread" | "process";
  open(): Channel;
}
