export { applyFloat16, convertFloat16 } from "./convert.ts";
export type { Float16Report, Float16Services } from "./report.ts";
export { encodeHalf, toHalf, type Clamped, type HalfType } from "./element.ts";
export { float16Options, float32OpTypes, type Float16Input, type Float16Options } from "./options.ts";
export { float16Errors } from "./errors.ts";
export { convertToFloat16 } from "./technique.ts";
