"""Golden vectors for the small float formats, from ml_dtypes (peer only): values as float64 and their codes per format."""
import json, struct, sys
import ml_dtypes, numpy as np

rng = np.random.default_rng(7)
x = np.concatenate([
    rng.standard_normal(120) * np.exp2(rng.integers(-30, 18, 120)),
    np.exp2(rng.integers(-26, 17, 40)) * (1 + rng.integers(0, 64, 40) / 64),
    [0.0, -0.0, 1.0, 447.99, 448.0, 464.0, 464.1, 480.0, 65504.0, 65519.9, 65520.0, 240.0, 248.0, 57344.0, 61440.0, 5.0, 6.0, 7.0, 0.25, 0.75, 2**-9, 2**-10, 3 * 2**-11],
]).astype(np.float32)
formats = {
    "float16": np.float16, "bfloat16": ml_dtypes.bfloat16,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn, "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8e5m2": ml_dtypes.float8_e5m2, "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz, "float4e2m1": ml_dtypes.float4_e2m1fn,
}
width = {"float16": np.uint16, "bfloat16": np.uint16}
codes = {name: x.astype(t).view(width.get(name, np.uint8)).tolist() for name, t in formats.items()}
decoded = {name: [None if np.isnan(v) else (str(v) if np.isinf(v) else float(v)) for v in np.arange(16 if name == "float4e2m1" else 256, dtype=np.uint8).view(t).astype(np.float64)]
           for name, t in formats.items() if name not in width}
json.dump({"values": [float(v) for v in x], "codes": codes, "decoded": decoded}, sys.stdout)
