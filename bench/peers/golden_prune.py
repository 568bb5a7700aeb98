"""Golden vectors for packages/prune: masks of torch.nn.utils.prune, a schedule over 1,000 steps, Wanda and SparseGPT on generated layers.

python bench/peers/golden_prune.py   # writes fixtures/prune/*.json.gz, see the README there
Masks come from torch itself. The schedule, Wanda and SparseGPT are written here after their papers, in float64, one column at a time.
"""

import os

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

import golden_io
from golden_io import array, save

golden_io.OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "prune")


def bits(mask):
    return "".join("1" if m else "0" for m in np.asarray(mask).ravel())


def layer(shape, seed):
    torch.manual_seed(seed)
    m = nn.Conv2d(shape[1], shape[0], shape[2:], bias=False) if len(shape) == 4 else nn.Linear(shape[1], shape[0], bias=False)
    with torch.no_grad():
        m.weight.normal_()
    return m


def torch_masks():
    cases = []
    shapes = [(8, 6), (5, 3, 3, 3), (16, 4, 1, 1), (7, 9)]
    amounts = [0.0, 0.1, 0.25, 0.5, 0.55, 0.9, 1, 5]
    for i, shape in enumerate(shapes):
        weight = array(layer(shape, i).weight.detach().numpy())
        for amount in amounts:
            m = layer(shape, i)
            prune.l1_unstructured(m, "weight", amount)
            cases.append(dict(method="l1", weight=weight, amount=amount, count=isinstance(amount, int), masks=[bits(m.weight_mask)]))
        for first, second in [(0.3, 0.5), (0.25, 7), (4, 0.35)]:
            m = layer(shape, i)
            prune.l1_unstructured(m, "weight", first)
            one = bits(m.weight_mask)
            prune.l1_unstructured(m, "weight", second)
            cases.append(dict(method="l1", weight=weight, amount=first, then=second, masks=[one, bits(m.weight_mask)]))
        for dim in (0, 1):
            for n in (1, 2, float("inf")):
                for amount in (0.25, 0.5, 2):
                    if isinstance(amount, int) and amount > shape[dim]:
                        continue
                    m = layer(shape, i)
                    prune.ln_structured(m, "weight", amount, n, dim)
                    cases.append(dict(method="ln", weight=weight, amount=amount, count=isinstance(amount, int), n="inf" if n == float("inf") else n, dim=dim, masks=[bits(m.weight_mask)]))
        for amount in (0.15, 0.5, 3):
            m = layer(shape, i)
            prune.random_unstructured(m, "weight", amount)
            cases.append(dict(method="random", weight=weight, amount=amount, count=isinstance(amount, int), zeros=int((m.weight_mask == 0).sum()), masks=[]))
    for amount in (0.1, 0.5, 0.83, 20):
        layers = [layer(shape, i) for i, shape in enumerate(shapes)]
        prune.global_unstructured([(m, "weight") for m in layers], pruning_method=prune.L1Unstructured, amount=amount)
        cases.append(dict(method="global", weights=[array(layer(s, i).weight.detach().numpy()) for i, s in enumerate(shapes)], amount=amount, count=isinstance(amount, int), masks=[bits(m.weight_mask) for m in layers]))
    return cases


def schedules():
    out = []
    for initial, final, begin, end, power in [(0.2, 0.8, 2000, 6000, 3), (0.0, 0.9, 0, 1000, 3), (0.5, 0.75, 100, 900, 1), (0.1, 0.6, 50, 5000, 2)]:
        steps = np.linspace(0, end + 500, 1000).astype(np.int64)
        p = np.clip((steps - begin) / (end - begin), 0, 1)
        value = final + (initial - final) * (1 - p) ** power
        update = (steps >= begin) & (steps <= end) & ((steps - begin) % 100 == 0)
        out.append(dict(initial=initial, final=final, begin=begin, end=end, power=power, steps=steps.tolist(), sparsity=value.tolist(), updates=bits(update)))
    return out


def wanda(w, x, sparsity, pattern):
    score = np.abs(w) * np.sqrt((x**2).sum(0))
    mask = np.ones_like(w, bool)
    rows, cols = w.shape
    if pattern:
        n, m = pattern
        for r in range(rows):
            for c in range(0, cols, m):
                drop = np.argsort(score[r, c : c + m], kind="stable")[: m - n]
                mask[r, c + drop] = False
        return mask
    k = int(cols * sparsity)
    for r in range(rows):
        mask[r, np.argsort(score[r], kind="stable")[:k]] = False
    return mask


def sparsegpt(w, x, sparsity, pattern, block=128, damp=0.01):
    w, (rows, cols) = w.copy(), w.shape
    h = 2 / len(x) * x.T @ x
    dead = np.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    h += damp * np.mean(np.diag(h)) * np.eye(cols)
    u = np.linalg.cholesky(np.linalg.inv(h)).T
    for start in range(0, cols, block):
        end = min(start + block, cols)
        drop = np.zeros((rows, end - start), bool)
        if not pattern:
            score = (w[:, start:end] / np.diag(u)[start:end]) ** 2
            k = int(score.size * sparsity)
            order = np.argsort(score, axis=None, kind="stable")[:k]
            drop.ravel()[order] = True
        errors = np.zeros((rows, end - start))
        for j in range(start, end):
            if pattern and (j - start) % pattern[1] == 0:
                n, m = pattern
                score = (w[:, j : j + m] / np.diag(u)[j : j + m]) ** 2
                for r in range(rows):
                    drop[r, j - start + np.argsort(score[r], kind="stable")[: m - n]] = True
            q = np.where(drop[:, j - start], 0, w[:, j])
            e = (w[:, j] - q) / u[j, j]
            w[:, j:end] -= np.outer(e, u[j, j:end])
            w[:, j] = q
            errors[:, j - start] = e
        w[:, end:] -= errors @ u[start:end, end:]
    return w


def one_shot():
    rng = np.random.default_rng(0)
    cases = []
    for rows, cols, tokens in [(6, 16, 64), (8, 40, 100), (3, 136, 150), (5, 24, 12)]:
        mix = rng.normal(size=(cols, cols)) / np.sqrt(cols) + np.eye(cols)
        x = (rng.normal(size=(tokens, cols)) @ mix * rng.uniform(0.2, 3, cols)).astype(np.float32)
        if cols == 24:
            x[:, 3] = 0
        w = rng.normal(size=(rows, cols)).astype(np.float32)
        results = []
        for sparsity, pattern in [(0.5, None), (0.7, None), (0.5, (2, 4)), (0.5, (4, 8))]:
            wd, xd = w.astype(np.float64), x.astype(np.float64)
            results.append(dict(sparsity=sparsity, pattern=pattern, wanda=bits(wanda(wd, xd, sparsity, pattern)), sparsegpt=array(sparsegpt(wd, xd, sparsity, pattern).astype(np.float32))))
        cases.append(dict(weight=array(w), x=array(x), results=results))
    return cases


save("torch-masks", torch_masks())
save("schedules", schedules())
save("one-shot", one_shot())
