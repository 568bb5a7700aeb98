/** Entry of the worker, in a thread (messages by port) or in a process (messages over the pipe at descriptor 3). */
import { Socket } from "node:net";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { messageReader, packMessage } from "./frame.ts";
import type { OrtModule } from "./engine.ts";
import type { Request } from "./protocol.ts";
import { serve } from "./serve.ts";

const PIPE = 3;
const loadOrt = (): Promise<OrtModule> => import("onnxruntime-node");

function serveThread(port: NonNullable<typeof parentPort>): void {
  const flag = new Int32Array((workerData as { busy: SharedArrayBuffer }).busy);
  const take = serve(
    {
      post: (reply, move) => port.postMessage(reply, [...move]),
      busy: (on) => {
        Atomics.store(flag, 0, on ? 1 : 0);
        Atomics.notify(flag, 0);
      },
      exit: () => process.exit(0),
    },
    loadOrt,
  );
  port.on("message", (request: Request) => void take(request));
  port.postMessage({ op: "ready" });
}

function serveProcess(): void {
  const pipe = new Socket({ fd: PIPE, readable: true, writable: true });
  const post = (message: unknown): void => {
    for (const piece of packMessage(message)) pipe.write(piece);
  };
  const take = serve({ post, busy: () => {}, exit: () => process.exit(0) }, loadOrt);
  pipe.on("data", messageReader((message) => void take(message as Request)));
  // The parent is gone, and with it the reason to be.
  pipe.on("close", () => process.exit(0));
  pipe.on("error", () => process.exit(0));
  post({ op: "ready" });
}

if (!isMainThread && parentPort) serveThread(parentPort);
else serveProcess();
