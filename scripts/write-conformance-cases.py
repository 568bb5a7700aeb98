"""Writes the ONNX backend test cases of the installed `onnx` package as folders.

Usage: python write-conformance-cases.py OUT
Recent wheels carry the operator ("node") cases as Python code instead of data, so they are run here once.
A case is OUT/<kind>/<name>/{model.onnx, test_data_set_<i>/{input,output}_<j>.pb[, data.json]};
data.json holds rtol and atol where they differ from the suite's usual 1e-3 and 1e-7.
Cases whose inputs are neither tensors, sequences, optionals nor maps do not exist in the suite.
"""

import json
import os
import shutil
import sys

import onnx
from onnx import numpy_helper
from onnx.backend.test.case import model as model_cases
from onnx.backend.test.case import node as node_cases

WRITERS = {
    "map_type": numpy_helper.from_dict,
    "sequence_type": numpy_helper.from_list,
    "optional_type": numpy_helper.from_optional,
    "tensor_type": numpy_helper.from_array,
}


def write_value(path, value, info):
    if not isinstance(value, onnx.TensorProto):
        value = WRITERS[info.type.WhichOneof("value")](value, info.name)
    with open(path, "wb") as file:
        file.write(value.SerializeToString())


def write_case(case, out):
    folder = os.path.join(out, case.kind, case.name)
    os.makedirs(folder)
    onnx.save(case.model, os.path.join(folder, "model.onnx"))
    if (case.rtol, case.atol) != (1e-3, 1e-7):
        with open(os.path.join(folder, "data.json"), "w") as file:
            json.dump({"rtol": case.rtol, "atol": case.atol}, file)
    for i, (inputs, outputs) in enumerate(case.data_sets):
        data = os.path.join(folder, f"test_data_set_{i}")
        os.makedirs(data)
        for j, value in enumerate(inputs):
            write_value(os.path.join(data, f"input_{j}.pb"), value, case.model.graph.input[j])
        for j, value in enumerate(outputs):
            write_value(os.path.join(data, f"output_{j}.pb"), value, case.model.graph.output[j])


def main(out):
    for case in node_cases.collect_testcases() + model_cases.collect_testcases():
        if case.model is not None:  # the "real" kind is a list of downloads
            write_case(case, out)
    shipped = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        source = os.path.join(shipped, kind)
        for name in sorted(os.listdir(source)) if os.path.isdir(source) else []:
            target = os.path.join(out, kind, name)
            if os.path.isdir(os.path.join(source, name)) and not os.path.exists(target):
                shutil.copytree(os.path.join(source, name), target)


main(sys.argv[1])
