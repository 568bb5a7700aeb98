"""Writes fixtures/train/ctc.json.gz: losses and gradients of torch.nn.CTCLoss over log_softmax, in float64. Run from the root."""

import base64
import gzip
import json

import torch

CASES = [
    # T, N, classes, L, label lengths, input lengths, blank, reduction, repeated labels, zero_infinity
    (6, 2, 5, 3, [3, 2], None, 0, "mean", False, False),
    (12, 4, 7, 5, [5, 1, 3, 4], None, 0, "mean", True, False),
    (12, 4, 7, 5, [5, 1, 3, 4], [12, 4, 9, 11], 0, "mean", True, False),
    (10, 3, 6, 4, [4, 4, 2], [10, 8, 10], 5, "sum", True, False),
    (7, 3, 4, 3, [3, 0, 2], None, 0, "mean", False, False),
    (4, 3, 4, 4, [4, 2, 3], [4, 4, 2], 0, "mean", True, True),
    (40, 2, 30, 25, [25, 11], None, 0, "mean", False, False),
    (1, 2, 3, 1, [1, 1], None, 0, "sum", False, False),
]


def pack(tensor):
    return {"dtype": "float32", "shape": list(tensor.shape), "data": base64.b64encode(tensor.to(torch.float32).numpy().tobytes()).decode()}


rows = []
for number, (steps, batch, classes, count, lengths, inputs, blank, reduction, repeats, zero) in enumerate(CASES):
    generator = torch.Generator().manual_seed(number)
    logits = (torch.randn(batch, steps, classes, generator=generator) * 2).to(torch.float32).to(torch.float64).requires_grad_()
    others = [c for c in range(classes) if c != blank]
    labels = torch.tensor(others)[torch.randint(len(others), (batch, count), generator=generator)]
    if repeats:
        labels[:, 1] = labels[:, 0]
    loss = torch.nn.CTCLoss(blank=blank, reduction=reduction, zero_infinity=zero)(
        logits.log_softmax(-1).transpose(0, 1), labels, torch.tensor(inputs or [steps] * batch), torch.tensor(lengths))
    loss.backward()
    rows.append({"blank": blank, "reduction": reduction, "zeroInfinity": zero, "labels": labels.tolist(), "labelLengths": lengths, "inputLengths": inputs,
                 "logits": pack(logits.detach()), "loss": loss.item(), "gradient": pack(logits.grad)})
with gzip.GzipFile("fixtures/train/ctc.json.gz", "wb", mtime=0) as file:
    file.write(json.dumps(rows, separators=(",", ":")).encode())
