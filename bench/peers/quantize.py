"""Quantizes one model with onnxruntime's Python tools, for bench/quantize-*.ts.

Peer only. Usage: python bench/peers/quantize.py MODEL OUT SETTING SAMPLES.npz
Arrays in the npz are named `<sample>/<input>`. Prints {"peakMb", "cpuMs"}: peak resident memory and processor time of the process.
"""

import importlib
import json
import logging
import os
import resource
import sys
import tempfile

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.disable(logging.CRITICAL)
# The package has a function of the same name.
tool = importlib.import_module("onnxruntime.quantization.quantize")
U8, S8 = QuantType.QUInt8, QuantType.QInt8

STATIC = {
    "static s8s8 (default)": {},
    "static u8s8": {"activation_type": U8, "weight_type": S8},
    "static u8s8 per channel": {"activation_type": U8, "weight_type": S8, "per_channel": True},
    "static entropy": {"activation_type": U8, "weight_type": S8, "per_channel": True, "calibrate_method": CalibrationMethod.Entropy},
    "static entropy, searched": {"activation_type": U8, "weight_type": S8, "per_channel": True, "calibrate_method": CalibrationMethod.Entropy},
}
DYNAMIC = {
    "dynamic s8": {"weight_type": S8},
    "dynamic u8": {"weight_type": U8},
    "dynamic s8 products": {"weight_type": S8, "op_types_to_quantize": ["MatMul", "Attention", "LSTM", "Gather"]},
}


class Reader(CalibrationDataReader):
    def __init__(self, path):
        samples = {}
        with np.load(path) as arrays:
            for key in arrays.files:
                index, name = key.split("/", 1)
                samples.setdefault(int(index), {})[name] = arrays[key]
        self.rows = iter([samples[i] for i in sorted(samples)])

    def get_next(self):
        return next(self.rows, None)


def search():
    """quantize_static starts entropy from 128 bins, which leaves one candidate; with 2,048 it searches."""
    plain = tool.create_calibrator
    tool.create_calibrator = lambda *args, extra_options={}, **named: plain(*args, extra_options={**extra_options, "num_bins": 2048}, **named)


def weights(source, out):
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer  # not a cost of the other settings

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(out)


def main(source, out, setting, samples=None):
    plain, _, pre = setting.partition(", pre-processed")
    with tempfile.TemporaryDirectory() as scratch:
        if setting != plain or pre:
            clean = os.path.join(scratch, "clean.onnx")
            quant_pre_process(source, clean, skip_symbolic_shape=True)
            source = clean
        if plain.endswith("searched"):
            search()
        if plain == "weights q4":
            weights(source, out)
        elif plain in STATIC:
            quantize_static(source, out, Reader(samples), **STATIC[plain])
        else:
            quantize_dynamic(source, out, **DYNAMIC[plain])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"peakMb": peak_mb(usage), "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000}))


def peak_mb(usage):
    """Linux counts into ru_maxrss what the parent held when it forked; VmHWM is of this program alone."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return usage.ru_maxrss / 1024


main(*sys.argv[1:])
