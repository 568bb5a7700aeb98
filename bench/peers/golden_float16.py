"""Converts real models to float16 with onnxruntime's tool and writes digests of the weights to fixtures/quantize/float16.json.gz.

Peer only: nothing that ships and no test needs Python. Usage: python bench/peers/golden_float16.py FOLDER GENERATED
FOLDER and the models are those of golden_models.py; GENERATED is what generated-graphs.ts wrote. `Constant` nodes become initializers of the same name first; inputs and outputs
stay float32; everything else is the tool's default. A model that the tool cannot convert is listed under `failed` with its words.
"""

import hashlib
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from golden_io import initializers, save
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16, convert_np_to_float16

MODELS = """fashion-mobilenet mnist-lenet fashion-vit ch_ppocr_mobile_v2.0_cls_infer ch_PP-OCRv4_rec_infer ch_PP-OCRv4_det_infer mlsd_320x320_tiny
mlsd_320x320_large mlsd_512x512_tiny mlsd_512x512_large silero_vad_v5 silero_vad_v6""".split()
ABOUT = {"tool": f"onnxruntime {onnxruntime.__version__}", "onnx": onnx.__version__, "numpy": np.__version__}


def lift_constants(graph):
    """Turns Constant nodes that hold a tensor into initializers named after their output, in subgraphs too."""
    kept = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                lift_constants(attribute.g)
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        if node.op_type != "Constant" or value is None:
            kept.append(node)
            continue
        made = graph.initializer.add()
        made.CopyFrom(value)
        made.name = node.output[0]
    del graph.node[:]
    graph.node.extend(kept)


def digest(tensor):
    """[type, dims, value] for one element, else [type, dims, first 16 digits of SHA-256]."""
    values = numpy_helper.to_array(tensor)
    kind = TensorProto.DataType.Name(tensor.data_type)
    if values.size == 1:
        value = float(values.reshape(-1)[0])
        return [kind, list(tensor.dims), value if np.isfinite(value) else str(value)]
    return [kind, list(tensor.dims), hashlib.sha256(values.tobytes()).hexdigest()[:16]]


def convert(path):
    model = onnx.load(path)
    lift_constants(model.graph)
    floats = {t.name for t in initializers(model.graph) if t.data_type == TensorProto.FLOAT}
    made = convert_float_to_float16(model, keep_io_types=True)
    return {t.name: digest(t) for t in initializers(made.graph) if t.name in floats}


def rule():
    """The rule for values, probed around the ends of the range."""
    ends = np.array([0, 2.9e-8, 2.98023223876953125e-8, 2.99e-8, 5.9e-8, 5.96e-8, 5.9604645e-8, 6.1e-5, 65503, 65504, 65505, 65519, 65520, 1e10, 3.4e38, np.inf], np.float32)
    values = np.concatenate([ends, -ends, np.random.default_rng(9).normal(size=2000).astype(np.float32) * np.float32(10.0) ** np.random.default_rng(10).integers(-9, 7, 2000)]).astype(np.float32)
    codes = convert_np_to_float16(values)
    return {"values": values.view(np.uint32).tolist(), "codes": codes.view(np.uint16).tolist()}


if __name__ == "__main__":
    models, failed = {}, {}
    for name in MODELS:
        path = os.path.join(sys.argv[1], f"{name}.onnx")
        if not os.path.exists(path):
            print("missing", path)
            continue
        try:
            models[name] = convert(path)
        except Exception as error:  # the tool's failures are findings
            failed[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    generated = []
    while os.path.exists(path := os.path.join(sys.argv[2], f"{len(generated)}.onnx")):
        try:
            generated.append(convert(path))
        except Exception as error:
            generated.append({"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]})
    save("float16", {"about": ABOUT, "rule": rule(), "models": models, "failed": failed, "generated": generated})
    print(json.dumps({"models": {k: len(v) for k, v in models.items()}, "failed": failed}, indent=1))
