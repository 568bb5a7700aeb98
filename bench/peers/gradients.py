"""Gradients of operators by PyTorch autograd in float64: golden values for packages/train.

npx tsx --conditions=@lathe/source bench/gradient-cases.ts | python bench/peers/gradients.py
Writes fixtures/train/gradients.json.gz: case name -> {y: outputs, g: gradients of the inputs (null: not differentiated)}.
"""

import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

import golden_io

golden_io.OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "train")


def tensor(row):
    if row is None:
        return None
    if row["dtype"] == "int64":
        return torch.tensor(row["data"], dtype=torch.int64).reshape(row["dims"])
    if row["dtype"] == "bool":
        return torch.tensor(row["data"], dtype=torch.bool).reshape(row["dims"])
    value = torch.tensor(row["data"], dtype=torch.float64).reshape(row["dims"])
    return value.requires_grad_() if row["wrt"] else value


def num(at, key, default):
    value = at.get(key, default)
    return value["float"] if isinstance(value, dict) else value


def spatial_pads(at, x, kernel):
    """Explicit (begin, end) pads, auto_pad resolved."""
    n = len(kernel)
    strides, dilations = at.get("strides", [1] * n), at.get("dilations", [1] * n)
    mode = at.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        pads = at.get("pads", [0] * (2 * n))
        return pads[:n], pads[n:]
    begin, end = [], []
    for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations):
        total = max(0, (math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size)
        less = total // 2
        begin.append(less if mode == "SAME_UPPER" else total - less)
        end.append(total - less if mode == "SAME_UPPER" else less)
    return begin, end


def pad(x, begin, end, value=0.0):
    flat = []
    for b, e in zip(reversed(begin), reversed(end)):
        flat += [b, e]
    return F.pad(x, flat, value=value)


def conv(x, w, b, at):
    n = w.dim() - 2
    begin, end = spatial_pads(at, x, w.shape[2:])
    f = [F.conv1d, F.conv2d, F.conv3d][n - 1]
    return f(pad(x, begin, end), w, b, stride=at.get("strides", [1] * n), dilation=at.get("dilations", [1] * n), groups=at.get("group", 1))


def conv_transpose(x, w, b, at):
    n = w.dim() - 2
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][n - 1]
    pads = at.get("pads", [0] * (2 * n))
    assert pads[:n] == pads[n:]
    return f(x, w, b, stride=at.get("strides", [1] * n), padding=pads[:n], output_padding=at.get("output_padding", [0] * n), groups=at.get("group", 1), dilation=at.get("dilations", [1] * n))


def max_pool(x, at):
    kernel = at["kernel_shape"]
    n = len(kernel)
    pads = at.get("pads", [0] * (2 * n))
    assert pads[:n] == pads[n:]
    f = [F.max_pool1d, F.max_pool2d, F.max_pool3d][n - 1]
    return f(x, kernel, stride=at.get("strides", [1] * n), padding=pads[:n], dilation=at.get("dilations", [1] * n), ceil_mode=bool(at.get("ceil_mode", 0)))


def average_pool(x, at):
    kernel = at["kernel_shape"]
    n = len(kernel)
    pads = at.get("pads", [0] * (2 * n))
    f = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][n - 1]
    return f(x, kernel, stride=at.get("strides", [1] * n), padding=pads[:n], ceil_mode=bool(at.get("ceil_mode", 0)), count_include_pad=bool(at.get("count_include_pad", 0)))


def axes_of(x, axes, at):
    if axes is None:
        return [] if at.get("noop_with_empty_axes", 0) else list(range(x.dim()))
    return axes.tolist()


def reduce(f):
    def run(x, axes=None, at=None):
        dims = axes_of(x, axes, at)
        return f(x, dims, bool(at.get("keepdims", 1))) if dims else x
    return run


def prod(x, dims, keep):
    (dim,) = dims
    return x.prod(dim, keepdim=keep)


def gather(x, ids, at):
    axis = at.get("axis", 0)
    ids = torch.where(ids < 0, ids + x.shape[axis], ids)
    picked = x.index_select(axis, ids.reshape(-1))
    return picked.reshape(list(x.shape[:axis]) + list(ids.shape) + list(x.shape[axis + 1:]))


