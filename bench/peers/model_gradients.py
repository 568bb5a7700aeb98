"""Gradients of whole models by PyTorch in float64: fixtures/train/models.json.gz.

npx tsx --conditions=@lathe/source bench/model-gradients.ts FOLDER && python bench/peers/model_gradients.py FOLDER
Stored for each model: the loss, and for each parameter the L2 norm of its gradient and up to 64 of its entries.
"""

import glob
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

import golden_io
from torch_models import MODELS, is_parameter, read_tensors

golden_io.OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "train")


def run(path):
    name = os.path.basename(path).split(".")[0]
    tensors = {k: v.double() if v.dtype.is_floating_point else v for k, v in read_tensors(path).items()}
    params = {k: v.requires_grad_() if is_parameter(k, v) else v for k, v in tensors.items() if not k.startswith("batch/")}
    batch = {k[6:]: v for k, v in tensors.items() if k.startswith("batch/")}
    labels = batch.pop("labels")
    loss = F.cross_entropy(MODELS[name](params, **batch), labels)
    loss.backward()
    grads = {}
    for key, value in sorted(params.items()):
        if not value.requires_grad or value.grad is None:
            continue
        flat = value.grad.reshape(-1).numpy()
        at = np.arange(flat.size) if flat.size <= 64 else np.array([i * flat.size // 64 for i in range(64)])
        grads[key] = {"norm": float(np.linalg.norm(flat)), "max": float(np.abs(flat).max()), "entries": golden_io.array(flat[at].astype(np.float32))}
    return name, {"loss": float(loss), "gradients": grads}


if __name__ == "__main__":
    golden_io.save("models", dict(run(path) for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.safetensors")))))
