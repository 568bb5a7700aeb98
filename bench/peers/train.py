"""Trains the models of torch_models.py on request: one JSON line in, one out. For bench/train-*.ts.

{"load": name, "file": path, "optimizer": {"name": "sgd"|"adamw", "lr": x, "momentum": x}, "threads": n}
  the file holds the parameters and batches "batch/<i>/<input>"
{"steps": [batch numbers], "lr": [rates] or null}  ->  {"ms": [...], "losses": [...]}
{"accuracy": [batch numbers]}  ->  {"accuracy": x}
"""

import inspect
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

from torch_models import MODELS, is_parameter, read_tensors


class Server:
    def load(self, request):
        torch.set_num_threads(request.get("threads", 2))
        tensors = read_tensors(request["file"])
        self.batches = {}
        self.params = {}
        for key, value in tensors.items():
            if key.startswith("batch/"):
                _, number, name = key.split("/")
                self.batches.setdefault(int(number), {})[name] = value
            else:
                self.params[key] = value.requires_grad_() if is_parameter(key, value) else value
        trained = [p for p in self.params.values() if p.requires_grad]
        o = request["optimizer"]
        self.optimizer = torch.optim.SGD(trained, lr=o["lr"], momentum=o.get("momentum", 0.0)) if o["name"] == "sgd" else torch.optim.AdamW(trained, lr=o["lr"], weight_decay=0.0)
        self.model = MODELS[request["load"]]
        return {"parameters": sum(p.numel() for p in trained), "torch": torch.__version__}

    def step(self, number, lr):
        batch = dict(self.batches[number])
        labels = batch.pop("labels")
        if lr is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = lr
        begin = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(self.params, **batch), labels)
        loss.backward()
        self.optimizer.step()
        return (time.perf_counter() - begin) * 1000, float(loss.detach())

    def steps(self, request):
        rates = request.get("lr") or [None] * len(request["steps"])
        rows = [self.step(n, lr) for n, lr in zip(request["steps"], rates)]
        return {"ms": [r[0] for r in rows], "losses": [r[1] for r in rows], "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}

    def accuracy(self, request):
        right = total = 0
        inference = {"training": False} if "training" in inspect.signature(self.model).parameters else {}
        with torch.no_grad():
            for number in request["accuracy"]:
                batch = dict(self.batches[number])
                labels = batch.pop("labels")
                right += int((self.model(self.params, **batch, **inference).argmax(1) == labels).sum())
                total += len(labels)
        return {"accuracy": right / total}


if __name__ == "__main__":
    server = Server()
    for line in sys.stdin:
        request = json.loads(line)
        answer = server.load if "load" in request else server.accuracy if "accuracy" in request else server.steps
        print(json.dumps(answer(request)), flush=True)
