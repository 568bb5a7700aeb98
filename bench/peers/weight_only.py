"""Times onnxruntime's weight-only quantizers on one 4096 x 4096 float32 weight. Prints one JSON line.

Peer only. Usage: python bench/peers/weight_only.py
Times are CPU seconds of this process on all threads, like those of bench/weight-only.ts.
"""

import json
import logging
import time

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    KQuantWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
    RTNWeightOnlyQuantConfig,
)

logging.disable(logging.CRITICAL)
SIDE = 4096
i = np.arange(SIDE * SIDE, dtype=np.float64)
weight = (np.sin(i * 12.9898) * 0.05 * (1 + i % 7)).astype(np.float32).reshape(SIDE, SIDE)


def model():
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, SIDE])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def seconds(config, rounds, **options):
    best = (1e9, 1e9)
    for _ in range(rounds):
        quantizer = MatMulNBitsQuantizer(model(), algo_config=config, **options)
        wall, cpu = time.perf_counter(), time.process_time()
        quantizer.process()
        best = min(best, (time.process_time() - cpu, time.perf_counter() - wall))
    return {"cpu": round(best[0], 3), "wall": round(best[1], 3), "millionWeightsPerSecond": round(weight.size / best[0] / 1e6, 1)}


print(json.dumps({
    "q4 default symmetric": seconds(DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=True), 5),
    "q4 rtn symmetric": seconds(RTNWeightOnlyQuantConfig(), 2, block_size=32, is_symmetric=True),
    "q4 k-quant": seconds(KQuantWeightOnlyQuantConfig(), 1, block_size=32, is_symmetric=False),
}))
