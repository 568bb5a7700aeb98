/** Resizing of images. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { perOutput } from "../rules/cost.ts";
import { inferResize, inferUpsample } from "../rules/resize.ts";
import { resizeTies } from "../ties/pool.ts";

export const resizeOps: readonly OpDef[] = [
  op({
    name: "Resize",
    since: {
      10: "X:T scales:float32 -> Y:T | mode:string=nearest | T: any",
      11: "X:T1 roi:T2 scales:float32 sizes:int64? -> Y:T1 | +extrapolation_value:float=0 +exclude_outside:int=0 +nearest_mode:string=round_prefer_floor +coordinate_transformation_mode:string=half_pixel +cubic_coeff_a:float=-0.75 | T1: any; T2: floats",
      13: "X:T1 roi:T2? scales:float32? sizes:int64? -> Y:T1 | | T1+: bfloat16",
      18: "| +keep_aspect_ratio_policy:string=stretch +axes:ints +antialias:int=0",
      19: "",
    },
    ties: resizeTies,
    infer: inferResize,
    cost: perOutput(7),
  }),
  op({
    name: "Upsample",
    since: {
      1: "X:T -> Y:T | mode:string=nearest height_scale:float! width_scale:float! | T: floats bool int32 int64",
      7: "| -height_scale -width_scale +scales:floats! | T+: uints complexes int8 int16 string",
      9: "X:T scales:float32 -> Y:T | -scales",
      10: "deprecated",
    },
    ties: resizeTies,
    infer: inferUpsample,
    cost: perOutput(),
  }),
];
