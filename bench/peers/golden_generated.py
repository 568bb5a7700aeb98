"""Quantizes the random graphs that generated-graphs.ts wrote with onnxruntime's Python tools; digests go to fixtures/quantize/generated.

Peer only: nothing that ships and no test needs Python. Usage: python bench/peers/golden_generated.py FOLDER
Each row: node counts of the static and of the dynamic result, and a digest over all new initializers (name, type, dims, bytes).
A run that the tool refuses is a row with its error.
"""

import copy
import glob
import hashlib
import json
import logging
import os
import sys
import tempfile
from collections import Counter

import numpy as np
import onnx
import onnxruntime
from golden_io import save
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static

logging.disable(logging.CRITICAL)


def digest(tensor):
    kind = TensorProto.DataType.Name(tensor.data_type)
    values = numpy_helper.to_array(tensor)
    raw = numpy_helper.from_array(values).raw_data if values.size else b""
    return hashlib.sha256(f"{kind}{list(tensor.dims)}".encode() + raw).hexdigest()[:12]


def describe(before, path):
    model = onnx.load(path)
    made = {t.name: digest(t) for t in model.graph.initializer if t.name not in before}
    counts = Counter(f"{n.domain}.{n.op_type}" if n.domain not in ("", "ai.onnx") else n.op_type for n in model.graph.node)
    return {"nodes": dict(sorted(counts.items())), "made": dict(sorted(made.items()))}


def typed(overrides):
    """Settings of single tensors with the tool's types for names and lists."""
    for entries in overrides.values():
        for entry in entries:
            for part in (entry, entry.get("convert", {})):
                if "quant_type" in part:
                    part["quant_type"] = getattr(QuantType, part["quant_type"])
                if "recv_nodes" in part:
                    part["recv_nodes"] = set(part["recv_nodes"])
                for bound in ("rmin", "rmax", "scale"):
                    if bound in part:
                        part[bound] = np.array(part[bound], dtype=np.float32)
                if "zero_point" in part:
                    part["zero_point"] = np.array(part["zero_point"])


def run(folder, seed, out):
    source = os.path.join(folder, f"{seed}.onnx")
    before = {t.name for t in onnx.load(source).graph.initializer}
    with open(os.path.join(folder, f"{seed}.options.json")) as file:
        options = json.load(file)
    static = {k: getattr(QuantType, v) if k.endswith("_type") else v for k, v in options.items()}
    typed(static["extra_options"].get("TensorQuantOverrides", {}))
    row = {}
    try:
        quantize_static(source, out, None, calibration_cache_path=os.path.join(folder, f"{seed}.ranges.json"), **copy.deepcopy(static))
        row["static"] = describe(before, out)
    except Exception as error:  # noqa: BLE001: the row says what happened
        row["static"] = {"error": f"{type(error).__name__}: {error}"[:160]}
    try:
        quantize_dynamic(source, out, weight_type=QuantType.QInt8 if seed % 2 else QuantType.QUInt8, per_channel=seed % 3 == 0, reduce_range=seed % 5 == 0)
        row["dynamic"] = describe(before, out)
    except Exception as error:  # noqa: BLE001
        row["dynamic"] = {"error": f"{type(error).__name__}: {error}"[:160]}
    return row


def main(folder):
    count = len(glob.glob(os.path.join(folder, "*.onnx")))
    with tempfile.TemporaryDirectory() as scratch:
        rows = [run(folder, seed, os.path.join(scratch, "out.onnx")) for seed in range(count)]
    save("generated", {"about": {"tool": f"onnxruntime {onnxruntime.__version__}", "onnx": onnx.__version__, "numpy": np.__version__}, "rows": rows})


main(sys.argv[1])
