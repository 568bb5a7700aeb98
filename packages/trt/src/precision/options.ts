/** Options that the techniques share. */
import { z } from "zod";
import { releaseOf } from "../rules/release.ts";

const known = (version: string): boolean => {
  try {
    return releaseOf(version) !== undefined;
  } catch {
    return false;
  }
};

export const versionOption = z.string().refine(known, 'expected "10", "11" or a release such as "10.3"').default("11").describe("release of TensorRT that the result is checked for");
