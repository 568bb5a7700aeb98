import { z } from "zod";

/**
 * Operators that stay in float32: those that lose too much in 16 bits (running sums, ranges, comparisons of many values) or that
 * engines have in float32 only. The list of ONNX Runtime's tool.
 */
export const float32OpTypes: readonly string[] = [
  "ArrayFeatureExtractor", "Binarizer", "CastMap", "CategoryMapper", "DictVectorizer", "FeatureVectorizer", "Imputer", "LabelEncoder",
  "LinearClassifier", "LinearRegressor", "Normalizer", "OneHotEncoder", "RandomUniformLike", "SVMClassifier", "SVMRegressor", "Scaler",
  "TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble", "ZipMap", "NonMaxSuppression", "TopK", "RoiAlign", "Range", "CumSum", "Min",
  "Max", "Upsample",
];

const names = z.array(z.string()).optional();

export const float16Options = z.strictObject({
  dtype: z.enum(["float16", "bfloat16"]).default("float16").describe("16-bit type"),
  keepIo: z.boolean().default(true).describe("inputs and outputs of the model stay float32"),
  keepIoNames: names.describe("only these inputs and outputs stay float32"),
  keepOpTypes: names.describe("operators that stay in float32; default those that are known to need it"),
  excludeNodes: names.describe("nodes that stay in float32"),
  checkRanges: z.boolean().default(false).describe("run calibration data and keep nodes in float32 whose values come near the limit"),
  limit: z.number().positive().optional().describe("largest magnitude allowed when ranges are checked; default half of the type's largest value"),
  samples: z.number().int().positive().default(32).describe("calibration samples used at most"),
});

export type Float16Options = z.infer<typeof float16Options>;
export type Float16Input = z.input<typeof float16Options>;
