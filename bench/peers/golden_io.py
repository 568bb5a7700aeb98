"""Reads and writes the fixture format of fixtures/quantize (see the README there)."""

import base64
import gzip
import json
import os

import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "quantize")


def array(values):
    """An array as {dtype, shape, data}; data is base64 of the little-endian bytes in row-major order."""
    values = np.asarray(values)  # (ascontiguousarray would turn a scalar into one row)
    little = values.astype(values.dtype.newbyteorder("<"))
    return {"dtype": values.dtype.name, "shape": list(values.shape), "data": base64.b64encode(little.tobytes("C")).decode()}


def initializers(graph):
    """Those of a graph and of the bodies inside."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from initializers(attribute.g)


def save(name, content):
    """Writes OUT/<name>.json.gz: same content, same bytes (no time stamp, no file name in the gzip header)."""
    path = os.path.join(OUT, f"{name}.json.gz")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n"
    with open(path, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=9, mtime=0) as out:
        out.write(text.encode())
    print(f"{name}.json.gz", os.path.getsize(path))
