interface Host {
  readonly process?: { readonly versions?: { readonly node?: string }; readonly platform?: string; readonly arch?: string };
  readonly navigator?: { readonly userAgent?: string };
}

/** Where the code runs, as far as the platform tells: engine, platform, date. */
export function environment(): Record<string, string> {
  const { process, navigator } = globalThis as Host;
  const node = process?.versions?.node;
  const engine = node === undefined ? (navigator?.userAgent ?? "unknown") : `Node.js ${node}`;
  const platform = process?.platform === undefined ? {} : { platform: `${process.platform} ${process.arch ?? ""}`.trim() };
  return { engine, ...platform, date: new Date().toISOString() };
}
