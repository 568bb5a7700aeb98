/** Classical machine learning: preparing features. */
import { mlOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { inferArrayFeatureExtractor, inferCastMap, inferCategoryMapper, inferDictVectorizer, inferFeatureVectorizer, inferLabelEncoder, inferOneHotEncoder, inferZipMap, typed } from "../rules/ml.ts";

export const mlFeaturesOps: readonly OpDef[] = [
  mlOp({
    name: "ArrayFeatureExtractor",
    since: { 1: "X:T Y:int64 -> Z:T | | T: float32 float64 int32 int64 string" },
    infer: inferArrayFeatureExtractor,
  }),
  mlOp({
    name: "Binarizer",
    since: { 1: "X:T -> Y:T | threshold:float=0 | T: float32 float64 int32 int64" },
    infer: sameAs(0),
  }),
  mlOp({
    name: "CastMap",
    since: {
      1: "X:T1 -> Y:T2 | max_map:int=1 map_form:string=DENSE cast_to:string=TO_FLOAT | T1: map(int64,string) map(int64,float32); T2: float32 int64 string",
    },
    infer: inferCastMap,
  }),
  mlOp({
    name: "CategoryMapper",
    since: {
      1: "X:T1 -> Y:T2 | default_int64:int=-1 default_string:string=_Unused cats_int64s:ints cats_strings:strings | T1: int64 string; T2: int64 string",
    },
    infer: inferCategoryMapper,
  }),
  mlOp({
    name: "DictVectorizer",
    since: {
      1: "X:T1 -> Y:T2 | int64_vocabulary:ints string_vocabulary:strings | T1: map(int64,float64) map(string,int64) map(string,float64) map(int64,string) map(string,float32) map(int64,float32); T2: float32 float64 int64 string",
    },
    infer: inferDictVectorizer,
  }),
  mlOp({
    name: "FeatureVectorizer",
    since: { 1: "X:T1+ -> Y:float32 | inputdimensions:ints | T1: float32 float64 int32 int64" },
    infer: inferFeatureVectorizer,
  }),
  mlOp({
    name: "Imputer",
    since: {
      1: "X:T -> Y:T | replaced_value_int64:int=0 imputed_value_int64s:ints replaced_value_float:float=0 imputed_value_floats:floats | T: float32 float64 int32 int64",
    },
    infer: sameAs(0),
  }),
  mlOp({
    name: "LabelEncoder",
    since: {
      1: "X:T1 -> Y:T2 | default_string:string=_Unused default_int64:int=-1 classes_strings:strings | T1: int64 string; T2: int64 string",
      2: "| -classes_strings +default_float:float=0 +values_int64s:ints +values_strings:strings +keys_floats:floats +values_floats:floats +keys_int64s:ints +keys_strings:strings | T1+: float32; T2+: float32",
      4: "| +default_tensor:tensor +values_tensor:tensor +keys_tensor:tensor | T1+: float64 int16 int32; T2+: float64 int16 int32",
    },
    infer: inferLabelEncoder,
  }),
  mlOp({
    name: "Normalizer",
    since: { 1: "X:T -> Y:float32 | norm:string=MAX | T: float32 float64 int32 int64" },
    infer: typed("float32"),
  }),
  mlOp({
    name: "OneHotEncoder",
    since: {
      1: "X:T -> Y:float32 | zeros:int=1 cats_strings:strings cats_int64s:ints | T: float32 float64 int32 int64 string",
    },
    infer: inferOneHotEncoder,
  }),
  mlOp({
    name: "Scaler",
    since: { 1: "X:T -> Y:float32 | scale:floats offset:floats | T: float32 float64 int32 int64" },
    infer: typed("float32"),
  }),
  mlOp({
    name: "ZipMap",
    since: {
      1: "X:float32 -> Z:T | classlabels_int64s:ints classlabels_strings:strings | T: seq(map(int64,float32)) seq(map(string,float32))",
    },
    infer: inferZipMap,
  }),
];
