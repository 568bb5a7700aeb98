/** Identifiers. Inside: a random text per row. Outside: Relay global ids, the type's name and that text, opaque to clients. */
import { randomBytes } from "node:crypto";

/** 128 random bits: not to be guessed. */
export const newId = (): string => randomBytes(16).toString("base64url");

export const globalId = (type: string, id: string): string => Buffer.from(`${type}:${id}`).toString("base64url");

/** Undefined for what is no global id. */
export function parseGlobalId(text: string): { readonly type: string; readonly id: string } | undefined {
  if (text.length > 400 || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const [, type, id] = /^([A-Za-z]+):([A-Za-z0-9_#-]+)$/.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  return type === undefined || id === undefined ? undefined : { type, id };
}
