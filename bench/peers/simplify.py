"""Optimises a model with onnxscript and prints the time it took. Usage: simplify.py IN.onnx OUT.onnx"""
import json
import sys
import time

import onnx
from onnxscript import optimizer

model = onnx.load(sys.argv[1])
start = time.perf_counter()
optimized = optimizer.optimize(model)
elapsed = (time.perf_counter() - start) * 1000
onnx.save(optimized, sys.argv[2])
print(json.dumps({"ms": elapsed}))
