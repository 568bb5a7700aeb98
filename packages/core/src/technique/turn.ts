interface Port {
  onmessage: (() => void) | null;
  postMessage(message: null): void;
  close(): void;
}
interface Schedulers {
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly MessageChannel?: new () => { readonly port1: Port; readonly port2: Port };
}

/**
 * Resolves after one turn of the event loop, so that timers, input and aborts get their chance.
 * Browsers have no `setImmediate`, and their timers wait 4 ms when nested: a message to oneself is faster.
 */
export function nextTurn(): Promise<void> {
  const { setImmediate, MessageChannel } = globalThis as unknown as Schedulers;
  return new Promise((resolve) => {
    if (setImmediate) setImmediate(() => resolve());
    else if (MessageChannel) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    } else setTimeout(resolve, 0);
  });
}
