export { packageForTransformersJs, type PackageFile, type PackageOptions, type PackageReport, type PackageSource } from "./transformers-js.ts";
export { dtypeSuffix, packageDtypes, type PackageDtype } from "./dtypes.ts";
export { packageErrors } from "./errors.ts";
