"""Generates the golden vectors of fixtures/quantize from onnxruntime's Python quantization tools.

Peer only: nothing that ships and no test needs Python. Usage, from anywhere:
    python bench/peers/golden_quantize.py          (onnxruntime 1.30, onnx, onnx_ir, ml_dtypes, numpy)
Every vector comes from calling the tool itself, so the files say what it does, not what we believe it does.
The same seed gives the same files with the same versions of the tools.
"""

import logging

import numpy as np
import onnx
import onnxruntime
from golden_io import array, save
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quant_utils as qu
from onnxruntime.quantization.calibrate import HistogramCollector
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    DefaultWeightOnlyQuantizer,
    KQuantWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
    RTNWeightOnlyQuantConfig,
)
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

logging.getLogger().setLevel(logging.ERROR)
TYPES = ["UINT8", "INT8", "UINT16", "INT16", "UINT4", "INT4"]
ABOUT = {"tool": f"onnxruntime {onnxruntime.__version__}", "onnx": onnx.__version__, "numpy": np.__version__}
F32 = np.float32


def ints(values):
    """Integer results as int32, whatever numpy type (int4 included) the tool used."""
    return np.asarray(values).astype(np.int32)


# ---- scale and zero point -------------------------------------------------------------------------------------------


def range_pairs(rng, count):
    """Range pairs of many magnitudes and signs, with zeros, denormals and ranges around the smallest normal."""
    magnitude = np.exp(rng.uniform(np.log(1e-6), np.log(1e6), (count, 2)))
    pairs = rng.choice([-1.0, 1.0], (count, 2)) * magnitude
    kind = rng.integers(0, 12, count)
    pairs[kind == 0, 0] = 0
    pairs[kind == 1, 1] = 0
    pairs[kind == 2] = 0
    small = kind == 3
    pairs[small] = rng.normal(size=(small.sum(), 2)) * rng.choice([1e-45, 1e-41, 1e-38, 3e-37, 3e-36, 8e-34], (small.sum(), 1))
    near = kind == 4  # zero points on .5 boundaries
    step = rng.integers(1, 510, near.sum()) / 2
    pairs[near] = np.stack([-step, 255 - step], 1) * 2.0 ** rng.integers(-20, 20, (near.sum(), 1))
    pairs = np.sort(pairs.astype(F32), axis=1)
    return pairs[:, 0], pairs[:, 1]


def scale_and_zero_point():
    rng = np.random.default_rng(1)
    count = 10000
    rmin, rmax = range_pairs(rng, count)
    kind, symmetric, reduce = rng.integers(0, 6, count), rng.integers(0, 2, count), rng.integers(0, 2, count)
    floor = np.where(rng.random(count) < 0.1, rng.choice([1e-4, 0.5], count), 0)
    scale, zero = np.zeros(count, F32), np.zeros(count, np.int32)
    for i in range(count):
        low, high = qu.get_qmin_qmax_for_qType(getattr(TensorProto, TYPES[kind[i]]), bool(reduce[i]), bool(symmetric[i]))
        z, s = qu.compute_scale_zp(np.array(rmin[i]), np.array(rmax[i]), low, high, bool(symmetric[i]), floor[i] or None)
        zero[i], scale[i] = int(z), s
    restricted = {"rmin": [], "rmax": [], "minimumRealRange": [], "scale": [], "zeroPoint": []}
    for i in range(1000):
        z, s = qu.snap_zero_point_to_uint8(rmin[i], rmax[i], 0, 255, floor[i] or None)
        for key, value in zip(restricted, (rmin[i], rmax[i], floor[i], s, int(z))):
            restricted[key].append(value)
    save(
        "scale-zero-point",
        {
            "about": ABOUT,
            "types": TYPES,
            "rmin": array(rmin),
            "rmax": array(rmax),
            "type": array(kind.astype(np.uint8)),
            "symmetric": array(symmetric.astype(np.uint8)),
            "reduceRange": array(reduce.astype(np.uint8)),
            "minimumRealRange": array(floor),
            "scale": array(scale),
            "zeroPoint": array(zero),
            "restrictedAsymmetricUint8": {
                "rmin": array(np.array(restricted["rmin"], F32)),
                "rmax": array(np.array(restricted["rmax"], F32)),
                "minimumRealRange": array(np.array(restricted["minimumRealRange"])),
                "scale": array(np.array(restricted["scale"], F32)),
                "zeroPoint": array(np.array(restricted["zeroPoint"], np.int32)),
            },
        },
    )


