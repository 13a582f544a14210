"""Operator cases as single-node ONNX models, and the three engines that run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

from geocompile.custom_ops import onnx as operators
from geocompile.custom_ops.libraries import ort_library
from geocompile.custom_ops.onnx import (
    dot_attention,
    fps,
    gat,
    gather_segment_reduce,
    gcn_norm,
    graclus,
    grid_cluster,
    kernels,
    neighbours,
    scatter,
    segment_reduce,
    softmax,
    spline_basis,
)
from tests.operators.cases import Case


@dataclass
class Call:
    """An operator call in ONNX terms."""

    op_type: str
    inputs: list[np.ndarray]
    attributes: dict[str, Any] = field(default_factory=dict)


def call_of(case: Case) -> Call:
    """The op type names the variant: which optional arguments are there, and the reduction."""
    arguments = dict(case.arguments)
    reduce = arguments.pop("reduce", None)
    if case.operator in ("knn", "radius", "nearest"):
        return _neighbours_call(case.operator, arguments)
    if case.operator.startswith("gat_"):
        return _gat_call(case.operator, arguments)
    names = ("fill_value", "add_self_loops", "dim", "ratio", "scale", "negative_slope")
    attributes = {k: arguments.pop(k) for k in names if k in arguments}
    given = {name: array is not None for name, array in arguments.items()}
    op_type = {
        "csr_from_coo": lambda: "CsrFromCoo" if given["other"] else "CsrFromIndex",
        "batch_ptr": lambda: "BatchPtr",
        "segment_reduce": lambda: segment_reduce.op_type_of(reduce, given["perm"]),
        "gather_segment_reduce": lambda: gather_segment_reduce.op_type_of(
            reduce, given["weight"], given["self_weight"]
        ),
        "gcn_norm": lambda: gcn_norm.op_type_of(given["weight"]),
        **dict.fromkeys(
            ("dot_coefficients", "dot_attention", "additive_coefficients", "additive_attention"),
            lambda: dot_attention.op_type_of(case.operator, given["edge"]),
        ),
        "segment_softmax": lambda: softmax.op_type_of(given["perm"]),
        "gather_kernel_reduce": lambda: kernels.op_type_of(reduce),
        "gather_sparse_kernel_reduce": lambda: kernels.sparse_op_type_of(reduce, given["weight"]),
        "scatter": lambda: scatter.op_type_of(reduce),
        "graclus": lambda: graclus.op_type_of(given["weight"], given["order"]),
        "grid_cluster": lambda: grid_cluster.op_type_of(given["start"], given["end"], given["batch"]),
        "coalesce": lambda: "Coalesce",
        "consecutive": lambda: "Consecutive",
        "renumber_edges": lambda: "RenumberEdges",
        "fps": lambda: fps.op_type_of(given["batch"], given["start"]),
        "scatter_arg": lambda: scatter.op_type_of(reduce, with_arg=True),
        "graph_ptr": lambda: "GraphPtrLike" if given["like"] else "GraphPtr",
        "topk": lambda: "GraphTopK",
        "filter_edges": lambda: "FilterEdges",
        "slots": lambda: "Slots",
        "to_dense": lambda: "ToDense",
        "from_dense": lambda: "FromDense",
        "spline_basis": lambda: spline_basis.op_type_of(arguments.pop("degree")),
        "gaussian_weights": lambda: "GaussianWeights",
        "grouped_matmul": lambda: "GroupedMatMul",
    }[case.operator]()
    return Call(op_type, [a for a in arguments.values() if a is not None], attributes)


def _gat_call(operator: str, arguments: dict[str, Any]) -> Call:
    """Shares of edges and those of loops go together, as the translation from torch has it."""
    attributes = {"negative_slope": arguments.pop("negative_slope")}
    self_loops, with_edge = arguments.pop("self_loops"), arguments["edge"] is not None
    if self_loops and with_edge and arguments["self_edge"] is None:
        arguments["self_edge"] = np.zeros_like(arguments["target"])
    inputs = [array for array in arguments.values() if array is not None]
    return Call(gat.op_type_of(operator, with_edge, self_loops), inputs, attributes)


def _neighbours_call(operator: str, arguments: dict[str, Any]) -> Call:
    """A radius is an input, the last one."""
    names = ("k", "max_num_neighbors", "skip_self", "neighbours_first")
    attributes = {name: arguments.pop(name) for name in names if name in arguments}
    cosine, r = arguments.pop("cosine", False), arguments.pop("r", None)
    batched = arguments["batch_x"] is not None
    inputs = [array for array in arguments.values() if array is not None]
    inputs += [] if r is None else [np.array([r])]
    return Call(neighbours.op_type_of(operator, batched, cosine), inputs, attributes)


def model_of(call: Call, with_function: bool = True) -> onnx.ModelProto:
    """A model with every dimension free, carrying the function body of its only node."""
    operator = operators.OPERATORS[call.op_type]
    types = {
        f.type: _onnx_type(a)
        for f, a in reversed(list(zip(operator.formal_inputs, call.inputs, strict=True)))
    }
    types["P"] = onnx.TensorProto.INT64
    inputs = [
        helper.make_tensor_value_info(
            f.name, _passable(_onnx_type(a)), [_dimension(f.name, f.dims, d) for d in range(a.ndim)]
        )
        for f, a in zip(operator.formal_inputs, call.inputs, strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info(f.name, _passable(types[f.type]), None) for f in operator.formal_outputs
    ]
    taken = [
        _cast_in(f.name, _onnx_type(a)) for f, a in zip(operator.formal_inputs, call.inputs, strict=True)
    ]
    given = [_cast_out(f.name, types[f.type]) for f in operator.formal_outputs]
    node = helper.make_node(
        call.op_type,
        [name for name, _ in taken],
        [name for name, _ in given],
        domain=operators.DOMAIN,
        **_attributes(call),
    )
    nodes = [*(n for _, n in taken if n), node, *(n for _, n in given if n)]
    value = types.get("T", onnx.TensorProto.FLOAT)
    return helper.make_model(
        helper.make_graph(nodes, call.op_type, inputs, outputs),
        functions=[operators.function_proto(call.op_type, value)] if with_function else [],
        opset_imports=[
            helper.make_opsetid("", operators.OPSET),
            helper.make_opsetid(operators.DOMAIN, operators.VERSION),
        ],
        ir_version=10,
    )


# ONNX Runtime's Python takes no bfloat16 array: such values go in and out as float32 and are cast in the model.


def _onnx_type(array: np.ndarray) -> int:
    return int(helper.np_dtype_to_tensor_dtype(array.dtype))


def _passable(element_type: int) -> int:
    return onnx.TensorProto.FLOAT if element_type == onnx.TensorProto.BFLOAT16 else element_type


def _cast_in(name: str, element_type: int) -> tuple[str, onnx.NodeProto | None]:
    if element_type != onnx.TensorProto.BFLOAT16:
        return name, None
    return f"{name}_bfloat16", helper.make_node("Cast", [name], [f"{name}_bfloat16"], to=element_type)


def _cast_out(name: str, element_type: int) -> tuple[str, onnx.NodeProto | None]:
    if element_type != onnx.TensorProto.BFLOAT16:
        return name, None
    cast = helper.make_node("Cast", [f"{name}_bfloat16"], [name], to=onnx.TensorProto.FLOAT)
    return f"{name}_bfloat16", cast


def with_library(call: Call, num_threads: int = 2) -> Sequence[np.ndarray]:
    """ONNX Runtime with our library: our kernels. The function is left out, so that nothing else can answer."""
    model = model_of(call, with_function=False)
    return session(model, library=True, num_threads=num_threads).run(None, feeds(model, call))


def without_library(call: Call) -> Sequence[np.ndarray]:
    """ONNX Runtime alone: the inlined function body."""
    model = model_of(call)
    return session(model, library=False).run(None, feeds(model, call))


def reference_evaluator(call: Call) -> Sequence[np.ndarray]:
    """The function body in onnx's own reference evaluator."""
    model = model_of(call)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ReferenceEvaluator(model).run(None, feeds(model, call))


ENGINES: dict[str, Callable[[Call], Sequence[np.ndarray]]] = {
    "library": with_library,
    "portable": without_library,
    "reference": reference_evaluator,
}


def session(model: onnx.ModelProto, library: bool, num_threads: int = 2) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 4
    if library:
        options.register_custom_ops_library(str(ort_library()))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def feeds(model: onnx.ModelProto, call: Call) -> dict[str, np.ndarray]:
    arrays = [a.astype(np.float32) if a.dtype.name == "bfloat16" else a for a in call.inputs]
    return {value.name: array for value, array in zip(model.graph.input, arrays, strict=True)}


def _attributes(call: Call) -> dict[str, Any]:
    return {k: int(v) if isinstance(v, bool) else v for k, v in call.attributes.items()}


def _dimension(name: str, dims: tuple[str, ...], d: int) -> str:
    """Equal names for sizes that the signature says are equal."""
    fixed = d < len(dims) and dims[d] != "..." and " at " not in dims[d]
    return f"num_{dims[d]}" if fixed else f"{name}_dim{d}"
