export { blockAlgorithms, blockFit, newFitted, type Bits, type BlockAlgorithm, type BlockFit, type FitOptions, type Fitted } from "./fit.ts";
export type { MatrixView } from "./blocks.ts";
export { dequantizeMatrix, packZeros, quantizeMatrix, type MatrixOptions, type QuantizedMatrix } from "./matrix.ts";
export { bnb4Codebook, dequantizeBnb4, quantizeBnb4, type Bnb4Type, type QuantizedBnb4 } from "./bnb4.ts";
export { codeType, quantizeTable, storedBytes, storedParams, storedZeros, type TableOptions } from "./table.ts";
export { weightOnlyErrors } from "./errors.ts";
export { targetChoices, weightAlgorithms, weightFormats, weightOnlyOptions, type WeightAlgorithm, type WeightFormat, type WeightOnlyInput, type WeightOnlyOptions } from "./options.ts";
export { quantizeWeightsOf, type WeightOnlyReport, type WeightOnlyServices } from "./weight-only.ts";
export { quantizeWeights } from "./technique.ts";
