"""Quantizes real models with onnxruntime's Python tools and writes digests of what came out to fixtures/quantize/models.

Peer only: nothing that ships and no test needs Python. Usage: python bench/peers/golden_models.py FOLDER
FOLDER holds the model files named in MODELS (those missing are skipped, with a word). For the sources see fixtures/quantize/README.md.

Both sides must start from the same graph and the same ranges, so:
- `Constant` nodes become initializers of the same name, in subgraphs too;
- models below opset 13 are converted to 13 (per-channel DequantizeLinear needs it);
- nothing else: no folding, no renaming; shape inference is the tool's own;
- activation ranges come from one run on random inputs and are part of the file (MinMax), so no result depends on data.
"""

import copy
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
from onnx import AttributeProto, TensorProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

logging.disable(logging.CRITICAL)
ABOUT = {"tool": f"onnxruntime {onnxruntime.__version__}", "onnx": onnx.__version__, "numpy": np.__version__}
U8, S8, U16 = QuantType.QUInt8, QuantType.QInt8, QuantType.QUInt16

MODELS = {
    "fashion-mobilenet": {"image": (8, 1, 28, 28)},
    "mnist-lenet": {"image": (8, 1, 28, 28)},
    "fashion-vit": {"image": (8, 1, 28, 28)},
    "ch_ppocr_mobile_v2.0_cls_infer": {"x": (2, 3, 48, 192)},
    "ch_PP-OCRv4_rec_infer": {"x": (1, 3, 48, 320)},
    "ch_PP-OCRv4_det_infer": {"x": (1, 3, 320, 320)},
    "mlsd_320x320_tiny": {"input_image_with_alpha:0": (1, 320, 320, 4)},
    "mlsd_320x320_large": {"input_image_with_alpha:0": (1, 320, 320, 4)},
    "mlsd_512x512_tiny": {"input_image_with_alpha:0": (1, 512, 512, 4)},
    "mlsd_512x512_large": {"input_image_with_alpha:0": (1, 512, 512, 4)},
    "silero_vad_v6": None,
    "silero_vad_v5": None,  # weights inside If: the static tool leaves them alone
}

STATIC = {
    "static u8s8 per channel": {"activation_type": U8, "weight_type": S8, "per_channel": True},
    "static s8s8 per tensor": {"activation_type": S8, "weight_type": S8},
    "static u8u8 per channel, reduced range": {"activation_type": U8, "weight_type": U8, "per_channel": True, "reduce_range": True},
    "static s8s8 per channel, symmetric": {"activation_type": S8, "weight_type": S8, "per_channel": True, "extra_options": {"ActivationSymmetric": True}},
}
STATIC_SMALL = {
    "static u16s8 per channel": {"activation_type": U16, "weight_type": S8, "per_channel": True},
    "static u8s8 per channel, QOperator": {"activation_type": U8, "weight_type": S8, "per_channel": True, "quant_format": QuantFormat.QOperator},
}
DYNAMIC = {
    "dynamic s8 per tensor": {"weight_type": S8},
    "dynamic u8 per tensor": {"weight_type": U8},
    "dynamic s8 per channel, reduced range": {"weight_type": S8, "per_channel": True, "reduce_range": True},
}
SMALL = {"fashion-mobilenet", "mnist-lenet"}


def subgraphs(node):
    return [(a.name, a.g) for a in node.attribute if a.type == AttributeProto.GRAPH]


def lift_constants(graph):
    """Turns Constant nodes into initializers named after their output."""
    kept = []
    for node in graph.node:
        for _, inner in subgraphs(node):
            lift_constants(inner)
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        if node.op_type != "Constant" or value is None:
            kept.append(node)
            continue
        graph.initializer.add().CopyFrom(value)
        graph.initializer[-1].name = node.output[0]
    del graph.node[:]
    graph.node.extend(kept)


def prepare(path):
    model = onnx.load(path)
    lift_constants(model.graph)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset < 13:
        model = onnx.version_converter.convert_version(model, 13)
        lift_constants(model.graph)  # the converter adds some
    return model


