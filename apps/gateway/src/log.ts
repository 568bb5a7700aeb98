/** Structured logs: one JSON object per line. Secrets never reach them. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLog: Log = { info() {}, warn() {}, error() {} };

export function jsonLog(write: (line: string) => void = (line) => void process.stderr.write(line)): Log {
  const at = (level: string) => (message: string, fields: LogFields = {}): void =>
    write(`${redact(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }, plain))}\n`);
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

const secretKey = /^(authorization|token|secret|password|cookie|hash)$/i;

function plain(key: string, value: unknown): unknown {
  if (secretKey.test(key)) return "[redacted]";
  return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
}

/** Keys, signatures of URLs and passwords inside database addresses. */
export const redact = (text: string): string =>
  text
    .replaceAll(/lathe_[A-Za-z0-9_-]{8,}/g, "lathe_[redacted]")
    .replaceAll(/([?&]signature=)[^&\s"]+/g, "$1[redacted]")
    .replaceAll(/(\w+:\/\/[^:/\s"]+:)[^@\s"]+@/g, "$1[redacted]@");
