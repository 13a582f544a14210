"""ONNX Runtime with our operator beside the torch operator: the same kernel through two doors."""

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name

TITLE = "The same operator in torch and in ONNX Runtime"
SETTINGS = {
    f"{size_name(size)}, F={channels}": (size, channels) for size in (SMALL, LARGE) for channels in (64, 256)
}
TORCH, ORT = "torch operator", "ONNX Runtime operator"
THREADS = 2


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import gather_segment_reduce

    size, channels = SETTINGS[setting]
    g, x = graph(*size), features(size[0], channels)
    weight = g.sorted_weight

    def onnxruntime() -> object:
        feeds = {"x": x, "rowptr": g.rowptr, "col": g.col, "weight": weight}
        session = _session()
        arrays = {name: tensor.numpy() for name, tensor in feeds.items()}
        return lambda: session.run(None, arrays)

    return {TORCH: lambda: lambda: gather_segment_reduce(x, g.rowptr, g.col, weight), ORT: onnxruntime}


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(ORT, (TORCH,), 1 / 1.1)]


def _session():  # type: ignore[no-untyped-def]
    """A session of a model that is the operator alone."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    from geocompile.custom_ops import onnx as operators
    from geocompile.custom_ops.libraries import ort_library

    types = {
        "x": TensorProto.FLOAT,
        "rowptr": TensorProto.INT64,
        "col": TensorProto.INT64,
        "weight": TensorProto.FLOAT,
    }
    shapes = {"x": ["n", "f"], "rowptr": ["r"], "col": ["e"], "weight": ["e"]}
    inputs = [helper.make_tensor_value_info(name, types[name], shapes[name]) for name in types]
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    node = helper.make_node("GatherSegmentSumWeighted", list(types), ["out"], domain=operators.DOMAIN)
    opsets = [
        helper.make_opsetid("", operators.OPSET),
        helper.make_opsetid(operators.DOMAIN, operators.VERSION),
    ]
    graph = helper.make_graph([node], "gather", inputs, [output])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.register_custom_ops_library(str(ort_library()))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
