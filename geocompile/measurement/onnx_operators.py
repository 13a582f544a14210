"""Where the time of a call goes in ONNX Runtime, by its own profile."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from geocompile.manifest import Engine
from geocompile.measurement.results import OperatorTime

MAX_KERNELS = 50_000  # a profile of that many is some 20 MB of JSON


def operator_times(
    folder: Path, engine: Engine, inputs: Mapping[str, Any], calls: int, num_threads: int
) -> tuple[OperatorTime, ...]:
    """Kernel time of each kind of operator per call, the longest first; one call to warm up is not counted.

    Of a graph of many nodes, fewer calls are profiled: the profile holds at most about `MAX_KERNELS`, or one call's.
    """
    nodes, ours = _nodes(folder / engine.file)
    calls = max(1, min(calls, MAX_KERNELS // max(1, nodes)))
    ort: Any = import_module("onnxruntime")
    with tempfile.TemporaryDirectory(prefix="geocompile-profile-") as scratch:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = num_threads
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(scratch, "calls"))
        for library in engine.libraries:
            options.register_custom_ops_library(str(folder / library))
        session = ort.InferenceSession(str(folder / engine.file), options, providers=["CPUExecutionProvider"])
        feeds = {item.name: inputs[item.name] for item in session.get_inputs()}
        for _ in range(calls + 1):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    return read_profile(events, calls, ours)


def read_profile(events: list[dict[str, Any]], calls: int, ours: set[str]) -> tuple[OperatorTime, ...]:
    """Sum the kernels of the last `calls` calls of a profile.

    Args:
        events: The profile: `{"cat": "Node", "name": "…_kernel_time", "ts": µs, "dur": µs, "args": {"op_name": …}}`
            for a kernel, `{"cat": "Session", "name": "model_run", …}` around those of one call.
        calls: How many calls count.
        ours: The operator types of geocompile.
    """
    runs = sorted(int(event["ts"]) for event in events if event.get("name") == "model_run")
    begin = runs[-calls] if len(runs) >= calls else 0
    seconds: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for event in events:
        kernel = event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time")
        if kernel and event["ts"] >= begin:
            name = str(event["args"]["op_name"])
            seconds[name] += event["dur"] / 1e6
            counts[name] += 1
    times = [
        OperatorTime(
            f"geocompile::{name}" if name in ours else name, spent / calls, counts[name] / calls, name in ours
        )
        for name, spent in seconds.items()
    ]
    return tuple(sorted(times, key=lambda entry: -entry.seconds))


def _nodes(path: Path) -> tuple[int, set[str]]:
    """How many nodes the graph has, and the operator types of geocompile among them."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    return len(graph.node), {node.op_type for node in graph.node if node.domain == "geocompile"}