# ---- weights --------------------------------------------------------------------------------------------------------


def boundary_weight(rng, shape, levels):
    """Multiples of half a step, the extreme on a whole number of steps, so many quotients fall on .5."""
    step = F32(rng.choice([0.25, 3.0, 0.0072, 1.1e-3, 7.77e-5]))
    halves = rng.integers(-2 * levels, 2 * levels + 1, shape)
    weight = (halves.astype(F32) * F32(0.5) * step).astype(F32)
    weight.flat[0] = F32(levels) * step
    return weight


def weight_samples(rng):
    normal = (rng.normal(size=(6, 4, 3, 3)) * 0.2).astype(F32)
    normal[2] = 0  # a pruned channel
    normal[3] = np.abs(normal[3])
    normal[4] *= 1e-30
    yield "conv with a zero channel", normal, 0
    yield "transposed conv", rng.normal(size=(3, 5, 2, 2)).astype(F32), 1
    yield "matmul", (rng.standard_t(3, size=(17, 9)) * 0.05).astype(F32), 1
    yield "one value", np.array([0.3], F32), 0
    yield "denormal", (rng.normal(size=(2, 8)) * 1e-41).astype(F32), 0
    for levels in (7, 64, 127, 128, 255, 32767):
        yield f"halves of 1/{levels}", boundary_weight(rng, (5, 24), levels), 0


def quantize_weight(weight, kind, symmetric, reduce, axis, floor=None):
    """The tool's own steps for an initializer, per tensor (axis None) or per channel."""
    slices = [weight.ravel()] if axis is None else [weight.take(i, axis).ravel() for i in range(weight.shape[axis])]
    pairs = [qu.compute_data_quant_params(part, kind, symmetric, reduce_range=reduce, min_real_range=floor) for part in slices]
    zero, scale = (np.asarray([pair[i] for pair in pairs]) if axis is not None else pairs[0][i] for i in (0, 1))
    tensor = qu.quantize_onnx_initializer(numpy_helper.from_array(weight, "w"), kind, zero, scale, axis)
    return {"scale": array(scale), "zeroPoint": array(ints(zero)), "raw": array(np.frombuffer(tensor.raw_data, np.uint8))}


def weights():
    rng = np.random.default_rng(2)
    samples = []
    for name, weight, channel in weight_samples(rng):
        cases = []
        for type_name in TYPES:
            for symmetric in (True, False):
                for reduce in (True, False):
                    for axis in (None, channel):
                        if axis is not None and not symmetric and weight.ndim == 1:
                            continue
                        case = {"type": type_name, "symmetric": symmetric, "reduceRange": reduce, "axis": axis}
                        cases.append({**case, **quantize_weight(weight, getattr(TensorProto, type_name), symmetric, reduce, axis)})
        samples.append({"name": name, "weight": array(weight), "cases": cases})
    save("weights", {"about": ABOUT, "samples": samples})


