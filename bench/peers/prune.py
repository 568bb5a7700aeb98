"""Torch-Pruning on the ResNet-20 of bench/prune-fashion.ts: one JSON line in, one out. For bench/prune-peer.ts.

{"file": path, "ratio": x, "scope": "group"|"global"}  ->  {"accuracy": x, "batchNorm": x, "macs": n, "parameters": n, "widths": [...], "version": x}
  the file holds the parameters, "images" [N, 1, 28, 28], "labels" [N], and "samples" [B, 32, 1, 28, 28], from which the statistics of
  BatchNorm are measured again for "batchNorm" (Torch-Pruning has no such step; PyTorch's own training mode does it)
"""

import json
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch_pruning as tp

from torch_models import read_tensors


DATA = ("images", "labels", "samples")


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.down = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downbn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downbn(self.down(x)) if self.projects else x))


class ResNet20(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage in range(3):
            outputs = width << stage
            inputs = outputs if stage == 0 else outputs // 2
            blocks = [Block(inputs if i == 0 else outputs, outputs, 2 if stage > 0 and i == 0 else 1) for i in range(3)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def network(tensors):
    model = ResNet20(tensors["conv1.weight"].shape[0])
    missing, unknown = model.load_state_dict({k: v for k, v in tensors.items() if k not in DATA}, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert not missing and not unknown, (missing, unknown)
    return model.eval()


@torch.no_grad()
def accuracy(model, images, labels):
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in zip(images.split(500), labels.split(500)))
    return right / len(labels)


@torch.no_grad()
def estimate_batch_norm(model, samples):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain average over the batches
    model.train()
    for batch in samples:
        model(batch)
    model.eval()


def answer(request):
    tensors = read_tensors(request["file"])
    model = network(tensors)
    example = tensors["images"][:1]
    if request["ratio"] > 0:
        # 2-norm, mean over the group, normalised by the mean: what bench/prune-peer.ts asks of Lathe.
        pruner = tp.pruner.BasePruner(
            model, example, importance=tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer="mean"),
            pruning_ratio=request["ratio"], global_pruning=request["scope"] == "global", max_pruning_ratio=0.8, ignored_layers=[model.fc],
        )
        pruner.step()
    macs, parameters = tp.utils.count_ops_and_params(model, example)
    widths = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
    before = accuracy(model, tensors["images"], tensors["labels"])
    if request["ratio"] > 0:
        estimate_batch_norm(model, tensors["samples"])
    after = accuracy(model, tensors["images"], tensors["labels"])
    return {"accuracy": before, "batchNorm": after, "macs": macs, "parameters": parameters, "widths": widths, "version": tp.__version__, "torch": torch.__version__}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
