"""The models of packages/train in PyTorch, as functions of a dictionary of parameters with our names."""

import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}


def read_tensors(path):
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    out = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        a, b = entry["data_offsets"]
        data = np.frombuffer(raw[8 + length + a : 8 + length + b], dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
        out[name] = torch.from_numpy(data.copy())
    return out


def bn(p, x, name, training=True):
    return F.batch_norm(x, p[f"{name}.running_mean"], p[f"{name}.running_var"], p[f"{name}.weight"], p[f"{name}.bias"], training=training, momentum=0.1, eps=1e-5)


def lenet(p, input):
    x = F.max_pool2d(F.relu(F.conv2d(input, p["conv1.weight"], p["conv1.bias"], padding=2)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2.weight"], p["conv2.bias"], padding=2)), 2)
    x = F.relu(F.linear(x.flatten(1), p["fc1.weight"], p["fc1.bias"]))
    return F.linear(x, p["fc2.weight"], p["fc2.bias"])


def mlp(p, input):
    x = F.relu(F.linear(input, p["fc1.weight"], p["fc1.bias"]))
    x = F.relu(F.linear(x, p["fc2.weight"], p["fc2.bias"]))
    return F.linear(x, p["fc3.weight"], p["fc3.bias"])


def cnn(p, input):
    x = F.relu(F.conv2d(input, p["conv1.weight"], p["conv1.bias"]))
    x = F.relu(F.conv2d(x, p["conv2.weight"], p["conv2.bias"]))
    x = F.max_pool2d(x, 2).flatten(1)
    x = F.relu(F.linear(x, p["fc1.weight"], p["fc1.bias"]))
    return F.linear(x, p["fc2.weight"], p["fc2.bias"])


def basic_block(p, x, name, stride, training):
    y = F.relu(bn(p, F.conv2d(x, p[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1", training))
    y = bn(p, F.conv2d(y, p[f"{name}.conv2.weight"], padding=1), f"{name}.bn2", training)
    short = bn(p, F.conv2d(x, p[f"{name}.down.weight"], stride=stride), f"{name}.downbn", training) if f"{name}.down.weight" in p else x
    return F.relu(y + short)


def resnet20(p, input, training=True):
    x = F.relu(bn(p, F.conv2d(input, p["conv1.weight"], padding=1), "bn1", training))
    for stage in range(3):
        for block in range(3):
            x = basic_block(p, x, f"layer{stage + 1}.{block}", 2 if stage > 0 and block == 0 else 1, training)
    return F.linear(x.mean((2, 3)), p["fc.weight"], p["fc.bias"])


def inverted_residual(p, x, name, stride):
    y = x
    if f"{name}.expand.weight" in p:
        y = F.relu6(bn(p, F.conv2d(y, p[f"{name}.expand.weight"]), f"{name}.bn1"))
    w = p[f"{name}.depthwise.weight"]
    y = F.relu6(bn(p, F.conv2d(y, w, stride=stride, padding=1, groups=w.shape[0]), f"{name}.bn2"))
    y = bn(p, F.conv2d(y, p[f"{name}.project.weight"]), f"{name}.bn3")
    return x + y if stride == 1 and x.shape[1] == y.shape[1] else y


def mobilenetv2(p, input):
    small = input.shape[-1] < 64
    x = F.relu6(bn(p, F.conv2d(input, p["stem.weight"], stride=1 if small else 2, padding=1), "stem.bn"))
    strides = [1, 2, 2, 2, 1, 2, 1]
    for row in range(layers(p, "block{}.0.depthwise.weight")):
        for i in range(layers(p, f"block{row}.{{}}.depthwise.weight")):
            x = inverted_residual(p, x, f"block{row}.{i}", 1 if i > 0 or (small and row < 2) else strides[row])
    x = F.relu6(bn(p, F.conv2d(x, p["head.weight"]), "head.bn"))
    return F.linear(x.mean((2, 3)), p["fc.weight"], p["fc.bias"])


def dense(p, x, name):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def norm(p, x, name, eps):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps)


def attention(p, x, name, heads, bias=None):
    n, t, h = x.shape
    q, k, v = (dense(p, x, f"{name}.{part}").reshape(n, t, heads, h // heads).transpose(1, 2) for part in ("query", "key", "value"))
    scores = q @ k.transpose(-1, -2) * (h // heads) ** -0.5
    if bias is not None:
        scores = scores + bias
    return dense(p, (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, h), f"{name}.out")


def mlp_block(p, x, name):
    return dense(p, F.gelu(dense(p, x, f"{name}.fc1")), f"{name}.fc2")


def layers(p, pattern):
    return sum(1 for i in range(100) if pattern.format(i) in p)


def vit(p, input, heads=4, patch=4):
    x = F.conv2d(input, p["patch.weight"], p["patch.bias"], stride=patch).flatten(2).transpose(1, 2) + p["position"]
    for i in range(layers(p, "block{}.norm1.weight")):
        x = x + attention(p, norm(p, x, f"block{i}.norm1", 1e-5), f"block{i}.attention", heads)
        x = x + mlp_block(p, norm(p, x, f"block{i}.norm2", 1e-5), f"block{i}.mlp")
    return F.linear(norm(p, x, "norm", 1e-5).mean(1), p["head.weight"], p["head.bias"])


def bert(p, input_ids, attention_mask, heads=4):
    bias = ((1 - attention_mask.to(p["pooler.weight"].dtype)) * -10000)[:, None, None, :]
    x = norm(p, F.embedding(input_ids, p["embeddings.word"]) + p["embeddings.position"], "embeddings.norm", 1e-12)
    for i in range(layers(p, "layer{}.norm1.weight")):
        x = norm(p, x + attention(p, x, f"layer{i}.attention", heads, bias), f"layer{i}.norm1", 1e-12)
        x = norm(p, x + mlp_block(p, x, f"layer{i}.mlp"), f"layer{i}.norm2", 1e-12)
    return F.linear(torch.tanh(F.linear(x[:, 0], p["pooler.weight"], p["pooler.bias"])), p["classifier.weight"], p["classifier.bias"])


def encoder(p, input, heads=12):
    x = norm(p, input + attention(p, input, "layer0.attention", heads), "layer0.norm1", 1e-12)
    x = norm(p, x + mlp_block(p, x, "layer0.mlp"), "layer0.norm2", 1e-12)
    return F.linear(x.mean(1), p["classifier.weight"], p["classifier.bias"])


MODELS = {f.__name__: f for f in (lenet, mlp, cnn, resnet20, mobilenetv2, vit, bert, encoder)}


def is_parameter(name, tensor):
    fixed = name.startswith("batch/") or ".running_" in name or name.startswith("mask.") or name.endswith((".shape", ".axes", ".scale", ".min", ".max"))
    return tensor.dtype.is_floating_point and not fixed
