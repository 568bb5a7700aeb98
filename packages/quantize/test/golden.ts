/** Reads the golden vectors of fixtures/quantize (format: the README there). */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { viewBytes, type DType } from "@lathe/core";

export interface GoldenArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string;
}

export function golden<T>(name: string): T {
  return JSON.parse(gunzipSync(readFileSync(new URL(`../../../fixtures/quantize/${name}.json.gz`, import.meta.url))).toString()) as T;
}

export const bytes = (array: GoldenArray): Uint8Array => new Uint8Array(Buffer.from(array.data, "base64"));

/** Values as plain numbers. */
export const numbers = (array: GoldenArray): number[] => Array.from(viewBytes(bytes(array), array.dtype) as ArrayLike<number>);

export const float32 = (array: GoldenArray): Float32Array => viewBytes(bytes(array), "float32") as Float32Array;

/** "UINT8" -> "uint8". */
export const lower = (type: string): DType => type.toLowerCase() as DType;
