/** Addresses that carry their own permission: an HMAC over what may be done, with which content, by whom and until when. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface Grant {
  readonly method: "PUT" | "GET";
  /** Upload or artifact that it is good for. */
  readonly id: string;
  readonly digest: string;
  readonly size: number;
  readonly owner: string;
  /** ms since 1970. */
  readonly expires: number;
}

const textOf = (g: Grant): string => JSON.stringify([g.method, g.id, g.digest, g.size, g.owner, g.expires]);

export const sign = (secret: string, grant: Grant): string => createHmac("sha256", secret).update(textOf(grant)).digest("base64url");

export function isSigned(secret: string, grant: Grant, signature: string): boolean {
  const [a, b] = [Buffer.from(sign(secret, grant)), Buffer.from(signature)];
  return a.length === b.length && timingSafeEqual(a, b) && grant.expires > Date.now();
}