def blocked_weights():
    """Opset 21 blocked QuantizeLinear parameters for rank-2 weights (extra option BlockSize)."""
    rng = np.random.default_rng(3)
    cases = []
    for shape, axis, block in (((40, 6), 0, 16), ((32, 5), 0, 32), ((6, 40), 1, 16)):
        weight = (rng.normal(size=shape) * 0.1).astype(F32)
        weight[:16, :2] = 0 if axis == 0 else weight[:16, :2]
        for type_name in ("INT4", "UINT4", "INT8", "UINT8"):
            for symmetric in (True, False):
                kind = getattr(TensorProto, type_name)
                zero, scale = qu.compute_scale_zp_blocked(weight, kind, axis, block, symmetric)
                tensor = qu.quantize_onnx_initializer(numpy_helper.from_array(weight, "w"), kind, zero, scale, axis, block_size=block)
                cases.append(
                    {
                        "type": type_name,
                        "symmetric": symmetric,
                        "axis": axis,
                        "blockSize": block,
                        "weight": array(weight),
                        "scale": array(scale),
                        "zeroPoint": array(ints(zero)),
                        "raw": array(np.frombuffer(tensor.raw_data, np.uint8)),
                    }
                )
    save("blocked-weights", {"about": ABOUT, "cases": cases})


# ---- bias -----------------------------------------------------------------------------------------------------------