def gather_nd(x, ids, at):
    if at.get("batch_dims", 0) == 0:
        return x[tuple(ids[..., k] for k in range(ids.shape[-1]))]
    return torch.stack([x[b][tuple(ids[b][..., k] for k in range(ids.shape[-1]))] for b in range(x.shape[0])])


def slice_(x, starts, ends, axes=None, steps=None):
    starts, ends = starts.tolist(), ends.tolist()
    axes = list(range(len(starts))) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    for a, s, e, step in zip(axes, starts, ends, steps):
        size = x.shape[a]
        rows = list(range(size))
        if step < 0 and e < -size:
            picked = rows[s::step]
        else:
            picked = rows[s:e:step]
        x = x.index_select(a, torch.tensor(picked))
    return x


def pad_node(x, pads, value=None, axes=None, at=None):
    pads = pads.tolist()
    axes = list(range(x.dim())) if axes is None else [a % x.dim() for a in axes.tolist()]
    mode = at.get("mode", "constant")
    for i, axis in enumerate(axes):
        b, e, n = pads[i], pads[i + len(axes)], x.shape[axis]
        if mode == "constant":
            flat = [0, 0] * (x.dim() - 1 - axis) + [b, e]
            x = F.pad(x, flat, value=0.0 if value is None else float(value))
        else:
            at_ = range(-b, n + e)
            rows = [min(max(r, 0), n - 1) for r in at_] if mode == "edge" else [abs(r) if r < n else 2 * (n - 1) - r for r in at_]
            x = x.index_select(axis, torch.tensor(rows))
    return x


def scatter_elements(x, ids, u, at):
    axis = at.get("axis", 0)
    return x.scatter_add(axis, ids, u) if at.get("reduction", "none") == "add" else x.scatter(axis, ids, u)


def scatter_nd(x, ids, u):
    out = x.clone()
    out[tuple(ids[..., k] for k in range(ids.shape[-1]))] = u
    return out


def depth_to_space(x, at):
    b = at["blocksize"]
    n, c, h, w = x.shape
    if at.get("mode", "DCR") == "DCR":
        return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)
    return F.pixel_shuffle(x, b)


def space_to_depth(x, at):
    b = at["blocksize"]
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


def cumsum(x, axis, at):
    axis = int(axis)
    y = x.flip(axis) if at.get("reverse", 0) else x
    z = y.cumsum(axis)
    if at.get("exclusive", 0):
        z = z - y
    return z.flip(axis) if at.get("reverse", 0) else z


def layer_norm(x, s, b=None, at=None):
    axis = at["axis"] % x.dim()
    return F.layer_norm(x, x.shape[axis:], s, b, num(at, "epsilon", 1e-5))


def batch_norm(x, s, b, mean, var, at):
    return F.batch_norm(x, mean, var, s, b, training=False, eps=num(at, "epsilon", 1e-5))


def cross_entropy(z, labels, weight=None, at=None):
    return F.cross_entropy(z, labels, weight=weight, reduction=at.get("reduction", "mean"), ignore_index=at.get("ignore_index", -100))


def resize(x, roi, scales, sizes=None, at=None):
    to = sizes.tolist()[2:] if sizes is not None else [int(n * s) for n, s in zip(x.shape[2:], scales.tolist()[2:])]
    if at["mode"] == "nearest":
        return F.interpolate(x, size=to, mode="nearest")
    return F.interpolate(x, size=to, mode="bilinear", align_corners=at.get("coordinate_transformation_mode") == "align_corners")


