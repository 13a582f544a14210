"""Each pass does what its name says, leaves the numbers alone, and leaves a valid program."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.custom_ops.operators import csr_from_coo, gather_segment_reduce, gcn_norm
from geocompile.examples import normalize_examples
from geocompile.exporters.program import CapturedProgram, TensorSpec
from geocompile.passes import PASSES, run_passes
from geocompile.passes.framework import target_name
from tests.exporters.models import GCN, SIZES, global_pool, inputs_of


def captured(model: nn.Module, *names: str) -> CapturedProgram:
    return capture(model, normalize_examples(model, tuple(inputs_of(list(names), 6, 9))))


def operators(program: CapturedProgram) -> Counter[str]:
    nodes = [node for node in program.exported.graph.nodes if node.op == "call_function"]
    return Counter(target_name(node).removesuffix(".default") for node in nodes)


def check_same(before: CapturedProgram, after: CapturedProgram) -> None:
    after.exported.validate()
    names = [spec.name for spec in before.inputs]
    for size in SIZES:
        inputs = inputs_of(names, *size)
        torch.testing.assert_close(after.exported.module()(*inputs), before.exported.module()(*inputs))


@pytest.mark.parametrize("name", [step.name for step in PASSES])
def test_each_pass_alone_keeps_the_numbers(name: str) -> None:
    program = captured(GCN(), "x", "edge_index", "batch")
    before = str(program.exported.graph)
    changed, (result,) = run_passes(program, [name])
    check_same(program, changed)
    assert result.name == name
    assert result.changed == len(result.details)
    assert str(program.exported.graph) == before  # the program that was given is not touched


def test_unknown_pass_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown pass 'fuse', choose from: drop_dropout"):
        run_passes(captured(GCN(), "x", "edge_index"), ["fuse"])


def test_preprocessing_is_merged_across_layers() -> None:
    program = captured(GCN(), "x", "edge_index", "batch")
    changed, _ = run_passes(program)
    check_same(program, changed)
    counts = operators(changed)
    assert (
        counts["geocompile.csr_from_coo"]
        == counts["geocompile.gcn_norm"]
        == counts["geocompile.batch_ptr"]
        == 1
    )
    assert counts["geocompile.gather_segment_reduce"] == counts["geocompile.segment_reduce"] == 2
    assert counts["aten.dropout"] == counts["aten._assert_scalar"] == 0


class Differing(nn.Module):
    """Pairs that look alike and are not."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        by_target = csr_from_coo(edge_index[1], x, edge_index[0])
        by_source = csr_from_coo(edge_index[0], x, edge_index[1])
        plain, _ = gcn_norm(by_target[0], by_target[2], x, fill_value=1.0)
        improved, _ = gcn_norm(by_target[0], by_target[2], x, fill_value=2.0)
        wide, _ = gcn_norm(by_target[0], by_target[2], x.double())
        over_edges = csr_from_coo(edge_index[1] * 0, plain, edge_index[0])
        summed = plain.sum() + improved.sum() + wide.sum() + over_edges[0].sum()
        return (
            gather_segment_reduce(x, by_target[0], by_target[2])
            - gather_segment_reduce(x, *by_source[::2])
            + summed
        )


def test_what_differs_is_not_merged() -> None:
    program = captured(Differing(), "x", "edge_index")
    changed, _ = run_passes(program)
    check_same(program, changed)
    assert operators(changed)["geocompile.csr_from_coo"] == 3
    assert operators(changed)["geocompile.gcn_norm"] == 3


def test_random_numbers_are_not_merged() -> None:
    """Capture refuses them; a pass must not rely on it."""

    class Noise(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.rand_like(x) - torch.rand_like(x)

    (x,) = inputs_of(["x"], 6, 9)
    spec = TensorSpec("x", "float32", (6, 8))
    program = CapturedProgram(torch.export.export(Noise(), (x,)), (spec,), (spec,), {}, "Noise")
    changed, _ = run_passes(program)
    assert operators(changed)["aten.rand_like"] == 2


class FixedGraph(nn.Module):
    """The graph and the weights are the model's own; only one row of features comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("edge_index", torch.randint(0, 5, (2, 7)))
        self.h = nn.Parameter(torch.randn(5, 8))
        self.lin = nn.Linear(8, 8)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        rowptr, _, col = csr_from_coo(self.edge_index[1], self.h, self.edge_index[0])
        edge_weight, self_weight = gcn_norm(rowptr, col, self.h)
        return self.lin(x) + gather_segment_reduce(self.h, rowptr, col, edge_weight, self_weight).sum(0)


def test_a_fixed_graph_is_folded_into_constants() -> None:
    program = captured(FixedGraph(), "x")
    changed, _ = run_passes(program)
    check_same(program, changed)
    assert operators(changed) == {"aten.linear": 1, "aten.add.Tensor": 1}
    assert set(changed.exported.state_dict) == {"lin.weight", "lin.bias"}
    assert len(changed.exported.constants) == 1
    assert "h" in program.exported.state_dict


class CountedRows(nn.Module):
    """As a message passing base class does it: a tensor made only to say how many rows there are."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        rowptr, _, col = csr_from_coo(edge_index[1], x.new_empty((x.size(0), 0)), edge_index[0])
        return gather_segment_reduce(x.reshape(x.size(0), 8), rowptr, col)


def test_tensors_made_to_count_rows_and_reshapes_to_the_same_shape_disappear() -> None:
    program = captured(CountedRows(), "x", "edge_index")
    changed, _ = run_passes(program)
    check_same(program, changed)
    left = operators(changed)
    assert left["aten.new_empty"] == left["aten.reshape"] == left["aten.sym_size.int"] == 0


class PoolsApart(nn.Module):
    def forward(self, x: Tensor, batch: Tensor) -> tuple[Tensor, ...]:
        return tuple(global_pool(x, batch, how) for how in ("sum", "mean", "max"))


def test_sizes_that_a_pass_finds_equal_have_one_name() -> None:
    program = captured(PoolsApart(), "x", "batch")
    assert [spec.shape[0] for spec in program.outputs] == ["num_graphs", "num_graphs_1", "num_graphs_2"]
    changed, _ = run_passes(program)
    assert [spec.shape for spec in changed.outputs] == [("num_graphs", 8)] * 3
