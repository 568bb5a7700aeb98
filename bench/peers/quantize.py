"""Quantizes one model with onnxruntime's Python tools, for bench/quantize-*.ts.

Peer only. Usage: python bench/peers/quantize.py MODEL OUT SETTING SAMPLES.npz
Arrays in the npz are named `<sample>/<input>`. Prints {"peakMb", "cpuMs"}: peak resident memory and processor time of the process.
"""

import json
import logging
import os
import resource
import sys
import tempfile

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.disable(logging.CRITICAL)
U8, S8 = QuantType.QUInt8, QuantType.QInt8

STATIC = {
    "static s8s8 (default)": {},
    "static u8s8": {"activation_type": U8, "weight_type": S8},
    "static u8s8 per channel": {"activation_type": U8, "weight_type": S8, "per_channel": True},
    "static entropy": {"activation_type": U8, "weight_type": S8, "per_channel": True, "calibrate_method": CalibrationMethod.Entropy, "extra_options": {"CalibNumBins": 2048}},
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


def main(source, out, setting, samples):
    plain, _, pre = setting.partition(", pre-processed")
    with tempfile.TemporaryDirectory() as scratch:
        if setting != plain or pre:
            clean = os.path.join(scratch, "clean.onnx")
            quant_pre_process(source, clean, skip_symbolic_shape=True)
            source = clean
        if plain in STATIC:
            quantize_static(source, out, Reader(samples), **STATIC[plain])
        else:
            quantize_dynamic(source, out, **DYNAMIC[plain])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"peakMb": usage.ru_maxrss / 1024, "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000}))


main(*sys.argv[1:])
