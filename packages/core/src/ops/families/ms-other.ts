/** ONNX Runtime: the rest of its operators. */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { elementwise, sameAs } from "../shape.ts";
import { perOutput } from "../rules/cost.ts";
import { inferGatherND } from "../rules/gather.ts";
import { inferPad } from "../rules/join.ts";
import { inferCDist, inferCropAndResize, inferDynamicTimeWarping, inferExpandDims, inferIrfft, inferRfft, inferTokenizer, inferTorchEmbedding, inferUnfoldTensor, inferUnique, inferWordConvEmbedding, scalar } from "../rules/ms-other.ts";

export const msOtherOps: readonly OpDef[] = [
  msOp({
    name: "CDist",
    since: { 1: "A:T B:T -> C:T | metric:string=sqeuclidean | T: float32 float64" },
    infer: inferCDist,
  }),
  msOp({
    name: "ComplexMul",
    since: { 1: "A:T B:T -> C:T | | T: floats" },
    infer: elementwise,
    cost: perOutput(3),
  }),
  msOp({
    name: "ComplexMulConj",
    since: { 1: "A:T B:T -> C:T | | T: floats" },
    infer: elementwise,
    cost: perOutput(3),
  }),
  msOp({
    name: "CropAndResize",
    since: {
      1: "X:T1 rois:T1 batch_indices:T2 crop_size:T2 -> Y:T1 | extrapolation_value:float=0 mode:string=bilinear | T1: floats; T2: int32",
    },
    infer: inferCropAndResize,
  }),
  msOp({
    name: "DynamicTimeWarping",
    since: { 1: "input:F -> output:I | | F: float32; I: int32" },
    infer: inferDynamicTimeWarping,
  }),
  msOp({
    name: "EPContext",
    since: {
      1: "inputs:T*~ -> outputs:T*~ | max_size:int=0 partition_name:string notes:string hardware_architecture:string onnx_model_filename:string ep_sdk_version:string embed_mode:int=1 source:string ep_cache_context:string main_context:int=1 | T: reals bfloat16 bool",
    },
  }),
  msOp({
    name: "ExpandDims",
    since: { 1: "X:T axis:int32 -> Y:T | | T: any" },
    infer: inferExpandDims,
  }),
  msOp({
    name: "GatherND",
    since: { 1: "data:T indices:Tind -> output:T | | T: any; Tind: int32 int64" },
    infer: inferGatherND,
  }),
  msOp({
    name: "GridSample",
    since: {
      1: "X:T1 Grid:T1 -> Y:T2 | align_corners:int=0 padding_mode:string=zeros mode:string=bilinear | T1: any; T2: floats",
    },
  }),
  msOp({
    name: "Inverse",
    since: { 1: "X:T -> Y:T | | T: floats" },
    infer: sameAs(0),
  }),
  msOp({
    name: "Irfft",
    since: { 1: "X:T -> Y:T | onesided:int=1 normalized:int=0 signal_ndim:int! | T: floats" },
    infer: inferIrfft,
  }),
  msOp({
    name: "IsAllFinite",
    since: { 1: "input:V* -> output:T | isnan_only:int=0 isinf_only:int=0 | V: floats bfloat16; T: bool" },
    infer: scalar,
  }),
  msOp({
    name: "MurmurHash3",
    since: {
      1: "X:T1 -> Y:T2 | positive:int=1 seed:int=0 | T1: float32 float64 int32 int64 string uint32 uint64; T2: int32 uint32",
    },
  }),
  msOp({
    name: "Pad",
    since: { 1: "data:T pads:int64 value:T? -> output:T | mode:string=constant | T: floats" },
    infer: inferPad,
  }),
  msOp({ name: "Range", since: { 1: "start:T limit:T delta:T? -> Y:T | | T: float32 float64 int16 int32 int64" } }),
  msOp({
    name: "Rfft",
    since: { 1: "X:T -> Y:T | onesided:int=1 normalized:int=0 signal_ndim:int=1 | T: floats" },
    infer: inferRfft,
  }),
  msOp({
    name: "SampleOp",
    since: { 1: "X:T -> Y:T | | T: floats int32 int64 uint32 uint64" },
    infer: sameAs(0),
  }),
  msOp({
    name: "Snpe",
    since: {
      1: "inputs:T* -> outputs:T* | notes:string target_device:string snpe_version:string DLC:string! | T: float32 uint8 uint16",
    },
  }),
  msOp({
    name: "Tokenizer",
    since: {
      1: "X:T -> Y:T | mincharnum:int! separators:strings tokenexp:string pad_value:string! mark:int! | T: string",
    },
    infer: inferTokenizer,
  }),
  msOp({
    name: "TorchEmbedding",
    since: {
      1: "weight:T indices:int64 padding_idx:int64? scale_grad_by_freq:bool? -> Y:T | | T: reals bfloat16",
    },
    infer: inferTorchEmbedding,
  }),
  msOp({
    name: "Trilu",
    since: { 1: "X:T k:int64? -> Y:T | upper:int=1 | T: reals bfloat16 bool" },
    infer: sameAs(0),
  }),
  msOp({
    name: "UnfoldTensor",
    since: { 1: "input:T -> output:T | step:int=1 size:int! dim:int=-1 | T: any bfloat16" },
    infer: inferUnfoldTensor,
  }),
  msOp({
    name: "Unique",
    since: { 1: "x:T -> y:T idx:int64 counts:int64 | | T: any" },
    infer: inferUnique,
  }),
  msOp({
    name: "WordConvEmbedding",
    since: {
      1: "Sequence:T W:T1 B:T1 C:T1 -> Y:T1 | char_embedding_size:int conv_window_size:int embedding_size:int | T: int32; T1: float32",
    },
    infer: inferWordConvEmbedding,
  }),
];
