/** Instances of assembled modules, made once; undefined where WebAssembly or its vectors are missing, and plain loops do the work. */
import { assemble, type FunctionSource } from "./assembler.ts";

const PAGE = 2 ** 16;

/** What we use of the host's WebAssembly; its types are not among those of ECMAScript. */
interface Host {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

interface HostMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

type Callable<F> = { readonly [K in keyof F]: (...args: number[]) => void };

export class Kernel<F extends Readonly<Record<string, FunctionSource>>> {
  readonly run: Callable<F>;
  readonly #memory: HostMemory;

  constructor(host: Host, functions: F, pages: number) {
    const { exports } = new host.Instance(new host.Module(assemble(functions, pages)));
    this.run = exports as Callable<F>;
    this.#memory = (exports as { memory: HostMemory }).memory;
  }

  /** The memory, at least `bytes` long. Views of it end when it grows: ask anew after each call. */
  buffer(bytes: number): ArrayBuffer {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    return this.#memory.buffer;
  }
}

/** Gives the instance, made at the first call, or undefined where the host has no such thing. */
export function kernel<F extends Readonly<Record<string, FunctionSource>>>(functions: () => F, pages: number): () => Kernel<F> | undefined {
  let made: Kernel<F> | null | undefined;
  return () => {
    if (made === undefined) made = open(functions, pages) ?? null;
    return made ?? undefined;
  };
}

function open<F extends Readonly<Record<string, FunctionSource>>>(functions: () => F, pages: number): Kernel<F> | undefined {
  const host = (globalThis as { WebAssembly?: Host }).WebAssembly;
  if (!host) return undefined;
  try {
    return new Kernel(host, functions(), pages);
  } catch {
    // No vectors, or a page that forbids compiling.
    return undefined;
  }
}