def split(x, sizes=None, at=None):
    axis = at.get("axis", 0)
    return torch.split(x, sizes.tolist() if sizes is not None else x.shape[axis] // at["num_outputs"], axis)


def gemm(a, b, c=None, at=None):
    a = a.T if at.get("transA") else a
    b = b.T if at.get("transB") else b
    y = num(at, "alpha", 1.0) * (a @ b)
    return y if c is None else y + num(at, "beta", 1.0) * c


def reshape(x, to):
    return x.reshape([x.shape[i] if d == 0 else d for i, d in enumerate(to.tolist())])


def unsqueeze(x, axes):
    rank = x.dim() + len(axes)
    for a in sorted(a % rank for a in axes.tolist()):
        x = x.unsqueeze(a)
    return x


def recurrent(kind):
    """LSTM and GRU by their formulas (ONNX gate orders iofc and zrh), batch second."""
    def run(x, w, r, b=None, lens=None, h0=None, c0=None, at=None):
        hidden, directions = at["hidden_size"], w.shape[0]
        ys, hs, cs = [], [], []
        for d in range(directions):
            wb, rb = (b[d].split(b.shape[1] // 2) if b is not None else (0.0, 0.0))
            reverse = at.get("direction") == "reverse" or d == 1
            h = h0[d] if h0 is not None else torch.zeros(x.shape[1], hidden, dtype=x.dtype)
            c = c0[d] if c0 is not None else torch.zeros_like(h)
            out = [None] * x.shape[0]
            for t in (reversed(range(x.shape[0])) if reverse else range(x.shape[0])):
                if kind == "LSTM":
                    i, o, f, g = (x[t] @ w[d].T + h @ r[d].T + wb + rb).split(hidden, 1)
                    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                    h = o.sigmoid() * c.tanh()
                else:
                    xz, xr, xh = (x[t] @ w[d].T + wb).split(hidden, 1)
                    if at.get("linear_before_reset", 0):
                        hz, hr, hh = (h @ r[d].T + rb).split(hidden, 1)
                        z, rr = (xz + hz).sigmoid(), (xr + hr).sigmoid()
                        n = (xh + rr * hh).tanh()
                    else:
                        rz, r_r, rn = r[d].split(hidden, 0)
                        bz, br, bn = rb.split(hidden) if b is not None else (0.0, 0.0, 0.0)
                        z, rr = (xz + h @ rz.T + bz).sigmoid(), (xr + h @ r_r.T + br).sigmoid()
                        n = (xh + (rr * h) @ rn.T + bn).tanh()
                    h = (1 - z) * n + z * h
                out[t] = h
            ys.append(torch.stack(out))
            hs.append(h)
            cs.append(c)
        y = torch.stack(ys, 1)
        return (y, torch.stack(hs), torch.stack(cs)) if kind == "LSTM" else (y, torch.stack(hs))
    return run


plain = {
    "Identity": lambda x: x, "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal,
    "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan, "Asin": torch.asin, "Acos": torch.acos, "Atan": torch.atan, "Sinh": torch.sinh, "Cosh": torch.cosh,
    "Asinh": torch.asinh, "Atanh": torch.atanh, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Erf": torch.erf, "Relu": F.relu, "Selu": F.selu, "Softplus": F.softplus,
    "Softsign": F.softsign, "HardSwish": F.hardswish, "Mish": F.mish,
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Pow": torch.pow, "Where": torch.where, "MatMul": torch.matmul,
    "Min": torch.minimum, "Reshape": reshape, "Unsqueeze": unsqueeze, "Slice": slice_, "ScatterND": scatter_nd,
    "PRelu": lambda x, s: torch.where(x < 0, x * s, x),
    "Clip": lambda x, lo=None, hi=None: torch.clamp(x, None if lo is None else float(lo), None if hi is None else float(hi)),
    "Max": lambda *xs: torch.max(torch.max(*xs[:2]), xs[2]), "Sum": lambda *xs: sum(xs), "Mean": lambda *xs: sum(xs) / len(xs),
    "Squeeze": lambda x, axes: x.squeeze(tuple(axes.tolist())),
    "Expand": lambda x, to: x.expand(to.tolist()), "Tile": lambda x, n: x.repeat(n.tolist()),
    "GlobalAveragePool": lambda x: x.mean(tuple(range(2, x.dim())), keepdim=True), "GlobalMaxPool": lambda x: x.amax(tuple(range(2, x.dim())), keepdim=True),
}
with_attributes = {
    "LeakyRelu": lambda x, at: F.leaky_relu(x, num(at, "alpha", 0.01)), "Elu": lambda x, at: F.elu(x, num(at, "alpha", 1.0)), "Celu": lambda x, at: F.celu(x, num(at, "alpha", 1.0)),
    "ThresholdedRelu": lambda x, at: torch.where(x > num(at, "alpha", 1.0), x, torch.zeros_like(x)),
    "HardSigmoid": lambda x, at: torch.clamp(num(at, "alpha", 0.2) * x + num(at, "beta", 0.5), 0, 1),
    "Gelu": lambda x, at: F.gelu(x, approximate=at.get("approximate", "none")), "Swish": lambda x, at: x * torch.sigmoid(num(at, "alpha", 1.0) * x),
    "Cast": lambda x, at: x * 1, "Gemm": gemm, "Einsum": lambda *xs, at: torch.einsum(at["equation"], *xs),
    "ReduceSum": reduce(lambda x, d, k: x.sum(d, keepdim=k)), "ReduceMean": reduce(lambda x, d, k: x.mean(d, keepdim=k)),
    "ReduceMax": reduce(lambda x, d, k: x.amax(d, keepdim=k)), "ReduceMin": reduce(lambda x, d, k: x.amin(d, keepdim=k)), "ReduceProd": reduce(prod),
    "ReduceL1": reduce(lambda x, d, k: x.abs().sum(d, keepdim=k)), "ReduceL2": reduce(lambda x, d, k: x.square().sum(d, keepdim=k).sqrt()),
    "ReduceSumSquare": reduce(lambda x, d, k: x.square().sum(d, keepdim=k)), "ReduceLogSum": reduce(lambda x, d, k: x.sum(d, keepdim=k).log()),
    "ReduceLogSumExp": reduce(lambda x, d, k: x.logsumexp(d, keepdim=k)),
    "Softmax": lambda x, at: x.softmax(at.get("axis", -1)), "LogSoftmax": lambda x, at: x.log_softmax(at.get("axis", -1)), "CumSum": cumsum,
    "TopK": lambda x, k, at: (x.topk(int(k)).values,), "Flatten": lambda x, at: x.reshape(math.prod(x.shape[: at.get("axis", 1)]), -1),
    "Transpose": lambda x, at: x.permute(at.get("perm", list(range(x.dim()))[::-1])), "Concat": lambda *xs, at: torch.cat(xs, at["axis"]), "Split": split,
    "Gather": gather, "GatherElements": lambda x, i, at: x.gather(at.get("axis", 0), i), "GatherND": gather_nd, "ScatterElements": scatter_elements,
    "Pad": pad_node, "DepthToSpace": depth_to_space, "SpaceToDepth": space_to_depth,
    "Trilu": lambda x, k=None, at=None: (torch.triu if at.get("upper", 1) else torch.tril)(x, 0 if k is None else int(k)),
    "LayerNormalization": layer_norm, "RMSNormalization": lambda x, s, at: F.rms_norm(x, x.shape[at["axis"] % x.dim():], s, num(at, "epsilon", 1e-5)),
    "BatchNormalization": batch_norm, "InstanceNormalization": lambda x, s, b, at: F.instance_norm(x, weight=s, bias=b, eps=num(at, "epsilon", 1e-5)),
    "GroupNormalization": lambda x, s, b, at: F.group_norm(x, at["num_groups"], s, b, num(at, "epsilon", 1e-5)),
    "LpNormalization": lambda x, at: x / x.square().sum(at["axis"], keepdim=True).sqrt(), "SoftmaxCrossEntropyLoss": cross_entropy,
    "Conv": lambda x, w, b=None, at=None: conv(x, w, b, at), "ConvTranspose": lambda x, w, b=None, at=None: conv_transpose(x, w, b, at),
    "MaxPool": max_pool, "AveragePool": average_pool, "Resize": resize, "LSTM": recurrent("LSTM"), "GRU": recurrent("GRU"),
}


def weights(k, y):
    i = np.arange(y.numel(), dtype=np.float64)
    return torch.tensor(np.cos(1.7 * i + 0.3 * k + 0.2).astype(np.float32).astype(np.float64)).reshape(y.shape)


def run(case):
    inputs = [tensor(row) for row in case["in"]]
    op, at = case["op"], case["at"]
    y = plain[op](*inputs) if op in plain else with_attributes[op](*inputs, at=at)
    ys = list(y) if isinstance(y, (tuple, list)) else [y]
    loss = sum((weights(k, value) * value).sum() for k, value in enumerate(ys))
    loss.backward()
    grads = [golden_io.array((torch.zeros_like(x) if x.grad is None else x.grad).numpy().astype(np.float32)) if x is not None and x.requires_grad else None for x in inputs]
    return {"y": [golden_io.array(value.detach().numpy().astype(np.float32)) for value in ys], "g": grads}


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    golden_io.save("gradients", {case["name"]: run(case) for case in cases})
