/** Gradients as ordinary ONNX nodes, losses, optimizers and the training loop. */
export const packageName = "@lathe/train";
