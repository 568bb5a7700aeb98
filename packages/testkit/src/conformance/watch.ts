/** Lends services through a window: every call that starts is counted. */

/** Cleaning up after an abort is no work. */
const cleanup: ReadonlySet<PropertyKey> = new Set(["dispose", "close", "release", "return", "throw"]);

/** The service, counting calls of it, of the sessions and iterators that it gives, and of what they give. */
export function watch<T>(service: T, onCall: () => void): T {
  if (!isWatchable(service)) return service;
  const call = (target: Callable, self: unknown, args: unknown[], key?: PropertyKey): unknown => {
    if (key === undefined || !cleanup.has(key)) onCall();
    const result = Reflect.apply(target, self, args);
    return result instanceof Promise ? result.then((value: unknown) => watchResult(value, onCall)) : watchResult(result, onCall);
  };
  // The proxy stands before an empty object: a frozen service could not be shown changed.
  const stand = typeof service === "function" ? (): void => {} : {};
  return new Proxy(stand, {
    get(_, key) {
      const value: unknown = Reflect.get(service, key, service);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => call(value as Callable, service, args, key);
    },
    has: (_, key) => key in service,
    ownKeys: () => Reflect.ownKeys(service),
    getOwnPropertyDescriptor: (_, key) => describe(service, key),
    apply: (_, self, args) => call(service as Callable, self, args as unknown[]),
  }) as T;
}

type Callable = (...args: unknown[]) => unknown;

function describe(service: object, key: PropertyKey): PropertyDescriptor | undefined {
  const found = Reflect.getOwnPropertyDescriptor(service, key);
  return found && { ...found, configurable: true };
}

const isWatchable = (value: unknown): value is object => (typeof value === "object" && value !== null) || typeof value === "function";

/** Results are data, except for those that can be asked for more. */
const watchResult = (value: unknown, onCall: () => void): unknown =>
  isWatchable(value) && ("run" in value || "next" in value || Symbol.asyncIterator in value) ? watch(value, onCall) : value;
