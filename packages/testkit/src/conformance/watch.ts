/** Lends services through a window: every call that starts is counted. */

/** Cleaning up after an abort is no work. */
const cleanup: ReadonlySet<PropertyKey> = new Set(["dispose", "close", "release", "return", "throw"]);

/** The service, counting calls of it, of the sessions and iterators that it gives, and of what they give. */
export function watch<T>(service: T, onCall: () => void): T {
  if (!isWatchable(service)) return service;
  const call = (target: (...args: unknown[]) => unknown, self: unknown, args: unknown[], key?: PropertyKey): unknown => {
    if (key === undefined || !cleanup.has(key)) onCall();
    const result = Reflect.apply(target, self, args);
    return result instanceof Promise ? result.then((value: unknown) => watchResult(value, onCall)) : watchResult(result, onCall);
  };
  return new Proxy(service as object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => call(value as (...args: unknown[]) => unknown, target, args, key);
    },
    apply: (target, self, args) => call(target as (...args: unknown[]) => unknown, self, args as unknown[]),
  }) as T;
}

const isWatchable = (value: unknown): value is object => (typeof value === "object" && value !== null) || typeof value === "function";

/** Results are data, except for those that can be asked for more. */
const watchResult = (value: unknown, onCall: () => void): unknown =>
  isWatchable(value) && ("run" in value || "next" in value || Symbol.asyncIterator in value) ? watch(value, onCall) : value;