def one_layer(op, weight, bias, attributes):
    nodes = [helper.make_node(op, ["x", "w", "b"], ["y"], name="layer", **attributes)]
    rank = {"Conv": 4, "Gemm": 2}[op]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * rank) for n in ("x", "y")]
    tensors = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def biases():
    """Whole QDQ runs of one layer: int32 bias, its scale, and the weight scale enlarged where the bias would overflow."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.quant_utils import QuantType

    rng = np.random.default_rng(4)
    cases = []
    for op, shape, attributes in (("Conv", (6, 2, 1, 1), {}), ("Gemm", (6, 8), {"transB": 1}), ("Gemm", (8, 6), {"beta": 0.5})):
        weight = (rng.normal(size=shape) * 1e-3).astype(F32)
        channel = 1 if op == "Gemm" and "transB" not in attributes else 0
        tiny = [slice(None)] * len(shape)
        tiny[channel] = 1
        weight[tuple(tiny)] *= F32(1e-7)
        for bias_name, bias in (
            ("plain", rng.normal(size=6).astype(F32)),
            ("overflow in some channels", (rng.normal(size=6) * [1, 1e4, 1, 1e6, 0, 1e9]).astype(F32)),
            ("overflow everywhere", np.full(6, 3e8, F32) * np.array([1, -1, 1, -1, 1, 0.5], F32)),
        ):
            for high in (F32(4.0), F32(0.013)):
                for per_channel in (False, True):
                    for weight_type in (QuantType.QInt8, QuantType.QUInt8):
                        ranges = {n: TensorData(lowest=np.array(-high), highest=np.array(high)) for n in ("x", "y")}
                        quantizer = QDQQuantizer(
                            one_layer(op, weight, bias, attributes), per_channel, False, weight_type, QuantType.QUInt8,
                            TensorsData(CalibrationMethod.MinMax, ranges), [], [], [op], {},
                        )  # fmt: skip
                        quantizer.quantize_model()
                        made = {t.name: numpy_helper.to_array(t) for t in quantizer.model.initializer()}
                        node = next(n for n in quantizer.model.nodes() if n.op_type == op)
                        case = {"op": op, "attributes": attributes, "bias": bias_name, "activationRange": [-float(high), float(high)]}
                        case |= {"perChannel": per_channel, "weightType": weight_type.name[1:].upper(), "axis": channel if per_channel else None}
                        case |= {"w": array(weight), "b": array(bias), "beta": next((a.f for a in node.attribute if a.name == "beta"), None)}
                        case["made"] = {name: array(value) for name, value in sorted(made.items())}
                        cases.append(case)
    save("bias", {"about": ABOUT, "cases": cases})


# ---- weight-only ----------------------------------------------------------------------------------------------------


def nbits_weights(rng):
    """[K, N] weights, K being the summed axis."""
    for k, n in ((32, 3), (40, 4), (100, 2), (16, 1)):
        weight = (rng.normal(size=(k, n)) * 0.3).astype(F32)
        weight[:16, 0] = 0  # an all-zero block (or half of one)
        weight[k // 2, -1] = F32(2.5)  # a block whose extreme is positive
        yield f"{k}x{n}", weight
    step = F32(0.0625)
    halves = (rng.integers(-16, 16, (64, 4)).astype(F32) * F32(0.5) * step).astype(F32)
    halves[::16] = -8 * step
    yield "halves", halves
    yield "positive", np.abs(rng.normal(size=(48, 3))).astype(F32)
    yield "all zero", np.zeros((32, 2), F32)


def matmul_model(weight):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def nbits_case(weight, config, **options):
    quantizer = MatMulNBitsQuantizer(matmul_model(weight), algo_config=config, **options)
    quantizer.process()
    model = getattr(quantizer.model, "model", quantizer.model)
    node = next(n for n in model.graph.node if n.op_type in ("MatMulNBits", "DequantizeLinear"))
    made = {t.name: t for t in model.graph.initializer}

    def content(name):
        tensor = made[name]
        value = {"type": TensorProto.DataType.Name(tensor.data_type), "dims": list(tensor.dims)}
        numbers = tensor.data_type == TensorProto.FLOAT
        return value | {"raw": array(numpy_helper.to_array(tensor) if numbers else np.frombuffer(tensor.raw_data, np.uint8))}

    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name != "algorithm"}
    return {"op": node.op_type, "attributes": attributes, "inputs": {n: content(n) for n in node.input if n in made}}


def matmul_nbits():
    from onnxruntime.quantization import QuantFormat

    rng = np.random.default_rng(5)
    samples = []
    for name, weight in nbits_weights(rng):
        cases = []
        for symmetric in (True, False):
            for block in (16, 32, 128):
                for bits in (2, 4, 8):
                    config = DefaultWeightOnlyQuantConfig(block_size=block, is_symmetric=symmetric, bits=bits, accuracy_level=4)
                    made = nbits_case(weight, config, quant_format=QuantFormat.QOperator)
                    cases.append({"algorithm": "default", "format": "QOperator", "symmetric": symmetric, "blockSize": block, "bits": bits, **made})
                config = DefaultWeightOnlyQuantConfig(block_size=block, is_symmetric=symmetric, bits=4, quant_format=QuantFormat.QDQ)
                if weight.shape[1] % 2 == 0 and (weight.shape[0] * weight.shape[1]) % 2 == 0:
                    made = nbits_case(weight, config, quant_format=QuantFormat.QDQ)
                    cases.append({"algorithm": "default", "format": "QDQ", "symmetric": symmetric, "blockSize": block, "bits": 4, **made})
                # k_quant knows no symmetric mode, and both tools misplace zero points where a column has an odd number of blocks.
                searches = [("rtn", RTNWeightOnlyQuantConfig())] if symmetric or -(-weight.shape[0] // block) % 2 == 0 else []
                if searches and not symmetric and weight.any():
                    searches.append(("k_quant", KQuantWeightOnlyQuantConfig()))
                for algorithm, search in searches:
                    made = nbits_case(weight, search, block_size=block, is_symmetric=symmetric)
                    cases.append({"algorithm": algorithm, "format": "QOperator", "symmetric": symmetric, "blockSize": block, "bits": 4, **made})
        samples.append({"name": name, "weight": array(weight), "cases": cases})
    save("matmul-nbits", {"about": ABOUT, "samples": samples})


def gather_block_quantized():
    rng = np.random.default_rng(6)
    cases = []
    for shape, axis in (((7, 64), 1), ((5, 40), 1), ((64, 6), 0), ((3, 4, 32), 2)):
        table = (rng.normal(size=shape) * 0.2).astype(F32)
        table[0] = 0
        table.flat[table.size // 2] = 3.0
        for block in (16, 32):
            for symmetric in (True, False):
                with np.errstate(all="ignore"):
                    data, scales, zero = DefaultWeightOnlyQuantizer.quantize_ndarray(table, axis, block, symmetric)
                case = {"table": array(table), "quantizeAxis": axis, "blockSize": block, "symmetric": symmetric}
                case |= {"type": "INT4" if symmetric else "UINT4", "raw": array(data), "scales": array(scales)}
                cases.append(case | {"zeroPoints": None if zero is None else array(zero)})
    save("gather-block-quantized", {"about": ABOUT, "cases": cases})


def bnb4():
    rng = np.random.default_rng(7)
    cases = []
    for k, n in ((64, 4), (20, 7), (3, 5), (128, 2)):
        weight = (rng.normal(size=(k, n)) * 0.1).astype(F32)
        weight[: k // 2, 0] = 0
        for kind, name in ((MatMulBnb4Quantizer.FP4, "FP4"), (MatMulBnb4Quantizer.NF4, "NF4")):
            for block in (16, 64):
                packed, absmax = MatMulBnb4Quantizer(matmul_model(weight), kind, block).bnb4_block_quant(weight)
                cases.append({"quantType": name, "blockSize": block, "weight": array(weight), "packed": array(packed), "absmax": array(absmax)})
    # The codebook probed finely: blocks of absmax 1 that together hold every value from -1 to 1 in steps of 2/1019.
    probe = np.insert(np.linspace(-1, 1, 1020, dtype=F32), [0, 255, 510, 765], F32(1)).reshape(-1, 1)
    for kind, name in ((MatMulBnb4Quantizer.FP4, "FP4"), (MatMulBnb4Quantizer.NF4, "NF4")):
        packed, absmax = MatMulBnb4Quantizer(matmul_model(probe), kind, 256).bnb4_block_quant(probe)
        cases.append({"quantType": name, "blockSize": 256, "weight": array(probe), "packed": array(packed), "absmax": array(absmax)})
    save("matmul-bnb4", {"about": ABOUT, "cases": cases})


# ---- histogram calibration ------------------------------------------------------------------------------------------


def batches(rng, kind):
    """Three batches, the second and third wider than the one before, so that the histogram grows twice."""
    draws = {
        "normal": lambda n: rng.normal(size=n),
        "relu": lambda n: np.maximum(rng.normal(size=n), 0),
        "heavy tail": lambda n: rng.standard_t(2.5, size=n),
        "skewed": lambda n: rng.gamma(1.5, size=n) - 0.5,
        "mostly one value": lambda n: np.where(rng.random(n) < 0.97, 0.1, rng.normal(size=n)),
    }[kind]
    return [(draws(3000) * width).astype(F32) for width in (1.0, 1.6, 2.9)]


def histogram_calibration():
    rng = np.random.default_rng(8)
    cases = []
    for kind in ("normal", "relu", "heavy tail", "skewed", "mostly one value"):
        data = batches(rng, kind)
        results = []
        for method, options in (
            ("entropy", [{"num_bins": 128, "num_quantized_bins": 128}, {"num_bins": 512, "num_quantized_bins": 128}, {"num_bins": 2048, "num_quantized_bins": 128}]),
            ("percentile", [{"num_bins": 2048, "percentile": 99.999}, {"num_bins": 2048, "percentile": 99.0}]),
        ):
            for option in options:
                for symmetric in (False, True) if method == "percentile" else (False,):
                    full = {"num_quantized_bins": 128, "percentile": 99.999, **option}
                    collector = HistogramCollector(method=method, symmetric=symmetric, scenario="same", **full)
                    for batch in data:
                        collector.collect({"t": batch})
                    low, high = collector.compute_collection_result()["t"][:2]
                    histogram, edges = collector.histogram_dict["t"][:2]
                    result = {"method": method, "symmetric": symmetric, "bins": option["num_bins"], "counts": array(histogram.astype(np.int32))}
                    result |= {"edges": {"dtype": edges.dtype.name, "first": float(edges[0]), "last": float(edges[-1])}}
                    result |= {"quantizedBins": 128} if method == "entropy" else {"percentile": option["percentile"]}
                    results.append({**result, "low": float(low), "high": float(high)})
        cases.append({"name": kind, "batches": [array(batch) for batch in data], "results": results})
    save("histogram-calibration", {"about": ABOUT, "cases": cases})


if __name__ == "__main__":
    scale_and_zero_point()
    weights()
    blocked_weights()
    biases()
    matmul_nbits()
    gather_block_quantized()
    bnb4()
    histogram_calibration()
