/** Releases that the tables cover. */
import { parseVersion, type TensorRTVersion } from "../engine/version.ts";
import { trtErrors } from "../errors.ts";

/** Latest minor of each major that the tables know. */
const latest: Readonly<Record<number, number>> = { 10: 15, 11: 1 };

/** A release from "11", "10.3", or its parts. @throws TRT_VERSION for what is no release, or is before 10 */
export function releaseOf(version: string | TensorRTVersion): TensorRTVersion {
  if (typeof version !== "string") return checked(version, `${version.major}.${version.minor}`);
  const alone = /^\d+$/.test(version) && version.length <= 2 ? Number(version) : undefined;
  return checked(alone === undefined ? parseVersion(version) : { major: alone, minor: latest[alone] ?? 0, patch: 0 }, version);
}

function checked(version: TensorRTVersion | undefined, received: string): TensorRTVersion {
  if (!version || version.major < 10) throw trtErrors.TRT_VERSION({ received });
  return version;
}

export const isCovered = ({ major, minor }: TensorRTVersion): boolean => latest[major] !== undefined && minor <= latest[major];