class OneRun(CalibrationDataReader):
    def __init__(self, shapes):
        rng = np.random.default_rng(0)
        self.rows = iter([{name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}])

    def get_next(self):
        return next(self.rows, None)


def initializers(graph, path=""):
    """Every initializer, keyed by name; inside a subgraph by `<first output of the node>.<attribute>/<name>`."""
    for tensor in graph.initializer:
        yield path + tensor.name, tensor
    for node in graph.node:
        for name, inner in subgraphs(node):
            yield from initializers(inner, f"{path}{node.output[0]}.{name}/")


def all_nodes(graph):
    for node in graph.node:
        yield node
        for _, inner in subgraphs(node):
            yield from all_nodes(inner)


def digest(tensor):
    """[type, dims, value] for one element, else [type, dims, first 16 hex digits of SHA-256 of the ONNX raw_data bytes]."""
    kind = TensorProto.DataType.Name(tensor.data_type)
    values = numpy_helper.to_array(tensor)
    if values.size == 1:
        return [kind, list(tensor.dims), values.ravel()[0].item()]
    return [kind, list(tensor.dims), hashlib.sha256(numpy_helper.from_array(values).raw_data).hexdigest()[:16]]


def plain(options):
    return {k: getattr(v, "name", v) for k, v in options.items()}


def describe(name, options, source, path, nodes):
    model = onnx.load(path)
    before = dict(initializers(source.graph))
    made = {key: digest(tensor) for key, tensor in initializers(model.graph) if key not in before}
    gone = {key for key in before} - {key for key, _ in initializers(model.graph)}
    counts = Counter(f"{n.domain}.{n.op_type}" if n.domain not in ("", "ai.onnx") else n.op_type for n in all_nodes(model.graph))
    opset = {o.domain or "ai.onnx": o.version for o in model.opset_import}
    run = {"name": name, "options": plain(options), "opset": opset, "bytes": os.path.getsize(path), "nodes": dict(sorted(counts.items()))}
    run |= {"made": dict(sorted(made.items())), "removed": sorted(gone)}
    if nodes:
        run["graph"] = [[n.op_type, list(n.input), list(n.output)] for n in model.graph.node]
    return run


def quantize_all(name, shapes, source, folder):
    clean, out, cache = (os.path.join(folder, f) for f in ("in.onnx", "out.onnx", "ranges.json"))
    onnx.save(source, clean)
    runs, ranges = [], {}
    static = {} if shapes is None else STATIC | (STATIC_SMALL if name in SMALL else {})
    for title, options in static.items():
        quantize_static(clean, out, OneRun(shapes), calibration_cache_path=cache, **options)
        runs.append(describe(title, options, source, out, name in SMALL))
    if static:
        with open(cache) as file:
            cached = json.load(file)
        ranges = {key: [bound(value["lowest"]), bound(value["highest"])] for key, value in sorted(cached["data"].items())}
    for title, options in DYNAMIC.items():
        if shapes is None:
            options = {**options, "extra_options": {"EnableSubgraph": True}}
        quantize_dynamic(clean, out, **copy.deepcopy(options))  # the tool adds its defaults to extra_options
        runs.append(describe(title, options, source, out, name in SMALL))
    return {"ranges": ranges, "runs": runs}


def bound(value):
    """A float32 of the tool's JSON cache as the equal double."""
    data = value["data"] if isinstance(value, dict) else value
    return float(np.float32(np.asarray(data).ravel()[0]))


def main(folder):
    for name, shapes in MODELS.items():
        path = os.path.join(folder, f"{name}.onnx")
        if not os.path.exists(path):
            print("skipped, no file:", path)
            continue
        with open(path, "rb") as file:
            content = file.read()
        about = {"file": f"{name}.onnx", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        with tempfile.TemporaryDirectory() as scratch:
            made = quantize_all(name, shapes, prepare(path), scratch)
        save(f"models/{name}", {"about": ABOUT, "model": about, "inputs": shapes and {k: list(v) for k, v in shapes.items()}, **made})


main(sys.argv[1])
