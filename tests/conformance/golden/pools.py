"""GlobalAttention, Set2Set, TopKPooling."""

from collections.abc import Callable
from functools import partial

import torch

from geocompile import layers
from tests.conformance.golden import Values, assert_golden
from tests.conformance.golden.spectral import parameters


def global_attention(size: int | None, case: Values) -> None:
    gate, network = torch.nn.Sequential(torch.nn.Linear(3, 1)), None
    if "param.nn.0.weight" in case:
        gate = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    pool = layers.GlobalAttention(gate, network).double()
    pool.load_state_dict(parameters(case))
    assert_golden(pool(case["in.x"], case["in.batch"], size), case["out.out"])


def set2set(processing_steps: int, num_layers: int, case: Values) -> None:
    pool = layers.Set2Set(3, processing_steps, num_layers).double()
    pool.load_state_dict(parameters(case))
    assert_golden(pool(case["in.x"], case["in.batch"]), case["out.out"])


def topk_pooling(ratio: float, case: Values) -> None:
    """PyG 1.2.0 gave five results; the score is the sixth. It gave the batch vector as zeros where there was none."""
    pool = layers.TopKPooling(3, ratio).double()
    pool.load_state_dict({"select.weight": case["param.weight"]})
    found = pool(case["in.x"], case["in.edge_index"], case.get("in.edge_attr"), case.get("in.batch"))
    names = ("x", "edge_index", "edge_attr", "batch", "perm")
    assert_golden(found[:5], [case.get(f"out.{name}") for name in names])
    assert_golden(found[5].unsqueeze(1) * case["in.x"][found[4]], case["out.x"])


GOLDEN: dict[str, Callable[[Values], None]] = {
    "GlobalAttention_0": partial(global_attention, None),
    "GlobalAttention_2": partial(global_attention, 6),
    "Set2Set_0": partial(set2set, 1, 1),
    "Set2Set_2": partial(set2set, 2, 2),
    "TopKPooling_0": partial(topk_pooling, 0.5),
    "TopKPooling_2": partial(topk_pooling, 0.8),
}
