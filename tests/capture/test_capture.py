"""What capture finds out about a model (dimensions, names, structure, index ranges), and that it leaves it alone."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.errors import CaptureError
from geocompile.examples import normalize_examples
from geocompile.exporters.program import CapturedProgram, TensorSpec
from tests.exporters.models import GCN, SIZES, graph, inputs_of


def captured(model: nn.Module, *examples: object, **options: object) -> CapturedProgram:
    return capture(model, normalize_examples(model, list(examples)), **options)  # type: ignore[arg-type]


def test_names_of_one_example_tell_what_varies() -> None:
    program = captured(GCN(), tuple(inputs_of(["x", "edge_index", "batch"], 6, 9)))
    assert program.inputs == (
        TensorSpec("x", "float32", ("num_nodes", 8)),
        TensorSpec("edge_index", "int64", (2, "num_edges"), index_of="num_nodes"),
        TensorSpec("batch", "int64", ("num_nodes",), index_of="*"),
    )
    assert program.outputs == (TensorSpec("output", "float32", ("num_graphs", 4)),)
    assert program.model_name == "GCN"


class Spline(nn.Module):
    def forward(self, edge_index: Tensor, pseudo: Tensor) -> Tensor:
        return edge_index.t() * pseudo


def test_pseudo_coordinates_belong_to_edges() -> None:
    program = captured(Spline(), (torch.zeros(2, 9, dtype=torch.int64), torch.rand(9, 2)))
    assert program.inputs[1] == TensorSpec("pseudo", "float32", ("num_edges", 2))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes_of_the_example_do_not_matter(size: tuple[int, int]) -> None:
    """8 nodes with 8 features, no nodes, one node, equal numbers of nodes and edges: nothing is frozen."""
    for num_nodes, num_edges in [size, (8, 8), (2, 2)]:
        program = captured(GCN(), tuple(inputs_of(["x", "edge_index"], num_nodes, num_edges)))
        assert [spec.shape for spec in program.inputs] == [("num_nodes", 8), (2, "num_edges")]


class Apart(nn.Module):
    def forward(self, pos_target: Tensor, norm_target: Tensor, x_0: Tensor, x_nodes: Tensor) -> Tensor:
        return (pos_target * norm_target).sum() + x_0 + x_nodes.sum()


def test_inputs_of_a_second_set_of_nodes_are_named_after_it() -> None:
    program = captured(Apart(), (torch.randn(4, 3), torch.randn(4, 3), torch.randn(5, 3), torch.randn(6, 3)))
    assert [spec.shape[0] for spec in program.inputs] == [
        "num_target",
        "num_target",
        "num_nodes",
        "x_nodes_dim0",
    ]


class Scaled(nn.Module):
    def forward(
        self, x: Tensor, norm_mean: Tensor, norm_std: Tensor, x_mean: Tensor, pos_weight: Tensor
    ) -> Tensor:
        return (x - norm_mean - x_mean) / norm_std * pos_weight


def test_a_vector_for_all_nodes_is_no_second_set_of_nodes() -> None:
    vectors = [torch.ones(3), torch.ones(3), torch.ones(3), torch.ones(1)]
    program = captured(Scaled(), (torch.randn(5, 3), *vectors), (torch.randn(7, 3), *vectors))
    assert [spec.shape for spec in program.inputs] == [("num_nodes", 3), (3,), (3,), (3,), (1,)]


class Combine(nn.Module):
    def forward(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        return first + second + third.sum()


def test_two_examples_tell_what_varies_and_what_is_equal() -> None:
    examples = [(torch.randn(n, 2), torch.randn(n, 2), torch.randn(2, m)) for n, m in ((3, 4), (5, 7))]
    program = captured(Combine(), *examples)
    assert [spec.shape for spec in program.inputs] == [
        ("first_dim0", 2),
        ("first_dim0", 2),
        (2, "third_dim1"),
    ]


@pytest.mark.parametrize("sizes", [{0: "rows"}, ["rows", 8]])
def test_dynamic_overrides_names(sizes: Any) -> None:
    program = captured(GCN(), tuple(inputs_of(["x", "edge_index"], 6, 9)), dynamic={"x": sizes})
    assert program.inputs[0].shape == ("rows", 8)
    assert program.inputs[1].index_of == "rows"


@pytest.mark.parametrize("sizes", ["rows", 8, None])
def test_dynamic_of_another_form_is_refused(sizes: Any) -> None:
    with pytest.raises(
        TypeError, match=r"dynamic\['x'\] must be a dict such as \{0: \"num_nodes\"\} or a list"
    ):
        captured(GCN(), tuple(inputs_of(["x", "edge_index"], 6, 9)), dynamic={"x": sizes})


def test_an_input_taken_to_be_fixed_is_named_where_the_model_fails() -> None:
    """The model is right, and its line is not where the mistake lies."""

    class Embedded(nn.Module):
        def forward(self, atom: Tensor, x: Tensor) -> Tensor:
            return atom.unsqueeze(1) * x

    with pytest.warns(UserWarning, match="'atom'"), pytest.raises(CaptureError) as caught:
        captured(Embedded(), (torch.ones(6, dtype=torch.long), torch.randn(6, 2)))
    assert "is this why? 'atom' is taken to be [6] always" in str(caught.value)


def test_model_is_left_as_it_was() -> None:
    model = GCN()
    model.conv2.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    captured(model, tuple(inputs_of(["x", "edge_index"], 6, 9)))
    assert model.training
    assert not model.conv2.training
    assert "forward" not in vars(model)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class Nested(nn.Module):
    def forward(self, x: Tensor) -> dict[str, object]:
        return {"x": x + 1, "rest": [x * 2, None, (x.sum(), {"deep key": x - 1})]}


def test_output_structure_and_names() -> None:
    program = captured(Nested(), (torch.randn(3, 2),))
    leaf = [{"kind": "tensor", "index": k} for k in range(4)]
    inner = {"kind": "tuple", "items": [leaf[2], {"kind": "dict", "items": {"deep key": leaf[3]}}]}
    rest = {"kind": "list", "items": [leaf[1], {"kind": "none"}, inner]}
    assert program.output_structure == {"kind": "dict", "items": {"x": leaf[0], "rest": rest}}
    assert [spec.name for spec in program.outputs] == ["x_out", "rest_0", "rest_2_0", "rest_2_1_deep_key"]


def test_tuple_outputs_are_numbered() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x + 1, x - 1

    assert [spec.name for spec in captured(Pair(), (torch.randn(3, 2),)).outputs] == ["output_0", "output_1"]


class Lookup(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, z: Tensor, edge_index: Tensor) -> Tensor:
        h = self.table(z)
        loops = torch.arange(z.size(0))
        index = torch.cat([edge_index, torch.stack([loops, loops])], dim=1)
        return torch.zeros_like(h).index_add(0, index[1], h[index[0]])


def test_indices_are_followed_through_casts_and_joins() -> None:
    program = captured(Lookup(), (torch.zeros(5, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.int64)))
    assert [spec.index_of for spec in program.inputs] == ["10", "num_nodes"]


def test_optional_input_that_is_never_given_vanishes() -> None:
    program = captured(GCN(), (*inputs_of(["x", "edge_index"], 6, 9), None))
    assert [spec.name for spec in program.inputs] == ["x", "edge_index"]


def test_harmless_size_checks_pass() -> None:
    class Checked(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
            assert x.size(0) == batch.size(0)
            if x.size(1) != 8:
                raise ValueError
            with torch.no_grad():
                return x.view(-1).view(-1, 8) * 2

    program = captured(Checked(), tuple(inputs_of(["x", "edge_index", "batch"], 6, 9)))
    tensors = graph(4, 0)
    (result,) = program.exported.module()(tensors["x"], tensors["edge_index"], tensors["batch"])
    assert torch.equal(result, tensors["x"] * 2)


class TwoLists(nn.Module):
    def forward(self, x: Tensor, edge_index: Tensor, edge_index2: Tensor, edge_weight2: Tensor) -> Tensor:
        first = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])
        return first.index_add(0, edge_index2[1], x[edge_index2[0]] * edge_weight2[:, None])


def test_second_edge_list_and_its_weights_have_a_size_of_their_own() -> None:
    first, second = graph(6, 9), graph(6, 13)
    program = captured(
        TwoLists(), (first["x"], first["edge_index"], second["edge_index"], second["edge_weight"])
    )
    assert [spec.shape for spec in program.inputs] == [
        ("num_nodes", 8),
        (2, "num_edges"),
        (2, "edge_index2_dim1"),
        ("edge_index2_dim1",),
    ]


@pytest.mark.parametrize("name", ["edges", "edge_list", "pairs", "edge_label_index", "edge_index_1"])
def test_integer_input_of_two_rows_is_an_edge_list(name: str) -> None:
    class Model(nn.Module):
        pass

    scope: dict[str, object] = {}
    exec(f"def forward(self, x, {name}): return x[{name}[0]] * x[{name}[1]]", scope)
    Model.forward = scope["forward"]  # type: ignore[assignment,method-assign]
    program = captured(Model(), (torch.randn(6, 8), torch.zeros(2, 5, dtype=torch.int64)))
    assert isinstance(program.inputs[1].shape[1], str)
    assert program.inputs[1].index_of == "num_nodes"


def test_an_input_of_one_size_only_is_told() -> None:
    class Shift(nn.Module):
        def forward(self, x: Tensor, foo: Tensor) -> Tensor:
            return x + foo.sum()

    with pytest.warns(UserWarning, match=r"'foo' is taken to be \[3, 2\] always"):
        captured(Shift(), (torch.randn(6, 8), torch.randn(3, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        captured(Shift(), *((torch.randn(n, 8), torch.randn(3, 2)) for n in (4, 6)))


def test_sizes_counted_in_whole_numbers_vary() -> None:
    class KeepsHalf(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[: (x.size(0) + 1) // 2]

    assert "(num_nodes+1)//2" in str(captured(KeepsHalf(), (torch.randn(6, 8),)).outputs[0].shape[0])
