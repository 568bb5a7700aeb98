"""Quantizes the weights of real and generated models with onnxruntime's MatMulNBitsQuantizer; digests go to fixtures/quantize/weight-only.json.gz.

Peer only: nothing that ships and no test needs Python. Usage: python bench/peers/golden_weight_only.py FOLDER GENERATED
FOLDER and GENERATED as for golden_float16.py. Constants are lifted first. Runs: blocks of 32, 4 bits, symmetric and not, algorithm default;
8 bits default; 4 bits rtn, symmetric. Each run maps a new initializer to the first 12 digits of SHA-256 over `<type>[<dims>]` and its bytes.
"""

import hashlib
import json
import logging
import os
import sys

import numpy as np
import onnx
import onnxruntime
from golden_float16 import MODELS, lift_constants
from golden_io import initializers, save
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer, RTNWeightOnlyQuantConfig

logging.disable(logging.CRITICAL)
ABOUT = {"tool": f"onnxruntime {onnxruntime.__version__}", "onnx": onnx.__version__, "numpy": np.__version__}
RUNS = {
    "symmetric": lambda: {"algo_config": DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=True, bits=4)},
    "asymmetric": lambda: {"algo_config": DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=False, bits=4)},
    "8 bits": lambda: {"algo_config": DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=True, bits=8)},
    "rtn": lambda: {"algo_config": RTNWeightOnlyQuantConfig(), "block_size": 32, "is_symmetric": True},
}


def digest(tensor):
    raw = numpy_helper.to_array(tensor).tobytes()
    return hashlib.sha256(f"{TensorProto.DataType.Name(tensor.data_type)}{list(tensor.dims)}".encode() + raw).hexdigest()[:12]


def convert(path):
    found = {}
    for name, options in RUNS.items():
        model = onnx.load(path)
        lift_constants(model.graph)
        before = {t.name for t in initializers(model.graph)}
        try:
            quantizer = MatMulNBitsQuantizer(model, **options())
            quantizer.process()
            made = getattr(quantizer.model, "model", quantizer.model)
            found[name] = {t.name: digest(t) for t in initializers(made.graph) if t.name not in before}
        except Exception as error:  # the tool's failures are findings
            found[name] = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
    return found


if __name__ == "__main__":
    paths = {name: os.path.join(sys.argv[1], f"{name}.onnx") for name in MODELS}
    models = {name: convert(path) for name, path in paths.items() if os.path.exists(path)}
    generated = []
    while os.path.exists(path := os.path.join(sys.argv[2], f"{len(generated)}.onnx")):
        generated.append(convert(path))
    save("weight-only", {"about": ABOUT, "models": models, "generated": generated})
    print(json.dumps({name: {run: len(made) for run, made in runs.items()} for name, runs in models.items()}))
    print("errors", sum("error" in made for runs in [*models.values(), *generated] for made in runs.values()))
