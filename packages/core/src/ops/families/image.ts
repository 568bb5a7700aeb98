/** Images, regions and sampling grids. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { perInput, perOutput } from "../rules/cost.ts";
import { nonMaxSuppression } from "../evaluate/detect.ts";
import { inferAffineGrid, inferCol2Im, inferGridSample, inferImageDecoder, inferMaxRoiPool, inferNonMaxSuppression, inferRoiAlign } from "../rules/image.ts";
import { gridSampleTies, roiTies } from "../ties/pool.ts";

export const imageOps: readonly OpDef[] = [
  op({
    name: "AffineGrid",
    since: { 20: "theta:T1 size:T2 -> grid:T1 | align_corners:int=0 | T1: floats bfloat16; T2: int64" },
    infer: inferAffineGrid,
    cost: perOutput(3),
  }),
  op({
    name: "GridSample",
    since: {
      16: "X:T1 grid:T2 -> Y:T1 | align_corners:int=0 padding_mode:string=zeros mode:string=bilinear | T1: any; T2: floats",
      20: "| +mode:string=linear",
      22: "| | T1+: bfloat16; T2+: bfloat16",
    },
    infer: inferGridSample,
    cost: perOutput(8),
    ties: gridSampleTies,
  }),
  op({
    name: "Col2Im",
    since: {
      18: "input:T image_shape:int64 block_shape:int64 -> output:T | strides:ints pads:ints dilations:ints | T: any bfloat16",
    },
    infer: inferCol2Im,
    cost: perInput(),
  }),
  op({
    name: "ImageDecoder",
    since: { 20: "encoded_stream:T1 -> image:T2 | pixel_format:string=RGB | T1: uint8; T2: uint8" },
    infer: inferImageDecoder,
  }),
  op({
    name: "NonMaxSuppression",
    since: {
      10: "boxes:float32 scores:float32 max_output_boxes_per_class:int64? iou_threshold:float32? score_threshold:float32? -> selected_indices:int64 | center_point_box:int=0",
      11: "",
    },
    infer: inferNonMaxSuppression,
    evaluate: nonMaxSuppression,
  }),
  op({
    name: "RoiAlign",
    since: {
      10: "X:T1 rois:T1 batch_indices:T2 -> Y:T1 | mode:string=avg output_height:int=1 sampling_ratio:int=0 output_width:int=1 spatial_scale:float=1 | T1: floats; T2: int64",
      16: "| +coordinate_transformation_mode:string=half_pixel",
      22: "| | T1+: bfloat16",
    },
    infer: inferRoiAlign,
    cost: perOutput(8),
    ties: roiTies,
  }),
  op({
    name: "MaxRoiPool",
    since: {
      1: "X:T rois:T -> Y:T | spatial_scale:float=1 pooled_shape:ints! | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: inferMaxRoiPool,
    cost: perInput(),
    ties: roiTies,
  }),
];
