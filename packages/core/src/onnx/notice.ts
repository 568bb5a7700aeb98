/** What a reader left out or put right, and says so. */
export interface Notice {
  readonly code: "STALE_VALUE_INFO" | "STALE_ANNOTATION" | "NEGATIVE_DIM" | "UNKNOWN_DROPPED" | "DUPLICATE_METADATA" | "REORDERED" | "INEXACT_VERSION";
  readonly message: string;
}

export type OnNotice = (notice: Notice) => void;
