/** Classical machine learning: trees, support vectors, linear models. */
import { mlOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferClassifier, inferRegressor } from "../rules/ml.ts";

export const mlModelsOps: readonly OpDef[] = [
  mlOp({
    name: "LinearClassifier",
    since: {
      1: "X:T1 -> Y:T2 Z:float32 | post_transform:string=NONE classlabels_ints:ints classlabels_strings:strings multi_class:int=0 intercepts:floats coefficients:floats! | T1: float32 float64 int32 int64; T2: int64 string",
    },
    infer: inferClassifier("classlabels_strings", "classlabels_ints"),
  }),
  mlOp({
    name: "LinearRegressor",
    since: {
      1: "X:T -> Y:float32 | targets:int=1 intercepts:floats coefficients:floats post_transform:string=NONE | T: float32 float64 int32 int64",
    },
    infer: inferRegressor("targets", "float32"),
  }),
  mlOp({
    name: "SVMClassifier",
    since: {
      1: "X:T1 -> Y:T2 Z:float32 | classlabels_ints:ints rho:floats prob_b:floats coefficients:floats classlabels_strings:strings prob_a:floats support_vectors:floats vectors_per_class:ints post_transform:string=NONE kernel_params:floats kernel_type:string=LINEAR | T1: float32 float64 int32 int64; T2: int64 string",
    },
    infer: inferClassifier("classlabels_strings", "classlabels_ints"),
  }),
  mlOp({
    name: "SVMRegressor",
    since: {
      1: "X:T -> Y:float32 | rho:floats coefficients:floats n_supports:int=0 one_class:int=0 support_vectors:floats post_transform:string=NONE kernel_params:floats kernel_type:string=LINEAR | T: float32 float64 int32 int64",
    },
    infer: inferRegressor(undefined, "float32"),
  }),
  mlOp({
    name: "TreeEnsemble",
    since: {
      5: "X:T -> Y:T | aggregate_function:int=1 post_transform:int=0 tree_roots:ints! nodes_hitrates:tensor nodes_missing_value_tracks_true:ints nodes_modes:tensor! leaf_weights:tensor! leaf_targetids:ints! nodes_falsenodeids:ints! n_targets:int nodes_trueleafs:ints! nodes_featureids:ints! nodes_splits:tensor! nodes_falseleafs:ints! nodes_truenodeids:ints! membership_values:tensor | T: floats",
    },
    infer: inferRegressor("n_targets"),
  }),
  mlOp({
    name: "TreeEnsembleClassifier",
    since: {
      1: "X:T1 -> Y:T2 Z:float32 | post_transform:string=NONE classlabels_int64s:ints nodes_nodeids:ints classlabels_strings:strings class_ids:ints class_weights:floats nodes_treeids:ints nodes_featureids:ints nodes_values:floats nodes_falsenodeids:ints nodes_hitrates:floats base_values:floats nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_truenodeids:ints class_treeids:ints class_nodeids:ints | T1: float32 float64 int32 int64; T2: int64 string",
      3: "| +base_values_as_tensor:tensor +class_weights_as_tensor:tensor +nodes_values_as_tensor:tensor +nodes_hitrates_as_tensor:tensor",
      5: "deprecated",
    },
    infer: inferClassifier("classlabels_strings", "classlabels_int64s"),
  }),
  mlOp({
    name: "TreeEnsembleRegressor",
    since: {
      1: "X:T -> Y:float32 | aggregate_function:string=SUM post_transform:string=NONE n_targets:int nodes_nodeids:ints target_nodeids:ints nodes_treeids:ints nodes_featureids:ints nodes_values:floats target_weights:floats nodes_falsenodeids:ints nodes_hitrates:floats base_values:floats nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_truenodeids:ints target_treeids:ints target_ids:ints | T: float32 float64 int32 int64",
      3: "| +base_values_as_tensor:tensor +target_weights_as_tensor:tensor +nodes_values_as_tensor:tensor +nodes_hitrates_as_tensor:tensor",
      5: "deprecated",
    },
    infer: inferRegressor("n_targets", "float32"),
  }),
];
