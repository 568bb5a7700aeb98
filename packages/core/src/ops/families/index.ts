import { activationOps } from "./activation.ts";
import { attentionOps } from "./attention.ts";
import { binaryOps } from "./binary.ts";
import { castOps } from "./cast.ts";
import { controlOps } from "./control.ts";
import { convOps } from "./conv.ts";
import { gatherOps } from "./gather.ts";
import { generateOps } from "./generate.ts";
import { imageOps } from "./image.ts";
import { joinOps } from "./join.ts";
import { logicalOps } from "./logical.ts";
import { lossOps } from "./loss.ts";
import { matmulOps } from "./matmul.ts";
import { mlFeaturesOps } from "./ml-features.ts";
import { mlModelsOps } from "./ml-models.ts";
import { msAttentionOps } from "./ms-attention.ts";
import { msFusedOps } from "./ms-fused.ts";
import { msGenerationOps } from "./ms-generation.ts";
import { msMatmulOps } from "./ms-matmul.ts";
import { msOrderedOps } from "./ms-ordered.ts";
import { msOtherOps } from "./ms-other.ts";
import { msQuantizeOps } from "./ms-quantize.ts";
import { nchwcOps } from "./nchwc.ts";
import { normOps } from "./norm.ts";
import { orderOps } from "./order.ts";
import { poolOps } from "./pool.ts";
import { previewOps } from "./preview.ts";
import { quantizeOps } from "./quantize.ts";
import { randomOps } from "./random.ts";
import { reduceOps } from "./reduce.ts";
import { reshapeOps } from "./reshape.ts";
import { resizeOps } from "./resize.ts";
import { rnnOps } from "./rnn.ts";
import { sequenceOps } from "./sequence.ts";
import { signalOps } from "./signal.ts";
import { stringOps } from "./string.ts";
import { trainingOps } from "./training.ts";
import { unaryOps } from "./unary.ts";
import type { OpDef } from "../op.ts";

/** Every family. The order does not matter. */
export const families: readonly (readonly OpDef[])[] = [
  unaryOps,
  activationOps,
  binaryOps,
  logicalOps,
  castOps,
  reduceOps,
  orderOps,
  reshapeOps,
  joinOps,
  gatherOps,
  generateOps,
  randomOps,
  sequenceOps,
  stringOps,
  signalOps,
  imageOps,
  convOps,
  poolOps,
  normOps,
  matmulOps,
  rnnOps,
  attentionOps,
  resizeOps,
  quantizeOps,
  controlOps,
  lossOps,
  mlFeaturesOps,
  mlModelsOps,
  trainingOps,
  previewOps,
  msQuantizeOps,
  msMatmulOps,
  msAttentionOps,
  msFusedOps,
  msOrderedOps,
  msGenerationOps,
  msOtherOps,
  nchwcOps,
];
