"""Distillation losses and their gradients from PyTorch in float64, written out from the papers' formulas.

    python bench/peers/golden_distill.py > fixtures/distill/losses.json
"""
import json
import torch
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)


def numbers(t):
    return [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]


def case(name, options, student, teacher, loss, labels=None):
    # What is compared in float32 must start from float32 values.
    s = student.float().double().requires_grad_(True)
    t = teacher.float().double()
    value = loss(s, t)
    value.backward()
    return {"name": name, "options": options, "dims": list(s.shape), "teacherDims": list(t.shape), "student": numbers(s), "teacher": numbers(t),
            **({"labels": labels.tolist()} if labels is not None else {}), "value": value.item(), "gradient": numbers(s.grad)}


def kl(s, t, T, reduction="batchmean"):
    return F.kl_div(F.log_softmax(s / T, -1), F.log_softmax(t / T, -1), log_target=True, reduction=reduction)


def standard(z):
    return (z - z.mean(-1, keepdim=True)) / torch.sqrt(z.var(-1, keepdim=True, unbiased=False) + 1e-7)


def jensen_shannon(s, t, T, b):
    p, q = F.softmax(t / T, -1), F.softmax(s / T, -1)
    m = b * p + (1 - b) * q
    return T * T * (b * (p * (p.log() - m.log())).sum(-1) + (1 - b) * (q * (q.log() - m.log())).sum(-1)).mean()


def decoupled(s, t, labels, T, alpha, beta):
    mask = F.one_hot(labels, s.shape[1]).double()
    ps, pt = F.softmax(s / T, 1), F.softmax(t / T, 1)
    two = lambda p: torch.stack([(p * mask).sum(1), (p * (1 - mask)).sum(1)], 1)
    binary = F.kl_div(two(ps).log(), two(pt), reduction="batchmean")
    rest = F.kl_div(F.log_softmax(s / T - 1000 * mask, 1), F.softmax(t / T - 1000 * mask, 1), reduction="none")
    rest = (rest * (1 - mask)).sum(1).mean()
    return T * T * (alpha * binary + beta * rest)


def pearson(a, b, dim):
    return F.cosine_similarity(a - a.mean(dim, keepdim=True), b - b.mean(dim, keepdim=True), dim=dim, eps=1e-12)


def dist(s, t, T, inter, intra):
    p, q = F.softmax(s / T, -1), F.softmax(t / T, -1)
    return T * T * (inter * (1 - pearson(p, q, 1).mean()) + intra * (1 - pearson(p, q, 0).mean()))


def attention_map(f):
    return F.normalize(f.pow(2).mean(1).flatten(1), dim=1)


def gram(f):
    f = f.flatten(1)
    return F.normalize(f @ f.t(), dim=1)


def pair_distances(f):
    f = f.flatten(1)
    d = torch.sqrt(((f[:, None] - f[None]) ** 2).sum(-1).clamp(min=1e-12))
    n = f.shape[0]
    off = d * (1 - torch.eye(n))
    return off / (off.sum() / (n * (n - 1)))


def angles(f):
    f = f.flatten(1)
    e = F.normalize(f[None] - f[:, None], dim=2)
    return e @ e.transpose(1, 2)


def huber(a, b):
    return F.smooth_l1_loss(a, b)


z, t = 2 * torch.randn(5, 7), 2 * torch.randn(5, 7)
labels = torch.tensor([3, 0, 6, 2, 2])
tokens = torch.randn(2, 3, 7), torch.randn(2, 3, 7)
maps = torch.randn(3, 4, 6, 6), torch.randn(3, 5, 6, 6)
half = torch.randn(3, 4, 6, 6), torch.randn(3, 5, 3, 3)
same = torch.randn(3, 4, 4, 4), torch.randn(3, 4, 4, 4)
states = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
scores = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
heads = torch.randn(2, 2, 4, 4), torch.randn(2, 3, 4, 4)

cases = [
    case("softTargets", {}, z, t, lambda s, t: 16 * kl(s, t, 4)),
    case("softTargets", {"temperature": 2, "scaling": "none"}, z, t, lambda s, t: kl(s, t, 2)),
    case("softTargets", {"temperature": 3, "reduction": "element"}, z, t, lambda s, t: 9 * kl(s, t, 3, "mean")),
    case("softTargets", {"temperature": 2, "divergence": "reverse"}, z, t, lambda s, t: 4 * F.kl_div(F.log_softmax(t / 2, -1), F.log_softmax(s / 2, -1), log_target=True, reduction="batchmean")),
    case("softTargets", {"temperature": 1, "divergence": 0.3}, z, t, lambda s, t: jensen_shannon(s, t, 1, 0.3)),
    case("softTargets", {"temperature": 2, "standardize": True}, z, t, lambda s, t: 4 * kl(standard(s), standard(t), 2)),
    case("softTargets", {"temperature": 1}, *tokens, lambda s, t: kl(s.flatten(0, 1), t.flatten(0, 1), 1)),
    case("hardTargets", {}, z, t, lambda s, t: F.cross_entropy(s, t.argmax(1))),
    case("matchLogits", {}, z, t, lambda s, t: F.mse_loss(s, t)),
    case("decoupled", {}, z, t, lambda s, t: decoupled(s, t, labels, 4, 1, 8), labels),
    case("decoupled", {"temperature": 2, "alpha": 0.5, "beta": 2}, z, t, lambda s, t: decoupled(s, t, labels, 2, 0.5, 2), labels),
    case("correlation", {}, z, t, lambda s, t: dist(s, t, 1, 1, 1)),
    case("correlation", {"temperature": 4, "inter": 2, "intra": 0.5}, z, t, lambda s, t: dist(s, t, 4, 2, 0.5)),
    case("hint", {}, *same, lambda s, t: F.mse_loss(s, t)),
    case("hint", {"reduction": "paper"}, *states, lambda s, t: 0.5 * (s - t).pow(2).sum() / s.shape[0]),
    case("attentionTransfer", {}, *maps, lambda s, t: (attention_map(s) - attention_map(t)).norm(dim=1).mean()),
    case("attentionTransfer", {"mode": "code"}, *half, lambda s, t: (attention_map(F.avg_pool2d(s, 2)) - attention_map(t)).pow(2).mean()),
    case("hiddenCosine", {}, *states, lambda s, t: 1 - F.cosine_similarity(s, t, dim=-1).mean()),
    case("attentionMaps", {}, *scores, lambda s, t: F.mse_loss(s, t)),
    case("attentionMaps", {}, *heads, lambda s, t: F.mse_loss(s.mean(1), t.mean(1))),
    case("similarity", {}, *maps, lambda s, t: (gram(s) - gram(t)).pow(2).sum() / s.shape[0] ** 2),
    case("relational", {"angle": 0}, *maps, lambda s, t: 25 * huber(pair_distances(s), pair_distances(t))),
    case("relational", {}, *maps, lambda s, t: 25 * huber(pair_distances(s), pair_distances(t)) + 50 * huber(angles(s), angles(t))),
]
print("[")
print(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
print("]")
