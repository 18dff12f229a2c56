"""Bundles, made of the shipped one, that pass every check of their files and do harm."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lsp_server.contract.bundles.bundle import MODEL, TOKENIZER, record_files
from lsp_server.contract.bundles.manifest import read_manifest, write_manifest
from lsp_server.settings import Settings

INPUT = "input_ids"
HARMED = "harmed_ids"
SMALLEST = int(np.iinfo(np.int64).min)


def copy_of_shipped(folder: Path) -> Path:
    """A bundle that is as good as the shipped one, and not part of the package."""
    shutil.copytree(Settings().bundle_folder, folder)
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, name=folder.name))
    return folder


def seal(folder: Path) -> Path:
    """Make the manifest true of what the files are now."""
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, files=record_files(folder, manifest.files)))
    return folder


def number(name: str, value: int) -> TensorProto:
    """A constant of the graph."""
    return numpy_helper.from_array(np.array(value, np.int64), name)


def harm_graph(folder: Path, nodes: Sequence[Any], constants: Sequence[TensorProto]) -> Path:
    """Have the graph read what `nodes` make of its input."""
    bundle = copy_of_shipped(folder)
    model = onnx.load(bundle / MODEL)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == INPUT:
                node.input[place] = HARMED
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])
    model.graph.initializer.extend(constants)
    onnx.save(model, bundle / MODEL)
    return seal(bundle)


def endless(folder: Path) -> Path:
    """A graph with a loop that never ends."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Identity", ["ids"], ["same"]),
        ],
        "body",
        [
            value("turn", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("ids", TensorProto.INT64, None),
        ],
        [value("goes_on", TensorProto.BOOL, []), value("same", TensorProto.INT64, None)],
    )
    on = numpy_helper.from_array(np.array(True), "on")
    loop = helper.make_node("Loop", ["", "on", INPUT], [HARMED], body=body)
    return harm_graph(folder, [loop], [on])


def dividing(folder: Path) -> Path:
    """A graph that divides the smallest whole number by -1, which the processor refuses."""
    nodes = [
        helper.make_node("Mul", [INPUT, "nought"], ["noughts"]),
        helper.make_node("Sub", ["noughts", "one"], ["minus"]),
        helper.make_node("Div", ["smallest", "minus"], ["quotient"]),
        helper.make_node("Mul", ["quotient", "nought"], ["nothing"]),
        helper.make_node("Add", [INPUT, "nothing"], [HARMED]),
    ]
    constants = [number("nought", 0), number("one", 1), number("smallest", SMALLEST)]
    return harm_graph(folder, nodes, constants)


def harm_tokenizer(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change the tokenizer's file."""
    bundle = copy_of_shipped(folder)
    record = json.loads((bundle / TOKENIZER).read_bytes())
    change(record)
    (bundle / TOKENIZER).write_text(json.dumps(record))
    return seal(bundle)


def panicking(folder: Path) -> Path:
    """A tokenizer that panics at any text: it truncates with a stride longer than the text."""

    def change(record: dict[str, Any]) -> None:
        record["truncation"] = {
            "direction": "Right",
            "max_length": 1,
            "strategy": "LongestFirst",
            "stride": 5,
        }

    return harm_tokenizer(folder, change)


def choking(folder: Path) -> Path:
    """A tokenizer whose pattern takes for ever on a long word."""

    def change(record: dict[str, Any]) -> None:
        record["pre_tokenizer"] = {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": r"(\w+\w+)+\d"},
                    "behavior": "Isolated",
                    "invert": False,
                },
                record["pre_tokenizer"],
            ],
        }

    return harm_tokenizer(folder, change)
